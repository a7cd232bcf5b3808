//! OCSF 1.8: Detection Finding (2004) per finding, Data Security Finding (2006) for those of the exfiltration stage,
//! Incident Finding (2005) per scope verdict. OCSF requires a time: a finding without one gets the scan's end and
//! `unmapped.time_unknown: true`; times before 1970, which OCSF cannot hold, lie in `unmapped.time` only. It also
//! requires an assignee of an incident: `unassigned`.
//!
//! | state | verdict | why |
//! | --- | --- | --- |
//! | exfiltrated, accessed, intrusion_only | 2 True Positive | a succeeded action shows it |
//! | unexplained | 4 Suspicious | nothing authorises it, nothing proves misuse |
//! | attempted | 4 Suspicious | the attacks were real, so it is not Benign; nothing succeeded, so it is no incident |
//! | no_evidence | 5 Benign | nothing seen, with logs that would show it |
//! | cannot_tell, not_examined | 7 Insufficient Data | the logs are missing |

use std::collections::BTreeSet;
use std::io::Write;
use std::net::IpAddr;

use serde_json::{Value, json};

use super::super::words::{meaning, word};
use super::attack::Attack;
use super::{LoadedCase, line};
use crate::error::Result;
use crate::model::finding::{Finding, FindingKind};
use crate::model::hit::MatchKind;
use crate::model::rule::{Level, Stage};
use crate::model::time::Instant;
use crate::model::verdict::{Breached, Confidence, ScopeVerdict, State};

const OCSF_VERSION: &str = "1.8.0";
/// Records listed per document; `unmapped.evidence_omitted` counts the rest.
const LISTED: usize = 20;

/// Writes the documents as JSON lines.
pub(super) fn export(case: &LoadedCase, out: &mut dyn Write) -> Result<()> {
    let (scanned, version) = (case.manifest.finished, case.manifest.version.as_str());
    for finding in case.shown()? {
        line(out, &document(&finding?, scanned, version))?;
    }
    for scope in &case.verdict.scopes {
        line(out, &incident(scope, scanned, version))?;
    }
    Ok(())
}

/// Milliseconds since the epoch; `None` before it, which OCSF cannot hold.
fn millis(at: Option<Instant>) -> Option<i64> {
    at.map(|at| at.micros().div_euclid(1000)).filter(|millis| *millis >= 0)
}

fn metadata(uid: &str, version: &str) -> Value {
    json!({ "version": OCSF_VERSION, "uid": uid, "product": { "name": "exfiltrace", "version": version } })
}

fn severity(level: Level) -> u8 {
    match level {
        Level::Informational => 1,
        Level::Low => 2,
        Level::Medium => 3,
        Level::High => 4,
        Level::Critical => 5,
    }
}

fn document(f: &Finding, scanned: Instant, version: &str) -> Value {
    let leaves = f.stage.contains(&Stage::Exfiltration);
    let class = if leaves { 2006 } else { 2004 };
    let mut info = json!({ "uid": f.id, "title": f.rule.title, "desc": f.text, "analytic": analytic(f) });
    let attacks = attacks(f);
    if !attacks.is_empty() {
        info["attacks"] = Value::Array(attacks);
    }
    let (first, last) = (millis(f.time.first), millis(f.time.last));
    let listed: Vec<Value> = f.evidence.iter().take(LISTED).map(|e| json!(e)).collect();
    let mut doc = json!({
        "activity_id": 1, "category_uid": 2, "class_uid": class, "type_uid": class * 100 + 1,
        "time": first.or(millis(Some(scanned))).unwrap_or(0), "severity_id": severity(f.level), "status_id": 1,
        "metadata": metadata(&f.id, version), "message": f.text, "observables": observables(f), "count": f.count,
        "unmapped": { "time_unknown": first.is_none(), "time": f.time, "scope": f.scope, "stage": f.stage,
            "route": f.route, "outcome": f.outcome, "kind": f.kind, "attack": f.attack, "links": f.links, "chain": f.chain,
            "entities": f.entities, "indicator": f.indicator,
            "evidence_omitted": f.omitted.saturating_add((f.evidence.len() - listed.len()) as u64) },
    });
    if let Some(first) = first {
        info["first_seen_time"] = json!(first);
        doc["start_time"] = json!(first);
    }
    if let Some(last) = last {
        info["last_seen_time"] = json!(last);
        doc["end_time"] = json!(last);
    }
    doc["finding_info"] = info;
    if leaves {
        // The class wants its kind of detection named; what category of data it was is not known here.
        doc["data_security"] = json!({ "detection_pattern": f.rule.id, "category_id": 0 });
        doc["unmapped"]["evidence"] = Value::Array(listed);
    } else if !listed.is_empty() {
        doc["evidences"] = listed.into_iter().map(|e| json!({ "data": e })).collect();
    }
    doc
}

fn analytic(f: &Finding) -> Value {
    let kind = match (f.kind, f.indicator.as_ref().map(|i| i.how)) {
        (FindingKind::Indicator, None | Some(MatchKind::Exact)) => 9,
        (FindingKind::Indicator, Some(_)) => 10,
        (FindingKind::Anomaly, _) => 3,
        (FindingKind::Chain, _) => 2,
        (FindingKind::Rule | FindingKind::Correlation, _) => 1,
    };
    json!({ "type_id": kind, "uid": f.rule.id, "name": f.rule.title })
}

/// Tactics with their names, then techniques. They are not paired: a finding does not say which tactic a technique
/// served.
fn attacks(f: &Finding) -> Vec<Value> {
    let attack = Attack::of(f);
    let tactics = attack.tactics.iter().map(|(id, name)| json!({ "tactic": { "uid": id, "name": name } }));
    let techniques = attack.techniques.iter().map(|id| json!({ "technique": { "uid": id } }));
    let subs = attack.subtechniques.iter().map(|id| {
        let technique = id.split_once('.').map_or(*id, |(technique, _)| technique);
        json!({ "technique": { "uid": technique }, "sub_technique": { "uid": id } })
    });
    let alone = techniques.filter(|t| {
        let uid = t["technique"]["uid"].as_str().unwrap_or_default();
        !attack.subtechniques.iter().any(|sub| sub.split_once('.').is_some_and(|(of, _)| of == uid))
            || f.attack.iter().any(|id| id == uid)
    });
    tactics.chain(alone).chain(subs).collect()
}

/// The values to pivot on; `name` points at the attribute of the document that holds each.
fn observables(f: &Finding) -> Vec<Value> {
    const HOST: u8 = 1;
    const ADDRESS: u8 = 2;
    const USER: u8 = 4;
    let e = &f.entities;
    let mut found: Vec<(&str, u8, &str)> = Vec::new();
    for (name, values) in [
        ("unmapped.entities.sources", &e.sources),
        ("unmapped.entities.destinations", &e.destinations),
        ("unmapped.entities.hosts", &e.hosts),
    ] {
        let kind = |v: &str| if v.parse::<IpAddr>().is_ok() { ADDRESS } else { HOST };
        found.extend(values.iter().map(|v| (name, kind(v), v.as_str())));
    }
    found.extend(e.accounts.iter().map(|v| ("unmapped.entities.accounts", USER, v.as_str())));
    if let Some(i) = &f.indicator {
        let kind = match i.kind.as_str() {
            "ipv4" | "ipv6" => ADDRESS,
            "cidr" => 12,
            "domain" => HOST,
            "url" => 6,
            "file_name" => 7,
            "file_path" => 45,
            "md5" | "sha1" | "sha224" | "sha256" | "sha384" | "sha512" => 8,
            "email" => 5,
            "user_agent" => 16,
            _ => 99,
        };
        found.push(("unmapped.indicator.value", kind, i.value.as_str()));
    }
    let observable = |(name, kind, value): (&str, u8, &str)| json!({ "name": name, "type_id": kind, "value": value });
    found.into_iter().map(observable).collect()
}

/// Id and caption of the verdict, id of the severity. The table of the module says why.
fn verdict(state: State) -> (u8, &'static str, u8) {
    match state {
        State::Exfiltrated => (2, "True Positive", 5),
        State::Accessed => (2, "True Positive", 4),
        State::IntrusionOnly => (2, "True Positive", 3),
        State::Unexplained => (4, "Suspicious", 3),
        State::Attempted => (4, "Suspicious", 2),
        State::NoEvidence => (5, "Benign", 1),
        State::CannotTell | State::NotExamined => (7, "Insufficient Data", 0),
    }
}

fn incident(scope: &ScopeVerdict, scanned: Instant, version: &str) -> Value {
    let (id, caption, severity) = verdict(scope.state);
    let confidence = match scope.confidence {
        Confidence::Low => 1,
        Confidence::Moderate => 2,
        Confidence::High => 3,
    };
    let uid = format!("scope:{}", scope.scope);
    let cited: BTreeSet<&String> = scope.reasons.iter().flat_map(|r| &r.findings).collect();
    let (transfers, findings): (Vec<&String>, Vec<&String>) = cited.into_iter().partition(|id| id.starts_with("t-"));
    let mut infos: Vec<Value> = findings.iter().map(|id| json!({ "uid": id })).collect();
    if infos.is_empty() {
        infos.push(json!({ "uid": uid, "title": scope.state.word() }));
    }
    let why: Vec<String> = scope.reasons.iter().map(|r| format!("{} {}", r.clause, r.text)).collect();
    let (first, last) = (millis(scope.activity.first), millis(scope.activity.last));
    let mut doc = json!({
        "activity_id": 1, "category_uid": 2, "class_uid": 2005, "type_uid": 200_501, "status_id": 1,
        "time": last.or(millis(Some(scanned))).unwrap_or(0), "severity_id": severity, "verdict_id": id,
        "verdict": caption, "confidence_id": confidence, "metadata": metadata(&uid, version),
        "finding_info_list": infos, "assignee": { "name": "unassigned" }, "desc": why.join("; "),
        "message": format!("{}: {}, {}", scope.scope, scope.state.word(), meaning(scope.state)),
        "unmapped": { "time_unknown": last.is_none(), "scope": scope.scope, "state": scope.state,
            "likelihood": scope.likelihood, "intrusion": word(&scope.intrusion), "complete": scope.complete,
            "open_routes": scope.open_routes, "transfers": transfers, "activity": scope.activity },
    });
    match scope.breach.confidentiality {
        Breached::Yes => doc["is_suspected_breach"] = json!(true),
        Breached::NoSign => doc["is_suspected_breach"] = json!(false),
        Breached::CannotTell => {}
    }
    if let Some(first) = first {
        doc["start_time"] = json!(first);
    }
    if let Some(last) = last {
        doc["end_time"] = json!(last);
    }
    doc
}

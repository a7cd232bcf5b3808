//! OCSF 1.8: Detection Finding (2004) per finding, Data Security Finding (2006) for those of the exfiltration stage,
//! Incident Finding (2005) per scope verdict. OCSF requires a time: a finding without one gets the scan's end and
//! `unmapped.time_unknown: true`. It also requires an assignee of an incident: `unassigned`.

use std::io::Write;
use std::net::IpAddr;

use serde_json::{Value, json};

use super::super::words::{meaning, word};
use super::{LoadedCase, line};
use crate::error::Result;
use crate::model::finding::{Finding, FindingKind};
use crate::model::rule::{Level, Stage};
use crate::model::time::Instant;
use crate::model::verdict::{Confidence, ScopeVerdict, State};

const OCSF_VERSION: &str = "1.8.0";
/// Records listed per document; `unmapped.evidence_omitted` counts the rest.
const LISTED: usize = 20;

/// Writes the documents as JSON lines.
pub(super) fn export(case: &LoadedCase, out: &mut dyn Write) -> Result<()> {
    let (scanned, version) = (case.manifest.finished, case.manifest.version.as_str());
    for finding in case.findings()? {
        line(out, &document(&finding?, scanned, version))?;
    }
    for scope in &case.verdict.scopes {
        line(out, &incident(scope, scanned, version))?;
    }
    Ok(())
}

fn millis(at: Instant) -> i64 {
    at.micros().div_euclid(1000)
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
    if !f.attack.is_empty() {
        info["attacks"] = f.attack.iter().map(|id| attack(id)).collect();
    }
    if let Some(first) = f.time.first {
        info["first_seen_time"] = json!(millis(first));
    }
    if let Some(last) = f.time.last {
        info["last_seen_time"] = json!(millis(last));
    }
    let listed: Vec<Value> = f.evidence.iter().take(LISTED).map(|e| json!(e)).collect();
    let mut doc = json!({
        "activity_id": 1, "category_uid": 2, "class_uid": class, "type_uid": class * 100 + 1,
        "time": millis(f.time.first.unwrap_or(scanned)), "severity_id": severity(f.level), "status_id": 1,
        "metadata": metadata(&f.id, version), "finding_info": info, "message": f.text, "observables": observables(f),
        "unmapped": { "time_unknown": f.time.first.is_none(), "scope": f.scope, "stage": f.stage, "route": f.route,
            "outcome": f.outcome, "count": f.count,
            "evidence_omitted": f.omitted.saturating_add((f.evidence.len() - listed.len()) as u64) },
    });
    if leaves {
        // Detection pattern: the class wants one of its kinds of detection named.
        doc["data_security"] = json!({ "detection_pattern": f.rule.id, "category_id": 0 });
        doc["unmapped"]["evidence"] = Value::Array(listed);
    } else if !listed.is_empty() {
        doc["evidences"] = listed.into_iter().map(|e| json!({ "data": e })).collect();
    }
    doc
}

fn analytic(f: &Finding) -> Value {
    let kind = match f.kind {
        FindingKind::Indicator => 9,
        FindingKind::Anomaly => 3,
        FindingKind::Rule | FindingKind::Correlation | FindingKind::Chain => 1,
    };
    json!({ "type_id": kind, "uid": f.rule.id, "name": f.rule.title })
}

/// `T1567.002` is a sub-technique, `TA0010` a tactic, the rest techniques.
fn attack(id: &str) -> Value {
    if id.starts_with("TA") {
        json!({ "tactic": { "uid": id } })
    } else if let Some((technique, _)) = id.split_once('.') {
        json!({ "technique": { "uid": technique }, "sub_technique": { "uid": id } })
    } else {
        json!({ "technique": { "uid": id } })
    }
}

fn observables(f: &Finding) -> Value {
    let e = &f.entities;
    let ends = e.sources.iter().chain(&e.destinations).chain(&e.hosts);
    let ends = ends.map(|v| (if v.parse::<IpAddr>().is_ok() { 2 } else { 1 }, v));
    let users = e.accounts.iter().map(|v| (4, v));
    let listed = f.indicator.iter().filter_map(|i| {
        let id = match i.kind.as_str() {
            "ipv4" | "ipv6" => 2,
            "domain" => 1,
            "url" => 6,
            "file_name" => 7,
            "md5" | "sha1" | "sha224" | "sha256" | "sha384" | "sha512" => 8,
            "email" => 5,
            "user_agent" => 16,
            _ => return None,
        };
        Some((id, &i.value))
    });
    ends.chain(users).chain(listed).map(|(id, v)| json!({ "type_id": id, "name": "unmapped", "value": v })).collect()
}

fn incident(scope: &ScopeVerdict, scanned: Instant, version: &str) -> Value {
    let (verdict, severity) = match scope.state {
        State::Exfiltrated => (2, 5),
        State::Accessed => (2, 4),
        State::IntrusionOnly => (2, 3),
        State::Unexplained => (4, 3),
        State::CannotTell => (7, 0),
        State::Attempted => (5, 2),
        State::NoEvidence | State::NotExamined => (5, 1),
    };
    let confidence = match scope.confidence {
        Confidence::Low => 1,
        Confidence::Moderate => 2,
        Confidence::High => 3,
    };
    let uid = format!("scope:{}", scope.scope);
    let mut ids: Vec<&String> = scope.reasons.iter().flat_map(|r| &r.findings).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut infos: Vec<Value> = ids.iter().map(|id| json!({ "uid": id })).collect();
    if infos.is_empty() {
        infos.push(json!({ "uid": uid, "title": scope.state.word() }));
    }
    json!({
        "activity_id": 1, "category_uid": 2, "class_uid": 2005, "type_uid": 200_501, "status_id": 1,
        "time": millis(scope.activity.last.unwrap_or(scanned)), "severity_id": severity, "verdict_id": verdict,
        "confidence_id": confidence, "metadata": metadata(&uid, version), "finding_info_list": infos,
        "assignee": { "name": "unassigned" }, "message": format!("{}: {}", scope.scope, meaning(scope.state)),
        "unmapped": { "time_unknown": scope.activity.last.is_none(), "scope": scope.scope, "state": scope.state,
            "intrusion": word(&scope.intrusion), "complete": scope.complete, "open_routes": scope.open_routes },
    })
}

//! Elastic Common Schema 9.4: one document per finding and one per scope verdict, keys dotted.
//!
//! Fields of our own lie under `exfiltrace.`. A finding without a time gets the scan's end as `@timestamp` and
//! `exfiltrace.time_unknown: true`. Excerpts lie under `exfiltrace.evidence`: they may be cut, so they are never
//! given as `event.original`.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::super::words::{meaning, word};
use super::attack::Attack;
use super::{LoadedCase, line};
use crate::error::Result;
use crate::model::finding::{Finding, FindingIndicator};
use crate::model::hit::MatchKind;
use crate::model::rule::{Level, Outcome, Route};
use crate::model::time::Instant;
use crate::model::verdict::{ScopeVerdict, State};

const ECS_VERSION: &str = "9.4.0";

/// Writes the documents as JSON lines.
pub(super) fn export(case: &LoadedCase, out: &mut dyn Write) -> Result<()> {
    let (scanned, version) = (case.manifest.finished, case.manifest.version.as_str());
    for finding in case.shown()? {
        line(out, &document(&finding?, scanned, version))?;
    }
    for scope in &case.verdict.scopes {
        line(out, &scope_document(scope, scanned, version))?;
    }
    Ok(())
}

/// The scale of Elastic's own detection rules.
fn severity(level: Level) -> u8 {
    match level {
        Level::Informational => 1,
        Level::Low => 21,
        Level::Medium => 47,
        Level::High => 73,
        Level::Critical => 99,
    }
}

/// The same scale for a scope.
fn gravity(state: State) -> u8 {
    match state {
        State::Exfiltrated => 99,
        State::Accessed => 73,
        State::Unexplained | State::CannotTell | State::IntrusionOnly => 47,
        State::Attempted => 21,
        State::NoEvidence | State::NotExamined => 1,
    }
}

/// A document under construction; empty values are left out.
struct Document(Map<String, Value>);

impl Document {
    fn new(at: Option<Instant>, scanned: Instant, version: &str, dataset: &str) -> Self {
        let mut doc = Self(Map::new());
        doc.put("@timestamp", json!(at.unwrap_or(scanned)));
        doc.put("ecs.version", json!(ECS_VERSION));
        doc.put("observer.product", json!("exfiltrace"));
        doc.put("observer.version", json!(version));
        doc.put("event.module", json!("exfiltrace"));
        doc.put("event.dataset", json!(dataset));
        doc.put("exfiltrace.time_unknown", json!(at.is_none()));
        doc
    }

    fn put(&mut self, name: &str, value: Value) {
        if !value.is_null() && value != json!([]) {
            self.0.insert(name.to_owned(), value);
        }
    }
}

fn document(f: &Finding, scanned: Instant, version: &str) -> Value {
    let mut doc = Document::new(f.time.first, scanned, version, "exfiltrace.finding");
    doc.put("event.kind", json!("alert"));
    doc.put("event.category", json!(categories(f)));
    // The only type that every one of these categories expects, and it claims no more than was seen.
    doc.put("event.type", json!(["info"]));
    doc.put("event.id", json!(f.id));
    doc.put("event.severity", json!(severity(f.level)));
    doc.put("event.start", json!(f.time.first));
    doc.put("event.end", json!(f.time.last));
    doc.put("event.outcome", json!(outcome(f.outcome)));
    doc.put("message", json!(f.text));
    doc.put("rule.id", json!(f.rule.id));
    doc.put("rule.name", json!(f.rule.title));
    doc.put("log.file.path", json!(f.evidence.first().map(|e| &e.source)));
    related(&mut doc, f);
    threat(&mut doc, f);
    if let Some(indicator) = &f.indicator {
        doc.put("threat.enrichments", json!([enrichment(indicator)]));
        doc.put("exfiltrace.indicator", json!(indicator));
    }
    doc.put("exfiltrace.kind", json!(f.kind));
    doc.put("exfiltrace.level", json!(f.level));
    doc.put("exfiltrace.scope", json!(f.scope));
    doc.put("exfiltrace.stage", json!(f.stage));
    doc.put("exfiltrace.attack", json!(f.attack));
    doc.put("exfiltrace.route", json!(f.route));
    doc.put("exfiltrace.time_assumed", json!(f.time.assumed));
    doc.put("exfiltrace.count", json!(f.count));
    doc.put("exfiltrace.omitted", json!(f.omitted));
    doc.put("exfiltrace.links", json!(f.links));
    doc.put("exfiltrace.chain", json!(f.chain));
    doc.put("exfiltrace.entities", json!(f.entities));
    doc.put("exfiltrace.evidence", json!(f.evidence));
    Value::Object(doc.0)
}

/// `intrusion_detection` and what the way out speaks of, sorted.
fn categories(f: &Finding) -> BTreeSet<&'static str> {
    let mut names = BTreeSet::from(["intrusion_detection"]);
    match f.route {
        Some(Route::HttpsUpload | Route::WebResponse) => names.extend(["network", "web"]),
        Some(Route::DnsTunnel | Route::SftpFtp | Route::Network) => names.extend(["network"]),
        Some(Route::Smb) => names.extend(["file", "network"]),
        Some(Route::Usb) => names.extend(["file"]),
        Some(Route::Email) => names.extend(["email"]),
        Some(Route::DbDump) => names.extend(["database"]),
        Some(Route::RemoteAccess) => names.extend(["session"]),
        Some(Route::Api | Route::CloudStorage | Route::SaasDownload) => names.extend(["api"]),
        Some(Route::PhoneSystem) | None => {}
    }
    names
}

fn outcome(of: Outcome) -> &'static str {
    match of {
        Outcome::Succeeded => "success",
        Outcome::Failed => "failure",
        Outcome::Unknown => "unknown",
    }
}

/// Who and what, in the fields that Elastic pivots on. `source.*` and `destination.*` only where there is one.
fn related(doc: &mut Document, f: &Finding) {
    let e = &f.entities;
    let ends = || e.sources.iter().chain(&e.destinations).chain(&e.hosts).map(String::as_str);
    let mut addresses: BTreeSet<&str> = ends().filter(|v| is_address(v)).collect();
    let mut hosts: BTreeSet<&str> = ends().filter(|v| !is_address(v)).collect();
    let mut hashes: BTreeSet<&str> = BTreeSet::new();
    if let Some(indicator) = &f.indicator {
        match home(indicator) {
            "related.ip" => addresses.insert(&indicator.value),
            "related.hosts" => hosts.insert(&indicator.value),
            "related.hash" => hashes.insert(&indicator.value),
            _ => false,
        };
    }
    doc.put("related.ip", json!(addresses));
    doc.put("related.hosts", json!(hosts));
    doc.put("related.hash", json!(hashes));
    doc.put("related.user", json!(e.accounts));
    for (side, values) in [("source", &e.sources), ("destination", &e.destinations)] {
        if let [only] = values.as_slice() {
            doc.put(&format!("{side}.address"), json!(only));
            let kind = if is_address(only) { "ip" } else { "domain" };
            doc.put(&format!("{side}.{kind}"), json!(only));
        }
    }
}

fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

fn threat(doc: &mut Document, f: &Finding) {
    let attack = Attack::of(f);
    if attack.is_empty() {
        return;
    }
    doc.put("threat.framework", json!("MITRE ATT&CK"));
    doc.put("threat.tactic.id", json!(attack.tactics.keys().collect::<Vec<_>>()));
    doc.put("threat.tactic.name", json!(attack.tactics.values().collect::<Vec<_>>()));
    doc.put("threat.technique.id", json!(attack.techniques));
    doc.put("threat.technique.subtechnique.id", json!(attack.subtechniques));
}

/// The field of the document that holds the listed value: what `matched.field` names.
fn home(i: &FindingIndicator) -> &'static str {
    let exact = i.how == MatchKind::Exact;
    match i.kind.as_str() {
        "ipv4" | "ipv6" if exact && is_address(&i.value) => "related.ip",
        "domain" if exact => "related.hosts",
        "md5" | "sha1" | "sha224" | "sha256" | "sha384" | "sha512" if exact => "related.hash",
        _ => "exfiltrace.indicator.value",
    }
}

fn enrichment(i: &FindingIndicator) -> Value {
    let mut indicator = json!({ "name": i.value, "provider": i.feed, "confidence": confidence(i.confidence) });
    let mut set = |name: &str, value: Value| indicator[name] = value;
    match i.kind.as_str() {
        "ipv4" | "ipv6" if is_address(&i.value) => set("ip", json!(i.value)),
        "domain" => set("url", json!({ "domain": i.value })),
        "url" => set("url", json!({ "full": i.value })),
        "email" => set("email", json!({ "address": i.value })),
        "file_name" => set("file", json!({ "name": i.value })),
        "file_path" => set("file", json!({ "path": i.value })),
        hash @ ("md5" | "sha1" | "sha256" | "sha384" | "sha512") => set("file", json!({ "hash": { hash: i.value } })),
        _ => {}
    }
    if let Some(kind) = stix_type(i) {
        set("type", json!(kind));
    }
    json!({ "indicator": indicator,
        "matched": { "atomic": i.value, "field": home(i), "type": word(&i.how) } })
}

/// The cyber observable of STIX; none fits a user agent.
fn stix_type(i: &FindingIndicator) -> Option<&'static str> {
    Some(match i.kind.as_str() {
        "ipv4" => "ipv4-addr",
        "ipv6" => "ipv6-addr",
        "cidr" if i.value.contains(':') => "ipv6-addr",
        "cidr" => "ipv4-addr",
        "domain" => "domain-name",
        "url" => "url",
        "email" => "email-addr",
        "md5" | "sha1" | "sha224" | "sha256" | "sha384" | "sha512" | "file_name" | "file_path" => "file",
        _ => return None,
    })
}

/// SOURCE: STIX 2.1, appendix A, the scale None, Low, Med, High.
fn confidence(stated: Option<u8>) -> &'static str {
    match stated {
        None => "Not Specified",
        Some(0) => "None",
        Some(1..=29) => "Low",
        Some(30..=69) => "Medium",
        Some(_) => "High",
    }
}

fn scope_document(s: &ScopeVerdict, scanned: Instant, version: &str) -> Value {
    let mut doc = Document::new(s.activity.last, scanned, version, "exfiltrace.verdict");
    doc.put("event.kind", json!("state"));
    doc.put("event.category", json!(["intrusion_detection"]));
    doc.put("event.type", json!(["info"]));
    doc.put("event.severity", json!(gravity(s.state)));
    doc.put("event.start", json!(s.activity.first));
    doc.put("event.end", json!(s.activity.last));
    doc.put("message", json!(format!("{}: {}, {}", s.scope, s.state.word(), meaning(s.state))));
    doc.put("exfiltrace.scope", json!(s.scope));
    doc.put("exfiltrace.verdict", json!(s));
    Value::Object(doc.0)
}

//! Elastic Common Schema 9.4: one document per finding and one per scope verdict. Fields of our own lie under
//! `exfiltrace.`. A finding without a time gets the scan's end as `@timestamp` and `exfiltrace.time_unknown: true`.

use std::io::Write;

use serde_json::{Map, Value, json};

use super::super::words::word;
use super::{LoadedCase, line};
use crate::error::Result;
use crate::model::finding::Finding;
use crate::model::rule::Level;
use crate::model::time::Instant;
use crate::model::verdict::ScopeVerdict;

const ECS_VERSION: &str = "9.4.0";

/// Writes the documents as JSON lines, keys dotted.
pub(super) fn export(case: &LoadedCase, out: &mut dyn Write) -> Result<()> {
    let scanned = case.manifest.finished;
    for finding in case.findings()? {
        line(out, &document(&finding?, scanned))?;
    }
    for scope in &case.verdict.scopes {
        line(out, &scope_document(scope, scanned))?;
    }
    Ok(())
}

fn severity(level: Level) -> u8 {
    match level {
        Level::Informational => 1,
        Level::Low => 21,
        Level::Medium => 47,
        Level::High => 73,
        Level::Critical => 99,
    }
}

fn base(at: Option<Instant>, scanned: Instant) -> Map<String, Value> {
    let mut doc = Map::new();
    doc.insert("@timestamp".into(), json!(at.unwrap_or(scanned)));
    doc.insert("ecs.version".into(), json!(ECS_VERSION));
    doc.insert("observer.product".into(), json!("exfiltrace"));
    doc.insert("exfiltrace.time_unknown".into(), json!(at.is_none()));
    doc
}

fn document(f: &Finding, scanned: Instant) -> Value {
    let mut doc = base(f.time.first, scanned);
    let mut put = |name: &str, value: Value| {
        if !value.is_null() && value != json!([]) {
            doc.insert(name.to_owned(), value);
        }
    };
    put("event.kind", json!("alert"));
    put("event.id", json!(f.id));
    put("event.severity", json!(severity(f.level)));
    put("event.start", json!(f.time.first));
    put("event.end", json!(f.time.last));
    put("event.outcome", json!(word(&f.outcome).replace("succeeded", "success").replace("failed", "failure")));
    put("message", json!(f.text));
    put("rule.id", json!(f.rule.id));
    put("rule.name", json!(f.rule.title));
    put("related.hosts", json!(f.entities.hosts));
    put("related.user", json!(f.entities.accounts));
    if !f.attack.is_empty() {
        put("threat.framework", json!("MITRE ATT&CK"));
        put("threat.technique.id", json!(f.attack));
    }
    if let Some(first) = f.evidence.first() {
        put("log.file.path", json!(first.source));
        put("event.original", json!(first.excerpt));
    }
    if let Some(i) = &f.indicator {
        put(
            "threat.enrichments",
            json!([{ "matched": { "atomic": i.value, "id": [f.id] },
            "indicator": { "provider": [i.feed] } }]),
        );
    }
    put("exfiltrace.scope", json!(f.scope));
    put("exfiltrace.stage", json!(f.stage));
    put("exfiltrace.route", json!(f.route));
    put("exfiltrace.count", json!(f.count));
    put("exfiltrace.evidence", json!(f.evidence));
    Value::Object(doc)
}

fn scope_document(scope: &ScopeVerdict, scanned: Instant) -> Value {
    let mut doc = base(scope.activity.last, scanned);
    doc.insert("event.kind".into(), json!("state"));
    doc.insert("message".into(), json!(format!("{}: {}", scope.scope, scope.state.word())));
    doc.insert("exfiltrace.scope".into(), json!(scope.scope));
    doc.insert("exfiltrace.verdict".into(), json!(scope));
    Value::Object(doc)
}

//! A case in memory with hostile text everywhere.

use std::path::Path;

use exfiltrace::emit::{self, CaseInput, Manifest, write_case};
use exfiltrace::model::coverage::Coverage;
use exfiltrace::model::findings::Findings;
use exfiltrace::model::ledger::Entry;
use exfiltrace::model::partial::Partial;
use exfiltrace::model::time::Instant;
use exfiltrace::model::transfer::Transfer;
use exfiltrace::model::verdict::Verdict;
use serde_json::{Value, json};

pub const HOSTILE: &str = "=cmd|'x'!A0 \u{1b}[2J \u{202e} </script><script>alert(1)</script>\n[a](http://b)";
pub const LOG: &[u8] = b"first line\nsecond line\n";

pub struct Sample {
    pub verdict: Verdict,
    pub findings: Findings,
    pub transfers: Vec<Transfer>,
    pub coverage: Coverage,
    pub ledger: Vec<Entry>,
    pub rules: exfiltrace::emit::RulesUsed,
    pub clocks: exfiltrace::emit::ClocksUsed,
    pub partial: Partial,
}

pub fn sha(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

pub fn of<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("the sample is of the model")
}

/// One of everything: each kind of finding, each kind of indicator, every optional key set.
pub fn sample() -> Sample {
    let (at, id) = ("2026-03-28T23:10:04Z", format!("f-{}", "0a".repeat(16)));
    let evidence = json!([{ "source": "e/a.log", "offset": 11, "length": 11, "line": 2, "record": 1,
        "event_record_id": 7, "sha256": sha(b"second line"), "excerpt": HOSTILE }]);
    let finding = json!({ "id": id, "kind": "indicator", "rule": { "id": "r", "title": HOSTILE }, "level": "high",
        "stage": ["exfiltration"], "attack": ["T1567.002", "TA0010"], "route": "cloud_storage", "outcome": "succeeded",
        "scope": "riverside", "time": { "first": at, "last": at, "assumed": "zone" },
        "entities": { "sources": ["10.0.0.1"], "destinations": ["x.example"], "hosts": ["h"], "accounts": ["u"] },
        "count": 3, "omitted": 2, "evidence": evidence, "links": [id], "text": HOSTILE,
        "indicator": { "value": "x.example", "kind": "domain", "match": "subdomain", "feed": "f", "confidence": 80,
            "valid_from": at, "valid_until": at, "outside_validity": false, "labels": ["l"] } });
    let mut findings = vec![of(finding.clone())];
    let kinds = ["chain", "rule", "correlation", "anomaly"].into_iter().map(|kind| (kind, None));
    let hash = "ab".repeat(28);
    let listed = [
        ("ipv4", "198.51.100.66", "exact"),
        ("ipv6", "2001:db8::1", "exact"),
        ("cidr", "198.51.100.0/24", "cidr"),
        ("url", "http://x.example/a", "url_host"),
        ("email", "a@x.example", "exact"),
        ("sha224", hash.as_str(), "exact"),
        ("sha256", "cd", "exact"),
        ("file_name", "a.exe", "file_name"),
        ("file_path", "/tmp/a", "exact"),
        ("user_agent", "curl", "exact"),
        ("new_kind", "x", "exact"),
    ];
    for (n, (kind, indicator)) in kinds.chain(listed.map(|i| ("indicator", Some(i)))).enumerate() {
        let mut other = finding.clone();
        other["id"] = json!(format!("f-{:032x}", n + 100));
        other["kind"] = json!(kind);
        other["stage"] = json!(["collection", "execution"]);
        other["attack"] = json!(["S0154", "T1005", "T1567", "T1567.002"]);
        other["time"] = json!({ "first": null, "last": null, "assumed": null });
        match indicator {
            Some((kind, value, how)) => {
                other["indicator"]["kind"] = json!(kind);
                other["indicator"]["value"] = json!(value);
                other["indicator"]["match"] = json!(how);
                other["indicator"]["confidence"] = json!(null);
                other["entities"]["sources"] = json!(["10.0.0.1", "b"]);
            }
            None => drop(other.as_object_mut().unwrap().remove("indicator")),
        }
        findings.push(of(other));
    }
    let gap = json!({ "source": "e/a.log", "from": at, "to": null, "reason": "cleared" });
    let entry = json!({ "source": "e/a.log", "kind": "source", "size": 23, "evidence": "e/a.log",
        "digest": format!("sha256:{}", sha(LOG)), "format": "text", "records": 2, "untimed": 0,
        "bytes": { "parsed": 21, "framing": 2, "raw_only": 0, "undecodable": 0, "oversize": 0, "cut_by_limit": 0 },
        "stored": { "opened": 1, "skipped": 0, "structure": 0 },
        "notes": [{ "reason": "damaged", "detail": HOSTILE, "at": 1, "count": 2 }] });
    let bounds = json!({ "lower": 1, "upper": null });
    let reason = json!([{ "clause": "J-12", "text": HOSTILE, "findings": [id] }]);
    let verdict = json!({ "schema": "exfiltrace.verdict/1",
        "overall": { "state": "exfiltrated", "likelihood": "highly_likely", "confidence": "moderate", "complete": false },
        "facts": [{ "scope": "riverside", "text": HOSTILE, "time": at, "source": "s", "digest": "d" }],
        "scopes": [{ "scope": "riverside", "state": "exfiltrated", "likelihood": "likely", "confidence": "high",
            "confidence_reasons": ["x"], "intrusion": "established", "actor": "external", "origins": [HOSTILE], "complete": false,
            "open_routes": ["dns_tunnel"], "exposure": ["x"],
            "breach": { "confidentiality": "yes", "integrity": "no_sign", "availability": "cannot_tell" },
            "activity": { "first": at, "last": at, "logs_end": at, "contained": at, "after_containment": true },
            "subjects": { "kinds": ["tenants"], "lower": 0, "upper": null }, "reasons": reason,
            "counter_evidence": reason, "ask": [HOSTILE],
            "routes": [{ "route": "cloud_storage", "state": "exfiltrated", "first": at, "last": at,
                "protection": "unknown", "disclosed": true, "bytes": bounds, "records": bounds,
                "destinations": [HOSTILE], "hosts": ["h"], "accounts": ["u"], "findings": [id], "transfers": ["t-1"] }],
            "data_categories": [{ "category": "health", "state": "exfiltrated", "special_category": true,
                "basis": ["catalogue", "hint"], "told_by": [HOSTILE], "files": 1, "records": bounds, "findings": [id] }],
            "coverage": { "adequate": false, "from": at, "to": at, "gaps": [gap],
                "missing": [{ "route": "usb", "needs": ["x"] }], "collect_next": [HOSTILE] } }] });
    let transfer = json!({ "id": "t-1", "scope": "riverside", "route": "network", "from": "a", "to": "b",
        "to_names": ["c"], "accounts": ["u"], "bytes": bounds, "records": 1, "time": { "first": at, "last": at },
        "hours": [1], "seen_by": ["e/a.log"], "evidence": evidence, "sanctioned": "backup" });
    let coverage = json!({ "schema": "exfiltrace.coverage/1", "gaps": [gap], "sources": [{ "source": "e/a.log",
        "format": "text", "scopes": ["riverside"], "from": at, "to": at, "records": 2, "untimed": 0, "zone_assumed": 0,
        "year_assumed": 0, "gaps": [gap], "observes": ["network"], "not_logged": ["x"] }] });
    let partial = json!({ "sources": [[["e/a.log", "source", null], { "entry": entry }]], "rules": {}, "indicators": [[["domain", "x"],
        { "feeds": ["f"], "confidence": 1, "valid_from": at, "valid_until": at, "labels": ["l"] }]] });
    Sample {
        verdict: of(verdict),
        findings: findings.into(),
        transfers: vec![of(transfer)],
        coverage: of(coverage),
        ledger: vec![of(entry)],
        rules: of(json!({ "pack": null, "loaded": 1, "rejected": [] })),
        clocks: of(json!({ "timezone": "UTC", "given_by": null, "zones": [] })),
        partial: of(partial),
    }
}

impl Sample {
    pub fn input(&self) -> CaseInput<'_> {
        CaseInput {
            verdict: &self.verdict,
            findings: &self.findings,
            transfers: &self.transfers,
            coverage: &self.coverage,
            ledger: &self.ledger,
            clocks: &self.clocks,
            rules: &self.rules,
            partial: &self.partial,
        }
    }

    pub fn write(&self, dir: &Path) -> emit::Written {
        let at = Instant::parse("2026-04-01T00:00:00Z").unwrap();
        let mut manifest = Manifest::new("0.1.0", at, at);
        manifest.feeds = vec![of(json!({ "name": "f", "sha256": sha(b"f"), "taken": 1, "refused": 2 }))];
        manifest.roots = vec![of(json!({ "name": "e", "path": null }))];
        manifest.rules = of(json!({ "pack": null, "loaded": 1,
            "rejected": [{ "file": "r.yml", "line": 1, "column": 2, "reason": HOSTILE }] }));
        write_case(dir, &self.input(), manifest).expect("written")
    }
}

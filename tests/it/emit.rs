//! The case folder and the exports, written from hostile content and held against their schemas.

use std::collections::BTreeMap;
use std::path::Path;

use exfiltrace::emit::{self, CaseInput, Manifest, export::export, load_case, schema::schema, write_case};
use exfiltrace::model::coverage::Coverage;
use exfiltrace::model::finding::Finding;
use exfiltrace::model::ledger::Entry;
use exfiltrace::model::partial::Partial;
use exfiltrace::model::place::Locator;
use exfiltrace::model::time::Instant;
use exfiltrace::model::transfer::Transfer;
use exfiltrace::model::verdict::Verdict;
use exfiltrace::verify::{Claims, Reopen, verify};
use serde_json::{Value, json};

const HOSTILE: &str = "=cmd|'x'!A0 \u{1b}[2J \u{202e} </script><script>alert(1)</script>\n[a](http://b)";
const LOG: &[u8] = b"first line\nsecond line\n";

struct Sample {
    verdict: Verdict,
    findings: Vec<Finding>,
    transfers: Vec<Transfer>,
    coverage: Coverage,
    ledger: Vec<Entry>,
    partial: Partial,
}

fn sha(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

fn of<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("the sample is of the model")
}

fn sample() -> Sample {
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
    let mut other = finding.clone();
    other["id"] = json!(format!("f-{}", "0b".repeat(16)));
    other["kind"] = json!("chain");
    other["stage"] = json!(["collection"]);
    other["time"] = json!({ "first": null, "last": null, "assumed": null });
    other.as_object_mut().unwrap().remove("indicator");
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
            "confidence_reasons": ["x"], "intrusion": "established", "actor": "external", "complete": false,
            "open_routes": ["dns_tunnel"], "exposure": ["x"],
            "breach": { "confidentiality": "yes", "integrity": "no_sign", "availability": "cannot_tell" },
            "activity": { "first": at, "last": at, "logs_end": at, "after_containment": true },
            "subjects": { "kinds": ["tenants"], "lower": 0, "upper": null }, "reasons": reason,
            "counter_evidence": reason, "ask": [HOSTILE],
            "routes": [{ "route": "cloud_storage", "state": "exfiltrated", "first": at, "last": at,
                "protection": "unknown", "disclosed": true, "bytes": bounds, "records": bounds,
                "destinations": [HOSTILE], "hosts": ["h"], "accounts": ["u"], "findings": [id], "transfers": ["t-1"] }],
            "data_categories": [{ "category": "health", "special_category": true, "files": 1, "records": bounds,
                "findings": [id] }],
            "coverage": { "adequate": false, "from": at, "to": at, "gaps": [gap],
                "missing": [{ "route": "usb", "needs": ["x"] }], "collect_next": [HOSTILE] } }] });
    let transfer = json!({ "id": "t-1", "scope": "riverside", "route": "network", "from": "a", "to": "b",
        "to_names": ["c"], "accounts": ["u"], "bytes": bounds, "records": 1, "time": { "first": at, "last": at },
        "hours": [1], "hour_bytes": [1], "seen_by": ["e/a.log"], "evidence": evidence, "sanctioned": "backup" });
    let coverage = json!({ "schema": "exfiltrace.coverage/1", "gaps": [gap], "sources": [{ "source": "e/a.log",
        "format": "text", "scopes": ["riverside"], "from": at, "to": at, "records": 2, "untimed": 0, "zone_assumed": 0,
        "year_assumed": 0, "gaps": [gap], "observes": ["network"], "not_logged": ["x"] }] });
    let partial = json!({ "sources": { "e/a.log": { "entry": entry } }, "rules": {}, "indicators": [[["domain", "x"],
        { "feeds": ["f"], "confidence": 1, "valid_from": at, "valid_until": at, "labels": ["l"] }]] });
    Sample {
        verdict: of(verdict),
        findings: vec![of(finding), of(other)],
        transfers: vec![of(transfer)],
        coverage: of(coverage),
        ledger: vec![of(entry)],
        partial: of(partial),
    }
}

impl Sample {
    fn input(&self) -> CaseInput<'_> {
        CaseInput {
            verdict: &self.verdict,
            findings: &self.findings,
            transfers: &self.transfers,
            coverage: &self.coverage,
            ledger: &self.ledger,
            partial: &self.partial,
        }
    }

    fn write(&self, dir: &Path) -> emit::Written {
        let at = Instant::parse("2026-04-01T00:00:00Z").unwrap();
        write_case(dir, &self.input(), Manifest::new("0.1.0", at, at)).expect("written")
    }
}

fn documents(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    if path.extension().is_some_and(|e| e == "jsonl") {
        text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
    } else {
        vec![serde_json::from_str(&text).unwrap()]
    }
}

#[test]
fn every_file_of_a_case_is_as_its_schema_says_and_a_foreign_key_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    sample().write(dir.path());
    for (name, file) in [
        ("verdict", "verdict.json"),
        ("finding", "findings.jsonl"),
        ("transfer", "transfers.jsonl"),
        ("coverage", "coverage.json"),
        ("ledger", "ledger.jsonl"),
        ("manifest", "manifest.json"),
        ("state", "state/partial.json"),
    ] {
        let validator = jsonschema::validator_for(&serde_json::from_str(schema(name).unwrap()).unwrap()).unwrap();
        let found = documents(&dir.path().join(file));
        assert!(!found.is_empty(), "{file} is empty");
        for mut document in found {
            let wrong: Vec<String> = validator.iter_errors(&document).map(|e| e.to_string()).collect();
            assert!(wrong.is_empty(), "{file}: {wrong:?}");
            document["planted"] = json!(1);
            assert!(!validator.is_valid(&document), "{name} takes a key that it does not know");
        }
    }
}

#[test]
fn a_foreign_folder_is_refused_and_a_case_is_written_again() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("thesis.doc"), "x").unwrap();
    let at = Instant::parse("2026-04-01T00:00:00Z").unwrap();
    let refused = write_case(dir.path(), &sample().input(), Manifest::new("0", at, at)).unwrap_err();
    assert!(refused.to_string().contains("--out"), "{refused}");
    let dir = tempfile::tempdir().unwrap();
    let first = sample().write(dir.path());
    assert_eq!(first, sample().write(dir.path()));
    assert_eq!(emit::digest_of_findings(&sample().findings), first.manifest.files["findings.jsonl"].sha256);
}

#[test]
fn hostile_content_reaches_no_terminal_and_no_markup() {
    let s = sample();
    let text = emit::summary(&s.verdict, &s.findings, &s.ledger, &s.coverage, false, 200);
    assert!(!text.chars().any(|c| c != '\n' && emit::safe::is_steering(c)), "{text:?}");
    let html = emit::report_html(&s.input());
    assert!(!html.contains("<script") && !html.contains('\u{202e}') && !html.contains('\u{1b}'));
    let markdown = emit::report_markdown(&s.input());
    assert!(!markdown.contains("<script") && !markdown.contains("](http"), "{markdown}");
}

fn exported(name: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    sample().write(dir.path());
    let mut out = Vec::new();
    export(name, &load_case(dir.path()).unwrap(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn ocsf_documents_are_as_the_schema_says() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/schemas"));
    if !root.exists() {
        println!("skipped: no ../shared/schemas");
        return;
    }
    let classes: Vec<Value> = exported("ocsf").lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(classes.iter().map(|d| d["class_uid"].as_u64().unwrap()).collect::<Vec<_>>(), [2006, 2004, 2005]);
    for (mut document, name) in classes.into_iter().zip(["data_security", "detection", "incident"]) {
        let text = std::fs::read_to_string(root.join(format!("{name}_finding.schema.json"))).unwrap();
        // The schema names definitions with a slash that its own pointers do not escape.
        let text = text.replace("#/$defs/win/", "#/$defs/win~1");
        let validator = jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap();
        let wrong: Vec<String> =
            validator.iter_errors(&document).map(|e| format!("{} {e}", e.instance_path())).collect();
        assert!(wrong.is_empty(), "{name}: {wrong:?}");
        document["severity_id"] = json!(42);
        assert!(!validator.is_valid(&document), "{name} takes severity 42");
    }
}

#[test]
fn csv_holds_no_formula() {
    let text = exported("csv");
    assert!(text.contains("\"'=cmd|") && !text.contains(",\"=") && text.starts_with("id,kind,"), "{text}");
}

struct Memory(Vec<u8>);

impl Reopen for Memory {
    fn read(&mut self, _: &Locator, _: &Locator, each: &mut dyn FnMut(&[u8])) -> Result<(), String> {
        self.0.chunks(5).for_each(each);
        Ok(())
    }

    fn digest(&mut self, _: &Locator) -> Result<Option<String>, String> {
        Ok(Some(format!("sha256:{}", sha(&self.0))))
    }
}

#[test]
fn verify_holds_until_a_byte_of_evidence_or_case_changes() {
    let dir = tempfile::tempdir().unwrap();
    let s = sample();
    let written = s.write(dir.path());
    let files: BTreeMap<String, String> =
        written.manifest.files.into_iter().map(|(name, file)| (name, file.sha256)).collect();
    let claims = Claims { findings: &s.findings, transfers: &s.transfers, ledger: &s.ledger, files: &files };
    let mut evidence = Memory(LOG.to_vec());
    let report = verify(&claims, dir.path(), &mut evidence).unwrap();
    assert!(report.holds() && report.records == 1 && report.case_files == 7, "{report}");
    evidence.0[12] ^= 1;
    std::fs::write(dir.path().join("verdict.json"), "{}").unwrap();
    let report = verify(&claims, dir.path(), &mut evidence).unwrap();
    assert_eq!((report.broken.len(), report.changed_files.len(), report.changed_evidence.len()), (3, 1, 1), "{report}");
}

//! The case folder and the exports, written from hostile content and held against their schemas.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic")]

mod ecs;
mod sample;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use exfiltrace::emit::{self, Manifest, export::export, load_case, schema::schema, write_case};
use exfiltrace::error::Error;
use exfiltrace::model::finding::Finding;
use exfiltrace::model::findings::Findings;
use exfiltrace::model::place::Locator;
use exfiltrace::model::time::Instant;
use exfiltrace::verify::{Again, Claims, Reopen, verify};
use exfiltrace::work::Work;
use sample::{LOG, of, sample, sha};
use serde_json::{Value, json};

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
fn files_of_an_older_case_go_and_files_of_others_stay() {
    let dir = tempfile::tempdir().unwrap();
    let outside = dir.path().join("outside.txt");
    std::fs::write(&outside, "x").unwrap();
    let case = dir.path().join("case");
    sample().write(&case);
    std::fs::create_dir(case.join("state/old")).unwrap();
    for name in ["old.jsonl", "state/old/x.json", "notes.txt"] {
        std::fs::write(case.join(name), "x").unwrap();
    }
    let manifest = case.join("manifest.json");
    let mut text: Value = serde_json::from_str(&std::fs::read_to_string(&manifest).unwrap()).unwrap();
    for name in ["old.jsonl", "state/old/x.json", "../outside.txt", "state", "gone.json"] {
        text["files"][name] = json!({ "sha256": "", "bytes": 0 });
    }
    text["schema"] = json!("exfiltrace.manifest/0");
    std::fs::write(&manifest, text.to_string()).unwrap();
    let written = sample().write(&case);
    assert!(!case.join("old.jsonl").exists() && !case.join("state/old/x.json").exists());
    assert!(outside.exists() && case.join("notes.txt").exists() && case.join("state/partial.json").exists());
    assert_eq!(written.manifest.files.len(), 7);
}

#[test]
fn a_damaged_case_an_unknown_version_and_an_unknown_dialect_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(load_case(dir.path()), Err(Error::Read { .. })));
    sample().write(dir.path());
    let case = load_case(dir.path()).unwrap();
    let unknown = export("csw", &case, &mut Vec::new()).unwrap_err().to_string();
    assert!(unknown.contains("csw") && unknown.contains("csv, ecs, ocsf"), "{unknown}");
    std::fs::write(dir.path().join("findings.jsonl"), "{\"id\":1}\n").unwrap();
    let damaged = export("ecs", &case, &mut Vec::new()).unwrap_err();
    assert!(matches!(&damaged, Error::Case { what, .. } if what.contains("line 1")), "{damaged}");
    std::fs::remove_file(dir.path().join("findings.jsonl")).unwrap();
    assert!(matches!(export("csv", &case, &mut Vec::new()), Err(Error::Read { .. })));
    let path = dir.path().join("verdict.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("exfiltrace.verdict/1", "exfiltrace.verdict/2")).unwrap();
    let version = load_case(dir.path()).unwrap_err().to_string();
    assert!(version.contains("exfiltrace.verdict/2"), "{version}");
    std::fs::write(&path, &text[..text.len() / 2]).unwrap();
    assert!(matches!(load_case(dir.path()), Err(Error::Case { .. })));
}

#[test]
fn standard_output_is_in_the_order_of_the_evidence_with_joined_findings_last() {
    let place = |source: &str, offset: u64, kind: &str, rule: &str| {
        let mut f = serde_json::to_value(&sample().findings.list()[1]).unwrap();
        f["kind"] = json!(kind);
        f["rule"]["id"] = json!(rule);
        f["evidence"][0]["source"] = json!(source);
        f["evidence"][0]["offset"] = json!(offset);
        f
    };
    let mut bare = place("e/a", 0, "rule", "bare");
    bare["evidence"] = json!([]);
    let mixed = vec![
        place("e/a", 0, "chain", "6"),
        place("e/b", 5, "rule", "4"),
        bare,
        place("e/b", 10, "indicator", "5"),
        place("e/a", 9, "rule", "3"),
        place("e/a", 9, "indicator", "2"),
        place("e/a", 1, "anomaly", "7"),
        place("e/a", 2, "rule", "1"),
    ];
    let findings: Findings = mixed.into_iter().map(of).collect::<Vec<Finding>>().into();
    let mut out = Vec::new();
    emit::stdout_jsonl(&findings, &Work::new(None, usize::MAX), &mut out).unwrap();
    let order: Vec<String> = String::from_utf8(out)
        .unwrap()
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).unwrap()["rule"]["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(order, ["1", "2", "3", "4", "5", "bare", "6", "7"]);
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
    let validator = |name: &str| {
        let text = std::fs::read_to_string(root.join(format!("{name}_finding.schema.json"))).unwrap();
        // The schema names definitions with a slash that its own pointers do not escape.
        let text = text.replace("#/$defs/win/", "#/$defs/win~1");
        jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
    };
    let classes = BTreeMap::from([
        (2004, validator("detection")),
        (2005, validator("incident")),
        (2006, validator("data_security")),
    ]);
    let mut met: BTreeMap<u64, usize> = BTreeMap::new();
    for line in exported("ocsf").lines() {
        let mut document: Value = serde_json::from_str(line).unwrap();
        let class = document["class_uid"].as_u64().unwrap();
        *met.entry(class).or_default() += 1;
        let wrong: Vec<String> =
            classes[&class].iter_errors(&document).map(|e| format!("{} {e}", e.instance_path())).collect();
        assert!(wrong.is_empty(), "{class}: {wrong:?}");
        for o in document["observables"].as_array().unwrap_or(&Vec::new()) {
            let pointer = format!("/{}", o["name"].as_str().unwrap().replace('.', "/"));
            let held = document.pointer(&pointer).unwrap_or_else(|| panic!("{pointer} is not there"));
            assert!(*held == o["value"] || held.as_array().is_some_and(|a| a.contains(&o["value"])), "{o}");
        }
        document["severity_id"] = json!(42);
        assert!(!classes[&class].is_valid(&document), "{class} takes severity 42");
    }
    assert_eq!(met, BTreeMap::from([(2004, 15), (2005, 1), (2006, 1)]));
}

#[test]
fn ocsf_verdicts_claim_no_more_than_the_state() {
    let verdicts = |state: &str| {
        let mut s = sample();
        let mut scope = serde_json::to_value(&s.verdict.scopes[0]).unwrap();
        scope["state"] = json!(state);
        s.verdict.scopes = vec![of(scope)];
        let dir = tempfile::tempdir().unwrap();
        s.write(dir.path());
        let mut out = Vec::new();
        export("ocsf", &load_case(dir.path()).unwrap(), &mut out).unwrap();
        let last: Value = serde_json::from_slice(out.trim_ascii_end().rsplit(|b| *b == b'\n').next().unwrap()).unwrap();
        last["verdict_id"].as_u64().unwrap()
    };
    for (state, wanted) in [
        ("exfiltrated", 2),
        ("accessed", 2),
        ("intrusion_only", 2),
        ("unexplained", 4),
        ("attempted", 4),
        ("no_evidence", 5),
        ("cannot_tell", 7),
        ("not_examined", 7),
    ] {
        assert_eq!(verdicts(state), wanted, "{state}");
    }
}

#[test]
fn attack_ids_are_told_apart() {
    let documents: Vec<Value> = exported("ecs").lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(documents[0]["threat.tactic.id"], json!(["TA0010"]));
    assert_eq!(documents[0]["threat.tactic.name"], json!(["Exfiltration"]));
    assert_eq!(documents[0]["threat.technique.id"], json!(["T1567"]));
    assert_eq!(documents[0]["threat.technique.subtechnique.id"], json!(["T1567.002"]));
    // Execution stands for several tactics and names none; software ids are no techniques.
    assert_eq!(documents[1]["threat.tactic.name"], json!(["Collection"]));
    assert_eq!(documents[1]["threat.technique.id"], json!(["T1005", "T1567"]));
    let ocsf: Value = serde_json::from_str(exported("ocsf").lines().nth(1).unwrap()).unwrap();
    let wanted = json!([{ "tactic": { "uid": "TA0009", "name": "Collection" } }, { "technique": { "uid": "T1005" } },
        { "technique": { "uid": "T1567" } }, { "technique": { "uid": "T1567" }, "sub_technique": { "uid": "T1567.002" } }]);
    assert_eq!(ocsf["finding_info"]["attacks"], wanted);
}

#[test]
fn csv_holds_no_formula() {
    let text = exported("csv");
    assert!(text.contains("\"'=cmd|") && !text.contains(",\"=") && text.starts_with("id,kind,"), "{text}");
}

struct Memory {
    opened: u32,
    bytes: Vec<u8>,
    fails: Option<String>,
}

impl Reopen for Memory {
    fn read(
        &mut self,
        _: &Locator,
        sources: &BTreeSet<&Locator>,
        each: &mut dyn FnMut(&Locator, &[u8]),
    ) -> Result<Again, String> {
        self.opened += 1;
        let mut torn = BTreeMap::new();
        for source in sources {
            self.bytes.chunks(5).for_each(|bytes| each(source, bytes));
            torn.extend(self.fails.clone().map(|why| ((*source).clone(), why)));
        }
        Ok(Again { digest: Some(format!("sha256:{}", sha(&self.bytes))), torn, ..Again::default() })
    }
}

#[test]
fn verify_holds_until_a_byte_of_evidence_or_case_changes() {
    let dir = tempfile::tempdir().unwrap();
    let s = sample();
    let written = s.write(dir.path());
    let files: BTreeMap<String, String> =
        written.manifest.files.into_iter().map(|(name, file)| (name, file.sha256)).collect();
    let claims = Claims { findings: s.findings.list(), transfers: &s.transfers, ledger: &s.ledger, files: &files };
    let mut evidence = Memory { opened: 0, bytes: LOG.to_vec(), fails: None };
    let report = verify(&claims, dir.path(), &mut evidence).unwrap();
    assert!(report.holds() && report.records == 1 && report.case_files == 7, "{report}");
    assert_eq!(evidence.opened, 1, "digest and records in one reading");
    // An error after the cited bytes was there at the scan too: the digests decide.
    evidence.fails = Some("reading stopped: torn".to_owned());
    assert!(verify(&claims, dir.path(), &mut evidence).unwrap().holds());
    evidence.bytes.truncate(15);
    let report = verify(&claims, dir.path(), &mut evidence).unwrap();
    assert_eq!(report.records, 0, "what could not be read again is not said to have been");
    assert!(!report.holds() && report.broken.iter().all(|b| b.why == "reading stopped: torn"), "{report}");
    evidence = Memory { opened: 0, bytes: LOG.to_vec(), fails: None };
    evidence.bytes[12] ^= 1;
    std::fs::write(dir.path().join("verdict.json"), "{}").unwrap();
    let report = verify(&claims, dir.path(), &mut evidence).unwrap();
    let cited = s.findings.list().len() + s.transfers.len();
    let found = (report.broken.len(), report.changed_files.len(), report.changed_evidence.len());
    assert_eq!(found, (cited, 1, 1), "{report}");
}

#[test]
fn verify_reports_names_that_lead_out_and_sources_that_the_ledger_does_not_have() {
    let dir = tempfile::tempdir().unwrap();
    let s = sample();
    s.write(&dir.path().join("case"));
    std::fs::write(dir.path().join("secret"), "x").unwrap();
    let names = ["../secret", "/etc/passwd", "state/../../secret", "", "gone.json"];
    let files: BTreeMap<String, String> = names.iter().map(|name| ((*name).to_owned(), sha(b"x"))).collect();
    let claims = Claims { findings: s.findings.list(), transfers: &s.transfers, ledger: &[], files: &files };
    let mut evidence = Memory { opened: 0, bytes: LOG.to_vec(), fails: None };
    let report = verify(&claims, &dir.path().join("case"), &mut evidence).unwrap();
    let (bare, named): (Vec<_>, Vec<_>) =
        report.changed_files.iter().partition(|(_, why)| why.starts_with("the manifest has no digest of it"));
    assert_eq!((bare.len(), named.len(), report.records), (5, names.len(), 0), "{report}");
    for (name, why) in named {
        assert!(why.contains(if name == "gone.json" { "cannot be read" } else { "leads out" }), "{name}: {why}");
    }
    assert!(report.broken.iter().all(|b| b.why == "the ledger does not name this source"), "{report}");
    assert_eq!(report.broken.len(), s.findings.list().len() + s.transfers.len());
}

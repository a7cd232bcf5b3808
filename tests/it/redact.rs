//! `--redact`: what is personal in excerpts is written as its kind, and nothing else changes.

use std::path::Path;

use serde_json::Value;

use crate::support::exfiltrace;

const INTRUDER: &str = "203.0.113.9";
const PERSONAL: [&str; 4] = ["9434765919", "jane.doe", "4111111111111111", "AB123456C"];

/// A web log, an object and a table with personal values, in records that a list of indicators meets.
fn evidence(folder: &Path) {
    let at = "[22/Mar/2026:10:00:01 +0000]";
    let web = format!(
        "{INTRUDER} - - {at} \"GET /person?nhs_number=9434765919&to=jane.doe%40council.example HTTP/1.1\" 200 9 \"-\" \"curl/8\"\n"
    );
    let object = format!(
        "{{\"@timestamp\":\"2026-03-22T10:00:01Z\",\"source\":{{\"ip\":\"{INTRUDER}\"}},\"card\":{{\"number\":\"4111111111111111\"}}}}\n"
    );
    let table = format!("time,client_ip,nino,note\n2026-03-22T10:00:01Z,{INTRUDER},AB123456C,x\n");
    for (name, text) in [("access.log", web), ("app.ndjson", object), ("people.csv", table)] {
        std::fs::write(folder.join(name), text).unwrap();
    }
}

/// All that a scan writes and prints, and its findings.
fn told(folder: &Path, more: &[&str]) -> (String, Vec<Value>) {
    let [evidence, list, case] = ["evidence", "list.txt", "case"].map(|name| folder.join(name).display().to_string());
    let args = ["scan", &evidence, "--indicators", &list, "--no-builtin", "--out", &case];
    let output = exfiltrace(&[&args, more].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let verified = exfiltrace(&["verify", &case]);
    assert!(verified.status.success(), "{verified:?}");
    let mut all = String::from_utf8_lossy(&output.stdout).into_owned();
    for file in walkdir(Path::new(&case)) {
        all.push_str(&String::from_utf8_lossy(&std::fs::read(file).unwrap()));
    }
    for of in [&["explain", &case][..], &["export", &case, "--to", "csv"], &["export", &case, "--to", "ecs"]] {
        all.push_str(&String::from_utf8_lossy(&exfiltrace(of).stdout));
    }
    let findings = std::fs::read_to_string(Path::new(&case).join("findings.jsonl")).unwrap();
    let findings = findings.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    std::fs::remove_dir_all(&case).unwrap();
    (all, findings)
}

fn walkdir(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walkdir(&path) } else { vec![path] }).collect()
}

/// A finding without the excerpts of its evidence.
fn without_excerpts(mut finding: Value) -> Value {
    let evidence = finding["evidence"].as_array_mut().unwrap();
    evidence.iter_mut().for_each(|e| e["excerpt"] = Value::Null);
    finding
}

#[test]
fn what_is_personal_stands_in_no_output_and_findings_are_the_same_but_for_it() {
    let temp = tempfile::tempdir().unwrap();
    std::fs::create_dir(temp.path().join("evidence")).unwrap();
    evidence(&temp.path().join("evidence"));
    std::fs::write(temp.path().join("list.txt"), INTRUDER).unwrap();
    let (plain, findings) = told(temp.path(), &[]);
    let (redacted, same) = told(temp.path(), &["--redact"]);
    for value in PERSONAL {
        assert!(plain.contains(value), "{value} is in the records");
        assert!(!redacted.contains(value), "{value}: {redacted}");
    }
    for kind in ["[NHS number]", "[e-mail address]", "[payment card number]", "[National Insurance number]"] {
        assert!(redacted.contains(kind), "{kind}: {redacted}");
    }
    let bare = |all: Vec<Value>| all.into_iter().map(without_excerpts).collect::<Vec<_>>();
    let (findings, same) = (bare(findings), bare(same));
    assert!(!findings.is_empty() && findings == same);
}

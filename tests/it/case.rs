//! A case can be checked: by its own digests, against the evidence, by the schemas.

use std::path::Path;

use serde_json::Value;

use crate::support::{exfiltrace, project};

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Scans a log with two cited records among others, and gives the folder.
fn small_case() -> tempfile::TempDir {
    let temp = tempfile::tempdir().unwrap();
    let evidence = temp.path().join("logs");
    std::fs::create_dir(&evidence).unwrap();
    let line = |ip: &str, second: u32| {
        format!("{ip} - - [28/Mar/2026:10:00:{second:02} +0000] \"GET / HTTP/1.1\" 200 512 \"-\" \"curl/8\"\n")
    };
    let text: String = (0..20).map(|n| line(if n % 10 == 3 { "198.51.100.66" } else { "198.51.100.7" }, n)).collect();
    std::fs::write(evidence.join("access.log"), text).unwrap();
    std::fs::write(temp.path().join("list.txt"), "198.51.100.66\n").unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    let output = exfiltrace(&["scan", "-q", &path("logs"), "--indicators", &path("list.txt"), "--out", &path("case")]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    temp
}

#[test]
fn an_untouched_case_holds_and_one_changed_byte_names_the_finding() {
    let temp = small_case();
    let case = temp.path().join("case");
    let verify = || exfiltrace(&["verify", case.to_str().unwrap()]);
    let output = verify();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    let findings = std::fs::read_to_string(case.join("findings.jsonl")).unwrap();
    let finding: Value = serde_json::from_str(findings.lines().next().unwrap()).unwrap();
    assert_eq!(finding["count"], 2);
    let log = temp.path().join("logs/access.log");
    let mut bytes = std::fs::read(&log).unwrap();
    let offset = usize::try_from(finding["evidence"][1]["offset"].as_u64().unwrap()).unwrap();
    bytes[offset + 40] ^= 1;
    std::fs::write(&log, &bytes).unwrap();
    let output = verify();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(finding["id"].as_str().unwrap()), "{said}");
    assert!(said.contains("logs/access.log"), "{said}");
}

#[test]
fn evidence_that_moved_is_found_by_its_root() {
    let temp = small_case();
    std::fs::rename(temp.path().join("logs"), temp.path().join("archive")).unwrap();
    let case = temp.path().join("case");
    let case = case.to_str().unwrap();
    assert_eq!(exfiltrace(&["verify", case]).status.code(), Some(1));
    let root = format!("logs={}", temp.path().join("archive").display());
    let output = exfiltrace(&["verify", case, "--root", &root]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_changed_case_file_is_named() {
    let temp = small_case();
    let case = temp.path().join("case");
    let verdict = case.join("verdict.json");
    let text = std::fs::read_to_string(&verdict).unwrap();
    std::fs::write(&verdict, text.replacen("\"complete\": ", "\"complete\":  ", 1)).unwrap();
    let output = exfiltrace(&["verify", case.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("verdict.json"));
}

#[test]
fn real_case_files_fit_their_schemas() {
    let temp = tempfile::tempdir().unwrap();
    let evidence = temp.path().join("evidence");
    copy(&project("fixtures/incident/evidence"), &evidence);
    let case = temp.path().join("case");
    let scopes = project("fixtures/incident/scopes.toml");
    let feed = project("fixtures/incident/indicators.txt");
    let output = exfiltrace(&[
        "scan",
        "-q",
        evidence.to_str().unwrap(),
        "--scopes",
        scopes.to_str().unwrap(),
        "--indicators",
        feed.to_str().unwrap(),
        "--out",
        case.to_str().unwrap(),
    ]);
    assert!(output.status.code().is_some_and(|code| code < 2), "{}", String::from_utf8_lossy(&output.stderr));
    for (schema, file, by_line) in [
        ("verdict", "verdict.json", false),
        ("finding", "findings.jsonl", true),
        ("transfer", "transfers.jsonl", true),
        ("coverage", "coverage.json", false),
        ("ledger", "ledger.jsonl", true),
        ("manifest", "manifest.json", false),
        ("state", "state/partial.json", false),
    ] {
        let schema: Value = serde_json::from_slice(&exfiltrace(&["schema", schema]).stdout).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let text = std::fs::read_to_string(case.join(file)).unwrap();
        let documents: Vec<Value> = if by_line {
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        } else {
            vec![serde_json::from_str(&text).unwrap()]
        };
        assert!(!documents.is_empty(), "{file} is empty");
        for document in &documents {
            let errors: Vec<String> =
                validator.iter_errors(document).map(|e| format!("{}: {e}", e.instance_path())).take(5).collect();
            assert!(errors.is_empty(), "{file}: {errors:#?}");
        }
        let mut bad = documents[0].clone();
        bad.as_object_mut().unwrap().insert("planted".to_owned(), Value::Bool(true));
        assert!(!validator.is_valid(&bad), "{file}: a planted key passes");
    }
}

/// Exit code 1 is no failure of the scan; the state of the verdict is what counts.
#[test]
fn hostile_names_and_content_do_not_reach_the_terminal() {
    let temp = tempfile::tempdir().unwrap();
    let evidence = temp.path().join("logs");
    std::fs::create_dir(&evidence).unwrap();
    std::fs::write(
        evidence.join("a\u{1b}[31mred.log"),
        "x \u{1b}]0;owned\u{7} 198.51.100.66 \u{202e}txt\u{9b}31m\u{2028}\n",
    )
    .unwrap();
    std::fs::write(temp.path().join("list.txt"), "198.51.100.66\n").unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    let output = exfiltrace(&["scan", &path("logs"), "--indicators", &path("list.txt"), "--out", &path("case")]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("red.log"), "{said}");
    let steers = |c: char| c != '\n' && c != '\r' && exfiltrace::emit::safe::is_steering(c);
    for name in
        ["findings.jsonl", "verdict.json", "ledger.jsonl", "coverage.json", "state/partial.json", "manifest.json"]
    {
        let text = std::fs::read_to_string(temp.path().join("case").join(name)).unwrap();
        assert!(!text.chars().any(steers), "{name}: {text:?}");
    }
    for form in ["csv", "ecs", "ocsf"] {
        let text = String::from_utf8(exfiltrace(&["export", &path("case"), "--to", form]).stdout).unwrap();
        assert!(text.contains("198.51.100.66") && !text.chars().any(steers), "{form}: {text:?}");
    }
    assert!(!said.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{said:?}");
}

/// A zip of many members, each cited: one reading of the zip must do.
#[test]
fn records_of_many_members_are_verified_in_one_reading() {
    use std::io::Write;
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    let mut zip = zip::ZipWriter::new(std::fs::File::create(path("logs.zip")).unwrap());
    for n in 0..300 {
        zip.start_file(format!("{n}.log"), zip::write::SimpleFileOptions::default()).unwrap();
        writeln!(zip, "{n} 198.51.100.66 came").unwrap();
    }
    zip.finish().unwrap();
    std::fs::write(path("list.txt"), "198.51.100.66\n").unwrap();
    exfiltrace(&["scan", "-q", &path("logs.zip"), "--indicators", &path("list.txt"), "--out", &path("case")]);
    let output = exfiltrace(&["verify", &path("case")]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("300 cited records, 1 evidence files"), "{said}");
    let wrong = exfiltrace(&["verify", &path("case"), "--root", "elsewhere=/tmp"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("logs.zip"));
}

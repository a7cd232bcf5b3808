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
    assert!(said.contains("300 cited records, 1 evidence file "), "{said}");
    let wrong = exfiltrace(&["verify", &path("case"), "--root", "elsewhere=/tmp"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("logs.zip"));
}

/// What a second scan writes over a case: of the first one nothing stays.
#[test]
fn a_new_case_leaves_no_report_of_the_older_one() {
    let temp = small_case();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    assert_eq!(exfiltrace(&["report", &path("case"), "--as", "md"]).status.code(), Some(0));
    assert!(temp.path().join("case/report.md").exists());
    std::fs::write(path("other.log"), "a line\n").unwrap();
    assert_eq!(exfiltrace(&["scan", "-q", &path("other.log"), "--out", &path("case")]).status.code(), Some(0));
    assert!(!temp.path().join("case/report.md").exists());
    assert_eq!(exfiltrace(&["verify", &path("case")]).status.code(), Some(0));
}

/// Half of a new case beside half of an old one must not pass for a case.
#[test]
fn a_case_that_could_not_be_put_into_place_is_none_and_the_next_scan_mends_it() {
    let temp = small_case();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    let scan = || exfiltrace(&["scan", "-q", &path("logs"), "--out", &path("case")]);
    std::fs::remove_file(path("case/transfers.jsonl")).unwrap();
    std::fs::create_dir_all(path("case/transfers.jsonl/in the way")).unwrap();
    assert_eq!(scan().status.code(), Some(2));
    assert!(!temp.path().join("case/manifest.json").exists(), "the older manifest would speak of files that are gone");
    assert_eq!(exfiltrace(&["verify", &path("case")]).status.code(), Some(2));

    let temp = small_case();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir_all(path("case/.work/staged")).unwrap();
    std::fs::rename(path("case/manifest.json"), path("case/.work/staged/manifest.json")).unwrap();
    let output = exfiltrace(&["scan", "-q", &path("logs"), "--out", &path("case")]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(exfiltrace(&["verify", &path("case")]).status.code(), Some(0));
}

/// Two councils hand over the same log of a shared system: it is a log of both.
#[test]
fn a_log_delivered_to_two_scopes_counts_for_both_once_each() {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    let line = |second: u32, bytes: u32| {
        format!("203.0.113.9 - - [28/Mar/2026:10:00:{second:02} +0000] \"GET /a HTTP/1.1\" 200 {bytes} \"-\" \"x\"\n")
    };
    let log: String = (0..20).map(|n| line(n, 1000)).collect();
    for folder in ["a", "mr", "rv", "rv/again", "other"] {
        std::fs::create_dir_all(temp.path().join("e").join(folder)).unwrap();
        std::fs::write(temp.path().join("e").join(folder).join("access.log"), &log).unwrap();
    }
    std::fs::write(
        path("s.toml"),
        "[[scope]]\nname='rv'\npaths=['**/rv/**']\n[[scope]]\nname='mr'\npaths=['**/mr/**']\n",
    )
    .unwrap();
    std::fs::write(path("list.txt"), "203.0.113.9\n").unwrap();
    for digest in ["sha256", "off"] {
        let feed = ["--indicators", &path("list.txt"), "--digest", digest];
        let told = ["scan", "-q", &path("e"), "--scopes", &path("s.toml"), "--out", &path("case")];
        assert_eq!(exfiltrace(&[&told[..], &feed[..]].concat()).status.code(), Some(0));
        let rows = |name: &str| -> Vec<Value> {
            let text = std::fs::read_to_string(temp.path().join("case").join(name)).unwrap();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        };
        let moved = rows("transfers.jsonl");
        let told: Vec<_> = moved.iter().map(|t| (t["scope"].as_str().unwrap(), &t["bytes"]["upper"])).collect();
        assert_eq!(told, [("mr", &Value::from(20_000)), ("rv", &Value::from(20_000))], "{digest}");
        let mut scopes: Vec<String> =
            rows("findings.jsonl").iter().map(|f| f["scope"].as_str().unwrap().to_owned()).collect();
        scopes.sort();
        assert_eq!(scopes, ["mr", "rv"], "{digest}");
        let coverage: Value = serde_json::from_slice(&std::fs::read(path("case/coverage.json")).unwrap()).unwrap();
        let of = |name: &str| {
            let mut all = coverage["sources"].as_array().unwrap().iter();
            let source = all.find(|s| s["source"] == format!("e/{name}access.log")).unwrap();
            (source["scopes"].clone(), source["observes"] != serde_json::json!([]))
        };
        assert_eq!(of("mr/"), (serde_json::json!(["mr"]), true), "{digest}");
        assert_eq!(of("rv/"), (serde_json::json!(["rv"]), true), "{digest}");
        assert!(!of("rv/again/").1, "a second copy for one scope tells it nothing more");
        let verified = exfiltrace(&["verify", &path("case")]);
        assert_eq!(verified.status.code(), Some(0), "{}", String::from_utf8_lossy(&verified.stdout));
        let twice = rows("ledger.jsonl");
        let twice = twice.iter().filter(|entry| entry["notes"].to_string().contains("delivered_twice"));
        assert_eq!(twice.count(), 4, "{digest}");
    }
}

/// The names of a list of digests are those of files, not of locators.
#[test]
fn digests_of_a_supplier_fit_names_that_locators_escape() {
    use sha2::{Digest, Sha256};
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir_all(path("e/a!")).unwrap();
    let mut list = String::new();
    for (name, listed) in [
        ("f%41.log", "f%41.log"),
        ("a!/x.log", "./a!/x.log"),
        ("two\nlines.log", "two\\nlines.log"),
        ("b\\n", "b\\\\n"),
    ] {
        std::fs::write(temp.path().join("e").join(name), format!("text {name:?}\n")).unwrap();
        let digest: String =
            Sha256::digest(format!("text {name:?}\n")).iter().map(|byte| format!("{byte:02x}")).collect();
        let mark = if listed.contains('\\') { "\\" } else { "" };
        list.push_str(&format!("{mark}{digest}  {listed}\n"));
    }
    std::fs::write(path("list"), &list).unwrap();
    let scan = |list: &str| exfiltrace(&["scan", "-q", &path("e"), "--hashes", &path(list), "--out", &path("case")]);
    let output = scan("list");
    let ledger = std::fs::read_to_string(path("case/ledger.jsonl")).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}\n{ledger}", String::from_utf8_lossy(&output.stderr));
    std::fs::write(path("wrong"), list.replace("f%41.log", "f%42.log")).unwrap();
    assert_eq!(scan("wrong").status.code(), Some(1), "a file that is not there");
}

//! Shards that are given one survey read alike, whatever their copies of the evidence look like.

use std::path::Path;
use std::process::Output;
use std::time::{Duration, SystemTime};

use exfiltrace::merge;
use exfiltrace::model::partial::Partial;
use serde_json::Value;

use crate::support::exfiltrace;

const DAY: Duration = Duration::from_secs(86_400);

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A log without years, last written at `at`.
fn log(folder: &Path, name: &str, month: &str, at: SystemTime) {
    std::fs::create_dir_all(folder).unwrap();
    let line = |second: u32| {
        format!(
            "{month} 10 10:00:{second:02} rv-web01 sshd[7]: Failed password for root from 198.51.100.66 port 22 ssh2\n"
        )
    };
    std::fs::write(folder.join(name), (0..5).map(line).collect::<String>()).unwrap();
    std::fs::File::options().append(true).open(folder.join(name)).unwrap().set_modified(at).unwrap();
}

/// The Partial of a scan of `folder`, named `logs`.
fn partial(folder: &Path, out: &Path, flags: &[&str]) -> Partial {
    let (folder, out_text) = (folder.to_str().unwrap(), out.to_str().unwrap());
    let root = format!("logs={folder}");
    let feed = out.with_file_name("feed.txt");
    std::fs::write(&feed, "198.51.100.66\n").unwrap();
    let mut args =
        vec!["scan", "-q", folder, "--root", &root, "--out", out_text, "--indicators", feed.to_str().unwrap()];
    args.extend(flags);
    let output = exfiltrace(&args);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    serde_json::from_slice(&std::fs::read(out.join("state/partial.json")).unwrap()).unwrap()
}

fn text(partial: &Partial) -> String {
    serde_json::to_string(partial).unwrap()
}

/// The whole evidence, and two machines with one log each, copied a year later.
fn machines(temp: &Path) -> [std::path::PathBuf; 3] {
    let written = SystemTime::UNIX_EPOCH + DAY * 20_000; // 2024-10-04
    let folders = ["whole", "first", "second"].map(|name| temp.join(name));
    for (name, month, machine) in [("auth.log", "Sep", 1), ("auth.log.1", "Mar", 2)] {
        log(&folders[0], name, month, written);
        log(&folders[machine], name, month, written + DAY * 365);
    }
    folders
}

#[test]
fn shards_with_one_survey_give_together_what_one_scan_gives() {
    let temp = tempfile::tempdir().unwrap();
    let [whole, first, second] = machines(temp.path());
    let survey = temp.path().join("survey.json");
    let root = format!("logs={}", whole.display());
    let listed = exfiltrace(&["survey", whole.to_str().unwrap(), "--root", &root]);
    assert_eq!(listed.status.code(), Some(0), "{}", said(&listed));
    std::fs::write(&survey, &listed.stdout).unwrap();
    let one = partial(&whole, &temp.path().join("one"), &[]);
    assert!(text(&one).contains("2024-09-10"), "the year comes from the date of the file");
    let shards = |flags: &[&str]| {
        let parts = [partial(&second, &temp.path().join("b"), flags), partial(&first, &temp.path().join("a"), flags)];
        text(&merge::all(parts))
    };
    assert_eq!(shards(&["--survey", survey.to_str().unwrap()]), text(&one));
    assert_ne!(shards(&[]), text(&one), "without the survey, the copies have another year");
}

#[test]
fn a_survey_fits_its_schema_and_lists_what_is_skipped() {
    let temp = tempfile::tempdir().unwrap();
    let [whole, ..] = machines(temp.path());
    std::fs::write(whole.join("empty.log"), "").unwrap();
    let survey: Value = serde_json::from_slice(&exfiltrace(&["survey", whole.to_str().unwrap()]).stdout).unwrap();
    let schema: Value = serde_json::from_slice(&exfiltrace(&["schema", "survey"]).stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(validator.is_valid(&survey), "{survey:#}");
    assert_eq!(survey["files"].as_array().unwrap().len(), 2);
    assert_eq!(survey["skipped"][0]["source"], "whole/empty.log");
    let mut planted = survey;
    planted["planted"] = Value::Bool(true);
    assert!(!validator.is_valid(&planted));
}

#[test]
fn a_survey_of_other_evidence_is_refused_and_a_changed_file_is_told() {
    let temp = tempfile::tempdir().unwrap();
    let [whole, first, _] = machines(temp.path());
    let survey = temp.path().join("survey.json");
    std::fs::write(&survey, exfiltrace(&["survey", whole.to_str().unwrap()]).stdout).unwrap();
    let survey = survey.to_str().unwrap();
    let output = exfiltrace(&["scan", first.to_str().unwrap(), "--survey", survey]);
    assert_eq!(output.status.code(), Some(2));
    for word in ["--survey", "first/auth.log", "exfiltrace survey", "--root NAME=PATH"] {
        assert!(said(&output).contains(word), "{word}: {}", said(&output));
    }
    log(&whole, "auth.log", "October", SystemTime::now());
    let case = temp.path().join("case");
    let output =
        exfiltrace(&["scan", "-q", whole.to_str().unwrap(), "--survey", survey, "--out", case.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let ledger = std::fs::read_to_string(case.join("ledger.jsonl")).unwrap();
    assert!(ledger.contains("changed_during_scan") && ledger.contains("the survey lists"), "{ledger}");
    for (file, word) in
        [("/nowhere.json", "/nowhere.json"), (case.join("verdict.json").to_str().unwrap(), "exfiltrace survey")]
    {
        let output = exfiltrace(&["scan", whole.to_str().unwrap(), "--survey", file]);
        assert_eq!(output.status.code(), Some(2));
        assert!(said(&output).contains("--survey") && said(&output).contains(word), "{}", said(&output));
    }
    assert_eq!(exfiltrace(&["survey", "-"]).status.code(), Some(2));
}

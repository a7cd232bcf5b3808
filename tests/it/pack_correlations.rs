//! The correlations of the embedded pack prove themselves by their own samples: logs, each scanned by itself.

use std::collections::{BTreeMap, BTreeSet};

use exfiltrace::detect::Program;
use serde_json::Value;

use crate::support::exfiltrace;

/// A document of the pack.
struct Document {
    text: String,
    rule: Value,
}

fn word<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

/// The documents of the pack, by every name that correlations may call them.
fn pack() -> BTreeMap<String, Document> {
    let mut pack = BTreeMap::new();
    for (_, text) in Program::builtin() {
        let rule: Value = serde_yaml_ng::from_str(&text).unwrap();
        for key in ["id", "name"] {
            let (text, rule) = (text.clone(), rule.clone());
            pack.insert(word(&rule, key).to_owned(), Document { text, rule });
        }
    }
    pack
}

/// A correlation with all that it counts on, by id.
fn counted_on<'p>(pack: &'p BTreeMap<String, Document>, name: &str, found: &mut BTreeMap<&'p str, &'p str>) {
    let document = pack.get(name).unwrap_or_else(|| panic!("{name} is not in the pack"));
    if found.insert(word(&document.rule, "id"), &document.text).is_none() {
        let rules = document.rule["correlation"]["rules"].as_array().into_iter().flatten();
        rules.for_each(|rule| counted_on(pack, rule.as_str().unwrap(), found));
    }
}

/// The log that a sample stands for. A record with a count is written so many times: `{n}` is its number from 0, `{m}`
/// and `{s}` are that number as minutes and seconds.
fn log(sample: &Value) -> String {
    let mut log = String::new();
    for part in sample["records"].as_array().unwrap() {
        for number in 0..part["count"].as_u64().unwrap_or(1) {
            let (minutes, seconds) = (format!("{:02}", number / 60 % 60), format!("{:02}", number % 60));
            let record = word(part, "record").replace("{m}", &minutes).replace("{s}", &seconds);
            log.push_str(&record.replace("{n}", &number.to_string()));
            log.push('\n');
        }
    }
    log
}

/// Ids of the rules and correlations that a scan of one log finds, and the format it is taken for.
fn found(rules: &BTreeMap<&str, &str>, log: &str) -> (BTreeSet<String>, String) {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir(path("rules")).unwrap();
    for (id, text) in rules {
        std::fs::write(temp.path().join("rules").join(format!("{id}.yml")), text).unwrap();
    }
    std::fs::write(path("sample.log"), log).unwrap();
    let case = path("case");
    let output = exfiltrace(&[
        "scan",
        "--quiet",
        "--no-builtin",
        "--rules",
        &path("rules"),
        &path("sample.log"),
        "--out",
        &case,
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = |name: &str| -> Vec<Value> {
        let text = std::fs::read_to_string(format!("{case}/{name}")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let ids = lines("findings.jsonl").iter().map(|finding| word(&finding["rule"], "id").to_owned()).collect();
    (ids, word(&lines("ledger.jsonl")[0], "format").to_owned())
}

#[test]
fn every_correlation_of_the_pack_is_met_and_missed_by_what_it_says() {
    let pack = pack();
    let correlations: BTreeMap<&str, &Value> = pack
        .values()
        .filter(|document| document.rule["correlation"].is_object())
        .map(|document| (word(&document.rule, "id"), &document.rule))
        .collect();
    assert!(correlations.len() >= 30, "the pack holds {} correlations", correlations.len());
    let mut wrong = Vec::new();
    for (id, rule) in correlations {
        let mut rules = BTreeMap::new();
        counted_on(&pack, id, &mut rules);
        for (key, expected) in [("matches", true), ("misses", false)] {
            let samples = rule["exfiltrace"][key].as_array().unwrap();
            assert!(!samples.is_empty(), "{} has no {key}", rule["title"]);
            for (number, sample) in samples.iter().enumerate() {
                let (ids, format) = found(&rules, &log(sample));
                if format != word(sample, "format") || ids.contains(id) != expected {
                    wrong.push(format!("{}: {key} {number}, taken for {format}", rule["title"]));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

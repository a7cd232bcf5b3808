//! The whole product over real logs: nothing lost, the truth found.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::support::{exfiltrace, shared};

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Every regular file under a folder, by path relative to it.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn the_corpora_are_accounted_for_to_the_byte_and_their_indicators_found() {
    let Some(corpora) = shared("corpora") else { return };
    let temp = tempfile::tempdir().unwrap();
    let case = temp.path().join("case");
    let path = |name: &str| corpora.join(name).to_str().unwrap().to_owned();
    let output = exfiltrace(&[
        "scan",
        "--quiet",
        "--max-evidence",
        "3",
        corpora.to_str().unwrap(),
        "--indicators",
        &path("ioc/ipsum/ipsum.txt.gz"),
        "--indicators",
        &path("ioc/maltrail/maltrail-trails.tar.gz"),
        "--out",
        case.to_str().unwrap(),
    ]);
    assert!(
        output.status.code().is_some_and(|code| code < 2),
        "the scan ends by itself: {:?} {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    let ledger = lines(&case.join("ledger.jsonl"));
    every_file_is_there(&corpora, &ledger);
    every_byte_is_accounted_for(&ledger);
    assert!(!ledger.iter().any(|e| reasons(e).any(|r| r == "parser_failed")), "no parser fails on the corpora");
    the_listed_hits_are_found(&corpora, &lines(&case.join("findings.jsonl")));
}

fn reasons(entry: &Value) -> impl Iterator<Item = &str> {
    entry["notes"].as_array().into_iter().flatten().filter_map(|note| note["reason"].as_str())
}

fn every_file_is_there(corpora: &Path, ledger: &[Value]) {
    let named: std::collections::BTreeSet<&str> = ledger.iter().filter_map(|e| e["source"].as_str()).collect();
    for file in files(corpora) {
        let locator = format!("corpora/{}", file.replace('%', "%25"));
        let below = format!("{locator}!/");
        assert!(
            named.contains(locator.as_str()) || named.iter().any(|name| name.starts_with(&below)),
            "{locator} is not in the ledger"
        );
    }
}

fn every_byte_is_accounted_for(ledger: &[Value]) {
    let (mut decoded, mut fates) = (0, 0);
    for entry in ledger {
        let size = entry["size"].as_u64().unwrap();
        match entry["kind"].as_str().unwrap() {
            "source" => {
                let sum: u64 = entry["bytes"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
                assert_eq!(sum, size, "{}", entry["source"]);
                decoded += size;
                fates += sum;
            }
            "container" => {
                let sum: u64 = entry["stored"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
                assert_eq!(sum, size, "{}", entry["source"]);
            }
            _ => assert!(reasons(entry).next().is_some(), "{} is skipped without a reason", entry["source"]),
        }
    }
    assert_eq!(decoded, fates);
    assert!(decoded > 50_000_000, "the corpora decode to more than 50 MB");
}

/// The truth counts lines with the exact token, of ipsum addresses and of the domains in two folders of maltrail.
/// Hits of other feeds or kinds are not in it and are left out here by what the findings say of themselves.
fn the_listed_hits_are_found(corpora: &Path, findings: &[Value]) {
    let truth: Value =
        serde_json::from_str(&std::fs::read_to_string(corpora.join("ioc-hits-truth.json")).unwrap()).unwrap();
    let mut expected = BTreeMap::new();
    for (file, hits) in truth.as_object().unwrap() {
        for (_, values) in hits.as_object().unwrap() {
            for (value, count) in values.as_object().unwrap() {
                expected.insert((format!("corpora/{file}"), value.clone()), count.as_u64().unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    for finding in findings.iter().filter(|f| f["kind"] == "indicator") {
        let indicator = &finding["indicator"];
        let source = finding["evidence"][0]["source"].as_str().unwrap();
        let listed = indicator["feed"].as_str().unwrap().split(", ").any(|feed| {
            let ip = feed.contains("ipsum") && indicator["kind"] == "ipv4";
            let domain = (feed.contains("/malware/") || feed.contains("/malicious/")) && indicator["kind"] == "domain";
            ip || domain
        });
        let in_truth = source.strip_prefix("corpora/").is_some_and(|file| truth.get(file).is_some());
        if !listed || !in_truth || indicator["match"] != "exact" {
            continue;
        }
        let key = (source.to_owned(), indicator["value"].as_str().unwrap().to_owned());
        *found.entry(key).or_insert(0) += finding["count"].as_u64().unwrap();
    }
    assert_eq!(found, expected);
}

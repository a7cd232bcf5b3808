//! The embedded rules over material that holds no attack: how often each matches there, and that none of level high or
//! above does, save where the records themselves show an attack.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use exfiltrace::detect::{Program, Routing};
use exfiltrace::model::rule::Level;
use serde_json::Value;

use crate::support::{exfiltrace, project, shared};

/// Attacks in material that is else benign: title of the rule, the file, and what each record that it matches must hold,
/// which is the attack itself.
const ATTACKS: &[(&str, &str, &str)] = &[
    // A web shell named evil.php is asked to run `uname -a`, in a log that was made to show just that.
    ("Command run through a web shell", "text/plaso/apache_access.log", "/evil.php?cmd="),
];

/// A kind of material, with the folders or files that hold it.
struct Material {
    name: &'static str,
    paths: Vec<PathBuf>,
}

/// What a scan of one kind of material found.
#[derive(Default)]
struct Seen {
    records: u64,
    /// Hits by title.
    hits: BTreeMap<String, u64>,
    /// Title, file and text of the records that rules of level high or above match.
    grave: Vec<(String, String, String)>,
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// All benign material that is here. The events of unit tests of another product stand in records of theirs; those that
/// must not match there are written to a folder as a log would hold them.
fn material(folder: &Path) -> Vec<Material> {
    let mut all = vec![Material { name: "fixture", paths: vec![project("fixtures/benign/evidence")] }];
    for name in ["text", "web"] {
        all.extend(shared(&format!("corpora/{name}")).map(|path| Material { name, paths: vec![path] }));
    }
    let Some(tests) = shared("corpora/cloud/panther-tests") else { return all };
    for entry in std::fs::read_dir(tests).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "jsonl") {
            continue;
        }
        let benign = lines(&path).into_iter().filter(|test| test["expected_match"] == false && test["log"].is_object());
        let text: String = benign.map(|test| format!("{}\n", test["log"])).collect();
        std::fs::write(folder.join(path.file_name().unwrap()), text).unwrap();
    }
    all.push(Material { name: "unit tests", paths: vec![folder.to_owned()] });
    all
}

/// Scans one kind of material with the embedded rules alone.
fn scan(material: &Material) -> Seen {
    let temp = tempfile::tempdir().unwrap();
    let case = temp.path().join("case");
    let mut args = vec!["scan", "--quiet", "--max-evidence", "10000", "--out", case.to_str().unwrap()];
    args.extend(material.paths.iter().map(|path| path.to_str().unwrap()));
    let output = exfiltrace(&args);
    assert!(output.status.code().is_some_and(|code| code < 2), "{}", String::from_utf8_lossy(&output.stderr));
    let records = lines(&case.join("ledger.jsonl")).iter().filter_map(|entry| entry["records"].as_u64()).sum();
    let mut seen = Seen { records, ..Seen::default() };
    for finding in lines(&case.join("findings.jsonl")).iter().filter(|finding| finding["rule"].is_object()) {
        let title = finding["rule"]["title"].as_str().unwrap();
        *seen.hits.entry(title.to_owned()).or_default() += finding["count"].as_u64().unwrap();
        if matches!(finding["level"].as_str(), Some("high" | "critical")) {
            assert_eq!(finding["omitted"], 0, "every record of {title} is cited");
            seen.grave.extend(finding["evidence"].as_array().unwrap().iter().map(|evidence| {
                let text = |key: &str| evidence[key].as_str().unwrap().to_owned();
                (title.to_owned(), text("source"), text("excerpt"))
            }));
        }
    }
    seen
}

/// Hits of every rule that matches, by kind of material; most grave first.
fn table(program: &Program, all: &[(&'static str, Seen)]) -> String {
    let mut out = String::from("| level | rule |");
    all.iter().for_each(|(name, seen)| write!(out, " {name} ({} records) |", seen.records).unwrap());
    write!(out, "\n| --- | --- |{}\n", " ---: |".repeat(all.len())).unwrap();
    let mut rules: Vec<(Level, &str)> = program.rules().iter().map(|rule| (rule.level, rule.title.as_str())).collect();
    rules.sort_by_key(|&(level, title)| (std::cmp::Reverse(level), title));
    let count = |seen: &Seen, title: &str| seen.hits.get(title).copied().unwrap_or(0);
    let (hit, quiet): (Vec<_>, Vec<_>) =
        rules.into_iter().partition(|(_, title)| all.iter().any(|(_, seen)| count(seen, title) > 0));
    for (level, title) in hit {
        write!(out, "| {} | {title} |", level.word()).unwrap();
        all.iter().for_each(|(_, seen)| write!(out, " {} |", count(seen, title)).unwrap());
        out.push('\n');
    }
    for level in [Level::Critical, Level::High, Level::Medium, Level::Low, Level::Informational] {
        let none = quiet.iter().filter(|(of, _)| *of == level).count();
        if none > 0 {
            write!(out, "| {} | {none} others |{}\n", level.word(), " 0 |".repeat(all.len())).unwrap();
        }
    }
    out
}

#[test]
fn no_grave_rule_of_the_pack_matches_what_is_benign() {
    let temp = tempfile::tempdir().unwrap();
    let all: Vec<(&'static str, Seen)> =
        material(temp.path()).iter().map(|material| (material.name, scan(material))).collect();
    let (program, _) = Program::compile(Program::builtin(), Routing::Auto);
    println!("{}", table(&program, &all));
    let grave: Vec<&(String, String, String)> = all.iter().flat_map(|(_, seen)| &seen.grave).collect();
    let shown = |(title, file, text): &(String, String, String)| {
        ATTACKS.iter().position(|(rule, source, attack)| title == rule && file == source && text.contains(attack))
    };
    let wrong: Vec<_> = grave.iter().filter(|hit| shown(hit).is_none()).collect();
    assert!(wrong.is_empty(), "rules to mend or to lower: {wrong:#?}");
    let met: BTreeSet<usize> = grave.iter().filter_map(|hit| shown(hit)).collect();
    if shared("corpora/text").is_some() {
        assert_eq!(met.len(), ATTACKS.len(), "an attack that no rule meets any more is not on the list");
    }
}

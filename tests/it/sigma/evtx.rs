//! Suites over Windows event logs as they are stored: one scan of them all, with every rule of SigmaHQ for Windows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::files::{Found, scan, windows_rules};
use super::{Dissent, folder, judge, suite};

/// Each case is a log, with the rules that each of its records meets.
const BY_RECORD: [&str; 3] = ["sigmahq-cross", "evtx-attack-samples", "hayabusa-sample-evtx"];

/// Each case is a log, with the rule that it was made for.
const BY_RULE: &str = "sigmahq-regression";

/// A log of a suite, and its name in the evidence.
struct Log {
    suite: &'static str,
    case: Value,
    name: String,
}

impl Log {
    fn input(&self) -> &str {
        self.case["input"].as_str().unwrap().rsplit('/').next().unwrap()
    }

    /// Records of which the suite tells.
    fn records(&self) -> u64 {
        let listed = || self.case["expected"].as_array().map(|records| records.len() as u64);
        self.case["records"].as_u64().or_else(listed).unwrap()
    }

    /// The rules that a record is to meet, by its number in a list or a map.
    fn expected(&self, record: u64) -> BTreeSet<String> {
        let rules = match &self.case["expected"] {
            Value::Array(records) => records.get(record as usize),
            records => records.get(record.to_string()),
        };
        rules.and_then(Value::as_array).into_iter().flatten().map(|id| id.as_str().unwrap().to_owned()).collect()
    }

    /// The rules that a record meets.
    fn met(&self, record: u64, found: &Found) -> BTreeSet<String> {
        found.get(&(self.name.clone(), record)).cloned().unwrap_or_default()
    }

    /// What is said of a record that does not meet the rules that it is to meet.
    fn difference(&self, record: u64, found: &Found) -> Option<String> {
        let (met, expected) = (self.met(record, found), self.expected(record));
        let more: Vec<_> = met.difference(&expected).collect();
        let less: Vec<_> = expected.difference(&met).collect();
        (met != expected).then(|| format!("{} {record}: too many {more:?}, missing {less:?}", self.input()))
    }
}

/// The logs of the suites in one folder. A file that is delivered again counts once, under its first name in text order.
fn logs(evidence: &Path) -> Option<Vec<Log>> {
    let mut names: BTreeMap<Vec<u8>, String> = BTreeMap::new();
    let mut logs = Vec::new();
    for name in BY_RECORD.into_iter().chain([BY_RULE]) {
        for case in suite(name)? {
            let input = case["input"].as_str().unwrap();
            let number = names.len();
            let kept = names.entry(std::fs::read(folder()?.join(input)).unwrap()).or_insert_with_key(|bytes| {
                let name = format!("{number:04}.{}", input.rsplit('.').next().unwrap());
                std::fs::write(evidence.join(&name), bytes).unwrap();
                name
            });
            logs.push(Log { suite: name, name: kept.clone(), case });
        }
    }
    Some(logs)
}

fn by_record(suite: &str, logs: &[Log], found: &Found) {
    let (mut all, mut hits, mut wrong) = (0, 0, Vec::new());
    for log in logs.iter().filter(|log| log.suite == suite) {
        for record in 0..log.records() {
            all += 1;
            hits += log.expected(record).len();
            wrong.extend(log.difference(record, found));
        }
    }
    eprintln!("{suite}: {all} records meet {hits} rules");
    let dissents: &[Dissent] = if suite == "hayabusa-sample-evtx" { &LABELS } else { &[] };
    judge(suite, all, &wrong, dissents);
}

/// Processes of 4688 whose label rules ask for: the suite's fields of 4688 have no `IntegrityLevel`.
const LABELS: [Dissent; 4] = [
    label("72117728_ID4688,6416,4648-SystemNightMare.evtx 51"),
    label("3964133d_ID4688,5140,5145-WMIexec_execution_via_SMB_(GLOBAL).evtx 22"),
    label("3964133d_ID4688,5140,5145-WMIexec_execution_via_SMB_(GLOBAL).evtx 60"),
    label("a83efcf7_cmd_dumping_ntds_dit_file_ntdsutil.zip 112"),
];

const fn label(case: &'static str) -> Dissent {
    Dissent { case, clause: "MandatoryLabel of 4688 is IntegrityLevel" }
}

fn by_rule(suite: &str, logs: &[Log], found: &Found) {
    let (mut all, mut wrong) = (0, Vec::new());
    for log in logs.iter().filter(|log| log.suite == suite) {
        let rule = log.case["name"].as_str().unwrap().rsplit('/').next().unwrap();
        let hits = (0..log.records()).filter(|&record| log.met(record, found).contains(rule)).count() as u64;
        let expected = log.case["expected_min"].as_u64().unwrap();
        all += 1;
        if hits < expected {
            wrong.push(format!("{rule}: {hits} records for {expected}"));
        }
    }
    judge(suite, all, &wrong, &[]);
}

#[test]
fn windows_event_logs_with_all_rules_for_windows() {
    let evidence = tempfile::tempdir().unwrap();
    let (Some(logs), Some(rules)) = (logs(evidence.path()), windows_rules()) else { return };
    let found = scan(evidence.path(), rules.path());
    BY_RECORD.iter().for_each(|suite| by_record(suite, &logs, &found));
    by_rule(BY_RULE, &logs, &found);
}

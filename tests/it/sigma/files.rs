//! Suites of whole files, each through a real scan.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::{Dissent, folder, judge, suite};
use crate::support::{exfiltrace, sigma};

/// Rule ids by file name and record, of a scan of a folder. What an archive holds has the archive's name.
pub(super) type Found = BTreeMap<(String, u64), BTreeSet<String>>;

pub(super) fn scan(evidence: &Path, rules: &Path) -> Found {
    let (evidence, rules) = (evidence.to_str().unwrap(), rules.to_str().unwrap());
    let output = exfiltrace(&["scan", "-q", "--no-builtin", "--rules", rules, evidence]);
    assert!(output.status.code().is_some_and(|code| code < 2), "{}", String::from_utf8_lossy(&output.stderr));
    let mut found = Found::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let finding: Value = serde_json::from_str(line).unwrap();
        if finding["kind"] != "rule" {
            continue;
        }
        let rule = finding["rule"]["id"].as_str().unwrap();
        for place in finding["evidence"].as_array().unwrap() {
            let file = place["source"].as_str().unwrap().split("!/").next().unwrap();
            let name = file.rsplit('/').next().unwrap();
            // What stands in free space no other tool was asked about.
            let Some(record) = place["record"].as_u64().or_else(|| {
                assert_eq!(place["recovered"], true, "{place}");
                None
            }) else {
                continue;
            };
            let at = (name.to_owned(), record);
            found.entry(at).or_default().insert(rule.to_owned());
        }
    }
    found
}

/// A folder with the SigmaHQ rules for Windows.
pub(super) fn windows_rules() -> Option<tempfile::TempDir> {
    let folder = tempfile::tempdir().unwrap();
    let rules: Vec<_> = sigma().into_iter().filter(|(_, text)| text.contains("product: windows")).collect();
    for (number, (_, text)) in rules.iter().enumerate() {
        std::fs::write(folder.path().join(format!("{number}.yml")), text).unwrap();
    }
    (!rules.is_empty()).then_some(folder)
}

/// Processes that Security 4688 tells of in a channel that NXLog wrote as `security`. Where it stands as `Security` the
/// suite has such events meet the same rules. And one whose label a rule asks for, which the suite's fields of 4688 leave out.
const OTHERWISE: &[Dissent] = &[
    Dissent { case: "empire_shell_reg_dump_sam.ndjson 250:", clause: VALUES_HAVE_NO_CASE },
    Dissent { case: "empire_dcsync_dcerpc_drsuapi_DsGetNCChanges.ndjson 571:", clause: VALUES_HAVE_NO_CASE },
    Dissent { case: "empire_shell_net_local_users.ndjson 223:", clause: VALUES_HAVE_NO_CASE },
    Dissent { case: "empire_shell_net_local_users.ndjson 224:", clause: VALUES_HAVE_NO_CASE },
    Dissent { case: "empire_shell_net_localgroup_administrators.ndjson 171:", clause: VALUES_HAVE_NO_CASE },
    Dissent { case: "empire_shell_net_localgroup_administrators.ndjson 172:", clause: VALUES_HAVE_NO_CASE },
    Dissent {
        case: "cmd_dumping_ntds_dit_file_ntdsutil.ndjson 112:",
        clause: "MandatoryLabel of 4688 is IntegrityLevel",
    },
];

const VALUES_HAVE_NO_CASE: &str = "specification 2.1.0, rules, detection: values are compared without case";

#[test]
fn events_that_nxlog_wrote() {
    let (Some(cases), Some(rules)) = (suite("otrf-nxlog"), windows_rules()) else { return };
    let found = scan(&folder().unwrap().join("otrf-nxlog"), rules.path());
    let mut wrong = Vec::new();
    let mut all = 0;
    for case in &cases {
        let name = case["input"].as_str().unwrap().rsplit('/').next().unwrap();
        for record in 0..case["records"].as_u64().unwrap() {
            let expected: BTreeSet<String> = case["expected"][record.to_string()]
                .as_array()
                .into_iter()
                .flatten()
                .map(|id| id.as_str().unwrap().to_owned())
                .collect();
            let met = found.get(&(name.to_owned(), record)).cloned().unwrap_or_default();
            all += 1;
            if met != expected {
                wrong.push(format!("{name} {record}: {met:?} for {expected:?}"));
            }
        }
    }
    judge("otrf-nxlog", all, &wrong, OTHERWISE);
}

#[test]
fn regression_events_of_sigmahq_as_json() {
    let Some(cases) = suite("sigmahq-regression") else { return };
    let (evidence, rules) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = folder().unwrap();
    let mut numbers: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for (number, case) in cases.iter().enumerate() {
        let input = folder.join(case["input"].as_str().unwrap()).with_extension("json");
        let text = std::fs::read(input).unwrap();
        std::fs::write(evidence.path().join(format!("{number}.json")), &text).unwrap();
        // Some rules have the same event: a file that is delivered again counts once, under the first name in text order.
        let first = numbers.entry(text).or_insert(number);
        *first = if number.to_string() < first.to_string() { number } else { *first };
        std::fs::copy(folder.join(case["rule"].as_str().unwrap()), rules.path().join(format!("{number}.yml"))).unwrap();
    }
    let found = scan(evidence.path(), rules.path());
    let mut wrong = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let id = case["name"].as_str().unwrap().rsplit('/').next().unwrap();
        let text = std::fs::read(evidence.path().join(format!("{number}.json"))).unwrap();
        let name = format!("{}.json", numbers[&text]);
        let hits = found.iter().filter(|((file, _), rules)| *file == name && rules.contains(id)).count() as u64;
        let expected = case["expected_min"].as_u64().unwrap();
        if hits < expected {
            wrong.push(format!("{id} ({}): {hits} records for {expected}", case["input"]));
        }
    }
    judge("sigmahq-regression (JSON)", cases.len(), &wrong, &[]);
}

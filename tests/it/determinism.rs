//! Same evidence, same bytes out: whatever the threads, the grid, the order, the way of sharding.

use std::collections::BTreeMap;
use std::path::Path;

use exfiltrace::discover;
use exfiltrace::emit::{self, CaseInput};
use exfiltrace::merge;
use exfiltrace::model::partial::Partial;
use exfiltrace::model::rule::Level;
use exfiltrace::model::source::Survey;
use exfiltrace::plan::Plan;
use exfiltrace::scan::{self, Outcome};
use exfiltrace::work::Work;

use crate::support::{exfiltrace, fixture_plan, project};

fn bytes(outcome: &Outcome) -> String {
    let parts =
        (&outcome.verdict, &outcome.findings, &outcome.transfers, &outcome.coverage, &outcome.ledger, &outcome.partial);
    serde_json::to_string(&parts).unwrap()
}

#[test]
fn partials_merge_to_one_scan_in_any_order_and_grouping() {
    let plan = fixture_plan("incident");
    let whole = scan::scan(&plan).unwrap();
    assert!(whole.findings.list().len() > 3, "the incident shows findings");
    let whole = bytes(&whole);
    let survey = discover::survey(&plan.roots, &plan.skip).unwrap();
    for shards in [2, 3, 5] {
        let mut partials: Vec<String> = (0..shards)
            .map(|shard| {
                let files = survey.files.iter().skip(shard).step_by(shards).cloned().collect();
                let skipped = if shard == 0 { survey.skipped.clone() } else { Vec::new() };
                let (partial, _) = scan::sources(&plan, &Survey { files, skipped, ..Survey::default() }).unwrap();
                serde_json::to_string(&partial).unwrap()
            })
            .collect();
        for turn in 0..2 {
            partials.rotate_left(turn + 1);
            if turn == 1 {
                partials.reverse();
            }
            let read = partials.iter().map(|text| serde_json::from_str::<Partial>(text).unwrap());
            let merged = scan::conclude(&plan, merge::all(read));
            assert_eq!(bytes(&merged), whole, "{shards} shards, turn {turn}");
        }
    }
}

/// What outgrows memory goes to the work folder and comes back the same, in the case and on standard output.
#[test]
fn a_case_is_the_same_where_hits_and_findings_outgrow_memory() {
    let temp = tempfile::tempdir().unwrap();
    let told = |work: Work| {
        let plan = Plan { work, ..fixture_plan("incident") };
        let outcome = scan::scan(&plan).unwrap();
        let clocks = exfiltrace::emit::ClocksUsed::default();
        let input = CaseInput {
            clocks: &clocks,
            rules: &exfiltrace::emit::RulesUsed::default(),
            verdict: &outcome.verdict,
            findings: &outcome.findings,
            transfers: &outcome.transfers,
            coverage: &outcome.coverage,
            ledger: &outcome.ledger,
            partial: &outcome.partial,
        };
        let mut lines = Vec::new();
        emit::stdout_jsonl(&outcome.findings, &plan.work, &mut lines).unwrap();
        let shown = (emit::summary(&input, false, 100), emit::report_html(&input), lines);
        let grave = outcome.findings.filtered(&plan.work, |finding| finding.level >= Level::High);
        let grave = serde_json::to_string(&grave).unwrap();
        assert!(plan.work.fault().is_none());
        (outcome.findings.is_written_out(), bytes(&outcome), shown, grave)
    };
    let (held, written) = (told(Work::new(None, 0)), told(Work::new(Some(temp.path().join("w")), 4096)));
    assert_eq!((held.0, written.0), (false, true));
    assert!(held.1 == written.1, "the case differs");
    assert!(held.2 == written.2, "what is shown differs");
    assert!(held.3 == written.3 && held.3.len() > 1000, "the grave findings differ");
    assert_eq!(std::fs::read_dir(temp.path().join("w")).unwrap().count(), 0, "nothing is left in the folder");
}

/// All files of a case but the manifest.
pub fn case_files(case: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![case.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().unwrap() != "manifest.json" {
                let name = path.strip_prefix(case).unwrap().to_string_lossy().into_owned();
                files.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    files
}

#[test]
fn a_case_is_the_same_for_threads_grids_and_orders() {
    let temp = tempfile::tempdir().unwrap();
    let fixture = project("fixtures/incident");
    let mut roots: Vec<String> = std::fs::read_dir(fixture.join("evidence"))
        .unwrap()
        .map(|entry| entry.unwrap().path().to_str().unwrap().to_owned())
        .collect();
    roots.sort();
    let scopes = fixture.join("scopes.toml");
    let feed = fixture.join("indicators.txt");
    let mut first: Option<BTreeMap<String, Vec<u8>>> = None;
    let variants = [("1", "262144", "1"), ("2", "4096", "2"), ("3", "262144", "3"), ("7", "65536", "4")];
    for (number, (threads, cell, seed)) in variants.iter().enumerate() {
        let out = temp.path().join(format!("case{number}"));
        let mut args = vec!["scan", "--quiet", "--threads", threads, "--x-cell-bytes", cell, "--x-shuffle", seed];
        args.extend(["--scopes", scopes.to_str().unwrap(), "--indicators", feed.to_str().unwrap()]);
        args.extend(["--max-memory", "8G", "--out", out.to_str().unwrap()]);
        let middle = number % roots.len();
        roots.rotate_left(middle);
        args.extend(roots.iter().map(String::as_str));
        let output = exfiltrace(&args);
        assert!(output.status.code().is_some_and(|code| code < 2), "{}", String::from_utf8_lossy(&output.stderr));
        let files = case_files(&out);
        assert!(files.contains_key("findings.jsonl"));
        match &first {
            None => first = Some(files),
            Some(first) => {
                let names: Vec<_> = first.keys().collect();
                assert_eq!(names, files.keys().collect::<Vec<_>>());
                for (name, content) in first {
                    assert!(content == &files[name], "{name} differs with {threads} threads, cell {cell}");
                }
            }
        }
    }
}

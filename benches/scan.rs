//! The whole scan over the incident: decoding, digests, sifting, parsing, rules, the verdict.
#![allow(clippy::unwrap_used, reason = "a bench may stop at the first fault")]

mod input;
#[path = "../tests/it/support.rs"]
#[allow(dead_code, reason = "tests need more of it")]
mod support;

use divan::Bencher;
use divan::counter::BytesCount;
use exfiltrace::model::ledger::EntryKind;
use exfiltrace::open::DigestKind;
use exfiltrace::scan::{self, Outcome};

use input::{count, fixture};

fn main() {
    divan::main();
}

/// Records of the incident, counted without the product's splitter and parsers: lines that are no directive, and events.
fn records() -> u64 {
    let survey =
        exfiltrace::discover::survey(&support::fixture_plan("incident").roots, &[]).expect("fixtures are here");
    let texts = survey.files.iter().map(|file| fixture(&format!("incident/{}", file.locator)));
    let records = texts.map(|text| match count(&text, "{\"Records\":[") {
        0 => text.split(|&b| b == b'\n').filter(|line| !line.is_empty() && !line.starts_with(b"#")).count(),
        _ => count(&text, "\"eventVersion\""),
    });
    records.sum::<usize>() as u64
}

/// What the ledger counted: records and decoded bytes.
fn counted(outcome: &Outcome) -> (u64, u64) {
    let sources = outcome.ledger.iter().filter(|entry| entry.kind == EntryKind::Source);
    sources.fold((0, 0), |(records, bytes), entry| (records + entry.records, bytes + entry.bytes.total()))
}

/// Scopes of the incident with the state that the truth file gives them, sorted.
fn truth() -> Vec<(String, String)> {
    let truth: serde_json::Value = serde_json::from_slice(&fixture("incident/truth.json")).expect("the truth is JSON");
    let text = |scope: &serde_json::Value, key: &str| scope[key].as_str().expect("a word").to_owned();
    let scopes = truth["scopes"].as_array().expect("a list").iter();
    let mut states: Vec<_> = scopes.map(|scope| (text(scope, "scope"), text(scope, "state"))).collect();
    states.sort();
    states
}

/// The same of what the scan says of the scopes that the truth names (it speaks of the unattributed as well).
fn judged(outcome: &Outcome, truth: &[(String, String)]) -> Vec<(String, String)> {
    let named = |scope: &str| truth.iter().any(|(name, _)| name == scope);
    let scopes = outcome.verdict.scopes.iter().filter(|scope| named(&scope.scope));
    let mut states: Vec<_> = scopes.map(|scope| (scope.scope.clone(), scope.state.word().to_owned())).collect();
    states.sort();
    states
}

fn bench(bencher: Bencher, digest: DigestKind) {
    let mut plan = support::fixture_plan("incident");
    plan.opening.digest = digest;
    let (records, truth) = (records(), truth());
    let (_, bytes) = counted(&scan::scan(&plan).expect("fixtures are here"));
    bencher.counter(BytesCount::new(bytes)).bench_local(|| {
        let outcome = scan::scan(&plan).expect("fixtures are here");
        assert_eq!(counted(&outcome), (records, bytes));
        assert!(!outcome.findings.list().is_empty());
        assert_eq!(judged(&outcome, &truth), truth);
    });
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn digest_off(bencher: Bencher) {
    bench(bencher, DigestKind::Off);
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn digest_sha256(bencher: Bencher) {
    bench(bencher, DigestKind::Sha256);
}

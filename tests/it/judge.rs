//! Both sides of the judge's clauses, on hand-built findings and transfers; merge properties.

use std::sync::Arc;

use exfiltrace::judge::{CLAUSES, judge};
use exfiltrace::merge;
use exfiltrace::model::coverage::{Coverage, Gap, GapReason, SourceCoverage};
use exfiltrace::model::finding::{Entities, Finding, FindingKind, FindingRule, FindingTime};
use exfiltrace::model::ledger::{Entry, EntryKind, Reason};
use exfiltrace::model::partial::{Partial, SourcePartial};
use exfiltrace::model::place::Locator;
use exfiltrace::model::rule::{Level, Outcome, Route, Stage};
use exfiltrace::model::time::{Instant, Span};
use exfiltrace::model::transfer::{Bounds, Transfer};
use exfiltrace::model::verdict::{Intrusion, ScopeVerdict, State};
use exfiltrace::model::whose::Whose;
use exfiltrace::scope;
use proptest::prelude::*;

const SCOPES: &str =
    "[[scope]]\nname='hc'\ncidr=['10.2.0.0/16']\n[[host]]\nname='hc-fs01'\nip=['10.2.0.5']\nscope='hc'\n";
const SANCTIONED: &str = "[[sanctioned]]\ndestination=['vendor.example']\nhost=['hc-fs01']\nwhy='backup'\n";
const GIB: u64 = 1 << 30;

fn at(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

fn whose(more: &str) -> Whose {
    scope::compile(&toml::from_str(&format!("{SCOPES}{more}")).unwrap()).unwrap()
}

fn finding(id: &str, stage: Stage, outcome: Outcome, from: &str, host: &str) -> Finding {
    let when = Some(at("2026-03-02T10:00:00Z"));
    Finding {
        id: id.to_owned(),
        kind: FindingKind::Rule,
        rule: FindingRule { id: "r".to_owned(), title: "t".to_owned() },
        level: Level::High,
        stage: vec![stage],
        attack: Vec::new(),
        route: None,
        outcome,
        scope: "hc".to_owned(),
        time: FindingTime { first: when, last: when, assumed: None },
        entities: Entities { sources: vec![from.to_owned()], hosts: vec![host.to_owned()], ..Entities::default() },
        count: 1,
        omitted: 0,
        evidence: Vec::new(),
        indicator: None,
        links: Vec::new(),
        text: "t".to_owned(),
    }
}

fn transfer(route: Route, from: &str, to: &str, bytes: u64, day: u32, whose: &Whose) -> Transfer {
    let first = at(&format!("2026-03-{day:02}T12:00:00Z"));
    let mut t = Transfer {
        id: "t-1".to_owned(),
        scope: "hc".to_owned(),
        route,
        from: from.to_owned(),
        to: to.to_owned(),
        to_names: Vec::new(),
        accounts: Vec::new(),
        bytes: Bounds::exact(bytes),
        records: 1,
        time: Some(Span::at(first)),
        hours: vec![first.hour()],
        hour_bytes: vec![bytes],
        seen_by: vec![Locator::from_encoded("e/fw.log")],
        evidence: Vec::new(),
        sanctioned: None,
    };
    t.sanctioned = whose.sanction(&t).map(|s| s.why.clone());
    t
}

fn coverage(gaps: Vec<Gap>) -> Coverage {
    let source = SourceCoverage {
        source: Locator::from_encoded("e/fw.log"),
        format: "kv".to_owned(),
        scopes: vec!["hc".to_owned()],
        from: Some(at("2026-03-01T00:00:00Z")),
        to: Some(at("2026-03-31T00:00:00Z")),
        records: 9,
        untimed: 0,
        zone_assumed: 0,
        year_assumed: 0,
        gaps,
        observes: vec![Route::HttpsUpload, Route::WebResponse, Route::Network],
        not_logged: Vec::new(),
    };
    Coverage { schema: String::new(), sources: vec![source], gaps: Vec::new() }
}

fn hc(findings: &[Finding], transfers: &[Transfer], whose: &Whose) -> ScopeVerdict {
    judge(findings, transfers, &coverage(Vec::new()), whose).scopes.swap_remove(0)
}

fn cites(verdict: &ScopeVerdict, clause: &str) -> bool {
    verdict.reasons.iter().chain(&verdict.counter_evidence).any(|r| r.clause == clause)
}

#[test]
fn nothing_is_no_evidence_and_noise_stays_so() {
    let whose = whose("");
    assert_eq!(hc(&[], &[], &whose).state, State::NoEvidence);
    let mut noise = finding("f", Stage::Discovery, Outcome::Failed, "203.0.113.9", "hc-web");
    noise.level = Level::Medium;
    let told = hc(&[noise], &[], &whose);
    assert_eq!((told.state, cites(&told, "J-05")), (State::NoEvidence, true));
}

#[test]
fn a_failed_attack_is_attempted_and_a_successful_one_intrusion() {
    let whose = whose("");
    let tried = hc(&[finding("f", Stage::InitialAccess, Outcome::Failed, "203.0.113.9", "hc-web")], &[], &whose);
    assert_eq!((tried.state, tried.intrusion), (State::Attempted, Intrusion::NoneSeen));
    let done = hc(&[finding("f", Stage::InitialAccess, Outcome::Succeeded, "203.0.113.9", "hc-web")], &[], &whose);
    assert_eq!((done.state, done.intrusion), (State::IntrusionOnly, Intrusion::Established));
}

#[test]
fn what_was_served_to_the_intruder_left_and_to_others_not() {
    let whose = whose("");
    let hit = [finding("f", Stage::InitialAccess, Outcome::Succeeded, "203.0.113.9", "hc-web")];
    let state =
        |to, bytes, day| hc(&hit, &[transfer(Route::WebResponse, "10.2.0.8", to, bytes, day, &whose)], &whose).state;
    assert_eq!(state("203.0.113.9", GIB, 2), State::Exfiltrated);
    assert_eq!(state("203.0.113.9", 100 << 10, 2), State::Accessed);
    assert_eq!(state("203.0.113.9", 1 << 10, 2), State::IntrusionOnly);
    assert_eq!(state("198.51.100.1", GIB, 2), State::IntrusionOnly, "another client");
    assert_eq!(state("203.0.113.9", GIB, 1), State::IntrusionOnly, "before the intrusion");
}

#[test]
fn an_upload_is_judged_by_intrusion_sanction_and_size() {
    let open = whose("");
    let entry = whose(SANCTIONED);
    let hit = [finding("f", Stage::CredentialAccess, Outcome::Succeeded, "10.2.0.5", "HC-FS01.hc.example")];
    let told = |findings: &[Finding], bytes, whose: &Whose| {
        hc(findings, &[transfer(Route::HttpsUpload, "10.2.0.5", "eu.vendor.example", bytes, 3, whose)], whose)
    };
    assert_eq!(told(&hit, 3 * GIB, &open).state, State::Exfiltrated);
    let rejected = told(&hit, 3 * GIB, &entry);
    assert_eq!((rejected.state, cites(&rejected, "J-22")), (State::Exfiltrated, true));
    let asked = told(&[], 3 * GIB, &open);
    assert_eq!((asked.state, asked.ask.len()), (State::Unexplained, 1));
    let explained = told(&[], 3 * GIB, &entry);
    assert_eq!((explained.state, cites(&explained, "J-21")), (State::NoEvidence, true));
    assert_eq!(told(&[], 1 << 20, &open).state, State::NoEvidence, "everyday upload");
    let staged = [finding("f", Stage::Staging, Outcome::Succeeded, "10.2.0.5", "hc-fs01")];
    assert_eq!(told(&staged, 3 * GIB, &open).state, State::Unexplained, "packing alone proves no intrusion");
    assert_eq!(told(&staged, 3 * GIB, &entry).state, State::NoEvidence);
}

#[test]
fn gaps_and_broken_promises_cannot_tell() {
    let kept = whose("[[expect]]\nscope='hc'\nsource='firewall'\nfrom='2026-03-01'\nto='2026-03-31'\n");
    assert_eq!(hc(&[], &[], &kept).state, State::NoEvidence);
    let broken = whose("[[expect]]\nscope='hc'\nsource='dns'\n");
    let told = hc(&[], &[], &broken);
    assert_eq!((told.state, told.open_routes.clone()), (State::CannotTell, vec![Route::DnsTunnel]));
    let gap = Gap { source: "e/fw.log".to_owned(), from: None, to: None, reason: GapReason::Cleared };
    let cleared = judge(&[], &[], &coverage(vec![gap]), &kept);
    assert_eq!((cleared.overall.state, cleared.overall.complete), (State::CannotTell, false));
}

#[test]
fn every_key_of_a_sanctioned_entry_must_match() {
    let all = "[[sanctioned]]\ndestination=['vendor.example']\nhost=['hc-fs01']\naccount=['svc']\nmax_bytes=100\nto='2026-03-05'\nwhy='w'\n";
    let whose = whose(all);
    let fits = |change: &dyn Fn(&mut Transfer)| {
        let mut t = transfer(Route::HttpsUpload, "10.2.0.5", "vendor.example", 100, 3, &whose);
        t.accounts = vec!["HC\\svc".to_owned()];
        change(&mut t);
        whose.sanction(&t).is_some()
    };
    assert!(fits(&|_| {}));
    assert!(!fits(&|t| t.to = "notvendor.example".to_owned()));
    assert!(!fits(&|t| t.from = "10.2.0.6".to_owned()));
    assert!(!fits(&|t| t.accounts.push("mallory".to_owned())));
    assert!(!fits(&|t| t.bytes = Bounds { lower: 1, upper: None }));
    assert!(!fits(&|t| t.time = Some(Span::at(at("2026-03-06T00:00:00Z")))));
}

#[test]
fn clause_ids_are_unique_and_sorted() {
    assert!(CLAUSES.windows(2).all(|w| w[0].id < w[1].id));
}

fn part(sources: &[(u8, u64)]) -> Partial {
    let mut all = Partial::default();
    for (name, records) in sources {
        let locator = Locator::from_encoded(&format!("e/{name}"));
        let mut entry = Entry::new(EntryKind::Source, locator.clone(), locator);
        entry.records = *records;
        entry.size = 1;
        let mut source = SourcePartial::ledger_only(entry);
        source.content = "same".into();
        all.sources.insert(source.key(), Arc::new(source));
    }
    all
}

proptest! {
    #[test]
    fn merging_is_associative_commutative_and_idempotent(
        a in prop::collection::vec((0u8..4, 0u64..3), 0..4),
        b in prop::collection::vec((0u8..4, 0u64..3), 0..4),
        c in prop::collection::vec((0u8..4, 0u64..3), 0..4),
    ) {
        let (a, b, c) = (part(&a), part(&b), part(&c));
        let left = merge::all([merge::all([a.clone(), b.clone()]), c.clone()]);
        prop_assert_eq!(&left, &merge::all([a.clone(), merge::all([b.clone(), c.clone()])]));
        prop_assert_eq!(&left, &merge::all([c, b, a]));
        prop_assert_eq!(&left, &merge::all([left.clone(), left.clone()]));
    }
}

#[test]
fn a_source_delivered_twice_counts_once() {
    let once = merge::once(part(&[(1, 5), (2, 5)]));
    let dropped: Vec<_> =
        once.sources.values().map(|s| s.entry.notes.iter().any(|n| n.reason == Reason::DeliveredTwice)).collect();
    assert_eq!(dropped, [false, true]);
    assert_eq!(merge::once(once.clone()), once);
}

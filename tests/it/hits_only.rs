//! A scan for hits alone finds what a whole scan finds, and says what it leaves open.

use std::collections::BTreeMap;

use exfiltrace::detect::{Program, Routing};
use exfiltrace::discover::Root;
use exfiltrace::model::finding::{Finding, FindingKind};
use exfiltrace::model::ledger::{EntryKind, Reason};
use exfiltrace::model::scopes::Scopes;
use exfiltrace::model::verdict::State;
use exfiltrace::plan::Plan;
use exfiltrace::scan::{Outcome, scan};

use crate::support::{fixture_plan, project, shared};

/// What was met, without what rests on records in which nothing was: traffic, and who held an address.
fn hits(outcome: &Outcome) -> BTreeMap<String, Finding> {
    let of_traffic = [FindingKind::Anomaly, FindingKind::Chain];
    let all = outcome.findings.list().iter().filter(|f| !of_traffic.contains(&f.kind));
    all.map(|f| (f.id.clone(), Finding { joined: Vec::new(), ..f.clone() })).collect()
}

/// Scans a folder both ways, with rules and without; gives what was met with them.
fn both(name: &str, plan: &dyn Fn() -> Plan) -> usize {
    let mut met = 0;
    for is_ruled in [false, true] {
        let plan = |hits_only| {
            let plan = Plan { hits_only, cell_bytes: 8 << 10, ..plan() };
            if is_ruled { plan } else { Plan { program: Program::compile(Vec::new(), Routing::Auto).0, ..plan } }
        };
        let (whole, only) = (scan(&plan(false)).unwrap(), scan(&plan(true)).unwrap());
        let (expected, found) = (hits(&whole), hits(&only));
        assert!(expected.keys().eq(found.keys()), "{name}, rules {is_ruled}");
        assert_eq!(expected, found, "{name}, rules {is_ruled}");
        for (a, b) in whole.ledger.iter().zip(&only.ledger) {
            assert_eq!((&a.source, a.records, a.size), (&b.source, b.records, b.size), "{name}");
            assert!(b.kind != EntryKind::Source || b.bytes.total() == b.size, "{name}: {b:?}");
        }
        assert!(only.transfers.is_empty());
        met = found.len();
    }
    met
}

#[test]
fn hits_of_all_formats_are_those_of_a_whole_scan() {
    assert!(both("incident", &|| fixture_plan("incident")) > 1000);
    let folder = |path: std::path::PathBuf| {
        let incident = fixture_plan("incident");
        Plan { roots: vec![Root { name: b"evidence".to_vec(), path: Some(path) }], ..incident }
    };
    let mut met = both("formats", &|| folder(project("fixtures/formats")));
    for corpus in ["corpora/cloud", "corpora/crowdsec-hub"] {
        let Some(path) = shared(corpus) else { return };
        met += both(corpus, &|| folder(path.clone()));
    }
    assert!(met > 40, "{met}");
}

#[test]
fn what_is_passed_over_is_told_and_no_way_out_is_judged() {
    let outcome = scan(&Plan { hits_only: true, scopes: Scopes::default(), ..fixture_plan("benign") }).unwrap();
    let passed = |entry: &&exfiltrace::model::ledger::Entry| entry.notes.iter().any(|n| n.reason == Reason::PassedOver);
    assert!(outcome.ledger.iter().filter(passed).count() > 3);
    assert!(outcome.verdict.hits_only && outcome.coverage.hits_only);
    for scope in &outcome.verdict.scopes {
        assert!(scope.reasons.iter().any(|reason| reason.clause == "J-41") && !scope.complete);
        assert!(!matches!(scope.state, State::NoEvidence | State::Exfiltrated), "{}: {:?}", scope.scope, scope.state);
    }
    let times = outcome.coverage.sources.iter().filter(|s| s.from.is_some()).count();
    assert!(times > 3, "the ends of logs tell of their time");
}

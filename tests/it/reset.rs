//! A clock that began anew at the first of January, and what a log of it covers.

use std::fmt::Write;

use exfiltrace::detect::{Program, Routing};
use exfiltrace::discover::Root;
use exfiltrace::indicators::Builder;
use exfiltrace::model::coverage::{GapReason, SourceCoverage};
use exfiltrace::model::scopes::Scopes;
use exfiltrace::model::time::Instant;
use exfiltrace::scan;

use crate::support::plan_with;

/// A firewall's log of these times.
fn log(times: impl Iterator<Item = i64>) -> SourceCoverage {
    let mut text = String::new();
    for secs in times {
        let at = Instant::from_secs(secs).unwrap();
        writeln!(
            text,
            "{at} fw1 kernel: ACCEPT IN= OUT=eth0 SRC=10.2.0.5 DST=203.0.113.9 LEN=60 PROTO=TCP SPT=50000 DPT=443"
        )
        .unwrap();
    }
    let temp = tempfile::tempdir().unwrap();
    std::fs::write(temp.path().join("fw.log"), text).unwrap();
    let root = Root { name: b"logs".to_vec(), path: Some(temp.path().to_owned()) };
    let none = Program::compile(Vec::<(String, String)>::new(), Routing::Auto).0;
    let outcome = scan::scan(&plan_with(none, vec![root], Scopes::default(), Builder::new())).unwrap();
    outcome.coverage.sources[0].clone()
}

/// Two days with a record every seven minutes, from so many days after the begin of 2026 on.
fn days(from: i64) -> impl Iterator<Item = i64> {
    let begin = 1_767_225_600 + from * 86_400;
    (0..2 * 86_400 / 420).map(move |n| begin + n * 420)
}

fn silences(source: &SourceCoverage) -> usize {
    source.gaps.iter().filter(|gap| gap.reason == GapReason::Silent).count()
}

#[test]
fn months_between_the_first_of_january_and_the_right_time_are_no_silence() {
    for (epoch, records) in [(0, 5), (946_684_800, 30), (1_767_225_600, 5), (1_767_225_600, 30)] {
        let reset = (0..records).map(|n| epoch + n * 20);
        let source = log(days(78).chain(reset).chain(days(80)));
        assert_eq!(silences(&source), 0, "{:?}", source.gaps);
        assert_eq!(source.from.unwrap().to_string(), "2026-03-20T00:00:00Z");
        let told = source.clock.told();
        assert!(told.contains("times go back, as where a clock was set"), "{told}");
    }
}

#[test]
fn a_silence_of_months_in_a_log_that_began_before_it_is_told() {
    let source = log(days(0).chain(days(78)).chain((0..30).map(|n| 1_767_225_600 + n * 20)).chain(days(80)));
    assert_eq!((silences(&source), source.from.unwrap().to_string().as_str()), (1, "2026-01-01T00:00:00Z"));
    assert_eq!(source.clock.set_back.len(), 1);
}

#[test]
fn a_log_to_which_an_older_one_was_put_behind_covers_both_and_keeps_its_silence() {
    for older in [0, 10] {
        let source = log(days(78).chain(days(older)));
        assert_eq!(source.clock.set_back.len(), 1);
        let first = days(older).next().and_then(Instant::from_secs);
        assert_eq!((silences(&source), source.from), (1, first), "{older}");
    }
}

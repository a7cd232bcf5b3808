//! What is joined over entities and time: hosts that an intruder reached, addresses that were given to somebody.

use exfiltrace::model::finding::{Finding, FindingTime};
use exfiltrace::model::rule::{Level, Outcome, Route, Stage};
use exfiltrace::model::time::Span;
use exfiltrace::model::transfer::Transfer;
use exfiltrace::model::verdict::{ScopeVerdict, State};

use crate::clauses::Sides;
use crate::judge::{GIB, at, cites, finding, hc, transfer, whose};

fn timed(mut f: Finding, time: &str) -> Finding {
    f.time = FindingTime { first: Some(at(time)), last: Some(at(time)), assumed: None };
    f
}

/// The file server is broken into at ten.
fn broken_into() -> Finding {
    finding("in", Stage::InitialAccess, Outcome::Succeeded, "203.0.113.9", "hc-fs01")
}

/// A session of remote desktop from one inside address to another.
fn session(id: &str, (from, to): (&str, &str), outcome: Outcome, time: &str) -> Finding {
    let mut f = finding(id, Stage::LateralMovement, outcome, from, "hc-edge");
    f.route = Some(Route::RemoteAccess);
    f.level = Level::Medium;
    f.entities.destinations = vec![to.to_owned()];
    timed(f, time)
}

/// What 10.2.0.7 sends out from a time on.
fn sent(time: &str) -> Transfer {
    let mut t = transfer(Route::HttpsUpload, "10.2.0.7", "198.51.100.7", GIB, 2, &whose(""));
    t.hours = vec![at(time).hour()];
    Transfer { time: Some(Span { first: at(time), last: at(time) }), ..t }
}

fn told(sessions: &[Finding], sent: Transfer) -> ScopeVerdict {
    let findings: Vec<Finding> = std::iter::once(broken_into()).chain(sessions.iter().cloned()).collect();
    hc(&findings, &[sent], &whose(""))
}

/// The clauses of joins.
pub fn sides() -> Vec<Sides> {
    let reached = |outcome| {
        told(&[session("a", ("10.2.0.5", "10.2.0.7"), outcome, "2026-03-02T11:00:00Z")], sent("2026-03-02T12:00:00Z"))
    };
    vec![("J-80", reached(Outcome::Succeeded), reached(Outcome::Failed))]
}

#[test]
fn what_a_host_sends_that_the_intruder_reached_is_its_from_then_on() {
    let to = |from, to, outcome, time| session(&format!("{from}{to}"), (from, to), outcome, time);
    let (first, then) = ("10.2.0.5", "10.2.0.6");
    let noon = || sent("2026-03-02T12:00:00Z");
    let state = |sessions: &[Finding], sent| told(sessions, sent).state;
    let ok = Outcome::Succeeded;
    let on = [to(then, "10.2.0.7", ok, "2026-03-02T11:30:00Z"), to(first, then, ok, "2026-03-02T11:00:00Z")];
    assert_eq!(state(&on, noon()), State::Exfiltrated, "over two sessions");
    let back = [to(then, "10.2.0.7", ok, "2026-03-02T11:00:00Z"), to(first, then, ok, "2026-03-02T11:30:00Z")];
    assert_eq!(state(&back, noon()), State::Unexplained, "the second one was first");
    let both = [to(then, "10.2.0.7", ok, "2026-03-02T11:00:00Z"), to(first, then, ok, "2026-03-02T11:00:00Z")];
    assert_eq!(state(&both, noon()), State::Unexplained, "no clock orders them");
    let one = |outcome, time| [to(first, "10.2.0.7", outcome, time)];
    assert_eq!(state(&one(ok, "2026-03-02T11:00:00Z"), noon()), State::Exfiltrated);
    assert_eq!(
        state(&one(ok, "2026-03-02T11:00:00Z"), sent("2026-03-02T10:30:00Z")),
        State::Unexplained,
        "sent before"
    );
    assert_eq!(state(&one(ok, "2026-03-02T09:00:00Z"), noon()), State::Unexplained, "before the intrusion");
    assert_eq!(state(&one(Outcome::Failed, "2026-03-02T11:00:00Z"), noon()), State::Unexplained, "denied");
    let clean = [session("s", ("10.2.0.99", "10.2.0.7"), ok, "2026-03-02T11:00:00Z")];
    assert_eq!(state(&clean, noon()), State::Unexplained, "from a host that is nobody's");
    assert!(!cites(&told(&clean, noon()), "J-80"));
}

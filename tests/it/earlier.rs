//! What an intruder did with data before anything showed it to be one.

use exfiltrace::model::finding::Finding;
use exfiltrace::model::rule::{Level, Outcome, Route, Stage};
use exfiltrace::model::time::Span;
use exfiltrace::model::transfer::Transfer;
use exfiltrace::model::verdict::{ScopeVerdict, State};

use crate::clauses::Sides;
use crate::judge::{GIB, SANCTIONED, at, cites, finding, hc, transfer, whose};

const INTRUDER: &str = "203.0.113.9";

/// Something that an account did on hc-fs01, from when on.
fn done(id: &str, stage: Stage, when: &str, account: &str) -> Finding {
    let mut f = finding(id, stage, Outcome::Succeeded, "10.2.0.5", "hc-fs01");
    (f.time.first, f.time.last) = (Some(at(when)), Some(at(when)));
    f.entities.accounts = Some(account.to_owned()).into_iter().filter(|name| !name.is_empty()).collect();
    f
}

/// Shadow copies are deleted.
fn loud() -> Finding {
    done("loud", Stage::Impact, "2026-03-03T12:00:00Z", "HC\\eve")
}

/// What the host sent between the two.
fn upload() -> Transfer {
    let mut t = transfer(Route::HttpsUpload, "10.2.0.5", "198.51.100.7", GIB, 3, &whose(""));
    let (first, last) = (at("2026-03-03T09:10:00Z"), at("2026-03-03T09:40:00Z"));
    (t.time, t.hours) = (Some(Span { first, last }), vec![first.hour()].into());
    t
}

/// The verdict of a copy that an account made, and of an intrusion that is seen later.
fn copied(when: &str, account: &str) -> ScopeVerdict {
    hc(&[done("copy", Stage::Exfiltration, when, account), loud()], &[upload()], &whose(""))
}

pub fn sides() -> Vec<Sides> {
    let of = |when| copied(when, "HC\\eve");
    vec![("J-95", of("2026-03-02T12:00:00Z"), of("2026-03-02T11:59:59Z"))]
}

#[test]
fn what_left_before_the_intruder_was_loud_left_with_it() {
    let told = |when, account| {
        let told = copied(when, account);
        (told.state, cites(&told, "J-11"), cites(&told, "J-20"))
    };
    assert_eq!(told("2026-03-03T09:00:00Z", "HC\\eve"), (State::Exfiltrated, true, false));
    assert_eq!(told("2026-03-03T09:00:00Z", ""), (State::Exfiltrated, true, false), "on its host, by nobody named");
    assert_eq!(told("2026-03-03T09:00:00Z", "HC\\backup"), (State::Accessed, false, true), "another account");
    assert_eq!(told("2026-03-01T09:00:00Z", "HC\\eve"), (State::Accessed, false, true), "two days before");
    let lesser =
        Finding { level: Level::Medium, ..done("copy", Stage::Exfiltration, "2026-03-03T09:00:00Z", "HC\\eve") };
    assert!(!cites(&hc(&[lesser, loud()], &[upload()], &whose("")), "J-95"));
    let alone = hc(&[done("copy", Stage::Exfiltration, "2026-03-03T09:00:00Z", "HC\\eve")], &[upload()], &whose(""));
    assert_eq!((alone.state, cites(&alone, "J-95")), (State::Unexplained, false), "nothing shows an intruder");
}

#[test]
fn a_sanctioned_backup_begins_no_intrusion() {
    let entry = whose(SANCTIONED);
    let backup = transfer(Route::HttpsUpload, "10.2.0.5", "eu.vendor.example", GIB, 2, &entry);
    assert!(backup.sanctioned.is_some());
    let all = [done("copy", Stage::Exfiltration, "2026-03-03T09:00:00Z", "HC\\eve"), loud()];
    assert!(!cites(&hc(&all, &[backup], &entry), "J-95"));
}

#[test]
fn what_came_after_data_left_did_not_lead_to_it() {
    let late = Finding { id: "late".to_owned(), ..done("late", Stage::Impact, "2026-03-09T12:00:00Z", "HC\\eve") };
    let way_in = done("in", Stage::CredentialAccess, "2026-03-03T08:00:00Z", "HC\\eve");
    let told = hc(&[way_in, late], &[upload()], &whose(""));
    let of = |clause: &str| told.reasons.iter().find(|r| r.clause == clause).unwrap().findings.clone();
    assert_eq!(
        (of("J-11"), of("J-01")),
        (vec!["in".to_owned(), "t-1".to_owned()], vec!["in".to_owned(), "late".to_owned()])
    );
}

#[test]
fn the_addresses_from_which_an_intruder_came_are_named() {
    let came = finding("in", Stage::InitialAccess, Outcome::Succeeded, INTRUDER, "hc-fs01");
    assert_eq!(hc(std::slice::from_ref(&came), &[], &whose("")).origins, [INTRUDER]);
    let mut called = done("call", Stage::CommandAndControl, "2026-03-03T08:00:00Z", "HC\\eve");
    called.entities.sources.clear();
    called.entities.destinations = vec!["198.51.100.99".to_owned()];
    let told = hc(&[came, called.clone()], &[], &whose(""));
    assert_eq!(told.origins, [INTRUDER], "it called the other one");
    assert!(hc(&[called], &[], &whose("")).origins.is_empty());
}

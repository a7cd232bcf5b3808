//! What a host does anyway is not the intruder's for what was seen on it.

use exfiltrace::model::rule::{Outcome, Route, Stage};
use exfiltrace::model::time::{Instant, Span};
use exfiltrace::model::transfer::{Bounds, Transfer};
use exfiltrace::model::verdict::{ScopeVerdict, State};

use crate::clauses::Sides;
use crate::judge::{at, cites, finding, hc, transfer, whose};

const MIB: u64 = 1 << 20;
/// When the intruder is first seen, on the host that sends.
const SIGN: &str = "2026-03-20T02:00:00Z";

/// So many bytes at noon on each of some days of March.
fn nightly(days: &[(i64, u64)]) -> Transfer {
    let noon = |day: i64| at("2026-03-01T12:00:00Z").plus_secs((day - 1) * 86_400);
    let mut t = transfer(Route::HttpsUpload, "10.2.0.5", "backup.example", 0, 1, &whose(""));
    let ends: (Instant, Instant) = (noon(days[0].0), noon(days[days.len() - 1].0));
    t.time = Some(Span { first: ends.0, last: ends.1 });
    t.hours = days.iter().map(|(day, _)| noon(*day).hour()).collect();
    t.hour_bytes = days.iter().map(|(_, bytes)| *bytes).collect();
    t.bytes = Bounds::exact(days.iter().map(|(_, bytes)| bytes).sum());
    t
}

/// The verdict where an intruder came, and the host sent that.
fn told(days: &[(i64, u64)]) -> ScopeVerdict {
    let mut sign = finding("in", Stage::CredentialAccess, Outcome::Succeeded, "10.2.0.5", "hc-fs01");
    (sign.time.first, sign.time.last) = (Some(at(SIGN)), Some(at(SIGN)));
    hc(&[sign], &[nightly(days)], &whose(""))
}

/// As much on each of some days before the sign, and then on the day of it.
fn after(days: i64, before: u64, on_the_day: u64) -> Vec<(i64, u64)> {
    (20 - days..20).map(|day| (day, before)).chain([(20, on_the_day)]).collect()
}

pub fn sides() -> Vec<Sides> {
    vec![("J-96", told(&after(5, 60 * MIB, 60 * MIB)), told(&after(4, 60 * MIB, 60 * MIB)))]
}

#[test]
fn a_backup_that_goes_on_is_unexplained_and_one_that_is_larger_left() {
    let of = |days: &[(i64, u64)]| {
        let told = told(days);
        (told.state, cites(&told, "J-11"), cites(&told, "J-20"))
    };
    // The credentials that the sign is about are accessed, whatever is sent.
    assert_eq!(of(&after(10, 60 * MIB, 60 * MIB)), (State::Accessed, false, true));
    assert_eq!(of(&after(10, 60 * MIB, 120 * MIB)), (State::Accessed, false, true), "twice as much");
    assert_eq!(of(&after(10, 60 * MIB, 121 * MIB)), (State::Exfiltrated, true, false), "more than that");
    assert_eq!(of(&after(0, 0, 60 * MIB)), (State::Exfiltrated, true, false), "never before");
}

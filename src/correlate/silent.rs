//! When a log is silent that should not be.
//!
//! Two kinds of silence are told. A day or more, of a log that has records in most of its other hours. And an hour or more of a log
//! that is never quiet for so long: whoever takes the lines of a night out of a log leaves this behind.

use std::collections::BTreeMap;

use crate::model::partial::Covered;

/// Hours without a record from which a busy log counts as silent.
pub const DAY_HOURS: i64 = 24;
/// Hours with records from which on it is known how busy a log is; a day's log from which four were taken has them.
const KNOWN: usize = 20;
/// Records that a log would have from which on it is no chance that it has none, if it had as many as in its quietest hour.
const NEVER_QUIET: u64 = 30;
/// Of a log that has fewer records in its quietest hour it is not known that it has any in each.
const LEAST: u64 = 4;

/// Records by the hour since the epoch.
type Hours = BTreeMap<i64, u64>;

/// The hours with records before and after each stretch without any.
fn stretches(hours: &Hours) -> impl Iterator<Item = (i64, i64)> {
    hours.keys().zip(hours.keys().skip(1)).map(|(a, b)| (*a, *b)).filter(|(a, b)| b - a > 1)
}

/// The hours before and after a time of more than a day without records.
pub fn jumps(covered: &Covered) -> impl Iterator<Item = (i64, i64)> {
    stretches(&covered.hours).filter(|(a, b)| b - a > DAY_HOURS)
}

/// The hours before and after each silence of a source; what a clock dated that was set back is of no time that is known.
pub fn holes(covered: &Covered) -> Vec<(i64, i64)> {
    let wrong = jumps(covered).filter(|(a, b)| covered.clock.is_between(*a, *b)).last().map_or(i64::MIN, |(_, b)| b);
    let hours: Hours = covered.hours.range(wrong..).map(|(hour, count)| (*hour, *count)).collect();
    let jumps: Vec<(i64, i64)> = jumps(covered).filter(|(a, _)| *a >= wrong).collect();
    let silent: i64 = jumps.iter().map(|(a, b)| b - a - 1).sum();
    let span = hours.keys().next().zip(hours.keys().last()).map_or(0, |(a, b)| b - a + 1);
    let busy = hours.len() >= 24 && (hours.len() as i64).saturating_mul(2) >= span - silent;
    let mut found = if busy { jumps } else { Vec::new() };
    found.extend(sudden(&hours, covered.zone_assumed > 0));
    found.sort_unstable();
    found
}

/// The hours before and after each stretch of a day at most in which a log has no record that is never quiet for so long: if it had
/// as many as in the quietest of its hours, but for those at its ends and beside a stretch without any, these were thirty; and the hours
/// that are empty are so on one day in ten at most. Of a log in a zone that nobody knows one hour alone is the one that summer time
/// leaves out.
pub fn sudden(hours: &Hours, is_zone_assumed: bool) -> Vec<(i64, i64)> {
    let has = |hour: i64| hours.contains_key(&hour);
    let inner = hours.iter().filter(|(hour, _)| has(*hour - 1) && has(*hour + 1));
    let (known, least) = inner.fold((0, u64::MAX), |(n, least), (_, count)| (n + 1, least.min(*count)));
    let outer = stretches(hours).count();
    if known + 2 * outer < KNOWN || known == 0 || least < LEAST {
        return Vec::new();
    }
    let shortest = if is_zone_assumed { 2 } else { 1 };
    let short = || stretches(hours).filter(|(a, b)| b - a <= DAY_HOURS);
    let mut empty = [0i64; DAY_HOURS as usize];
    let of_day = |hour: i64| hour.rem_euclid(DAY_HOURS) as usize;
    short().flat_map(|(a, b)| a + 1..b).for_each(|hour| empty[of_day(hour)] += 1);
    let (first, last) = (hours.keys().next(), hours.keys().last());
    let days = first.zip(last).map_or(0, |(first, last)| (last - first) / DAY_HOURS);
    let is_much = |hours: i64| (hours as u64).saturating_mul(least) >= NEVER_QUIET;
    let is_seldom = |hour: i64| empty[of_day(hour)] <= (days / 10).max(1);
    let is_odd = |(a, b): &(i64, i64)| b - a > shortest && is_much(b - a - 1) && (a + 1..*b).all(is_seldom);
    short().filter(is_odd).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sixty records in each hour of some days but those left out.
    fn log(days: i64, is_left_out: impl Fn(i64) -> bool) -> Hours {
        (0..days * DAY_HOURS).filter(|hour| !is_left_out(*hour)).map(|hour| (hour, 60)).collect()
    }

    #[test]
    fn hours_taken_out_of_a_busy_log_are_told() {
        let taken = |from: i64, to: i64| move |hour: i64| (from..to).contains(&hour);
        assert_eq!(sudden(&log(1, taken(2, 4)), false), [(1, 4)]);
        assert_eq!(sudden(&log(30, taken(50, 51)), false), [(49, 51)]);
        assert_eq!(sudden(&log(30, taken(50, 51)), true), [], "summer time of a zone that nobody knows");
        assert_eq!(sudden(&log(30, |hour| (2..4).contains(&(hour % 360))), false).len(), 2, "two days of thirty");
        assert_eq!(sudden(&log(30, |hour| (2..4).contains(&(hour % 240))), false), [], "three days of thirty");
    }

    #[test]
    fn hours_that_are_quiet_by_themselves_are_not() {
        let night = |hour: i64| (0..6).contains(&(hour % DAY_HOURS));
        assert_eq!(sudden(&log(5, night), false), [], "every night");
        let quiet: Hours = log(2, |hour| (20..22).contains(&hour)).into_iter().map(|(h, n)| (h, n / 3)).collect();
        assert_eq!(sudden(&quiet, false), [(19, 22)], "twenty an hour, for two hours");
        let quiet: Hours = quiet.into_iter().map(|(h, n)| (h, n / 2)).collect();
        assert_eq!(sudden(&quiet, false), [], "ten an hour");
        let mut once = log(2, |hour| (20..22).contains(&hour));
        once.insert(30, 14);
        assert_eq!(sudden(&once, false), [], "one other hour is quiet");
        assert_eq!(sudden(&log(1, |hour| hour == 9 || hour > 16), false), [], "half a day is known");
        assert_eq!(sudden(&Hours::new(), false), []);
    }
}

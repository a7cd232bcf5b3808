//! Which of day and month is first in `03/04/2026`: as another date of the same log shows it, or as only one of the two readings goes
//! with how such a log is written. What is no more than likely is left open: days in a row by one order are the same day of months in a
//! row by the other, on which much is done that is done once a month.

use super::civil::{Civil, DAY_SECS, days_before};
use super::cursor::Cursor;
use crate::model::dates::{Date, Dates, Ground, Hours, Order, Readings, is_open};
use crate::model::layout::Layout;
use crate::model::time::{HOUR_SECS, Instant, Span};

/// The bits of the first and the last hour of a day.
const FIRST_HOUR: Hours = 1;
const LAST_HOUR: Hours = 1 << 23;
/// A log that goes on from day to day is not silent for longer.
const SILENCE_DAYS: i64 = 7;
/// So long a file may be written to behind its last record.
const WRITTEN_SECS: i64 = 2 * DAY_SECS;

/// Whether the day is first in stamps with slashes of which one shows it, and none the reverse.
pub fn order_in<'s>(stamps: impl Iterator<Item = &'s [u8]>) -> Option<bool> {
    let mut shown = stamps.filter_map(shows_day_first);
    let first = shown.next()?;
    shown.all(|next| next == first).then_some(first)
}

/// Whether a stamp with slashes shows that its day is first (`true`) or second.
fn shows_day_first(bytes: &[u8]) -> Option<bool> {
    let mut cursor = Cursor { bytes, at: 0 };
    let first = cursor.digits(1, 2)?;
    cursor.eat(b'/')?;
    let second = cursor.digits(1, 2)?;
    cursor.eat(b'/')?;
    cursor.digits(4, 4)?;
    match (first > 12, second > 12) {
        (true, false) => Some(true),
        (false, true) => Some(false),
        _ => None,
    }
}

/// The order of day and month in the dates of a log that was read to its end, by the log alone: as one of them shows it and no other one
/// the reverse, or else as only one of the two readings may be.
pub fn order_of(dates: &Dates, layout: &Layout) -> Option<Order> {
    let all = dates.all()?;
    let order = |day_first, by| Order { day_first, by, sibling: None };
    match shown(&all) {
        [false, false] => {}
        [day, month] => return (day != month).then(|| order(day, None)),
    }
    let readings = [true, false].map(|day_first| Reading::of(&all, day_first, layout));
    let only = |holds: fn(&Reading) -> bool, by| match readings.each_ref().map(holds) {
        [true, false] => Some(order(true, Some(by))),
        [false, true] => Some(order(false, Some(by))),
        _ => None,
    };
    only(Reading::may_be, Ground::FileTime)
        .or_else(|| only(Reading::runs_on, Ground::RunsOn))
        .or_else(|| only(Reading::ends_with_its_file, Ground::FileTime))
}

/// Whether the day is first in dates of which one shows it, and none the reverse.
pub fn order_shown(dates: &Dates) -> Option<bool> {
    let [day, month] = shown(&dates.all()?);
    (day != month).then_some(day)
}

/// The times of the records that may be of two days, either way; `None` where there are none, or more than are kept.
pub fn readings(dates: &Dates, layout: &Layout) -> Option<Readings> {
    let all: Vec<(Date, Hours)> = dates.all()?.into_iter().filter(|(date, _)| is_open(*date)).collect();
    let span = |day_first| {
        let hours = all
            .iter()
            .flat_map(|(date, hours)| (0..24).filter(move |at| hours >> at & 1 > 0).map(move |at| (*date, at)));
        let at =
            |(date, hour)| civil(date, day_first, hour * HOUR_SECS).in_zone(layout).map(|stamp| Span::at(stamp.at));
        hours.filter_map(at).reduce(Span::join)
    };
    Some(Readings { day_first: span(true)?, month_first: span(false)? })
}

/// A date in one of the two orders.
fn civil((year, first, second): Date, day_first: bool, clock: i64) -> Civil {
    let (day, month) = if day_first { (first, second) } else { (second, first) };
    Civil { year, month, day, second: clock, micro: 0 }
}

/// Whether one of these shows that the day is first, and one that the month is.
fn shown(dates: &[(Date, Hours)]) -> [bool; 2] {
    [dates.iter().any(|((_, first, _), _)| *first > 12), dates.iter().any(|((.., second), _)| *second > 12)]
}

/// A log whose dates are read in one of the two orders.
struct Reading {
    /// How long its file was written to behind the begin of its last day; `None` where either is not known.
    left_secs: Option<i64>,
    /// The longest time between two days of it.
    step_days: i64,
    /// Whether it goes on from one day into the next.
    crosses_midnight: bool,
}

impl Reading {
    fn of(all: &[(Date, Hours)], day_first: bool, layout: &Layout) -> Self {
        let day = |(date, hours): &(Date, Hours)| {
            let Civil { year, month, day, .. } = civil(*date, day_first, 0);
            (days_before(year, month, day), *hours)
        };
        let mut days: Vec<(i64, Hours)> = all.iter().map(day).collect();
        days.sort_unstable();
        let steps = || days.windows(2).map(|two| (two[0], two[1]));
        let goes_over = |((before, late), (after, early)): ((i64, Hours), (i64, Hours))| {
            after - before == 1 && late & LAST_HOUR > 0 && early & FIRST_HOUR > 0
        };
        let last = days.last().and_then(|(day, _)| Instant::from_secs(day * DAY_SECS));
        Self {
            left_secs: layout.reference.zip(last).map(|(file, last)| (file.micros() - last.micros()) / 1_000_000),
            step_days: steps().map(|((before, _), (after, _))| after - before).max().unwrap_or(0),
            crosses_midnight: steps().any(goes_over),
        }
    }

    /// Nothing is told of days to come.
    fn may_be(&self) -> bool {
        self.left_secs.is_none_or(|left| left >= -DAY_SECS)
    }

    fn runs_on(&self) -> bool {
        self.may_be() && self.crosses_midnight && self.step_days <= SILENCE_DAYS
    }

    fn ends_with_its_file(&self) -> bool {
        self.may_be() && self.left_secs.is_some_and(|left| left <= WRITTEN_SECS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 12;
    const LATE: &str = "2026-12-31T00:00:00Z";

    fn order(dates: &[(i64, i64)], hours: &[i64], written: &str) -> Option<(bool, Option<Ground>)> {
        let of = |dates: &mut dyn Iterator<Item = &(i64, i64)>| {
            let seen = Dates::default();
            for (first, second) in dates {
                hours.iter().for_each(|hour| seen.see((2026, *first, *second), *hour));
            }
            let layout = Layout { reference: Instant::parse(written), ..Layout::plain() };
            order_of(&seen, &layout).map(|order| (order.day_first, order.by))
        };
        let forward = of(&mut dates.iter());
        assert_eq!(forward, of(&mut dates.iter().rev()), "{dates:?}");
        forward
    }

    #[test]
    fn a_day_that_is_no_month_shows_the_order_and_one_of_each_shows_none() {
        assert_eq!(order(&[(10, 3), (11, 3), (12, 3), (13, 3)], &[NOON], LATE), Some((true, None)));
        assert_eq!(order(&[(3, 10), (3, 13)], &[NOON], LATE), Some((false, None)));
        assert_eq!(order(&[(13, 3), (3, 13)], &[NOON], LATE), None, "both");
        let many: Vec<(i64, i64)> = (0..5000).map(|n| (n, n % 12)).collect();
        assert_eq!(order(&many, &[NOON], LATE), None, "no log has as many");
        let stamps = |all: &[&'static str]| order_in(all.iter().map(|stamp| stamp.as_bytes()));
        assert_eq!(stamps(&["3/5/2026 11:10:04 PM", "3/13/2026 1:00:00 AM"]), Some(false));
        assert_eq!(stamps(&["3/13/2026", "13/3/2026"]), None);
        assert_eq!(stamps(&["3/5/2026", "x"]), None);
    }

    #[test]
    fn days_in_a_row_may_be_one_day_of_months_in_a_row() {
        for dates in
            [&[(1, 1), (1, 2), (1, 3)][..], &[(2, 3), (3, 3), (4, 3)], &[(10, 3), (11, 3)], &[(3, 5)], &[(3, 3)], &[]]
        {
            assert_eq!(order(dates, &[9, NOON, 17], LATE), None, "{dates:?}");
        }
    }

    #[test]
    fn a_log_that_goes_on_through_midnight_is_of_days_in_a_row() {
        assert_eq!(order(&[(10, 3), (11, 3)], &[0, 23], LATE), Some((true, Some(Ground::RunsOn))));
        assert_eq!(order(&[(3, 10), (3, 11), (3, 12)], &[0, 23], LATE), Some((false, Some(Ground::RunsOn))));
        assert_eq!(order(&[(10, 3), (11, 3)], &[0, 22], LATE), None, "it rests before midnight");
        assert_eq!(order(&[(1, 3), (2, 3), (12, 3)], &[0, 23], LATE), None, "it is silent for longer than a log is");
    }

    #[test]
    fn the_time_of_the_file_tells_what_cannot_be() {
        let told = |day_first| Some((day_first, Some(Ground::FileTime)));
        assert_eq!(order(&[(5, 3)], &[NOON], "2026-03-06T00:00:00Z"), told(true), "May is not yet");
        assert_eq!(order(&[(3, 5)], &[NOON], "2026-05-03T11:00:00Z"), told(true), "the file was written until then");
        assert_eq!(order(&[(1, 1), (1, 2), (1, 3)], &[NOON], "2026-03-01T12:00:00Z"), told(true));
        assert_eq!(order(&[(3, 5)], &[NOON], "2026-05-30T11:00:00Z"), None, "it may have been copied then");
    }

    #[test]
    fn what_may_be_of_two_days_is_told_either_way() {
        let seen = Dates::default();
        for (date, hour) in [((2026, 3, 4), 9), ((2026, 4, 4), 1), ((2026, 5, 4), 17)] {
            seen.see(date, hour);
        }
        let Readings { day_first, month_first } = readings(&seen, &Layout::plain()).unwrap();
        let text = |span: Span| format!("{} {}", span.first, span.last);
        assert_eq!(text(day_first), "2026-04-03T09:00:00Z 2026-04-05T17:00:00Z");
        assert_eq!(text(month_first), "2026-03-04T09:00:00Z 2026-05-04T17:00:00Z");
        assert!(seen.are_open());
        let same = Dates::default();
        same.see((2026, 4, 4), 1);
        assert!(!same.are_open() && readings(&same, &Layout::plain()).is_none());
    }
}

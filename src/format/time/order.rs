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
    match ((1..=12).contains(&first), (1..=12).contains(&second)) {
        (false, true) if first <= 31 => Some(true),
        (true, false) if second <= 31 => Some(false),
        _ => None,
    }
    .filter(|_| first > 0 && second > 0)
}

/// The order of day and month in the dates of a log that was read to its end, by the log alone: as one of them shows it and no other one
/// the reverse, or else as only one of the two readings may be, or goes on through midnight.
pub fn order_of(dates: &Dates, layout: &Layout) -> Option<Order> {
    let all = existing(dates)?;
    match shown(&all) {
        [false, false] => {}
        [day, month] => return (day != month).then_some(Order { day_first: day, by: None, sibling: None }),
    }
    let readings = Reading::both(&all, layout);
    only(&readings, Reading::may_be, Ground::FileTime).or_else(|| only(&readings, Reading::runs_on, Ground::RunsOn))
}

/// The order by which alone a log that shows none ends when its file was last written. It is no more than likely: a copy may have been made
/// at the time at which the log ends by the other.
pub fn likely_order(dates: &Dates, layout: &Layout) -> Option<Order> {
    let all = existing(dates).filter(|all| shown(all) == [false, false])?;
    only(&Reading::both(&all, layout), Reading::ends_with_its_file, Ground::FileTime)
}

/// The order whose reading alone holds.
fn only(readings: &[Reading; 2], holds: fn(&Reading) -> bool, by: Ground) -> Option<Order> {
    let [day, month] = readings.each_ref().map(holds);
    (day != month).then_some(Order { day_first: day, by: Some(by), sibling: None })
}

/// Whether the day is first in dates of which one shows it, and none the reverse.
pub fn order_shown(dates: &Dates) -> Option<bool> {
    let [day, month] = shown(&existing(dates)?);
    (day != month).then_some(day)
}

/// Whether some dates show the one order and some the other, or there are more than any log has: no other log tells of these.
pub fn is_mixed(dates: &Dates) -> bool {
    existing(dates).is_none_or(|all| shown(&all) == [true, true])
}

/// Those dates that there are by one of the orders; `None` where there are more than are kept.
fn existing(dates: &Dates) -> Option<Vec<(Date, Hours)>> {
    let exists = |date: Date| [true, false].iter().any(|day_first| civil(date, *day_first, 0).micros().is_some());
    Some(dates.all()?.into_iter().filter(|(date, _)| exists(*date)).collect())
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
    /// Where the day is first, and where the month is.
    fn both(all: &[(Date, Hours)], layout: &Layout) -> [Self; 2] {
        [true, false].map(|day_first| Self::of(all, day_first, layout))
    }

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

    type Tells = fn(&Dates, &Layout) -> Option<Order>;

    fn order(dates: &[(i64, i64)], hours: &[i64], written: &str) -> Option<(bool, Option<Ground>)> {
        order_by(order_of, dates, hours, written)
    }

    fn order_by(tells: Tells, dates: &[(i64, i64)], hours: &[i64], written: &str) -> Option<(bool, Option<Ground>)> {
        let of = |dates: &mut dyn Iterator<Item = &(i64, i64)>| {
            let seen = Dates::default();
            for (first, second) in dates {
                hours.iter().for_each(|hour| seen.see((2026, *first, *second), *hour));
            }
            let layout = Layout { reference: Instant::parse(written), ..Layout::plain() };
            tells(&seen, &layout).map(|order| (order.day_first, order.by))
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
        let likely = |dates: &[(i64, i64)], written| order_by(likely_order, dates, &[NOON], written);
        for (dates, written) in
            [(&[(3, 5)][..], "2026-05-03T11:00:00Z"), (&[(1, 1), (1, 2), (1, 3)], "2026-03-01T12:00:00Z")]
        {
            assert_eq!(order(dates, &[NOON], written), None, "it may have been copied then");
            assert_eq!(likely(dates, written), told(true), "the file was written until then");
        }
        assert_eq!(likely(&[(3, 5)], "2026-05-30T11:00:00Z"), None);
        assert_eq!(likely(&[(3, 5), (3, 14)], "2026-05-03T11:00:00Z"), None, "a date shows the order");
    }

    #[test]
    fn a_date_that_there_is_not_tells_nothing() {
        let night = [0, 23];
        let told = order(&[(10, 3), (11, 3)], &night, LATE);
        assert!(told.is_some());
        for none in [(0, 0), (0, 5), (99, 1), (31, 2), (13, 13)] {
            assert_eq!(order(&[(10, 3), (11, 3), none], &night, LATE), told, "{none:?}");
            let seen = Dates::default();
            seen.see((2026, none.0, none.1), NOON);
            assert!(!seen.are_open() && !is_mixed(&seen), "{none:?}");
        }
        assert_eq!(order_in([&b"99/1/2026"[..], b"13/0/2026", b"0/13/2026"].into_iter()), None);
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

//! What a stamp does not say and something else does: the zone, the year, whether the day or the month is first.

use jiff::civil;
use jiff::tz::{Offset, TimeZone};

use super::civil::{Civil, DAY_SECS, date_of, days_before, days_of_month};
use super::cursor::Cursor;
use crate::model::dates::{Date, Dates};
use crate::model::fields::{Canon, Fields};
use crate::model::layout::Layout;
use crate::model::time::{Assumed, Instant, Stamp};

impl Civil {
    /// The instant in the layout's zone, as an assumption. A time that a clock change repeats is the first of the two,
    /// one that it skips lies behind the gap.
    pub fn in_zone(self, layout: &Layout) -> Option<Stamp> {
        let at = if layout.zone == TimeZone::UTC {
            self.at_offset(0)?
        } else {
            let utc = self.micros()?;
            let date = civil::Date::new(self.year as i16, self.month as i8, self.day as i8).ok()?;
            let seconds = self.second;
            let time = civil::Time::new(
                (seconds / 3600) as i8,
                (seconds / 60 % 60) as i8,
                (seconds % 60) as i8,
                (utc.rem_euclid(1_000_000) * 1000) as i32,
            );
            let moment = date.to_datetime(time.ok()?);
            layout.zone.to_ambiguous_timestamp(moment).compatible().ok()?.into()
        };
        Some(Stamp { at, assumed: if layout.zone_given { Assumed::ZoneGiven } else { Assumed::Zone } })
    }
}

/// The stamp of a date without a year: the latest one that lies before the layout's reference plus a day.
pub(super) fn yearless(month: i64, day: i64, second: i64, micro: i64, layout: &Layout) -> Option<Stamp> {
    let latest = layout.reference?.plus_secs(DAY_SECS);
    let (last_year, ..) = date_of(latest);
    // A 29th of February may be up to eight years back.
    (0..=8).find_map(|back| {
        let stamp = Civil { year: last_year - back, month, day, second, micro }.in_zone(layout)?;
        (stamp.at <= latest).then_some(Stamp { at: stamp.at, assumed: stamp.assumed.and(Assumed::Year) })
    })
}

/// Whether a stamp with slashes shows that its day is first (`true`) or second.
pub fn shows_day_first(bytes: &[u8]) -> Option<bool> {
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

/// Whether the day is first in the stamps with slashes of a log, in the order in which they stand there: as one of them shows it, or as
/// only one of the two readings goes with how such a log is written. It does not go back, nor beyond the time of its file, and goes on
/// from day to day; and its file was written last when it ends.
pub fn order_of_dates<'s>(stamps: impl Iterator<Item = &'s [u8]>, layout: &Layout) -> Option<bool> {
    let mut readings = [true, false].map(|day_first| Reading::new(day_first, layout));
    for stamp in stamps {
        if let Some(shown) = shows_day_first(stamp) {
            return Some(shown);
        }
        readings.iter_mut().for_each(|reading| reading.see(stamp));
    }
    decided(&readings)
}

/// Whether the day is first in the dates of a log that was read to its end: as one of them shows it where no other one shows the
/// reverse, or as only one of the two readings goes with how such a log is written (see `order_of_dates`).
/// Days that follow each other may be the first of months, too, which is left open where the time of the file does not tell.
pub fn order_of(dates: &Dates, layout: &Layout) -> Option<bool> {
    let all = dates.all()?;
    match shown(&all) {
        [false, false] => {}
        [day, month] => return (day != month).then_some(day),
    }
    let readings = [true, false].map(|day_first| {
        let day = |(year, first, second): &Date| {
            let (day, month) = if day_first { (*first, *second) } else { (*second, *first) };
            let exists = (1..=days_of_month(*year, month)?).contains(&day);
            exists.then(|| days_before(*year, month, day))
        };
        let mut days: Vec<i64> = all.iter().filter_map(day).collect();
        days.sort_unstable();
        let on_the_first = |(_, first, second): &Date| *(if day_first { first } else { second }) == 1;
        let mut reading = Reading::new(day_first, layout);
        reading.last = days.last().and_then(|day| Instant::from_secs(day * DAY_SECS));
        reading.step_secs = days.windows(2).map(|two| (two[1] - two[0]) * DAY_SECS).max().unwrap_or(0);
        reading.is_monthly = all.len() > 1 && all.iter().all(on_the_first);
        reading
    });
    decided(&readings)
}

/// Whether the day is first in dates of which one shows it, and none the reverse.
pub fn order_shown(dates: &Dates) -> Option<bool> {
    let [day, month] = shown(&dates.all()?);
    (day != month).then_some(day)
}

/// Whether one of these shows that the day is first, and one that the month is.
fn shown(dates: &[Date]) -> [bool; 2] {
    [dates.iter().any(|(_, first, _)| *first > 12), dates.iter().any(|(.., second)| *second > 12)]
}

/// The order by which one of the two readings may be and the other may not, or goes on as logs do.
fn decided(readings: &[Reading; 2]) -> Option<bool> {
    let only = |holds: fn(&Reading) -> bool| match readings.each_ref().map(holds) {
        [true, false] => Some(true),
        [false, true] => Some(false),
        _ => None,
    };
    only(Reading::may_be).or_else(|| only(Reading::goes_on)).or_else(|| only(Reading::ends_with_its_file))
}

/// A log whose stamps are read in one of the two orders.
struct Reading {
    layout: Layout,
    last: Option<Instant>,
    goes_back: bool,
    /// The longest time between two records.
    step_secs: i64,
    /// Whether all of it is of the first of a month, on which much is done that is done once a month.
    is_monthly: bool,
}

impl Reading {
    /// So far a clock may be set back, or a thread be late.
    const BACK_SECS: i64 = 7_200;

    fn new(day_first: bool, layout: &Layout) -> Self {
        let layout = Layout { day_first: Some(day_first), ..layout.clone() };
        Self { layout, last: None, goes_back: false, step_secs: 0, is_monthly: false }
    }

    fn see(&mut self, stamp: &[u8]) {
        let Some(stamp) = super::any(stamp, &self.layout) else { return };
        let last = self.last.replace(stamp.at).unwrap_or(stamp.at);
        let step = (stamp.at.micros() - last.micros()) / 1_000_000;
        self.goes_back |= step < -Self::BACK_SECS;
        self.step_secs = self.step_secs.max(step);
    }

    /// How long its file was written to behind its last record; `None` where either is not known.
    fn left_secs(&self) -> Option<i64> {
        Some((self.layout.reference?.micros() - self.last?.micros()) / 1_000_000)
    }

    fn may_be(&self) -> bool {
        self.last.is_some() && !self.goes_back && self.left_secs().is_none_or(|left| left >= -DAY_SECS)
    }

    fn goes_on(&self) -> bool {
        self.may_be() && (self.is_monthly || self.step_secs <= 7 * DAY_SECS)
    }

    fn ends_with_its_file(&self) -> bool {
        self.may_be() && self.left_secs().is_some_and(|left| left <= 2 * DAY_SECS)
    }
}

/// A stamp whose zone was assumed, in the zone of the host that the record names, where the user gave one for it.
pub fn by_host(stamp: Stamp, fields: &Fields<'_>, layout: &Layout) -> Stamp {
    if !stamp.assumed.zone() && !stamp.assumed.zone_given() {
        return stamp;
    }
    let Some(host) = fields.text(Canon::HostName) else { return stamp };
    let short = host.split('.').next().unwrap_or(host);
    let clock = layout.host_clocks.iter().find(|clock| clock.hosts.is_match(host) || clock.hosts.is_match(short));
    let moved = clock.and_then(|clock| moved(stamp, &clock.zone, layout));
    let given = if stamp.assumed.year() { Assumed::YearWithZoneGiven } else { Assumed::ZoneGiven };
    moved.map_or(stamp, |at| Stamp { at, assumed: given })
}

/// A stamp whose zone was assumed, at the offset from UTC that the record gives elsewhere.
pub fn at_offset(stamp: Stamp, offset_secs: i64, layout: &Layout) -> Stamp {
    let assumed = match stamp.assumed {
        Assumed::Zone | Assumed::ZoneGiven => Assumed::Nothing,
        Assumed::ZoneAndYear | Assumed::YearWithZoneGiven => Assumed::Year,
        _ => return stamp,
    };
    let offset = i32::try_from(offset_secs).ok().and_then(|secs| Offset::from_seconds(secs).ok());
    let moved = offset.and_then(|offset| moved(stamp, &TimeZone::fixed(offset), layout));
    moved.map_or(stamp, |at| Stamp { at, assumed })
}

/// The instant of a stamp that was read in the layout's zone, had it been read in this one.
fn moved(stamp: Stamp, zone: &TimeZone, layout: &Layout) -> Option<Instant> {
    let assumed = jiff::Timestamp::from_microsecond(stamp.at.micros()).ok()?;
    let written = layout.zone.to_datetime(assumed);
    zone.to_ambiguous_timestamp(written).compatible().ok().map(Instant::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_day_and_month_follows_from_how_a_log_is_written() {
        let order = |stamps: &[&str], written: &str| {
            let layout = Layout { reference: Instant::parse(written), ..Layout::plain() };
            order_of_dates(stamps.iter().map(|stamp| stamp.as_bytes()), &layout)
        };
        let late = "2026-12-31T00:00:00Z";
        assert_eq!(order(&["3/5/2026 11:10:04 PM", "3/13/2026 1:00:00 AM"], late), Some(false), "a 13th");
        assert_eq!(order(&["1/12/2025 23:59:00", "2/12/2025 00:01:00"], late), Some(true), "from day to day");
        assert_eq!(order(&["12/1/2025 23:59:00", "12/2/2025 00:01:00"], late), Some(false));
        assert_eq!(
            order(&["12/5/2026 23:59:00", "1/6/2026 00:01:00"], late),
            Some(true),
            "December is not before January"
        );
        assert_eq!(order(&["5/3/2026 10:00:00"], "2026-03-06T00:00:00Z"), Some(true), "May is not yet");
        assert_eq!(
            order(&["3/5/2026 10:00:00"], "2026-05-03T11:00:00Z"),
            Some(true),
            "the file was written until then"
        );
        assert_eq!(order(&["3/5/2026 10:00:00", "3/5/2026 10:00:01"], late), None);
        assert_eq!(order(&["3/3/2026 10:00:00"], late), None, "either way the same");
        assert_eq!(order(&[], late), None);
    }

    #[test]
    fn the_order_follows_from_all_dates_of_a_log_in_any_order() {
        let order = |dates: &[(i64, i64)], written: &str| {
            let of = |dates: &mut dyn Iterator<Item = &(i64, i64)>| {
                let seen = Dates::default();
                dates.for_each(|(first, second)| seen.see((2026, *first, *second)));
                order_of(&seen, &Layout { reference: Instant::parse(written), ..Layout::plain() })
            };
            let forward = of(&mut dates.iter());
            assert_eq!(forward, of(&mut dates.iter().rev()), "{dates:?}");
            forward
        };
        let late = "2026-12-31T00:00:00Z";
        assert_eq!(order(&[(10, 3), (11, 3), (12, 3), (13, 3)], late), Some(true), "a 13th");
        assert_eq!(order(&[(3, 10), (3, 13)], late), Some(false));
        assert_eq!(order(&[(13, 3), (3, 13)], late), None, "both");
        assert_eq!(order(&[(10, 3), (11, 3)], late), Some(true), "from day to day");
        assert_eq!(order(&[(3, 10), (3, 11), (3, 12)], late), Some(false));
        assert_eq!(order(&[(1, 1), (1, 2), (1, 3)], late), None, "or the first of three months");
        assert_eq!(
            order(&[(1, 1), (1, 2), (1, 3)], "2026-03-01T12:00:00Z"),
            Some(true),
            "as the file was written until then"
        );
        assert_eq!(order(&[(5, 3)], "2026-03-06T00:00:00Z"), Some(true), "May is not yet");
        assert_eq!(order(&[(3, 5)], "2026-05-03T11:00:00Z"), Some(true), "the file was written until then");
        assert_eq!(order(&[(3, 5)], late), None);
        assert_eq!(order(&[(3, 3)], late), None, "either way the same");
        assert_eq!(order(&[], late), None);
        let many: Vec<(i64, i64)> = (0..5000).map(|n| (n, n % 12)).collect();
        assert_eq!(order(&many, late), None, "no log has as many");
    }
}

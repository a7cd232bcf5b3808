//! What a stamp does not say and something else does: the zone and the year.

use jiff::civil;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use super::civil::{Civil, DAY_SECS, date_of, days_of_month};
use crate::model::fields::{Canon, Fields};
use crate::model::layout::Layout;
use crate::model::time::{Assumed, HOUR_SECS, Instant, Stamp};

impl Civil {
    /// The instant at the offset that the record states, else in the layout's zone.
    pub fn at(self, offset_secs: Option<i64>, layout: &Layout) -> Option<Stamp> {
        match offset_secs {
            Some(offset) => self.at_offset(offset).map(Stamp::certain),
            None => self.in_zone(layout),
        }
    }

    /// The instant in the layout's zone, as an assumption. A time that a clock change repeats is the first of the two where the layout
    /// does not know which, one that it skips lies behind the gap; either is said.
    pub fn in_zone(self, layout: &Layout) -> Option<Stamp> {
        let local = if layout.zone_given { Assumed::ZoneGiven } else { Assumed::Zone };
        if layout.zone == TimeZone::UTC {
            return Some(Stamp { at: self.at_offset(0)?, assumed: local });
        }
        let (at, change) = {
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
            in_zone(&layout.zone, moment, &layout.hours)?
        };
        Some(Stamp { at, assumed: local.and(change) })
    }
}

/// The instant of a date and time in a zone, and whether a change of its clocks leaves it open. `hours`: those that come twice and of which
/// it is known which one is meant, as in [`Layout::hours`].
fn in_zone(zone: &TimeZone, moment: civil::DateTime, hours: &[(Instant, bool)]) -> Option<(Instant, Assumed)> {
    let found = zone.to_ambiguous_timestamp(moment);
    let change = match found.offset() {
        AmbiguousOffset::Unambiguous { .. } => Assumed::Nothing,
        AmbiguousOffset::Gap { .. } => Assumed::Never,
        AmbiguousOffset::Fold { .. } => {
            let first: Instant = found.earlier().ok()?.into();
            let second: Instant = found.later().ok()?.into();
            let is_near = |at: Instant| first.micros().abs_diff(at.micros()) < HOUR_SECS.unsigned_abs() * 1_000_000;
            let known = hours.iter().find(|(at, _)| is_near(*at));
            return Some(match known {
                Some((_, true)) => (second, Assumed::Nothing),
                Some((_, false)) => (first, Assumed::Nothing),
                None => (first, Assumed::Twice),
            });
        }
    };
    Some((found.compatible().ok()?.into(), change))
}

/// The stamp of a date without a year, at the offset that the record states or in the layout's zone: the latest one that lies before the
/// layout's reference plus a day.
pub(super) fn yearless(
    (month, day): (i64, i64),
    (second, micro): (i64, i64),
    offset_secs: Option<i64>,
    layout: &Layout,
) -> Option<Stamp> {
    let latest = years_before(layout.reference?.plus_secs(DAY_SECS), layout.years_back)?;
    let (last_year, ..) = date_of(latest);
    // A 29th of February may be up to eight years back.
    (0..=8).find_map(|back| {
        let stamp = Civil { year: last_year - back, month, day, second, micro }.at(offset_secs, layout)?;
        (stamp.at <= latest).then_some(Stamp { at: stamp.at, assumed: stamp.assumed.and(Assumed::Year) })
    })
}

/// When a record was written of which the year was inferred, by a layout with another reference.
pub(super) fn latest_of(read: Stamp, layout: &Layout) -> Option<Instant> {
    let at = jiff::Timestamp::from_microsecond(read.at.micros()).ok()?;
    let written = layout.zone.to_datetime(at);
    let (date, time) = (written.date(), written.time());
    let second = i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    yearless((i64::from(date.month()), i64::from(date.day())), (second, 0), None, layout).map(|stamp| stamp.at)
}

/// The same day and time so many years before.
fn years_before(at: Instant, years: i64) -> Option<Instant> {
    if years == 0 {
        return Some(at);
    }
    let (year, month, day) = date_of(at);
    let day = day.min(days_of_month(year - years, month)?);
    let of_day = at.micros().rem_euclid(DAY_SECS * 1_000_000);
    let before = Civil { year: year - years, month, day, second: 0, micro: 0 }.micros()?;
    Instant::from_micros(before + of_day)
}

/// A stamp whose zone was assumed, in the zone of the host that the record names, where the user gave one for it.
pub fn by_host(stamp: Stamp, fields: &Fields<'_>, layout: &Layout) -> Stamp {
    if !stamp.assumed.is_local() {
        return stamp;
    }
    let Some(host) = fields.text(Canon::HostName) else { return stamp };
    let short = host.split('.').next().unwrap_or(host);
    let clock = layout.host_clocks.iter().find(|clock| clock.hosts.is_match(host) || clock.hosts.is_match(short));
    let moved = clock.and_then(|clock| moved(stamp, &clock.zone, layout));
    let given = stamp.assumed.with_zone_stated().and(Assumed::ZoneGiven);
    moved.map_or(stamp, |(at, change)| Stamp { at, assumed: given.and(change) })
}

/// A stamp whose zone was assumed, at the offset from UTC that the record gives elsewhere.
pub fn at_offset(stamp: Stamp, offset_secs: i64, layout: &Layout) -> Stamp {
    if !stamp.assumed.is_local() {
        return stamp;
    }
    let assumed = stamp.assumed.with_zone_stated();
    let offset = i32::try_from(offset_secs).ok().and_then(|secs| Offset::from_seconds(secs).ok());
    let moved = offset.and_then(|offset| moved(stamp, &TimeZone::fixed(offset), layout));
    moved.map_or(stamp, |(at, _)| Stamp { at, assumed })
}

/// The instant of a stamp that was read in the layout's zone, had it been read in this one, and whether its clocks leave it open.
fn moved(stamp: Stamp, zone: &TimeZone, layout: &Layout) -> Option<(Instant, Assumed)> {
    let read = jiff::Timestamp::from_microsecond(stamp.at.micros()).ok()?;
    // What is written in a gap was read as behind it, by the offset of before.
    let offset = match stamp.assumed.never() {
        true => {
            let second = jiff::SignedDuration::from_secs(1);
            let change = layout.zone.preceding(read.checked_add(second).ok()?).next()?.timestamp();
            layout.zone.to_offset(change.checked_sub(second).ok()?)
        }
        false => layout.zone.to_offset(read),
    };
    in_zone(zone, offset.to_datetime(read), &layout.hours)
}

//! What a stamp does not say and something else does: the zone and the year.

use jiff::civil;
use jiff::tz::{Offset, TimeZone};

use super::civil::{Civil, DAY_SECS, date_of};
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

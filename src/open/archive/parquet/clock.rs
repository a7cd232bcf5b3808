//! Days and seconds → RFC 3339. Each writes nothing and gives `None` where a value is no such time.

use super::meta::{Adjusted, Unit};
use super::render::unsigned;

/// From the first day of the Julian period to 1970-01-01.
const JULIAN_DAYS: i64 = 2_440_588;
const DAY_SECS: i64 = 86_400;

/// A day of days since 1970-01-01.
pub(super) fn day(days: i64, out: &mut Vec<u8>) -> Option<()> {
    quoted(out, |out| date(days, out).then_some(()))
}

/// A time of day of units since midnight.
pub(super) fn time(value: i64, unit: Unit, adjusted: Adjusted, out: &mut Vec<u8>) -> Option<()> {
    let (secs, fraction) = split(value, unit);
    let is_one = (0..DAY_SECS).contains(&secs);
    quoted(out, |out| is_one.then(|| hands(secs, fraction, unit, adjusted, out)))
}

/// A moment of units since 1970-01-01.
pub(super) fn stamp(value: i64, unit: Unit, adjusted: Adjusted, out: &mut Vec<u8>) -> Option<()> {
    let (secs, fraction) = split(value, unit);
    written(secs, fraction, unit, adjusted, out)
}

/// A moment of nanoseconds of a Julian day. The format names no zone.
pub(super) fn int96(value: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (nanos, day) = value.split_first_chunk()?;
    let day = i64::from(i32::from_le_bytes(*day.first_chunk()?));
    let (secs, fraction) = split(i64::from_le_bytes(*nanos), Unit::Nanos);
    written(secs + (day - JULIAN_DAYS) * DAY_SECS, fraction, Unit::Nanos, Adjusted::Local, out)
}

/// Writes between quotes what `write` writes; nothing where it gives nothing.
fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Option<()>) -> Option<()> {
    let before = out.len();
    out.push(b'"');
    match write(out) {
        Some(()) => out.push(b'"'),
        None => out.truncate(before),
    }
    (out.len() > before).then_some(())
}

/// A number with zeros before it, up to so many digits.
fn padded(value: u64, least: usize, out: &mut Vec<u8>) {
    let digits = value.checked_ilog10().unwrap_or(0) as usize + 1;
    out.resize(out.len() + least.saturating_sub(digits), b'0');
    unsigned(value, out);
}

/// Whole seconds, and what is left in units.
fn split(value: i64, unit: Unit) -> (i64, u64) {
    let per_sec = match unit {
        Unit::Millis => 1_000,
        Unit::Micros => 1_000_000,
        Unit::Nanos => 1_000_000_000,
    };
    (value.div_euclid(per_sec), value.rem_euclid(per_sec) as u64)
}

/// A date of days since 1970; false outside of the years 0 to 9999.
fn date(days: i64, out: &mut Vec<u8>) -> bool {
    if !(-719_528..=2_932_896).contains(&days) {
        return false;
    }
    // SOURCE: H. Hinnant, chrono-Compatible Low-Level Date Algorithms: years begin in March, eras are of 400 of them.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    padded(year as u64, 4, out);
    out.push(b'-');
    padded(month as u64, 2, out);
    out.push(b'-');
    padded(day as u64, 2, out);
    true
}

fn hands(secs: i64, fraction: u64, unit: Unit, adjusted: Adjusted, out: &mut Vec<u8>) {
    let secs = secs as u64;
    padded(secs / 3600, 2, out);
    out.push(b':');
    padded(secs / 60 % 60, 2, out);
    out.push(b':');
    padded(secs % 60, 2, out);
    if fraction > 0 {
        out.push(b'.');
        padded(fraction, [3, 6, 9][unit as usize], out);
    }
    if adjusted == Adjusted::Utc {
        out.push(b'Z');
    }
}

fn written(secs: i64, fraction: u64, unit: Unit, adjusted: Adjusted, out: &mut Vec<u8>) -> Option<()> {
    quoted(out, |out| {
        date(secs.div_euclid(DAY_SECS), out).then(|| {
            out.push(b'T');
            hands(secs.rem_euclid(DAY_SECS), fraction, unit, adjusted, out);
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (days, expected) in [
            (0, "\"1970-01-01\""),
            (-1, "\"1969-12-31\""),
            (19_782, "\"2024-02-29\""),
            (2_932_896, "\"9999-12-31\""),
            (-719_528, "\"0000-01-01\""),
            (2_932_897, ""),
        ] {
            let mut out = Vec::new();
            assert_eq!(day(days, &mut out).is_some(), !expected.is_empty());
            assert_eq!(std::str::from_utf8(&out).unwrap(), expected);
        }
    }
}

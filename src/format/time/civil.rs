//! The calendar: a date and time as written, and the instant that it is.

use crate::model::time::Instant;

/// Seconds of a day.
pub(super) const DAY_SECS: i64 = 86_400;

/// A date and time as written, without a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Civil {
    /// Year, 1 to 9999.
    pub year: i64,
    /// Month, 1 to 12.
    pub month: i64,
    /// Day, 1 to 31.
    pub day: i64,
    /// Seconds since midnight; a leap second counts as the one before.
    pub second: i64,
    /// Microseconds.
    pub micro: i64,
}

impl Civil {
    /// Microseconds since the epoch, read as UTC; `None` for a day that does not exist.
    pub(super) fn micros(self) -> Option<i64> {
        if self.day > days_of_month(self.year, self.month)? || self.day < 1 || !(1..=9999).contains(&self.year) {
            return None;
        }
        let days = days_before(self.year, self.month, self.day);
        Some((days * DAY_SECS + self.second) * 1_000_000 + self.micro)
    }

    /// The instant at a fixed offset from UTC.
    pub fn at_offset(self, offset_secs: i64) -> Option<Instant> {
        Instant::from_micros(self.micros()? - offset_secs * 1_000_000)
    }
}

/// Days of a month; `None` where there is no such month.
pub(super) fn days_of_month(year: i64, month: i64) -> Option<i64> {
    Some(match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => return None,
    })
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar.
pub(super) fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The UTC date of an instant.
pub(super) fn date_of(at: Instant) -> (i64, i64, i64) {
    let days = at.micros().div_euclid(DAY_SECS * 1_000_000) + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_agree_with_the_calendar() {
        for day in (-700_000..700_000).step_by(97) {
            let at = Instant::from_secs(day * DAY_SECS).unwrap();
            let (year, month, dom) = date_of(at);
            assert_eq!(days_before(year, month, dom), day);
        }
    }
}

//! Instants from the many ways in which logs write them. What is not there is not invented: every reader returns an
//! `Option`, and what had to be assumed stands in the [`Stamp`].

use jiff::civil;
use jiff::tz::TimeZone;

use crate::model::fields::{Canon, Fields};
use crate::model::layout::Layout;
use crate::model::time::{Assumed, Instant, Stamp};

/// Seconds of a day.
const DAY_SECS: i64 = 86_400;
/// 100 ns units between 1601 and 1970.
const FILETIME_EPOCH: i64 = 116_444_736_000_000_000;

/// A date and time as written, without a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
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
    fn micros(self) -> Option<i64> {
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

    /// The instant in the layout's zone, with whose word that zone is. A time that a clock change repeats is the first of the two,
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

fn days_of_month(year: i64, month: i64) -> Option<i64> {
    Some(match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => return None,
    })
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// A cursor over the bytes of a stamp.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Between `least` and `most` digits.
    fn digits(&mut self, least: usize, most: usize) -> Option<i64> {
        let start = self.at;
        let mut value = 0;
        while let Some(b @ b'0'..=b'9') = self.peek()
            && self.at - start < most
        {
            value = value * 10 + i64::from(b - b'0');
            self.at += 1;
        }
        (self.at - start >= least).then_some(value)
    }

    /// `hh:mm:ss` or `hh:mm` with an optional fraction: seconds since midnight and microseconds.
    fn clock(&mut self) -> Option<(i64, i64)> {
        let hour = self.digits(1, 2)?;
        self.eat(b':')?;
        let minute = self.digits(2, 2)?;
        let mut second = 0;
        let mut micro = 0;
        if self.eat(b':').is_some() {
            second = self.digits(2, 2)?;
            micro = self.fraction();
        }
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        Some((hour * 3600 + minute * 60 + second.min(59), micro))
    }

    /// A fraction of a second behind `.` or `,`; digits beyond microseconds are dropped.
    fn fraction(&mut self) -> i64 {
        if !matches!(self.peek(), Some(b'.' | b',')) || !matches!(self.bytes.get(self.at + 1), Some(b'0'..=b'9')) {
            return 0;
        }
        self.at += 1;
        let (mut micro, mut scale) = (0, 100_000);
        while let Some(b @ b'0'..=b'9') = self.peek() {
            micro += i64::from(b - b'0') * scale;
            scale /= 10;
            self.at += 1;
        }
        micro
    }

    /// `Z`, `UTC`, `GMT`, `+hh:mm`, `+hhmm`, `+hh`, with an optional blank before it; the offset in seconds. Without one the
    /// cursor stays.
    fn zone(&mut self) -> Option<i64> {
        let back = self.at;
        let found = self.zone_here();
        if found.is_none() {
            self.at = back;
        }
        found
    }

    fn zone_here(&mut self) -> Option<i64> {
        let _ = self.eat(b' ');
        let rest = &self.bytes[self.at..];
        if rest.starts_with(b"UTC") || rest.starts_with(b"GMT") {
            self.at += 3;
            return Some(0);
        }
        let sign = match self.peek()? {
            b'Z' | b'z' if !matches!(rest.get(1), Some(b) if b.is_ascii_alphanumeric()) => {
                self.at += 1;
                return Some(0);
            }
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        self.at += 1;
        let hours = self.digits(2, 2)?;
        let _ = self.eat(b':');
        let minutes = self.digits(2, 2).unwrap_or(0);
        (hours <= 18 && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60))
    }

    /// `Jan` to `Dec`, in any case.
    fn month_name(&mut self) -> Option<i64> {
        let name = self.bytes.get(self.at..self.at + 3)?;
        let at = MONTHS.iter().position(|m| m.as_bytes().eq_ignore_ascii_case(name))?;
        self.at += 3;
        Some(at as i64 + 1)
    }

    /// `YYYY-MM-DD` or `YYYY/MM/DD`.
    fn date(&mut self) -> Option<(i64, i64, i64)> {
        let year = self.digits(4, 4)?;
        let mark = self.peek().filter(|b| matches!(b, b'-' | b'/' | b'.'))?;
        self.at += 1;
        let month = self.digits(1, 2)?;
        self.eat(mark)?;
        Some((year, month, self.digits(1, 2)?))
    }
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Reads an ISO 8601 / RFC 3339 stamp at the start of `bytes` (`T` or a blank between date and time, fraction behind
/// `.` or `,`, zone optional) and says how many bytes it takes. Without a zone the layout's counts.
pub fn iso_prefix(bytes: &[u8], layout: &Layout) -> Option<(Stamp, usize)> {
    let mut cursor = Cursor { bytes, at: 0 };
    let (year, month, day) = cursor.date()?;
    match cursor.peek()? {
        b'T' | b't' | b' ' | b'_' => cursor.at += 1,
        _ => return None,
    }
    let (second, micro) = cursor.clock()?;
    let civil = Civil { year, month, day, second, micro };
    let stamp = match cursor.zone() {
        Some(offset) => Stamp::certain(civil.at_offset(offset)?),
        None => civil.in_zone(layout)?,
    };
    Some((stamp, cursor.at))
}

/// Reads a whole ISO stamp; `None` where anything follows it.
pub fn iso(bytes: &[u8], layout: &Layout) -> Option<Stamp> {
    iso_prefix(bytes, layout).filter(|&(_, used)| used == bytes.len()).map(|(stamp, _)| stamp)
}

/// Reads `10/Oct/2000:13:55:36 -0700` (common log format, Squid's `httpd` time; a blank before the time is allowed).
pub fn clf(bytes: &[u8], layout: &Layout) -> Option<Stamp> {
    let mut cursor = Cursor { bytes, at: 0 };
    let day = cursor.digits(1, 2)?;
    let mark = cursor.peek().filter(|b| matches!(b, b'/' | b'-' | b' '))?;
    cursor.at += 1;
    let month = cursor.month_name()?;
    cursor.eat(mark)?;
    let year = cursor.digits(4, 4)?;
    if !matches!(cursor.peek()?, b':' | b' ') {
        return None;
    }
    cursor.at += 1;
    let (second, micro) = cursor.clock()?;
    let civil = Civil { year, month, day, second, micro };
    match cursor.zone() {
        Some(offset) => civil.at_offset(offset).map(Stamp::certain),
        None => civil.in_zone(layout),
    }
}

/// Reads seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by their magnitude (of the years
/// 1973 to 5138 in seconds), or a Windows FILETIME (18 digits); seconds and milliseconds may have a fraction.
pub fn epoch(bytes: &[u8]) -> Option<Stamp> {
    let mut cursor = Cursor { bytes, at: 0 };
    let whole = cursor.digits(9, 19)?;
    let digits = cursor.at;
    let micro = cursor.fraction();
    if cursor.at != bytes.len() {
        return None;
    }
    let micros = match digits {
        9..=11 => whole.checked_mul(1_000_000)?.checked_add(micro)?,
        12..=14 => whole.checked_mul(1000)?.checked_add(micro / 1000)?,
        15..=17 => whole,
        // Nanoseconds of 18 digits ended in 2001; FILETIMEs have them from 1917 to 4769.
        18 => return filetime(u64::try_from(whole).ok()?),
        _ => whole / 1000,
    };
    Instant::from_micros(micros).map(Stamp::certain)
}

/// The instant of a Windows FILETIME (100 ns since 1601, UTC).
pub fn filetime(ticks: u64) -> Option<Stamp> {
    let ticks = i64::try_from(ticks).ok()?.checked_sub(FILETIME_EPOCH)?;
    Instant::from_micros(ticks.div_euclid(10)).map(Stamp::certain)
}

/// Reads `Oct 11 22:14:15` (also with a year before or behind the time, a fraction, a zone) at the start of `bytes`, and
/// says how many bytes it takes. A stamp without a year is the latest one that lies before the layout's reference
/// plus a day; without a reference there is no instant.
pub fn syslog_prefix(bytes: &[u8], layout: &Layout) -> Option<(Option<Stamp>, usize)> {
    let mut cursor = Cursor { bytes, at: 0 };
    let month = cursor.month_name()?;
    cursor.eat(b' ')?;
    let _ = cursor.eat(b' ');
    let day = cursor.digits(1, 2)?;
    cursor.eat(b' ')?;
    let mut year = None;
    if bytes.get(cursor.at + 4) == Some(&b' ') {
        let back = cursor.at;
        year = cursor.digits(4, 4);
        cursor.at = if year.is_some() { cursor.at + 1 } else { back };
    }
    let (second, micro) = cursor.clock()?;
    if day < 1 || day > days_of_month(2000, month)? {
        return None;
    }
    if year.is_none()
        && let Some(y @ [b' ', b'1' | b'2', _, _, _]) = bytes.get(cursor.at..cursor.at + 5)
        && matches!(bytes.get(cursor.at + 5), None | Some(b' ' | b':'))
    {
        year = Cursor { bytes: y, at: 1 }.digits(4, 4);
        cursor.at += if year.is_some() { 5 } else { 0 };
    }
    let offset = zone_word(&mut cursor);
    let stamp = match year {
        Some(year) => {
            let civil = Civil { year, month, day, second, micro };
            match offset {
                Some(offset) => civil.at_offset(offset).map(Stamp::certain),
                None => civil.in_zone(layout),
            }
        }
        None => yearless(month, day, second, micro, layout),
    };
    Some((stamp, cursor.at))
}

/// A zone as a word of its own.
fn zone_word(cursor: &mut Cursor<'_>) -> Option<i64> {
    let back = cursor.at;
    let offset = cursor.zone()?;
    if matches!(cursor.peek(), None | Some(b' ' | b':')) {
        return Some(offset);
    }
    cursor.at = back;
    None
}

fn yearless(month: i64, day: i64, second: i64, micro: i64, layout: &Layout) -> Option<Stamp> {
    let latest = layout.reference?.plus_secs(DAY_SECS);
    let (last_year, ..) = date_of(latest);
    // A 29th of February may be up to eight years back.
    (0..=8).find_map(|back| {
        let stamp = Civil { year: last_year - back, month, day, second, micro }.in_zone(layout)?;
        (stamp.at <= latest).then_some(Stamp { at: stamp.at, assumed: stamp.assumed.and(Assumed::Year) })
    })
}

/// The UTC date of an instant.
fn date_of(at: Instant) -> (i64, i64, i64) {
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

/// Reads `03/04/2026 10:00[:00][ AM]` where the layout knows which of day and month is first, or the numbers show it.
pub fn slashed(bytes: &[u8], layout: &Layout) -> Option<Stamp> {
    let mut cursor = Cursor { bytes, at: 0 };
    let first = cursor.digits(1, 2)?;
    let mark = cursor.peek().filter(|b| matches!(b, b'/' | b'.' | b'-'))?;
    cursor.at += 1;
    let second = cursor.digits(1, 2)?;
    cursor.eat(mark)?;
    let year = cursor.digits(4, 4)?;
    let _ = cursor.eat(b',');
    cursor.eat(b' ')?;
    let (mut clock, micro) = cursor.clock()?;
    let _ = cursor.eat(b' ');
    let rest = &bytes[cursor.at..];
    if rest.len() >= 2 && (rest[..2].eq_ignore_ascii_case(b"am") || rest[..2].eq_ignore_ascii_case(b"pm")) {
        cursor.at += 2;
        let noon = clock / 3600 == 12;
        clock += match (rest[0].to_ascii_lowercase(), noon) {
            (b'a', true) => -43_200,
            (b'p', false) if clock < 43_200 => 43_200,
            _ => 0,
        };
    }
    let day_first = match (first > 12, second > 12) {
        (true, false) => true,
        (false, true) => false,
        (false, false) if first == second => true,
        // The dotted form is written day first everywhere.
        (false, false) if mark == b'.' => true,
        (false, false) => layout.day_first?,
        (true, true) => return None,
    };
    let (day, month) = if day_first { (first, second) } else { (second, first) };
    let civil = Civil { year, month, day, second: clock, micro };
    match cursor.zone() {
        Some(offset) if cursor.at == bytes.len() => civil.at_offset(offset).map(Stamp::certain),
        None if cursor.at == bytes.len() => civil.in_zone(layout),
        _ => None,
    }
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

/// Reads a stamp of any of the forms above that stands alone in a field.
pub fn any(bytes: &[u8], layout: &Layout) -> Option<Stamp> {
    let bytes = bytes.trim_ascii();
    let bytes = bytes.strip_prefix(b"[").and_then(|b| b.strip_suffix(b"]")).unwrap_or(bytes);
    match bytes.first()? {
        b'0'..=b'9' => iso(bytes, layout)
            .or_else(|| epoch(bytes))
            .or_else(|| clf(bytes, layout))
            .or_else(|| slashed(bytes, layout)),
        _ => {
            let (stamp, used) = syslog_prefix(bytes, layout)?;
            stamp.filter(|_| used == bytes.len())
        }
    }
}

/// A stamp without a zone of its own, in the zone of the host that the record names, where the user gave one for it.
pub fn by_host(stamp: Stamp, fields: &Fields<'_>, layout: &Layout) -> Stamp {
    if !stamp.assumed.zone() && !stamp.assumed.zone_given() {
        return stamp;
    }
    let Some(host) = fields.text(Canon::HostName) else { return stamp };
    let short = host.split('.').next().unwrap_or(host);
    let clock = layout.host_clocks.iter().find(|clock| clock.hosts.is_match(host) || clock.hosts.is_match(short));
    let moved = clock.and_then(|clock| {
        let assumed = jiff::Timestamp::from_microsecond(stamp.at.micros()).ok()?;
        let written = layout.zone.to_datetime(assumed);
        clock.zone.to_ambiguous_timestamp(written).compatible().ok()
    });
    let given = if stamp.assumed.year() { Assumed::YearWithZoneGiven } else { Assumed::ZoneGiven };
    moved.map_or(stamp, |at| Stamp { at: at.into(), assumed: given })
}

/// Reads `date` (`YYYY-MM-DD`) and `time` (`hh:mm:ss[.fff]`) that stand apart. `offset_secs`: how far from UTC they are;
/// `None` for the layout's zone.
pub fn date_and_time(date: &[u8], time: &[u8], offset_secs: Option<i64>, layout: &Layout) -> Option<Stamp> {
    let mut cursor = Cursor { bytes: date, at: 0 };
    let (year, month, day) = cursor.date()?;
    let mut clock = Cursor { bytes: time, at: 0 };
    let (second, micro) = clock.clock()?;
    if cursor.at != date.len() || clock.at != time.len() {
        return None;
    }
    let civil = Civil { year, month, day, second, micro };
    match offset_secs {
        Some(offset) => civil.at_offset(offset).map(Stamp::certain),
        None => civil.in_zone(layout),
    }
}

/// The offset in seconds of a zone written as `+0100`, `-07:00` or `Z`.
pub fn offset(bytes: &[u8]) -> Option<i64> {
    let mut cursor = Cursor { bytes, at: 0 };
    let found = cursor.zone()?;
    (cursor.at == bytes.len()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(stamp: Option<Stamp>) -> String {
        stamp.map_or("none".into(), |s| format!("{} {}", s.at, s.assumed.word().unwrap_or("-")))
    }

    fn layout(zone: &str, reference: Option<&str>) -> Layout {
        Layout { zone: TimeZone::get(zone).unwrap(), reference: reference.and_then(Instant::parse), ..Layout::plain() }
    }

    #[test]
    fn stamps_that_state_all_need_no_assumption() {
        let utc = layout("UTC", None);
        assert_eq!(text(clf(b"10/Oct/2000:13:55:36 -0700", &utc)), "2000-10-10T20:55:36Z -");
        assert_eq!(text(iso(b"2026-03-28T23:10:04.5+01:00", &utc)), "2026-03-28T22:10:04.5Z -");
        assert_eq!(text(iso(b"2026-03-28 23:10:04,123456789 UTC", &utc)), "2026-03-28T23:10:04.123456Z -");
        assert_eq!(text(epoch(b"1364481363.243")), "2013-03-28T14:36:03.243Z -");
        assert_eq!(text(epoch(b"1557513467369913239")), "2019-05-10T18:37:47.369913Z -");
        assert_eq!(text(epoch(b"1557513467369")), "2019-05-10T18:37:47.369Z -");
        assert_eq!(text(filetime(116_444_736_010_000_000)), "1970-01-01T00:00:01Z -");
    }

    #[test]
    fn a_zone_that_is_missing_is_the_layouts_and_summer_time_counts() {
        let london = layout("Europe/London", None);
        assert_eq!(text(iso(b"2026-03-29 00:59:59", &london)), "2026-03-29T00:59:59Z zone");
        assert_eq!(text(iso(b"2026-03-29 02:00:00", &london)), "2026-03-29T01:00:00Z zone");
        assert_eq!(text(iso(b"2026-07-01 12:00:00", &london)), "2026-07-01T11:00:00Z zone");
    }

    #[test]
    fn a_year_that_is_missing_is_the_latest_before_the_reference() {
        let at = layout("UTC", Some("2026-03-02T10:00:00Z"));
        let read = |b: &[u8]| text(syslog_prefix(b, &at).unwrap().0);
        assert_eq!(read(b"Mar  3 09:59:59 host"), "2026-03-03T09:59:59Z zone_and_year");
        assert_eq!(read(b"Mar  3 10:00:01 host"), "2025-03-03T10:00:01Z zone_and_year");
        assert_eq!(read(b"Dec 31 23:59:59 host"), "2025-12-31T23:59:59Z zone_and_year");
        assert_eq!(read(b"Feb 29 12:00:00 host"), "2024-02-29T12:00:00Z zone_and_year");
        assert_eq!(text(syslog_prefix(b"Feb 28 12:00:00 h", &layout("UTC", None)).unwrap().0), "none");
        assert_eq!(read(b"Oct 11 2018 22:14:15: x"), "2018-10-11T22:14:15Z zone");
    }

    #[test]
    fn day_and_month_are_not_guessed() {
        let mut at = layout("UTC", None);
        assert_eq!(text(slashed(b"03/04/2026 10:00:00", &at)), "none");
        assert_eq!(text(slashed(b"13/04/2026 10:00:00", &at)), "2026-04-13T10:00:00Z zone");
        at.day_first = Some(true);
        assert_eq!(text(slashed(b"03/04/2026 1:00 PM", &at)), "2026-04-03T13:00:00Z zone");
        at.day_first = Some(false);
        assert_eq!(text(slashed(b"03/04/2026 12:30:00 AM", &at)), "2026-03-04T00:30:00Z zone");
    }

    #[test]
    fn days_that_do_not_exist_have_no_instant() {
        let utc = layout("UTC", None);
        for bad in [
            &b"2026-02-29 00:00:00"[..],
            b"2026-13-01 00:00:00",
            b"2026-01-01 24:00:00",
            b"2026-01-00 00:00:00",
            b"",
            b"2026",
        ] {
            assert_eq!(iso(bad, &utc), None, "{}", String::from_utf8_lossy(bad));
        }
        assert_eq!(epoch(b"12345"), None);
    }

    #[test]
    fn dates_agree_with_the_calendar() {
        for day in (-700_000..700_000).step_by(97) {
            let at = Instant::from_secs(day * DAY_SECS).unwrap();
            let (year, month, dom) = date_of(at);
            assert_eq!(days_before(year, month, dom), day);
        }
    }
}

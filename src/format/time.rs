//! Instants from the many ways in which logs write them. What is not there is not invented: every reader returns an
//! `Option`, and what had to be assumed (see `assume`) stands in the [`Stamp`].

mod assume;
mod civil;
mod cursor;
mod fixed;
mod form;
mod order;
mod shown;

use crate::model::layout::Layout;
use crate::model::time::{Instant, Stamp};

pub use assume::{at_offset, by_host};
pub use form::{fault_of_form, in_form};
pub use order::{is_mixed, likely_order, order_in, order_of, order_shown, readings};

use civil::{Civil, days_of_month};
use cursor::Cursor;

/// 100 ns units between 1601 and 1970.
const FILETIME_EPOCH: i64 = 116_444_736_000_000_000;
/// What TAI64 calls the second in which 1970 began.
const TAI_EPOCH: i64 = (1 << 62) + 10;

/// Reads an ISO 8601 / RFC 3339 stamp at the start of `bytes` (`T` or a blank between date and time, fraction behind
/// `.` or `,`, zone optional) and says how many bytes it takes. Without a zone the layout's counts.
pub fn iso_prefix(bytes: &[u8], layout: &Layout) -> Option<(Stamp, usize)> {
    let mut cursor = Cursor { bytes, at: 0 };
    let civil = match fixed::iso(bytes) {
        Some((civil, used)) => {
            cursor.at = used;
            Civil { micro: cursor.fraction(), ..civil }
        }
        None => iso_civil(&mut cursor)?,
    };
    let stamp = match cursor.zone() {
        Some(offset) => Stamp::certain(civil.at_offset(offset)?),
        None => civil.in_zone(layout)?,
    };
    Some((stamp, cursor.at))
}

/// Date and time of an ISO stamp, part by part.
fn iso_civil(cursor: &mut Cursor<'_>) -> Option<Civil> {
    let (year, month, day) = cursor.date()?;
    match cursor.peek()? {
        b'T' | b't' | b' ' | b'_' => cursor.at += 1,
        _ => return None,
    }
    let (second, micro) = cursor.clock()?;
    Some(Civil { year, month, day, second, micro })
}

/// Reads a whole ISO stamp; `None` where anything follows it.
pub fn iso(bytes: &[u8], layout: &Layout) -> Option<Stamp> {
    iso_prefix(bytes, layout).filter(|&(_, used)| used == bytes.len()).map(|(stamp, _)| stamp)
}

/// Reads `10/Oct/2000:13:55:36 -0700` (common log format, Squid's `httpd` time; a blank before the time is allowed).
pub fn clf(bytes: &[u8], layout: &Layout) -> Option<Stamp> {
    if let Some((civil, offset)) = fixed::clf(bytes) {
        return civil.at_offset(offset).map(Stamp::certain);
    }
    clf_by_parts(bytes, layout)
}

/// What [`clf`] reads, part by part.
fn clf_by_parts(bytes: &[u8], layout: &Layout) -> Option<Stamp> {
    let mut cursor = Cursor { bytes, at: 0 };
    let civil = match fixed::named(bytes) {
        Some((civil, used)) => {
            cursor.at = used;
            Civil { micro: cursor.fraction(), ..civil }
        }
        None => named_civil(&mut cursor)?,
    };
    match cursor.zone() {
        Some(offset) => civil.at_offset(offset).map(Stamp::certain),
        None => civil.in_zone(layout),
    }
}

/// Date and time of a stamp whose month is a name, part by part.
fn named_civil(cursor: &mut Cursor<'_>) -> Option<Civil> {
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
    Some(Civil { year, month, day, second, micro })
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

/// The instant of TAI64N, `@` with sixteen hex digits of seconds and eight of nanoseconds, as the tools that write it mean it: they add
/// [`TAI_EPOCH`] to the seconds of the system's clock and know of no leap seconds.
/// Source: <https://cr.yp.to/libtai/tai64.html>, and `timestamp.c` and `tai64nlocal.c` of daemontools.
pub fn tai64n(bytes: &[u8]) -> Option<Stamp> {
    let digits: &[u8; 24] = bytes.strip_prefix(b"@")?.try_into().ok()?;
    let hex = |digits: &[u8]| {
        let digit = |byte: &u8| char::from(*byte).to_digit(16).map(i64::from);
        digits.iter().try_fold(0i64, |number, byte| number.checked_mul(16)?.checked_add(digit(byte)?))
    };
    let (seconds, nanos) = (hex(&digits[..16])?.checked_sub(TAI_EPOCH)?, hex(&digits[16..])?);
    let micros = seconds.checked_mul(1_000_000)?.checked_add(nanos / 1000)?;
    Instant::from_micros(micros).filter(|_| nanos < 1_000_000_000).map(Stamp::certain)
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
    let (month, day, mut year, second, micro) = match fixed::yearless(bytes) {
        Some(((month, day, second), used)) => {
            cursor.at = used;
            (month, day, None, second, cursor.fraction())
        }
        None => syslog_parts(&mut cursor)?,
    };
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
        None => assume::yearless(month, day, second, micro, layout),
    };
    Some((stamp, cursor.at))
}

/// Month, day, year, seconds since midnight and microseconds of a stamp of syslog, part by part.
fn syslog_parts(cursor: &mut Cursor<'_>) -> Option<(i64, i64, Option<i64>, i64, i64)> {
    let month = cursor.month_name()?;
    cursor.eat(b' ')?;
    let _ = cursor.eat(b' ');
    let day = cursor.digits(1, 2)?;
    cursor.eat(b' ')?;
    let mut year = None;
    if cursor.bytes.get(cursor.at + 4) == Some(&b' ') {
        let back = cursor.at;
        year = cursor.digits(4, 4);
        cursor.at = if year.is_some() { cursor.at + 1 } else { back };
    }
    let (second, micro) = cursor.clock()?;
    Some((month, day, year, second, micro))
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
    let offset = cursor.zone();
    if cursor.at != bytes.len() {
        return None;
    }
    if let (Some(dates), true) = (&layout.dates, mark != b'.') {
        dates.see((year, first, second), clock / 3600);
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
    match offset {
        Some(offset) => civil.at_offset(offset).map(Stamp::certain),
        None => civil.in_zone(layout),
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
        b'@' => tai64n(bytes),
        // As .NET writes it into JSON.
        b'/' => epoch(bytes.strip_prefix(b"/Date(")?.strip_suffix(b")/")?),
        _ => {
            let bytes = without_weekday(bytes);
            if let Some(stamp) = shown::discover(bytes, layout) {
                return Some(stamp);
            }
            let (stamp, used) = syslog_prefix(bytes, layout)?;
            stamp.filter(|_| used == bytes.len())
        }
    }
}

/// What of `Sat Mar 28 23:10:04 2026` stands behind the day of the week.
fn without_weekday(bytes: &[u8]) -> &[u8] {
    match bytes {
        [b'A'..=b'Z', b'a'..=b'z', b'a'..=b'z', b' ', rest @ ..]
            if rest.first().is_some_and(u8::is_ascii_alphabetic) =>
        {
            rest
        }
        _ => bytes,
    }
}

/// Reads `date` (`YYYY-MM-DD`) and `time` (`hh:mm:ss[.fff]`) that stand apart. `offset_secs`: how far from UTC they are;
/// `None` for the layout's zone.
pub fn date_and_time(date: &[u8], time: &[u8], offset_secs: Option<i64>, layout: &Layout) -> Option<Stamp> {
    let civil = match fixed::apart(date, time) {
        Some(civil) => civil,
        None => apart_civil(date, time)?,
    };
    match offset_secs {
        Some(offset) => civil.at_offset(offset).map(Stamp::certain),
        None => civil.in_zone(layout),
    }
}

/// Date and time that stand apart, part by part.
fn apart_civil(date: &[u8], time: &[u8]) -> Option<Civil> {
    let mut cursor = Cursor { bytes: date, at: 0 };
    let (year, month, day) = cursor.date()?;
    let mut clock = Cursor { bytes: time, at: 0 };
    let (second, micro) = clock.clock()?;
    let is_whole = cursor.at == date.len() && clock.at == time.len();
    is_whole.then_some(Civil { year, month, day, second, micro })
}

/// The offset in seconds of a zone written as `+0100`, `-07:00` or `Z`.
pub fn offset(bytes: &[u8]) -> Option<i64> {
    let mut cursor = Cursor { bytes, at: 0 };
    let found = cursor.zone()?;
    (cursor.at == bytes.len()).then_some(found)
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

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
        assert_eq!(text(tai64n(b"@4000000037c219bf2ef02e94")), "1999-08-24T04:04:05.787492Z -");
        assert_eq!(text(any(b"@4000000037C219BF2EF02E94", &utc)), "1999-08-24T04:04:05.787492Z -");
        for bad in [
            "@4000000037c219bf3b9aca00",
            "@ffffffff37c219bf2ef02e94",
            "@4000000037c219bf2ef02e9",
            "4000000037c219bf2ef02e94",
        ] {
            assert_eq!(tai64n(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(text(filetime(116_444_736_010_000_000)), "1970-01-01T00:00:01Z -");
    }

    #[test]
    fn stamps_read_by_place_are_those_read_by_parts() {
        let utc = layout("UTC", None);
        let texts = [
            "2026-03-28T23:10:04",
            "2024-02-29 00:00:60",
            "2026/03/28 23:10:04",
            "10/Oct/2000:13:55:36 -0700",
            "29/Feb/2023:23:59:59 +1800",
            "28-Mar-2026 23:10:04.5",
            "Mar 28 23:10:04 host",
            "Mar  8 23:10:04.5",
        ];
        for text in texts {
            for at in 0..text.len() {
                for byte in b"0123456789 /:-+TJ\0\xff" {
                    let mut stamp = text.as_bytes().to_vec();
                    stamp[at] = *byte;
                    assert_eq!(clf(&stamp, &utc), clf_by_parts(&stamp, &utc), "{}", stamp.escape_ascii());
                    if let Some((civil, used)) = fixed::named(&stamp) {
                        let mut cursor = Cursor { bytes: &stamp[..used], at: 0 };
                        assert_eq!(named_civil(&mut cursor), Some(civil), "{}", stamp.escape_ascii());
                    }
                    if let Some((parts, used)) = fixed::yearless(&stamp) {
                        let mut cursor = Cursor { bytes: &stamp, at: 0 };
                        let read =
                            syslog_parts(&mut cursor).map(|(month, day, year, second, _)| (month, day, year, second));
                        let (month, day, second) = parts;
                        assert_eq!(read, Some((month, day, None, second)), "{} {used}", stamp.escape_ascii());
                    }
                    if let Some((date, time)) = stamp.split_at_checked(10).map(|(date, time)| (date, &time[1..]))
                        && let Some(civil) = fixed::apart(date, time)
                    {
                        assert_eq!(apart_civil(date, time), Some(civil), "{}", stamp.escape_ascii());
                    }
                    if let Some((civil, used)) = fixed::iso(&stamp) {
                        let mut cursor = Cursor { bytes: &stamp, at: 0 };
                        assert_eq!(
                            (iso_civil(&mut cursor), cursor.at),
                            (Some(civil), used),
                            "{}",
                            stamp.escape_ascii()
                        );
                    }
                }
            }
        }
        let mut read = (0, 0);
        for second in 0..60 {
            read.0 += usize::from(fixed::iso(format!("2026-03-28T23:10:{second:02}Z").as_bytes()).is_some());
            read.1 += usize::from(fixed::clf(format!("28/Mar/2026:23:10:{second:02} +0000").as_bytes()).is_some());
        }
        assert_eq!(read, (60, 60));
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
}

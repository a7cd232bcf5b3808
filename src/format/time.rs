//! Instants from the many ways in which logs write them. What is not there is not invented: every reader returns an
//! `Option`, and what had to be assumed (see `assume`) stands in the [`Stamp`].

mod assume;
mod civil;
mod cursor;
mod fixed;
mod form;
mod hour;
mod order;
mod shown;
#[cfg(test)]
mod tests;
mod years;

use crate::model::dates::Date;
use crate::model::layout::Layout;
use crate::model::time::{Instant, Stamp};

pub use assume::{at_offset, by_host};
pub use form::{fault_of_form, in_form};
pub use hour::Hour;
pub use order::{is_mixed, likely_order, order_in, order_of, order_shown, readings};

pub use years::{by_name, by_reference};

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
    let offset = cursor.zone();
    Some((civil.at(offset, layout)?, cursor.at))
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
    civil.at(cursor.zone(), layout)
}

/// Date and time of a stamp whose month is a name, part by part.
fn named_civil(cursor: &mut Cursor<'_>) -> Option<Civil> {
    let (year, month, day) = cursor.named_date()?;
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
        Some(year) => Civil { year, month, day, second, micro }.at(offset, layout),
        None => assume::yearless((month, day), (second, micro), offset, layout),
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

/// A zone as a word of its own. The name of one is that of the host where the name of a program follows.
fn zone_word(cursor: &mut Cursor<'_>) -> Option<i64> {
    let back = cursor.at;
    let offset = cursor.zone();
    let (word, rest) = (cursor.bytes[back..cursor.at].trim_ascii_start(), &cursor.bytes[cursor.at..]);
    let is_name = word.first().is_some_and(u8::is_ascii_uppercase) && !matches!(word, b"Z" | b"UTC" | b"GMT");
    if matches!(rest.first(), None | Some(b' ' | b':')) && !(is_name && is_of_program(rest)) {
        return offset;
    }
    cursor.at = back;
    None
}

/// Whether text goes on with the name of a program as syslog has it, ` sshd[100]:`. A code of a firewall, ` %ASA-6-302013:`, is none.
fn is_of_program(rest: &[u8]) -> bool {
    let Some(rest) = rest.strip_prefix(b" ") else { return false };
    let word = rest.split(|byte| *byte == b' ').next().unwrap_or_default();
    word.len() > 1 && word[0] != b'%' && word.ends_with(b":")
}

/// Reads `03/04/2026 10:00[:00][ AM]`, also with `:` between the two, where the layout knows which of day and month is first, or the numbers
/// show it.
pub fn slashed(bytes: &[u8], layout: &Layout) -> Option<Stamp> {
    slashed_in(bytes, layout.day_first, layout)
}

/// The same where the product has an order of its own.
pub fn slashed_as(bytes: &[u8], day_first: bool, layout: &Layout) -> Option<Stamp> {
    slashed_in(bytes, layout.day_first.or(Some(day_first)), layout)
}

fn slashed_in(bytes: &[u8], day_first: Option<bool>, layout: &Layout) -> Option<Stamp> {
    let mut cursor = Cursor { bytes, at: 0 };
    let (date, mark) = cursor.numbers()?;
    let _ = cursor.eat(b',');
    cursor.eat(b' ').or_else(|| cursor.eat(b':').filter(|_| mark == b'/'))?;
    let (second, micro) = cursor.half_day_clock()?;
    let offset = cursor.zone();
    if cursor.at != bytes.len() {
        return None;
    }
    let (year, month, day) = in_order(date, (mark, day_first), second, layout)?;
    Civil { year, month, day, second, micro }.at(offset, layout)
}

/// Year, month and day of three numbers of which the year is the first; the others are in this order.
fn in_order(
    (year, first, second): Date,
    (mark, order): (u8, Option<bool>),
    clock: i64,
    layout: &Layout,
) -> Option<Date> {
    if let (Some(dates), true) = (&layout.dates, mark != b'.') {
        dates.see((year, first, second), clock / 3600);
    }
    let day_first = match (first > 12, second > 12) {
        (true, false) => true,
        (false, true) => false,
        (false, false) if first == second => true,
        // The dotted form is written day first everywhere.
        (false, false) if mark == b'.' => true,
        (false, false) => order?,
        (true, true) => return None,
    };
    Some(if day_first { (year, second, first) } else { (year, first, second) })
}

/// Reads `20260328231004Z` and `260328231004Z` of ASN.1 (GeneralizedTime, and UTCTime, whose years are those of 1950 to 2049), and
/// `20260328T231004Z` of ISO 8601, each with a fraction and any offset. Without one those of four digits of a year are the layout's; with
/// two digits a number alone is no time.
/// SOURCE: ITU-T X.680, 46 and 47; RFC 5280, 4.1.2.5.
fn compact(bytes: &[u8], layout: &Layout) -> Option<Stamp> {
    let digits = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    let mut cursor = Cursor { bytes, at: 0 };
    let year = match digits {
        // A date before its time, or both together.
        8 | 14 => cursor.digits(4, 4).filter(|year| (1900..2200).contains(year))?,
        12 => cursor.digits(2, 2).map(|of| if of < 50 { 2000 + of } else { 1900 + of })?,
        _ => return None,
    };
    let (month, day) = (cursor.digits(2, 2)?, cursor.digits(2, 2)?);
    if digits == 8 {
        cursor.eat(b'T')?;
    }
    let second = cursor.compact_clock()?;
    let micro = cursor.fraction();
    let offset = cursor.zone();
    if cursor.at != bytes.len() || (digits == 12 && offset.is_none()) {
        return None;
    }
    Civil { year, month, day, second, micro }.at(offset, layout)
}

/// Reads a stamp of any of the forms above that stands alone in a field.
pub fn any(bytes: &[u8], layout: &Layout) -> Option<Stamp> {
    let bytes = bytes.trim_ascii();
    let bytes = bytes.strip_prefix(b"[").and_then(|b| b.strip_suffix(b"]")).unwrap_or(bytes);
    match bytes.first()? {
        b'0'..=b'9' => likely_epoch(bytes)
            .or_else(|| iso(bytes, layout))
            .or_else(|| compact(bytes, layout))
            .or_else(|| epoch(bytes))
            .or_else(|| clf(bytes, layout))
            .or_else(|| slashed(bytes, layout))
            .or_else(|| iso(without_zone(bytes)?, layout)),
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

/// [`epoch`] of ten digits and what of a fraction follows.
///
/// PERF: no other form begins with ten digits that a dot or nothing follows, and many logs have no other stamps.
fn likely_epoch(bytes: &[u8]) -> Option<Stamp> {
    let is_whole =
        matches!(bytes.get(10), None | Some(b'.')) && bytes.first_chunk::<10>()?.iter().all(u8::is_ascii_digit);
    if is_whole { epoch(bytes) } else { None }
}

/// What of `2026-03-28 23:10:04 XYZ` stands before the name of a zone that is not known; `None` where there is no such name.
fn without_zone(bytes: &[u8]) -> Option<&[u8]> {
    let (rest, word) = bytes.split_at(memchr::memrchr(b' ', bytes)?);
    let word = &word[1..];
    let is_name = (3..=5).contains(&word.len()) && word.iter().all(u8::is_ascii_uppercase);
    (is_name && rest.last().is_some_and(u8::is_ascii_digit)).then_some(rest)
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

/// Reads `date` (`YYYY-MM-DD`, or any that [`any`] reads before a time) and `time` (`hh:mm:ss[.fff][ PM]`, `hhmmss`) that stand apart.
/// `offset_secs`: how far from UTC they are, where neither says it; `None` for the layout's zone.
pub fn date_and_time(date: &[u8], time: &[u8], offset_secs: Option<i64>, layout: &Layout) -> Option<Stamp> {
    match fixed::apart(date, time) {
        Some(civil) => civil.at(offset_secs, layout),
        None => {
            let (civil, stated) = apart_civil(date.trim_ascii(), time.trim_ascii(), layout)?;
            civil.at(stated.or(offset_secs), layout)
        }
    }
}

/// Date and time that stand apart, part by part, with the offset that the time states.
fn apart_civil(date: &[u8], time: &[u8], layout: &Layout) -> Option<(Civil, Option<i64>)> {
    let mut clock = Cursor { bytes: time, at: 0 };
    let (second, micro) = match time.iter().take_while(|b| b.is_ascii_digit()).count() {
        6 => (clock.compact_clock()?, clock.fraction()),
        _ => clock.half_day_clock()?,
    };
    let offset = clock.zone();
    if clock.at != time.len() {
        return None;
    }
    let (year, month, day) = date_alone(date, second, layout)?;
    Some((Civil { year, month, day, second, micro }, offset))
}

/// Year, month and day of a date of which the time of day stands elsewhere: `2026-03-28`, `20260328`, `28/03/2026`, `28-Mar-2026`,
/// `Mar 28, 2026`.
fn date_alone(bytes: &[u8], clock: i64, layout: &Layout) -> Option<Date> {
    let mut cursor = Cursor { bytes, at: 0 };
    let mut read = |form: u8| {
        cursor.at = 0;
        let read = match form {
            0 => cursor.date(),
            1 => cursor.compact_date(),
            2 => cursor.named_date(),
            _ => cursor.date_by_name(),
        };
        read.filter(|_| cursor.at == bytes.len())
    };
    if let Some(date) = (0..4).find_map(&mut read) {
        return Some(date);
    }
    let mut cursor = Cursor { bytes, at: 0 };
    let (date, mark) = cursor.numbers()?;
    if cursor.at == bytes.len() { in_order(date, (mark, layout.day_first), clock, layout) } else { None }
}

/// The offset in seconds of a zone written as `+0100`, `-07:00` or `Z`.
pub fn offset(bytes: &[u8]) -> Option<i64> {
    let mut cursor = Cursor { bytes, at: 0 };
    let found = cursor.zone()?;
    (cursor.at == bytes.len()).then_some(found)
}

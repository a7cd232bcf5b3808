//! Times in a form that a definition states.

use jiff::fmt::strtime;

use super::assume;
use super::civil::{Civil, days_before, days_of_month};
use super::cursor::Cursor;
use crate::model::layout::Layout;
use crate::model::time::{Instant, Stamp};

/// A leap year, for stamps without one.
const ANY_YEAR: i16 = 2000;

/// Reads a stamp of the form that is stated, as strptime(3) has it; `None` where it is of another. What the form has no part
/// for (the zone, the year) is the layout's. A form that ends in `UTC`, in brackets or not, says its zone.
///
/// PERF: stamps whose parts have as many digits as they may are read by hand, any other by jiff.
pub fn in_form(form: &str, text: &[u8], layout: &Layout) -> Option<Stamp> {
    let offset = zone_of(form);
    let by_hand = plain(form.as_bytes(), text).and_then(|parts| parts.stamp(offset, layout));
    by_hand.or_else(|| in_any_form(form, text, offset, layout))
}

/// The offset from UTC that a form states in words.
fn zone_of(form: &str) -> Option<i64> {
    form.trim_end_matches([')', ']']).ends_with("UTC").then_some(0)
}

/// What [`in_form`] reads, by jiff.
fn in_any_form(form: &str, text: &[u8], zone: Option<i64>, layout: &Layout) -> Option<Stamp> {
    let mut parts = strtime::parse(form, text).ok()?;
    if let Some(at) = form.contains("%s").then(|| parts.to_timestamp().ok()).flatten() {
        return Instant::from_micros(at.as_microsecond()).map(Stamp::certain);
    }
    // A date alone is no instant.
    parts.hour()?;
    let is_yearless = parts.year().is_none();
    if is_yearless {
        parts.set_year(Some(ANY_YEAR)).ok()?;
    }
    let moment = parts.to_datetime().ok()?;
    let (date, time) = (moment.date(), moment.time());
    let second = i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    let micro = i64::from(time.subsec_nanosecond()) / 1000;
    let (month, day) = (i64::from(date.month()), i64::from(date.day()));
    let offset = parts.offset().map(|offset| i64::from(offset.seconds())).or(zone);
    if is_yearless {
        return assume::yearless((month, day), (second, micro), offset, layout);
    }
    Civil { year: i64::from(date.year()), month, day, second, micro }.at(offset, layout)
}

/// Parts of a stamp, as they are written.
#[derive(Debug, Default)]
struct Parts {
    year: Option<i64>,
    month: i64,
    day: i64,
    /// Days from Sunday.
    weekday: Option<i64>,
    hour: Option<i64>,
    minute: i64,
    second: i64,
    micro: i64,
}

impl Parts {
    /// The instant; `None` also where something does not fit together.
    fn stamp(&self, offset: Option<i64>, layout: &Layout) -> Option<Stamp> {
        let Self { month, day, minute, second, micro, .. } = *self;
        let (hour, year) = (self.hour?, self.year.unwrap_or(i64::from(ANY_YEAR)));
        let is_date = (1..=days_of_month(year, month)?).contains(&day) && year > 0;
        // The first day of 1970 was a Thursday.
        let is_weekday = |weekday| (days_before(year, month, day) + 4).rem_euclid(7) == weekday;
        if !is_date || hour > 23 || minute > 59 || second > 59 || !self.weekday.is_none_or(is_weekday) {
            return None;
        }
        let second = hour * 3600 + minute * 60 + second;
        match self.year {
            Some(year) => Civil { year, month, day, second, micro }.at(offset, layout),
            None => assume::yearless((month, day), (second, micro), offset, layout),
        }
    }
}

/// The parts of a stamp that is written in full: each number with all its digits, each name with its three letters.
fn plain(form: &[u8], text: &[u8]) -> Option<Parts> {
    let (mut parts, mut cursor, mut form) = (Parts::default(), Cursor { bytes: text, at: 0 }, form.iter());
    while let Some(&sign) = form.next() {
        if sign != b'%' {
            cursor.eat(sign)?;
            continue;
        }
        match form.next()? {
            b'Y' => parts.year = Some(cursor.digits(4, 4)?),
            b'y' => parts.year = Some(cursor.digits(2, 2).map(|of| if of < 69 { 2000 + of } else { 1900 + of })?),
            b'm' => parts.month = cursor.digits(2, 2)?,
            b'b' => parts.month = cursor.month_name()?,
            b'a' => parts.weekday = Some(weekday(&mut cursor)?),
            b'd' => parts.day = cursor.digits(2, 2)?,
            b'e' => parts.day = padded(&mut cursor)?,
            b'H' => parts.hour = Some(cursor.digits(2, 2)?),
            b'k' => parts.hour = Some(padded(&mut cursor)?),
            b'M' => parts.minute = cursor.digits(2, 2)?,
            b'S' => parts.second = cursor.digits(2, 2)?,
            b'.' if form.next() == Some(&b'f') => {
                // Nine digits are the most that jiff reads.
                let written = text.get(cursor.at..)?.iter().take(11).skip(1).take_while(|b| b.is_ascii_digit()).count();
                parts.micro = if cursor.peek() == Some(b'.') && written < 10 { cursor.fraction() } else { 0 };
            }
            _ => return None,
        }
    }
    (cursor.at == text.len()).then_some(parts)
}

/// Two digits, of which the first may be a blank.
fn padded(cursor: &mut Cursor<'_>) -> Option<i64> {
    let digits = if cursor.eat(b' ').is_some() { 1 } else { 2 };
    cursor.digits(digits, digits)
}

/// `Sun` to `Sat`, in any case, as days from Sunday.
fn weekday(cursor: &mut Cursor<'_>) -> Option<i64> {
    const DAYS: &[[u8; 3]] = &[*b"sun", *b"mon", *b"tue", *b"wed", *b"thu", *b"fri", *b"sat"];
    let name: &[u8; 3] = cursor.bytes.get(cursor.at..)?.first_chunk()?;
    cursor.at += 3;
    let at = DAYS.iter().position(|day| day == &name.map(|byte| byte.to_ascii_lowercase()))?;
    i64::try_from(at).ok()
}

/// Why a form cannot be used; `None` where it can.
pub fn fault_of_form(form: &str) -> Option<String> {
    let now = jiff::Zoned::new(jiff::Timestamp::UNIX_EPOCH, jiff::tz::TimeZone::UTC);
    let written = match strtime::format(form, &now) {
        Ok(written) => written,
        Err(why) => return Some(why.to_string()),
    };
    let read = strtime::parse(form, written.as_bytes());
    read.err().map(|why| format!("what it writes ({written:?}) cannot be read: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(form: &str, text: &str) -> String {
        let reference = Instant::parse("2026-03-29T00:00:00Z");
        let layout = Layout { reference, ..Layout::plain() };
        let stamp = in_form(form, text.as_bytes(), &layout);
        stamp.map_or("none".to_owned(), |s| format!("{} {}", s.at, s.assumed.word().unwrap_or("-")))
    }

    /// Every form of the definitions that are built in, and stamps with a byte changed, taken out or put in.
    #[test]
    fn stamps_read_by_hand_are_those_that_jiff_reads() {
        const FORMS: &[&str] = &[
            "%m/%d/%y %H:%M:%S%.f",
            "%d/%b/%Y %H:%M:%S",
            "%a, %d %b %Y %H:%M:%S%.f UTC",
            "%a %b %d %H:%M:%S%.f %Y",
            "%Y-%m-%d %H:%M:%S (UTC)",
            "%Y%m%d%H%M%S",
            "%y%m%d %k:%M:%S",
            "%m/%d-%H:%M:%S%.f",
            "%a %b %e %H:%M:%S %Y",
            "%a %d%b%y %H:%M:%S",
            "%b%d %H:%M:%S%.f",
            "%Y:%m:%d-%H:%M:%S",
        ];
        let layout = Layout { reference: Instant::parse("2026-03-29T00:00:00Z"), ..Layout::plain() };
        let (mut by_hand, mut read) = (0, 0);
        for form in FORMS {
            for at in ["2026-03-28T23:10:04.123456Z", "1969-02-05T04:05:06Z", "2024-02-29T09:59:59.5Z"] {
                let at = at.parse::<jiff::Timestamp>().unwrap().to_zoned(jiff::tz::TimeZone::UTC);
                let text = strtime::format(form, &at).unwrap().into_bytes();
                let cut = (0..text.len()).map(|n| [&text[..n], &text[n + 1..]].concat());
                let changed = (0..text.len())
                    .flat_map(|n| b"0159 :./-aJFn\xff".map(|byte| [&text[..n], &[byte], &text[n + 1..]].concat()));
                let put =
                    (0..=text.len()).flat_map(|n| b"0 9.x".map(|byte| [&text[..n], &[byte], &text[n..]].concat()));
                for text in cut.chain(changed).chain(put).chain([text.clone()]) {
                    let stamp = plain(form.as_bytes(), &text).and_then(|parts| parts.stamp(zone_of(form), &layout));
                    let expected = in_any_form(form, &text, zone_of(form), &layout);
                    by_hand += usize::from(stamp.is_some());
                    read += usize::from(expected.is_some());
                    if stamp.is_some() {
                        assert_eq!(stamp, expected, "{form} {}", text.escape_ascii());
                    }
                }
            }
        }
        assert!(2 * by_hand > read && read > 1000, "{by_hand} of {read}");
    }

    #[test]
    fn a_form_that_ends_in_utc_says_its_zone() {
        let zone = jiff::tz::TimeZone::get("America/New_York").unwrap();
        let layout = Layout { zone, zone_given: true, ..Layout::plain() };
        let read = |form: &str, text: &str| in_form(form, text.as_bytes(), &layout).unwrap();
        let summer = Instant::parse("2026-03-28T23:10:04Z").unwrap();
        for (form, text) in [
            ("%Y-%m-%d %H:%M:%S UTC", "2026-03-28 23:10:04 UTC"),
            ("%Y-%m-%d %H:%M:%S (UTC)", "2026-03-28 23:10:04 (UTC)"),
            ("%m/%d/%Y %I:%M:%S %p UTC", "03/28/2026 11:10:04 PM UTC"),
        ] {
            assert_eq!(read(form, text), Stamp::certain(summer), "{form}");
        }
        let local = read("%Y-%m-%d %H:%M:%S", "2026-03-28 23:10:04");
        assert_eq!((local.at.to_string(), local.assumed.word()), ("2026-03-29T03:10:04Z".to_owned(), None));
    }

    #[test]
    fn forms_are_those_of_strptime() {
        assert_eq!(read("%d.%m.%y %H:%M:%S", "28.03.26 23:10:04"), "2026-03-28T23:10:04Z zone");
        assert_eq!(read("%m/%d/%Y %I:%M:%S %p", "03/28/2026 11:10:04 PM"), "2026-03-28T23:10:04Z zone");
        assert_eq!(read("%Y%m%d-%H%M%S.%f %z", "20260328-231004.5 +0100"), "2026-03-28T22:10:04.5Z -");
        assert_eq!(read("%d %b %H:%M:%S", "28 Mar 23:10:04"), "2026-03-28T23:10:04Z zone_and_year");
        assert_eq!(read("%s", "1774739404"), "2026-03-28T23:10:04Z -");
        assert_eq!(read("%d.%m.%y", "28.03.26"), "none");
        assert_eq!(read("%d.%m.%y %H:%M", "28.03.26 23:10 x"), "none");
        assert!(fault_of_form("%d.%m.%y %H").is_none() && fault_of_form("%Q%!").is_some());
    }
}

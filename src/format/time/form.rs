//! Times in a form that a definition states.

use jiff::fmt::strtime;

use super::assume;
use super::civil::Civil;
use crate::model::layout::Layout;
use crate::model::time::{Instant, Stamp};

/// A leap year, for stamps without one.
const ANY_YEAR: i16 = 2000;

/// Reads a stamp of the form that is stated, as strptime(3) has it; `None` where it is of another. What the form has no part
/// for (the zone, the year) is the layout's.
pub fn in_form(form: &str, text: &[u8], layout: &Layout) -> Option<Stamp> {
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
    if is_yearless {
        return assume::yearless(month, day, second, micro, layout);
    }
    let civil = Civil { year: i64::from(date.year()), month, day, second, micro };
    match parts.offset() {
        Some(offset) => civil.at_offset(i64::from(offset.seconds())).map(Stamp::certain),
        None => civil.in_zone(layout),
    }
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

//! The year of a log that writes none, by the date in the name of its file.

use super::assume::latest_of;
use super::civil::{Civil, DAY_SECS, days_of_month};
use crate::model::clock::{YearBy, YearsRead};
use crate::model::layout::Layout;
use crate::model::place::Locator;
use crate::model::time::{Instant, Stamp};

/// A log that begins on the day in its name, and not ends on it, may go on for so long.
const YEAR_SECS: i64 = 363 * DAY_SECS;
/// Rotations follow each other within so long, but where hardly anything is written.
const ROTATED_SECS: i64 = 62 * DAY_SECS;

/// A layout for the records of a file of this name, by the time that its `first` record with one was read as of.
///
/// A rotation is named by the day on which it was made, so that nothing in it is younger; other programs name a file by the day on which it
/// begins. The date goes before the time at which the file was last written, which is that of a copy as often, where the two tell different
/// years; but not where by the name the log would begin long before, and by the time of the file less: names have other dates too.
pub fn by_name(layout: Layout, locator: &Locator, first: Option<Stamp>) -> Layout {
    let Some(first) = first.filter(|first| first.assumed.year()) else { return layout };
    let Some((begins, ends)) = days(locator) else { return layout };
    let of_rotation = Layout { reference: Some(ends), ..layout.clone() };
    let named = |layout: &Layout| latest_of(first, layout);
    let begins_then = named(&of_rotation).is_some_and(|at| begins <= at && at <= ends)
        && locator.date().is_some_and(|(.., day)| day.is_some());
    let until = match (begins_then, layout.reference) {
        (false, _) => ends,
        (true, Some(written)) => written.min(begins.plus_secs(YEAR_SECS)),
        (true, None) => begins.plus_secs(YEAR_SECS),
    };
    let read = Layout { reference: Some(until), ..layout.clone() };
    let (by_name, by_file) = (named(&read), named(&layout));
    if by_name.is_none() || by_name == by_file {
        return layout;
    }
    let length = |began: Option<Instant>, until: Option<Instant>| Some(until?.micros() - began?.micros());
    let (of_name, of_file) = (length(by_name, Some(until)), length(by_file, layout.reference));
    let is_long = of_name.is_some_and(|micros| micros > ROTATED_SECS * 1_000_000);
    if !begins_then && is_long && of_file.is_some_and(|micros| Some(micros) < of_name) {
        return layout;
    }
    let written = layout.reference.filter(|_| by_file.is_some());
    Layout { years: Some(YearsRead { by: YearBy::Name, beside: None, until, written }.into()), ..read }
}

/// When a record was written of which the year was inferred, had its log another reference. What states its year stays.
pub fn by_reference(read: Stamp, reference: Instant, layout: &Layout) -> Option<Instant> {
    if !read.assumed.year() {
        return Some(read.at);
    }
    latest_of(read, &Layout { reference: Some(reference), ..layout.clone() })
}

/// The begin and the end of the day, or the month, in the name of a file, by UTC.
fn days(locator: &Locator) -> Option<(Instant, Instant)> {
    let (year, month, day) = locator.date()?;
    let last = day.map_or_else(|| days_of_month(year, month), Some)?;
    let at = |day: i64, second: i64| Instant::from_micros(Civil { year, month, day, second, micro: 0 }.micros()?);
    Some((at(day.unwrap_or(1), 0)?, at(last, DAY_SECS - 1)?))
}

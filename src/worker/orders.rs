//! In which order day and month stand in the dates of a source that does not show it itself: what files of the same rotation show, and
//! what the user says.
//!
//! What a record means depends on its own evidence file and on the survey alone. So a file learns from the others what the survey saw of
//! their begin and end, and a member of an archive what the other members show anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::format::{self, Clock};
use crate::model::dates::{Dates, Ground, Order, OrderShown};
use crate::model::fields::{Fields, Want};
use crate::model::layout::{Framing, Layout};
use crate::model::ledger::Entry;
use crate::model::place::Locator;
use crate::model::source::{Listed, SourceMeta, Stream, Survey, Visitor};
use crate::open::{self, DigestKind, Limits, Opening};

/// Bytes at the begin and at the end of a file that are looked at.
pub(super) const EDGE_BYTES: usize = 32 << 10;
/// What files show of the order, by their log ([`Locator::log`]) and format: whether the day is first, and the first of them that
/// does; `None` where they show both.
#[derive(Debug, Default)]
pub struct Rotations(BTreeMap<(String, String), Option<(bool, Locator)>>);

impl Rotations {
    /// What the survey saw.
    pub fn of(survey: &Survey) -> Self {
        let mut all = Self::default();
        survey.dates.iter().for_each(|(locator, shown)| all.add(locator, &shown.format, shown.day_first));
        all
    }

    fn add(&mut self, locator: &Locator, format: &str, day_first: bool) {
        let key = (locator.log(), format.to_owned());
        let known = self.0.entry(key).or_insert_with(|| Some((day_first, locator.clone())));
        match known {
            Some((other, _)) if *other != day_first => *known = None,
            Some((_, first)) if *locator < *first => *first = locator.clone(),
            _ => {}
        }
    }

    /// What others of its rotation show of a source of this format.
    pub fn of_source(&self, locator: &Locator, format: &str) -> Option<Order> {
        let (day_first, sibling) = self.0.get(&(locator.log(), format.to_owned()))?.clone()?;
        Some(Order { day_first, by: Some(Ground::Sibling), sibling: Some(sibling) })
    }
}

/// What a source that was read shows of the order in its dates.
#[derive(Debug)]
pub(super) struct Seen {
    pub locator: Locator,
    pub format: &'static str,
    /// Whether some of its dates may be of two days.
    pub is_open: bool,
    /// Whether no other log tells of them, because they show both orders.
    pub is_mixed: bool,
    /// The order that it shows itself.
    pub order: Option<Order>,
    /// The order that is likely, where nothing tells.
    pub likely: Option<Order>,
}

impl Seen {
    /// What a source shows that was read to its end by this layout; `None` where it shows nothing and asks nothing.
    pub(super) fn of(locator: Locator, layout: &Layout) -> Option<Self> {
        let format = layout.format;
        let mut seen = Self { locator, format, is_open: false, is_mixed: false, order: None, likely: None };
        match &layout.dates {
            Some(dates) => {
                (seen.is_open, seen.is_mixed) = (dates.are_open(), format::is_mixed(dates));
                (seen.order, seen.likely) = (format::order_of(dates, layout), format::likely_order(dates, layout));
            }
            None => seen.order = layout.day_first.map(|day_first| Order { day_first, by: None, sibling: None }),
        }
        (seen.is_open || seen.order.is_some()).then_some(seen)
    }
}

/// What the user says of sources of which nothing else tells.
pub(super) fn by_user(day_first: Option<bool>) -> Option<Order> {
    day_first.map(|day_first| Order { day_first, by: Some(Ground::User), sibling: None })
}

/// The order in those sources of a file, by their number, whose dates are open and of which something tells: first themselves, then
/// others of their rotation, in this file or where the survey looked, then the user; else as is likely.
pub(super) fn settled(seen: &BTreeMap<u64, Seen>, surveyed: &Rotations, user: Option<bool>) -> BTreeMap<u64, Order> {
    let mut here = Rotations::default();
    for Seen { locator, format, order, .. } in seen.values() {
        if let Some(Order { day_first, by: None, .. }) = order {
            here.add(locator, format, *day_first);
        }
    }
    let order = |seen: &Seen| {
        let sibling = || [&here, surveyed].iter().find_map(|all| all.of_source(&seen.locator, seen.format));
        let told = seen.order.clone().or_else(|| sibling().filter(|_| !seen.is_mixed));
        told.or_else(|| by_user(user)).or_else(|| seen.likely.clone())
    };
    seen.iter().filter(|(_, seen)| seen.is_open).filter_map(|(number, seen)| Some((*number, order(seen)?))).collect()
}

/// Looks at the begin and the end of each file that is not alone in its rotation, and puts in the survey which order its dates show.
///
/// Of a compressed file only the begin is looked at; members of archives tell each other when their archive is read.
/// `beside`: files of the evidence that are not in the survey.
pub fn survey_dates<'l>(survey: &mut Survey, beside: impl Iterator<Item = &'l Locator>, opening: &Opening) {
    let mut rotations: BTreeMap<String, u64> = BTreeMap::new();
    let logs = survey.files.iter().map(|file| file.locator.log());
    logs.chain(beside.map(Locator::log)).for_each(|log| *rotations.entry(log).or_default() += 1);
    let rotated: BTreeSet<String> = rotations.into_iter().filter(|(_, files)| *files > 1).map(|(log, _)| log).collect();
    let limits = Limits { members: 1, member_bytes: EDGE_BYTES as u64, ..opening.limits.clone() };
    let opening = Opening { limits, digest: DigestKind::Off, work: None, ..opening.clone() };
    for file in survey.files.iter().filter(|file| rotated.contains(&file.locator.log())) {
        // Where a parser fails the file shows nothing; the scan will say of it what there is to say.
        let shown = catch_unwind(AssertUnwindSafe(|| shown(file, &opening))).ok().flatten();
        survey.dates.extend(shown.map(|shown| (file.locator.clone(), shown)));
    }
}

/// The order that the begin or the end of a file shows.
fn shown(file: &Listed, opening: &Opening) -> Option<OrderShown> {
    let stored = open::stretch(file, 0, EDGE_BYTES);
    let mut begin = Begin::default();
    open::open_bytes(file.locator.clone(), &stored, opening, &mut begin);
    let Begin { meta, text } = begin;
    let meta = meta.filter(|meta| meta.locator == file.locator)?;
    let clock = Clock { zone: jiff::tz::TimeZone::UTC, zone_given: false };
    let is_plain = text == stored;
    let tail_at = file.size.saturating_sub(EDGE_BYTES as u64).max(stored.len() as u64);
    let tail = if is_plain { open::stretch(file, tail_at, EDGE_BYTES) } else { Vec::new() };
    if !has_date(&text) && !has_date(&tail) {
        return None;
    }
    let layout = format::recognise(&text, false, &meta, &clock);
    let is_lines = matches!(layout.framing, Framing::Lines | Framing::Csv { .. }) && !layout.encoding.is_wide();
    let tail = if is_lines { of_tail(&layout, &tail) } else { [false, false] };
    let [day, month] = [true, false].map(|order| layout.day_first == Some(order) || tail[usize::from(!order)]);
    let day_first = (day != month).then_some(day)?;
    Some(OrderShown { format: layout.format.to_owned(), day_first })
}

/// Whether one of the whole lines at the end of a file shows that the day is first, and one that the month is.
fn of_tail(layout: &Layout, tail: &[u8]) -> [bool; 2] {
    let dates = Arc::<Dates>::default();
    let layout = Layout { dates: Some(Arc::clone(&dates)), ..layout.clone() };
    let (reader, mut fields) = (format::reader(&layout), Fields::default());
    let mut lines = tail.split(|byte| *byte == b'\n');
    lines.next();
    for line in lines {
        // What is no record shows no date.
        let _ = reader.parse(line.trim_ascii_end(), Want::All, &mut fields);
    }
    match format::order_shown(&dates) {
        Some(day_first) => [day_first, !day_first],
        None => [format::is_mixed(&dates); 2],
    }
}

/// Whether some text holds a date with slashes of which one number is no month.
fn has_date(text: &[u8]) -> bool {
    let is_digit = |at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
    memchr::memchr_iter(b'/', text).any(|slash| {
        let second = slash + 1 + usize::from(is_digit(slash + 2));
        slash > 0
            && is_digit(slash - 1)
            && is_digit(second)
            && text.get(second + 1) == Some(&b'/')
            && is_digit(second + 4)
    })
}

/// Takes the begin of the first stream of a file.
#[derive(Default)]
pub(super) struct Begin {
    pub(super) meta: Option<SourceMeta>,
    pub(super) text: Vec<u8>,
}

impl Visitor for Begin {
    fn leaf(&mut self, meta: SourceMeta, stream: &mut dyn Stream) {
        if self.meta.is_some() {
            return;
        }
        self.meta = Some(meta);
        while self.text.len() < EDGE_BYTES {
            let want = EDGE_BYTES - self.text.len();
            if !matches!(stream.fill(&mut self.text, want), Ok(1..)) {
                break;
            }
        }
    }

    fn entry(&mut self, _: Entry) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotations_that_show_both_orders_tell_none() {
        let mut all = Rotations::default();
        let [one, two, three] = ["a.log.1", "a.log.2", "a.log.3"].map(|name| Locator::root(name.as_bytes()));
        all.add(&two, "csv", true);
        all.add(&one, "csv", true);
        let told = all.of_source(&three, "csv").unwrap();
        assert_eq!(
            (told.day_first, told.sibling),
            (true, Some(one.clone())),
            "the first of them is named, whichever came first"
        );
        assert_eq!(all.of_source(&three, "kv"), None, "of another format");
        all.add(&three, "csv", false);
        assert_eq!(all.of_source(&one, "csv"), None);
    }

    #[test]
    fn dates_with_slashes_are_seen() {
        assert!(has_date(b"x,13/4/2026 10:00") && has_date(b"3/4/2026") && has_date(b"03/04/2026"));
        assert!(!has_date(b"10/Oct/2000") && !has_date(b"GET /a/1/2 ") && !has_date(b"2026/03/04") && !has_date(b"/"));
    }
}

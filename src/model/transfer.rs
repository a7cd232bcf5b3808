//! Bytes that moved (`transfers.jsonl`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::assigned::Joined;
use super::cites::Cites;
use super::data::Shown;
use super::few::Few;
use super::place::Locator;
use super::rule::Route;
use super::seldom::Seldom;
use super::short::Short;
use super::time::{HOUR_SECS, Instant, SKEW_SECS, Span};
use super::whose::address;

/// Lower and upper bound; `upper: null` is unbounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Bounds {
    /// At least.
    pub lower: u64,
    /// At most; `None` where part of it was not observed or not logged.
    pub upper: Option<u64>,
}

impl Bounds {
    /// A figure known exactly.
    pub fn exact(figure: u64) -> Self {
        Self { lower: figure, upper: Some(figure) }
    }

    /// The bounds of two things that both happened.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            lower: self.lower.saturating_add(other.lower),
            upper: self.upper.zip(other.upper).map(|(a, b)| a.saturating_add(b)),
        }
    }
}

/// What is sent around the data on the wire (headers of packets, tunnels, packets sent again), at most: one in so many
/// bytes. Full packets need one in 25 to one in 15.
const AROUND_SHARE: u64 = 7;
/// And so much per record: handshakes with their certificates, headers of requests and answers.
const AROUND_RECORD_BYTES: u64 = 8 << 10;

/// At least so much data, of which one log counts the data alone and another one, with so many records, all that was on
/// the wire. Where the second figure is the first with what is sent around it, the first says how much data there was.
pub fn least(data: u64, wire: u64, records: u64) -> u64 {
    if data > 0 && is_around(data, wire, records) { data } else { data.max(wire) }
}

/// Whether so many bytes on the wire, by so many records, are no more than so much data with what is sent around it.
pub fn is_around(data: u64, wire: u64, records: u64) -> bool {
    let around = (data / AROUND_SHARE).saturating_add(records.saturating_mul(AROUND_RECORD_BYTES));
    wire <= data.saturating_add(around)
}

/// At least so much data is in so many bytes on the wire, by so many records: what is left without all that may be sent
/// around it, the least around which they [are](is_around).
pub fn within(wire: u64, records: u64) -> u64 {
    let whole = wire.saturating_sub(records.saturating_mul(AROUND_RECORD_BYTES));
    whole - whole / (AROUND_SHARE + 1)
}

/// So many hours say what is usual.
pub const USUAL_HOURS: usize = 12;

/// The most bytes within 24 hours that follow each other; the hours are sorted.
fn busiest_day(hours: &[(i64, u64)]) -> u64 {
    let (mut begin, mut sum, mut best) = (0, 0u128, 0u128);
    for (hour, bytes) in hours {
        sum += u128::from(*bytes);
        while hours.get(begin).is_some_and(|(old, _)| hour.saturating_sub(*old) >= 24) {
            sum -= u128::from(hours[begin].1);
            begin += 1;
        }
        best = best.max(sum);
    }
    u64::try_from(best).unwrap_or(u64::MAX)
}

/// What several transfers moved together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Together {
    /// In which hours, and at least how many bytes.
    hours: BTreeMap<i64, u64>,
    /// At least so many at an unknown time.
    untimed: u64,
}

impl Together {
    /// Adds a transfer.
    pub fn add(&mut self, transfer: &Transfer) {
        for (hour, bytes) in transfer.by_end() {
            let sum = self.hours.entry(hour).or_default();
            *sum = sum.saturating_add(bytes);
        }
        self.untimed = self.untimed.saturating_add(transfer.untimed());
    }

    /// As [`Transfer::busiest_day`].
    pub fn busiest_day(&self) -> u64 {
        let hours: Vec<(i64, u64)> = self.hours.iter().map(|(hour, bytes)| (*hour, *bytes)).collect();
        busiest_day(&hours).saturating_add(self.untimed)
    }

    /// On how many days from one hour to another, the last left out, at least so many bytes moved.
    pub fn days_of(&self, hours: std::ops::Range<i64>, least: u64) -> usize {
        let mut days: BTreeMap<i64, u64> = BTreeMap::new();
        for (hour, bytes) in self.hours.range(hours) {
            let sum = days.entry(hour.div_euclid(24)).or_default();
            *sum = sum.saturating_add(*bytes);
        }
        days.values().filter(|bytes| **bytes >= least).count()
    }

    /// The most that moved on one day (UTC) from an hour on.
    pub fn most_of_day(&self, from: i64) -> u64 {
        let days = self.hours.range(from..).map(|(hour, _)| hour.div_euclid(24)).collect::<BTreeSet<_>>();
        let of = |day: i64| {
            self.hours
                .range((day * 24).max(from)..day * 24 + 24)
                .fold(0u64, |sum, (_, bytes)| sum.saturating_add(*bytes))
        };
        days.into_iter().map(of).max().unwrap_or(0)
    }

    /// Bytes by which hours stand out above the usual (median) hour, with those of an unknown time; all bytes where
    /// fewer than [`USUAL_HOURS`] hours say what is usual.
    pub fn beyond_usual(&self) -> u64 {
        if self.hours.len() < USUAL_HOURS {
            return self.whole();
        }
        let mut sorted: Vec<u64> = self.hours.values().copied().collect();
        sorted.sort_unstable();
        let usual = sorted[sorted.len() / 2];
        sorted.iter().fold(self.untimed, |sum, bytes| sum.saturating_add(bytes.saturating_sub(usual)))
    }

    /// At least so many bytes in all.
    pub fn whole(&self) -> u64 {
        self.hours.values().fold(self.untimed, |sum, bytes| sum.saturating_add(*bytes))
    }
}

/// Bounds of several transfers, each with how many of its bytes count at least and at most. A log that knows names and one that
/// knows addresses may tell of the same bytes: at least the larger of the two sums (see [`least`]: who knows names counts
/// the data), at most both.
pub fn bounds<'t>(counted: impl IntoIterator<Item = (&'t Transfer, Bounds)>) -> Bounds {
    let (mut named, mut bare) = (Bounds::exact(0), Bounds::exact(0));
    let mut records = 0u64;
    for (transfer, bytes) in counted {
        let is_bare = address(&transfer.to).is_some();
        records = records.saturating_add(if is_bare { transfer.records } else { 0 });
        let part = if is_bare { &mut bare } else { &mut named };
        *part = part.plus(bytes);
    }
    Bounds { lower: least(named.lower, bare.lower, records), upper: named.plus(bare).upper }
}

/// What of one hour's bytes can be dated better than to the hour.
///
/// PERF: most hours of most transfers have one record, and there are millions of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dated {
    begins: Instant,
    more: Option<Box<More>>,
}

/// A record of an hour: from when to when it tells, and of how many bytes.
pub type Told = (Span, u64);

/// So many bytes are over soon after the stamp of their record, whichever end of them that is: one segment of TCP over Ethernet.
const SOON_OVER_BYTES: u64 = 1460;

/// What is known of an hour of more than one record.
#[derive(Debug, Clone, PartialEq, Eq)]
struct More {
    ends: Instant,
    records: Box<[Told]>,
    lasting: Box<[(Instant, u64)]>,
}

impl Transfer {
    /// Takes what moved in these hours from what moved at least.
    pub fn take_hours(&mut self, hours: &BTreeSet<i64>) {
        let sent =
            self.by_end().filter(|(hour, _)| hours.contains(hour)).fold(0u64, |sum, (_, of)| sum.saturating_add(of));
        self.bytes.lower = self.bytes.lower.saturating_sub(sent);
        let is_whole = self.dated.len() == self.hours.len();
        for (at, _) in self.hours.clone().iter().enumerate().filter(|(_, hour)| hours.contains(hour)) {
            self.hour_bytes.iter_mut().skip(at).take(1).for_each(|bytes| *bytes = 0);
            let dated = self.dated.iter_mut().enumerate().filter(|(of, _)| !is_whole || *of == at);
            dated.flat_map(|(_, dated)| dated.bytes_mut()).for_each(|bytes| *bytes = 0);
        }
    }
}

impl Dated {
    /// An hour whose first record is of one instant and whose last was over at another; with its largest records and their bytes, as
    /// far as kept, where some of them began later; and with what was over in it and began in an earlier hour: when it began,
    /// and its bytes, which are not among those of the hour. That is sorted.
    pub fn new((begins, ends): (Instant, Instant), records: Box<[Told]>, lasting: Box<[(Instant, u64)]>) -> Self {
        let is_more = ends > begins || !records.is_empty() || !lasting.is_empty();
        Self { begins, more: is_more.then(|| Box::new(More { ends: ends.max(begins), records, lasting })) }
    }

    /// When the first record of the hour is of.
    pub fn begins(&self) -> Instant {
        self.begins
    }

    /// When the last one was over.
    pub fn ends(&self) -> Instant {
        self.more.as_ref().map_or(self.begins, |more| more.ends)
    }

    /// The largest records with their bytes, as far as kept.
    pub fn records(&self) -> &[Told] {
        self.more.as_ref().map_or(&[], |more| &more.records)
    }

    /// What was over in this hour and began in an earlier one, with its bytes; sorted.
    pub fn lasting(&self) -> &[(Instant, u64)] {
        self.more.as_ref().map_or(&[], |more| &more.lasting)
    }

    /// The same, to change.
    pub fn lasting_mut(&mut self) -> &mut [(Instant, u64)] {
        self.more.as_mut().map_or(&mut [], |more| &mut more.lasting)
    }

    /// [`records`](Self::records), to change.
    pub fn records_mut(&mut self) -> &mut [Told] {
        self.more.as_mut().map_or(&mut [], |more| &mut more.records)
    }

    /// All its counts of bytes.
    pub fn bytes_mut(&mut self) -> impl Iterator<Item = &mut u64> {
        let more = self.more.iter_mut();
        more.flat_map(|more| {
            let records = more.records.iter_mut().map(|(_, bytes)| bytes);
            records.chain(more.lasting.iter_mut().map(|(_, bytes)| bytes))
        })
    }

    /// So many bytes of the hour, at least, had moved before an instant: those of records that were over before it, clocks taken into account.
    /// A record without a duration may be stamped when its bytes began to move.
    fn over_before(&self, instant: Instant) -> u64 {
        let by = instant.plus_secs(-SKEW_SECS);
        let is_over = |(span, bytes): &&Told| span.last < by && (span.first < span.last || *bytes <= SOON_OVER_BYTES);
        self.records().iter().filter(is_over).fold(0, |sum, (_, bytes)| sum.saturating_add(*bytes))
    }

    fn lasted(&self) -> u64 {
        self.lasting().iter().fold(0, |sum, (_, bytes)| sum.saturating_add(*bytes))
    }
}

/// Bytes from an instant on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Since {
    /// At least so many moved then.
    pub sure: u64,
    /// With those of the instant's own hour, and those without a time, of which it is not known whether they moved
    /// before it.
    pub perhaps: u64,
}

/// When something moved first from an instant on, as far as is known. Both lie at the instant or after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct First {
    /// Not before then.
    pub earliest: Instant,
    /// Not after then: a record shows it.
    pub known: Instant,
}

impl Transfer {
    /// Whether it is all that passed through a tunnel of a remote session, by the word of its gateway: not known is what was asked
    /// for in it.
    pub fn is_tunnel(&self) -> bool {
        self.route == Route::RemoteAccess && self.joined.is_empty()
    }

    /// Names and addresses of where it went, first the one that it is known by.
    pub fn destinations(&self) -> impl Iterator<Item = &str> + Clone {
        std::iter::once(self.to.as_str()).chain(self.to_names.iter().map(String::as_str))
    }

    /// The most bytes within 24 hours that follow each other, with those whose time is not known. A lower bound, save
    /// that what has no time is taken to lie together.
    pub fn busiest_day(&self) -> u64 {
        let mut all = Together::default();
        all.add(self);
        all.busiest_day()
    }

    /// Bytes from `first` to the end of the hour of `last`; those whose time is not known only perhaps, and so those of records
    /// that began before that time, or were over after it, and have a part in it.
    pub fn since(&self, first: Instant, last: Instant) -> Since {
        let mut all = Since { sure: 0, perhaps: self.untimed() };
        for (at, (hour, bytes)) in self.hours.iter().zip(&self.hour_bytes).enumerate() {
            for (began, bytes) in self.lasting(at) {
                let (is_sure, is_part) = (*began >= first && *hour <= last.hour(), began.hour() <= last.hour());
                all.sure = all.sure.saturating_add(if is_sure { *bytes } else { 0 });
                all.perhaps = all.perhaps.saturating_add(if is_part && *hour >= first.hour() { *bytes } else { 0 });
            }
            if !(first.hour()..=last.hour()).contains(hour) {
                continue;
            }
            let sure = if *hour == first.hour() { self.dated_from(at, *hour, first) } else { u64::MAX };
            all.sure = all.sure.saturating_add(sure.min(*bytes));
            all.perhaps = all.perhaps.saturating_add(*bytes);
        }
        all
    }

    /// When the first of those records began that had begun in an hour before an instant and were not over in one before it.
    pub fn open_at(&self, instant: Instant) -> Option<Instant> {
        let at = self.hours.partition_point(|hour| *hour < instant.hour());
        let lasting = (at..self.hours.len()).flat_map(|at| self.lasting(at)).map(|(began, _)| *began);
        lasting.filter(|began| *began < instant).min()
    }

    /// What was over in the hour at a place of `hours` and began in an earlier one.
    fn lasting(&self, at: usize) -> &[(Instant, u64)] {
        self.dated.get(at).map_or(&[], Dated::lasting)
    }

    /// At least how many bytes had moved by each hour's end, with those of records that were over in it.
    pub fn by_end(&self) -> impl Iterator<Item = (i64, u64)> {
        let lasted = |at| self.dated.get(at).map_or(0, Dated::lasted);
        let hours = self.hours.iter().zip(&self.hour_bytes).enumerate();
        hours.map(move |(at, (hour, bytes))| (*hour, bytes.saturating_add(lasted(at))))
    }

    /// Takes the bytes of records that tell of several hours out of those of the hour in which they were over: at least what moved
    /// then is left to each. Of what all logs together know at least, that which began first counts first.
    pub fn set_lasting_apart(&mut self) {
        for (bytes, dated) in self.hour_bytes.iter_mut().zip(self.dated.iter_mut()) {
            for (_, lasted) in dated.lasting_mut() {
                *lasted = (*lasted).min(*bytes);
                *bytes -= *lasted;
            }
        }
    }

    /// At most so many bytes from an instant on: what certainly moved before it, in earlier hours or in its own, is no part of them.
    pub fn most_since(&self, instant: Instant) -> Option<u64> {
        let earlier = self.by_end().filter(|(hour, _)| *hour < instant.hour());
        let before = earlier.fold(0u64, |sum, (_, bytes)| sum.saturating_add(bytes));
        let at = self.hours.iter().position(|hour| *hour == instant.hour());
        let own = at.and_then(|at| Some(self.dated.get(at)?.over_before(instant).min(*self.hour_bytes.get(at)?)));
        self.bytes.upper.map(|upper| upper.saturating_sub(before).saturating_sub(own.unwrap_or(0)))
    }

    /// When it moved first from an instant on, as exactly as is kept; `None` where no record of it is of that time.
    ///
    /// Of an hour the first record is known and those that moved the most, so that of the instant's own hour, where that
    /// began before it, the first record from the instant on is known only not to be later than the first of those kept.
    pub fn first_since(&self, instant: Instant) -> Option<First> {
        let at = self.hours.partition_point(|hour| *hour < instant.hour());
        let lasting = (at..self.hours.len()).flat_map(|at| self.lasting(at)).map(|(began, _)| (*began).max(instant));
        let first = self.first_known_since(instant, at)?;
        Some(First { earliest: lasting.fold(first.earliest, Instant::min), ..first })
    }

    /// The same of records that tell of one hour; `at` is the place of the first hour that may have one.
    fn first_known_since(&self, instant: Instant, at: usize) -> Option<First> {
        let last = self.time.map(|time| time.last).filter(|last| *last >= instant)?;
        let begin = Instant::from_secs(self.hours.get(at)?.saturating_mul(HOUR_SECS))?;
        let Some(dated) = self.dated.get(at) else {
            let known = last.min(begin.plus_secs(HOUR_SECS - 1)).max(instant);
            return Some(First { earliest: begin.max(instant), known });
        };
        if dated.begins >= instant {
            return Some(First { earliest: dated.begins, known: dated.begins });
        }
        let kept = dated.records().iter().map(|(span, _)| span.first).filter(|at| *at >= instant);
        let next = self.dated.get(at + 1).map(|next| next.begins);
        Some(First { earliest: instant, known: kept.chain(next).fold(last, Instant::min) })
    }

    /// At least so many bytes of one hour from an instant in it on; all of them where the hour begins there or later.
    fn dated_from(&self, at: usize, hour: i64, first: Instant) -> u64 {
        let Some(dated) = self.dated.get(at) else {
            let begins = Instant::from_secs(hour.saturating_mul(HOUR_SECS));
            return if begins.is_some_and(|begins| begins >= first) { u64::MAX } else { 0 };
        };
        if dated.begins >= first {
            return u64::MAX;
        }
        let later = dated.records().iter().filter(|(span, _)| span.first >= first);
        later.fold(0, |sum, (_, bytes)| sum.saturating_add(*bytes))
    }

    /// At least so many bytes at an unknown time. When that moved of which records tell over several hours is known as far as they do.
    pub fn untimed(&self) -> u64 {
        let timed = self.by_end().fold(0u64, |sum, (_, bytes)| sum.saturating_add(bytes));
        self.bytes.lower.saturating_sub(timed)
    }
}

/// Hosts whose data another one put on the wire in its own name: a proxy, or a gateway that translates addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedOn {
    /// Those of the transfer's own scope, first who sent the most of it: at most sixteen.
    pub hosts: Vec<String>,
    /// How many others.
    pub more: u64,
}

/// Two logs whose clocks are apart, or may be, so that their hours do not tell whether both saw the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Apart {
    /// One of them.
    pub first: Locator,
    /// The other one.
    pub second: Locator,
    /// So many milliseconds later the second one dates what both tell of; `None` where the zone of one is not known.
    pub later_millis: Option<i64>,
    /// So many bytes of both may be the same; they are not added up at least.
    pub bytes: u64,
}

impl Apart {
    /// Why bytes of both logs are not added up, in words.
    pub fn told(&self) -> String {
        let Self { first, second, .. } = self;
        let how = self.later_millis.map_or("may be hours apart, as the zone of one is not known".to_owned(), |later| {
            let millis = later.unsigned_abs();
            format!("are {}.{:03} s apart", millis / 1000, millis % 1000)
        });
        format!("the clocks of {first} and {second} {how}: what both may tell of counts once at least")
    }
}

/// Data that moved from one entity to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// `t-` and 128 bits of SHA-256 over what identifies it.
    pub id: Short<34>,
    /// Whose data: a scope name or `unattributed`.
    pub scope: Arc<str>,
    /// The way out.
    pub route: Route,
    /// Where the data was: address or name of the inside entity.
    pub from: Arc<str>,
    /// Where it went: name of the outside entity where the evidence shows one, else its address.
    pub to: Short<22>,
    /// Other names and addresses of `to`, sorted.
    pub to_names: Seldom<Vec<String>>,
    /// Accounts, sorted.
    pub accounts: Seldom<Vec<String>>,
    /// Bytes out.
    pub bytes: Bounds,
    /// Records that show it.
    pub records: u64,
    /// First and last time; `None` without any.
    pub time: Option<Span>,
    /// Hours (since the epoch) in which bytes moved, or records that tell of several hours were over, sorted.
    pub hours: Few<i64>,
    /// At least so many bytes in each of `hours`. What is missing to `bytes.lower` moved at an unknown time, or in an unknown one of
    /// several hours.
    #[serde(default)]
    pub hour_bytes: Few<u64>,
    /// Of each of `hours`, what can be dated better: what tells bytes before an instant from those after it.
    #[serde(skip)]
    pub dated: Few<Dated>,
    /// What its records show of data that took this way. For the judge; in no file.
    #[serde(skip)]
    pub data: Seldom<Shown>,
    /// By whom the address was held that it went from or to, where a log says so.
    #[serde(default, skip_serializing_if = "Seldom::is_empty")]
    pub joined: Seldom<Vec<Joined>>,
    /// Whose bytes it may have put on the wire; they are counted there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed_on: Option<Box<PassedOn>>,
    /// The two logs whose clocks are apart of which the most may tell of the same: it counts once at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apart: Option<Box<Apart>>,
    /// Sources that saw it, sorted.
    pub seen_by: Arc<[Locator]>,
    /// A few of the records.
    pub evidence: Cites,
    /// Whether logs that know no more than its address saw far more than those that name it, so that most of it may have gone to
    /// another name there. For the judge; in no file.
    #[serde(skip)]
    pub partly_named: bool,
    /// The sanctioned entry that explains it, by its `why`.
    pub sanctioned: Option<Arc<str>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_wire_carries_around_the_data_is_no_data() {
        assert_eq!(least(1_000_000, 1_025_000, 1), 1_000_000);
        assert_eq!(least(1_000_000, 1_140_000, 0), 1_000_000);
        assert_eq!(least(1_000_000, 2_000_000, 3), 2_000_000, "far more than is sent around it");
        assert_eq!(least(1000, 9000, 1), 1000, "one handshake");
        assert_eq!(least(1000, 900, 1), 1000);
        assert_eq!(least(0, 900, 1), 900, "no log counts the data");
        assert_eq!(least(u64::MAX, u64::MAX, u64::MAX), u64::MAX);
    }

    #[test]
    fn the_least_data_within_is_the_least_that_it_is_around() {
        for wire in (0..2000).chain([2_400_000_015, u64::MAX]) {
            for records in [0, 1, 12] {
                let data = within(wire, records);
                assert!(is_around(data, wire, records), "{wire} {records}");
                assert!(data == 0 || !is_around(data - 1, wire, records), "{wire} {records}");
            }
        }
    }

    #[test]
    fn what_is_within_the_wire_is_no_more_than_the_least_that_it_may_be_around() {
        for (wire, records) in [(0, 0), (1, 0), (17, 3), (1_000_000, 1), (1_000_000, 200), (u64::MAX, 0), (9, u64::MAX)]
        {
            let data = within(wire, records);
            assert!(data <= wire && (data == 0 || !is_around(data - 1, wire, records)), "{wire} {records}");
        }
        assert_eq!(within(1_000_000, 10), 803_320);
    }
}

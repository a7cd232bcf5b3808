//! The bytes of a transfer by when they moved, so that what another one tells of too is taken from when that moved it.
//!
//! Of a transfer is known of each hour how much moved in it, of its largest records when they began, and what was over in it that began
//! earlier. Each of these is a piece, which moved from its begin on. What was over before a piece began, or began after what sent
//! it was over, is not the same.

use std::collections::BTreeSet;

use crate::model::time::{HOUR_SECS, Instant, SKEW_SECS};
use crate::model::transfer::{Dated, Transfer};

/// Pieces that are looked through for one that was open long before.
const LOOKED_AT: usize = 1024;

/// Some bytes that moved from an instant on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    began: Instant,
    /// The hour in which they were over.
    hour: i64,
    /// Nothing that began later is of the same session, clocks taken into account.
    until: Instant,
    /// What began by then, and not before it, moved while it did.
    sure: Instant,
    pub(super) bytes: u64,
}

impl Piece {
    /// Until when what begins is surely of the same session, and until when it may be; both with whether it is the first.
    pub(super) fn ends(&self) -> [(Instant, bool); 2] {
        [(self.sure, true), (self.until, false)]
    }
}

/// Where the bytes of a piece stand in the hour at a place of a transfer's hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    /// What of the hour is not dated better.
    Rest,
    /// That of [`Dated::lasting`].
    Lasting(usize),
    /// That of [`Dated::records`].
    Record(usize),
}

/// When a piece began, the place of its hour, and where it stands there.
type Key = (Instant, usize, Slot);

/// The pieces of a transfer in the order of their times.
pub(super) fn pieces(t: &Transfer) -> Vec<Piece> {
    let until = until(t);
    let mut all: Vec<Piece> = Vec::new();
    for (at, (hour, until)) in t.hours.iter().zip(until).enumerate() {
        let sure = over(t, at).map_or(until, |over| until.min(over.plus_secs(SKEW_SECS)));
        let mut left = t.hour_bytes.get(at).copied().unwrap_or(0);
        for (began, slot, bytes) in dated(t, at) {
            let is_lasting = matches!(slot, Slot::Lasting(_));
            let bytes = if is_lasting { bytes } else { bytes.min(left) };
            left -= if is_lasting { 0 } else { bytes };
            all.push(Piece { began, hour: *hour, until, sure, bytes });
        }
        all.extend(begins(t, at).map(|began| Piece { began, hour: *hour, until, sure, bytes: left }));
    }
    all.retain(|piece| piece.bytes > 0);
    all.sort_by_key(|piece| (piece.began, piece.hour, piece.bytes));
    all
}

/// By hour, until when what moved in it may have gone on: of hours that follow each other the end of the last one.
fn until(t: &Transfer) -> Vec<Instant> {
    let mut all: Vec<Instant> = Vec::new();
    for at in (0..t.hours.len()).rev() {
        let goes_on = t.hours.get(at + 1).is_some_and(|next| next.saturating_sub(t.hours[at]) <= 1);
        let known = all.last().copied().filter(|_| goes_on);
        all.extend(known.or_else(|| ended(t, at)).or_else(|| begins(t, at)).or(t.time.map(|time| time.last)));
    }
    all.reverse();
    all
}

/// The last instant of what moved in an hour, clocks taken into account. Of a record that gives one time that may be when it began, or
/// when its session ended.
fn ended(t: &Transfer, at: usize) -> Option<Instant> {
    let told = t.dated.get(at).filter(|dated| dated.begins() < dated.ends() || !dated.lasting().is_empty());
    let of_hours = || Instant::from_secs(t.hours[at].saturating_add(2).saturating_mul(HOUR_SECS));
    told.map(|dated| dated.ends().plus_secs(SKEW_SECS)).or_else(of_hours)
}

/// When an hour of a transfer begins as far as anything moved in it.
fn begins(t: &Transfer, at: usize) -> Option<Instant> {
    let hour = || Instant::from_secs(t.hours[at].saturating_mul(HOUR_SECS));
    t.dated.get(at).map(Dated::begins).or_else(hour)
}

/// When the last of what moved in an hour of a transfer was over.
fn over(t: &Transfer, at: usize) -> Option<Instant> {
    let hour = || Instant::from_secs(t.hours[at].saturating_add(1).saturating_mul(HOUR_SECS));
    t.dated.get(at).map(Dated::ends).or_else(hour)
}

/// What is dated better than to the hour at a place.
fn dated(t: &Transfer, at: usize) -> impl Iterator<Item = (Instant, Slot, u64)> {
    t.dated.get(at).into_iter().flat_map(|dated| {
        let lasting = dated.lasting().iter().enumerate().map(|(n, (began, bytes))| (*began, Slot::Lasting(n), *bytes));
        let records =
            dated.records().iter().enumerate().map(|(n, (span, bytes))| (span.first, Slot::Record(n), *bytes));
        lasting.chain(records)
    })
}

/// What is left of a transfer.
pub(super) struct Stock {
    /// All that is left of what has a time.
    timed: BTreeSet<Key>,
    /// Places of the hours of which something is left that is not dated better; and how much, by place.
    rests: BTreeSet<usize>,
    rest: Vec<u64>,
    untimed: u64,
}

impl Stock {
    pub(super) fn of(t: &Transfer) -> Self {
        let mut stock = Self { timed: BTreeSet::new(), rests: BTreeSet::new(), rest: Vec::new(), untimed: t.untimed() };
        for at in 0..t.hours.len() {
            let mut rest = t.hour_bytes.get(at).copied().unwrap_or(0);
            for (began, slot, bytes) in dated(t, at) {
                rest = rest.saturating_sub(if matches!(slot, Slot::Record(_)) { bytes } else { 0 });
                stock.timed.insert((began, at, slot));
            }
            stock.rest.push(rest);
            if let Some(began) = begins(t, at).filter(|_| rest > 0) {
                stock.timed.insert((began, at, Slot::Rest));
                stock.rests.insert(at);
            }
        }
        stock
    }

    /// What is left that began nearest to a piece, and how far from it, in microseconds: not before it, as clocks may differ, nor when
    /// what sent it was over.
    pub(super) fn nearest(&self, piece: &Piece) -> Option<(u64, Near)> {
        let at = (piece.began, 0, Slot::Rest);
        let early = (piece.began.plus_secs(-SKEW_SECS), 0, Slot::Rest);
        let later = self.timed.range(at..).next().filter(|(began, ..)| *began <= piece.until);
        let before = self.timed.range(early..at).next_back();
        let apart = |key: &Key| (key.0.micros().abs_diff(piece.began.micros()), Near(*key));
        later.into_iter().chain(before).map(apart).min_by_key(|(apart, _)| *apart)
    }

    /// Takes so much of that at most.
    pub(super) fn take_near(&mut self, t: &mut Transfer, Near(key): Near, most: u64) -> u64 {
        self.take(t, key, most)
    }

    /// Takes so much at most of what is known to have moved in the hours of a piece, and not when: not of an hour in which all was over
    /// before it, nor of one in which all began later than an instant.
    pub(super) fn take_undated(&mut self, t: &mut Transfer, piece: &Piece, by: Instant, most: u64) -> u64 {
        let (first, end) = (place(t, piece.began.hour()), place(t, piece.hour.saturating_add(1)));
        let early = piece.began.plus_secs(-SKEW_SECS);
        self.take_while(t, most, |stock, t| {
            let hours = stock.rests.range(first..end.max(first)).rev().take(LOOKED_AT);
            let open = hours.filter(|at| over(t, **at).is_some_and(|over| over >= early));
            let mut keys = open.filter_map(|at| Some((begins(t, *at)?, *at, Slot::Rest)));
            keys.find(|(began, ..)| *began <= by)
        })
    }

    /// Takes so much at most of all that may be the bytes of a piece: what is nearest to it first, and else of the last of it, so that
    /// never too much is left after an instant.
    pub(super) fn take_any(&mut self, t: &mut Transfer, piece: &Piece, most: u64) {
        let mut left = most;
        left -= self.take_while(t, left, |stock, _| stock.nearest(piece).map(|(_, Near(key))| key));
        left -= self.take_undated(t, piece, piece.until, left);
        let first = place(t, piece.began.hour().saturating_sub(1));
        let end = (piece.until, usize::MAX, Slot::Record(usize::MAX));
        left -= self.take_while(t, left, |stock, _| {
            let mut open = stock.timed.range(..=end).rev().take(LOOKED_AT);
            open.find(|(_, at, _)| *at >= first).copied()
        });
        self.take_of_any_time(t, left, false);
    }

    /// Takes so much at most of what has no time, and, of bytes that may be of any, the rest of the last of all.
    pub(super) fn take_of_any_time(&mut self, t: &mut Transfer, most: u64, of_any: bool) {
        let taken = most.min(self.untimed);
        self.untimed -= taken;
        t.bytes.lower = t.bytes.lower.saturating_sub(taken);
        if of_any {
            self.take_while(t, most - taken, |stock, _| stock.timed.last().copied());
        }
    }

    /// Takes so much at most of the pieces that are found one after the other; gives how much that was.
    fn take_while(&mut self, t: &mut Transfer, most: u64, find: impl Fn(&Self, &Transfer) -> Option<Key>) -> u64 {
        let mut left = most;
        while left > 0
            && let Some(key) = find(self, t)
        {
            left -= self.take(t, key, left);
        }
        most - left
    }

    /// Takes so much of a piece at most; one of which nothing is left is gone.
    fn take(&mut self, t: &mut Transfer, key: Key, most: u64) -> u64 {
        let (_, at, slot) = key;
        let has = self.has(t, at, slot);
        let taken = most.min(has);
        match slot {
            Slot::Rest => self.rest[at] -= taken,
            Slot::Lasting(n) => t.dated[at].lasting_mut()[n].1 -= taken,
            Slot::Record(n) => t.dated[at].records_mut()[n].1 -= taken,
        }
        if !matches!(slot, Slot::Lasting(_)) {
            t.hour_bytes[at] -= taken;
        }
        t.bytes.lower = t.bytes.lower.saturating_sub(taken);
        if taken == has {
            self.timed.remove(&key);
            if slot == Slot::Rest {
                self.rests.remove(&at);
            }
        }
        taken
    }

    /// How much a piece has: records of several logs may tell of more than the hour had at least.
    fn has(&self, t: &Transfer, at: usize, slot: Slot) -> u64 {
        let hour = t.hour_bytes[at];
        match slot {
            Slot::Rest => self.rest[at].min(hour),
            Slot::Lasting(n) => t.dated[at].lasting()[n].1,
            Slot::Record(n) => t.dated[at].records()[n].1.min(hour),
        }
    }
}

/// A piece of a stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Near(Key);

impl Near {
    /// Whether it moved while a piece did, and need not be of another session.
    pub(super) fn is_sure(&self, piece: &Piece) -> bool {
        self.0.0 <= piece.sure
    }
}

/// The place of the first of a transfer's hours that is not before this one.
fn place(t: &Transfer, hour: i64) -> usize {
    t.hours.partition_point(|known| *known < hour)
}

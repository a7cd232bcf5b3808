//! What a source cites of its records, by what they are about: by this it is told whether two logs hold the same ones.

use std::collections::BinaryHeap;

use crate::model::event::Called;
use crate::model::hit::{IndicatorRef, Sightings};
use crate::model::observation::{Hour, Key};
use crate::model::partial::SourcePartial;
use crate::model::place::RecordDigest;
use crate::model::time::Instant;

/// Records drawn of a source, those with the smallest digests.
const RECORDS_DRAWN: usize = 64;
/// First and last records of hours drawn of a source, those with the smallest hashes.
const ENDS_DRAWN: usize = 64;

/// A record that a source cites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Record {
    /// The first eight bytes of its SHA-256.
    pub digest: u64,
    /// What it is cited of: a conversation, a rule or an indicator, by its hash.
    pub of: u64,
    /// By what it is cited before others: the bytes that it moved; 0 where the place decides.
    pub bytes: u64,
    /// When it happened.
    pub at: Option<Instant>,
}

/// What a source cites of one conversation, rule or indicator.
pub(super) struct Shelf {
    /// What it is cited of, by its hash.
    pub of: u64,
    /// The records.
    pub records: Vec<Record>,
    /// Records of so many bytes or fewer may be left out; `None` where all of them are here.
    pub cut_at: Option<u64>,
}

impl Shelf {
    /// Whether a record would be here if the source had it.
    pub(super) fn would_hold(&self, record: &Record) -> bool {
        self.cut_at.is_none_or(|bytes| record.bytes > bytes)
    }
}

/// Shows all shelves of a source, and of its conversations the ends of their hours: each by a hash that two logs have in
/// common only where a conversation has its first, or its last, record of an hour at the same instant in both.
pub(super) fn each(source: &SourcePartial, mut shelf: impl FnMut(&Shelf), mut end: impl FnMut(u64)) {
    let mut filled = Shelf { of: 0, records: Vec::new(), cut_at: None };
    for (key, seen) in source.observations.kept.iter() {
        filled.of = of_conversation(&key);
        let mut hours = 0u64;
        for span in
            seen.hours().inspect(|hour: &Hour| hours = hours.saturating_add(hour.sum.records)).filter_map(|h| h.span)
        {
            end(mixed(filled.of, span.first.micros().cast_unsigned(), 1));
            end(mixed(filled.of, span.last.micros().cast_unsigned(), 2));
        }
        filled.records.clear();
        filled.records.extend(seen.cited().map(|cited| Record {
            digest: head(&cited.sha256),
            of: filled.of,
            bytes: cited.bytes,
            at: cited.at(),
        }));
        let least = filled.records.iter().map(|record| record.bytes).min().unwrap_or(u64::MAX);
        filled.cut_at = (hours > filled.records.len() as u64).then_some(least);
        shelf(&filled);
    }
    for (rule, sightings) in source.rules.iter() {
        filled.fill(of_rule(&rule), &sightings);
        shelf(&filled);
    }
    for (indicator, sightings) in source.indicators.iter() {
        filled.fill(of_indicator(&indicator), &sightings);
        shelf(&filled);
    }
}

impl Shelf {
    fn fill(&mut self, of: u64, sightings: &Sightings) {
        self.of = of;
        self.records.clear();
        self.records.extend(sightings.kept.iter().filter_map(|s| {
            Some(Record { digest: head_of_hex(&s.sha256)?, of, bytes: 0, at: s.time.map(|stamp| stamp.at) })
        }));
        let is_whole = self.records.len() as u64 == sightings.count;
        self.cut_at = (!is_whole).then_some(u64::MAX);
    }
}

/// A few of the records of a source and of the ends of its hours: the same ones for any order.
#[derive(Default)]
pub(super) struct Drawn {
    pub records: Vec<Record>,
    pub ends: Vec<u64>,
}

impl Drawn {
    /// Draws from a source.
    pub(super) fn of(source: &SourcePartial) -> Self {
        let (mut records, mut ends) = (BinaryHeap::new(), BinaryHeap::new());
        let shelf = |shelf: &Shelf| shelf.records.iter().for_each(|record| draw(&mut records, *record, RECORDS_DRAWN));
        each(source, shelf, |hash| draw(&mut ends, hash, ENDS_DRAWN));
        Self { records: records.into_sorted_vec(), ends: ends.into_sorted_vec() }
    }
}

/// Keeps the smallest.
fn draw<T: Ord>(drawn: &mut BinaryHeap<T>, new: T, most: usize) {
    if drawn.len() < most {
        drawn.push(new);
    } else if drawn.peek().is_some_and(|last| new < *last) {
        drawn.pop();
        drawn.push(new);
    }
}

/// The hash of a conversation.
fn of_conversation(key: &Key<'_>) -> u64 {
    let Key { seen, client, server, name, account, host, port, sends, outcome, nat } = *key;
    let [high, low] = port.to_be_bytes();
    let head = folded(SEED, &[1, seen as u8, high, low, u8::from(sends), outcome as u8]);
    [client, server, name, account, host, nat].into_iter().fold(head, |hash, text| folded(hash, text.as_bytes()))
}

/// The hash of a rule.
pub(super) fn of_rule(id: &str) -> u64 {
    folded(folded(SEED, &[2]), id.as_bytes())
}

/// The hash of an indicator and how it was met.
pub(super) fn of_indicator(indicator: &IndicatorRef) -> u64 {
    let head = folded(SEED, &[3, indicator.how as u8]);
    folded(folded(head, indicator.kind.as_bytes()), indicator.value.as_bytes())
}

/// The hash of what a rule found in an event that its log calls something, as one scope's.
pub(super) fn of_native((rule, called, scope): (u64, Called, &str)) -> u64 {
    let head = folded(folded(SEED, &[4]), &rule.to_le_bytes());
    folded(folded(head, &called.bits().to_le_bytes()), scope.as_bytes())
}

/// The first eight bytes of a digest.
pub(super) fn head(digest: &RecordDigest) -> u64 {
    digest.0.iter().take(8).fold(0, |all, byte| all << 8 | u64::from(*byte))
}

/// The same of one in hex; `None` where it is none.
pub(super) fn head_of_hex(hex: &str) -> Option<u64> {
    u64::from_str_radix(hex.get(..16)?, 16).ok()
}

const SEED: u64 = 0xCBF2_9CE4_8422_2325;

/// A hash that is the same on every machine; each part is closed, so that texts do not run together.
///
/// SOURCE: FNV-1a, 64 bits.
fn folded(hash: u64, part: &[u8]) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    step(part.iter().fold(hash, |hash, byte| step(hash, *byte)), 0xFF)
}

/// A hash whose small values are as even as others: the smallest are drawn.
///
/// SOURCE: the finalizer of `SplitMix64`.
fn mixed(of: u64, micros: u64, which: u64) -> u64 {
    let mut hash = of ^ micros.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17) ^ which;
    for factor in [0xBF58_476D_1CE4_E5B9, 0x94D0_49BB_1331_11EB] {
        hash = (hash ^ hash >> 30).wrapping_mul(factor);
    }
    hash ^ hash >> 31
}

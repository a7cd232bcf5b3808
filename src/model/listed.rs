//! All indicators of a set with what feeds say of them, in flat tables.

use std::collections::HashMap;

use super::flat::{Flat, Texts};
use super::indicator::{Claim, Indicator, IndicatorKind};
use super::stored::{Fault, Found, Sections, holds};
use super::time::Instant;

/// One indicator of a [`List`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry<'l> {
    /// What it is.
    pub kind: IndicatorKind,
    /// Canonical value.
    pub value: &'l str,
    /// Names below this domain do not match.
    pub exact_only: bool,
}

/// Indicators, distinct by (kind, value) and sorted by it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct List {
    /// The number of the kind, and [`EXACT_ONLY`].
    kinds: Flat<u8>,
    values: Texts,
    /// Where in `words` stands what is said of each.
    says: Flat<u32>,
    /// Statements, as [`Lister::said`] writes them.
    words: Flat<u32>,
    labels: Texts,
}

/// Bit of a kind whose names below do not match.
const EXACT_ONLY: u8 = 0x80;

/// Bits of the first word of a claim behind its confidence.
const CONFIDENT: u32 = 0x100;
const FROM: u32 = 0x200;
const UNTIL: u32 = 0x400;

impl List {
    /// How many indicators there are.
    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// One indicator; `None` for an index out of range.
    #[inline]
    pub fn get(&self, index: u32) -> Option<Entry<'_>> {
        let kind = *self.kinds.get(index as usize)?;
        Some(Entry {
            kind: IndicatorKind::numbered(kind & !EXACT_ONLY)?,
            value: self.values.get(index as usize)?,
            exact_only: kind & EXACT_ONLY != 0,
        })
    }

    /// All indicators in order.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        (0..self.len() as u32).filter_map(|index| self.get(index))
    }

    /// All indicators of this kind and of those that come after it, with their indexes.
    pub fn since(&self, kind: IndicatorKind) -> impl Iterator<Item = (u32, Entry<'_>)> {
        let first = self.kinds.partition_point(|known| known & !EXACT_ONLY < kind.number());
        (first as u32..self.len() as u32).filter_map(|index| Some((index, self.get(index)?)))
    }

    /// What feeds say of an indicator, sorted by feed.
    pub fn claims(&self, index: u32) -> Vec<Claim> {
        let words = self.says.get(index as usize).and_then(|at| self.words.get(*at as usize..));
        let Some((count, mut words)) = words.and_then(<[u32]>::split_first) else { return Vec::new() };
        (0..*count).map_while(|_| self.claim(&mut words)).collect()
    }

    /// Writes the list.
    pub(super) fn store<'t>(&'t self, name: &str, out: &mut Sections<'t>) {
        out.put(name, "kinds", &self.kinds);
        out.put(name, "says", &self.says);
        out.put(name, "words", &self.words);
        out.put_texts("values", &self.values);
        out.put_texts("labels", &self.labels);
    }

    /// Reads a list of indicators of known kinds.
    pub(super) fn load(name: &str, from: &mut Found) -> Result<Self, Fault> {
        let (kinds, says) = (from.take::<u8>(name, "kinds")?, from.take::<u32>(name, "says")?);
        let words = from.take::<u32>(name, "words")?;
        let (values, labels) = (from.take_texts("values")?, from.take_texts("labels")?);
        holds(kinds.len() == says.len() && kinds.len() == values.len(), name, "has parts that do not fit together")?;
        let known = |kind: &u8| usize::from(kind & !EXACT_ONLY) < IndicatorKind::ALL.len();
        holds(kinds.iter().all(known), name, "holds a kind that is not known")?;
        holds(kinds.is_sorted_by_key(|kind| kind & !EXACT_ONLY), name, "is not sorted by kind")?;
        let told = says.iter().max().is_none_or(|last| (*last as usize) < words.len());
        holds(told, name, "leads to a statement that is not there")?;
        Ok(Self { kinds, values, says, words, labels })
    }

    /// Reads one claim; `None` where the words are none.
    fn claim(&self, words: &mut &[u32]) -> Option<Claim> {
        let (mark, feed) = (next(words)?, next(words)?);
        let mut time = |bit| match mark & bit {
            0 => Some(None),
            _ => {
                let micros = u64::from(next(words)?) | u64::from(next(words)?) << 32;
                Instant::from_micros(micros as i64).map(Some)
            }
        };
        let (valid_from, valid_until) = (time(FROM)?, time(UNTIL)?);
        let mut labels = Vec::new();
        for _ in 0..next(words)? {
            labels.push(self.labels.get(next(words)? as usize)?.into());
        }
        let confidence = (mark & CONFIDENT != 0).then_some(mark as u8);
        Some(Claim { feed, confidence, valid_from, valid_until, labels })
    }
}

fn next(words: &mut &[u32]) -> Option<u32> {
    let (first, rest) = words.split_first()?;
    *words = rest;
    Some(*first)
}

impl FromIterator<Indicator> for List {
    /// Of indicators that are sorted and without repeats.
    fn from_iter<I: IntoIterator<Item = Indicator>>(indicators: I) -> Self {
        let mut lister = Lister::default();
        for Indicator { kind, value, exact_only, claims } in indicators {
            let said = lister.said(&claims);
            lister.push(Entry { kind, value: &value, exact_only }, said);
        }
        lister.finish()
    }
}

/// Writes a [`List`].
#[derive(Default)]
pub struct Lister {
    kinds: Vec<u8>,
    ends: Vec<u32>,
    bytes: Vec<u8>,
    says: Vec<u32>,
    words: Vec<u32>,
    /// Where each statement stands.
    known: HashMap<Box<[u32]>, u32>,
    labels: HashMap<Box<str>, u32>,
    label_ends: Vec<u32>,
    label_bytes: Vec<u8>,
}

impl Lister {
    /// With room for so many values of so many bytes in all.
    pub fn with_room(count: usize, bytes: usize) -> Self {
        Self {
            kinds: Vec::with_capacity(count),
            ends: Vec::with_capacity(count),
            bytes: Vec::with_capacity(bytes),
            says: Vec::with_capacity(count),
            ..Self::default()
        }
    }

    /// Takes a statement in, which many indicators may share: the number to give to [`push`](Self::push).
    pub fn said(&mut self, claims: &[Claim]) -> u32 {
        let mut words = vec![claims.len() as u32];
        for claim in claims {
            let bit = |is: bool, bit| if is { bit } else { 0 };
            words.push(
                u32::from(claim.confidence.unwrap_or(0))
                    | bit(claim.confidence.is_some(), CONFIDENT)
                    | bit(claim.valid_from.is_some(), FROM)
                    | bit(claim.valid_until.is_some(), UNTIL),
            );
            words.push(claim.feed);
            for micros in [claim.valid_from, claim.valid_until].into_iter().flatten().map(Instant::micros) {
                words.extend([micros as u32, (micros >> 32) as u32]);
            }
            words.push(claim.labels.len() as u32);
            words.extend(claim.labels.iter().map(|label| self.label(label)).collect::<Vec<_>>());
        }
        let at = self.words.len() as u32;
        *self.known.entry(words.into_boxed_slice()).or_insert_with_key(|words| {
            self.words.extend_from_slice(words);
            at
        })
    }

    fn label(&mut self, label: &str) -> u32 {
        if let Some(known) = self.labels.get(label) {
            return *known;
        }
        let number = self.label_ends.len() as u32;
        self.labels.insert(label.into(), number);
        self.label_bytes.extend_from_slice(label.as_bytes());
        self.label_ends.push(self.label_bytes.len() as u32);
        number
    }

    /// Takes the next indicator in, behind those it is sorted after, with what was [`said`](Self::said) of it.
    pub fn push(&mut self, entry: Entry<'_>, said: u32) {
        self.kinds.push(entry.kind.number() | if entry.exact_only { EXACT_ONLY } else { 0 });
        self.bytes.extend_from_slice(entry.value.as_bytes());
        self.ends.push(self.bytes.len() as u32);
        self.says.push(said);
    }

    /// The list.
    pub fn finish(self) -> List {
        List {
            kinds: self.kinds.into(),
            values: Texts::new(self.ends.into(), self.bytes.into()),
            says: self.says.into(),
            words: self.words.into(),
            labels: Texts::new(self.label_ends.into(), self.label_bytes.into()),
        }
    }
}

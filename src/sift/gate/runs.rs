//! The runs of literals that the filter knows: of each the one that logs hold least often.
//!
//! Where a text is asked at every second position alone, a literal has two of them, one for each way that it may stand over those
//! positions. That halves the look-ups, and lets more positions pass, because the second run is no rarer than the first: it pays for few
//! literals, and not for the thousands of the rules of a format.

use crate::model::filter::word_key;
use crate::model::rarity::Expected;

use super::filter::{Stride, folded};
use super::{SHORTEST, WIDE};

/// So many more positions may pass of a record before every second one costs more than all.
///
/// PERF: a look-up took 0.6 ns and what follows one that passes 15 ns, so that the hundred that a record of 200 bytes saves are worth
/// four that pass; half of that, because other logs may hold more of them than the texts that were counted.
const WORTH: f64 = 2.0;

/// The run of a literal that the filter knows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    /// Its bytes, folded.
    pub(super) gram: u32,
    /// Which bytes of `gram` count: a run of three bytes has no fourth.
    pub(super) mask: u32,
    pub(super) literal: u32,
    /// Where the run stands in the literal.
    pub(super) offset: u32,
}

/// A run with how often a record holds it.
type Held = (f64, Run);

impl Run {
    /// The run of `width` bytes at an offset of a literal.
    fn at(literal: u32, bytes: &[u8], offset: usize, width: usize) -> Self {
        let mask = if width == SHORTEST { 0x00FF_FFFF } else { u32::MAX };
        let gram = folded(&bytes[offset..offset + width]) & mask;
        Self { gram, mask, literal, offset: u32::try_from(offset).unwrap_or(u32::MAX) }
    }

    /// Key of eight bytes of its literal that hold the run, as many of them behind it as there are; of the first three
    /// bytes of the run alone where the literal is shorter.
    pub(super) fn around(&self, literal: &[u8]) -> u64 {
        let offset = self.offset as usize;
        let from = offset.min(literal.len().saturating_sub(WIDE));
        match literal.get(from..).and_then(<[u8]>::first_chunk::<WIDE>) {
            Some(bytes) => word_key(*bytes, (offset - from) as u64),
            None => alone(self.gram),
        }
    }
}

/// Key of a run whose literal has no more bytes than it needs.
pub(super) fn alone(gram: u32) -> u64 {
    word_key((u64::from(gram) & 0x00FF_FFFF).to_le_bytes(), WIDE as u64)
}

/// The rarest runs of a literal at an even and at an odd offset.
pub(super) struct Pair([Option<Held>; 2]);

/// Those of all literals that have any.
pub(super) fn of(expected: Expected<'_>, literals: &[Box<[u8]>]) -> Vec<Pair> {
    let numbered = (0u32..).zip(literals).filter(|(_, bytes)| bytes.len() >= SHORTEST);
    numbered.map(|(number, bytes)| Pair([0, 1].map(|parity| rarest(expected, (number, bytes), parity)))).collect()
}

/// At which positions a text is best asked.
pub(super) fn stride(pairs: &[Pair]) -> Stride {
    let more =
        |pair: &Pair| pair.at_even().map_or(f64::INFINITY, |passes| passes - pair.rarer().map_or(0.0, |held| held.0));
    if pairs.iter().map(more).sum::<f64>() < WORTH { Stride::Two } else { Stride::One }
}

/// The runs to look for at these positions.
pub(super) fn chosen(pairs: &[Pair], stride: Stride) -> Vec<Run> {
    match stride {
        Stride::One => pairs.iter().filter_map(Pair::rarer).map(|(_, run)| run).collect(),
        Stride::Two => pairs.iter().flat_map(|pair| pair.0).flatten().map(|(_, run)| run).collect(),
    }
}

impl Pair {
    /// The rarer one of the two.
    fn rarer(&self) -> Option<Held> {
        self.0.into_iter().flatten().min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.offset.cmp(&b.1.offset)))
    }

    /// How often one of them stands at an even position of a record; `None` where the literal has no two of them.
    fn at_even(&self) -> Option<f64> {
        let [even, odd] = self.0.map(|held| held.map(|(held, _)| held));
        Some(even?.midpoint(odd?))
    }
}

/// The rarest run of a literal of those at the offsets of one parity.
fn rarest(expected: Expected<'_>, (literal, bytes): (u32, &[u8]), parity: usize) -> Option<Held> {
    let width = bytes.len().saturating_sub(parity).clamp(SHORTEST, 4);
    let places = bytes.windows(width).enumerate().skip(parity).step_by(2);
    let held = places.map(|(offset, gram)| (expected.of(gram), Run::at(literal, bytes, offset, width)));
    held.min_by(|a, b| a.0.total_cmp(&b.0))
}

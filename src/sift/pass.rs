//! One pass over a text, in chunks that stay in the first cache while each kind that some indicator has looks at them.

use super::agent::Quotes;
use super::colon::Colons;
use super::digest::Digests;
use super::dot::Dots;
use super::marks::Masks;
use crate::model::indicator::{Indicators, RawHit};
use crate::model::lanes::{BLOCK, Isa, Job, Lanes};

/// Blocks of a chunk.
pub(super) const CHUNK: usize = 64;

/// What all kinds share while a text is scanned.
pub(super) struct Scan<'a, 'o> {
    pub set: &'a Indicators,
    pub text: &'a [u8],
    /// Where the chunk begins.
    pub base: usize,
    pub out: &'o mut Vec<RawHit>,
}

/// Appends the indicators of all kinds, in no order.
pub(super) fn scan(isa: Isa, set: &Indicators, text: &[u8], out: &mut Vec<RawHit>) {
    isa.run(Scan { set, text, base: 0, out });
}

impl Job for Scan<'_, '_> {
    #[inline(always)]
    fn run<L: Lanes>(mut self, lanes: L) {
        let set = self.set;
        let (names, v4) = (!set.names.is_empty(), !set.ipv4.is_empty());
        let colons = v4 || !set.ipv6.is_empty();
        let (digests, agents) = (!set.digests.is_empty(), !set.agents.is_empty());
        let (mut dots, mut pairs) = (Dots::default(), Colons::default());
        let (mut runs, mut quotes) = (Digests::default(), Quotes::default());
        let mut masks = Masks::new();
        let (blocks, rest) = self.text.as_chunks::<BLOCK>();
        // Zeros end every run; where the text fills its last block one of zeros follows.
        let mut last = [[0; BLOCK]];
        last[0][..rest.len()].copy_from_slice(rest);
        for blocks in blocks.chunks(CHUNK).chain([&last[..]]) {
            if names || colons || digests {
                masks.take(lanes, blocks);
            }
            if names || v4 {
                dots.chunk(&masks, (names, v4), &mut self);
            }
            if colons {
                pairs.chunk(&masks, &mut self);
            }
            if digests {
                runs.chunk(&masks, &mut self);
            }
            if agents {
                quotes.chunk(lanes, blocks, &mut self);
            }
            self.base += blocks.len() * BLOCK;
        }
        if agents {
            quotes.finish(&mut self);
        }
    }
}

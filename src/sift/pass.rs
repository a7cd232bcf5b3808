//! One pass over a text, in chunks that stay in the first cache while each kind that some indicator has looks at them.

use super::agent::Quotes;
use super::colon::Colons;
use super::digest::Hexes;
use super::dot::Dots;
use super::kernel::{BLOCK, Isa, Job, Lanes};
use crate::model::indicator::{Indicators, RawHit};

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
        let (mut dots, mut pairs) = (Dots::new(), Colons::default());
        let (mut hexes, mut quotes) = (Hexes::default(), Quotes::default());
        let (mut colon, mut hex) = ([0; CHUNK], [0; CHUNK]);
        let (blocks, rest) = self.text.as_chunks::<BLOCK>();
        // Zeros end every run; where the text fills its last block one of zeros follows.
        let mut last = [[0; BLOCK]];
        last[0][..rest.len()].copy_from_slice(rest);
        for blocks in blocks.chunks(CHUNK).chain([&last[..]]) {
            if names || v4 {
                dots.chunk(lanes, blocks, (names, v4), &mut self);
            }
            if colons || digests {
                hex_masks(lanes, blocks, &mut hex);
            }
            if colons {
                colon_masks(lanes, blocks, &mut colon);
                pairs.chunk(&colon[..blocks.len()], &hex[..blocks.len()], &mut self);
            }
            if digests {
                hexes.chunk(&hex[..blocks.len()], &mut self);
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

/// PERF: masks go through memory. Where a loop carries one from block to block and calls something on the way, the
/// compiler keeps it as lanes, and takes them apart and together again for each block: twice the time of the pass.
#[inline(always)]
fn hex_masks<L: Lanes>(lanes: L, blocks: &[[u8; BLOCK]], masks: &mut [u64; CHUNK]) {
    for (mask, block) in masks.iter_mut().zip(blocks) {
        *mask = lanes.hex(lanes.load(block));
    }
}

#[inline(always)]
fn colon_masks<L: Lanes>(lanes: L, blocks: &[[u8; BLOCK]], masks: &mut [u64; CHUNK]) {
    for (mask, block) in masks.iter_mut().zip(blocks) {
        *mask = lanes.equal(lanes.load(block), b':');
    }
}

//! From masks to positions: what runs end where, gathered for the loop that comes next.
//!
//! PERF: masks go through memory, and each loop over them does one thing. Where a loop carries a mask from block to block
//! and calls something on the way, the compiler keeps it as lanes, and takes them apart and together again for each
//! block; where it zips several rows, it keeps their ends on the stack: either doubles the time of the pass.
//! What a loop counts must stay in a register (`gather`, `pen`): 4 % of the pass. Third dots found by shifts in place of
//! three sums, which need no carry, were tried and lost 4 %: a shift over two registers takes several steps.

use super::pass::CHUNK;
use crate::model::lanes::{BLOCK, Lanes};

/// Blocks before a chunk whose masks are kept: the longest digest begins in the third one back.
pub(super) const BEFORE: usize = 3;

/// One sort of mask for each block of a chunk, behind those of the last blocks before it.
pub(super) struct Row([[u8; 8]; BEFORE + CHUNK]);

/// Bits that [`Row::before`] tells for certain; what lies further back may count as none.
pub(super) const SEEN: usize = 57;

impl Row {
    pub(super) const fn new() -> Self {
        Self([[0; 8]; BEFORE + CHUNK])
    }

    #[inline(always)]
    fn set(&mut self, block: usize, mask: u64) {
        self.0[BEFORE + block] = mask.to_le_bytes();
    }

    /// The mask of the block that is `back` (at most [`BEFORE`]) before this one.
    #[inline(always)]
    pub(super) fn mask(&self, block: usize, back: usize) -> u64 {
        u64::from_le_bytes(self.0[BEFORE + block - back])
    }

    /// The bits before position `at` of the chunk, [`SEEN`] at least; the highest is that of `at - 1`.
    #[inline(always)]
    pub(super) fn before(&self, at: usize) -> u64 {
        let last = (BEFORE * BLOCK + at).wrapping_sub(1);
        let from = (last / 8).wrapping_sub(7);
        let bytes = self.0.as_flattened().get(from..).and_then(<[u8]>::first_chunk);
        u64::from_le_bytes(*bytes.unwrap_or(&[0; 8])) << (!last & 7)
    }
}

/// The masks of a chunk.
pub(super) struct Masks {
    /// Letters, digits, `-`, `_` and dots.
    pub name: Row,
    pub dot: Row,
    /// Digits and dots.
    pub number: Row,
    pub hex: Row,
    pub colon: Row,
    /// Blocks of the chunk, [`CHUNK`] at most.
    pub blocks: usize,
}

impl Masks {
    pub(super) const fn new() -> Self {
        Self { name: Row::new(), dot: Row::new(), number: Row::new(), hex: Row::new(), colon: Row::new(), blocks: 0 }
    }

    /// Takes the next blocks.
    #[inline(always)]
    pub(super) fn take<L: Lanes>(&mut self, lanes: L, blocks: &[[u8; BLOCK]]) {
        for row in [&mut self.name, &mut self.dot, &mut self.number, &mut self.hex, &mut self.colon] {
            row.0.copy_within(self.blocks..self.blocks + BEFORE, 0);
        }
        self.blocks = blocks.len().min(CHUNK);
        for (number, block) in blocks.iter().take(CHUNK).enumerate() {
            let block = lanes.load(block);
            let dot = lanes.equal(block, b'.');
            self.dot.set(number, dot);
            self.name.set(number, lanes.words(block) | dot);
            self.number.set(number, lanes.digits(block) | dot);
            self.hex.set(number, lanes.hex(block));
            self.colon.set(number, lanes.equal(block, b':'));
        }
    }
}

/// Positions in a chunk, in order.
pub(super) struct Marks<const N: usize> {
    at: [u16; N],
    count: usize,
}

impl<const N: usize> Marks<N> {
    /// None yet.
    pub(super) const fn new() -> Self {
        Self { at: [0; N], count: 0 }
    }

    /// Takes the bits of all blocks in place of what was there. `AT_ONCE` of a block are written whether there are any or
    /// not: most blocks have no more.
    ///
    /// PERF: what is counted stays in a register. Counted in place, each block waited for the store of the one before.
    #[inline(always)]
    pub(super) fn gather<const AT_ONCE: usize>(&mut self, blocks: usize, mut bits: impl FnMut(usize) -> u64) {
        let mut total = 0;
        for block in 0..blocks.min(CHUNK) {
            let mut bits = bits(block);
            let base = (block * BLOCK) as u16;
            let mut from = total;
            total += bits.count_ones() as usize;
            loop {
                if let Some(at) = self.at.get_mut(from..).and_then(<[u16]>::first_chunk_mut::<AT_ONCE>) {
                    for at in at {
                        *at = base + bits.trailing_zeros() as u16;
                        bits &= bits.wrapping_sub(1);
                    }
                }
                from += AT_ONCE;
                if from >= total {
                    break;
                }
            }
        }
        self.count = total;
    }

    /// To append positions one by one.
    #[inline(always)]
    pub(super) fn pen(&mut self) -> Pen<'_, N> {
        Pen { at: &mut self.at, count: self.count, total: &mut self.count }
    }

    #[inline(always)]
    /// All positions.
    pub(super) fn all(&self) -> &[u16] {
        &self.at[..self.count.min(N)]
    }

    #[inline(always)]
    pub(super) fn all_mut(&mut self) -> &mut [u16] {
        &mut self.at[..self.count.min(N)]
    }

    #[inline(always)]
    pub(super) fn clear(&mut self) {
        self.count = 0;
    }
}

/// Appends positions; what it counts stays in a register until it is dropped.
pub(super) struct Pen<'m, const N: usize> {
    at: &'m mut [u16; N],
    count: usize,
    total: &'m mut usize,
}

impl<const N: usize> Pen<'_, N> {
    /// Appends a position, which stays only if it is `kept`.
    #[inline(always)]
    pub(super) fn push(&mut self, at: u16, kept: bool) {
        if let Some(slot) = self.at.get_mut(self.count) {
            *slot = at;
        }
        self.count += usize::from(kept);
    }
}

impl<const N: usize> Drop for Pen<'_, N> {
    #[inline(always)]
    fn drop(&mut self) {
        *self.total = self.count;
    }
}

impl<const N: usize> Default for Marks<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// Adds with a carry from block to block: where `b`, which is a part of `a`, marks a byte of a run in `a`, the bit behind
/// the run comes up.
#[inline(always)]
pub(super) fn add(a: u64, b: u64, carry: &mut u64) -> u64 {
    let sum = a.wrapping_add(b).wrapping_add(*carry);
    *carry = (b | a & !sum) >> 63;
    sum
}

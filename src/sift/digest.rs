//! Digests: runs of hex digits of exactly the right length.

use super::marks::{Marks, Masks, Row, add};
use super::pass::{CHUNK, Scan};
use crate::model::filter::digest_key;
use crate::model::hit::MatchKind;
use crate::model::indicator::{Indicators, RawHit, hash_digest};
use crate::model::lanes::BLOCK;

/// Reports the digest that the run of hex digits around `at` is; gives its end. The run is not followed back before
/// `floor`.
pub(super) fn around(set: &Indicators, text: &[u8], at: usize, floor: usize, out: &mut Vec<RawHit>) -> usize {
    let hex = |b: &&u8| b.is_ascii_hexdigit();
    let start = at - text[floor..at].iter().rev().take_while(hex).count();
    let end = at + text[at..].iter().take_while(hex).count();
    let start = start + lent(text, start, end);
    if is_length(end - start) {
        let run = &text[start..end];
        for indicator in set.digests.get(hash_digest(run)) {
            if set.get(indicator).is_some_and(|entry| entry.value.as_bytes().eq_ignore_ascii_case(run)) {
                out.push(RawHit { start, end, indicator, how: MatchKind::Exact });
            }
        }
    }
    end
}

/// Digits at the head of a run that an escape before it takes: `%3D`, `\u003d`, `\x3d`.
fn lent(text: &[u8], start: usize, end: usize) -> usize {
    let digits = match text.get(..start) {
        Some([.., b'%']) | Some([.., b'\\', b'x']) => 2,
        Some([.., b'\\', b'u']) => 4,
        _ => return 0,
    };
    // A whole digest lends none.
    if end - start >= 32 + digits && !is_length(end - start) { digits } else { 0 }
}

fn is_length(digits: usize) -> bool {
    matches!(digits, 32 | 40 | 56 | 64 | 96 | 128)
}

/// The hex digits before position `at` of the chunk, as far as three masks tell.
#[inline(always)]
fn length(hexes: &Row, at: usize) -> usize {
    let (block, bit) = (at / BLOCK % CHUNK, at % BLOCK);
    let run = |back| {
        let both = u128::from(hexes.mask(block, back)) << 64 | u128::from(hexes.mask(block, back + 1));
        (!((both >> bit) as u64)).leading_zeros() as usize
    };
    let (near, next, last) = (run(0), run(1), run(2));
    let far = if next == BLOCK { next + last } else { next };
    if near == BLOCK { near + far } else { near }
}

/// What a run may be by its length: 1 a digest, 2 one with digits that an escape lends it.
static LENGTHS: [u8; 3 * BLOCK + 1] = {
    let mut lengths = [0; 3 * BLOCK + 1];
    let mut digits = 34;
    while digits <= 132 {
        lengths[digits] = 2;
        digits += 1;
    }
    [lengths[32], lengths[40], lengths[56], lengths[64], lengths[96], lengths[128]] = [1; 6];
    lengths
};

/// The last bits of the quarters that have all bits set.
#[inline(always)]
fn full(hex: u64) -> u64 {
    const LOW: u64 = 0x0001_0001_0001_0001;
    (!hex).wrapping_sub(LOW) & hex & LOW << 15
}

/// Ends of runs of hex digits that are long enough, and the carry from chunk to chunk.
#[derive(Default)]
pub(super) struct Digests {
    ends: Marks<{ 4 * CHUNK + 4 }>,
    found: Marks<{ 4 * CHUNK + 4 }>,
    carry: u64,
}

impl Digests {
    /// All digests that end in this many blocks. A run of 32 fills at least one of the quarters of a block, and a mark in
    /// such a quarter makes the end of its run come up.
    #[inline(always)]
    pub(super) fn chunk(&mut self, masks: &Masks, scan: &mut Scan<'_, '_>) {
        let mut carry = self.carry;
        // PERF: most chunks have no such quarter, and this loop runs over several masks at once.
        if (0..masks.blocks.min(CHUNK)).fold(carry, |any, block| any | full(masks.hex.mask(block, 0))) == 0 {
            return;
        }
        self.ends.gather::<1>(masks.blocks, |block| {
            let hex = masks.hex.mask(block, 0);
            add(hex, full(hex), &mut carry) & !hex
        });
        self.carry = carry;
        self.found.clear();
        let mut found = self.found.pen();
        for &at in self.ends.all() {
            let end = scan.base + usize::from(at);
            let digits = length(&masks.hex, at.into());
            let before = scan.text.get(end.wrapping_sub(digits + 1)).copied().unwrap_or(0);
            let tail = scan.text.get(..end).and_then(<[u8]>::last_chunk).unwrap_or(&[0; 16]);
            let sort = LENGTHS[digits];
            let lent = sort == 2 && matches!(before, b'%' | b'x' | b'u');
            found.push(at, sort == 1 && scan.set.digest_filter.may_hold(digest_key(tail)) || lent);
        }
        drop(found);
        if !self.found.all().is_empty() {
            self.look(scan);
        }
    }

    #[inline(never)]
    fn look(&mut self, scan: &mut Scan<'_, '_>) {
        for &at in self.found.all() {
            around(scan.set, scan.text, scan.base + usize::from(at) - 1, 0, scan.out);
        }
    }
}

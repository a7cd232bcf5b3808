//! Where an IPv6 address may stand: at two colons in a row, or where six colons follow each other with one to four
//! digits between them. Clock times, keys of JSON and hardware addresses have neither.

use super::address::{is_v6_byte, scan_v6};
use super::marks::{Marks, Masks};
use super::pass::{CHUNK, Scan};
use crate::model::lanes::BLOCK;

/// Blocks in which an address may stand, and how far was looked.
#[derive(Default)]
pub(super) struct Colons {
    blocks: Marks<{ CHUNK + 4 }>,
    floor: usize,
}

impl Colons {
    /// All addresses of which these blocks hold the two colons or the sixth.
    #[inline(always)]
    pub(super) fn chunk(&mut self, masks: &Masks, scan: &mut Scan<'_, '_>) {
        self.blocks.clear();
        let mut before = led(masks, 0, 1).count_ones();
        let mut found = self.blocks.pen();
        for block in 0..masks.blocks.min(CHUNK) {
            let count = led(masks, block, 0).count_ones();
            found.push(block as u16, doubled(masks, block) != 0 || before + count >= 6);
            before = count;
        }
        drop(found);
        for number in 0..self.blocks.all().len() {
            let block = usize::from(self.blocks.all()[number]);
            let marks = doubled(masks, block) | sixth(led(masks, block, 1), led(masks, block, 0));
            self.look(marks, scan.base + block * BLOCK, scan);
        }
    }

    /// Looks at the runs around the marked colons.
    #[inline(never)]
    fn look(&mut self, mut marks: u64, base: usize, scan: &mut Scan<'_, '_>) {
        while marks != 0 {
            let at = base + marks.trailing_zeros() as usize;
            marks &= marks - 1;
            if at >= self.floor {
                let start = at - scan.text[self.floor..at].iter().rev().take_while(|b| is_v6_byte(b)).count();
                let end = at + scan.text[at..].iter().take_while(|b| is_v6_byte(b)).count();
                scan_v6(scan.set, scan.text, start, end, scan.out);
                self.floor = end;
            }
        }
    }
}

/// Colons after a colon.
#[inline(always)]
fn doubled(masks: &Masks, block: usize) -> u64 {
    let colon = masks.colon.mask(block, 0);
    colon & (colon << 1 | masks.colon.mask(block, 1) >> 63)
}

/// Colons after a hex digit, in the block that is `back` before this one.
#[inline(always)]
fn led(masks: &Masks, block: usize, back: usize) -> u64 {
    masks.colon.mask(block, back) & (masks.hex.mask(block, back) << 1 | masks.hex.mask(block, back + 1) >> 63)
}

/// Colons of the block that have five others before them, each two to five bytes from the next.
#[inline(never)]
fn sixth(before: u64, block: u64) -> u64 {
    let mut marks = u128::from(block) << 64 | u128::from(before);
    for _ in 0..5 {
        marks &= marks << 2 | marks << 3 | marks << 4 | marks << 5;
    }
    (marks >> 64) as u64
}

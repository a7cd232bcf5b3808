//! Where an IPv6 address may stand: at two colons in a row, or where six colons follow each other with one to four
//! digits between them. Clock times, keys of JSON and hardware addresses have neither.

use super::address::{is_v6_byte, scan_v6};
use super::kernel::BLOCK;
use super::pass::Scan;

/// What the last block tells the next one.
#[derive(Default)]
pub(super) struct Colons {
    colon: u64,
    hex: u64,
    /// Colons after a hex digit.
    led: u64,
    floor: usize,
}

impl Colons {
    /// All addresses of which these blocks hold the two colons or the sixth; takes the masks of colons and hex digits.
    #[inline(always)]
    pub(super) fn chunk(&mut self, colons: &[u64], hexes: &[u64], scan: &mut Scan<'_, '_>) {
        for (number, (&colon, &hex)) in colons.iter().zip(hexes).enumerate() {
            let double = colon & (colon << 1 | self.colon >> 63);
            let led = colon & (hex << 1 | self.hex >> 63);
            if double != 0 || led.count_ones() + self.led.count_ones() >= 6 {
                self.look(double | sixth(self.led, led), scan.base + number * BLOCK, scan);
            }
            (self.colon, self.hex, self.led) = (colon, hex, led);
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

/// Colons of the block that have five others before them, each two to five bytes from the next.
#[inline(never)]
fn sixth(before: u64, block: u64) -> u64 {
    let mut marks = u128::from(block) << 64 | u128::from(before);
    for _ in 0..5 {
        marks &= marks << 2 | marks << 3 | marks << 4 | marks << 5;
    }
    (marks >> 64) as u64
}

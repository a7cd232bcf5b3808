//! Digests: runs of hex digits of exactly the right length.

use super::kernel::BLOCK;
use super::pass::Scan;
use crate::model::hit::MatchKind;
use crate::model::indicator::{Indicators, RawHit, hash_digest};

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

/// What was looked at already.
#[derive(Default)]
pub(super) struct Hexes {
    floor: usize,
}

impl Hexes {
    /// Takes the masks of hex digits. A run of 32 fills at least one of the quarters of a block, and this finds all
    /// runs that do.
    #[inline(always)]
    pub(super) fn chunk(&mut self, hexes: &[u64], scan: &mut Scan<'_, '_>) {
        const LOW: u64 = 0x0001_0001_0001_0001;
        for (number, hex) in hexes.iter().enumerate() {
            let other = !hex;
            if other.wrapping_sub(LOW) & !other & LOW << 15 != 0 {
                self.quarters(other, scan.base + number * BLOCK, scan);
            }
        }
    }

    #[inline(never)]
    fn quarters(&mut self, other: u64, base: usize, scan: &mut Scan<'_, '_>) {
        for quarter in 0..4 {
            let at = base + quarter * 16;
            if other >> (quarter * 16) & 0xFFFF == 0 && at >= self.floor {
                self.floor = around(scan.set, scan.text, at, self.floor, scan.out);
            }
        }
    }
}

//! Numbers packed in bits: runs, deltas, and the levels of old files.
//!
//! SOURCE: parquet-format, Encodings.md. Each decoder keeps places in the bytes of its page, which are handed to it at each step.

use std::ops::Range;

use super::thrift::unzigzag;

/// Numbers that are unpacked at a time.
const BATCH: usize = 128;
/// Most values of a block of deltas; writers use 128.
const BLOCK: u64 = 1 << 16;

/// The number of bits that numbers up to `max` take.
pub(super) fn width(max: u16) -> u32 {
    u16::BITS - max.leading_zeros()
}

/// A number of `width` bits (at most 64), the lowest bit first, from bit `bit` on; bytes that are not there are zero.
fn lowest_first(bytes: &[u8], bit: usize, width: u32) -> u64 {
    let (from, shift) = (bit / 8, (bit % 8) as u32);
    let mut word = [0; 16];
    match bytes.get(from..from.saturating_add(16)) {
        Some(whole) => word.copy_from_slice(whole),
        None => {
            let rest = bytes.get(from..).unwrap_or_default();
            word[..rest.len()].copy_from_slice(rest);
        }
    }
    let word = (u128::from_le_bytes(word) >> shift) as u64;
    if width >= 64 { word } else { word & ((1 << width) - 1) }
}

/// A variable-length number at `at`, which is moved on.
pub(super) fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Runs of one number, and numbers packed, in turn.
#[derive(Debug)]
pub(super) struct Hybrid {
    at: usize,
    end: usize,
    width: u32,
    run: Run,
    batch: [u32; BATCH],
    next: usize,
    filled: usize,
}

#[derive(Debug)]
enum Run {
    /// The same number so many times more.
    Same(u32, u64),
    /// From that bit on, so many numbers more.
    Packed(usize, u64),
    /// Of files before version 1 of the levels: the highest bit first.
    HighestFirst(usize, u64),
}

impl Hybrid {
    pub(super) fn new(place: Range<usize>, width: u32) -> Self {
        Self { at: place.start, end: place.end, width, run: Run::Same(0, 0), batch: [0; BATCH], next: 0, filled: 0 }
    }

    /// Levels that are packed from the highest bit on and have no runs.
    pub(super) fn highest_first(place: Range<usize>, width: u32, count: u64) -> Self {
        let run = Run::HighestFirst(place.start * 8, count);
        Self { run, at: place.end, ..Self::new(place, width) }
    }

    /// The next number; `None` where there are no more.
    #[inline]
    pub(super) fn next(&mut self, bytes: &[u8]) -> Option<u32> {
        if self.next == self.filled {
            self.fill(bytes)?;
        }
        let number = self.batch[self.next % BATCH];
        self.next += 1;
        Some(number)
    }

    fn fill(&mut self, bytes: &[u8]) -> Option<()> {
        let bytes = bytes.get(..self.end)?;
        loop {
            let (Run::Same(_, left) | Run::Packed(_, left) | Run::HighestFirst(_, left)) = self.run;
            if left > 0 {
                break;
            }
            self.begin(bytes)?;
        }
        (self.next, self.filled) = (0, 0);
        let width = self.width;
        match &mut self.run {
            Run::Same(number, left) => {
                self.filled = usize::try_from(*left).unwrap_or(BATCH).min(BATCH);
                self.batch[..self.filled].fill(*number);
                *left -= self.filled as u64;
            }
            Run::Packed(bit, left) => {
                self.filled = usize::try_from(*left).unwrap_or(BATCH).min(BATCH);
                for slot in &mut self.batch[..self.filled] {
                    *slot = lowest_first(bytes, *bit, width) as u32;
                    *bit += width as usize;
                }
                *left -= self.filled as u64;
            }
            Run::HighestFirst(bit, left) => {
                self.filled = usize::try_from(*left).unwrap_or(BATCH).min(BATCH);
                for slot in &mut self.batch[..self.filled] {
                    *slot = 0;
                    for _ in 0..width {
                        let byte = *bytes.get(*bit / 8)?;
                        *slot = *slot << 1 | u32::from(byte >> (7 - *bit % 8) & 1);
                        *bit += 1;
                    }
                }
                *left -= self.filled as u64;
            }
        }
        Some(())
    }

    fn begin(&mut self, bytes: &[u8]) -> Option<()> {
        let head = varint(bytes, &mut self.at)?;
        if head & 1 == 0 {
            let taken = self.width.div_ceil(8) as usize;
            let number = bytes.get(self.at..self.at + taken)?;
            let mut word = [0; 4];
            word[..taken].copy_from_slice(number);
            self.at += taken;
            self.run = Run::Same(u32::from_le_bytes(word), head >> 1);
            return Some(());
        }
        let wanted = (head >> 1).checked_mul(u64::from(self.width))?;
        // The last run may be cut where its numbers end.
        let there = usize::try_from(wanted).unwrap_or(usize::MAX).min(bytes.len() - self.at);
        let count = match self.width {
            0 => head >> 1 << 3,
            width => (there as u64 * 8) / u64::from(width),
        };
        self.run = Run::Packed(self.at * 8, count);
        self.at += there;
        Some(())
    }
}

/// Whole numbers as what each adds to the one before.
#[derive(Debug)]
pub(super) struct Delta {
    at: usize,
    /// Numbers that are left.
    left: u64,
    /// Numbers of a miniblock, and miniblocks of a block.
    per_mini: u64,
    minis: u64,
    last: i64,
    is_first: bool,
    least: i64,
    /// Where the widths of the miniblocks that are left stand.
    widths: Range<usize>,
    width: u32,
    bit: usize,
    /// Numbers left of the miniblock.
    in_mini: u64,
}

impl Delta {
    pub(super) fn new(bytes: &[u8], mut at: usize) -> Option<Self> {
        let block = varint(bytes, &mut at)?;
        let minis = varint(bytes, &mut at)?;
        let left = varint(bytes, &mut at)?;
        let last = unzigzag(varint(bytes, &mut at)?);
        if minis == 0 || block == 0 || block > BLOCK || block % minis != 0 || !(block / minis).is_multiple_of(8) {
            return None;
        }
        let per_mini = block / minis;
        let widths = 0..0;
        Some(Self { at, left, per_mini, minis, last, is_first: true, least: 0, widths, width: 0, bit: 0, in_mini: 0 })
    }

    /// Numbers that are left.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    pub(super) fn next(&mut self, bytes: &[u8]) -> Option<i64> {
        self.left = self.left.checked_sub(1)?;
        if std::mem::take(&mut self.is_first) {
            return Some(self.last);
        }
        if self.in_mini == 0 {
            self.mini(bytes)?;
        }
        self.in_mini -= 1;
        let delta = lowest_first(bytes, self.bit, self.width) as i64;
        self.bit += self.width as usize;
        self.last = self.last.wrapping_add(self.least).wrapping_add(delta);
        Some(self.last)
    }

    fn mini(&mut self, bytes: &[u8]) -> Option<()> {
        if self.widths.is_empty() {
            self.least = unzigzag(varint(bytes, &mut self.at)?);
            let end = self.at.checked_add(usize::try_from(self.minis).ok()?).filter(|&end| end <= bytes.len())?;
            self.widths = self.at..end;
            self.at = end;
        }
        self.width = u32::from(*bytes.get(self.widths.next()?)?);
        if self.width > 64 {
            return None;
        }
        let taken = (self.per_mini * u64::from(self.width) / 8) as usize;
        // The last one may be cut where its numbers end.
        let wanted = (self.left + 1).min(self.per_mini) * u64::from(self.width);
        let least = usize::try_from(wanted.div_ceil(8)).ok()?;
        if bytes.len() - self.at < least {
            return None;
        }
        self.bit = self.at * 8;
        self.at = (self.at + taken).min(bytes.len());
        self.in_mini = self.per_mini;
        Some(())
    }

    /// All lengths, and where what follows them begins. Each must be from 0 to `most`.
    pub(super) fn lengths(mut self, bytes: &[u8], most: usize) -> Option<(Vec<u32>, usize)> {
        let mut lengths = Vec::new();
        while self.left > 0 {
            let length = u32::try_from(self.next(bytes)?).ok().filter(|&length| length as usize <= most)?;
            lengths.push(length);
        }
        Some((lengths, self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Encodings.md: numbers 0 to 7 in three bits.
    #[test]
    fn packed_numbers_are_those_of_the_specification() {
        let lowest = [3, 0b1000_1000, 0b1100_0110, 0b1111_1010];
        let mut hybrid = Hybrid::new(0..4, 3);
        let numbers: Vec<u32> = std::iter::from_fn(|| hybrid.next(&lowest)).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7]);
        let highest = [0b0000_0101, 0b0011_1001, 0b0111_0111];
        let mut hybrid = Hybrid::highest_first(0..3, 3, 8);
        let numbers: Vec<u32> = std::iter::from_fn(|| hybrid.next(&highest)).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    /// The second example of Encodings.md: 7, 5, 3, 1, 2, 3, 4, 5 with deltas from -2 on in two bits.
    #[test]
    fn deltas_are_those_of_the_specification() {
        let bytes = [8, 1, 8, 14, 3, 2, 0b1100_0000, 0b0011_1111];
        let mut delta = Delta::new(&bytes, 0).unwrap();
        let numbers: Vec<i64> = std::iter::from_fn(|| delta.next(&bytes)).collect();
        assert_eq!(numbers, [7, 5, 3, 1, 2, 3, 4, 5]);
    }
}

//! bzip2: single blocks, found by their marks at any bit, each made a stream of its own.
//!
//! A block ends where the mark of the next one, or that of the end of the stream, stands. A mark may also come about by
//! chance, or on purpose, inside a block: then its two halves are no blocks, and the sequential decoder takes over.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::Cut;

/// Begins a block; 48 bits.
pub(in crate::open) const BLOCK: u64 = 0x3141_5926_5359;
/// Ends a stream; 48 bits.
pub(in crate::open) const END: u64 = 0x1772_4538_5090;
pub(in crate::open) const MARK_BITS: u64 = 48;
const CRC_BITS: u64 = 32;
/// `BZh` and the level.
const HEADER_BITS: u64 = 32;
/// No block of at most 900,000 symbols takes more: some 20 bits a symbol, and its tables.
pub(in crate::open) const LONGEST_BYTES: u64 = 3 << 20;
/// How far is looked at a time.
const STEP_BYTES: u64 = 256 << 10;

/// All places, in bits from the start of the file, and those of a stream that is under way.
pub(super) struct Cutter {
    at: u64,
    /// Up to here there is no mark behind the one at `at`.
    searched: u64,
    stream: Option<Stream>,
}

#[derive(Clone, Copy)]
struct Stream {
    start_byte: u64,
    level: u8,
    /// Checksums of the blocks so far, as the end of the stream states them.
    combined: u32,
}

impl Cutter {
    pub(super) fn new(start_byte: u64) -> Self {
        Self { at: start_byte * 8, searched: 0, stream: None }
    }

    /// The header of a stream at `at`.
    fn begin(&mut self, bits: Bits<'_>) -> bool {
        let level = match bits.read(self.at, HEADER_BITS).map(|header| (header >> 8, header & 0xff)) {
            Some((0x0042_5a68, level @ 0x31..=0x39)) => level as u8,
            _ => return false,
        };
        self.stream = Some(Stream { start_byte: self.at / 8, level, combined: 0 });
        self.at += HEADER_BITS;
        true
    }

    /// The end of a stream at `at`, if it states the checksum that its blocks have.
    fn end(&mut self, stream: Stream, bits: Bits<'_>) -> Cut {
        if bits.read(self.at + MARK_BITS, CRC_BITS) != Some(u64::from(stream.combined)) {
            return Cut::Stop;
        }
        self.at = (self.at + MARK_BITS + CRC_BITS).next_multiple_of(8);
        self.stream = None;
        Cut::End { end: self.at / 8 }
    }

    /// The block at `at`.
    fn block(&mut self, stream: Stream, bits: Bits<'_>, last: bool) -> Cut {
        let Some(crc) = bits.read(self.at + MARK_BITS, CRC_BITS) else { return Cut::Stop };
        let from = self.searched.max(self.at + MARK_BITS);
        let Some(end) = bits.find_mark(from) else {
            self.searched = bits.end().saturating_sub(MARK_BITS + 8).max(from);
            let sought = self.searched / 8;
            let hopeless = last || sought.saturating_sub(self.at / 8) > LONGEST_BYTES;
            return if hopeless { Cut::Stop } else { Cut::More(sought + STEP_BYTES) };
        };
        let bytes = alone(stream.level, bits, self.at, end, crc);
        let combined = stream.combined.rotate_left(1) ^ crc as u32;
        self.stream = Some(Stream { combined, ..stream });
        self.at = end;
        Cut::Piece { bytes, end: end / 8, stated: None, inside: Some(stream.start_byte) }
    }
}

impl super::Cutter for Cutter {
    fn cut(&mut self, held: &[u8], base: u64, last: bool) -> Cut {
        let bits = Bits { held, base };
        if bits.end() < self.at + STEP_BYTES * 8 && !last {
            return Cut::More(self.at / 8 + 2 * STEP_BYTES);
        }
        if self.stream.is_none() && !self.begin(bits) {
            return Cut::Stop;
        }
        let Some(stream) = self.stream else { return Cut::Stop };
        match bits.read(self.at, MARK_BITS) {
            Some(BLOCK) => self.block(stream, bits, last),
            Some(END) => self.end(stream, bits),
            _ => Cut::Stop,
        }
    }

    fn place(&self) -> u64 {
        self.at / 8
    }
}

/// A stream of one block: the bits from `start` to `end`.
pub(in crate::open) fn alone(level: u8, bits: Bits<'_>, start: u64, end: u64, crc: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(usize::try_from((end - start) / 8).unwrap_or(0) + 24);
    out.extend([b'B', b'Z', b'h', level]);
    let mut at = start;
    while at + 8 <= end {
        out.push(bits.byte(at));
        at += 8;
    }
    // What is left of the last byte, the mark of the end, its checksum, and zeros up to a byte.
    let left = end - at;
    let head = u128::from(bits.byte(at)) >> (8 - left);
    let tail = (head << MARK_BITS | u128::from(END)) << CRC_BITS | u128::from(crc);
    let length = left + MARK_BITS + CRC_BITS;
    let tail = tail << (128 - length);
    out.extend(&tail.to_be_bytes()[..usize::try_from(length.div_ceil(8)).unwrap_or(16)]);
    out
}

/// Stored bytes as bits; places are bits from the start of the file.
#[derive(Clone, Copy)]
pub(in crate::open) struct Bits<'h> {
    pub held: &'h [u8],
    /// Place of the first byte, in bytes.
    pub base: u64,
}

impl Bits<'_> {
    fn end(self) -> u64 {
        (self.base + self.held.len() as u64) * 8
    }

    fn index(self, at: u64) -> usize {
        usize::try_from(at / 8 - self.base).unwrap_or(usize::MAX)
    }

    /// The eight bits from `at` on; zeros behind the end.
    fn byte(self, at: u64) -> u8 {
        let index = self.index(at);
        let byte = |index: usize| u16::from(self.held.get(index).copied().unwrap_or(0));
        let pair = byte(index) << 8 | byte(index + 1);
        (pair << (at % 8) >> 8) as u8
    }

    /// `count` bits (at most 48) from `at` on; `None` behind the end.
    pub(in crate::open) fn read(self, at: u64, count: u64) -> Option<u64> {
        if at + count > self.end() {
            return None;
        }
        let index = self.index(at);
        let mut word = [0; 8];
        let have = &self.held[index..self.held.len().min(index + 8)];
        word[..have.len()].copy_from_slice(have);
        Some(u64::from_be_bytes(word) << (at % 8) >> (64 - count))
    }

    /// The first mark at or behind `from`.
    pub(in crate::open) fn find_mark(self, from: u64) -> Option<u64> {
        let begin = self.index(from).min(self.held.len());
        let mut hits = MIDDLES.find_iter(&self.held[begin..]);
        hits.find_map(|hit| {
            let shift = (hit.pattern().as_usize() / 2) as u64;
            let byte = self.base + (begin + hit.start()) as u64;
            // The middle begins with the first whole byte of the mark.
            let at = if shift == 0 { byte * 8 } else { (byte * 8).checked_sub(8 - shift)? };
            let mark = (at >= from).then(|| self.read(at, MARK_BITS)).flatten()?;
            (mark == BLOCK || mark == END).then_some(at)
        })
    }
}

/// The five whole bytes that each mark holds at each shift; pattern `2 * shift` and the next one.
static MIDDLES: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let middles = (0..8u64).flat_map(|shift| [BLOCK, END].map(|mark| middle(mark, shift)));
    AhoCorasick::new(middles).expect("sixteen patterns of five bytes are not too many")
});

fn middle(mark: u64, shift: u64) -> [u8; 5] {
    let bytes = (mark << 16 >> shift).to_be_bytes();
    let first = usize::from(shift > 0);
    std::array::from_fn(|n| bytes[first + n])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_at_every_bit() {
        for (mark, shift) in (0..8).flat_map(|shift| [(BLOCK, shift), (END, shift)]) {
            for before in 0..20u64 {
                let place = before * 8 + shift;
                let mut held = vec![0xffu8; 64];
                for bit in 0..MARK_BITS {
                    let at = place + bit;
                    let set = mark >> (MARK_BITS - 1 - bit) & 1 == 1;
                    let mask = 0x80 >> (at % 8);
                    let byte = &mut held[usize::try_from(at / 8).unwrap()];
                    *byte = if set { *byte | mask } else { *byte & !mask };
                }
                let bits = Bits { held: &held, base: 1000 };
                assert_eq!(bits.find_mark(8000), Some(8000 + place), "{mark:x} {place}");
                assert_eq!(bits.find_mark(8000 + place + 1), None);
            }
        }
    }
}

//! What is whole behind damage: members of gzip and blocks of bzip2.
//!
//! A border is never trusted: what looks like the begin of a member or block counts only if it decodes to its end and its
//! checksum holds, before a byte of it is given out.

use std::io::{self, Read};

use memchr::memmem;

use super::ahead::bzip2::{BLOCK, Bits, END, LONGEST_BYTES, MARK_BITS, alone};
use super::gzip::Gzip;
use super::replay::Anew;
use super::source::{PULL_BYTES, Source};
use super::steps::{Blockwise, Stepped};
use super::walk::Random;

/// How far is looked at a time.
const LOOK_BYTES: usize = 256 << 10;
/// Decoded bytes that tries may come to that fail, beside [`TRIES_PER_BYTE`] for each stored one: no file may be made to
/// cost more.
const TRIES_FLOOR_BYTES: u64 = 64 << 20;
const TRIES_PER_BYTE: u64 = 4;

/// Of the streams that single blocks are made into: blocks of any level are in its bounds.
const LEVEL: u8 = b'9';

/// What may still be spent on tries that fail, in decoded bytes.
pub(super) struct Tries(u64);

impl Tries {
    /// Of a stream that is stored in so many bytes.
    pub(super) fn of(stored: u64) -> Self {
        Self(stored.saturating_mul(TRIES_PER_BYTE).saturating_add(TRIES_FLOOR_BYTES))
    }

    /// Whether it decodes to its end without a failure.
    fn is_whole(&mut self, mut decoder: impl Read) -> bool {
        let (mut scratch, mut decoded) = (vec![0; PULL_BYTES], 0u64);
        loop {
            match decoder.read(&mut scratch) {
                Ok(0) => return true,
                Ok(read) => decoded += read as u64,
                Err(_) => {
                    self.0 = self.0.saturating_sub(decoded.max(1));
                    return false;
                }
            }
        }
    }
}

/// Where the first whole member of gzip begins, from `from` on.
pub(super) fn member(random: Random<'_>, from: u64, tries: &mut Tries) -> Option<u64> {
    let mut held = vec![0; LOOK_BYTES];
    let mut at = from;
    while at + 18 <= random.size && tries.0 > 0 {
        let have = fill(random, at, &mut held);
        for hit in memmem::find_iter(&held[..have], b"\x1f\x8b\x08") {
            let place = at + hit as u64;
            let source = Source::at(Box::new(Anew { random, at: place }), place);
            if tries.0 > 0 && tries.is_whole(Gzip::new(source)) {
                return Some(place);
            }
        }
        // A mark may lie over the end of what was looked at.
        at += have.saturating_sub(2).max(1) as u64;
        if have < held.len() {
            break;
        }
    }
    None
}

/// Reads as much as there is; says how much.
fn fill(random: Random<'_>, at: u64, out: &mut [u8]) -> usize {
    let mut filled = 0;
    let mut reader = Anew { random, at };
    while filled < out.len() {
        match reader.read(&mut out[filled..]) {
            Ok(read @ 1..) => filled += read,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            _ => break,
        }
    }
    filled
}

/// Blocks of one bzip2 stream, each taken for itself.
pub(super) struct Blocks<'a> {
    random: Random<'a>,
    /// The stream itself, which follows.
    source: Source<'a>,
    /// Where the next mark must stand, in bits.
    at: u64,
    block: Option<Stepped<'static, Blockwise>>,
    held: Vec<u8>,
    base: u64,
    is_over: bool,
}

/// What stands at a place of a stream.
enum Found {
    /// A whole block: a stream of its own, and where the next mark stands.
    Block(Vec<u8>, u64),
    /// The end of the stream.
    End(u64),
    /// A block that is not whole, or no mark.
    Nothing,
}

impl<'a> Blocks<'a> {
    /// The blocks from the first whole one on that begins at or behind byte `from`; the source comes back where there is
    /// none.
    #[expect(clippy::result_large_err, reason = "the source is handed on either way")]
    pub(super) fn behind(
        random: Random<'a>,
        source: Source<'a>,
        from: u64,
        tries: &mut Tries,
    ) -> Result<Self, Source<'a>> {
        let mut blocks = Self { random, source, at: from * 8, block: None, held: Vec::new(), base: 0, is_over: false };
        if blocks.seek(tries) { Ok(blocks) } else { Err(blocks.source) }
    }

    /// Goes to the first whole block from where it stands on; whether there is one.
    fn seek(&mut self, tries: &mut Tries) -> bool {
        let mut from = self.at;
        while tries.0 > 0
            && let Some(mark) = self.mark(from, u64::MAX)
        {
            if let Found::Block(bytes, end) = self.found(mark, tries) {
                self.take(bytes, mark, end);
                return true;
            }
            from = mark + 1;
        }
        false
    }

    /// Where it goes on, in bytes: of the block at hand.
    pub(super) fn place(&self) -> u64 {
        self.source.place()
    }

    /// Goes on behind a block that is not whole.
    #[expect(clippy::result_large_err, reason = "the source is handed on either way")]
    pub(super) fn again(mut self, tries: &mut Tries) -> Result<Self, Source<'a>> {
        self.at += 1;
        if self.seek(tries) { Ok(self) } else { Err(self.source) }
    }

    /// What it reads from: behind the stream where that was read to its end.
    pub(super) fn into_source(self) -> Source<'a> {
        self.source
    }

    fn take(&mut self, bytes: Vec<u8>, mark: u64, end: u64) {
        self.source.discard((mark / 8).saturating_sub(self.source.place()));
        self.block = Some(Stepped::bzip2(Source::at(Box::new(io::Cursor::new(bytes)), 0)));
        self.at = end;
    }

    fn found(&mut self, at: u64, tries: &mut Tries) -> Found {
        match self.bits(at, MARK_BITS + 32).map(|bits| (bits.read(at, MARK_BITS), bits.read(at + MARK_BITS, 32))) {
            Some((Some(END), _)) => Found::End(at + MARK_BITS + 32),
            Some((Some(BLOCK), Some(crc))) => self.whole(at, crc, tries),
            _ => Found::Nothing,
        }
    }

    fn whole(&mut self, at: u64, crc: u64, tries: &mut Tries) -> Found {
        let Some(end) = self.mark(at + MARK_BITS, at + LONGEST_BYTES * 8) else { return Found::Nothing };
        let Some(bits) = self.bits(at, end - at) else { return Found::Nothing };
        let bytes = alone(LEVEL, bits, at, end, crc);
        let block = Stepped::bzip2(Source::at(Box::new(&bytes[..]), 0));
        if tries.is_whole(block) {
            return Found::Block(bytes, end);
        }
        tries.0 = tries.0.saturating_sub(bytes.len() as u64);
        Found::Nothing
    }

    /// The first mark at or behind `from` that begins before `until`.
    fn mark(&mut self, from: u64, until: u64) -> Option<u64> {
        let mut from = from;
        while from < until && from / 8 < self.random.size {
            let left = self.random.size.saturating_mul(8).saturating_sub(from);
            // What is held already is looked through first: marks may stand close to each other.
            let ends = (self.base + self.held.len() as u64).saturating_mul(8);
            let held = ends.saturating_sub(from) * u64::from(from / 8 >= self.base);
            let want = if held > 2 * MARK_BITS { held } else { LOOK_BYTES as u64 * 8 }.min(left);
            let bits = self.bits(from, want)?;
            if let Some(at) = bits.find_mark(from) {
                return (at < until).then_some(at);
            }
            if want == left {
                return None;
            }
            from = (from + want).saturating_sub(MARK_BITS).max(from + 1);
        }
        None
    }

    /// The bits from `at` on, at least so many; `None` where there are fewer.
    fn bits(&mut self, at: u64, count: u64) -> Option<Bits<'_>> {
        let (from, to) = (at / 8, (at + count).div_ceil(8));
        if from < self.base || to > self.base + self.held.len() as u64 {
            let length = usize::try_from(to.checked_sub(from)?).ok()?.max(LOOK_BYTES + 16);
            self.held.resize(length, 0);
            let have = fill(self.random, from, &mut self.held);
            self.held.truncate(have);
            self.base = from;
        }
        (to <= self.base + self.held.len() as u64).then_some(Bits { held: &self.held, base: self.base })
    }
}

impl Blocks<'_> {
    /// Decoded bytes; 0 at the end of the stream.
    ///
    /// # Errors
    /// The next block is not whole: [`again`](Self::again) goes on behind it.
    pub(super) fn read(&mut self, out: &mut [u8], tries: &mut Tries) -> io::Result<usize> {
        while !self.is_over {
            if let Some(block) = &mut self.block {
                let read = block.read(out)?;
                if read > 0 {
                    return Ok(read);
                }
                self.block = None;
            }
            let at = self.at;
            match self.found(at, tries) {
                Found::Block(bytes, end) => self.take(bytes, at, end),
                Found::End(end) => {
                    self.source.discard(end.div_ceil(8).saturating_sub(self.source.place()));
                    self.is_over = true;
                }
                Found::Nothing => {
                    self.source.discard((at / 8).saturating_sub(self.source.place()));
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "a block is not whole"));
                }
            }
        }
        Ok(0)
    }
}

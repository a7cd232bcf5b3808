//! xz: blocks of which the header states the sizes (those of a threaded encoder), each made a stream of its own.
//!
//! The index at the end of a stream is checked against the blocks that were cut; the sequential decoder takes over
//! wherever it would have to say something.

use super::Cut;
use crate::open::walk::Random;

/// Header, and footer, of a stream.
const EDGE_BYTES: usize = 12;
/// A block header is at most so long.
const HEADER_BYTES: usize = 1024;
/// Blocks that take more are left to the sequential decoder.
const LONGEST_BYTES: u64 = 48 << 20;

pub(super) struct Cutter {
    at: u64,
    stream: Option<Stream>,
}

struct Stream {
    start: u64,
    header: [u8; EDGE_BYTES],
    blocks: u64,
}

impl Cutter {
    pub(super) fn new(start: u64) -> Self {
        Self { at: start, stream: None }
    }

    fn block(&mut self, rest: &[u8], last: bool) -> Cut {
        let Some(stream) = &mut self.stream else { return Cut::Stop };
        let Some(Sizes { header, stored, decoded }) = sizes(rest) else { return Cut::Stop };
        let unpadded = header + stored + check_bytes(&stream.header);
        let length = unpadded.next_multiple_of(4);
        if length > LONGEST_BYTES {
            return Cut::Stop;
        }
        let Some(block) = usize::try_from(length).ok().and_then(|length| rest.get(..length)) else {
            return if last { Cut::Stop } else { Cut::More(self.at + length) };
        };
        let mut bytes = [&stream.header, block].concat();
        close(&mut bytes, &stream.header, unpadded, decoded);
        stream.blocks += 1;
        self.at += length;
        Cut::Piece { bytes, end: self.at, stated: Some(decoded), inside: Some(stream.start) }
    }

    /// The index at `at`: as many records as there were blocks, and all checksums right.
    fn end(&mut self, rest: &[u8], last: bool) -> Cut {
        let Some(stream) = &self.stream else { return Cut::Stop };
        // Two integers a block, of at most nine bytes.
        let longest = 1 + 9 + stream.blocks * 18 + 3 + 4 + EDGE_BYTES as u64;
        if longest > LONGEST_BYTES {
            return Cut::Stop;
        }
        if (rest.len() as u64) < longest && !last {
            return Cut::More(self.at + longest);
        }
        let Some(length) = index(rest, stream.blocks) else { return Cut::Stop };
        let flags = &stream.header[6..8];
        let Some(footer) = rest.get(length..length + EDGE_BYTES) else { return Cut::Stop };
        if footer[8..10] != *flags || footer[10..] != *b"YZ" || footer[..4] != crc(&footer[4..10]) {
            return Cut::Stop;
        }
        self.at += (length + EDGE_BYTES) as u64;
        self.stream = None;
        Cut::End { end: self.at }
    }
}

impl super::Cutter for Cutter {
    fn cut(&mut self, held: &[u8], base: u64, last: bool) -> Cut {
        let mut rest = super::rest(held, base, self.at);
        if rest.len() < EDGE_BYTES + HEADER_BYTES && !last {
            return Cut::More(self.at + (EDGE_BYTES + HEADER_BYTES) as u64);
        }
        if self.stream.is_none() {
            let Some(&header) = rest.first_chunk::<EDGE_BYTES>().filter(|header| is_header(header)) else {
                return Cut::Stop;
            };
            self.stream = Some(Stream { start: self.at, header, blocks: 0 });
            self.at += EDGE_BYTES as u64;
            rest = &rest[EDGE_BYTES..];
        }
        if rest.first() == Some(&0) { self.end(rest, last) } else { self.block(rest, last) }
    }

    fn place(&self) -> u64 {
        self.at
    }
}

/// SOURCE: The .xz File Format 1.2.1, section 2.1.1.
fn is_header(bytes: &[u8; EDGE_BYTES]) -> bool {
    bytes.starts_with(b"\xfd7zXZ\0\0") && bytes[7] & 0xf0 == 0 && bytes[8..] == crc(&bytes[6..8])
}

/// Length of the check behind each block.
fn check_bytes(header: &[u8; EDGE_BYTES]) -> u64 {
    match header[7] {
        0 => 0,
        n => 4 << ((u64::from(n) - 1) / 3),
    }
}

/// Decoded bytes of the blocks of a stream that end, with their checks, before `place`: as far as their headers state their
/// sizes. `start` is where the stream begins.
pub(in crate::open) fn confirmed(random: Random<'_>, start: u64, place: u64) -> u64 {
    let mut header = [0; EDGE_BYTES];
    if random.bytes.read_exact_at(&mut header, start).is_err() || !is_header(&header) {
        return 0;
    }
    let (mut at, mut decoded) = (start + EDGE_BYTES as u64, 0u64);
    loop {
        let mut block = [0; HEADER_BYTES];
        let have = random.bytes.read_at(&mut block, at).unwrap_or(0);
        let Some(sizes) = sizes(&block[..have]).filter(|sizes| sizes.stored > 0) else { return decoded };
        let end = at + (sizes.header + sizes.stored + check_bytes(&header)).next_multiple_of(4);
        if end >= place {
            return decoded;
        }
        (at, decoded) = (end, decoded.saturating_add(sizes.decoded));
    }
}

/// What a block header states, in bytes.
struct Sizes {
    header: u64,
    stored: u64,
    decoded: u64,
}

/// Section 3.1: `None` where it does not state both sizes.
fn sizes(bytes: &[u8]) -> Option<Sizes> {
    let [length, flags, ..] = bytes else { return None };
    if flags & 0xc0 != 0xc0 {
        return None;
    }
    let header = (u64::from(*length) + 1) * 4;
    let mut fields = bytes.get(2..usize::try_from(header).ok()?)?;
    let stored = integer(&mut fields)?;
    let decoded = integer(&mut fields)?;
    (stored <= LONGEST_BYTES).then_some(Sizes { header, stored, decoded })
}

/// Section 1.2; takes what it reads.
fn integer(bytes: &mut &[u8]) -> Option<u64> {
    let length = bytes.iter().take(9).position(|&byte| byte < 0x80)? + 1;
    let (now, later) = bytes.split_at(length);
    *bytes = later;
    Some(now.iter().rev().fold(0, |sum, &byte| sum << 7 | u64::from(byte & 0x7f)))
}

fn put_integer(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn crc(bytes: &[u8]) -> [u8; 4] {
    crc32fast::hash(bytes).to_le_bytes()
}

/// Length of the index if it has so many records and its checksum is right.
fn index(bytes: &[u8], blocks: u64) -> Option<usize> {
    let mut fields = bytes.get(1..)?;
    if integer(&mut fields)? != blocks {
        return None;
    }
    for _ in 0..blocks {
        let (unpadded, _) = (integer(&mut fields)?, integer(&mut fields)?);
        if unpadded == 0 {
            return None;
        }
    }
    let length = bytes.len() - fields.len();
    let padded = length.next_multiple_of(4);
    let right =
        bytes.get(length..padded)?.iter().all(|&b| b == 0) && *bytes.get(padded..padded + 4)? == crc(&bytes[..padded]);
    right.then_some(padded + 4)
}

/// Puts index and footer behind the one block of a stream.
fn close(out: &mut Vec<u8>, header: &[u8; EDGE_BYTES], unpadded: u64, decoded: u64) {
    let mut index = vec![0, 1];
    put_integer(&mut index, unpadded);
    put_integer(&mut index, decoded);
    index.resize(index.len().next_multiple_of(4), 0);
    index.extend(crc(&index));
    let backward = u32::try_from(index.len() / 4 - 1).unwrap_or(0).to_le_bytes();
    let footer = [&backward[..], &header[6..8]].concat();
    out.extend(index);
    out.extend(crc(&footer));
    out.extend(footer);
    out.extend(b"YZ");
}

//! gzip: runs of whole members. BGZF states their sizes; else a run ends where a header seems to stand.

use memchr::memmem;

use super::{Cut, RUN_BYTES, rest};

/// How far a header is looked for.
const LOOK_BYTES: usize = 1 << 20;
/// A member has at least a header and a trailer.
const SMALLEST_BYTES: usize = 18;

pub(super) struct Cutter {
    at: u64,
}

impl Cutter {
    pub(super) fn new(start: u64) -> Self {
        Self { at: start }
    }
}

impl super::Cutter for Cutter {
    fn cut(&mut self, held: &[u8], base: u64, last: bool) -> Cut {
        let rest = rest(held, base, self.at);
        if rest.len() < LOOK_BYTES && !last {
            return Cut::More(self.at + LOOK_BYTES as u64);
        }
        let rest = &rest[..rest.len().min(LOOK_BYTES)];
        if !begins(rest) {
            return Cut::Stop;
        }
        let Some(length) = run_of_blocks(rest).or_else(|| run_of_members(rest)) else { return Cut::Stop };
        self.at += length as u64;
        Cut::Piece { bytes: rest[..length].to_vec(), end: self.at, stated: None, inside: None }
    }

    fn place(&self) -> u64 {
        self.at
    }
}

/// A header that the decoder would take: deflate, no reserved flag.
fn begins(bytes: &[u8]) -> bool {
    matches!(bytes, [0x1f, 0x8b, 8, flags, ..] if flags & 0xe0 == 0)
}

/// Length of a run of BGZF blocks by the sizes that they state.
fn run_of_blocks(bytes: &[u8]) -> Option<usize> {
    let mut end = 0;
    while end < RUN_BYTES
        && let Some(length) = stated(&bytes[end..])
        && end + length <= bytes.len()
    {
        end += length;
    }
    (end > 0).then_some(end)
}

/// SOURCE: SAM specification, section 4.1: subfield `BC` holds the size of the whole block less one.
fn stated(bytes: &[u8]) -> Option<usize> {
    let [0x1f, 0x8b, 8, flags, _, _, _, _, _, _, extra_low, extra_high, fields @ ..] = bytes else { return None };
    if flags & 4 == 0 {
        return None;
    }
    let mut fields = fields.get(..usize::from(u16::from_le_bytes([*extra_low, *extra_high])))?;
    while let [a, b, low, high, rest @ ..] = fields {
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        if let ([b'B', b'C'], [low, high]) = ([*a, *b], rest.get(..length)?) {
            let size = usize::from(u16::from_le_bytes([*low, *high])) + 1;
            return (size >= SMALLEST_BYTES).then_some(size);
        }
        fields = &rest[length..];
    }
    None
}

/// Length of a run of members up to what looks like the header of one.
fn run_of_members(bytes: &[u8]) -> Option<usize> {
    // A single member, or its last ones, gain nothing from being copied.
    let from = RUN_BYTES.min(bytes.len());
    memmem::find_iter(&bytes[from..], b"\x1f\x8b\x08").map(|at| from + at).find(|&at| begins(&bytes[at..]))
}

//! zstd: runs of whole frames, by the sizes of their blocks. Skippable frames (a seek table, the sizes of pzstd) go with
//! the run, unread.

use super::super::recognise::is_skippable;
use super::{Cut, RUN_BYTES, rest};

/// How far the end of a frame is looked for.
const LOOK_BYTES: usize = 4 << 20;

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
        let (mut length, mut stated) = (0, 0u64);
        while length < RUN_BYTES
            && let Some((frame, content)) = frame(&rest[length..])
        {
            length += frame;
            stated = stated.saturating_add(content);
        }
        if length == 0 {
            return Cut::Stop;
        }
        self.at += length as u64;
        Cut::Piece { bytes: rest[..length].to_vec(), end: self.at, stated: Some(stated), inside: None }
    }

    fn place(&self) -> u64 {
        self.at
    }
}

/// Length of the frame that begins here and what it states that it decodes to, 0 where it does not say.
///
/// SOURCE: RFC 8878, section 3.1.
fn frame(bytes: &[u8]) -> Option<(usize, u64)> {
    if is_skippable(bytes) {
        let length = bytes.get(4..8)?.try_into().map(u32::from_le_bytes).ok()?;
        let end = usize::try_from(length).ok()?.checked_add(8)?;
        return (end <= bytes.len()).then_some((end, 0));
    }
    let [0x28, 0xb5, 0x2f, 0xfd, descriptor, ..] = bytes else { return None };
    let single = descriptor & 0x20 != 0;
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let size = match descriptor >> 6 {
        0 => usize::from(single),
        n => 1 << n,
    };
    let mut at = 5 + usize::from(!single) + dictionary;
    let mut content = [0; 8];
    content[..size].copy_from_slice(bytes.get(at..at + size)?);
    let content = u64::from_le_bytes(content) + if size == 2 { 256 } else { 0 };
    at += size;
    loop {
        let header = bytes.get(at..at + 3)?;
        let header = u32::from_le_bytes([header[0], header[1], header[2], 0]);
        let stored = match header >> 1 & 3 {
            1 => 1,
            3 => return None,
            _ => usize::try_from(header >> 3).ok()?,
        };
        at += 3 + stored;
        if header & 1 == 1 {
            break;
        }
    }
    at += if descriptor & 4 != 0 { 4 } else { 0 };
    (at <= bytes.len()).then_some((at, content))
}

//! Files that end with a zip and begin with something else: self-extracting archives, and whatever a zip was appended to.
//!
//! What stands before the zip is read like any other bytes, so that a log does not vanish because somebody put a zip
//! behind it.

use std::io::Read;

use super::{Names, zip};
use crate::model::ledger::Stored;
use crate::open::source::Source;
use crate::open::walk::{At, Fate, Random, Walk};

/// The name of what stands before the zip.
const NAME: &[u8] = b"before-the-zip";
/// How far from the end the end record is looked for: its own size and a comment.
const TAIL_BYTES: u64 = 22 + 4096;

/// How many bytes stand before the zip that a file ends with; `None` where it does not end with one.
///
/// SOURCE: APPNOTE.TXT 6.3.10, 4.3.7, 4.3.12 and 4.3.16. The end record, the first record of the directory and the first
/// member must all stand where they say.
pub(in crate::open) fn length(random: Random<'_>) -> Option<u64> {
    let tail_at = random.size.saturating_sub(TAIL_BYTES);
    let mut tail = vec![0; usize::try_from(random.size - tail_at).ok()?];
    random.bytes.read_exact_at(&mut tail, tail_at).ok()?;
    memchr::memmem::rfind_iter(&tail, b"PK\x05\x06").find_map(|at| {
        let end = tail.get(at..)?;
        let comment = usize::from(u16::from_le_bytes([*end.get(20)?, *end.get(21)?]));
        (end.len() == 22 + comment).then(|| before(random, tail_at + at as u64, end)).flatten()
    })
}

fn before(random: Random<'_>, end_at: u64, end: &[u8]) -> Option<u64> {
    let directory_at = end_at.checked_sub(number(end, 12)?)?;
    let base = directory_at.checked_sub(number(end, 16)?)?;
    let mut first = [0; 46];
    random.bytes.read_exact_at(&mut first, directory_at).ok()?;
    let member_at = base.checked_add(number(&first, 42)?)?;
    let mut member = [0; 4];
    random.bytes.read_exact_at(&mut member, member_at).ok()?;
    (first.starts_with(b"PK\x01\x02") && member == *b"PK\x03\x04" && member_at > 0).then_some(member_at)
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    let four = bytes.get(at..at + 4)?.first_chunk::<4>()?;
    Some(u64::from(u32::from_le_bytes(*four)))
}

/// Reads `length` bytes as an item of their own, then opens the zip.
pub(in crate::open) fn open(
    walk: &mut Walk<'_>,
    at: At,
    mut source: Source<'_>,
    random: Random<'_>,
    length: u64,
) -> Fate {
    let mut names = Names::default();
    let locator = at.locator.member(&names.distinct(NAME));
    let inside = At { locator, mtime: at.mtime, size: Some(length), depth: at.depth + 1, notes: Vec::new() };
    let fate = walk.item(inside, &mut source.by_ref().take(length), None);
    let stored = match fate {
        Fate::Opened => Stored { opened: length, ..Stored::default() },
        Fate::Skipped => Stored { skipped: length, ..Stored::default() },
    };
    let failure = source.gauge().failure.take();
    zip::open_behind(walk, at, random, failure, names, stored)
}

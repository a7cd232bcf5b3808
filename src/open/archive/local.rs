//! A zip whose directory is lost, by the headers that stand before its members.
//!
//! SOURCE: APPNOTE.TXT 6.3.10, 4.3.7 (local file header), 4.3.9 (data descriptor) and 4.5.3 (zip64).
//!
//! A header is a guess until its member decodes with the checksum that the header, or the descriptor behind it, states: of
//! one that does not, the bytes are in doubt. A member whose header states no size ends where its decoder does.

use std::io::Read;

use memchr::memmem;
use rawzip::CompressionMethod;

use super::zip::{Member, content};
use super::{Names, name_note};
use crate::model::ledger::{Note, Reason, Stored};
use crate::open::replay::Anew;
use crate::open::source::{PULL_BYTES, Source};
use crate::open::steps::Stepped;
use crate::open::walk::{At, Fate, Random, Walk};

const MARK: &[u8; 4] = b"PK\x03\x04";
const DESCRIPTOR: &[u8; 4] = b"PK\x07\x08";
const HEADER_BYTES: usize = 30;
/// How far is looked at a time.
const LOOK_BYTES: usize = 256 << 10;

/// Opens every member that a header stands before, in stored order; adds what became of the bytes.
pub(super) fn members(
    walk: &mut Walk<'_>,
    at: &At,
    random: Random<'_>,
    (names, stored): (&mut Names, &mut Stored),
    notes: &mut Vec<Note>,
) {
    let mut place = 0;
    while let Some(start) = next(random, place) {
        let Some(header) = Header::read(random, start) else {
            place = start + MARK.len() as u64;
            continue;
        };
        if let Some(note) = walk.count_member() {
            notes.push(note);
            return;
        }
        let Some((member, end)) = header.member(random) else {
            let at = named(at, &header, names);
            let detail = "the header of the member states no size and its end cannot be found without the directory";
            walk.skip(&at, 0, Note::new(Reason::Damaged, detail));
            place = header.body;
            continue;
        };
        if !header.name.ends_with(b"/") {
            let at = At { size: Some(member.size), mtime: member.mtime.or(at.mtime), ..named(at, &header, names) };
            match open(walk, &at, random, (&header, &member)) {
                Fate::Opened => stored.opened = stored.opened.saturating_add(member.stored),
                Fate::Skipped => stored.skipped = stored.skipped.saturating_add(member.stored),
            }
        }
        // A header that states a wrong size must not hide what stands behind it.
        let is_plain = header.method == 0;
        place = if is_border(random, end, is_plain) { end.max(header.body) } else { header.body };
    }
}

/// Whether a member may end here: the file does, or a header, a descriptor or the directory follows. What is cut off in the
/// middle and not packed may be a zip of its own.
fn is_border(random: Random<'_>, end: u64, is_plain: bool) -> bool {
    if end > random.size {
        return is_plain;
    }
    let mut behind = [0; 24 + 2];
    let have = fill(random, end, &mut behind);
    have < behind.len() || memmem::find(&behind, b"PK").is_some()
}

fn named(at: &At, header: &Header, names: &mut Names) -> At {
    At {
        locator: at.locator.member(&names.distinct(&header.name)),
        mtime: at.mtime,
        size: None,
        depth: at.depth + 1,
        notes: name_note(&header.name).into_iter().collect(),
    }
}

fn open(walk: &mut Walk<'_>, at: &At, random: Random<'_>, (header, member): (&Header, &Member)) -> Fate {
    let refusal = if header.flags & 1 != 0 {
        Some(Note::new(Reason::Encrypted, "encrypted, and without the directory of the zip it is not decrypted"))
    } else if member.size == 0 && member.stored == 0 {
        Some(Note::new(Reason::Empty, "zero bytes long"))
    } else {
        None
    };
    if let Some(note) = refusal {
        walk.skip(at, member.stored, note);
        return Fate::Skipped;
    }
    let mut body = Anew { random, at: header.body }.take(member.stored);
    content(walk, at, member, Source::new(&mut body))
}

/// Where the next header stands, from `from` on.
fn next(random: Random<'_>, from: u64) -> Option<u64> {
    let (mut held, mut at) = (vec![0; LOOK_BYTES], from);
    loop {
        let have = fill(random, at, &mut held);
        if let Some(hit) = memmem::find(&held[..have], MARK) {
            return Some(at + hit as u64);
        }
        if have < held.len() {
            return None;
        }
        at += (have - 3) as u64;
    }
}

fn fill(random: Random<'_>, at: u64, out: &mut [u8]) -> usize {
    let (mut reader, mut filled) = (Anew { random, at }, 0);
    while let Some(read) = reader.read(&mut out[filled..]).ok().filter(|read| *read > 0) {
        filled += read;
    }
    filled
}

/// What stands before a member.
struct Header {
    flags: u16,
    method: u16,
    time: (u16, u16),
    crc: u32,
    stored: u64,
    size: u64,
    name: Vec<u8>,
    /// Where the member's bytes begin.
    body: u64,
}

impl Header {
    /// The header at `start`; `None` where what stands there is none.
    fn read(random: Random<'_>, start: u64) -> Option<Self> {
        let mut bytes = [0; HEADER_BYTES];
        random.bytes.read_exact_at(&mut bytes, start).ok()?;
        let two = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let four = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let (version, name, extra) = (two(4) & 0xff, usize::from(two(26)), usize::from(two(28)));
        let mut tail = vec![0; name + extra];
        random.bytes.read_exact_at(&mut tail, start + HEADER_BYTES as u64).ok()?;
        let fields = tail.split_off(name);
        if version > 63 || tail.is_empty() || tail.contains(&0) {
            return None;
        }
        let mut sizes = (u64::from(four(22)), u64::from(four(18)));
        zip64(&fields, &mut sizes);
        Some(Self {
            flags: two(6),
            method: two(8),
            time: (two(12), two(10)),
            crc: four(14),
            stored: sizes.1,
            size: sizes.0,
            name: tail,
            body: start + (HEADER_BYTES + name + extra) as u64,
        })
    }

    /// The member, and where its bytes and what describes them end; `None` where that cannot be told.
    fn member(&self, random: Random<'_>) -> Option<(Member, u64)> {
        let left = random.size.saturating_sub(self.body);
        let is_late = self.flags & 8 != 0 && self.stored == 0;
        let (crc, stored, size, end) = match is_late {
            false => (self.crc, self.stored, self.size, self.body.saturating_add(self.stored)),
            true => self.late(random)?,
        };
        let member = Member {
            name: Vec::new(),
            method: CompressionMethod::new(self.method),
            crc,
            size,
            stored: stored.min(left),
            header: 0,
            encrypted: self.flags & 1 != 0,
            strong: false,
            has_end_mark: self.flags & 2 != 0,
            wayfinder: None,
            mtime: super::zip::dos_time(self.time),
        };
        Some((member, end))
    }

    /// Checksum, stored size, size and end of a member that is described behind its bytes: only deflate says where it ends.
    fn late(&self, random: Random<'_>) -> Option<(u32, u64, u64, u64)> {
        if self.method != 8 || self.flags & 1 != 0 {
            return None;
        }
        let source = Source::at(Box::new(Anew { random, at: self.body }), self.body);
        let gauge = source.gauge();
        let mut decoder = Stepped::deflate(source);
        let (mut scratch, mut size) = (vec![0; PULL_BYTES], 0u64);
        let is_whole = loop {
            match decoder.read(&mut scratch) {
                Ok(0) => break true,
                Ok(read) => size += read as u64,
                Err(_) => break false,
            }
        };
        let stored = gauge.used.get();
        if !is_whole {
            // What there is of it is read, and its end is that of the damage.
            return Some((0, random.size.saturating_sub(self.body), u64::MAX, self.body + stored));
        }
        let mut tail = [0; 8];
        let have = fill(random, self.body + stored, &mut tail);
        let crc = match tail.strip_prefix(DESCRIPTOR) {
            Some([a, b, c, d]) => [*a, *b, *c, *d],
            _ => [tail[0], tail[1], tail[2], tail[3]],
        };
        let crc = if have < tail.len() { [0; 4] } else { crc };
        Some((u32::from_le_bytes(crc), stored, size, self.body + stored))
    }
}

/// The sizes of an extra field of zip64, in place of those that the header has no room for.
fn zip64(mut fields: &[u8], (size, stored): &mut (u64, u64)) {
    while let [a, b, low, high, rest @ ..] = fields {
        let Some((field, later)) = rest.split_at_checked(usize::from(u16::from_le_bytes([*low, *high]))) else {
            return;
        };
        if [*a, *b] == [1, 0] {
            let mut eights = field.chunks_exact(8).filter_map(|eight| eight.first_chunk::<8>());
            for value in [size, stored].into_iter().filter(|value| **value == u64::from(u32::MAX)) {
                if let Some(eight) = eights.next() {
                    *value = u64::from_le_bytes(*eight);
                }
            }
            return;
        }
        fields = later;
    }
}

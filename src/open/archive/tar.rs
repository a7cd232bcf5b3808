//! tar: a header of 512 bytes, the member's bytes, padding to 512; v7, ustar, pax and GNU.
//!
//! Own reader: every header byte is accounted for, a long name takes bounded memory, and a broken archive gives all
//! members before the break.
//! SOURCE: POSIX.1-2017 pax interchange format; GNU tar manual, "Basic Tar Format".

use std::io::{self, BufRead, Read};

use super::{Names, name_note};
use crate::model::ledger::{Note, Reason, Stored};
use crate::model::time::Instant;
use crate::open::source::{Source, carry};
use crate::open::walk::{At, Fate, Walk};

const BLOCK: usize = 512;
/// A long name or a set of pax records over this size is not kept.
const MAX_EXTENSION_BYTES: u64 = 1024 * 1024;

/// Whether a tar archive begins here: a first header with a name and a checksum that holds.
pub(in crate::open) fn begins(head: &[u8]) -> bool {
    head.first_chunk::<BLOCK>().is_some_and(|block| block[0] != 0 && Header::read(block).is_some())
}

struct Header<'b> {
    block: &'b [u8; BLOCK],
    size: u64,
    kind: u8,
}

impl<'b> Header<'b> {
    /// `None` where the checksum does not hold or the size is no number.
    fn read(block: &'b [u8; BLOCK]) -> Option<Self> {
        let stated = number(&block[148..156])?;
        let field = |at: usize| (148..156).contains(&at);
        let unsigned: u64 = block.iter().enumerate().map(|(at, &b)| if field(at) { 32 } else { u64::from(b) }).sum();
        let signed: i64 =
            block.iter().enumerate().map(|(at, &b)| if field(at) { 32 } else { i64::from(b.cast_signed()) }).sum();
        let holds = stated == unsigned || i64::try_from(stated) == Ok(signed);
        if !holds {
            return None;
        }
        Some(Self { block, size: number(&block[124..136])?, kind: block[156] })
    }

    fn name(&self) -> Vec<u8> {
        let name = text(&self.block[..100]);
        let prefix = if &self.block[257..263] == b"ustar\0" { text(&self.block[345..500]) } else { b"" };
        if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
    }

    fn mtime(&self) -> Option<Instant> {
        number(&self.block[136..148]).and_then(|secs| i64::try_from(secs).ok()).and_then(Instant::from_secs)
    }
}

/// Octal text, or the base-256 form of GNU for large values.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let mut value = u64::from(field[0] & 0x3f);
        for &byte in &field[1..] {
            value = value.checked_mul(256)?.checked_add(u64::from(byte))?;
        }
        return (field[0] & 0x40 == 0).then_some(value);
    }
    let digits = field.trim_ascii_start();
    let end = digits.iter().position(|b| !(b'0'..=b'7').contains(b)).unwrap_or(digits.len());
    if digits[end..].iter().any(|&b| b != 0 && b != b' ') {
        return None;
    }
    digits[..end].iter().try_fold(0u64, |value, &b| value.checked_mul(8)?.checked_add(u64::from(b - b'0')))
}

fn text(field: &[u8]) -> &[u8] {
    &field[..field.iter().position(|&b| b == 0).unwrap_or(field.len())]
}

/// What earlier headers say of the next member.
#[derive(Default)]
struct Ahead {
    name: Option<Vec<u8>>,
    size: Option<u64>,
    mtime: Option<Instant>,
    sparse: bool,
}

impl Ahead {
    /// Reads pax records (`LENGTH KEY=VALUE\n`); stops at the first that is malformed.
    fn pax(&mut self, mut records: &[u8]) {
        while let Some(space) = records.iter().position(|&b| b == b' ') {
            let length = std::str::from_utf8(&records[..space]).ok().and_then(|text| text.parse::<usize>().ok());
            let Some(record) = length.and_then(|length| records.get(space + 1..length)) else { return };
            let Some(equals) = record.iter().position(|&b| b == b'=') else { return };
            let (key, value) = (&record[..equals], record[equals + 1..].trim_suffix_newline());
            let plain = std::str::from_utf8(value).ok();
            match key {
                b"path" | b"GNU.sparse.name" => self.name = Some(value.to_vec()),
                b"size" => self.size = plain.and_then(|text| text.parse().ok()),
                b"mtime" => self.mtime = plain.and_then(seconds),
                _ => {}
            }
            self.sparse = self.sparse || key.starts_with(b"GNU.sparse.");
            records = &records[length.unwrap_or(records.len())..];
        }
    }
}

trait TrimNewline {
    fn trim_suffix_newline(&self) -> &Self;
}

impl TrimNewline for [u8] {
    fn trim_suffix_newline(&self) -> &Self {
        self.strip_suffix(b"\n").unwrap_or(self)
    }
}

/// `1700000000.123456789` in microseconds, cut and not rounded.
fn seconds(text: &str) -> Option<Instant> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: i64 = whole.parse().ok()?;
    let mut micros = 0;
    for digit in fraction.bytes().chain(std::iter::repeat(b'0')).take(6) {
        micros = micros * 10 + i64::from(char::from(digit).to_digit(10)?);
    }
    Instant::from_micros(whole.checked_mul(1_000_000)?.checked_add(micros)?)
}

/// Opens all members in the order in which they are stored.
pub(in crate::open) fn open(walk: &mut Walk<'_>, at: At, source: Source<'_>) -> Fate {
    let mut tar = Tar {
        source,
        at,
        stored: Stored::default(),
        notes: Vec::new(),
        names: Names::default(),
        ahead: Ahead::default(),
    };
    while tar.member(walk) {}
    let (rest, zero) = tar.source.discard(u64::MAX);
    if zero {
        tar.stored.structure += rest
    } else {
        tar.stored.skipped += rest
    }
    if let Some(note) = tar.source.gauge().failure.take() {
        tar.notes.push(note);
    }
    walk.container(&tar.at, "tar", tar.stored, tar.notes);
    Fate::Opened
}

struct Tar<'a> {
    source: Source<'a>,
    at: At,
    stored: Stored,
    notes: Vec<Note>,
    names: Names,
    ahead: Ahead,
}

impl Tar<'_> {
    /// Where the next byte stands.
    fn place(&self) -> u64 {
        self.source.gauge().used.get()
    }

    /// One header and what belongs to it; `false` at the end.
    fn member(&mut self, walk: &mut Walk<'_>) -> bool {
        let start = self.place();
        let mut block = [0; BLOCK];
        let have = self.source.peek(BLOCK).len();
        if have < BLOCK {
            if have > 0 {
                self.notes.push(Note::new(Reason::Damaged, "ends inside a tar header").at(start));
            }
            return false;
        }
        block.copy_from_slice(self.source.peek(BLOCK));
        if block.iter().all(|&b| b == 0) {
            // The end mark; archives that were joined go on behind it.
            self.structure(BLOCK as u64);
            return true;
        }
        let Some(header) = Header::read(&block) else {
            self.notes.push(Note::new(Reason::Damaged, "no tar header where one must be; the rest is lost").at(start));
            return false;
        };
        self.structure(BLOCK as u64);
        let size = if header.kind == b'1' { 0 } else { self.ahead.size.unwrap_or(header.size) };
        match header.kind {
            b'L' => {
                if let Some(bytes) = self.extension(header.size) {
                    self.ahead.name = Some(text(&bytes).to_vec());
                }
            }
            b'x' | b'X' => {
                if let Some(bytes) = self.extension(header.size) {
                    self.ahead.pax(&bytes);
                }
            }
            b'K' | b'g' | b'V' => self.structure(padded(header.size)),
            _ => {
                let ahead = std::mem::take(&mut self.ahead);
                let name = ahead.name.unwrap_or_else(|| header.name());
                let mtime = ahead.mtime.or_else(|| header.mtime());
                if let Some(note) = walk.count_member() {
                    self.notes.push(note.at(start));
                    let (rest, _) = self.source.discard(u64::MAX);
                    self.stored.skipped += rest;
                    return false;
                }
                self.content(walk, &header, name, mtime, size, ahead.sparse);
            }
        }
        true
    }

    fn structure(&mut self, bytes: u64) {
        let (gone, _) = self.source.discard(bytes);
        self.stored.structure += gone;
        if gone < bytes {
            self.notes.push(Note::new(Reason::Damaged, "the tar archive ends early").at(self.place()));
        }
    }

    /// The content of an extension header; `None` where it is over the limit or the archive ends in it.
    fn extension(&mut self, size: u64) -> Option<Vec<u8>> {
        if size > MAX_EXTENSION_BYTES {
            let detail = format!("a tar extension header of {size} bytes is not used");
            self.notes.push(Note::new(Reason::SizeLimit, detail).at(self.place()));
            self.structure(padded(size));
            return None;
        }
        let mut bytes = Vec::new();
        let read = (&mut self.source).take(size).read_to_end(&mut bytes).unwrap_or(bytes.len());
        self.stored.structure += read as u64;
        self.structure(padded(size) - size);
        ((read as u64) == size).then_some(bytes)
    }

    fn content(
        &mut self,
        walk: &mut Walk<'_>,
        header: &Header<'_>,
        name: Vec<u8>,
        mtime: Option<Instant>,
        size: u64,
        sparse: bool,
    ) {
        let directory = matches!(header.kind, b'5' | b'D') || (matches!(header.kind, 0 | b'0') && name.ends_with(b"/"));
        if directory {
            return self.structure(padded(size));
        }
        let distinct = self.names.distinct(&name);
        let at = At {
            locator: self.at.locator.member(&distinct),
            mtime: mtime.or(self.at.mtime),
            size: Some(size),
            depth: self.at.depth + 1,
            notes: name_note(&name).into_iter().collect(),
        };
        let refusal = match header.kind {
            b'1' | b'2' => {
                let target = String::from_utf8_lossy(text(&header.block[157..257])).into_owned();
                Some(Note::new(Reason::NotRegular, format!("a link to {target:?}")))
            }
            b'3' | b'4' | b'6' => Some(Note::new(Reason::NotRegular, "a device or FIFO")),
            b'S' => {
                self.sparse_map(header);
                Some(Note::new(Reason::Unsupported, "a sparse member; unpack it and scan the folder"))
            }
            _ if sparse => Some(Note::new(Reason::Unsupported, "a sparse member; unpack it and scan the folder")),
            b'M' => Some(Note::new(Reason::Unsupported, "goes on from another volume")),
            _ if size == 0 => Some(Note::new(Reason::Empty, "zero bytes long")),
            _ => None,
        };
        let before = self.place();
        let fate = match refusal {
            Some(note) => {
                walk.skip(&at, size, note);
                Fate::Skipped
            }
            None => {
                let limit = walk.opening.limits.member_bytes;
                let mut part = Part { source: &mut self.source, left: size, limit, read: 0 };
                let outer = walk.layer.1;
                walk.layer.1 = outer + before;
                let fate = walk.item(at, &mut part, None);
                walk.layer.1 = outer;
                fate
            }
        };
        let taken = self.place() - before;
        let (rest, _) = self.source.discard(size.saturating_sub(taken));
        match fate {
            Fate::Opened => self.stored.opened += taken + rest,
            Fate::Skipped => self.stored.skipped += taken + rest,
        }
        if taken + rest < size {
            self.notes.push(Note::new(Reason::Damaged, "the tar archive ends inside a member").at(self.place()));
        }
        self.structure_quietly(padded(size) - size);
    }

    /// Padding; tar files without the last of it are common and have lost nothing.
    fn structure_quietly(&mut self, bytes: u64) {
        self.stored.structure += self.source.discard(bytes).0;
    }

    /// Skips the blocks that go on with the map of an old GNU sparse member.
    fn sparse_map(&mut self, header: &Header<'_>) {
        let mut more = header.block[482] != 0;
        while more {
            let block = self.source.peek(BLOCK);
            more = block.len() == BLOCK && block[504] != 0;
            self.structure(BLOCK as u64);
        }
    }
}

/// `size` with its padding; saturates, so that a hostile size runs into the end of the stream.
fn padded(size: u64) -> u64 {
    size.checked_next_multiple_of(BLOCK as u64).unwrap_or(size)
}

/// The bytes of one member.
struct Part<'s, 'a> {
    source: &'s mut Source<'a>,
    left: u64,
    limit: u64,
    read: u64,
}

impl Read for Part<'_, '_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || out.is_empty() {
            return Ok(0);
        }
        if self.read >= self.limit {
            let detail = format!("longer than {} bytes; the rest was not read", self.limit);
            return Err(carry(Note::new(Reason::SizeLimit, detail).at(self.read)));
        }
        let want = self.left.min(self.limit - self.read).min(out.len() as u64);
        let want = usize::try_from(want).unwrap_or(out.len());
        let bytes = self.source.fill_buf()?;
        let read = bytes.len().min(want);
        if read == 0 {
            return Err(carry(Note::new(Reason::Damaged, "the tar archive ends inside this member").at(self.read)));
        }
        out[..read].copy_from_slice(&bytes[..read]);
        self.source.consume(read);
        self.left -= read as u64;
        self.read += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_base_256() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b"   644 \0"), Some(0o644));
        assert_eq!(number(b"\0\0\0\0"), Some(0));
        assert_eq!(number(b"\x80\0\0\x01\0"), Some(256));
        assert_eq!(number(b"\xff\xff\xff\xff"), None, "negative");
        assert_eq!(number(b"\xbf\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), None, "over 64 bits");
        assert_eq!(number(b"12x4\0"), None);
    }

    #[test]
    fn pax_times_are_cut_to_microseconds_and_broken_records_end_the_set() {
        assert_eq!(seconds("1.9999999").map(Instant::micros), Some(1_999_999));
        assert_eq!(seconds("5").map(Instant::micros), Some(5_000_000));
        assert_eq!(seconds("1.x"), None);
        let mut ahead = Ahead::default();
        ahead.pax(b"9 path=a\n999 size=3\n");
        assert_eq!((ahead.name.as_deref(), ahead.size), (Some(&b"a"[..]), None));
    }
}

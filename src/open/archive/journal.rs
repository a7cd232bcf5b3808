//! The binary journal of systemd → its entries as JSON, one a line, as `journalctl -o json` writes them.
//!
//! ```text
//! {"__SEQNUM":"7","__REALTIME_TIMESTAMP":"1774739404500000","__MONOTONIC_TIMESTAMP":"38708007","_HOSTNAME":"rv-web01","MESSAGE":"…"}
//! ```
//! Source: <https://systemd.io/JOURNAL_FILE_FORMAT/>.
//!
//! The objects of a file are walked in the order in which they lie, so that neither a hash table nor an array of entries is
//! believed, and entries behind a damaged array are there too. Fields of an entry lie elsewhere in the file; each is read where
//! the entry says.
//!
//! Traps: a file that was not closed well ends in zeros; a value may be of any bytes (what is not UTF-8 is shown as U+FFFD) and may
//! be compressed; a field may stand in an entry twice (then it is an array here); the stamp is the receiver's clock, in UTC.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Read};
use std::rc::Rc;

use rawzip::ReaderAt;

use crate::model::ledger::{Note, Reason, Stored};
use crate::open::source::Gauge;
use crate::open::walk::{At, Fate, Random, Walk};

/// How every journal begins.
pub(in crate::open) const MAGIC: &[u8; 8] = b"LPKSHHRH";
/// What the header has at least.
const HEADER_BYTES: u64 = 208;
/// What every object begins with: its type, its flags, its size.
const OBJECT_BYTES: u64 = 16;
/// Where the fields of an entry begin.
const ITEMS_AT: u64 = 64;
/// Types of objects.
const DATA: u8 = 1;
const ENTRY: u8 = 3;
const LAST_TYPE: u8 = 7;
/// Flags of the header: what a reader must know of.
const COMPACT: u32 = 16;
const KNOWN_FLAGS: u32 = 31;
/// Flags of an object: how its payload is compressed.
const XZ: u8 = 1;
const LZ4: u8 = 2;
const ZSTD: u8 = 4;
/// Longest field; systemd itself takes up to 64 MiB, of which messages have 48 KiB.
const FIELD_BYTES: u64 = 8 << 20;
/// Most fields of an entry.
const ITEMS: u64 = 1024;
/// Longest line of an entry; fields beyond are left out, and told.
const LINE_BYTES: usize = 16 << 20;
/// Written fields that are kept for the next entries.
const KEPT_BYTES: usize = 32 << 20;
/// Memory that the decoder of a field may take, in KiB.
const XZ_KIB: u32 = 64 << 10;

/// Opens a journal; what it decodes to is one item.
pub(in crate::open) fn open(walk: &mut Walk<'_>, at: At, random: Random<'_>, failure: Option<Note>) -> Fate {
    let mut notes: Vec<Note> = failure.into_iter().collect();
    let mut stored = Stored::default();
    let mut fate = Fate::Skipped;
    match Journal::new(random) {
        Err(note) => {
            notes.push(note);
            stored.skipped = random.size;
        }
        Ok(journal) => {
            let (gauge, told) = (journal.gauge.clone(), Rc::clone(&journal.told));
            let (ended, broke) = walk.rewritten(&at, "journal", Box::new(journal), gauge.clone());
            notes.extend(broke);
            let told = told.take();
            notes.extend(told.damaged.map(|damaged| damaged.note()));
            stored = ended.of_read(gauge.used.get(), told.lost, random.size);
            fate = ended;
        }
    }
    walk.container(&at, "journal", stored, notes);
    fate
}

/// What could not be read.
#[derive(Debug, Default)]
struct Told {
    damaged: Option<Damaged>,
    /// Bytes behind an object that has no end.
    lost: u64,
}

/// Faults of a journal.
#[derive(Debug)]
struct Damaged {
    /// The first, and where it is.
    what: &'static str,
    at: u64,
    count: u64,
}

impl Damaged {
    fn note(self) -> Note {
        Note::new(Reason::Damaged, self.what).at(self.at).counted(self.count)
    }
}

/// A journal as its text.
struct Journal<'r> {
    bytes: &'r dyn ReaderAt,
    /// Where the last object ends at most.
    end: u64,
    is_compact: bool,
    /// Where the next object begins.
    at: u64,
    gauge: Gauge,
    told: Rc<std::cell::Cell<Told>>,
    /// Written fields, by the offset of their object.
    kept: HashMap<u64, Option<Rc<Field>>>,
    kept_bytes: usize,
    line: Vec<u8>,
    /// How much of the line was given out.
    given: usize,
}

/// A field: its name, and its value as a JSON string.
struct Field {
    name: Box<str>,
    value: Box<str>,
}

impl<'r> Journal<'r> {
    fn new(random: Random<'r>) -> Result<Self, Note> {
        let Random { bytes, size } = random;
        let mut header = [0; HEADER_BYTES as usize];
        let damaged = |what: &str| Note::new(Reason::Damaged, format!("journal: {what}"));
        bytes.read_exact_at(&mut header, 0).map_err(|_| damaged("it ends within its header"))?;
        let number = |at: usize| header[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let flags = (number(8) >> 32) as u32;
        if flags & !KNOWN_FLAGS != 0 {
            let detail = format!("a journal of a newer form (flags {flags:#x}): run journalctl -o json on it");
            return Err(Note::new(Reason::Unsupported, detail));
        }
        let (at, arena) = (number(88), number(96));
        if at < HEADER_BYTES || at > size {
            return Err(damaged("its header has no end"));
        }
        let journal = Self {
            bytes,
            end: at.saturating_add(arena).min(size),
            is_compact: flags & COMPACT != 0,
            at,
            gauge: Gauge::default(),
            told: Rc::default(),
            kept: HashMap::new(),
            kept_bytes: 0,
            line: Vec::new(),
            given: 0,
        };
        if at.saturating_add(arena) > size {
            journal.damaged("journal: it ends before it is complete", size);
        }
        Ok(journal)
    }

    /// Notes a fault.
    fn damaged(&self, what: &'static str, at: u64) {
        let mut told = self.told.take();
        match &mut told.damaged {
            Some(before) => before.count += 1,
            none => *none = Some(Damaged { what, at, count: 1 }),
        }
        self.told.set(told);
    }

    /// The type, the flags and the size of an object; `None` where none is.
    fn object(&self, at: u64) -> io::Result<Option<(u8, u8, u64)>> {
        if !at.is_multiple_of(8) || at.checked_add(OBJECT_BYTES).is_none_or(|end| end > self.end) {
            return Ok(None);
        }
        let mut head = [0; OBJECT_BYTES as usize];
        self.bytes.read_exact_at(&mut head, at)?;
        let [kind, flags, _, _, _, _, _, _, size @ ..] = head;
        let size = u64::from_le_bytes(size);
        let fits = at.checked_add(size).is_some_and(|end| end <= self.end);
        let is_one = (1..=LAST_TYPE).contains(&kind) && size >= OBJECT_BYTES && fits;
        Ok(is_one.then_some((kind, flags, size)))
    }

    /// Writes the next entry; false at the end.
    fn next(&mut self) -> io::Result<bool> {
        while self.at.saturating_add(OBJECT_BYTES) <= self.end {
            let at = self.at;
            let Some((kind, _, size)) = self.object(at)? else {
                self.tail()?;
                return Ok(false);
            };
            self.at = at.saturating_add(size).div_ceil(8).saturating_mul(8);
            if matches!(kind, DATA | ENTRY) {
                self.gauge.used.set(self.gauge.used.get() + size);
            }
            if kind == ENTRY && self.entry(at, size)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What lies behind the last object: zeros, or damage.
    fn tail(&mut self) -> io::Result<()> {
        let (from, mut at) = (self.at, self.at);
        let mut piece = vec![0; 64 * 1024];
        while at < self.end {
            let want = usize::try_from(self.end - at).unwrap_or(usize::MAX).min(piece.len());
            self.bytes.read_exact_at(&mut piece[..want], at)?;
            if piece[..want].iter().any(|&byte| byte != 0) {
                self.damaged("journal: what is no object follows the last one that is whole", from);
                let lost = self.end - from;
                let told = self.told.take();
                self.told.set(Told { lost, ..told });
                break;
            }
            at += want as u64;
        }
        self.at = self.end;
        Ok(())
    }

    /// Writes the entry at `at` as a line; false where it has no whole one.
    fn entry(&mut self, at: u64, size: u64) -> io::Result<bool> {
        let item_bytes = if self.is_compact { 4 } else { 16 };
        let count = size.saturating_sub(ITEMS_AT) / item_bytes;
        if count == 0 || count > ITEMS {
            self.damaged("journal: an entry without fields, or with too many", at);
            return Ok(false);
        }
        let mut bytes = vec![0; (ITEMS_AT + count * item_bytes) as usize];
        self.bytes.read_exact_at(&mut bytes, at)?;
        let number = |at: usize| bytes[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let (mut fields, mut named, mut weight): (Vec<Rc<Field>>, BTreeSet<u64>, usize) = Default::default();
        for item in bytes[ITEMS_AT as usize..].chunks_exact(item_bytes as usize) {
            let offset = match item {
                [a, b, c, d] => u64::from(u32::from_le_bytes([*a, *b, *c, *d])),
                _ => item.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)),
            };
            // A field that an entry names twice is one.
            if !named.insert(offset) {
                continue;
            }
            match self.field(offset)? {
                Some(field) if weight + field.value.len() <= LINE_BYTES => {
                    weight += field.value.len();
                    fields.push(field);
                }
                Some(_) => self.damaged("journal: an entry of more than 16 MiB, of which fields are left out", at),
                None => self.damaged("journal: an entry names a field that is not there or cannot be read", at),
            }
        }
        let (number, realtime, monotonic) = (number(16), number(24), number(32));
        self.write((number, realtime, monotonic), &fields);
        Ok(true)
    }

    fn write(&mut self, (number, realtime, monotonic): (u64, u64, u64), fields: &[Rc<Field>]) {
        let mut by_name: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        fields.iter().for_each(|field| by_name.entry(&field.name).or_default().push(&field.value));
        let mut line = format!(
            "{{\"__SEQNUM\":\"{number}\",\"__REALTIME_TIMESTAMP\":\"{realtime}\",\"__MONOTONIC_TIMESTAMP\":\"{monotonic}\""
        );
        for (name, values) in by_name {
            match &values[..] {
                [value] => line.extend([",\"", name, "\":", value]),
                several => line.extend([",\"", name, "\":[", &several.join(","), "]"]),
            }
        }
        line.push_str("}\n");
        self.line = line.into_bytes();
        self.given = 0;
    }

    /// The field whose object lies at an offset; `None` where none does.
    fn field(&mut self, at: u64) -> io::Result<Option<Rc<Field>>> {
        if let Some(known) = self.kept.get(&at) {
            return Ok(known.clone());
        }
        let field = self.read_field(at)?.map(Rc::new);
        let weight = field.as_ref().map_or(0, |field| field.name.len() + field.value.len()) + 64;
        if self.kept_bytes + weight > KEPT_BYTES {
            self.kept.clear();
            self.kept_bytes = 0;
        }
        self.kept_bytes += weight;
        self.kept.insert(at, field.clone());
        Ok(field)
    }

    fn read_field(&self, at: u64) -> io::Result<Option<Field>> {
        let Some((DATA, flags, size)) = self.object(at)? else { return Ok(None) };
        let from = if self.is_compact { 72 } else { 64 };
        if size < from || size - from > FIELD_BYTES {
            return Ok(None);
        }
        let mut payload = vec![0; (size - from) as usize];
        self.bytes.read_exact_at(&mut payload, at + from)?;
        Ok(unpacked(flags, payload).and_then(|payload| Field::of(&payload)))
    }
}

impl Field {
    /// `NAME=value`; names are of capitals, digits and `_`.
    fn of(payload: &[u8]) -> Option<Self> {
        let cut = memchr::memchr(b'=', payload)?;
        let name = std::str::from_utf8(&payload[..cut]).ok()?;
        let is_name = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        if name.is_empty() || name.len() > 64 || !name.bytes().all(is_name) {
            return None;
        }
        let value = serde_json::to_string(&String::from_utf8_lossy(&payload[cut + 1..])).ok()?;
        Some(Self { name: name.into(), value: value.into() })
    }
}

/// A payload without its compression; `None` where it cannot be undone.
fn unpacked(flags: u8, payload: Vec<u8>) -> Option<Vec<u8>> {
    let whole = |mut decoder: &mut dyn Read| {
        let mut out = Vec::new();
        let read = (&mut decoder).take(FIELD_BYTES + 1).read_to_end(&mut out).ok()?;
        (read as u64 <= FIELD_BYTES).then_some(out)
    };
    match flags & (XZ | LZ4 | ZSTD) {
        0 => Some(payload),
        XZ => whole(&mut lzma_rust2::XzReader::new_mem_limit(&payload[..], false, XZ_KIB)),
        LZ4 => {
            let (size, block) = payload.split_first_chunk()?;
            let size = u64::from_le_bytes(*size);
            (size <= FIELD_BYTES).then(|| lz4_flex::block::decompress(block, size as usize).ok()).flatten()
        }
        ZSTD => whole(&mut ruzstd::decoding::StreamingDecoder::new(&payload[..]).ok()?),
        _ => None,
    }
}

impl Read for Journal<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.given == self.line.len() && !self.next()? {
            return Ok(0);
        }
        let rest = &self.line[self.given..];
        let taken = rest.len().min(out.len());
        out[..taken].copy_from_slice(&rest[..taken]);
        self.given += taken;
        Ok(taken)
    }
}

//! Parquet → its rows as JSON, one a line, with the columns in the order of the schema.
//!
//! ```text
//! {"version":2,"interface_id":"eni-0a1b","srcaddr":"192.0.2.10","dstaddr":"203.0.113.9","bytes":18446,"start":1774739404}
//! ```
//! Source: <https://github.com/apache/parquet-format>.
//!
//! Columns are read side by side, each with one page in memory, and rows are put together from them. A null is left out, since
//! no dialect tells it from a name that is not there; in a list, where places count, it is `null`.
//!
//! Traps: the footer stands at the end, so that a file that was cut off cannot be read at all; pages claim any size; a column may
//! be encrypted, in another file or of an unknown codec while the others can be read; strings of old writers are bytes.

mod account;
mod bits;
mod clock;
mod codec;
mod column;
mod meta;
mod page;
mod render;
mod rows;
mod schema;
mod thrift;
mod values;

use std::io::{self, Read};
use std::rc::Rc;

use super::zip::Cursor;
use crate::model::ledger::{Note, Reason, Stored};
use crate::open::Limits;
use crate::open::doubt::Doubts;
use crate::open::source::{Source, carry};
use crate::open::walk::{At, Fate, Random, Walk};
use account::File;
use column::Column;
use rows::Rows;
use schema::{Refusal, Schema, Shape};

const MAGIC: &[u8; 4] = b"PAR1";
/// The same of a file with an encrypted footer.
const ENCRYPTED: &[u8; 4] = b"PARE";
/// The length of the footer, and the magic again.
const TAIL_BYTES: u64 = 8;
/// Largest footer.
const FOOTER_BYTES: u64 = 64 << 20;
/// Rows are put together until they are so many bytes.
const BATCH_BYTES: usize = 64 << 10;
/// What any file may cost, in steps and decoded bytes; larger ones by the limit of expansion.
const FREE_STEPS: u64 = 1 << 30;

/// Whether a file begins as Parquet does: with its magic and what no text holds.
pub(in crate::open) fn begins(head: &[u8]) -> bool {
    let is_binary = |byte: &u8| matches!(byte, 0..=8 | 14..=31);
    (head.starts_with(MAGIC) || head.starts_with(ENCRYPTED)) && head[4..].iter().take(16).any(is_binary)
}

/// Opens a file; what it decodes to is one item.
pub(in crate::open) fn open(walk: &mut Walk<'_>, at: At, random: Random<'_>, failure: Option<Note>) -> Fate {
    let mut notes: Vec<Note> = failure.into_iter().collect();
    let mut stored = Stored::default();
    let mut fate = Fate::Skipped;
    match Parquet::new(random, &walk.opening.limits) {
        Err(note) if note.reason == Reason::Damaged => {
            notes.push(note);
            // What is not compressed shows its values all the same.
            let mut raw = Cursor { bytes: random.bytes, size: random.size, at: 0 };
            let inside = At { size: Some(random.size), depth: at.depth + 1, notes: Vec::new(), ..at.clone() };
            walk.in_layer(Doubts::default(), |walk| walk.leaf(inside, Source::new(&mut raw)));
            (fate, stored.opened) = (Fate::Opened, random.size);
        }
        Err(note) => {
            notes.push(note);
            stored.skipped = random.size;
        }
        Ok(parquet) => {
            let file = Rc::clone(&parquet.file);
            let (told, broke) = walk.rewritten(&at, "parquet", Box::new(parquet), file.gauge.clone());
            notes.extend(broke);
            notes.extend(file.notes());
            stored = told.of_read(file.gauge.used.get(), file.lost.get(), random.size);
            fate = told;
        }
    }
    walk.container(&at, "parquet", stored, notes);
    fate
}

/// A file as its text.
struct Parquet<'r> {
    file: Rc<File<'r>>,
    schema: Rc<Schema>,
    footer: Vec<u8>,
    /// Where the next row group stands in the footer, and how many are left.
    groups_at: usize,
    groups_left: u64,
    rows: Option<Rows<'r>>,
    lines: Vec<u8>,
    /// How much of the lines was given out.
    given: usize,
}

impl<'r> Parquet<'r> {
    fn new(random: Random<'r>, limits: &Limits) -> Result<Self, Note> {
        let footer = footer(random)?;
        let end = random.size - TAIL_BYTES - footer.len() as u64;
        let damaged = || {
            Note::new(Reason::Damaged, "parquet: its footer is damaged, without which no row can be read; its bytes are searched as they are; collect another copy").at(end)
        };
        let told = meta::footer(&footer).ok_or_else(damaged)?;
        let schema = schema::schema(&told.schema).map_err(|refusal| match refusal {
            Refusal::Damaged => damaged(),
            Refusal::TooLarge => {
                Note::new(Reason::Unsupported, "parquet: more columns or groups within groups than are read").at(end)
            }
        })?;
        let most = limits.ratio.saturating_mul(random.size).max(FREE_STEPS);
        let file = File::new(random.bytes, end, limits.max_buffered_member, most);
        let (groups_at, groups_left) = told.groups_at.unwrap_or_default();
        Ok(Self {
            file: Rc::new(file),
            schema: Rc::new(schema),
            footer,
            groups_at,
            groups_left,
            rows: None,
            lines: Vec::new(),
            given: 0,
        })
    }

    /// Puts the next rows together; there are none only at the end.
    fn fill(&mut self) -> io::Result<()> {
        self.lines.clear();
        self.given = 0;
        while self.lines.len() < BATCH_BYTES {
            if self.file.is_spent() {
                if self.lines.is_empty() {
                    let detail = "parquet: it expands more than a file of its size may; the rest was not decoded";
                    return Err(carry(Note::new(Reason::RatioLimit, detail)));
                }
                return Ok(());
            }
            if self.rows.as_ref().is_none_or(Rows::is_over) && !self.group() {
                return Ok(());
            }
            if let (Some(rows), Shape::Object(fields)) = (&mut self.rows, &self.schema.root.shape)
                && !rows.is_over()
            {
                rows.write(fields, &mut self.lines);
                self.file.spend(std::mem::take(&mut rows.steps));
            }
        }
        Ok(())
    }

    /// Turns to the next row group; false where there is none.
    fn group(&mut self) -> bool {
        // What the last one holds in memory is given back first.
        self.rows = None;
        let Some(left) = self.groups_left.checked_sub(1) else { return false };
        self.groups_left = left;
        let Some((group, next)) = meta::row_group(&self.footer, self.groups_at) else {
            let what = "parquet: its footer is damaged; row groups before the damage are read".to_owned();
            self.file.fault(Reason::Damaged, what, self.file.end.saturating_add(self.groups_at as u64));
            self.groups_left = 0;
            return false;
        };
        self.groups_at = next;
        let column = |leaf| Column::new(Rc::clone(&self.file), Rc::clone(&self.schema), leaf, group.chunks.get(leaf));
        let columns = (0..self.schema.leaves.len()).map(column).collect();
        self.rows = Some(Rows::new(columns, group.rows));
        true
    }
}

/// The bytes of the footer.
fn footer(random: Random<'_>) -> Result<Vec<u8>, Note> {
    let Random { bytes, size } = random;
    let cut = || {
        let detail = "parquet: it does not end with its footer, without which no row can be read; its bytes are searched as they are; collect another copy";
        Note::new(Reason::Damaged, detail).at(size)
    };
    let mut tail = [0; TAIL_BYTES as usize];
    let at = size.checked_sub(TAIL_BYTES).ok_or_else(cut)?;
    bytes.read_exact_at(&mut tail, at).map_err(|_| cut())?;
    let [a, b, c, d, magic @ ..] = tail;
    if magic == *ENCRYPTED {
        let detail = "parquet: its footer is encrypted; write the file anew with its keys and scan that";
        return Err(Note::new(Reason::Unsupported, detail));
    }
    if magic != *MAGIC {
        return Err(cut());
    }
    let length = u64::from(u32::from_le_bytes([a, b, c, d]));
    if length > FOOTER_BYTES {
        let detail = format!("parquet: a footer of {length} bytes, of which up to {FOOTER_BYTES} are read");
        return Err(Note::new(Reason::SizeLimit, detail).at(at));
    }
    let from = at.checked_sub(length).filter(|&from| from >= MAGIC.len() as u64).ok_or_else(cut)?;
    let mut footer = vec![0; length as usize];
    bytes.read_exact_at(&mut footer, from).map_err(|_| cut())?;
    Ok(footer)
}

impl Read for Parquet<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.given == self.lines.len() {
            self.fill()?;
        }
        let rest = &self.lines[self.given..];
        let taken = rest.len().min(out.len());
        out[..taken].copy_from_slice(&rest[..taken]);
        self.given += taken;
        Ok(taken)
    }
}

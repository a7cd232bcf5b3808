//! A column of a row group: its pages one after the other, of which one is in memory.

use std::rc::Rc;

use super::account::File;
use super::bits::Hybrid;
use super::codec::Codec;
use super::meta::{Chunk, ChunkMeta, PageHead};
use super::page::{self, DATA, DATA_V2, DICTIONARY, Fault, Page};
use super::schema::Schema;
use super::values::Dictionary;
use crate::model::ledger::Reason;

/// What writers of old left out of the size of a column that has a dictionary.
const FORGOTTEN_BYTES: u64 = 100;
/// What helps where something cannot be read.
const REMEDY: &str = "write the file anew with DuckDB or pyarrow (zstd) and scan that";

/// Whether an entry can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Live,
    /// The page of the entry is damaged; those behind it are read.
    Blank,
    /// No more is read.
    Over,
}

/// A column, at one of its entries.
pub(super) struct Column<'r> {
    file: Rc<File<'r>>,
    schema: Rc<Schema>,
    leaf: usize,
    codec: Codec,
    /// Where the next page begins, and where the last one ends.
    at: u64,
    end: u64,
    /// Where the page at hand begins.
    page_at: u64,
    /// Entries of the pages to come.
    left: u64,
    page: Page,
    dictionary: Option<Dictionary>,
    dictionary_held: u64,
    state: State,
    /// Whether its end was told of.
    has_failed: bool,
    /// Levels of the entry at hand.
    pub rep: u16,
    pub def: u16,
    max_def: u16,
}

impl<'r> Column<'r> {
    /// The column at its first entry; one that cannot be read is told of and has no entries.
    pub(super) fn new(file: Rc<File<'r>>, schema: Rc<Schema>, leaf: usize, chunk: Option<&Chunk>) -> Self {
        let max_def = schema.leaves[leaf].def;
        let mut column = Self {
            file,
            schema,
            leaf,
            codec: Codec::Plain,
            at: 0,
            end: 0,
            page_at: 0,
            left: 0,
            page: Page::default(),
            dictionary: None,
            dictionary_held: 0,
            state: State::Live,
            has_failed: false,
            rep: 0,
            def: 0,
            max_def,
        };
        match column.begin(chunk) {
            Ok(()) => column.advance(),
            Err(fault) => column.give_up(fault, column.at),
        }
        column
    }

    fn begin(&mut self, chunk: Option<&Chunk>) -> Result<(), Fault> {
        let chunk = chunk.ok_or(Fault::Damaged("a row group lacks it"))?;
        let unsupported = |what: &str| Fault::Unsupported(what.to_owned());
        if chunk.is_encrypted {
            return Err(unsupported("it is encrypted: write the file anew with its keys and scan that"));
        }
        if chunk.is_elsewhere {
            return Err(unsupported("it is in another file: write the data anew as one file and scan that"));
        }
        let meta: ChunkMeta = chunk.meta.ok_or(Fault::Damaged("nothing says where it is"))?;
        let from = meta.dictionary_at.filter(|&at| at > 0).map_or(meta.data_at, |at| at.min(meta.data_at));
        let end = from.saturating_add(meta.compressed).saturating_add(FORGOTTEN_BYTES);
        (self.at, self.end, self.left) = (from, end.min(self.file.end), meta.values);
        let leaf = &self.schema.leaves[self.leaf];
        if leaf.physical.is_none() {
            return Err(Fault::Unsupported(format!("it is of type {}: {REMEDY}", leaf.kind)));
        }
        if leaf.kind != meta.kind {
            return Err(Fault::Damaged("its type is not that of the schema"));
        }
        if from.saturating_add(meta.compressed) > self.file.end {
            self.tell(&Fault::Damaged("it ends behind the end of the file"), from);
        }
        self.codec = Codec::of(meta.codec)
            .map_err(|name| Fault::Unsupported(format!("{name}, which cannot be decompressed: {REMEDY}")))?;
        Ok(())
    }

    /// Whether there is an entry at hand.
    #[inline]
    pub(super) fn is_live(&self) -> bool {
        self.state == State::Live
    }

    /// Whether there are no more entries.
    pub(super) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Writes the value at hand and goes on; false where it is null.
    #[inline]
    pub(super) fn write(&mut self, out: &mut Vec<u8>) -> bool {
        let is_there = self.state == State::Live && self.def == self.max_def;
        let before = out.len();
        let is_written = is_there && self.value(out);
        if is_there && !is_written {
            out.truncate(before);
            self.spoil();
        }
        self.advance();
        is_written
    }

    /// Goes past the entry at hand.
    #[inline]
    pub(super) fn pass(&mut self, scratch: &mut Vec<u8>) {
        if self.state == State::Live && self.def == self.max_def {
            scratch.clear();
            self.write(scratch);
        } else {
            self.advance();
        }
    }

    #[inline]
    fn value(&mut self, out: &mut Vec<u8>) -> bool {
        let leaf = &self.schema.leaves[self.leaf];
        let (Some(physical), Some(values)) = (leaf.physical, &mut self.page.values) else { return false };
        values.write(&self.page.bytes, (physical, leaf.render), self.dictionary.as_ref(), out).is_some()
    }

    /// The levels of the next entry.
    #[inline]
    fn advance(&mut self) {
        while self.page.left == 0 {
            if self.state == State::Over || !self.turn() {
                self.state = State::Over;
                (self.rep, self.def) = (0, 0);
                return;
            }
        }
        self.page.left -= 1;
        if self.state == State::Live && !self.levels() {
            self.spoil();
        }
    }

    #[inline]
    fn levels(&mut self) -> bool {
        let Page { bytes, reps, defs, .. } = &mut self.page;
        let next = |levels: &mut Option<Hybrid>| match levels {
            Some(levels) => levels.next(bytes).and_then(|level| u16::try_from(level).ok()),
            None => Some(0),
        };
        let (Some(rep), Some(def)) = (next(reps), next(defs)) else { return false };
        (self.rep, self.def) = (rep, def);
        true
    }

    /// The rest of the page cannot be read.
    #[cold]
    fn spoil(&mut self) {
        let fault = Fault::Damaged("a page holds less than it says, or what cannot be read");
        if self.schema.leaves[self.leaf].rep > 0 {
            return self.give_up(fault, self.page_at);
        }
        self.tell(&fault, self.page_at);
        self.state = State::Blank;
        (self.rep, self.def) = (0, 0);
    }

    /// Turns to the next page with entries; false where there is none.
    fn turn(&mut self) -> bool {
        while self.left > 0 && self.at < self.end {
            let at = self.at;
            match self.next_page() {
                Ok(true) => return true,
                Ok(false) => {}
                Err(fault) => {
                    self.give_up(fault, at);
                    return false;
                }
            }
        }
        self.drop_page();
        false
    }

    /// Reads the next page; true where it is one of data.
    fn next_page(&mut self) -> Result<bool, Fault> {
        let (head, body) = page::head(&self.file, self.at, self.end)?;
        let size = u64::try_from(head.stored).map_err(|_| Fault::Damaged("a page has no size"))?;
        let next = body.checked_add(size).filter(|&next| next <= self.end);
        let next = next.ok_or(Fault::Damaged("a page ends behind the end of its column"))?;
        let from = std::mem::replace(&mut self.at, next);
        self.page_at = from;
        match head.kind {
            DICTIONARY => {
                self.file.used(next - from);
                self.dictionary(&head, body).map(|()| false)
            }
            DATA | DATA_V2 => {
                self.left = self.left.saturating_sub(head.values);
                match self.data(&head, body) {
                    Ok(()) => self.file.used(next - from),
                    // Of columns without lists a page is as many rows as it has values.
                    Err(fault) if self.schema.leaves[self.leaf].rep == 0 => {
                        self.tell(&fault, from);
                        self.file.lose(next - from);
                        self.drop_page();
                        self.page.left = head.values;
                        self.state = State::Blank;
                        (self.rep, self.def) = (0, 0);
                    }
                    Err(fault) => return Err(fault),
                }
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn dictionary(&mut self, head: &PageHead, body: u64) -> Result<(), Fault> {
        if self.dictionary.is_some() {
            return Err(Fault::Damaged("it has two dictionaries"));
        }
        let stored = page::stored(&self.file, head, body)?;
        let leaf = &self.schema.leaves[self.leaf];
        let dictionary = page::dictionary(head, self.codec, stored, leaf, self.file.free())?;
        let held = dictionary.weight() as u64;
        if !self.file.hold(0, held) {
            return Err(Fault::TooLarge("the dictionaries of a row group take too much memory"));
        }
        self.dictionary_held = held;
        self.dictionary = Some(dictionary);
        Ok(())
    }

    fn data(&mut self, head: &PageHead, body: u64) -> Result<(), Fault> {
        self.drop_page();
        let claimed = u64::try_from(head.decoded).unwrap_or(0).min(page::PAGE_BYTES);
        if claimed > self.file.free() {
            return Err(Fault::TooLarge("the pages of a row group take too much memory"));
        }
        let stored = page::stored(&self.file, head, body)?;
        let page = page::data(head, self.codec, stored, &self.schema.leaves[self.leaf])?;
        if !self.file.hold(0, page.held) {
            return Err(Fault::TooLarge("the pages of a row group take too much memory"));
        }
        self.page = page;
        self.state = State::Live;
        Ok(())
    }

    fn drop_page(&mut self) {
        self.file.hold(self.page.held, 0);
        self.page = Page::default();
    }

    /// Ends the column before its end.
    pub(super) fn give_up(&mut self, fault: Fault, at: u64) {
        self.tell(&fault, at);
        self.has_failed = true;
        self.file.lose(self.end.saturating_sub(self.at));
        self.drop_page();
        self.state = State::Over;
        (self.rep, self.def) = (0, 0);
    }

    /// Ends the column because of a row that is too long.
    pub(super) fn too_long(&mut self) {
        if !self.is_over() {
            self.give_up(Fault::TooLarge("a row of more than 16 MiB"), self.page_at);
        }
    }

    /// Tells that rows go on behind the last entry, or an entry that fits no row.
    pub(super) fn uneven(&mut self) {
        if std::mem::replace(&mut self.has_failed, true) {
            return;
        }
        self.tell(&Fault::Damaged("its entries are not those of the rows"), self.page_at);
    }

    fn tell(&self, fault: &Fault, at: u64) {
        let path = &self.schema.leaves[self.leaf].path;
        let (reason, what) = match fault {
            Fault::Damaged(what) => (Reason::Damaged, *what),
            Fault::TooLarge(what) => (Reason::SizeLimit, *what),
            Fault::Unsupported(what) => (Reason::Unsupported, what.as_str()),
        };
        self.file.fault(reason, format!("parquet: column {path}: {what}; the other columns are read"), at);
    }
}

impl Drop for Column<'_> {
    fn drop(&mut self) {
        self.file.hold(self.page.held + self.dictionary_held, 0);
    }
}

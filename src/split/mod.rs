//! Cuts a stream into blocks of whole records on a fixed grid.
//!
//! A block begins where a record (or the framing before one) begins and belongs to the grid cell of its first byte;
//! every decoded byte lies in exactly one block, except for what consecutive pieces of an oversize record share.

mod csv;
mod fixed;
mod json;
mod lines;
mod lost;
mod pages;
mod runs;
mod xml;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::model::block::{Block, Extent, OVERSIZE_BYTES, PIECE_OVERLAP_BYTES, Record, Spans};
use crate::model::chunk::{self, CHUNK_BYTES, CHUNK_HEADER_BYTES, FILE_MAGIC};
use crate::model::layout::{Framing, Layout};
use crate::model::ledger::Note;
use crate::model::lines::{count as count_lines, mark_bytes, stretch_end, unit_bytes};
use crate::model::pages::Answers;
use crate::model::source::Stream;

/// What is read from the stream at once.
const READ_BYTES: usize = 256 * 1024;
/// Length of one piece of an oversize record. Fixed, so that pieces do not depend on the grid.
const PIECE_BYTES: usize = 4 * 1024 * 1024;
/// So many bytes tell whether a stream begins with a byte order mark; scanners are not asked before.
const MARK_BYTES: usize = 3;
/// Header of an EVTX file.
const EVTX_HEADER_BYTES: usize = 4096;

/// Changes a layout by a directive line; `None` where the line changes nothing.
pub type Relayout = fn(&Layout, &[u8]) -> Option<Layout>;

/// Cuts one stream. Memory: one cell plus one record, at most about [`OVERSIZE_BYTES`].
pub struct Splitter {
    layout: Arc<Layout>,
    cell_bytes: u64,
    relayout: Relayout,
    /// Bytes read and not yet handed out.
    buf: Vec<u8>,
    /// Empty, with room.
    spare: Vec<u8>,
    /// Offset of `buf[0]` in the stream.
    base: u64,
    /// Physical line at `buf[0]`.
    line: u64,
    /// Index of the next record.
    record: u64,
    ended: bool,
    notes: Vec<Note>,
    mode: Mode,
    /// Blocks of one cell between which the layout changes.
    pending: VecDeque<Block>,
    /// Bytes at the start of `buf` that the last piece had as well.
    shared: usize,
}

/// How the rest of the stream is cut.
enum Mode {
    /// Lines, with or without directives.
    Lines(lines::Lines),
    /// Records found by a scanner.
    Listed(Listed),
    /// Fixed-size chunks.
    Evtx,
}

/// A scanner with what it found and has not been handed out.
struct Listed {
    scanner: Scanner,
    /// Start and end of records, as offsets in the stream.
    found: Vec<(u64, u64)>,
    /// How far the scanner got, as an offset in the stream.
    scanned: u64,
}

enum Scanner {
    Json(Box<json::Scanner>),
    Csv(csv::Scanner),
    Xml(xml::Scanner),
    Fixed(fixed::Scanner),
    Runs(runs::Scanner),
}

/// What a scanner says at the end of the bytes it was given.
enum Scan {
    /// All bytes are used up; a record has been open since this offset.
    More(Option<u64>),
    /// Not what it should be from this offset on: the rest is cut into lines.
    Broken(u64),
    /// Damaged: the bytes from this offset on are wanted again.
    Back(u64),
}

impl Listed {
    /// Scans what was not scanned yet; `base` is the offset of `buf[0]`.
    fn scan(&mut self, buf: &[u8], base: u64, ended: bool) -> Scan {
        loop {
            let from = usize::try_from(self.scanned.saturating_sub(base)).unwrap_or(usize::MAX).min(buf.len());
            let scan = match &mut self.scanner {
                Scanner::Json(json) => json.scan(&buf[from..], base + from as u64, ended, &mut self.found),
                Scanner::Csv(csv) => csv.scan(buf, base, from, ended, &mut self.found),
                Scanner::Xml(xml) => xml.scan(buf, base, ended, &mut self.found),
                Scanner::Fixed(fixed) => fixed.scan(buf, base, ended, &mut self.found),
                Scanner::Runs(runs) => runs.scan(buf, base, ended, &mut self.found),
            };
            match (scan, &mut self.scanner) {
                (Scan::Back(at), _) if at >= base => self.scanned = at,
                // Parts of the damaged record are handed out already.
                (Scan::Back(at), Scanner::Json(json)) => return json.give_up(at),
                (other, _) => return other,
            }
        }
    }
}

/// What became of an attempt to cut.
enum Cut {
    Block(Block),
    /// More bytes are needed first.
    Hungry,
    /// Nothing to hand out, but the mode has changed or bytes were dropped into the next cut: try again.
    Again,
    End,
}

impl Splitter {
    /// A splitter at the start of a stream. `cell_bytes` is the grid ([`CELL_BYTES`](crate::model::block::CELL_BYTES)
    /// outside of tests) and must not be 0; records do not depend on it.
    pub fn new(layout: Arc<Layout>, cell_bytes: usize, relayout: Relayout) -> Self {
        let listed = |scanner| Mode::Listed(Listed { scanner, found: Vec::new(), scanned: 0 });
        let mode = match layout.framing {
            Framing::Lines => Mode::Lines(lines::Lines::new(false)),
            Framing::Directives => Mode::Lines(lines::Lines::new(true)),
            Framing::Csv { delimiter } => {
                listed(Scanner::Csv(csv::Scanner::new(delimiter, layout.encoding, !layout.columns.is_empty())))
            }
            Framing::JsonDocuments => {
                listed(Scanner::Json(Box::new(json::Scanner::new(&layout.arrays, layout.encoding))))
            }
            Framing::XmlEvents => listed(Scanner::Xml(xml::Scanner::new(layout.encoding))),
            Framing::Runs(run) => listed(Scanner::Runs(runs::Scanner::new(run, layout.encoding))),
            Framing::Fixed { length } => listed(Scanner::Fixed(fixed::Scanner::new(length))),
            Framing::Evtx => Mode::Evtx,
        };
        Self {
            layout,
            // Even, so that no unit of UTF-16 is cut.
            cell_bytes: (cell_bytes as u64 / 2 * 2).clamp(2, OVERSIZE_BYTES as u64),
            relayout,
            buf: Vec::new(),
            spare: Vec::new(),
            base: 0,
            line: 1,
            record: 0,
            ended: false,
            notes: Vec::new(),
            mode,
            pending: VecDeque::new(),
            shared: 0,
        }
    }

    /// Bytes from the start of the stream that were already read to recognise it. Call it before the first
    /// [`Splitter::next`].
    pub fn feed(&mut self, head: &[u8]) {
        self.buf.extend_from_slice(head);
    }

    /// The next block in stream order; `None` at the end. Damage ends the stream: see [`Splitter::notes`].
    pub fn next(&mut self, stream: &mut dyn Stream) -> Option<Block> {
        loop {
            if let Some(block) = self.pending.pop_front() {
                return Some(block);
            }
            let cut = match self.mode {
                Mode::Lines(_) => self.cut_lines(),
                Mode::Listed(_) => self.cut_listed(),
                Mode::Evtx => self.cut_chunk(),
            };
            match cut {
                Cut::Block(block) => return Some(block),
                Cut::End => return None,
                Cut::Again => {}
                Cut::Hungry => match stream.fill(&mut self.buf, READ_BYTES) {
                    Ok(0) => self.ended = true,
                    Ok(_) => {}
                    Err(note) => {
                        self.notes.push(note);
                        self.ended = true;
                    }
                },
            }
        }
    }

    /// What its documents say of the search whose answers they are, at the end of the stream.
    pub fn answers(&self) -> Option<Answers> {
        match &self.mode {
            Mode::Listed(Listed { scanner: Scanner::Json(json), .. }) if self.ended => json.answers(),
            _ => None,
        }
    }

    /// Why the stream ended early, if it did, and what it says of parts of it that lie elsewhere. Drained by the call.
    pub fn notes(&mut self) -> Vec<Note> {
        let mut notes = std::mem::take(&mut self.notes);
        match &self.mode {
            Mode::Listed(Listed { scanner: Scanner::Json(json), .. }) if self.ended => {
                notes.extend(json.pages.notes());
                notes.extend(json.breaks_off());
            }
            Mode::Listed(Listed { scanner: Scanner::Xml(xml), .. }) => notes.extend(xml.breaks_off()),
            _ => {}
        }
        notes
    }

    /// Decoded bytes that were read and lie in no block: those still held when the caller stopped asking.
    pub fn cut(&self) -> u64 {
        let pending: usize = self.pending.iter().map(|b| b.bytes.len()).sum();
        (self.buf.len() - self.shared + pending) as u64
    }

    /// End of the grid cell of the first byte held, relative to it.
    fn cell_end(&self) -> usize {
        let into = self.base % self.cell_bytes;
        usize::try_from(self.cell_bytes - into).unwrap_or(usize::MAX)
    }

    /// Gives a buffer that is no longer needed, for the bytes behind the next block. It is asked for only where none is held.
    ///
    /// PERF: pages of a new buffer are faults, which were 6 parts in a hundred of a scan for hits alone.
    pub fn reuse(&mut self, buffer: impl FnOnce() -> Option<Vec<u8>>) {
        if self.spare.capacity() == 0 {
            self.spare = buffer().unwrap_or_default();
            self.spare.clear();
        }
    }

    /// Hands out the first `length` bytes held.
    fn take(&mut self, length: usize, spans: Spans, lines: u64, records: u64) -> Cut {
        let bytes = if length * 2 < self.buf.len() {
            let bytes = self.buf[..length].to_vec();
            self.buf.drain(..length);
            bytes
        } else {
            // PERF: with room for the next read, which would else move it.
            let (room, mut rest) = match self.ended {
                true => (0, Vec::new()),
                false => (READ_BYTES, std::mem::take(&mut self.spare)),
            };
            rest.reserve_exact(self.buf.len() - length + room);
            rest.extend_from_slice(&self.buf[length..]);
            self.buf.truncate(length);
            let mut bytes = std::mem::replace(&mut self.buf, rest);
            // Room for a whole read: a folder of small files must not hold that much for each of them.
            if bytes.capacity() / 2 > bytes.len() {
                bytes.shrink_to_fit();
            }
            bytes
        };
        let block = Block {
            base: self.base,
            first_line: self.line,
            first_record: self.record,
            spans,
            lines: Extent::default(),
            layout: Arc::clone(&self.layout),
            bytes,
        };
        self.base += length as u64;
        self.line += lines;
        self.record += records;
        Cut::Block(block)
    }

    /// Hands out one piece of an oversize record that starts (or goes on) at the first byte held. `end` is where the
    /// record ends, if that is known.
    fn take_piece(&mut self, end: Option<usize>) -> Cut {
        let length = end.unwrap_or(usize::MAX).min(PIECE_BYTES + self.shared);
        let last = end == Some(length);
        let spans = Spans::Piece { shared: self.shared };
        let lines = count_lines(&self.buf[self.shared..length], self.layout.encoding);
        if last {
            self.shared = 0;
            return self.take(length, spans, lines, 1);
        }
        let keep = self.buf[length - PIECE_OVERLAP_BYTES..length].to_vec();
        let cut = self.take(length, spans, lines, 0);
        self.base -= keep.len() as u64;
        self.shared = keep.len();
        self.buf.splice(0..0, keep);
        cut
    }

    /// Where the next chunk begins within this one, which has lost its end then: only where a third one, or the end of the log, stands
    /// behind the next and none where this one should end, since what a record holds may look like a chunk.
    fn cut_short(&self) -> Option<usize> {
        let is_end = |at: usize| match self.buf.get(at..) {
            Some([]) => self.ended,
            rest => rest.is_some_and(chunk::begins),
        };
        let slot = CHUNK_BYTES.min(self.buf.len());
        if !chunk::is_marked(&self.buf) || is_end(slot) {
            return None;
        }
        let shown = &self.buf[1..self.buf.len().min(slot + chunk::SHOWN_BYTES)];
        chunk::first(shown).map(|at| at + 1).filter(|&at| at < slot && is_end(at + CHUNK_BYTES))
    }

    /// Hands out the header of a binary log, its next chunk, or what stands before that. A slot without a magic is a chunk that lost
    /// its header, unless one begins within it and none where it ends.
    fn cut_chunk(&mut self) -> Cut {
        let have = self.buf.len();
        if have < 2 * CHUNK_BYTES + chunk::SHOWN_BYTES && !self.ended {
            return Cut::Hungry;
        }
        if have == 0 {
            return Cut::End;
        }
        if self.base == 0 && self.buf.starts_with(FILE_MAGIC) {
            return self.take(have.min(EVTX_HEADER_BYTES), Spans::Chunk, 0, 0);
        }
        let slot = have.min(CHUNK_BYTES);
        if let Some(at) = self.cut_short() {
            return self.take(at, Spans::Chunk, 0, 0);
        }
        let is_slot = chunk::is_marked(&self.buf) || chunk::begins(&self.buf[slot..]);
        let next = if is_slot { None } else { chunk::first(&self.buf[..have.min(slot + chunk::SHOWN_BYTES)]) };
        match next.filter(|&at| at < slot) {
            Some(at) => self.take(at, Spans::Between, 0, 0),
            None => {
                let records = if slot == CHUNK_BYTES { chunk_records(&self.buf[..slot]) } else { 0 };
                self.take(slot, Spans::Chunk, 0, records)
            }
        }
    }

    fn cut_listed(&mut self) -> Cut {
        if self.base == 0 && self.buf.len() < MARK_BYTES && !self.ended {
            return Cut::Hungry;
        }
        let Mode::Listed(listed) = &mut self.mode else { return Cut::Again };
        let scan = listed.scan(&self.buf, self.base, self.ended);
        let end = self.base + self.buf.len() as u64;
        let whole_units = end - self.buf.len() as u64 % unit_bytes(self.layout.encoding) as u64;
        let (open, broken) = match scan {
            Scan::More(open) => {
                listed.scanned = whole_units;
                (open, None)
            }
            Scan::Broken(at) | Scan::Back(at) => {
                listed.scanned = at;
                (None, Some(at))
            }
        };
        if self.buf.is_empty() {
            return if self.ended { Cut::End } else { Cut::Hungry };
        }
        // Pieces of a record over the limit, once all before it is out.
        if let Some(&(start, stop)) = listed.found.first()
            && start <= self.base + self.shared as u64
            && (self.shared > 0 || stop - start > OVERSIZE_BYTES as u64)
        {
            let cut = self.take_piece(Some((stop - self.base) as usize));
            if self.shared == 0
                && let Mode::Listed(listed) = &mut self.mode
            {
                listed.found.remove(0);
            }
            return cut;
        }
        if let Some(start) = open
            && listed.found.is_empty()
            && start <= self.base + self.shared as u64
            && (self.shared > 0 || end - start > OVERSIZE_BYTES as u64)
        {
            let enough = self.buf.len() > PIECE_BYTES + self.shared;
            return match (enough, self.ended) {
                (true, _) => self.take_piece(None),
                (false, false) => Cut::Hungry,
                (false, true) => self.take_piece(Some(self.buf.len())),
            };
        }
        if self.shared > 0 {
            // The record broke off inside its pieces: what is left of it is cut into lines.
            self.drop_shared();
        }
        self.cut_cell(open, broken)
    }

    /// Forgets the bytes that the last piece had.
    fn drop_shared(&mut self) {
        self.buf.drain(..self.shared);
        self.base += self.shared as u64;
        self.shared = 0;
        self.record += 1;
    }

    /// Hands out the cell of the first byte held, once no record or stretch of framing is open across its end.
    fn cut_cell(&mut self, open: Option<u64>, broken: Option<u64>) -> Cut {
        let cell = self.cell_end();
        let Mode::Listed(listed) = &mut self.mode else { return Cut::Again };
        let limit = OVERSIZE_BYTES as u64;
        let mut cut = cell.min(self.buf.len());
        let (mut count, mut from, mut next) = (0, 0, None);
        for &(start, stop) in &listed.found {
            let (at, to) = ((start - self.base) as usize, (stop - self.base) as usize);
            if at >= cell || stop - start > limit {
                next = Some(at);
                cut = cut.min(at);
                break;
            }
            count += 1;
            from = to;
            cut = cut.max(to);
        }
        let long = open.is_some_and(|start| self.base + self.buf.len() as u64 - start > limit);
        if let Some(start) = open {
            let at = (start - self.base) as usize;
            if long {
                cut = cut.min(at);
            } else if at < cut && !self.ended {
                return Cut::Hungry;
            }
        } else if self.buf.len() < cell && !self.ended && broken.is_none() {
            return Cut::Hungry;
        }
        if let Some(at) = broken {
            let at = at.saturating_sub(self.base) as usize;
            if at <= cut {
                cut = at;
                let found: Vec<_> = listed.found.drain(..).collect();
                self.mode = Mode::Lines(lines::Lines::new(false));
                return self.take_listed(cut, &found[..count.min(found.len())]);
            }
        }
        let relative = |at: u64| at.saturating_sub(self.base) as usize;
        // An open object may turn out to be a wrapper, which is framing as well.
        let certain = next.or(broken.map(relative)).or(open.filter(|_| long).map(relative));
        let end = certain.or(open.map(relative)).unwrap_or(self.buf.len());
        if self.base == 0 && from == 0 {
            from = mark_bytes(&self.buf, self.layout.encoding);
        }
        while from < cut {
            let (to, closed) = stretch_end(&self.buf, from, end, self.layout.encoding);
            if !closed && certain.is_none() && !self.ended {
                return Cut::Hungry;
            }
            if to == from {
                break;
            }
            from = to;
        }
        let found: Vec<_> = listed.found.drain(..count).collect();
        self.take_listed(cut.max(from), &found)
    }

    fn take_listed(&mut self, cut: usize, found: &[(u64, u64)]) -> Cut {
        if cut == 0 {
            return Cut::Again;
        }
        let encoding = self.layout.encoding;
        let mut line = self.line;
        let mut counted = 0;
        let records = found.iter().enumerate().map(|(n, &(start, stop))| {
            let (start, end) = ((start - self.base) as usize, (stop - self.base) as usize);
            line += count_lines(&self.buf[counted..start], encoding);
            counted = start;
            Record { start, end, line, index: self.record + n as u64 }
        });
        let spans = Spans::Listed(records.collect());
        let lines = count_lines(&self.buf[..cut], encoding);
        self.take(cut, spans, lines, found.len() as u64)
    }
}

/// Records of an EVTX chunk by the chain of their sizes; 0 for anything else. Damage may hide some, which costs no more
/// than a gap or an overlap in the indices.
fn chunk_records(chunk: &[u8]) -> u64 {
    let mut at = CHUNK_HEADER_BYTES;
    let mut count = 0;
    while chunk::is_marked(chunk)
        && let Some(&[b'*', b'*', 0, 0, a, b, c, d]) = chunk.get(at..at + 8)
    {
        let size = u32::from_le_bytes([a, b, c, d]) as usize;
        if size < 28 || size > chunk.len() - at {
            break;
        }
        count += 1;
        at += size;
    }
    count
}

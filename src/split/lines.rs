//! The cut for records that are lines: find the first line end past the grid line, count what lies before.

use std::sync::Arc;

use super::{Cut, Mode, PIECE_BYTES, Splitter};
use crate::model::block::{Block, Extent, OVERSIZE_BYTES, Spans};
use crate::model::layout::Encoding;
use crate::model::lines::{self, Lines as LineIter};

/// Where the search for a line end stands.
pub(super) struct Lines {
    /// Whether lines that begin with `#` may change the layout.
    directives: bool,
    /// Up to where the bytes held have no line end past the grid line.
    searched: usize,
}

impl Lines {
    pub(super) fn new(directives: bool) -> Self {
        Self { directives, searched: 0 }
    }
}

impl Splitter {
    pub(super) fn cut_lines(&mut self) -> Cut {
        let Mode::Lines(Lines { directives, searched }) = self.mode else { return Cut::Again };
        if self.buf.len() <= self.shared && self.ended {
            return Cut::End;
        }
        let encoding = self.layout.encoding;
        let unit = lines::unit_bytes(encoding);
        let long = self.shared > 0;
        let cell = self.cell_end();
        let wanted = if long { self.shared } else { cell.saturating_sub(1) };
        if !long && self.buf.len() < cell && !self.ended {
            return Cut::Hungry;
        }
        let from = wanted.max(searched) / unit * unit;
        let feed = lines::find_feed(&self.buf, from, encoding);
        self.set_searched(if feed.is_some() { 0 } else { self.buf.len() / unit * unit });
        let end = feed.unwrap_or(self.buf.len());
        if feed.is_none() && !self.ended {
            // The line goes on: wait, unless it is over the limit already.
            let start = if long { 0 } else { self.last_line_start(cell) };
            if !long && end - start <= OVERSIZE_BYTES {
                return Cut::Hungry;
            }
            return match start {
                0 if end > PIECE_BYTES + self.shared => self.piece(None),
                0 => Cut::Hungry,
                _ => self.take_lines(start, directives),
            };
        }
        let start = if long { 0 } else { self.last_line_start(cell.min(end + 1)) };
        let stop = lines::trim(&self.buf, start.max(self.shared), end, encoding);
        match () {
            () if long || (start == 0 && stop > OVERSIZE_BYTES) => self.piece(Some(stop)),
            () if stop.saturating_sub(start) > OVERSIZE_BYTES => self.take_lines(start, directives),
            () => self.take_lines(feed.map_or(end, |f| f + unit), directives),
        }
    }

    fn piece(&mut self, end: Option<usize>) -> Cut {
        self.set_searched(0);
        self.take_piece(end)
    }

    fn set_searched(&mut self, to: usize) {
        if let Mode::Lines(lines) = &mut self.mode {
            lines.searched = to;
        }
    }

    /// Start of the line that reaches the grid line at `cell`.
    fn last_line_start(&self, cell: usize) -> usize {
        let head = &self.buf[..cell.saturating_sub(1).min(self.buf.len())];
        match self.layout.encoding {
            Encoding::Bytes => memchr::memrchr(b'\n', head).map_or(0, |n| n + 1),
            Encoding::Returns => memchr::memrchr2(b'\r', b'\n', head).map_or(0, |n| n + 1),
            Encoding::Utf16Le => head.chunks_exact(2).rposition(|u| u == [b'\n', 0]).map_or(0, |n| n * 2 + 2),
            Encoding::Utf16Be => head.chunks_exact(2).rposition(|u| u == [0, b'\n']).map_or(0, |n| n * 2 + 2),
        }
    }

    /// Hands out whole lines: one block, or several where a directive changes the layout between them.
    fn take_lines(&mut self, cut: usize, directives: bool) -> Cut {
        self.set_searched(0);
        let encoding = self.layout.encoding;
        if !directives && encoding == Encoding::Bytes {
            let lines::Sum { ended, filled, content } = lines::Sum::of(&self.buf[..cut], self.base);
            return self.take_counted(cut, ended, Extent { records: filled, bytes: content });
        }
        let (mut from, mut count, mut counted) = (0, 0, Extent::default());
        let mut done = Vec::new();
        let mut narrowed = Vec::new();
        for line in LineIter::new(&self.buf[..cut], self.base, encoding) {
            let text = &self.buf[line.start..line.end];
            if directives && lines::is_directive(text, encoding) {
                narrowed.clear();
                let text = if encoding.is_wide() {
                    lines::narrow(text, encoding, &mut narrowed);
                    &narrowed
                } else {
                    text
                };
                if let Some(layout) = (self.relayout)(&self.layout, text) {
                    if counted.records > 0 {
                        done.push((from, line.start, count, counted, Arc::clone(&self.layout)));
                        (from, count, counted) = (line.start, 0, Extent::default());
                    }
                    self.layout = Arc::new(layout);
                }
            } else if !text.is_empty() {
                counted.records += 1;
                counted.bytes += text.len() as u64;
            }
            count += u64::from(line.ended);
        }
        if done.is_empty() {
            return self.take_counted(cut, count, counted);
        }
        done.push((from, cut, count, counted, Arc::clone(&self.layout)));
        for (start, end, count, counted, layout) in done {
            self.pending.push_back(Block {
                bytes: self.buf[start..end].to_vec(),
                base: self.base + start as u64,
                first_line: self.line,
                first_record: self.record,
                spans: Spans::Lines,
                lines: counted,
                layout,
            });
            self.line += count;
            self.record += counted.records;
        }
        self.buf.drain(..cut);
        self.base += cut as u64;
        Cut::Again
    }

    /// Hands out whole lines as one block.
    fn take_counted(&mut self, cut: usize, lines: u64, counted: Extent) -> Cut {
        match self.take(cut, Spans::Lines, lines, counted.records) {
            Cut::Block(block) => Cut::Block(Block { lines: counted, ..block }),
            other => other,
        }
    }
}

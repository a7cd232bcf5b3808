//! A piece of a source that one core works on.

use std::sync::Arc;

use super::layout::{Framing, Layout};

/// Grid of the split: a record belongs to the cell in which it starts. Decoded bytes.
pub const CELL_BYTES: usize = 256 * 1024;
/// A record longer than this is sifted in pieces and not parsed.
pub const OVERSIZE_BYTES: usize = 16 * 1024 * 1024;
/// How much consecutive pieces of an oversize record share, so that no token is cut.
pub const PIECE_OVERLAP_BYTES: usize = 4 * 1024;

/// One record inside a block; offsets are relative to the block's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// First byte.
    pub start: usize,
    /// One past the last byte, terminator excluded.
    pub end: usize,
    /// Physical line where it starts, from 1; 0 in binary formats.
    pub line: u64,
    /// Index in the source, from 0.
    pub index: u64,
}

/// How the records of a block are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spans {
    /// Every non-empty line is a record (for [`Directives`](super::layout::Framing::Directives): that does not begin
    /// with `#`).
    Lines,
    /// The splitter found them; sorted by `start`, not overlapping.
    Listed(Vec<Record>),
    /// A piece of one oversize record. Hits that end within the first `shared` bytes were reported by the piece before.
    Piece {
        /// Bytes at the start that the piece before had as well.
        shared: usize,
    },
    /// One 64 KiB EVTX chunk (or the file header, which holds no records).
    Chunk,
    /// Bytes of a binary log that stand where no chunk does: before the first one, or between two.
    Between,
}

/// How much some records are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// How many.
    pub records: u64,
    /// Their stored bytes.
    pub bytes: u64,
}

/// A run of whole records (or a piece of an oversize one) with what is needed to read them.
#[derive(Debug, Clone)]
pub struct Block {
    /// The stored bytes.
    pub bytes: Vec<u8>,
    /// Offset of `bytes[0]` in the decoded stream.
    pub base: u64,
    /// Physical line at `bytes[0]`, from 1.
    pub first_line: u64,
    /// Index of the first record that starts here.
    pub first_record: u64,
    /// Where the records are.
    pub spans: Spans,
    /// How many there are, of lines only.
    pub lines: Extent,
    /// The dialect in force.
    pub layout: Arc<Layout>,
}

impl Block {
    /// Whether a record is a line, or some lines that belong together: one that its format rejects may then be of another.
    pub fn is_of_lines(&self) -> bool {
        match self.spans {
            Spans::Lines => true,
            Spans::Listed(_) => matches!(self.layout.framing, Framing::Runs(_)),
            Spans::Piece { .. } | Spans::Chunk | Spans::Between => false,
        }
    }
}

//! A block as text, with its records.

use super::block::Extent;
use super::fields::Kind;
use super::place::Place;

/// A block as the sift and the parsers see it: text, and records as ranges of that text with their places in the
/// stored bytes. For most formats the text is the block itself; UTF-16 is narrowed and EVTX is rendered.
#[derive(Debug, Default)]
pub struct View {
    /// Narrowed or rendered text; empty where the block's own bytes are the text.
    pub rendered: Vec<u8>,
    /// Whether `rendered` (else the block's bytes) is the text.
    pub is_rendered: bool,
    /// The records, sorted by `start`.
    pub records: Vec<Seen>,
    /// Values of the records that are written as their values alone.
    pub values: Vec<Drawn>,
    /// Stretches of text that belong to no record, sorted by `start`: headers, directives, wrappers, what could not be
    /// decoded. Those without a letter or digit are left out.
    pub gaps: Vec<Seen>,
    /// Stored bytes of the block that belong to no record.
    pub framing: u64,
    /// Records that are not listed.
    pub passed: Extent,
    /// Stored bytes of the block that could not be decoded (a damaged chunk).
    pub undecodable: u64,
    /// Records of a chunk whose header is lost: they have the number that the log gave them and no index.
    pub recovered: u64,
    /// Records that stand in the free space of a chunk, sorted by `start`: they too have no index, and tell nothing of what
    /// the log covers.
    pub stale: Vec<Seen>,
    /// Bytes at the end of `rendered` that are of no record, so that rules need not search them.
    pub unruled: usize,
    /// Whether free space of which no record can be read is left out: where there is nothing to search it for. A view that
    /// is cleared keeps it.
    pub skips_free: bool,
}

impl View {
    /// Forgets the last block and keeps the buffers.
    pub fn clear(&mut self) {
        self.rendered.clear();
        self.is_rendered = false;
        self.records.clear();
        self.values.clear();
        self.gaps.clear();
        self.framing = 0;
        self.passed = Extent::default();
        self.undecodable = 0;
        self.recovered = 0;
        self.stale.clear();
        self.unruled = 0;
    }
}

/// A record of a [`View`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// First byte of its text.
    pub start: usize,
    /// One past the last byte of its text.
    pub end: usize,
    /// Where it stands in the stored bytes.
    pub place: Place,
    /// Its values among [`View::values`], as first and one past the last, where its text is its values alone; `None` where
    /// the text is the whole record.
    pub values: Option<(u32, u32)>,
}

/// A value of a record that is written as its values alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drawn {
    /// The number of its name, by which the format knows it.
    pub name: u32,
    /// First byte of the value in the text of the [`View`], without quotes.
    pub start: u32,
    /// One past its last byte.
    pub end: u32,
    /// What it is.
    pub kind: Kind,
    /// Whether it holds escapes of JSON.
    pub escaped: bool,
}

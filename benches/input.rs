//! What the benches read: logs of the fixtures, decoded and repeated in memory, and lists from a seed.

#![allow(dead_code, reason = "each bench uses a part of it")]

use std::path::Path;
use std::sync::Arc;

use exfiltrace::format::{self, Clock};
use exfiltrace::model::block::{Block, CELL_BYTES};
use exfiltrace::model::layout::Layout;
use exfiltrace::model::ledger::{Entry, Note, Reason};
use exfiltrace::model::place::Locator;
use exfiltrace::model::source::{SourceMeta, Stream, Visitor};
use exfiltrace::open::{DigestKind, Io, Limits, Opening, open_bytes};
use exfiltrace::split::Splitter;

/// Inputs are repeated until they have this size.
pub const INPUT_BYTES: usize = 8 << 20;

/// All leaf streams of one evidence file, one after the other.
#[derive(Default)]
struct Leaves(Vec<u8>);

impl Visitor for Leaves {
    fn leaf(&mut self, _: SourceMeta, stream: &mut dyn Stream) {
        while stream.fill(&mut self.0, 1 << 20).expect("fixtures are not damaged") > 0 {}
    }

    fn entry(&mut self, entry: Entry) {
        assert!(entry.notes.is_empty(), "{entry:?}");
    }
}

/// The decoded content of one file below the fixtures folder.
pub fn fixture(path: &str) -> Vec<u8> {
    let stored = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path)).expect(path);
    decoded(&stored)
}

/// The decoded content of a file: all that it holds, one after the other.
pub fn decoded(stored: &[u8]) -> Vec<u8> {
    let opening =
        Opening { limits: Limits::default(), passwords: Vec::new(), work: None, digest: DigestKind::Off, io: Io::Auto };
    let mut leaves = Leaves::default();
    open_bytes(Locator::root(b"bench"), stored, &opening, &mut leaves);
    assert!(!leaves.0.is_empty(), "the file holds something");
    leaves.0
}

/// Whole copies of a text, so many that they have [`INPUT_BYTES`] or a little more, and how many they are.
pub fn repeated(text: &[u8]) -> (Vec<u8>, usize) {
    let times = INPUT_BYTES.div_ceil(text.len());
    (text.repeat(times), times)
}

/// Lines with content.
pub fn lines(text: &[u8]) -> usize {
    text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).count()
}

/// How often `word` stands in a text.
pub fn count(text: &[u8], word: &str) -> usize {
    memchr::memmem::find_iter(text, word).count()
}

/// The same text with only so few of its line feeds that lines have about `line_bytes`.
pub fn with_long_lines(text: &[u8], line_bytes: usize) -> Vec<u8> {
    let mut out = text.to_vec();
    let mut length = 0;
    for byte in &mut out {
        length += 1;
        if *byte == b'\n' {
            if length < line_bytes { *byte = b' ' } else { length = 0 }
        }
    }
    out
}

/// Bytes in memory as a stream.
pub struct Memory<'a>(pub &'a [u8]);

impl Stream for Memory<'_> {
    fn fill(&mut self, buf: &mut Vec<u8>, want: usize) -> Result<usize, Note> {
        let (now, later) = self.0.split_at(want.min(self.0.len()));
        buf.extend_from_slice(now);
        self.0 = later;
        Ok(now.len())
    }

    fn notes(&mut self) -> Vec<Note> {
        Vec::new()
    }
}

/// The layout that the product would use for a text.
pub fn layout(text: &[u8], format: &str) -> Arc<Layout> {
    let locator = Locator::root(b"bench");
    let meta = SourceMeta { locator: locator.clone(), evidence: locator, mtime: None, size: None };
    let clock = Clock { zone: jiff::tz::TimeZone::UTC, zone_given: false };
    let layout = format::recognise(&text[..text.len().min(64 << 10)], text.len() <= 64 << 10, &meta, &clock);
    assert_eq!(layout.format, format);
    Arc::new(layout)
}

/// Hands every block of a text to `each`.
pub fn blocks(text: &[u8], layout: &Arc<Layout>, mut each: impl FnMut(Block)) {
    let mut stream = Memory(text);
    let mut splitter = Splitter::new(Arc::clone(layout), CELL_BYTES, format::relayout);
    while let Some(block) = splitter.next(&mut stream) {
        each(block);
    }
    // A fixture may say of itself that it is not whole.
    let says_so = |note: &Note| matches!(note.reason, Reason::ExportTruncated | Reason::Damaged);
    assert!(splitter.notes().iter().all(says_so));
}

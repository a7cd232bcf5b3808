//! Records and text of a block, as the sift and the parsers see them.

use std::sync::Arc;

use evtx::{EvtxChunkData, ParserSettings};

use crate::model::block::{Block, Record, Spans};
use crate::model::chunk::{CHUNK_HEADER_BYTES, CHUNK_MAGIC, FILE_MAGIC};
use crate::model::fields::{Seen, View};
use crate::model::layout::{Encoding, Framing};
use crate::model::lines::{Lines, count, is_directive, mark_bytes, narrow, stretch_end, trim};
use crate::model::place::Place;

/// What a chunk says of the size of its header.
const HEADER_SIZE_FIELD: u32 = 128;
/// Less than this between two records is punctuation.
const MEANT_BYTES: usize = 4;
/// Bytes of a record that are not its content.
pub(super) const RECORD_FRAME_BYTES: u64 = 28;
/// Those of them that stand before it.
pub(super) const RECORD_HEADER_BYTES: u64 = 24;

/// As [`render`](super::render()), but of a chunk of a binary log only the records that it holds.
pub(super) fn render(block: &Block, view: &mut View) {
    view.clear();
    match &block.spans {
        Spans::Lines => lines(block, view),
        Spans::Listed(records) => listed(block, records, view),
        Spans::Piece { .. } => {
            let whole = Record { start: 0, end: block.bytes.len(), line: block.first_line, index: block.first_record };
            see(block, whole, view);
        }
        Spans::Chunk => return chunk(block, view),
        Spans::Between => return foreign(block, view),
    }
    view.is_rendered = block.layout.encoding.is_wide();
    let taken: u64 = view.records.iter().map(|r| r.place.length).sum();
    view.framing = (block.bytes.len() as u64).saturating_sub(taken);
}

/// Lists those records of a block of lines that are wanted, and counts the others. `is_wanted` is asked about each record
/// in order.
pub fn render_some(block: &Block, mut is_wanted: impl FnMut(&Seen) -> bool, view: &mut View) {
    render(block, view);
    let passed = &mut view.passed;
    view.records.retain(|seen| {
        let is_kept = is_wanted(seen);
        if !is_kept {
            passed.records += 1;
            passed.bytes += seen.place.length;
        }
        is_kept
    });
}

/// The first and the last record of a block of lines: where they stand in its bytes.
pub fn edges(block: &Block) -> [Option<(usize, usize)>; 2] {
    let (encoding, directives) = (block.layout.encoding, block.layout.framing == Framing::Directives);
    let record = |(start, end): (usize, usize)| {
        let text = &block.bytes[start..end];
        let is_record = !(text.is_empty() || directives && is_directive(text, encoding));
        is_record.then_some((start, end))
    };
    let first = Lines::new(&block.bytes, block.base, encoding).find_map(|line| record((line.start, line.end)));
    let begin = first.map_or(block.bytes.len(), |(start, _)| start);
    let mut end = block.bytes.len();
    let mut last = None;
    while last.is_none() && end > begin {
        let start = memchr::memrchr(b'\n', &block.bytes[begin..end - 1]).map_or(begin, |feed| begin + feed + 1);
        let line = Lines::new(&block.bytes[start..end], 1, encoding).next();
        last = line.and_then(|line| record((start + line.start, start + line.end)));
        end = start;
    }
    [first, last]
}

fn lines(block: &Block, view: &mut View) {
    let directives = block.layout.framing == Framing::Directives;
    let mut line = block.first_line;
    let mut index = block.first_record;
    for found in Lines::new(&block.bytes, block.base, block.layout.encoding) {
        let text = &block.bytes[found.start..found.end];
        let framing = text.is_empty() || (directives && is_directive(text, block.layout.encoding));
        if !framing {
            see(block, Record { start: found.start, end: found.end, line, index }, view);
            index += 1;
        } else if !text.is_empty() {
            gap(block, found.start, found.end, line, view);
        }
        line += u64::from(found.ended);
    }
}

/// Records that the splitter found, and what lies between them.
fn listed(block: &Block, records: &[Record], view: &mut View) {
    let mut from = if block.base == 0 { mark_bytes(&block.bytes, block.layout.encoding) } else { 0 };
    let mut known = (from, block.first_line);
    for &record in records {
        between(block, (from, record.start), known, view);
        see(block, record, view);
        from = record.end;
        known = (record.start, record.line);
    }
    between(block, (from, block.bytes.len()), known, view);
}

/// The stretches of what lies between two records. `known`: an offset before it with its line.
fn between(block: &Block, (mut from, to): (usize, usize), known: (usize, u64), view: &mut View) {
    let encoding = block.layout.encoding;
    if to - from < MEANT_BYTES {
        return;
    }
    while from < to {
        let (stop, _) = stretch_end(&block.bytes, from, to, encoding);
        let feed = if encoding.is_wide() { 2 } else { 1 };
        let ended = count(&block.bytes[from..stop], encoding) > 0;
        let end = trim(&block.bytes, from, if ended { stop - feed } else { stop }, encoding);
        if block.bytes[from..end].iter().any(u8::is_ascii_alphanumeric) {
            let line = known.1 + count(&block.bytes[known.0..from], encoding);
            gap(block, from, end, line, view);
        }
        if stop <= from {
            return;
        }
        from = stop;
    }
}

/// Adds text that belongs to no record.
fn gap(block: &Block, start: usize, end: usize, line: u64, view: &mut View) {
    let mut seen = text_of(block, Record { start, end, line, index: 0 }, view);
    seen.place.record = None;
    view.gaps.push(seen);
}

/// Adds one record.
fn see(block: &Block, record: Record, view: &mut View) {
    let seen = text_of(block, record, view);
    view.records.push(seen);
}

/// A part of the block with its text, which is written first for UTF-16.
fn text_of(block: &Block, record: Record, view: &mut View) -> Seen {
    let (mut start, mut end) = (record.start, record.end);
    if block.layout.encoding.is_wide() {
        start = view.rendered.len();
        narrow(&block.bytes[record.start..record.end], block.layout.encoding, &mut view.rendered);
        end = view.rendered.len();
        view.rendered.push(b'\n');
    }
    let place = Place {
        offset: block.base + record.start as u64,
        length: (record.end - record.start) as u64,
        line: Some(record.line),
        record: Some(record.index),
        event_record_id: None,
        in_doubt: false,
    };
    Seen { start, end, place, values: None }
}

/// Adds the bytes of a chunk that are no record, for the sift: as they are, and read as UTF-16 from either byte on.
pub(super) fn leftover(block: &Block, from: u64, to: u64, view: &mut View) {
    let bytes = block.bytes.get(from as usize..to as usize).unwrap_or_default();
    if is_blank(bytes) {
        return;
    }
    let start = view.rendered.len();
    view.rendered.extend_from_slice(bytes);
    for skipped in [0, 1] {
        view.rendered.push(b'\n');
        narrow(&bytes[skipped..], Encoding::Utf16Le, &mut view.rendered);
    }
    let end = view.rendered.len();
    view.rendered.push(b'\n');
    let (offset, length) = (block.base + from, bytes.len() as u64);
    let place = Place { offset, length, line: None, record: None, event_record_id: None, in_doubt: false };
    view.gaps.push(Seen { start, end, place, values: None });
}

/// Whether bytes are zeros.
///
/// PERF: most slots of a log are empty, and whole lines of them are compared at once.
pub(super) fn is_blank(bytes: &[u8]) -> bool {
    const ZEROS: [u8; 1024] = [0; 1024];
    bytes.chunks(ZEROS.len()).all(|line| *line == ZEROS[..line.len()])
}

/// Whether a block is what the file itself begins with.
pub(super) fn is_file_header(block: &Block) -> bool {
    block.base == 0 && block.bytes.starts_with(FILE_MAGIC)
}

/// Bytes of a binary log that are none of its chunks.
fn foreign(block: &Block, view: &mut View) {
    view.is_rendered = true;
    let size = block.bytes.len() as u64;
    if is_blank(&block.bytes) {
        view.framing = size;
    } else {
        view.undecodable = size;
        leftover(block, 0, size, view);
    }
}

/// Renders one EVTX chunk: a JSON text for each record that can be read.
fn chunk(block: &Block, view: &mut View) {
    view.is_rendered = true;
    let size = block.bytes.len() as u64;
    if is_file_header(block) || is_blank(&block.bytes) {
        view.framing = size;
        return;
    }
    let mut gaps = Vec::new();
    let read = chunk_records(block, block.bytes.clone(), CHUNK_HEADER_BYTES, view, &mut gaps);
    if read.or_else(|| headless(block, view, &mut gaps)).is_none() {
        view.undecodable = size;
        gaps = vec![(0, size)];
    }
    gaps.iter().for_each(|&(from, to)| leftover(block, from, to, view));
}

/// Renders the records of a chunk whose header is lost, under one that lets them stand anywhere and have any number. Which
/// of them were live when it was lost is not known, nor how many stood before them: they have no index.
fn headless(block: &Block, view: &mut View, gaps: &mut Vec<(u64, u64)>) -> Option<()> {
    let size = u32::try_from(block.bytes.len()).ok()?;
    let mut bytes = block.bytes.clone();
    let header = bytes.get_mut(..CHUNK_HEADER_BYTES)?;
    header.fill(0);
    header[..8].copy_from_slice(CHUNK_MAGIC);
    for numbers in [16..24, 32..40] {
        header[numbers].fill(0xFF);
    }
    header[40..44].copy_from_slice(&HEADER_SIZE_FIELD.to_le_bytes());
    for ends in [44..48, 48..52] {
        header[ends].copy_from_slice(&size.to_le_bytes());
    }
    chunk_records(block, bytes, 0, view, gaps)?;
    view.records.iter_mut().for_each(|seen| seen.place.record = None);
    view.recovered = view.records.len() as u64;
    (view.recovered > 0).then_some(())
}

/// Renders the records of a chunk, and says what lies between them; `None` where it is no chunk. `bytes` are those of the
/// block, maybe with another header; the first `framed` of them say how it is built.
fn chunk_records(
    block: &Block,
    bytes: Vec<u8>,
    framed: usize,
    view: &mut View,
    gaps: &mut Vec<(u64, u64)>,
) -> Option<()> {
    let size = bytes.len() as u64;
    if bytes.len() < CHUNK_HEADER_BYTES || is_file_header(block) {
        return None;
    }
    let settings = Arc::new(ParserSettings::new().indent(false));
    let mut data = EvtxChunkData::new(bytes, false).ok()?;
    let live_end = u64::from(data.header.free_space_offset).clamp(CHUNK_HEADER_BYTES as u64, size);
    let mut chunk = data.parse(settings).ok()?;
    let mut taken = 0;
    let mut next = framed as u64;
    for record in chunk.iter().filter_map(Result::ok) {
        let offset = record.binxml_offset.saturating_sub(RECORD_HEADER_BYTES);
        let length = u64::from(record.binxml_size) + RECORD_FRAME_BYTES;
        // A record that lies over another one is damage, and its bytes are counted once.
        if offset < next || offset + length > size {
            continue;
        }
        let id = record.event_record_id;
        let Ok(text) = record.into_json_bytes() else { continue };
        if offset > next {
            gaps.push((next, offset));
        }
        next = offset + length;
        taken += length;
        let start = view.rendered.len();
        view.rendered.extend_from_slice(&text.data);
        let end = view.rendered.len();
        view.rendered.push(b'\n');
        let place = Place {
            offset: block.base + offset,
            length,
            line: None,
            record: Some(block.first_record + view.records.len() as u64),
            event_record_id: Some(id),
            in_doubt: false,
        };
        view.records.push(Seen { start, end, place, values: None });
    }
    if live_end > next {
        gaps.push((next, live_end));
    }
    let live_end = live_end.max(next);
    view.framing = framed as u64 + (size - live_end);
    view.undecodable = size - view.framing - taken;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::block::Extent;
    use crate::model::layout::Layout;

    fn block(bytes: &[u8], spans: Spans, layout: Layout) -> Block {
        Block {
            bytes: bytes.to_vec(),
            base: 0,
            first_line: 1,
            first_record: 0,
            spans,
            lines: Extent::default(),
            layout: Arc::new(layout),
        }
    }

    #[test]
    fn utf16_text_is_narrowed_and_places_stay_those_of_the_stored_bytes() {
        let stored: Vec<u8> = "\u{feff}é=1\r\nb\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let layout = Layout { encoding: Encoding::Utf16Le, ..Layout::plain() };
        let mut view = View::default();
        render(&block(&stored, Spans::Lines, layout), &mut view);
        assert_eq!(view.rendered, "é=1\nb\n".as_bytes());
        let places: Vec<_> = view.records.iter().map(|r| (r.place.offset, r.place.length, r.place.line)).collect();
        assert_eq!(places, [(2, 6, Some(1)), (12, 2, Some(2))]);
        assert_eq!(view.framing, 2 + 4 + 2);
    }

    #[test]
    fn a_chunk_that_is_none_is_counted_as_undecodable_and_an_empty_slot_as_framing() {
        let mut view = View::default();
        let mut chunk = block(&[7; 65536], Spans::Chunk, Layout::plain());
        render(&chunk, &mut view);
        assert_eq!((view.undecodable, view.framing, view.records.len()), (65536, 0, 0));
        chunk.bytes = vec![0; 65536];
        render(&chunk, &mut view);
        assert_eq!((view.undecodable, view.framing), (0, 65536));
    }

    #[test]
    fn what_is_left_of_a_chunk_is_text_as_bytes_and_as_utf16() {
        let mut bytes = vec![7; 65536];
        bytes[1000..1004].copy_from_slice(b"narr");
        bytes[2001..2009].copy_from_slice(b"w\0i\0d\0e\0");
        let mut view = View::default();
        let mut chunk = block(&bytes, Spans::Chunk, Layout::plain());
        chunk.base = 4096;
        render(&chunk, &mut view);
        let [gap] = view.gaps[..] else { panic!("{:?}", view.gaps) };
        let text = &view.rendered[gap.start..gap.end];
        for needle in [&b"narr"[..], b"wide"] {
            assert!(memchr::memmem::find(text, needle).is_some(), "{}", needle.escape_ascii());
        }
        assert_eq!((gap.place.offset, gap.place.length, gap.place.record), (4096, 65536, None));
    }

    #[test]
    fn text_between_records_is_told_line_by_line() {
        let text = b"{\"ip\":\"a\",\n\"Records\":[{\"b\":1} ,\n{\"c\":2}],\"d\":3}\r\n";
        let at = |needle: &[u8]| memchr::memmem::find(text, needle).unwrap();
        let record = |start: usize, line, index| Record { start, end: start + 7, line, index };
        let records = vec![record(at(b"{\"b"), 2, 0), record(at(b"{\"c"), 3, 1)];
        let mut view = View::default();
        render(&block(text, Spans::Listed(records), Layout::plain()), &mut view);
        let gaps: Vec<_> = view.gaps.iter().map(|g| (&text[g.start..g.end], g.place.line, g.place.record)).collect();
        assert_eq!(
            gaps,
            [
                (&b"{\"ip\":\"a\","[..], Some(1), None),
                (b"\"Records\":[", Some(2), None),
                (b"],\"d\":3}", Some(3), None)
            ]
        );
    }
}

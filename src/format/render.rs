//! Records and text of a block, as the sift and the parsers see them.

use std::sync::Arc;

use evtx::{EvtxChunkData, ParserSettings};

use crate::model::block::{Block, Record, Spans};
use crate::model::fields::{Seen, View};
use crate::model::layout::{Encoding, Framing};
use crate::model::lines::{Lines, is_directive, narrow};
use crate::model::place::Place;

/// Size of the header of an EVTX chunk, and of a record without its content.
const CHUNK_HEADER_BYTES: usize = 512;
const RECORD_FRAME_BYTES: u64 = 28;
const RECORD_HEADER_BYTES: u64 = 24;

/// Lists the records of a block and, where the stored bytes are not the text (UTF-16, EVTX), writes the text.
///
/// `View::framing` and `View::undecodable` count stored bytes; records, framing and undecodable bytes add up to the
/// block. A piece of an oversize record is one [`Seen`], which is not to be parsed.
pub fn render(block: &Block, view: &mut View) {
    view.clear();
    match &block.spans {
        Spans::Lines => lines(block, view),
        Spans::Listed(records) => records.iter().for_each(|&r| see(block, r, view)),
        Spans::Piece { .. } => {
            let whole = Record { start: 0, end: block.bytes.len(), line: block.first_line, index: block.first_record };
            see(block, whole, view);
        }
        Spans::Chunk => return chunk(block, view),
    }
    view.is_rendered = block.layout.encoding != Encoding::Bytes;
    let taken: u64 = view.records.iter().map(|r| r.place.length).sum();
    view.framing = (block.bytes.len() as u64).saturating_sub(taken);
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
        }
        line += u64::from(found.ended);
    }
}

/// Adds one record and, for UTF-16, its text.
fn see(block: &Block, record: Record, view: &mut View) {
    let (mut start, mut end) = (record.start, record.end);
    if block.layout.encoding != Encoding::Bytes {
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
    };
    view.records.push(Seen { start, end, place });
}

/// Renders one EVTX chunk: a JSON text for each record that can be read.
fn chunk(block: &Block, view: &mut View) {
    view.is_rendered = true;
    let size = block.bytes.len() as u64;
    if block.base == 0 && block.bytes.starts_with(b"ElfFile\0") || block.bytes.iter().all(|&b| b == 0) {
        view.framing = size;
        return;
    }
    view.undecodable = size;
    if block.bytes.len() < CHUNK_HEADER_BYTES {
        return;
    }
    let settings = Arc::new(ParserSettings::new().indent(false));
    let Ok(mut data) = EvtxChunkData::new(block.bytes.clone(), false) else { return };
    let live_end = u64::from(data.header.free_space_offset).clamp(CHUNK_HEADER_BYTES as u64, size);
    let Ok(mut chunk) = data.parse(settings) else { return };
    let mut taken = 0;
    let mut next = CHUNK_HEADER_BYTES as u64;
    for record in chunk.iter().filter_map(Result::ok) {
        let offset = record.binxml_offset.saturating_sub(RECORD_HEADER_BYTES);
        let length = u64::from(record.binxml_size) + RECORD_FRAME_BYTES;
        // A record that lies over another one is damage, and its bytes are counted once.
        if offset < next || offset + length > size {
            continue;
        }
        let id = record.event_record_id;
        let Ok(text) = record.into_json_bytes() else { continue };
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
        };
        view.records.push(Seen { start, end, place });
    }
    let live_end = live_end.max(next);
    view.framing = CHUNK_HEADER_BYTES as u64 + (size - live_end);
    view.undecodable = size - view.framing - taken;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::layout::Layout;

    fn block(bytes: &[u8], spans: Spans, layout: Layout) -> Block {
        Block { bytes: bytes.to_vec(), base: 0, first_line: 1, first_record: 0, spans, layout: Arc::new(layout) }
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
}

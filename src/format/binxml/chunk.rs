//! One chunk of the binary log: its records, each as its values or as the crate renders it.

use std::ops::Range;
use std::sync::Arc;

use evtx::{EvtxChunk, EvtxChunkData, EvtxChunkHeader, EvtxRecord, ParserSettings};

use super::bytes::Bytes;
use super::{Span, Templates, stale};
use crate::format::render::{self, RECORD_FRAME_BYTES, RECORD_HEADER_BYTES};
use crate::model::block::{Block, Spans};
use crate::model::chunk::{CHUNK_HEADER_BYTES, is_marked};
use crate::model::fields::{Seen, View};
use crate::model::place::Place;

/// How a record begins.
pub(super) const RECORD_MAGIC: u32 = 0x2A2A;
/// The last second of a FILETIME that the crate takes for one: 9999-12-30T22:00:00Z.
const LAST_SECOND: u64 = 265_046_680_800;
const TICKS_PER_SECOND: u64 = 10_000_000;
/// Chunks are left to the crate whose records are of more bytes of definitions than this, each record counted. The crate
/// ends a chunk at three quarters of a million nodes, none of which takes less than three bytes of a definition.
const MOST_WEIGHT: usize = 2 << 20;
/// Values of one chunk that come to more than this are left to the crate.
const MOST_BYTES: usize = 2 << 20;

/// A record as its frame shows it.
#[derive(Clone, Copy)]
pub(super) struct Framed {
    pub offset: usize,
    pub length: usize,
    pub id: u64,
}

impl Framed {
    /// Where its BinXML is.
    pub fn span(&self) -> Span {
        content(self.offset..self.offset + self.length).unwrap_or_default()
    }
}

/// Where the BinXML of a record is.
pub(super) fn content(record: Range<usize>) -> Option<Span> {
    let start = record.start.checked_add(RECORD_HEADER_BYTES as usize)?;
    let end = record.end.checked_sub((RECORD_FRAME_BYTES - RECORD_HEADER_BYTES) as usize)?;
    (start <= end).then_some((start, end))
}

/// Lists the records of a block as [`render`](crate::format::render()) does, but for events of a binary log only with their
/// values ([`Seen::values`]) where that is enough to know all fields.
pub fn draw(block: &Block, templates: &mut Templates, view: &mut View) {
    templates.begin();
    let opens = is_chunk(block) && opens(&block.bytes);
    live(block, opens, templates, view);
    stale::add(block, opens, templates, view);
}

/// Whether a block is a chunk, and not what stands before the first one.
fn is_chunk(block: &Block) -> bool {
    block.spans == Spans::Chunk && !render::is_file_header(block)
}

/// Lists the records of a block and, where the stored bytes are not the text (UTF-16, EVTX), writes the text.
///
/// `View::framing` and `View::undecodable` count stored bytes; records, framing and undecodable bytes add up to the
/// block. A piece of an oversize record is one [`Seen`], which is not to be parsed.
pub fn render(block: &Block, view: &mut View) {
    render::render(block, view);
    if is_chunk(block) {
        stale::add(block, opens(&block.bytes), &mut Templates::default(), view);
    }
}

/// Lists the records that the log holds. `opens`: it is a chunk that the crate takes for one.
fn live(block: &Block, opens: bool, templates: &mut Templates, view: &mut View) {
    let framed = if opens { frames(&block.bytes) } else { None };
    let Some((framed, live_end)) = framed else { return render::render(block, view) };
    view.clear();
    view.is_rendered = true;
    let Some(slow) = templates.attempt(block, &framed, view) else { return render::render(block, view) };
    let (mut next, mut gaps) = (CHUNK_HEADER_BYTES, Vec::new());
    if slow.is_empty() {
        next = framed.last().map_or(next, |last| last.offset + last.length);
    } else {
        let texts = rendered(&block.bytes, &framed, &slow);
        templates.learn(block, &framed, &texts);
        view.clear();
        view.is_rendered = true;
        for (record, text) in framed.iter().zip(&texts) {
            if templates.see(block, record, text.as_deref(), view).is_some() {
                gaps.extend((record.offset > next).then_some((next as u64, record.offset as u64)));
                next = record.offset + record.length;
            }
        }
    }
    let live_end = live_end.max(next);
    gaps.extend((live_end > next).then_some((next as u64, live_end as u64)));
    let taken: u64 = view.records.iter().map(|seen| seen.place.length).sum();
    view.framing = (CHUNK_HEADER_BYTES + block.bytes.len() - live_end) as u64;
    view.undecodable = block.bytes.len() as u64 - view.framing - taken;
    gaps.iter().for_each(|&(from, to)| render::leftover(block, from, to, view));
}

/// Whether the crate takes the bytes for a chunk: all records of one that it does not are rendered as of one whose header is
/// lost, whatever is known of their templates.
fn opens(chunk: &[u8]) -> bool {
    let settings = Arc::new(ParserSettings::new().indent(false));
    EvtxChunkHeader::from_bytes(chunk).is_ok_and(|header| EvtxChunk::new(chunk, &header, settings).is_ok())
}

/// The records of a chunk without a fault, and where its free space begins; `None` where there is one.
fn frames(chunk: &[u8]) -> Option<(Vec<Framed>, usize)> {
    let mut header = Bytes { all: chunk, at: 32 };
    let last = header.u64()?;
    header.take(8)?;
    let free = header.u32()? as usize;
    if !is_marked(chunk) || !(CHUNK_HEADER_BYTES..=chunk.len()).contains(&free) {
        return None;
    }
    let mut found = Vec::new();
    let mut bytes = Bytes { all: chunk, at: CHUNK_HEADER_BYTES };
    while bytes.at < free {
        let offset = bytes.at;
        let (magic, length, id, time) = (bytes.u32()?, bytes.u32()? as usize, bytes.u64()?, bytes.u64()?);
        if magic != RECORD_MAGIC || length < RECORD_FRAME_BYTES as usize || !time_is_sound(time) {
            return None;
        }
        bytes.at = offset;
        bytes.take(length)?;
        found.push(Framed { offset, length, id });
        if id == last {
            break;
        }
    }
    Some((found, free))
}

/// Whether the crate takes a FILETIME for a time.
pub(super) fn time_is_sound(time: u64) -> bool {
    time / TICKS_PER_SECOND < LAST_SECOND
}

/// The crate's rendering of some records, by their place among all.
fn rendered(chunk: &[u8], framed: &[Framed], wanted: &[usize]) -> Vec<Option<Vec<u8>>> {
    let settings = Arc::new(ParserSettings::new().indent(false));
    let Ok(mut data) = EvtxChunkData::new(chunk.to_vec(), false) else { return vec![None; framed.len()] };
    let Ok(mut parsed) = data.parse(settings) else { return vec![None; framed.len()] };
    rendered_of(parsed.iter().filter_map(Result::ok), framed, wanted)
}

/// The renderings of those of the crate's records, in the order in which they stand, that are wanted.
pub(super) fn rendered_of<'c>(
    records: impl Iterator<Item = EvtxRecord<'c>>,
    framed: &[Framed],
    wanted: &[usize],
) -> Vec<Option<Vec<u8>>> {
    let mut texts = vec![None; framed.len()];
    let mut wanted = wanted.iter().copied().peekable();
    for record in records {
        let start = record.binxml_offset as usize;
        while wanted.next_if(|at| framed[*at].span().0 < start).is_some() {}
        let Some(&at) = wanted.peek() else { break };
        if framed[at].span().0 == start {
            texts[at] = record.into_json_bytes().ok().map(|text| text.data);
        }
    }
    texts
}

impl Templates {
    /// Lists the records that can be read without a rendering; gives the places of those that cannot, or whose templates
    /// are not proven. `None` where they come to more than the crate may render of one chunk.
    fn attempt(&mut self, block: &Block, framed: &[Framed], view: &mut View) -> Option<Vec<usize>> {
        let (mut slow, mut weight) = (Vec::new(), 0);
        for (at, record) in framed.iter().enumerate() {
            if self.see(block, record, None, view).is_none() {
                slow.push(at);
            }
            weight += self.weight();
            if weight > MOST_WEIGHT {
                return None;
            }
        }
        Some(slow)
    }

    /// Holds the plans of records against their renderings.
    fn learn(&mut self, block: &Block, framed: &[Framed], texts: &[Option<Vec<u8>>]) {
        for (record, text) in framed.iter().zip(texts) {
            if let Some(text) = text {
                self.prove(&block.bytes, record.span(), text);
            }
        }
    }

    /// Lists one record: by its values where its templates are proven, else by its rendering.
    fn see(&mut self, block: &Block, record: &Framed, text: Option<&[u8]>, view: &mut View) -> Option<()> {
        let (start, first) = (view.rendered.len(), view.values.len());
        let fits = start < MOST_BYTES;
        let read =
            if fits { self.values(&block.bytes, record.span(), &mut view.rendered, &mut view.values) } else { None };
        let fast = read.is_some() && self.trusted() == Some(true) && view.values.len() > first;
        if !fast {
            view.rendered.truncate(start);
            view.values.truncate(first);
            view.rendered.extend_from_slice(text?);
        }
        let end = view.rendered.len();
        view.rendered.push(b'\n');
        let place = Place {
            offset: block.base + record.offset as u64,
            length: record.length as u64,
            line: None,
            record: Some(block.first_record + view.records.len() as u64),
            event_record_id: Some(record.id),
            in_doubt: false,
        };
        let values = fast.then_some((first as u32, view.values.len() as u32));
        view.records.push(Seen { start, end, place, values });
        Some(())
    }
}

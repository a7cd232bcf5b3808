//! Records in the space that a chunk holds free: of an earlier state of the log, as it was before it was cleared or went
//! round, or of what the memory of whoever wrote the chunk held before.
//!
//! A record of that space may name definitions and names that were written over since. It counts as one only where all
//! of them are those that it was written with: the number of each definition, and the hash of each name. What else
//! stands there is sifted as it is.

use std::sync::Arc;

use evtx::{EvtxChunkData, ParserSettings};
use memchr::memmem;

use super::bytes::Bytes;
use super::chunk::{Framed, RECORD_MAGIC, rendered_of, time_is_sound};
use super::instance::{Instances, Plans, Wanted};
use super::{Templates, definition};
use crate::format::render::{RECORD_FRAME_BYTES, is_blank, leftover};
use crate::model::block::Block;
use crate::model::chunk::CHUNK_HEADER_BYTES;
use crate::model::fields::{Seen, View};
use crate::model::place::Place;

/// Free space is looked through in steps of this, from its end.
const LINE_BYTES: usize = 1024;
/// Where the chunk says that its free space begins.
const FREE_SPACE_AT: usize = 48;

/// Adds the records that stand in the free space of a chunk, of which all others are listed in `view`. `opens`: it is one that the
/// crate takes for one.
pub(super) fn add(block: &Block, opens: bool, templates: &mut Templates, view: &mut View) {
    let Some(free) = free_space(block, view).filter(|_| opens) else { return };
    let stale = sound(&block.bytes, free, templates);
    let mut all = live_alike(block, view, &stale);
    let alike = all.len();
    all.extend(stale);
    let texts = if all.is_empty() { Vec::new() } else { carved(&block.bytes, &all) };
    let (live, stale) = texts.split_at(alike);
    let mut next = free;
    let mut between = Vec::new();
    for (record, text) in all[alike..].iter().zip(stale) {
        let Some(text) = text else { continue };
        between.push((next, record.offset));
        next = record.offset + record.length;
        // A live record once more is no other record.
        if !live.iter().flatten().any(|live| live == text) {
            see(block, record, text, view);
        }
    }
    let rest = &block.bytes[next..];
    let used = rest.chunks(LINE_BYTES).rposition(|line| !is_blank(line)).map_or(0, |line| (line + 1) * LINE_BYTES);
    between.push((next, next + used.min(rest.len())));
    if !view.skips_free {
        let ruled = view.rendered.len();
        between.into_iter().for_each(|(from, to)| leftover(block, from as u64, to as u64, view));
        view.unruled = view.rendered.len() - ruled;
    }
}

/// The live records of which some of the others has the number.
fn live_alike(block: &Block, view: &View, others: &[Framed]) -> Vec<Framed> {
    let at = |seen: &Seen| (seen.place.offset - block.base) as usize;
    let live = view.records.iter().filter_map(|seen| framed(&block.bytes, at(seen)));
    live.filter(|record| others.iter().any(|other| other.id == record.id)).collect()
}

/// Where the free space begins that is not empty; `None` where there is none, or the chunk does not say.
fn free_space(block: &Block, view: &View) -> Option<usize> {
    if view.recovered > 0 {
        return None;
    }
    let end = |seen: &Seen| (seen.place.offset - block.base + seen.place.length) as usize;
    let stated = Bytes { all: &block.bytes, at: FREE_SPACE_AT }.u32()? as usize;
    let free = view.records.iter().map(end).fold(stated.max(CHUNK_HEADER_BYTES), usize::max);
    let is_used = block.bytes.get(free..).is_some_and(|space| !is_blank(space));
    is_used.then_some(free)
}

/// The records from `free` on whose definitions and names are their own. None lies over another.
fn sound(chunk: &[u8], free: usize, templates: &mut Templates) -> Vec<Framed> {
    let (mut found, mut instances): (Vec<Framed>, _) = (Vec::new(), Instances::default());
    let mut own = Own { templates, buffer: Vec::new(), known: Vec::new() };
    for at in memmem::find_iter(&chunk[free..], &RECORD_MAGIC.to_le_bytes()).map(|at| free + at) {
        if found.last().is_some_and(|last| at < last.offset + last.length) {
            continue;
        }
        let record = framed(chunk, at).filter(|record| instances.read(chunk, record.span(), &mut own).is_some());
        found.extend(record);
    }
    found
}

/// The frame of a record that may begin here: it ends with its length once more.
fn framed(chunk: &[u8], offset: usize) -> Option<Framed> {
    let mut bytes = Bytes { all: chunk, at: offset + 4 };
    let (length, id, time) = (bytes.u32()? as usize, bytes.u64()?, bytes.u64()?);
    let again = Bytes { all: chunk, at: (offset + length).checked_sub(4)? }.u32()? as usize;
    let is_sound = again == length && length >= RECORD_FRAME_BYTES as usize && time_is_sound(time);
    is_sound.then_some(Framed { offset, length, id })
}

/// Plans of the definitions that are those their instances were written with.
struct Own<'t> {
    templates: &'t mut Templates,
    buffer: Vec<u8>,
    /// What was looked at: offset and number of a definition, and whether they are of each other.
    known: Vec<(u32, u32, bool)>,
}

impl Plans for Own<'_> {
    fn plan(&mut self, chunk: &[u8], wanted: &Wanted) -> Option<u32> {
        let key = (wanted.definition, wanted.id);
        let known = self.known.iter().find(|(at, id, _)| (*at, *id) == key).map(|(.., is_own)| *is_own);
        let is_own = known.unwrap_or_else(|| {
            self.buffer.clear();
            let is_own = definition::is_own(chunk, wanted, &mut self.buffer);
            self.known.push((key.0, key.1, is_own));
            is_own
        });
        is_own.then(|| self.templates.plan(chunk, wanted)).flatten()
    }

    fn nest(&self, plan: u32, slot: u16) -> Option<u32> {
        self.templates.nest(plan, slot)
    }
}

/// The crate's rendering of records, some of which stand in free space.
fn carved(chunk: &[u8], framed: &[Framed]) -> Vec<Option<Vec<u8>>> {
    let settings = Arc::new(ParserSettings::new().indent(false).recover_records(true));
    let Ok(mut data) = EvtxChunkData::new(chunk.to_vec(), false) else { return vec![None; framed.len()] };
    let Ok(mut parsed) = data.parse(settings) else { return vec![None; framed.len()] };
    let all: Vec<usize> = (0..framed.len()).collect();
    rendered_of(parsed.iter().filter_map(Result::ok), framed, &all)
}

/// Lists one, which has no index among the records of the log.
fn see(block: &Block, record: &Framed, text: &[u8], view: &mut View) {
    let start = view.rendered.len();
    view.rendered.extend_from_slice(text);
    let end = view.rendered.len();
    view.rendered.push(b'\n');
    let (offset, length) = (block.base + record.offset as u64, record.length as u64);
    let place = Place { offset, length, line: None, record: None, event_record_id: Some(record.id), in_doubt: false };
    view.stale.push(Seen { start, end, place, values: None });
    view.framing = view.framing.saturating_sub(length);
}

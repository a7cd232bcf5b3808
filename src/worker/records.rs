//! Records one after the other, without the pipeline: for what is asked about evidence or samples before any scan.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rayon::prelude::*;

use super::head_of;
use crate::detect::{Program, Reached};
use crate::format::{self, Clock, Strays};
use crate::model::block::{Block, CELL_BYTES};
use crate::model::fields::{Fields, Reject, View, Want};
use crate::model::ledger::{Entry, EntryKind, Note};
use crate::model::place::Locator;
use crate::model::source::{SourceMeta, Stream, Survey, Visitor};
use crate::open::{self, Opening};
use crate::split::Splitter;

/// What is done with a record: it gets its format, its fields and its text. What no parser understands has no fields, as in a
/// scan.
pub type See<'s> = dyn FnMut(&'static str, &Fields<'_>, &[u8]) + 's;

/// Every record of a stream, parsed in full.
pub fn each_record(meta: &SourceMeta, clock: &Clock, stream: &mut dyn Stream, see: &mut See<'_>) {
    let (head, whole) = head_of(stream, &mut Vec::new());
    let layout = Arc::new(format::recognise(&head, whole, meta, clock));
    let mut splitter = Splitter::new(layout, CELL_BYTES, format::relayout);
    splitter.feed(&head);
    drop(head);
    let mut view = View::default();
    while let Some(block) = splitter.next(stream) {
        view.clear();
        format::render(&block, &mut view);
        each_of_block(&block, &view, see);
    }
}

/// What is done with a record of some source: as [`See`], with the source first.
pub type SeeOf<'s> = dyn FnMut(&Locator, &'static str, &Fields<'_>, &[u8]) + 's;

/// Every record of the evidence, parsed in full, one file after the other; gives what could not be read.
pub fn each_record_of(survey: &Survey, opening: &Opening, clock: &Clock, see: &mut SeeOf<'_>) -> Vec<Entry> {
    let mut one = OneByOne { clock, see, lost: Vec::new() };
    for file in &survey.files {
        let done = catch_unwind(AssertUnwindSafe(|| open::open_file(file, opening, &mut one)));
        if let Err(panic) = done {
            let mut entry = Entry::new(EntryKind::Source, file.locator.clone(), file.locator.clone());
            entry.notes.push(super::panic_note(&*panic));
            one.lost.push(entry);
        }
    }
    one.lost.extend(survey.skipped.iter().filter(|entry| entry.has_loss()).cloned());
    one.lost
}

struct OneByOne<'c, 's, 'r> {
    clock: &'c Clock,
    see: &'r mut SeeOf<'s>,
    lost: Vec<Entry>,
}

impl Visitor for OneByOne<'_, '_, '_> {
    fn leaf(&mut self, meta: SourceMeta, stream: &mut dyn Stream) {
        let see = &mut self.see;
        each_record(&meta, self.clock, stream, &mut |format, fields, record| {
            see(&meta.locator, format, fields, record);
        });
    }

    fn entry(&mut self, entry: Entry) {
        if entry.has_loss() {
            self.lost.push(entry);
        }
    }
}

fn each_of_block(block: &Block, view: &View, see: &mut See<'_>) {
    let text: &[u8] = if view.is_rendered { &view.rendered } else { &block.bytes };
    let (reader, strays) = (format::reader(&block.layout), Strays::new(&block.layout));
    let mut fields = Fields::default();
    for seen in view.records.iter().chain(&view.stale) {
        let Some(record) = text.get(seen.start..seen.end) else { continue };
        let own = block.layout.format;
        let plain = own == "text";
        let read = if plain { Err(Reject) } else { reader.parse(record, Want::All, &mut fields) };
        let format = match read {
            Ok(parsed) => Some(parsed.format(own)),
            Err(_) if !plain && block.is_of_lines() => strays.parse(record, Want::All, &mut fields),
            Err(_) => None,
        };
        if format.is_none() {
            fields.clear();
        }
        see(format.unwrap_or(own), &fields, record);
    }
}

/// Which log sources of the rules the records of the evidence have, and what could not be read. All of it is read.
pub fn reached(program: &Program, survey: &Survey, opening: &Opening, clock: &Clock) -> (Reached, Vec<Entry>) {
    let of_file = |file| {
        let mut reader = Reader { program, clock, reached: Reached::default(), lost: Vec::new() };
        // What a parser fails on tells nothing; a scan will say of it what there is to say.
        let _ = catch_unwind(AssertUnwindSafe(|| open::open_file(file, opening, &mut reader)));
        (reader.reached, reader.lost)
    };
    let join = |(a, mut lost): (Reached, Vec<Entry>), (b, more): (Reached, Vec<Entry>)| {
        lost.extend(more);
        (a.join(&b), lost)
    };
    let (reached, mut lost) = survey.files.par_iter().map(of_file).reduce(Default::default, join);
    lost.extend(survey.skipped.iter().filter(|entry| entry.has_loss()).cloned());
    lost.sort_by(|a, b| (&a.source, a.kind).cmp(&(&b.source, b.kind)));
    (reached, lost)
}

struct Reader<'p> {
    program: &'p Program,
    clock: &'p Clock,
    reached: Reached,
    lost: Vec<Entry>,
}

impl Visitor for Reader<'_> {
    fn leaf(&mut self, meta: SourceMeta, stream: &mut dyn Stream) {
        let (program, reached) = (self.program, &mut self.reached);
        each_record(&meta, self.clock, stream, &mut |format, fields, _| program.reach(format, fields, reached));
    }

    fn entry(&mut self, entry: Entry) {
        if entry.has_loss() {
            self.lost.push(entry);
        }
    }
}

/// Bytes in memory as a stream.
pub struct Bytes<'b>(pub &'b [u8]);

impl Stream for Bytes<'_> {
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

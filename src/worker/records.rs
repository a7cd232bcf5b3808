//! Records one after the other, without the pipeline: for what is asked about evidence or samples before any scan.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rayon::prelude::*;

use super::block::turned;
use super::orders::{self, Rotations, Seen};
use super::turns::Turns;
use super::{head_of, years};
use crate::detect::{Program, Reached};
use crate::format::{self, Clock, Reader, Strays};
use crate::model::block::{Block, CELL_BYTES};
use crate::model::clock::{Stretch, YearsRead};
use crate::model::dates::Order;
use crate::model::fields::{Fields, Reject, View, Want};
use crate::model::layout::Layout;
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
    let layout = format::recognise(&head, whole, meta, clock);
    each_of_stream(layout, head, stream, &mut |_, format, fields, record| see(format, fields, record));
}

/// What is done with a record at an offset.
type SeeAt<'s> = dyn FnMut(u64, &'static str, &Fields<'_>, &[u8]) + 's;

/// Every record of a stream of this layout of which the head was read.
fn each_of_stream(layout: Layout, head: Vec<u8>, stream: &mut dyn Stream, see: &mut SeeAt<'_>) {
    let mut splitter = Splitter::new(Arc::new(layout), CELL_BYTES, format::relayout);
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

/// Every record of the evidence, parsed in full, one file after the other, with the times that a scan gives them; gives what could not be
/// read. `day_first`: what the user says of dates of which nothing else tells.
///
/// A file is read twice, as a scan does where its end tells of its begin; standard input is not there twice.
pub fn each_record_of(
    survey: &Survey,
    opening: &Opening,
    (clock, day_first): (&Clock, Option<bool>),
    see: &mut SeeOf<'_>,
) -> Vec<Entry> {
    let rotations = Rotations::of(survey);
    let mut lost = Vec::new();
    for file in &survey.files {
        let mut of_file =
            OneByOne { clock, years: &survey.years, known: Known::default(), number: 0, see: None, lost: Vec::new() };
        let read = |one: &mut OneByOne<'_, '_>| {
            let done = catch_unwind(AssertUnwindSafe(|| open::open_file(file, opening, one)));
            done.err().map(|panic| {
                let mut entry = Entry::new(EntryKind::Source, file.locator.clone(), file.locator.clone());
                entry.notes.push(super::panic_note(&*panic));
                entry
            })
        };
        if file.path.is_some() {
            // What fails here fails again.
            let _ = read(&mut of_file);
            of_file.known.orders = orders::settled(&of_file.known.seen, &rotations, day_first);
        }
        let known = std::mem::take(&mut of_file.known);
        let mut again =
            OneByOne { clock, years: &survey.years, known, number: 0, see: Some(&mut *see), lost: Vec::new() };
        let failed = read(&mut again);
        lost.extend(again.lost.into_iter().chain(failed));
    }
    lost.extend(survey.skipped.iter().filter(|entry| entry.has_loss()).cloned());
    lost
}

/// What the first reading of a file found out, by the number of the leaf.
#[derive(Default)]
struct Known {
    seen: BTreeMap<u64, Seen>,
    orders: BTreeMap<u64, Order>,
    turns: BTreeMap<u64, Turns>,
}

/// Reads the leaves of a file to learn of them, or to show their records.
struct OneByOne<'c, 's> {
    clock: &'c Clock,
    years: &'c BTreeMap<Locator, YearsRead>,
    known: Known,
    number: u64,
    see: Option<&'s mut SeeOf<'s>>,
    lost: Vec<Entry>,
}

impl Visitor for OneByOne<'_, '_> {
    fn leaf(&mut self, meta: SourceMeta, stream: &mut dyn Stream) {
        let (head, whole) = head_of(stream, &mut Vec::new());
        let mut layout = format::recognise(&head, whole, &meta, self.clock);
        years::tell(self.years, &meta.locator, &mut layout);
        let number = self.number;
        self.number += 1;
        let Some(see) = &mut self.see else {
            let mut times = Stretch::default();
            each_of_stream(layout.clone(), head, stream, &mut |at, _, fields, _| {
                fields.time.into_iter().for_each(|stamp| times.see(at, stamp));
            });
            self.known.turns.extend(Turns::of(&times).map(|turns| (number, turns)));
            self.known.seen.extend(Seen::of(meta.locator, &layout).map(|seen| (number, seen)));
            return;
        };
        if let Some(order) = self.known.orders.get(&number) {
            (layout.day_first, layout.dates) = (Some(order.day_first), None);
        }
        layout.turns = self.known.turns.get(&number).iter().flat_map(|turns| turns.list()).collect();
        each_of_stream(layout, head, stream, &mut |_, format, fields, record| {
            see(&meta.locator, format, fields, record);
        });
    }

    fn entry(&mut self, entry: Entry) {
        if entry.has_loss() {
            self.lost.push(entry);
        }
    }
}

fn each_of_block(block: &Block, view: &View, see: &mut SeeAt<'_>) {
    let text: &[u8] = if view.is_rendered { &view.rendered } else { &block.bytes };
    let (plain_reader, strays) = (format::reader(&block.layout), Strays::new(&block.layout));
    let layouts = turned(block);
    let readers: Vec<(u64, Reader<'_>)> =
        layouts.iter().map(|(from, layout)| (*from, format::reader(layout))).collect();
    let mut fields = Fields::default();
    for seen in view.records.iter().chain(&view.stale) {
        let Some(record) = text.get(seen.start..seen.end) else { continue };
        let own = block.layout.format;
        let plain = own == "text";
        let turned = readers.iter().rev().find(|(from, _)| *from <= seen.place.offset);
        let reader = turned.map_or(&plain_reader, |(_, reader)| reader);
        let read = if plain { Err(Reject) } else { reader.parse(record, Want::All, &mut fields) };
        let format = match read {
            Ok(parsed) => Some(parsed.format(own)),
            Err(_) if !plain && block.is_of_lines() => strays.parse(record, Want::All, &mut fields),
            Err(_) => None,
        };
        if format.is_none() {
            fields.clear();
        }
        see(seen.place.offset, format.unwrap_or(own), &fields, record);
    }
}

/// Which log sources of the rules the records of the evidence have, and what could not be read. All of it is read.
pub fn reached(program: &Program, survey: &Survey, opening: &Opening, clock: &Clock) -> (Reached, Vec<Entry>) {
    let of_file = |file| {
        let mut reader = Reaching { program, clock, reached: Reached::default(), lost: Vec::new() };
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

struct Reaching<'p> {
    program: &'p Program,
    clock: &'p Clock,
    reached: Reached,
    lost: Vec<Entry>,
}

impl Visitor for Reaching<'_> {
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

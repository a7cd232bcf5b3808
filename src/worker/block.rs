//! The hot loop: one block through render, sift, parse, detect and tally.

mod cite;
mod dataless;
mod doubt;
pub(super) mod event;
mod hand;
mod hidden;
mod met;
mod over;
mod parts;
mod read;
mod rules;
mod touched;
mod whole;

use std::ops::Range;

use self::cite::Cite;
pub(super) use self::cite::{digest_at, excerpt};
use self::dataless::Dataless;
use self::doubt::{is_in_doubt, mark};
use self::hand::{Found, Hand, Known, Reached};
use self::whole::Open;
use super::source::{Damage, Told};
use super::stats::{Stats, Timed};
use crate::classify::Look;
use crate::detect::{self, Gate, Gates};
use crate::format::{self, Reader, Strays, Templates};
use crate::model::block::{Block, Extent, Spans};
use crate::model::fields::{Canon, Drawn, Fields, Seen, View, Want};
use crate::model::hit::MatchKind;
use crate::model::indicator::RawHit;
use crate::model::layout::Layout;
use crate::model::outline::Outline;
use crate::model::place::Place;
use crate::plan::Plan;
use crate::sift::{self, AtomHit, Sift, Words};
use crate::tally::{self, Tally};

/// Buffers that go from block to block.
#[derive(Default)]
pub(super) struct Scratch {
    view: View,
    /// Templates of Windows events that were met so far.
    templates: Templates,
    hits: Vec<RawHit>,
    atoms: Vec<AtomHit>,
    /// The record at hand stands in free space.
    is_stale: bool,
    /// Literals of patterns.
    traces: Vec<AtomHit>,
    /// Literals in names of data.
    names: Vec<AtomHit>,
    /// All of these, one behind the other.
    met: Vec<AtomHit>,
    /// What the record at hand is to be asked for because of them.
    look: Option<Look>,
    dataless: Dataless,
    candidates: Vec<u32>,
    /// A bit for each rule; none is set between records.
    marked: Vec<u64>,
    /// Patterns that a record may satisfy.
    patterns: Vec<u32>,
    matched: Vec<u32>,
    detect: detect::Scratch,
    shapes: format::Shapes,
    /// Whether the values of the record at hand are listed in the shapes.
    listed: bool,
    /// Whether it is sure to match its candidates.
    sure: bool,
}

/// One block with what the loop over its records needs.
struct Pass<'a, 's> {
    plan: &'a Plan,
    sift: &'a Sift<'s>,
    stats: &'a Stats,
    block: &'a Block,
    /// Stretches of the source that are in doubt, ascending.
    doubts: &'a [Range<u64>],
    reader: Reader<'a>,
    /// Reads those from an offset on up to the next; none where all are read alike.
    turned: Vec<(u64, Reader<'a>)>,
    /// Reads what the reader rejects.
    strays: Strays<'a>,
    text: &'a [u8],
    /// Whether the text is not the stored bytes.
    rendered: bool,
    /// Values of records whose text is their values alone, and what these are called.
    values: &'a [Drawn],
    templates: &'a Templates,
    /// Whether each of these records is to be searched as a whole.
    whole: bool,
    /// Whether there are records whose fields may say an indicator that their bytes do not show.
    some_hide: bool,
    /// Rules that may apply to this format.
    gate: Option<&'a Gate>,
}

/// Sifts, parses, detects and tallies one block, and adds to what is told. The tally is to be settled then with the digests of
/// its records.
pub(super) fn sift_block(
    (plan, gates): (&Plan, &Gates),
    sift: &Sift<'_>,
    stats: &Stats,
    (block, doubts): (&Block, &[Range<u64>]),
    scratch: &mut Scratch,
    (tally, told): (&mut Tally, &mut Told),
) {
    let ticks = plan.ticks.unwrap_or(|| 0);
    let begin = ticks();
    let gate = gates.get(block.layout.format);
    let sparse = over::is_sparse(plan, block);
    let (mut view, templates) = if sparse { <_>::default() } else { written(block, sift, scratch) };
    let rendered = view.is_rendered;
    let drawn = ticks();
    scratch.hits.clear();
    sift.indicators(if rendered { &view.rendered } else { &block.bytes }, &mut scratch.hits);
    if sparse {
        view = over::view(block, scratch);
    }
    mark(doubts, &mut view);
    let text: &[u8] = if rendered { &view.rendered } else { &block.bytes };
    let sifted = ticks();
    let Scratch { atoms, traces, names, met, .. } = &mut *scratch;
    [&mut *atoms, traces, names].into_iter().for_each(Vec::clear);
    let ruled = &text[..text.len() - if rendered { view.unruled } else { 0 }];
    sift.literals(gate.map(|gate| gate.set), ruled, met, (atoms, [traces, names]));
    let gated = ticks();
    let reader = format::reader(&block.layout);
    let turns: Vec<(u64, Layout)> = turned(block);
    let pass = Pass {
        plan,
        sift,
        stats,
        block,
        doubts,
        some_hide: !plan.indicators.list.is_empty() && reader.hides(text),
        reader,
        turned: turns.iter().map(|(from, layout)| (*from, format::reader(layout))).collect(),
        strays: Strays::new(&block.layout),
        text,
        rendered,
        values: &view.values,
        whole: templates.are_marked(),
        templates: &templates,
        gate,
    };
    if let Spans::Piece { shared } = block.spans {
        pass.piece(shared, &scratch.hits, told);
    } else {
        // The times of records are told in their order.
        if sparse {
            pass.edge(0, tally, &mut told.times);
        }
        pass.records(&view, scratch, tally, told);
        if sparse {
            pass.edge(1, tally, &mut told.times);
        }
    }
    (scratch.view, scratch.templates) = (view, templates);
    let end = ticks();
    stats.took(Timed::Render, drawn - begin);
    stats.took(Timed::SiftIndicators, sifted - drawn);
    stats.took(Timed::SiftAtoms, gated - sifted);
    stats.took(Timed::Records, end - gated);
    Stats::count(&stats.bytes, block.bytes.len() as u64);
    Stats::count(&stats.records, told.records);
    if told.records > 0 {
        let others = told.strays.keys().chain(told.carried.keys()).copied();
        stats.met(std::iter::once(block.layout.format).chain(others));
    }
}

/// The layouts of a block by which its records are read otherwise than by its own, with where they begin.
pub(super) fn turned(block: &Block) -> Vec<(u64, Layout)> {
    let (turns, end) = (&block.layout.turns, block.base + block.bytes.len() as u64);
    let first = turns.partition_point(|turn| turn.at <= block.base).saturating_sub(1);
    let within = turns.iter().skip(first).take_while(|turn| turn.at < end);
    within.map(|turn| (turn.at, block.layout.turned(turn))).collect()
}

/// The text of a block, and the templates that it takes to read it.
fn written(block: &Block, sift: &Sift<'_>, scratch: &mut Scratch) -> (View, Templates) {
    let (mut view, mut templates) = (std::mem::take(&mut scratch.view), std::mem::take(&mut scratch.templates));
    view.clear();
    view.skips_free = !sift.has_indicators();
    match block.spans {
        Spans::Piece { .. } if !block.layout.encoding.is_wide() => {}
        Spans::Chunk if !sift.words().is_some_and(Words::cross_values) => {
            format::draw(block, &mut templates, &mut view);
            templates.search(|text| {
                scratch.hits.clear();
                sift.indicators(text, &mut scratch.hits);
                !scratch.hits.is_empty()
            });
        }
        _ => format::render(block, &mut view),
    }
    (view, templates)
}

/// A record with the number that it bears in its log, where its fields say one: that of its frame is given anew by exports.
fn stated(mut seen: Seen, fields: &Fields<'_>) -> Seen {
    if seen.place.event_record_id.is_some() {
        seen.place.event_record_id = fields.number(Canon::EventSequence).or(seen.place.event_record_id);
    }
    seen
}

/// Counts a record and its bytes: as one of a format, as text, or as what its format could not read.
fn account(
    (parsed, format): (bool, &'static str),
    (place, is_live): (Place, bool),
    fields: &mut Fields<'_>,
    tally: &mut Tally,
    told: &mut Told,
) {
    if parsed {
        told.fates.parsed += place.length;
        if fields.time.is_none() {
            told.untimed += 1;
        }
        if is_live {
            fields.time.into_iter().for_each(|stamp| told.times.see(place.offset, stamp));
            tally.cover(format, fields);
            tally.number(fields, place);
        }
        return;
    }
    fields.clear();
    if format::is_text(format) {
        told.fates.raw_only += place.length;
    } else {
        told.fates.undecodable += place.length;
        told.rejected += 1;
    }
}

impl Pass<'_, '_> {
    /// All whole records of the block.
    fn records(&self, view: &View, scratch: &mut Scratch, tally: &mut Tally, told: &mut Told) {
        told.fates.framing += view.framing;
        told.fates.undecodable += view.undecodable;
        told.records = view.records.len() as u64 + view.passed.records;
        told.over(view.passed);
        if view.undecodable > 0 {
            let at = view.gaps.first().map_or(self.block.base, |gap| gap.place.offset);
            told.damage = Some(Damage { at, bytes: view.undecodable, blocks: 1, recovered: view.recovered });
        }
        let (found, mut reached, mut hand) = (Found::take(scratch), Reached::default(), Hand::default());
        hand.open = Open::of(view.records.first());
        for (at, seen) in view.records.iter().enumerate() {
            let hits = self.ask(seen, &found, &mut reached, scratch);
            let is_edge = at == 0 || at + 1 == view.records.len();
            let record = &self.text[seen.start..seen.end];
            told.cut_cells += u64::from(format::has_cut_cell(&self.block.layout, record));
            told.previews += u64::from(format::is_preview(&self.block.layout, record));
            self.live((seen, is_edge), hits, &mut hand, scratch, tally, told);
        }
        self.close_all(&mut hand.open, view.records.last(), scratch, told);
        scratch.is_stale = true;
        told.stale = view.stale.len() as u64;
        for seen in &view.stale {
            let hits = self.ask(seen, &found, &mut reached, scratch);
            let known = Known { outline: None, hits, hides: false };
            self.record((*seen, known), &mut hand.fields, scratch, tally, told);
        }
        scratch.is_stale = false;
        let mut next_hit = 0;
        for gap in &view.gaps {
            let gap_hits = take_within(&found.hits, &mut next_hit, gap, |h| h.start);
            if !gap_hits.is_empty() {
                hand.fields.clear();
                self.indicators((&Cite::new(*gap), self.text), gap_hits, &[], &hand.fields, told);
            }
        }
        found.give_back(scratch);
    }

    /// What a record is to be asked for because of what was met in it; gives the indicators in its bytes.
    fn ask<'f>(&self, seen: &Seen, found: &'f Found, reached: &mut Reached, scratch: &mut Scratch) -> &'f [RawHit] {
        self.candidates(seen, take_within(&found.atoms, &mut reached.atom, seen, |atom| atom.at), scratch);
        let traces = take_within(&found.traces, &mut reached.trace, seen, |trace| trace.at);
        self.patterns(seen, traces, &mut scratch.patterns);
        let names = take_within(&found.names, &mut reached.name, seen, |name| name.at);
        scratch.look = if names.is_empty() { None } else { self.looked(seen, names, scratch) };
        take_within(&found.hits, &mut reached.hit, seen, |hit| hit.start)
    }

    /// One record that the log holds: it is passed over, counted by its outline, or read.
    fn live<'b>(
        &'b self,
        (seen, is_edge): (&Seen, bool),
        hits: &[RawHit],
        hand: &mut Hand<'b>,
        scratch: &mut Scratch,
        tally: &mut Tally,
        told: &mut Told,
    ) {
        let Hand { fields, outline, open } = hand;
        let (is_ruled, record) = (!scratch.candidates.is_empty(), &self.text[seen.start..seen.end]);
        let hides = self.some_hide && self.reader.hides(record);
        let is_met = !(hits.is_empty() && scratch.patterns.is_empty()) || hides;
        // PERF: of JSON that is parsed anyway, the outline costs more than it saves.
        let is_parsed = is_ruled || scratch.look.is_some();
        let is_read = is_met || is_parsed && record.starts_with(b"{") || self.is_part(seen);
        if self.plan.hits_only
            && !is_read
            && !is_parsed
            && self.is_passed_over((seen, is_edge), outline, (&mut *fields, &mut *scratch), (tally, &mut told.times))
        {
            told.over(Extent { records: 1, bytes: seen.place.length });
            self.part(seen, fields, open, scratch, told);
            return;
        }
        let outlined =
            !is_read && !self.plan.hits_only && self.outline(seen, outline, (&mut scratch.shapes, scratch.listed));
        if outlined && let Some(known) = tally.recall(outline).filter(|known| !is_parsed || tally.keeps(*known)) {
            if is_parsed && self.plan.period.holds(outline.time.map(|stamp| stamp.at)) {
                self.parse(seen, Want::All, fields);
                if let Some((look, conversation)) = scratch.look.zip(tally.of(known)) {
                    self.touched(look, fields, || conversation.to_owned(), (&mut scratch.dataless, told));
                }
                if is_ruled {
                    self.rules(&Cite::new(*seen), (self.block.layout.format, record), fields, scratch, told);
                }
            }
            self.recalled(seen, (known, outline), tally, told);
            return;
        }
        let known = Known { outline: outlined.then_some(&*outline), hits, hides };
        self.record((*seen, known), fields, scratch, tally, told);
        self.part(seen, fields, open, scratch, told);
    }

    /// Reads the outline of a record of which only tallies and rules have need; false where it has none, or where its user
    /// agent may be a listed one.
    fn outline<'b>(&'b self, seen: &Seen, outline: &mut Outline<'b>, shapes: (&mut format::Shapes, bool)) -> bool {
        let (record, indicators) = (&self.text[seen.start..seen.end], &self.plan.indicators);
        self.reader_at(seen.place.offset).outline(record, !indicators.agents.is_empty(), shapes, outline)
            && !outline.agent.is_some_and(|agent| sift::agent_may_be_listed(indicators, agent))
    }

    /// Counts a record by its outline, as [`record`](Self::record) would by its fields. `known`: what an earlier one of the same
    /// identity came to.
    fn recalled(
        &self,
        seen: &Seen,
        (known, outline): (tally::Known, &Outline<'_>),
        tally: &mut Tally,
        told: &mut Told,
    ) {
        told.fates.parsed += seen.place.length;
        if !seen.place.in_doubt {
            tally.number_outlined(outline);
        }
        match outline.time {
            Some(stamp) if !seen.place.in_doubt => {
                told.times.see(seen.place.offset, stamp);
                tally.cover_time(stamp);
            }
            Some(_) => {}
            None => told.untimed += 1,
        }
        if self.plan.period.holds(outline.time.map(|stamp| stamp.at)) {
            tally.fold(known, outline, seen.place, &|place| digest_at(self.block, place));
        } else {
            told.left_out += 1;
        }
    }

    fn record<'b>(
        &'b self,
        (seen, known): (Seen, Known<'_, 'b>),
        fields: &mut Fields<'b>,
        scratch: &mut Scratch,
        tally: &mut Tally,
        told: &mut Told,
    ) {
        let record = &self.text[seen.start..seen.end];
        let counts = self.may_be_counted(scratch, told);
        let want = self.wanted(known, counts, scratch);
        let (format, parsed) = self.read((&seen, want), fields, scratch, told);
        account((parsed, format), (seen.place, !scratch.is_stale && !seen.place.in_doubt), fields, tally, told);
        let seen = stated(seen, fields);
        if !self.plan.period.holds(fields.time.map(|t| t.at)) {
            told.left_out += 1;
            return;
        }
        let cite = Cite::new(seen);
        let has_parts = parsed && fields.parts().next().is_some();
        if has_parts && !self.plan.hits_only {
            self.observe_parts((&seen, format), fields, tally);
        } else if parsed && !self.plan.hits_only {
            let read = (&mut *fields, known.outline);
            let is_traffic = tally.observe(format, read, seen.place, &|place| digest_at(self.block, place));
            if let Some(look) = scratch.look.filter(|_| is_traffic) {
                self.touched(look, fields, || tally.at_hand(), (&mut scratch.dataless, told));
            }
        }
        if !(counts && self.counted((&seen, format), fields, scratch, told)) {
            if counts && want != Want::All {
                self.parse(&seen, Want::All, fields);
            }
            self.rules(&cite, (format, record), fields, scratch, told);
        }
        self.listed((&cite, record), (known, has_parts), (want, format), fields, told);
        if parsed && !scratch.patterns.is_empty() {
            for (pattern, part) in self.plan.patterns.met(&scratch.patterns, fields) {
                match part {
                    None => self.met((pattern, MatchKind::Exact), None, &cite, fields, told),
                    Some(part) => self.shown((pattern, part), &cite, fields, told),
                }
            }
        }
    }

    /// Which fields of a record are wanted, by what is known of it and what it is to be asked for. `counts`: where rules are all
    /// that it is asked for, it may be counted by its columns.
    fn wanted(&self, known: Known<'_, '_>, counts: bool, scratch: &Scratch) -> Want {
        let is_ruled = !scratch.candidates.is_empty() && !counts;
        match () {
            () if is_ruled || !(known.hits.is_empty() && scratch.patterns.is_empty()) => Want::All,
            () if scratch.look.is_some() || known.hides => Want::All,
            () if self.plan.indicators.agents.is_empty() => Want::Columns,
            () => Want::Agents,
        }
    }

    /// Which patterns a record may satisfy: those whose literals are in it and those without, all where a literal may be
    /// written otherwise.
    fn patterns(&self, seen: &Seen, traces: &[AtomHit], may: &mut Vec<u32>) {
        may.clear();
        let patterns = &self.plan.patterns;
        if patterns.is_empty() {
            return;
        }
        if patterns.is_blind(self.block.layout.format, &self.text[seen.start..seen.end]) {
            may.extend(0..patterns.len() as u32);
            return;
        }
        may.extend_from_slice(&patterns.atoms.always);
        for trace in traces {
            may.extend_from_slice(&patterns.atoms.rules[trace.literal as usize]);
        }
        may.sort_unstable();
        may.dedup();
    }
}

/// The items whose position lies in a record, or in a stretch between records. Items before it are passed over.
fn take_within<'i, T>(items: &'i [T], next: &mut usize, seen: &Seen, at: impl Fn(&T) -> usize) -> &'i [T] {
    while *next < items.len() && at(&items[*next]) < seen.start {
        *next += 1;
    }
    let begin = *next;
    while *next < items.len() && at(&items[*next]) < seen.end {
        *next += 1;
    }
    &items[begin..*next]
}

//! One source while its blocks are under way.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::remarks;
use super::together::Holding;
use crate::format::{self, Limit};
use crate::model::block::{Block, Spans};
use crate::model::clock::{ClockTold, Stretch, Stretches};
use crate::model::correlation::Correlation;
use crate::model::data::Touched;
use crate::model::dates::DatesRead;
use crate::model::event::Events;
use crate::model::hit::{IndicatorRef, LastKept, RULE_HITS_KEPT, Sighting, Sightings};
use crate::model::hits::{IndicatorHits, PartHits, RuleHits};
use crate::model::indicator::IndicatorMeta;
use crate::model::layout::Layout;
use crate::model::ledger::{Entry, EntryKind, Fates, Note, Reason};
use crate::model::observation::Observations;
use crate::model::pages::Answers;
use crate::model::part::{PART_HITS_KEPT, PartRef};
use crate::model::partial::{Covered, SourcePartial};
use crate::model::rule::RuleMeta;
use crate::model::source::SourceMeta;
use crate::plan::Plan;
use crate::tally::{self, Tally};

/// What one block told.
#[derive(Default)]
pub(super) struct Told {
    pub fates: Fates,
    pub records: u64,
    /// Records in the free space of chunks, which are not among them.
    pub stale: u64,
    pub untimed: u64,
    pub rejected: u64,
    /// Records of other formats than the source's, by format.
    pub strays: BTreeMap<&'static str, u64>,
    /// Records that carry a line of another log, by its format.
    pub carried: BTreeMap<&'static str, u64>,
    /// Records outside of the period that was asked for.
    pub left_out: u64,
    /// Records that were searched and, as nothing was met in them, not read.
    pub passed_over: u64,
    /// Records with a cell that is as long as one of a spreadsheet can be.
    pub cut_cells: u64,
    /// Records of results that were given before a search was done.
    pub previews: u64,
    /// What of the block could not be decoded.
    pub damage: Option<Damage>,
    pub indicators: BTreeMap<IndicatorRef, Sightings>,
    pub parts: BTreeMap<PartRef, Sightings>,
    pub rules: BTreeMap<Box<str>, Sightings>,
    /// Of rules of which the source keeps as many records as it may already: the last of them.
    pub full: BTreeMap<Box<str>, LastKept>,
    /// Records on which correlations count.
    pub events: Events,
    /// What conversations show of data.
    pub touched: Touched,
    /// Parts of events of which others may stand in another block.
    pub held: Holding,
    /// Hits in pieces of an oversize record, by the record's index: one per record and indicator counts.
    pub pieces: BTreeMap<(u64, IndicatorRef), Sighting>,
    /// The oversize record whose first piece this is.
    pub oversize: u64,
    pub indicator_metas: BTreeMap<(Box<str>, Box<str>), Arc<IndicatorMeta>>,
    /// The times of the records, in their order.
    pub times: Stretch,
}

/// Bytes that could not be decoded.
#[derive(Clone, Copy)]
pub(super) struct Damage {
    /// Offset of the first of them.
    pub at: u64,
    /// How many.
    pub bytes: u64,
    /// In how many blocks.
    pub blocks: u64,
    /// Records that were read from chunks whose header is lost.
    pub recovered: u64,
}

impl Damage {
    fn join(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        let (Some(a), Some(b)) = (one, other) else { return one.or(other) };
        Some(Self {
            at: a.at.min(b.at),
            bytes: a.bytes + b.bytes,
            blocks: a.blocks + b.blocks,
            recovered: a.recovered + b.recovered,
        })
    }
}

#[derive(Default)]
struct Joined {
    /// Sums, notes and pieces of all blocks; their hits stand below.
    told: Told,
    indicators: IndicatorHits,
    parts: PartHits,
    rules: RuleHits,
    events: Events,
    notes: Vec<Note>,
    cut: u64,
    /// Digest of the decoded bytes, where they are not those of the file.
    content: Option<Box<str>>,
    digest: Option<String>,
    given: bool,
    /// Whether none of its times counts.
    is_doubtful: bool,
    /// How its dates are read, where they do not show the order of day and month.
    dates: Option<DatesRead>,
    /// Whether they were read in another order than they show.
    is_misread: bool,
    /// The times of the records, in their order.
    times: Stretches,
    /// What was known of its clock before it was read.
    clock: ClockTold,
    /// What the answers in it say of their search.
    answers: Option<Answers>,
}

/// A source with the number of blocks that are still under way.
pub(super) struct Source {
    meta: SourceMeta,
    format: &'static str,
    /// The numbers of records at which it may have been cut as it was exported.
    limits: Vec<Limit>,
    /// What rules ask for and its table has no column for.
    lacking: Vec<&'static str>,
    /// Blocks under way, plus one while the producer is at work.
    pending: AtomicUsize,
    joined: Mutex<Joined>,
    /// Stretches of decoded bytes that no checksum confirms and that damage makes doubtful, ascending.
    doubts: Vec<Range<u64>>,
    /// What the records add up to, apart for each thread, so that none waits for another.
    tallies: Vec<Mutex<Tally>>,
}

/// What rules, correlations and feeds say of what was met.
pub(super) struct Metas {
    pub rules: BTreeMap<Box<str>, Arc<RuleMeta>>,
    pub correlations: BTreeMap<Box<str>, Arc<Correlation>>,
    pub indicators: BTreeMap<(Box<str>, Box<str>), Arc<IndicatorMeta>>,
}

impl Source {
    pub(super) fn new(meta: SourceMeta, layout: &Layout, threads: usize, doubts: Vec<Range<u64>>) -> Self {
        Self {
            doubts,
            limits: format::limits(layout),
            lacking: format::lacking(layout),
            tallies: tally::accounts(threads).into_iter().map(Mutex::new).collect(),
            meta,
            format: layout.format,
            pending: AtomicUsize::new(1),
            joined: Mutex::default(),
        }
    }

    /// Whether this is an evidence file of `size` bytes itself, not what is packed in one.
    pub(super) fn is_plain(&self, size: u64) -> bool {
        self.meta.locator == self.meta.evidence && self.meta.size == Some(size)
    }

    /// Stretches of decoded bytes that are in doubt.
    pub(super) fn doubts(&self) -> &[Range<u64>] {
        &self.doubts
    }

    /// Some of it turned out to be in doubt, and it cannot be read again: none of its times counts.
    pub(super) fn cover_nothing(&self) {
        self.lock().is_doubtful = true;
    }

    /// Its dates do not show the order of day and month, and are read so.
    pub(super) fn read_dates(&self, dates: DatesRead) {
        self.lock().dates = Some(dates);
    }

    /// Its dates were read as the user says, and show the other order; it cannot be read again.
    pub(super) fn misread_dates(&self, dates: DatesRead) {
        let mut joined = self.lock();
        (joined.dates, joined.is_misread) = (Some(dates), true);
    }

    /// This is known of its clock before it is read, or is told of it where it cannot be read again.
    pub(super) fn know_clock(&self, clock: ClockTold) {
        self.lock().clock.join(clock);
    }

    /// The times of its records; to be asked when all of them are read.
    pub(super) fn times(&self) -> Stretch {
        let mut joined = self.lock();
        let all = joined.times.take();
        joined.times.add(0, u64::MAX, all.clone());
        all
    }

    /// The running account of this thread.
    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        let own = rayon::current_thread_index().unwrap_or(0) % self.tallies.len();
        self.tallies[own].lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn block_begins(&self) {
        self.pending.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether blocks are under way; to be asked while the producer is at work.
    pub(super) fn has_blocks(&self) -> bool {
        self.pending.load(Ordering::Acquire) > 1
    }

    pub(super) fn block_ends(&self) {
        self.pending.fetch_sub(1, Ordering::AcqRel);
    }

    fn lock(&self) -> MutexGuard<'_, Joined> {
        self.joined.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a block begins with: no records are kept of it that come behind enough others in any whole.
    pub(super) fn begin(&self) -> Told {
        let joined = self.lock();
        let held = joined.rules.held.iter();
        let full = held.filter_map(|(rule, sightings)| Some((rule.clone(), sightings.last_kept(RULE_HITS_KEPT)?)));
        Told { full: full.collect(), ..Told::default() }
    }

    /// Joins what a block told. Commutes.
    pub(super) fn join(&self, told: Told, block: &Block, plan: &Plan) {
        let mut joined = self.lock();
        let shared = if let Spans::Piece { shared } = block.spans { shared } else { 0 };
        joined.times.add(block.base + shared as u64, block.base + block.bytes.len() as u64, told.times);
        joined.indicators.join(told.indicators, plan.max_evidence, &plan.work);
        joined.parts.join(told.parts, PART_HITS_KEPT, &plan.work);
        joined.rules.join(told.rules, RULE_HITS_KEPT, &plan.work);
        joined.events.join(told.events, plan.events_kept, &plan.work);
        let all = &mut joined.told;
        all.fates.add(&told.fates);
        all.records += told.records;
        all.stale += told.stale;
        all.untimed += told.untimed;
        all.rejected += told.rejected;
        all.left_out += told.left_out;
        all.passed_over += told.passed_over;
        all.cut_cells += told.cut_cells;
        all.previews += told.previews;
        for (format, records) in told.carried {
            *all.carried.entry(format).or_default() += records;
        }
        for (format, records) in told.strays {
            *all.strays.entry(format).or_default() += records;
        }
        all.damage = Damage::join(all.damage, told.damage);
        all.oversize += told.oversize;
        all.touched.join(told.touched);
        all.held.join(told.held);
        for (key, sighting) in told.pieces {
            let kept = all.pieces.entry(key).or_insert_with(|| sighting.clone());
            if sighting < *kept {
                *kept = sighting;
            }
        }
        all.indicator_metas.extend(told.indicator_metas);
    }

    /// A block whose parser panicked: its bytes are accounted for, its records are lost.
    pub(super) fn failed(&self, block: &Block, note: Note) {
        let mut joined = self.lock();
        let shared = match block.spans {
            crate::model::block::Spans::Piece { shared } => shared,
            _ => 0,
        };
        joined.told.fates.undecodable += (block.bytes.len() - shared) as u64;
        joined.notes.push(note);
    }

    /// The producer has split everything. Without a `content` of its own, the source has that of the file.
    pub(super) fn split_done(
        &self,
        notes: Vec<Note>,
        (cut, content): (u64, Option<Box<str>>),
        answers: Option<Answers>,
    ) {
        let mut joined = self.lock();
        joined.answers = answers;
        joined.notes.extend(notes);
        joined.cut = cut;
        joined.content = content;
    }

    /// The file is read to its end and its digest is known: the producer lets go of the source.
    pub(super) fn produced(&self, digest: Option<String>, file_notes: &[Note]) {
        let mut joined = self.lock();
        joined.digest = digest;
        joined.notes.extend(file_notes.iter().cloned());
        drop(joined);
        self.block_ends();
    }

    /// The result, once, when nothing is under way any more.
    pub(super) fn take_if_done(&self, plan: &Plan) -> Option<(SourcePartial, Metas)> {
        if self.pending.load(Ordering::Acquire) != 0 {
            return None;
        }
        let mut locked = self.lock();
        if std::mem::replace(&mut locked.given, true) {
            return None;
        }
        let joined = std::mem::replace(&mut *locked, Joined { given: true, ..Joined::default() });
        drop(locked);
        Some(self.partial(plan, joined))
    }

    fn partial(&self, plan: &Plan, mut joined: Joined) -> (SourcePartial, Metas) {
        let tallies =
            self.tallies.iter().map(|tally| std::mem::take(&mut *tally.lock().unwrap_or_else(PoisonError::into_inner)));
        let (covered, observations) = tally::gather(tallies);
        let covered = self.covered(plan, &mut joined, covered);
        joined.settle(plan);
        joined.notes.extend(joined.remarks(plan, self, &observations));
        let entry = self.entry(&mut joined);
        let Joined { told, indicators, parts, rules, events, content, .. } = joined;
        let metas = metas(plan, &rules, told.indicator_metas);
        let content = content.or_else(|| entry.digest.as_deref().map(Into::into)).unwrap_or_default();
        let (copies, touched) = (Vec::new(), told.touched);
        let partial =
            SourcePartial { entry, content, copies, covered, indicators, parts, rules, events, observations, touched };
        (partial, metas)
    }

    /// What the source covers, of what its tallies covered; what leaves room for doubt is noted.
    fn covered(&self, plan: &Plan, joined: &mut Joined, mut covered: Covered) -> Covered {
        if joined.is_doubtful {
            let Covered { unread, held, clocked, access, sampled, throttled, .. } = covered;
            let throttled = throttled.first().map(|_| None).into_iter().collect();
            let is_doubtful = true;
            covered = Covered { unread, held, clocked, access, sampled, throttled, is_doubtful, ..Covered::default() };
            let detail = "a checksum of what it was packed in does not hold: its records may be scrambled, and tell nothing of the time that the log covers; collect another copy";
            joined.notes.push(Note::new(Reason::Damaged, detail));
        }
        // Of exports not all records were read.
        if plan.hits_only {
            covered.numbers.values_mut().for_each(|runs| runs.retain(|run| run.original));
            covered.numbers.retain(|_, runs| !runs.is_empty());
        }
        let untimed = joined.told.untimed;
        // Dates beside the time of a record leave nothing open.
        let dates = joined.dates.take().filter(|dates| !dates.is_open() || untimed > 0 || joined.is_misread);
        joined.notes.extend(dates.as_ref().and_then(|dates| remarks::of_dates(dates, untimed)));
        joined.notes.extend(joined.is_misread.then(remarks::of_misread));
        covered.dates = dates;
        covered.clock.join(std::mem::take(&mut joined.clock));
        if !plan.hits_only && self.format != "evtx" {
            let times = joined.times.take();
            covered.clock.set_back = times.set_back();
            covered.clock.begins = times.begins().filter(|_| !covered.clock.set_back.is_empty());
        }
        covered.answers = std::mem::take(&mut joined.answers);
        covered.lacking = self.lacking.iter().map(|what| Box::from(*what)).collect();
        covered.in_doubt = self.doubts.iter().map(|stretch| (stretch.start, stretch.end)).collect();
        for (format, records) in &joined.told.carried {
            *covered.held.entry((*format).into()).or_default() += records;
        }
        covered
    }

    /// The line of the ledger, with all notes.
    fn entry(&self, joined: &mut Joined) -> Entry {
        let mut entry = Entry::new(EntryKind::Source, self.meta.locator.clone(), self.meta.evidence.clone());
        entry.bytes = joined.told.fates;
        entry.bytes.cut_by_limit += joined.cut;
        entry.size = entry.bytes.total();
        entry.digest = joined.digest.take();
        entry.format = Some(self.format.to_owned());
        entry.records = joined.told.records;
        entry.untimed = joined.told.untimed;
        entry.notes = std::mem::take(&mut joined.notes);
        entry.notes.sort();
        entry.notes.dedup();
        entry
    }
}

impl Joined {
    /// Joins what was held until all was told, and writes out what outgrows memory.
    fn settle(&mut self, plan: &Plan) {
        let (together, more, notes) = std::mem::take(&mut self.told.held).finish(plan);
        self.notes.extend(notes);
        self.events.join(more, plan.events_kept, &plan.work);
        self.rules.join(together, RULE_HITS_KEPT, &plan.work);
        self.indicators.join(of_pieces(&self.told.pieces), plan.max_evidence, &plan.work);
        self.indicators.write_out(&plan.work);
        self.parts.write_out(&plan.work);
        self.rules.write_out(&plan.work);
        self.events.write_out(&plan.work);
    }

    /// What is to be said of the source.
    fn remarks(&self, plan: &Plan, of: &Source, observations: &Observations) -> Vec<Note> {
        let Self { told, rules, indicators, parts, events, .. } = self;
        let mut notes: Vec<Note> = Vec::new();
        notes.extend(remarks::of_records(of.format, told));
        notes.extend(remarks::of_export(&of.limits, told));
        notes.extend(remarks::of_caps(plan, rules, indicators, observations));
        notes.extend(remarks::of_data(told.touched.rest));
        notes.extend(parts.iter().filter_map(|(part, sightings)| remarks::of_part(&part, &sightings)));
        notes.extend(remarks::of_events(plan, rules, events));
        notes
    }
}

/// What the rules and indicators that were met are.
fn metas(plan: &Plan, rules: &RuleHits, indicators: BTreeMap<(Box<str>, Box<str>), Arc<IndicatorMeta>>) -> Metas {
    let hit: BTreeSet<Box<str>> = rules.iter().map(|(id, _)| id.into_owned()).collect();
    let met = hit.iter().filter_map(|id| plan.program.named(id));
    let rules = met.map(|meta| (meta.id.as_str().into(), Arc::new(meta.clone()))).collect();
    Metas { rules, correlations: concerned(plan, &hit), indicators }
}

/// The correlations that count on these rules, also by others.
fn concerned(plan: &Plan, hit: &BTreeSet<Box<str>>) -> BTreeMap<Box<str>, Arc<Correlation>> {
    let mut all: BTreeMap<Box<str>, Arc<Correlation>> = BTreeMap::new();
    for correlation in &plan.program.correlations().list {
        if correlation.targets().any(|id| hit.contains(&**id) || all.contains_key(&**id)) {
            all.insert(correlation.meta.id.as_str().into(), Arc::new(correlation.clone()));
        }
    }
    all
}

/// The hits in pieces of oversize records, each record counted once.
fn of_pieces(pieces: &BTreeMap<(u64, IndicatorRef), Sighting>) -> BTreeMap<IndicatorRef, Sightings> {
    let mut all: BTreeMap<IndicatorRef, Sightings> = BTreeMap::new();
    for ((_, indicator), sighting) in pieces {
        let sightings = all.entry(indicator.clone()).or_default();
        sightings.add(usize::MAX, sighting.outcome, sighting.time, sighting.place, || sighting.clone());
        sightings.add_who(sighting.subject.clone(), sighting.outcome, sighting.time);
    }
    all
}

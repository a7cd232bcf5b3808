//! What happens to one evidence file, and the hot loop over its blocks.
//!
//! A file is opened by one thread, its *producer*, which decodes, recognises and splits. Each block becomes a task for
//! any core; once [`Plan::in_flight_bytes`] wait, the producer sifts the next block itself. Pieces of a compressed file
//! are tasks as well (`helpers`). So no thread ever waits on another, and memory stays bounded. Block results join
//! into their source in any order: the joins commute.

mod block;
mod content;
mod copies;
mod helpers;
mod orders;
mod places;
mod records;
mod remarks;
mod sample;
mod source;
mod stats;
mod together;
mod trial;
mod turns;
mod years;

use std::collections::{BTreeMap, VecDeque};
use std::ops::{Range, RangeInclusive};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rayon::Scope;

use crate::detect::Gates;
use crate::format::{self, Clock};
use crate::model::atoms::Atoms;
use crate::model::block::{Block, CELL_BYTES, OVERSIZE_BYTES};
use crate::model::chunk;
use crate::model::clock::{ClockTold, YearsRead};
use crate::model::dates::{DatesRead, Order};
use crate::model::layout::{Framing, Layout};
use crate::model::ledger::{Entry, EntryKind, Note, Reason};
use crate::model::partial::{Partial, SourcePartial};
use crate::model::place::Locator;
use crate::model::source::{Listed, SourceMeta, Stream, Survey, Visitor};
use crate::open::{self, Opened};
use crate::plan::Plan;
use crate::sift::Sift;
use crate::split::Splitter;

use block::Scratch;
use content::Content;
pub use copies::tell_copies;
use helpers::Helpers;
use orders::Seen;
pub use orders::{Rotations, survey_dates};
pub use records::{Bytes, each_record, each_record_of, reached};
pub use sample::gates;
use source::Source;
pub use stats::Stats;
pub use trial::{Fault, trial};
use turns::Turns;
pub use years::survey_years;

/// Decoded bytes looked at to recognise a format, where they hold a few records.
const HEAD_BYTES: usize = 64 * 1024;
/// Decoded bytes looked at where the first records are long: a record that is longer is not parsed in any format.
const HEAD_LIMIT_BYTES: usize = OVERSIZE_BYTES;

/// Room of the buffers that are kept for blocks to come: that of a grid cell and a read, and some more.
const SPARE_BYTES: RangeInclusive<usize> = CELL_BYTES..=4 * CELL_BYTES;

/// Names of data, where nobody asks for them.
static NO_NAMES: Atoms = Atoms { literals: Vec::new(), rules: Vec::new(), always: Vec::new() };

/// What all threads of one scan share.
pub struct Engine<'p> {
    plan: &'p Plan,
    gates: &'p Gates,
    /// What files show of the order of day and month, as the survey saw it.
    rotations: Rotations,
    /// What tells the years of files that write none, as the survey saw it.
    years: BTreeMap<Locator, YearsRead>,
    sift: Sift<'p>,
    waiting_bytes: AtomicUsize,
    /// Blocks that wait for a core; there is a task for each of them, which takes whichever comes first.
    waiting: Mutex<VecDeque<(Arc<Source>, Block)>>,
    /// Buffers of blocks that were worked on: no more than there are threads, and one.
    spare: Mutex<Vec<Vec<u8>>>,
    /// What pieces of compressed files that are under way may take.
    ahead_bytes: AtomicUsize,
    scratch: Mutex<Vec<Scratch>>,
    done: Mutex<Partial>,
    /// Where the time went, for `-v`.
    pub stats: Stats,
}

impl<'p> Engine<'p> {
    /// An engine for this plan, with the gates of its program as they were chosen for the evidence of this survey.
    pub fn new(plan: &'p Plan, gates: &'p Gates, survey: &Survey) -> Self {
        let names = if plan.hits_only { &NO_NAMES } else { plan.classifier.atoms() };
        Self {
            plan,
            gates,
            rotations: Rotations::of(survey),
            years: survey.years.clone(),
            sift: Sift::with_sets(&plan.indicators, gates.sets())
                .expecting(gates.expected())
                .beside([&plan.patterns.atoms, names]),
            waiting_bytes: AtomicUsize::new(0),
            waiting: Mutex::default(),
            spare: Mutex::default(),
            ahead_bytes: AtomicUsize::new(0),
            scratch: Mutex::new(Vec::new()),
            done: Mutex::new(Partial::default()),
            stats: Stats::default(),
        }
    }

    /// The results of everything that was scanned.
    pub fn finish(self) -> (Partial, Stats) {
        (self.done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner), self.stats)
    }

    /// Scans one evidence file. Never panics: a parser's panic is in the ledger.
    pub fn scan_file<'s>(&'s self, file: &Listed, tasks: &Scope<'s>)
    where
        'p: 's,
    {
        let mut read = self.read_file(file, tasks, Found::default());
        // What of damaged evidence is in doubt, its decoder knows at the end, and so does who reads dates in which order day and month
        // are. Then it is read once more; until the sources are let go, nothing counts of what was read first. Standard input is not
        // there twice.
        let doubts = read.1.as_ref().map_or_else(|_| BTreeMap::new(), |opened| opened.doubts.clone());
        let orders = orders::settled(&read.0.seen, &self.rotations, self.plan.clocks.day_first);
        let turns = std::mem::take(&mut read.0.turns);
        let found = Found { doubts, orders, turns };
        if !found.is_empty() && file.path.is_some() {
            let told_bytes = read.0.told_bytes;
            read = self.read_file(file, tasks, found);
            read.0.told_bytes = told_bytes;
        } else {
            read.0.sources.iter().enumerate().for_each(|(at, source)| {
                let number = at as u64;
                if found.doubts.contains_key(&number) {
                    source.cover_nothing();
                }
                if let Some(turns) = found.turns.get(&number) {
                    source.know_clock(turns.told(false));
                }
            });
        }
        let (Producer { sources, mut entries, told_bytes, .. }, opened) = read;
        let (digest, size, failed) = match opened {
            Ok(opened) => (opened.digest, opened.size, None),
            Err(note) => (None, file.size, Some(note)),
        };
        if let Some(note) = failed {
            let mut entry = Entry::new(EntryKind::Skipped, file.locator.clone(), file.locator.clone());
            entry.size = size;
            entry.notes.push(note);
            entries.push(entry);
        }
        self.hand_over_entries(entries, file, digest.as_deref());
        for source in sources {
            source.produced(digest.clone(), &file.notes);
            self.hand_over_if_done(&source);
        }
        if let Some(progress) = &self.plan.progress {
            progress(size.saturating_sub(told_bytes));
        }
    }

    /// Reads a file from its begin to its end; what was found out of its leaves is known, or nothing is.
    fn read_file<'s, 't>(
        &'s self,
        file: &Listed,
        tasks: &'t Scope<'s>,
        found: Found,
    ) -> (Producer<'p, 's, 't>, Result<Opened, Note>)
    where
        'p: 's,
    {
        let (sources, entries, seen, turns) = (Vec::new(), Vec::new(), BTreeMap::new(), BTreeMap::new());
        let (size, is_again, is_file) = (file.size, !found.is_empty(), file.path.is_some());
        let mut producer = Producer {
            engine: self,
            tasks,
            found,
            is_again,
            is_file,
            seen,
            turns,
            sources,
            entries,
            size,
            told_bytes: 0,
        };
        let hands = Helpers { engine: self, tasks };
        let opened =
            catch_unwind(AssertUnwindSafe(|| open::open_file_with(file, &self.plan.opening, &hands, &mut producer)));
        (producer, opened.map_err(|panic| panic_note(panic.as_ref())))
    }

    fn hand_over_entries(&self, entries: Vec<Entry>, file: &Listed, digest: Option<&str>) {
        let mut done = self.done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for mut entry in entries {
            entry.digest = digest.map(str::to_owned);
            if entry.source == file.locator {
                entry.notes.extend(file.notes.iter().cloned());
            }
            entry.notes.sort();
            entry.notes.dedup();
            add_source(&mut done, SourcePartial::ledger_only(entry));
        }
    }

    /// Gives a block to any core, or sifts it here when enough wait already.
    fn dispatch<'s>(&'s self, source: &Arc<Source>, block: Block, tasks: &Scope<'s>)
    where
        'p: 's,
    {
        let bytes = block.bytes.capacity();
        source.block_begins();
        let waiting = self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        if waiting + bytes > self.plan.in_flight_bytes {
            self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.work(source, &block);
            self.spare(block);
            return;
        }
        self.lock_waiting().push_back((Arc::clone(source), block));
        tasks.spawn(move |_| {
            self.work_waiting();
        });
    }

    /// Works on whatever waits until no block of a source is under way but those that others work on, and then until these are done.
    ///
    /// Nobody who works on a block waits for another, so that this comes to an end.
    fn work_all(&self, source: &Source) {
        while source.has_blocks() {
            if !self.work_waiting() {
                std::thread::yield_now();
            }
        }
    }

    fn lock_waiting(&self) -> MutexGuard<'_, VecDeque<(Arc<Source>, Block)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sifts the block that has waited longest; `false` where none waits.
    fn work_waiting(&self) -> bool {
        let Some((source, block)) = self.lock_waiting().pop_front() else { return false };
        self.work(&source, &block);
        self.waiting_bytes.fetch_sub(block.bytes.capacity(), Ordering::Relaxed);
        self.spare(block);
        true
    }

    /// Keeps the buffer of a block that was worked on, for the next ones: a few, and none that is unusual in size.
    fn spare(&self, block: Block) {
        let mut spare = self.lock_spare();
        if spare.len() <= self.plan.threads && SPARE_BYTES.contains(&block.bytes.capacity()) {
            spare.push(block.bytes);
        }
    }

    fn lock_spare(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sifts one block and joins what it told into its source.
    fn work(&self, source: &Arc<Source>, block: &Block) {
        let (mut scratch, mut told) = (self.take_scratch(), source.begin());
        let worked = catch_unwind(AssertUnwindSafe(|| {
            let mut tally = source.tally();
            let with = (self.plan, self.gates);
            block::sift_block(
                with,
                &self.sift,
                &self.stats,
                (block, source.doubts()),
                &mut scratch,
                (&mut tally, &mut told),
            );
        }));
        // Also after a panic: no other block can tell the digests of this one's records.
        let (ticks, mut tally) = (self.plan.ticks.unwrap_or(|| 0), source.tally());
        let begin = ticks();
        tally.settle(&|place| block::digest_at(block, place));
        self.stats.took(stats::Timed::Records, ticks() - begin);
        drop(tally);
        match worked {
            Ok(()) => {
                source.join(told, block, self.plan);
                self.scratch.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(scratch);
            }
            Err(panic) => source.failed(block, panic_note(panic.as_ref()).at(block.base)),
        }
        source.block_ends();
        self.hand_over_if_done(source);
    }

    fn take_scratch(&self) -> Scratch {
        self.scratch.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn hand_over_if_done(&self, source: &Source) {
        if let Some((partial, metas)) = source.take_if_done(self.plan) {
            let mut done = self.done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            done.rules.extend(metas.rules);
            done.correlations.extend(metas.correlations);
            done.indicators.extend(metas.indicators);
            add_source(&mut done, partial);
        }
    }
}

fn add_source(done: &mut Partial, partial: SourcePartial) {
    let key = partial.key();
    done.sources.insert(key, Arc::new(partial));
}

/// A panic as a ledger note.
fn panic_note(panic: &(dyn std::any::Any + Send)) -> Note {
    let text = panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    Note::new(Reason::ParserFailed, format!("a parser failed: {text}; please report it"))
}

/// What the first reading of a file found out, by the number of the leaf.
#[derive(Default)]
struct Found {
    /// Stretches in doubt.
    doubts: BTreeMap<u64, Vec<Range<u64>>>,
    /// The order of day and month.
    orders: BTreeMap<u64, Order>,
    /// Where it goes on into another year that is not written, or into an hour that comes again.
    turns: BTreeMap<u64, Turns>,
}

impl Found {
    fn is_empty(&self) -> bool {
        self.doubts.is_empty() && self.orders.is_empty() && self.turns.is_empty()
    }
}

/// Takes the leaf streams of one file and turns them into blocks.
struct Producer<'e, 's, 't> {
    engine: &'s Engine<'e>,
    tasks: &'t Scope<'s>,
    found: Found,
    /// Whether the file was read before: the progress bar knows of all of it then.
    is_again: bool,
    /// Whether it can be read again.
    is_file: bool,
    /// What the records of a leaf show of the order of day and month, where they have such dates.
    seen: BTreeMap<u64, Seen>,
    /// What the times of a leaf show of years and hours.
    turns: BTreeMap<u64, Turns>,
    sources: Vec<Arc<Source>>,
    entries: Vec<Entry>,
    /// Stored bytes of the file.
    size: u64,
    /// How many of them the progress bar knows of already.
    told_bytes: u64,
}

impl<'e: 's, 's> Visitor for Producer<'e, 's, '_> {
    fn leaf(&mut self, meta: SourceMeta, stream: &mut dyn Stream) {
        let plan = self.engine.plan;
        let (zone, zone_given) = plan.clocks.of(&meta.locator);
        let mut notes = Vec::new();
        let (head, whole) = head_of(stream, &mut notes);
        let is_broken = !notes.is_empty();
        let mut layout = format::recognise(&head, whole, &meta, &Clock { zone, zone_given });
        layout.host_clocks = Arc::clone(&plan.clocks.by_host);
        let number = self.sources.len() as u64;
        notes.extend(remarks::of_head(&head, layout.framing));
        let stated = if layout.framing == Framing::Evtx { chunk::stated_bytes(&head) } else { None };
        years::tell(&self.engine.years, &meta.locator, &mut layout);
        let dates = self.told_order(number, &mut layout);
        let known = self.told_clock(number, &mut layout);
        let may_turn = !self.is_again && turns::may_turn(&layout, &head);
        let layout = Arc::new(layout);
        let doubts = self.found.doubts.remove(&number).unwrap_or_default();
        notes.extend(doubt_note(&doubts));
        let locator = meta.locator.clone();
        let source = Arc::new(Source::new(meta, &layout, plan.threads, doubts));
        dates.into_iter().for_each(|dates| source.read_dates(dates));
        source.know_clock(known);
        self.sources.push(Arc::clone(&source));
        // Of a plain file, what is read is what is stored, and a large one is long under way.
        let is_plain = source.is_plain(self.size);
        let content = Content::of(plan, is_plain);
        let mut passed = 0;
        let mut hashed = Hashed { stream, content, ended: is_broken, bytes: head.len() as u64 };
        hashed.content.update(&head);
        let mut splitter = Splitter::new(Arc::clone(&layout), plan.cell_bytes, format::relayout);
        splitter.feed(&head);
        drop(head);
        loop {
            splitter.reuse(|| self.engine.lock_spare().pop());
            let Some(block) = splitter.next(&mut hashed) else { break };
            self.engine.dispatch(&source, block, self.tasks);
            if let Some(progress) = plan.progress.as_ref().filter(|_| is_plain && !self.is_again) {
                progress(hashed.bytes - std::mem::replace(&mut passed, hashed.bytes));
            }
        }
        self.told_bytes += passed;
        notes.extend(splitter.notes());
        notes.extend(hashed.stream.notes());
        notes.extend(remarks::of_length(stated, hashed.bytes));
        source.split_done(notes, (splitter.cut(), hashed.content.finish()), splitter.answers());
        self.see_order(number, locator, &layout, &source);
        if may_turn {
            self.engine.work_all(&source);
            self.turns.extend(Turns::of(&source.times()).map(|turns| (number, turns)));
        }
    }

    fn entry(&mut self, entry: Entry) {
        self.entries.push(entry);
    }
}

impl Producer<'_, '_, '_> {
    /// Puts the order of day and month in the layout of a leaf, where something beside its begin told it, and says what.
    fn told_order(&mut self, number: u64, layout: &mut Layout) -> Option<DatesRead> {
        let asks = layout.dates.is_some();
        // What cannot be read again is read as the user says at once.
        let by_user = || orders::by_user(self.engine.plan.clocks.day_first).filter(|_| asks && !self.is_file);
        let order = self.found.orders.remove(&number).or_else(by_user)?;
        layout.day_first = Some(order.day_first);
        // What it shows then is known when it was read.
        layout.dates = layout.dates.take().filter(|_| !self.is_file);
        DatesRead::by(&order)
    }

    /// Puts in the layout of a leaf where it turns to other years or hours, as far as that is known, and says so.
    fn told_clock(&mut self, number: u64, layout: &mut Layout) -> ClockTold {
        let turns = self.found.turns.remove(&number);
        layout.turns = turns.iter().flat_map(|turns| turns.list()).collect();
        let told = turns.map(|turns| turns.told(true)).unwrap_or_default();
        ClockTold { years: layout.years.as_deref().cloned(), ..told }
    }

    /// Notes what a leaf that was read to its end shows of the order of day and month.
    fn see_order(&mut self, number: u64, locator: Locator, layout: &Arc<Layout>, source: &Arc<Source>) {
        if let Some(dates) = &layout.dates {
            self.engine.work_all(source);
            let open = || DatesRead { readings: format::readings(dates, layout), ..DatesRead::default() };
            match layout.day_first {
                _ if !dates.are_open() => {}
                None => source.read_dates(open()),
                Some(said) if format::order_shown(dates) == Some(!said) => source.misread_dates(open()),
                Some(_) => {}
            }
        }
        self.seen.extend(Seen::of(locator, layout).map(|seen| (number, seen)));
    }
}

/// Tells of decoded bytes that stand where a checksum does not hold.
fn doubt_note(doubts: &[Range<u64>]) -> Option<Note> {
    let first = doubts.first()?;
    let bytes: u64 = doubts.iter().map(|stretch| stretch.end - stretch.start).sum();
    let detail = format!(
        "{bytes} bytes stand where a checksum does not hold, or beside what was lost: records there are read and may be scrambled, and tell nothing of the time that the log covers; collect another copy"
    );
    Some(Note::new(Reason::Damaged, detail).at(first.start))
}

/// The start of a stream, and whether that is all of it. Reads on while it does not show what the stream is.
fn head_of(stream: &mut dyn Stream, notes: &mut Vec<Note>) -> (Vec<u8>, bool) {
    let (mut head, mut goal) = (Vec::new(), HEAD_BYTES);
    loop {
        while head.len() < goal {
            let want = goal - head.len();
            match stream.fill(&mut head, want) {
                Ok(0) => return (head, true),
                Ok(_) => {}
                Err(note) => {
                    notes.push(note);
                    return (head, true);
                }
            }
        }
        if goal >= HEAD_LIMIT_BYTES || format::suffices(&head) {
            return (head, false);
        }
        goal *= 2;
    }
}

/// A stream that hashes what passes through it.
struct Hashed<'a> {
    stream: &'a mut dyn Stream,
    content: Content,
    ended: bool,
    /// What has passed.
    bytes: u64,
}

impl Stream for Hashed<'_> {
    fn fill(&mut self, buf: &mut Vec<u8>, want: usize) -> Result<usize, Note> {
        if self.ended {
            return Ok(0);
        }
        let start = buf.len();
        let got = self.stream.fill(buf, want);
        self.content.update(&buf[start..]);
        self.bytes += (buf.len() - start) as u64;
        self.ended = !matches!(got, Ok(1..));
        got
    }

    fn notes(&mut self) -> Vec<Note> {
        self.stream.notes()
    }
}

//! Fields of Windows events, read from the binary log without a rendering of it.
//!
//! A record is an instance of a template. Of each template a [`Plan`] is made once, by its definition; with it
//! a record is its values alone, each with its name and meaning, and its JSON is written only where somebody is to see it.
//! A plan is trusted once the first record that needs it reads as the `evtx` crate renders it. What has no plan, and
//! every chunk with a fault in it, is rendered by the crate as before ([`render`](super::render())).

mod bytes;
mod chunk;
mod definition;
mod element;
mod instance;
mod plan;
mod stale;
mod value;
mod write;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::roles::{Role, may_give};
use super::{jsonwalk, sysmon, windows};
use crate::model::fields::{Canon, Drawn, Fields, Kind, Text, Want};
use crate::model::layout::Layout;
use crate::model::listing::{Item, Listing};
use instance::{Instances, Plans, Wanted};
use plan::Plan;
use write::Writer;

pub use chunk::{draw, render};

/// A range of some list or text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part(u32, u32);

impl Part {
    fn of<T>(self, items: &[T]) -> &[T] {
        items.get(self.0 as usize..self.1 as usize).unwrap_or_default()
    }
}

/// The name of a value that is no field of the event.
const DROPPED: u32 = u32::MAX;
/// Definitions that are kept, and their bytes; with more, all are forgotten before the next chunk.
const MOST_PLANS: usize = 4_096;
const MOST_BYTES: usize = 16 << 20;
/// The same for one chunk: what goes beyond is rendered by the crate.
const MOST_OF_CHUNK: usize = 512;
const MOST_BYTES_OF_CHUNK: usize = 2 << 20;

/// A name as rules have it, and its meaning.
#[derive(Debug)]
struct Name {
    shown: Box<[u8]>,
    role: Option<Role>,
}

/// Lists of names that were begun so far.
static LISTS: AtomicU64 = AtomicU64::new(0);

/// All names and paths that plans have, once each. The first path is that of a whole record.
#[derive(Debug)]
struct Names {
    /// Tells the numbers of these names from those of all others of the process.
    giver: u64,
    list: Vec<Name>,
    known: HashMap<Vec<u8>, u32>,
    paths: Vec<Arc<[u8]>>,
    /// The number of each path.
    numbers: HashMap<Arc<[u8]>, u32>,
}

impl Default for Names {
    fn default() -> Self {
        let mut names = Self {
            giver: LISTS.fetch_add(1, Ordering::Relaxed),
            list: Vec::new(),
            known: HashMap::new(),
            paths: Vec::new(),
            numbers: HashMap::new(),
        };
        names.path(b"");
        names
    }
}

impl Names {
    /// The number of the name that a dotted path stands for, or [`DROPPED`].
    fn of_path(&mut self, path: &[u8]) -> u32 {
        if let Some(known) = self.known.get(path) {
            return *known;
        }
        let shown = match windows::rename(path) {
            jsonwalk::Rename::Keep => Some(path),
            jsonwalk::Rename::Part(from, to) => Some(path.get(from..to).unwrap_or(path)),
            jsonwalk::Rename::Named(name) => Some(name.as_bytes()),
            jsonwalk::Rename::Drop => None,
        };
        let number = shown.map_or(DROPPED, |shown| {
            self.list.push(Name { shown: shown.into(), role: windows::ROLES.get(shown) });
            self.list.len() as u32 - 1
        });
        self.known.insert(path.to_vec(), number);
        number
    }

    /// The number of a path below which an element may stand.
    fn path(&mut self, path: &[u8]) -> u32 {
        if let Some(known) = self.numbers.get(path) {
            return *known;
        }
        let (number, path): (_, Arc<[u8]>) = (self.paths.len() as u32, path.into());
        self.paths.push(Arc::clone(&path));
        self.numbers.insert(path, number);
        number
    }
}

/// The plans that one thread has made so far, and those of the chunk at hand.
#[derive(Debug, Default)]
pub struct Templates {
    names: Names,
    plans: Vec<Plan>,
    /// By plan: whether a record was found to read as the crate renders it; `Some(false)` where it did not.
    proven: Vec<Option<bool>>,
    /// By definition, behind the path below which it stands: its plan, if it has one, and the bytes of names
    /// that it took to make it or to find that it has none.
    known: HashMap<Box<[u8]>, (Option<u32>, usize)>,
    bytes: usize,
    /// Of the chunk at hand: definitions by offset and path.
    here: Vec<(u32, u32, Option<u32>)>,
    bytes_here: usize,
    instances: Instances,
    buffer: Vec<u8>,
    /// Plans whose text was not searched yet.
    fresh: Vec<u32>,
    /// By plan: whether its text holds an indicator.
    marked: Vec<bool>,
}

/// Where the BinXML of a record stands in its chunk.
type Span = (usize, usize);

impl Templates {
    /// Begins a chunk.
    fn begin(&mut self) {
        self.here.clear();
        self.bytes_here = 0;
        if self.plans.len() > MOST_PLANS || self.bytes > MOST_BYTES {
            *self = Self::default();
        }
    }

    /// Writes the values of a record; `None` where it has no plan.
    fn values(&mut self, chunk: &[u8], span: Span, out: &mut Vec<u8>, values: &mut Vec<Drawn>) -> Option<()> {
        let mut instances = std::mem::take(&mut self.instances);
        let read = instances.read(chunk, span, self).and_then(|()| {
            let start = out.len();
            Writer::<false> { chunk, plans: &self.plans, instances: &instances, out, values, start }.record()
        });
        self.instances = instances;
        read
    }

    /// Bytes of the definitions that the last record read is of.
    fn weight(&self) -> usize {
        let plans = self.instances.all.iter().filter_map(|instance| self.plans.get(instance.plan as usize));
        plans.map(|plan| plan.size).sum()
    }

    /// Whether the plans of the last record read were found right; `None` where one was not looked at yet.
    fn trusted(&self) -> Option<bool> {
        let mut all = Some(true);
        for instance in &self.instances.all {
            match self.proven.get(instance.plan as usize).copied().flatten() {
                Some(true) => {}
                Some(false) => return Some(false),
                None => all = None,
            }
        }
        all
    }

    /// Holds the record at `span` against the crate's rendering of it: its plans are right, or are not used any more.
    fn prove(&mut self, chunk: &[u8], span: Span, rendered: &[u8]) {
        let mut instances = Instances::default();
        if instances.read(chunk, span, self).is_none() {
            return;
        }
        let (mut json, mut values) = (Vec::new(), Vec::new());
        let (out, values) = (&mut json, &mut values);
        let writer = Writer::<true> { chunk, plans: &self.plans, instances: &instances, out, values, start: 0 };
        let right = writer.record().is_some() && json == rendered;
        for instance in &instances.all {
            if let Some(proven) = self.proven.get_mut(instance.plan as usize) {
                *proven = Some(right && *proven != Some(false));
            }
        }
    }

    /// Searches the text of templates that are new: names, and values that each of their records has.
    pub fn search(&mut self, mut holds: impl FnMut(&[u8]) -> bool) {
        for number in self.fresh.drain(..) {
            let Some((plan, mark)) = self.plans.get(number as usize).zip(self.marked.get_mut(number as usize)) else {
                continue;
            };
            let text = [plan.root.as_bytes(), b"\":", &plan.text].concat();
            *mark = holds(&text);
        }
    }

    /// Whether a template of the chunk at hand was found to hold something.
    pub fn are_marked(&self) -> bool {
        let marked = |plan: Option<u32>| plan.is_some_and(|at| self.marked.get(at as usize) == Some(&true));
        self.here.iter().any(|(.., plan)| marked(*plan))
    }

    /// The JSON of a record of the chunk at hand, which stands there in the chunk; `None` where it has no plan.
    pub fn write(&self, chunk: &[u8], record: Range<usize>) -> Option<Vec<u8>> {
        let span = chunk::content(record)?;
        let mut instances = Instances::default();
        instances.read(chunk, span, &mut &*self)?;
        let (mut json, mut values) = (Vec::new(), Vec::new());
        let (out, values) = (&mut json, &mut values);
        Writer::<true> { chunk, plans: &self.plans, instances: &instances, out, values, start: 0 }.record()?;
        Some(json)
    }

    /// Reads the wanted fields of a record out of its values, which lie in `text`.
    pub fn fields<'b>(
        &'b self,
        layout: &Layout,
        (text, values): (&'b [u8], &[Drawn]),
        want: Want,
        out: &mut Fields<'b>,
    ) {
        let mut sink = super::sink::Sink::new(layout, want, out);
        for drawn in values {
            let Some(name) = self.names.list.get(drawn.name as usize) else { continue };
            if name.role.is_none() && !sink.all {
                continue;
            }
            let raw = match drawn.kind {
                Kind::Null => b"null",
                _ => text.get(drawn.start as usize..drawn.end as usize).unwrap_or_default(),
            };
            let value = if drawn.escaped {
                let from = sink.out.arena_len();
                jsonwalk::unescape(raw, sink.out.arena_mut());
                sink.out.stored_since(from)
            } else {
                Text::Slice(raw)
            };
            sink.text(Text::Slice(&name.shown), name.role, value, drawn.kind);
        }
        sink.settle();
        sysmon::finish(&mut sink);
    }

    /// The values of a record, which lie in `text`.
    pub fn listing<'l>(&'l self, text: &'l [u8], values: &'l [Drawn]) -> List<'l> {
        List { names: &self.names, text, values }
    }

    /// The plan of a definition below a path, made where it is not known.
    fn find(&mut self, chunk: &[u8], wanted: &Wanted) -> Option<u32> {
        self.buffer.clear();
        self.buffer.extend_from_slice(&wanted.path.to_le_bytes());
        let at = wanted.definition as usize;
        let size = chunk.get(at..)?.get(..definition::HEADER_BYTES)?.last_chunk()?;
        let (start, size) = (at + definition::HEADER_BYTES, u32::from_le_bytes(*size) as usize);
        self.bytes_here = self.bytes_here.saturating_add(size);
        if self.here.len() >= MOST_OF_CHUNK || self.bytes_here > MOST_BYTES_OF_CHUNK {
            return None;
        }
        definition::write(chunk, start, size, &mut self.buffer)?;
        if let Some(&(number, spent)) = self.known.get(&*self.buffer) {
            self.bytes_here += spent;
            return number;
        }
        let path = self.names.paths.get(wanted.path as usize).cloned().unwrap_or_default();
        let root = element::read(&self.buffer[4..]);
        let (made, spent) = root.map_or((None, 0), |root| plan::make(&root, &path, &mut self.names));
        let size = self.buffer.len();
        let number = made.map(|plan| {
            self.plans.push(Plan { size, ..plan });
            self.proven.push(None);
            self.marked.push(false);
            self.fresh.push(self.plans.len() as u32 - 1);
            self.plans.len() as u32 - 1
        });
        self.bytes += 8 * self.buffer.len() + spent;
        self.bytes_here += spent;
        self.known.insert(self.buffer.as_slice().into(), (number, spent));
        number
    }
}

/// A record that is listed by its values.
pub struct List<'l> {
    names: &'l Names,
    text: &'l [u8],
    values: &'l [Drawn],
}

impl Listing for List<'_> {
    fn giver(&self) -> u64 {
        // Shapes of JSON have numbers of their own.
        u64::MAX - self.names.giver
    }

    fn names(&self, out: &mut Vec<u32>) {
        out.extend(self.values.iter().map(|drawn| drawn.name));
    }

    fn len(&self) -> usize {
        self.values.len()
    }

    #[inline]
    fn item(&self, at: usize) -> Option<Item<'_>> {
        let drawn = self.values.get(at)?;
        let name = &*self.names.list.get(drawn.name as usize)?.shown;
        let written = self.text.get(drawn.start as usize..drawn.end as usize).unwrap_or_default();
        Some(Item { name, written, kind: drawn.kind, escaped: drawn.escaped })
    }

    fn may_give(&self, canon: Canon) -> bool {
        may_give(canon, self.values.iter().map(|drawn| self.names.list.get(drawn.name as usize)?.role))
    }

    fn holds_empty(&self, _: &[u8]) -> bool {
        false
    }

    fn has_containers(&self) -> bool {
        false
    }

    fn unescape(&self, written: &[u8], out: &mut Vec<u8>) {
        jsonwalk::unescape(written, out);
    }
}

impl Plans for Templates {
    #[inline]
    fn plan(&mut self, chunk: &[u8], wanted: &Wanted) -> Option<u32> {
        if let Some((.., plan)) =
            self.here.iter().find(|(at, path, _)| (*at, *path) == (wanted.definition, wanted.path))
        {
            return *plan;
        }
        let plan = self.find(chunk, wanted);
        self.here.push((wanted.definition, wanted.path, plan));
        plan
    }

    fn nest(&self, plan: u32, slot: u16) -> Option<u32> {
        let nests = &self.plans.get(plan as usize)?.nests;
        nests.iter().find(|(known, _)| *known == slot).map(|(_, path)| *path)
    }
}

/// Finds what is known and makes nothing.
impl Plans for &Templates {
    fn plan(&mut self, _: &[u8], wanted: &Wanted) -> Option<u32> {
        let here = self.here.iter().find(|(at, path, _)| (*at, *path) == (wanted.definition, wanted.path))?;
        here.2
    }

    fn nest(&self, plan: u32, slot: u16) -> Option<u32> {
        Plans::nest(*self, plan, slot)
    }
}

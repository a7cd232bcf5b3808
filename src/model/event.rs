//! Records that rules matched on which correlations count, by source: a time, a place, and what many of them have in common.

use std::borrow::Cow;
use std::cell::RefCell;
use std::num::NonZeroU64;
use std::sync::Arc;

use hashbrown::HashMap;
use serde::de::Error as _;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::packed::{PART_BYTES, Reader, from_state, in_state, put, put_bytes, put_signed};
use super::place::{Place, RecordDigest};
use super::time::Instant;
pub use super::traits::{TraitTable, Traits};
use crate::work::{Run, Work, merged};

/// Events kept of a rule and source; of more, the earliest by time and offset.
pub const EVENTS_KEPT: usize = 1_000_000;
/// Flag of an event whose record is in doubt, beside those of four numbers.
const IN_DOUBT: u8 = 16;
/// Flag of an event that its log calls something.
const CALLED: u8 = 32;
/// Different values kept of one field of an event; of more, the first in order.
pub const VALUES_KEPT: usize = 64;
/// The longest value kept as it is, in bytes. Of a longer one its start is kept with a digest of the whole, so that two that
/// differ still do.
pub const VALUE_LIMIT_BYTES: usize = 512;
/// Bytes kept of a longer one.
const START_BYTES: usize = 400;

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Event {
    /// When it happened.
    pub at: Instant,
    /// Where it stands in its source.
    pub place: Place,
    /// SHA-256 of its stored bytes.
    pub sha256: RecordDigest,
    /// Its traits: a number in the table that it comes with.
    pub traits: u32,
    /// What its log calls it.
    #[serde(default)]
    pub called: Option<Called>,
}

/// What the log that an event is of calls it, in whatever form it was delivered: a digest of computer, channel and number, or of the
/// id that its service gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Called(NonZeroU64);

impl Called {
    /// The record of a log of this computer and channel that has this number there. Names differ in case between forms.
    pub fn new(computer: &str, channel: &str, number: u64) -> Self {
        let mut hash = blake3::Hasher::new();
        hash.update(computer.to_lowercase().as_bytes()).update(b"\0").update(channel.to_lowercase().as_bytes());
        hash.update(b"\0").update(&number.to_le_bytes());
        Self::of(&hash)
    }

    /// The record of a service that has this id there.
    pub fn by_id(service: &str, id: &str) -> Self {
        let mut hash = blake3::Hasher::new();
        hash.update(service.as_bytes()).update(b"\0\0\0").update(id.as_bytes());
        Self::of(&hash)
    }

    /// The digest.
    pub fn bits(self) -> u64 {
        self.0.get()
    }

    fn of(hash: &blake3::Hasher) -> Self {
        let mut first = [0; 8];
        hash.finalize_xof().fill(&mut first);
        Self(NonZeroU64::new(u64::from_le_bytes(first)).unwrap_or(NonZeroU64::MIN))
    }
}

impl Event {
    fn order(&self) -> (Instant, Place) {
        (self.at, self.place)
    }
}

/// The events of one source: in memory, or as sorted runs where they outgrow it. Of each rule the earliest ones.
#[derive(Debug, Clone, Default)]
pub struct Events {
    table: TraitTable,
    list: Vec<Event>,
    runs: Vec<Run>,
    /// Records of which more values of a field were there than are kept.
    pub cut: u64,
    cap: Option<usize>,
    /// How many events were in memory when they were last cut down to those that are kept.
    trimmed: usize,
    held_bytes: usize,
}

impl Events {
    /// Adds a record; its traits are noted in the table of the source, with what that took in bytes.
    pub fn add(
        &mut self,
        at: Instant,
        (place, sha256): (Place, RecordDigest),
        called: Option<Called>,
        note: impl FnOnce(&mut TraitTable) -> (u32, usize),
    ) {
        let (traits, bytes) = note(&mut self.table);
        self.held_bytes += bytes + size_of::<Event>();
        self.list.push(Event { at, place, sha256, traits, called });
    }

    /// Joins what another part of the source told, keeping `cap` events of each rule. Commutes. What outgrows memory goes to
    /// the work folder.
    pub fn join(&mut self, more: Self, cap: usize, work: &Work) {
        self.cap = Some(cap);
        self.cut += more.cut;
        let before = self.held_bytes;
        let mut numbers: Vec<u32> = Vec::with_capacity(more.table.len());
        for number in (0u32..).take(more.table.len()) {
            let (number, bytes) = self.table.number_from(&more.table, number);
            self.held_bytes += bytes;
            numbers.push(number);
        }
        self.held_bytes += more.list.len() * size_of::<Event>();
        self.list.extend(more.list.iter().map(|event| Event { traits: numbers[event.traits as usize], ..*event }));
        work.hold(self.held_bytes - before);
        if self.list.len() > self.trimmed.saturating_mul(2).max(cap) {
            self.trim(work);
        }
        // PERF: in order only where it is written, or at the end: a sort for each block would be one of all before it.
        if self.held_bytes > work.run_bytes() && work.is_full() {
            self.write_out(work);
        }
    }

    /// Lets those go that are behind enough others in any whole.
    fn trim(&mut self, work: &Work) {
        self.list.sort_unstable_by_key(Event::order);
        let old = std::mem::take(&mut self.table);
        let (heads, mut kept) = (old.heads(), Kept::new(self.cap));
        self.list.retain(|event| kept.takes(&heads[old.head_of(event.traits) as usize].rules));
        let mut bytes = self.list.len() * size_of::<Event>();
        for event in &mut self.list {
            let (number, more) = self.table.number_from(&old, event.traits);
            event.traits = number;
            bytes += more;
        }
        work.release(self.held_bytes.saturating_sub(bytes));
        (self.held_bytes, self.trimmed) = (bytes, self.list.len());
    }

    /// Writes out what is held if memory is full. What stays is in order: to look through it takes no copy.
    pub fn write_out(&mut self, work: &Work) {
        self.list.sort_unstable_by_key(Event::order);
        if self.list.is_empty() || !work.is_full() {
            return;
        }
        let table = self.table.unpacked();
        let apart = |event: &Event| (*event, Some(Arc::clone(&table[event.traits as usize])));
        if let Some(run) = work.write(self.list.iter().map(apart)) {
            self.runs.push(run);
            (self.table, self.list, self.trimmed) = (TraitTable::default(), Vec::new(), 0);
            work.release(std::mem::take(&mut self.held_bytes));
        }
    }

    /// All that are kept, by time and place. Of those that were written out the traits are given with them; those of the
    /// others have a [number](Numbers) here.
    pub fn iter(&self) -> impl Iterator<Item = (Event, Option<Arc<Traits>>)> + '_ {
        let mut held = Cow::Borrowed(&self.list[..]);
        if !held.is_sorted_by_key(Event::order) {
            held.to_mut().sort_unstable_by_key(Event::order);
        }
        let held = (0..held.len()).map(move |at| (held[at], None));
        let is_whole = self.runs.is_empty() && self.cap.is_none_or(|cap| self.list.len() <= cap);
        let (heads, mut kept) = (self.table.heads(), Kept::new(self.cap.filter(|_| !is_whole)));
        let takes = move |(event, apart): &Row| match apart {
            Some(traits) => kept.takes(&traits.rules),
            None => is_whole || kept.takes(&heads[self.table.head_of(event.traits) as usize].rules),
        };
        let all: Box<dyn Iterator<Item = Row>> = match is_whole {
            true => Box::new(held),
            false => Box::new(merged(&self.runs, held, |(a, _): &Row, (b, _)| a.order() <= b.order())),
        };
        all.filter(takes)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.runs.is_empty() && self.cut == 0
    }
}

/// An event, with its traits where it was written out.
type Row = (Event, Option<Arc<Traits>>);

/// Numbers the traits of a source's events in a table of others.
pub struct Numbers<'e> {
    events: &'e Events,
    /// By number here: the number there.
    known: Vec<Option<u32>>,
}

impl<'e> Numbers<'e> {
    /// Of the events of this source.
    pub fn new(events: &'e Events) -> Self {
        Self { events, known: vec![None; events.table.len()] }
    }

    /// The number in `table` of the traits of an event as [`Events::iter`] tells it, and what noting them took in bytes where
    /// they are new.
    pub fn number(&mut self, event: &Event, apart: Option<&Traits>, table: &mut TraitTable) -> (u32, usize) {
        if let Some(traits) = apart {
            return table.number_of(traits);
        }
        let known = &mut self.known[event.traits as usize];
        if let Some(number) = *known {
            return (number, 0);
        }
        let noted = table.number_from(&self.events.table, event.traits);
        *known = Some(noted.0);
        noted
    }
}

/// Decides which events are kept, told one by one in their order: the first ones of any rule.
struct Kept {
    cap: Option<usize>,
    of: HashMap<Arc<str>, usize>,
}

impl Kept {
    fn new(cap: Option<usize>) -> Self {
        Self { cap, of: HashMap::new() }
    }

    fn takes(&mut self, rules: &[Arc<str>]) -> bool {
        let Some(cap) = self.cap else { return true };
        let mut takes = false;
        for rule in rules {
            match self.of.get_mut(rule) {
                Some(seen) => {
                    takes |= *seen < cap;
                    *seen += 1;
                }
                None => {
                    takes |= cap > 0;
                    self.of.insert(Arc::clone(rule), 1);
                }
            }
        }
        takes
    }
}

/// A value as it is kept.
pub fn clipped(value: Cow<'_, str>) -> Cow<'_, str> {
    if value.len() <= VALUE_LIMIT_BYTES {
        return value;
    }
    let digest = RecordDigest(Sha256::digest(value.as_bytes()).into()).to_string();
    format!("{}… sha256:{digest}", &value[..value.floor_char_boundary(START_BYTES)]).into()
}

/// The same events, wherever they lie.
impl PartialEq for Events {
    fn eq(&self, other: &Self) -> bool {
        let mut table = TraitTable::default();
        let mut all = |events: &Self| {
            let mut numbers = Numbers::new(events);
            let mut numbered = |(event, apart): Row| {
                let (traits, _) = numbers.number(&event, apart.as_deref(), &mut table);
                Event { traits, ..event }
            };
            events.iter().map(&mut numbered).collect::<Vec<_>>()
        };
        self.cut == other.cut && all(self) == all(other)
    }
}

impl Eq for Events {}

/// What the first byte of each part of the state says, for what a later version may pack in another way.
const VERSION: u8 = 1;

/// Parts in base64: the events, then the table of traits in the order in which events have them.
impl Serialize for Events {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let table = RefCell::new(TraitTable::default());
        let mut fields = to.serialize_struct("Events", 4)?;
        fields.serialize_field("list", &Listed { events: self, table: &table })?;
        let table = table.into_inner();
        let (heads, traits) = table.as_packed();
        fields.serialize_field("heads", &in_parts(heads))?;
        fields.serialize_field("traits", &in_parts(traits))?;
        fields.serialize_field("cut", &self.cut)?;
        fields.end()
    }
}

/// Byte strings in parts.
fn in_parts<'p>(strings: impl Iterator<Item = &'p [u8]>) -> Vec<String> {
    let (mut parts, mut part) = (Vec::new(), Vec::new());
    for string in strings {
        put_bytes(&mut part, string);
        if part.len() >= PART_BYTES {
            parts.push(in_state(VERSION, &part));
            part.clear();
        }
    }
    parts.extend((!part.is_empty()).then(|| in_state(VERSION, &part)));
    parts
}

/// The events, with the numbers of a table that is made on the way.
struct Listed<'e> {
    events: &'e Events,
    table: &'e RefCell<TraitTable>,
}

impl Serialize for Listed<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let (mut rows, mut numbers) = (self.events.iter().peekable(), Numbers::new(self.events));
        let mut part = Vec::new();
        to.collect_seq(std::iter::from_fn(|| {
            rows.peek()?;
            part.clear();
            let (mut table, mut last) = (self.table.borrow_mut(), Last::default());
            while part.len() < PART_BYTES
                && let Some((event, apart)) = rows.next()
            {
                let (traits, _) = numbers.number(&event, apart.as_deref(), &mut table);
                last.put(&mut part, &Event { traits, ..event });
            }
            Some(in_state(VERSION, &part))
        }))
    }
}

/// The numbers that those of the next event of a part are differences to: microseconds since 1970, offset, line, record, the
/// log's own number.
#[derive(Default)]
struct Last {
    at: i64,
    places: [u64; 4],
}

impl Last {
    /// Writes an event: its time; which numbers of its place there are, and these; its length, its traits, its digest, and what its
    /// log calls it.
    fn put(&mut self, out: &mut Vec<u8>, event: &Event) {
        let Place { offset, length, line, record, event_record_id, in_doubt } = event.place;
        put_signed(out, event.at.micros().wrapping_sub(self.at));
        self.at = event.at.micros();
        let places = [Some(offset), line, record, event_record_id];
        let flags = if in_doubt { IN_DOUBT } else { 0 } | event.called.map_or(0, |_| CALLED);
        out.push(places.iter().enumerate().fold(flags, |flags, (at, place)| flags | u8::from(place.is_some()) << at));
        for (last, place) in self.places.iter_mut().zip(places) {
            let Some(place) = place else { continue };
            put_signed(out, place.wrapping_sub(*last) as i64);
            *last = place;
        }
        put(out, length);
        put(out, event.traits.into());
        out.extend(event.sha256.0);
        out.extend(event.called.map(|called| called.0.get().to_le_bytes()).into_iter().flatten());
    }

    /// Reads it back.
    fn read(&mut self, from: &mut Reader<'_>) -> Option<Event> {
        self.at = self.at.wrapping_add(from.signed()?);
        let (flags, mut places) = (from.byte()?, [None; 4]);
        for (at, place) in places.iter_mut().enumerate().filter(|(at, _)| flags >> at & 1 == 1) {
            self.places[at] = self.places[at].wrapping_add(from.signed()? as u64);
            *place = Some(self.places[at]);
        }
        let [offset, line, record, event_record_id] = places;
        let in_doubt = flags & IN_DOUBT > 0;
        let place = Place { offset: offset?, length: from.number()?, line, record, event_record_id, in_doubt };
        let traits = u32::try_from(from.number()?).ok()?;
        let sha256 = RecordDigest(from.bytes(32)?.try_into().ok()?);
        let called = match flags & CALLED {
            0 => None,
            _ => Some(Called(NonZeroU64::new(u64::from_le_bytes(from.bytes(8)?.try_into().ok()?))?)),
        };
        Some(Event { at: Instant::from_micros(self.at)?, place, sha256, traits, called })
    }
}

impl<'de> Deserialize<'de> for Events {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Stored {
            list: Vec<String>,
            heads: Vec<String>,
            traits: Vec<String>,
            #[serde(default)]
            cut: u64,
        }
        let Stored { list, heads, traits, cut } = Stored::deserialize(from)?;
        let parts = |texts: Vec<String>| {
            let part = |text: String| from_state(VERSION, &text);
            texts.into_iter().map(part).collect::<Result<Vec<_>, _>>()
        };
        let parts = |texts| parts(texts).map_err(|fault| D::Error::custom(format!("events: {fault}")));
        let (list, heads, traits) = (parts(list)?, parts(heads)?, parts(traits)?);
        let strings = |parts| strings(parts).ok_or_else(|| D::Error::custom("traits of events are cut off"));
        let table = TraitTable::of_packed(strings(&heads)?.into_iter(), strings(&traits)?.into_iter());
        let table = table.ok_or_else(|| D::Error::custom("traits of events are damaged"))?;
        let mut events = Self { cut, table, ..Self::default() };
        for part in &list {
            let (mut from, mut last) = (Reader(&part[1..]), Last::default());
            while !from.0.is_empty() {
                let event = last.read(&mut from).ok_or_else(|| D::Error::custom("an event is damaged"))?;
                if event.traits as usize >= events.table.len() {
                    return Err(D::Error::custom("an event with traits that are not there"));
                }
                events.list.push(event);
            }
        }
        Ok(events)
    }
}

/// The byte strings of parts, if none is cut off.
fn strings(parts: &[Vec<u8>]) -> Option<Vec<&[u8]>> {
    let mut all = Vec::new();
    for part in parts {
        let mut from = Reader(&part[1..]);
        while !from.0.is_empty() {
            all.push(from.sized()?);
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traits(rules: &[&str], value: u64) -> Traits {
        let values = vec![("n".into(), value.to_string().into())];
        Traits { rules: rules.iter().map(|rule| (*rule).into()).collect(), values, ..Traits::default() }
    }

    /// Every third of 900 events; later ones stand before earlier ones. Few are of the rule `rare`.
    fn part(first: u64) -> Events {
        let mut events = Events::default();
        for n in (first..900).step_by(3) {
            let place =
                Place { offset: 900 - n, length: 1, line: None, record: None, event_record_id: None, in_doubt: false };
            let rules: &[&str] = if n % 90 == 0 { &["often", "rare"] } else { &["often"] };
            let at = Instant::from_secs((n * 7 % 900) as i64).unwrap();
            let called = (n % 2 == 0).then(|| Called::new("dc01", "Security", n));
            events.add(at, (place, RecordDigest([7; 32])), called, |table| table.number_of(&traits(rules, n % 5)));
        }
        events
    }

    #[test]
    fn parts_join_to_the_same_in_any_order_and_memory() {
        let folder = tempfile::tempdir().unwrap();
        let large = || Work::new(None, usize::MAX);
        let joined = |order: [u64; 3], work: Work| {
            let mut all = Events::default();
            order.into_iter().for_each(|first| all.join(part(first), 50, &work));
            all.write_out(&work);
            all
        };
        let straight = joined([0, 1, 2], large());
        // Fifty of the one, and what of the other is not among them.
        let table = straight.table.unpacked();
        assert_eq!(straight.iter().filter(|(event, _)| table[event.traits as usize].rules.len() == 2).count(), 10);
        assert!((50..60).contains(&straight.iter().count()), "{}", straight.iter().count());
        assert!(straight.iter().is_sorted_by_key(|(event, _)| event.order()));
        let text = serde_json::to_string(&straight).unwrap();
        for (order, work) in [([2, 0, 1], large()), ([1, 2, 0], Work::new(Some(folder.path().into()), 1))] {
            let other = joined(order, work);
            assert!(straight == other && serde_json::to_string(&other).unwrap() == text, "{order:?}");
        }
        let back: Events = serde_json::from_str(&text).unwrap();
        assert!(back == straight && serde_json::to_string(&back).unwrap() == text);
    }

    #[test]
    fn a_state_that_does_not_fit_together_is_refused() {
        let state = serde_json::to_value(part(0)).unwrap();
        let read = |state: &serde_json::Value| serde_json::from_value::<Events>(state.clone());
        assert!(read(&state).unwrap() == part(0));
        let without = |field: &str| {
            let mut state = state.clone();
            state[field] = serde_json::json!([]);
            read(&state).unwrap_err().to_string()
        };
        assert!(without("traits").contains("traits that are not there"), "{}", without("traits"));
        assert!(without("heads").contains("damaged"), "{}", without("heads"));
        for field in ["list", "heads", "traits"] {
            let packed = from_state(VERSION, state[field][0].as_str().unwrap()).unwrap();
            for at in 0..packed.len() {
                let mut changed = packed.clone();
                changed[at] ^= 0x81;
                let mut state = state.clone();
                state[field] = serde_json::json!([in_state(changed[0], &changed[1..])]);
                if let Ok(taken) = read(&state) {
                    let again = serde_json::to_value(&taken).and_then(serde_json::from_value::<Events>);
                    assert!(again.unwrap() == taken, "what was taken of {field} at {at} is sound");
                }
            }
        }
    }

    #[test]
    fn long_values_that_differ_stay_apart() {
        let long = |end: &str| clipped(format!("{}{end}", "é".repeat(400)).into());
        assert!(long("a") != long("b") && long("a").len() < VALUE_LIMIT_BYTES && long("a") == long("a"));
        assert_eq!(clipped("short".into()), "short");
    }
}

//! Records that rules matched on which correlations count, by source: a time, a place, and what many of them have in common.

use std::sync::Arc;

use hashbrown::HashMap;
use itertools::Itertools;
use serde::de::Error as _;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::place::{Place, RecordDigest};
use super::rule::Outcome;
use super::subject::Subject;
use super::time::{Assumed, Instant};
use crate::work::{Run, Work, merged};

/// Events kept of a rule and source; of more, the earliest by time and offset.
pub const EVENTS_KEPT: usize = 1_000_000;
/// Different values kept of one field of an event; of more, the first in order.
pub const VALUES_KEPT: usize = 64;
/// The longest value kept as it is, in bytes. Of a longer one its start is kept with a digest of the whole, so that two that
/// differ still do.
pub const VALUE_LIMIT_BYTES: usize = 512;
/// Bytes kept of a longer one.
const START_BYTES: usize = 400;

/// What an event has in common with others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Traits {
    /// Ids of the rules that match it and on which correlations count, sorted.
    pub rules: Vec<Arc<str>>,
    /// Fields that correlations ask for, by the names that they have in rules, with values; several where the record has
    /// several. Sorted, without repeats.
    pub values: Vec<(Arc<str>, Box<str>)>,
    /// What the response side says.
    #[serde(default)]
    pub outcome: Outcome,
    /// What was assumed to get its time.
    #[serde(default)]
    pub assumed: Assumed,
    /// Who and where, reduced.
    #[serde(default)]
    pub subject: Subject,
}

impl Traits {
    fn weight_bytes(&self) -> usize {
        let values = self.values.iter().map(|(_, value)| size_of::<(Arc<str>, Box<str>)>() + value.len());
        size_of::<Self>() + self.rules.len() * size_of::<Arc<str>>() + values.sum::<usize>() + self.subject.heap_bytes()
    }
}

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
}

impl Event {
    fn order(&self) -> (Instant, Place) {
        (self.at, self.place)
    }
}

/// Traits by number, each once.
#[derive(Debug, Clone, Default)]
pub struct TraitTable {
    /// The index is the number.
    pub list: Vec<Arc<Traits>>,
    numbers: HashMap<Arc<Traits>, u32>,
}

impl TraitTable {
    /// The number of these traits, and what noting them took in bytes where they are new.
    pub fn number(&mut self, traits: &Arc<Traits>) -> (u32, usize) {
        if let Some(number) = self.numbers.get(traits) {
            return (*number, 0);
        }
        let number = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        self.list.push(Arc::clone(traits));
        self.numbers.insert(Arc::clone(traits), number);
        (number, traits.weight_bytes() + 2 * size_of::<Arc<Traits>>())
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
    /// Adds a record.
    pub fn add(&mut self, at: Instant, place: Place, sha256: RecordDigest, traits: Traits) {
        let (traits, bytes) = self.table.number(&Arc::new(traits));
        self.held_bytes += bytes + size_of::<Event>();
        self.list.push(Event { at, place, sha256, traits });
    }

    /// Joins what another part of the source told, keeping `cap` events of each rule. Commutes. What outgrows memory goes to
    /// the work folder.
    pub fn join(&mut self, more: Self, cap: usize, work: &Work) {
        self.cap = Some(cap);
        self.cut += more.cut;
        let before = self.held_bytes;
        let numbers: Vec<u32> = more
            .table
            .list
            .iter()
            .map(|traits| {
                let (number, bytes) = self.table.number(traits);
                self.held_bytes += bytes;
                number
            })
            .collect();
        self.held_bytes += more.list.len() * size_of::<Event>();
        self.list.extend(more.list.iter().map(|event| Event { traits: numbers[event.traits as usize], ..*event }));
        work.hold(self.held_bytes - before);
        if self.list.len() > self.trimmed.saturating_mul(2).max(cap) {
            self.trim(work);
        }
        if self.held_bytes > work.run_bytes() {
            self.write_out(work);
        }
    }

    /// Lets those go that are behind enough others in any whole.
    fn trim(&mut self, work: &Work) {
        self.list.sort_unstable_by_key(Event::order);
        let old = std::mem::take(&mut self.table).list;
        let mut kept = Kept::new(self.cap);
        self.list.retain(|event| kept.takes(&old[event.traits as usize]));
        let mut bytes = self.list.len() * size_of::<Event>();
        for event in &mut self.list {
            let (number, more) = self.table.number(&old[event.traits as usize]);
            event.traits = number;
            bytes += more;
        }
        work.release(self.held_bytes.saturating_sub(bytes));
        (self.held_bytes, self.trimmed) = (bytes, self.list.len());
    }

    /// Writes out what is held if memory is full.
    pub fn write_out(&mut self, work: &Work) {
        if self.list.is_empty() || !work.is_full() {
            return;
        }
        self.list.sort_unstable_by_key(Event::order);
        let table = &self.table.list;
        if let Some(run) = work.write(self.list.iter().map(|event| (event, &table[event.traits as usize]))) {
            self.runs.push(run);
            (self.table, self.list, self.trimmed) = (TraitTable::default(), Vec::new(), 0);
            work.release(std::mem::take(&mut self.held_bytes));
        }
    }

    /// All that are kept, by time and place, each with its traits. The number in [`Event::traits`] means nothing here.
    pub fn iter(&self) -> impl Iterator<Item = (Event, Arc<Traits>)> + '_ {
        let mut held: Vec<&Event> = self.list.iter().collect();
        held.sort_unstable_by_key(|event| event.order());
        let held = held.into_iter().map(|event| (*event, Arc::clone(&self.table.list[event.traits as usize])));
        let all = merged(&self.runs, held, |(a, _): &(Event, Arc<Traits>), (b, _)| a.order() <= b.order());
        let mut kept = Kept::new(self.cap);
        all.filter(move |(_, traits)| kept.takes(traits))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.runs.is_empty() && self.cut == 0
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

    fn takes(&mut self, traits: &Traits) -> bool {
        let Some(cap) = self.cap else { return true };
        let mut takes = false;
        for rule in &traits.rules {
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
pub fn clipped(value: &str) -> Box<str> {
    if value.len() <= VALUE_LIMIT_BYTES {
        return value.into();
    }
    let digest = RecordDigest(Sha256::digest(value.as_bytes()).into()).to_string();
    format!("{}… sha256:{digest}", &value[..value.floor_char_boundary(START_BYTES)]).into()
}

/// The same events, wherever they lie.
impl PartialEq for Events {
    fn eq(&self, other: &Self) -> bool {
        let all = |events: &Self| {
            let told = events.iter().map(|(event, traits)| (Event { traits: 0, ..event }, traits));
            told.collect::<Vec<_>>()
        };
        self.cut == other.cut && all(self) == all(other)
    }
}

impl Eq for Events {}

/// The table of traits in the order in which events have them, then the events.
impl Serialize for Events {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut table = TraitTable::default();
        self.iter().for_each(|(_, traits)| {
            table.number(&traits);
        });
        let mut fields = to.serialize_struct("Events", 3)?;
        fields.serialize_field("traits", &table.list)?;
        fields.serialize_field("list", &Listed { events: self, table: std::cell::RefCell::new(table) })?;
        fields.serialize_field("cut", &self.cut)?;
        fields.end()
    }
}

/// The events with the numbers of a table.
struct Listed<'e> {
    events: &'e Events,
    table: std::cell::RefCell<TraitTable>,
}

impl Serialize for Listed<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut table = self.table.borrow_mut();
        to.collect_seq(
            self.events.iter().map(|(event, traits)| Row::from(Event { traits: table.number(&traits).0, ..event })),
        )
    }
}

/// An event in the state: time in microseconds since 1970, offset, length, line, record, the log's own number, digest, traits.
#[derive(Serialize, Deserialize)]
struct Row(i64, u64, u64, Option<u64>, Option<u64>, Option<u64>, RecordDigest, u32);

impl From<Event> for Row {
    fn from(event: Event) -> Self {
        let Place { offset, length, line, record, event_record_id } = event.place;
        Self(event.at.micros(), offset, length, line, record, event_record_id, event.sha256, event.traits)
    }
}

impl Row {
    fn event(self) -> Option<Event> {
        let Self(micros, offset, length, line, record, event_record_id, sha256, traits) = self;
        let place = Place { offset, length, line, record, event_record_id };
        Some(Event { at: Instant::from_micros(micros)?, place, sha256, traits })
    }
}

impl<'de> Deserialize<'de> for Events {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Stored {
            traits: Vec<Traits>,
            list: Vec<Row>,
            #[serde(default)]
            cut: u64,
        }
        let Stored { traits, list, cut } = Stored::deserialize(from)?;
        let mut events = Self { cut, ..Self::default() };
        let traits = traits.into_iter().map(Arc::new).collect_vec();
        for row in list {
            let event = row.event().ok_or_else(|| D::Error::custom("an event at a time that is none"))?;
            let known = traits.get(event.traits as usize);
            let known = known.ok_or_else(|| D::Error::custom("an event with traits that are not there"))?;
            let (number, bytes) = events.table.number(known);
            events.held_bytes += bytes + size_of::<Event>();
            events.list.push(Event { traits: number, ..event });
        }
        Ok(events)
    }
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
            let place = Place { offset: 900 - n, length: 1, line: None, record: None, event_record_id: None };
            let rules: &[&str] = if n % 90 == 0 { &["often", "rare"] } else { &["often"] };
            events.add(
                Instant::from_secs((n * 7 % 900) as i64).unwrap(),
                place,
                RecordDigest([7; 32]),
                traits(rules, n % 5),
            );
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
        assert_eq!(straight.iter().filter(|(_, traits)| traits.rules.len() == 2).count(), 10);
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
        let events = |list: &str| serde_json::from_str::<Events>(&format!(r#"{{"traits":[],"list":[{list}]}}"#));
        let row = format!(r#"[0,0,1,null,null,null,"{}",0]"#, "00".repeat(32));
        assert!(events("").is_ok() && events(&row).unwrap_err().to_string().contains("traits that are not there"));
    }

    #[test]
    fn long_values_that_differ_stay_apart() {
        let long = |end: &str| clipped(&format!("{}{end}", "é".repeat(400)));
        assert!(long("a") != long("b") && long("a").len() < VALUE_LIMIT_BYTES && long("a") == long("a"));
        assert_eq!(&*clipped("short"), "short");
    }
}

//! Rules over events that several records make together: parts are held until the whole is known, and evaluated then.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::block::event;
use super::panic_note;
use crate::classify::Look;
use crate::detect::Scratch;
use crate::format::{self, together};
use crate::model::event::Events;
use crate::model::fields::{Fields, Want};
use crate::model::hit::{RULE_HITS_KEPT, Sighting, Sightings};
use crate::model::layout::Layout;
use crate::model::ledger::{Note, Reason};
use crate::model::place::{Place, RecordDigest};
use crate::model::rule::Outcome;
use crate::model::subject::Subject;
use crate::plan::Plan;

/// Bytes of parts held of a source; of more, those that stand first in it.
const HELD_BYTES: usize = 16 << 20;
/// Records of one event that are joined; of more, the first.
const MOST_PARTS: usize = 4096;

/// Records of one audit event stand no further apart than this, in records of the log.
const NEAR: u64 = 8;

/// Whether a record of an audit event may be followed by another one of it, at a later place.
pub(super) fn are_near(one: Place, next: Place) -> bool {
    one.record.zip(next.record).is_none_or(|(one, next)| next.saturating_sub(one) <= NEAR)
}

/// A record that is a part of an event.
pub(super) struct Part {
    pub place: Place,
    pub sha256: RecordDigest,
    pub text: Box<[u8]>,
}

/// What the parts of one event have in common.
#[derive(PartialEq, Eq, Clone)]
pub(super) enum Whole {
    /// A script block, with the number of the part.
    Script(together::ScriptPart),
    /// Records of an audit event near the border of a block.
    Audit(Box<[u8]>),
}

/// Parts that were not evaluated with their block.
pub(super) struct Held {
    pub whole: Whole,
    pub layout: Arc<Layout>,
    pub parts: Vec<Part>,
}

impl Held {
    fn bytes(&self) -> usize {
        self.parts.iter().map(|part| size_of::<Part>() + part.text.len()).sum()
    }
}

/// What is held of a source, by the place of the first part. Joins commute: what is let go has too much before it in any
/// whole.
#[derive(Default)]
pub(super) struct Holding {
    all: BTreeMap<u64, Held>,
    bytes: usize,
    /// From here on nothing is held.
    bound: Option<u64>,
    /// Records that are not.
    beyond: u64,
}

impl Holding {
    /// Adds parts of one event.
    pub(super) fn add(&mut self, held: Held) {
        let Some(at) = held.parts.first().map(|part| part.place.offset) else { return };
        self.beyond += if self.bound.is_some_and(|bound| at >= bound) {
            held.parts.len() as u64
        } else {
            self.bytes += held.bytes();
            self.all.insert(at, held);
            0
        };
        while self.bytes > HELD_BYTES
            && let Some((at, last)) = self.all.pop_last()
        {
            self.bytes -= last.bytes();
            self.bound = Some(at);
            self.beyond += last.parts.len() as u64;
        }
    }

    /// Adds what another block holds.
    pub(super) fn join(&mut self, other: Self) {
        self.beyond += other.beyond;
        self.bound = self.bound.into_iter().chain(other.bound).min();
        if let Some(bound) = self.bound {
            for held in self.all.split_off(&bound).into_values() {
                self.bytes -= held.bytes();
                self.beyond += held.parts.len() as u64;
            }
        }
        other.all.into_values().for_each(|held| self.add(held));
    }

    /// Counts an event that is evaluated as a whole; of its records only the first are joined.
    pub(super) fn whole(&mut self, records: usize) {
        self.beyond += records.saturating_sub(MOST_PARTS) as u64;
    }

    /// What is to be said of parts that were too many to hold, or to join.
    fn note(&self) -> Option<Note> {
        let detail = "records of events in several parts, beyond those that are held; rules saw each of them alone";
        (self.beyond > 0).then(|| Note::new(Reason::FindingsCapped, detail).counted(self.beyond))
    }

    /// Evaluates all events of which several parts are there, and gives what rules see in them together only, with what is
    /// to be said of those that could not be. Nothing that one event does to a parser harms the others.
    pub(super) fn finish(mut self, plan: &Plan) -> (BTreeMap<Box<str>, Sightings>, Events, Vec<Note>) {
        let (mut scratch, mut found, mut notes) = (Scratch::default(), BTreeMap::new(), Vec::new());
        let mut events = Events::default();
        for (layout, parts) in wholes(std::mem::take(&mut self.all).into_values()) {
            self.whole(parts.len());
            let candidates = plan.program.gate(layout.format).map(|gate| &*gate.all).unwrap_or_default();
            let parts: Vec<_> = parts.iter().map(|part| (part.place, part.sha256, &*part.text)).collect();
            let evaluated = catch_unwind(AssertUnwindSafe(|| {
                evaluate(plan, &layout, &parts, candidates, &mut scratch, (&mut found, &mut events));
            }));
            if let Err(panic) = evaluated {
                scratch = Scratch::default();
                notes.push(panic_note(&*panic));
            }
        }
        notes.extend(self.note());
        (found, events, notes)
    }
}

/// All parts of one event, in order.
type Joined = (Arc<Layout>, Vec<Part>);

/// The parts of each event, in order.
fn wholes(all: impl Iterator<Item = Held>) -> Vec<Joined> {
    let mut scripts: BTreeMap<together::ScriptPart, Joined> = BTreeMap::new();
    let (mut found, mut audited): (Vec<Joined>, BTreeMap<Box<[u8]>, usize>) = (Vec::new(), BTreeMap::new());
    for held in all {
        match held.whole {
            Whole::Script(part) => {
                scripts.entry(part).or_insert((held.layout, held.parts));
            }
            Whole::Audit(event) => {
                let Some(first) = held.parts.first().map(|part| part.place) else { continue };
                let known = audited.get(&event).and_then(|at| found.get_mut(*at));
                match known.filter(|(_, parts)| parts.last().is_some_and(|last| are_near(last.place, first))) {
                    Some((_, parts)) => parts.extend(held.parts),
                    None => {
                        audited.insert(event, found.len());
                        found.push((held.layout, held.parts));
                    }
                }
            }
        }
    }
    let mut before: Option<together::ScriptPart> = None;
    for (part, (layout, parts)) in scripts {
        let follows = before.as_ref().is_some_and(|b| b.of == part.of && b.number.checked_add(1) == Some(part.number));
        match found.last_mut() {
            Some((_, known)) if follows => known.extend(parts),
            _ => found.push((layout, parts)),
        }
        before = Some(part);
    }
    found
}

/// Adds what rules see in records together and in none of them alone: as hits, and for correlations as one event. It is cited
/// by the first of them.
pub(super) fn evaluate(
    plan: &Plan,
    layout: &Layout,
    parts: &[(Place, RecordDigest, &[u8])],
    candidates: &[u32],
    scratch: &mut Scratch,
    (found, events): (&mut BTreeMap<Box<str>, Sightings>, &mut Events),
) {
    let parts = &parts[..parts.len().min(MOST_PARTS)];
    let Some(&(place, sha256, head)) = parts.first().filter(|_| parts.len() > 1 && !candidates.is_empty()) else {
        return;
    };
    let (reader, mut alone, mut read) = (format::reader(layout), BTreeSet::new(), Vec::new());
    for (.., text) in parts {
        let mut fields = Fields::default();
        if reader.parse(text, Want::All, &mut fields).is_err() {
            continue;
        }
        let mut hits = Vec::new();
        plan.program.eval(layout.format, &fields, text, candidates, scratch, &mut hits);
        alone.extend(hits);
        read.push(fields);
    }
    let whole = together::join(layout.format, &read);
    if !plan.period.holds(whole.time.map(|stamp| stamp.at)) {
        return;
    }
    let texts: Vec<&[u8]> = parts.iter().map(|(.., text)| *text).collect();
    let mut hits = Vec::new();
    plan.program.eval(layout.format, &whole, &texts.join(&b'\n'), candidates, scratch, &mut hits);
    hits.retain(|rule| !alone.contains(rule));
    event::keep(&plan.program, &hits, (layout.format, &whole), scratch, events, || (place, sha256));
    let outcome = Outcome::told(layout.format, &whole);
    for rule in hits {
        let id = plan.program.rules()[rule as usize].id.as_str();
        let sighting = || Sighting {
            place,
            time: whole.time,
            sha256: sha256.to_string(),
            excerpt: super::block::excerpt(head, plan.redact.then_some(&whole)),
            field: Some(told_of(parts)),
            outcome,
            subject: Subject::of(&whole),
            called: event::called(layout.format, &whole),
            data: plan.classifier.data(&whole, Look::Values),
        };
        let sightings = found.entry(id.into()).or_default();
        sightings.add(RULE_HITS_KEPT, outcome, whole.time, place, sighting);
    }
}

/// Which records were joined.
fn told_of(parts: &[(Place, RecordDigest, &[u8])]) -> String {
    const NAMED: usize = 8;
    let named: Vec<String> = parts
        .iter()
        .skip(1)
        .take(NAMED)
        .map(|(place, ..)| match (place.event_record_id, place.line) {
            (Some(id), _) => format!("record {id}"),
            (None, Some(line)) => format!("line {line}"),
            _ => format!("offset {}", place.offset),
        })
        .collect();
    let more = if parts.len() > NAMED + 1 { " and others" } else { "" };
    format!("with {}{more}", named.join(", "))
}

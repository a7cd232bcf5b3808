//! Records that stand in a source more than once: one that was sent on twice, or a flow that two filters on its way wrote down.
//! What they moved counts once.
//!
//! Only those that moved much are held until the source is read, of small ones two say hardly more than one, and those of cloud services
//! that have a number and state no bytes: of them it counts how many there are.

use std::collections::BTreeMap;

use super::key;
use crate::model::calls::{Call, Calls};
use crate::model::fields::{Canon, Fields};
use crate::model::observation::{CITED, Cited, Seen};
use crate::model::sessions::LARGE_BYTES;
use crate::model::time::Span;

use super::Bytes;

/// Records held of a source: those of the smallest digests, large ones first. Others count as often as they are there.
const HELD: usize = 1 << 16;

/// A digest of what makes two records one. Those of large records are smaller than the others.
pub type Id = u64;

/// What sets the digests of records that state no bytes behind those of large ones.
const UNSTATED: Id = 1 << 63;

/// A record, with how often it was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Double {
    /// The packed key of its conversation, repaired.
    pub key: Vec<u8>,
    /// From when to when.
    pub span: Option<Span>,
    /// What it moved.
    pub bytes: Bytes,
    /// How many records it stands for.
    pub records: u64,
    /// Whether its bytes are those of sampled packets.
    pub sampled: bool,
    /// How often it was met.
    pub times: u64,
    /// The first places where it stands, sorted.
    pub cited: Vec<Cited>,
}

/// What makes a record the same as another one: its session or its number, or both ports of a flow, with its time and all that it
/// moved. `None` where it has none of these, and where it is small; one of a cloud service may state no bytes.
pub fn id(fields: &Fields<'_>, packed: &[u8], (up, down): Bytes, span: Option<Span>) -> Option<Id> {
    let is_large = up.max(down).is_some_and(|bytes| bytes >= LARGE_BYTES);
    let is_unstated = (up, down) == (None, None);
    let port = fields.get(Canon::SourcePort);
    let (tie, port) = match key::seen(packed)? {
        Seen::Cloud if is_large || is_unstated => (fields.get(Canon::SessionId)?, None),
        _ if !is_large => return None,
        Seen::Firewall | Seen::Flow if fields.has(Canon::SessionId) => (fields.get(Canon::SessionId)?, port),
        Seen::Flow if fields.clocked => (port?, port),
        _ => return None,
    };
    Some(digest((packed, tie, port.unwrap_or_default()), (up, down), span))
}

/// The same of a call that states no bytes, whose number is known.
pub fn id_of_call(packed: &[u8], tie: &[u8], span: Option<Span>) -> Id {
    digest((packed, tie, b""), (None, None), span)
}

fn digest((packed, tie, port): (&[u8], &[u8], &[u8]), (up, down): Bytes, span: Option<Span>) -> Id {
    let mut hash = blake3::Hasher::new();
    [packed, b"\0", tie, b"\0", port].into_iter().for_each(|part| {
        hash.update(part);
    });
    let ends = span.map_or([0; 2], |span| [span.first.micros(), span.last.micros()]);
    ends.into_iter().for_each(|end| {
        hash.update(&end.to_le_bytes());
    });
    [up, down].into_iter().for_each(|bytes| {
        hash.update(&bytes.map_or(0, |bytes| bytes.saturating_add(1)).to_le_bytes());
    });
    let mut first = [0; 8];
    hash.finalize_xof().fill(&mut first);
    let id = Id::from_le_bytes(first);
    if (up, down) == (None, None) { id | UNSTATED } else { id & !UNSTATED }
}

impl Double {
    fn join(&mut self, other: Self) {
        self.times = self.times.saturating_add(other.times);
        self.records = self.records.max(other.records);
        self.cited.extend(other.cited);
        self.cited.sort_by_key(Cited::rank);
        self.cited.truncate(CITED);
    }
}

/// Records that are held.
#[derive(Debug, Default)]
pub struct Doubles(BTreeMap<Id, Double>);

impl Doubles {
    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Holds a record.
    pub fn hold(&mut self, id: Id, double: Double) {
        match self.0.get_mut(&id) {
            Some(known) => known.join(double),
            None => {
                self.0.insert(id, double);
            }
        }
    }

    /// Holds those of another part of the source. Those that are let go for it, whichever part has them.
    pub fn join(&mut self, other: Self) -> Vec<Double> {
        other.0.into_iter().for_each(|(id, double)| self.hold(id, double));
        let mut over = Vec::new();
        while self.0.len() > HELD {
            over.extend(self.0.pop_last().map(|(_, double)| double));
        }
        over
    }

    /// All cited places, to be proven.
    pub fn cited(&mut self) -> impl Iterator<Item = &mut Cited> {
        self.0.values_mut().flat_map(|double| &mut double.cited)
    }

    /// From which id on none is held any more; `None` while there is room.
    pub fn bound(&self) -> Option<Id> {
        self.0.last_key_value().filter(|_| self.0.len() >= HELD).map(|(id, _)| *id)
    }

    /// The source is read: each record once. Calls that state no bytes are known by their ids.
    pub fn finish(self, calls: &mut Calls) -> impl Iterator<Item = Double> {
        self.0.into_iter().map(move |(id, double)| {
            let is_of_hour = double.span.is_none_or(|span| span.first.hour() == span.last.hour());
            if id & UNSTATED != 0 && is_of_hour {
                let cell = (key::view(&double.key).digest(), double.span.map(|span| span.last.hour()));
                calls.add(cell, Call { id, objects: double.records });
            }
            Double { times: 1, cited: double.cited.into_iter().take(1).collect(), ..double }
        })
    }
}

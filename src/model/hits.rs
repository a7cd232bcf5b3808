//! All sightings of one source by what was seen: in memory, or as sorted runs where they outgrow it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use itertools::Itertools;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::hit::{IndicatorRef, Sightings};
use super::part::PartRef;
use crate::work::{Run, Work, merged};

/// What a key of [`Hits`] must be able to.
pub trait HitKey: Ord + Clone + Serialize + DeserializeOwned {}

impl<K: Ord + Clone + Serialize + DeserializeOwned> HitKey for K {}

/// Sightings by key. In JSON a list of pairs, sorted by key.
#[derive(Debug, Clone)]
pub struct Hits<K> {
    /// Those in memory; where there are runs, a part of a key's sightings may lie in these.
    pub held: BTreeMap<K, Sightings>,
    runs: Vec<Run>,
    /// Records kept of a key, where its parts lie in several runs.
    cap: usize,
    held_bytes: usize,
}

/// Sightings by indicator.
pub type IndicatorHits = Hits<IndicatorRef>;
/// Sightings by part of a pattern.
pub type PartHits = Hits<PartRef>;
/// Sightings by rule id.
pub type RuleHits = Hits<Box<str>>;

impl<K: HitKey> Hits<K> {
    /// Joins what another part of the source told, keeping `cap` records of each key. Commutes. What outgrows memory
    /// goes to the work folder.
    pub fn join(&mut self, more: BTreeMap<K, Sightings>, cap: usize, work: &Work) {
        self.cap = cap;
        let mut bytes = 0;
        for (key, sightings) in more {
            bytes += size_of::<K>() + sightings.weight_bytes();
            self.held.entry(key).or_default().join(sightings, cap);
        }
        self.held_bytes += bytes;
        work.hold(bytes);
        if self.held_bytes > work.run_bytes() {
            self.write_out(work);
        }
    }

    /// Writes out what is held if memory is full.
    pub fn write_out(&mut self, work: &Work) {
        if self.held.is_empty() || !work.is_full() {
            return;
        }
        if let Some(run) = work.write(&self.held) {
            self.runs.push(run);
            self.held.clear();
            work.release(std::mem::take(&mut self.held_bytes));
        }
    }

    /// All of them, by key.
    pub fn iter(&self) -> Box<dyn Iterator<Item = (Cow<'_, K>, Cow<'_, Sightings>)> + '_> {
        if self.runs.is_empty() {
            return Box::new(self.held.iter().map(|(key, s)| (Cow::Borrowed(key), Cow::Borrowed(s))));
        }
        let held = self.held.iter().map(|(key, s)| (key.clone(), s.clone()));
        let all = merged(&self.runs, held, |(a, _): &(K, Sightings), (b, _)| a <= b);
        #[allow(clippy::result_large_err, reason = "both sides hold a pair of sightings; neither is an error")]
        let joined = all.coalesce(|(key, mut sightings), (next, more)| {
            if key != next {
                return Err(((key, sightings), (next, more)));
            }
            sightings.join(more, self.cap);
            Ok((key, sightings))
        });
        Box::new(joined.map(|(key, sightings)| (Cow::Owned(key), Cow::Owned(sightings))))
    }

    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty() && self.runs.is_empty()
    }
}

impl<K> Default for Hits<K> {
    fn default() -> Self {
        BTreeMap::new().into()
    }
}

impl<K> From<BTreeMap<K, Sightings>> for Hits<K> {
    fn from(held: BTreeMap<K, Sightings>) -> Self {
        Self { held, runs: Vec::new(), cap: usize::MAX, held_bytes: 0 }
    }
}

/// The same sightings, wherever they lie.
impl<K: HitKey> PartialEq for Hits<K> {
    fn eq(&self, other: &Self) -> bool {
        if self.runs.is_empty() && other.runs.is_empty() {
            self.held == other.held
        } else {
            self.iter().eq(other.iter())
        }
    }
}

impl<K: HitKey> Eq for Hits<K> {}

impl<K: HitKey> Serialize for Hits<K> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter())
    }
}

impl<'de, K: HitKey> Deserialize<'de> for Hits<K> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Vec::<(K, Sightings)>::deserialize(from)?.into_iter().collect::<BTreeMap<_, _>>().into())
    }
}

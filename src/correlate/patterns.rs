//! Patterns over several records, held against the sightings of their parts in all sources.

use std::collections::BTreeMap;

use itertools::Itertools;

use super::overlaps::{Group, Log, Overlaps};
use crate::model::hit::{IndicatorRef, MatchKind, Sighting, Sightings};
use crate::model::indicator::IndicatorKind;
use crate::model::part::{Decide, Decision, Shown};
use crate::model::partial::{Partial, SourcePartial};
use crate::model::place::{Locator, Place};
use crate::model::time::Instant;

/// Records over which one pattern is decided, the earliest of all sources.
const RECORDS_LIMIT: usize = 200_000;

/// What was decided of one pattern.
pub(super) struct Joint<'a> {
    /// The pattern.
    pub pattern: Box<str>,
    /// Records that satisfy it together, by time, locator and place, those without a time last. None where it is not known
    /// whether any do: more records show its parts than are kept or can be tried.
    pub records: Vec<(&'a SourcePartial, Sighting)>,
}

impl Joint<'_> {
    /// The pattern as an indicator.
    pub(super) fn indicator(&self) -> IndicatorRef {
        let kind = IndicatorKind::Pattern.word().into();
        IndicatorRef { value: self.pattern.clone(), kind, how: MatchKind::Exact }
    }
}

/// Decides all patterns of which some record shows a part; gives those that records satisfy, and those of which that is not
/// known.
pub(super) fn all<'a>(merged: &'a Partial, overlaps: &Overlaps, decide: Decide) -> Vec<Joint<'a>> {
    let sources = merged.sources.values().filter(|source| !source.parts.is_empty());
    let parts = sources.map(|source| source.parts.iter().map(move |(part, sightings)| (part, sightings, &**source)));
    let by_part = parts.kmerge_by(|(a, ..), (b, ..)| a <= b);
    let by_pattern = by_part.chunk_by(|(part, ..)| part.pattern.clone());
    let mut joints = Vec::new();
    for (pattern, shown) in &by_pattern {
        let mut records = Records::default();
        shown.for_each(|(part, sightings, source)| {
            records.add(part.part, &sightings, source, overlaps.log(&source.entry.source));
        });
        joints.extend(records.decided(pattern, decide));
    }
    joints
}

/// What records are sorted by: no time last, time, locator, place.
type Key<'a> = (bool, Option<Instant>, &'a Locator, Place);

/// The records that show parts of one pattern.
#[derive(Default)]
struct Records<'a> {
    by_time: BTreeMap<Key<'a>, (&'a SourcePartial, Vec<u32>)>,
    /// Of records of logs that hold the same ones, the log by which each counts: by group, time and digest.
    told_by: BTreeMap<(Group, Option<Instant>, String), u32>,
    /// Whether some are left out.
    is_cut: bool,
}

impl<'a> Records<'a> {
    fn add(&mut self, part: u32, sightings: &Sightings, source: &'a SourcePartial, log: Option<Log>) {
        self.is_cut |= sightings.count > sightings.kept.len() as u64;
        for s in &sightings.kept {
            if log.is_some_and(|log| self.is_again(log, s)) {
                continue;
            }
            let key = (s.time.is_none(), s.time.map(|stamp| stamp.at), &source.entry.source, s.place);
            self.by_time.entry(key).or_insert_with(|| (source, Vec::new())).1.push(part);
            if self.by_time.len() > RECORDS_LIMIT {
                // What is left out once is behind enough others for good.
                self.by_time.pop_last();
                self.is_cut = true;
            }
        }
    }

    /// Whether another log has told of a record.
    fn is_again(&mut self, log: Log, s: &Sighting) -> bool {
        let record = (log.group, s.time.map(|stamp| stamp.at), s.sha256.clone());
        if self.told_by.len() >= RECORDS_LIMIT && !self.told_by.contains_key(&record) {
            return false;
        }
        *self.told_by.entry(record).or_insert(log.rank) != log.rank
    }

    fn decided(self, pattern: Box<str>, decide: Decide) -> Option<Joint<'a>> {
        let shown = |(key, (_, parts)): (&Key<'_>, &(_, Vec<u32>))| Shown { at: key.1, parts: parts.clone() };
        let shown: Vec<Shown> = self.by_time.iter().map(shown).collect();
        let met = match decide(&pattern, &shown) {
            Decision::Met(met) => met,
            Decision::Unmet if !self.is_cut => return None,
            Decision::Unmet | Decision::Open => Vec::new(),
        };
        let keys: Vec<_> = self.by_time.into_iter().map(|(key, (source, _))| (key.3, source)).collect();
        let records = met.into_iter().filter_map(|at| keys.get(at)).filter_map(|(place, source)| {
            let sighting = sighting(source, &pattern, *place)?;
            Some((*source, sighting))
        });
        Some(Joint { records: records.collect(), pattern })
    }
}

/// The sighting of a pattern's part at a place of a source.
fn sighting(source: &SourcePartial, pattern: &str, place: Place) -> Option<Sighting> {
    let of_pattern = source.parts.iter().filter(|(part, _)| *part.pattern == *pattern);
    of_pattern.into_iter().find_map(|(_, sightings)| sightings.kept.iter().find(|s| s.place == place).cloned())
}

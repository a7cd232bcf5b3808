//! Records that stand in several logs: what rules and indicators found in them is told once.

use std::borrow::Cow;
use std::collections::BTreeSet;

use hashbrown::HashMap;

use super::overlaps::{Group, Log};
use super::shelves::{head_of_hex, of_indicator, of_rule};
use super::{World, found, parted};
use crate::model::hit::{IndicatorRef, Sighting, Sightings};
use crate::model::partial::SourcePartial;
use crate::model::place::Locator;
use crate::model::rule::Outcome;
use crate::model::subject::Subject;
use crate::model::time::Span;
use crate::model::whose::UNATTRIBUTED;

/// A record of which a rule or an indicator tells: in which group of logs, of what, and the head of its digest.
type Told = (Group, u64, u64);
/// How often a log of the group has it, by rank, in which scope.
type Times<'w> = Vec<(u32, &'w str, u64)>;

/// Which records are told where. A record that one log has twice and another one once counts twice: the log that has it
/// most often tells it. What one scope claims is not nobody's, and each scope is told its own.
#[derive(Default)]
pub(super) struct Repeats<'w> {
    times: HashMap<Told, Times<'w>>,
    /// What logs tell of each indicator, by group.
    wholes: HashMap<(Group, u64), Vec<Whole<'w>>>,
}

/// All that a log tells of an indicator as one scope's.
struct Whole<'w> {
    rank: u32,
    scope: &'w str,
    count: u64,
    /// Whether not all of its records are kept.
    is_cut: bool,
    span: Option<Span>,
    who: BTreeSet<(Subject, Outcome)>,
}

impl<'w> Whole<'w> {
    fn of(log: Log, sightings: &Sightings, scope: &'w str) -> Self {
        Self {
            rank: log.rank,
            scope,
            count: sightings.count,
            is_cut: sightings.count > sightings.kept.len() as u64,
            span: sightings.span,
            who: sightings.who.iter().map(|met| (met.who.clone(), met.outcome)).collect(),
        }
    }

    /// Whether another log tells of as many records, of the same time and scope and as much of whom.
    fn is_within(&self, other: &Self) -> bool {
        self.count <= other.count
            && self.scope == other.scope
            && self.span.is_none_or(|own| Span::join_opt(other.span, Some(own)) == other.span)
            && self.who.is_subset(&other.who)
    }
}

impl<'w> Repeats<'w> {
    /// Gathers the records of all logs that overlap others.
    pub(super) fn of(world: &World<'w>) -> Self {
        let mut all = Self::default();
        for source in world.merged.sources.values() {
            let Some(log) = world.overlaps.log(&source.entry.source) else { continue };
            for (id, sightings) in source.rules.iter() {
                let of = of_rule(&id);
                for s in &sightings.kept {
                    places_of_rule(world, source, s).into_iter().for_each(|(_, scope)| all.add(log, of, s, scope));
                }
            }
            for (key, sightings) in source.indicators.iter() {
                let of = of_indicator(&key);
                for part in parted::of(world, source, &sightings) {
                    let whole = Whole::of(log, &part.sightings, part.scope);
                    all.wholes.entry((log.group, of)).or_default().push(whole);
                    part.sightings.kept.iter().for_each(|s| all.add(log, of, s, part.scope));
                }
            }
        }
        all
    }

    fn add(&mut self, log: Log, of: u64, s: &Sighting, scope: &'w str) {
        let Some(digest) = head_of_hex(&s.sha256) else { return };
        let times = self.times.entry((log.group, of, digest)).or_default();
        match times.iter_mut().find(|(rank, known, _)| (*rank, *known) == (log.rank, scope)) {
            Some((_, _, count)) => *count += 1,
            None => times.push((log.rank, scope, 1)),
        }
    }

    /// Whether another log tells of this record.
    fn is_told(&self, log: Log, of: u64, s: &Sighting, scope: &str) -> bool {
        let times = head_of_hex(&s.sha256).and_then(|digest| self.times.get(&(log.group, of, digest)));
        let Some(times) = times else { return false };
        let is_claimed = scope == UNATTRIBUTED && times.iter().any(|(_, of, _)| *of != UNATTRIBUTED);
        let own = times.iter().filter(|(_, of, _)| *of == scope);
        let teller = own.min_by_key(|(rank, _, count)| (std::cmp::Reverse(*count), *rank));
        is_claimed || teller.is_some_and(|(rank, ..)| *rank != log.rank)
    }

    /// Where a hit of a rule is told, as which scope's.
    pub(super) fn tell<'s>(
        &self,
        world: &World<'w>,
        source: &'s SourcePartial,
        id: &str,
        s: &Sighting,
    ) -> Vec<&'s Locator> {
        let Some(log) = world.overlaps.log(&source.entry.source) else {
            return found::delivered(source, |place| found::scope_of(world, place, s));
        };
        let places = places_of_rule(world, source, s).into_iter();
        let of = of_rule(id);
        places.filter(|(_, scope)| !self.is_told(log, of, s, scope)).map(|(at, _)| at).collect()
    }

    /// The sightings of an indicator without those that another log tells; `None` where that tells all. Where it keeps only a
    /// part, it tells all if it has as many, of the same time and of the same clients.
    pub(super) fn rest<'s>(
        &self,
        world: &World<'w>,
        source: &SourcePartial,
        (key, sightings): (&IndicatorRef, &'s Sightings),
        scope: &'w str,
    ) -> Option<Cow<'s, Sightings>> {
        let Some(log) = world.overlaps.log(&source.entry.source) else { return Some(Cow::Borrowed(sightings)) };
        let of = of_indicator(key);
        let is_own = |s: &&Sighting| !self.is_told(log, of, s, scope);
        let told = sightings.kept.len() - sightings.kept.iter().filter(is_own).count();
        if told == 0 {
            return Some(Cow::Borrowed(sightings));
        }
        let whole = Whole::of(log, sightings, scope);
        let others = self.wholes.get(&(log.group, of)).into_iter().flatten();
        if others.filter(|other| other.rank < log.rank && other.is_cut).any(|other| whole.is_within(other)) {
            return None;
        }
        let count = sightings.count.saturating_sub(told as u64);
        match (told == sightings.kept.len(), count) {
            (_, 0) => None,
            // Of those that are left none can be cited.
            (true, _) => Some(Cow::Borrowed(sightings)),
            (false, _) => {
                let kept = sightings.kept.iter().filter(is_own).cloned().collect();
                Some(Cow::Owned(Sightings { count, kept, ..sightings.clone() }))
            }
        }
    }
}

/// Where a hit of a rule was delivered, and whose it is there.
fn places_of_rule<'s, 'w>(world: &World<'w>, source: &'s SourcePartial, s: &Sighting) -> Vec<(&'s Locator, &'w str)> {
    let home = |place: &Locator| found::scope_of(world, place, s);
    found::delivered(source, home).into_iter().map(|place| (place, home(place))).collect()
}

//! Sigma correlations, held against the events of all sources.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hashbrown::HashMap;
use itertools::Itertools;

use super::overlaps::{Group, Log, Overlaps};
use super::windows::{self, Origin, Outcome, Record};
use crate::model::correlation::{self, Correlation};
use crate::model::coverage::Counted;
use crate::model::event::{Called, Event, Numbers, TraitTable, Traits};
use crate::model::partial::{Partial, SourcePartial};
use crate::model::place::RecordDigest;
use crate::model::rule::{self, Level};
use crate::model::time::Instant;

/// Events over which all correlations are decided, the earliest of all sources.
const EVENTS_LIMIT: usize = 2_000_000;
/// Bytes that their values and subjects may take.
const TRAITS_LIMIT_BYTES: usize = 256 << 20;
/// Findings of one correlation, the earliest; the rest are counted.
pub(super) const ALERTS_KEPT: usize = 10_000;

/// What was decided.
#[derive(Default)]
pub(super) struct Correlated<'a> {
    /// Each behind those that it counts on.
    pub list: Vec<&'a Correlation>,
    /// Ids of the rules and correlations of which the hits are no findings.
    pub silent: BTreeSet<Arc<str>>,
    /// What the numbers of traits in `events` stand for.
    pub traits: Vec<Arc<Traits>>,
    /// The events, by time, locator and place; those of logs that hold the same records by the rank of these first.
    pub events: Vec<Record>,
    /// Of each event its source, and its number among those that are kept there.
    pub origins: Vec<(u32, u32)>,
    /// The sources with events.
    pub sources: Vec<&'a SourcePartial>,
    /// By their traits, how many events were left out because another log has the same record.
    again: BTreeMap<u32, u64>,
    /// What the correlations found.
    pub outcome: Outcome,
    /// By correlation.
    counted: Vec<Counted>,
    /// By correlation: hits beyond a limit, also of those that it counts on.
    pub beyond: Vec<u64>,
    /// By id: the place in `list`.
    places: HashMap<&'a str, usize>,
}

/// Which records of one instant logs that hold the same ones have told, and how often each log.
#[derive(Default)]
struct Told {
    at: Option<Instant>,
    /// By group and digest: the log that is being read, how often it has the record, and how often that was told.
    records: HashMap<(Group, RecordDigest), (u32, u64, u64)>,
}

impl Told {
    /// Whether a log of the group before this one has told of this record as often. Logs come one after the other.
    fn is_again(&mut self, log: Log, event: &Event) -> bool {
        if self.at != Some(event.at) {
            self.at = Some(event.at);
            self.records.clear();
        }
        let (rank, times, told) = self.records.entry((log.group, event.sha256)).or_insert((log.rank, 0, 0));
        if *rank != log.rank {
            (*rank, *times) = (log.rank, 0);
        }
        *times += 1;
        let is_again = *times <= *told;
        *told = (*times).max(*told);
        is_again
    }
}

/// When an event was told, and of which rules with which fields, by which sources.
type Once = (Instant, Vec<(u32, Arc<str>, Arc<[Arc<str>]>)>);

/// Events that were delivered in several forms, as in a binary log and in an export of it to JSON: each counts once, by the number that
/// its log gave it. One source may tell of an event in several records. Of events that come by time, those that are too old to be told
/// again are forgotten.
#[derive(Default)]
struct Native {
    /// Since when the events of `now` are.
    since: Option<Instant>,
    now: HashMap<Called, Once>,
    before: HashMap<Called, Once>,
}

impl Native {
    /// Forms round times to a millisecond or a second. A log that was cleared counts from one again, but not as fast.
    const NEAR_SECS: i64 = 1;

    /// What was told of an event so far.
    fn told(&mut self, called: Called, at: Instant) -> &mut Once {
        if self.since.is_none_or(|since| at > since.plus_secs(Self::NEAR_SECS)) {
            self.since = Some(at);
            self.before = std::mem::take(&mut self.now);
        }
        let known = self.before.remove(&called).filter(|(first, _)| at <= first.plus_secs(Self::NEAR_SECS));
        if let Some(known) = known {
            self.now.insert(called, known);
        }
        let once = self.now.entry(called).or_insert_with(|| (at, Vec::new()));
        if at > once.0.plus_secs(Self::NEAR_SECS) {
            *once = (at, Vec::new());
        }
        once
    }

    /// The traits of an event: with the rules of which no other source has told it with all fields that it has here, and with those of
    /// which one has; either may be none. With what noting these took in bytes.
    fn parted(
        &mut self,
        event: &Event,
        source: u32,
        traits: u32,
        table: &mut TraitTable,
    ) -> (Option<u32>, Option<u32>, usize) {
        let Some(called) = event.called else { return (Some(traits), None, 0) };
        let (_, told) = self.told(called, event.at);
        let [rules, fields] = table.rules_and_fields(traits);
        let is_again = |rule: &Arc<str>| {
            let has_all = |known: &[Arc<str>]| fields.iter().all(|field| known.contains(field));
            told.iter().any(|(of, known, with)| *of != source && known == rule && has_all(with))
        };
        let (again, new): (Vec<Arc<str>>, Vec<Arc<str>>) = rules.iter().cloned().partition(is_again);
        for rule in &new {
            let one = (source, Arc::clone(rule), Arc::clone(&fields));
            if !told.contains(&one) {
                told.push(one);
            }
        }
        if again.is_empty() {
            return (Some(traits), None, 0);
        }
        if new.is_empty() {
            return (None, Some(traits), 0);
        }
        let (new, of_new) = table.number_with(traits, &new);
        let (again, of_again) = table.number_with(traits, &again);
        (Some(new), Some(again), of_new + of_again)
    }
}

/// Decides all correlations that count on rules that hit.
pub(super) fn all<'a>(merged: &'a Partial, overlaps: &Overlaps) -> Correlated<'a> {
    let list = ordered(&merged.correlations);
    if list.is_empty() {
        return Correlated::default();
    }
    let mut all = Correlated { silent: correlation::silent(list.iter().copied()), list, ..Correlated::default() };
    all.places = all.list.iter().map(|correlation| correlation.meta.id.as_str()).zip(0..).collect();
    all.gather(merged, overlaps);
    all.outcome = windows::run(&all.list, &all.traits, &all.events);
    all.counted = all.count(merged);
    all.beyond = all.beyond();
    all
}

/// Correlations in an order in which each stands behind those that it counts on. Where a state holds some that count on each
/// other, which no scan writes, these stand last.
fn ordered(all: &BTreeMap<Box<str>, Arc<Correlation>>) -> Vec<&Correlation> {
    let mut lacks: BTreeMap<&str, usize> = BTreeMap::new();
    let mut followers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (id, correlation) in all {
        let below: BTreeSet<&str> = correlation.targets().map(|id| &**id).filter(|id| all.contains_key(*id)).collect();
        lacks.insert(id, below.len());
        below.into_iter().for_each(|target| followers.entry(target).or_default().push(id));
    }
    let mut ready: BTreeSet<&str> = lacks.iter().filter(|(_, lacking)| **lacking == 0).map(|(id, _)| *id).collect();
    let mut order: Vec<&str> = Vec::new();
    while let Some(id) = ready.pop_first() {
        order.push(id);
        for follower in followers.remove(id).unwrap_or_default() {
            if let Some(lacking) = lacks.get_mut(follower) {
                *lacking -= 1;
                if *lacking == 0 {
                    ready.insert(follower);
                }
            }
        }
    }
    let placed: BTreeSet<&str> = order.iter().copied().collect();
    order.extend(all.keys().map(|id| &**id).filter(|id| !placed.contains(id)));
    order.into_iter().filter_map(|id| all.get(id).map(|correlation| &**correlation)).collect()
}

impl<'a> Correlated<'a> {
    /// The events of all sources in the order of their times, as many as may be. What several logs have is there once.
    fn gather(&mut self, merged: &'a Partial, overlaps: &Overlaps) {
        self.sources = merged.sources.values().filter(|source| !source.events.is_empty()).map(|s| &**s).collect();
        let streams = self.sources.iter().zip(0u32..).map(|(source, number)| {
            (0u32..).zip(source.events.iter()).map(move |(nth, (event, apart))| (event, number, nth, apart))
        });
        let logs: Vec<Option<Log>> = self.sources.iter().map(|source| overlaps.log(&source.entry.source)).collect();
        let rank = |source: u32| logs[source as usize].map(|log| log.rank);
        let key = |(event, source, ..): &(Event, u32, u32, Option<Arc<Traits>>)| {
            (event.at, rank(*source), *source, event.place)
        };
        let mut numbers: Vec<Numbers<'_>> = self.sources.iter().map(|source| Numbers::new(&source.events)).collect();
        let (mut table, mut bytes, mut told) = (TraitTable::default(), 0, Told::default());
        let mut native = Native::default();
        for (event, source, nth, apart) in streams.kmerge_by(|a, b| key(a) <= key(b)) {
            let (number, more) = numbers[source as usize].number(&event, apart.as_deref(), &mut table);
            // Packed they take less than as they are looked at.
            bytes += if more > 0 { 2 * more + size_of::<Traits>() } else { 0 };
            if self.events.len() == EVENTS_LIMIT || bytes > TRAITS_LIMIT_BYTES {
                break;
            }
            if logs[source as usize].is_some_and(|log| told.is_again(log, &event)) {
                *self.again.entry(number).or_default() += 1;
                continue;
            }
            let (number, again, more) = native.parted(&event, source, number, &mut table);
            bytes += if more > 0 { 2 * more + size_of::<Traits>() } else { 0 };
            if let Some(again) = again {
                *self.again.entry(again).or_default() += 1;
            }
            let Some(number) = number else { continue };
            let outcome = rule::Outcome::Unknown;
            self.events.push(Record { time: event.at.micros(), traits: number, outcome, source: Some(source) });
            self.origins.push((source, nth));
        }
        self.traits = table.unpacked();
        for record in &mut self.events {
            record.outcome = self.traits[record.traits as usize].outcome;
        }
    }

    /// What each correlation counted, and what it could not.
    fn count(&self, merged: &Partial) -> Vec<Counted> {
        let mut hits: HashMap<Box<str>, (u64, u64)> = HashMap::new();
        for (rule, sightings) in merged.sources.values().flat_map(|source| source.rules.iter()) {
            let (timed, untimed) = hits.entry(rule.into_owned()).or_default();
            *timed += sightings.count.saturating_sub(sightings.untimed);
            *untimed += sightings.untimed;
        }
        let mut held: HashMap<&str, u64> = HashMap::new();
        for record in &self.events {
            self.traits[record.traits as usize].rules.iter().for_each(|rule| *held.entry(rule).or_default() += 1);
        }
        for (traits, events) in &self.again {
            self.traits[*traits as usize].rules.iter().for_each(|rule| *held.entry(rule).or_default() += events);
        }
        let mut found = vec![0u64; self.list.len()];
        self.outcome.alerts.iter().for_each(|alert| found[alert.correlation] += alert.runs.len() as u64);
        let mut all: Vec<Counted> = Vec::new();
        for (number, correlation) in self.list.iter().enumerate() {
            let targets: BTreeSet<&str> = correlation.targets().map(|id| &**id).collect();
            let (mut untimed, mut beyond) = (0, self.outcome.crowded[number]);
            for id in targets {
                let (hits, without) = hits.get(id).copied().unwrap_or_default();
                let counted = held.get(id).copied().filter(|_| self.outcome.decided[number]).unwrap_or(0);
                untimed += without;
                beyond += hits.saturating_sub(counted);
            }
            all.push(Counted {
                rule: correlation.meta.id.clone(),
                title: correlation.meta.title.clone(),
                silent: self.silent.contains(correlation.meta.id.as_str()),
                events: self.outcome.grouped[number],
                ungrouped: self.outcome.ungrouped[number],
                untimed,
                beyond,
                found: found[number],
            });
        }
        all
    }

    /// By correlation: how many hits it, or one that it counts on, does not count because they are beyond a limit. Those that
    /// were not decided count nothing.
    fn beyond(&self) -> Vec<u64> {
        let mut all: Vec<u64> = Vec::new();
        for (number, correlation) in self.list.iter().enumerate() {
            let below = correlation.targets().filter_map(|id| self.places.get(&**id));
            let below = below.filter_map(|at| all.get(*at)).copied().max().unwrap_or(0);
            let own = self.counted[number].beyond.max(u64::from(!self.outcome.decided[number]));
            all.push(own.max(below));
        }
        all
    }

    /// What each correlation counted, in the order of their ids.
    pub(super) fn told(&self) -> Vec<Counted> {
        let mut all = self.counted.clone();
        all.sort_by(|a, b| a.rule.cmp(&b.rule));
        all
    }

    /// Ids of those of level high or above of which more might have been found with what they do not count.
    pub(super) fn open(&self) -> impl Iterator<Item = &str> {
        let open =
            self.list.iter().zip(&self.beyond).filter(|(of, beyond)| of.meta.level >= Level::High && **beyond > 0);
        open.map(|(of, _)| of.meta.id.as_str()).filter(|id| !self.silent.contains(*id))
    }

    /// Ids of the rules and correlations that a correlation counts on, also by others.
    pub(super) fn reached(&self, correlation: &'a Correlation) -> BTreeSet<&'a str> {
        let mut all: BTreeSet<&str> = BTreeSet::new();
        let mut left: Vec<&'a Correlation> = vec![correlation];
        while let Some(one) = left.pop() {
            for id in one.targets().map(|id| &**id) {
                if all.insert(id) {
                    left.extend(self.places.get(id).map(|at| self.list[*at]));
                }
            }
        }
        all
    }

    /// The events that these windows show, by their places and without repeats: of alerts those in their windows. With false,
    /// where there are more than may be looked through, of which as many are taken as were.
    pub(super) fn records(&self, of: impl IntoIterator<Item = Origin>, left: &mut usize) -> (Vec<u32>, bool) {
        let mut records = Vec::new();
        let mut windows: BTreeMap<u32, Vec<(u32, u32)>> = BTreeMap::new();
        let mut take = |origin, windows: &mut BTreeMap<u32, Vec<(u32, u32)>>| match origin {
            Origin::Record(at) => records.push(at),
            Origin::Window { alert, from, to } => windows.entry(alert).or_default().push((from, to)),
        };
        let mut is_whole = true;
        of.into_iter().for_each(|origin| take(origin, &mut windows));
        // An alert counts on earlier ones only.
        while let Some((alert, mut ranges)) = windows.pop_last() {
            ranges.sort_unstable();
            let Some(alert) = self.outcome.alerts.get(alert as usize) else { continue };
            let mut reached = 0;
            for (from, to) in ranges {
                for (origin, _) in alert.of.get(reached.max(from) as usize..to as usize).unwrap_or_default() {
                    let Some(fewer) = left.checked_sub(1) else {
                        is_whole = false;
                        break;
                    };
                    *left = fewer;
                    take(*origin, &mut windows);
                }
                reached = reached.max(to);
            }
        }
        records.sort_unstable();
        records.dedup();
        (records, is_whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::correlation::{Bound, Demand, Figure, Member, Order};
    use crate::model::rule::RuleMeta;

    fn counting_on(id: &str, targets: &[&str]) -> (Box<str>, Arc<Correlation>) {
        let meta = RuleMeta {
            id: id.to_owned(),
            title: id.to_owned(),
            level: Level::High,
            stage: Vec::new(),
            attack: Vec::new(),
            route: None,
            author: None,
            file: String::new(),
        };
        let correlation = Correlation {
            meta,
            at: (1, 1),
            members: vec![Member { targets: targets.iter().map(|id| (*id).into()).collect() }],
            group_by: Vec::new(),
            span: -1,
            demand: Demand::Figure(Figure::Events, vec![Bound { order: Order::Gte, number: 1.0 }]),
            generate: false,
            left_out: Vec::new(),
        };
        (id.into(), Arc::new(correlation))
    }

    #[test]
    fn each_stands_behind_those_that_it_counts_on_and_circles_of_a_foreign_state_stand_last() {
        let all = [("a", &["b", "rule"][..]), ("b", &["z"]), ("z", &["rule"]), ("c", &["d", "z"]), ("d", &["c"])];
        let all: BTreeMap<Box<str>, Arc<Correlation>> = all.iter().map(|(id, of)| counting_on(id, of)).collect();
        let order = ordered(&all);
        assert_eq!(order.iter().map(|of| of.meta.id.as_str()).collect::<Vec<_>>(), ["z", "b", "a", "c", "d"]);
        let traits = Traits { rules: ["rule".into()].into(), ..Traits::default() };
        let records = [5, 7].map(|time| Record { time, traits: 0, outcome: rule::Outcome::Unknown, source: None });
        let outcome = windows::run(&order, &[Arc::new(traits)], &records);
        let found: Vec<(usize, usize)> =
            outcome.alerts.iter().map(|alert| (alert.correlation, alert.windows.len())).collect();
        assert_eq!(found, [(0, 2), (1, 2), (2, 2), (3, 2), (4, 2)]);
    }
}

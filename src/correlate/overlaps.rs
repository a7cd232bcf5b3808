//! Logs that hold the same records in part: a log and what was cut out of it, a log that was taken again after it grew, the
//! logs of several servers and one that all of them write to. What they tell is not added up at least.
//!
//! Whole copies are dropped by their digest. Here a few of the records that each log cites are looked up in the others: one
//! that another log would cite too if it had it, and does not, speaks against. Two servers that happen to write the same
//! line have all others apart, and stay two.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;
use itertools::Itertools;

use super::shelves::{self, Drawn, Record};
use crate::model::ledger::EntryKind;
use crate::model::partial::{Partial, SourcePartial};
use crate::model::place::Locator;
use crate::model::time::Instant;

/// Records in common that show that two logs are the same in part; fewer do where they are most of what was drawn.
const SHARED_LEAST: usize = 3;
/// Sources that one is held against, the first by locator: those that are not follow from these where all overlap.
const PARTNERS_MOST: usize = 256;

/// A set of logs of which each holds records of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Group(u32);

/// A log in a group: its sources follow each other. The one with the most records is the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Log {
    /// The group.
    pub group: Group,
    /// Its rank in the group.
    pub rank: u32,
}

/// Which logs overlap.
#[derive(Default)]
pub(super) struct Overlaps {
    /// Sources of logs that overlap others, and those logs.
    logs: BTreeMap<Locator, Log>,
    /// The logs of each group, by rank.
    members: Vec<Vec<Locator>>,
    /// Names ([`Locator::log`]) of logs that are one system where no record names one, those with the most records first.
    names: Vec<Vec<Locator>>,
    /// In which of these sets a name is.
    set_of: BTreeMap<String, usize>,
}

impl Overlaps {
    /// Finds those among all sources. `log_of` gives the log of files that follow each other.
    pub(super) fn of(merged: &Partial, log_of: &BTreeMap<&Locator, Locator>) -> Self {
        let leaves = merged.sources.iter().filter(|((_, kind, _), source)| *kind == EntryKind::Source && tells(source));
        let mut formats: BTreeMap<&str, Vec<Candidate<'_>>> = BTreeMap::new();
        for (_, source) in leaves {
            let locator = &source.entry.source;
            let log = log_of.get(locator).unwrap_or(locator);
            formats
                .entry(source.entry.format.as_deref().unwrap_or_default())
                .or_default()
                .push(Candidate { source, log });
        }
        let mut records: BTreeMap<&Locator, u64> = BTreeMap::new();
        for candidate in formats.values().flatten() {
            let sum = records.entry(candidate.log).or_default();
            *sum = sum.saturating_add(candidate.source.entry.records);
        }
        let parts: Vec<_> = formats.values().flat_map(|candidates| at_one_time(candidates)).collect();
        let groups = groups(parts.iter().flat_map(|part| pairs(part)));
        let mut all = Self::default();
        for (logs, number) in groups.into_iter().zip(0..) {
            let ranked = logs.into_iter().sorted_by_key(|log| (std::cmp::Reverse(records[log]), *log)).collect_vec();
            all.members.push(ranked.iter().map(|log| (*log).clone()).collect());
            let of_group = |rank| Log { group: Group(number), rank };
            all.logs.extend(ranked.iter().zip(0..).map(|(log, rank)| ((*log).clone(), of_group(rank))));
            all.name(ranked.iter().map(|log| log.log()));
        }
        for candidate in formats.into_values().flatten() {
            if let Some(log) = all.log(candidate.log) {
                all.logs.insert(candidate.source.entry.source.clone(), log);
            }
        }
        all
    }

    /// The log of a source, or of files that follow each other, where it overlaps another one.
    pub(super) fn log(&self, of: &Locator) -> Option<Log> {
        self.logs.get(of).copied()
    }

    /// The logs that hold records of a source, with its own, those with the most records first; none where it is alone.
    pub(super) fn all_of(&self, source: &Locator) -> &[Locator] {
        let members = self.log(source).and_then(|log| self.members.get(log.group.0 as usize));
        members.map_or(&[], |members| members)
    }

    /// Sources of logs that overlap others, each with the log of the most records among these; that one itself is left out.
    pub(super) fn told(&self) -> Vec<(&Locator, &Locator)> {
        let others = self.logs.iter().filter(|(_, log)| log.rank > 0);
        others.filter_map(|(source, _)| Some((source, self.all_of(source).first()?))).collect()
    }

    /// The names of logs that are one system with the log of this name, and itself; none where it is alone.
    pub(super) fn named(&self, log: &str) -> &[Locator] {
        self.set_of.get(log).and_then(|set| self.names.get(*set)).map_or(&[], |names| names)
    }

    /// Makes one set of these names and of all that one of them is in a set with.
    fn name(&mut self, logs: impl Iterator<Item = String>) {
        let logs: Vec<String> = logs.collect();
        let known: BTreeSet<usize> = logs.iter().filter_map(|log| self.set_of.get(log).copied()).collect();
        let into = known.first().copied().unwrap_or(self.names.len());
        self.names.resize_with(self.names.len().max(into + 1), Vec::new);
        for set in known.into_iter().skip(1) {
            let moved = std::mem::take(&mut self.names[set]);
            self.names[into].extend(moved);
        }
        for log in &logs {
            let name = Locator::from_encoded(log);
            if !self.names[into].contains(&name) {
                self.names[into].push(name);
            }
        }
        let set = self.names[into].iter().map(|name| (name.as_str().to_owned(), into));
        self.set_of.extend(set.collect::<Vec<_>>());
    }
}

/// A source whose log may hold records of another one.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    source: &'a SourcePartial,
    log: &'a Locator,
}

/// Whether a source cites any records.
fn tells(source: &SourcePartial) -> bool {
    !source.observations.kept.is_empty() || !source.rules.is_empty() || !source.indicators.is_empty()
}

/// Parts them by time: those of which none has a record in the time of another part. Parts of one log are left out.
fn at_one_time<'a>(all: &[Candidate<'a>]) -> Vec<Vec<Candidate<'a>>> {
    let mut all = all.to_vec();
    all.sort_by_key(|c| (c.source.covered.span.map(|span| (span.first, span.last)), &c.source.entry.source));
    let mut parts: Vec<Vec<Candidate<'_>>> = Vec::new();
    let mut reached: Option<Option<Instant>> = None;
    for candidate in all {
        let span = candidate.source.covered.span;
        let meets = match (reached, span) {
            (Some(Some(last)), Some(span)) => span.first <= last,
            (Some(last), span) => last.is_none() && span.is_none(),
            (None, _) => false,
        };
        let last = span.map(|span| span.last);
        match parts.last_mut().filter(|_| meets) {
            Some(part) => part.push(candidate),
            None => parts.push(vec![candidate]),
        }
        reached = Some(if meets { reached.flatten().max(last) } else { last });
    }
    parts.retain(|part| part.iter().any(|c| c.log != part[0].log));
    parts
}

/// Logs of which one holds records of the other.
fn pairs<'a>(of: &[Candidate<'a>]) -> Vec<(&'a Locator, &'a Locator)> {
    let drawn: Vec<Drawn> = of.iter().map(|candidate| Drawn::of(candidate.source)).collect();
    let mut drawn_from: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, drawn) in drawn.iter().enumerate() {
        for mark in drawn.records.iter().map(|record| record.digest).chain(drawn.ends.iter().copied()) {
            let known = drawn_from.entry(mark).or_default();
            if known.last() != Some(&at) {
                known.push(at);
            }
        }
    }
    let mut pairs = Vec::new();
    let mut met_by = vec![None; of.len()];
    for (at, candidate) in of.iter().enumerate() {
        let partners = partners(of, at, &drawn_from, &mut met_by);
        let tallied = held(candidate.source, partners.iter().map(|other| &*drawn[*other].records));
        let same = partners.iter().zip(tallied).filter(|(other, held)| held.is_part(drawn[**other].records.len()));
        pairs.extend(same.map(|(other, _)| (of[*other].log, candidate.log)));
    }
    pairs
}

/// Sources of other logs of which something that was drawn is in this one. `met_by`: of each source, the one that met it last.
fn partners(
    of: &[Candidate<'_>],
    at: usize,
    drawn_from: &HashMap<u64, Vec<usize>>,
    met_by: &mut [Option<usize>],
) -> Vec<usize> {
    let mut partners: BTreeSet<usize> = BTreeSet::new();
    let mut meet = |mark: u64| {
        for other in drawn_from.get(&mark).into_iter().flatten() {
            if met_by[*other].replace(at) == Some(at) || of[*other].log == of[at].log {
                continue;
            }
            partners.insert(*other);
            if partners.len() > PARTNERS_MOST {
                partners.pop_last();
            }
        }
    };
    let marks = std::cell::RefCell::new(&mut meet);
    shelves::each(
        of[at].source,
        |shelf| shelf.records.iter().for_each(|record| (marks.borrow_mut())(record.digest)),
        |end| (marks.borrow_mut())(end),
    );
    partners.into_iter().collect()
}

/// What one source says of the records drawn of another one, as far as they are of its time.
#[derive(Default, Clone, Copy)]
struct Held {
    /// It has them.
    shared: usize,
    /// It does not: it would cite them.
    refuted: usize,
    /// It may have them.
    unknown: usize,
}

impl Held {
    /// Whether a log of which so many records were drawn is a part of this one, in the time of both.
    fn is_part(self, drawn: usize) -> bool {
        let is_most = |records: usize| 2 * records > drawn;
        let is_shown = self.shared > self.refuted && (self.shared >= SHARED_LEAST || is_most(self.shared));
        is_shown || self.refuted == 0 && is_most(self.shared + self.unknown)
    }
}

/// What a source says of the records drawn of each of several others.
fn held<'d>(source: &SourcePartial, others: impl Iterator<Item = &'d [Record]>) -> Vec<Held> {
    let is_of_time =
        |at: Option<Instant>| at.zip(source.covered.span).is_none_or(|(at, span)| span.first <= at && at <= span.last);
    let mut told = Vec::new();
    let mut asked: HashMap<u64, Vec<(usize, &Record)>> = HashMap::new();
    for (other, records) in others.enumerate() {
        told.push(Held::default());
        for record in records.iter().filter(|record| is_of_time(record.at)) {
            asked.entry(record.of).or_default().push((other, record));
        }
    }
    if asked.is_empty() {
        return told;
    }
    let shelf = |shelf: &shelves::Shelf| {
        for (other, record) in asked.remove(&shelf.of).into_iter().flatten() {
            let held = &mut told[other];
            if shelf.records.iter().any(|known| known.digest == record.digest) {
                held.shared += 1;
            } else if shelf.would_hold(record) {
                held.refuted += 1;
            } else {
                held.unknown += 1;
            }
        }
    };
    shelves::each(source, shelf, |_| {});
    // Of a source with more conversations than are kept, the one may be left out.
    let is_cut = source.observations.rest.records > 0;
    for (other, _) in asked.into_values().flatten() {
        let held = &mut told[other];
        *(if is_cut { &mut held.unknown } else { &mut held.refuted }) += 1;
    }
    told
}

/// The sets of logs that such pairs join, sorted.
fn groups<'a>(pairs: impl Iterator<Item = (&'a Locator, &'a Locator)>) -> Vec<BTreeSet<&'a Locator>> {
    let mut sets: Vec<BTreeSet<&Locator>> = Vec::new();
    let mut set_of: HashMap<&Locator, usize> = HashMap::new();
    for (one, other) in pairs {
        let known = [one, other].map(|log| set_of.get(log).copied());
        let (into, from) = match known {
            [Some(a), Some(b)] if a == b => continue,
            [Some(a), Some(b)] => (a.min(b), a.max(b)),
            [a, b] => {
                let at = a.or(b).unwrap_or(sets.len());
                (at, at)
            }
        };
        if into == sets.len() {
            sets.push(BTreeSet::new());
        }
        let moved = if from == into { BTreeSet::new() } else { std::mem::take(&mut sets[from]) };
        for log in moved.into_iter().chain([one, other]) {
            sets[into].insert(log);
            set_of.insert(log, into);
        }
    }
    sets.retain(|set| !set.is_empty());
    sets.sort();
    sets
}

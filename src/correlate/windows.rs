//! Sigma correlations over records that rules matched: windows that slide over each group.
//!
//! SOURCE: Sigma specification 2.1.0, correlation rules. A window ends at each event and reaches back by the time span, both
//! ends included; what holds of a window is told at its end. Figures are exact and the order of events does not matter
//! beyond their times and, where these are equal, their places in one source, so that any split of the work gives the same
//! alerts.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashMap;

use super::figure::{Meter, may_hold};
use super::groups::Groups;
use crate::model::correlation::{Correlation, Demand, Figure, Key};
use crate::model::event::Traits;
use crate::model::rule;

/// What a correlation found in one group.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Its place in the list of correlations.
    pub correlation: usize,
    /// The values of the group, lower case, in the order of `group-by`.
    pub group: Vec<String>,
    /// Ends of the windows in which its demand holds, in microseconds since 1970, ascending.
    pub windows: Vec<i64>,
    /// The same windows, joined where they overlap.
    pub runs: Vec<Run>,
    /// What counts in the group, by time.
    pub of: Vec<(Origin, Members)>,
}

/// Windows that overlap.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Time of the first event in them, in microseconds since 1970.
    pub first: i64,
    /// End of the last window.
    pub last: i64,
    /// Which events of the group lie in them, by their place in [`Alert::of`].
    pub of: Range<usize>,
    /// The event with which the first of them is complete, by its place as well.
    pub complete: usize,
    /// The greatest figure of one window; members seen, for conditions over members.
    pub peak: f64,
    /// What became of it: failed where all events did, succeeded where what is demanded holds of those alone that did. Of an
    /// ordered one only those count that come last in the order. One over rules succeeded as well where that rule did with which
    /// it is complete.
    pub outcome: rule::Outcome,
}

/// A record that rules matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// Its time, in microseconds since 1970.
    pub time: i64,
    /// The number of its traits.
    pub traits: u32,
    /// What became of what it tells of.
    pub outcome: rule::Outcome,
    /// The number of its source, in which records stand in the order of the list; none where it has no neighbours.
    pub source: Option<u32>,
}

/// Where an event of a correlation comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A record, by its place in the list of events.
    Record(u32),
    /// A window of an alert: the alert's place in the list, and the window's events by their places in [`Alert::of`].
    Window {
        /// The alert.
        alert: u32,
        /// Its first event.
        from: u32,
        /// Behind its last event.
        to: u32,
    },
}

impl Run {
    /// Of an ordered correlation the member that came last in the order, as far as it went.
    pub fn last_member(&self, correlation: &Correlation) -> Option<usize> {
        let Demand::Figure(Figure::Ordered, _) = correlation.demand else { return None };
        Some((self.peak as usize).clamp(1, correlation.members.len().max(1)) - 1)
    }
}

impl Alert {
    /// The run that holds a window, by the place behind the window's last event; its place.
    pub fn run_of(&self, to: usize) -> Option<usize> {
        Some(self.runs.partition_point(|run| run.of.end < to)).filter(|at| *at < self.runs.len())
    }
}

/// What all correlations found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// By correlation, then by group.
    pub alerts: Vec<Alert>,
    /// By correlation: events that it counts.
    pub grouped: Vec<u64>,
    /// By correlation: events left out because they lack a field of `group-by`.
    pub ungrouped: Vec<u64>,
    /// By correlation: events with more groups than those in which they are counted, or with more combinations of values.
    pub crowded: Vec<u64>,
    /// By correlation: whether it was decided. There is a limit to what all of them may look at and find together.
    pub decided: Vec<bool>,
}

/// What all correlations together may look at, in events, each as often as it is looked at.
const LOOKED_AT_LIMIT: u64 = 200_000_000;
/// What the alerts of all correlations together may hold, in events.
const HELD_LIMIT: usize = 20_000_000;

/// Values of an event with the fields that they are of.
pub(super) type Values = [(Arc<str>, Box<str>)];

/// An event as others see it: the rules that it is of, none for an alert, and its values.
type Told<'e> = (&'e [Arc<str>], &'e Values);

/// An event of one correlation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Occurrence {
    time: i64,
    /// Which members it is one of.
    pub members: Members,
    /// Its number among what is told.
    pub told: u32,
    outcome: rule::Outcome,
    origin: Origin,
    /// Its source and its place there, where it is known: of an alert those of the event with which it is complete.
    stands: Option<(u32, u32)>,
}

impl Occurrence {
    fn source(&self) -> Option<u32> {
        self.stands.map(|(source, _)| source)
    }
}

/// A set of members of a correlation, of which there are 64 at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Members(u64);

impl Members {
    fn add(&mut self, member: usize) {
        self.0 |= 1u64.checked_shl(u32::try_from(member).unwrap_or(u32::MAX)).unwrap_or(0);
    }

    /// The set of one member.
    pub(super) fn of(member: usize) -> Self {
        let mut one = Self::default();
        one.add(member);
        one
    }

    /// Whether a member is in both.
    fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Takes in the members of another set.
    pub(super) fn join(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// How many members are in it.
    pub(super) fn count(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether a member is in it.
    pub fn has(self, member: usize) -> bool {
        self.meets(Self::of(member))
    }

    /// The members in it, ascending.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let next = (left != 0).then(|| left.trailing_zeros() as usize);
            left &= left.wrapping_sub(1);
            next
        })
    }
}

/// Holds correlations against records, in any order. Each correlation stands behind those that it counts on.
pub fn run(correlations: &[&Correlation], traits: &[Arc<Traits>], records: &[Record]) -> Outcome {
    let mut stream = Stream::of(correlations, traits, records);
    let mut outcome = Outcome::default();
    let (mut looked_at, mut held) = (0, 0);
    for (number, correlation) in correlations.iter().enumerate() {
        let decided = looked_at < LOOKED_AT_LIMIT && held < HELD_LIMIT;
        let mut groups = if decided { stream.grouped(correlation) } else { Groups::default() };
        let mut crowded = groups.crowded;
        outcome.decided.push(decided);
        looked_at += groups.places() + groups.ungrouped;
        outcome.grouped.push(groups.events);
        outcome.ungrouped.push(groups.ungrouped);
        groups.choose(|occurrences| may_hold(&correlation.demand, stream.of_values(occurrences)));
        while let Some((group, occurrences)) = groups.next() {
            stream.sort(occurrences);
            let slid = stream.windows(correlation, occurrences);
            crowded += slid.cut;
            let Some((alert, complete)) = stream.alert(number, correlation, slid, occurrences) else { continue };
            stream.give_on(correlation, (outcome.alerts.len(), &alert, &complete), &group, occurrences);
            let of = occurrences.iter().map(|occurrence| (occurrence.origin, occurrence.members)).collect();
            held += occurrences.len();
            outcome.alerts.push(Alert { group, of, ..alert });
        }
        outcome.crowded.push(crowded);
    }
    outcome
}

/// All that correlations may count, records and alerts of others.
struct Stream<'e> {
    records: &'e [Record],
    traits: &'e [Arc<Traits>],
    /// Values of alerts; their numbers follow those of the traits.
    born: Vec<Vec<(Arc<str>, Box<str>)>>,
    /// Places of records by the rules that match them.
    by_rule: HashMap<&'e str, Vec<u32>>,
    /// What alerts give on, by the correlation; only for those that others count on.
    by_correlation: HashMap<&'e str, Vec<Occurrence>>,
}

impl<'e> Stream<'e> {
    fn of(correlations: &[&'e Correlation], traits: &'e [Arc<Traits>], records: &'e [Record]) -> Self {
        let mut by_rule: HashMap<&str, Vec<u32>> = HashMap::new();
        for (at, record) in (0u32..).zip(records) {
            for rule in traits[record.traits as usize].rules.iter() {
                by_rule.entry(rule).or_default().push(at);
            }
        }
        let named = correlations.iter().flat_map(|correlation| correlation.targets());
        let by_correlation = named.map(|id| (&**id, Vec::new())).collect();
        Self { records, traits, born: Vec::new(), by_rule, by_correlation }
    }

    fn told(&self, number: u32) -> Told<'_> {
        let number = number as usize;
        match self.traits.get(number) {
            Some(traits) => (&traits.rules, &traits.values),
            None => (&[], &self.born[number - self.traits.len()]),
        }
    }

    /// By time, then by the place in a source. Also what stands at one time has an order of its own: the last event of a window
    /// gives its values on.
    fn sort(&self, occurrences: &mut [Occurrence]) {
        occurrences.sort_by(|a, b| {
            (a.time, a.stands, a.members).cmp(&(b.time, b.stands, b.members)).then_with(|| {
                if a.told == b.told { std::cmp::Ordering::Equal } else { self.told(a.told).cmp(&self.told(b.told)) }
            })
        });
    }

    /// The values of events, and which members each is.
    fn of_values<'o>(&'o self, events: &'o [Occurrence]) -> impl Iterator<Item = (&'o Values, Members)> + Clone {
        events.iter().map(|occurrence| (self.told(occurrence.told).1, occurrence.members))
    }

    /// The events of a correlation by group.
    fn grouped(&self, correlation: &Correlation) -> Groups {
        let mut all = Vec::new();
        for (target, members) in targets(correlation) {
            let records = self.by_rule.get(target).into_iter().flatten().map(|at| {
                let Record { time, traits, outcome, source } = self.records[*at as usize];
                let stands = source.map(|source| (source, *at));
                Occurrence { time, members, told: traits, outcome, origin: Origin::Record(*at), stands }
            });
            all.extend(records);
            let born = self.by_correlation.get(target).into_iter().flatten();
            all.extend(born.map(|occurrence| Occurrence { members, ..*occurrence }));
        }
        Groups::of(correlation, &joined(all), |told| self.told(told).1)
    }

    /// What a correlation finds in one group, of which the events are sorted by time, and with which event each window is
    /// complete.
    fn alert(
        &self,
        number: usize,
        correlation: &Correlation,
        slid: Slid,
        events: &[Occurrence],
    ) -> Option<(Alert, Vec<Range<usize>>)> {
        let Slid { windows, complete, mut runs, .. } = slid;
        runs.iter_mut().for_each(|run| run.outcome = self.outcome(correlation, run, events));
        let alert = Alert { correlation: number, group: Vec::new(), windows, runs, of: Vec::new() };
        (!complete.is_empty()).then_some((alert, complete))
    }

    /// What became of a run of windows over these events.
    fn outcome(&self, correlation: &Correlation, run: &Run, events: &[Occurrence]) -> rule::Outcome {
        use rule::Outcome::{Failed, Succeeded, Unknown};
        let of = &events[run.of.clone()];
        let last = run.last_member(correlation);
        let completing = match correlation.demand {
            Demand::Members(_) | Demand::Figure(Figure::Members, _) => events[run.complete].members,
            Demand::Figure(..) => last.map(Members::of).unwrap_or_default(),
        };
        // What comes before the first window is complete may be of the same member and no end of an order.
        let end = events[run.complete..run.of.end].iter().filter(|event| event.members.meets(completing));
        let deciding: BTreeSet<rule::Outcome> = end.map(|event| event.outcome).collect();
        let all_failed = match last {
            Some(_) => deciding.iter().eq([&Failed]),
            None => of.iter().all(|event| event.outcome == Failed),
        };
        match () {
            () if all_failed => Failed,
            () if deciding.contains(&Succeeded) => Succeeded,
            () if last.is_some() => Unknown,
            () => {
                let succeeded: Vec<Occurrence> =
                    of.iter().filter(|event| event.outcome == Succeeded).copied().collect();
                let holds = succeeded.len() == of.len() || !self.windows(correlation, &succeeded).windows.is_empty();
                if holds { Succeeded } else { Unknown }
            }
        }
    }

    /// Slides the window over events that are sorted by time.
    fn windows(&self, correlation: &Correlation, events: &[Occurrence]) -> Slid {
        let mut meter = Meter::new(&correlation.demand, correlation.members.len(), self.of_values(events));
        let mut slid = Slid { cut: meter.cut(), ..Slid::default() };
        let (mut from, mut to) = (0, 0);
        while to < events.len() {
            let (end, at_end) = (events[to].time, to);
            let begin = end.saturating_sub(span(correlation));
            while from < to && events[from].time < begin {
                meter.leave(from);
                from += 1;
            }
            let mut complete = None;
            while to < events.len() && events[to].time == end {
                meter.enter(to, end, events[to].source());
                if complete.is_none() && holds(&correlation.demand, &meter, begin) {
                    complete = Some(to);
                }
                to += 1;
            }
            if let Some(complete) = complete.filter(|_| holds(&correlation.demand, &meter, begin)) {
                slid.windows.push(end);
                slid.complete.push(at_end..complete + 1);
                let figure = meter.figure(begin).unwrap_or_default();
                join(&mut slid.runs, events, (from..to, complete), figure);
            }
        }
        slid
    }

    /// Keeps the alert at each window's end as an event, where others count on it: the values of the last event in the
    /// window, and those of the group under the fields of all members.
    fn give_on(
        &mut self,
        correlation: &'e Correlation,
        (number_of_alert, alert, complete): (usize, &Alert, &[Range<usize>]),
        group: &[String],
        events: &[Occurrence],
    ) {
        if !self.by_correlation.contains_key(correlation.meta.id.as_str()) {
            return;
        }
        let mut numbers: HashMap<u32, u32> = HashMap::new();
        let mut given = Vec::new();
        for (&end, complete) in alert.windows.iter().zip(complete) {
            let from = events.partition_point(|occurrence| occurrence.time < end.saturating_sub(span(correlation)));
            let to = events.partition_point(|occurrence| occurrence.time <= end);
            let last = events[to - 1].told;
            let told = *numbers.entry(last).or_insert_with(|| {
                self.born.push(values_of_alert(correlation, group, self.told(last).1));
                number(self.traits.len() + self.born.len() - 1)
            });
            let origin = Origin::Window { alert: number(number_of_alert), from: number(from), to: number(to) };
            let outcome = alert.run_of(to).map_or(rule::Outcome::Unknown, |run| alert.runs[run].outcome);
            let stands = place_of(&events[complete.clone()]);
            given.push(Occurrence { time: end, members: Members::default(), told, outcome, origin, stands });
        }
        self.by_correlation.entry(correlation.meta.id.as_str()).or_default().extend(given);
    }
}

/// Windows that slid over the events of a group, of which the demand holds.
#[derive(Default)]
struct Slid {
    /// Their ends.
    windows: Vec<i64>,
    /// Of each the events at its end, up to the one with which it is complete.
    complete: Vec<Range<usize>>,
    runs: Vec<Run>,
    /// Events of which not all combinations of values are looked at.
    cut: u64,
}

/// Whether a demand holds of the window that begins at a time.
fn holds(demand: &Demand, meter: &Meter, begin: i64) -> bool {
    match demand {
        Demand::Figure(_, bounds) => {
            meter.figure(begin).is_some_and(|figure| bounds.iter().all(|bound| bound.holds(figure)))
        }
        Demand::Members(seen) => seen.holds(&|member| meter.has(member)),
    }
}

/// Where a window is complete that these events of one time complete: unknown where they are of several sources.
fn place_of(events: &[Occurrence]) -> Option<(u32, u32)> {
    let last = events.last()?;
    events.iter().all(|event| event.source() == last.source()).then_some(last.stands)?
}

/// Length of a window; a state may hold any number.
fn span(correlation: &Correlation) -> i64 {
    correlation.span.max(0)
}

fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// What a correlation counts on, each with the members that it is.
fn targets(correlation: &Correlation) -> BTreeMap<&str, Members> {
    let mut all: BTreeMap<&str, Members> = BTreeMap::new();
    for (number, member) in correlation.members.iter().enumerate() {
        member.targets.iter().for_each(|target| all.entry(target).or_default().add(number));
    }
    all
}

/// Each event once, with all the members that it is.
fn joined(mut all: Vec<Occurrence>) -> Vec<Occurrence> {
    let key = |occurrence: &Occurrence| match occurrence.origin {
        Origin::Record(at) => (0, at, 0),
        Origin::Window { alert, to, .. } => (1, alert, to),
    };
    all.sort_by_key(key);
    all.dedup_by(|more, kept| {
        let same = key(more) == key(kept);
        if same {
            kept.members.join(more.members);
        }
        same
    });
    all
}

/// Those of these values that a key has as one of its members.
pub(super) fn values<'e>(held: &'e Values, key: &'e Key, member: usize) -> impl Iterator<Item = &'e str> {
    let field = key.fields.get(member);
    held.iter().filter(move |(name, _)| Some(name) == field).map(|(_, value)| &**value)
}

/// Adds a window of events, with the place of the one that completes it, to the last run if it overlaps it, else begins a new
/// one.
fn join(runs: &mut Vec<Run>, events: &[Occurrence], (window, complete): (Range<usize>, usize), figure: f64) {
    let (first, last) = (events[window.start].time, events[window.end - 1].time);
    match runs.last_mut().filter(|run| run.last >= first) {
        Some(run) => {
            run.of.end = window.end;
            run.last = last;
            run.peak = run.peak.max(figure);
        }
        None => {
            let outcome = rule::Outcome::Unknown;
            runs.push(Run { first, last, of: window, complete, peak: figure, outcome });
        }
    }
}

/// What an alert shows to those that count on it.
fn values_of_alert(
    correlation: &Correlation,
    group: &[String],
    last: &[(Arc<str>, Box<str>)],
) -> Vec<(Arc<str>, Box<str>)> {
    let mut values = last.to_vec();
    for (key, value) in correlation.group_by.iter().zip(group) {
        // Others know it by the fields of the members, or by the name that it has in the correlation.
        let mut fields = key.fields.clone();
        fields.push(key.name.as_str().into());
        values.retain(|(field, _)| !fields.contains(field));
        fields.sort_unstable();
        fields.dedup();
        values.extend(fields.into_iter().map(|field| (field, value.as_str().into())));
    }
    values
}

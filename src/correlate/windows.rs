//! Sigma correlations over records that rules matched: windows that slide over each group.
//!
//! SOURCE: Sigma specification 2.1.0, correlation rules. A window ends at each event and reaches back by the time span, both
//! ends included; what holds of a window is told at its end. Figures are exact and the order of events does not matter
//! beyond their times, so that any split of the work gives the same alerts.

use std::collections::BTreeMap;

use super::figure::Meter;
use crate::model::correlation::{Correlation, Correlations, Demand, Event, Key, MEMBERS_LIMIT, Target};

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
}

/// Windows that overlap.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run {
    /// Time of the first event in them, in microseconds since 1970.
    pub first: i64,
    /// End of the last window.
    pub last: i64,
    /// How many events lie in them.
    pub events: u64,
    /// The greatest figure of one window; members seen, for conditions over members.
    pub peak: f64,
}

/// What all correlations found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// By correlation, then by group.
    pub alerts: Vec<Alert>,
    /// By correlation: events left out because they lack a field of `group-by`.
    pub ungrouped: Vec<u64>,
}

/// An event of one correlation.
#[derive(Debug, Clone)]
struct Occurrence<'e> {
    time: i64,
    /// Which members it is one of; a bit each.
    members: Members,
    event: &'e Event,
}

impl<'e> Occurrence<'e> {
    /// What tells it from others, wherever it came from: its time first.
    fn order(&self) -> (i64, u64, &'e [u32], &'e [(u32, String)]) {
        (self.time, self.members.0, &self.event.rules, &self.event.values)
    }
}

/// A set of members.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Members(u64);

impl Members {
    /// Most members of one correlation.
    const LIMIT: usize = MEMBERS_LIMIT;

    fn add(&mut self, member: usize) {
        self.0 |= 1u64.checked_shl(u32::try_from(member).unwrap_or(u32::MAX)).unwrap_or(0);
    }

    /// The members in it, ascending.
    pub(super) fn iter(self) -> impl Iterator<Item = usize> {
        (0..Self::LIMIT).filter(move |member| self.0 >> member & 1 == 1)
    }
}

/// Holds all correlations against events, in any order.
pub fn run(correlations: &Correlations, events: &[Event]) -> Outcome {
    let mut outcome = Outcome::default();
    let mut children: Vec<Vec<Event>> = Vec::new();
    for (number, correlation) in correlations.list.iter().enumerate() {
        let (groups, ungrouped) = grouped(correlation, events, &children);
        let mut born = Vec::new();
        for (group, mut occurrences) in groups {
            // Also what stands at one time has an order of its own: the last event of a window gives its values on.
            occurrences.sort_by(|a, b| a.order().cmp(&b.order()));
            let alert = slide(correlation, &occurrences);
            if alert.windows.is_empty() {
                continue;
            }
            born.extend(alert.windows.iter().map(|end| child(correlation, &group, &occurrences, *end)));
            outcome.alerts.push(Alert { correlation: number, group, ..alert });
        }
        children.push(born);
        outcome.ungrouped.push(ungrouped);
    }
    outcome
}

type Groups<'e> = BTreeMap<Vec<String>, Vec<Occurrence<'e>>>;

/// The events of a correlation by group, and how many lack a field that groups are made by.
fn grouped<'e>(correlation: &Correlation, events: &'e [Event], children: &'e [Vec<Event>]) -> (Groups<'e>, u64) {
    let (mut groups, mut ungrouped) = (Groups::new(), 0);
    let mut take = |event: &'e Event, members: Members| {
        if members == Members::default() {
            return;
        }
        let values = correlation.group_by.iter().map(|key| group_value(event, key, members));
        match values.collect::<Option<Vec<String>>>() {
            Some(group) => groups.entry(group).or_default().push(Occurrence { time: event.time, members, event }),
            None => ungrouped += 1,
        }
    };
    for event in events {
        take(event, members(correlation, |target| matches!(target, Target::Rule(rule) if event.rules.contains(&rule))));
    }
    for (number, born) in children.iter().enumerate() {
        let is_child = |target| matches!(target, Target::Correlation(at) if at as usize == number);
        let of_child = members(correlation, is_child);
        born.iter().for_each(|event| take(event, of_child));
    }
    (groups, ungrouped)
}

fn members(correlation: &Correlation, is_one: impl Fn(Target) -> bool) -> Members {
    let mut members = Members::default();
    for (number, member) in correlation.members.iter().enumerate() {
        if member.targets.iter().any(|target| is_one(*target)) {
            members.add(number);
        }
    }
    members
}

/// The value of a key by the first member that has one, case folded.
fn group_value(event: &Event, key: &Key, members: Members) -> Option<String> {
    members.iter().find_map(|member| values(event, key, member).next()).map(str::to_lowercase)
}

/// The values that an event has for a key, as one of its members.
pub(super) fn values<'e>(event: &'e Event, key: &Key, member: usize) -> impl Iterator<Item = &'e str> {
    let field = key.fields.get(member).copied();
    event.values.iter().filter(move |(number, _)| Some(*number) == field).map(|(_, value)| value.as_str())
}

/// Slides the window over the events of one group, sorted by time.
fn slide(correlation: &Correlation, events: &[Occurrence<'_>]) -> Alert {
    let mut meter =
        Meter::new(&correlation.demand, correlation.members.len(), events.iter().map(|o| (o.event, o.members)));
    let mut alert = Alert { correlation: 0, group: Vec::new(), windows: Vec::new(), runs: Vec::new() };
    let (mut from, mut to) = (0, 0);
    while to < events.len() {
        let end = events[to].time;
        while to < events.len() && events[to].time == end {
            meter.enter(to, end);
            to += 1;
        }
        let begin = end.saturating_sub(correlation.span);
        while events[from].time < begin {
            meter.leave(from);
            from += 1;
        }
        let figure = meter.figure(begin);
        let holds = match &correlation.demand {
            Demand::Figure(_, bounds) => figure.is_some_and(|figure| bounds.iter().all(|bound| bound.holds(figure))),
            Demand::Members(seen) => seen.holds(&|member| meter.has(member)),
        };
        if holds {
            alert.windows.push(end);
            join(&mut alert.runs, events, from..to, figure.unwrap_or_default());
        }
    }
    alert
}

/// Adds a window of events to the last run if it overlaps it, else begins a new one.
fn join(runs: &mut Vec<Run>, events: &[Occurrence<'_>], window: std::ops::Range<usize>, figure: f64) {
    let (first, last) = (events[window.start].time, events[window.end - 1].time);
    match runs.last_mut().filter(|run| run.last >= first) {
        Some(run) => {
            let later = events[window].iter().rev().take_while(|event| event.time > run.last).count();
            run.events += later as u64;
            run.last = last;
            run.peak = run.peak.max(figure);
        }
        None => runs.push(Run { first, last, events: window.len() as u64, peak: figure }),
    }
}

/// The alert at a window's end as an event: the values of the last event in the window, and those of the group under the
/// fields of all members.
fn child(correlation: &Correlation, group: &[String], events: &[Occurrence<'_>], end: i64) -> Event {
    let last = events.partition_point(|occurrence| occurrence.time <= end);
    let mut values = events[last - 1].event.values.clone();
    for (key, value) in correlation.group_by.iter().zip(group) {
        values.retain(|(field, _)| !key.fields.contains(field));
        let mut fields = key.fields.clone();
        fields.sort_unstable();
        fields.dedup();
        values.extend(fields.into_iter().map(|field| (field, value.clone())));
    }
    Event { time: end, rules: Vec::new(), values }
}

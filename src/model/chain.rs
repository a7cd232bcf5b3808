//! What an intruder did, step by step: the findings and transfers that one chain joins by entities and time.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::accounts::distinct;
use super::finding::{Entities, Finding, FindingAssumed, FindingId, FindingKind, FindingRule, FindingTime};
use super::rule::{Level, Outcome, Route, Stage};
use super::time::Instant;
use super::words::counted;

/// Id of the rule of all chains.
pub const CHAIN: &str = "chain.intrusion";

/// Steps that the sentence of a chain tells.
const TOLD: usize = 12;
/// Names that it tells of one step.
const NAMES: usize = 4;

/// How a step stands to the steps above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOrder {
    /// The first of those whose order is known.
    First,
    /// It began after every step above it that is `first` or `after`, whatever the clocks leave open.
    After,
    /// The clocks do not tell whether it began before or after others. It stands where its stamps put it.
    NotKnown,
}

/// What was done with one outcome to the same entities: one or more findings, or transfers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Whose it is: a scope name or `unattributed`.
    pub scope: String,
    /// What was done, in words without names.
    pub title: String,
    /// Level of the gravest finding; `None` of transfers.
    pub level: Option<Level>,
    /// Stages, sorted.
    pub stage: Vec<Stage>,
    /// ATT&CK ids, sorted.
    pub attack: Vec<String>,
    /// The way out, where it is one.
    pub route: Option<Route>,
    /// When.
    pub time: FindingTime,
    /// How it stands to the steps above it.
    pub order: StepOrder,
    /// What joins it to a step above it, or, where none does, to one below: names that both have, sorted. Empty of the
    /// first step.
    pub by: Vec<String>,
    /// Who and what, at most 20 of each kind.
    pub entities: Entities,
    /// Ids of its findings in order of time, at most 100.
    pub findings: Vec<FindingId>,
    /// Ids of its transfers, at most 100.
    pub transfers: Vec<String>,
    /// Exact number of its findings and transfers.
    pub count: u64,
    /// How often it happened: several rules that match one record tell of one event.
    #[serde(default)]
    pub times: u64,
    /// Records that show them.
    pub records: u64,
}

/// The steps of one intruder.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Chain {
    /// Transfers of its steps: by these the data left, or was shown.
    pub transfers: Vec<String>,
    /// Its steps by the stamps of their first records; those without a time last.
    pub steps: Vec<Step>,
    /// Steps beyond the 64 that are kept: of each stage the first ones are.
    pub omitted_steps: u64,
    /// Findings and transfers of other scopes that belong to it, in a case for one scope.
    pub elsewhere: u64,
}

impl Step {
    /// The names of who and what, the place of the action first.
    pub fn names(&self) -> Vec<&str> {
        let Entities { sources, destinations, hosts, accounts } = &self.entities;
        let mut seen = BTreeSet::new();
        let all = sources.iter().chain(hosts).chain(accounts).chain(destinations).map(String::as_str);
        all.filter(|name| seen.insert(*name)).collect()
    }

    /// The step in words: when, what, and whom it concerns.
    pub fn told(&self) -> String {
        let names = self.names();
        let more = if names.len() > NAMES { format!(" and {} more", names.len() - NAMES) } else { String::new() };
        let who = names.iter().take(NAMES).copied().collect::<Vec<_>>().join(", ");
        let who = if who.is_empty() { String::new() } else { format!(" ({who}{more})") };
        let times = if self.times > 1 { format!(", {} times", self.times) } else { String::new() };
        let at = self.time.first.map_or_else(|| "at an unknown time".to_owned(), |at| at.to_string());
        format!("{at} {}{times}{who}", self.title)
    }
}

impl Chain {
    /// The chain as a sentence. Where the order of no two steps is known, that is said once.
    pub fn told(&self) -> String {
        let has_line = self.steps.iter().any(|step| step.order != StepOrder::NotKnown);
        // Of a chain of which one scope's steps are told, what went before may be another one's.
        let first = self.steps.iter().position(|step| step.order != StepOrder::NotKnown);
        let step = |(at, step): (usize, &Step)| match step.order {
            StepOrder::After if Some(at) != first => format!("then {}", step.told()),
            StepOrder::NotKnown if has_line => format!("order not known: {}", step.told()),
            StepOrder::First | StepOrder::After | StepOrder::NotKnown => step.told(),
        };
        let mut parts: Vec<String> = self.steps.iter().enumerate().take(TOLD).map(step).collect();
        let more = (self.steps.len().saturating_sub(TOLD) as u64).saturating_add(self.omitted_steps);
        if more > 0 {
            parts.push(format!("and {}", counted(more, "more step", "more steps")));
        }
        if self.elsewhere > 0 {
            let other = counted(self.elsewhere, "finding or transfer", "findings and transfers");
            let belong = if self.elsewhere == 1 { "belongs" } else { "belong" };
            parts.push(format!("{other} of other scopes {belong} to it"));
        }
        let of = if has_line || self.steps.len() < 2 { "" } else { "in an order that is not known: " };
        format!("{of}{}", parts.join("; "))
    }

    /// The steps of one scope, with those of others counted; `None` where it has none.
    pub fn of_scope(&self, scope: &str) -> Option<Self> {
        let (own, others): (Vec<&Step>, Vec<&Step>) = self.steps.iter().partition(|step| step.scope == scope);
        let elsewhere = others.iter().fold(self.elsewhere, |sum, step| sum.saturating_add(step.count));
        let steps: Vec<Step> = own.into_iter().cloned().collect();
        let transfers = steps.iter().flat_map(|step| step.transfers.clone()).collect();
        (!steps.is_empty()).then_some(Self { transfers, steps, omitted_steps: self.omitted_steps, elsewhere })
    }

    /// About how many bytes it takes in memory.
    pub fn weight_bytes(&self) -> usize {
        let step = |step: &Step| {
            let Entities { sources, destinations, hosts, accounts } = &step.entities;
            let lists =
                [sources, destinations, hosts, accounts, &step.by, &step.findings, &step.transfers, &step.attack];
            let texts = lists.into_iter().flatten().map(|text| size_of::<String>() + text.len());
            size_of::<Step>() + step.scope.len() + step.title.len() + texts.sum::<usize>()
        };
        size_of::<Self>() + self.steps.iter().map(step).sum::<usize>()
    }

    /// The finding that tells of this chain.
    pub fn finding(self, id: FindingId, scope: &str) -> Finding {
        let steps = || self.steps.iter();
        let records = steps().fold(0u64, |sum, step| sum.saturating_add(step.records));
        let routes: BTreeSet<Route> = steps().filter(|s| !s.transfers.is_empty()).filter_map(|s| s.route).collect();
        Finding {
            id,
            kind: FindingKind::Chain,
            rule: FindingRule { id: CHAIN.to_owned(), title: "Steps of one intruder".to_owned() },
            level: steps().filter_map(|step| step.level).max().unwrap_or(Level::High),
            stage: united(steps().flat_map(|step| step.stage.iter().copied())),
            attack: united(steps().flat_map(|step| step.attack.iter().cloned())),
            route: routes.first().copied().filter(|_| routes.len() == 1),
            outcome: Outcome::Succeeded,
            scope: scope.to_owned(),
            time: time(steps().map(|step| step.time)),
            entities: entities(steps().map(|step| &step.entities)),
            count: records,
            omitted: records,
            evidence: Vec::new(),
            met: Vec::new(),
            shares: Vec::new(),
            data: Vec::new(),
            joined: Vec::new(),
            indicator: None,
            links: steps().flat_map(|step| step.findings.iter().cloned()).collect(),
            text: self.told(),
            chain: Some(Box::new(self)),
        }
    }
}

/// All of them, sorted and once.
fn united<T: Ord>(all: impl Iterator<Item = T>) -> Vec<T> {
    all.collect::<BTreeSet<T>>().into_iter().collect()
}

/// The time of several together: the first and last of them, and all that was assumed.
pub fn time(all: impl Iterator<Item = FindingTime> + Clone) -> FindingTime {
    FindingTime {
        first: all.clone().filter_map(|time| time.first).min(),
        last: all.clone().filter_map(|time| time.last).max(),
        assumed: all.map(|time| time.assumed).fold(None, FindingAssumed::and),
    }
}

/// The entities of several together.
pub fn entities<'e>(all: impl Iterator<Item = &'e Entities> + Clone) -> Entities {
    let of = |list: fn(&Entities) -> &Vec<String>| united(all.clone().flat_map(|e| list(e).iter().cloned()));
    Entities {
        sources: of(|e| &e.sources),
        destinations: of(|e| &e.destinations),
        hosts: of(|e| &e.hosts),
        accounts: distinct(all.flat_map(|e| e.accounts.iter().map(String::as_str))),
    }
}

/// How much later than it is stated an instant may have been, in microseconds: a stamp says no more than its last place that
/// is not zero. One on the full minute may be of a clock that counts minutes, one on the full hour that of an hour's sum.
pub fn resolution_micros(at: Instant) -> i64 {
    const SECOND: i64 = 1_000_000;
    const PLACES: [i64; 5] = [86_400 * SECOND, 3_600 * SECOND, 60 * SECOND, SECOND, 1_000];
    PLACES.into_iter().find(|place| at.micros().rem_euclid(*place) == 0).unwrap_or(1) - 1
}

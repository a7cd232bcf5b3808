//! What would be a beacon or a tunnel, did not several hosts do the same: a service that all use, or one program on all of
//! them. It is told of once for all, and is no sign by itself.

use std::collections::BTreeSet;

use crate::model::finding::{Entities, Evidence, Finding, FindingAssumed};
use crate::model::rule::{CALLS_OF_MANY, NAMES_OF_MANY, Route, Stage};
use crate::model::time::Span;

use super::digest;

/// What one host does more often than others by this factor is not like what they do.
pub(super) const APART: u64 = 100;
/// Hosts and destinations named at most; the words of the finding have their number.
const NAMED: usize = 1000;

/// What several hosts do alike.
pub(super) struct Many {
    scope: String,
    rule: &'static str,
    /// The domain or network.
    service: String,
    route: Route,
    attack: &'static str,
    hosts: BTreeSet<String>,
    destinations: BTreeSet<String>,
    count: u64,
    bytes: u64,
    time: Option<Span>,
    assumed: Option<FindingAssumed>,
    evidence: Vec<Evidence>,
}

impl Many {
    fn new(scope: &str, rule: &'static str, service: &str, (route, attack): (Route, &'static str)) -> Self {
        Self {
            scope: scope.to_owned(),
            rule,
            service: service.to_owned(),
            route,
            attack,
            hosts: BTreeSet::new(),
            destinations: BTreeSet::new(),
            count: 0,
            bytes: 0,
            time: None,
            assumed: None,
            evidence: Vec::new(),
        }
    }

    /// Even calls to a service with which several hosts speak.
    pub(super) fn of_calls(scope: &str, service: &str, route: Route) -> Self {
        Self::new(scope, CALLS_OF_MANY, service, (route, "T1071"))
    }

    /// Names that look like data, below a domain below which several clients ask for such.
    pub(super) fn of_names(scope: &str, domain: &str) -> Self {
        Self::new(scope, NAMES_OF_MANY, domain, (Route::DnsTunnel, "T1071.004"))
    }

    /// Adds a host, what it speaks with, by how many records and about how many bytes.
    pub(super) fn add(&mut self, host: &str, to: &str, count: u64, bytes: u64) {
        self.hosts.insert(host.to_owned());
        self.destinations.insert(to.to_owned());
        self.count = self.count.saturating_add(count);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Adds when, and what had to be assumed to know it.
    pub(super) fn span(&mut self, time: Option<Span>, assumed: Option<FindingAssumed>) {
        self.time = Span::join_opt(self.time, time);
        self.assumed = FindingAssumed::and(self.assumed, assumed);
    }

    /// Cites records, as many as hosts are named at most.
    pub(super) fn cite(&mut self, records: impl Iterator<Item = Evidence>) {
        let room = NAMED.saturating_sub(self.evidence.len());
        self.evidence.extend(records.take(room));
    }

    /// What it is to the judge and to people: context.
    pub(super) fn finding(&self, max_evidence: usize) -> Finding {
        let evidence: Vec<Evidence> = self.evidence.iter().take(max_evidence).cloned().collect();
        let title = match self.rule {
            CALLS_OF_MANY => "Even calls of several hosts to one service",
            _ => "Data in the names that several clients ask for",
        };
        let named = |all: &BTreeSet<String>| all.iter().take(NAMED).cloned().collect();
        let id = format!("f-{}", digest(&["anomaly", self.rule, &self.scope, &self.service]));
        Finding {
            stage: vec![Stage::CommandAndControl],
            attack: vec![self.attack.to_owned()],
            route: Some(self.route),
            entities: Entities {
                sources: named(&self.hosts),
                destinations: named(&self.destinations),
                ..Entities::default()
            },
            text: self.text(),
            ..Finding::of_statistics(
                id,
                (self.rule, title),
                &self.scope,
                (self.time, self.assumed),
                (self.count, evidence),
            )
        }
    }

    fn text(&self) -> String {
        let Self { service, count, bytes, .. } = self;
        let (what, others) = match self.rule {
            CALLS_OF_MANY => (format!("called {service} evenly"), "speak with it"),
            _ => (format!("asked for names below {service} that look like data"), "ask there"),
        };
        let hosts = match self.hosts.len() {
            1 => format!("1 host {what}, and several {others}"),
            several => format!("{several} hosts {what}"),
        };
        format!("{hosts}: {count} times, about {bytes} bytes; a service that all use, or one program on all of them")
    }
}

//! Ways out that firewalls and proxies refused to a host of which rules or indicators tell: what it tried, from its first sign on.
//!
//! Every network refuses something to most hosts, so that this is told only of hosts that are in other findings, and is no sign by
//! itself: the judge takes it up where the host is an intruder's.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::conversations::Told;
use crate::model::finding::{Entities, Evidence, Finding, FindingAssumed, FindingKind, FindingRule, FindingTime};
use crate::model::hit::Sighting;
use crate::model::observation::{Key, Seen};
use crate::model::partial::SourcePartial;
use crate::model::place::Locator;
use crate::model::rule::{Level, Outcome, REFUSED_EXITS, Route, Stage};
use crate::model::time::{Instant, Span};
use crate::model::whose::Side;
use crate::model::words::counted;

use super::beacons::PORTS;
use super::{World, digest, exits, found, routes, way};

/// Destinations that are named; the words of the finding have their number.
const NAMED: usize = 100;
/// Destinations that are told apart.
const TOLD_APART: usize = 10_000;

/// Scope, host and way out.
type Tried<'w> = (&'w str, Cow<'w, str>, Route);

/// What was refused.
struct Refused<'w> {
    destinations: BTreeSet<&'w str>,
    count: u64,
    time: Option<Span>,
    assumed: Option<FindingAssumed>,
    evidence: Vec<Evidence>,
}

/// The findings, sorted by scope, host and way out, of each at most `max_evidence` records cited.
pub(super) fn all(world: &World<'_>, max_evidence: usize) -> Vec<Finding> {
    let signs = signs(world);
    let mut all: BTreeMap<Tried<'_>, Refused<'_>> = BTreeMap::new();
    for source in world.merged.sources.values().filter(|_| !signs.is_empty()) {
        for (key, told) in source.observations.kept.iter().filter(|(key, _)| is_refused(world, key)) {
            let from = world.whose.entity_of(key.client);
            let Some(since) = signs.get(&*from) else { continue };
            add(world, (source, &key, told), (from, *since), &mut all, max_evidence);
        }
    }
    all.iter().map(|(tried, refused)| refused.finding(tried)).collect()
}

/// When rules of level high or above that no response refused, and indicators that were called, tell of each inside host first.
fn signs(world: &World<'_>) -> BTreeMap<String, Instant> {
    let mut first: BTreeMap<String, Instant> = BTreeMap::new();
    let mut add = |source: &SourcePartial, s: &Sighting| {
        let Some(at) = s.time.map(|stamp| stamp.at).filter(|_| s.outcome != Outcome::Failed) else { return };
        let host = s.subject.host.as_deref().filter(|_| !found::observes(&s.subject, found::is_of_host(source)));
        let of_account = Entities {
            hosts: host.into_iter().map(str::to_owned).collect(),
            accounts: s.subject.account.iter().map(ToString::to_string).collect(),
            ..Entities::default()
        };
        // From where an account was at work.
        let from =
            world.logons.of_finding(world.whose, &of_account, (Span::at(at), &s.subject.session.into_iter().collect()));
        let ends = [s.subject.source_ip.as_deref(), s.subject.destination_ip.as_deref(), host];
        for entity in ends.into_iter().flatten().chain(from.iter().map(|joined| &*joined.address)) {
            if world.whose.side(entity) == Side::Inside {
                first.entry(world.whose.entity(entity)).and_modify(|known| *known = at.min(*known)).or_insert(at);
            }
        }
    };
    for source in world.merged.sources.values() {
        let is_grave = |id: &str| world.merged.rules.get(id).is_some_and(|meta| meta.level >= Level::High);
        for (id, sightings) in source.rules.iter() {
            if is_grave(&id) {
                sightings.kept.iter().for_each(|s| add(source, s));
            }
        }
        source.indicators.iter().for_each(|(_, sightings)| sightings.kept.iter().for_each(|s| add(source, s)));
    }
    first
}

/// Whether a conversation leads outside and was refused. Clocks, names and what pushes are tried by all hosts.
fn is_refused(world: &World<'_>, key: &Key<'_>) -> bool {
    let to = if key.server.is_empty() { key.name } else { key.server };
    key.outcome == Outcome::Failed
        && matches!(key.seen, Seen::Firewall | Seen::Flow | Seen::Proxy)
        && !PORTS.contains(&key.port)
        && !key.client.is_empty()
        && !to.is_empty()
        && world.whose.side(key.client) == Side::Inside
        && world.whose.side(to) == Side::Outside
}

fn add<'w>(
    world: &'w World<'_>,
    (source, key, told): (&'w SourcePartial, &Key<'w>, Told<'w>),
    (from, since): (Cow<'w, str>, Instant),
    all: &mut BTreeMap<Tried<'w>, Refused<'w>>,
    max_evidence: usize,
) {
    let hours = told.hours().filter(|hour| hour.span.is_some_and(|span| span.last >= since));
    let (count, time) = hours.fold((0u64, None), |(count, time), hour| {
        (count.saturating_add(hour.sum.records), Span::join_opt(time, hour.span))
    });
    if count == 0 {
        return;
    }
    let time = time.map(|time: Span| Span { first: time.first.max(since), last: time.last });
    let to = if key.name.is_empty() { key.server } else { key.name };
    let scope = |place: &Locator| world.home(place, |whose, place| way::home(whose, key, Side::Inside, place));
    for place in found::delivered(source, scope) {
        let tried = (scope(place), from.clone(), routes::outward(key, key.name));
        let refused = all.entry(tried).or_insert_with(Refused::new);
        refused.count = refused.count.saturating_add(count);
        refused.time = Span::join_opt(refused.time, time);
        refused.assumed = found::assume(refused.assumed, &source.covered);
        if refused.destinations.len() < TOLD_APART {
            refused.destinations.insert(to);
        }
        let room = max_evidence.saturating_sub(refused.evidence.len());
        let is_later = |cited: &crate::model::observation::Cited| cited.at().is_some_and(|at| at >= since);
        let cited = told.cited().filter(is_later).take(room);
        refused.evidence.extend(cited.map(|cited| exits::evidence(place, &cited)));
    }
}

impl Refused<'_> {
    fn new() -> Self {
        Self { destinations: BTreeSet::new(), count: 0, time: None, assumed: None, evidence: Vec::new() }
    }

    fn finding(&self, (scope, from, route): &Tried<'_>) -> Finding {
        let Self { destinations, count, time, assumed, evidence } = self;
        let many = counted(destinations.len() as u64, "destination", "destinations");
        let named = destinations.first().copied().unwrap_or_default();
        let among = if destinations.len() > 1 { format!(", {named} among them") } else { format!(", {named}") };
        let records = counted(*count, "try", "tries");
        Finding {
            id: format!("f-{}", digest(&["anomaly", REFUSED_EXITS, scope, from, route.word()])),
            kind: FindingKind::Anomaly,
            rule: FindingRule { id: REFUSED_EXITS.to_owned(), title: "Ways out that were refused".to_owned() },
            level: Level::Informational,
            stage: vec![Stage::Exfiltration],
            attack: vec!["T1041".to_owned()],
            route: Some(*route),
            outcome: Outcome::Failed,
            scope: (*scope).to_owned(),
            time: FindingTime {
                first: time.map(|time| time.first),
                last: time.map(|time| time.last),
                assumed: *assumed,
            },
            entities: Entities {
                sources: vec![from.to_string()],
                destinations: destinations.iter().take(NAMED).map(|to| (*to).to_owned()).collect(),
                ..Entities::default()
            },
            count: *count,
            omitted: count.saturating_sub(evidence.len() as u64),
            evidence: evidence.clone(),
            data: Vec::new(),
            joined: Vec::new(),
            met: Vec::new(),
            shares: Vec::new(),
            indicator: None,
            links: Vec::new(),
            chain: None,
            text: format!("{records} of {from} to reach {many} outside by {} refused{among}", route.word()),
        }
    }
}

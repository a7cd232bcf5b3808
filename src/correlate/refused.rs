//! Ways out that firewalls and proxies refused to a host of which rules or indicators tell: what it tried, from its first sign on.
//!
//! Every network refuses something to most hosts, so that this is told only of hosts that are in other findings, and is no sign by
//! itself: the judge takes it up where the host is an intruder's. An address that was given to several one after the other is that
//! host in the hands of the one alone who had it at the first sign.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::conversations::Told;
use crate::model::finding::{Entities, Evidence, Finding, FindingAssumed};
use crate::model::hit::Sighting;
use crate::model::observation::{Cited, Hour, Key, Seen};
use crate::model::partial::SourcePartial;
use crate::model::place::Locator;
use crate::model::rule::{Level, Outcome, REFUSED_EXITS, Route, Stage};
use crate::model::time::{Instant, Span};
use crate::model::whose::{Side, address, same_host};
use crate::model::words::counted;

use super::beacons::PORTS;
use super::held::{self, Hand};
use super::{World, digest, exits, found, routes, way};

/// Destinations that are named; the words of the finding have their number.
const NAMED: usize = 100;
/// Destinations that are told apart.
const TOLD_APART: usize = 10_000;

/// Scope, host and way out; and in whose hands the address of the host was.
type Tried<'w> = (&'w str, Cow<'w, str>, Route, Hand<'w>);

/// When each host shows a first sign, by what it is known by and in whose hands that was.
type Signs<'w> = BTreeMap<String, BTreeMap<Hand<'w>, Instant>>;

/// What was refused.
struct Refused<'w> {
    /// The addresses from which that was tried.
    clients: BTreeSet<&'w str>,
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
            for (hand, since) in since(world, &signs, &key, told) {
                add(world, (source, &key, told), (hand, since), &mut all, max_evidence);
            }
        }
    }
    all.iter().map(|(tried, refused)| refused.finding(world, tried)).collect()
}

/// From when on a conversation is one of a host that shows a sign, by in whose hands its address was.
fn since<'w>(world: &'w World<'_>, signs: &Signs<'w>, key: &Key<'w>, told: Told<'_>) -> BTreeMap<Hand<'w>, Instant> {
    let mut all: BTreeMap<Hand<'_>, Instant> = BTreeMap::new();
    let known = |name: &str, hand: &Hand<'_>| signs.get(name)?.get(hand).copied();
    let of_host = |host: &str| named(signs, host).filter_map(|of| of.get(&Hand::new()).copied()).min();
    let from = world.whose.entity_of(key.client);
    if !world.assigned.knows(key.client) {
        let since = known(&from, &Hand::new());
        return since.map(|since| (Hand::new(), since)).into_iter().collect();
    }
    for hour in told.hours() {
        let (hand, held) = (held::hand_in(world, key, &hour), world.assigned.in_hour(key.client, &hour));
        let hosts = world.assigned.hosts(key.client, &held).map(|host| world.whose.entity(host));
        let of_hosts = hosts.filter_map(|host| of_host(&host));
        if let Some(since) = known(&from, &hand).into_iter().chain(of_hosts).min() {
            all.entry(hand).and_modify(|known| *known = since.min(*known)).or_insert(since);
        }
    }
    all
}

/// The signs of a host under each of its names: one log may have the full one, and another one its first label.
fn named<'s, 'w>(signs: &'s Signs<'w>, host: &str) -> impl Iterator<Item = &'s BTreeMap<Hand<'w>, Instant>> {
    let label = if address(host).is_some() { host } else { host.split('.').next().unwrap_or(host) };
    let alike = signs.range(label.to_owned()..).take_while(move |(name, _)| name.starts_with(label));
    alike.filter(move |(name, _)| same_host(name, host)).map(|(_, of)| of)
}

/// When rules of level high or above that no response refused, and indicators that were called, tell of each inside host first.
fn signs<'w>(world: &'w World<'_>) -> Signs<'w> {
    let mut first = Signs::new();
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
        let ends = [s.subject.source_ip.as_deref(), s.subject.destination_ip.as_deref()];
        let ends = ends.into_iter().flatten().chain(from.iter().map(|joined| &*joined.address));
        let inside = ends.filter(|end| world.whose.side(end) == Side::Inside);
        // Who wrote the record is one of ours, by whatever name.
        for entity in inside.chain(host) {
            let hand = held::hand(world, entity, Some(Span::at(at)));
            let of_host = first.entry(world.whose.entity(entity)).or_default();
            of_host.entry(hand).and_modify(|known| *known = at.min(*known)).or_insert(at);
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
    (hand, since): (Hand<'w>, Instant),
    all: &mut BTreeMap<Tried<'w>, Refused<'w>>,
    max_evidence: usize,
) {
    let is_of = |hour: &Hour| held::hand_in(world, key, hour) == hand;
    let hours = told.hours().filter(|hour| hour.span.is_some_and(|span| span.last >= since) && is_of(hour));
    let (count, time) = hours.fold((0u64, None), |(count, time), hour| {
        (count.saturating_add(hour.sum.records), Span::join_opt(time, hour.span))
    });
    if count == 0 {
        return;
    }
    let from = world.whose.entity_of(key.client);
    let time = time.map(|time: Span| Span { first: time.first.max(since), last: time.last });
    let to = if key.name.is_empty() { key.server } else { key.name };
    let scope = |place: &Locator| world.home(place, |whose, place| way::home(whose, key, Side::Inside, place));
    for place in found::delivered(source, scope) {
        let tried = (scope(place), from.clone(), routes::outward(key, key.name), hand.clone());
        let refused = all.entry(tried).or_insert_with(Refused::new);
        refused.clients.insert(key.client);
        refused.count = refused.count.saturating_add(count);
        refused.time = Span::join_opt(refused.time, time);
        refused.assumed = found::assume(refused.assumed, &source.covered);
        if refused.destinations.len() < TOLD_APART {
            refused.destinations.insert(to);
        }
        let room = max_evidence.saturating_sub(refused.evidence.len());
        let is_its = |cited: &Cited| hand.is_empty() || held::hand(world, key.client, cited.span) == hand;
        let is_later = |cited: &Cited| cited.at().is_some_and(|at| at >= since);
        let cited = told.cited().filter(|cited| is_later(cited) && is_its(cited)).take(room);
        refused.evidence.extend(cited.map(|cited| exits::evidence(place, &cited)));
    }
}

impl Refused<'_> {
    fn new() -> Self {
        Self {
            clients: BTreeSet::new(),
            destinations: BTreeSet::new(),
            count: 0,
            time: None,
            assumed: None,
            evidence: Vec::new(),
        }
    }

    fn finding(&self, world: &World<'_>, (scope, from, route, hand): &Tried<'_>) -> Finding {
        let Self { clients, count, time, assumed, evidence, .. } = self;
        let id = ["anomaly", REFUSED_EXITS, scope, from, route.word()].into_iter().chain(hand.iter().copied());
        let entities = Entities {
            sources: vec![from.to_string()],
            destinations: self.destinations.iter().take(NAMED).map(|to| (*to).to_owned()).collect(),
            ..Entities::default()
        };
        Finding {
            stage: vec![Stage::Exfiltration],
            attack: vec!["T1041".to_owned()],
            route: Some(*route),
            outcome: Outcome::Failed,
            joined: held::told_of(world, scope, (&entities, clients), *time),
            entities,
            text: self.text(from),
            ..Finding::of_statistics(
                format!("f-{}", digest(&id.collect::<Vec<_>>())),
                (REFUSED_EXITS, "Ways out that were refused"),
                scope,
                (*time, *assumed),
                (*count, evidence.clone()),
            )
        }
    }

    fn text(&self, from: &str) -> String {
        let Self { destinations, count, .. } = self;
        let first = destinations.first().copied().unwrap_or_default();
        let to = match destinations.len() {
            0 | 1 => first.to_owned(),
            many => format!("{} outside, such as {first}", counted(many as u64, "destination", "destinations")),
        };
        match count {
            1 => format!("{from} tried once to connect to {to}, and a firewall or proxy refused it"),
            many => {
                format!("{from} tried {many} times to connect to {to}, and a firewall or proxy refused it each time")
            }
        }
    }
}

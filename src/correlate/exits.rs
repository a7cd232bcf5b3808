//! Transfers: direction-correct bytes out per (scope, from, to, route), with bounds.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::finding::Evidence;
use crate::model::observation::{Hour, ObservationKey, Observed, Seen, Sum};
use crate::model::partial::{Partial, SourcePartial};
use crate::model::place::Locator;
use crate::model::rule::{Outcome, Route};
use crate::model::subject::Subject;
use crate::model::time::{Instant, Span};
use crate::model::transfer::{Bounds, Dated, Transfer, least};
use crate::model::whose::{Side, UNATTRIBUTED, Whose, address};

use super::{World, digest, routes};

/// Names asked for by one client below one domain are listed as a transfer from so many bytes on.
const QUESTIONS_KEPT_BYTES: u64 = 64 << 10;
/// So many bytes more than a named destination accounts for are not worth a word.
const GUESSED_BYTES: u64 = 1 << 20;
/// Records cited per transfer.
const CITED: usize = 8;

/// What makes two observations one transfer.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Way {
    scope: String,
    from: String,
    to: String,
    route: Route,
}

/// What each log saw of one hour, sorted by log. Files of one log that follow each other are one.
type Cells = Vec<(Locator, Cell)>;

/// What one log says of an hour.
struct Cell {
    bytes: u64,
    /// Whether all of it was logged.
    logged: bool,
    /// Whether it counts what was on the wire: headers too.
    wire: bool,
    sightings: u64,
    begins: Option<Instant>,
    /// The cited records that moved bytes this way.
    records: Vec<(Instant, u64)>,
}

#[derive(Default)]
struct Moved {
    hours: BTreeMap<Option<i64>, Cells>,
    seen_by: BTreeSet<Locator>,
    names: BTreeSet<String>,
    /// Bytes by source of records that name the destination, and of those that only give its address.
    stated: BTreeMap<Locator, u64>,
    guessed: BTreeMap<Locator, u64>,
    accounts: BTreeSet<String>,
    records: u64,
    time: Option<Span>,
    /// The records that moved the most bytes, with these.
    evidence: Vec<(u64, Evidence)>,
}

/// All transfers, sorted by scope, from, to, route.
pub fn all(world: &World<'_>) -> Vec<Transfer> {
    let mut ways: BTreeMap<Way, Moved> = BTreeMap::new();
    for source in world.merged.sources.values() {
        let locator = &source.entry.source;
        let witness = world.log_of.get(locator).unwrap_or(locator);
        let told = told(world, source);
        for (key, seen) in &source.observations.kept {
            let Some((way, direction)) = out(world, locator, key) else { continue };
            let open = !is_edge(key) || told.get(&way.route).is_some_and(|(_, told)| told.is_missing());
            let hours: Vec<Left> = seen.hours.iter().filter_map(|hour| direction.left(key, hour, open)).collect();
            if hours.is_empty() {
                continue;
            }
            let others = of_others(world, source, key, &way);
            let is_nobodys = way.scope == UNATTRIBUTED && !others.is_empty();
            for (copy, theirs) in others {
                ways.entry(theirs).or_default().add((copy, copy), key, seen, direction, &hours);
            }
            if is_nobodys {
                continue;
            }
            ways.entry(way).or_default().add((locator, witness), key, seen, direction, &hours);
        }
    }
    let all = ways.into_iter().map(|(way, moved)| moved.finish(world, way));
    all.filter(|t| t.route != Route::DnsTunnel || t.bytes.lower >= QUESTIONS_KEPT_BYTES).collect()
}

/// The same way for the other scopes whose a conversation is by where a copy of its source was delivered.
fn of_others<'s>(
    world: &World<'_>,
    source: &'s SourcePartial,
    key: &ObservationKey,
    way: &Way,
) -> BTreeMap<&'s Locator, Way> {
    if source.copies.is_empty() {
        return BTreeMap::new();
    }
    let mut scopes = BTreeSet::from([way.scope.clone(), UNATTRIBUTED.to_owned()]);
    let theirs = source.copies.iter().filter_map(|copy| Some((copy, out(world, copy, key)?.0)));
    theirs.filter(|(_, theirs)| scopes.insert(theirs.scope.clone())).collect()
}

/// How many records of a source could state the bytes that leave by a route, and how many do not.
#[derive(Default)]
pub(super) struct Told {
    records: u64,
    missing: u64,
    /// Of one missing in so many on, the source does not state it.
    share: u64,
}

impl Told {
    /// Whether the log as a whole does not state it: single records (session starts, unanswered packets) may lack it.
    /// A proxy writes when a request ends, so that few of its records may.
    pub(super) fn is_missing(&self) -> bool {
        self.missing > self.records / self.share.max(1)
    }
}

/// What a source states of the bytes that leave, by route, with the way that they take.
pub(super) fn told(world: &World<'_>, source: &SourcePartial) -> BTreeMap<Route, (Direction, Told)> {
    let mut routes: BTreeMap<Route, (Direction, Told)> = BTreeMap::new();
    // Most logs state it all: whose the traffic is need not be asked then.
    let lacks = |key: &ObservationKey, sum: Sum| {
        sum.up_unlogged > 0 && Direction::Up.counts(key) || sum.down_unlogged > 0 && key.seen != Seen::Dns
    };
    if !source.observations.kept.iter().any(|(key, seen)| lacks(key, seen.sum())) {
        return routes;
    }
    for (key, seen) in &source.observations.kept {
        let Some((way, direction)) = out(world, &source.entry.source, key) else { continue };
        if !direction.counts(key) {
            continue;
        }
        let sum = seen.sum();
        let (_, told) = routes.entry(way.route).or_insert((direction, Told::default()));
        told.records = told.records.saturating_add(sum.records);
        told.missing = told.missing.saturating_add(direction.unlogged(&sum));
        told.share = told.share.max(if key.seen == Seen::Proxy { 20 } else { 2 });
    }
    routes
}

/// The web server of each scope of which firewalls and flow records show exactly one. A web log that does not say on
/// which server it was written is taken for that one's; were it another's, the bounds would still hold.
pub fn web_servers(merged: &Partial, whose: &Whose) -> BTreeMap<String, String> {
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in merged.sources.values() {
        for key in source.observations.kept.keys() {
            let edge = matches!(key.seen, Seen::Firewall | Seen::Flow) && key.outcome != Outcome::Failed;
            if edge
                && routes::served(key) == Route::WebResponse
                && !key.server.is_empty()
                && !key.client.is_empty()
                && whose.side(&key.client) == Side::Outside
                && whose.side(&key.server) == Side::Inside
            {
                let scope = whose.home(&subject(key, Side::Outside), source.entry.source.as_str());
                seen.entry(scope.to_owned()).or_default().insert(whose.entity(&key.server));
            }
        }
    }
    let single = seen.into_iter().filter(|(_, servers)| servers.len() == 1);
    single.filter_map(|(scope, servers)| Some((scope, servers.into_iter().next()?))).collect()
}

/// Which of the two ways bytes took is the way out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// From client to server.
    Up,
    /// From server to client.
    Down,
}

/// Whether a record is of the edge, where what asks and what sends cannot be told apart.
fn is_edge(key: &ObservationKey) -> bool {
    matches!(key.seen, Seen::Flow | Seen::Firewall)
}

/// Whether a record does not name the other side.
fn is_bare(key: &ObservationKey) -> bool {
    key.name.is_empty() || address(&key.name).is_some()
}

/// What left in one hour.
struct Left<'h> {
    hour: &'h Hour,
    bytes: u64,
    /// Whether all of it was logged.
    logged: bool,
}

impl Direction {
    /// Whether a conversation whose size is not logged may have carried data this way.
    fn counts(self, key: &ObservationKey) -> bool {
        matches!(self, Self::Down) || key.sends || is_edge(key)
    }

    fn unlogged(self, sum: &Sum) -> u64 {
        match self {
            Self::Up => sum.up_unlogged,
            Self::Down => sum.down_unlogged,
        }
    }

    /// What left in one hour; `None` where nothing did. Where `open`, what is not logged may have.
    fn left<'h>(self, key: &ObservationKey, hour: &'h Hour, open: bool) -> Option<Left<'h>> {
        let bytes = match self {
            Self::Up => hour.sum.up,
            Self::Down => hour.sum.down,
        };
        let unlogged = open && self.counts(key) && self.unlogged(&hour.sum) > 0;
        (bytes > 0 || unlogged).then_some(Left { hour, bytes, logged: !unlogged })
    }
}

/// From where to where bytes may have left in a conversation; `None` where it does not lead outside.
pub(super) fn out(world: &World<'_>, locator: &Locator, key: &ObservationKey) -> Option<(Way, Direction)> {
    let refused = key.outcome == Outcome::Failed && !matches!(key.seen, Seen::Flow | Seen::Dns);
    if refused {
        return None;
    }
    let side = |text: &str| (!text.is_empty()).then(|| world.whose.side(text));
    let client = side(&key.client)
        .map(|known| if known == Side::Outside && is_forgotten(world, key) { Side::Inside } else { known })?;
    let own_service = matches!(key.seen, Seen::Web | Seen::Cloud) && client == Side::Outside;
    let asked = (key.seen == Seen::Dns).then(|| side(&key.name));
    let server = if own_service { Some(Side::Inside) } else { side(&key.server).or_else(|| side(&key.name)) };
    let server = asked.unwrap_or(server);
    let scope = world.whose.home(&subject(key, client), locator.as_str()).to_owned();
    let first = |choices: &[&str]| choices.iter().find(|t| !t.is_empty()).map(ToString::to_string);
    let (from, to, route, direction) = match (client, server?) {
        (Side::Inside, Side::Outside) => {
            let server = if key.server.is_empty() { &key.name } else { &key.server };
            let known = || world.name_of.get(&**server).copied().unwrap_or_default();
            let name = if is_bare(key) { known() } else { &key.name };
            let to = first(&[name, &key.server, &key.name])?;
            (world.whose.entity(&key.client), to, routes::outward(key, name), Direction::Up)
        }
        (Side::Outside, Side::Inside) if key.seen != Seen::Dns => {
            let alias = world.address_of.get(&*key.name).copied().unwrap_or_default();
            let only = world.web_server_of.get(&scope).filter(|_| key.seen == Seen::Web);
            let only = only.map(String::as_str).unwrap_or_default();
            let from = first(&[&key.server, alias, only, &key.name, &key.host]);
            let from = from.map_or_else(|| locator.log(), |text| world.whose.entity(&text));
            (from, key.client.to_string(), routes::served(key), Direction::Down)
        }
        _ => return None,
    };
    Some((Way { scope, from, to, route }, direction))
}

/// Whether a client has a private address that the list of own networks does not have, and speaks with one that is not
/// private: it is a system behind the same edge, and that nobody claims it must not hide what it sends.
fn is_forgotten(world: &World<'_>, key: &ObservationKey) -> bool {
    let private = |text: &str| address(text).map(|ip| Whose::default().is_own(ip));
    let own = |text: &str| address(text).is_some_and(|ip| world.whose.is_own(ip));
    is_edge(key) && private(&key.client) == Some(true) && private(&key.server) == Some(false) && !own(&key.server)
}

/// The inside half of an observation, whose data it is.
pub(super) fn subject(key: &ObservationKey, client: Side) -> Subject {
    let some = |text: &str| (!text.is_empty()).then(|| text.into());
    let account = some(&key.account);
    match client {
        Side::Inside => Subject { source_ip: some(&key.client), account, ..Subject::default() },
        Side::Outside => Subject {
            destination_ip: some(&key.server),
            vhost: some(&key.name),
            container: some(&key.name).filter(|_| key.seen == Seen::Cloud),
            host: some(&key.host),
            account,
            ..Subject::default()
        },
    }
}

/// In one hour, several sources may have seen the same bytes: at least the largest account, at most the sum. What the
/// wire carried around the data is no data.
fn of_hour(sources: &Cells) -> Bounds {
    let cells = || sources.iter().map(|(_, cell)| cell);
    let data = cells().filter(|cell| !cell.wire).map(|cell| cell.bytes).max().unwrap_or(0);
    let wires = cells().filter(|cell| cell.wire).map(|cell| least(data, cell.bytes, cell.sightings));
    Bounds {
        lower: wires.max().unwrap_or(0).max(data),
        upper: cells().try_fold(0u64, |sum, cell| cell.logged.then(|| sum.saturating_add(cell.bytes))),
    }
}

/// What the largest account of an hour can date.
fn dated(sources: &Cells) -> Option<Dated> {
    let (_, cell) = sources.iter().rev().max_by_key(|(_, cell)| cell.bytes)?;
    Some(Dated { begins: cell.begins?, records: cell.records.clone() })
}

impl Moved {
    fn add(
        &mut self,
        (locator, witness): (&Locator, &Locator),
        key: &ObservationKey,
        seen: &Observed,
        direction: Direction,
        hours: &[Left<'_>],
    ) {
        for left in hours {
            let new = || Cell { bytes: 0, logged: true, wire: true, sightings: 0, begins: None, records: Vec::new() };
            let hour = left.hour.hour();
            let cells = self.hours.entry(hour).or_default();
            let at = cells.binary_search_by(|(known, _)| known.cmp(witness)).unwrap_or_else(|at| {
                // One log saw most hours, and there are millions of them.
                cells.reserve_exact(1);
                cells.insert(at, (witness.clone(), new()));
                at
            });
            let cell = &mut cells[at].1;
            cell.bytes = cell.bytes.saturating_add(left.bytes);
            cell.logged &= left.logged;
            cell.wire &= is_edge(key);
            cell.sightings = cell.sightings.saturating_add(left.hour.sum.records);
            cell.begins = [cell.begins, left.hour.span.map(|span| span.first)].into_iter().flatten().min();
            let this_way = seen.cited.iter().filter(|cited| cited.up == (direction == Direction::Up));
            let timed = this_way.filter_map(|cited| Some((cited.at?, cited.bytes)));
            cell.records.extend(timed.filter(|(at, _)| Some(at.hour()) == hour));
            self.records = self.records.saturating_add(left.hour.sum.records);
            self.time = Span::join_opt(self.time, left.hour.span);
        }
        self.seen_by.insert(locator.clone());
        let bytes = hours.iter().fold(0u64, |sum, left| sum.saturating_add(left.bytes));
        let by = if is_bare(key) { &mut self.guessed } else { &mut self.stated };
        let sum = by.entry(locator.clone()).or_default();
        *sum = sum.saturating_add(bytes);
        self.names.extend([&key.name, &key.server].into_iter().filter(|t| !t.is_empty()).map(ToString::to_string));
        self.accounts.extend(Some(&key.account).filter(|t| !t.is_empty()).map(ToString::to_string));
        for cited in &seen.cited {
            let evidence = Evidence {
                source: locator.clone(),
                place: cited.place,
                sha256: cited.sha256.to_string(),
                excerpt: String::new(),
            };
            self.evidence.push((cited.bytes, evidence));
        }
        let rank = |(bytes, e): &(u64, Evidence)| (Reverse(*bytes), e.source.clone(), e.place);
        self.evidence.sort_by_cached_key(rank);
        self.evidence.truncate(CITED);
    }

    fn finish(self, world: &World<'_>, way: Way) -> Transfer {
        let hourly: BTreeMap<Option<i64>, Bounds> =
            self.hours.iter().map(|(hour, sources)| (*hour, of_hour(sources))).collect();
        let mut bytes = hourly.values().copied().fold(Bounds::exact(0), Bounds::plus);
        if world.capped.contains(&way.route) {
            bytes.upper = None;
        }
        let timed = || hourly.iter().filter_map(|(hour, bounds)| Some(((*hour)?, bounds.lower)));
        let mut names = self.names;
        names.remove(&way.to);
        names.remove(&way.from);
        let mut transfer = Transfer {
            id: format!("t-{}", digest(&["transfer", &way.scope, &way.from, &way.to, way.route.word()])),
            scope: way.scope,
            route: way.route,
            from: way.from,
            to: way.to,
            to_names: if way.route == Route::WebResponse { Vec::new() } else { names.into_iter().collect() },
            accounts: self.accounts.into_iter().collect(),
            bytes,
            records: self.records,
            time: self.time,
            hours: timed().map(|(hour, _)| hour).collect(),
            hour_bytes: timed().map(|(_, bytes)| bytes).collect(),
            dated: self.hours.iter().filter(|(hour, _)| hour.is_some()).filter_map(|(_, cells)| dated(cells)).collect(),
            seen_by: self.seen_by.into_iter().collect(),
            evidence: self.evidence.into_iter().map(|(_, evidence)| evidence).collect(),
            sanctioned: None,
        };
        // Where logs that do not name the destination saw far more than those that do, the rest may have gone to
        // another name on its address: the entry must then sanction the address.
        let most = |by: &BTreeMap<Locator, u64>| by.values().copied().max().unwrap_or(0);
        let rest = most(&self.guessed) > most(&self.stated).saturating_mul(2).saturating_add(GUESSED_BYTES);
        transfer.sanctioned = match rest && address(&transfer.to).is_none() {
            false => world.whose.sanction(&transfer),
            true => {
                let mut bare = transfer.clone();
                bare.to_names.retain(|name| address(name).is_some());
                bare.to = bare.to_names.pop().unwrap_or_default();
                world.whose.sanction(&bare)
            }
        }
        .map(|entry| entry.why.clone());
        transfer
    }
}

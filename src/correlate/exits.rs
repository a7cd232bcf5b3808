//! Transfers: direction-correct bytes out per (scope, from, to, route), with bounds.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::finding::Evidence;
use crate::model::observation::{Hour, ObservationKey, Observed, Seen};
use crate::model::partial::Partial;
use crate::model::place::Locator;
use crate::model::rule::{Outcome, Route};
use crate::model::subject::Subject;
use crate::model::time::Span;
use crate::model::transfer::{Bounds, Transfer};
use crate::model::whose::{Side, Whose};

use super::{World, digest, routes};

/// Records cited per transfer.
const CITED: usize = 8;

/// What makes two observations one transfer.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    scope: String,
    from: String,
    to: String,
    route: Route,
}

#[derive(Default)]
struct Moved {
    /// Bytes and whether all were logged, per hour and source.
    hours: BTreeMap<Option<i64>, BTreeMap<Locator, (u64, bool)>>,
    names: BTreeSet<String>,
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
        for (key, seen) in &source.observations.kept {
            let Some((way, direction)) = out(world, locator, key) else { continue };
            let hours: Vec<Left> = seen.hours.iter().filter_map(|hour| direction.left(key, hour)).collect();
            if !hours.is_empty() {
                ways.entry(way).or_default().add(locator, key, seen, &hours);
            }
        }
    }
    ways.into_iter().map(|(way, moved)| moved.finish(world, way)).collect()
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
#[derive(Clone, Copy)]
enum Direction {
    /// From client to server.
    Up,
    /// From server to client.
    Down,
}

/// What left in one hour.
struct Left<'h> {
    hour: &'h Hour,
    bytes: u64,
    /// Whether all of it was logged.
    logged: bool,
}

impl Direction {
    /// What left in one hour; `None` where nothing did.
    fn left<'h>(self, key: &ObservationKey, hour: &'h Hour) -> Option<Left<'h>> {
        let (bytes, unlogged) = match self {
            Self::Up => (hour.sum.up, hour.sum.up_unlogged > 0 && key.sends),
            Self::Down => (hour.sum.down, hour.sum.down_unlogged > 0),
        };
        (bytes > 0 || unlogged).then_some(Left { hour, bytes, logged: !unlogged })
    }
}

/// From where to where bytes may have left in a conversation; `None` where it does not lead outside.
fn out(world: &World<'_>, locator: &Locator, key: &ObservationKey) -> Option<(Way, Direction)> {
    let refused = key.outcome == Outcome::Failed && !matches!(key.seen, Seen::Flow);
    if refused || key.seen == Seen::Dns {
        return None;
    }
    let side = |text: &str| (!text.is_empty()).then(|| world.whose.side(text));
    let client = side(&key.client)?;
    let own_service = matches!(key.seen, Seen::Web | Seen::Cloud) && client == Side::Outside;
    let server = if own_service { Some(Side::Inside) } else { side(&key.server).or_else(|| side(&key.name)) };
    let scope = world.whose.home(&subject(key, client), locator.as_str()).to_owned();
    let first = |choices: &[&str]| choices.iter().find(|t| !t.is_empty()).map(ToString::to_string);
    let alias = world.address_of.get(&*key.name).copied().unwrap_or_default();
    let (from, to, route, direction) = match (client, server?) {
        (Side::Inside, Side::Outside) => {
            let to = first(&[&key.server, alias, &key.name])?;
            (world.whose.entity(&key.client), to, routes::outward(key), Direction::Up)
        }
        (Side::Outside, Side::Inside) => {
            let only = world.web_server_of.get(&scope).filter(|_| key.seen == Seen::Web);
            let only = only.map(String::as_str).unwrap_or_default();
            let from = first(&[&key.server, alias, only, &key.name, &key.host]);
            let from = from.map_or_else(|| locator.to_string(), |text| world.whose.entity(&text));
            (from, key.client.to_string(), routes::served(key), Direction::Down)
        }
        _ => return None,
    };
    Some((Way { scope, from, to, route }, direction))
}

/// The inside half of an observation, whose data it is.
fn subject(key: &ObservationKey, client: Side) -> Subject {
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

/// In one hour, several sources may have seen the same bytes: at least the largest account, at most the sum.
fn of_hour(sources: &BTreeMap<Locator, (u64, bool)>) -> Bounds {
    Bounds {
        lower: sources.values().map(|(bytes, _)| *bytes).max().unwrap_or(0),
        upper: sources.values().try_fold(0u64, |sum, (bytes, logged)| logged.then(|| sum.saturating_add(*bytes))),
    }
}

impl Moved {
    fn add(&mut self, locator: &Locator, key: &ObservationKey, seen: &Observed, hours: &[Left<'_>]) {
        for left in hours {
            let cell = self.hours.entry(left.hour.hour()).or_default().entry(locator.clone()).or_insert((0, true));
            cell.0 = cell.0.saturating_add(left.bytes);
            cell.1 &= left.logged;
            self.records = self.records.saturating_add(left.hour.sum.records);
            self.time = Span::join_opt(self.time, left.hour.span);
        }
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
        let seen_by: BTreeSet<&Locator> = self.hours.values().flat_map(BTreeMap::keys).collect();
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
            seen_by: seen_by.into_iter().cloned().collect(),
            evidence: self.evidence.into_iter().map(|(_, evidence)| evidence).collect(),
            sanctioned: None,
        };
        transfer.sanctioned = world.whose.sanction(&transfer).map(|s| s.why.clone());
        transfer
    }
}

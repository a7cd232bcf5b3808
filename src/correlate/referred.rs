//! Systems that records refer to and of which no log is in the evidence: proxies in the records of flows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::model::conversations::Told;
use crate::model::coverage::{Referred, SourceCoverage};
use crate::model::observation::{Key, Seen};
use crate::model::place::Locator;
use crate::model::rule::{Outcome, Route};
use crate::model::time::{HOUR_SECS, Instant, Span};
use crate::model::whose::{Side, address, same_host};

use super::{World, way};

/// Ports on which proxies are asked, and on some of them applications too.
pub(super) const PROXY_PORTS: &[u16] = &[1080, 3128, 3129, 8080, 8118, 8888];
/// Ports of these on which hardly anything else is asked.
///
/// SOURCE: the IANA registry of service names (1080, socks); the defaults of Squid (3128, 3129) and Privoxy (8118).
pub(super) const OF_PROXIES_ONLY: &[u16] = &[1080, 3128, 3129, 8118];

/// Stretches of time, each with both ends.
type Stretches = Vec<(Instant, Instant)>;

/// Proxies that inside clients asked at a time of which no proxy log tells of clients of their scope, by scope and name.
/// `sources` is the coverage of all sources.
pub fn proxies(world: &World<'_>, sources: &[SourceCoverage]) -> Vec<Referred> {
    let mut known = Known::default();
    let covered: HashMap<&Locator, &SourceCoverage> =
        sources.iter().map(|covered| (&covered.source, covered)).collect();
    for source in world.merged.sources.values() {
        let telling = source.observations.kept.iter().filter(|(key, _)| key.seen == Seen::Proxy || is_edge(key));
        let (mut tells, mut hosts) = (BTreeSet::new(), BTreeSet::new());
        // A proxy may name its clients by their accounts alone.
        let of_clients =
            |key: &Key<'_>| key.seen == Seen::Proxy && key.client.is_empty() || is_inside(world, key.client);
        for (key, told) in telling.filter(|(key, _)| of_clients(key)) {
            let scope = || way::home(world.whose, &key, Side::Inside, &source.entry.source);
            if key.seen == Seen::Proxy {
                tells.insert(scope());
                hosts.extend(Some(key.host).filter(|host| !host.is_empty()).map(|host| world.whose.entity(host)));
            } else if is_inside(world, key.server) && PROXY_PORTS.contains(&key.port) {
                known.ask(world, scope(), &key, told);
            } else if matches!(key.port, 80 | 443) && address(key.server).is_some() && !is_inside(world, key.server) {
                known.goes_out.insert(world.whose.entity(key.client));
            }
        }
        if tells.is_empty() {
            continue;
        }
        known.named.extend(hosts.iter().cloned());
        let log = covered.get(&source.entry.source).map(|covered| ProxyLog { hosts, watched: watched(covered) });
        for scope in tells {
            known.told.entry(scope).or_default().extend(log.clone());
        }
    }
    known.untold()
}

/// The stretches of time of which a log tells; `None` where it has no times, so that it may tell of any.
fn watched(source: &SourceCoverage) -> Option<Stretches> {
    source.from.map(|_| source.watched())
}

fn is_edge(key: &Key<'_>) -> bool {
    matches!(key.seen, Seen::Flow | Seen::Firewall) && key.outcome != Outcome::Failed
}

fn is_inside(world: &World<'_>, text: &str) -> bool {
    !text.is_empty() && world.whose.side(text) == Side::Inside
}

/// What records of flows and logs of proxies tell of proxies.
#[derive(Default)]
struct Known<'w> {
    /// Hosts asked on ports of proxies, by scope of the clients and by name.
    asked: BTreeMap<(&'w str, String), Asked>,
    /// Hosts that themselves go to web servers outside.
    goes_out: BTreeSet<String>,
    /// Hosts that wrote the log of a proxy.
    named: BTreeSet<String>,
    /// The proxy logs that tell of clients of each scope.
    told: BTreeMap<&'w str, Vec<ProxyLog>>,
}

/// The log of a proxy.
#[derive(Clone)]
struct ProxyLog {
    /// The hosts that it says wrote it.
    hosts: BTreeSet<String>,
    /// The times of which it tells; `None` where it has none, so that it may tell of any.
    watched: Option<Stretches>,
}

impl ProxyLog {
    /// Whether it may be the log of a proxy: not where it says that it is that of another one of those `asked`.
    fn may_be_of(&self, system: &str, asked: &[&str]) -> bool {
        let is = |system: &str| self.hosts.iter().any(|host| same_host(host, system));
        is(system) || !asked.iter().any(|other| is(other))
    }
}

/// What clients of one scope asked of one host.
#[derive(Default)]
struct Asked {
    /// Whether a port says by itself that it is a proxy.
    by_port: bool,
    /// By client and hour (since the epoch; `None` without a time).
    clients: BTreeMap<String, BTreeMap<Option<i64>, Sent>>,
}

/// What one client sent in one hour.
#[derive(Default)]
struct Sent {
    bytes: u64,
    /// Whether some records do not state it.
    unlogged: bool,
    span: Option<Span>,
}

impl<'w> Known<'w> {
    fn ask(&mut self, world: &World<'_>, scope: &'w str, key: &Key<'_>, told: Told<'_>) {
        let asked = self.asked.entry((scope, world.whose.entity(key.server))).or_default();
        asked.by_port |= OF_PROXIES_ONLY.contains(&key.port);
        let hours = asked.clients.entry(world.whose.entity(key.client)).or_default();
        for hour in told.hours() {
            let sent = hours.entry(hour.hour()).or_default();
            sent.bytes = sent.bytes.saturating_add(hour.sum.up);
            sent.unlogged |= hour.sum.up_unlogged > 0;
            sent.span = Span::join_opt(sent.span, hour.span);
        }
    }

    /// A host asked on such a port is a proxy where it goes out itself, where it writes the log of one, and where the port
    /// says so and several clients ask: one alone may be trying ports.
    fn is_proxy(&self, system: &String, asked: &Asked) -> bool {
        let by_port = asked.by_port && asked.clients.len() > 1;
        by_port || self.goes_out.contains(system) || self.named.contains(system)
    }

    fn untold(&self) -> Vec<Referred> {
        let proxies = self.asked.iter().filter(|((_, system), asked)| self.is_proxy(system, asked));
        let each = proxies.filter_map(|((scope, system), asked)| {
            let others = self.asked.keys().filter(|(of, _)| of == scope).map(|(_, system)| system.as_str());
            let others: Vec<&str> = others.collect();
            let logs = self.told.get(scope).into_iter().flatten().filter(|log| log.may_be_of(system, &others));
            let logs: Vec<Option<&Stretches>> = logs.map(|log| log.watched.as_ref()).collect();
            let mut referred = Referred {
                scope: (*scope).to_owned(),
                system: system.clone(),
                routes: vec![Route::HttpsUpload, Route::CloudStorage],
                from: None,
                to: None,
                most_sent: Some(0),
            };
            let parts = asked.clients.values().filter_map(|hours| unwatched(hours, &logs));
            let any = parts.fold(false, |_, part| {
                referred.most_sent = referred.most_sent.zip(part.bytes()).map(|(most, sent)| most.max(sent));
                referred.from = [referred.from, part.span.map(|s| s.first)].into_iter().flatten().min();
                referred.to = referred.to.max(part.span.map(|s| s.last));
                true
            });
            any.then_some(referred)
        });
        each.collect()
    }
}

impl Sent {
    fn bytes(&self) -> Option<u64> {
        (!self.unlogged).then_some(self.bytes)
    }
}

/// What a client sent in hours of which none of these logs tells; `None` where they tell of all.
fn unwatched(hours: &BTreeMap<Option<i64>, Sent>, logs: &[Option<&Stretches>]) -> Option<Sent> {
    let untold = hours.iter().filter(|(hour, _)| !logs.iter().any(|log| tells(*log, **hour)));
    untold.fold(None, |all: Option<Sent>, (_, sent)| {
        let mut all = all.unwrap_or_default();
        all.bytes = all.bytes.saturating_add(sent.bytes);
        all.unlogged |= sent.unlogged;
        all.span = Span::join_opt(all.span, sent.span);
        Some(all)
    })
}

/// Whether a log tells of an hour, or may do so where the hour or the log's own times are not known.
fn tells(log: Option<&Stretches>, hour: Option<i64>) -> bool {
    let Some((stretches, hour)) = log.zip(hour) else { return true };
    let Some(begin) = Instant::from_secs(hour.saturating_mul(HOUR_SECS)) else { return true };
    stretches.iter().any(|(from, to)| *from <= begin.plus_secs(HOUR_SECS) && begin <= *to)
}

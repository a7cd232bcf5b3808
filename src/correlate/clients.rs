//! On which host a client's tool wrote its log, where no record says it: the one that the wire shows to send there then.
//!
//! WinSCP and its like name the server and not the computer that they run on. A firewall names both ends. Where of all inside
//! hosts one alone sent each of the destinations as much as the log tells, around the hours in which it does, the log is that host's:
//! both tell of one transfer.

use std::collections::{BTreeMap, BTreeSet};

use super::World;
use super::cells::{APART_HOURS, missed};
use super::egress::proxies;
use super::way::{is_edge, is_of_client};
use crate::model::observation::Key;
use crate::model::place::Locator;
use crate::model::rule::Outcome;
use crate::model::whose::Side;

/// Bytes by the hour since the epoch.
type Hours = BTreeMap<i64, u64>;

/// What each inside host sent, by [`Whose::entity`](crate::model::whose::Whose::entity), with how a record calls it.
type Hosts<'a> = BTreeMap<String, (&'a str, Hours)>;

/// The host of each log of a client's tool that could be told, as a record of the wire calls it.
#[derive(Default)]
pub(super) struct Clients<'a>(BTreeMap<&'a Locator, &'a str>);

impl<'a> Clients<'a> {
    pub(super) fn of(world: &World<'a>) -> Self {
        let logs = logs(world);
        if logs.is_empty() {
            return Self::default();
        }
        let asked: BTreeSet<&str> = logs.values().flat_map(BTreeMap::keys).copied().collect();
        let wire = wire(world, &asked);
        let proxies = proxies(world);
        let host = |log: &BTreeMap<&str, Hours>| {
            let all = log
                .iter()
                .map(|(to, hours)| senders(&wire, to, hours))
                .reduce(|one, other| one.intersection(&other).copied().collect())?;
            // What a proxy sent is of one of its clients.
            let (host, called) = all.first().filter(|_| all.len() == 1)?;
            (!proxies.contains(*host)).then_some(*called)
        };
        Self(logs.iter().filter_map(|(locator, log)| Some((*locator, host(log)?))).collect())
    }

    /// The host of a log.
    pub(super) fn host(&self, locator: &Locator) -> Option<&'a str> {
        self.0.get(locator).copied()
    }
}

/// Whether a record is of a client's tool, and does not say on which host it ran.
fn is_open(key: &Key<'_>) -> bool {
    is_of_client(key) && key.host.is_empty()
}

/// The names of a server.
fn names<'k>(key: &Key<'k>) -> impl Iterator<Item = &'k str> + use<'k> {
    [key.server, key.name].into_iter().filter(|text| !text.is_empty())
}

/// What each log of a client's tool tells that it sent, by the server's address, else its name.
fn logs<'a>(world: &World<'a>) -> BTreeMap<&'a Locator, BTreeMap<&'a str, Hours>> {
    let mut all: BTreeMap<&'a Locator, BTreeMap<&'a str, Hours>> = BTreeMap::new();
    for source in world.merged.sources.values() {
        for (key, told) in source.observations.kept.iter().filter(|(key, _)| is_open(key)) {
            let Some(to) = names(&key).next() else { continue };
            for hour in told.hours().filter(|hour| hour.sum.up > 0) {
                let Some(number) = hour.hour() else { continue };
                let hours = all.entry(&source.entry.source).or_default().entry(to).or_default();
                let sum = hours.entry(number).or_default();
                *sum = sum.saturating_add(hour.sum.up);
            }
        }
    }
    all
}

/// What the wire shows that inside hosts sent to these servers.
fn wire<'a>(world: &World<'a>, asked: &BTreeSet<&'a str>) -> BTreeMap<&'a str, Hosts<'a>> {
    let mut all: BTreeMap<&'a str, Hosts<'a>> = BTreeMap::new();
    let conversations = world.merged.sources.values().flat_map(|source| source.observations.kept.iter());
    for (key, told) in conversations.filter(|(key, _)| is_edge(key) && key.outcome != Outcome::Failed) {
        let Some(to) = names(&key).find_map(|name| asked.get(name)) else { continue };
        if key.client.is_empty() || world.whose.side(key.client) != Side::Inside {
            continue;
        }
        let host = all.entry(to).or_default().entry(world.whose.entity(key.client));
        let (_, hours) = host.or_insert_with(|| (key.client, Hours::new()));
        for hour in told.hours() {
            let Some(number) = hour.hour() else { continue };
            let sum = hours.entry(number).or_default();
            *sum = sum.saturating_add(hour.sum.up);
        }
    }
    all
}

/// The hosts that sent a server as much as a log of data has.
fn senders<'w, 'a>(wire: &'w BTreeMap<&str, Hosts<'a>>, to: &str, data: &Hours) -> BTreeSet<(&'w String, &'a str)> {
    let hosts = wire.get(to).into_iter().flatten();
    hosts.filter(|(_, (_, on_wire))| holds(on_wire, data)).map(|(host, (called, _))| (host, *called)).collect()
}

/// Whether the wire has as much as a log of data around the hours in which that has it.
fn holds(wire: &Hours, data: &Hours) -> bool {
    let by = APART_HOURS as i64 - 1;
    let ends = data.keys().next().zip(data.keys().last());
    let around = ends.map(|(first, last)| wire.range(first.saturating_sub(by)..=last.saturating_add(by)));
    let sum = |bytes: u64, (_, more): (&i64, &u64)| bytes.saturating_add(*more);
    let sent = data.iter().fold(0, sum);
    around.is_some_and(|hours| hours.fold(0, sum) >= missed(sent))
}

//! What clients sent on through a proxy whose log does not say how much: the wire shows what they sent to the proxy, and its
//! log that all of it was for one destination.
//!
//! That is no account of the destination's bytes but a bound, and only where nothing else can hold them: the log tells of the
//! whole time, of one outside destination in all hours around, and of nothing that was sent and refused. What the proxy was
//! sent around the data (headers, handshakes, requests that send nothing) is taken off as far as there may be of it.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;

use super::World;
use super::cells::APART_HOURS;
use super::referred::{OF_PROXIES_ONLY, PROXY_PORTS};
use super::way::{is_edge, out};
use crate::model::conversations::Told;
use crate::model::observation::{Cited, Hour, Key, Seen};
use crate::model::partial::SourcePartial;
use crate::model::place::Locator;
use crate::model::rule::Outcome;
use crate::model::time::{Instant, Span};
use crate::model::transfer::within;
use crate::model::whose::{Side, same_host};

/// A proxy and the wire tell of the end of one request so far apart at most: clocks that are kept, and lines that wait to be written.
const NEAR_SECS: i64 = 10;

/// What one client did in one hour.
#[derive(Default)]
struct Asking<'w> {
    /// What each log of the wire has of what it sent to the proxy.
    wire: BTreeMap<&'w Locator, Wire>,
    /// Destinations that it asked for; only that there are several, where there are.
    asked: Asked<'w>,
    /// Its requests, in all logs.
    requests: u64,
}

/// Bytes to or from the proxy in one hour, by one log.
#[derive(Default)]
pub(super) struct Wire {
    pub bytes: u64,
    pub records: u64,
    span: Option<Span>,
    /// When the first of its records was over, or began, where that is not known of each.
    ended: Option<Instant>,
    /// The record of most bytes.
    pub shows: Option<Cited>,
}

impl Wire {
    /// Adds what a conversation moved in the hour.
    pub(super) fn add(&mut self, bytes: u64, hour: &Hour, told: &Told<'_>) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.records = self.records.saturating_add(hour.sum.records);
        self.span = Span::join_opt(self.span, hour.span);
        let cited = told.cited().filter(|cited| cited.up && cited.at().map(|at| at.hour()) == hour.hour());
        let is_all = cited.clone().count() as u64 == hour.sum.records;
        let ended =
            if is_all { cited.clone().filter_map(|cited| cited.at()).min() } else { hour.span.map(|span| span.first) };
        self.ended = self.ended.into_iter().chain(ended).min();
        self.shows = self.shows.into_iter().chain(cited).min_by_key(Cited::rank);
    }

    /// Whether one of these logs tells of all its time: a proxy writes when a request is over, by a clock that may be another one.
    pub(super) fn is_within(&self, watched: &[Span]) -> bool {
        let ends = self.ended.zip(self.span.map(|span| span.last));
        let is_told = |log: &Span, (first, last): (Instant, Instant)| {
            log.first.plus_secs(-NEAR_SECS) <= first && last <= log.last.plus_secs(NEAR_SECS)
        };
        ends.is_some_and(|ends| watched.iter().any(|log| is_told(log, ends)))
    }
}

/// What a client asked a proxy for.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Asked<'w> {
    #[default]
    Nothing,
    /// One outside destination.
    One(&'w str),
    /// Several, one inside, or something was sent and refused.
    Other,
}

impl<'w> Asked<'w> {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, one) | (one, Self::Nothing) => one,
            (one, other) if one == other => one,
            _ => Self::Other,
        }
    }
}

/// At least so many bytes went through a proxy in an hour, with the record that shows most of them.
pub(super) struct Through<'w> {
    pub hour: i64,
    pub bytes: u64,
    pub shown: Option<(&'w Locator, Cited)>,
    /// The hours in which the proxy put it on the wire, as far as that is told of the proxy too.
    pub sent: BTreeSet<i64>,
}

/// What clients sent on through the proxy.
#[derive(Default)]
pub(super) struct Proxied<'w> {
    /// By client and hour since the epoch.
    clients: HashMap<String, BTreeMap<i64, Asking<'w>>>,
    /// The time of which logs of the proxy tell.
    watched: Vec<Span>,
}

impl<'w> Proxied<'w> {
    /// Gathers what logs of the wire and of the proxy tell. Nothing where there is more than one proxy, or a log of one that
    /// does not say by address who asked: whose bytes are whose cannot be told.
    pub(super) fn of(world: &'w World<'_>) -> Self {
        let sources = || world.merged.sources.values().map(|source| &**source);
        let logs = || sources().filter(|source| source.observations.kept.keys().any(|key| key.seen == Seen::Proxy));
        let asking = || logs().flat_map(|source| source.observations.kept.keys()).filter(|key| key.seen == Seen::Proxy);
        let named: BTreeSet<&str> = asking().map(|key| key.host).filter(|host| !host.is_empty()).collect();
        let wires = || sources().flat_map(|source| source.observations.kept.iter().map(move |seen| (source, seen)));
        let is_proxy = |key: &Key<'_>| {
            let is_named = || named.iter().any(|host| same_host(host, &world.whose.entity_of(key.server)));
            leads_to_proxy(world, key) && (OF_PROXIES_ONLY.contains(&key.port) || is_named())
        };
        let mut all = Self::default();
        let Some(proxy) =
            the_one(wires().filter(|(_, (key, _))| is_proxy(key)).map(|(_, (key, _))| (key.server, key.port)))
        else {
            return all;
        };
        let is_its = named.iter().all(|host| same_host(host, &world.whose.entity_of(proxy.0)));
        if !is_its || asking().any(|key| key.client.is_empty()) {
            return all;
        }
        for (source, (key, told)) in wires().filter(|(_, (key, _))| leads_to_proxy(world, key)) {
            all.send(world, source, &key, told, (key.server, key.port) == proxy);
        }
        for source in logs() {
            source.observations.kept.iter().for_each(|(key, told)| all.ask(world, source, &key, told));
            all.watched.extend(source.covered.span.filter(|_| source.observations.rest.records == 0));
        }
        all
    }

    /// Adds what a client sent to the proxy, or to another host that may be one.
    fn send(&mut self, world: &World<'_>, source: &'w SourcePartial, key: &Key<'_>, told: Told<'w>, is_proxy: bool) {
        let hours = self.clients.entry(world.whose.entity(key.client)).or_default();
        for of in told.hours() {
            let Some(number) = of.hour() else { continue };
            if !is_proxy {
                hours.entry(number).or_default().asked = Asked::Other;
                continue;
            }
            let wire = hours.entry(number).or_default().wire.entry(&source.entry.source).or_default();
            wire.add(of.sum.up, &of, &told);
        }
    }

    /// Adds what a client asked the proxy for, by its log.
    fn ask(&mut self, world: &'w World<'_>, source: &'w SourcePartial, key: &Key<'w>, told: Told<'w>) {
        let hours = self.clients.get_mut(&*world.whose.entity_of(key.client)).filter(|_| key.seen == Seen::Proxy);
        let Some(hours) = hours else { return };
        let asked = match out(world, &source.entry.source, key) {
            Some((way, _)) => Asked::One(way.to),
            // A request that sends nothing and was refused went nowhere.
            None if key.outcome == Outcome::Failed && !key.sends => Asked::Nothing,
            None => Asked::Other,
        };
        for of in told.hours() {
            match of.hour() {
                // What has no time may be of any.
                None => hours.values_mut().for_each(|hour| hour.asked = hour.asked.and(asked)),
                Some(number) => {
                    let hour = hours.entry(number).or_default();
                    hour.asked = hour.asked.and(asked);
                    hour.requests = hour.requests.saturating_add(of.sum.records);
                }
            }
        }
    }

    /// Whether it tells of nobody.
    pub(super) fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// At least how many bytes of a client went through the proxy to a destination, by hour.
    pub(super) fn through(&self, client: &str, to: &str) -> Vec<Through<'w>> {
        let Some(hours) = self.clients.get(client) else { return Vec::new() };
        hours.iter().filter_map(|(number, hour)| self.of_hour(hours, (*number, hour), to)).collect()
    }

    fn of_hour(
        &self,
        hours: &BTreeMap<i64, Asking<'w>>,
        (number, hour): (i64, &Asking<'w>),
        to: &str,
    ) -> Option<Through<'w>> {
        let around = APART_HOURS as i64 - 1;
        let near = || hours.range(number.saturating_sub(around)..=number.saturating_add(around)).map(|(_, hour)| hour);
        if hour.asked != Asked::One(to)
            || near().fold(Asked::Nothing, |all, hour| all.and(hour.asked)) != Asked::One(to)
        {
            return None;
        }
        let requests = near().fold(0u64, |sum, hour| sum.saturating_add(hour.requests));
        let wires = hour.wire.iter().filter(|(_, wire)| wire.is_within(&self.watched));
        let data = |wire: &Wire| within(wire.bytes, wire.records.saturating_add(requests));
        let (log, wire) = wires.max_by_key(|(log, wire)| (data(wire), std::cmp::Reverse(**log)))?;
        let bytes = data(wire);
        let shown = wire.shows.map(|cited| (*log, cited));
        (bytes > 0).then_some(Through { hour: number, bytes, shown, sent: BTreeSet::new() })
    }
}

/// The one that all of these are.
fn the_one<T: PartialEq>(mut all: impl Iterator<Item = T>) -> Option<T> {
    let first = all.next()?;
    all.all(|other| other == first).then_some(first)
}

/// Whether a record of the wire shows an inside client that asks an inside host as proxies are asked.
fn leads_to_proxy(world: &World<'_>, key: &Key<'_>) -> bool {
    let is_inside = |text: &str| !text.is_empty() && world.whose.side(text) == Side::Inside;
    let is_proxy = is_edge(key) && key.outcome != Outcome::Failed && PROXY_PORTS.contains(&key.port);
    is_proxy && is_inside(key.client) && is_inside(key.server)
}

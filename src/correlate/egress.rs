//! What a proxy put on the wire for the one client that asked it for a destination, where its log does not say how much.
//!
//! The wire has it in the proxy's own name, and the proxy's log has who asked: both tell of one transfer. It is the client's only
//! where the log tells of the whole time and of nobody else who asked for that destination in the hours around; what is sent
//! around the data is taken off as far as there may be of it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::World;
use super::cells::APART_HOURS;
use super::exits::{Passage, Witness};
use super::gateways;
use super::proxied::{Through, Wire};
use super::referred::OF_PROXIES_ONLY;
use super::way::{is_edge, out};
use crate::model::observation::Seen;
use crate::model::place::Locator;
use crate::model::rule::Outcome;
use crate::model::time::Span;
use crate::model::transfer::{Transfer, within};
use crate::model::whose::Side;

/// The hosts that are known as proxies: by the inventory, by a log that says which of them wrote it, and as those that inside
/// clients asked where only proxies are asked.
pub(super) fn proxies(world: &World<'_>) -> BTreeSet<String> {
    let whose = world.whose;
    let is_proxy = |role: &String| role.to_ascii_lowercase().contains("proxy");
    let listed = whose.scopes.host.iter().filter(|host| host.role.as_ref().is_some_and(is_proxy));
    let mut all: BTreeSet<String> = listed.map(|host| whose.entity(&host.name)).collect();
    let is_inside = |text: &str| !text.is_empty() && whose.side(text) == Side::Inside;
    for key in world.merged.sources.values().flat_map(|source| source.observations.kept.keys()) {
        let is_asked = is_edge(&key) && key.outcome != Outcome::Failed && OF_PROXIES_ONLY.contains(&key.port);
        let proxy = match key.seen {
            Seen::Proxy => key.host,
            _ if is_asked && is_inside(key.client) => key.server,
            _ => continue,
        };
        if is_inside(proxy) && !all.contains(&*whose.entity_of(proxy)) {
            all.insert(whose.entity(proxy));
        }
    }
    all
}

/// What one proxy sent to a destination, and who asked for it.
#[derive(Default)]
struct Leg<'w> {
    /// The proxy; `None` where there are several.
    proxy: Option<String>,
    /// By the hour, what each log of the wire has.
    wire: BTreeMap<i64, Vec<(&'w Locator, Wire)>>,
    /// By the hour, who asked, and how often.
    asked: BTreeMap<i64, (Asked, u64)>,
    /// Whether something of it has no time.
    is_untimed: bool,
}

/// Who asked a proxy for a destination.
#[derive(PartialEq, Eq)]
enum Asked {
    One(String),
    Several,
}

/// What proxies sent, by destination.
#[derive(Default)]
pub(super) struct Egress<'w> {
    /// The hosts that are known as proxies.
    pub(super) proxies: BTreeSet<String>,
    legs: BTreeMap<&'w str, Leg<'w>>,
    /// The time of which logs of proxies tell.
    watched: Vec<Span>,
}

impl<'w> Egress<'w> {
    /// Gathers it from what is on its way out.
    pub(super) fn of(world: &'w World<'_>, witnesses: &[Witness<'w>], passages: &[Passage<'w>]) -> Self {
        let mut all = Self { proxies: proxies(world), ..Self::default() };
        let is_sent = |passage: &&Passage<'_>| passage.wire && all.proxies.contains(&*passage.way.from);
        let sent: Vec<&Passage<'w>> = passages.iter().filter(is_sent).collect();
        if sent.is_empty() {
            return all;
        }
        sent.into_iter().for_each(|passage| all.send(passage, witnesses[passage.witness as usize].1));
        all.legs.retain(|_, leg| leg.proxy.is_some() && !leg.is_untimed);
        let logs = world.merged.sources.values();
        for source in logs.filter(|source| source.observations.kept.keys().any(|key| key.seen == Seen::Proxy)) {
            all.watched.extend(source.covered.span.filter(|_| source.observations.rest.records == 0));
            for (key, told) in source.observations.kept.iter().filter(|(key, _)| key.seen == Seen::Proxy) {
                let Some((way, _)) = out(world, &source.entry.source, &key) else { continue };
                let Some(leg) = all.legs.get_mut(way.to) else { continue };
                for hour in told.hours() {
                    leg.ask(&way.from, hour.hour(), hour.sum.records);
                }
            }
        }
        all
    }

    fn send(&mut self, passage: &Passage<'w>, log: &'w Locator) {
        let Some((key, told)) = passage.packed.read() else { return };
        let leg = self
            .legs
            .entry(passage.way.to)
            .or_insert_with(|| Leg { proxy: Some(passage.way.from.clone().into_owned()), ..Leg::default() });
        leg.proxy = leg.proxy.take().filter(|proxy| **proxy == *passage.way.from);
        for left in told.hours().filter_map(|hour| passage.direction.left(&key, hour, passage.open)) {
            let Some(number) = left.hour.hour() else {
                leg.is_untimed = true;
                continue;
            };
            let logs = leg.wire.entry(number).or_default();
            let at = logs.iter().position(|(known, _)| *known == log).unwrap_or_else(|| {
                logs.push((log, Wire::default()));
                logs.len() - 1
            });
            logs[at].1.add(left.bytes, &left.hour, &told);
        }
    }

    /// At least how many bytes of a client a proxy put on the wire to a destination, by the hour in which the client asked.
    pub(super) fn through(&self, client: &str, to: &str) -> Vec<Through<'w>> {
        let leg = self.legs.get(to).filter(|leg| leg.proxy.as_deref() != Some(client));
        let Some(leg) = leg else { return Vec::new() };
        let mut all: BTreeMap<i64, Through<'w>> = BTreeMap::new();
        for (sent, logs) in &leg.wire {
            let Some((asked, requests)) = leg.asked_by(client, *sent) else { continue };
            let data = |wire: &Wire| within(wire.bytes, wire.records.saturating_add(requests));
            let watched = logs.iter().filter(|(_, wire)| wire.is_within(&self.watched));
            let Some((log, wire)) = watched.max_by_key(|(log, wire)| (data(wire), Reverse(*log))) else { continue };
            let shown = wire.shows.map(|cited| (*log, cited));
            let part = all.entry(asked).or_insert(Through { hour: asked, bytes: 0, shown, sent: BTreeSet::new() });
            part.bytes = part.bytes.saturating_add(data(wire));
            part.sent.insert(*sent);
        }
        all.into_values().filter(|part| part.bytes > 0).collect()
    }
}

/// What is told of clients and not of the proxy that put it on the wire, by destination: who they are, and the hours of the wire.
#[derive(Default)]
pub(super) struct Told<'w>(BTreeMap<&'w str, (BTreeSet<String>, BTreeSet<i64>)>);

impl<'w> Told<'w> {
    /// Adds what is told of a client.
    pub(super) fn add(&mut self, client: &str, to: &'w str, sent: BTreeSet<i64>) {
        if !sent.is_empty() {
            let (clients, hours) = self.0.entry(to).or_default();
            clients.insert(client.to_owned());
            hours.extend(sent);
        }
    }

    /// Takes it from what proxies sent; gives the positions of what it was taken from.
    pub(super) fn take(&self, transfers: &mut [Transfer], proxies: &BTreeSet<String>) -> BTreeSet<usize> {
        let mut taken = BTreeSet::new();
        let mut of_clients: BTreeMap<&str, Vec<(u32, u64)>> = BTreeMap::new();
        for (number, t) in (0u32..).zip(&*transfers) {
            let known = self.0.get_key_value(t.to.as_str()).filter(|(_, (clients, _))| clients.contains(&*t.from));
            if let Some((to, _)) = known {
                of_clients.entry(to).or_default().push((number, t.bytes.lower));
            }
        }
        for at in 0..transfers.len() {
            let known = self.0.get(transfers[at].to.as_str()).filter(|_| proxies.contains(&*transfers[at].from));
            let Some((_, hours)) = known else { continue };
            let sent = of_clients.get(transfers[at].to.as_str()).map(Vec::as_slice).unwrap_or_default();
            let of = gateways::told(&transfers[at].scope, sent, transfers);
            transfers[at].take_hours(hours);
            transfers[at].passed_on = Some(Box::new(of));
            taken.insert(at);
        }
        taken
    }
}

impl Leg<'_> {
    fn ask(&mut self, client: &str, hour: Option<i64>, records: u64) {
        let Some(hour) = hour else {
            self.proxy = None;
            return;
        };
        let (asked, requests) = self.asked.entry(hour).or_insert_with(|| (Asked::One(client.to_owned()), 0));
        if !matches!(asked, Asked::One(known) if known == client) {
            *asked = Asked::Several;
        }
        *requests = requests.saturating_add(records);
    }

    /// The hour nearest to one in which a client asked, and how often it did in those around, where nobody else did.
    fn asked_by(&self, client: &str, sent: i64) -> Option<(i64, u64)> {
        let around = APART_HOURS as i64 - 1;
        let near = || self.asked.range(sent.saturating_sub(around)..=sent.saturating_add(around));
        if !near().all(|(_, (asked, _))| matches!(asked, Asked::One(known) if known == client)) {
            return None;
        }
        let requests = near().fold(0u64, |sum, (_, (_, requests))| sum.saturating_add(*requests));
        let (hour, _) = near().min_by_key(|(hour, _)| hour.abs_diff(sent))?;
        Some((*hour, requests))
    }
}

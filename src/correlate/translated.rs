//! Which hosts stood behind an address to which firewalls translate theirs, and when: as the records of their conversations say.
//!
//! A log outside knows the translated address alone. Which ports it had for whom is in no tally, so that who was behind it in an
//! hour is a set: those whose conversations went out by it then, to the server whose log it is where that is known, else to
//! anybody. Of more than [`HOLDERS_KEPT`] in an hour it is known
//! only that they are many.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::{HashMap, HashSet};

use crate::model::assigned::{Giver, Holder};
use crate::model::conversations::Told;
use crate::model::observation::Key;
use crate::model::partial::{Partial, SourcePartial};
use crate::model::rule::Outcome;
use crate::model::time::{HOUR_SECS, Instant, Span};
use crate::model::whose::{Side, Whose, address, is_private};

use super::assigned::HOLDERS_KEPT;
use super::holding::{By, Holding};

/// So much earlier or later than its records say an address may be in use: a firewall keeps it for a while.
const KEPT_SECS: i64 = 300;
/// Of longer sessions it is not known whose the address was all the time.
const LASTS_HOURS: i64 = 31 * 24;

/// What conversations of one host in an hour say: from when to when, and a record of them.
type Shown<'a> = (Span, By<'a>);

/// Who was behind an address in one hour.
enum Behind<'a> {
    Hosts(BTreeMap<&'a str, Shown<'a>>),
    /// More than are told apart.
    Crowd(By<'a>),
}

/// All holdings, by address and server, of the addresses of which any log tells as of a client: those of hosts on their way to
/// anybody, where the server is empty, and to each server that the address asked.
pub(super) fn all<'a>(merged: &'a Partial, whose: &Whose) -> HashMap<(&'a str, &'a str), Vec<Holding<'a>>> {
    let mut behind: HashMap<(&str, &str), BTreeMap<i64, Behind<'a>>> = HashMap::new();
    let asked = asked(merged);
    if asked.is_empty() {
        return HashMap::new();
    }
    let servers = servers(merged, &asked);
    for source in merged.sources.values() {
        for (key, told) in conversations(source, &asked) {
            if key.outcome == Outcome::Failed || whose.side(key.client) != Side::Inside {
                continue;
            }
            add(source, &key, told, behind.entry((key.nat, "")).or_default());
            if servers.get(key.nat).and_then(Option::as_ref).is_some_and(|of| of.contains(key.server)) {
                add(source, &key, told, behind.entry((key.nat, key.server)).or_default());
            }
        }
    }
    behind.into_iter().map(|(held, hours)| (held, holdings(hours))).collect()
}

/// The conversations of which a log says that their clients were translated to one of these addresses.
fn conversations<'a>(source: &'a SourcePartial, asked: &HashSet<&'a str>) -> impl Iterator<Item = (Key<'a>, Told<'a>)> {
    let ends = ends(source, asked);
    let told = move |(key, told): (Key<'a>, Told<'a>)| {
        let of_end = || ends.get(&(key.client, key.server, key.port)).copied().flatten();
        let nat = if key.nat.is_empty() { of_end()? } else { key.nat };
        asked.contains(nat).then_some((Key { nat, ..key }, told))
    };
    source.observations.kept.iter().filter_map(told)
}

/// The one address to which a log says that hosts are translated on their way to a server: that stands in the record of a begin
/// alone, and is theirs until the connection ends. `None` where it is not always one.
fn ends<'a>(source: &'a SourcePartial, asked: &HashSet<&'a str>) -> HashMap<(&'a str, &'a str, u16), Option<&'a str>> {
    let mut one = HashMap::new();
    let keys = || source.observations.kept.keys().filter(|key| !key.nat.is_empty());
    if !keys().any(|key| asked.contains(key.nat)) {
        return one;
    }
    for key in keys() {
        let known = one.entry((key.client, key.server, key.port)).or_insert(Some(key.nat));
        *known = known.filter(|nat| *nat == key.nat);
    }
    one
}

/// The servers that each of these addresses asked by what logs say of it as a client; `None` where one does not name the server
/// by an address that is the same everywhere: two logs of one transfer must not differ in whose it was.
fn servers<'a>(merged: &'a Partial, asked: &HashSet<&'a str>) -> HashMap<&'a str, Option<HashSet<&'a str>>> {
    let mut servers: HashMap<&str, Option<HashSet<&str>>> = HashMap::new();
    for key in merged.sources.values().flat_map(|source| source.observations.kept.keys()) {
        let Some(nat) = asked.get(key.client).copied() else { continue };
        let known = servers.entry(nat).or_insert_with(|| Some(HashSet::new()));
        match known {
            Some(of) if address(key.server).is_some_and(|ip| !is_private(ip)) => {
                of.insert(key.server);
            }
            _ => *known = None,
        }
    }
    servers
}

/// Translated addresses that clients have in other records.
fn asked(merged: &Partial) -> HashSet<&str> {
    let keys = || merged.sources.values().flat_map(|source| source.observations.kept.keys());
    let translated: HashSet<&str> = keys().map(|key| key.nat).filter(|nat| !nat.is_empty()).collect();
    if translated.is_empty() {
        return translated;
    }
    let mut asked: HashSet<&str> = keys().filter_map(|key| translated.get(key.client).copied()).collect();
    for (_, sightings) in merged.sources.values().flat_map(|source| source.rules.iter()) {
        let from = sightings.kept.iter().filter_map(|s| s.subject.source_ip.as_deref());
        asked.extend(from.filter_map(|from| translated.get(from).copied()));
    }
    asked
}

/// The hosts of which records say that a firewall translated them, by the address to which it did; both by [`Whose::entity`].
pub(super) fn hosts(merged: &Partial, whose: &Whose) -> BTreeMap<String, BTreeSet<String>> {
    let mut hosts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let asked = asked(merged);
    let sources = merged.sources.values().filter(|_| !asked.is_empty());
    for key in sources.flat_map(|source| source.observations.kept.keys()).filter(|key| asked.contains(key.nat)) {
        let host = whose.entity_of(key.client);
        if key.outcome == Outcome::Failed || whose.side(key.client) != Side::Inside {
            continue;
        }
        let behind = hosts.entry(whose.entity(key.nat)).or_default();
        // PERF: most are known.
        if !behind.contains(&*host) {
            behind.insert(host.into_owned());
        }
    }
    hosts
}

/// How many bytes firewalls state that hosts sent to servers by addresses to which they translated theirs: all by
/// [`Whose::entity`], servers by their addresses. Of several logs the one that says most.
#[derive(Default)]
pub(super) struct Stated(BTreeMap<String, BTreeMap<String, BTreeMap<String, u64>>>);

impl Stated {
    /// Asks what a host sent to one of these by an address.
    pub(super) fn want<'t>(&mut self, nat: &str, host: &str, to: impl Iterator<Item = &'t str>) {
        let of = self.0.entry(nat.to_owned()).or_default().entry(host.to_owned()).or_default();
        of.extend(to.map(|to| (to.to_owned(), 0)));
    }

    /// Reads what was asked for.
    pub(super) fn read(&mut self, merged: &Partial, whose: &Whose) {
        if self.0.is_empty() {
            return;
        }
        let asked = asked(merged);
        let wanted: HashSet<String> =
            self.0.values().flat_map(BTreeMap::values).flat_map(BTreeMap::keys).cloned().collect();
        let counts = |key: &Key<'_>| key.outcome != Outcome::Failed && wanted.contains(key.server);
        for source in merged.sources.values() {
            let mut sums: HashMap<(&str, &str, &str), u64> = HashMap::new();
            for (key, told) in conversations(source, &asked).filter(|(key, _)| counts(key)) {
                let sum = sums.entry((key.nat, key.client, key.server)).or_default();
                *sum = sum.saturating_add(told.sum().up);
            }
            for ((nat, host, to), sum) in sums {
                let of =
                    self.0.get_mut(&*whose.entity_of(nat)).and_then(|hosts| hosts.get_mut(&*whose.entity_of(host)));
                if let Some(known) = of.and_then(|servers| servers.get_mut(to)) {
                    *known = sum.max(*known);
                }
            }
        }
    }

    /// Takes so much at most of what a host sent to these by an address; gives how much that was.
    pub(super) fn take<'t>(&mut self, nat: &str, host: &str, to: impl Iterator<Item = &'t str>, most: u64) -> u64 {
        let Some(servers) = self.0.get_mut(nat).and_then(|hosts| hosts.get_mut(host)) else { return 0 };
        let mut left = most;
        for to in to {
            let Some(stated) = servers.get_mut(to) else { continue };
            let taken = left.min(*stated);
            (*stated, left) = (*stated - taken, left - taken);
        }
        most - left
    }
}

/// Adds the hours of a conversation.
fn add<'a>(source: &'a SourcePartial, key: &Key<'a>, told: Told<'a>, behind: &mut BTreeMap<i64, Behind<'a>>) {
    let Some(cited) = told.cited().next() else { return };
    for span in told.hours().filter_map(|hour| hour.span) {
        let (first, last) = (span.first.hour(), span.last.hour());
        if last - first > LASTS_HOURS {
            continue;
        }
        let (source, place, sha256) = (&source.entry.source, cited.place, cited.sha256);
        let by = By { at: span.first, source, place, sha256, ends: false };
        for hour in first..=last {
            let Some(part) = within(span, hour) else { continue };
            let hosts = behind.entry(hour).or_insert_with(|| Behind::Hosts(BTreeMap::new()));
            hosts.add(key.client, (part, by));
        }
    }
}

/// What of a span lies in an hour.
fn within(span: Span, hour: i64) -> Option<Span> {
    let begin = Instant::from_secs(hour.checked_mul(HOUR_SECS)?)?;
    Some(Span { first: span.first.max(begin), last: span.last.min(begin.plus_secs(HOUR_SECS)) })
}

impl<'a> Behind<'a> {
    fn add(&mut self, host: &'a str, (span, by): Shown<'a>) {
        match self {
            Self::Crowd(known) => *known = by.min(*known),
            Self::Hosts(hosts) => {
                let known = hosts.entry(host).or_insert((span, by));
                *known = (known.0.join(span), known.1.min(by));
                if hosts.len() > HOLDERS_KEPT {
                    let first = hosts.values().map(|(_, by)| *by).min().unwrap_or(by);
                    *self = Self::Crowd(first);
                }
            }
        }
    }
}

/// Times of one holder that follow each other are one holding.
fn holdings<'a>(hours: BTreeMap<i64, Behind<'a>>) -> Vec<Holding<'a>> {
    let mut runs: BTreeMap<&str, Vec<Shown<'a>>> = BTreeMap::new();
    let mut add = |host: &'a str, (span, by): Shown<'a>| {
        let of = runs.entry(host).or_default();
        match of.last_mut().filter(|(last, _)| span.first <= last.last.plus_secs(KEPT_SECS)) {
            Some((last, known)) => (*last, *known) = (last.join(span), by.min(*known)),
            None => of.push((span, by)),
        }
    };
    for (hour, behind) in hours {
        match behind {
            Behind::Hosts(hosts) => hosts.into_iter().for_each(|(host, shown)| add(host, shown)),
            Behind::Crowd(by) => {
                let whole = Instant::from_secs(hour.saturating_mul(HOUR_SECS));
                let span = whole.map(|first| Span { first, last: first.plus_secs(HOUR_SECS) });
                span.into_iter().for_each(|span| add("", (span, by)));
            }
        }
    }
    let holder = |host: &str| Holder {
        giver: Giver::Nat,
        account: "".into(),
        host: host.into(),
        peer: "".into(),
        card: "".into(),
    };
    let around = |span: Span| Span { first: span.first.plus_secs(-KEPT_SECS), last: span.last.plus_secs(KEPT_SECS) };
    let all = runs.into_iter().flat_map(|(host, of)| of.into_iter().map(move |shown| (host, shown)));
    all.map(|(host, (span, by))| Holding::within(holder(host), (around(span), span), by)).collect()
}

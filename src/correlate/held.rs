//! Transfers of addresses that were given to somebody: parts of a conversation by who held its client's address, and what a
//! session from outside was served.

use std::collections::BTreeSet;

use crate::model::assigned::{Giver, Joined};
use crate::model::conversations::Told;
use crate::model::finding::Entities;
use crate::model::observation::{Hour, Key, Seen};
use crate::model::place::Locator;
use crate::model::rule::Outcome;
use crate::model::time::Span;
use crate::model::whose::Side;

use super::World;
use super::assigned::Held;
use super::exits::Cite;
use super::holding::{By, parts as parts_of};
use super::way::is_of_server;

/// Whether a conversation is looked at by who held its client's address. Names that were asked for are not: what a tunnel
/// carries is told of all of them together.
pub(super) fn is_parted(world: &World<'_>, key: &Key<'_>) -> bool {
    key.seen != Seen::Dns && world.assigned.knows(name(world, key))
}

/// What is held that the client of a conversation has: see [`Holdings::name`](super::assigned::Holdings::name).
pub(super) fn name<'w>(world: &'w World<'_>, key: &Key<'w>) -> &'w str {
    world.assigned.name(key.client, key.server)
}

/// The parts of a conversation by who held its client's address: all of it where no log says who did.
pub(super) fn parts(world: &World<'_>, key: &Key<'_>, seen: Told<'_>) -> Vec<Option<Held>> {
    if !is_parted(world, key) {
        return vec![None];
    }
    let held: BTreeSet<Held> = seen.hours().map(|hour| world.assigned.in_hour(name(world, key), &hour)).collect();
    held.into_iter().map(Some).collect()
}

/// The hours of a part of a conversation.
pub(super) fn hours_of<'h>(
    world: &'h World<'_>,
    key: &'h Key<'_>,
    seen: Told<'h>,
    part: Option<&'h Held>,
) -> impl Iterator<Item = Hour> + 'h {
    seen.hours().filter(move |hour| part.is_none_or(|part| world.assigned.in_hour(name(world, key), hour) == *part))
}

/// What tells in whose hands an address was, of one that VPN gateways or DHCP servers gave to several one after the other: nothing of
/// others, nor while nobody is known to have had it.
pub(super) type Hand<'w> = Vec<&'w str>;

/// In whose hands an address was at a time.
pub(super) fn hand<'w>(world: &'w World<'_>, address: &str, span: Option<Span>) -> Hand<'w> {
    if !world.assigned.is_passed_around(address) {
        return Hand::new();
    }
    world.assigned.given(address, &world.assigned.at(address, span))
}

/// In whose hands the address of a conversation's client was in an hour of it.
pub(super) fn hand_in<'w>(world: &'w World<'_>, key: &Key<'_>, hour: &Hour) -> Hand<'w> {
    if !world.assigned.is_passed_around(key.client) {
        return Hand::new();
    }
    world.assigned.given(key.client, &world.assigned.in_hour(key.client, hour))
}

/// In whose hands the address of a conversation's client was in any of its hours.
pub(super) fn hands<'w>(world: &'w World<'_>, key: &Key<'_>, seen: Told<'_>) -> BTreeSet<Hand<'w>> {
    if !world.assigned.is_passed_around(key.client) {
        return BTreeSet::from([Hand::new()]);
    }
    seen.hours().map(|hour| hand_in(world, key, &hour)).collect()
}

/// Of those who may have held an address those of whom a scope may know: the record that says so is its own, or nobody's, or of a
/// service that acts for others.
pub(super) fn known_to(world: &World<'_>, scope: &str, address: &str, held: &Held) -> Held {
    let is_known = |(at, _): &&(u32, bool)| {
        let host = world.assigned.translated(address, *at);
        may_know(world, scope, address, world.assigned.source(address, *at))
            && host.is_none_or(|host| is_own(world, scope, host))
    };
    if world.whose.tenants.len() < 2 { Held::clone(held) } else { held.iter().filter(is_known).copied().collect() }
}

/// Whether a host behind a translated address is a scope's, or nobody's.
pub(super) fn is_own(world: &World<'_>, scope: &str, host: &str) -> bool {
    let owners = world.whose.scopes_of_entity(host);
    owners.is_empty() || owners.contains(&scope)
}

/// Whether a scope may know of a record that gave an address.
fn may_know(world: &World<'_>, scope: &str, address: &str, source: Option<&Locator>) -> bool {
    let whose = world.whose;
    let mut owners = whose.scopes_of_entity(parts_of(address).0);
    if owners.is_empty() {
        let places = source.into_iter().flat_map(|source| whose.of_path(source.as_str()));
        owners = places.map(|at| whose.tenants[at].name.as_str()).collect();
    }
    let is_shared = |name: &str| whose.tenants.iter().any(|t| t.name == name && t.shared);
    let is_tenant = whose.tenants.iter().any(|t| t.name == scope && !t.shared);
    owners.is_empty() || !is_tenant || owners.iter().any(|owner| *owner == scope || is_shared(owner))
}

/// Where what an inside system answers goes, if it asks for a session from outside: to the address from which the session
/// came; to the address in the tunnel where several sessions may have held that.
pub(super) fn session<'w>(world: &'w World<'_>, key: &Key<'w>, held: &Held) -> Option<&'w str> {
    let outside = |peer: &&str| world.whose.side(peer) == Side::Outside;
    let asked = if key.server.is_empty() { key.name } else { key.server };
    let is_inside = |text: &str| !text.is_empty() && world.whose.side(text) == Side::Inside;
    let serves = key.seen == Seen::FileServer || is_inside(asked) || asked.is_empty() && is_of_server(key);
    let refused = key.outcome == Outcome::Failed && key.seen != Seen::Flow;
    if key.seen == Seen::Dns || refused || !serves {
        return None;
    }
    let peer = world.assigned.peer(name(world, key), held);
    let peers = || world.assigned.peers(name(world, key), held).into_iter().any(|peer| outside(&peer));
    match peer {
        Some(peer) => Some(peer).filter(outside),
        None => peers().then_some(key.client),
    }
}

/// Joins, and the records that say so.
pub(super) type Joins<'w> = (Vec<Joined>, Vec<Cite<'w>>);

/// Who held an address in that time, each with the record that says so.
pub(super) fn joined<'w>(
    world: &World<'w>,
    (scope, address, held): (&str, &str, &Held),
    time: Option<Span>,
) -> Joins<'w> {
    let all = world.assigned.joined(address, held, time);
    let inner = inner(world, scope, &all, time);
    all.into_iter().chain(inner).map(|(joined, by)| (joined, (by.source, by.place, by.sha256))).unzip()
}

/// A join, and the record that says so.
type Said<'w> = (Joined, By<'w>);

/// Who held then the addresses that firewalls translated: those that a log says were given to somebody alone. Sure where both are.
fn inner<'w>(world: &World<'w>, scope: &str, all: &[Said<'w>], time: Option<Span>) -> Vec<Said<'w>> {
    let translated = all.iter().map(|(joined, _)| joined).filter(|joined| joined.kind == Giver::Nat);
    let mut inner: Vec<Said<'w>> = translated
        .filter(|joined| world.assigned.knows(&joined.host))
        .flat_map(|joined| {
            let held = known_to(world, scope, &joined.host, &world.assigned.at(&joined.host, time));
            let holders = world.assigned.joined(&joined.host, &held, time).into_iter();
            let given = holders.filter(|(of, _)| of.is_lent());
            given.map(|(of, by)| (Joined { sure: of.sure && joined.sure, ..of }, by)).collect::<Vec<_>>()
        })
        .collect();
    inner.sort();
    inner.dedup();
    inner
}

/// By whom the addresses of a finding's sources were held for sure, in the time of its records, and from where its accounts were
/// logged on to its hosts, as far as a scope may know it.
///
/// Who held the address of such a session then is told with it.
pub(super) fn told(
    world: &World<'_>,
    scope: &str,
    of: &Entities,
    (span, numbers): (Option<Span>, &BTreeSet<u64>),
) -> Vec<Joined> {
    let Some(span) = span else { return Vec::new() };
    let server = of.destinations.first().filter(|_| of.destinations.len() == 1).map_or("", |to| to);
    let logons = world.logons.of_finding(world.whose, of, (span, numbers));
    let of_logons = logons.iter().map(|logon| &*logon.address);
    let known = of.sources.iter().map(|source| world.assigned.name(source, server)).chain(of_logons);
    let known = known.filter(|source| world.assigned.knows(source));
    let held = known.flat_map(|source| {
        let held = known_to(world, scope, source, &world.assigned.at(source, Some(span)));
        joined(world, (scope, source, &held), Some(span)).0
    });
    let held = held.filter(|joined| joined.sure);
    held.collect::<Vec<_>>().into_iter().chain(logons).take(JOINED_KEPT).collect()
}

/// The same of what addresses did that are told of as hosts.
pub(super) fn told_of(
    world: &World<'_>,
    scope: &str,
    (of, clients): (&Entities, &BTreeSet<&str>),
    time: Option<Span>,
) -> Vec<Joined> {
    let sources = clients.iter().map(ToString::to_string).collect();
    told(world, scope, &Entities { sources, ..of.clone() }, (time, &BTreeSet::new()))
}

/// Joins that a finding tells.
const JOINED_KEPT: usize = 16;

//! Private addresses that speak and that no own network holds: once any network is named, all others are outside.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use itertools::Itertools;

use crate::model::coverage::{Gap, GapReason, LogOf};
use crate::model::observation::Key;
use crate::model::place::Locator;
use crate::model::whose::{Whose, address};

use super::World;

/// So many networks are told of one by one.
const TOLD: usize = 64;

/// One gap per network of such addresses, sorted: of 256 of IPv4, of 2^64 of IPv6. Of what they did
/// only what the edge, proxies and name servers show is judged. What the records of a scope tell is that one's to know.
pub(super) fn all(world: &World<'_>) -> Vec<Gap> {
    if world.whose.own.is_empty() {
        return Vec::new();
    }
    let nobodys = Whose::default();
    let is_unclaimed = |ip: &IpAddr| is_of_a_network(*ip) && nobodys.is_own(*ip) && !world.whose.is_own(*ip);
    let mut found: BTreeSet<(Vec<&str>, IpAddr)> = BTreeSet::new();
    for source in world.merged.sources.values() {
        let keys = source.observations.kept.keys().dedup_by(|a, b| (a.client, a.account) == (b.client, b.account));
        for key in keys {
            let ip = address(key.client).map(|ip| ip.to_canonical()).filter(is_unclaimed);
            found.extend(ip.map(|ip| (owners(world, &source.entry.source, &key), ip)));
        }
    }
    let mut networks: BTreeMap<(Vec<&str>, IpNet), (IpAddr, u64)> = BTreeMap::new();
    for (owners, ip) in found {
        let Some(network) = network(ip) else { continue };
        networks.entry((owners, network)).or_insert((ip, 0)).1 += 1;
    }
    let mut rest: BTreeMap<Vec<&str>, usize> = BTreeMap::new();
    let mut gaps = Vec::new();
    for ((owners, network), (first, count)) in networks {
        let told = rest.entry(owners.clone()).or_default();
        *told += 1;
        let source = match count {
            _ if *told > TOLD => continue,
            1 => format!("{first}, a private address"),
            _ => format!("{network}, {count} private addresses, {first} the first"),
        };
        gaps.push(gap(source, &first.to_string(), &owners));
    }
    for (owners, all) in rest.into_iter().filter(|(_, all)| *all > TOLD) {
        gaps.push(gap(format!("{} more networks of private addresses", all - TOLD), "", &owners));
    }
    gaps
}

/// Whose a record of such a client is; nobody's where neither its account nor its log says so.
fn owners<'w>(world: &World<'w>, place: &Locator, key: &Key<'_>) -> Vec<&'w str> {
    world.whose.scope_of_client("", key.account, place.as_str())
}

fn gap(source: String, first: &str, owners: &[&str]) -> Gap {
    let scopes = owners.iter().map(ToString::to_string).collect();
    let log = (!owners.is_empty()).then(|| LogOf { host: first.to_owned(), channel: String::new(), scopes });
    Gap { source, from: None, to: None, reason: GapReason::TakenAsOutside, log }
}

/// Whether it can be a system's own address, and is not that of the host itself or one that it gave itself.
fn is_of_a_network(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private(),
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}

fn network(ip: IpAddr) -> Option<IpNet> {
    let length = if ip.is_ipv4() { 24 } else { 64 };
    IpNet::new(ip, length).ok().map(|network| network.trunc())
}

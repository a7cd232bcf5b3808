//! Private addresses that speak and that no own network holds: once any network is named, all others are outside.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use itertools::Itertools;

use crate::model::coverage::{Gap, GapReason};
use crate::model::whose::{Whose, address};

use super::World;

/// So many networks are told of one by one.
const TOLD: usize = 64;

/// One gap per network of such addresses, sorted: of 256 of IPv4, of 2^64 of IPv6. Of what they did
/// only what the edge, proxies and name servers show is judged.
pub(super) fn all(world: &World<'_>) -> Vec<Gap> {
    if world.whose.own.is_empty() {
        return Vec::new();
    }
    let nobodys = Whose::default();
    let is_unclaimed = |ip: &IpAddr| is_of_a_network(*ip) && nobodys.is_own(*ip) && !world.whose.is_own(*ip);
    let clients = world.merged.sources.values().flat_map(|s| s.observations.kept.keys()).map(|key| key.client).dedup();
    let found: BTreeSet<IpAddr> =
        clients.filter_map(address).map(|ip| ip.to_canonical()).filter(is_unclaimed).collect();
    let mut networks: BTreeMap<IpNet, (IpAddr, u64)> = BTreeMap::new();
    for ip in found {
        let Some(network) = network(ip) else { continue };
        networks.entry(network).or_insert((ip, 0)).1 += 1;
    }
    let rest = networks.len().saturating_sub(TOLD);
    let told = networks.into_iter().take(TOLD).map(|(network, (first, count))| match count {
        1 => format!("{first}, a private address"),
        _ => format!("{network}, {count} private addresses, {first} the first"),
    });
    let rest = (rest > 0).then(|| format!("{rest} more networks of private addresses"));
    let gap = |source| Gap { source, from: None, to: None, reason: GapReason::TakenAsOutside, log: None };
    told.chain(rest).map(gap).collect()
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

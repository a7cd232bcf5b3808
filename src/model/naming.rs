//! What addresses are called: names that DNS answers give to them, by records that tell of no bytes.
//!
//! A firewall's log knows addresses alone; whoever reads it finds here what their names are. What a client said in a TLS handshake, or a
//! resolver outside answered, is a name too that an address has beside those, and gives it none.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Addresses kept of one source; above it those with the smallest digests stay.
pub const ADDRESSES_KEPT: usize = 65_536;
/// Odd, so that multiplying by it loses nothing.
const MIX: u64 = 0x9E37_79B9_7F4A_7C15;
/// Names kept of one address, the smallest; one that has more is a place of many services.
pub const NAMES_KEPT: usize = 4;

/// The names of one address.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Names {
    /// The smallest of them.
    pub kept: BTreeSet<Box<str>>,
    /// Whether there are more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    /// Whether a resolver that may be trusted answered with the address: the name in a handshake is what a client chose to say.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub answered: bool,
}

impl Names {
    /// Adds names that are known to be of the same address.
    pub fn join(&mut self, other: &Self) {
        self.more |= other.more;
        self.answered |= other.answered;
        other.kept.iter().for_each(|name| self.add(name));
    }

    fn add(&mut self, name: &str) {
        if self.kept.contains(name) {
            return;
        }
        self.kept.insert(name.into());
        if self.kept.len() > NAMES_KEPT {
            self.kept.pop_last();
            self.more = true;
        }
    }
}

/// The names of the addresses that one source tells of, by digests of the addresses. Joins by union, so that no order of records shows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<(Box<str>, Names)>", into = "Vec<(Box<str>, Names)>")]
pub struct Naming(BTreeMap<u64, (Box<str>, Names)>);

impl Naming {
    /// Whether it tells of none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a name (lower case, without a final dot) of an address; `None` where it is one that is not compared. `answered`: a resolver
    /// that may be trusted said so.
    pub fn add(&mut self, address: IpAddr, name: Option<&str>, answered: bool) {
        let digest = of_ip(address);
        if self.is_beyond(digest) {
            return;
        }
        let (known, names) = self.0.entry(digest).or_insert_with(|| (address.to_string().into(), Names::default()));
        if address.is_ipv6() && known.parse() != Ok(address) {
            // Two addresses of one digest are nobody's, and bear the name of the smaller one whichever comes first.
            names.more = true;
            known.clone_from(&known.clone().min(address.to_string().into()));
        }
        names.more |= name.is_none();
        names.answered |= answered;
        name.into_iter().for_each(|name| names.add(name));
        self.cut();
    }

    /// Joins those of another part of the source.
    pub fn join(&mut self, other: Self) {
        for (digest, (address, names)) in other.0 {
            self.take(digest, address, &names);
        }
        self.cut();
    }

    /// The last digest of which all names are kept, where some may have been left out; `None` where none was.
    pub fn reach(&self) -> Option<u64> {
        self.0.last_key_value().map(|(last, _)| *last).filter(|_| self.0.len() >= ADDRESSES_KEPT)
    }

    /// All addresses with their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Names)> {
        self.0.values().map(|(address, names)| (&**address, names))
    }

    fn take(&mut self, digest: u64, address: Box<str>, names: &Names) {
        let (known, joined) = self.0.entry(digest).or_insert_with(|| (address.clone(), Names::default()));
        if *known != address {
            joined.more = true;
            *known = known.clone().min(address);
        }
        joined.join(names);
    }

    /// Whether an address is none of those that are kept.
    fn is_beyond(&self, digest: u64) -> bool {
        self.0.len() >= ADDRESSES_KEPT && self.0.last_key_value().is_some_and(|(last, _)| *last < digest)
    }

    fn cut(&mut self) {
        while self.0.len() > ADDRESSES_KEPT {
            self.0.pop_last();
        }
    }
}

/// What addresses are kept by: no log's own order of them.
pub fn digest(address: &str) -> u64 {
    match address.parse() {
        Ok(ip) => of_ip(ip),
        Err(_) => address.bytes().fold(0, |sum, byte| mixed(sum, u64::from(byte))),
    }
}

/// PERF: with a cryptographic digest each answer cost more. Of IPv4 no two addresses have the same; who chooses addresses so that
/// others fall out has no names for them.
fn of_ip(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(ip) => mixed(mixed(0, u64::from(ip.to_bits())), MIX),
        IpAddr::V6(ip) => mixed(mixed(mixed(0, (ip.to_bits() >> 64) as u64), ip.to_bits() as u64), MIX),
    }
}

fn mixed(sum: u64, part: u64) -> u64 {
    let sum = (sum ^ part).wrapping_mul(MIX);
    sum ^ sum >> 32
}

impl From<Vec<(Box<str>, Names)>> for Naming {
    fn from(all: Vec<(Box<str>, Names)>) -> Self {
        let mut naming = Self::default();
        for (address, names) in all {
            naming.take(digest(&address), address, &names);
        }
        naming.cut();
        naming
    }
}

impl From<Naming> for Vec<(Box<str>, Names)> {
    fn from(naming: Naming) -> Self {
        naming.0.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told<'t>(pairs: impl IntoIterator<Item = (&'t str, &'t str)>) -> Naming {
        let mut naming = Naming::default();
        pairs.into_iter().for_each(|(address, name)| naming.add(address.parse().unwrap(), Some(name), true));
        naming
    }

    #[test]
    fn names_of_an_address_join_in_any_order_and_many_are_told_as_many() {
        let names: Vec<String> = (0..7).map(|n| format!("n{n}.example")).collect();
        let of = |range: std::ops::Range<usize>| told(names[range].iter().map(|name| ("203.0.113.9", &**name)));
        let (mut one, mut other) = (of(0..3), of(2..7));
        one.join(of(2..7));
        other.join(of(0..3));
        assert_eq!(one, other);
        let (_, names) = one.iter().next().unwrap();
        assert_eq!((names.kept.len(), names.more), (NAMES_KEPT, true));
        assert!(of(0..4).iter().all(|(_, names)| !names.more));
    }

    #[test]
    fn of_too_many_addresses_the_same_stay_whatever_comes_first() {
        let addresses: Vec<IpAddr> =
            (0..ADDRESSES_KEPT as u32 + 50).map(|n| IpAddr::V4((0xCB00_0000 + n).into())).collect();
        let of = |all: &mut dyn Iterator<Item = &IpAddr>| {
            let mut naming = Naming::default();
            all.for_each(|address| naming.add(*address, Some("a.example"), true));
            naming
        };
        let (forward, back) = (of(&mut addresses.iter()), of(&mut addresses.iter().rev()));
        assert_eq!((forward.iter().count(), &forward), (ADDRESSES_KEPT, &back));
        let text = serde_json::to_string(&told([("203.0.113.9", "a.example")])).unwrap();
        assert_eq!(serde_json::from_str::<Naming>(&text).unwrap(), told([("203.0.113.9", "a.example")]));
    }
}

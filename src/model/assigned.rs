//! Addresses that were given to somebody for a time: by a VPN gateway, by a DHCP server, by a firewall that translates them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::place::{Place, RecordDigest};
use super::time::Instant;

/// Who gives addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Giver {
    /// A VPN gateway, to a session.
    Vpn,
    /// A DHCP server, to a host.
    Dhcp,
    /// A firewall, which puts it in the place of the addresses of hosts behind it.
    Nat,
    /// A computer, to an account that logged on to it from there.
    Logon,
}

impl Giver {
    /// How it is called in text.
    pub fn word(self) -> &'static str {
        match self {
            Self::Vpn => "VPN",
            Self::Dhcp => "DHCP",
            Self::Nat => "NAT",
            Self::Logon => "logon",
        }
    }
}

/// Whom an address was given to, as the log names it. Empty texts stand for "the record does not say".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Holder {
    /// Who gave it.
    pub giver: Giver,
    /// Account of the session, as `DOMAIN\user` where the log has a domain.
    pub account: Box<str>,
    /// Name that the host gave itself, lower case.
    pub host: Box<str>,
    /// Address from which a session or a logon came.
    pub peer: Box<str>,
}

impl Holder {
    /// Whether two records can speak of one holder: what both of them say is the same.
    pub fn fits(&self, other: &Self) -> bool {
        let same = |a: &str, b: &str| a.is_empty() || b.is_empty() || a == b;
        self.giver == other.giver
            && same(&self.account, &other.account)
            && same(&self.host, &other.host)
            && same(&self.peer, &other.peer)
    }
}

/// One record that says that an address was given, is held still, or was given back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Assignment {
    /// When. First, so that the earliest are kept.
    pub at: Instant,
    /// The address, in its one spelling.
    pub address: Box<str>,
    /// Whether it was given back.
    pub ends: bool,
    /// Whose it is, or was.
    pub holder: Holder,
    /// Where the record stands.
    pub place: Place,
    /// SHA-256 of its bytes.
    pub sha256: RecordDigest,
}

/// Assignments kept of one source; above it the earliest stay.
pub const ASSIGNMENTS_KEPT: usize = 100_000;

/// The assignments of one source. Joins by union, and keeps the smallest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Assigned {
    /// The kept ones.
    pub kept: BTreeSet<Assignment>,
    /// Records of those above [`ASSIGNMENTS_KEPT`].
    #[serde(default)]
    pub rest: u64,
}

impl Assigned {
    /// Whether no record gave an address.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.rest == 0
    }

    /// Adds what a record says.
    pub fn add(&mut self, assignment: Assignment) {
        self.kept.insert(assignment);
        self.cut();
    }

    /// Joins another part of the source. Commutes: what is among the first of all is among the first of each part.
    pub fn join(&mut self, other: Self) {
        self.rest = self.rest.saturating_add(other.rest);
        self.kept.extend(other.kept);
        self.cut();
    }

    fn cut(&mut self) {
        while self.kept.len() > ASSIGNMENTS_KEPT {
            self.kept.pop_last();
            self.rest = self.rest.saturating_add(1);
        }
    }
}

/// A join that a transfer rests on: by whom an address was held.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Joined {
    /// What was joined.
    pub kind: Giver,
    /// The address that was held.
    pub address: String,
    /// The account that held it; empty where the log does not say.
    pub account: String,
    /// The host that held it, as it names itself; empty where the log does not say.
    pub host: String,
    /// The address from which it was held; empty where the log does not say.
    pub peer: String,
    /// Whether it was this holder's and nobody else's all the time.
    pub sure: bool,
    /// The record that gave it.
    pub by: Stands,
    /// Why it is joined, for people.
    pub reason: String,
}

/// Where a record stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stands {
    /// The log.
    pub source: super::place::Locator,
    /// Byte offset in it.
    pub offset: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Assignment {
        let holder = Holder { giver: Giver::Dhcp, account: "".into(), host: "pc".into(), peer: "".into() };
        let place =
            Place { offset: secs as u64, length: 1, line: None, record: None, event_record_id: None, in_doubt: false };
        let address = "10.0.0.1".into();
        Assignment {
            at: Instant::from_secs(secs).unwrap(),
            address,
            ends: false,
            holder,
            place,
            sha256: RecordDigest([0; 32]),
        }
    }

    #[test]
    fn the_earliest_stay_in_any_order_and_the_rest_is_counted() {
        let most = ASSIGNMENTS_KEPT as i64 + 7;
        let of = |all: &mut dyn Iterator<Item = i64>| {
            let mut assigned = Assigned::default();
            all.for_each(|secs| assigned.add(at(secs)));
            assigned
        };
        let (forward, mut odd) = (of(&mut (0..most)), of(&mut (0..most).rev().filter(|secs| secs % 2 == 1)));
        odd.join(of(&mut (0..most).filter(|secs| secs % 2 == 0)));
        assert_eq!((&forward, forward.rest, forward.kept.len()), (&odd, 7, ASSIGNMENTS_KEPT));
        assert_eq!(forward.kept.last(), Some(&at(ASSIGNMENTS_KEPT as i64 - 1)));
    }
}

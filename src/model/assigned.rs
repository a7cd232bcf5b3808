//! Addresses that were given to somebody for a time: by a VPN gateway, by a DHCP server, by a firewall that translates them.

use serde::{Deserialize, Serialize};

use super::earliest::Earliest;
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
    /// Address of the network card that holds a lease, as hexadecimal digits.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub card: Box<str>,
}

impl Holder {
    /// Whether two records can speak of one holder: what both of them say is the same.
    pub fn fits(&self, other: &Self) -> bool {
        let same = |a: &str, b: &str| a.is_empty() || b.is_empty() || a == b;
        // A host has several cards.
        let is_named = !self.host.is_empty() && self.host == other.host;
        self.giver == other.giver
            && (is_named || same(&self.card, &other.card))
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

/// The assignments of one source.
pub type Assigned = Earliest<Assignment, ASSIGNMENTS_KEPT>;

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

impl Joined {
    /// Whether a VPN gateway or a DHCP server says to whom it gave the address: by an account, a host or where it was held from.
    pub fn is_lent(&self) -> bool {
        let says_who = || [&self.account, &self.host, &self.peer].into_iter().any(|text| !text.is_empty());
        matches!(self.kind, Giver::Vpn | Giver::Dhcp) && says_who()
    }
}

/// Where a record stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stands {
    /// The log.
    pub source: super::place::Locator,
    /// Byte offset in it.
    pub offset: u64,
}

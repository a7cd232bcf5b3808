//! What the names of a format mean: a table, looked up for every field of every record.

use std::sync::LazyLock;

use super::remembered::Id;
use crate::model::fields::Canon;
use crate::model::lasted::{Side, Unit};

/// What a named value is to the canonical fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// This canonical field, as written.
    Is(Canon),
    /// An address that may carry a port or brackets; left out where it is no address.
    Addr(Canon),
    /// Who is at the other end, as a tool for people shows it: `NAME (address)`, or one of the two.
    Peer,
    /// Who connected, where a text holds a descriptor of Oracle Net (`(HOST=address)(PORT=port)`).
    Descriptor,
    /// `DOMAIN\name`, `name@domain` or a bare name: `user.name` and, where there is one, `user.domain`.
    User,
    /// An AWS principal: the last segment of its ARN is the name.
    Arn,
    /// What was done; its words also tell the outcome (`deny`, `blocked`, `accept`).
    Action,
    /// `success`, `failure` and their synonyms.
    Outcome,
    /// A message of syslog, which is read as one of its program once the others are in.
    Said,
    /// A record of another log, as text or as an object, which is read as such once the others are in.
    Line,
    /// A JSON object that carries a line under a name that collectors give it, and may be a record of a product as a whole: both are
    /// read once the others are in.
    Holder,
    /// Names with their values in one text (`name: value ¦ name: value`), which the format takes apart.
    Listed,
    /// One of several counts of bytes that are known together only: which way they went, the log does not say.
    Together,
    /// What one of several conversations is told by.
    Part,
    /// What one of several objects is told by.
    Object,
    /// Whether all objects of a place were taken together: where the value is this word.
    Whole(&'static str),
    /// What the next value is of, where values stand beside their names ([`Role::Whole`]).
    Property,
    /// The name of a pair in a list of such; its value stands beside it.
    PairName,
    /// The value of a pair: what the pair's name means under the name of the list (`parameters.owner`).
    PairValue,
    /// That packets were sampled: a number that says so from this one on.
    Sampled(u8),
    /// Which kind of access a record is about, in the words of CloudTrail.
    Access,
    /// Whether what was asked for is given in plain text: `true`.
    Decrypted,
    /// The name of what was asked for, which may be what AWS gives to anybody.
    Public,
    /// For whom a proxy asked, as a list of addresses: the client of a request where one of our own asked.
    Forwarded,
    /// A URL: whole, or path and query only.
    Url,
    /// A JSON object of the same dialect, as a string or as it is.
    Embedded,
    /// This canonical field in a record of HTTP, which has a method; nothing elsewhere.
    Http(Canon),
    /// This canonical field in a record about a flow, or in one that does not say what it is about; nothing elsewhere.
    Flow(Canon),
    /// The first line of an HTTP request: method, target and version.
    Request,
    /// A name that only one kind of record has, whatever its value: the dataset where no field states one. The last such
    /// name counts.
    Kind(&'static str),
    /// Which packets a sensor saw of a connection, as letters: those of the originator are capitals.
    History,
    /// `/account/container/object` of an object store: the first two are the container, the rest the object.
    Shelved,
    /// Bytes of the packets that carried this canonical count of bytes.
    Packets(Canon),
    /// Bytes of a connection that a sensor knows it did not see.
    Missed,
    /// The number of the process that wrote a message ([`Role::Said`]).
    Process,
    /// How long it took, and on which side of the time of the record.
    Took(Unit, Side),
    /// A date, whose time of day may stand in another field; or all of a time.
    Date,
    /// That time of day; or all of a time.
    Clock,
    /// The zone of the two.
    Zone,
    /// What wrote the record, which says by which end of what it tells of a record is dated.
    Module,
    /// A key by which a request was let in: the account, where nothing names one.
    Key,
    /// When that began of which the record tells, which is its time where it has no other.
    Begun,
    /// When it ended, likewise.
    Ended,
    /// The time of the record; the lowest number wins where there are several.
    Time(u8),
}

/// A table of roles by name. A lookup costs one hash of a few bytes; names without a role are hardly ever compared.
#[derive(Debug)]
pub struct Roles {
    entries: Vec<(&'static str, Role)>,
    /// One more than the index in `entries`, by hash, with its hash; 0 for none. At most half of it is in use.
    slots: Vec<(u32, u16)>,
    /// Tells this table from others.
    pub id: Id,
}

/// Longer names have no role.
const LONGEST: usize = 80;

/// A table built when it is first used.
pub type Table = LazyLock<Roles>;

impl Roles {
    /// Builds a table; of two entries of one name the first counts.
    pub fn new(parts: &[&[(&'static str, Role)]]) -> Self {
        let entries: Vec<(&'static str, Role)> = parts.iter().flat_map(|p| p.iter().copied()).collect();
        let mut slots = vec![(0, 0); (2 * entries.len()).next_power_of_two().max(2)];
        for (number, (name, _)) in (1u16..).zip(&entries) {
            assert!(name.len() <= LONGEST, "tables are written by hand: {name} is too long");
            let hash = hash(name.as_bytes());
            let mut at = hash as usize & (slots.len() - 1);
            while slots[at].1 != 0 {
                at = (at + 1) & (slots.len() - 1);
            }
            slots[at] = (hash, number);
        }
        Self { entries, slots, id: Id::new() }
    }

    /// The role of a name, compared byte for byte.
    #[inline]
    pub fn get(&self, name: &[u8]) -> Option<Role> {
        let hash = hash(name);
        let mut at = hash as usize & (self.slots.len() - 1);
        loop {
            let (known, number) = self.slots[at];
            if number == 0 {
                return None;
            }
            if known == hash {
                let (entry, role) = self.entries[usize::from(number) - 1];
                if entry.as_bytes() == name {
                    return Some(role);
                }
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    /// The role of a column name: without regard to case, blanks, `_` and `-`.
    pub fn get_loose(&self, name: &[u8]) -> Option<Role> {
        let mut folded = [0; LONGEST];
        let mut length = 0;
        for b in name.iter().filter(|b| !matches!(b, b' ' | b'_' | b'-')) {
            *folded.get_mut(length)? = b.to_ascii_lowercase();
            length += 1;
        }
        self.get(&folded[..length])
    }

    /// The canonical fields that the table can give, sorted.
    pub fn canons(&self) -> Vec<Canon> {
        let mut out: Vec<Canon> = self.entries.iter().flat_map(|e| e.1.canons()).copied().collect();
        out.sort();
        out.dedup();
        out
    }
}

/// A hash of a name: of its length, its first eight bytes and its last eight.
#[inline]
fn hash(name: &[u8]) -> u32 {
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    let (head, tail) = match (name.first_chunk(), name.last_chunk()) {
        (Some(head), Some(tail)) => (word(head), word(tail)),
        _ => (name.iter().fold(0, |all, &byte| all << 8 | u64::from(byte)), 0),
    };
    let mixed = (head ^ tail.rotate_left(23) ^ name.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as u32
}

/// Canonical names that no field has but for the meaning of its own name.
const OF_ROLES_ALONE: [Canon; 10] = [
    Canon::SourceIp,
    Canon::DestinationIp,
    Canon::UserName,
    Canon::DnsQuestion,
    Canon::NetworkTransport,
    Canon::ProcessExecutable,
    Canon::ProcessCommandLine,
    Canon::ParentExecutable,
    Canon::FilePath,
    Canon::FileHash,
];

/// Whether a field of a record may have a canonical name, by the meanings of the names of its values; false is certain.
pub fn may_give(canon: Canon, mut roles: impl Iterator<Item = Option<Role>>) -> bool {
    !OF_ROLES_ALONE.contains(&canon) || roles.any(|role| role.is_some_and(|role| role.canons().contains(&canon)))
}

impl Role {
    fn canons(&self) -> &[Canon] {
        match self {
            Self::Is(canon) | Self::Addr(canon) | Self::Http(canon) | Self::Flow(canon) => std::slice::from_ref(canon),
            Self::Process => &[Canon::SessionId],
            Self::Took(..) => &[Canon::EventDuration],
            Self::Shelved => &[Canon::Container, Canon::ObjectKey],
            Self::Request => &[Canon::HttpMethod, Canon::UrlFull, Canon::UrlOriginal, Canon::UrlPath, Canon::UrlQuery],
            Self::User => &[Canon::UserName, Canon::UserDomain],
            Self::Key => &[Canon::UserName],
            Self::Arn => &[Canon::UserName],
            Self::Action => &[Canon::EventAction, Canon::EventOutcome],
            Self::Outcome => &[Canon::EventOutcome],
            Self::Url => &[Canon::UrlFull, Canon::UrlOriginal, Canon::UrlDomain, Canon::UrlPath, Canon::UrlQuery],
            Self::Kind(_) => &[Canon::EventDataset],
            Self::Said | Self::Line | Self::Holder | Self::Listed => &[Canon::Message],
            Self::Descriptor => &[Canon::SourceIp, Canon::SourcePort],
            Self::Peer => &[Canon::SourceIp, Canon::SourcePort, Canon::SourceDomain],
            Self::Together => &[Canon::NetworkBytes],
            Self::Time(_)
            | Self::Module
            | Self::Begun
            | Self::Ended
            | Self::Embedded
            | Self::History
            | Self::Packets(_) => &[],
            Self::Missed | Self::Part | Self::Date | Self::Clock | Self::Zone | Self::Object => &[],
            Self::PairName | Self::PairValue => &[],
            Self::Whole(_) | Self::Property | Self::Access | Self::Decrypted | Self::Public | Self::Sampled(_) => &[],
            Self::Forwarded => &[Canon::SourceIp],
        }
    }
}

/// `success` or `failure` for a word that says so.
pub fn outcome(word: &[u8]) -> Option<&'static [u8]> {
    let word = word.trim_ascii();
    let among = |words: &[&str]| words.iter().any(|w| w.as_bytes().eq_ignore_ascii_case(word));
    match () {
        () if among(SUCCESS) => Some(b"success"),
        () if among(FAILURE) => Some(b"failure"),
        () => None,
    }
}

/// Words for what succeeded, in lower case.
const SUCCESS: &[&str] = &[
    "success",
    "succeeded",
    "successful",
    "ok",
    "yes",
    "true",
    "accept",
    "accepted",
    "allow",
    "allowed",
    "permit",
    "permitted",
    "pass",
    "passed",
    "passthrough",
    "close",
    "client-rst",
    "server-rst",
    "timeout",
    "start",
    "built",
    "granted",
    "monitored",
    "partiallysucceeded",
    "0",
    "pass-through",
    "open",
    "tunnel-up",
    "tunnel-down",
    "tunnel-stats",
    "audit success",
    "audit_success",
    "0x8020000000000000",
    "-9214364837600034816",
];

/// Words for what failed or was refused.
const FAILURE: &[&str] = &[
    "failure",
    "failed",
    "fail",
    "no",
    "false",
    "deny",
    "denied",
    "block",
    "blocked",
    "drop",
    "dropped",
    "reject",
    "rejected",
    "discard",
    "reset-both",
    "reset-client",
    "reset-server",
    "dropped_packet",
    "tcp_denied",
    "ip-conn",
    "ssl-login-fail",
    "error",
    "audit failure",
    "audit_failure",
    "0x8010000000000000",
    "-9218868437227405312",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_by_their_bytes_and_the_first_entry_counts() {
        let roles = Roles::new(&[&[
            ("a", Role::User),
            ("srcip", Role::Addr(Canon::SourceIp)),
            ("b", Role::Arn),
            ("b", Role::User),
        ]]);
        assert_eq!(roles.get(b"srcip"), Some(Role::Addr(Canon::SourceIp)));
        assert_eq!(roles.get(b"b"), Some(Role::Arn));
        assert_eq!(roles.get(b"c"), None);
        assert_eq!(roles.get_loose(b"SRC_ip"), Some(Role::Addr(Canon::SourceIp)));
        assert_eq!(roles.get(&[b'x'; 500]), None);
        assert_eq!(roles.get_loose(&[b'x'; 500]), None);
    }
}

//! Direction-free observations: who spoke with whom, how many bytes each way, when. Direction, scopes and joins come
//! after the merge.

use serde::{Deserialize, Serialize};

use super::assigned::Assigned;
use super::calls::Calls;
use super::conversations::Conversations;
use super::logons::Logons;
use super::loose::Loose;
use super::names::Names;
use super::naming::Naming;
use super::place::{Place, RecordDigest};
use super::rule::Outcome;
use super::sessions::Sessions;
use super::time::{Instant, Span};

/// How much is kept of one source: a conversation weighs [`CONVERSATION_WEIGHT`], each of its hours 1, each of its names
/// [`NAME_WEIGHT`]. Above it the smallest keys stay exact and the rest is summed.
pub const WEIGHT_KEPT: usize = 4_000_000;
/// What a conversation weighs, without its hours.
pub const CONVERSATION_WEIGHT: usize = 4;
/// What a name weighs that was asked for.
pub const NAME_WEIGHT: usize = 2;
/// Records cited per conversation: those that moved the most bytes.
pub const CITED: usize = 4;

/// What stands before the name of a mailbox of which whole folders were taken.
pub const WHOLE_FOLDERS: &str = "whole folders of ";

/// What kind of record saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// A web server's access log: the destination is the organisation's server.
    Web,
    /// A forward proxy's log: the destination is what was asked for.
    Proxy,
    /// Flow or connection records.
    Flow,
    /// A firewall's traffic log.
    Firewall,
    /// DNS queries.
    Dns,
    /// Object store or SaaS audit: the source is the session's address.
    Cloud,
    /// Mail.
    Mail,
    /// Transfers of files, by the log of a client's tool, or one that does not say which side wrote it.
    FileTransfer,
    /// Transfers of files, by the log of the server that gave or took them, which is the organisation's but where its own public address asked
    /// one that nobody claims.
    FileServer,
}

impl Seen {
    /// All kinds, in declaration order.
    pub const ALL: [Self; Self::FileServer as usize + 1] = [
        Self::Web,
        Self::Proxy,
        Self::Flow,
        Self::Firewall,
        Self::Dns,
        Self::Cloud,
        Self::Mail,
        Self::FileTransfer,
        Self::FileServer,
    ];

    /// Whether it tells of transfers of files, whichever side wrote it.
    pub fn is_of_files(self) -> bool {
        matches!(self, Self::FileTransfer | Self::FileServer)
    }
}

/// What one observation is about. Empty strings stand for "the record does not say".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObservationKey<T = Box<str>> {
    /// What kind of record saw it.
    pub seen: Seen,
    /// Who opened the conversation: address, else name.
    pub client: T,
    /// The other side: address, else name.
    pub server: T,
    /// Name of the other side, virtual host, bucket.
    pub name: T,
    /// Account.
    pub account: T,
    /// The host that wrote the record.
    pub host: T,
    /// Destination port, or 0.
    pub port: u16,
    /// Whether the method or action sends data (POST, PUT, PutObject) rather than asks for it.
    pub sends: bool,
    /// What the response side says.
    pub outcome: Outcome,
    /// Address to which a firewall translated the client's. Last, so that what it did to one conversation lies side by side.
    #[serde(default)]
    pub nat: T,
}

/// A key that is read where it lies.
pub type Key<'k> = ObservationKey<&'k str>;

impl ObservationKey {
    /// The same, to read.
    pub fn as_key(&self) -> Key<'_> {
        self.map(|text| &**text)
    }
}

impl Key<'_> {
    /// A digest by which one conversation of a source is found among all.
    pub fn digest(&self) -> u64 {
        let mut hash = blake3::Hasher::new();
        for text in [self.client, self.server, self.name, self.account, self.host] {
            hash.update(text.as_bytes());
            hash.update(&[0]);
        }
        let [low, high] = self.port.to_le_bytes();
        hash.update(&[low, high, self.seen as u8, u8::from(self.sends), self.outcome as u8]);
        let mut first = [0; 8];
        hash.finalize_xof().fill(&mut first);
        u64::from_le_bytes(first)
    }

    /// The same with texts of its own.
    pub fn to_owned(&self) -> ObservationKey {
        self.map(|text| (*text).into())
    }

    /// The same without the address that a firewall made of the client's.
    #[must_use]
    pub fn untranslated(self) -> Self {
        Self { nat: "", ..self }
    }
}

impl<T> ObservationKey<T> {
    fn map<'k, U>(&'k self, text: impl Fn(&'k T) -> U) -> ObservationKey<U> {
        let Self { seen, client, server, name, account, host, port, sends, outcome, nat } = self;
        ObservationKey {
            seen: *seen,
            client: text(client),
            server: text(server),
            name: text(name),
            account: text(account),
            host: text(host),
            port: *port,
            sends: *sends,
            outcome: *outcome,
            nat: text(nat),
        }
    }
}

/// Records and bytes. Sums saturate, so that they stay associative whatever a log claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "[u64; 7]", into = "[u64; 7]")]
pub struct Sum {
    /// Records.
    pub records: u64,
    /// Bytes from client to server, as far as logged; of DNS, the bytes of the names asked for.
    pub up: u64,
    /// Records that do not log bytes from client to server.
    pub up_unlogged: u64,
    /// Bytes from server to client, as far as logged.
    pub down: u64,
    /// Records that do not log bytes from server to client.
    pub down_unlogged: u64,
    /// Bytes of both ways together, of records that do not tell the ways apart.
    pub joint: u64,
    /// Those records.
    pub joint_records: u64,
}

impl Sum {
    /// One record.
    pub fn of_record(up: Option<u64>, down: Option<u64>) -> Self {
        Self::of_records(1, up, down)
    }

    /// So many that one record stands for.
    pub fn of_records(records: u64, up: Option<u64>, down: Option<u64>) -> Self {
        let unlogged = |bytes: Option<u64>| if bytes.is_none() { records } else { 0 };
        Self {
            records,
            up: up.unwrap_or(0),
            up_unlogged: unlogged(up),
            down: down.unwrap_or(0),
            down_unlogged: unlogged(down),
            ..Self::default()
        }
    }

    /// The same of sampled packets: there may have been more either way.
    #[must_use]
    pub fn sampled(self) -> Self {
        Self { up_unlogged: self.records, down_unlogged: self.records, ..self }
    }

    /// One record that says how much moved both ways together.
    pub fn of_joint(bytes: u64) -> Self {
        Self { records: 1, joint: bytes, joint_records: 1, ..Self::default() }
    }

    /// Adds another sum.
    pub fn add(&mut self, other: &Self) {
        self.records = self.records.saturating_add(other.records);
        self.up = self.up.saturating_add(other.up);
        self.up_unlogged = self.up_unlogged.saturating_add(other.up_unlogged);
        self.down = self.down.saturating_add(other.down);
        self.down_unlogged = self.down_unlogged.saturating_add(other.down_unlogged);
        self.joint = self.joint.saturating_add(other.joint);
        self.joint_records = self.joint_records.saturating_add(other.joint_records);
    }
}

impl From<[u64; 7]> for Sum {
    fn from([records, up, up_unlogged, down, down_unlogged, joint, joint_records]: [u64; 7]) -> Self {
        Self { records, up, up_unlogged, down, down_unlogged, joint, joint_records }
    }
}

impl From<Sum> for [u64; 7] {
    fn from(sum: Sum) -> Self {
        let Sum { records, up, up_unlogged, down, down_unlogged, joint, joint_records } = sum;
        [records, up, up_unlogged, down, down_unlogged, joint, joint_records]
    }
}

/// A record cited for a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cited {
    /// The most bytes that it moved one way.
    pub bytes: u64,
    /// Whether that way is from client to server.
    pub up: bool,
    /// From when to when, as of an [`Hour`].
    pub span: Option<Span>,
    /// Where it stands.
    pub place: Place,
    /// SHA-256 of its bytes.
    pub sha256: RecordDigest,
}

impl Cited {
    /// When it was over.
    pub fn at(&self) -> Option<Instant> {
        self.span.map(|span| span.last)
    }

    /// What the cited are sorted by: the most bytes first, then by offset.
    pub fn rank(&self) -> (std::cmp::Reverse<u64>, Place) {
        (std::cmp::Reverse(self.bytes), self.place)
    }
}

/// What was seen of a conversation in one hour, from one hour to another by records that tell of so long, or without a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hour {
    /// First and last time: all records began in the hour of the first, and were over in that of the last. `None` for the
    /// records without a time.
    pub span: Option<Span>,
    /// Records and bytes.
    pub sum: Sum,
}

impl Hour {
    /// Hours since the epoch in which it was over.
    pub fn hour(&self) -> Option<i64> {
        self.span.map(|span| span.last.hour())
    }

    /// What hours are told apart and sorted by: when they were over, then when they began.
    pub fn order(&self) -> Option<(i64, i64)> {
        self.span.map(|span| (span.last.hour(), span.first.hour()))
    }

    /// Whether its records tell of more than one hour, so that it is not known when in them that moved which they count.
    pub fn lasts(&self) -> bool {
        self.span.is_some_and(|span| span.first.hour() != span.last.hour())
    }
}

/// What was seen of one conversation. All of it merges by sum, minimum, maximum or bottom-k.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observed {
    /// Its hours, sorted; the records without a time come first.
    pub hours: Vec<Hour>,
    /// The first [`CITED`] records by [`Cited::rank`], sorted by it.
    pub cited: Vec<Cited>,
    /// Of DNS, the names asked for that may be those of a tunnel.
    pub names: Names,
}

/// What a conversation weighs with so many hours and names.
pub fn weight(hours: usize, names: usize) -> usize {
    CONVERSATION_WEIGHT + hours + NAME_WEIGHT * names
}

impl Observed {
    /// What it weighs, with its conversation.
    pub fn weight(&self) -> usize {
        weight(self.hours.len(), self.names.kept().len())
    }

    /// Adds to one hour. True if the hour is new.
    pub fn add(&mut self, more: &Hour) -> bool {
        let order = more.order();
        // Logs run forward in time: it is the last hour nearly always.
        let at = match self.hours.last().map(Hour::order) {
            Some(last) if last == order => self.hours.len() - 1,
            Some(last) if last > order => self.hours.partition_point(|known| known.order() < order),
            _ => self.hours.len(),
        };
        match self.hours.get_mut(at) {
            Some(known) if known.order() == order => {
                known.span = Span::join_opt(known.span, more.span);
                known.sum.add(&more.sum);
                false
            }
            _ => {
                self.hours.reserve_exact(usize::from(self.hours.is_empty()));
                self.hours.insert(at, *more);
                true
            }
        }
    }

    /// Cites a record, in place of the last one where there are enough.
    pub fn cite(&mut self, record: Cited) {
        let at = self.cited.partition_point(|known| known.rank() < record.rank());
        if self.cited.get(at) != Some(&record) {
            self.cited.reserve_exact(1);
            self.cited.insert(at, record);
            self.cited.truncate(CITED);
        }
    }

    /// Joins another account of the same conversation.
    pub fn join(&mut self, other: Self) {
        for hour in &other.hours {
            self.add(hour);
        }
        other.cited.into_iter().for_each(|record| self.cite(record));
        self.names.join(&other.names);
    }
}

/// Observations of one source.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Observations {
    /// The kept ones.
    pub kept: Conversations,
    /// The sum of those above the cap.
    pub rest: Sum,
    /// First and last time of those above the cap.
    pub rest_span: Option<Span>,
    /// Addresses that were given to somebody.
    #[serde(default, skip_serializing_if = "Assigned::is_empty")]
    pub assigned: Assigned,
    /// Accounts that logged on from elsewhere.
    #[serde(default, skip_serializing_if = "Logons::is_empty")]
    pub logons: Logons,
    /// Sessions that are told of while they last.
    #[serde(default, skip_serializing_if = "Sessions::is_empty")]
    pub sessions: Sessions,
    /// Calls that have a number and state no bytes.
    #[serde(default, skip_serializing_if = "Calls::is_empty")]
    pub calls: Calls,
    /// Halves of records whose other half another file of the log may have.
    #[serde(default, skip_serializing_if = "Loose::is_empty")]
    pub loose: Loose,
    /// Names of addresses, by records that tell of no bytes.
    #[serde(default, skip_serializing_if = "Naming::is_empty")]
    pub naming: Naming,
}

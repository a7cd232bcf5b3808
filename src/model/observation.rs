//! Direction-free observations: who spoke with whom, how many bytes each way, when. Direction, scopes and joins come
//! after the merge.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::place::Place;
use super::rule::Outcome;
use super::time::Span;

/// Distinct observations kept per source; above it the smallest keys stay exact and the rest is summed.
pub const OBSERVATIONS_KEPT: usize = 200_000;
/// Records cited per observation (lowest offsets).
pub const CITED: usize = 4;

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
    /// File transfer logs.
    FileTransfer,
}

/// What one observation is about. Empty strings stand for "the record does not say".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObservationKey {
    /// What kind of record saw it.
    pub seen: Seen,
    /// Who opened the conversation: address, else name.
    pub client: Box<str>,
    /// The other side: address, else name.
    pub server: Box<str>,
    /// Name of the other side, virtual host, bucket.
    pub name: Box<str>,
    /// Account.
    pub account: Box<str>,
    /// The host that wrote the record.
    pub host: Box<str>,
    /// Destination port, or 0.
    pub port: u16,
    /// Whether the method or action sends data (POST, PUT, PutObject) rather than asks for it.
    pub sends: bool,
    /// What the response side says.
    pub outcome: Outcome,
    /// Hour since the epoch in which the record lies; `None` without a time.
    pub hour: Option<i64>,
}

/// What was seen. All fields merge by sum, minimum, maximum or bottom-k.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Observed {
    /// Records.
    pub records: u64,
    /// Bytes from client to server, as far as logged.
    pub up: u64,
    /// Records that do not log bytes from client to server.
    pub up_unlogged: u64,
    /// Bytes from server to client, as far as logged.
    pub down: u64,
    /// Records that do not log bytes from server to client.
    pub down_unlogged: u64,
    /// The largest single `down`.
    pub max_down: u64,
    /// The largest single `up`.
    pub max_up: u64,
    /// First and last time.
    pub span: Option<Span>,
    /// The records with the lowest offsets, sorted.
    pub cited: Vec<(Place, Box<str>)>,
}

impl Observed {
    /// Joins another account of the same key.
    pub fn join(&mut self, other: Self) {
        self.records += other.records;
        self.up += other.up;
        self.up_unlogged += other.up_unlogged;
        self.down += other.down;
        self.down_unlogged += other.down_unlogged;
        self.max_down = self.max_down.max(other.max_down);
        self.max_up = self.max_up.max(other.max_up);
        self.span = Span::join_opt(self.span, other.span);
        self.cited.extend(other.cited);
        self.cited.sort();
        self.cited.dedup();
        self.cited.truncate(CITED);
    }
}

/// Observations of one source.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Observations {
    /// The kept ones.
    #[serde(with = "super::partial::pairs")]
    pub kept: BTreeMap<ObservationKey, Observed>,
    /// The sum of those above the cap.
    pub rest: Observed,
    /// How many records went into `rest`.
    pub rest_records: u64,
}

impl Observations {
    /// Joins one observation. The smallest [`OBSERVATIONS_KEPT`] keys stay exact whatever the order of arrival: a key
    /// that is pushed out once had enough smaller keys before it, and they never leave.
    pub fn add(&mut self, key: ObservationKey, seen: Observed) {
        if let Some(known) = self.kept.get_mut(&key) {
            known.join(seen);
            return;
        }
        self.kept.insert(key, seen);
        if self.kept.len() > OBSERVATIONS_KEPT
            && let Some((_, out)) = self.kept.pop_last()
        {
            self.rest_records += out.records;
            self.rest.join(out);
        }
    }

    /// Joins the observations of another part of the same source.
    pub fn join(&mut self, other: Self) {
        for (key, seen) in other.kept {
            self.add(key, seen);
        }
        self.rest.join(other.rest);
        self.rest_records += other.rest_records;
    }
}

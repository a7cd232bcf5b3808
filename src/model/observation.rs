//! Direction-free observations: who spoke with whom, how many bytes each way, when. Direction, scopes and joins come
//! after the merge.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::place::{Place, RecordDigest};
use super::rule::Outcome;
use super::time::{Instant, Span};

/// How much is kept of one source: a conversation weighs [`CONVERSATION_WEIGHT`], each of its hours 1. Above it the
/// smallest keys stay exact and the rest is summed.
pub const WEIGHT_KEPT: usize = 4_000_000;
/// What a conversation weighs, without its hours.
pub const CONVERSATION_WEIGHT: usize = 4;
/// Records cited per conversation: those that moved the most bytes.
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

impl Seen {
    /// All kinds, in declaration order.
    pub const ALL: [Self; Self::FileTransfer as usize + 1] =
        [Self::Web, Self::Proxy, Self::Flow, Self::Firewall, Self::Dns, Self::Cloud, Self::Mail, Self::FileTransfer];
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
}

/// Records and bytes. Sums saturate, so that they stay associative whatever a log claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "[u64; 5]", into = "[u64; 5]")]
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
}

impl Sum {
    /// One record.
    pub fn of_record(up: Option<u64>, down: Option<u64>) -> Self {
        Self {
            records: 1,
            up: up.unwrap_or(0),
            up_unlogged: u64::from(up.is_none()),
            down: down.unwrap_or(0),
            down_unlogged: u64::from(down.is_none()),
        }
    }

    /// Adds another sum.
    pub fn add(&mut self, other: &Self) {
        self.records = self.records.saturating_add(other.records);
        self.up = self.up.saturating_add(other.up);
        self.up_unlogged = self.up_unlogged.saturating_add(other.up_unlogged);
        self.down = self.down.saturating_add(other.down);
        self.down_unlogged = self.down_unlogged.saturating_add(other.down_unlogged);
    }
}

impl From<[u64; 5]> for Sum {
    fn from([records, up, up_unlogged, down, down_unlogged]: [u64; 5]) -> Self {
        Self { records, up, up_unlogged, down, down_unlogged }
    }
}

impl From<Sum> for [u64; 5] {
    fn from(sum: Sum) -> Self {
        [sum.records, sum.up, sum.up_unlogged, sum.down, sum.down_unlogged]
    }
}

/// A record cited for a conversation. A tuple in JSON: bytes, way, microseconds since the
/// epoch, place, digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "CitedParts", into = "CitedParts")]
pub struct Cited {
    /// The most bytes that it moved one way.
    pub bytes: u64,
    /// Whether that way is from client to server.
    pub up: bool,
    /// When.
    pub at: Option<Instant>,
    /// Where it stands.
    pub place: Place,
    /// SHA-256 of its bytes.
    pub sha256: RecordDigest,
}

impl Cited {
    /// What the cited are sorted by: the most bytes first, then by offset.
    pub fn rank(&self) -> (std::cmp::Reverse<u64>, Place) {
        (std::cmp::Reverse(self.bytes), self.place)
    }
}

type CitedParts = (u64, bool, Option<i64>, PlaceParts, RecordDigest);
type PlaceParts = (u64, u64, Option<u64>, Option<u64>, Option<u64>);

impl TryFrom<CitedParts> for Cited {
    type Error = &'static str;

    fn try_from((bytes, up, at, place, sha256): CitedParts) -> Result<Self, Self::Error> {
        let (offset, length, line, record, event_record_id) = place;
        let at = at.map(instant).transpose()?;
        Ok(Self { bytes, up, at, place: Place { offset, length, line, record, event_record_id }, sha256 })
    }
}

/// The instant so many microseconds after the epoch.
fn instant(micros: i64) -> Result<Instant, &'static str> {
    Instant::from_micros(micros).ok_or("no instant is so far from the epoch")
}

impl From<Cited> for CitedParts {
    fn from(cited: Cited) -> Self {
        let Place { offset, length, line, record, event_record_id } = cited.place;
        let place = (offset, length, line, record, event_record_id);
        (cited.bytes, cited.up, cited.at.map(Instant::micros), place, cited.sha256)
    }
}

/// What was seen of a conversation in one hour, or without a time. A tuple in JSON: first and last time in microseconds
/// since the epoch, sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "HourParts", into = "HourParts")]
pub struct Hour {
    /// First and last time; both lie in the hour. `None` for the records without a time.
    pub span: Option<Span>,
    /// Records and bytes.
    pub sum: Sum,
}

type HourParts = (Option<[i64; 2]>, Sum);

impl TryFrom<HourParts> for Hour {
    type Error = &'static str;

    fn try_from((span, sum): HourParts) -> Result<Self, Self::Error> {
        let span = match span {
            Some([first, last]) => Some(Span { first: instant(first)?, last: instant(last)? }),
            None => None,
        };
        Ok(Self { span, sum })
    }
}

impl From<Hour> for HourParts {
    fn from(hour: Hour) -> Self {
        (hour.span.map(|span| [span.first.micros(), span.last.micros()]), hour.sum)
    }
}

impl Hour {
    /// Hours since the epoch.
    pub fn hour(&self) -> Option<i64> {
        self.span.map(|span| span.first.hour())
    }
}

/// What was seen of one conversation. All of it merges by sum, minimum, maximum or bottom-k.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Observed {
    /// Its hours, sorted; the records without a time come first.
    pub hours: Vec<Hour>,
    /// The first [`CITED`] records by [`Cited::rank`], sorted by it.
    pub cited: Vec<Cited>,
}

impl Observed {
    /// The sum over all hours.
    pub fn sum(&self) -> Sum {
        self.hours.iter().fold(Sum::default(), |mut all, hour| {
            all.add(&hour.sum);
            all
        })
    }

    /// First and last time.
    pub fn span(&self) -> Option<Span> {
        self.hours.iter().fold(None, |span, hour| Span::join_opt(span, hour.span))
    }

    /// Adds to one hour. True if the hour is new.
    pub fn add(&mut self, more: &Hour) -> bool {
        let hour = more.hour();
        // Logs run forward in time: it is the last hour nearly always.
        let at = match self.hours.last().map(Hour::hour) {
            Some(last) if last == hour => self.hours.len() - 1,
            Some(last) if last > hour => self.hours.partition_point(|known| known.hour() < hour),
            _ => self.hours.len(),
        };
        match self.hours.get_mut(at) {
            Some(known) if known.hour() == hour => {
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

    /// Whether a record of this rank would be among the cited.
    pub fn cites(&self, bytes: u64, place: Place) -> bool {
        let rank = (std::cmp::Reverse(bytes), place);
        self.cited.len() < CITED || self.cited.last().is_some_and(|last| rank < last.rank())
    }

    /// Cites a record, in place of the last one where there are enough.
    pub fn cite(&mut self, record: Cited) {
        let at = self.cited.partition_point(|known| known.rank() < record.rank());
        if self.cited.get(at) != Some(&record) {
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
    }

    /// What it weighs against [`WEIGHT_KEPT`].
    pub fn weight(&self) -> usize {
        CONVERSATION_WEIGHT + self.hours.len()
    }
}

/// Observations of one source.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Observations {
    /// The kept ones.
    #[serde(with = "super::partial::pairs")]
    pub kept: BTreeMap<ObservationKey, Observed>,
    /// The sum of those above the cap.
    pub rest: Sum,
    /// First and last time of those above the cap.
    pub rest_span: Option<Span>,
}

impl Observations {
    /// Joins one conversation, without a cap.
    pub fn add(&mut self, key: ObservationKey, seen: Observed) {
        self.kept.entry(key).or_default().join(seen);
    }

    /// Sums up all but the smallest keys that weigh `weight` together.
    ///
    /// Parts of a source may be cut and joined in any order: a key that is cut in one part has smaller keys of that
    /// weight before it there, so it would be cut from the whole as well.
    pub fn cut(&mut self, weight: usize) {
        let mut total = 0;
        let first_cut = self.kept.iter().find(|(_, seen)| {
            total += seen.weight();
            total > weight
        });
        let Some(first_cut) = first_cut.map(|(key, _)| key.clone()) else { return };
        for seen in self.kept.split_off(&first_cut).into_values() {
            self.rest.add(&seen.sum());
            self.rest_span = Span::join_opt(self.rest_span, seen.span());
        }
    }

    /// Joins the observations of another part of the same source.
    pub fn join(&mut self, other: Self) {
        for (key, seen) in other.kept {
            self.add(key, seen);
        }
        self.rest.add(&other.rest);
        self.rest_span = Span::join_opt(self.rest_span, other.rest_span);
    }
}

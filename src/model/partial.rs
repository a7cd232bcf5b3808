//! The mergeable result of scanning some of the sources.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::access::Access;
use super::clock::ClockTold;
use super::correlation::Correlation;
use super::data::Touched;
use super::dates::DatesRead;
use super::event::Events;
use super::hits::{IndicatorHits, PartHits, RuleHits};
use super::indicator::IndicatorMeta;
use super::ledger::{Entry, EntryKind};
use super::observation::{Observations, Seen};
use super::pages::Answers;
use super::place::Locator;
use super::rule::RuleMeta;
use super::time::{Instant, Span};

/// Serialises a map whose keys are not strings as a list of pairs.
pub mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// Writes the pairs in key order.
    ///
    /// # Errors
    /// What the serializer gives.
    pub fn serialize<S: Serializer, K: Serialize, V: Serialize>(
        map: &BTreeMap<K, V>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(map.iter())
    }

    /// Reads the pairs back.
    ///
    /// # Errors
    /// What the deserializer gives.
    pub fn deserialize<'de, D, K, V>(from: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        D: Deserializer<'de>,
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
    {
        Ok(Vec::<(K, V)>::deserialize(from)?.into_iter().collect())
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A log that numbers its records: the computer that wrote it, and its channel.
pub type LogName = (Box<str>, Box<str>);

/// Records of one log whose numbers follow on each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NumberRun {
    /// The lowest number.
    pub first: u64,
    /// The highest number.
    pub last: u64,
    /// Time of the record with the lowest.
    pub from: Option<Instant>,
    /// Time of the record with the highest.
    pub to: Option<Instant>,
    /// Whether the file counts its records as the log does: it is the log itself, and no selection that was exported.
    pub original: bool,
}

/// A record by which a log says that one was cleared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cleared {
    /// The computer; empty where the record does not say.
    pub host: Box<str>,
    /// The channel that was cleared; empty where the record does not say.
    pub channel: Box<str>,
    /// When: what stood in it before is gone.
    pub at: Instant,
}

/// Clearings kept of a source: the first in their order.
pub const CLEARED_KEPT: usize = 100_000;

/// Which hours of a source hold records: what gaps are found in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Covered {
    /// First and last record time.
    pub span: Option<Span>,
    /// Records per hour since the epoch.
    #[serde(with = "pairs")]
    pub hours: BTreeMap<i64, u64>,
    /// What was cleared, sorted.
    pub cleared: Vec<Cleared>,
    /// Hours of which a record says that the log lost others, sorted.
    #[serde(default)]
    pub skipped: Vec<i64>,
    /// Numbers that its records have, by log: computer and channel. Only of logs that number their records (those of Windows).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", with = "pairs")]
    pub numbers: BTreeMap<LogName, Vec<NumberRun>>,
    /// Records that tell of traffic and are not read as such, by who tells.
    #[serde(default, with = "pairs")]
    pub unread: BTreeMap<Seen, u64>,
    /// Formats of the records that others of the source hold, and how many these are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub held: BTreeMap<Box<str>, u64>,
    /// Whether records tell of traffic by the clock of an exporter, which cuts what lasts and adds up what is short: when each
    /// connection began they do not say.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub clocked: bool,
    /// Stretches of decoded bytes (first, and one past the last) that stand where a checksum does not hold or beside what was
    /// lost, ascending: their records count for no time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_doubt: Vec<(u64, u64)>,
    /// Records on traffic whose bytes are of sampled packets: at least so much moved.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sampled: u64,
    /// Which kinds of access to data its records are about.
    #[serde(default, skip_serializing_if = "Access::is_none")]
    pub access: Access,
    /// Whether a checksum of what it was packed in does not hold, so that nothing is known of the time that it covers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_doubtful: bool,
    /// Hours of records that say that no more reads of a mailbox were logged for a day, sorted; `None` for one without a time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub throttled: Vec<Option<i64>>,
    /// How its dates are read where they do not show which of day and month is first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dates: Option<DatesRead>,
    /// What its times tell of its clock.
    #[serde(default, skip_serializing_if = "ClockTold::is_empty")]
    pub clock: ClockTold,
    /// What the answers in it say of the search that they are of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<Answers>,
    /// What rules ask for and its table has no column for, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacking: Vec<Box<str>>,
    /// Records whose zone was assumed.
    pub zone_assumed: u64,
    /// Records whose year was inferred.
    pub year_assumed: u64,
}

/// Hours kept per source (114 years); above it the earliest stay.
pub const HOURS_KEPT: usize = 1_000_000;

impl Covered {
    /// Joins another part of the same source.
    pub fn join(&mut self, other: Self) {
        self.span = Span::join_opt(self.span, other.span);
        for (hour, count) in other.hours {
            *self.hours.entry(hour).or_default() += count;
        }
        while self.hours.len() > HOURS_KEPT {
            self.hours.pop_last();
        }
        self.answers = self.answers.take().or(other.answers);
        self.lacking.extend(other.lacking);
        self.lacking.sort_unstable();
        self.lacking.dedup();
        self.cleared.extend(other.cleared);
        self.cleared.sort();
        self.cleared.dedup();
        self.cleared.truncate(CLEARED_KEPT);
        self.skipped.extend(other.skipped);
        self.skipped.sort_unstable();
        self.skipped.dedup();
        self.skipped.truncate(HOURS_KEPT);
        for (log, runs) in other.numbers {
            self.numbers.entry(log).or_default().extend(runs);
        }
        for (seen, records) in other.unread {
            *self.unread.entry(seen).or_default() += records;
        }
        for (format, records) in other.held {
            *self.held.entry(format).or_default() += records;
        }
        self.clocked |= other.clocked;
        self.is_doubtful |= other.is_doubtful;
        self.sampled = self.sampled.saturating_add(other.sampled);
        self.access.join(other.access);
        self.throttled.extend(other.throttled);
        self.throttled.sort_unstable();
        self.throttled.dedup();
        self.throttled.truncate(HOURS_KEPT);
        self.dates = self.dates.take().or(other.dates);
        self.clock.join(other.clock);
        self.in_doubt.extend(other.in_doubt);
        self.in_doubt.sort_unstable();
        self.in_doubt.dedup();
        self.zone_assumed += other.zone_assumed;
        self.year_assumed += other.year_assumed;
    }
}

/// All that one source told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourcePartial {
    /// The ledger line.
    pub entry: Entry,
    /// Digest of the decoded bytes, for sources delivered twice; empty where the source was not read to its end.
    #[serde(default)]
    pub content: Box<str>,
    /// Sources with the same bytes, which do not count beside this one, sorted: whose a log is may rest on where it was
    /// delivered, and it may have been delivered to several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<Locator>,
    /// Time covered.
    #[serde(default)]
    pub covered: Covered,
    /// Indicator sightings.
    #[serde(default)]
    pub indicators: IndicatorHits,
    /// Sightings of parts of patterns over several records.
    #[serde(default, skip_serializing_if = "PartHits::is_empty")]
    pub parts: PartHits,
    /// Rule sightings.
    #[serde(default)]
    pub rules: RuleHits,
    /// Records on which correlations count.
    #[serde(default, skip_serializing_if = "Events::is_empty")]
    pub events: Events,
    /// Traffic.
    #[serde(default)]
    pub observations: Observations,
    /// What its conversations show of data.
    #[serde(default, skip_serializing_if = "Touched::is_empty")]
    pub touched: Touched,
}

impl SourcePartial {
    /// The key in a [`Partial`].
    pub fn key(&self) -> SourceKey {
        let container = (self.entry.kind == EntryKind::Container).then(|| self.entry.format.as_deref().map(Into::into));
        (self.entry.source.clone(), self.entry.kind, container.flatten())
    }

    /// Whether its records are of these formats, or most of them hold one that is.
    pub fn is_of(&self, formats: &[&str]) -> bool {
        let is_one = |format: &str| formats.contains(&format);
        let held: u64 = self.covered.held.iter().filter(|(format, _)| is_one(format)).map(|(_, records)| records).sum();
        self.entry.format.as_deref().is_some_and(is_one) || held > self.entry.records / 2
    }

    /// The partial of something that was not read as a source: ledger only.
    pub fn ledger_only(entry: Entry) -> Self {
        Self {
            entry,
            content: "".into(),
            copies: Vec::new(),
            covered: Covered::default(),
            indicators: IndicatorHits::default(),
            parts: PartHits::default(),
            rules: RuleHits::default(),
            events: Events::default(),
            observations: Observations::default(),
            touched: Touched::default(),
        }
    }
}

/// What a [`Partial`] is keyed by: name, whether it is the leaf, a container or something skipped, and of containers
/// which (a `.tar.gz` is a gzip and a tar of one name).
pub type SourceKey = (Locator, EntryKind, Option<Box<str>>);

/// The results of any set of sources. Merging is the union by locator, by the ids of rules and
/// correlations, and by indicator.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Partial {
    /// Per source and container; a container and its leaf may share a locator (`access.log.gz`).
    #[serde(with = "pairs")]
    pub sources: BTreeMap<SourceKey, Arc<SourcePartial>>,
    /// What the rules that hit say of themselves, by id.
    pub rules: BTreeMap<Box<str>, Arc<RuleMeta>>,
    /// The correlations that count on rules that hit, by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub correlations: BTreeMap<Box<str>, Arc<Correlation>>,
    /// What the feeds say of the indicators that hit, by kind word and canonical value.
    #[serde(with = "pairs")]
    pub indicators: BTreeMap<(Box<str>, Box<str>), Arc<IndicatorMeta>>,
}

//! Findings as they are written (`findings.jsonl`).

use serde::{Deserialize, Serialize};

use super::hit::MatchKind;
use super::place::{Locator, Place};
use super::rule::{Level, Outcome, Route, Stage};
use super::time::Instant;

/// Id of a finding: `f-` and 32 hex digits.
pub type FindingId = String;

/// What kind of finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A listed value was seen.
    Indicator,
    /// A rule matched a record.
    Rule,
    /// Several records together.
    Correlation,
    /// A statistic stands out.
    Anomaly,
    /// Findings linked by entity and time.
    Chain,
}

/// The rule (or analytic) behind a finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FindingRule {
    /// Stable id.
    pub id: String,
    /// Title.
    pub title: String,
}

/// First and last time of a finding; `null` where no record has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FindingTime {
    /// The earliest record.
    pub first: Option<Instant>,
    /// The latest record.
    pub last: Option<Instant>,
    /// What was assumed to get these times: `zone`, `year`, `zone_and_year`, else `null`.
    pub assumed: Option<FindingAssumed>,
}

/// Serialisable form of [`Assumed`](super::time::Assumed) where something was assumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingAssumed {
    /// The zone.
    Zone,
    /// The year.
    Year,
    /// Both.
    ZoneAndYear,
}

/// Who and what a finding concerns, each list sorted and without repeats.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Entities {
    /// Addresses or names of who acted.
    pub sources: Vec<String>,
    /// Addresses or names of the other side.
    pub destinations: Vec<String>,
    /// Hosts.
    pub hosts: Vec<String>,
    /// Accounts.
    pub accounts: Vec<String>,
}

/// A record that shows the finding, checkable byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Locator of its source.
    pub source: Locator,
    /// Place inside the source.
    #[serde(flatten)]
    pub place: Place,
    /// SHA-256 of the record's own stored bytes, lower-case hex.
    pub sha256: String,
    /// Start of the record as text.
    pub excerpt: String,
}

/// The indicator behind a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingIndicator {
    /// Canonical value.
    pub value: String,
    /// Kind.
    pub kind: String,
    /// How it was met.
    #[serde(rename = "match")]
    pub how: MatchKind,
    /// Feed names, sorted, joined by `, `.
    pub feed: String,
    /// Confidence 0 to 100 where the feed states one (the highest).
    pub confidence: Option<u8>,
    /// Start of validity.
    pub valid_from: Option<Instant>,
    /// End of validity.
    pub valid_until: Option<Instant>,
    /// Whether the sightings lie outside of that validity: all of them, or `false`.
    pub outside_validity: bool,
    /// Labels, families, traffic-light protocol as given, sorted.
    pub labels: Vec<String>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// `f-` and 128 bits of SHA-256 over what identifies it.
    pub id: FindingId,
    /// What kind.
    pub kind: FindingKind,
    /// The rule behind it.
    pub rule: FindingRule,
    /// How grave.
    pub level: Level,
    /// Stages, sorted.
    pub stage: Vec<Stage>,
    /// ATT&CK ids, sorted.
    pub attack: Vec<String>,
    /// The way out that it speaks of.
    pub route: Option<Route>,
    /// What the response side says.
    pub outcome: Outcome,
    /// Whose it is; `unattributed` where no scope fits.
    pub scope: String,
    /// When.
    pub time: FindingTime,
    /// Who and what.
    pub entities: Entities,
    /// Exact number of records that show it.
    pub count: u64,
    /// How many of them are not in `evidence`.
    pub omitted: u64,
    /// The records.
    pub evidence: Vec<Evidence>,
    /// The indicator, for indicator findings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indicator: Option<FindingIndicator>,
    /// Findings that this one is made of.
    pub links: Vec<FindingId>,
    /// What it means, for people.
    pub text: String,
}

//! What detectors saw, per source, in a form that merges.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::place::Place;
use super::rule::Outcome;
use super::subject::Subject;
use super::time::{Span, Stamp};

/// Findings kept per (rule, source); the rest are counted.
pub const RULE_HITS_KEPT: usize = 10_000;
/// The longest excerpt kept of a record, in bytes.
pub const EXCERPT_LIMIT_BYTES: usize = 600;

/// One record that shows something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Sighting {
    /// Where the record stands. First, so that the order is by offset.
    pub place: Place,
    /// When it happened.
    pub time: Option<Stamp>,
    /// SHA-256 of the record's own stored bytes, lower-case hex.
    pub sha256: String,
    /// The start of the record as text, lossy, control characters kept (output escapes them).
    pub excerpt: String,
    /// The field in which the hit lies, by its canonical or raw name; `None` in unparsed text.
    pub field: Option<String>,
    /// What the response side says.
    pub outcome: Outcome,
    /// Who and what.
    pub subject: Subject,
}

/// Sightings of one thing in one source: an exact count and the first ones by offset.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sightings {
    /// How many records show it.
    pub count: u64,
    /// First and last time among all of them.
    pub span: Option<Span>,
    /// How many had no time.
    pub untimed: u64,
    /// The records with the lowest offsets, sorted, at most as many as the cap that was in force.
    pub kept: Vec<Sighting>,
}

impl Sightings {
    /// Adds one record; keeps it if it is among the first `cap` by offset. True if it was kept.
    pub fn add(&mut self, cap: usize, time: Option<Stamp>, place: Place, make: impl FnOnce() -> Sighting) {
        self.count += 1;
        match time {
            Some(stamp) => self.span = Span::join_opt(self.span, Some(Span::at(stamp.at))),
            None => self.untimed += 1,
        }
        let full = self.kept.len() >= cap;
        if full && self.kept.last().is_none_or(|last| last.place <= place) {
            return;
        }
        let at = self.kept.partition_point(|s| s.place <= place);
        self.kept.insert(at, make());
        self.kept.truncate(cap);
    }

    /// Joins two parts of one source (blocks). Associative and commutative.
    pub fn join(&mut self, other: Self, cap: usize) {
        self.count += other.count;
        self.untimed += other.untimed;
        self.span = Span::join_opt(self.span, other.span);
        self.kept.extend(other.kept);
        self.kept.sort_by(|a, b| a.place.cmp(&b.place).then_with(|| a.cmp(b)));
        self.kept.truncate(cap);
    }
}

/// How an indicator was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchKind {
    /// The value itself.
    Exact,
    /// A name below a listed domain.
    Subdomain,
    /// An address inside a listed network.
    Cidr,
    /// The host of a listed URL, without its path.
    UrlHost,
    /// The last segment of a path is a listed file name.
    FileName,
    /// An e-mail address at a listed domain.
    EmailDomain,
}

/// Identity of an indicator across feeds: what findings are grouped by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IndicatorRef {
    /// Canonical value.
    pub value: Box<str>,
    /// Kind, as [`IndicatorKind::word`](super::indicator::IndicatorKind::word).
    pub kind: Box<str>,
    /// How it was met.
    pub how: MatchKind,
}

/// Sightings by indicator, as a list in JSON (its keys are not strings).
pub type IndicatorHits = BTreeMap<IndicatorRef, Sightings>;
/// Sightings by rule id.
pub type RuleHits = BTreeMap<Box<str>, Sightings>;

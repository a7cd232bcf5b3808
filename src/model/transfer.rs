//! Bytes that moved (`transfers.jsonl`).

use serde::{Deserialize, Serialize};

use super::finding::Evidence;
use super::place::Locator;
use super::rule::Route;
use super::time::Span;

/// Lower and upper bound; `upper: null` is unbounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Bounds {
    /// At least.
    pub lower: u64,
    /// At most; `None` where part of it was not observed or not logged.
    pub upper: Option<u64>,
}

impl Bounds {
    /// A figure known exactly.
    pub fn exact(figure: u64) -> Self {
        Self { lower: figure, upper: Some(figure) }
    }

    /// The bounds of two things that both happened.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            lower: self.lower.saturating_add(other.lower),
            upper: self.upper.zip(other.upper).map(|(a, b)| a.saturating_add(b)),
        }
    }
}

/// Data that moved from one entity to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// `t-` and 128 bits of SHA-256 over what identifies it.
    pub id: String,
    /// Whose data: a scope name or `unattributed`.
    pub scope: String,
    /// The way out.
    pub route: Route,
    /// Where the data was: address or name of the inside entity.
    pub from: String,
    /// Where it went: address or name of the outside entity.
    pub to: String,
    /// Other names of `to` (the host name of a request), sorted.
    pub to_names: Vec<String>,
    /// Accounts, sorted.
    pub accounts: Vec<String>,
    /// Bytes out.
    pub bytes: Bounds,
    /// Records that show it.
    pub records: u64,
    /// First and last time; `None` without any.
    pub time: Option<Span>,
    /// Hours (since the epoch) in which bytes moved, sorted.
    pub hours: Vec<i64>,
    /// Sources that saw it, sorted.
    pub seen_by: Vec<Locator>,
    /// A few of the records.
    pub evidence: Vec<Evidence>,
    /// The sanctioned entry that explains it, by its `why`.
    pub sanctioned: Option<String>,
}

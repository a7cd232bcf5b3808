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

impl Transfer {
    /// The most bytes within 24 hours that follow each other, with those whose time is not known. A lower bound, save
    /// that what has no time is taken to lie together.
    pub fn busiest_day(&self) -> u64 {
        let hours: Vec<(i64, u64)> = self.hours.iter().copied().zip(self.hour_bytes.iter().copied()).collect();
        let (mut begin, mut sum, mut best) = (0, 0u64, 0u64);
        for (hour, bytes) in &hours {
            sum = sum.saturating_add(*bytes);
            while hours.get(begin).is_some_and(|(old, _)| hour.saturating_sub(*old) >= 24) {
                sum = sum.saturating_sub(hours[begin].1);
                begin += 1;
            }
            best = best.max(sum);
        }
        best.saturating_add(self.untimed())
    }

    /// At least so many bytes in the hours `first` to `last` (since the epoch), with those whose time is not known.
    pub fn within(&self, first: i64, last: i64) -> u64 {
        let timed = self.hours.iter().zip(&self.hour_bytes).filter(|(hour, _)| (first..=last).contains(*hour));
        timed.fold(self.untimed(), |sum, (_, bytes)| sum.saturating_add(*bytes))
    }

    /// At least so many bytes at an unknown time.
    pub fn untimed(&self) -> u64 {
        let timed = self.hour_bytes.iter().fold(0u64, |sum, bytes| sum.saturating_add(*bytes));
        self.bytes.lower.saturating_sub(timed)
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
    /// At least so many bytes in each of `hours`. What is missing to `bytes.lower` moved at an unknown time.
    #[serde(default)]
    pub hour_bytes: Vec<u64>,
    /// Sources that saw it, sorted.
    pub seen_by: Vec<Locator>,
    /// A few of the records.
    pub evidence: Vec<Evidence>,
    /// The sanctioned entry that explains it, by its `why`.
    pub sanctioned: Option<String>,
}

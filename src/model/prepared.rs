//! What logs could answer tomorrow (`exfiltrace coverage`): preparedness, before anything has happened.

use serde::{Deserialize, Serialize};

use super::coverage::Gap;
use super::place::Locator;
use super::rule::Route;
use super::time::Instant;

/// Whether logs could answer the question of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answerable {
    /// No log shows this way out.
    No,
    /// Logs show it, with limits that are named.
    InPart,
    /// Logs show it with the bytes that leave by it, for all of their time.
    Yes,
}

/// A stretch of time for which no log tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hole {
    /// Begin.
    pub from: Instant,
    /// End.
    pub to: Instant,
}

/// Logs of one format.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LogKind {
    /// The format.
    pub format: String,
    /// The first of them by name.
    pub example: Locator,
    /// Files and streams.
    pub sources: u64,
    /// Records.
    pub records: u64,
    /// First record; `None` where none has a time.
    pub from: Option<Instant>,
    /// Last record.
    pub to: Option<Instant>,
}

/// One way out of one scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutePrepared {
    /// The way out.
    pub route: Route,
    /// What would be asked of it.
    pub question: String,
    /// Whether the logs could answer.
    pub answer: Answerable,
    /// First record of the logs that show it.
    pub from: Option<Instant>,
    /// Last record.
    pub to: Option<Instant>,
    /// The logs that show it, by format.
    pub logs: Vec<LogKind>,
    /// Days or longer without any of them, between `from` and `to`.
    pub holes: Vec<Hole>,
    /// What else the logs cannot tell, in words, sorted.
    pub limits: Vec<String>,
    /// What to switch on, keep or collect, in words.
    pub next: Vec<String>,
}

/// One scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopePrepared {
    /// Scope name, or `unattributed`.
    pub scope: String,
    /// First record of any log of it.
    pub from: Option<Instant>,
    /// Last record.
    pub to: Option<Instant>,
    /// Every way out that is known, in a fixed order.
    pub routes: Vec<RoutePrepared>,
    /// Its logs that show no way out: rules and indicators are held against them all the same.
    pub others: Vec<LogKind>,
    /// Promised logs that are missing or too short.
    pub promised: Vec<Gap>,
}

/// The whole answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    /// [`Prepared::SCHEMA`].
    pub schema: String,
    /// Per scope, in the order of the scopes file, `unattributed` last.
    pub scopes: Vec<ScopePrepared>,
    /// What could not be read, or not in full, sorted.
    pub unread: Vec<Locator>,
}

impl Prepared {
    /// Schema id.
    pub const SCHEMA: &str = "exfiltrace.preparedness/1";
}

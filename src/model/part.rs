//! Parts of patterns over several records, and the records that show them.

use serde::{Deserialize, Serialize};

use super::time::Instant;

/// Records kept per part and source; the rest are counted.
pub const PART_HITS_KEPT: usize = 10_000;

/// A part of a pattern: one observation that it asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PartRef {
    /// The pattern: the canonical value of the indicator.
    pub pattern: Box<str>,
    /// Its number among the parts, from 0.
    pub part: u32,
}

/// A record that shows parts of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// When it happened.
    pub at: Option<Instant>,
    /// The parts, by number.
    pub parts: Vec<u32>,
}

/// What records say of a pattern together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// These of them satisfy it, by their place in the list.
    Met(Vec<usize>),
    /// None do.
    Unmet,
    /// That is not known: too many fit to try them all.
    Open,
}

/// Decides a pattern over records sorted by time, those without one last.
pub type Decide = fn(&str, &[Shown]) -> Decision;

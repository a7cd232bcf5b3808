//! What will be done, with nothing left to decide.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::classify::Classifier;
use crate::detect::Program;
use crate::discover::Root;
use crate::indicators::Warninglists;
use crate::indicators::pattern::Patterns;
use crate::model::indicator::Indicators;
use crate::model::layout::HostClock;
use crate::model::place::Locator;
use crate::model::scopes::Scopes;
use crate::model::source::Survey;
use crate::model::time::{Instant, Span};
use crate::model::whose::Whose;
use crate::open::Opening;
use crate::work::Work;

/// A scan, decided.
pub struct Plan {
    /// Evidence, in the order given (output does not depend on it).
    pub roots: Vec<Root>,
    /// What an earlier listing says of the files: shards that are given the same one read alike.
    pub listed: Option<Survey>,
    /// Folders inside the evidence that are not evidence: the case folder, the work folder.
    pub skip: Vec<PathBuf>,
    /// How containers are opened.
    pub opening: Opening,
    /// Compiled rules.
    pub program: Program,
    /// Compiled indicators.
    pub indicators: Indicators,
    /// The patterns among them.
    pub patterns: Patterns,
    /// Knows kinds of data, by what the user told of where which lies.
    pub classifier: Classifier,
    /// Values that are as often innocent.
    pub warninglists: Warninglists,
    /// What the user told about scopes, as read.
    pub scopes: Scopes,
    /// The same, compiled.
    pub whose: Whose,
    /// Clocks of logs that carry no zone.
    pub clocks: Clocks,
    /// A secret by which copies of sources are known apart from others, where nothing of this run is kept; `None`: digests
    /// that every run gives alike. No result depends on it.
    pub run_secret: Option<[u64; 4]>,
    /// Whether records without a hit are passed over: nothing is added up then, and no way out is observed.
    pub hits_only: bool,
    /// Whether what is personal or secret in excerpts of records is written as its kind.
    pub redact: bool,
    /// Only hits inside this period count.
    pub period: Period,
    /// Places kept per indicator finding.
    pub max_evidence: usize,
    /// Records kept per rule and source for correlations to count on.
    pub events_kept: usize,
    /// Worker threads.
    pub threads: usize,
    /// Bytes of blocks that may wait for a core before their producer sifts them itself.
    pub in_flight_bytes: usize,
    /// Bytes that pieces of compressed files may take which are decoded ahead of their producer.
    pub ahead_bytes: usize,
    /// Where that goes which outgrows memory.
    pub work: Work,
    /// Stored bytes of evidence from which on a sample of it is looked at first; results do not depend on it.
    pub sample_from_bytes: u64,
    /// Grid of the split in decoded bytes; results do not depend on it.
    pub cell_bytes: usize,
    /// Order in which files are taken up, for the test that results do not depend on it.
    pub shuffle: Option<u64>,
    /// A clock in nanoseconds for `-v`; the library itself reads none.
    pub ticks: Option<fn() -> u64>,
    /// Called with the number of stored bytes of every file that is done; for the progress bar.
    pub progress: Option<Box<dyn Fn(u64) + Sync + Send>>,
}

/// Which clock a source without a zone was written by.
pub struct Clocks {
    /// For all sources that no path names.
    pub zone: TimeZone,
    /// Whether the user gave `zone`.
    pub given: bool,
    /// By glob over locators; the first that matches counts.
    pub by_path: Vec<(globset::GlobMatcher, TimeZone)>,
    /// By the host that a record names; goes before the others.
    pub by_host: Arc<[HostClock]>,
    /// Whether the day is first in dates such as `03/04/2026` of a source where nothing else tells.
    pub day_first: Option<bool>,
}

impl Clocks {
    /// The clock of one source, and whether the user gave it.
    pub fn of(&self, locator: &Locator) -> (TimeZone, bool) {
        match self.by_path.iter().find(|(glob, _)| glob.is_match(locator.as_str())) {
            Some((_, zone)) => (zone.clone(), true),
            None => (self.zone.clone(), self.given),
        }
    }
}

/// `--from` and `--to`, both inclusive where given.
#[derive(Debug, Clone, Copy, Default)]
pub struct Period {
    /// Not before.
    pub from: Option<Instant>,
    /// Not after.
    pub to: Option<Instant>,
}

impl Period {
    /// Whether something at `at` counts. What has no time passes.
    pub fn holds(&self, at: Option<Instant>) -> bool {
        at.is_none_or(|at| self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at <= to))
    }

    /// Whether a span overlaps the period.
    pub fn touches(&self, span: Option<Span>) -> bool {
        span.is_none_or(|s| self.from.is_none_or(|from| s.last >= from) && self.to.is_none_or(|to| s.first <= to))
    }
}

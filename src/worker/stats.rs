//! Where the time of a scan goes: what `-v` prints.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// The stages that are timed per block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timed {
    /// Records found, text narrowed or rendered.
    Render,
    /// Indicators in the raw text.
    SiftIndicators,
    /// Atoms of rules in the raw text.
    SiftAtoms,
    /// Fields, rules, tallies of the records.
    Records,
}

/// Sums over all blocks. Times are nanoseconds of the ticking clock, added up over threads.
#[derive(Debug, Default)]
pub struct Stats {
    nanos: [AtomicU64; 4],
    /// Decoded bytes.
    pub bytes: AtomicU64,
    /// Records.
    pub records: AtomicU64,
    /// Records that at least one rule's atoms let pass.
    pub candidates: AtomicU64,
    /// Rules evaluated on records.
    pub evaluated: AtomicU64,
    /// Rules that matched.
    pub matched: AtomicU64,
    /// Formats of records.
    formats: Mutex<BTreeSet<&'static str>>,
}

impl Stats {
    /// Adds time to a stage.
    pub fn took(&self, stage: Timed, nanos: u64) {
        self.nanos[stage as usize].fetch_add(nanos, Ordering::Relaxed);
    }

    /// Adds to a count.
    pub fn count(counter: &AtomicU64, by: u64) {
        counter.fetch_add(by, Ordering::Relaxed);
    }

    /// Notes formats that records have.
    pub fn met(&self, formats: impl IntoIterator<Item = &'static str>) {
        self.formats.lock().unwrap_or_else(PoisonError::into_inner).extend(formats);
    }

    /// Formats that any record has.
    pub fn formats(&self) -> BTreeSet<&'static str> {
        self.formats.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Name, nanoseconds, and nanoseconds per decoded byte of each stage.
    pub fn stages(&self) -> Vec<(&'static str, u64, f64)> {
        let bytes = self.bytes.load(Ordering::Relaxed).max(1);
        ["render", "sift indicators", "sift atoms", "parse, detect, tally"]
            .iter()
            .zip(&self.nanos)
            .map(|(&name, nanos)| {
                let nanos = nanos.load(Ordering::Relaxed);
                #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
                let per_byte = nanos as f64 / bytes as f64;
                (name, nanos, per_byte)
            })
            .collect()
    }
}

//! The dates of a source whose day and month stand in an order that is not known yet: `03/04/2026`.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Dates kept of one source: those of eleven years. Of more nothing is concluded.
const DATES_KEPT: usize = 4096;
/// Bits of a part of a packed date.
const PART_BITS: u32 = 8;

/// A year and the two numbers before it, as they stand there.
pub type Date = (i64, i64, i64);

/// The dates that records of a source have. What is known of them in the end is the same for any order of the records and any number
/// of threads.
#[derive(Debug, Default)]
pub struct Dates {
    /// The date that was met last, packed: nearly all records have that of the one before.
    last: AtomicU64,
    all: Mutex<BTreeSet<Date>>,
}

impl Dates {
    /// Takes the date of a record.
    #[inline]
    pub fn see(&self, (year, first, second): Date) {
        let packed = [year, first, second].into_iter().fold(1, |sum, part| sum << PART_BITS ^ part.unsigned_abs());
        // PERF: a load alone leaves the line of the cache to all threads.
        if self.last.load(Ordering::Relaxed) != packed {
            self.last.store(packed, Ordering::Relaxed);
            self.keep((year, first, second));
        }
    }

    #[cold]
    fn keep(&self, date: Date) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() <= DATES_KEPT {
            all.insert(date);
        }
    }

    /// Whether no record has such a date.
    pub fn is_empty(&self) -> bool {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// All of them, sorted; `None` where there are more than are kept.
    pub fn all(&self) -> Option<Vec<Date>> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        (all.len() <= DATES_KEPT).then(|| all.iter().copied().collect())
    }
}

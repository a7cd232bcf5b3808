//! The dates of a source whose day and month stand in an order that is not known yet: `03/04/2026`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::place::Locator;
use super::time::Span;

/// Dates kept of one source: those of eleven years. Of more nothing is concluded.
const DATES_KEPT: usize = 4096;
/// Bits of a part of a packed date.
const PART_BITS: u32 = 8;

/// A year and the two numbers before it, as they stand there.
pub type Date = (i64, i64, i64);

/// Hours of a day of which records are there, a bit each: bit 0 is the one behind midnight, as the log writes it.
pub type Hours = u32;

/// The dates that records of a source have, with their hours. What is known of them in the end is the same for any order of the records
/// and any number of threads.
#[derive(Debug, Default)]
pub struct Dates {
    /// Date and hour that were met last, packed: nearly all records have those of the one before.
    last: AtomicU64,
    all: Mutex<BTreeMap<Date, Hours>>,
}

impl Dates {
    /// Takes the date of a record, and the hour (0 to 23) in which it was written.
    #[inline]
    pub fn see(&self, (year, first, second): Date, hour: i64) {
        let packed =
            [year, first, second, hour].into_iter().fold(1, |sum, part| sum << PART_BITS ^ part.unsigned_abs());
        // PERF: a load alone leaves the line of the cache to all threads.
        if self.last.load(Ordering::Relaxed) != packed {
            self.last.store(packed, Ordering::Relaxed);
            self.keep((year, first, second), hour);
        }
    }

    #[cold]
    fn keep(&self, date: Date, hour: i64) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() <= DATES_KEPT || all.contains_key(&date) {
            *all.entry(date).or_default() |= 1 << hour.clamp(0, 23);
        }
    }

    /// Whether no record has such a date.
    pub fn is_empty(&self) -> bool {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// All of them, sorted; `None` where there are more than are kept.
    pub fn all(&self) -> Option<Vec<(Date, Hours)>> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        (all.len() <= DATES_KEPT).then(|| all.iter().map(|(date, hours)| (*date, *hours)).collect())
    }

    /// Whether one of them may be of two days, or there are more than are kept.
    pub fn are_open(&self) -> bool {
        self.all().is_none_or(|all| all.iter().any(|(date, _)| is_open(*date)))
    }
}

/// Whether both numbers of a date may be its month, and it is not the same day either way.
pub fn is_open((year, first, second): Date) -> bool {
    let may_be_month = |number: i64| (1..=12).contains(&number);
    year > 0 && may_be_month(first) && may_be_month(second) && first != second
}

/// What tells which of day and month is first in a source no date of which shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ground {
    /// By the other order the log would go on behind the time at which its file was last written, or would end long before it.
    FileTime,
    /// By this order the log goes on through midnight from one day into the next, by the other from one month into the next.
    RunsOn,
    /// Another file of the same rotation shows it.
    Sibling,
    /// The user said so (`--date-order`).
    User,
}

/// The order of day and month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Whether the day is first.
    pub day_first: bool,
    /// What tells it; `None` where a date of the source itself shows it.
    pub by: Option<Ground>,
    /// The file of the same rotation that shows it.
    pub sibling: Option<Locator>,
}

/// The times of the same records, read in both orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readings {
    /// The first and the last of them where the day is first, to the hour.
    pub day_first: Span,
    /// Where the month is first.
    pub month_first: Span,
}

/// How the dates of a source are read of which none shows whether the day or the month is first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DatesRead {
    /// Whether the day is taken to be first; `None` where nothing tells: the records that may be of two days have no time then.
    pub day_first: Option<bool>,
    /// What tells it; `None` where nothing does.
    pub by: Option<Ground>,
    /// The file of the same rotation that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sibling: Option<Locator>,
    /// Where nothing tells: when those records are of, either way. `None` also where there are more dates than are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readings: Option<Readings>,
}

impl DatesRead {
    /// Dates that something beside themselves told of; `None` where they show it themselves.
    pub fn by(order: &Order) -> Option<Self> {
        let Order { day_first, by, sibling } = order.clone();
        by.map(|by| Self { day_first: Some(day_first), by: Some(by), sibling, readings: None })
    }

    /// Whether nothing tells of the order.
    pub fn is_open(&self) -> bool {
        self.day_first.is_none()
    }

    /// Whether the order is a conclusion: not the user's word.
    pub fn is_assumed(&self) -> bool {
        self.by.is_some_and(|by| by != Ground::User)
    }

    /// How they are read and why, in words.
    pub fn told(&self) -> String {
        let why = match (self.by, &self.sibling) {
            (Some(Ground::FileTime), _) => ", as the time of the file tells".to_owned(),
            (Some(Ground::RunsOn), _) => ", as the log goes on through midnight".to_owned(),
            (Some(Ground::Sibling), Some(sibling)) => format!(", as {sibling} shows"),
            (Some(Ground::Sibling), None) => ", as another file of the rotation shows".to_owned(),
            (Some(Ground::User), _) => ", as --date-order says".to_owned(),
            (None, _) => String::new(),
        };
        match (self.day_first, &self.readings) {
            (Some(true), _) => format!("day first{why}"),
            (Some(false), _) => format!("month first{why}"),
            (None, Some(Readings { day_first: day, month_first: month })) => format!(
                "not known which of day and month is first: of {} to {} or of {} to {}",
                day.first, day.last, month.first, month.last
            ),
            (None, None) => "not known which of day and month is first".to_owned(),
        }
    }
}

/// The order that the dates of a file show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderShown {
    /// Its format.
    pub format: String,
    /// Whether the day is first.
    pub day_first: bool,
}

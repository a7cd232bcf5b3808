//! Which order of two things the clocks support.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::model::chain::{StepOrder, resolution_micros, time};
use crate::model::finding::{FindingAssumed, FindingTime};
use crate::model::time::Instant;

use super::links::Link;

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600 * SECOND;
/// The clocks of two logs are taken to agree within so much, where nothing is known of them.
const APART: i64 = 60 * SECOND;
/// A stamp without a zone was read as UTC. Zones lie up to so far ahead of it, so that it may have been earlier, and up to
/// 12 hours behind it, so that it may have been later.
///
/// SOURCE: the time zone database: Pacific/Kiritimati, UTC+14, and Etc/GMT+12.
const EARLIER: i64 = 14 * HOUR;
/// See [`EARLIER`].
const LATER: i64 = 12 * HOUR;

/// When something began, as far as the logs tell.
pub(super) struct Clock {
    /// When, by its stamp.
    begins: Option<Instant>,
    /// It may have begun as early as then, by the same clock.
    earliest: Option<Instant>,
    /// What was assumed of the stamp.
    assumed: Option<FindingAssumed>,
    /// The one log that stamped it, where it is one.
    log: Option<String>,
}

impl Clock {
    /// The clock of these links together.
    pub(super) fn of(links: &[&Link<'_>]) -> Self {
        let whole = time(links.iter().map(|link| link.time));
        let logs: BTreeSet<&String> = links.iter().flat_map(|link| &link.logs).collect();
        let is_one = logs.len() == 1 && links.iter().all(|link| !link.logs.is_empty());
        Self {
            begins: whole.first,
            earliest: links.iter().filter_map(|link| link.earliest).min(),
            assumed: whole.assumed,
            log: logs.first().filter(|_| is_one).map(|log| (*log).clone()),
        }
    }

    fn zone(&self) -> bool {
        self.assumed.is_some_and(FindingAssumed::zone)
    }

    fn year(&self) -> bool {
        self.assumed.is_some_and(FindingAssumed::year)
    }

    /// Whether it may have been an hour later, as its time comes twice.
    fn hour(&self) -> bool {
        self.assumed == Some(FindingAssumed::Hour)
    }

    /// How much is left open: what was assumed, or that there is no time.
    fn openness(&self) -> (bool, bool, bool, bool) {
        (self.begins.is_none(), self.year(), self.zone(), self.hour())
    }

    /// Whether it certainly began before another. One log has one clock, one zone and one run of years, whatever they are;
    /// where a year was inferred, another log's stamps cannot be compared with it.
    pub(super) fn is_before(&self, other: &Self) -> bool {
        let Some((own, others)) = self.begins.zip(other.earliest) else { return false };
        let twice = if self.hour() { HOUR } else { 0 };
        let latest = own.micros().saturating_add(resolution_micros(own)).saturating_add(twice);
        if self.log.is_some() && self.log == other.log {
            return latest < others.micros();
        }
        let latest = latest.saturating_add(if self.zone() { LATER } else { 0 });
        let earliest = others.micros().saturating_sub(if other.zone() { EARLIER } else { 0 });
        !self.year() && !other.year() && latest.saturating_add(APART) < earliest
    }
}

/// Of things in the order of their stamps, which stand in an order that the clocks support. Those of which the least was assumed
/// make the line; another joins it where its order to all of the line is certain.
pub(super) fn orders(clocks: &[Clock]) -> Vec<StepOrder> {
    let mut by_openness: Vec<usize> = (0..clocks.len()).filter(|at| clocks[*at].begins.is_some()).collect();
    by_openness.sort_by_key(|at| (clocks[*at].openness(), *at));
    let mut line: BTreeSet<usize> = BTreeSet::new();
    for at in by_openness {
        let fits = |other: &usize| {
            let (first, second) = (at.min(*other), at.max(*other));
            clocks[first].is_before(&clocks[second])
        };
        if line.iter().rev().all(fits) {
            line.insert(at);
        }
    }
    let first = line.first().copied();
    let order = |at: usize| match (Some(at) == first, line.contains(&at)) {
        (true, _) if line.len() > 1 => StepOrder::First,
        (false, true) => StepOrder::After,
        _ => StepOrder::NotKnown,
    };
    (0..clocks.len()).map(order).collect()
}

/// What things are sorted by that stand in the order of their stamps, those without one last.
pub(super) fn by_stamp(time: FindingTime) -> (bool, Reverse<Option<Reverse<Instant>>>) {
    (time.first.is_none(), Reverse(time.first.map(Reverse)))
}

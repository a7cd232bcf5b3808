//! Which order of two things the clocks support.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::model::chain::{StepOrder, resolution_micros};
use crate::model::finding::{FindingAssumed, FindingTime};
use crate::model::time::Instant;

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
pub(super) struct Clock<'l> {
    /// When, by its stamp.
    pub(super) begins: Option<Instant>,
    /// What was assumed of the stamp.
    pub(super) assumed: Option<FindingAssumed>,
    /// The logs that stamped it.
    pub(super) logs: &'l BTreeSet<String>,
}

impl<'l> Clock<'l> {
    /// The clock of what began at a time, by these logs.
    pub(super) fn of(time: FindingTime, logs: &'l BTreeSet<String>) -> Self {
        Self { begins: time.first, assumed: time.assumed, logs }
    }

    fn zone(&self) -> bool {
        matches!(self.assumed, Some(FindingAssumed::Zone | FindingAssumed::ZoneAndYear))
    }

    fn year(&self) -> bool {
        matches!(self.assumed, Some(FindingAssumed::Year | FindingAssumed::ZoneAndYear))
    }

    /// How much is left open: what was assumed, or that there is no time.
    fn openness(&self) -> (bool, bool, bool) {
        (self.begins.is_none(), self.year(), self.zone())
    }

    /// Whether it certainly began before another. One log has one clock, one zone and one run of years, whatever they are;
    /// where a year was inferred, another log's stamps cannot be compared with it.
    pub(super) fn is_before(&self, other: &Self) -> bool {
        let Some((own, others)) = self.begins.zip(other.begins) else { return false };
        let latest = own.micros().saturating_add(resolution_micros(own));
        if self.logs.len() == 1 && self.logs == other.logs {
            return latest < others.micros();
        }
        let latest = latest.saturating_add(if self.zone() { LATER } else { 0 });
        let earliest = others.micros().saturating_sub(if other.zone() { EARLIER } else { 0 });
        !self.year() && !other.year() && latest.saturating_add(APART) < earliest
    }
}

/// Of things in the order of their stamps, which stand in an order that the clocks support. Those of which the least was assumed
/// make the line; another joins it where its order to all of the line is certain.
pub(super) fn orders(clocks: &[Clock<'_>]) -> Vec<StepOrder> {
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

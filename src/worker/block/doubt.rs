//! Records that stand where a checksum does not hold, or beside what was lost.

use std::ops::Range;

use crate::model::fields::View;

/// Whether any of `length` bytes from `offset` on is in doubt.
pub(super) fn is_in_doubt(doubts: &[Range<u64>], offset: u64, length: u64) -> bool {
    let next = doubts.partition_point(|stretch| stretch.end <= offset);
    doubts.get(next).is_some_and(|stretch| stretch.start < offset.saturating_add(length))
}

/// Marks the records that are in doubt.
pub(super) fn mark(doubts: &[Range<u64>], view: &mut View) {
    if !doubts.is_empty() {
        for seen in view.records.iter_mut().chain(&mut view.stale).chain(&mut view.gaps) {
            seen.place.in_doubt = is_in_doubt(doubts, seen.place.offset, seen.place.length);
        }
    }
}

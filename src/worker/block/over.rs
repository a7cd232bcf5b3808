//! Records in which nothing was met, where hits alone are asked for.

use super::super::source::Told;
use super::{Pass, Scratch, is_in_doubt, take_within};
use crate::format;
use crate::model::block::{Block, Extent, Spans};
use crate::model::clock::Stretch;
use crate::model::fields::{Fields, Seen, View, Want};
use crate::model::layout::Encoding;
use crate::model::outline::Outline;
use crate::plan::Plan;
use crate::tally::Tally;

impl Told {
    /// Counts records that were searched and not read.
    pub(super) fn over(&mut self, passed: Extent) {
        self.passed_over += passed.records;
        self.fates.raw_only += passed.bytes;
    }
}

/// Whether nothing but indicators in raw text is looked for, so that no record without one can tell anything.
fn is_raw(plan: &Plan) -> bool {
    plan.program.rules().is_empty() && plan.patterns.is_empty() && plan.indicators.agents.is_empty()
}

/// Whether of this block only the records with a hit are to be listed.
pub(super) fn is_sparse(plan: &Plan, block: &Block) -> bool {
    let is_plain = block.spans == Spans::Lines && block.layout.encoding == Encoding::Bytes;
    plan.hits_only && is_plain && is_raw(plan) && !format::reader(&block.layout).hides(&block.bytes)
}

/// The records of a block that hold a hit; the others are counted.
///
/// PERF: most blocks hold none, and of those no line is looked for.
pub(super) fn view(block: &Block, scratch: &mut Scratch) -> View {
    let mut view = std::mem::take(&mut scratch.view);
    let (hits, mut next) = (&scratch.hits, 0);
    if hits.is_empty() {
        view.clear();
        view.passed = block.lines;
        view.framing = (block.bytes.len() as u64).saturating_sub(block.lines.bytes);
    } else {
        let is_hit = |seen: &Seen| !take_within(hits, &mut next, seen, |hit| hit.start).is_empty();
        format::render_some(block, is_hit, &mut view);
    }
    view
}

impl Pass<'_, '_> {
    /// Tells of the time of the first or the last record of a block of lines.
    pub(super) fn edge(&self, which: usize, tally: &mut Tally, times: &mut Stretch) {
        let mut fields = Fields::default();
        let Some((start, end)) = format::edges(self.block)[which] else { return };
        let offset = self.block.base + start as u64;
        let is_read = self.reader_at(offset).parse(&self.text[start..end], Want::Columns, &mut fields).is_ok();
        let is_sure = !is_in_doubt(self.doubts, offset, (end - start) as u64);
        if let Some(stamp) = fields.time.filter(|_| is_read && is_sure) {
            times.see(offset, stamp);
            tally.cover_time(stamp);
        }
    }

    /// Whether a record without a hit tells nothing that was asked for. One at the end of its block tells of its time first.
    ///
    /// Rules and patterns were looked for in the spelling of the source's format, so that a record which may be of another is
    /// read.
    pub(super) fn is_passed_over<'b>(
        &'b self,
        (seen, is_edge): (&Seen, bool),
        outline: &mut Outline<'b>,
        (fields, scratch): (&mut Fields<'b>, &mut Scratch),
        (tally, times): (&mut Tally, &mut Stretch),
    ) -> bool {
        let is_text = self.block.layout.format == "text";
        if seen.values.is_some() {
            return false;
        }
        let time = if is_text || is_raw(self.plan) {
            let is_read = is_edge && !is_text && self.parse(seen, Want::Columns, fields).is_some();
            fields.time.filter(|_| is_read)
        } else if self.outline(seen, outline, (&mut scratch.shapes, scratch.listed)) {
            outline.time.filter(|_| is_edge)
        } else {
            return false;
        };
        if let Some(stamp) = time.filter(|_| !seen.place.in_doubt) {
            times.see(seen.place.offset, stamp);
            tally.cover_time(stamp);
        }
        true
    }
}

//! Records that tell of several conversations, each of which is observed for itself. They have one place.

use std::collections::{HashMap, HashSet};

use super::super::source::Told;
use super::cite::Cite;
use super::{Pass, digest_at};
use crate::format;
use crate::model::fields::{Canon, Fields, Seen};
use crate::model::hit::MatchKind;
use crate::model::indicator::RawHit;
use crate::model::time::Instant;
use crate::tally::Tally;

impl Pass<'_, '_> {
    /// Tallies each conversation of a record. What it tells of one that it told of before, it tells of the time since then.
    pub(super) fn observe_parts(&self, (seen, format): (&Seen, &'static str), fields: &Fields<'_>, tally: &mut Tally) {
        let mut one = Fields::default();
        let mut before: HashMap<&[u8], Instant> = HashMap::new();
        for text in fields.parts() {
            let is_read = format::part(text, &self.block.layout, &mut one);
            if let (true, Some(tie), Some(stamp)) = (is_read, format::tie_of_part(text), one.time) {
                before.insert(tie, stamp.at).into_iter().for_each(|begun| one.lasted.begun(begun));
            }
            if is_read && self.plan.period.holds(one.time.map(|t| t.at)) {
                one.time = one.time.or(fields.time);
                tally.observe(format, (&mut one, None), seen.place, &|place| digest_at(self.block, place));
            }
        }
    }

    /// Indicator hits of a record, each with who spoke in its conversation. What stands in several of them counts once, with
    /// one that was let through where there is any.
    pub(super) fn indicators_of_parts(
        &self,
        cite: &Cite,
        hits: &[RawHit],
        agents: &[u32],
        fields: &Fields<'_>,
        told: &mut Told,
    ) {
        let mut counted: HashSet<(u32, MatchKind)> = HashSet::new();
        let mut one = Fields::default();
        for refused in [false, true].into_iter().filter(|_| !hits.is_empty()) {
            for text in fields.parts() {
                let within = within(self.text, text, hits);
                if within.is_empty() || !format::part(text, &self.block.layout, &mut one) {
                    continue;
                }
                one.time = one.time.or(fields.time);
                if refused == (one.get(Canon::EventOutcome) == Some(b"failure")) {
                    self.indicators_once((cite, self.text), within, &[], (&one, &mut counted), told);
                }
            }
        }
        self.indicators_once((cite, self.text), hits, agents, (fields, &mut counted), told);
    }
}

/// The hits in a part of the text, of hits by where they begin; none in what does not lie in the text.
fn within<'h>(text: &[u8], part: &[u8], hits: &'h [RawHit]) -> &'h [RawHit] {
    let Some(from) = part.first().and_then(|first| text.element_offset(first)) else { return &[] };
    let first = hits.partition_point(|hit| hit.start < from);
    let inside = hits[first..].iter().take_while(|hit| hit.start < from + part.len()).count();
    &hits[first..first + inside]
}

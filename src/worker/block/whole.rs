//! Records of a block that are parts of one event.

use std::sync::Arc;

use super::super::source::Told;
use super::super::together::{self, Held, Part, Whole};
use super::cite::Cite;
use super::{Pass, Scratch, stated};
use crate::format::together as parts;
use crate::model::fields::{Fields, Seen, Want};

/// Records of one audit event, one behind the other.
#[derive(Default)]
pub(super) struct Open {
    records: Vec<Seen>,
    /// Rules that may match one of them.
    candidates: Vec<u32>,
    /// Whether records of it may stand in the block before.
    at_border: bool,
}

impl<'b> Pass<'b, '_> {
    /// Whether a record must be read, whatever is known of others like it.
    pub(super) fn is_part(&self, seen: &Seen) -> bool {
        parts::may_be_script(self.block.layout.format, &self.text[seen.start..seen.end])
    }

    /// Takes a record that was read for a part of an event, where it is one.
    pub(super) fn part(
        &'b self,
        seen: &Seen,
        fields: &mut Fields<'b>,
        open: &mut Open,
        scratch: &mut Scratch,
        told: &mut Told,
    ) {
        let format = self.block.layout.format;
        if self.gate.is_none() {
            return;
        }
        if format == "auditd" || fields.inside == Some("auditd") {
            self.audit(seen, open, scratch, told);
        } else if parts::is_script(format, fields)
            && self.parse(seen, Want::All, fields).is_some()
            && let Some(part) = parts::script_part(fields)
        {
            told.held.add(self.held(Whole::Script(part), &[stated(*seen, fields)]));
        }
    }

    fn audit(&self, seen: &Seen, open: &mut Open, scratch: &mut Scratch, told: &mut Told) {
        let event = |seen: &Seen| parts::audit_event(&self.text[seen.start..seen.end]);
        let own = event(seen);
        // Of records in syslog those of other programs stand between.
        let follows = |last: &Seen| last.place.record.map(|at| at + 1) == seen.place.record;
        if open.records.last().is_none_or(|last| event(last) != own || !follows(last)) {
            let is_first = open.records.is_empty();
            self.close(open, false, scratch, told);
            open.at_border = is_first;
        }
        if own.is_some() {
            open.records.push(*seen);
            open.candidates.extend_from_slice(&scratch.candidates);
        }
    }

    /// Evaluates the records of the event at hand, or holds them where more of it may stand in another block.
    pub(super) fn close(&self, open: &mut Open, at_border: bool, scratch: &mut Scratch, told: &mut Told) {
        let Open { records, mut candidates, at_border: begins } = std::mem::take(open);
        if begins || at_border {
            let event = records.first().and_then(|first| parts::audit_event(&self.text[first.start..first.end]));
            if let Some((node, id)) = event {
                let whole = Whole::Audit([node, b" ", id].concat().into());
                told.held.add(self.held(whole, &records));
            }
            return;
        }
        told.held.whole(records.len());
        if records.len() > 1 && !candidates.is_empty() {
            candidates.sort_unstable();
            candidates.dedup();
            let of = |seen: &Seen| (seen.place, self.digest(&Cite::new(*seen)), &self.text[seen.start..seen.end]);
            let all: Vec<_> = records.iter().map(of).collect();
            let (plan, layout) = (self.plan, &self.block.layout);
            let found = (&mut told.rules, &mut told.events);
            together::evaluate(plan, layout, &all, &candidates, &mut scratch.detect, found);
        }
    }

    fn held(&self, whole: Whole, records: &[Seen]) -> Held {
        let part = |seen: &Seen| {
            let cite = Cite::new(*seen);
            Part { place: seen.place, sha256: self.digest(&cite), text: self.text_of(&cite).into() }
        };
        let layout = Arc::clone(&self.block.layout);
        Held { whole, layout, parts: records.iter().map(part).collect() }
    }
}

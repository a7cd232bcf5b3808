//! Records of a block that are parts of one event.

use std::sync::Arc;

use super::super::source::Told;
use super::super::together::{self, Held, Part, Whole};
use super::cite::Cite;
use super::{Pass, Scratch, stated};
use crate::format::together as parts;
use crate::model::fields::{Fields, Seen, Want};
use crate::model::place::Place;

/// Audit events of which more records may come.
#[derive(Default)]
pub(super) struct Open {
    /// In the order of their first records.
    events: Vec<Joining>,
    /// Where the block begins.
    first: Option<Place>,
}

/// Records of one audit event.
struct Joining {
    records: Vec<Seen>,
    /// Rules that may match one of them.
    candidates: Vec<u32>,
    /// Whether records of it may stand in the block before.
    begins: bool,
}

impl Joining {
    /// Whether a record at this place may still be of it.
    fn reaches(&self, place: Place) -> bool {
        self.records.last().is_some_and(|last| together::are_near(last.place, place))
    }
}

impl Open {
    /// None so far, in a block that begins with this record.
    pub(super) fn of(first: Option<&Seen>) -> Self {
        Self { events: Vec::new(), first: first.map(|first| first.place) }
    }
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
        while let Some(over) = open.events.iter().position(|event| !event.reaches(seen.place)) {
            let over = open.events.remove(over);
            self.close(over, false, scratch, told);
        }
        let event = |seen: &Seen| parts::audit_event(&self.text[seen.start..seen.end]);
        let Some(own) = event(seen) else { return };
        // Records of other events, and in syslog those of other programs, may stand between. Most are of the last one.
        let known = open.events.iter_mut().rev().find(|known| known.records.first().and_then(event) == Some(own));
        match known {
            Some(known) => {
                known.records.push(*seen);
                known.candidates.extend_from_slice(&scratch.candidates);
            }
            None => open.events.push(Joining {
                records: vec![*seen],
                candidates: scratch.candidates.clone(),
                begins: open.first.is_none_or(|first| together::are_near(first, seen.place)),
            }),
        }
    }

    /// Evaluates or holds the events that are open where the block ends, with this record.
    pub(super) fn close_all(&self, open: &mut Open, last: Option<&Seen>, scratch: &mut Scratch, told: &mut Told) {
        for event in std::mem::take(&mut open.events) {
            let ends = last.is_none_or(|last| event.reaches(last.place));
            self.close(event, ends, scratch, told);
        }
    }

    /// Evaluates the records of an event, or holds them where more of it may stand in another block.
    fn close(&self, event: Joining, ends: bool, scratch: &mut Scratch, told: &mut Told) {
        let Joining { records, mut candidates, begins } = event;
        if begins || ends {
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

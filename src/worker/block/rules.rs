//! Rules of a record: which may match, by its literals and its kind, and what is kept of those that do.

use std::cell::OnceCell;

use super::super::source::Told;
use super::super::stats::Stats;
use super::cite::Cite;
use super::event::called;
use super::{Pass, Scratch};
use crate::classify::Look;
use crate::detect::take_all;
use crate::model::fields::{Fields, Seen};
use crate::model::hit::{RULE_HITS_KEPT, Sighting};
use crate::model::rule::Outcome;
use crate::sift::AtomHit;

impl Pass<'_, '_> {
    /// Which rules may match: those whose atoms are in the record, those without atoms, all where the gate is blind. Of
    /// these the ones that its kind and its values leave, where these are listed.
    pub(super) fn candidates(&self, seen: &Seen, atoms: &[AtomHit], scratch: &mut Scratch) {
        let record = &self.text[seen.start..seen.end];
        let Scratch { candidates, marked, detect, shapes, listed, sure, .. } = scratch;
        candidates.clear();
        (*listed, *sure) = (false, false);
        let Some(gate) = self.gate else { return };
        marked.resize(self.plan.program.rules().len().div_ceil(64), 0);
        if gate.bypasses(record) {
            mark(&gate.all, marked);
        } else {
            mark(&gate.atoms.always, marked);
            atoms.iter().for_each(|atom| mark(&gate.atoms.rules[atom.literal as usize], marked));
        }
        if marked.iter().all(|bits| *bits == 0) {
            return;
        }
        let (program, format) = (&self.plan.program, self.block.layout.format);
        match seen.values {
            Some((from, to)) => {
                let values = self.values.get(from as usize..to as usize).unwrap_or_default();
                *sure = program.left(format, &self.templates.listing(self.text, values), marked, detect, candidates);
            }
            None => {
                *listed = self.reader.list(record, shapes);
                if *listed {
                    *sure = program.left(format, &self.reader.listing(record, shapes), marked, detect, candidates);
                } else {
                    take_all(marked, candidates);
                }
            }
        }
        if !candidates.is_empty() {
            Stats::count(&self.stats.candidates, 1);
            Stats::count(&self.stats.evaluated, candidates.len() as u64);
        }
    }

    /// Whether the record at hand is no more than counted where it comes behind others: it is sure to match its candidates, of each of
    /// which as many records are kept as may be, and no correlation counts on them.
    pub(super) fn may_be_counted(&self, scratch: &Scratch, told: &Told) -> bool {
        let program = &self.plan.program;
        let is_full = |rule: &u32| {
            let id = program.rules()[*rule as usize].id.as_str();
            told.full.contains_key(id) && program.counted(*rule).is_none()
        };
        scratch.sure && scratch.candidates.iter().all(is_full)
    }

    /// Counts a record that [may be](Self::may_be_counted), by its columns; false where it does not come behind others.
    pub(super) fn counted(
        &self,
        (seen, format): (&Seen, &str),
        fields: &Fields<'_>,
        scratch: &Scratch,
        told: &mut Told,
    ) -> bool {
        let (outcome, rules) = (Outcome::told(format, fields), self.plan.program.rules());
        let id = |rule: &u32| rules[*rule as usize].id.as_str();
        let is_behind = |rule: &u32| told.full.get(id(rule)).is_some_and(|last| last.is_before(outcome, seen.place));
        if !scratch.candidates.iter().all(is_behind) {
            return false;
        }
        Stats::count(&self.stats.matched, scratch.candidates.len() as u64);
        for rule in &scratch.candidates {
            match told.rules.get_mut(id(rule)) {
                Some(sightings) => sightings.count(fields.time),
                None => told.rules.entry(id(rule).into()).or_default().count(fields.time),
            }
        }
        true
    }

    /// Evaluates the candidates, and keeps the record with those that match.
    pub(super) fn rules(
        &self,
        cite: &Cite,
        (format, record): (&str, &[u8]),
        fields: &Fields<'_>,
        scratch: &mut Scratch,
        told: &mut Told,
    ) {
        if scratch.candidates.is_empty() {
            return;
        }
        let program = &self.plan.program;
        scratch.matched.clear();
        program.eval(format, fields, record, &scratch.candidates, &mut scratch.detect, &mut scratch.matched);
        if scratch.matched.is_empty() {
            return;
        }
        Stats::count(&self.stats.matched, scratch.matched.len() as u64);
        let (outcome, place) = (Outcome::told(format, fields), cite.seen.place);
        let sighting = OnceCell::new();
        let see = || {
            let data = self.plan.classifier.data(fields, Look::Values);
            Sighting { data, outcome, called: called(format, fields), ..self.sighting(cite, fields, None) }
        };
        for &rule in &scratch.matched {
            let id = program.rules()[rule as usize].id.as_str();
            let sightings = match told.rules.get_mut(id) {
                Some(sightings) => sightings,
                None => told.rules.entry(id.into()).or_default(),
            };
            match told.full.get(id) {
                Some(last) if last.is_before(outcome, place) => sightings.count(fields.time),
                _ => sightings.add(RULE_HITS_KEPT, outcome, fields.time, place, || sighting.get_or_init(see).clone()),
            }
        }
        self.event(cite, format, fields, scratch, told);
    }
}

/// Sets the bits of numbers.
fn mark(numbers: &[u32], marked: &mut [u64]) {
    for number in numbers {
        if let Some(bits) = marked.get_mut(*number as usize / 64) {
            *bits |= 1 << (number % 64);
        }
    }
}

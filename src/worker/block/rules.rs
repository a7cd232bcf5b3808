//! Rules of a record: which may match, by its literals and its kind, and what is kept of those that do.

use std::cell::OnceCell;

use super::super::source::Told;
use super::super::stats::Stats;
use super::cite::Cite;
use super::{Pass, Scratch};
use crate::classify::Look;
use crate::model::fields::{Fields, Seen};
use crate::model::hit::{RULE_HITS_KEPT, Sighting};
use crate::model::rule::Outcome;
use crate::sift::AtomHit;

impl Pass<'_, '_> {
    /// Which rules may match: those whose atoms are in the record, those without atoms, all where the gate is blind. Of
    /// these the ones that its kind leaves, where that is told by its values.
    pub(super) fn candidates(&self, seen: &Seen, atoms: &[AtomHit], scratch: &mut Scratch) {
        let record = &self.text[seen.start..seen.end];
        let Scratch { candidates, marked, detect, shapes, listed, .. } = scratch;
        candidates.clear();
        *listed = false;
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
        let may = match seen.values {
            Some((from, to)) => {
                let values = self.values.get(from as usize..to as usize).unwrap_or_default();
                program.of_kind(format, self.templates.named(self.text, values), detect)
            }
            None => {
                *listed = self.reader.list(record, shapes);
                listed.then(|| program.of_kind(format, shapes.named(record), detect)).flatten()
            }
        };
        take_marked(marked, may, candidates);
        if !candidates.is_empty() {
            Stats::count(&self.stats.candidates, 1);
            Stats::count(&self.stats.evaluated, candidates.len() as u64);
        }
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
            Sighting { data, outcome, ..self.sighting(cite, fields, None) }
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

/// Takes the numbers whose bits are set, ascending, but for those that `may` rules out. No bit is set behind it.
fn take_marked(marked: &mut [u64], may: Option<&[u64]>, out: &mut Vec<u32>) {
    for (word, bits) in (0u32..).zip(marked) {
        if let Some(may) = may {
            *bits &= may.get(word as usize).copied().unwrap_or_default();
        }
        while *bits != 0 {
            out.push(word * 64 + bits.trailing_zeros());
            *bits &= *bits - 1;
        }
    }
}

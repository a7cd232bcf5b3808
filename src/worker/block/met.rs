//! Indicator hits of a record, or of a piece of one → what is told of them.

use std::collections::HashSet;
use std::sync::Arc;

use super::super::places::FieldPlaces;
use super::super::source::Told;
use super::cite::Cite;
use super::event::called;
use super::hand::Known;
use super::{Pass, is_in_doubt};
use crate::model::block::Record;
use crate::model::fields::{Canon, Fields, Seen, Want};
use crate::model::hit::{IndicatorRef, MatchKind, Sighting};
use crate::model::indicator::{IndicatorKind, IndicatorMeta, RawHit};
use crate::model::lines::narrow;
use crate::model::part::{PART_HITS_KEPT, PartRef};
use crate::model::place::Place;
use crate::model::rule::Outcome;
use crate::model::subject::Subject;
use crate::model::typed;
use crate::sift;

impl Pass<'_, '_> {
    /// Indicators in a record, read with the fields of `want` as of `format`.
    pub(super) fn listed<'b>(
        &'b self,
        (cite, record): (&Cite, &'b [u8]),
        (known, has_parts): (Known<'_, '_>, bool),
        (want, format): (Want, &str),
        fields: &mut Fields<'b>,
        told: &mut Told,
    ) {
        let Known { hits, hides, .. } = known;
        let agents = sift::agents_named(&self.plan.indicators, fields);
        if !agents.is_empty() && want == Want::Agents && format == self.block.layout.format {
            // A record that is cited is read in full; a stray was.
            self.parse(&cite.seen, Want::All, fields);
        }
        if has_parts {
            self.indicators_of_parts(cite, hits, &agents, fields, told);
        } else if cite.seen.values.is_none() {
            let met = self.indicators((cite, self.text), hits, &agents, fields, told);
            if hides {
                self.hidden((cite, record), fields, met, told);
            }
        } else if self.whole || !hits.is_empty() || !agents.is_empty() {
            self.indicators_of_values(cite, &agents, told);
        }
    }

    /// Indicator hits of one record, in its text and those that its user agent is; each (indicator, match kind) counts
    /// once. Gives those that did.
    pub(super) fn indicators(
        &self,
        (cite, text): (&Cite, &[u8]),
        hits: &[RawHit],
        agents: &[u32],
        fields: &Fields<'_>,
        told: &mut Told,
    ) -> HashSet<(u32, MatchKind)> {
        let mut counted = HashSet::new();
        self.indicators_once((cite, text), hits, agents, (fields, &mut counted), told);
        counted
    }

    /// The same of those that were not counted yet.
    pub(super) fn indicators_once(
        &self,
        (cite, text): (&Cite, &[u8]),
        hits: &[RawHit],
        agents: &[u32],
        (fields, counted): (&Fields<'_>, &mut HashSet<(u32, MatchKind)>),
        told: &mut Told,
    ) {
        if hits.is_empty() && agents.is_empty() {
            return;
        }
        let set = &self.plan.indicators;
        let places = if hits.is_empty() { FieldPlaces::default() } else { FieldPlaces::of(fields, text) };
        for hit in hits.iter().filter_map(|hit| sift::rebuilt(set, *hit, fields)) {
            if counted.contains(&(hit.indicator, hit.how)) {
                continue;
            }
            let field = places.holding(&hit, text, fields);
            let Some(indicator) = set.get(hit.indicator) else { continue };
            // What stands in the field of the user agent is whole or a part of it.
            let typed = indicator.kind == IndicatorKind::UserAgent && field.as_deref() == Some(Canon::UserAgent.name());
            if sift::plausible(indicator.kind, &hit, field.as_deref(), text)
                && (!typed || agents.contains(&hit.indicator))
            {
                counted.insert((hit.indicator, hit.how));
                self.met((hit.indicator, hit.how), field, cite, fields, told);
            }
        }
        let is_trace = |hit: &RawHit| set.list.get(hit.indicator).is_some_and(|i| typed::is_typed(i.kind));
        if let Some(words) = self.sift.words()
            && hits.iter().any(is_trace)
        {
            for met in words.typed(set, fields) {
                if counted.insert((met.indicator, met.how)) {
                    self.met((met.indicator, met.how), Some(met.field), cite, fields, told);
                }
            }
        }
        for &agent in agents {
            if counted.insert((agent, MatchKind::Exact)) {
                let field = Some(Canon::UserAgent.name().to_owned());
                self.met((agent, MatchKind::Exact), field, cite, fields, told);
            }
        }
    }

    /// The same of a record whose text is its values alone: its whole text is searched.
    pub(super) fn indicators_of_values(&self, cite: &Cite, agents: &[u32], told: &mut Told) {
        let text = self.text_of(cite);
        let (mut hits, mut fields) = (Vec::new(), Fields::default());
        self.sift.indicators(text, &mut hits);
        if self.reader.parse(text, Want::All, &mut fields).is_ok() {
            self.indicators((cite, text), &hits, agents, &fields, told);
        }
    }

    /// A record shows an indicator.
    pub(super) fn met(
        &self,
        (indicator, how): (u32, MatchKind),
        field: Option<String>,
        cite: &Cite,
        fields: &Fields<'_>,
        told: &mut Told,
    ) {
        let Some(key) = self.named(indicator, how, told) else { return };
        let format = fields.inside.unwrap_or(self.block.layout.format);
        let make = || Sighting { called: called(format, fields), ..self.sighting(cite, fields, field) };
        let outcome = Outcome::of(fields);
        let sightings = told.indicators.entry(key).or_default();
        sightings.add(self.plan.max_evidence, outcome, fields.time, cite.seen.place, make);
        sightings.add_who(Subject::of(fields), outcome, fields.time);
    }

    /// A record shows a part of a pattern.
    pub(super) fn shown(&self, (pattern, part): (u32, u32), cite: &Cite, fields: &Fields<'_>, told: &mut Told) {
        let Some(IndicatorRef { value, .. }) = self.named(pattern, MatchKind::Exact, told) else { return };
        let make = || self.sighting(cite, fields, None);
        let sightings = told.parts.entry(PartRef { pattern: value, part }).or_default();
        sightings.add(PART_HITS_KEPT, Outcome::of(fields), fields.time, cite.seen.place, make);
    }

    /// What the hits of an indicator are gathered under; notes what its feeds say of it.
    fn named(&self, index: u32, how: MatchKind, told: &mut Told) -> Option<IndicatorRef> {
        let indicator = self.plan.indicators.get(index)?;
        let key = IndicatorRef { value: indicator.value.into(), kind: indicator.kind.word().into(), how };
        told.indicator_metas.entry((key.kind.clone(), key.value.clone())).or_insert_with(|| {
            let warninglists = self.plan.warninglists.of(indicator.kind, indicator.value);
            Arc::new(IndicatorMeta { warninglists, ..self.plan.indicators.meta(index) })
        });
        Some(key)
    }

    /// How much of the text of a piece the piece before had as well.
    fn shared_text(&self, shared: usize) -> usize {
        if !self.rendered {
            return shared;
        }
        let mut text = Vec::new();
        narrow(&self.block.bytes[..shared], self.block.layout.encoding, &mut text);
        text.len()
    }

    /// A piece of an oversize record: indicators only.
    pub(super) fn piece(&self, shared: usize, hits: &[RawHit], told: &mut Told) {
        let length = self.block.bytes.len();
        told.fates.oversize += (length - shared.min(length)) as u64;
        if shared == 0 {
            told.oversize = 1;
            told.records = 1;
        }
        let shared = self.shared_text(shared);
        let record = Record { start: 0, end: length, line: self.block.first_line, index: self.block.first_record };
        let place = Place {
            offset: self.block.base,
            length: length as u64,
            line: (record.line > 0).then_some(record.line),
            record: Some(record.index),
            event_record_id: None,
            in_doubt: is_in_doubt(self.doubts, self.block.base, length as u64),
        };
        let cite = Cite::new(Seen { start: 0, end: self.text.len(), place, values: None });
        let fields = Fields::default();
        for hit in hits.iter().filter(|hit| hit.end > shared) {
            let Some(indicator) = self.plan.indicators.get(hit.indicator) else { continue };
            if !sift::plausible(indicator.kind, hit, None, self.text) {
                continue;
            }
            let Some(key) = self.named(hit.indicator, hit.how, told) else { continue };
            told.pieces.entry((record.index, key)).or_insert_with(|| self.sighting(&cite, &fields, None));
        }
    }
}

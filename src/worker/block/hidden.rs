//! Indicators in what fields say and bytes do not show: arguments in hex, addresses in binary, addresses that run on into
//! a port.

use super::cite::Cite;
use super::{Pass, stated, take_within};
use crate::model::fields::{Canon, Fields, Seen, Want};
use crate::model::indicator::RawHit;
use crate::sift;

/// The values of a record, a line each, and which field each is of.
#[derive(Default)]
struct Said {
    text: Vec<u8>,
    /// Where each value ends.
    ends: Vec<usize>,
}

impl Said {
    fn set(&mut self, fields: &Fields<'_>) {
        self.text.clear();
        self.ends.clear();
        for (_, value, _) in fields.named() {
            self.text.extend_from_slice(value);
            self.text.push(b'\n');
            self.ends.push(self.text.len());
        }
    }

    /// What the field is called in which a hit lies.
    fn name(&self, hit: &RawHit, fields: &Fields<'_>) -> Option<String> {
        let field = fields.at(self.ends.partition_point(|end| *end <= hit.start))?;
        Some(match field.canon {
            Some(canon) => Canon::name(canon).to_owned(),
            None => String::from_utf8_lossy(fields.bytes(field.name)).into_owned(),
        })
    }
}

impl Pass<'_, '_> {
    /// Indicators in the fields of records whose bytes may hide what these say, but for those that the bytes show.
    /// `shown`: the hits in all bytes.
    pub(super) fn hidden<'b>(
        &'b self,
        records: &[Seen],
        shown: &[RawHit],
        fields: &mut Fields<'b>,
        told: &mut super::Told,
    ) {
        if self.plan.indicators.list.is_empty() || !self.reader.hides(self.text) {
            return;
        }
        let (mut said, mut hits, mut next) = (Said::default(), Vec::new(), 0);
        for seen in records {
            let shown = take_within(shown, &mut next, seen, |hit| hit.start);
            let hides = self.reader.hides(&self.text[seen.start..seen.end]);
            if !hides || self.parse(seen, Want::All, fields).is_none() {
                continue;
            }
            if !self.plan.period.holds(fields.time.map(|t| t.at)) {
                continue;
            }
            said.set(fields);
            hits.clear();
            self.sift.indicators(&said.text, &mut hits);
            let is_new = |hit: &RawHit| !shown.iter().any(|s| (s.indicator, s.how) == (hit.indicator, hit.how));
            hits.retain(is_new);
            self.said(&said, &hits, &Cite::new(stated(*seen, fields)), fields, told);
        }
    }

    /// Tells of the hits in the values of one record; each (indicator, match kind) counts once.
    fn said(&self, said: &Said, hits: &[RawHit], cite: &Cite, fields: &Fields<'_>, told: &mut super::Told) {
        let set = &self.plan.indicators;
        let mut counted = Vec::new();
        for hit in hits.iter().filter_map(|hit| sift::rebuilt(set, *hit, fields)) {
            let (Some(indicator), field) = (set.get(hit.indicator), said.name(&hit, fields)) else { continue };
            let is_counted = counted.contains(&(hit.indicator, hit.how));
            if !is_counted && sift::plausible(indicator.kind, &hit, field.as_deref(), &said.text) {
                counted.push((hit.indicator, hit.how));
                self.met((hit.indicator, hit.how), field, cite, fields, told);
            }
        }
    }
}

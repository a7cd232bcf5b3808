//! Indicators in what fields say and bytes do not show: arguments in hex, addresses in binary, addresses that run on into
//! a port, names by their labels.

use std::collections::HashSet;

use super::super::source::Told;
use super::Pass;
use super::cite::Cite;
use crate::model::fields::{Canon, Fields};
use crate::model::hit::MatchKind;
use crate::model::indicator::RawHit;
use crate::sift;

/// Values of a record, a line each, and which field each is of.
#[derive(Default)]
struct Said {
    text: Vec<u8>,
    /// Where each value ends, and its field.
    ends: Vec<(usize, usize)>,
}

impl Said {
    /// What the record does not show: values that do not stand in it, and addresses, behind which a port may.
    fn of(record: &[u8], fields: &Fields<'_>) -> Self {
        let mut all = Self::default();
        for index in 0.. {
            let Some(field) = fields.at(index) else { break };
            let value = fields.bytes(field.value);
            let is_address = matches!(field.canon, Some(Canon::SourceIp | Canon::DestinationIp));
            if is_address || memchr::memmem::find(record, value).is_none() {
                all.text.extend_from_slice(value);
                all.text.push(b'\n');
                all.ends.push((all.text.len(), index));
            }
        }
        all
    }

    /// What the field is called in which a hit lies.
    fn name(&self, hit: &RawHit, fields: &Fields<'_>) -> Option<String> {
        let at = self.ends.partition_point(|(end, _)| *end <= hit.start);
        fields.shown(self.ends.get(at)?.1)
    }
}

impl Pass<'_, '_> {
    /// Indicators in the fields of a record whose bytes hide what these say, but for those `met` there; each (indicator, match
    /// kind) counts once.
    pub(super) fn hidden(
        &self,
        (cite, record): (&Cite, &[u8]),
        fields: &Fields<'_>,
        mut met: HashSet<(u32, MatchKind)>,
        told: &mut Told,
    ) {
        let (said, set) = (Said::of(record, fields), &self.plan.indicators);
        let mut hits = Vec::new();
        self.sift.indicators(&said.text, &mut hits);
        for hit in hits.iter().filter_map(|hit| sift::rebuilt(set, *hit, fields)) {
            let (Some(indicator), field) = (set.get(hit.indicator), said.name(&hit, fields)) else { continue };
            if !met.contains(&(hit.indicator, hit.how))
                && sift::plausible(indicator.kind, &hit, field.as_deref(), &said.text)
            {
                met.insert((hit.indicator, hit.how));
                self.met((hit.indicator, hit.how), field, cite, fields, told);
            }
        }
    }
}

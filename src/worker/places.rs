//! In which field of a record does a hit lie?

use crate::model::fields::{Fields, Kind, Text};
use crate::model::indicator::RawHit;

/// Bytes of unescaped values that are searched for the hits of one record; a record with more of both than this is
/// hostile or a list of indicators, and the field of its further hits stays unnamed.
const SEARCHED_BYTES: usize = 1 << 20;

/// Where the fields of a record lie in its text.
#[derive(Default)]
pub(super) struct FieldPlaces {
    /// Start, end and position of the fields that lie in the text, sorted.
    slices: Vec<(usize, usize, usize)>,
    /// Positions of the fields that were unescaped.
    unescaped: Vec<usize>,
    searched: std::cell::Cell<usize>,
}

impl FieldPlaces {
    /// Places of all fields but nested ones, whose parts are fields of their own.
    pub(super) fn of(fields: &Fields<'_>, text: &[u8]) -> Self {
        let mut places = Self::default();
        let begin = text.as_ptr() as usize;
        for (position, field) in fields.iter().enumerate().filter(|(_, field)| field.kind != Kind::Json) {
            match field.value {
                Text::Slice(value) => {
                    let start = (value.as_ptr() as usize).wrapping_sub(begin);
                    if start < text.len() && !value.is_empty() {
                        places.slices.push((start, start + value.len(), position));
                    }
                }
                Text::Arena(..) => places.unescaped.push(position),
            }
        }
        places.slices.sort_unstable();
        places
    }

    /// The name of the field that holds a hit: canonical where it has one.
    pub(super) fn holding(&self, hit: &RawHit, text: &[u8], fields: &Fields<'_>) -> Option<String> {
        let position = self.around(hit).or_else(|| self.unescaped_with(&text[hit.start..hit.end], fields))?;
        fields.shown(position)
    }

    /// The first field, in the order of the record, that lies around the hit. Fields nest at most a few deep.
    fn around(&self, hit: &RawHit) -> Option<usize> {
        const DEPTH: usize = 16;
        let after = self.slices.partition_point(|(start, ..)| *start <= hit.start);
        let near = self.slices[..after].iter().rev().take(DEPTH);
        near.filter(|(_, end, _)| hit.end <= *end).map(|(_, _, position)| *position).min()
    }

    fn unescaped_with(&self, token: &[u8], fields: &Fields<'_>) -> Option<usize> {
        self.unescaped.iter().copied().find(|&position| {
            let value = fields.at(position).map(|field| fields.bytes(field.value)).unwrap_or_default();
            if self.searched.get() > SEARCHED_BYTES {
                return false;
            }
            self.searched.set(self.searched.get() + value.len());
            memchr::memmem::find(value, token).is_some()
        })
    }
}

//! Reads a record: as its source's format, or as another whose line it is or holds.

use super::{Pass, Scratch};
use crate::format::{self, Reader};
use crate::model::fields::{Fields, Parsed, Seen, Want};

use super::super::source::Told;

impl Pass<'_, '_> {
    /// Reads a record, as its source's format or another that it shows; gives the format, and whether it could be read.
    pub(super) fn read<'b>(
        &'b self,
        (seen, want): (&Seen, Want),
        fields: &mut Fields<'b>,
        scratch: &mut Scratch,
        told: &mut Told,
    ) -> (&'static str, bool) {
        let (record, own) = (&self.text[seen.start..seen.end], self.block.layout.format);
        let plain = own == "text";
        let read = match () {
            () if plain => None,
            () if scratch.listed && self.reader.lists(want) => {
                self.reader_at(seen.place.offset).listed((record, &scratch.shapes), want, fields);
                Some(Parsed::Event)
            }
            () => self.parse(seen, want, fields),
        };
        let other = match read {
            Some(Parsed::Carried(dialect)) => {
                self.carried((seen, want), dialect, fields, scratch);
                Some(dialect)
            }
            None if !plain && self.block.is_of_lines() => self.stray(record, fields, scratch),
            _ => None,
        };
        if let Some(other) = other {
            let is_carried = matches!(read, Some(Parsed::Carried(_))) || format::is_container(own);
            let of = if is_carried { &mut told.carried } else { &mut told.strays };
            *of.entry(other).or_default() += 1;
        }
        // A stray was read in full.
        self.inside((seen, if read.is_some() { want } else { Want::All }), fields, scratch);
        (other.unwrap_or(own), read.is_some() || other.is_some())
    }

    /// What reads the record at an offset.
    #[inline]
    pub(super) fn reader_at(&self, offset: u64) -> &Reader<'_> {
        let turned = self.turned.iter().rev().find(|(from, _)| *from <= offset);
        turned.map_or(&self.reader, |(_, reader)| reader)
    }

    /// Reads the wanted fields of a record; `None` where it is not of its source's format.
    pub(super) fn parse<'b>(&'b self, seen: &Seen, want: Want, fields: &mut Fields<'b>) -> Option<Parsed> {
        match seen.values {
            None => {
                let reader = self.reader_at(seen.place.offset);
                reader.parse(&self.text[seen.start..seen.end], want, fields).ok()
            }
            Some((from, to)) => {
                let values = self.values.get(from as usize..to as usize).unwrap_or_default();
                self.reader.read(self.templates, (self.text, values), want, fields);
                Some(Parsed::Event)
            }
        }
    }

    /// A line of another dialect than its source's. All rules for that dialect may match: their literals were not
    /// looked for.
    fn stray<'b>(&'b self, line: &'b [u8], fields: &mut Fields<'b>, scratch: &mut Scratch) -> Option<&'static str> {
        let format = self.strays.parse(line, Want::All, fields)?;
        self.open_to(format, scratch);
        Some(format)
    }

    /// A record that carries a line of another dialect, which was read with the fields of `want`: as for a stray.
    fn carried<'b>(
        &'b self,
        (seen, want): (&Seen, Want),
        dialect: &'static str,
        fields: &mut Fields<'b>,
        scratch: &mut Scratch,
    ) {
        self.open_to(dialect, scratch);
        let is_enough = want == Want::Columns && scratch.candidates.is_empty() && scratch.patterns.is_empty();
        if want != Want::All && !is_enough {
            self.parse(seen, Want::All, fields);
        }
    }

    /// A record whose message holds one of another dialect: adds the rules for that which its own format's gate does not find.
    fn inside<'b>(&'b self, (seen, want): (&Seen, Want), fields: &mut Fields<'b>, scratch: &mut Scratch) {
        let Some(rules) = self.plan.program.apart(fields) else { return };
        scratch.candidates.extend_from_slice(rules);
        scratch.candidates.sort_unstable();
        scratch.candidates.dedup();
        if want != Want::All {
            self.parse(seen, Want::All, fields);
        }
    }

    /// Has all rules for a dialect, and all patterns, held against the record at hand.
    fn open_to(&self, format: &str, scratch: &mut Scratch) {
        scratch.candidates.clear();
        if let Some(gate) = self.plan.program.gate(format) {
            scratch.candidates.extend_from_slice(&gate.all);
        }
        scratch.patterns.clear();
        scratch.patterns.extend(0..self.plan.patterns.len() as u32);
    }
}

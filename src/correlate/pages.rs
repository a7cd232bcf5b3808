//! Whether the other pages of an answer lie beside a page of it: files of one folder, or members of one archive, of the same format and of
//! the same search as far as they tell.

use std::collections::{BTreeMap, BTreeSet};

use super::World;
use crate::model::coverage::Lacking;
use crate::model::ledger::{EntryKind, Note, Reason};
use crate::model::pages::{Answers, may_lie_beside};
use crate::model::partial::SourcePartial;

/// A folder, a format and what is listed.
type Shelf = (String, String, Box<str>);

/// What lies on the shelves on which pages do.
#[derive(Default)]
pub(super) struct Pages(BTreeMap<Shelf, Shelved>);

#[derive(Default)]
struct Shelved {
    /// Whether an answer is there that no other page follows.
    has_last: bool,
    /// Records of the searches of which a file holds a part alone, by the number that was found: all pages of a search state the same, and
    /// an answer that is whole is no page of another one.
    searches: BTreeMap<u64, Vec<Search>>,
}

/// Pages that share a part of what was searched.
struct Search {
    parts: BTreeSet<Box<str>>,
    records: u64,
}

fn shelf(source: &SourcePartial, answers: &Answers) -> Shelf {
    let format = source.entry.format.clone().unwrap_or_default();
    (source.entry.source.folder().to_owned(), format, answers.of.clone())
}

impl Shelved {
    /// Adds a page; `records`: how many it has that are counted with no other one.
    fn add(&mut self, answers: &Answers, records: u64) {
        self.has_last |= !answers.is_followed;
        let Some(found) = answers.lacks() else { return };
        let all = self.searches.entry(found).or_default();
        let (own, mut others): (Vec<_>, Vec<_>) =
            std::mem::take(all).into_iter().partition(|s| s.is_of(&answers.parts));
        let joined = own.into_iter().fold(Search { parts: answers.parts.clone(), records }, Search::and);
        others.push(joined);
        *all = others;
    }

    /// How many records of a page's search are here.
    fn here(&self, answers: &Answers, found: u64) -> u64 {
        let own = self.searches.get(&found).into_iter().flatten().find(|search| search.is_of(&answers.parts));
        own.map_or(answers.records, |search| search.records.max(answers.records))
    }
}

impl Search {
    /// Whether a page with records of these parts is of it. One that tells of none may be.
    fn is_of(&self, parts: &BTreeSet<Box<str>>) -> bool {
        parts.is_empty() == self.parts.is_empty() && (parts.is_empty() || !self.parts.is_disjoint(parts))
    }

    fn and(mut self, other: Self) -> Self {
        self.parts.extend(other.parts);
        self.records = self.records.saturating_add(other.records);
        self
    }
}

impl Pages {
    /// Gathers them, where a page is there that others belong to.
    pub(super) fn of(world: &World<'_>) -> Self {
        let answers = || {
            let all = world.merged.sources.iter().filter(|((_, kind, _), _)| *kind == EntryKind::Source);
            all.filter_map(|(_, source)| Some((source.as_ref(), source.covered.answers.as_ref()?)))
        };
        let mut all = Self::default();
        for (source, of) in answers().filter(|(_, of)| of.is_followed || of.lacks().is_some()) {
            all.0.entry(shelf(source, of)).or_default();
        }
        if all.0.is_empty() {
            return all;
        }
        for (source, of) in answers() {
            if let Some(shelved) = all.0.get_mut(&shelf(source, of)) {
                // Of pages that hold the same records in part the one with the most counts: what the others have beside these is not known.
                let is_repeated = world.overlaps.log(&source.entry.source).is_some_and(|log| log.rank > 0);
                shelved.add(of, if is_repeated { 0 } else { of.records });
            }
        }
        all
    }

    /// What of the answers in a source lies nowhere beside it.
    pub(super) fn lacking(&self, source: &SourcePartial) -> Option<Lacking> {
        let answers = source.covered.answers.as_ref()?;
        let shelved = self.0.get(&shelf(source, answers))?;
        let fewer =
            answers.lacks().map(|found| (found, shelved.here(answers, found))).filter(|(found, here)| here < found);
        match fewer {
            Some((found, here)) => Some(Lacking { here, found: Some(found) }),
            None => {
                (answers.is_followed && !shelved.has_last).then_some(Lacking { here: answers.records, found: None })
            }
        }
    }

    /// Whether what a source says of its export leaves something out that lies nowhere beside it.
    pub(super) fn is_cut(&self, source: &SourcePartial, note: &Note) -> bool {
        note.reason == Reason::ExportTruncated && (!may_lie_beside(&note.detail) || self.lacking(source).is_some())
    }
}

//! Whether the other pages of an answer lie beside a page of it: files of one folder, or members of one archive, of the same format.

use std::collections::BTreeMap;

use super::World;
use crate::model::ledger::{EntryKind, Note, Reason};
use crate::model::pages::{FEWER_THAN_FOUND, MORE_FOLLOW};
use crate::model::partial::SourcePartial;

/// A folder and a format.
type Shelf = (String, String);

/// What lies on the shelves on which pages do.
#[derive(Default)]
pub(super) struct Pages(BTreeMap<Shelf, Shelved>);

#[derive(Default)]
struct Shelved {
    /// Whether a file is there that no other page follows.
    has_last: bool,
    /// Records of the files that state how many were found, by that number: all pages of a search state the same, and an answer that is
    /// whole is no page of another one.
    records: BTreeMap<Option<u64>, u64>,
}

fn shelf(source: &SourcePartial) -> Shelf {
    (source.entry.source.folder().to_owned(), source.entry.format.clone().unwrap_or_default())
}

fn told<'s>(source: &'s SourcePartial, detail: &str) -> impl Iterator<Item = &'s Note> {
    source.entry.notes.iter().filter(move |note| note.reason == Reason::ExportTruncated && note.detail == detail)
}

fn says(source: &SourcePartial, detail: &str) -> bool {
    told(source, detail).next().is_some()
}

/// How many its search found, where it holds fewer.
fn founds(source: &SourcePartial) -> impl Iterator<Item = Option<u64>> {
    told(source, FEWER_THAN_FOUND).map(|note| note.count)
}

impl Pages {
    /// Gathers them, where a page is there that others belong to.
    pub(super) fn of(world: &World<'_>) -> Self {
        let sources = || {
            let all = world.merged.sources.iter().filter(|((_, kind, _), _)| *kind == EntryKind::Source);
            all.map(|(_, source)| source.as_ref())
        };
        let mut all = Self::default();
        for source in sources().filter(|source| says(source, MORE_FOLLOW) || says(source, FEWER_THAN_FOUND)) {
            all.0.entry(shelf(source)).or_default();
        }
        if all.0.is_empty() {
            return all;
        }
        for source in sources() {
            if let Some(shelved) = all.0.get_mut(&shelf(source)) {
                shelved.has_last |= !says(source, MORE_FOLLOW);
                for found in founds(source) {
                    let records = shelved.records.entry(found).or_default();
                    *records = records.saturating_add(source.entry.records);
                }
            }
        }
        all
    }

    /// Whether what a source says of its export leaves something out that lies nowhere beside it.
    pub(super) fn is_cut(&self, source: &SourcePartial, note: &Note) -> bool {
        let shelved = self.0.get(&shelf(source));
        note.reason == Reason::ExportTruncated
            && match &*note.detail {
                MORE_FOLLOW => shelved.is_none_or(|shelved| !shelved.has_last),
                FEWER_THAN_FOUND => {
                    let here = shelved.and_then(|shelved| shelved.records.get(&note.count).copied());
                    note.count.is_none_or(|found| here.unwrap_or_default() < found)
                }
                _ => true,
            }
    }
}

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
    records: u64,
}

fn shelf(source: &SourcePartial) -> Shelf {
    (source.entry.source.folder().to_owned(), source.entry.format.clone().unwrap_or_default())
}

fn says(source: &SourcePartial, detail: &str) -> bool {
    source.entry.notes.iter().any(|note| note.reason == Reason::ExportTruncated && note.detail == detail)
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
                shelved.records = shelved.records.saturating_add(source.entry.records);
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
                    shelved.is_none_or(|shelved| note.count.is_none_or(|found| shelved.records < found))
                }
                _ => true,
            }
    }
}

//! Copies among plain files that were not hashed as they were read: only a source of the same length that begins alike can be one,
//! so only those are read once more, when all lengths and beginnings are known.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use highway::{HighwayHash, HighwayHasher, Key};
use rayon::prelude::*;

use super::content::keyed_name;
use crate::model::ledger::{EntryKind, Note, Reason};
use crate::model::partial::{Partial, SourceKey, SourcePartial};
use crate::model::source::Survey;
use crate::open;

/// How the content of a plain file begins that is told once all are read; behind it stands what its first [`HEAD_BYTES`] are.
pub(super) const LATE: &str = "late:";
/// So many bytes of such a file are hashed as they are read: the header of an event log, and the first records of others.
pub(super) const HEAD_BYTES: usize = 4096;

/// Tells the content of those plain files that may be copies; of all others it does not matter and is taken away.
pub fn tell_copies(secret: [u64; 4], survey: &Survey, scanned: &mut Partial) {
    let alike = Alike::of(scanned.sources.values().map(|source| &**source));
    let paths: HashMap<_, _> = survey.files.iter().map(|file| (&file.locator, file.path.as_deref())).collect();
    let late = scanned.sources.iter().filter(|(_, source)| source.content.starts_with(LATE));
    let told: BTreeMap<SourceKey, Result<Box<str>, String>> = late
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|(key, source)| {
            let length = source.entry.size;
            let path = paths.get(&source.entry.source).copied().flatten();
            let content = match path.filter(|_| alike.may_be_copy(source)) {
                Some(path) => keyed(secret, path, length),
                None => Ok("".into()),
            };
            (key.clone(), content)
        })
        .collect();
    for (key, content) in told {
        let Some(source) = scanned.sources.get_mut(&key).map(Arc::make_mut) else { continue };
        source.content = content.unwrap_or_else(|cause| {
            let detail = format!("could not be read once more, so that it may be a copy of another file: {cause}");
            source.entry.notes.push(Note::new(Reason::ChangedDuringScan, detail));
            source.entry.notes.sort();
            "".into()
        });
    }
}

/// How many sources have a length, and how many of those whose content is told late begin alike.
struct Alike<'p> {
    lengths: HashMap<u64, u32>,
    heads: HashMap<(u64, &'p str), u32>,
}

impl<'p> Alike<'p> {
    fn of(sources: impl Iterator<Item = &'p SourcePartial>) -> Self {
        let (mut lengths, mut heads) = (HashMap::new(), HashMap::new());
        for source in sources.filter(|source| source.entry.kind == EntryKind::Source) {
            let length = source.entry.size;
            match &*source.content {
                late if late.starts_with(LATE) => *heads.entry((length, late)).or_default() += 1,
                _ => *lengths.entry(length).or_default() += 1,
            }
        }
        Self { lengths, heads }
    }

    /// Whether some other source may hold the same bytes as this one, whose content is told late. What a container held was
    /// hashed as a whole, so that nothing is known of how it begins.
    fn may_be_copy(&self, source: &SourcePartial) -> bool {
        let length = source.entry.size;
        self.lengths.contains_key(&length)
            || self.heads.get(&(length, &*source.content)).is_some_and(|alike| *alike > 1)
    }
}

/// The content of the first `length` bytes of a file, by the secret of this run.
fn keyed(secret: [u64; 4], path: &Path, length: u64) -> Result<Box<str>, String> {
    let mut hasher = HighwayHasher::new(Key(secret));
    open::each_piece(path, length, &mut |piece| hasher.append(piece)).map_err(|cause| cause.to_string())?;
    Ok(keyed_name(hasher))
}

//! Copies among plain files that were not hashed as they were read: only a source of the same length can be one, so only
//! those are read once more, when all lengths are known.

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

/// Content of a plain file that is told once all are read.
pub(super) const LATE: &str = "late";

/// Tells the content of those plain files that may be copies; of all others it does not matter and is taken away.
pub fn tell_copies(secret: [u64; 4], survey: &Survey, scanned: &mut Partial) {
    let mut lengths: HashMap<u64, u32> = HashMap::new();
    let is_source = |source: &SourcePartial| source.entry.kind == EntryKind::Source;
    for source in scanned.sources.values().filter(|source| is_source(source)) {
        *lengths.entry(source.entry.size).or_default() += 1;
    }
    let paths: HashMap<_, _> = survey.files.iter().map(|file| (&file.locator, file.path.as_deref())).collect();
    let late = scanned.sources.iter().filter(|(_, source)| &*source.content == LATE);
    let told: BTreeMap<SourceKey, Result<Box<str>, String>> = late
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|(key, source)| {
            let length = source.entry.size;
            let path = paths.get(&source.entry.source).copied().flatten();
            let content = match path.filter(|_| lengths[&length] > 1) {
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

/// The content of the first `length` bytes of a file, by the secret of this run.
fn keyed(secret: [u64; 4], path: &Path, length: u64) -> Result<Box<str>, String> {
    let mut hasher = HighwayHasher::new(Key(secret));
    open::each_piece(path, length, &mut |piece| hasher.append(piece)).map_err(|cause| cause.to_string())?;
    Ok(keyed_name(hasher))
}

//! A container that must be read out of order but comes as a stream: kept in memory, or in the work folder.

use std::io::{self, Read, Write};
use std::path::Path;

use rawzip::{FileReader, ReaderAt};

use super::source::{PULL_BYTES, Source};
use crate::model::ledger::{Note, Reason};
use crate::work::nameless;

/// The whole container, readable anywhere.
pub(super) enum Gathered {
    Memory(Vec<u8>),
    Spilled(FileReader, u64),
}

impl Gathered {
    pub(super) fn reader(&self) -> &dyn ReaderAt {
        match self {
            Self::Memory(bytes) => bytes,
            Self::Spilled(file, _) => file,
        }
    }

    /// Bytes that it holds in memory.
    pub(super) fn held(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Spilled(..) => 0,
        }
    }

    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Spilled(_, size) => *size,
        }
    }
}

/// Reads the container to its end: up to `max_buffered` bytes in memory, more into a file of `work`.
///
/// A stream that breaks off gives what came before; its failure stays in the source's gauge.
///
/// # Errors
/// [`Reason::NeedsRandomAccess`] where it is larger and there is no work folder, or that cannot be written.
pub(super) fn gather(source: &mut Source<'_>, max_buffered: u64, work: Option<&Path>) -> Result<Gathered, Note> {
    let mut bytes = Vec::new();
    let mut piece = vec![0; PULL_BYTES];
    while let Ok(read @ 1..) = source.read(&mut piece) {
        bytes.extend_from_slice(&piece[..read]);
        if bytes.len() as u64 > max_buffered {
            let Some(work) = work else {
                let detail = format!(
                    "must be read out of order and is over the {max_buffered} bytes that may be buffered; give --out or --work"
                );
                return Err(Note::new(Reason::NeedsRandomAccess, detail));
            };
            return spill(&bytes, source, work).map_err(|cause| {
                let detail = format!("the work folder cannot be written: {cause}");
                Note::new(Reason::NeedsRandomAccess, detail)
            });
        }
    }
    Ok(Gathered::Memory(bytes))
}

fn spill(begin: &[u8], source: &mut Source<'_>, work: &Path) -> io::Result<Gathered> {
    let mut file = nameless(work)?;
    file.write_all(begin)?;
    let mut size = begin.len() as u64;
    let mut piece = vec![0; PULL_BYTES];
    while let Ok(read @ 1..) = source.read(&mut piece) {
        file.write_all(&piece[..read])?;
        size += read as u64;
    }
    Ok(Gathered::Spilled(FileReader::from(file), size))
}

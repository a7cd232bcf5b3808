//! Sorted values in a file, and how several of them are read as one.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use itertools::Itertools;
use serde::de::DeserializeOwned;

use super::{BUFFER_BYTES, Fault};
use crate::error::Error;

/// A stretch of the work file that holds sorted values, one JSON text a line. Can be read any number of times.
#[derive(Debug, Clone)]
pub struct Run {
    file: Arc<File>,
    at: u64,
    end: u64,
    fault: Arc<Fault>,
    folder: PathBuf,
}

impl Run {
    pub(super) fn new(file: Arc<File>, at: u64, end: u64, fault: Arc<Fault>, folder: &Path) -> Self {
        Self { file, at, end, fault, folder: folder.to_path_buf() }
    }

    /// Its values. Ends early where the file cannot be read; the folder's fault tells then.
    fn values<V: DeserializeOwned>(&self) -> impl Iterator<Item = V> + use<'_, V> {
        let stretch = Stretch { file: &self.file, at: self.at, end: self.end };
        let mut from = BufReader::with_capacity(BUFFER_BYTES, stretch);
        let mut line = Vec::new();
        std::iter::from_fn(move || {
            line.clear();
            let value = from.read_until(b'\n', &mut line).and_then(|length| match length {
                0 => Ok(None),
                _ => Ok(Some(serde_json::from_slice(&line)?)),
            });
            value.unwrap_or_else(|cause| {
                self.fault.set(Error::Read { path: self.folder.clone(), cause });
                None
            })
        })
    }
}

/// The values of all runs and of `held` (sorted as well), in the order in which `first` says that its first argument
/// does not come after its second.
pub fn merged<'r, V: DeserializeOwned + 'r>(
    runs: &'r [Run],
    held: impl IntoIterator<Item = V> + 'r,
    first: impl Fn(&V, &V) -> bool + 'r,
) -> impl Iterator<Item = V> + 'r {
    let held: Box<dyn Iterator<Item = V> + 'r> = Box::new(held.into_iter());
    let inputs = runs.iter().map(|run| -> Box<dyn Iterator<Item = V> + 'r> { Box::new(run.values()) });
    inputs.chain([held]).kmerge_by(move |a, b| first(a, b))
}

/// Reads a stretch of a file without moving anybody's place in it.
struct Stretch<'f> {
    file: &'f File,
    at: u64,
    end: u64,
}

impl Read for Stretch<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let want = into.len().min(left);
        if want == 0 {
            return Ok(0);
        }
        match self.file.read_at(&mut into[..want], self.at)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                self.at += read as u64;
                Ok(read)
            }
        }
    }
}

//! The work folder: where that goes which outgrows memory. It holds files without a name only, so that nothing is left
//! behind, whatever ends the process.
//!
//! Values are written as sorted runs and read back as one sorted stream ([`merged`]). What is written when depends on
//! the threads; what comes back does not: values of one key are joined, and joins commute.

mod run;

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::error::Error;

pub use run::{Run, merged};

/// The account of what is held in memory, and the file for what is too much.
#[derive(Debug)]
pub struct Work {
    folder: Option<PathBuf>,
    limit_bytes: usize,
    held_bytes: AtomicUsize,
    outgrown: AtomicBool,
    file: Mutex<Option<Filling>>,
    fault: Arc<Fault>,
}

#[derive(Debug)]
struct Filling {
    file: Arc<File>,
    end: u64,
}

/// The first failure of the folder. Later stages are pure functions that cannot fail; the conductor asks here after them.
#[derive(Debug, Default)]
struct Fault {
    is_set: AtomicBool,
    error: Mutex<Option<Error>>,
}

impl Fault {
    fn set(&self, error: Error) {
        self.is_set.store(true, Ordering::Relaxed);
        self.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}

impl Work {
    /// A folder (made when first needed), and how many bytes of values may stay in memory. Without a folder they all
    /// stay, and [`outgrown`](Self::outgrown) tells.
    pub fn new(folder: Option<PathBuf>, limit_bytes: usize) -> Self {
        Self {
            folder,
            limit_bytes,
            held_bytes: AtomicUsize::new(0),
            outgrown: AtomicBool::new(false),
            file: Mutex::default(),
            fault: Arc::default(),
        }
    }

    /// Counts bytes that are held in memory from now on.
    pub fn hold(&self, bytes: usize) {
        let held = self.held_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if held > self.limit_bytes {
            self.outgrown.store(true, Ordering::Relaxed);
        }
    }

    /// Counts bytes that are no longer held.
    pub fn release(&self, bytes: usize) {
        self.held_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Whether whoever holds values must write them out.
    pub fn is_full(&self) -> bool {
        self.folder.is_some()
            && self.held_bytes.load(Ordering::Relaxed) > self.limit_bytes
            && !self.fault.is_set.load(Ordering::Relaxed)
    }

    /// Whoever holds less than this does not write it out while more may come: many small runs are slow to read.
    pub fn run_bytes(&self) -> usize {
        (self.limit_bytes / 64).min(RUN_BYTES)
    }

    /// Whether more was held at a time than the limit allows, for want of a folder.
    pub fn outgrown(&self) -> bool {
        self.folder.is_none() && self.outgrown.load(Ordering::Relaxed)
    }

    /// Writes values that are sorted. `None` where the folder cannot be written: the caller keeps them, and
    /// [`fault`](Self::fault) tells why.
    pub fn write<V: Serialize>(&self, values: impl IntoIterator<Item = V>) -> Option<Run> {
        let folder = self.folder.as_deref()?;
        match self.append(folder, values) {
            Ok((file, at, end)) => Some(Run::new(file, at, end, Arc::clone(&self.fault), folder)),
            Err(cause) => {
                self.fault.set(Error::Write { path: folder.to_path_buf(), cause });
                None
            }
        }
    }

    fn append<V: Serialize>(
        &self,
        folder: &Path,
        values: impl IntoIterator<Item = V>,
    ) -> io::Result<(Arc<File>, u64, u64)> {
        let mut filling = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let filling = match &mut *filling {
            Some(filling) => filling,
            empty => empty.insert(Filling { file: Arc::new(nameless(folder)?), end: 0 }),
        };
        let begin = filling.end;
        let mut to = BufWriter::with_capacity(BUFFER_BYTES, At { file: &filling.file, at: begin });
        for value in values {
            serde_json::to_writer(&mut to, &value)?;
            to.write_all(b"\n")?;
        }
        filling.end = to.into_inner().map_err(io::IntoInnerError::into_error)?.at;
        Ok((Arc::clone(&filling.file), begin, filling.end))
    }

    /// The first failure of the folder, once. What was computed after it is worth nothing.
    pub fn fault(&self) -> Option<Error> {
        self.fault.error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A run of this size is large enough for any limit.
const RUN_BYTES: usize = 4 << 20;

/// Bytes gathered before they are written, and read at once.
const BUFFER_BYTES: usize = 64 << 10;

/// Writes from a place of a file on.
struct At<'f> {
    file: &'f File,
    at: u64,
}

impl Write for At<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write_at(bytes, self.at)?;
        self.at += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Gives memory that was freed back to the system. Threads free what they held in pools of their own, from which the
/// stages after them cannot take: without this, the peak would be the sum of both.
pub fn give_back_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `malloc_trim` takes no pointer and may be called by any thread at any time (malloc_trim(3): MT-Safe).
    unsafe {
        libc::malloc_trim(0);
    }
}

/// The folder of this name inside a case is a work folder: it may lie there before the case does.
pub const FOLDER_IN_CASE: &str = ".work";

/// A file in `folder`, which is made where it is not there. Its name is gone at once.
///
/// # Errors
/// What the system says.
pub fn nameless(folder: &Path) -> io::Result<File> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    std::fs::create_dir_all(folder)?;
    loop {
        let name = format!("spill-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = folder.join(name);
        match OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => {
                std::fs::remove_file(&path)?;
                return Ok(file);
            }
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
            Err(cause) => return Err(cause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_come_back_as_one_sorted_stream_and_leave_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let work = Work::new(Some(folder.path().join("w")), 10);
        let runs = [work.write([1, 4, 4, 9]).unwrap(), work.write([0u32; 0]).unwrap(), work.write([2, 3, 10]).unwrap()];
        let read: Vec<u32> = merged(&runs, [5, 6], |a, b| a <= b).collect();
        assert_eq!(read, [1, 2, 3, 4, 4, 5, 6, 9, 10]);
        assert_eq!(merged(&runs, [5, 6], |a, b| a <= b).count(), 9, "runs can be read again");
        assert_eq!(std::fs::read_dir(folder.path().join("w")).unwrap().count(), 0);
        assert!(work.fault().is_none());
    }

    #[test]
    fn it_is_full_above_its_limit_and_tells_where_it_has_no_folder() {
        let (with, without) = (Work::new(Some("/nowhere".into()), 10), Work::new(None, 10));
        for work in [&with, &without] {
            work.hold(10);
            assert!(!work.is_full() && !work.outgrown());
            work.hold(1);
        }
        assert_eq!((with.is_full(), with.outgrown()), (true, false));
        assert_eq!((without.is_full(), without.outgrown()), (false, true));
        with.release(1);
        assert!(!with.is_full());
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_a_fault_and_no_longer_full() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let work = Work::new(Some(file.path().join("below")), 0);
        work.hold(1);
        assert!(work.is_full() && work.write([1]).is_none() && !work.is_full());
        let told = work.fault().unwrap().to_string();
        assert!(told.contains("cannot write") && told.contains("below"), "{told}");
    }
}

//! A regular file from start to end: as a sequence of mapped windows that survives the file being cut while it is
//! read, or by `pread` into the buffer of whoever reads. Either way the next window is asked for ahead of time.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::rc::Rc;

use mmap_rs::{Mmap, MmapFlags, MmapOptions};

use super::Io;
use super::sigbus::Guarded;
use super::source::Remarks;
use crate::model::ledger::{Note, Reason};

/// Size of a window: as fast as one map of the whole file, with a bounded resident set.
const WINDOW_BYTES: u64 = 16 * 1024 * 1024;

/// Smaller files are read: setting up a window costs more than the copy that it saves.
const MAPPED_BYTES: u64 = 256 * 1024;

/// What tells whether a file changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    size: u64,
    mtime: (i64, i64),
}

impl State {
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let meta = file.metadata()?;
        Ok(Self { size: meta.size(), mtime: (meta.mtime(), meta.mtime_nsec()) })
    }

    pub(super) fn size(self) -> u64 {
        self.size
    }

    /// A remark where the file is not what it was at the start.
    pub(super) fn changed(self, file: &File) -> Option<Note> {
        let now = match Self::of(file) {
            Ok(now) if now == self => return None,
            Ok(now) => now,
            Err(cause) => return Some(Note::new(Reason::ChangedDuringScan, format!("cannot be examined: {cause}"))),
        };
        let detail = if now.size == self.size {
            "was written to while it was read".to_owned()
        } else {
            format!("was {} bytes long when it was opened and {} bytes afterwards", self.size, now.size)
        };
        Some(Note::new(Reason::ChangedDuringScan, detail))
    }
}

struct Window {
    /// Dropped first: it must leave the table before the pages go.
    guard: Guarded,
    map: Mmap,
    start: u64,
    length: usize,
}

/// Reads a file from start to the size that it had when it was opened.
pub(super) struct Windows<'f> {
    file: &'f File,
    opened: State,
    at: u64,
    window: Option<Window>,
    remarks: Remarks,
    /// Whether a change was remarked on, here or by whoever looks at the end.
    noted: Rc<Cell<bool>>,
    /// Everything is read with `pread`: by choice, or where mapping failed once (a file system that cannot).
    plain: bool,
    /// Up to here the system was asked to read ahead.
    asked: u64,
}

impl<'f> Windows<'f> {
    pub(super) fn new(file: &'f File, opened: State, io: Io, remarks: Remarks, noted: Rc<Cell<bool>>) -> Self {
        let plain = match io {
            Io::Map => false,
            Io::Read => true,
            Io::Auto => opened.size < MAPPED_BYTES,
        };
        Self { file, opened, at: 0, window: None, remarks, noted, plain, asked: WINDOW_BYTES }
    }

    /// Has the system fetch the next window while this one is worked on.
    fn ask_ahead(&mut self) {
        if self.at + WINDOW_BYTES <= self.asked || self.asked >= self.opened.size {
            return;
        }
        let (from, length) = (self.asked.cast_signed(), WINDOW_BYTES.cast_signed());
        // SAFETY: a plain call on a file that is open; advice that the system may ignore, as we do its answer.
        unsafe { libc::posix_fadvise(self.file.as_raw_fd(), from, length, libc::POSIX_FADV_WILLNEED) };
        self.asked += WINDOW_BYTES;
    }

    /// Puts the remark that the file changed, once.
    fn changed(&mut self, note: Note) {
        if !self.noted.replace(true) {
            self.remarks.borrow_mut().push(note);
        }
    }

    /// Looks whether the file is still what it was; called at the end.
    fn finish(&mut self) {
        if let Some(note) = self.opened.changed(self.file) {
            self.changed(note);
        }
    }

    /// Maps the window that holds `self.at`; `Ok(false)` at the end of the file.
    fn advance(&mut self) -> io::Result<bool> {
        self.window = None;
        let size = State::of(self.file)?.size.min(self.opened.size);
        if self.at >= size {
            return Ok(false);
        }
        let start = self.at - self.at % WINDOW_BYTES;
        let length = usize::try_from((size - start).min(WINDOW_BYTES)).map_err(io::Error::other)?;
        match map(self.file, start, length) {
            Some((map, guard)) => self.window = Some(Window { guard, map, start, length }),
            None => self.plain = true,
        }
        Ok(true)
    }

    /// Copies from the current window; `None` where there is none at `self.at` or the bytes were not the file's.
    fn copy(&mut self, out: &mut [u8]) -> Option<usize> {
        let window = self.window.as_ref()?;
        let skip = usize::try_from(self.at.checked_sub(window.start)?).ok()?;
        let take = window.length.checked_sub(skip)?.min(out.len());
        if take == 0 || window.guard.flagged() {
            return None;
        }
        // SAFETY: `skip + take` lies inside the map. The bytes may change or vanish under the copy (the file is not
        // ours): they are only ever copied, by a call the compiler cannot see through as a reference, and a page
        // that is gone is replaced by a zero page by the SIGBUS handler.
        unsafe { std::ptr::copy_nonoverlapping(window.map.as_ptr().add(skip), out.as_mut_ptr(), take) };
        if window.guard.flagged() {
            return None;
        }
        Some(take)
    }

    fn read_again(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.window.as_ref().is_some_and(|window| window.guard.flagged()) {
            self.window = None;
            self.plain = true;
            // A page that could not be read for another reason says so at the read below.
            self.finish();
        }
        let left = self.opened.size.saturating_sub(self.at);
        let want = usize::try_from(left).unwrap_or(usize::MAX).min(out.len());
        self.file.read_at(&mut out[..want], self.at)
    }
}

/// Maps and registers `length` bytes; `None` where either cannot be done.
fn map(file: &File, start: u64, length: usize) -> Option<(Mmap, Guarded)> {
    let options = MmapOptions::new(length).ok()?;
    // SAFETY: another process may change or cut the file. The map is private and read-only, its bytes are copied out
    // before anyone looks at them, and a cut is caught by the SIGBUS handler through the registration below.
    let map = unsafe { options.with_file(file, start) }.with_flags(MmapFlags::SEQUENTIAL).map().ok()?;
    let guard = Guarded::new(map.start(), map.size())?;
    Some((map, guard))
}

impl Read for Windows<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        let read = loop {
            if self.plain {
                break self.read_again(out)?;
            }
            if let Some(read) = self.copy(out) {
                break read;
            }
            if self.window.as_ref().is_some_and(|window| window.guard.flagged()) {
                break self.read_again(out)?;
            }
            if !self.advance()? {
                break 0;
            }
        };
        self.at += read as u64;
        self.ask_ahead();
        if read == 0 {
            self.finish();
        }
        Ok(read)
    }
}

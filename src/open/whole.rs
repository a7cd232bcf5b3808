//! A file of the user (not evidence) that is mapped whole and stays so.

use std::any::Any;
use std::fs::File;
use std::io;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::Arc;

use mmap_rs::{Mmap, MmapOptions};

use super::evidence;
use super::sigbus::Guarded;
use super::window::State;
use crate::model::flat::Flat;

/// A mapped file. The bytes that it lends keep the map; whoever used them asks [`changed`](Self::changed) afterwards.
#[derive(Clone)]
pub struct Whole(Arc<Kept>);

struct Kept {
    /// Dropped first: it must leave the table before the pages go.
    guard: Guarded,
    map: Mmap,
    file: File,
    opened: State,
}

impl Whole {
    /// Maps a file; `None` where it is empty or cannot be mapped (then it can be read).
    ///
    /// # Errors
    /// It cannot be opened, or is no regular file.
    pub fn map(path: &Path) -> io::Result<Option<Self>> {
        let file = evidence::open(path)?;
        let opened = State::of(&file)?;
        let Ok(length) = usize::try_from(opened.size()) else { return Ok(None) };
        let Some(options) = MmapOptions::new(length).ok() else { return Ok(None) };
        // SAFETY: another process may change or cut the file. The map is private and read-only; a cut is caught by the
        // SIGBUS handler through the registration below, which lays zeros over it. No reader of what is lent relies on
        // any value that it has seen before: each checks what it reads, each time.
        let Ok(map) = unsafe { options.with_file(&file, 0) }.map() else { return Ok(None) };
        let guard = Guarded::new(map.start(), map.size());
        Ok(guard.map(|guard| Self(Arc::new(Kept { guard, map, file, opened }))))
    }

    /// All bytes.
    pub fn bytes(&self) -> Flat<u8> {
        let (owner, length): (Arc<dyn Any + Send + Sync>, _) = (self.0.clone(), self.0.opened.size() as usize);
        let Some(at) = NonNull::new(self.0.map.as_ptr().cast_mut()) else { return Flat::default() };
        // SAFETY: the map begins at `at`, has `length` bytes, lives as long as `owner`, and is never written to.
        unsafe { Flat::lent(owner, at, length) }
    }

    /// How the file was changed since it was mapped, if it was: what was read from it may then be neither old nor new.
    pub fn changed(&self) -> Option<String> {
        let Kept { guard, file, opened, .. } = &*self.0;
        let noted = opened.changed(file).map(|note| note.detail);
        noted.or_else(|| guard.flagged().then(|| "was cut short while it was read".to_owned()))
    }
}

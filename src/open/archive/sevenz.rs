//! 7z, one block at a time, each member in the order in which it is stored.

use std::io::{self, BufReader, Read};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use sevenz_rust2::{Archive, ArchiveEntry, BlockDecoder, Error, Password};

use super::zip::Cursor;
use super::{Names, name_note};
use crate::model::ledger::{Note, Reason, Stored};
use crate::model::time::Instant;
use crate::open::doubt::Doubts;
use crate::open::guard::Guard;
use crate::open::source::{Gauge, drain};
use crate::open::walk::{At, Fate, Random, Walk};

/// How much of a block is decoded to see whether a password fits.
const PROBE_BYTES: u64 = 1024 * 1024;

/// Opens all members, block by block, then lists those without content.
pub(in crate::open) fn open(walk: &mut Walk<'_>, at: At, random: Random<'_>, failure: Option<Note>) -> Fate {
    let mut notes: Vec<Note> = failure.into_iter().collect();
    let mut stored = Stored::default();
    match directory(walk, random) {
        Err(note) => {
            notes.push(note);
            stored.skipped = random.size;
        }
        Ok(archive) => {
            let mut seven =
                Seven { archive: &archive, random, at: &at, names: Names::default(), stored, notes: Vec::new() };
            if let Some(note) = seven.members(walk) {
                notes.push(note);
            }
            stored = seven.stored;
            notes.append(&mut seven.notes);
        }
    }
    stored.opened = stored.opened.min(random.size);
    stored.skipped = stored.skipped.min(random.size - stored.opened);
    stored.structure = random.size - stored.opened - stored.skipped;
    walk.container(&at, "7z", stored, notes);
    Fate::Opened
}

fn passwords(walk: &Walk<'_>) -> Vec<Password> {
    std::iter::once(Password::empty()).chain(walk.opening.passwords.iter().map(|text| Password::new(text))).collect()
}

fn limit_kib(walk: &Walk<'_>) -> usize {
    usize::try_from(walk.opening.limits.window_bytes / 1024).unwrap_or(usize::MAX / 1024).saturating_add(1024)
}

fn cursor(random: Random<'_>) -> BufReader<Cursor<'_>> {
    BufReader::new(Cursor { bytes: random.bytes, size: random.size, at: 0 })
}

/// Reads the directory, which may itself be encrypted.
fn directory(walk: &Walk<'_>, random: Random<'_>) -> Result<Archive, Note> {
    let mut refused = None;
    for password in passwords(walk) {
        let limit = limit_kib(walk);
        let read =
            catch_unwind(AssertUnwindSafe(|| Archive::read_with_memory_limit(&mut cursor(random), &password, limit)));
        match read {
            Ok(Ok(archive)) => return Ok(archive),
            Ok(Err(cause)) => {
                let note = note_of(&cause);
                // That it is encrypted says more than how a wrong password failed.
                if refused.as_ref().is_none_or(|before: &Note| before.reason != Reason::Encrypted) {
                    refused = Some(note);
                }
            }
            Err(_) => return Err(unreadable()),
        }
    }
    if walk.opening.passwords.is_empty() || refused.as_ref().is_none_or(|note| note.reason != Reason::Encrypted) {
        return Err(refused.unwrap_or_else(unreadable));
    }
    Err(Note::new(Reason::Encrypted, "encrypted; no given password opens it"))
}

fn unreadable() -> Note {
    Note::new(Reason::Damaged, "the 7z directory cannot be read")
}

fn note_of(cause: &Error) -> Note {
    match cause {
        Error::PasswordRequired => Note::new(Reason::Encrypted, "encrypted; give --archive-password"),
        Error::MaybeBadPassword(_) => Note::new(Reason::Encrypted, "encrypted; no given password opens it"),
        Error::MaxMemLimited { .. } => Note::new(Reason::WindowLimit, format!("7z: {cause}")),
        Error::UnsupportedCompressionMethod(_) | Error::Unsupported(_) | Error::ExternalUnsupported => {
            Note::new(Reason::Unsupported, format!("7z: {cause}; unpack it and scan the folder"))
        }
        Error::UnsupportedVersion { .. } => Note::new(Reason::Unsupported, format!("7z: {cause}")),
        other => Note::new(Reason::Damaged, format!("7z: {other}")),
    }
}

struct Seven<'z> {
    archive: &'z Archive,
    random: Random<'z>,
    at: &'z At,
    names: Names,
    stored: Stored,
    notes: Vec<Note>,
}

impl Seven<'_> {
    /// All members; a note where the limit on their number stops it.
    fn members(&mut self, walk: &mut Walk<'_>) -> Option<Note> {
        for block in 0..self.archive.blocks.len() {
            if let Some(note) = self.block(walk, block) {
                return Some(note);
            }
        }
        let blocks = &self.archive.stream_map.file_block_index;
        for (index, entry) in self.archive.files.iter().enumerate() {
            let in_block = blocks.get(index).copied().flatten().is_some();
            if in_block || entry.has_stream || entry.is_directory || entry.is_anti_item {
                continue;
            }
            if let Some(note) = walk.count_member() {
                return Some(note);
            }
            let at = self.place(entry);
            walk.skip(&at, 0, Note::new(Reason::Empty, "zero bytes long"));
        }
        None
    }

    fn place(&mut self, entry: &ArchiveEntry) -> At {
        let distinct = self.names.distinct(entry.name.as_bytes());
        At {
            locator: self.at.locator.member(&distinct),
            mtime: mtime(entry).or(self.at.mtime),
            size: Some(entry.size),
            depth: self.at.depth + 1,
            notes: name_note(entry.name.as_bytes()).into_iter().collect(),
        }
    }

    /// Stored bytes of a block: those of its packed streams.
    fn packed(&self, block: usize) -> u64 {
        let map = self.archive.stream_map.block_first_pack_stream_index();
        let sizes = self.archive.pack_sizes();
        let first = map.get(block).copied().unwrap_or(sizes.len()).min(sizes.len());
        let end = map.get(block + 1).copied().unwrap_or(sizes.len()).clamp(first, sizes.len());
        sizes[first..end].iter().fold(0, |sum, &size| sum.saturating_add(size))
    }

    fn block(&mut self, walk: &mut Walk<'_>, block: usize) -> Option<Note> {
        let archive = self.archive;
        let packed = self.packed(block);
        let first = archive.stream_map.block_first_file_index.get(block).copied().unwrap_or(0);
        let encrypted = archive.is_file_encrypted(first);
        let opened = if encrypted { self.fitting(walk, block) } else { Ok(Password::empty()) };
        let gauge = Gauge::default();
        gauge.used.set(packed);
        let (mut done, mut any, mut stop, mut broke) = (0, false, None, None);
        let result = match opened {
            Err(note) => Err(note),
            Ok(password) => {
                let mut source = cursor(self.random);
                let decoder =
                    BlockDecoder::new_with_memory_limit(1, limit_kib(walk), block, archive, &password, &mut source);
                let run = decoder.for_each_entries(&mut |entry, reader| {
                    done += 1;
                    if entry.is_directory || entry.is_anti_item {
                        return Ok(true);
                    }
                    stop = walk.count_member();
                    if stop.is_some() {
                        return Ok(false);
                    }
                    let at = self.place(entry);
                    if !entry.has_stream {
                        walk.skip(&at, 0, Note::new(Reason::Empty, "zero bytes long"));
                        return Ok(true);
                    }
                    let (limits, totals) = (&walk.opening.limits, walk.totals.clone());
                    let mut guard = Guard::new("the member", Box::new(reader), gauge.clone(), limits, totals);
                    let failure = guard.failure();
                    let fate = walk.in_layer(Doubts::default(), |walk| walk.item(at, &mut guard, None));
                    any |= fate == Fate::Opened;
                    drain(&mut guard);
                    // Members of a block are one stream: what broke it is lost for those that follow.
                    broke = failure.take();
                    Ok(broke.is_none())
                });
                run.map(|_| ()).map_err(|cause| note_of(&cause))
            }
        };
        if any {
            self.stored.opened += packed
        } else {
            self.stored.skipped += packed
        }
        if stop.is_some() {
            return stop;
        }
        let members = self.members_of(block, first);
        let note = match (broke, result) {
            (Some(broke), _) => Note::new(
                broke.reason,
                format!("lies behind a member of the same block that broke off ({})", broke.detail),
            ),
            (None, Err(note)) if done >= members.len() => {
                self.notes.push(note);
                return None;
            }
            (None, Err(note)) => note,
            (None, Ok(())) => Note::new(Reason::Damaged, "7z: the block does not hold it"),
        };
        self.lost(walk, members.start.saturating_add(done)..members.end, &note)
    }

    /// The members of a block, as indexes into the directory.
    fn members_of(&self, block: usize, first: usize) -> Range<usize> {
        let count = catch_unwind(AssertUnwindSafe(|| {
            let (password, mut source) = (Password::empty(), cursor(self.random));
            BlockDecoder::new(1, block, self.archive, &password, &mut source).entry_count()
        }));
        first..first.saturating_add(count.unwrap_or(0)).min(self.archive.files.len())
    }

    /// Entries for the members of a block that were not reached; a note where the limit on members stops them.
    fn lost(&mut self, walk: &mut Walk<'_>, members: Range<usize>, note: &Note) -> Option<Note> {
        let archive = self.archive;
        if members.start >= members.end {
            return None;
        }
        for entry in archive.files.get(members).unwrap_or_default() {
            if entry.is_directory || entry.is_anti_item {
                continue;
            }
            if let Some(limit) = walk.count_member() {
                return Some(limit);
            }
            let at = self.place(entry);
            let empty = Note::new(Reason::Empty, "zero bytes long");
            walk.skip(&at, entry.size, if entry.has_stream { note.clone() } else { empty });
        }
        None
    }

    /// The first password under which the block's first member decodes.
    fn fitting(&self, walk: &Walk<'_>, block: usize) -> Result<Password, Note> {
        let mut refused = Note::new(Reason::Encrypted, "encrypted; give --archive-password");
        for password in passwords(walk).into_iter().skip(1) {
            refused = Note::new(Reason::Encrypted, "encrypted; no given password opens it");
            let fits = catch_unwind(AssertUnwindSafe(|| {
                let mut source = cursor(self.random);
                let limit = limit_kib(walk);
                let decoder =
                    BlockDecoder::new_with_memory_limit(1, limit, block, self.archive, &password, &mut source);
                let mut read = None;
                let run = decoder.for_each_entries(&mut |entry, reader| {
                    if entry.has_stream {
                        read = Some(io::copy(&mut reader.take(PROBE_BYTES), &mut io::sink()).is_ok());
                        return Ok(false);
                    }
                    Ok(true)
                });
                read.unwrap_or(run.is_ok())
            }));
            if fits.unwrap_or(false) {
                return Ok(password);
            }
        }
        Err(refused)
    }
}

fn mtime(entry: &ArchiveEntry) -> Option<Instant> {
    if !entry.has_last_modified_date {
        return None;
    }
    // 100 ns since 1601, whose distance to 1970 is 11 644 473 600 s.
    let ticks: u64 = entry.last_modified_date.into();
    let micros = i64::try_from(ticks / 10).ok()?.checked_sub(11_644_473_600_000_000)?;
    Instant::from_micros(micros)
}

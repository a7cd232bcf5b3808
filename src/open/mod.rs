//! Evidence → plain bytes: files, compressed streams, archives and any nesting of them.
//!
//! What a stream is, is told by its first bytes. Codecs keep the locator of what they compress, archives add
//! `!/member`. Nothing is written but the spill of an oversize nested archive, into [`Opening::work`]. Every byte of
//! a container is accounted for in its ledger entry, and every limit cuts at a byte that depends on the stream alone.

mod ahead;
mod archive;
mod behind;
mod codec;
mod doubt;
mod evidence;
mod frames;
mod guard;
mod gzip;
mod recognise;
mod replay;
mod sigbus;
mod source;
mod spill;
mod steps;
mod walk;
mod whole;
mod window;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rawzip::FileReader;

use crate::model::hands::{Alone, Hands};
use crate::model::ledger::{Entry, EntryKind, Note, Reason};
use crate::model::place::Locator;
use crate::model::source::{Listed, Visitor};
use evidence::Custody;
use guard::Totals;
use source::Remarks;
use walk::{At, Random, Walk};
pub use whole::Whole;
use window::{State, Windows};

/// How the custody digest is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestKind {
    /// SHA-256.
    Sha256,
    /// BLAKE3.
    Blake3,
    /// None.
    Off,
}

/// How regular files are read. All ways give the same bytes and remarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Io {
    /// Mapped where that is faster.
    Auto,
    /// Mapped in windows.
    Map,
    /// Read into the reader's buffer.
    Read,
}

/// What a container may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Containers inside containers; a layer of compression counts as one. At most 64.
    pub depth: u32,
    /// Decoded bytes per stored byte, of each decoder and of all layers of a file together; counts from 64 MiB of
    /// decoded bytes on.
    pub ratio: u64,
    /// Members of one evidence file, at all levels.
    pub members: u64,
    /// Decoded bytes of one member.
    pub member_bytes: u64,
    /// What zip and 7z inside other containers may take in memory, in bytes, over all levels of one evidence file;
    /// larger ones go to the work folder.
    pub max_buffered_member: u64,
    /// Largest decoder window (dictionary) of xz, lzma, 7z and zstd, in bytes.
    pub window_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 8,
            ratio: 1000,
            members: 1_000_000,
            member_bytes: 1 << 40,
            max_buffered_member: 256 << 20,
            window_bytes: 128 << 20,
        }
    }
}

/// How evidence is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Limits.
    pub limits: Limits,
    /// Passwords to try on encrypted members, in this order.
    pub passwords: Vec<String>,
    /// Folder for containers that are too large for memory; made when first needed. `None`: they are skipped.
    pub work: Option<PathBuf>,
    /// Custody digest.
    pub digest: DigestKind,
    /// How files are read.
    pub io: Io,
}

/// What is known of an evidence file after it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// `sha256:<hex>` or `blake3:<hex>` of all stored bytes; `None` where it is off or not all could be read.
    pub digest: Option<String>,
    /// Stored bytes read; where no digest is wanted and the file is read out of order, its length.
    pub size: u64,
    /// Of leaf streams, by their number in the order in which they were handed out (from 0): stretches of decoded bytes that
    /// stand where a checksum does not hold or behind damage, ascending. Told at the end, because only then it is known.
    pub doubts: BTreeMap<u64, Vec<Range<u64>>>,
}

/// Opens one evidence file and hands every leaf stream and ledger entry in it to `visitor`, in stored order.
///
/// Never fails: what cannot be read is a ledger entry. The file is read once in order (zip and 7z: a second time for
/// the digest) and hashed to its end, also where a limit stops the reading of its content.
pub fn open_file(file: &Listed, opening: &Opening, visitor: &mut dyn Visitor) -> Opened {
    open_file_with(file, opening, &Alone, visitor)
}

/// The same with the help of other cores, which changes nothing but the time it takes.
pub fn open_file_with(file: &Listed, opening: &Opening, hands: &dyn Hands, visitor: &mut dyn Visitor) -> Opened {
    match &file.path {
        None => {
            let mut input = std::io::stdin().lock();
            let remarks = Remarks::default();
            open_stream(file, (opening, hands), visitor, &mut input, None, &remarks, &|| None)
        }
        Some(path) => open_path(file, path, (opening, hands), visitor),
    }
}

/// Opens bytes in memory as if they were a file of this name: feeds inside archives, records cited by a case.
pub fn open_bytes(name: Locator, bytes: &[u8], opening: &Opening, visitor: &mut dyn Visitor) {
    let size = bytes.len() as u64;
    let file = Listed { locator: name, path: None, size, mtime: None, notes: Vec::new() };
    let opening = Opening { digest: DigestKind::Off, ..opening.clone() };
    let random = Random { bytes: &bytes, size };
    let mut input = bytes;
    open_stream(&file, (&opening, &Alone), visitor, &mut input, Some(random), &Remarks::default(), &|| None);
}

/// A few of the stored bytes of an evidence file: `length` from `at` on, less at its end, none where it cannot be read.
pub fn stretch(file: &Listed, at: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let handle = file.path.as_deref().and_then(|path| evidence::open(path).ok());
    let mut got = 0;
    while let Some(handle) = handle.as_ref().filter(|_| got < length) {
        match handle.read_at(&mut bytes[got..], at.saturating_add(got as u64)) {
            Ok(count @ 1..) => got += count,
            Err(cause) if cause.kind() == std::io::ErrorKind::Interrupted => {}
            _ => break,
        }
    }
    bytes.truncate(got);
    bytes
}

/// Hands the first `length` bytes of a file to `take`, piece by piece.
///
/// # Errors
/// It cannot be read, or is shorter by now.
pub fn each_piece(path: &Path, length: u64, take: &mut dyn FnMut(&[u8])) -> std::io::Result<()> {
    let file = evidence::open(path)?;
    let most = usize::try_from(length).unwrap_or(usize::MAX).min(source::PULL_BYTES);
    let (mut buffer, mut at) = (vec![0; most], 0);
    while at < length {
        let want = usize::try_from(length - at).unwrap_or(usize::MAX).min(buffer.len());
        file.read_exact_at(&mut buffer[..want], at)?;
        take(&buffer[..want]);
        at += want as u64;
    }
    Ok(())
}

fn open_path(file: &Listed, path: &Path, how: (&Opening, &dyn Hands), visitor: &mut dyn Visitor) -> Opened {
    let opened = evidence::open(path).and_then(|handle| Ok((State::of(&handle)?, handle)));
    let (state, handle) = match opened {
        Ok(opened) => opened,
        Err(cause) => {
            let mut entry = Entry::new(EntryKind::Skipped, file.locator.clone(), file.locator.clone());
            entry.size = file.size;
            entry.notes.push(Note::new(Reason::Unreadable, cause.to_string()));
            visitor.entry(entry);
            return Opened { digest: None, size: 0, doubts: BTreeMap::new() };
        }
    };
    let remarks = Remarks::default();
    let noted = Rc::new(Cell::new(false));
    let changed = || state.changed(&handle).filter(|_| !noted.replace(true));
    let duplicate = handle.try_clone();
    let reader = duplicate.ok().map(FileReader::from);
    let random = reader.as_ref().map(|reader| Random { bytes: reader, size: state.size() });
    let mut windows = Windows::new(&handle, state, how.0.io, remarks.clone(), noted.clone());
    let listed = Listed { size: state.size(), ..file.clone() };
    open_stream(&listed, how, visitor, &mut windows, random, &remarks, &changed)
}

fn open_stream(
    file: &Listed,
    (opening, hands): (&Opening, &dyn Hands),
    visitor: &mut dyn Visitor,
    input: &mut dyn Read,
    random: Option<Random<'_>>,
    remarks: &Remarks,
    changed: &dyn Fn() -> Option<Note>,
) -> Opened {
    let mut custody = Custody::new(input, opening.digest);
    let count = custody.count();
    let size = random.map(|random| random.size);
    let totals =
        Totals { stored: size.map_or_else(|| count.clone(), |size| Rc::new(Cell::new(size))), ..Totals::default() };
    let at = At { locator: file.locator.clone(), mtime: file.mtime, size, depth: 0, notes: Vec::new() };
    let mut walk = Walk {
        opening,
        hands,
        visitor,
        evidence: file.locator.clone(),
        remarks: remarks.clone(),
        totals,
        buffered: 0,
        members: 0,
        outermost: None,
        layer: <_>::default(),
        leaves: 0,
        suspects: Vec::new(),
        changed,
    };
    walk.item(at, &mut custody, random);
    let Walk { visitor, outermost, suspects, .. } = walk;
    let doubts = suspects.into_iter().map(|(leaf, doubts, from, length)| (leaf, doubts.within(from, length)));
    let doubts = doubts.filter(|(_, stretches)| !stretches.is_empty()).collect();
    // The digest is of the whole file, also of what no decoder wanted.
    let in_order = opening.digest != DigestKind::Off || random.is_none();
    let complete = !in_order || drain_to_end(&mut custody, remarks);
    if outermost.is_some()
        && let Some(note) = changed()
    {
        remarks.borrow_mut().push(note);
    }
    let left = remarks.take();
    if let Some(mut entry) = outermost {
        entry.notes.extend(left);
        entry.notes.sort();
        entry.notes.dedup();
        visitor.entry(entry);
    } else if !left.is_empty() {
        // Remarks that came after the visitor had turned away from a plain file.
        let mut entry = Entry::new(EntryKind::Skipped, file.locator.clone(), file.locator.clone());
        entry.notes = left;
        visitor.entry(entry);
    }
    let read = if in_order { count.get() } else { size.unwrap_or(count.get()) };
    Opened { digest: custody.digest().filter(|_| complete), size: read, doubts }
}

/// Reads on to the end for the digest; whether it got there.
fn drain_to_end(custody: &mut Custody<'_>, remarks: &Remarks) -> bool {
    let mut scratch = vec![0; source::PULL_BYTES];
    loop {
        match custody.read(&mut scratch) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(cause) if cause.kind() == std::io::ErrorKind::Interrupted => {}
            Err(cause) => {
                let note = source::carried(&cause, |cause| Note::new(Reason::Unreadable, cause.to_string()));
                remarks.borrow_mut().push(note);
                return false;
            }
        }
    }
}

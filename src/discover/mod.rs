//! Roots → the survey: every file of the evidence in a stable order, and what will not be read with its reason.
//!
//! Nothing is opened here: what a thing is comes from `stat` alone, so a FIFO or a device never blocks the walk.
//! Names decide nothing but the order; content is recognised later.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::error::{Error, Result};
use crate::model::ledger::{Entry, EntryKind, Note, Reason};
use crate::model::place::Locator;
use crate::model::source::{Listed, Survey};
use crate::model::time::Instant;

/// One thing that the user hands over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// Its name in locators, as bytes.
    pub name: Vec<u8>,
    /// Where it lies; `None` for standard input.
    pub path: Option<PathBuf>,
}

/// Lists all evidence under `roots`, sorted by locator; the order of the roots does not matter.
///
/// Links are followed; what lies outside of all roots by them has [`Reason::LinkOutside`]. A folder that lies above itself through a link is a [`Reason::SymlinkLoop`]; a folder that a
/// second link leads to is listed through the first link only, so that the walk ends in bounded time. The folders of
/// `skip` (case and work folder) are left out with [`Reason::CaseFolder`].
///
/// # Errors
/// Two roots of one name: their locators could not be told apart.
pub fn survey(roots: &[Root], skip: &[PathBuf]) -> Result<Survey> {
    let mut by_name: BTreeMap<&[u8], &Root> = BTreeMap::new();
    for root in roots {
        if by_name.insert(&root.name, root).is_some() {
            let name = String::from_utf8_lossy(&root.name);
            let what = format!("two pieces of evidence are named {name:?}; name one of them with --root NAME=PATH");
            return Err(Error::Usage { what });
        }
    }
    let skip = skip.iter().filter_map(|path| fs::metadata(path).ok()).map(|meta| identity(&meta)).collect();
    let given = roots.iter().filter_map(|root| root.path.as_ref()?.canonicalize().ok()).collect();
    let mut walk = Walk { skip, given, linked: BTreeSet::new(), pending: Vec::new(), survey: Survey::default() };
    for root in by_name.into_values() {
        walk.root(root);
    }
    let mut survey = walk.survey;
    survey.files.sort_by(|a, b| a.locator.cmp(&b.locator));
    survey.skipped.sort_by(|a, b| a.source.cmp(&b.source));
    Ok(survey)
}

/// Puts what an earlier survey says of these files in the place of what the walk saw: a copy of the evidence, or a part
/// of it on another machine, is then read as the listed files would be, with what these show of the order of day and month. A file of another size than listed has a
/// note.
///
/// # Errors
/// A file that is not in `listed`: the two are not of the same evidence. Standard input may be.
pub fn settle(survey: &mut Survey, listed: &Survey) -> Result<()> {
    survey.dates.clone_from(&listed.dates);
    survey.years.clone_from(&listed.years);
    let listed: BTreeMap<&Locator, &Listed> = listed.files.iter().map(|file| (&file.locator, file)).collect();
    for file in &mut survey.files {
        match listed.get(&file.locator) {
            Some(known) => {
                file.mtime = known.mtime;
                if file.path.is_some() && file.size != known.size {
                    let detail = format!("the survey lists {} bytes, the file has {}", known.size, file.size);
                    file.notes.push(Note::new(Reason::ChangedDuringScan, detail));
                }
            }
            None if file.path.is_none() => {}
            None => {
                let what = format!(
                    "{} is not in what --survey lists; make a survey of all evidence, under the same names (`exfiltrace survey`, \
                     --root NAME=PATH)",
                    file.locator
                );
                return Err(Error::Usage { what });
            }
        }
    }
    Ok(())
}

/// What tells a file or folder from all others, whatever path leads to it.
type Identity = (u64, u64);

fn identity(meta: &Metadata) -> Identity {
    (meta.dev(), meta.ino())
}

/// The folders that a folder lies in, nearest first.
struct Above {
    folder: Identity,
    next: Option<Rc<Above>>,
}

/// A folder still to be listed.
struct Pending {
    root: Locator,
    relative: Vec<u8>,
    path: PathBuf,
    above: Rc<Above>,
    /// The link that leads out of the evidence to it.
    outside: Option<Rc<str>>,
}

/// How the walk came to a thing.
struct Way<'w> {
    /// Whether its name is a link.
    is_link: bool,
    /// The folders that it lies in; none of a root.
    above: Option<&'w Rc<Above>>,
    /// The link that led out of the evidence to a folder that it lies in.
    outside: Option<Rc<str>>,
}

struct Walk {
    skip: BTreeSet<Identity>,
    /// The roots, without links in their paths.
    given: Vec<PathBuf>,
    /// Folders entered through a link.
    linked: BTreeSet<Identity>,
    /// A stack of its own: folders may nest deeper than the thread's stack.
    pending: Vec<Pending>,
    survey: Survey,
}

impl Walk {
    fn root(&mut self, root: &Root) {
        let name = Locator::root(&root.name);
        let Some(path) = &root.path else {
            let notes = name_notes(&root.name);
            self.survey.files.push(Listed { locator: name, path: None, size: 0, mtime: None, notes });
            return;
        };
        // A root that is a link is what the user chose; it is not counted as a link inside the evidence.
        let way = Way { is_link: false, above: None, outside: None };
        self.found(&name, Vec::new(), path.clone(), way);
        while let Some(folder) = self.pending.pop() {
            self.folder(folder);
        }
    }

    /// Lists one folder; its sub-folders go on the stack so that they are taken in order.
    fn folder(&mut self, folder: Pending) {
        let here = locator(&folder.root, &folder.relative);
        let entries = match fs::read_dir(&folder.path) {
            Ok(entries) => entries,
            Err(cause) => return self.skipped(here, 0, Reason::Unreadable, format!("folder not listed: {cause}")),
        };
        let mut names = Vec::new();
        for entry in entries {
            match entry {
                Ok(entry) => names.push((entry.file_name(), entry.file_type().is_ok_and(|kind| kind.is_symlink()))),
                Err(cause) => {
                    let detail = format!("folder listed in part only: {cause}");
                    self.skipped(here.clone(), 0, Reason::Unreadable, detail);
                    break;
                }
            }
        }
        names.sort();
        let first_new = self.pending.len();
        for (name, is_link) in names {
            let relative = beneath(&folder.relative, &name);
            let path = folder.path.join(&name);
            let way = Way { is_link, above: Some(&folder.above), outside: folder.outside.clone() };
            self.found(&folder.root, relative, path, way);
        }
        self.pending[first_new..].reverse();
    }

    /// Sorts one thing into the survey or onto the stack.
    fn found(&mut self, root: &Locator, relative: Vec<u8>, path: PathBuf, way: Way<'_>) {
        let here = locator(root, &relative);
        let meta = match fs::metadata(&path) {
            Ok(meta) => meta,
            Err(cause) => {
                let (reason, detail) = no_metadata(&path, &cause);
                return self.skipped(here, 0, reason, detail);
            }
        };
        let id = identity(&meta);
        if self.skip.contains(&id) {
            return self.skipped(here, 0, Reason::CaseFolder, "the case or work folder of this scan".into());
        }
        let outside = if way.is_link { self.leads_out(&path) } else { way.outside };
        let kind = meta.file_type();
        if kind.is_dir() {
            if is_above(way.above, id) {
                let detail = "leads back to a folder that it lies in".into();
                return self.skipped(here, 0, Reason::SymlinkLoop, detail);
            }
            if way.is_link && !self.linked.insert(id) {
                let detail = "a link to a folder that another link leads to; listed there".into();
                return self.skipped(here, 0, Reason::DeliveredTwice, detail);
            }
            let above = Rc::new(Above { folder: id, next: way.above.cloned() });
            self.pending.push(Pending { root: root.clone(), relative, path, above, outside });
        } else if !kind.is_file() {
            self.skipped(here, 0, Reason::NotRegular, format!("{} not opened", special(&meta)));
        } else if meta.len() == 0 {
            self.skipped(here, 0, Reason::Empty, "zero bytes long".into());
        } else {
            let mut notes = name_notes(if relative.is_empty() { &[] } else { &relative });
            notes.extend(outside.map(|detail| Note::new(Reason::LinkOutside, &*detail)));
            let mtime = mtime(&meta);
            self.survey.files.push(Listed { locator: here, path: Some(path), size: meta.len(), mtime, notes });
        }
    }

    /// What is said of a link that leads out of the evidence: where to, as the link says it.
    fn leads_out(&self, path: &Path) -> Option<Rc<str>> {
        let end = path.canonicalize().ok()?;
        if self.given.iter().any(|root| end.starts_with(root)) {
            return None;
        }
        let target = fs::read_link(path).unwrap_or_default();
        Some(format!("a link out of the evidence, to {target:?}, was followed").into())
    }

    fn skipped(&mut self, source: Locator, size: u64, reason: Reason, detail: String) {
        let mut entry = Entry::new(EntryKind::Skipped, source.clone(), source);
        entry.size = size;
        entry.notes.push(Note::new(reason, detail));
        self.survey.skipped.push(entry);
    }
}

fn locator(root: &Locator, relative: &[u8]) -> Locator {
    if relative.is_empty() { root.clone() } else { root.join(relative) }
}

fn beneath(folder: &[u8], name: &OsStr) -> Vec<u8> {
    let mut relative = folder.to_vec();
    if !relative.is_empty() {
        relative.push(b'/');
    }
    relative.extend_from_slice(name.as_bytes());
    relative
}

fn is_above(mut above: Option<&Rc<Above>>, id: Identity) -> bool {
    while let Some(folder) = above {
        if folder.folder == id {
            return true;
        }
        above = folder.next.as_ref();
    }
    false
}

/// Why `stat` failed: a link that leads nowhere or in a circle, or a refusal.
fn no_metadata(path: &Path, cause: &io::Error) -> (Reason, String) {
    let is_link = fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_symlink());
    if cause.raw_os_error() == Some(libc::ELOOP) {
        (Reason::SymlinkLoop, "a link that leads to itself".into())
    } else if is_link && cause.kind() == io::ErrorKind::NotFound {
        let target = fs::read_link(path).unwrap_or_default();
        (Reason::DanglingLink, format!("leads to {target:?}, which is not there"))
    } else {
        (Reason::Unreadable, cause.to_string())
    }
}

fn special(meta: &Metadata) -> &'static str {
    let kind = meta.file_type();
    if kind.is_fifo() {
        "a FIFO,"
    } else if kind.is_socket() {
        "a socket,"
    } else if kind.is_block_device() || kind.is_char_device() {
        "a device,"
    } else {
        "not a regular file,"
    }
}

fn name_notes(name: &[u8]) -> Vec<Note> {
    match std::str::from_utf8(name) {
        Ok(_) => Vec::new(),
        Err(_) => vec![Note::new(Reason::NameNotUtf8, "the name is not UTF-8 and is shown percent-encoded")],
    }
}

fn mtime(meta: &Metadata) -> Option<Instant> {
    let micros = meta.mtime().checked_mul(1_000_000)?.checked_add(meta.mtime_nsec() / 1_000)?;
    Instant::from_micros(micros)
}

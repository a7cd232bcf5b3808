//! Writing a case folder.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Component, Path, PathBuf};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{CaseFile, CaseInput, Hashing, Manifest, hex, json, report_html, write_lines};
use crate::error::{Error, Result};
use crate::work::FOLDER_IN_CASE;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The folder.
    pub dir: PathBuf,
    /// The manifest as written, with the digest of each file.
    pub manifest: Manifest,
}

/// A folder that a case may be written to. Made before a scan, so that a folder which cannot be written is told before
/// any evidence is read.
#[derive(Debug, Clone)]
pub struct Claim {
    dir: PathBuf,
    /// Folders that were not there before, deepest first.
    made: Vec<PathBuf>,
}

/// Where files are staged, inside the case folder, so that renaming them into place never crosses a file system.
const STAGED: &str = ".work/staged";

impl Claim {
    /// Makes the folder, or accepts one that is empty or holds a case of ours, and tries to write into it.
    ///
    /// # Errors
    /// [`Error::Usage`] where `dir` holds something else than a case of ours, [`Error::Write`] where the system refuses.
    pub fn of(dir: &Path) -> Result<Self> {
        let failed = |cause| Error::Write { path: dir.to_path_buf(), cause };
        if dir.metadata().is_ok_and(|meta| !meta.is_dir()) {
            return Err(Error::Usage { what: format!("{} is not a folder; name a new or empty one", dir.display()) });
        }
        let ancestors = dir.ancestors().filter(|path| !path.as_os_str().is_empty());
        let made = ancestors.take_while(|path| path.symlink_metadata().is_err()).map(Path::to_path_buf).collect();
        fs::create_dir_all(dir).map_err(failed)?;
        let mut entries = fs::read_dir(dir).map_err(failed)?;
        let empty = entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == FOLDER_IN_CASE));
        // A case of which the last step was cut short has its manifest among the staged files still.
        let ours = [dir.to_path_buf(), dir.join(STAGED)].iter().any(|dir| super::load::files_of_case(dir).is_some());
        if !empty && !ours {
            let what = format!(
                "{} is not empty and is not a case folder; name a new or empty folder with --out",
                dir.display()
            );
            return Err(Error::Usage { what });
        }
        let claim = Self { dir: dir.to_path_buf(), made };
        match fs::create_dir_all(dir.join(STAGED).join("state")) {
            Ok(()) => Ok(claim),
            Err(cause) => {
                claim.release();
                Err(failed(cause))
            }
        }
    }

    /// Writes every file of the case beside its place; nothing of an older case is touched yet.
    ///
    /// # Errors
    /// [`Error::Write`] where the system refuses.
    pub fn stage(&self, input: &CaseInput<'_>, mut manifest: Manifest) -> Result<Staged> {
        manifest.files.clear();
        let mut staged = Staged { dir: self.dir.clone(), manifest };
        staged.write("verdict.json", |to| pretty(to, input.verdict))?;
        staged.write("findings.jsonl", |to| write_lines(to, input.findings.iter()))?;
        staged.write("transfers.jsonl", |to| write_lines(to, input.transfers))?;
        staged.write("coverage.json", |to| pretty(to, input.coverage))?;
        staged.write("ledger.jsonl", |to| write_lines(to, input.ledger))?;
        staged.write("state/partial.json", |to| {
            json::line(&mut *to, input.partial)?;
            to.write_all(b"\n")
        })?;
        let html = report_html(input);
        staged.write("report.html", |to| to.write_all(html.as_bytes()))?;
        let manifest = staged.manifest.clone();
        staged.file(MANIFEST, |to| pretty(to, &manifest))?;
        Ok(staged)
    }

    /// Takes back what is not a case: staged files, and folders that were made and are empty. Fails in silence, for
    /// it runs where something has failed already.
    pub fn release(&self) {
        let _ = fs::remove_dir_all(self.dir.join(STAGED));
        let _ = fs::remove_dir(self.dir.join(FOLDER_IN_CASE));
        for made in &self.made {
            let _ = fs::remove_dir(made);
        }
    }
}

const MANIFEST: &str = "manifest.json";

/// What `report` adds to a case: of the older answer, like the rest.
const WRITTEN_LATER: &[&str] = &["report.md"];

/// A case of which every file is written and none is in its place.
#[derive(Debug)]
pub struct Staged {
    dir: PathBuf,
    manifest: Manifest,
}

impl Staged {
    /// Renames all files into their places, `manifest.json` last. An older case is none from the first step on: its
    /// manifest goes first. The files that it names, or that `report` added to it, and that are not written again are
    /// removed.
    ///
    /// # Errors
    /// [`Error::Write`] where the system refuses.
    pub fn commit(self) -> Result<Written> {
        let Self { dir, manifest } = self;
        let mut old = super::load::files_of_case(&dir).unwrap_or_default();
        // What is half renamed must not pass for a case: without a manifest it is none.
        remove(&dir, MANIFEST)?;
        old.extend(WRITTEN_LATER.iter().map(|name| (*name).to_owned()));
        let state = dir.join("state");
        fs::create_dir_all(&state).map_err(|cause| Error::Write { path: state, cause })?;
        for name in manifest.files.keys().map(String::as_str).chain([MANIFEST]) {
            let path = dir.join(name);
            fs::rename(dir.join(STAGED).join(name), &path).map_err(|cause| Error::Write { path, cause })?;
        }
        for name in old.iter().filter(|name| !manifest.files.contains_key(*name) && name.as_str() != MANIFEST) {
            remove(&dir, name)?;
        }
        sync(&dir)?;
        Claim { dir: dir.clone(), made: Vec::new() }.release();
        Ok(Written { dir, manifest })
    }

    fn write(&mut self, name: &str, body: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
        let file = self.file(name, body)?;
        self.manifest.files.insert(name.to_owned(), file);
        Ok(())
    }

    fn file(&self, name: &str, body: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<CaseFile> {
        let path = self.dir.join(STAGED).join(name);
        stage_file(&path, body).map_err(|cause| Error::Write { path, cause })
    }
}

/// Has the system keep the names of a folder.
fn sync(dir: &Path) -> Result<()> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|cause| Error::Write { path: dir.to_path_buf(), cause })
}

/// Writes a case folder: claim, stage, commit. Where it fails, a folder that was made for it is gone again.
///
/// # Errors
/// As [`Claim::of`] and [`Claim::stage`].
pub fn write_case(dir: &Path, input: &CaseInput<'_>, manifest: Manifest) -> Result<Written> {
    let claim = Claim::of(dir)?;
    claim.stage(input, manifest).and_then(Staged::commit).inspect_err(|_| claim.release())
}

/// Removes a file of the old case. A name that leads out of the folder, through a link or to something else than a
/// plain file is left alone: a manifest may have been changed by somebody else.
fn remove(dir: &Path, name: &str) -> Result<()> {
    let mut path = dir.to_path_buf();
    for part in Path::new(name).components() {
        let Component::Normal(part) = part else { return Ok(()) };
        if fs::symlink_metadata(&path).map_or(true, |of| of.file_type().is_symlink()) && path != dir {
            return Ok(());
        }
        path.push(part);
    }
    match fs::symlink_metadata(&path) {
        Ok(of) if of.is_file() => fs::remove_file(&path).map_err(|cause| Error::Write { path, cause }),
        _ => Ok(()),
    }
}

/// What is gathered before it is hashed and written.
const BUFFER_BYTES: usize = 64 * 1024;

fn stage_file(path: &Path, body: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<CaseFile> {
    let hashing = Hashing { to: File::create(path)?, hash: Sha256::new(), bytes: 0 };
    let mut buffered = BufWriter::with_capacity(BUFFER_BYTES, hashing);
    body(&mut buffered)?;
    let to = buffered.into_inner().map_err(io::IntoInnerError::into_error)?;
    to.to.sync_all()?;
    Ok(CaseFile { sha256: hex(&to.hash.finalize()), bytes: to.bytes })
}

fn pretty<T: Serialize>(to: &mut dyn Write, value: &T) -> io::Result<()> {
    json::pretty(to, value)?;
    to.write_all(b"\n")
}

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

/// Writes a case folder: every file under a temporary name, then all renamed into place, `manifest.json` last. Over
/// an older case, the files that its manifest names and that are not written again are removed.
///
/// # Errors
/// [`Error::Usage`] where `dir` holds something else than a case of ours, [`Error::Write`] where the system refuses.
pub fn write_case(dir: &Path, input: &CaseInput<'_>, mut manifest: Manifest) -> Result<Written> {
    let old = prepare(dir)?;
    let html = report_html(input);
    let mut staged = Staged { dir, names: Vec::new(), manifest: &mut manifest };
    staged.manifest.files.clear();
    staged.write("verdict.json", |to| pretty(to, input.verdict))?;
    staged.write("findings.jsonl", |to| write_lines(to, input.findings.iter()))?;
    staged.write("transfers.jsonl", |to| write_lines(to, input.transfers))?;
    staged.write("coverage.json", |to| pretty(to, input.coverage))?;
    staged.write("ledger.jsonl", |to| write_lines(to, input.ledger))?;
    staged.write("state/partial.json", |to| {
        json::line(to, input.partial)?;
        to.write_all(b"\n")
    })?;
    staged.write("report.html", |to| to.write_all(html.as_bytes()))?;
    let names = std::mem::take(&mut staged.names);
    for name in names {
        rename(dir, name)?;
    }
    let copy = manifest.clone();
    Staged { dir, names: Vec::new(), manifest: &mut manifest }.stage("manifest.json", |to| pretty(to, &copy))?;
    rename(dir, "manifest.json")?;
    for name in old.iter().filter(|name| !manifest.files.contains_key(*name) && name.as_str() != "manifest.json") {
        remove(dir, name)?;
    }
    // Empty but for a scan that runs at the same time: then it stays.
    let _ = fs::remove_dir(dir.join(FOLDER_IN_CASE));
    Ok(Written { dir: dir.to_path_buf(), manifest })
}

/// Makes the folder, or accepts one that is empty or holds a case of ours; gives the files of that case.
fn prepare(dir: &Path) -> Result<Vec<String>> {
    let failed = |cause| Error::Write { path: dir.to_path_buf(), cause };
    fs::create_dir_all(dir).map_err(failed)?;
    let old = files_of(dir)?;
    fs::create_dir_all(dir.join("state")).map_err(failed)?;
    Ok(old)
}

/// Whether a case can be written to `dir`: it is not there, or holds nothing, or holds a case of ours. A scan asks
/// before it reads a byte.
///
/// # Errors
/// As [`write_case`].
pub fn check_folder(dir: &Path) -> Result<()> {
    match fs::symlink_metadata(dir) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        _ => files_of(dir).map(|_| ()),
    }
}

/// The files of the case that lies in `dir`; none where it is empty.
fn files_of(dir: &Path) -> Result<Vec<String>> {
    let failed = |cause| Error::Write { path: dir.to_path_buf(), cause };
    let mut inside = fs::read_dir(dir).map_err(failed)?;
    let is_ours = |entry: io::Result<fs::DirEntry>| entry.is_ok_and(|e| e.file_name() == FOLDER_IN_CASE);
    match super::load::files_of_case(dir) {
        Some(names) => Ok(names),
        None if inside.all(is_ours) => Ok(Vec::new()),
        None => Err(Error::Usage {
            what: format!(
                "{} is not empty and is not a case folder; name a new or empty folder with --out",
                dir.display()
            ),
        }),
    }
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

struct Staged<'a> {
    dir: &'a Path,
    names: Vec<&'static str>,
    manifest: &'a mut Manifest,
}

impl Staged<'_> {
    fn write(&mut self, name: &'static str, body: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
        let file = self.stage(name, body)?;
        self.manifest.files.insert(name.to_owned(), file);
        self.names.push(name);
        Ok(())
    }

    fn stage(&self, name: &str, body: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<CaseFile> {
        let path = temporary(self.dir, name);
        stage_file(&path, body).map_err(|cause| Error::Write { path, cause })
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

fn temporary(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.tmp"))
}

fn rename(dir: &Path, name: &str) -> Result<()> {
    let path = dir.join(name);
    fs::rename(temporary(dir, name), &path).map_err(|cause| Error::Write { path, cause })
}

fn pretty<T: Serialize>(to: &mut dyn Write, value: &T) -> io::Result<()> {
    json::pretty(to, value)?;
    to.write_all(b"\n")
}

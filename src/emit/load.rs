//! Reading a case folder back.

use std::fs::File;
use std::io::{BufRead, BufReader, Lines};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::{MANIFEST_SCHEMA, Manifest};
use crate::error::{Error, Result};
use crate::model::coverage::Coverage;
use crate::model::finding::Finding;
use crate::model::ledger::Entry;
use crate::model::partial::Partial;
use crate::model::transfer::Transfer;
use crate::model::verdict::Verdict;

/// A case folder. The small files are read; findings and the others are read when asked for, line by line.
#[derive(Debug, Clone)]
pub struct LoadedCase {
    /// The folder.
    pub dir: PathBuf,
    /// The facts of the run.
    pub manifest: Manifest,
    /// The answer.
    pub verdict: Verdict,
}

/// Opens a case folder.
///
/// # Errors
/// [`Error::Read`] where a file is missing, [`Error::Case`] where it is damaged or of another version.
pub fn load_case(dir: &Path) -> Result<LoadedCase> {
    let manifest: Manifest = json(&dir.join("manifest.json"))?;
    schema(&dir.join("manifest.json"), &manifest.schema, MANIFEST_SCHEMA)?;
    let verdict: Verdict = json(&dir.join("verdict.json"))?;
    schema(&dir.join("verdict.json"), &verdict.schema, "exfiltrace.verdict/1")?;
    Ok(LoadedCase { dir: dir.to_path_buf(), manifest, verdict })
}

/// Whether the folder holds a manifest of ours, of any version.
pub(super) fn is_case(dir: &Path) -> bool {
    let value: Result<serde_json::Value> = json(&dir.join("manifest.json"));
    value.is_ok_and(|v| v["schema"].as_str().is_some_and(|s| s.starts_with("exfiltrace.manifest/")))
}

impl LoadedCase {
    /// The findings one by one, in the order of the file.
    ///
    /// # Errors
    /// [`Error::Read`] where the file cannot be opened; each item may be an [`Error::Case`].
    pub fn findings(&self) -> Result<JsonLines<Finding>> {
        JsonLines::open(self.dir.join("findings.jsonl"))
    }

    /// The transfers one by one.
    ///
    /// # Errors
    /// As [`findings`](Self::findings).
    pub fn transfers(&self) -> Result<JsonLines<Transfer>> {
        JsonLines::open(self.dir.join("transfers.jsonl"))
    }

    /// The ledger one by one.
    ///
    /// # Errors
    /// As [`findings`](Self::findings).
    pub fn ledger(&self) -> Result<JsonLines<Entry>> {
        JsonLines::open(self.dir.join("ledger.jsonl"))
    }

    /// What the logs can tell.
    ///
    /// # Errors
    /// As [`load_case`].
    pub fn coverage(&self) -> Result<Coverage> {
        json(&self.dir.join("coverage.json"))
    }

    /// What `add` and `merge` need.
    ///
    /// # Errors
    /// As [`load_case`].
    pub fn partial(&self) -> Result<Partial> {
        json(&self.dir.join("state/partial.json"))
    }
}

/// The values of a JSON lines file, read one line at a time.
#[derive(Debug)]
pub struct JsonLines<T> {
    path: PathBuf,
    lines: Lines<BufReader<File>>,
    number: u64,
    kind: PhantomData<T>,
}

impl<T> JsonLines<T> {
    fn open(path: PathBuf) -> Result<Self> {
        match File::open(&path) {
            Ok(file) => Ok(Self { path, lines: BufReader::new(file).lines(), number: 0, kind: PhantomData }),
            Err(cause) => Err(Error::Read { path, cause }),
        }
    }
}

impl<T: DeserializeOwned> Iterator for JsonLines<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.lines.next()?;
        self.number += 1;
        Some(match line {
            Err(cause) => Err(Error::Read { path: self.path.clone(), cause }),
            Ok(line) => serde_json::from_str(&line).map_err(|wrong| Error::Case {
                path: self.path.clone(),
                what: format!("line {}: {wrong}", self.number),
            }),
        })
    }
}

fn json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let file = File::open(path).map_err(|cause| Error::Read { path: path.to_path_buf(), cause })?;
    serde_json::from_reader(BufReader::new(file))
        .map_err(|wrong| Error::Case { path: path.to_path_buf(), what: wrong.to_string() })
}

fn schema(path: &Path, found: &str, wanted: &str) -> Result<()> {
    if found == wanted {
        return Ok(());
    }
    Err(Error::Case { path: path.to_path_buf(), what: format!("its schema is {found:?}, this version reads {wanted}") })
}

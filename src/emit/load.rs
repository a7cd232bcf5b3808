//! Reading a case folder back.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::{MANIFEST_SCHEMA, Manifest, hex};
use crate::error::{Error, Result};
use crate::model::coverage::Coverage;
use crate::model::finding::Finding;
use crate::model::ledger::Entry;
use crate::model::partial::Partial;
use crate::model::rule::Level;
use crate::model::transfer::Transfer;
use crate::model::verdict::Verdict;

/// The file of the Partial.
const STATE: &str = "state/partial.json";

/// A case folder. The small files are read; findings and the others are read when asked for, line by line.
#[derive(Debug, Clone)]
pub struct LoadedCase {
    /// The folder.
    pub dir: PathBuf,
    /// The facts of the run.
    pub manifest: Manifest,
    /// The answer.
    pub verdict: Verdict,
    /// Exports leave lesser findings out; `None` where they hold all.
    pub min_level: Option<Level>,
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
    Ok(LoadedCase { dir: dir.to_path_buf(), manifest, verdict, min_level: None })
}

/// Whether a folder is a case of ours, of any version.
pub fn is_case(dir: &Path) -> bool {
    files_of_case(dir).is_some()
}

/// The names of the files of a case of ours, of any version; `None` where the folder holds none.
pub(super) fn files_of_case(dir: &Path) -> Option<Vec<String>> {
    let value: serde_json::Value = json(&dir.join("manifest.json")).ok()?;
    if !value["schema"].as_str().is_some_and(|schema| schema.starts_with("exfiltrace.manifest/")) {
        return None;
    }
    Some(value["files"].as_object().map(|files| files.keys().cloned().collect()).unwrap_or_default())
}

impl LoadedCase {
    /// The findings one by one, in the order of the file.
    ///
    /// # Errors
    /// [`Error::Read`] where the file cannot be opened; each item may be an [`Error::Case`].
    pub fn findings(&self) -> Result<JsonLines<Finding>> {
        JsonLines::open(self.dir.join("findings.jsonl"))
    }

    /// The findings of [`min_level`](Self::min_level) and above.
    ///
    /// # Errors
    /// As [`findings`](Self::findings).
    pub fn shown(&self) -> Result<impl Iterator<Item = Result<Finding>> + use<>> {
        let least = self.min_level;
        Ok(self.findings()?.filter(move |f| f.as_ref().map_or(true, |f| least.is_none_or(|least| f.level >= least))))
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
        json(&self.dir.join(STATE))
    }

    /// [`partial`](Self::partial), where the file is the one that the manifest speaks of: what other cases are made from
    /// must not have been changed.
    ///
    /// # Errors
    /// As [`load_case`]; [`Error::Case`] where the digest differs.
    pub fn intact_partial(&self) -> Result<Partial> {
        let path = self.dir.join(STATE);
        let text = std::fs::read(&path).map_err(|cause| Error::Read { path: path.clone(), cause })?;
        let sha256 = hex(&Sha256::digest(&text));
        if self.manifest.files.get(STATE).is_none_or(|file| file.sha256 != sha256) {
            return Err(Error::Case { path, what: "its digest is not the one in manifest.json".to_owned() });
        }
        serde_json::from_slice(&text).map_err(|wrong| Error::Case { path, what: wrong.to_string() })
    }
}

/// The longest line that is read back, so that a damaged or foreign file cannot take all memory.
const LINE_LIMIT_BYTES: u64 = 256 << 20;

/// The values of a JSON lines file, read one line at a time. Ends after the first error of the file itself.
#[derive(Debug)]
pub struct JsonLines<T> {
    path: PathBuf,
    from: BufReader<File>,
    limit_bytes: u64,
    line: Vec<u8>,
    number: u64,
    ended: bool,
    kind: PhantomData<T>,
}

impl<T> JsonLines<T> {
    fn open(path: PathBuf) -> Result<Self> {
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(cause) => return Err(Error::Read { path, cause }),
        };
        let (from, limit_bytes) = (BufReader::new(file), LINE_LIMIT_BYTES);
        Ok(Self { path, from, limit_bytes, line: Vec::new(), number: 0, ended: false, kind: PhantomData })
    }

    /// Reads one more line into `self.line`, without its end; false at the end of the file.
    fn advance(&mut self) -> Result<bool> {
        self.line.clear();
        self.number += 1;
        match (&mut self.from).take(self.limit_bytes + 1).read_until(b'\n', &mut self.line) {
            Ok(0) => return Ok(false),
            Ok(_) => {}
            Err(cause) => return Err(Error::Read { path: self.path.clone(), cause }),
        }
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        }
        if self.line.len() as u64 > self.limit_bytes {
            let what = format!("line {} is longer than {} bytes", self.number, self.limit_bytes);
            return Err(Error::Case { path: self.path.clone(), what });
        }
        Ok(true)
    }
}

impl<T: DeserializeOwned> Iterator for JsonLines<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.advance() {
            Ok(true) => {}
            Ok(false) => {
                self.ended = true;
                return None;
            }
            Err(error) => {
                self.ended = true;
                return Some(Err(error));
            }
        }
        Some(
            serde_json::from_slice(&self.line).map_err(|wrong| Error::Case {
                path: self.path.clone(),
                what: format!("line {}: {wrong}", self.number),
            }),
        )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_over_the_limit_is_an_error_and_ends_the_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "1\n22222\n333333\n4\n").unwrap();
        let mut lines: JsonLines<u32> = JsonLines::open(file.path().to_path_buf()).unwrap();
        lines.limit_bytes = 5;
        assert_eq!((lines.next().unwrap().unwrap(), lines.next().unwrap().unwrap()), (1, 22222));
        let error = lines.next().unwrap().unwrap_err().to_string();
        assert!(error.contains("line 3 is longer than 5 bytes"), "{error}");
        assert!(lines.next().is_none());
    }

    #[test]
    fn a_damaged_line_is_named_and_the_next_is_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"1\n\xff\n3").unwrap();
        let lines: JsonLines<u32> = JsonLines::open(file.path().to_path_buf()).unwrap();
        let read: Vec<_> = lines.collect();
        assert!(read[1].as_ref().unwrap_err().to_string().contains("line 2"));
        assert_eq!((read.len(), *read[2].as_ref().unwrap()), (3, 3));
    }
}

//! What the user hands over, and the leaf streams found in it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::clock::YearsRead;
use super::dates::OrderShown;
use super::ledger::{Entry, Note};
use super::place::Locator;
use super::time::Instant;

/// One file of the evidence as the walk found it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its name in output.
    pub locator: Locator,
    /// Where it lies; `None` for standard input.
    #[serde(skip)]
    pub path: Option<PathBuf>,
    /// Stored size in bytes; 0 for standard input.
    pub size: u64,
    /// Modification time as the file system gives it.
    pub mtime: Option<Instant>,
    /// Remarks of the walk on a file that is read all the same (a name that is not UTF-8).
    #[serde(default)]
    pub notes: Vec<Note>,
}

/// The listing of all evidence: one cheap pass before anything is opened.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Survey {
    /// Files to read, sorted by locator.
    pub files: Vec<Listed>,
    /// What will not be read, with the reason, sorted by locator.
    pub skipped: Vec<Entry>,
    /// Of files that are not alone in their rotation: in which order day and month stand in the dates at their begin and end, where
    /// these show it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dates: BTreeMap<Locator, OrderShown>,
    /// Of files that write no year: what beside them tells it, where that is another one than the time of the file tells.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub years: BTreeMap<Locator, YearsRead>,
}

/// A survey as a file, which several shards of one scan are given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SurveyFile {
    /// [`SurveyFile::SCHEMA`].
    pub schema: String,
    /// The listing.
    #[serde(flatten)]
    pub survey: Survey,
}

impl SurveyFile {
    /// Schema id.
    pub const SCHEMA: &str = "exfiltrace.survey/1";

    /// A survey with its schema id.
    pub fn of(survey: Survey) -> Self {
        Self { schema: Self::SCHEMA.to_owned(), survey }
    }
}

/// What is known of a leaf stream before its first byte is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceMeta {
    /// Its name in output.
    pub locator: Locator,
    /// The evidence file (outermost container) that it lies in.
    pub evidence: Locator,
    /// Modification time: of the member where the archive states one, else of what holds it.
    pub mtime: Option<Instant>,
    /// Size in bytes where the container states it.
    pub size: Option<u64>,
}

/// The decoded bytes of one source, read once from start to end.
pub trait Stream {
    /// Appends up to `want` bytes to `buf` and says how many; 0 at the end.
    ///
    /// # Errors
    /// A [`Note`] where the stream cannot go on (damage, a limit, a changed file). What was appended before counts;
    /// the stream is at its end afterwards.
    fn fill(&mut self, buf: &mut Vec<u8>, want: usize) -> Result<usize, Note>;

    /// Remarks that did not end the stream (a file that changed under the map and was read again). Drained by the call.
    fn notes(&mut self) -> Vec<Note>;
}

/// Who takes the leaf streams and the ledger entries that opening the evidence yields.
pub trait Visitor {
    /// A leaf stream. Reads as much of it as it likes; what is left is drained by the caller.
    fn leaf(&mut self, meta: SourceMeta, stream: &mut dyn Stream);

    /// A container that was opened, or something that could not be opened.
    fn entry(&mut self, entry: Entry);
}

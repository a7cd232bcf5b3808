//! The facts of a run (`manifest.json`): the only file of a case that differs between runs.

use crate::model::rule::{LeftOut, Narrowing};
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::indicator::Feed;
use crate::model::place::Locator;
use crate::model::scopes::{Scopes, Zone};
use crate::model::time::Instant;

/// Schema id of [`Manifest`].
pub const MANIFEST_SCHEMA: &str = "exfiltrace.manifest/1";

/// What the scan ran on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Machine {
    /// Operating system.
    pub os: String,
    /// Processor architecture.
    pub arch: String,
    /// Cores that the scan could use.
    pub cores: u32,
    /// Memory in bytes; `None` where the system does not say.
    pub memory: Option<u64>,
}

/// A rule that could not be used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RejectedRule {
    /// Its file.
    pub file: String,
    /// Line, from 1.
    pub line: u64,
    /// Column, from 1.
    pub column: u64,
    /// Why.
    pub reason: String,
}

/// The rules of the run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RulesUsed {
    /// Digest of the embedded pack, `sha256:<hex>`; `None` with `--no-builtin`.
    pub pack: Option<String>,
    /// Rules loaded, the pack's included, without correlations and without those that were left out.
    pub loaded: u64,
    /// Correlations loaded, which are not among the rules.
    #[serde(default)]
    pub correlations: u64,
    /// Rules and correlations that give no findings of their own, because correlations count on them.
    #[serde(default)]
    pub silent: u64,
    /// Rules and correlations that could have been loaded and were left out by wish.
    #[serde(default)]
    pub left_out: LeftOut,
    /// Rules loaded whose log source is that of no format that any record of the evidence has: they could not fire. Those
    /// whose format is here and whose channel or service is not do not count (`rules list --coverage` tells them).
    #[serde(default)]
    pub never_applicable: u64,
    /// Which of the rules these are: stretches of numbers from 0, first and last, in the order in which rules were loaded.
    #[serde(default)]
    pub never: Vec<(u32, u32)>,
    /// Rules that could not be used, sorted.
    pub rejected: Vec<RejectedRule>,
    /// Filters loaded, sorted.
    #[serde(default)]
    pub filters: Vec<Narrowing>,
}

/// A root of the evidence: what `verify` looks for again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootUsed {
    /// Its name in locators.
    pub name: String,
    /// Where it was, as an absolute path; `None` for standard input.
    pub path: Option<String>,
}

/// The clocks of logs that carry no zone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ClocksUsed {
    /// IANA name or offset.
    pub timezone: String,
    /// Who gave it: `--timezone` or `scopes`; `None` where nobody did and UTC was assumed.
    pub given_by: Option<String>,
    /// Clocks of single hosts and paths, from the scopes file; they go before `timezone`.
    pub zones: Vec<Zone>,
}

/// What the scan was to keep to, and what it took.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MemoryUsed {
    /// `--max-memory`, in bytes.
    pub limit: u64,
    /// Anonymous memory in bytes when all was judged, which is when most is held; `None` where the system does not say.
    /// Above the limit, conversations and transfers took more than was allowed.
    pub held: Option<u64>,
}

/// A file that the user named on the command line, or a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileGiven {
    /// What stands before the path in the value: `@` of a list in a file; mostly empty.
    pub before: String,
    /// Absolute path.
    pub path: String,
    /// SHA-256 of the file, lower-case hex; of a folder over the names, sizes and bytes of its files. `None` for what can be
    /// read only once, as a pipe.
    pub sha256: Option<String>,
}

/// A digest that a supplier gave for a file of the evidence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Supplied {
    /// Lower-case hex.
    pub digest: String,
    /// The file, as locators are written.
    pub name: Locator,
}

/// What the user told that decides what a scan finds: the same in all cases that are joined, and again for what is added.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Told {
    /// Options with their values as typed, or as they are without being typed, by name.
    pub options: BTreeMap<String, Vec<String>>,
    /// Options whose values are files, by name.
    pub files: BTreeMap<String, Vec<FileGiven>>,
    /// What the scopes file says, with the networks of the command line.
    pub scopes: Scopes,
    /// What suppliers said of single files.
    pub supplied: Vec<Supplied>,
}

/// An earlier run that gave a part of the case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its command line.
    pub arguments: Vec<String>,
    /// When it began.
    pub started: Instant,
    /// When it ended.
    pub finished: Instant,
}

/// One file of the case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseFile {
    /// SHA-256, lower-case hex.
    pub sha256: String,
    /// Size in bytes.
    pub bytes: u64,
}

/// The whole file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`MANIFEST_SCHEMA`].
    pub schema: String,
    /// Version of the tool.
    pub version: String,
    /// The command line, secrets masked by the caller.
    pub arguments: Vec<String>,
    /// The evidence.
    pub roots: Vec<RootUsed>,
    /// When the scan began.
    pub started: Instant,
    /// When it ended.
    pub finished: Instant,
    /// What it ran on.
    pub machine: Machine,
    /// Threads used.
    pub threads: u32,
    /// Rules.
    pub rules: RulesUsed,
    /// Indicator feeds, in the order given.
    pub feeds: Vec<Feed>,
    /// Clocks of logs that carry no zone.
    #[serde(default)]
    pub clocks: ClocksUsed,
    /// Memory.
    #[serde(default)]
    pub memory: MemoryUsed,
    /// What was told that a later run must be told again; `None` in cases of older versions.
    #[serde(default)]
    pub told: Option<Told>,
    /// The one scope that the case was cut down to, to be handed on: it cannot grow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_scope: Option<String>,
    /// The runs before this one that gave the case, or the cases that it was joined from.
    #[serde(default)]
    pub runs: Vec<Run>,
    /// Files of the case by name; filled in by [`write_case`](super::write_case).
    pub files: BTreeMap<String, CaseFile>,
}

impl Manifest {
    /// A manifest about which only the times are known.
    pub fn new(version: impl Into<String>, started: Instant, finished: Instant) -> Self {
        Self {
            schema: MANIFEST_SCHEMA.to_owned(),
            version: version.into(),
            arguments: Vec::new(),
            roots: Vec::new(),
            started,
            finished,
            machine: Machine::default(),
            threads: 0,
            rules: RulesUsed::default(),
            feeds: Vec::new(),
            clocks: ClocksUsed::default(),
            memory: MemoryUsed::default(),
            told: None,
            only_scope: None,
            runs: Vec::new(),
            files: BTreeMap::new(),
        }
    }
}

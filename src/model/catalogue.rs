//! What the user tells of where which data lies (`--catalogue FILE`).

use serde::{Deserialize, Serialize};

/// The catalogue, TOML or the same as JSON. Unknown keys are an error, so that a typing mistake is not ignored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Catalogue {
    /// Its entries.
    pub data: Vec<Holding>,
}

/// Objects that hold one kind of data. An object is of the entry if one of its globs matches; case does not matter, `\` and
/// `/` are the same, and `*` goes over them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Holding {
    /// The kind of data: one of [`CATEGORIES`](super::data::CATEGORIES), or a name of the user's own.
    pub category: String,
    /// Name for people; where there is none, the first glob.
    pub title: Option<String>,
    /// Whether it is a special category of personal data under article 9 of the UK GDPR; where it is not given, as the
    /// category has it.
    pub special_category: Option<bool>,
    /// How many records (persons, cases, rows) it holds.
    pub records: Option<u64>,
    /// Whose data it is, in a word: `tenants`.
    pub subjects: Option<String>,
    /// Globs over network shares, with or without what lies in them.
    pub share: Vec<String>,
    /// Globs over paths of files.
    pub path: Vec<String>,
    /// Globs over names of tables.
    pub table: Vec<String>,
    /// Globs over buckets, with or without the object: `council-hr`, `council-hr/2026/*`.
    pub bucket: Vec<String>,
    /// Globs over mailboxes.
    pub mailbox: Vec<String>,
    /// Globs over paths of URLs without their query, or with the host before them.
    pub url: Vec<String>,
}

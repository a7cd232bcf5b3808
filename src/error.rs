//! Everything that can end a scan or refuse a request.

use std::io;
use std::path::PathBuf;

/// What the library returns where it cannot go on. Losses inside the evidence are never an `Error`: they are
/// [`Note`](crate::model::ledger::Note)s in the ledger.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that the user named (not evidence) cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// Something in the case folder cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// An input file of the user's (scopes, rules, feeds) says something that cannot be used.
    #[error("{file}:{line}:{column}: {what}")]
    Invalid {
        /// Which file.
        file: String,
        /// Line, from 1.
        line: u64,
        /// Column, from 1.
        column: u64,
        /// What is wrong and what to do.
        what: String,
    },
    /// A value in the scopes file or the catalogue that cannot be used.
    #[error("{what}")]
    Scopes {
        /// The part that it stands in: `scope`, `timezone`, `data`.
        part: &'static str,
        /// Which of the parts of this name, from 0.
        index: usize,
        /// The value; empty where one is missing.
        value: String,
        /// The entry, what is wrong and what to do.
        what: String,
    },
    /// A value on the command line that cannot be used.
    #[error("{what}")]
    Usage {
        /// What is wrong and what to do.
        what: String,
    },
    /// A case folder that is damaged or of another version.
    #[error("{path} is not a case folder of this version: {what}")]
    Case {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

/// Shorthand.
pub type Result<T, E = Error> = std::result::Result<T, E>;

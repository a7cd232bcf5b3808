//! Documents for other systems, one file per dialect.

mod attack;
mod csv;
mod ecs;
mod ocsf;

use std::io::{self, Write};
use std::path::PathBuf;

use super::json;
use crate::error::{Error, Result};

pub use super::load::{LoadedCase, load_case};

/// Writes one case in one dialect.
type Exporter = fn(&LoadedCase, &mut dyn Write) -> Result<()>;

/// The dialects by name.
pub const EXPORTERS: &[(&str, Exporter)] = &[("csv", csv::export), ("ecs", ecs::export), ("ocsf", ocsf::export)];

/// Writes a case in the dialect of this name.
///
/// # Errors
/// [`Error::Usage`] where there is no such dialect, [`Error::Case`] and [`Error::Read`] where the case is damaged,
/// [`Error::Write`] where `out` refuses.
pub fn export(name: &str, case: &LoadedCase, out: &mut dyn Write) -> Result<()> {
    match EXPORTERS.iter().find(|(known, _)| *known == name) {
        Some((_, run)) => run(case, out),
        None => {
            let known: Vec<&str> = EXPORTERS.iter().map(|(known, _)| *known).collect();
            Err(Error::Usage { what: format!("no export is called {name:?}; there are {}", known.join(", ")) })
        }
    }
}

/// An error of the output, which has no path.
fn refused(cause: io::Error) -> Error {
    Error::Write { path: PathBuf::from("the export"), cause }
}

/// Writes one document as a JSON line.
fn line(out: &mut dyn Write, document: &serde_json::Value) -> Result<()> {
    json::line(&mut *out, document).map_err(refused)?;
    out.write_all(b"\n").map_err(refused)
}

//! The catalogue of where which kinds of data lie.

use std::io::Write;

use anyhow::Result;
use exfiltrace::classify::{self, Classifier};
use exfiltrace::model::catalogue::Catalogue;
use exfiltrace::model::data::CATEGORIES;
use exfiltrace::model::words::counted;

use super::{Catalogue as Command, Scan, printable, scopes};

/// A catalogue in which every key stands with its meaning.
const EXAMPLE: &str = include_str!("catalogue-example.toml");

/// `catalogue check`, `catalogue example` and `catalogue list`.
pub fn catalogue(command: &Command) -> Result<u8> {
    let mut out = std::io::stdout().lock();
    match command {
        Command::Example => out.write_all(EXAMPLE.as_bytes())?,
        Command::List => {
            for category in CATEGORIES {
                let special = if category.special { " (special category)" } else { "" };
                writeln!(out, "{:<25}{}{special}", category.name, category.means)?;
            }
            writeln!(out, "\nKnown by their values:")?;
            for (what, category) in classify::values() {
                writeln!(out, "{category:<25}{what}")?;
            }
        }
        Command::Check { file } => {
            let catalogue = read(file)?;
            let entries = counted(catalogue.data.len() as u64, "entry", "entries");
            compiled(file, &catalogue)?;
            let special = catalogue.data.iter().filter(|entry| classify::is_special(entry)).count();
            let name = printable(&file.display().to_string());
            writeln!(out, "{name}: can be used: {entries}, {special} of them of a special category")?;
        }
    }
    Ok(0)
}

/// What knows kinds of data, with the catalogue that was given.
pub fn classifier(args: &Scan) -> Result<Classifier> {
    match &args.catalogue {
        Some(file) => compiled(file, &read(file)?),
        None => Ok(Classifier::new(&Catalogue::default())?),
    }
}

fn read(file: &std::path::Path) -> Result<Catalogue> {
    scopes::read_as(file, "exfiltrace catalogue example")
}

fn compiled(file: &std::path::Path, catalogue: &Catalogue) -> Result<Classifier> {
    Classifier::new(catalogue).map_err(|fault| scopes::placed(file, fault))
}

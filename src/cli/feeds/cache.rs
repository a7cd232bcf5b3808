//! Feeds in compiled form, kept from one scan to the next under the digest of what they were made of.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use exfiltrace::indicators::{Builder, db};
use exfiltrace::model::indicator::Indicators;

use super::{Files, Loaded};

/// The indicators of these feeds, from `folder` where they are there, and kept there else.
pub(super) fn load(paths: &[PathBuf], folder: &Path) -> Result<Loaded> {
    std::fs::create_dir_all(folder).with_context(|| format!("--cache {}: cannot be made", folder.display()))?;
    let read: Vec<Files> = paths.iter().map(|path| super::read(path)).collect::<Result<_>>()?;
    let kept = folder.join(format!("indicators-{}.ioc", key(paths, &read)));
    if let Some(loaded) = found(&kept) {
        return Ok(loaded);
    }
    let mut builder = Builder::new();
    for (path, files) in paths.iter().zip(read) {
        super::add(path, files, &mut builder)?;
    }
    let (indicators, refusals) = builder.finish();
    keep(&indicators, &kept);
    Ok(Loaded { indicators, refusals, mapped: None })
}

/// Names what the feeds hold, in their order, and the program that compiles them.
fn key(paths: &[PathBuf], read: &[Files]) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut put = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    };
    put(&format!("{} {}", env!("CARGO_PKG_VERSION"), db::VERSION));
    for (path, files) in paths.iter().zip(read) {
        put(&path.to_string_lossy());
        for (file, leaves) in files {
            put(file);
            for (name, digest, bytes) in leaves {
                put(name);
                put(digest.as_deref().unwrap_or("none"));
                put(blake3::hash(bytes).to_hex().as_str());
            }
        }
        put("");
    }
    hasher.finalize().to_hex().to_string()
}

/// What is kept, if it can be used.
fn found(kept: &Path) -> Option<Loaded> {
    if !kept.exists() {
        return None;
    }
    match super::compiled(kept) {
        Ok((indicators, mapped)) => Some(Loaded { indicators, mapped, ..Loaded::default() }),
        Err(error) => {
            let text = format!("{error:#}");
            anstream::eprintln!("warning: {}", super::super::printable(&text));
            anstream::eprintln!("the feeds are read instead, and the entry is written again");
            None
        }
    }
}

/// Keeps a set. A scan goes on without.
fn keep(set: &Indicators, kept: &Path) {
    if let Err(error) = super::write(set, kept) {
        let text = format!("{error:#}");
        anstream::eprintln!("warning: {}; the next scan reads the feeds again", super::super::printable(&text));
    }
}

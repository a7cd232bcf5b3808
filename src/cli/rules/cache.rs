//! Compiled rules, kept from one scan to the next under the digest of what they were made of.

use std::path::Path;

use anyhow::{Context, Result};
use exfiltrace::detect::{Problem, Program, Setup};

use crate::cli::{feeds, printable};

/// The program of these rules, from `folder` where it is there, and kept there else.
pub(super) fn load(documents: Vec<(String, String)>, setup: &Setup, folder: &Path) -> Result<(Program, Vec<Problem>)> {
    std::fs::create_dir_all(folder).with_context(|| format!("--cache {}: cannot be made", folder.display()))?;
    let kept = folder.join(format!("rules-{}.pack", key(&documents, setup)));
    if let Some(found) = found(&kept, setup) {
        return Ok(found);
    }
    // What is kept is of use to any selection.
    let whole = Setup { selection: setup.selection.unlimited(), ..setup.clone() };
    let (_, _, pack) = Program::packed(documents, &whole, false);
    if let Err(error) = feeds::write_whole(&kept, &mut |out| out.write_all(&pack)) {
        anstream::eprintln!("warning: {}; the next scan compiles the rules again", printable(&format!("{error:#}")));
    }
    let packs = [(kept.display().to_string(), pack)];
    let made = Program::compile_over(&packs, [], setup);
    made.map_err(|(pack, fault)| anyhow::anyhow!("{pack}: {}: {}; please report this", fault.place, fault.what))
}

/// What is kept, if it can be used.
fn found(kept: &Path, setup: &Setup) -> Option<(Program, Vec<Problem>)> {
    let bytes = std::fs::read(kept).ok()?;
    match Program::compile_over(&[(kept.display().to_string(), bytes)], [], setup) {
        Ok(made) => Some(made),
        Err((pack, fault)) => {
            let text = format!("{pack}: compiled rules cannot be used: {}: {}", fault.place, fault.what);
            anstream::eprintln!("warning: {}", printable(&text));
            anstream::eprintln!("the rules are compiled instead, and the entry is written again");
            None
        }
    }
}

/// Names what the rules are made of; a pack knows itself of which version of the program it is.
fn key(documents: &[(String, String)], setup: &Setup) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut put = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    };
    put(env!("CARGO_PKG_VERSION"));
    for (name, text) in documents {
        put(name);
        put(text);
    }
    put(&format!("{:?} {:?} {:?}", setup.placeholders, setup.mapping, setup.selection.unlimited()));
    hasher.finalize().to_hex().to_string()
}

//! What the sources of formats say in their first lines of how fast they are read.

use std::fs;
use std::path::{Path, PathBuf};

/// Megabytes in a second of a core's time below which a format has to say why.
pub const LEAST: f64 = 150.0;

/// Where a format is written: its definition, or the file of Rust that names it. None where there is none.
fn source(format: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/format");
    let definition = folder.join("declared").join(format!("{format}.toml"));
    if definition.is_file() {
        return Some(definition);
    }
    let mut files: Vec<PathBuf> = fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files.sort();
    files.into_iter().find(|path| fs::read_to_string(path).is_ok_and(|code| names(&code, format)))
}

/// Whether code gives a format this name.
fn names(code: &str, format: &str) -> bool {
    let quoted = format!("\"{format}\"");
    let is_given = |before: &str| {
        ["name:", "NAME: &str =", "fn name(&self) -> &'static str {"].iter().any(|word| before.ends_with(word))
    };
    code.match_indices(&quoted).any(|(at, _)| is_given(code[..at].trim_end()))
}

/// The first lines of a format's source, without what marks them as comments; none where the format is written nowhere.
pub fn header(format: &str) -> Option<String> {
    let text = fs::read_to_string(source(format)?).ok()?;
    let marked = |line: &str| Some(line.strip_prefix("//!").or_else(|| line.strip_prefix('#'))?.trim().to_owned());
    Some(text.lines().map_while(marked).collect::<Vec<_>>().join("\n"))
}

/// Why a format is read no faster: what stands behind the figure in the `Speed:` line of its header.
pub fn reason(header: &str) -> Option<&str> {
    let said = header.lines().find_map(|line| line.strip_prefix("Speed:"))?;
    let (_, behind) = said.split_once("MB/s")?;
    let (_, reason) = behind.split_once(": ")?;
    Some(reason.trim()).filter(|reason| !reason.is_empty())
}

/// Of formats with the speed at which a log of theirs is read, those that are read below [`LEAST`] and do not say why.
pub fn unexplained<'a>(speeds: &[(&'a str, f64)]) -> Vec<&'a str> {
    let says = |format: &str| header(format).is_some_and(|header| reason(&header).is_some());
    let mut slow: Vec<&str> = speeds.iter().filter(|(_, speed)| *speed < LEAST).map(|(format, _)| *format).collect();
    slow.sort_unstable();
    slow.dedup();
    slow.retain(|format| !says(format));
    slow
}

//! What the command line tells that decides what a scan finds: what a case remembers, so that it can grow and be joined.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Arg, ArgMatches, CommandFactory, FromArgMatches, ValueHint};
use exfiltrace::discover::{self, Root};
use exfiltrace::emit::{FileGiven, Told};
use exfiltrace::model::scopes::Scopes;
use sha2::{Digest, Sha256};

use super::{Args, Command, Scan};

/// Options that change where, how fast and with what shown a scan works, and not what it finds; or that are
/// remembered in another way.
const APART: &[&str] = &[
    "out",
    "work",
    "cache",
    "root",
    "survey",
    "io",
    "threads",
    "max-memory",
    "max-buffered-member",
    "archive-password",
    "archive-password-file",
    "min-level",
    "exit-verdict",
    "color",
    "quiet",
    "verbose",
    "x-cell-bytes",
    "x-shuffle",
    "hashes",
    "only-scope",
    "help",
    "version",
];

/// What the command line of this scan tells.
pub fn of(args: &Scan, scopes: &Scopes) -> Result<Told> {
    let mut told = Told { scopes: scopes.clone(), ..Told::default() };
    let command = Args::command();
    let scan = command.find_subcommand("scan").context("there is a command `scan`")?;
    for option in scan.get_arguments() {
        let Some(name) = option.get_long().filter(|name| !APART.contains(name)) else { continue };
        let counts = |value: &String| option.get_action().takes_values() || value == "true";
        for value in values(&args.typed, option).into_iter().filter(counts) {
            match file(option, &value)? {
                Some(file) => told.files.entry(name.to_owned()).or_default().push(file),
                None => told.options.entry(name.to_owned()).or_default().push(value),
            }
        }
    }
    Ok(told)
}

/// The values of an option, typed or not.
fn values(typed: &ArgMatches, option: &Arg) -> Vec<String> {
    let raw = typed.try_get_raw(option.get_id().as_str()).ok().flatten();
    raw.into_iter().flatten().map(|value| value.to_string_lossy().into_owned()).collect()
}

/// The file that a value names, if it names one.
fn file(option: &Arg, value: &str) -> Result<Option<FileGiven>> {
    let is_path = matches!(option.get_value_hint(), ValueHint::FilePath | ValueHint::AnyPath | ValueHint::DirPath);
    // A list in the place of a value: `--exclude @FILE`.
    let (before, path) = match value.strip_prefix('@') {
        Some(path) if !is_path => ("@", path),
        _ if is_path => ("", value),
        _ => return Ok(None),
    };
    let path = Path::new(path);
    if path.as_os_str() != "-" && !path.exists() {
        return Ok(None); // a word in the place of a path, as `--warninglists documentation`
    }
    let absolute = if path.as_os_str() == "-" { path.to_owned() } else { std::path::absolute(path)? };
    // What cannot be read is told where it is used.
    let sha256 = digest(path).unwrap_or(None);
    Ok(Some(FileGiven { before: before.to_owned(), path: absolute.to_string_lossy().into_owned(), sha256 }))
}

/// The digest of a file or a folder; `None` of what can be read only once.
fn digest(path: &Path) -> Result<Option<String>> {
    if path.is_file() {
        let mut hash = Sha256::new();
        add(path, &mut hash)?;
        return Ok(Some(hex(hash)));
    }
    if !path.is_dir() {
        return Ok(None);
    }
    let survey = discover::survey(&[Root { name: b"folder".to_vec(), path: Some(path.to_owned()) }], &[])?;
    let mut hash = Sha256::new();
    for file in survey.files {
        let Some(path) = &file.path else { continue };
        hash.update((file.locator.as_str().len() as u64).to_le_bytes());
        hash.update(file.locator.as_str());
        hash.update(file.size.to_le_bytes());
        add(path, &mut hash)?;
    }
    Ok(Some(hex(hash)))
}

/// Hashes the bytes of a file.
fn add(path: &Path, hash: &mut Sha256) -> Result<()> {
    let (mut file, mut buffer) = (File::open(path)?, vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            read => hash.update(&buffer[..read]),
        }
    }
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What two cases were told that differs, one line each; empty where they agree. The order of values does not matter, nor
/// where files lie; which were read only once cannot be told apart here.
pub fn differences(a: &Told, b: &Told) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, of_a, of_b) in pairs(&a.options, &b.options) {
        let (of_a, of_b) = (sorted(of_a), sorted(of_b));
        if of_a != of_b {
            lines.push(format!("--{name}: {} here, {} there", listed(&of_a), listed(&of_b)));
        }
    }
    for (name, of_a, of_b) in pairs(&a.files, &b.files) {
        let digests = |files: &[FileGiven]| sorted(&files.iter().map(kept).collect::<Vec<_>>());
        // What the scopes say is compared below, as it is read.
        if name != "scopes" && digests(of_a) != digests(of_b) {
            let shown = |files: &[FileGiven]| listed(&files.iter().map(shown).collect::<Vec<_>>());
            lines.push(format!("--{name}: {} here, {} there", shown(of_a), shown(of_b)));
        }
    }
    // Networks of the command line are told above.
    let bare = |told: &Told| Scopes { own: Vec::new(), ..told.scopes.clone() };
    if bare(a) != bare(b) || sorted(&a.scopes.own) != sorted(&b.scopes.own) {
        lines.push("--scopes and --own: they do not say the same".to_owned());
    }
    lines
}

/// The values of both maps, by name.
fn pairs<'t, T>(
    a: &'t BTreeMap<String, Vec<T>>,
    b: &'t BTreeMap<String, Vec<T>>,
) -> impl Iterator<Item = (&'t str, &'t [T], &'t [T])> {
    let mut names: Vec<&String> = a.keys().chain(b.keys()).collect();
    names.sort();
    names.dedup();
    let of = |map: &'t BTreeMap<String, Vec<T>>, name| map.get(name).map_or(&[][..], Vec::as_slice);
    names.into_iter().map(move |name| (name.as_str(), of(a, name), of(b, name)))
}

fn sorted(values: &[String]) -> Vec<String> {
    let mut sorted = values.to_vec();
    sorted.sort();
    sorted
}

fn listed(values: &[String]) -> String {
    if values.is_empty() { "nothing".to_owned() } else { values.join(", ") }
}

fn kept(file: &FileGiven) -> String {
    format!("{}{}", file.before, file.sha256.as_deref().unwrap_or_default())
}

fn shown(file: &FileGiven) -> String {
    let sha256 = file.sha256.as_deref().map_or("read once", |digest| &digest[..12.min(digest.len())]);
    format!("{}{} ({sha256}…)", file.before, file.path)
}

/// A place of files that have moved: the path that the case remembers, and where it lies now.
pub type Moved = (PathBuf, PathBuf);

/// A scan that is told the same again, without evidence yet. Files must be as they were.
pub fn again(told: &Told, moved: &[Moved], with: impl Fn(&str) -> bool) -> Result<Scan> {
    let mut line = vec!["exfiltrace".to_owned(), "scan".to_owned()];
    let command = Args::command();
    let scan = command.find_subcommand("scan").context("there is a command `scan`")?;
    for (name, values) in &told.options {
        let known = scan.get_arguments().find(|option| option.get_long() == Some(name));
        match known.map(|option| option.get_action().takes_values()) {
            Some(true) => line.extend(values.iter().map(|value| format!("--{name}={value}"))),
            Some(false) => line.push(format!("--{name}")),
            None => bail!("the case was made with --{name}, which this version does not know"),
        }
    }
    for (name, files) in told.files.iter().filter(|(name, _)| with(name)) {
        for file in files {
            line.push(format!("--{name}={}{}", file.before, found(name, file, moved)?.display()));
        }
    }
    line.push("-".to_owned());
    let matches = Args::command().try_get_matches_from(line)?;
    let Command::Scan(mut scan) = Args::from_arg_matches(&matches)?.command else { bail!("a scan was typed") };
    scan.evidence.clear();
    scan.typed = matches.subcommand_matches("scan").cloned().unwrap_or_default();
    Ok(*scan)
}

/// Where a file lies now.
fn found(name: &str, file: &FileGiven, moved: &[Moved]) -> Result<PathBuf> {
    let was = Path::new(&file.path);
    let path = moved.iter().find(|(old, _)| old == was).map_or(was, |(_, new)| new);
    let is = if path.exists() { digest(path)? } else { None };
    match (&file.sha256, is) {
        (Some(was), Some(is)) if *was == is => Ok(path.to_owned()),
        (None, Some(_)) => Ok(path.to_owned()),
        (None, None) => bail!("--{name} {}: it was read from a pipe; give what it held as --moved {0}=FILE", file.path),
        (Some(_), None) => {
            bail!("--{name} {}: not there any more; say where it lies now with --moved {0}=PATH", file.path)
        }
        (Some(was), Some(is)) => bail!(
            "--{name} {}: it has changed since the case was made (SHA-256 was {}…, is {}…), and what was not looked for then \
             would look as if it was not there; give the older one with --moved {}=PATH, or scan all evidence again",
            path.display(),
            &was[..12.min(was.len())],
            &is[..12],
            file.path
        ),
    }
}

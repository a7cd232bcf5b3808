//! Reads indicator feeds and rules through the same openers as evidence: files, folders, archives.

use std::io::{Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::string::FromUtf8Error;

use anyhow::{Context, Result, bail};
use exfiltrace::detect::Problem;
use exfiltrace::discover::{self, Root};
use exfiltrace::indicators::{Builder, Refusal, Warninglists, db};
use exfiltrace::model::flat::Flat;
use exfiltrace::model::indicator::{Feed, Indicators};
use exfiltrace::model::ledger::Entry;
use exfiltrace::model::place::Locator;
use exfiltrace::model::source::{Listed, SourceMeta, Stream, Visitor};
use exfiltrace::model::stored::Fault;
use exfiltrace::model::words::counted;
use exfiltrace::open::{self, DigestKind, Io, Opening, Whole};

use sha2::{Digest, Sha256};

use super::resolve::root_name;

mod cache;

/// A feed or rule file larger than this is refused.
const FILE_LIMIT_BYTES: usize = 1 << 30;

/// All indicators of some feeds.
#[derive(Default)]
pub struct Loaded {
    /// The set.
    pub indicators: Indicators,
    /// What was refused now; what was refused when a feed was compiled is counted in the feed.
    pub refusals: Vec<Refusal>,
    /// The file that the set lies in, and its name.
    mapped: Option<(PathBuf, Whole)>,
}

impl Loaded {
    /// Fails where the file that the set lies in was changed since it was loaded.
    pub fn unchanged(&self) -> Result<()> {
        let Some((path, whole)) = &self.mapped else { return Ok(()) };
        let Some(how) = whole.changed() else { return Ok(()) };
        bail!("{}: {how}, and indicators may have been missed: scan again", path.display())
    }

    /// How many values were refused when feeds were compiled.
    pub fn refused_before(&self) -> u64 {
        let all: u64 = self.indicators.feeds.iter().map(|feed| feed.refused).sum();
        all.saturating_sub(self.refusals.len() as u64)
    }
}

/// All indicators of these feeds. One compiled file alone is used as it lies; `cache` keeps what others compile to.
pub fn load(paths: &[PathBuf], cache: Option<&Path>) -> Result<Loaded> {
    if let [path] = paths
        && is_compiled(path)
    {
        let (indicators, mapped) = compiled(path)?;
        return Ok(Loaded { indicators, mapped, ..Loaded::default() });
    }
    match cache {
        Some(folder) if !paths.is_empty() => cache::load(paths, folder),
        _ => {
            let mut builder = Builder::new();
            gather(paths, &mut builder)?;
            let (indicators, refusals) = builder.finish();
            Ok(Loaded { indicators, refusals, mapped: None })
        }
    }
}

/// Adds all feeds to a builder, one path after the other.
pub fn gather(paths: &[PathBuf], builder: &mut Builder) -> Result<()> {
    paths.iter().try_for_each(|path| {
        if is_compiled(path) {
            builder.add_compiled(&compiled(path)?.0);
            Ok(())
        } else {
            add(path, read(path)?, builder)
        }
    })
}

type Files = Vec<(String, Vec<Leaf>)>;

/// Adds what was read of one path.
fn add(path: &Path, files: Files, builder: &mut Builder) -> Result<()> {
    let mut given = false;
    for (file, leaves) in files {
        for (name, sha256, bytes) in leaves {
            given = true;
            if db::is_compiled(&bytes) {
                let set = db::read(&Flat::from(bytes)).map_err(|fault| unusable(Path::new(&name), &fault))?;
                builder.add_compiled(&set);
            } else {
                builder.add(&name, sha256.as_deref().unwrap_or(&file), &bytes);
            }
        }
    }
    if !given {
        // An empty file or folder is a feed too: one that gives nothing, which is told.
        builder.add(&path.display().to_string(), &digest_of_nothing(), &[]);
    }
    Ok(())
}

/// Whether a path is a file of compiled indicators.
fn is_compiled(path: &Path) -> bool {
    let mut head = [0; db::MAGIC.len()];
    path.is_file()
        && std::fs::File::open(path).is_ok_and(|mut file| file.read_exact(&mut head).is_ok())
        && db::is_compiled(&head)
}

/// The set in a compiled file, and the map that it lies in, if it does.
fn compiled(path: &Path) -> Result<(Indicators, Option<(PathBuf, Whole)>)> {
    let whole = Whole::map(path).with_context(|| format!("cannot read {}", path.display()))?;
    let bytes = match &whole {
        Some(whole) => whole.bytes(),
        None => std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?.into(),
    };
    let set = db::read(&bytes).map_err(|fault| unusable(path, &fault))?;
    Ok((set, whole.map(|whole| (path.to_owned(), whole))))
}

fn unusable(path: &Path, fault: &Fault) -> anyhow::Error {
    let Fault { place, what } = fault;
    anyhow::anyhow!(
        "{}: compiled indicators cannot be used: {place}: {what}; make the file again with `exfiltrace indicators compile`",
        path.display()
    )
}

/// Writes a compiled set; the file is whole or not there.
pub fn write(set: &Indicators, path: &Path) -> Result<()> {
    write_whole(path, &mut |out| db::write(set, out))
}

/// Writes a file that is whole or not there.
pub fn write_whole(path: &Path, write: &mut dyn FnMut(&mut dyn Write) -> std::io::Result<()>) -> Result<()> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().with_context(|| format!("{} names no file", path.display()))?);
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = std::fs::File::create_new(&part).and_then(|file| {
        let mut out = std::io::BufWriter::new(file);
        write(&mut out)?;
        out.flush()?;
        out.get_ref().sync_all()?;
        std::fs::rename(&part, path)
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// The word that stands for the built-in lists of what is reserved for documentation.
const DOCUMENTATION: &str = "documentation";

/// All warninglists of these files, folders and archives, with those that always hold.
pub fn warninglists(paths: &[std::path::PathBuf]) -> Result<Warninglists> {
    let mut lists = Warninglists::new();
    for path in paths {
        if path.as_os_str() == DOCUMENTATION && !path.exists() {
            lists.add_documentation();
            continue;
        }
        let mut given = false;
        for (_, leaves) in read(path)? {
            for (name, _, bytes) in leaves {
                let single = path.is_file() && !name.contains("!/");
                let json = [".json", ".json.gz"].iter().any(|end| name.to_ascii_lowercase().ends_with(end));
                if !single && !json {
                    continue;
                }
                given = true;
                let refused = lists.add(&name, &bytes).map_err(|why| anyhow::anyhow!("{name}: {why}"))?;
                for entry in refused {
                    let text = format!("{name}: {entry:?}: entry of a warninglist that is not understood");
                    anstream::eprintln!("warning: {}", super::printable(&text));
                }
            }
        }
        if !given {
            bail!("{}: no warninglist", path.display());
        }
    }
    Ok(lists)
}

fn digest_of_nothing() -> String {
    hex(&Sha256::digest([]))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Feeds of which nothing was taken.
pub fn barren(indicators: &Indicators) -> impl Iterator<Item = &Feed> {
    indicators.feeds.iter().filter(|feed| feed.taken == 0)
}

/// Names on standard error the feeds of which nothing was taken, also where little else is said: such a scan looks
/// for less than its user believes.
pub fn warn_of_barren(indicators: &Indicators, most: usize) {
    for feed in barren(indicators).take(most) {
        let why = if feed.refused == 0 { "it is empty".to_owned() } else { format!("{} refused", feed.refused) };
        let text = format!("{}: no indicator was taken from this feed: {why}", feed.name);
        anstream::eprintln!("warning: {}", super::printable(&text));
    }
    let more = barren(indicators).count().saturating_sub(most);
    if more > 0 {
        anstream::eprintln!("… more feeds that give nothing: {more} (`exfiltrace indicators check` names them)");
    }
}

/// Says on standard error how much of each feed was refused and what the first lines are, `most` feeds and lines of each.
pub fn warn_of_refused(loaded: &Loaded, most: usize) {
    let of_feeds = || loaded.refusals.chunk_by(|a, b| a.file == b.file);
    for refused in of_feeds().take(most) {
        let name = &refused[0].file;
        let taken: u64 = loaded.indicators.feeds.iter().filter(|feed| feed.name == *name).map(|feed| feed.taken).sum();
        let all = counted(refused.len() as u64 + taken, "indicator", "indicators");
        let text = format!("{name}: {} of {all} refused", refused.len());
        anstream::eprintln!("warning: {}", super::printable(&text));
        for Refusal { file, line, value, reason } in refused.iter().take(most) {
            let text = format!("{file}:{line}: {value:?}: {reason}");
            anstream::eprintln!("  refused: {}", super::printable(&text));
        }
    }
    let shown: usize = of_feeds().take(most).map(|refused| refused.len().min(most)).sum();
    let more = loaded.refusals.len() - shown;
    if more > 0 {
        let more = counted(more as u64, "more indicator", "more indicators");
        anstream::eprintln!("… and {more} refused (`exfiltrace indicators check` lists them all)");
    }
}

/// Files of rules.
#[derive(Default)]
pub struct RuleFiles {
    /// Name and text, sorted by name.
    pub documents: Vec<(String, String)>,
    /// What is wrong with those that are no text.
    pub problems: Vec<Problem>,
}

/// All `.yml` and `.yaml` under a path, also inside archives.
pub fn read_rules(path: &Path) -> Result<RuleFiles> {
    let mut found = RuleFiles::default();
    for (_, leaves) in read(path)? {
        for (name, _, bytes) in leaves {
            let lower = name.to_ascii_lowercase();
            let single = !path.is_dir() && !name.contains("!/");
            if lower.ends_with(".yml") || lower.ends_with(".yaml") || single {
                match String::from_utf8(bytes) {
                    Ok(text) => found.documents.push((name, text)),
                    Err(fault) => found.problems.push(not_text(name, &fault)),
                }
            }
        }
    }
    found.documents.sort();
    found.problems.sort();
    Ok(found)
}

/// Where a file of rules is no text, and what to do.
fn not_text(file: String, fault: &FromUtf8Error) -> Problem {
    let (bytes, at) = (fault.as_bytes(), fault.utf8_error().valid_up_to());
    let before = &bytes[..at];
    let begin = memchr::memrchr(b'\n', before).map_or(0, |feed| feed + 1);
    let line = memchr::memchr_iter(b'\n', before).count() as u64 + 1;
    let column = String::from_utf8_lossy(&before[begin..]).chars().count() as u64 + 1;
    let is_wide = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    let from = if is_wide { "UTF-16" } else { "WINDOWS-1252" };
    let what = format!(
        "not UTF-8 text (byte 0x{:02X}): no rule of this file is read; store it as UTF-8, as by `iconv -f {from} -t UTF-8`",
        bytes.get(at).copied().unwrap_or_default()
    );
    Problem { file, line, column, rule: String::new(), what }
}

type Leaf = (String, Option<String>, Vec<u8>);

/// Every leaf under a path, with the digest of the file it lies in. `-` is standard input; a pipe is read like it.
fn read(path: &Path) -> Result<Files> {
    if path.as_os_str() == "-" {
        return Ok(vec![read_pipe("stdin", std::io::stdin().lock())?]);
    }
    if path.metadata().is_ok_and(|meta| meta.file_type().is_fifo()) {
        let pipe = std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        return Ok(vec![read_pipe(&path.display().to_string(), pipe)?]);
    }
    if path.metadata().is_ok_and(|meta| !meta.is_file() && !meta.is_dir()) {
        bail!("{}: neither a file nor a folder nor a pipe", path.display());
    }
    if path.symlink_metadata().is_err() {
        bail!("{}: no such file or folder", path.display());
    }
    let root = Root { name: root_name(path), path: Some(path.to_owned()) };
    let survey = discover::survey(&[root], &[]).with_context(|| format!("cannot read {}", path.display()))?;
    if let Some(entry) = survey.skipped.iter().find(|entry| entry.has_loss()) {
        bail!("{}: {}", entry.source, entry.notes.first().map_or("cannot be read", |n| n.detail.as_str()));
    }
    survey.files.iter().map(|file| read_file(file, &opening())).collect()
}

/// What comes through a pipe, up to the limit of a file.
fn read_pipe(name: &str, pipe: impl Read) -> Result<(String, Vec<Leaf>)> {
    let mut bytes = Vec::new();
    let read = pipe.take(FILE_LIMIT_BYTES as u64 + 1).read_to_end(&mut bytes);
    read.with_context(|| format!("cannot read {name}"))?;
    if bytes.len() > FILE_LIMIT_BYTES {
        bail!("{name} is larger than 1 GiB");
    }
    let digest = hex(&Sha256::digest(&bytes));
    let mut collected = Collected { leaves: Vec::new(), problem: None };
    if !bytes.is_empty() {
        open::open_bytes(Locator::root(name.as_bytes()), &bytes, &opening(), &mut collected);
    }
    collected.leaves(name, Some(&digest))
}

fn opening() -> Opening {
    Opening {
        limits: open::Limits::default(),
        passwords: Vec::new(),
        work: None,
        digest: DigestKind::Sha256,
        io: Io::Auto,
    }
}

fn read_file(file: &Listed, opening: &Opening) -> Result<(String, Vec<Leaf>)> {
    let mut collected = Collected { leaves: Vec::new(), problem: None };
    let opened = open::open_file(file, opening, &mut collected);
    let digest = opened.digest.as_deref().map(|digest| digest.trim_start_matches("sha256:"));
    collected.leaves(file.locator.as_str(), digest)
}

/// Bytes read at once of a leaf whose size is not known: then as many as there are.
const PULL_BYTES: usize = 64 << 10;

struct Collected {
    leaves: Vec<(String, Vec<u8>)>,
    problem: Option<String>,
}

impl Collected {
    /// All leaves of the file of this name and digest, if there was no problem.
    fn leaves(self, file: &str, digest: Option<&str>) -> Result<(String, Vec<Leaf>)> {
        if let Some(problem) = self.problem {
            bail!("{problem}");
        }
        let leaf = |(name, bytes)| (name, digest.map(str::to_owned), bytes);
        Ok((file.to_owned(), self.leaves.into_iter().map(leaf).collect()))
    }
}

impl Visitor for Collected {
    fn leaf(&mut self, meta: SourceMeta, stream: &mut dyn Stream) {
        let mut bytes = Vec::new();
        loop {
            let want = PULL_BYTES.max(bytes.len());
            match stream.fill(&mut bytes, want) {
                Ok(0) => break,
                Ok(_) if bytes.len() <= FILE_LIMIT_BYTES => {}
                Ok(_) => {
                    self.problem = Some(format!("{} is larger than 1 GiB", meta.locator));
                    return;
                }
                Err(note) => {
                    self.problem = Some(format!("{}: {}", meta.locator, note.detail));
                    return;
                }
            }
        }
        bytes.shrink_to_fit();
        self.leaves.push((meta.locator.to_string(), bytes));
    }

    fn entry(&mut self, entry: Entry) {
        if entry.has_loss() && self.problem.is_none() {
            let why = entry.notes.first().map_or("cannot be read", |note| note.detail.as_str());
            self.problem = Some(format!("{}: {why}", entry.source));
        }
    }
}

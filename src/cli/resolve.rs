//! Typed text and environment → [`Plan`]. The only place that asks the system.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use exfiltrace::detect::Problem;
use exfiltrace::discover::Root;
use exfiltrace::emit;
use exfiltrace::indicators::pattern::Patterns;
use exfiltrace::model::block::CELL_BYTES;
use exfiltrace::model::event::EVENTS_KEPT;
use exfiltrace::model::time::Instant;
use exfiltrace::open::{DigestKind, Io, Opening};
use exfiltrace::plan::{Period, Plan};
use exfiltrace::work::{FOLDER_IN_CASE, Work};

use super::{ColorWord, DigestWord, IoWord, Passwords, Scan, catalogue, feeds, rules, scopes, survey, zones};

/// A plan with what was said about the inputs that are not evidence.
pub struct Resolved {
    /// What will be done.
    pub plan: Plan,
    /// Rules that were not loaded.
    pub problems: Vec<Problem>,
    /// The feeds as they were loaded.
    pub feeds: feeds::Loaded,
}

/// Decides everything that the arguments leave open.
pub fn plan(args: &Scan) -> Result<Resolved> {
    let period = Period {
        from: args.from.as_deref().map(|text| instant("--from", text, Edge::Begin)).transpose()?,
        to: args.to.as_deref().map(|text| instant("--to", text, Edge::End)).transpose()?,
    };
    if let (Some(from), Some(to)) = (period.from, period.to)
        && from > to
    {
        bail!("--from {from} is later than --to {to}: nothing lies between them");
    }
    let opening = Opening {
        limits: args.limits.of_containers(),
        passwords: args.passwords.all()?,
        work: args.work.clone().or_else(|| args.out.as_ref().map(|out| out.join(FOLDER_IN_CASE))),
        digest: digest(args.digest),
        io: io(args.io),
    };
    let max_memory = args.limits.max_memory.bytes;
    let threads = args.limits.threads(cores())?;
    let listed = args.survey.as_deref().map(survey::read).transpose()?;
    let mut scopes = scopes::read(args)?;
    // What is typed goes before what the file says.
    scopes.zone.splice(0..0, zones::of_paths(&args.timezone)?);
    let whose = scopes::compile(args, &scopes)?;
    let clocks = scopes::clocks(args, &scopes)?;
    let classifier = catalogue::classifier(args)?;
    one_reader_of_stdin(args)?;
    let (program, problems) = rules::usable(args)?;
    let feeds = feeds::load(&args.indicators, args.cache.as_deref())?;
    let warninglists = feeds::warninglists(&args.warninglists)?;
    let skip = [args.out.clone(), args.work.clone(), args.cache.clone()].into_iter().flatten().collect();
    let memory = usize::try_from(max_memory).unwrap_or(usize::MAX);
    let plan = Plan {
        work: Work::new(opening.work.clone(), memory / FINDINGS_SHARE),
        roots: roots(&args.evidence, &args.root)?,
        listed,
        skip,
        opening,
        program,
        patterns: Patterns::of(&feeds.indicators),
        indicators: feeds.indicators.clone(),
        classifier,
        warninglists,
        scopes,
        whose,
        clocks,
        run_secret: args.out.is_none().then(secret),
        hits_only: args.hits_only,
        redact: args.redact,
        period,
        max_evidence: usize::try_from(args.limits.max_evidence).unwrap_or(usize::MAX),
        events_kept: EVENTS_KEPT,
        threads,
        in_flight_bytes: (memory / 8).min(threads * 16 * CELL_BYTES),
        ahead_bytes: (memory / 8).min(threads * AHEAD_BYTES),
        sample_from_bytes: SAMPLE_FROM_BYTES,
        cell_bytes: args.x_cell_bytes.unwrap_or(CELL_BYTES).max(1),
        shuffle: args.x_shuffle,
        ticks: (args.verbose > 0).then_some(ticks as fn() -> u64),
        progress: None,
    };
    Ok(Resolved { plan, problems, feeds })
}

/// Refuses that two inputs are read from standard input.
fn one_reader_of_stdin(args: &Scan) -> Result<()> {
    let inputs = args.evidence.iter().chain(&args.indicators).chain(&args.rules);
    match inputs.filter(|path| path.as_os_str() == "-").count() {
        0 | 1 => Ok(()),
        _ => bail!("`-` is given more than once; standard input can be read for one thing only"),
    }
}

/// The part of `--max-memory` that sightings and findings may take before they go to the work folder: a fourth.
const FINDINGS_SHARE: usize = 4;

/// What one thread's pieces of compressed files may take that are decoded ahead, in bytes: two blocks of `xz -6`.
const AHEAD_BYTES: usize = 64 << 20;

/// Evidence of fewer stored bytes is read before a sample of it has paid off.
const SAMPLE_FROM_BYTES: u64 = 64 << 20;

/// Cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// What nobody who wrote evidence can know, from the system.
fn secret() -> [u64; 4] {
    use std::hash::{BuildHasher, RandomState};
    std::array::from_fn(|word| RandomState::new().hash_one(word))
}

/// Nanoseconds on a clock that only goes forward.
fn ticks() -> u64 {
    use std::sync::OnceLock;
    static BEGIN: OnceLock<std::time::Instant> = OnceLock::new();
    #[allow(clippy::disallowed_methods, reason = "the shell may read the clock")]
    let begin = BEGIN.get_or_init(std::time::Instant::now);
    u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// The wall clock, for the manifest only.
#[allow(clippy::disallowed_methods, reason = "the shell may read the clock")]
pub fn now() -> Instant {
    Instant::from(jiff::Timestamp::now())
}

/// Whether to colour what goes to a terminal.
pub fn colors(word: ColorWord) -> bool {
    match word {
        ColorWord::Always => true,
        ColorWord::Never => false,
        ColorWord::Auto => {
            #[allow(clippy::disallowed_methods, reason = "the shell may read the environment")]
            let refused = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
            std::io::stdout().is_terminal() && !refused
        }
    }
}

/// Roots with their names. Globs are expanded; a pattern that names nothing is an error.
pub fn roots(evidence: &[PathBuf], named: &[String]) -> Result<Vec<Root>> {
    let names = named.iter().map(|pair| name_and_path(pair)).collect::<Result<Vec<_>>>()?;
    let mut roots: Vec<Root> = Vec::new();
    let mut idle: Vec<&(String, PathBuf)> = names.iter().collect();
    for path in evidence {
        for path in expand(path)? {
            idle.retain(|(_, named)| *named != path);
            let given = names.iter().find(|(_, p)| *p == path).map(|(name, _)| name.clone().into_bytes());
            let stdin = path.as_os_str() == "-";
            let name = given.unwrap_or_else(|| if stdin { b"stdin".to_vec() } else { root_name(&path) });
            if emit::is_case(&path) {
                let case = path.display();
                bail!(
                    "{case} is a case folder, not evidence; `exfiltrace report {case}` and `exfiltrace verify {case}` read \
                     it, and its files are scanned like others if they are named one by one"
                );
            }
            if let Some(same) = roots.iter().find(|root| root.name == name) {
                if same.path.as_deref() == Some(path.as_path()) {
                    continue;
                }
                bail!(
                    "two roots are named {}: give one of them a name with --root NAME={}",
                    String::from_utf8_lossy(&name),
                    path.display()
                );
            }
            roots.push(Root { name, path: (!stdin).then_some(path) });
        }
    }
    if let Some((name, path)) = idle.first() {
        bail!("--root {name}={}: no evidence of this path is given", path.display());
    }
    Ok(roots)
}

/// Splits NAME=PATH.
pub fn name_and_path(pair: &str) -> Result<(String, PathBuf)> {
    match pair.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => Ok((name.to_owned(), path.into())),
        _ => bail!("--root {pair}: expected NAME=PATH"),
    }
}

/// The last part of a path that is a name.
pub fn root_name(path: &Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    if let Some(name) = path.file_name() {
        return name.as_bytes().to_vec();
    }
    let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    full.file_name().map_or_else(|| b"root".to_vec(), |name| name.as_bytes().to_vec())
}

/// A path, or what a glob in its last part names, sorted.
fn expand(path: &Path) -> Result<Vec<PathBuf>> {
    let text = path.to_string_lossy();
    if path.as_os_str() == "-" || path.symlink_metadata().is_ok() {
        return Ok(vec![path.to_owned()]);
    }
    if !text.contains(['*', '?', '[', '{']) {
        bail!("{}: no such file or folder", path.display());
    }
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let pattern = path.file_name().context("a glob must be the last part of the path")?.to_string_lossy();
    let glob = globset::GlobBuilder::new(&pattern).literal_separator(true).build()?.compile_matcher();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        if glob.is_match(entry.file_name()) {
            found.push(if path.parent() == Some(Path::new("")) { entry.file_name().into() } else { entry.path() });
        }
    }
    if found.is_empty() {
        bail!("{}: nothing matches", path.display());
    }
    found.sort();
    Ok(found)
}

fn io(word: IoWord) -> Io {
    match word {
        IoWord::Auto => Io::Auto,
        IoWord::Mmap => Io::Map,
        IoWord::Read => Io::Read,
    }
}

fn digest(word: DigestWord) -> DigestKind {
    match word {
        DigestWord::Sha256 => DigestKind::Sha256,
        DigestWord::Blake3 => DigestKind::Blake3,
        DigestWord::Off => DigestKind::Off,
    }
}

impl Passwords {
    /// All that were given, as arguments, in the environment or in the file.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn all(&self) -> Result<Vec<String>> {
        let mut all = self.archive_password.clone();
        if let Some(path) = &self.archive_password_file {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            all.extend(text.lines().map(str::to_owned));
        }
        all.retain(|password| !password.is_empty());
        all.dedup();
        Ok(all)
    }
}

enum Edge {
    Begin,
    End,
}

/// An instant on the command line: RFC 3339, or a date.
fn instant(flag: &str, text: &str, edge: Edge) -> Result<Instant> {
    if let Some(at) = Instant::parse(text) {
        return Ok(at);
    }
    let whole = match edge {
        Edge::Begin => format!("{text}T00:00:00Z"),
        Edge::End => format!("{text}T23:59:59.999999Z"),
    };
    Instant::parse(&whole).with_context(|| format!("{flag} {text}: expected 2026-03-28 or 2026-03-28T23:10:04Z"))
}

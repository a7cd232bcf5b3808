//! `add` and `merge`: a case grows, and shards of one scan become one case.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args as ClapArgs, ValueHint};
use exfiltrace::emit::only;
use exfiltrace::emit::{LoadedCase, Manifest, RulesUsed, Run, Told};
use exfiltrace::model::indicator::Feed;
use exfiltrace::scan;

use super::resolve::{self, Resolved};
use super::scan::{Before, claim, deliver, watched};
use super::values::{self, Size};
use super::{ColorWord, LevelWord, Passwords, Scan, case, manifest, scopes, told};

/// `exfiltrace add`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Example: logs of a further day, with the feed of the first scan at another place:\n  \
    exfiltrace scan /evidence/monday --indicators feed.csv --scopes scopes.toml --out case\n  \
    exfiltrace add case /evidence/tuesday --moved /old/feed.csv=feed.csv\n\n\
    The case is then as one scan of everything would have written it, but that files of one rotation that came at two times do not \
    tell each other which of day and month is first in their dates. All that the scan was told counts again and need not \
    be typed: scopes, rules, indicators, formats, period, limits. Their files must be as they were. Passwords are not \
    kept; give them again. An interrupted `add` leaves the case as it was.")]
pub struct Add {
    /// Case folder.
    #[arg(value_hint = ValueHint::DirPath)]
    pub case: PathBuf,
    /// More evidence: files, folders, globs, or `-` for standard input.
    #[arg(required = true, value_hint = ValueHint::AnyPath)]
    pub evidence: Vec<PathBuf>,
    /// Where a file lies now that the scan was given at another place: scopes, rules, feeds. Repeatable.
    #[arg(long, value_name = "OLD=PATH")]
    pub moved: Vec<String>,
    /// Name of a root in locators, as NAME=PATH. Needed where it has the name of other evidence.
    #[arg(long, value_name = "NAME=PATH")]
    pub root: Vec<String>,
    /// Read the files as this survey lists them, as for `scan`.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub survey: Option<PathBuf>,
    /// Digests that a supplier gave for the new evidence, as for `scan`.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub hashes: Option<PathBuf>,
    /// Folder in which feeds and rules are kept in compiled form, as for `scan`.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub cache: Option<PathBuf>,
    /// Passwords of encrypted archives.
    #[command(flatten)]
    pub passwords: Passwords,
    /// How it is done and told.
    #[command(flatten)]
    pub manner: Manner,
}

/// `exfiltrace merge`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Example, where two machines scanned a part of the evidence each:\n  \
    exfiltrace survey /evidence > survey.json\n  \
    exfiltrace scan --root evidence=/part1 /part1 --survey survey.json --scopes scopes.toml --out one\n  \
    exfiltrace scan --root evidence=/part2 /part2 --survey survey.json --scopes scopes.toml --out two\n  \
    exfiltrace merge one two --out case\n\n\
    For one council, of a case of several:\n  \
    exfiltrace merge case --only-scope riverside --out for-riverside\n\n\
    The case is as one scan of everything would have written it, in any order of the parts; no evidence is read. The parts \
    must have been told the same: scopes, rules, indicators, period, limits. What differs is named, and nothing is written.")]
pub struct Merge {
    /// Case folders.
    #[arg(required = true, value_hint = ValueHint::DirPath)]
    pub cases: Vec<PathBuf>,
    /// Case folder to write.
    #[arg(long, value_name = "CASE", value_hint = ValueHint::DirPath)]
    pub out: PathBuf,
    /// Write and print what concerns this scope, and nothing of the others, as for `scan`.
    #[arg(long, value_name = "NAME")]
    pub only_scope: Option<String>,
    /// How it is done and told.
    #[command(flatten)]
    pub manner: Manner,
}

/// What changes nothing of the case: how much of the machine is taken and what is printed.
#[derive(Debug, ClapArgs)]
pub struct Manner {
    /// Worker threads, as for `scan`.
    #[arg(long, value_name = "N", value_parser = values::threads, allow_hyphen_values = true)]
    pub threads: Option<usize>,
    /// Anonymous memory to stay below, as for `scan`.
    #[arg(long, value_name = "SIZE", default_value = "2G", value_parser = values::size, allow_hyphen_values = true)]
    pub max_memory: Size,
    /// Leave lesser findings out of what is printed. The case folder and the verdict keep them all.
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub min_level: Option<LevelWord>,
    /// Answer with the verdict in the exit code, as `scan` does.
    #[arg(long)]
    pub exit_verdict: bool,
    /// Colours on the terminal.
    #[arg(long, value_enum, default_value = "auto")]
    pub color: ColorWord,
    /// No progress, no summary.
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// As for `scan`.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

impl Manner {
    fn give(&self, scan: &mut Scan) {
        scan.limits.threads = self.threads;
        scan.limits.max_memory = self.max_memory.clone();
        scan.min_level = self.min_level;
        scan.exit_verdict = self.exit_verdict;
        scan.color = self.color;
        (scan.quiet, scan.verbose) = (self.quiet, self.verbose);
    }
}

/// Scans more evidence into a case.
pub fn add(args: &Add) -> Result<u8> {
    let case = case::load(&args.case)?;
    let moved = args.moved.iter().map(|pair| moved(pair)).collect::<Result<Vec<_>>>()?;
    let mut scan = told::again(told_of(&case)?, &moved, |_| true)
        .with_context(|| format!("{} cannot grow", args.case.display()))?;
    args.manner.give(&mut scan);
    scan.evidence.clone_from(&args.evidence);
    scan.root.clone_from(&args.root);
    scan.survey.clone_from(&args.survey);
    scan.hashes.clone_from(&args.hashes);
    scan.cache.clone_from(&args.cache);
    scan.passwords = Passwords { archive_password: args.passwords.all()?, archive_password_file: None };
    scan.out = Some(args.case.clone());
    let before = Before { partial: case.intact_partial()?, manifest: Some(case.manifest) };
    watched(|| super::scan::run(&scan, before))
}

/// Splits OLD=PATH.
fn moved(pair: &str) -> Result<told::Moved> {
    match pair.split_once('=') {
        Some((old, new)) if !old.is_empty() && !new.is_empty() => Ok((std::path::absolute(old)?, new.into())),
        _ => bail!("--moved {pair}: expected OLD=PATH"),
    }
}

fn told_of(case: &LoadedCase) -> Result<&Told> {
    if let Some(scope) = &case.manifest.only_scope {
        bail!("{}: cut down to {scope} to be handed on; use the case that it was made from", case.dir.display());
    }
    case.manifest.told.as_ref().with_context(|| {
        format!("{}: made by an older version, which did not keep what it was told; scan again", case.dir.display())
    })
}

/// Files of which a merge needs nothing: what they say about records the shards have decided, or the manifest holds it.
const DECIDED: &[&str] =
    &["scopes", "rules", "indicators", "warninglists", "mapping", "exclude", "format-file", "catalogue"];

/// Joins cases into one.
pub fn merge(args: &Merge) -> Result<u8> {
    watched(|| joined(args))
}

fn joined(args: &Merge) -> Result<u8> {
    let started = resolve::now();
    let cases = args.cases.iter().map(|path| case::load(path)).collect::<Result<Vec<_>>>()?;
    let (first, rest) = cases.split_first().context("no case is given")?;
    let mut told = told_of(first)?.clone();
    for other in rest {
        alike(first, other)?;
        told.supplied.extend(told_of(other)?.supplied.iter().cloned());
    }
    told.supplied.sort();
    told.supplied.dedup();
    let mut scan = told::again(&told, &[], |name| !DECIDED.contains(&name))?;
    args.manner.give(&mut scan);
    scan.rule.no_builtin = true;
    scan.rule.tag.clear();
    scan.rule.exclude.clear();
    scan.out = Some(args.out.clone());
    scan.only_scope.clone_from(&args.only_scope);
    let mut resolved = resolve::plan(&scan)?;
    resolved.plan.whose = scopes::compile(&scan, &told.scopes)?;
    resolved.plan.scopes = told.scopes.clone();
    if let Some(scope) = args.only_scope.as_deref() {
        only::exists(scope, &resolved.plan.whose)?;
    }
    let parts = cases.iter().map(LoadedCase::intact_partial).collect::<Result<Vec<_>, _>>()?;
    let claim = claim(&args.out)?;
    let outcome = scan::conclude(&resolved.plan, scan::join(parts)?);
    let mut manifest = manifest::manifest(&scan, &resolved, &outcome.stats, started);
    let of_first = &first.manifest;
    (manifest.rules, manifest.feeds) = (of_first.rules.clone(), of_first.feeds.clone());
    manifest.told = Some(told);
    cases.into_iter().for_each(|case| onto(&mut manifest, case.manifest));
    deliver(&scan, Some(&claim), &resolved.plan, outcome, manifest)
}

/// Fails where two cases were told different things.
fn alike(a: &LoadedCase, b: &LoadedCase) -> Result<()> {
    let mut lines = told::differences(told_of(a)?, told_of(b)?);
    lines.extend(unlike(&a.manifest, (&b.manifest.version, &b.manifest.rules, &b.manifest.feeds)));
    if lines.is_empty() {
        return Ok(());
    }
    let (here, there) = (a.dir.display(), b.dir.display());
    bail!(
        "{here} and {there} were not told the same, so that what is not found in one of them may not have been looked for. \
         Scan one of them again as the other was:\n  {}",
        lines.join("\n  ")
    )
}

/// How another run differs in version, rules and feeds, one line each.
fn unlike(a: &Manifest, (version, rules, feeds): (&str, &RulesUsed, &[Feed])) -> Vec<String> {
    let mut lines = Vec::new();
    if a.version != version {
        lines.push(format!("version {} here, {version} there", a.version));
    }
    let bare = |rules: &RulesUsed| RulesUsed { never: Vec::new(), never_applicable: 0, ..rules.clone() };
    if bare(&a.rules) != bare(rules) {
        lines.push(format!("rules: {} here, {} there, or others of the same number", a.rules.loaded, rules.loaded));
    }
    let digests = |feeds: &[Feed]| {
        let mut all: Vec<String> = feeds.iter().map(|feed| format!("{} ({:.12}…)", feed.name, feed.sha256)).collect();
        all.sort();
        if all.is_empty() { "no file".to_owned() } else { all.join(", ") }
    };
    if digests(&a.feeds) != digests(feeds) {
        lines.push(format!("indicators: of {} here, of {} there", digests(&a.feeds), digests(feeds)));
    }
    lines
}

/// Fails where a run that adds to a case would be told something else than it was; takes over what suppliers said before.
pub fn check(known: &Manifest, told: &mut Told, resolved: &Resolved) -> Result<()> {
    let before = known.told.as_ref().context("made by an older version; scan again")?;
    let mut lines = told::differences(before, told);
    let rules = manifest::rules_loaded(resolved, known.rules.pack.is_some());
    lines.extend(unlike(known, (env!("CARGO_PKG_VERSION"), &rules, &resolved.plan.indicators.feeds)));
    if !lines.is_empty() {
        bail!(
            "the case was told something else, so that a part of it would be looked at otherwise than the rest. Scan all \
             evidence again (here: the case):\n  {}",
            lines.join("\n  ")
        );
    }
    told.supplied.extend(before.supplied.iter().cloned());
    told.supplied.sort();
    told.supplied.dedup();
    Ok(())
}

/// Puts the facts of an earlier run into the manifest of a later one that holds its evidence too.
pub fn onto(manifest: &mut Manifest, known: Manifest) {
    for root in known.roots {
        if !manifest.roots.contains(&root) {
            manifest.roots.push(root);
        }
    }
    manifest.runs.extend(known.runs);
    manifest.runs.push(Run { arguments: known.arguments, started: known.started, finished: known.finished });
    let both = both(&manifest.rules.never, &known.rules.never);
    manifest.rules.never_applicable = both.iter().map(|(first, last)| u64::from(last - first) + 1).sum();
    manifest.rules.never = both;
}

/// What lies in both of two lists of stretches that ascend.
fn both(a: &[(u32, u32)], b: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    let mut common = Vec::new();
    while let (Some(of_a), Some(of_b)) = (a.peek(), b.peek()) {
        let (first, last) = (of_a.0.max(of_b.0), of_a.1.min(of_b.1));
        if first <= last {
            common.push((first, last));
        }
        if of_a.1 < of_b.1 {
            a.next()
        } else {
            b.next()
        };
    }
    common
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_that_two_lists_have_in_common() {
        let numbers = |list: &[(u32, u32)]| list.iter().flat_map(|(a, b)| *a..=*b).collect::<Vec<_>>();
        let (a, b) = (manifest::stretches([0, 1, 2, 3, 7, 9, 10]), manifest::stretches([1, 2, 3, 4, 8, 9, 12]));
        assert_eq!((a.len(), numbers(&both(&a, &b))), (3, vec![1, 2, 3, 9]));
        assert_eq!(both(&a, &[]), []);
        assert_eq!(both(&a, &a), a);
    }
}

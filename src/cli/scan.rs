//! `exfiltrace scan`: run the plan, then write the case, the findings and the summary.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use anyhow::{Context, Result};
use exfiltrace::discover::Root;
use exfiltrace::emit::only::{self, Only};
use exfiltrace::emit::{self, CaseInput, Claim, ClocksUsed, Manifest, RootUsed, RulesUsed};
use exfiltrace::model::findings::Findings;
use exfiltrace::model::ledger::{Entry, EntryKind};
use exfiltrace::model::partial::Partial;
use exfiltrace::model::rule::Level;
use exfiltrace::model::verdict::State;
use exfiltrace::model::words::counted;
use exfiltrace::plan::Plan;
use exfiltrace::scan::{Earlier, Outcome, grow as run_plan};
use exfiltrace::work::Work;
use exfiltrace::worker::Stats;
use indicatif::{ProgressBar, ProgressStyle};

use super::resolve::{self, Resolved};
use super::{Scan, feeds, grow, interrupt, limits, manifest, supplied, told, zones};

/// Scans, writes, and gives the exit code.
pub fn scan(args: &Scan) -> Result<u8> {
    watched(|| run(args, Before::default()))
}

/// A run that an interruption ends with what was there before, a whole case or none.
pub fn watched(run: impl FnOnce() -> Result<u8>) -> Result<u8> {
    interrupt::watch();
    let done = run();
    if done.is_err() {
        interrupt::give_up();
    }
    done
}

/// What was scanned before.
#[derive(Default)]
pub struct Before {
    /// What it told.
    pub partial: Partial,
    /// The facts of it; `None` where nothing was scanned before.
    pub manifest: Option<Manifest>,
}

/// Scans evidence beside what was scanned before.
pub fn run(args: &Scan, before: Before) -> Result<u8> {
    let started = resolve::now();
    args.own_formats.give()?;
    let mut resolved = resolve::plan(args)?;
    if let Some(scope) = args.only_scope.as_deref() {
        only::exists(scope, &resolved.plan.whose)?;
    }
    let told = args.out.is_some().then(|| told::of(args, &resolved.plan.scopes)).transpose()?;
    let mut told = told.unwrap_or_default();
    told.supplied = args.hashes.as_deref().map(supplied::read).transpose()?.unwrap_or_default();
    if let Some(known) = &before.manifest {
        grow::check(known, &mut told, &resolved)?;
    }
    let claim = args.out.as_deref().map(claim).transpose()?;
    warn_of_inputs(args, &resolved);
    let bar = progress(args, &mut resolved);
    let roots = before.manifest.iter().flat_map(|known| &known.roots).map(root).collect();
    let outcome = run_plan(&resolved.plan, Earlier::new(before.partial, roots))?;
    resolved.feeds.unchanged()?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let mut manifest = manifest::manifest(args, &resolved, &outcome.stats, started);
    manifest.told = Some(told);
    if let Some(known) = before.manifest {
        grow::onto(&mut manifest, known);
    }
    let code = deliver(args, claim.as_ref(), &resolved.plan, outcome, manifest)?;
    // PERF: the process ends. To free thousands of rules one by one takes a third of what it takes to read them.
    std::mem::forget(resolved.plan.program);
    Ok(code)
}

/// A root of evidence that was scanned before.
fn root(used: &RootUsed) -> Root {
    Root { name: used.name.clone().into_bytes(), path: used.path.as_ref().map(PathBuf::from) }
}

/// Writes the case, says what there is to say, and gives the exit code.
pub fn deliver(
    args: &Scan,
    claim: Option<&Claim>,
    plan: &Plan,
    mut outcome: Outcome,
    mut manifest: Manifest,
) -> Result<u8> {
    let supplied = manifest.told.as_ref().map_or(&[][..], |told| &told.supplied);
    supplied::check(&mut outcome.ledger, supplied, plan.opening.digest);
    let work = &plan.work;
    manifest.memory.held = limits::anonymous_bytes();
    manifest.finished = resolve::now();
    let memory = manifest.memory.clone();
    if let Some(scope) = &args.only_scope {
        let whole = input(&outcome, &outcome.findings, (&manifest.clocks, &manifest.rules));
        let only = only::only(&whole, scope, &plan.whose)?;
        manifest::hand_on(&mut manifest, scope, &only);
        let Only { verdict, findings, transfers, coverage, ledger, partial, .. } = only;
        outcome = Outcome { verdict, findings, transfers, coverage, ledger, partial, stats: outcome.stats };
    }
    let facts = (&manifest.clocks.clone(), &manifest.rules.clone());
    if let Some(claim) = claim {
        let staged =
            claim.stage(&input(&outcome, &outcome.findings, facts), manifest).context("the case is not written")?;
        work.fault().map_or(Ok(()), Err)?;
        interrupt::undisturbed(|| staged.commit()).context("the case is not whole")?;
    }
    let shown = shown(args, &outcome.findings, work);
    match print(args, work, &input(&outcome, &shown, facts)) {
        Err(error) if !super::is_broken_pipe(&error) => return Err(error),
        Ok(()) | Err(_) => {}
    }
    work.fault().map_or(Ok(()), Err)?;
    // What was printed may have been sorted in the work folder.
    claim.iter().for_each(|claim| claim.release());
    last_words(args, &outcome, outcome.findings.list().len() - shown.list().len());
    if work.outgrown() {
        anstream::eprintln!(
            "warning: findings took more than their share of --max-memory; with --out or --work they go to disk"
        );
    }
    if let Some(warning) = limits::outgrown(&memory) {
        anstream::eprintln!("warning: {warning}");
    }
    Ok(exit_code(args, &outcome))
}

/// Takes the case folder before anything is read.
pub fn claim(out: &Path) -> Result<Claim> {
    interrupt::guarded(|| Claim::of(out)).with_context(|| format!("--out {}", out.display()))
}

fn input<'a>(
    outcome: &'a Outcome,
    findings: &'a Findings,
    (clocks, rules): (&'a ClocksUsed, &'a RulesUsed),
) -> CaseInput<'a> {
    let Outcome { verdict, transfers, coverage, ledger, partial, .. } = outcome;
    CaseInput { verdict, findings, transfers, coverage, ledger, clocks, rules, partial }
}

/// The summary for people, or findings for programs.
fn print(args: &Scan, work: &Work, input: &CaseInput<'_>) -> Result<()> {
    let stdout = std::io::stdout();
    let written = if stdout.is_terminal() || args.out.is_some() {
        let text = if args.quiet { String::new() } else { emit::summary(input, resolve::colors(args.color), 100) };
        stdout.lock().write_all(text.as_bytes()).and_then(|()| stdout.lock().flush())
    } else {
        let mut out = std::io::BufWriter::new(stdout.lock());
        emit::stdout_jsonl(input.findings, work, &mut out).and_then(|()| out.flush())
    };
    let kept = if args.out.is_some() { " (the case is written)" } else { "" };
    written.with_context(|| format!("cannot write to standard output{kept}"))
}

/// Whether no source was read at all.
fn nothing_read(outcome: &Outcome) -> bool {
    outcome.ledger.iter().all(|entry| entry.kind != EntryKind::Source)
}

/// What is said on standard error after the answer.
fn last_words(args: &Scan, outcome: &Outcome, hidden: usize) {
    if nothing_read(outcome) {
        let lost = outcome.ledger.iter().filter(|entry| entry.has_loss()).count();
        let why = match lost {
            0 => "is the evidence where it was looked for?".to_owned(),
            lost => {
                format!("{} could not be read, and the ledger says why", emit::counted(lost as u64, "item", "items"))
            }
        };
        anstream::eprintln!("warning: nothing was read; {why}");
    }
    let paths: Vec<&str> = outcome.ledger.iter().map(|entry| entry.source.as_str()).collect();
    for glob in zones::idle(&args.timezone, &paths) {
        let glob = super::printable(glob);
        anstream::eprintln!("warning: --timezone {glob}=: no path of the evidence fits it, so no log has this zone");
    }
    if hidden > 0 && !args.quiet {
        let place = if args.out.is_some() { "; the case holds them" } else { "" };
        anstream::eprintln!("findings below --min-level that are not shown: {hidden}{place}");
    }
    if !args.quiet && std::io::stderr().is_terminal() {
        match &args.out {
            Some(out) => anstream::eprintln!("the case is written; open {}", shown_path(&out.join("report.html"))),
            None if std::io::stdout().is_terminal() => {
                anstream::eprintln!("nothing was kept; --out CASE writes the report, all findings and their evidence");
            }
            None => {}
        }
    }
    if args.verbose > 0 {
        print_stats(&outcome.stats);
    }
}

fn shown_path(path: &Path) -> String {
    super::printable(&path.display().to_string())
}

/// The findings that are printed.
fn shown<'f>(args: &Scan, findings: &'f Findings, work: &Work) -> Cow<'f, Findings> {
    match args.min_level.map(Level::from) {
        None => Cow::Borrowed(findings),
        Some(least) => Cow::Owned(findings.filtered(work, |finding| finding.level >= least)),
    }
}

/// Refused rules and indicators are said on standard error, and what filters do to rules; the manifest lists them all.
fn warn_of_inputs(args: &Scan, resolved: &Resolved) {
    feeds::warn_of_barren(&resolved.plan.indicators, if args.verbose > 0 { usize::MAX } else { 5 });
    let program = &resolved.plan.program;
    let filters: Vec<String> = program.narrowings().iter().map(emit::narrowed).collect();
    let problems: Vec<String> = resolved.problems.iter().map(told).collect();
    let remarks: Vec<String> = program.remarks().iter().map(told).collect();
    if args.quiet {
        for (list, what) in
            [(&problems, "rules not loaded"), (&filters, "filters over rules"), (&remarks, "remarks on rules")]
        {
            if !list.is_empty() {
                anstream::eprintln!("{} {what} (without -q they are listed)", list.len());
            }
        }
        return;
    }
    let shown = if args.verbose > 0 { usize::MAX } else { 5 };
    say(&problems, shown, "rule not loaded: ", "rules not loaded");
    say(&filters, shown, "filter: ", "filters");
    say(&remarks, shown, "rule loaded, but: ", "remarks on rules");
    feeds::warn_of_refused(&resolved.feeds, shown);
    let before = resolved.feeds.refused_before();
    if before > 0 {
        anstream::eprintln!(
            "{} refused when feeds were compiled (`exfiltrace indicators check` lists them)",
            counted(before, "indicator was", "indicators were")
        );
    }
}

fn told(problem: &exfiltrace::detect::Problem) -> String {
    format!("{}:{}:{}: {}", problem.file, problem.line, problem.column, problem.what)
}

/// The first lines of a list, and how many there are more.
fn say(list: &[String], shown: usize, before: &str, what: &str) {
    for line in list.iter().take(shown) {
        anstream::eprintln!("{before}{}", super::printable(line));
    }
    if list.len() > shown {
        anstream::eprintln!("… and {} more {what} (-v lists them)", list.len() - shown);
    }
}

/// A progress bar over stored bytes, on a terminal only.
fn progress(args: &Scan, resolved: &mut Resolved) -> Option<ProgressBar> {
    if args.quiet || !std::io::stderr().is_terminal() {
        return None;
    }
    let bar = ProgressBar::new_spinner();
    let style = ProgressStyle::with_template("{spinner} {binary_bytes} read, {binary_bytes_per_sec}, {elapsed}")
        .expect("the template is a constant that a test renders");
    bar.set_style(style);
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    let handle = bar.clone();
    resolved.plan.progress = Some(Box::new(move |bytes| handle.inc(bytes)));
    Some(bar)
}

fn print_stats(stats: &Stats) {
    for (stage, nanos, per_byte) in stats.stages() {
        anstream::eprintln!("{stage:<22} {:>9.3} s  {per_byte:>7.3} ns/byte", nanos as f64 / 1e9);
    }
    let records = stats.records.load(Ordering::Relaxed);
    let passed = stats.candidates.load(Ordering::Relaxed);
    let share = if records == 0 { 0.0 } else { passed as f64 * 100.0 / records as f64 };
    anstream::eprintln!(
        "gate: {passed} of {records} records pass ({share:.2} %), {} rules evaluated, {} matched",
        stats.evaluated.load(Ordering::Relaxed),
        stats.matched.load(Ordering::Relaxed)
    );
}

fn exit_code(args: &Scan, outcome: &Outcome) -> u8 {
    if args.exit_verdict {
        match outcome.verdict.overall.state {
            State::Attempted => return 10,
            State::IntrusionOnly => return 11,
            State::Accessed => return 12,
            State::Exfiltrated => return 13,
            State::CannotTell => return 14,
            State::Unexplained => return 15,
            State::NoEvidence | State::NotExamined => {}
        }
    }
    u8::from(nothing_read(outcome) || outcome.ledger.iter().any(Entry::has_loss))
}

//! `exfiltrace scan`: run the plan, then write the case, the findings and the summary.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::atomic::Ordering;

use anyhow::{Context, Result};
use exfiltrace::emit::{self, CaseInput, Claim, ClocksUsed, MemoryUsed, RulesUsed};
use exfiltrace::model::findings::Findings;
use exfiltrace::model::ledger::{Entry, EntryKind, Note, Reason};
use exfiltrace::model::place::Locator;
use exfiltrace::model::rule::Level;
use exfiltrace::model::verdict::State;
use exfiltrace::scan::{Outcome, scan as run_plan};
use exfiltrace::work::Work;
use exfiltrace::worker::Stats;
use indicatif::{ProgressBar, ProgressStyle};

use super::resolve::{self, Resolved};
use super::{Scan, feeds, interrupt, limits, manifest};

/// Scans, writes, and gives the exit code.
pub fn scan(args: &Scan) -> Result<u8> {
    interrupt::watch();
    let done = run(args);
    if done.is_err() {
        interrupt::give_up();
    }
    done
}

fn run(args: &Scan) -> Result<u8> {
    let started = resolve::now();
    args.own_formats.give()?;
    let mut resolved = resolve::plan(args)?;
    let supplied = args.hashes.as_deref().map(supplied_digests).transpose()?;
    let claim = args.out.as_deref().map(claim).transpose()?;
    warn_of_inputs(args, &resolved);
    let bar = progress(args, &mut resolved);
    let mut outcome = run_plan(&resolved.plan)?;
    resolved.feeds.unchanged()?;
    let memory = MemoryUsed { limit: args.limits.max_memory.bytes, held: limits::anonymous_bytes() };
    let clocks = manifest::clocks(args, &resolved.plan.scopes);
    let rules = manifest::rules(args, &resolved, &outcome.stats);
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    if let Some(supplied) = &supplied {
        check_digests(&mut outcome.ledger, supplied, resolved.plan.opening.digest);
    }
    let work = &resolved.plan.work;
    if let Some(claim) = &claim {
        let times = (started, resolve::now());
        let manifest = manifest::manifest(&resolved, rules.clone(), (clocks.clone(), memory.clone()), times);
        let staged = claim
            .stage(&input(&outcome, &outcome.findings, (&clocks, &rules)), manifest)
            .context("the case is not written")?;
        work.fault().map_or(Ok(()), Err)?;
        interrupt::undisturbed(|| staged.commit()).context("the case is not whole")?;
    }
    let shown = shown(args, &outcome.findings, work);
    match print(args, work, &input(&outcome, &shown, (&clocks, &rules))) {
        Err(error) if !super::is_broken_pipe(&error) => return Err(error),
        Ok(()) | Err(_) => {}
    }
    work.fault().map_or(Ok(()), Err)?;
    // What was printed may have been sorted in the work folder.
    claim.iter().for_each(Claim::release);
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
fn claim(out: &Path) -> Result<Claim> {
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
    if hidden > 0 && !args.quiet {
        let place = if args.out.is_some() { "; the case holds them" } else { "" };
        anstream::eprintln!("{hidden} findings below --min-level are not shown{place}");
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
            "{before} indicators were refused when feeds were compiled (`exfiltrace indicators check` lists them)"
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

/// What a supplier says of one file.
struct Supplied {
    /// Lower-case hex.
    digest: String,
    /// The file, as locators are written.
    name: Locator,
}

/// Reads `sha256sum` output.
fn supplied_digests(path: &Path) -> Result<Vec<Supplied>> {
    let text = std::fs::read(path).with_context(|| format!("--hashes {}: cannot be read", path.display()))?;
    let mut supplied = Vec::new();
    for (number, line) in text.split(|b| *b == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.trim_ascii().is_empty() {
            continue;
        }
        let at = || format!("--hashes {}:{}", path.display(), number + 1);
        // A name with a line break or backslash stands escaped, and the line begins with a backslash.
        let (escaped, line) = line.strip_prefix(b"\\").map_or((false, line), |line| (true, line));
        let end = line.iter().position(|b| matches!(b, b' ' | b'\t'));
        let (digest, name) = line.split_at(end.with_context(|| format!("{}: expected DIGEST  NAME", at()))?);
        if digest.len() != 64 || !digest.iter().all(u8::is_ascii_hexdigit) {
            anyhow::bail!("{}: {} is not a SHA-256 or BLAKE3 digest", at(), digest.escape_ascii());
        }
        let name = name.trim_ascii_start();
        let name = name.strip_prefix(b"*").unwrap_or(name);
        let name = if escaped { unescaped(name) } else { name.to_vec() };
        let name = Locator::root(name.strip_prefix(b"./").unwrap_or(&name));
        supplied.push(Supplied { digest: String::from_utf8_lossy(digest).to_ascii_lowercase(), name });
    }
    Ok(supplied)
}

/// The name that `sha256sum` wrote with `\\`, `\n` and `\r` in it.
fn unescaped(name: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(name.len());
    let mut bytes = name.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => match bytes.next() {
                Some(b'n') => plain.push(b'\n'),
                Some(b'r') => plain.push(b'\r'),
                other => plain.extend(other),
            },
            other => plain.push(*other),
        }
    }
    plain
}

/// Compares what the supplier gave with what was read. A supplied name fits a file whose locator ends with it.
fn check_digests(ledger: &mut Vec<Entry>, supplied: &[Supplied], kind: exfiltrace::open::DigestKind) {
    let mut missing = Vec::new();
    for Supplied { digest, name } in supplied {
        let below = format!("/{name}");
        let mut found = false;
        for entry in ledger.iter_mut().filter(|entry| {
            entry.source == entry.evidence && (entry.source == *name || entry.source.as_str().ends_with(&below))
        }) {
            found = true;
            let read = entry.digest.as_deref().and_then(|d| d.split_once(':')).map(|(_, hex)| hex);
            if read != Some(digest.as_str()) {
                let detail = match read {
                    Some(read) => format!("the supplier states {digest}, the file has {read}"),
                    None => format!("the supplier states {digest}, but nothing was hashed ({kind:?})"),
                };
                entry.notes.push(Note::new(Reason::DigestMismatch, detail));
                entry.notes.sort();
            }
        }
        if !found {
            missing.push((digest, name));
        }
    }
    for (digest, name) in missing {
        let mut entry = Entry::new(EntryKind::Skipped, name.clone(), name.clone());
        entry.notes.push(Note::new(
            Reason::DigestMismatch,
            format!("the supplier states {digest} for a file that is not in the evidence"),
        ));
        ledger.push(entry);
    }
    ledger.sort_by(|a, b| (&a.source, a.kind).cmp(&(&b.source, b.kind)));
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

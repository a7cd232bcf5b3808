//! `exfiltrace rules`: what rules there are, whether they load, what they do, and whether they do what they say.

use std::io::{BufWriter, Write};

use anyhow::Result;
use exfiltrace::detect::{Problem, Program, Routing};
use exfiltrace::discover;
use exfiltrace::emit;
use exfiltrace::format::Clock;
use exfiltrace::model::correlation::Correlation;
use exfiltrace::model::rule::RuleMeta;
use exfiltrace::open::{DigestKind, Io, Limits, Opening};
use exfiltrace::worker;

use super::{feeds, printable, resolve};

mod args;
mod cache;
mod explain;
mod load;
mod test;

pub use args::{Compile, List, RuleOptions, Rules, RulesFrom};
pub use load::usable;

/// Runs one of them.
pub fn rules(command: &Rules) -> Result<u8> {
    match command {
        Rules::List(given) => list(given),
        Rules::Check(from) => check(from),
        Rules::Explain(given) => explain::explain(given),
        Rules::Test(from) => test::test(from),
        Rules::Compile(given) => compile(given),
    }
}

fn loaded(from: &RulesFrom) -> Result<(Program, Vec<Problem>)> {
    load::load(&from.rules, &from.options, from.min_level, Routing::Auto)
}

fn list(given: &List) -> Result<u8> {
    let (program, _) = loaded(&given.from)?;
    if !given.coverage.is_empty() {
        return coverage(given, &program);
    }
    let mut out = BufWriter::new(std::io::stdout().lock());
    for rule in program.rules() {
        writeln!(out, "{}{}", line(rule), counted_only(&program, rule))?;
    }
    for Correlation { meta, .. } in &program.correlations().list {
        writeln!(out, "{} (correlation){}", line(meta), counted_only(&program, meta))?;
    }
    out.flush()?;
    Ok(0)
}

/// Level, id and title.
fn line(meta: &RuleMeta) -> String {
    format!("{:<13} {}  {}", meta.level.word(), printable(&meta.id), printable(&meta.title))
}

/// The mark of what gives no findings of its own.
fn counted_only(program: &Program, meta: &RuleMeta) -> &'static str {
    if program.silent().contains(meta.id.as_str()) { " (for correlations only)" } else { "" }
}

/// How many rules there are, and how many correlations beside them.
fn how_many(program: &Program) -> String {
    let rules = emit::counted(program.rules().len() as u64, "rule", "rules");
    match program.correlations().list.len() as u64 {
        0 => rules,
        count => format!("{rules} and {}", emit::counted(count, "correlation", "correlations")),
    }
}

/// The rules that can fire on nothing in the evidence.
fn coverage(given: &List, program: &Program) -> Result<u8> {
    let survey = discover::survey(&resolve::roots(&given.coverage, &[])?, &[])?;
    let opening =
        Opening { limits: Limits::default(), passwords: Vec::new(), work: None, digest: DigestKind::Off, io: Io::Auto };
    let clock = Clock { zone: jiff::tz::TimeZone::UTC, zone_given: false };
    let (reached, lost) = worker::reached(program, &survey, &opening, &clock);
    let never = program.unreached(&reached);
    let mut out = BufWriter::new(std::io::stdout().lock());
    for &rule in &never {
        let (meta, asks) = (&program.rules()[rule as usize], program.asks_for(rule));
        writeln!(out, "{}  (asks for {})", line(meta), printable(&asks))?;
    }
    let over = program.correlations_over(&never);
    for at in &over {
        writeln!(out, "{} (correlation of such rules alone)", line(&program.correlations().list[*at].meta))?;
    }
    let (all, none) = (how_many(program), never.len() + over.len());
    writeln!(out, "{none} of {all} can fire on nothing here: no record is of the log source that they ask for")?;
    out.flush()?;
    for entry in &lost {
        let why = entry.notes.first().map_or("cannot be read", |note| note.detail.as_str());
        anstream::eprintln!("warning: {}", printable(&format!("{}: {why}", entry.source)));
    }
    Ok(u8::from(!lost.is_empty() || survey.files.is_empty()))
}

fn check(from: &RulesFrom) -> Result<u8> {
    let (program, problems) = loaded(from)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    for (word, list) in [("", problems.as_slice()), ("loaded, but ", program.remarks())] {
        for Problem { file, line, column, what, .. } in list {
            writeln!(out, "{}", printable(&format!("{file}:{line}:{column}: {word}{what}")))?;
        }
    }
    let left_out = emit::left_out(&program.left_out()).map(|text| format!(", {text}")).unwrap_or_default();
    writeln!(out, "{} loaded, {} not loaded{left_out}", how_many(&program), problems.len())?;
    out.flush()?;
    Ok(if problems.is_empty() { 0 } else { 2 })
}

fn compile(given: &Compile) -> Result<u8> {
    let (program, problems, bytes) = load::compile(given)?;
    feeds::write_whole(&given.out, &mut |out| out.write_all(&bytes))?;
    for Problem { file, line, column, what, .. } in &problems {
        anstream::eprintln!("{}", printable(&format!("{file}:{line}:{column}: not loaded: {what}")));
    }
    let (rules, shown) = (how_many(&program), given.out.display());
    let text = format!("{shown} has {rules}; {} were not loaded", problems.len());
    writeln!(std::io::stdout().lock(), "{}", printable(&text))?;
    Ok(u8::from(program.rules().is_empty()))
}

//! `rules test`: rules against their own samples.

use std::collections::BTreeSet;
use std::io::{BufWriter, Write};

use anyhow::Result;
use exfiltrace::detect::{Problem, Program, Sample};
use exfiltrace::emit::counted;
use exfiltrace::worker::{Fault, trial};
use rayon::prelude::*;

use super::args::RulesFrom;
use super::load;
use crate::cli::printable;

/// Tries all samples and prints a table of those that fail.
pub fn test(from: &RulesFrom) -> Result<u8> {
    let (program, problems) = load::with_samples(from)?;
    let tried: Vec<(&Sample, Result<(), Fault>)> =
        program.samples().par_iter().map(|sample| (sample, trial(&program, sample))).collect();
    let failed: Vec<&(&Sample, Result<(), Fault>)> = tried.iter().filter(|(_, tried)| tried.is_err()).collect();
    let mut out = BufWriter::new(std::io::stdout().lock());
    for Problem { file, line, column, what, .. } in &problems {
        writeln!(out, "{}", printable(&format!("{file}:{line}:{column}: not loaded: {what}")))?;
    }
    for (sample, fault) in failed.iter().filter_map(|(sample, tried)| Some((sample, tried.as_ref().err()?))) {
        writeln!(out, "{}", printable(&row(sample, fault)))?;
    }
    let without = without_samples(&program);
    for title in &without {
        writeln!(out, "no sample: {}", printable(title))?;
    }
    let untried = are_untried(from, &program);
    if untried {
        writeln!(
            out,
            "none of the rules that were given has a sample (`matches`, `misses`): nothing of theirs was tried"
        )?;
    }
    let (all, wrong) = (tried.len() as u64, failed.len());
    let rules = counted(program.rules().len() as u64, "rule", "rules");
    writeln!(out, "{} of {rules}: {} as they say, {wrong} not", counted(all, "sample", "samples"), all - wrong as u64)?;
    out.flush()?;
    Ok(u8::from(wrong > 0 || !problems.is_empty() || all == 0 || untried))
}

/// Whether rules were given and none of them has a sample, so that nothing of theirs was tried.
fn are_untried(from: &RulesFrom, program: &Program) -> bool {
    let is_embedded = |file: &str| !from.options.no_builtin && Program::builtin().any(|(name, _)| name == file);
    !from.rules.is_empty() && program.samples().iter().all(|sample| is_embedded(&sample.file))
}

/// `file:line  must match, does not  title` and the beginning of the record.
fn row(sample: &Sample, fault: &Fault) -> String {
    let what = match fault {
        Fault::Missed => "must match, and does not".to_owned(),
        Fault::Met => "must not match, and does".to_owned(),
        Fault::Format(taken) => format!("is of {}, and is taken for {taken}", sample.format.as_deref().unwrap_or("?")),
        Fault::Unfound => "matches, but a scan would not find it: please report this".to_owned(),
        Fault::Empty => "holds no record".to_owned(),
        Fault::Failed => "a parser failed on it: please report this".to_owned(),
    };
    let record: String = sample.text.lines().next().unwrap_or_default().chars().take(RECORD_CHARS).collect();
    format!("{}:{}  {what}  {}  {record}", sample.file, sample.line, sample.title)
}

/// Characters of a record that are shown.
const RECORD_CHARS: usize = 100;

/// Rules and correlations that nothing is tried on, with their files.
fn without_samples(program: &Program) -> Vec<String> {
    let with: BTreeSet<&str> = program.samples().iter().map(|sample| sample.rule.as_str()).collect();
    let correlations = program.correlations().list.iter().map(|correlation| &correlation.meta);
    let rules = program.rules().iter().chain(correlations).filter(|meta| !with.contains(meta.id.as_str()));
    rules.map(|meta| format!("{}  {}", meta.file, meta.title)).collect()
}

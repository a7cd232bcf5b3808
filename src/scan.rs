//! The whole pipeline on one screen.

mod again;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use rayon::ThreadPoolBuilder;
use rayon::prelude::*;

use crate::discover::Root;
use crate::error::{Error, Result};
use crate::indicators::pattern;
use crate::model::coverage::Coverage;
use crate::model::findings::Findings;
use crate::model::ledger::{Entry, EntryKind, Note, Reason};
use crate::model::partial::{Partial, SourcePartial};
use crate::model::place::Locator;
use crate::model::source::{Listed, Survey};
use crate::model::transfer::Transfer;
use crate::model::verdict::{PeriodJudged, Verdict};
use crate::open::Opening;
use crate::plan::{Period, Plan};
use crate::work::give_back_freed;
use crate::worker::{Engine, Stats};
use crate::{correlate, discover, judge, merge, worker};

pub use again::Earlier;

/// All that a scan found.
pub struct Outcome {
    /// The answer.
    pub verdict: Verdict,
    /// Findings, sorted by time, locator, offset, rule.
    pub findings: Findings,
    /// Transfers.
    pub transfers: Vec<Transfer>,
    /// What the logs can tell.
    pub coverage: Coverage,
    /// Every source, container and skipped item, sorted by locator.
    pub ledger: Vec<Entry>,
    /// What `merge` and later additions need.
    pub partial: Partial,
    /// Where the time went.
    pub stats: Stats,
}

/// Runs a whole plan. Read it top to bottom: this is the pipeline.
///
/// # Errors
/// Where a root cannot be listed at all or is not in the survey that was given, or the work folder fails. Whatever else
/// cannot be read is in the ledger.
pub fn scan(plan: &Plan) -> Result<Outcome> {
    grow(plan, Earlier::default())
}

/// [`scan`], with what was scanned before joined in: the same as one scan of everything, as far as the evidence lies where it lay.
///
/// # Errors
/// As [`scan`], and where evidence of one name was there before with other bytes.
pub fn grow(plan: &Plan, mut earlier: Earlier) -> Result<Outcome> {
    let mut survey = discover::survey(&plan.roots, &plan.skip)?; // one cheap pass over the listing
    match &plan.listed {
        None => earlier.learn(&mut survey, &plan.opening)?, // what files tell each other
        Some(listed) => discover::settle(&mut survey, listed)?, // the same for all shards
    }
    let (partial, stats) = sources(plan, &survey)?; // open, recognise, split, sift, parse, detect, tally
    let conclusion = conclude(plan, join(earlier.beside(partial))?);
    match plan.work.fault() {
        Some(fault) => Err(fault),
        None => Ok(Outcome { stats, ..conclusion }),
    }
}

/// Lists all evidence, with what files of one rotation can tell each other.
///
/// # Errors
/// As [`discover::survey`].
pub fn survey(roots: &[Root], skip: &[PathBuf], opening: &Opening) -> Result<Survey> {
    let mut survey = discover::survey(roots, skip)?;
    worker::survey_dates(&mut survey, std::iter::empty(), opening);
    worker::survey_years(&mut survey, opening);
    Ok(survey)
}

/// The union of what several scans found.
///
/// # Errors
/// Where two of them tell of evidence of one name with different bytes.
pub fn join(parts: impl IntoIterator<Item = Partial>) -> Result<Partial> {
    merge::joined(parts).map_err(|differing| {
        let (count, (first, are_same)) = (differing.len(), &differing[0]);
        let more = if count > 1 { format!(" (and {} more)", count - 1) } else { String::new() };
        let why = match are_same {
            true => {
                "is there twice with the same bytes and was read otherwise: the times of the files differ, or other files tell of its \
                 dates; scan all of it at once, or with one --survey"
            }
            false => {
                "is there twice with different bytes: it was changed since it was first scanned, or two pieces of evidence have one \
                 name; give one of them another with --root NAME=PATH"
            }
        };
        let what = format!("{first}{more} {why}");
        Error::Usage { what }
    })
}

/// Everything before the merge: each file on its own, in any order.
///
/// # Errors
/// Where the threads cannot be started.
pub fn sources(plan: &Plan, survey: &Survey) -> Result<(Partial, Stats)> {
    let gates = worker::gates(plan, survey); // literals of rules that are rare in this evidence
    let engine = Engine::new(plan, &gates, survey);
    let pool = ThreadPoolBuilder::new()
        .num_threads(plan.threads)
        .stack_size(8 << 20)
        .build()
        .map_err(|cause| Error::Usage { what: format!("cannot start {} threads: {cause}", plan.threads) })?;
    let files = order(plan, &survey.files);
    pool.scope(|tasks| {
        for file in files {
            let engine = &engine;
            tasks.spawn(move |tasks| engine.scan_file(file, tasks));
        }
    });
    let (mut scanned, stats) = engine.finish();
    if let Some(secret) = plan.run_secret {
        pool.install(|| worker::tell_copies(secret, survey, &mut scanned));
    }
    give_back_freed();
    let mut skipped = Partial::default();
    for entry in &survey.skipped {
        let partial = SourcePartial::ledger_only(entry.clone());
        skipped.sources.insert(partial.key(), Arc::new(partial));
    }
    Ok((merge::all([scanned, skipped]), stats))
}

/// Everything after the merge: a pure function of what was merged and of what the user told.
pub fn conclude(plan: &Plan, merged: Partial) -> Outcome {
    let partial = merge::once(merged);
    let joined = correlate::joined(&partial, &plan.whose); // halves that a rotation cut, mail that goes from server to server
    let world = correlate::world(joined.as_ref().unwrap_or(&partial), &plan.whose); // entities, clocks, direction, duplicates
    let world = world.with_patterns(pattern::together); // STIX patterns over records of any sources
    let world = world.with_correlations(); // Sigma correlations, over the same
    let findings = correlate::findings(&world, plan.max_evidence, &plan.work);
    give_back_freed();
    let transfers = correlate::transfers(&world);
    let coverage = Coverage { hits_only: plan.hits_only, ..correlate::coverage(&world) };
    let called = |names: &BTreeSet<String>| correlate::called(&world, names, judge::CROWD);
    let judged = judge::judged(findings.list(), &transfers, &coverage, &plan.whose, &called);
    let mut ledger: Vec<Entry> = partial.sources.values().map(|source| source.entry.clone()).collect();
    note_overlaps(&mut ledger, &correlate::overlapping(&world));
    drop(world);
    let findings = findings.with(&plan.work, judged.chains);
    ledger.par_sort_by(|a, b| (&a.source, a.kind).cmp(&(&b.source, b.kind)));
    let verdict = Verdict { period: period(plan, &ledger), ..judged.verdict };
    Outcome { verdict, findings, transfers, coverage, ledger, partial, stats: Stats::default() }
}

/// Says of sources that others hold some of their records.
fn note_overlaps(ledger: &mut [Entry], overlapping: &[(&Locator, &Locator)]) {
    let others: BTreeMap<&Locator, &Locator> = overlapping.iter().copied().collect();
    for entry in ledger.iter_mut().filter(|entry| entry.kind == EntryKind::Source) {
        if let Some(other) = others.get(&entry.source) {
            let detail = format!("holds records that {other} holds too; what both tell counts once at least");
            entry.notes.push(Note::new(Reason::DeliveredInPart, detail));
            entry.notes.sort();
        }
    }
}

/// The period that was judged, where it is not all time.
fn period(plan: &Plan, ledger: &[Entry]) -> Option<PeriodJudged> {
    let Period { from, to } = plan.period;
    let outside = ledger.iter().flat_map(|entry| &entry.notes).filter(|note| note.reason == Reason::OutsidePeriod);
    let left_out = outside.fold(0u64, |sum, note| sum.saturating_add(note.count.unwrap_or(1)));
    (from.is_some() || to.is_some()).then_some(PeriodJudged { from, to, left_out })
}

/// The largest files first, so that no core is left alone with one at the end; or shuffled, for the test that the
/// order does not matter.
fn order<'s>(plan: &Plan, files: &'s [Listed]) -> Vec<&'s Listed> {
    let mut files: Vec<&Listed> = files.iter().collect();
    match plan.shuffle {
        None => files.sort_by_key(|file| std::cmp::Reverse(file.size)),
        Some(mut seed) => {
            for last in (1..files.len()).rev() {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let pick = usize::try_from(seed >> 33).unwrap_or(0) % (last + 1);
                files.swap(last, pick);
            }
        }
    }
    files
}

//! What was scanned before, beside evidence that is added to it: files of one rotation tell each other the order of day and month in their
//! dates, whichever of them was there first. What is then read otherwise than before is read again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::discover::{self, Root};
use crate::error::Result;
use crate::merge;
use crate::model::clock::{YearBy, YearsRead};
use crate::model::dates::Ground;
use crate::model::ledger::{Note, Reason};
use crate::model::partial::{Partial, SourceKey, SourcePartial};
use crate::model::place::Locator;
use crate::model::source::{Listed, Survey};
use crate::open::Opening;
use crate::worker::{self, Rotations};

/// What was scanned before.
#[derive(Default)]
pub struct Earlier {
    /// What it told.
    pub partial: Partial,
    /// Where its evidence lay.
    pub roots: Vec<Root>,
    /// Which of it is read again.
    again: BTreeSet<Locator>,
}

impl Earlier {
    /// What `partial` told of evidence that lay in these places.
    pub fn new(partial: Partial, roots: Vec<Root>) -> Self {
        Self { partial, roots, ..Self::default() }
    }

    /// Lets what is added and what was there before tell each other the order of day and month, and puts in the survey what is to be read
    /// again for it. Of what is not there any more the ledger says so.
    pub(super) fn learn(&mut self, survey: &mut Survey, opening: &Opening) -> Result<()> {
        let mut all = Survey { files: survey.files.clone(), ..Survey::default() };
        all.files.extend(self.files(survey)?);
        all.files.sort_by(|a, b| a.locator.cmp(&b.locator));
        let listed: BTreeSet<&Locator> = all.files.iter().map(|file| &file.locator).collect();
        let known: BTreeSet<Locator> =
            self.partial.sources.values().map(|source| source.entry.evidence.clone()).collect();
        let gone: Vec<&Locator> = known.iter().filter(|locator| !listed.contains(locator)).collect();
        worker::survey_dates(&mut all, gone.into_iter(), opening);
        worker::survey_years(&mut all, opening);
        (survey.dates, survey.years) = (std::mem::take(&mut all.dates), std::mem::take(&mut all.years));
        let rotations = Rotations::of(survey);
        let years = survey.years.clone();
        let is_otherwise =
            |source: &&Arc<SourcePartial>| is_read_otherwise(source, &rotations) || is_of_other_years(source, &years);
        let again = self.partial.sources.values().filter(is_otherwise).map(|source| source.entry.evidence.clone());
        let again: BTreeSet<Locator> = again.collect();
        let known: BTreeSet<Locator> = survey.files.iter().map(|file| file.locator.clone()).collect();
        let is_wanted = |file: &Listed| again.contains(&file.locator) && !known.contains(&file.locator);
        let (wanted, _): (Vec<Listed>, Vec<Listed>) = all.files.into_iter().partition(is_wanted);
        let there: BTreeSet<&Locator> = known.iter().chain(wanted.iter().map(|file| &file.locator)).collect();
        for source in self
            .partial
            .sources
            .values_mut()
            .filter(|source| is_read_otherwise(source, &rotations) || is_of_other_years(source, &years))
        {
            if !there.contains(&source.entry.evidence) {
                note_gone(Arc::make_mut(source));
            }
        }
        self.again = wanted.iter().map(|file| file.locator.clone()).collect();
        survey.files.extend(wanted);
        survey.files.sort_by(|a, b| a.locator.cmp(&b.locator));
        Ok(())
    }

    /// The files that were scanned before and lie where they lay, but those that are scanned now.
    fn files(&self, survey: &Survey) -> Result<Vec<Listed>> {
        let now: BTreeSet<&Locator> = survey.files.iter().map(|file| &file.locator).collect();
        let known: BTreeSet<&Locator> = self.partial.sources.values().map(|source| &source.entry.evidence).collect();
        let mut files = Vec::new();
        for root in self.roots.iter().filter(|root| root.path.as_ref().is_some_and(|path| path.exists())) {
            let listed = discover::survey(std::slice::from_ref(root), &[])?.files;
            files.extend(listed.into_iter().filter(|file| known.contains(&file.locator)));
        }
        files.retain(|file| !now.contains(&file.locator));
        files.sort_by(|a, b| a.locator.cmp(&b.locator));
        files.dedup_by(|a, b| a.locator == b.locator);
        Ok(files)
    }

    /// It and what was scanned now, as far as each counts beside the other: of the same bytes, whose dates are read otherwise now, the
    /// latter does; of what was only read again and has other bytes by now, the former.
    pub(super) fn beside(self, mut scanned: Partial) -> [Partial; 2] {
        let mut partial = merge::restored(self.partial);
        let digest = |source: &SourcePartial| source.entry.digest.clone();
        let is_other = |key: &SourceKey, known: &Arc<SourcePartial>| {
            scanned.sources.get(key).is_none_or(|now| digest(now).is_none() || digest(now) != digest(known))
        };
        let again = |source: &SourcePartial| self.again.contains(&source.entry.evidence);
        let others = partial.sources.iter().filter(|(key, known)| again(known) && is_other(key, known));
        let others: BTreeSet<Locator> = others.map(|(_, known)| known.entry.evidence.clone()).collect();
        scanned.sources.retain(|_, now| !others.contains(&now.entry.evidence));
        for known in partial.sources.values_mut().filter(|known| others.contains(&known.entry.evidence)) {
            if known.covered.dates.is_some() || known.covered.year_assumed > 0 {
                note_gone(Arc::make_mut(known));
            }
        }
        partial.sources.retain(|key, known| {
            scanned.sources.get(key).is_none_or(|now| {
                let are_same = digest(known).is_some() && digest(known) == digest(now);
                !are_same
                    || known.covered.dates == now.covered.dates && known.covered.clock.years == now.covered.clock.years
            })
        });
        [partial, scanned]
    }
}

/// Whether files of its rotation tell another order of day and month than the one in which the dates of a source were read.
fn is_read_otherwise(source: &SourcePartial, rotations: &Rotations) -> bool {
    let (Some(dates), Some(format)) = (&source.covered.dates, &source.entry.format) else { return false };
    // What stands in the same file goes before.
    let inside = format!("{}!/", source.entry.evidence);
    let is_inside = |sibling: &Locator| sibling.as_str().starts_with(&inside);
    if dates.by == Some(Ground::RunsOn) || dates.sibling.as_ref().is_some_and(is_inside) {
        return false;
    }
    match rotations.of_source(&source.entry.source, format) {
        Some(order) => (dates.day_first, &dates.sibling) != (Some(order.day_first), &order.sibling),
        None => dates.by == Some(Ground::Sibling),
    }
}

/// Whether what lies beside a file that writes no year tells another one than by which it was read.
fn is_of_other_years(source: &SourcePartial, years: &BTreeMap<Locator, YearsRead>) -> bool {
    let read = source.covered.clock.years.as_ref();
    let is_itself = source.entry.source == source.entry.evidence;
    let by_name = read.is_some_and(|read| read.by == YearBy::Name);
    is_itself && !by_name && source.covered.year_assumed > 0 && read != years.get(&source.entry.source)
}

/// Says that a source would be read otherwise now, and is not there to be.
fn note_gone(source: &mut SourcePartial) {
    let detail = "files that were added tell which of day and month is first in its dates, or its years, otherwise than it was read, and it does not lie \
                  where it was scanned, or has other bytes now: its times are as they were read first; give it again with what was added";
    source.entry.notes.push(Note::new(Reason::Undated, detail));
    source.entry.notes.sort();
    source.entry.notes.dedup();
}

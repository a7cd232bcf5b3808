//! Logs of cloud services that hold the same records in another order: what both moved counts once, at most too.
//!
//! Each record has a number of its own there, so that two that say the same are one. That logs hold the same ones is told without the digests
//! of all: some that both cite are the same, of no conversation one of them cites what the other one would, and as many records move as much in
//! the same hours, from the same first time to the same last, conversation by conversation, with as many bytes of records in all.

use std::collections::{BTreeMap, BTreeSet};

use super::overlaps::{Group, Overlaps};
use crate::model::conversations::Told;
use crate::model::ledger::EntryKind;
use crate::model::observation::Hour;
use crate::model::partial::{Partial, SourcePartial};
use crate::model::place::{Locator, RecordDigest};

/// Formats of which each record has a number that no other one has.
const NUMBERED: &[&str] = &["box", "cloudtrail", "gcp", "github", "gworkspace", "m365", "salesforce", "slack"];

/// Sets of logs that hold the same records.
#[derive(Default)]
pub(super) struct Twins<'a>(BTreeMap<&'a Locator, u32>);

impl<'a> Twins<'a> {
    /// Finds those among logs that overlap.
    pub(super) fn of(merged: &'a Partial, overlaps: &Overlaps) -> Self {
        let mut groups: BTreeMap<(Group, &str, u64), Vec<Vec<&'a SourcePartial>>> = BTreeMap::new();
        for ((_, kind, _), source) in &merged.sources {
            let format = source.entry.format.as_deref().filter(|format| NUMBERED.contains(format));
            let Some(format) = format.filter(|_| *kind == EntryKind::Source) else { continue };
            let Some(log) = overlaps.log(&source.entry.source) else { continue };
            let sets = groups.entry((log.group, format, source.entry.records)).or_default();
            match sets.iter_mut().find(|set| are_same(set[0], source)) {
                Some(set) => set.push(source),
                None => sets.push(vec![source]),
            }
        }
        let sets = groups.into_values().flatten().filter(|set| set.len() > 1);
        Self(sets.zip(0..).flat_map(|(set, number)| set.into_iter().map(move |s| (&s.entry.source, number))).collect())
    }

    /// The set of a log; `None` where no other one holds the same.
    pub(super) fn set(&self, log: &Locator) -> Option<u32> {
        self.0.get(log).copied()
    }
}

/// Whether all that is known of two sources is the same but where their records stand.
fn are_same(one: &SourcePartial, other: &SourcePartial) -> bool {
    let (mine, theirs) = (&one.observations, &other.observations);
    let is_whole = [one, other].iter().all(|source| source.observations.rest.records == 0 && !source.entry.has_loss());
    let same = |((mine, of_one), (theirs, of_other)): ((_, Told<'_>), (_, Told<'_>))| {
        let cited = cited(of_one);
        mine == theirs && of_one.hours().eq(of_other.hours()) && cited.is_some() && cited == self::cited(of_other)
    };
    is_whole
        && (one.covered.span, &one.covered.hours) == (other.covered.span, &other.covered.hours)
        && one.entry.bytes.parsed == other.entry.bytes.parsed
        && mine.kept.iter().count() == theirs.kept.iter().count()
        && mine.kept.iter().zip(theirs.kept.iter()).all(same)
}

/// The digests of the records that a conversation cites wherever they stand: those that moved more than others which it may leave out.
/// `None` where all of them moved as many bytes, so that they tell nothing of those that are left out.
fn cited(told: Told<'_>) -> Option<BTreeSet<RecordDigest>> {
    let records = told.hours().fold(0u64, |sum, hour: Hour| sum.saturating_add(hour.sum.records));
    let is_cut = records > told.cited().count() as u64;
    let least = told.cited().map(|cited| cited.bytes).min().filter(|_| is_cut);
    let is_more = |bytes| least.is_none_or(|least| bytes > least);
    let all: BTreeSet<_> = told.cited().filter(|cited| is_more(cited.bytes)).map(|cited| cited.sha256).collect();
    (!all.is_empty() || least.is_none_or(|least| least == 0)).then_some(all)
}

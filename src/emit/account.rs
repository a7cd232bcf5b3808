//! What of the evidence was read, and what not: the ledger in a few figures.

use std::collections::{BTreeMap, BTreeSet};

use super::words::{note, size, spaced};
use crate::model::coverage::Coverage;
use crate::model::ledger::{Entry, EntryKind, Fates, Reason};
use crate::model::place::Locator;
use crate::model::words::{Round, counted};

/// How often a reason stands in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    /// Ledger lines that name it.
    pub(super) items: u64,
    /// Occurrences inside of them.
    pub(super) times: u64,
}

/// The ledger in figures.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Account {
    lines: u64,
    sources: u64,
    skipped: u64,
    records: u64,
    /// Records without a time.
    untimed: u64,
    bytes: Fates,
    /// Reasons other than [`Reason::Empty`] and [`Reason::PassedOver`].
    pub(super) reasons: BTreeMap<Reason, Tally>,
    empty: u64,
    /// Records that were searched and not read.
    passed_over: u64,
}

impl Account {
    /// Adds up a ledger.
    pub(super) fn of(ledger: &[Entry]) -> Self {
        let mut sum = Self::default();
        for entry in ledger {
            sum.lines += 1;
            sum.records = sum.records.saturating_add(entry.records);
            sum.untimed = sum.untimed.saturating_add(entry.untimed);
            sum.bytes = saturating(&sum.bytes, &entry.bytes);
            match entry.kind {
                EntryKind::Source => sum.sources += 1,
                EntryKind::Container => {}
                EntryKind::Skipped if entry.notes.iter().any(|n| n.reason == Reason::Empty) => {}
                EntryKind::Skipped => sum.skipped += 1,
            }
            let mut seen: BTreeMap<Reason, u64> = BTreeMap::new();
            for note in &entry.notes {
                let times = seen.entry(note.reason).or_default();
                *times = times.saturating_add(note.count.unwrap_or(1));
            }
            for (reason, times) in seen {
                if reason == Reason::Empty {
                    sum.empty += 1;
                } else if reason == Reason::PassedOver {
                    sum.passed_over = sum.passed_over.saturating_add(times);
                } else {
                    let tally = sum.reasons.entry(reason).or_default();
                    tally.items += 1;
                    tally.times = tally.times.saturating_add(times);
                }
            }
        }
        sum
    }

    /// Whether nothing at all stands against the claim that everything was read.
    pub(super) fn everything(&self) -> bool {
        let lost = self.bytes.cut_by_limit > 0 || self.bytes.undecodable > 0 || self.bytes.oversize > 0;
        self.sources > 0 && self.skipped == 0 && self.reasons.is_empty() && !lost
    }

    /// The answer in a sentence or two.
    pub(super) fn sentence(&self) -> String {
        if self.lines == 0 {
            return "Nothing was read: the ledger is empty.".to_owned();
        }
        let decoded = saturating_total(&self.bytes);
        let figures = [
            counted(self.sources, "source", "sources"),
            counted(self.records, "record", "records"),
            size(decoded, Round::Nearest),
        ]
        .join(", ");
        let mut text = if self.everything() {
            format!("Everything was read: {figures}.")
        } else {
            let named = |loss: bool| -> Vec<String> {
                let of = self.reasons.iter().filter(|(reason, _)| reason.is_loss() == loss);
                of.map(|(reason, tally)| format!("{} ({})", spaced(reason), tally.items)).collect()
            };
            let (lost, limited) = (named(true), named(false));
            let lost = if lost.is_empty() { "see the ledger".to_owned() } else { lost.join(", ") };
            let mut text = if self.reasons.keys().any(|r| r.is_loss()) || limited.is_empty() {
                format!("NOT everything was read: {lost}. Read: {figures}.")
            } else {
                format!("Read: {figures}.")
            };
            if !limited.is_empty() {
                text.push_str(&format!(" Read with limits or remarks: {}.", limited.join(", ")));
            }
            text
        };
        for (bytes, what) in [
            (self.bytes.raw_only, self.unread()),
            (self.bytes.undecodable, "were rejected by their format and searched for indicators only"),
            (self.bytes.oversize, "lie in records over the size limit and were searched for indicators only"),
            (self.bytes.cut_by_limit, "were decoded and then given up at a limit"),
        ] {
            if bytes > 0 {
                text.push_str(&format!(" {} {what}.", size(bytes, Round::Nearest)));
            }
        }
        if self.untimed > 0 {
            let have = if self.records == 1 { "record has" } else { "records have" };
            text.push_str(&format!(" {} of {} {have} no time.", self.untimed, self.records));
        }
        if self.empty > 0 {
            text.push_str(&format!(" Empty files: {}.", self.empty));
        }
        text
    }
}

impl Account {
    /// Why bytes were searched and not read.
    fn unread(&self) -> &'static str {
        if self.passed_over > 0 {
            "were searched and not read, because nothing was met in them (--hits-only) or no format understood them"
        } else {
            "were searched for indicators only, because no format understood them"
        }
    }
}

/// From when to when the logs have records.
pub(super) fn logs(coverage: &Coverage) -> String {
    let sources = || coverage.sources.iter();
    match (sources().filter_map(|s| s.from).min(), sources().filter_map(|s| s.to).max()) {
        (Some(first), Some(last)) => format!("The logs have records from {first} to {last}."),
        _ if sources().any(|s| s.is_doubtful) => {
            "What time the logs cover is not known: their records are in doubt, because checksums do not hold."
                .to_owned()
        }
        _ if coverage.hits_only => {
            "What time the logs cover is not known: of a scan for hits alone no record with a time was read.".to_owned()
        }
        _ => "No record of the logs has a time.".to_owned(),
    }
}

/// What was not read in full and why, one line each: the layers of one file that tell the same are one.
pub(super) fn losses(ledger: &[Entry]) -> BTreeSet<(&Locator, Reason, String)> {
    let lost = ledger.iter().flat_map(|e| e.notes.iter().map(move |n| (&e.source, n)));
    lost.filter(|(_, n)| n.reason.is_loss()).map(|(source, n)| (source, n.reason, note(n))).collect()
}

fn saturating(a: &Fates, b: &Fates) -> Fates {
    Fates {
        parsed: a.parsed.saturating_add(b.parsed),
        framing: a.framing.saturating_add(b.framing),
        raw_only: a.raw_only.saturating_add(b.raw_only),
        undecodable: a.undecodable.saturating_add(b.undecodable),
        oversize: a.oversize.saturating_add(b.oversize),
        cut_by_limit: a.cut_by_limit.saturating_add(b.cut_by_limit),
    }
}

fn saturating_total(f: &Fates) -> u64 {
    [f.parsed, f.framing, f.raw_only, f.undecodable, f.oversize, f.cut_by_limit]
        .into_iter()
        .fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ledger::Note;

    fn entry(kind: EntryKind, reasons: &[Reason]) -> Entry {
        let mut entry = Entry::new(kind, Locator::from_encoded("e/a"), Locator::from_encoded("e/a"));
        entry.notes = reasons.iter().map(|r| Note::new(*r, "x")).collect();
        entry
    }

    #[test]
    fn everything_is_claimed_only_where_no_note_but_empty_stands_against_it() {
        let clean = entry(EntryKind::Source, &[]);
        let empty = entry(EntryKind::Source, &[Reason::Empty]);
        assert!(Account::of(&[clean.clone(), empty]).sentence().starts_with("Everything was read: 2 sources"));
        assert!(!Account::of(&[]).everything());
        for reason in [Reason::Damaged, Reason::FindingsCapped, Reason::NameNotUtf8, Reason::CaseFolder] {
            let sum = Account::of(&[clean.clone(), entry(EntryKind::Skipped, &[reason, reason])]);
            assert!(!sum.everything() && !sum.sentence().contains("Everything"), "{reason:?}");
            assert_eq!(sum.reasons[&reason], Tally { items: 1, times: 2 });
            assert!(sum.sentence().contains(&spaced(&reason)), "{}", sum.sentence());
        }
        let mut cut = clean;
        cut.bytes.cut_by_limit = 7;
        (cut.records, cut.untimed) = (9, 7);
        let text = Account::of(&[cut]).sentence();
        assert!(text.contains(" 7 of 9 records have no time."), "{text}");
        assert!(text.starts_with("NOT everything") && text.contains("7 bytes were decoded"), "{text}");
    }
}

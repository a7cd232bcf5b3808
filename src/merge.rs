//! Joins Partials: associative, commutative, and idempotent by source.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::sync::Arc;

use crate::model::indicator::IndicatorMeta;
use crate::model::ledger::{EntryKind, Note, Reason};
use crate::model::partial::{Partial, SourceKey, SourcePartial};
use crate::model::place::Locator;

/// The union of all parts. Where two parts tell of one source, the one that tells more stays (bytes, then records,
/// then its serialised text), so that any order and grouping gives the same.
pub fn all(parts: impl IntoIterator<Item = Partial>) -> Partial {
    let mut sum = Partial::default();
    for part in parts {
        for (key, source) in part.sources {
            keep(sum.sources.entry(key), source, told_more);
        }
        for (id, meta) in part.rules {
            keep(sum.rules.entry(id), meta, |new, old| text(new) > text(old));
        }
        for (id, correlation) in part.correlations {
            keep(sum.correlations.entry(id), correlation, |new, old| text(new) > text(old));
        }
        for (key, meta) in part.indicators {
            match sum.indicators.entry(key) {
                Slot::Vacant(slot) => {
                    slot.insert(meta);
                }
                Slot::Occupied(mut slot) if **slot.get() != *meta => {
                    let joined = join_claims(slot.get(), &meta);
                    slot.insert(Arc::new(joined));
                }
                Slot::Occupied(_) => {}
            }
        }
    }
    sum
}

/// The union of the parts of cases, each of which was concluded before: what was dropped in one as delivered twice is
/// set right again, so that [`once`] decides over all of them. Gives the locators of which two parts tell different
/// things, sorted, where there are any: one of the two would be lost.
///
/// # Errors
/// Those locators, each with whether it is of the same bytes in both.
pub fn joined(parts: impl IntoIterator<Item = Partial>) -> Result<Partial, Vec<(Locator, bool)>> {
    let parts: Vec<Partial> = parts.into_iter().map(restored).collect();
    let mut known: BTreeMap<&SourceKey, &SourcePartial> = BTreeMap::new();
    let mut differing = Vec::new();
    for (key, source) in parts.iter().flat_map(|part| &part.sources) {
        let other = *known.entry(key).or_insert(&**source);
        if other.entry != source.entry || other.content != source.content {
            let digests = (&other.entry.digest, &source.entry.digest);
            differing.push((key.0.clone(), digests.0.is_some() && digests.0 == digests.1));
        }
    }
    differing.sort();
    differing.dedup();
    if differing.is_empty() { Ok(all(parts)) } else { Err(differing) }
}

/// A part as it was before [`once`]: copies have the digest of their bytes again and no note, as far as a copy is told
/// at all beyond its ledger line.
pub fn restored(mut part: Partial) -> Partial {
    let copied: Vec<(SourceKey, Box<str>, Vec<Locator>)> = part
        .sources
        .iter()
        .filter(|(_, source)| !source.copies.is_empty())
        .map(|(key, source)| (key.clone(), source.content.clone(), source.copies.clone()))
        .collect();
    for (key, content, copies) in copied {
        for copy in copies {
            if let Some(source) = part.sources.get_mut(&(copy, EntryKind::Source, None)) {
                let source = Arc::make_mut(source);
                source.content.clone_from(&content);
                source.entry.notes.retain(|note| note.reason != Reason::DeliveredTwice);
            }
        }
        if let Some(source) = part.sources.get_mut(&key) {
            Arc::make_mut(source).copies.clear();
        }
    }
    part
}

/// Drops whole what was delivered twice: of sources with the same decoded bytes, the smallest locator stays and knows
/// the others, which keep their ledger line only, with a note.
pub fn once(mut partial: Partial) -> Partial {
    let mut first: BTreeMap<Box<str>, SourceKey> = BTreeMap::new();
    let mut copies: BTreeMap<SourceKey, Vec<Locator>> = BTreeMap::new();
    for (key, source) in &mut partial.sources {
        if key.1 != EntryKind::Source || source.content.is_empty() || source.entry.size == 0 {
            continue;
        }
        match first.entry(source.content.clone()) {
            Slot::Vacant(slot) => {
                slot.insert(key.clone());
            }
            Slot::Occupied(slot) => {
                let counts = slot.get();
                let mut entry = source.entry.clone();
                let detail = format!("the same bytes as {}, which counts", counts.0);
                entry.notes.push(Note::new(Reason::DeliveredTwice, detail));
                entry.notes.sort();
                copies.entry(counts.clone()).or_default().push(key.0.clone());
                *source = Arc::new(SourcePartial::ledger_only(entry));
            }
        }
    }
    for (key, locators) in copies {
        let source = partial.sources.get_mut(&key).expect("it was met in the same map");
        let known = &mut Arc::make_mut(source).copies;
        known.extend(locators);
        known.sort();
        known.dedup();
    }
    partial
}

fn keep<K: Ord, V: PartialEq>(slot: Slot<'_, K, Arc<V>>, new: Arc<V>, wins: impl Fn(&V, &V) -> bool) {
    match slot {
        Slot::Vacant(slot) => {
            slot.insert(new);
        }
        Slot::Occupied(mut slot) => {
            if !Arc::ptr_eq(slot.get(), &new) && **slot.get() != *new && wins(&new, slot.get()) {
                slot.insert(new);
            }
        }
    }
}

fn told_more(a: &SourcePartial, b: &SourcePartial) -> bool {
    let rank = |s: &SourcePartial| (s.entry.bytes.total(), s.entry.records, !s.content.is_empty());
    rank(a).cmp(&rank(b)).then_with(|| text(a).cmp(&text(b))).is_gt()
}

fn text<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("a part of a Partial serialises: its maps are lists of pairs")
}

fn join_claims(a: &IndicatorMeta, b: &IndicatorMeta) -> IndicatorMeta {
    let union = |a: &[Box<str>], b: &[Box<str>]| {
        let mut all: Vec<Box<str>> = a.iter().chain(b).cloned().collect();
        all.sort();
        all.dedup();
        all
    };
    IndicatorMeta {
        feeds: union(&a.feeds, &b.feeds),
        confidence: a.confidence.max(b.confidence),
        valid_from: a.valid_from.zip(b.valid_from).map(|(a, b)| a.min(b)),
        valid_until: a.valid_until.zip(b.valid_until).map(|(a, b)| a.max(b)),
        labels: union(&a.labels, &b.labels),
        warninglists: union(&a.warninglists, &b.warninglists),
    }
}

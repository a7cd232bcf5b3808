//! Events that were delivered in several forms, as a binary log and an export of it, or an audit log as table and as JSON: what a
//! rule found in one is told once, by the form that tells of it first, and names the places of all.

use hashbrown::{HashMap, HashSet};

use super::World;
use super::found::{evidence, rule_id, scope_of};
use super::repeats::Repeats;
use super::shelves::of_rule;
use crate::model::event::Called;
use crate::model::finding::{Evidence, Finding, FindingId};
use crate::model::hit::Sighting;
use crate::model::partial::SourcePartial;
use crate::model::place::Locator;
use crate::model::time::Instant;

/// Forms round times to a millisecond or a second. A log that was cleared counts from one again, but not as fast.
const NEAR_SECS: i64 = 1;

/// A rule, what the log calls the event, and whose it is.
type Key<'w> = (u64, Called, &'w str);

/// One record that tells of an event.
struct Form {
    at: Option<Instant>,
    /// Of logs that overlap, the rank among them.
    rank: Option<u32>,
    source: usize,
    id: FindingId,
    evidence: Evidence,
}

/// The findings that stand for others, and those that do not count beside them.
#[derive(Default)]
pub(super) struct Natives {
    /// Places that a finding names beside its own.
    beside: HashMap<FindingId, Vec<Evidence>>,
    /// Findings that are not told, and what stands for them.
    stands: HashMap<FindingId, FindingId>,
}

impl Natives {
    /// Finds the events that several sources tell of.
    pub(super) fn of(world: &World<'_>, repeats: &Repeats<'_>) -> Self {
        let mut first: HashMap<Key<'_>, usize> = HashMap::new();
        let mut several: HashSet<Key<'_>> = HashSet::new();
        each(world, repeats, &mut |key, source, _, _, _| {
            if *first.entry(key).or_insert(source) != source {
                several.insert(key);
            }
        });
        drop(first);
        let mut all = Self::default();
        if several.is_empty() {
            return all;
        }
        let mut forms: HashMap<Key<'_>, Vec<Form>> = HashMap::new();
        each(world, repeats, &mut |key, number, rule, (source, place), s| {
            if several.contains(&key) {
                let rank = world.overlaps.log(&source.entry.source).map(|log| log.rank);
                let (id, evidence) = (rule_id(rule, place, &s.place), evidence(place, s));
                let form = Form { at: s.time.map(|stamp| stamp.at), rank, source: number, id, evidence };
                forms.entry(key).or_default().push(form);
            }
        });
        forms.into_values().for_each(|forms| all.join(forms));
        all
    }

    /// Of the forms of all events of one name: those of one time are one event.
    fn join(&mut self, mut forms: Vec<Form>) {
        forms.sort_unstable_by(|a, b| {
            let order = |form: &Form| (form.at, form.rank, form.source, form.evidence.place);
            order(a).cmp(&order(b))
        });
        let mut forms = forms.into_iter().peekable();
        while let Some(teller) = forms.next() {
            let is_same = |form: &Form| match (teller.at, form.at) {
                (Some(first), Some(at)) => at <= first.plus_secs(NEAR_SECS),
                (first, at) => first == at,
            };
            while let Some(form) = forms.next_if(is_same) {
                // What one source tells in two records stays two.
                if form.source != teller.source {
                    self.beside.entry(teller.id.clone()).or_default().push(form.evidence);
                    self.stands.insert(form.id, teller.id.clone());
                }
            }
        }
    }

    /// A finding of a rule with all its places; `None` where another one stands for it.
    pub(super) fn tell(&mut self, mut finding: Finding) -> Option<Finding> {
        if self.stands.contains_key(&finding.id) {
            return None;
        }
        finding.evidence.extend(self.beside.remove(&finding.id).unwrap_or_default());
        Some(finding)
    }

    /// A finding that links others, with those in their place that stand for them.
    pub(super) fn linked(&self, mut finding: Finding) -> Finding {
        for link in &mut finding.links {
            if let Some(stands) = self.stands.get(link) {
                link.clone_from(stands);
            }
        }
        finding.links.sort();
        finding.links.dedup();
        finding
    }
}

/// What is done with a record that a log calls something: its key, the number of its source, the rule, where it was delivered, and it.
type See<'s, 'w> = dyn FnMut(Key<'w>, usize, &str, (&SourcePartial, &Locator), &Sighting) + 's;

/// Each record of which a rule tells and that its log calls something.
fn each<'w>(world: &World<'w>, repeats: &Repeats<'w>, see: &mut See<'_, 'w>) {
    for (number, source) in world.merged.sources.values().enumerate() {
        for (id, sightings) in source.rules.iter().filter(|(id, _)| !world.correlated.silent.contains(&***id)) {
            for s in &sightings.kept {
                let Some(called) = s.called else { continue };
                for place in repeats.tell(world, source, &id, s) {
                    see((of_rule(&id), called, scope_of(world, place, s)), number, &id, (source, place), s);
                }
            }
        }
    }
}

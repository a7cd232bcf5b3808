//! Events that were delivered in several forms, in which a listed value stands: one record of each counts, in the finding of the first
//! source that tells of it, and that names the places of all and what any of them says.

use std::borrow::Cow;

use hashbrown::{HashMap, HashSet};

use super::World;
use super::found::{entities, evidence, is_of_host};
use super::natives::{NEAR_SECS, Says};
use super::parted;
use super::repeats::Repeats;
use super::shelves::{of_indicator, of_native};
use crate::model::event::Called;
use crate::model::finding::{Evidence, Finding};
use crate::model::hit::{Sighting, Sightings};
use crate::model::time::Instant;

/// What a source tells of an indicator as one scope's: the number of the source, the hash of the indicator, the scope.
pub(super) type Part<'w> = (usize, u64, &'w str);

/// One record that tells of an event.
struct Form {
    at: Option<Instant>,
    /// Of logs that overlap, the rank among them.
    rank: Option<u32>,
    source: usize,
    evidence: Evidence,
    says: Says,
}

/// Which sightings of indicators another form tells, and what stands beside those that tell.
#[derive(Default)]
pub(super) struct Forms<'w> {
    /// By whose part, and offset: one log may be of two scopes, and the other form of one of them.
    told: HashSet<(Part<'w>, u64)>,
    beside: HashMap<Part<'w>, Vec<(Evidence, Says)>>,
}

impl<'w> Forms<'w> {
    /// Finds the events that several sources tell of.
    pub(super) fn of(world: &World<'w>, repeats: &Repeats<'w>) -> Self {
        let mut all = Self::default();
        let several = several(world);
        if several.is_empty() {
            return all;
        }
        let mut forms: HashMap<(u64, Called, &'w str), Vec<Form>> = HashMap::new();
        for (number, source) in world.merged.sources.values().enumerate() {
            for (key, sightings) in source.indicators.iter() {
                let of = of_indicator(&key);
                let is_one =
                    |s: &Sighting| s.called.is_some_and(|called| several.contains(&of_native((of, called, ""))));
                if !sightings.kept.iter().any(is_one) {
                    continue;
                }
                for part in parted::of(world, source, &sightings) {
                    let rest = repeats.rest(world, source, (&key, &part.sightings), part.scope);
                    for s in rest.iter().flat_map(|rest| &rest.kept).filter(|s| is_one(s)) {
                        let Some(called) = s.called else { continue };
                        let form = Form {
                            at: s.time.map(|stamp| stamp.at),
                            rank: world.overlaps.log(&source.entry.source).map(|log| log.rank),
                            source: number,
                            evidence: evidence(part.place, s),
                            says: Says {
                                outcome: s.outcome,
                                entities: entities(&[&s.subject].into(), is_of_host(source)),
                                data: Vec::new(),
                            },
                        };
                        forms.entry((of, called, part.scope)).or_default().push(form);
                    }
                }
            }
        }
        forms.into_iter().for_each(|((of, _, scope), forms)| all.join((of, scope), forms));
        for beside in all.beside.values_mut() {
            beside.sort_by(|(a, _), (b, _)| (&a.source, a.place).cmp(&(&b.source, b.place)));
        }
        all
    }

    /// Of the forms of all events of one name: those of one time are one event.
    fn join(&mut self, (of, scope): (u64, &'w str), mut forms: Vec<Form>) {
        forms.sort_unstable_by(|a, b| {
            let order = |form: &Form| (form.at, form.rank, form.source, form.evidence.place);
            order(a).cmp(&order(b))
        });
        let mut forms = forms.into_iter().peekable();
        while let Some(first) = forms.next() {
            let first_at = first.at;
            let is_same = |form: &Form| match (first_at, form.at) {
                (Some(first), Some(at)) => at <= first.plus_secs(NEAR_SECS),
                (first, at) => first == at,
            };
            let mut event = vec![first];
            while let Some(form) = forms.next_if(is_same) {
                event.push(form);
            }
            // Of all events the same source tells, so that there is one finding.
            let Some((_, teller)) = event.iter().map(|form| (form.rank, form.source)).min() else { continue };
            for form in event.into_iter().filter(|form| form.source != teller) {
                self.told.insert(((form.source, of, scope), form.evidence.place.offset));
                self.beside.entry((teller, of, scope)).or_default().push((form.evidence, form.says));
            }
        }
    }

    /// The sightings without those that another form tells; `None` where that tells all.
    pub(super) fn rest<'s>(&self, part: Part<'w>, sightings: Cow<'s, Sightings>) -> Option<Cow<'s, Sightings>> {
        let is_own = |s: &&Sighting| !self.told.contains(&(part, s.place.offset));
        let kept = sightings.kept.iter().filter(is_own).count();
        let told = (sightings.kept.len() - kept) as u64;
        let count = sightings.count.saturating_sub(told);
        match (told, count) {
            (0, _) => Some(sightings),
            (_, 0) => None,
            // Of those that are left none can be cited.
            _ if kept == 0 => Some(sightings),
            _ => {
                let kept = sightings.kept.iter().filter(is_own).cloned().collect();
                Some(Cow::Owned(Sightings { count, kept, ..sightings.into_owned() }))
            }
        }
    }

    /// A finding with the other forms of its events; it cites at most so many places.
    pub(super) fn tell(&mut self, part: Part<'w>, mut finding: Finding, max_evidence: usize) -> Finding {
        for (evidence, says) in self.beside.remove(&part).into_iter().flatten() {
            match finding.evidence.len() < max_evidence {
                true => finding.evidence.push(evidence),
                false => finding.omitted = finding.omitted.saturating_add(1),
            }
            says.add_to(&mut finding);
        }
        finding
    }
}

/// The hashes of what more than one source may tell of, whosever it is.
fn several(world: &World<'_>) -> HashSet<u64> {
    let mut all: Vec<(u64, usize)> = Vec::new();
    for (number, source) in world.merged.sources.values().enumerate() {
        for (key, sightings) in source.indicators.iter() {
            let called = sightings.kept.iter().filter_map(|s| s.called);
            all.extend(called.map(|called| (of_native((of_indicator(&key), called, "")), number)));
        }
    }
    all.sort_unstable();
    all.dedup();
    all.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[0].0).collect()
}

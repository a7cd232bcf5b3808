//! Events that were delivered in several forms, as a binary log and an export of it, or an audit log as table and as JSON: what a
//! rule found in one is told once, by the form that tells of it first, and names the places of all and what any of them says.

use hashbrown::{HashMap, HashSet};

use super::World;
use super::found::{entities, evidence, is_of_host, rule_id, scope_of};
use super::repeats::Repeats;
use super::shelves::{of_native, of_rule};
use crate::model::accounts::distinct;
use crate::model::data::Datum;
use crate::model::event::Called;
use crate::model::finding::{Entities, Evidence, Finding, FindingId};
use crate::model::hit::Sighting;
use crate::model::partial::SourcePartial;
use crate::model::place::Locator;
use crate::model::rule::Outcome;
use crate::model::time::Instant;

/// Forms round times to a millisecond or a second. A log that was cleared counts from one again, but not as fast.
pub(super) const NEAR_SECS: i64 = 1;

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
    says: Says,
}

/// What a record says of an event: a form of it may have been cut, or leave out what another one has.
pub(super) struct Says {
    pub outcome: Outcome,
    pub entities: Entities,
    pub data: Vec<Datum>,
}

impl Says {
    /// Adds it to a finding of another form. What one knows of the event holds, whatever another one does not say.
    pub(super) fn add_to(self, finding: &mut Finding) {
        let Entities { sources, destinations, hosts, accounts } = self.entities;
        let own = &mut finding.entities;
        let all = [(&mut own.sources, sources), (&mut own.destinations, destinations), (&mut own.hosts, hosts)];
        for (own, more) in all {
            own.extend(more);
            own.sort_unstable();
            own.dedup();
        }
        own.accounts = distinct(own.accounts.iter().chain(&accounts).map(String::as_str));
        finding.outcome = finding.outcome.min(self.outcome);
        finding.data.extend(self.data);
        finding.data.sort();
        finding.data.dedup();
    }
}

/// What stands beside a finding.
#[derive(Default)]
struct Beside {
    /// The first places, as many as are cited.
    evidence: Vec<Evidence>,
    /// How many more there are.
    omitted: u64,
    says: Vec<Says>,
}

/// The findings that stand for others, and those that do not count beside them.
#[derive(Default)]
pub(super) struct Natives {
    /// How many places a finding names beside its own.
    room: usize,
    beside: HashMap<FindingId, Beside>,
    /// Findings that are not told, and what stands for them.
    stands: HashMap<FindingId, FindingId>,
}

impl Natives {
    /// Finds the events that several sources tell of. A finding cites at most `max_evidence` of their places.
    pub(super) fn of(world: &World<'_>, repeats: &Repeats<'_>, max_evidence: usize) -> Self {
        let mut all = Self { room: max_evidence.saturating_sub(1), ..Self::default() };
        let several = several(world, repeats);
        if several.is_empty() {
            return all;
        }
        let mut forms: HashMap<Key<'_>, Vec<Form>> = HashMap::new();
        each(world, repeats, &mut |key, number, rule, (source, place), s| {
            if several.contains(&of_native(key)) {
                let rank = world.overlaps.log(&source.entry.source).map(|log| log.rank);
                let (id, evidence) = (rule_id(rule, place, &s.place), evidence(place, s));
                let entities = entities(&[&s.subject].into(), is_of_host(source));
                let says = Says { outcome: s.outcome, entities, data: s.data.clone() };
                let form = Form { at: s.time.map(|stamp| stamp.at), rank, source: number, id, evidence, says };
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
                    self.stands.insert(form.id.clone(), teller.id.clone());
                    self.put_beside(teller.id.clone(), form);
                }
            }
        }
    }

    fn put_beside(&mut self, teller: FindingId, form: Form) {
        let beside = self.beside.entry(teller).or_default();
        if beside.evidence.len() < self.room {
            beside.evidence.push(form.evidence);
        } else {
            beside.omitted += 1;
        }
        beside.says.push(form.says);
    }

    /// A finding of a rule with all its places; `None` where another one stands for it.
    pub(super) fn tell(&mut self, mut finding: Finding) -> Option<Finding> {
        if self.stands.contains_key(&finding.id) {
            return None;
        }
        if let Some(Beside { evidence, omitted, says }) = self.beside.remove(&finding.id) {
            finding.evidence.extend(evidence);
            finding.omitted = omitted;
            says.into_iter().for_each(|says| says.add_to(&mut finding));
        }
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

/// The hashes of what more than one source may tell of.
///
/// PERF: of all hits no more than a hash and a number is held.
fn several(world: &World<'_>, repeats: &Repeats<'_>) -> HashSet<u64> {
    let mut all: Vec<(u64, usize)> = Vec::new();
    each(world, repeats, &mut |key, source, _, _, _| all.push((of_native(key), source)));
    all.sort_unstable();
    all.dedup();
    all.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[0].0).collect()
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

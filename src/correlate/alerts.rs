//! What correlations found, as findings: the records that show it, those of the correlations that it counts on included.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use itertools::Itertools;

use super::correlated::{ALERTS_KEPT, Correlated};
use super::found::{all_of, assumed, delivered, entities, is_of_host, observes, rule_id, the_one};
use super::windows::{Alert, Origin, Run};
use super::{World, digest, held};
use crate::model::correlation::{Correlation, Demand, Figure, Key};
use crate::model::event::Traits;
use crate::model::finding::{Entities, Evidence, Finding, FindingId, FindingKind, FindingRule, FindingTime, Share};
use crate::model::partial::SourcePartial;
use crate::model::place::{Locator, Place, RecordDigest};
use crate::model::rule::Outcome;
use crate::model::subject::Subject;
use crate::model::time::{Assumed, Instant, Span};
use crate::model::whose::UNATTRIBUTED;

/// Records that findings of correlations cite at most, all together.
const CITED: usize = 100_000;
/// Records that each may cite, however many they are.
const CITED_EACH: usize = 5;
/// Records that none cites more than.
const CITED_MOST: usize = 100;
/// Events of others that are looked through for one finding.
const STEPS: usize = 1_000_000;
/// Events of others that are looked through for all findings together.
const STEPS_ALL: usize = 20_000_000;
/// Events of others that may be looked through for each finding, however many they are.
const STEPS_EACH: usize = 100;
/// Records of one finding of which it links the findings, and findings of correlations that it links: the first and last.
const LINKED: usize = 100;
/// Findings that are made at once, because the sources are read through again for them.
const DRAFTS: usize = 20_000;
/// Names of one sort that a finding tells, the first in order.
const NAMES: usize = 1_000;
/// Characters shown of a value of the group.
const VALUE_CHARS: usize = 100;

/// Gives the findings of all correlations.
pub(super) fn all(world: &World<'_>, max_evidence: usize, give: &mut dyn FnMut(Finding)) {
    let held = &world.correlated;
    let shown = shown(held);
    let each = (CITED / shown.len().max(1)).clamp(CITED_EACH, CITED_MOST).min(max_evidence).max(1);
    let known: HashSet<(usize, usize)> = shown.iter().copied().collect();
    let mut steps = STEPS_ALL;
    for some in shown.chunks(DRAFTS) {
        let drafts: Vec<Draft<'_>> = some.iter().map(|place| Draft::of(world, *place, each, &mut steps)).collect();
        let again = Again::of(held, &drafts);
        for (number, drafts) in &drafts.into_iter().chunk_by(|draft| draft.alert.correlation) {
            let rules = held.reached(held.list[number]);
            drafts.for_each(|draft| give(draft.finding(world, &again, &known, &rules)));
        }
    }
}

/// The windows that are findings, as alert and run: of each correlation that is not silent the earliest.
fn shown(held: &Correlated<'_>) -> Vec<(usize, usize)> {
    let mut of: BTreeMap<usize, Vec<(i64, usize, usize)>> = BTreeMap::new();
    for (at, alert) in held.outcome.alerts.iter().enumerate() {
        if !held.silent.contains(held.list[alert.correlation].meta.id.as_str()) {
            let runs = alert.runs.iter().enumerate().map(|(number, run)| (run.first, at, number));
            of.entry(alert.correlation).or_default().extend(runs);
        }
    }
    let kept = of.into_values().flat_map(|mut runs| {
        runs.sort_unstable();
        runs.truncate(ALERTS_KEPT);
        runs
    });
    kept.map(|(_, alert, run)| (alert, run)).collect()
}

/// A finding before its records are read again.
struct Draft<'a> {
    alert: &'a Alert,
    run: &'a Run,
    correlation: &'a Correlation,
    /// Time of its first record, in microseconds since 1970: that of an alert comes before the alert.
    first: i64,
    count: u64,
    /// Whether there may be more records than counted.
    is_least: bool,
    assumed: Option<Assumed>,
    scope: &'a str,
    entities: Entities,
    /// What is each scope's, where its records are of several.
    shares: Vec<Share>,
    cited: Vec<u32>,
    /// The records that findings of rules show as well, as many as are linked.
    told_apart: Vec<u32>,
    /// How many there are.
    apart: usize,
}

impl<'a> Draft<'a> {
    fn of(world: &'a World<'_>, (alert, run): (usize, usize), each: usize, steps: &mut usize) -> Self {
        let held = &world.correlated;
        let alert = &held.outcome.alerts[alert];
        let run = &alert.runs[run];
        let correlation = held.list[alert.correlation];
        let of = &alert.of[run.of.clone()];
        let given = STEPS.min((*steps).max(STEPS_EACH));
        let mut left = given;
        let (records, is_whole) = held.records(of.iter().map(|(origin, _)| *origin), &mut left);
        let kinds = Kinds::of(held, &records);
        // Of many that were tried, those count by whom it succeeded; of an ordered one, at its end.
        let told = match (run.outcome, run.last_member(correlation)) {
            (Outcome::Succeeded, None) => kinds.succeeded(),
            (Outcome::Succeeded, Some(last)) => {
                let end = &alert.of[run.complete..run.of.end];
                let last = end.iter().filter(|(_, members)| members.has(last));
                // As many as are looked through above, of which these are some.
                let mut left = given;
                Kinds::of(held, &held.records(last.map(|(origin, _)| *origin), &mut left).0).succeeded()
            }
            _ => kinds.clone(),
        };
        *steps = steps.saturating_sub(given - left);
        let cited = ends(&records, each);
        let homes = Homes::of(world, &records);
        let told_apart: Vec<u32> = records.iter().copied().filter(|at| held.is_told_apart(*at)).collect();
        Self {
            alert,
            run,
            correlation,
            first: records.first().map_or(run.first, |at| held.events[*at as usize].time.min(run.first)),
            count: records.len() as u64,
            is_least: !is_whole,
            assumed: kinds.0.iter().map(|(_, traits)| traits.assumed).reduce(Assumed::and),
            scope: homes.the_one(),
            shares: homes.shares(held, &records, &cited),
            entities: told.entities(),
            cited,
            apart: told_apart.len(),
            told_apart: ends(&told_apart, LINKED),
        }
    }

    fn id(&self) -> FindingId {
        id(self.correlation, self.alert, self.run)
    }

    fn finding(
        self,
        world: &World<'_>,
        again: &Again,
        known: &HashSet<(usize, usize)>,
        reached: &BTreeSet<&str>,
    ) -> Finding {
        let meta = &self.correlation.meta;
        let cited = self.cited.iter().filter_map(|at| Some((*at, again.cites.get(at)?)));
        let (links, windows) = self.links(world, again, known, reached);
        let source = |at: u32| world.correlated.sources[world.correlated.origins[at as usize].0 as usize];
        let evidence: Vec<Evidence> = cited
            .map(|(at, cite)| Evidence {
                source: source(at).entry.source.clone(),
                place: cite.place,
                sha256: cite.sha256.to_string(),
                excerpt: cite.excerpt.clone(),
            })
            .collect();
        let shares = if evidence.len() == self.cited.len() { self.shares.clone() } else { Vec::new() };
        let ends = Instant::from_micros(self.first).zip(Instant::from_micros(self.run.last));
        let span = ends.map(|(first, last)| Span { first, last });
        Finding {
            id: self.id(),
            kind: FindingKind::Correlation,
            rule: FindingRule { id: meta.id.clone(), title: meta.title.clone() },
            level: meta.level,
            stage: meta.stage.clone(),
            attack: meta.attack.clone(),
            route: meta.route,
            outcome: self.run.outcome,
            scope: self.scope.to_owned(),
            time: FindingTime {
                first: Instant::from_micros(self.first),
                last: Instant::from_micros(self.run.last),
                assumed: assumed(self.assumed),
            },
            count: self.count,
            omitted: self.count.saturating_sub(evidence.len() as u64),
            evidence,
            met: Vec::new(),
            data: Vec::new(),
            shares,
            joined: held::told(world, self.scope, &self.entities, (span, &self.sessions(again))),
            indicator: None,
            links,
            chain: None,
            text: self.text(world.correlated.beyond[self.alert.correlation], windows),
            entities: self.entities,
        }
    }

    /// The numbers of the sessions in which it was done, as far as its records that are looked at give them.
    fn sessions(&self, again: &Again) -> BTreeSet<u64> {
        self.cited.iter().chain(&self.told_apart).filter_map(|at| again.sessions.get(at).copied()).collect()
    }

    /// The findings that it is made of, as many as are linked: those of its rules and those of the correlations that it counts
    /// on. With how many the latter are.
    fn links(
        &self,
        world: &World<'_>,
        again: &Again,
        known: &HashSet<(usize, usize)>,
        reached: &BTreeSet<&str>,
    ) -> (Vec<FindingId>, usize) {
        let held = &world.correlated;
        let mut links: BTreeSet<FindingId> = BTreeSet::new();
        for (at, (place, rules)) in self.told_apart.iter().filter_map(|at| Some((*at, again.rules.get(at)?))) {
            let (source, traits) = held.of(at);
            let home = |at: &Locator| world.home(at, |whose, place| whose.home(&traits.subject, place.as_str()));
            let Some(locator) = delivered(source, home).first().copied() else { continue };
            let rules = rules.iter().filter(|rule| reached.contains(&***rule));
            links.extend(rules.map(|rule| rule_id(rule, locator, place)));
        }
        let windows = self.alert.of[self.run.of.clone()].iter().filter_map(|(origin, _)| match origin {
            Origin::Window { alert, to, .. } => Some((*alert as usize, *to as usize)),
            Origin::Record(_) => None,
        });
        let runs = windows.filter_map(|(at, to)| Some((at, held.outcome.alerts.get(at)?.run_of(to)?)));
        let runs: BTreeSet<(usize, usize)> = runs.filter(|place| known.contains(place)).collect();
        let runs: Vec<(usize, usize)> = runs.into_iter().collect();
        for (at, run) in ends(&runs, LINKED) {
            let alert = &held.outcome.alerts[at];
            links.insert(id(held.list[alert.correlation], alert, &alert.runs[run]));
        }
        (links.into_iter().collect(), runs.len())
    }

    /// What it means, for people.
    fn text(&self, beyond: u64, windows: usize) -> String {
        let mut text = format!("{}: {}", self.correlation.meta.title, figure(self.correlation, self.run.peak));
        text += &format!(" within {}", span(self.correlation.span));
        for (key, value) in self.correlation.group_by.iter().zip(&self.alert.group) {
            let shown: String = value.chars().take(VALUE_CHARS).collect();
            let cut = if shown.len() < value.len() { "…" } else { "" };
            text += &format!(", {} {shown}{cut}", key.name);
        }
        for (all, what) in [(self.apart, "records with findings of their own"), (windows, "findings of correlations")] {
            if all > LINKED {
                text += &format!("; links lead to {LINKED} of {all} {what}");
            }
        }
        if self.is_least {
            text += "; more records may show it than are counted";
        }
        if beyond > 0 {
            text += &format!("; hits of its rules beyond what is kept, which are not counted: {beyond}");
        }
        text
    }
}

/// Identity of a finding: the correlation, the group, and when it begins.
fn id(correlation: &Correlation, alert: &Alert, run: &Run) -> FindingId {
    let first = run.first.to_string();
    let parts = ["correlation", &correlation.meta.id].into_iter().chain(alert.group.iter().map(String::as_str));
    format!("f-{}", digest(&parts.chain([&*first]).collect::<Vec<_>>()))
}

/// The first and last of records in the order of their times, as many as may be cited: what leads to an alert stands last.
fn ends<T: Copy>(records: &[T], each: usize) -> Vec<T> {
    if records.len() <= each {
        return records.to_vec();
    }
    let last = each / 4;
    [&records[..each - last], &records[records.len() - last..]].concat()
}

fn figure(correlation: &Correlation, peak: f64) -> String {
    let names = |keys: &[Key]| keys.iter().map(|key| key.name.as_str()).collect::<Vec<_>>().join(" and ");
    match &correlation.demand {
        Demand::Members(_) => "rules matched as its condition says".to_owned(),
        Demand::Figure(Figure::Events, _) => format!("up to {peak} {}", if peak == 1.0 { "event" } else { "events" }),
        Demand::Figure(Figure::Distinct(keys), _) => {
            let values = if peak == 1.0 { "value" } else { "different values" };
            format!("up to {peak} {values} of {}", names(keys))
        }
        Demand::Figure(Figure::Members, _) => format!("{peak} of {} rules", correlation.members.len()),
        Demand::Figure(Figure::Ordered, _) => {
            format!("{peak} of {} rules, one after the other", correlation.members.len())
        }
        Demand::Figure(Figure::Sum(key), _) => format!("a sum of up to {peak} of {}", key.name),
        Demand::Figure(Figure::Mean(key), _) => format!("a mean of up to {peak} of {}", key.name),
        Demand::Figure(Figure::Percentile(key, percent), _) => {
            format!("percentile {percent} of {} of up to {peak}", key.name)
        }
    }
}

/// A time span in the largest unit that it is a whole number of.
fn span(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
    match units.iter().find(|(length, _)| seconds % length == 0) {
        Some((length, word)) => format!("{} {word}", seconds / length),
        None => format!("{seconds} s"),
    }
}

/// Whose records are, by their source and traits.
struct Homes<'a>(BTreeMap<(u32, u32), Vec<&'a str>>);

impl<'a> Homes<'a> {
    fn of(world: &World<'a>, records: &[u32]) -> Self {
        let held = &world.correlated;
        let mut homes: BTreeMap<(u32, u32), Vec<&str>> = BTreeMap::new();
        for at in records {
            homes.entry(held.kind(*at)).or_insert_with(|| {
                let (source, traits) = held.of(*at);
                let home = |at: &Locator| world.home(at, |whose, place| whose.home(&traits.subject, place.as_str()));
                delivered(source, home).into_iter().map(home).collect()
            });
        }
        Self(homes)
    }

    fn the_one(&self) -> &'a str {
        the_one(self.0.values().flatten().copied())
    }

    /// What is each scope's; nothing where all of it is one's.
    fn shares(&self, held: &Correlated<'_>, records: &[u32], cited: &[u32]) -> Vec<Share> {
        let scopes: BTreeSet<&str> = self.0.values().flatten().copied().collect();
        let named = scopes.iter().filter(|scope| **scope != UNATTRIBUTED && scopes.len() > 1);
        named.map(|scope| self.share(held, scope, records, cited)).collect()
    }

    fn share(&self, held: &Correlated<'_>, scope: &str, records: &[u32], cited: &[u32]) -> Share {
        let is_own = |at: &u32| self.0.get(&held.kind(*at)).is_some_and(|homes| homes.contains(&scope));
        let own: Vec<u32> = records.iter().copied().filter(is_own).collect();
        let time = |at: &u32| Instant::from_micros(held.events[*at as usize].time);
        let outcomes = own.iter().map(|at| held.events[*at as usize].outcome).collect();
        Share {
            scope: scope.to_owned(),
            count: own.len() as u64,
            time: own.iter().filter_map(time).map(Span::at).reduce(Span::join),
            outcome: all_of(outcomes, true),
            entities: Kinds::of(held, &own).entities(),
            cited: cited.iter().enumerate().filter(|(_, at)| is_own(at)).map(|(place, _)| place).collect(),
        }
    }
}

/// What records are, each kind of a source once.
#[derive(Clone)]
struct Kinds<'a>(Vec<(&'a SourcePartial, &'a Traits)>);

impl<'a> Kinds<'a> {
    fn of(held: &'a Correlated<'_>, records: &[u32]) -> Self {
        let kinds = records.iter().map(|at| (held.origins[*at as usize].0, held.events[*at as usize].traits));
        let kinds: BTreeSet<(u32, u32)> = kinds.collect();
        let of = |(source, traits)| (held.sources[source as usize], &*held.traits[traits as usize]);
        Self(kinds.into_iter().map(of).collect())
    }

    fn succeeded(&self) -> Self {
        let succeeded = self.0.iter().filter(|(_, traits)| traits.outcome == Outcome::Succeeded);
        Self(succeeded.copied().collect())
    }

    fn entities(&self) -> Entities {
        let subjects = self.0.iter().map(|(source, Traits { subject, .. })| {
            let host = subject.host.clone().filter(|_| !observes(subject, is_of_host(source)));
            Subject { host, ..subject.clone() }
        });
        let subjects: Vec<Subject> = subjects.collect();
        // Hosts that only observe are left out already.
        let mut told = entities(&subjects.iter().collect(), true);
        for names in [&mut told.sources, &mut told.destinations, &mut told.hosts, &mut told.accounts] {
            names.truncate(NAMES);
        }
        told
    }
}

impl<'a> Correlated<'a> {
    /// The numbers of the source and the traits of an event.
    fn kind(&self, at: u32) -> (u32, u32) {
        (self.origins[at as usize].0, self.events[at as usize].traits)
    }

    /// The source and the traits of an event.
    fn of(&self, at: u32) -> (&'a SourcePartial, &Traits) {
        let (source, traits) = self.kind(at);
        (self.sources[source as usize], &self.traits[traits as usize])
    }

    /// Whether a rule that matches an event gives findings of its own.
    fn is_told_apart(&self, at: u32) -> bool {
        self.of(at).1.rules.iter().any(|rule| !self.silent.contains(rule))
    }
}

/// A record that is cited.
struct Cite {
    place: Place,
    sha256: RecordDigest,
    /// Start of the record, where it is kept: of each rule for so many records as are findings.
    excerpt: String,
}

/// Records as their sources tell them, by their places among the events.
#[derive(Default)]
struct Again {
    /// Those that are cited.
    cites: HashMap<u32, Cite>,
    /// Those that are shown by findings of rules too, with these rules.
    rules: HashMap<u32, (Place, Vec<Box<str>>)>,
    /// The numbers of the sessions in which records say that it was done.
    sessions: HashMap<u32, u64>,
}

impl Again {
    fn of(held: &Correlated<'_>, drafts: &[Draft<'_>]) -> Self {
        let mut by_source: BTreeMap<u32, BTreeMap<u32, u32>> = BTreeMap::new();
        let cited: HashSet<u32> = drafts.iter().flat_map(|draft| draft.cited.iter().copied()).collect();
        for at in drafts.iter().flat_map(|draft| &draft.told_apart).chain(&cited) {
            let (source, nth) = held.origins[*at as usize];
            by_source.entry(source).or_default().insert(nth, *at);
        }
        let mut again = Self::default();
        for (source, wanted) in by_source {
            again.read(held, held.sources[source as usize], &wanted, &cited);
        }
        again
    }

    /// Reads the wanted events of a source, by their numbers there, and what its rules keep of their records.
    fn read(
        &mut self,
        held: &Correlated<'_>,
        source: &SourcePartial,
        wanted: &BTreeMap<u32, u32>,
        cited: &HashSet<u32>,
    ) {
        let mut places: HashMap<Place, u32> = HashMap::new();
        for (nth, (event, _)) in (0u32..).zip(source.events.iter()) {
            let Some(at) = wanted.get(&nth) else { continue };
            places.insert(event.place, *at);
            if cited.contains(at) {
                self.cites.insert(*at, Cite { place: event.place, sha256: event.sha256, excerpt: String::new() });
            }
        }
        for (rule, sightings) in source.rules.iter() {
            for sighting in &sightings.kept {
                let Some(at) = places.get(&sighting.place) else { continue };
                self.sessions.extend(sighting.subject.session.map(|session| (*at, session)));
                if let Some(cite) = self.cites.get_mut(at).filter(|cite| cite.excerpt.is_empty()) {
                    cite.excerpt.clone_from(&sighting.excerpt);
                }
                if !held.silent.contains(&**rule) {
                    let of = self.rules.entry(*at).or_insert_with(|| (sighting.place, Vec::new()));
                    of.1.push(rule.clone().into_owned());
                }
            }
        }
    }
}

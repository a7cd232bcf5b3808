//! Hits of the detectors as findings.

use std::collections::BTreeSet;

use crate::model::accounts::distinct;
use crate::model::finding::{
    Entities, Evidence, Finding, FindingAssumed, FindingId, FindingIndicator, FindingKind, FindingRule, FindingTime,
    Share,
};
use crate::model::findings::{Findings, Gathering};
use crate::model::hit::{IndicatorRef, Met, Sighting, Sightings};
use crate::model::partial::{Covered, SourcePartial};
use crate::model::place::{Locator, Place};
use crate::model::rule::{Level, Outcome, RuleMeta, Stage};
use crate::model::subject::{OF_HOSTS, Subject};
use crate::model::time::{Assumed, Span};
use crate::model::whose::{Side, UNATTRIBUTED};
use crate::model::words::counted;

use super::forms::Forms;
use super::natives::Natives;
use super::ordinary::Ordinary;
use super::parted::{self, Part};
use super::patterns::Joint;
use super::repeats::Repeats;
use super::{World, alerts, beacons, digest, held, long, refused, shelves, weak};
use crate::work::Work;

/// All findings, sorted.
pub fn all(world: &World<'_>, max_evidence: usize, work: &Work) -> Findings {
    let mut all = Gathering::new(work);
    let repeats = Repeats::of(world);
    let mut natives = Natives::of(world, &repeats, max_evidence);
    let mut forms = Forms::of(world, &repeats);
    let ordinary = Ordinary::of(world);
    for (number, source) in world.merged.sources.values().enumerate() {
        for (id, sightings) in source.rules.iter().filter(|(id, _)| !world.correlated.silent.contains(&***id)) {
            let meta = world.merged.rules.get(&*id).map(AsRef::as_ref);
            for s in &sightings.kept {
                let told = repeats.tell(world, source, &id, s);
                let found = told.into_iter().map(|at| by_rule(world, (source, at), &id, meta, s));
                let found = found.map(|found| ordinary.told(source, meta, s, found));
                found.filter_map(|found| natives.tell(found)).for_each(|found| all.add(found));
            }
        }
        for (key, sightings) in source.indicators.iter() {
            let saturating = weak::saturates(sightings.count, source.entry.records);
            for part in parted::of(world, source, &sightings) {
                let Some(rest) = repeats.rest(world, source, (&key, &part.sightings), part.scope) else { continue };
                let of = (number, shelves::of_indicator(&key), part.scope);
                let Some(rest) = forms.rest(of, rest) else { continue };
                let found = by_indicator((world, source), &part, &key, (&rest, saturating), max_evidence);
                all.add(forms.tell(of, found, max_evidence));
            }
        }
    }
    world.joints.iter().filter(|joint| !joint.records.is_empty()).for_each(|joint| {
        all.add(by_pattern(world, joint, max_evidence));
    });
    alerts::all(world, max_evidence, &mut |alert| all.add(natives.linked(alert)));
    world.tunnels.iter().for_each(|tunnel| all.add(tunnel.finding(max_evidence)));
    let (beacons, many) = beacons::all(world, max_evidence);
    beacons.into_iter().for_each(|beacon| all.add(beacon));
    long::all(world, max_evidence).into_iter().for_each(|long| all.add(long));
    refused::all(world, max_evidence).into_iter().for_each(|refused| all.add(refused));
    world.many.iter().chain(&many).for_each(|many| all.add(many.finding(max_evidence)));
    all.finish()
}

/// Under which places the records of a source count: the source itself, and of its copies the first that each further
/// scope claims. What one of them claims is not nobody's.
pub(super) fn delivered<'s, 'w>(source: &'s SourcePartial, scope: impl Fn(&Locator) -> &'w str) -> Vec<&'s Locator> {
    let own = &source.entry.source;
    if source.copies.is_empty() {
        return vec![own];
    }
    let mut scopes = BTreeSet::from([UNATTRIBUTED]);
    let claimed = std::iter::once(own).chain(&source.copies).filter(|place| scopes.insert(scope(place)));
    let claimed: Vec<&Locator> = claimed.collect();
    if claimed.is_empty() { vec![own] } else { claimed }
}

/// Id of the finding of a rule in a record.
pub(super) fn rule_id(rule: &str, source: &Locator, place: &Place) -> FindingId {
    format!("f-{}", digest(&["rule", rule, source.as_str(), &place.offset.to_string()]))
}

fn by_rule(
    world: &World<'_>,
    (source, locator): (&SourcePartial, &Locator),
    id: &str,
    meta: Option<&RuleMeta>,
    s: &Sighting,
) -> Finding {
    let after = is_of_host(source);
    let title = meta.map_or(id, |m| m.title.as_str());
    let mut entities = entities(&BTreeSet::from([&s.subject]), after);
    call(world, &s.subject, &mut entities.destinations);
    let scope = scope_of(world, locator, s);
    Finding {
        id: rule_id(id, locator, &s.place),
        kind: FindingKind::Rule,
        rule: FindingRule { id: id.to_owned(), title: title.to_owned() },
        level: meta.map_or(Level::Medium, |m| m.level),
        stage: meta.map(|m| m.stage.clone()).unwrap_or_default(),
        attack: meta.map(|m| m.attack.clone()).unwrap_or_default(),
        route: meta.and_then(|m| m.route),
        outcome: s.outcome,
        scope: scope.to_owned(),
        time: FindingTime {
            first: s.time.map(|t| t.at),
            last: s.time.map(|t| t.at),
            assumed: assumed(s.time.map(|t| t.assumed)),
        },
        joined: held::told(
            world,
            scope,
            &entities,
            (s.time.map(|t| Span::at(t.at)), &s.subject.session.into_iter().collect()),
        ),
        entities,
        count: 1,
        omitted: 0,
        evidence: vec![evidence(locator, s)],
        met: Vec::new(),
        data: s.data.clone(),
        shares: Vec::new(),
        indicator: None,
        links: Vec::new(),
        chain: None,
        text: title.to_owned(),
    }
}

/// Adds the outside addresses that a command calls to where its record leads.
fn call(world: &World<'_>, who: &Subject, destinations: &mut Vec<String>) {
    let outside = who.called.iter().filter(|called| world.whose.side(called) == Side::Outside);
    destinations.extend(outside.map(ToString::to_string));
    destinations.sort();
    destinations.dedup();
}

fn by_indicator(
    (world, source): (&World<'_>, &SourcePartial),
    part: &Part<'_, '_>,
    key: &IndicatorRef,
    (hits, saturating): (&Sightings, bool),
    max_evidence: usize,
) -> Finding {
    let id = [part.place.as_str(), part.scope];
    let cited = Cited {
        id: if part.is_one_of_several { &id } else { &id[..1] },
        said: format!("stands in {}", counted(hits.count, "record", "records")),
        scope: part.scope,
        evidence: hits.kept.iter().take(max_evidence).map(|s| evidence(part.place, s)).collect(),
        is_host: is_of_host(source),
        saturating,
        shares: Vec::new(),
    };
    of_indicator(world, key, hits, cited)
}

/// A pattern that records satisfy together.
fn by_pattern(world: &World<'_>, joint: &Joint<'_>, max_evidence: usize) -> Finding {
    let key = joint.indicator();
    let mut hits = Sightings::default();
    for (source, s) in &joint.records {
        let mut subject = s.subject.clone();
        if observes(&subject, is_of_host(source)) {
            subject.host = None;
        }
        hits.add_who(subject.clone(), s.outcome, s.time);
        hits.add(usize::MAX, s.outcome, s.time, s.place, || Sighting { subject, ..s.clone() });
    }
    let home = |(source, s): &(&SourcePartial, Sighting)| scope_of(world, &source.entry.source, s);
    let homes: Vec<&str> = joint.records.iter().map(home).collect();
    let cited = Cited {
        id: &[],
        said: format!("is met by {} together", counted(hits.count, "record", "records")),
        scope: the_one(homes.iter().copied()),
        shares: shares(&joint.records, &homes, max_evidence),
        evidence: joint
            .records
            .iter()
            .take(max_evidence)
            .map(|(source, s)| evidence(&source.entry.source, s))
            .collect(),
        // Hosts that only observe are left out already.
        is_host: true,
        saturating: false,
    };
    of_indicator(world, &key, &hits, cited)
}

/// What the records that show an indicator add to what its feeds say of it.
struct Cited<'a> {
    /// What its id rests on beside the indicator.
    id: &'a [&'a str],
    /// How it was met, for people.
    said: String,
    scope: &'a str,
    evidence: Vec<Evidence>,
    is_host: bool,
    saturating: bool,
    shares: Vec<Share>,
}

/// What of a pattern's records is each scope's, where they are of several.
fn shares(records: &[(&SourcePartial, Sighting)], homes: &[&str], max_evidence: usize) -> Vec<Share> {
    let scopes: BTreeSet<&str> = homes.iter().copied().collect();
    let scopes = scopes.into_iter().filter(|scope| *scope != UNATTRIBUTED && homes.iter().any(|home| home != scope));
    let share = |scope: &str| {
        let own = || records.iter().zip(homes).enumerate().filter(|(_, (_, home))| **home == scope);
        let who = own().map(|(_, ((_, s), _))| &s.subject).collect();
        let spans = own().filter_map(|(_, ((_, s), _))| s.time).map(|stamp| Span::at(stamp.at));
        Share {
            scope: scope.to_owned(),
            count: own().count() as u64,
            time: spans.reduce(Span::join),
            outcome: all_of(own().map(|(_, ((_, s), _))| s.outcome).collect(), true),
            entities: entities(&who, true),
            cited: own().map(|(at, _)| at).filter(|at| *at < max_evidence).collect(),
        }
    };
    scopes.map(share).collect()
}

fn of_indicator(world: &World<'_>, key: &IndicatorRef, hits: &Sightings, cited: Cited<'_>) -> Finding {
    let how = serde_json::to_value(key.how).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
    let meta = world.merged.indicators.get(&(key.kind.clone(), key.value.clone())).map(|m| (**m).clone());
    let meta = meta.unwrap_or_default();
    let outside = hits.span.is_some_and(|span| {
        meta.valid_from.is_some_and(|from| span.last < from) || meta.valid_until.is_some_and(|until| until < span.first)
    });
    let weak = weak::reason(&key.kind, &key.value, key.how);
    let doubts = usize::from(!meta.warninglists.is_empty()) + usize::from(weak.is_some());
    let who = who(hits);
    let outward = who.iter().any(|s| {
        let text = |t: &Option<Box<str>>| t.as_deref().map(|t| world.whose.side(t));
        text(&s.source_ip) != Some(Side::Outside)
            && [&s.destination_ip, &s.destination_domain].iter().any(|t| text(t) == Some(Side::Outside))
    });
    let assumptions = hits.kept.iter().filter_map(|s| s.time).map(|t| t.assumed).reduce(Assumed::and);
    let indicator = FindingIndicator {
        value: key.value.to_string(),
        kind: key.kind.to_string(),
        how: key.how,
        feed: meta.feeds.join(", "),
        confidence: meta.confidence,
        valid_from: meta.valid_from,
        valid_until: meta.valid_until,
        outside_validity: outside,
        labels: meta.labels.iter().map(ToString::to_string).collect(),
        warninglists: meta.warninglists.iter().map(ToString::to_string).collect(),
        weak: weak.map(str::to_owned),
        saturating: cited.saturating,
    };
    let id: Vec<&str> =
        ["indicator", &key.kind, &key.value, &how].into_iter().chain(cited.id.iter().copied()).collect();
    Finding {
        id: format!("f-{}", digest(&id)),
        kind: FindingKind::Indicator,
        rule: FindingRule { id: format!("indicator.{}", key.kind), title: format!("listed {} seen", key.kind) },
        level: weak::lowered(if outward && !outside { Level::Medium } else { Level::Low }, doubts),
        stage: if outward { vec![Stage::CommandAndControl] } else { Vec::new() },
        attack: Vec::new(),
        route: None,
        outcome: joint(hits),
        scope: cited.scope.to_owned(),
        time: FindingTime {
            first: hits.span.map(|s| s.first),
            last: hits.span.map(|s| s.last),
            assumed: assumed(assumptions),
        },
        entities: entities(&who, cited.is_host),
        count: hits.count,
        omitted: hits.count.saturating_sub(cited.evidence.len() as u64),
        evidence: cited.evidence,
        met: met(world, hits, cited.is_host),
        data: Vec::new(),
        joined: Vec::new(),
        shares: cited.shares,
        text: indicator.told(&cited.said),
        indicator: Some(indicator),

        links: Vec::new(),
        chain: None,
    }
}

/// Who met an indicator.
fn who(hits: &Sightings) -> BTreeSet<&Subject> {
    hits.kept.iter().map(|s| &s.subject).chain(hits.who.iter().map(|met| &met.who)).collect()
}

/// Whose a record is.
pub(super) fn scope_of<'w>(world: &World<'w>, locator: &Locator, s: &Sighting) -> &'w str {
    world.home(locator, |whose, place| whose.home(&s.subject, place.as_str()))
}

/// The scope that all of these are; nobody's where they are several.
pub(super) fn the_one<'w>(homes: impl Iterator<Item = &'w str>) -> &'w str {
    let homes: BTreeSet<&str> = homes.collect();
    homes.first().filter(|_| homes.len() == 1).copied().unwrap_or(UNATTRIBUTED)
}

/// What several records say: succeeded if one did, failed only if all did and none was left out.
fn joint(hits: &Sightings) -> Outcome {
    let outcomes: BTreeSet<Outcome> =
        hits.kept.iter().map(|s| s.outcome).chain(hits.who.iter().map(|met| met.outcome)).collect();
    let whole = hits.kept.len() as u64 == hits.count || !hits.who.is_empty() && !hits.who_cut;
    all_of(outcomes, whole)
}

pub(super) fn all_of(outcomes: BTreeSet<Outcome>, whole: bool) -> Outcome {
    if outcomes.contains(&Outcome::Succeeded) {
        Outcome::Succeeded
    } else if whole && outcomes.iter().all(|outcome| *outcome == Outcome::Failed) {
        Outcome::Failed
    } else {
        Outcome::Unknown
    }
}

pub(super) fn assumed(assumed: Option<Assumed>) -> Option<FindingAssumed> {
    let assumed = assumed?;
    FindingAssumed::of(assumed.zone(), assumed.year(), assumed.twice())
}

/// What was assumed of times, and of those of one more source.
pub(super) fn assume(known: Option<FindingAssumed>, more: &Covered) -> Option<FindingAssumed> {
    let of_source = FindingAssumed::of(more.zone_assumed > 0, more.year_assumed > 0, more.clock.twice > 0);
    FindingAssumed::and(known, of_source)
}

pub(super) fn evidence(locator: &Locator, s: &Sighting) -> Evidence {
    Evidence { source: locator.clone(), place: s.place, sha256: s.sha256.clone(), excerpt: s.excerpt.clone() }
}

/// Whether the records of a source are written by a system about what was done on it.
pub(super) fn is_of_host(source: &SourcePartial) -> bool {
    source.is_of(OF_HOSTS)
}

/// Whether a record's host writes of two others, as a firewall or a proxy does: it observes and takes no part, so that
/// two clients of one firewall have nothing in common by it.
pub(super) fn observes(who: &Subject, is_host: bool) -> bool {
    !is_host && who.source_ip.is_some() && (who.destination_ip.is_some() || who.destination_domain.is_some())
}

/// Who met an indicator in a way that may tie it to what was done: from inside to outside, or by an account.
fn met(world: &World<'_>, hits: &Sightings, is_host: bool) -> Vec<Met> {
    let side = |text: &Option<Box<str>>| text.as_deref().map(|t| world.whose.side(t));
    let may_tie = |met: &&Met| {
        let Met { who, outcome, days, .. } = met;
        let out = [&who.destination_ip, &who.destination_domain].iter().any(|to| side(to) == Some(Side::Outside));
        let outward = out && side(&who.source_ip) != Some(Side::Outside);
        *outcome != Outcome::Failed && !days.is_empty() && (outward || who.account.is_some())
    };
    let without_observer = |met: &Met| {
        let host = met.who.host.clone().filter(|_| !observes(&met.who, is_host));
        Met { who: Subject { host, ..met.who.clone() }, ..met.clone() }
    };
    hits.who.iter().filter(may_tie).map(without_observer).collect()
}

pub(super) fn entities(who: &BTreeSet<&Subject>, is_host: bool) -> Entities {
    let list = |take: &dyn for<'s> Fn(&'s Subject) -> [&'s Option<Box<str>>; 2]| {
        let set: BTreeSet<&str> = who.iter().flat_map(|s| take(s)).filter_map(|t| t.as_deref()).collect();
        set.into_iter().map(str::to_owned).collect()
    };
    Entities {
        sources: list(&|s| [&s.source_ip, &None]),
        destinations: list(&|s| [&s.destination_ip, &s.destination_domain]),
        hosts: list(&|s| [if observes(s, is_host) { &None } else { &s.host }, &s.vhost]),
        accounts: distinct(who.iter().filter_map(|s| s.account.as_deref())),
    }
}

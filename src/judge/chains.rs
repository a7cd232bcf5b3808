//! Chains: what one intruder did, from the way in to the exit, joined by entities and in an order that the clocks support.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::model::chain::{Chain, Step, StepOrder, entities, time};
use crate::model::finding::{Entities, Finding, FindingKind};
use crate::model::place::RecordDigest;
use crate::model::rule::{Outcome, Route, Stage};
use crate::model::time::Instant;
use crate::model::transfer::{Bounds, Transfer, bounds};
use crate::model::verdict::{State, Verdict};
use crate::model::whose::{Side, UNATTRIBUTED, Whose};
use crate::model::words::{Round, size};

use super::links::{Link, What, unite};
use super::order::{Clock, by_stamp, orders};

/// Steps of a chain that are kept.
const STEPS: usize = 64;
/// Ids of a step that are kept.
const IDS: usize = 100;
/// Names of each kind of a step that are kept.
const NAMES: usize = 20;
/// Names that join two steps, as far as they are told.
const JOINTS: usize = 4;
/// So many hosts of which nothing is shown call one entity, and it is a service of all: who uses it is not the
/// same because of that.
pub const CROWD: usize = 6;
/// What lies further apart is not of one story.
const APART_SECS: i64 = 30 * 86_400;
/// What the inventory calls machines that many use.
const SERVICES: &[&str] = &[
    "domain controller",
    "dns",
    "name server",
    "proxy",
    "load balancer",
    "gateway",
    "vpn",
    "nat",
    "firewall",
    "router",
];

/// Tells which of these inside entities (by [`Whose::entity`]) at least [`CROWD`] inside hosts call, by the traffic in the
/// evidence.
pub type Called<'f> = &'f dyn Fn(&BTreeSet<String>) -> BTreeSet<String>;

/// The chains of all scopes, sorted by id.
pub(super) fn all(mut links: Vec<Link<'_>>, transfers: &[Transfer], whose: &Whose, called: Called<'_>) -> Vec<Finding> {
    if links.is_empty() {
        return Vec::new();
    }
    unite(&mut links);
    links.sort_by(|a, b| (by_stamp(a.time), a.id(), &a.scope).cmp(&(by_stamp(b.time), b.id(), &b.scope)));
    let shared = shared(&links, transfers, whose, called);
    let mut found: Vec<Finding> = components(&links, &shared)
        .into_iter()
        .filter_map(|members| chain(&members.into_iter().map(|at| &links[at]).collect::<Vec<_>>(), &shared))
        .collect();
    found.sort_by(|a, b| a.id.cmp(&b.id));
    found
}

/// Names the chains in the verdict: of each scope those with a step of it, and of its ways out by which data left or was
/// accessed those that hold what carries that.
pub(super) fn cite(verdict: &mut Verdict, chains: &[Finding]) {
    for scope in &mut verdict.scopes {
        for f in chains {
            let own = f.chain.iter().flat_map(|chain| &chain.steps).filter(|step| step.scope == scope.scope);
            let ids: BTreeSet<&String> = own.flat_map(|step| step.findings.iter().chain(&step.transfers)).collect();
            if ids.is_empty() {
                continue;
            }
            scope.chains.push(f.id.clone());
            for route in scope.routes.iter_mut().filter(|route| route.state <= State::Accessed) {
                if route.findings.iter().chain(&route.transfers).any(|id| ids.contains(id)) {
                    route.chains.push(f.id.clone());
                }
            }
        }
    }
}

/// Entities that too many others use for that to join anything: services of the inventory, what many inside hosts call, and
/// destinations to which hosts send of which nothing is shown.
fn shared(links: &[Link<'_>], transfers: &[Transfer], whose: &Whose, called: Called<'_>) -> BTreeSet<String> {
    let own: BTreeSet<&str> = links.iter().flat_map(|l| &l.touches).map(|touch| touch.key.as_str()).collect();
    let mut hosts: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for key in own.iter().filter(|key| key.starts_with("host/")) {
        let entity = key.splitn(3, '/').nth(2).unwrap_or_default();
        hosts.entry(entity.to_owned()).or_default().push(key);
    }
    let mut busy = called(&hosts.keys().cloned().collect());
    let is_service = |role: &str| SERVICES.iter().any(|service| role.to_ascii_lowercase().contains(service));
    let listed = whose.scopes.host.iter().filter(|host| host.role.as_deref().is_some_and(is_service));
    busy.extend(listed.map(|host| whose.entity(&host.name)));
    let mut all: BTreeSet<String> =
        busy.iter().filter_map(|entity| hosts.get(entity)).flatten().map(|key| (*key).to_owned()).collect();
    let moved: BTreeSet<&str> = links.iter().map(Link::id).collect();
    let mut senders: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let answers = |route| matches!(route, Route::WebResponse | Route::SaasDownload | Route::RemoteAccess);
    for t in transfers.iter().filter(|t| !answers(t.route) && !moved.contains(&*t.id)) {
        for to in t.destinations().filter(|to| whose.side(to) == Side::Outside) {
            let key = super::links::outside(to);
            if own.contains(&*key) {
                let from = senders.entry(key).or_default();
                if from.len() < CROWD {
                    from.insert(&t.from);
                }
            }
        }
    }
    all.extend(senders.into_iter().filter(|(_, from)| from.len() >= CROWD).map(|(key, _)| key));
    all
}

/// The keys by which a link can be joined: a shared entity only where the intruder was at work on it.
fn joints<'l>(link: &'l Link<'_>, shared: &'l BTreeSet<String>) -> impl Iterator<Item = (&'l str, &'l str)> {
    let joins = |touch: &&super::links::Touch| touch.is_held || !shared.contains(&touch.key);
    link.touches.iter().filter(joins).map(|touch| (touch.key.as_str(), touch.name.as_str()))
}

/// Links that entities join, directly or by others, as places in `links`; each in the order of `links`.
fn components(links: &[Link<'_>], shared: &BTreeSet<String>) -> Vec<Vec<usize>> {
    let mut parent: Vec<usize> = (0..links.len()).collect();
    // Links are in order of time: who named an entity last, and until when.
    let mut last: BTreeMap<&str, (usize, Option<Instant>)> = BTreeMap::new();
    for (at, link) in links.iter().enumerate() {
        for (key, _) in joints(link, shared) {
            let until = link.time.last.or(link.time.first);
            match last.get_mut(key) {
                Some((known, end)) if is_near(*end, link.time.first) => {
                    join(&mut parent, *known, at);
                    *end = (*end).max(until);
                }
                _ => {
                    last.insert(key, (at, until));
                }
            }
        }
    }
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for at in 0..links.len() {
        groups.entry(root(&mut parent, at)).or_default().push(at);
    }
    groups.into_values().collect()
}

fn is_near(end: Option<Instant>, begin: Option<Instant>) -> bool {
    end.zip(begin).is_none_or(|(end, begin)| begin <= end.plus_secs(APART_SECS))
}

fn root(parent: &mut [usize], mut at: usize) -> usize {
    while parent[at] != at {
        parent[at] = parent[parent[at]];
        at = parent[at];
    }
    at
}

fn join(parent: &mut [usize], a: usize, b: usize) {
    let (a, b) = (root(parent, a), root(parent, b));
    parent[a.max(b)] = a.min(b);
}

/// The chain of links that are joined; `None` where they show no intrusion, or are no more than one step or one stage.
fn chain(links: &[&Link<'_>], shared: &BTreeSet<String>) -> Option<Finding> {
    let stages: BTreeSet<Stage> = links.iter().flat_map(|link| link.stage.iter().copied()).collect();
    if stages.len() < 2 || !links.iter().any(|link| link.proves) {
        return None;
    }
    let groups = grouped(links);
    if groups.len() < 2 {
        return None;
    }
    let (groups, omitted) = kept(groups);
    let steps = steps(&groups, shared);
    let scopes: BTreeSet<&str> = links.iter().map(|link| link.scope.as_str()).collect();
    let scope = scopes.first().filter(|_| scopes.len() == 1).map_or(UNATTRIBUTED, |scope| scope);
    let transfers = steps.iter().flat_map(|step| step.transfers.clone()).collect();
    let chain = Chain { transfers, steps, omitted_steps: omitted, elsewhere: 0 };
    Some(chain.finding(id(links), scope))
}

/// Over the sorted ids of all links, whatever of them is kept.
fn id(links: &[&Link<'_>]) -> String {
    let ids: BTreeSet<&str> = links.iter().map(|link| link.id()).collect();
    let mut hash = Sha256::new();
    for part in std::iter::once("chain").chain(ids) {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let mut hex = RecordDigest(hash.finalize().into()).to_string();
    hex.truncate(32);
    format!("f-{hex}")
}

/// Links of one step.
type Group<'g, 'a> = Vec<&'g Link<'a>>;

/// Links as steps, in order of their first links: what one record shows is one thing, whatever rules say of it, and so are records of
/// which a finding says that they are one event in several forms; so is what the same rules say of the same entities, and what left one
/// host by one way out.
fn grouped<'g, 'a>(links: &[&'g Link<'a>]) -> Vec<Group<'g, 'a>> {
    let mut groups: BTreeMap<Vec<String>, (usize, Group<'g, 'a>)> = BTreeMap::new();
    for (at, event) in events(links) {
        let scope = links[at].scope.clone();
        let said: BTreeSet<String> = event.iter().map(|link| kind_of(link)).collect();
        let who: BTreeSet<String> = event.iter().flat_map(|link| signature(link)).collect();
        let key = std::iter::once(scope).chain(said).chain(who).collect();
        groups.entry(key).or_insert_with(|| (at, Vec::new())).1.extend(event);
    }
    let mut groups: Vec<(usize, Group<'g, 'a>)> = groups.into_values().collect();
    groups.sort_by_key(|(at, _)| *at);
    groups.into_iter().map(|(_, group)| group).collect()
}

/// Links that tell of one event, by the place of the first of them: what rules say of one record of a scope is one, and so is what joins
/// several records to an event; of all else each link is its own.
fn events<'g, 'a>(links: &[&'g Link<'a>]) -> BTreeMap<usize, Group<'g, 'a>> {
    let mut known: BTreeMap<(&str, &str, u64), usize> = BTreeMap::new();
    let mut parent: Vec<usize> = (0..links.len()).collect();
    for (at, link) in links.iter().enumerate() {
        let records = match link.what {
            What::Finding(f) if f.kind == FindingKind::Rule => &f.evidence[..],
            _ => &[],
        };
        for record in records {
            let first = *known.entry((&link.scope, record.source.as_str(), record.place.offset)).or_insert(at);
            join(&mut parent, first, at);
        }
    }
    let mut events: BTreeMap<usize, Group<'g, 'a>> = BTreeMap::new();
    for (at, link) in links.iter().copied().enumerate() {
        events.entry(root(&mut parent, at)).or_default().push(link);
    }
    events
}

/// What links of one step have in common beside entities.
fn kind_of(link: &Link<'_>) -> String {
    match link.what {
        What::Finding(f) => f.rule.id.clone(),
        What::Transfer(t, _) => format!("{:?} {:?}", t.route, link.stage),
    }
}

/// The entities that links of one step have in common: of transfers the host alone, of sightings the listed value.
fn signature(link: &Link<'_>) -> Vec<String> {
    let all = link.touches.iter();
    match link.what {
        What::Finding(Finding { indicator: Some(listed), .. }) => vec![listed.value.clone()],
        What::Finding(_) => all.map(|touch| touch.key.clone()).collect(),
        What::Transfer(..) => all.filter(|t| t.key.starts_with("host/")).map(|touch| touch.key.clone()).collect(),
    }
}

/// The groups that are kept, in their order, and the number of the others: the first of each stage, the second of each, and
/// so on.
fn kept<'g, 'a>(groups: Vec<Group<'g, 'a>>) -> (Vec<Group<'g, 'a>>, u64) {
    let omitted = groups.len().saturating_sub(STEPS) as u64;
    if omitted == 0 {
        return (groups, 0);
    }
    let mut turns: BTreeMap<Vec<Stage>, usize> = BTreeMap::new();
    let mut ranked: Vec<(usize, usize)> = Vec::new();
    for (at, group) in groups.iter().enumerate() {
        let turn = turns.entry(stages(group)).or_default();
        ranked.push((*turn, at));
        *turn += 1;
    }
    ranked.sort_unstable();
    let keep: BTreeSet<usize> = ranked.into_iter().take(STEPS).map(|(_, at)| at).collect();
    (groups.into_iter().enumerate().filter(|(at, _)| keep.contains(at)).map(|(_, group)| group).collect(), omitted)
}

fn stages(group: &Group<'_, '_>) -> Vec<Stage> {
    group.iter().flat_map(|link| link.stage.iter().copied()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The steps, with how they are joined and ordered.
fn steps(groups: &[Group<'_, '_>], shared: &BTreeSet<String>) -> Vec<Step> {
    let clocks: Vec<Clock> = groups.iter().map(|group| Clock::of(group)).collect();
    let names: Vec<BTreeMap<&str, &str>> =
        groups.iter().map(|group| group.iter().flat_map(|link| joints(link, shared)).collect()).collect();
    let orders = orders(&clocks);
    groups.iter().enumerate().map(|(at, group)| step(group, orders[at], joined(&names, at))).collect()
}

/// The names by which a step is joined to the nearest one above it, or, where there is none, to the nearest below.
fn joined(names: &[BTreeMap<&str, &str>], at: usize) -> Vec<String> {
    if at == 0 {
        return Vec::new();
    }
    let common = |other: usize| -> BTreeSet<String> {
        let both = names[at].iter().filter(|(key, _)| names[other].contains_key(*key));
        both.map(|(_, name)| (*name).to_owned()).collect()
    };
    let found = (0..at).rev().chain(at + 1..names.len()).map(common).find(|all| !all.is_empty());
    found.unwrap_or_default().into_iter().take(JOINTS).collect()
}

fn step(group: &Group<'_, '_>, order: StepOrder, by: Vec<String>) -> Step {
    let ids = |take: fn(&What<'_>) -> bool| -> Vec<String> {
        group.iter().filter(|link| take(&link.what)).take(IDS).map(|link| link.id().to_owned()).collect()
    };
    let whole: Vec<Entities> = group.iter().map(|link| link.entities()).collect();
    let attack: BTreeSet<&String> = group.iter().flat_map(|link| link.attack()).collect();
    let routes: BTreeSet<Route> = group.iter().filter_map(|link| link.route()).collect();
    let events = events(group);
    let records = |event: &Group<'_, '_>| event.iter().map(|link| link.records()).max().unwrap_or_default();
    Step {
        scope: group[0].scope.clone(),
        title: title(group),
        level: group.iter().filter_map(|link| link.level()).max(),
        stage: stages(group),
        attack: attack.into_iter().cloned().collect(),
        route: routes.first().copied().filter(|_| routes.len() == 1),
        time: time(group.iter().map(|link| link.time)),
        order,
        by,
        entities: few(entities(whole.iter())),
        findings: ids(|what| matches!(what, What::Finding(_))),
        transfers: ids(|what| matches!(what, What::Transfer(..))),
        count: group.len() as u64,
        times: events.len() as u64,
        records: events.values().map(records).fold(0, u64::saturating_add),
    }
}

fn few(mut of: Entities) -> Entities {
    for list in [&mut of.sources, &mut of.destinations, &mut of.hosts, &mut of.accounts] {
        list.truncate(NAMES);
    }
    of
}

/// What a step is called: by the gravest of its rules, or by what left.
fn title(group: &Group<'_, '_>) -> String {
    let gravest = group.iter().filter_map(|link| match link.what {
        What::Finding(f) => Some((f.level, std::cmp::Reverse(&f.rule.title), f.outcome)),
        What::Transfer(..) => None,
    });
    match gravest.max() {
        Some((_, std::cmp::Reverse(title), Outcome::Failed)) if !title.ends_with("refused") => {
            format!("{title}, refused")
        }
        Some((_, std::cmp::Reverse(title), _)) => title.clone(),
        None => moved(group),
    }
}

fn moved(group: &Group<'_, '_>) -> String {
    let route = group.iter().find_map(|link| link.route()).map_or("", Route::word);
    let counted = group.iter().filter_map(|link| match link.what {
        What::Transfer(t, bytes) => Some((t, Bounds { lower: bytes, upper: t.bytes.upper })),
        What::Finding(_) => None,
    });
    let left = group.iter().any(|link| link.stage.contains(&Stage::Exfiltration));
    let verb = if left { "data left" } else { "data was shown" };
    match bounds(counted) {
        Bounds { lower: 0, upper: None } => format!("{verb} by {route}, how much is not logged"),
        Bounds { lower, .. } => format!("{verb} by {route}, at least {}", size(lower, Round::Down)),
    }
}

//! What can be a link of a chain: what an intruder is shown to have done, and the entities by which that is joined.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::assigned::{Giver, Joined};
use crate::model::coverage::SourceCoverage;
use crate::model::finding::{Entities, Finding, FindingAssumed, FindingKind, FindingTime};
use crate::model::place::Locator;
use crate::model::rule::{Level, Outcome, REFUSED_EXITS, Route, Stage};
use crate::model::time::Instant;
use crate::model::transfer::{First, Transfer};
use crate::model::verdict::State;
use crate::model::whose::{Side, Whose, address};

use super::intrusion::{accounts, intrudes, is_grave};
use super::joined;
use super::movement;
use super::signals::{self, is_signal};
use super::{Bench, Counted, Way};

/// Accounts of programs, which every system has: that two name one joins nothing.
const OF_SYSTEMS: &[&str] =
    &["system", "local service", "network service", "anonymous logon", "everyone", "nobody", "www-data", "-"];
/// User names that people have everywhere: without a realm they join nothing.
const EVERYWHERE: &[&str] = &["root", "administrator", "admin", "guest", "user", "test"];

/// What one link is.
#[derive(Clone, Copy)]
pub(super) enum What<'a> {
    Finding(&'a Finding),
    /// With so many of its bytes that count at least.
    Transfer(&'a Transfer, u64),
}

/// An entity that a link names.
pub(super) struct Touch {
    /// What it is known by among all links of the case.
    pub(super) key: String,
    /// As it is told.
    pub(super) name: String,
    /// Whether the intruder was at work there: whoever else uses it, what is done from there is of one who got in.
    pub(super) is_held: bool,
}

/// A finding or transfer of a scope that shows what an intruder did.
pub(super) struct Link<'a> {
    pub(super) scope: String,
    pub(super) what: What<'a>,
    /// Whether it shows intrusion by itself.
    pub(super) proves: bool,
    pub(super) stage: Vec<Stage>,
    pub(super) time: FindingTime,
    /// It may have begun as early as then: of the hour in which an intrusion began, not all records are kept.
    pub(super) earliest: Option<Instant>,
    /// The logs that show it, by [`Locator::log`]: one clock stamps all records of a log.
    pub(super) logs: BTreeSet<String>,
    pub(super) touches: Vec<Touch>,
}

impl<'a> Link<'a> {
    pub(super) fn id(&self) -> &'a str {
        match self.what {
            What::Finding(f) => &f.id,
            What::Transfer(t, _) => &t.id,
        }
    }

    pub(super) fn level(&self) -> Option<Level> {
        match self.what {
            What::Finding(f) => Some(f.level),
            What::Transfer(..) => None,
        }
    }

    pub(super) fn attack(&self) -> &'a [String] {
        match self.what {
            What::Finding(f) => &f.attack,
            What::Transfer(..) => &[],
        }
    }

    pub(super) fn route(&self) -> Option<Route> {
        match self.what {
            What::Finding(f) => f.route,
            What::Transfer(t, _) => Some(t.route),
        }
    }

    pub(super) fn records(&self) -> u64 {
        match self.what {
            What::Finding(f) => f.count,
            What::Transfer(t, _) => t.records,
        }
    }

    pub(super) fn entities(&self) -> Entities {
        match self.what {
            What::Finding(f) => f.entities.clone(),
            What::Transfer(t, _) => Entities {
                sources: vec![t.from.to_string()],
                destinations: vec![t.to.to_string()],
                hosts: Vec::new(),
                accounts: t.accounts.to_vec(),
            },
        }
    }
}

/// The links of a scope that was judged; none where no intruder is shown.
pub(super) fn of<'a>(bench: &Bench<'a>) -> Vec<Link<'a>> {
    if !bench.intruder.is_shown() {
        return Vec::new();
    }
    let told: BTreeSet<&str> = bench.ways.values().flat_map(Way::carried).chain(reached(bench)).collect();
    let proofs: BTreeSet<&str> = bench.intruder.proofs.iter().map(String::as_str).collect();
    let grave = |f: &Finding| is_grave(f) && f.outcome == Outcome::Succeeded && !is_signal(f) && !f.stage.is_empty();
    let reached = &bench.intruder.reached.ids;
    let tied = |id: &String| told.contains(id.as_str()) || proofs.contains(id.as_str()) || reached.contains(id);
    let tried = |f: &Finding| signals::is_tried(bench, f);
    let shows = |f: &&Finding| grave(f) || tied(&f.id) || tried(f) || signals::is_call_of_intruder(bench, f);
    let findings = bench.findings.iter().copied().filter(shows);
    let mut links: Vec<Link<'a>> = findings
        .map(|f| Link {
            scope: bench.scope.clone(),
            what: What::Finding(f),
            proves: intrudes(f, bench.whose) || proofs.contains(&*f.id),
            stage: f.stage.clone(),
            time: f.time,
            earliest: f.time.first,
            logs: stamped(f),
            touches: of_finding(f, &bench.scope, bench.whose, &bench.forgeable),
        })
        .collect();
    let moved = bench.ways.values().flat_map(|way| way.transfers.values());
    for counted in moved.filter(|counted| counted.state <= State::Accessed) {
        links.push(of_transfer(bench, counted));
    }
    links
}

/// The log that stamped a finding. Of one that records of several sources may show that is not known.
fn stamped(f: &Finding) -> BTreeSet<String> {
    f.evidence.first().filter(|_| f.kind == FindingKind::Rule).map(|e| e.source.log()).into_iter().collect()
}

/// The findings about data that was accessed.
fn reached<'b>(bench: &'b Bench<'_>) -> impl Iterator<Item = &'b str> {
    bench.reached.iter().filter(|(_, state)| **state <= State::Accessed).map(|(id, _)| *id)
}

/// A transfer begins for a chain with its first record after the first success: what an attacker was answered before was no data
/// that its success brought it.
fn of_transfer<'a>(bench: &Bench<'a>, counted: &Counted<'a>) -> Link<'a> {
    let Counted { transfer: t, bytes, state } = *counted;
    let since = movement::succeeded(bench, t).filter(|since| t.time.is_some_and(|time| *since > time.first));
    let whole = t.time.map(|time| First { earliest: time.first, known: time.first });
    let begins = since.map_or(whole, |since| t.first_since(since));
    Link {
        scope: bench.scope.clone(),
        what: What::Transfer(t, bytes),
        proves: false,
        stage: vec![if state == State::Exfiltrated { Stage::Exfiltration } else { Stage::Collection }],
        time: FindingTime {
            first: begins.map(|begins| begins.known),
            last: t.time.map(|time| time.last),
            assumed: assumed(bench, t),
        },
        earliest: begins.map(|begins| begins.earliest),
        logs: t.seen_by.iter().map(Locator::log).collect(),
        touches: touches_of_transfer(t, &bench.scope, bench.whose, &bench.forgeable),
    }
}

/// What was assumed of the times of the sources that saw a transfer.
fn assumed(bench: &Bench<'_>, t: &Transfer) -> Option<FindingAssumed> {
    let sources = || bench.coverage.sources.iter().filter(|s| t.seen_by.contains(&s.source));
    let any = |count: fn(&SourceCoverage) -> u64| sources().any(|s| count(s) > 0);
    FindingAssumed::of(any(|s| s.zone_assumed), any(|s| s.year_assumed), any(|s| s.clock.twice))
}

/// What an inside host is known by. An address or name that no scope claims is that of another host in another scope.
fn host(text: &str, scope: &str, whose: &Whose) -> String {
    let entity = whose.entity(text);
    let owner =
        if whose.scopes_of_entity(&entity).is_empty() && whose.scopes_of_entity(text).is_empty() { scope } else { "" };
    format!("host/{owner}/{entity}")
}

/// What an outside address or name is known by.
pub(super) fn outside(text: &str) -> String {
    format!("outside/{}", text.trim_end_matches('.').to_ascii_lowercase())
}

/// What an account is known by: user and realm, or the user name in the logs that name it. None of one that every
/// system has, and none of a machine's.
fn accounts_of<'t>(names: &'t [String], logs: &BTreeSet<String>) -> Vec<(String, &'t String)> {
    let mut keys = Vec::new();
    for name in names {
        let lower = name.to_ascii_lowercase();
        let (user, realm) = match lower.split_once('\\') {
            Some((realm, user)) => (user, Some(realm)),
            None => lower.rsplit_once('@').map_or((&*lower, None), |(user, realm)| (user, Some(realm))),
        };
        let is_anybody = OF_SYSTEMS.contains(&user) || realm.is_none() && EVERYWHERE.contains(&user);
        if user.is_empty() || user.ends_with('$') || is_anybody {
            continue;
        }
        match realm.map(|realm| realm.split('.').next().unwrap_or(realm)) {
            Some(realm) => keys.push((format!("account/{user}@{realm}"), name)),
            None => keys.extend(logs.iter().map(|log| (format!("account/{user}/{log}"), name))),
        }
    }
    keys
}

/// Stages of what an intruder does on a host when it has got there. What is read from a host, or asked of it, need not be.
const HOLDS: &[Stage] =
    &[Stage::InitialAccess, Stage::Execution, Stage::LateralMovement, Stage::Impact, Stage::DefenceEvasion];

fn of_finding(f: &Finding, scope: &str, whose: &Whose, forgeable: &BTreeSet<&Locator>) -> Vec<Touch> {
    let Entities { sources, destinations, hosts, .. } = &f.entities;
    let is_inside = |text: &&String| whose.side(text) == Side::Inside;
    let is_moved =
        sources.iter().any(|from| is_inside(&from) && !hosts.iter().any(|on| whose.entity(on) == whose.entity(from)));
    let holds = !is_moved || f.stage.iter().any(|stage| HOLDS.contains(stage));
    let mut all = Touches::default();
    // What is refused to many joins nobody.
    let destinations: &[String] = if f.rule.id == REFUSED_EXITS { &[] } else { destinations };
    for text in sources.iter().filter(|text| whose.denied(&whose.entity_of(text), &f.joined).is_none()) {
        match is_inside(&text) {
            true => all.add(host(text, scope, whose), text, true),
            false => all.add(outside(text), text, false),
        }
    }
    for text in destinations {
        match is_inside(&text) {
            true => all.add(host(text, scope, whose), text, holds),
            false => all.add(outside(text), text, false),
        }
    }
    hosts.iter().for_each(|text| all.add(host(text, scope, whose), text, holds));
    let logs = f.evidence.first().map(|e| e.source.log()).into_iter().collect();
    accounts_of(accounts(f, forgeable), &logs).into_iter().for_each(|(key, name)| all.add(key, name, true));
    joined::told(whose, &f.joined).for_each(|of| all.add_joined(of, scope, whose));
    all.finish()
}

fn touches_of_transfer(t: &Transfer, scope: &str, whose: &Whose, forgeable: &BTreeSet<&Locator>) -> Vec<Touch> {
    let mut all = Touches::default();
    if whose.denied(&t.from, &t.joined).is_none() {
        all.add(host(&t.from, scope, whose), &t.from, true);
    }
    t.destinations().for_each(|to| all.add(outside(to), to, false));
    let logs = t.seen_by.iter().filter(|source| !forgeable.contains(source)).map(Locator::log).collect();
    let names = if t.seen_by.iter().all(|source| forgeable.contains(source)) { &[] } else { &t.accounts[..] };
    accounts_of(names, &logs).into_iter().for_each(|(key, name)| all.add(key, name, true));
    joined::told(whose, &t.joined).for_each(|of| all.add_joined(of, scope, whose));
    all.finish()
}

/// Touches by their keys; one that is held in any way is held.
#[derive(Default)]
struct Touches(BTreeMap<String, (String, bool)>);

impl Touches {
    fn add(&mut self, key: String, name: &str, is_held: bool) {
        let known = self.0.entry(key).or_insert_with(|| (name.to_owned(), false));
        known.1 |= is_held;
        if name < known.0.as_str() {
            name.clone_into(&mut known.0);
        }
    }

    /// Who certainly held an address: a host, or a session with its account and the address that it came from.
    fn add_joined(&mut self, joined: &Joined, scope: &str, whose: &Whose) {
        if !joined.sure {
            return;
        }
        if joined.kind == Giver::Logon {
            let is_inside = whose.side(&joined.address) == Side::Inside;
            let key = if is_inside { host(&joined.address, scope, whose) } else { outside(&joined.address) };
            self.add(key, &joined.address, is_inside);
            return;
        }
        if joined.kind != Giver::Vpn {
            if !joined.host.is_empty() {
                self.add(host(&joined.host, scope, whose), &joined.host, true);
            }
            return;
        }
        if !joined.peer.is_empty() && whose.side(&joined.peer) == Side::Outside {
            self.add(outside(&joined.peer), &joined.peer, false);
        }
        let logs = BTreeSet::from([joined.by.source.log()]);
        let named = accounts_of(std::slice::from_ref(&joined.account), &logs);
        named.into_iter().for_each(|(key, name)| self.add(key, name, true));
    }

    fn finish(self) -> Vec<Touch> {
        self.0.into_iter().map(|(key, (name, is_held))| Touch { key, name, is_held }).collect()
    }
}

/// Spellings that are one entity where only one is known that they can be: a bare host name and the full one, a bare user
/// name in a log and the one with a realm. All keys are replaced by the fuller ones.
pub(super) fn unite(links: &mut [Link<'_>]) {
    let mut fuller: BTreeMap<String, Option<String>> = BTreeMap::new();
    for link in links.iter() {
        for touch in &link.touches {
            for bare in bare(&touch.key, &link.logs) {
                let known = fuller.entry(bare).or_insert_with(|| Some(touch.key.clone()));
                *known = known.take().filter(|known| *known == touch.key);
            }
        }
    }
    for touch in links.iter_mut().flat_map(|link| &mut link.touches) {
        if let Some(Some(full)) = fuller.get(&touch.key) {
            touch.key.clone_from(full);
        }
    }
}

/// The shorter keys that a key can be met under.
fn bare(key: &str, logs: &BTreeSet<String>) -> Vec<String> {
    if let Some(rest) = key.strip_prefix("host/") {
        let Some((owner, name)) = rest.split_once('/') else { return Vec::new() };
        let label = name.split('.').next().unwrap_or(name);
        let is_full = label != name && !label.is_empty() && address(name).is_none();
        return if is_full { vec![format!("host/{owner}/{label}")] } else { Vec::new() };
    }
    let account = key.strip_prefix("account/").filter(|rest| !rest.contains('/'));
    match account.and_then(|rest| rest.rsplit_once('@')) {
        Some((user, _)) => logs.iter().map(|log| format!("account/{user}/{log}")).collect(),
        None => Vec::new(),
    }
}

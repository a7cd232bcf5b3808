//! J-80: which hosts an intruder reached from its own, and from when on they are its.
//!
//! An intruder goes on with what it found: a remote session between own systems is no intrusion by itself, but one that
//! begins on the intruder's host is the intruder's.

use std::collections::BTreeMap;

use crate::model::finding::{Finding, FindingKind};
use crate::model::rule::{Level, Outcome, Route, Stage};
use crate::model::time::Instant;
use crate::model::whose::{Side, Whose, same_host};

use super::intrusion::Intruder;
use super::{Bench, joined};

/// Hosts that an intruder reached from its own.
#[derive(Default)]
pub struct Reached {
    /// From when on each is the intruder's, by [`Whose::entity`].
    since: BTreeMap<String, Instant>,
    /// The findings that show it.
    pub ids: Vec<String>,
}

impl Reached {
    /// From when on a host, by [`Whose::entity`], is the intruder's; `None` where it was not reached.
    pub fn since(&self, host: &str) -> Option<Instant> {
        let exact = self.since.get(host).copied();
        exact.or_else(|| self.since.iter().filter(|(own, _)| same_host(own, host)).map(|(_, at)| *at).min())
    }
}

/// What a shown intruder reached from its hosts. Sessions are followed in the order of their times; of those of one
/// time none is taken to come before another.
pub fn of(findings: &[&Finding], intruder: &Intruder, whose: &Whose) -> Reached {
    let mut all = Reached::default();
    let Some(first) = intruder.first.filter(|_| intruder.is_shown()) else { return all };
    let mut sessions: Vec<(Instant, &Finding)> = findings
        .iter()
        .filter(|f| is_session(f, whose))
        .filter_map(|f| Some((f.time.first.filter(|at| *at >= first)?, *f)))
        .collect();
    sessions.sort_unstable_by(|(a, f), (b, g)| (a, &f.id).cmp(&(b, &g.id)));
    for of_one_time in sessions.chunk_by(|(a, _), (b, _)| a == b) {
        let goes_on = |(_, f): &&(Instant, &Finding)| {
            let names = f.joined.iter().map(|of| &of.host).filter(|host| !host.is_empty());
            let is_own = |from: &&String| whose.denied(&whose.entity_of(from), &f.joined).is_none();
            f.entities.sources.iter().filter(is_own).chain(names).any(|from| holds(&all, intruder, whose, from))
                || joined::told(whose, &f.joined).any(|of| joined::since(intruder, whose, of).is_some())
        };
        let theirs: Vec<&(Instant, &Finding)> = of_one_time.iter().filter(goes_on).collect();
        for (at, f) in theirs {
            all.ids.push(f.id.clone());
            for host in ends(f, whose) {
                all.since.entry(host).or_insert(*at);
            }
        }
    }
    all
}

/// Whether a finding is of a session from one own system to another that came to be.
fn is_session(f: &Finding, whose: &Whose) -> bool {
    let moves = f.route == Some(Route::RemoteAccess) || f.stage.contains(&Stage::LateralMovement);
    let sources = &f.entities.sources;
    moves
        && f.kind != FindingKind::Indicator
        && f.level >= Level::Medium
        && f.outcome == Outcome::Succeeded
        && !sources.is_empty()
        && sources.iter().all(|from| whose.side(from) == Side::Inside)
}

/// Whether a host is the intruder's already.
fn holds(reached: &Reached, intruder: &Intruder, whose: &Whose, host: &str) -> bool {
    let host = whose.entity(host);
    intruder.hosts.iter().any(|own| same_host(own, &host)) || reached.since(&host).is_some()
}

/// Where a session leads: the inside destinations of its finding, else the host that wrote the record.
fn ends(f: &Finding, whose: &Whose) -> Vec<String> {
    let inside = f.entities.destinations.iter().filter(|to| whose.side(to) == Side::Inside);
    let inside: Vec<String> = inside.map(|to| whose.entity(to)).collect();
    if inside.is_empty() { f.entities.hosts.iter().map(|host| whose.entity(host)).collect() } else { inside }
}

/// States which hosts were reached.
pub fn clauses(bench: &mut Bench<'_>) {
    let reached = &bench.intruder.reached;
    if reached.ids.is_empty() {
        return;
    }
    let hosts: Vec<String> = reached.since.iter().map(|(host, at)| format!("{host} from {at}")).take(TOLD).collect();
    let more = reached.since.len().saturating_sub(TOLD);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let text = format!("reached by sessions from the intruder's hosts: {}{more}", hosts.join(", "));
    let ids = reached.ids.clone();
    bench.background.retain(|id| !ids.iter().any(|known| known == id));
    bench.reason("J-80", text, ids);
}

/// So many hosts are named.
const TOLD: usize = 10;

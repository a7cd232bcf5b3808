//! Sums routes into scopes and scopes into the overall answer (J-34, J-40).

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};

use crate::model::dates::DatesRead;
use crate::model::finding::FindingKind;
use crate::model::place::Locator;
use crate::model::rule::{Level, Outcome, Route, Stage};
use crate::model::time::Instant;
use crate::model::transfer::Transfer;
use crate::model::verdict::{
    Activity, Actor, Baseline, Breach, Breached, Confidence, Intrusion, MissingCoverage, Overall, ReasonGiven,
    RouteVerdict, ScopeCoverage, ScopeVerdict, State,
};
use crate::model::whose::{Side, UNATTRIBUTED, Whose};
use crate::model::words::counted;

use super::intrusion::{BASELINE_DAYS, DAY_SECS};
use super::{Bench, Way, clauses, data, given, likelihood, movement, routes};

/// The route that carries what concerns a scope as a whole: an intrusion or an attempt that names no way out, and
/// what a scope cannot tell because of others.
const CARRIER: Route = Route::Network;

/// Techniques that make data unavailable and do not alter it: recovery inhibited, services stopped or flooded,
/// accounts removed.
const UNAVAILABLE: &[&str] = &["T1490", "T1489", "T1498", "T1499", "T1531", "T1529"];
/// Techniques that alter data and leave it there: manipulation, defacement.
const ALTERED: &[&str] = &["T1565", "T1491"];
/// Formats of the logs that systems and services write about what is done on them.
const TELLS_WHAT_IS_DONE: &[&str] =
    &["evtx", "windows_json", "windows_xml", "auditd", "cloudtrail", "azure", "m365", "gcp"];

/// So much history before an intrusion says what was usual.
const HISTORY_SECS: i64 = BASELINE_DAYS * DAY_SECS;

/// The verdict of one scope.
pub fn up(mut bench: Bench<'_>) -> ScopeVerdict {
    let shown = bench.sources.iter().flat_map(|s| s.observes.iter().copied());
    // Of a call of which the bytes are not known, whether its log shows the way out is for the log to say.
    let is_known = |t: &&Transfer| t.bytes.lower > 0 || t.bytes.upper.is_some();
    let moved = bench.transfers.iter().copied().filter(is_known).map(|t| t.route);
    let observed: BTreeSet<Route> = shown.chain(moved).collect();
    let given = bench.reasons.iter().filter_map(|r| clauses::by_id(&r.clause)?.base);
    let base = given.min().unwrap_or(State::NoEvidence);
    if base != State::NoEvidence || observed.is_empty() {
        bench.put(CARRIER, base);
    }
    let routes: Vec<RouteVerdict> = Route::ALL.iter().map(|route| routes::of(&bench, *route, &observed)).collect();
    let state = routes.iter().map(|r| r.state).min().unwrap_or(State::NotExamined);
    if state == State::IntrusionOnly {
        let proofs = bench.intruder.proofs.clone();
        bench.reason("J-40", "no access to data and no movement is seen".to_owned(), proofs);
    }
    let intrusion = match (bench.intruder.is_shown(), bench.intruder.suspicions.is_empty()) {
        (true, _) => Intrusion::Established,
        (false, false) => Intrusion::Suspected,
        (false, true) => Intrusion::NoneSeen,
    };
    let witnesses = routes
        .iter()
        .filter(|r| r.state == state)
        .flat_map(|r| &r.transfers)
        .map(String::as_str)
        .collect::<BTreeSet<_>>();
    let witnesses = bench.transfers.iter().filter(|t| witnesses.contains(&*t.id));
    let seen_by: BTreeSet<String> = witnesses.flat_map(|t| t.seen_by.iter()).map(Locator::log).collect();
    let open_routes: Vec<Route> = bench.open.keys().copied().collect();
    let complete = open_routes.is_empty();
    let edge = [Route::Network, Route::HttpsUpload].iter().any(|route| observed.contains(route));
    let (data_categories, subjects) = data::clauses(&mut bench);
    let (confidence, confidence_reasons) = confidence(complete, edge, (seen_by.len(), state), &bench);
    let likelihood = likelihood::of(&mut bench, state, confidence, intrusion);
    ScopeVerdict {
        likelihood: likelihood.filter(|_| edge || state <= State::CannotTell),
        confidence,
        confidence_reasons,
        intrusion,
        actor: actor(&bench),
        origins: bench.intruder.origins().cloned().collect(),
        complete,
        exposure: Vec::new(),
        breach: breach(&bench, state, complete),
        activity: activity(&bench, &routes),
        subjects,
        data_categories,
        coverage: covered(&bench, complete),
        scope: bench.scope,
        state,
        open_routes,
        reasons: finished(bench.reasons),
        counter_evidence: finished(bench.counter),
        ask: bench.ask,
        routes,
        chains: Vec::new(),
    }
}

/// Reasons by clause, else in the order in which they were given, with each of their findings once and, where the
/// clause wants it, their number.
fn finished(mut reasons: Vec<ReasonGiven>) -> Vec<ReasonGiven> {
    for reason in &mut reasons {
        let mut known = HashSet::new();
        reason.findings.retain(|id| known.insert(id.clone()));
        let counted = clauses::by_id(&reason.clause).is_some_and(|c| c.counted);
        if counted && reason.findings.len() > 1 {
            reason.text = format!("{} ({} findings)", reason.text, reason.findings.len());
        }
    }
    reasons.sort_by(|a, b| a.clause.cmp(&b.clause));
    reasons
}

/// Who acted: from outside where an address shows it, a supplier where the scope of a service that acts for this one
/// is all that the intruder's accounts are of. That somebody acts from inside does not show who it is; nor does the address from which a
/// session of the own VPN came, which is staff's at home as well, unless it is listed.
fn actor(bench: &Bench<'_>) -> Actor {
    let intruder = &bench.intruder;
    let is_own_way = |from: &String| intruder.let_in.contains(from) && !bench.visitors.contains_key(from.as_str());
    if intruder.came_from.iter().any(|from| bench.whose.side(from) == Side::Outside && !is_own_way(from)) {
        return Actor::External;
    }
    let acts = |name: &&str| {
        let tenant = bench.whose.tenants.iter().find(|t| t.name == *name);
        tenant.is_some_and(|t| t.processor_of.contains(&bench.scope))
    };
    let supplies = |account: &String| {
        let scopes = bench.whose.scopes_of_account(account);
        !scopes.is_empty() && scopes.iter().all(acts)
    };
    let all = !intruder.accounts.is_empty() && intruder.accounts.keys().all(supplies);
    if all { Actor::Supplier } else { Actor::Unknown }
}

/// How well founded the answer is. Without a log of traffic at the `edge`, what is not seen says little.
fn confidence(
    complete: bool,
    edge: bool,
    (witnesses, state): (usize, State),
    bench: &Bench<'_>,
) -> (Confidence, Vec<String>) {
    let mut why = Vec::new();
    let zone = bench.sources.iter().any(|s| s.zone_assumed > 0);
    let year = bench.sources.iter().any(|s| s.year_assumed > 0);
    let hour = bench.sources.iter().any(|s| s.clock.twice > 0);
    let order = bench.sources.iter().any(|s| s.dates.as_ref().is_some_and(DatesRead::is_assumed));
    if !complete {
        why.push("some routes are open".to_owned());
    }
    if !edge {
        why.push("no log shows traffic at the edge".to_owned());
    }
    let grounds = [
        (zone, "an assumed zone"),
        (year, "an inferred year"),
        (order, "an inferred order of day and month"),
        (hour, "an hour that comes twice"),
    ];
    let grounds: Vec<&str> = grounds.iter().filter(|(holds, _)| *holds).map(|(_, ground)| *ground).collect();
    if !grounds.is_empty() {
        why.push(format!("times rest on {}", grounds.join(" and ")));
    }
    why.push(shown_by(witnesses, state, bench));
    let level = match (complete && edge, !grounds.is_empty(), witnesses) {
        (false, _, 0) => Confidence::Low,
        (true, false, 2..) => Confidence::High,
        _ => Confidence::Moderate,
    };
    (level, why)
}

/// How many sources show the movement on which the answer rests, and how many speak of the scope. Where it rests on none, what
/// else moved is no movement of which the answer speaks.
fn shown_by(witnesses: usize, state: State, bench: &Bench<'_>) -> String {
    let sources = |n: usize| counted(n as u64, "source", "sources");
    let verb = |n: usize, one: &'static str, many: &'static str| if n == 1 { one } else { many };
    let all = bench.sources.len();
    let speak = verb(all, "speaks", "speak");
    if witnesses > 0 {
        let show = verb(witnesses, "shows", "show");
        return format!("{} {show} the movement, {all} {speak} of the scope", sources(witnesses));
    }
    let speak = format!("{} {speak} of the scope", sources(all));
    if state <= State::Unexplained { format!("findings alone bear the answer, {speak}") } else { speak }
}

/// The three questions. Traffic logs cannot show that data was altered or made unavailable: that there is no sign of
/// it takes a log that a system writes about what is done on it, and nobody who got in and whose doings it may not
/// tell.
fn breach(bench: &Bench<'_>, state: State, complete: bool) -> Breach {
    let quiet = |seen: bool| if complete && seen { Breached::NoSign } else { Breached::CannotTell };
    let impacts = bench.findings.iter().filter(|f| {
        f.kind != FindingKind::Indicator
            && f.level >= Level::High
            && f.outcome == Outcome::Succeeded
            && f.stage.contains(&Stage::Impact)
    });
    // Without a technique that says less, an impact is on both.
    let (mut integrity, mut availability) = (false, false);
    for f in impacts {
        let only =
            |ids: &[&str]| !f.attack.is_empty() && f.attack.iter().all(|id| ids.iter().any(|i| id.starts_with(i)));
        integrity |= !only(UNAVAILABLE);
        availability |= !only(ALTERED);
    }
    let confidentiality = match state {
        State::Exfiltrated | State::Accessed => Breached::Yes,
        State::Unexplained | State::CannotTell => Breached::CannotTell,
        _ => quiet(!bench.sources.is_empty()),
    };
    let hosts = bench.sources.iter().any(|s| s.formats().any(|format| TELLS_WHAT_IS_DONE.contains(&format)));
    let harm = |seen: bool| if seen { Breached::Yes } else { quiet(hosts && !bench.intruder.is_shown()) };
    Breach { confidentiality, integrity: harm(integrity), availability: harm(availability) }
}

fn activity(bench: &Bench<'_>, routes: &[RouteVerdict]) -> Activity {
    let telling = routes.iter().filter(|r| r.state <= State::Unexplained);
    let first = telling.clone().filter_map(|r| r.first).chain(bench.intruder.first).min();
    let last: Option<Instant> = telling.filter_map(|r| r.last).chain(bench.intruder.last).max();
    let logs_end = bench.sources.iter().filter_map(|s| s.to).max();
    let sign = last_sign(bench);
    let after = bench.whose.contained.and_then(|end| match (sign, last) {
        (Some(sign), _) if sign > end => Some(true),
        // What nothing explains, or only a host or account ties, may be the daily work of its owner.
        (_, Some(last)) if last > end => None,
        _ => logs_end.filter(|logs| *logs > end).map(|_| false),
    });
    Activity { first, last, logs_end, contained: bench.whose.contained, after_containment: after }
}

/// When the intruder itself is seen last: by findings, and by what went to its addresses or to where findings say.
fn last_sign(bench: &Bench<'_>) -> Option<Instant> {
    let counted = bench.ways.values().flat_map(|way| way.transfers.values());
    let lost = counted.filter(|c| c.state <= State::Accessed).map(|c| c.transfer);
    let is_its = |t: &&Transfer| movement::to_intruder(bench, t) || !movement::named(bench, t).is_empty();
    let moved = lost.filter(is_its).filter_map(|t| t.time.map(|time| time.last));
    let carried: BTreeSet<&str> = bench.ways.values().flat_map(Way::carried).collect();
    let told = bench.findings.iter().filter(|f| carried.contains(f.id.as_str()) && f.kind != FindingKind::Indicator);
    moved.chain(told.filter_map(|f| f.time.last)).chain(bench.intruder.last).max()
}

fn covered(bench: &Bench<'_>, adequate: bool) -> ScopeCoverage {
    let mut gaps: Vec<_> = bench.sources.iter().flat_map(|s| s.gaps.iter().cloned()).collect();
    let own = |p: &&crate::model::promise::Promise| p.scope.as_ref().is_none_or(|name| *name == bench.scope);
    let promised = bench.whose.promises.iter().filter(own);
    gaps.extend(promised.filter_map(|p| bench.whose.broken(p, &bench.coverage.sources)));
    gaps.sort();
    gaps.dedup();
    let history = |first: Instant| {
        let needed = first.plus_secs(-HISTORY_SECS);
        let whole = bench.sources.iter().filter_map(|s| s.from).any(|from| from <= needed);
        if whole { Baseline::Adequate } else { Baseline::None }
    };
    ScopeCoverage {
        adequate,
        baseline: bench.intruder.first.map(history),
        from: bench.sources.iter().filter_map(|s| s.from).min(),
        to: bench.sources.iter().filter_map(|s| s.to).max(),
        gaps,
        missing: bench.open.iter().map(|(r, needs)| MissingCoverage { route: *r, needs: needs.clone() }).collect(),
        collect_next: bench.collect.clone(),
    }
}

/// J-34: what shared and unattributed systems mean for the other scopes.
pub fn share(scopes: &mut [ScopeVerdict], whose: &Whose) {
    let shared = |name: &str| name == UNATTRIBUTED || whose.tenants.iter().any(|t| t.name == name && t.shared);
    let held: Vec<(String, State, bool)> = scopes
        .iter()
        .filter(|s| shared(&s.scope))
        .map(|s| (s.scope.clone(), s.state, s.intrusion == Intrusion::Established))
        .collect();
    for scope in scopes.iter_mut().filter(|s| !shared(&s.scope)) {
        for (name, state, compromised) in &held {
            let serves = whose
                .tenants
                .iter()
                .find(|t| t.name == *name)
                .is_none_or(|t| t.processor_of.is_empty() || t.processor_of.contains(&scope.scope));
            if serves && *state <= State::Unexplained {
                let text = format!("{name} holds data that was accessed or moved and may be this scope's");
                scope.reasons.push(given("J-34", text, Vec::new()));
                reopen(scope, format!("whose data {name} held"));
            } else if serves && *compromised {
                scope.exposure.push(name.clone());
            }
        }
    }
}

/// Opens the carrying route of a scope that was judged.
fn reopen(scope: &mut ScopeVerdict, needs: String) {
    if let Some(route) = scope.routes.iter_mut().find(|r| r.route == CARRIER) {
        route.state = route.state.min(State::CannotTell);
        route.bytes.upper = None;
    }
    if scope.state > State::CannotTell {
        scope.state = State::CannotTell;
        scope.likelihood = None;
        scope.breach.confidentiality = Breached::CannotTell;
    }
    if !scope.open_routes.contains(&CARRIER) {
        scope.open_routes.push(CARRIER);
        scope.open_routes.sort_unstable();
    }
    match scope.coverage.missing.iter_mut().find(|m| m.route == CARRIER) {
        Some(missing) => missing.needs.push(needs.clone()),
        None => scope.coverage.missing.push(MissingCoverage { route: CARRIER, needs: vec![needs.clone()] }),
    }
    scope.coverage.missing.sort_by_key(|m| m.route);
    scope.coverage.collect_next.push(needs);
    scope.coverage.adequate = false;
    scope.complete = false;
}

/// The worst of the scopes; of those, the best founded.
pub fn overall(scopes: &[ScopeVerdict]) -> Overall {
    let worst = scopes.iter().min_by_key(|s| (s.state, Reverse(s.confidence)));
    Overall {
        state: worst.map_or(State::CannotTell, |s| s.state),
        likelihood: worst.and_then(|s| s.likelihood),
        confidence: worst.map_or(Confidence::Low, |s| s.confidence),
        complete: scopes.iter().all(|s| s.complete),
    }
}

//! What is said of one way out: its state, and what carries that.

use std::collections::BTreeSet;

use itertools::Either;

use crate::model::accounts::distinct;
use crate::model::coverage::{Gap, GapReason};
use crate::model::finding::{Finding, FindingKind};
use crate::model::rule::Route;
use crate::model::time::{Instant, Span};
use crate::model::transfer::{Bounds, First, Transfer, bounds};
use crate::model::verdict::{RouteVerdict, State};

use super::intrusion::accounts;
use super::{Bench, Counted, Way, gaps, movement};

/// The verdict of a route; `observed` are those that logs show.
pub(super) fn of(bench: &Bench<'_>, route: Route, observed: &BTreeSet<Route>) -> RouteVerdict {
    let none = Way::default();
    let way = bench.ways.get(&route).unwrap_or(&none);
    let base = base(bench, route, observed);
    let state = way.state.map_or(base, |s| s.min(base));
    let telling = state <= State::Unexplained;
    let carries =
        |f: &Finding| way.findings.get(f.id.as_str()).is_some_and(|of| !telling || *of <= state.max(State::Accessed));
    // Who moved what, where to and when is told of what the state rests on, not of lesser movement by the same way.
    let of_state = |c: &&Counted<'_>| !telling || c.state == state;
    let moved: Vec<&Transfer> = way.transfers.values().filter(of_state).map(|c| c.transfer).collect();
    let carrying = telling.then(|| carrying(bench, way, route, state));
    let counted = || match &carrying {
        Some(carrying) => Either::Left(carrying.iter().copied()),
        None => Either::Right(bench.transfers.iter().filter(|t| t.route == route).map(|t| (*t, t.bytes))),
    };
    // Of a log that does not state the bytes, records tell when it was.
    let uncounted = |t: &Transfer| {
        t.bytes.lower == 0 && way.transfers.get(t.id.as_str()).is_some_and(|counted| counted.state == state)
    };
    let shown = counted().filter(|(t, bytes)| !telling || bytes.lower > 0 || uncounted(t));
    let times = Times::of(shown.filter_map(|(t, _)| time_of(bench, t, state)));
    let mut bytes = bounds(counted());
    let is_shown = !moved.is_empty() || observed.contains(&route);
    if !is_shown || is_unbounded(bench, (route, way), state) {
        bytes.upper = None;
    }
    // Where no log of traffic tells, findings do who moved it and where from.
    let told: Vec<&Finding> =
        bench.findings.iter().copied().filter(|f| telling && moved.is_empty() && carries(f)).collect();
    // That somebody met a listed value, or calls home, is no sign that data moved then, where transfers tell when it did.
    let is_movement = |f: &Finding| !matches!(f.kind, FindingKind::Indicator | FindingKind::Anomaly);
    let tells = |f: &Finding| moved.is_empty() || is_movement(f);
    let found = bench.findings.iter().filter(|f| carries(f) && tells(f));
    let of_findings = found.clone().filter_map(|f| f.time.first);
    let first = times.first.into_iter().chain(of_findings).min();
    let possible = times.possible;
    let cited = way.findings.keys().map(ToString::to_string).collect();
    let lasts = times.last.into_iter().chain(found.filter_map(|f| f.time.last));
    RouteVerdict {
        route,
        state,
        first,
        first_possible: possible.filter(|possible| first.is_some_and(|first| *possible < first)),
        last: lasts.max(),
        protection: "unknown".to_owned(),
        disclosed: way.disclosed,
        bytes,
        records: Bounds { lower: 0, upper: None },
        destinations: sorted(moved.iter().flat_map(|t| t.destinations())),
        hosts: sorted(
            moved
                .iter()
                .filter(|t| !is_of_log(t))
                .map(|t| &*t.from)
                .chain(told.iter().flat_map(|f| &f.entities.hosts).map(|host| &**host)),
        ),
        accounts: whose(bench, &moved, &told),
        findings: if state == State::NotExamined { in_part(bench, route) } else { cited },
        transfers: way.transfers.keys().map(ToString::to_string).collect(),
        chains: Vec::new(),
    }
}

/// What is said of a route of which nothing else is: what logs could show of it.
fn base(bench: &Bench<'_>, route: Route, observed: &BTreeSet<Route>) -> State {
    match (bench.open.contains_key(&route), observed.contains(&route)) {
        (true, _) => State::CannotTell,
        (false, true) => State::NoEvidence,
        (false, false) => State::NotExamined,
    }
}

/// Whether more may have moved by a route of a state than logs tell at most.
fn is_unbounded(bench: &Bench<'_>, (route, way): (Route, &Way<'_>), state: State) -> bool {
    let capped = |g: &Gap| g.reason == GapReason::Capped;
    let partly = || bench.sources.iter().any(|s| s.observes.contains(&route) && s.gaps.iter().any(capped));
    // A finding says that something left, and no log says how much.
    let unmeasured = state == State::Unexplained && way.transfers.is_empty() && !way.findings.is_empty();
    unmeasured
        || bench.open.contains_key(&route)
        || bench.unbounded.contains(&route)
        || partly()
        || gaps::silent(bench, route).is_some()
}

/// Whether a transfer is told of the log that shows it, because no record says which host it was.
fn is_of_log(t: &Transfer) -> bool {
    t.seen_by.iter().any(|log| *t.from == *log.log())
}

fn sorted<'t>(all: impl Iterator<Item = &'t str>) -> Vec<String> {
    all.collect::<BTreeSet<_>>().into_iter().map(str::to_owned).collect()
}

/// The accounts of transfers and of findings.
fn whose(bench: &Bench<'_>, moved: &[&Transfer], told: &[&Finding]) -> Vec<String> {
    let of_findings = told.iter().flat_map(|f| accounts(f, &bench.forgeable));
    distinct(moved.iter().flat_map(|t| &t.accounts).chain(of_findings).map(String::as_str))
}

/// So many findings are named of a way out that no log observes.
const IN_PART: usize = 20;

/// Findings that tell of a way out which no log observes as a whole.
fn in_part(bench: &Bench<'_>, route: Route) -> Vec<String> {
    let own = bench.findings.iter().filter(|f| f.route == Some(route) && f.kind != FindingKind::Indicator);
    own.map(|f| f.id.clone()).collect::<BTreeSet<_>>().into_iter().take(IN_PART).collect()
}

/// When transfers moved what carries a state: there are many of them.
#[derive(Default)]
struct Times {
    /// The first that is known.
    first: Option<Instant>,
    /// Not before then.
    possible: Option<Instant>,
    last: Option<Instant>,
}

impl Times {
    fn of(all: impl Iterator<Item = (First, Instant)>) -> Self {
        let earlier = |known: Option<Instant>, at| Some(known.map_or(at, |known| known.min(at)));
        all.fold(Self::default(), |times, (first, last)| Self {
            first: earlier(times.first, first.known),
            possible: earlier(times.possible, first.earliest),
            last: times.last.max(Some(last)),
        })
    }
}

/// When a transfer first and last moved what carries a state: where bytes count from the intrusion on, so does the time.
fn time_of(bench: &Bench<'_>, t: &Transfer, state: State) -> Option<(First, Instant)> {
    let Span { first, last } = t.time?;
    let begun = [movement::succeeded(bench, t), movement::begins(bench, t)].into_iter().flatten();
    let mut since = begun.filter(|since| state <= State::Accessed && *since > first);
    let first = since.find_map(|since| t.first_since(since)).unwrap_or(First { earliest: first, known: first });
    Some((first, last))
}

/// The transfers of a route with their bytes: at least those that carry its state; at most also those that are less
/// sure, and all else that the intruder's hosts and accounts sent that way. What left is what left from the intrusion on.
fn carrying<'a>(bench: &Bench<'a>, way: &Way<'a>, route: Route, state: State) -> Vec<(&'a Transfer, Bounds)> {
    let begun =
        |t: &Transfer| movement::begins(bench, t).or(bench.intruder.first).filter(|_| state == State::Exfiltrated);
    let most = |t: &Transfer| begun(t).map_or(t.bytes.upper, |first| t.most_since(first));
    let told = way.transfers.values().filter(|c| c.state <= State::Unexplained);
    let part = |t: &'a Transfer, lower| (t, Bounds { lower, upper: most(t) });
    let mut all: Vec<(&Transfer, Bounds)> =
        told.map(|c| part(c.transfer, if c.state == state { c.bytes } else { 0 })).collect();
    if state == State::Exfiltrated {
        let rest = bench.transfers.iter().copied().filter(|t| t.route == route && movement::guilty(bench, t));
        all.extend(rest.filter(|t| !way.transfers.contains_key(t.id.as_str())).map(|t| part(t, 0)));
    }
    // What a gateway seems to have passed on it may have sent itself.
    let passed = bench.transfers.iter().copied().filter(|t| t.route == route && t.passed_on.is_some());
    let known: BTreeSet<&str> = all.iter().map(|(t, _)| t.id.as_str()).collect();
    let passed: Vec<&Transfer> = passed.filter(|t| !known.contains(t.id.as_str())).collect();
    all.extend(passed.into_iter().map(|t| part(t, 0)));
    all
}

//! J-30 to J-33, J-35, J-36, J-38, and what J-14, J-16 and J-37 leave open: what the logs cannot tell.

use crate::model::coverage::{GapReason, SourceCoverage};
use crate::model::promise::{is_kind, shown_by};
use crate::model::rule::Route;
use crate::model::time::{HOUR_SECS, Instant};
use crate::model::whose::UNATTRIBUTED;

use super::Bench;

/// Opens the routes that the evidence should show and does not.
pub fn clauses(bench: &mut Bench<'_>) {
    promises(bench);
    damaged(bench);
    unread(bench);
    unlogged(bench);
    unjudged(bench);
    edge(bench);
    behind(bench);
    if bench.sources.iter().all(|s| s.observes.is_empty()) {
        let text = "no log in the evidence shows a way out of this scope";
        bench.reason("J-33", text.to_owned(), Vec::new());
        open(bench, Route::Network, "any log of this scope's traffic".to_owned());
    }
}

/// J-32: whether the whole intrusion was watched at the edge.
fn edge(bench: &mut Bench<'_>) {
    if !bench.intruder.is_shown() {
        return;
    }
    let text = match bench.intruder.first.zip(bench.intruder.last) {
        Some((first, last)) if edge_covers(bench, first, last) => return,
        Some((first, last)) => format!("no log of bytes at the edge covers the intrusion, {first} to {last}"),
        None => "no record says when the intrusion was, so that nothing can be tied to it by time".to_owned(),
    };
    bench.reason("J-32", text, bench.intruder.proofs.clone());
    open(bench, Route::Network, "firewall, proxy or flow log with bytes".to_owned());
}

/// J-38: the ways out behind a proxy that only the edge shows.
fn behind(bench: &mut Bench<'_>) {
    if !bench.intruder.is_shown() {
        return;
    }
    let (coverage, scope) = (bench.coverage, bench.scope.clone());
    for referred in coverage.referred.iter().filter(|r| r.scope == scope) {
        let text = format!("clients use the proxy {}, of which no log is there", referred.system);
        bench.reason("J-38", text, bench.intruder.proofs.clone());
        for route in &referred.routes {
            open(bench, *route, format!("the log of the proxy {}", referred.system));
        }
    }
}

fn promises(bench: &mut Bench<'_>) {
    let whose = bench.whose;
    for promise in &whose.promises {
        let mine = promise.scope.as_ref().is_none_or(|name| *name == bench.scope);
        let Some(gap) = whose.broken(promise, &bench.coverage.sources).filter(|_| mine) else { continue };
        bench.reason("J-30", format!("the promised {} log is missing or too short", promise.source), Vec::new());
        for route in shown_by(&promise.source) {
            let shows = |s: &SourceCoverage| {
                s.observes.contains(route) && !s.unlogged.contains(route) && !is_kind(s, &promise.source)
            };
            let period = gap.from.zip(gap.to);
            if !period.is_some_and(|(from, to)| covered(bench, from, to, &shows)) {
                open(bench, *route, format!("{} log", promise.source));
            }
        }
    }
}

/// Sources that speak of the scope and do not tell all.
fn damaged(bench: &mut Bench<'_>) {
    for source in bench.sources.clone() {
        for gap in &source.gaps {
            let what = match gap.reason {
                GapReason::Cleared => "was cleared",
                GapReason::NotRead => "could not be read in full",
                GapReason::Capped => "holds more conversations than are kept apart",
                GapReason::FindingsCapped => "holds more hits than are kept",
                _ => continue,
            };
            let matters = |route: &Route| gap.reason != GapReason::Capped || matters(bench, *route);
            let routes: Vec<Route> = if source.observes.is_empty() {
                vec![Route::Network]
            } else {
                source.observes.iter().copied().filter(matters).collect()
            };
            if routes.is_empty() {
                continue;
            }
            bench.reason("J-31", format!("{} {what}", source.source), Vec::new());
            let needs = match gap.reason {
                GapReason::Capped | GapReason::FindingsCapped => format!("{} in smaller parts", source.source),
                _ => format!("another copy of {}", source.source),
            };
            for route in routes {
                open(bench, route, needs.clone());
            }
        }
    }
}

/// Containers and sources that could not be read and that could hold logs of the scope.
fn unread(bench: &mut Bench<'_>) {
    let all = bench.coverage;
    let lost = |s: &&SourceCoverage| s.scopes.is_empty() && s.gaps.iter().any(|g| g.reason == GapReason::NotRead);
    let mut names: Vec<&str> = all.sources.iter().filter(lost).map(|s| s.source.as_str()).collect();
    names.retain(|name| !bench.sources.iter().any(|s| s.source.as_str() == *name));
    names.extend(all.gaps.iter().filter(|g| g.reason == GapReason::NotRead).map(|g| g.source.as_str()));
    names.sort_unstable();
    names.dedup();
    for name in names {
        // The leaf of a compressed file has the file's own name: what was lost of it is of the same log.
        let leaf = all.sources.iter().find(|s| s.source.as_str() == name).filter(|s| !s.scopes.is_empty());
        let own = leaf.filter(|leaf| bench.sources.iter().any(|s| s.source == leaf.source));
        let may_hold = own.is_some() || leaf.is_none() && bench.whose.could_hold(name, &bench.scope);
        if !bench.is_tenant() || !may_hold {
            continue;
        }
        bench.reason("J-31", format!("{name} could not be read and may hold logs of this scope"), Vec::new());
        let routes = own.map(|leaf| leaf.observes.clone()).filter(|routes| !routes.is_empty());
        for route in routes.unwrap_or_else(|| vec![Route::Network]) {
            open(bench, route, format!("a readable copy of {name}"));
        }
    }
}

/// What was served matters only once there is somebody to whom it must not have been served.
fn matters(bench: &Bench<'_>, route: Route) -> bool {
    bench.intruder.is_shown() || !matches!(route, Route::WebResponse | Route::SaasDownload)
}

/// Routes that a log shows without the bytes that leave by them, where no other log states these.
fn unlogged(bench: &mut Bench<'_>) {
    for source in bench.sources.clone() {
        let stated = |route: Route| {
            let states = |s: &SourceCoverage| {
                s.source != source.source && s.observes.contains(&route) && !s.unlogged.contains(&route)
            };
            source.from.zip(source.to).is_some_and(|(from, to)| covered(bench, from, to, &states))
        };
        let open_to: Vec<Route> = source.unlogged.iter().copied().filter(|route| !stated(*route)).collect();
        bench.unbounded.extend(&open_to);
        let open_to: Vec<Route> = open_to.into_iter().filter(|route| matters(bench, *route)).collect();
        if open_to.is_empty() {
            continue;
        }
        let what = source.not_logged.join(", ");
        bench.reason("J-35", format!("{} does not state {what}", source.source), Vec::new());
        let needs = format!("firewall, flow or proxy log that states what {} does not: {what}", source.source);
        for route in open_to {
            open(bench, route, needs.clone());
        }
    }
}

/// Routes that logs show and that this version does not judge.
fn unjudged(bench: &mut Bench<'_>) {
    if bench.sources.iter().any(|s| s.observes.contains(&Route::RemoteAccess)) {
        let text = "remote_access: observed, not judged by this version";
        bench.reason("J-36", text.to_owned(), Vec::new());
        open(bench, Route::RemoteAccess, "a review of the remote sessions in the Windows logs".to_owned());
    }
}

/// Whether logs of bytes at the edge, together, leave no stretch of the period out. A log that holds traffic of the
/// scope, or of a shared service that acts for it, stands at the edge of its hosts.
fn edge_covers(bench: &Bench<'_>, first: Instant, last: Instant) -> bool {
    let edge = |r: &Route| matches!(r, Route::Network | Route::HttpsUpload);
    covered(bench, first, last, &|s| s.observes.iter().any(edge) && s.not_logged.is_empty())
}

/// Whether those logs of the scope's hosts that state something leave no stretch of a period out.
fn covered(bench: &Bench<'_>, first: Instant, last: Instant, states: &dyn Fn(&SourceCoverage) -> bool) -> bool {
    let acts = |name: &String| {
        let shared = bench.whose.tenants.iter().find(|t| t.name == *name);
        shared.is_some_and(|t| t.shared && t.processor_of.contains(&bench.scope))
    };
    let speaks =
        |s: &&SourceCoverage| bench.sources.iter().any(|own| own.source == s.source) || s.scopes.iter().any(acts);
    let mut stretches: Vec<(Instant, Instant)> = Vec::new();
    for source in bench.coverage.sources.iter().filter(speaks) {
        if states(source) {
            stretches.extend(observed(source));
        }
    }
    stretches.sort_unstable();
    let mut reached = first;
    for (from, to) in stretches {
        if from > reached {
            return false;
        }
        reached = reached.max(to);
        if reached >= last {
            return true;
        }
    }
    false
}

/// Whether a log of a way out falls silent for a time of which no other log tells.
pub fn silent(bench: &Bench<'_>, route: Route) -> bool {
    let shows = |s: &SourceCoverage| s.observes.contains(&route) && !s.unlogged.contains(&route);
    bench.sources.iter().filter(|s| s.observes.contains(&route)).flat_map(|s| &s.gaps).any(|gap| {
        let period = gap.from.zip(gap.to).filter(|_| gap.reason == GapReason::Silent);
        period.is_some_and(|(from, to)| !covered(bench, from, to, &shows))
    })
}

/// The stretches of time in which a source was watching. A log need not hold a record in the very hour in which it
/// begins or ends.
fn observed(source: &SourceCoverage) -> Vec<(Instant, Instant)> {
    let Some((from, to)) = source.from.zip(source.to) else { return Vec::new() };
    let mut open = vec![(from.plus_secs(-HOUR_SECS), to.plus_secs(HOUR_SECS))];
    for gap in &source.gaps {
        let cut = |(from, to): (Instant, Instant)| {
            let (begin, end) = (gap.from.unwrap_or(from), gap.to.unwrap_or(to));
            if end < from || to < begin {
                return vec![(from, to)];
            }
            let mut left = Vec::new();
            left.extend((from < begin).then_some((from, begin)));
            left.extend((end < to).then_some((end, to)));
            left
        };
        open = open.into_iter().flat_map(cut).collect();
    }
    open
}

impl Bench<'_> {
    /// Whether this is a scope of its own, and not only what fits none of those given.
    fn is_tenant(&self) -> bool {
        self.scope != UNATTRIBUTED || self.whose.tenants.is_empty()
    }
}

/// Opens a route; says what would close it.
pub fn open(bench: &mut Bench<'_>, route: Route, needs: String) {
    let list = bench.open.entry(route).or_default();
    if !list.contains(&needs) {
        list.push(needs.clone());
    }
    if !bench.collect.contains(&needs) {
        bench.collect.push(needs);
    }
}

//! J-30 to J-33: what the logs cannot tell.

use crate::model::coverage::{GapReason, SourceCoverage};
use crate::model::rule::Route;
use crate::model::time::{HOUR_SECS, Instant};
use crate::model::whose::{UNATTRIBUTED, shown_by};

use super::Bench;

/// Opens the routes that the evidence should show and does not.
pub fn clauses(bench: &mut Bench<'_>) {
    promises(bench);
    damaged(bench);
    unread(bench);
    if let Some((first, last)) = bench.intruder.first.zip(bench.intruder.last)
        && !edge_covers(bench, first, last)
    {
        let text = format!("no log of bytes at the edge covers the intrusion, {first} to {last}");
        bench.reason("J-32", text, bench.intruder.proofs.clone());
        open(bench, Route::Network, "firewall, proxy or flow log with bytes".to_owned());
    }
    if bench.sources.iter().all(|s| s.observes.is_empty()) && bench.is_tenant() {
        let text = "no log in the evidence shows a way out of this scope";
        bench.reason("J-33", text.to_owned(), Vec::new());
        open(bench, Route::Network, "any log of this scope's traffic".to_owned());
    }
}

fn promises(bench: &mut Bench<'_>) {
    let whose = bench.whose;
    for promise in &whose.promises {
        let mine = promise.scope.as_ref().is_none_or(|name| *name == bench.scope);
        if mine && whose.broken(promise, &bench.coverage.sources).is_some() {
            bench.reason("J-30", format!("the promised {} log is missing or too short", promise.source), Vec::new());
            for route in shown_by(&promise.source) {
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
                _ => continue,
            };
            // What was served matters only once there is somebody to whom it must not have been served.
            let matters = |route: &Route| {
                gap.reason != GapReason::Capped
                    || bench.intruder.is_shown()
                    || !matches!(route, Route::WebResponse | Route::SaasDownload)
            };
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
                GapReason::Capped => format!("{} in smaller parts", source.source),
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
    let lost = |s: &&SourceCoverage| s.scopes.is_empty() && s.gaps.iter().any(|g| g.reason == GapReason::NotRead);
    let sources = bench.coverage.sources.iter().filter(lost).map(|s| s.source.as_str());
    let containers = bench.coverage.gaps.iter().filter(|g| g.reason == GapReason::NotRead).map(|g| g.source.as_str());
    let mut names: Vec<&str> = sources.chain(containers).collect();
    names.sort_unstable();
    names.dedup();
    let told = |name: &&str| bench.sources.iter().any(|s| s.source.as_str() == *name);
    names.retain(|name| !told(name) && bench.is_tenant() && bench.whose.could_hold(name, &bench.scope));
    for name in names {
        bench.reason("J-31", format!("{name} could not be read and may hold logs of this scope"), Vec::new());
        open(bench, Route::Network, format!("a readable copy of {name}"));
    }
}

/// Whether logs of bytes at the edge, together, leave no stretch of the period out. A log that holds traffic of the
/// scope, or of a shared service that acts for it, stands at the edge of its hosts.
fn edge_covers(bench: &Bench<'_>, first: Instant, last: Instant) -> bool {
    let acts = |name: &String| {
        let shared = bench.whose.tenants.iter().find(|t| t.name == *name);
        shared.is_some_and(|t| t.shared && t.processor_of.contains(&bench.scope))
    };
    let speaks =
        |s: &&SourceCoverage| bench.sources.iter().any(|own| own.source == s.source) || s.scopes.iter().any(acts);
    let edge = |r: &Route| matches!(r, Route::Network | Route::HttpsUpload);
    let mut stretches: Vec<(Instant, Instant)> = Vec::new();
    for source in bench.coverage.sources.iter().filter(speaks) {
        if source.observes.iter().any(edge) && source.not_logged.is_empty() {
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

fn open(bench: &mut Bench<'_>, route: Route, needs: String) {
    let list = bench.open.entry(route).or_default();
    if !list.contains(&needs) {
        list.push(needs.clone());
    }
    if !bench.collect.contains(&needs) {
        bench.collect.push(needs);
    }
}

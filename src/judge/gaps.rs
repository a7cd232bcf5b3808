//! J-30 to J-33: what the logs cannot tell.

use crate::model::coverage::GapReason;
use crate::model::rule::Route;
use crate::model::whose::{UNATTRIBUTED, shown_by};

use super::Bench;

/// Opens the routes that the evidence should show and does not.
pub fn clauses(bench: &mut Bench<'_>) {
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
    for source in bench.sources.clone() {
        for gap in source.gaps.iter().filter(|g| matches!(g.reason, GapReason::Cleared | GapReason::NotRead)) {
            let word = if gap.reason == GapReason::Cleared { "was cleared" } else { "could not be read in full" };
            bench.reason("J-31", format!("{} {word}", source.source), Vec::new());
            let routes = if source.observes.is_empty() { &[Route::Network][..] } else { &source.observes };
            for route in routes {
                open(bench, *route, format!("another copy of {}", source.source));
            }
        }
    }
    if let Some((first, last)) = bench.intruder.first.zip(bench.intruder.last) {
        let edge = |r: &Route| matches!(r, Route::Network | Route::HttpsUpload);
        let whole = bench.sources.iter().any(|s| {
            let silent =
                s.gaps.iter().any(|g| g.from.is_none_or(|from| from <= last) && g.to.is_none_or(|to| first <= to));
            let spans = s.from.is_some_and(|from| from <= first) && s.to.is_some_and(|to| last <= to);
            s.observes.iter().any(edge) && spans && !silent && s.not_logged.is_empty()
        });
        if !whole {
            let text = format!("no log of bytes at the edge covers the intrusion, {first} to {last}");
            bench.reason("J-32", text, bench.intruder.proofs.clone());
            open(bench, Route::Network, "firewall, proxy or flow log with bytes".to_owned());
        }
    }
    if bench.sources.is_empty() && bench.scope != UNATTRIBUTED {
        bench.reason("J-33", "no log in the evidence speaks of this scope".to_owned(), Vec::new());
        open(bench, Route::Network, "any log of this scope's systems".to_owned());
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

//! J-10, J-12, J-14: data that services of the organisation served to an intruder.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::finding::Finding;
use crate::model::place::Locator;
use crate::model::rule::Route;
use crate::model::transfer::{Since, Transfer};
use crate::model::verdict::State;

use super::movement::{LEFT_BYTES, SHOWN_BYTES, cite, since, undated};
use super::{Bench, visitors};

/// J-10, J-12, J-14: data served by one way out to the addresses of the intruder.
pub(super) fn served<'a>(bench: &mut Bench<'a>, route: Route, transfers: &[&'a Transfer]) {
    let parts: Vec<(&'a Transfer, Since)> = transfers.iter().map(|t| (*t, since(bench, t))).collect();
    let sum = |take: fn(&Since) -> u64| parts.iter().map(|(_, part)| take(part)).fold(0, u64::saturating_add);
    let (sure, perhaps) = (sum(|part| part.sure), sum(|part| part.perhaps));
    if sure < LEFT_BYTES && perhaps >= LEFT_BYTES {
        let what = match transfers {
            [one] => format!("{perhaps} bytes, {} to {}", one.from, one.to),
            many => format!("{perhaps} bytes in {} transfers to the intruder", many.len()),
        };
        undated(bench, route, what, transfers);
    }
    let mut by_address: BTreeMap<&str, Vec<(&'a Transfer, Since)>> = BTreeMap::new();
    for (t, part) in parts {
        by_address.entry(&t.to).or_default().push((t, part));
    }
    let mut left: Vec<Vec<(&'a Transfer, Since)>> = by_address.into_values().collect();
    left.retain(|parts| !given(bench, parts, LEFT_BYTES));
    if !given(bench, &left.concat(), LEFT_BYTES) {
        left.retain(|parts| !given(bench, parts, SHOWN_BYTES));
        given(bench, &left.concat(), SHOWN_BYTES);
    }
    visitors::read(bench, route, transfers);
}

/// States what was served to one address of the intruder, or to several together, if it is enough.
fn given<'a>(bench: &mut Bench<'a>, parts: &[(&'a Transfer, Since)], least: u64) -> bool {
    let sure = parts.iter().fold(0, |all: u64, (_, part)| all.saturating_add(part.sure));
    if sure < least {
        return false;
    }
    let (clause, state) = if least == LEFT_BYTES { ("J-10", State::Exfiltrated) } else { ("J-12", State::Accessed) };
    let mut parts = parts.to_vec();
    parts.retain(|(_, part)| part.sure > 0);
    let to: BTreeSet<&str> = parts.iter().map(|(t, _)| t.to.as_str()).collect();
    if to.len() > 1 {
        let what = format!("served to the intruder: at least {sure} bytes together, to {} addresses of it", to.len());
        let ids = cite(bench, parts.iter().map(|(t, _)| *t));
        bench.reason(clause, what, ids);
    }
    for (t, Since { sure, .. }) in parts {
        if to.len() == 1 {
            let ids = cite(bench, [t]);
            let what = format!("served to the intruder: at least {sure} bytes, {} to {}", t.from, t.to);
            bench.reason(clause, what, ids);
        }
        bench.count(t, sure, state).disclosed = true;
    }
    true
}

/// Whether an intruder was served what most others get, and by nothing into which it is shown to have got.
pub(super) fn is_for_everybody(bench: &mut Bench<'_>, t: &Transfer) -> bool {
    let Some(others) = bench.alike.told(t) else { return false };
    let logs = logs_of(bench, t);
    let got_in = |f: &Finding| {
        f.entities.sources.iter().any(|from| *from == *t.to) && f.evidence.iter().any(|e| logs.contains(&e.source))
    };
    let is_attacked = bench.findings.iter().any(|f| bench.intruder.proofs.contains(&f.id) && got_in(f));
    if !is_attacked {
        let text = format!("what {} was served is no sign by its amount: {others}", t.to);
        bench.against("J-12", text, vec![t.id.to_string()]);
    }
    !is_attacked
}

/// The logs of what served something: its own, and those of what passed it on to the same address.
fn logs_of<'a>(bench: &Bench<'a>, t: &'a Transfer) -> BTreeSet<&'a Locator> {
    let passes_on = |other: &&&Transfer| {
        other.to == t.to && other.passed_on.as_ref().is_some_and(|of| of.hosts.iter().any(|host| *host == *t.from))
    };
    let more = bench.transfers.iter().filter(passes_on).flat_map(|other| other.seen_by.iter());
    t.seen_by.iter().chain(more).collect()
}

//! J-81, J-82: what an address did that a log says was given to an intruder.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::assigned::{Giver, Joined};
use crate::model::time::Instant;
use crate::model::transfer::Transfer;
use crate::model::verdict::State;
use crate::model::whose::Whose;

use super::intrusion::Intruder;
use super::{Bench, gaps, movement};

/// From when on a transfer is the intruder's because of whom an address was given to: the session came from its address or
/// by its account, or the host is its. Of joins that are `sure`, or of those that are not; `None` where it is nobody's.
pub fn begins(bench: &Bench<'_>, t: &Transfer, sure: bool) -> Option<Instant> {
    let told = told(bench.whose, &t.joined).filter(|joined| joined.sure == sure);
    told.filter_map(|joined| of(bench, joined)).min()
}

/// Joins by which something may be somebody's: not that a firewall translated the address of a host of the inventory, where another one
/// says that this was another host's then.
pub fn told<'j>(whose: &Whose, all: &'j [Joined]) -> impl Iterator<Item = &'j Joined> {
    let is_anothers = |joined: &Joined| whose.denied(&whose.entity_of(&joined.host), all).is_some();
    all.iter().filter(move |joined| joined.kind != Giver::Nat || !is_anothers(joined))
}

fn of(bench: &Bench<'_>, joined: &Joined) -> Option<Instant> {
    since(&bench.intruder, bench.whose, joined)
}

/// From when on who held an address is the intruder, or a host of its.
pub fn since(intruder: &Intruder, whose: &Whose, joined: &Joined) -> Option<Instant> {
    let logs = std::slice::from_ref(&joined.by.source);
    // Where an account was at work says nothing of the host on which it was.
    let is_logon = joined.kind == Giver::Logon;
    let came = !is_logon && intruder.came_from.contains(&joined.peer);
    let acts = || !joined.account.is_empty() && intruder.has_account(&joined.account, logs);
    let by_session = intruder.first.filter(|_| came || acts());
    let host = Some(&joined.host).filter(|host| !host.is_empty() && !is_logon);
    by_session.or_else(|| intruder.has_host(&whose.entity(host?)))
}

/// Whether a log says that an address may have been given to somebody by then who is not the intruder, nor a host of its.
pub fn is_anothers<'j>(intruder: &Intruder, whose: &Whose, joined: impl IntoIterator<Item = &'j Joined>) -> bool {
    joined.into_iter().any(|of| of.is_lent() && since(intruder, whose, of).is_none())
}

/// Whether a join tells who held the address that a firewall translated, by another one of these.
fn is_inner(joined: &Joined, all: &[Joined]) -> bool {
    joined.is_lent() && all.iter().any(|outer| outer.kind == Giver::Nat && outer.host == joined.address)
}

/// Whether who held an address is the intruder, or a host of its: by the join, or by one that tells who held the address behind it.
fn is_theirs(bench: &Bench<'_>, joined: &Joined, all: &[Joined]) -> bool {
    let is_behind = |inner: &&Joined| joined.kind == Giver::Nat && inner.address == joined.host && inner.is_lent();
    let is_its = |joined: &Joined| told(bench.whose, all).any(|other| other == joined) && of(bench, joined).is_some();
    is_its(joined) || all.iter().filter(is_behind).any(|inner| of(bench, inner).is_some())
}

/// The hosts behind a translated address that sent what came from there, each alone and for sure: by who held their addresses then, where
/// a log says so.
fn behind(whose: &Whose, t: &Transfer) -> BTreeSet<String> {
    let all = &t.joined;
    let sure = all.iter().filter(|joined| joined.sure && joined.kind == Giver::Nat && joined.address == *t.from);
    let named = |outer: &Joined| {
        let inner = all.iter().find(|inner| inner.sure && inner.address == outer.host && !inner.host.is_empty());
        whose.entity(&inner.filter(|inner| inner.is_lent()).unwrap_or(outer).host)
    };
    sure.map(named).collect()
}

/// Which host sent it: the one to which a log says for sure that its address was given, where the inventory has that as another one's.
pub fn holder<'t>(whose: &Whose, t: &'t Transfer) -> &'t str {
    whose.denied(&t.from, &t.joined).map_or(&*t.from, |of| &of.host)
}

/// Who sent these, for people: the hosts behind the address from which they came, where that is translated and each was one's alone; or
/// the host to which a log says that it was given, where the inventory has it as another one's.
pub fn sender(whose: &Whose, from: &str, transfers: &[&Transfer]) -> String {
    let lent: BTreeSet<&str> = transfers.iter().map(|t| holder(whose, t)).collect();
    if let Some(host) = lent.first().filter(|host| lent.len() == 1 && **host != from) {
        return format!("{host} ({from} by the inventory)");
    }
    let hosts: Vec<BTreeSet<String>> = transfers.iter().map(|t| behind(whose, t)).collect();
    let is_told = !hosts.is_empty() && hosts.iter().all(|of| of.len() == 1);
    let hosts: Vec<String> = hosts.into_iter().flatten().collect::<BTreeSet<_>>().into_iter().collect();
    if is_told { format!("{} (as {from})", hosts.join(", ")) } else { from.to_owned() }
}

/// J-82: leaves the way open by which data may have gone to the intruder, or away from its host.
pub fn perhaps<'a>(bench: &mut Bench<'a>, t: &'a Transfer) {
    // Where logs tell of those behind an address, what they sent is judged there.
    if t.passed_on.is_some() && t.joined.iter().all(|joined| joined.kind == Giver::Nat || is_inner(joined, &t.joined)) {
        return;
    }
    // What is the intruder's from then on anyway is counted.
    let is_more = |first: &Instant| movement::begins(bench, t).is_none_or(|known| known > *first);
    let may = begins(bench, t, false).filter(is_more).is_some_and(|first| movement::in_time(bench, t, first));
    if !may || t.bytes.upper.is_some_and(|upper| upper < movement::SHOWN_BYTES) {
        return;
    }
    let theirs: Vec<&Joined> = t.joined.iter().filter(|joined| is_theirs(bench, joined, &t.joined)).collect();
    let is_other = |joined: &&Joined| !is_inner(joined, &t.joined) && !is_theirs(bench, joined, &t.joined);
    let others = t.joined.iter().filter(is_other).count();
    let others = if others > 0 { format!(" and {others} others may have held it") } else { String::new() };
    let why: Vec<&str> = theirs.iter().map(|joined| joined.reason.as_str()).collect();
    let text = format!("may be the intruder's: {} to {}: {}{others}", t.from, t.to, why.join("; "));
    let needs = format!("the whole log that says who held {}", theirs.first().map_or(&*t.to, |joined| &joined.address));
    let ids = bench.intruder.proofs.iter().cloned().chain([t.id.to_string()]).collect();
    bench.reason("J-82", text, ids);
    gaps::open(bench, t.route, needs);
}

/// J-81: states the joins on which what counts as lost rests.
pub fn clauses(bench: &mut Bench<'_>) {
    let counted = bench.ways.values().flat_map(|way| way.transfers.values());
    let lost = counted.filter(|counted| counted.state <= State::Accessed).map(|counted| counted.transfer);
    let rests = lost.flat_map(|t| {
        let sure = t.joined.iter().filter(|joined| joined.sure && is_theirs(bench, joined, &t.joined));
        sure.map(|joined| (format!("{} (by {}, offset {})", joined.reason, joined.by.source, joined.by.offset), &t.id))
    });
    for (reason, id) in rests.map(|(reason, id)| (reason, id.to_string())).collect::<Vec<_>>() {
        bench.reason("J-81", reason, vec![id]);
    }
    contradictions(bench);
}

/// J-81: states where a log says that an address was another one's than the inventory does, or may have been.
fn contradictions(bench: &mut Bench<'_>) {
    let whose = bench.whose;
    if whose.known.is_empty() {
        return;
    }
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut add = |host: &str, all: &[Joined], id: &str| {
        if let Some(joined) = whose.denied(host, all).or_else(|| whose.contradicted(host, all, false)) {
            told.entry(against_inventory(host, joined)).or_default().push(id.to_owned());
        }
    };
    for t in &bench.transfers {
        add(&t.from, &t.joined, &t.id);
        let behind =
            t.joined.iter().filter(|joined| joined.kind == Giver::Nat).map(|joined| whose.entity_of(&joined.host));
        behind.for_each(|host| add(&host, &t.joined, &t.id));
    }
    for f in bench.findings.iter().filter(|f| !f.joined.is_empty()) {
        f.entities.sources.iter().for_each(|from| add(&whose.entity_of(from), &f.joined, &f.id));
    }
    for (text, ids) in told {
        bench.against("J-81", text, ids);
    }
}

fn against_inventory(host: &str, joined: &Joined) -> String {
    let Joined { address, reason, by, .. } = joined;
    let weighed = if joined.sure { "and a log goes before it" } else { "which stands, but a log is against it" };
    format!("{address} is {host}'s by the inventory, {weighed}: {reason} (by {}, offset {})", by.source, by.offset)
}

//! J-95: what an intruder did with data before anything showed it to be one.
//!
//! Data is packed and sent before what is loud: encryption, or logs that are cleared. That somebody packs or sends data proves nothing
//! by itself; that the same account on the same host is an intruder's within a day does, for then it was at work already.

use std::collections::BTreeSet;

use crate::model::finding::Finding;
use crate::model::place::Locator;
use crate::model::rule::Outcome;
use crate::model::transfer::Transfer;
use crate::model::whose::{Side, Whose, same_host};

use super::intrusion::{DAY_SECS, Intruder, accounts, is_data, is_grave, shares_account};
use super::signals::is_signal;
use super::{Bench, reached};

/// Has the intruder begun with what it did with data within a day before its first sign; gives the findings that say so, by time.
pub(super) fn begin<'a>(
    intruder: &mut Intruder,
    findings: &[&'a Finding],
    transfers: &[&Transfer],
    (whose, forgeable): (&Whose, &BTreeSet<&Locator>),
) -> Vec<&'a Finding> {
    let Some(first) = intruder.first.filter(|_| intruder.is_shown()) else { return Vec::new() };
    let is_before = |f: &Finding| f.time.first.is_some_and(|at| at < first && at >= first.plus_secs(-DAY_SECS));
    let is_done = |f: &Finding| is_grave(f) && is_data(f) && !is_signal(f) && f.outcome == Outcome::Succeeded;
    let is_allowed = |f: &Finding| transfers.iter().any(|t| t.sanctioned.is_some() && is_of(f, t, whose, forgeable));
    let is_its = |f: &&&Finding| is_done(f) && is_before(f) && acts_as(intruder, f, whose, forgeable) && !is_allowed(f);
    let mut earlier: Vec<&Finding> = findings.iter().filter(is_its).copied().collect();
    earlier.sort_by_key(|f| (f.time.first, f.id.as_str()));
    if let Some(began) = earlier.first().and_then(|f| f.time.first) {
        intruder.first = Some(began);
        intruder.reached = reached::of(findings, intruder, whose);
    }
    earlier
}

/// Whether what a finding tells of was done by an account of the intruder, or, where it names none, on a host of it.
fn acts_as(intruder: &Intruder, f: &Finding, whose: &Whose, forgeable: &BTreeSet<&Locator>) -> bool {
    let logs: Vec<Locator> = f.evidence.iter().map(|e| e.source.clone()).collect();
    match accounts(f, forgeable) {
        [] => hosts(f, whose).any(|host| intruder.hosts.iter().any(|own| same_host(own, &host))),
        names => names.iter().any(|account| intruder.has_account(account, &logs)),
    }
}

fn hosts<'f>(f: &'f Finding, whose: &'f Whose) -> impl Iterator<Item = String> + 'f {
    let inside = f.entities.sources.iter().filter(|from| whose.side(from) == Side::Inside);
    inside.chain(&f.entities.hosts).map(|host| whose.entity(host))
}

/// Whether a finding tells of the host or account of a transfer.
fn is_of(f: &Finding, t: &Transfer, whose: &Whose, forgeable: &BTreeSet<&Locator>) -> bool {
    let from = whose.entity(&t.from);
    hosts(f, whose).any(|host| same_host(&host, &from)) || shares_account(f, &t.accounts, &t.seen_by, forgeable)
}

/// States with what the intruder began.
pub(super) fn clauses(bench: &mut Bench<'_>) {
    for f in bench.earlier.clone() {
        let text = format!("within a day before its first sign the intruder was at work with data already: {}", f.text);
        bench.reason("J-95", text, vec![f.id.clone()]);
    }
}

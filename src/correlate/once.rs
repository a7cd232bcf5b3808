//! Bytes of which two transfers tell, because what one names passed through the other: they are counted with the one that is nearer
//! to who sent them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::model::assigned::Giver;
use crate::model::rule::Route;
use crate::model::transfer::{Dated, Transfer};
use crate::model::whose::Whose;

use super::gateways;

/// Takes from what went through a tunnel at least what logs tell of those that were asked in it.
pub(super) fn tunnels(transfers: &mut [Transfer]) {
    let mut inside: HashMap<String, u64> = HashMap::new();
    for t in transfers.iter().filter(|t| t.route == Route::RemoteAccess && !t.is_tunnel()) {
        let sum = inside.entry(t.to.to_string()).or_default();
        *sum = sum.saturating_add(t.bytes.lower);
    }
    for t in transfers.iter_mut().filter(|t| t.is_tunnel()) {
        let left = t.bytes.lower.saturating_sub(inside.get(t.to.as_str()).copied().unwrap_or(0));
        carry(t, left);
    }
}

/// Takes from what came from an address to which a firewall translates those of hosts at least what logs tell of these hosts at
/// that time, to the same destination by whatever way out. Gives the positions of those of which it took some.
pub(super) fn translated(whose: &Whose, transfers: &mut [Transfer]) -> BTreeSet<u32> {
    let outer: Vec<usize> = (0..transfers.len()).filter(|at| is_translated(&transfers[*at])).collect();
    let mut told = Vec::new();
    if !outer.is_empty() {
        let inner = inner(whose, transfers, &outer);
        told.extend(outer.iter().filter_map(|at| Some((*at, behind(whose, transfers, *at, &inner)?))));
    }
    for (at, from) in &told {
        let covered = from.iter().map(|sent| during(&transfers[*sent as usize], &transfers[*at]));
        let left = transfers[*at].bytes.lower.saturating_sub(covered.fold(0, u64::saturating_add));
        let of = gateways::told(&transfers[*at].scope, from, transfers);
        carry(&mut transfers[*at], left);
        transfers[*at].passed_on = Some(Box::new(of));
    }
    told.iter().filter_map(|(at, _)| u32::try_from(*at).ok()).collect()
}

fn is_translated(t: &Transfer) -> bool {
    t.joined.iter().any(|joined| joined.kind == Giver::Nat)
}

/// By host and destination, the positions of its transfers.
type Inner = BTreeMap<(String, String), Vec<u32>>;

/// What the hosts that stood behind these sent themselves.
fn inner(whose: &Whose, transfers: &[Transfer], outer: &[usize]) -> Inner {
    let joined = outer.iter().flat_map(|at| transfers[*at].joined.iter());
    let hosts: BTreeSet<String> = joined.map(|joined| whose.entity(&joined.host)).collect();
    let mut inner = Inner::new();
    for (at, t) in (0u32..).zip(transfers).filter(|(_, t)| hosts.contains(&*t.from) && !is_translated(t)) {
        for to in t.destinations() {
            inner.entry((t.from.to_string(), to.to_owned())).or_default().push(at);
        }
    }
    inner
}

/// The transfers of those behind one, to the same destination and at the time of it; `None` where there is none.
fn behind(whose: &Whose, transfers: &[Transfer], at: usize, inner: &Inner) -> Option<Vec<u32>> {
    let t = &transfers[at];
    let hosts: BTreeSet<String> = t.joined.iter().map(|joined| whose.entity(&joined.host)).collect();
    let keys = hosts.iter().flat_map(|host| t.destinations().map(move |to| (host.clone(), to.to_owned())));
    let all: BTreeSet<u32> = keys.filter_map(|key| inner.get(&key)).flatten().copied().collect();
    let all: Vec<u32> = all.into_iter().filter(|sent| during(&transfers[*sent as usize], t) > 0).collect();
    (!all.is_empty()).then_some(all)
}

/// At least so many bytes of a transfer in the hours of another one, give or take one, with those of an unknown time.
fn during(sent: &Transfer, of: &Transfer) -> u64 {
    let Some(span) = of.time else { return sent.bytes.lower };
    let hours = span.first.hour() - 1..=span.last.hour() + 1;
    let timed = sent.by_end().filter(|(hour, _)| hours.contains(hour)).map(|(_, bytes)| bytes);
    timed.fold(sent.untimed(), u64::saturating_add)
}

/// Lowers what moved at least to so much, as to what the names of a tunnel carry: a part of each, taken to be the same at all times.
pub(super) fn carry(t: &mut Transfer, bytes: u64) {
    let whole = u128::from(t.bytes.lower.max(1));
    let bytes = bytes.min(t.bytes.lower);
    let part = |of: u64| u64::try_from(u128::from(of) * u128::from(bytes) / whole).unwrap_or(of);
    t.hour_bytes.iter_mut().for_each(|hour| *hour = part(*hour));
    t.dated.iter_mut().flat_map(Dated::bytes_mut).for_each(|bytes| *bytes = part(*bytes));
    t.bytes.lower = bytes;
}

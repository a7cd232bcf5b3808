//! Bytes of which two transfers tell, because what one names passed through the other: they are counted with the one that is nearer
//! to who sent them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::model::assigned::Giver;
use crate::model::rule::Route;
use crate::model::time::{SKEW_SECS, Span};
use crate::model::transfer::{Dated, Transfer};
use crate::model::whose::Whose;

use super::{World, gateways, translated};

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

/// Transfers of addresses to which firewalls translate those of hosts, by their positions.
#[derive(Default)]
pub(super) struct Outer {
    all: BTreeSet<u32>,
    /// Those of which some was taken.
    told: BTreeSet<u32>,
}

impl Outer {
    /// Whether one may still pass on what others sent. Who is behind a translated address sent what came from there, so that it
    /// is nobody's client; the firewall itself may pass on what a proxy's log knows.
    pub(super) fn may_pass_on(&self, at: u32, wire: bool) -> bool {
        !self.told.contains(&at) && (wire || !self.all.contains(&at))
    }
}

/// Takes from what came from an address to which a firewall translates those of hosts at least what logs tell of these hosts at
/// that time, to the same destination by whatever way out. However many are behind the address: what the firewall states of a host is
/// that host's.
pub(super) fn translated(world: &World<'_>, transfers: &mut [Transfer]) -> Outer {
    let hosts = translated::hosts(world.merged, world.whose);
    let outer: BTreeMap<u32, BTreeSet<String>> =
        (0u32..).zip(&*transfers).filter_map(|(at, t)| Some((at, behind_it(world.whose, t, &hosts)?))).collect();
    let inner = inner(transfers, &outer);
    let told: Vec<(u32, Vec<u32>)> =
        outer.iter().filter_map(|(at, hosts)| Some((*at, behind(hosts, transfers, *at, &inner)?))).collect();
    for (at, from) in &told {
        let at = *at as usize;
        let covered = from.iter().map(|sent| during(&transfers[*sent as usize], &transfers[at]));
        let left = transfers[at].bytes.lower.saturating_sub(covered.fold(0, u64::saturating_add));
        let of = gateways::told(&transfers[at].scope, from, transfers);
        carry(&mut transfers[at], left);
        transfers[at].passed_on = Some(Box::new(of));
    }
    Outer { told: told.into_iter().map(|(at, _)| at).collect(), all: outer.into_keys().collect() }
}

/// The hosts behind the address of a transfer: those that held it then, else all of which records say that they were translated to
/// it; `None` where it is no translated address's.
fn behind_it(whose: &Whose, t: &Transfer, hosts: &BTreeMap<String, BTreeSet<String>>) -> Option<BTreeSet<String>> {
    let joined = t.joined.iter().filter(|joined| joined.kind == Giver::Nat);
    let then: BTreeSet<String> = joined.map(|joined| whose.entity(&joined.host)).collect();
    if then.is_empty() { hosts.get(&*t.from).cloned() } else { Some(then) }
}

/// By host and destination, the positions of its transfers.
type Inner = BTreeMap<(String, String), Vec<u32>>;

/// What the hosts that stood behind these sent themselves.
fn inner(transfers: &[Transfer], outer: &BTreeMap<u32, BTreeSet<String>>) -> Inner {
    let hosts: BTreeSet<&String> = outer.values().flatten().collect();
    let mut inner = Inner::new();
    let is_behind = |at: u32, t: &Transfer| !outer.contains_key(&at) && hosts.contains(&t.from.to_string());
    for (at, t) in (0u32..).zip(transfers).filter(|(at, t)| !hosts.is_empty() && is_behind(*at, t)) {
        for to in t.destinations() {
            inner.entry((t.from.to_string(), to.to_owned())).or_default().push(at);
        }
    }
    inner
}

/// The transfers of those behind one, to the same destination and at the time of it; `None` where there is none.
fn behind(hosts: &BTreeSet<String>, transfers: &[Transfer], at: u32, inner: &Inner) -> Option<Vec<u32>> {
    let t = &transfers[at as usize];
    let keys = hosts.iter().flat_map(|host| t.destinations().map(move |to| (host.clone(), to.to_owned())));
    let all: BTreeSet<u32> = keys.filter_map(|key| inner.get(&key)).flatten().copied().collect();
    let all: Vec<u32> = all.into_iter().filter(|sent| during(&transfers[*sent as usize], t) > 0).collect();
    (!all.is_empty()).then_some(all)
}

/// At least so many bytes of a transfer in the hours of another one, give or take one, with those of an unknown time. None of one
/// that lasted, and was over before the other one began, or began after it.
fn during(sent: &Transfer, of: &Transfer) -> u64 {
    let Some(span) = of.time else { return sent.bytes.lower };
    let near = Span { first: span.first.plus_secs(-SKEW_SECS), last: span.last.plus_secs(SKEW_SECS) };
    // Of a record that gives one time that may be when a session ended.
    let lasted = sent.time.filter(|time| time.first < time.last);
    if lasted.is_some_and(|time| time.last < near.first || time.first > near.last) {
        return sent.untimed();
    }
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

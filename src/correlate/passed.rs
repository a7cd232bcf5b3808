//! Transfers of addresses to which firewalls translate those of hosts: a log outside has one as the address's, where that of the
//! firewall has it as the host's. It is one transfer that two sources saw, and counts once, with the host.
//!
//! What logs tell of a host to the same destination, by whatever way out, is taken from what they tell of the address, from when it
//! moved ([`stock`](super::stock)). Of rows of one way out it is taken once, from what is nearest in time; which row of another one
//! has it is not known, so that it is taken from each.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::assigned::Giver;
use crate::model::time::{SKEW_SECS, Span};
use crate::model::transfer::Transfer;
use crate::model::whose::Whose;

use super::stock::{Piece, Stock, pieces};
use super::translated::{self, Stated};
use super::{World, gateways};

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

/// Takes from what came from an address to which a firewall translates those of hosts what logs tell of these hosts at that time, to
/// the same destination by whatever way out. However many are behind the address: what the firewall states of a host is that host's.
pub(super) fn translated(world: &World<'_>, transfers: &mut [Transfer]) -> Outer {
    let hosts = translated::hosts(world.merged, world.whose);
    let outer: BTreeMap<u32, BTreeSet<String>> =
        (0u32..).zip(&*transfers).filter_map(|(at, t)| Some((at, behind_it(world.whose, t, &hosts)?))).collect();
    let inner = inner(transfers, &outer);
    let told: BTreeMap<u32, Vec<u32>> =
        outer.iter().filter_map(|(at, hosts)| Some((*at, behind(hosts, transfers, *at, &inner)?))).collect();
    for (at, from) in &told {
        let sent: Vec<(u32, u64)> =
            from.iter().map(|sent| (*sent, during(&transfers[*sent as usize], &transfers[*at as usize]))).collect();
        let of = gateways::told(&transfers[*at as usize].scope, &sent, transfers);
        transfers[*at as usize].passed_on = Some(Box::new(of));
    }
    Rows::of(world, &told, transfers).take(transfers);
    Outer { told: told.into_keys().collect(), all: outer.into_keys().collect() }
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

/// The rows of translated addresses, by their positions.
struct Rows {
    stocks: BTreeMap<u32, Stock>,
    /// Of each transfer of a host, the rows that may have its bytes.
    of: BTreeMap<u32, Vec<u32>>,
    stated: Stated,
    /// How many bytes of each row are a host's for sure.
    shared: BTreeMap<u32, u64>,
}

impl Rows {
    fn of(world: &World<'_>, told: &BTreeMap<u32, Vec<u32>>, transfers: &[Transfer]) -> Self {
        let stocks = told.keys().map(|at| (*at, Stock::of(&transfers[*at as usize]))).collect();
        let mut of: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        let mut stated = Stated::default();
        for (row, from) in told {
            for sent in from {
                of.entry(*sent).or_default().push(*row);
                let (t, sent) = (&transfers[*row as usize], &transfers[*sent as usize]);
                stated.want(&t.from, &sent.from, sent.destinations());
            }
        }
        stated.read(world.merged, world.whose);
        Self { stocks, of, stated, shared: BTreeMap::new() }
    }

    /// Takes what hosts sent from all rows.
    fn take(mut self, transfers: &mut [Transfer]) {
        for (sent, rows) in std::mem::take(&mut self.of) {
            let of = &transfers[sent as usize];
            let (untimed, route) = (of.untimed(), of.route);
            let own: Vec<u32> = rows.iter().copied().filter(|row| transfers[*row as usize].route == route).collect();
            let mut once: BTreeMap<u32, u64> = BTreeMap::new();
            for piece in pieces(&transfers[sent as usize]) {
                let left = self.take_once(&piece, &own, transfers, &mut once);
                for row in &rows {
                    let stock = self.stocks.get_mut(row).expect("each row has a stock");
                    stock.take_any(&mut transfers[*row as usize], &piece, left);
                }
            }
            for row in &rows {
                let stock = self.stocks.get_mut(row).expect("each row has a stock");
                stock.take_of_any_time(&mut transfers[*row as usize], untimed, true);
            }
            for (row, bytes) in once {
                let (t, sent) = (&transfers[row as usize], &transfers[sent as usize]);
                let stated = self.stated.take(&t.from, &sent.from, sent.destinations(), bytes);
                let shared = self.shared.entry(row).or_default();
                *shared = shared.saturating_add(stated);
            }
        }
        for (row, shared) in self.shared {
            let bytes = &mut transfers[row as usize].bytes;
            bytes.upper = bytes.upper.map(|upper| upper.saturating_sub(shared).max(bytes.lower));
        }
    }

    /// Takes a piece from what is nearest to it of some rows together; gives what is left of it. Added to `taken` is what moved while the
    /// piece did: what may be of another session is no less at most.
    fn take_once(
        &mut self,
        piece: &Piece,
        rows: &[u32],
        transfers: &mut [Transfer],
        taken: &mut BTreeMap<u32, u64>,
    ) -> u64 {
        let mut left = piece.bytes;
        let mut add = |row: u32, bytes: u64| {
            let sum = taken.entry(row).or_default();
            *sum = sum.saturating_add(bytes);
        };
        while left > 0 {
            let near = rows.iter().filter_map(|row| Some((self.stocks.get(row)?.nearest(piece)?, *row)));
            let Some(((_, near), row)) = near.min() else { break };
            let stock = self.stocks.get_mut(&row).expect("each row has a stock");
            let bytes = stock.take_near(&mut transfers[row as usize], near, left);
            left -= bytes;
            add(row, if near.is_sure(piece) { bytes } else { 0 });
        }
        for (by, is_sure) in piece.ends() {
            for row in rows {
                let stock = self.stocks.get_mut(row).expect("each row has a stock");
                let bytes = stock.take_undated(&mut transfers[*row as usize], piece, by, left);
                left -= bytes;
                add(*row, if is_sure { bytes } else { 0 });
            }
        }
        left
    }
}

//! J-97: much that was read at once by accounts from an address at which nobody had been seen before.
//!
//! Alone it is no sign of an intrusion: it is a new laptop, a contractor, or somebody with a stolen password, and only who owns the
//! account can say which.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};

use crate::model::accounts::{distinct, folded};
use crate::model::rule::Route;
use crate::model::time::{Instant, Span};
use crate::model::transfer::{Together, Transfer};
use crate::model::verdict::State;
use crate::model::whose::{Side, address};
use crate::model::words::counted;

use super::intrusion::{BASELINE_DAYS, DAY_SECS};
use super::movement::TO_ONE;
use super::{Bench, movement, suspects, visitors};

/// Of so many others one may have read as much from a new address: else it is what all do.
const OTHERS: usize = 20;

/// In what reading is measured.
#[derive(Clone, Copy)]
enum Measure {
    /// As far as logs state them.
    Bytes,
    /// Of objects, files and mails of which the log does not state the bytes.
    Records,
    /// Mailboxes, sites, repositories.
    Stores,
    Secrets,
}

impl Measure {
    const ALL: [Self; 4] = [Self::Bytes, Self::Records, Self::Stores, Self::Secrets];

    fn of(self, transfers: &[&Transfer]) -> u64 {
        match self {
            Self::Bytes => transfers.iter().fold(0, |sum, t| sum.saturating_add(t.bytes.lower)),
            Self::Records => visitors::uncounted(transfers).fold(0, |sum, t| sum.saturating_add(t.records)),
            Self::Stores => visitors::uncounted(transfers).map(|t| &*t.from).collect::<BTreeSet<_>>().len() as u64,
            Self::Secrets => suspects::secrets(transfers),
        }
    }

    /// Whether it is more than who works with a service reads. Counts are for each hour at work: a person opens some tens of files.
    fn is_much(self, transfers: &[&Transfer]) -> bool {
        let hours =
            || visitors::uncounted(transfers).flat_map(|t| t.hours.iter()).collect::<BTreeSet<_>>().len() as u64;
        match self {
            Self::Bytes => {
                let mut together = Together::default();
                transfers.iter().for_each(|t| together.add(t));
                together.busiest_day() >= TO_ONE.day
            }
            Self::Records => self.of(transfers) >= hours().max(1).saturating_mul(100),
            Self::Stores => self.of(transfers) >= hours().max(1).saturating_mul(20),
            Self::Secrets => self.of(transfers) >= 10,
        }
    }

    fn told(self, much: u64) -> String {
        match self {
            Self::Bytes => format!("{much} bytes"),
            Self::Records => format!("{much} records of which the log does not state the bytes"),
            Self::Stores => counted(much, "whole store", "whole stores"),
            Self::Secrets => counted(much, "secret", "secrets"),
        }
    }
}

/// What accounts read at each place outside: an address, and of IPv6 a network of 64 bits, in which a host has a new address each day
/// (RFC 8981, section 3.4).
type Visits<'a> = BTreeMap<IpAddr, Vec<&'a Transfer>>;

/// The place of an address.
fn place(to: IpAddr) -> IpAddr {
    match to {
        IpAddr::V4(_) => to,
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

/// Asks of whoever read much at once from an address that is new.
pub(super) fn clauses(bench: &mut Bench<'_>) {
    let mut visits = Visits::new();
    for (at, t) in bench.transfers.iter().filter_map(|t| Some((visited(bench, t)?, *t))) {
        visits.entry(place(at)).or_default().push(t);
    }
    let reach = Reach::of(bench);
    let new: Vec<_> = visits.keys().filter_map(|at| Some((at, is_new(&reach, *at, &visits)?))).collect();
    for (at, told) in new {
        let visit = &visits[at];
        if !visit.iter().any(|t| movement::guilty(bench, t)) {
            ask(bench, visit, &told);
        }
    }
}

/// The address outside at which an account read something of a cloud or file service. Not through a VPN: whoever works from home has
/// a new address each week, and reads there as at the office.
fn visited(bench: &Bench<'_>, t: &Transfer) -> Option<IpAddr> {
    let is_read = t.route == Route::SaasDownload && !t.accounts.is_empty();
    address(&t.to).filter(|_| is_read && bench.whose.side(&t.to) == Side::Outside)
}

/// What stands out.
struct Told {
    measure: Measure,
    much: u64,
    /// Since when the logs would have shown the address.
    since: Instant,
}

/// `None` where it is not much, or the place not new, or where the accounts or others do the same.
fn is_new(reach: &Reach, at: IpAddr, visits: &Visits<'_>) -> Option<Told> {
    let visit = &visits[&at];
    let measures: Vec<Measure> = Measure::ALL.into_iter().filter(|m| m.is_much(visit)).collect();
    let measures = Some(measures).filter(|all| !all.is_empty())?;
    let first = visit.iter().map(|t| t.time.map(|time| time.first)).min()??;
    let since = visit.iter().map(|t| reach.since(t)).max()??;
    if since.plus_secs(BASELINE_DAYS * DAY_SECS) > first {
        return None;
    }
    let accounts: BTreeSet<_> = visit.iter().flat_map(|t| t.accounts.iter()).map(|account| folded(account)).collect();
    let others = || visits.iter().filter(|(other, _)| **other != at);
    let is_earlier = |t: &&Transfer| {
        t.time.is_none_or(|time| time.first < first)
            && t.accounts.iter().any(|account| accounts.contains(&folded(account)))
    };
    let earlier: Vec<&Transfer> = others().flat_map(|(_, visit)| visit.iter().copied()).filter(is_earlier).collect();
    let stands_out = |measure: Measure| {
        let much = measure.of(visit);
        let as_much = others().filter(|(_, other)| measure.of(other) >= much).count();
        let is_usual = measure.of(&earlier) >= much || as_much.saturating_mul(OTHERS) > others().count();
        (!is_usual).then_some(Told { measure, much, since })
    };
    measures.into_iter().find_map(stands_out)
}

/// From when on each log tells. Pieces of a log are one.
struct Reach(BTreeMap<String, Instant>);

impl Reach {
    fn of(bench: &Bench<'_>) -> Self {
        let mut first = BTreeMap::new();
        for (log, from) in bench.sources.iter().filter_map(|s| Some((s.source.log(), s.from?))) {
            first.entry(log).and_modify(|known: &mut Instant| *known = from.min(*known)).or_insert(from);
        }
        Self(first)
    }

    /// From when on the logs tell that would show the other end of a transfer.
    fn since(&self, t: &Transfer) -> Option<Instant> {
        t.seen_by.iter().filter_map(|log| self.0.get(&log.log())).min().copied()
    }
}

/// J-97.
fn ask<'a>(bench: &mut Bench<'a>, visit: &[&'a Transfer], told: &Told) {
    let counted: BTreeSet<&str> =
        bench.ways.get(&Route::SaasDownload).into_iter().flat_map(|way| way.transfers.keys().copied()).collect();
    let is_read = |t: &&Transfer| t.bytes.lower > 0 || visitors::uncounted(&[t]).next().is_some();
    let read: Vec<&Transfer> =
        visit.iter().copied().filter(|t| !counted.contains(t.id.as_str())).filter(is_read).collect();
    let read: Vec<&Transfer> = read.into_iter().filter(|t| !movement::explained(bench, t)).collect();
    if read.is_empty() {
        return;
    }
    let accounts = distinct(visit.iter().flat_map(|t| &t.accounts).map(String::as_str)).join(", ");
    let from = several(&distinct(read.iter().map(|t| &*t.from)), "stores");
    let to = several(&distinct(visit.iter().map(|t| &*t.to)), "addresses of one network");
    let time = read.iter().fold(None, |all, t| Span::join_opt(all, t.time));
    let when = time.map_or("at an unknown time".to_owned(), |s| format!("{} to {}", s.first, s.last));
    let much = told.measure.told(told.much);
    let text = format!(
        "nothing authorises it, and nobody was at {to} before, of which the logs tell since {}: at least {much}, {from} to {to}, account \
         {accounts}",
        told.since
    );
    bench.reason("J-97", text, read.iter().map(|t| t.id.to_string()).collect());
    bench.ask(format!("was it {accounts} who was at {to} and read {much} of {from} there, {when}?"));
    if read.iter().any(|t| t.bytes.upper.is_none()) {
        bench.unbounded.insert(Route::SaasDownload);
    }
    for t in read {
        bench.count(t, t.bytes.lower, State::Unexplained);
    }
}

/// The only one, or how many there are of these.
fn several(all: &[String], what: &str) -> String {
    match all {
        [one] => one.clone(),
        [first, ..] => format!("{} {what}, {first} among them", all.len()),
        [] => String::new(),
    }
}

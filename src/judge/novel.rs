//! J-97: much that was read at once by accounts from an address at which nobody had been seen before.
//!
//! Alone it is no sign of an intrusion: it is a new laptop, a contractor, or somebody with a stolen password, and only who owns the
//! account can say which.

use std::collections::{BTreeMap, BTreeSet};

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

/// What accounts read at each address outside.
type Visits<'a> = BTreeMap<&'a str, Vec<&'a Transfer>>;

/// Asks of whoever read much at once from an address that is new.
pub(super) fn clauses(bench: &mut Bench<'_>) {
    let mut visits = Visits::new();
    for t in bench.transfers.iter().copied().filter(|t| is_visit(bench, t)) {
        visits.entry(&t.to).or_default().push(t);
    }
    let new: Vec<_> = visits.iter().filter_map(|(to, visit)| Some((*to, is_new(bench, visit, &visits)?))).collect();
    for (to, told) in new {
        let visit = &visits[to];
        if !visit.iter().any(|t| movement::guilty(bench, t)) {
            ask(bench, to, visit, &told);
        }
    }
}

/// Whether an account read something of a cloud or file service from an address outside. Not through a VPN: whoever works from home has
/// a new address each week, and reads there as at the office.
fn is_visit(bench: &Bench<'_>, t: &Transfer) -> bool {
    t.route == Route::SaasDownload
        && !t.accounts.is_empty()
        && address(&t.to).is_some()
        && bench.whose.side(&t.to) == Side::Outside
}

/// What stands out.
struct Told {
    measure: Measure,
    much: u64,
    /// Since when the logs would have shown the address.
    since: Instant,
}

/// `None` where it is not much, or the address not new, or where the accounts or others do the same.
fn is_new(bench: &Bench<'_>, visit: &[&Transfer], visits: &Visits<'_>) -> Option<Told> {
    let measures: Vec<Measure> = Measure::ALL.into_iter().filter(|m| m.is_much(visit)).collect();
    let measures = Some(measures).filter(|all| !all.is_empty())?;
    let first = visit.iter().map(|t| t.time.map(|time| time.first)).min()??;
    let since = visit.iter().map(|t| reached(bench, t)).max()??;
    if since.plus_secs(BASELINE_DAYS * DAY_SECS) > first {
        return None;
    }
    let to = &visit[0].to;
    let accounts: BTreeSet<_> = visit.iter().flat_map(|t| t.accounts.iter()).map(|account| folded(account)).collect();
    let others = || visits.iter().filter(|(at, _)| **at != to.as_str());
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

/// From when on the logs reach that would show the other end of a transfer. Pieces of a log are one.
fn reached(bench: &Bench<'_>, t: &Transfer) -> Option<Instant> {
    let logs: BTreeSet<String> = t.seen_by.iter().map(|log| log.log()).collect();
    bench.sources.iter().filter(|s| logs.contains(&s.source.log())).filter_map(|s| s.from).min()
}

/// J-97.
fn ask<'a>(bench: &mut Bench<'a>, to: &str, visit: &[&'a Transfer], told: &Told) {
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
    let stores = distinct(read.iter().map(|t| &*t.from));
    let from = match &stores[..] {
        [one] => one.clone(),
        _ => counted_stores(&stores),
    };
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

fn counted_stores(stores: &[String]) -> String {
    let first = stores.first().map_or("", String::as_str);
    format!("{} stores, {first} among them", stores.len())
}

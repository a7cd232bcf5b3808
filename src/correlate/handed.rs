//! Mail that one server of the organisation hands to another one, whose own log tells that it sent it on: it leaves there, and once.
//!
//! No number ties the records of two servers. What the first one tells is held to be told by the next one where that one has, of the same
//! sender, to the same domains and for the same scope, as many mails and as many bytes in the hours in which it sends on what it is given.
//! What one mail there stands for is counted off. The rest the first one tells: nothing is lost where a log is missing, or a part of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::observation::{Hour, Key, ObservationKey, Observed, Seen};
use crate::model::partial::{Partial, SourcePartial};
use crate::model::place::Locator;
use crate::model::rule::Outcome;
use crate::model::time::Instant;
use crate::model::whose::{Side, Whose};

use super::cells::APART_HOURS;
use super::way;

/// Of the bytes of a mail one in so many may be missing where another server counts them: the end of a line is one byte or two.
const MISSED_SHARE: u64 = 50;
/// So many bytes of headers a server may take out of a mail that it hands on.
const HEADER_BYTES: u64 = 4096;

/// Mails of one kind that a server hands to another one.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Leg<'a> {
    from: String,
    next: String,
    account: &'a str,
    /// The domains of recipients, with a comma between them.
    domains: &'a str,
    scope: &'a str,
}

/// Mails of one sender to one domain that a server tells of.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Sent<'a> {
    by: String,
    account: &'a str,
    domain: &'a str,
    scope: &'a str,
}

/// How much that is.
#[derive(Clone, Copy, Default)]
struct Amount {
    mails: u64,
    bytes: u64,
}

/// How much it is, by the hour.
type Hours = BTreeMap<i64, Amount>;
/// The same by log.
type Logs = BTreeMap<String, Hours>;
/// The same by who takes it next.
type Ways = BTreeMap<String, Logs>;

/// What a server handed to one that takes it next, as far as no other mail is told by it.
struct Left {
    hours: Hours,
    logs: BTreeSet<String>,
    is_out: bool,
}

/// The same evidence, in which a mail that a server inside was handed and tells to have sent on is none that leaves before that; `None`
/// where there is none.
pub(super) fn once(merged: &Partial, whose: &Whose) -> Option<Partial> {
    let mut legs: BTreeMap<Leg<'_>, Logs> = BTreeMap::new();
    mails(merged, |place, key, hours| {
        if let Some(leg) = leg(whose, place, key) {
            add(legs.entry(leg).or_default(), place, hours);
        }
    });
    if legs.is_empty() {
        return None;
    }
    let told = told(&legs, sent(merged, whose, &legs), whose);
    let mut all: Option<Partial> = None;
    for (key, source) in merged.sources.iter().filter(|_| !told.is_empty()) {
        if let Some(changed) = with(source, whose, &told) {
            all.get_or_insert_with(|| merged.clone()).sources.insert(key.clone(), Arc::new(changed));
        }
    }
    all
}

/// Goes through all mails that were handed on.
fn mails<'a>(merged: &'a Partial, mut see: impl FnMut(&'a Locator, &Key<'a>, &[(i64, Amount)])) {
    let amount = |hour: Hour| Some((hour.hour()?, Amount { mails: hour.sum.records, bytes: hour.sum.up }));
    for source in merged.sources.values() {
        for (key, told) in source.observations.kept.iter().filter(|(key, _)| is_handed(key)) {
            see(&source.entry.source, &key, &told.hours().filter_map(amount).collect::<Vec<_>>());
        }
    }
}

fn is_handed(key: &Key<'_>) -> bool {
    key.seen == Seen::Mail && key.outcome != Outcome::Failed && !key.name.is_empty() && !key.client.is_empty()
}

/// Whether a mail goes from a server inside to another one, and on to somebody outside.
fn leg<'a>(whose: &'a Whose, place: &Locator, key: &Key<'a>) -> Option<Leg<'a>> {
    let is_inside = |host: &str| !host.is_empty() && whose.side(host) == Side::Inside;
    let goes_on = is_handed(key) && is_inside(key.server) && is_inside(key.client);
    if !goes_on || outside(whose, key.name).next().is_none() {
        return None;
    }
    let (from, next) = (whose.entity(key.client), whose.entity(key.server));
    let scope = way::home(whose, key, Side::Inside, place);
    (from != next).then_some(Leg { from, next, account: key.account, domains: key.name, scope })
}

/// Those of the domains of recipients that are not the organisation's.
fn outside<'a>(whose: &Whose, domains: &'a str) -> impl Iterator<Item = &'a str> {
    domains.split(',').filter(|domain| whose.mail_side(domain) != Some(Side::Inside))
}

fn add(logs: &mut Logs, place: &Locator, hours: &[(i64, Amount)]) {
    let all = logs.entry(place.log()).or_default();
    for (hour, more) in hours {
        let known = all.entry(*hour).or_default();
        known.mails = known.mails.saturating_add(more.mails);
        known.bytes = known.bytes.saturating_add(more.bytes);
    }
}

/// The most that one of these logs tells of each hour: they may be copies of each other.
fn most<'l>(logs: impl Iterator<Item = &'l Hours>) -> Hours {
    let mut all = Hours::new();
    for (hour, told) in logs.flatten() {
        let known = all.entry(*hour).or_default();
        (known.mails, known.bytes) = (known.mails.max(told.mails), known.bytes.max(told.bytes));
    }
    all
}

/// What servers that hand such mails over, or take them, tell of them.
fn sent<'a>(merged: &'a Partial, whose: &'a Whose, legs: &BTreeMap<Leg<'a>, Logs>) -> BTreeMap<Sent<'a>, Ways> {
    let servers: BTreeSet<&str> = legs.keys().flat_map(|leg| [&*leg.from, &*leg.next]).collect();
    let mut all: BTreeMap<Sent<'a>, Ways> = BTreeMap::new();
    mails(merged, |place, key, hours| {
        let by = whose.entity(key.client);
        if !servers.contains(&*by) {
            return;
        }
        let (account, scope) = (key.account, way::home(whose, key, Side::Inside, place));
        for domain in outside(whose, key.name) {
            let ways = all.entry(Sent { by: by.clone(), account, domain, scope }).or_default();
            add(ways.entry(whose.entity(key.server)).or_default(), place, hours);
        }
    });
    all
}

/// The hours of each leg of which the next server tells.
fn told<'l, 'a>(
    legs: &'l BTreeMap<Leg<'a>, Logs>,
    sent: BTreeMap<Sent<'a>, Ways>,
    whose: &Whose,
) -> BTreeMap<&'l Leg<'a>, BTreeSet<i64>> {
    let is_out = |to: &str| to.is_empty() || whose.side(to) == Side::Outside;
    let left = |(to, logs): (String, Logs)| {
        let left = Left { hours: most(logs.values()), is_out: is_out(&to), logs: logs.into_keys().collect() };
        (to, left)
    };
    let ways = |(sent, ways): (Sent<'a>, Ways)| (sent, ways.into_iter().map(left).collect());
    let mut rest: Rest<'a> = sent.into_iter().map(ways).collect();
    let mut all: BTreeMap<&Leg<'_>, BTreeSet<i64>> = BTreeMap::new();
    for (leg, logs) in legs {
        let domains: Vec<&str> = outside(whose, leg.domains).collect();
        for (hour, handed) in most(logs.values()) {
            let least = least(handed);
            if domains.iter().all(|domain| holds(&mut rest, (leg, logs), (domain, hour), least)) {
                domains.iter().for_each(|domain| take(&mut rest, (leg, logs), (domain, hour), least));
                all.entry(leg).or_default().insert(hour);
            }
        }
    }
    all
}

type Rest<'a> = BTreeMap<Sent<'a>, BTreeMap<String, Left>>;

/// At least how much of it another server tells.
fn least(handed: Amount) -> Amount {
    let missed = (handed.bytes / MISSED_SHARE).saturating_add(handed.mails.saturating_mul(HEADER_BYTES));
    Amount { bytes: handed.bytes.saturating_sub(missed), ..handed }
}

fn holds<'a>(rest: &mut Rest<'a>, leg: (&Leg<'a>, &Logs), at: (&'a str, i64), least: Amount) -> bool {
    let mut all = Amount::default();
    each(rest, leg, at, |left| {
        (all.mails, all.bytes) = (all.mails.saturating_add(left.mails), all.bytes.saturating_add(left.bytes));
    });
    all.mails >= least.mails && all.bytes >= least.bytes
}

fn take<'a>(rest: &mut Rest<'a>, leg: (&Leg<'a>, &Logs), at: (&'a str, i64), mut least: Amount) {
    each(rest, leg, at, |left| {
        let (mails, bytes) = (left.mails.min(least.mails), left.bytes.min(least.bytes));
        (left.mails, left.bytes) = (left.mails - mails, left.bytes - bytes);
        (least.mails, least.bytes) = (least.mails - mails, least.bytes - bytes);
    });
}

/// Goes through what may be mails of an hour of a leg, to a domain: what the next server hands to others than the first one; and what
/// a log that does not name its own server says that the first one handed in, and that went out.
fn each<'a>(
    rest: &mut Rest<'a>,
    (leg, logs): (&Leg<'a>, &Logs),
    (domain, hour): (&'a str, i64),
    mut see: impl FnMut(&mut Amount),
) {
    let apart = APART_HOURS as i64;
    for by in [&leg.next, &leg.from] {
        let sent = Sent { by: by.clone(), account: leg.account, domain, scope: leg.scope };
        for (to, left) in rest.get_mut(&sent).into_iter().flatten() {
            let is_of_next = *by == leg.next && *to != leg.from;
            let is_of_another = *by == leg.from && left.is_out && !left.logs.iter().any(|log| logs.contains_key(log));
            if is_of_next || is_of_another {
                let near = left.hours.range_mut(hour.saturating_sub(1)..hour.saturating_add(apart));
                near.for_each(|(_, left)| see(left));
            }
        }
    }
}

/// A source of which such mails are told to go from server to server, and to nobody outside.
fn with<'a>(
    source: &'a SourcePartial,
    whose: &'a Whose,
    told: &'a BTreeMap<&'a Leg<'a>, BTreeSet<i64>>,
) -> Option<SourcePartial> {
    let of = |key: &Key<'a>| told.get(&leg(whose, &source.entry.source, key)?);
    if !source.observations.kept.keys().any(|key| of(&key).is_some()) {
        return None;
    }
    let mut all: Vec<(ObservationKey, Observed)> = Vec::new();
    for (key, seen) in source.observations.kept.iter() {
        let (own, seen) = (key.to_owned(), seen.unpack());
        let Some(hours) = of(&key) else {
            all.push((own, seen));
            continue;
        };
        let is_told = |hour: Option<i64>| hour.is_some_and(|hour| hours.contains(&hour));
        let (on, rest) = seen.hours.into_iter().partition(|hour| is_told(hour.hour()));
        let (shown, cited) = seen.cited.into_iter().partition(|cited| is_told(cited.at().map(Instant::hour)));
        let inside = ObservationKey { name: "".into(), sends: false, ..own.clone() };
        let parts = [
            (inside, Observed { hours: on, cited: shown, ..Observed::default() }),
            (own, Observed { hours: rest, cited, ..seen }),
        ];
        all.extend(parts.into_iter().filter(|(_, seen)| !seen.hours.is_empty()));
    }
    let mut source = source.clone();
    source.observations.kept = all.into_iter().collect();
    Some(source)
}

//! Which accounts were logged on to which computers, from where and for how long, as the computers' own logs say.
//!
//! A session lasts until its end is told, and where that is not until the log ends, at most a day. So what an account did on a
//! computer was done from the address of its session, where that is one alone; and what a host sends while one account alone is
//! logged on from it to others is that account's.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::assigned::{Giver, Holder, Joined, Stands};
use crate::model::finding::Entities;
use crate::model::logons::Logon;
use crate::model::partial::Partial;
use crate::model::place::Locator;
use crate::model::time::{Instant, Span};
use crate::model::whose::{Whose, same_account};

use super::World;
use super::assigned::{HOLDERS_KEPT, Holdings};
use super::exits::Cite;
use super::held;
use super::holding::{By, Holding};
use super::way::Way;

/// So long a session lasts of which no end is told.
const LASTS_SECS: i64 = 86_400;

/// A record with its source.
type Record<'a> = (&'a Logon, &'a Locator);

/// The sessions, by the account on a computer, and by the host from which they came.
#[derive(Default)]
pub(super) struct Logons<'a> {
    sessions: Holdings<'a>,
    hosts: Holdings<'a>,
}

impl<'a> Logons<'a> {
    /// Joins what all sources say.
    pub(super) fn of(merged: &'a Partial, whose: &Whose) -> Self {
        let (mut records, mut ends) = (BTreeMap::<(&str, u64), BTreeSet<Record<'a>>>::new(), BTreeMap::new());
        for source in merged.sources.values() {
            for logon in &source.observations.logons.kept {
                records.entry((&*logon.host, logon.session)).or_default().insert((logon, &source.entry.source));
                let end = source.covered.span.map_or(logon.at, |span| span.last);
                ends.entry(&*logon.host).and_modify(|known: &mut Instant| *known = end.max(*known)).or_insert(end);
            }
        }
        let (mut sessions, mut hosts) = (BTreeMap::new(), BTreeMap::new());
        for ((computer, _), records) in records {
            let end = ends.get(computer).copied();
            for (begin, span) in follow(&records, end) {
                let from = whose.entity(&begin.0.address);
                // Who is at a computer logs on to it from its own address too.
                if from != whose.entity(computer) {
                    let add = |all: &mut BTreeMap<String, Vec<Holding<'a>>>, key, host: &str, peer: &str| {
                        all.entry(key).or_default().push(holding(begin, span, host, peer));
                    };
                    add(&mut sessions, of_account(computer, &begin.0.account), computer, &begin.0.address);
                    add(&mut hosts, from, "", "");
                }
            }
        }
        let all = |by: BTreeMap<String, Vec<Holding<'a>>>| by.into_iter().map(|(key, of)| (Cow::Owned(key), of));
        Self { sessions: Holdings::holding(all(sessions)), hosts: Holdings::holding(all(hosts)) }
    }

    /// From where the accounts of a finding were logged on to its hosts.
    pub(super) fn of_finding(&self, whose: &Whose, of: &Entities, span: Span) -> Vec<Joined> {
        let pairs = of.hosts.iter().flat_map(|host| of.accounts.iter().map(move |account| (host, account)));
        let sessions = pairs.filter_map(move |(host, account)| {
            let key = of_account(&host.to_ascii_lowercase(), account);
            let session = self.sessions.sole(&key, span)?;
            let is_its = same_account(&session.holder.account, account);
            let from = &*session.holder.peer;
            (is_its && self.hosts.at(&whose.entity(from), Some(span)).len() < HOLDERS_KEPT)
                .then(|| joined(session, from))
        });
        sessions.collect()
    }

    /// The one account that was logged on from a host all the while that it sent something, as far as the scope may know it.
    pub(super) fn of_host(&self, world: &World<'_>, way: &Way<'_>, time: Option<Span>) -> Option<(Joined, Cite<'a>)> {
        let session = self.hosts.sole(&way.from, time?)?;
        let is_known = held::is_own(world, way.scope, &session.log) && held::is_own(world, way.scope, &way.from);
        let By { source, place, sha256, .. } = session.by;
        is_known.then(|| (joined(session, &way.from), (source, place, sha256)))
    }
}

/// What an account on a computer is known by.
fn of_account(computer: &str, account: &str) -> String {
    let user = account.rsplit_once('\\').map_or(account, |(_, user)| user);
    let user = user.split_once('@').map_or(user, |(user, _)| user);
    let computer = computer.split_once('.').map_or(computer, |(label, _)| label);
    format!("{computer}/{}", user.to_ascii_lowercase())
}

/// The sessions of one number on one computer, each with the record of its begin: one that goes on tells of itself anew.
fn follow<'a>(records: &BTreeSet<Record<'a>>, log_ends: Option<Instant>) -> Vec<(Record<'a>, Span)> {
    let mut all: Vec<(Record<'a>, Span, bool)> = Vec::new();
    for record in records {
        let at = record.0.at;
        let open = all.last_mut().filter(|(.., is_open)| *is_open);
        if record.0.ends() {
            if let Some((begin, span, is_open)) =
                open.filter(|(begin, ..)| same_account(&begin.0.account, &record.0.account))
            {
                (*span, *is_open) = (Span { first: begin.0.at, last: at }, false);
            }
            continue;
        }
        if let Some((begin, span, is_open)) = open {
            let goes_on = begin.0.address == record.0.address && begin.0.account == record.0.account;
            if goes_on {
                continue;
            }
            (*span, *is_open) = (Span { first: begin.0.at, last: at }, false);
        }
        let most = at.plus_secs(LASTS_SECS);
        let last = log_ends.map_or(at, |end| end.min(most)).max(at);
        all.push((*record, Span { first: at, last }, true));
    }
    all.into_iter().map(|(begin, span, _)| (begin, span)).collect()
}

fn holding<'a>((logon, source): Record<'a>, span: Span, host: &str, peer: &str) -> Holding<'a> {
    let holder = Holder { giver: Giver::Logon, account: logon.account.clone(), host: host.into(), peer: peer.into() };
    let by = By { at: logon.at, source, place: logon.place, sha256: logon.sha256, ends: false };
    let mut holding = Holding::within(holder, (span, span), by);
    holding.log = (&*logon.host).into();
    holding
}

/// A join with its reason.
fn joined(session: &Holding<'_>, from: &str) -> Joined {
    let (account, computer, Span { first, last }) = (&session.holder.account, &session.log, session.sure);
    Joined {
        kind: Giver::Logon,
        address: from.to_owned(),
        account: account.to_string(),
        host: computer.to_string(),
        peer: String::new(),
        sure: true,
        by: Stands { source: session.by.source.clone(), offset: session.by.place.offset },
        reason: format!("{account} was logged on to {computer} from {from}; {first} to {last}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::place::{Place, RecordDigest};

    fn logon(at: i64, address: &str, account: &str) -> Logon {
        let place = Place { offset: 0, length: 1, line: None, record: None, event_record_id: None, in_doubt: false };
        let (at, sha256) = (Instant::from_secs(at).unwrap(), RecordDigest([0; 32]));
        Logon { at, host: "fs01".into(), session: 7, address: address.into(), account: account.into(), place, sha256 }
    }

    fn spans(records: &[Logon], ends: i64) -> Vec<(i64, i64)> {
        let log = Locator::from_encoded("e/fs01.evtx");
        let records = records.iter().map(|logon| (logon, &log)).collect();
        let secs = |at: Instant| at.micros() / 1_000_000;
        follow(&records, Instant::from_secs(ends)).iter().map(|(_, s)| (secs(s.first), secs(s.last))).collect()
    }

    #[test]
    fn a_session_lasts_until_its_end_another_one_of_its_number_or_that_of_the_log() {
        let (from, other, user) = ("10.2.0.9", "10.2.0.8", "HC\\j.doe");
        assert_eq!(spans(&[logon(10, from, user), logon(50, "", user)], 90), [(10, 50)]);
        assert_eq!(spans(&[logon(10, from, user), logon(20, from, user), logon(50, "", user)], 90), [(10, 50)]);
        assert_eq!(spans(&[logon(10, from, user), logon(30, other, user)], 90), [(10, 30), (30, 90)]);
        assert_eq!(spans(&[logon(10, from, user)], 900_000), [(10, 10 + LASTS_SECS)]);
        assert_eq!(spans(&[logon(10, from, user), logon(50, "", "HC\\k.roe")], 90), [(10, 90)], "another's end");
        assert_eq!(spans(&[logon(50, "", user)], 90), [], "its begin is not in the log");
    }
}

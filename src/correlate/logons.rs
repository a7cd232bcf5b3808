//! Which accounts were logged on to which computers, from where and for how long, as the computers' own logs say.
//!
//! A session lasts until its end is told, and where that is not until the log ends, at most a day. So what an account did on a
//! computer was done from the address of its session: of the one whose number the record gives, else where that is one alone, and
//! somebody worked in it. What a host sends while one account alone is at work from it on others is that account's. Of an account
//! that is logged on to many computers on that day, as those of backups and scanners are, nothing is said.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use hashbrown::{HashMap, HashSet};

use crate::model::assigned::{Giver, Holder, Joined, Stands};
use crate::model::finding::Entities;
use crate::model::logons::{HERE, Logon, OF_DESKTOP};
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

/// On so many computers in a day an account is one of a service.
const MANY: usize = 9;

/// A record with its source.
type Record<'a> = (&'a Logon, &'a Locator);

/// The sessions, by the account on a computer, and by the host from which they came.
#[derive(Default)]
pub(super) struct Logons<'a> {
    sessions: Holdings<'a>,
    hosts: Holdings<'a>,
    /// Those in which somebody was at work.
    works: BTreeSet<By<'a>>,
    /// Of the security logs of computers, the numbers of the sessions that begin with a record.
    numbers: BTreeMap<By<'a>, u64>,
    /// Computers whose security logs tell of sessions.
    numbered: HashSet<String>,
    /// Computers to which accounts logged on in a day, up to [`MANY`].
    reach: HashMap<(String, i64), BTreeSet<&'a str>>,
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
        let mut all = Self::default();
        for ((computer, number), records) in records {
            let end = ends.get(computer).copied();
            for (begin, span, seen) in follow(&records, end) {
                let from = whose.entity(&begin.0.address);
                all.note(number, begin);
                let is_here = &*begin.0.address == HERE;
                // Who is at a computer logs on to it from its own address too.
                if from != whose.entity(computer) {
                    let add = |all: &mut BTreeMap<String, Vec<Holding<'a>>>, key, host: &str, peer: &str| {
                        all.entry(key).or_default().push(holding(begin, (span, seen), host, peer));
                    };
                    add(&mut sessions, of_account(computer, &begin.0.account), computer, &begin.0.address);
                    if !is_here {
                        add(&mut hosts, from, "", "");
                    }
                }
            }
        }
        let held = |by: BTreeMap<String, Vec<Holding<'a>>>| by.into_iter().map(|(key, of)| (Cow::Owned(key), of));
        (all.sessions, all.hosts) = (Holdings::holding(held(sessions)), Holdings::holding(held(hosts)));
        all
    }

    /// Notes how a session began.
    fn note(&mut self, number: u64, begin: Record<'a>) {
        let by = by(begin);
        if begin.0.works {
            self.works.insert(by);
        }
        if number & OF_DESKTOP == 0 {
            self.numbers.insert(by, number);
            self.numbered.insert(label(&begin.0.host).to_owned());
        }
        let reach = self.reach.entry(of_day(&begin.0.account, by.at)).or_default();
        if reach.len() < MANY {
            reach.insert(label(&begin.0.host));
        }
    }

    /// Whether the account of a session is one that people use: not one of many computers.
    fn is_of_person(&self, session: &Holding<'a>) -> bool {
        let reach = self.reach.get(&of_day(&session.holder.account, session.by.at));
        reach.is_none_or(|computers| computers.len() < MANY)
    }

    /// The session of an account on a computer in which something was done: of the numbers that its records give, where the
    /// security log tells of sessions there, else the one from elsewhere.
    fn session(&self, key: &str, span: Span, numbers: &BTreeSet<u64>) -> Option<&Holding<'a>> {
        let is_numbered = key.split_once('/').is_some_and(|(computer, _)| self.numbered.contains(computer));
        if numbers.is_empty() || !is_numbered {
            return self.sessions.sole(key, span, |session| self.works.contains(&session.by));
        }
        let is_its = |session: &&Holding<'a>| self.numbers.get(&session.by).is_some_and(|n| numbers.contains(n));
        let mut of = self.sessions.meeting(key, span).filter(is_its);
        let first = of.next()?;
        of.all(|other| other.holder == first.holder).then_some(first)
    }

    /// From where the accounts of a finding were logged on to its hosts; its records may give the numbers of their sessions.
    pub(super) fn of_finding(
        &self,
        whose: &Whose,
        of: &Entities,
        (span, numbers): (Span, &BTreeSet<u64>),
    ) -> Vec<Joined> {
        let pairs = of.hosts.iter().flat_map(|host| of.accounts.iter().map(move |account| (host, account)));
        let sessions = pairs.filter_map(move |(host, account)| {
            let key = of_account(&host.to_ascii_lowercase(), account);
            let session = self.session(&key, span, numbers).filter(|session| self.is_of_person(session))?;
            let is_its = same_account(&session.holder.account, account) && &*session.holder.peer != HERE;
            let from = &*session.holder.peer;
            (is_its && self.hosts.at(&whose.entity(from), Some(span)).len() < HOLDERS_KEPT)
                .then(|| joined(session, from))
        });
        sessions.collect()
    }

    /// The one account that was logged on from a host all the while that it sent something, as far as the scope may know it.
    pub(super) fn of_host(&self, world: &World<'_>, way: &Way<'_>, time: Option<Span>) -> Option<(Joined, Cite<'a>)> {
        let is_such = |session: &Holding<'a>| self.works.contains(&session.by) && self.is_of_person(session);
        let session = self.hosts.sole(&way.from, time?, is_such)?;
        let is_known = held::is_own(world, way.scope, &session.log) && held::is_own(world, way.scope, &way.from);
        let By { source, place, sha256, .. } = session.by;
        is_known.then(|| (joined(session, &way.from), (source, place, sha256)))
    }
}

/// What an account on a computer is known by.
fn of_account(computer: &str, account: &str) -> String {
    let user = account.rsplit_once('\\').map_or(account, |(_, user)| user);
    let user = user.split_once('@').map_or(user, |(user, _)| user);
    format!("{}/{}", label(computer), user.to_ascii_lowercase())
}

/// The first label of a computer's name.
fn label(computer: &str) -> &str {
    computer.split_once('.').map_or(computer, |(label, _)| label)
}

/// An account on a day.
fn of_day(account: &str, at: Instant) -> (String, i64) {
    (account.to_ascii_lowercase(), at.hour().div_euclid(24))
}

/// The sessions of one number on one computer, each with the record of its begin, and of those of which no end is told when one was
/// seen last: one that goes on tells of itself anew.
fn follow<'a>(records: &BTreeSet<Record<'a>>, log_ends: Option<Instant>) -> Vec<(Record<'a>, Span, Option<Instant>)> {
    let mut all: Vec<(Record<'a>, Span, Option<Instant>)> = Vec::new();
    for record in records {
        let at = record.0.at;
        let open = all.last_mut().filter(|(.., seen)| seen.is_some());
        if record.0.ends() {
            if let Some((begin, span, seen)) =
                open.filter(|(begin, ..)| same_account(&begin.0.account, &record.0.account))
            {
                (*span, *seen) = (Span { first: begin.0.at, last: at }, None);
            }
            continue;
        }
        if let Some((begin, span, seen)) = open {
            let goes_on = begin.0.address == record.0.address && begin.0.account == record.0.account;
            if goes_on {
                *seen = Some(at);
                continue;
            }
            (*span, *seen) = (Span { first: begin.0.at, last: at }, None);
        }
        let most = at.plus_secs(LASTS_SECS);
        let last = log_ends.map_or(at, |end| end.min(most)).max(at);
        all.push((*record, Span { first: at, last }, Some(at)));
    }
    all
}

/// The record with which a session begins.
fn by<'a>((logon, source): Record<'a>) -> By<'a> {
    By { at: logon.at, source, place: logon.place, sha256: logon.sha256, ends: false }
}

fn holding<'a>(
    (logon, source): Record<'a>,
    (span, seen): (Span, Option<Instant>),
    host: &str,
    peer: &str,
) -> Holding<'a> {
    let holder = Holder {
        giver: Giver::Logon,
        account: logon.account.clone(),
        host: host.into(),
        peer: peer.into(),
        card: "".into(),
    };
    let mut holding = Holding::within(holder, (span, span), by((logon, source)));
    holding.seen_last(seen);
    holding.log = (&*logon.host).into();
    holding
}

/// A join with its reason.
fn joined(session: &Holding<'_>, from: &str) -> Joined {
    let (account, computer, Span { first, last }) = (&session.holder.account, &session.log, session.sure);
    let when = match session.open_since() {
        Some(seen) => format!("{first}, last seen {seen}: the log tells of no logoff"),
        None => format!("{first} to {last}"),
    };
    Joined {
        kind: Giver::Logon,
        address: from.to_owned(),
        account: account.to_string(),
        host: computer.to_string(),
        peer: String::new(),
        sure: true,
        by: Stands { source: session.by.source.clone(), offset: session.by.place.offset },
        reason: format!("{account} was logged on to {computer} from {from}; {when}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::place::{Place, RecordDigest};

    fn logon(at: i64, address: &str, account: &str) -> Logon {
        let place = Place { offset: 0, length: 1, line: None, record: None, event_record_id: None, in_doubt: false };
        let (at, sha256) = (Instant::from_secs(at).unwrap(), RecordDigest([0; 32]));
        Logon {
            at,
            host: "fs01".into(),
            session: 7,
            address: address.into(),
            account: account.into(),
            works: true,
            place,
            sha256,
        }
    }

    fn spans(records: &[Logon], ends: i64) -> Vec<(i64, i64)> {
        let log = Locator::from_encoded("e/fs01.evtx");
        let records = records.iter().map(|logon| (logon, &log)).collect();
        let secs = |at: Instant| at.micros() / 1_000_000;
        follow(&records, Instant::from_secs(ends)).iter().map(|(_, s, _)| (secs(s.first), secs(s.last))).collect()
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

    #[test]
    fn a_session_without_a_logoff_was_seen_last_by_its_own_records() {
        let (user, log) = ("HC\\j.doe", Locator::from_encoded("e/fs01.evtx"));
        let told = |records: &[Logon]| {
            let records = records.iter().map(|logon| (logon, &log)).collect();
            let all = follow(&records, Instant::from_secs(90));
            let (begin, span, seen) = all[0];
            joined(&holding(begin, (span, seen), "fs01", "10.2.0.9"), "10.2.0.9").reason
        };
        let on = |at| logon(at, "10.2.0.9", user);
        let ended = told(&[on(10), on(20), logon(50, "", user)]);
        assert!(ended.ends_with("1970-01-01T00:00:10Z to 1970-01-01T00:00:50Z"), "{ended}");
        let open = told(&[on(10), on(20)]);
        let seen = "1970-01-01T00:00:10Z, last seen 1970-01-01T00:00:20Z: the log tells of no logoff";
        assert!(open.ends_with(seen), "{open}");
    }
}

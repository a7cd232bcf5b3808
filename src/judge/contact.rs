//! J-06: what was done with data, and contact of the same host or account with listed values around it. Neither alone
//! is proof.
//!
//! Contacts are indexed by who made them and by day, so that many of both cost no more than their sum.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::finding::Finding;
use crate::model::hit::Met;
use crate::model::place::Locator;
use crate::model::rule::Outcome;
use crate::model::subject::Subject;
use crate::model::time::Instant;
use crate::model::whose::{Side, Whose, address};

use super::intrusion::{accounts, is_data, is_grave, is_listed, is_one};

/// How many days before and after the day of a data finding a contact may lie to be of one story.
const DAYS_AROUND: i32 = 1;

/// What belongs together.
#[derive(Default)]
pub struct Together<'a> {
    /// The data findings, each with the first contact around it, where its instant is known.
    pub data: Vec<(&'a Finding, Option<Instant>)>,
    /// The findings of the contacts.
    pub contacts: BTreeSet<&'a str>,
    /// Outside addresses from which an account of the data findings was used.
    pub came_from: BTreeSet<String>,
}

impl Together<'_> {
    /// The ids of all findings that belong together.
    pub fn ids(&self) -> BTreeSet<String> {
        let data = self.data.iter().map(|(f, _)| f.id.as_str());
        data.chain(self.contacts.iter().copied()).map(str::to_owned).collect()
    }
}

/// Data findings that succeeded and have listed contacts of their host or account around them.
pub fn together<'a>(findings: &[&'a Finding], whose: &Whose, forgeable: &BTreeSet<&Locator>) -> Together<'a> {
    let is_told = |f: &&&Finding| is_grave(f) && is_data(f) && f.outcome == Outcome::Succeeded;
    let data: Vec<&'a Finding> = findings.iter().filter(is_told).copied().collect();
    let mut all = Together::default();
    if data.is_empty() {
        return all;
    }
    let index = Index::of(findings, whose, forgeable);
    let mut used: BTreeSet<(&str, i32)> = BTreeSet::new();
    for f in data {
        let Some((low, high)) = f.time.first.zip(f.time.last).and_then(|(first, last)| around(first, last)) else {
            continue;
        };
        let (mut met, mut first) = (false, None);
        for host in hosts(f, whose) {
            for (key, day, begins) in index.met_by(&host, low, high) {
                used.insert((key, day));
                (met, first) = (true, [first, begins].into_iter().flatten().min());
            }
        }
        for (contact, day) in index.met_as(f, forgeable, low, high) {
            all.contacts.insert(&contact.finding.id);
            all.came_from.extend(outside(&contact.met.who, whose));
            (met, first) = (true, [first, begins_on(contact.finding, day)].into_iter().flatten().min());
        }
        if met {
            all.data.push((f, first));
        }
    }
    all.contacts.extend(used.into_iter().flat_map(|(key, day)| index.ids(key, day)));
    all
}

/// The days around a finding.
fn around(first: Instant, last: Instant) -> Option<(i32, i32)> {
    let day = |at: Instant| i32::try_from(at.day()).ok();
    Some((day(first)?.saturating_sub(DAYS_AROUND), day(last)?.saturating_add(DAYS_AROUND)))
}

/// When the sightings of a finding begin, if that is on this day.
fn begins_on(f: &Finding, day: i32) -> Option<Instant> {
    f.time.first.filter(|at| at.day() == i64::from(day))
}

/// The inside hosts of a finding, by [`Whose::entity`].
fn hosts(f: &Finding, whose: &Whose) -> BTreeSet<String> {
    let ends = f.entities.sources.iter().chain(&f.entities.destinations).filter(|t| whose.side(t) == Side::Inside);
    ends.chain(&f.entities.hosts).map(|t| whose.entity(t)).collect()
}

fn outside(who: &Subject, whose: &Whose) -> Option<String> {
    who.source_ip.as_deref().filter(|ip| whose.side(ip) == Side::Outside).map(str::to_owned)
}

/// A contact of an account.
struct Contact<'a> {
    finding: &'a Finding,
    met: &'a Met,
}

/// The contacts of a host on a day.
#[derive(Default)]
struct Day<'a> {
    ids: BTreeSet<&'a str>,
    /// The first of them, where its instant is known.
    begins: Option<Instant>,
}

/// Contacts by who made them.
#[derive(Default)]
struct Index<'a> {
    /// By host, then by day. A name stands here whole, and by its first label with a dot behind it.
    hosts: BTreeMap<String, BTreeMap<i32, Day<'a>>>,
    /// By the user part of an account.
    accounts: BTreeMap<String, Vec<Contact<'a>>>,
}

impl<'a> Index<'a> {
    fn of(findings: &[&'a Finding], whose: &Whose, forgeable: &BTreeSet<&Locator>) -> Self {
        let mut index = Self::default();
        for finding in findings.iter().filter(|f| is_listed(f)) {
            for met in finding.met.iter().filter(|met| met.outcome != Outcome::Failed) {
                index.add(finding, met, whose, forgeable);
            }
        }
        index
    }

    fn add(&mut self, finding: &'a Finding, met: &'a Met, whose: &Whose, forgeable: &BTreeSet<&Locator>) {
        let who = &met.who;
        let side = |text: &Option<Box<str>>| text.as_deref().map(|t| whose.side(t));
        let out = [&who.destination_ip, &who.destination_domain].iter().any(|to| side(to) == Some(Side::Outside));
        let from = side(&who.source_ip);
        // Every public server is visited by listed addresses: a visit ties nothing.
        if out && from != Some(Side::Outside) {
            let client = who.source_ip.as_deref().filter(|_| from == Some(Side::Inside));
            for host in client.into_iter().chain(who.host.as_deref()) {
                let host = whose.entity(host);
                let short = first_label(&host).map(|label| format!("{label}."));
                for key in [Some(host), short].into_iter().flatten() {
                    let days = self.hosts.entry(key).or_default();
                    for day in &met.days {
                        let all = days.entry(*day).or_default();
                        all.ids.insert(&finding.id);
                        all.begins = [all.begins, begins_on(finding, *day)].into_iter().flatten().min();
                    }
                }
            }
        }
        let used = from == Some(Side::Outside) && met.outcome == Outcome::Succeeded || out;
        let forged = finding.evidence.iter().any(|e| forgeable.contains(&e.source));
        if let Some(account) = who.account.as_deref().filter(|_| used && !forged) {
            self.accounts.entry(user(account)).or_default().push(Contact { finding, met });
        }
    }

    /// Days on which a host made contact, with the key that it stands under and the first contact.
    fn met_by(&self, host: &str, low: i32, high: i32) -> impl Iterator<Item = (&str, i32, Option<Instant>)> {
        let keys = match first_label(host) {
            None => [Some(host.to_owned()), None],
            Some(label) if label == host => [Some(format!("{label}.")), None],
            // A full name is also the bare one of its first label.
            Some(label) => [Some(host.to_owned()), Some(label.to_owned())],
        };
        let found = keys.into_iter().flatten().filter_map(|key| self.hosts.get_key_value(&key));
        found.flat_map(move |(key, days)| days.range(low..=high).map(|(day, all)| (key.as_str(), *day, all.begins)))
    }

    fn ids(&self, key: &str, day: i32) -> impl Iterator<Item = &'a str> {
        self.hosts.get(key).and_then(|days| days.get(&day)).into_iter().flat_map(|all| all.ids.iter().copied())
    }

    /// The first contact of each account of a finding.
    fn met_as(
        &self,
        f: &Finding,
        forgeable: &BTreeSet<&Locator>,
        low: i32,
        high: i32,
    ) -> impl Iterator<Item = (&Contact<'a>, i32)> {
        accounts(f, forgeable).iter().filter_map(move |account| {
            let logs = |contact: &Contact<'_>| {
                let theirs: BTreeSet<String> = contact.finding.evidence.iter().map(|e| e.source.log()).collect();
                f.evidence.iter().any(|e| theirs.contains(&e.source.log()))
            };
            let known = self.accounts.get(&user(account))?;
            known.iter().find_map(|contact| {
                let day = contact.met.days.iter().find(|day| (low..=high).contains(*day))?;
                let own = contact.met.who.account.as_deref()?;
                is_one(own, account, || logs(contact)).then_some((contact, *day))
            })
        })
    }
}

/// The first label of a name; none of an address.
fn first_label(host: &str) -> Option<&str> {
    address(host).is_none().then(|| host.split('.').next().unwrap_or(host)).filter(|label| !label.is_empty())
}

/// The user part of an account, in lower case.
fn user(account: &str) -> String {
    let text = account.to_ascii_lowercase();
    match text.split_once('\\') {
        Some((_, user)) => user.to_owned(),
        None => text.split('@').next().unwrap_or(&text).to_owned(),
    }
}

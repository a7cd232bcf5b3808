//! Who held an address when: what DHCP servers and VPN gateways say of it, and firewalls that translate addresses, over all sources.
//!
//! A word of a log holds until another one follows: that the address was given back, or, in the same log, given to somebody
//! else. Where none follows, it holds for sure as long as the log goes on, a day for a session and eight for a lease. Who may
//! have held an address at the time asked for, clocks taken into account, is a set; only where it is of one holder, and that
//! one's all the time, the join is sure.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::model::assigned::{Giver, Holder, Joined};
use crate::model::observation::Hour;
use crate::model::partial::Partial;
use crate::model::place::Locator;
use crate::model::time::{Instant, SKEW_SECS, Span};
use crate::model::whose::Whose;

use super::cards::{self, Cards};
use super::holding::{By, Holding, Logs, Records, follow, join};
use super::translated;

/// By so much clocks of two logs may differ, or one may write later than it saw.
const APART_SECS: i64 = 2 * SKEW_SECS;
/// Holders that are told apart of one address at one time; of more, these are the first.
pub(super) const HOLDERS_KEPT: usize = 8;

/// Who may have held an address: numbers of holdings, each the first of its holder, with whether it was that holder's for
/// sure. Sorted; empty where nobody did.
pub(super) type Held = Arc<[(u32, bool)]>;

/// The holdings of one address, sorted by when they may have begun.
#[derive(Default)]
struct Hands<'a> {
    holdings: Vec<Holding<'a>>,
    /// Of each holding, the number of the first one of its holder.
    first: Vec<u32>,
    /// The last time at which one of them up to this one may go on.
    reach: Vec<Instant>,
    /// Who may have held it at any time.
    ever: Held,
    /// Whether VPN gateways or DHCP servers gave it to several, one after the other.
    is_passed_around: bool,
    /// First and last time at which any log saw it in an hour: logs of one transfer must not differ in whose it was.
    seen: HashMap<i64, Span>,
}

/// All holdings, by address.
#[derive(Default)]
pub(super) struct Holdings<'a> {
    by_address: HashMap<Cow<'a, str>, Hands<'a>>,
    /// Of translated addresses, by the server that was asked: what is held then, see [`Holdings::name`].
    on_way: HashMap<&'a str, HashMap<&'a str, Box<str>>>,
}

impl<'a> Holdings<'a> {
    /// Joins what all sources say.
    pub(super) fn of(merged: &'a Partial, whose: &Whose) -> Self {
        let mut records: HashMap<&str, Records<'a>> = HashMap::new();
        let (mut logs, cards) = (Logs::default(), Cards::of(merged));
        let mut claimed: HashMap<&Locator, Vec<usize>> = HashMap::new();
        for source in merged.sources.values().filter(|source| !source.observations.assigned.is_empty()) {
            let locator = &source.entry.source;
            let log: Arc<str> = locator.log().into();
            for assignment in &source.observations.assigned.kept {
                let holder = cards.name(assignment, &log);
                records.entry(&assignment.address).or_default().push((assignment, locator, holder));
            }
            if let Some(span) = source.covered.span {
                let end = logs.ends.entry(Arc::clone(&log)).or_insert(span.last);
                *end = span.last.max(*end);
            }
            logs.of.insert(locator, log);
            claimed.insert(locator, whose.of_path(locator.as_str()));
        }
        let mut holdings: HashMap<Cow<'a, str>, Vec<Holding<'a>>> = HashMap::new();
        let mut on_way: HashMap<&str, HashMap<&str, Box<str>>> = HashMap::new();
        for ((address, server), of) in translated::all(merged, whose) {
            if server.is_empty() {
                holdings.insert(Cow::Borrowed(address), of);
            } else {
                let name = format!("{address} {server}");
                on_way.entry(address).or_default().insert(server, name.as_str().into());
                holdings.insert(Cow::Owned(name), of);
            }
        }
        for (address, mut of) in records {
            cards::spell(&mut of, |log| claimed.get(log).map_or(&[], Vec::as_slice));
            of.sort_unstable_by(|(a, log, _), (b, other, _)| (a.at, log, a.place).cmp(&(b.at, other, b.place)));
            holdings.entry(Cow::Borrowed(address)).or_default().extend(follow(&of, &logs));
        }
        let mut all = Self { on_way, ..Self::holding(holdings.into_iter()) };
        all.see(merged);
        all
    }

    /// These, by what they hold.
    pub(super) fn holding(all: impl Iterator<Item = (Cow<'a, str>, Vec<Holding<'a>>)>) -> Self {
        Self { by_address: all.map(|(held, of)| (held, Hands::of(of))).collect(), on_way: HashMap::new() }
    }

    /// What is held where an address asks a server: the address, or, where a firewall translated hosts on their way to that very
    /// server, that, of which fewer hosts are the holders.
    pub(super) fn name<'s>(&'s self, address: &'s str, server: &str) -> &'s str {
        let on_way = self.on_way.get(address).and_then(|servers| servers.get(server));
        on_way.map_or(address, |name| name)
    }

    /// Of what is held in a span by one alone and for sure, the first such holding of it.
    pub(super) fn sole(&self, held: &str, span: Span, is_such: impl Fn(&Holding<'a>) -> bool) -> Option<&Holding<'a>> {
        let hands = self.by_address.get(held)?;
        let held = hands.at(span);
        let [(at, true)] = *held else { return None };
        let its = hands.meeting(span).filter(|number| hands.first[*number] == at);
        its.filter_map(|number| Some((number, hands.holdings.get(number)?)))
            .filter(|(_, holding)| is_such(holding))
            .min_by_key(|(number, _)| *number)
            .map(|(_, holding)| holding)
    }

    /// What is held that may meet a span.
    pub(super) fn meeting(&self, held: &str, span: Span) -> impl Iterator<Item = &Holding<'a>> {
        let hands = self.by_address.get(held);
        hands.into_iter().flat_map(move |hands| hands.meeting(span).filter_map(|number| hands.holdings.get(number)))
    }

    /// Gathers when any log saw the addresses.
    fn see(&mut self, merged: &Partial) {
        if self.by_address.is_empty() {
            return;
        }
        for (key, told) in merged.sources.values().flat_map(|source| source.observations.kept.iter()) {
            let on_way = self.on_way.get(key.client).and_then(|servers| servers.get(key.server));
            let Some(hands) = self.by_address.get_mut(on_way.map_or(key.client, |name| name)) else { continue };
            for span in told.hours().filter(|hour| !hour.lasts()).filter_map(|hour| hour.span) {
                let seen = hands.seen.entry(span.first.hour()).or_insert(span);
                *seen = seen.join(span);
            }
        }
    }

    /// Who may have held an address in an hour of a conversation, as far as any log saw it then.
    pub(super) fn in_hour(&self, address: &str, hour: &Hour) -> Held {
        let Some(hands) = self.by_address.get(address) else { return Held::default() };
        let one = hour.hour().filter(|_| !hour.lasts());
        let span = one.and_then(|hour| hands.seen.get(&hour).copied());
        self.at(address, span.or(hour.span))
    }

    /// Whether some log says whose an address was.
    pub(super) fn knows(&self, address: &str) -> bool {
        self.by_address.contains_key(address)
    }

    /// Who may have held an address in a span; of a time that is not known, at any.
    pub(super) fn at(&self, address: &str, span: Option<Span>) -> Held {
        let Some(hands) = self.by_address.get(address) else { return Held::default() };
        span.map_or_else(|| Arc::clone(&hands.ever), |span| hands.at(span))
    }

    /// The address from which the one session came that held an address for sure.
    pub(super) fn peer(&self, address: &str, held: &[(u32, bool)]) -> Option<&str> {
        let sure: Vec<(u32, bool)> = held.iter().filter(|(_, sure)| *sure).copied().collect();
        self.peers(address, &sure).first().copied()
    }

    /// All addresses from which sessions came that may have held an address.
    pub(super) fn peers(&self, address: &str, held: &[(u32, bool)]) -> Vec<&str> {
        let holders = held.iter().filter_map(|(at, _)| self.holder(address, *at));
        holders
            .filter(|holder| holder.giver == Giver::Vpn && !holder.peer.is_empty())
            .map(|holder| &*holder.peer)
            .collect()
    }

    /// The source of the record that says who held an address.
    pub(super) fn source(&self, address: &str, at: u32) -> Option<&'a Locator> {
        Some(self.by_address.get(address)?.holdings.get(at as usize)?.by.source)
    }

    /// Whether VPN gateways or DHCP servers gave an address to several, one after the other.
    pub(super) fn is_passed_around(&self, address: &str) -> bool {
        self.by_address.get(address).is_some_and(|hands| hands.is_passed_around)
    }

    /// What tells those from others to whom VPN gateways and DHCP servers gave an address, of those who may have held it.
    pub(super) fn given<'s>(&'s self, address: &str, held: &[(u32, bool)]) -> Vec<&'s str> {
        let holders = held.iter().filter_map(|(at, _)| self.holder(address, *at)).filter(|holder| is_given(holder));
        let all = |holder: &'s Holder| {
            let card = Some(&*holder.card).filter(|card| !card.is_empty());
            [holder.giver.word(), &*holder.account, &*holder.host, &*holder.peer].into_iter().chain(card)
        };
        holders.flat_map(all).collect()
    }

    /// The hosts that held an address for sure, of those who may have.
    pub(super) fn hosts(&self, address: &str, held: &[(u32, bool)]) -> impl Iterator<Item = &str> {
        let holders = held.iter().filter(|(_, sure)| *sure).filter_map(|(at, _)| self.holder(address, *at));
        holders.map(|holder| &*holder.host).filter(|host| !host.is_empty())
    }

    /// The hosts behind an address to which a firewall translates theirs, of those who may have held it.
    pub(super) fn behind(&self, address: &str, held: &[(u32, bool)]) -> impl Iterator<Item = &str> {
        let holders = held.iter().filter_map(|(at, _)| self.holder(address, *at));
        holders.filter(|holder| holder.giver == Giver::Nat).map(|holder| &*holder.host)
    }

    /// The host behind a translated address, where this holder is one.
    pub(super) fn translated(&self, address: &str, at: u32) -> Option<&str> {
        self.behind(address, &[(at, false)]).next()
    }

    fn holder(&self, address: &str, at: u32) -> Option<&Holder> {
        Some(&*self.by_address.get(address)?.holdings.get(at as usize)?.holder)
    }

    /// The joins by which what an address did in a span is somebody's, each with its record.
    pub(super) fn joined(&self, address: &str, held: &[(u32, bool)], span: Option<Span>) -> Vec<(Joined, By<'a>)> {
        let Some(hands) = self.by_address.get(address) else { return Vec::new() };
        let of = held.iter().filter_map(|(at, sure)| {
            let meets = |number: &usize| hands.first.get(*number) == Some(at);
            let number = span.and_then(|span| hands.meeting(span).filter(meets).min()).unwrap_or(*at as usize);
            let holding = hands.holdings.get(number)?;
            Some((join(address, holding, *sure), holding.by))
        });
        of.collect()
    }

    /// What tells a set of holders from others, for ids.
    pub(super) fn texts(&self, address: &str, held: &[(u32, bool)]) -> Vec<&str> {
        let of = |(at, sure): &(u32, bool)| {
            let holder = self.holder(address, *at)?;
            let word = if *sure { "sure" } else { "perhaps" };
            let card = Some(&*holder.card).filter(|card| !card.is_empty());
            let texts = [holder.giver.word(), &*holder.account, &*holder.host, &*holder.peer, word];
            Some(texts.into_iter().chain(card))
        };
        held.iter().filter_map(of).flatten().collect()
    }
}

impl<'a> Hands<'a> {
    fn of(mut holdings: Vec<Holding<'a>>) -> Self {
        holdings.sort_by(|a, b| (a.may.first, &a.by, &a.holder).cmp(&(b.may.first, &b.by, &b.holder)));
        let mut firsts: HashMap<&Holder, u32> = HashMap::new();
        let first: Vec<u32> =
            (0..).zip(&holdings).map(|(at, holding)| *firsts.entry(&holding.holder).or_insert(at)).collect();
        let mut furthest = None;
        let reach =
            holdings.iter().map(|holding| *furthest.insert(holding.may.last.max(furthest.unwrap_or(holding.may.last))));
        let reach = reach.collect();
        let mut ever: Vec<u32> = firsts.into_values().collect();
        ever.sort_unstable();
        let is_given = |at: &&u32| is_given(&holdings[**at as usize].holder);
        let is_passed_around = ever.iter().filter(is_given).count() > 1;
        let mut hands = Self { holdings, first, reach, ever: Held::default(), is_passed_around, seen: HashMap::new() };
        hands.without_crowd(&mut ever);
        hands.ever = ever.into_iter().take(HOLDERS_KEPT).map(|at| (at, false)).collect();
        hands
    }

    /// Numbers of the holdings that may meet a span, the last one first.
    fn meeting(&self, span: Span) -> impl Iterator<Item = usize> {
        let begins = later(span.last, APART_SECS);
        let begun = self.holdings.partition_point(|holding| holding.may.first <= begins);
        let ends = later(span.first, -APART_SECS);
        let reaching = (0..begun).rev().take_while(move |at| self.reach[*at] >= ends);
        reaching.filter(move |at| self.holdings[*at].may.last >= ends)
    }

    fn at(&self, span: Span) -> Held {
        let mut sure: BTreeMap<u32, Span> = BTreeMap::new();
        for at in self.meeting(span) {
            let of = sure.entry(self.first[at]).or_insert(self.holdings[at].sure);
            *of = of.join(self.holdings[at].sure);
        }
        let mut held: Vec<u32> = sure.keys().copied().collect();
        self.without_crowd(&mut held);
        let alone = |at: &u32| held.iter().filter(|other| self.giver(**other) == self.giver(*at)).count() == 1;
        let is_sure = |at: &u32| sure.get(at).is_some_and(|sure| covers(*sure, span)) && alone(at);
        held.iter().take(HOLDERS_KEPT).map(|at| (*at, is_sure(at))).collect()
    }

    fn giver(&self, at: u32) -> Giver {
        self.holdings[at as usize].holder.giver
    }

    /// Leaves out the hosts behind a translated address where there are more than are told apart: which of them it was is not
    /// known, and that it was one of so many says nothing.
    fn without_crowd(&self, held: &mut Vec<u32>) {
        let is_behind = |at: &&u32| self.giver(**at) == Giver::Nat;
        let is_crowd = |at: &u32| self.holdings[*at as usize].holder.host.is_empty();
        let behind: Vec<&u32> = held.iter().filter(is_behind).collect();
        if behind.len() > HOLDERS_KEPT || behind.iter().any(|at| is_crowd(at)) {
            held.retain(|at| self.giver(*at) != Giver::Nat);
        }
    }
}

/// Whether a VPN gateway or a DHCP server gave it: one that gives it to somebody else next.
fn is_given(holder: &Holder) -> bool {
    matches!(holder.giver, Giver::Vpn | Giver::Dhcp)
}

fn later(at: Instant, secs: i64) -> Instant {
    at.plus_secs(secs)
}

/// Whether a span lies in another one, as far as clocks can tell.
fn covers(sure: Span, span: Span) -> bool {
    sure.first <= later(span.first, APART_SECS) && span.last <= later(sure.last, APART_SECS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::assigned::Assignment;
    use crate::model::ledger::{Entry, EntryKind};
    use crate::model::partial::SourcePartial;
    use crate::model::place::{Place, RecordDigest};

    /// A log of these: seconds, whether the address was given back, giver, peer, host.
    type Said<'t> = (i64, bool, Giver, &'t str, &'t str);

    fn log(name: &str, ends: i64, said: &[Said<'_>]) -> SourcePartial {
        let locator = Locator::from_encoded(name);
        let mut source = SourcePartial::ledger_only(Entry::new(EntryKind::Source, locator.clone(), locator));
        source.covered.span = Some(span(0, ends));
        for (offset, (at, ends, giver, peer, host)) in (0..).zip(said) {
            let holder = Holder {
                giver: *giver,
                account: "".into(),
                host: (*host).into(),
                peer: (*peer).into(),
                card: "".into(),
            };
            let place = Place { offset, length: 1, line: None, record: None, event_record_id: None, in_doubt: false };
            let (at, address) = (Instant::from_secs(*at).unwrap(), "10.0.0.1".into());
            let sha256 = RecordDigest([0; 32]);
            source.observations.assigned.add(Assignment { at, address, ends: *ends, holder, place, sha256 });
        }
        source
    }

    fn span(first: i64, last: i64) -> Span {
        Span { first: Instant::from_secs(first).unwrap(), last: Instant::from_secs(last).unwrap() }
    }

    /// Who held the address in a span: peers and hosts, with a `?` behind those that are not sure.
    fn held(logs: &[SourcePartial], (first, last): (i64, i64)) -> String {
        let mut merged = Partial::default();
        merged.sources.extend(logs.iter().map(|log| (log.key(), Arc::new(log.clone()))));
        let all = Holdings::of(&merged, &Whose::default());
        let held = all.at("10.0.0.1", Some(span(first, last)));
        let joined = all.joined("10.0.0.1", &held, Some(span(first, last)));
        let word = |(joined, _): &(Joined, By<'_>)| {
            format!("{}{}{}", joined.peer, joined.host, if joined.sure { "" } else { "?" })
        };
        joined.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    const H: i64 = 3600;

    #[test]
    fn an_address_is_its_holders_from_word_to_word() {
        let vpn = |at, ends, peer| (at, ends, Giver::Vpn, peer, "");
        let logs = [log("e/vpn.log", 90 * H, &[vpn(H, false, "a"), vpn(2 * H, true, "a"), vpn(3 * H, false, "b")])];
        let who = |first, last| held(&logs, (first, last));
        assert_eq!((&*who(0, H / 2), &*who(H, 2 * H), &*who(2 * H + 600, 3 * H - 600)), ("", "a", ""));
        assert_eq!((&*who(H - 60, H + 60), &*who(H - 600, H + 60)), ("a", "a?"), "clocks differ by little");
        assert_eq!(&*who(H, 4 * H), "a? b?");
        assert_eq!((&*who(3 * H, 20 * H), &*who(20 * H, 30 * H)), ("b", "b?"), "no word for a day");
    }

    #[test]
    fn several_who_may_have_held_it_stay_a_set() {
        let vpn = |at, ends, peer| (at, ends, Giver::Vpn, peer, "");
        let one = log("e/vpn1.log", 9 * H, &[vpn(H, false, "a"), vpn(4 * H, true, "a")]);
        let two = log("e/vpn2.log", 9 * H, &[vpn(2 * H, false, "b"), vpn(3 * H, true, "b")]);
        let same = log("e/copy.log", 9 * H, &[vpn(H, false, "a"), vpn(4 * H, true, "a")]);
        assert_eq!(held(&[one.clone(), two], (2 * H, 2 * H + 60)), "a? b?", "two gateways with one pool");
        assert_eq!(held(&[one, same], (2 * H, 2 * H + 60)), "a", "two logs of one session");
        let lease = log("e/dhcp.log", 9 * H, &[(H, false, Giver::Dhcp, "", "pc")]);
        let session = log("e/vpn.log", 9 * H, &[vpn(H, false, "a")]);
        assert_eq!(held(&[lease, session], (2 * H, 3 * H)), "pc a", "a lease that a gateway handed on");
        let end = log("e/vpn.log", 9 * H, &[vpn(5 * H, true, "a")]);
        assert_eq!(held(&[end], (4 * H, 5 * H)), "a?", "its begin is not in the log");
    }

    #[test]
    fn a_lease_goes_on_while_it_is_renewed_and_ends_with_the_log() {
        let dhcp = |at, host| (at, false, Giver::Dhcp, "", host);
        let days = 24 * H;
        let renewed: Vec<Said<'_>> =
            (0..20).map(|day| dhcp(day * days, "pc1")).chain([dhcp(30 * days, "pc2")]).collect();
        let logs = [log("e/dhcp.log", 31 * days, &renewed)];
        assert_eq!(held(&logs, (18 * days, 19 * days)), "pc1");
        assert_eq!(held(&logs, (26 * days, 26 * days + H)), "pc1");
        assert_eq!(held(&logs, (28 * days, 28 * days + H)), "", "nine days without a word");
        assert_eq!(
            (held(&logs, (30 * days, 31 * days)), held(&logs, (32 * days, 33 * days))),
            ("pc2".into(), "pc2?".into())
        );
    }
}

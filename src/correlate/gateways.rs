//! Hosts that put on the wire what others sent: a proxy or a gateway that translates addresses sends the data of its clients
//! in its own name, so that a log on each side of it tells of the same bytes.
//!
//! What two sides have to one destination is held to be the same where it is as much in all, and as much in every hour, as
//! far as logs of one transfer may put its parts apart. Then the gateway's bytes count where they came from: of its own it
//! sent at least none. At most it sent all of them: that two figures agree proves nothing. In the same way a balancer and
//! the server behind it answer once, and a resolver asks what its clients ask.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::place::Locator;
use crate::model::rule::Route;
use crate::model::transfer::{Dated, PassedOn, Transfer, is_around};
use crate::model::whose::{address, is_private};

use super::cells::{APART_HOURS, missed};
use super::passed::Outer;

/// Transfers of fewer bytes are not asked about.
const ASKED_BYTES: u64 = 64 << 10;
/// Hosts of one side that are told apart: beyond them only all together are held against the other side.
const HOSTS: usize = 16;

/// Of fewer answers it is chance that two servers have as many.
const ANSWERS_LEAST: u64 = 16;
/// Transfers of fewer bytes are not held against those of other destinations: many have about as much by chance.
const NAMELESS_BYTES: u64 = 1 << 20;
/// The wire has at most so much more than data of which nothing but figures says that it is the same.
const CLOSE_SHARE: u64 = 20;
const CLOSE_BYTES: u64 = 64 << 10;
/// Of more transfers that have about as much it is not asked which one is meant.
const NAMELESS_LIKE: usize = 64;
/// The head of an answer, at most.
const HEAD_BYTES: u64 = 4 << 10;

/// A transfer by its position, and whether logs of the wire alone saw it.
type Sender = (u32, bool);

/// A gateway's transfer by its position, and whose bytes it passes on.
type Passed = (u32, PassedOn);

/// The transfers that may be passed on, or be what somebody passes on.
#[derive(Default)]
pub(super) struct Senders {
    all: Vec<Sender>,
    /// Of those that are names asked for, by their positions: the resolvers inside that were asked.
    resolvers: Resolvers,
}

type Resolvers = BTreeMap<u32, BTreeSet<String>>;

impl Senders {
    /// Adds the transfer at a position, with the resolvers inside that were asked.
    pub(super) fn add(&mut self, at: usize, transfer: &Transfer, wire: bool, asked: BTreeSet<String>) {
        let Some(at) = u32::try_from(at).ok().filter(|_| transfer.bytes.lower >= ASKED_BYTES) else { return };
        self.all.push((at, wire));
        if !asked.is_empty() {
            self.resolvers.insert(at, asked);
        }
    }

    /// Leaves out those of which the records of a firewall that translates say whose they are.
    pub(super) fn leave_out(&mut self, outer: &Outer) {
        self.all.retain(|(at, wire)| outer.may_pass_on(*at, *wire));
    }

    /// Leaves out those at these positions, of which it is known whose they are.
    pub(super) fn forget(&mut self, known: &BTreeSet<usize>) {
        self.all.retain(|(at, _)| !known.contains(&(*at as usize)));
    }

    /// Counts what gateways put on the wire with the hosts that sent it.
    pub(super) fn once(mut self, transfers: &mut [Transfer], proxies: &BTreeSet<String>) {
        let seen_by = |at: u32| &transfers[at as usize].seen_by;
        let Some((first, _)) = self.all.first() else { return };
        if self.all.iter().all(|(at, _)| seen_by(*at) == seen_by(*first)) {
            return;
        }
        let key = |at: u32| {
            let Transfer { to, route, from, .. } = &transfers[at as usize];
            (to.as_str(), *route, &**from, at)
        };
        self.all.sort_unstable_by(|a, b| key(a.0).cmp(&key(b.0)));
        let mut passed_on = Vec::new();
        let same_place = |a: &Sender, b: &Sender| {
            let (a, b) = (&transfers[a.0 as usize], &transfers[b.0 as usize]);
            a.to == b.to && a.route == b.route
        };
        for chunk in self.all.chunk_by(same_place).filter(|chunk| chunk.len() > 1) {
            of_destination(chunk, transfers, &self.resolvers, &mut passed_on);
        }
        nameless(&self.all, transfers, proxies, &mut passed_on);
        for (at, of) in passed_on {
            let transfer = &mut transfers[at as usize];
            transfer.bytes.lower = 0;
            transfer.hour_bytes.iter_mut().for_each(|bytes| *bytes = 0);
            transfer.dated.iter_mut().flat_map(Dated::bytes_mut).for_each(|bytes| *bytes = 0);
            transfer.passed_on = Some(Box::new(of));
        }
    }
}

/// Decides of what logs of the wire saw go to an address that nothing names, and logs of data to a name whose address nothing tells:
/// where of all that moved by a way out the two alone are as much in all and in every hour, they are the same. One scope knows both, and
/// who put it on the wire is who sent it, or is known as a proxy.
fn nameless(all: &[Sender], transfers: &mut [Transfer], proxies: &BTreeSet<String>, passed_on: &mut Vec<Passed>) {
    let of = |at: &u32| &transfers[*at as usize];
    let known: BTreeSet<u32> = passed_on.iter().map(|(at, _)| *at).collect();
    let is_asked = |at: &u32| {
        let t = of(at);
        let leads_out = !matches!(
            t.route,
            Route::WebResponse | Route::SaasDownload | Route::RemoteAccess | Route::DnsTunnel | Route::Email
        );
        leads_out && t.bytes.lower >= NAMELESS_BYTES
    };
    let asked = |wire: bool| all.iter().filter(move |sender| sender.1 == wire).map(|(at, _)| *at).filter(is_asked);
    let is_nameless = |at: &u32| address(&of(at).to).is_some() && of(at).to_names.is_empty();
    let is_placeless = |at: &u32| of(at).destinations().all(|to| address(to).is_none());
    let mut named: Vec<u32> = asked(false).filter(|at| is_placeless(at) && !known.contains(at)).collect();
    named.sort_unstable_by_key(|at| (of(at).route, of(at).bytes.lower, *at));
    let is_of = |bare: &Transfer, named: &Transfer| {
        // Figures that agree prove nothing: what an entry explains by name explains no address that it does not give.
        let is_open = named.sanctioned.is_none() || bare.sanctioned.is_some();
        is_open && bare.scope == named.scope && (bare.from == named.from || proxies.contains(&*bare.from))
    };
    let (mut pairs, mut crowded): (Vec<(u32, u32)>, BTreeSet<u32>) = Default::default();
    // What has a name on the wire, or is somebody's by another log, may be the one that is meant as well.
    for bare in asked(true) {
        let t = of(&bare);
        let least = named.partition_point(|at| (of(at).route, of(at).bytes.lower) < (t.route, t.bytes.lower / 2));
        let like = named[least..]
            .iter()
            .take_while(|at| of(at).route == t.route && missed(of(at).bytes.lower) <= t.bytes.lower);
        let like: Vec<u32> = like.take(NAMELESS_LIKE + 1).copied().collect();
        if like.len() > NAMELESS_LIKE {
            crowded.extend(like);
            continue;
        }
        // PERF: mostly not even the sums are near each other.
        let is_near = |named: &u32| {
            is_close(of(named).bytes.lower, t.bytes.lower, t.records.saturating_add(of(named).records))
                && of(named).seen_by.iter().all(|log| !t.seen_by.contains(log))
        };
        let mut near = like.into_iter().filter(is_near).peekable();
        if near.peek().is_none() {
            continue;
        }
        let ours = Account::of(&[(bare, true)], transfers);
        let same = near.filter(|named| ours.is_of(&Account::of(&[(*named, false)], transfers), true));
        pairs.extend(same.map(|named| (bare, named)));
    }
    let (mut of_bare, mut of_named): (BTreeMap<u32, u32>, BTreeMap<u32, u32>) = Default::default();
    for (bare, named) in &pairs {
        *of_bare.entry(*bare).or_default() += 1;
        *of_named.entry(*named).or_default() += 1;
    }
    let is_only = |(bare, named): &(u32, u32)| {
        let is_open = is_nameless(bare) && !known.contains(bare) && !crowded.contains(named);
        is_open && of_bare[bare] == 1 && of_named[named] == 1
    };
    let only: Vec<(u32, u32)> =
        pairs.into_iter().filter(|pair| is_only(pair) && is_of(of(&pair.0), of(&pair.1))).collect();
    for (bare, named) in only {
        let client = (named, transfers[named as usize].bytes.lower);
        passed_on.push((bare, told(&transfers[bare as usize].scope, &[client], transfers)));
        let name = transfers[named as usize].to.as_str().to_owned();
        transfers[bare as usize].to_names = vec![name].into();
        // What findings say of the address they say of the transfer that counts.
        let mut names = transfers[named as usize].to_names.to_vec();
        names.push(transfers[bare as usize].to.as_str().to_owned());
        transfers[named as usize].to_names = names.into();
    }
}

/// Whether the wire has no more around data than a transfer of this size does: two destinations that nothing else joins are one by their
/// figures alone.
fn is_close(data: u64, wire: u64, records: u64) -> bool {
    is_around(data, wire, records) && wire <= data.saturating_add(data / CLOSE_SHARE).saturating_add(CLOSE_BYTES)
}

/// Some hosts that the same logs saw to send to a destination.
struct Part<'t> {
    logs: &'t [Locator],
    members: Vec<Sender>,
    hosts: BTreeSet<&'t str>,
    bytes: u64,
    records: u64,
}

impl<'t> Part<'t> {
    fn of(logs: &'t [Locator], members: Vec<Sender>, transfers: &'t [Transfer]) -> Self {
        let mut part = Self { logs, members, hosts: BTreeSet::new(), bytes: 0, records: 0 };
        for transfer in part.members.iter().map(|(at, _)| &transfers[*at as usize]) {
            part.hosts.insert(&transfer.from);
            part.bytes = part.bytes.saturating_add(transfer.bytes.lower);
            part.records = part.records.saturating_add(transfer.records);
        }
        part
    }

    fn is_free(&self, taken: &BTreeSet<u32>) -> bool {
        self.members.iter().all(|(at, _)| !taken.contains(at))
    }
}

/// All hosts of each side together, and each alone where they are few.
fn parts<'t>(chunk: &[Sender], transfers: &'t [Transfer]) -> Vec<Part<'t>> {
    let mut sides: BTreeMap<&'t [Locator], Vec<Sender>> = BTreeMap::new();
    for sender in chunk {
        sides.entry(&transfers[sender.0 as usize].seen_by).or_default().push(*sender);
    }
    let mut parts = Vec::new();
    if sides.len() < 2 {
        return parts;
    }
    for (logs, members) in sides {
        let alone = members.iter().filter(|_| (2..=HOSTS).contains(&members.len()));
        let alone: Vec<Part<'_>> = alone.map(|one| Part::of(logs, vec![*one], transfers)).collect();
        parts.push(Part::of(logs, members, transfers));
        parts.extend(alone);
    }
    parts
}

/// Decides of the transfers to one destination.
fn of_destination(chunk: &[Sender], transfers: &[Transfer], resolvers: &Resolvers, passed_on: &mut Vec<Passed>) {
    let parts = parts(chunk, transfers);
    // Who passes on is no sender of anything, and who sent is no gateway.
    let (mut gateways, mut senders) = (BTreeSet::new(), BTreeSet::new());
    for part in &parts {
        if !part.is_free(&gateways) || !part.is_free(&senders) {
            continue;
        }
        let clients = parts.iter().find(|clients| {
            clients.logs != part.logs && clients.is_free(&gateways) && passes_on(part, clients, transfers, resolvers)
        });
        if let Some(clients) = clients {
            gateways.extend(part.members.iter().map(|(at, _)| *at));
            senders.extend(clients.members.iter().map(|(at, _)| *at));
            let sent = |(at, _): &Sender| (*at, transfers[*at as usize].bytes.lower);
            let clients: Vec<(u32, u64)> = clients.members.iter().map(sent).collect();
            let told = |at: &u32| (*at, told(&transfers[*at as usize].scope, &clients, transfers));
            passed_on.extend(part.members.iter().map(|(at, _)| at).map(told));
        }
    }
}

/// Whether some hosts put on the wire what others sent: which of the two is the gateway must be plain too.
fn passes_on(gateways: &Part<'_>, clients: &Part<'_>, transfers: &[Transfer], resolvers: &Resolvers) -> bool {
    // PERF: mostly not even the sums are near each other.
    let records = gateways.records.saturating_add(clients.records);
    if gateways.bytes < missed(clients.bytes) || !is_around(clients.bytes, gateways.bytes, records) {
        return false;
    }
    let (ours, theirs) = (&gateways.hosts, &clients.hosts);
    let (wire, data) = (gateways.members.iter().all(|(_, wire)| *wire), clients.members.iter().all(|(_, wire)| !wire));
    let apart = match data {
        true => clients.logs.iter().any(|log| !gateways.logs.contains(log)),
        false => clients.logs.iter().all(|log| !gateways.logs.contains(log)),
    };
    let plain = match clients.members.first().map(|(at, _)| transfers[*at as usize].route) {
        // Their names are those that the resolver asked for.
        Some(Route::DnsTunnel) => clients.members.iter().all(|(at, _)| {
            resolvers.get(at).is_some_and(|asked| asked.iter().any(|resolver| ours.contains(&**resolver)))
        }),
        // Servers of one farm have about as much too.
        Some(Route::WebResponse) if !wire => {
            data && answers_again((gateways.bytes, gateways.records), (clients.bytes, clients.records))
        }
        _ => wire && (data || are(ours, false) && are(theirs, true) || ours.len() < theirs.len()),
    };
    apart && plain && ours.is_disjoint(theirs) && {
        let (ours, theirs) = (Account::of(&gateways.members, transfers), Account::of(&clients.members, transfers));
        ours.is_of(&theirs, data)
    }
}

/// Whether a balancer, of whose answers these are the bytes and records, can have passed on those of servers: as many, and with no
/// more than their heads around them.
fn answers_again((passed, records): (u64, u64), (sent, of_servers): (u64, u64)) -> bool {
    let heads = records.saturating_mul(HEAD_BYTES);
    records == of_servers && records >= ANSWERS_LEAST && (sent..=sent.saturating_add(heads)).contains(&passed)
}

/// Whether hosts are all known by addresses that are private, or all by such that are not.
fn are(hosts: &BTreeSet<&str>, private: bool) -> bool {
    hosts.iter().all(|host| address(host).is_some_and(|ip| is_private(ip) == private))
}

/// Whose bytes a gateway's are, for a reader who may see one scope, first who sent the most; of transfers by their positions, with
/// how many bytes of each may be passed on.
pub(super) fn told(scope: &Arc<str>, clients: &[(u32, u64)], transfers: &[Transfer]) -> PassedOn {
    let (mut own, mut all): (BTreeMap<&str, u64>, BTreeSet<&str>) = Default::default();
    for (t, sent) in clients.iter().map(|(at, sent)| (&transfers[*at as usize], *sent)) {
        all.insert(&t.from);
        if t.scope == *scope {
            let sum = own.entry(&t.from).or_default();
            *sum = sum.saturating_add(sent);
        }
    }
    let mut hosts: Vec<(&str, u64)> = own.into_iter().collect();
    hosts.sort_by_key(|(host, sent)| (Reverse(*sent), *host));
    let hosts: Vec<String> = hosts.into_iter().take(HOSTS).map(|(host, _)| host.to_owned()).collect();
    let more = (all.len() - hosts.len()) as u64;
    PassedOn { hosts, more }
}

/// What transfers moved together.
#[derive(Default)]
struct Account {
    hours: BTreeMap<i64, u64>,
    whole: u64,
    records: u64,
}

impl Account {
    fn of(senders: &[Sender], transfers: &[Transfer]) -> Self {
        let mut all = Self::default();
        for transfer in senders.iter().map(|(at, _)| &transfers[*at as usize]) {
            for (hour, bytes) in transfer.by_end() {
                let sum = all.hours.entry(hour).or_default();
                *sum = sum.saturating_add(bytes);
            }
            all.whole = all.whole.saturating_add(transfer.bytes.lower);
            all.records = all.records.saturating_add(transfer.records);
        }
        all
    }

    /// Whether this is what the wire has of bytes that another side tells of, which may count the data alone.
    fn is_of(&self, theirs: &Self, data: bool) -> bool {
        let records = self.records.saturating_add(theirs.records);
        let around = |of: u64, bytes: u64| match data {
            true => is_around(of, bytes, records),
            false => missed(bytes) <= of,
        };
        let near = |all: &Self, hour: i64| {
            let by = APART_HOURS as i64 - 1;
            let hours = all.hours.range(hour.saturating_sub(by)..=hour.saturating_add(by));
            hours.fold(0u64, |sum, (_, bytes)| sum.saturating_add(*bytes))
        };
        around(theirs.whole, self.whole)
            && self.whole >= missed(theirs.whole)
            && self.hours.iter().all(|(hour, bytes)| around(near(theirs, *hour), *bytes))
            && theirs.hours.iter().all(|(hour, bytes)| near(self, *hour) >= missed(*bytes))
    }
}

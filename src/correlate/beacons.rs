//! Beacons: a host that calls one destination outside again and again, evenly in time and size.
//!
//! All is told from the hours of a conversation, which tallies keep anyway: of each hour its first and last record, how many
//! there were, and their bytes. Calls that come several times an hour are even where hours hold as many of them and leave as
//! long between them; seldom ones are known one by one. Nothing is said of conversations that failed or were not answered, of
//! clocks, mail and push services by their ports, of vendors whose programs call home on most machines, nor of flow records that
//! an exporter writes by its own clock. A destination with which several hosts speak, or whose service several call, not far less
//! often, is told of once for all of them ([`Many`]). Several logs of the same calls are not added up; files of one log are.

use std::borrow::{Borrow, Cow};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use itertools::Itertools;

use crate::model::conversations::Told;
use crate::model::finding::{Entities, Evidence, Finding, FindingAssumed};
use crate::model::observation::{Cited, Hour, Key, Observed, Seen, Sum};
use crate::model::partial::SourcePartial;
use crate::model::place::Locator;
use crate::model::rule::{BEACON, Level, Outcome, Route, Stage};
use crate::model::time::{HOUR_SECS, Instant, Span};
use crate::model::whose::{address, same_host};

use super::held::{self, Hand};
use super::many::{APART, Many};
use super::way::{self, Direction};
use super::{World, digest, exits, found, lookups};

/// So many whole hours show how even calls are that come several times an hour.
const HOURS: usize = 8;
/// So many calls an hour are several.
const SEVERAL: u64 = 3;
/// So many seldom calls show how even they are, of which no two lie further apart.
const SELDOM: usize = 16;
const SELDOM_SECS: i64 = 8 * HOUR_SECS;
/// Of more in an hour no more are looked at, where most hours have fewer than [`SEVERAL`].
const AN_HOUR: u64 = 8;
/// From so many hosts on a destination is a service.
pub(super) const POPULAR: usize = 5;
/// Ports of what calls by its nature: DNS, clocks, mail, VPN, STUN, push services.
pub(super) const PORTS: &[u16] =
    &[25, 53, 110, 123, 143, 465, 500, 587, 853, 993, 995, 1194, 3478, 4500, 5222, 5223, 5228];
/// How a conversation calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rhythm {
    /// Seconds between two calls, as a rule.
    secs: i64,
}

/// Scope, host and destination; and in whose hands the address of the host was: who has it next makes calls of its own.
type Pair<'w> = (&'w str, Cow<'w, str>, &'w str, Hand<'w>);

/// What one log tells of the calls of a pair.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Heard {
    count: u64,
    bytes: u64,
    secs: i64,
}

/// Calls of one pair.
struct Calls<'w> {
    /// What each log tells. They tell of the same calls, so that the one counts that heard most.
    logs: BTreeMap<&'w Locator, Heard>,
    time: Option<Span>,
    assumed: Option<FindingAssumed>,
    outcome: Outcome,
    route: Route,
    evidence: Vec<Evidence>,
    /// The addresses that called.
    clients: BTreeSet<&'w str>,
    /// Whether several held the address, of none of whom alone it is known that they called.
    is_of_several: bool,
}

/// A conversation in one file of a log, under the place where that counts.
type Part<'w> = (&'w SourcePartial, &'w Locator, Told<'w>);

/// The beacons, sorted by scope, host and destination, of each at most `max_evidence` records cited; and even calls of many
/// hosts to one service, of which none is a beacon.
pub(super) fn all(world: &World<'_>, max_evidence: usize) -> (Vec<Finding>, Vec<Many>) {
    let beacons = even(world);
    let speak = speak(world, beacons.keys().map(|(_, _, to, _)| *to).collect());
    let mut callers: BTreeMap<String, BTreeMap<&str, u64>> = BTreeMap::new();
    for ((_, from, to, _), calls) in &beacons {
        let most = callers.entry(service(to)).or_default().entry(&**from).or_default();
        *most = calls.heard().count.max(*most);
    }
    let (mut found, mut many) = (Vec::new(), BTreeMap::new());
    for (pair, calls) in &beacons {
        let (scope, from, to, _) = pair;
        let service = service(to);
        let spoke = speak.get(to).map_or(0, |hosts| comparable(hosts, from));
        if spoke < POPULAR && comparable(&callers[&service], from) < POPULAR {
            found.push(calls.finding(world, pair, max_evidence));
            continue;
        }
        let heard = calls.heard();
        let new = || Many::of_calls(scope, &service, calls.route);
        let many: &mut Many = many.entry((*scope, service.clone())).or_insert_with(new);
        many.add(from, to, heard.count, heard.bytes);
        many.span(calls.time, calls.assumed);
        many.cite(calls.evidence.iter().cloned());
    }
    (found, many.into_values().collect())
}

/// How many hosts call not far less often than one of them, itself among them.
fn comparable<K: Borrow<str> + Ord>(hosts: &BTreeMap<K, u64>, own: &str) -> usize {
    let own = hosts.get(own).copied().unwrap_or(0);
    hosts.values().filter(|count| count.saturating_mul(APART) >= own).count()
}

/// Even calls, by pair.
fn even<'w>(world: &'w World<'_>) -> BTreeMap<Pair<'w>, Calls<'w>> {
    let mut logs: BTreeMap<&Locator, Vec<&SourcePartial>> = BTreeMap::new();
    for source in world.merged.sources.values().filter(|source| !source.covered.clocked) {
        let locator = &source.entry.source;
        logs.entry(world.log_of.get(locator).unwrap_or(locator)).or_default().push(source);
    }
    let mut beacons = BTreeMap::new();
    for (log, files) in logs {
        let of_file = |source: &'w SourcePartial| source.observations.kept.iter().map(move |told| (told, source));
        let mut all = files.into_iter().map(of_file).kmerge_by(|((a, _), _), ((b, _), _)| a < b).peekable();
        let mut parts: Vec<(&SourcePartial, Told<'_>)> = Vec::new();
        while let Some(((key, told), source)) = all.next() {
            parts.clear();
            parts.push((source, told));
            // What a firewall made of its address is no matter.
            let is_same = |other: &Key<'_>| other.untranslated() == key.untranslated();
            while let Some(((_, told), source)) = all.next_if(|((other, _), _)| is_same(other)) {
                parts.push((source, told));
            }
            // PERF: most conversations have one hour or two.
            let is_long = parts.iter().flat_map(|(_, told)| told.hours()).nth(HOURS - 1).is_some();
            if is_long && may_call(&key) {
                weigh(world, log, &key, &parts, &mut beacons);
            }
        }
    }
    beacons
}

/// Takes in a conversation of one log where it calls evenly.
fn weigh<'w>(
    world: &'w World<'_>,
    log: &'w Locator,
    key: &Key<'w>,
    parts: &[(&'w SourcePartial, Told<'w>)],
    beacons: &mut BTreeMap<Pair<'w>, Calls<'w>>,
) {
    let mut of_pairs: BTreeMap<Pair<'w>, (Route, Vec<Part<'w>>)> = BTreeMap::new();
    let scope = |place: &Locator| way::out(world, place, key).map_or("", |(way, _)| way.scope);
    for (source, told) in parts {
        for place in found::delivered(source, scope) {
            let Some((way, Direction::Up)) = way::out(world, place, key) else { continue };
            if lookups::is_vendor(way.to) {
                continue;
            }
            for hand in held::hands(world, key, *told) {
                let pair = (way.scope, way.from.clone(), way.to, hand);
                of_pairs.entry(pair).or_insert((way.route, Vec::new())).1.push((source, place, *told));
            }
        }
    }
    let mut whole: BTreeMap<Pair<'w>, (Route, Vec<Part<'w>>)> = BTreeMap::new();
    let mut told: BTreeSet<Pair<'w>> = BTreeSet::new();
    for (pair, (route, parts)) in of_pairs {
        let is_its = |hour: &Hour| held::hand_in(world, key, hour) == pair.3;
        let is_even = take(log, key, (&pair, route, &parts), is_its, beacons);
        let (scope, from, to, _) = pair;
        let of_address = (scope, from, to, Hand::new());
        if is_even {
            told.insert(of_address);
            continue;
        }
        let known = &mut whole.entry(of_address).or_insert((route, Vec::new())).1;
        for (source, place, told) in parts {
            if !known.iter().any(|(other, at, _)| std::ptr::eq(*other, source) && *at == place) {
                known.push((source, place, told));
            }
        }
    }
    // Leases may part calls into pieces that are too short to be even, whoever held the address.
    if world.assigned.is_passed_around(key.client) {
        for (mut pair, (route, parts)) in whole.into_iter().filter(|(pair, _)| !told.contains(pair)) {
            if is_of_others(world, key, &pair.1, &parts) {
                pair.1 = Cow::Borrowed(key.client);
            }
            if take(log, key, (&pair, route, &parts), |_| true, beacons) {
                beacons.entry(pair).and_modify(|calls| calls.is_of_several = true);
            }
        }
    }
}

/// Whether an address was for sure another host's, in any hour of these, than the one that has it by the inventory.
fn is_of_others(world: &World<'_>, key: &Key<'_>, host: &str, parts: &[Part<'_>]) -> bool {
    let is_another = |hour: Hour| {
        let held = world.assigned.in_hour(key.client, &hour);
        world.assigned.hosts(key.client, &held).any(|held| !same_host(&world.whose.entity(held), host))
    };
    !host.eq_ignore_ascii_case(key.client) && parts.iter().flat_map(|(.., told)| told.hours()).any(is_another)
}

/// Takes in those hours of a conversation that are a pair's, where they are even; says whether they are.
fn take<'w>(
    log: &'w Locator,
    key: &Key<'w>,
    (pair, route, parts): (&Pair<'w>, Route, &[Part<'w>]),
    is_its: impl Fn(&Hour) -> bool,
    beacons: &mut BTreeMap<Pair<'w>, Calls<'w>>,
) -> bool {
    let mut seen = Observed::default();
    parts.iter().flat_map(|(.., told)| told.hours()).filter(is_its).for_each(|hour| {
        seen.add(&hour);
    });
    let Some(rhythm) = rhythm(&seen.hours) else { return false };
    let hours: BTreeSet<Option<i64>> = seen.hours.iter().map(Hour::hour).collect();
    let is_cited = |cited: &Cited| pair.3.is_empty() || hours.contains(&cited.at().map(Instant::hour));
    let calls = beacons.entry(pair.clone()).or_insert_with(|| Calls::new(route));
    calls.add(log, key, &seen.hours, rhythm);
    calls.clients.insert(key.client);
    for (source, place, told) in parts {
        calls.assumed = found::assume(calls.assumed, &source.covered);
        let cited = told.cited().filter(is_cited);
        calls.evidence.extend(cited.map(|cited| exits::evidence(place, &cited)));
    }
    true
}

/// Whether a conversation may be one of calls that reach somebody.
fn may_call(key: &Key<'_>) -> bool {
    // The log of a web server tells of calls to itself.
    let leads_out = key.seen == Seen::Web && !key.server.is_empty();
    (leads_out || matches!(key.seen, Seen::Proxy | Seen::Flow | Seen::Firewall))
        && key.outcome != Outcome::Failed
        && !PORTS.contains(&key.port)
}

/// Which hosts speak with these destinations, and by how many records.
pub(super) fn speak<'w>(
    world: &'w World<'_>,
    wanted: BTreeSet<&'w str>,
) -> BTreeMap<&'w str, BTreeMap<Cow<'w, str>, u64>> {
    let mut hosts: BTreeMap<&str, BTreeMap<Cow<'_, str>, u64>> = BTreeMap::new();
    if wanted.is_empty() {
        return hosts;
    }
    for source in world.merged.sources.values() {
        for (key, told) in source.observations.kept.iter().filter(|(key, _)| key.seen != Seen::Dns) {
            let Some((way, Direction::Up)) = way::out(world, &source.entry.source, &key) else { continue };
            if wanted.contains(way.to) {
                let records = hosts.entry(way.to).or_default().entry(way.from).or_default();
                *records = records.saturating_add(told.sum().records);
            }
        }
    }
    hosts
}

/// What the servers of one service have in common: the registered domain, or the network of 256 addresses.
fn service(to: &str) -> String {
    match address(to) {
        Some(IpAddr::V4(ip)) => ip.octets()[..3].iter().map(|part| format!("{part}.")).collect(),
        Some(IpAddr::V6(ip)) => ip.segments()[..3].iter().map(|part| format!("{part:x}:")).collect(),
        None => psl::domain_str(to).unwrap_or(to).to_owned(),
    }
}

/// How a conversation calls, where it does so evenly.
fn rhythm(hours: &[Hour]) -> Option<Rhythm> {
    let sum = sum(hours);
    let hours: Vec<Hour> = hours.iter().copied().filter(|hour| hour.span.is_some() && !hour.lasts()).collect();
    let is_answered = sum.down > 0 || sum.down_unlogged > 0;
    if hours.len() < HOURS || !is_answered || !are_alike(&hours) {
        return None;
    }
    let counts: Vec<u64> = hours.iter().map(|hour| hour.sum.records).collect();
    if median(&counts)? >= SEVERAL { several(&hours) } else { seldom(&hours) }
}

/// Calls that come several times an hour: of nine in ten whole hours the number is the usual one, and of eight in ten so is
/// the time between two.
fn several(hours: &[Hour]) -> Option<Rhythm> {
    // At both ends of what follows on each other, hours are not whole.
    let follows = |a: &Hour, b: &Hour| a.hour().zip(b.hour()).is_some_and(|(a, b)| b - a == 1);
    let whole: Vec<&Hour> =
        hours.windows(3).filter(|w| follows(&w[0], &w[1]) && follows(&w[1], &w[2])).map(|w| &w[1]).collect();
    let counts: Vec<u64> = whole.iter().map(|hour| hour.sum.records).collect();
    let usual = median(&counts)?;
    let gaps: Vec<u64> = whole.iter().filter_map(|hour| gap(hour)).collect();
    let usual_gap = median(&gaps)?;
    let around = (usual.isqrt() / 2).max(1);
    let even = counts.iter().filter(|count| count.abs_diff(usual) <= around).count();
    let evenly = gaps.iter().filter(|gap| gap.abs_diff(usual_gap) <= usual_gap / 5).count();
    let is_even = even * 10 >= whole.len() * 9 && evenly * 10 >= whole.len() * 8;
    // They fill their hours, rather than come at once.
    let fills = usual_gap.saturating_mul(usual) >= 3_600_000 / 10 * 7;
    let secs = i64::try_from(usual_gap / 1000).ok()?;
    (whole.len() >= HOURS && is_even && fills).then_some(Rhythm { secs: secs.max(1) })
}

/// Milliseconds between two records of an hour, on average.
fn gap(hour: &Hour) -> Option<u64> {
    let span = hour.span?;
    let micros = u64::try_from(span.last.micros().checked_sub(span.first.micros())?).ok()?;
    micros.checked_div(hour.sum.records.checked_sub(1)?.saturating_mul(1000))
}

/// Seldom calls: of six in ten, the time to the next one is as usual, give or take three tenths.
fn seldom(hours: &[Hour]) -> Option<Rhythm> {
    let mut times: Vec<i64> = Vec::new();
    for hour in hours {
        // Those between the first and the last are not known: they are taken to lie evenly.
        let (span, more) = (hour.span?, i64::try_from(hour.sum.records.min(AN_HOUR)).unwrap_or(1) - 1);
        let step = (span.last.micros() - span.first.micros()).checked_div(more).unwrap_or(0);
        times.extend((0..=more).map(|n| span.first.micros() + n * step));
    }
    let gaps: Vec<u64> = times.windows(2).map(|w| w[1].abs_diff(w[0]) / 1000).collect();
    let usual = median(&gaps)?;
    let even = gaps.iter().filter(|gap| gap.abs_diff(usual) <= usual / 10 * 3).count();
    let secs = i64::try_from(usual / 1000).ok()?;
    let is_even = gaps.len() >= SELDOM && even * 10 >= gaps.len() * 6;
    (is_even && (1..=SELDOM_SECS).contains(&secs)).then_some(Rhythm { secs })
}

/// Whether calls are of one size: in three of four hours their average is the usual one, give or take a quarter. Nothing
/// speaks against it where no log says so.
fn are_alike(hours: &[Hour]) -> bool {
    let alike = |size: &dyn Fn(&Hour) -> Option<u64>| {
        let sizes: Vec<u64> = hours.iter().filter_map(size).collect();
        let Some(usual) = median(&sizes) else { return true };
        let near = sizes.iter().filter(|size| size.abs_diff(usual) <= usual / 4 + 16).count();
        near * 4 >= sizes.len() * 3
    };
    let per = |bytes: u64, unlogged: u64, records: u64| bytes.checked_div(records.saturating_sub(unlogged));
    alike(&|hour| per(hour.sum.up, hour.sum.up_unlogged, hour.sum.records))
        && alike(&|hour| per(hour.sum.down, hour.sum.down_unlogged, hour.sum.records))
}

fn median(numbers: &[u64]) -> Option<u64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied()
}

fn sum(hours: &[Hour]) -> Sum {
    let mut sum = Sum::default();
    hours.iter().for_each(|hour| sum.add(&hour.sum));
    sum
}

impl<'w> Calls<'w> {
    fn new(route: Route) -> Self {
        let (logs, outcome, evidence) = (BTreeMap::new(), Outcome::Unknown, Vec::new());
        Self {
            logs,
            time: None,
            assumed: None,
            outcome,
            route,
            evidence,
            clients: BTreeSet::new(),
            is_of_several: false,
        }
    }

    fn add(&mut self, log: &'w Locator, key: &Key<'_>, hours: &[Hour], rhythm: Rhythm) {
        let sum = sum(hours);
        let heard = self.logs.entry(log).or_insert(Heard { count: 0, bytes: 0, secs: i64::MAX });
        heard.secs = heard.secs.min(rhythm.secs);
        heard.count = heard.count.saturating_add(sum.records);
        heard.bytes = heard.bytes.saturating_add(sum.up);
        self.time = hours.iter().fold(self.time, |all, hour| Span::join_opt(all, hour.span));
        self.outcome = if key.outcome == Outcome::Succeeded { key.outcome } else { self.outcome };
    }

    /// What the log tells that heard most.
    fn heard(&self) -> Heard {
        self.logs.values().copied().max().expect("calls are known from a log")
    }

    fn finding(&self, world: &World<'_>, (scope, from, to, hand): &Pair<'_>, max_evidence: usize) -> Finding {
        let Heard { count, bytes, secs } = self.heard();
        let evidence: Vec<Evidence> = self.evidence.iter().take(max_evidence).cloned().collect();
        let every = match secs {
            secs @ ..=119 => format!("{secs} seconds"),
            secs => format!("{} minutes", secs / 60),
        };
        let of_several = if self.is_of_several { ", while several held its address one after the other" } else { "" };
        let id = ["anomaly", BEACON, scope, from, to].into_iter().chain(hand.iter().copied());
        // An address that was others' than the inventory says is not told as that host's.
        let is_of_others = self.is_of_several && !world.whose.entity_of(from).eq_ignore_ascii_case(from);
        let sources = if is_of_others { Vec::new() } else { vec![from.to_string()] };
        let entities = Entities { sources, destinations: vec![(*to).to_owned()], ..Entities::default() };
        Finding {
            level: Level::Medium,
            stage: vec![Stage::CommandAndControl],
            attack: vec!["T1071".to_owned()],
            route: Some(self.route),
            outcome: self.outcome,
            joined: held::told_of(world, scope, (&entities, &self.clients), self.time),
            entities,
            text: format!("{from} called {to} {count} times, about every {every}, {bytes} bytes in all{of_several}"),
            ..Finding::of_statistics(
                format!("f-{}", digest(&id.collect::<Vec<_>>())),
                (BEACON, "Even calls to one destination"),
                scope,
                (self.time, self.assumed),
                (count, evidence),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told of calls at these seconds, each with so many bytes up.
    fn of(calls: impl Iterator<Item = (i64, u64)>) -> Option<i64> {
        let mut seen = Observed::default();
        for (second, bytes) in calls {
            let span = Instant::from_secs(second).map(Span::at);
            seen.add(&Hour { span, sum: Sum::of_record(Some(bytes), Some(300)) });
        }
        let key = crate::model::observation::ObservationKey {
            seen: Seen::Flow,
            client: "10.1.0.5".into(),
            server: "203.0.113.9".into(),
            name: "".into(),
            account: "".into(),
            host: "".into(),
            port: 443,
            sends: false,
            outcome: Outcome::Succeeded,
            nat: "".into(),
        };
        let kept: crate::model::conversations::Conversations = [(key, seen)].into_iter().collect();
        kept.values().next().and_then(|told| rhythm(&told.unpack().hours)).map(|rhythm| rhythm.secs)
    }

    /// Numbers below a limit, the same each time.
    fn random(seed: i64, limit: i64) -> i64 {
        let mixed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0x00bf_58d1_ce4e_5b9d);
        ((mixed >> 20) & 0x7fff_ffff) % limit
    }

    #[test]
    fn even_calls_are_told_with_jitter_and_pauses() {
        for (every, jitter, hours) in [(10, 0, 12), (60, 12, 12), (300, 150, 24), (900, 100, 48), (3600, 900, 48)] {
            let count = hours * 3600 / every;
            let calls = (0..count).map(|n| (n * every + random(n, 2 * jitter + 1) - jitter, 512));
            let secs = of(calls.filter(|(at, _)| *at >= 0)).unwrap();
            assert!((every * 8..=every * 12).contains(&(secs * 10)), "{every} ± {jitter}: {secs}");
        }
        let working = |n: &i64| (n * 120 / 3600) % 24 < 12;
        assert_eq!(of((0..2000).filter(working).map(|n| (n * 120, 512))), Some(120), "switched off at night");
    }

    #[test]
    fn people_bursts_and_changing_sizes_are_no_beacon() {
        assert_eq!(of((0..5).map(|n| (n * 60, 512))), None, "too few");
        assert_eq!(of((0..700).map(|n| (n * 60, 40 + random(n / 60, 9000) as u64))), None, "sizes change");
        let mut times: Vec<i64> = (0..480).map(|n| random(n, 86_400)).collect();
        times.sort_unstable();
        assert_eq!(of(times.into_iter().map(|at| (at, 512))), None, "at random");
        assert_eq!(of((0..480).map(|n| (n / 20 * 3600 + n % 20, 512))), None, "all at once, each hour");
        let mut seldom: Vec<i64> = (0..60).map(|n| random(n + 7, 86_400 * 3)).collect();
        seldom.sort_unstable();
        assert_eq!(of(seldom.into_iter().map(|at| (at, 512))), None, "seldom and at random");
        assert_eq!(of((0..30).map(|n| (n * 86_400, 512))), None, "once a day");
    }
}

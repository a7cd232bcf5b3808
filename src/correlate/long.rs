//! Connections that one host holds open to one destination outside for most of a working day or longer: a tunnel, a remote
//! session, or a channel by which a host is told what to do.
//!
//! How long is known of records that say so, from when to when. Nothing is said of what stays open by its nature: VPN, mail, clocks
//! and push services by their ports, and services that push by their names; nor of destinations with which several hosts speak, and
//! of those of an exporter's clock.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::conversations::Told;
use crate::model::finding::{Entities, Evidence, Finding, FindingAssumed};
use crate::model::observation::{Cited, Key, Seen};
use crate::model::place::Locator;
use crate::model::rule::{LONG_CONNECTION, Level, Outcome, Route, Stage};
use crate::model::time::{HOUR_SECS, Instant, SKEW_SECS, Span};

use super::beacons::{POPULAR, PORTS, speak};
use super::held::{self, Hand};
use super::way::{self, Direction};
use super::{World, digest, exits, found, lookups};

/// So long a connection is of a tool, and not of somebody at work.
const LONG_SECS: i64 = 8 * HOUR_SECS;
/// Ports of tunnels between networks and of push services, beside [`PORTS`].
const HELD_OPEN: &[u16] = &[179, 500, 1701, 1723, 2195, 5061, 5228, 5229, 5230, 10_000, 51_820];
/// Services whose programs keep a connection open to be told what is new.
const PUSHING: &[&str] = &[
    "dropbox.com",
    "github.com",
    "google.com",
    "googleapis.com",
    "icloud.com",
    "office.com",
    "office365.com",
    "pusher.com",
    "sharepoint.com",
    "signal.org",
    "skype.com",
    "slack-msgs.com",
    "slack.com",
    "spotify.com",
    "teams.live.com",
    "trouter.io",
    "webex.com",
    "whatsapp.net",
    "zoom.us",
];

/// Scope, host and destination; and in whose hands the address of the host was then.
type Pair<'w> = (&'w str, Cow<'w, str>, &'w str, Hand<'w>);

/// The long connections of a pair.
struct Open<'w> {
    /// The addresses that held them open.
    clients: BTreeSet<&'w str>,
    route: Route,
    longest: Span,
    /// How many of the records that are kept say so long.
    count: u64,
    outcome: Outcome,
    assumed: Option<FindingAssumed>,
    cited: BTreeMap<(&'w Locator, u64), Cited>,
}

/// The findings, sorted by scope, host and destination, of each at most `max_evidence` records cited.
pub(super) fn all(world: &World<'_>, max_evidence: usize) -> Vec<Finding> {
    let mut open: BTreeMap<Pair<'_>, Open<'_>> = BTreeMap::new();
    for source in world.merged.sources.values().filter(|source| !source.covered.clocked) {
        for (key, told) in source.observations.kept.iter().filter(|(key, _)| may_last(key)) {
            let long: Vec<Cited> = long(told).collect();
            if long.is_empty() {
                continue;
            }
            let scope = |place: &Locator| way::out(world, place, &key).map_or("", |(way, _)| way.scope);
            for place in found::delivered(source, scope) {
                let Some((way, Direction::Up)) = way::out(world, place, &key) else { continue };
                if pushes(way.to) {
                    continue;
                }
                for (hand, long) in by_hand(world, &key, &long) {
                    let pair = (way.scope, way.from.clone(), way.to, hand);
                    let pair = open.entry(pair).or_insert_with(|| Open::new(way.route, &long));
                    pair.add(place, &key, &long);
                    pair.assumed = found::assume(pair.assumed, &source.covered);
                }
            }
        }
    }
    let hosts = speak(world, open.keys().map(|(_, _, to, _)| *to).collect());
    let is_rare = |(_, _, to, _): &Pair<'_>| hosts.get(to).map_or(0, BTreeMap::len) < POPULAR;
    open.iter().filter(|(pair, _)| is_rare(pair)).map(|(pair, of)| of.finding(world, pair, max_evidence)).collect()
}

/// Records by in whose hands the client's address was.
fn by_hand<'w>(world: &'w World<'_>, key: &Key<'_>, long: &[Cited]) -> BTreeMap<Hand<'w>, Vec<Cited>> {
    let mut all: BTreeMap<Hand<'_>, Vec<Cited>> = BTreeMap::new();
    for cited in long {
        all.entry(held::hand(world, key.client, cited.span)).or_default().push(*cited);
    }
    all
}

/// Whether a conversation may be of a connection that somebody keeps open.
fn may_last(key: &Key<'_>) -> bool {
    matches!(key.seen, Seen::Proxy | Seen::Flow | Seen::Firewall)
        && key.outcome != Outcome::Failed
        && !PORTS.contains(&key.port)
        && !HELD_OPEN.contains(&key.port)
}

fn pushes(to: &str) -> bool {
    lookups::is_vendor(to) || PUSHING.iter().any(|known| crate::model::whose::below(to, known))
}

/// The records of a conversation that say that it lasted so long.
///
/// Of a conversation those are kept that moved most: one that was open so long and is not among them moved less than four
/// others.
fn long(told: Told<'_>) -> impl Iterator<Item = Cited> {
    let is_any = told.hours().any(|hour| hour.span.is_some_and(|span| secs(span) >= LONG_SECS));
    told.cited().filter(move |cited| is_any && cited.span.is_some_and(|span| secs(span) >= LONG_SECS))
}

fn secs(span: Span) -> i64 {
    (span.last.micros() - span.first.micros()) / 1_000_000
}

impl<'w> Open<'w> {
    fn new(route: Route, long: &[Cited]) -> Self {
        let longest =
            long.iter().filter_map(|cited| cited.span).max_by_key(|span| (secs(*span), std::cmp::Reverse(*span)));
        let longest = longest.expect("a long connection has a begin and an end");
        Self {
            clients: BTreeSet::new(),
            route,
            longest,
            count: 0,
            outcome: Outcome::Unknown,
            assumed: None,
            cited: BTreeMap::new(),
        }
    }

    fn add(&mut self, place: &'w Locator, key: &Key<'w>, long: &[Cited]) {
        self.clients.insert(key.client);
        for cited in long {
            let known = self.cited.insert((place, cited.place.offset), *cited);
            self.count += u64::from(known.is_none());
            let order = |span: Span| (secs(span), std::cmp::Reverse(span));
            let span = cited.span.filter(|span| order(*span) > order(self.longest));
            self.longest = span.unwrap_or(self.longest);
        }
        self.outcome = if key.outcome == Outcome::Succeeded { key.outcome } else { self.outcome };
    }

    /// How many connections they are of: records of one that go on to tell of it have one begin.
    fn connections(&self) -> usize {
        let begins: BTreeSet<Instant> = self.cited.values().filter_map(|cited| Some(cited.span?.first)).collect();
        let (mut count, mut last) = (0, None::<Instant>);
        for begin in begins {
            if last.is_none_or(|last| begin > last.plus_secs(SKEW_SECS)) {
                (count, last) = (count + 1, Some(begin));
            }
        }
        count
    }

    fn finding(&self, world: &World<'_>, (scope, from, to, hand): &Pair<'_>, max_evidence: usize) -> Finding {
        let Self { longest, count, .. } = self;
        let evidence: Vec<Evidence> =
            self.cited.iter().take(max_evidence).map(|((place, _), cited)| exits::evidence(place, cited)).collect();
        let time = self.cited.values().filter_map(|cited| cited.span).fold(*longest, Span::join);
        let (hours, minutes) = (secs(*longest) / HOUR_SECS, secs(*longest) % HOUR_SECS / 60);
        let others = match self.connections() {
            0 | 1 => String::new(),
            count => format!(", the longest of {count} of eight hours or more"),
        };
        let id = ["anomaly", LONG_CONNECTION, scope, from, to].into_iter().chain(hand.iter().copied());
        let entities =
            Entities { sources: vec![from.to_string()], destinations: vec![(*to).to_owned()], ..Entities::default() };
        Finding {
            level: Level::Low,
            stage: vec![Stage::CommandAndControl],
            attack: vec!["T1572".to_owned()],
            route: Some(self.route),
            outcome: self.outcome,
            joined: held::told_of(world, scope, (&entities, &self.clients), Some(time)),
            entities,
            text: format!("{from} held a connection to {to} open for {hours} h {minutes} min{others}"),
            ..Finding::of_statistics(
                format!("f-{}", digest(&id.collect::<Vec<_>>())),
                (LONG_CONNECTION, "Long connection to a rare destination"),
                scope,
                (Some(time), self.assumed),
                (*count, evidence),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pushes_is_known_by_its_name_or_port() {
        assert!(PUSHING.is_sorted() && HELD_OPEN.is_sorted());
        assert!(pushes("wss-primary.slack.com") && !pushes("notslack.com") && !pushes("slack.com.evil.example"));
    }
}

//! Transfers: direction-correct bytes out per (scope, from, to, route), with bounds.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::conversations::{self, Packed};
use crate::model::data::Shown;
use crate::model::finding::Evidence;
use crate::model::observation::{Cited, Hour, Key, Seen, Sum};
use crate::model::partial::{Partial, SourcePartial};
use crate::model::place::Locator;
use crate::model::rule::{Outcome, Route};
use crate::model::subject::Subject;
use crate::model::time::{Instant, Span};
use crate::model::transfer::{Bounds, Dated, Transfer};
use crate::model::whose::{Side, UNATTRIBUTED, Whose, address};

use super::assigned::Held;
use super::cells::{self, Cell, Cells};
use super::relays::Relays;
use super::{World, digest, held, routes, tunnels};

/// Names asked for by one client below one domain are listed as a transfer from so many bytes on.
const QUESTIONS_KEPT_BYTES: u64 = 64 << 10;
/// So many bytes more than a named destination accounts for are not worth a word.
const GUESSED_BYTES: u64 = 1 << 20;
/// Records cited per transfer.
const CITED: usize = 8;

/// What makes two observations one transfer.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Way<'a> {
    pub(super) scope: &'a str,
    pub(super) from: Cow<'a, str>,
    pub(super) to: &'a str,
    pub(super) route: Route,
    /// Who may have held the address of the client then; of nobody where no log says so.
    held: Option<(&'a str, Held)>,
}

impl Way<'_> {
    /// Id of the transfer.
    fn id(&self, world: &World<'_>) -> String {
        let way = ["transfer", self.scope, &self.from, self.to, self.route.word()];
        let held = self
            .held
            .iter()
            .flat_map(|(address, held)| std::iter::once(*address).chain(world.assigned.texts(address, held)));
        format!("t-{}", digest(&way.into_iter().chain(held).collect::<Vec<_>>()))
    }
}

/// A conversation on its way. There are as many as conversations, so that they hold no more than where things are.
struct Passage<'a> {
    way: Way<'a>,
    packed: Packed<'a>,
    /// Index of who saw it.
    witness: u32,
    /// Whether a log of the wire did.
    wire: bool,
    direction: Direction,
    /// Whether what is not logged may have left.
    open: bool,
    /// Where the client's address was held by several: of which hours it is.
    part: Option<Held>,
}

/// A source, and the log that it is of.
type Witness<'a> = (&'a Locator, &'a Locator);

#[derive(Default)]
struct Moved<'a> {
    hours: BTreeMap<Option<i64>, Cells<'a>>,
    seen_by: BTreeSet<&'a Locator>,
    names: BTreeSet<&'a str>,
    /// Bytes by source of records that name the destination, and of those that only give its address.
    stated: BTreeMap<&'a Locator, u64>,
    guessed: BTreeMap<&'a Locator, u64>,
    accounts: BTreeSet<&'a str>,
    records: u64,
    time: Option<Span>,
    /// The records that moved the most bytes, sorted.
    evidence: Vec<(&'a Locator, Cited)>,
}

/// All transfers, sorted by scope, from, to, route.
pub fn all(world: &World<'_>) -> Vec<Transfer> {
    let (witnesses, mut passages) = passages(world);
    passages.sort_by(|a, b| a.way.cmp(&b.way));
    let relays = relays(world, &passages);
    let ways = passages.chunk_by(|a, b| a.way == b.way).filter_map(|passages| {
        let mut moved = Moved::default();
        for passage in passages {
            moved.add(world, witnesses[passage.witness as usize], passage);
        }
        Some(moved.finish(world, &passages.first()?.way, &relays))
    });
    let kept = ways.filter_map(|mut t| {
        if t.route != Route::DnsTunnel {
            return Some(t);
        }
        match tunnels::of(world, &t) {
            Some(tunnel) => carry(&mut t, tunnel.least()),
            None if t.bytes.lower < QUESTIONS_KEPT_BYTES => return None,
            None => {}
        }
        Some(t)
    });
    kept.collect()
}

/// What hosts of whose data no log tells put on the wire, to destinations of which logs of data and of the wire tell together.
fn relays<'p>(world: &World<'_>, passages: &'p [Passage<'_>]) -> Relays<'p> {
    let ways = || passages.chunk_by(|a, b| a.way == b.way);
    let is_mixed = |way: &[Passage<'_>]| way.iter().any(|p| p.wire) && way.iter().any(|p| !p.wire);
    let mixed: BTreeSet<&str> = ways().filter(|way| is_mixed(way)).map(|way| way[0].way.to).collect();
    let mut relays = Relays::default();
    if mixed.is_empty() {
        return relays;
    }
    let bare = ways().filter(|way| mixed.contains(way[0].way.to) && way.iter().all(|p| p.wire));
    for passage in bare.flatten() {
        let Some((key, seen)) = passage.packed.read() else { continue };
        let hours = held::hours_of(world, &key, seen, passage.part.as_ref());
        for left in hours.filter_map(|hour| passage.direction.left(&key, hour, passage.open)) {
            relays.add(passage.way.to, &passage.way.from, left.hour.hour(), left.bytes);
        }
    }
    relays
}

/// Lowers what moved at least to what the names of a tunnel carry: a part of each, taken to be the same at all times.
fn carry(t: &mut Transfer, bytes: u64) {
    let whole = u128::from(t.bytes.lower.max(1));
    let bytes = bytes.min(t.bytes.lower);
    let part = |of: u64| u64::try_from(u128::from(of) * u128::from(bytes) / whole).unwrap_or(of);
    t.hour_bytes.iter_mut().for_each(|hour| *hour = part(*hour));
    t.dated.iter_mut().flat_map(|dated| &mut dated.records).for_each(|record| record.1 = part(record.1));
    t.bytes.lower = bytes;
}

/// All conversations that may have led out, and who saw them.
fn passages<'w>(world: &'w World<'_>) -> (Vec<Witness<'w>>, Vec<Passage<'w>>) {
    let (mut witnesses, mut passages): (Vec<Witness<'w>>, Vec<Passage<'w>>) = (Vec::new(), Vec::new());
    // Of one source there are as many witnesses as copies of it, and one more.
    let number = |of: Witness<'w>, first: usize, witnesses: &mut Vec<Witness<'w>>| {
        let known = witnesses[first..].iter().position(|known| *known == of).map(|at| first + at);
        let at = known.unwrap_or_else(|| {
            witnesses.push(of);
            witnesses.len() - 1
        });
        u32::try_from(at).expect("there are fewer logs than that")
    };
    for source in world.merged.sources.values() {
        let locator = &source.entry.source;
        let log = world.log_of.get(locator).unwrap_or(locator);
        let (told, first) = (told(world, source), witnesses.len());
        for packed in source.observations.kept.packed() {
            let Some((key, seen)) = packed.read() else { continue };
            for part in held::parts(world, &key, seen) {
                let Some((way, direction)) = out_of(world, locator, &key, part.as_ref()) else { continue };
                let wire = is_edge(&key);
                let open = !wire || told.get(&way.route).is_some_and(|(_, told)| told.is_missing());
                let open = open && !is_management(source, &key);
                if !held::hours_of(world, &key, seen, part.as_ref())
                    .any(|hour| direction.left(&key, hour, open).is_some())
                {
                    continue;
                }
                let others = of_others(world, source, &key, (&way, part.as_ref()));
                let is_nobodys = way.scope == UNATTRIBUTED && !others.is_empty();
                let mut add = |way, of, witnesses: &mut Vec<Witness<'w>>| {
                    let witness = number(of, first, witnesses);
                    passages.push(Passage { way, packed, witness, wire, direction, open, part: part.clone() });
                };
                for (copy, way) in others {
                    add(way, (copy, copy), &mut witnesses);
                }
                if !is_nobodys {
                    add(way, (locator, log), &mut witnesses);
                }
            }
        }
    }
    (witnesses, passages)
}

/// The transfers to which the data of a conversation belongs: what was sent where it leads out, what was asked for where it is
/// answered.
pub fn ids(world: &World<'_>, source: &SourcePartial, key: &Key<'_>, span: Option<Span>) -> Vec<String> {
    let whose = if !held::is_parted(world, key) {
        vec![None]
    } else {
        // A span of several holders shows data of each of them.
        let same = source.observations.kept.iter().find(|(known, _)| known == key);
        let hours = same.into_iter().flat_map(|(_, seen)| seen.hours());
        let meets = |hour: &Hour| hour.span.zip(span).is_none_or(|(a, b)| a.first <= b.last && b.first <= a.last);
        let held = hours.filter(meets).map(|hour| Some(world.assigned.in_hour(key.client, &hour)));
        held.collect::<BTreeSet<_>>().into_iter().collect()
    };
    let mut ids = Vec::new();
    for part in whose {
        let Some((way, direction)) = out_of(world, &source.entry.source, key, part.as_ref()) else { continue };
        if key.sends != (direction == Direction::Up) {
            continue;
        }
        let others = of_others(world, source, key, (&way, part.as_ref()));
        ids.extend((way.scope != UNATTRIBUTED || others.is_empty()).then(|| way.id(world)));
        ids.extend(others.values().map(|way| way.id(world)));
    }
    ids
}

/// The same way for the other scopes whose a conversation is by where a copy of its source was delivered.
fn of_others<'w>(
    world: &'w World<'_>,
    source: &'w SourcePartial,
    key: &Key<'w>,
    (way, part): (&Way<'w>, Option<&Held>),
) -> BTreeMap<&'w Locator, Way<'w>> {
    if source.copies.is_empty() {
        return BTreeMap::new();
    }
    let mut scopes = BTreeSet::from([way.scope, UNATTRIBUTED]);
    let theirs = source.copies.iter().filter_map(|copy| Some((copy, out_of(world, copy, key, part)?.0)));
    theirs.filter(|(_, theirs)| scopes.insert(theirs.scope)).collect()
}

/// Whether records are CloudTrail's of calls that name no bucket: they serve no data whose bytes could be missing.
fn is_management(source: &SourcePartial, key: &Key<'_>) -> bool {
    key.name.is_empty() && source.entry.format.as_deref() == Some("cloudtrail")
}

/// How many records of a source could state the bytes that leave by a route, and how many do not.
#[derive(Default)]
pub(super) struct Told {
    records: u64,
    missing: u64,
    /// Of one missing in so many on, the source does not state it.
    share: u64,
}

impl Told {
    /// Whether the log as a whole does not state it: single records (session starts, unanswered packets) may lack it.
    /// A proxy writes when a request ends, so that few of its records may.
    pub(super) fn is_missing(&self) -> bool {
        self.missing > self.records / self.share.max(1)
    }
}

/// What a source states of the bytes that leave, by route, with the way that they take.
pub(super) fn told(world: &World<'_>, source: &SourcePartial) -> BTreeMap<Route, (Direction, Told)> {
    let mut routes: BTreeMap<Route, (Direction, Told)> = BTreeMap::new();
    // Most logs state it all: whose the traffic is need not be asked then.
    let lacks = |key: Key<'_>, sum: Sum| {
        sum.up_unlogged > 0 && Direction::Up.counts(&key) || sum.down_unlogged > 0 && key.seen != Seen::Dns
    };
    if !source.observations.kept.iter().any(|(key, seen)| lacks(key, seen.sum())) {
        return routes;
    }
    for (key, seen) in source.observations.kept.iter() {
        let Some((way, direction)) = out(world, &source.entry.source, &key) else { continue };
        if !direction.counts(&key) || is_management(source, &key) {
            continue;
        }
        let sum = seen.sum();
        let (_, told) = routes.entry(way.route).or_insert((direction, Told::default()));
        told.records = told.records.saturating_add(sum.records);
        told.missing = told.missing.saturating_add(direction.unlogged(&sum));
        told.share = told.share.max(if key.seen == Seen::Proxy { 20 } else { 2 });
    }
    routes
}

/// The web server of each scope of which firewalls and flow records show exactly one. A web log that does not say on
/// which server it was written is taken for that one's; were it another's, the bounds would still hold.
pub fn web_servers(merged: &Partial, whose: &Whose) -> BTreeMap<String, String> {
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in merged.sources.values() {
        for key in source.observations.kept.keys() {
            let edge = matches!(key.seen, Seen::Firewall | Seen::Flow) && key.outcome != Outcome::Failed;
            if edge
                && routes::served(&key) == Route::WebResponse
                && !key.server.is_empty()
                && !key.client.is_empty()
                && whose.side(key.client) == Side::Outside
                && whose.side(key.server) == Side::Inside
            {
                let scope = home(whose, &key, Side::Outside, &source.entry.source);
                seen.entry(scope.to_owned()).or_default().insert(whose.entity(key.server));
            }
        }
    }
    let single = seen.into_iter().filter(|(_, servers)| servers.len() == 1);
    single.filter_map(|(scope, servers)| Some((scope, servers.into_iter().next()?))).collect()
}

/// Which of the two ways bytes took is the way out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// From client to server.
    Up,
    /// From server to client.
    Down,
}

/// Whether a record is of the edge, where what asks and what sends cannot be told apart.
fn is_edge(key: &Key<'_>) -> bool {
    matches!(key.seen, Seen::Flow | Seen::Firewall)
}

/// Whether a record does not name the other side.
fn is_bare(key: &Key<'_>) -> bool {
    key.name.is_empty() || address(key.name).is_some()
}

/// What left in one hour.
struct Left {
    hour: Hour,
    bytes: u64,
    /// Whether all of it was logged.
    logged: bool,
}

impl Direction {
    /// Whether a conversation whose size is not logged may have carried data this way.
    fn counts(self, key: &Key<'_>) -> bool {
        matches!(self, Self::Down) || key.sends || is_edge(key)
    }

    fn unlogged(self, sum: &Sum) -> u64 {
        match self {
            Self::Up => sum.up_unlogged,
            Self::Down => sum.down_unlogged,
        }
    }

    /// What left in one hour; `None` where nothing did. Where `open`, what is not logged may have.
    fn left(self, key: &Key<'_>, hour: Hour, open: bool) -> Option<Left> {
        let bytes = match self {
            Self::Up => hour.sum.up,
            Self::Down => hour.sum.down,
        };
        let unlogged = open && self.counts(key) && self.unlogged(&hour.sum) > 0;
        (bytes > 0 || unlogged).then_some(Left { hour, bytes, logged: !unlogged })
    }
}

/// From where to where bytes may have left in a conversation; `None` where it does not lead outside.
pub(super) fn out<'w>(world: &'w World<'_>, locator: &Locator, key: &Key<'w>) -> Option<(Way<'w>, Direction)> {
    out_of(world, locator, key, None)
}

/// The same of the part of a conversation in which these held the client's address.
fn out_of<'w>(
    world: &'w World<'_>,
    locator: &Locator,
    key: &Key<'w>,
    held: Option<&Held>,
) -> Option<(Way<'w>, Direction)> {
    let held = held.filter(|held| !held.is_empty());
    if let Some(to) = held.and_then(|held| held::session(world, key, held)) {
        let scope = home(world.whose, key, Side::Outside, locator);
        let held = held.map(|held| (key.client, held.clone()));
        let way = Way { scope, from: answering(world, locator, key, scope), to, route: Route::RemoteAccess, held };
        return Some((way, Direction::Down));
    }
    let refused = key.outcome == Outcome::Failed && !matches!(key.seen, Seen::Flow | Seen::Dns);
    if refused {
        return None;
    }
    let side = |text: &str| (!text.is_empty()).then(|| world.whose.side(text));
    let client = side(key.client)
        .map(|known| if known == Side::Outside && is_forgotten(world, key) { Side::Inside } else { known })
        .or_else(|| is_of_client(key).then_some(Side::Inside))?;
    let own_service = is_of_server(key) && client == Side::Outside;
    let asked = (key.seen == Seen::Dns).then(|| side(key.name));
    let server = if own_service { Some(Side::Inside) } else { side(key.server).or_else(|| side(key.name)) };
    let server = asked.unwrap_or(server);
    let scope = home(world.whose, key, client, locator);
    let first = |choices: &[&'w str]| choices.iter().find(|t| !t.is_empty()).copied();
    let (from, to, route, direction) = match (client, server?) {
        (Side::Inside, Side::Outside) => {
            let server = if key.server.is_empty() { key.name } else { key.server };
            let known = || world.name_of.get(server).copied().unwrap_or_default();
            let name = if is_bare(key) { known() } else { key.name };
            let to = first(&[name, key.server, key.name])?;
            let from = first(&[key.client, key.host]);
            let from = from.map_or_else(|| writer(key, locator).into(), |text| world.whose.entity_of(text));
            (from, to, routes::outward(key, name), Direction::Up)
        }
        (Side::Outside, Side::Inside) if key.seen != Seen::Dns => {
            (answering(world, locator, key, scope), key.client, routes::served(key), Direction::Down)
        }
        _ => return None,
    };
    let held = held.map(|held| (key.client, held.clone()));
    Some((Way { scope, from, to, route, held }, direction))
}

/// The inside system that answered.
fn answering<'w>(world: &'w World<'_>, locator: &Locator, key: &Key<'w>, scope: &str) -> Cow<'w, str> {
    let alias = world.address_of.get(key.name).copied().unwrap_or_default();
    let only = world.web_server_of.get(scope).filter(|_| key.seen == Seen::Web);
    let only = only.map(String::as_str).unwrap_or_default();
    let choices = [key.server, alias, only, key.name, key.host];
    let from = choices.into_iter().find(|text| !text.is_empty());
    from.map_or_else(|| writer(key, locator).into(), |text| world.whose.entity_of(text))
}

/// What stands for a host that no record names: the log, or of file transfers its folder, since a server of these writes
/// several logs of the same transfers side by side.
fn writer(key: &Key<'_>, locator: &Locator) -> String {
    let log = locator.log();
    let folder = log.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    folder.filter(|_| key.seen == Seen::FileTransfer).unwrap_or(log)
}

/// Whether a log of transfers is that of the server: it names nobody but its clients.
pub(super) fn is_of_server(key: &Key<'_>) -> bool {
    let is_alone = key.server.is_empty() && key.name.is_empty();
    matches!(key.seen, Seen::Web | Seen::Cloud) || key.seen == Seen::FileTransfer && is_alone
}

/// Whether a log of transfers is that of a client's own tool: it names nobody but the server.
fn is_of_client(key: &Key<'_>) -> bool {
    key.seen == Seen::FileTransfer && key.client.is_empty()
}

/// Whether a client has a private address that the list of own networks does not have, and speaks with one that is not
/// private: it is a system behind the same edge, and that nobody claims it must not hide what it sends.
fn is_forgotten(world: &World<'_>, key: &Key<'_>) -> bool {
    let private = |text: &str| address(text).map(|ip| Whose::default().is_own(ip));
    let own = |text: &str| address(text).is_some_and(|ip| world.whose.is_own(ip));
    is_edge(key) && private(key.client) == Some(true) && private(key.server) == Some(false) && !own(key.server)
}

/// The scope whose data a conversation is about.
pub(super) fn home<'w>(whose: &'w Whose, key: &Key<'_>, client: Side, locator: &Locator) -> &'w str {
    if whose.tenants.is_empty() {
        return UNATTRIBUTED;
    }
    whose.home(&subject(key, client), locator.as_str())
}

/// The inside half of an observation, whose data it is.
fn subject(key: &Key<'_>, client: Side) -> Subject {
    let some = |text: &str| (!text.is_empty()).then(|| text.into());
    let account = some(key.account);
    match client {
        Side::Inside => Subject { source_ip: some(key.client), account, ..Subject::default() },
        Side::Outside => Subject {
            destination_ip: some(key.server),
            vhost: some(key.name),
            container: some(key.name).filter(|_| key.seen == Seen::Cloud),
            host: some(key.host),
            account,
            ..Subject::default()
        },
    }
}

impl<'a> Moved<'a> {
    fn add(&mut self, world: &World<'_>, (locator, log): Witness<'a>, passage: &Passage<'a>) {
        let Some((key, seen)) = passage.packed.read() else { return };
        let direction = passage.direction;
        let part = passage.part.as_ref();
        let mut bytes = 0u64;
        for left in held::hours_of(world, &key, seen, part).filter_map(|hour| direction.left(&key, hour, passage.open))
        {
            self.add_hour(log, &left, is_edge(&key), seen, direction);
            bytes = bytes.saturating_add(left.bytes);
        }
        self.seen_by.insert(locator);
        let by = if is_bare(&key) { &mut self.guessed } else { &mut self.stated };
        let sum = by.entry(locator).or_default();
        *sum = sum.saturating_add(bytes);
        self.names.extend([key.name, key.server].into_iter().filter(|t| !t.is_empty()));
        self.accounts.extend(Some(key.account).filter(|t| !t.is_empty()));
        let hours = part
            .map(|part| held::hours_of(world, &key, seen, Some(part)).map(|hour| hour.hour()).collect::<BTreeSet<_>>());
        let is_of = |cited: &Cited| hours.as_ref().is_none_or(|hours| hours.contains(&cited.at.map(Instant::hour)));
        seen.cited().filter(is_of).for_each(|cited| self.cite(locator, cited));
    }

    fn add_hour(
        &mut self,
        log: &'a Locator,
        left: &Left,
        wire: bool,
        seen: conversations::Told<'a>,
        direction: Direction,
    ) {
        let new = || Cell { bytes: 0, logged: true, wire: true, sightings: 0, begins: None, records: Vec::new() };
        let hour = left.hour.hour();
        let cells = self.hours.entry(hour).or_default();
        let at = cells.binary_search_by(|(known, _)| (*known).cmp(log)).unwrap_or_else(|at| {
            // One log saw most hours, and there are millions of them.
            cells.reserve_exact(1);
            cells.insert(at, (log, new()));
            at
        });
        let cell = &mut cells[at].1;
        cell.bytes = cell.bytes.saturating_add(left.bytes);
        cell.logged &= left.logged;
        cell.wire &= wire;
        cell.sightings = cell.sightings.saturating_add(left.hour.sum.records);
        cell.begins = [cell.begins, left.hour.span.map(|span| span.first)].into_iter().flatten().min();
        let this_way = seen.cited().filter(|cited| cited.up == (direction == Direction::Up));
        let timed = this_way.filter_map(|cited| Some((cited.at?, cited.bytes)));
        cell.records.extend(timed.filter(|(at, _)| Some(at.hour()) == hour));
        self.records = self.records.saturating_add(left.hour.sum.records);
        self.time = Span::join_opt(self.time, left.hour.span);
    }

    fn cite(&mut self, locator: &'a Locator, cited: Cited) {
        let rank = |(locator, cited): &(&'a Locator, Cited)| (Reverse(cited.bytes), *locator, cited.place);
        let new = (locator, cited);
        let at = self.evidence.partition_point(|known| rank(known) <= rank(&new));
        if at < CITED {
            self.evidence.truncate(CITED - 1);
            self.evidence.insert(at, new);
        }
    }

    fn finish(self, world: &World<'_>, way: &Way<'_>, relays: &Relays<'_>) -> Transfer {
        let hourly = cells::hourly(&self.hours, |hour, bytes| relays.may_hold(way.to, &way.from, hour, bytes));
        let mut bytes = hourly.iter().map(|(_, bounds)| *bounds).fold(Bounds::exact(0), Bounds::plus);
        if world.capped.contains(&way.route) {
            bytes.upper = None;
        }
        // Untimed is the first: the rest is as long as the list, and nothing more is reserved.
        let timed = &hourly[usize::from(hourly.first().is_some_and(|(hour, _)| hour.is_none()))..];
        let mut names = self.names;
        names.remove(way.to);
        names.remove(&*way.from);
        if matches!(way.route, Route::WebResponse | Route::RemoteAccess) {
            names.clear();
        }
        let mut dated: Vec<Dated> = self
            .hours
            .into_iter()
            .filter(|(hour, _)| hour.is_some())
            .filter_map(|(_, cells)| cells::dated(cells))
            .collect();
        dated.shrink_to_fit();
        let mut transfer = Transfer {
            id: way.id(world),
            scope: way.scope.to_owned(),
            route: way.route,
            from: way.from.to_string(),
            to: way.to.to_owned(),
            to_names: texts(names),
            accounts: texts(self.accounts),
            bytes,
            records: self.records,
            time: self.time,
            hours: timed.iter().map(|(hour, _)| hour.unwrap_or_default()).collect(),
            hour_bytes: timed.iter().map(|(_, bounds)| bounds.lower).collect(),
            dated,
            data: Shown::new(),
            joined: Vec::new(),
            seen_by: exactly(self.seen_by.into_iter().cloned()),
            evidence: exactly(self.evidence.into_iter().map(|(source, cited)| evidence(source, &cited))),
            sanctioned: None,
        };
        if let Some((address, held)) = &way.held {
            held::join(world, address, held, &mut transfer);
        }
        transfer.sanctioned = sanctioned(world.whose, &transfer, &self.stated, &self.guessed);
        transfer
    }
}

pub(super) fn evidence(source: &Locator, cited: &Cited) -> Evidence {
    let sha256 = cited.sha256.to_string();
    Evidence { source: source.clone(), place: cited.place, sha256, excerpt: String::new() }
}

/// A list with no room for more: there are as many as transfers.
fn exactly<T>(all: impl ExactSizeIterator<Item = T>) -> Vec<T> {
    let mut list = Vec::with_capacity(all.len());
    list.extend(all);
    list
}

fn texts(all: BTreeSet<&str>) -> Vec<String> {
    exactly(all.into_iter().map(str::to_owned))
}

/// Why the entry that explains a transfer does so.
///
/// Where logs that do not name the destination saw far more than those that do, the rest may have gone to another name on
/// its address: the entry must then sanction the address.
fn sanctioned(
    whose: &Whose,
    transfer: &Transfer,
    stated: &BTreeMap<&Locator, u64>,
    guessed: &BTreeMap<&Locator, u64>,
) -> Option<String> {
    if whose.sanctions.is_empty() {
        return None;
    }
    let most = |by: &BTreeMap<&Locator, u64>| by.values().copied().max().unwrap_or(0);
    let rest = most(guessed) > most(stated).saturating_mul(2).saturating_add(GUESSED_BYTES);
    let entry = match rest && address(&transfer.to).is_none() {
        false => whose.sanction(transfer),
        true => {
            let mut bare = transfer.clone();
            bare.to_names.retain(|name| address(name).is_some());
            bare.to = bare.to_names.pop().unwrap_or_default();
            whose.sanction(&bare)
        }
    };
    entry.map(|entry| entry.why.clone())
}

//! Transfers: direction-correct bytes out per (scope, from, to, route), with bounds.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::model::accounts::distinct;
use crate::model::cites::Cites;
use crate::model::conversations::{Packed, Told};
use crate::model::few::Few;
use crate::model::finding::Evidence;
use crate::model::observation::{Cited, Hour, Key, Seen};
use crate::model::partial::SourcePartial;
use crate::model::place::{Locator, Place, RecordDigest};
use crate::model::rule::Route;
use crate::model::seldom::Seldom;
use crate::model::time::{Instant, Span};
use crate::model::transfer::{Bounds, Transfer};
use crate::model::whose::{Side, UNATTRIBUTED, Whose, address};

use super::assigned::Held;
use super::calls::{Known, Numbered};
use super::cells::{self, Cell, Cells};
use super::gateways::Senders;
use super::proxied::Proxied;
use super::relays::Relays;
use super::way::{self, Direction, Left, Way, is_bare, is_edge, is_management, out_of, told};
use super::{World, held, lasting, once, tunnels};

/// Names asked for by one client below one domain are listed as a transfer from so many bytes on.
const QUESTIONS_KEPT_BYTES: u64 = 64 << 10;
/// So many bytes more than a named destination accounts for are not worth a word.
const GUESSED_BYTES: u64 = 1 << 20;
/// Records cited per transfer.
const CITED: usize = 8;

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
    /// Whether records lack the bytes that no other ones of this conversation tell.
    lacks: bool,
    /// Where the client's address was held by several: of which hours it is.
    part: Option<Held>,
}

/// A source, and the log that it is of.
type Witness<'a> = (&'a Locator, &'a Locator);

/// Whether a record moved most of its bytes the other way, its source, and the record.
type Shows<'a> = (bool, &'a Locator, Cited);

#[derive(Default)]
struct Moved<'a> {
    hours: BTreeMap<Option<i64>, Cells<'a>>,
    seen_by: BTreeSet<&'a Locator>,
    names: BTreeSet<&'a str>,
    /// Bytes by source of records that name the destination, and of those that only give its address.
    stated: BTreeMap<&'a Locator, u64>,
    guessed: BTreeMap<&'a Locator, u64>,
    accounts: BTreeSet<&'a str>,
    time: Option<Span>,
    /// Calls that were counted.
    calls: Known,
    /// The records that moved the most bytes, those that moved them this way first; sorted.
    evidence: Vec<Shows<'a>>,
}

/// All transfers, sorted by scope, from, to, route.
///
/// PERF: they are made from the last way to the first, so that the passages that they are made of give their memory back
/// meanwhile.
pub fn all(world: &World<'_>) -> Vec<Transfer> {
    let (witnesses, mut passages) = passages(world);
    passages.sort_by(|a, b| a.way.cmp(&b.way));
    let relays = relays(world, &witnesses, &passages);
    let mut beyond = Beyond::of(world, &passages);
    let (mut transfers, mut shared, mut senders) = (Vec::new(), Shared::default(), Senders::default());
    while let Some(last) = passages.last() {
        let begin = passages.iter().rposition(|passage| passage.way != last.way).map_or(0, |before| before + 1);
        let mut moved = Moved::default();
        for passage in &passages[begin..] {
            moved.add(world, witnesses[passage.witness as usize], passage);
        }
        beyond.raise(&mut moved, &passages[begin].way);
        let way = &passages[begin].way;
        let asked = moved.resolvers(world, way);
        let transfer = moved.finish(world, way, &relays, &mut shared);
        if let Some(transfer) = worth_telling(world, transfer) {
            let wire = passages[begin..].iter().all(|passage| passage.wire);
            senders.add(transfers.len(), &transfer, wire, asked);
            transfers.push(transfer);
        }
        passages.truncate(begin);
        if passages.capacity() - begin > GIVEN_BACK {
            passages.shrink_to_fit();
        }
    }
    senders.leave_out(&once::translated(world, &mut transfers));
    senders.once(&mut transfers);
    transfers.reverse();
    once::tunnels(&mut transfers);
    transfers
}

/// What went through a proxy, which its log does not state.
struct Beyond<'w> {
    proxied: Proxied<'w>,
    /// Hosts that logs of the wire show to send to a destination: of two of them, that there are several.
    on_wire: BTreeMap<&'w str, Option<String>>,
    /// Clients and destinations of which that is told.
    told: BTreeSet<(String, &'w str)>,
}

impl<'w> Beyond<'w> {
    fn of(world: &'w World<'_>, passages: &[Passage<'w>]) -> Self {
        let (mut on_wire, proxied) = (BTreeMap::new(), Proxied::of(world));
        for way in passages.iter().filter(|p| p.wire && !proxied.is_empty()).map(|p| &p.way) {
            let from = || Some(way.from.clone().into_owned());
            let known = on_wire.entry(way.to).or_insert_with(from);
            if known.as_deref().is_some_and(|known| known != way.from) {
                *known = None;
            }
        }
        Self { proxied, on_wire, told: BTreeSet::new() }
    }

    /// Raises what moved at least to what the client sent on through the proxy, in hours in which a log says that data was sent
    /// and not how much. Not where the wire shows another host that sends there, as the proxy: that has it in its own name.
    fn raise(&mut self, moved: &mut Moved<'w>, way: &Way<'w>) {
        let is_alone = self.on_wire.get(way.to).is_none_or(|from| from.as_deref() == Some(&*way.from));
        let of_way = (way.from.clone().into_owned(), way.to);
        if self.proxied.is_empty() || !is_alone || way.held.is_some() || self.told.contains(&of_way) {
            return;
        }
        for through in self.proxied.through(&way.from, way.to) {
            let cells = moved.hours.get_mut(&Some(through.hour)).into_iter().flatten().map(|(_, cell)| cell);
            let Some(cell) = cells.filter(|cell| !cell.wire && !cell.logged).max_by_key(|cell| cell.bytes) else {
                continue;
            };
            if cell.bytes >= through.bytes {
                continue;
            }
            cell.bytes = through.bytes;
            self.told.insert(of_way.clone());
            if let Some((log, shown)) = through.shown {
                moved.seen_by.insert(log);
                moved.cite((false, log, shown));
            }
        }
    }
}

/// So many passages that are done with are given back together.
const GIVEN_BACK: usize = 1 << 16;

/// Names that one client asked for below one domain are a transfer where they are those of a tunnel, or many.
fn worth_telling(world: &World<'_>, mut t: Transfer) -> Option<Transfer> {
    if t.route != Route::DnsTunnel {
        return Some(t);
    }
    match tunnels::of(world, &t) {
        Some(tunnel) => once::carry(&mut t, tunnel.least()),
        None if t.bytes.lower < QUESTIONS_KEPT_BYTES => return None,
        None => {}
    }
    Some(t)
}

/// What transfers have in common, held once.
#[derive(Default)]
struct Shared<'a> {
    scope: Arc<str>,
    from: Arc<str>,
    seen_by: HashMap<BTreeSet<&'a Locator>, Arc<[Locator]>>,
}

impl<'a> Shared<'a> {
    /// Those logs.
    fn logs(&mut self, of: BTreeSet<&'a Locator>) -> Arc<[Locator]> {
        let logs = self.seen_by.entry(of);
        Arc::clone(logs.or_insert_with_key(|of| of.iter().map(|locator| (*locator).clone()).collect()))
    }
}

/// A text, that of the transfer before where it is the same.
fn same(known: &mut Arc<str>, text: &str) -> Arc<str> {
    if **known != *text {
        *known = text.into();
    }
    Arc::clone(known)
}

/// A record: its source, place and digest.
pub(super) type Cite<'a> = (&'a Locator, Place, RecordDigest);

/// What hosts of whose data no log tells put on the wire, to destinations of which logs of data and of the wire tell together.
fn relays<'w>(world: &World<'_>, witnesses: &[Witness<'w>], passages: &[Passage<'w>]) -> Relays<'w> {
    let ways = || passages.chunk_by(|a, b| a.way == b.way);
    let is_mixed = |way: &[Passage<'w>]| way.iter().any(|p| p.wire) && way.iter().any(|p| !p.wire);
    let mixed: BTreeSet<&str> = ways().filter(|way| is_mixed(way)).map(|way| way[0].way.to).collect();
    let mut relays = Relays::default();
    if mixed.is_empty() {
        return relays;
    }
    let bare = ways().filter(|way| mixed.contains(way[0].way.to) && way.iter().all(|p| p.wire));
    for passage in bare.flatten() {
        let Some((key, seen)) = passage.packed.read() else { continue };
        let hours = hours(world, witnesses[passage.witness as usize].0, (&key, seen), passage.part.as_ref());
        for left in hours.filter_map(|hour| passage.direction.left(&key, hour, passage.open)) {
            relays.add(passage.way.to, &passage.way.from, left.hour.hour(), left.bytes);
        }
    }
    relays
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
        let (told, first, joint) = (told(world, source), witnesses.len(), way::joint(source));
        for packed in source.observations.kept.packed() {
            let Some((key, seen)) = packed.read() else { continue };
            for part in held::parts(world, &key, seen) {
                let Some((way, direction)) = out_of(world, locator, &key, part.as_ref()) else { continue };
                let wire = is_edge(&key);
                let open = !wire || told.get(&way.route).is_some_and(|(_, told)| told.is_missing());
                let open = open && !is_management(source, &key);
                let all = joint.get(&key.untranslated()).copied();
                let lacks = direction.is_open(&all.unwrap_or_else(|| seen.sum()));
                let mut hours = hours(world, locator, (&key, seen), part.as_ref());
                if !hours.any(|hour| direction.left(&key, hour, open).is_some()) {
                    continue;
                }
                let others = of_others(world, source, &key, (&way, part.as_ref()));
                let is_nobodys = way.scope == UNATTRIBUTED && !others.is_empty();
                let mut add = |way, of, witnesses: &mut Vec<Witness<'w>>| {
                    let witness = number(of, first, witnesses);
                    passages.push(Passage { way, packed, witness, wire, direction, open, lacks, part: part.clone() });
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

/// The hours of a part of a conversation, with what sessions moved in it, by when they did.
fn told_hours<'h>(
    world: &'h World<'_>,
    locator: &'h Locator,
    (key, seen): (&'h Key<'h>, Told<'h>),
    part: Option<&'h Held>,
) -> impl Iterator<Item = lasting::Told> + 'h {
    let of_part =
        move |hour: &Hour| part.is_none_or(|part| world.assigned.in_hour(held::name(world, key), hour) == *part);
    let open = world.lasting.open(locator, key).filter(of_part).map(lasting::Told::Part);
    world.lasting.hours(locator, key, held::hours_of(world, key, seen, part)).chain(open)
}

/// The same where it does not matter which of the two an hour is.
fn hours<'h>(
    world: &'h World<'_>,
    locator: &'h Locator,
    told: (&'h Key<'h>, Told<'h>),
    part: Option<&'h Held>,
) -> impl Iterator<Item = Hour> + 'h {
    told_hours(world, locator, told, part).map(lasting::Told::hour)
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
        let held = hours.filter(meets).map(|hour| Some(world.assigned.in_hour(held::name(world, key), &hour)));
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

impl<'a> Moved<'a> {
    fn add(&mut self, world: &World<'_>, (locator, log): Witness<'a>, passage: &Passage<'a>) {
        let Some((key, seen)) = passage.packed.read() else { return };
        let direction = passage.direction;
        let part = passage.part.as_ref();
        let mut bytes = 0u64;
        let this_way = seen.cited().filter(|cited| cited.up == (direction == Direction::Up));
        let dated = this_way.filter(|cited| !world.lasting.is_parted(locator, &key, cited));
        let dated: Vec<(Span, u64)> = dated.filter_map(|cited| Some((cited.span?, cited.bytes))).collect();
        let calls = world.calls.told(locator, &key);
        let open = passage.open && passage.lacks;
        for told in told_hours(world, locator, (&key, seen), part) {
            let Some(left) = direction.left(&key, told.hour(), open) else { continue };
            let dated = matches!(told, lasting::Told::Records(_)).then_some(&dated[..]);
            let numbered = self.calls.count(calls, &left.hour);
            self.add_hour((log, is_edge(&key)), &left, numbered, dated);
            bytes = bytes.saturating_add(left.bytes);
        }
        self.seen_by.insert(locator);
        let by = if is_bare(&key) { &mut self.guessed } else { &mut self.stated };
        let sum = by.entry(locator).or_default();
        *sum = sum.saturating_add(bytes);
        let own = |name: &&str| key.seen == Seen::Mail && world.whose.mail_side(name) == Some(Side::Inside);
        self.names.extend(way::names(&key).filter(|name| !own(name)).chain([key.server]).filter(|t| !t.is_empty()));
        self.accounts.extend(Some(key.account).filter(|t| !t.is_empty()));
        let hours = part
            .map(|part| held::hours_of(world, &key, seen, Some(part)).map(|hour| hour.hour()).collect::<BTreeSet<_>>());
        let is_of = |cited: &Cited| hours.as_ref().is_none_or(|hours| hours.contains(&cited.at().map(Instant::hour)));
        let is_up = direction == Direction::Up;
        seen.cited().filter(is_of).for_each(|cited| self.cite((cited.up != is_up, locator, cited)));
    }

    /// Adds what left in an hour by the word of a log; `dated` are the cited records of the conversation; `None` where it is a part
    /// of a session, which is dated itself.
    fn add_hour(
        &mut self,
        (log, wire): (&'a Locator, bool),
        left: &Left,
        numbered: Numbered,
        dated: Option<&[(Span, u64)]>,
    ) {
        let (lasting, records) = (Vec::new(), Vec::new());
        let counted = Numbered::default();
        let new = || Cell {
            bytes: 0,
            more: 0,
            logged: true,
            wire,
            sightings: 0,
            numbered: counted,
            span: None,
            begins: None,
            lasting,
            records,
        };
        let hour = left.hour.hour();
        let cells = self.hours.entry(hour).or_default();
        // A firewall's log of sessions tells of the wire, and what its profiles say in it of data.
        let at = cells.binary_search_by(|(known, cell)| ((*known), cell.wire).cmp(&(log, wire)));
        let at = at.unwrap_or_else(|at| {
            // One log saw most hours, and there are millions of them.
            cells.reserve_exact(1);
            cells.insert(at, (log, new()));
            at
        });
        let cell = &mut cells[at].1;
        cell.bytes = cell.bytes.saturating_add(left.bytes);
        cell.more = cell.more.saturating_add(left.more);
        cell.logged &= left.logged;
        cell.sightings = cell.sightings.saturating_add(left.hour.sum.records);
        cell.numbered.add(numbered);
        cell.span = Span::join_opt(cell.span, left.hour.span);
        if left.hour.lasts() {
            cell.lasting.extend(left.hour.span.map(|span| (span, left.bytes)));
        } else {
            cell.begins = [cell.begins, left.hour.span.map(|span| span.first)].into_iter().flatten().min();
            let own = left.hour.span.filter(|_| dated.is_none()).map(|span| (span, left.bytes));
            let within = |(span, _): &(Span, u64)| [span.first, span.last].map(|at| Some(at.hour())) == [hour; 2];
            let within = dated.unwrap_or_default().iter().copied().filter(within).chain(own);
            cell.records.extend(within.map(|(span, bytes)| (span.first, bytes)));
        }
        self.time = Span::join_opt(self.time, left.hour.span);
    }

    fn cite(&mut self, new: Shows<'a>) {
        let rank = |(other, locator, cited): &Shows<'a>| (*other, Reverse(cited.bytes), *locator, cited.place);
        let at = self.evidence.partition_point(|known| rank(known) <= rank(&new));
        if at < CITED {
            self.evidence.truncate(CITED - 1);
            self.evidence.insert(at, new);
        }
    }

    /// Resolvers inside that were asked for names, as whose entities they are.
    fn resolvers(&self, world: &World<'a>, way: &Way<'_>) -> BTreeSet<String> {
        let names = self.names.iter().filter(|_| way.route == Route::DnsTunnel);
        let inside = names.filter(|name| world.whose.side(name) == Side::Inside);
        inside.map(|name| world.whose.entity_of(name).into_owned()).collect()
    }

    fn finish(self, world: &World<'a>, way: &Way<'_>, relays: &Relays<'_>, shared: &mut Shared<'a>) -> Transfer {
        let hourly = cells::hourly(&self.hours, |hour, bytes| relays.may_hold(way.to, &way.from, hour, bytes));
        let mut bytes = hourly.iter().map(|(_, bounds)| *bounds).fold(Bounds::exact(0), Bounds::plus);
        if world.capped.contains(&way.route) {
            bytes.upper = None;
        }
        // Untimed is the first.
        let timed = &hourly[usize::from(hourly.first().is_some_and(|(hour, _)| hour.is_none()))..];
        let mut names = self.names;
        names.remove(way.to);
        names.remove(&*way.from);
        if matches!(way.route, Route::WebResponse | Route::RemoteAccess) {
            names.clear();
        }
        if way.route == Route::DnsTunnel {
            // A resolver inside passes on what is asked for; where it goes is the domain.
            names.retain(|name| world.whose.side(name) == Side::Outside);
        }
        let (mut joined, mut of_joins) =
            way.held.as_deref().map_or_else(Default::default, |held| held::joined(world, held, self.time));
        let leads_out = !matches!(way.route, Route::WebResponse | Route::RemoteAccess | Route::SaasDownload);
        if let Some((logon, cite)) = world.logons.of_host(world, way, self.time).filter(|_| leads_out) {
            joined.push(logon);
            of_joins.push(cite);
        }
        let (of_joins, seen_by) = (of_joins.into_iter(), shared.logs(self.seen_by));
        let mut sources = Arc::clone(&seen_by);
        if !joined.is_empty() {
            let joins = of_joins.clone().map(|(source, ..)| source);
            sources = shared.logs(self.evidence.iter().map(|(_, source, _)| *source).chain(joins).collect());
        }
        let records = self.evidence.iter().map(|(_, source, cited)| (*source, cited.place, cited.sha256));
        let sightings = self.hours.values().map(|cells| cells::sightings(cells, |log| world.overlaps.log(log)));
        let sightings = sightings.fold(0u64, u64::saturating_add);
        let timed_cells = self.hours.into_iter().filter(|(hour, _)| hour.is_some());
        let lower: Few<u64> = timed.iter().map(|(_, bounds)| bounds.lower).collect();
        let mut transfer = Transfer {
            id: way.id(world).into(),
            scope: same(&mut shared.scope, way.scope),
            route: way.route,
            from: same(&mut shared.from, &way.from),
            to: way.to.into(),
            to_names: texts(names).into(),
            accounts: distinct(self.accounts).into(),
            bytes,
            records: sightings,
            time: self.time,
            hours: timed.iter().map(|(hour, _)| hour.unwrap_or_default()).collect(),
            hour_bytes: lower,
            dated: timed_cells.filter_map(|(_, cells)| cells::dated(cells)).collect(),
            data: Seldom::default(),
            joined: joined.into(),
            passed_on: None,
            evidence: Cites::of(sources, records.chain(of_joins)),
            seen_by,
            sanctioned: None,
        };
        transfer.set_lasting_apart();
        transfer.sanctioned = sanctioned(world.whose, &transfer, &self.stated, &self.guessed);
        transfer
    }
}

pub(super) fn evidence(source: &Locator, cited: &Cited) -> Evidence {
    let sha256 = cited.sha256.to_string();
    Evidence { source: source.clone(), place: cited.place, sha256, excerpt: String::new() }
}

fn texts(all: BTreeSet<&str>) -> Vec<String> {
    all.into_iter().map(str::to_owned).collect()
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
) -> Option<Arc<str>> {
    if whose.sanctions.is_empty() {
        return None;
    }
    let most = |by: &BTreeMap<&Locator, u64>| by.values().copied().max().unwrap_or(0);
    let rest = most(guessed) > most(stated).saturating_mul(2).saturating_add(GUESSED_BYTES);
    let entry = match rest && address(&transfer.to).is_none() {
        false => whose.sanction(transfer),
        true => {
            let mut bare = transfer.clone();
            let mut addresses = transfer.to_names.to_vec();
            addresses.retain(|name| address(name).is_some());
            bare.to = addresses.pop().unwrap_or_default().into();
            bare.to_names = addresses.into();
            whose.sanction(&bare)
        }
    };
    entry.map(|entry| entry.why.as_str().into())
}

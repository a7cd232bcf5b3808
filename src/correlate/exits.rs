//! Transfers: direction-correct bytes out per (scope, from, to, route), with bounds.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::conversations::{Packed, Told};
use crate::model::finding::Evidence;
use crate::model::observation::{Cited, Hour, Key};
use crate::model::partial::SourcePartial;
use crate::model::place::{Locator, Place, RecordDigest};
use crate::model::rule::Route;
use crate::model::time::Span;
use crate::model::transfer::Transfer;
use crate::model::whose::UNATTRIBUTED;

use super::assigned::Held;
use super::egress::{self, Egress};
use super::gateways::Senders;
use super::moved::{Moved, Shared};
use super::proxied::Proxied;
use super::relays::Relays;
use super::way::{self, Direction, Way, is_edge, is_management, out_of, told};
use super::{World, held, lasting, once, passed, tunnels};

/// Names asked for by one client below one domain are listed as a transfer from so many bytes on.
const QUESTIONS_KEPT_BYTES: u64 = 64 << 10;
/// A conversation on its way. There are as many as conversations, so that they hold no more than where things are.
pub(super) struct Passage<'a> {
    pub(super) way: Way<'a>,
    pub(super) packed: Packed<'a>,
    /// Index of who saw it.
    pub(super) witness: u32,
    /// Whether a log of the wire did.
    pub(super) wire: bool,
    pub(super) direction: Direction,
    /// Whether what is not logged may have left.
    pub(super) open: bool,
    /// Whether records lack the bytes that no other ones of this conversation tell.
    pub(super) lacks: bool,
    /// Where the client's address was held by several: of which hours it is.
    pub(super) part: Option<Held>,
}

/// A source, and the log that it is of.
pub(super) type Witness<'a> = (&'a Locator, &'a Locator);

/// All transfers, sorted by scope, from, to, route.
///
/// PERF: they are made from the last way to the first, so that the passages that they are made of give their memory back
/// meanwhile.
pub fn all(world: &World<'_>) -> Vec<Transfer> {
    let (witnesses, mut passages) = passages(world);
    passages.sort_by(|a, b| a.way.cmp(&b.way));
    let relays = relays(world, &witnesses, &passages);
    let mut beyond = Beyond::of(world, &witnesses, &passages);
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
    senders.leave_out(&passed::translated(world, &mut transfers));
    senders.forget(&beyond.of_clients.take(&mut transfers, &beyond.egress.proxies));
    senders.once(&mut transfers, &beyond.egress.proxies);
    transfers.reverse();
    once::tunnels(&mut transfers);
    transfers
}

/// What went through a proxy, which its log does not state.
struct Beyond<'w> {
    proxied: Proxied<'w>,
    egress: Egress<'w>,
    /// Hosts that logs of the wire show to send to a destination: of two of them, that there are several.
    on_wire: BTreeMap<&'w str, Option<String>>,
    /// Clients and destinations of which that is told.
    told: BTreeSet<(String, &'w str)>,
    /// What of it proxies put on the wire in their own name.
    of_clients: egress::Told<'w>,
}

impl<'w> Beyond<'w> {
    fn of(world: &'w World<'_>, witnesses: &[Witness<'w>], passages: &[Passage<'w>]) -> Self {
        let (mut on_wire, proxied) = (BTreeMap::new(), Proxied::of(world));
        for way in passages.iter().filter(|p| p.wire && !proxied.is_empty()).map(|p| &p.way) {
            let from = || Some(way.from.clone().into_owned());
            let known = on_wire.entry(way.to).or_insert_with(from);
            if known.as_deref().is_some_and(|known| known != way.from) {
                *known = None;
            }
        }
        Self {
            proxied,
            egress: Egress::of(world, witnesses, passages),
            on_wire,
            told: BTreeSet::new(),
            of_clients: egress::Told::default(),
        }
    }

    /// Raises what moved at least to what the client sent on through the proxy, in hours in which a log says that data was sent
    /// and not how much: to what it sent to the proxy, unless the wire shows another host that sends there, as the proxy, which has
    /// it in its own name; and to what a host that is known as the proxy sent there.
    fn raise(&mut self, moved: &mut Moved<'w>, way: &Way<'w>) {
        let is_alone = self.on_wire.get(way.to).is_none_or(|from| from.as_deref() == Some(&*way.from));
        let of_way = (way.from.clone().into_owned(), way.to);
        if way.held.is_some() || self.told.contains(&of_way) {
            return;
        }
        let to_proxy = if is_alone { self.proxied.through(&way.from, way.to) } else { Vec::new() };
        for through in to_proxy.into_iter().chain(self.egress.through(&way.from, way.to)) {
            let cells = moved.hours.get_mut(&Some(through.hour)).into_iter().flatten().map(|(_, cell)| cell);
            let Some(cell) = cells.filter(|cell| !cell.wire && !cell.logged).max_by_key(|cell| cell.bytes) else {
                continue;
            };
            if cell.bytes >= through.bytes {
                continue;
            }
            cell.bytes = through.bytes;
            self.told.insert(of_way.clone());
            self.of_clients.add(&way.from, way.to, through.sent);
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
pub(super) fn told_hours<'h>(
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
        let hours = source.observations.kept.find(key).into_iter().flat_map(Told::hours);
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

pub(super) fn evidence(source: &Locator, cited: &Cited) -> Evidence {
    let sha256 = cited.sha256.to_string();
    Evidence { source: source.clone(), place: cited.place, sha256, excerpt: String::new() }
}

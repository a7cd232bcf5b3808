//! What the logs tell of one way out, gathered into a transfer.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::model::accounts::distinct;
use crate::model::cites::Cites;
use crate::model::few::Few;
use crate::model::observation::{Cited, Seen};
use crate::model::place::Locator;
use crate::model::rule::Route;
use crate::model::seldom::Seldom;
use crate::model::time::{Instant, Span};
use crate::model::transfer::{Bounds, Transfer};
use crate::model::whose::{Side, Whose, address};

use super::calls::{Known, Numbered};
use super::cells::{self, Cell, Cells};
use super::exits::{Passage, Witness, told_hours};
use super::relays::Relays;
use super::way::{self, Direction, Left, Way, is_bare, is_edge};
use super::{World, held, lasting};

/// So many bytes more than a named destination accounts for are not worth a word.
const GUESSED_BYTES: u64 = 1 << 20;
/// Records cited per transfer.
const CITED: usize = 8;

/// Whether a record moved most of its bytes the other way, its source, and the record.
type Shows<'a> = (bool, &'a Locator, Cited);

/// What logs tell of what moved one way.
#[derive(Default)]
pub(super) struct Moved<'a> {
    pub(super) hours: BTreeMap<Option<i64>, Cells<'a>>,
    pub(super) seen_by: BTreeSet<&'a Locator>,
    names: BTreeSet<&'a str>,
    /// Bytes by source of records that name the destination, and of those that only give its address.
    stated: BTreeMap<&'a Locator, u64>,
    guessed: BTreeMap<&'a Locator, u64>,
    accounts: BTreeSet<&'a str>,
    time: Option<Span>,
    /// Of logs that hold the same records, the one that is counted, by the set that they are.
    twins: BTreeMap<u32, &'a Locator>,
    /// Calls that were counted.
    calls: Known,
    /// The records that moved the most bytes, those that moved them this way first; sorted.
    evidence: Vec<Shows<'a>>,
}

/// What transfers have in common, held once.
#[derive(Default)]
pub(super) struct Shared<'a> {
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

impl<'a> Moved<'a> {
    pub(super) fn add(&mut self, world: &World<'_>, (locator, log): Witness<'a>, passage: &Passage<'a>) {
        let Some((key, seen)) = passage.packed.read() else { return };
        let direction = passage.direction;
        let part = passage.part.as_ref();
        let mut bytes = 0u64;
        let this_way = seen.cited().filter(|cited| cited.up == (direction == Direction::Up));
        let dated = this_way.filter(|cited| !world.lasting.is_parted(locator, &key, cited));
        let dated: Vec<(Span, u64)> = dated.filter_map(|cited| Some((cited.span?, cited.bytes))).collect();
        let calls = world.calls.told(locator, &key);
        let set = world.twins.set(locator);
        let is_counted = set.is_none_or(|set| *self.twins.entry(set).or_insert(locator) == locator);
        let open = passage.open && passage.lacks;
        for told in told_hours(world, locator, (&key, seen), part).filter(|_| is_counted) {
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

    pub(super) fn cite(&mut self, new: Shows<'a>) {
        let rank = |(other, locator, cited): &Shows<'a>| (*other, Reverse(cited.bytes), *locator, cited.place);
        let at = self.evidence.partition_point(|known| rank(known) <= rank(&new));
        if at < CITED {
            self.evidence.truncate(CITED - 1);
            self.evidence.insert(at, new);
        }
    }

    /// Resolvers inside that were asked for names, as whose entities they are.
    pub(super) fn resolvers(&self, world: &World<'a>, way: &Way<'_>) -> BTreeSet<String> {
        let names = self.names.iter().filter(|_| way.route == Route::DnsTunnel);
        let inside = names.filter(|name| world.whose.side(name) == Side::Inside);
        inside.map(|name| world.whose.entity_of(name).into_owned()).collect()
    }

    pub(super) fn finish(
        self,
        world: &World<'a>,
        way: &Way<'_>,
        relays: &Relays<'_>,
        shared: &mut Shared<'a>,
    ) -> Transfer {
        let elsewhere = |hour, bytes| relays.may_hold(way.to, &way.from, hour, bytes);
        let mut hourly = cells::hourly(&self.hours, elsewhere);
        let several = self.seen_by.len() > 1;
        let apart = several.then(|| world.clocks.once(&self.hours, elsewhere, &mut hourly)).flatten();
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
        let (mut joined, mut of_joins) = way.held.as_deref().map_or_else(Default::default, |(address, held)| {
            held::joined(world, (way.scope, address, held), self.time)
        });
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
            apart,
            evidence: Cites::of(sources, records.chain(of_joins)),
            seen_by,
            sanctioned: None,
        };
        transfer.set_lasting_apart();
        transfer.sanctioned = sanctioned(world.whose, &transfer, &self.stated, &self.guessed);
        transfer
    }
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

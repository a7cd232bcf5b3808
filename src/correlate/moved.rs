//! What the logs tell of one way out, gathered into a transfer.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::model::accounts::distinct;
use crate::model::cites::Cites;
use crate::model::few::Few;
use crate::model::observation::{Cited, Key, Seen};
use crate::model::place::Locator;
use crate::model::rule::Route;
use crate::model::seldom::Seldom;
use crate::model::time::{Instant, Span};
use crate::model::transfer::{Bounds, Transfer};
use crate::model::whose::{Side, Whose, address};

use super::calls::{Known, Numbered};
use super::cells::{self, APART_HOURS, Cell, Cells};
use super::exits::{Passage, Witness, told_hours};
use super::relays::Relays;
use super::way::{self, Direction, Left, Way, is_bare};
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
    /// How far records name the destination.
    named: Named<'a>,
    accounts: BTreeSet<&'a str>,
    time: Option<Span>,
    /// Of logs that hold the same records, the one that is counted, by the set that they are.
    twins: BTreeMap<u32, &'a Locator>,
    /// Calls that were counted.
    calls: Known,
    /// Hosts that wrote records of the wire: what two of them in one log saw may be the same.
    exporters: Vec<&'a str>,
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
            let exporter = self.exporter(&key);
            self.add_hour((log, key.seen, exporter), &left, numbered, dated);
            self.named.add(&key, (locator, &left), world.whose);
        }
        self.seen_by.insert(locator);
        let own = |name: &&str| key.seen == Seen::Mail && world.whose.mail_side(name) == Some(Side::Inside);
        // A mail server inside is none of those to whom it went.
        let next = Some(key.server).filter(|to| key.seen != Seen::Mail || world.whose.side(to) == Side::Outside);
        self.names.extend(way::names(&key).filter(|name| !own(name)).chain(next).filter(|t| !t.is_empty()));
        self.accounts.extend(Some(key.account).filter(|t| !t.is_empty()));
        let hours = part
            .map(|part| held::hours_of(world, &key, seen, Some(part)).map(|hour| hour.hour()).collect::<BTreeSet<_>>());
        let is_of = |cited: &Cited| hours.as_ref().is_none_or(|hours| hours.contains(&cited.at().map(Instant::hour)));
        let is_up = direction == Direction::Up;
        seen.cited().filter(is_of).for_each(|cited| self.cite((cited.up != is_up, locator, cited)));
    }

    /// The number of the host that wrote a record of the wire; 0 where it does not say.
    fn exporter(&mut self, key: &Key<'a>) -> u32 {
        if !way::is_edge(key) || key.host.is_empty() {
            return 0;
        }
        let at = self.exporters.iter().position(|known| *known == key.host).unwrap_or_else(|| {
            self.exporters.push(key.host);
            self.exporters.len() - 1
        });
        u32::try_from(at + 1).unwrap_or(0)
    }

    /// Adds what left in an hour by the word of a log; `dated` are the cited records of the conversation; `None` where it is a part
    /// of a session, which is dated itself.
    fn add_hour(
        &mut self,
        (log, seen, exporter): (&'a Locator, Seen, u32),
        left: &Left,
        numbered: Numbered,
        dated: Option<&[(Span, u64)]>,
    ) {
        let (wire, stateful) = (matches!(seen, Seen::Flow | Seen::Firewall), seen == Seen::Firewall);
        let (lasting, records) = (Vec::new(), Vec::new());
        let counted = Numbered::default();
        let new = || Cell {
            bytes: 0,
            more: 0,
            logged: true,
            wire,
            stateful,
            exporter,
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
        let at = cells.binary_search_by(|(known, cell)| (*known, cell.wire, cell.exporter).cmp(&(log, wire, exporter)));
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
        cell.stateful &= stateful;
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
            cell.records.extend(within);
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

    /// What its destination is called beside the name that it is known by.
    fn called(&self, world: &World<'a>, way: &Way<'_>) -> Vec<String> {
        let mut names = self.names.clone();
        names.remove(way.to);
        names.remove(&*way.from);
        match way.route {
            Route::WebResponse | Route::RemoteAccess => names.clear(),
            // A resolver inside passes on what is asked for; where it goes is the domain.
            Route::DnsTunnel => names.retain(|name| world.whose.side(name) == Side::Outside),
            _ => {}
        }
        let mut all = texts(names);
        if leads_out(way.route) && way.route != Route::DnsTunnel && address(way.to).is_some() {
            all.extend(world.aliases.called(world.whose, way.scope, (way.to, self.time)).map(str::to_owned));
            all.sort_unstable();
            all.dedup();
        }
        all
    }

    /// Whose its sender was by leases and logons, with the records that say so.
    fn joined(&self, world: &World<'a>, way: &Way<'_>) -> held::Joins<'a> {
        let (mut joined, mut cites) = way.held.as_deref().map_or_else(Default::default, |(address, held)| {
            held::joined(world, (way.scope, address, held), self.time)
        });
        if let Some((logon, cite)) = world.logons.of_host(world, way, self.time).filter(|_| leads_out(way.route)) {
            joined.push(logon);
            cites.push(cite);
        }
        (joined, cites)
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
        let to_names = self.called(world, way);
        let (joined, of_joins) = self.joined(world, way);
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
            to_names: to_names.into(),
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
            partly_named: address(way.to).is_none() && self.named.is_in_part(),
            sanctioned: None,
        };
        transfer.set_lasting_apart();
        transfer.sanctioned = sanctioned(world.whose, &transfer);
        transfer
    }
}

/// Whether what moves by a route goes to a destination outside, and is no answer.
fn leads_out(route: Route) -> bool {
    !matches!(route, Route::WebResponse | Route::RemoteAccess | Route::SaasDownload)
}

fn texts(all: BTreeSet<&str>) -> Vec<String> {
    all.into_iter().map(str::to_owned).collect()
}

/// How far records name the destination of a transfer that is known by its name; asked where entries are sanctioned only.
#[derive(Default)]
struct Named<'a> {
    /// Bytes by source of records that name it, and of those that only give its address.
    stated: BTreeMap<&'a Locator, u64>,
    guessed: BTreeMap<&'a Locator, u64>,
    /// The same of the latter by hour.
    guessed_in: BTreeMap<Option<i64>, u64>,
    /// Hours in which a record names it and does not say how much moved.
    unstated_in: BTreeSet<Option<i64>>,
}

impl<'a> Named<'a> {
    fn add(&mut self, key: &Key<'_>, (source, left): (&'a Locator, &Left), whose: &Whose) {
        if whose.sanctions.is_empty() {
            return;
        }
        let (is_bare, hour) = (is_bare(key), left.hour.hour());
        let by = if is_bare { &mut self.guessed } else { &mut self.stated };
        let sum = by.entry(source).or_default();
        *sum = sum.saturating_add(left.bytes);
        if is_bare {
            let sum = self.guessed_in.entry(hour).or_default();
            *sum = sum.saturating_add(left.bytes);
        } else if !left.logged {
            self.unstated_in.insert(hour);
        }
    }

    /// Whether logs that do not name the destination saw far more than those that do. Of what a proxy names and does not count, those
    /// that count it saw no more in the hours around.
    fn is_in_part(&self) -> bool {
        let most = |by: &BTreeMap<&Locator, u64>| by.values().copied().max().unwrap_or(0);
        let is_named = |hour: &Option<i64>| match hour {
            None => !self.unstated_in.is_empty(),
            Some(hour) => {
                let by = APART_HOURS as i64 - 1;
                let near = Some(hour.saturating_sub(by))..=Some(hour.saturating_add(by));
                self.unstated_in.contains(&None) || self.unstated_in.range(near).next().is_some()
            }
        };
        let beyond = self.guessed_in.iter().filter(|(hour, _)| !is_named(hour));
        let beyond = beyond.fold(0u64, |sum, (_, bytes)| sum.saturating_add(*bytes));
        most(&self.guessed).min(beyond) > most(&self.stated).saturating_mul(2).saturating_add(GUESSED_BYTES)
    }
}

/// Why the entry that explains a transfer does so. Of one that is named in part, the rest may have gone to another name on its address:
/// the entry must then sanction the address.
fn sanctioned(whose: &Whose, transfer: &Transfer) -> Option<Arc<str>> {
    if whose.sanctions.is_empty() {
        return None;
    }
    let entry = match transfer.partly_named {
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

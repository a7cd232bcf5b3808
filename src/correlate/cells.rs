//! What logs saw of each hour, and how many bytes that comes to: logs of one transfer are not added up.
//!
//! A log of data and one of the wire may tell of the same bytes in hours that follow each other. Where their figures agree they
//! do, unless the data may have been on the wire in another host's name, as behind a proxy: then what the wire has in this
//! one's may be more. Where they do not agree, each hour's data may still be in the wire's figure of another one, so that at
//! least only what is beyond that is added.

use std::collections::BTreeMap;

use crate::model::place::Locator;
use crate::model::time::{Instant, SKEW_SECS, Span};
use crate::model::transfer::{Bounds, Dated, Told, is_around, least};

use super::calls::Numbered;
use super::overlaps::{Group, Log};

/// Hours that follow each other in which two logs of one transfer may put its parts apart: one writes when a request ends,
/// another when its session does.
pub(super) const APART_HOURS: usize = 3;
/// Of the data one byte in so many may be missing on the wire: records that a firewall did not write.
const MISSED_SHARE: u64 = 50;

/// What each log saw of one hour, sorted by log. Files of one log that follow each other are one.
pub(super) type Cells<'a> = Vec<(&'a Locator, Cell)>;

/// What one log says of an hour.
pub(super) struct Cell {
    pub bytes: u64,
    /// Bytes that may have moved as well, at most.
    pub more: u64,
    /// Whether all of it was logged.
    pub logged: bool,
    /// Whether it counts what was on the wire: headers too.
    pub wire: bool,
    /// Whether firewalls alone tell it: such a log has all of a connection or nothing of it.
    pub stateful: bool,
    pub sightings: u64,
    /// Which of the hosts whose records the log holds wrote them: 0 where they do not say.
    pub exporter: u32,
    /// Of these, those that are known by a number.
    pub numbered: Numbered,
    /// From when to when.
    pub span: Option<Span>,
    pub begins: Option<Instant>,
    /// From when to when records tell that began in an earlier hour, with their bytes.
    pub lasting: Vec<(Span, u64)>,
    /// The cited records that moved bytes this way.
    pub records: Vec<Told>,
}

impl Cell {
    /// The same without what dates it.
    pub(super) fn undated(&self) -> Self {
        Self { lasting: Vec::new(), records: Vec::new(), span: None, begins: None, ..*self }
    }
}

/// Bytes of each hour.
pub(super) type Hourly = Vec<(Option<i64>, Bounds)>;

/// What logs that count data and logs that count the wire say of some hours.
#[derive(Default, Clone, Copy)]
struct Account {
    /// Of all logs of data together.
    data: u64,
    /// Of the log of data that saw most.
    most: u64,
    /// Of all logs of the wire together, those of one conversation once.
    wire: u64,
    /// Of the log of the wire that saw most.
    widest: u64,
    sightings: u64,
    unlogged: bool,
}

impl Account {
    fn of(cells: &Cells<'_>) -> Self {
        let mut all = Self::default();
        for (_, cell) in cells {
            all.unlogged |= !cell.logged;
            if cell.wire {
                all.widest = all.widest.max(cell.bytes);
                all.sightings = all.sightings.saturating_add(cell.sightings);
            } else {
                all.data = all.data.saturating_add(cell.bytes);
                all.most = all.most.max(cell.bytes);
            }
        }
        all.wire = on_wire(cells);
        all
    }

    fn plus(self, other: Self) -> Self {
        Self {
            data: self.data.saturating_add(other.data),
            most: self.most.saturating_add(other.most),
            wire: self.wire.saturating_add(other.wire),
            widest: self.widest.saturating_add(other.widest),
            sightings: self.sightings.saturating_add(other.sightings),
            unlogged: self.unlogged || other.unlogged,
        }
    }

    /// Whether logs of data saw each a part: only all of them together are what one log of the wire saw.
    fn is_split(&self) -> bool {
        let one = Self { wire: self.widest, ..*self };
        one.is_of(self.data) && !self.is_of(self.most)
    }

    /// Whether the wire's figure is that of this data with what is sent around it, so that both tell of the same bytes.
    fn is_of(&self, data: u64) -> bool {
        !self.unlogged && data > 0 && self.wire >= missed(data) && is_around(data, self.wire, self.sightings)
    }
}

/// Bytes that all logs of the wire together saw. What a firewall and a log of flows have of the same connections counts once: a
/// firewall has all of a connection, so that flows which are as many, as large and of the same time are those that it has.
/// Two firewalls, and two logs of flows, may each have a part.
fn on_wire(cells: &Cells<'_>) -> u64 {
    let of = |stateful: bool| {
        let wires = cells.iter().map(|(_, cell)| cell).filter(|cell| cell.wire);
        wires.filter(move |cell| cell.stateful == stateful)
    };
    let mut firewalls: Vec<(&Cell, u64)> = of(true).map(|cell| (cell, cell.bytes)).collect();
    let mut rest = 0u64;
    for flow in of(false) {
        match firewalls.iter_mut().find(|(firewall, _)| are_same(firewall, flow)) {
            Some((_, most)) => *most = flow.bytes.max(*most),
            None => rest = rest.saturating_add(flow.bytes),
        }
    }
    firewalls.into_iter().fold(rest, |sum, (_, most)| sum.saturating_add(most))
}

/// Whether two logs of the wire, one of which is a firewall's, tell of the same connections of an hour.
fn are_same(one: &Cell, other: &Cell) -> bool {
    let (less, more) = (one.bytes.min(other.bytes), one.bytes.max(other.bytes));
    let is_near = |a: Instant, b: Instant| a.plus_secs(-SKEW_SECS) <= b && b <= a.plus_secs(SKEW_SECS);
    // A record that does not say how long its connection was is of one end of it, and a firewall may write some time after the other.
    let overlap = |a: Span, b: Span| a.first <= b.last && b.first <= a.last;
    let meet = |a: Span, b: Span| is_near(a.last, b.last) || overlap(a, b) && is_near(a.first, b.first);
    let is_whole = one.logged && other.logged && one.more == 0 && other.more == 0;
    is_whole
        && less > 0
        && one.sightings == other.sightings
        && is_around(less, more, one.sightings)
        && one.span.zip(other.span).is_some_and(|(one, other)| meet(one, other))
}

/// Bytes of each hour. Where logs of the data and of the wire agree, over an hour or a few that follow each other, they saw
/// the same: at least the data, at most what is larger. Elsewhere at least the larger account, at most the sum. `elsewhere`
/// says whether so much data, from an hour on, may be on the wire in another host's name.
pub(super) fn hourly(hours: &BTreeMap<Option<i64>, Cells<'_>>, elsewhere: impl Fn(Option<i64>, u64) -> bool) -> Hourly {
    let told: Vec<(Option<i64>, Account, &Cells<'_>)> =
        hours.iter().map(|(hour, cells)| (*hour, Account::of(cells), cells)).collect();
    let mut all = Hourly::with_capacity(told.len());
    let (mut unseen, mut beyond, mut alone) = (Vec::new(), Vec::new(), BTreeMap::new());
    while let Some((hour, account, cells)) = told.get(all.len()) {
        match same(&told[all.len()..]).filter(|(sum, _)| !elsewhere(*hour, missed(sum.most))) {
            Some((sum, several)) => {
                let part = &told[all.len()..all.len() + several];
                agreed(part, sum, &mut all);
            }
            None => {
                let bounds = apart(account, cells);
                let (at, sightings) = (all.len(), account.sightings);
                let more = |bytes| (bytes > 0).then_some(Surplus { at, bytes, sightings });
                unseen.extend(more(account.most.saturating_sub(account.widest)));
                beyond.extend(more(bounds.lower - account.most));
                let own = hour.filter(|_| !elsewhere(*hour, missed(account.most)));
                alone.extend(own.map(|hour| (hour, (at, *cells))));
                all.push((*hour, bounds));
            }
        }
    }
    once(&mut all, unseen, beyond);
    within(&alone, &mut all);
    for ((_, bounds), (.., cells)) in all.iter_mut().zip(&told) {
        let more = cells.iter().fold(0u64, |all, (_, cell)| all.saturating_add(cell.more));
        bounds.upper = bounds.upper.map(|upper| upper.saturating_add(more));
    }
    all
}

/// Takes from what moved at most what one log tells of twice: a firewall's log has what its profiles say of a request, and the
/// session in which that was made, which is written when it ends. Of hours in which the logs do not agree, with their places.
fn within(hours: &BTreeMap<i64, (usize, &Cells<'_>)>, all: &mut Hourly) {
    let mut open: BTreeMap<&Locator, Vec<(i64, u64)>> = BTreeMap::new();
    for (&hour, &(at, cells)) in hours {
        for (log, cell) in cells.iter().filter(|(_, cell)| !cell.wire && cell.bytes > 0) {
            open.entry(log).or_default().push((hour, cell.bytes));
        }
        for (log, cell) in cells.iter().filter(|(_, cell)| cell.wire) {
            let Some(requests) = open.get_mut(log) else { continue };
            let began = cell.lasting.iter().map(|(span, _)| span.first.hour()).min().unwrap_or(hour);
            let mut left = cell.bytes;
            requests.retain_mut(|(when, bytes)| {
                if *when < began.min(hour.saturating_sub(APART_HOURS as i64 - 1)) {
                    return false;
                }
                let taken = left.min(*bytes);
                let bounds = &mut all[at].1;
                bounds.upper = bounds.upper.map(|upper| upper.saturating_sub(taken).max(bounds.lower));
                (left, *bytes) = (left - taken, *bytes - taken);
                *bytes > 0
            });
        }
    }
}

/// What one kind of log saw of an hour beyond the other one.
struct Surplus {
    /// Index of the hour.
    at: usize,
    bytes: u64,
    /// Records of the wire's logs.
    sightings: u64,
}

/// Takes from what is known at least what the wire saw beyond the data of its hour, as far as data of another hour near it
/// that the wire did not see may be the same. In order of time each is held against the first that it can be.
fn once(all: &mut Hourly, mut unseen: Vec<Surplus>, mut beyond: Vec<Surplus>) {
    let (mut data, mut wire) = (unseen.iter_mut().peekable(), beyond.iter_mut().peekable());
    while let Some((of_data, of_wire)) = data.peek_mut().zip(wire.peek_mut()) {
        let apart = match (all[of_data.at].0, all[of_wire.at].0) {
            (Some(one), Some(other)) => one.saturating_sub(other),
            // What has no time may be of any.
            _ => 0,
        };
        let is_same = apart.unsigned_abs() < APART_HOURS as u64;
        if is_same {
            let whole = is_around(of_data.bytes, of_wire.bytes, of_wire.sightings);
            let taken = if whole { of_wire.bytes } else { of_data.bytes.min(of_wire.bytes) };
            let lower = &mut all[of_wire.at].1.lower;
            *lower = lower.saturating_sub(taken);
            of_wire.bytes -= taken;
            of_data.bytes = of_data.bytes.saturating_sub(taken);
        }
        if of_wire.bytes == 0 || !is_same && apart > 0 {
            wire.next();
        } else {
            data.next();
        }
    }
}

/// How many records tell of an hour at least. Those that are known by a number count once, whatever logs have them. Of others, logs
/// that hold the same ones in part, by the group that they are of, are not added up, nor are those of one time that state no bytes: nothing tells then whether the records of one are those of the other.
pub(super) fn sightings(cells: &Cells<'_>, log: impl Fn(&Locator) -> Option<Log>) -> u64 {
    let rest = |cell: &Cell| cell.sightings.saturating_sub(cell.numbered.all);
    let new = cells.iter().fold(0u64, |sum, (_, cell)| sum.saturating_add(cell.numbered.new));
    if let [(_, cell)] = &cells[..] {
        return rest(cell).saturating_add(new);
    }
    let mut most: BTreeMap<Group, u64> = BTreeMap::new();
    let (mut sum, mut unstated) = (new, Vec::new());
    for (of, cell) in cells.iter().filter(|(_, cell)| rest(cell) > 0) {
        match (log(of), cell.span.filter(|_| !cell.logged)) {
            (Some(log), _) => {
                let known = most.entry(log.group).or_default();
                *known = rest(cell).max(*known);
            }
            (None, Some(span)) => unstated.push((span, rest(cell))),
            (None, None) => sum = sum.saturating_add(rest(cell)),
        }
    }
    most.into_values().fold(sum, u64::saturating_add).saturating_add(of_times(unstated))
}

/// Of logs whose times meet the records of the one that has the most, added up.
fn of_times(mut told: Vec<(Span, u64)>) -> u64 {
    told.sort_unstable();
    let (mut sum, mut most, mut reached) = (0u64, 0, None);
    for (span, records) in told {
        if reached.is_some_and(|last| span.first > last) {
            sum = sum.saturating_add(std::mem::take(&mut most));
        }
        most = records.max(most);
        reached = reached.max(Some(span.last));
    }
    sum.saturating_add(most)
}

/// So much data at least is on the wire where the wire's log saw all of it.
pub(super) fn missed(data: u64) -> u64 {
    data - data / MISSED_SHARE
}

/// The fewest hours from the first one on, one after the other, in which the logs agree; with what they say.
fn same(told: &[(Option<i64>, Account, &Cells<'_>)]) -> Option<(Account, usize)> {
    let mut sum = Account::default();
    for (at, (hour, account, _)) in told.iter().take(APART_HOURS).enumerate() {
        let follows = at == 0 || hour.is_some() && told[at - 1].0.is_some_and(|before| Some(before + 1) == *hour);
        if !follows {
            return None;
        }
        sum = sum.plus(*account);
        if sum.is_of(sum.data) || sum.is_of(sum.most) {
            return Some((sum, at + 1));
        }
    }
    None
}

/// Hours in which the logs agree: the data is where its log has it, what the wire has more lies in the last hour.
fn agreed(part: &[(Option<i64>, Account, &Cells<'_>)], sum: Account, all: &mut Hourly) {
    let split = sum.is_split();
    for (at, (hour, account, _)) in part.iter().enumerate() {
        let lower = if split { account.data } else { account.most };
        let more = if at + 1 == part.len() { sum.wire.saturating_sub(sum.data) } else { 0 };
        all.push((*hour, Bounds { lower, upper: Some(account.data.saturating_add(more)) }));
    }
}

/// In one hour, several sources may have seen the same bytes: at least the largest account, at most the sum. What the
/// wire carried around the data is no data.
fn apart(account: &Account, cells: &Cells<'_>) -> Bounds {
    let wires = cells.iter().filter(|(_, cell)| cell.wire);
    let lower = wires.map(|(_, cell)| least(account.most, cell.bytes, cell.sightings)).max().unwrap_or(0);
    let upper = (!account.unlogged).then(|| account.data.saturating_add(account.wire));
    Bounds { lower: lower.max(account.most), upper }
}

/// What can be dated of an hour: by the largest log of data, unless one of the wire saw more than that. A log of the wire
/// writes when a session ends, which may be long after its data was sent.
pub(super) fn dated(mut cells: Cells<'_>) -> Option<Dated> {
    let largest = |wire: bool| {
        let of = cells.iter().enumerate().filter(|(_, (_, cell))| cell.wire == wire);
        of.rev().max_by_key(|(_, (_, cell))| cell.bytes).map(|(at, (_, cell))| (at, cell))
    };
    let at = match (largest(false), largest(true)) {
        (Some((data, of_data)), Some((wire, of_wire))) => {
            let is_beyond =
                of_wire.bytes > of_data.bytes && !is_around(of_data.bytes, of_wire.bytes, of_wire.sightings);
            if is_beyond { wire } else { data }
        }
        (data, wire) => data.or(wire)?.0,
    };
    let ends = cells.iter().filter_map(|(_, cell)| cell.span).map(|span| span.last).max();
    let mut cell = cells.swap_remove(at).1;
    let begins = cell.begins.or_else(|| cell.lasting.iter().map(|(span, _)| span.last).min())?;
    // Of what moved at the very beginning, that says when.
    let is_told_apart = cell.records.iter().any(|(span, _)| span.first > begins);
    let records = if is_told_apart { cell.records } else { Vec::new() };
    cell.lasting.sort_unstable();
    let mut lasting: Vec<(Instant, u64)> = Vec::new();
    for (span, bytes) in cell.lasting {
        match lasting.last_mut() {
            Some((first, sum)) if first.hour() == span.first.hour() => *sum = sum.saturating_add(bytes),
            _ => lasting.push((span.first, bytes)),
        }
    }
    Some(Dated::new((begins, ends.unwrap_or(begins)), records.into(), lasting.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn cell(wire: bool, bytes: u64) -> Cell {
        Cell {
            more: 0,
            bytes,
            logged: true,
            wire,
            stateful: false,
            exporter: 0,
            sightings: 1,
            numbered: Numbered::default(),
            span: None,
            begins: None,
            lasting: Vec::new(),
            records: Vec::new(),
        }
    }

    fn locators() -> Vec<Locator> {
        (0..4).map(|n| Locator::from_encoded(&format!("log{n}"))).collect()
    }

    fn of_those(hours: &[(i64, &[(bool, u64)])], elsewhere: bool) -> Bounds {
        let locators = locators();
        let cells =
            |all: &[(bool, u64)]| locators.iter().zip(all.iter().map(|(wire, bytes)| cell(*wire, *bytes))).collect();
        let hours: BTreeMap<_, _> = hours.iter().map(|(hour, all)| (Some(*hour), cells(all))).collect();
        let hourly = hourly(&hours, |_, data| elsewhere && data > 0);
        hourly.into_iter().map(|(_, bounds)| bounds).fold(Bounds::exact(0), Bounds::plus)
    }

    fn of(hours: &[(i64, &[(bool, u64)])]) -> Bounds {
        of_those(hours, false)
    }

    fn between(lower: u64, upper: u64) -> Bounds {
        Bounds { lower, upper: Some(upper) }
    }

    #[test]
    fn logs_of_one_transfer_are_not_added_up() {
        let (data, wire) = (100 * MIB, 103 * MIB);
        assert_eq!(of(&[(1, &[(false, data), (true, wire)])]), between(data, wire));
        assert_eq!(of(&[(1, &[(false, data), (true, 2 * data)])]), between(2 * data, 3 * data), "the wire saw more");
        assert_eq!(of(&[(1, &[(false, data), (true, data / 2)])]), between(data, data + data / 2), "or other bytes");
        assert_eq!(
            of(&[(1, &[(true, data), (true, wire)])]),
            between(wire, data + wire),
            "two of the wire may be halves"
        );
        assert_eq!(
            of(&[(1, &[(false, data), (false, data), (true, 2 * wire)])]),
            between(2 * data, 2 * wire),
            "two proxies"
        );
        assert_eq!(
            of(&[(1, &[(false, data), (false, data), (true, wire)])]),
            between(data, 2 * data),
            "one behind the other"
        );
        assert_eq!(
            of(&[(1, &[(false, data), (false, data), (true, wire), (true, wire)])]),
            between(data, 2 * wire),
            "each log is there twice"
        );
        assert_eq!(
            of(&[(1, &[(false, data), (false, 2 * MIB), (true, wire)])]),
            between(data, wire),
            "a part of a log beside it"
        );
    }

    #[test]
    fn what_a_firewall_and_flows_have_of_the_same_connections_counts_once_at_most() {
        let at = |second| Instant::from_secs(second).unwrap();
        let locators = locators();
        let of = |wires: &[(bool, u64, u64, (i64, i64))]| {
            let cells = wires.iter().map(|(stateful, bytes, sightings, (first, last))| Cell {
                stateful: *stateful,
                sightings: *sightings,
                span: Some(Span { first: at(*first), last: at(*last) }),
                ..cell(true, *bytes)
            });
            on_wire(&locators.iter().zip(cells).collect())
        };
        let (less, more, then) = (100 * MIB, 103 * MIB, (400, 1000));
        assert_eq!(of(&[(true, more, 2, then), (false, less, 2, (460, 1060))]), more);
        assert_eq!(
            of(&[(true, less, 2, then), (false, more, 2, (460, 1060)), (false, less, 2, then)]),
            more,
            "three of one"
        );
        assert_eq!(of(&[(true, more, 2, (401, 1400)), (false, less, 2, then)]), more, "written later");
        assert_eq!(of(&[(true, more, 2, (1000, 1000)), (false, less, 2, then)]), more, "of its end alone");
        assert_eq!(of(&[(true, more, 2, then), (false, less, 3, then)]), more + less, "not as many");
        assert_eq!(of(&[(true, more, 2, then), (false, less, 2, (700, 1300))]), more + less, "at another time");
        assert_eq!(of(&[(true, more, 2, then), (false, less / 2, 2, then)]), more + less / 2, "not as much");
        for both in [true, false] {
            assert_eq!(of(&[(both, more, 2, then), (both, more, 2, then)]), 2 * more, "each may have a part");
        }
    }

    #[test]
    fn an_hour_that_ends_between_two_records_of_one_request_divides_nothing() {
        let (data, wire) = (100 * MIB, 103 * MIB);
        let border: &[(i64, &[(bool, u64)])] = &[(1, &[(false, data)]), (2, &[(false, 0), (true, wire)])];
        assert_eq!(of(border), between(data, wire));
        let apart: &[(i64, &[(bool, u64)])] = &[(1, &[(false, data)]), (5, &[(false, 0), (true, wire)])];
        assert_eq!(of(apart), between(data + wire, data + wire), "at another time");
    }

    #[test]
    fn data_that_may_be_on_the_wire_in_another_name_is_not_what_the_wire_has_here() {
        let (data, wire) = (30 * MIB, 31 * MIB);
        for hours in [&[(1, &[(false, data), (true, wire)][..])][..], &[(1, &[(false, data)]), (2, &[(true, wire)])]] {
            assert_eq!(of_those(hours, true), between(data, data + wire));
            assert_eq!(of(hours), between(data, wire), "nobody else's");
        }
    }

    #[test]
    fn what_another_hour_of_the_wire_may_hold_is_not_added_at_least() {
        let data = 30 * MIB;
        let hours = |after: i64, wire: u64| {
            let told = [(1, &[(false, data)][..]), (after, &[(false, 0), (true, wire)])];
            of(&told)
        };
        assert_eq!(hours(2, 61 * MIB), between(61 * MIB, 91 * MIB), "both, written when the session ended");
        assert_eq!(hours(2, 10 * MIB), between(data, 40 * MIB), "a part");
        assert_eq!(hours(4, 61 * MIB), between(91 * MIB, 91 * MIB), "at another time");
        assert_eq!(of(&[(1, &[(true, data)]), (2, &[(true, data)])]), between(2 * data, 2 * data), "of one log");
        let (one, two) = ([(false, data)], [(false, data), (true, 150 * MIB)]);
        assert_eq!(of(&[(1, &one), (2, &two), (3, &one)]), between(150 * MIB, 240 * MIB), "of both sides");
    }

    #[test]
    fn an_hour_is_dated_by_its_data_unless_the_wire_saw_more() {
        let at = |second| Instant::from_secs(second).unwrap();
        let of = |data: u64, wire: u64| {
            let cells = [(false, data, 10), (true, wire, 20)].map(|(wire, bytes, second)| {
                let records = vec![(Span { first: at(second), last: at(second) }, bytes)];
                Cell { begins: Some(at(second)), records, ..cell(wire, bytes) }
            });
            let locators = locators();
            dated(locators.iter().zip(cells).collect()).unwrap().begins()
        };
        assert_eq!((of(100 * MIB, 103 * MIB), of(100 * MIB, 50 * MIB)), (at(10), at(10)));
        assert_eq!(of(100 * MIB, 200 * MIB), at(20));
    }
}

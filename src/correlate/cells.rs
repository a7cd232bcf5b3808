//! What logs saw of each hour, and how many bytes that comes to: logs of one transfer are not added up.

use std::collections::BTreeMap;

use crate::model::place::Locator;
use crate::model::time::Instant;
use crate::model::transfer::{Bounds, Dated, is_around, least};

/// Hours that follow each other in which two logs of one transfer may put its parts apart: one writes when a request ends,
/// another when its session does.
const APART_HOURS: usize = 3;
/// Of the data one byte in so many may be missing on the wire: records that a firewall did not write.
const MISSED_SHARE: u64 = 50;

/// What each log saw of one hour, sorted by log. Files of one log that follow each other are one.
pub(super) type Cells<'a> = Vec<(&'a Locator, Cell)>;

/// What one log says of an hour.
pub(super) struct Cell {
    pub bytes: u64,
    /// Whether all of it was logged.
    pub logged: bool,
    /// Whether it counts what was on the wire: headers too.
    pub wire: bool,
    pub sightings: u64,
    pub begins: Option<Instant>,
    /// The cited records that moved bytes this way.
    pub records: Vec<(Instant, u64)>,
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
    /// Of all logs of the wire together.
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
                all.wire = all.wire.saturating_add(cell.bytes);
                all.widest = all.widest.max(cell.bytes);
                all.sightings = all.sightings.saturating_add(cell.sightings);
            } else {
                all.data = all.data.saturating_add(cell.bytes);
                all.most = all.most.max(cell.bytes);
            }
        }
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
        let missed = data - data / MISSED_SHARE;
        !self.unlogged && data > 0 && self.wire >= missed && is_around(data, self.wire, self.sightings)
    }
}

/// Bytes of each hour. Where logs of the data and of the wire agree, over an hour or a few that follow each other, they saw
/// the same: at least the data, at most what is larger. Elsewhere at least the larger account, at most the sum.
pub(super) fn hourly(hours: &BTreeMap<Option<i64>, Cells<'_>>) -> Hourly {
    let told: Vec<(Option<i64>, Account, &Cells<'_>)> =
        hours.iter().map(|(hour, cells)| (*hour, Account::of(cells), cells)).collect();
    let mut all = Hourly::with_capacity(told.len());
    while let Some((hour, account, cells)) = told.get(all.len()) {
        match same(&told[all.len()..]) {
            Some((sum, several)) => {
                let part = &told[all.len()..all.len() + several];
                agreed(part, sum, &mut all);
            }
            None => all.push((*hour, apart(account, cells))),
        }
    }
    all
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

/// What the largest account of an hour can date.
pub(super) fn dated(cells: Cells<'_>) -> Option<Dated> {
    let (_, mut cell) = cells.into_iter().rev().max_by_key(|(_, cell)| cell.bytes)?;
    cell.records.shrink_to_fit();
    Some(Dated { begins: cell.begins?, records: cell.records })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn of(hours: &[(i64, &[(bool, u64)])]) -> Bounds {
        let locators: Vec<Locator> = (0..4).map(|n| Locator::from_encoded(&format!("log{n}"))).collect();
        let cell = |(wire, bytes): &(bool, u64)| Cell {
            bytes: *bytes,
            logged: true,
            wire: *wire,
            sightings: 1,
            begins: None,
            records: Vec::new(),
        };
        let cells = |all: &[(bool, u64)]| locators.iter().zip(all.iter().map(cell)).collect();
        let hours: BTreeMap<_, _> = hours.iter().map(|(hour, all)| (Some(*hour), cells(all))).collect();
        hourly(&hours).into_iter().map(|(_, bounds)| bounds).fold(Bounds::exact(0), Bounds::plus)
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
    fn an_hour_that_ends_between_two_records_of_one_request_divides_nothing() {
        let (data, wire) = (100 * MIB, 103 * MIB);
        let border: &[(i64, &[(bool, u64)])] = &[(1, &[(false, data)]), (2, &[(false, 0), (true, wire)])];
        assert_eq!(of(border), between(data, wire));
        let apart: &[(i64, &[(bool, u64)])] = &[(1, &[(false, data)]), (5, &[(false, 0), (true, wire)])];
        assert_eq!(of(apart), between(data + wire, data + wire), "at another time");
    }
}

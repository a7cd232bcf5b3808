//! Logs that may date one thing in different hours, because their clocks are known to be apart or nobody knows the zone of one: what both
//! may tell of is not added up at least. No time is changed for it.
//!
//! Logs whose clocks agree are one set, and what a set knows of each hour is certain. Of two sets the hours are held against each other in
//! the order of time, each against the first within the time by which their clocks may be apart; what is left of both moved in any case.

use std::collections::{BTreeMap, BTreeSet};

use super::cells::{self, APART_HOURS, Cells, Hourly};
use super::{World, skews};
use crate::model::coverage::Skew;
use crate::model::place::Locator;
use crate::model::time::{HOUR_SECS, SKEW_SECS};
use crate::model::transfer::{Apart, Bounds, is_around};

/// Zones are so many hours ahead of UTC at most.
const ZONE_AHEAD: i64 = 14;
/// And so many behind it.
const ZONE_BEHIND: i64 = 12;

/// By how many hours at least and at most the second of two logs dates later what both tell of.
type Later = (i64, i64);

/// What is known of the clocks of logs.
#[derive(Default)]
pub(super) struct Clocks {
    /// How far logs are apart by what both tell of.
    skews: Vec<Skew>,
    /// Of these, the places by the two logs: files that follow each other are one.
    known: BTreeMap<Locator, BTreeMap<Locator, usize>>,
    /// Logs of whose zone nothing is known.
    assumed: BTreeSet<Locator>,
}

impl Clocks {
    /// Those of all logs.
    pub(super) fn of(world: &World<'_>) -> Self {
        let log = |file: &Locator| world.log_of.get(file).unwrap_or(file).clone();
        let skews = skews::all(world);
        let mut known: BTreeMap<Locator, BTreeMap<Locator, usize>> = BTreeMap::new();
        for (at, skew) in skews.iter().enumerate() {
            known.entry(log(&skew.first)).or_default().insert(log(&skew.second), at);
        }
        let assumed = world.merged.sources.values().filter(|source| source.covered.zone_assumed > 0);
        Self { assumed: assumed.map(|source| log(&source.entry.source)).collect(), skews, known }
    }

    /// How far the clocks of logs are apart.
    pub(super) fn skews(&self) -> &[Skew] {
        &self.skews
    }

    /// By how many milliseconds the second of two logs dates later what both tell of, and within which, where they show it.
    fn skew(&self, first: &Locator, second: &Locator) -> Option<(i64, u64)> {
        let of = |one: &Locator, other| Some(&self.skews[*self.known.get(one)?.get(other)?]);
        let ahead = of(first, second).map(|skew| (skew.later_millis, skew.within_millis));
        ahead.or_else(|| of(second, first).map(|skew| (skew.later_millis.saturating_neg(), skew.within_millis)))
    }

    /// How far the second of two logs may be apart from the first; `None` where their clocks are taken to agree.
    fn later(&self, first: &Locator, second: &Locator) -> Option<Later> {
        if let Some((later, within)) = self.skew(first, second) {
            return hours(later, within);
        }
        let zones = |log: &Locator| if self.assumed.contains(log) { (ZONE_BEHIND, ZONE_AHEAD) } else { (0, 0) };
        let ((behind, ahead), (others_behind, others_ahead)) = (zones(first), zones(second));
        let later = (-ahead - others_behind, behind + others_ahead);
        // Files of one name are written by one clock.
        (later != (0, 0) && first.log() != second.log()).then_some(later)
    }

    /// Lowers what moved at least by what logs may tell of twice because their clocks are apart; with the two of which that is the most.
    pub(super) fn once(
        &self,
        hours: &BTreeMap<Option<i64>, Cells<'_>>,
        elsewhere: impl Fn(Option<i64>, u64) -> bool,
        all: &mut Hourly,
    ) -> Option<Box<Apart>> {
        if self.known.is_empty() && self.assumed.is_empty() {
            return None;
        }
        let logs: BTreeSet<&Locator> = hours.values().flatten().map(|(log, _)| *log).collect();
        let sets = self.sets(&logs);
        let (first, others) = sets.split_first()?;
        let mut kept = pieces(hours, first, &elsewhere);
        let mut told: Option<Apart> = None;
        for (set, before) in others.iter().zip(1..) {
            let mut more = pieces(hours, set, &elsewhere);
            let (later, [one, other]) = self.apart(&sets[..before], set)?;
            let bytes = leave_out(&mut kept, &mut more, later);
            if bytes > told.as_ref().map_or(0, |told| told.bytes) {
                let later_millis = self.skew(one, other).map(|(later, _)| later);
                told = Some(Apart { first: one.clone(), second: other.clone(), later_millis, bytes });
            }
            kept.append(&mut more);
            kept.sort_by_key(|piece| piece.hour);
        }
        let mut least: BTreeMap<Option<i64>, u64> = BTreeMap::new();
        for piece in &kept {
            let sum = least.entry(piece.hour).or_default();
            *sum = sum.saturating_add(piece.bytes);
        }
        let whole = |each: &mut dyn Iterator<Item = u64>| each.fold(0, u64::saturating_add);
        let told = told?;
        if whole(&mut least.values().copied()) >= whole(&mut all.iter().map(|(_, bounds)| bounds.lower)) {
            return None;
        }
        all.iter_mut().for_each(|(hour, bounds)| bounds.lower = least.get(hour).copied().unwrap_or(0));
        Some(Box::new(told))
    }

    /// Sets of logs whose clocks agree, each log in the first that it may be in. One of whose zone nothing is known comes last, whatever it
    /// is called: it would keep out of its set logs that are certain of each other.
    fn sets<'l>(&self, logs: &BTreeSet<&'l Locator>) -> Vec<Vec<&'l Locator>> {
        let mut sets: Vec<Vec<&Locator>> = Vec::new();
        let (last, first): (Vec<&Locator>, Vec<&Locator>) = logs.iter().partition(|log| self.assumed.contains(**log));
        for log in first.iter().chain(&last) {
            let agrees = |set: &&mut Vec<&Locator>| set.iter().all(|other| self.later(other, log).is_none());
            match sets.iter_mut().find(agrees) {
                Some(set) => set.push(log),
                None => sets.push(vec![log]),
            }
        }
        sets
    }

    /// How far a set may be apart from all of those before it, with the first two logs that are.
    fn apart<'l>(&self, before: &[Vec<&'l Locator>], set: &[&'l Locator]) -> Option<(Later, [&'l Locator; 2])> {
        let pairs = before.iter().flatten().flat_map(|one| set.iter().map(move |other| (*one, *other)));
        let mut known: Option<[&Locator; 2]> = None;
        let mut all: Option<Later> = None;
        for (one, other) in pairs {
            let later = self.later(one, other);
            known = known.or(later.map(|_| [one, other]));
            let later = later.unwrap_or_default();
            all = Some(all.map_or(later, |all| (all.0.min(later.0), all.1.max(later.1))));
        }
        all.zip(known)
    }
}

/// So many milliseconds, within so many, by the hours that lie between what both logs tell of; `None` where the clocks agree.
fn hours(later_millis: i64, within_millis: u64) -> Option<Later> {
    const HOUR_MILLIS: i64 = HOUR_SECS * 1000;
    if later_millis.saturating_abs() <= SKEW_SECS * 1000 {
        return None;
    }
    let within = i64::try_from(within_millis).unwrap_or(i64::MAX);
    let (least, most) = (later_millis.saturating_sub(within), later_millis.saturating_add(within));
    Some((least.div_euclid(HOUR_MILLIS), most.saturating_sub(1).div_euclid(HOUR_MILLIS) + 1))
}

/// What a set of logs knows to have moved in an hour.
struct Piece {
    hour: Option<i64>,
    bytes: u64,
    /// Of these, what was not yet held against another set.
    left: u64,
    /// Whether logs of the wire alone tell of it; `None` where some of data do too.
    wire: Option<bool>,
    sightings: u64,
}

/// What some of the logs know of each hour.
fn pieces(
    hours: &BTreeMap<Option<i64>, Cells<'_>>,
    set: &[&Locator],
    elsewhere: &impl Fn(Option<i64>, u64) -> bool,
) -> Vec<Piece> {
    let mut own: BTreeMap<Option<i64>, Cells<'_>> = BTreeMap::new();
    for (hour, cells) in hours {
        let of_set = cells.iter().filter(|(log, _)| set.contains(log));
        own.insert(*hour, of_set.map(|(log, cell)| (*log, cell.undated())).collect());
    }
    let piece = |((hour, bounds), cells): ((Option<i64>, Bounds), &Cells<'_>)| {
        let mut wires = cells.iter().map(|(_, cell)| cell.wire);
        let first = wires.next()?;
        let wire = wires.all(|wire| wire == first).then_some(first);
        let sightings = cells.iter().fold(0u64, |sum, (_, cell)| sum.saturating_add(cell.sightings));
        Some(Piece { hour, bytes: bounds.lower, left: 0, wire, sightings })
    };
    cells::hourly(&own, elsewhere).into_iter().zip(own.values()).filter_map(piece).collect()
}

/// Leaves out of two sets' pieces, both in the order of time, what may be the same in both; so many bytes.
fn leave_out(kept: &mut [Piece], more: &mut [Piece], later: Later) -> u64 {
    kept.iter_mut().chain(more.iter_mut()).for_each(|piece| piece.left = piece.bytes);
    let mut left_out = 0u64;
    let undated = kept.partition_point(|piece| piece.hour.is_none());
    for new in more {
        // PERF: of many hours only those near enough are looked at, however much is left of those before.
        let first = new.hour.map(|hour| hour.saturating_sub(later.1).saturating_sub(WIDER));
        let from = first.map_or(undated, |first| kept.partition_point(|piece| piece.hour < Some(first)));
        let (early, dated) = kept.split_at_mut(from.max(undated));
        for known in early[..undated].iter_mut().chain(dated) {
            let (least, most) = span(known, new, later);
            let apart = match (known.hour, new.hour) {
                (Some(one), Some(other)) => other.saturating_sub(one),
                // What has no time may be of any.
                _ => least,
            };
            if new.left == 0 || apart < later.0.saturating_sub(WIDER) {
                break;
            }
            if (least..=most).contains(&apart) {
                left_out = left_out.saturating_add(same(known, new));
            }
        }
    }
    left_out
}

/// Hours by which a log of the wire may write later than one of data.
const WIDER: i64 = APART_HOURS as i64 - 1;

/// How far pieces may be apart. A log of the wire writes when a session ends, which may be some hours after its data was sent.
fn span(known: &Piece, new: &Piece, (least, most): Later) -> Later {
    let wider = if known.wire == new.wire && known.wire.is_some() { 0 } else { WIDER };
    (least.saturating_sub(wider), most.saturating_add(wider))
}

/// Leaves out of one of two pieces what is left of the other one, so many bytes: of one on the wire all that may be sent around data,
/// else of the later one.
fn same(known: &mut Piece, new: &mut Piece) -> u64 {
    let one = known.left.min(new.left);
    let is_later = new.hour >= known.hour;
    let (of_data, of_wire) = match (known.wire, new.wire) {
        (Some(false) | None, Some(true)) => (&mut *known, &mut *new),
        (Some(true), Some(false) | None) => (&mut *new, &mut *known),
        _ => {
            let cut = if is_later { &mut *new } else { &mut *known };
            cut.bytes -= one;
            known.left -= one;
            new.left -= one;
            return one;
        }
    };
    let whole = of_data.left > 0 && is_around(of_data.left, of_wire.left, of_wire.sightings);
    let taken = if whole { of_wire.left } else { one };
    of_wire.bytes -= taken;
    of_wire.left -= taken;
    of_data.left -= one;
    taken
}

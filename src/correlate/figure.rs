//! Figures of a sliding window, kept while events enter and leave.

use std::collections::HashMap;
use std::sync::Arc;

use super::windows::{Members, Values as Held, values};
use crate::model::correlation::{Demand, Figure, Key, Order};

/// The figure of the window that events entered and did not yet leave. Events are known by their index.
pub(super) struct Meter {
    kind: Kind,
    members: Vec<Members>,
    /// How many events of the window are of each member.
    seen: Vec<u64>,
    events: u64,
    /// Events of which not all combinations of values are looked at.
    cut: u64,
}

enum Kind {
    Events,
    Members,
    Ordered(Chains),
    /// Numbers of combinations by event, and how often each is in the window.
    Distinct {
        of: Vec<Arc<[usize]>>,
        counts: Vec<u64>,
        different: u64,
    },
    /// Millionths by event (see [`SUMMED_LIMIT`]), their sum and count, and whether their mean is asked for.
    Sum {
        of: Vec<Vec<i128>>,
        sum: i128,
        count: u64,
        mean: bool,
    },
    /// Ranks by event in the sorted numbers of all events.
    Percentile {
        of: Vec<Vec<usize>>,
        sorted: Vec<f64>,
        ranks: Ranks,
        percent: f64,
    },
}

impl Meter {
    /// A meter for the events of one group.
    pub(super) fn new<'e>(
        demand: &Demand,
        members: usize,
        events: impl Iterator<Item = (&'e Held, Members)> + Clone,
    ) -> Self {
        let mut cut = 0;
        let kind = match demand {
            Demand::Members(_) | Demand::Figure(Figure::Members, _) => Kind::Members,
            Demand::Figure(Figure::Events, _) => Kind::Events,
            Demand::Figure(Figure::Ordered, _) => Kind::Ordered(Chains::new(members)),
            Demand::Figure(Figure::Distinct(keys), _) => {
                let mut table = Table::default();
                let of = events.clone().map(|(event, members)| {
                    let (of, is_cut) = table.of(event, keys, members);
                    cut += u64::from(is_cut);
                    of
                });
                let of: Vec<Arc<[usize]>> = of.collect();
                Kind::Distinct { of, counts: vec![0; table.numbers.len()], different: 0 }
            }
            Demand::Figure(figure @ (Figure::Sum(key) | Figure::Mean(key)), _) => {
                let of = events
                    .clone()
                    .map(|(event, members)| numbers(event, key, members).filter_map(millionths).collect());
                Kind::Sum { of: of.collect(), sum: 0, count: 0, mean: matches!(figure, Figure::Mean(_)) }
            }
            Demand::Figure(Figure::Percentile(key, percent), _) => {
                let all: Vec<Vec<f64>> = events
                    .clone()
                    .map(|(event, members)| numbers(event, key, members).filter_map(number).collect())
                    .collect();
                let mut sorted: Vec<f64> = all.iter().flatten().copied().collect();
                sorted.sort_by(f64::total_cmp);
                sorted.dedup_by(|a, b| a.total_cmp(b).is_eq());
                let rank = |n: &f64| sorted.partition_point(|known| known.total_cmp(n).is_lt());
                let of = all.iter().map(|numbers| numbers.iter().map(rank).collect()).collect();
                Kind::Percentile { of, ranks: Ranks::new(sorted.len()), sorted, percent: *percent }
            }
        };
        Self { kind, members: events.map(|(_, members)| members).collect(), seen: vec![0; members], events: 0, cut }
    }

    /// How many events have more combinations of values than are looked at.
    pub(super) fn cut(&self) -> u64 {
        self.cut
    }

    /// Takes in the event of an index, at its time and in its source, if it has one. Events enter in the order of their times,
    /// and those of one time by source, in the order in which they stand there.
    pub(super) fn enter(&mut self, event: usize, time: i64, source: Option<u32>) {
        self.events += 1;
        for member in self.members[event].iter() {
            self.seen[member] += 1;
        }
        match &mut self.kind {
            Kind::Events | Kind::Members => {}
            Kind::Ordered(chains) => chains.enter(self.members[event], time, source),
            Kind::Distinct { of, counts, different } => {
                for &number in &*of[event] {
                    counts[number] += 1;
                    *different += u64::from(counts[number] == 1);
                }
            }
            Kind::Sum { of, sum, count, .. } => {
                *sum += of[event].iter().sum::<i128>();
                *count += of[event].len() as u64;
            }
            Kind::Percentile { of, ranks, .. } => of[event].iter().for_each(|&rank| ranks.add(rank, 1)),
        }
    }

    /// Lets the event of an index go.
    pub(super) fn leave(&mut self, event: usize) {
        self.events -= 1;
        for member in self.members[event].iter() {
            self.seen[member] -= 1;
        }
        match &mut self.kind {
            Kind::Events | Kind::Members | Kind::Ordered(_) => {}
            Kind::Distinct { of, counts, different } => {
                for &number in &*of[event] {
                    counts[number] -= 1;
                    *different -= u64::from(counts[number] == 0);
                }
            }
            Kind::Sum { of, sum, count, .. } => {
                *sum -= of[event].iter().sum::<i128>();
                *count -= of[event].len() as u64;
            }
            Kind::Percentile { of, ranks, .. } => of[event].iter().for_each(|&rank| ranks.add(rank, -1)),
        }
    }

    /// Whether an event of a member is in the window.
    pub(super) fn has(&self, member: usize) -> bool {
        self.seen.get(member).is_some_and(|count| *count > 0)
    }

    /// The figure of the window that begins at a time; `None` where it has none, as the mean of nothing.
    pub(super) fn figure(&self, begin: i64) -> Option<f64> {
        Some(match &self.kind {
            Kind::Events => self.events as f64,
            Kind::Members => self.seen.iter().filter(|count| **count > 0).count() as f64,
            Kind::Ordered(chains) => chains.longest(begin) as f64,
            Kind::Distinct { different, .. } => *different as f64,
            Kind::Sum { count: 0, .. } => return None,
            Kind::Sum { sum, mean: false, .. } => whole(*sum),
            Kind::Sum { sum, count, mean: true, .. } => whole(*sum) / *count as f64,
            Kind::Percentile { sorted, ranks, percent, .. } => return ranks.percentile(sorted, *percent),
        })
    }
}

/// Whether a demand may hold of a window over some of these events. False is certain, and none of them has more combinations
/// of values then than are looked at; true says nothing.
pub(super) fn may_hold<'e>(demand: &Demand, events: impl Iterator<Item = (&'e Held, Members)> + Clone) -> bool {
    let Demand::Figure(figure, bounds) = demand else { return true };
    let from_below = |order| matches!(order, Order::Gt | Order::Gte | Order::Eq);
    if !bounds.iter().any(|bound| from_below(bound.order)) {
        return true;
    }
    most(figure, events).is_none_or(|most| {
        bounds.iter().all(|bound| match bound.order {
            Order::Gt => most > bound.number,
            Order::Gte | Order::Eq => most >= bound.number,
            Order::Lt | Order::Lte | Order::Neq => true,
        })
    })
}

/// What no figure of a window over some of these events is above; `None` where that takes as long as to look at all windows.
fn most<'e>(figure: &Figure, events: impl Iterator<Item = (&'e Held, Members)> + Clone) -> Option<f64> {
    match figure {
        Figure::Events => Some(events.count() as f64),
        Figure::Members | Figure::Ordered => {
            let mut all = Members::default();
            events.for_each(|(_, members)| all.join(members));
            Some(all.count() as f64)
        }
        Figure::Distinct(keys) => {
            let mut all = 0;
            for (event, members) in events {
                // Each member then has one combination at most.
                let single = |member| keys.iter().all(|key| values(event, key, member).nth(1).is_none());
                all += members.iter().all(single).then(|| members.count())?;
            }
            (all < COMBINATIONS_ALL).then_some(all as f64)
        }
        Figure::Sum(key) => {
            let all = events.flat_map(|(event, members)| numbers(event, key, members)).filter_map(millionths);
            Some(whole(all.filter(|n| *n > 0).sum()))
        }
        Figure::Mean(_) | Figure::Percentile(..) => None,
    }
}

/// Chains of members, each later than the one before: by time, or at one time by the place in one source. Of those of the
/// first so many members the one counts that began last.
struct Chains {
    /// When they began, of events before `time`.
    began: Vec<Option<i64>>,
    /// The same, of events at `time` in sources before `source`: what is of another source does not follow them.
    fresh: Vec<Option<i64>>,
    /// The same, of events at `time` in `source`: what stands behind them there follows.
    here: Vec<Option<i64>>,
    time: i64,
    source: Option<u32>,
}

impl Chains {
    fn new(members: usize) -> Self {
        let none = || vec![None; members];
        Self { began: none(), fresh: none(), here: none(), time: i64::MIN, source: None }
    }

    fn enter(&mut self, members: Members, time: i64, source: Option<u32>) {
        if time != self.time || source.is_none() || source != self.source {
            pour(&mut self.here, &mut self.fresh);
        }
        if time != self.time {
            pour(&mut self.fresh, &mut self.began);
        }
        (self.time, self.source) = (time, source);
        // From the last on, so that an event of several members does not follow itself.
        for member in (0..self.here.len()).rev().filter(|member| members.has(*member)) {
            let start = match member.checked_sub(1) {
                None => Some(time),
                Some(before) => self.began[before].max(self.here[before]),
            };
            self.here[member] = self.here[member].max(start);
        }
    }

    /// How many members the longest chain has that began at a time or later.
    fn longest(&self, begin: i64) -> usize {
        let all = self.began.iter().zip(&self.fresh).zip(&self.here);
        let latest = all.map(|((began, fresh), here)| (*began).max(*fresh).max(*here));
        latest.take_while(|began| began.is_some_and(|began| began >= begin)).count()
    }
}

/// Adds chains to others, where they began later.
fn pour(from: &mut [Option<i64>], to: &mut [Option<i64>]) {
    for (from, to) in from.iter_mut().zip(to) {
        *to = (*to).max(from.take());
    }
}

const MILLION: i128 = 1_000_000;

/// The values of a key by the first member that has one.
fn numbers<'e>(event: &'e Held, key: &'e Key, members: Members) -> impl Iterator<Item = &'e str> {
    let of = move |member: &usize| values(event, key, *member).next().is_some();
    members.iter().find(of).into_iter().flat_map(move |member| values(event, key, member))
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|n| n.is_finite())
}

/// Largest number that is summed, in millionths: more than any of 64 bits, and 2^40 of them add up to what fits. A window
/// cannot hold as many.
const SUMMED_LIMIT: i128 = i128::MAX >> 40;

/// A number in millionths: whole numbers exactly, others to six places; none where it is too large to be summed.
fn millionths(text: &str) -> Option<i128> {
    // PERF: of 64 bits they are read in a fraction of the time.
    if let Ok(whole) = text.parse::<i64>() {
        return Some(i128::from(whole) * MILLION);
    }
    let all = match text.trim().parse::<i128>() {
        Ok(whole) => whole.checked_mul(MILLION)?,
        // What is beyond the integers is cut to the largest one, and refused below.
        Err(_) => (number(text)? * MILLION as f64).round() as i128,
    };
    (-SUMMED_LIMIT..=SUMMED_LIMIT).contains(&all).then_some(all)
}

/// Millionths as a number, rounded once where they are whole.
fn whole(millionths: i128) -> f64 {
    (millionths / MILLION) as f64 + (millionths % MILLION) as f64 / MILLION as f64
}

/// Combinations of the values of keys; none where a key has no value.
fn combinations(event: &Held, keys: &[Key], member: usize) -> Vec<Vec<String>> {
    let mut all = vec![Vec::new()];
    for key in keys {
        let values: Vec<String> = values(event, key, member).map(str::to_lowercase).collect();
        all = all
            .iter()
            .flat_map(|begun: &Vec<String>| {
                values.iter().map(move |value| begun.iter().cloned().chain([value.clone()]).collect())
            })
            .take(COMBINATIONS)
            .collect();
    }
    all
}

/// Most combinations of one event.
const COMBINATIONS: usize = 10_000;
/// Most combinations that the kinds of events of one group may have together.
const COMBINATIONS_ALL: usize = 1_000_000;

/// Where the values of an event are held, how many, and its members.
type KindOfEvent = (*const (Arc<str>, Box<str>), usize, Members);

/// Numbers of combinations. Events of one kind share theirs: kinds are told apart by where their values are held.
#[derive(Default)]
struct Table {
    numbers: HashMap<Vec<String>, usize>,
    known: HashMap<KindOfEvent, (Arc<[usize]>, bool)>,
    held: usize,
}

impl Table {
    /// Numbers of the combinations of an event, ascending, and whether it has more.
    fn of(&mut self, event: &Held, keys: &[Key], members: Members) -> (Arc<[usize]>, bool) {
        let kind = (event.as_ptr(), event.len(), members);
        if let Some((of, is_cut)) = self.known.get(&kind) {
            return (Arc::clone(of), *is_cut);
        }
        let (mut all, mut is_cut) = (Vec::new(), false);
        for member in members.iter() {
            let values = combinations(event, keys, member);
            let fits = values.len().min(COMBINATIONS_ALL - self.held);
            is_cut |= fits < values.len() || values.len() == COMBINATIONS;
            self.held += fits;
            for values in values.into_iter().take(fits) {
                let next = self.numbers.len();
                all.push(*self.numbers.entry(values).or_insert(next));
            }
        }
        all.sort_unstable();
        all.dedup();
        let of: Arc<[usize]> = all.into();
        self.known.insert(kind, (Arc::clone(&of), is_cut));
        (of, is_cut)
    }
}

/// How often each rank is in the window: a binary indexed tree.
struct Ranks {
    tree: Vec<i64>,
    count: i64,
}

impl Ranks {
    fn new(ranks: usize) -> Self {
        Self { tree: vec![0; ranks + 1], count: 0 }
    }

    fn add(&mut self, rank: usize, times: i64) {
        self.count += times;
        let mut at = rank + 1;
        while at < self.tree.len() {
            self.tree[at] += times;
            at += at & at.wrapping_neg();
        }
    }

    /// The rank of the value with so many before it.
    fn nth(&self, mut before: i64) -> usize {
        let mut at = 0;
        let mut step = (self.tree.len()).next_power_of_two();
        while step > 0 {
            if let Some(count) = self.tree.get(at + step).filter(|count| **count <= before) {
                before -= count;
                at += step;
            }
            step /= 2;
        }
        at
    }

    fn percentile(&self, sorted: &[f64], percent: f64) -> Option<f64> {
        let last = self.count.checked_sub(1).filter(|last| *last >= 0)?;
        let place = percent / 100.0 * last as f64;
        let below = place.floor();
        let value = |nth: f64| sorted.get(self.nth(nth as i64)).copied();
        let (low, high) = (value(below)?, value(place.ceil())?);
        Some(low + (high - low) * (place - below))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::correlation::Bound;

    /// Events of two members; their numbers go up and down, and below zero.
    fn event(at: i64) -> (Vec<(Arc<str>, Box<str>)>, Members) {
        let mut members = Members::of(at.rem_euclid(2) as usize);
        if at % 5 == 0 {
            members.join(Members::of(1));
        }
        (vec![("n".into(), (at * at % 7 - 3).to_string().into()), ("u".into(), (at % 3).to_string().into())], members)
    }

    #[test]
    fn no_window_is_above_what_all_events_come_to() {
        let key = |field: &str| Key { name: field.into(), fields: vec![field.into(), field.into()] };
        let figures = [
            Figure::Events,
            Figure::Members,
            Figure::Ordered,
            Figure::Distinct(vec![key("u"), key("n")]),
            Figure::Sum(key("n")),
        ];
        let all: Vec<_> = (0..40).map(event).collect();
        let told = || all.iter().map(|(values, members)| (&**values, *members));
        for figure in figures {
            let most = most(&figure, told()).unwrap();
            let demand = |number| Demand::Figure(figure.clone(), vec![Bound { order: Order::Gte, number }]);
            assert!(may_hold(&demand(most), told()) && !may_hold(&demand(most + 0.5), told()), "{figure:?}");
            for length in 1..=all.len() {
                let mut meter = Meter::new(&demand(0.0), 2, told());
                for at in 0..all.len() {
                    meter.enter(at, at as i64, None);
                    at.checked_sub(length).into_iter().for_each(|gone| meter.leave(gone));
                    let begin = (at + 1).saturating_sub(length) as i64;
                    assert!(meter.figure(begin).is_none_or(|held| held <= most), "{figure:?} of {length} at {at}");
                }
            }
        }
    }

    #[test]
    fn what_is_dear_to_tell_is_looked_at() {
        let several = [("u".into(), "a".into()), ("u".into(), "b".into())];
        let told = || std::iter::once((&several[..], Members::of(0)));
        let key = Key { name: "u".into(), fields: vec!["u".into()] };
        for figure in [Figure::Distinct(vec![key.clone()]), Figure::Mean(key)] {
            assert!(most(&figure, told()).is_none());
            assert!(may_hold(&Demand::Figure(figure, vec![Bound { order: Order::Gte, number: 9.0 }]), told()));
        }
    }
}

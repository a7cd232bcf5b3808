//! The search for observations that satisfy the parts of a pattern together.
//!
//! An observation that was seen *n* times counts as *n*, and no two parts of a pattern share one. The search goes
//! through the choices in order and stops at the first that fits; a bound on its steps keeps it finite in practice.

use std::ops::Range;

use super::{Fault, Moment, Node, Observation, Pattern, Qualifier};

/// Steps of one search.
const STEPS: u64 = 200_000;

/// Deepest recursion of a search: parts of a pattern that are chosen one inside another.
const CHOICES: usize = 2_000;

/// Whether observations satisfy a pattern.
pub(super) fn holds(pattern: &Pattern, observations: &[Observation<'_>]) -> Result<bool, Fault> {
    let mut fitting = Vec::with_capacity(pattern.leaves.len());
    for leaf in &pattern.leaves {
        let mut found = Vec::new();
        for (at, observation) in observations.iter().enumerate() {
            if leaf.holds(observation)? {
                found.push(at);
            }
        }
        fitting.push(found);
    }
    let seen: Vec<Seen> = observations.iter().map(|o| Seen { time: Some((o.first, o.last)), count: o.count }).collect();
    Ok(choice(&pattern.root, &seen, fitting)?.is_some())
}

/// An observation without its objects.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// First and last time; one without is chosen only where nothing is asked of times.
    pub time: Option<(Moment, Moment)>,
    /// How many times, at least 1.
    pub count: u64,
}

impl Seen {
    /// When it begins; after all others where that is not known.
    fn first(&self) -> Moment {
        self.time.map_or(Moment(i128::MAX), |(first, _)| first)
    }
}

/// The observations of the first choice that satisfies an expression, if there is one. `fitting` are those that satisfy
/// each leaf, by their place in `seen`.
pub(super) fn choice(root: &Node, seen: &[Seen], mut fitting: Vec<Vec<usize>>) -> Result<Option<Vec<usize>>, Fault> {
    fitting.iter_mut().for_each(|found| found.sort_by_key(|at| seen[*at].first()));
    let mut search = Search {
        seen,
        longest: seen.iter().filter_map(|s| s.time).map(|(first, last)| last.0 - first.0).max().unwrap_or(0),
        left: seen.iter().map(|s| s.count).collect(),
        fitting,
        chosen: Vec::new(),
        limits: Vec::new(),
        steps: STEPS,
        depth: 0,
    };
    if search.hopeless(root) {
        return Ok(None);
    }
    let found = search.solve(root, &mut |_| Ok(true))?;
    Ok(found.then_some(search.chosen))
}

/// What is done with a choice: whether it is the one.
type Then<'f, 's> = dyn FnMut(&mut Search<'s>) -> Result<bool, Fault> + 'f;

struct Search<'s> {
    seen: &'s [Seen],
    /// The longest time that one observation lasts, in nanoseconds.
    longest: i128,
    /// How many of each are not chosen yet.
    left: Vec<u64>,
    /// The observations that satisfy each leaf, by when they begin.
    fitting: Vec<Vec<usize>>,
    /// The observations of the choice so far.
    chosen: Vec<usize>,
    /// What is asked of the times of those that are chosen now.
    limits: Vec<Limit>,
    steps: u64,
    depth: usize,
}

/// What is asked of the times of observations that are chosen from a place of the choice on.
#[derive(Debug, Clone, Copy)]
struct Limit {
    begin: usize,
    asked: Asked,
}

#[derive(Debug, Clone, Copy)]
enum Asked {
    /// None ends before this moment.
    NotBefore(Option<Moment>),
    /// As [`Qualifier::Within`].
    Within(i128),
    /// As [`Qualifier::Between`].
    Between(Moment, Moment),
}

impl<'s> Search<'s> {
    /// Tries the choices that satisfy a node; each is on `chosen` while `then` looks at it.
    fn solve(&mut self, node: &Node, then: &mut Then<'_, 's>) -> Result<bool, Fault> {
        self.deeper()?;
        let found = match node {
            Node::Leaf(leaf) => self.leaf(*leaf, 1, 0, then),
            Node::Or(nodes) => self.any(nodes, then),
            Node::And(nodes) => self.all(nodes, then),
            Node::Followed(nodes) => self.followed(nodes, None, then),
            Node::Qualified(node, qualifier) => self.qualified(node, *qualifier, then),
        };
        self.depth -= 1;
        found
    }

    /// Whether a node needs a leaf that nothing satisfies.
    fn hopeless(&self, node: &Node) -> bool {
        match node {
            Node::Leaf(leaf) => self.fitting[*leaf].is_empty(),
            Node::Or(nodes) => nodes.iter().all(|node| self.hopeless(node)),
            Node::And(nodes) | Node::Followed(nodes) => nodes.iter().any(|node| self.hopeless(node)),
            Node::Qualified(node, _) => self.hopeless(node),
        }
    }

    /// One step, one deeper.
    fn deeper(&mut self) -> Result<(), Fault> {
        self.steps = self.steps.checked_sub(1).ok_or(Fault::Steps)?;
        self.depth += 1;
        if self.depth > CHOICES { Err(Fault::Steps) } else { Ok(()) }
    }

    /// Chooses `times` observations of a leaf, from position `from` of its list on: the order among them is none.
    fn leaf(&mut self, leaf: usize, times: u64, from: usize, then: &mut Then<'_, 's>) -> Result<bool, Fault> {
        if times == 0 {
            return then(self);
        }
        self.deeper()?;
        let found = self.leaf_from(leaf, times, from, then);
        self.depth -= 1;
        found
    }

    fn leaf_from(&mut self, leaf: usize, times: u64, from: usize, then: &mut Then<'_, 's>) -> Result<bool, Fault> {
        let (range, not_before) = self.range(leaf, from);
        if !self.suffices(leaf, range.clone(), times) {
            return Ok(false);
        }
        for at in range {
            let observation = self.fitting[leaf][at];
            if not_before.zip(self.seen[observation].time).is_some_and(|(begin, (_, last))| last < begin) {
                continue;
            }
            let most = times.min(self.left[observation]);
            self.chosen.push(observation);
            for taken in (1..=most).rev() {
                self.left[observation] -= taken;
                let found = self.leaf(leaf, times - taken, at + 1, then);
                self.left[observation] += taken;
                if found? {
                    return Ok(true);
                }
            }
            self.chosen.pop();
        }
        Ok(false)
    }

    /// Where in the list of a leaf, from position `from` on, those lie that may pass the limits; and the moment before
    /// which none of them may end.
    fn range(&self, leaf: usize, from: usize) -> (Range<usize>, Option<Moment>) {
        let list = &self.fitting[leaf];
        if self.limits.is_empty() {
            return (from..list.len(), None);
        }
        let (mut earliest_last, mut latest_first) = (None, Moment(i128::MAX - 1));
        for limit in &self.limits {
            let (last, first) = self.bounds(*limit);
            earliest_last = earliest_last.max(last);
            latest_first = latest_first.min(first.unwrap_or(latest_first));
        }
        let first_of = |at: &usize| self.seen[*at].first();
        let begin = earliest_last
            .map_or(0, |last| list.partition_point(|at| first_of(at).0 < last.0.saturating_sub(self.longest)));
        let end = list.partition_point(|at| first_of(at) <= latest_first);
        (begin.max(from)..end, earliest_last)
    }

    /// The moment before which an observation may not end, and the one after which it may not begin, by one limit and what
    /// is chosen under it already.
    fn bounds(&self, limit: Limit) -> (Option<Moment>, Option<Moment>) {
        match limit.asked {
            Asked::NotBefore(after) => (after, None),
            Asked::Between(start, stop) if start < stop => (Some(start), Some(Moment(stop.0 - 1))),
            Asked::Between(..) => (None, Some(Moment(i128::MIN))),
            Asked::Within(nanos) => {
                let times = self.chosen[limit.begin..].iter().filter_map(|at| self.seen[*at].time);
                let latest_first = times.clone().map(|(first, _)| first).max();
                let earliest_last = times.map(|(_, last)| last).min();
                let back = |moment: Moment| Moment(moment.0.saturating_sub(nanos));
                let ahead = |moment: Moment| Moment(moment.0.saturating_add(nanos));
                (latest_first.map(back), earliest_last.map(ahead))
            }
        }
    }

    /// Whether so many are left in a range of a leaf's list.
    fn suffices(&self, leaf: usize, range: Range<usize>, times: u64) -> bool {
        let mut missing = times;
        for at in self.fitting[leaf].get(range).unwrap_or_default() {
            missing = missing.saturating_sub(self.left[*at]);
            if missing == 0 {
                return true;
            }
        }
        false
    }

    /// Tries the choices that satisfy a node under one limit more, which does not hold for what comes after.
    fn limited(&mut self, asked: Asked, node: &Node, then: &mut Then<'_, 's>) -> Result<bool, Fault> {
        let limit = Limit { begin: self.chosen.len(), asked };
        self.limits.push(limit);
        let found = self.solve(node, &mut |search| {
            search.limits.pop();
            let found = then(search);
            search.limits.push(limit);
            found
        });
        self.limits.pop();
        found
    }

    fn any(&mut self, nodes: &[Node], then: &mut Then<'_, 's>) -> Result<bool, Fault> {
        for node in nodes {
            if self.solve(node, then)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn all(&mut self, nodes: &[Node], then: &mut Then<'_, 's>) -> Result<bool, Fault> {
        match nodes.split_first() {
            None => then(self),
            Some((first, rest)) => self.solve(first, &mut |search| search.all(rest, then)),
        }
    }

    /// Each node not before the one to its left; `after` is the latest start among all to the left.
    fn followed(&mut self, nodes: &[Node], after: Option<Moment>, then: &mut Then<'_, 's>) -> Result<bool, Fault> {
        let Some((first, rest)) = nodes.split_first() else { return then(self) };
        let begin = self.chosen.len();
        self.limited(Asked::NotBefore(after), first, &mut |search| {
            let times = search.chosen[begin..].iter().filter_map(|at| search.seen[*at].time);
            let latest = times.map(|(first, _)| first).chain(after).max();
            search.followed(rest, latest, then)
        })
    }

    fn qualified(&mut self, node: &Node, qualifier: Qualifier, then: &mut Then<'_, 's>) -> Result<bool, Fault> {
        match qualifier {
            Qualifier::Repeats(times) => self.repeated(node, times, then),
            Qualifier::Within(nanos) => self.limited(Asked::Within(nanos), node, then),
            Qualifier::Between(start, stop) => self.limited(Asked::Between(start, stop), node, then),
        }
    }

    fn repeated(&mut self, node: &Node, times: u64, then: &mut Then<'_, 's>) -> Result<bool, Fault> {
        let total: u64 = self.left.iter().fold(0, |sum, left| sum.saturating_add(*left));
        if times > total {
            return Ok(false);
        }
        match node {
            Node::Leaf(leaf) => self.leaf(*leaf, times, 0, then),
            _ if times == 0 => then(self),
            _ => self.solve(node, &mut |search| search.repeated(node, times - 1, then)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All choices that satisfy a node, by trying everything: the slow twin of the search.
    fn choices(node: &Node, seen: &[Seen], fitting: &[Vec<usize>]) -> Vec<Vec<usize>> {
        let inner = |node: &Node| choices(node, seen, fitting);
        let times = |choice: &[usize]| choice.iter().map(|at| seen[*at].time).collect::<Option<Vec<_>>>();
        let first = |choice: &[usize]| times(choice)?.into_iter().map(|(first, _)| first.0).max();
        let last = |choice: &[usize]| times(choice)?.into_iter().map(|(_, last)| last.0).min();
        let apart = |made: &[usize]| {
            made.iter().all(|at| made.iter().filter(|other| *other == at).count() as u64 <= seen[*at].count)
        };
        let product = |parts: Vec<Vec<Vec<usize>>>, may_join: &dyn Fn(&[usize], &[usize]) -> bool| {
            parts.into_iter().fold(vec![Vec::new()], |all: Vec<Vec<usize>>, part| {
                let pairs = all.iter().flat_map(|left| part.iter().map(move |right| (left, right)));
                let mut made: Vec<Vec<usize>> = pairs
                    .filter(|(left, right)| may_join(left, right))
                    .map(|(left, right)| [&left[..], right].concat())
                    .collect();
                made.iter_mut().for_each(|choice| choice.sort_unstable());
                made.retain(|choice| apart(choice));
                made.sort_unstable();
                made.dedup();
                made
            })
        };
        match node {
            Node::Leaf(leaf) => fitting[*leaf].iter().map(|at| vec![*at]).collect(),
            Node::Or(nodes) => nodes.iter().flat_map(inner).collect(),
            Node::And(nodes) => product(nodes.iter().map(inner).collect(), &|_, _| true),
            Node::Followed(nodes) => product(nodes.iter().map(inner).collect(), &|left, right| {
                last(right).is_some_and(|end| left.is_empty() || first(left).is_some_and(|begin| begin <= end))
            }),
            Node::Qualified(node, qualifier) => match *qualifier {
                Qualifier::Repeats(times) => product((0..times).map(|_| inner(node)).collect(), &|_, _| true),
                Qualifier::Within(nanos) => {
                    let mut all = inner(node);
                    all.retain(|choice| {
                        first(choice).zip(last(choice)).is_some_and(|(first, last)| first - last <= nanos)
                    });
                    all
                }
                Qualifier::Between(start, stop) => {
                    let is_in = |(first, last): &(Moment, Moment)| start < stop && *first < stop && *last >= start;
                    let mut all = inner(node);
                    all.retain(|choice| times(choice).is_some_and(|times| times.iter().all(is_in)));
                    all
                }
            },
        }
    }

    fn node() -> impl Strategy<Value = Node> {
        let qualifier = prop_oneof![
            (0i128..4).prop_map(Qualifier::Within),
            (1u64..4).prop_map(Qualifier::Repeats),
            (0i128..5, 0i128..8).prop_map(|(start, stop)| Qualifier::Between(Moment(start), Moment(stop))),
        ];
        (0usize..3).prop_map(Node::Leaf).prop_recursive(3, 8, 3, move |inner| {
            let nodes = || prop::collection::vec(inner.clone(), 2..4);
            prop_oneof![
                nodes().prop_map(Node::And),
                nodes().prop_map(Node::Or),
                nodes().prop_map(Node::Followed),
                (inner.clone(), qualifier.clone()).prop_map(|(node, q)| Node::Qualified(Box::new(node), q)),
            ]
        })
    }

    fn seen() -> impl Strategy<Value = (Seen, [bool; 3])> {
        let time = prop::option::weighted(0.8, (0i128..7, prop_oneof![3 => Just(0i128), 1 => 0i128..3]));
        (time, 1u64..3, any::<[bool; 3]>()).prop_map(|(time, count, fits)| {
            (Seen { time: time.map(|(first, long)| (Moment(first), Moment(first + long))), count }, fits)
        })
    }

    proptest! {
        #[test]
        fn the_search_finds_a_choice_where_there_is_one(root in node(), all in prop::collection::vec(seen(), 0..6)) {
            let fits = |leaf: usize| (0..all.len()).filter(|at| all[*at].1[leaf]).collect();
            let fitting: Vec<Vec<usize>> = (0..3).map(fits).collect();
            let seen: Vec<Seen> = all.iter().map(|(seen, _)| *seen).collect();
            let any = !choices(&root, &seen, &fitting).is_empty();
            match choice(&root, &seen, fitting) {
                Ok(found) => prop_assert_eq!(found.is_some(), any, "{:?} over {:?}", root, all),
                Err(fault) => prop_assert_eq!(fault, Fault::Steps),
            }
        }
    }
}

//! The search for observations that satisfy the parts of a pattern together.
//!
//! An observation that was seen *n* times counts as *n*, and no two parts of a pattern share one. The search goes
//! through the choices in order and stops at the first that fits; a bound on its steps keeps it finite in practice.

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
    let mut search = Search {
        times: observations.iter().map(|o| (o.first, o.last)).collect(),
        left: observations.iter().map(|o| o.count).collect(),
        fitting,
        chosen: Vec::new(),
        steps: STEPS,
        depth: 0,
    };
    if search.hopeless(&pattern.root) {
        return Ok(false);
    }
    search.solve(&pattern.root, &mut |_| Ok(true))
}

/// What is done with a choice: whether it is the one.
type Then<'f> = dyn FnMut(&mut Search) -> Result<bool, Fault> + 'f;

struct Search {
    /// First and last time of each observation.
    times: Vec<(Moment, Moment)>,
    /// How many of each are not chosen yet.
    left: Vec<u64>,
    /// The observations that satisfy each leaf.
    fitting: Vec<Vec<usize>>,
    /// The observations of the choice so far.
    chosen: Vec<usize>,
    steps: u64,
    depth: usize,
}

impl Search {
    /// Tries the choices that satisfy a node; each is on `chosen` while `then` looks at it.
    fn solve(&mut self, node: &Node, then: &mut Then<'_>) -> Result<bool, Fault> {
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
    fn leaf(&mut self, leaf: usize, times: u64, from: usize, then: &mut Then<'_>) -> Result<bool, Fault> {
        if times == 0 {
            return then(self);
        }
        self.deeper()?;
        let found = self.leaf_from(leaf, times, from, then);
        self.depth -= 1;
        found
    }

    fn leaf_from(&mut self, leaf: usize, times: u64, from: usize, then: &mut Then<'_>) -> Result<bool, Fault> {
        for at in from..self.fitting[leaf].len() {
            let observation = self.fitting[leaf][at];
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

    fn any(&mut self, nodes: &[Node], then: &mut Then<'_>) -> Result<bool, Fault> {
        for node in nodes {
            if self.solve(node, then)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn all(&mut self, nodes: &[Node], then: &mut Then<'_>) -> Result<bool, Fault> {
        match nodes.split_first() {
            None => then(self),
            Some((first, rest)) => self.solve(first, &mut |search| search.all(rest, then)),
        }
    }

    /// Each node not before the one to its left; `after` is the latest start among all to the left.
    fn followed(&mut self, nodes: &[Node], after: Option<Moment>, then: &mut Then<'_>) -> Result<bool, Fault> {
        let Some((first, rest)) = nodes.split_first() else { return then(self) };
        let begin = self.chosen.len();
        self.solve(first, &mut |search| {
            let times = search.chosen[begin..].iter().map(|at| search.times[*at]);
            let earliest_end = times.clone().map(|(_, last)| last).min();
            if after.zip(earliest_end).is_some_and(|(after, end)| end < after) {
                return Ok(false);
            }
            let latest = times.map(|(first, _)| first).chain(after).max();
            search.followed(rest, latest, then)
        })
    }

    fn qualified(&mut self, node: &Node, qualifier: Qualifier, then: &mut Then<'_>) -> Result<bool, Fault> {
        let begin = self.chosen.len();
        match qualifier {
            Qualifier::Repeats(times) => self.repeated(node, times, then),
            Qualifier::Within(nanos) => self.solve(node, &mut |search| {
                let times = search.chosen[begin..].iter().map(|at| search.times[*at]);
                let latest_first = times.clone().map(|(first, _)| first.0).max();
                let earliest_last = times.map(|(_, last)| last.0).min();
                let apart = latest_first.zip(earliest_last).map_or(0, |(first, last)| first - last);
                if apart <= nanos { then(search) } else { Ok(false) }
            }),
            Qualifier::Between(start, stop) => self.solve(node, &mut |search| {
                let inside = |at: &usize| {
                    let (first, last) = search.times[*at];
                    start < stop && first < stop && last >= start
                };
                if search.chosen[begin..].iter().all(inside) { then(search) } else { Ok(false) }
            }),
        }
    }

    fn repeated(&mut self, node: &Node, times: u64, then: &mut Then<'_>) -> Result<bool, Fault> {
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

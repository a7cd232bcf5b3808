//! Comparisons in brackets, evaluated over one observation.

use std::cmp::Ordering;
use std::collections::HashSet;

use ipnet::IpNet;
use regex::Regex;
use serde_json::Value;

use super::Fault;
use super::value::{Constant, Moment, Observed};

/// What was seen at one time: objects, and when and how often.
#[derive(Debug, Clone)]
pub struct Observation<'o> {
    /// First seen.
    pub first: Moment,
    /// Last seen, not before `first`.
    pub last: Moment,
    /// How many times, at least 1.
    pub count: u64,
    /// Objects that a pattern may be about, each with the id by which others refer to it.
    pub objects: Vec<(&'o str, &'o Value)>,
    /// Objects that may be referred to and are not met by themselves.
    pub referred: Vec<(&'o str, &'o Value)>,
}

impl<'o> Observation<'o> {
    fn find(&self, id: &str) -> Option<&'o Value> {
        self.objects.iter().chain(&self.referred).find(|(name, _)| *name == id).map(|(_, object)| *object)
    }
}

/// A boolean expression of comparisons.
#[derive(Debug, Clone)]
pub(super) enum Test {
    One(Comparison),
    And(Vec<Test>),
    Or(Vec<Test>),
}

/// One comparison.
#[derive(Debug, Clone)]
pub(super) struct Comparison {
    pub path: Path,
    pub negated: bool,
    pub op: Op,
}

/// Where a value is looked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Path {
    /// Type of the object.
    pub root: String,
    /// At least one.
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// A property.
    Key(String),
    /// An item of a list; a negative index is none.
    Index(Option<usize>),
    /// Any item.
    Any,
}

#[derive(Debug, Clone)]
pub(super) enum Op {
    Equal(Constant),
    Differs(Constant),
    Order(Order, Constant),
    In(Vec<Constant>),
    /// A text with `%` for any run of characters and `_` for one, in normal form C.
    Like(Vec<char>),
    Matches(Box<Regex>),
    Subset(IpNet),
    Superset(IpNet),
    Exists,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Order {
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Test {
    /// Whether an observation satisfies it.
    pub(super) fn holds(&self, observation: &Observation<'_>) -> Result<bool, Fault> {
        Ok(!self.objects(observation)?.is_empty())
    }

    /// The positions of the objects that satisfy it. Comparisons joined by AND are about one object where they can be;
    /// where their types differ, about one observation.
    fn objects(&self, observation: &Observation<'_>) -> Result<Vec<usize>, Fault> {
        match self {
            Self::One(comparison) => comparison.objects(observation),
            Self::Or(tests) => {
                let mut found = Vec::new();
                for test in tests {
                    found.extend(test.objects(observation)?);
                }
                found.sort_unstable();
                found.dedup();
                Ok(found)
            }
            Self::And(tests) => {
                let mut found: Option<(Vec<usize>, HashSet<&str>)> = None;
                for test in tests {
                    let (next, types) = (test.objects(observation)?, test.types());
                    found = Some(match found {
                        None => (next, types),
                        Some((met, known)) => joined(met, known, &next, types),
                    });
                    if found.as_ref().is_some_and(|(met, _)| met.is_empty()) {
                        return Ok(Vec::new());
                    }
                }
                Ok(found.map(|(met, _)| met).unwrap_or_default())
            }
        }
    }

    /// The types of objects it is about.
    fn types(&self) -> HashSet<&str> {
        match self {
            Self::One(comparison) => HashSet::from([comparison.path.root.as_str()]),
            Self::And(tests) | Self::Or(tests) => tests.iter().flat_map(Self::types).collect(),
        }
    }
}

/// Both sides of an AND: the objects of both, or, where no type is on both sides, those of either.
fn joined<'t>(
    mut met: Vec<usize>,
    known: HashSet<&'t str>,
    next: &[usize],
    types: HashSet<&'t str>,
) -> (Vec<usize>, HashSet<&'t str>) {
    if known.is_disjoint(&types) {
        if next.is_empty() {
            met.clear();
        }
        met.extend_from_slice(next);
        met.sort_unstable();
    } else {
        met.retain(|object| next.contains(object));
    }
    (met, known.into_iter().chain(types).collect())
}

impl Comparison {
    fn objects(&self, observation: &Observation<'_>) -> Result<Vec<usize>, Fault> {
        let mut found = Vec::new();
        for (at, (_, object)) in observation.objects.iter().enumerate() {
            if object.get("type").and_then(Value::as_str) == Some(&self.path.root)
                && self.holds(&self.path.values(object, observation))?
            {
                found.push(at);
            }
        }
        Ok(found)
    }

    /// Whether one of the values satisfies it; the absence of a property is the absence of values.
    fn holds(&self, values: &[Observed<'_>]) -> Result<bool, Fault> {
        if matches!(self.op, Op::Exists) {
            return Ok(values.is_empty() == self.negated);
        }
        for value in values {
            if self.op.holds(value)? != self.negated {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Op {
    fn holds(&self, value: &Observed<'_>) -> Result<bool, Fault> {
        let equal = |constant: &Constant| Ok(value.compare(constant)? == Some(Ordering::Equal));
        Ok(match self {
            Self::Equal(constant) => equal(constant)?,
            Self::Differs(constant) => !equal(constant)?,
            Self::Order(order, constant) => match (value.compare(constant)?, order) {
                (None, _) => false,
                (Some(found), Order::Less) => found.is_lt(),
                (Some(found), Order::AtMost) => found.is_le(),
                (Some(found), Order::Greater) => found.is_gt(),
                (Some(found), Order::AtLeast) => found.is_ge(),
            },
            Self::In(set) => {
                for constant in set {
                    if equal(constant)? {
                        return Ok(true);
                    }
                }
                false
            }
            Self::Like(like) => value.text().is_some_and(|text| is_like(&text, like)),
            Self::Matches(regex) => value.text().is_some_and(|text| regex.is_match(&text)),
            Self::Subset(net) => value.network().is_some_and(|found| net.contains(&found)),
            Self::Superset(net) => value.network().is_some_and(|found| found.contains(net)),
            Self::Exists => true,
        })
    }
}

/// Whether a text is what LIKE describes. Only the last `%` is ever tried again, so the cost is at most the product of
/// both lengths.
fn is_like(text: &str, like: &[char]) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut next) = (0, 0);
    let mut retry = None;
    while at < text.len() {
        match like.get(next) {
            Some('%') => {
                next += 1;
                retry = Some((at, next));
            }
            Some(c) if *c == '_' || *c == text[at] => {
                at += 1;
                next += 1;
            }
            _ => {
                let Some((from, behind)) = retry else { return false };
                retry = Some((from + 1, behind));
                (at, next) = (from + 1, behind);
            }
        }
    }
    like[next..].iter().all(|c| *c == '%')
}

impl Path {
    /// The values at the end of the path in one object.
    fn values<'o>(&self, object: &'o Value, observation: &Observation<'o>) -> Vec<Observed<'o>> {
        let mut values = vec![object];
        let mut property = "";
        for (at, step) in self.steps.iter().enumerate() {
            if at > 0 && (property.ends_with("_ref") || property.ends_with("_refs")) {
                // What a reference names is looked at in its stead; a list of them is indexed first.
                for value in &mut values {
                    *value = value.as_str().and_then(|id| observation.find(id)).unwrap_or(value);
                }
            }
            let mut next = Vec::new();
            for value in values {
                match (step, value) {
                    (Step::Key(key), Value::Object(map)) => next.extend(map.get(key)),
                    (Step::Index(Some(index)), Value::Array(list)) => next.extend(list.get(*index)),
                    (Step::Any, Value::Array(list)) => next.extend(list),
                    (Step::Any, Value::Object(map)) => next.extend(map.values()),
                    _ => {}
                }
            }
            values = next;
            if let Step::Key(key) = step {
                property = key;
            }
        }
        values.into_iter().map(|value| Observed::of(property, value)).collect()
    }
}

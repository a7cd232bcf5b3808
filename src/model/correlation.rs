//! Sigma correlations: what hits of rules must add up to within a time.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::rule::RuleMeta;

/// Most members of one correlation.
pub const MEMBERS_LIMIT: usize = 64;

/// The correlations of a program with the fields that they ask records for.
#[derive(Debug, Clone, Default)]
pub struct Correlations {
    /// In an order in which each stands behind those that it counts on.
    pub list: Vec<Correlation>,
    /// Names of fields, as rules write them.
    pub fields: Vec<Arc<str>>,
}

/// One correlation. Rules, other correlations and fields stand in it by name, so that it means the same in any state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Correlation {
    /// What it says of itself.
    pub meta: RuleMeta,
    /// Line and column of its document, both from 1.
    pub at: (u64, u64),
    /// The rules that it names, in the order in which it names them.
    pub members: Vec<Member>,
    /// What its groups are made by; empty where all is one group.
    pub group_by: Vec<Key>,
    /// Length of its window, in microseconds.
    pub span: i64,
    /// What must hold of a window.
    pub demand: Demand,
    /// Whether the hits of its members are findings too.
    pub generate: bool,
    /// Ids of what it counts on that was left out by wish, and is here for correlations only.
    #[serde(default)]
    pub left_out: Vec<Arc<str>>,
}

/// What it states of figures is finite.
impl Eq for Correlation {}

/// A rule or correlation that a correlation names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Member {
    /// Ids of what is meant. A name may stand for several where documents share it.
    pub targets: Vec<Arc<str>>,
}

/// A name with the field that holds it, by member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The name, or an alias.
    pub name: String,
    /// Names of fields.
    pub fields: Vec<Arc<str>>,
}

/// What must hold of a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Demand {
    /// A figure of the window stands in all of these orders.
    Figure(Figure, Vec<Bound>),
    /// Members were seen as a condition over them says.
    Members(Seen),
}

/// A figure of a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Events. One that several members match counts once.
    Events,
    /// Different combinations of values, case ignored; events without one of them do not count.
    Distinct(Vec<Key>),
    /// Members seen.
    Members,
    /// Members seen one after the other, from the first on; a next one is later than the one before.
    Ordered,
    /// The sum of a field's numbers.
    Sum(Key),
    /// Their mean.
    Mean(Key),
    /// The value below which so many percent of them lie, interpolated.
    Percentile(Key, #[serde(with = "exact")] f64),
}

/// A bound of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bound {
    /// The order.
    pub order: Order,
    /// The number.
    #[serde(with = "exact")]
    pub number: f64,
}

/// How a number stands to a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
    /// More.
    Gt,
    /// More or equal.
    Gte,
    /// Equal.
    Eq,
    /// Not equal.
    Neq,
}

impl Order {
    /// All orders with their words.
    pub const ALL: [(&'static str, Self); 6] = [
        ("lt", Self::Lt),
        ("lte", Self::Lte),
        ("gt", Self::Gt),
        ("gte", Self::Gte),
        ("eq", Self::Eq),
        ("neq", Self::Neq),
    ];
}

impl Bound {
    /// Whether a number stands in this order to the bound.
    pub fn holds(self, number: f64) -> bool {
        match self.order {
            Order::Lt => number < self.number,
            Order::Lte => number <= self.number,
            Order::Gt => number > self.number,
            Order::Gte => number >= self.number,
            Order::Eq => number == self.number,
            Order::Neq => number != self.number,
        }
    }
}

/// A condition over members, by their index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// The member was seen.
    One(usize),
    /// It does not hold.
    Not(Box<Seen>),
    /// All hold.
    All(Vec<Seen>),
    /// One holds.
    Any(Vec<Seen>),
}

impl Seen {
    /// Whether it holds of the members that were seen.
    pub fn holds(&self, seen: &dyn Fn(usize) -> bool) -> bool {
        match self {
            Self::One(member) => seen(*member),
            Self::Not(inner) => !inner.holds(seen),
            Self::All(parts) => parts.iter().all(|part| part.holds(seen)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(seen)),
        }
    }
}

/// Numbers as text, which comes back as the same number.
mod exact {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(number: &f64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(number)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
        let number = text.parse().ok().filter(|number: &f64| number.is_finite());
        number.ok_or_else(|| D::Error::custom(format!("not a number: {text:?}")))
    }
}

impl Correlation {
    /// Ids of the rules and correlations that it counts on, each time it names them.
    pub fn targets(&self) -> impl Iterator<Item = &Arc<str>> {
        self.members.iter().flat_map(|member| &member.targets)
    }

    /// What it asks its members for.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        let fields = match &self.demand {
            Demand::Figure(Figure::Distinct(keys), _) => keys.as_slice(),
            Demand::Figure(Figure::Sum(key) | Figure::Mean(key) | Figure::Percentile(key, _), _) => {
                std::slice::from_ref(key)
            }
            Demand::Figure(Figure::Events | Figure::Members | Figure::Ordered, _) | Demand::Members(_) => &[],
        };
        self.group_by.iter().chain(fields)
    }
}

/// Ids of the rules and correlations of which the hits are no findings, because correlations count on them and none of these
/// says `generate: true`, or because they were left out by wish.
pub fn silent<'c>(correlations: impl IntoIterator<Item = &'c Correlation>) -> BTreeSet<Arc<str>> {
    let (mut named, mut shown, mut left_out) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for correlation in correlations {
        left_out.extend(correlation.left_out.iter().cloned());
        let ids = if correlation.generate { &mut shown } else { &mut named };
        ids.extend(correlation.targets().cloned());
    }
    &(&named - &shown) | &left_out
}

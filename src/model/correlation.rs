//! Sigma correlations: what hits of rules must add up to within a time.

use super::rule::RuleMeta;

/// Most members of one correlation.
pub const MEMBERS_LIMIT: usize = 64;

/// The correlations of a program with the fields that they ask records for.
#[derive(Debug, Clone, Default)]
pub struct Correlations {
    /// In an order in which each stands behind those that it counts on.
    pub list: Vec<Correlation>,
    /// Names of fields, as rules write them; the index is a field's number.
    pub fields: Vec<String>,
}

/// One correlation.
#[derive(Debug, Clone)]
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
}

/// A rule that a correlation names. An id may stand for several where documents share it.
#[derive(Debug, Clone)]
pub struct Member {
    /// What is meant.
    pub targets: Vec<Target>,
}

/// What a correlation counts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// A rule, by its number.
    Rule(u32),
    /// Another correlation, by its place in [`Correlations::list`].
    Correlation(u32),
}

/// A name with the field that holds it, by member.
#[derive(Debug, Clone)]
pub struct Key {
    /// The name, or an alias.
    pub name: String,
    /// Numbers of fields.
    pub fields: Vec<u32>,
}

/// What must hold of a window.
#[derive(Debug, Clone)]
pub enum Demand {
    /// A figure of the window stands in all of these orders.
    Figure(Figure, Vec<Bound>),
    /// Members were seen as a condition over them says.
    Members(Seen),
}

/// A figure of a window.
#[derive(Debug, Clone)]
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
    Percentile(Key, f64),
}

/// A bound of a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// The order.
    pub order: Order,
    /// The number.
    pub number: f64,
}

/// How a number stands to a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
#[derive(Debug, Clone)]
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

/// A record that rules match, as correlations see it.
#[derive(Debug, Clone, Default)]
pub struct Event {
    /// Its time, in microseconds since 1970.
    pub time: i64,
    /// The rules that match it, by number.
    pub rules: Vec<u32>,
    /// Values by number of the field; several where the record has several.
    pub values: Vec<(u32, String)>,
}

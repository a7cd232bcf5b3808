//! STIX patterns: parsed once, evaluated over observations.
//!
//! [`Pattern::parse`] reads the whole grammar of STIX 2.0 and 2.1; [`Pattern::holds`] answers for a list of
//! observations. Both are bounded: by the size of the text and its nesting, by the size of a regular expression, and
//! by the steps of the search for observations that fit together. [`Patterns`] are those that records are held against.

mod bind;
mod compare;
mod lex;
mod logs;
mod parse;
mod record;
mod together;
mod value;

pub use compare::Observation;
pub use logs::Patterns;
pub(super) use logs::for_logs;
pub use together::together;
pub use value::Moment;

/// Which edition of the language a pattern is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edition {
    /// STIX 2.0: no `EXISTS`; `START` and `STOP` may be given as plain texts.
    V20,
    /// STIX 2.1: a qualifier stands once at most on an expression.
    V21,
}

/// Why a pattern is not read, or not decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The text is not of the language.
    #[error("not a STIX pattern: {0}")]
    Syntax(&'static str),
    /// A bound was met.
    #[error("pattern too large: {0}")]
    Bound(&'static str),
    /// Its regular expression is not understood.
    #[error("regular expression that is not understood")]
    Regex,
    /// A text that was observed is held against a timestamp and is none.
    #[error("what was observed is no timestamp")]
    NotATime,
    /// The search took more steps than are allowed.
    #[error("too many observations fit: not decided within the steps allowed")]
    Steps,
}

/// A pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// Observation expressions in brackets.
    leaves: Vec<compare::Test>,
    /// How they hang together.
    root: Node,
}

/// An expression over observations.
#[derive(Debug, Clone)]
enum Node {
    /// One observation for which this leaf holds.
    Leaf(usize),
    /// Each on observations of its own.
    And(Vec<Node>),
    /// Any of them.
    Or(Vec<Node>),
    /// Each on observations of its own, each not before the one to its left.
    Followed(Vec<Node>),
    /// What is under a qualifier.
    Qualified(Box<Node>, Qualifier),
}

/// What is asked of the observations of an expression.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Qualifier {
    /// All lie within so many nanoseconds.
    Within(i128),
    /// So many times, on observations of their own.
    Repeats(u64),
    /// All lie at or after the first and before the second.
    Between(Moment, Moment),
}

impl Qualifier {
    fn same_kind(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`Fault`] if it is not of the language, or beyond a bound.
    pub fn parse(text: &str, edition: Edition) -> Result<Self, Fault> {
        parse::pattern(text, edition)
    }

    /// Whether observations satisfy the pattern.
    ///
    /// # Errors
    /// [`Fault::NotATime`] and [`Fault::Steps`].
    pub fn holds(&self, observations: &[Observation<'_>]) -> Result<bool, Fault> {
        bind::holds(self, observations)
    }
}

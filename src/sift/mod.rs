//! Bytes → indicator hits and atom hits. Over text as it stands: fields are not known yet, so this may give a hit
//! that [`plausible()`] takes back once they are, never too few. What only fields can tell is asked of them:
//! [`rebuilt`] joins a host and a path, [`agents_named`] compares the user agent.
//!
//! One pass over blocks of 64 bytes: masks give the ends of tokens, filters that fit the cache pass few of them, and
//! those are judged byte by byte, with exact tables behind. Cost does not grow with the number of indicators, and a
//! kind that no indicator has costs nothing; literals are found by the gate. [`Sift::indicators_plainly`] says the same in plain loops. Literals of
//! rules are found by [`Sift::atoms`].

mod address;
mod agent;
mod colon;
mod digest;
mod dot;
mod escape;
mod file;
mod gate;
mod kernel;
mod marks;
mod name;
mod pass;
mod plain;
mod plausible;
mod rebuild;
#[cfg(test)]
mod tests;
mod url;
mod word;

use std::sync::OnceLock;

use crate::model::atoms::Atoms;
use crate::model::indicator::{Indicators, RawHit};
use crate::model::rarity::Expected;

pub use agent::{may_be_listed as agent_may_be_listed, named as agents_named};
pub use gate::atoms_plainly;
pub use plausible::plausible;
pub use rebuild::rebuilt;
pub use word::{Typed, Words};

/// A literal of a rule in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AtomHit {
    /// First byte of the occurrence.
    pub at: usize,
    /// Index into [`Atoms::literals`].
    pub literal: u32,
}

/// The matcher over one compiled set of indicators and sets of atoms. Shared by all threads.
pub struct Sift<'a> {
    indicators: &'a Indicators,
    /// Literals of indicators, where some kind has them.
    words: Option<Words>,
    /// Atoms by number of their set.
    sets: Vec<Set<'a>>,
}

/// One set of atoms.
struct Set<'a> {
    atoms: &'a Atoms,
    expected: Expected<'a>,
    /// Built when a text first asks for it.
    gate: OnceLock<gate::Gate<'a>>,
}

impl<'a> Sift<'a> {
    /// A matcher with one set of atoms, which has the number 0; the indicators are compiled already.
    pub fn new(indicators: &'a Indicators, atoms: &'a Atoms) -> Self {
        Self::with_sets(indicators, [atoms])
    }

    /// A matcher with several sets of atoms, numbered as they come.
    pub fn with_sets(indicators: &'a Indicators, sets: impl IntoIterator<Item = &'a Atoms>) -> Self {
        let words = Words::of(indicators);
        let set = |atoms| Set { atoms, expected: Expected::default(), gate: OnceLock::new() };
        Self { indicators, words, sets: sets.into_iter().map(set).collect() }
    }

    /// With what is known of how common literals are, by number of the set. It changes nothing but speed.
    pub fn expecting(mut self, expected: impl IntoIterator<Item = Expected<'a>>) -> Self {
        for (set, expected) in self.sets.iter_mut().zip(expected) {
            set.expected = expected;
        }
        self
    }

    /// Appends the indicators met in a text, sorted by start. No hit spans a line feed.
    pub fn indicators(&self, text: &[u8], out: &mut Vec<RawHit>) {
        let from = out.len();
        pass::scan(kernel::Isa::best(), self.indicators, text, out);
        if let Some(words) = &self.words {
            words.scan(text, out);
        }
        order(out, from);
    }

    /// The same by the plainest loops: the twin that [`Sift::indicators`] is held against.
    pub fn indicators_plainly(&self, text: &[u8], out: &mut Vec<RawHit>) {
        let from = out.len();
        plain::scan(self.indicators, text, out);
        if let Some(words) = &self.words {
            words.plainly(text, out);
        }
        order(out, from);
    }

    /// The literals of indicators, where some kind has them.
    pub fn words(&self) -> Option<&Words> {
        self.words.as_ref()
    }

    /// Appends every occurrence of every literal of one set, overlapping ones too, in order of position.
    pub fn atoms(&self, set: usize, text: &[u8], out: &mut Vec<AtomHit>) {
        if let Some(Set { atoms, expected, gate }) = self.sets.get(set) {
            gate.get_or_init(|| gate::Gate::new(atoms, *expected)).scan(text, out);
        }
    }
}

/// Sorts the hits from `from` on and drops repeats.
fn order(out: &mut Vec<RawHit>, from: usize) {
    out[from..].sort_unstable();
    let mut kept = from;
    for at in from..out.len() {
        if kept == from || out[kept - 1] != out[at] {
            out[kept] = out[at];
            kept += 1;
        }
    }
    out.truncate(kept);
}

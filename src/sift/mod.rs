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
use crate::model::lanes::Isa;
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
    /// Atoms that are looked for beside each set, and by themselves.
    beside: Vec<&'a Atoms>,
    alone: OnceLock<gate::Gate<'static>>,
}

/// One set of atoms.
struct Set<'a> {
    atoms: &'a Atoms,
    expected: Expected<'a>,
    /// Built when a text first asks for it.
    gate: OnceLock<gate::Gate<'a>>,
    /// The same, with what is looked for beside it.
    joined: OnceLock<gate::Gate<'static>>,
}

impl<'a> Sift<'a> {
    /// A matcher with one set of atoms, which has the number 0; the indicators are compiled already.
    pub fn new(indicators: &'a Indicators, atoms: &'a Atoms) -> Self {
        Self::with_sets(indicators, [atoms])
    }

    /// A matcher with several sets of atoms, numbered as they come.
    pub fn with_sets(indicators: &'a Indicators, sets: impl IntoIterator<Item = &'a Atoms>) -> Self {
        let words = Words::of(indicators);
        let set = |atoms| Set { atoms, expected: Expected::default(), gate: OnceLock::new(), joined: OnceLock::new() };
        let sets = sets.into_iter().map(set).collect();
        Self { indicators, words, sets, beside: Vec::new(), alone: OnceLock::new() }
    }

    /// With what is known of how common literals are, by number of the set. It changes nothing but speed.
    pub fn expecting(mut self, expected: impl IntoIterator<Item = Expected<'a>>) -> Self {
        for (set, expected) in self.sets.iter_mut().zip(expected) {
            set.expected = expected;
        }
        self
    }

    /// With atoms that [`literals`](Self::literals) looks for beside those of a set.
    pub fn beside(mut self, beside: impl IntoIterator<Item = &'a Atoms>) -> Self {
        self.beside = beside.into_iter().collect();
        self
    }

    /// Appends the indicators met in a text, sorted by start. No hit spans a line feed.
    pub fn indicators(&self, text: &[u8], out: &mut Vec<RawHit>) {
        let from = out.len();
        pass::scan(Isa::best(), self.indicators, text, out);
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

    /// Whether there is any indicator.
    pub fn has_indicators(&self) -> bool {
        !self.indicators.list.is_empty()
    }

    /// The literals of indicators, where some kind has them.
    pub fn words(&self) -> Option<&Words> {
        self.words.as_ref()
    }

    /// Appends every occurrence of every literal of one set, overlapping ones too, in order of position.
    pub fn atoms(&self, set: usize, text: &[u8], out: &mut Vec<AtomHit>) {
        if let Some(Set { atoms, expected, gate, .. }) = self.sets.get(set) {
            gate.get_or_init(|| gate::Gate::new(atoms, *expected)).scan(text, out);
        }
    }

    /// The same of one set, if there is one for the text, and of those [beside](Self::beside) it, each into a list of its own.
    /// `all` is a buffer.
    ///
    /// PERF: one pass finds them all; its cost hardly grows with the number of literals.
    pub fn literals<const N: usize>(
        &self,
        set: Option<usize>,
        text: &[u8],
        all: &mut Vec<AtomHit>,
        (out, beside): (&mut Vec<AtomHit>, [&mut Vec<AtomHit>; N]),
    ) {
        let set = set.and_then(|set| self.sets.get(set));
        let gate = match set {
            Some(set) => set.joined.get_or_init(|| self.joined(Some(set))),
            None => self.alone.get_or_init(|| self.joined(None)),
        };
        all.clear();
        gate.scan(text, all);
        let count = |atoms: &Atoms| u32::try_from(atoms.literals.len()).unwrap_or(u32::MAX);
        let mut from = set.map_or(0, |set| count(set.atoms));
        out.extend(all.iter().filter(|hit| hit.literal < from));
        for (atoms, out) in self.beside.iter().zip(beside) {
            let to = from + count(atoms);
            let own = all.iter().filter(|hit| (from..to).contains(&hit.literal));
            out.extend(own.map(|hit| AtomHit { literal: hit.literal - from, ..*hit }));
            from = to;
        }
    }

    /// A gate over the literals of a set and of those beside it, one behind the other.
    fn joined(&self, set: Option<&Set<'a>>) -> gate::Gate<'static> {
        let atoms = set.map(|set| set.atoms).into_iter().chain(self.beside.iter().copied());
        let literals = atoms.flat_map(|atoms| &atoms.literals).cloned().collect();
        gate::Gate::over_all(literals, set.map(|set| set.expected).unwrap_or_default())
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

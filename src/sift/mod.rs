//! Bytes → indicator hits and atom hits. Over text as it stands: fields are not known yet, so this may give a hit
//! that [`plausible()`] takes back once they are, never too few.
//!
//! One pass over blocks of 64 bytes: masks give the ends of tokens, filters that fit the cache pass few of them, and
//! those are judged byte by byte, with exact tables behind. Cost does not grow with the number of indicators, and a
//! kind that no indicator has costs nothing. [`Sift::indicators_plainly`] says the same in plain loops.

mod address;
mod agent;
mod colon;
mod digest;
mod dot;
mod kernel;
mod name;
mod pass;
mod plain;
mod plausible;
#[cfg(test)]
mod tests;
mod url;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind as AcKind};

use crate::model::atoms::Atoms;
use crate::model::indicator::{Indicators, RawHit};

pub use plausible::plausible;

/// A literal of a rule in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AtomHit {
    /// First byte of the occurrence.
    pub at: usize,
    /// Index into [`Atoms::literals`].
    pub literal: u32,
}

/// The matcher over one compiled set of indicators and one set of atoms. Shared by all threads.
pub struct Sift<'a> {
    indicators: &'a Indicators,
    automaton: Option<AhoCorasick>,
    /// Literals that the automaton could not take: looked for one by one.
    loose: Vec<(u32, &'a [u8])>,
}

impl<'a> Sift<'a> {
    /// Prepares the automaton of the atoms; the indicators are compiled already.
    pub fn new(indicators: &'a Indicators, atoms: &'a Atoms) -> Self {
        let mut builder = AhoCorasick::builder();
        builder.ascii_case_insensitive(true).match_kind(AcKind::Standard);
        builder.kind(Some(AhoCorasickKind::ContiguousNFA));
        let automaton = if atoms.literals.is_empty() { None } else { builder.build(&atoms.literals).ok() };
        let loose = match automaton {
            Some(_) => Vec::new(),
            None => (0u32..).zip(&atoms.literals).map(|(i, l)| (i, &**l)).collect(),
        };
        Self { indicators, automaton, loose }
    }

    /// Appends the indicators met in a text, sorted by start. No hit spans a line feed.
    pub fn indicators(&self, text: &[u8], out: &mut Vec<RawHit>) {
        let from = out.len();
        pass::scan(kernel::Isa::best(), self.indicators, text, out);
        order(out, from);
    }

    /// The same by the plainest loops: the twin that [`Sift::indicators`] is held against.
    pub fn indicators_plainly(&self, text: &[u8], out: &mut Vec<RawHit>) {
        let from = out.len();
        plain::scan(self.indicators, text, out);
        order(out, from);
    }

    /// Appends every occurrence of every literal, overlapping ones too, in order of position.
    pub fn atoms(&self, text: &[u8], out: &mut Vec<AtomHit>) {
        let from = out.len();
        if let Some(automaton) = &self.automaton {
            out.extend(
                automaton
                    .find_overlapping_iter(text)
                    .map(|hit| AtomHit { at: hit.start(), literal: hit.pattern().as_u32() }),
            );
        }
        for (literal, bytes) in self.loose.iter().filter(|(_, bytes)| !bytes.is_empty()) {
            let found = text.windows(bytes.len()).enumerate().filter(|(_, window)| window.eq_ignore_ascii_case(bytes));
            out.extend(found.map(|(at, _)| AtomHit { at, literal: *literal }));
        }
        out[from..].sort_unstable();
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

//! Bytes → indicator hits and atom hits. Over text as it stands: fields are not known yet, so this may give a hit
//! that [`plausible()`] takes back once they are, never too few.
//!
//! One pass by `memchr` over dots finds names and IPv4 addresses, one over colons IPv6, one with a stride of 16 bytes
//! digests, one over quotes user agents (only where a feed has some). Each token is asked of one filter that fits the
//! cache; exact tables stand behind it. Cost does not grow with the number of indicators. Literals of rules are the
//! business of the [`gate`].

mod address;
mod digest;
mod gate;
mod name;
mod plausible;
mod url;

use std::sync::OnceLock;

use crate::model::atoms::Atoms;
use crate::model::indicator::{AGENT_LENGTHS, Indicators, RawHit, hash_name};

pub use gate::atoms_plainly;
pub use plausible::plausible;

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
    /// Atoms by number of their set, with the matcher that is built when a text first asks for it.
    sets: Vec<(&'a Atoms, OnceLock<gate::Gate<'a>>)>,
}

impl<'a> Sift<'a> {
    /// A matcher with one set of atoms, which has the number 0; the indicators are compiled already.
    pub fn new(indicators: &'a Indicators, atoms: &'a Atoms) -> Self {
        Self::with_sets(indicators, [atoms])
    }

    /// A matcher with several sets of atoms, numbered as they come.
    pub fn with_sets(indicators: &'a Indicators, sets: impl IntoIterator<Item = &'a Atoms>) -> Self {
        Self { indicators, sets: sets.into_iter().map(|atoms| (atoms, OnceLock::new())).collect() }
    }

    /// Appends the indicators met in a text, sorted by start. No hit spans a line feed.
    pub fn indicators(&self, text: &[u8], out: &mut Vec<RawHit>) {
        let from = out.len();
        name::scan(self.indicators, text, out);
        address::scan_v6(self.indicators, text, out);
        digest::scan(self.indicators, text, out);
        self.agents(text, out);
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

    /// Appends every occurrence of every literal of one set, overlapping ones too, in order of position.
    pub fn atoms(&self, set: usize, text: &[u8], out: &mut Vec<AtomHit>) {
        if let Some((atoms, gate)) = self.sets.get(set) {
            gate.get_or_init(|| gate::Gate::new(atoms)).scan(text, out);
        }
    }

    /// User agents: whole tokens between quotes, tabs and line ends.
    fn agents(&self, text: &[u8], out: &mut Vec<RawHit>) {
        let set = self.indicators;
        if set.agents.is_empty() {
            return;
        }
        let mut start = 0;
        for end in memchr::memchr3_iter(b'"', b'\t', b'\n', text).chain([text.len()]) {
            let token = text.get(start..end).unwrap_or_default();
            let token = token.strip_suffix(b"\r").unwrap_or(token);
            let bit = token.len().min(AGENT_LENGTHS - 1);
            if set.agent_lengths.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1) {
                for indicator in set.agents.get(hash_name(token)) {
                    if set.list[indicator as usize].value.as_bytes() == token {
                        out.push(RawHit { start, end: start + token.len(), indicator, how: name::EXACT });
                    }
                }
            }
            start = end + 1;
        }
    }
}

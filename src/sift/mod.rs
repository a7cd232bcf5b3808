//! Bytes → indicator hits and atom hits. Over text as it stands: fields are not known yet, so this may give a hit
//! that [`plausible()`] takes back once they are, never too few.
//!
//! One pass by `memchr` over dots finds names and IPv4 addresses, one over colons IPv6, one with a stride of 16 bytes
//! digests, one over quotes user agents (only where a feed has some). Each token is asked of one filter that fits the
//! cache; exact tables stand behind it. Cost does not grow with the number of indicators.

mod address;
mod digest;
mod name;
mod plausible;
mod url;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind as AcKind};

use crate::model::atoms::Atoms;
use crate::model::indicator::{AGENT_LENGTHS, Indicators, RawHit, hash_name};

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

//! Which rules may match a record of a format, before it is parsed.

use std::collections::BTreeMap;

use super::spelling::{Bytes, Spelling};
use super::{Program, atoms, routing};
use crate::model::atoms::Atoms;

/// Rules that may apply to a format at all, and the literals that tell which of them may match a record. Formats with the
/// same rules that write values alike share one.
#[derive(Debug)]
pub struct Gate {
    /// Its number among the sets of literals.
    pub set: usize,
    /// The literals of its rules, by which rules are found; rules without one are always candidates.
    pub atoms: Atoms,
    /// All rules that may apply. Sorted.
    pub all: Vec<u32>,
    spelling: Spelling,
    bytes: Bytes,
}

impl Gate {
    /// Whether the literals cannot be trusted to show in this record (escapes), so that every rule is a candidate.
    pub fn bypasses(&self, record: &[u8]) -> bool {
        self.spelling.is_blind(record, &self.bytes)
    }
}

/// The gates of all formats.
#[derive(Debug, Default)]
pub(super) struct Gates {
    sets: Vec<Gate>,
    /// By format: index into `sets`.
    formats: BTreeMap<&'static str, usize>,
}

impl Gates {
    /// The gates over the rules of a program, whose fields have these names.
    pub(super) fn new(program: &Program, names: &[Box<str>]) -> Self {
        let mut gates = Self::default();
        for &format in routing::FORMATS {
            let spelling = Spelling::of(format);
            let may = |rule: &usize| routing::possible(&program.routing, format, program.stated(*rule));
            let all: Vec<u32> =
                (0..program.exprs.len()).filter(may).filter_map(|rule| u32::try_from(rule).ok()).collect();
            if all.is_empty() {
                continue;
            }
            let known = gates.sets.iter().position(|gate| gate.spelling == spelling && gate.all == all);
            let set = known.unwrap_or_else(|| {
                let needed = |rule: usize| routing::needed(&program.routing, format, program.stated(rule));
                let rules = all.iter().map(|&rule| (rule, &program.exprs[rule as usize], needed(rule as usize)));
                let atoms = atoms::collect(rules, names, spelling);
                let bytes = Bytes::of(atoms.literals.iter().map(|literal| &**literal));
                gates.sets.push(Gate { set: gates.sets.len(), atoms, all, spelling, bytes });
                gates.sets.len() - 1
            });
            gates.formats.insert(format, set);
        }
        gates
    }

    /// The gate of a format; `None` where no rule may apply.
    pub(super) fn get(&self, format: &str) -> Option<&Gate> {
        self.formats.get(format).and_then(|&set| self.sets.get(set))
    }

    /// Makes every rule a candidate always.
    pub(super) fn open(&mut self) {
        for gate in &mut self.sets {
            gate.atoms = Atoms { always: gate.all.clone(), ..Atoms::default() };
        }
    }

    /// All sets of literals, by number.
    pub(super) fn sets(&self) -> impl Iterator<Item = &Atoms> {
        self.sets.iter().map(|gate| &gate.atoms)
    }
}

//! Which rules may match a record of a format, before it is parsed.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;

use super::atoms::{self, Lack};
use super::item::Expr;
use super::spelling::{Bytes, Spelling};
use super::{Program, routing};
use crate::model::atoms::Atoms;
use crate::model::rarity::{Expected, Usage};

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
    /// One of its formats: all tell the same of what the rules need.
    format: &'static str,
    spelling: Spelling,
    bytes: Bytes,
}

impl Gate {
    fn new(
        program: &Program,
        set: usize,
        (format, spelling): (&'static str, Spelling),
        all: Vec<u32>,
        expected: Expected<'_>,
    ) -> Self {
        let needed = |rule: usize| routing::needed(&program.routing, format, program.stated(rule));
        let rules = all.iter().map(|&rule| (rule, &program.exprs[rule as usize], needed(rule as usize)));
        let atoms = atoms::collect(rules, &program.names, spelling, expected);
        let bytes = Bytes::of(atoms.literals.iter().map(|literal| &**literal));
        Self { set, atoms, all, format, spelling, bytes }
    }

    /// A gate of parts that fit together.
    pub(super) fn of_parts(set: usize, atoms: Atoms, all: Vec<u32>, format: &'static str) -> Self {
        let bytes = Bytes::of(atoms.literals.iter().map(|literal| &**literal));
        Self { set, atoms, all, format, spelling: Spelling::of(format), bytes }
    }

    /// One of its formats.
    pub(super) fn format(&self) -> &'static str {
        self.format
    }

    /// Why a rule has no literal here, as logs of all sorts have them chosen; `None` where it has.
    pub(super) fn lack(&self, program: &Program, rule: u32, expr: &Expr) -> Option<Lack> {
        let needed = routing::needed(&program.routing, self.format, program.stated(rule as usize));
        atoms::lack((expr, needed), &program.names, self.spelling, Expected::default())
    }

    /// Whether the literals cannot be trusted to show in this record (escapes), so that every rule is a candidate.
    pub fn bypasses(&self, record: &[u8]) -> bool {
        self.spelling.is_blind(record, &self.bytes)
    }
}

/// The gates of all formats.
#[derive(Default)]
pub struct Gates {
    sets: Vec<Arc<Gate>>,
    /// By format: index into `sets`.
    formats: BTreeMap<&'static str, usize>,
    /// What a sample told of the logs at hand, by set.
    usages: Vec<Option<Usage>>,
}

impl Gates {
    /// The gates over the rules of a program.
    pub(super) fn new(program: &Program) -> Self {
        let (mut wanted, mut formats): (Vec<(&'static str, Spelling, Vec<u32>)>, _) = (Vec::new(), BTreeMap::new());
        for &format in routing::FORMATS {
            let spelling = Spelling::of(format);
            // PERF: thousands of rules state a hundred log sources.
            let sources = program.logsources.iter();
            let may: Vec<bool> = sources.map(|stated| routing::possible(&program.routing, format, stated)).collect();
            let sources = (0u32..).zip(&program.logsource).take(program.exprs.len());
            let all: Vec<u32> = sources.filter(|(_, source)| may[**source as usize]).map(|(rule, _)| rule).collect();
            if all.is_empty() {
                continue;
            }
            let known = wanted.iter().position(|(_, written, rules)| *written == spelling && *rules == all);
            let set = known.unwrap_or_else(|| {
                wanted.push((format, spelling, all));
                wanted.len() - 1
            });
            formats.insert(format, set);
        }
        let make = |(set, (format, spelling, all))| {
            Arc::new(Gate::new(program, set, (format, spelling), all, Expected::default()))
        };
        // PERF: a gate takes some milliseconds, and a program has a dozen.
        Self { sets: wanted.into_par_iter().enumerate().map(make).collect(), formats, usages: Vec::new() }
    }

    /// Gates of parts that fit together: sets, and formats with the set of each.
    pub(super) fn of_parts(sets: Vec<Gate>, formats: Vec<(&'static str, usize)>) -> Self {
        let sets = sets.into_iter().map(Arc::new).collect();
        Self { sets, formats: formats.into_iter().collect(), usages: Vec::new() }
    }

    /// The sets, and each format with its set.
    pub(super) fn parts(&self) -> (impl ExactSizeIterator<Item = &Gate>, &BTreeMap<&'static str, usize>) {
        (self.sets.iter().map(|gate| &**gate), &self.formats)
    }

    /// The same gates, whose literals are chosen anew where a sample told how common they are in the logs at hand.
    pub(super) fn after(&self, program: &Program, usages: Vec<Option<Usage>>) -> Self {
        let usage = |set: usize| usages.get(set).and_then(Option::as_ref);
        let choose = |gate: &Arc<Gate>| match usage(gate.set) {
            Some(usage) => {
                let how = (gate.format, gate.spelling);
                Arc::new(Gate::new(program, gate.set, how, gate.all.clone(), Expected::after(usage)))
            }
            None => Arc::clone(gate),
        };
        Self { sets: self.sets.iter().map(choose).collect(), formats: self.formats.clone(), usages }
    }

    /// Makes every rule a candidate always.
    pub(super) fn open(&mut self) {
        for gate in &mut self.sets {
            let Gate { set, format, spelling, .. } = **gate;
            let atoms = Atoms { always: gate.all.clone(), ..Atoms::default() };
            let (all, bytes) = (gate.all.clone(), Bytes::of(std::iter::empty()));
            *gate = Arc::new(Gate { set, atoms, all, format, spelling, bytes });
        }
    }

    /// The gate of a format; `None` where no rule may apply.
    pub fn get(&self, format: &str) -> Option<&Gate> {
        let known = if routing::FORMATS.contains(&format) { format } else { routing::DECLARED };
        self.formats.get(known).and_then(|&set| self.sets.get(set)).map(|gate| &**gate)
    }

    /// All sets of literals, by [`Gate::set`].
    pub fn sets(&self) -> impl Iterator<Item = &Atoms> {
        self.sets.iter().map(|gate| &gate.atoms)
    }

    /// How common literals are in the logs of each set, by [`Gate::set`].
    pub fn expected(&self) -> impl Iterator<Item = Expected<'_>> {
        let usage = |set| self.usages.get(set).and_then(Option::as_ref);
        (0..self.sets.len()).map(move |set| usage(set).map_or_else(Expected::default, Expected::after))
    }
}

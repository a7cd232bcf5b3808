//! Text → literals of rules: a filter at every byte, and an exact look where it says yes.
//!
//! Of each literal one run of four bytes is [chosen](runs), the one that logs hold least often. The [`Filter`] knows those runs
//! in a bitmap that fits the cache; at most one position in a hundred passes it and is compared with the literals
//! behind the run. Cost hardly grows with the number of literals, and nothing is missed whatever runs are chosen.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod filter;
mod runs;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::model::atoms::Atoms;
use crate::model::filter::{Bloom, word_key};
use crate::model::rarity::Expected;

use super::AtomHit;
use filter::{Filter, Kernel, Stride, folded};
use runs::{Pair, Run, alone};

/// Shorter literals have no run for the filter.
const SHORTEST: usize = 3;

/// Bytes that are compared before literals are.
const WIDE: usize = 8;

/// So many runs that words of the filter have several.
const MANY: usize = 1 << 14;

/// The matcher over the literals of one set. Shared by all threads.
pub(super) struct Gate<'a> {
    literals: Cow<'a, [Box<[u8]>]>,
    filter: Filter,
    /// By word of the filter: where its runs begin in `runs`. One more at the end.
    starts: Box<[u32]>,
    runs: Box<[Run]>,
    /// Eight bytes around each run, where there are so many that several share a word of the filter.
    around: Option<Bloom>,
    /// Literals without a run: looked for one by one.
    short: Vec<u32>,
}

impl<'a> Gate<'a> {
    /// Chooses the runs and fills the filter.
    pub(super) fn new(atoms: &'a Atoms, expected: Expected<'_>) -> Self {
        Self::over(Cow::Borrowed(&atoms.literals), expected)
    }

    /// The same over a copy of the literals.
    pub(super) fn owned(atoms: &Atoms) -> Gate<'static> {
        Gate::over(Cow::Owned(atoms.literals.clone()), Expected::default())
    }

    /// The same over literals of several sets.
    pub(super) fn over_all(literals: Vec<Box<[u8]>>, expected: Expected<'_>) -> Gate<'static> {
        Gate::over(Cow::Owned(literals), expected)
    }

    fn over(literals: Cow<'a, [Box<[u8]>]>, expected: Expected<'_>) -> Self {
        let pairs = runs::of(expected, &literals);
        Self::strided(literals, &pairs, runs::stride(&pairs))
    }

    /// The same, asked for at these positions.
    fn strided(literals: Cow<'a, [Box<[u8]>]>, pairs: &[Pair], stride: Stride) -> Self {
        let numbered = || (0u32..).zip(literals.iter());
        let mut runs = runs::chosen(pairs, stride);
        let filter = Filter::new(stride, runs.iter().map(|run| (run.gram, run.mask)));
        runs.sort_by_key(|run| (filter.word(run.gram), run.literal));
        let words = u32::try_from(filter.words()).unwrap_or(u32::MAX);
        let below = |word: u32| runs.partition_point(|run| filter.word(run.gram) < word as usize);
        let starts = (0..=words).map(|word| u32::try_from(below(word)).unwrap_or(u32::MAX)).collect();
        let keys = || runs.iter().map(|run| run.around(&literals[run.literal as usize])).collect();
        let around = (runs.len() > MANY).then(|| Bloom::new(keys()));
        let short = numbered().filter(|(_, bytes)| bytes.len() < SHORTEST && !bytes.is_empty());
        let short = short.map(|(number, _)| number).collect();
        Self { literals, short, filter, starts, runs: runs.into(), around }
    }

    /// Appends every occurrence of every literal, overlapping ones too, in order of position.
    pub(super) fn scan(&self, text: &[u8], out: &mut Vec<AtomHit>) {
        self.scan_with(Kernel::best(), text, out);
    }

    fn scan_with(&self, kernel: Kernel, text: &[u8], out: &mut Vec<AtomHit>) {
        let from = out.len();
        if !self.runs.is_empty() {
            self.filter.scan(kernel, text, |at| self.confirm(text, at, from, out));
        }
        if !self.short.is_empty() {
            for &literal in &self.short {
                one_by_one(literal, &self.literals[literal as usize], text, out);
            }
            out[from..].sort_unstable();
        }
    }

    /// Adds the literals whose run stands at `at` to the hits, which are in order from `from` on.
    #[inline(never)]
    fn confirm(&self, text: &[u8], at: usize, from: usize, out: &mut Vec<AtomHit>) {
        let gram = folded(&text[at..]);
        if self.around.as_ref().is_some_and(|around| !may_stand(around, text, at)) {
            return;
        }
        let word = self.filter.word(gram);
        let runs = self.starts[word] as usize..self.starts[word + 1] as usize;
        for run in self.runs[runs].iter().filter(|run| gram & run.mask == run.gram) {
            let literal = &*self.literals[run.literal as usize];
            let Some(start) = at.checked_sub(run.offset as usize) else { continue };
            if text.get(start..start + literal.len()).is_some_and(|found| found.eq_ignore_ascii_case(literal)) {
                insert(out, from, AtomHit { at: start, literal: run.literal });
            }
        }
    }
}

/// Whether a literal may stand in a text so that its run is at `at`.
fn may_stand(around: &Bloom, text: &[u8], at: usize) -> bool {
    let wide = |before: usize| {
        let from = at.checked_sub(before)?;
        text.get(from..)?.first_chunk::<WIDE>().map(|bytes| word_key(*bytes, before as u64))
    };
    around.may_hold(alone(folded(&text[at..])))
        || (0..=WIDE - SHORTEST).any(|by| wide(by).is_some_and(|key| around.may_hold(key)))
}

/// Puts a hit in its place. PERF: hits come nearly in order (32 positions are tested at once, and runs stand inside of
/// their literals), so that this is a few steps; a sort at the end was most of the time on texts with many hits.
fn insert(hits: &mut Vec<AtomHit>, from: usize, hit: AtomHit) {
    hits.push(hit);
    let mut at = hits.len() - 1;
    while at > from && hits[at - 1] > hit {
        hits.swap(at - 1, at);
        at -= 1;
    }
}

/// Appends every occurrence of every literal in order of position, found the plainest way: the gate's slow twin.
pub fn atoms_plainly(atoms: &Atoms, text: &[u8], out: &mut Vec<AtomHit>) {
    let from = out.len();
    for (literal, bytes) in (0u32..).zip(&atoms.literals).filter(|(_, bytes)| !bytes.is_empty()) {
        one_by_one(literal, bytes, text, out);
    }
    out[from..].sort_unstable();
}

fn one_by_one(literal: u32, bytes: &[u8], text: &[u8], out: &mut Vec<AtomHit>) {
    let windows = text.windows(bytes.len()).enumerate();
    let found = windows.filter(|(_, window)| window.eq_ignore_ascii_case(bytes));
    out.extend(found.map(|(at, _)| AtomHit { at, literal }));
}

//! The steps of a pattern, made from what the regex crate's parser reads.

use regex_syntax::hir::{Capture, Class, Hir, HirKind, Look, Repetition};

use super::{Begins, GROUPS_LIMIT, NO_BYTE, Next, ONE, OTHER, Place, Run, Set, Step, Walk};

/// Steps of a pattern, counted repetitions written out, so that the automata of a pattern with few are small too.
const STEPS_LIMIT: usize = 2000;
/// Bytes of a part that is joined with its neighbours.
const FIXED_LIMIT: usize = 64;

impl Walk {
    /// The steps of a pattern; `None` where it has too many, or something that steps do not say.
    pub(in crate::format::declared) fn new(pattern: &Hir) -> Option<Self> {
        let mut walk =
            Self { steps: Vec::new(), kinds: Vec::new(), of_kinds: Box::new([0; 256]), counted: 0, first: None };
        walk.put(pattern)?;
        walk.push(Step::Done)?;
        for at in 0..walk.steps.len() {
            let next = walk.next(at + 1);
            let begins = walk.begins(at);
            match &mut walk.steps[at] {
                Step::Run(run) => {
                    // The text is at its end behind no length but the longest.
                    let disjoint = |next: &Next| next.iter().zip(run.set.iter()).all(|(a, b)| !(a & b));
                    run.is_sole = next.as_ref().is_some_and(disjoint);
                    run.sole_next = next.as_ref().and_then(sole);
                    run.next = next;
                }
                Step::Either(_, _, ways) => *ways = begins.unwrap_or_else(both),
                _ => {}
            }
        }
        walk.first = walk.next(0);
        Some(walk)
    }

    /// What can begin the ways of a step; `None` where it has one way.
    fn begins(&self, at: usize) -> Option<Begins> {
        let Step::Either(one, other, _) = self.steps.get(at)? else { return None };
        let mut begins = Box::new([0; NO_BYTE + 1]);
        for (way, bit) in [(*one, ONE), (*other, OTHER)] {
            match self.next(way) {
                Some(set) => {
                    begins.iter_mut().zip(set.iter()).for_each(|(ways, is_of)| *ways |= bit * u8::from(*is_of))
                }
                None => begins.iter_mut().for_each(|ways| *ways |= bit),
            }
        }
        Some(begins)
    }

    fn push(&mut self, step: Step) -> Option<usize> {
        if let Step::Run(run) = &step {
            self.counted = self.counted.saturating_add(if run.high == usize::MAX { run.low } else { run.high });
        }
        self.steps.push(step);
        (self.steps.len().saturating_add(self.counted) <= STEPS_LIMIT).then(|| self.steps.len() - 1)
    }

    fn put(&mut self, pattern: &Hir) -> Option<()> {
        match pattern.kind() {
            HirKind::Empty => {}
            HirKind::Literal(literal) => drop(self.push(Step::Bytes(literal.0.clone()))?),
            HirKind::Class(class) => drop(self.push(Step::Run(Run::new(set(class)?, 1, 1, true)))?),
            HirKind::Look(look) => drop(self.push(Step::At(place(*look)?))?),
            HirKind::Capture(group) => self.group(group)?,
            HirKind::Concat(parts) => self.sequence(parts)?,
            HirKind::Alternation(ways) => self.ways(ways)?,
            HirKind::Repetition(repetition) => match run(pattern) {
                Some(run) => drop(self.push(Step::Run(run))?),
                None => self.repeated(repetition)?,
            },
        }
        Some(())
    }

    /// Parts that follow each other. Those of a length that never differs are one step.
    fn sequence(&mut self, parts: &[Hir]) -> Option<()> {
        let mut rest = parts;
        while let [part, more @ ..] = rest {
            let mut kinds = Vec::new();
            let count = rest.iter().take_while(|part| self.fixed(part, &mut kinds).is_some()).count();
            if count > 1 && !kinds.is_empty() {
                self.counted = self.counted.saturating_add(kinds.len());
                self.push(Step::Fixed(kinds.into()))?;
                rest = &rest[count..];
            } else {
                self.put(part)?;
                rest = more;
            }
        }
        Some(())
    }

    /// Adds the bytes of a part to those of one step; `None`, and nothing added, where its length may differ.
    fn fixed(&mut self, part: &Hir, kinds: &mut Vec<u32>) -> Option<()> {
        match part.kind() {
            HirKind::Literal(literal) if literal.0.len() <= FIXED_LIMIT => {
                let one = |byte: &u8| {
                    let mut set = no_byte();
                    set[usize::from(*byte)] = true;
                    self.kind(set)
                };
                kinds.extend(literal.0.iter().map(one).collect::<Option<Vec<u32>>>()?);
            }
            HirKind::Class(class) => kinds.push(self.kind(set(class)?)?),
            HirKind::Repetition(of) if of.max == Some(of.min) => {
                let count = usize::try_from(of.min).ok().filter(|count| *count <= FIXED_LIMIT)?;
                let kind = self.kind(one_byte(&of.sub)?)?;
                kinds.extend(std::iter::repeat_n(kind, count));
            }
            _ => return None,
        }
        Some(())
    }

    /// The bit of a set; `None` where there are too many.
    fn kind(&mut self, set: Set) -> Option<u32> {
        let at = match self.kinds.iter().position(|known| *known == set) {
            Some(at) => at,
            None => {
                self.kinds.push(set);
                self.kinds.len() - 1
            }
        };
        let kind = u32::try_from(at).ok().and_then(|at| 1u32.checked_shl(at))?;
        self.kinds[at]
            .iter()
            .zip(self.of_kinds.iter_mut())
            .for_each(|(is_in, of)| *of |= if *is_in { kind } else { 0 });
        Some(kind)
    }

    /// Whether the bytes of a fixed step stand at a place.
    #[inline]
    fn group(&mut self, group: &Capture) -> Option<()> {
        let slot = usize::try_from(group.index).ok().filter(|number| *number < GROUPS_LIMIT)? * 2;
        // PERF: what most groups are, one run, is one step with its ends.
        if let Some(mut run) = run(&group.sub) {
            run.slot = Some(slot);
            return self.push(Step::Run(run)).map(drop);
        }
        self.push(Step::Slot(slot))?;
        self.put(&group.sub)?;
        self.push(Step::Slot(slot + 1)).map(drop)
    }

    fn ways(&mut self, ways: &[Hir]) -> Option<()> {
        let (last, others) = ways.split_last()?;
        let mut jumps = Vec::new();
        for way in others {
            let either = self.push(Step::Either(0, 0, both()))?;
            self.put(way)?;
            jumps.push(self.push(Step::Jump(0))?);
            self.steps[either] = Step::Either(either + 1, self.steps.len(), both());
        }
        self.put(last)?;
        let end = self.steps.len();
        jumps.into_iter().for_each(|jump| self.steps[jump] = Step::Jump(end));
        Some(())
    }

    fn repeated(&mut self, of: &Repetition) -> Option<()> {
        let low = usize::try_from(of.min).ok()?;
        let high = of.max.map_or(Some(usize::MAX), |max| usize::try_from(max).ok())?;
        (0..low).try_for_each(|_| self.put(&of.sub))?;
        let either = |body: usize, end: usize| match of.greedy {
            true => Step::Either(body, end, both()),
            false => Step::Either(end, body, both()),
        };
        if of.max.is_none() {
            of.sub.properties().minimum_len().filter(|least| *least > 0)?; // else it could go on without an end
            let start = self.push(Step::Done)?;
            self.put(&of.sub)?;
            self.push(Step::Jump(start))?;
            self.steps[start] = either(start + 1, self.steps.len());
            return Some(());
        }
        let mut starts = Vec::new();
        for _ in low..high {
            starts.push(self.push(Step::Done)?);
            self.put(&of.sub)?;
        }
        let end = self.steps.len();
        starts.into_iter().for_each(|start| self.steps[start] = either(start + 1, end));
        Some(())
    }

    /// What may stand next from a step on; `None` where the pattern may be at its end, whatever stands there.
    fn next(&self, from: usize) -> Option<Next> {
        let mut set: Next = Box::new([false; NO_BYTE + 1]);
        let (mut open, mut seen) = (vec![from], vec![false; self.steps.len()]);
        while let Some(at) = open.pop() {
            if std::mem::replace(seen.get_mut(at)?, true) {
                continue;
            }
            match &self.steps[at] {
                Step::Bytes(bytes) => set[usize::from(*bytes.first()?)] = true,
                Step::Fixed(kinds) => {
                    let first = *kinds.first()?;
                    set.iter_mut().zip(self.of_kinds.iter()).for_each(|(all, kinds)| *all |= kinds & first != 0);
                }
                Step::Run(run) => {
                    set.iter_mut().zip(run.set.iter()).for_each(|(all, more)| *all |= more);
                    open.extend((run.low == 0).then_some(at + 1));
                }
                Step::Either(one, other, _) => open.extend([*one, *other]),
                Step::Jump(to) => open.push(*to),
                Step::At(Place::End) => set[NO_BYTE] = true,
                Step::Slot(_) | Step::At(_) => open.push(at + 1),
                Step::Done => return None,
            }
        }
        Some(set)
    }
}

fn place(look: Look) -> Option<Place> {
    match look {
        Look::Start => Some(Place::Start),
        Look::End => Some(Place::End),
        Look::WordAscii => Some(Place::Border(true)),
        Look::WordAsciiNegate => Some(Place::Border(false)),
        _ => None,
    }
}

/// The byte that stands next, where it is one and the text goes on.
fn sole(next: &Next) -> Option<u8> {
    let mut bytes = (0..=u8::MAX).filter(|byte| next[usize::from(*byte)]);
    bytes.next().filter(|_| bytes.next().is_none() && !next[NO_BYTE])
}

fn both() -> Begins {
    Box::new([ONE | OTHER; NO_BYTE + 1])
}

fn no_byte() -> Set {
    Box::new([false; 256])
}

/// The bytes of a class; `None` where its characters are more than bytes.
fn set(class: &Class) -> Option<Set> {
    let class = match class {
        Class::Bytes(class) => class,
        Class::Unicode(class) => &class.to_byte_class()?,
    };
    let mut set = no_byte();
    class.iter().for_each(|range| set[usize::from(range.start())..=usize::from(range.end())].fill(true));
    Some(set)
}

/// A pattern that is so many bytes of a set.
fn run(pattern: &Hir) -> Option<Run> {
    let HirKind::Repetition(of) = pattern.kind() else { return one_byte(pattern).map(|set| Run::new(set, 1, 1, true)) };
    let low = usize::try_from(of.min).ok()?;
    let high = of.max.map_or(Some(usize::MAX), |max| usize::try_from(max).ok())?;
    Some(Run::new(one_byte(&of.sub)?, low, high, of.greedy))
}

/// The bytes of a pattern that is one byte.
fn one_byte(pattern: &Hir) -> Option<Set> {
    match pattern.kind() {
        HirKind::Class(class) => set(class),
        HirKind::Literal(literal) => {
            let &[byte] = &*literal.0 else { return None };
            let mut set = no_byte();
            set[usize::from(byte)] = true;
            Some(set)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use regex_syntax::ParserBuilder;

    use super::super::{Step, Walk};

    /// Whether there is one length of the first run of a pattern that can lead on, and how many bytes may stand behind it, the end
    /// of the text among them.
    fn first_run(pattern: &str) -> (bool, Option<usize>) {
        let parsed = ParserBuilder::new().unicode(false).utf8(false).build().parse(pattern).unwrap();
        let walk = Walk::new(&parsed).unwrap();
        let run = walk.steps.iter().find_map(|step| if let Step::Run(run) = step { Some(run) } else { None }).unwrap();
        (run.is_sole, run.next.as_ref().map(|next| next.iter().filter(|is_next| **is_next).count()))
    }

    #[test]
    fn what_stands_behind_a_run_may_be_the_end_of_the_text() {
        assert_eq!(first_run("a.*$"), (true, Some(1)));
        assert_eq!(first_run("a.*?(?: x)?$"), (false, Some(2)));
        assert_eq!(first_run("a[^ ]*(?: x)?$"), (true, Some(2)));
        assert_eq!(first_run("a.*"), (false, None));
    }
}

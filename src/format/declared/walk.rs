//! A pattern as steps over a line, with ways back: what backtracking finds first, as the regex crate defines its matches.
//!
//! PERF: the groups of a pattern are what a definition is about, and a general engine finds them with a set of states for each
//! byte. A class of bytes is passed in one go here, and gone back in only to where the next step can begin, which in lines of
//! logs is nowhere or one place. Work is counted: what would take much is left to the regex crate, whose time is linear.

use std::cell::RefCell;

use regex_syntax::hir::{Capture, Class, Hir, HirKind, Look, Repetition};

use crate::format::near;

/// Groups of a pattern, the whole match among them.
pub(super) const GROUPS_LIMIT: usize = 32;
/// Steps of a pattern, counted repetitions written out, so that the automata of a pattern with few are small too.
const STEPS_LIMIT: usize = 2000;
/// Work on a line of no length, and for each of its bytes, in bytes looked at.
const WORK: (usize, usize) = (4096, 32);
/// What a slot holds that no group set.
pub(super) const UNSET: usize = usize::MAX;

/// Start and end of each group, by twice its number; [`UNSET`] where it is not part of the match.
pub(super) type Slots = [usize; 2 * GROUPS_LIMIT];

/// Bytes of a kind.
type Set = Box<[bool; 256]>;

/// By the next byte, or [`NO_BYTE`] at the end of the text, which of two ways may lead on: [`ONE`], [`OTHER`], or both.
type Begins = Box<[u8; 257]>;
const NO_BYTE: usize = 256;
const ONE: u8 = 1;
const OTHER: u8 = 2;

#[derive(Debug)]
enum Step {
    /// These bytes.
    Bytes(Box<[u8]>),
    /// Bytes of a set.
    Run(Run),
    /// One way, and another where that does not lead on; and which of them the next byte can begin.
    Either(usize, usize, Begins),
    /// Go on elsewhere.
    Jump(usize),
    /// A group begins or ends.
    Slot(usize),
    /// Only here.
    At(Place),
    /// The pattern is at its end.
    Done,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    Start,
    End,
    /// A border of a word (true), or anything but that.
    Border(bool),
}

/// So many bytes of a set, as many as may be or as few.
#[derive(Debug)]
struct Run {
    set: Set,
    /// The one byte that is not in the set, where it is one.
    stop: Option<u8>,
    low: usize,
    high: usize,
    is_greedy: bool,
    /// What the next byte is to be; `None` where the pattern may be at its end.
    next: Option<Set>,
    /// Whether no byte of the set can be the next one: there is one length that can lead on.
    is_sole: bool,
}

impl Run {
    fn new(set: Set, low: usize, high: usize, is_greedy: bool) -> Self {
        let mut others = (0..=u8::MAX).filter(|byte| !set[usize::from(*byte)]);
        let stop = others.next().filter(|_| others.next().is_none());
        Self { set, stop, low, high, is_greedy, next: None, is_sole: false }
    }

    /// How many bytes of the set a text begins with.
    #[inline]
    fn length(&self, text: &[u8]) -> usize {
        let text = text.get(..self.high).unwrap_or(text);
        let end = match self.stop {
            Some(stop) => near::one(stop, text),
            None => text.iter().position(|byte| !self.set[usize::from(*byte)]),
        };
        end.unwrap_or(text.len())
    }

    #[inline]
    fn leads_on(&self, text: &[u8], at: usize) -> bool {
        self.next.as_ref().is_none_or(|next| text.get(at).is_some_and(|byte| next[usize::from(*byte)]))
    }

    /// The place of these that is tried first, and those that are left.
    #[inline]
    fn choose(&self, text: &[u8], from: usize, to: usize) -> Option<(usize, (usize, usize))> {
        if self.is_greedy {
            let at = (from..=to).rev().find(|at| self.leads_on(text, *at))?;
            Some((at, (from, at.wrapping_sub(1))))
        } else {
            let at = (from..=to).find(|at| self.leads_on(text, *at))?;
            Some((at, (at + 1, to)))
        }
    }
}

/// Where to go on when a way did not lead to the end.
#[derive(Debug, Clone, Copy)]
enum Back {
    /// Another way, from a place.
    To(usize, usize),
    /// Other lengths of a run, which end at these places.
    Run(usize, usize, usize),
    /// A slot held this.
    Slot(usize, usize),
}

thread_local! {
    static BACK: RefCell<Vec<Back>> = const { RefCell::new(Vec::new()) };
}

/// What came of a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Walked {
    /// The line is written so.
    Fits,
    /// It is not.
    Differs,
    /// It would take too much work to tell.
    Unclear,
}

/// A pattern to walk along a line.
#[derive(Debug)]
pub(super) struct Walk {
    steps: Vec<Step>,
    /// Bytes that runs count.
    counted: usize,
    /// What the first byte is to be; `None` where a line may be empty.
    first: Option<Set>,
}

impl Walk {
    /// The steps of a pattern; `None` where it has too many, or something that steps do not say.
    pub(super) fn new(pattern: &Hir) -> Option<Self> {
        let mut walk = Self { steps: Vec::new(), counted: 0, first: None };
        walk.put(pattern)?;
        walk.push(Step::Done)?;
        for at in 0..walk.steps.len() {
            let next = walk.next(at + 1);
            let begins = walk.begins(at);
            match &mut walk.steps[at] {
                Step::Run(run) => {
                    let disjoint = |next: &Set| next.iter().zip(run.set.iter()).all(|(a, b)| !(a & b));
                    run.is_sole = next.as_ref().is_some_and(disjoint);
                    run.next = next;
                }
                Step::Either(_, _, ways) => *ways = begins.unwrap_or_else(both),
                _ => {}
            }
        }
        walk.first = walk.next(0);
        Some(walk)
    }

    /// Whether a line may begin as its first byte says.
    pub(super) fn may_begin(&self, text: &[u8]) -> bool {
        self.first.as_ref().is_none_or(|first| text.first().is_some_and(|byte| first[usize::from(*byte)]))
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
            HirKind::Concat(parts) => parts.iter().try_for_each(|part| self.put(part))?,
            HirKind::Alternation(ways) => self.ways(ways)?,
            HirKind::Repetition(repetition) => self.repeated(repetition)?,
        }
        Some(())
    }

    fn group(&mut self, group: &Capture) -> Option<()> {
        let slot = usize::try_from(group.index).ok().filter(|number| *number < GROUPS_LIMIT)? * 2;
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
        if let Some(set) = one_byte(&of.sub) {
            return self.push(Step::Run(Run::new(set, low, high, of.greedy))).map(drop);
        }
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

    /// What the next byte may be from a step on; `None` where the pattern may be at its end.
    fn next(&self, from: usize) -> Option<Set> {
        let (mut set, mut open, mut seen) = (no_byte(), vec![from], vec![false; self.steps.len()]);
        while let Some(at) = open.pop() {
            if std::mem::replace(seen.get_mut(at)?, true) {
                continue;
            }
            match &self.steps[at] {
                Step::Bytes(bytes) => set[usize::from(*bytes.first()?)] = true,
                Step::Run(run) => {
                    set.iter_mut().zip(run.set.iter()).for_each(|(all, more)| *all |= more);
                    open.extend((run.low == 0).then_some(at + 1));
                }
                Step::Either(one, other, _) => open.extend([*one, *other]),
                Step::Jump(to) => open.push(*to),
                Step::Slot(_) | Step::At(_) => open.push(at + 1),
                Step::Done => return None,
            }
        }
        Some(set)
    }

    /// Whether a line begins so, and where its groups are. `slots` must be unset.
    pub(super) fn along(&self, text: &[u8], slots: &mut Slots) -> Walked {
        BACK.with_borrow_mut(|back| {
            back.clear();
            self.along_with(text, slots, back)
        })
    }

    fn along_with(&self, text: &[u8], slots: &mut Slots, back: &mut Vec<Back>) -> Walked {
        let mut left = WORK.0 + WORK.1.saturating_mul(text.len());
        let (mut step, mut at) = (0, 0);
        loop {
            let led = match &self.steps[step] {
                Step::Bytes(bytes) => stands(bytes, text, at).then_some((step + 1, at + bytes.len())),
                Step::Run(run) => run_from(run, text, (step, at), back, &mut left),
                Step::Either(one, other, begins) => {
                    match begins[text.get(at).map_or(NO_BYTE, |byte| usize::from(*byte))] {
                        0 => None,
                        ONE => Some((*one, at)),
                        OTHER => Some((*other, at)),
                        _ => {
                            back.push(Back::To(*other, at));
                            Some((*one, at))
                        }
                    }
                }
                Step::Jump(to) => Some((*to, at)),
                Step::Slot(slot) => {
                    if !back.is_empty() {
                        back.push(Back::Slot(*slot, slots[*slot]));
                    }
                    slots[*slot] = at;
                    Some((step + 1, at))
                }
                Step::At(place) => is_at(*place, text, at).then_some((step + 1, at)),
                Step::Done => return Walked::Fits,
            };
            left = match left.checked_sub(1) {
                Some(left) => left,
                None => return Walked::Unclear,
            };
            match led.or_else(|| self.back(text, slots, back, &mut left)) {
                Some(led) => (step, at) = led,
                None => return Walked::Differs,
            }
        }
    }

    /// The last way that was not tried.
    fn back(&self, text: &[u8], slots: &mut Slots, back: &mut Vec<Back>, left: &mut usize) -> Option<(usize, usize)> {
        loop {
            match back.pop()? {
                Back::To(step, at) => return Some((step, at)),
                Back::Slot(slot, old) => slots[slot] = old,
                Back::Run(step, from, to) => {
                    let Step::Run(run) = &self.steps[step] else { continue };
                    *left = left.saturating_sub(to - from);
                    if let Some((at, (from, to))) = run.choose(text, from, to) {
                        back.extend((from <= to && to != usize::MAX).then_some(Back::Run(step, from, to)));
                        return Some((step + 1, at));
                    }
                }
            }
        }
    }
}

/// Whether bytes stand at a place.
#[inline]
fn stands(bytes: &[u8], text: &[u8], at: usize) -> bool {
    // PERF: most that does not stand here differs in its first byte, and that costs no call.
    text.get(at) == bytes.first() && text[at..].starts_with(bytes)
}

/// Passes a run, and remembers its other lengths.
#[inline]
fn run_from(
    run: &Run,
    text: &[u8],
    (step, at): (usize, usize),
    back: &mut Vec<Back>,
    left: &mut usize,
) -> Option<(usize, usize)> {
    let length = run.length(&text[at..]);
    if length < run.low {
        return None;
    }
    *left = left.saturating_sub(length);
    if run.is_sole || run.low == run.high {
        return run.leads_on(text, at + length).then_some((step + 1, at + length));
    }
    let (end, (from, to)) = run.choose(text, at + run.low, at + length)?;
    if from <= to && to != usize::MAX {
        back.push(Back::Run(step, from, to));
    }
    Some((step + 1, end))
}

fn is_at(place: Place, text: &[u8], at: usize) -> bool {
    let is_word = |at: Option<usize>| {
        at.and_then(|at| text.get(at)).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    };
    match place {
        Place::Start => at == 0,
        Place::End => at == text.len(),
        Place::Border(wanted) => (is_word(at.checked_sub(1)) != is_word(Some(at))) == wanted,
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

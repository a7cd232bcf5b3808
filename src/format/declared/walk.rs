//! A pattern as steps over a line, with ways back: what backtracking finds first, as the regex crate defines its matches.
//!
//! PERF: the groups of a pattern are what a definition is about, and a general engine finds them with a set of states for each
//! byte. A class of bytes is passed in one go here, and gone back in only to where the next step can begin, which in lines of
//! logs is nowhere or one place. Work is counted: what would take much is left to the regex crate, whose time is linear.

mod steps;

use std::cell::RefCell;

use crate::format::near;

/// Groups of a pattern, the whole match among them.
pub(super) const GROUPS_LIMIT: usize = 32;
/// Work on a line of no length, and for each of its bytes, in bytes looked at.
const WORK: (usize, usize) = (4096, 32);
/// What a slot holds that no group set.
pub(super) const UNSET: usize = usize::MAX;

/// Start and end of each group, by twice its number; [`UNSET`] where it is not part of the match.
pub(super) type Slots = [usize; 2 * GROUPS_LIMIT];

/// Bytes of a kind.
type Set = Box<[bool; 256]>;

/// What may stand next: bytes, and [`NO_BYTE`] where the text may be at its end.
type Next = Box<[bool; NO_BYTE + 1]>;

/// By the next byte, or [`NO_BYTE`] at the end of the text, which of two ways may lead on: [`ONE`], [`OTHER`], or both.
type Begins = Box<[u8; NO_BYTE + 1]>;
const NO_BYTE: usize = 256;
const ONE: u8 = 1;
const OTHER: u8 = 2;

#[derive(Debug)]
enum Step {
    /// These bytes.
    Bytes(Box<[u8]>),
    /// So many bytes, each of these of its kinds.
    Fixed(Box<[u32]>),
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
    /// The set, where it is of few ranges.
    class: Option<near::Class>,
    low: usize,
    high: usize,
    is_greedy: bool,
    /// What is to stand next; `None` where the pattern may be at its end, whatever stands there.
    next: Option<Next>,
    /// The group that it is, by its first slot.
    slot: Option<usize>,
    /// The one byte that the next can be, where it is one and the text goes on.
    sole_next: Option<u8>,
    /// Whether no byte of the set can be the next one: there is one length that can lead on.
    is_sole: bool,
}

impl Run {
    fn new(set: Set, low: usize, high: usize, is_greedy: bool) -> Self {
        let mut others = (0..=u8::MAX).filter(|byte| !set[usize::from(*byte)]);
        let stop = others.next().filter(|_| others.next().is_none());
        let class = near::Class::of(&set);
        Self { set, stop, class, low, high, is_greedy, next: None, slot: None, sole_next: None, is_sole: false }
    }

    /// How many bytes of the set a text begins with.
    #[inline]
    fn length(&self, text: &[u8]) -> usize {
        match self.class {
            // PERF: one byte is looked up sooner.
            _ if self.high == 1 => return usize::from(text.first().is_some_and(|byte| self.set[usize::from(*byte)])),
            Some(class) if self.stop.is_none() => return class.length(text, self.high),
            _ => {}
        }
        let text = text.get(..self.high).unwrap_or(text);
        let end = match self.stop {
            Some(stop) => near::one(stop, text),
            None => text.iter().position(|byte| !self.set[usize::from(*byte)]),
        };
        end.unwrap_or(text.len())
    }

    #[inline]
    fn leads_on(&self, text: &[u8], at: usize) -> bool {
        self.next.as_ref().is_none_or(|next| next[at_byte(text, at)])
    }

    /// The place of these that is tried first, and those that are left.
    #[inline]
    fn choose(&self, text: &[u8], from: usize, to: usize) -> Option<(usize, (usize, usize))> {
        let within = || text.get(from..(to + 1).min(text.len())).unwrap_or_default();
        if self.is_greedy {
            let at = match self.sole_next {
                Some(next) => from + memchr::memrchr(next, within())?,
                None => (from..=to).rev().find(|at| self.leads_on(text, *at))?,
            };
            Some((at, (from, at.wrapping_sub(1))))
        } else {
            let at = match self.sole_next {
                Some(next) => from + near::one(next, within())?,
                None => (from..=to).find(|at| self.leads_on(text, *at))?,
            };
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
    /// The sets of bytes that fixed steps name by their bits, and of each byte in which of them it is.
    kinds: Vec<Set>,
    of_kinds: Box<[u32; 256]>,
    /// Bytes that runs count.
    counted: usize,
    /// What is to stand first; `None` where anything may.
    first: Option<Next>,
}

impl Walk {
    /// Whether a line may begin as its first byte says.
    pub(super) fn may_begin(&self, text: &[u8]) -> bool {
        self.first.as_ref().is_none_or(|first| first[at_byte(text, 0)])
    }

    fn stands_fixed(&self, kinds: &[u32], text: &[u8], at: usize) -> bool {
        let Some(bytes) = text.get(at..at + kinds.len()) else { return false };
        let is_of = |(byte, kind): (&u8, &u32)| self.of_kinds[usize::from(*byte)] & kind != 0;
        // PERF: a line of another form mostly differs in the first byte, and one of this form in none.
        bytes.iter().zip(kinds).next().is_some_and(is_of)
            && bytes.iter().zip(kinds).fold(true, |all, pair| all & is_of(pair))
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
                Step::Fixed(kinds) => {
                    left = left.saturating_sub(kinds.len());
                    self.stands_fixed(kinds, text, at).then(|| (step + 1, at + kinds.len()))
                }
                Step::Run(run) => run_from(run, text, (step, at), (slots, back), &mut left),
                Step::Either(one, other, begins) => match begins[at_byte(text, at)] {
                    0 => None,
                    ONE => Some((*one, at)),
                    OTHER => Some((*other, at)),
                    _ => {
                        back.push(Back::To(*other, at));
                        Some((*one, at))
                    }
                },
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
                        if let Some(slot) = run.slot {
                            slots[slot + 1] = at;
                        }
                        back.extend((from <= to && to != usize::MAX).then_some(Back::Run(step, from, to)));
                        return Some((step + 1, at));
                    }
                }
            }
        }
    }
}

/// The byte at a place as a number, [`NO_BYTE`] at the end of the text.
#[inline]
fn at_byte(text: &[u8], at: usize) -> usize {
    text.get(at).map_or(NO_BYTE, |byte| usize::from(*byte))
}

/// Whether bytes stand at a place.
#[inline]
fn stands(bytes: &[u8], text: &[u8], at: usize) -> bool {
    // PERF: most that does not stand here differs in its first byte, and that costs no call.
    text.get(at) == bytes.first() && (bytes.len() == 1 || text[at..].starts_with(bytes))
}

/// Passes a run, and remembers its other lengths.
#[inline]
fn run_from(
    run: &Run,
    text: &[u8],
    (step, at): (usize, usize),
    (slots, back): (&mut Slots, &mut Vec<Back>),
    left: &mut usize,
) -> Option<(usize, usize)> {
    let length = run.length(&text[at..]);
    if length < run.low {
        return None;
    }
    *left = left.saturating_sub(length);
    let is_fixed = run.is_sole || run.low == run.high;
    let (end, others) = match is_fixed {
        true => (run.leads_on(text, at + length).then_some(at + length)?, (1, 0)),
        false => run.choose(text, at + run.low, at + length)?,
    };
    if let Some(slot) = run.slot {
        if !back.is_empty() {
            back.extend([Back::Slot(slot, slots[slot]), Back::Slot(slot + 1, slots[slot + 1])]);
        }
        (slots[slot], slots[slot + 1]) = (at, end);
    }
    let (from, to) = others;
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

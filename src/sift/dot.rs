//! Tokens with a dot: their ends from masks, then what each must pass before it is looked at byte by byte.
//!
//! Loops over a chunk, each without a branch that depends on the text: masks; ends of tokens; the last label of each,
//! or the four numbers of an address; the last two labels. Few tokens are left, and [`name::run`]
//! judges them as the plain twin judges all.

use super::marks::{Marks, Masks, SEEN, add};
use super::pass::{CHUNK, Scan};
use super::{escape, name};
use crate::model::filter::{TAIL, label_key, suffix_key, v4_text_key};
use crate::model::indicator::Indicators;
use crate::model::lanes::BLOCK;

/// Ends nearer to the start of the text, and such behind more dots than [`TRAILING`], are not worth a fast way.
const NEAR: usize = 96;
const TRAILING: usize = 24;

/// Bytes before a token that matter: an escape may begin with 1, 2 is outside ASCII.
static LEFT: [u8; 256] = {
    let mut left = [0; 256];
    left[b'%' as usize] = 1;
    left[b'\\' as usize] = 1;
    let mut byte = 0x80;
    while byte < 256 {
        left[byte] = 2;
        byte += 1;
    }
    left
};

/// What is left of the tokens of a chunk.
#[derive(Default)]
pub(super) struct Dots {
    carries: [u64; 4],
    /// Ends of tokens with a dot inside, and of numbers with three.
    tokens: Marks<{ CHUNK * BLOCK / 2 + 4 }>,
    addresses: Marks<{ CHUNK * BLOCK / 6 + 4 }>,
    /// Tokens of which the last two labels do not say all.
    odd: Marks<{ CHUNK * BLOCK / 2 + 4 }>,
    /// Tokens whose last label passed: end, dots behind it, bytes of the last two labels.
    passed: Passed,
    /// Ends of what is to be looked at: each token at most twice, each number once.
    found: Marks<{ CHUNK * BLOCK * 7 / 6 + 12 }>,
    /// End of the last token that was looked at.
    floor: usize,
}

struct Passed([(u16, u8, u8); CHUNK * BLOCK / 2 + 4]);

impl Default for Passed {
    fn default() -> Self {
        Self([(0, 0, 0); CHUNK * BLOCK / 2 + 4])
    }
}

impl Dots {
    /// All tokens that end in these blocks.
    #[inline(always)]
    pub(super) fn chunk(&mut self, masks: &Masks, (names, v4): (bool, bool), scan: &mut Scan<'_, '_>) {
        if names {
            self.token_ends(masks, scan.set);
            self.names(masks, scan.set, scan.text, scan.base);
        }
        if v4 {
            self.number_ends(masks);
            self.addresses(masks, scan.set, scan.text, scan.base);
        }
        if !self.found.all().is_empty() {
            self.look(scan);
        }
    }

    /// Ends of runs of name bytes with a dot before another byte. Where no listed name ends in a digit, those that do
    /// are left out: versions, sizes and addresses.
    #[inline(always)]
    fn token_ends(&mut self, masks: &Masks, set: &Indicators) {
        // Next to letters outside ASCII a dot may stand at the end of a run, or alone.
        let alone = if set.wide_letters { u64::MAX } else { 0 };
        let unlisted = if set.wide_letters || set.names.ends_in_digit() { 0 } else { u64::MAX };
        let mut carry = self.carries[0];
        let digits = |block, back| masks.number.mask(block, back) & !masks.dot.mask(block, back);
        // PERF: carried, since a shift over two registers takes several steps.
        let (mut dotted, mut numbered) = (masks.dot.mask(0, 1) >> 63, digits(0, 1) >> 63);
        self.tokens.gather::<2>(masks.blocks, |block| {
            let (name, dot) = (masks.name.mask(block, 0), masks.dot.mask(block, 0));
            let digit = digits(block, 0);
            let after = name & !dot & (dot << 1 | dotted);
            let ends = add(name, after | dot & alone, &mut carry) & !name;
            let behind_digit = digit << 1 | numbered;
            (dotted, numbered) = (dot >> 63, digit >> 63);
            ends & !(behind_digit & unlisted)
        });
        self.carries[0] = carry;
    }

    /// Ends of runs of digits and dots with three dots before a digit.
    #[inline(always)]
    fn number_ends(&mut self, masks: &Masks) {
        let [other, mut one, mut two, mut three] = self.carries;
        let mut dotted = masks.dot.mask(0, 1) >> 63;
        self.addresses.gather::<1>(masks.blocks, |block| {
            let (run, dot) = (masks.number.mask(block, 0), masks.dot.mask(block, 0));
            // Each sum takes the first mark of a run away: what is left at the third is a run with three dots.
            let first = run & !dot & (dot << 1 | dotted);
            dotted = dot >> 63;
            let second = add(run, first, &mut one) & first;
            let third = add(run, second, &mut two) & second;
            add(run, third, &mut three) & !run
        });
        self.carries = [other, one, two, three];
    }

    /// Tokens that may end in a listed name.
    ///
    /// PERF: no call and no way out in the first loop, else its state is kept in memory. Ends near to the start of
    /// the text give keys that mean nothing; they are odd anyway.
    #[inline(always)]
    fn names(&mut self, masks: &Masks, set: &Indicators, text: &[u8], base: usize) {
        let Self { tokens, odd, passed: Passed(passed), found, .. } = self;
        let left_of_interest = if set.wide_letters { 3 } else { 1 };
        let mut count = 0;
        odd.clear();
        let mut pen = odd.pen();
        for &at in tokens.all() {
            let behind = base + usize::from(at);
            let (run, dots) = (masks.name.before(at.into()), masks.dot.before(at.into()));
            let trailing = (!dots).leading_zeros();
            let length = (!run).leading_zeros().wrapping_sub(trailing) as usize;
            let end = behind.wrapping_sub(trailing as usize);
            let dots = dots.wrapping_shl(trailing);
            let label = dots.leading_zeros();
            let two = (dots & !(1u64 << 63).wrapping_shr(label)).leading_zeros() as usize;
            let key = label_key(last(text, end), (label as usize).min(length));
            passed[count.min(passed.len() - 1)] = (at, trailing as u8, two.min(length).min(TAIL) as u8);
            count += usize::from(set.names.may_end(key));
            let left = text.get(end.wrapping_sub(length + 1)).map_or(0, |byte| LEFT[usize::from(*byte)]);
            let strange = left & left_of_interest != 0 || set.wide_letters;
            pen.push(at, strange | (behind < NEAR) | (trailing as usize > TRAILING));
        }
        drop(pen);
        let mut found = found.pen();
        for &(at, trailing, two) in &passed[..count.min(passed.len())] {
            let end = (base + usize::from(at)).wrapping_sub(trailing.into());
            found.push(at, set.names.may_have(suffix_key(&last(text, end), two.into())));
        }
        for &at in odd.all() {
            let (run, dots) = (masks.name.before(at.into()), masks.dot.before(at.into()));
            found.push(at, is_odd(set, text, base + usize::from(at), run, dots));
        }
    }

    /// Numbers that may be a listed address: by their text, or where networks are listed by their value.
    #[inline(always)]
    fn addresses(&mut self, masks: &Masks, set: &Indicators, text: &[u8], base: usize) {
        let nets = set.ipv4.has_networks();
        let mut found = self.found.pen();
        for &at in self.addresses.all() {
            let behind = base + usize::from(at);
            let (run, dots) = (masks.number.before(at.into()), masks.dot.before(at.into()));
            let trailing = (!dots).leading_zeros() as usize;
            if behind < NEAR || trailing > TRAILING {
                found.push(at, true);
                continue;
            }
            let (length, end) = ((!run).leading_zeros() as usize - trailing, behind - trailing);
            let held = if nets {
                value(&last(text, end), length, dots << trailing).is_some_and(|ip| set.ipv4.may_hold(ip.into()))
            } else {
                length <= 15 && set.ipv4_texts.may_hold(v4_text_key(&last(text, end), length))
            };
            // An escape may lend its digits to the first number.
            let start = end - length.min(20);
            let lent = length <= 20 && has_escape(last(text, start));
            found.push(at, held || lent);
        }
    }

    /// Looks at the tokens that are left, each once.
    #[inline(never)]
    fn look(&mut self, scan: &mut Scan<'_, '_>) {
        let found = self.found.all_mut();
        found.sort_unstable();
        for at in found {
            let inside = (scan.base + usize::from(*at)).saturating_sub(1);
            if inside >= self.floor {
                let (start, end) = name::run_around(scan.text, inside, self.floor);
                name::run(scan.set, scan.text, start, end, scan.out);
                self.floor = end;
            }
        }
        self.found.clear();
    }
}

/// True if a token may be more than its last two labels say: it begins with what is left of an escape, or letters
/// outside ASCII are next to it. `run` and `dots` are the masks before `behind`.
#[inline(never)]
fn is_odd(set: &Indicators, text: &[u8], behind: usize, run: u64, dots: u64) -> bool {
    let trailing = (!dots).leading_zeros() as usize;
    if behind < NEAR || trailing > TRAILING {
        return true;
    }
    let (length, end) = ((!run).leading_zeros() as usize - trailing, behind - trailing);
    let left = LEFT[usize::from(text[end - length - 1])];
    let cut = length + trailing >= SEEN;
    if set.wide_letters && (left == 2 || cut || text.get(behind).is_some_and(|byte| !byte.is_ascii())) {
        return true;
    }
    // An escape lends its digits to the first label, so it matters only where that is one of the two.
    let token = &text[end - length..end];
    let Some(dot) = memchr::memrchr(b'.', token) else { return false };
    left == 1
        && memchr::memchr(b'.', &token[..dot]).is_none()
        && set.names.may_end(label_key(last(text, end), length - dot - 1))
        && escape::at_head(text, end - length, end).is_some()
}

/// The bytes before `end`; zeros at the start of the text, where nobody asks.
#[inline(always)]
fn last<const N: usize>(text: &[u8], end: usize) -> [u8; N] {
    text.get(..end).and_then(<[u8]>::last_chunk).copied().unwrap_or([0; N])
}

/// The value of the address of `length` bytes that `tail` ends with, whose dots are the bits of `dots`.
#[inline(always)]
fn value(tail: &[u8; 24], length: usize, mut dots: u64) -> Option<u32> {
    let (mut address, mut before, mut sound) = (0, 0, length <= 15);
    for place in 0..4 {
        let stop = (dots.leading_zeros() as usize).min(length);
        dots &= !(1u64 << 63).wrapping_shr(stop as u32);
        let digits = stop.wrapping_sub(before);
        sound &= digits.wrapping_sub(1) < 3 && (place < 3 || stop == length);
        address |= octet(tail, before, digits) << (8 * place);
        before = stop + 1;
    }
    sound.then_some(address)
}

/// The value of one to three digits that end `before` bytes from the end of `tail`. Anything for more digits.
#[inline(always)]
fn octet(tail: &[u8; 24], before: usize, digits: usize) -> u32 {
    let end = 24 - (before & 15);
    let bytes = tail.get(end - 4..end).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; 4]);
    let free = 32u32.wrapping_sub((digits as u32).wrapping_mul(8));
    let kept = u32::from_le_bytes(bytes) & 0x0F0F_0F0Fu32.wrapping_shl(free);
    // Hundreds, tens and ones stand in the upper three bytes and meet in the highest.
    (u64::from(kept).wrapping_mul(0x64_0A01) >> 24) as u32 & 0xFF
}

/// True if one of the last six bytes may begin an escape.
#[inline(always)]
fn has_escape(bytes: [u8; 8]) -> bool {
    const LOW: u64 = 0x0101_0101_0101_0101;
    let zero = |word: u64| word.wrapping_sub(LOW) & !word & LOW << 7;
    let word = u64::from_le_bytes(bytes);
    (zero(word ^ (LOW * u64::from(b'%'))) | zero(word ^ (LOW * u64::from(b'\\')))) >> 16 != 0
}

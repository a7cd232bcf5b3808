//! Tokens with a dot: their ends from masks, then what each must pass before it is looked at byte by byte.
//!
//! Loops over a chunk, each without a branch that depends on the text: masks; ends of tokens; the last label of each,
//! or the four numbers of an address; the last two labels. Few tokens are left, and [`name::run`]
//! judges them as the plain twin judges all.

use super::kernel::{BLOCK, Lanes};
use super::pass::{CHUNK, Scan};
use super::{escape, name};
use crate::model::filter::{TAIL, label_key, suffix_key};
use crate::model::indicator::Indicators;

/// Ends nearer to the start of the text, and such behind more dots than [`TRAILING`], are not worth a fast way.
const NEAR: usize = 96;
const TRAILING: usize = 24;

/// Positions in a chunk, in order.
struct Marks<const N: usize> {
    at: [u16; N],
    count: usize,
}

impl<const N: usize> Marks<N> {
    const fn new() -> Self {
        Self { at: [0; N], count: 0 }
    }

    /// Appends the bits of a block. `AT_ONCE` are written whether there are any or not: most blocks have no more.
    #[inline(always)]
    fn bits<const AT_ONCE: usize>(&mut self, block: usize, mut bits: u64) {
        let count = bits.count_ones() as usize;
        let base = (block * BLOCK) as u16;
        let mut from = self.count;
        self.count += count;
        loop {
            if let Some(at) = self.at.get_mut(from..).and_then(<[u16]>::first_chunk_mut::<AT_ONCE>) {
                for at in at {
                    *at = base + bits.trailing_zeros() as u16;
                    bits &= bits.wrapping_sub(1);
                }
            }
            from += AT_ONCE;
            if from >= self.count {
                break;
            }
        }
    }

    /// Appends a position, which stays only if it is `kept`.
    #[inline(always)]
    fn push(&mut self, at: u16, kept: bool) {
        if let Some(slot) = self.at.get_mut(self.count) {
            *slot = at;
        }
        self.count += usize::from(kept);
    }

    #[inline(always)]
    fn all(&self) -> &[u16] {
        &self.at[..self.count.min(N)]
    }
}

/// A mask for each block of a chunk, behind that of the block before it.
type Masks = [u64; CHUNK + 1];

/// The 64 bits before position `at` of a chunk; the highest is that of `at - 1`.
#[inline(always)]
fn window(masks: &Masks, at: usize) -> u64 {
    let block = at / BLOCK % CHUNK;
    let both = u128::from(masks[block + 1]) << 64 | u128::from(masks[block]);
    (both >> (at % BLOCK)) as u64
}

/// Adds with a carry from block to block: where `b` marks a byte of a run in `a`, the bit behind the run comes up.
#[inline(always)]
fn add(a: u64, b: u64, carry: &mut bool) -> u64 {
    let (sum, over) = a.carrying_add(b, *carry);
    *carry = over;
    sum
}

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

/// Masks of the chunk and what is left of its tokens.
pub(super) struct Dots {
    /// Name bytes, dots, and digits with dots.
    name: Masks,
    dot: Masks,
    number: Masks,
    /// Blocks of the chunk.
    blocks: usize,
    carries: [bool; 4],
    /// Ends of tokens with a dot inside, and of numbers with three.
    tokens: Marks<{ CHUNK * BLOCK / 2 + 4 }>,
    addresses: Marks<{ CHUNK * BLOCK / 6 + 4 }>,
    /// Tokens of which the last two labels do not say all.
    odd: Marks<{ CHUNK * BLOCK / 2 + 4 }>,
    /// Tokens whose last label passed: end, dots behind it, bytes of the last two labels.
    passed: [(u16, u8, u8); CHUNK * BLOCK / 2 + 4],
    /// Ends of what is to be looked at: each token at most twice, each number once.
    found: Marks<{ CHUNK * BLOCK * 7 / 6 + 12 }>,
    /// End of the last token that was looked at.
    floor: usize,
}

impl Dots {
    /// At the start of a text.
    #[inline(always)]
    pub(super) fn new() -> Self {
        Self {
            name: [0; CHUNK + 1],
            dot: [0; CHUNK + 1],
            number: [0; CHUNK + 1],
            blocks: 0,
            carries: [false; 4],
            tokens: Marks::new(),
            addresses: Marks::new(),
            odd: Marks::new(),
            passed: [(0, 0, 0); CHUNK * BLOCK / 2 + 4],
            found: Marks::new(),
            floor: 0,
        }
    }

    /// All tokens that end in these blocks.
    #[inline(always)]
    pub(super) fn chunk<L: Lanes>(
        &mut self,
        lanes: L,
        blocks: &[[u8; BLOCK]],
        (names, v4): (bool, bool),
        scan: &mut Scan<'_, '_>,
    ) {
        self.mark(lanes, blocks, v4);
        if names {
            self.token_ends(scan.set.wide_letters);
            self.names(scan.set, scan.text, scan.base);
        }
        if v4 {
            self.number_ends();
            self.addresses(scan.set, scan.text, scan.base);
        }
        if self.found.count > 0 {
            self.look(scan);
        }
    }

    /// Masks of all blocks.
    #[inline(always)]
    fn mark<L: Lanes>(&mut self, lanes: L, blocks: &[[u8; BLOCK]], v4: bool) {
        for masks in [&mut self.name, &mut self.dot, &mut self.number] {
            masks[0] = masks[self.blocks];
        }
        self.blocks = blocks.len().min(CHUNK);
        for (number, block) in blocks.iter().take(CHUNK).enumerate() {
            let block = lanes.load(block);
            let dot = lanes.equal(block, b'.');
            self.name[number + 1] = lanes.words(block) | dot;
            self.dot[number + 1] = dot;
            if v4 {
                self.number[number + 1] = lanes.digits(block) | dot;
            }
        }
    }

    /// Ends of runs of name bytes with a dot before another byte.
    #[inline(always)]
    fn token_ends(&mut self, wide: bool) {
        self.tokens.count = 0;
        let (mut carry, mut before) = (self.carries[0], self.dot[0]);
        for (number, (&name, &dot)) in self.name[1..].iter().zip(&self.dot[1..]).take(self.blocks).enumerate() {
            let after = name & !dot & (dot << 1 | before >> 63);
            // Next to letters outside ASCII a dot may stand at the end of a run, or alone.
            let inner = if wide { dot } else { after };
            self.tokens.bits::<4>(number, add(name, inner, &mut carry) & !name);
            before = dot;
        }
        self.carries[0] = carry;
    }

    /// Ends of runs of digits and dots with three dots before a digit.
    #[inline(always)]
    fn number_ends(&mut self) {
        self.addresses.count = 0;
        let ([other, mut one, mut two, mut three], mut before) = (self.carries, self.dot[0]);
        for (number, (&run, &dot)) in self.number[1..].iter().zip(&self.dot[1..]).take(self.blocks).enumerate() {
            // Each sum takes the first mark of a run away: what is left at the third is a run with three dots.
            let first = run & !dot & (dot << 1 | before >> 63);
            let second = add(run, first, &mut one) & first;
            let third = add(run, second, &mut two) & second;
            self.addresses.bits::<2>(number, add(run, third, &mut three) & !run);
            before = dot;
        }
        self.carries = [other, one, two, three];
    }

    /// Tokens that may end in a listed name.
    ///
    /// PERF: no call and no way out in the first loop, else its state is kept in memory. Ends near to the start of
    /// the text give keys that mean nothing; they are odd anyway.
    #[inline(always)]
    fn names(&mut self, set: &Indicators, text: &[u8], base: usize) {
        let Self { name, dot, tokens, odd, passed, found, .. } = self;
        let left_of_interest = if set.wide_letters { 3 } else { 1 };
        let mut count = 0;
        odd.count = 0;
        for &at in tokens.all() {
            let behind = base + usize::from(at);
            let (run, dots) = (window(name, at.into()), window(dot, at.into()));
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
            odd.push(at, strange | (behind < NEAR) | (trailing as usize > TRAILING));
        }
        for &(at, trailing, two) in &passed[..count.min(passed.len())] {
            let end = (base + usize::from(at)).wrapping_sub(trailing.into());
            found.push(at, set.names.may_have(suffix_key(&last(text, end), two.into())));
        }
        for &at in odd.all() {
            let (run, dots) = (window(name, at.into()), window(dot, at.into()));
            found.push(at, is_odd(set, text, base + usize::from(at), run, dots));
        }
    }

    /// Numbers that may be a listed address.
    #[inline(always)]
    fn addresses(&mut self, set: &Indicators, text: &[u8], base: usize) {
        for &at in self.addresses.all() {
            let behind = base + usize::from(at);
            let (run, dots) = (window(&self.number, at.into()), window(&self.dot, at.into()));
            let trailing = (!dots).leading_zeros() as usize;
            if behind < NEAR || trailing > TRAILING {
                self.found.push(at, true);
                continue;
            }
            let (length, end) = ((!run).leading_zeros() as usize - trailing, behind - trailing);
            let tail = last(text, end);
            let (mut dots, mut before) = (dots << trailing, 0);
            let (mut address, mut sound) = (0, length <= 15);
            for place in 0..4 {
                let stop = (dots.leading_zeros() as usize).min(length);
                dots &= !(1u64 << 63).wrapping_shr(stop as u32);
                let digits = stop.wrapping_sub(before);
                sound &= digits.wrapping_sub(1) < 3 && (place < 3 || stop == length);
                address |= octet(&tail, before, digits) << (8 * place);
                before = stop + 1;
            }
            // An escape may lend its digits to the first number.
            let start = end - length.min(20);
            let lent = length <= 20 && has_escape(last(text, start));
            self.found.push(at, sound && set.ipv4.may_hold(address.into()) || lent);
        }
    }

    /// Looks at the tokens that are left, each once.
    #[inline(never)]
    fn look(&mut self, scan: &mut Scan<'_, '_>) {
        let count = self.found.count.min(self.found.at.len());
        let found = &mut self.found.at[..count];
        found.sort_unstable();
        for at in found {
            let inside = (scan.base + usize::from(*at)).saturating_sub(1);
            if inside >= self.floor {
                let (start, end) = name::run_around(scan.text, inside, self.floor);
                name::run(scan.set, scan.text, start, end, scan.out);
                self.floor = end;
            }
        }
        self.found.count = 0;
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
    let cut = length + trailing >= BLOCK;
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

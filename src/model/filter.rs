//! Filters that a token must pass before anything exact is asked. They may let too much pass, never too little, and
//! each is so small that it stays in the cache. What is looked up is made of few loads and multiplications, without a
//! loop over bytes: `sift` does it for every token of a text.

use super::flat::Flat;
use super::stored::{Fault, Found, Sections, holds};

/// Bytes at the end of a name that its [`suffix_key`] is made of, at most.
pub const TAIL: usize = 32;

/// Loaded at `n`, the last `n` bytes of a tail are kept.
static KEEP: [u8; 2 * TAIL] = {
    let mut keep = [0; 2 * TAIL];
    let mut at = TAIL;
    while at < 2 * TAIL {
        keep[at] = 0xFF;
        at += 1;
    }
    keep
};

/// Lower case for letters; other name bytes stay distinct from letters.
const FOLD: u64 = 0x2020_2020_2020_2020;
const MIX: [u64; 5] =
    [0x9E37_79B9_7F4A_7C15, 0xD6E8_FEB8_6659_FD93, 0xA076_1D64_78BD_642F, 0xE703_7ED1_A0B4_28DB, 0x8EBC_6AF0_9C88_C6E3];

#[inline(always)]
fn folded(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    wide as u64 ^ (wide >> 64) as u64
}

#[inline(always)]
fn word(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..).and_then(<[u8]>::first_chunk) {
        Some(word) => u64::from_le_bytes(*word),
        None => 0,
    }
}

/// Key of the last `length` (at most [`TAIL`]) bytes of `tail`, ASCII case ignored.
#[inline(always)]
pub fn suffix_key(tail: &[u8; TAIL], length: usize) -> u64 {
    let keep = KEEP.get(length..).and_then(<[u8]>::first_chunk::<TAIL>).unwrap_or(&[0xFF; TAIL]);
    let part = |at| (word(tail, at) | FOLD) & word(keep, at);
    let near = folded(part(24) ^ MIX[0], part(16) ^ MIX[1]);
    let far = folded(part(8) ^ MIX[2], part(0) ^ MIX[3]);
    (near ^ far.rotate_left(31)).wrapping_mul(MIX[4])
}

/// Key of a last label from the 8 bytes that end with it; of a longer label the last 8 bytes count.
#[inline(always)]
pub fn label_key(end: [u8; 8], length: usize) -> u64 {
    let kept = (u64::from_le_bytes(end) | FOLD) >> (64u32.wrapping_sub(8 * length.min(8) as u32) & 63);
    kept.wrapping_mul(MIX[0])
}

/// The last bytes of a name, at the right end of what is given back.
fn ending<const N: usize>(name: &[u8]) -> [u8; N] {
    let mut end = [0; N];
    let length = name.len().min(N);
    end[N - length..].copy_from_slice(&name[name.len() - length..]);
    end
}

/// The keys of a name: of its last label and of its last two; `None` where it has but one.
fn keys(name: &[u8]) -> Option<(u64, u64)> {
    let dot = memchr::memrchr(b'.', name)?;
    let from = memchr::memrchr(b'.', &name[..dot]).map_or(0, |at| at + 1);
    let label = label_key(ending(name), name.len() - dot - 1);
    Some((label, suffix_key(&ending(name), (name.len() - from).min(TAIL))))
}

/// A Bloom filter of which one word is read: 16 bits a key or a little more, three of them set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bloom {
    words: Flat<u64>,
}

impl Bloom {
    /// Over keys of which all bits are as good as random.
    pub fn new(mut keys: Vec<u64>) -> Self {
        if keys.is_empty() {
            return Self::default();
        }
        keys.sort_unstable();
        keys.dedup();
        let count = (keys.len() / 4).max(64);
        let mut words = vec![0; count];
        for key in keys {
            words[Self::slot(key, count)] |= Self::bits(key);
        }
        Self { words: words.into() }
    }

    #[inline(always)]
    fn slot(key: u64, words: usize) -> usize {
        ((u128::from(key) * words as u128) >> 64) as usize
    }

    #[inline(always)]
    fn bits(key: u64) -> u64 {
        1 << (key & 63) | 1 << (key >> 6 & 63) | 1 << (key >> 12 & 63)
    }

    /// True if nothing passes.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// True if the key may have been taken in.
    #[inline(always)]
    pub fn may_hold(&self, key: u64) -> bool {
        let bits = Self::bits(key);
        self.words.get(Self::slot(key, self.words.len())).is_some_and(|word| word & bits == bits)
    }

    /// Writes the filter.
    pub(super) fn store<'t>(&'t self, name: &str, out: &mut Sections<'t>) {
        out.put(name, "words", &self.words);
    }

    /// Reads a filter.
    pub(super) fn load(name: &str, from: &mut Found) -> Result<Self, Fault> {
        Ok(Self { words: from.take(name, "words")? })
    }
}

/// Key of an address or network of any width.
#[inline(always)]
pub fn address_key(address: u128) -> u64 {
    folded(address as u64 ^ MIX[0], (address >> 64) as u64 ^ MIX[1]).wrapping_mul(MIX[2])
}

/// Key of an IPv4 address as it is written, in the last `length` (at most 15) bytes of `tail`.
#[inline(always)]
pub fn v4_text_key(tail: &[u8; 16], length: usize) -> u64 {
    let kept = u128::from_le_bytes(*tail) >> ((8 * (16 - length as u32 % 16)) & 127);
    folded(kept as u64 ^ MIX[0], (kept >> 64) as u64 ^ MIX[1]).wrapping_mul(MIX[3])
}

/// Key of eight bytes with a number beside them, ASCII case ignored.
#[inline(always)]
pub fn word_key(bytes: [u8; 8], beside: u64) -> u64 {
    folded((u64::from_le_bytes(bytes) | FOLD) ^ MIX[0], beside ^ MIX[1]).wrapping_mul(MIX[4])
}

/// Key of a digest from its last 16 hex digits, ASCII case ignored. Anything may be given.
#[inline(always)]
pub fn digest_key(tail: &[u8; 16]) -> u64 {
    folded((word(tail, 8) | FOLD) ^ MIX[0], (word(tail, 0) | FOLD) ^ MIX[1]).wrapping_mul(MIX[4])
}

/// Two filters that a name must pass before anything exact is asked: a table of last labels (2 KiB) and one of suffixes
/// of two labels.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NameFilter {
    last: Flat<u64>,
    suffixes: Bloom,
    ends_in_digit: bool,
}

impl NameFilter {
    /// Over the keys of all names.
    pub(super) fn new(notes: Notes) -> Self {
        Self { last: notes.last.into(), suffixes: Bloom::new(notes.suffixes), ends_in_digit: notes.ends_in_digit }
    }

    /// True if nothing passes.
    pub fn is_empty(&self) -> bool {
        self.suffixes.is_empty()
    }

    /// True if the last byte of some name is a digit: of a file, or of a host that is no public one.
    #[inline(always)]
    pub fn ends_in_digit(&self) -> bool {
        self.ends_in_digit
    }

    /// True if some name has a last label of this [`label_key`].
    #[inline(always)]
    pub fn may_end(&self, label: u64) -> bool {
        self.last.get((label >> 56) as usize).is_some_and(|word| word >> (label >> 50 & 63) & 1 == 1)
    }

    /// True if some name has last two labels of this [`suffix_key`].
    #[inline(always)]
    pub fn may_have(&self, suffix: u64) -> bool {
        self.suffixes.may_hold(suffix)
    }

    /// True if a name (without its trailing dot) may end in a key of one of the name tables.
    #[inline]
    pub fn may_hold(&self, name: &[u8]) -> bool {
        keys(name).is_some_and(|(label, suffix)| self.may_end(label) && self.may_have(suffix))
    }

    /// Writes the filter.
    pub(super) fn store<'t>(&'t self, name: &str, out: &mut Sections<'t>) {
        out.put(name, "last", &self.last);
        self.suffixes.store(name, out);
    }

    /// Reads a filter; whether a name `ends_in_digit` is told beside it.
    pub(super) fn load(name: &str, ends_in_digit: bool, from: &mut Found) -> Result<Self, Fault> {
        let (last, suffixes) = (from.take(name, "last")?, Bloom::load(name, from)?);
        let filter = Self { last, suffixes, ends_in_digit };
        let fits = filter.is_empty() && filter.last.is_empty() || filter.last.len() == LAST_WORDS;
        holds(fits, name, "has parts that do not fit together")?;
        Ok(filter)
    }
}

/// Words of the table of last labels.
const LAST_WORDS: usize = 256;

/// Keys of names, gathered for a [`NameFilter`].
#[derive(Default)]
pub(super) struct Notes {
    last: Vec<u64>,
    suffixes: Vec<u64>,
    ends_in_digit: bool,
}

impl Notes {
    /// Takes a name in; one without a dot is never met.
    pub(super) fn add(&mut self, name: &[u8]) {
        if let Some((label, suffix)) = keys(name) {
            self.last.resize(LAST_WORDS, 0);
            self.last[(label >> 56) as usize] |= 1 << (label >> 50 & 63);
            self.suffixes.push(suffix);
            self.ends_in_digit |= name.last().is_some_and(u8::is_ascii_digit);
        }
    }
}

/// The bytes with a blank for each `+`.
#[inline(always)]
fn plus_as_blank(word: u64) -> u64 {
    const LOW: u64 = 0x0101_0101_0101_0101;
    let other = word ^ (LOW * u64::from(b'+'));
    // The high bit of each byte that is no `+`: no sum carries into the next byte.
    let kept = ((other & !(LOW << 7)).wrapping_add(!(LOW << 7)) | other) & LOW << 7;
    let plus = !kept & LOW << 7;
    word ^ ((plus >> 7) * u64::from(b'+' ^ b' '))
}

/// Lengths of user agents with their first and last bytes, in which `+` is a blank.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AgentFilter {
    lengths: Flat<u64>,
    edges: Flat<u64>,
}

impl AgentFilter {
    /// Lengths that are told apart; longer ones are taken as one.
    const LENGTHS: usize = 1024;

    /// Words of the table of first and last bytes.
    const EDGES: usize = 1024;

    /// Over all agents.
    pub(super) fn new<'a>(agents: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut agents = agents.into_iter().peekable();
        if agents.peek().is_none() {
            return Self::default();
        }
        let (mut lengths, mut edges) = (vec![0u64; Self::LENGTHS / 64], vec![0u64; Self::EDGES]);
        for agent in agents {
            let bit = agent.len().min(Self::LENGTHS - 1);
            lengths[bit / 64] |= 1 << (bit % 64);
            if let Some(key) = Self::key(agent) {
                edges[(key >> 54) as usize] |= 1 << (key >> 48 & 63);
            }
        }
        Self { lengths: lengths.into(), edges: edges.into() }
    }

    /// True if nothing passes.
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// Writes the filter.
    pub(super) fn store<'t>(&'t self, name: &str, out: &mut Sections<'t>) {
        out.put(name, "lengths", &self.lengths);
        out.put(name, "edges", &self.edges);
    }

    /// Reads a filter.
    pub(super) fn load(name: &str, from: &mut Found) -> Result<Self, Fault> {
        let filter = Self { lengths: from.take(name, "lengths")?, edges: from.take(name, "edges")? };
        let lengths = (filter.lengths.len(), filter.edges.len());
        let fits = lengths == (0, 0) || lengths == (Self::LENGTHS / 64, Self::EDGES);
        holds(fits, name, "has parts that do not fit together")?;
        Ok(filter)
    }

    #[inline(always)]
    fn key(agent: &[u8]) -> Option<u64> {
        let (first, last) = (agent.first_chunk()?, agent.last_chunk()?);
        let part = |bytes: &[u8; 8]| plus_as_blank(u64::from_le_bytes(*bytes));
        let mixed = folded(part(first) ^ MIX[1], part(last) ^ MIX[2]);
        Some((mixed ^ agent.len() as u64).wrapping_mul(MIX[0]))
    }

    /// True if some agent has this length.
    #[inline(always)]
    pub fn may_measure(&self, length: usize) -> bool {
        let bit = length.min(Self::LENGTHS - 1);
        self.lengths.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1)
    }

    /// True if an agent may be in the set.
    #[inline(always)]
    pub fn may_hold(&self, agent: &[u8]) -> bool {
        self.may_measure(agent.len())
            && Self::key(agent).is_none_or(|key| {
                self.edges.get((key >> 54) as usize).is_some_and(|word| word >> (key >> 48 & 63) & 1 == 1)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plus_is_a_blank_in_every_byte() {
        for bytes in [*b"++++++++", *b"a+b,*+-+", [0x2B, 0xAB, 0x2A, 0x2C, 0, 255, 0x20, 0x2B]] {
            let expected = bytes.map(|b| if b == b'+' { b' ' } else { b });
            assert_eq!(plus_as_blank(u64::from_le_bytes(bytes)).to_le_bytes(), expected);
        }
    }

    /// The keys as they are met in a text are those that were taken in.
    #[test]
    fn what_was_added_passes() {
        let names =
            ["evil.com", "a.b", ".profile", "a..rc", "lib.so.1", "x.averyverylonglabel-of-many-many-letters.example"];
        let mut notes = Notes::default();
        names.iter().for_each(|name| notes.add(name.as_bytes()));
        notes.add(b"single");
        let filter = NameFilter::new(notes);
        for name in names {
            assert!(filter.may_hold(name.as_bytes()) && filter.may_hold(name.to_uppercase().as_bytes()), "{name}");
        }
        assert!(filter.may_hold(b"WWW.Evil.COM"));
        for other in ["single", "com", "evil.org", "notevil.com", "evil.com.au", ""] {
            assert!(!filter.may_hold(other.as_bytes()), "{other}");
        }
    }
}

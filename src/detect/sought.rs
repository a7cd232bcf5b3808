//! A text of a rule, as it is looked for in values.

use std::sync::OnceLock;

use memchr::memmem::Finder;

use super::grams::Pairs;

/// How the bytes of a text are looked for.
#[derive(Debug, Clone)]
pub(super) struct Sought {
    rare: Rare,
    pairs: Pairs,
    /// Made when a long value first asks.
    finder: OnceLock<Box<Finder<'static>>>,
}

impl Sought {
    /// Of a text; in lower case where case is ignored.
    pub fn new(text: &[u8]) -> Self {
        Self { rare: Rare::of(text), pairs: Pairs::of(text), finder: OnceLock::new() }
    }

    /// Its runs of two bytes.
    pub fn pairs(&self) -> Pairs {
        self.pairs
    }

    /// What finds the text in a long value that is in lower case.
    pub fn finder(&self, text: &[u8]) -> &Finder<'static> {
        self.finder.get_or_init(|| Box::new(Finder::new(&text.to_ascii_lowercase()).into_owned()))
    }

    /// Where in a value the text may begin.
    ///
    /// PERF: a byte that values seldom hold is looked for; most texts begin with one that they are full of.
    pub fn places<'v>(&self, value: &'v [u8]) -> impl Iterator<Item = usize> + use<'v> {
        let Rare { byte, at } = self.rare;
        let from = value.get(usize::from(at)..).unwrap_or_default();
        memchr::memchr2_iter(byte, byte.to_ascii_uppercase(), from)
    }
}

/// The byte of a text that values of logs hold least often, and its place.
#[derive(Debug, Clone, Copy)]
struct Rare {
    byte: u8,
    at: u8,
}

impl Rare {
    fn of(text: &[u8]) -> Self {
        let rank = |byte: u8| RANKS[usize::from(byte)];
        let bytes = (0u8..).zip(text.iter().map(u8::to_ascii_lowercase)).take(usize::from(u8::MAX));
        let (at, byte) = bytes.max_by_key(|(at, byte)| (rank(*byte), u8::MAX - at)).unwrap_or_default();
        Self { byte, at }
    }
}

/// How rare bytes are in values of logs.
static RANKS: [u8; 256] = {
    // The most common first; what is not here is rarer than all.
    const COMMON: &[u8] = b"e tasinorlc\\dmpu.-0g:fw1hybv/23k_4x58679j,=\"";
    let (mut ranks, mut at) = ([COMMON.len() as u8; 256], 0);
    while at < COMMON.len() {
        ranks[COMMON[at] as usize] = at as u8;
        at += 1;
    }
    ranks
};

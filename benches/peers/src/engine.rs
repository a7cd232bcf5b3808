//! The matchers side by side, each behind one seam: made from a list, then asked for the ends of matches in a piece.

use aho_corasick::AhoCorasick;
use daachorse::DoubleArrayAhoCorasick;
use exfiltrace::indicators::Builder;
use exfiltrace::model::atoms::Atoms;
use exfiltrace::model::hit::MatchKind;
use exfiltrace::model::indicator::Indicators;
use exfiltrace::sift::Sift;

/// A matcher that is ready.
pub trait Engine {
    /// Calls `met` with the end of each match in a piece of text.
    fn scan(&mut self, piece: &[u8], met: &mut dyn FnMut(usize));
}

/// A matcher as the table shows it.
pub struct Entry {
    pub name: &'static str,
    /// Whole tokens in any case, or bytes wherever they stand.
    pub is_exact: bool,
    pub make: fn(&[&str]) -> Box<dyn Engine>,
}

/// All of them, ours first.
pub fn all() -> Vec<Entry> {
    vec![
        Entry { name: "exfiltrace", is_exact: true, make: |list| Box::new(Ours::new(list)) },
        #[cfg(feature = "hyperscan")]
        Entry { name: "hyperscan", is_exact: false, make: |list| Box::new(Hyperscan::new(list, false)) },
        #[cfg(feature = "hyperscan")]
        Entry { name: "hyperscan caseless", is_exact: false, make: |list| Box::new(Hyperscan::new(list, true)) },
        Entry { name: "aho-corasick", is_exact: false, make: |list| Box::new(Automaton::new(list)) },
        Entry { name: "daachorse", is_exact: false, make: |list| Box::new(DoubleArray::new(list)) },
    ]
}

/// The sift over compiled indicators.
struct Ours {
    indicators: Indicators,
    atoms: Atoms,
    hits: Vec<exfiltrace::model::indicator::RawHit>,
}

impl Ours {
    fn new(list: &[&str]) -> Self {
        let mut builder = Builder::new();
        builder.add("bench", "", list.join("\n").as_bytes());
        let (indicators, refused) = builder.finish();
        assert!(refused.is_empty(), "{:?}", &refused[..refused.len().min(3)]);
        Self { indicators, atoms: Atoms::default(), hits: Vec::new() }
    }
}

impl Engine for Ours {
    fn scan(&mut self, piece: &[u8], met: &mut dyn FnMut(usize)) {
        self.hits.clear();
        Sift::new(&self.indicators, &self.atoms).indicators(piece, &mut self.hits);
        // The host of a URL without its path is a weaker sort of hit, which the others do not have.
        self.hits.iter().filter(|hit| hit.how != MatchKind::UrlHost).for_each(|hit| met(hit.end));
    }
}

/// The crate behind ripgrep, with what it chooses by itself.
struct Automaton(AhoCorasick);

impl Automaton {
    fn new(list: &[&str]) -> Self {
        Self(AhoCorasick::new(list).expect("the list fits"))
    }
}

impl Engine for Automaton {
    fn scan(&mut self, piece: &[u8], met: &mut dyn FnMut(usize)) {
        self.0.find_overlapping_iter(piece).for_each(|found| met(found.end()));
    }
}

struct DoubleArray(DoubleArrayAhoCorasick<u32>);

impl DoubleArray {
    fn new(list: &[&str]) -> Self {
        Self(DoubleArrayAhoCorasick::new(list).expect("the list fits"))
    }
}

impl Engine for DoubleArray {
    fn scan(&mut self, piece: &[u8], met: &mut dyn FnMut(usize)) {
        self.0.find_overlapping_iter(piece).for_each(|found| met(found.end()));
    }
}

#[cfg(feature = "hyperscan")]
struct Hyperscan(crate::hyperscan::Database);

#[cfg(feature = "hyperscan")]
impl Hyperscan {
    fn new(list: &[&str], caseless: bool) -> Self {
        let literals: Vec<&[u8]> = list.iter().map(|value| value.as_bytes()).collect();
        Self(crate::hyperscan::Database::new(&literals, caseless))
    }
}

#[cfg(feature = "hyperscan")]
impl Engine for Hyperscan {
    fn scan(&mut self, piece: &[u8], met: &mut dyn FnMut(usize)) {
        self.0.scan(piece, met);
    }
}

//! The names that were asked for below one domain: a sample of the distinct ones, from which their number and their looks
//! are told.

use super::hash::hash_name;
use super::label;

/// Names that are kept below one domain.
pub const NAMES_KEPT: usize = 256;
/// Names are kept up to so many bytes; no valid one is longer, but for escapes.
const NAME_BYTES: usize = 255;

/// Types of records by which names were asked for, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Kinds(pub u8);

impl Kinds {
    /// Addresses, and what every browser asks for beside them.
    pub const COMMON: Self = Self(1);
    /// Types whose answers hold text or names, which tunnels use and others do too.
    pub const ROOMY: Self = Self(2);
    /// Types that nothing but tunnels asks for: NULL, and the numbers for private use.
    pub const ODD: Self = Self(4);
    /// Most bits that are known.
    pub const ALL: Self = Self(7);

    /// The kind of a record type by its word or number; none where the log does not say it.
    pub fn of(word: &[u8]) -> Self {
        // PERF: nearly all questions are of these.
        if matches!(word, b"A" | b"AAAA" | b"HTTPS" | b"PTR") {
            return Self::COMMON;
        }
        let digits = word.strip_prefix(b"TYPE").unwrap_or(word);
        let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u16>().ok());
        let is = |words: &[&str]| words.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(word));
        match number {
            Some(10 | 65_280..=65_534) => Self::ODD,
            Some(5 | 13 | 15 | 16 | 25 | 33 | 35) => Self::ROOMY,
            Some(_) => Self::COMMON,
            None if is(&["NULL"]) => Self::ODD,
            None if is(&["TXT", "CNAME", "MX", "SRV", "KEY", "NAPTR", "HINFO"]) => Self::ROOMY,
            None if word.is_empty() || word == b"-" => Self(0),
            None => Self::COMMON,
        }
    }

    /// Whether it has one of these.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// A name that was asked for, without the domain that it lies below.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    hash: u64,
    /// The name, in lower case.
    pub text: Box<str>,
    /// By which types of records.
    pub kinds: Kinds,
}

/// Whether a name may be one of a tunnel, so that it is kept: part of it looks encoded, or its type says so.
pub fn is_told(name: &[u8], kinds: Kinds) -> bool {
    kinds.has(Kinds::ODD) || label::carried(name) > 0
}

/// The distinct names below one domain, of many a sample: the [`NAMES_KEPT`] with the smallest hashes. Which these are does
/// not depend on the order in which names come, nor on how often.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names(Vec<Name>);

impl Names {
    /// Adds a name in lower case; true if it took room. A known one costs a hash and a search.
    pub fn add(&mut self, text: &str, kinds: Kinds) -> bool {
        let text = &text[..text.floor_char_boundary(NAME_BYTES)];
        self.put(hash(text), text, kinds)
    }

    fn put(&mut self, hash: u64, text: &str, kinds: Kinds) -> bool {
        let found = self.0.binary_search_by(|known| (known.hash, &*known.text).cmp(&(hash, text)));
        let at = match found {
            Ok(at) => {
                self.0[at].kinds.0 |= kinds.0;
                return false;
            }
            Err(NAMES_KEPT) => return false,
            Err(at) => at,
        };
        let is_full = self.0.len() == NAMES_KEPT;
        self.0.truncate(NAMES_KEPT - 1);
        self.0.insert(at, Name { hash, text: text.into(), kinds });
        !is_full
    }

    /// Joins what another account tells of the same domain.
    pub fn join(&mut self, other: &Self) {
        for name in &other.0 {
            self.put(name.hash, &name.text, name.kinds);
        }
    }

    /// The kept ones, in the order of their hashes.
    pub fn kept(&self) -> &[Name] {
        &self.0
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all names are kept.
    pub fn is_whole(&self) -> bool {
        self.0.len() < NAMES_KEPT
    }

    /// Whether nearly all of these names are among others: as far as both samples reach, nine in ten.
    pub fn lie_within(&self, others: &Self) -> bool {
        let reach = |names: &Self| names.0.last().filter(|_| !names.is_whole()).map_or(u64::MAX, |last| last.hash);
        let reach = reach(self).min(reach(others));
        let own: Vec<&Name> = self.0.iter().take_while(|name| name.hash <= reach).collect();
        let is_known = |name: &&&Name| {
            let at = others.0.binary_search_by(|known| (known.hash, &*known.text).cmp(&(name.hash, &*name.text)));
            at.is_ok()
        };
        !own.is_empty() && own.iter().filter(is_known).count() * 10 >= own.len() * 9
    }

    /// How many distinct names there are: exact as long as all are kept, else told from how small the hashes of those are
    /// that are (one standard error is 6 %).
    pub fn count(&self) -> u64 {
        match self.0.last() {
            Some(last) if !self.is_whole() => {
                let others = (NAMES_KEPT - 1) as u128;
                u64::try_from((others << 64) / u128::from(last.hash.max(1))).unwrap_or(u64::MAX)
            }
            _ => self.0.len() as u64,
        }
    }
}

/// Names as they were kept; `None` where they are not in their order or too many.
pub fn kept(names: impl Iterator<Item = (Kinds, Box<str>)>) -> Option<Names> {
    let names: Vec<Name> = names.map(|(kinds, text)| Name { hash: hash(&text), text, kinds }).collect();
    let is_sorted = names.is_sorted_by(|a, b| (a.hash, &a.text) < (b.hash, &b.text));
    let are_short = names.iter().all(|name| name.text.len() <= NAME_BYTES && name.kinds.0 <= Kinds::ALL.0);
    (is_sorted && are_short && names.len() <= NAMES_KEPT).then_some(Names(names))
}

/// A hash of which every bit depends on every byte.
fn hash(text: &str) -> u64 {
    let mut hash = hash_name(text.as_bytes());
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        hash = (hash ^ (hash >> 33)).wrapping_mul(factor);
    }
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(range: impl Iterator<Item = u32>) -> Names {
        let mut names = Names::default();
        range.for_each(|n| {
            names.add(&format!("{n:08x}.t"), Kinds::ROOMY);
        });
        names
    }

    #[test]
    fn a_sample_does_not_depend_on_order_parts_or_repeats() {
        for count in [3, 255, 256, 257, 20_000] {
            let forward = of(0..count);
            let mut joined = of((0..count / 2).rev());
            joined.join(&of((count / 3..count).chain(0..7.min(count)).rev()));
            assert_eq!(forward, joined, "{count}");
            let told = forward.count() as f64 / f64::from(count);
            assert!((0.8..1.25).contains(&told), "{count}: {told}");
            assert!(count > 255 || forward.count() == u64::from(count) && forward.is_whole());
        }
    }

    #[test]
    fn parts_of_a_sample_lie_within_it() {
        for count in [30, 9000] {
            let (whole, part, other) = (of(0..count), of(0..count / 3), of(count..count * 2));
            assert!(whole.lie_within(&whole) && part.lie_within(&whole), "{count}");
            assert!(!whole.lie_within(&part) && !other.lie_within(&whole) && !Names::default().lie_within(&whole));
        }
    }

    #[test]
    fn a_type_is_known_by_its_word_and_its_number() {
        for odd in ["NULL", "null", "65399", "TYPE65399", "10", "TYPE10"] {
            assert_eq!(Kinds::of(odd.as_bytes()), Kinds::ODD, "{odd}");
        }
        for (word, kinds) in [("TXT", Kinds::ROOMY), ("16", Kinds::ROOMY), ("AAAA", Kinds::COMMON), ("", Kinds(0))] {
            assert_eq!(Kinds::of(word.as_bytes()), kinds, "{word}");
        }
        assert!(is_told(b"pabaa5fy", Kinds::ODD) && !is_told(b"www", Kinds::ROOMY));
    }
}

//! Texts that stand at an end of a value: eight bytes tell most values that do not have them there.

use super::pattern::Pattern;

/// The bytes at one end of a text, with ASCII letters in lower case, eight at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    /// Which of the eight count.
    mask: u64,
    want: u64,
}

impl Key {
    #[inline]
    fn fits(self, bytes: u64) -> bool {
        (bytes ^ self.want) & self.mask == 0
    }
}

/// Which end of a value a pattern is bound to, and how that looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    /// The value begins so.
    Head(Head),
    /// The value ends so.
    Tail(Tail),
}

/// How a value begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head(Key);

/// How a value ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tail(Key);

impl Anchor {
    /// That of a pattern whose values begin with a text.
    pub fn head(text: &[u8]) -> Self {
        let mask = u64::MAX >> (64 - 8 * text.len().clamp(1, 8));
        Self::Head(Head(Key { mask, want: head(text) & mask }))
    }

    /// That of a pattern whose values end with a text.
    pub fn tail(text: &[u8]) -> Self {
        let mask = u64::MAX << (64 - 8 * text.len().clamp(1, 8));
        Self::Tail(Tail(Key { mask, want: tail(text) & mask }))
    }

    /// Whether a value may have this end, case ignored; false is certain.
    #[inline]
    pub fn may_fit(self, value: &[u8]) -> bool {
        match self {
            Self::Head(Head(key)) => key.fits(head(value)),
            Self::Tail(Tail(key)) => key.fits(tail(value)),
        }
    }
}

/// The first eight bytes, the first of them lowest, zeros behind a shorter text; ASCII letters in lower case.
#[inline]
fn head(text: &[u8]) -> u64 {
    lowered(match text.first_chunk() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => text.iter().rev().fold(0, |bytes, byte| bytes << 8 | u64::from(*byte)),
    })
}

/// The last eight bytes, the last of them highest, zeros before a shorter text; ASCII letters in lower case.
#[inline]
fn tail(text: &[u8]) -> u64 {
    lowered(match text.last_chunk() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => text.iter().fold(0, |bytes, byte| bytes >> 8 | u64::from(*byte) << 56),
    })
}

/// Eight bytes with ASCII letters in lower case.
#[inline]
fn lowered(bytes: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * EACH;
    let low = bytes & !HIGH;
    let from_a = low + (0x80 - u64::from(b'A')) * EACH;
    let behind_z = low + (0x7F - u64::from(b'Z')) * EACH;
    let large = (from_a ^ behind_z) & HIGH & !bytes;
    bytes | large >> 2
}

/// Many texts of one list, each bound to an end of a value.
#[derive(Debug, Clone)]
pub(super) struct Anchored {
    /// Each with the number of its pattern.
    heads: Box<[(Head, u32)]>,
    tails: Box<[(Tail, u32)]>,
    patterns: Vec<Pattern>,
}

impl Anchored {
    /// Patterns that are each bound to an end; `None` where one is not.
    pub fn new(patterns: Vec<Pattern>) -> Option<Self> {
        let (mut heads, mut tails) = (Vec::new(), Vec::new());
        for (number, pattern) in (0u32..).zip(&patterns) {
            match pattern.anchor()? {
                Anchor::Head(head) => heads.push((head, number)),
                Anchor::Tail(tail) => tails.push((tail, number)),
            }
        }
        Some(Self { heads: heads.into(), tails: tails.into(), patterns })
    }

    /// Whether the value matches one of them.
    pub fn any_fits(&self, value: &[u8]) -> bool {
        let fits = |number: u32| self.patterns[number as usize].matches(value);
        let ends = !self.tails.is_empty() && {
            let bytes = tail(value);
            self.tails.iter().any(|(Tail(key), number)| key.fits(bytes) && fits(*number))
        };
        ends || !self.heads.is_empty() && {
            let bytes = head(value);
            self.heads.iter().any(|(Head(key), number)| key.fits(bytes) && fits(*number))
        }
    }

    /// The texts, each as the pattern that it was.
    pub fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::pattern::tokens;

    #[test]
    fn ends_of_values_are_told_with_case_ignored_and_none_is_denied() {
        let texts: [&[u8]; 9] =
            [b"a", b"Z", b"\\cmd.exe", b"@[`{", b"abcdefgh", b"abcdefghi", b"\0", b"\xc3\xa4x", b"AZaz09zA"];
        for text in texts {
            for around in [&b""[..], b"q", b"\0", b"QQQQQQQQQQQQ", b"\xff"] {
                let large = text.to_ascii_uppercase();
                assert!(Anchor::head(text).may_fit(&[&large, around].concat()), "{text:?} {around:?}");
                assert!(Anchor::tail(text).may_fit(&[around, &large].concat()), "{text:?} {around:?}");
            }
        }
        for byte in 0..=u8::MAX {
            let lower = u64::from_le_bytes([byte.to_ascii_lowercase(); 8]);
            assert_eq!(lowered(u64::from_le_bytes([byte; 8])), lower, "{byte:#x}");
        }
        for other in [&b""[..], b"exe", b"\\cmd.exf", b"xcmd.exe", b"\\cmd.exe "] {
            assert!(!Anchor::tail(b"\\cmd.exe").may_fit(other), "{other:?}");
        }
        assert!(!Anchor::head(b"c:\\users").may_fit(b"c:\\user") && !Anchor::head(b"@").may_fit(b"`"));
    }

    #[test]
    fn a_list_matches_what_one_of_its_texts_does() {
        let texts = ["*\\cmd.exe", "c:\\temp\\*", "whole", "*s", "*.EXE", "a*z", "*€.exe"];
        let patterns: Vec<Pattern> = texts.iter().map(|text| Pattern::new(&tokens(text), false)).collect();
        let list = Anchored::new(patterns.clone()).unwrap();
        let values = ["C:\\Windows\\CMD.exe", "C:\\TEMP\\x", "WHOLE", "wholes", "", "s", "x€.EXE", "az", "a", "cmd.ex"];
        for value in values.map(str::as_bytes) {
            assert_eq!(list.any_fits(value), patterns.iter().any(|pattern| pattern.matches(value)), "{value:?}");
        }
        assert!(list.any_fits(b"AxxZ") && !list.any_fits(b"cmd.ex") && !list.any_fits(b""));
        assert!(Anchored::new(vec![Pattern::new(&tokens("*in*"), false)]).is_none());
    }
}

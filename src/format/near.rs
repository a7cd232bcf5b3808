//! Bytes that stand close by: the end of a word, the quote behind a short string, the end of a number.
//!
//! PERF: a call of `memchr` costs as much as a look at sixty-four bytes at once, or at forty, eight at a time; words of logs are
//! shorter. Beyond them the library goes on. Byte by byte costs more yet: how long a word is, no processor can foresee, and each
//! time it has to begin anew is as dear as twenty bytes. So one mask tells of sixty-four where so many are left.

use crate::model::lanes::{BLOCK, Lanes, NATIVE};

/// Bytes that are looked at without a call where fewer than a block are left.
const NEAR_BYTES: usize = 40;
const LOW: u64 = 0x0101_0101_0101_0101;

/// Marks the bytes of a word that are this one. The lowest mark is right; those above it may be false.
#[inline]
fn marks(word: u64, byte: u8) -> u64 {
    let differs = word ^ (LOW * u64::from(byte));
    differs.wrapping_sub(LOW) & !differs & (LOW << 7)
}

#[inline]
fn find(
    bytes: &[u8],
    mask: impl Fn(&[u8; BLOCK]) -> u64,
    marked: impl Fn(u64) -> u64,
    far: impl Fn(&[u8]) -> Option<usize>,
) -> Option<usize> {
    if let Some(block) = bytes.first_chunk() {
        return match mask(block) {
            0 => far(&bytes[BLOCK..]).map(|n| BLOCK + n),
            found => Some(found.trailing_zeros() as usize),
        };
    }
    let mut at = 0;
    while at < NEAR_BYTES
        && let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk)
    {
        let found = marked(u64::from_le_bytes(*chunk));
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    far(&bytes[at..]).map(|n| at + n)
}

/// Where a byte first stands.
#[inline]
pub fn one(byte: u8, bytes: &[u8]) -> Option<usize> {
    let mask = |block: &[u8; BLOCK]| NATIVE.equal(NATIVE.load(block), byte);
    find(bytes, mask, |word| marks(word, byte), |rest| memchr::memchr(byte, rest))
}

/// Where the first of two bytes stands.
#[inline]
pub fn either(a: u8, b: u8, bytes: &[u8]) -> Option<usize> {
    let mask = |block: &[u8; BLOCK]| {
        let block = NATIVE.load(block);
        NATIVE.equal(block, a) | NATIVE.equal(block, b)
    };
    find(bytes, mask, |word| marks(word, a) | marks(word, b), |rest| memchr::memchr2(a, b, rest))
}

/// What stands before the first blank, and the rest from there on.
#[inline]
pub fn word(bytes: &[u8]) -> (&[u8], &[u8]) {
    bytes.split_at(one(b' ', bytes).unwrap_or(bytes.len()))
}

/// What stands before a byte and what stands behind it; `None` where it does not stand there.
#[inline]
pub fn around(byte: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = one(byte, bytes)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

/// What stands between blanks, one after the other.
pub struct Words<'b>(pub &'b [u8]);

impl<'b> Iterator for Words<'b> {
    type Item = &'b [u8];

    fn next(&mut self) -> Option<&'b [u8]> {
        let from = self.0.iter().position(|byte| *byte != b' ')?;
        let (found, rest) = word(&self.0[from..]);
        self.0 = rest;
        Some(found)
    }
}

/// Whether the bytes are four numbers of at most three digits with dots between them, each below 256 and without leading zeros.
///
/// PERF: nothing here depends on where the dots are, so that the processor has nothing to foresee.
#[inline]
pub fn is_quad(bytes: &[u8]) -> bool {
    if !(7..=15).contains(&bytes.len()) {
        return false;
    }
    let words = words(bytes);
    let [low, high] = words.map(|word| [within(word, b'.', b'.'), within(word, b'0', b'9')].map(bits));
    // A dot behind the last number.
    let [mut dots, digits] = [low[0] | high[0] << 8 | 1 << bytes.len(), low[1] | high[1] << 8];
    let mut is_good = dots.count_ones() == 4 && dots | digits == (2 << bytes.len()) - 1;
    let text = u128::from(words[0]) | u128::from(words[1]) << 64;
    let mut from = 0;
    for _ in 0..4 {
        let end = dots.trailing_zeros().min(15);
        dots &= dots.wrapping_sub(1);
        let number = (text >> (8 * from)) as u32;
        let length = end.wrapping_sub(from);
        let is_small = (length < 3) | (number.swap_bytes() >> 8 <= u32::from_be_bytes(*b"\x00255"));
        is_good &= matches!(length, 1..=3) & ((length == 1) | (number as u8 != b'0')) & is_small;
        from = (end + 1).min(15);
    }
    is_good
}

/// Seven to fifteen bytes as two words, with zeros behind them.
#[inline]
fn words(bytes: &[u8]) -> [u64; 2] {
    match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => [
            u64::from_le_bytes(*first),
            u64::from_le_bytes(*last).checked_shr(8 * (16 - bytes.len() as u32)).unwrap_or(0),
        ],
        _ => [bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0],
    }
}

/// Whether all bytes are digits.
#[inline]
pub fn is_digits(bytes: &[u8]) -> bool {
    if bytes.len() < 8 {
        // PERF: all are looked at, so that the processor need not foresee which differs.
        return bytes.iter().fold(true, |all, byte| all & byte.is_ascii_digit());
    }
    bytes.iter().all(u8::is_ascii_digit)
}

/// Marks the bytes of a word that are of a range of ASCII.
#[inline]
fn within(word: u64, first: u8, last: u8) -> u64 {
    let low = word & !HIGH;
    let [from, above] = [first, last + 1].map(|byte| low.wrapping_add(LOW * u64::from(0x80 - byte)));
    (from ^ above) & !word & HIGH
}

/// One bit for each mark, the lowest for the first byte.
#[inline]
fn bits(marks: u64) -> u32 {
    ((marks >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32
}

/// Ranges of a [`Class`].
const RANGES: usize = 4;
const HIGH: u64 = LOW << 7;

/// Bytes of a few ranges of ASCII, or all others.
#[derive(Debug, Clone, Copy)]
pub struct Class {
    /// Of each range what is added to a byte of seven bits so that it has the eighth if it is of the range or above it,
    /// and if it is above it. A range of nothing has the same twice.
    ranges: [(u64, u64); RANGES],
    /// Whether the bytes are those that are in no range.
    is_others: bool,
}

impl Class {
    /// The bytes of a set; `None` where it has too many ranges.
    pub fn of(set: &[bool; 256]) -> Option<Self> {
        let is_others = set[0x80];
        if set[0x80..].iter().any(|is_in| *is_in != is_others) {
            return None;
        }
        let (mut ranges, mut count, mut at) = ([(0, 0); RANGES], 0, 0);
        while at < 0x80 {
            let length = set[at..0x80].iter().take_while(|is_in| **is_in != is_others).count();
            if length > 0 {
                *ranges.get_mut(count)? = (LOW * (0x80 - at as u64), LOW * (0x80 - (at + length) as u64));
                count += 1;
            }
            at += length.max(1);
        }
        Some(Self { ranges, is_others })
    }

    /// Marks the bytes of a word that are not of the class.
    #[inline]
    fn others(&self, word: u64) -> u64 {
        let low = word & !HIGH;
        let within =
            self.ranges.iter().fold(0, |all, (from, above)| all | (low.wrapping_add(*from) ^ low.wrapping_add(*above)));
        let is_in = within & !word & HIGH;
        if self.is_others { is_in } else { is_in ^ HIGH }
    }

    /// How many bytes of the class a text begins with; `most` at most.
    #[inline]
    pub fn length(&self, text: &[u8], most: usize) -> usize {
        let mut at = 0;
        while at < most {
            let Some(rest) = text.get(at..) else { break };
            let (word, count) = match rest.first_chunk() {
                Some(chunk) => (u64::from_le_bytes(*chunk), 8),
                None => (rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)), rest.len()),
            };
            let found = (self.others(word).trailing_zeros() as usize / 8).min(count);
            at += found;
            if found < 8 {
                break;
            }
        }
        at.min(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quad_is_what_the_standard_library_reads() {
        let parts = [
            "0", "7", "00", "01", "10", "99", "100", "199", "249", "255", "256", "260", "300", "1000", "", "1x", "/",
            ":",
        ];
        let is_v4 = |text: &str| text.parse::<std::net::Ipv4Addr>().is_ok();
        for one in parts {
            for other in parts {
                for text in [
                    format!("{one}.{other}.1.22"),
                    format!("9.{one}.{other}.333"),
                    format!("1.22.{one}.{other}"),
                    format!("{one}.1.{other}"),
                    format!("{other}.1.2.3.{one}"),
                ] {
                    assert_eq!(is_quad(text.as_bytes()), is_v4(&text), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_class_is_as_long_as_its_bytes() {
        let sets: [fn(u8) -> bool; 7] = [
            |byte| byte.is_ascii_digit(),
            |byte| byte.is_ascii_hexdigit() || byte == b'.' || byte == b':',
            |byte| byte.is_ascii_alphanumeric() || byte == b'_',
            |byte| byte != b' ' && byte != b'"' && byte != 0,
            |byte| byte < 0x80,
            |byte| byte == 0x7f || byte == 0,
            |_| true,
        ];
        for is_in in sets {
            let class = Class::of(&std::array::from_fn(|byte| is_in(byte as u8))).unwrap();
            for byte in 0..=u8::MAX {
                for at in 0..20 {
                    let member = (0..=u8::MAX).find(|byte| is_in(*byte)).unwrap();
                    let mut text = [member; 20];
                    text[at] = byte;
                    for (text, most) in [(&text[..], usize::MAX), (&text[..=at], 9), (&text[..], 3)] {
                        let expected = text.iter().take(most).take_while(|byte| is_in(**byte)).count();
                        assert_eq!(class.length(text, most), expected, "{byte} at {at}, {most}");
                    }
                }
            }
        }
        assert!(Class::of(&std::array::from_fn(|byte| byte % 2 == 1)).is_none());
        assert!(Class::of(&std::array::from_fn(|byte| byte > 0x90)).is_none());
    }

    #[test]
    fn bytes_are_found_where_the_library_finds_them() {
        for length in 0..64 {
            for at in 0..=length {
                for byte in [b'"', b'\\', b'!', b'#', b'[', b']', 0, 0x80, 0xff] {
                    let mut text = vec![b'x'; length];
                    text.insert(at, byte);
                    text.extend_from_slice(b"\"\\");
                    for text in [&text[..], &text[..length]] {
                        assert_eq!(either(b'"', b'\\', text), memchr::memchr2(b'"', b'\\', text));
                        assert_eq!(one(byte, text), memchr::memchr(byte, text));
                    }
                }
            }
        }
    }
}

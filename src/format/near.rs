//! Bytes that stand close by: the end of a word, the quote behind a short string.
//!
//! PERF: a call of `memchr` costs as much as a look at forty bytes, eight at a time; words of logs are shorter. Beyond them
//! the library goes on.

/// Bytes that are looked at without a call.
const NEAR_BYTES: usize = 40;
const LOW: u64 = 0x0101_0101_0101_0101;

/// Marks the bytes of a word that are this one. The lowest mark is right; those above it may be false.
#[inline]
fn marks(word: u64, byte: u8) -> u64 {
    let differs = word ^ (LOW * u64::from(byte));
    differs.wrapping_sub(LOW) & !differs & (LOW << 7)
}

#[inline]
fn find(bytes: &[u8], marked: impl Fn(u64) -> u64, far: impl Fn(&[u8]) -> Option<usize>) -> Option<usize> {
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
    find(bytes, |word| marks(word, byte), |rest| memchr::memchr(byte, rest))
}

/// Where the first of two bytes stands.
#[inline]
pub fn either(a: u8, b: u8, bytes: &[u8]) -> Option<usize> {
    find(bytes, |word| marks(word, a) | marks(word, b), |rest| memchr::memchr2(a, b, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

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

//! Numbers of digits alone, as logs write sizes and counts.

const ZEROS: u64 = 0x3030_3030_3030_3030;
/// Digits of the largest number that is read: no more of them are sure to fit.
const MOST: usize = 19;

/// The number that 1 to 19 digits write; `None` where a byte is none, or where there are more.
///
/// PERF: how many digits a size has, no processor can foresee, and a loop over them has it begin anew at every second record. Up to
/// eight are one word, and nothing but two sorts of lengths is told apart.
#[inline]
pub fn number(digits: &[u8]) -> Option<u64> {
    match word(digits) {
        Some(word) => eight(word),
        None => long(digits),
    }
}

/// One to eight bytes, the last of them at the upper end, and zeros as digits before them.
#[inline]
fn word(digits: &[u8]) -> Option<u64> {
    let length = digits.len();
    let text = match (digits.first_chunk::<4>(), digits.last_chunk::<4>()) {
        (Some(first), Some(last)) if length <= 8 => {
            let [first, last] = [first, last].map(|half| u64::from(u32::from_le_bytes(*half)));
            first | last << (8 * (length - 4))
        }
        (None, _) => {
            let [first, .., last] = *digits else {
                return digits.first().map(|only| u64::from(*only) << 56 | ZEROS >> 8);
            };
            let middle = u64::from(digits[length / 2]) << (8 * (length / 2));
            u64::from(first) | middle | u64::from(last) << (8 * (length - 1))
        }
        _ => return None,
    };
    let unused = 8 * (8 - length as u32);
    Some(text.checked_shl(unused)? | ZEROS.checked_shr(64 - unused).unwrap_or(0))
}

/// The number of eight digits.
#[inline]
fn eight(word: u64) -> Option<u64> {
    let values = word ^ ZEROS;
    // Above 9 a byte reaches its upper half, as it is or with 6 more.
    let is_digits = (values | values.wrapping_add(0x0606_0606_0606_0606)) & 0xF0F0_F0F0_F0F0_F0F0 == 0;
    let pairs = values.wrapping_mul(10).wrapping_add(values >> 8) & 0x00FF_00FF_00FF_00FF;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_FFFF_0000_FFFF;
    let all = fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xFFFF_FFFF;
    is_digits.then_some(all)
}

fn long(digits: &[u8]) -> Option<u64> {
    let is_number = (1..=MOST).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_numbers_are_what_the_long_way_reads() {
        for length in 0..=20 {
            for first in 0..=9u8 {
                let text: Vec<u8> = (0..length).map(|at| b'0' + (first + at * 7) % 10).collect();
                assert_eq!(number(&text), long(&text), "{text:?}");
                for at in 0..text.len() {
                    for byte in 0..=u8::MAX {
                        let mut text = text.clone();
                        text[at] = byte;
                        assert_eq!(number(&text), long(&text), "{text:?}");
                    }
                }
            }
        }
        assert_eq!(number(b"9999999999999999999"), Some(9_999_999_999_999_999_999));
        assert_eq!((number(b""), number(b"10000000000000000000"), number(b"-")), (None, None, None));
    }
}

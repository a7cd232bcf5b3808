//! A record told by its outline: what tallies need of a record that says, but for its time and its numbers, what an
//! earlier one said.

use super::digits;
use super::lasted::Lasted;
use super::time::{Span, Stamp};

/// Most numbers of one outline.
const NUMBERS: usize = 4;

/// The number of a record in its log, and which log that is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Numbered<'b> {
    /// The number, in digits.
    pub number: Option<&'b [u8]>,
    /// The computer that wrote the log.
    pub computer: Option<&'b [u8]>,
    /// The log's channel.
    pub channel: Option<&'b [u8]>,
}

/// The outline of one record, reused from record to record of a block.
///
/// Of two records of one layout whose outlines have the same identity, tallies read the same fields from a parse, but for
/// the time and for fields whose value is one of the numbers: which number is whose follows from the identity as well.
#[derive(Debug, Default)]
pub struct Outline<'b> {
    /// When it happened, as a parse says it.
    pub time: Option<Stamp>,
    /// How long that took of which it tells, as a parse says it.
    pub lasted: Lasted,
    /// The user agent, where it was asked for and the record has one.
    pub agent: Option<&'b [u8]>,
    /// What ties the record to others: its number or that of its session.
    pub tie: Option<&'b [u8]>,
    /// Its number in its log, where it states one.
    pub numbered: Numbered<'b>,
    /// Whether tallies read nothing of the record but its time: the identity is of no use then.
    pub is_silent: bool,
    identity: Vec<u8>,
    /// The digits of each number, and its value.
    numbers: [(&'b [u8], u64); NUMBERS],
    count: usize,
}

impl<'b> Outline<'b> {
    /// Forgets the last record and keeps the buffer.
    pub fn clear(&mut self) {
        self.identity.clear();
        (self.time, self.agent, self.tie, self.is_silent, self.count) = (None, None, None, false, 0);
        (self.lasted, self.numbered) = (Lasted::default(), Numbered::default());
    }

    /// From when to when that was of which it tells; `None` without a time.
    #[inline]
    pub fn span(&self) -> Option<Span> {
        self.time.map(|stamp| self.lasted.span(stamp.at))
    }

    /// Adds a part of the identity.
    #[inline]
    pub fn part(&mut self, part: &[u8]) {
        // Lengths stand between parts, so that no two lists of parts are one identity.
        let length = (part.len() as u32).to_le_bytes();
        if let 0..4 = part.len() {
            // PERF: many parts are a mark or a short word: they and their length are one word.
            let mut word = [0; 8];
            word[..4].copy_from_slice(&length);
            part.iter().zip(&mut word[4..]).for_each(|(byte, to)| *to = *byte);
            let end = self.identity.len() + 4 + part.len();
            self.identity.extend_from_slice(&word);
            self.identity.truncate(end);
            return;
        }
        self.identity.extend_from_slice(&length);
        append(&mut self.identity, part);
    }

    /// Adds a number of at most 19 digits. False where it is none, or one too many: such a record has no outline.
    #[inline]
    pub fn number(&mut self, digits: &'b [u8]) -> bool {
        let (Some(value), Some(free)) = (digits::number(digits), self.numbers.get_mut(self.count)) else {
            return false;
        };
        *free = (digits, value);
        self.count += 1;
        true
    }

    /// From what everything follows but time and numbers.
    pub fn identity(&self) -> &[u8] {
        &self.identity
    }

    /// The value of a number.
    #[inline]
    pub fn value(&self, at: usize) -> Option<u64> {
        self.numbers[..self.count].get(at).map(|(_, value)| *value)
    }

    /// Which number lies at these bytes of the record.
    pub fn place(&self, value: &[u8]) -> Option<usize> {
        self.numbers[..self.count].iter().position(|(known, _)| std::ptr::eq(*known, value))
    }
}

/// Adds a text, most of which are short.
///
/// PERF: copies of a known size are one instruction each, where one of any size is a call; two of them may lie over each other.
#[inline]
fn append(out: &mut Vec<u8>, text: &[u8]) {
    match text.len() {
        0..4 => out.extend_from_slice(text),
        4..8 => by_ends::<4>(out, text),
        8..16 => by_ends::<8>(out, text),
        16..=32 => by_ends::<16>(out, text),
        _ => out.extend_from_slice(text),
    }
}

/// Adds a text of `N` to twice as many bytes.
#[inline]
fn by_ends<const N: usize>(out: &mut Vec<u8>, text: &[u8]) {
    let (Some(first), Some(last)) = (text.first_chunk::<N>(), text.last_chunk::<N>()) else { return };
    let from = out.len() + text.len() - N;
    out.extend_from_slice(first);
    out.truncate(from);
    out.extend_from_slice(last);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_any_length_are_added_whole() {
        let text: Vec<u8> = (0..100).collect();
        for length in 0..text.len() {
            let mut out = b"before".to_vec();
            append(&mut out, &text[..length]);
            assert_eq!(out, [b"before", &text[..length]].concat());
        }
    }

    #[test]
    fn numbers_are_plain_digits_and_found_by_their_place() {
        let text = b"7,18446744073709551616,9999999999999999999,-1,x,7";
        let cells: Vec<&[u8]> = text.split(|&b| b == b',').collect();
        let mut outline = Outline::default();
        let taken: Vec<bool> = cells.iter().map(|cell| outline.number(cell)).collect();
        assert_eq!(taken, [true, false, true, false, false, true]);
        assert_eq!(
            (outline.value(0), outline.value(1), outline.value(3)),
            (Some(7), Some(9_999_999_999_999_999_999), None)
        );
        assert_eq!(
            (outline.place(cells[0]), outline.place(cells[5]), outline.place(cells[3])),
            (Some(0), Some(2), None)
        );
        assert!(outline.number(b"1") && !outline.number(b"2"));
        outline.clear();
        assert_eq!((outline.value(0), outline.place(cells[0])), (None, None));
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let identity = |parts: &[&[u8]]| {
            let mut outline = Outline::default();
            parts.iter().for_each(|part| outline.part(part));
            outline.identity().to_vec()
        };
        assert_ne!(identity(&[b"ab", b"c"]), identity(&[b"a", b"bc"]));
        assert_ne!(identity(&[b"", b"a"]), identity(&[b"a", b""]));
    }
}

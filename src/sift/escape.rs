//! Escapes as logs write them: `%2F` of URLs, `\/` and `\u002f` of JSON, `\=` of CEF, `&amp;` of XML. One layer is undone, never two, but for
//! backslashes: JSON inside of JSON writes `\\/`, and any number of them before a slash is one slash.

use std::borrow::Cow;

/// Backslashes in a row that are taken for one escape, at most.
const BACKSLASHES: usize = 16;

/// How a character is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// As it is.
    Plain,
    /// `\/`, `\u002f`; `\=` of CEF and LEEF too.
    Json,
    /// `&amp;`, as XML and HTML write what stands in URLs.
    Markup,
    /// `%2F`.
    Percent,
}

/// Bytes at the head of `text[start..end]` that belong to an escape before it: `%2F`, `\n`, `\u003d`.
pub(super) fn at_head(text: &[u8], start: usize, end: usize) -> Option<usize> {
    let hex = |n: usize, at: usize| at + n <= end && text[at..at + n].iter().all(u8::is_ascii_hexdigit);
    if start == 0 || start >= end {
        return None;
    }
    match (text[start - 1], text[start]) {
        (b'%', _) if hex(2, start) => Some(2),
        (b'\\', b'n' | b't' | b'r') => Some(1),
        (b'\\', b'u') if hex(4, start + 1) => Some(5),
        (b'\\', b'x') if hex(2, start + 1) => Some(3),
        _ => None,
    }
}

/// The ASCII character that ends at `end`: its byte, where it starts, how it is written. `None` at the start.
pub(super) fn before(text: &[u8], end: usize) -> Option<(u8, usize, Spelling)> {
    let last = *text.get(end.checked_sub(1)?)?;
    if let Some(at) = end.checked_sub(3).filter(|at| text[*at] == b'%')
        && let Some(byte) = hex(&text[at + 1..end])
    {
        return Some((byte, at, Spelling::Percent));
    }
    if let Some(at) = end.checked_sub(6).filter(|at| text[*at..].starts_with(b"\\u00"))
        && let Some(byte) = hex(&text[at + 4..end]).filter(u8::is_ascii)
    {
        return Some((byte, at - backslashes(text, at), Spelling::Json));
    }
    match backslashes(text, end - 1) {
        count if last == b'/' && count > 0 => Some((last, end - 1 - count, Spelling::Json)),
        _ => Some((last, end - 1, Spelling::Plain)),
    }
}

/// Backslashes that end at `end`, as far as they count.
fn backslashes(text: &[u8], end: usize) -> usize {
    text[..end].iter().rev().take(BACKSLASHES).take_while(|b| **b == b'\\').count()
}

/// The ASCII character at `at` where it is written with an escape of this spelling: its byte and its length.
fn escaped(text: &[u8], at: usize, spelling: Spelling) -> Option<(u8, usize)> {
    match (spelling, text.get(at)?) {
        (Spelling::Percent, b'%') => Some((hex(text.get(at + 1..at + 3)?)?, 3)),
        (Spelling::Json, b'\\') => {
            let count = text[at..].iter().take(BACKSLASHES).take_while(|b| **b == b'\\').count();
            let rest = &text[at + count..];
            if let Some(byte @ (b'/' | b'=')) = rest.first() {
                return Some((*byte, count + 1));
            }
            let byte = hex(rest.strip_prefix(b"u00")?.get(..2)?).filter(u8::is_ascii)?;
            Some((byte, count + 5))
        }
        (Spelling::Markup, b'&') => {
            const AND: [&[u8]; 3] = [b"&amp;", b"&#38;", b"&#x26;"];
            AND.iter().find(|and| text[at..].starts_with(and)).map(|and| (b'&', and.len()))
        }
        _ => None,
    }
}

/// What the text from `start` to `end` says once escapes of one spelling are undone: bytes, with where each starts and
/// ends.
pub(super) fn characters(
    text: &[u8],
    start: usize,
    end: usize,
    spelling: Spelling,
) -> impl Iterator<Item = (u8, usize, usize)> {
    let mut at = start;
    std::iter::from_fn(move || {
        let from = at;
        let (byte, length) = (from < end).then(|| escaped(text, from, spelling).unwrap_or((text[from], 1)))?;
        at += length;
        Some((byte, from, at))
    })
}

/// Two hex digits as a byte.
fn hex(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*digits.get(at)?).to_digit(16);
    Some((digit(0)? * 16 + digit(1)?) as u8)
}

/// A value as it reads once its escapes are undone, with the way back to the text.
pub(super) struct Reading<'t> {
    /// What it says.
    pub bytes: Cow<'t, [u8]>,
    /// Where each byte of it ends in the text; empty where the text says it as it stands.
    ends: Vec<usize>,
    start: usize,
}

impl<'t> Reading<'t> {
    /// The text from `start` to `end` as it stands.
    pub(super) fn plain(text: &'t [u8], start: usize, end: usize) -> Self {
        Self { bytes: Cow::Borrowed(&text[start..end]), ends: Vec::new(), start }
    }

    /// The same with escapes of one spelling undone, up to the first byte that `stops`; it is told whether the byte was
    /// escaped.
    pub(super) fn undone(
        text: &[u8],
        start: usize,
        end: usize,
        spelling: Spelling,
        stops: impl Fn(u8, bool) -> bool,
    ) -> Reading<'static> {
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for (byte, from, to) in characters(text, start, end, spelling) {
            if stops(byte, to - from > 1) {
                break;
            }
            bytes.push(byte);
            ends.push(to);
        }
        Reading { bytes: Cow::Owned(bytes), ends, start }
    }

    /// Where the first `length` bytes end in the text.
    pub(super) fn end(&self, length: usize) -> usize {
        match length.checked_sub(1).and_then(|last| self.ends.get(last)) {
            Some(end) => *end,
            None if self.ends.is_empty() => self.start + length,
            None => self.start,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_read_backwards_in_every_spelling() {
        for (text, byte, start, spelling) in [
            (&b"a/"[..], b'/', 1, Spelling::Plain),
            (b"a\\/", b'/', 1, Spelling::Json),
            (b"a\\\\\\/", b'/', 1, Spelling::Json),
            (b"a\\u002F", b'/', 1, Spelling::Json),
            (b"a\\\\u0040", b'@', 1, Spelling::Json),
            (b"a%40", b'@', 1, Spelling::Percent),
            (b"%4", b'4', 1, Spelling::Plain),
            (b"\\u00e9", b'9', 5, Spelling::Plain),
        ] {
            let shown = String::from_utf8_lossy(text);
            assert_eq!(before(text, text.len()), Some((byte, start, spelling)), "{shown}");
        }
        assert_eq!(before(b"x", 0), None);
    }

    #[test]
    fn one_layer_is_undone() {
        let read = |text: &[u8], spelling| {
            let reading = Reading::undone(text, 0, text.len(), spelling, |b, _| b == b' ');
            (String::from_utf8_lossy(&reading.bytes).into_owned(), reading.end(reading.bytes.len()))
        };
        assert_eq!(read(b"\\/a\\u0026b\\n", Spelling::Json), ("/a&b\\n".into(), 12));
        assert_eq!(read(b"%2Fa%252F%zz%20x", Spelling::Percent), ("/a%2F%zz".into(), 12));
        assert_eq!(read(b" x", Spelling::Percent), (String::new(), 0));
    }
}

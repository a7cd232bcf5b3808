//! What a line is: the one answer that the splitter and the parsers share.

use super::layout::Encoding;

/// One physical line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// First byte.
    pub start: usize,
    /// One past the last byte of its content, `\r\n` or `\n` excluded.
    pub end: usize,
    /// Whether a line feed ends it (the last line of a stream may have none).
    pub ended: bool,
}

/// Lines of some bytes, in order. A byte order mark belongs to no line.
pub struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    encoding: Encoding,
}

impl<'a> Lines<'a> {
    /// Lines of `bytes`, which begin at offset `base` of their stream.
    pub fn new(bytes: &'a [u8], base: u64, encoding: Encoding) -> Self {
        Self { bytes, at: if base == 0 { mark_bytes(bytes, encoding) } else { 0 }, encoding }
    }
}

impl Iterator for Lines<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        let start = self.at;
        if start >= self.bytes.len() {
            return None;
        }
        let feed = find_feed(self.bytes, start, self.encoding);
        let end = feed.unwrap_or(self.bytes.len());
        self.at = feed.map_or(end, |f| f + unit_bytes(self.encoding));
        Some(Line { start, end: trim(self.bytes, start, end, self.encoding), ended: feed.is_some() })
    }
}

/// Length of the byte order mark at the start of a stream.
pub fn mark_bytes(bytes: &[u8], encoding: Encoding) -> usize {
    let mark: &[u8] = match encoding {
        Encoding::Bytes | Encoding::Returns => b"\xef\xbb\xbf",
        Encoding::Utf16Le => b"\xff\xfe",
        Encoding::Utf16Be => b"\xfe\xff",
    };
    if bytes.starts_with(mark) { mark.len() } else { 0 }
}

/// Bytes of one code unit.
pub fn unit_bytes(encoding: Encoding) -> usize {
    if encoding.is_wide() { 2 } else { 1 }
}

/// Line ends in some bytes.
pub fn count(bytes: &[u8], encoding: Encoding) -> u64 {
    if encoding == Encoding::Bytes {
        return memchr::memchr_iter(b'\n', bytes).count() as u64;
    }
    Lines::new(bytes, 1, encoding).filter(|l| l.ended).count() as u64
}

/// Longest stretch of framing that is looked at as one.
pub const STRETCH_BYTES: usize = 64 * 1024;

/// End of the stretch of framing that starts at `from`: behind its line end, after [`STRETCH_BYTES`], or at `to`. Says
/// whether one of the first two ends it, so that more bytes would not move it.
pub fn stretch_end(bytes: &[u8], from: usize, to: usize, encoding: Encoding) -> (usize, bool) {
    let limit = to.min(from.saturating_add(STRETCH_BYTES));
    match find_feed(bytes.get(..limit).unwrap_or(bytes), from, encoding) {
        Some(feed) => (feed + unit_bytes(encoding), true),
        None => (limit, limit - from == STRETCH_BYTES),
    }
}

/// The first line end at or after `from`; for UTF-16 `from` must lie on a unit.
pub fn find_feed(bytes: &[u8], from: usize, encoding: Encoding) -> Option<usize> {
    let tail = bytes.get(from..)?;
    let found = match encoding {
        Encoding::Bytes => memchr::memchr(b'\n', tail),
        Encoding::Returns => memchr::memchr2(b'\r', b'\n', tail),
        Encoding::Utf16Le => tail.chunks_exact(2).position(|u| u == [b'\n', 0]).map(|n| n * 2),
        Encoding::Utf16Be => tail.chunks_exact(2).position(|u| u == [0, b'\n']).map(|n| n * 2),
    };
    found.map(|n| from + n)
}

/// `end` without a carriage return before it.
pub fn trim(bytes: &[u8], start: usize, end: usize, encoding: Encoding) -> usize {
    let line = &bytes[start..end];
    let mark: &[u8] = match encoding {
        // PERF: no call for each line.
        Encoding::Bytes | Encoding::Returns => return end - usize::from(line.last() == Some(&b'\r')),
        Encoding::Utf16Le => b"\r\0",
        Encoding::Utf16Be => b"\0\r",
    };
    if line.ends_with(mark) { end - mark.len() } else { end }
}

/// Whether a line begins with `#`.
pub fn is_directive(line: &[u8], encoding: Encoding) -> bool {
    match encoding {
        Encoding::Bytes | Encoding::Returns => line.starts_with(b"#"),
        Encoding::Utf16Le => line.starts_with(b"#\0"),
        Encoding::Utf16Be => line.starts_with(b"\0#"),
    }
}

/// Writes UTF-16 as UTF-8; what is no character becomes U+FFFD.
pub fn narrow(bytes: &[u8], encoding: Encoding, out: &mut Vec<u8>) {
    let units = bytes.chunks_exact(2).map(|u| match encoding {
        Encoding::Utf16Be => u16::from_be_bytes([u[0], u[1]]),
        _ => u16::from_le_bytes([u[0], u[1]]),
    });
    let mut utf8 = [0; 4];
    for c in char::decode_utf16(units) {
        let c = c.unwrap_or(char::REPLACEMENT_CHARACTER);
        out.extend_from_slice(c.encode_utf8(&mut utf8).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(bytes: &[u8]) -> Vec<&[u8]> {
        Lines::new(bytes, 0, Encoding::Bytes).map(|l| &bytes[l.start..l.end]).collect()
    }

    #[test]
    fn terminators_and_marks_belong_to_no_line() {
        assert_eq!(texts(b"\xef\xbb\xbfa\r\n\n\rb\nc"), [&b"a"[..], b"", b"\rb", b"c"]);
        assert!(texts(b"").is_empty());
        assert_eq!(texts(b"\n"), [&b""[..]]);
    }

    #[test]
    fn utf16_lines_end_on_units_only() {
        let bytes = b"\xff\xfea\0\r\0\n\0\0\nb\0";
        let lines: Vec<_> = Lines::new(bytes, 0, Encoding::Utf16Le).map(|l| (l.start, l.end, l.ended)).collect();
        assert_eq!(lines, [(2, 4, true), (8, 12, false)]);
    }

    #[test]
    fn a_lone_return_ends_a_line_where_the_source_has_no_feeds() {
        let bytes = b"a\rb\r\rc";
        let lines: Vec<_> = Lines::new(bytes, 0, Encoding::Returns).map(|l| &bytes[l.start..l.end]).collect();
        assert_eq!(lines, [&b"a"[..], b"b", b"", b"c"]);
        assert_eq!(count(bytes, Encoding::Returns), 3);
    }

    #[test]
    fn a_stretch_ends_with_its_line_or_its_limit() {
        assert_eq!(stretch_end(b"ab\ncd", 0, 5, Encoding::Bytes), (3, true));
        assert_eq!(stretch_end(b"ab\ncd", 3, 5, Encoding::Bytes), (5, false));
        assert_eq!(stretch_end(b"ab\ncd", 0, 2, Encoding::Bytes), (2, false));
        assert_eq!(stretch_end(&[b'x'; 70_000], 1, 70_000, Encoding::Bytes), (1 + STRETCH_BYTES, true));
    }
}

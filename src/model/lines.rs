//! What a line is: the one answer that the splitter and the parsers share.

use super::lanes::{BLOCK, Isa, Job, Lanes};
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

/// What lines come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    /// Lines that a line feed ends.
    pub ended: u64,
    /// Lines with a byte of content.
    pub filled: u64,
    /// Bytes of content.
    pub content: u64,
}

impl Sum {
    /// Of the lines of `bytes`, of one byte a character, which begin at offset `base` of their stream: what [`Lines`] come to
    /// one by one.
    pub fn of(bytes: &[u8], base: u64) -> Self {
        let text = if base == 0 { &bytes[mark_bytes(bytes, Encoding::Bytes)..] } else { bytes };
        let mut sum = Self::default();
        Isa::best().run(Summing { text, sum: &mut sum });
        sum
    }
}

/// Counts line feeds, returns before them and lines of nothing, by masks of 64 bytes.
struct Summing<'t> {
    text: &'t [u8],
    sum: &'t mut Sum,
}

impl Job for Summing<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let (blocks, rest) = self.text.as_chunks::<BLOCK>();
        let mut last = [[0; BLOCK]];
        last[0][..rest.len()].copy_from_slice(rest);
        let (mut feeds, mut returns, mut empty) = (0, 0, 0);
        // Bit 0 of each: whether the byte before the block is such a one. A line begins at the start of the text.
        let (mut feed_before, mut return_before, mut lone_before) = (1, 0, 0);
        for block in blocks.iter().chain(&last) {
            let block = lanes.load(block);
            let (feed, back) = (lanes.equal(block, b'\n'), lanes.equal(block, b'\r'));
            let begins = feed << 1 | feed_before;
            let lone = back & begins;
            feeds += u64::from(feed.count_ones());
            returns += u64::from((feed & (back << 1 | return_before)).count_ones());
            empty += u64::from((feed & (begins | lone << 1 | lone_before)).count_ones());
            (feed_before, return_before, lone_before) = (feed >> 63, back >> 63, lone >> 63);
        }
        let open = self.text.last().is_some_and(|byte| *byte != b'\n');
        let returned = u64::from(self.text.last() == Some(&b'\r'));
        let is_lone = matches!(self.text, [b'\r'] | [.., b'\n', b'\r']);
        *self.sum = Sum {
            ended: feeds,
            filled: feeds + u64::from(open) - empty - u64::from(is_lone),
            content: self.text.len() as u64 - feeds - returns - returned,
        };
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
    let is_big = encoding == Encoding::Utf16Be;
    let mut rest = bytes;
    out.reserve(rest.len() / 2);
    while let Some((four, behind)) = rest.split_first_chunk::<8>() {
        rest = match ascii_of(*four, is_big) {
            Some(ascii) => {
                out.extend_from_slice(&ascii);
                behind
            }
            None => narrow_one(rest, is_big, out),
        };
    }
    while rest.len() >= 2 {
        rest = narrow_one(rest, is_big, out);
    }
}

/// Four units that are ASCII.
///
/// PERF: most text is, and so are the zeros of binary data.
#[inline]
fn ascii_of(four: [u8; 8], is_big: bool) -> Option<[u8; 4]> {
    let units = if is_big { u64::from_be_bytes(four) } else { u64::from_le_bytes(four) };
    if units & 0xFF80_FF80_FF80_FF80 != 0 {
        return None;
    }
    let [a, b, c, d, e, f, g, h] = four;
    Some(if is_big { [b, d, f, h] } else { [a, c, e, g] })
}

/// The first character, which two units may be; gives what follows. There must be one unit.
fn narrow_one<'b>(bytes: &'b [u8], is_big: bool, out: &mut Vec<u8>) -> &'b [u8] {
    let unit = |u: &[u8]| {
        let unit = [u[0], u[1]];
        if is_big { u16::from_be_bytes(unit) } else { u16::from_le_bytes(unit) }
    };
    let units = bytes.chunks_exact(2).take(2).map(unit);
    let character = char::decode_utf16(units).next().and_then(Result::ok);
    let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    &bytes[2 * character.len_utf16()..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(bytes: &[u8]) -> Vec<&[u8]> {
        Lines::new(bytes, 0, Encoding::Bytes).map(|l| &bytes[l.start..l.end]).collect()
    }

    #[test]
    fn narrowing_by_four_units_is_that_of_the_standard_library() {
        let texts = [
            "",
            "a",
            "abc",
            "abcd",
            "abcdefgh\u{0}\u{0}ijk",
            "aé漢😀bcde\u{fffd}",
            "😀😀😀",
            "abcdé",
            "é\u{7f}\u{80}abc",
        ];
        let mut units: Vec<Vec<u16>> = texts.iter().map(|text| text.encode_utf16().collect()).collect();
        units.push(vec![0xD800, 0x61, 0x62, 0x63, 0x64, 0xDC00, 0xD83D, 0xDE00, 0xD83D]);
        units.push(vec![0xDC00, 0xD800, 0xD800, 0xDC00]);
        for units in &units {
            for tail in [&[][..], &[7]] {
                let expected: String = char::decode_utf16(units.iter().copied())
                    .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
                    .collect();
                for (encoding, bytes) in [
                    (Encoding::Utf16Le, units.iter().flat_map(|u| u.to_le_bytes()).collect::<Vec<_>>()),
                    (Encoding::Utf16Be, units.iter().flat_map(|u| u.to_be_bytes()).collect::<Vec<_>>()),
                ] {
                    let mut out = Vec::new();
                    narrow(&[&bytes[..], tail].concat(), encoding, &mut out);
                    assert_eq!(String::from_utf8(out).unwrap(), expected, "{units:x?}");
                }
            }
        }
    }

    #[test]
    fn terminators_and_marks_belong_to_no_line() {
        assert_eq!(texts(b"\xef\xbb\xbfa\r\n\n\rb\nc"), [&b"a"[..], b"", b"\rb", b"c"]);
        assert!(texts(b"").is_empty());
        assert_eq!(texts(b"\n"), [&b""[..]]);
    }

    #[test]
    fn sums_are_what_lines_come_to_one_by_one() {
        let mut state = 1u64;
        let mut next = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for length in (0..200).chain([500, 4096]).cycle().take(4_000) {
            let mut bytes: Vec<u8> = (0..length).map(|_| b"\n\r\n\rab"[next(6) as usize]).collect();
            if next(4) == 0 {
                bytes.splice(0..0, *b"\xef\xbb\xbf");
            }
            for base in [0, 7] {
                let mut sum = Sum::default();
                for line in Lines::new(&bytes, base, Encoding::Bytes) {
                    sum.ended += u64::from(line.ended);
                    sum.filled += u64::from(line.end > line.start);
                    sum.content += (line.end - line.start) as u64;
                }
                assert_eq!(Sum::of(&bytes, base), sum, "{:?} at {base}", String::from_utf8_lossy(&bytes));
            }
        }
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

//! Rows of delimited text, in which quotes may hold line ends (RFC 4180).
//!
//! A quote opens only at the start of a field. A quote that is not closed within [`ROW_BYTES`] is taken as a literal
//! one: the row ends at its first line end and the scan goes on behind it.

use super::Scan;
use crate::model::layout::Encoding;
use crate::model::lines;

/// A row with an open quote may be this long.
const ROW_BYTES: usize = 1024 * 1024;
/// A longer header is not compared with rows.
const HEAD_BYTES: usize = 64 * 1024;
/// After so many unclosed quotes the rest is cut into lines.
const UNCLOSED_ALLOWED: u32 = 64;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    FieldStart,
    Plain,
    Quoted,
    /// Behind a quote inside a quoted field: a second one is an escape, anything else ends the quoting.
    QuoteSeen,
}

pub(super) struct Scanner {
    delimiter: u8,
    encoding: Encoding,
    /// Whether the next row is the header.
    header: bool,
    /// The header as stored; a row that repeats it (logs that were joined) is no record.
    head: Vec<u8>,
    state: State,
    /// Where the row that is being read starts.
    row: Option<u64>,
    unclosed: u32,
    broken: Option<u64>,
    /// A quote in this row is a literal one: up to the line end at this offset.
    literal_until: u64,
}

impl Scanner {
    pub(super) fn new(delimiter: u8, encoding: Encoding, header: bool) -> Self {
        Self {
            delimiter,
            encoding,
            header,
            head: Vec::new(),
            state: State::FieldStart,
            row: None,
            unclosed: 0,
            broken: None,
            literal_until: 0,
        }
    }

    /// Reads `buf[from..]`; `base` is the offset of `buf[0]`.
    pub(super) fn scan(
        &mut self,
        buf: &[u8],
        base: u64,
        from: usize,
        ended: bool,
        found: &mut Vec<(u64, u64)>,
    ) -> Scan {
        if let Some(at) = self.broken {
            return Scan::Broken(at);
        }
        let unit = lines::unit_bytes(self.encoding);
        let mut at = from;
        if base == 0 && from == 0 {
            at = lines::mark_bytes(buf, self.encoding);
        }
        loop {
            while at + unit <= buf.len() {
                if self.too_long(base + at as u64) {
                    match self.resync(buf, base) {
                        Ok(Some(back)) => {
                            at = back;
                            continue;
                        }
                        Ok(None) => {}
                        Err(broken) => return broken,
                    }
                }
                let passed = self.pass(buf, base, at);
                if passed > at {
                    at = passed;
                    continue;
                }
                let byte = self.unit(&buf[at..at + unit]);
                self.step(byte, base, buf, at, found);
                at += unit;
            }
            if !ended {
                return Scan::More(self.row);
            }
            let open = self.row.filter(|_| self.state == State::Quoted && base + at as u64 > self.literal_until);
            match open.map(|_| self.resync(buf, base)) {
                Some(Ok(Some(back))) => at = back,
                Some(Err(broken)) => return broken,
                Some(Ok(None)) | None => break,
            }
        }
        if let Some(row) = self.row.take() {
            let start = (row - base) as usize;
            let end = lines::trim(buf, start, buf.len(), self.encoding);
            self.push(row, &buf[start..end], found);
        }
        Scan::More(None)
    }

    /// Goes on to the next byte that may open or close a quote or end a row: before it the state follows from the last byte
    /// alone. Not where units are wider than a byte or carriage returns end lines: there each is a step.
    fn pass(&mut self, buf: &[u8], base: u64, at: usize) -> usize {
        if self.encoding != Encoding::Bytes || self.state == State::QuoteSeen {
            return at;
        }
        let (here, rest) = (base + at as u64, &buf[at..]);
        let length = if self.state == State::Quoted {
            let limit = self.row.map(|row| row + ROW_BYTES as u64).filter(|limit| *limit > here);
            let limit = limit.map_or(rest.len(), |limit| rest.len().min((limit - here) as usize));
            memchr::memchr(b'"', &rest[..limit]).unwrap_or(limit)
        } else {
            memchr::memchr2(b'"', b'\n', rest).unwrap_or(rest.len())
        };
        if let Some(last) = rest[..length].last() {
            self.row.get_or_insert(here);
            self.state = match self.state {
                State::Quoted => State::Quoted,
                _ if *last == self.delimiter => State::FieldStart,
                _ => State::Plain,
            };
        }
        at + length
    }

    fn unit(&self, unit: &[u8]) -> u8 {
        match (self.encoding, unit) {
            (Encoding::Returns, b"\r") => b'\n',
            (Encoding::Bytes | Encoding::Returns, &[b])
            | (Encoding::Utf16Le, &[b, 0])
            | (Encoding::Utf16Be, &[0, b]) => b,
            _ => b'x',
        }
    }

    fn step(&mut self, byte: u8, base: u64, buf: &[u8], at: usize, found: &mut Vec<(u64, u64)>) {
        let here = base + at as u64;
        let literal = here < self.literal_until;
        let state = self.state;
        if byte == b'\n' && state != State::Quoted {
            self.state = State::FieldStart;
            let Some(row) = self.row.take() else { return };
            let start = (row.saturating_sub(base) as usize).min(at);
            let end = lines::trim(buf, start, at, self.encoding);
            if row >= base && end > start {
                self.push(row, &buf[start..end], found);
            } else if base + end as u64 > row {
                // The rest of a row of which pieces are out.
                found.push((row, base + end as u64));
            }
            return;
        }
        self.row.get_or_insert(here);
        self.state = match (state, byte) {
            (State::FieldStart, b'"') if !literal => State::Quoted,
            (State::Quoted, b'"') => State::QuoteSeen,
            (State::QuoteSeen, b'"') | (State::Quoted, _) => State::Quoted,
            (_, b) if b == self.delimiter => State::FieldStart,
            _ => State::Plain,
        };
    }

    /// Takes the row that starts at this offset.
    fn push(&mut self, start: u64, row: &[u8], found: &mut Vec<(u64, u64)>) {
        if std::mem::take(&mut self.header) {
            self.head.extend_from_slice(row.get(..HEAD_BYTES).unwrap_or(row));
        } else if self.head != row {
            found.push((start, start + row.len() as u64));
        }
    }

    fn too_long(&self, here: u64) -> bool {
        self.state == State::Quoted
            && here > self.literal_until
            && self.row.is_some_and(|row| here - row == ROW_BYTES as u64)
    }

    /// Takes the quotes of the row's first line as literal ones: back to the row's start. `None` where the row has no
    /// line end (it is one long line).
    fn resync(&mut self, buf: &[u8], base: u64) -> Result<Option<usize>, Scan> {
        let Some(row) = self.row else { return Ok(None) };
        let Some(start) = row.checked_sub(base) else { return Ok(None) };
        let start = start as usize;
        let Some(feed) = lines::find_feed(buf, start, self.encoding) else {
            self.literal_until = u64::MAX;
            self.state = State::Plain;
            return Ok(None);
        };
        self.unclosed += 1;
        if self.unclosed > UNCLOSED_ALLOWED {
            self.broken = Some(row);
            return Err(Scan::Broken(row));
        }
        self.literal_until = base + feed as u64;
        self.state = State::FieldStart;
        self.row = None;
        Ok(Some(start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of a text that comes in parts of this length.
    fn rows(encoding: Encoding, text: &[u8], part: usize) -> Vec<(u64, u64)> {
        let (mut scanner, mut found, mut from) = (Scanner::new(b',', encoding, false), Vec::new(), 0);
        for end in (part..text.len()).step_by(part).chain([text.len()]) {
            match scanner.scan(&text[..end], 0, from, end == text.len(), &mut found) {
                Scan::More(_) => from = end,
                Scan::Broken(at) | Scan::Back(at) => {
                    found.push((at, u64::MAX));
                    break;
                }
            }
        }
        found
    }

    #[test]
    fn what_is_passed_over_gives_the_rows_of_steps() {
        let mut seed = 1u64;
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        let mut quoted = 0;
        for round in 0..600 {
            let text: Vec<u8> = (0..random(400)).map(|_| b"ab,,\"\n,\"x"[random(9) as usize]).collect();
            let text =
                if round % 50 == 0 { [&b"a,\"b\n"[..], &vec![b'x'; ROW_BYTES + 9], &text].concat() } else { text };
            let part = if round % 50 == 0 { ROW_BYTES / 3 } else { 1 + random(60) as usize };
            // Without carriage returns both are the same, and the latter is read step by step.
            let (fast, plain) = (rows(Encoding::Bytes, &text, part), rows(Encoding::Returns, &text, part));
            assert_eq!(fast, plain, "{}", text.escape_ascii());
            quoted += fast
                .iter()
                .filter(|(a, b)| text.get(*a as usize..*b as usize).is_some_and(|row| row.contains(&b'\n')))
                .count();
        }
        assert!(quoted > 50, "{quoted} rows with a line feed in quotes");
    }
}

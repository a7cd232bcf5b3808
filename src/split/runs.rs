//! Lines with those that go on with them: stack traces, statements of several lines.
//!
//! What a line is, its first bytes tell, so that a long one need not be held to know. A record ends with its last line that is not empty.

use super::Scan;
use crate::model::layout::{Encoding, Run};
use crate::model::lines;

/// Lines of one record at most; the next one begins another. What is no log cannot be one record; and a line that damage made
/// long does not cut its record, so lines are counted and not their bytes.
const RUN_LINES: u32 = 4096;

pub(super) struct Scanner {
    run: Run,
    encoding: Encoding,
    /// Where the record that is being read begins and, as far as is known, ends.
    open: Option<(u64, u64)>,
    /// How many lines that are not empty it has.
    lines: u32,
    /// Where the line begins that is being read; `None` where it is not known yet what it is.
    line: Option<u64>,
    /// Whether the last line begins with `#`.
    is_headed: bool,
    /// Up to here all is told.
    done: u64,
}

impl Scanner {
    pub(super) fn new(run: Run, encoding: Encoding) -> Self {
        Self { run, encoding, open: None, lines: 0, line: None, is_headed: false, done: 0 }
    }

    /// Reads on; `base` is the offset of `buf[0]`.
    pub(super) fn scan(&mut self, buf: &[u8], base: u64, ended: bool, found: &mut Vec<(u64, u64)>) -> Scan {
        if base == 0 && self.done == 0 {
            self.done = lines::mark_bytes(buf, self.encoding) as u64;
        }
        let unit = lines::unit_bytes(self.encoding);
        let whole = base + (buf.len() / unit * unit) as u64;
        while self.done < whole {
            let at = (self.done.max(base) - base) as usize;
            if self.line.is_none() && !self.begin(buf, (base, at), ended, found) {
                break;
            }
            let feed = lines::find_feed(buf, at, self.encoding);
            if feed.is_none() && !ended {
                self.done = whole;
                break;
            }
            self.end(buf, base, feed.unwrap_or(buf.len()));
            self.done = base + feed.map_or(buf.len(), |feed| feed + unit) as u64;
        }
        if ended {
            found.extend(self.open.take());
        }
        let line = self.line.or((self.done < base + buf.len() as u64).then_some(self.done));
        Scan::More(self.open.map(|(start, _)| start).or(line.filter(|_| !ended)))
    }

    /// Tells what the line at `at` is; false where more of it is needed.
    fn begin(&mut self, buf: &[u8], (base, at): (u64, usize), ended: bool, found: &mut Vec<(u64, u64)>) -> bool {
        let unit = lines::unit_bytes(self.encoding);
        let held = &buf[at..buf.len().min(at + Run::HEAD_BYTES * unit)];
        let feed = lines::find_feed(held, 0, self.encoding);
        if feed.is_none() && held.len() < Run::HEAD_BYTES * unit && !ended {
            return false;
        }
        let mut room = [0; Run::HEAD_BYTES];
        let head = self.narrow(&held[..feed.unwrap_or(held.len())], &mut room);
        let start = base + at as u64;
        self.line = Some(start);
        if head.is_empty() || head == b"\r" {
            return true;
        }
        let has_room = self.open.is_some() && self.lines < RUN_LINES;
        if !(has_room && self.run.goes_on(head, self.is_headed)) {
            found.extend(self.open.replace((start, start)));
            self.lines = 0;
        }
        self.lines += 1;
        self.is_headed = head.starts_with(b"#");
        true
    }

    /// The line that is being read ends at `feed`.
    fn end(&mut self, buf: &[u8], base: u64, feed: usize) {
        let Some(line) = self.line.take() else { return };
        let from = line.saturating_sub(base) as usize;
        let end = base + lines::trim(buf, from.min(feed), feed, self.encoding) as u64;
        if let Some((_, stop)) = self.open.as_mut().filter(|_| end > line) {
            *stop = end;
        }
    }

    /// The head of a line as one byte a unit: itself where it is ASCII, else a letter.
    fn narrow<'a>(&self, head: &'a [u8], room: &'a mut [u8; Run::HEAD_BYTES]) -> &'a [u8] {
        if !self.encoding.is_wide() {
            return head;
        }
        let units = head.chunks_exact(2).zip(room.iter_mut());
        let length = units.len();
        for (unit, byte) in units {
            *byte = match (self.encoding, unit) {
                (Encoding::Utf16Le, &[byte, 0]) | (Encoding::Utf16Be, &[0, byte]) if byte.is_ascii() => byte,
                _ => b'x',
            };
        }
        &room[..length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The records of a text that comes in parts of this length.
    fn records(run: Run, text: &str, part: usize) -> Vec<String> {
        let (mut scanner, mut found) = (Scanner::new(run, Encoding::Bytes), Vec::new());
        for end in (part..text.len()).step_by(part).chain([text.len()]) {
            assert!(matches!(scanner.scan(&text.as_bytes()[..end], 0, end == text.len(), &mut found), Scan::More(_)));
        }
        found.into_iter().map(|(start, end)| text[start as usize..end as usize].to_owned()).collect()
    }

    #[test]
    fn lines_go_on_with_the_record_above() {
        let cases = [
            (Run::Indented, "\ta\nb\n\n c\r\nd\n\n", vec!["\ta", "b\n\n c", "d"]),
            (
                Run::Trace,
                "1 x\njava.io.IOException: no\n\tat a.B(C.java:1)\nCaused by: a.b.C\nerror.log is full\n2 y",
                vec!["1 x\njava.io.IOException: no\n\tat a.B(C.java:1)\nCaused by: a.b.C", "error.log is full", "2 y"],
            ),
            (
                Run::Unnumbered,
                "1 Jan\n2026-03-28T23:10:04.1Z\t   12 Query\tSELECT\n 1\n\t2\n12 rows\n\t\t   12 Quit\t\nTcp port: 1\n260328  3:10:05\t 1 Q\n9",
                vec![
                    "1 Jan",
                    "2026-03-28T23:10:04.1Z\t   12 Query\tSELECT\n 1\n\t2\n12 rows",
                    "\t\t   12 Quit\t",
                    "Tcp port: 1",
                    "260328  3:10:05\t 1 Q\n9",
                ],
            ),
            (
                Run::Begun(&[r"\d\d-\a\a\a ", "<R>"]),
                "head\n28-Mar a\n b\n\n28-Mai2\nc\n  29-Mar d\n\t<R>\ne\n<S>\n2",
                vec!["head", "28-Mar a\n b\n\n28-Mai2\nc", "  29-Mar d", "\t<R>\ne\n<S>\n2"],
            ),
            (Run::Headed, "v 8\n# a\n# b\nselect\n\n 1;\n# c\ngo\n", vec!["v 8", "# a\n# b\nselect\n\n 1;", "# c\ngo"]),
        ];
        for (run, text, wanted) in cases {
            for part in [1, 3, 7, 1000] {
                assert_eq!(records(run, text, part), wanted, "{run:?} in parts of {part}");
            }
        }
    }

    #[test]
    fn a_record_does_not_grow_without_end() {
        let text = format!("a\n{}", " b\n".repeat(200_000));
        let lines: Vec<usize> = records(Run::Indented, &text, 100_000).iter().map(|r| r.lines().count()).collect();
        assert!(lines.len() == 49 && lines.iter().all(|lines| *lines <= RUN_LINES as usize), "{lines:?}");
    }

    #[test]
    fn a_long_line_does_not_cut_its_record() {
        let text = format!("a\n {}\n b\nc", "x".repeat(1 << 20));
        assert_eq!(
            records(Run::Indented, &text, 100_000).iter().map(String::len).collect::<Vec<_>>(),
            [text.len() - 2, 1]
        );
    }
}

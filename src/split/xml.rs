//! Windows events as XML: a record is an `<Event …>` element, over as many lines as it takes.
//!
//! What stands between events is framing where it is an XML declaration, a comment, or the element around all of them;
//! any other line is a record, for the format to reject. An event that is cut off ends where the next one begins, and an element that is empty
//! (`<Event/>`) tells of none.

use super::Scan;
use crate::model::layout::Encoding;
use crate::model::ledger::{Note, Reason};
use crate::model::lines;

const OPEN: &[u8] = b"<Event";
const CLOSE: &[u8] = b"</Event>";
/// How tags begin that are no part of an event.
const WRAPPERS: [&[u8]; 4] = [b"<Events", b"</Events", b"<?", b"<!--"];
/// So many bytes tell what begins at a `<`.
const TELLING_BYTES: usize = 8;

#[derive(Clone, Copy)]
enum Place {
    Outside,
    /// In a tag or a comment between events.
    Wrapper,
    /// In the tag with which an event begins at this offset, behind these bytes of it that may say that it is empty.
    Tag(u64, bool),
    /// In an event that starts at this offset.
    Event(u64),
    /// In a line that is no XML.
    Line(u64),
}

/// What begins at a `<`.
#[derive(PartialEq, Eq)]
enum Begins {
    Event,
    End,
    Wrapper,
    Other,
    /// More bytes are needed to tell.
    Open,
}

pub(super) struct Scanner {
    encoding: Encoding,
    place: Place,
    /// Up to here all is told.
    done: u64,
    /// Where the event begins that the stream ends in.
    cut: Option<u64>,
    /// UTF-16 as one byte a unit.
    units: Vec<u8>,
}

impl Scanner {
    pub(super) fn new(encoding: Encoding) -> Self {
        Self { encoding, place: Place::Outside, done: 0, cut: None, units: Vec::new() }
    }

    /// Reads on; `base` is the offset of `buf[0]`.
    pub(super) fn scan(&mut self, buf: &[u8], base: u64, ended: bool, found: &mut Vec<(u64, u64)>) -> Scan {
        if base == 0 && self.done == 0 {
            self.done = lines::mark_bytes(buf, self.encoding) as u64;
        }
        let from = usize::try_from(self.done.saturating_sub(base)).unwrap_or(usize::MAX).min(buf.len());
        let mut units = std::mem::take(&mut self.units);
        units.clear();
        let text = if self.encoding.is_wide() {
            units.extend(buf[from..].chunks_exact(2).map(|unit| self.narrow(unit)));
            &units
        } else {
            &buf[from..]
        };
        let held = Held { text, buf, base, from, encoding: self.encoding, ended };
        let mut at = 0;
        while at < text.len() {
            match self.step(&held, at, found) {
                Some(next) => at = next,
                None => break,
            }
        }
        self.done = held.offset(at);
        let all = held.offset(text.len());
        let open = match self.place {
            Place::Tag(start, _) | Place::Event(start) | Place::Line(start) => Some(start),
            Place::Outside if self.done < all => Some(self.done),
            Place::Outside | Place::Wrapper => None,
        };
        let scan = match (open, ended) {
            (Some(start), true) => {
                self.cut = matches!(self.place, Place::Event(_) | Place::Tag(..)).then_some(start);
                found.push((start, held.end_of(start, all)));
                (self.place, self.done) = (Place::Outside, all);
                Scan::More(None)
            }
            (open, _) => Scan::More(open),
        };
        self.units = units;
        scan
    }

    /// Says that the stream ends within an event, if it does.
    pub(super) fn breaks_off(&self) -> Option<Note> {
        let detail = "breaks off inside an event: what followed is not here; collect another copy";
        self.cut.map(|at| Note::new(Reason::Damaged, detail).at(at))
    }

    /// A unit of UTF-16 as a byte: itself where it is ASCII, else a letter.
    fn narrow(&self, unit: &[u8]) -> u8 {
        match (self.encoding, unit) {
            (Encoding::Utf16Le, &[byte, 0]) | (Encoding::Utf16Be, &[0, byte]) if byte.is_ascii() => byte,
            _ => b'x',
        }
    }

    /// Reads on from `at`, to the next place that matters; `None` where more bytes are needed to tell what it is.
    fn step(&mut self, held: &Held<'_>, at: usize, found: &mut Vec<(u64, u64)>) -> Option<usize> {
        let (text, offset) = (held.text, |at| held.offset(at));
        let rest = &text[at..];
        let next = match self.place {
            Place::Outside if rest[0].is_ascii_whitespace() => return Some(at + 1),
            Place::Outside if rest[0] != b'<' => {
                self.place = Place::Line(offset(at));
                return Some(at + 1);
            }
            Place::Outside => 0,
            Place::Wrapper => {
                let close = memchr::memchr(b'>', rest);
                self.place = if close.is_some() { Place::Outside } else { Place::Wrapper };
                return Some(close.map_or(text.len(), |n| at + n + 1));
            }
            Place::Tag(open, is_slash) => {
                let end = memchr::memchr2(b'<', b'>', rest);
                let is_empty = rest[..end.unwrap_or(rest.len())].last().map_or(is_slash, |last| *last == b'/');
                match end {
                    None => {
                        self.place = Place::Tag(open, is_empty);
                        return Some(text.len());
                    }
                    Some(end) if rest[end] == b'>' => {
                        self.place = if is_empty { Place::Outside } else { Place::Event(open) };
                        return Some(at + end + 1);
                    }
                    Some(next) => next,
                }
            }
            Place::Event(_) => match memchr::memchr(b'<', rest) {
                Some(next) => next,
                None => return Some(text.len()),
            },
            Place::Line(row) => match memchr::memchr2(b'<', b'\n', rest) {
                Some(n) if rest[n] == b'\n' => {
                    found.push((row, held.end_of(row, offset(at + n))));
                    self.place = Place::Outside;
                    return Some(at + n + 1);
                }
                Some(next) => next,
                None => return Some(text.len()),
            },
        };
        match begins(&text[at + next..], held.ended) {
            // The bytes before it are told already.
            Begins::Open => (next > 0).then_some(at + next),
            begins => Some(self.tag(held, at + next, &begins, found)),
        }
    }

    /// Takes a `<` at `here`; gives where to read on.
    fn tag(&mut self, held: &Held<'_>, here: usize, begins: &Begins, found: &mut Vec<(u64, u64)>) -> usize {
        let offset = |at| held.offset(at);
        match (begins, self.place) {
            (Begins::Event, Place::Event(open) | Place::Tag(open, _) | Place::Line(open)) => {
                found.push((open, held.end_of(open, offset(here))));
                self.place = Place::Tag(offset(here), false);
            }
            (Begins::Event, _) => self.place = Place::Tag(offset(here), false),
            (Begins::End, Place::Event(open) | Place::Tag(open, _)) => {
                found.push((open, offset(here + CLOSE.len())));
                self.place = Place::Outside;
                return here + CLOSE.len();
            }
            (Begins::Wrapper, Place::Outside) => self.place = Place::Wrapper,
            (_, Place::Outside) => self.place = Place::Line(offset(here)),
            (_, Place::Tag(open, _)) => self.place = Place::Event(open),
            _ => {}
        }
        here + 1
    }
}

/// The bytes that are looked at.
struct Held<'t> {
    /// What is not told yet, one byte a unit.
    text: &'t [u8],
    buf: &'t [u8],
    /// Offset of `buf[0]`.
    base: u64,
    /// Where the text starts in `buf`.
    from: usize,
    encoding: Encoding,
    /// Whether no more bytes follow.
    ended: bool,
}

impl Held<'_> {
    /// The offset in the stream of a place in the text.
    fn offset(&self, at: usize) -> u64 {
        self.base + (self.from + at * lines::unit_bytes(self.encoding)) as u64
    }

    /// The end of a record without the line end before it.
    fn end_of(&self, start: u64, end: u64) -> u64 {
        let (start, end) = (start.saturating_sub(self.base) as usize, (end - self.base) as usize);
        let feed = end
            .checked_sub(lines::unit_bytes(self.encoding))
            .filter(|&at| at >= start && lines::find_feed(&self.buf[..end], at, self.encoding) == Some(at));
        let end = feed.unwrap_or(end);
        self.base + lines::trim(self.buf, start.min(end), end, self.encoding) as u64
    }
}

/// What begins at the `<` that the text starts with.
fn begins(text: &[u8], ended: bool) -> Begins {
    let delimited = |mark: &[u8]| {
        text.starts_with(mark) && text.get(mark.len()).is_none_or(|b| b.is_ascii_whitespace() || b"/>".contains(b))
    };
    if text.len() < TELLING_BYTES && !ended {
        return Begins::Open;
    }
    match () {
        () if text.starts_with(CLOSE) => Begins::End,
        () if delimited(OPEN) => Begins::Event,
        () if WRAPPERS.iter().any(|mark| text.starts_with(mark)) => Begins::Wrapper,
        () => Begins::Other,
    }
}

//! Records inside JSON documents: a scanner of brackets and quotes that keeps no more than its state.
//!
//! A document is an array whose elements are the records, an object with a named array of records (`{"Records":[…]}`), which may lie in
//! an object in it (`{"hits":{"hits":[…]}}`), or an object that is a record itself. Everything between records is framing. A damaged element of an array costs that
//! element: the scan goes on at the next one (see [`lost`](super::lost)). Other text that is not JSON ends the scan: the
//! caller cuts the rest into lines.

use std::sync::Arc;

use super::Scan;
use super::lost::{Lost, Sought};
use super::pages::Pages;
use crate::model::block::OVERSIZE_BYTES;
use crate::model::layout::Encoding;
use crate::model::ledger::{Note, Reason};
use crate::model::pages::Answers;

/// Deeper nesting is not taken for JSON.
const DEPTH_LIMIT: usize = 10_000;
/// Longer keys are not compared.
const KEY_BYTES: usize = 64;
/// Bytes that may be read twice in search of the end of damaged elements; then the rest is cut into lines.
const AGAIN_BYTES: u64 = 256 * 1024 * 1024;

/// What the brackets outside of a record enclose.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between documents.
    Top,
    /// Between elements of an array of records; whether an object is around that array.
    Elements { wrapped: bool },
    /// Inside a record (or an object that may turn out to be a wrapper) that starts at this offset.
    Record { start: u64, wrapped: Option<bool>, tentative: bool },
    /// Inside a wrapper, outside of its array of records.
    Wrapper,
}

/// The key that says of a hit which index it is of.
const INDEX: &[u8] = b"_index";
/// The record of a hit.
const SOURCE: &[u8] = b"_source";

/// What comes of the name of the index that an element is of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Index {
    Key,
    Value,
    /// In or behind the value of another name before it.
    Other,
    Behind,
}

pub(super) struct Scanner {
    arrays: Vec<Arc<str>>,
    encoding: Encoding,
    /// UTF-16 as one byte a unit.
    units: Vec<u8>,
    place: Place,
    /// Open brackets inside a record or wrapper; `true` for an object.
    open: Vec<bool>,
    in_string: bool,
    escaped: bool,
    /// The last byte outside of strings: a bracket, `,`, `:`, `"` for the end of a string, `0` for a literal.
    last: u8,
    /// The last string directly inside a document or an object in it, for comparison with `arrays`; the first one inside an element.
    key: Vec<u8>,
    key_ready: bool,
    /// The key of the object in the document that is being read.
    outer: Vec<u8>,
    /// The key whose value says something of the answer, while that is read.
    asked: Option<Vec<u8>>,
    /// Digits or letters of that value.
    literal: Vec<u8>,
    /// Whether the object is open that says how much a search found.
    in_total: bool,
    /// What the documents say of the records in them.
    pub(super) pages: Pages,
    /// Open brackets around the array of records.
    around: usize,
    /// The key that the elements begin with.
    first_key: Option<Vec<u8>>,
    /// Where the name of the index stands in an element: its first key, then that key's value.
    index: Index,
    /// Where the stream ends inside of an array of records, or of what is around it.
    cut: Option<u64>,
    /// The search for the end of a damaged element.
    lost: Option<Lost>,
    again_bytes: u64,
    broken: Option<u64>,
    first: bool,
}

impl Scanner {
    pub(super) fn new(arrays: &[Arc<str>], encoding: Encoding) -> Self {
        Self {
            arrays: arrays.to_vec(),
            encoding,
            units: Vec::new(),
            place: Place::Top,
            open: Vec::new(),
            in_string: false,
            escaped: false,
            last: 0,
            key: Vec::new(),
            key_ready: false,
            outer: Vec::new(),
            asked: None,
            literal: Vec::new(),
            in_total: false,
            pages: Pages::default(),
            around: 1,
            first_key: None,
            index: Index::Key,
            cut: None,
            lost: None,
            again_bytes: 0,
            broken: None,
            first: true,
        }
    }

    /// Reads on: `bytes` begin at offset `base`.
    pub(super) fn scan(&mut self, bytes: &[u8], base: u64, ended: bool, found: &mut Vec<(u64, u64)>) -> Scan {
        if !self.encoding.is_wide() {
            return self.scan_units(bytes, base, ended, found);
        }
        // Offsets of units while scanning, of bytes outside.
        let mut units = std::mem::take(&mut self.units);
        units.clear();
        units.extend(bytes.chunks_exact(2).map(|unit| self.narrow(unit)));
        let known = found.len();
        let scan = self.scan_units(&units, base / 2, ended, found);
        self.units = units;
        for (start, end) in &mut found[known..] {
            (*start, *end) = (*start * 2, *end * 2);
        }
        match scan {
            Scan::More(open) => Scan::More(open.map(|at| at * 2)),
            Scan::Broken(at) => Scan::Broken(at * 2),
            Scan::Back(at) => Scan::Back(at * 2),
        }
    }

    /// Says that the stream ends inside of a document, if it does.
    pub(super) fn breaks_off(&self) -> Option<Note> {
        let detail =
            "breaks off inside a document: what followed is not here; collect another copy, or export it again";
        let at = self.cut.map(|at| if self.encoding.is_wide() { at * 2 } else { at });
        at.map(|at| Note::new(Reason::Damaged, detail).at(at))
    }

    /// What the documents say of the search whose answers they are.
    pub(super) fn answers(&self) -> Option<Answers> {
        self.pages.answers(&self.arrays)
    }

    /// A unit of UTF-16 as a byte: itself where it is ASCII, else a letter; a byte order mark is a blank.
    fn narrow(&self, unit: &[u8]) -> u8 {
        match (self.encoding, unit) {
            (Encoding::Utf16Le, &[0xff, 0xfe]) | (Encoding::Utf16Be, &[0xfe, 0xff]) => b' ',
            (Encoding::Utf16Le, &[byte, 0]) | (Encoding::Utf16Be, &[0, byte]) if byte.is_ascii() => byte,
            _ => b'x',
        }
    }

    fn scan_units(&mut self, bytes: &[u8], base: u64, ended: bool, found: &mut Vec<(u64, u64)>) -> Scan {
        if let Some(at) = self.broken {
            return Scan::Broken(at);
        }
        let mut at = 0;
        if std::mem::take(&mut self.first) && bytes.starts_with(b"\xef\xbb\xbf") {
            at = 3;
        }
        while at < bytes.len() {
            if let Some(lost) = &mut self.lost {
                match lost.seek(bytes, at, base, self.first_key.as_deref()) {
                    Sought::Nothing => at = bytes.len(),
                    Sought::TooFar(start) => return self.give_up_here(start),
                    Sought::Element { next, behind } => {
                        at = behind;
                        self.go_on(next, found);
                    }
                }
                continue;
            }
            if self.in_string {
                match self.string(bytes, at) {
                    Ok(next) => at = next,
                    Err(line_end) => return self.damaged(base + line_end as u64),
                }
                continue;
            }
            if !self.structure(bytes[at], base + at as u64, found) {
                return self.damaged(base + at as u64);
            }
            at += 1;
        }
        let open = match (&self.lost, self.place) {
            (Some(lost), _) => Some(lost.start),
            (None, Place::Record { start, .. }) => Some(start),
            _ => None,
        };
        // What an answer that is cut off said before its records counts as well.
        let is_answer = matches!(
            self.place,
            Place::Elements { wrapped: true } | Place::Record { wrapped: Some(true), .. } | Place::Wrapper
        );
        let is_inside =
            matches!(self.place, Place::Elements { .. } | Place::Record { wrapped: Some(_), .. } | Place::Wrapper);
        if ended && is_inside && self.lost.is_none() {
            self.cut = Some(base + bytes.len() as u64);
        }
        if ended && is_answer {
            self.pages.close(true);
            self.place = Place::Top;
        }
        if let (true, Some(start)) = (ended, self.lost.as_ref().map(|lost| lost.start)) {
            // No element follows the damaged one.
            return self.give_up_here(start);
        }
        if let (true, Some(start)) = (ended, open) {
            // Cut off: what is there is one record, for its format to reject.
            found.push((start, base + bytes.len() as u64));
            self.place = Place::Top;
            self.in_string = false;
            self.open.clear();
            return Scan::More(None);
        }
        Scan::More(open)
    }

    /// Ends the scan: from this offset of the stream on it is lines.
    pub(super) fn give_up(&mut self, at: u64) -> Scan {
        self.broken = Some(if self.encoding.is_wide() { at / 2 } else { at });
        Scan::Broken(at)
    }

    fn give_up_here(&mut self, at: u64) -> Scan {
        self.broken = Some(at);
        Scan::Broken(at)
    }

    /// What is at `at` cannot stand there: looks for the next element of the array, or gives up outside of one.
    fn damaged(&mut self, at: u64) -> Scan {
        let (start, wrapped, loose) = match self.place {
            Place::Record { start, wrapped: Some(wrapped), .. } => (start, wrapped, false),
            Place::Elements { wrapped } => (at, wrapped, true),
            Place::Record { start, .. } => return self.give_up_here(start),
            _ => return self.give_up_here(at),
        };
        self.again_bytes += at - start;
        if self.again_bytes > AGAIN_BYTES {
            return self.give_up_here(start);
        }
        self.lost = Some(Lost::new(start, loose));
        self.place = Place::Elements { wrapped };
        Scan::Back(start)
    }

    /// Goes on behind the first key of the element that starts at `next`.
    fn go_on(&mut self, next: u64, found: &mut Vec<(u64, u64)>) {
        let (Some(lost), Place::Elements { wrapped }) = (self.lost.take(), self.place) else { return };
        found.push((lost.start, lost.end));
        self.start(Place::Record { start: next, wrapped: Some(wrapped), tentative: false });
        self.in_string = self.first_key.is_none();
        if let Some(key) = &self.first_key {
            self.index = if key == INDEX { Index::Value } else { Index::Other };
        }
        self.escaped = false;
        self.last = b'"';
    }

    /// Reads on inside a string, to what is behind it or the end of the bytes; an error is where a raw line end shows that it was never
    /// closed, which is the same place however the bytes come in.
    fn string(&mut self, bytes: &[u8], from: usize) -> Result<usize, usize> {
        if self.escaped {
            self.escaped = false;
            self.keep(&bytes[from..from + 1]);
            return Ok(from + 1);
        }
        let stop = memchr::memchr3(b'"', b'\\', b'\n', &bytes[from..]).map_or(bytes.len(), |n| from + n);
        self.keep(&bytes[from..stop]);
        match bytes.get(stop) {
            None => Ok(stop),
            Some(b'\n') => Err(stop),
            Some(b'\\') => {
                self.keep(b"\\");
                self.escaped = true;
                Ok(stop + 1)
            }
            Some(_) => {
                self.in_string = false;
                self.last = b'"';
                self.key_ready = self.at_key_depth();
                if let Some(name) = self.asked.take() {
                    let outer = if self.open.len() == 1 { &b""[..] } else { &self.outer };
                    self.pages.see((outer, &name), &self.key, true);
                }
                if self.at_index() {
                    self.index = match self.index {
                        Index::Key if self.key == INDEX => Index::Value,
                        Index::Value => {
                            self.pages.index(&self.key);
                            Index::Behind
                        }
                        // What a hit is made of is named with a `_`, and its record comes last.
                        Index::Key if self.key.first() == Some(&b'_') && self.key != SOURCE => Index::Other,
                        _ => Index::Behind,
                    };
                }
                if self.at_first_key() {
                    self.first_key = Some(std::mem::take(&mut self.key)).filter(|key| key.len() <= KEY_BYTES);
                }
                Ok(stop + 1)
            }
        }
    }

    fn keep(&mut self, part: &[u8]) {
        if (self.at_key_depth() || self.at_first_key() || self.at_index()) && self.key.len() <= KEY_BYTES {
            self.key.extend_from_slice(&part[..part.len().min(KEY_BYTES + 1 - self.key.len())]);
        }
    }

    /// Directly inside a document that is, or may be, a wrapper, or inside an object in it.
    fn at_key_depth(&self) -> bool {
        (matches!(self.open[..], [true] | [true, true]) || self.in_total && self.open.len() == 3)
            && matches!(self.place, Place::Wrapper | Place::Record { tentative: true, .. })
    }

    /// In a string directly inside an element, while the key that elements begin with is not known.
    fn at_first_key(&self) -> bool {
        self.first_key.is_none() && self.open.len() == 1 && matches!(self.place, Place::Record { wrapped: Some(_), .. })
    }

    /// In a key of an element, as long as all are of what a hit is made of, or in a value where that is the name of an index.
    fn at_index(&self) -> bool {
        matches!(self.index, Index::Key | Index::Value)
            && self.open.len() == 1
            && matches!(self.place, Place::Record { wrapped: Some(true), .. })
            && self.first_key.as_deref().is_none_or(|key| key.first() == Some(&b'_'))
    }

    /// Takes one byte outside of strings; `false` where it cannot stand there.
    fn structure(&mut self, byte: u8, at: u64, found: &mut Vec<(u64, u64)>) -> bool {
        match (self.place, byte) {
            (_, b' ' | b'\t' | b'\n' | b'\r') => true,
            (Place::Top, b',' | 0x1e) => true,
            (Place::Top, b'{') => {
                let tentative = !self.arrays.is_empty();
                self.start(Place::Record { start: at, wrapped: None, tentative })
            }
            (Place::Top, b'[') => {
                self.place = Place::Elements { wrapped: false };
                true
            }
            (Place::Elements { .. }, b',') => true,
            (Place::Elements { wrapped }, b'{') => {
                self.start(Place::Record { start: at, wrapped: Some(wrapped), tentative: false })
            }
            (Place::Elements { wrapped }, b']') => {
                self.place = if wrapped { Place::Wrapper } else { Place::Top };
                self.open.clear();
                if wrapped {
                    self.open.resize(self.around, true);
                }
                true
            }
            (Place::Top | Place::Elements { .. }, _) => false,
            (Place::Record { wrapped: Some(_), .. }, _) => self.fits(byte) && self.inside(byte, at, found),
            (Place::Record { .. } | Place::Wrapper, _) => self.inside(byte, at, found),
        }
    }

    fn start(&mut self, place: Place) -> bool {
        self.place = place;
        self.index = Index::Key;
        self.open.clear();
        self.open.push(true);
        self.key_ready = false;
        self.last = b'{';
        true
    }

    /// Whether a byte may follow the last one. Inside elements only, where damage has an end: it is seen at once, and
    /// not at the end of the array.
    fn fits(&self, byte: u8) -> bool {
        let last = self.last;
        match byte {
            b'"' => matches!(last, b'{' | b'[' | b',' | b':'),
            b'{' | b'[' => last == b':' || (self.open.last() == Some(&false) && matches!(last, b'[' | b',')),
            b'}' | b']' => last != b':',
            b',' => matches!(last, b'"' | b'0' | b'}' | b']'),
            b':' => last == b'"',
            _ => matches!(last, b':' | b',' | b'[' | b'0'),
        }
    }

    fn inside(&mut self, byte: u8, at: u64, found: &mut Vec<(u64, u64)>) -> bool {
        self.last = byte;
        match byte {
            b'"' => {
                self.in_string = true;
                self.key.clear();
                self.key_ready = false;
            }
            b':' => self.ask(),
            b'[' if self.opens_records(at) => {
                self.around = self.open.len();
                self.place = Place::Elements { wrapped: true };
                self.key_ready = false;
                self.asked = None;
            }
            b'{' | b'[' => {
                if self.open.len() >= DEPTH_LIMIT {
                    return false;
                }
                if self.open.len() == 1 {
                    self.outer.clear();
                    self.outer.extend_from_slice(if self.key_ready { &self.key } else { b"" });
                }
                let is_total = self.asked.take().is_some_and(|name| name == b"total") && self.open.len() == 2;
                self.in_total |= is_total && byte == b'{';
                self.open.push(byte == b'{');
                self.key_ready = false;
            }
            b'}' | b']' => {
                self.told();
                if self.open.pop() != Some(byte == b'}') {
                    return false;
                }
                self.in_total &= self.open.len() > 2;
                self.key_ready = false;
                if self.open.is_empty() {
                    self.close(at + 1, found);
                }
            }
            b',' => {
                self.told();
                self.key_ready = false;
                if self.index == Index::Other && self.open.len() == 1 {
                    self.index = Index::Key;
                }
            }
            // A number or a literal: the format looks at those.
            0x20.. => {
                if self.asked.is_some() && self.literal.len() < KEY_BYTES {
                    self.literal.push(byte);
                }
                self.key_ready = false;
                self.last = b'0';
            }
            _ => return false,
        }
        true
    }

    /// Notes the key whose value follows, where that says something of the answer.
    fn ask(&mut self) {
        let outer = if self.open.len() == 1 { &b""[..] } else { &self.outer };
        let is_asked = self.key_ready && self.at_key_depth() && Pages::wants(outer, &self.key);
        self.asked = is_asked.then(|| self.key.clone());
        self.literal.clear();
    }

    /// Takes the value of that key, where it was no text.
    fn told(&mut self) {
        if let Some(name) = self.asked.take() {
            let outer = if self.open.len() == 1 { &b""[..] } else { &self.outer };
            self.pages.see((outer, &name), &self.literal, false);
        }
    }

    /// Whether the array that begins here is the one with the records.
    fn opens_records(&self, at: u64) -> bool {
        let near = match self.place {
            Place::Record { start, .. } => at - start <= OVERSIZE_BYTES as u64,
            _ => true,
        };
        let is_named = |array: &Arc<str>| match (array.split_once('.'), self.open.len()) {
            (None, 1) => array.as_bytes() == self.key,
            (Some((outer, inner)), 2) => outer.as_bytes() == self.outer && inner.as_bytes() == self.key,
            _ => false,
        };
        near && self.key_ready && self.at_key_depth() && self.arrays.iter().any(is_named)
    }

    fn close(&mut self, end: u64, found: &mut Vec<(u64, u64)>) {
        self.place = match self.place {
            Place::Record { start, wrapped, .. } => {
                found.push((start, end));
                match wrapped {
                    Some(true) => self.pages.record(),
                    Some(false) => {}
                    None => self.pages.close(false),
                }
                wrapped.map_or(Place::Top, |wrapped| Place::Elements { wrapped })
            }
            _ => {
                self.pages.close(true);
                Place::Top
            }
        };
    }
}

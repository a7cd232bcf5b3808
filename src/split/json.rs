//! Records inside JSON documents: a scanner of brackets and quotes that keeps no more than its state.
//!
//! A document is an array whose elements are the records, an object with a named array of records (`{"Records":[…]}`),
//! or an object that is a record itself. Everything between records is framing. What is not JSON ends the scan: the
//! caller cuts the rest into lines.

use std::sync::Arc;

use super::Scan;
use crate::model::block::OVERSIZE_BYTES;

/// Deeper nesting is not taken for JSON.
const DEPTH_LIMIT: usize = 10_000;
/// Longer keys are not compared.
const KEY_BYTES: usize = 64;

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

pub(super) struct Scanner {
    arrays: Vec<Arc<str>>,
    place: Place,
    /// Open brackets inside a record or wrapper; `true` for an object.
    open: Vec<bool>,
    in_string: bool,
    escaped: bool,
    /// The last string directly inside a document, for comparison with `arrays`.
    key: Vec<u8>,
    key_ready: bool,
    broken: Option<u64>,
    first: bool,
}

impl Scanner {
    pub(super) fn new(arrays: &[Arc<str>]) -> Self {
        Self {
            arrays: arrays.to_vec(),
            place: Place::Top,
            open: Vec::new(),
            in_string: false,
            escaped: false,
            key: Vec::new(),
            key_ready: false,
            broken: None,
            first: true,
        }
    }

    /// Reads on: `bytes` begin at offset `base`.
    pub(super) fn scan(&mut self, bytes: &[u8], base: u64, ended: bool, found: &mut Vec<(u64, u64)>) -> Scan {
        if let Some(at) = self.broken {
            return Scan::Broken(at);
        }
        let mut at = 0;
        if std::mem::take(&mut self.first) && bytes.starts_with(b"\xef\xbb\xbf") {
            at = 3;
        }
        while at < bytes.len() {
            if self.in_string {
                match self.string(bytes, at) {
                    Some(next) => at = next,
                    None => return self.give_up(base + at as u64),
                }
                continue;
            }
            if !self.structure(bytes[at], base + at as u64, found) {
                return self.give_up(base + at as u64);
            }
            at += 1;
        }
        match self.place {
            Place::Record { start, .. } if ended => {
                // Cut off: what is there is one record, for its format to reject.
                let end = base + bytes.len() as u64;
                found.push((start, end));
                self.place = Place::Top;
                self.in_string = false;
                self.open.clear();
                Scan::More(None)
            }
            Place::Record { start, .. } => Scan::More(Some(start)),
            _ => Scan::More(None),
        }
    }

    fn give_up(&mut self, at: u64) -> Scan {
        let at = match self.place {
            Place::Record { start, .. } => start,
            _ => at,
        };
        self.broken = Some(at);
        Scan::Broken(at)
    }

    /// Reads on inside a string; `None` where a raw line end shows that it was never closed.
    fn string(&mut self, bytes: &[u8], from: usize) -> Option<usize> {
        if self.escaped {
            self.escaped = false;
            self.keep(&bytes[from..from + 1]);
            return Some(from + 1);
        }
        let stop = memchr::memchr3(b'"', b'\\', b'\n', &bytes[from..]).map_or(bytes.len(), |n| from + n);
        self.keep(&bytes[from..stop]);
        match bytes.get(stop) {
            None => Some(stop),
            Some(b'\n') => None,
            Some(b'\\') => {
                self.escaped = true;
                Some(stop + 1)
            }
            Some(_) => {
                self.in_string = false;
                self.key_ready = self.at_key_depth();
                Some(stop + 1)
            }
        }
    }

    fn keep(&mut self, part: &[u8]) {
        if self.at_key_depth() && self.key.len() <= KEY_BYTES {
            self.key.extend_from_slice(&part[..part.len().min(KEY_BYTES + 1 - self.key.len())]);
        }
    }

    /// Directly inside a document that is, or may be, a wrapper.
    fn at_key_depth(&self) -> bool {
        self.open.len() == 1 && matches!(self.place, Place::Wrapper | Place::Record { tentative: true, .. })
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
                    self.open.push(true);
                }
                true
            }
            (Place::Top | Place::Elements { .. }, _) => false,
            (Place::Record { .. } | Place::Wrapper, _) => self.inside(byte, at, found),
        }
    }

    fn start(&mut self, place: Place) -> bool {
        self.place = place;
        self.open.clear();
        self.open.push(true);
        self.key_ready = false;
        true
    }

    fn inside(&mut self, byte: u8, at: u64, found: &mut Vec<(u64, u64)>) -> bool {
        match byte {
            b'"' => {
                self.in_string = true;
                self.key.clear();
                self.key_ready = false;
            }
            b':' => {}
            b'[' if self.opens_records(at) => {
                self.place = Place::Elements { wrapped: true };
                self.key_ready = false;
            }
            b'{' | b'[' => {
                if self.open.len() >= DEPTH_LIMIT {
                    return false;
                }
                self.open.push(byte == b'{');
                self.key_ready = false;
            }
            b'}' | b']' => {
                if self.open.pop() != Some(byte == b'}') {
                    return false;
                }
                self.key_ready = false;
                if self.open.is_empty() {
                    self.close(at + 1, found);
                }
            }
            // A number, a literal, a comma: the format looks at those.
            0x20.. => self.key_ready = false,
            _ => return false,
        }
        true
    }

    /// Whether the array that begins here is the one with the records.
    fn opens_records(&self, at: u64) -> bool {
        let near = match self.place {
            Place::Record { start, .. } => at - start <= OVERSIZE_BYTES as u64,
            _ => true,
        };
        near && self.key_ready && self.at_key_depth() && self.arrays.iter().any(|a| a.as_bytes() == self.key)
    }

    fn close(&mut self, end: u64, found: &mut Vec<(u64, u64)>) {
        self.place = match self.place {
            Place::Record { start, wrapped, .. } => {
                found.push((start, end));
                wrapped.map_or(Place::Top, |wrapped| Place::Elements { wrapped })
            }
            _ => Place::Top,
        };
    }
}

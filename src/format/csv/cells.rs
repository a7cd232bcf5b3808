//! The cells of a row with their quotes. Source: RFC 4180.

use crate::format::near;
use crate::format::sink::Sink;
use crate::model::fields::{Reject, Text};

/// The cells of a row; an error where a quote is wrong.
pub struct Cells<'b> {
    /// What is not read yet; `None` behind the last cell.
    pub rest: Option<&'b [u8]>,
    /// The delimiter byte.
    pub delimiter: u8,
}

/// A cell without its quotes.
pub struct Cell<'b> {
    /// As it stands in the row.
    pub raw: &'b [u8],
    /// Whether a quote in it is written twice.
    pub escaped: bool,
}

impl<'b> Cell<'b> {
    /// The cell with `""` as `"`.
    pub fn value(&self, sink: &mut Sink<'_, 'b>) -> Text<'b> {
        if !self.escaped {
            return Text::Slice(self.raw);
        }
        let from = sink.out.arena_len();
        self.unescape(sink.out.arena_mut());
        sink.out.stored_since(from)
    }

    /// Appends the cell with `""` as `"`.
    fn unescape(&self, out: &mut Vec<u8>) {
        let mut quote = false;
        for &byte in self.raw {
            quote = byte == b'"' && !quote;
            if !quote {
                out.push(byte);
            }
        }
    }

    /// The cell with `""` as `"`, apart.
    pub fn plain(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if self.escaped {
            self.unescape(&mut out)
        } else {
            out.extend_from_slice(self.raw)
        }
        out
    }
}

impl<'b> Iterator for Cells<'b> {
    type Item = Result<Cell<'b>, Reject>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest?;
        let Some(inner) = rest.strip_prefix(b"\"") else {
            let end = near::one(self.delimiter, rest);
            self.rest = end.map(|n| &rest[n + 1..]);
            return Some(Ok(Cell { raw: &rest[..end.unwrap_or(rest.len())], escaped: false }));
        };
        let (mut at, mut escaped) = (0, false);
        loop {
            let Some(n) = near::one(b'"', inner.get(at..).unwrap_or_default()) else {
                self.rest = None;
                return Some(Err(Reject));
            };
            at += n;
            match inner.get(at + 1) {
                Some(b'"') => {
                    escaped = true;
                    at += 2;
                }
                None => {
                    self.rest = None;
                    return Some(Ok(Cell { raw: &inner[..at], escaped }));
                }
                Some(&b) if b == self.delimiter => {
                    self.rest = Some(&inner[at + 2..]);
                    return Some(Ok(Cell { raw: &inner[..at], escaped }));
                }
                Some(_) => {
                    self.rest = None;
                    return Some(Err(Reject));
                }
            }
        }
    }
}

//! The limits of one decoded stream, and a wall against panics of third-party decoders.

use std::cell::{Cell, RefCell};
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::Limits;
use super::source::{Gauge, carried, carry};
use crate::model::ledger::{Note, Reason};

/// Below this much decoded output no ratio counts as a bomb.
pub(super) const RATIO_FLOOR_BYTES: u64 = 64 * 1024 * 1024;

/// What helps where stored bytes are damaged.
pub(super) const REMEDY: &str = "what was decoded before is read; collect another copy";

/// What a decoder failed at, for people: decoders tell it in words of their own insides.
pub(super) fn said(name: &str, cause: &io::Error) -> String {
    let words = cause.to_string().to_lowercase();
    match cause.kind() {
        io::ErrorKind::UnexpectedEof => format!("{name} ends before it is complete"),
        _ if ["checksum", "crc", "hash"].iter().any(|word| words.contains(word)) => {
            format!("{name}: a checksum does not match what was decoded")
        }
        _ => format!("{name}: the compressed data is damaged and cannot be decoded from here on"),
    }
}

/// Bytes of one evidence file over all of its layers.
#[derive(Debug, Clone, Default)]
pub(super) struct Totals {
    /// Stored bytes of the evidence file; for standard input those read so far.
    pub stored: Rc<Cell<u64>>,
    /// Bytes that all decoders together have put out.
    pub decoded: Rc<Cell<u64>>,
}

/// A decoder behind its limits. Every breach is found at a byte that depends on the stream alone.
pub(super) struct Guard<'a> {
    inner: Box<dyn Read + 'a>,
    name: &'static str,
    gauge: Gauge,
    limits: &'a Limits,
    totals: Totals,
    decoded: u64,
    failure: Rc<RefCell<Option<Note>>>,
}

impl<'a> Guard<'a> {
    /// `gauge` counts the stored bytes that the decoder takes.
    pub(super) fn new(
        name: &'static str,
        inner: Box<dyn Read + 'a>,
        gauge: Gauge,
        limits: &'a Limits,
        totals: Totals,
    ) -> Self {
        Self { inner, name, gauge, limits, totals, decoded: 0, failure: Rc::default() }
    }

    /// Why the stream stopped before its end, once it has.
    pub(super) fn failure(&self) -> Rc<RefCell<Option<Note>>> {
        self.failure.clone()
    }

    fn stop(&self, note: Note) -> io::Error {
        *self.failure.borrow_mut() = Some(note.clone());
        carry(note)
    }

    fn over_ratio(&self) -> Option<Note> {
        let over = |decoded: u64, stored: u64| {
            decoded > RATIO_FLOOR_BYTES && decoded > stored.max(1).saturating_mul(self.limits.ratio)
        };
        let what = if over(self.decoded, self.gauge.used.get()) {
            self.name
        } else if over(self.totals.decoded.get(), self.totals.stored.get()) {
            "the whole file"
        } else {
            return None;
        };
        let detail = format!("{what} expands more than {} times; the rest was not decoded", self.limits.ratio);
        Some(Note::new(Reason::RatioLimit, detail).at(self.decoded))
    }
}

impl Read for Guard<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if let Some(note) = &*self.failure.borrow() {
            return Err(carry(note.clone()));
        }
        if let Some(note) = self.over_ratio() {
            return Err(self.stop(note));
        }
        let left = self.limits.member_bytes.saturating_sub(self.decoded);
        if left == 0 {
            // Only a stream that goes on is over the limit.
            let mut one = [0];
            return match catch_unwind(AssertUnwindSafe(|| self.inner.read(&mut one))) {
                Ok(Ok(0)) => Ok(0),
                _ => {
                    let detail = format!("longer than {} bytes; the rest was not read", self.limits.member_bytes);
                    Err(self.stop(Note::new(Reason::SizeLimit, detail).at(self.decoded)))
                }
            };
        }
        let want = usize::try_from(left).unwrap_or(usize::MAX).min(out.len());
        match catch_unwind(AssertUnwindSafe(|| self.inner.read(&mut out[..want]))) {
            Ok(Ok(read)) => {
                let read = read.min(want);
                self.decoded += read as u64;
                self.totals.decoded.set(self.totals.decoded.get() + read as u64);
                Ok(read)
            }
            Ok(Err(cause)) => {
                let below = self.gauge.failure.borrow().clone();
                let note = below.unwrap_or_else(|| {
                    carried(&cause, |cause| {
                        let detail = format!("{}; {REMEDY}", said(self.name, cause));
                        Note::new(Reason::Damaged, detail).at(self.decoded)
                    })
                });
                Err(self.stop(note))
            }
            Err(_) => {
                let detail = format!("{} cannot be decoded from here on; {REMEDY}", self.name);
                Err(self.stop(Note::new(Reason::Damaged, detail).at(self.decoded)))
            }
        }
    }
}

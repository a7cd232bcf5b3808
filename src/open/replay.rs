//! One frame decoded again from its start, by the sequential decoder, up to where others had got.
//!
//! Reads the frame's stored bytes anew and lets the stream's own source follow, so that the count of stored bytes is at
//! each decoded byte what it would have been without help.

use std::io::{self, Read};

use super::codec::{Frame, Trailing};
use super::recognise::Codec;
use super::source::{Gauge, Source, carry};
use super::walk::Random;
use crate::model::ledger::{Note, Reason};

pub(super) struct Replay<'a> {
    frame: Frame<'a>,
    /// Counts what `frame` takes.
    gauge: Gauge,
    /// The stream itself, which stands at `start` or behind it.
    source: Source<'a>,
    /// Where the frame begins.
    start: u64,
}

impl<'a> Replay<'a> {
    /// `source` must stand at or behind `start`, and not further than the sequential decoder would when it has put
    /// out the bytes that will be skipped.
    pub(super) fn new(
        codec: Codec,
        window_bytes: u64,
        random: Random<'a>,
        source: Source<'a>,
        start: u64,
    ) -> io::Result<Self> {
        let again = Source::at(Box::new(Anew { random, at: start }), start);
        let gauge = again.gauge();
        Ok(Self { frame: Frame::new(codec, again, window_bytes)?, gauge, source, start })
    }

    /// Decoded bytes of the frame that its checksums confirmed before it failed.
    pub(super) fn whole(&self) -> u64 {
        self.frame.whole()
    }

    pub(super) fn into_source(self) -> Source<'a> {
        drop(self.frame.into_source(&Trailing::default()));
        self.source
    }

    /// Lets the stream's source follow to where the decoder has got.
    fn follow(&mut self) {
        let place = self.start + self.gauge.used.get();
        self.source.discard(place.saturating_sub(self.source.place()));
    }
}

impl Read for Replay<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.frame.read(out);
        self.follow();
        if read.is_err()
            && let Some(note) = &*self.gauge.failure.borrow()
        {
            *self.source.gauge().failure.borrow_mut() = Some(note.clone());
        }
        read
    }
}

/// The stored bytes from one place on.
pub(super) struct Anew<'a> {
    pub random: Random<'a>,
    pub at: u64,
}

impl Read for Anew<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.random.size.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let want = left.min(out.len());
        let read = self.random.bytes.read_at(&mut out[..want], self.at);
        let read = read.map_err(|cause| carry(Note::new(Reason::Unreadable, cause.to_string())))?;
        self.at += read as u64;
        Ok(read)
    }
}

//! The bytes of one layer, with a look ahead, an exact count and failures that survive third-party decoders.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use crate::model::ledger::{Note, Reason};

/// How much is read at a time. A constant, never the caller's wish: so every run cuts at the same byte.
pub(super) const PULL_BYTES: usize = 64 * 1024;
/// Room that is made for the first of them.
const FIRST_BYTES: usize = 4 * 1024;

/// Remarks that end nothing, shared by all layers of one evidence file.
pub(super) type Remarks = Rc<RefCell<Vec<Note>>>;

/// A [`Note`] on its way through code that only knows `io::Error`.
#[derive(Debug)]
struct Carried(Note);

impl fmt::Display for Carried {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0.detail)
    }
}

impl std::error::Error for Carried {}

/// Wraps a note so that it passes a `Read` seam.
pub(super) fn carry(note: Note) -> io::Error {
    io::Error::other(Carried(note))
}

/// The note that an error carries, or `otherwise` of an error that carries none.
pub(super) fn carried(cause: &io::Error, otherwise: impl FnOnce(&io::Error) -> Note) -> Note {
    match cause.get_ref().and_then(|inner| inner.downcast_ref::<Carried>()) {
        Some(Carried(note)) => note.clone(),
        None => otherwise(cause),
    }
}

/// What is known about a [`Source`] that a decoder has swallowed.
#[derive(Debug, Clone, Default)]
pub(super) struct Gauge {
    /// Bytes taken from the source.
    pub used: Rc<Cell<u64>>,
    /// Bytes that the source took from the layer below.
    pub pulled: Rc<Cell<u64>>,
    /// Why the layer below stopped before its end.
    pub failure: Rc<RefCell<Option<Note>>>,
}

/// A buffered reader over one layer. Bytes that came before a failure are handed out before the failure is.
///
/// What [`BufRead::fill_buf`] gives ends on a grid of [`PULL_BYTES`] of the layer below, however far was peeked: so a
/// decoder is fed alike whether or not someone looked ahead, and where it fails it has put out the same bytes.
pub(super) struct Source<'a> {
    inner: Box<dyn Read + 'a>,
    buffer: Vec<u8>,
    start: usize,
    ended: bool,
    /// Why the layer below stopped, until all that came before is handed out.
    failed: Option<Note>,
    /// Where the grid stands at the first byte.
    phase: u64,
    gauge: Gauge,
}

impl<'a> Source<'a> {
    pub(super) fn new(inner: &'a mut dyn Read) -> Self {
        Self::at(Box::new(inner), 0)
    }

    /// A source of which the first byte stands at `offset` of the layer below.
    pub(super) fn at(inner: Box<dyn Read + 'a>, offset: u64) -> Self {
        let phase = offset % PULL_BYTES as u64;
        Self { inner, buffer: Vec::new(), start: 0, ended: false, failed: None, phase, gauge: Gauge::default() }
    }

    /// Bytes taken so far.
    pub(super) fn place(&self) -> u64 {
        self.gauge.used.get()
    }

    /// A handle that keeps counting after the source was moved into a decoder.
    pub(super) fn gauge(&self) -> Gauge {
        self.gauge.clone()
    }

    /// The next bytes without taking them: `want` or, at the end, fewer.
    pub(super) fn peek(&mut self, want: usize) -> &[u8] {
        while self.buffer.len() - self.start < want && !self.ended {
            self.pull();
        }
        self.publish();
        let have = (self.buffer.len() - self.start).min(want);
        &self.buffer[self.start..self.start + have]
    }

    /// Takes up to `want` bytes away unseen; says how many there were and whether all were zero.
    pub(super) fn discard(&mut self, want: u64) -> (u64, bool) {
        let (mut gone, mut zero) = (0, true);
        while gone < want {
            let Ok(bytes) = self.fill_buf() else { break };
            let take = usize::try_from(want - gone).unwrap_or(usize::MAX).min(bytes.len());
            if take == 0 {
                break;
            }
            zero = zero && bytes[..take].iter().all(|&b| b == 0);
            self.consume(take);
            gone += take as u64;
        }
        (gone, zero)
    }

    /// Reads straight into `out` where nothing is buffered: for plain files, which no limit cuts.
    pub(super) fn read_direct(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.start < self.buffer.len() || self.ended {
            return self.read(out);
        }
        match retry(&mut *self.inner, out) {
            Ok(0) => {
                self.ended = true;
                Ok(0)
            }
            Ok(read) => {
                self.gauge.pulled.set(self.gauge.pulled.get() + read as u64);
                self.gauge.used.set(self.gauge.used.get() + read as u64);
                Ok(read)
            }
            Err(cause) => {
                self.fail(&cause);
                self.publish();
                Err(cause)
            }
        }
    }

    fn pull(&mut self) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        let before = self.buffer.len();
        let into = (self.phase + self.gauge.pulled.get()) % PULL_BYTES as u64;
        let goal = before + PULL_BYTES - usize::try_from(into).unwrap_or(0);
        let mut filled = before;
        while filled < goal {
            if filled == self.buffer.len() {
                // PERF: most files are small, and room that is made has to be emptied first.
                self.buffer.resize(if filled == before { goal.min(before + FIRST_BYTES) } else { goal }, 0);
            }
            match retry(&mut *self.inner, &mut self.buffer[filled..]) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(read) => filled += read,
                Err(cause) => {
                    self.fail(&cause);
                    break;
                }
            }
        }
        self.buffer.truncate(filled);
        self.gauge.pulled.set(self.gauge.pulled.get() + (filled - before) as u64);
    }

    fn fail(&mut self, cause: &io::Error) {
        self.ended = true;
        self.failed = Some(carried(cause, |cause| Note::new(Reason::Unreadable, cause.to_string())));
    }

    /// Tells of a failure below once nothing is held that came before it.
    fn publish(&mut self) {
        if self.start >= self.buffer.len()
            && let Some(note) = &self.failed
        {
            *self.gauge.failure.borrow_mut() = Some(note.clone());
        }
    }

    /// Bytes held up to the next line of the grid.
    fn chunk(&self) -> &[u8] {
        let into = (self.phase + self.place()) % PULL_BYTES as u64;
        let left = PULL_BYTES - usize::try_from(into).unwrap_or(0);
        let held = &self.buffer[self.start..];
        &held[..left.min(held.len())]
    }
}

fn retry(inner: &mut dyn Read, out: &mut [u8]) -> io::Result<usize> {
    loop {
        match inner.read(out) {
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            result => return result.map(|read| read.min(out.len())),
        }
    }
}

impl BufRead for Source<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start >= self.buffer.len() && !self.ended {
            self.pull();
        }
        self.publish();
        if self.start >= self.buffer.len()
            && let Some(note) = &self.failed
        {
            return Err(carry(note.clone()));
        }
        Ok(self.chunk())
    }

    fn consume(&mut self, amount: usize) {
        let amount = amount.min(self.buffer.len() - self.start);
        self.start += amount;
        self.gauge.used.set(self.gauge.used.get() + amount as u64);
    }
}

impl Read for Source<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?;
        let take = bytes.len().min(out.len());
        out[..take].copy_from_slice(&bytes[..take]);
        self.consume(take);
        Ok(take)
    }
}

/// Reads until the end or a failure and says how many bytes there were.
pub(super) fn drain(reader: &mut dyn Read) -> u64 {
    let (mut scratch, mut total) = (vec![0; FIRST_BYTES], 0);
    while let Ok(read @ 1..) = retry(reader, &mut scratch) {
        total += read as u64;
        scratch.resize(PULL_BYTES, 0);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte a call, then fails.
    struct Drip(u8);

    impl Read for Drip {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(carry(Note::new(Reason::Damaged, "broken")));
            }
            out[0] = self.0;
            self.0 -= 1;
            Ok(1)
        }
    }

    #[test]
    fn bytes_come_before_the_failure_and_are_counted_once() {
        let mut drip = Drip(5);
        let mut source = Source::new(&mut drip);
        assert_eq!(source.peek(2), [5, 4]);
        assert!(source.gauge().failure.borrow().is_none(), "told of only once it is met");
        assert_eq!(source.discard(1), (1, false));
        let mut rest = Vec::new();
        let failure = source.read_to_end(&mut rest).unwrap_err();
        assert_eq!(rest, [4, 3, 2, 1]);
        assert_eq!(carried(&failure, |_| unreachable!()).detail, "broken");
        assert_eq!((source.gauge().used.get(), source.gauge().pulled.get()), (5, 5));
    }

    #[test]
    fn a_look_ahead_does_not_change_what_a_decoder_is_fed() {
        let stored = vec![7; 3 * PULL_BYTES];
        for (offset, ahead) in [(0, 0), (0, stored.len()), (1000, 0), (1000, stored.len())] {
            let mut source = Source::at(Box::new(&stored[..]), offset);
            source.discard(10);
            source.peek(ahead);
            let mut chunks = Vec::new();
            while let Ok(chunk @ [_, ..]) = source.fill_buf() {
                let length = chunk.len();
                chunks.push(length);
                source.consume(length);
            }
            let first = PULL_BYTES - offset as usize - 10;
            assert_eq!(chunks[..2], [first, PULL_BYTES], "{offset} {ahead}");
        }
    }
}

//! One piece of a compressed stream that any core may decode.

use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::frames::Frames;
use super::super::recognise::Codec;
use super::super::source::Source;

/// Whole frames that stand for themselves.
#[derive(Debug)]
pub(super) struct Piece {
    pub codec: Codec,
    pub bytes: Vec<u8>,
    /// Largest decoder window.
    pub window_bytes: u64,
    /// What it may decode to; more is left to the sequential decoder.
    pub most_bytes: usize,
}

impl Piece {
    /// What it decodes to; `None` where anything about it is not as it should be.
    fn decode(&self) -> Option<Vec<u8>> {
        catch_unwind(AssertUnwindSafe(|| self.decode_all())).ok().flatten()
    }

    /// The sequential decoder on the piece alone: only what it takes without a remark and to the last byte counts.
    fn decode_all(&self) -> Option<Vec<u8>> {
        let source = Source::at(Box::new(&self.bytes[..]), 0);
        let gauge = source.gauge();
        let frames = Frames::new(self.codec, source, self.window_bytes);
        let trailing = frames.trailing();
        let mut out = Vec::new();
        frames.take(self.most_bytes as u64 + 1).read_to_end(&mut out).ok()?;
        let whole = gauge.used.get() == self.bytes.len() as u64 && trailing.bytes.get() == 0;
        (whole && out.len() <= self.most_bytes).then_some(out)
    }
}

enum State {
    Waiting(Arc<Piece>),
    /// Someone decodes it.
    Taken(Arc<Piece>),
    Done(Option<Vec<u8>>),
    /// Nobody wants it any more.
    Gone,
}

/// A piece with what became of it. Whoever comes first decodes it.
pub(super) struct Unit(Mutex<State>);

impl Unit {
    pub(super) fn new(piece: Piece) -> Self {
        Self(Mutex::new(State::Waiting(Arc::new(piece))))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decodes it unless someone does already; whether it did.
    pub(super) fn work(&self) -> bool {
        let mut state = self.lock();
        let State::Waiting(piece) = &*state else { return false };
        let piece = Arc::clone(piece);
        *state = State::Taken(Arc::clone(&piece));
        drop(state);
        self.finish(piece.decode());
        true
    }

    /// Decodes it once more, while another thread is at it.
    pub(super) fn work_again(&self) {
        let state = self.lock();
        let State::Taken(piece) = &*state else { return };
        let piece = Arc::clone(piece);
        drop(state);
        self.finish(piece.decode());
    }

    fn finish(&self, decoded: Option<Vec<u8>>) {
        let mut state = self.lock();
        if matches!(*state, State::Taken(_)) {
            *state = State::Done(decoded);
        }
    }

    /// What it decoded to, once: outer `None` while it is not done.
    pub(super) fn take(&self) -> Option<Option<Vec<u8>>> {
        let mut state = self.lock();
        match std::mem::replace(&mut *state, State::Gone) {
            State::Done(decoded) => Some(decoded),
            other => {
                *state = other;
                None
            }
        }
    }

    /// Spares the others what nobody wants any more.
    pub(super) fn forget(&self) {
        *self.lock() = State::Gone;
    }
}

//! Compressed streams, frame after frame: by the sequential decoder, or by [`Ahead`] where others help.
//!
//! The sequential decoder is the truth. What helpers decode counts only where it is certain that it would have put out
//! the same; wherever it is not, the frame is decoded sequentially from its start, and what was given out is skipped.

use std::io::{self, BufRead, Read};

use super::ahead::{Ahead, Help, Left};
use super::codec::{Frame, Trailing};
use super::recognise::{Codec, is_skippable};
use super::replay::Replay;
use super::source::{PULL_BYTES, Source, carry};
use crate::model::ledger::{Note, Reason};

/// The frames of one compressed stream as one run of decoded bytes.
pub(super) struct Frames<'a> {
    codec: Codec,
    window_bytes: u64,
    state: State<'a>,
    first: bool,
    trailing: Trailing,
    help: Option<Help<'a>>,
    /// Up to here in the stored bytes no help is asked for.
    alone_until: u64,
    /// Decoded bytes given out.
    given: u64,
    /// A failure that is told once what came before it is given out.
    failure: Option<io::Error>,
}

enum State<'a> {
    Between(Source<'a>),
    Frame(Frame<'a>),
    Ahead(Box<Ahead<'a>>),
    Replay(Box<Replay<'a>>),
    Done,
}

impl<'a> Frames<'a> {
    pub(super) fn new(codec: Codec, source: Source<'a>, window_bytes: u64) -> Self {
        Self {
            codec,
            window_bytes,
            state: State::Between(source),
            first: true,
            trailing: Trailing::default(),
            help: None,
            alone_until: 0,
            given: 0,
            failure: None,
        }
    }

    /// The same with the help of others.
    pub(super) fn helped(codec: Codec, source: Source<'a>, window_bytes: u64, help: Help<'a>) -> Self {
        let mut frames = Self::new(codec, source, window_bytes);
        frames.help = Some(help);
        frames
    }

    /// A handle to what stands behind the last frame, complete once the stream has ended.
    pub(super) fn trailing(&self) -> Trailing {
        self.trailing.clone()
    }

    /// Starts the next frame, or takes what is left as trailing bytes.
    fn start(&mut self, mut source: Source<'a>) -> io::Result<State<'a>> {
        loop {
            if let Some(help) = self.help
                && source.place() >= self.alone_until
            {
                match Ahead::begin(self.codec, self.window_bytes, help, source, self.given) {
                    Ok(ahead) => return Ok(State::Ahead(Box::new(ahead))),
                    Err((back, until)) => (source, self.alone_until) = (back, until),
                }
            }
            let head = source.peek(18);
            let frames = matches!(self.codec, Codec::Zstd | Codec::Lz4);
            if frames && is_skippable(head) && head.len() >= 8 {
                let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
                let want = u64::from(length) + 8;
                if source.discard(want).0 < want {
                    return Err(carry(Note::new(Reason::Damaged, "ends inside a skippable frame")));
                }
                continue;
            }
            if self.first || self.codec.continues(head) {
                self.first = false;
                return Frame::new(self.codec, source, self.window_bytes).map(State::Frame);
            }
            let (bytes, zero) = source.discard(u64::MAX);
            self.trailing.bytes.set(self.trailing.bytes.get() + bytes);
            self.trailing.foreign.set(self.trailing.foreign.get() || !zero);
            // A failure below must not pass for the end.
            source.fill_buf()?;
            return Ok(State::Done);
        }
    }

    /// Goes on from a frame, or from where the helpers got stuck; `false` at the end.
    fn turn(&mut self) -> io::Result<bool> {
        let source = match std::mem::replace(&mut self.state, State::Done) {
            State::Between(source) => source,
            State::Frame(frame) => frame.into_source(&self.trailing),
            State::Replay(replay) => replay.into_source(),
            State::Ahead(ahead) => return self.alone(*ahead).map(|()| true),
            State::Done => return Ok(false),
        };
        self.state = self.start(source)?;
        Ok(true)
    }

    /// Takes over from the helpers.
    fn alone(&mut self, ahead: Ahead<'a>) -> io::Result<()> {
        let Left { source, until, frame, given, any } = ahead.leave();
        self.first = self.first && !any;
        self.alone_until = until;
        match (frame, self.help.and_then(|help| help.random)) {
            (Some(start), Some(random)) => {
                let replay = Replay::new(self.codec, self.window_bytes, random, source, start)?;
                self.state = State::Replay(Box::new(replay));
            }
            _ => self.state = State::Between(source),
        }
        self.skip(given)
    }

    /// Passes over what was given out already, in steps of the same size as those in which it would have been read.
    fn skip(&mut self, given: u64) -> io::Result<()> {
        let mut scratch = vec![0; if given > 0 { PULL_BYTES } else { 0 }];
        let end = self.given;
        let mut at = end.saturating_sub(given);
        while at < end {
            let step = (PULL_BYTES as u64 - at % PULL_BYTES as u64).min(end - at);
            let step = usize::try_from(step).unwrap_or(PULL_BYTES);
            match self.some(&mut scratch[..step])? {
                0 => {
                    return Err(carry(Note::new(
                        Reason::ChangedDuringScan,
                        "is not what it was when it was read first",
                    )));
                }
                read => at += read as u64,
            }
        }
        Ok(())
    }

    /// Decoded bytes of one step; 0 at the end.
    fn some(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match &mut self.state {
                State::Between(_) | State::Done => 0,
                State::Frame(frame) => frame.read(out)?,
                State::Replay(replay) => replay.read(out)?,
                State::Ahead(ahead) => ahead.read(out),
            };
            if read > 0 {
                return Ok(read);
            }
            if !self.turn()? {
                return Ok(0);
            }
        }
    }
}

impl Read for Frames<'_> {
    /// Fills `out` unless the stream ends or fails: so limits above are met at the same byte whoever decodes.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let mut filled = 0;
        while filled < out.len() {
            match self.some(&mut out[filled..]) {
                Ok(0) => break,
                Ok(read) => {
                    filled += read;
                    self.given += read as u64;
                }
                Err(cause) if filled > 0 => {
                    self.failure = Some(cause);
                    break;
                }
                Err(cause) => return Err(cause),
            }
        }
        Ok(filled)
    }
}

impl Drop for Frames<'_> {
    /// Where a limit stopped the reading, the count of stored bytes must be that of the sequential decoder.
    fn drop(&mut self) {
        if let State::Ahead(_) = &self.state
            && let State::Ahead(ahead) = std::mem::replace(&mut self.state, State::Done)
        {
            self.help = self.help.map(|help| Help { settled: true, ..help });
            let _ = self.alone(*ahead);
        }
    }
}

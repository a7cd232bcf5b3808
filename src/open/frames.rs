//! Compressed streams, frame after frame: by the sequential decoder, or by [`Ahead`] where others help.
//!
//! The sequential decoder is the truth. What helpers decode counts only where it is certain that it would have put out
//! the same; wherever it is not, the frame is decoded sequentially from its start, and what was given out is skipped.
//! Where that decoder fails, the stream goes on with the next member of gzip, or block of bzip2, that is whole (`behind`).

use std::io::{self, BufRead, Read};

use super::ahead::{Ahead, Help, Left, xz};
use super::behind::{self, Blocks, Tries};
use super::codec::{Frame, Trailing};
use super::doubt::{Doubts, Lost};
use super::guard::said;
use super::recognise::{Codec, is_skippable};
use super::replay::Replay;
use super::source::{PULL_BYTES, Source, carried, carry};
use super::walk::Random;
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
    /// Where the frame at hand begins: in the stored bytes, and in the decoded ones.
    begun: (u64, u64),
    doubts: Doubts,
    lost: Lost,
    tries: Option<Tries>,
    /// The end of a line is to be given out in place of what was lost, so that no two halves make one record.
    is_torn: bool,
}

enum State<'a> {
    Between(Source<'a>),
    Frame(Frame<'a>),
    Ahead(Box<Ahead<'a>>),
    Replay(Box<Replay<'a>>),
    Blocks(Box<Blocks<'a>>),
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
            begun: (0, 0),
            doubts: Doubts::default(),
            lost: Lost::default(),
            tries: None,
            is_torn: false,
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

    /// A handle to what of the decoded bytes is in doubt.
    pub(super) fn doubts(&self) -> Doubts {
        self.doubts.clone()
    }

    /// A handle to what was lost between stretches that are whole.
    pub(super) fn lost(&self) -> Lost {
        self.lost.clone()
    }

    /// Starts the next frame, or takes what is left as trailing bytes.
    fn start(&mut self, mut source: Source<'a>) -> io::Result<State<'a>> {
        loop {
            let given = self.given + u64::from(self.is_torn);
            self.begun = (source.place(), given);
            if let Some(help) = self.help
                && source.place() >= self.alone_until
            {
                match Ahead::begin(self.codec, self.window_bytes, help, source, given) {
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
            if let Some(next) = self.next_member(source.place()) {
                source = self.pass(source, next, "no member begins where one must");
                continue;
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
            State::Blocks(blocks) => blocks.into_source(),
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
        self.begun = (frame.unwrap_or(source.place()), self.given - given);
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
            if std::mem::take(&mut self.is_torn) {
                // The records on both sides of it may be halves.
                self.doubts.add(self.given.saturating_sub(1)..self.given + 2);
                out[0] = b'\n';
                return Ok(1);
            }
            let read = match &mut self.state {
                State::Between(_) | State::Done => 0,
                State::Frame(frame) => frame.read(out)?,
                State::Replay(replay) => replay.read(out)?,
                State::Blocks(blocks) => blocks.read(out, self.tries.get_or_insert_with(|| Tries::of(0)))?,
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
                Err(cause) => match self.overcome(cause) {
                    Ok(()) => {}
                    Err(cause) if filled > 0 => {
                        self.failure = Some(cause);
                        break;
                    }
                    Err(cause) => return Err(cause),
                },
            }
        }
        Ok(filled)
    }
}

impl<'a> Frames<'a> {
    /// Goes on behind damage, where something whole stands there; else gives the failure back.
    fn overcome(&mut self, cause: io::Error) -> io::Result<()> {
        let is_ours = matches!(self.state, State::Frame(_) | State::Replay(_) | State::Blocks(_));
        let is_told = std::cell::Cell::new(true);
        carried(&cause, |_| {
            is_told.set(false);
            Note::new(Reason::Damaged, "")
        });
        if is_told.get() || !is_ours {
            return Err(cause);
        }
        let is_short = cause.kind() == io::ErrorKind::UnexpectedEof;
        let what = said(self.codec.name(), &cause);
        let state = std::mem::replace(&mut self.state, State::Done);
        let blocks = match state {
            State::Blocks(blocks) => Err(blocks),
            State::Frame(frame) => {
                let whole = self.begun.1 + frame.whole();
                Ok((frame.into_source(&Trailing::default()), whole))
            }
            State::Replay(replay) => {
                let whole = self.begun.1 + replay.whole();
                Ok((replay.into_source(), whole))
            }
            _ => return Err(cause),
        };
        let (source, whole) = match blocks {
            Ok(of_frame) => of_frame,
            Err(blocks) => return self.blocks(Err(blocks), &what).map_err(|()| cause),
        };
        if source.gauge().failure.borrow().is_some() {
            return Err(cause);
        }
        let place = source.place();
        let whole = match (self.codec, self.random()) {
            (Codec::Xz, Some(random)) => whole + xz::confirmed(random, self.begun.0, place),
            _ => whole,
        };
        let whole = whole.min(self.given);
        let next = self.next_member(self.begun.0 + 1);
        if !is_short || next.is_some() {
            self.doubts.add(whole..self.given);
        }
        match (self.codec, next) {
            (Codec::Bzip2, _) => self.blocks(Ok(source), &what).map_err(|()| cause),
            (_, Some(next)) => {
                let source = self.pass(source, next, &what);
                self.state = match self.random().filter(|_| next < source.place()) {
                    Some(random) => {
                        self.begun = (next, self.given + 1);
                        let replay = Replay::new(self.codec, self.window_bytes, random, source, next)?;
                        State::Replay(Box::new(replay))
                    }
                    None => State::Between(source),
                };
                Ok(())
            }
            (_, None) => Err(cause),
        }
    }

    fn random(&self) -> Option<Random<'a>> {
        self.help.and_then(|help| help.random)
    }

    /// Where the next whole member of gzip begins.
    fn next_member(&mut self, from: u64) -> Option<u64> {
        let random = self.random().filter(|_| self.codec == Codec::Gzip)?;
        let tries = self.tries.get_or_insert_with(|| Tries::of(random.size));
        behind::member(random, from, tries)
    }

    /// Goes on at byte `next` of what is stored, and tells why.
    fn pass(&mut self, mut source: Source<'a>, next: u64, what: &str) -> Source<'a> {
        let place = source.place();
        source.discard(next.saturating_sub(place));
        let detail = format!("{what}; reading went on at byte {next}, where what follows is whole by its checksum");
        self.lost.add(next.saturating_sub(place), Note::new(Reason::Damaged, detail).at(place.min(next)));
        self.is_torn = true;
        source
    }

    /// Goes on at the next whole block of the bzip2 stream at hand.
    fn blocks(&mut self, from: Result<Source<'a>, Box<Blocks<'a>>>, what: &str) -> Result<(), ()> {
        let random = self.random().ok_or(())?;
        let tries = self.tries.get_or_insert_with(|| Tries::of(random.size));
        let (place, found) = match from {
            Ok(source) => {
                let place = source.place();
                // The mark of the next block may have been taken in part.
                (place, Blocks::behind(random, source, place.saturating_sub(8).max(self.begun.0), tries))
            }
            Err(blocks) => (blocks.place(), blocks.again(tries)),
        };
        let blocks = found.map_err(drop)?;
        let next = blocks.place();
        let detail = format!("{what}; reading went on at byte {next}, with a block that is whole by its checksum");
        self.lost.add(next.saturating_sub(place), Note::new(Reason::Damaged, detail).at(place));
        self.is_torn = true;
        self.state = State::Blocks(Box::new(blocks));
        Ok(())
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

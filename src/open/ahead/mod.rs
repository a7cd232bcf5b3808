//! Pieces of one compressed stream decoded by several cores at once.
//!
//! A *cutter* finds, without decoding, where the next piece ends: sizes that headers state, or marks in the bits. None of
//! it is trusted. A piece is decoded for itself by the sequential decoder, and counts only if it begins where the last
//! one ended, is taken to its last byte without a remark, and its checksums hold; a frame that consists of several
//! pieces is checked as a whole as well. Whatever else is met ends the run, and the sequential decoder takes over.
//!
//! The reader never waits: where the next piece is under way elsewhere it decodes a later one, does other work, or
//! decodes the same piece once more.

pub(super) mod bzip2;
mod gzip;
mod unit;
pub(super) mod xz;
mod zstd;

use std::collections::VecDeque;
use std::sync::Arc;

use super::guard::RATIO_FLOOR_BYTES;
use super::recognise::Codec;
use super::source::Source;
use super::walk::Random;
use crate::model::hands::Hands;
use unit::{Piece, Unit};

/// What a piece may decode to where its header does not say.
const MOST_BYTES: usize = 8 << 20;
/// Pieces that state more than this are left to the sequential decoder.
const MOST_STATED_BYTES: u64 = 64 << 20;

/// Who helps, and what is known of the stream as a whole.
#[derive(Clone, Copy)]
pub(super) struct Help<'a> {
    pub hands: &'a dyn Hands,
    /// The stored bytes, to decode a frame anew; without it frames of several pieces are left to the sequential decoder.
    pub random: Option<Random<'a>>,
    /// Decoded bytes per stored byte, of [`Limits`](super::Limits).
    pub ratio: u64,
    /// The reading is over: nobody is to help any more.
    pub settled: bool,
}

/// Runs of members and frames are at least so long, so that handing them over costs nothing against decoding them.
const RUN_BYTES: usize = 96 << 10;

/// What is held of a stream from `at` on; `base` is where what is held begins.
fn rest(held: &[u8], base: u64, at: u64) -> &[u8] {
    let from = usize::try_from(at.saturating_sub(base)).unwrap_or(usize::MAX);
    held.get(from..).unwrap_or_default()
}

/// The next step of a cutter. Offsets are of the stream's stored bytes.
enum Cut {
    /// A piece that reaches up to `end` (rounded down to a byte).
    Piece {
        bytes: Vec<u8>,
        end: u64,
        /// What it states that it decodes to.
        stated: Option<u64>,
        /// The frame that goes on behind it.
        inside: Option<u64>,
    },
    /// The frame that the last pieces were of ends at `end`, and is what it should be as a whole.
    End { end: u64 },
    /// So many bytes must be seen first.
    More(u64),
    /// From here on it is for the sequential decoder.
    Stop,
}

/// Finds the pieces of one stream.
trait Cutter {
    /// Looks at the bytes held: the first is that at `base`; where `last`, nothing follows them.
    fn cut(&mut self, held: &[u8], base: u64, last: bool) -> Cut;

    /// How far it got.
    fn place(&self) -> u64;
}

/// A piece under way, or the end of a frame.
struct Entry {
    unit: Option<Arc<Unit>>,
    end: u64,
    /// The frame that goes on behind it.
    inside: Option<u64>,
    /// Memory that it may take, in bytes, and how much of it was reserved.
    cost: usize,
    reserved: usize,
}

/// The run of pieces under way.
pub(super) struct Ahead<'a> {
    source: Source<'a>,
    codec: Codec,
    window_bytes: u64,
    help: Help<'a>,
    cutter: Box<dyn Cutter>,
    stopped: bool,
    entries: VecDeque<Entry>,
    /// A piece that memory was not to be had for so far.
    next: Option<Entry>,
    /// The piece that is given out now, and how much of it was.
    decoded: Vec<u8>,
    at: usize,
    /// The entry that `decoded` is of.
    open: Option<Entry>,
    /// The frame that `source` stands in.
    inside: Option<u64>,
    /// Decoded bytes of that frame that were given out by pieces before the open one.
    frame_given: u64,
    /// Decoded bytes of the whole stream.
    given: u64,
    /// Whether any frame was decoded.
    any: bool,
}

/// Where a run of pieces was left.
pub(super) struct Left<'a> {
    /// Stands at the start of a frame, or inside of `frame`.
    pub source: Source<'a>,
    /// Up to here the sequential decoder should go before help is asked for again.
    pub until: u64,
    /// The frame that must be decoded anew.
    pub frame: Option<u64>,
    /// Its bytes that were given out.
    pub given: u64,
    /// Whether anything was decoded.
    pub any: bool,
}

impl<'a> Ahead<'a> {
    /// Starts a run at a frame, unless there are not two pieces to be seen: then the source comes back, and up to where
    /// it is not worth asking again.
    ///
    /// `given` is how much of the whole stream was decoded so far.
    #[expect(clippy::result_large_err, reason = "the source is handed on either way")]
    pub(super) fn begin(
        codec: Codec,
        window_bytes: u64,
        help: Help<'a>,
        source: Source<'a>,
        given: u64,
    ) -> Result<Self, (Source<'a>, u64)> {
        let start = source.place();
        if help.settled || help.hands.count() < 2 {
            return Err((source, u64::MAX));
        }
        let cutter: Box<dyn Cutter> = match codec {
            Codec::Gzip => Box::new(gzip::Cutter::new(start)),
            Codec::Zstd => Box::new(zstd::Cutter::new(start)),
            Codec::Bzip2 if help.random.is_some() => Box::new(bzip2::Cutter::new(start)),
            Codec::Xz if help.random.is_some() => Box::new(xz::Cutter::new(start)),
            _ => return Err((source, u64::MAX)),
        };
        let mut ahead = Self {
            source,
            codec,
            window_bytes,
            help,
            cutter,
            stopped: false,
            entries: VecDeque::new(),
            next: None,
            decoded: Vec::new(),
            at: 0,
            open: None,
            inside: None,
            frame_given: 0,
            given,
            any: false,
        };
        let first: Vec<Entry> = [ahead.cut(), ahead.cut()].into_iter().flatten().collect();
        if first.iter().filter(|entry| entry.unit.is_some()).count() < 2 {
            let until = ahead.cutter.place().max(start + 1);
            return Err((ahead.leave().source, until));
        }
        first.into_iter().for_each(|entry| ahead.offer(entry));
        Ok(ahead)
    }

    /// Decoded bytes; 0 where the sequential decoder must go on.
    pub(super) fn read(&mut self, out: &mut [u8]) -> usize {
        while self.at == self.decoded.len() {
            self.close();
            self.cut_ahead();
            if !self.take_up() {
                return 0;
            }
        }
        let take = out.len().min(self.decoded.len() - self.at);
        out[..take].copy_from_slice(&self.decoded[self.at..self.at + take]);
        self.at += take;
        take
    }

    /// Gives up what is under way.
    pub(super) fn leave(mut self) -> Left<'a> {
        let given = self.frame_given + self.at as u64;
        let until = match self.entries.front().or(self.open.as_ref()) {
            Some(entry) => entry.end,
            None => self.cutter.place(),
        };
        let until = until.max(self.source.place() + 1);
        let entries = self.entries.drain(..).chain(self.open.take()).chain(self.next.take());
        for Entry { unit, reserved, .. } in entries {
            if let Some(unit) = unit {
                unit.forget();
            }
            self.help.hands.give_back(reserved);
        }
        Left { source: self.source, until, frame: self.inside, given, any: self.any }
    }

    /// Moves on behind the open piece.
    fn close(&mut self) {
        let Some(entry) = self.open.take() else { return };
        self.help.hands.give_back(entry.reserved);
        self.any = true;
        self.inside = entry.inside;
        self.frame_given = if entry.inside.is_some() { self.frame_given + self.at as u64 } else { 0 };
        self.source.discard(entry.end.saturating_sub(self.source.place()));
        self.decoded = Vec::new();
        self.at = 0;
    }

    /// Takes up the next piece; `false` where there is none that counts.
    fn take_up(&mut self) -> bool {
        let Some(entry) = self.entries.front() else { return false };
        let Some(unit) = entry.unit.clone() else {
            self.open = self.entries.pop_front();
            return true;
        };
        let Some(decoded) = self.await_unit(&unit) else { return false };
        if !self.within_ratio(decoded.len()) {
            return false;
        }
        self.given += decoded.len() as u64;
        self.decoded = decoded;
        self.open = self.entries.pop_front();
        true
    }

    /// The unit's bytes, without ever waiting for who decodes them.
    fn await_unit(&self, unit: &Unit) -> Option<Vec<u8>> {
        loop {
            if let Some(decoded) = unit.take() {
                return decoded;
            }
            let worked =
                unit.work() || self.entries.iter().filter_map(|entry| entry.unit.as_ref()).any(|unit| unit.work());
            if !worked && !self.help.hands.other_work() {
                unit.work_again();
            }
        }
    }

    /// Whether no limit on the ratio can cut inside the next `length` decoded bytes. Where one may, the sequential
    /// decoder knows at which byte.
    fn within_ratio(&self, length: usize) -> bool {
        let after = self.given + length as u64;
        after <= RATIO_FLOOR_BYTES || after <= self.source.place().max(1).saturating_mul(self.help.ratio)
    }

    /// Cuts pieces until so many entries are under way.
    fn cut_ahead(&mut self) {
        while self.next.is_none()
            && self.entries.len() < 2 * self.help.hands.count()
            && let Some(entry) = self.cut()
        {
            self.offer(entry);
        }
        if let Some(entry) = self.next.take() {
            self.offer(entry);
        }
    }

    /// Offers a piece to all, as soon as there is memory for it; one at a time needs none.
    fn offer(&mut self, mut entry: Entry) {
        if let Some(unit) = &entry.unit {
            if self.help.hands.reserve(entry.cost) {
                entry.reserved = entry.cost;
            } else if self.entries.iter().any(|entry| entry.unit.is_some()) {
                self.next = Some(entry);
                return;
            }
            let unit = Arc::clone(unit);
            self.help.hands.offer(Box::new(move || {
                unit.work();
            }));
        }
        self.entries.push_back(entry);
    }

    fn cut(&mut self) -> Option<Entry> {
        let base = self.source.place();
        let mut want = self.cutter.place();
        while !self.stopped {
            let look = usize::try_from(want - base).unwrap_or(usize::MAX);
            let held = self.source.peek(look);
            let last = held.len() < look;
            match self.cutter.cut(held, base, last) {
                Cut::Piece { bytes, end, stated, inside }
                    if stated.is_none_or(|stated| stated <= MOST_STATED_BYTES) =>
                {
                    let stated = stated.map_or(0, |stated| usize::try_from(stated).unwrap_or(usize::MAX));
                    let most_bytes = stated.max(MOST_BYTES);
                    let cost = most_bytes.saturating_add(2 * bytes.len());
                    let piece = Piece { codec: self.codec, bytes, window_bytes: self.window_bytes, most_bytes };
                    let unit = Some(Arc::new(Unit::new(piece)));
                    return Some(Entry { unit, end, inside, cost, reserved: 0 });
                }
                Cut::End { end } => return Some(Entry { unit: None, end, inside: None, cost: 0, reserved: 0 }),
                Cut::More(more) if !last && more > want => want = more,
                _ => self.stopped = true,
            }
        }
        None
    }
}

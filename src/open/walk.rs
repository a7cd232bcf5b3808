//! One evidence file, layer by layer: recognise, decode, descend, account.

use std::io::Read;

use rawzip::ReaderAt;

use super::ahead::Help;
use super::doubt::Doubts;
use super::frames::Frames;
use super::guard::{Guard, Totals};
use super::recognise::{Codec, HEAD_BYTES, Kind, recognise};
use super::source::{Gauge, Remarks, Source, carried, drain};
use super::spill::gather;
use super::{Opening, archive};
use crate::model::hands::Hands;
use crate::model::ledger::{Entry, EntryKind, Note, Reason, Stored};
use crate::model::place::Locator;
use crate::model::source::{SourceMeta, Stream, Visitor};
use crate::model::time::Instant;

/// Nesting deeper than this is refused whatever the limit says: each level takes stack.
const DEPTH_CEILING: u32 = 64;

/// What is known of an item before it is read.
#[derive(Debug, Clone)]
pub(super) struct At {
    pub locator: Locator,
    pub mtime: Option<Instant>,
    /// Its size where the layer above states it.
    pub size: Option<u64>,
    /// How many containers it lies in.
    pub depth: u32,
    /// Remarks of the layer above on it.
    pub notes: Vec<Note>,
}

/// An item that can be read anywhere.
#[derive(Clone, Copy)]
pub(super) struct Random<'r> {
    pub bytes: &'r dyn ReaderAt,
    pub size: u64,
}

/// What became of an item's stored bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Opened,
    Skipped,
}

impl Fate {
    /// What the bytes of a container that is read to and fro were: so many were read, so many behind damage were not, and
    /// the rest of its size is structure.
    pub(super) fn of_read(self, read: u64, lost: u64, size: u64) -> Stored {
        let read = read.min(size);
        let lost = lost.min(size - read);
        let structure = size - read - lost;
        match self {
            Self::Opened => Stored { opened: read, skipped: lost, structure },
            Self::Skipped => Stored { opened: 0, skipped: read + lost, structure },
        }
    }
}

/// The walk through one evidence file.
pub(super) struct Walk<'w> {
    pub opening: &'w Opening,
    /// Who may help to decode.
    pub hands: &'w dyn Hands,
    pub visitor: &'w mut dyn Visitor,
    pub evidence: Locator,
    pub remarks: Remarks,
    pub totals: Totals,
    /// Bytes of containers that are in memory now, at all levels.
    pub buffered: u64,
    /// Members met so far, at all levels.
    pub members: u64,
    /// The entry of the outermost container, held back until the file is closed.
    pub outermost: Option<Entry>,
    /// Where the bytes at hand may be in doubt, and where in that layer they begin.
    pub layer: (Doubts, u64),
    /// Leaves so far.
    pub leaves: u64,
    /// Leaves of layers that are in doubt, or may be yet: number, layer, where they begin in it, and length.
    pub suspects: Vec<(u64, Doubts, u64, u64)>,
    /// A remark where the evidence file is not what it was when it was opened; given once.
    pub changed: &'w dyn Fn() -> Option<Note>,
}

impl Walk<'_> {
    /// Opens whatever the bytes are.
    pub(super) fn item(&mut self, at: At, inner: &mut dyn Read, random: Option<Random<'_>>) -> Fate {
        let mut source = Source::new(&mut *inner);
        let head = source.peek(HEAD_BYTES).to_vec();
        if head.is_empty() {
            let failure = source.gauge().failure.take();
            let note = failure.unwrap_or_else(|| Note::new(Reason::Empty, "zero bytes long"));
            self.skip(&at, 0, note);
            return Fate::Skipped;
        }
        let kind = match recognise(&head) {
            Kind::Plain if random.is_some_and(|random| has_vhd_footer(random)) => Kind::Disk("VHD disk"),
            kind => kind,
        };
        let deep = at.depth >= self.opening.limits.depth.min(DEPTH_CEILING);
        match kind {
            Kind::Plain => match random.and_then(|random| Some((random, archive::front::length(random)?))) {
                Some((random, length)) if !deep => archive::front::open(self, at, source, random, length),
                _ => self.leaf(at, source),
            },
            Kind::Codec(_) | Kind::Tar | Kind::Zip | Kind::SevenZip | Kind::Journal | Kind::Parquet if deep => {
                let detail = format!("lies in {} containers; deeper ones are not opened", at.depth);
                self.refuse(at, source, random, Note::new(Reason::DepthLimit, detail))
            }
            Kind::Codec(codec) => {
                let (fate, mut stored, notes) = self.codec(&at, codec, source, random);
                // What lies behind the point where the decoder stopped.
                stored.skipped += drain(inner);
                self.container(&at, codec.name(), stored, notes);
                fate
            }
            Kind::Tar => archive::tar::open(self, at, source),
            Kind::Zip | Kind::SevenZip | Kind::Journal | Kind::Parquet => self.directory(at, kind, source, random),
            Kind::Disk(name) => {
                let detail = format!("{name}: mount it read-only and scan its log folders");
                self.refuse(at, source, random, Note::new(Reason::ImageNotOpened, detail))
            }
            Kind::Memory(name) => {
                let detail =
                    format!("{name}: extract event logs and strings with a memory forensics tool and scan those");
                self.refuse(at, source, random, Note::new(Reason::ImageNotOpened, detail))
            }
            Kind::Packets(name) => {
                let detail = format!("{name}: run Zeek or tshark on it and scan the logs that they write");
                self.refuse(at, source, random, Note::new(Reason::ImageNotOpened, detail))
            }
            Kind::Foreign(name) => {
                let detail = format!("{name} cannot be opened; unpack it and scan the folder");
                self.refuse(at, source, random, Note::new(Reason::Unsupported, detail))
            }
        }
    }

    /// Does something with the bytes of a decoder, which knows at last which of them are in doubt.
    pub(super) fn in_layer<T>(&mut self, doubts: Doubts, act: impl FnOnce(&mut Self) -> T) -> T {
        let known = self.suspects.len();
        let outer = std::mem::replace(&mut self.layer, (doubts, 0));
        let done = act(self);
        let (doubts, _) = std::mem::replace(&mut self.layer, outer);
        if doubts.is_empty() && self.suspects[known..].iter().all(|(_, doubts, ..)| doubts.is_empty()) {
            self.suspects.truncate(known);
        }
        done
    }

    /// Counts one member; a note once there are too many.
    pub(super) fn count_member(&mut self) -> Option<Note> {
        let limit = self.opening.limits.members;
        if self.members >= limit {
            let detail = format!("more than {limit} members in this file; the rest was not opened");
            return Some(Note::new(Reason::MemberLimit, detail));
        }
        self.members += 1;
        None
    }

    /// A ledger entry for something that is not read.
    pub(super) fn skip(&mut self, at: &At, size: u64, note: Note) {
        let mut entry = Entry::new(EntryKind::Skipped, at.locator.clone(), self.evidence.clone());
        entry.size = size;
        entry.notes.extend(at.notes.iter().cloned());
        entry.notes.push(note);
        entry.notes.sort();
        self.visitor.entry(entry);
    }

    /// A ledger entry for a container. `stored` must be its fates; its size is their sum.
    pub(super) fn container(&mut self, at: &At, format: &str, stored: Stored, mut notes: Vec<Note>) {
        notes.extend(at.notes.iter().cloned());
        notes.sort();
        notes.dedup();
        let mut entry = Entry::new(EntryKind::Container, at.locator.clone(), self.evidence.clone());
        entry.size = stored.total();
        entry.format = Some(format.to_owned());
        entry.stored = Some(stored);
        entry.notes = notes;
        if at.depth == 0 {
            self.outermost = Some(entry);
        } else {
            self.visitor.entry(entry);
        }
    }

    /// Skips a whole item; reads over it only where its size is not known otherwise.
    fn refuse(&mut self, at: At, mut source: Source<'_>, random: Option<Random<'_>>, note: Note) -> Fate {
        let size = match random {
            Some(random) => random.size,
            None => {
                drain(&mut source);
                source.gauge().used.get()
            }
        };
        self.skip(&at, size, note);
        Fate::Skipped
    }

    /// Gives bytes to the visitor as they are.
    pub(super) fn leaf(&mut self, at: At, source: Source<'_>) -> Fate {
        self.remarks.borrow_mut().extend(at.notes);
        let meta = SourceMeta { locator: at.locator, evidence: self.evidence.clone(), mtime: at.mtime, size: at.size };
        let direct = at.depth == 0;
        let gauge = source.gauge();
        let mut stream = Leaf { source, remarks: self.remarks.clone(), direct, ended: false, changed: self.changed };
        self.visitor.leaf(meta, &mut stream);
        drain(&mut stream.source);
        if !direct {
            let (doubts, from) = self.layer.clone();
            self.suspects.push((self.leaves, doubts, from, gauge.used.get()));
        }
        self.leaves += 1;
        Fate::Opened
    }

    /// Decodes one compressed stream; gives its fates without what lies behind the point where it stopped.
    fn codec(
        &mut self,
        at: &At,
        codec: Codec,
        source: Source<'_>,
        random: Option<Random<'_>>,
    ) -> (Fate, Stored, Vec<Note>) {
        let gauge = source.gauge();
        let limits = &self.opening.limits;
        let frames = match at.depth {
            // Looking ahead in an inner layer would count decoded bytes of the outer ones early.
            0 => {
                let help = Help { hands: self.hands, random, ratio: limits.ratio, settled: false };
                Frames::helped(codec, source, limits.window_bytes, help)
            }
            _ => Frames::new(codec, source, limits.window_bytes),
        };
        let (trailing, doubts, lost) = (frames.trailing(), frames.doubts(), frames.lost());
        let mut guard = Guard::new(codec.name(), Box::new(frames), gauge.clone(), limits, self.totals.clone());
        let failure = guard.failure();
        let inside = At { size: None, depth: at.depth + 1, notes: Vec::new(), ..at.clone() };
        let fate = self.in_layer(doubts, |walk| {
            let fate = walk.item(inside, &mut guard, None);
            drain(&mut guard);
            fate
        });
        drop(guard);
        let mut notes: Vec<Note> = failure.take().into_iter().collect();
        notes.extend(lost.notes());
        let mut stored = Stored { skipped: lost.bytes.get(), ..Stored::default() };
        let end = gauge.used.get().saturating_sub(trailing.bytes.get());
        let used = end.saturating_sub(stored.skipped);
        match fate {
            Fate::Opened => stored.opened = used,
            Fate::Skipped => stored.skipped += used,
        }
        if trailing.foreign.get() {
            stored.skipped += trailing.bytes.get();
            let detail = format!("{} bytes after the end are not {}", trailing.bytes.get(), codec.name());
            notes.push(Note::new(Reason::Damaged, detail).at(end));
        } else {
            stored.structure += trailing.bytes.get();
        }
        // Buffered, but not used by a decoder that stopped.
        stored.skipped += gauge.pulled.get().saturating_sub(gauge.used.get());
        (fate, stored, notes)
    }

    /// Walks into the text that a container read to and fro is written anew as: what became of it, and why it stopped
    /// where it did so before its end.
    pub(super) fn rewritten(
        &mut self,
        at: &At,
        name: &'static str,
        text: Box<dyn Read + '_>,
        gauge: Gauge,
    ) -> (Fate, Option<Note>) {
        let mut guard = Guard::new(name, text, gauge, &self.opening.limits, self.totals.clone());
        let failure = guard.failure();
        let inside = At { size: None, depth: at.depth + 1, notes: Vec::new(), ..at.clone() };
        let fate = self.in_layer(Doubts::default(), |walk| walk.item(inside, &mut guard, None));
        drain(&mut guard);
        drop(guard);
        (fate, failure.take())
    }

    /// zip, 7z and Parquet, whose directory stands at the end, and journals, whose entries point to and fro.
    fn directory(&mut self, at: At, kind: Kind, mut source: Source<'_>, random: Option<Random<'_>>) -> Fate {
        if let Some(random) = random {
            return self.archive(at, kind, random, None);
        }
        let limits = &self.opening.limits;
        let free = limits.max_buffered_member.saturating_sub(self.buffered);
        match gather(&mut source, free, self.opening.work.as_deref()) {
            Ok(gathered) => {
                let failure = source.gauge().failure.take();
                let random = Random { bytes: gathered.reader(), size: gathered.size() };
                let held = gathered.held();
                self.buffered += held;
                let fate = self.archive(at, kind, random, failure);
                self.buffered -= held;
                fate
            }
            Err(note) => self.refuse(at, source, None, note),
        }
    }

    fn archive(&mut self, at: At, kind: Kind, random: Random<'_>, failure: Option<Note>) -> Fate {
        match kind {
            Kind::SevenZip => archive::sevenz::open(self, at, random, failure),
            Kind::Journal => archive::journal::open(self, at, random, failure),
            Kind::Parquet => archive::parquet::open(self, at, random, failure),
            _ => archive::zip::open(self, at, random, failure),
        }
    }
}

/// A fixed VHD is a raw disk with a footer.
fn has_vhd_footer(random: Random<'_>) -> bool {
    let mut magic = [0; 8];
    random.size > 512
        && random.size.is_multiple_of(512)
        && random.bytes.read_exact_at(&mut magic, random.size - 512).is_ok()
        && magic == *b"conectix"
}

/// Room that is made for the first bytes of a read.
const FIRST_BYTES: usize = 64 << 10;

struct Leaf<'a, 'c> {
    source: Source<'a>,
    remarks: Remarks,
    /// Whether reads may pass the buffer: only where no limit stands between, so that the cut never depends on `want`.
    direct: bool,
    ended: bool,
    changed: &'c dyn Fn() -> Option<Note>,
}

impl Stream for Leaf<'_, '_> {
    fn fill(&mut self, buf: &mut Vec<u8>, want: usize) -> Result<usize, Note> {
        if self.ended {
            return Ok(0);
        }
        let start = buf.len();
        let goal = start + want;
        buf.reserve(want);
        let mut filled = start;
        let mut failure = None;
        while filled < goal {
            if filled == buf.len() {
                // PERF: most files are small, and room that is made has to be emptied first.
                buf.resize(goal.min(filled + (filled - start).max(FIRST_BYTES)), 0);
            }
            let out = &mut buf[filled..];
            let read = if self.direct { self.source.read_direct(out) } else { self.source.read(out) };
            match read {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(cause) => {
                    failure = Some(carried(&cause, |cause| Note::new(Reason::Unreadable, cause.to_string())));
                    break;
                }
            }
        }
        buf.truncate(filled);
        match failure {
            Some(note) => {
                self.ended = true;
                Err(note)
            }
            None => {
                if filled == start && want > 0 && self.direct {
                    self.remarks.borrow_mut().extend((self.changed)());
                }
                Ok(filled - start)
            }
        }
    }

    fn notes(&mut self) -> Vec<Note> {
        self.remarks.take()
    }
}

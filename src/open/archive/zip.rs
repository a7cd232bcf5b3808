//! zip, by its central directory; by its local headers (`local`), which data descriptors and stray entries break, only where
//! there is none.
//!
//! Reads are `pread` and not a map of the whole file: a file that shrinks meanwhile gives short reads, which need no
//! signal handler, and only the directory and the members are touched, each once.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

use lzma_rust2::LzmaReader;
use rawzip::time::ZipDateTimeKind;
use rawzip::{CompressionMethod, ReaderAt, ZipArchive, ZipFileHeaderRecord, ZipLocator};

use super::{Names, local, name_note};
use crate::model::ledger::{Note, Reason, Stored};
use crate::model::time::Instant;
use crate::open::codec::with_overhead;
use crate::open::doubt::Doubts;
use crate::open::frames::Frames;
use crate::open::guard::Guard;
use crate::open::recognise::Codec;
use crate::open::source::{Gauge, Source, carry, drain};
use crate::open::steps::Stepped;
use crate::open::walk::{At, Fate, Random, Walk};

/// Opens all members in the order of the central directory.
pub(in crate::open) fn open(walk: &mut Walk<'_>, at: At, random: Random<'_>, failure: Option<Note>) -> Fate {
    open_behind(walk, at, random, failure, Names::default(), Stored::default())
}

/// The same for a zip behind other bytes, whose fate and name are given.
pub(super) fn open_behind(
    walk: &mut Walk<'_>,
    at: At,
    random: Random<'_>,
    failure: Option<Note>,
    names: Names,
    mut stored: Stored,
) -> Fate {
    let mut notes: Vec<Note> = failure.into_iter().collect();
    let mut buffer = vec![0; rawzip::MAX_CENTRAL_DIRECTORY_RECORD_SIZE];
    match ZipLocator::new().locate_in_reader(random.bytes, &mut buffer, random.size) {
        Err(_) => {
            let detail = "the directory at the end of the zip is lost, or the file is cut off: members were read by the headers before them, and what else was in it is not known; collect another copy";
            notes.push(Note::new(Reason::Damaged, detail));
            let mut names = names;
            local::members(walk, &at, random, (&mut names, &mut stored), &mut notes);
        }
        Ok(archive) => {
            let mut zip = Zip { archive: &archive, random, at: &at, names, stored, keyed: Keyed::Unread };
            zip.members(walk, &mut buffer, &mut notes);
            stored = zip.stored;
        }
    }
    // Members may overlap in a hostile archive; no byte counts twice.
    stored.opened = stored.opened.min(random.size);
    stored.skipped = stored.skipped.min(random.size - stored.opened);
    stored.structure = random.size - stored.opened - stored.skipped;
    walk.container(&at, "zip", stored, notes);
    Fate::Opened
}

struct Zip<'z> {
    archive: &'z ZipArchive<&'z dyn ReaderAt>,
    random: Random<'z>,
    at: &'z At,
    names: Names,
    stored: Stored,
    keyed: Keyed<'z>,
}

/// The same archive through the crate that can decrypt; read only where a member is encrypted.
enum Keyed<'z> {
    Unread,
    Unreadable,
    /// With the index of each member by the offset of its local header.
    Read(Box<zip::ZipArchive<Cursor<'z>>>, BTreeMap<u64, usize>),
}

/// What is needed of a directory record after the buffer has moved on.
pub(super) struct Member {
    pub name: Vec<u8>,
    pub method: CompressionMethod,
    pub crc: u32,
    pub size: u64,
    pub stored: u64,
    pub header: u64,
    pub encrypted: bool,
    pub strong: bool,
    pub has_end_mark: bool,
    /// `None` of one that no directory tells of.
    pub wayfinder: Option<rawzip::ZipArchiveEntryWayfinder>,
    pub mtime: Option<Instant>,
}

impl Member {
    fn read(record: &ZipFileHeaderRecord<'_>) -> Self {
        let flags = record.flags();
        Self {
            name: record.file_path().as_bytes().to_vec(),
            method: record.compression_method(),
            crc: record.crc32(),
            size: record.uncompressed_size_hint(),
            stored: record.compressed_size_hint(),
            header: record.local_header_offset(),
            encrypted: flags.is_encrypted(),
            strong: flags.has_strong_encryption() || flags.is_masked(),
            has_end_mark: flags.bits() & 2 != 0,
            wayfinder: Some(record.wayfinder()),
            mtime: mtime(record),
        }
    }
}

/// The UTC time of an extra field, else the DOS time, which has no zone and is taken as UTC.
fn mtime(record: &ZipFileHeaderRecord<'_>) -> Option<Instant> {
    match record.last_modified() {
        ZipDateTimeKind::Utc(at) => instant((at.year(), at.month(), at.day()), (at.hour(), at.minute(), at.second())),
        ZipDateTimeKind::Local(at) => instant((at.year(), at.month(), at.day()), (at.hour(), at.minute(), at.second())),
    }
}

/// The time of a header: date and time as DOS packs them.
pub(super) fn dos_time((date, time): (u16, u16)) -> Option<Instant> {
    let part = |of: u16, shift: u16, bits: u16| (of >> shift & ((1 << bits) - 1)) as u8;
    let day = (1980 + (date >> 9), part(date, 5, 4), part(date, 0, 5));
    instant(day, (part(time, 11, 5), part(time, 5, 6), part(time, 0, 5) * 2))
}

fn instant((year, month, day): (u16, u8, u8), (hour, minute, second): (u8, u8, u8)) -> Option<Instant> {
    let year = i16::try_from(year).ok()?;
    let date = jiff::civil::Date::new(year, month.cast_signed(), day.cast_signed()).ok()?;
    let time = jiff::civil::Time::new(hour.cast_signed(), minute.cast_signed(), second.cast_signed(), 0).ok()?;
    let stamp = date.to_datetime(time).to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    // 1980-01-01 is what archives write for a time that they do not know.
    (stamp.year() > 1980 || stamp.day_of_year() > 1).then(|| Instant::from(stamp.timestamp()))
}

impl Zip<'_> {
    fn members(&mut self, walk: &mut Walk<'_>, buffer: &mut [u8], notes: &mut Vec<Note>) {
        let mut entries = self.archive.entries(buffer);
        let mut seen = 0u64;
        loop {
            let member = match entries.next_entry() {
                Ok(Some(record)) => {
                    seen += 1;
                    if record.is_dir() {
                        continue;
                    }
                    let is_link = record.mode().is_symlink();
                    (Member::read(&record), is_link)
                }
                Ok(None) => break,
                Err(cause) => {
                    let detail = format!("the zip directory breaks off after {seen} members: {cause}");
                    notes.push(Note::new(Reason::Damaged, detail));
                    return;
                }
            };
            if let Some(note) = walk.count_member() {
                notes.push(note);
                return;
            }
            self.member(walk, &member.0, member.1);
        }
        let stated = self.archive.entries_hint();
        if seen != stated {
            let detail = format!("the zip directory states {stated} members and holds {seen}");
            notes.push(Note::new(Reason::Damaged, detail));
        }
    }

    fn member(&mut self, walk: &mut Walk<'_>, member: &Member, is_link: bool) {
        let distinct = self.names.distinct(&member.name);
        let at = At {
            locator: self.at.locator.member(&distinct),
            mtime: member.mtime.or(self.at.mtime),
            size: Some(member.size),
            depth: self.at.depth + 1,
            notes: name_note(&member.name).into_iter().collect(),
        };
        let fate = if is_link {
            walk.skip(&at, member.stored, Note::new(Reason::NotRegular, "a link"));
            Fate::Skipped
        } else if member.encrypted {
            self.encrypted(walk, &at, member)
        } else if member.size == 0 && member.stored == 0 {
            walk.skip(&at, 0, Note::new(Reason::Empty, "zero bytes long"));
            Fate::Skipped
        } else {
            self.plain(walk, &at, member)
        };
        match fate {
            Fate::Opened => self.stored.opened = self.stored.opened.saturating_add(member.stored),
            Fate::Skipped => self.stored.skipped = self.stored.skipped.saturating_add(member.stored),
        }
    }

    fn plain(&mut self, walk: &mut Walk<'_>, at: &At, member: &Member) -> Fate {
        let Some(wayfinder) = member.wayfinder else { return Fate::Skipped };
        let mut reader = match self.archive.get_entry(wayfinder) {
            Ok(entry) => entry.reader(),
            Err(cause) => {
                let note = Note::new(Reason::Damaged, format!("the member is not where the directory says: {cause}"));
                walk.skip(at, member.stored, note);
                return Fate::Skipped;
            }
        };
        content(walk, at, member, Source::new(&mut reader))
    }

    fn encrypted(&mut self, walk: &mut Walk<'_>, at: &At, member: &Member) -> Fate {
        let refusal = if member.strong {
            Some(Note::new(
                Reason::Unsupported,
                "PKWARE strong encryption cannot be opened; unpack it and scan the folder",
            ))
        } else if walk.opening.passwords.is_empty() {
            Some(Note::new(Reason::Encrypted, "encrypted; give --archive-password"))
        } else {
            None
        };
        let refusal = match refusal {
            Some(note) => note,
            None => match self.unlock(walk, at, member) {
                Ok(fate) => return fate,
                Err(note) => note,
            },
        };
        walk.skip(at, member.stored, refusal);
        Fate::Skipped
    }

    /// Tries each password; the first that decrypts the whole member with its check is used.
    fn unlock(&mut self, walk: &mut Walk<'_>, at: &At, member: &Member) -> Result<Fate, Note> {
        if matches!(self.keyed, Keyed::Unread) {
            let cursor = Cursor { bytes: self.random.bytes, size: self.random.size, at: 0 };
            let read = catch_unwind(AssertUnwindSafe(|| zip::ZipArchive::new(cursor)));
            self.keyed = match read {
                Ok(Ok(archive)) => {
                    let start = |index| archive.by_index_data(index).ok().map(|data| (data.header_start(), index));
                    let indexes = (0..archive.len()).filter_map(start).collect();
                    Keyed::Read(Box::new(archive), indexes)
                }
                _ => Keyed::Unreadable,
            };
        }
        let unreadable = || Note::new(Reason::Damaged, "encrypted, and the directory cannot be read for decryption");
        let Keyed::Read(archive, indexes) = &mut self.keyed else { return Err(unreadable()) };
        let index = *indexes.get(&member.header).ok_or_else(unreadable)?;
        let mut refused = Note::new(Reason::Encrypted, "encrypted; no given password opens it");
        // Compressed data breaks at once under a wrong password; stored data only at its checksum.
        let enough = if member.stored < member.size { PROBE_BYTES } else { u64::MAX };
        for password in &walk.opening.passwords {
            match probe(archive, index, password.as_bytes(), enough) {
                Ok(()) => {}
                Err(Some(note)) => {
                    refused = note;
                    continue;
                }
                Err(None) => continue,
            }
            let Ok(file) = archive.by_index_decrypt(index, password.as_bytes()) else { continue };
            // The decrypting reader hides how much it took; the member's stored size stands for it.
            let gauge = Gauge::default();
            gauge.used.set(member.stored);
            let (limits, totals) = (&walk.opening.limits, walk.totals.clone());
            let mut guard = Guard::new("the member", Box::new(file), gauge, limits, totals);
            let fate = walk.item(at.clone(), &mut guard, None);
            drain(&mut guard);
            return Ok(fate);
        }
        Err(refused)
    }
}

/// Opens what a member that is not encrypted holds.
pub(super) fn content(walk: &mut Walk<'_>, at: &At, member: &Member, source: Source<'_>) -> Fate {
    let gauge = source.gauge();
    let decoder = match decoder(member, source, walk.opening.limits.window_bytes) {
        Ok(decoder) => decoder,
        Err(note) => {
            walk.skip(at, member.stored, note);
            return Fate::Skipped;
        }
    };
    let doubts = Doubts::default();
    let (crc, doubted) = (crc32fast::Hasher::new(), doubts.clone());
    let checked = Checked { inner: decoder, crc, read: 0, member_crc: member.crc, size: member.size, doubts: doubted };
    let limits = &walk.opening.limits;
    let mut guard = Guard::new("the member", Box::new(checked), gauge, limits, walk.totals.clone());
    walk.in_layer(doubts, |walk| {
        let fate = walk.item(at.clone(), &mut guard, None);
        drain(&mut guard);
        fate
    })
}

/// How much of a compressed member is decrypted to see whether a password fits; a wrong one fails long before.
const PROBE_BYTES: u64 = 1024 * 1024;

/// Whether `password` decrypts the member: `Err(None)` where it does not, a note where it never can.
fn probe(
    archive: &mut zip::ZipArchive<Cursor<'_>>,
    index: usize,
    password: &[u8],
    enough: u64,
) -> Result<(), Option<Note>> {
    let tried = catch_unwind(AssertUnwindSafe(|| {
        let mut file = match archive.by_index_decrypt(index, password) {
            Ok(file) => file,
            Err(zip::result::ZipError::UnsupportedArchive(what)) => {
                return Err(Some(Note::new(Reason::Unsupported, format!("encrypted: {what}"))));
            }
            Err(_) => return Err(None),
        };
        io::copy(&mut (&mut file).take(enough), &mut io::sink()).map(|_| ()).map_err(|_| None)
    }));
    tried.unwrap_or(Err(None))
}

/// The decoder of a member's compression method.
fn decoder<'a>(member: &Member, mut source: Source<'a>, window_bytes: u64) -> Result<Box<dyn Read + 'a>, Note> {
    Ok(match member.method {
        CompressionMethod::STORE => Box::new(source),
        CompressionMethod::DEFLATE => Box::new(Stepped::deflate(source)),
        CompressionMethod::DEFLATE64 => Box::new(deflate64::Deflate64Decoder::with_buffer(source)),
        CompressionMethod::BZIP2 => Box::new(Frames::new(Codec::Bzip2, source, window_bytes)),
        CompressionMethod::ZSTD | CompressionMethod::ZSTD_DEPRECATED => {
            Box::new(Frames::new(Codec::Zstd, source, window_bytes))
        }
        CompressionMethod::XZ => Box::new(Frames::new(Codec::Xz, source, window_bytes)),
        CompressionMethod::LZMA => {
            // Two bytes of version, two of length, then the properties of the stream.
            let broken = || Note::new(Reason::Damaged, "the LZMA header of the member is not complete");
            let mut header = [0; 9];
            source.read_exact(&mut header).map_err(|_| broken())?;
            if header[2..4] != [5, 0] {
                return Err(broken());
            }
            let dictionary = u32::from_le_bytes([header[5], header[6], header[7], header[8]]);
            let need = lzma_rust2::lzma_get_memory_usage_by_props(dictionary, header[4]).map_err(|_| broken())?;
            if need > with_overhead(u32::try_from(window_bytes / 1024).unwrap_or(u32::MAX)) {
                let detail = format!("the decoder wants a window over {window_bytes} bytes");
                return Err(Note::new(Reason::WindowLimit, detail));
            }
            let size = if member.has_end_mark { u64::MAX } else { member.size };
            let reader = LzmaReader::new_with_props(source, size, header[4], dictionary, None);
            let mut reader = reader.map_err(|cause| Note::new(Reason::Damaged, format!("LZMA: {cause}")))?;
            reader.set_defer_errors(true);
            Box::new(reader)
        }
        other => {
            let detail = format!("compression method {} ({other}); unpack it and scan the folder", other.as_u16());
            return Err(Note::new(Reason::Unsupported, detail));
        }
    })
}

/// Compares length and CRC at the end with what the directory states.
struct Checked<'a> {
    inner: Box<dyn Read + 'a>,
    crc: crc32fast::Hasher,
    read: u64,
    member_crc: u32,
    size: u64,
    /// All that was read, where it is not what the archive states.
    doubts: Doubts,
}

impl Read for Checked<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        let read = self.inner.read(out).inspect_err(|cause| {
            if cause.kind() != io::ErrorKind::UnexpectedEof {
                self.doubts.add(0..self.read);
            }
        })?;
        self.crc.update(&out[..read]);
        self.read += read as u64;
        if read > 0 {
            return Ok(read);
        }
        let detail = if self.read != self.size {
            format!("the directory states {} bytes and there are {}", self.size, self.read)
        } else if self.crc.clone().finalize() != self.member_crc {
            "the checksum of the member does not match what was decoded; collect another copy".to_owned()
        } else {
            return Ok(0);
        };
        self.doubts.add(0..self.read);
        Err(carry(Note::new(Reason::Damaged, detail).at(self.read)))
    }
}

/// Positioned reads as `Read + Seek`.
pub(super) struct Cursor<'r> {
    pub(super) bytes: &'r dyn ReaderAt,
    pub(super) size: u64,
    pub(super) at: u64,
}

impl Read for Cursor<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.size.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let want = out.len().min(left);
        let read = self.bytes.read_at(&mut out[..want], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Cursor<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = target.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "seek before the start"))?;
        Ok(self.at)
    }
}

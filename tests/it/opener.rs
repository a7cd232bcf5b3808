//! Containers made here, opened here: every byte comes back, every limit is named, every account adds up.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use exfiltrace::discover::{Root, survey};
use exfiltrace::model::ledger::{Entry, EntryKind, Note, Reason};
use exfiltrace::model::place::Locator;
use exfiltrace::model::source::{Listed, SourceMeta, Stream, Survey, Visitor};
use exfiltrace::open::{DigestKind, Io, Limits, Opened, Opening, open_bytes, open_file};

/// Keeps all that was opened.
#[derive(Default)]
struct Seen {
    leaves: BTreeMap<String, Vec<u8>>,
    metas: BTreeMap<String, SourceMeta>,
    failures: BTreeMap<String, Note>,
    remarks: Vec<Note>,
    entries: Vec<Entry>,
    /// Keeps lengths only.
    lean: bool,
    lengths: BTreeMap<String, u64>,
    /// How much is asked for at a time; 0 for the usual.
    want: usize,
}

impl Visitor for Seen {
    fn leaf(&mut self, meta: SourceMeta, stream: &mut dyn Stream) {
        let name = meta.locator.as_str().to_owned();
        let mut bytes = Vec::new();
        let mut length = 0;
        let want = if self.want == 0 { 100_000 } else { self.want };
        loop {
            let before = bytes.len();
            match stream.fill(&mut bytes, want) {
                Ok(0) => break,
                Ok(read) => assert_eq!(bytes.len() - before, read),
                Err(note) => {
                    length += (bytes.len() - before) as u64;
                    self.failures.insert(name.clone(), note);
                    break;
                }
            }
            length += (bytes.len() - before) as u64;
            if self.lean {
                bytes.clear();
            }
        }
        self.remarks.extend(stream.notes());
        assert!(self.lengths.insert(name.clone(), length).is_none(), "two leaves are named {name}");
        self.metas.insert(name.clone(), meta);
        self.leaves.insert(name, if self.lean { Vec::new() } else { bytes });
    }

    fn entry(&mut self, entry: Entry) {
        if let Some(stored) = entry.stored {
            assert_eq!(entry.kind, EntryKind::Container);
            assert_eq!(stored.total(), entry.size, "{}", entry.source);
        }
        self.entries.push(entry);
    }
}

impl Seen {
    fn container(&self, name: &str, format: &str) -> &Entry {
        let found = self.entries.iter().find(|e| e.source.as_str() == name && e.format.as_deref() == Some(format));
        found.unwrap_or_else(|| panic!("no {format} entry for {name}: {:#?}", self.entries))
    }

    fn skipped(&self, name: &str) -> (Reason, u64) {
        let found = self.entries.iter().find(|e| e.source.as_str() == name && e.kind == EntryKind::Skipped);
        let entry = found.unwrap_or_else(|| panic!("{name} was not skipped: {:#?}", self.entries));
        (entry.notes[0].reason, entry.size)
    }

    fn has_note(&self, reason: Reason) -> bool {
        self.entries.iter().any(|e| e.notes.iter().any(|n| n.reason == reason))
    }
}

fn opening() -> Opening {
    Opening { limits: Limits::default(), passwords: Vec::new(), work: None, digest: DigestKind::Sha256, io: Io::Auto }
}

fn open_memory(name: &str, bytes: &[u8], opening: &Opening) -> Seen {
    let mut seen = Seen::default();
    open_bytes(Locator::root(name.as_bytes()), bytes, opening, &mut seen);
    seen
}

fn open_disk(path: &Path, opening: &Opening) -> (Seen, Opened) {
    let name = path.file_name().unwrap().as_bytes();
    let size = fs::metadata(path).map_or(0, |meta| meta.len());
    let listed =
        Listed { locator: Locator::root(name), path: Some(path.to_owned()), size, mtime: None, notes: Vec::new() };
    let mut seen = Seen::default();
    let opened = open_file(&listed, opening, &mut seen);
    (seen, opened)
}

/// Opens the same bytes from memory and from disk, which must agree.
fn open_both(name: &str, bytes: &[u8], opening: &Opening) -> Seen {
    let memory = open_memory(name, bytes, opening);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    let (disk, opened) = open_disk(&path, opening);
    assert_eq!(memory.leaves, disk.leaves);
    assert_eq!(memory.failures, disk.failures);
    assert_eq!(memory.entries, disk.entries);
    assert_eq!(opened.size, bytes.len() as u64);
    assert_eq!(opened.digest.unwrap(), sha256(bytes), "the digest is of the whole file");
    disk
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    let hex: String = sha2::Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
    format!("sha256:{hex}")
}

/// Text that looks like a log and does not compress to nothing.
fn log(lines: u64) -> Vec<u8> {
    let mut text = Vec::new();
    for line in 0..lines {
        let noise = line.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17);
        writeln!(text, "192.0.2.{} - - GET /{noise:x} 200 {line}", line % 250).unwrap();
    }
    text
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let info = lz4_flex::frame::FrameInfo::new().block_size(lz4_flex::frame::BlockSize::Max64KB);
    let mut out = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let options = lzma_rust2::XzOptions::with_preset(1);
    let mut out = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn lzma(bytes: &[u8]) -> Vec<u8> {
    let options = lzma_rust2::LzmaOptions::with_preset(1);
    let size = Some(bytes.len() as u64);
    let mut out = lzma_rust2::LzmaWriter::new_use_header(Vec::new(), &options, size).unwrap();
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mtime(1_700_000_000);
        header.set_mode(0o644);
        out.append_data(&mut header, name, *bytes).unwrap();
    }
    out.into_inner().unwrap()
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        out.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        out.write_all(bytes).unwrap();
    }
    out.finish().unwrap().into_inner()
}

fn sevenz(members: &[(&str, &[u8])], password: Option<&str>) -> Vec<u8> {
    let mut out = sevenz_rust2::ArchiveWriter::new(std::io::Cursor::new(Vec::new())).unwrap();
    if let Some(password) = password {
        let options = sevenz_rust2::encoder_options::AesEncoderOptions::new(password.into());
        out.set_content_methods(vec![options.into(), sevenz_rust2::EncoderMethod::LZMA2.into()]);
    }
    for (name, bytes) in members {
        let entry = sevenz_rust2::ArchiveEntry::new_file(name);
        out.push_archive_entry(entry, Some(*bytes)).unwrap();
    }
    out.finish().unwrap().into_inner()
}

type Encoder = fn(&[u8]) -> Vec<u8>;
const CODECS: [(&str, Encoder); 6] =
    [("gzip", gzip), ("zstd", zstd), ("bzip2", bzip2), ("lz4", lz4), ("xz", xz), ("lzma", lzma)];

#[test]
fn every_codec_gives_back_what_went_in_under_the_same_locator() {
    let text = log(20_000);
    for (name, encode) in CODECS {
        let stored = encode(&text);
        let seen = open_both("access.log.x", &stored, &opening());
        assert_eq!(seen.leaves["access.log.x"], text, "{name}");
        let entry = seen.container("access.log.x", name);
        assert_eq!((entry.size, entry.stored.unwrap().opened), (stored.len() as u64, stored.len() as u64), "{name}");
        assert!(entry.notes.is_empty(), "{name}: {:?}", entry.notes);
    }
}

#[test]
fn members_of_a_stream_follow_each_other() {
    let (a, b) = (log(300), log(700));
    for (name, encode) in &CODECS[..5] {
        let stored = [encode(&a), encode(&b)].concat();
        let seen = open_both("x", &stored, &opening());
        assert_eq!(seen.leaves["x"], [a.clone(), b.clone()].concat(), "{name}");
        assert!(seen.failures.is_empty(), "{name}");
    }
    // A skippable frame between two frames of zstd.
    let stored = [zstd(&a), b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec(), zstd(&b)].concat();
    assert_eq!(open_both("x", &stored, &opening()).leaves["x"], [a, b].concat());
}

#[test]
fn what_follows_the_last_member_is_named_and_costs_nothing_before_it() {
    let text = log(500);
    for (name, encode) in CODECS {
        let stored = [encode(&text), b"garbage".to_vec()].concat();
        let seen = open_both("x", &stored, &opening());
        assert_eq!(seen.leaves["x"], text, "{name}");
        let entry = seen.container("x", name);
        assert_eq!(entry.stored.unwrap().skipped, 7, "{name}");
        assert_eq!(entry.notes[0].reason, Reason::Damaged, "{name}");
    }
    let padded = [gzip(&text), vec![0; 512]].concat();
    let seen = open_both("x", &padded, &opening());
    assert_eq!(seen.container("x", "gzip").stored.unwrap().structure, 512);
    assert!(!seen.has_note(Reason::Damaged));
}

#[test]
fn a_truncated_stream_gives_what_was_decoded_before() {
    let text = log(60_000);
    for (name, encode) in CODECS {
        let stored = encode(&text);
        let cut = &stored[..stored.len() * 2 / 3];
        let seen = open_both("x", cut, &opening());
        let got = seen.leaves.get("x").unwrap_or_else(|| panic!("{name}: {:#?}", seen.entries));
        assert!(text.starts_with(got), "{name} invented bytes");
        assert!(got.len() > text.len() / 10, "{name} gave {} of {}", got.len(), text.len());
        assert_eq!(seen.failures["x"].reason, Reason::Damaged, "{name}");
        assert_eq!(seen.container("x", name).size, cut.len() as u64, "{name}");
    }
}

/// A gzip member with every field a header can have, and a body of one stored block that is `text`.
fn gzip_with_all_fields(text: &[u8]) -> Vec<u8> {
    let mut member = vec![0x1f, 0x8b, 8, 0x1e, 0, 0, 0, 0, 0, 3, 3, 0, 7, 8, 9];
    member.extend(b"a name\0a comment\0");
    let checksum = crc32fast::hash(&member) as u16;
    member.extend(checksum.to_le_bytes());
    member.extend(stored_block(text, 1));
    member.extend(crc32fast::hash(text).to_le_bytes());
    member.extend((text.len() as u32).to_le_bytes());
    member
}

/// A stored block of deflate (RFC 1951, section 3.2.4); `last` is the bit that ends the stream.
fn stored_block(text: &[u8], last: u8) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    [&[last][..], &length.to_le_bytes(), &(!length).to_le_bytes(), text].concat()
}

#[test]
fn a_gzip_header_may_have_every_field_and_each_is_checked() {
    let text = log(20);
    let whole = gzip_with_all_fields(&text);
    assert_eq!(open_both("x", &whole, &opening()).leaves["x"], text);
    let with = |at: usize, byte: u8| {
        let mut wrong = whole.clone();
        wrong[at] ^= byte;
        open_both("x", &wrong, &opening())
    };
    let (name, body, trailer) = (16, 40, whole.len() - 8);
    let of_length = with(trailer + 4, 1);
    for (what, seen, left) in [
        ("name", with(name, 1), 0),
        ("reserved flag", with(3, 0x20), 0),
        ("body", with(body, 1), text.len()),
        ("checksum", with(trailer, 1), text.len()),
        ("length", of_length, text.len()),
    ] {
        assert_eq!(seen.container("x", "gzip").notes[0].reason, Reason::Damaged, "{what}");
        assert_eq!(seen.leaves.get("x").map_or(0, Vec::len), left, "{what}");
    }
}

#[test]
fn what_was_decoded_before_the_damage_is_given_to_the_last_byte() {
    let text = log(500);
    // A block of a type that does not exist follows.
    let body = [stored_block(&text, 0), vec![0xff; 40]].concat();
    let gzip = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &body].concat();
    let seen = open_both("x", &gzip, &opening());
    assert_eq!(seen.leaves["x"], text);
    assert_eq!(seen.failures["x"].reason, Reason::Damaged);
}

#[test]
fn archives_give_their_members() {
    let (a, b) = (log(900), log(40));
    let members: [(&str, &[u8]); 3] = [("logs/a.log", &a), ("b.log", &b), ("empty", b"")];
    for (format, stored) in [("tar", tar(&members)), ("zip", zip(&members)), ("7z", sevenz(&members, None))] {
        let seen = open_both("e", &stored, &opening());
        assert_eq!(seen.leaves["e!/logs/a.log"], a, "{format}");
        assert_eq!(seen.leaves["e!/b.log"], b, "{format}");
        assert_eq!(seen.skipped("e!/empty"), (Reason::Empty, 0), "{format}");
        let entry = seen.container("e", format);
        assert_eq!(entry.size, stored.len() as u64, "{format}");
        assert!(entry.stored.unwrap().opened > 0 && entry.notes.is_empty(), "{format}: {entry:?}");
        assert_eq!(seen.metas["e!/b.log"].evidence.as_str(), "e");
    }
    let seen = open_memory("e", &tar(&members), &opening());
    assert_eq!(seen.metas["e!/b.log"].mtime.unwrap().to_string(), "2023-11-14T22:13:20Z");
}

#[test]
fn containers_nest_in_any_order() {
    let text = log(2_000);
    let inner = gzip(&text);
    let inner = tar(&[("var/log/a.gz", &inner)]);
    let inner = zstd(&inner);
    let inner = zip(&[("host.tar.zst", &inner)]);
    let inner = xz(&inner);
    let stored = sevenz(&[("all.zip.xz", &inner)], None);
    let seen = open_both("e.7z", &stored, &opening());
    let name = "e.7z!/all.zip.xz!/host.tar.zst!/var/log/a.gz";
    assert_eq!(seen.leaves[name], text);
    for (source, format) in [
        ("e.7z", "7z"),
        ("e.7z!/all.zip.xz", "xz"),
        ("e.7z!/all.zip.xz", "zip"),
        ("e.7z!/all.zip.xz!/host.tar.zst", "zstd"),
        ("e.7z!/all.zip.xz!/host.tar.zst", "tar"),
        (name, "gzip"),
    ] {
        seen.container(source, format);
    }
}

#[test]
fn nesting_stops_at_the_depth_limit() {
    let mut stored = log(5);
    for _ in 0..5 {
        stored = gzip(&stored);
    }
    let limits = Limits { depth: 4, ..Limits::default() };
    let seen = open_both("x", &stored, &Opening { limits, ..opening() });
    assert_eq!(seen.skipped("x").0, Reason::DepthLimit);
    assert!(seen.leaves.is_empty());
    assert_eq!(open_memory("x", &stored, &opening()).leaves["x"], log(5));
}

#[test]
fn nesting_without_end_stops_at_the_ceiling_and_not_at_the_end_of_the_stack() {
    let mut stored = b"x\n".to_vec();
    for _ in 0..100 {
        stored = tar(&[("t", &stored)]);
    }
    let limits = Limits { depth: u32::MAX, ..Limits::default() };
    let seen = open_memory("x", &stored, &Opening { limits, ..opening() });
    assert_eq!(seen.entries.iter().filter(|e| e.kind == EntryKind::Container).count(), 64);
    assert!(seen.has_note(Reason::DepthLimit));
}

#[test]
fn a_damaged_7z_block_names_the_members_that_it_costs() {
    let (a, b) = (log(4_000), log(4_100));
    let mut stored = sevenz(&[("a", &a), ("b", &b)], None);
    stored[2_000] ^= 0xff;
    let seen = open_both("e", &stored, &opening());
    let got = seen.leaves.get("e!/a").cloned().unwrap_or_default();
    assert_ne!(got, a);
    assert!(seen.failures.contains_key("e!/a") || seen.skipped("e!/a").0 == Reason::Damaged);
    assert_eq!(seen.leaves["e!/b"], b, "the next block is not touched");
}

#[test]
fn a_bomb_is_cut_at_the_same_byte_whoever_reads_it() {
    let bomb = bzip2(&vec![b'a'; 100 << 20]);
    assert!(bomb.len() < 20_000);
    let seen = open_both("x", &bomb, &opening());
    let note = &seen.failures["x"];
    assert_eq!((note.reason, note.at), (Reason::RatioLimit, Some(seen.leaves["x"].len() as u64)));
    assert!(seen.leaves["x"].len() <= (64 << 20) + (1 << 20), "{}", seen.leaves["x"].len());
    for want in [4096, 1 << 20] {
        let mut other = Seen { lean: true, want, ..Seen::default() };
        open_bytes(Locator::root(b"x"), &bomb, &opening(), &mut other);
        assert_eq!((&other.lengths, &other.failures), (&seen.lengths, &seen.failures));
    }
    // The scan goes on with the next member.
    let seen = open_memory("e", &tar(&[("bomb", &bomb), ("next", b"hello\n")]), &opening());
    assert_eq!(seen.failures["e!/bomb"].reason, Reason::RatioLimit);
    assert_eq!(seen.leaves["e!/next"], b"hello\n");
}

#[test]
fn limits_on_members_and_sizes_are_named() {
    let text = log(100);
    let many: [(&str, &[u8]); 3] = [("a", &text), ("b", &text), ("c", &text)];
    for (format, stored) in [("tar", tar(&many)), ("zip", zip(&many)), ("7z", sevenz(&many, None))] {
        let limits = Limits { members: 2, ..Limits::default() };
        let seen = open_both("e", &stored, &Opening { limits, ..opening() });
        assert_eq!(seen.leaves.len(), 2, "{format}");
        assert_eq!(seen.container("e", format).notes[0].reason, Reason::MemberLimit, "{format}");
        let limits = Limits { member_bytes: 1000, ..Limits::default() };
        let seen = open_both("e", &stored, &Opening { limits, ..opening() });
        assert_eq!(seen.leaves["e!/a"], text[..1000], "{format}");
        assert_eq!(seen.failures["e!/a"].reason, Reason::SizeLimit, "{format}");
        if format != "7z" {
            assert_eq!(seen.failures["e!/c"].reason, Reason::SizeLimit, "{format}");
        }
        let limits = Limits { member_bytes: text.len() as u64, ..Limits::default() };
        let seen = open_both("e", &stored, &Opening { limits, ..opening() });
        assert!(seen.failures.is_empty(), "{format}: a member of exactly the limit is whole");
    }
}

#[test]
fn a_decoder_window_over_the_limit_is_refused() {
    let text = log(40_000);
    let limits = Limits { window_bytes: 64 << 10, ..Limits::default() };
    let opening = Opening { limits, ..opening() };
    let options = lzma_rust2::XzOptions::with_preset(6);
    let mut out = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
    out.write_all(&text).unwrap();
    let stored = out.finish().unwrap();
    let seen = open_both("x", &stored, &opening);
    assert_eq!(seen.skipped("x").0, Reason::WindowLimit);
    assert_eq!(seen.container("x", "xz").size, stored.len() as u64);
    // A zstd frame header that asks for 1 GiB.
    let greedy = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa0, 1, 0, 0];
    assert_eq!(open_both("x", &greedy, &opening).skipped("x").0, Reason::WindowLimit);
}

#[test]
fn a_member_without_a_time_of_its_own_has_that_of_its_archive() {
    let whole = |year| {
        let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let time = zip::DateTime::from_date_and_time(year, 1, 1, 0, 0, 0).unwrap();
        out.start_file("a.log", zip::write::SimpleFileOptions::default().last_modified_time(time)).unwrap();
        out.write_all(b"Mar 28 10:00:00 h p: x\n").unwrap();
        out.finish().unwrap().into_inner()
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("e.zip");
    let held = exfiltrace::model::time::Instant::parse("2026-04-01T00:00:00Z");
    for (year, wanted) in [(1980, held), (2003, exfiltrace::model::time::Instant::parse("2003-01-01T00:00:00Z"))] {
        fs::write(&path, whole(year)).unwrap();
        let size = fs::metadata(&path).unwrap().len();
        let locator = Locator::root(b"e.zip");
        let listed = Listed { locator, path: Some(path.clone()), size, mtime: held, notes: Vec::new() };
        let mut seen = Seen::default();
        open_file(&listed, &opening(), &mut seen);
        assert_eq!(seen.metas["e.zip!/a.log"].mtime, wanted, "{year}");
    }
}

/// A zip of one member whose stored bytes are given as they are.
fn raw_zip(method: u16, flags: u16, stored: &[u8], text: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(text);
    let mut fields = [20u16, flags, method, 0x6000, 0x5a21].map(u16::to_le_bytes).concat();
    fields.extend(crc.sum().to_le_bytes());
    fields.extend(u32::try_from(stored.len()).unwrap().to_le_bytes());
    fields.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
    fields.extend([1, 0, 0, 0]);
    let mut out = [b"PK\x03\x04", &fields[..], b"a", stored].concat();
    let start = u32::try_from(out.len()).unwrap();
    out.extend([b"PK\x01\x02\x14\0", &fields[..], &[0; 10], &[0; 4], b"a"].concat());
    let length = u32::try_from(out.len()).unwrap() - start;
    out.extend([b"PK\x05\x06\0\0\0\0\x01\0\x01\0", &length.to_le_bytes()[..], &start.to_le_bytes(), &[0; 2]].concat());
    out
}

#[test]
fn every_zip_method_with_a_decoder_opens_and_others_are_named() {
    let text = log(3_000);
    let options = lzma_rust2::LzmaOptions::with_preset(1);
    let mut out = lzma_rust2::LzmaWriter::new_no_header(Vec::new(), &options, true).unwrap();
    out.write_all(&text).unwrap();
    let mut lzma = vec![9, 20, 5, 0, options.get_props()];
    lzma.extend(options.dict_size.to_le_bytes());
    lzma.extend(out.finish().unwrap());
    let mut out = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(&text).unwrap();
    let deflate = out.finish().unwrap();
    // No match in the text is 258 bytes long, and only those differ between deflate and deflate64.
    let methods: [(u16, u16, &[u8]); 8] = [
        (0, 0, &text),
        (8, 0, &deflate),
        (9, 0, &deflate),
        (12, 0, &bzip2(&text)),
        (14, 2, &lzma),
        (20, 0, &zstd(&text)),
        (93, 0, &zstd(&text)),
        (95, 0, &xz(&text)),
    ];
    for (method, flags, stored) in methods {
        let seen = open_both("e", &raw_zip(method, flags, stored, &text), &opening());
        assert!(seen.leaves.get("e!/a") == Some(&text), "method {method}: {:?} {:?}", seen.failures, seen.entries);
        assert!(seen.failures.is_empty(), "method {method}: {:?}", seen.failures);
        assert_eq!(seen.container("e", "zip").stored.unwrap().opened, stored.len() as u64, "method {method}");
        assert_eq!(seen.metas["e!/a"].mtime.unwrap().to_string(), "2025-01-01T12:00:00Z");
    }
    for method in [1, 6, 98, 4711] {
        let seen = open_both("e", &raw_zip(method, 0, b"whatever", &text), &opening());
        assert_eq!(seen.skipped("e!/a"), (Reason::Unsupported, 8), "method {method}");
    }
    let strong = raw_zip(8, 0x41, b"whatever", &text);
    assert_eq!(open_both("e", &strong, &opening()).skipped("e!/a").0, Reason::Unsupported);
}

fn locked(name: &str, text: &[u8], password: &str) -> Vec<u8> {
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().with_aes_encryption(zip::AesMode::Aes256, password);
    out.start_file(name, options).unwrap();
    out.write_all(text).unwrap();
    out.start_file("open.log", zip::write::SimpleFileOptions::default()).unwrap();
    out.write_all(b"open\n").unwrap();
    out.finish().unwrap().into_inner()
}

#[test]
fn encrypted_members_are_named_and_open_with_a_password() {
    let text = log(3_000);
    let stored = locked("secret.log", &text, "correct horse");
    let seen = open_both("e", &stored, &opening());
    assert_eq!(seen.skipped("e!/secret.log").0, Reason::Encrypted);
    assert_eq!(seen.leaves["e!/open.log"], b"open\n");
    assert!(seen.container("e", "zip").stored.unwrap().skipped > 0);
    let wrong = Opening { passwords: vec!["wrong".into()], ..opening() };
    assert_eq!(open_both("e", &stored, &wrong).skipped("e!/secret.log").0, Reason::Encrypted);
    let right = Opening { passwords: vec!["wrong".into(), "correct horse".into()], ..opening() };
    assert_eq!(open_both("e", &stored, &right).leaves["e!/secret.log"], text);
    // And inside a 7z.
    let outer = sevenz(&[("locked.zip", &stored)], None);
    assert_eq!(open_both("o", &outer, &right).leaves["o!/locked.zip!/secret.log"], text);
}

#[test]
fn an_encrypted_7z_opens_with_a_password_and_is_named_without() {
    let text = log(3_000);
    let stored = sevenz(&[("secret.log", &text)], Some("pass"));
    let seen = open_both("e", &stored, &opening());
    assert!(seen.leaves.is_empty());
    assert!(seen.has_note(Reason::Encrypted));
    let wrong = Opening { passwords: vec!["no".into()], ..opening() };
    assert!(open_both("e", &stored, &wrong).has_note(Reason::Encrypted));
    let right = Opening { passwords: vec!["no".into(), "pass".into()], ..opening() };
    assert_eq!(open_both("e", &stored, &right).leaves["e!/secret.log"], text);
}

#[test]
fn a_checksum_that_does_not_match_is_named_and_the_bytes_count() {
    let mut stored = zip(&[("a", b"some stored text that is not compressed at all")]);
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let plain = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    out.start_file("a", plain).unwrap();
    out.write_all(b"payload payload").unwrap();
    stored.clear();
    stored.extend(out.finish().unwrap().into_inner());
    let at = stored.windows(7).position(|w| w == b"payload").unwrap();
    stored[at] = b'P';
    let seen = open_both("e", &stored, &opening());
    assert_eq!(seen.leaves["e!/a"], b"Payload payload");
    assert_eq!(seen.failures["e!/a"].reason, Reason::Damaged);
}

#[test]
fn hostile_names_are_only_names() {
    let folder = tempfile::tempdir().unwrap();
    let mut out = tar::Builder::new(Vec::new());
    for name in [&b"../../up"[..], b"/abs", b"caf\xe9.log", b"a!/b"] {
        let mut header = tar::Header::new_old();
        header.set_size(3);
        header.as_mut_bytes()[..name.len()].copy_from_slice(name);
        header.set_cksum();
        out.append(&header, &b"abc"[..]).unwrap();
    }
    let path = folder.path().join("e.tar");
    fs::write(&path, out.into_inner().unwrap()).unwrap();
    let (seen, _) = open_disk(&path, &opening());
    let names: Vec<&str> = seen.leaves.keys().map(String::as_str).collect();
    assert_eq!(names, ["e.tar!/../../up", "e.tar!//abs", "e.tar!/a%21/b", "e.tar!/caf%E9.log"]);
    assert_eq!(seen.remarks.iter().filter(|n| n.reason == Reason::NameNotUtf8).count(), 1);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was written");
}

#[test]
fn members_of_one_name_are_told_apart() {
    let seen = open_both("e", &tar(&[("a", b"1"), ("a", b"2"), ("./a", b"3")]), &opening());
    let leaves: Vec<_> = seen.leaves.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    assert_eq!(leaves, [("e!/a", &b"1"[..]), ("e!/a#2", b"2"), ("e!/a#3", b"3")]);
}

#[test]
fn links_and_long_names_in_tar() {
    let long = format!("{}/x.log", "d".repeat(180));
    let mut out = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(4);
    out.append_data(&mut header, &long, &b"long"[..]).unwrap();
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    out.append_link(&mut header, "link", "/etc/passwd").unwrap();
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Fifo);
    header.set_size(0);
    out.append_data(&mut header, "fifo", &b""[..]).unwrap();
    let path = format!("{}.log", "p".repeat(300));
    out.append_pax_extensions([("path", path.as_bytes()), ("mtime", b"1700000000.25")]).unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_size(3);
    header.set_path("short").unwrap();
    header.set_cksum();
    out.append(&header, &b"pax"[..]).unwrap();
    let seen = open_both("e", &out.into_inner().unwrap(), &opening());
    assert_eq!(seen.leaves[&format!("e!/{long}")], b"long");
    assert_eq!(seen.leaves[&format!("e!/{path}")], b"pax");
    assert_eq!(seen.metas[&format!("e!/{path}")].mtime.unwrap().to_string(), "2023-11-14T22:13:20.25Z");
    assert_eq!(seen.skipped("e!/link").0, Reason::NotRegular);
    assert_eq!(seen.skipped("e!/fifo").0, Reason::NotRegular);
}

#[test]
fn a_truncated_tar_gives_the_members_before_the_cut() {
    let (a, b) = (log(100), log(200));
    let stored = tar(&[("a", &a), ("b", &b)]);
    let cut = &stored[..512 + a.len().next_multiple_of(512) + 512 + 1000];
    let seen = open_both("e", cut, &opening());
    assert_eq!(seen.leaves["e!/a"], a);
    assert_eq!(seen.leaves["e!/b"], b[..1000]);
    assert_eq!(seen.failures["e!/b"].reason, Reason::Damaged);
    assert!(seen.has_note(Reason::Damaged));
    // Cut once more, inside gzip.
    let packed = gzip(&stored);
    let seen = open_both("e", &packed[..packed.len() / 2], &opening());
    assert_eq!(seen.container("e", "gzip").notes[0].reason, Reason::Damaged);
}

#[test]
fn a_zip_without_its_directory_gives_the_members_that_are_whole() {
    let (a, b) = (log(900), log(700));
    let stored = zip(&[("logs/a.log", &a), ("b.log", &b), ("empty", b"")]);
    let at_b = memchr::memmem::find(&stored, b"b.log").unwrap() - 30;
    let seen = open_both("e", &stored[..stored.len() - 40], &opening());
    assert!(seen.leaves["e!/logs/a.log"] == a && seen.leaves["e!/b.log"] == b && seen.failures.is_empty());
    assert_eq!(seen.skipped("e!/empty"), (Reason::Empty, 0));
    let entry = seen.container("e", "zip");
    assert_eq!((entry.size, entry.notes[0].reason), (stored.len() as u64 - 40, Reason::Damaged));
    // Cut inside a member: what there is of it is read, and said to be cut.
    let seen = open_both("e", &stored[..at_b + 1000], &opening());
    assert!(seen.leaves["e!/logs/a.log"] == a && b.starts_with(&seen.leaves["e!/b.log"]));
    assert_eq!(seen.failures["e!/b.log"].reason, Reason::Damaged);
    // A header that states too much hides no member behind it.
    let mut wrong = stored[..stored.len() - 40].to_vec();
    wrong[21] = 1;
    assert!(open_both("e", &wrong, &opening()).leaves["e!/b.log"] == b);
}

#[test]
fn members_of_unknown_size_end_where_their_decoder_does() {
    let (a, b) = (log(900), log(700));
    let mut stored = Vec::new();
    for (name, text) in [(b"a.log", &a), (b"b.log", &b)] {
        let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text).unwrap();
        let packed = packed.finish().unwrap();
        stored.extend(b"PK\x03\x04\x14\0\x08\0\x08\0\0\0\x21\x50");
        stored.extend([0; 12]);
        stored.extend([5, 0, 0, 0]);
        stored.extend(name);
        stored.extend(&packed);
        stored.extend(b"PK\x07\x08");
        stored.extend(crc32fast::hash(text).to_le_bytes());
        stored.extend((packed.len() as u32).to_le_bytes());
        stored.extend((text.len() as u32).to_le_bytes());
    }
    let seen = open_both("e", &stored, &opening());
    assert!(seen.leaves["e!/a.log"] == a && seen.leaves["e!/b.log"] == b && seen.failures.is_empty());
    let at = memchr::memmem::find(&stored, b"PK\x07\x08").unwrap() + 4;
    stored[at] ^= 1;
    let seen = open_both("e", &stored, &opening());
    assert!(seen.leaves["e!/b.log"] == b && seen.failures["e!/a.log"].reason == Reason::Damaged);
}

/// Which stretches of each leaf of a file with these bytes are in doubt.
fn doubts(stored: &[u8]) -> Vec<(u64, std::ops::Range<u64>)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    fs::write(&path, stored).unwrap();
    let (locator, size) = (Locator::root(b"x"), stored.len() as u64);
    let listed = Listed { locator, path: Some(path), size, mtime: None, notes: Vec::new() };
    let opened = open_file(&listed, &opening(), &mut Seen::default());
    opened.doubts.into_iter().flat_map(|(leaf, all)| all.into_iter().map(move |one| (leaf, one))).collect()
}

#[test]
fn bytes_whose_checksum_does_not_hold_are_in_doubt_and_no_others() {
    let text = log(3_000);
    let length = text.len() as u64;
    for (name, encode) in CODECS {
        let stored = encode(&text);
        assert_eq!(doubts(&stored), [], "{name}");
        assert_eq!(doubts(&stored[..stored.len() * 2 / 3]), [], "{name}: what is cut is not scrambled");
    }
    let mut wrong = gzip(&text);
    let trailer = wrong.len() - 8;
    wrong[trailer] ^= 1;
    assert_eq!(doubts(&wrong), [(0, 0..length)]);
    // Only the member it is of, and the records beside the border.
    let three = [gzip(&text), wrong.clone(), gzip(&text)].concat();
    assert_eq!(doubts(&three), [(0, length..2 * length + 2)]);
    // Of an archive in it, the members that it reaches.
    let mut packed = gzip(&tar(&[("a", &text), ("b", &text)]));
    let trailer = packed.len() - 8;
    packed[trailer] ^= 1;
    assert_eq!(doubts(&packed), [(0, 0..length), (1, 0..length)]);
    let mut members = zip(&[("a", &text), ("b", &text)]);
    let directory = memchr::memmem::rfind(&members, b"PK\x01\x02").unwrap();
    members[directory + 16] ^= 1;
    assert_eq!(doubts(&members), [(1, 0..length)]);
}

#[test]
fn a_large_zip_inside_a_stream_needs_a_work_folder() {
    let text = log(20_000);
    let stored = gzip(&zip(&[("a", &text)]));
    let limits = Limits { max_buffered_member: 1000, ..Limits::default() };
    let seen = open_both("e", &stored, &Opening { limits: limits.clone(), ..opening() });
    assert_eq!(seen.skipped("e").0, Reason::NeedsRandomAccess);
    let folder = tempfile::tempdir().unwrap();
    let work = folder.path().join("case/.work");
    let seen = open_both("e", &stored, &Opening { limits, work: Some(work.clone()), ..opening() });
    assert_eq!(seen.leaves["e!/a"], text);
    assert_eq!(fs::read_dir(&work).unwrap().count(), 0, "the spill is gone");
}

#[test]
fn images_are_skipped_with_what_to_do() {
    let mut mbr = vec![0; 4096];
    mbr[446 + 4] = 7;
    mbr[446 + 8] = 1;
    mbr[446 + 12] = 9;
    mbr[510..512].copy_from_slice(&[0x55, 0xaa]);
    let mut vhd = vec![1; 1024];
    vhd[512..520].copy_from_slice(b"conectix");
    let heads: [&[u8]; 7] = [
        b"EVF\x09\x0d\x0a\xff\x00",
        b"KDMV\x01",
        b"vhdxfile",
        b"PAGEDU64",
        b"\xd4\xc3\xb2\xa1\x02\0\x04\0",
        &mbr,
        &vhd,
    ];
    for head in heads {
        let seen = open_both("image", head, &opening());
        assert_eq!(seen.skipped("image"), (Reason::ImageNotOpened, head.len() as u64));
    }
    assert!(open_both("x", b"conectix is a word\nKDMV too\n"[9..].as_ref(), &opening()).entries.is_empty());
}

/// Each way to read a file.
const WAYS: [Io; 3] = [Io::Auto, Io::Map, Io::Read];

#[test]
fn however_a_file_is_read_it_gives_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    let text = log(400_000);
    assert!(text.len() > 16 << 20, "more than one window");
    let small = log(10);
    let packed = gzip(&text);
    for stored in [&text, &small, &packed, &zip(&[("a", &small), ("b", &text)])] {
        fs::write(&path, stored).unwrap();
        let told = WAYS.map(|io| {
            let (seen, opened) = open_disk(&path, &Opening { io, ..opening() });
            (seen.leaves, seen.failures, seen.entries, opened)
        });
        assert!(told[0] == told[1] && told[1] == told[2]);
        assert_eq!(told[0].3.digest, Some(sha256(stored)));
    }
}

#[test]
fn a_file_that_is_cut_while_it_is_read_neither_kills_nor_goes_unnoticed() {
    struct Cutter(PathBuf, Vec<u8>, Vec<Note>);
    impl Visitor for Cutter {
        fn leaf(&mut self, _: SourceMeta, stream: &mut dyn Stream) {
            stream.fill(&mut self.1, 100_000).unwrap();
            // The window reaches to 8 MiB; most of it now lies behind the end of the file.
            File::options().write(true).open(&self.0).unwrap().set_len(1 << 20).unwrap();
            while stream.fill(&mut self.1, 100_000).unwrap() > 0 {}
            self.2 = stream.notes();
        }
        fn entry(&mut self, _: Entry) {}
    }
    for io in WAYS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("live.log");
        let text: Vec<u8> = log(200_000).into_iter().take(8 << 20).collect();
        fs::write(&path, &text).unwrap();
        let listed = Listed {
            locator: Locator::root(b"live.log"),
            path: Some(path.clone()),
            size: text.len() as u64,
            mtime: None,
            notes: Vec::new(),
        };
        let mut cutter = Cutter(path, Vec::new(), Vec::new());
        let opened = open_file(&listed, &Opening { io, ..opening() }, &mut cutter);
        assert_eq!(cutter.1.len(), 1 << 20);
        assert!(cutter.1 == text[..1 << 20], "no zero page passes for evidence");
        assert_eq!(cutter.2.iter().map(|n| n.reason).collect::<Vec<_>>(), [Reason::ChangedDuringScan]);
        assert_eq!(opened, Opened { digest: Some(sha256(&text[..1 << 20])), size: 1 << 20, doubts: BTreeMap::new() });
    }
}

#[test]
fn a_file_that_grows_is_read_to_its_first_length_and_named() {
    struct Appender(PathBuf, Vec<u8>, Vec<Note>);
    impl Visitor for Appender {
        fn leaf(&mut self, _: SourceMeta, stream: &mut dyn Stream) {
            File::options().append(true).open(&self.0).unwrap().write_all(b"more\n").unwrap();
            while stream.fill(&mut self.1, 7).unwrap() > 0 {}
            self.2 = stream.notes();
        }
        fn entry(&mut self, _: Entry) {}
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("live.log");
    fs::write(&path, b"first line\n").unwrap();
    let listed =
        Listed { locator: Locator::root(b"l"), path: Some(path.clone()), size: 11, mtime: None, notes: Vec::new() };
    let mut appender = Appender(path, Vec::new(), Vec::new());
    open_file(&listed, &opening(), &mut appender);
    assert_eq!(appender.1, b"first line\n");
    assert_eq!(appender.2[0].reason, Reason::ChangedDuringScan);
}

fn reasons(survey: &Survey) -> BTreeMap<&str, Reason> {
    survey.skipped.iter().map(|entry| (entry.source.as_str(), entry.notes[0].reason)).collect()
}

#[test]
fn the_walk_accounts_for_everything_and_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir_all(root.join("logs/sub")).unwrap();
    fs::create_dir(root.join("case")).unwrap();
    fs::write(root.join("case/verdict.json"), "{}").unwrap();
    fs::write(root.join("logs/a.log"), "a").unwrap();
    fs::write(root.join("logs/empty"), "").unwrap();
    fs::write(root.join(std::ffi::OsStr::from_bytes(b"caf\xe9.log")), "b").unwrap();
    symlink(root, root.join("logs/sub/loop")).unwrap();
    symlink("self", root.join("self")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    symlink("logs/a.log", root.join("link.log")).unwrap();
    assert!(Command::new("mkfifo").arg(root.join("fifo")).status().unwrap().success());
    std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();

    let roots = [Root { name: b"e".to_vec(), path: Some(root.to_owned()) }, Root { name: b"-".to_vec(), path: None }];
    let found = survey(&roots, &[root.join("case"), root.join("not-there")]).unwrap();
    let files: Vec<&str> = found.files.iter().map(|file| file.locator.as_str()).collect();
    assert_eq!(files, ["-", "e/caf%E9.log", "e/link.log", "e/logs/a.log"]);
    assert_eq!(found.files[1].notes[0].reason, Reason::NameNotUtf8);
    let expected = [
        ("e/case", Reason::CaseFolder),
        ("e/dangling", Reason::DanglingLink),
        ("e/fifo", Reason::NotRegular),
        ("e/logs/empty", Reason::Empty),
        ("e/logs/sub/loop", Reason::SymlinkLoop),
        ("e/self", Reason::SymlinkLoop),
        ("e/socket", Reason::NotRegular),
    ];
    assert_eq!(reasons(&found), BTreeMap::from(expected));

    let turned: Vec<Root> = roots.iter().rev().cloned().collect();
    assert_eq!(survey(&turned, &[root.join("case")]).unwrap().files, found.files, "the order of roots does not matter");
    let twins = [roots[0].clone(), roots[0].clone()];
    assert!(survey(&twins, &[]).is_err(), "two roots of one name");
    // A FIFO that takes the place of a listed file does not block.
    let listed =
        Listed { locator: Locator::root(b"f"), path: Some(root.join("fifo")), size: 1, mtime: None, notes: Vec::new() };
    let mut seen = Seen::default();
    assert_eq!(open_file(&listed, &opening(), &mut seen).digest, None);
    assert_eq!(seen.skipped("f"), (Reason::Unreadable, 1));
}

#[test]
fn links_that_lead_everywhere_end_in_bounded_time() {
    let folder = tempfile::tempdir().unwrap();
    for a in 0..12 {
        let here = folder.path().join(format!("d{a}"));
        fs::create_dir(&here).unwrap();
        fs::write(here.join("x.log"), "x").unwrap();
        for b in 0..12 {
            symlink(format!("../d{b}"), here.join(format!("to{b}"))).unwrap();
        }
    }
    let found = survey(&[Root { name: b"e".to_vec(), path: Some(folder.path().to_owned()) }], &[]).unwrap();
    assert!((12..=24).contains(&found.files.len()), "{}", found.files.len());
}

#[test]
fn no_prefix_and_no_flipped_byte_of_any_container_panics() {
    let text = log(60);
    let members: [(&str, &[u8]); 2] = [("a.log", &text), ("b.log", b"b\n")];
    let mut samples: Vec<Vec<u8>> = CODECS.iter().map(|(_, encode)| encode(&text)).collect();
    samples.extend([tar(&members), zip(&members), sevenz(&members, None), locked("s", &text, "p")]);
    let opening = Opening { passwords: vec!["p".into()], ..opening() };
    for sample in samples {
        let step = (sample.len() / 60).max(1);
        for at in (0..sample.len()).step_by(step) {
            open_memory("x", &sample[..at], &opening);
            let mut flipped = sample.clone();
            flipped[at] ^= 0xff;
            open_memory("x", &flipped, &opening);
        }
    }
}

/// Encoders that are not ours, where the machine has them.
#[test]
fn streams_of_the_system_tools_open() {
    // bzip2 blocks hold 900 kB (lz4 blocks up to 4 MiB, here 64 KiB), and a block that is cut is lost.
    let text = log(80_000);
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("a.log");
    fs::write(&plain, &text).unwrap();
    let tools: [(&str, &[&str]); 7] = [
        ("gzip", &["-9c"]),
        ("bzip2", &["-9c"]),
        ("xz", &["-6c"]),
        ("xz", &["--format=lzma", "-c"]),
        ("zstd", &["-10", "-c"]),
        ("zstd", &["--no-check", "-c"]),
        ("lz4", &["-9", "-B4", "-c"]),
    ];
    for (tool, arguments) in tools {
        match Command::new(tool).args(arguments).arg(&plain).output() {
            Ok(output) if output.status.success() => {
                let seen = open_both("a", &output.stdout, &opening());
                assert!(seen.leaves["a"] == text, "{tool} {arguments:?}");
                assert!(seen.failures.is_empty() && seen.entries.iter().all(|e| e.notes.is_empty()), "{tool}");
                let cut = open_both("a", &output.stdout[..output.stdout.len() / 2], &opening());
                assert!(text.starts_with(&cut.leaves["a"]) && cut.failures.contains_key("a"), "{tool} cut");
                println!("{tool} {arguments:?}: {} of {} bytes before the cut", cut.leaves["a"].len(), text.len());
            }
            _ => println!("{tool} is not here"),
        }
    }
    let hole = File::create(folder.path().join("hole")).unwrap();
    hole.set_len(1 << 20).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&hole, b"data", 500_000).unwrap();
    for format in ["gnu", "posix"] {
        let arguments = ["-cSf", "-", "--format", format, "hole", "a.log"];
        let Ok(output) = Command::new("tar").args(arguments).current_dir(folder.path()).output() else { continue };
        if !output.status.success() {
            continue;
        }
        let seen = open_both("e", &output.stdout, &opening());
        assert!(seen.leaves["e!/a.log"] == text, "{format}");
        if output.stdout.len() < text.len() + (1 << 20) {
            assert_eq!(seen.skipped("e!/hole").0, Reason::Unsupported, "{format}");
            println!("sparse member of a {format} tar: named");
        }
    }
    let made = Command::new("zip").args(["-q", "-P", "pw", "e.zip", "a.log"]).current_dir(folder.path()).status();
    if made.is_ok_and(|status| status.success()) {
        let stored = fs::read(folder.path().join("e.zip")).unwrap();
        assert_eq!(open_both("e", &stored, &opening()).skipped("e!/a.log").0, Reason::Encrypted);
        let keyed = Opening { passwords: vec!["no".into(), "pw".into()], ..opening() };
        assert!(open_both("e", &stored, &keyed).leaves["e!/a.log"] == text);
    }
    let mut streamed = Command::new("zip");
    let piped = streamed.args(["-q", "-", "-"]).stdin(File::open(&plain).unwrap()).output();
    if let Ok(output) = piped
        && output.status.success()
    {
        let seen = open_both("e", &output.stdout, &opening());
        assert!(seen.leaves["e!/-"] == text, "data descriptors");
    }
}

#[test]
fn every_container_of_the_corpora_adds_up() {
    let corpora = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpora"));
    if !corpora.exists() {
        println!("no corpora beside the project");
        return;
    }
    let found = survey(&[Root { name: b"corpora".to_vec(), path: Some(corpora.to_owned()) }], &[]).unwrap();
    let (mut leaves, mut bytes, mut stored) = (0, 0, 0);
    let mut formats: BTreeMap<String, u64> = BTreeMap::new();
    let mut notes: BTreeMap<String, u64> = BTreeMap::new();
    for file in &found.files {
        let mut seen = Seen { lean: true, ..Seen::default() };
        let opened = open_file(file, &opening(), &mut seen);
        assert_eq!(opened.size, file.size, "{}", file.locator);
        assert!(opened.digest.is_some());
        stored += opened.size;
        if let Some(outermost) = seen.entries.last().filter(|entry| entry.kind == EntryKind::Container) {
            assert_eq!((&outermost.source, outermost.size), (&file.locator, file.size));
        } else {
            assert_eq!(seen.lengths.get(file.locator.as_str()), Some(&file.size), "a plain file is one leaf");
        }
        leaves += seen.lengths.len();
        bytes += seen.lengths.values().sum::<u64>();
        for entry in &seen.entries {
            *formats.entry(entry.format.clone().unwrap_or_else(|| "skipped".into())).or_default() += 1;
            for note in &entry.notes {
                *notes.entry(format!("{:?}", note.reason)).or_default() += 1;
            }
        }
        for (name, note) in &seen.failures {
            println!("{name}: {note:?}");
        }
    }
    println!("{} files, {stored} bytes; {leaves} leaves, {bytes} bytes; {formats:?}; {notes:?}", found.files.len());
    assert!(formats["gzip"] > 0 && formats["zip"] > 0 && formats["tar"] > 0);
}

#[test]
fn a_zip_behind_other_bytes_is_opened_and_what_stands_before_it_is_read() {
    let text = log(50);
    let stored = zip(&[("a.log", &text), ("before-the-zip", b"a member of that name\n")]);
    for front in [&b"MZ\x90\0 a program"[..], b"#!/bin/sh\nexec unzip\n", &log(2000)] {
        let whole = [front, &stored].concat();
        let seen = open_both("e", &whole, &opening());
        let entry = seen.container("e", "zip");
        assert_eq!((entry.size, entry.notes.len()), (whole.len() as u64, 0), "{entry:#?}");
        let leaf = |name: &str| seen.leaves.get(name).cloned();
        assert_eq!(leaf("e!/before-the-zip").as_deref(), Some(front));
        assert_eq!(leaf("e!/a.log"), Some(text.clone()));
        assert_eq!(leaf("e!/before-the-zip#2").as_deref(), Some(&b"a member of that name\n"[..]));
    }
    // Something behind the end record, or an end record that leads nowhere, is no zip: the bytes are read as they are.
    let cut = [b"text\n", &stored[40..]].concat();
    let followed = [b"text\n", &stored[..], b"more\n"].concat();
    for plain in [cut, followed, b"text PK\x05\x06 and a tail that is long enough\n".to_vec()] {
        let seen = open_both("e", &plain, &opening());
        assert_eq!(seen.leaves.len(), 1);
        assert_eq!(seen.leaves["e"], plain);
    }
}

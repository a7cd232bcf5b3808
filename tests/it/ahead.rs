//! Decoding by several cores gives what decoding by one gives: bytes, entries, remarks and digests, also of damage.

use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use exfiltrace::discover::Root;
use exfiltrace::indicators::Builder;
use exfiltrace::model::hands::{Alone, Hands, Job};
use exfiltrace::model::ledger::{Entry, Note, Reason};
use exfiltrace::model::place::Locator;
use exfiltrace::model::scopes::Scopes;
use exfiltrace::model::source::{Listed, SourceMeta, Stream, Visitor};
use exfiltrace::open::{DigestKind, Io, Limits, Opened, Opening, open_file_with};
use exfiltrace::scan;
use proptest::prelude::*;

use crate::support::plan;

/// All that opening a file tells.
#[derive(Debug, Default, PartialEq)]
struct Told {
    bytes: Vec<u8>,
    failures: Vec<Note>,
    entries: Vec<Entry>,
}

impl Visitor for Told {
    fn leaf(&mut self, _: SourceMeta, stream: &mut dyn Stream) {
        loop {
            match stream.fill(&mut self.bytes, 100_000) {
                Ok(0) => break,
                Ok(_) => {}
                Err(note) => {
                    self.failures.push(note);
                    break;
                }
            }
        }
        self.failures.extend(stream.notes());
    }

    fn entry(&mut self, entry: Entry) {
        self.entries.push(entry);
    }
}

/// When the jobs are done that a reader offers.
#[derive(Debug, Clone, Copy, PartialEq)]
enum When {
    /// By nobody but the reader.
    Never,
    /// Before the offer returns.
    AtOnce,
    /// By another thread, some time.
    Meanwhile,
}

#[derive(Default)]
struct Queue {
    jobs: Mutex<(Vec<Job>, bool)>,
    more: Condvar,
}

/// Helpers that count what they are asked.
struct Crew {
    when: When,
    /// How often someone asked how many there are.
    asked: AtomicUsize,
    offered: AtomicUsize,
    reserved: AtomicUsize,
    most_bytes: usize,
    queue: Arc<Queue>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Crew {
    fn new(when: When) -> Self {
        let queue = Arc::new(Queue::default());
        let thread = (when == When::Meanwhile).then(|| {
            let queue = Arc::clone(&queue);
            std::thread::spawn(move || {
                loop {
                    let mut state = queue.jobs.lock().unwrap();
                    while state.0.is_empty() && !state.1 {
                        state = queue.more.wait(state).unwrap();
                    }
                    if state.0.is_empty() {
                        return;
                    }
                    let job = state.0.remove(0);
                    drop(state);
                    job();
                }
            })
        });
        let [asked, offered, reserved] = [0; 3].map(AtomicUsize::new);
        Self { when, asked, offered, reserved, most_bytes: usize::MAX, queue, thread }
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.queue.jobs.lock().unwrap().1 = true;
        self.queue.more.notify_all();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        assert_eq!(self.reserved.load(Ordering::Relaxed), 0, "all memory is given back");
    }
}

impl Hands for Crew {
    fn count(&self) -> usize {
        self.asked.fetch_add(1, Ordering::Relaxed);
        2
    }

    fn offer(&self, job: Job) {
        self.offered.fetch_add(1, Ordering::Relaxed);
        match self.when {
            When::Never => {}
            When::AtOnce => job(),
            When::Meanwhile => {
                self.queue.jobs.lock().unwrap().0.push(job);
                self.queue.more.notify_one();
            }
        }
    }

    fn other_work(&self) -> bool {
        false
    }

    fn reserve(&self, bytes: usize) -> bool {
        if self.reserved.load(Ordering::Relaxed).saturating_add(bytes) > self.most_bytes {
            return false;
        }
        self.reserved.fetch_add(bytes, Ordering::Relaxed);
        true
    }

    fn give_back(&self, bytes: usize) {
        self.reserved.fetch_sub(bytes, Ordering::Relaxed);
    }
}

fn opening(limits: Limits) -> Opening {
    Opening { limits, passwords: Vec::new(), work: None, digest: DigestKind::Sha256, io: Io::Auto }
}

fn open(path: &Path, limits: &Limits, hands: &dyn Hands) -> (Told, Opened) {
    let size = std::fs::metadata(path).unwrap().len();
    let locator = Locator::root(b"x");
    let listed = Listed { locator, path: Some(path.to_owned()), size, mtime: None, notes: Vec::new() };
    let mut told = Told::default();
    let opened = open_file_with(&listed, &opening(limits.clone()), hands, &mut told);
    (told, opened)
}

/// Opens the bytes alone and with each kind of help, which must agree; gives what was told and the least number of
/// pieces that were offered.
fn agree(stored: &[u8], limits: &Limits) -> (Told, usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    std::fs::write(&path, stored).unwrap();
    let (alone, opened) = open(&path, limits, &Alone);
    let mut offered = usize::MAX;
    for when in [When::Never, When::AtOnce, When::Meanwhile] {
        let crew = Crew::new(when);
        let (helped, also) = open(&path, limits, &crew);
        assert_eq!(helped.bytes.len(), alone.bytes.len(), "{when:?}");
        assert!(helped.bytes == alone.bytes, "{when:?}");
        assert_eq!((&helped.failures, &helped.entries), (&alone.failures, &alone.entries), "{when:?}");
        assert_eq!(also, opened);
        offered = offered.min(crew.offered.load(Ordering::Relaxed));
    }
    (alone, offered)
}

/// Text that looks like a log and does not compress to nothing.
fn log(lines: u64, seed: u64) -> Vec<u8> {
    let mut text = Vec::new();
    for line in 0..lines {
        let noise = (line ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17);
        writeln!(text, "192.0.2.{} - - GET /{noise:x} 200 {line}", line % 250).unwrap();
    }
    text
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(text).unwrap();
    out.finish().unwrap()
}

/// Blocks of at most 64 KiB that state their size, and the empty one that ends a file.
fn bgzf(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for block in text.chunks(60_000).chain([&[][..]]) {
        let builder = flate2::GzBuilder::new().extra(vec![b'B', b'C', 2, 0, 0, 0]);
        let mut member = builder.write(Vec::new(), flate2::Compression::fast());
        member.write_all(block).unwrap();
        let mut member = member.finish().unwrap();
        let size = u16::try_from(member.len() - 1).unwrap();
        member[16..18].copy_from_slice(&size.to_le_bytes());
        out.extend(member);
    }
    out
}

fn bzip2(text: &[u8]) -> Vec<u8> {
    let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    out.write_all(text).unwrap();
    out.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest)
}

/// A stream of blocks that state their sizes, as a threaded encoder writes it.
fn xz(text: &[u8]) -> Vec<u8> {
    let (mut out, mut records) = (Vec::new(), Vec::new());
    for part in text.chunks(200_000) {
        let options = lzma_rust2::XzOptions::with_preset(0);
        let mut whole = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
        whole.write_all(part).unwrap();
        let whole = whole.finish().unwrap();
        let footer = whole.len() - 12;
        let index = footer - 4 * (u32::from_le_bytes(whole[footer + 4..][..4].try_into().unwrap()) as usize + 1);
        let header = 4 * (usize::from(whole[12]) + 1);
        let unpadded = integer(&whole[index + 2..]);
        // One filter, no sizes yet: they go in front of it.
        assert_eq!((whole[13], &whole[14..16]), (0, &[0x21, 1][..]));
        let stored = unpadded - header - 8;
        let mut fields = vec![0, 0xc0];
        put_integer(&mut fields, stored);
        put_integer(&mut fields, part.len());
        fields.extend(&whole[14..17]);
        fields.resize(fields.len().next_multiple_of(4), 0);
        fields[0] = u8::try_from(fields.len() / 4).unwrap();
        fields.extend(crc(&fields));
        if out.is_empty() {
            out.extend(&whole[..12]);
        }
        put_integer(&mut records, fields.len() + stored + 8);
        put_integer(&mut records, part.len());
        out.extend(fields);
        out.extend(&whole[12 + header..index]);
    }
    let mut index = vec![0];
    put_integer(&mut index, text.len().div_ceil(200_000));
    index.extend(records);
    index.resize(index.len().next_multiple_of(4), 0);
    index.extend(crc(&index));
    let footer = [&u32::try_from(index.len() / 4 - 1).unwrap().to_le_bytes()[..], &out[6..8]].concat();
    [out, index, crc(&footer).to_vec(), footer, b"YZ".to_vec()].concat()
}

fn integer(bytes: &[u8]) -> usize {
    let length = bytes.iter().position(|&byte| byte < 0x80).unwrap() + 1;
    bytes[..length].iter().rev().fold(0, |sum, &byte| sum << 7 | usize::from(byte & 0x7f))
}

fn put_integer(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn crc(bytes: &[u8]) -> [u8; 4] {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum().to_le_bytes()
}

fn members(encode: fn(&[u8]) -> Vec<u8>, text: &[u8], each: usize) -> Vec<u8> {
    text.chunks(each).flat_map(encode).collect()
}

/// Each kind of stream that is decoded in pieces, of the same text.
fn streams(text: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("members of gzip", members(gzip, text, 90_000)),
        ("BGZF", bgzf(text)),
        ("bzip2", bzip2(text)),
        ("streams of bzip2", members(bzip2, text, 250_000)),
        ("frames of zstd", members(zstd, text, 90_000)),
        ("xz", xz(text)),
        ("streams of xz", members(xz, text, 500_000)),
    ]
}

#[test]
fn pieces_are_offered_and_give_the_text() {
    let text = log(16_000, 1);
    for (name, stored) in streams(&text) {
        let (told, offered) = agree(&stored, &Limits::default());
        assert!(told.bytes == text && told.failures.is_empty(), "{name}: {:?}", told.failures);
        assert!(told.entries[0].notes.is_empty(), "{name}: {:?}", told.entries);
        assert!(offered >= 2, "{name}: {offered} pieces");
    }
}

#[test]
fn a_single_member_is_left_to_the_sequential_decoder() {
    let text = log(16_000, 1);
    for (name, stored) in [("gzip", gzip(&text)), ("zstd", zstd(&text))] {
        let (told, offered) = agree(&stored, &Limits::default());
        assert!(told.bytes == text && offered == 0, "{name}: {offered}");
    }
}

#[test]
fn limits_cut_at_the_same_byte_and_account_alike() {
    let text = log(16_000, 2);
    for (name, stored) in streams(&text) {
        for member_bytes in [1, 65_536, 100_000, 399_999, text.len() as u64 - 1] {
            let (told, _) = agree(&stored, &Limits { member_bytes, ..Limits::default() });
            assert_eq!(told.bytes.len() as u64, member_bytes, "{name}");
            assert_eq!(told.failures[0].reason, Reason::SizeLimit, "{name}");
        }
    }
}

#[test]
fn a_bomb_of_many_blocks_is_cut_alike() {
    let bomb = bzip2(&vec![b'a'; 90 << 20]);
    let (told, _) = agree(&bomb, &Limits::default());
    assert_eq!(told.failures[0].reason, Reason::RatioLimit);
    let members = gzip(&vec![b'a'; 1 << 20]).repeat(200);
    let (told, offered) = agree(&members, &Limits { ratio: 100, ..Limits::default() });
    assert_eq!(told.failures[0].reason, Reason::RatioLimit);
    assert!(offered > 0);
}

#[test]
fn too_little_memory_costs_time_only() {
    let text = log(16_000, 3);
    for (name, stored) in streams(&text) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, &stored).unwrap();
        let mut crew = Crew::new(When::Never);
        crew.most_bytes = 0;
        let (told, _) = open(&path, &Limits::default(), &crew);
        assert!(told.bytes == text && told.failures.is_empty(), "{name}");
    }
}

#[test]
fn marks_inside_of_blocks_mislead_nobody() {
    // The header of a member as content of a stored one; the run that ends there is no run.
    let mut stored = Vec::new();
    for part in 0..6 {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        out.write_all(&log(2_500, part)).unwrap();
        out.write_all(b"\x1f\x8b\x08\0 no member").unwrap();
        out.write_all(&log(500, part)).unwrap();
        stored.extend(out.finish().unwrap());
    }
    let (told, offered) = agree(&stored, &Limits::default());
    assert!(told.failures.is_empty() && offered > 0);
    // The mark of a block inside of a block of bzip2: that is damage, at whatever bit it stands.
    let whole = bzip2(&log(20_000, 7));
    for at in [whole.len() / 3, whole.len() / 2] {
        let mut stored = whole.clone();
        stored[at..at + 6].copy_from_slice(b"\x31\x41\x59\x26\x53\x59");
        let (told, offered) = agree(&stored, &Limits::default());
        assert!(told.entries[0].notes[0].reason == Reason::Damaged && offered > 0);
    }
}

#[test]
fn blocks_of_bzip2_behind_damage_are_read_and_what_is_lost_is_told() {
    let text = log(20_000, 5);
    let mut stored = bzip2(&text);
    let at = stored.len() / 2;
    stored[at] ^= 0x55;
    let (told, offered) = agree(&stored, &Limits::default());
    assert!(offered > 0 && told.failures.is_empty(), "{:?}", told.failures);
    // One block of some 100 kB is lost, or scrambled; the line end in its place parts the halves.
    let first = told.bytes.iter().zip(&text).take_while(|(told, text)| told == text).count();
    let last = told.bytes.iter().rev().zip(text.iter().rev()).take_while(|(told, text)| told == text).count();
    assert!(first + last + 101_000 > text.len(), "{first} {last} of {}", text.len());
    assert_eq!(told.bytes[told.bytes.len() - last - 1], b'\n');
    let entry = &told.entries[0];
    assert_eq!((entry.size, entry.notes.len()), (stored.len() as u64, 1), "{:?}", entry.notes);
}

#[test]
fn members_of_gzip_behind_a_damaged_one_are_read() {
    let parts: Vec<Vec<u8>> = (0..8).map(|seed| log(2_500, seed)).collect();
    let packed: Vec<Vec<u8>> = parts.iter().map(|part| gzip(part)).collect();
    let with = |at: usize, place: fn(usize) -> usize, bit: u8| {
        let mut all = packed.clone();
        let place = place(all[at].len());
        all[at][place] ^= bit;
        agree(&all.concat(), &Limits::default()).0
    };
    let behind = parts[4..].concat();
    for (what, told) in [
        ("a wrong checksum", with(3, |length| length - 8, 1)),
        ("broken deflate", with(3, |length| length / 2, 0x55)),
        ("a broken header", with(3, |_| 3, 0xe0)),
        ("a broken mark", with(3, |_| 0, 1)),
    ] {
        assert!(told.failures.is_empty(), "{what}: {:?}", told.failures);
        assert!(told.bytes.starts_with(&parts[..3].concat()) && told.bytes.ends_with(&behind), "{what}");
        assert_eq!(told.entries[0].notes.len(), 1, "{what}: {:?}", told.entries[0].notes);
    }
}

#[test]
fn many_small_members_are_looked_at_once() {
    // What looks like a header a long way behind them, and nothing to follow: one piece, which is no run.
    let mut stored = gzip(b"x\n").repeat(30_000);
    stored.extend([7; 40_000]);
    stored.extend(b"\x1f\x8b\x08\0");
    stored.extend([7; 20_000]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    std::fs::write(&path, &stored).unwrap();
    let crew = Crew::new(When::Never);
    let (told, _) = open(&path, &Limits::default(), &crew);
    assert_eq!(told.bytes.len(), 60_000);
    let asked = crew.asked.load(Ordering::Relaxed);
    assert!(asked < 100, "help was asked for {asked} times");
}

#[test]
fn what_bzip2_decoded_before_it_failed_is_not_lost() {
    let text = log(9_000, 8);
    let mut stored = bzip2(&text);
    let end = stored.len() - 3_000;
    stored[end] ^= 0x10;
    let (told, _) = agree(&stored, &Limits::default());
    assert_eq!(told.failures[0].reason, Reason::Damaged);
    // A block holds 99,981 bytes, a few fewer where characters repeat; four of them are whole.
    let right = told.bytes.iter().zip(&text).take_while(|(told, text)| told == text).count();
    assert!(right >= 4 * 99_800, "{right}");
}

#[derive(Debug, Clone)]
enum Harm {
    None,
    Truncate(prop::sample::Index),
    Flip(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Append(Vec<u8>),
}

fn harm() -> impl Strategy<Value = Harm> {
    let any_at = any::<prop::sample::Index>;
    prop_oneof![
        1 => Just(Harm::None),
        2 => any_at().prop_map(Harm::Truncate),
        4 => (any_at(), 1u8..).prop_map(|(at, mask)| Harm::Flip(at, mask)),
        2 => (any_at(), prop::collection::vec(any::<u8>(), 1..40)).prop_map(|(at, bytes)| Harm::Insert(at, bytes)),
        1 => prop_oneof![
            Just(b"BZh9\x31\x41\x59\x26\x53\x59 and no block".to_vec()),
            Just(b"\x1f\x8b\x08\0 no member".to_vec()),
            Just(b"\xfd7zXZ\0\0\x04 no stream".to_vec()),
            Just(b"\x28\xb5\x2f\xfd no frame".to_vec()),
            Just(vec![0; 512]),
        ].prop_map(Harm::Append),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever happened to a stream: several cores tell what one tells.
    #[test]
    fn harm_is_told_alike(
        (kind, lines, seed) in (0usize..7, 6_000u64..16_000, 0u64..1000),
        harms in prop::collection::vec(harm(), 1..3),
    ) {
        let (_, mut stored) = streams(&log(lines, seed)).swap_remove(kind);
        for harm in harms {
            match harm {
                Harm::None => {}
                Harm::Truncate(at) => stored.truncate(at.index(stored.len()).max(20)),
                Harm::Flip(at, mask) => { let at = at.index(stored.len()); stored[at] ^= mask }
                Harm::Insert(at, bytes) => { let at = at.index(stored.len()); stored.splice(at..at, bytes); }
                Harm::Append(bytes) => stored.extend(bytes),
            }
        }
        agree(&stored, &Limits::default());
    }
}

/// A scan of a folder with each kind of stream, whole and harmed, on so many threads: all that is told of it.
fn scanned(folder: &Path, threads: usize) -> (String, String) {
    let root = Root { name: b"evidence".to_vec(), path: Some(folder.to_owned()) };
    let mut feed = Builder::new();
    feed.add("list.txt", "", b"192.0.2.77\n");
    let mut plan = plan(vec![root], Scopes::default(), feed);
    plan.threads = threads;
    let outcome = scan::scan(&plan).unwrap();
    let findings: Vec<_> = outcome.findings.list().iter().collect();
    assert!(!findings.is_empty());
    (format!("{:#?}", outcome.ledger), format!("{findings:#?}"))
}

#[test]
fn a_scan_tells_the_same_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    for (n, (_, stored)) in streams(&log(9_000, 5)).into_iter().enumerate() {
        std::fs::write(folder.path().join(format!("{n}")), &stored).unwrap();
        let mut harmed = stored.clone();
        harmed[stored.len() / 2] ^= 0x55;
        std::fs::write(folder.path().join(format!("{n}-harmed")), &harmed).unwrap();
        std::fs::write(folder.path().join(format!("{n}-cut")), &stored[..stored.len() * 3 / 4]).unwrap();
    }
    let one = scanned(folder.path(), 1);
    for threads in [2, 4] {
        assert!(scanned(folder.path(), threads) == one, "{threads} threads");
    }
}

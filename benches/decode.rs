//! Decoding alone, the scan of a compressed file and the scan of what is in it, codec by codec, in one run; then how the
//! decoding of one file divides between two threads. CPU seconds, least of several rounds: wall times mean nothing on a
//! machine that others use.
#![allow(clippy::unwrap_used, reason = "a bench may stop at the first fault")]
#![allow(clippy::cast_precision_loss, reason = "figures for people")]

mod codecs;
mod input;
#[path = "../tests/it/support.rs"]
#[allow(dead_code, reason = "tests need more of it")]
mod support;

use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};

use exfiltrace::discover::Root;
use exfiltrace::indicators::Builder;
use exfiltrace::model::hands::{Alone, Hands, Job};
use exfiltrace::model::ledger::{Entry, EntryKind};
use exfiltrace::model::place::Locator;
use exfiltrace::model::scopes::Scopes;
use exfiltrace::model::source::{Listed, SourceMeta, Stream, Visitor};
use exfiltrace::open::{DigestKind, Io, Limits, Opening, open_file_with};
use exfiltrace::scan;

/// Decoded size of each input.
const BYTES: usize = 48 << 20;
const ROUNDS: usize = 3;

/// CPU seconds of this thread, or of the whole process with those that ended.
fn cpu(clock: libc::clockid_t) -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a plain call that fills in the struct it is given.
    assert_eq!(unsafe { libc::clock_gettime(clock, &mut time) }, 0);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// What `run` costs on a clock.
fn cost(clock: libc::clockid_t, run: impl FnOnce()) -> f64 {
    let before = cpu(clock);
    run();
    cpu(clock) - before
}

/// Lines of an access log from a seed; few clients, so that decoding is a fair share of the whole.
fn log() -> Vec<u8> {
    let mut text = Vec::with_capacity(BYTES + 200);
    let mut state = 0x5eed_u64;
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut seconds = 0;
    while text.len() < BYTES {
        seconds += next(2);
        let (minute, second) = (seconds / 60 % 60, seconds % 60);
        writeln!(
            text,
            "198.51.100.{} - - [28/Mar/2026:10:{minute:02}:{second:02} +0000] \"GET /static/{:x}/{:x}.html?id={} HTTP/1.1\" 200 {} \"https://www.example.org/{}\" \"Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0\"",
            next(200), next(5000), next(1 << 31), next(100_000), next(90_000), next(1000)
        )
        .unwrap();
    }
    text
}

/// Counts decoded bytes.
#[derive(Default)]
struct Count(usize, Vec<u8>);

impl Visitor for Count {
    fn leaf(&mut self, _: SourceMeta, stream: &mut dyn Stream) {
        while let read @ 1.. = stream.fill(&mut self.1, 256 << 10).unwrap() {
            self.0 += read;
            self.1.clear();
        }
    }

    fn entry(&mut self, entry: Entry) {
        assert!(entry.notes.is_empty(), "{entry:?}");
    }
}

fn decode(path: &Path, hands: &dyn Hands, bytes: usize) {
    let size = std::fs::metadata(path).unwrap().len();
    let file =
        Listed { locator: Locator::root(b"bench"), path: Some(path.to_owned()), size, mtime: None, notes: Vec::new() };
    let (limits, digest) = (Limits::default(), DigestKind::Off);
    let opening = Opening { limits, passwords: Vec::new(), work: None, digest, io: Io::Auto };
    let mut count = Count::default();
    open_file_with(&file, &opening, hands, &mut count);
    assert_eq!(count.0, bytes);
}

fn scan(path: &Path, threads: usize, bytes: usize) {
    let mut feed = Builder::new();
    feed.add("list.txt", "", b"203.0.113.9\nevil.example\n");
    let root = Root { name: b"evidence".to_vec(), path: Some(path.to_owned()) };
    let mut plan = support::plan(vec![root], Scopes::default(), feed);
    plan.opening.digest = DigestKind::Off;
    plan.threads = threads;
    let outcome = scan::scan(&plan).unwrap();
    let sources = outcome.ledger.iter().filter(|entry| entry.kind == EntryKind::Source);
    assert_eq!(sources.map(|entry| entry.bytes.total()).sum::<u64>(), bytes as u64);
}

/// One more thread, which does what is offered and says what that cost it.
struct Pair {
    jobs: Sender<Job>,
    reserved: AtomicU64,
}

impl Hands for Pair {
    fn count(&self) -> usize {
        2
    }

    fn offer(&self, job: Job) {
        self.jobs.send(job).unwrap();
    }

    fn other_work(&self) -> bool {
        false
    }

    fn reserve(&self, bytes: usize) -> bool {
        self.reserved.fetch_add(bytes as u64, Ordering::Relaxed) + (bytes as u64) < 256 << 20
    }

    fn give_back(&self, bytes: usize) {
        self.reserved.fetch_sub(bytes as u64, Ordering::Relaxed);
    }
}

/// CPU seconds of the reader and of the helper.
fn shared(path: &Path, bytes: usize) -> (f64, f64) {
    let (jobs, offered) = channel::<Job>();
    let helper =
        std::thread::spawn(move || cost(libc::CLOCK_THREAD_CPUTIME_ID, || offered.into_iter().for_each(|job| job())));
    let pair = Pair { jobs, reserved: AtomicU64::new(0) };
    let reader = cost(libc::CLOCK_THREAD_CPUTIME_ID, || decode(path, &pair, bytes));
    drop(pair);
    (reader, helper.join().unwrap())
}

fn members(encode: fn(&[u8]) -> Vec<u8>, text: &[u8]) -> Vec<u8> {
    text.chunks(1 << 20).flat_map(encode).collect()
}

fn least(runs: impl Iterator<Item = f64>) -> f64 {
    runs.fold(f64::INFINITY, f64::min)
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let text = log();
    let put = |name: &str, stored: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, stored).unwrap();
        path
    };
    let plain = put("plain", &text);
    let process = libc::CLOCK_PROCESS_CPUTIME_ID;
    println!("{} MB of access log; CPU seconds, least of {ROUNDS}", text.len() / 1_000_000);
    println!("{:14} {:>8} {:>8} {:>8} {:>8} {:>9}", "", "plain", "decode", "scan", "2 thr.", "overhead");
    for (name, encode) in codecs::ALL {
        let path = put(name, &encode(&text));
        let rounds: Vec<[f64; 4]> = (0..ROUNDS)
            .map(|_| {
                [
                    cost(process, || scan(&plain, 1, text.len())),
                    cost(process, || decode(&path, &Alone, text.len())),
                    cost(process, || scan(&path, 1, text.len())),
                    cost(process, || scan(&path, 2, text.len())),
                ]
            })
            .collect();
        let [bare, decode, whole, two] = [0, 1, 2, 3].map(|n| least(rounds.iter().map(|round| round[n])));
        println!("{name:14} {bare:8.3} {decode:8.3} {whole:8.3} {two:8.3} {:9.2}", (whole - decode) / bare);
    }
    println!("\none file on two threads; bound: CPU of one thread over the larger of the two shares");
    println!("{:14} {:>8} {:>8} {:>8} {:>9}", "", "alone", "reader", "helper", "bound");
    for (name, stored) in [
        ("bzip2", codecs::bzip2(&text)),
        ("gzip members", members(codecs::gzip, &text)),
        ("zstd frames", members(codecs::zstd, &text)),
    ] {
        let path = put(name, &stored);
        let rounds: Vec<_> = (0..ROUNDS)
            .map(|_| {
                let alone = cost(libc::CLOCK_THREAD_CPUTIME_ID, || decode(&path, &Alone, text.len()));
                let (reader, helper) = shared(&path, text.len());
                (alone / reader.max(helper), alone, reader, helper)
            })
            .collect();
        let (bound, alone, reader, helper) = rounds.into_iter().max_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        println!("{name:14} {alone:8.3} {reader:8.3} {helper:8.3} {bound:9.2}");
    }
}

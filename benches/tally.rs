//! Sift and tallies over a web log of a gigabyte, by one thread, and the most memory where every line is of another client: each a scan
//! without rules, as a process of its own.
//!
//! Of the web log two speeds are told: what is read by what sifting and tallying its blocks takes, as `-v` tells it, and by the CPU of the
//! whole scan, which reads and hashes the evidence, judges it and writes a case. `TALLY_MIB` sets its size (1024), `TALLY_PAIRS` how many clients
//! there are in the other one (10 million), `TALLY_FILES` in how many files (1).
#![allow(clippy::unwrap_used, reason = "a bench may stop at the first fault")]
#![allow(clippy::cast_precision_loss, reason = "figures for people")]
#![allow(clippy::disallowed_methods, reason = "a bench is a shell of its own")]

#[path = "whole/lists.rs"]
#[allow(dead_code, reason = "nothing is planted here")]
mod lists;
#[path = "whole/logs.rs"]
#[allow(dead_code, reason = "one of its logs is scanned")]
mod logs;
#[path = "../fixtures/generate/rng.rs"]
#[allow(dead_code, reason = "the generator of the fixtures needs more of it")]
mod rng;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;

/// Memory should be no more than this, however many pairs.
const LIMIT_MB: f64 = 512.0;
/// A core should sift and tally no less than this of a web log in a second.
const LEAST_MB: f64 = 350.0;
/// SHA-256 by the processor's own instructions, in MB a second, on the machine for which that figure was set, when it was idle.
const DIGEST_MB: f64 = 1830.0;
/// The web log is scanned so often, and the best counts.
const ROUNDS: usize = 3;

/// A number that a variable sets.
fn set(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

/// CPU seconds and the most resident memory, in MB, of all children that have ended.
fn children() -> (f64, f64) {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the call fills in the struct it is given, and says whether it did.
    let usage = unsafe {
        assert_eq!(libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr()), 0);
        usage.assume_init()
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    (seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss as f64 * 1024.0 / 1e6)
}

/// A day of an access log, in which every line is of another client.
fn write_pairs(path: &Path, lines: std::ops::Range<u64>, count: u64) -> std::io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    for n in lines {
        // Odd numbers have an inverse: all of these differ.
        let ip = std::net::Ipv4Addr::from((n as u32).wrapping_mul(0x9e37_79b1));
        let second = n * 86_400 / count;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        writeln!(
            out,
            "{ip} - - [22/Mar/2026:{hour:02}:{minute:02}:{second:02} +0000] \"GET /p/{}/item HTTP/1.1\" 200 {} \"-\" \"Mozilla/5.0\"",
            n & 4095,
            n % 90_000
        )?;
    }
    out.flush()
}

/// How fast SHA-256 is just now, in MB a second; `None` where the processor has no instructions for it.
fn digest_mb() -> Option<f64> {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("sha") {
        use sha2::{Digest, Sha256};
        let bytes = vec![7u8; 64 << 20];
        let begin = std::time::Instant::now();
        for _ in 0..4 {
            std::hint::black_box(Sha256::digest(std::hint::black_box(&bytes)));
        }
        return Some(4.0 * bytes.len() as f64 / 1e6 / begin.elapsed().as_secs_f64());
    }
    None
}

/// What a scan took.
struct Took {
    /// Bytes of evidence, in MB.
    mb: f64,
    /// Seconds of sifting and tallying, over all blocks.
    stages: f64,
    /// CPU seconds of the whole.
    cpu: f64,
    /// The most memory of all children so far, in MB.
    most_mb: f64,
}

/// Scans a folder of logs into a case beside it.
fn scan(evidence: &Path, more: &[&str]) -> Took {
    let sizes = std::fs::read_dir(evidence).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len());
    let mb = sizes.sum::<u64>() as f64 / 1e6;
    let case = evidence.with_extension("case");
    let (before, _) = children();
    let output = Command::new(env!("CARGO_BIN_EXE_exfiltrace"))
        .args(["scan", "--verbose", "--no-builtin"])
        .args(more)
        .arg(evidence)
        .arg("--out")
        .arg(&case)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", output.status);
    let (after, most_mb) = children();
    std::fs::remove_dir_all(case).unwrap();
    // `render   0.050 s   0.140 ns/byte`, and so on for each stage.
    let text = String::from_utf8_lossy(&output.stderr);
    let stages = text.lines().filter_map(|line| {
        line.strip_suffix(" ns/byte")?.rsplit_once(" s ")?.0.split(' ').next_back()?.parse::<f64>().ok()
    });
    Took { mb, stages: stages.sum(), cpu: after - before, most_mb }
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    web(folder.path(), usize::try_from(set("TALLY_MIB", 1024)).unwrap() << 20);
    pairs(folder.path(), set("TALLY_PAIRS", 10_000_000), set("TALLY_FILES", 1).max(1));
}

fn web(folder: &Path, bytes: usize) {
    let evidence = folder.join("web");
    std::fs::create_dir(&evidence).unwrap();
    logs::write_access(&evidence.join("access.log"), bytes);
    let rounds: Vec<(f64, Took)> = (0..ROUNDS)
        .map(|_| {
            let before = digest_mb();
            let took = scan(&evidence, &["--threads", "1"]);
            let now = before.into_iter().chain(digest_mb()).reduce(|a, b| (a + b) / 2.0);
            (now.map_or(1.0, |now| DIGEST_MB / now), took)
        })
        .collect();
    assert!(rounds.iter().all(|(_, took)| took.stages > 0.0), "the stages are told");
    let best = |of: fn(&Took) -> f64| rounds.iter().map(|(_, took)| took.mb / of(took)).fold(0.0, f64::max);
    let (stages, whole) = (best(|took| took.stages), best(|took| took.cpu));
    println!(
        "a web log of {:.0} MB: {stages:.0} MB/s a core to sift and tally, {whole:.0} MB/s by the CPU of the whole scan",
        rounds[0].1.mb
    );
    // The median: no round is the best by the time in which only SHA-256 was slow.
    let mut shares: Vec<f64> = rounds.iter().map(|(slower, took)| took.mb / took.stages * slower).collect();
    shares.sort_by(f64::total_cmp);
    let (share, slower) = (shares[shares.len() / 2], rounds[0].0);
    println!(
        "on the machine for which the figure was set, {slower:.2} times as fast as this one is now: {share:.0} MB/s"
    );
    if stages < LEAST_MB {
        println!("this is less than the {LEAST_MB:.0} MB/s that it should be");
    }
}

fn pairs(folder: &Path, lines: u64, files: u64) {
    let evidence = folder.join("pairs");
    std::fs::create_dir(&evidence).unwrap();
    for file in 0..files {
        let range = lines * file / files..lines * (file + 1) / files;
        write_pairs(&evidence.join(format!("access{file}.log")), range, lines).unwrap();
    }
    let took = scan(&evidence, &[]);
    println!(
        "{lines} lines of as many clients in {files} files, {:.0} MB: {:.0} MB by a CPU second of the whole scan, {:.0} MB of memory at most",
        took.mb,
        took.mb / took.cpu,
        took.most_mb
    );
    if took.most_mb > LIMIT_MB {
        println!("this is more than the {LIMIT_MB:.0} MB that it may be");
    }
}

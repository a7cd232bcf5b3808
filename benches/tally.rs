//! Sift and tallies over a web log of a gigabyte: CPU and the most memory, as a process of its own. First one in which clients ask again, as
//! they do, and then one in which every line is of another client.
//!
//! `TALLY_PAIRS` sets how many lines there are (10 million), `TALLY_FILES` over how many files (1).
#![allow(clippy::unwrap_used, reason = "a bench may stop at the first fault")]
#![allow(clippy::cast_precision_loss, reason = "figures for people")]
#![allow(clippy::disallowed_methods, reason = "a bench is a shell of its own")]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// It should be no more than this, however many pairs.
const LIMIT_MB: f64 = 512.0;
/// Requests of a client that asks again, among those of as many others as ask meanwhile.
const VISITS: u64 = 20;
const MEANWHILE: u64 = 64;

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

/// Which client a line is of.
fn client(line: u64, visits: u64) -> u64 {
    line / (MEANWHILE * visits) * MEANWHILE + line % MEANWHILE
}

/// A day of an access log, in which each client asks so many times.
fn write(path: &Path, lines: std::ops::Range<u64>, visits: u64) -> std::io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let count = lines.end - lines.start;
    for n in lines {
        // Odd numbers have an inverse: all of these differ.
        let ip = std::net::Ipv4Addr::from((client(n, visits) as u32).wrapping_mul(0x9e37_79b1));
        let second = n % count * 86_400 / count;
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

fn main() {
    let (lines, files) = (set("TALLY_PAIRS", 10_000_000), set("TALLY_FILES", 1).max(1));
    for visits in [VISITS, 1] {
        measure(lines, files, visits);
    }
}

/// Scans such a log and prints what it took.
fn measure(lines: u64, files: u64, visits: u64) {
    let folder = tempfile::tempdir().unwrap();
    let evidence = folder.path().join("web");
    std::fs::create_dir(&evidence).unwrap();
    for file in 0..files {
        let lines = lines * file / files..lines * (file + 1) / files;
        write(&evidence.join(format!("access{file}.log")), lines, visits).unwrap();
    }
    let sizes = std::fs::read_dir(&evidence).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len());
    let mb = sizes.sum::<u64>() as f64 / 1e6;
    let (before, _) = children();
    let status = Command::new(env!("CARGO_BIN_EXE_exfiltrace"))
        .args(["scan", "--quiet", "--no-builtin"])
        .arg(&evidence)
        .arg("--out")
        .arg(folder.path().join("case"))
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
    // The most memory is that of all children so far, of which the last needs the most.
    let (after, most_mb) = children();
    println!(
        "{lines} lines in {files} files, {visits} of a client, {mb:.0} MB: {:.0} MB per CPU second, {most_mb:.0} MB of memory at most",
        mb / (after - before)
    );
    if most_mb > LIMIT_MB {
        println!("this is more than the {LIMIT_MB:.0} MB that it may be");
    }
}

//! Windows event logs with all Windows rules of SigmaHQ: CPU time of a whole scan on one thread, as a process of its own,
//! beside the `evtx` crate's own `into_json_bytes` over the same files in this process. Least of the rounds.
//!
//! The logs are those of the corpora, repeated; each copy has a mark of its own in the unused part of its file header, so
//! that none is known for the copy that it is. `EVTX_RECORDS` sets another number of records.
#![allow(clippy::unwrap_used, reason = "a bench may stop at the first fault")]
#![allow(clippy::cast_precision_loss, reason = "figures for people")]
#![allow(clippy::disallowed_methods, reason = "a bench is a shell of its own")]

#[path = "peers/src/clock.rs"]
mod clock;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use evtx::{EvtxChunkData, EvtxRecord, ParserSettings};

const ROUNDS: usize = 3;
const RECORDS: usize = 300_000;
const HEADER_BYTES: usize = 4096;
const CHUNK_BYTES: usize = 64 << 10;
/// Where the header of a file is not used.
const MARK: usize = 1024;

fn shared(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora").join(path)
}

/// The files below a folder that end so, in order.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.to_str().is_some_and(|name| name.ends_with(end)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Does something with each record of a log that the crate reads; gives how many there are.
fn each(log: &[u8], mut see: impl FnMut(EvtxRecord<'_>)) -> usize {
    let settings = Arc::new(ParserSettings::new().indent(false));
    let mut count = 0;
    for chunk in log.get(HEADER_BYTES..).unwrap_or_default().chunks_exact(CHUNK_BYTES) {
        let Ok(mut data) = EvtxChunkData::new(chunk.to_vec(), false) else { continue };
        let Ok(mut chunk) = data.parse(Arc::clone(&settings)) else { continue };
        for record in chunk.iter().filter_map(Result::ok) {
            count += 1;
            see(record);
        }
    }
    count
}

/// Least CPU seconds of this thread over the rounds; reading the logs is not counted.
fn least(logs: &[PathBuf], mut work: impl FnMut(&[u8])) -> f64 {
    let round = |_| {
        let each = logs.iter().map(|path| {
            let log = std::fs::read(path).unwrap();
            clock::timed(|| work(&log)).1
        });
        each.sum::<f64>()
    };
    (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
}

/// Least CPU seconds of a child over the rounds, and the most memory that one had at once, in MiB.
fn scan(rules: &Path, evidence: &Path) -> (f64, f64) {
    let seconds = (0..ROUNDS).map(|_| {
        let before = clock::of_children();
        let mut command = Command::new(env!("CARGO_BIN_EXE_exfiltrace"));
        command.args(["scan", "-q", "--threads", "1", "--digest", "off", "--no-builtin"]);
        let status = command
            .arg("--rules")
            .arg(rules)
            .arg(evidence)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(status.code().is_some_and(|code| code < 2), "{status}");
        clock::of_children() - before
    });
    let least = seconds.fold(f64::INFINITY, f64::min);
    // SAFETY: a `rusage` is numbers alone, of which zeros are sound.
    let mut used: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `used` is a place for one rusage, and the call writes nothing else.
    assert_eq!(unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut used) }, 0);
    (least, used.ru_maxrss as f64 / 1024.0)
}

/// Writes copies of the logs until they hold enough records; gives how many these are.
fn repeated(logs: &[Vec<u8>], wanted: usize, folder: &Path) -> usize {
    let mut records = 0;
    for round in 0usize.. {
        if records >= wanted {
            break;
        }
        for (number, log) in logs.iter().enumerate() {
            let mut copy = log.clone();
            copy[MARK..MARK + 8].copy_from_slice(&round.to_le_bytes());
            std::fs::write(folder.join(format!("{round}-{number}.evtx")), &copy).unwrap();
            records += each(&copy, |_| ());
        }
    }
    records
}

fn main() {
    let logs: Vec<Vec<u8>> = files(&shared("evtx"), ".evtx").iter().map(|path| std::fs::read(path).unwrap()).collect();
    let logs: Vec<Vec<u8>> = logs.into_iter().filter(|log| log.starts_with(b"ElfFile\0")).collect();
    let rules = shared("sigma/sigma-rules.tar.gz");
    if logs.is_empty() || !rules.exists() {
        return println!("skipped: the logs or the rules of the corpora are not here");
    }
    let wanted = std::env::var("EVTX_RECORDS").ok().map_or(RECORDS, |text| text.parse().expect("a number"));
    let temp = tempfile::tempdir().unwrap();
    let (evidence, unpacked) = (temp.path().join("evidence"), temp.path().join("rules"));
    std::fs::create_dir(&evidence).unwrap();
    tar::Archive::new(flate2::read::GzDecoder::new(std::fs::File::open(rules).unwrap())).unpack(&unpacked).unwrap();
    let windows = files(&unpacked, ".yml");
    let windows = windows.iter().find_map(|path| path.ancestors().find(|folder| folder.ends_with("rules/windows")));
    let windows = windows.expect("the archive holds rules for Windows");

    let records = repeated(&logs, wanted, &evidence);
    let empty = temp.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let (start, _) = scan(windows, &empty);
    let (seconds, memory) = scan(windows, &evidence);
    let copies = files(&evidence, ".evtx");
    let bare = least(&copies, |log| assert!(each(log, |_| ()) <= records));
    let json = least(&copies, |log| {
        let mut bytes = 0;
        each(log, |record| bytes += record.into_json_bytes().map_or(0, |text| text.data.len()));
        std::hint::black_box(bytes);
    });
    println!("{records} records; one thread; CPU seconds, least of {ROUNDS} rounds");
    let row = |what: &str, seconds: f64| {
        let rate = records as f64 / seconds / 1e3;
        println!("  {what:<52} {seconds:>7.2} s  {rate:>8.0} k records/s  {:>5.2} × JSON", seconds / json);
    };
    row("evtx: records alone", bare);
    row("evtx: into_json_bytes", json);
    row("exfiltrace, SigmaHQ's rules for Windows", seconds);
    println!("  of which {start:.2} s to load the rules; peak memory {memory:.0} MiB");
}

//! Many compressed files: on two threads beside one, and per core beside `rg -z -F -f`, in one run, with equal counts of
//! hits.
//!
//! In `.gz` two texts: words that no format reads, and an access log; in `.zst`, `.bz2` and `.xz` the access log. Each is scanned for hits alone (`--hits-only --no-builtin`),
//! which is what ripgrep does, and with all that the product does: parsed, held against the embedded rules, tallied and
//! judged. `RG` names the program of the peer where it is not on the path. CPU seconds are the figures; the quotient of wall times tells something only where
//! the machine is idle, so that the load before each run is printed.
#![allow(clippy::unwrap_used, reason = "a bench may stop at the first fault")]
#![allow(clippy::cast_precision_loss, reason = "figures for people")]
#![allow(clippy::disallowed_methods, reason = "a bench has a clock, and is told where its peer is")]

mod codecs;
#[path = "../tests/it/support.rs"]
#[allow(dead_code, reason = "tests need more of it")]
mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use codecs::Encode;
use exfiltrace::detect::{Program, Routing};
use exfiltrace::discover::Root;
use exfiltrace::indicators::Builder;
use exfiltrace::model::ledger::EntryKind;
use exfiltrace::model::scopes::Scopes;
use exfiltrace::open::DigestKind;
use exfiltrace::plan::Plan;
use exfiltrace::scan;

const FILES: u64 = 16;
/// Decoded size of each file.
const BYTES: usize = 12 << 20;
const ROUNDS: usize = 3;
/// Indicators on the list.
const LISTED: u64 = 100;
/// One line in so many holds one of them.
const PLANTED: u64 = 500;

/// Numbers from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    /// A listed name now and then, else one that is not.
    fn name(&mut self) -> (String, bool) {
        let planted = self.below(PLANTED) == 0;
        let number = self.below(LISTED);
        (if planted { listed(number) } else { format!("www{number}.example.org") }, planted)
    }
}

fn listed(number: u64) -> String {
    format!("h{number}-listed.badhost{}.example", number % 7)
}

/// A line that no format reads.
fn words(random: &mut Random) -> (String, bool) {
    let (name, planted) = random.name();
    let mut word = || random.below(1 << 20);
    let (a, b, c, d, e, f) = (word(), word(), word(), word(), word(), word());
    let line = format!("{a:x} {b:x} {c:x} sent to {name} for {d:x} {e:x} and {f:x}, and so on as in the last line\n");
    (line, planted)
}

fn access(random: &mut Random) -> (String, bool) {
    let (name, planted) = random.name();
    let line = format!(
        "198.51.100.{} - - [28/Mar/2026:10:{:02}:{:02} +0000] \"GET /static/{:x}/{:x}.html HTTP/1.1\" 200 {} \"https://{name}/{}\" \"Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0\"\n",
        random.below(200),
        random.below(60),
        random.below(60),
        random.below(5000),
        random.below(1 << 31),
        random.below(90_000),
        random.below(1000)
    );
    (line, planted)
}

/// Makes a line; whether it holds a listed name.
type Line = fn(&mut Random) -> (String, bool);

/// Writes the files; how many bytes they hold, and how many lines with a listed name.
fn write(folder: &Path, line: Line, (end, encode): (&str, Encode)) -> (u64, u64) {
    let (mut random, mut bytes, mut hits) = (Random(0x5eed), 0, 0);
    for number in 0..FILES {
        let mut text = Vec::with_capacity(BYTES + 300);
        while text.len() < BYTES {
            let (line, planted) = line(&mut random);
            text.extend_from_slice(line.as_bytes());
            hits += u64::from(planted);
        }
        bytes += text.len() as u64;
        std::fs::write(folder.join(format!("{number}.log.{end}")), encode(&text)).unwrap();
    }
    (bytes, hits)
}

/// CPU seconds of this process, or of its children that ended.
fn cpu(who: libc::c_int) -> f64 {
    // SAFETY: all zeros are a value of this struct of plain numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: a plain call that fills in the struct it is given.
    assert_eq!(unsafe { libc::getrusage(who, &raw mut usage) }, 0);
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// Least CPU and wall seconds of some rounds.
fn cost(who: libc::c_int, mut run: impl FnMut()) -> (f64, f64) {
    let mut least = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        let (before, begin) = (cpu(who), Instant::now());
        run();
        least = (least.0.min(cpu(who) - before), least.1.min(begin.elapsed().as_secs_f64()));
    }
    least
}

/// The scan of the folder: for hits alone, or all that the product does.
fn planned(folder: &Path, threads: usize, hits_only: bool) -> Plan {
    let mut feed = Builder::new();
    feed.add("list.txt", "", list().as_bytes());
    let root = Root { name: b"evidence".to_vec(), path: Some(folder.to_owned()) };
    let mut plan = support::plan(vec![root], Scopes::default(), feed);
    plan.opening.digest = DigestKind::Off;
    plan.threads = threads;
    plan.hits_only = hits_only;
    if hits_only {
        plan.program = Program::compile([], Routing::Auto).0;
    }
    plan
}

fn scanned(plan: &Plan, format: &str, (bytes, hits): (u64, u64)) {
    let outcome = scan::scan(plan).unwrap();
    let sources = || outcome.ledger.iter().filter(|entry| entry.kind == EntryKind::Source);
    assert_eq!(sources().map(|entry| entry.bytes.total()).sum::<u64>(), bytes);
    assert!(sources().all(|entry| entry.format.as_deref() == Some(format)), "what reads the text");
    let met = outcome.findings.list().iter().filter(|finding| finding.indicator.is_some());
    assert_eq!(met.map(|finding| finding.count).sum::<u64>(), hits);
}

fn list() -> String {
    (0..LISTED).map(|number| listed(number) + "\n").collect()
}

/// The program of the peer, or why it is left out.
fn ripgrep() -> Result<PathBuf, String> {
    let path = std::env::var_os("RG").map_or_else(|| PathBuf::from("rg"), PathBuf::from);
    match Command::new(&path).arg("--version").stdout(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(path),
        Ok(status) => Err(format!("{}: {status}", path.display())),
        Err(cause) => Err(format!("{}: {cause}; RG=PATH names it", path.display())),
    }
}

/// Counts lines with the peer, on one thread.
fn grepped(program: &Path, folder: &Path, list: &Path, hits: u64) {
    let mut command = Command::new(program);
    command.args(["--no-config", "-j1", "-z", "-a", "-i", "-w", "-c", "--no-filename", "-F", "-f"]);
    let output = command.arg(list).arg(folder).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().map(|line| line.parse::<u64>().unwrap()).sum::<u64>(), hits);
}

/// One text in one codec: the peer, and both scans of ours on one and two threads.
fn compare(
    folder: &Path,
    list: &Path,
    peer: &Result<PathBuf, String>,
    (format, line): (&str, Line),
    codec: (&str, Encode),
) {
    std::fs::create_dir(folder).unwrap();
    let written = write(folder, line, codec);
    println!("{format} in .{}: {} lines hit", codec.0, written.1);
    let grep = peer.as_ref().map(|program| cost(libc::RUSAGE_CHILDREN, || grepped(program, folder, list, written.1)));
    match &grep {
        Ok((cpu, wall)) => println!("  rg -z -j1               CPU {cpu:7.3}  wall {wall:7.3}"),
        Err(why) => println!("  rg -z is left out: {why}"),
    }
    for (name, hits_only) in [("hits alone", true), ("all that we do", false)] {
        let run = |threads| {
            let plan = planned(folder, threads, hits_only);
            cost(libc::RUSAGE_SELF, || scanned(&plan, format, written))
        };
        let (one, two) = (run(1), run(2));
        let over = grep.as_ref().map_or_else(|_| String::new(), |grep| format!("  {:.2} x rg -z", grep.0 / one.0));
        println!("  {name:<14} 1 thread  CPU {:7.3}  wall {:7.3}{over}", one.0, one.1);
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').next().unwrap_or_default();
        let gain = one.1 / two.1;
        println!(
            "  {name:<14} 2 threads CPU {:7.3}  wall {:7.3}  wall of 1 over 2: {gain:.2} at load {load}",
            two.0, two.1
        );
    }
}

fn main() {
    let temp = tempfile::tempdir().unwrap();
    let listed = temp.path().join("list.txt");
    std::fs::write(&listed, list()).unwrap();
    let peer = ripgrep();
    println!("{FILES} files of {} MB, {LISTED} names; least of {ROUNDS} rounds, seconds", BYTES / 1_000_000);
    for codec in codecs::ALL {
        let texts = [("text", words as Line), ("access", access)];
        for text in texts.into_iter().skip(usize::from(codec.0 != "gz")) {
            compare(&temp.path().join(format!("{}-{}", text.0, codec.0)), &listed, &peer, text, codec);
        }
    }
}

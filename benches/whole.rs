//! The whole product over a gigabyte of plain logs (access log, syslog, JSON), as a process of its own, beside ripgrep
//! with a hundred literals and `openssl dgst -sha256` in the same run. CPU seconds of the children, least of the rounds.
//!
//! `WHOLE_MIB` sets another size, `RG` and `OPENSSL` name the peers; a peer that is not there is left out with a word.
#![allow(clippy::unwrap_used, reason = "a bench may stop at the first fault")]
#![allow(clippy::cast_precision_loss, reason = "figures for people")]
#![allow(clippy::disallowed_methods, reason = "a bench is a shell of its own")]

#[path = "whole/lists.rs"]
mod lists;
#[path = "whole/logs.rs"]
mod logs;
#[path = "../fixtures/generate/rng.rs"]
#[allow(dead_code, reason = "the generator of the fixtures needs more of it")]
mod rng;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lists::{Planted, SIZES};

const ROUNDS: usize = 3;

/// CPU seconds of all children that have ended.
fn children() -> f64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the call fills in the struct it is given, and says whether it did.
    let usage = unsafe {
        assert_eq!(libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr()), 0);
        usage.assume_init()
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// Least CPU seconds of a command over the rounds; its output goes to a file, which is handed to `check`.
fn cost(out: &Path, command: impl Fn() -> Command, check: impl Fn(&Path)) -> f64 {
    let rounds = (0..ROUNDS).map(|_| {
        let before = children();
        let status = command().stdout(File::create(out).unwrap()).stderr(Stdio::null()).status().unwrap();
        assert!(status.code().is_some_and(|code| code < 2), "{status}");
        let seconds = children() - before;
        check(out);
        seconds
    });
    rounds.fold(f64::INFINITY, f64::min)
}

/// The program that a variable names, else this one, if it can be run.
fn peer(variable: &str, program: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map_or_else(|| PathBuf::from(program), PathBuf::from);
    let ran = Command::new(&path).arg(if program == "rg" { "--version" } else { "version" }).output().is_ok();
    if !ran {
        println!("{program} is not here (nor in {variable}): left out");
    }
    ran.then_some(path)
}

/// Counts of the planted values among the findings: every one, and nothing else of the list.
fn check(out: &Path, planted: &[Planted]) {
    let text = std::fs::read_to_string(out).unwrap();
    let mut found: Vec<(String, u64)> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|finding| finding["kind"] == "indicator")
        .map(|finding| (finding["indicator"]["value"].as_str().unwrap().to_owned(), finding["count"].as_u64().unwrap()))
        .collect();
    found.sort();
    let mut told: Vec<(String, u64)> = Vec::new();
    for (value, count) in found {
        match told.last_mut() {
            Some(last) if last.0 == value => last.1 += count,
            _ => told.push((value, count)),
        }
    }
    let mut truth: Vec<(String, u64)> = planted.iter().map(|p| (p.value.clone(), p.count)).collect();
    truth.sort();
    assert_eq!(told, truth);
}

fn scan(evidence: &Path, list: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_exfiltrace"));
    command.args(["scan", "-q", "--threads", "1", "--indicators"]).arg(list).args(more).arg(evidence);
    command
}

fn main() {
    let mib: usize = std::env::var("WHOLE_MIB").ok().map_or(1024, |text| text.parse().expect("WHOLE_MIB is a number"));
    let temp = tempfile::tempdir().unwrap();
    let (evidence, out) = (temp.path().join("evidence"), temp.path().join("out"));
    let all = lists::all();
    let planted = logs::write(&evidence, mib << 20, &all);
    let bytes: u64 = std::fs::read_dir(&evidence).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    let row = |name: &str, seconds: f64, against: Option<f64>| {
        let ratio = against.map_or_else(String::new, |peer| format!("{:6.2} x rg", peer / seconds));
        println!("{name:<44} {seconds:7.2} s {:7.0} MB/s a core {ratio}", bytes as f64 / seconds / 1e6);
    };
    println!(
        "{:.2} GB of access log, syslog and JSON; one thread; CPU seconds, least of {ROUNDS} rounds",
        bytes as f64 / 1e9
    );
    let hundred = lists::text(&all, SIZES[0], temp.path());
    let rg = peer("RG", "rg").map(|rg| {
        let command = || {
            let mut command = Command::new(&rg);
            command.args(["-j1", "-F", "-f"]).arg(&hundred).arg(&evidence);
            command
        };
        // Values in upper case are the only planted ones that it does not find.
        let lines = planted.iter().map(|p| p.count - p.upper).sum::<u64>();
        cost(&out, command, |out| {
            let found = std::fs::read_to_string(out).unwrap().lines().count() as u64;
            assert!(found >= lines, "{found} of {lines}");
        })
    });
    rg.inspect(|&rg| row("rg -F -f, 100 literals", rg, None));
    let files: Vec<PathBuf> = std::fs::read_dir(&evidence).unwrap().map(|file| file.unwrap().path()).collect();
    let openssl = peer("OPENSSL", "openssl").map(|openssl| {
        let command = || {
            let mut command = Command::new(&openssl);
            command.args(["dgst", "-sha256"]).args(&files);
            command
        };
        cost(&out, command, |out| assert_eq!(std::fs::read_to_string(out).unwrap().lines().count(), files.len()))
    });
    openssl.inspect(|&openssl| row("openssl dgst -sha256", openssl, None));
    for size in SIZES {
        let list = lists::text(&all, size, temp.path());
        let database = temp.path().join(format!("{size}.db"));
        let mut compile = Command::new(env!("CARGO_BIN_EXE_exfiltrace"));
        assert!(
            compile.args(["indicators", "compile", "-o"]).arg(&database).arg(&list).output().unwrap().status.success()
        );
        let alone = ["--hits-only", "--no-builtin", "--digest", "off"];
        for (what, more) in [
            ("hits alone, no digest, no rules", &alone[..]),
            ("hits alone, SHA-256, no rules", &alone[..2]),
            ("no digest, no rules", &alone[1..]),
            ("no digest", &["--digest", "off"]),
            ("SHA-256 of the evidence", &[]),
        ] {
            let seconds = cost(&out, || scan(&evidence, &database, more), |out| check(out, &planted));
            let against = if !more.contains(&"off") { rg.zip(openssl).map(|(a, b)| a + b) } else { rg };
            row(&format!("exfiltrace, {size} indicators, {what}"), seconds, against);
        }
    }
}

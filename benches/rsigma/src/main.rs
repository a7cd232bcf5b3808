//! Sigma rules in exfiltrace and in RSigma (`rsigma-eval` 0.23.0), side by side.
//!
//! `cargo run --release --manifest-path benches/rsigma/Cargo.toml -- decide` holds both against each other over the events
//! of `../shared/conformance/sigmahq-witness.jsonl`, and fails where they differ in a way that is not explained.
//! `-- cost BINARY` lets both read the same lines with the same rules, and prints records a CPU second of one core.
#![allow(clippy::unwrap_used, reason = "a bench may stop at the first fault")]
#![allow(clippy::disallowed_methods, reason = "a bench is a shell of its own")]

mod cost;
mod decide;

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["decide"] => decide::run(),
        ["cost", binary] => cost::run(binary.as_ref()),
        _ => {
            eprintln!("expected: decide, or cost BINARY (a release build of exfiltrace)");
            ExitCode::from(2)
        }
    }
}

/// A file or folder of the shared material; ends the run with a word where it is not here.
fn shared(part: &str) -> PathBuf {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")).join(part);
    if !path.exists() {
        println!("skipped: {part} is not beside the project");
        std::process::exit(0);
    }
    path
}

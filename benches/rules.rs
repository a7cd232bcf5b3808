//! The rules of SigmaHQ, from the text of their files, or from a pack, to a program: milliseconds and CPU time of the fastest of some
//! runs, with as many threads as there are cores.
#![allow(clippy::unwrap_used, reason = "a bench may stop at the first fault")]
#![allow(clippy::disallowed_methods, reason = "a bench is a shell of its own")]

#[path = "../tests/it/support.rs"]
#[allow(dead_code, reason = "tests need more of it")]
mod support;

use std::time::Instant;

use exfiltrace::detect::{Problem, Program, Routing, Setup};

const RUNS: usize = 7;

fn main() {
    let documents = support::sigma();
    if documents.is_empty() {
        println!("skipped: the rules of SigmaHQ are not here");
        return;
    }
    let files = documents.len();
    for (word, routing) in [("auto", Routing::Auto), ("any", Routing::Any)] {
        let told = fastest(&mut || documents.clone(), &mut |copy| Program::compile(copy, routing.clone()));
        println!("routing {word}: {told} of {files} files");
    }
    let (_, _, pack) = Program::packed(documents, &Setup::default(), false);
    let bytes = pack.len();
    let packs = [("pack".to_owned(), pack)];
    let told = fastest(&mut Vec::new, &mut |none| Program::compile_over(&packs, none, &Setup::default()).unwrap());
    println!("from a pack of {bytes} bytes: {told}");
}

/// The fastest of some runs over rule files that are copied before.
fn fastest(
    copy: &mut dyn FnMut() -> Vec<(String, String)>,
    run: &mut dyn FnMut(Vec<(String, String)>) -> (Program, Vec<Problem>),
) -> String {
    let runs = (0..RUNS).map(|_| {
        let copy = copy();
        let (begin, cpu) = (Instant::now(), cpu_millis());
        // As in a scan, which never frees them.
        let (program, problems) = std::hint::black_box(run(copy));
        let took = begin.elapsed().as_secs_f64() * 1e3;
        (took, cpu_millis() - cpu, program.rules().len(), problems.len())
    });
    let (millis, cpu, rules, problems) = runs.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
    format!("{millis:.0} ms, {cpu:.0} ms CPU, {rules} rules, {problems} not loaded")
}

/// User and system time of this process so far, in milliseconds.
fn cpu_millis() -> f64 {
    // SAFETY: the struct is plain numbers, and the call writes all of it.
    let used = unsafe {
        let mut used: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_SELF, &raw mut used), 0);
        used
    };
    let millis = |time: libc::timeval| time.tv_sec as f64 * 1e3 + time.tv_usec as f64 / 1e3;
    millis(used.ru_utime) + millis(used.ru_stime)
}

//! The rules of SigmaHQ, from the text of their files to a program: CPU time, in milliseconds, of the fastest of some runs.
#![allow(clippy::unwrap_used, reason = "a bench may stop at the first fault")]

#[path = "../tests/it/support.rs"]
#[allow(dead_code, reason = "tests need more of it")]
mod support;

use exfiltrace::detect::{Program, Routing};

const RUNS: usize = 7;

fn main() {
    let documents = support::sigma();
    if documents.is_empty() {
        println!("skipped: the rules of SigmaHQ are not here");
        return;
    }
    for (word, routing) in [("auto", Routing::Auto), ("any", Routing::Any)] {
        let runs = (0..RUNS).map(|_| {
            let (copy, routing) = (documents.clone(), routing.clone());
            let begin = cpu_millis();
            let (program, problems) = std::hint::black_box(Program::compile(copy, routing));
            (cpu_millis() - begin, program.rules().len(), problems.len())
        });
        let (millis, rules, problems) = runs.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        println!(
            "routing {word}: {millis:.0} ms CPU for {} files: {rules} rules, {problems} not loaded",
            documents.len()
        );
    }
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

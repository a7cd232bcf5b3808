//! The process shell: parse, run, turn the outcome into an exit code.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

mod cli;

fn main() -> ExitCode {
    let args = cli::Args::read(cli::run::without_help_of_help(std::env::args_os().collect()));
    quiet_panics(args.tells_faults());
    match catch_unwind(AssertUnwindSafe(|| cli::run::run(args))) {
        Ok(Ok(code)) => ExitCode::from(code),
        Ok(Err(error)) if cli::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            anstream::eprintln!("error: {}", cli::printable(&format!("{error:#}")));
            ExitCode::from(2)
        }
        Err(_) => {
            anstream::eprintln!("error: a fault in exfiltrace itself; `scan -v` says where. Please report it");
            ExitCode::from(2)
        }
    }
}

/// A parser that panics on hostile input is caught and told in the ledger; what it says may quote the evidence, so it is
/// not printed unless asked for, and then made harmless.
fn quiet_panics(told: bool) {
    std::panic::set_hook(Box::new(move |panic| {
        if told {
            anstream::eprintln!("caught: {}", cli::printable(&panic.to_string()));
        }
    }));
}

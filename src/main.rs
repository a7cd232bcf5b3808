//! The process shell: parse, run, turn the outcome into an exit code.

use std::process::ExitCode;

use clap::Parser;

mod cli;

fn main() -> ExitCode {
    let args = cli::Args::parse();
    let quiet_pipe = cli::is_broken_pipe;
    match cli::run::run(args) {
        Ok(code) => ExitCode::from(code),
        Err(error) if quiet_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("error: {}", cli::printable(&format!("{error:#}")));
            ExitCode::from(2)
        }
    }
}

//! One arm per command.

use std::ffi::OsString;

use anyhow::Result;
use clap::CommandFactory;

use super::{
    Args, Command, case, catalogue, coverage, explain, formats, grow, inspect, manual, rules, scan, scopes, survey,
};

/// Runs what was typed and gives the exit code.
pub fn run(args: Args) -> Result<u8> {
    match args.command {
        Command::Scan(args) => scan::scan(&args),
        Command::Survey(args) => survey::survey(&args),
        Command::Add(args) => grow::add(&args),
        Command::Merge(args) => grow::merge(&args),
        Command::Coverage(args) => coverage::coverage(&args),
        Command::Explain(args) => explain::explain(&args),
        Command::Report(args) => case::report(&args),
        Command::Export(args) => case::export(&args),
        Command::Verify(args) => case::verify(&args),
        Command::Rules(command) => rules::rules(&command),
        Command::Indicators(command) => inspect::indicators(&command),
        Command::Scopes(command) => scopes::scopes(&command),
        Command::Catalogue(command) => catalogue::catalogue(&command),
        Command::Formats(given) => formats::formats(&given),
        Command::Clauses => inspect::clauses(),
        Command::Schema { name } => inspect::schema(name.as_deref()),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man(args) => manual::man(&args),
    }
}

/// The command line without a `--help` behind `help`, which asks for what `help` prints anyway.
pub fn without_help_of_help(mut typed: Vec<OsString>) -> Vec<OsString> {
    let mut at = 1;
    let mut command = Args::command();
    while let Some(below) = typed.get(at).and_then(|word| command.find_subcommand(word)).filter(|c| c.has_subcommands())
    {
        command = below.clone();
        at += 1;
    }
    if typed.get(at).is_some_and(|word| word == "help") && command.has_subcommands() {
        typed.retain({
            let mut n = 0;
            move |word| {
                n += 1;
                n <= at + 1 || (word != "--help" && word != "-h")
            }
        });
    }
    typed
}

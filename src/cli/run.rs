//! One arm per command.

use anyhow::Result;

use super::{Args, Command, case, inspect, manual, scan, scopes, survey};

/// Runs what was typed and gives the exit code.
pub fn run(args: Args) -> Result<u8> {
    match args.command {
        Command::Scan(args) => scan::scan(&args),
        Command::Survey(args) => survey::survey(&args),
        Command::Report(args) => case::report(&args),
        Command::Export(args) => case::export(&args),
        Command::Verify(args) => case::verify(&args),
        Command::Rules(command) => inspect::rules(&command),
        Command::Indicators(command) => inspect::indicators(&command),
        Command::Scopes(command) => scopes::scopes(&command),
        Command::Formats => inspect::formats(),
        Command::Clauses => inspect::clauses(),
        Command::Schema { name } => inspect::schema(name.as_deref()),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man(args) => manual::man(&args),
    }
}

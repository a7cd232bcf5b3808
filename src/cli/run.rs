//! One arm per command.

use std::io::Write;

use anyhow::Result;
use clap::CommandFactory;

use super::{Args, Command, case, inspect, scan};

/// Runs what was typed and gives the exit code.
pub fn run(args: Args) -> Result<u8> {
    match args.command {
        Command::Scan(args) => scan::scan(&args),
        Command::Report(args) => case::report(&args),
        Command::Export(args) => case::export(&args),
        Command::Verify(args) => case::verify(&args),
        Command::Rules(command) => inspect::rules(&command),
        Command::Indicators(command) => inspect::indicators(&command),
        Command::Formats => inspect::formats(),
        Command::Schema { name } => inspect::schema(name.as_deref()),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "exfiltrace", &mut script);
            std::io::stdout().write_all(&script)?;
            Ok(0)
        }
        Command::Man => man(),
    }
}

/// The manual pages of the tool and of each command, one after the other.
fn man() -> Result<u8> {
    let command = Args::command();
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let name: &'static str = Box::leak(format!("exfiltrace-{}", sub.get_name()).into_boxed_str());
        clap_mangen::Man::new(sub.clone().name(name)).render(&mut page)?;
    }
    std::io::stdout().write_all(&page)?;
    Ok(0)
}

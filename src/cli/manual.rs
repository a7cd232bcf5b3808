//! Manual pages and completions, made from the arguments themselves.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::{Command, CommandFactory};

use super::{Args, Man};

/// Prints one page, or writes all of them.
pub fn man(args: &Man) -> Result<u8> {
    let root = Args::command();
    if let Some(dir) = &args.dir {
        return write_all(&root, dir);
    }
    let mut page = (root.get_name().to_owned(), root.clone());
    for word in &args.command {
        let Some((_, found)) = below(&page.0, &page.1).into_iter().find(|(_, sub)| sub.get_name() == word) else {
            let known: Vec<String> = below(&page.0, &page.1).iter().map(|(_, sub)| sub.get_name().to_owned()).collect();
            match known.is_empty() {
                true => bail!("{word}: {} has no commands below it", page.0),
                false => bail!("{word}: no such command; the commands of {} are {}", page.0, known.join(", ")),
            }
        };
        page = (format!("{}-{}", page.0, found.get_name()), found);
    }
    std::io::stdout().write_all(&roff(&page.0, page.1)?)?;
    Ok(0)
}

/// Prints the completions of one shell.
pub fn completions(shell: clap_complete::Shell) -> Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "exfiltrace", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(0)
}

/// One file per command, `exfiltrace-scan.1`, and one of the tool.
fn write_all(root: &Command, dir: &Path) -> Result<u8> {
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make the folder {}", dir.display()))?;
    let mut pending = vec![(root.get_name().to_owned(), root.clone())];
    while let Some((name, command)) = pending.pop() {
        pending.extend(below(&name, &command));
        let path = dir.join(format!("{name}.1"));
        std::fs::write(&path, roff(&name, command)?).with_context(|| format!("cannot write {}", path.display()))?;
        writeln!(std::io::stdout(), "{}", path.display())?;
    }
    Ok(0)
}

/// The commands below one, with the names of their pages.
fn below(name: &str, command: &Command) -> Vec<(String, Command)> {
    let subs = command.get_subcommands().filter(|sub| sub.get_name() != "help");
    subs.map(|sub| (format!("{name}-{}", sub.get_name()), sub.clone())).collect()
}

/// One page. Its synopsis shows the command as it is typed, its title and the pages it refers to have hyphens.
fn roff(name: &str, command: Command) -> Result<Vec<u8>> {
    let typed = name.replace('-', " ");
    let command = command.version(env!("CARGO_PKG_VERSION")).display_name(name.to_owned()).bin_name(typed);
    let command = command.disable_help_subcommand(true);
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    Ok(page)
}

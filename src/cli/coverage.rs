//! `exfiltrace coverage`: what logs could answer, before anything has happened.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args as ClapArgs, Parser, ValueHint};
use exfiltrace::model::ledger::Entry;
use exfiltrace::{emit, judge, scan};

use super::formats::OwnFormats;
use super::values::{self, Size};
use super::{Args, Command, FirstWord, Passwords, resolve};

/// `exfiltrace coverage`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    exfiltrace coverage /var/log --scopes scopes.toml\n  \
    exfiltrace coverage logs/ --json > coverage.json\n\n\
    For each scope and way out: which logs show it, the time that they cover, holes, what they do not state, which question \
    they could answer, and what to switch on or collect. All logs are read; no case is written. Exit code 1 where something \
    could not be read. `exfiltrace schema preparedness` says what --json prints.")]
pub struct Coverage {
    /// Files, folders, globs, or `-` for standard input.
    #[arg(required = true, value_hint = ValueHint::AnyPath)]
    pub evidence: Vec<PathBuf>,
    /// Whose systems, and which logs are promised (TOML or JSON).
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub scopes: Option<PathBuf>,
    /// Own networks, as for `scan`. Repeatable.
    #[arg(long, value_name = "CIDR")]
    pub own: Vec<String>,
    /// Zone of logs that carry none (IANA name or offset), or of those whose paths fit a glob, as for `scan`. Repeatable.
    #[arg(long, value_name = "[GLOB=]ZONE", allow_hyphen_values = true)]
    pub timezone: Vec<String>,
    /// Which of day and month is first in dates such as 03/04/2026, as for `scan`.
    #[arg(long, value_enum, value_name = "FIRST")]
    pub date_order: Option<FirstWord>,
    /// Name of a root in locators, as NAME=PATH.
    #[arg(long, value_name = "NAME=PATH")]
    pub root: Vec<String>,
    /// Formats of your own.
    #[command(flatten)]
    pub own_formats: OwnFormats,
    /// Passwords of encrypted archives.
    #[command(flatten)]
    pub passwords: Passwords,
    /// Worker threads, as for `scan`.
    #[arg(long, value_name = "N", value_parser = values::threads, allow_hyphen_values = true)]
    pub threads: Option<usize>,
    /// Anonymous memory to stay below, as for `scan`.
    #[arg(long, value_name = "SIZE", default_value = "2G", value_parser = values::size, allow_hyphen_values = true)]
    pub max_memory: Size,
    /// Folder for what does not fit into memory.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub work: Option<PathBuf>,
    /// Print one JSON object, for tools.
    #[arg(long)]
    pub json: bool,
}

/// Reads the logs and prints what they could answer.
pub fn coverage(args: &Coverage) -> Result<u8> {
    args.own_formats.give()?;
    let Command::Scan(mut scan) = Args::try_parse_from(["exfiltrace", "scan", "-", "--digest", "off"])?.command else {
        anyhow::bail!("a scan was typed");
    };
    scan.evidence.clone_from(&args.evidence);
    scan.scopes.clone_from(&args.scopes);
    scan.own.clone_from(&args.own);
    scan.timezone.clone_from(&args.timezone);
    scan.date_order = args.date_order;
    scan.root.clone_from(&args.root);
    scan.work.clone_from(&args.work);
    scan.passwords = Passwords { archive_password: args.passwords.all()?, archive_password_file: None };
    scan.limits.threads = args.threads;
    scan.limits.max_memory = args.max_memory.clone();
    let resolved = resolve::plan(&scan)?;
    let outcome = scan::scan(&resolved.plan)?;
    let prepared = judge::prepared(&outcome.coverage, &outcome.ledger, &resolved.plan.whose);
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    if args.json {
        emit::json::pretty(&mut out, &prepared)?;
        out.write_all(b"\n")?;
    } else {
        out.write_all(emit::prepared_text(&prepared).as_bytes())?;
    }
    out.flush()?;
    Ok(u8::from(outcome.ledger.iter().any(Entry::has_loss)))
}

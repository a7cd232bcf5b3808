//! `formats` and `formats test`: which formats are known, and what is recognised and read in files.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args as ClapArgs, Subcommand, ValueHint};
use exfiltrace::emit;
use exfiltrace::format::{self, Clock};
use exfiltrace::model::fields::{Canon, Fields, Kind};
use exfiltrace::model::place::Locator;
use exfiltrace::open::{DigestKind, Io, Limits, Opening};
use exfiltrace::scan;
use exfiltrace::worker;
use serde::Serialize;

use super::{FirstWord, printable, resolve};

/// Columns that the fields of a format take.
const FIELDS_WIDTH: usize = 84;
/// Characters of a value that are shown for people.
const VALUE_WIDTH: usize = 100;

/// `exfiltrace formats`.
#[derive(Debug, ClapArgs)]
pub struct Formats {
    /// What to do instead of listing them.
    #[command(subcommand)]
    pub command: Option<FormatsCommand>,
    /// Formats of your own.
    #[command(flatten)]
    pub own: OwnFormats,
}

/// What is done with formats.
#[derive(Debug, Subcommand)]
pub enum FormatsCommand {
    /// Show which format is recognised in files, and what is read in their records. Exit code 1 where nothing
    /// is read in a record.
    #[command(after_help = "Examples:\n  \
        exfiltrace formats test odd.log\n  \
        exfiltrace formats test --format-file odd.toml odd.log --records 20\n  \
        exfiltrace formats test --json access.log.gz | head -1\n\n\
        A format file is TOML: README.md, \"A format of your own\".")]
    Test(TestArgs),
}

/// `exfiltrace formats test`.
#[derive(Debug, ClapArgs)]
pub struct TestArgs {
    /// Files, folders, globs.
    #[arg(required = true, value_hint = ValueHint::AnyPath)]
    pub evidence: Vec<PathBuf>,
    /// Formats of your own.
    #[command(flatten)]
    pub own: OwnFormats,
    /// Records of each file that are shown.
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    pub records: u64,
    /// Every record as a JSON object on a line of its own, and nothing else.
    #[arg(long)]
    pub json: bool,
    /// Zone of logs that carry none (IANA name or offset).
    #[arg(long, value_name = "ZONE", allow_hyphen_values = true)]
    pub timezone: Option<String>,
    /// Which of day and month is first in dates such as 03/04/2026, as for `scan`.
    #[arg(long, value_enum, value_name = "FIRST")]
    pub date_order: Option<FirstWord>,
}

/// Formats that the user declares.
#[derive(Debug, ClapArgs)]
pub struct OwnFormats {
    /// Format of your own (TOML), which goes before those that are known. Repeatable; `formats test` tries it.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub format_file: Vec<PathBuf>,
}

impl OwnFormats {
    /// Adds them to the formats that are known.
    ///
    /// # Errors
    /// Where a file cannot be read or used.
    pub fn give(&self) -> Result<()> {
        let own: Vec<format::Declared> = self.format_file.iter().map(|path| declared(path)).collect::<Result<_>>()?;
        for (at, one) in own.iter().enumerate() {
            let name = format::Format::name(one);
            let is_taken = format::FORMATS.iter().any(|known| known.name() == name);
            if is_taken || own[..at].iter().any(|earlier| format::Format::name(earlier) == name) {
                let file = self.format_file[at].display();
                bail!("--format-file {file}: there is a format {name:?} already; give yours another name");
            }
        }
        if !own.is_empty() {
            format::give(own);
        }
        Ok(())
    }
}

fn declared(path: &Path) -> Result<format::Declared> {
    let named = || format!("--format-file {}", path.display());
    let text = std::fs::read_to_string(path).with_context(named)?;
    format::read(&text).map_err(|fault| anyhow!("{}", printable(&fault))).with_context(named)
}

/// Runs `formats`.
pub fn formats(given: &Formats) -> Result<u8> {
    match &given.command {
        None => {
            given.own.give()?;
            list()
        }
        Some(FormatsCommand::Test(args)) => {
            args.own.give()?;
            test(args)
        }
    }
}

fn list() -> Result<u8> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    for format in format::list() {
        writeln!(out, "{:<14} {}", format.name(), printable(format.describe()))?;
        let mut line = String::new();
        for name in format.fields().iter().map(|canon| canon.name()) {
            if line.len() + name.len() > FIELDS_WIDTH {
                writeln!(out, "{:<14}{line}", "")?;
                line.clear();
            }
            line.push(' ');
            line.push_str(name);
        }
        writeln!(out, "{:<14}{line}", "")?;
    }
    out.flush()?;
    Ok(0)
}

/// One record, as it is printed.
#[derive(Serialize)]
struct Shown<'a> {
    source: &'a str,
    format: &'a str,
    /// When it happened, in UTC.
    time: Option<String>,
    /// What of the time had to be assumed.
    assumed: Option<&'static str>,
    /// Canonical fields, each with its values in the order of the record.
    fields: BTreeMap<&'static str, Vec<String>>,
    /// The other fields, by the names of the log.
    raw: BTreeMap<String, Vec<String>>,
    record: String,
}

impl<'a> Shown<'a> {
    fn of(source: &'a Locator, format: &'a str, fields: &Fields<'_>, record: &[u8]) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (mut canonical, mut raw) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        for field in fields.iter().filter(|field| field.kind != Kind::Null) {
            let value = text(fields.bytes(field.value));
            match field.canon {
                Some(canon) => canonical.entry(canon.name()).or_default().push(value),
                None => raw.entry(text(fields.bytes(field.name))).or_default().push(value),
            }
        }
        Self {
            source: source.as_str(),
            format,
            time: fields.time.map(|stamp| stamp.at.to_string()),
            assumed: fields.time.and_then(|stamp| stamp.assumed.word()),
            fields: canonical,
            raw,
            record: text(record),
        }
    }

    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let short = |text: &str| emit::safe::short(text, VALUE_WIDTH);
        writeln!(out, "  {}", short(&self.record))?;
        let assumed = self.assumed.map(|word| format!(" ({word} assumed)")).unwrap_or_default();
        writeln!(out, "    {:<26} {}{assumed}", "time", self.time.as_deref().unwrap_or("none"))?;
        let raw = self.raw.iter().map(|(name, values)| (name.as_str(), values));
        for (name, values) in self.fields.iter().map(|(name, values)| (*name, values)).chain(raw) {
            // A field of several values is one: its name stands once.
            for (at, value) in values.iter().enumerate() {
                writeln!(out, "    {:<26} {}", if at == 0 { short(name) } else { short("") }, short(value))?;
            }
        }
        Ok(())
    }
}

/// What was read in one source.
#[derive(Default)]
struct Count {
    records: u64,
    timed: u64,
    sourced: u64,
    /// Lines of which nothing was read.
    unread: u64,
    /// Records of each format.
    formats: BTreeMap<&'static str, u64>,
}

fn test(args: &TestArgs) -> Result<u8> {
    let opening =
        Opening { limits: Limits::default(), passwords: Vec::new(), work: None, digest: DigestKind::Off, io: Io::Auto };
    // Files tell each other of their times, as in a scan.
    let survey = scan::survey(&resolve::roots(&args.evidence, &[])?, &[], &opening)?;
    let zone = args
        .timezone
        .as_deref()
        .map(exfiltrace::scope::zone)
        .transpose()
        .map_err(|what| anyhow!("--timezone {what}"))?;
    let clock = Clock { zone_given: zone.is_some(), zone: zone.unwrap_or(jiff::tz::TimeZone::UTC) };
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    let mut fault: Option<std::io::Error> = None;
    let day_first = args.date_order.map(|first| first == FirstWord::Day);
    let lost = worker::each_record_of(&survey, &opening, (&clock, day_first), &mut |source, format, fields, record| {
        let count = counts.entry(source.as_str().to_owned()).or_default();
        count.records += 1;
        count.timed += u64::from(fields.time.is_some());
        count.sourced += u64::from(fields.has(Canon::SourceIp));
        *count.formats.entry(format).or_default() += 1;
        count.unread += u64::from(fields.time.is_none() && fields.iter().next().is_none());
        if fault.is_some() || (!args.json && count.records > args.records) {
            return;
        }
        let shown = Shown::of(source, format, fields, record);
        let written = match args.json {
            true => emit::json::line(&mut out, &shown).and_then(|()| out.write_all(b"\n")),
            false if count.records == 1 => {
                writeln!(out, "{}", printable(shown.source)).and_then(|()| shown.print(&mut out))
            }
            false => shown.print(&mut out),
        };
        fault = written.err();
    });
    fault.map_or(Ok(()), Err)?;
    if !args.json {
        counts.iter().try_for_each(|(source, count)| summary(&mut out, source, count))?;
    }
    out.flush()?;
    for entry in &lost {
        let why = entry.notes.first().map_or("cannot be read", |note| note.detail.as_str());
        anstream::eprintln!("warning: {}", printable(&format!("{}: {why}", entry.source)));
    }
    let is_unread = counts.values().any(|count| count.unread > 0);
    Ok(u8::from(is_unread || !lost.is_empty() || counts.is_empty()))
}

fn summary(out: &mut dyn Write, source: &str, count: &Count) -> std::io::Result<()> {
    let formats: Vec<String> = count.formats.iter().map(|(format, records)| format!("{format} {records}")).collect();
    let Count { records, timed, sourced, unread, .. } = count;
    let formats = formats.join(", ");
    writeln!(
        out,
        "{}: {} ({formats}), {timed} with a time, {sourced} with a source address, {unread} of which nothing was read",
        printable(source),
        exfiltrace::model::words::counted(*records, "record", "records")
    )
}

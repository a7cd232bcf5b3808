//! What was typed: clap structs, no I/O, nothing resolved.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgMatches, Args as ClapArgs, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum, ValueHint};
use exfiltrace::emit::safe::is_steering;
use exfiltrace::model::rule::Level;

pub mod case;
pub mod catalogue;
pub mod coverage;
pub mod explain;
pub mod feeds;
pub mod formats;
pub mod grow;
pub mod inspect;
pub mod interrupt;
pub mod limits;
pub mod manifest;
pub mod manual;
pub mod resolve;
pub mod rules;
pub mod run;
pub mod scan;
pub mod scopes;
pub mod supplied;
pub mod survey;
pub mod told;
pub mod values;
pub mod zones;

use formats::{Formats, OwnFormats};
use limits::Limits;
use rules::{RuleOptions, Rules};

/// Reads the logs of an incident and answers: was data compromised?
#[derive(Debug, Parser)]
#[command(
    name = "exfiltrace",
    version,
    propagate_version = true,
    max_term_width = 110,
    after_help = "Examples:\n  \
        exfiltrace scan logs/ --scopes scopes.toml --indicators feed.csv --out case\n  \
        exfiltrace verify case\n  \
        exfiltrace export case --to ecs > findings.ndjson\n\n\
        Exit codes:\n  \
        0    done and complete\n  \
        1    done, but some input could not be read (see the ledger), or nothing was there to read\n  \
        2    wrong usage, unreadable rules, or output that cannot be written\n  \
        130  interrupted\n\
        `verify` answers 0 holds, 1 does not hold, 2 not checked in full (a password is missing).\n\
        `scan --exit-verdict` answers with the verdict instead:\n  \
        10 attempted, 11 intrusion_only, 12 accessed,\n  \
        13 exfiltrated, 14 cannot_tell, 15 unexplained;\n  \
        no_evidence and not_examined are 0, or 1 where some input could not be read"
)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Args {
    /// Whether faults of parsers are told on standard error; the ledger has them in any case.
    pub fn tells_faults(&self) -> bool {
        match &self.command {
            Command::Scan(scan) => scan.verbose > 0,
            Command::Add(add) => add.manner.verbose > 0,
            _ => false,
        }
    }

    /// Reads a command line; ends the process where it cannot be used, or where help was asked for.
    pub fn read(typed: Vec<OsString>) -> Self {
        let matches = Self::command().get_matches_from(typed);
        let mut args = Self::from_arg_matches(&matches).unwrap_or_else(|wrong| wrong.exit());
        if let (Command::Scan(scan), Some(of_scan)) = (&mut args.command, matches.subcommand_matches("scan")) {
            scan.typed = of_scan.clone();
        }
        args
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Scan evidence and judge it.
    Scan(Box<Scan>),
    /// List the evidence, of which no more is read than shows the order of dates in rotated logs, for `scan --survey`.
    Survey(SurveyArgs),
    /// Scan more evidence into a case.
    Add(grow::Add),
    /// Join cases that were told the same into one.
    Merge(grow::Merge),
    /// Say what logs could answer, per scope and way out, before anything has happened.
    Coverage(Box<coverage::Coverage>),
    /// Say why a verdict is what it is, down to the cited records.
    Explain(explain::Explain),
    /// Write the report of a case again.
    Report(Report),
    /// Hand a case to a SIEM.
    Export(Export),
    /// Read the cited evidence again and check every digest.
    Verify(Verify),
    /// Look at rules.
    #[command(subcommand)]
    Rules(Rules),
    /// Look at indicator feeds.
    #[command(subcommand)]
    Indicators(Indicators),
    /// Check a scopes file, or print an example with every key explained.
    #[command(subcommand)]
    Scopes(Scopes),
    /// Check a catalogue of where which data lies, or print an example with every key explained.
    #[command(subcommand)]
    Catalogue(Catalogue),
    /// List the log formats that are recognised, with the fields that each gives, or try them on files.
    Formats(Formats),
    /// List the clauses by which a verdict is reached, `J-01` and so on.
    Clauses,
    /// Print the JSON Schema of a file that is read or written.
    Schema {
        /// Which: verdict, finding, transfer, coverage, ledger, manifest, state, scopes, catalogue, survey, preparedness. Without it, the list.
        name: Option<String>,
    },
    /// Print shell completions.
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
    /// Print a manual page (roff).
    Man(Man),
}

/// `exfiltrace scan`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    exfiltrace scan /evidence --out case\n  \
    exfiltrace scan a.zip b/ --scopes scopes.toml --indicators iocs.txt --timezone Europe/London --out case\n  \
    zcat big.log.gz | exfiltrace scan - --root proxy.log=- > findings.jsonl\n\n\
    exfiltrace survey /evidence > survey.json\n  \
    exfiltrace scan /evidence --survey survey.json --out case\n\n  \
    exfiltrace scan /evidence --rules sigma/ --min-rule-level medium --exclude 'windows/image_load/*' --out case\n\n\
    What a limit of containers cuts off is in the ledger, and the exit code is 1;\n\
    so is a decoder window over 128 MiB.\n\n\
    Without --out, the summary is printed on a terminal, and into a pipe or file\n\
    the findings, one JSON object a line.")]
pub struct Scan {
    /// Files, folders, globs, or `-` for standard input.
    #[arg(required = true, value_hint = ValueHint::AnyPath)]
    pub evidence: Vec<PathBuf>,
    /// Case folder to write.
    #[arg(long, value_name = "CASE", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
    /// Folder for what does not fit into memory, when there is no `--out`.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub work: Option<PathBuf>,
    /// Whose systems, clocks, what is sanctioned (TOML or JSON).
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub scopes: Option<PathBuf>,
    /// Where which kinds of data lie: shares, paths, tables, buckets, mailboxes, URLs (TOML or JSON).
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub catalogue: Option<PathBuf>,
    /// Indicator feed: list, hosts file, CSV, TSV, STIX, MISP; also compressed, in archives, or a folder of these; or what
    /// `indicators compile` wrote. Repeatable.
    #[arg(long, value_name = "FEED", value_hint = ValueHint::AnyPath)]
    pub indicators: Vec<PathBuf>,
    /// Folder in which feeds and rules are kept in compiled form, for the next scan with the same ones. Changes no result.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub cache: Option<PathBuf>,
    /// MISP warninglists: a file, a folder or an archive, or the word `documentation`. What stands on one is flagged. Repeatable.
    #[arg(long, value_name = "LISTS", value_hint = ValueHint::AnyPath)]
    pub warninglists: Vec<PathBuf>,
    /// Sigma rules: a file, a folder or an archive. Repeatable.
    #[arg(long, value_name = "RULES", value_hint = ValueHint::AnyPath)]
    pub rules: Vec<PathBuf>,
    /// How rules are read, and which are used.
    #[command(flatten)]
    pub rule: RuleOptions,
    /// Leave out rules of a lesser level: they are not looked for. A rule without a level counts as medium.
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub min_rule_level: Option<LevelWord>,
    /// How rules are routed to logs: auto, any, or product=…,category=…,service=….
    #[arg(long, value_name = "LOGSOURCE", default_value = "auto")]
    pub logsource: String,
    /// Formats of your own.
    #[command(flatten)]
    pub own_formats: OwnFormats,
    /// Write and print what concerns this scope, and nothing of the others: to be handed on. The case has no state and cannot
    /// grow; names, addresses and accounts of other scopes in what is left are withheld.
    #[arg(long, value_name = "NAME", requires = "scopes")]
    pub only_scope: Option<String>,
    /// Own networks, beside those of the scopes file. Where any are named, here or there, no others are own, private ones
    /// neither. Repeatable.
    #[arg(long, value_name = "CIDR")]
    pub own: Vec<String>,
    /// Look for indicators and rules alone: records in which none is met are not read, traffic is not added up and no way out
    /// is examined. Finds the same hits as a whole scan, several times faster; the verdict says what it leaves open.
    #[arg(long)]
    pub hits_only: bool,
    /// Write what is personal or secret in the excerpts of records as its kind, such as `[NHS number]`, in all that is written
    /// and printed: what the detectors of kinds of data know, e-mail addresses among it. Who acts is named all the same.
    /// Places and digests are those of the records: `verify` works as ever.
    #[arg(long)]
    pub redact: bool,
    /// Only hits and transfers from this instant on (RFC 3339 or date). Records without a time pass.
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Only hits and transfers up to this instant (RFC 3339, or a date, of which the whole day counts).
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// Zone of logs that carry none (IANA name or offset); UTC is assumed, and said, without it. With a glob over their paths before it,
    /// that of those logs alone, before what the scopes file says of them; repeatable, the first that fits counts.
    #[arg(long, value_name = "[GLOB=]ZONE", allow_hyphen_values = true)]
    pub timezone: Vec<String>,
    /// Which of day and month is first in dates such as 03/04/2026, in logs where neither a date of theirs nor another file of the same
    /// rotation shows it, and which do not go on through midnight, or into days after that of their file, by one order alone. Without it
    /// such records have no time where nothing else tells, and the answer says so.
    #[arg(long, value_enum, value_name = "FIRST")]
    pub date_order: Option<FirstWord>,
    /// Passwords of encrypted archives.
    #[command(flatten)]
    pub passwords: Passwords,
    /// Digests that a supplier gave (`sha256sum` output); a file that differs is in the ledger.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub hashes: Option<PathBuf>,
    /// Digest of every evidence file as stored. What was delivered twice is known without it too.
    #[arg(long, value_enum, default_value = "sha256")]
    pub digest: DigestWord,
    /// How plain files are read; what is found does not depend on it.
    #[arg(long, value_enum, default_value = "auto")]
    pub io: IoWord,
    /// Name of a root in locators, as NAME=PATH. Needed where two roots have one name.
    #[arg(long, value_name = "NAME=PATH")]
    pub root: Vec<String>,
    /// Read the files as this survey lists them (`exfiltrace survey EVIDENCE > FILE`): shards of one scan are given the
    /// same one, so that each infers years from the same dates.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub survey: Option<PathBuf>,
    /// Leave lesser findings out of what is printed. The case folder and the verdict keep them all.
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub min_level: Option<LevelWord>,
    /// Answer with the verdict in the exit code: 10 attempted, 11 intrusion_only, 12 accessed, 13 exfiltrated,
    /// 14 cannot_tell, 15 unexplained, which go before 1; no_evidence and not_examined are 0, or 1 as without it.
    #[arg(long)]
    pub exit_verdict: bool,
    /// Colours on the terminal.
    #[arg(long, value_enum, default_value = "auto")]
    pub color: ColorWord,
    /// No progress, no summary. Findings still go into a pipe or file where there is no `--out`.
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Time per stage, pass rate of the gate, all refused inputs, faults of parsers.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Limits.
    #[command(flatten)]
    pub limits: Limits,
    /// Grid of the split, for tests.
    #[arg(long, hide = true, value_name = "BYTES")]
    pub x_cell_bytes: Option<usize>,
    /// Shuffles the order of files, for tests.
    #[arg(long, hide = true, value_name = "SEED")]
    pub x_shuffle: Option<u64>,
    /// All of this as it was typed or is without being typed: what the case remembers.
    #[arg(skip)]
    pub typed: ArgMatches,
}

/// `exfiltrace survey`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Example, where two machines hold a part of the evidence each and one can list it all:\n  \
    exfiltrace survey /evidence > survey.json\n  \
    exfiltrace scan /part/evidence --survey survey.json --out case")]
pub struct SurveyArgs {
    /// Files, folders, globs.
    #[arg(required = true, value_hint = ValueHint::AnyPath)]
    pub evidence: Vec<PathBuf>,
    /// Name of a root in locators, as NAME=PATH.
    #[arg(long, value_name = "NAME=PATH")]
    pub root: Vec<String>,
}

/// `exfiltrace scopes`.
#[derive(Debug, Subcommand)]
pub enum Scopes {
    /// Say whether a file can be used, and what it tells.
    Check {
        /// Scopes file (TOML or JSON).
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Print a scopes file with every key and what it means.
    Example,
}

/// `exfiltrace catalogue`.
#[derive(Debug, Subcommand)]
pub enum Catalogue {
    /// Say whether a file can be used, and what it tells.
    Check {
        /// Catalogue (TOML or JSON).
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Print a catalogue with every key and what it means.
    Example,
    /// List the kinds of data that have a name, and the values that are known.
    List,
}

/// `exfiltrace man`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  exfiltrace man scan | man -l -\n  exfiltrace man --dir ~/.local/share/man/man1")]
pub struct Man {
    /// The command that the page is of, as `scan` or `rules check`; the tool itself without it.
    pub command: Vec<String>,
    /// Write the pages of the tool and of all commands into this folder.
    #[arg(long, value_name = "DIR", conflicts_with = "command", value_hint = ValueHint::DirPath)]
    pub dir: Option<PathBuf>,
}

/// `exfiltrace report`.
#[derive(Debug, ClapArgs)]
pub struct Report {
    /// Case folder.
    #[arg(value_hint = ValueHint::DirPath)]
    pub case: PathBuf,
    /// As what.
    #[arg(long = "as", value_enum, default_value = "html")]
    pub kind: ReportWord,
}

/// `exfiltrace export`.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples:\n  exfiltrace export case --to ocsf > case.ocsf.ndjson\n  exfiltrace export case --to csv > findings.csv"
)]
pub struct Export {
    /// Case folder.
    #[arg(value_hint = ValueHint::DirPath)]
    pub case: PathBuf,
    /// In which form: ecs, ocsf, csv.
    #[arg(long, value_name = "FORM")]
    pub to: String,
    /// Leave lesser findings out.
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub min_level: Option<LevelWord>,
}

/// `exfiltrace verify`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Exit codes:\n  \
    0    the case holds\n  \
    1    it does NOT hold: a case file, an evidence file or a cited record is gone or differs\n  \
    2    NOT CHECKED in full: evidence is encrypted, and no given password opens it, or the case does not say where it \
         lies (a case that was cut down, --root NAME=PATH); or wrong usage")]
pub struct Verify {
    /// Case folder.
    #[arg(value_hint = ValueHint::DirPath)]
    pub case: PathBuf,
    /// Where a root lies now, as NAME=PATH, if it has moved since the scan. Repeatable.
    #[arg(long, value_name = "NAME=PATH")]
    pub root: Vec<String>,
    /// Passwords of encrypted archives.
    #[command(flatten)]
    pub passwords: Passwords,
}

/// Passwords of encrypted archives.
#[derive(Debug, ClapArgs)]
pub struct Passwords {
    /// Password of encrypted archives. Repeatable; also one a line in `$EXFILTRACE_ARCHIVE_PASSWORDS`.
    #[arg(
        long,
        value_name = "PASSWORD",
        env = "EXFILTRACE_ARCHIVE_PASSWORDS",
        hide_env_values = true,
        value_delimiter = '\n'
    )]
    pub archive_password: Vec<String>,
    /// File with passwords of encrypted archives, one a line.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub archive_password_file: Option<PathBuf>,
}

/// `exfiltrace indicators`.
#[derive(Debug, Subcommand)]
pub enum Indicators {
    /// Count indicators by kind, and list refused lines with the reason and values that are given more than once. Exit
    /// code 1 if a feed gives none.
    Check {
        /// Feeds.
        #[arg(required = true, value_hint = ValueHint::AnyPath)]
        feeds: Vec<PathBuf>,
        /// MISP warninglists; what stands on one is listed. Repeatable.
        #[arg(long, value_name = "LISTS", value_hint = ValueHint::AnyPath)]
        warninglists: Vec<PathBuf>,
    },
    /// Write feeds as one file that a scan can use at once. The same feeds give the same bytes.
    #[command(after_help = "Example:\n  \
        exfiltrace indicators compile feeds/ iocs.csv -o ioc.db\n  \
        exfiltrace scan /evidence --indicators ioc.db --out case")]
    Compile {
        /// Feeds, compiled ones among them or not.
        #[arg(required = true, value_hint = ValueHint::AnyPath)]
        feeds: Vec<PathBuf>,
        /// File to write; an older one is replaced once the new one is whole.
        #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        out: PathBuf,
    },
}

/// Digests on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DigestWord {
    /// SHA-256.
    Sha256,
    /// BLAKE3.
    Blake3,
    /// None.
    Off,
}

/// Ways to read a file, on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum IoWord {
    /// Mapped where that is faster: all but small files.
    Auto,
    /// Mapped in windows.
    Mmap,
    /// Read into a buffer.
    Read,
}

/// Levels on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LevelWord {
    /// Context.
    Informational,
    /// Seldom of interest.
    Low,
    /// Worth a look.
    Medium,
    /// Misuse or attack is likely.
    High,
    /// Compromise.
    Critical,
}

impl From<LevelWord> for Level {
    fn from(word: LevelWord) -> Self {
        match word {
            LevelWord::Informational => Self::Informational,
            LevelWord::Low => Self::Low,
            LevelWord::Medium => Self::Medium,
            LevelWord::High => Self::High,
            LevelWord::Critical => Self::Critical,
        }
    }
}

/// What stands first in a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FirstWord {
    /// The day: 03/04/2026 is the 3rd of April.
    Day,
    /// The month: 03/04/2026 is the 4th of March.
    Month,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorWord {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Forms of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportWord {
    /// One self-contained page.
    Html,
    /// Markdown.
    Md,
}

/// Whether an error only says that the reader of our output went away.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Text that may quote names from the evidence, safe for a terminal.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if is_steering(c) && c != '\n' { '\u{fffd}' } else { c }).collect()
}

//! `exfiltrace rules` as typed, and the options about rules that `scan` shares.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueHint};

use crate::cli::LevelWord;

/// `exfiltrace rules`.
#[derive(Debug, Subcommand)]
pub enum Rules {
    /// List rules and correlations: level, id, title.
    #[command(after_help = "Examples:\n  \
        exfiltrace rules list --min-level high --tag attack.exfiltration\n  \
        exfiltrace rules list sigma/rules --no-builtin --status stable,test\n  \
        exfiltrace rules list sigma/rules --coverage /evidence\n\n\
        --coverage lists only the rules that can fire on nothing in the evidence, because no record of it is of the \
        log source that they state, and that log source. It reads all of the evidence; what could not be read is \
        told on standard error, and the exit code is 1.")]
    List(List),
    /// Say which rules load, and of the others file, line, column and reason; also what is odd about those that do.
    #[command(after_help = "Examples:\n  \
        exfiltrace rules check my-rules/\n  \
        exfiltrace rules check sigma/rules --exclude 'windows/*' --exclude @known-noisy.txt\n\n\
        Exit code 2 where a rule does not load.")]
    Check(RulesFrom),
    /// Show what a rule was compiled to: its condition with modifiers and quantifiers resolved, its fields with their other
    /// names, and for each format of logs whether and by which literals it is looked for.
    #[command(after_help = "Examples:\n  \
        exfiltrace rules explain 'Database dumped by a command'\n  \
        exfiltrace rules explain web/proxy_rule.yml --rules sigma/rules --no-builtin --json\n\n\
        Literals are those that are rare in logs of all sorts; a scan of large evidence may choose others.")]
    Explain(Explain),
    /// Try rules on the samples in their own files: records that they must match and records that they must not.
    #[command(after_help = "A sample stands in the rule's file:\n  \
        exfiltrace:\n    \
          matches:                     # must match\n      \
            - record: 'type=EXECVE msg=audit(1774739404.120:5012): argc=1 a0=\"mysqldump\"'\n        \
              format: auditd           # checked, where it is given\n    \
          misses:                      # must not match\n      \
            - record: 'type=EXECVE msg=audit(1774739404.120:5012): argc=1 a0=\"mysql\"'\n\n\
        A sample of a correlation has `records`: a list of texts, or of maps with `record` and `count`; in a record with a \
        count, the letter n in braces is its number from 0; m and s in braces are that number as minutes and seconds.\n\n\
        Examples:\n  \
        exfiltrace rules test\n  \
        exfiltrace rules test my-rules/ --no-builtin\n\n\
        Exit code 1 where a sample is not as it says, a rule does not load, or there is no sample.")]
    Test(RulesFrom),
    /// Write rules as one file that a scan need not compile again. The same rules give the same bytes.
    #[command(after_help = "Example:\n  \
        exfiltrace rules compile sigma/rules -o sigma.pack\n  \
        exfiltrace scan /evidence --rules sigma.pack --out case\n\n\
        The embedded pack is in the file too, unless --no-builtin is given. A pack is of use to the version of the program \
        that made it; another one refuses it. Given with further rules, it saves the reading, not all of the compiling.")]
    Compile(Compile),
}

/// `exfiltrace rules compile`.
#[derive(Debug, ClapArgs)]
pub struct Compile {
    /// Sigma rules: files, folders or archives.
    #[arg(value_hint = ValueHint::AnyPath)]
    pub rules: Vec<PathBuf>,
    /// File to write; an older one is replaced once the new one is whole.
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub out: PathBuf,
    /// Leave the embedded rule pack out.
    #[arg(long)]
    pub no_builtin: bool,
    /// Values of a placeholder of rules, as for `rules check`. Repeatable.
    #[arg(long, value_name = "NAME=VALUES")]
    pub placeholder: Vec<String>,
    /// What your logs call the fields and log sources of rules, as for `rules check`. Repeatable.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub mapping: Vec<PathBuf>,
}

/// `exfiltrace rules explain`.
#[derive(Debug, ClapArgs)]
pub struct Explain {
    /// Id or title of the rule, or its file (also the end of the path), then all rules in it.
    pub rule: String,
    /// Sigma rules: a file, a folder or an archive. Repeatable.
    #[arg(long, value_name = "RULES", value_hint = ValueHint::AnyPath)]
    pub rules: Vec<PathBuf>,
    /// How rules are routed to logs: auto, any, or product=…,category=…,service=….
    #[arg(long, value_name = "LOGSOURCE", default_value = "auto")]
    pub logsource: String,
    /// One JSON object for each rule.
    #[arg(long)]
    pub json: bool,
    /// How rules are read.
    #[command(flatten)]
    pub options: RuleOptions,
}

/// `exfiltrace rules list`.
#[derive(Debug, ClapArgs)]
pub struct List {
    /// Which rules.
    #[command(flatten)]
    pub from: RulesFrom,
    /// List the rules that can never fire on this evidence (files, folders, globs), and the log source that each asks for.
    #[arg(long, value_name = "EVIDENCE", num_args = 1.., value_hint = ValueHint::AnyPath)]
    pub coverage: Vec<PathBuf>,
}

/// Which rules.
#[derive(Debug, ClapArgs)]
pub struct RulesFrom {
    /// Sigma rules: files, folders or archives.
    #[arg(value_hint = ValueHint::AnyPath)]
    pub rules: Vec<PathBuf>,
    /// Leave out rules of a lesser level; a rule without one counts as medium.
    #[arg(long, value_enum, value_name = "LEVEL", alias = "min-rule-level")]
    pub min_level: Option<LevelWord>,
    /// How rules are read.
    #[command(flatten)]
    pub options: RuleOptions,
}

/// How rules are read, and which of them are used.
#[derive(Debug, Default, ClapArgs)]
pub struct RuleOptions {
    /// Leave the embedded rule pack out.
    #[arg(long)]
    pub no_builtin: bool,
    /// Values of a placeholder of rules (modifier `expand`): NAME=VALUE,VALUE; `\,` is a comma. Repeatable.
    #[arg(long, value_name = "NAME=VALUES")]
    pub placeholder: Vec<String>,
    /// What your logs call the fields and log sources of rules: a processing pipeline of pySigma, of which field_name_mapping,
    /// field_name_prefix, field_name_suffix, field_name_prefix_mapping, change_logsource, add_condition, drop_detection_item and
    /// rule_failure are taken, with rule conditions of type logsource; anything else is refused with its line. Repeatable.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub mapping: Vec<PathBuf>,
    /// Only rules of these statuses: stable, test, experimental; deprecated and unsupported ones are loaded only where they
    /// are named here.
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    pub status: Vec<String>,
    /// Only rules with this tag or one below it: attack.exfiltration, attack.t1567 (also attack.t1567.002). Repeatable; one
    /// of them is enough.
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,
    /// Leave rules out by id, by name, or by a glob over the path of their file or its end (`windows/*`); `@FILE` has one of
    /// these a line. Repeatable. What a correlation that stays counts on is evaluated all the same, without findings of its own.
    #[arg(long, value_name = "RULE")]
    pub exclude: Vec<String>,
}

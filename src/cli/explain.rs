//! `exfiltrace explain`: why a verdict is what it is.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args as ClapArgs, ValueHint};
use exfiltrace::emit::{self, Answer};
use exfiltrace::judge::CLAUSES;

use super::{case, scopes};

/// `exfiltrace explain`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    exfiltrace explain case                        # every scope: state, clauses, findings, cited records\n  \
    exfiltrace explain case riverside/web_response # one way out of one scope\n  \
    exfiltrace explain case J-11                   # a clause, and what rests on it\n  \
    exfiltrace explain case f-1f3a                 # a finding or transfer, by the beginning of its id\n\n\
    Only the case is read: what is quoted is what the case holds. `exfiltrace verify` holds it against the evidence.")]
pub struct Explain {
    /// Case folder.
    #[arg(value_hint = ValueHint::DirPath)]
    pub case: PathBuf,
    /// A finding or transfer id, a clause, a scope, or scope/route; the whole verdict without it.
    pub claim: Option<String>,
    /// Show all findings and all cited records, not the first few.
    #[arg(long)]
    pub all: bool,
    /// Print one JSON object with everything, for tools.
    #[arg(long, conflicts_with = "all")]
    pub json: bool,
}

/// Findings and records shown behind each thing.
const SHOWN: usize = 3;

/// Prints why.
pub fn explain(args: &Explain) -> Result<u8> {
    let case = case::load(&args.case)?;
    let clauses: BTreeMap<&str, &str> = CLAUSES.iter().map(|clause| (clause.id, clause.text)).collect();
    let asked = args.claim.as_deref();
    let explained = match emit::explain(&case, asked, &clauses)? {
        Answer::Explained(explained) => explained,
        Answer::Unknown(names) => bail!("{}", unknown(asked.unwrap_or_default(), &names)),
    };
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    if args.json {
        emit::json::pretty(&mut out, &explained)?;
        out.write_all(b"\n")?;
    } else {
        let shown = if args.all { usize::MAX } else { SHOWN };
        out.write_all(emit::explained_text(&explained, shown).as_bytes())?;
    }
    out.flush()?;
    Ok(0)
}

/// What is said of a name that is not there, with those that may have been meant.
fn unknown(asked: &str, names: &[String]) -> String {
    let is_id = asked.starts_with("f-") || asked.starts_with("t-");
    match names {
        [] if is_id => format!("{asked}: no finding or transfer of the case has an id that begins so"),
        several if is_id => {
            let some: Vec<&str> = several.iter().take(5).map(String::as_str).collect();
            format!("{asked}: {} ids begin so, as {}; give more of it", several.len(), some.join(", "))
        }
        names => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let meant = scopes::nearest(asked, &names)
                .map_or_else(|| ";".to_owned(), |near| format!("; did you mean {near:?}?"));
            format!(
                "{asked}: no scope, scope/route or clause of this name{meant} `exfiltrace explain CASE` shows scopes and ways \
                 out, `exfiltrace clauses` the clauses"
            )
        }
    }
}

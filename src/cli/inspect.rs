//! `rules`, `indicators`, `formats`, `schema`: what the tool knows, without evidence.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::{Result, bail};
use exfiltrace::detect::Routing;
use exfiltrace::emit;
use exfiltrace::format;
use exfiltrace::judge::CLAUSES;

use super::{Indicators, Rules, RulesFrom, feeds, printable, resolve};

/// `rules list` and `rules check`.
pub fn rules(command: &Rules) -> Result<u8> {
    let (from, check) = match command {
        Rules::List(from) => (from, false),
        Rules::Check(from) => (from, true),
    };
    let RulesFrom { rules, no_builtin } = from;
    let (program, problems) = resolve::rules(rules, *no_builtin, Routing::Auto)?;
    let mut out = std::io::stdout().lock();
    if !check {
        for rule in program.rules() {
            writeln!(out, "{:<13} {}  {}", rule.level.word(), printable(&rule.id), printable(&rule.title))?;
        }
        return Ok(0);
    }
    for problem in &problems {
        let text = format!("{}:{}:{}: {}", problem.file, problem.line, problem.column, problem.what);
        writeln!(out, "{}", printable(&text))?;
    }
    writeln!(out, "{} rules loaded, {} not loaded", program.rules().len(), problems.len())?;
    Ok(if problems.is_empty() { 0 } else { 2 })
}

/// `indicators check`.
pub fn indicators(command: &Indicators) -> Result<u8> {
    let Indicators::Check { feeds, warninglists } = command;
    let warninglists = feeds::warninglists(warninglists)?;
    let (indicators, refusals) = feeds::load(feeds)?;
    let mut out = std::io::stdout().lock();
    for refusal in &refusals {
        let text = format!("{}:{}: {:?}: {}", refusal.file, refusal.line, refusal.value, refusal.reason);
        writeln!(out, "{}", printable(&text))?;
    }
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    let mut warned = 0u64;
    for indicator in &indicators.list {
        *kinds.entry(indicator.kind.word()).or_default() += 1;
        let on = warninglists.of(indicator.kind, &indicator.value);
        if !on.is_empty() {
            warned += 1;
            let text = format!("{} {:?}: on {}", indicator.kind.word(), indicator.value, on.join(", "));
            writeln!(out, "{}", printable(&text))?;
        }
    }
    for (kind, count) in kinds {
        writeln!(out, "{count:>9}  {kind}")?;
    }
    writeln!(out, "{:>9}  in all, {} refused, {warned} on a warninglist", indicators.list.len(), refusals.len())?;
    feeds::warn_of_barren(&indicators, usize::MAX);
    Ok(u8::from(feeds::barren(&indicators).next().is_some()))
}

/// Columns that the fields of a format take.
const FIELDS_WIDTH: usize = 84;

/// `formats`.
pub fn formats() -> Result<u8> {
    let mut out = std::io::stdout().lock();
    for format in format::list() {
        writeln!(out, "{:<14} {}", format.name(), format.describe())?;
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
    Ok(0)
}

/// `clauses`.
pub fn clauses() -> Result<u8> {
    let mut out = std::io::stdout().lock();
    for clause in CLAUSES {
        writeln!(out, "{}  {}", clause.id, clause.text)?;
    }
    Ok(0)
}

/// `schema`.
pub fn schema(name: Option<&str>) -> Result<u8> {
    let mut out = std::io::stdout().lock();
    let Some(name) = name else {
        for (name, _) in emit::schema::SCHEMAS {
            writeln!(out, "{name}")?;
        }
        return Ok(0);
    };
    match emit::schema::SCHEMAS.iter().find(|(known, _)| *known == name) {
        Some((_, text)) => out.write_all(text.as_bytes())?,
        None => bail!("{name}: no such schema; `exfiltrace schema` lists them"),
    }
    Ok(0)
}

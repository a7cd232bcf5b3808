//! `rules explain`: what a rule was compiled to.

use std::fmt::Write as _;
use std::io::Write;

use anyhow::{Result, bail};
use exfiltrace::detect::{Explained, InFormat, Program, Term};
use exfiltrace::emit::json;

use super::args::Explain;
use super::load;
use crate::cli::printable;

/// Explains the rules and correlations that are meant.
pub fn explain(given: &Explain) -> Result<u8> {
    let (program, problems) = load::load(&given.rules, &given.options, None, load::routing(&given.logsource)?)?;
    let rules = meant(&program, &given.rule);
    if rules.is_empty() {
        let refused = problems.iter().find(|problem| problem.rule == given.rule || problem.file.ends_with(&given.rule));
        match refused {
            Some(p) => bail!("{}:{}:{}: not loaded: {}", p.file, p.line, p.column, p.what),
            None => {
                bail!("{}: no id, title or file of a rule that is loaded; `exfiltrace rules list` has them", given.rule)
            }
        }
    }
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for explained in rules.into_iter().filter_map(|rule| program.explain(rule)) {
        if given.json {
            json::line(&mut out, &explained)?;
            out.write_all(b"\n")?;
        } else {
            out.write_all(text(&explained).as_bytes())?;
        }
    }
    out.flush()?;
    Ok(0)
}

/// Numbers of the rules of this id or title, or in this file.
fn meant(program: &Program, word: &str) -> Vec<u32> {
    let all = || (0u32..).zip(program.rules());
    let named = |(rule, meta): (u32, &exfiltrace::model::rule::RuleMeta)| {
        (meta.id.eq_ignore_ascii_case(word) || meta.title.eq_ignore_ascii_case(word)).then_some(rule)
    };
    let named: Vec<u32> = all().filter_map(named).collect();
    if !named.is_empty() {
        return named;
    }
    let below = format!("/{word}");
    all().filter(|(_, meta)| meta.file == word || meta.file.ends_with(&below)).map(|(rule, _)| rule).collect()
}

fn text(explained: &Explained) -> String {
    let Explained { rule, asks_for, condition, fields, formats } = explained;
    let mut out = format!("{} ({}, {})\n", rule.title, rule.level.word(), rule.id);
    let _ = writeln!(out, "  file        {}\n  log source  {asks_for}\n  holds where", rule.file);
    term(condition, 4, &mut out);
    if !fields.is_empty() {
        out.push_str("  fields\n");
    }
    for field in fields {
        let others =
            if field.others.is_empty() { String::new() } else { format!(", else {}", field.others.join(", ")) };
        let _ = writeln!(out, "    {}{others}", field.name);
    }
    out.push_str(if formats.is_empty() { "  in no format: it can never match\n" } else { "  in records of\n" });
    for each in formats {
        let _ = writeln!(out, "    {:<14} {}", each.format, looked_for(each));
    }
    printable(&out)
}

/// By what a rule is found in records of a format.
fn looked_for(each: &InFormat) -> String {
    let channels = match each.channels.as_slice() {
        [] => String::new(),
        channels => format!(" (channel {})", channels.join(" or ")),
    };
    match &each.no_literal {
        Some(why) => format!("evaluated on every record{channels}: {why}"),
        None => {
            let quoted: Vec<String> = each.literals.iter().map(|literal| format!("{literal:?}")).collect();
            format!("evaluated where one of these is{channels}: {}", quoted.join(" "))
        }
    }
}

/// A condition as an indented tree.
fn term(term_: &Term, indent: usize, out: &mut String) {
    let mut below = |word: &str, parts: &[Term]| {
        let _ = writeln!(out, "{:indent$}{word}", "");
        parts.iter().for_each(|part| term(part, indent + 2, out));
    };
    match term_ {
        Term::All(parts) => below("all of", parts),
        Term::Any(parts) => below("any of", parts),
        Term::Not(inner) => below("not", std::slice::from_ref(inner)),
        Term::Test { field, is, values } => {
            let field = field.as_deref().unwrap_or("any value or the text");
            let quoted: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
            let line = format!("{field} is {is} {}", quoted.join(" or "));
            let _ = writeln!(out, "{:indent$}{}", "", line.trim_end());
        }
    }
}

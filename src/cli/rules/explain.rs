//! `rules explain`: what a rule was compiled to.

use std::fmt::Write as _;
use std::io::Write;

use anyhow::{Result, bail};
use exfiltrace::detect::{CorrelationExplained, Explained, InFormat, Program, Term};
use exfiltrace::emit::json;
use exfiltrace::model::rule::RuleMeta;

use super::args::Explain;
use super::load;
use crate::cli::printable;

/// Explains the rules and correlations that are meant.
pub fn explain(given: &Explain) -> Result<u8> {
    let (program, problems) = load::load(&given.rules, &given.options, None, load::routing(&given.logsource)?)?;
    let rules = meant(&program, &given.rule);
    let list = &program.correlations().list;
    let correlations: Vec<usize> = (0..list.len()).filter(|at| is_meant(&list[*at].meta, &given.rule)).collect();
    if rules.is_empty() && correlations.is_empty() {
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
    for explained in correlations.into_iter().filter_map(|at| program.explain_correlation(at)) {
        if given.json {
            json::line(&mut out, &explained)?;
            out.write_all(b"\n")?;
        } else {
            out.write_all(of_correlation(&explained).as_bytes())?;
        }
    }
    out.flush()?;
    Ok(0)
}

/// Whether a rule has this id or title, or stands in this file.
fn is_meant(meta: &RuleMeta, word: &str) -> bool {
    is_named(meta, word) || meta.file == word || meta.file.ends_with(&format!("/{word}"))
}

fn is_named(meta: &RuleMeta, word: &str) -> bool {
    meta.id.eq_ignore_ascii_case(word) || meta.title.eq_ignore_ascii_case(word)
}

fn of_correlation(explained: &CorrelationExplained) -> String {
    let CorrelationExplained { rule, members, window_secs, group_by, demand, generate } = explained;
    let mut out = format!("{} ({}, {})\n", rule.title, rule.level.word(), rule.id);
    let _ = writeln!(out, "  file        {}\n  holds where {demand}, within {window_secs} s", rule.file);
    for (number, titles) in members.iter().enumerate() {
        let _ = writeln!(out, "  member {:<4} {}", number + 1, titles.join("; "));
    }
    for (name, fields) in group_by {
        let _ = writeln!(out, "  group by    {name} (in {})", fields.join(", "));
    }
    out.push_str(if *generate {
        "  hits of its members are findings too\n"
    } else {
        "  hits of its members alone are no findings\n"
    });
    printable(&out)
}

/// Numbers of the rules of this id or title, else of those in this file.
fn meant(program: &Program, word: &str) -> Vec<u32> {
    let all = || (0u32..).zip(program.rules());
    let named: Vec<u32> = all().filter(|(_, meta)| is_named(meta, word)).map(|(rule, _)| rule).collect();
    if !named.is_empty() {
        return named;
    }
    all().filter(|(_, meta)| is_meant(meta, word)).map(|(rule, _)| rule).collect()
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

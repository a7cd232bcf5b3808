//! Preparedness for people.

use std::fmt::Write;

use super::safe;
use super::words::times;
use crate::model::prepared::{Answerable, LogKind, Prepared, RoutePrepared, ScopePrepared};
use crate::model::words::counted;

/// Limits, holes and advice that are shown for one way out.
const SHOWN: usize = 6;

/// What the logs could answer, scope by scope: first how many questions, then each way out with what it lacks and what to
/// do. Names are escaped.
pub fn prepared_text(prepared: &Prepared) -> String {
    let mut out = String::new();
    for scope in &prepared.scopes {
        section(&mut out, scope);
    }
    if !prepared.unread.is_empty() {
        line(&mut out, 0, "COULD NOT BE READ, or not in full (a scan's ledger says why):");
        list(&mut out, 2, prepared.unread.iter().map(|locator| locator.as_str().to_owned()));
    }
    out
}

fn section(out: &mut String, scope: &ScopePrepared) {
    let of = |answer| scope.routes.iter().filter(|r| r.answer == answer).collect::<Vec<&RoutePrepared>>();
    let (yes, part, no) = (of(Answerable::Yes), of(Answerable::InPart), of(Answerable::No));
    line(out, 0, &format!("SCOPE {}", scope.scope));
    let time = times(scope.from, scope.to);
    let logs = if time.is_empty() { "no logs with times".to_owned() } else { format!("logs{time}") };
    let all = scope.routes.len();
    line(
        out,
        2,
        &format!(
            "{logs}; of {all} questions they could answer {}, {} in part, {} not at all",
            yes.len(),
            part.len(),
            no.len()
        ),
    );
    for (title, routes) in [("COULD BE ANSWERED", yes), ("IN PART", part), ("NOT AT ALL", no)] {
        if !routes.is_empty() {
            line(out, 2, title);
        }
        routes.into_iter().for_each(|route| way(out, route));
    }
    if !scope.others.is_empty() {
        let others: Vec<String> = scope.others.iter().map(kind).collect();
        line(out, 2, &format!("other logs, in which rules and indicators are looked for: {}", others.join("; ")));
    }
    for gap in &scope.promised {
        line(out, 2, &format!("promised and not there: {} log{}", gap.source, times(gap.from, gap.to)));
    }
    out.push('\n');
}

fn way(out: &mut String, route: &RoutePrepared) {
    line(out, 4, &format!("{} ({})", route.question, route.route.word()));
    if !route.logs.is_empty() {
        line(out, 6, &format!("shown by {}", route.logs.iter().map(kind).collect::<Vec<_>>().join("; ")));
    }
    list(out, 6, route.holes.iter().map(|hole| format!("nothing from {} to {}", hole.from, hole.to)));
    list(out, 6, route.limits.iter().cloned());
    list(out, 6, route.next.iter().map(|next| format!("→ {next}")));
}

fn kind(of: &LogKind) -> String {
    let LogKind { format, example, sources, records, from, to } = of;
    let more = if *sources > 1 { format!(" and {} more", sources - 1) } else { String::new() };
    let records = counted(*records, "record", "records");
    format!("{example}{more} (format {format}, {records}{})", times(*from, *to))
}

fn list(out: &mut String, indent: usize, items: impl ExactSizeIterator<Item = String>) {
    let beyond = items.len().saturating_sub(SHOWN);
    items.take(SHOWN).for_each(|item| line(out, indent, &item));
    if beyond > 0 {
        line(out, indent, &format!("… and {beyond} more (--json lists all)"));
    }
}

fn line(out: &mut String, indent: usize, text: &str) {
    let _ = writeln!(out, "{:indent$}{}", "", safe::text(text));
}

//! One page for people, as HTML and as Markdown.

use std::fmt::Write;

use minijinja::{AutoEscape, Environment};
use serde::Serialize;

use super::summary::{bounds, meaning, word};
use super::{CaseInput, safe};
use crate::model::finding::Finding;
use crate::model::time::Instant;
use crate::model::verdict::{ScopeVerdict, State};

/// Findings shown on the page; the gravest stay.
const SHOWN: usize = 500;
/// Unread items shown on the page.
const LOSSES: usize = 500;

const STATES: [State; 8] = [
    State::Exfiltrated,
    State::Accessed,
    State::Unexplained,
    State::CannotTell,
    State::IntrusionOnly,
    State::Attempted,
    State::NoEvidence,
    State::NotExamined,
];

/// What the page says of one scope; all text has steering characters written out.
#[derive(Serialize)]
struct ScopeView {
    name: String,
    state: &'static str,
    meaning: &'static str,
    reasons: Vec<String>,
    routes: Vec<[String; 6]>,
    next: Vec<String>,
}

#[derive(Serialize)]
struct View {
    state: &'static str,
    meaning: &'static str,
    confidence: String,
    complete: bool,
    unseen: String,
    scopes: Vec<ScopeView>,
    facts: Vec<String>,
    shown: usize,
    total: usize,
    findings: Vec<[String; 6]>,
    losses: Vec<String>,
    glossary: Vec<[&'static str; 2]>,
}

/// The page as self-contained HTML without scripts.
pub fn report_html(input: &CaseInput<'_>) -> String {
    let mut engine = Environment::new();
    engine.set_auto_escape_callback(|_| AutoEscape::Html);
    let page = view(input);
    engine
        .render_str(include_str!("report.html"), minijinja::value::Serde(&page))
        .expect("the template is fixed and the view has every name in it")
}

/// The page as Markdown.
pub fn report_markdown(input: &CaseInput<'_>) -> String {
    let page = view(input);
    let mut out = String::new();
    let md = safe::markdown;
    let _ = writeln!(
        out,
        "# Was data compromised? {}\n\n{}. Confidence: {}.",
        md(page.state),
        page.meaning,
        page.confidence
    );
    if !page.complete {
        out.push_str("The answer is not complete: some ways out are open.\n");
    }
    if !page.unseen.is_empty() {
        let _ = writeln!(out, "\nNot examined, because no log in the evidence observes them: {}.", md(&page.unseen));
    }
    for scope in &page.scopes {
        let _ = writeln!(out, "\n## {}: {}\n\n{}.\n", md(&scope.name), md(scope.state), scope.meaning);
        list(&mut out, &scope.reasons);
        table(&mut out, ["Way out", "State", "Bytes out", "First", "Last", "Where to"], &scope.routes);
        list(&mut out, &scope.next);
    }
    if !page.facts.is_empty() {
        out.push_str("\n## Stated from outside the logs\n\n");
        list(&mut out, &page.facts);
    }
    let _ = writeln!(out, "\n## Time line and evidence\n\n{} of {} findings, the gravest.", page.shown, page.total);
    table(&mut out, ["Time", "Level", "What", "Scope", "Where", "Record"], &page.findings);
    out.push_str("\n## Not read in full\n\n");
    list(&mut out, &page.losses);
    out.push_str("\n## Words\n\n");
    for [name, means] in page.glossary {
        let _ = writeln!(out, "- {}: {means}", md(name));
    }
    out
}

fn list(out: &mut String, items: &[String]) {
    for item in items {
        let _ = writeln!(out, "- {}", safe::markdown(item));
    }
}

fn table(out: &mut String, head: [&str; 6], rows: &[[String; 6]]) {
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n| {} |\n|{}", head.join(" | "), "---|".repeat(6));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|c| safe::markdown(c)).collect();
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    out.push('\n');
}

fn view(input: &CaseInput<'_>) -> View {
    let overall = &input.verdict.overall;
    let routes = input.verdict.scopes.iter().flat_map(|s| &s.routes);
    let mut unseen: Vec<_> = routes.filter(|r| r.state == State::NotExamined).map(|r| r.route.word()).collect();
    unseen.sort_unstable();
    unseen.dedup();
    let mut gravest: Vec<(usize, &Finding)> = input.findings.iter().enumerate().collect();
    gravest.sort_by_key(|(at, f)| (std::cmp::Reverse(f.level), *at));
    gravest.truncate(SHOWN);
    gravest.sort_by_key(|(at, _)| *at);
    let losses = input.ledger.iter().flat_map(|e| {
        let lost = e.notes.iter().filter(|n| n.reason.is_loss());
        lost.map(move |n| safe::text(&format!("{}: {} ({})", e.source, word(&n.reason), n.detail)).into_owned())
    });
    let count = losses.clone().count();
    let mut losses: Vec<String> = losses.take(LOSSES).collect();
    if count > LOSSES {
        losses.push(format!("and {} more, see ledger.jsonl", count - LOSSES));
    }
    View {
        state: overall.state.word(),
        meaning: meaning(overall.state),
        confidence: word(&overall.confidence),
        complete: overall.complete,
        unseen: unseen.join(", "),
        scopes: input.verdict.scopes.iter().map(scope_view).collect(),
        facts: input.verdict.facts.iter().map(|f| safe::text(&f.text).into_owned()).collect(),
        shown: gravest.len(),
        total: input.findings.len(),
        findings: gravest.iter().map(|(_, f)| finding_row(f)).collect(),
        losses,
        glossary: STATES.iter().map(|s| [s.word(), meaning(*s)]).collect(),
    }
}

fn scope_view(scope: &ScopeVerdict) -> ScopeView {
    let clean = |raw: &str| safe::text(raw).into_owned();
    let reasons = scope.reasons.iter().map(|r| clean(&format!("{} {}", r.clause, r.text)));
    let against = scope.counter_evidence.iter().map(|r| clean(&format!("against it: {} {}", r.clause, r.text)));
    let route = |r: &crate::model::verdict::RouteVerdict| {
        let (first, last) = (stamp(r.first), stamp(r.last));
        let to = clean(&r.destinations.join(", "));
        [r.route.word().to_owned(), r.state.word().to_owned(), bounds(r.bytes, "bytes"), first, last, to]
    };
    ScopeView {
        name: clean(&scope.scope),
        state: scope.state.word(),
        meaning: meaning(scope.state),
        reasons: reasons.chain(against).collect(),
        routes: scope.routes.iter().map(route).collect(),
        next: scope.coverage.collect_next.iter().chain(&scope.ask).map(|n| clean(n)).collect(),
    }
}

fn finding_row(f: &Finding) -> [String; 6] {
    let first = f.evidence.first();
    let place = first.map_or_else(String::new, |e| match e.place.line {
        Some(line) => format!("{}:{line}", e.source),
        None => format!("{}@{}", e.source, e.place.offset),
    });
    let excerpt = first.map_or("", |e| e.excerpt.as_str());
    let clean = |raw: &str| safe::text(raw).into_owned();
    let time = stamp(f.time.first);
    [time, f.level.word().to_owned(), clean(&f.rule.title), clean(&f.scope), clean(&place), clean(excerpt)]
}

fn stamp(at: Option<Instant>) -> String {
    at.map_or_else(|| "no time".to_owned(), |at| at.to_string())
}

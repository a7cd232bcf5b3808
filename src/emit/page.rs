//! What the report says, as blocks that HTML and Markdown render alike.

use std::cmp::Reverse;

use serde::Serialize;

use super::account::Account;
use super::words::{
    GLOSSARY, STATES, activity, bounds, breach, completeness, judgement, likelihood, meaning, note, period, size, some,
    spaced, stamp, unexamined, word,
};
use super::{CaseInput, safe};
use crate::model::coverage::Gap;
use crate::model::finding::{Evidence, Finding};
use crate::model::findings::Findings;
use crate::model::transfer::Transfer;
use crate::model::verdict::{ReasonGiven, RouteVerdict, ScopeVerdict};

/// Findings shown on the page; the gravest stay.
const FINDINGS: usize = 500;
/// Rows of the other tables.
const ROWS: usize = 500;
/// Names in one cell.
const NAMES: usize = 20;

/// A piece of the page. Its text is on one line, with steering characters written out.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Block {
    /// A heading of this level.
    Heading { level: u8, text: String },
    /// A paragraph.
    Text { text: String },
    /// A list.
    List { items: Vec<String> },
    /// A table.
    Table { head: Vec<&'static str>, rows: Vec<Vec<String>> },
}

/// The whole page.
pub(super) fn page(input: &CaseInput<'_>) -> Vec<Block> {
    let mut page = Page { blocks: Vec::new() };
    page.answer(input);
    for scope in &input.verdict.scopes {
        page.scope(scope, input.transfers);
    }
    page.facts(input);
    page.timeline(input.findings);
    page.gaps(input);
    page.unread(input);
    page.heading(2, "Words");
    let states = STATES.iter().map(|s| format!("{}: {}", s.word(), meaning(*s)));
    page.list(states.chain(GLOSSARY.iter().map(|(word, means)| format!("{word}: {means}"))).collect());
    page.blocks
}

/// Where a record stands, as a person would look it up.
pub(super) fn place(e: &Evidence) -> String {
    match e.place.line {
        Some(line) => format!("{}:{line}", e.source),
        None => format!("{}@{}", e.source, e.place.offset),
    }
}

struct Page {
    blocks: Vec<Block>,
}

impl Page {
    fn heading(&mut self, level: u8, text: &str) {
        self.blocks.push(Block::Heading { level, text: clean(text) });
    }

    fn text(&mut self, text: &str) {
        self.blocks.push(Block::Text { text: clean(text) });
    }

    fn list(&mut self, items: Vec<String>) {
        if !items.is_empty() {
            self.blocks.push(Block::List { items: items.iter().map(|i| clean(i)).collect() });
        }
    }

    fn titled(&mut self, title: &str, items: Vec<String>) {
        if !items.is_empty() {
            self.heading(3, title);
            self.list(items);
        }
    }

    /// A table under a heading of level 3, cut at [`ROWS`]; nothing where it has no rows.
    fn table(&mut self, title: &str, head: &[&'static str], rows: Vec<Vec<String>>, rest: &str) {
        if rows.is_empty() {
            return;
        }
        if !title.is_empty() {
            self.heading(3, title);
        }
        let more = rows.len().saturating_sub(ROWS);
        let rows = rows.iter().take(ROWS).map(|row| row.iter().map(|c| clean(c)).collect()).collect();
        self.blocks.push(Block::Table { head: head.to_vec(), rows });
        if more > 0 {
            self.text(&format!("And {more} more, see {rest}."));
        }
    }

    fn answer(&mut self, input: &CaseInput<'_>) {
        let overall = &input.verdict.overall;
        self.heading(1, &format!("Was data compromised? {}", overall.state.word()));
        let complete = if overall.complete {
            "The answer is complete: no way out is left open."
        } else {
            "The answer is NOT complete: some ways out cannot be told."
        };
        self.text(&format!(
            "{}: {}. Likelihood: {}. Confidence: {}. {complete} {} {}",
            overall.state.word(),
            meaning(overall.state),
            likelihood(overall.likelihood),
            word(&overall.confidence),
            unexamined(input.verdict),
            Account::of(input.ledger).sentence(),
        ));
        if input.verdict.period.is_some() {
            self.text(&period(input.verdict));
        }
        let row = |s: &ScopeVerdict| {
            vec![
                s.scope.clone(),
                s.state.word().to_owned(),
                meaning(s.state).to_owned(),
                likelihood(s.likelihood).to_owned(),
                word(&s.confidence),
                spaced(&s.intrusion),
                completeness(s),
            ]
        };
        let head = ["Scope", "State", "That is", "Likelihood", "Confidence", "Intrusion", "Complete"];
        self.table("", &head, input.verdict.scopes.iter().map(row).collect(), "verdict.json");
    }

    fn scope(&mut self, s: &ScopeVerdict, transfers: &[Transfer]) {
        self.heading(2, &format!("{}: {}", s.scope, s.state.word()));
        self.text(&format!("{}.", meaning(s.state)));
        let mut facts = vec![
            judgement(s),
            format!("intrusion: {}; actor: {}", spaced(&s.intrusion), word(&s.actor)),
            completeness(s),
            breach(&s.breach),
            activity(&s.activity),
        ];
        let people =
            bounds(crate::model::transfer::Bounds { lower: s.subjects.lower, upper: s.subjects.upper }, people);
        facts.push(format!("people concerned: {people}{}", prefixed("; kinds: ", &s.subjects.kinds)));
        if !s.exposure.is_empty() {
            facts.push(format!("compromised shared systems in use: {}", some(&s.exposure, NAMES)));
        }
        self.list(facts);
        self.titled("Why", s.reasons.iter().map(reason).collect());
        self.titled("What speaks against it", s.counter_evidence.iter().map(reason).collect());
        self.titled("Whom to ask", s.ask.clone());
        let head = [
            "Way out",
            "State",
            "Bytes out",
            "Records",
            "First",
            "Last",
            "Where to",
            "From hosts",
            "By accounts",
            "Protection",
            "Shown by",
        ];
        self.table("Ways out", &head, s.routes.iter().map(route_row).collect(), "verdict.json");
        let head = [
            "Transfer",
            "Way out",
            "From",
            "To",
            "Accounts",
            "Bytes out",
            "First",
            "Last",
            "Records",
            "Sanctioned",
            "Where",
        ];
        let mut mine: Vec<&Transfer> = transfers.iter().filter(|t| t.scope == s.scope).collect();
        mine.sort_by_key(|t| std::cmp::Reverse(t.bytes.lower));
        let mine: Vec<_> = mine.into_iter().map(transfer_row).collect();
        self.table("Transfers", &head, mine, "transfers.jsonl");
        let category = |c: &crate::model::verdict::DataCategory| {
            let special = if c.special_category { "yes" } else { "no" };
            vec![
                c.category.clone(),
                special.to_owned(),
                c.files.to_string(),
                bounds(c.records, |n| n.to_string()),
                some(&c.findings, NAMES),
            ]
        };
        let head = ["Data", "Special category", "Files", "Records", "Shown by"];
        self.table("Kinds of data", &head, s.data_categories.iter().map(category).collect(), "verdict.json");
        self.scope_coverage(s);
    }

    fn scope_coverage(&mut self, s: &ScopeVerdict) {
        self.heading(3, "What the logs of this scope can tell");
        let c = &s.coverage;
        let enough = if c.adequate { "They suffice for the state given." } else { "They do NOT suffice." };
        self.text(&format!("Records from {} to {}. {enough}", stamp(c.from), stamp(c.to)));
        self.table("", GAP_HEAD, c.gaps.iter().map(gap_row).collect(), "verdict.json");
        let missing = |m: &crate::model::verdict::MissingCoverage| vec![m.route.word().to_owned(), m.needs.join(", ")];
        self.table(
            "Nothing shows",
            &["Way out", "Would show it"],
            c.missing.iter().map(missing).collect(),
            "verdict.json",
        );
        self.titled("Collect next", c.collect_next.clone());
    }

    fn facts(&mut self, input: &CaseInput<'_>) {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let row = |f: &crate::model::verdict::FactStated| {
            vec![text(&f.scope), f.text.clone(), text(&f.time), text(&f.source), text(&f.digest)]
        };
        let rows = input.verdict.facts.iter().map(row).collect();
        self.table("Stated from outside the logs", &["Scope", "What", "When", "Says", "Digest"], rows, "verdict.json");
    }

    fn timeline(&mut self, findings: &Findings) {
        self.heading(2, "Time line and evidence");
        let mut gravest: Vec<&Finding> = findings.list().iter().collect();
        gravest.sort_by_key(|f| Reverse(f.level));
        gravest.truncate(FINDINGS);
        let gravest = findings.whole(&gravest.into_iter().map(|f| f.id.as_str()).collect());
        self.text(&match (gravest.len(), findings.list().len()) {
            (_, 0) => "No findings.".to_owned(),
            (shown, all) if shown == all => format!("All {all} findings in order of time."),
            (shown, all) => {
                format!("{shown} of {all} findings, the gravest, in order of time. All are in findings.jsonl.")
            }
        });
        let head = ["Time", "Level", "What", "Scope", "Outcome", "Count", "Where", "Record", "Id"];
        self.table("", &head, gravest.iter().map(|f| finding_row(f)).collect(), "findings.jsonl");
    }

    fn gaps(&mut self, input: &CaseInput<'_>) {
        self.heading(2, "What the logs cannot tell");
        let sources = &input.coverage.sources;
        let gaps: Vec<_> =
            input.coverage.gaps.iter().chain(sources.iter().flat_map(|s| &s.gaps)).map(gap_row).collect();
        let silent: Vec<_> = sources
            .iter()
            .filter(|s| !s.not_logged.is_empty() || s.untimed + s.zone_assumed + s.year_assumed > 0)
            .map(|s| {
                let figures = [s.records, s.untimed, s.zone_assumed, s.year_assumed];
                let mut row = vec![s.source.to_string(), s.format.clone(), s.not_logged.join(", ")];
                row.extend(figures.iter().map(u64::to_string));
                row
            })
            .collect();
        if gaps.is_empty() && silent.is_empty() {
            self.text(&format!("No gap was found in the {} sources whose records have a time.", sources.len()));
        }
        self.table("Gaps", GAP_HEAD, gaps, "coverage.json");
        let head = ["Source", "Format", "Not logged", "Records", "Without time", "Zone assumed", "Year assumed"];
        self.table("Not logged, or assumed", &head, silent, "coverage.json");
    }

    fn unread(&mut self, input: &CaseInput<'_>) {
        let account = Account::of(input.ledger);
        self.heading(2, "What was read and what not");
        self.text(&account.sentence());
        let row = |(reason, tally): (&crate::model::ledger::Reason, &super::account::Tally)| {
            let lost = if reason.is_loss() { "not read, or not in full" } else { "read with a limit or remark" };
            vec![spaced(reason), lost.to_owned(), tally.items.to_string(), tally.times.to_string()]
        };
        self.table(
            "",
            &["Reason", "Effect", "Items", "Times"],
            account.reasons.iter().map(row).collect(),
            "ledger.jsonl",
        );
        let mut rows = Vec::new();
        for entry in input.ledger {
            for n in entry.notes.iter().filter(|n| n.reason.is_loss()) {
                rows.push(vec![entry.source.to_string(), spaced(&n.reason), note(n)]);
            }
        }
        self.table("Items not read in full", &["Item", "Reason", "Detail"], rows, "ledger.jsonl");
    }
}

const GAP_HEAD: &[&str] = &["Source", "From", "To", "Reason"];

fn clean(raw: &str) -> String {
    safe::text(raw).into_owned()
}

fn people(n: u64) -> String {
    format!("{n} people")
}

fn prefixed(before: &str, values: &[String]) -> String {
    if values.is_empty() { String::new() } else { format!("{before}{}", some(values, NAMES)) }
}

fn reason(r: &ReasonGiven) -> String {
    format!("{} {}{}", r.clause, r.text, prefixed(" Shown by ", &r.findings))
}

fn open_end(at: Option<crate::model::time::Instant>) -> String {
    at.map_or_else(|| "open".to_owned(), |at| at.to_string())
}

fn gap_row(g: &Gap) -> Vec<String> {
    vec![g.source.clone(), open_end(g.from), open_end(g.to), spaced(&g.reason)]
}

fn route_row(r: &RouteVerdict) -> Vec<String> {
    let disclosed = if r.disclosed { ", shown to an outside session" } else { "" };
    vec![
        r.route.word().to_owned(),
        format!("{}{disclosed}", r.state.word()),
        bounds(r.bytes, size),
        bounds(r.records, |n| n.to_string()),
        stamp(r.first),
        stamp(r.last),
        some(&r.destinations, NAMES),
        some(&r.hosts, NAMES),
        some(&r.accounts, NAMES),
        r.protection.clone(),
        some(&[r.findings.as_slice(), r.transfers.as_slice()].concat(), NAMES),
    ]
}

fn transfer_row(t: &Transfer) -> Vec<String> {
    let to = if t.to_names.is_empty() { t.to.clone() } else { format!("{} ({})", t.to, some(&t.to_names, NAMES)) };
    vec![
        t.id.clone(),
        t.route.word().to_owned(),
        t.from.clone(),
        to,
        some(&t.accounts, NAMES),
        bounds(t.bytes, size),
        stamp(t.time.map(|span| span.first)),
        stamp(t.time.map(|span| span.last)),
        t.records.to_string(),
        t.sanctioned.clone().unwrap_or_default(),
        t.evidence.first().map_or_else(String::new, place),
    ]
}

fn finding_row(f: &Finding) -> Vec<String> {
    let first = f.evidence.first();
    let assumed = f.time.assumed.map_or_else(String::new, |a| format!(" ({} assumed)", spaced(&a)));
    vec![
        format!("{}{assumed}", stamp(f.time.first)),
        f.level.word().to_owned(),
        f.rule.title.clone(),
        f.scope.clone(),
        word(&f.outcome),
        f.count.to_string(),
        first.map_or_else(String::new, place),
        first.map_or_else(String::new, |e| e.excerpt.clone()),
        f.id.clone(),
    ]
}

//! What the report says, as blocks that HTML and Markdown render alike.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use serde::Serialize;

use super::account::{Account, logs, losses};
use super::rows::{self, NAMES};
use super::words::{
    GLOSSARY, STATES, activity, bounds, breach, clock, collect, completeness, headline, in_part, intruder, judgement,
    likelihood, meaning, period, sentence, some, spaced, uncounted, unexamined, way, when, why_unexamined, word,
};
use super::{CaseInput, safe};
use crate::model::chain::Chain;
use crate::model::coverage::Skew;
use crate::model::dates::DatesRead;
use crate::model::finding::Finding;
use crate::model::transfer::{Bounds, Transfer};
use crate::model::verdict::{ReasonGiven, ScopeVerdict, State};
use crate::model::words::counted;

/// Findings shown on the page; the gravest stay.
const FINDINGS: usize = 500;
/// Chains shown on the page.
const CHAINS: usize = 10;
/// Rows of the other tables.
const ROWS: usize = 500;
/// Ids behind one reason; all are in `verdict.json`.
const REFS: usize = 3;
/// Rows of a table that stand open; longer ones are folded.
const OPEN_ROWS: usize = 60;

/// A piece of the page. Its text is on one line, with steering characters written out.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Block {
    /// A heading of this level.
    Heading { level: u8, text: String },
    /// The first paragraph, a line for each thing it says, with the word of the state.
    Answer { state: &'static str, lines: Vec<String> },
    /// A paragraph.
    Text { text: String },
    /// A list.
    List { items: Vec<Item> },
    /// A table; `folded` where only its heading is shown at first.
    Table { head: Vec<&'static str>, rows: Vec<Vec<String>>, folded: bool },
}

/// One entry of a list.
#[derive(Debug, Serialize)]
pub(super) struct Item {
    /// What it says.
    pub(super) text: String,
    /// Ids of findings and transfers that show it.
    pub(super) refs: Vec<String>,
}

impl From<String> for Item {
    fn from(text: String) -> Self {
        Self { text, refs: Vec::new() }
    }
}

/// The whole page.
pub(super) fn page(input: &CaseInput<'_>) -> Vec<Block> {
    let mut page = Page { blocks: Vec::new(), hits_only: input.verdict.hits_only };
    page.answer(input);
    page.chains(input);
    for scope in &input.verdict.scopes {
        page.scope(scope, input.transfers);
    }
    page.facts(input);
    page.timeline(input);
    page.gaps(input);
    page.unread(input);
    page.heading(2, "Words");
    let states = STATES.iter().map(|s| format!("{}: {}", s.word(), meaning(*s)));
    page.list(states.chain(GLOSSARY.iter().map(|(word, means)| format!("{word}: {means}"))).collect());
    page.blocks
}

struct Page {
    blocks: Vec<Block>,
    /// Whether hits alone were looked for.
    hits_only: bool,
}

impl Page {
    fn heading(&mut self, level: u8, text: &str) {
        self.blocks.push(Block::Heading { level, text: clean(text) });
    }

    fn text(&mut self, text: &str) {
        self.blocks.push(Block::Text { text: clean(text) });
    }

    fn list<I: Into<Item>>(&mut self, items: Vec<I>) {
        let clean = |item: Item| Item { text: clean(&item.text), refs: item.refs.iter().map(|r| clean(r)).collect() };
        let items: Vec<Item> = items.into_iter().map(|item| clean(item.into())).collect();
        if !items.is_empty() {
            self.blocks.push(Block::List { items });
        }
    }

    fn titled<I: Into<Item>>(&mut self, title: &str, items: Vec<I>) {
        if !items.is_empty() {
            self.heading(3, title);
            self.list(items);
        }
    }

    /// A table under a heading of level 3, cut at [`ROWS`]; nothing where it has no rows. Columns in which nothing
    /// stands are left out.
    fn table(&mut self, title: &str, head: &[&'static str], rows: Vec<Vec<String>>, rest: &str) {
        let count = rows.len();
        self.table_of(title, head, (rows, count), rest);
    }

    /// A table of so many rows, of which at least the first [`ROWS`] are given.
    fn table_of(&mut self, title: &str, head: &[&'static str], (rows, count): (Vec<Vec<String>>, usize), rest: &str) {
        if rows.is_empty() {
            return;
        }
        if !title.is_empty() {
            self.heading(3, title);
        }
        let more = count.saturating_sub(ROWS);
        let rows = &rows[..rows.len().min(ROWS)];
        let used: Vec<usize> = (0..head.len()).filter(|&at| rows.iter().any(|row| !row[at].is_empty())).collect();
        let cells = |row: &Vec<String>| used.iter().map(|&at| clean(&row[at])).collect();
        self.blocks.push(Block::Table {
            head: used.iter().map(|&at| head[at]).collect(),
            rows: rows.iter().map(cells).collect(),
            folded: rows.len() > OPEN_ROWS,
        });
        if more > 0 {
            self.text(&format!("And {more} more, see {rest}."));
        }
    }

    fn answer(&mut self, input: &CaseInput<'_>) {
        let overall = &input.verdict.overall;
        self.heading(1, &format!("Was data compromised? {}", headline(overall.state)));
        let complete = if overall.complete {
            "The answer is complete for the ways out that these logs show; of others it says nothing."
        } else {
            "The answer is NOT complete: some ways out cannot be told."
        };
        let mut lines = vec![
            format!("{}: {}.", overall.state.word(), meaning(overall.state)),
            format!(
                "Likelihood that data was compromised: {}. Confidence: {}.",
                likelihood(overall.likelihood, overall.state),
                word(&overall.confidence)
            ),
            complete.to_owned(),
            unexamined(input.verdict),
            Account::of(input.ledger).sentence(),
            format!("{} {}", logs(input.coverage), clock(input.clocks)),
        ];
        if input.verdict.period.is_some() {
            lines.insert(1, period(input.verdict));
        }
        let lines = lines.iter().map(|line| clean(line)).collect();
        self.blocks.push(Block::Answer { state: overall.state.word(), lines });
        self.table("", rows::SCOPE_HEAD, input.verdict.scopes.iter().map(rows::scope).collect(), "verdict.json");
    }

    /// What each intruder did, step by step.
    fn chains(&mut self, input: &CaseInput<'_>) {
        let found = input.findings.list().iter().filter_map(|f| Some((f, f.chain.as_deref()?)));
        let found: Vec<(&Finding, &Chain)> = found.collect();
        if found.is_empty() {
            return;
        }
        self.heading(2, "What happened, step by step");
        self.text(
            "What is joined by the same hosts, accounts or addresses, by the time at which it began. Where the order is not \
             known, the clocks of the logs do not tell whether a step began before or after the others.",
        );
        for (f, chain) in found.iter().take(CHAINS) {
            self.table("", rows::STEP_HEAD, chain.steps.iter().map(rows::step).collect(), "findings.jsonl");
            let steps = match chain.omitted_steps {
                0 => String::new(),
                more => format!(" Steps that are not listed: {more}."),
            };
            let elsewhere = match chain.elsewhere {
                0 => String::new(),
                more => format!(" Findings and transfers of other scopes that belong to it: {more}."),
            };
            self.text(&format!("This chain is finding {}.{steps}{elsewhere}", f.id));
        }
        if found.len() > CHAINS {
            self.text(&format!("More chains in findings.jsonl: {}.", found.len() - CHAINS));
        }
    }

    fn scope(&mut self, s: &ScopeVerdict, transfers: &[Transfer]) {
        self.heading(2, &format!("{}: {}", s.scope, s.state.word()));
        self.text(&format!("{}.", sentence(meaning(s.state))));
        let mut facts = vec![judgement(s), intruder(s), completeness(s), breach(&s.breach), activity(&s.activity)];
        facts.push(match (s.subjects.lower, s.subjects.upper) {
            (0, None) => "people concerned: the logs do not tell how many".to_owned(),
            (lower, upper) => format!("people concerned: {}", bounds(Bounds { lower, upper }, |n, _| people(n))),
        });
        if !s.subjects.kinds.is_empty() {
            facts.push(format!("kinds of people: {}", some(&s.subjects.kinds, NAMES)));
        }
        if !s.exposure.is_empty() {
            facts.push(format!("compromised shared systems in use: {}", some(&s.exposure, NAMES)));
        }
        self.list(facts);
        self.titled("Why", s.reasons.iter().map(reason).collect());
        self.titled("What speaks against it", s.counter_evidence.iter().map(reason).collect());
        self.titled("Whom to ask", s.ask.clone());
        self.ways(s);
        let mut mine: Vec<&Transfer> = transfers.iter().filter(|t| *t.scope == *s.scope).collect();
        mine.sort_by_key(|t| Reverse(t.bytes.lower));
        let count = mine.len();
        let largest = mine.into_iter().take(ROWS).map(rows::transfer).collect();
        self.table_of("Transfers, the largest first", rows::TRANSFER_HEAD, (largest, count), "transfers.jsonl");
        let kinds = s.data_categories.iter().map(rows::data).collect();
        self.table("Kinds of data", rows::DATA_HEAD, kinds, "verdict.json");
        self.scope_coverage(s);
    }

    /// The ways out that were judged as a table, the others by name.
    fn ways(&mut self, s: &ScopeVerdict) {
        let (unseen, judged): (Vec<_>, Vec<_>) = s.routes.iter().partition(|r| r.state == State::NotExamined);
        let judged: Vec<_> = judged.into_iter().map(rows::route).collect();
        self.table("Ways out", rows::ROUTE_HEAD, judged, "verdict.json");
        if !unseen.is_empty() {
            let names: Vec<String> = unseen.iter().map(|r| format!("{}{}", way(r.route), in_part(r))).collect();
            self.text(&format!("Not examined, {}: {}.", why_unexamined(self.hits_only), names.join(", ")));
        }
    }

    fn scope_coverage(&mut self, s: &ScopeVerdict) {
        self.heading(3, "What the logs of this scope can tell");
        let c = &s.coverage;
        let enough = if c.adequate { "They suffice for the state given." } else { "They do NOT suffice." };
        let covered = match when(c.from, c.to) {
            covered if covered.is_empty() => "No record has a time.".to_owned(),
            covered => format!("Records from {covered}."),
        };
        self.text(&format!("{covered} {enough}"));
        self.table("", rows::GAP_HEAD, c.gaps.iter().map(rows::gap).collect(), "verdict.json");
        let missing = |m: &crate::model::verdict::MissingCoverage| vec![way(m.route), m.needs.join(", ")];
        self.table(
            "Nothing shows",
            &["Way out", "Would show it"],
            c.missing.iter().map(missing).collect(),
            "verdict.json",
        );
        self.titled("Collect next", collect(s));
    }

    fn facts(&mut self, input: &CaseInput<'_>) {
        let rows = input.verdict.facts.iter().map(rows::fact).collect();
        self.table("Stated from outside the logs", rows::FACT_HEAD, rows, "verdict.json");
    }

    /// Findings in order of time: those that the reasons cite, then the gravest of the others.
    fn timeline(&mut self, input: &CaseInput<'_>) {
        self.heading(2, "Time line and evidence");
        let reasons = input.verdict.scopes.iter().flat_map(|s| &s.reasons);
        let ids: BTreeSet<&str> = reasons.flat_map(|r| &r.findings).map(|id| &**id).collect();
        let all: Vec<&Finding> = input.findings.list().iter().filter(|f| f.chain.is_none()).collect();
        let (cited, mut others): (Vec<&Finding>, Vec<_>) = all.iter().copied().partition(|f| ids.contains(&*f.id));
        others.sort_by_key(|f| Reverse(f.level));
        let wanted = cited.iter().take(ROWS).chain(others.iter().take(FINDINGS));
        let whole = input.findings.whole(&wanted.map(|f| &*f.id).collect());
        self.text(&match (whole.len(), all.len()) {
            (_, 0) => "No findings.".to_owned(),
            (1, 1) => "The one finding.".to_owned(),
            (shown, all) if shown == all => format!("All {all} findings in order of time."),
            (shown, all) => {
                format!("{shown} of {all} findings, the gravest, in order of time. All are in findings.jsonl.")
            }
        });
        let rows =
            |cited: bool| whole.iter().filter(|f| ids.contains(&*f.id) == cited).map(|f| rows::finding(f)).collect();
        self.table("What the answer rests on", rows::FINDING_HEAD, rows(true), "findings.jsonl");
        self.table("Other findings", rows::FINDING_HEAD, rows(false), "findings.jsonl");
        let saturating = rows::saturating(input.findings).into_iter().map(rows::saturated).collect();
        let title = "Indicators that stand in a tenth of their source or more, and tell its records not apart";
        self.table(title, rows::SATURATING_HEAD, saturating, "findings.jsonl");
        let title = "Filters that narrow rules: what they take out is not among the findings";
        self.table(title, rows::FILTER_HEAD, input.rules.filters.iter().map(rows::filter).collect(), "manifest.json");
    }

    fn gaps(&mut self, input: &CaseInput<'_>) {
        self.heading(2, "What the logs cannot tell");
        let sources = &input.coverage.sources;
        let gaps: Vec<_> =
            input.coverage.gaps.iter().chain(sources.iter().flat_map(|s| &s.gaps)).map(rows::gap).collect();
        let silent: Vec<_> = sources
            .iter()
            .filter(|s| {
                let is_assumed = s.untimed + s.zone_assumed + s.year_assumed > 0;
                !s.not_logged.is_empty() || is_assumed || s.dates.is_some() || !s.clock.is_empty()
            })
            .map(|s| {
                let figures = [s.records, s.untimed, s.zone_assumed, s.year_assumed];
                let mut row = vec![s.source.to_string(), s.format.clone(), s.not_logged.join(", ")];
                row.extend(figures.iter().map(u64::to_string));
                row.push(s.dates.as_ref().map(DatesRead::told).unwrap_or_default());
                row.push(s.clock.told());
                row
            })
            .collect();
        if gaps.is_empty() && silent.is_empty() {
            let timed = sources.iter().filter(|s| s.from.is_some()).count() as u64;
            let timed = counted(timed, "source whose records have a time", "sources whose records have a time");
            self.text(&format!("No gap was found in the {timed}."));
        }
        self.table("Gaps", rows::GAP_HEAD, gaps, "coverage.json");
        let head = [
            "Source",
            "Format",
            "Not logged",
            "Records",
            "Without time",
            "Zone assumed",
            "Year assumed",
            "Day and month",
            "Clock",
        ];
        self.table("Not logged, or assumed", &head, silent, "coverage.json");
        let skew = |skew: &Skew| {
            vec![skew.first.to_string(), skew.second.to_string(), skew.told(), skew.conversations.to_string()]
        };
        let head = ["Log", "Other log", "It dates the same conversations", "Conversations"];
        let skews = input.coverage.skews.iter().map(skew).collect();
        self.table("Clocks beside each other (no time was changed for it)", &head, skews, "coverage.json");
        let correlations = &input.coverage.correlations;
        let uncounted = correlations.iter().filter_map(|of| Some(vec![of.title.clone(), uncounted(of)?])).collect();
        let title = "Correlations that do not count all records that their rules match";
        self.table(title, &["Correlation", "Not counted"], uncounted, "coverage.json");
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
        let lost = losses(input.ledger).into_iter();
        let rows = lost.map(|(source, reason, note)| vec![source.to_string(), spaced(&reason), note]).collect();
        self.table("Items not read in full", &["Item", "Reason", "Detail"], rows, "ledger.jsonl");
    }
}

fn clean(raw: &str) -> String {
    safe::text(raw).into_owned()
}

fn people(n: u64) -> String {
    format!("{n} people")
}

/// A reason, its clause and the first of the findings that show it.
fn reason(r: &ReasonGiven) -> Item {
    let mut refs: Vec<String> = r.findings.iter().take(REFS).cloned().collect();
    if r.findings.len() > REFS {
        refs.push(format!("and {} more in verdict.json", r.findings.len() - REFS));
    }
    Item { text: format!("{}: {}", r.clause, r.text), refs }
}

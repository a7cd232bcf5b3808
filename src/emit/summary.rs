//! The answer on a terminal.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::account::{Account, logs, losses};
use super::rows::{self, place};
use super::words::{
    activity, bounds, breach, clock, collect, completeness, intruder, judgement, likelihood, meaning, narrowed,
    passed_on, perhaps_from, period, rules, size, some, spaced, stamp, times, uncounted, unexamined, wholeness, word,
};
use super::{CaseInput, safe};
use crate::model::coverage::{Counted, Gap};
use crate::model::finding::Finding;
use crate::model::findings::Findings;
use crate::model::ledger::Entry;
use crate::model::place::Locator;
use crate::model::rule::Narrowing;
use crate::model::transfer::Transfer;
use crate::model::verdict::{DataCategory, ReasonGiven, RouteVerdict, ScopeVerdict, State};
use crate::model::words::counted;

/// Findings whose evidence is shown, per scope.
const SHOWN: usize = 6;
/// Records shown per finding.
const RECORDS: usize = 2;
/// Rows of every other list.
const ROWS: usize = 12;
/// Names in one line.
const NAMES: usize = 6;
/// Lines that one wrapped text may take.
const WRAPPED: usize = 12;

/// A readable summary: the answer, then each scope with its reasons, ways out, evidence and questions, then what the
/// logs cannot tell and what could not be read. Log content is escaped, then fitted into `width` characters (at
/// least 40): records are cut, words wrapped.
pub fn summary(input: &CaseInput<'_>, color: bool, width: usize) -> String {
    let mut page = Page { out: String::new(), color, width: width.max(40) };
    let overall = &input.verdict.overall;
    page.state("ANSWER", overall.state);
    let (likelihood, confidence) = (likelihood(overall.likelihood, overall.state), word(&overall.confidence));
    let complete = wholeness(input.verdict);
    page.wrap(0, &format!("likelihood that data was compromised: {likelihood}; confidence: {confidence}; {complete}"));
    if input.verdict.period.is_some() {
        page.wrap(0, &period(input.verdict));
    }
    page.wrap(0, &unexamined(input.verdict));
    page.wrap(0, &Account::of(input.ledger).sentence());
    page.wrap(0, &format!("{} {}", logs(input.coverage), clock(input.clocks)));
    page.wrap(0, &rules(input.rules));
    let known: BTreeMap<&str, &Finding> = input.findings.list().iter().map(|f| (f.id.as_str(), f)).collect();
    for scope in &input.verdict.scopes {
        page.scope(scope, input, &known);
    }
    if !input.verdict.facts.is_empty() {
        page.out.push('\n');
    }
    for fact in &input.verdict.facts {
        page.wrap(0, &format!("stated, not from the logs: {}", fact.text));
    }
    page.filters(&input.rules.filters);
    page.correlations(&input.coverage.correlations);
    page.saturating(input.findings);
    page.gaps("GAPS that no single source shows", 0, &input.coverage.gaps);
    page.losses(input.ledger);
    page.out
}

struct Page {
    out: String,
    color: bool,
    width: usize,
}

impl Page {
    /// One line, cut.
    fn cut(&mut self, indent: usize, raw: &str) {
        let room = self.width.saturating_sub(indent).max(20);
        let _ = writeln!(self.out, "{:indent$}{}", "", safe::short(raw, room));
    }

    /// As many lines as it takes, at most [`WRAPPED`]; later lines are indented by two more.
    fn wrap(&mut self, indent: usize, raw: &str) {
        let safe = safe::text(raw);
        let mut lines = wrapped(&safe, self.width.saturating_sub(indent + 2).max(20));
        if lines.len() > WRAPPED {
            lines.truncate(WRAPPED);
            lines.push("…".to_owned());
        }
        for (at, line) in lines.iter().enumerate() {
            let indent = if at == 0 { indent } else { indent + 2 };
            let _ = writeln!(self.out, "{:indent$}{line}", "");
        }
    }

    /// A title and its first lines; nothing where there are none. The others are counted and not held: of transfers there may be a million.
    fn list(&mut self, title: &str, mut items: impl Iterator<Item = String>) {
        for (at, item) in items.by_ref().take(ROWS).enumerate() {
            if at == 0 {
                self.cut(2, title);
            }
            self.wrap(4, &item);
        }
        let more = items.count();
        if more > 0 {
            self.cut(4, &format!("and {more} more in the case"));
        }
    }

    fn state(&mut self, label: &str, state: State) {
        let (on, off) = match (self.color, state) {
            (false, _) => ("", ""),
            (_, State::Exfiltrated | State::Accessed) => ("\x1b[1;31m", "\x1b[0m"),
            (_, State::NoEvidence) => ("\x1b[1;32m", "\x1b[0m"),
            _ => ("\x1b[1;33m", "\x1b[0m"),
        };
        let label = safe::short(label, self.width.saturating_sub(20).max(20));
        let _ = writeln!(self.out, "{on}{label}: {}{off}", state.word());
        self.wrap(2, meaning(state));
    }

    fn scope(&mut self, s: &ScopeVerdict, input: &CaseInput<'_>, known: &BTreeMap<&str, &Finding>) {
        self.out.push('\n');
        self.state(&format!("SCOPE {}", s.scope), s.state);
        self.wrap(2, &judgement(s));
        self.wrap(2, &format!("{}; {}", intruder(s), completeness(s)));
        self.wrap(2, &breach(&s.breach));
        self.wrap(2, &activity(&s.activity));
        if !s.exposure.is_empty() {
            self.wrap(2, &format!("compromised shared systems in use: {}", some(&s.exposure, NAMES)));
        }
        self.list("why:", s.reasons.iter().map(reason));
        let chains = s.chains.iter().filter_map(|id| known.get(id.as_str()));
        self.list("step by step:", chains.map(|f| format!("{} ({})", f.text, f.id)));
        self.list("kinds of data touched:", s.data_categories.iter().map(data));
        self.list("ways out:", s.routes.iter().filter(|r| r.state != State::NotExamined).map(route));
        let mut mine: Vec<&Transfer> = input.transfers.iter().filter(|t| *t.scope == *s.scope).collect();
        mine.sort_by_key(|t| Reverse((t.bytes.lower, t.bytes.upper)));
        self.list("transfers, the largest first:", mine.into_iter().map(transfer));
        self.evidence(s, input.findings, known);
        self.list("against it:", s.counter_evidence.iter().map(reason));
        self.list("ask:", s.ask.iter().cloned());
        self.gaps("gaps:", 2, &s.coverage.gaps);
        let missing =
            |m: &crate::model::verdict::MissingCoverage| format!("{}: {}", m.route.word(), m.needs.join(", "));
        self.list("nothing shows (and what would):", s.coverage.missing.iter().map(missing));
        self.list("collect next:", collect(s).into_iter());
    }

    /// The records of the findings that the reasons cite; of the scope's gravest findings where they cite none.
    fn evidence(&mut self, s: &ScopeVerdict, findings: &Findings, known: &BTreeMap<&str, &Finding>) {
        let cited: BTreeSet<&str> = s.reasons.iter().flat_map(|r| &r.findings).map(String::as_str).collect();
        let mut shown: Vec<&Finding> = cited.iter().filter_map(|id| known.get(id).copied()).collect();
        let mut title = "evidence of the reasons:";
        if shown.is_empty() {
            shown = findings.list().iter().filter(|f| f.scope == s.scope && f.chain.is_none()).collect();
            title = "gravest findings (no reason cites a finding):";
        }
        if shown.is_empty() {
            return;
        }
        shown.sort_by(|a, b| {
            b.level.cmp(&a.level).then_with(|| {
                (a.time.first.is_none(), a.time.first, &a.id).cmp(&(b.time.first.is_none(), b.time.first, &b.id))
            })
        });
        self.cut(2, title);
        let whole = findings.whole(&shown.iter().take(SHOWN).map(|f| f.id.as_str()).collect());
        for id in shown.iter().take(SHOWN).map(|f| &f.id) {
            let Some(finding) = whole.iter().find(|f| f.id == *id) else { continue };
            let time = stamp(finding.time.first);
            self.wrap(4, &format!("{} {} ({}, {})", finding.level.word(), finding.rule.title, time, finding.id));
            if finding.evidence.iter().all(|e| e.excerpt.is_empty()) {
                self.wrap(6, &finding.text);
            }
            for e in finding.evidence.iter().take(RECORDS) {
                self.record(&place(e), &e.excerpt);
            }
        }
        if shown.len() > SHOWN {
            self.cut(4, &format!("and {} more findings in findings.jsonl", shown.len() - SHOWN));
        }
    }

    /// `locator:line  excerpt`; the place stays whole, the excerpt is cut, on a line of its own where there is no room.
    fn record(&mut self, place: &str, excerpt: &str) {
        let taken = 6 + safe::text(place).chars().count() + 2;
        if excerpt.is_empty() {
            self.wrap(6, place);
        } else if taken + 20 <= self.width {
            self.cut(6, &format!("{place}  {excerpt}"));
        } else {
            self.wrap(6, place);
            self.cut(8, excerpt);
        }
    }

    fn gaps(&mut self, title: &str, indent: usize, gaps: &[Gap]) {
        if gaps.is_empty() {
            return;
        }
        if indent == 0 {
            self.out.push('\n');
        }
        self.cut(indent, title);
        for gap in gaps.iter().take(ROWS) {
            let when = match (gap.from, gap.to) {
                (None, None) => String::new(),
                (Some(from), Some(to)) => format!(", {from} to {to}"),
                (Some(from), None) => format!(", from {from} on"),
                (None, Some(to)) => format!(", until {to}"),
            };
            self.wrap(indent + 2, &format!("{}: {}{when}", gap.place(), spaced(&gap.reason)));
        }
        if gaps.len() > ROWS {
            self.cut(indent + 2, &format!("and {} more in coverage.json", gaps.len() - ROWS));
        }
    }

    /// Filters that others wrote: what they narrow may be what would have been found.
    fn filters(&mut self, filters: &[Narrowing]) {
        if filters.is_empty() {
            return;
        }
        self.out.push('\n');
        self.cut(0, "FILTERS that narrow rules: what they take out is not among the findings");
        for filter in filters.iter().take(ROWS) {
            self.wrap(2, &narrowed(filter));
        }
        if filters.len() > ROWS {
            self.cut(2, &format!("and {} more in manifest.json", filters.len() - ROWS));
        }
    }

    /// Correlations and the records that they cannot count.
    fn correlations(&mut self, all: &[Counted]) {
        let told: Vec<String> = all.iter().filter_map(|of| Some(format!("{}: {}", of.title, uncounted(of)?))).collect();
        if told.is_empty() {
            return;
        }
        self.out.push('\n');
        self.cut(0, "CORRELATIONS do not count all records that their rules match");
        for line in told.iter().take(ROWS) {
            self.wrap(2, line);
        }
        if told.len() > ROWS {
            self.cut(2, &format!("and {} more in coverage.json", told.len() - ROWS));
        }
    }

    /// Indicators by which records are not told apart: their feed, not the evidence, is what to look at.
    fn saturating(&mut self, findings: &Findings) {
        let all = rows::saturating(findings);
        if all.is_empty() {
            return;
        }
        self.out.push('\n');
        self.cut(0, "INDICATORS that stand in a tenth of their source or more, and tell its records not apart");
        for (finding, indicator) in all.iter().take(ROWS) {
            let records = counted(finding.count, "record", "records");
            let (kind, value, feed) = (&indicator.kind, &indicator.value, &indicator.feed);
            self.wrap(2, &format!("{kind} {value} ({feed}): {records} of {}", rows::source(finding)));
        }
        if all.len() > ROWS {
            self.cut(2, &format!("and {} more in findings.jsonl", all.len() - ROWS));
        }
    }

    fn losses(&mut self, ledger: &[Entry]) {
        let lost = losses(ledger);
        if lost.is_empty() {
            return;
        }
        let items: BTreeSet<&Locator> = lost.iter().map(|(source, ..)| *source).collect();
        self.out.push('\n');
        self.cut(0, &format!("NOT READ in full: {}", counted(items.len() as u64, "item", "items")));
        for (source, reason, note) in lost.iter().take(ROWS) {
            self.wrap(2, &format!("{source}: {} ({note})", spaced(reason)));
        }
        if lost.len() > ROWS {
            self.cut(2, &format!("and {} more in ledger.jsonl", lost.len() - ROWS));
        }
    }
}

fn reason(r: &ReasonGiven) -> String {
    format!("{} {}", r.clause, r.text)
}

fn route(r: &RouteVerdict) -> String {
    let mut text = format!("{}: {}, {}", r.route.word(), r.state.word(), bounds(r.bytes, size));
    text.push_str(&times(r.first, r.last));
    text.push_str(&perhaps_from(r.first_possible));
    for (label, names) in [("to", &r.destinations), ("from hosts", &r.hosts), ("by accounts", &r.accounts)] {
        if !names.is_empty() {
            let _ = write!(text, "; {label} {}", some(names, NAMES));
        }
    }
    if r.disclosed {
        text.push_str("; shown to an outside session");
    }
    text
}

fn data(c: &DataCategory) -> String {
    let special = if c.special_category { ", a special category" } else { "" };
    let by: Vec<&str> = c.basis.iter().map(rows::known_by).collect();
    let mut text =
        format!("{}: {}{special}; known by {} ({})", c.category, c.state.word(), by.join(", "), c.told_by.join(", "));
    if c.files > 0 {
        let _ = write!(text, "; {} at least", counted(c.files, "object", "objects"));
    }
    if c.records.lower > 0 || c.records.upper.is_some() {
        let _ = write!(text, "; records: {}", bounds(c.records, |n, _| n.to_string()));
    }
    if let Some(estimate) = c.estimate.as_ref().filter(|estimate| estimate.no_ceiling.is_some()) {
        let _ = write!(text, "; {}", rows::estimated(estimate));
    }
    text
}

fn transfer(t: &Transfer) -> String {
    let mut text = format!("{} → {}", t.from, t.to);
    if !t.to_names.is_empty() {
        let _ = write!(text, " ({})", some(&t.to_names, NAMES));
    }
    let _ = write!(text, ", {}, {}", t.route.word(), bounds(t.bytes, size));
    let (first, last) = (t.time.map(|span| span.first), t.time.map(|span| span.last));
    let _ = write!(text, "{}, {}", times(first, last), counted(t.records, "record", "records"));
    if !t.accounts.is_empty() {
        let _ = write!(text, ", by {}", some(&t.accounts, NAMES));
    }
    for joined in &t.joined {
        let _ = write!(text, "; {}", joined.reason);
    }
    if let Some(of) = &t.passed_on {
        let _ = write!(text, "; {}", passed_on(of));
    }
    if let Some(apart) = &t.apart {
        let _ = write!(text, "; {}", apart.told());
    }
    if let Some(why) = &t.sanctioned {
        let _ = write!(text, "; sanctioned: {why}");
    }
    text
}

/// Breaks at spaces; a word longer than a line is broken where the line ends.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > room {
            lines.push(String::new());
            used = 0;
        }
        if used > 0 {
            lines.last_mut().expect("there is always a line").push(' ');
            used += 1;
        }
        for c in word.chars() {
            if used == room {
                lines.push(String::new());
                used = 0;
            }
            lines.last_mut().expect("there is always a line").push(c);
            used += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapping_loses_no_character_and_no_line_is_too_long() {
        let text = "a bb ccc ddddddddddddd éé f";
        for room in 1..30 {
            let lines = wrapped(text, room);
            assert!(lines.iter().all(|l| l.chars().count() <= room), "{room}: {lines:?}");
            assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""), "{room}");
        }
        assert_eq!(wrapped(text, 9), ["a bb ccc", "ddddddddd", "dddd éé f"]);
    }
}

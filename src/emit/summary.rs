//! The answer on a terminal.

use std::fmt::Write;

use super::safe;
use crate::model::coverage::Coverage;
use crate::model::finding::Finding;
use crate::model::ledger::Entry;
use crate::model::transfer::Bounds;
use crate::model::verdict::{ScopeVerdict, State, Verdict};

/// Evidence lines shown per scope.
const SHOWN: usize = 8;
/// Unread items shown.
const LOSSES: usize = 12;

/// What a state means, in words for people.
pub(super) fn meaning(state: State) -> &'static str {
    match state {
        State::Exfiltrated => "data left, and the movement is tied to intrusion or misuse",
        State::Accessed => "an adversary read or prepared data; no proof that it left",
        State::Unexplained => "data moved out that nothing authorises and nothing ties to intrusion",
        State::CannotTell => "the logs that would show it are missing",
        State::IntrusionOnly => "there was an intrusion; no access to data is seen, and the logs would show it",
        State::Attempted => "attacks that failed",
        State::NoEvidence => "nothing seen, and the logs would show it",
        State::NotExamined => "no log in the evidence observes this",
    }
}

/// The bounds in words.
pub(super) fn bounds(b: Bounds, unit: &str) -> String {
    match b.upper {
        Some(upper) if upper == b.lower => format!("{upper} {unit}"),
        Some(upper) => format!("{} to {upper} {unit}", b.lower),
        None => format!("at least {} {unit}, no upper bound", b.lower),
    }
}

/// A readable summary: the answer, each scope with its reasons, evidence and routes, what could not be read. Log
/// content is escaped. Lines are cut at `width` characters (at least 40).
pub fn summary(
    verdict: &Verdict,
    findings: &[Finding],
    ledger: &[Entry],
    coverage: &Coverage,
    color: bool,
    width: usize,
) -> String {
    let mut page = Page { out: String::new(), color, width: width.max(40) };
    let overall = &verdict.overall;
    page.state("ANSWER", overall.state);
    page.line(0, &format!("confidence {}; complete: {}", word(&overall.confidence), yes(overall.complete)));
    for scope in &verdict.scopes {
        page.scope(scope, findings);
    }
    for fact in &verdict.facts {
        page.line(0, &format!("stated, not from the logs: {}", fact.text));
    }
    page.losses(ledger);
    if !coverage.gaps.is_empty() {
        page.line(
            0,
            &format!("{} stretches or kinds of log were promised or needed and are missing", coverage.gaps.len()),
        );
    }
    page.out
}

/// The word that a unit enum has in output.
pub(super) fn word<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

fn yes(flag: bool) -> &'static str {
    if flag { "yes" } else { "no" }
}

struct Page {
    out: String,
    color: bool,
    width: usize,
}

impl Page {
    fn line(&mut self, indent: usize, raw: &str) {
        let room = self.width.saturating_sub(indent + 1);
        let _ = writeln!(self.out, "{:indent$}{}", "", safe::short(raw, room));
    }

    fn state(&mut self, label: &str, state: State) {
        let (on, off) = match (self.color, state) {
            (false, _) => ("", ""),
            (_, State::Exfiltrated | State::Accessed) => ("\x1b[1;31m", "\x1b[0m"),
            (_, State::Unexplained | State::CannotTell | State::IntrusionOnly) => ("\x1b[1;33m", "\x1b[0m"),
            _ => ("\x1b[1;32m", "\x1b[0m"),
        };
        let _ = writeln!(self.out, "{on}{}: {}{off} ({})", safe::text(label), state.word(), meaning(state));
    }

    fn scope(&mut self, scope: &ScopeVerdict, findings: &[Finding]) {
        self.out.push('\n');
        self.state(&format!("scope {}", scope.scope), scope.state);
        for reason in &scope.reasons {
            self.line(2, &format!("{} {}", reason.clause, reason.text));
        }
        for reason in &scope.counter_evidence {
            self.line(2, &format!("against it: {} {}", reason.clause, reason.text));
        }
        for route in scope.routes.iter().filter(|r| r.state != State::NotExamined) {
            let moved = bounds(route.bytes, "bytes");
            let to = route.destinations.join(", ");
            self.line(2, &format!("route {}: {}, {moved} → {to}", route.route.word(), route.state.word()));
        }
        let unseen: Vec<_> =
            scope.routes.iter().filter(|r| r.state == State::NotExamined).map(|r| r.route.word()).collect();
        if !unseen.is_empty() {
            self.line(2, &format!("not examined: {}", unseen.join(", ")));
        }
        let mut mine: Vec<&Finding> = findings.iter().filter(|f| f.scope == scope.scope).collect();
        mine.sort_by_key(|f| std::cmp::Reverse(f.level));
        for finding in mine.iter().take(SHOWN) {
            self.line(2, &format!("{} {}", finding.level.word(), finding.rule.title));
            if let Some(e) = finding.evidence.first() {
                let line = e.place.line.map_or_else(|| format!("@{}", e.place.offset), |n| n.to_string());
                self.line(4, &format!("{}:{line} {}", e.source, e.excerpt));
            }
        }
        if mine.len() > SHOWN {
            self.line(2, &format!("and {} more findings", mine.len() - SHOWN));
        }
        for next in &scope.coverage.collect_next {
            self.line(2, &format!("collect next: {next}"));
        }
        for question in &scope.ask {
            self.line(2, &format!("ask: {question}"));
        }
    }

    fn losses(&mut self, ledger: &[Entry]) {
        let lost: Vec<&Entry> = ledger.iter().filter(|e| e.has_loss()).collect();
        if lost.is_empty() {
            return;
        }
        self.out.push('\n');
        self.line(0, &format!("NOT READ in full: {} items", lost.len()));
        for entry in lost.iter().take(LOSSES) {
            for note in entry.notes.iter().filter(|n| n.reason.is_loss()) {
                self.line(2, &format!("{}: {} ({})", entry.source, word(&note.reason), note.detail));
            }
        }
        if lost.len() > LOSSES {
            self.line(2, &format!("and {} more, see ledger.jsonl", lost.len() - LOSSES));
        }
    }
}

//! One row of a table of the report for each kind of thing that it lists.

use super::words::{bounds, narrowed, open_end, passed_on, perhaps_from, size, some, spaced, way, when, word};
use crate::model::chain::{Step, StepOrder};
use crate::model::coverage::Gap;
use crate::model::data::Basis;
use crate::model::finding::{Evidence, Finding, FindingIndicator};
use crate::model::findings::Findings;
use crate::model::rule::Narrowing;
use crate::model::transfer::Transfer;
use crate::model::verdict::{DataCategory, Estimate, FactStated, RouteVerdict, ScopeVerdict};

/// Names in one cell.
pub(super) const NAMES: usize = 20;
/// Ids in one cell; all are in the files of the case.
const IDS: usize = 3;

fn figure(count: u64) -> String {
    count.to_string()
}

/// The head of a table of scopes.
pub(super) const SCOPE_HEAD: &[&str] =
    &["Scope", "State", "That is", "Likelihood", "Confidence", "Intrusion", "Complete"];

/// One scope.
pub(super) fn scope(s: &ScopeVerdict) -> Vec<String> {
    vec![
        s.scope.clone(),
        s.state.word().to_owned(),
        super::words::meaning(s.state).to_owned(),
        super::words::likelihood(s.likelihood, s.state).to_owned(),
        word(&s.confidence),
        spaced(&s.intrusion),
        super::words::completeness(s),
    ]
}

/// The head of a table of ways out.
pub(super) const ROUTE_HEAD: &[&str] = &[
    "Way out",
    "State",
    "Bytes out",
    "Records",
    "When",
    "Where to",
    "From hosts",
    "By accounts",
    "Disclosed",
    "Protection",
    "Shown by",
];

/// One way out. What is not known is an empty cell.
pub(super) fn route(r: &RouteVerdict) -> Vec<String> {
    let known = |text: String, known: bool| if known { text } else { String::new() };
    vec![
        way(r.route),
        r.state.word().to_owned(),
        bounds(r.bytes, size),
        known(bounds(r.records, |n, _| figure(n)), r.records.lower > 0 || r.records.upper.is_some()),
        when(r.first, r.last) + &perhaps_from(r.first_possible),
        some(&r.destinations, NAMES),
        some(&r.hosts, NAMES),
        some(&r.accounts, NAMES),
        known("shown to an outside session".to_owned(), r.disclosed),
        known(r.protection.clone(), r.protection != "unknown"),
        some(&[r.chains.as_slice(), r.findings.as_slice(), r.transfers.as_slice()].concat(), IDS),
    ]
}

/// The findings of indicators that stand in so large a part of their source that they tell its records not apart; the
/// most frequent first.
pub(super) fn saturating(findings: &Findings) -> Vec<(&Finding, &FindingIndicator)> {
    let listed = findings.list().iter().filter_map(|finding| Some((finding, finding.indicator.as_ref()?)));
    let mut all: Vec<_> = listed.filter(|(_, indicator)| indicator.saturating).collect();
    all.sort_by_key(|(finding, _)| std::cmp::Reverse(finding.count));
    all
}

/// The source that the records of a finding stand in; empty where it cites none.
pub(super) fn source(f: &Finding) -> String {
    f.evidence.first().map(|e| e.source.to_string()).unwrap_or_default()
}

/// The head of a table of [`saturating`] indicators.
pub(super) const SATURATING_HEAD: &[&str] = &["Indicator", "Kind", "Records", "Source", "Feed", "Finding"];

/// One such indicator.
pub(super) fn saturated((finding, indicator): (&Finding, &FindingIndicator)) -> Vec<String> {
    vec![
        indicator.value.clone(),
        indicator.kind.clone(),
        figure(finding.count),
        source(finding),
        indicator.feed.clone(),
        finding.id.clone(),
    ]
}

/// The head of a table of filters.
pub(super) const FILTER_HEAD: &[&str] = &["Filter", "What it does"];

/// One filter.
pub(super) fn filter(used: &Narrowing) -> Vec<String> {
    vec![used.title.clone(), narrowed(used)]
}

/// The head of a table of transfers.
pub(super) const TRANSFER_HEAD: &[&str] =
    &["From", "To", "Way out", "Accounts", "Bytes out", "When", "Records", "Sanctioned", "Where", "Transfer"];

/// One transfer.
pub(super) fn transfer(t: &Transfer) -> Vec<String> {
    let to = if t.to_names.is_empty() { t.to.to_string() } else { format!("{} ({})", t.to, some(&t.to_names, NAMES)) };
    let whose = t.joined.iter().map(|joined| joined.reason.clone());
    let whose = whose.chain(t.passed_on.iter().map(|of| passed_on(of)));
    let whose: Vec<String> = whose.chain(t.apart.iter().map(|apart| apart.told())).collect();
    let to = if whose.is_empty() { to } else { format!("{to} [{}]", whose.join("; ")) };
    vec![
        t.from.to_string(),
        to,
        way(t.route),
        some(&t.accounts, NAMES),
        bounds(t.bytes, size),
        when(t.time.map(|span| span.first), t.time.map(|span| span.last)),
        t.records.to_string(),
        t.sanctioned.as_deref().unwrap_or_default().to_owned(),
        t.evidence.first().as_ref().map_or_else(String::new, place),
        t.id.to_string(),
    ]
}

/// The head of a table of findings.
pub(super) const FINDING_HEAD: &[&str] =
    &["When", "Level", "What", "Scope", "Outcome", "Count", "Where", "Record", "Id"];

/// How the first record of a finding begins; where no record's text is kept, as of what traffic as a whole shows, what the
/// finding says.
pub(super) fn shown(f: &Finding) -> &str {
    f.evidence.first().map(|e| e.excerpt.as_str()).filter(|excerpt| !excerpt.is_empty()).unwrap_or(&f.text)
}

/// One finding.
pub(super) fn finding(f: &Finding) -> Vec<String> {
    let first = f.evidence.first();
    let assumed = f.time.assumed.map_or_else(String::new, |a| format!(" ({} assumed)", spaced(&a)));
    vec![
        format!("{}{assumed}", when(f.time.first, f.time.first)),
        f.level.word().to_owned(),
        f.rule.title.clone(),
        f.scope.clone(),
        word(&f.outcome),
        f.count.to_string(),
        first.map_or_else(String::new, place),
        shown(f).to_owned(),
        f.id.clone(),
    ]
}

/// The head of the table of a chain.
pub(super) const STEP_HEAD: &[&str] = &["When", "Order", "What", "Who", "Joined by", "Scope", "Shown by"];

/// One step of a chain.
pub(super) fn step(step: &Step) -> Vec<String> {
    let order = match step.order {
        StepOrder::First => "first",
        StepOrder::After => "then",
        StepOrder::NotKnown => "not known",
    };
    let assumed = step.time.assumed.map_or_else(String::new, |a| format!(" ({} assumed)", spaced(&a)));
    let times = if step.times > 1 { format!(", {} times", step.times) } else { String::new() };
    let names: Vec<String> = step.names().into_iter().map(str::to_owned).collect();
    vec![
        format!("{}{assumed}", when(step.time.first, step.time.last)),
        order.to_owned(),
        format!("{}{times}", step.title),
        some(&names, NAMES),
        step.by.join(", "),
        step.scope.clone(),
        some(&[step.findings.as_slice(), step.transfers.as_slice()].concat(), IDS),
    ]
}

/// The head of a table of gaps.
pub(super) const GAP_HEAD: &[&str] = &["Source", "Begin", "End", "Reason"];

/// One gap.
pub(super) fn gap(g: &Gap) -> Vec<String> {
    vec![g.place(), open_end(g.from), open_end(g.to), spaced(&g.reason)]
}

/// The head of a table of kinds of data.
pub(super) const DATA_HEAD: &[&str] =
    &["Data", "State", "Special category", "Known by", "Told by", "Files, at least", "Records", "Shown by"];

/// One kind of data.
pub(super) fn data(c: &DataCategory) -> Vec<String> {
    vec![
        c.category.clone(),
        c.state.word().to_owned(),
        if c.special_category { "yes" } else { "no" }.to_owned(),
        c.basis.iter().map(known_by).collect::<Vec<_>>().join(", "),
        some(&c.told_by, NAMES),
        c.files.to_string(),
        match &c.estimate {
            Some(estimate) if estimate.no_ceiling.is_some() => {
                format!("{} ({})", bounds(c.records, |n, _| figure(n)), estimated(estimate))
            }
            _ => bounds(c.records, |n, _| figure(n)),
        },
        some(&c.findings, IDS),
    ]
}

/// What the catalogue says of how much a kind of data is, where that is no upper bound.
pub(super) fn estimated(of: &Estimate) -> String {
    let why = of.no_ceiling.as_ref().map_or_else(String::new, |why| format!(", which is no ceiling: {why}"));
    format!("the catalogue has {} records{why}", of.records)
}

/// How a kind of data is known, for people.
pub(super) fn known_by(basis: &Basis) -> &'static str {
    match basis {
        Basis::Catalogue => "the catalogue",
        Basis::Detected => "what its records hold",
        Basis::Rule => "a rule",
        Basis::Hint => "a name only: a hint",
    }
}

/// The head of a table of facts.
pub(super) const FACT_HEAD: &[&str] = &["Scope", "What", "Time", "Says", "Digest"];

/// One fact.
pub(super) fn fact(f: &FactStated) -> Vec<String> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    vec![text(&f.scope), f.text.clone(), text(&f.time), text(&f.source), text(&f.digest)]
}

/// Where a record stands, as a person would look it up.
pub(super) fn place(e: &Evidence) -> String {
    let mut text = match e.place.line {
        Some(line) => format!("{}:{line}", e.source),
        None => format!("{}@{}", e.source, e.place.offset),
    };
    if let Some(number) = e.place.event_record_id {
        text.push_str(&format!(", event record {number}"));
    }
    if e.place.is_recovered() {
        text.push_str(", recovered from free space");
    }
    if e.place.in_doubt {
        text.push_str(", in doubt: its checksum does not hold");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::place::{Locator, Place};

    #[test]
    fn a_place_says_what_kind_of_record_stands_there() {
        let at = |record, event_record_id, in_doubt| {
            let place = Place { offset: 9, length: 1, line: None, record, event_record_id, in_doubt };
            super::place(&Evidence {
                source: Locator::from_encoded("a.evtx"),
                place,
                sha256: String::new(),
                excerpt: String::new(),
            })
        };
        assert_eq!(at(Some(0), None, false), "a.evtx@9");
        assert_eq!(at(Some(0), Some(7), false), "a.evtx@9, event record 7");
        assert_eq!(at(None, Some(7), false), "a.evtx@9, event record 7, recovered from free space");
        assert_eq!(at(Some(0), None, true), "a.evtx@9, in doubt: its checksum does not hold");
    }
}

//! Why a verdict is what it is: from the clause down to the cited record, from the files of the case alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde::Serialize;

use super::words::{bounds, likelihood, passed_on, perhaps_from, size, times, word};
use super::{LoadedCase, rows, safe};
use crate::error::Result;
use crate::model::chain::{Chain, StepOrder};
use crate::model::finding::{Evidence, Finding};
use crate::model::transfer::Transfer;
use crate::model::verdict::{Confidence, Likelihood, ReasonGiven, RouteVerdict, ScopeVerdict, State};
use crate::model::words::counted;

/// A reason with what its clause says.
#[derive(Debug, Serialize)]
pub struct Why {
    /// The scope that it is given for.
    pub scope: String,
    /// `for` the state of the scope, or `against` it.
    pub side: &'static str,
    /// Clause id.
    pub clause: String,
    /// What the clause says.
    pub clause_text: String,
    /// What it says here.
    pub text: String,
    /// Findings and transfers that carry it.
    pub findings: Vec<String>,
}

/// A scope with those of its ways out that are asked about.
#[derive(Debug, Serialize)]
pub struct Judged {
    /// Its name.
    pub scope: String,
    /// Its state.
    pub state: State,
    /// How likely.
    pub likelihood: Option<Likelihood>,
    /// How well founded.
    pub confidence: Confidence,
    /// Why it is so well founded, or not.
    pub confidence_reasons: Vec<String>,
    /// Ways out; those that nothing observes are left out unless asked about.
    pub routes: Vec<RouteVerdict>,
    /// What to collect next.
    pub collect_next: Vec<String>,
}

/// An answer.
#[derive(Debug, Serialize)]
pub struct Explained {
    /// `exfiltrace.explain/1`.
    pub schema: &'static str,
    /// What was asked about; `None` is the whole verdict.
    pub asked: Option<String>,
    /// The clause, where one was asked about: id and text.
    pub clause: Option<(String, String)>,
    /// Scopes that it concerns.
    pub scopes: Vec<Judged>,
    /// Reasons that it concerns.
    pub reasons: Vec<Why>,
    /// The findings behind them, and those that these are made of.
    pub findings: Vec<Finding>,
    /// The transfers behind them.
    pub transfers: Vec<Transfer>,
}

/// What there is to ask about.
#[derive(Debug)]
pub enum Answer {
    /// Why.
    Explained(Box<Explained>),
    /// Nothing of this name: all names that there are, except ids.
    Unknown(Vec<String>),
}

/// Explains a finding or transfer (its id or the beginning of it), a clause, a scope, `scope/route`, or all.
///
/// # Errors
/// Where a file of the case cannot be read.
pub fn explain(case: &LoadedCase, asked: Option<&str>, clauses: &BTreeMap<&str, &str>) -> Result<Answer> {
    let mut of = Explained {
        schema: "exfiltrace.explain/1",
        asked: asked.map(str::to_owned),
        clause: None,
        scopes: Vec::new(),
        reasons: Vec::new(),
        findings: Vec::new(),
        transfers: Vec::new(),
    };
    let scopes = &case.verdict.scopes;
    let asked = asked.unwrap_or_default();
    let (scope, route) = asked.split_once('/').map_or((asked, None), |(scope, route)| (scope, Some(route)));
    let named = scopes.iter().find(|s| s.scope == asked || s.scope == scope && has_route(s, route));
    if asked.is_empty() {
        scopes.iter().for_each(|s| of.scope(s, None, clauses));
    } else if let Some(known) = named {
        of.scope(known, route.filter(|_| known.scope != asked), clauses);
    } else if let Some((id, text)) = clauses.get_key_value(&*asked.to_ascii_uppercase()) {
        of.clause = Some(((*id).to_owned(), (*text).to_owned()));
        of.citing(scopes, clauses, |reason| reason.clause == *id, |_| false);
    } else if asked.starts_with("f-") || asked.starts_with("t-") {
        return of.by_id(case, asked, clauses);
    } else {
        return Ok(Answer::Unknown(names(scopes, clauses)));
    }
    of.cited(case)?;
    Ok(Answer::Explained(Box::new(of)))
}

fn has_route(scope: &ScopeVerdict, route: Option<&str>) -> bool {
    route.is_some_and(|route| scope.routes.iter().any(|r| r.route.word() == route))
}

/// All that can be asked about by name.
fn names(scopes: &[ScopeVerdict], clauses: &BTreeMap<&str, &str>) -> Vec<String> {
    let routes = scopes.iter().flat_map(|s| s.routes.iter().map(|r| format!("{}/{}", s.scope, r.route.word())));
    let scopes = scopes.iter().map(|s| s.scope.clone());
    scopes.chain(routes).chain(clauses.keys().map(|id| (*id).to_owned())).collect()
}

impl Explained {
    /// Whether one finding or transfer was asked about.
    fn single(&self) -> bool {
        self.asked.as_deref().is_some_and(|asked| asked.starts_with("f-") || asked.starts_with("t-"))
    }

    /// A scope, or one way out of it, with its reasons.
    fn scope(&mut self, scope: &ScopeVerdict, route: Option<&str>, clauses: &BTreeMap<&str, &str>) {
        let shown = |r: &&RouteVerdict| route.map_or(r.state != State::NotExamined, |route| r.route.word() == route);
        let judged = judged(scope, scope.routes.iter().filter(shown).cloned().collect());
        let ids: BTreeSet<&String> = judged.routes.iter().flat_map(|r| r.findings.iter().chain(&r.transfers)).collect();
        // A reason without findings names the route that it leaves open, or concerns them all.
        let concerns = |reason: &ReasonGiven| {
            route.is_none_or(|_| reason.findings.is_empty() || reason.findings.iter().any(|id| ids.contains(id)))
        };
        self.reasons.extend(reasons(scope, clauses).filter(|(reason, _)| concerns(reason)).map(|(_, why)| why));
        self.scopes.push(judged);
    }

    /// Reasons of any scope, and the ways out that they or a route's own lists lead to.
    fn citing(
        &mut self,
        scopes: &[ScopeVerdict],
        clauses: &BTreeMap<&str, &str>,
        wanted: impl Fn(&ReasonGiven) -> bool,
        leads: impl Fn(&RouteVerdict) -> bool,
    ) {
        for scope in scopes {
            let why: Vec<(&ReasonGiven, Why)> = reasons(scope, clauses).filter(|(reason, _)| wanted(reason)).collect();
            let ids: BTreeSet<&String> = why.iter().flat_map(|(reason, _)| &reason.findings).collect();
            let shared =
                |r: &&RouteVerdict| leads(r) || r.findings.iter().chain(&r.transfers).any(|id| ids.contains(id));
            let routes: Vec<RouteVerdict> = scope.routes.iter().filter(shared).cloned().collect();
            if !why.is_empty() || !routes.is_empty() {
                self.scopes.push(judged(scope, routes));
            }
            self.reasons.extend(why.into_iter().map(|(_, why)| why));
        }
    }

    /// The one finding or transfer whose id begins so.
    fn by_id(mut self, case: &LoadedCase, asked: &str, clauses: &BTreeMap<&str, &str>) -> Result<Answer> {
        for finding in case.findings()? {
            let finding = finding?;
            if finding.id.starts_with(asked) {
                self.findings.push(finding);
            }
        }
        for transfer in case.transfers()? {
            let transfer = transfer?;
            if transfer.id.starts_with(asked) {
                self.transfers.push(transfer);
            }
        }
        let ids: Vec<String> =
            self.findings.iter().map(|f| f.id.clone()).chain(self.transfers.iter().map(|t| t.id.to_string())).collect();
        let [id] = &ids[..] else { return Ok(Answer::Unknown(ids)) };
        let has = |list: &[String]| list.contains(id);
        let leads = |r: &RouteVerdict| has(&r.findings) || has(&r.transfers) || has(&r.chains);
        self.citing(&case.verdict.scopes, clauses, |reason| has(&reason.findings), leads);
        let links = self.findings.iter().flat_map(|f| f.links.iter().cloned()).collect();
        self.fetch(case, &links)?;
        self.steps(case)?;
        Ok(Answer::Explained(Box::new(self)))
    }

    /// Fetches what the reasons and ways out cite, and the steps of chains among that.
    fn cited(&mut self, case: &LoadedCase) -> Result<()> {
        let of_reasons = self.reasons.iter().flat_map(|why| &why.findings);
        let of_routes = self.scopes.iter().flat_map(|s| &s.routes).filter(|_| self.clause.is_none());
        let ids = of_reasons.chain(of_routes.flat_map(|r| r.findings.iter().chain(&r.transfers))).cloned().collect();
        self.fetch(case, &ids)?;
        self.steps(case)
    }

    /// Fetches what the steps of the chains at hand hold.
    fn steps(&mut self, case: &LoadedCase) -> Result<()> {
        let chains = self.findings.iter().filter_map(|f| f.chain.as_ref());
        let steps = chains.flat_map(|chain| &chain.steps);
        let ids = steps.flat_map(|step| step.findings.iter().chain(&step.transfers)).cloned().collect();
        self.fetch(case, &ids)
    }

    /// Fetches what is not at hand.
    fn fetch(&mut self, case: &LoadedCase, ids: &BTreeSet<String>) -> Result<()> {
        let known = self.findings.iter().map(|f| f.id.as_str()).chain(self.transfers.iter().map(|t| t.id.as_str()));
        let known: BTreeSet<&str> = known.collect();
        let ids: BTreeSet<String> = ids.iter().filter(|id| !known.contains(id.as_str())).cloned().collect();
        if ids.is_empty() {
            return Ok(());
        }
        for finding in case.findings()? {
            let finding = finding?;
            if ids.contains(&finding.id) {
                self.findings.push(finding);
            }
        }
        for transfer in case.transfers()? {
            let transfer = transfer?;
            if ids.contains(transfer.id.as_str()) {
                self.transfers.push(transfer);
            }
        }
        Ok(())
    }
}

fn judged(scope: &ScopeVerdict, routes: Vec<RouteVerdict>) -> Judged {
    Judged {
        scope: scope.scope.clone(),
        state: scope.state,
        likelihood: scope.likelihood,
        confidence: scope.confidence,
        confidence_reasons: scope.confidence_reasons.clone(),
        routes,
        collect_next: scope.coverage.collect_next.clone(),
    }
}

/// All reasons of a scope, those against its state last.
fn reasons<'s>(
    scope: &'s ScopeVerdict,
    clauses: &BTreeMap<&str, &str>,
) -> impl Iterator<Item = (&'s ReasonGiven, Why)> {
    let sides = scope.reasons.iter().map(|r| ("for", r)).chain(scope.counter_evidence.iter().map(|r| ("against", r)));
    let clauses: BTreeMap<String, String> =
        clauses.iter().map(|(id, text)| ((*id).to_owned(), (*text).to_owned())).collect();
    sides.map(move |(side, reason)| {
        let why = Why {
            scope: scope.scope.clone(),
            side,
            clause: reason.clause.clone(),
            clause_text: clauses.get(&reason.clause).cloned().unwrap_or_default(),
            text: reason.text.clone(),
            findings: reason.findings.clone(),
        };
        (reason, why)
    })
}

/// The answer for people: at most `shown` findings, transfers and records behind each thing. Log content is escaped.
pub fn explained_text(of: &Explained, shown: usize) -> String {
    let mut page = Page {
        out: String::new(),
        of,
        findings: of.findings.iter().map(|f| (f.id.as_str(), f)).collect(),
        transfers: of.transfers.iter().map(|t| (t.id.as_str(), t)).collect(),
        shown,
        told: BTreeSet::new(),
    };
    if let Some((id, text)) = &of.clause {
        page.line(0, &format!("{id}: {text}"));
        if of.reasons.is_empty() {
            page.line(2, "nothing in this verdict rests on it");
        }
    }
    let single = of.single();
    if single {
        page.all();
    }
    for scope in &of.scopes {
        page.scope(scope);
    }
    if single && of.scopes.is_empty() {
        page.line(0, "no reason of the verdict cites it");
    }
    page.out
}

struct Page<'e> {
    out: String,
    of: &'e Explained,
    findings: BTreeMap<&'e str, &'e Finding>,
    transfers: BTreeMap<&'e str, &'e Transfer>,
    shown: usize,
    /// Findings and transfers whose records are shown already.
    told: BTreeSet<&'e str>,
}

impl<'e> Page<'e> {
    fn line(&mut self, indent: usize, text: &str) {
        let _ = writeln!(self.out, "{:indent$}{}", "", safe::text(text));
    }

    fn scope(&mut self, scope: &'e Judged) {
        let Judged { scope: name, state, confidence, .. } = scope;
        let likelihood = likelihood(scope.likelihood, scope.state);
        self.line(0, &format!("{name}: {} (likelihood: {likelihood}; confidence: {})", state.word(), word(confidence)));
        for reason in &scope.confidence_reasons {
            self.line(2, &format!("confidence: {reason}"));
        }
        for route in &scope.routes {
            let bytes = bounds(route.bytes, size);
            let time = times(route.first, route.last) + &perhaps_from(route.first_possible);
            let moved = if route.transfers.is_empty() { String::new() } else { format!(", {bytes}") };
            self.line(2, &format!("{name}/{}: {}{moved}{time}", route.route.word(), route.state.word()));
            for chain in &route.chains {
                self.line(4, &format!("carried by the chain {chain}"));
            }
        }
        let of = self.of;
        for why in of.reasons.iter().filter(|why| why.scope == *name) {
            self.why(why);
        }
        for next in &scope.collect_next {
            self.line(2, &format!("to collect: {next}"));
        }
    }

    fn why(&mut self, why: &'e Why) {
        let side = if why.side == "for" { "" } else { "against it, " };
        self.line(2, &format!("{side}{}: {}", why.clause, why.text));
        if self.of.clause.is_none() {
            self.line(6, &format!("clause: {}", why.clause_text));
        }
        let (moved, found): (Vec<&String>, Vec<&String>) = why.findings.iter().partition(|id| id.starts_with("t-"));
        if self.of.single() {
            // What else carries the reason was not asked about.
            let others = why.findings.len() - why.findings.iter().filter(|id| self.has(id)).count();
            if others > 0 {
                self.line(4, &format!("carried by {} more (explain CASE {} shows them)", others, why.clause));
            }
            return;
        }
        for id in moved.into_iter().chain(found).take(self.shown) {
            self.cited(id, 4);
        }
        self.beyond(4, why.findings.len(), "findings and transfers");
    }

    fn has(&self, id: &str) -> bool {
        self.findings.contains_key(id) || self.transfers.contains_key(id)
    }

    fn beyond(&mut self, indent: usize, count: usize, what: &str) {
        if count > self.shown {
            self.line(indent, &format!("… more {what}: {} (--all shows them)", count - self.shown));
        }
    }

    /// All findings and transfers, each with its records; of a chain what its steps tell.
    fn all(&mut self) {
        let of = self.of;
        if let Some(chain) = of.findings.first().filter(|f| f.chain.is_some()) {
            return self.cited(&chain.id, 0);
        }
        let ids = of.findings.iter().map(|f| &*f.id).chain(of.transfers.iter().map(|t| &*t.id));
        ids.for_each(|id| self.cited(id, 0));
    }

    fn cited(&mut self, id: &str, indent: usize) {
        match (self.findings.get(id).copied(), self.transfers.get(id).copied()) {
            (Some(f), _) => self.finding(f, indent),
            (_, Some(t)) => self.transfer(t, indent),
            _ => self.line(indent, &format!("{id} (not in the case)")),
        }
    }

    fn finding(&mut self, f: &'e Finding, indent: usize) {
        let Finding { id, level, rule, outcome, count, .. } = f;
        let time = times(f.time.first, f.time.last);
        self.line(indent, &format!("{id}: {} ({}, {}{time})", rule.title, word(level), word(outcome)));
        if !self.told.insert(id) {
            return;
        }
        if let Some(indicator) = &f.indicator {
            self.line(indent + 2, &format!("listed value: {} ({})", indicator.value, indicator.feed));
        }
        if let Some(chain) = &f.chain {
            self.chain(chain, indent + 2);
            return;
        }
        if f.evidence.iter().all(|e| e.excerpt.is_empty()) {
            self.line(indent + 2, &f.text);
        }
        self.records(&f.evidence, *count, indent + 2);
        for link in f.links.iter().take(self.shown) {
            self.line(indent + 2, &format!("made of {link}"));
        }
        self.beyond(indent + 2, f.links.len(), "findings that it is made of");
    }

    /// The steps of a chain, each with its findings and transfers.
    fn chain(&mut self, chain: &'e Chain, indent: usize) {
        for step in &chain.steps {
            let order = match step.order {
                StepOrder::First => "first: ",
                StepOrder::After => "then: ",
                StepOrder::NotKnown => "order not known: ",
            };
            self.line(indent, &format!("{order}{}", step.told()));
            if !step.by.is_empty() {
                self.line(indent + 2, &format!("joined by {}", step.by.join(", ")));
            }
            step.findings.iter().chain(&step.transfers).take(self.shown).for_each(|id| self.cited(id, indent + 2));
            let ids = step.findings.len() + step.transfers.len();
            self.beyond(indent + 2, ids, "findings and transfers");
        }
        if chain.omitted_steps > 0 {
            self.line(indent, &format!("… and {}", counted(chain.omitted_steps, "more step", "more steps")));
        }
        if chain.elsewhere > 0 {
            self.line(
                indent,
                &format!(
                    "of other scopes belong to it: {}",
                    counted(chain.elsewhere, "finding or transfer", "findings and transfers")
                ),
            );
        }
    }

    fn transfer(&mut self, t: &'e Transfer, indent: usize) {
        let Transfer { id, route, from, to, records, time, .. } = t;
        let time = times(time.map(|t| t.first), time.map(|t| t.last));
        let bytes = bounds(t.bytes, size);
        self.line(indent, &format!("{id}: {bytes} from {from} to {to} by {}{time}", route.word()));
        if !self.told.insert(id) {
            return;
        }
        let accounts =
            if t.accounts.is_empty() { String::new() } else { format!("; accounts: {}", t.accounts.join(", ")) };
        let seen: Vec<&str> = t.seen_by.iter().map(|source| source.as_str()).collect();
        self.line(indent + 2, &format!("seen by {}{accounts}", seen.join(", ")));
        if let Some(of) = &t.passed_on {
            self.line(indent + 2, &passed_on(of));
        }
        if let Some(apart) = &t.apart {
            self.line(indent + 2, &apart.told());
        }
        if let Some(why) = &t.sanctioned {
            self.line(indent + 2, &format!("sanctioned: {why}"));
        }
        self.records(&t.evidence.list(), *records, indent + 2);
    }

    /// Cited records: where they stand, by which digest they are known, and how they begin.
    fn records(&mut self, evidence: &[Evidence], count: u64, indent: usize) {
        for e in evidence.iter().take(self.shown) {
            let Evidence { place, sha256, excerpt, .. } = e;
            self.line(indent, &format!("{} (offset {}, {} bytes)", rows::place(e), place.offset, place.length));
            self.line(indent + 2, &format!("SHA-256 {sha256}"));
            if !excerpt.is_empty() {
                self.line(indent + 2, &format!("> {excerpt}"));
            }
        }
        let shown = evidence.len().min(self.shown) as u64;
        if count > shown && shown > 0 {
            self.line(indent, &format!("… {count} records in all, {} cited in the case", evidence.len()));
        }
    }
}

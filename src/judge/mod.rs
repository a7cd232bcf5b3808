//! The verdict: a pure function of findings, transfers and coverage. One file per family of clauses; [`CLAUSES`]
//! lists them all.

mod alike;
mod attempts;
mod chains;
mod clauses;
mod clouds;
mod contact;
mod data;
mod earlier;
mod elsewhere;
mod facts;
mod gaps;
mod intrusion;
mod joined;
mod likelihood;
mod links;
mod listed;
mod movement;
mod novel;
mod order;
mod peers;
mod prepared;
mod reached;
mod routes;
mod served;
mod signals;
mod sum;
mod suspects;
mod touched;
mod visitors;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::coverage::{Coverage, Gap, GapReason, SourceCoverage};
use crate::model::finding::{Finding, FindingKind};
use crate::model::place::Locator;
use crate::model::rule::Route;
use crate::model::time::Instant;
use crate::model::transfer::Transfer;
use crate::model::verdict::{ReasonGiven, ScopeVerdict, State, Verdict};
use crate::model::whose::{UNATTRIBUTED, Whose};

pub use chains::{CROWD, Called};
pub use clauses::{CLAUSES, Clause};
pub use prepared::prepared;

/// What a route of a scope has been found to be so far.
#[derive(Default)]
struct Way<'a> {
    state: Option<State>,
    disclosed: bool,
    /// Findings that speak of it, each with what it makes of the route.
    findings: BTreeMap<&'a str, State>,
    transfers: BTreeMap<&'a str, Counted<'a>>,
}

impl<'a> Way<'a> {
    /// Cites findings that make the route what a state says.
    fn cite(&mut self, state: State, ids: impl IntoIterator<Item = &'a str>) {
        for id in ids {
            self.findings.entry(id).and_modify(|known| *known = state.min(*known)).or_insert(state);
        }
    }
}

impl Way<'_> {
    /// The findings that carry what left or was accessed by it.
    fn carried(&self) -> impl Iterator<Item = &str> {
        self.findings.iter().filter(|(_, state)| **state <= State::Accessed).map(|(id, _)| *id)
    }
}

/// A transfer that a clause speaks of.
#[derive(Clone, Copy)]
struct Counted<'a> {
    transfer: &'a Transfer,
    /// So many of its bytes count at least.
    bytes: u64,
    /// What it was found to be.
    state: State,
}

/// Everything about one scope while it is judged.
struct Bench<'a> {
    scope: String,
    whose: &'a Whose,
    findings: Vec<&'a Finding>,
    /// Findings by the destinations that they name: there are many transfers.
    by_destination: BTreeMap<&'a str, Vec<&'a Finding>>,
    /// Listed addresses outside that made contact, with the findings that say so.
    visitors: suspects::ByAddress<'a>,
    /// Addresses outside from which a stranger used an account, with the findings that say so.
    strangers: suspects::ByAddress<'a>,
    transfers: Vec<&'a Transfer>,
    sources: Vec<&'a SourceCoverage>,
    coverage: &'a Coverage,
    /// Logs of which anybody outside writes the user names.
    forgeable: BTreeSet<&'a Locator>,
    intruder: intrusion::Intruder,
    /// What the intruder did with data before anything showed it to be one.
    earlier: Vec<&'a Finding>,
    /// When each of what shows the intruder began, as far as findings of this scope do.
    proved: BTreeMap<&'a str, Instant>,
    /// Who is shown elsewhere, with what it did here.
    elsewhere: Vec<(String, String)>,
    /// What hosts sent beside each other, once that was asked.
    peers: Option<peers::Peers<'a>>,
    /// What is given to everybody alike.
    alike: alike::Alike<'a>,
    /// Systems of this scope from which an intruder came that is shown in others, with the findings that say so.
    origins: BTreeMap<String, BTreeSet<String>>,
    /// Data findings with listed contact.
    together: contact::Together<'a>,
    ways: BTreeMap<Route, Way<'a>>,
    reasons: Vec<ReasonGiven>,
    counter: Vec<ReasonGiven>,
    ask: Vec<String>,
    collect: Vec<String>,
    open: BTreeMap<Route, Vec<String>>,
    /// Routes of which part of the bytes is not known.
    unbounded: BTreeSet<Route>,
    /// Lesser findings that no clause has taken up.
    background: BTreeSet<&'a str>,
    /// Findings about data that count, with the state that they give.
    reached: BTreeMap<&'a str, State>,
    /// All findings, those too that a correlation stands for.
    all: &'a [Finding],
    /// What kinds of data findings say were reached, with these.
    categories: BTreeMap<&'static str, BTreeSet<&'a str>>,
}

impl<'a> Bench<'a> {
    /// Gives a route a state, unless it has a worse one.
    fn put(&mut self, route: Route, state: State) -> &mut Way<'a> {
        let way = self.ways.entry(route).or_default();
        way.state = Some(way.state.map_or(state, |s| s.min(state)));
        way
    }

    /// The same with the findings that say so.
    fn put_by(&mut self, route: Route, state: State, ids: impl IntoIterator<Item = &'a str>) -> &mut Way<'a> {
        let way = self.put(route, state);
        way.cite(state, ids);
        way
    }

    /// Gives a transfer, and with it its route, a state.
    fn count(&mut self, transfer: &'a Transfer, bytes: u64, state: State) -> &mut Way<'a> {
        let way = self.put(transfer.route, state);
        way.transfers.insert(&transfer.id, Counted { transfer, bytes, state });
        way
    }

    fn reason(&mut self, clause: &str, text: String, ids: Vec<String>) {
        give(&mut self.reasons, given(clause, text, ids));
    }

    fn against(&mut self, clause: &str, text: String, ids: Vec<String>) {
        give(&mut self.counter, given(clause, text, ids));
    }

    fn ask(&mut self, question: String) {
        if !self.ask.contains(&question) {
            self.ask.push(question);
        }
    }
}

/// Adds a reason; the same words of the same clause are one reason with all the findings.
fn give(reasons: &mut Vec<ReasonGiven>, reason: ReasonGiven) {
    match reasons.iter_mut().find(|known| known.clause == reason.clause && known.text == reason.text) {
        Some(known) => known.findings.extend(reason.findings),
        None => reasons.push(reason),
    }
}

fn given(clause: &str, text: String, findings: Vec<String>) -> ReasonGiven {
    debug_assert!(clauses::by_id(clause).is_some(), "{clause} is not listed");
    ReasonGiven { clause: clause.to_owned(), text, findings }
}

/// The answer, and what it tells of how things hang together.
pub struct Judged {
    /// The answer.
    pub verdict: Verdict,
    /// The chains, as findings, sorted by id.
    pub chains: Vec<Finding>,
}

/// Judges every scope in the order of the scopes file, then what fits none. No entity is taken to be called by many: see
/// [`judged`].
pub fn judge(findings: &[Finding], transfers: &[Transfer], coverage: &Coverage, whose: &Whose) -> Verdict {
    judged(findings, transfers, coverage, whose, &|_| BTreeSet::new()).verdict
}

/// The same with the chains; `called` tells which entities many use.
pub fn judged(
    findings: &[Finding],
    transfers: &[Transfer],
    coverage: &Coverage,
    whose: &Whose,
    called: Called<'_>,
) -> Judged {
    let mut names: Vec<&str> = whose.tenants.iter().map(|t| t.name.as_str()).collect();
    if is_loose(findings, transfers, coverage, whose) || names.is_empty() {
        names.push(UNATTRIBUTED);
    }
    let concerned: Vec<_> = names.iter().map(|name| coverage.of(&whose.acting_for(name))).collect();
    let seats = names.into_iter().zip(&concerned);
    let mut benches: Vec<Bench<'_>> =
        seats.map(|(name, coverage)| bench(name, findings, transfers, coverage, whose)).collect();
    elsewhere::join(&mut benches);
    let mut links = Vec::new();
    let mut scopes = Vec::new();
    for bench in benches {
        let (scope, own) = one(bench);
        scopes.push(scope);
        links.extend(own);
    }
    sum::share(&mut scopes, whose);
    let mut verdict = Verdict {
        schema: "exfiltrace.verdict/1".to_owned(),
        overall: sum::overall(&scopes),
        period: None,
        hits_only: coverage.hits_only,
        scopes,
        facts: facts::stated(whose),
    };
    let chains = chains::all(links, transfers, whose, called);
    chains::cite(&mut verdict, &chains);
    Judged { verdict, chains }
}

/// Whether something fits no scope: a finding, a transfer, or a log with hidden parts of which nobody knows whose.
fn is_loose(findings: &[Finding], transfers: &[Transfer], coverage: &Coverage, whose: &Whose) -> bool {
    let hides = |reason| {
        use GapReason::{Capped, Cleared, ExportTruncated, FindingsCapped, NumbersMissing};
        matches!(reason, Cleared | NumbersMissing | Capped | FindingsCapped | ExportTruncated)
    };
    let hidden = |s: &SourceCoverage| s.gaps.iter().any(|g| hides(g.reason) && (s.scopes.is_empty() || g.is_nobodys()));
    findings.iter().any(|f| belongs(f, UNATTRIBUTED, whose))
        || transfers.iter().any(|t| *t.scope == *UNATTRIBUTED)
        || coverage.sources.iter().any(hidden)
}

/// The sources that speak of a scope. Of what fits no scope speak those that nobody claims and those that show it.
fn speaking<'a>(
    name: &str,
    findings: &[&Finding],
    transfers: &[&Transfer],
    coverage: &'a Coverage,
    whose: &Whose,
) -> Vec<&'a SourceCoverage> {
    let found = findings.iter().flat_map(|f| &f.evidence).map(|e| &e.source);
    let showing: BTreeSet<&Locator> = found.chain(transfers.iter().flat_map(|t| t.seen_by.iter())).collect();
    let speaks = |s: &&SourceCoverage| match name {
        UNATTRIBUTED => {
            whose.tenants.is_empty()
                || s.scopes.is_empty()
                || showing.contains(&s.source)
                || s.gaps.iter().any(Gap::is_nobodys)
        }
        _ => s.scopes.iter().any(|scope| scope == name),
    };
    coverage.sources.iter().filter(speaks).collect()
}

/// Whether a finding is judged under a scope. A pattern and a correlation over records of several scopes is one finding without a scope of its own: it is judged under each scope that its entities touch; a
/// correlation whose addresses and hosts are of none, under those of its accounts.
fn belongs(f: &Finding, name: &str, whose: &Whose) -> bool {
    if f.scope != UNATTRIBUTED || !matches!(f.kind, FindingKind::Indicator | FindingKind::Correlation) {
        return f.scope == name;
    }
    let ends = f.entities.sources.iter().chain(&f.entities.destinations).chain(&f.entities.hosts);
    let mut touched: Vec<&str> = ends.flat_map(|text| whose.scopes_of_entity(text)).collect();
    if touched.is_empty() && f.kind == FindingKind::Correlation {
        touched.extend(f.entities.accounts.iter().flat_map(|account| whose.scopes_of_account(account)));
    }
    if touched.is_empty() { name == UNATTRIBUTED } else { touched.contains(&name) }
}

/// The findings of a scope, without those that a correlation stands for: it is made of them, says the same of what became of
/// it, is as grave, of all their stages, and of their route where they have one. So nothing counts twice.
fn apart(findings: Vec<&Finding>) -> Vec<&Finding> {
    let mut made_of: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for (f, link) in findings.iter().flat_map(|f| f.links.iter().map(move |link| (*f, link))) {
        made_of.entry(link).or_default().push(f);
    }
    let stands = |f: &Finding, one: &Finding| {
        let is_of_route = one.route.is_none() || f.route == one.route;
        let is_of_stages = one.stage.iter().all(|stage| f.stage.contains(stage));
        f.level >= one.level && f.outcome == one.outcome && is_of_route && is_of_stages
    };
    let is_apart = |one: &&Finding| !made_of.get(&*one.id).is_some_and(|of| of.iter().any(|f| stands(f, one)));
    if made_of.is_empty() { findings } else { findings.into_iter().filter(is_apart).collect() }
}

/// Logs of web servers: the user name of a request is what the client says.
fn web_servers(coverage: &Coverage) -> BTreeSet<&Locator> {
    let web = coverage.sources.iter().filter(|s| s.observes.contains(&Route::WebResponse));
    let served_only = |s: &&SourceCoverage| {
        s.observes.iter().all(|route| matches!(route, Route::WebResponse | Route::HttpsUpload | Route::CloudStorage))
    };
    web.filter(served_only).map(|s| &s.source).collect()
}

/// What is known of a scope before it is judged.
fn bench<'a>(
    name: &str,
    findings: &'a [Finding],
    transfers: &'a [Transfer],
    coverage: &'a Coverage,
    whose: &'a Whose,
) -> Bench<'a> {
    let mine: Vec<&Finding> = apart(findings.iter().filter(|f| belongs(f, name, whose)).collect());
    let moved: Vec<&Transfer> = transfers.iter().filter(|t| *t.scope == *name).collect();
    let forgeable = web_servers(coverage);
    let mut by_destination: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for (f, to) in mine.iter().flat_map(|f| f.entities.destinations.iter().map(move |to| (*f, to))) {
        by_destination.entry(to).or_default().push(f);
    }
    let together = contact::together(&mine, whose, &forgeable);
    let mut intruder = intrusion::of(&mine, &together, (name, whose), &forgeable);
    let earlier = earlier::begin(&mut intruder, &mine, &moved, (whose, &forgeable));
    Bench {
        by_destination,
        visitors: suspects::visitors(findings, (&mine, &moved), whose),
        strangers: suspects::strangers(&mine, whose),
        scope: name.to_owned(),
        whose,
        intruder,
        earlier,
        proved: BTreeMap::new(),
        elsewhere: Vec::new(),
        origins: BTreeMap::new(),
        peers: None,
        alike: alike::Alike::default(),
        together,
        forgeable,
        sources: speaking(name, &mine, &moved, coverage, whose),
        background: attempts::lesser(&mine),
        findings: mine,
        transfers: moved,
        coverage,
        ways: BTreeMap::new(),
        reasons: Vec::new(),
        counter: Vec::new(),
        ask: Vec::new(),
        collect: Vec::new(),
        open: BTreeMap::new(),
        unbounded: BTreeSet::new(),
        reached: BTreeMap::new(),
        all: findings,
        categories: BTreeMap::new(),
    }
}

/// The verdict of a scope, and what can be links of chains.
fn one(mut bench: Bench<'_>) -> (ScopeVerdict, Vec<links::Link<'_>>) {
    let proofs = bench.intruder.proofs.iter().map(String::as_str);
    let shows: BTreeSet<&str> = proofs.chain(bench.earlier.iter().map(|f| f.id.as_str())).collect();
    let told = bench.findings.iter().filter(|f| shows.contains(f.id.as_str()));
    bench.proved = told.filter_map(|f| Some((f.id.as_str(), f.time.first?))).collect();
    intrusion::clauses(&mut bench);
    earlier::clauses(&mut bench);
    elsewhere::clauses(&mut bench);
    reached::clauses(&mut bench);
    attempts::clauses(&mut bench);
    movement::clauses(&mut bench);
    signals::beacons(&mut bench);
    signals::of_many(&mut bench);
    signals::refused(&mut bench);
    data::given(&mut bench);
    attempts::around_movement(&mut bench);
    attempts::background(&mut bench);
    gaps::clauses(&mut bench);
    let links = links::of(&bench);
    (sum::up(bench), links)
}

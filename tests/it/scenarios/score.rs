//! Holds an answer against the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use exfiltrace::model::chain::StepOrder;
use exfiltrace::model::finding::{Finding, FindingKind};
use exfiltrace::model::rule::Stage;
use exfiltrace::model::time::Instant;
use exfiltrace::model::verdict::{RouteVerdict, ScopeVerdict, State, Verdict};
use exfiltrace::scan::Outcome;

use super::generated::{ScopeTruth, Truth, Way};

/// First and last may differ by so much.
const SECONDS: i64 = 60;

/// What was right and what was not.
#[derive(Default)]
pub struct Score {
    /// Scopes judged.
    pub scopes: usize,
    /// Of these, in the state that the truth has.
    pub exact: usize,
    /// How often each true state was told as which.
    confusion: BTreeMap<(String, String), usize>,
    /// By likelihood: how many scopes, and of how many data was compromised.
    calibration: BTreeMap<String, Share>,
    /// The same of thefts of which the records of the intrusion are not there.
    unrecorded: BTreeMap<String, Share>,
    /// Incidents by the number of their chains.
    chained: BTreeMap<usize, usize>,
    /// Where it is known that the truth is missed.
    pub missed: Vec<String>,
    /// What must not be.
    pub faults: Vec<String>,
}

/// How many, and of how many data was compromised.
#[derive(Default, Clone, Copy)]
struct Share {
    all: usize,
    stolen: usize,
}

impl Share {
    fn add(&mut self, stolen: bool) {
        self.all += 1;
        self.stolen += usize::from(stolen);
    }
}

/// The likelihood of a scope by its word.
fn likelihood(told: &ScopeVerdict) -> String {
    told.likelihood.map_or("none".to_owned(), word)
}

/// A word of the output.
pub fn word(value: impl serde::Serialize) -> String {
    match serde_json::to_value(value).unwrap() {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }
}

/// A route's verdict by its word.
pub fn route<'v>(scope: &'v ScopeVerdict, name: &str) -> &'v RouteVerdict {
    scope.routes.iter().find(|r| r.route.word() == name).unwrap()
}

/// A scope's verdict by its name.
pub fn scope<'v>(verdict: &'v Verdict, name: &str) -> &'v ScopeVerdict {
    verdict.scopes.iter().find(|s| s.scope == name).unwrap_or_else(|| panic!("no scope {name}"))
}

impl Score {
    /// Adds an answer, under a scopes file with or without the sanctioned entry.
    pub fn add(&mut self, what: &str, truth: &Truth, twin: bool, sanctioned: bool, outcome: &Outcome) {
        self.chains(&format!("{what}{}", if sanctioned { "" } else { " without entry" }), truth, twin, outcome);
        for told in &outcome.verdict.scopes {
            let known = truth.told.iter().find(|t| t.scope == told.scope);
            let state = known.map_or("no_evidence", |t| if sanctioned { t.state } else { t.unsanctioned });
            let what = format!("{what}{}, {}", if sanctioned { "" } else { " without entry" }, told.scope);
            self.class(&what, state, known, told);
            if known.is_some_and(|t| t.missed == Some(&*word(told.state))) {
                self.missed.push(what.clone());
                self.claims(&what, truth, &[], told);
                continue;
            }
            self.exfiltration(&what, state, told);
            let ways = known.map(|t| ways(t, twin, sanctioned)).unwrap_or_default();
            for way in &ways {
                self.way(&what, way, route(told, way.route));
            }
            self.claims(&what, truth, &ways, told);
        }
    }

    fn fault(&mut self, what: &str, fault: std::fmt::Arguments<'_>) {
        self.faults.push(format!("{what}: {fault}"));
    }

    fn class(&mut self, what: &str, state: &str, known: Option<&ScopeTruth>, told: &ScopeVerdict) {
        let said = word(told.state);
        self.scopes += 1;
        if said == state {
            self.exact += 1;
        } else {
            let clauses: Vec<&str> = told.reasons.iter().map(|r| r.clause.as_str()).collect();
            println!("{what}: {said}, truth {state}; {clauses:?}");
        }
        *self.confusion.entry((state.to_owned(), said)).or_default() += 1;
        self.calibration.entry(likelihood(told)).or_default().add(known.is_some_and(|known| known.stolen));
    }

    /// Adds what is said of a theft where no record shows how the intruder got in.
    pub fn add_unrecorded(&mut self, truth: &Truth, outcome: &Outcome) {
        for known in truth.told.iter().filter(|known| known.stolen) {
            let told = scope(&outcome.verdict, &known.scope);
            self.unrecorded.entry(likelihood(told)).or_default().add(true);
        }
    }

    /// None is claimed that is not, and none that is is missed.
    fn exfiltration(&mut self, what: &str, state: &str, told: &ScopeVerdict) {
        let said = word(told.state);
        if (said == "exfiltrated") != (state == "exfiltrated") {
            self.fault(what, format_args!("{said}, truth {state}"));
        }
    }

    /// One way out: state, time, bytes, who and where.
    fn way(&mut self, what: &str, way: &Way, told: &RouteVerdict) {
        let what = format!("{what} {}", way.route);
        if word(told.state) != way.state {
            return self.fault(&what, format_args!("{}, truth {}", word(told.state), way.state));
        }
        for (name, said, true_time) in [("first", told.first, way.first), ("last", told.last, way.last)] {
            let near = said.is_some_and(|said| (said.micros() / 1_000_000 - true_time).abs() <= SECONDS);
            if !near {
                let time = Instant::from_secs(true_time).unwrap();
                self.fault(&what, format_args!("{name} is {said:?}, truth {time}"));
            }
        }
        let (lower, upper) = (told.bytes.lower, told.bytes.upper);
        if lower > way.bytes || upper.is_some_and(|upper| upper < way.bytes) {
            self.fault(&what, format_args!("{} bytes are not within {lower} and {upper:?}", way.bytes));
        }
        let most = way.bytes + way.beside;
        let wide = lower < way.bytes - way.bytes / 20 || upper.is_none_or(|upper| upper > most + most / 20);
        if way.tight && wide {
            self.fault(&what, format_args!("{lower} to {upper:?} is wide for {}", way.bytes));
        }
        for (name, said, all) in
            [("destination", &told.destinations, &way.destinations), ("source", &told.hosts, &way.sources)]
        {
            for missing in all.iter().filter(|one| !said.contains(one)) {
                self.fault(&what, format_args!("{name} {missing} is not among {said:?}"));
            }
        }
    }

    /// Of a twin no chain; of an incident one, with what left in it and the machines that it left from and for.
    fn chains(&mut self, what: &str, truth: &Truth, twin: bool, outcome: &Outcome) {
        let found: Vec<&Finding> = outcome.findings.list().iter().filter(|f| f.kind == FindingKind::Chain).collect();
        found.iter().for_each(|f| println!("{what}: chain: {}", f.text));
        if twin {
            found.iter().for_each(|f| self.fault(what, format_args!("a chain: {}", f.text)));
            return;
        }
        *self.chained.entry(found.len()).or_default() += 1;
        if found.len() > 1 {
            self.fault(what, format_args!("{} chains", found.len()));
        }
        for f in &found {
            let named = &f.entities.destinations;
            truth.decoys.iter().filter(|decoy| named.contains(decoy)).for_each(|decoy| {
                self.fault(what, format_args!("a chain names the decoy {decoy}"));
            });
            let first = f.chain.iter().flat_map(|chain| &chain.steps).find(|step| step.order == StepOrder::First);
            if first.is_some_and(|step| step.stage == [Stage::Exfiltration]) {
                self.fault(what, format_args!("a chain begins with its exit: {}", f.text));
            }
        }
        for (told, known) in
            outcome.verdict.scopes.iter().flat_map(|s| Some((s, truth.told.iter().find(|t| t.scope == s.scope)?)))
        {
            let ways = known.ways.iter().filter(|way| way.state == "exfiltrated" && word(told.state) == "exfiltrated");
            for (way, said) in ways.map(|way| (way, route(told, way.route))) {
                let Some(f) = found.first().filter(|f| said.chains == [f.id.clone()]) else {
                    self.fault(what, format_args!("no chain carries {}: {:?}", way.route, said.chains));
                    continue;
                };
                let chain = f.chain.as_ref().unwrap();
                let missing = said.transfers.iter().filter(|id| !chain.transfers.contains(id)).count();
                if missing > 0 {
                    self.fault(what, format_args!("the chain lacks {missing} transfers of {}", way.route));
                }
                let names = &f.entities;
                for name in way.destinations.iter().chain(&way.sources) {
                    if ![&names.sources, &names.destinations, &names.hosts].iter().any(|list| list.contains(name)) {
                        self.fault(what, format_args!("the chain does not name {name}"));
                    }
                }
            }
        }
    }

    /// That no more is claimed than is true.
    fn claims(&mut self, what: &str, truth: &Truth, ways: &[Way], told: &ScopeVerdict) {
        for said in &told.routes {
            let claims = matches!(said.state, State::Exfiltrated | State::Unexplained);
            if claims && !ways.iter().any(|way| way.route == said.route.word()) {
                self.fault(what, format_args!("{} by {}", word(said.state), said.route.word()));
            }
            for decoy in truth
                .decoys
                .iter()
                .filter(|decoy| said.state <= State::Unexplained && said.destinations.contains(decoy))
            {
                self.fault(what, format_args!("cites the decoy {decoy}"));
            }
        }
    }

    /// The tables.
    pub fn table(&self) -> String {
        let mut text = format!("{} of {} scopes exact, {} faults\n", self.exact, self.scopes, self.faults.len());
        writeln!(text, "known to be missed: {:?}", self.missed).unwrap();
        text.push_str("truth -> told: scopes\n");
        for ((state, said), count) in &self.confusion {
            writeln!(text, "  {state:14} -> {said:14} {count:5}").unwrap();
        }
        writeln!(text, "incidents by number of chains: {:?}", self.chained).unwrap();
        text.push_str("likelihood: scopes, with data compromised, share; thefts without the records of the intrusion; share with them\n");
        let words: BTreeSet<&String> = self.calibration.keys().chain(self.unrecorded.keys()).collect();
        for likelihood in words {
            let of = |table: &BTreeMap<String, Share>| table.get(likelihood).copied().unwrap_or_default();
            let (told, more) = (of(&self.calibration), of(&self.unrecorded));
            let share = |stolen: usize, all: usize| stolen as f64 / all.max(1) as f64;
            let with = share(told.stolen + more.stolen, told.all + more.all);
            let alone = share(told.stolen, told.all);
            let Share { all, stolen } = told;
            writeln!(text, "  {likelihood:21} {all:5} {stolen:5} {alone:5.2} {:5} {with:5.2}", more.all).unwrap();
        }
        text
    }
}

/// What a right answer says of ways out: of a twin with its entry nothing.
fn ways(truth: &ScopeTruth, twin: bool, sanctioned: bool) -> Vec<Way> {
    let is_explained = twin && sanctioned && matches!(truth.state, "no_evidence" | "attempted");
    if is_explained { Vec::new() } else { truth.ways.clone() }
}

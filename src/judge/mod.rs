//! The verdict: a pure function of findings, transfers and coverage. One file per family of clauses; [`CLAUSES`]
//! lists them all.

mod facts;
mod gaps;
mod intrusion;
mod movement;
mod sum;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::coverage::{Coverage, SourceCoverage};
use crate::model::finding::{Finding, FindingKind};
use crate::model::place::Locator;
use crate::model::rule::Route;
use crate::model::transfer::Transfer;
use crate::model::verdict::{ReasonGiven, State, Verdict};
use crate::model::whose::{UNATTRIBUTED, Whose};

/// One rule of judgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clause {
    /// Stable id.
    pub id: &'static str,
    /// What it says.
    pub text: &'static str,
}

/// All clauses, by id.
pub const CLAUSES: &[Clause] = &[
    Clause {
        id: "J-01",
        text: "a rule of level high or above whose action succeeded shows intrusion; data leaving or being packed does not by itself",
    },
    Clause {
        id: "J-02",
        text: "a blocked outbound transfer or call home from inside, by a rule of level high or above, shows intrusion",
    },
    Clause { id: "J-03", text: "contact from inside to a listed value is a suspicion, never proof" },
    Clause { id: "J-04", text: "attacks that failed, or contact from a listed address, are attempts" },
    Clause { id: "J-05", text: "lesser findings are background: counted, not judged" },
    Clause {
        id: "J-06",
        text: "a collection, staging or exfiltration finding of level high or above that succeeded, and contact of the same host or account with a listed value within a day, together show intrusion",
    },
    Clause {
        id: "J-10",
        text: "1 MiB or more served to the address of a successful intruder, from then on, is data that left",
    },
    Clause {
        id: "J-11",
        text: "an upload by a host or account of an intrusion, from then on and within 30 days, to a destination that findings name (1 MiB), of 50 MiB to one name (registered domain) or address, or of 200 MiB by one way out to all others together, is data that left",
    },
    Clause {
        id: "J-12",
        text: "less than 1 MiB but 64 KiB or more served to a successful intruder is data that was shown",
    },
    Clause {
        id: "J-13",
        text: "collection, staging, exfiltration or credential findings that succeeded, with intrusion shown, are data accessed",
    },
    Clause {
        id: "J-14",
        text: "bytes of the hour in which the intrusion began, of which the logs kept do not tell whether they left before it, count towards the upper bound only, and leave the route open where a state hangs on them",
    },
    Clause {
        id: "J-20",
        text: "50 MiB or more within 24 hours, or 500 MiB in all, from one host to one outside name (registered domain) or address, and 200 MiB or 1 GiB from one host by one way out to all others together, that nothing authorises and nothing ties to intrusion are unexplained",
    },
    Clause {
        id: "J-21",
        text: "a sanctioned entry of which all keys match explains a transfer; traffic logs do not tell the tool, so an entry that names one matches none",
    },
    Clause {
        id: "J-22",
        text: "a sanctioned entry does not explain the transfer of a host or account that shows intrusion",
    },
    Clause {
        id: "J-23",
        text: "collection, staging or exfiltration findings without intrusion and without a sanctioned transfer of the same host or account are unexplained",
    },
    Clause {
        id: "J-24",
        text: "1 MiB or more of names asked for within 24 hours, or 10 MiB in all, by one client below one registered domain is unexplained; a DNS log shows no other bytes",
    },
    Clause { id: "J-30", text: "a promised log that is not there leaves its routes open" },
    Clause {
        id: "J-31",
        text: "a log that was cleared, could not be read (1 % of its records or bytes, or more) or holds more conversations or grave hits than are kept leaves its routes open; one that nobody's paths claim may be anybody's",
    },
    Clause { id: "J-32", text: "after intrusion, bytes at the edge must be observed for its whole period" },
    Clause { id: "J-33", text: "a scope of which no log shows a way out cannot be judged" },
    Clause { id: "J-34", text: "while shared or unattributed systems hold accessed or moved data, no scope is clean" },
    Clause {
        id: "J-35",
        text: "a log that shows a way out, but not the bytes that leave by it, leaves it open unless another log states them for the same time",
    },
    Clause { id: "J-36", text: "a way out that is observed and that no clause judges is open" },
    Clause { id: "J-40", text: "intrusion is shown and no access to data or movement is seen" },
];

/// What a route of a scope has been found to be so far.
#[derive(Default)]
struct Way<'a> {
    state: Option<State>,
    disclosed: bool,
    findings: BTreeSet<&'a str>,
    /// Transfers, and how many of their bytes count at least.
    transfers: BTreeMap<&'a str, (&'a Transfer, u64)>,
}

/// Everything about one scope while it is judged.
struct Bench<'a> {
    scope: String,
    whose: &'a Whose,
    findings: Vec<&'a Finding>,
    transfers: Vec<&'a Transfer>,
    sources: Vec<&'a SourceCoverage>,
    coverage: &'a Coverage,
    /// Logs of which anybody outside writes the user names.
    forgeable: BTreeSet<&'a Locator>,
    intruder: intrusion::Intruder,
    ways: BTreeMap<Route, Way<'a>>,
    reasons: Vec<ReasonGiven>,
    counter: Vec<ReasonGiven>,
    ask: Vec<String>,
    collect: Vec<String>,
    open: BTreeMap<Route, Vec<String>>,
    /// Routes of which part of the bytes is not known.
    unbounded: BTreeSet<Route>,
}

impl<'a> Bench<'a> {
    /// Gives a route a state, unless it has a worse one.
    fn put(&mut self, route: Route, state: State) -> &mut Way<'a> {
        let way = self.ways.entry(route).or_default();
        way.state = Some(way.state.map_or(state, |s| s.min(state)));
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
    debug_assert!(CLAUSES.iter().any(|c| c.id == clause), "{clause} is not listed");
    ReasonGiven { clause: clause.to_owned(), text, findings }
}

/// Judges every scope in the order of the scopes file, then what fits none.
pub fn judge(findings: &[Finding], transfers: &[Transfer], coverage: &Coverage, whose: &Whose) -> Verdict {
    let mut names: Vec<&str> = whose.tenants.iter().map(|t| t.name.as_str()).collect();
    let loose =
        findings.iter().any(|f| belongs(f, UNATTRIBUTED, whose)) || transfers.iter().any(|t| t.scope == UNATTRIBUTED);
    if loose || names.is_empty() {
        names.push(UNATTRIBUTED);
    }
    let mut scopes: Vec<_> = names.iter().map(|name| one(name, findings, transfers, coverage, whose)).collect();
    sum::share(&mut scopes, whose);
    Verdict {
        schema: "exfiltrace.verdict/1".to_owned(),
        overall: sum::overall(&scopes),
        period: None,
        scopes,
        facts: facts::stated(whose),
    }
}

/// Whether a finding is judged under a scope. An indicator that one source shows for several scopes is one finding
/// without a scope of its own: it is judged under each scope that its entities touch.
fn belongs(f: &Finding, name: &str, whose: &Whose) -> bool {
    if f.scope != UNATTRIBUTED || f.kind != FindingKind::Indicator {
        return f.scope == name;
    }
    let ends = f.entities.sources.iter().chain(&f.entities.destinations).chain(&f.entities.hosts);
    let mut touched = ends.flat_map(|text| whose.scopes_of_entity(text)).peekable();
    match touched.peek() {
        None => name == UNATTRIBUTED,
        Some(_) => touched.any(|scope| scope == name),
    }
}

/// Logs of web servers: the user name of a request is what the client says.
fn web_servers(coverage: &Coverage) -> BTreeSet<&Locator> {
    let web = coverage.sources.iter().filter(|s| s.observes.contains(&Route::WebResponse));
    let served_only = |s: &&SourceCoverage| {
        s.observes.iter().all(|route| matches!(route, Route::WebResponse | Route::HttpsUpload | Route::CloudStorage))
    };
    web.filter(served_only).map(|s| &s.source).collect()
}

fn one(
    name: &str,
    findings: &[Finding],
    transfers: &[Transfer],
    coverage: &Coverage,
    whose: &Whose,
) -> crate::model::verdict::ScopeVerdict {
    let mine: Vec<&Finding> = findings.iter().filter(|f| belongs(f, name, whose)).collect();
    let speaks = |s: &&SourceCoverage| match name {
        UNATTRIBUTED => whose.tenants.is_empty() || s.scopes.is_empty(),
        _ => s.scopes.iter().any(|scope| scope == name),
    };
    let forgeable = web_servers(coverage);
    let mut bench = Bench {
        scope: name.to_owned(),
        whose,
        intruder: intrusion::of(&mine, whose, &forgeable),
        forgeable,
        findings: mine,
        transfers: transfers.iter().filter(|t| t.scope == name).collect(),
        sources: coverage.sources.iter().filter(speaks).collect(),
        coverage,
        ways: BTreeMap::new(),
        reasons: Vec::new(),
        counter: Vec::new(),
        ask: Vec::new(),
        collect: Vec::new(),
        open: BTreeMap::new(),
        unbounded: BTreeSet::new(),
    };
    intrusion::clauses(&mut bench);
    movement::clauses(&mut bench);
    gaps::clauses(&mut bench);
    sum::up(bench)
}

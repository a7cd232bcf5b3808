//! A case for one scope: what it may know, and nothing of the others.

use std::collections::{BTreeSet, HashSet};

use hashbrown::HashMap;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{CaseInput, ClocksUsed};
use crate::error::{Error, Result};
use crate::model::coverage::{Coverage, SourceCoverage};
use crate::model::finding::{Entities, Evidence, Finding, FindingKind, FindingTime, Share};
use crate::model::findings::Findings;
use crate::model::ledger::{Entry, Note, Reason};
use crate::model::partial::Partial;
use crate::model::place::Locator;
use crate::model::rule::Outcome;
use crate::model::transfer::Transfer;
use crate::model::verdict::{Overall, Verdict};
use crate::model::whose::{Tenant, UNATTRIBUTED, Whose};
use crate::model::words::counted;

/// What stands in the place of a name, address or account of another scope.
pub const WITHHELD: &str = "[withheld]";

/// The parts of a case that concern one scope. It has no state: it is for handing on, and cannot grow.
pub struct Only {
    /// The answer for the scope.
    pub verdict: Verdict,
    /// Its findings, and those that several scopes share with the records that name no other.
    pub findings: Findings,
    /// Its transfers.
    pub transfers: Vec<Transfer>,
    /// Sources that speak of it.
    pub coverage: Coverage,
    /// The ledger of these, and of the containers that they lie in.
    pub ledger: Vec<Entry>,
    /// The zone of logs that carry none, without single hosts and paths.
    pub clocks: ClocksUsed,
    /// Nothing.
    pub partial: Partial,
}

/// Cuts a case down to one scope. What is left of names, addresses and accounts of other scopes in it (a locator, a record
/// that speaks of two) is replaced by [`WITHHELD`]; shared scopes are not others.
///
/// # Errors
/// [`Error::Usage`] where there is no such scope.
pub fn only(input: &CaseInput<'_>, scope: &str, whose: &Whose) -> Result<Only> {
    let mask = Mask::of(scope, whose)?;
    let sources: Vec<&SourceCoverage> =
        input.coverage.sources.iter().filter(|s| s.scopes.iter().any(|name| name == scope)).collect();
    // What is written out has no shares; the list in memory has.
    let shared = input.findings.list().iter().filter(|f| !f.shares.is_empty());
    let shares: HashMap<&str, &[Share]> = shared.map(|f| (&*f.id, &*f.shares)).collect();
    let findings: Result<Vec<Finding>> = input
        .findings
        .iter()
        .filter_map(|f| {
            let f = match &f.chain {
                Some(chain) => chain.of_scope(scope).map(|own| own.finding(f.id.clone(), scope)),
                None if f.scope == scope => Some(of_sources(f.into_owned(), &sources)),
                None => {
                    let shares = shares.get(&*f.id).copied().unwrap_or_default();
                    mask.shared(&f, shares).map(|f| of_sources(f, &sources))
                }
            };
            f.map(|f| mask.masked(&f))
        })
        .collect();
    let mut findings = findings?;
    let moved = input.transfers.iter().filter(|t| *t.scope == *scope);
    let cited: BTreeSet<Locator> = moved.clone().flat_map(cited).collect();
    let transfers: Vec<Transfer> = moved.map(|t| mask.masked(t)).collect::<Result<_>>()?;
    let found: HashSet<String> = findings.iter().map(|f| f.id.clone()).collect();
    findings.iter_mut().for_each(|f| f.links.retain(|id| found.contains(id)));
    let moved: HashSet<&str> = transfers.iter().map(|t| &*t.id).collect();
    let is_kept = |id: &str| found.contains(id) || moved.contains(id);
    Ok(Only {
        verdict: mask.masked(&verdict(input.verdict, scope, is_kept))?,
        coverage: mask.masked(&coverage(input, &sources, scope, whose))?,
        ledger: ledger(input.ledger, &sources, &cited).iter().map(|entry| mask.masked(entry)).collect::<Result<_>>()?,
        findings: findings.into(),
        transfers,
        clocks: ClocksUsed { zones: Vec::new(), ..input.clocks.clone() },
        partial: Partial::default(),
    })
}

/// Whether a case can be cut down to this scope.
///
/// # Errors
/// [`Error::Usage`] where there is no such scope.
pub fn exists(scope: &str, whose: &Whose) -> Result<()> {
    if whose.tenants.iter().any(|t| t.name == scope) {
        return Ok(());
    }
    let names: Vec<&str> = whose.tenants.iter().map(|t| t.name.as_str()).collect();
    Err(Error::Usage { what: format!("--only-scope {scope}: no scope of this name; there are {}", names.join(", ")) })
}

/// A finding with those joins alone of which a log of the scope tells.
fn of_sources(mut f: Finding, sources: &[&SourceCoverage]) -> Finding {
    f.joined.retain(|joined| sources.iter().any(|s| s.source == joined.by.source));
    f
}

/// The logs whose records a transfer cites: of a shared gateway too that says whose its sender's address was.
fn cited(t: &Transfer) -> Vec<Locator> {
    let joins = t.joined.iter().map(|joined| joined.by.source.clone());
    t.evidence.list().iter().map(|e| e.source.clone()).chain(joins).collect()
}

/// The entries of these sources, of those that are cited, and of the containers that they lie in. Their remarks name no other
/// source.
fn ledger(whole: &[Entry], sources: &[&SourceCoverage], cited: &BTreeSet<Locator>) -> Vec<Entry> {
    let is_own = |entry: &&Entry| {
        let below = format!("{}!/", entry.source);
        let mut own = sources.iter().map(|s| &s.source).chain(cited);
        own.any(|source| *source == entry.source || source.as_str().starts_with(&below))
    };
    let mut own: Vec<Entry> = whole.iter().filter(is_own).cloned().collect();
    let others = || whole.iter().filter(|entry| !is_own(entry)).map(|entry| entry.source.as_str());
    let names_another = |note: &&mut Note| matches!(note.reason, Reason::DeliveredInPart | Reason::DeliveredTwice);
    for note in own.iter_mut().flat_map(|entry| &mut entry.notes).filter(names_another) {
        let named = others().filter(|other| note.detail.contains(other)).max_by_key(|other| other.len());
        if let Some(other) = named {
            note.detail = note.detail.replace(other, WITHHELD);
        }
    }
    own
}

/// The answer for the scope, which cites what is kept and nothing else.
fn verdict(whole: &Verdict, scope: &str, is_kept: impl Fn(&str) -> bool) -> Verdict {
    let mut one = whole.clone();
    one.scopes.retain(|s| s.scope == scope);
    for s in &mut one.scopes {
        let reasons = s.reasons.iter_mut().chain(&mut s.counter_evidence).map(|reason| &mut reason.findings);
        let routes = s.routes.iter_mut().flat_map(|route| [&mut route.findings, &mut route.transfers]);
        let kinds = s.data_categories.iter_mut().map(|kind| &mut kind.findings);
        reasons.chain(routes).chain(kinds).for_each(|ids| ids.retain(|id| is_kept(id)));
    }
    one.facts.retain(|fact| fact.scope.as_ref().is_none_or(|of| of == scope));
    if let Some(s) = one.scopes.first() {
        one.overall =
            Overall { state: s.state, likelihood: s.likelihood, confidence: s.confidence, complete: s.complete };
    }
    one
}

fn coverage(input: &CaseInput<'_>, sources: &[&SourceCoverage], scope: &str, whose: &Whose) -> Coverage {
    let mut promised = whose.promises.iter().filter(|p| p.scope.as_ref().is_none_or(|of| of == scope));
    let promised: Vec<_> = promised.by_ref().filter_map(|p| whose.broken(p, &input.coverage.sources)).collect();
    Coverage {
        schema: input.coverage.schema.clone(),
        sources: sources.iter().map(|s| own_of(s, sources, scope, whose)).collect(),
        gaps: promised,
        referred: input.coverage.referred.iter().filter(|r| r.scope == scope).cloned().collect(),
        correlations: Vec::new(),
        skews: {
            let is_own = |log: &Locator| sources.iter().any(|s| s.source == *log);
            input.coverage.skews.iter().filter(|skew| is_own(&skew.first) && is_own(&skew.second)).cloned().collect()
        },
        hits_only: input.coverage.hits_only,
    }
}

/// What a source covers, as far as the scope is concerned.
fn own_of(source: &SourceCoverage, sources: &[&SourceCoverage], scope: &str, whose: &Whose) -> SourceCoverage {
    let mut own = SourceCoverage { scopes: vec![scope.to_owned()], ..source.clone() };
    if let Some(years) = &mut own.clock.years {
        years.beside = years.beside.take().filter(|beside| sources.iter().any(|s| s.source == *beside));
    }
    if let Some(dates) = &mut own.dates {
        dates.sibling = dates.sibling.take().filter(|sibling| sources.iter().any(|s| s.source == *sibling));
    }
    own.gaps.retain(|gap| gap.concerns(&whose.acting_for(scope)));
    own
}

/// Keys whose values are words, digests and ids of ours, and never names from the evidence.
const OURS: &[&str] = &[
    "route",
    "open_routes",
    "observes",
    "unlogged",
    "unread",
    "routes",
    "state",
    "clause",
    "level",
    "kind",
    "outcome",
    "stage",
    "attack",
    "likelihood",
    "confidence",
    "intrusion",
    "actor",
    "reason",
    "format",
    "holds",
    "schema",
    "sha256",
    "id",
    "baseline",
    "confidentiality",
    "integrity",
    "availability",
    "assumed",
    "protection",
    "findings",
    "transfers",
    "links",
    "chains",
    "order",
    "digest",
    "first",
    "last",
    "time",
];

/// Keys by which a join of an address with whom it was given to is known.
const JOINED: [&str; 3] = ["address", "by", "reason"];

/// Knows what belongs to others.
struct Mask<'w> {
    scope: &'w str,
    whose: &'w Whose,
    others: Vec<&'w Tenant>,
    /// Titles of others, lower case.
    titles: Vec<String>,
}

impl<'w> Mask<'w> {
    fn of(scope: &'w str, whose: &'w Whose) -> Result<Self> {
        exists(scope, whose)?;
        let others: Vec<&Tenant> = whose.tenants.iter().filter(|t| t.name != scope && !t.shared).collect();
        let titled = whose.scopes.scope.iter().filter(|s| others.iter().any(|t| t.name == s.name));
        let titles = titled.filter_map(|s| s.title.as_deref().map(str::to_ascii_lowercase)).collect();
        Ok(Self { scope, whose, others, titles })
    }

    /// What of a finding that several scopes share is this one's: its share where one is known, else, of single records, those
    /// that name this scope and no other. Nothing of others is told: how many there are, when, and what became of theirs.
    fn shared(&self, f: &Finding, shares: &[Share]) -> Option<Finding> {
        if let Some(share) = shares.iter().find(|share| share.scope == self.scope) {
            return Some(self.of_share(f, share));
        }
        if f.scope != UNATTRIBUTED || !matches!(f.kind, FindingKind::Rule | FindingKind::Indicator) {
            return None;
        }
        let own = |e: &&Evidence| {
            let mut tokens = tokens(&e.excerpt).map(|(_, token)| token);
            tokens.any(|token| self.scopes_of(token).contains(&self.scope)) && self.text(&e.excerpt).is_none()
        };
        let evidence: Vec<Evidence> = f.evidence.iter().filter(own).cloned().collect();
        if evidence.len() as u64 == f.count {
            return Some(f.clone());
        }
        let names = |all: &[String]| {
            let stands = |name: &&String| evidence.iter().any(|e| tokens(&e.excerpt).any(|(_, token)| token == **name));
            all.iter().filter(stands).cloned().collect()
        };
        let Entities { sources, destinations, hosts, accounts } = &f.entities;
        let entities = Entities {
            sources: names(sources),
            destinations: names(destinations),
            hosts: names(hosts),
            accounts: names(accounts),
        };
        let text = told(f, evidence.len() as u64);
        let (time, outcome) = (FindingTime { first: None, last: None, assumed: None }, Outcome::Unknown);
        let count = evidence.len() as u64;
        (count > 0).then(|| Finding { count, omitted: 0, time, outcome, entities, evidence, text, ..f.clone() })
    }

    /// A finding over records of several scopes, with those of this one.
    fn of_share(&self, f: &Finding, share: &Share) -> Finding {
        let evidence: Vec<Evidence> = share.cited.iter().filter_map(|at| f.evidence.get(*at)).cloned().collect();
        Finding {
            scope: self.scope.to_owned(),
            count: share.count,
            omitted: share.count.saturating_sub(evidence.len() as u64),
            time: FindingTime {
                first: share.time.map(|span| span.first),
                last: share.time.map(|span| span.last),
                assumed: f.time.assumed,
            },
            outcome: share.outcome,
            entities: share.entities.clone(),
            joined: f
                .joined
                .iter()
                .filter(|joined| share.entities.sources.contains(&joined.address))
                .cloned()
                .collect(),
            evidence,
            text: told(f, share.count),
            ..f.clone()
        }
    }

    /// A value with the names of others replaced.
    fn masked<T: Serialize + DeserializeOwned>(&self, of: &T) -> Result<T> {
        let failed = |wrong: serde_json::Error| Error::Usage { what: format!("--only-scope {}: {wrong}", self.scope) };
        let mut value = serde_json::to_value(of).map_err(failed)?;
        self.mask(&mut value);
        serde_json::from_value(value).map_err(failed)
    }

    fn mask(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Some(masked) = self.text(text) {
                    *text = masked;
                }
            }
            Value::Array(list) => {
                list.iter_mut().for_each(|value| self.mask(value));
                // A list of names has each once.
                let mut seen = BTreeSet::new();
                list.retain(|value| value.as_str() != Some(WITHHELD) || seen.insert(WITHHELD));
            }
            Value::Object(map) => {
                let is_plain = |value: &Value| match value {
                    Value::String(_) => true,
                    Value::Array(list) => list.iter().all(Value::is_string),
                    _ => false,
                };
                // Why an address is taken for somebody's names whom it was given to.
                let is_joined = JOINED.iter().all(|key| map.contains_key(*key));
                let is_ours = |key: &str| OURS.contains(&key) && !(is_joined && key == "reason");
                let named = map.iter_mut().filter(|(key, value)| !(is_ours(key) && is_plain(value)));
                named.for_each(|(_, value)| self.mask(value));
            }
            _ => {}
        }
    }

    /// The text with what belongs to others replaced; `None` where nothing does.
    fn text(&self, text: &str) -> Option<String> {
        let mut cuts: Vec<(usize, usize)> =
            tokens(text).filter(|(_, token)| self.is_others(token)).map(|(at, token)| (at, at + token.len())).collect();
        let lower = text.to_ascii_lowercase();
        for title in self.titles.iter().filter(|title| !title.is_empty()) {
            cuts.extend(lower.match_indices(title.as_str()).map(|(at, found)| (at, at + found.len())));
        }
        cuts.sort_unstable();
        let mut out = String::new();
        let mut done = 0;
        for (from, to) in cuts.iter().copied() {
            if from >= done {
                out.push_str(&text[done..from]);
                out.push_str(WITHHELD);
            }
            done = done.max(to);
        }
        out.push_str(text.get(done..).unwrap_or_default());
        (!cuts.is_empty()).then_some(out)
    }

    /// Whether a token names another scope, or something that belongs to others alone.
    fn is_others(&self, token: &str) -> bool {
        let lower = token.to_ascii_lowercase();
        let parts = || {
            lower
                .split(['@', '\\', ':'])
                .map(|part| part.trim_matches(['.', '-', '_', '$']))
                .filter(|part| part.len() > 1)
        };
        let named = self.others.iter().any(|other| {
            let name = other.name.to_ascii_lowercase();
            let realms = || other.accounts.iter().chain(&other.mail);
            parts().any(|part| {
                has_word(part, &name)
                    || realms().any(|realm| has_word(part, realm))
                    || other.buckets.iter().any(|glob| glob.is_match(part))
            })
        });
        let owners = self.scopes_of(token);
        let is_other = |owner: &&str| self.others.iter().any(|other| other.name == **owner);
        named || !owners.is_empty() && owners.iter().all(is_other)
    }

    /// The scopes to which any part of a token belongs.
    fn scopes_of(&self, token: &str) -> Vec<&'w str> {
        let whole = token.trim_matches(['.', '-', '_', '$', ':', '@', '\\']);
        let mut found = self.whose.scopes_of_entity(whole);
        for part in whole.split(['@', '\\', ':']).filter(|part| part.len() > 1 && *part != whole) {
            found.extend(self.whose.scopes_of_entity(part.trim_matches(['.', '$'])));
        }
        found.extend(self.whose.scopes_of_account(whole));
        found
    }
}

/// Whether a text holds a word that no letter or digit stands beside.
fn has_word(text: &str, word: &str) -> bool {
    let is_edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    !word.is_empty()
        && text.match_indices(word).any(|(at, found)| {
            is_edge(text[..at].chars().next_back()) && is_edge(text[at + found.len()..].chars().next())
        })
}

/// What a finding means of which so many records are a scope's own.
fn told(f: &Finding, count: u64) -> String {
    let records = counted(count, "record", "records");
    match (&f.indicator, f.kind) {
        (Some(indicator), FindingKind::Indicator) => indicator.told(&format!("stands in {records}")),
        _ => format!("{}: {records} of this scope beside those of others, which it takes to show it", f.rule.title),
    }
}

/// What may be a name, an address or an account in a text, with its place.
fn tokens(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@' | '\\' | ':' | '$');
    let mut rest = 0;
    std::iter::from_fn(move || {
        let from = rest + text[rest..].find(is_part)?;
        let to = from + text[from..].find(|c| !is_part(c)).unwrap_or(text.len() - from);
        rest = to;
        Some((from, &text[from..to]))
    })
}

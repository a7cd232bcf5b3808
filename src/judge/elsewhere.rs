//! J-86, J-89: who is shown to be an intruder in one scope is one in every scope in which it acts.
//!
//! What stands in the verdict of a scope of it is of that scope alone: the entity, which its own records name, and what it did
//! there, from when on.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::accounts::{distinct, folded, principal};
use crate::model::assigned::{Giver, Joined};
use crate::model::finding::{Finding, FindingKind};
use crate::model::place::Locator;
use crate::model::rule::{Level, Outcome, Route};
use crate::model::time::Instant;
use crate::model::transfer::Transfer;
use crate::model::whose::{Side, same_host};

use super::alike::Alike;
use super::intrusion::{Intruder, WINDOW_SECS, accounts, is_data};
use super::movement;
use super::{Bench, attempts, reached, touched};

/// From when on an entity is an intruder's, and how long what it does is taken for that one's.
#[derive(Clone, Copy)]
struct Since {
    first: Instant,
    end: Instant,
}

/// What intruders of all scopes are known by.
#[derive(Default)]
struct Known {
    addresses: BTreeMap<String, Since>,
    /// Of these, those that are known by more than a session of a VPN gateway that came from there.
    direct: BTreeSet<String>,
    /// Hosts of theirs, by [`Whose::entity`](crate::model::whose::Whose::entity).
    hosts: BTreeMap<String, Since>,
    /// Accounts that name their realm, by [`principal`], each with a spelling and the logs that name it.
    accounts: BTreeMap<String, (Since, String, BTreeSet<String>)>,
}

impl Known {
    /// From when on the host of another scope at an address is an intruder's; not where a log says that another one held that address.
    fn host_at(&self, bench: &Bench<'_>, from: &str, joined: &[Joined]) -> Option<Since> {
        let of_others = Some(from).filter(|from| bench.whose.is_of_others(from, &bench.scope))?;
        let host = bench.whose.entity(of_others);
        let is_held = bench.whose.denied(&host, joined).is_none();
        self.hosts.iter().find(|(own, _)| is_held && same_host(own, &host)).map(|(_, since)| *since)
    }

    fn of(benches: &[Bench<'_>]) -> Self {
        let mut all = Self::default();
        for intruder in benches.iter().map(|bench| &bench.intruder).filter(|intruder| intruder.is_shown()) {
            let Some(first) = intruder.first else { continue };
            let end = intruder.last.unwrap_or(first).max(first).plus_secs(WINDOW_SECS);
            let since = Since { first, end };
            for address in &intruder.came_from {
                all.addresses.entry(address.clone()).and_modify(|known| known.join(since)).or_insert(since);
            }
            all.direct.extend(intruder.came_from.difference(&intruder.let_in).cloned());
            for host in intruder.hosts.difference(&intruder.logged_on) {
                all.hosts.entry(host.clone()).and_modify(|known| known.join(since)).or_insert(since);
            }
            for (account, logs) in &intruder.accounts {
                let Some(key) = principal(account) else { continue };
                let known = all.accounts.entry(key).or_insert_with(|| (since, account.clone(), BTreeSet::new()));
                known.0.join(since);
                known.2.extend(logs.iter().cloned());
            }
        }
        all
    }
}

impl Since {
    fn join(&mut self, other: Self) {
        (self.first, self.end) = (self.first.min(other.first), self.end.max(other.end));
    }
}

/// What an intruder did in a scope.
struct Act {
    id: String,
    /// The address or account that acted, as the records of the scope name it.
    by: String,
    /// Of an account, what it is known by elsewhere.
    known_as: Option<String>,
    at: Instant,
}

/// Makes those who are shown in one scope known in the others.
pub(super) fn join(benches: &mut [Bench<'_>]) {
    if benches.len() < 2 {
        return;
    }
    let known = Known::of(benches);
    origins(benches);
    if known.addresses.is_empty() && known.accounts.is_empty() && known.hosts.is_empty() {
        return;
    }
    for bench in benches {
        for (by, transfers) in shared(bench, &known) {
            let accounts = distinct(transfers.iter().flat_map(|t| &t.accounts).map(String::as_str)).join(", ");
            let text = format!(
                "{by}, an intruder's elsewhere in this case, is no sign here: {accounts} used it on {SHARED_DAYS} days or more before"
            );
            bench.against("J-86", text, transfers.iter().map(|t| t.id.to_string()).collect());
            bench.ask(format!(
                "who else is behind {by}, which {accounts} used before an intruder did elsewhere in this case?"
            ));
        }
        let acts = acts(bench, &known);
        if acts.is_empty() {
            continue;
        }
        for act in &acts {
            take(&mut bench.intruder, act, &known);
        }
        bench.intruder.reached = reached::of(&bench.findings, &bench.intruder, bench.whose);
        bench.elsewhere = acts.into_iter().map(|act| (act.by, act.id)).collect();
    }
}

/// Makes it known in a scope that an intruder of another one came from there. What else that system does is not the intruder's
/// by this: many may be behind one address.
fn origins<'a>(benches: &mut [Bench<'a>]) {
    let mut came: Vec<(&'a str, &'a Finding)> = Vec::new();
    for bench in benches.iter().filter(|bench| bench.intruder.is_shown()) {
        for f in bench.findings.iter().copied().filter(|f| bench.intruder.proofs.contains(&f.id)) {
            let is_inside =
                |from: &&String| bench.intruder.came_from.contains(*from) && bench.whose.side(from) == Side::Inside;
            let logons = f.joined.iter().filter(|joined| joined.kind == Giver::Logon).map(|joined| &joined.address);
            came.extend(f.entities.sources.iter().chain(logons).filter(is_inside).map(|from| (from.as_str(), f)));
        }
    }
    for (from, f) in came {
        for bench in benches.iter_mut() {
            if !bench.whose.scopes_of_entity(from).contains(&bench.scope.as_str()) {
                continue;
            }
            bench.origins.entry(from.to_owned()).or_default().insert(f.id.clone());
            if !bench.intruder.proofs.contains(&f.id) {
                bench.intruder.proofs.push(f.id.clone());
            }
            bench.intruder.first = [bench.intruder.first, f.time.first].into_iter().flatten().min();
            bench.intruder.last = bench.intruder.last.max(f.time.last);
        }
    }
}

/// Adds who acted to the intruder of a scope.
fn take(intruder: &mut Intruder, act: &Act, known: &Known) {
    if let Some((_, account, logs)) = act.known_as.as_ref().and_then(|key| known.accounts.get(key)) {
        intruder.accounts.entry(account.clone()).or_default().extend(logs.iter().cloned());
    } else {
        intruder.came_from.insert(act.by.clone());
        intruder.let_in.extend(Some(act.by.clone()).filter(|by| !known.direct.contains(by)));
    }
    if !intruder.proofs.contains(&act.id) {
        intruder.proofs.push(act.id.clone());
    }
    intruder.first = Some(intruder.first.map_or(act.at, |first| first.min(act.at)));
    intruder.last = intruder.last.max(Some(act.at));
}

/// What those known did in a scope whose own findings do not show them.
fn acts(bench: &Bench<'_>, known: &Known) -> Vec<Act> {
    let own = &bench.intruder;
    let by_address = |text: &str| known.addresses.get_key_value(text).filter(|_| !own.came_from.contains(text));
    let mut acts = Vec::new();
    let alike = Alike::of(&bench.transfers, |t| known.addresses.contains_key(t.to.as_str()));
    for t in bench.transfers.iter().filter(|t| alike.told(t).is_none()) {
        for (by, since) in t.destinations().filter_map(by_address).filter(|(_, since)| !is_shared(t, **since)) {
            let at = from_then_on(t, *since).filter(|_| is_act(t, *since));
            acts.extend(at.map(|at| Act { id: t.id.to_string(), by: by.clone(), known_as: None, at }));
        }
    }
    for f in bench.findings.iter().copied().filter(|f| succeeded(f)) {
        for (by, since) in f.entities.sources.iter().filter_map(|from| by_address(from)) {
            let at = done(f, *since).filter(|_| bench.whose.side(by) == Side::Outside);
            acts.extend(at.map(|at| Act { id: f.id.clone(), by: by.clone(), known_as: None, at }));
        }
        for from in f.entities.sources.iter().filter(|from| is_data(f) && !own.came_from.contains(*from)) {
            let at = known.host_at(bench, from, &f.joined).and_then(|since| done(f, since));
            acts.extend(at.map(|at| Act { id: f.id.clone(), by: from.clone(), known_as: None, at }));
        }
        for account in accounts(f, &bench.forgeable) {
            let Some(key) = principal(account) else { continue };
            let logs = || f.evidence.iter().map(|e| e.source.clone()).collect::<Vec<Locator>>();
            let since = known.accounts.get(&key).filter(|_| !own.has_account(account, &logs())).map(|known| known.0);
            let at = since.and_then(|since| done(f, since));
            let by = folded(account).into_owned();
            acts.extend(at.map(|at| Act { id: f.id.clone(), by, known_as: Some(key), at }));
        }
    }
    acts
}

/// Whether a transfer to an intruder's address shows more than that it came by: a service knew it by an account, or as much was
/// served as shows data.
fn is_act(t: &Transfer, since: Since) -> bool {
    let is_let_in = matches!(t.route, Route::SaasDownload | Route::RemoteAccess) && !t.accounts.is_empty();
    is_let_in || t.since(since.first, since.end).sure >= movement::SHOWN_BYTES
}

/// An account that was at work at an address on so many days before anything shows an intruder there has it in common with that one: a
/// carrier's, a hotel's.
const SHARED_DAYS: usize = 5;

/// Whether a service of ours knew by an account who was at the other end, on so many days before.
fn is_shared(t: &Transfer, since: Since) -> bool {
    let hours = t.hours.iter().filter(|hour| !t.accounts.is_empty() && **hour < since.first.hour());
    hours.map(|hour| hour.div_euclid(24)).collect::<BTreeSet<_>>().len() >= SHARED_DAYS
}

/// The addresses of intruders of other scopes at which an account of this one was before, each with its transfers: asked about, and no
/// proof.
fn shared<'a>(bench: &Bench<'a>, known: &Known) -> BTreeMap<String, Vec<&'a Transfer>> {
    let mut all: BTreeMap<String, Vec<&Transfer>> = BTreeMap::new();
    for t in &bench.transfers {
        let met = |to: &str| known.addresses.get(to).is_some_and(|since| is_shared(t, *since));
        if let Some(to) = t.destinations().find(|to| met(to) && !bench.intruder.came_from.contains(*to)) {
            all.entry(to.to_owned()).or_default().push(t);
        }
    }
    all
}

/// When a transfer first moved something from then on.
fn from_then_on(t: &Transfer, since: Since) -> Option<Instant> {
    let time = t.time.filter(|time| time.first <= since.end)?;
    match time.first >= since.first {
        true => Some(time.first),
        false => t.first_since(since.first).map(|first| first.known),
    }
}

/// When something was done, from then on.
fn done(f: &Finding, since: Since) -> Option<Instant> {
    let (first, last) = f.time.first.zip(f.time.last)?;
    (last >= since.first && first <= since.end).then_some(first.max(since.first))
}

/// Whether a finding shows that something succeeded, and not that a web server answered.
fn succeeded(f: &Finding) -> bool {
    f.kind != FindingKind::Indicator
        && (f.level >= Level::Medium || touched::is_many(f))
        && f.outcome == Outcome::Succeeded
        && !attempts::is_answered(f)
}

/// States who acts here as well.
pub(super) fn clauses(bench: &mut Bench<'_>) {
    let mut by: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (who, id) in std::mem::take(&mut bench.elsewhere) {
        by.entry(who).or_default().push(id);
    }
    for (who, ids) in by {
        let text =
            format!("{who} acts here too, and what it did elsewhere in this case shows that it is an intruder's");
        bench.reason("J-86", text, ids);
    }
    for (from, ids) in std::mem::take(&mut bench.origins) {
        let text = format!("an intruder that is shown elsewhere in this case came from {from}, which is of this scope");
        bench.reason("J-89", text, ids.into_iter().collect());
        bench.ask(format!("who used {from} when the intruder came from there, and is that system clean?"));
    }
}

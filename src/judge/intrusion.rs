//! J-01 to J-03, J-06: is there an intruder, and who is it?

use std::collections::{BTreeMap, BTreeSet};

use crate::model::assigned::{Giver, Joined};
use crate::model::finding::{Finding, FindingIndicator, FindingKind};
use crate::model::place::Locator;
use crate::model::rule::{Level, Outcome, Route, Stage};
use crate::model::time::{HOUR_SECS, Instant};
use crate::model::whose::{Side, Whose, address, same_account, same_host, same_named_account};

use super::Bench;
use super::contact::Together;
use super::listed;
use super::reached::{self, Reached};

/// Seconds of a day.
pub const DAY_SECS: i64 = 86_400;

/// How long after its signs an intrusion taints what its entities do.
pub const WINDOW_SECS: i64 = 30 * DAY_SECS;

/// Days of history from which on they say what was usual.
pub const BASELINE_DAYS: i64 = 14;

/// What is known of an intruder: whom and what its findings touch.
#[derive(Default)]
pub struct Intruder {
    pub proofs: Vec<String>,
    pub suspicions: Vec<String>,
    /// Inside hosts, by [`Whose::entity`].
    pub hosts: BTreeSet<String>,
    /// Of these, those that are known only as addresses from which its sessions came, or that its hosts held for a time.
    pub logged_on: BTreeSet<String>,
    /// Accounts, with the logs ([`Locator::log`]) that name them.
    pub accounts: BTreeMap<String, BTreeSet<String>>,
    /// Addresses from which it came, outside or of other scopes.
    pub came_from: BTreeSet<String>,
    /// Of these, those that it called from a host of ours and from which it did not come.
    pub called: BTreeSet<String>,
    /// Of these, those that are known only as where sessions of a VPN gateway came from, which let them in by their accounts.
    pub let_in: BTreeSet<String>,
    /// Of these, when the attack that succeeded began: its first finding within the hour before the first success.
    pub attacked: BTreeMap<String, Instant>,
    pub first: Option<Instant>,
    pub last: Option<Instant>,
    /// Hosts that it reached from its own later.
    pub reached: Reached,
}

impl Intruder {
    pub fn is_shown(&self) -> bool {
        !self.proofs.is_empty()
    }

    /// The addresses from which it came.
    pub fn origins(&self) -> impl Iterator<Item = &String> {
        self.came_from.difference(&self.called)
    }

    /// From when on a host, by [`Whose::entity`], is the intruder's: one that its proofs name from its first sign on.
    pub fn has_host(&self, host: &str) -> Option<Instant> {
        let first = self.first.filter(|_| self.hosts.iter().any(|own| same_host(own, host)));
        first.or_else(|| self.reached.since(host))
    }

    /// Whether an account that these logs name is the intruder's.
    pub fn has_account(&self, account: &str, logs: &[Locator]) -> bool {
        self.accounts
            .iter()
            .any(|(own, known)| is_one(own, account, || logs.iter().any(|log| known.contains(&log.log()))))
    }

    /// Adds who held an address from which a proof came: a host, or a session with its account.
    fn add_joined(&mut self, joined: &Joined, (scope, whose): (&str, &Whose)) {
        if joined.kind == Giver::Logon {
            match whose.side(&joined.address) {
                Side::Inside if !whose.is_of_others(&joined.address, scope) => {
                    self.logged_on.insert(whose.entity(&joined.address))
                }
                _ => self.came_from.insert(joined.address.clone()),
            };
            return;
        }
        if joined.kind != Giver::Vpn {
            self.hosts.extend(Some(&joined.host).filter(|host| !host.is_empty()).map(|host| whose.entity(host)));
            return;
        }
        self.let_in
            .extend(Some(&joined.peer).filter(|peer| !peer.is_empty() && whose.side(peer) == Side::Outside).cloned());
        if !joined.account.is_empty() {
            self.accounts.entry(joined.account.clone()).or_default().insert(joined.by.source.log());
        }
    }

    fn add_accounts(&mut self, f: &Finding, forgeable: &BTreeSet<&Locator>) {
        for account in accounts(f, forgeable) {
            let logs = f.evidence.iter().map(|e| e.source.log());
            self.accounts.entry(account.clone()).or_default().extend(logs);
        }
    }
}

/// Whether two accounts are one: of one realm, or of one log (all of its rotated files). A bare user name of another
/// log can be anybody's.
pub fn is_one(a: &str, b: &str, same_log: impl Fn() -> bool) -> bool {
    same_named_account(a, b) || same_account(a, b) && same_log()
}

/// The accounts of a finding that tie it to others: not the user names of web requests, which the client makes up.
pub fn accounts<'f>(f: &'f Finding, forgeable: &BTreeSet<&Locator>) -> &'f [String] {
    if f.evidence.iter().any(|e| forgeable.contains(&e.source)) { &[] } else { &f.entities.accounts }
}

/// Whether a finding and something that other logs show name one account.
pub fn shares_account(f: &Finding, others: &[String], logs: &[Locator], forgeable: &BTreeSet<&Locator>) -> bool {
    let same_log = || f.evidence.iter().any(|e| logs.iter().any(|log| log.log() == e.source.log()));
    accounts(f, forgeable).iter().any(|a| others.iter().any(|b| is_one(a, b, same_log)))
}

/// Data packed, read or sent: what an administrator's own tools do too.
pub fn is_data(f: &Finding) -> bool {
    f.stage.iter().any(|s| matches!(s, Stage::Collection | Stage::Staging | Stage::Exfiltration))
}

/// Of level high or above, and more than a listed value.
pub fn is_grave(f: &Finding) -> bool {
    f.kind != FindingKind::Indicator && f.level >= Level::High
}

/// Whether a finding shows intrusion by itself. A remote session between own systems is how administrators work.
pub fn intrudes(f: &Finding, whose: &Whose) -> bool {
    let way_in = |s: &Stage| {
        matches!(
            s,
            Stage::InitialAccess
                | Stage::Execution
                | Stage::CredentialAccess
                | Stage::LateralMovement
                | Stage::CommandAndControl
                | Stage::DefenceEvasion
                | Stage::Impact
        )
    };
    let leaves = f.stage.iter().any(|s| matches!(s, Stage::Staging | Stage::Exfiltration));
    let sources = &f.entities.sources;
    let own = f.route == Some(Route::RemoteAccess)
        && !sources.is_empty()
        && sources.iter().all(|from| whose.side(from) == Side::Inside);
    is_grave(f) && f.outcome == Outcome::Succeeded && !leaves && !own && f.stage.iter().any(way_in)
}

/// Whether a finding leads from inside to outside.
pub fn outward(f: &Finding, whose: &Whose) -> bool {
    let any = |list: &[String], side| list.iter().any(|t| whose.side(t) == side);
    any(&f.entities.destinations, Side::Outside) && !any(&f.entities.sources, Side::Outside)
}

/// A transfer or call home from inside that was blocked.
pub fn blocked_exit(f: &Finding, whose: &Whose) -> bool {
    let leaves = f.stage.iter().any(|s| matches!(s, Stage::CommandAndControl | Stage::Exfiltration));
    is_grave(f) && f.outcome == Outcome::Failed && leaves && outward(f, whose)
}

/// A sighting of a listed value that was on its list then, is on no warninglist and no common name.
pub fn is_listed(f: &Finding) -> bool {
    f.kind == FindingKind::Indicator && f.indicator.as_ref().is_none_or(FindingIndicator::is_sound)
}

/// Gathers the intruder of a scope from its findings.
pub fn of(
    findings: &[&Finding],
    together: &Together<'_>,
    (scope, whose): (&str, &Whose),
    forgeable: &BTreeSet<&Locator>,
) -> Intruder {
    let mut all = Intruder::default();
    for (data, begins) in &together.data {
        let ends = data.entities.sources.iter().filter(|t| whose.side(t) == Side::Inside);
        all.hosts.extend(ends.chain(&data.entities.hosts).map(|t| whose.entity(t)));
        all.add_accounts(data, forgeable);
        all.first = [all.first, data.time.first, *begins].into_iter().flatten().min();
        all.last = all.last.max(data.time.last);
    }
    all.came_from.extend(together.came_from.iter().cloned());
    let mut proofs = together.ids();
    for f in findings {
        if !intrudes(f, whose) && !blocked_exit(f, whose) {
            if f.kind == FindingKind::Indicator && outward(f, whose) || is_grave(f) && f.outcome == Outcome::Unknown {
                all.suspicions.push(f.id.clone());
            }
            continue;
        }
        proofs.insert(f.id.clone());
        let ends = f.entities.sources.iter().chain(&f.entities.destinations);
        let inside = ends.filter(|t| whose.side(t) == Side::Inside && !whose.is_of_others(t, scope));
        // Who held an address then is added below.
        let (lent, own): (Vec<&String>, Vec<&String>) = inside.partition(|text| is_lent(f, text));
        let is_known = |host: &String| whose.denied(host, &f.joined).is_none();
        all.logged_on.extend(lent.into_iter().map(|t| whose.entity(t)).filter(is_known));
        let own = own.into_iter().map(|t| whose.entity(t)).filter(is_known);
        all.hosts.extend(own.chain(f.entities.hosts.iter().map(|t| whose.entity(t))));
        // The address of a firewall that translates is not who came by it.
        let is_translated =
            |text: &&String| f.joined.iter().any(|joined| joined.kind == Giver::Nat && joined.address == **text);
        let others = f.entities.sources.iter().filter(|t| whose.is_of_others(t, scope));
        all.came_from.extend(others.filter(|text| !is_translated(text)).cloned());
        all.called.extend(called(f, whose).cloned());
        all.add_accounts(f, forgeable);
        // Who held the address that a firewall translated is added by itself.
        let (given, others): (Vec<&Joined>, Vec<&Joined>) =
            f.joined.iter().partition(|joined| joined.kind == Giver::Nat && is_lent(f, &joined.host));
        all.logged_on.extend(given.into_iter().map(|joined| whose.entity(&joined.host)).filter(is_known));
        others.into_iter().for_each(|joined| all.add_joined(joined, (scope, whose)));
        all.first = [all.first, f.time.first].into_iter().flatten().min();
        all.last = all.last.max(f.time.last);
    }
    all.logged_on = all.logged_on.difference(&all.hosts).cloned().collect();
    all.hosts.extend(all.logged_on.iter().cloned());
    all.proofs = proofs.into_iter().collect();
    all.let_in = all.let_in.difference(&all.came_from).filter(|from| !all.called.contains(*from)).cloned().collect();
    all.called = all.called.difference(&all.came_from).cloned().collect();
    all.came_from.extend(all.called.iter().cloned());
    all.came_from.extend(all.let_in.iter().cloned());
    all.attacked = all.first.map(|first| attacks(findings, &all.came_from, first)).unwrap_or_default();
    all.reached = reached::of(findings, &all, whose);
    all
}

/// Whether a log says that a VPN gateway or a DHCP server had given an address of a finding to somebody then, who is known by more than it.
fn is_lent(f: &Finding, address: &str) -> bool {
    f.joined.iter().any(|of| of.is_lent() && of.sure && of.address == *address)
}

/// The outside addresses to which what a proof tells of was done on a host leads, of no connection: those that its command calls.
fn called<'f>(f: &'f Finding, whose: &'f Whose) -> impl Iterator<Item = &'f String> {
    let is_of_command = f.kind == FindingKind::Rule && f.entities.sources.is_empty();
    let outside = |to: &&String| address(to).is_some() && whose.side(to) == Side::Outside;
    f.entities.destinations.iter().filter(move |to| is_of_command && outside(to))
}

/// When the attacks of these addresses began of which the first success is given.
fn attacks(findings: &[&Finding], came_from: &BTreeSet<String>, first: Instant) -> BTreeMap<String, Instant> {
    let mut began: BTreeMap<String, Instant> = BTreeMap::new();
    let is_attack = |f: &Finding| {
        let tries = f.stage.iter().any(|s| matches!(s, Stage::InitialAccess | Stage::CredentialAccess));
        f.kind != FindingKind::Indicator && f.level >= Level::Medium && tries
    };
    for f in findings.iter().filter(|f| is_attack(f)) {
        let Some(at) = f.time.first.filter(|at| *at <= first && *at >= first.plus_secs(-HOUR_SECS)) else { continue };
        for from in f.entities.sources.iter().filter(|from| came_from.contains(*from)) {
            began.entry(from.clone()).and_modify(|known| *known = at.min(*known)).or_insert(at);
        }
    }
    began
}

/// J-90: states from where the sessions came in which the intruder acted.
fn sessions(bench: &mut Bench<'_>) {
    let whose = bench.whose;
    let proofs = bench.findings.iter().filter(|f| intrudes(f, whose) || blocked_exit(f, whose));
    let logons =
        proofs.flat_map(|f| f.joined.iter().filter(|joined| joined.kind == Giver::Logon).map(move |j| (*f, j)));
    let told: Vec<(String, String)> = logons
        .map(|(f, joined)| {
            let by = format!("{} (by {}, offset {})", joined.reason, joined.by.source, joined.by.offset);
            (by, f.id.clone())
        })
        .collect();
    for (by, id) in told {
        bench.reason("J-90", format!("the intruder's session: {by}"), vec![id]);
    }
}

/// States what the intrusion findings say.
pub fn clauses(bench: &mut Bench<'_>) {
    sessions(bench);
    let whose = bench.whose;
    let ids = |test: &dyn Fn(&Finding) -> bool| -> Vec<String> {
        bench.findings.iter().filter(|f| test(f)).map(|f| f.id.clone()).collect()
    };
    let proof = ids(&|f| intrudes(f, whose));
    let blocked = ids(&|f| blocked_exit(f, whose));
    let outbound: Vec<&Finding> =
        bench.findings.iter().copied().filter(|f| f.kind == FindingKind::Indicator && outward(f, whose)).collect();
    let together: Vec<String> = bench.together.ids().into_iter().collect();
    let mut told = vec![
        ("J-01", proof, "actions of an intruder that succeeded".to_owned()),
        ("J-02", blocked, "blocked transfers from inside to outside".to_owned()),
    ];
    for (text, of) in listed::outward(&outbound) {
        told.push(("J-03", of.iter().map(|f| f.id.clone()).collect(), text));
    }
    for (clause, ids, text) in told {
        if !ids.is_empty() {
            let count =
                if ids.len() == 1 { "1 finding shows".to_owned() } else { format!("{} findings show", ids.len()) };
            bench.reason(clause, format!("{count} {text}"), ids);
        }
    }
    if !together.is_empty() {
        let text = "data was packed, read or sent by a host or account in contact with values of the indicator lists";
        bench.reason("J-06", text.to_owned(), together);
    }
}

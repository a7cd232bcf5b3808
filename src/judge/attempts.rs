//! J-04, J-05, J-07 to J-09: attacks of which no success is seen, what only makes suspicious, and background.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::accounts::folded;
use crate::model::finding::{Entities, Finding, FindingKind};
use crate::model::place::Locator;
use crate::model::rule::{Level, Outcome, REFUSED_EXITS, Route, Stage};
use crate::model::time::Instant;
use crate::model::transfer::Transfer;
use crate::model::verdict::State;
use crate::model::whose::{Side, Whose, same_account, same_host};

use super::Bench;
use super::intrusion::{DAY_SECS, accounts, blocked_exit, intrudes, is_data, is_grave, is_listed, outward};
use super::listed::{self, names_source};
use super::signals::is_signal;

/// From so many attacks of one source on one target within a day on, it is aimed at.
const PERSISTENT: u64 = 10;
/// From so many rules on.
const KINDS: usize = 2;

/// Why an attack is not background.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Aim {
    FromInside,
    Listed,
    Account,
    Kinds,
    Persistent,
}

impl Aim {
    fn words(self) -> &'static str {
        match self {
            Self::FromInside => "attacks from inside",
            Self::Listed => "attacks from addresses of the indicator lists",
            Self::Account => "attacks on accounts that exist",
            Self::Kinds => "attacks of several kinds by one source on one target within a day",
            Self::Persistent => "attacks by one source on one target, ten or more within a day",
        }
    }
}

/// States the attempts, and what is left as background.
pub fn clauses(bench: &mut Bench<'_>) {
    let whose = bench.whose;
    let mut findings = bench.findings.clone();
    findings.retain(|f| !is_signal(f));
    let open = |f: &Finding| f.outcome != Outcome::Succeeded;
    let tried: Vec<&Finding> =
        findings.iter().copied().filter(|f| is_grave(f) && open(f) && !blocked_exit(f, whose)).collect();
    let listed: Vec<&Finding> = findings
        .iter()
        .copied()
        .filter(|f| f.kind == FindingKind::Indicator && !outward(f, whose) && !f.entities.sources.is_empty())
        .collect();
    state(bench, "J-04", "attacks of which no success is seen", &tried);
    for (text, of) in listed::inward(&listed) {
        state(bench, "J-04", &text, &of);
    }
    let unproved = |f: &Finding| open(f) || is_answered(f);
    let lesser: Vec<&Finding> =
        findings.iter().copied().filter(|f| f.level == Level::Medium && is_attack(f) && unproved(f)).collect();
    let from = outside(listed.iter().copied().filter(|f| is_listed(f) && names_source(f)), whose);
    let aimed = aimed(bench, &lesser, &from);
    let mut by_aim: BTreeMap<Aim, Vec<&Finding>> = BTreeMap::new();
    for f in &lesser {
        if let Some(aim) = aimed.get(f.id.as_str()) {
            by_aim.entry(*aim).or_default().push(f);
        }
    }
    for (aim, of) in &by_aim {
        state(bench, "J-07", aim.words(), of);
    }
    let attackers = outside(tried.iter().chain(by_aim.values().flatten()).copied(), whose);
    let known = |f: &Finding| f.entities.sources.iter().any(|s| from.contains(&**s) || attackers.contains(&**s));
    let succeeded = |f: &Finding| f.kind != FindingKind::Indicator && f.outcome == Outcome::Succeeded;
    let suspect = |f: &Finding| {
        succeeded(f)
            && if is_grave(f) {
                !intrudes(f, whose) && !is_data(f)
            } else {
                f.level == Level::Medium && is_attack(f) && !is_data(f) && known(f)
            }
    };
    let suspects: Vec<&Finding> = findings.iter().copied().filter(|f| suspect(f)).collect();
    state(bench, "J-08", "what succeeded and proves no intrusion by itself, a suspicion", &suspects);
    bench.intruder.suspicions.extend(suspects.iter().map(|f| f.id.clone()));
    let taken: BTreeSet<&str> = aimed.into_keys().chain(suspects.iter().map(|f| f.id.as_str())).collect();
    bench.background.retain(|id| !taken.contains(id));
}

/// J-09: what succeeded, by lesser rules, on a host from which data moved without an explanation. Comes after the
/// clauses that judge movement.
pub fn around_movement(bench: &mut Bench<'_>) {
    let unexplained = bench.ways.values().flat_map(|way| way.transfers.values());
    let moved: Vec<&Transfer> = unexplained.filter(|c| c.state == State::Unexplained).map(|c| c.transfer).collect();
    let whose = bench.whose;
    let near = |f: &Finding, t: &Transfer| {
        let Some(((first, last), span)) = f.time.first.zip(f.time.last).zip(t.time) else { return false };
        first <= span.last && last >= span.first.plus_secs(-DAY_SECS)
    };
    let on_host = |f: &Finding, t: &Transfer| {
        let from = whose.entity(&t.from);
        let Entities { sources, destinations, hosts, .. } = &f.entities;
        let inside = sources.iter().chain(destinations).filter(|end| whose.side(end) == Side::Inside);
        inside.chain(hosts).any(|end| same_host(&whose.entity(end), &from))
    };
    let lesser = |f: &&&Finding| {
        bench.background.contains(f.id.as_str())
            && f.level == Level::Medium
            && f.outcome == Outcome::Succeeded
            && is_attack(f)
    };
    let all: Vec<&Finding> = bench.findings.iter().filter(lesser).copied().collect();
    let met: Vec<&Finding> = all.into_iter().filter(|f| moved.iter().any(|t| near(f, t) && on_host(f, t))).collect();
    state(bench, "J-09", "what succeeded on a host that moved data without an explanation, a suspicion", &met);
    bench.intruder.suspicions.extend(met.iter().map(|f| f.id.clone()));
    let taken: BTreeSet<&str> = met.iter().map(|f| f.id.as_str()).collect();
    bench.background.retain(|id| !taken.contains(id));
}

/// What nothing took up (J-05). Comes after all clauses that take findings up.
pub fn background(bench: &mut Bench<'_>) {
    let left: Vec<&Finding> =
        bench.findings.iter().copied().filter(|f| bench.background.contains(f.id.as_str())).collect();
    let ids: BTreeSet<&str> = left.iter().map(|f| f.id.as_str()).collect();
    let count = records(left.iter().filter(|f| !is_sum(f, &ids)).copied());
    if count > 0 {
        let text = if count == 1 {
            "1 record of scanning or another lesser finding is background".to_owned()
        } else {
            format!("{count} records of scanning and other lesser findings are background")
        };
        bench.against("J-05", text, Vec::new());
    }
}

/// How many records findings tell of: what several rules find in one is one.
fn records<'f>(findings: impl Iterator<Item = &'f Finding>) -> u64 {
    let mut seen: BTreeSet<(&str, u64)> = BTreeSet::new();
    let is_new = |f: &&'f Finding| match (f.kind, f.evidence.first()) {
        (FindingKind::Rule, Some(record)) => seen.insert((record.source.as_str(), record.place.offset)),
        _ => true,
    };
    findings.filter(is_new).map(|f| f.count).fold(0, u64::saturating_add)
}

/// Whether a finding is made of others that are counted.
fn is_sum(f: &Finding, counted: &BTreeSet<&str>) -> bool {
    f.links.iter().any(|link| counted.contains(link.as_str()))
}

/// Ids of the lesser findings, all of which are background until a clause takes them up.
pub fn lesser<'a>(findings: &[&'a Finding]) -> BTreeSet<&'a str> {
    let lesser = |f: &&&Finding| f.kind != FindingKind::Indicator && !is_grave(f) && f.rule.id != REFUSED_EXITS;
    findings.iter().filter(lesser).map(|f| f.id.as_str()).collect()
}

fn state(bench: &mut Bench<'_>, clause: &str, text: &str, of: &[&Finding]) {
    if of.is_empty() {
        return;
    }
    let count = if of.len() == 1 { "1 finding shows".to_owned() } else { format!("{} findings show", of.len()) };
    bench.reason(clause, format!("{count} {text}"), of.iter().map(|f| f.id.clone()).collect());
}

/// More than looking around.
fn is_attack(f: &Finding) -> bool {
    f.kind != FindingKind::Indicator && f.stage.iter().any(|s| *s != Stage::Discovery)
}

/// An attack on a web server that was answered with a page: most servers answer anything, so that it proves no success.
pub(super) fn is_answered(f: &Finding) -> bool {
    f.route == Some(Route::WebResponse) && f.stage.contains(&Stage::InitialAccess) && !is_data(f)
}

/// The outside addresses from which findings come.
fn outside<'f>(findings: impl IntoIterator<Item = &'f Finding>, whose: &Whose) -> BTreeSet<&'f str> {
    let ends = findings.into_iter().flat_map(|f| &f.entities.sources);
    ends.map(String::as_str).filter(|text| whose.side(text) == Side::Outside).collect()
}

/// Which of these attacks are aimed at something, by id.
fn aimed<'a>(bench: &Bench<'a>, refused: &[&'a Finding], listed: &BTreeSet<&str>) -> BTreeMap<&'a str, Aim> {
    let whose = bench.whose;
    let named = refused.iter().any(|f| !f.entities.accounts.is_empty());
    let in_use = if named { in_use(bench) } else { BTreeMap::new() };
    let mut aimed: BTreeMap<&str, Aim> = BTreeMap::new();
    let mut pairs: BTreeMap<(Cow<'_, str>, String), Vec<&'a Finding>> = BTreeMap::new();
    let ids: BTreeSet<&str> = refused.iter().map(|f| f.id.as_str()).collect();
    let (sums, single): (Vec<&Finding>, Vec<&Finding>) = refused.iter().partition(|f| is_sum(f, &ids));
    for f in single {
        let sides = || f.entities.sources.iter().map(|s| whose.side(s));
        let one = if sides().any(|s| s == Side::Inside) && sides().all(|s| s == Side::Inside) {
            Some(Aim::FromInside)
        } else if f.entities.sources.iter().any(|s| listed.contains(&**s)) {
            Some(Aim::Listed)
        } else if accounts(f, &bench.forgeable).iter().any(|account| exists(bench, &in_use, f, account)) {
            Some(Aim::Account)
        } else {
            None
        };
        if let Some(aim) = one {
            aimed.insert(&f.id, aim);
        }
        let who = if f.entities.sources.is_empty() { &f.entities.accounts } else { &f.entities.sources };
        for who in who {
            pairs.entry((folded(who), target(f, whose))).or_default().push(f);
        }
    }
    for mut of in pairs.into_values() {
        of.sort_by_key(|f| (f.time.first.is_some(), f.time.first));
        for (f, aim) in within_a_day(&of) {
            aimed.entry(&f.id).or_insert(aim);
        }
    }
    // What is made of them is aimed where one of them is; those that are made of such come after them.
    for _ in 0..sums.len() {
        let of = |f: &&'a Finding| Some((f.id.as_str(), *f.links.iter().filter_map(|l| aimed.get(l.as_str())).min()?));
        let more: Vec<(&str, Aim)> = sums.iter().filter(|f| !aimed.contains_key(&*f.id)).filter_map(of).collect();
        if more.is_empty() {
            break;
        }
        aimed.extend(more);
    }
    aimed
}

/// What a finding attacks: the inside end, the host, or the log that shows it where its records name neither.
fn target(f: &Finding, whose: &Whose) -> String {
    let inside = f.entities.destinations.iter().find(|t| whose.side(t) == Side::Inside);
    let named = inside.or(f.entities.hosts.first()).map(|t| whose.entity(t));
    named.or_else(|| f.evidence.first().map(|e| e.source.log())).unwrap_or_default()
}

/// Those attacks of one source on one target, sorted by time, that lie within a day of enough others. What has no
/// time comes first and is taken to lie together.
fn within_a_day<'f>(sorted: &[&'f Finding]) -> Vec<(&'f Finding, Aim)> {
    let (mut begin, mut count, mut found) = (0, 0u64, Vec::new());
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    let mut reached = 0;
    for (at, f) in sorted.iter().enumerate() {
        count = count.saturating_add(f.count);
        *kinds.entry(&f.rule.id).or_default() += 1;
        let late = |old: &Finding, t: Instant| old.time.last.is_some_and(|old| t > old.plus_secs(DAY_SECS));
        while begin < at && f.time.first.is_some_and(|t| late(sorted[begin], t)) {
            let old = sorted[begin];
            count = count.saturating_sub(old.count);
            if let Some(left) = kinds.get_mut(&*old.rule.id) {
                *left -= 1;
            }
            kinds.retain(|_, left| *left > 0);
            begin += 1;
        }
        let aim = if kinds.len() >= KINDS {
            Aim::Kinds
        } else if count >= PERSISTENT {
            Aim::Persistent
        } else {
            continue;
        };
        found.extend(sorted[begin.max(reached)..=at].iter().map(|f| (*f, aim)));
        reached = at + 1;
    }
    found
}

/// The accounts of what succeeded or moved data, each with the logs that name it.
fn in_use<'a>(bench: &Bench<'a>) -> BTreeMap<&'a str, BTreeSet<String>> {
    let mut known: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for f in bench.findings.iter().copied().filter(|f| f.outcome == Outcome::Succeeded) {
        for account in accounts(f, &bench.forgeable) {
            known.entry(account).or_default().extend(f.evidence.iter().map(|e| e.source.log()));
        }
    }
    for t in &bench.transfers {
        for account in &t.accounts {
            known.entry(account).or_default().extend(t.seen_by.iter().map(Locator::log));
        }
    }
    known
}

/// Whether an account is more than a name that was tried: it is of a scope's realm, or in use in the same log.
fn exists(bench: &Bench<'_>, in_use: &BTreeMap<&str, BTreeSet<String>>, f: &Finding, account: &str) -> bool {
    let here = |logs: &BTreeSet<String>| f.evidence.iter().any(|e| logs.contains(&e.source.log()));
    bench.whose.is_of_a_realm(account) || in_use.iter().any(|(known, logs)| same_account(known, account) && here(logs))
}

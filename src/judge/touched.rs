//! J-13, J-15, J-23, J-37, J-60, J-88: findings about data.

use std::collections::BTreeSet;

use crate::model::coverage::SourceCoverage;
use crate::model::finding::{Finding, FindingKind};
use crate::model::rule::{Level, Outcome, Route, Stage};
use crate::model::time::{HOUR_SECS, Instant, Span};
use crate::model::transfer::Transfer;
use crate::model::verdict::State;
use crate::model::whose::{Side, address, same_host};

use super::intrusion::{accounts, is_data, is_grave, shares_account};
use super::movement::{entry_name, is_answer, tells_taken};
use super::signals::is_signal;
use super::{Bench, gaps, joined};

/// What one finding says of data.
pub fn clauses<'a>(bench: &mut Bench<'a>, f: &'a Finding) {
    if !(is_data(f) || takes_credentials(f)) || f.kind == FindingKind::Indicator || is_signal(f) {
        return;
    }
    match (f.outcome, bench.intruder.is_shown()) {
        (Outcome::Succeeded, true) if is_carried_off(f) && is_of_intruder(bench, f) => {
            bench.background.remove(f.id.as_str());
            let text = format!("files were written to removable storage: {}", f.text);
            bench.reason("J-60", text, vec![f.id.clone()]);
            bench.unbounded.insert(Route::Usb);
            bench.put_by(Route::Usb, State::Exfiltrated, [f.id.as_str()]);
        }
        (Outcome::Succeeded, true) if is_grave(f) => reached(bench, "J-13", f),
        (Outcome::Succeeded, true)
            if (f.level == Level::Medium || is_many(f)) && is_data(f) && is_of_intruder(bench, f) =>
        {
            bench.background.remove(f.id.as_str());
            reached(bench, "J-15", f);
        }
        (Outcome::Succeeded, false) if is_grave(f) || is_by_listed(bench, f) => {
            bench.background.remove(f.id.as_str());
            unexplained(bench, "J-23", "nothing authorises it and no intrusion is proved", f);
        }
        (Outcome::Succeeded, _) if is_mass(bench, f) => {
            let why = format!("nothing authorises that so much was taken at once, and {}", history(bench, f));
            if unexplained(bench, "J-88", &why, f) {
                bench.background.remove(f.id.as_str());
                bench.unbounded.extend(f.route.filter(|route| matches!(route, Route::Usb | Route::PhoneSystem)));
            }
        }
        (Outcome::Unknown, _) if is_grave(f) && is_data(f) => {
            let text = format!("the log does not say whether it succeeded: {}", f.text);
            bench.reason("J-37", text, vec![f.id.clone()]);
            gaps::open(bench, route(f), format!("a log that says whether this succeeded: {}", f.text));
        }
        _ => {}
    }
}

/// Of a finding of level low so many records are more than a look.
const MANY: u64 = 100;

/// Whether a finding tells of many records by which data was gathered that are each nothing by themselves.
pub(super) fn is_many(f: &Finding) -> bool {
    f.kind == FindingKind::Correlation && f.level == Level::Low && f.count >= MANY && is_data(f)
}

fn route(f: &Finding) -> Route {
    f.route.unwrap_or(Route::Network)
}

/// Families of techniques by which credentials are taken from where they lie, or handed out for what was asked: memory and
/// databases of accounts, files, stores, cookies, tokens, tickets.
const TAKING: &[&str] = &["T1003", "T1528", "T1539", "T1552", "T1555", "T1558"];
/// Of these, those that make a ticket with a key that was taken before.
const FORGING: &[&str] = &["T1558.001", "T1558.002"];

/// Whether a finding shows that credentials were reached. To guess a password, to wear down or to trick whoever has it, to
/// forge it, or to change how logons work so that it can be had later reaches none. A finding that names no technique is
/// taken at its stage's word.
fn takes_credentials(f: &Finding) -> bool {
    let family = |id: &str| id.split('.').next().is_some_and(|family| TAKING.contains(&family));
    let takes = |id: &String| family(id) && !FORGING.contains(&id.as_str());
    f.stage.contains(&Stage::CredentialAccess) && (f.attack.is_empty() || f.attack.iter().any(takes))
}

/// Whether data was written to what is carried off.
fn is_carried_off(f: &Finding) -> bool {
    f.route == Some(Route::Usb) && f.level >= Level::Medium && f.stage.contains(&Stage::Exfiltration)
}

/// Data or credentials that an intruder reached.
pub(super) fn reached<'a>(bench: &mut Bench<'a>, clause: &str, f: &'a Finding) {
    bench.reason(clause, format!("data or credentials were reached: {}", f.text), vec![f.id.clone()]);
    let route = route(f);
    let outside = f.entities.sources.iter().any(|s| bench.whose.is_of_others(s, &bench.scope));
    bench.reached.insert(&f.id, State::Accessed);
    let way = bench.put_by(route, State::Accessed, [f.id.as_str()]);
    way.disclosed |= outside && matches!(route, Route::WebResponse | Route::SaasDownload);
    if takes_credentials(f) {
        bench.categories.entry("credentials").or_default().insert(&f.id);
    }
    if route == Route::Email || f.attack.iter().any(|id| id.starts_with("T1114")) {
        bench.categories.entry("email_content").or_default().insert(&f.id);
    }
}

/// Whether a finding is of a shown intruder, from its first sign on: by its address or, where no outside address is
/// named, by its host or account.
pub(super) fn is_of_intruder(bench: &Bench<'_>, f: &Finding) -> bool {
    let intruder = &bench.intruder;
    let outside = |s: &&String| bench.whose.side(s) == Side::Outside || intruder.came_from.contains(*s);
    let later = f.time.last.zip(intruder.first).is_some_and(|(last, first)| last >= first);
    let mut from = f.entities.sources.iter().filter(outside).peekable();
    if from.peek().is_some() {
        return later && from.any(|s| intruder.came_from.contains(s));
    }
    let logs: Vec<_> = f.evidence.iter().map(|e| e.source.clone()).collect();
    let hosts = f.entities.sources.iter().map(|from| bench.whose.entity(from));
    let hosts = hosts.filter(|host| bench.whose.denied(host, &f.joined).is_none());
    let mut hosts = hosts.chain(f.entities.hosts.iter().map(|host| bench.whose.entity(host)));
    let is_held = |h: &String| intruder.has_host(h).zip(f.time.last).is_some_and(|(since, last)| last >= since);
    let is_given =
        |of| joined::since(intruder, bench.whose, of).zip(f.time.last).is_some_and(|(since, last)| last >= since);
    joined::told(bench.whose, &f.joined).any(is_given)
        || hosts.any(|h| is_held(&h))
        || later && accounts(f, &bench.forgeable).iter().any(|a| intruder.has_account(a, &logs))
}

/// Whether a finding of level medium about data is of a listed address. What a web server answered proves nothing.
fn is_by_listed(bench: &Bench<'_>, f: &Finding) -> bool {
    let by_listed = || f.entities.sources.iter().any(|from| bench.visitors.contains_key(from.as_str()));
    f.level == Level::Medium && is_data(f) && f.route != Some(Route::WebResponse) && by_listed()
}

/// So many objects that one account reads from a cloud service in one go want an explanation.
const MASS: u64 = 1000;

/// Whether a finding tells of so much that was taken in one go, in numbers of which earlier ones are not half: from a cloud, or from a
/// telephone system, to outside, or on a stick. Of these two no log states the bytes.
fn is_mass(bench: &Bench<'_>, f: &Finding) -> bool {
    let is_outside = || f.entities.sources.iter().any(|from| bench.whose.side(from) == Side::Outside);
    let is_much = match f.route {
        Some(Route::SaasDownload) => f.count >= MASS && is_outside(),
        Some(Route::PhoneSystem) => is_outside(),
        Some(Route::Usb) => true,
        _ => false,
    };
    let logs: Vec<_> = f.evidence.iter().map(|e| e.source.clone()).collect();
    let is_usual = |other: &&Finding| {
        other.rule.id == f.rule.id
            && other.time.last.zip(f.time.first).is_some_and(|(last, first)| last < first)
            && other.count.saturating_mul(2) >= f.count
            && (shares_account(other, &f.entities.accounts, &logs, &bench.forgeable)
                || f.entities.accounts.is_empty() && shares_source(other, f))
    };
    f.kind == FindingKind::Correlation
        && is_much
        && f.level == Level::Medium
        && tells_taken(f)
        && !bench.findings.iter().any(is_usual)
}

fn shares_source(one: &Finding, other: &Finding) -> bool {
    one.entities.sources.iter().any(|from| other.entities.sources.contains(from))
}

/// A log that reaches back by less says nothing of what is usual.
const REACHES_SECS: i64 = 24 * HOUR_SECS;

/// What the logs of a finding, of which none shows the like before, tell of its account before it. Exports of one service's log are
/// logs of one format.
fn history(bench: &Bench<'_>, f: &Finding) -> String {
    let logs: BTreeSet<String> = f.evidence.iter().map(|e| e.source.log()).collect();
    let is_own = |s: &&&SourceCoverage| logs.is_empty() || logs.contains(&s.source.log());
    let formats: BTreeSet<&str> = bench.sources.iter().filter(is_own).map(|s| s.format.as_str()).collect();
    let is_like = |s: &&&SourceCoverage| formats.contains(s.format.as_str());
    let from = bench.sources.iter().filter(is_own).filter_map(|s| s.from).min();
    let of_others = bench.sources.iter().filter(is_like).filter_map(|s| s.from).min();
    let reaches = |from: Instant| f.time.first.is_some_and(|first| from.plus_secs(REACHES_SECS) <= first);
    match (from, of_others) {
        (Some(from), _) if reaches(from) => {
            format!("the account has no history of it since {from}, from when on the log reaches")
        }
        (Some(_), Some(other)) if reaches(other) => {
            format!("the account has no history of it in the logs of the service, the first of which begins at {other}")
        }
        (Some(from), _) => {
            format!(
                "whether the account does so often cannot be told: the log begins at {from} and does not reach back"
            )
        }
        (None, _) => "whether the account does so often cannot be told: the log has no times".to_owned(),
    }
}

/// J-21, J-23, J-88: a data finding without intrusion. False where a sanctioned entry explains it.
fn unexplained<'a>(bench: &mut Bench<'a>, clause: &str, why: &str, f: &'a Finding) -> bool {
    let known = |t: &&Transfer| {
        let from = bench.whose.entity(&t.from);
        t.sanctioned.is_some()
            && may_be_for(bench, t, f)
            && (f.entities.hosts.iter().chain(&f.entities.sources).any(|h| same_host(&bench.whose.entity(h), &from))
                || is_answer(t) && f.entities.sources.iter().any(|reader| *reader == *t.to)
                || shares_account(f, &t.accounts, &t.seen_by, &bench.forgeable))
    };
    if let Some(t) = bench.transfers.iter().copied().find(|t| known(t)) {
        let text = format!("belongs to a sanctioned transfer: {}", f.text);
        bench.against("J-21", text, vec![f.id.clone(), t.id.to_string()]);
        return false;
    }
    if let Some(entry) = bench.whose.sanction_of(f) {
        bench.against(
            "J-21",
            format!("sanctioned ({}): {}", entry_name(bench, &entry.why), f.text),
            vec![f.id.clone()],
        );
        return false;
    }
    bench.reason(clause, format!("{why}: {}", f.text), vec![f.id.clone()]);
    let named = f.entities.accounts.iter().chain(&f.entities.hosts);
    let addresses = f.entities.sources.iter().filter(|_| f.entities.accounts.is_empty());
    let who = named.chain(addresses).cloned().collect::<Vec<_>>().join(", ");
    bench.ask(format!("who approved this: {} ({who})?", f.text));
    bench.put_by(route(f), State::Unexplained, [f.id.as_str()]);
    bench.reached.insert(&f.id, State::Unexplained);
    let is_counted = |t: &Transfer| {
        let counted = bench.ways.get(&t.route).and_then(|way| way.transfers.get(t.id.as_str()));
        counted.is_some_and(|counted| counted.state <= State::Unexplained)
    };
    let moved = bench.transfers.iter().copied().filter(|t| may_show(t, f) && !is_counted(t));
    for transfer in moved.collect::<Vec<_>>() {
        bench.count(transfer, 0, State::Unexplained);
    }
    true
}

/// Data is gathered for a transfer so long before it begins, over a weekend too.
const GATHERED_SECS: i64 = 72 * HOUR_SECS;

/// Whether what a finding tells may have been done for a transfer: at its time or on the days before, with no other side outside
/// than the transfer's.
fn may_be_for(bench: &Bench<'_>, t: &Transfer, f: &Finding) -> bool {
    let is_of_time = t
        .time
        .zip(f.time.first.zip(f.time.last))
        .is_none_or(|(time, (first, last))| first <= time.last && last >= time.first.plus_secs(-GATHERED_SECS));
    let is_place = |text: &&String| address(text).is_some() || text.contains('.');
    let named = f.entities.sources.iter().chain(&f.entities.destinations).filter(is_place);
    let mut others = named.filter(|text| bench.whose.side(text) == Side::Outside);
    is_of_time && others.all(|text| t.destinations().any(|to| to == text.as_str()))
}

/// Whether a transfer is what a finding speaks of, with what else went between the same two: by the same way, to the address that
/// the finding names, at its time, in its log.
fn may_show(t: &Transfer, f: &Finding) -> bool {
    let is_of_time = || {
        let met =
            |t: Span| f.time.first.zip(f.time.last).is_some_and(|(first, last)| t.first <= last && t.last >= first);
        t.time.is_some_and(met)
    };
    let is_of_log = || f.evidence.iter().any(|e| t.seen_by.contains(&e.source));
    t.sanctioned.is_none()
        && t.route == route(f)
        && f.entities.sources.iter().any(|from| *from == *t.to)
        && is_of_time()
        && is_of_log()
}

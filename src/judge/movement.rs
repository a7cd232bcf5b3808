//! J-11, J-14, J-16, J-17, J-20 to J-22, J-24, J-25, J-85, J-93, J-94: data that left or moved without an explanation.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::accounts::distinct;
use crate::model::finding::{Finding, FindingKind};
use crate::model::rule::{Level, Outcome, Route, Stage};
use crate::model::time::{Instant, SKEW_SECS, Span};
use crate::model::transfer::{Since, Together, Transfer};
use crate::model::verdict::State;
use crate::model::whose::{Key, Sanction, Side, address};

use super::intrusion::{BASELINE_DAYS, DAY_SECS, WINDOW_SECS};
use super::suspects::Suspects;
use super::{Bench, alike, gaps, joined, novel, peers, served, signals, touched, visitors};

const MIB: u64 = 1 << 20;
/// Served to an intruder: from here on data left.
pub(super) const LEFT_BYTES: u64 = MIB;
/// Served to an intruder: from here on data was shown.
pub(super) const SHOWN_BYTES: u64 = 64 << 10;
/// From how many bytes on movement wants an explanation: within 24 hours, and in all.
pub(super) struct Limits {
    pub(super) day: u64,
    pub(super) whole: u64,
}

/// To one name or address.
pub(super) const TO_ONE: Limits = Limits { day: 50 * MIB, whole: 500 * MIB };
/// By one way out to all destinations that are not above their own limits, together.
const TO_ALL: Limits = Limits { day: 200 * MIB, whole: 1024 * MIB };
/// Read from own cloud services by one address. People work with them from everywhere.
const READ: Limits = Limits { day: 1024 * MIB, whole: 10 * 1024 * MIB };
/// So long before its first sign the connection by which an intruder came may have been opened.
const OPENED_SECS: i64 = 15 * 60;
/// Names asked for below one registered domain. Data takes more than its own size of them.
const ASKED: Limits = Limits { day: MIB, whole: 10 * MIB };

/// Transfers from one host by one way out that are judged together.
pub(super) struct Movement<'a> {
    pub(super) from: &'a str,
    /// The registered domain or address, or how many of them.
    pub(super) to: String,
    /// Whether it leads to one destination, so that a finding that names it speaks of all of it.
    pub(super) is_one: bool,
    pub(super) transfers: Vec<&'a Transfer>,
    pub(super) limits: Limits,
}

/// Judges every transfer, then the findings about data.
pub fn clauses(bench: &mut Bench<'_>) {
    let mut outward: Vec<&Transfer> = Vec::new();
    let mut delivered: BTreeMap<Route, Vec<&Transfer>> = BTreeMap::new();
    let is_met = |t: &Transfer| bench.visitors.contains_key(t.to.as_str()) || to_intruder(bench, t);
    bench.alike = alike::Alike::of(&bench.transfers, is_met);
    for transfer in bench.transfers.clone() {
        if transfer.is_tunnel() {
            visitors::tunnelled(bench, transfer);
            continue;
        }
        if is_answer(transfer) && guilty(bench, transfer) {
            if served::is_for_everybody(bench, transfer) {
                continue;
            }
            delivered.entry(transfer.route).or_default().push(transfer);
            continue;
        }
        joined::perhaps(bench, transfer);
        // A web server answers whoever asks, and who works from home is served; who reads a cloud service is somebody who may, and
        // so is who is inside another scope.
        let is_asked_about = match transfer.route {
            Route::WebResponse => false,
            Route::SaasDownload if bench.whose.side(&transfer.to) == Side::Inside => false,
            Route::RemoteAccess => bench.visitors.contains_key(transfer.to.as_str()),
            _ => true,
        };
        if is_asked_about && !explained(bench, transfer) {
            outward.push(transfer);
        }
    }
    visitors::clauses(bench);
    for (route, transfers) in delivered {
        served::served(bench, route, &transfers);
    }
    leave(bench, &outward);
    joined::clauses(bench);
    novel::clauses(bench);
    for finding in bench.findings.clone() {
        touched::clauses(bench, finding);
    }
}

/// What left each host by each way out: to each destination, and, where no one got much, to all of them.
fn leave<'a>(bench: &mut Bench<'a>, outward: &[&'a Transfer]) {
    let mut ways: BTreeMap<(&str, Route), BTreeMap<String, Vec<&Transfer>>> = BTreeMap::new();
    for transfer in outward.iter().copied() {
        let groups = ways.entry((&transfer.from, transfer.route)).or_default();
        groups.entry(group(&transfer.to)).or_default().push(transfer);
    }
    for ((from, route), groups) in ways {
        let mut rest: Vec<&Transfer> = Vec::new();
        for (domain, transfers) in groups {
            let first = &transfers[0].to;
            let to = if transfers.iter().all(|t| t.to == *first) { first.to_string() } else { domain };
            let limits = match route {
                Route::DnsTunnel => ASKED,
                Route::SaasDownload => READ,
                _ => TO_ONE,
            };
            let movement = Movement { from, to, is_one: true, transfers, limits };
            if !moved(bench, &movement) {
                rest.extend(movement.transfers);
            }
        }
        // Names asked for through a resolver, and all who read a cloud service, add up to anything.
        if matches!(route, Route::DnsTunnel | Route::SaasDownload) {
            continue;
        }
        // The two may be accounts of the same bytes.
        let (named, bare): (Vec<_>, Vec<_>) = rest.into_iter().partition(|t| address(&t.to).is_none());
        for transfers in [named, bare].into_iter().filter(|all| all.len() > 1) {
            let to = format!("{} destinations, {} among them", transfers.len(), transfers[0].to);
            moved(bench, &Movement { from, to, is_one: false, transfers, limits: TO_ALL });
        }
    }
}

/// What destinations are judged by together: the registered domain of a name, or the address.
fn group(to: &str) -> String {
    let name = to.trim_end_matches('.').to_ascii_lowercase();
    if address(&name).is_some() {
        return name;
    }
    psl::domain_str(&name).map(str::to_owned).unwrap_or(name)
}

/// Whether a transfer is what a service of the organisation answered.
pub(super) fn is_answer(t: &Transfer) -> bool {
    matches!(t.route, Route::WebResponse | Route::SaasDownload | Route::RemoteAccess)
}

/// Whether a transfer goes on after an instant and begins within the intruder's window, or may, for it has no time.
pub(super) fn in_time(bench: &Bench<'_>, t: &Transfer, first: Instant) -> bool {
    let end = window_end(bench, first);
    t.time.is_none_or(|time| time.last >= first && time.first <= end)
}

/// How long what the intruder holds from an instant on taints transfers.
fn window_end(bench: &Bench<'_>, first: Instant) -> Instant {
    bench.intruder.last.unwrap_or(first).max(first).plus_secs(WINDOW_SECS)
}

/// From when on a transfer is the intruder's: by its address, host or account from its first sign on, by a host that it
/// reached later from then on. What an attacker was served counts from the attack on. `None` where it is not the intruder's.
pub(super) fn begins(bench: &Bench<'_>, t: &Transfer) -> Option<Instant> {
    let first = bench.intruder.first?;
    if to_intruder(bench, t) {
        let began = bench.intruder.attacked.get(t.to.as_str()).filter(|_| is_answer(t)).copied();
        let sign = [began, session_began(bench, t), Some(first)].into_iter().flatten().min()?;
        return Some(opened(t, sign));
    }
    let by_join = joined::begins(bench, t, true);
    if by_join.is_some() || is_answer(t) {
        return by_join;
    }
    let by_account = t.accounts.iter().any(|a| bench.intruder.has_account(a, &t.seen_by)).then_some(first);
    let from = bench.whose.entity(&t.from);
    // A log says who held the address by then: it is no more the intruder's than that holder is.
    let is_anothers = bench.whose.denied(&from, &t.joined).is_some()
        || bench.intruder.logged_on.contains(&from)
            && joined::is_anothers(&bench.intruder, bench.whose, t.joined.iter());
    by_account.or_else(|| bench.intruder.has_host(&from).filter(|_| !is_anothers))
}

/// When that of the intruder's own address was opened which was open at its first sign: a logon is written after the connection that
/// it came by, and a flow record tells of some minutes at once. A request for a page is over before the next one, but the clocks of
/// two logs may differ.
fn opened(t: &Transfer, sign: Instant) -> Instant {
    let before = if t.route == Route::WebResponse { SKEW_SECS } else { OPENED_SECS };
    let near = sign.plus_secs(-before);
    t.open_at(sign).map_or(near, |opened| opened.min(near))
}

/// From when on an intruder's account was used from the intruder's address before the first sign of it: whoever was let in there was
/// the intruder, for a day before.
fn session_began(bench: &Bench<'_>, t: &Transfer) -> Option<Instant> {
    let is_session = matches!(t.route, Route::SaasDownload | Route::RemoteAccess)
        && t.accounts.iter().any(|account| bench.intruder.has_account(account, &t.seen_by));
    let first = bench.intruder.first.filter(|_| is_session && to_intruder(bench, t))?;
    Some(first.plus_secs(-DAY_SECS))
}

/// From when on what a transfer shows is the intruder's, and never before the intruder succeeded or its session began.
pub(super) fn succeeded(bench: &Bench<'_>, t: &Transfer) -> Option<Instant> {
    let first = session_began(bench, t).or(bench.intruder.first)?;
    Some(begins(bench, t).map_or(first, |begins| begins.max(first)))
}

/// Bytes from when on a transfer is the intruder's, to the end of its window.
pub(super) fn since(bench: &Bench<'_>, t: &Transfer) -> Since {
    begins(bench, t).map(|first| t.since(first, window_end(bench, first))).unwrap_or_default()
}

/// An entry that is known by its `why`, named as broad where it is.
pub(super) fn entry_name(bench: &Bench<'_>, why: &str) -> String {
    let broad = bench.whose.sanctions.iter().any(|s| s.why == why && s.broad);
    if broad { format!("{why}; a broad entry") } else { why.to_owned() }
}

/// The findings that name a transfer's destination.
pub(super) fn named<'a>(bench: &Bench<'a>, t: &Transfer) -> Vec<&'a Finding> {
    t.destinations().filter_map(|name| bench.by_destination.get(name)).flatten().copied().collect()
}

/// The intrusion's proofs with the transfers that they tie: what came after all of these led to none of them.
pub(super) fn cite<'t>(bench: &Bench<'_>, transfers: impl IntoIterator<Item = &'t Transfer>) -> Vec<String> {
    let transfers: Vec<&Transfer> = transfers.into_iter().collect();
    let untimed = transfers.iter().any(|t| t.time.is_none());
    let end = transfers.iter().filter_map(|t| t.time).map(|time| time.last).max().filter(|_| !untimed);
    let led = |id: &&String| end.is_none_or(|end| bench.proved.get(id.as_str()).is_none_or(|at| *at <= end));
    let earlier = bench.earlier.iter().map(|f| &f.id);
    let mut ids: Vec<String> = earlier.chain(&bench.intruder.proofs).filter(led).cloned().collect();
    if ids.is_empty() {
        ids.clone_from(&bench.intruder.proofs);
    }
    ids.extend(transfers.iter().map(|t| t.id.to_string()));
    ids
}

/// Leaves a route open because a state hangs on bytes of the intrusion's first hour.
pub(super) fn undated(bench: &mut Bench<'_>, route: Route, what: String, transfers: &[&Transfer]) {
    let ids = cite(bench, transfers.iter().copied());
    bench.reason("J-14", format!("may have left before the intrusion or after it: {what}"), ids);
    gaps::open(
        bench,
        route,
        "the records of the hour in which the intrusion began, of connections that were open then, and those without a time, read \
         by hand"
            .to_owned(),
    );
}

/// Whether a transfer goes to an address from which the intruder came.
pub(super) fn to_intruder(bench: &Bench<'_>, t: &Transfer) -> bool {
    let came_from = &bench.intruder.came_from;
    t.destinations().any(|name| came_from.contains(name))
}

/// Whether a transfer is of a shown intruder: by its host or account or to its address, from then on.
pub(super) fn guilty(bench: &Bench<'_>, t: &Transfer) -> bool {
    begins(bench, t).is_some_and(|first| in_time(bench, t, first))
}

/// Where a transfer went, with the names of an address by which an entry may know it.
fn place(t: &Transfer) -> String {
    let names: Vec<&str> = t.to_names.iter().map(String::as_str).filter(|name| address(name).is_none()).collect();
    match address(&t.to).is_some() && !names.is_empty() {
        true => format!("{} ({})", t.to, names.join(", ")),
        false => t.to.to_string(),
    }
}

/// How much a sanctioned entry takes, and of what.
fn most(entry: &Sanction) -> Option<String> {
    Some(format!(" of at most {} over the whole evidence", entry.max_bytes?))
}

/// J-21, J-22: whether a sanctioned entry explains a transfer.
pub(super) fn explained<'a>(bench: &mut Bench<'a>, t: &'a Transfer) -> bool {
    let Some(why) = &t.sanctioned else { return false };
    let most = bench.whose.sanctions.iter().find(|s| s.why == **why).and_then(most);
    let why = entry_name(bench, why);
    let what = format!("at least {} bytes{}, {} to {}", t.bytes.lower, most.unwrap_or_default(), t.from, place(t));
    if guilty(bench, t) {
        let text = format!("sanctioned entry ({why}) rejected, its host or account shows intrusion: {what}");
        let ids = cite(bench, [t]);
        bench.against("J-22", text, ids);
        return false;
    }
    bench.against("J-21", format!("sanctioned ({why}): {what}"), vec![t.id.to_string()]);
    bench.count(t, t.bytes.lower, State::NoEvidence);
    true
}

/// J-11, J-14, J-16, J-17, J-20, J-24, J-25, J-85, J-93, J-94: what left one host. True where it was too much to pass.
fn moved<'a>(bench: &mut Bench<'a>, m: &Movement<'a>) -> bool {
    let Some(route) = m.transfers.first().map(|t| t.route) else { return false };
    if route == Route::DnsTunnel && signals::tunnelled(bench, m) {
        return true;
    }
    let tied: Vec<&Transfer> = m.transfers.iter().copied().filter(|t| guilty(bench, t)).collect();
    let targets: Vec<&Finding> = tied.iter().flat_map(|t| named(bench, t)).collect();
    let own = tied.iter().any(|t| to_intruder(bench, t));
    let sum = |take: fn(Since) -> u64| tied.iter().map(|t| take(since(bench, t))).fold(0, u64::saturating_add);
    let (sure, perhaps) = (sum(|since| since.sure), sum(|since| since.perhaps));
    let little = LEFT_BYTES.min(m.limits.day);
    let enough = if m.is_one && (own || !targets.is_empty()) { little } else { m.limits.day };
    let suspects = Suspects::of(bench, &m.transfers);
    let mut together = Together::default();
    m.transfers.iter().for_each(|t| together.add(t));
    let bulky = together.busiest_day() >= m.limits.day || together.whole() >= m.limits.whole;
    let is_suspect = m.is_one && !suspects.is_empty();
    let bulky = bulky || is_suspect && together.whole() >= little && !are_for_everybody(bench, m);
    let bulky = bulky || is_suspect && suspects.are_given(&m.transfers);
    let uncounted = m.is_one && is_uncounted(&tied, &targets);
    if sure < enough && perhaps < enough && !bulky && !uncounted {
        return false;
    }
    unchecked(bench, m);
    let from = joined::sender(bench.whose, m.from, &m.transfers);
    let what = |bytes: u64| format!("{bytes} bytes, {from} to {}", m.to);
    let usual = if own || !targets.is_empty() { None } else { usual(bench, &tied, &together) };
    if let Some(days) = usual.filter(|_| sure >= enough && bulky) {
        let text = format!(
            "as much went there on {days} days of the two weeks before the first sign, so that nothing shows it to be the intruder's: \
             at least {}",
            what(sure)
        );
        let ids = cite(bench, tied.iter().copied());
        bench.against("J-96", text, ids);
    } else if sure >= enough && !tied.is_empty() {
        let ids = cite(bench, tied.iter().copied());
        if sure < m.limits.day && is_talk(route, &tied, &targets) {
            bench.reason("J-16", format!("may be no more than commands and their answers: {}", what(sure)), ids);
            gaps::open(bench, route, format!("the content of what {} sent to {}", m.from, m.to));
            return true;
        }
        let text = format!("left after the intrusion: at least {}{}", what(sure), clocks(&tied));
        bench.reason("J-11", text, ids);
        for t in &tied {
            bench.count(t, since(bench, t).sure, State::Exfiltrated);
        }
        bench.put_by(route, State::Exfiltrated, targets.iter().map(|f| f.id.as_str()));
        return true;
    }
    if uncounted {
        let ids = cite(bench, tied.iter().copied());
        let text = format!("left after the intrusion, how much the logs do not state: at least {}", what(sure));
        bench.reason("J-17", text, ids);
        bench.unbounded.insert(route);
        for t in &tied {
            bench.count(t, since(bench, t).sure, State::Exfiltrated);
        }
        bench.put_by(route, State::Exfiltrated, targets.iter().map(|f| f.id.as_str()));
        return true;
    }
    if perhaps >= enough && !tied.is_empty() && usual.is_none() {
        undated(bench, route, what(perhaps), &tied);
    }
    if bulky {
        unexplained(bench, m, route, together.whole(), &suspects);
    }
    true
}

/// On so many days before the first sign as much is what a host does anyway.
const USUAL_DAYS: usize = 5;

/// On how many days of the two weeks before the first sign, where these are enough, half as much or more went the same way as on the
/// busiest day since.
fn usual(bench: &Bench<'_>, tied: &[&Transfer], together: &Together) -> Option<usize> {
    let begin = tied.iter().filter_map(|t| begins(bench, t)).min()?.min(bench.intruder.first?);
    let first = begin.hour();
    let before = begin.plus_secs(-BASELINE_DAYS * DAY_SECS).hour()..first;
    let days = together.days_of(before, together.most_of_day(first) / 2);
    (days >= USUAL_DAYS).then_some(days)
}

/// Whether a listed address was given no more than others are without an account.
fn are_for_everybody(bench: &mut Bench<'_>, m: &Movement<'_>) -> bool {
    let others: Option<Vec<String>> = m.transfers.iter().map(|t| bench.alike.told(t)).collect();
    let Some(others) = others else { return false };
    let text = format!("what {} was given is no sign by its amount: {}", m.to, others.join("; "));
    let ids = m.transfers.iter().map(|t| t.id.to_string()).collect();
    bench.against("J-25", text, ids);
    true
}

/// Whether the other side took data of which the log does not state the bytes: a finding that names the destination says
/// that the sending succeeded.
fn is_uncounted(tied: &[&Transfer], targets: &[&Finding]) -> bool {
    targets.iter().any(|f| tells_taken(f)) && tied.iter().any(|t| t.bytes.upper.is_none())
}

/// Whether a finding says that data was taken.
pub(super) fn tells_taken(f: &Finding) -> bool {
    f.kind != FindingKind::Indicator
        && f.level >= Level::Medium
        && f.outcome == Outcome::Succeeded
        && f.stage.contains(&Stage::Exfiltration)
}

/// Whether bytes to an intruder may be commands and their answers and no data: call-home traffic of which no hour
/// stands out, or a session by a way out on which both look the same.
fn is_talk(route: Route, tied: &[&Transfer], targets: &[&Finding]) -> bool {
    if targets.is_empty() {
        return matches!(route, Route::Network | Route::SftpFtp | Route::Smb);
    }
    let mut together = Together::default();
    tied.iter().for_each(|t| together.add(t));
    let calls = targets.iter().any(|f| f.stage.contains(&Stage::CommandAndControl));
    calls && together.beyond_usual() < LEFT_BYTES
}

/// Names the entries for the destination that do not explain a movement, with the keys that do not match.
fn unchecked(bench: &mut Bench<'_>, m: &Movement<'_>) {
    for t in m.transfers.iter().filter(|t| t.sanctioned.is_none()) {
        for (entry, keys) in bench.whose.considered(t) {
            let why = entry_name(bench, &entry.why);
            let most = most(entry).filter(|_| keys.contains(&Key::MaxBytes)).unwrap_or_default();
            let what = format!("at least {} bytes{most}, {} to {}", t.bytes.lower, t.from, place(t));
            let reason = match keys[..] {
                [Key::MaxBytes] if t.bytes.upper.is_none() => {
                    format!("does not match: {}; no log tells how much it was at most", Key::MaxBytes.word())
                }
                [] => "most of it is known by its address alone, which may have other names".to_owned(),
                [Key::Destination] => undestined(t),
                [Key::Tool] => "these logs do not tell the tool that it names".to_owned(),
                _ => format!("does not match: {}", keys.iter().map(|k| k.word()).collect::<Vec<_>>().join(", ")),
            };
            bench.against(
                "J-21",
                format!("sanctioned entry ({why}) rejected, {reason}: {what}"),
                vec![t.id.to_string()],
            );
        }
    }
}

/// Why an entry of which all else matches is not for the destination of a transfer.
fn undestined(t: &Transfer) -> String {
    match address(&t.to).is_some() && t.to_names.is_empty() {
        true => format!("does not match: {}; no log names {}", Key::Destination.word(), t.to),
        false => format!("does not match: {}", Key::Destination.word()),
    }
}

pub(super) fn unexplained<'a>(
    bench: &mut Bench<'a>,
    m: &Movement<'a>,
    route: Route,
    bytes: u64,
    suspects: &Suspects<'a>,
) {
    let of = if route == Route::DnsTunnel { " of names asked for" } else { "" };
    let from = joined::sender(bench.whose, m.from, &m.transfers);
    let told = suspects.judged(m, route, bytes);
    let much = told.as_ref().and_then(|told| told.what.clone()).unwrap_or_else(|| format!("{bytes} bytes{of}"));
    let what = format!("{much}, {from} to {}", m.to);
    let ids = m.transfers.iter().map(|t| t.id.to_string()).chain(suspects.ids().map(str::to_owned)).collect();
    let (clause, why) = match (&told, route) {
        (Some(told), _) => (told.clause, told.why.as_str()),
        (None, Route::DnsTunnel) => ("J-24", "nothing authorises it"),
        (None, _) => ("J-20", "nothing authorises it"),
    };
    bench.reason(clause, format!("{why}: at least {what}{}", clocks(&m.transfers)), ids);
    peers::compare(bench, &m.transfers);
    let accounts = distinct(m.transfers.iter().flat_map(|t| &t.accounts).map(String::as_str));
    let account = if accounts.is_empty() { "not logged".to_owned() } else { accounts.join(", ") };
    let time = m.transfers.iter().fold(None, |all, t| Span::join_opt(all, t.time));
    let when = time.map_or("at an unknown time".to_owned(), |s| format!("{} to {}", s.first, s.last));
    bench.ask(format!("who approved {what}, account {account}, {when}?"));
    suspects.ask(bench, m, &from);
    put_unexplained(bench, &m.transfers, route, suspects);
}

/// Which clocks decided how much moved at least, where some did.
fn clocks(transfers: &[&Transfer]) -> String {
    let told: BTreeSet<String> = transfers.iter().filter_map(|t| Some(t.apart.as_ref()?.told())).collect();
    told.first().map_or_else(String::new, |first| format!("; {first}"))
}

/// Gives transfers their state, and lets what is said against where they went be suspicions.
pub(super) fn put_unexplained<'a>(
    bench: &mut Bench<'a>,
    transfers: &[&'a Transfer],
    route: Route,
    suspects: &Suspects<'a>,
) {
    for t in transfers {
        bench.count(t, t.bytes.lower, State::Unexplained);
    }
    let known: BTreeSet<String> = bench.intruder.suspicions.iter().cloned().collect();
    for id in suspects.ids() {
        bench.background.remove(id);
    }
    for id in suspects.suspicions() {
        bench.intruder.suspicions.extend(Some(id.to_owned()).filter(|id| !known.contains(id)));
    }
    bench.put_by(route, State::Unexplained, suspects.ids());
}

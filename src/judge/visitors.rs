//! J-25, J-85, J-87: what was served to addresses that are listed or an intruder's, where bytes alone do not tell how much that is.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::finding::Finding;
use crate::model::observation::WHOLE_FOLDERS;
use crate::model::rule::Route;
use crate::model::time::Span;
use crate::model::transfer::{Together, Transfer};
use crate::model::verdict::State;
use crate::model::whose::Side;
use crate::model::words::counted;

use super::movement::{self, Movement, TO_ONE};
use super::suspects::Suspects;
use super::{Bench, suspects};

/// So many records of files or objects that are read are more than a look, where no log states their bytes.
const RECORDS: u64 = 20;
/// A tunnel of a listed address is asked about from so many bytes on.
const LEAST_BYTES: u64 = 1 << 20;
/// Of so many other visitors of a web server one may be served as much as a listed one: else that one is served as all are.
const VISITORS: usize = 20;

/// J-25: what a gateway says that the tunnel of a listed address carried. What an intruder's carried is told of what it asked for,
/// and its route is open.
pub(super) fn tunnelled<'a>(bench: &mut Bench<'a>, t: &'a Transfer) {
    let is_listed = bench.visitors.contains_key(t.to.as_str());
    let is_much = t.bytes.lower >= LEAST_BYTES || t.bytes.upper.is_none();
    if !is_listed || !is_much || movement::guilty(bench, t) || movement::explained(bench, t) {
        return;
    }
    let listed = Suspects::of(bench, &[t]);
    let much = match t.bytes.lower >= LEAST_BYTES {
        true => format!("at least {} bytes went out", t.bytes.lower),
        false => "much went, and the log does not say for sure how much of it out".to_owned(),
    };
    let ids = listed.ids().map(str::to_owned).chain([t.id.to_string()]).collect();
    let why = "nothing authorises it, and its other end is listed, which is a suspicion and no proof";
    bench.reason("J-25", format!("{why}: a tunnel through which {much}, {} to {}", t.from, t.to), ids);
    let who = if t.accounts.is_empty() { "not logged".to_owned() } else { t.accounts.join(", ") };
    let when = t.time.map_or("at an unknown time".to_owned(), |time| format!("{} to {}", time.first, time.last));
    bench.ask(format!(
        "who is at {}, which is listed, and has a reason for a tunnel to {}, through which {much}, account {who}, {when}?",
        t.to, t.from
    ));
    movement::put_unexplained(bench, &[t], t.route, &listed);
}

/// Whether one whom a service knew by its account read many objects of which the log does not state the bytes.
pub(super) fn has_read(transfers: &[&Transfer]) -> bool {
    uncounted(transfers).map(|t| t.records).fold(0, u64::saturating_add) >= RECORDS
}

/// The same in words that follow "at least".
pub(super) fn told(transfers: &[&Transfer]) -> String {
    told_of(uncounted(transfers).map(|t| t.records).fold(0, u64::saturating_add))
}

/// What was read of a store, of which a record tells or several.
fn much(t: &Transfer, records: u64) -> String {
    match (t.from.contains('@'), t.from.starts_with(WHOLE_FOLDERS)) {
        (true, false) => format!("{} of which the log does not state the bytes", counted(records, "mail", "mails")),
        _ => told_of(records),
    }
}

fn told_of(records: u64) -> String {
    format!("{} of which the log does not state the bytes", counted(records, "record", "records"))
}

/// Reading from a cloud service under an account. Records that name no store (of logons, of settings) are told of the log that holds
/// them, and read nothing.
fn of_stores<'t, 'a>(transfers: &'t [&'a Transfer]) -> impl Iterator<Item = &'t &'a Transfer> {
    let is_of_store = |t: &Transfer| !t.seen_by.iter().any(|log| *t.from == *log.log());
    transfers.iter().filter(move |t| t.route == Route::SaasDownload && !t.accounts.is_empty() && is_of_store(t))
}

/// The same in bytes that are not all stated.
pub(super) fn uncounted<'t, 'a>(transfers: &'t [&'a Transfer]) -> impl Iterator<Item = &'t &'a Transfer> {
    of_stores(transfers).filter(|t| t.bytes.upper.is_none())
}

/// J-87: what an intruder read from a cloud service, in bytes that the log does not state, or in few.
pub(super) fn read<'a>(bench: &mut Bench<'a>, route: Route, transfers: &[&'a Transfer]) {
    let known: BTreeSet<&str> =
        bench.ways.get(&route).into_iter().flat_map(|way| way.transfers.keys().copied()).collect();
    let little = of_stores(transfers).filter(|t| t.bytes.upper.is_some() && !known.contains(t.id.as_str()));
    for t in little.copied().collect::<Vec<_>>() {
        let bytes = movement::since(bench, t).sure;
        if bytes > 0 {
            let ids = movement::cite(bench, [t]);
            bench.reason("J-87", format!("read by the intruder: at least {bytes} bytes, {} to {}", t.from, t.to), ids);
            bench.count(t, bytes, State::Accessed).disclosed = true;
        }
    }
    for t in uncounted(transfers).filter(|t| !known.contains(t.id.as_str())) {
        let taken: Vec<&Finding> = bench.findings.iter().copied().filter(|f| takes(f, t)).collect();
        let (state, what) = match taken.is_empty() && !t.from.starts_with(WHOLE_FOLDERS) {
            true => (State::Accessed, "read by the intruder"),
            false => (State::Exfiltrated, "taken by the intruder"),
        };
        let begins = movement::begins(bench, t);
        let whole = t.time.zip(begins).is_some_and(|(time, begins)| time.first >= begins);
        let much = much(t, if whole { t.records } else { 1 });
        let ids = movement::cite(bench, [*t]);
        bench.reason("J-87", format!("{what}: at least {much}, {} to {}", t.from, t.to), ids);
        bench.unbounded.insert(route);
        if t.from.contains('@') {
            bench.categories.entry("email_content").or_default().insert(&t.id);
        }
        let bytes = movement::since(bench, t).sure;
        bench.count(t, bytes, state).disclosed = true;
        bench.put_by(route, state, taken.iter().map(|f| f.id.as_str()));
    }
}

/// Whether a finding says that what a transfer moved was taken.
fn takes(f: &Finding, t: &Transfer) -> bool {
    let meets = |time: Span| f.time.first.zip(f.time.last).is_some_and(|(a, b)| a <= time.last && time.first <= b);
    f.route == Some(t.route)
        && movement::tells_taken(f)
        && f.entities.sources.iter().any(|from| *from == *t.to)
        && t.time.is_some_and(meets)
}

/// What a web server served to listed addresses, and to those at which a script gathered pages: everybody reads these, so that it must be
/// much, and more than others read.
pub(super) fn clauses(bench: &mut Bench<'_>) {
    let gathering = gathering(bench);
    let is_met = |t: &Transfer| bench.visitors.contains_key(t.to.as_str()) || gathering.contains(t.to.as_str());
    let served: Vec<&Transfer> = bench.transfers.iter().copied().filter(|t| t.route == Route::WebResponse).collect();
    let is_theirs = |t: &&Transfer| is_met(t) && is_much(t);
    let much = served.iter().copied().filter(is_theirs).filter(|t| !movement::guilty(bench, t));
    let much: Vec<&Transfer> = much.collect();
    let servers: BTreeSet<&str> = much.iter().map(|t| &*t.from).collect();
    let mut others: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for t in served.iter().filter(|t| servers.contains(&*t.from) && !is_met(t)) {
        others.entry(&t.from).or_default().push(t.bytes.lower);
    }
    for t in much {
        let of_server = others.get(&*t.from).map(Vec::as_slice).unwrap_or_default();
        let as_much = of_server.iter().filter(|bytes| **bytes >= t.bytes.lower).count();
        if as_much * VISITORS > of_server.len() || movement::explained(bench, t) {
            continue;
        }
        let to = t.to.to_string();
        let one = Movement { from: &t.from, to, is_one: true, transfers: vec![t], limits: TO_ONE };
        let suspects = Suspects::of(bench, &[t]);
        movement::unexplained(bench, &one, t.route, t.bytes.lower, &suspects);
    }
}

/// The addresses outside at which findings say that a script gathered pages.
fn gathering<'a>(bench: &Bench<'a>) -> BTreeSet<&'a str> {
    let told = bench.findings.iter().copied().filter(|f| suspects::tells_script(f));
    told.flat_map(|f| &f.entities.sources)
        .map(String::as_str)
        .filter(|from| bench.whose.side(from) == Side::Outside)
        .collect()
}

/// Whether as much was served as would want an explanation if it were sent.
fn is_much(t: &Transfer) -> bool {
    let mut all = Together::default();
    all.add(t);
    all.busiest_day() >= TO_ONE.day || all.whole() >= TO_ONE.whole
}

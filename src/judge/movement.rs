//! J-10 to J-23: data that left, was touched, or moved without an explanation.

use crate::model::finding::{Finding, FindingKind};
use crate::model::rule::{Level, Outcome, Route, Stage};
use crate::model::time::Instant;
use crate::model::transfer::Transfer;
use crate::model::verdict::State;
use crate::model::whose::{same_account, same_host};

use super::Bench;
use super::intrusion::is_data;

const MIB: u64 = 1 << 20;
/// Served to an intruder: from here on data left.
const LEFT_BYTES: u64 = MIB;
/// Served to an intruder: from here on data was shown.
const SHOWN_BYTES: u64 = 64 << 10;
/// Within 24 hours: from here on an upload wants an explanation.
const UNEXPLAINED_BYTES: u64 = 50 * MIB;
/// How long after its first sign an intrusion taints a transfer.
const WINDOW_SECS: i64 = 30 * 86_400;

/// Judges every transfer, then the findings about data.
pub fn clauses(bench: &mut Bench<'_>) {
    for transfer in bench.transfers.clone() {
        one(bench, transfer);
    }
    for finding in bench.findings.clone() {
        touched(bench, finding);
    }
}

/// Whether a transfer goes on after the intruder's first sign and begins within the window.
fn in_time(bench: &Bench<'_>, t: &Transfer) -> bool {
    let end = bench.intruder.last.or(bench.intruder.first).map(|l: Instant| l.plus_secs(WINDOW_SECS));
    match (t.time, bench.intruder.first, end) {
        (Some(time), Some(first), Some(end)) => time.last >= first && time.first <= end,
        _ => false,
    }
}

/// At least so many bytes from the hour of the intruder's first sign on, to the end of its window.
fn since(bench: &Bench<'_>, t: &Transfer) -> u64 {
    let Some(first) = bench.intruder.first else { return 0 };
    let last = bench.intruder.last.unwrap_or(first).plus_secs(WINDOW_SECS);
    t.within(first.hour(), last.hour())
}

/// An entry that is known by its `why`, named as broad where it is.
fn entry_name(bench: &Bench<'_>, why: &str) -> String {
    let broad = bench.whose.sanctions.iter().any(|s| s.why == why && s.broad);
    if broad { format!("{why}; a broad entry") } else { why.to_owned() }
}

fn tainted(bench: &Bench<'_>, t: &Transfer) -> bool {
    let from = bench.whose.entity(&t.from);
    bench.intruder.hosts.iter().any(|h| same_host(h, &from)) || t.accounts.iter().any(|a| bench.intruder.has_account(a))
}

fn named<'a>(bench: &Bench<'a>, t: &Transfer) -> Vec<&'a Finding> {
    let is = |text: &String| *text == t.to || t.to_names.contains(text);
    bench.findings.iter().filter(|f| f.entities.destinations.iter().any(is)).copied().collect()
}

fn one<'a>(bench: &mut Bench<'a>, t: &'a Transfer) {
    let proofs = bench.intruder.proofs.clone();
    let cite = |mut ids: Vec<String>| {
        ids.push(t.id.clone());
        ids
    };
    let what = format!("at least {} bytes, {} to {}", t.bytes.lower, t.from, t.to);
    let since = since(bench, t);
    if matches!(t.route, Route::WebResponse | Route::SaasDownload) {
        if !(bench.intruder.came_from.contains(&t.to) && in_time(bench, t)) {
            return;
        }
        let (clause, state) = match since {
            LEFT_BYTES.. => ("J-10", State::Exfiltrated),
            SHOWN_BYTES.. => ("J-12", State::Accessed),
            _ => return,
        };
        let what = format!("served to the intruder: at least {since} bytes, {} to {}", t.from, t.to);
        bench.reason(clause, what, cite(proofs));
        let way = bench.put(t.route, state);
        way.disclosed = true;
        way.transfers.insert(&t.id, (t, since));
        return;
    }
    let guilty = tainted(bench, t) && in_time(bench, t);
    if let Some(why) = &t.sanctioned {
        let why = entry_name(bench, why);
        if !guilty {
            bench.against("J-21", format!("sanctioned ({why}): {what}"), vec![t.id.clone()]);
            bench.put(t.route, State::NoEvidence).transfers.insert(&t.id, (t, t.bytes.lower));
            return;
        }
        let text = format!("sanctioned entry ({why}) rejected, its host or account shows intrusion: {what}");
        bench.against("J-22", text, cite(proofs.clone()));
    }
    let targets = named(bench, t);
    let left = guilty && (since >= UNEXPLAINED_BYTES || (!targets.is_empty() && since >= LEFT_BYTES));
    let bulky = t.busiest_day() >= UNEXPLAINED_BYTES;
    if (left || bulky)
        && t.sanctioned.is_none()
        && let Some(entry) = bench.whose.sanction_but_for_tool(t)
    {
        let why = entry_name(bench, &entry.why);
        let text = format!("sanctioned entry ({why}) rejected, these logs do not tell the tool that it names: {what}");
        bench.against("J-21", text, vec![t.id.clone()]);
    }
    if left {
        let text = format!("left after the intrusion: at least {since} bytes, {} to {}", t.from, t.to);
        bench.reason("J-11", text, cite(proofs));
        let way = bench.put(t.route, State::Exfiltrated);
        way.transfers.insert(&t.id, (t, since));
        way.findings.extend(targets.iter().map(|f| f.id.as_str()));
    } else if bulky {
        bench.reason("J-20", format!("nothing authorises it: {what}"), vec![t.id.clone()]);
        let account = if t.accounts.is_empty() { "not logged".to_owned() } else { t.accounts.join(", ") };
        let when = t.time.map_or("at an unknown time".to_owned(), |s| format!("{} to {}", s.first, s.last));
        let text = format!("who approved {} bytes, {} to {}, account {account}, {when}?", t.bytes.lower, t.from, t.to);
        bench.ask.push(text);
        bench.put(t.route, State::Unexplained).transfers.insert(&t.id, (t, t.bytes.lower));
    }
}

fn touched<'a>(bench: &mut Bench<'a>, f: &'a Finding) {
    let credentials = f.stage.contains(&Stage::CredentialAccess);
    let counts = f.kind != FindingKind::Indicator && f.level >= Level::High && f.outcome == Outcome::Succeeded;
    if !counts || !(is_data(f) || credentials) {
        return;
    }
    let route = f.route.unwrap_or(Route::Network);
    if bench.intruder.is_shown() {
        bench.reason("J-13", format!("data or credentials were reached: {}", f.text), vec![f.id.clone()]);
        bench.put(route, State::Accessed).findings.insert(&f.id);
        return;
    }
    let known = |t: &&Transfer| {
        let from = bench.whose.entity(&t.from);
        t.sanctioned.is_some()
            && (f.entities.hosts.iter().chain(&f.entities.sources).any(|h| same_host(&bench.whose.entity(h), &from))
                || f.entities.accounts.iter().any(|a| t.accounts.iter().any(|b| same_account(a, b))))
    };
    if let Some(t) = bench.transfers.iter().copied().find(|t| known(t)) {
        bench.against(
            "J-21",
            format!("belongs to a sanctioned transfer: {}", f.text),
            vec![f.id.clone(), t.id.clone()],
        );
        return;
    }
    bench.reason("J-23", format!("no intrusion is seen and nothing authorises it: {}", f.text), vec![f.id.clone()]);
    let who = f.entities.accounts.iter().chain(&f.entities.hosts).cloned().collect::<Vec<_>>().join(", ");
    bench.ask.push(format!("who approved this: {} ({who})?", f.text));
    bench.put(route, State::Unexplained).findings.insert(&f.id);
}

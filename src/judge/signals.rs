//! J-50 to J-53, J-64: what statistics find, DNS tunnels and beacons. Neither shows intrusion.

use crate::model::assigned::Joined;
use crate::model::finding::{Finding, FindingKind};
use crate::model::rule::{
    BEACON, CALLS_OF_MANY, DNS_TUNNEL, LONG_CONNECTION, NAMES_OF_MANY, Outcome, REFUSED_EXITS, Route,
};
use crate::model::time::{Instant, Span};
use crate::model::transfer::{Since, Transfer};
use crate::model::verdict::State;
use crate::model::whose::same_host;

use super::intrusion::{WINDOW_SECS, is_data};
use super::movement::{Movement, cite, guilty, named, since, undated};
use super::{Bench, gaps, joined};

/// So many bytes in the names of a tunnel are data.
const DATA_BYTES: u64 = 1 << 10;

/// Destinations named in a question.
const NAMED: usize = 3;

/// Whether a finding is judged here and nowhere else.
pub fn is_signal(f: &Finding) -> bool {
    f.kind == FindingKind::Anomaly && (f.rule.id == DNS_TUNNEL || calls(f) || f.rule.id == REFUSED_EXITS)
}

/// Whether a finding is a beacon, or a connection that is held open for long.
pub(super) fn calls(f: &Finding) -> bool {
    f.kind == FindingKind::Anomaly && (f.rule.id == BEACON || f.rule.id == LONG_CONNECTION)
}

/// J-50 to J-53: names asked for below one domain, where a tunnel was found there. False where none was.
pub fn tunnelled<'a>(bench: &mut Bench<'a>, m: &Movement<'a>) -> bool {
    let own = |f: &&Finding| f.rule.id == DNS_TUNNEL && f.entities.sources.iter().any(|from| from == m.from);
    let found: Vec<&'a Finding> = m.transfers.iter().flat_map(|t| named(bench, t)).filter(own).collect();
    if found.is_empty() {
        return false;
    }
    // What a resolver passes on is told of those who asked it.
    if m.transfers.iter().all(|t| t.passed_on.is_some()) {
        return true;
    }
    let tied: Vec<&'a Transfer> = m.transfers.iter().copied().filter(|t| guilty(bench, t)).collect();
    let sum = |take: fn(Since) -> u64| tied.iter().map(|t| take(since(bench, t))).fold(0, u64::saturating_add);
    let (sure, perhaps) = (sum(|since| since.sure), sum(|since| since.perhaps));
    let what = |bytes: u64| format!("{bytes} bytes in names asked for, {} to {}", m.from, m.to);
    let carries = found.iter().any(|f| is_data(f));
    if carries && sure >= DATA_BYTES {
        let mut ids = cite(bench, tied.iter().copied());
        ids.extend(found.iter().map(|f| f.id.clone()));
        bench.reason("J-50", format!("left after the intrusion: at least {}", what(sure)), ids);
        for t in &tied {
            bench.count(t, since(bench, t).sure, State::Exfiltrated);
        }
        bench.put_by(Route::DnsTunnel, State::Exfiltrated, found.iter().map(|f| f.id.as_str()));
    } else if carries && perhaps >= DATA_BYTES {
        undated(bench, Route::DnsTunnel, what(perhaps), &tied);
    } else if carries {
        unexplained(bench, m, &found);
    } else {
        suspicious(bench, &found);
        if !tied.is_empty() {
            talk(bench, m, &found);
        }
    }
    true
}

/// J-51: a tunnel of an intruder that carried no more than talk.
fn talk(bench: &mut Bench<'_>, m: &Movement<'_>, found: &[&Finding]) {
    let text = format!("may be no more than commands and their answers: names asked for, {} to {}", m.from, m.to);
    let ids = bench.intruder.proofs.iter().cloned().chain(found.iter().map(|f| f.id.clone())).collect();
    bench.reason("J-51", text, ids);
    gaps::open(bench, Route::DnsTunnel, format!("the answers of the name server to {}", m.from));
}

/// J-52: a tunnel with data that nothing ties to an intrusion.
fn unexplained<'a>(bench: &mut Bench<'a>, m: &Movement<'a>, found: &[&'a Finding]) {
    let bytes = m.transfers.iter().map(|t| t.bytes.lower).fold(0, u64::saturating_add);
    let what = format!("{bytes} bytes in names asked for, {} to {}", m.from, m.to);
    let ids = found.iter().map(|f| f.id.clone()).chain(m.transfers.iter().map(|t| t.id.to_string())).collect();
    let why = match bench.intruder.is_shown() {
        true => "nothing authorises it and nothing ties it to the intrusion",
        false => "nothing authorises it and no intrusion is proved",
    };
    bench.reason("J-52", format!("{why}: at least {what}"), ids);
    let time = m.transfers.iter().fold(None, |all, t| Span::join_opt(all, t.time));
    let when = time.map_or("at an unknown time".to_owned(), |time| format!("{} to {}", time.first, time.last));
    bench.ask(format!("which program on {} asks for names below {} that hold data, {when}?", m.from, m.to));
    for t in &m.transfers {
        bench.count(t, t.bytes.lower, State::Unexplained);
    }
    bench.put_by(Route::DnsTunnel, State::Unexplained, found.iter().map(|f| f.id.as_str()));
}

/// J-64: what several hosts do alike, one of an intruder's among them.
pub fn of_many(bench: &mut Bench<'_>) {
    if !bench.intruder.is_shown() {
        return;
    }
    let is_many =
        |f: &&Finding| f.kind == FindingKind::Anomaly && (f.rule.id == CALLS_OF_MANY || f.rule.id == NAMES_OF_MANY);
    let is_intruders = |f: &&Finding| {
        f.entities.sources.iter().any(|from| {
            let host = bench.whose.entity(from);
            bench.intruder.hosts.iter().any(|own| same_host(own, &host))
        })
    };
    let found: Vec<&Finding> = bench.findings.iter().copied().filter(is_many).filter(is_intruders).collect();
    for f in found {
        bench.background.remove(f.id.as_str());
        bench.reason("J-64", format!("a host of the intrusion is among them: {}", f.text), vec![f.id.clone()]);
        let to: Vec<&str> = f.entities.destinations.iter().take(NAMED).map(String::as_str).collect();
        bench.ask(format!("which program on {} hosts speaks with {}?", f.entities.sources.len(), to.join(", ")));
    }
}

/// J-91: ways out that were refused to a host of the intruder, from its first sign on: tried, and no more.
pub fn refused(bench: &mut Bench<'_>) {
    let tried: Vec<&Finding> = bench.findings.iter().copied().filter(|f| is_tried(bench, f)).collect();
    for f in tried {
        let text = format!("a computer of the intruder tried to get out and was stopped: {}", f.text);
        bench.reason("J-91", text, vec![f.id.clone()]);
        if let Some(route) = f.route {
            bench.put_by(route, State::Attempted, [f.id.as_str()]);
        }
    }
}

/// Whether a finding tells of ways out that were refused to the intruder.
pub(super) fn is_tried(bench: &Bench<'_>, f: &Finding) -> bool {
    f.rule.id == REFUSED_EXITS && is_signal(f) && is_of_intruder(bench, f)
}

/// Whether a beacon or long connection began on the intruder's host when it was the intruder's: one of before is not its.
pub(super) fn is_call_of_intruder(bench: &Bench<'_>, f: &Finding) -> bool {
    let began = bench.intruder.first.zip(f.time.first).is_some_and(|(first, began)| began >= first);
    calls(f) && began && is_of_intruder(bench, f) && allowed(bench, f).is_none()
}

/// Whether a finding is of a host of the intruder, and goes on in its time.
fn is_of_intruder(bench: &Bench<'_>, f: &Finding) -> bool {
    let in_time = |first: Instant| {
        f.time.first.zip(f.time.last).is_some_and(|(begin, end)| {
            let ends = bench.intruder.last.unwrap_or(first).max(first).plus_secs(WINDOW_SECS);
            end >= first && begin <= ends
        })
    };
    began(bench, f).into_iter().any(in_time)
}

/// From when on the host of a finding is the intruder's, by its address, or by who held that then. An address that was given to another one
/// is no more the intruder's than that one is.
fn began(bench: &Bench<'_>, f: &Finding) -> Vec<Instant> {
    let told = joined::told(bench.whose, &f.joined);
    let held = told.filter_map(|of| joined::since(&bench.intruder, bench.whose, of));
    let hosts = own_hosts(bench, f).into_iter();
    held.chain(hosts.filter_map(|host| bench.intruder.has_host(&host))).collect()
}

/// The hosts of a finding, by [`Whose::entity`](crate::model::whose::Whose::entity), save addresses that are known to be the
/// intruder's only while its hosts held them, and were given to another one.
fn own_hosts(bench: &Bench<'_>, f: &Finding) -> Vec<String> {
    let is_anothers = joined::is_anothers(&bench.intruder, bench.whose, &f.joined);
    let hosts = f.entities.sources.iter().map(|from| bench.whose.entity(from));
    let is_own = |host: &String| !is_anothers || !bench.intruder.logged_on.contains(host);
    hosts.filter(|host| is_own(host) && bench.whose.denied(host, &f.joined).is_none()).collect()
}

/// J-53: beacons of hosts that show another sign, but those to destinations that a sanctioned entry names (J-21). Many
/// programs call home: a beacon alone stays background.
pub fn beacons(bench: &mut Bench<'_>) {
    let all: Vec<&Finding> = bench.findings.iter().copied().filter(|f| calls(f)).collect();
    let (mut suspects, mut known) = (Vec::new(), Vec::new());
    for f in all {
        match allowed(bench, f) {
            Some(t) => known.push((f, t)),
            None if shows_more(bench, f) => suspects.push(f),
            None => {}
        }
    }
    for (f, t) in known {
        bench.background.remove(f.id.as_str());
        bench.against(
            "J-21",
            format!("belongs to a sanctioned transfer: {}", f.text),
            vec![f.id.clone(), t.id.to_string()],
        );
    }
    suspicious(bench, &suspects);
}

/// Whether the host of a beacon is an intruder's, or one of which another finding speaks that is no background.
fn shows_more(bench: &Bench<'_>, beacon: &Finding) -> bool {
    let holders = given(beacon).filter(|of| !of.host.is_empty()).map(|of| bench.whose.entity(&of.host));
    let hosts: Vec<String> = own_hosts(bench, beacon).into_iter().chain(holders).collect();
    let is_its = |name: &String| hosts.iter().any(|host| same_host(host, &bench.whose.entity(name)));
    let speaks = |f: &&Finding| {
        let on = f.entities.hosts.iter().filter(|_| f.kind != FindingKind::Indicator);
        !calls(f)
            && f.outcome != Outcome::Failed
            && !bench.background.contains(f.id.as_str())
            && f.entities.sources.iter().chain(on).any(is_its)
            && !are_of_others(f, beacon)
    };
    bench.intruder.hosts.iter().any(is_its) || bench.findings.iter().any(speaks)
}

/// To whom VPN gateways and DHCP servers had given the addresses of a finding.
fn given(f: &Finding) -> impl Iterator<Item = &Joined> + Clone {
    f.joined.iter().filter(|of| of.is_lent())
}

/// Whether two findings of one address are of two to whom it was given.
fn are_of_others(a: &Finding, b: &Finding) -> bool {
    let same = |a: &Joined, b: &Joined| (&a.account, &a.host, &a.peer) == (&b.account, &b.host, &b.peer);
    let of_one = |a: &Joined| given(b).any(|b| a.address == b.address && same(a, b));
    let met: Vec<&Joined> = given(a).filter(|a| given(b).any(|b| a.address == b.address)).collect();
    !met.is_empty() && !met.into_iter().any(of_one)
}

/// The sanctioned transfer that a beacon is of.
fn allowed<'a>(bench: &Bench<'a>, f: &Finding) -> Option<&'a Transfer> {
    let is_its = |t: &&Transfer| {
        let from = bench.whose.entity(&t.from);
        t.sanctioned.is_some()
            && !guilty(bench, t)
            && f.entities.sources.iter().any(|s| same_host(&bench.whose.entity(s), &from))
            && f.entities.destinations.iter().any(|to| t.destinations().any(|own| own == to))
    };
    bench.transfers.iter().copied().find(is_its)
}

fn suspicious(bench: &mut Bench<'_>, found: &[&Finding]) {
    for f in found {
        bench.background.remove(f.id.as_str());
        bench.reason("J-53", format!("may be a call home, which is a suspicion: {}", f.text), vec![f.id.clone()]);
    }
    bench.intruder.suspicions.extend(found.iter().map(|f| f.id.clone()));
}

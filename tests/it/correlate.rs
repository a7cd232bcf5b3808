//! Transfers, findings and coverage from hand-built Partials: direction, bounds, identity, order.

use std::sync::Arc;

use exfiltrace::model::coverage::GapReason;
use exfiltrace::model::data::digest;
use exfiltrace::model::finding::Finding;
use exfiltrace::model::hit::{IndicatorRef, MatchKind, Sighting};
use exfiltrace::model::ledger::{Entry, EntryKind, Fates, Note, Reason};
use exfiltrace::model::observation::{Cited, Hour, ObservationKey, Observations, Observed, Seen, Sum};
use exfiltrace::model::partial::{Cleared, NumberRun, Partial, SourcePartial};
use exfiltrace::model::place::{Locator, Place, RecordDigest};
use exfiltrace::model::rule::{Outcome, Route};
use exfiltrace::model::subject::Subject;
use exfiltrace::model::time::{Instant, Span, Stamp};
use exfiltrace::model::transfer::{Bounds, Transfer};
use exfiltrace::model::whose::Whose;
use exfiltrace::work::Work;
use exfiltrace::{correlate, merge, scope};
use proptest::prelude::*;

const OUTSIDE: &str = "203.0.113.9";
const INSIDE: &str = "10.2.0.5";

fn whose() -> Whose {
    let toml =
        "[[scope]]\nname='hc'\ncidr=['10.2.0.0/16']\npaths=['e/hc-*']\n[[scope]]\nname='rv'\ncidr=['10.1.0.0/16']\n";
    scope::compile(&toml::from_str(toml).unwrap()).unwrap()
}

/// Who spoke with whom in hour 500000 and the bytes up and down; `None` is not logged.
#[derive(Clone)]
struct Line {
    key: ObservationKey,
    hour: Option<i64>,
    up: Option<u64>,
    down: Option<u64>,
}

fn line(seen: Seen, client: &str, server: &str, port: u16, up: u64, down: u64) -> Line {
    let key = ObservationKey {
        seen,
        client: client.into(),
        server: server.into(),
        name: "".into(),
        account: "".into(),
        host: "".into(),
        port,
        sends: true,
        outcome: Outcome::Unknown,
        nat: "".into(),
    };
    Line { key, hour: Some(500_000), up: Some(up), down: Some(down) }
}

fn source(name: &str, lines: &[Line]) -> SourcePartial {
    let locator = Locator::from_encoded(name);
    let mut entry = Entry::new(EntryKind::Source, locator.clone(), locator);
    entry.format = Some("kv".to_owned());
    let mut source = SourcePartial::ledger_only(entry);
    let offsets = (0..).step_by(100);
    source.observations.kept =
        lines.iter().zip(offsets).map(|(line, offset)| (line.key.clone(), observed(name, line, offset))).collect();
    source
}

/// What a log says of a line; no two logs have the same record.
fn observed(log: &str, line: &Line, offset: u64) -> Observed {
    let place = Place { offset, length: 9, line: None, record: None, event_record_id: None, in_doubt: false };
    let at = line.hour.and_then(|hour| Instant::from_secs(hour * 3600));
    let mut sha256 = RecordDigest([0; 32]);
    sha256.0[..8].copy_from_slice(&digest(&format!("{offset} {log}")).to_be_bytes());
    Observed {
        hours: vec![Hour { span: at.map(Span::at), sum: Sum::of_record(line.up, line.down) }],
        cited: vec![Cited {
            bytes: line.up.max(line.down).unwrap_or(0),
            up: line.up > line.down,
            span: at.map(Span::at),
            place,
            sha256,
        }],
        ..Observed::default()
    }
}

fn partial(sources: impl IntoIterator<Item = SourcePartial>) -> Partial {
    let mut all = Partial::default();
    for source in sources {
        all.sources.insert(source.key(), Arc::new(source));
    }
    all
}

fn found(world: &correlate::World<'_>, max_evidence: usize) -> Vec<Finding> {
    correlate::findings(world, max_evidence, &Work::new(None, usize::MAX)).list().to_vec()
}

fn transfers(sources: impl IntoIterator<Item = SourcePartial>) -> Vec<Transfer> {
    let (partial, whose) = (partial(sources), whose());
    correlate::transfers(&correlate::world(&partial, &whose))
}

fn moved(lines: &[Line]) -> Vec<(String, String, Route, Bounds)> {
    transfers([source("e/a", lines)])
        .into_iter()
        .map(|t| (t.from.to_string(), t.to.to_string(), t.route, t.bytes))
        .collect()
}

#[test]
fn only_what_leaves_counts_and_in_the_right_direction() {
    let out = |seen, port| moved(&[line(seen, INSIDE, OUTSIDE, port, 7, 900)]);
    let upload = (INSIDE.to_owned(), OUTSIDE.to_owned(), Route::HttpsUpload, Bounds::exact(7));
    assert_eq!(out(Seen::Proxy, 443), std::slice::from_ref(&upload));
    assert_eq!(out(Seen::Flow, 443), [upload]);
    assert_eq!(out(Seen::Flow, 22)[0].2, Route::SftpFtp);
    assert_eq!(out(Seen::Flow, 9999)[0].2, Route::Network);
    let served = (INSIDE.to_owned(), OUTSIDE.to_owned(), Route::WebResponse, Bounds::exact(900));
    assert_eq!(moved(&[line(Seen::Web, OUTSIDE, INSIDE, 443, 7, 900)]), std::slice::from_ref(&served));
    assert_eq!(moved(&[line(Seen::Firewall, OUTSIDE, INSIDE, 443, 7, 900)]), [served]);
    assert_eq!(moved(&[line(Seen::Flow, INSIDE, "10.1.0.1", 443, 7, 900)]), [], "inside");
    assert_eq!(moved(&[line(Seen::Flow, OUTSIDE, "198.51.100.1", 443, 7, 900)]), [], "passing by");
    assert_eq!(moved(&[line(Seen::Dns, INSIDE, OUTSIDE, 53, 7, 900)]), [], "a question is no transfer");
    assert_eq!(moved(&[line(Seen::Proxy, INSIDE, OUTSIDE, 443, 0, 900)]), [], "a download");
}

#[test]
fn records_that_moved_bytes_out_are_cited_before_those_that_fetched_more() {
    let (fetched, mut sent) =
        (line(Seen::Proxy, INSIDE, OUTSIDE, 443, 7, 900), line(Seen::Proxy, INSIDE, OUTSIDE, 443, 50, 1));
    sent.key.account = "ann".into();
    let all = transfers([source("e/a", &[fetched, sent])]);
    let offsets = |t: &Transfer| t.evidence.list().iter().map(|cited| cited.place.offset).collect::<Vec<_>>();
    assert_eq!((all.len(), all[0].bytes, offsets(&all[0])), (1, Bounds::exact(57), vec![100, 0]));
}

#[test]
fn what_was_refused_did_not_leave() {
    let mut denied = line(Seen::Proxy, INSIDE, OUTSIDE, 443, 7, 900);
    denied.key.outcome = Outcome::Failed;
    assert_eq!(moved(&[denied]), []);
}

#[test]
fn proxy_and_firewall_that_saw_the_same_transfer_count_once() {
    let mut by_name = line(Seen::Proxy, INSIDE, "", 443, 100, 1);
    by_name.key.name = "files.example".into();
    let mut edge = line(Seen::Firewall, INSIDE, OUTSIDE, 443, 110, 1);
    edge.key.name = "files.example".into();
    let all = transfers([source("e/proxy", &[by_name]), source("e/fw", &[edge])]);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].bytes, Bounds { lower: 100, upper: Some(110) }, "headers are no data");
    assert_eq!(
        (&*all[0].to, all[0].seen_by.len(), &all[0].to_names[..]),
        ("files.example", 2, &[OUTSIDE.to_owned()][..])
    );
}

/// What a client sends by its proxy is on the wire in the proxy's name; what goes past the proxy is in its own.
#[test]
fn what_goes_past_a_proxy_is_not_taken_for_what_goes_through_it() {
    const MIB: u64 = 1 << 20;
    let upper = |relayed: u64, hour: i64| {
        let proxied = line(Seen::Proxy, INSIDE, OUTSIDE, 443, 30 * MIB, 9);
        let past = Line { hour: Some(500_000 + hour), ..line(Seen::Firewall, INSIDE, OUTSIDE, 443, 31 * MIB, 9) };
        let relayed = line(Seen::Firewall, "10.2.0.2", OUTSIDE, 443, relayed, 9);
        let all = transfers([source("e/proxy.log", &[proxied]), source("e/fw.log", &[past, relayed])]);
        let own = all.iter().find(|t| *t.from == *INSIDE).unwrap().bytes;
        assert!(own.lower <= 61 * MIB, "{own:?}");
        own.upper.unwrap()
    };
    assert_eq!((upper(31 * MIB, 0), upper(31 * MIB, 1)), (61 * MIB, 61 * MIB));
    assert_eq!((upper(MIB, 0), upper(MIB, 1)), (31 * MIB, 31 * MIB), "nobody else's traffic holds it");
}

#[test]
fn hours_add_up_and_keep_their_bytes() {
    let first = line(Seen::Flow, INSIDE, OUTSIDE, 443, 100, 1);
    let mut later = first.clone();
    later.hour = Some(500_003);
    later.up = Some(50);
    let mut untimed = first.clone();
    untimed.hour = None;
    untimed.up = Some(5);
    let all = transfers([source("e/fw", &[first, later, untimed])]);
    assert_eq!(all[0].bytes, Bounds::exact(155));
    assert_eq!((&all[0].hours[..], &all[0].hour_bytes[..]), (&[500_000, 500_003][..], &[100, 50][..]));
    assert_eq!((all[0].untimed(), all[0].busiest_day(), since(&all[0], 500_001 * 3600)), (5, 155, (50, 55)));
}

/// Bytes from a second since the epoch on: surely, and perhaps.
fn since(t: &Transfer, secs: i64) -> (u64, u64) {
    let since = t.since(Instant::from_secs(secs).unwrap(), Instant::from_secs(secs + 30 * 86_400).unwrap());
    (since.sure, since.perhaps)
}

#[test]
fn the_hour_of_an_instant_counts_from_what_can_be_dated() {
    let begin = 500_000 * 3600;
    let at = |secs: i64| Instant::from_secs(begin + secs).unwrap();
    let record = |secs, down| {
        let mut seen = observed("e/a", &line(Seen::Web, OUTSIDE, INSIDE, 443, 1, down), secs as u64);
        seen.hours[0].span = Some(Span::at(at(secs)));
        seen.cited[0].span = Some(Span::at(at(secs)));
        seen
    };
    let mut all = source("e/hc-web.log", &[]);
    let key = line(Seen::Web, OUTSIDE, INSIDE, 443, 1, 1).key;
    let later = (0..4).map(|n| record(3000 + n, 100));
    all.observations.kept = [record(10, 900)].into_iter().chain(later).map(|seen| (key.clone(), seen)).collect();
    let t = transfers([all]).remove(0);
    assert_eq!(since(&t, begin + 10), (1300, 1300), "the hour begins there");
    assert_eq!(since(&t, begin + 2000), (300, 1300), "three of the four cited lie after it");
    assert_eq!(since(&t, begin + 3500), (0, 1300));
    assert_eq!(since(&t, begin + 3600), (0, 0));
}

#[test]
fn a_name_is_one_destination_whatever_its_addresses_and_an_address_is_as_many_as_its_names() {
    let to = |name: &str, server: &str| {
        let mut line = line(Seen::Proxy, INSIDE, server, 443, 100, 1);
        line.key.name = name.into();
        line
    };
    let many: Vec<Line> = (0..200).map(|n| to("g.api.mega.co.nz", &format!("198.51.100.{n}"))).collect();
    let one = transfers([source("e/proxy", &many)]);
    assert_eq!((one.len(), one[0].bytes, one[0].to_names.len()), (1, Bounds::exact(20_000), 200));
    let shared = [to("vendor.example", OUTSIDE), to("drop.example", OUTSIDE), to("", OUTSIDE)];
    let apart = transfers([source("e/proxy", &shared)]);
    assert_eq!(apart.iter().map(|t| &*t.to).collect::<Vec<_>>(), [OUTSIDE, "drop.example", "vendor.example"]);
    let literal = transfers([source("e/proxy", &[to(OUTSIDE, "")])]);
    assert_eq!((&*literal[0].to, literal[0].to_names.len()), (OUTSIDE, 0), "an address in place of a name");
}

#[test]
fn a_name_that_one_log_knows_sanctions_no_more_than_that_log_saw() {
    let toml = "[[scope]]\nname='hc'\ncidr=['10.2.0.0/16']\n[[sanctioned]]\ndestination=['vendor.example']\nwhy='w'\n";
    let told = |toml: &str, edge: u64| {
        let whose = scope::compile(&toml::from_str(toml).unwrap()).unwrap();
        let mut named = line(Seen::Proxy, INSIDE, OUTSIDE, 443, 10 << 20, 1);
        named.key.name = "vendor.example".into();
        let edge = line(Seen::Firewall, INSIDE, OUTSIDE, 443, edge, 1);
        let merged = partial([source("e/proxy", &[named]), source("e/fw", &[edge])]);
        let all = correlate::transfers(&correlate::world(&merged, &whose));
        assert_eq!(all.len(), 1);
        all[0].sanctioned.is_some()
    };
    assert!(told(toml, 11 << 20), "the same bytes seen twice");
    assert!(!told(toml, 60 << 20), "most of it has no name");
    assert!(told(&toml.replace("vendor.example", OUTSIDE), 60 << 20), "the address itself is sanctioned");
}

#[test]
fn names_asked_for_are_bytes_out_below_their_domain() {
    let asked = |bytes| {
        let mut question = line(Seen::Dns, INSIDE, "10.2.0.53", 53, bytes, 0);
        (question.key.name, question.down) = ("evil.example".into(), None);
        moved(&[question])
    };
    let told = (INSIDE.to_owned(), "evil.example".to_owned(), Route::DnsTunnel, Bounds::exact(64 << 10));
    assert_eq!(asked(64 << 10), [told]);
    assert_eq!(asked((64 << 10) - 1), [], "everyday names");
}

/// Routes that a source shows without their bytes, and what it does not log.
fn unlogged(lines: &[Line]) -> (Vec<Route>, Vec<String>) {
    let (merged, whose) = (partial([source("e/log", lines)]), whose());
    let told = correlate::coverage(&correlate::world(&merged, &whose)).sources.remove(0);
    (told.unlogged, told.not_logged)
}

#[test]
fn a_log_that_does_not_state_what_leaves_says_by_which_routes() {
    let blind = |mut line: Line, up: bool| {
        *if up { &mut line.up } else { &mut line.down } = None;
        line
    };
    let edge = || line(Seen::Firewall, INSIDE, OUTSIDE, 443, 5, 5);
    let client = vec!["bytes sent by the client".to_owned()];
    assert_eq!(unlogged(&[blind(edge(), true)]), (vec![Route::HttpsUpload], client.clone()));
    assert_eq!(unlogged(&[edge(), blind(edge(), true)]), (vec![], vec![]), "a start beside its end");
    assert_eq!(unlogged(&[blind(edge(), false)]), (vec![], vec![]), "what comes in");
    assert_eq!(unlogged(&[blind(line(Seen::Flow, INSIDE, "10.1.0.1", 443, 5, 5), true)]), (vec![], vec![]), "inside");
    let connect = || line(Seen::Proxy, INSIDE, OUTSIDE, 443, 5, 5);
    assert_eq!(unlogged(&[connect(), connect(), blind(connect(), true)]), (vec![Route::HttpsUpload], client));
    let mut asks = blind(connect(), true);
    asks.key.sends = false;
    assert_eq!(unlogged(&[asks]), (vec![], vec![]), "a GET carries nothing out");
    let web = blind(line(Seen::Web, OUTSIDE, INSIDE, 443, 5, 5), false);
    assert_eq!(unlogged(&[web]), (vec![Route::WebResponse], vec!["bytes sent by the server".to_owned()]));
    assert_eq!(moved(&[blind(edge(), true)])[0].3, Bounds { lower: 0, upper: None });
}

#[test]
fn a_source_that_its_format_rejects_counts_as_not_read() {
    let gaps = |format: &str, records: u64, rejected: u64, fates: Fates| {
        let mut told = source("e/log", &[]);
        told.entry.format = Some(format.to_owned());
        (told.entry.records, told.entry.bytes) = (records, fates);
        told.entry.notes = vec![Note::new(Reason::RecordsRejected, "x").counted(rejected)];
        let (merged, whose) = (partial([told]), whose());
        correlate::coverage(&correlate::world(&merged, &whose)).sources.remove(0).gaps.len()
    };
    let bytes = |parsed, undecodable| Fates { parsed, undecodable, ..Fates::default() };
    assert_eq!(gaps("kv", 1000, 10, bytes(1000, 10)), 0, "1 % of its records");
    assert_eq!(gaps("kv", 1000, 11, bytes(1000, 0)), 1);
    assert_eq!(gaps("evtx", 1000, 0, bytes(1000, 500)), 1, "bytes that no record was made of");
    assert_eq!(gaps("text", 10, 9, bytes(0, 500)), 0);
    assert_eq!(gaps("syslog3164", 9, 1, bytes(700, 700)), 0, "anybody who is logged can write a line that is none");
    assert_eq!(gaps("syslog3164", 40, 9, bytes(700, 700)), 0);
    assert_eq!(gaps("syslog3164", 40, 10, bytes(700, 700)), 1, "no few lines");
    assert_eq!(gaps("syslog3164", 9, 3, bytes(700, 700)), 1, "a third of the log");
    assert_eq!(gaps("evtx", 9, 1, bytes(700, 700)), 1, "no line of text");
    let over = Fates { parsed: 700, undecodable: 9, oversize: 700, ..Fates::default() };
    assert_eq!(gaps("syslog3164", 9, 1, over), 1);
}

#[test]
fn private_addresses_that_no_own_network_holds_are_told_of() {
    let seen = |from: &[&str]| from.iter().map(|from| line(Seen::Dns, from, "10.2.0.1", 53, 7, 9)).collect::<Vec<_>>();
    let told = |whose: &Whose, from: &[&str]| {
        let merged = partial([source("e/dns", &seen(from))]);
        let gaps = correlate::coverage(&correlate::world(&merged, whose)).gaps;
        gaps.into_iter().map(|g| (g.source, g.reason)).collect::<Vec<_>>()
    };
    let from = [INSIDE, "10.9.0.4", "10.9.0.5", "192.168.3.7", "127.0.0.1", OUTSIDE];
    let outside = |text: &str| (text.to_owned(), GapReason::TakenAsOutside);
    assert_eq!(
        told(&whose(), &from),
        [outside("10.9.0.0/24, 2 private addresses, 10.9.0.4 the first"), outside("192.168.3.7, a private address")]
    );
    assert_eq!(told(&Whose::default(), &from), [], "without any own network all private ones are inside");
}

#[test]
fn what_a_private_address_of_nobody_sends_out_is_not_hidden() {
    let named = |seen, client: &str, server: &str, name: &str| {
        let mut one = line(seen, client, server, 443, 100 << 10, 9);
        one.key.name = name.into();
        moved(&[one]).into_iter().map(|(from, to, ..)| (from, to)).collect::<Vec<_>>()
    };
    let sent = |to: &str| vec![("10.9.0.4".to_owned(), to.to_owned())];
    assert_eq!(named(Seen::Dns, "10.9.0.4", "10.2.0.1", "evil.example"), sent("evil.example"));
    assert_eq!(named(Seen::Proxy, "10.9.0.4", OUTSIDE, "files.example"), sent("files.example"));
    assert_eq!(named(Seen::Proxy, "10.9.0.4", "", "files.example"), sent("files.example"));
    assert_eq!(named(Seen::Proxy, "10.9.0.4", "10.9.0.5", ""), [], "one of nobody's to another");
    assert_eq!(named(Seen::Proxy, "198.51.100.4", OUTSIDE, "files.example"), [], "no private address");
}

#[test]
fn a_tunnel_leads_to_its_domain_and_not_to_the_resolver_inside() {
    let mut asked = line(Seen::Dns, INSIDE, "10.2.0.1", 53, 100 << 10, 9);
    asked.key.name = "evil.example".into();
    let mut direct = asked.clone();
    direct.key.server = OUTSIDE.into();
    let all = transfers([source("e/a", &[asked]), source("e/b", &[direct])]);
    let to: Vec<Vec<&str>> = all.iter().map(|t| t.destinations().collect()).collect();
    assert_eq!(to, [["evil.example", OUTSIDE]]);
}

#[test]
fn hits_above_the_cap_are_told_where_the_rule_is_grave() {
    let gaps = |level: &str, count: u64| {
        let mut told = sighted("e/log", &[(0, Some(9), INSIDE)]);
        let mut hits = told.indicators.held.pop_first().unwrap().1;
        hits.count = count;
        told.rules.held.insert("r".into(), hits);
        let mut merged = partial([told]);
        let meta = serde_json::json!({
            "id": "r", "title": "t", "level": level, "stage": [], "attack": [], "route": null, "author": null,
            "file": "",
        });
        merged.rules.insert("r".into(), Arc::new(serde_json::from_value(meta).unwrap()));
        let whose = whose();
        let all = correlate::coverage(&correlate::world(&merged, &whose)).sources.remove(0).gaps;
        all.iter().map(|g| g.reason).collect::<Vec<_>>()
    };
    assert_eq!(gaps("high", 2), [GapReason::FindingsCapped]);
    assert_eq!(gaps("high", 1), []);
    assert_eq!(gaps("low", 2), []);
}

#[test]
fn the_cap_on_citations_decides_neither_scope_nor_entities() {
    let told = |cap: usize| {
        let mut all = sighted("e/log", &[]);
        let hits = all.indicators.held.values_mut().next().unwrap();
        for (offset, from) in [(0, INSIDE), (9, "10.1.0.1")] {
            let place = Place { offset, length: 9, line: None, record: None, event_record_id: None, in_doubt: false };
            let subject = Subject { source_ip: Some(from.into()), ..Subject::default() };
            let outcome = if offset == 9 { Outcome::Succeeded } else { Outcome::Failed };
            hits.add_who(subject.clone(), outcome, None);
            hits.add(cap, outcome, None, place, || Sighting { subject, ..sighting(place, None, from, outcome) });
        }
        let (merged, whose) = (partial([all]), whose());
        let all = found(&correlate::world(&merged, &whose), cap).into_iter();
        let told = all.map(|f| (f.scope, f.entities.sources, f.outcome, f.count));
        told.collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(told(1), told(9));
    let of = |scope: &str, from: &str, outcome| (scope.to_owned(), vec![from.to_owned()], outcome, 1);
    assert_eq!(told(1), [of("hc", INSIDE, Outcome::Failed), of("rv", "10.1.0.1", Outcome::Succeeded)].into());
}

#[test]
fn a_flood_of_failures_does_not_hide_the_one_success() {
    let mut hits = exfiltrace::model::hit::Sightings::default();
    for offset in 0..100u64 {
        let place = Place { offset, length: 9, line: None, record: None, event_record_id: None, in_doubt: false };
        let outcome = if offset == 99 { Outcome::Succeeded } else { Outcome::Failed };
        hits.add(10, outcome, None, place, || sighting(place, None, INSIDE, outcome));
    }
    let kept: Vec<u64> = hits.kept.iter().map(|s| s.place.offset).collect();
    assert_eq!((hits.count, &kept[..3], kept.len()), (100, &[99, 0, 1][..], 10));
}

#[test]
fn the_busiest_day_slides_over_hours() {
    let mut t = transfers([source("e/fw", &[line(Seen::Flow, INSIDE, OUTSIDE, 443, 100, 1)])]).remove(0);
    t.bytes = Bounds::exact(60);
    (t.hours, t.hour_bytes) = (vec![0, 23, 24, 48].into(), vec![10, 20, 15, 15].into());
    assert_eq!(t.busiest_day(), 35, "hours 23 and 24, but not 0 and 24");
}

#[test]
fn an_upload_of_unlogged_size_has_no_upper_bound() {
    let mut blind = line(Seen::Proxy, INSIDE, OUTSIDE, 443, 0, 9);
    blind.up = None;
    assert_eq!(moved(&[blind])[0].3, Bounds { lower: 0, upper: None });
}

#[test]
fn conversations_above_the_cap_unbound_the_rest_and_are_a_remark() {
    let mut full = source("e/fw", &[line(Seen::Flow, INSIDE, OUTSIDE, 443, 100, 1)]);
    let rest = Sum { records: 3, up: 70, ..Sum::default() };
    full.observations = Observations { rest, ..full.observations };
    let (partial, whose) = (partial([full]), whose());
    let world = correlate::world(&partial, &whose);
    assert_eq!(correlate::transfers(&world)[0].bytes, Bounds { lower: 100, upper: None });
    let told = &correlate::coverage(&world).sources[0];
    assert!(told.gaps.iter().any(|g| g.reason == GapReason::Capped));
    assert!(told.not_logged[0].contains("70 bytes up") && told.not_logged[0].contains("3 records"));
}

#[test]
fn a_web_log_without_a_server_is_that_of_the_only_web_server() {
    let web = source("e/hc-access.log", &[line(Seen::Web, OUTSIDE, "", 0, 0, 100)]);
    let edge = |servers: &[&str]| {
        let lines: Vec<Line> = servers.iter().map(|s| line(Seen::Firewall, OUTSIDE, s, 443, 0, 110)).collect();
        source("e/fw", &lines)
    };
    let joined = transfers([web.clone(), edge(&[INSIDE])]);
    assert_eq!(joined.len(), 1);
    assert_eq!((&*joined[0].from, joined[0].bytes), (INSIDE, Bounds { lower: 100, upper: Some(110) }));
    let apart = transfers([web, edge(&[INSIDE, "10.2.0.6"])]);
    assert_eq!(apart.iter().map(|t| &*t.from).collect::<Vec<_>>(), [INSIDE, "10.2.0.6", "e/hc-access.log"]);
}

#[test]
fn rotated_files_of_one_log_add_up_and_copies_of_it_do_not() {
    let part = |name: &str, hour: i64, first: i64, last: i64| {
        let mut line = line(Seen::Flow, INSIDE, OUTSIDE, 443, 100, 1);
        line.hour = Some(hour);
        let mut part = source(name, &[line]);
        let at = |secs| Instant::from_secs(secs).unwrap();
        part.covered.span = Some(Span { first: at(first), last: at(last) });
        part
    };
    let told = |name: &str, first: i64| {
        let parts =
            [part("e/fw.log.1.gz", 500_000, 1_800_000_000, 1_800_001_000), part(name, 500_000, first, 1_800_002_000)];
        let all = transfers(parts);
        (all.len(), all[0].bytes, all[0].seen_by.len())
    };
    let both = Bounds { lower: 100, upper: Some(200) };
    assert_eq!(told("e/fw.log", 1_800_001_000), (1, Bounds::exact(200), 2), "one follows the other");
    assert_eq!(told("e/fw.log", 1_800_000_999), (1, both, 2), "they may hold the same records");
    assert_eq!(told("e/other.log", 1_800_001_000), (1, both, 2), "another log");
}

#[test]
fn a_hole_between_the_files_of_one_log_is_a_silence() {
    let part = |name: &str, day: i64, records: u64| {
        let mut part = source(name, &[]);
        let at = |hours: i64| Instant::from_secs(1_800_000_000 + day * 86_400 + hours * 3600).unwrap();
        part.covered.span = Some(Span { first: at(0), last: at(24) });
        part.entry.records = records;
        part
    };
    let holes = |name: &str, day, records| {
        let (merged, whose) = (partial([part("e/fw.log.2.gz", 0, 99), part(name, day, records)]), whose());
        let all = correlate::coverage(&correlate::world(&merged, &whose)).sources;
        all.iter().flat_map(|s| &s.gaps).filter(|g| g.reason == GapReason::Silent).count()
    };
    assert_eq!(holes("e/fw.log", 3, 99), 1, "fw.log.1 is missing");
    assert_eq!(holes("e/fw.log", 2, 99), 0);
    assert_eq!(holes("e/fw.log", 3, 9), 0, "a sparse log");
    assert_eq!(holes("e/other.log", 3, 99), 0);
}

#[test]
fn the_end_of_a_file_that_is_missing_is_a_silence_where_its_log_is_never_quiet_for_an_hour() {
    let part = |name: &str, hours: std::ops::Range<i64>| {
        let mut part = source(name, &[]);
        let at = |hour: i64| Instant::from_secs(hour * 3600).unwrap();
        part.covered.span = Some(Span { first: at(hours.start), last: at(hours.end) });
        part.covered.hours = hours.map(|hour| (hour, 30)).collect();
        part
    };
    let holes = |until, name: &str| {
        let (merged, whose) = (partial([part("e/fw.log.1.gz", 0..until), part(name, 24..48)]), whose());
        let all = correlate::coverage(&correlate::world(&merged, &whose)).sources;
        let silent = all.into_iter().flat_map(|s| s.gaps).filter(|g| g.reason == GapReason::Silent);
        silent.map(|gap| (gap.source, gap.from.unwrap().hour(), gap.to.unwrap().hour())).collect::<Vec<_>>()
    };
    assert_eq!(holes(22, "e/fw.log"), [("e/fw.log".to_owned(), 22, 24)]);
    assert_eq!(holes(24, "e/fw.log"), []);
    assert_eq!(holes(22, "e/other.log"), [], "another log");
}

#[test]
fn pieces_of_a_cloud_s_log_add_up_and_other_logs_of_one_time_may_be_the_same() {
    let read = |name: &str, bytes: u64| {
        let mut one = line(Seen::Cloud, OUTSIDE, "", 0, 0, bytes);
        (one.key.name, one.key.account, one.key.sends) = ("hc-bucket".into(), "HC\\eve".into(), false);
        let mut source = source(name, &[one]);
        source.covered.span = Some(Span::at(Instant::from_secs(500_000 * 3600).unwrap()));
        source
    };
    let told = |names: [&str; 2]| {
        let all = transfers(names.map(|name| read(name, 700)));
        (all.len(), all[0].bytes)
    };
    let piece =
        |day: &str| format!("e/CloudTrail/eu-west-2/2026/03/{day}/1_CloudTrail_eu-west-2_202603{day}T0105Z_a.json");
    assert_eq!(told([&piece("28"), &piece("29")]), (1, Bounds::exact(1400)));
    assert_eq!(told(["e/a.json", "e/b.json"]), (1, Bounds { lower: 700, upper: Some(1400) }));
}

#[test]
fn two_firewalls_in_one_file_may_have_seen_the_same() {
    let by = |host: &str, up| {
        let mut one = line(Seen::Firewall, INSIDE, OUTSIDE, 443, up, 1);
        one.key.host = host.into();
        one
    };
    let told = |one: Line, other: Line| transfers([source("e/syslog", &[one, other])])[0].bytes;
    assert_eq!(told(by("edge", 700), by("core", 710)), Bounds { lower: 710, upper: Some(1410) });
    let (mut one, other) = (by("edge", 700), by("edge", 710));
    one.key.port = 8443;
    assert_eq!(told(one, other), Bounds::exact(1410), "two connections by one");
}

#[test]
fn a_web_log_that_names_no_server_is_one_over_its_rotated_files() {
    let web = |name: &str| source(name, &[line(Seen::Web, OUTSIDE, "", 0, 0, 100)]);
    let from = |names: [&str; 2]| transfers(names.map(web)).into_iter().map(|t| t.from.to_string()).collect::<Vec<_>>();
    assert_eq!(from(["e/hc-x.log", "e/hc-x.log.2.gz"]), ["e/hc-x.log"]);
    assert_eq!(from(["e/hc-x.log", "e/hc-y.log"]), ["e/hc-x.log", "e/hc-y.log"]);
}

#[test]
fn a_proxy_in_the_records_of_a_firewall_is_referred_to_where_no_log_of_it_is_there() {
    let asks = || line(Seen::Firewall, INSIDE, "10.2.0.9", 3128, 5, 5);
    let goes = || line(Seen::Firewall, "10.2.0.9", OUTSIDE, 443, 5, 5);
    let told = |sources: Vec<SourcePartial>| {
        let (merged, whose) = (partial(sources), whose());
        let all = correlate::coverage(&correlate::world(&merged, &whose)).referred;
        all.into_iter().map(|r| (r.scope, r.system)).collect::<Vec<_>>()
    };
    let fw = || source("e/fw", &[asks(), goes()]);
    assert_eq!(told(vec![fw()]), [("hc".to_owned(), "10.2.0.9".to_owned())]);
    assert_eq!(told(vec![fw(), source("e/proxy", &[line(Seen::Proxy, INSIDE, OUTSIDE, 443, 5, 5)])]), []);
    let others = source("e/proxy", &[line(Seen::Proxy, "10.1.0.1", OUTSIDE, 443, 5, 5)]);
    assert_eq!(told(vec![fw(), others]).len(), 1, "the proxy log of another scope");
    assert_eq!(told(vec![source("e/fw", &[asks()])]), [], "somebody tries ports");
    let several = |port| {
        let clients = [INSIDE, "10.2.0.6"].map(|client| line(Seen::Firewall, client, "10.2.0.9", port, 5, 5));
        source("e/fw", &clients)
    };
    assert_eq!((told(vec![several(3128)]).len(), told(vec![several(8080)]).len()), (1, 0), "or an application");
    let mut denied = asks();
    denied.key.outcome = Outcome::Failed;
    assert_eq!(told(vec![source("e/fw", &[denied, goes()])]), []);
}

#[test]
fn of_a_proxy_is_told_what_clients_sent_it_in_the_time_of_which_its_log_does_not_tell() {
    let asked = |hour: i64, up: Option<u64>| {
        let mut asks = line(Seen::Firewall, INSIDE, "10.2.0.9", 3128, 0, 5);
        (asks.hour, asks.up, asks.key.account) = (Some(hour), up, format!("{hour}").into());
        asks
    };
    // The log of the proxy tells of hours 500,000 to 500,009.
    let logged = || {
        let mut log = source("e/proxy", &[line(Seen::Proxy, INSIDE, OUTSIDE, 443, 5, 5)]);
        let at = |hour: i64| Instant::from_secs(hour * 3600).unwrap();
        log.covered.span = Some(Span { first: at(500_000), last: at(500_010) });
        log.covered.hours = (500_000..500_010).map(|hour| (hour, 1)).collect();
        log
    };
    let told = |asks: Vec<Line>| {
        let goes = line(Seen::Firewall, "10.2.0.9", OUTSIDE, 443, 5, 5);
        let edge = source("e/fw", &asks.into_iter().chain([goes]).collect::<Vec<_>>());
        let (merged, whose) = (partial([edge, logged()]), whose());
        let all = correlate::coverage(&correlate::world(&merged, &whose)).referred;
        all.into_iter().map(|r| (r.most_sent, r.from.map(Instant::hour), r.to.map(Instant::hour))).collect::<Vec<_>>()
    };
    let within = || asked(500_003, Some(1 << 30));
    assert_eq!(told(vec![within()]), []);
    let part = told(vec![within(), asked(500_020, Some(70)), asked(500_021, Some(9))]);
    assert_eq!(part, [(Some(79), Some(500_020), Some(500_021))], "only what no log tells of");
    assert_eq!(told(vec![within(), asked(500_020, None)])[0].0, None, "bytes that the firewall does not log");
    assert_eq!(
        told(vec![asked(500_003, None), asked(500_020, Some(70))])[0].0,
        Some(70),
        "the proxy tells of the others"
    );
}

#[test]
fn the_log_of_one_proxy_does_not_tell_of_another_one() {
    let proxies = ["10.2.0.8", "10.2.0.9"];
    let told = |host: &str| {
        let asks = proxies.map(|proxy| line(Seen::Firewall, INSIDE, proxy, 3128, 5, 5));
        let goes = proxies.map(|proxy| line(Seen::Firewall, proxy, OUTSIDE, 443, 5, 5));
        let mut request = line(Seen::Proxy, INSIDE, OUTSIDE, 443, 5, 5);
        request.key.host = host.into();
        let edge = source("e/fw", &[asks, goes].concat());
        let (merged, whose) = (partial([edge, source("e/proxy", &[request])]), whose());
        let all = correlate::coverage(&correlate::world(&merged, &whose)).referred;
        all.into_iter().map(|r| r.system).collect::<Vec<_>>()
    };
    assert_eq!(told("10.2.0.8"), ["10.2.0.9"]);
    assert_eq!((told(""), told("proxy-farm")), (vec![], vec![]), "it may be the log of both");
}

#[test]
fn ids_rest_on_what_identifies_and_not_on_counts() {
    let id = |to: &str, bytes| transfers([source("e/fw", &[line(Seen::Flow, INSIDE, to, 443, bytes, 1)])]).remove(0).id;
    assert_eq!(id(OUTSIDE, 1), id(OUTSIDE, 2));
    assert_ne!(id(OUTSIDE, 1), id("203.0.113.10", 1));
    assert!(id(OUTSIDE, 1).starts_with("t-") && id(OUTSIDE, 1).len() == 34);
}

fn sighting(place: Place, time: Option<Stamp>, from: &str, outcome: Outcome) -> Sighting {
    Sighting {
        place,
        time,
        sha256: String::new(),
        excerpt: String::new(),
        field: None,
        outcome,
        subject: Subject { source_ip: Some(from.into()), destination_ip: Some(OUTSIDE.into()), ..Subject::default() },
        called: None,
        data: Vec::new(),
    }
}

fn sighted(name: &str, sightings: &[(u64, Option<i64>, &str)]) -> SourcePartial {
    let mut source = source(name, &[]);
    let indicator = IndicatorRef { value: OUTSIDE.into(), kind: "ip".into(), how: MatchKind::Exact };
    let hits = source.indicators.held.entry(indicator).or_default();
    for (offset, secs, from) in sightings {
        let time = secs.and_then(Instant::from_secs).map(Stamp::certain);
        let place =
            Place { offset: *offset, length: 9, line: None, record: None, event_record_id: None, in_doubt: false };
        hits.add(1000, Outcome::Unknown, time, place, || sighting(place, time, from, Outcome::Unknown));
    }
    source
}

#[test]
fn findings_come_by_time_and_without_one_last_and_are_cut_only_in_their_places() {
    let (whose, merged) = (
        whose(),
        partial([
            sighted("e/a", &[(0, None, INSIDE)]),
            sighted("e/b", &[(0, Some(9), INSIDE), (9, Some(3), INSIDE)]),
            sighted("e/c", &[(0, Some(5), INSIDE), (9, Some(6), "10.1.0.1")]),
        ]),
    );
    let world = correlate::world(&merged, &whose);
    let all = found(&world, 1);
    let sources: Vec<&str> = all.iter().map(|f| f.evidence[0].source.as_str()).collect();
    assert_eq!(sources, ["e/b", "e/c", "e/c", "e/a"], "records of two scopes are two findings");
    assert_eq!((all[0].count, all[0].omitted, all[0].evidence.len()), (2, 1, 1));
    assert_eq!(all.iter().map(|f| &*f.scope).collect::<Vec<_>>(), ["hc", "hc", "rv", "hc"]);
    let more = found(&world, 9);
    assert_eq!(more.iter().map(|f| &f.id).collect::<Vec<_>>(), all.iter().map(|f| &f.id).collect::<Vec<_>>());
}

#[test]
fn clearing_silence_and_missing_figures_are_told() {
    let mut blind = line(Seen::Firewall, INSIDE, OUTSIDE, 443, 0, 1);
    blind.up = None;
    let mut told = source("e/fw", &[blind, line(Seen::Firewall, INSIDE, "203.0.113.8", 443, 4, 1)]);
    told.covered.hours = (0..30).chain(90..120).map(|hour| (hour, 1)).collect();
    told.covered.cleared =
        vec![Cleared { host: "".into(), channel: "".into(), at: Instant::from_secs(36_000).unwrap() }];
    let gaps = |source: SourcePartial| {
        let (merged, whose) = (partial([source]), whose());
        let all = correlate::coverage(&correlate::world(&merged, &whose)).sources.remove(0);
        (all.gaps.iter().map(|g| g.reason).collect::<Vec<_>>(), all.not_logged)
    };
    assert_eq!(gaps(told.clone()), (vec![GapReason::Cleared, GapReason::Silent], vec![]), "one of two states bytes");
    let kept = told.observations.kept.iter().filter(|(_, o)| o.sum().up_unlogged > 0);
    let kept = kept.map(|(key, o)| (key.to_owned(), o.unpack())).collect();
    told.observations.kept = kept;
    told.covered.hours = [(0, 1), (90, 1)].into();
    assert_eq!(gaps(told), (vec![GapReason::Cleared], vec!["bytes sent by the client".to_owned()]), "a sparse log");
}

#[test]
fn numbers_that_no_file_of_a_log_holds_are_told_and_those_of_exports_are_not() {
    let at = |secs| Instant::from_secs(secs);
    let run = |first, last, from, to, original| NumberRun { first, last, from: at(from), to: at(to), original };
    let file = |name: &str, host: &str, runs: &[NumberRun]| {
        let mut told = source(name, &[]);
        told.covered.numbers = [((host.into(), "Security".into()), runs.to_vec())].into();
        told
    };
    let told = |files: Vec<SourcePartial>| {
        let (merged, whose) = (partial(files), whose());
        let all = correlate::coverage(&correlate::world(&merged, &whose)).sources;
        all.into_iter().flat_map(|s| s.gaps).map(|g| (g.source, g.reason, g.from, g.to)).collect::<Vec<_>>()
    };
    let (early, late) = (run(1, 9, 100, 200, true), run(20, 30, 500, 600, true));
    let hole = |name: &str| (name.to_owned(), GapReason::NumbersMissing, at(200), at(500));
    assert_eq!(told(vec![file("e/a", "dc", &[early, late])]), [hole("e/a")], "in one file");
    let archive = file("e/z", "dc", &[early]);
    assert_eq!(told(vec![file("e/a", "dc", &[late]), archive.clone()]), [hole("e/a")], "between files");
    assert_eq!(told(vec![file("e/a", "ws", &[late]), archive.clone()]), [], "of two computers");
    let between = file("e/m", "dc", &[run(10, 19, 200, 500, false)]);
    assert_eq!(told(vec![file("e/a", "dc", &[late]), archive.clone(), between]), [], "an export has them");
    assert_eq!(told(vec![file("e/a", "dc", &[run(20, 30, 50, 60, true)]), archive.clone()]), [], "begun anew");
    assert_eq!(told(vec![file("e/a", "dc", &[NumberRun { original: false, ..late }]), archive]), [], "an export");
}

proptest! {
    #[test]
    fn any_order_of_lines_and_sources_gives_the_same(
        order in Just((0..24usize).collect::<Vec<_>>()).prop_shuffle(),
        flip in any::<bool>(),
    ) {
        let lines: Vec<Line> = (0..24u64)
            .map(|n| {
                let mut line = line(Seen::Flow, INSIDE, &format!("203.0.113.{}", n % 5), 443, n + 1, 1);
                line.hour = (n % 7 != 0).then_some(500_000 + n as i64 % 3);
                line
            })
            .collect();
        let mut shuffled = source("e/a", &[]);
        let observed = |n: &usize| (lines[*n].key.clone(), observed("e/a", &lines[*n], *n as u64 * 100));
        shuffled.observations.kept = order.iter().map(observed).collect();
        let other = || partial([sighted("e/b", &[(0, Some(9), INSIDE)]), source("e/c", &lines[..9])]);
        let parts = |a: SourcePartial| if flip { [other(), partial([a])] } else { [partial([a]), other()] };
        let whose = whose();
        let told = |merged: Partial| {
            let world = correlate::world(&merged, &whose);
            let all = (correlate::transfers(&world), found(&world, 9), correlate::coverage(&world));
            serde_json::to_string(&all).unwrap()
        };
        let straight = merge::all([partial([source("e/a", &lines)]), other()]);
        prop_assert_eq!(told(merge::all(parts(shuffled))), told(straight));
    }
}

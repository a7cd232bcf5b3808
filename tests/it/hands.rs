//! Beacons, long connections and refused exits of an address that was given to one computer after the other; and what correlations
//! tell of the session in which something was done.

use exfiltrace::detect::{Program, Routing};
use exfiltrace::discover::Root;
use exfiltrace::indicators::Builder;
use exfiltrace::model::finding::FindingKind;
use exfiltrace::model::scopes::Scopes;
use exfiltrace::{plan::Plan, scan};
use serde_json::Value;

use crate::joins::{acted_on, edge, session_event};
use crate::verdict::{SCOPES, cites, scan_with_findings};

/// A lease of 10.2.0.9, and one of another address, after which the log is known to go on.
fn lease(clock: &str, host: &str) -> String {
    format!("Mar  2 {clock} hc-gw dnsmasq-dhcp[7]: DHCPACK(br0) 10.2.0.9 00:15:5d:00:00:{} {host}\n", &host[5..])
}

const LATER: &str = "Mar  2 23:50:00 hc-gw dnsmasq-dhcp[7]: DHCPACK(br0) 10.2.0.51 00:15:5d:00:00:51 hc-pc51\n";

/// What is said where the file server is acted on at ten in a session from 10.2.0.9, with these leases and this log of the firewall.
fn told(leases: &[String], log: String) -> (Value, Vec<Value>) {
    told_of(leases.concat() + LATER, log)
}

/// The same with this log of leases.
fn told_of(leases: String, log: String) -> (Value, Vec<Value>) {
    let on =
        session_event("09:50:00.000", 4624, "j.doe", "10.2.0.9") + &session_event("10:30:00.000", 4634, "j.doe", "-");
    let files = [("hc-fs01.json", acted_on()), ("hc-security.json", on), ("hc-edge.log", log), ("hc-dhcp.log", leases)];
    let (told, findings) = scan_with_findings(&files, SCOPES);
    (told.scope("hc").clone(), findings)
}

fn denied(clock: &str) -> String {
    edge(clock, "10.2.0.9", "198.51.100.9", "action=\"deny\" sentbyte=0 rcvdbyte=0")
}

/// A call each minute of these hours.
fn calls(hours: std::ops::Range<u32>) -> String {
    let call = |minute: u32| {
        let clock = format!("{:02}:{:02}:00", minute / 60, minute % 60);
        edge(&clock, "10.2.0.9", "198.51.100.7", "action=\"close\" sentbyte=600 rcvdbyte=500")
    };
    (hours.start * 60..hours.end * 60).map(call).collect()
}

fn of<'f>(findings: &'f [Value], rule: &str) -> Vec<&'f Value> {
    findings.iter().filter(|f| f["rule"]["id"] == rule).collect()
}

#[test]
fn exits_refused_to_who_has_the_address_later_are_not_the_intruders() {
    let first = lease("08:00:00", "hc-pc07");
    let (hc, findings) = told(&[first.clone(), lease("11:30:00", "hc-pc08")], denied("13:00:00"));
    assert!(!cites(&hc, "J-91") && of(&findings, "anomaly.refused_exits").is_empty(), "{hc}");
    let (hc, findings) = told(&[first.clone(), lease("11:30:00", "hc-pc08")], denied("11:00:00") + &denied("13:00:00"));
    assert!(cites(&hc, "J-91"), "before that: {hc}");
    let [refused] = of(&findings, "anomaly.refused_exits")[..] else { panic!("{findings:?}") };
    assert_eq!((&refused["count"], &refused["joined"][0]["host"]), (&1.into(), &"hc-pc07".into()), "{refused}");
    let text = "10.2.0.9 tried once to connect to 198.51.100.9, and a firewall or proxy refused it";
    assert_eq!(refused["text"], text);
    let reasons = hc["reasons"].as_array().unwrap().iter().filter(|r| r["clause"] == "J-91");
    let texts: Vec<&str> = reasons.filter_map(|r| r["text"].as_str()).collect();
    assert_eq!(texts, [format!("a computer of the intruder tried to get out and was stopped: {text}")]);
    let (hc, _) = told(&[first], denied("11:00:00") + &denied("13:00:00"));
    assert!(cites(&hc, "J-91"), "the same computer");
}

/// An address stays the intruder's until a log gives it to another one: one that names nobody, or is over, does not.
#[test]
fn what_leaves_after_a_lease_without_a_name_or_after_the_log_of_leases_is_still_the_intruders() {
    let sent = edge("11:00:00", "10.2.0.9", "203.0.113.77", "action=\"close\" sentbyte=1073741824 rcvdbyte=900");
    let state = |leases: String| {
        let (hc, _) = told_of(leases, sent.clone());
        (hc["state"].as_str().unwrap().to_owned(), cites(&hc, "J-82"))
    };
    let first = lease("08:00:00", "hc-pc07");
    let nameless = first.replace("08:00:00", "10:45:00").replace(" hc-pc07\n", "\n");
    let exfiltrated = ("exfiltrated".to_owned(), false);
    assert_eq!(state(first.clone() + LATER), exfiltrated);
    assert_eq!(state(first.clone() + &nameless + LATER), exfiltrated, "whoever it was");
    assert_eq!(state(nameless.replace("10:45", "08:00") + LATER), exfiltrated, "no log says who");
    assert_eq!(state(first.clone() + &LATER.replace("23:50:00", "10:40:00")), exfiltrated, "that log is over");
    assert_ne!(state(first.clone() + &lease("10:45:00", "hc-pc08") + LATER), exfiltrated, "another one's");
    let (perhaps, is_open) = state(first + &lease("11:00:00", "hc-pc08") + LATER);
    assert!(perhaps != "exfiltrated" && is_open, "perhaps another one's: {perhaps}");
}

#[test]
fn exits_refused_to_a_computer_are_its_by_the_lease_of_the_address() {
    let acted = acted_on().replace("hc-fs01", "hc-pc07");
    let told = |leases: &[String]| {
        let files = [
            ("hc-pc07.json", acted.clone()),
            ("hc-edge.log", denied("13:00:00")),
            ("hc-dhcp.log", leases.concat() + LATER),
        ];
        cites(scan_with_findings(&files, SCOPES).0.scope("hc"), "J-91")
    };
    assert!(told(&[lease("08:00:00", "hc-pc07")]));
    assert!(!told(&[lease("08:00:00", "hc-pc07"), lease("11:30:00", "hc-pc08")]), "another one's by then");
    assert!(!told(&[lease("08:00:00", "hc-pc08")]));
}

#[test]
fn calls_of_who_has_the_address_later_are_not_the_intruders() {
    let first = lease("07:00:00", "hc-pc07");
    let beacons = |leases: &[String], hours| {
        let (hc, findings) = told(leases, calls(hours));
        (cites(&hc, "J-53"), of(&findings, "anomaly.beacon").len())
    };
    assert_eq!(beacons(std::slice::from_ref(&first), 11..22), (true, 1));
    assert_eq!(beacons(&[first.clone(), lease("11:00:00", "hc-pc08")], 12..23), (false, 1), "another one's");
    assert_eq!(beacons(&[lease("11:00:00", "hc-pc08")], 12..23).1, 1);
    // Each of the two calls by itself.
    let (_, findings) = told(&[lease("00:00:00", "hc-pc07"), lease("12:00:00", "hc-pc08")], calls(0..23));
    let mut ids: Vec<&str> = of(&findings, "anomaly.beacon").iter().map(|f| f["id"].as_str().unwrap()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 2, "{ids:?}");
    let whose: Vec<&Value> = of(&findings, "anomaly.beacon").iter().map(|f| &f["joined"][0]["host"]).collect();
    assert_eq!(whose, ["hc-pc07", "hc-pc08"]);
}

#[test]
fn a_connection_held_open_by_who_has_the_address_later_is_not_the_intruders() {
    let open =
        edge("22:00:00", "10.2.0.9", "198.51.100.7", "action=\"close\" duration=32400 sentbyte=90000 rcvdbyte=80000");
    let suspected = |leases: &[String]| {
        let (hc, findings) = told(leases, open.clone());
        (cites(&hc, "J-53"), of(&findings, "anomaly.long_connection").len())
    };
    assert_eq!(suspected(&[lease("08:00:00", "hc-pc07")]), (true, 1));
    assert_eq!(suspected(&[lease("08:00:00", "hc-pc07"), lease("11:30:00", "hc-pc08")]), (false, 1));
}

/// From where a correlation over what was done on the file server says that it was done, in the session of this number.
fn sources(number: &str) -> Vec<String> {
    const RULES: &str = "title: Dump\nname: dump\nlogsource: {product: windows, category: process_creation}\n\
                         detection: {s: {CommandLine|contains: ntdsutil}, condition: s}\nlevel: low\n---\n\
                         title: Dumps\nname: dumps\nlevel: high\ncorrelation: {type: event_count, rules: dump, group-by: host.name, \
                         timespan: 1h, condition: {gte: 2}}\n";
    let acted = acted_on().replace("\"User\"", &format!("\"LogonId\":\"{number}\",\"User\""));
    let remote =
        session_event("09:50:00.000", 4624, "j.doe", "10.2.0.9") + &session_event("10:30:00.000", 4634, "j.doe", "-");
    let console = session_event("09:00:00.000", 4624, "j.doe", "127.0.0.1")
        .replace("0x3e7a1", "0x99999")
        .replace("\"LogonType\":\"10\"", "\"LogonType\":\"2\"");
    let temp = tempfile::tempdir().unwrap();
    let files =
        [("fs01.json", acted.clone() + &acted.replace("10:00:00", "10:05:00")), ("security.json", console + &remote)];
    let root = |(name, log): &(&str, String)| {
        std::fs::write(temp.path().join(name), log).unwrap();
        Root { name: name.as_bytes().to_vec(), path: Some(temp.path().join(name)) }
    };
    let roots = files.iter().map(root).collect();
    let (program, problems) = Program::compile([("0.yml".to_owned(), RULES.to_owned())], Routing::Any);
    assert!(problems.is_empty(), "{problems:#?}");
    let plan = Plan { program, ..crate::support::plan(roots, Scopes::default(), Builder::new()) };
    let told = scan::scan(&plan).unwrap();
    let found = told.findings.list().iter().filter(|f| f.kind == FindingKind::Correlation);
    found.flat_map(|f| f.joined.iter().map(|joined| joined.address.clone())).collect()
}

#[test]
fn a_correlation_is_of_the_session_whose_number_its_records_give() {
    assert_eq!(sources("0x3e7a1"), ["10.2.0.9"]);
    assert!(sources("0x99999").is_empty(), "at the keyboard");
    assert!(sources("0x12345").is_empty(), "of which no log tells");
}

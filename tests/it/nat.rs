//! One transfer of which two sources tell: the firewall as the host's, and a log outside as that of the address to which the firewall
//! translates it.

use serde_json::{Value, json};

use crate::joins::{acted_on, partner, translated};
use crate::verdict::{SCOPES, Told, cites, scan_with_transfers};

const MIB: u64 = 1 << 20;

/// The file server is acted on at a time; what these logs of the firewall and outside say then.
fn told(acted_at: &str, edge: String, outside: (&str, String)) -> (Told, Vec<Value>) {
    let acted = acted_on().replace("T10:00:00", &format!("T{acted_at}"));
    scan_with_transfers(&[("hc-sysmon.json", acted), ("hc-edge.log", edge), outside], SCOPES)
}

/// What the partner's web server got in these requests: when each was over, and its MiB.
fn got(requests: &[(&str, u64)]) -> (&'static str, String) {
    let head = partner(0).lines().take(2).map(|line| format!("{line}\n")).collect::<String>();
    let request = |(clock, mib): &(&str, u64)| {
        format!("2026-03-02 {clock} 198.51.100.7 PUT /in 443 203.0.113.40 200 {} 300 900\n", mib * MIB)
    };
    ("partner-iis.log", head + &requests.iter().map(request).collect::<String>())
}

/// What the firewall says of a session of the file server of ten minutes, with so many MiB or without its bytes.
fn session(host: &str, ended: &str, mib: Option<u64>) -> String {
    let bytes = mib.map(|mib| format!("sentbyte={} rcvdbyte=900", mib * MIB)).unwrap_or_default();
    translated(ended, host, "198.51.100.7", &bytes)
}

fn of<'t>(transfers: &'t [Value], from: &str) -> &'t Value {
    transfers.iter().find(|t| t["from"] == from).unwrap()
}

fn bounds(told: &Value) -> (Option<u64>, Option<u64>) {
    (told["bytes"]["lower"].as_u64(), told["bytes"]["upper"].as_u64())
}

#[test]
fn a_session_that_was_over_before_the_intrusion_takes_nothing_from_one_after_it() {
    let edge = session("10.2.0.5", "10:15:00", Some(100)) + &session("10.2.0.5", "10:50:00", None);
    let left = |requests: &[(&str, u64)]| {
        let (told, _) = told("10:30:00", edge.clone(), got(requests));
        let route = told.route("hc", "https_upload");
        (route["state"].as_str().unwrap().to_owned(), route["bytes"]["lower"].as_u64().unwrap() / MIB)
    };
    let exfiltrated = |mib| ("exfiltrated".to_owned(), mib);
    assert_eq!(left(&[("10:14:00", 100), ("10:45:00", 200)]), exfiltrated(200));
    assert_eq!(left(&[("10:08:00", 60), ("10:14:00", 40), ("10:45:00", 200)]), exfiltrated(200), "in two requests");
    assert_ne!(left(&[("10:14:00", 100)]).0, "exfiltrated", "nothing came after it");
}

/// Of many requests of one hour only the largest are dated: the others moved no earlier than the first of them.
#[test]
fn a_session_takes_nothing_from_an_hour_in_which_all_began_after_it() {
    let edge = session("10.2.0.5", "10:05:00", Some(100)) + &session("10.2.0.5", "10:50:00", None);
    let clocks: Vec<String> = (0..50).map(|n| format!("10:{}:{:02}", 40 + n / 6, n % 6 * 10)).collect();
    let later = clocks.iter().map(|clock| (&**clock, 1));
    let requests: Vec<(&str, u64)> = std::iter::once(("09:58:00", 20)).chain(later).collect();
    let (after, transfers) = told("10:20:00", edge.clone(), got(&requests));
    assert_eq!(bounds(of(&transfers, "203.0.113.40")), (Some(50 * MIB), Some(50 * MIB)));
    let route = after.route("hc", "https_upload");
    assert_eq!((&route["state"], &route["bytes"]["lower"]), (&"exfiltrated".into(), &(50 * MIB).into()));
    assert_eq!(route["bytes"]["upper"], 150 * MIB, "with what moved before");
    let within = [&requests[..1], &[("10:04:00", 1)], &requests[1..]].concat();
    let (_, transfers) = told("10:20:00", edge, got(&within));
    assert!(bounds(of(&transfers, "203.0.113.40")).0 < Some(50 * MIB), "any of that hour may be of it");
}

/// Of a record that gives one time it is not known until when its session went on: what came long after it may be of it, so that less
/// moved at least, but need not be.
#[test]
fn what_may_be_of_another_session_is_no_less_at_most() {
    let edge = |duration: &str| {
        let first = session("10.2.0.5", "10:05:00", Some(50)).replace("duration=600", duration);
        first + &session("10.2.0.5", "11:35:00", None)
    };
    let left = |duration: &str, clock: &str| {
        let (_, transfers) = told("09:30:00", edge(duration), got(&[("10:05:00", 1), (clock, 50)]));
        let (lower, upper) = bounds(of(&transfers, "203.0.113.40"));
        (lower.map(|lower| lower / MIB), upper.map(|upper| upper / MIB))
    };
    assert_eq!(left("duration=0", "11:32:00"), (Some(1), Some(50)));
    assert_eq!(left("duration=0", "10:05:30"), (Some(1), Some(1)), "about then");
    assert_eq!(left("duration=600", "11:32:00"), (Some(50), Some(50)), "it was over by then");
}

#[test]
fn what_a_session_moved_after_the_intrusion_is_taken_from_what_was_got_then() {
    let edge = session("10.2.0.5", "10:15:00", None) + &session("10.2.0.5", "10:50:00", Some(200));
    let (told, transfers) = told("10:30:00", edge, got(&[("10:14:00", 100), ("10:45:00", 200)]));
    assert_eq!(bounds(of(&transfers, "203.0.113.40")), (Some(100 * MIB), Some(100 * MIB)), "before it");
    let route = told.route("hc", "https_upload");
    assert_eq!((&route["state"], &route["bytes"]["lower"]), (&"exfiltrated".into(), &(200 * MIB).into()), "once");
}

#[test]
fn what_went_one_way_takes_nothing_from_what_went_another_one_in_that_hour() {
    let outside = |clock: &str, port: u16, mib: u64| {
        format!(
            "date=2026-03-02 time={clock} tz=\"+0000\" devname=\"partner\" logid=\"0000000013\" type=\"traffic\" srcip=203.0.113.40 \
             srcport=50000 dstip=198.51.100.7 dstport={port} action=\"accept\" duration=60 sentbyte={} rcvdbyte=900\n",
            mib * MIB
        )
    };
    let edge = session("10.2.0.5", "10:45:00", Some(100)).replace("dstport=443", "dstport=22")
        + &session("10.2.0.5", "10:50:00", None);
    let log = outside("10:40:00", 22, 100) + &outside("10:48:00", 443, 200);
    let (_, transfers) = told("10:30:00", edge, ("partner-fw.log", log));
    let rows: Vec<(&str, u64)> = transfers
        .iter()
        .filter(|t| t["from"] == "203.0.113.40")
        .map(|t| (t["route"].as_str().unwrap(), t["bytes"]["lower"].as_u64().unwrap() / MIB))
        .collect();
    assert_eq!(rows, [("https_upload", 200), ("sftp_ftp", 0)]);
}

#[test]
fn a_transfer_that_two_sources_saw_counts_once_at_most_too() {
    let requests = [("10:32:00", 10), ("10:35:00", 20), ("10:38:00", 20)];
    let (of_both, transfers) = told("10:00:00", session("10.2.0.5", "10:40:00", Some(50)), got(&requests));
    assert_eq!(bounds(of(&transfers, "203.0.113.40")), (Some(0), Some(0)));
    assert_eq!(bounds(of_both.route("hc", "https_upload")), (Some(50 * MIB), Some(50 * MIB)));
    let (of_one, _) = told("10:00:00", session("10.2.0.5", "10:40:00", None), got(&requests));
    assert_eq!(bounds(of_one.route("hc", "https_upload")).0, Some(50 * MIB), "the firewall does not say how much");
    let other = session("10.2.0.5", "10:40:00", Some(5));
    let (_, transfers) = told("10:00:00", other, got(&requests));
    assert_eq!(bounds(of(&transfers, "203.0.113.40")), (Some(45 * MIB), Some(45 * MIB)), "a part of it");
}

#[test]
fn whose_bytes_an_address_passed_on_is_told_by_who_sent_most() {
    let edge = session("10.2.0.77", "10:40:00", Some(1)) + &session("10.2.0.5", "10:41:00", Some(40));
    let (of_two, transfers) = told("10:00:00", edge, got(&[("10:36:00", 41)]));
    let passed_on = &of(&transfers, "203.0.113.40")["passed_on"];
    assert_eq!(*passed_on, json!({"hosts": ["hc-fs01", "10.2.0.77"], "more": 0}));
    assert!(!cites(of_two.scope("hc"), "J-82"));
    let many: String = (0..20u64)
        .map(|n| session(&format!("10.2.0.{}", 100 + n), "10:40:00", Some(if n == 19 { 30 } else { 1 })))
        .collect();
    let scopes = SCOPES.replace("'10.2.0.0/16'", "'10.2.0.0/16','203.0.113.40/32'");
    let files = [("hc-sysmon.json", acted_on()), ("hc-edge.log", many), got(&[("10:36:00", 60)])];
    let (_, transfers) = scan_with_transfers(&files, &scopes);
    let passed_on = &of(&transfers, "203.0.113.40")["passed_on"];
    let hosts = passed_on["hosts"].as_array().unwrap();
    assert_eq!((&hosts[0], hosts.len(), &passed_on["more"]), (&json!("10.2.0.119"), 16, &json!(4)));
}

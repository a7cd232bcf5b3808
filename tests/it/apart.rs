//! Two logs of one transfer whose clocks are apart: what both may tell of counts once at least.

use exfiltrace::detect::{Program, Routing};
use exfiltrace::discover::Root;
use exfiltrace::indicators::Builder;
use exfiltrace::model::scopes::Scopes;
use exfiltrace::model::transfer::{Bounds, Transfer};
use exfiltrace::scan::{self, Outcome};

use crate::support::plan_with;

const GIB: u64 = 1 << 30;

const FIREWALL: &str = "time,src_ip,dst_ip,dst_port,bytes_out,bytes_in\n";
const SENSOR: &str = "timestamp,source_ip,destination_ip,destination_port,bytes_sent,bytes_received\n";

/// One row: seconds after 08:00, the last byte of the server's address, bytes sent.
type Row = (i64, u32, u64);

/// A log of these flows by a clock that is so many seconds late, of a zone that is written or not.
fn log(columns: &str, rows: &[Row], late: i64, zone: &str) -> String {
    let row = |(at, server, bytes): &Row| {
        let secs = 28_800 + at + late;
        let (hour, minute, second) = (secs / 3600, secs / 60 % 60, secs % 60);
        format!("2026-03-28T{hour:02}:{minute:02}:{second:02}{zone},10.2.0.5,203.0.113.{server},443,{bytes},900\n")
    };
    std::iter::once(columns.to_owned()).chain(rows.iter().map(row)).collect()
}

/// The large flow at 09:58, and a few that both logs tell of.
fn flows() -> Vec<Row> {
    let small = (1..=12).map(|server| (i64::from(server) * 97, server, 5000));
    small.chain([(7080, 99, 4 * GIB), (14_000, 13, 5000)]).collect()
}

fn scanned(logs: &[(&str, String)]) -> Outcome {
    let temp = tempfile::tempdir().unwrap();
    for (name, text) in logs {
        std::fs::write(temp.path().join(name), text).unwrap();
    }
    let root = Root { name: b"logs".to_vec(), path: Some(temp.path().to_owned()) };
    let none = Program::compile(Vec::<(String, String)>::new(), Routing::Auto).0;
    scan::scan(&plan_with(none, vec![root], Scopes::default(), Builder::new())).unwrap()
}

/// What went to the server of the large flow.
fn large(outcome: &Outcome) -> &Transfer {
    outcome.transfers.iter().find(|t| &*t.to == "203.0.113.99").unwrap()
}

fn between(lower: u64, upper: u64) -> Bounds {
    Bounds { lower, upper: Some(upper) }
}

#[test]
fn one_flow_in_two_hours_of_clocks_that_are_apart_counts_once_at_least() {
    let firewall = log(FIREWALL, &flows(), 0, "Z");
    for late in [419, -4000] {
        let outcome = scanned(&[("firewall.csv", firewall.clone()), ("sensor.csv", log(SENSOR, &flows(), late, "Z"))]);
        let told = large(&outcome);
        assert_eq!(told.bytes, between(4 * GIB, 8 * GIB), "{late}");
        let apart = told.apart.as_ref().unwrap();
        assert_eq!((apart.later_millis, apart.bytes), (Some(late * 1000), 4 * GIB));
        assert_eq!((apart.first.file_name(), apart.second.file_name()), ("firewall.csv", "sensor.csv"));
        let sum: u64 = told.hour_bytes.iter().sum();
        assert_eq!(sum, 4 * GIB, "by hours too");
        let reason = outcome.verdict.scopes.iter().flat_map(|s| &s.reasons).find(|r| r.clause == "J-20").unwrap();
        assert!(reason.text.contains(&format!("at least {} bytes", 4 * GIB)), "{}", reason.text);
        assert!(reason.text.contains("s apart: what both may tell of counts once at least"), "{}", reason.text);
    }
}

#[test]
fn clocks_that_agree_leave_two_flows_in_two_hours_two() {
    let mut later = flows();
    later[12].0 = 7500;
    let outcome =
        scanned(&[("firewall.csv", log(FIREWALL, &flows(), 0, "Z")), ("sensor.csv", log(SENSOR, &later, 1, "Z"))]);
    assert_eq!(outcome.coverage.skews[0].later_millis, 1000);
    assert_eq!((large(&outcome).bytes, large(&outcome).apart.is_some()), (between(8 * GIB, 8 * GIB), false));
}

#[test]
fn hours_that_are_further_from_each_other_than_the_clocks_add_up() {
    let mut later = flows();
    later.push((7080 + 3 * 3600, 99, 3 * GIB));
    later[12].0 += 4 * 3600;
    let logs = [("firewall.csv", log(FIREWALL, &flows(), 0, "Z")), ("sensor.csv", log(SENSOR, &later, 419, "Z"))];
    let outcome = scanned(&logs);
    assert_eq!(outcome.coverage.skews[0].later_millis, 419_000);
    assert_eq!(large(&outcome).bytes, between(11 * GIB, 11 * GIB));
}

#[test]
fn a_log_without_a_zone_may_be_hours_apart_from_another() {
    let two = |zone: &str| {
        let large = [(7080, 99, 4 * GIB)];
        let logs =
            [("firewall.csv", log(FIREWALL, &large, 0, zone)), ("sensor.csv", log(SENSOR, &large, 2 * 3600, "Z"))];
        let outcome = scanned(&logs);
        (large_of(&outcome), outcome.transfers.iter().any(|t| t.apart.is_some()))
    };
    assert_eq!(two("Z"), (between(8 * GIB, 8 * GIB), false));
    assert_eq!(two(""), (between(4 * GIB, 8 * GIB), true));
}

fn large_of(outcome: &Outcome) -> Bounds {
    large(outcome).bytes
}

#[test]
fn a_log_more_or_less_never_narrows_what_is_known_at_least() {
    let logs = [
        ("a.csv", log(FIREWALL, &flows(), 0, "Z")),
        ("b.csv", log(SENSOR, &flows(), 3600, "Z")),
        ("c.csv", log(SENSOR, &[(7080, 99, 4 * GIB), (9000, 99, GIB), (20_000, 99, 2 * GIB)], 419, "")),
    ];
    let all = large_of(&scanned(&logs));
    for left_out in 0..3 {
        let rest: Vec<_> = (0..3).filter(|at| *at != left_out).map(|at| logs[at].clone()).collect();
        let less = large_of(&scanned(&rest));
        assert!(less.lower <= all.lower && less.upper <= all.upper, "{left_out}: {less:?} {all:?}");
    }
}

#[test]
fn what_the_wire_carries_around_data_is_no_data_in_a_log_of_another_clock_either() {
    const MIB: u64 = 1 << 20;
    let mut rows = flows();
    rows[12].2 = 103 * MIB;
    let proxy = format!(
        "#Software: SGOS 6.7\n#Fields: date time time-taken c-ip sc-status s-action sc-bytes cs-bytes cs-method cs-uri-scheme cs-host cs-uri-port cs-uri-path r-ip\n\
         2026-03-28 09:57:50 900 10.2.0.5 200 TCP_MISS 900 {} POST https 203.0.113.99 443 /up 203.0.113.99\n",
        100 * MIB
    );
    let logs = [
        ("firewall.csv", log(FIREWALL, &rows, 0, "Z")),
        ("proxy.log", proxy),
        ("sensor.csv", log(SENSOR, &rows, 419, "Z")),
    ];
    assert_eq!(large_of(&scanned(&logs)).lower, 100 * MIB);
}

#[test]
fn whatever_logs_are_called_one_without_a_zone_takes_nothing_from_two_with_one() {
    let other = log(FIREWALL, &[(7500, 99, 4 * GIB)], 0, "Z");
    let (known, unknown) = (log(FIREWALL, &flows(), 0, "Z"), log(SENSOR, &flows(), 0, ""));
    let of = |unknown_name, other_name| {
        let logs = [("a.csv", known.clone()), (unknown_name, unknown.clone()), (other_name, other.clone())];
        large_of(&scanned(&logs))
    };
    let least = large_of(&scanned(&[("a.csv", known.clone()), ("b.csv", other.clone())])).lower;
    assert_eq!(
        (least, of("b.csv", "c.csv"), of("c.csv", "b.csv")),
        (8 * GIB, between(8 * GIB, 12 * GIB), between(8 * GIB, 12 * GIB))
    );
}

/// A read of an object of a bucket, as CloudTrail has it.
fn call(number: u32, bytes: u64) -> String {
    let (minute, second) = (number / 2 % 60, number % 60);
    format!(
        r#"{{"eventVersion":"1.08","eventTime":"2026-03-28T10:{minute:02}:{second:02}Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","awsRegion":"eu-west-2","sourceIPAddress":"203.0.113.9","userIdentity":{{"type":"IAMUser","userName":"alice"}},"requestParameters":{{"bucketName":"rv-data","key":"k{number}"}},"eventCategory":"Data","eventID":"e-{number:04}","additionalEventData":{{"bytesTransferredOut":{bytes}}}}}"#
    )
}

/// What two files of calls come to.
fn served(one: &[String], other: &[String]) -> (Bounds, u64) {
    let outcome = scanned(&[("a.json", one.join("\n") + "\n"), ("b.json", other.join("\n") + "\n")]);
    let [told] = &outcome.transfers[..] else { panic!("{:?}", outcome.transfers) };
    assert_eq!(told.seen_by.len(), 2);
    (told.bytes, told.records)
}

#[test]
fn the_same_calls_in_another_order_count_once() {
    let bytes = |number: u32| 400_000 + u64::from(number);
    let calls: Vec<String> = (0..100).map(|number| call(number, bytes(number))).collect();
    let whole: u64 = (0..100).map(bytes).sum();
    let mut mixed: Vec<String> = calls.iter().step_by(2).chain(calls.iter().skip(1).step_by(2)).cloned().collect();
    assert_eq!(served(&calls, &mixed), (Bounds::exact(whole), 100));
    // One record more or less, or another one, and nothing tells how much of the two files is the same.
    let last = mixed.pop().unwrap();
    assert_eq!(served(&calls, &mixed).0.upper, Some(2 * whole - bytes(99)));
    mixed.push(last.replace("e-0099", "e-1099").replace("400099", "400098"));
    assert_eq!(served(&calls, &mixed).0, between(whole, 2 * whole - 1));
}

#[test]
fn the_same_calls_of_as_many_bytes_each_in_another_order_count_once() {
    let calls: Vec<String> = (0..100).map(|number| call(number, 5000)).collect();
    let backwards: Vec<String> = calls.iter().rev().cloned().collect();
    let (bytes, records) = served(&calls, &backwards);
    assert!(bytes.lower == 500_000 && bytes.upper >= Some(500_000) && records == 100, "{bytes:?}");
}

#[test]
fn other_calls_of_as_many_bytes_each_are_not_the_same() {
    let calls: Vec<String> = (0..100).map(|number| call(number, 8 << 20)).collect();
    let others = calls.iter().skip(10).map(|call| call.replace("e-00", "f-00"));
    let mixed: Vec<String> = calls[..10].iter().cloned().chain(others).collect();
    let (bytes, _) = served(&calls, &mixed);
    assert!(bytes.upper >= Some(190 * (8 << 20)), "{bytes:?}");
}

//! Clocks of two logs beside each other.

use exfiltrace::detect::{Program, Routing};
use exfiltrace::discover::Root;
use exfiltrace::indicators::Builder;
use exfiltrace::model::coverage::Skew;
use exfiltrace::model::scopes::Scopes;
use exfiltrace::scan;

use crate::support::plan_with;

/// Flows to so many servers, a conversation each, so many seconds after 10:00 as this log's clock has it.
fn flows(columns: &str, servers: &[u32], at: impl Fn(u32) -> u32) -> String {
    let row = |server: &u32| {
        let secs = 36_000 + at(*server);
        let (hour, minute, second) = (secs / 3600, secs / 60 % 60, secs % 60);
        format!("2026-03-28T{hour:02}:{minute:02}:{second:02}Z,10.2.0.5,203.0.113.{server},443,5000,900\n")
    };
    std::iter::once(format!("{columns}\n")).chain(servers.iter().map(row)).collect()
}

const FIREWALL: &str = "time,src_ip,dst_ip,dst_port,bytes_out,bytes_in";
const SENSOR: &str = "timestamp,source_ip,destination_ip,destination_port,bytes_sent,bytes_received";

fn skews(one: &str, other: &str) -> Vec<Skew> {
    let temp = tempfile::tempdir().unwrap();
    std::fs::write(temp.path().join("firewall.csv"), one).unwrap();
    std::fs::write(temp.path().join("sensor.csv"), other).unwrap();
    let root = Root { name: b"logs".to_vec(), path: Some(temp.path().to_owned()) };
    let none = Program::compile(Vec::<(String, String)>::new(), Routing::Auto).0;
    let plan = plan_with(none, vec![root], Scopes::default(), Builder::new());
    let outcome = scan::scan(&plan).unwrap();
    let first = outcome.coverage.sources.iter().find(|s| s.source.file_name() == "firewall.csv").unwrap();
    assert_eq!(first.from.unwrap().to_string()[..13], *"2026-03-28T10", "no time is changed");
    outcome.coverage.skews
}

#[test]
fn conversations_that_two_logs_tell_of_show_how_far_their_clocks_are_apart() {
    let servers: Vec<u32> = (1..=20).collect();
    let spread = |server: u32| server * 97;
    let firewall = flows(FIREWALL, &servers, spread);
    let told = skews(&firewall, &flows(SENSOR, &servers, |server| spread(server) + 300 + server % 3));
    let [skew] = &told[..] else { panic!("{told:?}") };
    assert_eq!((skew.later_millis, skew.within_millis, skew.conversations), (301_000, 1000, 20));
    assert_eq!(skew.told(), "301.000 s later, within 1.000 s");
    assert_eq!((skew.first.as_str(), skew.second.as_str()), ("logs/firewall.csv", "logs/sensor.csv"));
    // Other conversations of the same hosts, at times of their own.
    assert_eq!(skews(&firewall, &flows(SENSOR, &servers, |server| server * server * 61 % 9000)), []);
    assert_eq!(skews(&firewall, &flows(SENSOR, &servers[..7], |server| spread(server) + 300)), [], "too few");
    let twice = flows(SENSOR, &servers.repeat(2), |server| spread(server) + 300);
    assert_eq!(skews(&firewall, &twice), [], "which of two it is, nothing tells");
    let next = flows(SENSOR, &servers, |server| spread(server) + 3600);
    assert_eq!(skews(&firewall, &next), [], "of the next hour, as what happens every hour");
}

//! Dates whose day and month stand in an order that only a later part of their log shows.

use std::io::Write;

use exfiltrace::detect::{Program, Routing};
use exfiltrace::discover::Root;
use exfiltrace::indicators::Builder;
use exfiltrace::model::block::CELL_BYTES;
use exfiltrace::model::scopes::Scopes;
use exfiltrace::scan;

use crate::support::plan_with;

/// A day in the two orders.
type Day = (u32, u32);

/// Questions to a name server of Windows, some hundred of them a day: far more than is looked at to know the log.
fn questions(days: &[Day], afternoon: &str) -> String {
    let question = |(day, second): (&Day, u32)| {
        let (minute, second) = (second / 60, second % 60);
        format!(
            "{}/{}/2024 11:{minute:02}:{second:02}{afternoon} 0A1C PACKET  00000000D1B05b40 UDP Rcv 10.2.0.5       0001   Q [0001   D   \
             NOERROR] A      (4)abcd(7)example(0)\r\n",
            day.0, day.1
        )
    };
    days.iter().flat_map(|day| (0..1000).map(move |second| question((day, second)))).collect()
}

/// Rows of a table of flows.
fn rows(days: &[Day]) -> String {
    let row = |(day, second): (&Day, u32)| {
        let (minute, second) = (second / 60, second % 60);
        format!(
            "{:02}/{:02}/2024 10:{minute:02}:{second:02},10.2.0.5,203.0.113.200,443,{},900\n",
            day.0,
            day.1,
            5000 + second
        )
    };
    let rows = days.iter().flat_map(|day| (0..2000).map(move |second| row((day, second))));
    std::iter::once("time,src_ip,dst_ip,dst_port,bytes_out,bytes_in\n".to_owned()).chain(rows).collect()
}

/// Records of a log without a time, and its first one; the same however it is cut.
fn told(name: &str, log: &[u8]) -> (u64, Option<String>) {
    let told = |cut: (usize, usize)| {
        let temp = tempfile::tempdir().unwrap();
        std::fs::write(temp.path().join(name), log).unwrap();
        let root = Root { name: b"logs".to_vec(), path: Some(temp.path().to_owned()) };
        let none = Program::compile(Vec::<(String, String)>::new(), Routing::Auto).0;
        let mut plan = plan_with(none, vec![root], Scopes::default(), Builder::new());
        (plan.cell_bytes, plan.threads) = cut;
        let merged = scan::scan(&plan).unwrap().partial;
        let source = merged.sources.values().find(|source| source.entry.records > 0).unwrap();
        (source.entry.untimed, source.covered.span.map(|span| span.first.to_string()))
    };
    let whole = told((CELL_BYTES, 2));
    for cut in [(4000, 1), (30_000, 3)] {
        assert_eq!(told(cut), whole, "{cut:?}");
    }
    whole
}

fn packed(log: &str) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(log.as_bytes()).unwrap();
    gz.finish().unwrap()
}

#[test]
fn a_thirteenth_far_into_a_log_dates_all_of_it() {
    let (days, months): (Vec<Day>, Vec<Day>) =
        ((10..=13).map(|day| (day, 3)).collect(), (10..=13).map(|day| (3, day)).collect());
    let first = |hour: u32| (0, Some(format!("2024-03-10T{hour}:00:00Z")));
    assert_eq!(told("dns.log", questions(&days, "").as_bytes()), first(11));
    assert_eq!(told("dns.log", questions(&months, " PM").as_bytes()), first(23));
    assert_eq!(told("dns.log.gz", &packed(&questions(&days, ""))), first(11), "packed");
    assert_eq!(told("flows.csv", rows(&days).as_bytes()), first(10));
    assert_eq!(told("flows.csv", rows(&months).as_bytes()), first(10));
}

#[test]
fn days_that_follow_each_other_far_into_a_log_date_all_of_it() {
    let first = (0, Some("2024-03-10T11:00:00Z".to_owned()));
    assert_eq!(told("dns.log", questions(&[(10, 3), (11, 3)], "").as_bytes()), first);
    assert_eq!(told("dns.log", questions(&[(3, 10), (3, 11)], "").as_bytes()), first);
}

#[test]
fn what_shows_no_order_or_both_is_not_dated() {
    assert_eq!(told("dns.log", questions(&[(10, 3)], "").as_bytes()), (1000, None));
    let (undated, _) = told("dns.log", questions(&[(10, 3), (11, 3), (13, 3), (3, 13)], "").as_bytes());
    assert_eq!(undated, 2000);
}

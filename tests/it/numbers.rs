//! Numbers that records of Windows lack in exports of its logs: JSON and XML.

use std::fmt::Write;

use exfiltrace::detect::{Program, Routing};
use exfiltrace::discover::Root;
use exfiltrace::indicators::Builder;
use exfiltrace::model::coverage::GapReason;
use exfiltrace::model::scopes::Scopes;
use exfiltrace::scan;

use crate::support::plan_with;

type Form = fn(&str, u64) -> String;

fn stamp(number: u64) -> String {
    let (hour, minute, second) = (number / 3600, number / 60 % 60, number % 60);
    format!("2026-03-01T{hour:02}:{minute:02}:{second:02}")
}

fn json(computer: &str, number: u64) -> String {
    format!(
        r#"{{"@timestamp":"{}.123Z","winlog":{{"event_id":7036,"record_id":{number},"channel":"System","provider_name":"Service Control Manager","computer_name":"{computer}","event_data":{{"param1":"x{}"}}}}}}"#,
        stamp(number),
        number % 7
    )
}

fn dump(computer: &str, number: u64) -> String {
    format!(
        r##"{{"Event":{{"System":{{"Provider":{{"#attributes":{{"Name":"Service Control Manager"}}}},"EventID":7036,"TimeCreated":{{"#attributes":{{"SystemTime":"{}.123456Z"}}}},"EventRecordID":{number},"Channel":"System","Computer":"{computer}"}},"EventData":{{"param1":"x{}"}}}}}}"##,
        stamp(number),
        number % 7
    )
}

fn xml(computer: &str, number: u64) -> String {
    format!(
        r#"<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System><Provider Name="Service Control Manager"/><EventID>7036</EventID><TimeCreated SystemTime="{}.1234567Z"/><EventRecordID>{number}</EventRecordID><Channel>System</Channel><Computer>{computer}</Computer></System><EventData><Data Name="param1">x{}</Data></EventData></Event>"#,
        stamp(number),
        number % 7
    )
}

fn log(form: Form, computer: &str, numbers: impl IntoIterator<Item = u64>) -> String {
    numbers.into_iter().fold(String::new(), |mut log, number| {
        writeln!(log, "{}", form(computer, number)).unwrap();
        log
    })
}

/// The holes that files have: the computer, and the times of the records around.
fn holes(files: &[&str]) -> Vec<(String, String, String)> {
    let temp = tempfile::tempdir().unwrap();
    for (at, log) in files.iter().enumerate() {
        std::fs::write(temp.path().join(format!("{at}.log")), log).unwrap();
    }
    let told = |(cell, threads): (usize, usize)| {
        let root = Root { name: b"logs".to_vec(), path: Some(temp.path().to_owned()) };
        let none = Program::compile(Vec::<(String, String)>::new(), Routing::Auto).0;
        let mut plan = plan_with(none, vec![root], Scopes::default(), Builder::new());
        (plan.cell_bytes, plan.threads) = (cell, threads);
        let gaps = scan::scan(&plan).unwrap().coverage.sources.into_iter().flat_map(|source| source.gaps);
        let missing = gaps.filter(|gap| gap.reason == GapReason::NumbersMissing);
        let edge = |at: Option<exfiltrace::model::time::Instant>| at.unwrap().to_string()[11..19].to_owned();
        missing.map(|gap| (gap.log.unwrap().host, edge(gap.from), edge(gap.to))).collect::<Vec<_>>()
    };
    let whole = told((1 << 18, 2));
    assert_eq!(told((5_000, 3)), whole, "however it is cut");
    whole
}

#[test]
fn a_hole_in_an_export_that_is_otherwise_whole_is_told() {
    let around = || (100..1_400).chain(1_411..3_000);
    let hole = |computer: &str| (computer.to_owned(), stamp(1_399)[11..].to_owned(), stamp(1_411)[11..].to_owned());
    for form in [json as Form, dump, xml] {
        assert_eq!(holes(&[&log(form, "dc01", around())]), [hole("dc01")]);
        assert_eq!(holes(&[&log(form, "dc01", 100..3_000)]), []);
        let parts = [log(form, "dc01", 100..600), log(form, "dc01", (600..1_400).chain(1_411..3_000))];
        assert_eq!(holes(&[&parts[0], &parts[1]]), [hole("dc01")], "files follow each other");
        let between = log(form, "dc01", 1_400..1_411);
        assert_eq!(holes(&[&log(form, "dc01", around()), &between]), [], "another file has them");
    }
    let mut mixed = String::new();
    for number in around().collect::<Vec<_>>().into_iter().rev() {
        mixed += &log(json, "dc01", [number]);
        mixed += &log(json, "ws02", [number + 5_000]);
    }
    assert_eq!(
        holes(&[&mixed]),
        [hole("dc01"), ("ws02".to_owned(), stamp(6_399)[11..].to_owned(), stamp(6_411)[11..].to_owned())]
    );
}

#[test]
fn what_a_selection_left_out_is_no_hole() {
    for form in [json as Form, xml] {
        let every = |share: u64| log(form, "dc01", (100..9_000).filter(move |number| number % share != 0));
        assert_eq!(holes(&[&every(2)]), []);
        assert_eq!(holes(&[&every(50)]), []);
        assert_eq!(holes(&[&every(900)]), [], "of one record in 900");
        assert_eq!(holes(&[&log(form, "dc01", (100..900).chain(950..3_000))]), [], "too few to tell");
        let begun_anew = log(form, "dc01", 4_000..6_000) + &log(form, "dc01", 100..1_500).replace("-03-01", "-03-02");
        assert_eq!(holes(&[&begun_anew]), []);
    }
}

#[test]
fn a_number_that_is_written_in_another_way_is_read_as_by_a_parse() {
    let grouped = |log: String| {
        let spelt = |line: &str| {
            line.replace("\"record_id\":2", "\"record_id\":\"2,").replace(",\"channel\"", "\",\"channel\"")
        };
        log.lines()
            .map(|line| if line.contains("\"record_id\":2") { spelt(line) } else { line.to_owned() } + "\n")
            .collect::<String>()
    };
    let log = log(json, "dc01", (1_000..2_100).chain(2_200..2_999).chain(3_000..4_100));
    assert_eq!(holes(&[&log]), [], "a row of 899 is too short");
    let log = self::log(json, "dc01", (500..2_100).chain(2_200..4_100));
    let hole = [("dc01".to_owned(), stamp(2_099)[11..].to_owned(), stamp(2_200)[11..].to_owned())];
    assert_eq!(holes(&[&log]), hole);
    assert_eq!(holes(&[&grouped(log.clone())]), hole);
}

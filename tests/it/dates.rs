//! Dates whose day and month stand in an order that only a later part of their log shows, or another log.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use exfiltrace::detect::{Program, Routing};
use exfiltrace::discover::Root;
use exfiltrace::indicators::Builder;
use exfiltrace::model::block::CELL_BYTES;
use exfiltrace::model::dates::Ground;
use exfiltrace::model::ledger::Reason;
use exfiltrace::model::scopes::Scopes;
use exfiltrace::plan::Plan;
use exfiltrace::scan;

use crate::support::plan_with;

/// A day in the two orders.
pub type Day = (u32, u32);

const NOON: &[u32] = &[11, 12];
const NIGHT: &[u32] = &[12, 23, 0];

/// Questions to a name server of Windows, some hundred in each of these hours of the clock: far more than is looked at to know the log.
fn questions(days: &[Day], hours: &[u32], afternoon: &str) -> String {
    let mut hours = hours.to_vec();
    hours.sort_unstable();
    let question = |day: &Day, hour: u32, second: u32| {
        let (minute, second) = (second / 60, second % 60);
        format!(
            "{}/{}/2024 {hour}:{minute:02}:{second:02}{afternoon} 0A1C PACKET  00000000D1B05b40 UDP Rcv 10.2.0.5       0001   Q [0001   D   \
             NOERROR] A      (4)abcd(7)example(0)\r\n",
            day.0, day.1
        )
    };
    let of_hour = |day, hour| (0..500).map(move |second| question(day, hour, second));
    days.iter().flat_map(|day| hours.iter().flat_map(move |hour| of_hour(day, *hour)).collect::<Vec<_>>()).collect()
}

/// Rows of a table of flows, so many a day.
pub fn rows(days: &[Day], each: u32) -> String {
    let row = |(day, second): (&Day, u32)| {
        let (minute, second) = (second / 60, second % 60);
        format!(
            "{:02}/{:02}/2024 10:{minute:02}:{second:02},10.2.0.5,203.0.113.200,443,{},900\n",
            day.0,
            day.1,
            5000 + second
        )
    };
    let rows = days.iter().flat_map(|day| (0..each).map(move |second| row((day, second))));
    std::iter::once("time,src_ip,dst_ip,dst_port,bytes_out,bytes_in\n".to_owned()).chain(rows).collect()
}

fn plan(folder: &Path) -> Plan {
    let root = Root { name: b"logs".to_vec(), path: Some(folder.to_owned()) };
    let none = Program::compile(Vec::<(String, String)>::new(), Routing::Auto).0;
    plan_with(none, vec![root], Scopes::default(), Builder::new())
}

fn put(folder: &Path, files: &[(&str, &[u8])]) {
    for (name, bytes) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// Records of a log without a time, and its first one; the same however it is cut.
fn told(name: &str, log: &[u8]) -> (u64, Option<String>) {
    let told = |cut: (usize, usize)| {
        let temp = tempfile::tempdir().unwrap();
        put(temp.path(), &[(name, log)]);
        let mut plan = plan(temp.path());
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

/// What tells the order in each source, and its first day; `None` where nothing does.
fn grounds(files: &[(&str, &[u8])], day_first: Option<bool>) -> BTreeMap<String, (Option<Ground>, Option<String>)> {
    let temp = tempfile::tempdir().unwrap();
    put(temp.path(), files);
    let mut plan = plan(temp.path());
    plan.clocks.day_first = day_first;
    let merged = scan::scan(&plan).unwrap().partial;
    let with_records = merged.sources.values().filter(|source| source.entry.records > 0);
    let told = with_records.map(|source| {
        let first = source.covered.span.map(|span| span.first.to_string()[..10].to_owned());
        let name = source.entry.source.as_str().trim_start_matches("logs/").to_owned();
        (name, (source.covered.dates.as_ref().and_then(|dates| dates.by), first))
    });
    told.collect()
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
    assert_eq!(told("dns.log", questions(&days, NOON, "").as_bytes()), first(11));
    assert_eq!(told("dns.log", questions(&months, &[11], " PM").as_bytes()), first(23));
    assert_eq!(told("dns.log.gz", &packed(&questions(&days, NOON, ""))), first(11), "packed");
    assert_eq!(told("flows.csv", rows(&days, 2000).as_bytes()), first(10));
    assert_eq!(told("flows.csv", rows(&months, 2000).as_bytes()), first(10));
}

#[test]
fn days_that_a_log_goes_through_without_a_rest_date_all_of_it() {
    let first = (0, Some("2024-03-10T00:00:00Z".to_owned()));
    assert_eq!(told("dns.log", questions(&[(10, 3), (11, 3)], NIGHT, "").as_bytes()), first);
    assert_eq!(told("dns.log", questions(&[(3, 10), (3, 11)], NIGHT, "").as_bytes()), first);
}

#[test]
fn what_shows_no_order_or_both_is_not_dated() {
    assert_eq!(told("dns.log", questions(&[(10, 3)], NOON, "").as_bytes()), (1000, None));
    assert_eq!(
        told("dns.log", questions(&[(10, 3), (11, 3)], NOON, "").as_bytes()),
        (2000, None),
        "or a day of two months"
    );
    let (undated, _) = told("dns.log", questions(&[(10, 3), (11, 3), (13, 3), (3, 13)], NOON, "").as_bytes());
    assert_eq!(undated, 2000);
}

#[test]
fn what_is_not_dated_is_told_either_way_and_leaves_its_ways_out_open() {
    let temp = tempfile::tempdir().unwrap();
    put(temp.path(), &[("flows.csv", rows(&[(2, 3), (3, 3), (4, 3)], 10).as_bytes())]);
    let mut plan = plan(temp.path());
    let open = scan::scan(&plan).unwrap();
    let source = &open.coverage.sources[0];
    let dates = source.dates.as_ref().unwrap();
    let read = dates.readings.unwrap();
    let text = |span: exfiltrace::model::time::Span| format!("{} {}", span.first, span.last);
    assert_eq!((source.records, source.untimed, dates.is_open()), (30, 20, true), "the 3rd of March is one either way");
    assert_eq!(text(read.day_first), "2024-03-02T10:00:00Z 2024-03-04T10:00:00Z");
    assert_eq!(text(read.month_first), "2024-02-03T10:00:00Z 2024-04-03T10:00:00Z");
    let noted = |outcome: &scan::Outcome| {
        outcome.ledger.iter().flat_map(|entry| &entry.notes).find(|note| note.reason == Reason::Undated).cloned()
    };
    let note = noted(&open).unwrap();
    assert!(
        note.count == Some(20) && note.detail.contains("2024-03-02") && note.detail.contains("2024-02-03"),
        "{note:?}"
    );
    let cites =
        |outcome: &scan::Outcome| outcome.verdict.scopes.iter().any(|s| s.reasons.iter().any(|r| r.clause == "J-39"));
    assert!(cites(&open));
    plan.clocks.day_first = Some(true);
    let said = scan::scan(&plan).unwrap();
    let by = said.coverage.sources[0].dates.as_ref().unwrap().by;
    assert_eq!(
        (said.coverage.sources[0].untimed, by, noted(&said), cites(&said)),
        (0, Some(Ground::User), None, false)
    );
}

#[test]
fn files_of_a_rotation_tell_each_other() {
    let few = rows(&[(2, 3), (3, 3), (4, 3)], 10);
    let shows = rows(&[(14, 3), (15, 3)], 10);
    let reverse = rows(&[(3, 14)], 10);
    let late = rows(&[(5, 3), (6, 3), (13, 3)], 2000);
    let known = |name: &str, files: &[(&str, &[u8])]| grounds(files, None).remove(name).unwrap();
    let told = (Some(Ground::Sibling), Some("2024-03-02".to_owned()));
    // The 3rd of March has a time either way.
    let open = (None, Some("2024-03-03".to_owned()));
    let few = ("app.csv", few.as_bytes());
    assert_eq!(known("app.csv", &[few, ("app.csv.1", shows.as_bytes())]), told);
    assert_eq!(known("app.csv", &[few, ("app-2024-03.csv.gz", &packed(&shows))]), told, "packed");
    assert_eq!(known("app.csv", &[few, ("app.csv.1", late.as_bytes())]), told, "at its end");
    assert_eq!(
        known("app.csv", &[few, ("app.csv.1", shows.as_bytes()), ("app.csv.2", reverse.as_bytes())]),
        open,
        "both"
    );
    assert_eq!(known("app.csv", &[few, ("api.csv", shows.as_bytes())]), open, "of another log");
    assert_eq!(known("app.csv", &[few, ("old/app.csv", shows.as_bytes())]), open, "of another folder");
    let of_users = b"user,seen\nanna,14/03/2024 10:00\n".repeat(9);
    assert_eq!(known("app.csv", &[few, ("app.1", &of_users)]), open, "of another name");
}

#[test]
fn the_log_itself_goes_before_its_rotation_and_that_before_the_user() {
    let few = rows(&[(2, 3), (4, 3)], 10);
    let (shows, own) = (rows(&[(14, 3)], 10), rows(&[(4, 3), (4, 14)], 10));
    let files = [("app.csv", few.as_bytes()), ("app.csv.1", shows.as_bytes()), ("app.csv.2", shows.as_bytes())];
    let told = grounds(&files, Some(false));
    assert_eq!(told["app.csv"], (Some(Ground::Sibling), Some("2024-03-02".to_owned())));
    assert_eq!(told["app.csv.1"], (None, Some("2024-03-14".to_owned())), "it shows the order itself");
    let told = grounds(&[("app.csv", few.as_bytes()), ("b.csv", own.as_bytes())], Some(true));
    assert_eq!(told["app.csv"], (Some(Ground::User), Some("2024-03-02".to_owned())));
    assert_eq!(told["b.csv"], (None, Some("2024-04-03".to_owned())));
}

#[test]
fn a_log_that_shows_both_orders_is_told_none_by_its_rotation() {
    // What the survey sees of its end shows one of them.
    let both = rows(&[(4, 3)], 3000) + &rows(&[(3, 14)], 1) + &rows(&[(4, 3)], 3000) + &rows(&[(14, 3)], 5);
    let few = rows(&[(4, 3)], 10);
    let shows = rows(&[(14, 3)], 10);
    let files = [("app.csv", both.as_bytes()), ("app.csv.1", few.as_bytes()), ("app.csv.2", shows.as_bytes())];
    let told = grounds(&files, None);
    assert_eq!(told["app.csv"].0, None);
    assert_eq!(grounds(&files[..2], None)["app.csv"].0, None, "least of all by itself");
    assert_eq!(told["app.csv.1"], (Some(Ground::Sibling), Some("2024-03-04".to_owned())));
    assert_eq!(grounds(&files, Some(true))["app.csv"].0, Some(Ground::User));
    let turned = rows(&[(14, 3), (4, 3)], 2000) + &rows(&[(3, 14)], 5);
    let files = [("app.csv", few.as_bytes()), ("app.csv.1", turned.as_bytes())];
    assert_eq!(
        grounds(&files, None)["app.csv"].0,
        None,
        "nor does its begin tell others, where its end shows the reverse"
    );
}

#[test]
fn only_the_times_of_a_table_show_the_order_of_its_times() {
    let table = |subject: &str| {
        let row = |second: u32| format!("4/3/2024 10:00:{second:02},10.2.0.5,203.0.113.9,443,5000,100,{subject}\n");
        let rows = (10..20).map(row);
        std::iter::once("time,src_ip,dst_ip,dst_port,bytes_out,bytes_in,subject\n".to_owned())
            .chain(rows)
            .collect::<String>()
    };
    for subject in ["minutes", "13/04/2024 minutes", "13/04/2024 10:00:00", "time=\"13/04/2024 10:00:00\" x=1"] {
        assert_eq!(told("mail.csv", table(subject).as_bytes()), (10, None), "{subject}");
    }
}

#[test]
fn standard_input_that_shows_another_order_than_the_user_says_is_told_so() {
    let temp = tempfile::tempdir().unwrap();
    let log = temp.path().join("app.csv");
    let of = |days: &[Day], first: &str| {
        // Far more than is looked at to know the log, before the day that shows the order.
        std::fs::write(&log, rows(days, 3500)).unwrap();
        let case = temp.path().join("case");
        let _ = std::fs::remove_dir_all(&case);
        let out = Command::new(env!("CARGO_BIN_EXE_exfiltrace"))
            .args(["scan", "-", "--quiet", "--date-order", first, "--out"])
            .arg(&case)
            .stdin(File::open(&log).unwrap())
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let coverage = std::fs::read(case.join("coverage.json")).unwrap();
        let coverage: serde_json::Value = serde_json::from_slice(&coverage).unwrap();
        let ledger = std::fs::read_to_string(case.join("ledger.jsonl")).unwrap();
        (coverage["sources"][0]["dates"]["by"].clone(), ledger.contains("show the reverse"))
    };
    assert_eq!(of(&[(4, 3), (5, 3)], "month"), ("user".into(), false));
    assert_eq!(of(&[(4, 3), (5, 3), (14, 3)], "day"), ("user".into(), false));
    assert_eq!(of(&[(4, 3), (5, 3), (14, 3)], "month"), (serde_json::Value::Null, true));
}

/// A copy may be made on any day, so of the times of files only what cannot be goes before what others say.
#[test]
fn that_a_log_ends_with_its_file_tells_where_nothing_else_does() {
    let of = |files: &[(&str, &str)], day_first| {
        let temp = tempfile::tempdir().unwrap();
        for (name, log) in files {
            put(temp.path(), &[(name, log.as_bytes())]);
            let written = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_712_224_800); // 2024-04-04T10:00:00Z
            File::options().write(true).open(temp.path().join(name)).unwrap().set_modified(written).unwrap();
        }
        let mut plan = plan(temp.path());
        plan.clocks.day_first = day_first;
        let coverage = scan::scan(&plan).unwrap().coverage;
        let source = coverage.sources.into_iter().find(|source| source.source.file_name() == "app.csv").unwrap();
        (source.dates.and_then(|dates| dates.by), source.from.map(|from| from.to_string()[..10].to_owned()))
    };
    let (few, shows) = (rows(&[(4, 3)], 10), rows(&[(14, 3)], 10));
    let few = ("app.csv", few.as_str());
    let day = |by| (Some(by), Some("2024-03-04".to_owned()));
    assert_eq!(of(&[few], None), (Some(Ground::FileTime), Some("2024-04-03".to_owned())));
    assert_eq!(of(&[few], Some(true)), day(Ground::User));
    assert_eq!(of(&[few, ("app.csv.1", &shows)], None), day(Ground::Sibling));
    // By the other order it would tell of May.
    let not_yet = rows(&[(5, 3)], 10);
    let told = (Some(Ground::FileTime), Some("2024-03-05".to_owned()));
    assert_eq!(of(&[("app.csv", &not_yet)], Some(false)), told);
}

#[test]
fn members_of_an_archive_tell_each_other() {
    let archive = |shown: Day| {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, days) in [("app.csv", &[(2, 3), (4, 3)][..]), ("app.csv.1", &[(7, 3), shown])] {
            let rows = rows(days, 3000);
            let mut header = tar::Header::new_gnu();
            header.set_size(rows.len() as u64);
            header.set_mtime(1_790_000_000);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, rows.as_bytes()).unwrap();
        }
        tar.into_inner().unwrap()
    };
    let of = |shown| grounds(&[("logs.tar", &archive(shown))], None).remove("logs.tar!/app.csv").unwrap();
    assert_eq!(of((13, 3)), (Some(Ground::Sibling), Some("2024-03-02".to_owned())));
    assert_eq!(of((8, 3)), (None, None));
}

#[test]
fn shards_with_one_survey_read_dates_alike() {
    let temp = tempfile::tempdir().unwrap();
    let (few, shows) = (rows(&[(2, 3), (4, 3)], 10), rows(&[(14, 3)], 10));
    put(temp.path(), &[("app.csv", few.as_bytes()), ("app.csv.1", shows.as_bytes())]);
    let whole = plan(temp.path());
    let survey = scan::survey(&whole.roots, &[], &whole.opening).unwrap();
    let text = |partial| serde_json::to_string(&partial).unwrap();
    let of = |name: &str| {
        let mut part = survey.clone();
        part.files.retain(|file| file.locator.file_name() == name);
        scan::sources(&whole, &part).unwrap().0
    };
    let parts = ["app.csv", "app.csv.1"].map(of);
    let joined = scan::conclude(&whole, scan::join(parts).unwrap()).partial;
    assert_eq!(text(joined), text(scan::scan(&whole).unwrap().partial));
}

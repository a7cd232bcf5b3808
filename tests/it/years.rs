//! The years of logs that write none, and hours that clocks bring twice or not at all.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use exfiltrace::detect::{Program, Routing};
use exfiltrace::discover::Root;
use exfiltrace::indicators::Builder;
use exfiltrace::model::clock::YearBy;
use exfiltrace::model::coverage::SourceCoverage;
use exfiltrace::model::scopes::Scopes;
use exfiltrace::model::time::Instant;
use exfiltrace::plan::Plan;
use exfiltrace::scan;
use jiff::tz::TimeZone;

use crate::support::{exfiltrace, plan_with};

/// Name, text, and when the file was last written.
type File<'f> = (&'f str, String, &'f str);

fn put(folder: &Path, files: &[File<'_>]) {
    for (name, text, written) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        let secs = Instant::parse(written).unwrap().micros() / 1_000_000;
        let at = UNIX_EPOCH + Duration::from_secs(secs.unsigned_abs());
        std::fs::File::options().write(true).open(path).unwrap().set_modified(at).unwrap();
    }
}

fn plan(folder: &Path, zone: &str) -> Plan {
    let root = Root { name: b"logs".to_vec(), path: Some(folder.to_owned()) };
    let none = Program::compile(Vec::<(String, String)>::new(), Routing::Auto).0;
    let mut plan = plan_with(none, vec![root], Scopes::default(), Builder::new());
    (plan.clocks.zone, plan.clocks.given) = (TimeZone::get(zone).unwrap(), true);
    plan
}

/// What each source covers, the same for any grid and number of threads.
fn sources(files: &[File<'_>], zone: &str) -> Vec<SourceCoverage> {
    let temp = tempfile::tempdir().unwrap();
    put(temp.path(), files);
    let told = |cell_bytes: usize, threads: usize| {
        let mut plan = plan(temp.path(), zone);
        (plan.cell_bytes, plan.threads) = (cell_bytes, threads);
        scan::scan(&plan).unwrap().coverage.sources
    };
    let whole = told(256 << 10, 2);
    for cut in [(300, 1), (4000, 3)] {
        assert_eq!(told(cut.0, cut.1), whole, "{cut:?}");
    }
    whole
}

/// First and last time of a source.
fn span(source: &SourceCoverage) -> (String, String) {
    (source.from.unwrap().to_string(), source.to.unwrap().to_string())
}

fn of<'s>(sources: &'s [SourceCoverage], name: &str) -> &'s SourceCoverage {
    sources.iter().find(|source| source.source.file_name() == name).unwrap()
}

/// Lines of syslog at these times (RFC 3339, in UTC), by the clock of a zone.
fn lines(times: impl IntoIterator<Item = jiff::Timestamp>, zone: &str) -> String {
    let zone = TimeZone::get(zone).unwrap();
    let line = |at: jiff::Timestamp| {
        format!("{} rv-web01 app[1]: a message\n", at.to_zoned(zone.clone()).strftime("%b %e %H:%M:%S"))
    };
    times.into_iter().map(line).collect()
}

/// Every so many minutes from one instant up to another.
fn every(minutes: i64, from: &str, to: &str) -> Vec<jiff::Timestamp> {
    let [from, to]: [jiff::Timestamp; 2] = [from, to].map(|at| at.parse().unwrap());
    let step = jiff::SignedDuration::from_mins(minutes);
    std::iter::successors(Some(from), |at| at.checked_add(step).ok()).take_while(|at| *at <= to).collect()
}

const DAY: i64 = 24 * 60;

#[test]
fn a_log_of_more_than_a_year_is_counted_backwards_from_its_end() {
    let of = |from: &str, to: &str, written: &str| {
        let files = [("messages", lines(every(DAY, from, to), "UTC"), written)];
        let source = sources(&files, "UTC").remove(0);
        assert_eq!(source.clock.years, None);
        (span(&source), source.clock.turns_of_year.len())
    };
    for (from, to, written, turns) in [
        ("2025-01-05T10:00:00Z", "2026-03-28T10:00:00Z", "2026-03-28T11:00:00Z", 1),
        ("2025-01-05T10:00:00Z", "2026-03-28T10:00:00Z", "2026-11-20T00:00:00Z", 1),
        ("2023-02-27T10:00:00Z", "2026-01-02T10:00:00Z", "2026-01-02T11:00:00Z", 2),
        ("2024-02-27T10:00:00Z", "2026-02-28T10:00:00Z", "2026-02-28T11:00:00Z", 2),
        ("2025-11-05T10:00:00Z", "2026-03-28T10:00:00Z", "2026-03-28T11:00:00Z", 0),
    ] {
        assert_eq!(of(from, to, written), ((from.to_owned(), to.to_owned()), turns), "{from} {to} {written}");
    }
}

#[test]
fn a_clock_that_begins_anew_as_its_system_starts_is_no_turn_of_the_year() {
    let mut times = every(60, "2025-10-20T10:00:00Z", "2025-10-22T10:00:00Z");
    times.extend(every(1, "2025-01-01T00:00:05Z", "2025-01-01T00:05:05Z"));
    times.extend(every(60, "2025-10-22T10:10:00Z", "2025-10-24T10:00:00Z"));
    let source = sources(&[("messages", lines(times, "UTC"), "2025-10-24T11:00:00Z")], "UTC").remove(0);
    // What the wrong clock dated is of no time that is known.
    assert_eq!(span(&source), ("2025-10-20T10:00:00Z".into(), "2025-10-24T09:10:00Z".into()));
    assert_eq!(source.clock.turns_of_year, []);
}

#[test]
fn the_name_of_a_file_tells_its_year_where_it_was_copied_later() {
    let copied = "2027-06-01T00:00:00Z";
    let (week, winter) = (
        every(60, "2026-03-22T03:00:00Z", "2026-03-29T02:00:00Z"),
        every(60, "2025-12-28T03:00:00Z", "2026-01-04T02:00:00Z"),
    );
    let files = [
        ("messages-20260329", lines(week.clone(), "UTC"), copied),
        ("messages-20260104", lines(winter, "UTC"), copied),
        // Begun on the day in its name.
        ("app-2026-03-22.log", lines(every(60, "2026-03-22T03:00:00Z", "2026-05-29T02:00:00Z"), "UTC"), copied),
        ("secure-20260329", lines(week.clone().into_iter().skip(1), "UTC"), "2026-03-29T02:00:01Z"),
        // Of another date: that of what is reported.
        ("report-20250101.log", lines(week.into_iter().skip(2), "UTC"), "2026-03-29T02:00:01Z"),
    ];
    let read = sources(&files, "UTC");
    let told = |name: &str| (span(of(&read, name)), of(&read, name).clock.years.as_ref().map(|years| years.by));
    let name = Some(YearBy::Name);
    assert_eq!(told("messages-20260329"), (("2026-03-22T03:00:00Z".into(), "2026-03-29T02:00:00Z".into()), name));
    assert_eq!(told("messages-20260104"), (("2025-12-28T03:00:00Z".into(), "2026-01-04T02:00:00Z".into()), name));
    assert_eq!(told("app-2026-03-22.log"), (("2026-03-22T03:00:00Z".into(), "2026-05-29T02:00:00Z".into()), name));
    assert_eq!(told("secure-20260329").1, None, "the time of the file tells the same");
    assert_eq!(told("report-20250101.log"), (("2026-03-22T05:00:00Z".into(), "2026-03-29T02:00:00Z".into()), None));
    let years = of(&read, "messages-20260104").clock.years.clone().unwrap();
    assert_eq!(years.written, Instant::parse(copied), "the contradiction is told");
}

#[test]
fn an_older_rotation_ends_before_a_younger_one_begins() {
    let copied = "2026-04-10T00:00:00Z";
    let month = |from: &str, to: &str| lines(every(DAY, from, to), "UTC");
    let files = [
        ("auth.log", month("2026-01-02T00:00:00Z", "2026-04-09T00:00:00Z"), copied),
        ("auth.log.1", month("2025-06-02T00:00:00Z", "2026-01-01T00:00:00Z"), copied),
        ("auth.log.2", month("2025-03-02T00:00:00Z", "2025-06-01T00:00:00Z"), copied),
        ("auth.log.3", month("2024-12-20T00:00:00Z", "2025-03-01T00:00:00Z"), copied),
    ];
    let read = sources(&files, "UTC");
    let begins = |name: &str| (span(of(&read, name)).0, of(&read, name).clock.years.as_ref().map(|years| years.by));
    assert_eq!(begins("auth.log"), ("2026-01-02T00:00:00Z".into(), None));
    assert_eq!(begins("auth.log.1"), ("2025-06-02T00:00:00Z".into(), None), "the time of the file tells the same");
    assert_eq!(begins("auth.log.2"), ("2025-03-02T00:00:00Z".into(), None), "it goes on through its year itself");
    assert_eq!(begins("auth.log.3"), ("2024-12-20T00:00:00Z".into(), Some(YearBy::Sibling)));
    let years = of(&read, "auth.log.3").clock.years.clone().unwrap();
    assert_eq!(years.beside.unwrap().as_str(), "logs/auth.log.2");
    // The younger one is of more than a year, which its begin and its end do not show.
    let long = [
        ("mail.log", month("2025-02-02T00:00:00Z", "2026-03-28T00:00:00Z"), "2026-03-28T01:00:00Z"),
        ("mail.log.1", month("2025-01-10T00:00:00Z", "2025-02-01T00:00:00Z"), "2025-02-14T00:00:00Z"),
    ];
    let read = sources(&long, "UTC");
    assert_eq!(span(of(&read, "mail.log.1")).0, "2025-01-10T00:00:00Z", "its file was written last in that year");
    assert_eq!(span(of(&read, "mail.log")).0, "2025-02-02T00:00:00Z");
    // Numbers that ascend with time.
    let ascending = [
        ("app.log.1", month("2026-01-01T00:00:00Z", "2026-01-31T00:00:00Z"), copied),
        ("app.log.2", month("2026-02-01T00:00:00Z", "2026-02-28T00:00:00Z"), copied),
        ("app.log.3", month("2026-03-01T00:00:00Z", "2026-03-31T00:00:00Z"), copied),
    ];
    assert!(sources(&ascending, "UTC").iter().all(|source| source.clock.years.is_none()));
}

#[test]
fn another_log_of_the_folder_that_states_its_years_tells_them() {
    let copied = "2027-06-01T00:00:00Z";
    let json = |year: u32| {
        (1..29)
            .map(|day| format!("{{\"timestamp\":\"{year}-03-{day:02}T10:00:00Z\",\"src_ip\":\"192.0.2.1\"}}\n"))
            .collect::<String>()
    };
    let yearless = lines(every(60, "2026-03-02T00:00:00Z", "2026-03-20T00:00:00Z"), "UTC");
    let files =
        |year: u32, folder: &'static str| [("a/secure", yearless.clone(), copied), (folder, json(year), copied)];
    let year = |files: &[File<'_>]| {
        let read = sources(files, "UTC");
        let secure = of(&read, "secure").clone();
        (secure.from.unwrap().to_string()[..4].to_owned(), secure.clock.years.map(|years| years.by))
    };
    assert_eq!(year(&files(2026, "a/events.json")), ("2026".into(), Some(YearBy::Neighbour)));
    assert_eq!(year(&files(2027, "a/events.json")), ("2027".into(), None), "the time of the file tells the same");
    assert_eq!(year(&files(2026, "b/events.json")), ("2027".into(), None), "of another folder");
    let written = [("a/secure", yearless.clone(), "2027-03-20T00:10:00Z"), ("a/events.json", json(2026), copied)];
    assert_eq!(year(&written), ("2027".into(), None), "it ends when its file was last written");
    let kept = [("a/secure", yearless.clone(), copied), ("a/events.json", json(2026), "2026-03-28T10:00:01Z")];
    assert_eq!(year(&kept), ("2027".into(), None), "files have their own times, and are of several years");
}

#[test]
fn shards_and_what_is_added_later_read_the_same_years() {
    let temp = tempfile::tempdir().unwrap();
    let copied = "2027-06-01T00:00:00Z";
    let yearless = lines(every(60, "2026-03-02T00:00:00Z", "2026-03-20T00:00:00Z"), "UTC");
    let stating = "{\"timestamp\":\"2026-03-28T10:00:00Z\",\"src_ip\":\"192.0.2.1\"}\n".repeat(9);
    put(temp.path(), &[("secure", yearless, copied), ("events.json", stating, copied)]);
    let whole = plan(temp.path(), "UTC");
    let text = |partial| serde_json::to_string(&partial).unwrap();
    let expected = text(scan::scan(&whole).unwrap().partial);
    let survey = scan::survey(&whole.roots, &[], &whole.opening).unwrap();
    let part = |name: &str| {
        let mut part = survey.clone();
        part.files.retain(|file| file.locator.file_name() == name);
        scan::sources(&whole, &part).unwrap().0
    };
    let joined = scan::join(["secure", "events.json"].map(part)).unwrap();
    assert_eq!(text(scan::conclude(&whole, joined).partial), expected);
    // First the one, then the other.
    let [one, other] = ["secure", "events.json"].map(|name| {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join(name);
        std::fs::copy(temp.path().join(name), &target).unwrap();
        let written = std::fs::metadata(temp.path().join(name)).unwrap().modified().unwrap();
        std::fs::File::options().write(true).open(target).unwrap().set_modified(written).unwrap();
        folder
    });
    let first = plan(one.path(), "UTC");
    let told = scan::scan(&first).unwrap();
    assert_eq!(told.coverage.sources[0].from.unwrap().to_string()[..4], *"2027");
    let earlier = scan::Earlier::new(told.partial, first.roots);
    assert_eq!(text(scan::grow(&plan(other.path(), "UTC"), earlier).unwrap().partial), expected);
}

#[test]
fn the_hour_that_comes_twice_is_told_apart_by_the_order_of_the_log() {
    let london = "Europe/London";
    let night = every(10, "2026-10-24T20:00:00Z", "2026-10-25T06:00:00Z");
    let written = "2026-10-25T07:00:00Z";
    let hours = |source: &SourceCoverage| source.records;
    let source = sources(&[("messages", lines(night.clone(), london), written)], london).remove(0);
    assert_eq!(
        (source.clock.twice, source.clock.repeats.len(), source.clock.set_back.len()),
        (0, 1, 0),
        "{:?}",
        source.clock
    );
    assert_eq!(hours(&source), night.len() as u64);
    // All times of the night are those at which they were written: an hour in the middle has its six records.
    let temp = tempfile::tempdir().unwrap();
    put(temp.path(), &[("messages", lines(night.clone(), london), written)]);
    let merged = scan::scan(&plan(temp.path(), london)).unwrap().partial;
    let covered = &merged.sources.values().find(|source| source.entry.records > 0).unwrap().covered;
    let hour = |at: &str| covered.hours.get(&Instant::parse(at).unwrap().hour()).copied();
    assert_eq!((hour("2026-10-25T00:00:00Z"), hour("2026-10-25T01:00:00Z")), (Some(6), Some(6)));
    // A few records of one of the hours: of which, nothing tells.
    let one_pass: Vec<_> = night.into_iter().filter(|at| !at.to_string().starts_with("2026-10-25T00")).collect();
    let source = sources(&[("messages", lines(one_pass, london), written)], london).remove(0);
    assert_eq!((source.clock.twice, source.clock.repeats.len()), (6, 0));
    assert!(source.clock.told().contains("comes twice"));
}

#[test]
fn a_time_that_there_is_not_shows_that_the_zone_is_another() {
    let night = every(10, "2026-03-28T22:00:00Z", "2026-03-29T04:00:00Z");
    let files = [("messages", lines(night, "UTC"), "2026-03-29T07:00:00Z")];
    let source = sources(&files, "Europe/London").remove(0);
    assert_eq!((source.clock.never, source.zone_assumed), (6, 6));
    assert!(source.clock.told().contains("there are not in the zone"));
    let source = sources(&files, "UTC").remove(0);
    assert_eq!((source.clock.never, source.zone_assumed), (0, 0));
}

#[test]
fn a_clock_that_was_set_back_is_told_and_a_log_that_is_never_in_order_is_not() {
    let mut times = every(5, "2026-03-20T00:00:00Z", "2026-03-21T00:00:00Z");
    let in_order = times.clone();
    times.extend(every(5, "2026-03-20T20:00:00Z", "2026-03-22T00:00:00Z"));
    let written = "2026-03-22T00:00:00Z";
    let clock =
        |times: Vec<jiff::Timestamp>| sources(&[("messages", lines(times, "UTC"), written)], "UTC").remove(0).clock;
    let told = clock(times);
    assert_eq!(told.set_back.len(), 1);
    assert_eq!(told.set_back[0].back_micros(), 4 * 3_600_000_000);
    assert!(told.told().contains("times go back"), "{}", told.told());
    assert!(clock(in_order.clone()).is_empty());
    // Each request is written when it ends, and dated by its begin.
    let late = in_order
        .iter()
        .enumerate()
        .map(|(n, at)| *at - jiff::SignedDuration::from_mins(if n % 3 == 2 { 40 } else { 0 }));
    assert!(clock(late.collect()).is_empty());
}

#[test]
fn formats_test_says_the_times_that_a_scan_says() {
    let temp = tempfile::tempdir().unwrap();
    let rows = |day: u32| {
        let row = |second: u32| format!("{day:02}/03/2024 10:00:{second:02},10.2.0.5,203.0.113.200,443,5000,900\n");
        std::iter::once("time,src_ip,dst_ip,dst_port,bytes_out,bytes_in\n".to_owned())
            .chain((0..9).map(row))
            .collect::<String>()
    };
    let written = "2026-03-28T11:00:00Z";
    put(
        temp.path(),
        &[
            ("messages", lines(every(DAY, "2025-01-05T10:00:00Z", "2026-03-28T10:00:00Z"), "UTC"), written),
            ("app.csv", rows(4), written),
            ("app.csv.1", rows(14), written),
            ("alone/app.csv", rows(4), written),
        ],
    );
    let times = |flags: &[&str], file: &str| {
        let mut args = vec!["formats", "test", "--json"];
        args.extend(flags);
        args.push(temp.path().to_str().unwrap());
        let out = exfiltrace(&args).stdout;
        let records = String::from_utf8(out).unwrap();
        let records = records.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let own = records.filter(|record| record["source"].as_str().unwrap().ends_with(file));
        own.map(|record| record["time"].as_str().unwrap_or("none").to_owned()).next().unwrap()
    };
    assert_eq!(times(&[], "/messages"), "2025-01-05T10:00:00Z", "it is of more than a year");
    let name = temp.path().file_name().unwrap().to_str().unwrap();
    assert_eq!(times(&[], &format!("{name}/app.csv")), "2024-03-04T10:00:00Z", "as its rotation shows");
    assert_eq!(times(&[], "alone/app.csv"), "none");
    assert_eq!(times(&["--date-order", "month"], "alone/app.csv"), "2024-04-03T10:00:00Z");
}

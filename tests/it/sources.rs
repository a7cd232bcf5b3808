//! Fields that rules name, log source by log source, in records as products write them, and in records that others carry.

use serde_json::Value;

use crate::together::met;

/// Name, log source, detection, file and record of each case.
static CASES: &str = include_str!("sources.json");

fn case(of: &Value, key: &str) -> String {
    of[key].as_str().unwrap().to_owned()
}

/// A log of a record that comes several times, each behind the head of its log; one in an array stays alone.
fn log(record: &str) -> String {
    if record.starts_with('[') || record.contains("\"value\":[{") || record.contains("\"records\":[{") {
        return format!("{record}\n");
    }
    let last = record.rsplit('\n').next().unwrap();
    format!("{record}\n{}", format!("{last}\n").repeat(3))
}

#[test]
fn rules_find_the_fields_that_they_name_in_the_logs_of_their_source() {
    let cases: Vec<Value> = serde_json::from_str(CASES).unwrap();
    let mut missed = Vec::new();
    for of in &cases {
        let (source, detection) = (case(of, "logsource"), case(of, "detection"));
        let rule = format!("title: t\nlogsource: {{{source}}}\ndetection: {detection}\n");
        let (file, log) = (case(of, "file"), log(&case(of, "record")));
        if met(&rule, (&file, &log), 4096).0 == 0 {
            missed.push(case(of, "name"));
        }
    }
    assert!(cases.len() > 90 && missed.is_empty(), "{missed:?}");
}

/// Rules for what is carried, and for what carries it, but for no third.
#[test]
fn a_carried_record_is_no_record_of_another_source() {
    let web = "Mar 28 10:00:00 web nginx: 192.0.2.7 - - [28/Mar/2026:10:00:00 +0000] \"GET /x HTTP/1.1\" 200 5\n";
    let said = "Mar 28 10:00:00 web app[7]: nothing that is of a format\n";
    for (log, source, is_met) in [
        (web, "category: webserver", true),
        (web, "product: linux, service: syslog", true),
        (web, "product: linux, service: auditd", false),
        (web, "product: aws, service: cloudtrail", false),
        (said, "category: webserver", false),
        (said, "product: linux, service: syslog", true),
    ] {
        let rule = format!("title: t\nlogsource: {{{source}}}\ndetection: {{s: {{nothing: null}}, condition: s}}\n");
        assert_eq!(met(&rule, ("messages", &log.repeat(4)), 4096).0 > 0, is_met, "{source} {log}");
    }
}

/// What two records of one audit event say together, also where syslog carries them, and on any grid.
#[test]
fn records_of_an_audit_event_in_syslog_are_one() {
    let rule = "title: t\nlogsource: {product: linux, category: process_creation}\ndetection: {s: {Image|endswith: /curl, CommandLine|contains: '-T /etc'}, condition: s}\n";
    let event = |serial: u32| {
        let head = |kind: &str| format!("Mar 28 10:00:00 h audispd: type={kind} msg=audit(1774692000.120:{serial}): ");
        format!(
            "{}arch=c000003e syscall=59 success=yes exit=0 exe=\"/usr/bin/curl\"\n{}argc=3 a0=\"curl\" a1=\"-T\" a2=\"/etc/shadow\"\n{}",
            head("SYSCALL"),
            head("EXECVE"),
            "Mar 28 10:00:00 h app[7]: nothing\n"
        )
    };
    let log: String = (0..20).map(event).collect();
    for grid in [64, 200, 512, 4096, 1 << 20] {
        assert_eq!(met(rule, ("messages", &log), grid).0, 20, "{grid}");
    }
}

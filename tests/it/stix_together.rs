//! STIX patterns over several records, in scans of several files.

use std::fmt::Write;
use std::path::Path;

use exfiltrace::discover::{self, Root};
use exfiltrace::indicators::Builder;
use exfiltrace::merge;
use exfiltrace::model::coverage::GapReason;
use exfiltrace::model::finding::Finding;
use exfiltrace::model::hit::MatchKind;
use exfiltrace::model::ledger::Reason;
use exfiltrace::model::partial::Partial;
use exfiltrace::model::scopes::Scopes;
use exfiltrace::model::source::Survey;
use exfiltrace::plan::Plan;
use exfiltrace::scan::{self, Outcome};
use exfiltrace::work::Work;

use crate::stix_pattern::bundle;
use crate::support::{exfiltrace, plan};

const ACCESS: &str = "\
203.0.113.9 - ann [01/Mar/2026:10:00:00 +0000] \"GET /gate.php?id=7 HTTP/1.1\" 200 512 \"-\" \"EvilBot/1.0 (x)\"
203.0.113.9 - ann [01/Mar/2026:10:10:00 +0000] \"POST /gate.php?id=8 HTTP/1.1\" 200 512 \"-\" \"Mozilla/5.0 (y)\"
198.51.100.4 - bob [01/Mar/2026:12:00:00 +0000] \"POST /other.php HTTP/1.1\" 200 512 \"-\" \"EvilBot/1.0 (x)\"
";

const EVENTS: &str = r#"{"time":"2026-03-01T10:02:00Z","source":{"ip":"192.0.2.7"},"user":{"name":"mallory"}}
{"time":"2026-03-01T10:02:30Z","source":{"ip":"192.0.2.7"},"user":{"name":"mallory"}}
{"time":"2026-03-01T10:20:00Z","source":{"ip":"192.0.2.8"},"user":{"name":"mallory"}}
{"source":{"ip":"192.0.2.9"},"user":{"name":"undated"}}
{"source":{"ip":"192.0.2.9"},"user":{"name":"undated"}}
"#;

/// A scan of these files, of which the names are given, for these patterns.
fn planned(folder: &Path, files: &[(&str, &str)], patterns: &[&str]) -> Plan {
    let mut roots = Vec::new();
    for (name, log) in files {
        std::fs::write(folder.join(name), log).unwrap();
        roots.push(Root { name: name.as_bytes().into(), path: Some(folder.join(name)) });
    }
    let mut builder = Builder::new();
    builder.add("feed.json", "", bundle(patterns).as_bytes());
    plan(roots, Scopes::default(), builder)
}

fn scanned(files: &[(&str, &str)], pattern: &str) -> Outcome {
    let temp = tempfile::tempdir().unwrap();
    scan::scan(&planned(temp.path(), files, &[pattern])).unwrap()
}

/// The findings of a pattern.
fn of_pattern(outcome: &Outcome, pattern: &str) -> Vec<Finding> {
    let is_of = |f: &&Finding| f.indicator.as_ref().is_some_and(|indicator| indicator.value == pattern);
    outcome.findings.list().iter().filter(is_of).cloned().collect()
}

/// File and line of each record that a pattern is met by, in their order; nothing where it is not met.
fn met(pattern: &str) -> Vec<(String, u64)> {
    let outcome = scanned(&[("access.log", ACCESS), ("events.json", EVENTS)], pattern);
    let formats: Vec<_> = outcome.ledger.iter().map(|entry| entry.format.as_deref().unwrap_or("")).collect();
    assert_eq!(formats, ["access", "json"]);
    assert!(outcome.coverage.gaps.is_empty(), "{:?}", outcome.coverage.gaps);
    let found = of_pattern(&outcome, pattern);
    assert!(found.len() < 2, "one finding of a pattern");
    let places = found.iter().flat_map(|f| {
        assert_eq!((f.count, f.omitted), (f.evidence.len() as u64, 0));
        f.evidence.iter().map(|e| (e.source.as_str().to_owned(), e.place.line.unwrap()))
    });
    places.collect()
}

fn assert_met(cases: &[(&str, &[(&str, u64)])]) {
    for (pattern, expected) in cases {
        let expected: Vec<(String, u64)> = expected.iter().map(|(file, line)| ((*file).to_owned(), *line)).collect();
        assert_eq!(met(pattern), expected, "{pattern}");
    }
}

#[test]
fn what_follows_may_stand_in_another_file_of_another_format() {
    assert_met(&[
        (
            "([ipv4-addr:value = '203.0.113.9'] FOLLOWEDBY [user-account:account_login = 'mallory']) WITHIN 120 SECONDS",
            &[("access.log", 1), ("events.json", 1)],
        ),
        // Too late by a second, for any of them.
        (
            "([ipv4-addr:value = '203.0.113.9'] FOLLOWEDBY [user-account:account_login = 'mallory']) WITHIN 119 SECONDS",
            &[],
        ),
        // The other order, by the records that are complete first.
        (
            "[user-account:account_login = 'mallory'] FOLLOWEDBY [ipv4-addr:value = '203.0.113.9']",
            &[("events.json", 1), ("access.log", 2)],
        ),
        (
            "([user-account:account_login = 'mallory'] FOLLOWEDBY [ipv4-addr:value = '203.0.113.9']) WITHIN 450 SECONDS",
            &[("events.json", 2), ("access.log", 2)],
        ),
        ("[ipv4-addr:value = '198.51.100.4'] FOLLOWEDBY [user-account:account_login = 'mallory']", &[]),
        (
            "[ipv4-addr:value = '203.0.113.9'] FOLLOWEDBY [ipv4-addr:value = '192.0.2.8'] FOLLOWEDBY [ipv4-addr:value = '198.51.100.4']",
            &[("access.log", 1), ("events.json", 3), ("access.log", 3)],
        ),
    ]);
}

#[test]
fn repeats_and_windows_ask_for_records_of_their_own() {
    assert_met(&[
        ("[user-account:account_login = 'mallory'] REPEATS 2 TIMES", &[("events.json", 1), ("events.json", 2)]),
        (
            "[user-account:account_login = 'mallory'] REPEATS 3 TIMES",
            &[("events.json", 1), ("events.json", 2), ("events.json", 3)],
        ),
        ("[user-account:account_login = 'mallory'] REPEATS 4 TIMES", &[]),
        (
            "[user-account:account_login = 'mallory'] REPEATS 3 TIMES WITHIN 1080 SECONDS",
            &[("events.json", 1), ("events.json", 2), ("events.json", 3)],
        ),
        ("[user-account:account_login = 'mallory'] REPEATS 3 TIMES WITHIN 1079 SECONDS", &[]),
        (
            "[user-account:account_login = 'mallory'] REPEATS 2 TIMES START t'2026-03-01T10:02:10Z' STOP t'2026-03-01T11:00:00Z'",
            &[("events.json", 2), ("events.json", 3)],
        ),
        // One record is both, and none is left for the other part.
        (
            "[ipv4-addr:value = '192.0.2.8'] AND [user-account:account_login = 'mallory' AND ipv4-addr:value = '192.0.2.8']",
            &[],
        ),
    ]);
}

#[test]
fn one_side_of_an_alternative_is_enough() {
    assert_met(&[
        (
            "([ipv4-addr:value = '203.0.113.9'] AND [user-account:account_login = 'nobody']) OR [user-account:account_login LIKE 'mal%']",
            &[("events.json", 1)],
        ),
        (
            "([user-account:account_login = 'nobody'] OR [ipv4-addr:value = '192.0.2.8']) AND [ipv4-addr:value = '198.51.100.4']",
            &[("events.json", 3), ("access.log", 3)],
        ),
        ("[user-account:account_login = 'nobody'] AND [ipv4-addr:value = '198.51.100.4']", &[]),
    ]);
}

#[test]
fn records_without_a_time_count_where_nothing_is_asked_of_times() {
    assert_met(&[
        (
            "[user-account:account_login = 'undated'] AND [ipv4-addr:value = '192.0.2.8']",
            &[("events.json", 3), ("events.json", 4)],
        ),
        ("[user-account:account_login = 'undated'] REPEATS 2 TIMES", &[("events.json", 4), ("events.json", 5)]),
        (
            "([ipv4-addr:value = '203.0.113.9'] FOLLOWEDBY [ipv4-addr:value = '192.0.2.7']) AND [user-account:account_login = 'undated']",
            &[("access.log", 1), ("events.json", 1), ("events.json", 4)],
        ),
        ("[user-account:account_login = 'undated'] FOLLOWEDBY [ipv4-addr:value = '192.0.2.8']", &[]),
        ("[ipv4-addr:value = '192.0.2.8'] FOLLOWEDBY [user-account:account_login = 'undated']", &[]),
        ("[user-account:account_login = 'undated'] REPEATS 2 TIMES WITHIN 999 SECONDS", &[]),
        (
            "[user-account:account_login = 'undated'] REPEATS 2 TIMES START t'2000-01-01T00:00:00Z' STOP t'2030-01-01T00:00:00Z'",
            &[],
        ),
    ]);
}

#[test]
fn a_finding_says_of_a_pattern_what_its_feed_does() {
    let pattern = "[ipv4-addr:value = '203.0.113.9'] FOLLOWEDBY [user-account:account_login = 'mallory']";
    let outcome = scanned(&[("access.log", ACCESS), ("events.json", EVENTS)], pattern);
    let found = of_pattern(&outcome, pattern).remove(0);
    let indicator = found.indicator.unwrap();
    assert_eq!((&*indicator.kind, indicator.how, &*indicator.feed), ("stix_pattern", MatchKind::Exact, "feed.json"));
    assert_eq!(indicator.valid_from.unwrap().to_string(), "2026-01-01T00:00:00Z");
    assert_eq!(found.text, format!("stix_pattern {pattern} is met by 2 records together"));
    assert_eq!(found.entities.accounts, ["ann", "mallory"]);
    let digest = |line: &str| {
        use sha2::Digest;
        sha2::Sha256::digest(line.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let lines = [ACCESS, EVENTS].map(|log| digest(log.lines().next().unwrap()));
    assert_eq!(found.evidence.iter().map(|e| &*e.sha256).collect::<Vec<_>>(), lines);
}

fn bytes(outcome: &Outcome) -> String {
    let parts = (&outcome.verdict, &outcome.findings, &outcome.coverage, &outcome.ledger, &outcome.partial);
    serde_json::to_string(&parts).unwrap()
}

#[test]
fn shards_threads_and_memory_change_no_byte() {
    let patterns = [
        "([ipv4-addr:value = '203.0.113.9'] FOLLOWEDBY [user-account:account_login = 'mallory']) WITHIN 120 SECONDS",
        "[user-account:account_login = 'mallory'] REPEATS 3 TIMES",
        "[ipv4-addr:value = '198.51.100.4'] AND [user-account:account_login = 'undated']",
        "[user-account:account_login = 'mallory'] FOLLOWEDBY [ipv4-addr:value = '203.0.113.9']",
    ];
    let files = [("access.log", ACCESS), ("events.json", EVENTS), ("more.json", &EVENTS[..EVENTS.len() / 2])];
    let temp = tempfile::tempdir().unwrap();
    let plan = || planned(temp.path(), &files, &patterns);
    let whole = scan::scan(&plan()).unwrap();
    assert_eq!(patterns.map(|pattern| of_pattern(&whole, pattern).len()), [1; 4]);
    let whole = bytes(&whole);
    let small = Work::new(Some(temp.path().join("work")), 16);
    for other in [
        Plan { threads: 5, cell_bytes: 64, shuffle: Some(3), ..plan() },
        Plan { threads: 1, cell_bytes: 7, work: small, ..plan() },
        Plan { patterns: plan().patterns.ungated(), ..plan() },
    ] {
        assert!(bytes(&scan::scan(&other).unwrap()) == whole, "cells of {}", other.cell_bytes);
    }
    let plan = plan();
    let survey = discover::survey(&plan.roots, &plan.skip).unwrap();
    for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0]] {
        let shard = |at: usize| {
            let files = vec![survey.files[at].clone()];
            let (partial, _) = scan::sources(&plan, &Survey { files, ..Survey::default() }).unwrap();
            serde_json::from_str::<Partial>(&serde_json::to_string(&partial).unwrap()).unwrap()
        };
        let merged = scan::conclude(&plan, merge::all(order.map(shard)));
        assert!(bytes(&merged) == whole, "shards in the order {order:?}");
    }
}

#[test]
fn what_is_beyond_a_cap_is_told() {
    let mut log = String::new();
    for second in 0..10_010 {
        let (minute, second) = (second / 60, second % 60);
        let time = format!("2026-03-01T{:02}:{:02}:{second:02}Z", minute / 60, minute % 60);
        writeln!(log, r#"{{"time":"{time}","source":{{"ip":"192.0.2.7"}},"user":{{"name":"ann"}}}}"#).unwrap();
    }
    let told = |pattern: &str| {
        let outcome = scanned(&[("access.log", ACCESS), ("a.json", &log)], pattern);
        let notes = outcome.ledger.iter().flat_map(|entry| entry.notes.clone());
        let capped: Vec<_> = notes.filter(|n| n.reason == Reason::FindingsCapped).map(|n| n.count).collect();
        let open: Vec<_> = outcome.coverage.gaps.iter().map(|gap| (gap.source.clone(), gap.reason)).collect();
        (of_pattern(&outcome, pattern).len(), capped, open)
    };
    let capped = vec![Some(10_010)];
    let met = "[user-account:account_login = 'ann' AND ipv4-addr:value = '192.0.2.7'] FOLLOWEDBY [ipv4-addr:value = '198.51.100.4']";
    assert_eq!(told(met), (1, capped.clone(), vec![]));
    // No search through all pairs, and no claim about records that are not kept.
    let unmet = "[ipv4-addr:value = '198.51.100.4'] FOLLOWEDBY [user-account:account_login = 'ann' AND ipv4-addr:value = '192.0.2.7']";
    assert_eq!(told(unmet), (0, capped, vec![(format!("stix_pattern {unmet}"), GapReason::FindingsCapped)]));
}

#[test]
fn a_case_with_such_a_pattern_fits_its_schema_and_holds() {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    let pattern = "[ipv4-addr:value = '203.0.113.9'] FOLLOWEDBY [user-account:account_login = 'mallory']";
    for (name, text) in [("access.log", ACCESS), ("events.json", EVENTS), ("feed.json", &bundle(&[pattern]))] {
        std::fs::write(path(name), text).unwrap();
    }
    let scanned = exfiltrace(&[
        "scan",
        "-q",
        &path("access.log"),
        &path("events.json"),
        "--indicators",
        &path("feed.json"),
        "--out",
        &path("case"),
    ]);
    assert_eq!(scanned.status.code(), Some(0), "{}", String::from_utf8_lossy(&scanned.stderr));
    let state: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path("case/state/partial.json")).unwrap()).unwrap();
    let parts = state["sources"].as_array().unwrap().iter().flat_map(|pair| pair[1]["parts"].as_array());
    assert_eq!(parts.flatten().map(|part| &part[0]["part"]).collect::<Vec<_>>(), [0, 1]);
    let schema = serde_json::from_str(exfiltrace::emit::schema::schema("state").unwrap()).unwrap();
    jsonschema::validator_for(&schema).unwrap().validate(&state).unwrap();
    let found = std::fs::read_to_string(path("case/findings.jsonl")).unwrap();
    assert!(found.contains("is met by 2 records together"), "{found}");
    let verified = exfiltrace(&["verify", &path("case")]);
    assert_eq!(verified.status.code(), Some(0), "{}", String::from_utf8_lossy(&verified.stdout));
}

/// Twenty of forty and twenty-one of the rest: no choice fits, and there are too many to try.
#[test]
fn what_takes_too_many_steps_is_told_as_not_known() {
    let line = r#"{"time":"2026-03-01T10:00:00Z","source":{"ip":"192.0.2.7"},"user":{"name":"ann"}}"#;
    let log = format!("{line}\n").repeat(40);
    let part = "[user-account:account_login = 'ann' AND ipv4-addr:value = '192.0.2.7']";
    let pattern = format!("{part} REPEATS 20 TIMES AND {part} REPEATS 21 TIMES");
    let outcome = scanned(&[("access.log", ACCESS), ("a.json", &log)], &pattern);
    assert_eq!(of_pattern(&outcome, &pattern), []);
    let gaps: Vec<_> = outcome.coverage.gaps.iter().map(|gap| (&*gap.source, gap.reason)).collect();
    assert_eq!(gaps, [(&*format!("stix_pattern {pattern}"), GapReason::FindingsCapped)]);
}

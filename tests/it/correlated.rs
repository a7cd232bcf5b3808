//! Sigma correlations in scans of several files.

use std::fmt::Write;
use std::path::Path;

use exfiltrace::detect::{Program, Routing};
use exfiltrace::discover::{self, Root};
use exfiltrace::indicators::Builder;
use exfiltrace::merge;
use exfiltrace::model::coverage::{Counted, GapReason};
use exfiltrace::model::finding::{Finding, FindingKind};
use exfiltrace::model::ledger::Reason;
use exfiltrace::model::partial::Partial;
use exfiltrace::model::rule::{Level, Outcome as Became, Route, Stage};
use exfiltrace::model::scopes::Scopes;
use exfiltrace::model::source::Survey;
use exfiltrace::model::verdict::State;
use exfiltrace::plan::Plan;
use exfiltrace::scan::{self, Outcome};
use exfiltrace::work::Work;

use crate::support::{exfiltrace, plan};

/// The rules that correlations count on.
const RULES: &str = "\
title: Failed logon
name: failed
logsource: {product: linux, service: sshd}
detection: {s: ['Failed password'], condition: s}
level: low
---
title: Logon
name: logon
logsource: {product: linux, service: sshd}
detection: {s: ['Accepted password'], condition: s}
level: low
---
title: Web error
name: web
logsource: {category: webserver}
detection: {s: {sc-status: 403}, condition: s}
level: low
---
title: Sending
name: sent
logsource: {category: app}
detection: {s: {action: send}, condition: s}
level: low
";

/// Failed logons of `ann`, at minutes, of a host.
fn failed(host: &str, minutes: &[u32]) -> String {
    minutes.iter().fold(String::new(), |mut log, minute| {
        let user = ["ann", "bob", "eve"][*minute as usize % 3];
        let line = format!("sshd[7]: Failed password for {user} from 203.0.113.9 port 4711 ssh2");
        writeln!(log, "2026-03-01T10:{minute:02}:00Z {host} {line}").unwrap();
        log
    })
}

fn logon(minute: u32, from: &str) -> String {
    format!("2026-03-01T10:{minute:02}:00Z web01 sshd[7]: Accepted password for ann from {from} port 4712 ssh2\n")
}

fn refused(minute: u32, from: &str) -> String {
    format!("{from} - - [01/Mar/2026:10:{minute:02}:00 +0000] \"GET /admin HTTP/1.1\" 403 5 \"-\" \"x\"\n")
}

/// A correlation, of a level, under a name.
fn correlation(name: &str, body: &str) -> String {
    format!("title: The {name}\nname: {name}\nlevel: medium\ncorrelation: {{{body}}}\n")
}

/// A scan of these files with these files of rules and no others.
fn planned(folder: &Path, files: &[(&str, &str)], rules: &[&str]) -> Plan {
    let mut roots = Vec::new();
    for (name, log) in files {
        std::fs::write(folder.join(name), log).unwrap();
        roots.push(Root { name: name.as_bytes().into(), path: Some(folder.join(name)) });
    }
    let documents = rules.iter().enumerate().map(|(at, text)| (format!("{at}.yml"), (*text).to_owned()));
    let (program, problems) = Program::compile(documents, Routing::Any);
    assert!(problems.is_empty(), "{problems:#?}");
    Plan { program, ..plan(roots, Scopes::default(), Builder::new()) }
}

fn scanned(files: &[(&str, &str)], rules: &[&str]) -> Outcome {
    let temp = tempfile::tempdir().unwrap();
    scan::scan(&planned(temp.path(), files, rules)).unwrap()
}

/// The findings of a rule or correlation.
fn of(outcome: &Outcome, rule: &str) -> Vec<Finding> {
    outcome.findings.list().iter().filter(|f| f.rule.id == rule).cloned().collect()
}

/// File and line of each record that a finding cites.
fn cited(finding: &Finding) -> Vec<(&str, u64)> {
    finding.evidence.iter().map(|e| (e.source.as_str(), e.place.line.unwrap())).collect()
}

/// What is told of a correlation that counted.
fn counted(outcome: &Outcome, rule: &str) -> Counted {
    outcome.coverage.correlations.iter().find(|counted| counted.rule == rule).unwrap().clone()
}

#[test]
fn failures_of_two_files_are_counted_in_the_order_of_their_times() {
    let files = [("a.log", &*failed("web01", &[0, 2, 4, 40])), ("b.log", &failed("web02", &[1, 3, 5]))];
    let count = |least: u32| {
        let body =
            format!("type: event_count, rules: failed, group-by: source.ip, timespan: 5m, condition: {{gte: {least}}}");
        scanned(&files, &[RULES, &correlation("brute", &body)])
    };
    let outcome = count(6);
    let found = of(&outcome, "brute");
    let [brute] = &*found else { panic!("{found:#?}") };
    assert_eq!(cited(brute), [("a.log", 1), ("b.log", 1), ("a.log", 2), ("b.log", 2), ("a.log", 3), ("b.log", 3)]);
    assert_eq!((brute.kind, brute.count, brute.omitted), (FindingKind::Correlation, 6, 0));
    assert_eq!((brute.level, brute.outcome), (Level::Medium, Became::Failed));
    let times = [brute.time.first, brute.time.last].map(|at| at.unwrap().to_string());
    assert_eq!(times, ["2026-03-01T10:00:00Z", "2026-03-01T10:05:00Z"]);
    assert_eq!(
        (&*brute.entities.sources, &*brute.entities.accounts),
        (&["203.0.113.9".to_owned()][..], &["ann", "bob", "eve"].map(String::from)[..])
    );
    assert_eq!(brute.text, "The brute: up to 6 events within 5 m, source.ip 203.0.113.9");
    assert!(brute.evidence.iter().all(|e| e.excerpt.contains("Failed password") && e.sha256.len() == 64));
    assert!(of(&outcome, "failed").is_empty(), "its rule is silent");
    assert_eq!((counted(&outcome, "brute").events, counted(&outcome, "brute").found), (7, 1));
    assert!(of(&count(7), "brute").is_empty());
}

#[test]
fn values_are_counted_and_added_up() {
    let by = "rules: failed, group-by: host.name, timespan: 10m, condition: {field: user.name, gte";
    let log = failed("web01", &[0, 1, 2, 3]) + &failed("web02", &[0, 3, 6]);
    let outcome =
        scanned(&[("a.log", &log)], &[RULES, &correlation("spray", &format!("type: value_count, {by}: 3}}"))]);
    let found = of(&outcome, "spray");
    assert_eq!(found.iter().map(|f| (&*f.entities.hosts[0], f.count)).collect::<Vec<_>>(), [("web01", 4)]);
    let sent = |time: &str, bytes: u64| {
        format!(r#"{{"time":"2026-03-01T{time}Z","action":"send","bytes":{bytes},"user":{{"name":"eve"}}}}"#)
    };
    let log = [sent("10:00:00", 700), sent("10:30:00", 600), sent("12:00:00", 900)].join("\n");
    let sum = "type: value_sum, rules: sent, group-by: user.name, timespan: 1h, condition: {field: bytes, gt: 1000}";
    let found = of(&scanned(&[("app.json", &log)], &[RULES, &correlation("sum", sum)]), "sum");
    assert_eq!(
        found.iter().map(|f| (cited(f), &*f.text)).collect::<Vec<_>>(),
        [(vec![("app.json", 1), ("app.json", 2)], "The sum: a sum of up to 1300 of bytes within 1 h, user.name eve")]
    );
}

/// A rule, and a correlation over it and a log of another format in a file of its own, with an alias for what both have.
#[test]
fn what_follows_stands_in_another_log_under_another_name() {
    let aliases = "aliases: {who: {failed: source.ip, web: c-ip, logon: source.ip}}, group-by: who, timespan: 10m";
    let ssh = failed("web01", &[4, 9]) + &logon(5, "203.0.113.9") + &logon(6, "198.51.100.7");
    let web = refused(2, "203.0.113.9") + &refused(7, "198.51.100.7");
    let held = |kind: &str, rules: &str| {
        let text = correlation("pair", &format!("type: {kind}, rules: {rules}, {aliases}"));
        let outcome = scanned(&[("access.log", &web), ("auth.log", &ssh)], &[&text, RULES]);
        of(&outcome, "pair")
            .iter()
            .map(|f| (cited(f).iter().map(|(file, line)| format!("{file}:{line}")).collect(), f.outcome))
            .collect::<Vec<(Vec<String>, Became)>>()
    };
    let told = |cited: &[&str], outcome| (cited.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>(), outcome);
    let both = told(&["access.log:1", "auth.log:1", "auth.log:3", "auth.log:2"], Became::Succeeded);
    let late = told(&["auth.log:4", "access.log:2"], Became::Failed);
    // What an ordered one leads to says what became of it: the failure, or the logon.
    assert_eq!(
        held("temporal_ordered", "[web, failed]"),
        [told(&["access.log:1", "auth.log:1", "auth.log:2"], Became::Failed)]
    );
    // Also the failure after the logon has all three within its window.
    assert_eq!(held("temporal_ordered", "[web, failed, logon]"), std::slice::from_ref(&both));
    assert_eq!(held("temporal", "[web, failed, logon]"), [both], "complete with the logon");
    assert_eq!(held("temporal_ordered", "[logon, web]"), [late]);
    assert_eq!(held("temporal", "[web, logon]").len(), 2);
}

/// Correlations over correlations, of which the outer one stands first, in a file without rules.
#[test]
fn a_chain_cites_through_to_its_records() {
    let inner = correlation(
        "brute",
        "type: event_count, rules: failed, group-by: source.ip, timespan: 5m, condition: {gte: 3}",
    );
    let outer = |generate: bool| {
        correlation(
            "broken_in",
            &format!(
                "type: temporal_ordered, rules: [brute, logon], group-by: source.ip, timespan: 15m, generate: {generate}"
            ),
        )
    };
    let files = [
        ("a.log", &*failed("web01", &[0, 1, 30])),
        ("b.log", &(failed("web02", &[2]) + &logon(10, "203.0.113.9") + &logon(11, "198.51.100.7"))),
    ];
    let outcome = scanned(&files, &[&outer(false), &inner, RULES]);
    let found = of(&outcome, "broken_in");
    let [broken] = &*found else { panic!("{found:#?}") };
    assert_eq!(cited(broken), [("a.log", 1), ("a.log", 2), ("b.log", 1), ("b.log", 2)]);
    assert_eq!((broken.count, broken.outcome, &*broken.links), (4, Became::Succeeded, &[][..]));
    assert_eq!(broken.time.first.unwrap().to_string(), "2026-03-01T10:00:00Z");
    assert_eq!(broken.entities.accounts, ["ann"], "by whom it succeeded, not all that were tried");
    assert_eq!(outcome.findings.list().len(), 1, "what it counts on is silent");
    let outcome = scanned(&files, &[&outer(true), &inner, RULES]);
    let (brute, logons) = (of(&outcome, "brute").remove(0), of(&outcome, "logon"));
    let mut links = vec![brute.id, logons[0].id.clone()];
    links.sort();
    assert_eq!((of(&outcome, "broken_in")[0].links.clone(), logons.len()), (links, 2));
    assert!(of(&outcome, "failed").is_empty(), "the inner one does not say generate");
}

#[test]
fn hits_of_rules_are_findings_where_one_correlation_says_so() {
    let body =
        |generate: &str| format!("type: event_count, rules: failed, timespan: 5m, {generate}condition: {{gte: 3}}");
    let log = failed("web01", &[0, 1, 2]);
    let rules = |more: &[&str]| {
        let outcome = scanned(&[("a.log", &log)], &[&[RULES][..], more].concat());
        (of(&outcome, "failed").len(), of(&outcome, "one").len(), of(&outcome, "two").len(), outcome)
    };
    let (one, two) = (correlation("one", &body("generate: true, ")), correlation("two", &body("")));
    assert_eq!(rules(&[]).0, 3);
    let (hits, first, _, outcome) = rules(&[&one]);
    assert_eq!((hits, first, of(&outcome, "one")[0].links.len()), (3, 1, 3));
    let (hits, _, second, _) = rules(&[&two]);
    assert_eq!((hits, second), (0, 1));
    let (hits, first, second, _) = rules(&[&one, &two]);
    assert_eq!((hits, first, second), (3, 1, 1));
}

#[test]
fn what_has_no_time_or_no_group_is_told() {
    let log = r#"{"time":"2026-03-01T10:00:00Z","action":"send","user":{"name":"eve"}}
{"action":"send","user":{"name":"eve"}}
{"time":"2026-03-01T10:01:00Z","action":"send","user":{"name":"eve"}}
{"time":"2026-03-01T10:01:00Z","action":"send"}
"#;
    let twice =
        correlation("twice", "type: event_count, rules: sent, group-by: user.name, timespan: 5m, condition: {gte: 2}");
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    for (name, text) in [("app.json", log), ("rules.yml", RULES), ("twice.yml", &twice)] {
        std::fs::write(path(name), text).unwrap();
    }
    let scanned = exfiltrace(&[
        "scan",
        "--no-builtin",
        "--logsource",
        "any",
        "--rules",
        &path("rules.yml"),
        "--rules",
        &path("twice.yml"),
        "--out",
        &path("case"),
        &path("app.json"),
    ]);
    assert_eq!(scanned.status.code(), Some(0), "{}", String::from_utf8_lossy(&scanned.stderr));
    let summary = String::from_utf8_lossy(&scanned.stdout).into_owned();
    let told = "The twice: 1 record without a time, 1 record without a field that it makes groups by";
    assert!(summary.contains(told), "{summary}");
    assert!(std::fs::read_to_string(path("case/report.html")).unwrap().contains("1 record without a time"));
    let json = |name: &str| -> serde_json::Value {
        serde_json::from_str(&std::fs::read_to_string(path(name)).unwrap()).unwrap()
    };
    let counted = &json("case/coverage.json")["correlations"][0];
    assert_eq!(
        ["events", "ungrouped", "untimed", "beyond", "found"].map(|key| counted[key].as_u64().unwrap()),
        [2, 1, 1, 0, 1]
    );
    let rules = &json("case/manifest.json")["rules"];
    assert_eq!(["loaded", "correlations", "silent"].map(|key| rules[key].as_u64().unwrap()), [4, 1, 1]);
    for (file, schema) in
        [("coverage.json", "coverage"), ("manifest.json", "manifest"), ("state/partial.json", "state")]
    {
        let schema = serde_json::from_str(exfiltrace::emit::schema::schema(schema).unwrap()).unwrap();
        jsonschema::validator_for(&schema).unwrap().validate(&json(&format!("case/{file}"))).unwrap();
    }
    for to in ["ecs", "ocsf", "csv"] {
        let exported = exfiltrace(&["export", &path("case"), "--to", to]);
        assert_eq!(exported.status.code(), Some(0), "{to}: {}", String::from_utf8_lossy(&exported.stderr));
    }
    let verified = exfiltrace(&["verify", &path("case")]);
    assert_eq!(verified.status.code(), Some(0), "{}", String::from_utf8_lossy(&verified.stdout));
}

fn bytes(outcome: &Outcome) -> String {
    let parts = (&outcome.verdict, &outcome.findings, &outcome.coverage, &outcome.ledger, &outcome.partial);
    serde_json::to_string(&parts).unwrap()
}

#[test]
fn shards_threads_and_memory_change_no_byte() {
    let rules = [
        RULES,
        &correlation(
            "brute",
            "type: event_count, rules: failed, group-by: source.ip, timespan: 5m, condition: {gte: 4}",
        ),
        &correlation(
            "in",
            "type: temporal_ordered, rules: [brute, logon], group-by: source.ip, timespan: 15m, generate: true",
        ),
        &correlation(
            "spray",
            "type: value_count, rules: [failed, web], timespan: 1h, condition: {field: user.name, gte: 2}",
        ),
        &correlation("quiet", "type: temporal, rules: [web, logon], condition: web and not logon, timespan: 1m"),
    ];
    let files = [
        ("a.log", &*failed("web01", &[0, 2, 4, 20, 21])),
        ("b.log", &(failed("web02", &[1, 3, 22, 23]) + &logon(10, "203.0.113.9"))),
        ("access.log", &(refused(2, "203.0.113.9") + &refused(10, "203.0.113.9"))),
    ];
    let temp = tempfile::tempdir().unwrap();
    for events_kept in [1_000, 3] {
        let plan = || Plan { events_kept, ..planned(temp.path(), &files, &rules) };
        let whole = scan::scan(&plan()).unwrap();
        let found: Vec<usize> = ["brute", "in", "spray", "quiet"].map(|name| of(&whole, name).len()).into();
        assert_eq!(found, if events_kept == 3 { [1, 1, 1, 1] } else { [2, 1, 1, 1] }, "{:#?}", whole.findings.list());
        let whole = bytes(&whole);
        for other in [
            Plan { threads: 1, ..plan() },
            Plan { threads: 5, cell_bytes: 64, shuffle: Some(3), ..plan() },
            Plan { threads: 1, cell_bytes: 7, work: Work::new(Some(temp.path().join("work")), 16), ..plan() },
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
            // The definitions are in the state: what is merged needs no rules.
            let without = Plan { program: Program::compile([], Routing::Auto).0, ..planned(temp.path(), &files, &[]) };
            let merged = scan::conclude(&without, merge::all(order.map(shard)));
            assert!(bytes(&merged) == whole, "shards in the order {order:?}");
        }
    }
}

#[test]
fn what_is_beyond_the_cap_is_told() {
    let body = "type: event_count, rules: failed, group-by: source.ip, timespan: 5m, condition: {gte: 3}";
    let held = |level: &str, least: u32| {
        let temp = tempfile::tempdir().unwrap();
        let text = correlation("brute", &body.replace("gte: 3", &format!("gte: {least}"))).replace("medium", level);
        let files = [("a.log", &*failed("web01", &[0, 1, 2, 3]))];
        scan::scan(&Plan { events_kept: 3, ..planned(temp.path(), &files, &[RULES, &text]) }).unwrap()
    };
    let outcome = held("high", 3);
    let found = of(&outcome, "brute");
    assert_eq!((found.len(), found[0].count), (1, 3));
    assert!(
        found[0].text.ends_with("; hits of its rules beyond what is kept, which are not counted: 1"),
        "{}",
        found[0].text
    );
    let notes: Vec<_> = outcome.ledger.iter().flat_map(|e| &e.notes).map(|n| (n.reason, n.count)).collect();
    assert_eq!(notes, [(Reason::FindingsCapped, Some(4))]);
    assert_eq!((counted(&outcome, "brute").events, counted(&outcome, "brute").beyond), (3, 1));
    let gaps = |outcome: &Outcome| {
        outcome.coverage.gaps.iter().map(|gap| (gap.source.clone(), gap.reason)).collect::<Vec<_>>()
    };
    let open = vec![("correlation brute".to_owned(), GapReason::FindingsCapped)];
    assert_eq!(gaps(&outcome), open);
    let unmet = held("high", 4);
    assert_eq!((of(&unmet, "brute").len(), gaps(&unmet)), (0, open), "whether it holds is not known");
    assert_eq!(gaps(&held("low", 4)), []);
}

/// As grave as a rule, and never together with what it is made of.
#[test]
fn the_verdict_takes_a_correlation_as_it_takes_a_rule() {
    let more = "tags: [attack.credential-access, attack.initial-access, attack.t1110]\nexfiltrace: {route: remote_access}\ncorrelation";
    let held = |level: &str, generate: bool| {
        let body = format!(
            "type: temporal_ordered, rules: [failed, logon], group-by: source.ip, timespan: 9m, generate: {generate}"
        );
        let text = correlation("in", &body).replace("medium", level).replace("correlation", more);
        let rules = RULES.replace("level: low", &format!("level: {level}\ntags: [attack.credential-access]"));
        let outcome =
            scanned(&[("a.log", &(failed("web01", &[0, 1, 2]) + &logon(3, "203.0.113.9")))], &[&rules, &text]);
        let reasons = outcome.verdict.scopes[0].reasons.clone();
        let told: Vec<_> = reasons.into_iter().filter(|r| matches!(&*r.clause, "J-01" | "J-04" | "J-07")).collect();
        (outcome, told.into_iter().map(|r| (r.clause, r.findings.len())).collect::<Vec<_>>())
    };
    let (outcome, reasons) = held("high", false);
    let found = of(&outcome, "in").remove(0);
    assert_eq!((&*found.attack, found.route), (&["T1110".to_owned()][..], Some(Route::RemoteAccess)));
    assert_eq!(found.stage, [Stage::InitialAccess, Stage::CredentialAccess]);
    // A password that was guessed is a way in and no access to data: what was done with it, these logs do not tell.
    assert_eq!((outcome.verdict.overall.state, reasons), (State::CannotTell, vec![("J-01".to_owned(), 1)]));
    // Three failures are attempts of their own; the logon that succeeded is told by the correlation.
    assert_eq!(held("high", true).1, [("J-01".to_owned(), 1), ("J-04".to_owned(), 3)]);
}

/// Ten attacks, or two rules, of one source on one target are aimed (J-07). Six hits and what is made of them are neither.
#[test]
fn a_correlation_and_its_hits_are_not_more_attacks_than_the_hits() {
    let held = |minutes: &[u32], tags: &str| {
        let body =
            "type: event_count, rules: failed, group-by: source.ip, timespan: 1h, condition: {gte: 6}, generate: true";
        let text = correlation("brute", body).replace("level: medium", &format!("level: medium\ntags: [{tags}]"));
        let rules = RULES.replace("level: low", "level: medium\ntags: [attack.credential-access]");
        let outcome = scanned(&[("a.log", &failed("web01", minutes))], &[&rules, &text]);
        assert_eq!((of(&outcome, "failed").len(), of(&outcome, "brute").len()), (minutes.len(), 1));
        let scope = &outcome.verdict.scopes[0];
        let reasons: Vec<_> = scope.reasons.iter().filter(|r| r.clause == "J-07").map(|r| r.findings.len()).collect();
        let background = scope.counter_evidence.iter().find(|r| r.clause == "J-05");
        (reasons, background.map(|r| r.text.split(' ').next().unwrap().to_owned()))
    };
    let six = || (vec![], Some("6".to_owned()));
    for tags in ["attack.credential-access", "attack.initial-access"] {
        assert_eq!(held(&[0, 1, 2, 3, 4, 5], tags), six(), "{tags}");
    }
    let ten: Vec<u32> = (0..10).collect();
    // It stands for its hits where it is of their stages, else stands beside them.
    assert_eq!(held(&ten, "attack.credential-access"), (vec![1], None));
    assert_eq!(held(&ten, "attack.initial-access"), (vec![11], None));
}

#[test]
fn the_example_of_the_readme_finds_what_it_says() {
    let readme = std::fs::read_to_string(crate::support::project("README.md")).unwrap();
    let (_, behind) = readme.split_once("```yaml\n").unwrap();
    let (rules, _) = behind.split_once("```").unwrap();
    let hour = (0..20).map(|at| failed("web01", &[at / 5])).collect::<String>();
    let outcome = scanned(&[("a.log", &(hour + &logon(12, "203.0.113.9")))], &[rules]);
    let all: Vec<_> = outcome.findings.list().iter().map(|f| (&*f.rule.id, f.count, f.outcome)).collect();
    assert_eq!(all, [("broken_in", 21, Became::Succeeded)]);
}

/// A flood from outside over the hosts of two scopes is nobody's alone, and judged for both.
#[test]
fn a_correlation_over_two_scopes_is_judged_under_both() {
    let scopes: Scopes = toml::from_str(
        "[[scope]]\nname = \"east\"\nhosts = [\"web01\"]\n[[scope]]\nname = \"west\"\nhosts = [\"web02\"]\n",
    )
    .unwrap();
    let body = "type: event_count, rules: failed, group-by: source.ip, timespan: 1h, condition: {gte: 4}";
    let text = correlation("brute", body).replace("medium", "high\ntags: [attack.credential-access]");
    let files = [("a.log", &*failed("web01", &[0, 1])), ("b.log", &failed("web02", &[2, 3]))];
    let temp = tempfile::tempdir().unwrap();
    let planned = planned(temp.path(), &files, &[RULES, &text]);
    let outcome = scan::scan(&Plan { whose: exfiltrace::scope::compile(&scopes).unwrap(), scopes, ..planned }).unwrap();
    assert_eq!(of(&outcome, "brute")[0].scope, "unattributed");
    for scope in &outcome.verdict.scopes {
        assert!(scope.reasons.iter().any(|r| r.clause == "J-04"), "{}: {:?}", scope.scope, scope.reasons);
    }
    assert_eq!(outcome.verdict.scopes.iter().map(|scope| &*scope.scope).collect::<Vec<_>>(), ["east", "west"]);
}

/// The end of an order is what stands at its end: not a logon before the failures.
#[test]
fn what_came_before_is_no_end_of_an_order() {
    let log = logon(0, "203.0.113.9") + &failed("web01", &[1, 2]);
    let any = RULES.replace("['Accepted password']", "['password']");
    let body = "type: temporal_ordered, rules: [failed, logon], group-by: source.ip, timespan: 9m";
    let found = of(&scanned(&[("a.log", &log)], &[&any, &correlation("in", body)]), "in");
    assert_eq!(found.iter().map(|f| (f.count, f.outcome)).collect::<Vec<_>>(), [(3, Became::Failed)]);
}

/// What is demanded must hold of what succeeded alone.
#[test]
fn an_attempt_among_many_is_not_what_they_are_together() {
    let body = "type: event_count, rules: [failed, logon], group-by: source.ip, timespan: 1h, condition: {gte: 3}";
    let held = |log: &str| {
        let found = of(&scanned(&[("a.log", log)], &[RULES, &correlation("many", body)]), "many").remove(0);
        (found.count, found.outcome, found.entities.accounts)
    };
    let logons = |minutes: &[u32]| minutes.iter().map(|at| logon(*at, "203.0.113.9")).collect::<String>();
    let tried = ["ann", "bob", "eve"].map(String::from).to_vec();
    assert_eq!(held(&failed("web01", &[0, 1, 2])), (3, Became::Failed, tried.clone()));
    assert_eq!(held(&(failed("web01", &[0, 1, 2]) + &logons(&[3, 4]))), (5, Became::Unknown, tried));
    assert_eq!(held(&(failed("web01", &[1]) + &logons(&[3, 4, 5]))), (4, Became::Succeeded, vec!["ann".to_owned()]));
}

#[test]
fn one_without_a_level_is_as_grave_as_the_gravest_of_its_rules() {
    let rules = RULES.replacen("level: low", "level: critical", 1);
    let without = |name: &str, of: &str| {
        let body = format!("type: event_count, rules: {of}, timespan: 5m, condition: {{gte: 1}}, generate: true");
        correlation(name, &body).replace("level: medium\n", "")
    };
    let (inner, outer) = (without("inner", "[failed, logon]"), without("outer", "[inner, logon]"));
    let outcome = scanned(&[("a.log", &failed("web01", &[0]))], &[&outer, &inner, &rules]);
    let levels = ["inner", "outer"].map(|name| of(&outcome, name)[0].level);
    assert_eq!(levels, [Level::Critical; 2]);
}

/// Logs of whole seconds: what stands behind in one file follows, in another file nobody knows.
#[test]
fn within_a_second_the_place_in_a_source_is_the_order() {
    let brute = correlation(
        "brute",
        "type: event_count, rules: failed, group-by: source.ip, timespan: 5m, condition: {gte: 3}",
    );
    let body = "type: temporal_ordered, rules: [brute, logon], group-by: source.ip, timespan: 15m";
    let found = |files: &[(&str, &str)], body: &str| {
        let found = of(&scanned(files, &[RULES, &brute, &correlation("in", body)]), "in");
        found.iter().map(|f| (f.count, f.outcome)).collect::<Vec<_>>()
    };
    let (three, one, then) = (failed("web01", &[1, 2, 3]), failed("web01", &[3]), logon(3, "203.0.113.9"));
    let all = [(4, Became::Succeeded)];
    assert_eq!(found(&[("a.log", &(three.clone() + &then))], body), all);
    assert_eq!(found(&[("a.log", &(three.clone() + &then + &one))], body), [(5, Became::Succeeded)]);
    assert_eq!(found(&[("a.log", &(failed("web01", &[1, 2]) + &then + &one))], body), []);
    assert_eq!(found(&[("a.log", &three), ("b.log", &then)], body), []);
    let plain = "type: temporal_ordered, rules: [failed, logon], group-by: source.ip, timespan: 15m";
    assert_eq!(found(&[("a.log", &(one.clone() + &then))], plain), [(2, Became::Succeeded)]);
    assert_eq!(found(&[("a.log", &(then.clone() + &one))], plain), []);
    assert_eq!(found(&[("a.log", &one), ("b.log", &then)], plain), []);
}

/// One over rules that is complete with a success succeeded.
#[test]
fn one_over_rules_became_what_completes_it() {
    let body = "type: temporal, rules: [failed, logon], group-by: source.ip, timespan: 15m";
    let became = |log: &str| of(&scanned(&[("a.log", log)], &[RULES, &correlation("in", body)]), "in")[0].outcome;
    assert_eq!(became(&(failed("web01", &[1]) + &logon(2, "203.0.113.9"))), Became::Succeeded);
    assert_eq!(became(&(logon(1, "203.0.113.9") + &failed("web01", &[2]))), Became::Unknown);
    let any = correlation("in", &body.replace("rules: [failed, logon]", "condition: failed or logon"));
    let found = of(&scanned(&[("a.log", &failed("web01", &[1, 2]))], &[RULES, &any]), "in");
    assert_eq!(found[0].outcome, Became::Failed);
}

/// Links are as bounded as evidence is, and how many there are is told.
#[test]
fn links_are_bounded_and_counted() {
    let log = (0..150u32).map(|at| failed("web01", &[at / 5])).collect::<String>();
    let body = "type: event_count, rules: failed, timespan: 1h, condition: {gte: 150}, generate: true";
    let outcome = scanned(&[("a.log", &log)], &[RULES, &correlation("many", body)]);
    let many = of(&outcome, "many").remove(0);
    assert_eq!((many.count, many.links.len(), of(&outcome, "failed").len()), (150, 100, 150));
    assert!(many.text.ends_with("; links lead to 100 of 150 records with findings of their own"), "{}", many.text);
}

const LOGONS: &str = "\
title: Failed logon of Windows
name: refused
logsource: {product: windows, service: security}
detection: {s: {EventID: 4625}, condition: s}
level: low
---
title: Failed logon with a word that JSON lacks
name: worded
logsource: {product: windows, service: security}
detection: {s: {EventID: 4625, Word: x}, condition: s}
level: low
";

/// Failed logons of Windows at these minutes of an hour, with these numbers: as Winlogbeat sends them, and as XML.
fn in_two_forms(computer: &str, logons: &[(u32, u32, u32)]) -> [String; 2] {
    let (mut json, mut xml) = (String::new(), String::new());
    for (hour, minute, number) in logons {
        writeln!(
            json,
            r#"{{"@timestamp":"2026-03-01T{hour}:{minute:02}:00.123Z","winlog":{{"event_id":4625,"record_id":{number},"channel":"Security","provider_name":"Microsoft-Windows-Security-Auditing","computer_name":"{}","event_data":{{"TargetUserName":"ann"}}}}}}"#,
            computer.to_uppercase()
        )
        .unwrap();
        writeln!(
            xml,
            r#"<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System><Provider Name="Microsoft-Windows-Security-Auditing"/><EventID>4625</EventID><TimeCreated SystemTime="2026-03-01T{hour}:{minute:02}:00.1239876Z"/><EventRecordID>{number}</EventRecordID><Channel>Security</Channel><Computer>{computer}</Computer></System><EventData><Data Name="TargetUserName">ann</Data><Data Name="Word">x</Data></EventData></Event>"#
        )
        .unwrap();
    }
    [json, xml]
}

#[test]
fn an_event_that_is_delivered_in_two_forms_counts_once() {
    let counts = |name: &str, rule: &str| {
        correlation(name, &format!("type: event_count, rules: {rule}, timespan: 10h, condition: {{gte: 6}}"))
    };
    let rules = [LOGONS, &counts("many", "refused"), &counts("many_worded", "worded")];
    let of_logons = |files: &[(&str, &str)]| {
        let outcome = scanned(files, &rules);
        ["many", "many_worded"].map(|name| {
            let counted = outcome.coverage.correlations.iter().find(|counted| counted.rule == name);
            counted.map_or((0, 0), |counted| (counted.events, counted.found))
        })
    };
    let [json, xml] =
        in_two_forms("dc01.corp.example", &[(10, 0, 7), (10, 1, 8), (10, 2, 9), (10, 3, 10), (10, 4, 11)]);
    assert_eq!(of_logons(&[("a.json", &json)]), [(5, 0), (0, 0)]);
    assert_eq!(of_logons(&[("a.json", &json), ("b.xml", &xml)]), [(5, 0), (5, 0)], "what JSON lacks is not lost");
    // Numbers are those of a log of a computer, and begin anew where it is cleared.
    let [other, _] = in_two_forms("dc02.corp.example", &[(10, 0, 7)]);
    assert_eq!(of_logons(&[("a.json", &json), ("b.xml", &xml), ("c.json", &other)])[0], (6, 1));
    let [_, again] = in_two_forms("dc01.corp.example", &[(11, 0, 7)]);
    assert_eq!(of_logons(&[("a.json", &json), ("b.xml", &again)])[0], (6, 1));
    // A form that lacks a field by which events are grouped does not stand for one that has it.
    let grouped = correlation(
        "by_word",
        "type: event_count, rules: refused, group-by: [Word], timespan: 10h, condition: {gte: 5}",
    );
    let outcome = scanned(&[("a.json", &json), ("b.xml", &xml)], &[LOGONS, &grouped]);
    let by_word = counted(&outcome, "by_word");
    assert_eq!((by_word.events, by_word.found, by_word.ungrouped), (5, 1, 5));
    // What a case keeps tells it too.
    let outcome = scanned(&[("a.json", &json), ("b.xml", &xml)], &rules);
    let kept: Partial = serde_json::from_str(&serde_json::to_string(&outcome.partial).unwrap()).unwrap();
    assert!(kept == outcome.partial);
}

//! Rules prove themselves by their own samples.

use exfiltrace::detect::{Program, Routing, Scratch};
use exfiltrace::discover::{self, Root};
use exfiltrace::format;
use exfiltrace::indicators::Builder;
use exfiltrace::model::fields::Fields;
use exfiltrace::model::hit::RULE_HITS_KEPT;
use exfiltrace::model::rule::Outcome;
use exfiltrace::model::scopes::Scopes;
use exfiltrace::scan;
use serde_json::Value;

use crate::support::{candidates, each_record, plan_with};

/// Titles of the rules that match any record of a text, with the format it was taken for. With the gate, only rules
/// whose atoms show are evaluated, as a scan does.
fn matching(program: &Program, text: &str, gated: bool) -> (String, Vec<String>) {
    let (mut name, mut titles) = (String::new(), Vec::new());
    each_record(b"sample", text, &mut |_, format, fields, record| {
        format.clone_into(&mut name);
        titles.extend(hits(program, format, fields, record, gated));
    });
    (name, titles)
}

/// Titles of the rules that match one parsed record.
fn hits(program: &Program, format: &str, fields: &Fields<'_>, record: &[u8], gated: bool) -> Vec<String> {
    let Some(gate) = program.gate(format) else { return Vec::new() };
    let candidates = if gated { candidates(gate, record) } else { gate.all.clone() };
    let (mut scratch, mut matched) = (Scratch::default(), Vec::new());
    program.eval(format, fields, record, &candidates, &mut scratch, &mut matched);
    matched.iter().map(|&rule| program.rules()[rule as usize].title.clone()).collect()
}

#[test]
fn every_rule_of_the_pack_matches_and_misses_what_it_says() {
    let documents: Vec<(String, String)> = Program::builtin().collect();
    assert!(documents.len() >= 200, "the pack holds {} rules", documents.len());
    let (program, problems) = Program::compile(documents.clone(), Routing::Auto);
    assert!(problems.is_empty(), "{problems:#?}");
    let mut wrong = Vec::new();
    for (file, text) in &documents {
        let rule: Value = serde_yaml_ng::from_str(text).unwrap();
        if rule["correlation"].is_object() {
            continue;
        }
        let title = rule["title"].as_str().unwrap();
        for (key, expected) in [("matches", true), ("misses", false)] {
            let samples = rule["exfiltrace"][key].as_array().unwrap_or_else(|| panic!("{file} has no {key}"));
            assert!(!samples.is_empty(), "{file} has no {key}");
            for sample in samples {
                let record = sample["record"].as_str().unwrap();
                for gated in [false, true] {
                    let (format, titles) = matching(&program, record, gated);
                    if format != sample["format"].as_str().unwrap() {
                        wrong.push(format!("{file}: taken for {format}: {record}"));
                    } else if titles.iter().any(|t| t == title) != expected {
                        wrong.push(format!("{file}: {key} (gated: {gated}): {record}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn ids_are_unique_and_every_rule_says_where_it_stands() {
    let (program, _) = Program::compile(Program::builtin(), Routing::Auto);
    for rule in program.rules() {
        assert!(!rule.stage.is_empty(), "{} has no stage", rule.title);
        assert!(!rule.attack.is_empty(), "{} has no ATT&CK id", rule.title);
        assert_eq!(rule.id.len(), 36, "{} has no UUID", rule.title);
    }
}

#[test]
fn rules_of_a_category_see_every_log_of_that_kind() {
    let rule = |category: &str, test: &str| {
        format!(
            "title: {category}\nid: {category}\nlogsource: {{category: {category}}}\ndetection:\n  s: {{{test}}}\n  condition: s\nlevel: low\n"
        )
    };
    let documents =
        [rule("webserver", "cs-uri-query|contains: '/etc/passwd'"), rule("proxy", "c-useragent|contains: rclone")];
    let (program, problems) = Program::compile(documents.map(|d| ("r.yml".to_owned(), d)), Routing::Auto);
    assert!(problems.is_empty(), "{problems:#?}");
    let nginx = r#"{"time":"2026-03-28T23:10:04Z","remote_addr":"198.51.100.7","request_method":"GET","request_uri":"/../etc/passwd","status":200}"#;
    let ecs = r#"{"@timestamp":"2026-03-28T23:10:04Z","source":{"ip":"198.51.100.7"},"http":{"request":{"method":"GET"}},"url":{"original":"/../etc/passwd"}}"#;
    let note = r#"{"time":"2026-03-28T23:10:04Z","remote_addr":"198.51.100.7","request_uri":"/../etc/passwd"}"#;
    let proxy = "#Fields: date time c-ip cs-method cs-host s-hierarchy cs(User-Agent) s-ip\n\
                 2026-03-28 10:00:01 10.1.0.5 POST drop.example DIRECT \"rclone/1.6\" 10.1.0.2\n";
    for gated in [false, true] {
        let titles = |text: &str| matching(&program, text, gated).1;
        assert_eq!(titles(nginx), ["webserver"]);
        assert_eq!(titles(ecs), ["webserver"]);
        assert!(titles(note).is_empty(), "no method: no request");
        assert_eq!(titles(proxy), ["proxy"]);
        assert!(titles(&proxy.replace(" s-hierarchy", " x-other")).is_empty());
    }
}

#[test]
fn every_format_is_routed() {
    let (program, _) = Program::compile(Program::builtin(), Routing::Any);
    for format in format::list() {
        assert!(program.gate(format.name()).is_some(), "{} is not in the routing table", format.name());
    }
}

/// A rule without a literal makes every record of its formats be read in full.
#[test]
fn every_rule_of_the_pack_is_found_by_a_literal() {
    let (program, _) = Program::compile(Program::builtin(), Routing::Auto);
    let mut without = Vec::new();
    for format in format::list() {
        let Some(gate) = program.gate(format.name()) else { continue };
        let titles = gate.atoms.always.iter().map(|&rule| &program.rules()[rule as usize].title);
        without.extend(titles.map(|title| format!("{}: {title}", format.name())));
    }
    assert!(without.is_empty(), "{without:#?}");
}

/// Behind as many records as are kept of a rule others are counted alone; what succeeded goes before what failed all the same, whether
/// the rest of a record is read or not.
#[test]
fn records_behind_those_that_are_kept_are_counted() {
    let rule = |more: &str| {
        let text = format!(
            "title: t\nid: a\nlogsource: {{product: aws, service: cloudtrail}}\ndetection: {{s: {{eventName: DeleteTrail{more}}}, condition: s}}\n"
        );
        Program::compile([("a.yml".to_owned(), text)], Routing::Auto).0
    };
    let record = |at: usize| {
        let error = if at < RULE_HITS_KEPT + 200 { r#","errorCode":"AccessDenied""# } else { "" };
        format!(
            "{{\"eventTime\":\"2026-03-28T{:02}:{:02}:04Z\",\"eventSource\":\"cloudtrail.amazonaws.com\",\"eventName\":\"{}\",\"awsRegion\":\"eu-west-2\",\"requestParameters\":{{\"name\":\"t{at}\",\"tags\":[]}}{error}}}\n",
            at / 3600 % 24,
            at / 60 % 60,
            if at % 3 == 2 { "StopLogging" } else { "DeleteTrail" },
        )
    };
    let all = RULE_HITS_KEPT * 3 / 2 + 3_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ndjson");
    std::fs::write(&path, (0..all).map(record).collect::<String>()).unwrap();
    // The second asks for what the names of values do not tell, so that each record is read in full.
    let [listed, read] = [rule(""), rule(", requestParameters|contains: name")].map(|program| {
        let roots = vec![Root { name: b"a".to_vec(), path: Some(path.clone()) }];
        let plan = plan_with(program, roots, Scopes::default(), Builder::default());
        let survey = discover::survey(&plan.roots, &plan.skip).unwrap();
        let partial = scan::sources(&plan, &survey).unwrap().0;
        let source = partial.sources.values().next().unwrap();
        assert_eq!(&*source.entry.format.clone().unwrap(), "cloudtrail");
        source.rules.held["a"].clone()
    });
    assert_eq!(listed, read);
    assert_eq!((listed.count, listed.kept.len()), (all as u64 * 2 / 3, RULE_HITS_KEPT));
    let succeeded = listed.kept.iter().filter(|kept| kept.outcome == Outcome::Succeeded).count();
    assert!(succeeded > 1_000 && listed.kept[succeeded - 1].place.offset > listed.kept[succeeded].place.offset);
}

//! Rules prove themselves by their own samples; the engine by the cases of others.

use std::sync::Arc;

use exfiltrace::detect::{Program, Routing, Scratch};
use exfiltrace::format::{self, Clock};
use exfiltrace::model::fields::{Fields, Kind, View, Want};
use exfiltrace::model::ledger::Note;
use exfiltrace::model::place::Locator;
use exfiltrace::model::source::{SourceMeta, Stream};
use exfiltrace::model::time::Instant;
use exfiltrace::sift::atoms_plainly;
use exfiltrace::split::Splitter;
use serde_json::Value;

use crate::support::{shared, sigma};

struct Nothing;

impl Stream for Nothing {
    fn fill(&mut self, _: &mut Vec<u8>, _: usize) -> Result<usize, Note> {
        Ok(0)
    }

    fn notes(&mut self) -> Vec<Note> {
        Vec::new()
    }
}

/// Titles of the rules that match any record of a text, with the format it was taken for. With the gate, only rules
/// whose atoms show are evaluated, as a scan does.
fn matching(program: &Program, text: &str, gated: bool) -> (String, Vec<String>) {
    let locator = Locator::root(b"sample");
    let meta =
        SourceMeta { evidence: locator.clone(), locator, mtime: Instant::parse("2026-04-01T00:00:00Z"), size: None };
    let clock = Clock { zone: jiff::tz::TimeZone::UTC, zone_given: false };
    let layout = Arc::new(format::recognise(text.as_bytes(), true, &meta, &clock));
    let name = layout.format.to_owned();
    let mut splitter = Splitter::new(layout, 1 << 18, format::relayout);
    splitter.feed(text.as_bytes());
    let mut titles = Vec::new();
    while let Some(block) = splitter.next(&mut Nothing) {
        let mut view = View::default();
        format::render(&block, &mut view);
        let bytes: &[u8] = if view.is_rendered { &view.rendered } else { &block.bytes };
        for seen in &view.records {
            let record = &bytes[seen.start..seen.end];
            let mut fields = Fields::default();
            if format::parse(&block.layout, record, Want::All, &mut fields).is_ok() {
                titles.extend(hits(program, block.layout.format, &fields, record, gated));
            }
        }
    }
    (name, titles)
}

/// Titles of the rules that match one parsed record.
fn hits(program: &Program, format: &str, fields: &Fields<'_>, record: &[u8], gated: bool) -> Vec<String> {
    let Some(gate) = program.gate(format) else { return Vec::new() };
    let candidates: Vec<u32> = if gated && !gate.bypasses(record) {
        let mut found = Vec::new();
        atoms_plainly(&gate.atoms, record, &mut found);
        let mut some = gate.atoms.always.clone();
        some.extend(found.iter().flat_map(|hit| &gate.atoms.rules[hit.literal as usize]));
        some.sort_unstable();
        some.dedup();
        some
    } else {
        gate.all.clone()
    };
    let (mut scratch, mut matched) = (Scratch::default(), Vec::new());
    program.eval(format, fields, record, &candidates, &mut scratch, &mut matched);
    matched.iter().map(|&rule| program.rules()[rule as usize].title.clone()).collect()
}

#[test]
fn every_rule_of_the_pack_matches_and_misses_what_it_says() {
    let documents: Vec<(String, String)> = Program::builtin().collect();
    assert!(documents.len() >= 40, "the pack holds {} rules", documents.len());
    let (program, problems) = Program::compile(documents.clone(), Routing::Auto);
    assert!(problems.is_empty(), "{problems:#?}");
    let mut wrong = Vec::new();
    for (file, text) in &documents {
        let rule: Value = serde_yaml_ng::from_str(text).unwrap();
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

#[test]
fn sigmahq_rules_load_or_say_why_not() {
    let documents = sigma();
    if documents.is_empty() {
        return;
    }
    let files = documents.len();
    let (program, problems) = Program::compile(documents, Routing::Auto);
    assert!(files > 3_000);
    for problem in &problems {
        let known = ["modifier expand", "id ", "status is"].iter().any(|why| problem.what.contains(why));
        assert!(known, "{}:{}:{}: {}", problem.file, problem.line, problem.column, problem.what);
    }
    let sets = || program.sets();
    let (literals, without_atoms): (usize, usize) =
        (sets().map(|set| set.literals.len()).sum(), sets().map(|set| set.always.len()).sum());
    eprintln!(
        "{files} files: {} rules loaded, {} not; {} sets of {literals} literals, {without_atoms} rules without one",
        program.rules().len(),
        problems.len(),
        sets().count()
    );
    assert_eq!(program.rules().len() + problems.len(), files);
}

/// A flat JSON event as fields; what a log of that shape would give.
fn fields_of<'b>(event: &'b Value, out: &mut Fields<'b>) {
    fn add<'b>(name: &str, value: &Value, out: &mut Fields<'b>) {
        let mut push = |text: &str, kind| {
            let (name, value) = (out.store(name.as_bytes()), out.store(text.as_bytes()));
            out.push_text(None, name, value, kind);
        };
        match value {
            Value::Null => push("", Kind::Null),
            Value::Bool(flag) => push(&flag.to_string(), Kind::Bool),
            Value::Number(number) => push(&number.to_string(), Kind::Number),
            Value::String(text) => push(text, Kind::Str),
            Value::Array(items) => items.iter().for_each(|item| add(name, item, out)),
            Value::Object(map) => {
                push(&value.to_string(), Kind::Json);
                for (key, inner) in map {
                    add(&format!("{name}.{key}"), inner, out);
                }
            }
        }
    }
    for (key, value) in event.as_object().into_iter().flatten() {
        add(key, value, out);
    }
}

/// Cases of one conformance file: passed, failed (with names), rules not loaded.
fn conformance(file: &str, sample: usize) -> Option<(usize, Vec<String>, Vec<String>)> {
    let text = std::fs::read_to_string(shared(&format!("conformance/{file}.jsonl"))?).unwrap();
    let (mut passed, mut failed, mut unloaded) = (0, Vec::new(), Vec::new());
    for line in text.lines().step_by(sample) {
        let case: Value = serde_json::from_str(line).unwrap();
        let name = case["name"].as_str().unwrap_or_default().to_owned();
        let rule = case["rule_yaml"].as_str().unwrap().to_owned();
        let (program, problems) = Program::compile([(name.clone(), rule)], Routing::Any);
        if program.rules().is_empty() {
            unloaded.push(format!("{name}: {}", problems.first().map_or("", |p| p.what.as_str())));
            continue;
        }
        for event in case["cases"].as_array().unwrap() {
            let raw = match &event["event_json"] {
                Value::String(text) => serde_json::from_str(text).unwrap(),
                other => other.clone(),
            };
            let expected = event["expected"].as_bool().unwrap();
            let mut fields = Fields::default();
            fields_of(&raw, &mut fields);
            let record = raw.to_string();
            let plain = !hits(&program, "json", &fields, record.as_bytes(), false).is_empty();
            let gated = !hits(&program, "json", &fields, record.as_bytes(), true).is_empty();
            if plain == expected && gated == expected {
                passed += 1;
            } else {
                failed.push(format!("{name}: expected {expected}, plain {plain}, gated {gated}: {raw}"));
            }
        }
    }
    Some((passed, failed, unloaded))
}

/// 100 % is the aim of a later issue; what is held here is that no suite falls back.
#[test]
fn conformance_suites_do_not_fall_back() {
    for (file, sample, share) in [("spec-mini", 1, 0.9), ("pysigma-rules", 1, 0.9), ("sigmahq-witness", 8, 0.99)] {
        let Some((passed, failed, unloaded)) = conformance(file, sample) else { return };
        let all = passed + failed.len();
        eprintln!("{file}: {passed} of {all} cases pass, {} rules not loaded", unloaded.len());
        for line in failed.iter().chain(&unloaded).take(40) {
            eprintln!("  {}", line.chars().take(300).collect::<String>());
        }
        let gate_differs = failed.iter().filter(|f| f.contains("plain true, gated false")).count();
        assert_eq!(gate_differs, 0, "{file}: the gate loses matches");
        assert!(passed as f64 >= share * all as f64, "{file}: {passed} of {all}");
    }
}

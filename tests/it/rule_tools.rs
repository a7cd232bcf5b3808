//! What `rules` and `scan` do with rules before any record: leave out, count, explain, test.

use std::path::Path;
use std::process::Output;

use exfiltrace::detect::{Mapping, Problem, Program, Selection, Setup};
use exfiltrace::model::rule::Level;
use serde_json::Value;

use crate::support::{exfiltrace, project, sigma};

/// A folder of rules: four of different levels, statuses and tags, and a correlation that counts on one of them.
fn rules(folder: &Path) -> String {
    let rule = |id: u8, level: &str, status: &str, tags: &str, source: &str| {
        format!(
            "title: rule {id}\nname: r{id}\nid: 00000000-0000-4000-8000-00000000000{id}\nstatus: {status}\nlevel: {level}\n\
             tags: [{tags}]\nlogsource: {{{source}}}\ndetection: {{s: {{c-uri|contains: zz{id}}}, condition: s}}\n"
        )
    };
    let web = folder.join("web");
    std::fs::create_dir_all(&web).unwrap();
    std::fs::write(web.join("a.yml"), rule(1, "high", "stable", "attack.exfiltration", "category: webserver")).unwrap();
    std::fs::write(web.join("b.yml"), rule(2, "low", "test", "attack.t1567.002", "category: webserver")).unwrap();
    std::fs::write(folder.join("c.yml"), rule(3, "low", "deprecated", "attack.impact", "category: webserver")).unwrap();
    std::fs::write(
        folder.join("d.yml"),
        rule(4, "critical", "test", "attack.t15", "product: windows, service: security"),
    )
    .unwrap();
    let counts = "title: counts\nid: 00000000-0000-4000-8000-00000000000c\nstatus: test\nlevel: high\ncorrelation: {type: event_count, \
                  rules: r2, group-by: [c-ip], timespan: 1h, condition: {gte: 2}}\n";
    std::fs::write(folder.join("e.yml"), counts).unwrap();
    folder.to_str().unwrap().to_owned()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Titles that `rules list` prints with some flags.
fn listed(rules: &str, flags: &[&str]) -> Vec<String> {
    let output = exfiltrace(&[&["rules", "list", "--no-builtin", rules], flags].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let mut titles: Vec<String> = out(&output)
        .lines()
        .filter(|line| !line.contains("(correlation)"))
        .map(|line| line.split("  ").last().unwrap().replace(" (for correlations only)", "").trim().to_owned())
        .collect();
    titles.sort();
    titles
}

#[test]
fn rules_are_left_out_by_level_status_tag_id_name_and_file() {
    let temp = tempfile::tempdir().unwrap();
    let rules = rules(temp.path());
    let list = std::env::temp_dir().join(format!("exfiltrace-left-out-{}", std::process::id()));
    std::fs::write(&list, "# noisy\nr1 # by name\n\nd.yml\n").unwrap();
    let at = format!("@{}", list.display());
    // The correlation counts on rule 2, which stays where the correlation does.
    for (flags, titles) in [
        (&[][..], &["rule 1", "rule 2", "rule 4"][..]),
        (&["--min-level", "high"], &["rule 1", "rule 2", "rule 4"]),
        (&["--min-level", "critical"], &["rule 4"]),
        (&["--status", "stable"], &["rule 1"]),
        (&["--status", "stable,deprecated"], &["rule 1", "rule 3"]),
        (&["--tag", "attack.t1567"], &["rule 2"]),
        (&["--tag", "attack.exfiltration", "--tag", "attack.t15"], &["rule 1", "rule 4"]),
        (&["--exclude", "web/*"], &["rule 2", "rule 4"]),
        (&["--exclude", "web/*", "--exclude", "e.yml"], &["rule 4"]),
        (&["--exclude", "00000000-0000-4000-8000-000000000001"], &["rule 2", "rule 4"]),
        (&["--exclude", &at], &["rule 2"]),
    ] {
        assert_eq!(listed(&rules, flags), titles, "{flags:?}");
    }
    std::fs::remove_file(&list).unwrap();
    let output = exfiltrace(&["rules", "list", "--no-builtin", &rules, "--exclude", "r9"]);
    assert!(said(&output).contains("--exclude r9: no rule that is loaded"), "{}", said(&output));
    let output = exfiltrace(&["rules", "list", "--no-builtin", &rules, "--tag", "attack.t156", "--tag", "attack.t15"]);
    assert!(said(&output).contains("warning: --tag attack.t156: no rule that is loaded"), "{}", said(&output));
    assert!(!said(&output).contains("attack.t15:"), "{}", said(&output));
    let listed = out(&exfiltrace(&["rules", "list", "--no-builtin", &rules]));
    for line in [
        "high          00000000-0000-4000-8000-00000000000c  counts (correlation)\n",
        "  rule 2 (for correlations only)\n",
        "  rule 1\n",
    ] {
        assert!(listed.contains(line), "{line}: {listed}");
    }
    for (flag, value, why) in [("--status", "good", "none of stable"), ("--exclude", "[", "neither an id nor a glob")] {
        let output = exfiltrace(&["rules", "list", flag, value]);
        assert_eq!(output.status.code(), Some(2));
        assert!(said(&output).contains(why), "{}", said(&output));
    }
    let output = exfiltrace(&["rules", "check", "--no-builtin", &rules]);
    assert!(
        out(&output).contains("c.yml:1:1: not loaded: its status is deprecated; --status deprecated"),
        "{}",
        out(&output)
    );
}

#[test]
fn a_scan_tells_how_many_rules_it_used_left_out_and_could_not_use_here() {
    let temp = tempfile::tempdir().unwrap();
    let rules = rules(&temp.path().join("rules"));
    let (log, case) = (temp.path().join("access.log"), temp.path().join("case"));
    let line =
        |n: u8| format!("203.0.113.9 - - [01/Mar/2026:10:00:0{n} +0000] \"GET /zz{n} HTTP/1.1\" 200 5 \"-\" \"x\"\n");
    std::fs::write(&log, line(1) + &line(2)).unwrap();
    let (log, case) = (log.to_str().unwrap(), case.to_str().unwrap());
    let scan = |flags: &[&str]| {
        let output = exfiltrace(&[&["scan", "--no-builtin", "--rules", &rules, "--out", case, log], flags].concat());
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let read = |name: &str| std::fs::read_to_string(Path::new(case).join(name)).unwrap();
        let manifest: Value = serde_json::from_str(&read("manifest.json")).unwrap();
        let titles: Vec<String> = read("findings.jsonl")
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["rule"]["title"].as_str().unwrap().to_owned())
            .collect();
        (out(&output).replace("\n  ", " "), manifest["rules"].clone(), titles)
    };
    let (summary, told, titles) = scan(&["--min-rule-level", "high"]);
    assert_eq!(titles, ["rule 1"], "rule 2 is here for the correlation only");
    let zero = serde_json::json!({ "excluded": 0, "status": 0, "level": 1, "tag": 0, "members": 1 });
    assert_eq!((&told["loaded"], &told["correlations"], &told["left_out"]), (&3.into(), &1.into(), &zero));
    assert_eq!(told["never_applicable"], 1, "there are no Windows events");
    for words in [
        "3 rules loaded",
        "1 left out by wish (level 1; 1 of them evaluated for correlations only)",
        "1 ask for logs of",
    ] {
        assert!(summary.contains(words), "{words}: {summary}");
    }
    let (_, told, titles) = scan(&["--exclude", "e.yml", "--exclude", "r1"]);
    assert_eq!((titles, &told["left_out"]["excluded"]), (vec!["rule 2".to_owned()], &2.into()));
}

#[test]
fn rules_for_which_there_is_no_log_are_listed_with_the_log_source_that_they_ask_for() {
    let temp = tempfile::tempdir().unwrap();
    let rules = rules(&temp.path().join("rules"));
    let log = temp.path().join("access.log");
    std::fs::write(&log, "203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] \"GET /a HTTP/1.1\" 200 5 \"-\" \"x\"\n")
        .unwrap();
    let output = exfiltrace(&["rules", "list", "--no-builtin", &rules, "--coverage", log.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let lines: Vec<String> = out(&output).lines().map(str::to_owned).collect();
    assert!(lines[0].contains("rule 4  (asks for product windows, service security)"), "{lines:?}");
    assert!(lines[1].starts_with("1 of 3 rules and 1 correlation can fire on nothing here"), "{lines:?}");
    // By channel and number, not by format: Sysmon events are here, but none of the Security channel.
    let event = |channel: &str, id: u64| {
        format!(
            "{{\"Event\":{{\"System\":{{\"Channel\":\"{channel}\",\"EventID\":{id},\"Computer\":\"h\",\"TimeCreated\":{{\"#attributes\":{{\"SystemTime\":\"2026-03-01T10:00:00Z\"}}}}}},\"EventData\":{{\"a\":\"b\"}}}}}}\n"
        )
    };
    let write = |channel| std::fs::write(&log, event(channel, 1)).unwrap();
    let never = || out(&exfiltrace(&["rules", "list", "--no-builtin", &rules, "--coverage", log.to_str().unwrap()]));
    write("Microsoft-Windows-Sysmon/Operational");
    assert!(never().contains("rule 4  ("), "{}", never());
    write("Security");
    assert!(!never().contains("rule 4  (") && never().contains("3 of 3 rules and 1 correlation"), "{}", never());
    assert!(never().contains("counts (correlation of such rules alone)"), "{}", never());
    let output =
        exfiltrace(&["rules", "list", "--coverage", project("fixtures/incident/evidence/nothing").to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2), "no evidence is there");
}

#[test]
fn a_rule_is_explained_as_it_was_compiled() {
    let temp = tempfile::tempdir().unwrap();
    let rule = temp.path().join("r.yml");
    std::fs::write(
        &rule,
        "title: all of it\nid: 00000000-0000-4000-8000-000000000001\nlogsource: {product: windows, service: security}\ndetection:\n  \
         sel: {Image|endswith: '\\\\rclone.exe', CommandLine|contains|windash: ' -config'}\n  not_own: {DestinationIp|cidr: 10.0.0.0/8}\n  \
         condition: sel and not not_own\n",
    )
    .unwrap();
    let explain = |word: &str, flags: &[&str]| {
        exfiltrace(&[&["rules", "explain", word, "--no-builtin", "--rules", rule.to_str().unwrap()], flags].concat())
    };
    let text = out(&explain("ALL of it", &[]));
    for line in [
        "log source  product windows, service security",
        r#"Image is equal "*\\rclone.exe""#,
        r#"CommandLine is equal "* [-]config*""#,
        "not",
        r#"DestinationIp is in the network "10.0.0.0/8""#,
        "Image, else NewProcessName, Application, ProcessName, process.executable",
        r#"evtx           evaluated where one of these is (channel security): "rclone.exe""#,
    ] {
        assert!(text.lines().any(|shown| shown.trim() == line), "{line}: {text}");
    }
    assert!(!text.contains("squid"), "{text}");
    let told: Value = serde_json::from_str(&out(&explain("r.yml", &["--json", "--logsource", "any"]))).unwrap();
    let parts = told["condition"]["all"].as_array().unwrap();
    assert!(parts.iter().any(|part| part["not"]["test"]["field"] == "DestinationIp"), "{parts:?}");
    // Those that are written in Rust, all declared ones together, and EvtxECmd's tables, which are declared and Windows events.
    assert_eq!(told["formats"].as_array().unwrap().len(), exfiltrace::format::FORMATS.len() + 2);
    let folder = rules(&temp.path().join("rules"));
    let output = exfiltrace(&["rules", "explain", "counts", "--no-builtin", "--rules", &folder]);
    for words in ["events gte 2, within 3600 s", "member 1    rule 2", "group by    c-ip (in c-ip)", "are no findings"]
    {
        assert!(out(&output).contains(words), "{words}: {}", out(&output));
    }
    let output = explain("no such rule", &[]);
    assert!(output.status.code() == Some(2) && said(&output).contains("rules list"), "{}", said(&output));
}

#[test]
fn rules_are_tried_on_the_samples_in_their_files() {
    let temp = tempfile::tempdir().unwrap();
    let rule = temp.path().join("r.yml");
    let line = |path: &str| {
        format!("203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] \\\"GET {path} HTTP/1.1\\\" 200 5 \\\"-\\\" \\\"x\\\"")
    };
    let write = |matches: &str, misses: &str, format: &str| {
        let text = format!(
            "title: dump\nlogsource: {{category: webserver}}\ndetection: {{s: {{cs-uri-stem|endswith: .sql}}, condition: s}}\n\
             exfiltrace:\n  matches:\n    - record: \"{}\"\n      format: {format}\n  misses: [\"{}\"]\n",
            line(matches),
            line(misses)
        );
        std::fs::write(&rule, text).unwrap();
        let output = exfiltrace(&["rules", "test", "--no-builtin", rule.to_str().unwrap()]);
        (output.status.code(), out(&output))
    };
    let (code, text) = write("/a.sql", "/a.html", "access");
    assert!(code == Some(0) && text == "2 samples of 1 rule: 2 as they say, 0 not\n", "{text}");
    let (code, text) = write("/a.html", "/a.sql", "access");
    assert!(code == Some(1) && text.contains("r.yml:6  must match, and does not  dump  203.0.113.9"), "{text}");
    assert!(text.contains("must not match, and does") && text.contains("0 as they say, 2 not"), "{text}");
    let (code, text) = write("/a.sql", "/a.html", "squid");
    assert!(code == Some(1) && text.contains("is of squid, and is taken for access"), "{text}");
    // A file without samples tries nothing, whatever the embedded pack does.
    let text =
        "title: dump\nlogsource: {category: webserver}\ndetection: {s: {cs-uri-stem|endswith: .sql}, condition: s}\n";
    std::fs::write(&rule, text).unwrap();
    for embedded in [&["--no-builtin"][..], &[]] {
        let output = exfiltrace(&[&["rules", "test", rule.to_str().unwrap()], embedded].concat());
        assert_eq!(output.status.code(), Some(1), "{}", out(&output));
        assert!(out(&output).contains("none of the rules that were given has a sample"), "{}", out(&output));
    }
    // What records show together, for a correlation.
    let correlation = |count: usize| {
        let record = line("/a.sql");
        let text = format!(
            "title: dump\nname: dump\nlogsource: {{category: webserver}}\ndetection: {{s: {{cs-uri-stem|endswith: .sql}}, condition: s}}\n\
             exfiltrace: {{matches: [\"{record}\"]}}\n---\ntitle: dumps\ncorrelation: {{type: event_count, rules: dump, group-by: c-ip, \
             timespan: 1h, condition: {{gte: 3}}}}\nexfiltrace:\n  matches:\n    - records: [{{record: \"{record}\", count: {count}}}]\n"
        );
        std::fs::write(&rule, text).unwrap();
        let output = exfiltrace(&["rules", "test", "--no-builtin", rule.to_str().unwrap()]);
        (output.status.code(), out(&output))
    };
    assert_eq!(correlation(3).0, Some(0), "{}", correlation(3).1);
    let (code, text) = correlation(2);
    assert!(code == Some(1) && text.contains("must match, and does not  dumps"), "{text}");
    let output = exfiltrace(&["rules", "test"]);
    assert_eq!(output.status.code(), Some(0), "{}", out(&output));
    assert!(!out(&output).contains("no sample: "), "{}", out(&output));
}

const MAPPED: &str = r"
title: mapped
logsource: {product: windows, category: process_creation}
detection:
  sel: {Image|endswith: '\a.exe', User|neq: bob, Hashes: q}
  own: {A|fieldref: Image}
  condition: sel and not own
";

/// The condition of [`MAPPED`] under a pipeline, as `rules explain` prints it.
fn mapped(pipeline: &str) -> Output {
    let temp = tempfile::tempdir().unwrap();
    let (rule, map) = (temp.path().join("r.yml"), temp.path().join("p.yml"));
    std::fs::write(&rule, MAPPED).unwrap();
    std::fs::write(&map, format!("name: p\ntransformations:\n{pipeline}")).unwrap();
    let (rule, map) = (rule.to_str().unwrap(), map.to_str().unwrap());
    exfiltrace(&["rules", "explain", "mapped", "--no-builtin", "--rules", rule, "--mapping", map])
}

/// As pySigma 2.0.1 transforms the same rule.
#[test]
fn a_pipeline_is_laid_over_rules_as_pysigma_does() {
    let lines = |pipeline: &str| -> Vec<String> {
        let text = out(&mapped(pipeline));
        let condition = text.split("holds where\n").nth(1).unwrap().split("  fields\n").next().unwrap();
        [text.lines().nth(2).unwrap()].into_iter().chain(condition.lines()).map(|line| line.trim().to_owned()).collect()
    };
    let of_fields = "- type: field_name_mapping\n  mapping: {Image: [p.a, p.b], User: u, A: B}\n  \
                     rule_conditions: [{type: logsource, category: process_creation}]\n\
                     - type: drop_detection_item\n  field_name_conditions: [{type: include_fields, fields: [Hashes]}]\n";
    let wanted = [
        "log source  product windows, category process_creation",
        "all of",
        "all of",
        "any of",
        r#"p.a is equal "*\\a.exe""#,
        r#"p.b is equal "*\\a.exe""#,
        "not",
        r#"u is equal "bob""#,
        "not",
        "any of",
        r#"B is equal to the field "p.a""#,
        r#"B is equal to the field "p.b""#,
    ];
    // Parts stand in the order in which they are asked, the cheap ones first.
    let sorted = |mut lines: Vec<String>| {
        lines.sort();
        lines
    };
    assert_eq!(sorted(lines(of_fields)), sorted(wanted.map(str::to_owned).to_vec()));
    // What is added is mapped by later steps; conditions see the log source as it is by then.
    let in_order = "- {type: add_condition, conditions: {Z: [1, 2]}, negated: true}\n\
                    - {type: change_logsource, category: foo}\n\
                    - {type: field_name_prefix, prefix: win., rule_conditions: [{type: logsource, category: foo}, \
                       {type: logsource, product: windows}], rule_cond_op: or}\n\
                    - {type: field_name_suffix, suffix: .x, rule_conditions: [{type: logsource, product: windows}]}\n\
                    - {type: field_name_prefix_mapping, mapping: {win.: W., win.Us: y}}\n";
    let lines = lines(in_order);
    assert_eq!(lines[0], "log source  category foo");
    for line in [r#"W.Z is equal "1""#, r#"W.Z is equal "2""#] {
        assert!(lines.contains(&line.to_owned()), "{line}: {lines:?}");
    }
    assert!(lines.contains(&r#"W.User is equal "bob""#.to_owned()), "{lines:?}");
}

#[test]
fn what_a_pipeline_asks_that_is_not_supported_is_refused_with_its_line_and_a_way_out() {
    for (pipeline, why) in [
        (
            "- {type: set_state, key: a, val: b}\n",
            "p.yml:3:3: not supported: transformation \"set_state\"; supported are",
        ),
        (
            "- {type: field_name_prefix, prefix: a, detection_item_conditions: []}\n",
            "not supported: \"detection_item_conditions\"",
        ),
        ("- {type: drop_detection_item}\n", "name the fields"),
        (
            "- type: field_name_prefix\n  prefix: a\n  rule_conditions:\n  - {type: tag}\n",
            "p.yml:6:5: not supported: a rule condition",
        ),
        ("- {type: field_name_mapping}\n", "no mapping"),
        (
            "- type: field_name_prefix\n  prefix: a\n  rule_conditions: [{type: logsource, prodcut: windows}]\n",
            "p.yml:5:39: \"prodcut\" is none of type, product, category, service",
        ),
        (
            "- {type: field_name_prefix, prefix: a, rule_conditions: [{type: logsource}]}\n",
            "a log source has a product",
        ),
        (
            "- {type: field_name_prefix, prefix: a, rule_cond_not: \"true\"}\n",
            "p.yml:3:55: rule_cond_not is true, or false",
        ),
        ("- {type: field_name_prefix, prefix: a}\nvars: {a: b}\n", "--placeholder"),
    ] {
        let output = mapped(pipeline);
        assert!(output.status.code() == Some(2) && said(&output).contains(why), "{pipeline}: {}", said(&output));
    }
    let output = mapped(
        "- {type: rule_failure, message: no such log, rule_conditions: [{type: logsource, product: windows}]}\n",
    );
    assert!(said(&output).contains("a mapping refuses this rule: no such log"), "{}", said(&output));
    let output =
        mapped("- {type: drop_detection_item, field_name_conditions: [{type: include_fields, fields: [A]}]}\n");
    assert!(said(&output).contains("r.yml:6:8: not loaded: a mapping drops all fields"), "{}", said(&output));
}

#[test]
fn a_scan_finds_by_the_names_that_a_mapping_gives() {
    let temp = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        std::fs::write(temp.path().join(name), text).unwrap();
        temp.path().join(name).to_str().unwrap().to_owned()
    };
    let log = write("a.json", "{\"time\":\"2026-03-01T10:00:00Z\",\"prog\":\"C:\\\\a.exe\",\"who\":\"eve\"}\n");
    let rule = write(
        "r.yml",
        "title: t\nlogsource: {product: windows}\ndetection: {s: {Image|endswith: a.exe}, condition: s}\n",
    );
    let map = write(
        "p.yml",
        "transformations:\n- {type: field_name_mapping, mapping: {Image: prog}}\n- {type: change_logsource}\n",
    );
    let scan = ["scan", "--no-builtin", "--rules", &rule, &log];
    assert!(out(&exfiltrace(&scan)).is_empty());
    let output = exfiltrace(&[&scan[..], &["--mapping", &map]].concat());
    assert_eq!(out(&output).lines().count(), 1, "{}", said(&output));
}

/// All that a program says of its rules.
fn explained((program, problems): &(Program, Vec<Problem>)) -> Vec<String> {
    let rules = (0..program.rules().len() as u32).map(|rule| serde_json::to_string(&program.explain(rule)).unwrap());
    let correlations = program.correlations().list.iter().map(|c| format!("{c:?}"));
    let rest = format!("{problems:?} {:?} {:?} {:?}", program.remarks(), program.narrowings(), program.left_out());
    rules.chain(correlations).chain([rest]).collect()
}

/// Rules of all kinds: the embedded ones, some of SigmaHQ, and a correlation and a filter.
fn many() -> Vec<(String, String)> {
    let own = "title: c\nname: c\ncorrelation: {type: event_count, rules: r, group-by: [a], timespan: 1h, condition: {gte: 2}}\n---\n\
               title: r\nname: r\nstatus: test\nlogsource: {product: linux}\ndetection: {s: {a|re|i: 'x+', b|gt: 3, c|cidr: 10.0.0.0/8, \
               d|fieldref: e, f|hour: 7, g|exists: yes, h: null, i|cased: É?}, condition: s}\n---\n\
               title: f\nfilter: {rules: any, x: {host: backup01}, condition: not x}\n---\ntitle: bad\n";
    let own = ("own.yml".to_owned(), own.to_owned());
    Program::builtin().chain(sigma().into_iter().step_by(9)).chain([own]).collect()
}

#[test]
fn a_pack_gives_the_same_program_as_the_files_it_was_made_of() {
    let (_, problems, pack) = Program::packed(many(), &Setup::default(), true);
    assert!(!problems.is_empty() && pack == Program::packed(many(), &Setup::default(), true).2, "the same bytes");
    let packs = [("rules.pack".to_owned(), pack)];
    let selection = Selection::new(Some(Level::High), &["test".to_owned()], &[], &["windows/*".to_owned()]).unwrap();
    for setup in [Setup::default(), Setup { selection, ..Setup::default() }] {
        let files = Program::compile_as(many(), &setup);
        let packed = Program::compile_over(&packs, [], &setup).unwrap();
        let (files, packed) = (explained(&files), explained(&packed));
        assert!(files.len() > 20, "{}", files.len());
        for (file, pack) in files.iter().zip(&packed) {
            // A filter is told how many rules it narrowed when the pack was made, before a selection.
            assert!(file == pack || file.contains("Narrowing"), "{file}\n{pack}");
        }
        assert_eq!(files.len(), packed.len());
    }
    // With more rules, literals are chosen anew; an id is used once.
    let more = || {
        [("more.yml".to_owned(), "title: more\nlogsource: {}\ndetection: {s: [zz9plural], condition: s}\n".to_owned())]
    };
    let (program, _) = Program::compile_over(&packs, more(), &Setup::default()).unwrap();
    let literals = |program: &Program| program.sets().map(|atoms| atoms.literals.clone()).collect::<Vec<_>>();
    assert_eq!(
        literals(&program),
        literals(&Program::compile_as(many().into_iter().chain(more()), &Setup::default()).0)
    );
    let (_, problems) = Program::compile_over(&packs, Program::builtin(), &Setup::default()).unwrap();
    assert!(problems.iter().any(|problem| problem.what.contains("is used twice")));
}

#[test]
fn no_step_of_pipelines_is_left_out() {
    let steps =
        |count: usize| format!("transformations:\n{}", "- {type: field_name_prefix, prefix: a}\n".repeat(count));
    let read = |last| Mapping::read(&[("a".to_owned(), steps(9_999)), ("b".to_owned(), steps(last))]);
    assert!(read(1).is_ok());
    let problems = read(2).unwrap_err();
    assert!(problems[0].file == "b" && problems[0].what.starts_with("more than 10000"), "{problems:?}");
}

/// The fault of a pack whose contents are these, sealed as those of this program are.
fn fault_of(contents: &[u8]) -> String {
    let mut pack = Program::packed([], &Setup::default(), false).2[..12].to_vec();
    pack.extend((contents.len() as u64).to_le_bytes());
    pack.extend(blake3::hash(contents).as_bytes());
    pack.extend(contents);
    let read = Program::compile_over(&[("p".to_owned(), pack)], [], &Setup::default());
    read.err().map(|(_, fault)| fault.what).unwrap_or_default()
}

/// Each shared part names the one before it, so that a small pack holds conditions that are deep, or large.
#[test]
fn shared_parts_of_a_pack_are_bounded_as_if_they_were_written_out() {
    let number = |mut number: usize, out: &mut Vec<u8>| {
        while number >= 0x80 {
            out.push(number as u8 | 0x80);
            number >>= 7;
        }
        out.push(number as u8);
    };
    let chain = |count: usize, head: &[u8], times: usize| {
        let version = &Program::packed([], &Setup::default(), false).2[52..];
        // No embedded rules; one field; the parts, of which the first asks whether the field is null.
        let mut contents = [&version[..=usize::from(version[0])], &[0, 1, 1, b'f']].concat();
        number(count, &mut contents);
        contents.extend([4, 0, 5]);
        for before in 0..count - 1 {
            contents.extend(head);
            (0..times).for_each(|_| {
                contents.push(3);
                number(before, &mut contents);
            });
        }
        fault_of(&contents)
    };
    assert_eq!(chain(300_000, &[2], 1), "nested too deep");
    assert_eq!(chain(24, &[0, 2], 2), "a condition that grows too large");
    assert_eq!(chain(12, &[0, 2], 2), "ends here", "what is small is read");
}

#[test]
fn a_pack_with_a_regular_expression_that_is_none_is_refused() {
    let rule = "title: t\nlogsource: {product: linux}\ndetection:\n  s: {a|re: 'xy+[z]q'}\n  condition: s\n";
    let (_, _, pack) = Program::packed([("r".to_owned(), rule.to_owned())], &Setup::default(), false);
    let mut contents = pack[52..].to_vec();
    assert_eq!(fault_of(&contents), "");
    let at = contents.windows(7).position(|bytes| bytes == b"xy+[z]q").unwrap();
    contents[at + 5] = b'z';
    assert_eq!(fault_of(&contents), "a regular expression that is none");
}

/// Whatever stands in a pack, reading it ends in rules or in a fault.
#[test]
fn no_pack_makes_the_program_panic() {
    let rules = many().pop();
    let (_, _, pack) = Program::packed(rules, &Setup::default(), false);
    let read = |bytes: Vec<u8>| Program::compile_over(&[("p".to_owned(), bytes)], [], &Setup::default());
    let fault = |bytes: Vec<u8>| read(bytes).err().map(|(_, fault)| fault.what).unwrap_or_default();
    assert!(read(pack.clone()).is_ok());
    assert!(fault(pack[..pack.len() - 1].to_vec()).contains("cut short") && fault(Vec::new()).contains("cut short"));
    let (mut accepted, mut refused) = (0, 0);
    for at in 8..pack.len() {
        for change in [1, 0x80, 0xFF] {
            let mut bytes = pack.clone();
            bytes[at] ^= change;
            assert!(at > 52 || !fault(bytes.clone()).is_empty(), "byte {at} of the header");
            // As somebody would who wants it to be read.
            let digest = *blake3::hash(&bytes[52..]).as_bytes();
            bytes[20..52].copy_from_slice(&digest);
            match read(bytes) {
                Ok((program, _)) => {
                    accepted += 1;
                    (0..program.rules().len() as u32).for_each(|rule| drop(program.explain(rule)));
                }
                Err(_) => refused += 1,
            }
        }
    }
    assert!(accepted > 100 && refused > 100, "{accepted} accepted, {refused} refused");
}

#[test]
fn a_scan_with_a_pack_finds_what_one_with_the_files_finds() {
    let temp = tempfile::tempdir().unwrap();
    let rules = rules(&temp.path().join("rules"));
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    let (log, pack) = (path("access.log"), path("rules.pack"));
    std::fs::write(&log, "203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] \"GET /zz1 HTTP/1.1\" 200 5 \"-\" \"x\"\n")
        .unwrap();
    let output = exfiltrace(&["rules", "compile", &rules, "-o", &pack]);
    assert!(output.status.code() == Some(0) && out(&output).contains("1 were not loaded"), "{}", said(&output));
    let scan = |flags: &[&str]| {
        let output = exfiltrace(&[&["scan", "-q", &log], flags].concat());
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        out(&output)
    };
    let found = scan(&["--rules", &rules]);
    assert!(found.contains("rule 1") && found == scan(&["--rules", &pack]), "{found}");
    assert!(!scan(&["--rules", &pack, "--exclude", "r1"]).contains("rule 1"));
    let refused = |flags: &[&str], why: &str| {
        let output = exfiltrace(&[&["scan", &log, "--rules", &pack], flags].concat());
        assert!(output.status.code() == Some(2) && said(&output).contains(why), "{}", said(&output));
    };
    // The same for what scans keep, damaged or not, whatever is chosen of it.
    let cache = path("cache");
    let cached = |flags: &[&str]| {
        let output = exfiltrace(&[&["scan", "-q", &log, "--rules", &rules, "--cache", &cache], flags].concat());
        (out(&output), said(&output).contains("the rules are compiled instead"))
    };
    assert_eq!((cached(&["--exclude", "r1"]).0.contains("rule 1"), cached(&[])), (false, (found.clone(), false)));
    let kept: Vec<_> = std::fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    std::fs::write(&kept[0], b"\x89XRUL\r\n\n").unwrap();
    assert_eq!((cached(&[]), cached(&[])), ((found.clone(), true), (found, false)));
    refused(&["--placeholder", "a=b"], "give them to `exfiltrace rules compile`");
    let mut bytes = std::fs::read(&pack).unwrap();
    bytes[99] ^= 1;
    std::fs::write(&pack, bytes).unwrap();
    refused(&[], "the file is damaged; make the file again with `exfiltrace rules compile`");
}

#[test]
fn all_that_is_wrong_with_a_rule_is_told_at_once() {
    let temp = tempfile::tempdir().unwrap();
    let rule = temp.path().join("r.yml");
    let text = "title: one\nlogsource: {category: webserver}\ndetection:\n  s: {a|nosuch: x, b|bad: y}\n  t: {c|worse: z}\n  condition: s and t and u\n";
    std::fs::write(&rule, text).unwrap();
    let output = exfiltrace(&["rules", "check", "--no-builtin", rule.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    for words in ["\"nosuch\"", "\"bad\"", "\"worse\"", "names \"u\"", ":4:", "0 rules loaded, 1 not loaded"] {
        assert!(out(&output).contains(words), "{words}: {}", out(&output));
    }
}

#[test]
fn all_faults_of_a_rule_are_told_in_one_run() {
    let temp = tempfile::tempdir().unwrap();
    let rule = temp.path().join("rule.yml");
    let text = "title: Much is wrong\nid: 11111111-2222-4333-8444-555555555555\nlogsource: linux\nlevel: dire\ndetection:\n  \
                selection:\n    a|sounds: b\n    c|tastes: d\n  condition: selection and other\n\
                exfiltrace:\n  route: by_pigeon\n";
    std::fs::write(&rule, text).unwrap();
    let output = exfiltrace(&["rules", "check", "--no-builtin", rule.to_str().unwrap()]);
    let said = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
    for part in ["logsource is not a map", "level is none of", "sounds", "tastes", "other", "by_pigeon"] {
        assert!(said.contains(part), "{part} is not told: {said}");
    }
}

const SOUND: &str = "title: Sound\nid: 11111111-2222-4333-8444-555555555555\nlogsource: {category: webserver}\ndetection:\n  \
                     selection: {c-uri|contains: /nothing}\n  condition: selection\n";

/// A folder with a rule that is sound and files of these names and bytes.
fn beside_a_sound_rule(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().join("rules");
    std::fs::create_dir(&folder).unwrap();
    for (name, bytes) in files.iter().chain(&[("sound.yml", SOUND.as_bytes())]) {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
    std::fs::write(temp.path().join("a.log"), "a line\n").unwrap();
    temp
}

#[test]
fn a_file_that_is_no_utf_8_is_one_rule_that_is_not_loaded() {
    let wide: Vec<u8> = "\u{feff}title: x\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let temp = beside_a_sound_rule(&[("latin.yml", b"title: caf\n# r\xe9sum\xe9\n"), ("wide.yml", &wide)]);
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    let (rules, log, case) = (path("rules"), path("a.log"), path("case"));
    let checked = exfiltrace(&["rules", "check", "--no-builtin", &rules]);
    let text = out(&checked);
    assert_eq!(checked.status.code(), Some(2));
    for words in ["latin.yml:2:4: not UTF-8 text (byte 0xE9)", "-f WINDOWS-1252", "wide.yml:1:1: ", "-f UTF-16"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(text.contains("1 rule loaded, 2 not loaded"), "{text}");
    let scanned = exfiltrace(&["scan", &log, "--no-builtin", "--rules", &rules, "--out", &case]);
    assert_eq!(scanned.status.code(), Some(0), "{}", said(&scanned));
    assert!(
        said(&scanned).contains("rule not loaded: ") && said(&scanned).contains("latin.yml:2:4"),
        "{}",
        said(&scanned)
    );
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(temp.path().join("case/manifest.json")).unwrap()).unwrap();
    let rejected = manifest["rules"]["rejected"].as_array().unwrap();
    assert!(rejected.len() == 2 && rejected[0]["line"] == 2 && manifest["rules"]["loaded"] == 1, "{rejected:?}");
    // By itself it gives no rule, which ends a scan before it starts.
    let alone = exfiltrace(&["scan", &log, "--rules", &path("rules/latin.yml")]);
    assert_eq!(alone.status.code(), Some(2));
    assert!(said(&alone).contains("latin.yml:2:4: not UTF-8 text"), "{}", said(&alone));
}

#[test]
fn a_document_that_is_no_yaml_hides_no_other_of_its_file() {
    let other = SOUND.replace("11111111", "21111111");
    let third = SOUND.replace("11111111", "31111111");
    let text = format!("{other}---\ntitle: \"broken\ndetection:\n  a: [b\n---\n{third}");
    let temp = beside_a_sound_rule(&[("three.yml", text.as_bytes())]);
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    let checked = exfiltrace(&["rules", "check", "--no-builtin", &path("rules")]);
    let text = out(&checked);
    assert!(text.contains("3 rules loaded, 1 not loaded"), "{text}");
    let line: u32 = text.split("three.yml:").nth(1).unwrap().split(':').next().unwrap().parse().unwrap();
    assert!((8..=11).contains(&line) && text.contains("not YAML"), "{text}");
    let scanned = exfiltrace(&["scan", &path("a.log"), "--rules", &path("rules/three.yml"), "--out", &path("case")]);
    assert_eq!(scanned.status.code(), Some(0), "{}", said(&scanned));
    // Where documents share keys, those behind a fault may lack some.
    let shared = format!("action: global\nlevel: high\n---\n{other}---\ntitle: \"broken\n---\n{third}");
    let temp = beside_a_sound_rule(&[("shared.yml", shared.as_bytes())]);
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    let text = out(&exfiltrace(&["rules", "check", "--no-builtin", &path("rules")]));
    assert!(text.contains("2 rules loaded, 1 not loaded") && text.contains("nothing behind it is read"), "{text}");
    let scanned = exfiltrace(&["scan", &path("a.log"), "--rules", &path("rules/shared.yml"), "--out", &path("case")]);
    assert!(scanned.status.code() == Some(2) && said(&scanned).contains("to its end"), "{}", said(&scanned));
}

#[test]
fn a_selection_that_no_condition_uses_is_remarked() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("r.yml");
    let check = |detection: &str| {
        let head = SOUND.split("detection:").next().unwrap();
        std::fs::write(&path, format!("{head}detection:\n{detection}")).unwrap();
        let checked = exfiltrace(&["rules", "check", "--no-builtin", path.to_str().unwrap()]);
        assert_eq!(checked.status.code(), Some(0), "a remark is no fault: {}", out(&checked));
        out(&checked)
    };
    let idle = "  used: {a: b}\n  filter_main: {c: d}\n  lonely: {e: f}\n  condition: used and not 1 of filter_*\n";
    let text = check(idle);
    assert!(text.contains("r.yml:7:3: loaded, but no condition uses \"lonely\""), "{text}");
    assert_eq!(text.matches("no condition uses").count(), 1, "{text}");
    for used in ["1 of them", "all of *", "used or (filter_main and lonely)"] {
        let text = check(&idle.replace("used and not 1 of filter_*", used));
        assert!(!text.contains("no condition uses"), "{used}: {text}");
    }
    let several = idle.replace("condition: used and not 1 of filter_*", "condition: [used, filter_main, lonely]");
    assert!(!check(&several).contains("no condition uses"));
}

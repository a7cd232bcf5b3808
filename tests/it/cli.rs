//! The command line: exit codes, errors before any byte is read, help, pipes.

use crate::support::{exfiltrace, project};

#[test]
fn help_states_limits_and_examples() {
    let output = exfiltrace(&["scan", "--help"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for word in [
        "Examples:",
        "[default: 8]",
        "0 spills all",
        "at least 1",
        "0 opens none",
        "powers of 1024",
        "--archive-password",
        "--max-buffered-member",
        "--timezone",
        "[default: 256M]",
    ] {
        assert!(text.contains(word), "{word} is not in the help");
    }
    assert!(!text.contains("x-cell"), "test flags are hidden");
}

#[test]
fn malformed_values_fail_before_anything_is_read() {
    for (args, word) in [
        (vec!["scan", "--from", "yesterday", "/nowhere"], "--from yesterday"),
        (vec!["scan", "--timezone", "Mars/Base", "."], "Mars/Base"),
        (vec!["scan", "--timezone", "*.log=Mars/Base", "."], "--timezone *.log=Mars/Base"),
        (vec!["scan", "--timezone", "a[=UTC", "."], "a[ is not a glob"),
        (vec!["scan", "--timezone", "UTC", "--timezone", "+01:00", "."], "UTC is the zone of all logs"),
        (vec!["scan", "--max-memory", "lots", "."], "'lots' for '--max-memory <SIZE>': expected a size"),
        (vec!["scan", "--logsource", "planet=x", "."], "planet"),
        (vec!["scan", "--placeholder", "admins", "."], "--placeholder admins: expected NAME=VALUE"),
        (vec!["rules", "check", "--placeholder", "a b=x"], "--placeholder a b=x: expected NAME=VALUE"),
        (vec!["scan", "/nowhere/at/all"], "no such file"),
        (vec!["scan", "--scopes", "/nowhere.toml", "."], "/nowhere.toml"),
    ] {
        let output = exfiltrace(&args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(word), "{args:?}: {said}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn an_unreadable_member_is_exit_code_one_and_a_clean_scan_zero() {
    let temp = tempfile::tempdir().unwrap();
    let log = temp.path().join("a.log");
    std::fs::write(&log, "one line\n").unwrap();
    assert_eq!(exfiltrace(&["scan", "--quiet", log.to_str().unwrap()]).status.code(), Some(0));
    std::fs::write(temp.path().join("b.pcap"), [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
    let output = exfiltrace(&["scan", "--quiet", temp.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn numbers_are_meant_or_refused_with_flag_value_and_what_is_expected() {
    let temp = tempfile::tempdir().unwrap();
    let log = temp.path().join("a.log");
    std::fs::write(&log, "one line\n").unwrap();
    let log = log.to_str().unwrap();
    let size = "expected a size in bytes, or with a unit as in 512K, 1.5G or 2T";
    for (flag, value, expected) in [
        ("--max-depth", "65", "a whole number from 0 to 64"),
        ("--max-depth", "-1", "a whole number from 0 to 64"),
        ("--max-ratio", "0", "a whole number of at least 1"),
        ("--max-members", "0", "a whole number of at least 1"),
        ("--max-evidence", "0", "a whole number of at least 1"),
        ("--max-evidence", "1K", "a whole number of at least 1"),
        ("--max-ratio", "18446744073709551616", "a whole number of at least 1"),
        ("--threads", "0", "a whole number from 1 to 1024"),
        ("--threads", "1025", "a whole number from 1 to 1024"),
        ("--threads", "11", "each needs 192M, and --max-memory 2G holds 10; give --max-memory 2112M or fewer"),
        ("--max-member", "0", "a size of at least 1 byte"),
        ("--max-member", "-5", size),
        ("--max-memory", "", size),
        ("--max-memory", "5XB", size),
        ("--max-memory", "0", "one thread needs 192M"),
        ("--max-memory", "191M", "one thread needs 192M"),
        ("--max-buffered-member", "99999999T", "too large"),
    ] {
        let output = exfiltrace(&["scan", log, flag, value]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{flag} {value}: {said}");
        assert!(said.contains(flag) && said.contains(value) && said.contains(expected), "{flag} {value}: {said}");
        assert!(output.stdout.is_empty());
    }
    for (flag, value) in [
        ("--max-depth", "0"),
        ("--max-ratio", "1"),
        ("--max-members", "1"),
        ("--max-evidence", "1"),
        ("--threads", "10"),
        ("--max-member", "5KB"),
        ("--max-memory", "1.5G"),
        ("--max-buffered-member", "0"),
    ] {
        let output = exfiltrace(&["scan", log, flag, value, "-q"]);
        assert_eq!(output.status.code(), Some(0), "{flag} {value}: {}", said(&output));
    }
}

#[test]
fn at_depth_0_no_container_is_opened_and_the_ledger_says_so() {
    use std::io::Write;
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    let mut gzip =
        flate2::write::GzEncoder::new(std::fs::File::create(path("a.log.gz")).unwrap(), flate2::Compression::fast());
    gzip.write_all(b"one line\n").unwrap();
    gzip.finish().unwrap();
    let scan =
        |depth: &str| exfiltrace(&["scan", "-q", &path("a.log.gz"), "--max-depth", depth, "--out", &path("case")]);
    assert_eq!(scan("0").status.code(), Some(1));
    assert!(std::fs::read_to_string(path("case/ledger.jsonl")).unwrap().contains("depth_limit"));
    assert_eq!(scan("1").status.code(), Some(0));
}

#[test]
fn every_command_has_its_page() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("new/man1");
    let output = exfiltrace(&["man", "--dir", dir.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let mut pages: Vec<String> =
        std::fs::read_dir(&dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    pages.sort();
    for page in ["exfiltrace.1", "exfiltrace-scan.1", "exfiltrace-rules-check.1", "exfiltrace-scopes-example.1"] {
        assert!(pages.iter().any(|p| p == page), "{page} is not in {pages:?}");
    }
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), pages.len());
    for page in &pages {
        let text = std::fs::read_to_string(dir.join(page)).unwrap();
        let name = page.strip_suffix(".1").unwrap();
        let words: Vec<&str> = name.split('-').skip(1).collect();
        let printed = exfiltrace(&[&["man"], &words[..]].concat());
        assert_eq!(String::from_utf8(printed.stdout).unwrap(), text, "{page}");
        assert!(text.contains(&format!(".TH {name} 1")), "{page}: {}", text.lines().nth(2).unwrap());
        for other in text.split("exfiltrace\\-").skip(1).filter_map(|rest| rest.split_once("(1)")) {
            let other = format!("exfiltrace-{}.1", other.0.replace('\\', ""));
            assert!(!other.contains('\n') && pages.contains(&other), "{page} refers to {other}");
        }
    }
    let scan = std::fs::read_to_string(dir.join("exfiltrace-scan.1")).unwrap().replace('\\', "");
    assert!(scan.contains("--timezone") && scan.contains("exfiltrace scan"), "{scan}");
}

#[test]
fn a_page_that_is_not_there_is_told_with_those_that_are() {
    for (args, word) in [
        (vec!["man", "scann"], "scan, survey, add, merge"),
        (vec!["man", "rules", "chek"], "list, check"),
        (vec!["man", "scan", "x"], "no commands below"),
        (vec!["man", "scan", "--dir", "x"], "--dir"),
        (vec!["man", "--dir", "/dev/null/x"], "/dev/null/x"),
    ] {
        let output = exfiltrace(&args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(said(&output).contains(word), "{args:?}: {}", said(&output));
    }
}

#[test]
fn completions_are_printed_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = exfiltrace(&["completions", shell]);
        assert!(output.status.success());
        let script = String::from_utf8(output.stdout).unwrap();
        for word in ["exfiltrace", "scan", "max-buffered-member", "survey", "completions"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let refused = exfiltrace(&["completions", "tcsh"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("powershell"), "{}", said(&refused));
}

#[test]
fn two_roots_of_one_name_need_names() {
    let temp = tempfile::tempdir().unwrap();
    for folder in ["x", "y"] {
        std::fs::create_dir_all(temp.path().join(folder).join("logs")).unwrap();
        std::fs::write(temp.path().join(folder).join("logs/a.log"), "text\n").unwrap();
    }
    let (x, y) = (temp.path().join("x/logs"), temp.path().join("y/logs"));
    let (x, y) = (x.to_str().unwrap(), y.to_str().unwrap());
    let refused = exfiltrace(&["scan", x, y]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--root"));
    let named = format!("second={y}");
    assert_eq!(exfiltrace(&["scan", "--quiet", x, y, "--root", &named]).status.code(), Some(0));
}

#[test]
fn the_verdict_is_the_exit_code_when_asked() {
    let scopes = project("fixtures/incident/scopes.toml");
    let evidence = project("fixtures/incident/evidence");
    let output = exfiltrace(&[
        "scan",
        "--quiet",
        "--exit-verdict",
        "--scopes",
        scopes.to_str().unwrap(),
        evidence.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(13));
}

fn said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn what_cannot_be_meant_is_refused_with_what_can() {
    let temp = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = temp.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let log = write("a.log", "text\n");
    let scopes = |name: &str, text: &str| vec!["--scopes".to_owned(), write(name, text)];
    let unknown = scopes("unknown.toml", "timezone = 'UTC'\n[[scope]]\nname = 'a'\ncidrs = ['192.0.2.0/24']\n");
    let json = scopes("unknown.json", "{\"timezone\": \"UTC\",\n\"scopes\": []}");
    let expect = scopes("expect.toml", "[[expect]]\nsource = 'proxi'\n");
    let wildcard = scopes("wild.toml", "[[sanctioned]]\nwhy = 'w'\ndestination = ['*.s3*.amazonaws.com']\n");
    let strings = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    for (flags, words) in [
        (strings(&["--timezone", "+25:00"]), vec!["+25:00", "+14:00"]),
        (strings(&["--timezone", "+-1"]), vec!["+-1"]),
        (strings(&["--timezone", "+01:75"]), vec!["+01:75"]),
        (strings(&["--from", "2026-03-02", "--to", "2026-03-01"]), vec!["--from", "--to", "later"]),
        (strings(&["--root", "name=elsewhere"]), vec!["--root name=elsewhere"]),
        (unknown, vec!["unknown.toml:4:1:", "cidrs"]),
        (json, vec!["unknown.json:2:", "scopes"]),
        (expect, vec!["proxi", "proxy", "firewall", "access"]),
        (wildcard, vec!["*.s3*.amazonaws.com", "*.example.net"]),
    ] {
        let mut args = vec!["scan", &log];
        args.extend(flags.iter().map(String::as_str));
        let output = exfiltrace(&args);
        assert_eq!(output.status.code(), Some(2), "{flags:?}: {}", said(&output));
        assert!(words.iter().all(|word| said(&output).contains(word)), "{flags:?}: {}", said(&output));
        assert!(output.stdout.is_empty());
    }
    let same_day = ["scan", "-q", &log, "--from", "2026-03-01", "--to", "2026-03-01", "--timezone", "+14:00"];
    assert_eq!(exfiltrace(&same_day).status.code(), Some(0));
    let expected = scopes("ok.toml", "[[expect]]\nsource = 'Proxy'\n[[expect]]\nsource = 'squid'\n");
    assert_eq!(exfiltrace(&["scan", "-q", &log, &expected[0], &expected[1]]).status.code(), Some(0));
}

/// Networks that are inside anyway change nothing, and make no scope of their own.
#[test]
fn own_networks_on_the_command_line_tear_no_scope() {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("s.toml"), "[[scope]]\nname = 'own'\ncidr = ['10.1.0.0/16']\n").unwrap();
    std::fs::write(path("a.log"), "text\n").unwrap();
    let scopes = |own: &[&str]| {
        let scan = ["scan", "-q", &path("a.log"), "--scopes", &path("s.toml"), "--out", &path("case")];
        assert_eq!(exfiltrace(&[&scan[..], own].concat()).status.code(), Some(0));
        let verdict: serde_json::Value =
            serde_json::from_slice(&std::fs::read(path("case/verdict.json")).unwrap()).unwrap();
        verdict["scopes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| s["scope"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(scopes(&["--own", "10.0.0.0/8"]), scopes(&[]));
    let refused = exfiltrace(&["scan", &path("a.log"), "--own", "10.0.0.0/40"]);
    assert!(said(&refused).contains("--own 10.0.0.0/40"), "{}", said(&refused));
}

const RULE: &str = "title: T\nid: 11111111-1111-4111-8111-111111111111\nlogsource:\n  category: webserver\n\
    detection:\n  sel:\n    c-uri|contains: '/zz'\n  condition: sel\n";

#[test]
fn rules_of_which_none_can_be_used_stop_the_scan() {
    let temp = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = temp.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let log = write("a.log", "text\n");
    let unsupported = RULE.replace("contains", "no-such-modifier").replace("1111-111111111111", "1111-222222222222");
    let torn = write("torn.yml", "title: [\n");
    let none = write("none.yml", &unsupported);
    for file in [&torn, &none] {
        let output = exfiltrace(&["scan", "-q", &log, "--rules", file]);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        let name = std::path::Path::new(file).file_name().unwrap().to_str().unwrap();
        assert!(
            said(&output).contains(&format!("{name}:")) && said(&output).contains("rules check"),
            "{}",
            said(&output)
        );
    }
    write("some/good.yml", RULE);
    write("some/bad.yml", &unsupported);
    let some = temp.path().join("some").to_str().unwrap().to_owned();
    let half = write("half.yml", &format!("{RULE}---\ntitle: [\n"));
    for usable in [some, half] {
        let output = exfiltrace(&["scan", "-q", &log, "--rules", &usable]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        assert_eq!(said(&output).lines().count(), 1, "{}", said(&output));
        assert!(said(&output).contains("1 rules not loaded"), "{}", said(&output));
    }
}

/// A filter that narrows all rules to what it describes takes every finding away; nobody may miss that.
#[test]
fn a_filter_that_switches_rules_off_is_told_on_standard_error_in_the_summary_and_in_the_manifest() {
    let temp = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = temp.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let log =
        write("access.log", "203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] \"GET /zz HTTP/1.1\" 200 5 \"-\" \"x\"\n");
    let filter = |name: &str, rules: &str| {
        let text = format!("title: {name}\nfilter: {{rules: {rules}, x: {{host: backup01}}, condition: x}}\n");
        write(&format!("{name}.yml"), &text)
    };
    let (rule, any, idle) = (write("rule.yml", RULE), filter("any", "any"), filter("idle", "[nobody]"));
    let case = temp.path().join("case");
    let scan = ["scan", "--no-builtin", "--rules", &rule, "--rules"];
    let output = exfiltrace(&[&scan[..], &[&any, "--out", case.to_str().unwrap(), &log]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let summary = String::from_utf8_lossy(&output.stdout).replace("\n    ", " ");
    let report = std::fs::read_to_string(case.join("report.html")).unwrap();
    for text in [said(&output), summary, report] {
        assert!(text.contains("any.yml:1:1: any: narrows 1 rule to what it describes"), "{text}");
    }
    assert!(said(&output).contains("rule loaded, but: ") && said(&output).contains("no \"not\""), "{}", said(&output));
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(case.join("manifest.json")).unwrap()).unwrap();
    let told = &manifest["rules"]["filters"][0];
    assert!(told["rules"] == 1 && told["excludes"] == false && told["title"] == "any", "{told}");
    let quiet = exfiltrace(&["scan", "-q", "--no-builtin", "--rules", &rule, "--rules", &any, &log]);
    assert!(said(&quiet).contains("1 filters over rules"), "{}", said(&quiet));
    // A folder in which one filter is for no rule; alone, it is a path that gives nothing.
    let output = exfiltrace(&["scan", "--no-builtin", "--rules", temp.path().to_str().unwrap(), &log]);
    assert!(said(&output).contains("idle: is for no rule that is loaded"), "{}", said(&output));
    let output = exfiltrace(&[&scan[..], &[&idle, &log]].concat());
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("no rule in it can be used"), "{}", said(&output));
}

#[test]
fn placeholders_get_their_values_from_the_command_line() {
    let temp = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = temp.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let rule = write("rule.yml", &RULE.replace("contains: '/zz'", "expand: '%paths%'"));
    let checked = |more: &[&str]| {
        let output = exfiltrace(&[&["rules", "check", "--no-builtin", &rule], more].concat());
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, text) = checked(&[]);
    assert!(code == Some(2) && text.contains("rule.yml:7:") && text.contains("%paths% has no value"), "{text}");
    assert_eq!(checked(&["--placeholder", "paths=/a"]).0, Some(0));
    let line = |path: &str| {
        format!("203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] \"GET {path} HTTP/1.1\" 200 5 \"-\" \"x\"\n")
    };
    let log = write("access.log", &["/a", "/b,c", "/d", "/b"].map(line).concat());
    let given = ["--placeholder", "paths=/a,/b\\,c", "--placeholder", "paths=/d"];
    let output = exfiltrace(&[&["scan", "-q", "--no-builtin", "--rules", &rule, &log], &given[..]].concat());
    let lines =
        String::from_utf8_lossy(&output.stdout).lines().filter(|line| line.contains("\"kind\":\"rule\"")).count();
    assert_eq!(lines, 3, "{}", said(&output));
}

#[test]
fn what_is_odd_about_rules_is_told_and_correlations_are_held() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("rules.yml");
    let correlation =
        "---\ntitle: C\ncorrelation: {type: event_count, rules: the_rule, timespan: 1m, condition: {gte: 2}}\n";
    std::fs::write(&path, format!("{}name: the_rule\ndate: soon\n{correlation}", RULE)).unwrap();
    let (path, log) = (path.to_str().unwrap(), temp.path().join("a.log"));
    std::fs::write(&log, "text\n").unwrap();
    let output = exfiltrace(&["rules", "check", "--no-builtin", path]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.code() == Some(0) && text.contains("rules.yml:10:7: loaded, but date is no date"), "{text}");
    let output = exfiltrace(&["scan", "--no-builtin", "--rules", path, log.to_str().unwrap()]);
    assert!(output.status.success() && !said(&output).contains("not loaded"), "{}", said(&output));
}

#[test]
fn a_rule_that_is_embedded_already_names_both_files_and_the_way_out() {
    let rules = project("rules");
    let output = exfiltrace(&["rules", "check", rules.to_str().unwrap()]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(2));
    for line in text.lines().filter(|line| line.starts_with("rules/")) {
        let words = ["the embedded pack has this rule already, as builtin:", "to use rules/", "with --no-builtin"];
        assert!(words.iter().all(|word| line.contains(word)) && !line.contains("twice"), "{line}");
    }
    assert!(text.lines().count() > 10, "{text}");
    assert_eq!(exfiltrace(&["rules", "check", "--no-builtin", rules.to_str().unwrap()]).status.code(), Some(0));
}

#[test]
fn a_feed_that_gives_nothing_is_told() {
    let temp = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = temp.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let log = write("a.log", "text\n");
    for (name, text) in [("empty.txt", ""), ("comments.txt", "# nothing\n"), ("private.txt", "10.0.0.1\n")] {
        let feed = write(name, text);
        let output = exfiltrace(&["scan", "-q", &log, "--indicators", &feed]);
        assert_eq!(output.status.code(), Some(0));
        assert!(said(&output).contains(name) && said(&output).contains("no indicator"), "{name}: {}", said(&output));
        let checked = exfiltrace(&["indicators", "check", &feed]);
        assert_eq!(checked.status.code(), Some(1), "{name}");
        assert!(said(&checked).contains(name));
    }
    let feed = write("good.txt", "203.0.113.4\n10.0.0.1\n");
    assert!(!said(&exfiltrace(&["scan", "-q", &log, "--indicators", &feed])).contains("warning"));
    assert_eq!(exfiltrace(&["indicators", "check", &feed]).status.code(), Some(0));
}

/// How much of each feed was refused, its first lines with place and reason, and where the others are listed.
#[test]
fn refused_lines_are_counted_by_feed_and_the_first_are_shown() {
    let temp = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = temp.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (log, few) = (write("a.log", "text\n"), write("few.txt", "203.0.113.4\n10.0.0.1\n"));
    let private: String = (1..=40).map(|last| format!("10.0.0.{last}\n")).collect();
    let many = write("many.txt", &format!("bad.example\n{private}"));
    let output = exfiltrace(&["scan", &log, "--indicators", &few, "--indicators", &many]);
    let text = said(&output);
    for line in [
        "warning: few.txt: 1 of 2 indicators refused",
        "  refused: few.txt:2: \"10.0.0.1\": private, ",
        "warning: many.txt: 40 of 41 indicators refused",
        "  refused: many.txt:6: \"10.0.0.5\": private, ",
        "… and 35 more indicators refused (`exfiltrace indicators check` lists them all)",
    ] {
        assert!(text.lines().any(|told| told.starts_with(line)), "{line}: {text}");
    }
    assert_eq!(text.matches("refused: ").count(), 6, "{text}");
    let all = said(&exfiltrace(&["scan", "-v", &log, "--indicators", &few, "--indicators", &many]));
    assert_eq!(all.matches("refused: ").count(), 41, "{all}");
}

#[test]
fn lesser_findings_are_left_out_of_what_is_printed_and_kept_in_the_case() {
    let temp = tempfile::tempdir().unwrap();
    let case = temp.path().join("case");
    let case = case.to_str().unwrap();
    let evidence = project("fixtures/incident/evidence/web");
    let evidence = evidence.to_str().unwrap();
    let levels = |args: &[&str]| -> Vec<String> {
        let output = exfiltrace(args);
        let lines = String::from_utf8(output.stdout).unwrap();
        lines
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["level"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = levels(&["scan", "-q", evidence]);
    let high = levels(&["scan", "-q", evidence, "--min-level", "high"]);
    assert!(!high.is_empty() && high.len() < all.len());
    assert!(high.iter().all(|level| level == "high" || level == "critical"));
    exfiltrace(&["scan", "-q", evidence, "--min-level", "high", "--out", case]);
    let kept = std::fs::read_to_string(format!("{case}/findings.jsonl")).unwrap();
    assert_eq!(kept.lines().count(), all.len());
    let rows = |args: &[&str]| exfiltrace(args).stdout.iter().filter(|b| **b == b'\n').count();
    assert_eq!(rows(&["export", case, "--to", "csv", "--min-level", "high"]), high.len() + 1);
    assert_eq!(rows(&["export", case, "--to", "csv"]), all.len() + 1);
}

#[test]
fn a_period_is_said_in_the_first_lines_and_in_the_verdict() {
    let temp = tempfile::tempdir().unwrap();
    let case = temp.path().join("case");
    let evidence = project("fixtures/incident/evidence/web");
    let scan = |from: &[&str]| {
        let mut args = vec!["scan", evidence.to_str().unwrap(), "--out", case.to_str().unwrap()];
        args.extend(from);
        let printed = String::from_utf8(exfiltrace(&args).stdout).unwrap();
        let verdict = std::fs::read(case.join("verdict.json")).unwrap();
        let page = std::fs::read_to_string(case.join("report.html")).unwrap();
        (printed, serde_json::from_slice::<serde_json::Value>(&verdict).unwrap(), page)
    };
    let said = "ONLY the period from 2026-03-31T12:00:00Z to the last record was judged";
    let (printed, verdict, page) = scan(&["--from", "2026-03-31T12:00:00Z", "--timezone", "-01:00"]);
    let head: String = printed.lines().take(6).collect::<Vec<_>>().join(" ");
    assert!(head.contains(said) && page.contains(said), "{head}");
    assert_eq!(verdict["period"]["from"], "2026-03-31T12:00:00Z");
    assert!(verdict["period"]["left_out"].as_u64().unwrap() > 1000);
    let (printed, verdict, page) = scan(&[]);
    assert!(!printed.contains("ONLY the period") && !page.contains("ONLY the period"));
    assert!(verdict.get("period").is_none());
}

#[test]
fn evidence_with_nothing_in_it_is_a_warning() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().to_str().unwrap();
    assert!(said(&exfiltrace(&["scan", "-q", folder])).contains("nothing was read"));
    std::fs::write(temp.path().join("a.log"), "a line\n").unwrap();
    assert_eq!(said(&exfiltrace(&["scan", "-q", folder])), "");
}

#[test]
fn what_is_not_there_or_is_no_case_is_told_with_its_path_and_the_way() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().to_str().unwrap();
    for (args, words) in [
        (vec!["verify", folder], [folder, "is not a case folder", "scan EVIDENCE --out CASE"]),
        (vec!["report", folder], [folder, "is not a case folder", "scan EVIDENCE --out CASE"]),
        (vec!["export", folder, "--to", "csv"], [folder, "is not a case folder", "scan EVIDENCE --out CASE"]),
        (vec!["verify", "/nowhere/case"], ["/nowhere/case", "no such folder", ""]),
        (vec!["rules", "check", "/nowhere/rules"], ["/nowhere/rules", "no such file or folder", ""]),
        (vec!["indicators", "check", "/nowhere/feed"], ["/nowhere/feed", "no such file or folder", ""]),
        (vec!["scopes", "check", "/nowhere/scopes"], ["/nowhere/scopes", "cannot read", ""]),
    ] {
        let output = exfiltrace(&args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(words.iter().all(|word| said(&output).contains(word)), "{args:?}: {}", said(&output));
    }
}

#[test]
fn every_clause_that_a_verdict_may_cite_is_printed() {
    let printed = String::from_utf8(exfiltrace(&["clauses"]).stdout).unwrap();
    for clause in exfiltrace::judge::CLAUSES {
        assert!(printed.contains(&format!("{}  {}\n", clause.id, clause.text)), "{}", clause.id);
    }
    assert_eq!(printed.lines().count(), exfiltrace::judge::CLAUSES.len());
}

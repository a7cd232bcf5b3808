//! `--only-scope`: a case to hand on shows nothing of the other scopes.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::support::{exfiltrace, project};

/// Every file of a case, the manifest included, in lower case.
fn files(case: &Path) -> BTreeMap<String, String> {
    let mut files = crate::determinism::case_files(case);
    files.insert("manifest.json".to_owned(), std::fs::read(case.join("manifest.json")).unwrap());
    files.into_iter().map(|(name, bytes)| (name, String::from_utf8(bytes).unwrap().to_ascii_lowercase())).collect()
}

fn lines(case: &Path, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(case.join(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn told(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).to_ascii_lowercase()).concat()
}

/// What names each scope of the fixture.
const NAMES: [(&str, &[&str]); 3] = [
    ("riverside", &["riverside", "rv-", "10.1.", "192.0.2.10"]),
    ("hillcrest", &["hillcrest", "hc-", "10.2.", "192.0.2.20"]),
    ("marsh", &["marsh", "mr-", "10.3.", "192.0.2.30"]),
];

/// Whether a text holds a name where a word may begin: `10.2.` is not in `110.2.` nor in `1.10.2.`.
fn holds(text: &str, name: &str) -> bool {
    let is_edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '.');
    text.match_indices(name).any(|(at, _)| is_edge(text[..at].chars().next_back()))
}

#[test]
fn a_case_of_one_scope_leaks_no_name_host_address_or_account_of_the_others() {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    let fixture = |name: &str| project("fixtures/incident").join(name).to_str().unwrap().to_owned();
    let (evidence, scopes, feed, case) =
        (fixture("evidence"), fixture("scopes.toml"), fixture("indicators.txt"), path("case"));
    exfiltrace(&["scan", "-q", &evidence, "--scopes", &scopes, "--indicators", &feed, "--out", &case]);
    assert!(files(Path::new(&case))["findings.jsonl"].contains("hc-fs01"), "the whole case does tell of all");
    for (scope, _) in NAMES {
        let out = path(scope);
        let output = exfiltrace(&["merge", &case, "--only-scope", scope, "--out", &out]);
        assert!(output.status.code().is_some_and(|code| code < 2), "{}", told(&output));
        let mut written = files(Path::new(&out));
        written.insert("standard output".to_owned(), told(&output));
        written.insert("explain".to_owned(), told(&exfiltrace(&["explain", &out, "--all"])));
        written.insert("export".to_owned(), told(&exfiltrace(&["export", &out, "--to", "ecs"])));
        for (file, text) in &written {
            for name in NAMES.iter().filter(|(other, _)| *other != scope).flat_map(|(_, names)| *names) {
                let at =
                    text.match_indices(name).map(|(at, _)| at).find(|at| holds(&text[at.saturating_sub(1)..], name));
                let around = at.map(|at| text[at.saturating_sub(60)..].chars().take(140).collect::<String>());
                assert!(!holds(text, name), "{scope}: {file} tells of {name}: {around:?}");
            }
        }
        let own = |case: &str| lines(Path::new(case), "findings.jsonl").iter().filter(|f| f["scope"] == scope).count();
        assert_eq!(own(&out), own(&case), "{scope} keeps its own findings");
        let verdict = |case: &str| -> Value {
            serde_json::from_slice(&std::fs::read(Path::new(case).join("verdict.json")).unwrap()).unwrap()
        };
        let (whole, one) = (verdict(&case), verdict(&out));
        let of_whole = whole["scopes"].as_array().unwrap().iter().find(|s| s["scope"] == scope).unwrap();
        assert_eq!((one["scopes"].as_array().unwrap().len(), &one["overall"]["state"]), (1, &of_whole["state"]));
        let refused = exfiltrace(&["add", &out, &evidence]);
        assert!(refused.status.code() == Some(2) && told(&refused).contains("to be handed on"), "{}", told(&refused));
    }
    // The cut case does not say where the evidence lies: that is a question and no fault of the case.
    let unplaced = exfiltrace(&["verify", &path("riverside")]);
    let said = told(&unplaced);
    assert_eq!(unplaced.status.code(), Some(2), "{said}");
    assert!(
        said.contains("not checked") && said.contains("--root evidence=path") && !said.contains("not hold"),
        "{said}"
    );
    assert!(said.lines().count() == 2, "{said}");
    let root = format!("evidence={evidence}");
    let verified = exfiltrace(&["verify", &path("riverside"), "--root", &root]);
    assert_eq!(verified.status.code(), Some(0), "{}", told(&verified));
    let unknown = exfiltrace(&["merge", &case, "--only-scope", "riversid", "--out", &path("none")]);
    assert!(unknown.status.code() == Some(2) && told(&unknown).contains("no scope of this name"), "{}", told(&unknown));
}

const SCOPES: &str = r#"
[[scope]]
name = "riverside"
cidr = ["10.1.0.0/16"]
paths = ["**/web/**"]

[[scope]]
name = "hillcrest"
title = "Hillcrest Council"
cidr = ["10.2.0.0/16"]
hosts = ["hc-*"]
accounts = ["HILLCREST", "hillcrest.example"]
"#;

/// A record of one scope that names another, and a listed value that both met in one log.
#[test]
fn what_is_left_of_others_is_withheld_and_shared_findings_keep_their_own_records() {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir_all(path("evidence/web")).unwrap();
    let query = "h=hc-fs01&a=10.2.0.9&u=j.doe@hillcrest.example&n=HILLCREST\\j.doe&t=Hillcrest Council&own=10.1.0.9";
    let line =
        format!("203.0.113.77 - - [31/Mar/2026:01:12:05 +0000] \"GET /x?{query} HTTP/1.1\" 200 48 \"-\" \"a\"\n");
    std::fs::write(path("evidence/web/access.log"), line.repeat(3)).unwrap();
    let squid = |second: u32, client: &str| {
        format!(
            "17749171{second:02}.500 120 {client} TCP_MISS/200 4500 GET http://evil.example/a - HIER_DIRECT/198.51.100.9 text/html\n"
        )
    };
    let clients = [squid(10, "10.1.0.5"), squid(20, "10.2.0.5"), squid(30, "10.2.0.6")];
    std::fs::write(path("evidence/squid.log"), clients.concat()).unwrap();
    std::fs::write(path("feed.txt"), "203.0.113.77\nevil.example\n").unwrap();
    std::fs::write(path("scopes.toml"), SCOPES).unwrap();
    let (evidence, scopes, feed, case) = (path("evidence"), path("scopes.toml"), path("feed.txt"), path("case"));
    let scan = ["scan", "-q", &evidence, "--scopes", &scopes, "--indicators", &feed, "--out", &case];
    exfiltrace(&[&scan[..], &["--only-scope", "riverside"]].concat());
    for (file, text) in files(Path::new(&case)) {
        for name in ["hillcrest", "hc-", "10.2.", "j.doe"] {
            assert!(!holds(&text, name), "{file} tells of {name}: {text}");
        }
    }
    let findings = lines(Path::new(&case), "findings.jsonl");
    let of = |value: &str| findings.iter().find(|f| f["indicator"]["value"] == value).unwrap();
    let excerpt = of("203.0.113.77")["evidence"][0]["excerpt"].as_str().unwrap();
    assert!(
        excerpt.contains("h=[withheld]&a=[withheld]&u=[withheld]&n=[withheld]&t=[withheld]&own=10.1.0.9"),
        "{excerpt}"
    );
    let shared = of("evil.example");
    assert_eq!((&shared["count"], shared["evidence"].as_array().unwrap().len()), (&Value::from(1), 1), "{shared}");
    assert_eq!((&shared["scope"], &shared["time"]["last"]), (&"riverside".into(), &"2026-03-31T00:31:50.5Z".into()));
}

const OFTEN: &str = r#"
title: Evil asked for
id: 11111111-2222-4333-8444-555555555555
logsource:
  category: proxy
detection:
  selection:
    c-uri|contains: evil.example
  condition: selection
level: low
---
title: Evil asked for often
id: 11111111-2222-4333-8444-666666666666
correlation:
  type: event_count
  rules: [11111111-2222-4333-8444-555555555555]
  timespan: 1h
  condition: {gte: 7}
level: high
"#;

/// Two scopes behind one proxy: what one of them was refused the other one got.
#[test]
fn what_several_scopes_met_is_parted_before_it_is_counted() {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir_all(path("evidence")).unwrap();
    let squid = |second: u32, client: &str, result: &str| {
        format!(
            "17749171{second:02}.500 120 {client} {result} 4500 GET http://evil.example/a - HIER_DIRECT/198.51.100.9 text/html\n"
        )
    };
    let denied = (10..15).map(|second| squid(second, "10.1.0.5", "TCP_DENIED/403"));
    let served = (20..23).map(|second| squid(second, "10.2.0.5", "TCP_MISS/200"));
    std::fs::write(path("evidence/squid.log"), denied.chain(served).collect::<String>()).unwrap();
    std::fs::write(path("feed.txt"), "evil.example\n").unwrap();
    std::fs::write(path("rule.yml"), OFTEN).unwrap();
    std::fs::write(path("scopes.toml"), SCOPES).unwrap();
    let [evidence, scopes, feed, rules] = ["evidence", "scopes.toml", "feed.txt", "rule.yml"].map(path);
    let scan = ["scan", "-q", &evidence, "--scopes", &scopes, "--indicators", &feed, "--rules", &rules, "--no-builtin"];
    let told = |case: &str, more: &[&str]| -> Vec<(String, String, u64, String, String)> {
        exfiltrace(&[&scan[..], &["--max-evidence", "2", "--out", case], more].concat());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let of = |f: &Value| {
            (text(&f["kind"]), text(&f["scope"]), f["count"].as_u64().unwrap(), text(&f["outcome"]), text(&f["text"]))
        };
        lines(Path::new(case), "findings.jsonl").iter().filter(|f| f["kind"] != "rule").map(of).collect()
    };
    let one = |kind: &str, scope: &str, count, outcome: &str, text: &str| {
        (kind.to_owned(), scope.to_owned(), count, outcome.to_owned(), text.to_owned())
    };
    let of_indicator = |scope, count: u64, outcome| {
        one("indicator", scope, count, outcome, &format!("domain evil.example stands in {count} records"))
    };
    let whole = told(&path("whole"), &[]);
    assert!(whole.contains(&of_indicator("riverside", 5, "failed")), "{whole:?}");
    assert!(whole.contains(&of_indicator("hillcrest", 3, "succeeded")), "{whole:?}");
    assert!(whole.iter().any(|f| (&*f.0, &*f.1, f.2) == ("correlation", "unattributed", 8)), "{whole:?}");
    let share = "Evil asked for often: 5 records of this scope beside those of others, which it takes to show it";
    let merged = path("merged");
    exfiltrace(&["merge", &path("whole"), "--only-scope", "riverside", "--out", &merged]);
    for case in [path("own"), merged] {
        let own = if case.ends_with("own") {
            told(&case, &["--only-scope", "riverside"])
        } else {
            told(&path("again"), &["--only-scope", "riverside"])
        };
        assert_eq!(own, [of_indicator("riverside", 5, "failed"), one("correlation", "riverside", 5, "failed", share)]);
        let findings = lines(Path::new(&case), "findings.jsonl");
        for f in findings.iter().filter(|f| f["kind"] != "rule") {
            assert_eq!(
                (&f["time"]["first"], &f["time"]["last"]),
                (&"2026-03-31T00:31:50.5Z".into(), &"2026-03-31T00:31:54.5Z".into()),
                "{f}"
            );
            assert_eq!(f["entities"]["sources"], serde_json::json!(["10.1.0.5"]), "{f}");
        }
        for (file, text) in files(Path::new(&case)) {
            assert!(!holds(&text, "10.2."), "{file}: {text}");
        }
    }
}

/// A beat's file of two councils' servers, of which one was cleared.
#[test]
fn a_log_that_was_cleared_on_one_host_leaves_the_scopes_of_others_alone() {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir_all(path("evidence")).unwrap();
    let event = |minute: u32, host: &str, code: u32| {
        let provider = if code == 1102 { "Microsoft-Windows-Eventlog" } else { "Microsoft-Windows-Security-Auditing" };
        format!(
            r#"{{"@timestamp":"2026-03-28T10:{minute:02}:00.000Z","host":{{"name":"{host}"}},"winlog":{{"channel":"Security","computer_name":"{host}","event_id":{code},"provider_name":"{provider}","event_data":{{"TargetUserName":"svc"}}}}}}"#
        ) + "\n"
    };
    let events: String = (0..40)
        .map(|n| event(n, if n % 2 == 0 { "rv-dc01" } else { "hc-dc01" }, if n == 21 { 1102 } else { 4634 }))
        .collect();
    std::fs::write(path("evidence/beat.ndjson"), events).unwrap();
    let scopes = SCOPES.replace("paths = [\"**/web/**\"]", "hosts = [\"rv-*\"]\npaths = [\"**/beat.ndjson\"]");
    std::fs::write(path("scopes.toml"), scopes).unwrap();
    exfiltrace(&["scan", "-q", &path("evidence"), "--scopes", &path("scopes.toml"), "--out", &path("case")]);
    let verdict: Value = serde_json::from_slice(&std::fs::read(path("case/verdict.json")).unwrap()).unwrap();
    let scope = |name: &str| verdict["scopes"].as_array().unwrap().iter().find(|s| s["scope"] == name).unwrap();
    let cites = |name: &str| scope(name)["reasons"].as_array().unwrap().iter().any(|r| r["clause"] == "J-31");
    assert!(cites("hillcrest") && !cites("riverside"), "{verdict}");
    assert_eq!(scope("riverside")["coverage"]["gaps"], serde_json::json!([]));
    let gap = &scope("hillcrest")["coverage"]["gaps"][0];
    assert_eq!(gap["to"], "2026-03-28T10:21:00Z", "it ends with the clearing: {gap}");
    assert_eq!(gap["log"], serde_json::json!({"host": "hc-dc01", "channel": "Security", "scopes": ["hillcrest"]}));
    exfiltrace(&["merge", &path("case"), "--only-scope", "riverside", "--out", &path("own")]);
    let coverage = std::fs::read_to_string(path("own/coverage.json")).unwrap();
    assert!(coverage.contains("beat.ndjson") && !coverage.contains("cleared"), "{coverage}");
}

/// Mail that passes a server which several councils share is of the council whose mailbox sent it.
#[test]
fn a_mail_is_of_the_scope_whose_mailbox_sent_it() {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir_all(path("evidence")).unwrap();
    let sent = |second: u32, from: &str| {
        format!(
            "2026-03-28T23:10:{second:02}.123Z,10.9.0.5,mx.shared.example,203.0.113.25,mx.other.example,08D,Out,SMTP,SEND,{second},<x{second}@x>,n{second},bob@other.example,250 OK,1048576,1,,,Plan,{from},{from},,Originating,,,\r\n"
        )
    };
    let senders = ["tom@brackley.example", "amy@hillcrest.example", "noreply@shared.example"];
    let head = "#Software: Microsoft Exchange Server\r\n#Version: 15.0.0.0\r\n#Log-type: Message Tracking Log\r\n#Date: 2026-03-28T23:00:00.000Z\r\n#Fields: date-time,client-ip,client-hostname,server-ip,server-hostname,source-context,connector-id,source,event-id,internal-message-id,message-id,network-message-id,recipient-address,recipient-status,total-bytes,recipient-count,related-recipient-address,reference,message-subject,sender-address,return-path,message-info,directionality,tenant-id,original-client-ip,original-server-ip\r\n";
    let all: String = (0..30).map(|n| sent(n, senders[n as usize % 3])).collect();
    std::fs::write(path("evidence/MSGTRK.LOG"), head.to_owned() + &all).unwrap();
    let scopes = "[[scope]]\nname='shared-it'\nshared=true\ncidr=['10.9.0.0/16']\naccounts=['shared.example']\n\
                  [[scope]]\nname='brackley'\ncidr=['10.1.0.0/16']\nmail=['brackley.example']\n\
                  [[scope]]\nname='hillcrest'\ncidr=['10.2.0.0/16']\nmail=['hillcrest.example']\n";
    std::fs::write(path("scopes.toml"), scopes).unwrap();
    exfiltrace(&["scan", "-q", &path("evidence"), "--scopes", &path("scopes.toml"), "--out", &path("case")]);
    let transfers = lines(Path::new(&path("case")), "transfers.jsonl");
    let told = |scope: &str| -> u64 {
        transfers.iter().filter(|t| t["scope"] == scope).map(|t| t["bytes"]["lower"].as_u64().unwrap()).sum()
    };
    for scope in ["brackley", "hillcrest", "shared-it"] {
        assert_eq!(told(scope), 10 << 20, "{scope}: {transfers:?}");
    }
}

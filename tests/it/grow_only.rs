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
    assert_eq!(shared["time"]["first"], Value::Null, "when others met it is not told");
}

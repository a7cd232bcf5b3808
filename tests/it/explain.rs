//! `explain`: from the verdict down to the cited record, read from the case alone.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::support::{exfiltrace, project};

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_verdict_is_explained_down_to_the_record_and_names_that_are_not_there_are_refused() {
    let temp = tempfile::tempdir().unwrap();
    let case = temp.path().join("case");
    let path = |name: &str| project("fixtures/incident").join(name).to_str().unwrap().to_owned();
    let (evidence, scopes, feed) = (path("evidence"), path("scopes.toml"), path("indicators.txt"));
    let case = case.to_str().unwrap();
    exfiltrace(&["scan", "-q", &evidence, "--scopes", &scopes, "--indicators", &feed, "--out", case]);
    let ask = |what: &[&str]| exfiltrace(&[&["explain", case], what].concat());

    let verdict: Value = serde_json::from_slice(&std::fs::read(Path::new(case).join("verdict.json")).unwrap()).unwrap();
    let whole = out(&ask(&[]));
    for scope in verdict["scopes"].as_array().unwrap() {
        for reason in scope["reasons"].as_array().unwrap().iter().chain(scope["counter_evidence"].as_array().unwrap()) {
            let told = format!("{}: {}", reason["clause"].as_str().unwrap(), reason["text"].as_str().unwrap());
            assert!(whole.contains(&told), "{told}");
        }
    }

    let way = out(&ask(&["riverside/web_response"]));
    let clause = exfiltrace::judge::CLAUSES.iter().find(|clause| clause.id == "J-10").unwrap();
    assert!(way.contains("riverside/web_response: exfiltrated") && way.contains(clause.text), "{way}");
    assert!(!way.contains("hillcrest"), "another scope is shown");

    let of_clause: Value = serde_json::from_slice(&ask(&["J-10", "--json"]).stdout).unwrap();
    assert_eq!(of_clause["scopes"].as_array().unwrap().len(), 1);
    let transfer = of_clause["transfers"][0].clone();
    let id = transfer["id"].as_str().unwrap();
    let of_transfer = out(&ask(&[&id[..12], "--all"]));
    for cited in transfer["evidence"].as_array().unwrap() {
        let place = format!("offset {}, {} bytes", cited["offset"], cited["length"]);
        assert!(of_transfer.contains(cited["sha256"].as_str().unwrap()) && of_transfer.contains(&place), "{cited}");
    }
    assert!(
        of_transfer.contains("J-10") && of_transfer.contains("riverside/web_response: exfiltrated"),
        "{of_transfer}"
    );

    for (asked, told) in [
        ("riversid", "did you mean \"riverside\"?"),
        ("J-1O", "did you mean \"J-10\"?"),
        ("f-zz", "no finding or transfer"),
        ("t-", "ids begin so"),
    ] {
        let refused = ask(&[asked]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(2) && said.contains(told), "{asked}: {said}");
    }
    assert!(out(&ask(&["J-37"])).contains("nothing in this verdict rests on it"));
}

#[test]
fn no_answer_says_of_what_is_in_the_case_that_it_is_not() {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| project("fixtures/incident").join(name).to_str().unwrap().to_owned();
    let (evidence, scopes, feed) = (path("evidence"), path("scopes.toml"), path("indicators.txt"));
    let case = temp.path().join("case").to_str().unwrap().to_owned();
    exfiltrace(&["scan", "-q", &evidence, "--scopes", &scopes, "--indicators", &feed, "--out", &case]);
    let read = |name: &str| std::fs::read_to_string(Path::new(&case).join(name)).unwrap();
    let rows = read("findings.jsonl") + &read("transfers.jsonl");
    let rows: Vec<Value> = rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    let (chained, others): (Vec<&Value>, Vec<&Value>) = rows.iter().partition(|row| !row["chain"].is_null());
    let asked = chained.iter().chain(others.iter().step_by(others.len() / 12 + 1));
    let shared = asked.map(|row| out(&exfiltrace(&["explain", &case, row["id"].as_str().unwrap(), "--all"])));
    let (mut chains, mut with_others) = (0, 0);
    for told in shared.chain([out(&exfiltrace(&["explain", &case, "--all"]))]) {
        assert!(!told.contains("not in the case"), "{told}");
        chains += usize::from(told.contains("first: "));
        with_others += usize::from(told.contains(" more (explain CASE J-"));
    }
    assert!(chains > 0 && with_others > 0, "{chains} chains, {with_others} with others");
}

#[test]
fn what_a_log_says_cannot_steer_the_terminal() {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    let line = "203.0.113.77 - - [31/Mar/2026:01:12:05 +0100] \"GET / HTTP/1.1\" 200 48 \"-\" \"\x1b[2J\x1b]0;owned\x07\u{202e}\"\n";
    std::fs::write(path("access.log"), line.repeat(3)).unwrap();
    std::fs::write(path("feed.txt"), "203.0.113.77\n").unwrap();
    let case = path("case");
    exfiltrace(&["scan", "-q", &path("access.log"), "--indicators", &path("feed.txt"), "--out", &case]);
    let text = out(&exfiltrace(&["explain", &case, "f-", "--all"]));
    assert!(text.contains("\\u{1b}[2J") && text.contains("GET / HTTP/1.1"), "{text}");
    assert!(!text.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')), "{text:?}");
}

//! `coverage`: what logs could answer, before anything has happened.

use std::fmt::Write;

use serde_json::Value;

use crate::support::exfiltrace;

const SCOPES: &str = r#"
[[scope]]
name = "riverside"
paths = ["**/web/**"]

[[expect]]
scope = "riverside"
source = "proxy"
from = "2026-03-01"
to = "2026-03-20"
"#;

/// Says what web logs of these hours since 1 March could answer: as JSON, for people, and the exit code.
fn prepared(hours: impl IntoIterator<Item = u32>) -> (Value, String, Option<i32>) {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir_all(path("evidence/web")).unwrap();
    let mut log = String::new();
    for hour in hours {
        let (day, hour) = (1 + hour / 24, hour % 24);
        let _ = writeln!(
            log,
            "198.51.100.7 - - [{day:02}/Mar/2026:{hour:02}:30:00 +0000] \"GET /a?n={hour} HTTP/1.1\" 200 4800 \"-\" \"Mozilla/5.0\""
        );
    }
    std::fs::write(path("evidence/web/access.log"), log).unwrap();
    std::fs::write(path("scopes.toml"), SCOPES).unwrap();
    let (evidence, scopes) = (path("evidence"), path("scopes.toml"));
    let text = exfiltrace(&["coverage", &evidence, "--scopes", &scopes]);
    let json = exfiltrace(&["coverage", &evidence, "--scopes", &scopes, "--json"]);
    assert_eq!(std::fs::read_dir(temp.path()).unwrap().count(), 2, "nothing is written");
    let code = json.status.code();
    (serde_json::from_slice(&json.stdout).unwrap(), String::from_utf8(text.stdout).unwrap(), code)
}

fn way<'v>(of: &'v Value, route: &str) -> &'v Value {
    of["scopes"][0]["routes"].as_array().unwrap().iter().find(|r| r["route"] == route).unwrap()
}

#[test]
fn logs_without_a_hole_answer_their_question_and_no_other() {
    let (json, text, code) = prepared(0..400);
    let schema: Value = serde_json::from_slice(&exfiltrace(&["schema", "preparedness"]).stdout).unwrap();
    let wrong: Vec<String> =
        jsonschema::validator_for(&schema).unwrap().iter_errors(&json).map(|e| e.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert_eq!((code, &json["scopes"][0]["scope"]), (Some(0), &Value::from("riverside")));
    let web = way(&json, "web_response");
    assert_eq!((&web["answer"], &web["next"]), (&Value::from("yes"), &serde_json::json!([])));
    assert_eq!(web["logs"][0]["records"], 400);
    let mail = way(&json, "email");
    assert!(mail["answer"] == "no" && mail["next"][0].as_str().unwrap().contains("mail server"), "{mail}");
    assert_eq!(json["scopes"][0]["promised"][0]["source"], "proxy");
    assert!(
        text.contains("of 14 questions they could answer 1") && text.contains("promised and not there: proxy log"),
        "{text}"
    );
}

#[test]
fn a_hole_and_a_short_history_are_told_with_what_to_collect() {
    let (json, text, _) = prepared((0..48).chain(120..168));
    let web = way(&json, "web_response");
    assert_eq!((&web["answer"], web["holes"].as_array().unwrap().len()), (&Value::from("in_part"), 1));
    let next: Vec<&str> = web["next"].as_array().unwrap().iter().map(|next| next.as_str().unwrap()).collect();
    assert!(next[0].starts_with("collect the logs of 2026-03-03T0") && next[0].contains("to 2026-03-06T0"), "{next:?}");
    assert!(next[1].contains("14 days"), "{next:?}");
    assert!(text.contains("nothing from 2026-03-03T0"), "{text}");
}

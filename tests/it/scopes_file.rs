//! What a scopes file may say, and what is said of one that cannot be used.

use std::collections::BTreeSet;
use std::process::Output;

use serde_json::Value;

use crate::support::exfiltrace;

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn schema() -> Value {
    serde_json::from_slice(&exfiltrace(&["schema", "scopes"]).stdout).unwrap()
}

/// The keys of a document, as `scope.cidr`.
fn keys(document: &Value) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for (part, value) in document.as_object().unwrap() {
        keys.insert(part.clone());
        for entry in value.as_array().into_iter().flatten().chain(value.is_object().then_some(value)) {
            keys.extend(entry.as_object().into_iter().flatten().map(|(key, _)| format!("{part}.{key}")));
        }
    }
    keys
}

/// The keys of the schema, each of which has a description.
fn keys_of_schema(schema: &Value) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for (part, of) in schema["properties"].as_object().unwrap() {
        assert!(of["description"].is_string(), "{part}");
        keys.insert(part.clone());
        let inner = of["items"]["properties"].as_object().or(of["properties"].as_object());
        for (key, of) in inner.into_iter().flatten() {
            assert!(of["description"].is_string(), "{part}.{key}");
            keys.insert(format!("{part}.{key}"));
        }
    }
    keys
}

/// The keys that the reader knows: it lists them when it meets one that it does not know.
fn keys_of_reader() -> BTreeSet<String> {
    let known = |toml: &str| -> Vec<String> {
        let fault = toml::from_str::<exfiltrace::model::scopes::Scopes>(toml).unwrap_err().to_string();
        let listed = fault.split("expected ").nth(1).unwrap_or_else(|| panic!("{fault}"));
        listed.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let mut keys = BTreeSet::new();
    for part in known("zzz = 1") {
        if part != "timezone" && part != "own" {
            let table = if part == "incident" { format!("[{part}]") } else { format!("[[{part}]]") };
            keys.extend(known(&format!("{table}\nzzz = 1")).into_iter().map(|key| format!("{part}.{key}")));
        }
        keys.insert(part);
    }
    keys
}

#[test]
fn every_key_that_is_read_is_in_the_example_and_in_the_schema() {
    let example = printed(&exfiltrace(&["scopes", "example"]));
    let example: Value = toml::from_str(&example).unwrap();
    let known = keys_of_reader();
    assert!(known.len() > 40, "{known:?}");
    assert_eq!(keys(&example), known);
    let schema = schema();
    assert_eq!(keys_of_schema(&schema), known);
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(validator.is_valid(&example), "the example fits the schema");
    assert!(!validator.is_valid(&serde_json::json!({ "scopes": [] })));
}

#[test]
fn the_example_can_be_used_as_toml_and_as_json() {
    let temp = tempfile::tempdir().unwrap();
    let example = printed(&exfiltrace(&["scopes", "example"]));
    let (toml, json) = (temp.path().join("s.toml"), temp.path().join("s.json"));
    std::fs::write(&toml, &example).unwrap();
    std::fs::write(&json, toml::from_str::<Value>(&example).unwrap().to_string()).unwrap();
    for file in [&toml, &json] {
        let output = exfiltrace(&["scopes", "check", file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        for word in ["can be used", "2 scopes", "1 host,", "5 networks"] {
            assert!(printed(&output).contains(word), "{word}: {}", printed(&output));
        }
        let log = temp.path().join("a.log");
        std::fs::write(&log, "text\n").unwrap();
        let scan = exfiltrace(&["scan", "-q", log.to_str().unwrap(), "--scopes", file.to_str().unwrap()]);
        assert_eq!(scan.status.code(), Some(0), "{}", said(&scan));
    }
}

#[test]
fn a_fault_is_told_with_file_line_key_and_the_nearest_known_key() {
    let temp = tempfile::tempdir().unwrap();
    for (name, text, words) in [
        (
            "a.toml",
            "timezone = 'UTC'\n[[scope]]\nname = 'a'\ncidrs = ['192.0.2.0/24']\n",
            vec![":4:1:", "\"cidrs\"", "\"cidr\"?"],
        ),
        (
            "b.toml",
            "[[sanctioned]]\nwhy = 'é'\n  destinations = []\n",
            vec![":3:3:", "\"destinations\"", "\"destination\"?"],
        ),
        ("c.toml", "[[scopes]]\nname = 'a'\n", vec![":1:3:", "\"scopes\"", "\"scope\"?", "timezone"]),
        ("d.toml", "[incident]\ncontainment = '2026-01-01T00:00:00Z'\n", vec![":2:1:", "\"contained\"?"]),
        ("e.json", "{\"timezone\": \"UTC\",\n\"scopes\": []}", vec![":2:", "\"scopes\"", "\"scope\"?"]),
        ("f.toml", "frobnicate = 1\n", vec![":1:1:", "\"frobnicate\"", "The keys are timezone"]),
        ("g.toml", "[[scope]]\nname = 'a'\ncidr = '10.0.0.0/8'\n", vec![":3:8:", "sequence", "scopes example"]),
        ("h.toml", "[[scope]\n", vec![":1:", "scopes example"]),
        (
            "i.toml",
            "[[scope]]\nname = 'a'\ncidr = ['10.0.0.0/8',\n  '10.0.0.0/40']\n",
            vec![":4:3:", "10.0.0.0/40", "192.0.2.0/24"],
        ),
        ("j.toml", "[[zone]]\nhosts = ['a']\ntimezone = '+25:00'\n", vec![":3:12:", "[[zone]]", "+25:00", "+14:00"]),
        ("k.toml", "[[expect]]\nsource = 'dns'\n[[expect]]\nsource = 'proxi'\n", vec![":4:10:", "proxi", "proxy"]),
        ("l.toml", "timezone = 'Europe/Lodnon'\n", vec![":1:12:", "Europe/Lodnon"]),
        ("m.toml", "[[scope]]\nname = 'a'\n[[host]]\nname = 'x'\nscope = 'mm'\n", vec![":5:9:", "\"mm\""]),
        ("n.toml", "[[sanctioned]]\nwhy = 'w'\ndestination = ['a.example', 'a b/c']\n", vec![":3:29:", "a b/c"]),
        ("o.toml", "timezone = 'UTC'\n[[sanctioned]]\nwhy = 'w'\n", vec![":2:1:", "needs a destination"]),
        ("p.toml", "[incident]\naware = 'soon'\n", vec![":2:9:", "soon"]),
        ("q.toml", "own = ['192.0.2.0/24', 'here']\n", vec![":1:24:", "here"]),
        ("r.toml", "[[scope]]\nname = 'a'\n[[scope]]\nname = 'a'\n", vec![":4:8:", "twice"]),
        ("s.json", "{\"timezone\": \"Mars/Base\"}", vec!["s.json: ", "Mars/Base"]),
    ] {
        let file = temp.path().join(name);
        std::fs::write(&file, text).unwrap();
        let file = file.to_str().unwrap();
        for args in [vec!["scopes", "check", file], vec!["scan", "--scopes", file, "."]] {
            let output = exfiltrace(&args);
            assert_eq!(output.status.code(), Some(2), "{args:?}: {}", said(&output));
            assert!(said(&output).contains(file), "{args:?}: {}", said(&output));
            for word in &words {
                assert!(said(&output).contains(word), "{args:?}: {word} not in {}", said(&output));
            }
            assert!(output.stdout.is_empty());
        }
    }
    let far = exfiltrace(&["scopes", "check", temp.path().join("f.toml").to_str().unwrap()]);
    assert!(!said(&far).contains("did you mean"), "nothing is near: {}", said(&far));
}

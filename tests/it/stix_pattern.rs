//! STIX patterns against the cases that the matcher and the validator of OASIS decided.

use exfiltrace::indicators::pattern::{Edition, Fault, Moment, Observation, Pattern};
use serde_json::Value;

use crate::support::{exfiltrace, shared};

/// The observations of a case: observed data with its objects inside (2.0), or bundles that refer to them (2.1).
fn observations(case: &Value) -> Vec<Observation<'_>> {
    let mut made = Vec::new();
    for item in case["observations"].as_array().into_iter().flatten() {
        match item["type"].as_str() {
            Some("bundle") => {
                let all: Vec<_> = item["objects"].as_array().unwrap().iter().map(|o| (id(o), o)).collect();
                let seen = all.iter().filter(|(_, o)| o["type"] == "observed-data");
                made.extend(seen.map(|(_, data)| bundled(data, &all)));
            }
            _ => {
                let objects = item["objects"].as_object().unwrap();
                made.push(observation(item, objects.iter().map(|(id, o)| (id.as_str(), o)).collect(), Vec::new()));
            }
        }
    }
    made
}

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap_or("")
}

fn bundled<'c>(data: &'c Value, all: &[(&'c str, &'c Value)]) -> Observation<'c> {
    let named = |id: &str| data["object_refs"].as_array().unwrap().iter().any(|r| r == id);
    let (seen, rest) = all.iter().copied().partition(|(id, _)| named(id));
    observation(data, seen, rest)
}

fn observation<'c>(
    data: &'c Value,
    objects: Vec<(&'c str, &'c Value)>,
    referred: Vec<(&'c str, &'c Value)>,
) -> Observation<'c> {
    let time = |key: &str| Moment::parse(data[key].as_str().unwrap()).unwrap();
    let count = data["number_observed"].as_u64().unwrap();
    Observation { first: time("first_observed"), last: time("last_observed"), count, objects, referred }
}

fn edition(case: &Value) -> Edition {
    if case["stix_version"] == "2.0" { Edition::V20 } else { Edition::V21 }
}

/// What we say of a case, in the words of its expectation.
fn said(case: &Value) -> Value {
    let pattern = Pattern::parse(case["pattern"].as_str().unwrap(), edition(case));
    if case["kind"] == "parse" {
        return if pattern.is_ok() { "valid" } else { "invalid" }.into();
    }
    match pattern.and_then(|pattern| pattern.holds(&observations(case))) {
        Ok(holds) => holds.into(),
        Err(_) => "error".into(),
    }
}

#[test]
fn every_case_of_the_conformance_suite_is_decided_alike() {
    let Some(path) = shared("conformance/stix-pattern.jsonl") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let cases: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!cases.is_empty(), "the suite holds cases");
    let wrong: Vec<String> = cases
        .iter()
        .filter(|case| said(case) != case["expected"])
        .map(|case| format!("{} {}: {} for {}", case["name"], case["pattern"], said(case), case["expected"]))
        .collect();
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// Observed data of STIX 2.0 at these seconds, each one person of a name.
fn people(seen: &[(u32, u64, &str)]) -> Value {
    let data = |(second, count, name): &(u32, u64, &str)| {
        let time = format!("2026-03-01T10:00:{second:02}Z");
        serde_json::json!({
            "type": "observed-data", "first_observed": time, "last_observed": time, "number_observed": count,
            "objects": { "0": { "type": "person", "name": name, "list": [1, 2], "at": time } },
        })
    };
    serde_json::json!({ "observations": seen.iter().map(data).collect::<Vec<_>>() })
}

fn holds(pattern: &str, seen: &Value) -> Result<bool, Fault> {
    Pattern::parse(pattern, Edition::V21).and_then(|pattern| pattern.holds(&observations(seen)))
}

#[test]
fn observations_are_shared_by_no_two_parts_of_a_pattern() {
    let seen = people(&[(1, 1, "ann"), (2, 2, "bob")]);
    for (pattern, expected) in [
        ("[person:name = 'ann'] AND [person:name = 'ann']", false),
        ("[person:name = 'bob'] AND [person:name = 'bob']", true),
        ("[person:name = 'bob'] REPEATS 3 TIMES", false),
        ("[person:name LIKE '%'] REPEATS 3 TIMES", true),
        ("[person:name LIKE '%'] REPEATS 3 TIMES WITHIN 1 SECONDS", true),
        ("[person:name LIKE '%'] REPEATS 3 TIMES WITHIN 0.5 SECONDS", false),
        // The greedy choice for the left part takes what the right one needs.
        ("[person:name LIKE '%'] AND [person:name = 'ann']", true),
        ("[person:name = 'bob'] FOLLOWEDBY [person:name = 'ann']", false),
        ("[person:name = 'ann'] FOLLOWEDBY [person:name = 'bob'] FOLLOWEDBY [person:name = 'bob']", true),
        ("([person:name = 'ann'] REPEATS 1 TIMES) REPEATS 18446744073709551615 TIMES", false),
    ] {
        assert_eq!(holds(pattern, &seen), Ok(expected), "{pattern}");
    }
}

#[test]
fn exists_likes_and_indexes_are_as_the_language_says() {
    let seen = people(&[(1, 1, "a.n_n\nx")]);
    for (pattern, expected) in [
        ("[EXISTS person:name]", true),
        ("[EXISTS person:age]", false),
        ("[NOT EXISTS person:age]", true),
        ("[person:age != 1]", false),
        ("[person:name LIKE 'a_n_n%x']", true),
        ("[person:name LIKE 'a.n']", false),
        ("[person:name MATCHES 'n.x$']", true),
        ("[person:list[1] = 2]", true),
        ("[person:list[-1] = 2]", false),
        ("[person:list[*] > 1]", true),
        ("[person:at < t'2026-03-01T10:00:01.0000001Z']", true),
        ("[person:at >= t'2026-03-01T10:00:01Z']", true),
        ("[person:name = 'x' /* one */ OR person:list[0] IN (1.0, 7)] // two", true),
    ] {
        assert_eq!(holds(pattern, &seen), Ok(expected), "{pattern}");
    }
    assert_eq!(holds("[person:name = t'2026-03-01T10:00:01Z']", &seen), Err(Fault::NotATime));
    for bad in [
        "[person:name == b'a']",
        "[person:name = h'abc']",
        "[person:name = t'2026-02-30T10:00:01Z']",
        "[person:n > true]",
        "[person:name MATCHES '(?=x)']",
        "[person:name ISSUBSET 'x']",
        "[a:b = 1",
        "[a:b = 01]",
        "[a:b = 'x\\y']",
    ] {
        assert!(Pattern::parse(bad, Edition::V21).is_err(), "{bad}");
    }
}

#[test]
fn hostile_patterns_meet_a_bound_and_no_crash() {
    let nested = "(".repeat(100_000) + "[a:b = 1]";
    assert!(matches!(Pattern::parse(&nested, Edition::V21), Err(Fault::Bound(_))));
    let inner = "[".to_owned() + &"(".repeat(100_000);
    assert!(matches!(Pattern::parse(&inner, Edition::V21), Err(Fault::Bound(_))));
    let qualified = "[a:b = 1]".to_owned() + &" REPEATS 1 TIMES".repeat(10_000);
    assert!(matches!(Pattern::parse(&qualified, Edition::V20), Err(Fault::Bound(_))));
    let long = "[a:b = 1] OR ".repeat(100_000) + "[a:b = 1]";
    assert!(matches!(Pattern::parse(&long, Edition::V21), Err(Fault::Bound(_))));
    assert!(matches!(Pattern::parse("[a:b MATCHES '(x{1000}){1000}']", Edition::V21), Err(Fault::Regex)));
    let seen: Vec<(u32, u64, &str)> = (0..40).map(|second| (second, 1, "ann")).collect();
    let seen = people(&seen);
    let wide = "([person:name LIKE 'a%'] REPEATS 20 TIMES) FOLLOWEDBY [person:name = 'nobody']";
    assert_eq!(holds(wide, &seen), Ok(false), "a leaf that nothing satisfies ends the search at once");
    let apart = "([person:name LIKE 'a%'] REPEATS 20 TIMES WITHIN 1 SECONDS) FOLLOWEDBY [person:name LIKE 'a%']";
    assert_eq!(holds(apart, &seen), Ok(false), "what lies outside of the window is not tried");
    let stuck = "[person:name LIKE 'a%'] REPEATS 20 TIMES AND [person:name LIKE 'a%'] REPEATS 21 TIMES";
    assert_eq!(holds(stuck, &seen), Err(Fault::Steps));
}

/// A bundle with one indicator per pattern.
pub(crate) fn bundle(patterns: &[&str]) -> String {
    let indicator = |(n, pattern): (usize, &&str)| {
        serde_json::json!({ "type": "indicator", "id": format!("indicator--{n}"), "spec_version": "2.1",
            "pattern_type": "stix", "pattern": pattern, "valid_from": "2026-01-01T00:00:00Z" })
    };
    let objects: Vec<Value> = patterns.iter().enumerate().map(indicator).collect();
    serde_json::json!({ "type": "bundle", "id": "bundle--1", "objects": objects }).to_string()
}

/// Numbers of the records (from 1) that a pattern is met in.
fn lines(pattern: &str, name: &str, log: &str) -> Vec<u64> {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("feed.json"), bundle(&[pattern])).unwrap();
    std::fs::write(path(name), log).unwrap();
    let output = exfiltrace(&["scan", "-q", "--no-builtin", &path(name), "--indicators", &path("feed.json")]);
    assert!(output.status.code().is_some_and(|code| code < 2), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let findings = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let met = findings.filter(|f| f["indicator"]["kind"] == "stix_pattern" && f["indicator"]["value"] == pattern);
    met.flat_map(|f| f["evidence"].as_array().unwrap().iter().map(|e| e["line"].as_u64().unwrap()).collect::<Vec<_>>())
        .collect()
}

const ACCESS: &str = "\
203.0.113.9 - ann [01/Mar/2026:10:00:00 +0000] \"GET /gate.php?id=7 HTTP/1.1\" 200 512 \"-\" \"EvilBot/1.0 (x)\"
203.0.113.9 - ann [01/Mar/2026:11:00:00 +0000] \"POST /gate.php?id=8 HTTP/1.1\" 200 512 \"-\" \"Mozilla/5.0 (y)\"
198.51.100.4 - bob [01/Mar/2026:12:00:00 +0000] \"POST /other.php HTTP/1.1\" 200 512 \"-\" \"EvilBot/1.0 (x)\"
";

#[test]
fn a_record_is_one_observation() {
    for (pattern, expected) in [
        (
            "[ipv4-addr:value = '203.0.113.9' AND network-traffic:extensions.'http-request-ext'.request_method = 'POST']",
            &[2][..],
        ),
        (
            "[network-traffic:src_ref.value = '203.0.113.9' AND network-traffic:extensions.'http-request-ext'.request_header.'User-Agent' LIKE 'EvilBot/%']",
            &[1],
        ),
        ("[network-traffic:extensions.'http-request-ext'.request_value MATCHES '^/gate[.]php[?]id=[0-9]+$']", &[1, 2]),
        ("[ipv4-addr:value ISSUBSET '198.51.100.0/24' OR ipv4-addr:value = '192.0.2.1']", &[3]),
        ("[ipv4-addr:value != '203.0.113.9']", &[3]),
        ("[user-account:account_login NOT IN ('ann', 'eve')]", &[3]),
        ("[user-account:account_login = 'ann'] START t'2026-03-01T10:30:00Z' STOP t'2026-03-01T11:30:00Z'", &[2]),
        ("[user-account:account_login = 'ann' AND user-account:user_id = 'bob']", &[]),
        ("([user-account:account_login = 'bob'] OR [ipv4-addr:value IN ('203.0.113.9')]) WITHIN 5 SECONDS", &[1, 2, 3]),
    ] {
        assert_eq!(lines(pattern, "access.log", ACCESS), expected, "{pattern}");
    }
}

#[test]
fn objects_are_made_of_all_kinds_of_fields() {
    let log = r#"{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","UtcTime":"2026-03-01 10:00:00.000","Image":"C:\\Windows\\System32\\cmd.exe","CommandLine":"cmd /c whoami","ParentImage":"C:\\a\\evil.exe","Hashes":"MD5=0123456789ABCDEF0123456789ABCDE0,SHA256=0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDE0"}
{"EventID":11,"Channel":"Microsoft-Windows-Sysmon/Operational","UtcTime":"2026-03-01 10:00:01.000","Image":"C:\\a\\b.exe","TargetFilename":"C:\\Users\\x\\loot.zip"}
"#;
    for (pattern, expected) in [
        ("[process:command_line LIKE 'cmd%whoami' AND process:parent_ref.name = 'evil.exe']", &[1][..]),
        (
            "[file:hashes.'SHA-256' = '0123456789ABCDEF0123456789abcdef0123456789ABCDEF0123456789ABCDE0' AND process:name = 'cmd.exe']",
            &[1],
        ),
        ("[file:name = 'loot.zip' AND file:parent_directory_ref.path LIKE 'C:\\\\Users\\\\%']", &[2]),
    ] {
        assert_eq!(lines(pattern, "sysmon.json", log), expected, "{pattern}");
    }
}

#[test]
fn programs_and_what_they_load_are_files_with_digests() {
    let log = r#"{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","UtcTime":"2026-03-01 10:00:00.000","Image":"C:\\x\\evil.exe","OriginalFileName":"loader.exe","Hashes":"MD5=0CC175B9C0F1B6A831C399E269772661"}
{"EventID":7,"Channel":"Microsoft-Windows-Sysmon/Operational","UtcTime":"2026-03-01 10:00:01.000","Image":"C:\\x\\host.exe","ImageLoaded":"C:\\x\\bad.dll","Hashes":"MD5=0CC175B9C0F1B6A831C399E269772661"}
"#;
    let hash = "file:hashes.MD5 = '0cc175b9c0f1b6a831c399e269772661'";
    for (name, expected) in [("evil.exe", &[1][..]), ("loader.exe", &[1]), ("bad.dll", &[2]), ("host.exe", &[])] {
        assert_eq!(lines(&format!("[{hash} AND file:name = '{name}']"), "sysmon.json", log), expected, "{name}");
    }
    assert_eq!(
        lines("[file:name = 'evil.exe' AND file:parent_directory_ref.path = 'C:\\\\x']", "sysmon.json", log),
        [1]
    );
    let ecs = r#"{"@timestamp":"2026-03-01T10:00:00Z","process":{"name":"evil.exe","hash":{"md5":"0cc175b9c0f1b6a831c399e269772661"}},"file":{"name":"loot.zip"}}
{"@timestamp":"2026-03-01T10:00:01Z","process":{"executable":"/tmp/evil.exe"},"file":{"path":"/tmp/loot.zip","hash":{"md5":"0cc175b9c0f1b6a831c399e269772661"}}}
"#;
    for (name, expected) in [("evil.exe", &[1][..]), ("loot.zip", &[2])] {
        assert_eq!(lines(&format!("[{hash} AND file:name = '{name}']"), "ecs.json", ecs), expected, "{name}");
    }
    assert_eq!(lines("[file:name = 'loot.zip' AND process:name = 'evil.exe']", "ecs.json", ecs), [1, 2]);
}

#[test]
fn an_escape_hides_no_pattern() {
    let log = r#"{"time":"2026-03-01T10:00:00Z","source":{"ip":"203.0.113.9"},"user":{"name":"m\u0061llory"}}
{"time":"2026-03-01T10:00:00Z","source":{"ip":"203.0.113.9"},"user":{"name":"other"}}
"#;
    assert_eq!(
        lines("[user-account:account_login = 'mallory' AND ipv4-addr:value != '192.0.2.1']", "a.json", log),
        [1]
    );
}

#[test]
fn what_cannot_be_held_against_a_record_is_refused_whole() {
    for (pattern, why) in [
        ("[ipv4-addr:value = '203.0.113.9'] AND [file:size > 7]", "file:size"),
        ("([url:value = 'x'] AND [url:value = 'y']) REPEATS 251 TIMES", "more than 500 records"),
        ("[ipv4-addr:value = '203.0.113.9' AND file:size > 7]", "file:size"),
        ("[ipv4-addr:value = ]", "not a STIX pattern"),
    ] {
        let mut builder = exfiltrace::indicators::Builder::new();
        builder.add("bundle.json", "00", bundle(&[pattern]).as_bytes());
        let (set, refused) = builder.finish();
        assert_eq!((set.list.len(), refused.len()), (0, 1), "{pattern}");
        assert!(refused[0].reason.contains(why), "{}", refused[0].reason);
    }
}

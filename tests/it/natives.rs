//! Events that were delivered in several forms: what a rule finds in one is told once, with the places of all.

use std::fs;

use serde_json::{Value, json};

use crate::support::exfiltrace;

/// The findings of a rule in some files.
fn found(files: &[(&str, &str)], rule: &str) -> Vec<Value> {
    found_with(files, rule, &[])
}

/// The same with further arguments.
fn found_with(files: &[(&str, &str)], rule: &str, more: &[&str]) -> Vec<Value> {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    fs::create_dir(path("logs")).unwrap();
    files.iter().for_each(|(name, log)| fs::write(path(&format!("logs/{name}")), log).unwrap());
    fs::write(path("rule.yml"), rule).unwrap();
    let args = ["scan", "-q", &path("logs"), "--no-builtin", "--rules", &path("rule.yml"), "--out", &path("case")];
    exfiltrace(&[&args[..], more].concat());
    let all = fs::read_to_string(path("case/findings.jsonl")).unwrap();
    let verified = exfiltrace(&["verify", &path("case")]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    let all = all.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.filter(|finding| finding["rule"]["id"] == "r").collect()
}

/// The names of the files that each finding cites.
fn cited(findings: &[Value]) -> Vec<String> {
    let name = |evidence: &Value| evidence["source"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    findings.iter().map(|f| f["evidence"].as_array().unwrap().iter().map(name).collect::<Vec<_>>().join("+")).collect()
}

const LOGON: &str = "title: t\nid: r\nlevel: high\nlogsource: {product: windows, service: security}\ndetection: {s: {EventID: 4625}, condition: s}\n";

/// A failed logon, as XML and as a beat ships it.
fn xml(number: u32) -> String {
    format!(
        r#"<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System><Provider Name="Microsoft-Windows-Security-Auditing"/><EventID>4625</EventID><TimeCreated SystemTime="2026-03-01T10:{number:02}:00.1239876Z"/><EventRecordID>{number}</EventRecordID><Channel>Security</Channel><Computer>DC01.rv.example</Computer></System><EventData><Data Name="TargetUserName">ann</Data></EventData></Event>"#
    )
}

fn beat(number: u32, minute: u32) -> String {
    let event = json!({
        "@timestamp": format!("2026-03-01T10:{minute:02}:00.123Z"),
        "winlog": {"channel": "Security", "computer_name": "dc01.rv.example", "event_id": "4625", "record_id": number.to_string(),
            "provider_name": "Microsoft-Windows-Security-Auditing", "event_data": {"TargetUserName": "ann"}},
    });
    format!("{event}\n")
}

#[test]
fn an_event_as_xml_and_as_a_beat_ships_it_is_found_once() {
    let log = format!("<Events>{}</Events>", (1..=10).map(xml).collect::<String>());
    let shipped: String = (1..=10).map(|number| beat(number, number)).collect();
    let both = found(&[("security.xml", &log), ("beat.ndjson", &shipped)], LOGON);
    // The beat cuts what is behind the millisecond, so that it tells of it first.
    assert_eq!(cited(&both), ["beat.ndjson+security.xml"; 10]);
    assert!(both.iter().all(|finding| finding["count"] == 1 && finding["omitted"] == 0));
    assert_eq!(cited(&found(&[("beat.ndjson", &shipped)], LOGON)), ["beat.ndjson"; 10]);
    // One number at another time is another event: the log was cleared.
    let later: String = (1..=10).map(|number| beat(number, number + 20)).collect();
    assert_eq!(found(&[("security.xml", &log), ("beat.ndjson", &later)], LOGON).len(), 20);
}

#[test]
fn a_record_of_the_audit_log_is_found_once_by_its_id() {
    let rule = "title: t\nid: r\nlevel: high\nlogsource: {product: m365}\ndetection: {s: {Operation: FileDownloaded}, condition: s}\n";
    let record = |at: u32| {
        json!({"CreationTime": format!("2026-03-28T10:{at:02}:00"), "Id": format!("i{at}"), "Operation": "FileDownloaded",
            "RecordType": 6, "Workload": "SharePoint", "UserId": "a@rv.example", "ClientIP": "203.0.113.9", "ObjectId": "x"})
        .to_string()
    };
    let row = |at: u32| {
        let cell = record(at).replace('"', "\"\"");
        format!("i{at},2026-03-28T10:{at:02}:00Z,6,FileDownloaded,a@rv.example,\"{cell}\"\n")
    };
    let table = "RecordId,CreationDate,RecordType,Operation,UserId,AuditData\n".to_owned()
        + &(1..=5).map(row).collect::<String>();
    let lines: String = (1..=5).map(|at| record(at) + "\n").collect();
    let both = found(&[("audit.csv", &table), ("audit.json", &lines)], rule);
    assert_eq!(cited(&both), ["audit.csv+audit.json"; 5]);
}

#[test]
fn places_of_other_forms_are_cited_up_to_the_number_asked_for() {
    let log = format!("<Events>{}</Events>", xml(1));
    let files = [("a.xml", &*log), ("b.ndjson", &beat(1, 1)), ("c.xml", &log.replace(">ann<", ">Ann<"))];
    for (most, cited, omitted) in [("1", 1, 2), ("2", 2, 1), ("3", 3, 0)] {
        let found = found_with(&files, LOGON, &["--max-evidence", most]);
        assert_eq!(found.len(), 1, "{most}");
        let told = (found[0]["evidence"].as_array().unwrap().len(), found[0]["omitted"].as_u64().unwrap());
        assert_eq!((told, found[0]["count"].as_u64().unwrap()), ((cited, omitted), 1), "{most}");
    }
}

#[test]
fn what_one_form_of_an_event_says_holds_where_the_one_that_is_told_leaves_it_out() {
    let rule = "title: t\nid: r\nlevel: high\nlogsource: {product: m365}\ndetection: {s: {Operation: New-InboxRule}, condition: s}\n";
    let told = json!({"CreationTime": "2026-03-28T10:00:00", "Id": "i1", "Operation": "New-InboxRule", "RecordType": 1,
        "Workload": "Exchange", "UserId": "a@rv.example"});
    let mut whole = told.clone();
    (whole["ClientIP"], whole["ResultStatus"]) = ("203.0.113.9".into(), "True".into());
    let both = found(&[("a.json", &format!("{told}\n")), ("b.json", &format!("{whole}\n"))], rule);
    assert_eq!(cited(&both), ["a.json+b.json"]);
    let alone = found(&[("b.json", &format!("{whole}\n"))], rule);
    assert_eq!((&both[0]["outcome"], &both[0]["entities"]), (&alone[0]["outcome"], &alone[0]["entities"]));
    assert_eq!((&both[0]["outcome"], &both[0]["entities"]["sources"]), (&json!("succeeded"), &json!(["203.0.113.9"])));
}

#[test]
fn events_without_an_id_are_not_one() {
    let rule = "title: t\nid: r\nlevel: high\nlogsource: {product: m365}\ndetection: {s: {Operation: FileDownloaded}, condition: s}\n";
    let record = |user: &str| {
        let told = json!({"CreationTime": "2026-03-28T10:00:00", "Id": "", "Operation": "FileDownloaded", "RecordType": 6,
            "Workload": "SharePoint", "UserId": user, "ClientIP": "203.0.113.9", "ObjectId": "x"});
        format!("{told}\n")
    };
    assert_eq!(cited(&found(&[("a.json", &record("a")), ("b.json", &record("b"))], rule)), ["a.json", "b.json"]);
}

/// What is found of a listed name in some files: how often, and in which.
fn listed(files: &[(&str, &str)]) -> Vec<(u64, usize)> {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    fs::create_dir(path("logs")).unwrap();
    files.iter().for_each(|(name, log)| fs::write(path(&format!("logs/{name}")), log).unwrap());
    fs::write(path("feed.txt"), "evil.example\n").unwrap();
    exfiltrace(&[
        "scan",
        "-q",
        &path("logs"),
        "--no-builtin",
        "--indicators",
        &path("feed.txt"),
        "--out",
        &path("case"),
    ]);
    let verified = exfiltrace(&["verify", &path("case")]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    let all = fs::read_to_string(path("case/findings.jsonl")).unwrap();
    let all = all.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of = all.filter(|finding| finding["kind"] == "indicator");
    of.map(|f| (f["count"].as_u64().unwrap(), f["evidence"].as_array().unwrap().len())).collect()
}

#[test]
fn a_listed_value_in_two_forms_of_one_event_is_found_once() {
    let xml = |number| xml(number).replace(">ann<", ">evil.example<");
    let beat = |number, minute| beat(number, minute).replace("\"ann\"", "\"evil.example\"");
    let log =
        |numbers: std::ops::RangeInclusive<u32>| format!("<Events>{}</Events>", numbers.map(xml).collect::<String>());
    let shipped: String = (1..=10).map(|number| beat(number, number)).collect();
    assert_eq!(listed(&[("security.xml", &log(1..=10)), ("beat.ndjson", &shipped)]), [(10, 20)]);
    // What one form alone has is told of it.
    assert_eq!(
        listed(&[("security.xml", &log(1..=12)), ("beat.ndjson", &shipped)]).iter().map(|(n, _)| n).sum::<u64>(),
        12
    );
    let later: String = (1..=10).map(|number| beat(number, number + 20)).collect();
    assert_eq!(listed(&[("security.xml", &log(1..=10)), ("beat.ndjson", &later)]), [(10, 10), (10, 10)]);
}

#[test]
fn a_form_that_one_scope_has_takes_nothing_from_another_with_the_same_log() {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    let log = format!("<Events>{}</Events>", (1..=3).map(xml).collect::<String>().replace(">ann<", ">evil.example<"));
    let shipped: String = (1..=3).map(|number| beat(number, number).replace("\"ann\"", "\"evil.example\"")).collect();
    for (name, text) in [("first/rv/beat.ndjson", &shipped), ("rv/security.xml", &log), ("hc/security.xml", &log)] {
        let file = temp.path().join("logs").join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    fs::write(path("feed.txt"), "evil.example\n").unwrap();
    let scope = |name: &str| format!("[[scope]]\nname = '{name}'\npaths = ['**/{name}/**']\n");
    fs::write(path("scopes.toml"), scope("rv") + &scope("hc")).unwrap();
    let (logs, feed, scopes, case) = (path("logs"), path("feed.txt"), path("scopes.toml"), path("case"));
    let args = ["--no-builtin", "--indicators", &feed, "--scopes", &scopes, "--out", &case];
    exfiltrace(&[&["scan", "-q", &logs], &args[..]].concat());
    let all = fs::read_to_string(path("case/findings.jsonl")).unwrap();
    let all = all.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut told: Vec<_> = all.map(|f| (f["scope"].as_str().unwrap().to_owned(), f["count"].clone())).collect();
    told.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(told, [("hc".to_owned(), json!(3)), ("rv".to_owned(), json!(3))]);
}

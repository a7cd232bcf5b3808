//! What speaks against a sighting: warninglists, common names, values that stand everywhere.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use exfiltrace::indicators::{Builder, Warninglists};
use exfiltrace::model::indicator::{Claim, IndicatorKind};
use serde_json::Value;

use crate::support::{exfiltrace, shared};

/// The lists of one document.
fn lists(document: &Value) -> Warninglists {
    let mut lists = Warninglists::default();
    assert_eq!(lists.add("l.json", document.to_string().as_bytes()), Ok(Vec::new()));
    lists
}

fn is_on(lists: &Warninglists, kind: IndicatorKind, value: &str) -> bool {
    !lists.of(kind, value).is_empty()
}

#[test]
fn each_type_of_list_has_its_own_way_of_matching() {
    use IndicatorKind::{Cidr, Domain, Email, Ipv4, Ipv6, Md5, Url};
    let of = |kind: &str, list: &[&str]| lists(&serde_json::json!({ "name": "n", "type": kind, "list": list }));
    let string = of("string", &["Good.example", ".below.example", "0123456789abcdef0123456789abcde0"]);
    assert!(is_on(&string, Domain, "good.example") && !is_on(&string, Domain, "a.good.example"));
    assert!(is_on(&string, Domain, "a.below.example") && is_on(&string, Url, "http://good.example"));
    assert!(!is_on(&string, Url, "http://good.example/x") && is_on(&string, Md5, "0123456789abcdef0123456789abcde0"));
    let hostname = of("hostname", &["good.example"]);
    assert!(is_on(&hostname, Domain, "a.good.example") && !is_on(&hostname, Domain, "notgood.example"));
    assert!(is_on(&hostname, Url, "https://a.good.example/x") && is_on(&hostname, Email, "a@good.example"));
    let cidr = of("cidr", &["203.0.113.0/24", "2001:DB8::/32", "198.51.100.7"]);
    assert!(
        is_on(&cidr, Ipv4, "203.0.113.9") && is_on(&cidr, Ipv6, "2001:db8:1::5") && is_on(&cidr, Ipv4, "198.51.100.7")
    );
    assert!(is_on(&cidr, Cidr, "203.0.113.128/25") && !is_on(&cidr, Cidr, "203.0.112.0/23"));
    assert!(!is_on(&cidr, Ipv4, "203.0.114.9"));
    let substring = of("substring", &["Simulator"]);
    assert!(is_on(&substring, Url, "http://a.example/simulators") && !is_on(&substring, Domain, "a.example"));
    let regex = of("regex", &["/^(abuse|noc)\\@.*$/i"]);
    assert!(is_on(&regex, Email, "ABUSE@a.example") && !is_on(&regex, Email, "x@a.example"));
}

#[test]
fn a_list_is_for_the_types_that_it_names() {
    let document = serde_json::json!({ "name": "n", "type": "hostname", "list": ["good.example"], "matching_attributes": ["url"] });
    let lists = lists(&document);
    assert!(is_on(&lists, IndicatorKind::Url, "http://good.example/x"));
    assert!(!is_on(&lists, IndicatorKind::Domain, "good.example"));
}

#[test]
fn what_is_no_list_is_refused_and_what_is_no_entry_is_told() {
    let mut lists = Warninglists::default();
    assert!(lists.add("x", b"{}").is_err());
    assert!(lists.add("x", br#"{"type":"fuzzy","list":["a"]}"#).is_err());
    let refused = lists.add("x", br#"{"type":"regex","list":["a+","(","b"]}"#);
    assert_eq!(refused, Ok(vec!["(".to_owned()]));
    assert_eq!(lists.add("x", br#"{"type":"cidr","list":["10.0.0.0/8","ten"]}"#), Ok(vec!["ten".to_owned()]));
}

#[test]
fn resolvers_are_flagged_always_and_documentation_when_asked() {
    let mut lists = Warninglists::new();
    assert!(is_on(&lists, IndicatorKind::Ipv4, "8.8.8.8") && is_on(&lists, IndicatorKind::Ipv6, "2620:fe::fe"));
    assert!(!is_on(&lists, IndicatorKind::Domain, "evil.example") && !is_on(&lists, IndicatorKind::Ipv4, "192.0.2.7"));
    lists.add_documentation();
    assert!(is_on(&lists, IndicatorKind::Domain, "evil.example") && is_on(&lists, IndicatorKind::Ipv4, "192.0.2.7"));
}

/// Every JSON document under a folder, unpacked where it is compressed.
fn documents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut made = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let bytes = std::fs::read(&path).unwrap();
        if name.ends_with(".json") {
            made.push((name, bytes));
        } else if name.ends_with(".json.gz") {
            let mut plain = Vec::new();
            flate2::read::MultiGzDecoder::new(&*bytes).read_to_end(&mut plain).unwrap();
            made.push((name, plain));
        }
    }
    made.sort();
    made
}

#[test]
fn no_value_of_a_warninglist_passes_unflagged() {
    let Some(folder) = shared("corpora/ioc/misp-warninglists") else { return };
    let documents = documents(&folder);
    let mut lists = Warninglists::default();
    let mut feed = Builder::new();
    let mut values = 0;
    for (name, bytes) in &documents {
        assert_eq!(lists.add(name, bytes), Ok(Vec::new()), "{name}");
        let document: Value = serde_json::from_slice(bytes).unwrap();
        if document["type"] == "regex" {
            continue;
        }
        // The entries of a list, read as a feed of indicators.
        let entries = document["list"].as_array().unwrap().iter().map(|v| v.as_str().unwrap().trim_start_matches('.'));
        let text: Vec<&str> = entries.collect();
        values += text.len();
        feed.add(name, "00", text.join("\n").as_bytes());
    }
    let (set, _) = feed.finish();
    assert!(values > 1000 && set.list.len() > values / 2, "{} of {values} are indicators", set.list.len());
    let attributes: Vec<Value> = documents
        .iter()
        .filter_map(|(_, bytes)| serde_json::from_slice::<Value>(bytes).ok())
        .filter(|document| document["type"] != "regex")
        .map(|document| document["matching_attributes"].clone())
        .collect();
    let flagged = |index: u32| {
        let listed = set.list.get(index).unwrap();
        let foreign = |claim: &Claim| is_foreign(&attributes[claim.feed as usize], listed.kind, listed.value);
        is_on(&lists, listed.kind, listed.value) || set.list.claims(index).iter().all(foreign)
    };
    let all = 0..u32::try_from(set.list.len()).unwrap();
    let unflagged: BTreeSet<&str> =
        all.filter(|index| !flagged(*index)).map(|index| set.list.get(index).unwrap().value).collect();
    assert_eq!(unflagged, BTreeSet::new());
}

/// Whether a list with these types of attributes is not for a kind.
fn is_foreign(attributes: &Value, kind: IndicatorKind, value: &str) -> bool {
    let document = serde_json::json!({ "type": "string", "list": [value], "matching_attributes": attributes });
    !is_on(&lists(&document), kind, value)
}

/// The indicator findings of a scan.
fn scan(feed: &str, log: &str, more: &[&str]) -> Vec<Value> {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("feed.txt"), feed).unwrap();
    std::fs::write(path("app.log"), log).unwrap();
    let document = serde_json::json!({ "name": "Top sites", "type": "hostname", "list": ["good.org"], "matching_attributes": ["domain"] });
    std::fs::write(path("top.json"), document.to_string()).unwrap();
    let (log, feed, top) = (path("app.log"), path("feed.txt"), path("top.json"));
    let mut args = vec!["scan", "-q", "--no-builtin", &log, "--indicators", &feed];
    if more.contains(&"--warninglists") {
        args.extend(["--warninglists", &top]);
    }
    let output = exfiltrace(&args);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_listed_value_that_is_innocent_as_often_is_flagged_lowered_and_kept() {
    let log = "2026-03-01T10:00:00Z asked cdn.good.org\n";
    let plain = scan("cdn.good.org\n", log, &[]);
    assert_eq!(plain[0]["level"], "low");
    assert!(plain[0]["indicator"].get("warninglists").is_none());
    let warned = scan("cdn.good.org\n", log, &["--warninglists"]);
    assert_eq!((warned.len(), &warned[0]["level"]), (1, &"informational".into()));
    assert_eq!(warned[0]["indicator"]["warninglists"], serde_json::json!(["Top sites"]));
    assert_eq!(warned[0]["id"], plain[0]["id"]);
}

#[test]
fn common_names_are_weak_and_values_that_stand_everywhere_are_told() {
    let line = "2026-03-01T10:00:00Z svchost.exe spoke to bad.example\n";
    let found = scan("svchost.exe\nbad.example\n", &line.repeat(150), &[]);
    let of = |value: &str| found.iter().find(|f| f["indicator"]["value"] == value).unwrap();
    assert!(of("svchost.exe")["indicator"]["weak"].is_string());
    assert!(of("bad.example")["indicator"].get("weak").is_none());
    assert_eq!(of("bad.example")["indicator"]["saturating"], true);
    let text = "2026-03-01T10:00:00Z nothing\n".repeat(1500) + &line.repeat(100);
    let found = scan("bad.example\n", &text, &[]);
    assert!(found[0]["indicator"].get("saturating").is_none(), "100 of 1600 are below a tenth");
}

/// Not only in findings, which nobody reads first: what stands everywhere says more of its feed than of the evidence.
#[test]
fn values_that_stand_everywhere_are_told_in_the_summary_and_the_report() {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("feed.txt"), "bad.example\nrare.example\n").unwrap();
    let line = "2026-03-01T10:00:00Z spoke to bad.example\n";
    std::fs::write(path("app.log"), line.repeat(150) + "2026-03-01T10:00:00Z spoke to rare.example\n").unwrap();
    let (log, feed, case) = (path("app.log"), path("feed.txt"), path("case"));
    let output = exfiltrace(&["scan", "--no-builtin", &log, "--indicators", &feed, "--out", &case]);
    let summary = String::from_utf8(output.stdout).unwrap();
    let told = "domain bad.example (feed.txt): 150 records of app.log";
    assert!(summary.contains("INDICATORS that stand in a tenth") && summary.contains(told), "{summary}");
    assert!(!summary.contains("domain rare.example"), "{summary}");
    let report = std::fs::read_to_string(temp.path().join("case/report.html")).unwrap();
    let (_, table) = report.split_once("Indicators that stand in a tenth").expect("a heading");
    let (table, _) = table.split_once("</table>").expect("a table");
    assert!(table.contains("bad.example") && table.contains("150") && !table.contains("rare.example"), "{table}");
}

#[test]
fn the_state_of_a_warned_value_is_as_its_schema_says() {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("feed.txt"), "8.8.8.8\n").unwrap();
    std::fs::write(path("app.log"), "2026-03-01T10:00:00Z spoke to 8.8.8.8\n").unwrap();
    let lists = serde_json::json!({ "name": "Resolvers", "type": "cidr", "list": ["8.8.8.8"] });
    std::fs::write(path("lists.json"), lists.to_string()).unwrap();
    let (log, feed, lists, case) = (path("app.log"), path("feed.txt"), path("lists.json"), path("case"));
    let output = exfiltrace(&["scan", "-q", &log, "--indicators", &feed, "--warninglists", &lists, "--out", &case]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let state: Value = serde_json::from_slice(&std::fs::read(path("case/state/partial.json")).unwrap()).unwrap();
    assert!(state["indicators"].to_string().contains("Resolvers"), "{}", state["indicators"]);
    let schema: Value = serde_json::from_slice(&exfiltrace(&["schema", "state"]).stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> = validator.iter_errors(&state).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

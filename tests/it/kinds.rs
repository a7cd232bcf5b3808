//! Kinds beyond names, addresses and digests: literals in the raw text, and values of fields of their own.

use exfiltrace::indicators::Builder;
use exfiltrace::model::indicator::IndicatorKind;
use proptest::prelude::*;
use serde_json::Value;

use crate::indicators::{build, hits, words};
use crate::support::exfiltrace;

/// The findings of a scan of one file, as `kind match value field-independent count`.
fn found(feed: (&str, &str), log: (&str, &str)) -> Vec<String> {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path(feed.0), feed.1).unwrap();
    std::fs::write(path(log.0), log.1).unwrap();
    let output = exfiltrace(&["scan", "-q", &path(log.0), "--indicators", &path(feed.0), "--no-builtin"]);
    assert!(output.status.code().is_some_and(|code| code < 2), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let findings = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let indicators = findings.filter(|f| f["kind"] == "indicator");
    let word = |f: &Value, key: &str| f["indicator"][key].as_str().unwrap().to_owned();
    let mut found: Vec<String> = indicators
        .map(|f| format!("{} {} {} {}", word(&f, "kind"), word(&f, "match"), word(&f, "value"), f["count"]))
        .collect();
    found.sort();
    found
}

#[test]
fn a_vulnerability_is_a_whole_token() {
    let list = "CVE-2021-44228";
    for text in [
        "CVE-2021-44228",
        "x cve-2021-44228.",
        "\"Cve-2021-44228\"",
        "/exploits/CVE-2021-44228-poc.py",
        "(CVE-2021-44228)",
    ] {
        assert_eq!(words(list, text).len(), 1, "{text}");
    }
    for text in
        ["CVE-2021-442289", "CVE-2021-4422", "xCVE-2021-44228", "CVE-2021-44228x", "CVE-2021_44228", "CVE-021-44228"]
    {
        assert_eq!(words(list, text), [] as [&str; 0], "{text}");
    }
}

#[test]
fn a_keyword_is_no_part_of_a_longer_word() {
    let mut builder = Builder::new();
    builder.add("k.csv", "00", b"type,value\nkeyword,Operation Night Owl\nkeyword,$$drop$$\n");
    let (set, refused) = builder.finish();
    assert_eq!((refused.len(), set.list.len()), (0, 2));
    let count = |text: &str| hits(&set, text.as_bytes()).len();
    assert_eq!(count("the operation NIGHT owl."), 1);
    assert_eq!(count("operation night owls"), 0);
    assert_eq!(count("cooperation night owl"), 0);
    assert_eq!(count("a$$DROP$$b"), 1, "marks at its ends are their own border");
}

#[test]
fn typed_values_are_met_in_their_fields_only() {
    let feed = "type,value\n\
        registry_key,HKLM\\Software\\Contoso\\Agent\n\
        registry_key,HKEY_CURRENT_USER\\Software\\Evil\\Run\n\
        mutex,Global\\mtx-7781\n\
        named pipe,\\\\.\\pipe\\MSSE-4411-server\n\
        ja4,t13d1516h2_8daaf6152771\n\
        btc,1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa\n";
    let log = r#"{"time":"2026-03-01T10:00:00Z","TargetObject":"\\REGISTRY\\MACHINE\\SOFTWARE\\Wow6432Node\\Contoso\\Agent"}
{"time":"2026-03-01T10:00:01Z","TargetObject":"HKLM\\Software\\Contoso\\Agent\\Start"}
{"time":"2026-03-01T10:00:02Z","TargetObject":"HKLM\\Software\\Contoso\\Agents"}
{"time":"2026-03-01T10:00:03Z","TargetObject":"HKU\\S-1-5-21-1-2-3-1001\\Software\\Evil\\Run"}
{"time":"2026-03-01T10:00:04Z","message":"HKLM\\Software\\Contoso\\Agent"}
{"time":"2026-03-01T10:00:05Z","mutex":"\\Sessions\\1\\BaseNamedObjects\\mtx-7781"}
{"time":"2026-03-01T10:00:06Z","note":"mtx-7781"}
{"time":"2026-03-01T10:00:07Z","PipeName":"\\msse-4411-SERVER"}
{"time":"2026-03-01T10:00:08Z","tls":{"client":{"ja4":"t13d1516h2_8daaf6152771_b186095e22b6"}}}
{"time":"2026-03-01T10:00:09Z","wallet":"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"}
{"time":"2026-03-01T10:00:10Z","text":"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"}
"#;
    assert_eq!(
        found(("typed.csv", feed), ("events.json", log)),
        [
            "crypto_address exact 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa 1",
            "ja4 prefix t13d1516h2_8daaf6152771 1",
            "mutex exact mtx-7781 1",
            "named_pipe exact msse-4411-server 1",
            "registry_key exact hkcu\\software\\evil\\run 1",
            "registry_key exact hklm\\software\\contoso\\agent 1",
            "registry_key prefix hklm\\software\\contoso\\agent 1",
        ]
    );
}

#[test]
fn data_listed_beside_a_key_must_be_met_as_well() {
    let feed = r#"{"Event":{"info":"x","threat_level_id":"1","Attribute":[
        {"type":"regkey|value","to_ids":true,"value":"HKLM\\Software\\Contoso\\Agent|C:\\bad.exe"},
        {"type":"vulnerability","to_ids":true,"value":"CVE-2026-12345"},
        {"type":"mutex","to_ids":true,"value":"mtx-7781"}]}}"#;
    let log = r#"{"time":"2026-03-01T10:00:00Z","TargetObject":"HKLM\\Software\\Contoso\\Agent\\Run","Details":"C:\\good.exe"}
{"time":"2026-03-01T10:00:01Z","TargetObject":"HKLM\\Software\\Contoso\\Agent\\Run","Details":"c:\\BAD.exe"}
{"time":"2026-03-01T10:00:02Z","sig":"exploit CVE-2026-12345 seen"}
"#;
    assert_eq!(
        found(("event.json", feed), ("events.json", log)),
        ["cve exact CVE-2026-12345 1", "registry_key prefix hklm\\software\\contoso\\agent|C:\\bad.exe 1"]
    );
}

#[test]
fn values_that_would_match_too_much_are_refused() {
    let feed = "type,value\nregistry_key,HKLM\\Software\nregistry_key,Software\\X\\Y\nkeyword,a-b\nmutex,ab\n\
        btc,1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb\nja4,t13d1516h2\ncve,CVE-2021-1\nregistry_key,HKLM\\Software\\X*\\Y\n";
    let mut builder = Builder::new();
    builder.add("bad.csv", "00", feed.as_bytes());
    let (set, refused) = builder.finish();
    assert_eq!((set.list.len(), refused.len()), (0, 8), "{refused:?}");
}

#[test]
fn shapes_alone_tell_the_kind_in_a_list() {
    let (set, refused) = build(
        "CVE-2021-44228\nHKLM\\Software\\Contoso\\Agent\n\\\\.\\pipe\\msse-1\nt13d1516h2_8daaf6152771_b186095e22b6\nbc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4\n",
    );
    assert_eq!(refused, []);
    let kinds: Vec<IndicatorKind> = set.list.iter().map(|i| i.kind).collect();
    use IndicatorKind::{Cve, Ja4, Pipe, RegistryKey, Wallet};
    assert_eq!(kinds, [Cve, RegistryKey, Pipe, Ja4, Wallet]);
}

proptest! {
    /// The gate finds the literals that the plain search finds.
    #[test]
    fn literals_are_found_as_the_plain_search_finds_them(
        text in "[ acveCVE0-9-]{0,40}(CVE-2021-44228|night owl|agent|)[ a-z0-9]{0,20}(cve-2021-4422[0-9]{0,2}|)",
    ) {
        let mut builder = Builder::new();
        builder.add("k.csv", "00", b"type,value\nkeyword,night owl\ncve,CVE-2021-44228\ncve,CVE-2021-44229\nregistry_key,HKLM\\Software\\agent\n");
        let (set, _) = builder.finish();
        let atoms = exfiltrace::model::atoms::Atoms::default();
        let sift = exfiltrace::sift::Sift::new(&set, &atoms);
        let (mut fast, mut plain) = (Vec::new(), Vec::new());
        sift.indicators(text.as_bytes(), &mut fast);
        sift.indicators_plainly(text.as_bytes(), &mut plain);
        prop_assert_eq!(fast, plain);
    }
}

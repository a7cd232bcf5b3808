//! Our feed reading over the texts of ioc-finder's tests. Where the results differ, a clause of our semantics says why;
//! a difference without one fails.

use std::collections::{BTreeMap, BTreeSet};

use exfiltrace::indicators::{Builder, Refusal};
use serde_json::Value;

use crate::support::shared;

/// Why we and ioc-finder differ over a value, in the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Clause {
    /// 6.3: autonomous systems, hardware addresses and fuzzy hashes are not taken yet; they are refused and told.
    KindNotTaken,
    /// 6.5, domain: a name inside of a URL or mail address is reached by way of it (`url_host`, `email_domain`), and is
    /// no indicator of its own.
    HostOfAnother,
    /// 6.5, IPv4: octets with leading zeros are not equal to those without.
    LeadingZeros,
    /// 6.5, crypto address: its checksum must be right.
    Checksum,
    /// 6.5, e-mail: the local part is taken as written, `=` included.
    LocalPart,
    /// 6.1: a plain list has one value a line. What else stands in the line is text beside the value.
    OneValueALine,
    /// 6.1: a line of which nothing is taken is refused with its line and a reason.
    RefusedAndTold,
    /// 6.4: of prose only what is defanged, a digest or in code marks is meant as an indicator.
    Prose,
    /// The case asks for some types only; a feed has no such option.
    TypeNotAsked,
    /// 6.5, domain: a name that stands alone in a list is taken at its word, whatever its end.
    AnyEnd,
    /// 6.5, registry: parts of a key hold blanks, so the key goes to the end of its line.
    KeyToTheEnd,
    /// 6.5, e-mail: what has the form of a mail address is one, also at a server for chats.
    MailForm,
}

/// What a text gives as a feed: (type of ioc-finder, value), and what was refused.
fn read(text: &str) -> (BTreeSet<(String, String)>, Vec<Refusal>) {
    let mut builder = Builder::new();
    builder.add("feed", "00", text.as_bytes());
    let (set, refused) = builder.finish();
    (set.list.iter().map(|i| (i.kind.word().to_owned(), i.value.to_string())).collect(), refused)
}

/// The kind under which we keep what ioc-finder names so; nothing for what we do not take.
fn kind(named: &str) -> Option<&'static str> {
    Some(match named {
        "domains" => "domain",
        "urls" | "urls_complete" => "url",
        "ipv4s" => "ipv4",
        "ipv6s" => "ipv6",
        "ipv4_cidrs" => "cidr",
        "email_addresses" | "email_addresses_complete" => "email",
        "md5s" | "imphashes" => "md5",
        "sha1s" => "sha1",
        "sha256s" | "authentihashes" => "sha256",
        "sha512s" => "sha512",
        "cves" => "cve",
        "registry_key_paths" => "registry_key",
        "bitcoin_addresses" | "monero_addresses" => "crypto_address",
        "file_paths" => "file_path",
        "user_agents" => "user_agent",
        _ => return None,
    })
}

/// Why an expected value is not among ours.
fn missing(
    named: &str,
    value: &str,
    text: &str,
    ours: &BTreeSet<(String, String)>,
    refused: &[Refusal],
) -> Option<Clause> {
    let inside = |kind: &str| ours.iter().any(|(k, v)| k == kind && v.to_lowercase().contains(&value.to_lowercase()));
    let octet = |part: &str| part.len() > 1 && part.starts_with('0');
    let several = text.lines().any(|line| line.split_whitespace().count() > 1);
    let told = |refusal: &&Refusal| !refusal.value.is_empty();
    Some(match () {
        () if kind(named).is_none() => Clause::KindNotTaken,
        () if named == "domains" && (inside("url") || inside("email")) => Clause::HostOfAnother,
        () if named == "email_addresses" && ours.iter().any(|(k, v)| k == "email" && v.ends_with(value)) => {
            Clause::LocalPart
        }
        () if named == "ipv4s" && text.split('.').any(octet) => Clause::LeadingZeros,
        () if named == "bitcoin_addresses" && read(value).0.iter().all(|(k, _)| k != "crypto_address") => {
            Clause::Checksum
        }
        () if several && !ours.is_empty() => Clause::OneValueALine,
        () if refused.iter().any(|refusal| refusal.reason.starts_with("no value")) => Clause::Prose,
        () if refused.iter().find(told).is_some() => Clause::RefusedAndTold,
        () => return None,
    })
}

/// Why a value of ours is not expected.
fn surplus(kind_of_ours: &str, value: &str, case: &Value) -> Option<Clause> {
    let asked = case["options"]["included_ioc_types"].as_array().unwrap();
    let asks = asked.iter().filter_map(Value::as_str).any(|named| kind(named) == Some(kind_of_ours));
    let digest = matches!(kind_of_ours, "md5" | "sha256");
    Some(match () {
        () if !asks || digest => Clause::TypeNotAsked,
        () if kind_of_ours == "domain" => Clause::AnyEnd,
        () if kind_of_ours == "registry_key" && value.contains(' ') => Clause::KeyToTheEnd,
        () if kind_of_ours == "email" && value.contains("jabber") => Clause::MailForm,
        () => return None,
    })
}

#[test]
fn every_difference_to_ioc_finder_is_explained_by_a_clause() {
    let Some(path) = shared("conformance/ioc-extract.jsonl") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let cases: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!cases.is_empty(), "the suite holds cases");
    let mut clauses: BTreeMap<Clause, usize> = BTreeMap::new();
    let (mut alike, mut unexplained) = (0, Vec::new());
    for case in &cases {
        let text = case["text"].as_str().unwrap();
        let (ours, refused) = read(text);
        let mut met = BTreeSet::new();
        for (named, values) in case["expected"].as_object().unwrap() {
            for value in values.as_array().into_iter().flatten().filter_map(Value::as_str) {
                // Their spelling, read as we read it.
                let same: Vec<_> = read(value).0.into_iter().filter(|item| ours.contains(item)).collect();
                let same = same.into_iter().filter(|(k, _)| kind(named) == Some(k)).collect::<Vec<_>>();
                if !same.is_empty() {
                    alike += 1;
                    met.extend(same);
                    continue;
                }
                match missing(named, value, text, &ours, &refused) {
                    Some(clause) => *clauses.entry(clause).or_default() += 1,
                    None => unexplained.push(format!("{}: {named} {value} is missing from {ours:?}", case["name"])),
                }
            }
        }
        for (kind, value) in ours.difference(&met) {
            match surplus(kind, value, case) {
                Some(clause) => *clauses.entry(clause).or_default() += 1,
                None => unexplained.push(format!("{}: {kind} {value} is not expected", case["name"])),
            }
        }
    }
    println!("{} cases, {alike} values alike, differences by clause: {clauses:#?}", cases.len());
    assert!(alike > 50, "{alike} values are alike");
    assert!(unexplained.is_empty(), "{} differences without a clause:\n{}", unexplained.len(), unexplained.join("\n"));
}

#[test]
fn blanks_in_keys_and_brackets_around_urls_make_no_other_value() {
    let values = |text: &str| read(text).0.into_iter().map(|(_, value)| value).collect::<Vec<_>>();
    assert_eq!(values("HKLM\\SOFTWARE\\foo bar bing\\buzz boom\\b"), ["hklm\\software\\foo bar bing\\buzz boom\\b"]);
    assert_eq!(values("HKLM\\SOFTWARE\\a bc\\d # why"), ["hklm\\software\\a bc\\d"]);
    assert_eq!(values("HKLM\\Software\\Ab\\Cdef HKCU\\Software\\Ab\\Cdef"), [] as [&str; 0]);
    assert_eq!(values("(https://i.example/abc.png)"), ["https://i.example/abc.png"]);
    assert_eq!(values("<a href=\"https://bit.example/1\" target=x>"), [] as [&str; 0]);
}

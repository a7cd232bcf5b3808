//! Feeds and matching: the boundary clauses, a slow twin, the corpora.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use exfiltrace::indicators::{Builder, Refusal};
use exfiltrace::model::atoms::Atoms;
use exfiltrace::model::hit::MatchKind;
use exfiltrace::model::indicator::{IndicatorKind, Indicators, RawHit};
use exfiltrace::sift::{Sift, plausible};
use proptest::prelude::*;

pub fn build(list: &str) -> (Indicators, Vec<Refusal>) {
    let mut builder = Builder::new();
    builder.add("list.txt", "00", list.as_bytes());
    builder.finish()
}

pub fn hits(set: &Indicators, text: &[u8]) -> Vec<RawHit> {
    let mut out = Vec::new();
    Sift::new(set, &Atoms::default()).indicators(text, &mut out);
    out
}

/// Hits as `how value matched-text`.
pub fn words(list: &str, text: &str) -> Vec<String> {
    let (set, refused) = build(list);
    assert_eq!(refused, [], "the list is sound");
    let show = |hit: &RawHit| {
        let value = set.get(hit.indicator).unwrap().value;
        format!("{:?} {value} {}", hit.how, String::from_utf8_lossy(&text.as_bytes()[hit.start..hit.end]))
    };
    hits(&set, text.as_bytes()).iter().map(show).collect()
}

pub fn meets(list: &str, text: &str) -> bool {
    !words(list, text).is_empty()
}

#[test]
fn ipv4_boundaries() {
    let list = "203.0.113.4";
    for text in [
        "203.0.113.4",
        "x 203.0.113.4 y",
        "203.0.113.4:443",
        "at 203.0.113.4.",
        "[203.0.113.4]",
        "ip=203.0.113.4,",
        "http://203.0.113.4/x",
        "::ffff:203.0.113.4",
        "::ffff:cb00:7104",
        "\"203.0.113.4\"",
        "203.0.113.4-203.0.113.9",
        "u=http%3A%2F%2F203.0.113.4%2Fx",
        "(203.0.113.4)",
        "203.0.113.4...",
        "203.0.113.4/24",
    ] {
        assert!(meets(list, text), "{text}");
    }
    for text in [
        "1203.0.113.4",
        "203.0.113.45",
        "203.0.113.4.5",
        "5.203.0.113.4",
        "203.0.113.04",
        "203.00.113.4",
        "x203.0.113.4",
        "ip-203.0.113.4-x",
        "203.0.113",
        "203.0.113.4.in-addr.arpa",
        "203.0\n.113.4",
    ] {
        assert!(!meets(list, text), "{text}");
    }
}

#[test]
fn ipv6_is_compared_as_a_number() {
    let list = "2001:db8::1";
    for text in [
        "2001:db8::1",
        "2001:DB8:0:0:0:0:0:1",
        "2001:0db8:0000:0000:0000:0000:0000:0001",
        "[2001:db8::1]:443",
        "2001:db8::1%eth0",
        "from 2001:db8::1.",
        "src=2001:db8:0::1,",
        "2001:db8::1/64",
    ] {
        assert!(meets(list, text), "{text}");
    }
    for text in
        ["2001:db8::11", "12001:db8::1", "2001:db8::1:2", "10:20:30", "00:1a:2b:3c:4d:5e", "2001:db8::1f", "x::1"]
    {
        assert!(!meets(list, text), "{text}");
    }
}

#[test]
fn networks_hold_addresses() {
    let list = "198.51.100.0/25\n2001:db8:5::/48";
    assert_eq!(words(list, "a 198.51.100.127 b"), ["Cidr 198.51.100.0/25 198.51.100.127"]);
    assert_eq!(words(list, "2001:db8:5:9::7 x"), ["Cidr 2001:db8:5::/48 2001:db8:5:9::7"]);
    assert!(!meets(list, "198.51.100.128 198.51.99.255 2001:db8:6::1"));
}

#[test]
fn domain_boundaries() {
    let list = "evil.com";
    assert_eq!(words(list, "GET EVIL.com HTTP"), ["Exact evil.com EVIL.com"]);
    assert_eq!(words(list, "a.evil.com"), ["Subdomain evil.com a.evil.com"]);
    assert_eq!(words(list, "to bob@evil.com"), ["EmailDomain evil.com evil.com"]);
    for text in [
        "evil.com.",
        "http://evil.com:80/x",
        "\"evil.com\"",
        ".evil.com",
        "%2F%2Fevil.com%2F",
        "“evil.com”",
        "x\\nevil.com",
    ] {
        assert!(meets(list, text), "{text}");
    }
    for text in [
        "notevil.com",
        "evil.com.au",
        "evil.common",
        "evil.com-x",
        "-evil.com",
        "_evil.com",
        "evil.com_",
        "evil.com@foo.org",
        "éevil.com",
        "evil .com",
        "evil\n.com",
    ] {
        assert!(!meets(list, text), "{text}");
    }
}

#[test]
fn domain_in_both_forms_of_idn() {
    for list in ["bücher.example", "xn--bcher-kva.example"] {
        assert!(meets(list, "q=xn--bcher-kva.example "), "{list}");
        assert!(meets(list, "q=bücher.example "), "{list}");
        assert!(meets(list, "q=www.BÜCHER.example "), "{list}");
        assert!(!meets(list, "q=notbücher.example "), "{list}");
    }
}

#[test]
fn urls_and_their_hosts() {
    let list = "http://evil.com/a/b.php?x=1";
    assert_eq!(
        words(list, "\"http://EVIL.com:80/a/%62.php?x=1#f\""),
        ["Exact http://evil.com/a/b.php?x=1 http://EVIL.com:80/a/%62.php?x=1#f"]
    );
    assert!(words(list, "see http://evil.com/a/b.php?x=1.")[0].starts_with("Exact"));
    for text in
        ["http://evil.com/a/b.php?x=12", "CONNECT evil.com:443 HTTP/1.1", "evil.com", "https://evil.com/a/b.php?x=1"]
    {
        assert!(words(list, text)[0].starts_with("UrlHost"), "{text}");
    }
    for text in [
        "http://evil.com/A/b.php?x=1",
        "a.evil.com",
        "http://notevil.com/a/b.php?x=1",
        "bob@evil.com",
        "/var/evil.com/x",
        "(evil.com)",
    ] {
        assert!(!meets(list, text), "{text}");
    }
    assert!(words("http://203.0.113.4", "GET http://203.0.113.4/ ")[0].starts_with("Exact"));
    assert!(words("evil.com/a", "https://evil.com/a ")[0].starts_with("Exact"));
}

#[test]
fn mail_addresses() {
    let list = "Bob@evil.com";
    for text in ["<bob@EVIL.com>", "mailto:bob@evil.com"] {
        assert_eq!(words(list, text).len(), 1, "{text}");
    }
    for text in ["xbob@evil.com", "bob+a@evil.com", "bob@a.evil.com", "bob@evil.com.au", "a.bob@evil.com", "evil.com"] {
        assert!(!meets(list, text), "{text}");
    }
}

#[test]
fn digests_of_exact_length() {
    let list = "0123456789abcdef0123456789abcde0";
    for before in 0..40 {
        assert!(meets(list, &format!("{}=0123456789ABCDEF0123456789abcde0,SHA256=", "z".repeat(before))), "{before}");
    }
    for text in
        ["0123456789abcdef0123456789abcde01", "a0123456789abcdef0123456789abcde0", "0123456789abcdef0123456789abcde"]
    {
        assert!(!meets(list, text), "{text}");
    }
}

#[test]
fn file_names_and_paths() {
    let mut builder = Builder::new();
    let bundle = r#"{"type":"bundle","objects":[
        {"type":"indicator","pattern":"[file:name = 'bad tool.exe']","confidence":70,"valid_from":"2024-01-01T00:00:00Z"},
        {"type":"indicator","pattern":"[file:path = 'C:\\\\Temp\\\\x.dll' OR file:path = '/tmp/Drop.so']"}]}"#;
    builder.add("b.json", "00", bundle.as_bytes());
    let (set, refused) = builder.finish();
    assert_eq!(refused, []);
    for text in
        ["run bad tool.exe", "C:\\Bad Tool.EXE\"", "d:\\temp\\X.dll", "C:\\\\Temp\\\\x.dll", "open /tmp/Drop.so;"]
    {
        assert_eq!(hits(&set, text.as_bytes()).len(), 1, "{text}");
    }
    for text in ["mybad tool.exe", "bad tool.exe.txt", "/tmp/drop.so", "C:\\Temp2\\x.dll"] {
        assert_eq!(hits(&set, text.as_bytes()).len(), 0, "{text}");
    }
    let index = set.list.iter().position(|i| i.value == "bad tool.exe").unwrap();
    assert_eq!(set.meta(index as u32).confidence, Some(70));
    assert!(set.meta(index as u32).valid_from.is_some());
}

#[test]
fn user_agents_are_whole() {
    let mut builder = Builder::new();
    builder.add("i", "0", b"#fields\tindicator\tindicator_type\nEvilBot/1.0 (x)\tIntel::SOFTWARE\n");
    let (set, _) = builder.finish();
    assert_eq!(hits(&set, b"- \"EvilBot/1.0 (x)\"\n").len(), 1);
    assert_eq!(hits(&set, b"a\tEvilBot/1.0 (x)\tb\n").len(), 1);
    assert_eq!(hits(&set, b"\"EvilBot/1.0 (x) more\" \"evilbot/1.0 (x)\"").len(), 0);
}

#[test]
fn too_broad_values_are_refused() {
    for value in [
        "a.b",
        "10.1.2.3",
        "192.168.0.1",
        "127.0.0.1",
        "169.254.1.1",
        "0.0.0.0",
        "224.0.0.1",
        "1.0.0.0/7",
        "::1",
        "fe80::1",
        "co.uk",
        "d41d8cd98f00b204e9800998ecf8427e",
        "00000000000000000000000000000000",
        "/path.php",
        "http://localhost/x",
    ] {
        let (set, refused) = build(value);
        assert_eq!((set.list.len(), refused.len()), (0, 1), "{value}");
    }
    for value in ["203.0.113.9", "2001:db8::9", "evil.example", "198.51.100.0/24"] {
        assert_eq!(build(value).0.list.len(), 1, "{value}");
    }
}

#[test]
fn defanged_reports() {
    let report = "= Report\n\nSee the text at https://news.example/a for more on bad.example and so on.\n\n\
        * hxxps://evil[.]example/x was used, then 203[.]0[.]113[.]7 and some more words here\n|`evil.org` | b\n";
    let values: Vec<String> = build(report).0.list.iter().map(|i| i.value.to_string()).collect();
    assert_eq!(values, ["203.0.113.7", "evil.org", "https://evil.example/x"]);
}

#[test]
fn misp_takes_what_is_marked() {
    let event = br#"{"Event":{"info":"x","Tag":[{"name":"tlp:green"}],"Attribute":[
        {"type":"domain","to_ids":true,"value":"evil.com"},{"type":"hostname","to_ids":true,"value":"h.bad.org"},
        {"type":"domain","to_ids":false,"value":"good.com"},{"type":"yara","to_ids":true,"value":"rule x {}"}]}}"#;
    let mut builder = Builder::new();
    builder.add("m", "0", event);
    let (set, refused) = builder.finish();
    assert_eq!(set.list.iter().map(|i| i.value).collect::<Vec<_>>(), ["evil.com", "h.bad.org"]);
    assert_eq!(refused.len(), 2);
    assert_eq!(&*set.meta(0).labels[0], "tlp:green");
    assert_eq!(hits(&set, b"a.h.bad.org").len(), 0);
}

#[test]
fn claims_of_feeds_are_joined() {
    let mut builder = Builder::new();
    builder.add("one", "1", b"evil.com\n");
    builder.add("two", "2", b"EVIL.com\n");
    let (set, _) = builder.finish();
    assert_eq!(set.list.len(), 1);
    assert_eq!(set.meta(0).feeds.iter().map(|f| &**f).collect::<Vec<_>>(), ["one", "two"]);
}

#[test]
fn implausible_fields() {
    let text = b"Chrome/203.0.113.4 get /x/evil.py";
    let ip = RawHit { start: 7, end: 18, indicator: 0, how: MatchKind::Exact };
    assert!(!plausible(IndicatorKind::Ipv4, &ip, None, text));
    assert!(!plausible(IndicatorKind::Ipv4, &ip, Some("user_agent.original"), b"       203.0.113.4"));
    assert!(plausible(IndicatorKind::Ipv4, &ip, Some("source.ip"), b"ip is  203.0.113.4"));
    let file = RawHit { start: 26, end: 33, indicator: 0, how: MatchKind::Exact };
    assert!(!plausible(IndicatorKind::Domain, &file, None, text));
}

#[test]
fn every_atom_is_reported() {
    let literals: Vec<Box<[u8]>> = ["ab", "abc", "bc"].iter().map(|l| l.as_bytes().into()).collect();
    let atoms = Atoms { rules: vec![vec![0]; 3], literals, always: vec![] };
    let set = Indicators::default();
    let mut out = Vec::new();
    Sift::new(&set, &atoms).atoms(0, b"xABc", &mut out);
    assert_eq!(out.iter().map(|h| (h.at, h.literal)).collect::<Vec<_>>(), [(1, 0), (1, 1), (2, 2)]);
}

/// The plain rule for domains and IPv4, without filters: split at what is no name byte.
fn naive(set: &Indicators, text: &str) -> BTreeSet<(usize, u32)> {
    let mut out = BTreeSet::new();
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let mut at = 0;
    for token in text.split(|c| !part(c)) {
        let start = at;
        at += token.len() + 1;
        let token = token.trim_end_matches('.');
        for (index, indicator) in (0u32..).zip(set.list.iter()) {
            let meets = match indicator.kind {
                IndicatorKind::Ipv4 => token == indicator.value,
                IndicatorKind::Domain => {
                    let name = token.to_ascii_lowercase();
                    let name = name.trim_start_matches('.');
                    name == indicator.value || name.ends_with(&format!(".{}", indicator.value))
                }
                _ => false,
            };
            if meets {
                let lead = if indicator.kind == IndicatorKind::Domain {
                    token.len() - token.trim_start_matches('.').len()
                } else {
                    0
                };
                out.insert((start + lead, index));
            }
        }
    }
    out
}

proptest! {
    #[test]
    fn equal_to_the_slow_twin(parts in prop::collection::vec(prop::sample::select(vec![
        "evil.com", "EVIL", ".com", "bad.co.uk", "a.", ".", " ", "\n", "/", "=", "203.0.113.4", "1", "203.0", ".113.4", "x", "(", "\"", ":", "evil.com.au",
    ]), 0..24)) {
        let (set, _) = build("evil.com\nbad.co.uk\n203.0.113.4\n198.51.100.7\nevil.com.au\n");
        let text = parts.concat();
        let found: BTreeSet<_> = hits(&set, text.as_bytes()).iter().map(|h| (h.start, h.indicator)).collect();
        prop_assert_eq!(found, naive(&set, &text));
    }

    #[test]
    fn no_panic_and_no_hit_over_a_line_end(text in prop::collection::vec(any::<u8>(), 0..400)) {
        let (set, _) = build("evil.com\nb\u{fc}cher.example\n203.0.113.4\n2001:db8::1\nhttp://bad.org/x\n0123456789abcdef0123456789abcde0\n");
        for hit in hits(&set, &text) {
            prop_assert!(!text[hit.start..hit.end].contains(&b'\n'));
        }
        let mut builder = Builder::new();
        builder.add("x", "0", &text);
        builder.finish();
    }
}

fn shared() -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpora"));
    if !path.is_dir() {
        eprintln!("skipped: the shared corpora are not here");
        return None;
    }
    Some(path.to_owned())
}

fn walk(dir: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() { walk(&entry, out) } else { out.push(entry) }
    }
}

fn decoded(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return bytes;
    }
    let mut out = Vec::new();
    let _ = flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut out);
    out
}

/// Adds the files of a tar to the builder; gives the names.
fn add_tar(builder: &mut Builder, bytes: &[u8]) {
    for entry in tar::Archive::new(bytes).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_string_lossy().into_owned();
        let mut member = Vec::new();
        entry.read_to_end(&mut member).unwrap();
        builder.add(&name, "0", &member);
    }
}

#[test]
fn corpora_equal_the_stated_hits() {
    let Some(root) = shared() else { return };
    let mut builder = Builder::new();
    builder.add("ipsum.txt", "0", &decoded(&root.join("ioc/ipsum/ipsum.txt.gz")));
    add_tar(&mut builder, &decoded(&root.join("ioc/maltrail/maltrail-trails.tar.gz")));
    let (set, refused) = builder.finish();
    eprintln!("{} indicators, {} refused", set.list.len(), refused.len());
    let truth: serde_json::Value =
        serde_json::from_slice(&std::fs::read(root.join("ioc-hits-truth.json")).unwrap()).unwrap();
    let mut stated = BTreeMap::new();
    for (file, kinds) in truth.as_object().unwrap() {
        for values in kinds.as_object().unwrap().values() {
            for (value, lines) in values.as_object().unwrap() {
                stated.insert((file.clone(), value.clone()), lines.as_u64().unwrap());
            }
        }
    }
    let counted = |kind: IndicatorKind, index: u32| {
        set.meta(index).feeds.iter().any(|feed| match kind {
            IndicatorKind::Ipv4 => &**feed == "ipsum.txt",
            IndicatorKind::Domain => feed.contains("malware/") || feed.contains("malicious/"),
            _ => false,
        })
    };
    let sift_atoms = Atoms::default();
    let sift = Sift::new(&set, &sift_atoms);
    let mut files = Vec::new();
    walk(&root, &mut files);
    let mut found = BTreeMap::new();
    let mut others = BTreeMap::new();
    for path in files {
        let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        let archive = [".zip", ".7z", ".tar.gz", ".tgz", ".tar", ".evtx", ".xz", ".bz2", ".zst"]
            .iter()
            .any(|e| name.ends_with(e));
        if archive || name.starts_with("ioc") || name.starts_with("sigma/") || name == "README.md" {
            continue;
        }
        let text = decoded(&path);
        for line in text.split(|b| *b == b'\n') {
            let mut out = Vec::new();
            sift.indicators(line, &mut out);
            let mut seen = BTreeSet::new();
            for hit in out {
                let indicator = set.get(hit.indicator).unwrap();
                let exact = hit.how == MatchKind::Exact && counted(indicator.kind, hit.indicator);
                let map = if exact { &mut found } else { &mut others };
                if seen.insert((hit.indicator, hit.how)) {
                    let label = if exact {
                        indicator.value.to_string()
                    } else {
                        format!("{:?} {:?} {}", hit.how, indicator.kind, indicator.value)
                    };
                    *map.entry((name.clone(), label)).or_insert(0u64) += 1;
                }
            }
        }
    }
    eprintln!("{} other hits", others.len());
    for (key, lines) in &others {
        eprintln!("other: {key:?} {lines}");
    }
    let missing: Vec<_> = stated.iter().filter(|(key, lines)| found.get(*key) != Some(lines)).collect();
    // The truth covers logs; `.assert` files are the expected answers that the hub keeps beside its logs. They are
    // scanned like any text, and what is met there is met in the log beside it too.
    let beside = |file: &str, value: &str| {
        let dir = |path: &str| path.rsplit_once('/').map(|(dir, _)| dir.to_owned());
        file.ends_with(".assert") && stated.keys().any(|(log, v)| v == value && dir(log) == dir(file))
    };
    let extra: Vec<_> =
        found.iter().filter(|(key, lines)| stated.get(*key) != Some(lines) && !beside(&key.0, &key.1)).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing {missing:#?}\nextra {extra:#?}");
}

#[test]
fn every_feed_of_the_corpora_loads() {
    let Some(root) = shared() else { return };
    let mut files = Vec::new();
    walk(&root.join("ioc"), &mut files);
    let load = || {
        let mut builder = Builder::new();
        for path in &files {
            let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
            let bytes = decoded(path);
            if name.ends_with(".tar.gz") { add_tar(&mut builder, &bytes) } else { builder.add(&name, "0", &bytes) }
        }
        builder.finish()
    };
    let (set, refused) = load();
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for indicator in set.list.iter() {
        *kinds.entry(indicator.kind.word()).or_default() += 1;
    }
    let mut reasons: BTreeMap<&str, (u64, &str, &str)> = BTreeMap::new();
    for refusal in &refused {
        reasons.entry(&refusal.reason).or_insert((0, &refusal.file, &refusal.value)).0 += 1;
    }
    eprintln!(
        "{} files, {} indicators {kinds:#?}\n{} refused {reasons:#?}",
        files.len(),
        set.list.len(),
        refused.len()
    );
    assert_eq!(set.feeds.iter().map(|feed| feed.refused).sum::<u64>(), refused.len() as u64);
    for kind in ["ipv4", "ipv6", "cidr", "domain", "url", "email", "md5", "sha1", "sha256", "file_name"] {
        assert!(kinds.contains_key(kind), "{kind}");
    }
}

#[test]
fn the_order_of_values_does_not_matter() {
    let (a, _) = build("evil.com\n203.0.113.4\nbad.org\n");
    let (b, _) = build("bad.org\nevil.com\n203.0.113.4\n");
    assert_eq!(a.list, b.list);
    assert_eq!(hits(&a, b"evil.com bad.org 203.0.113.4"), hits(&b, b"evil.com bad.org 203.0.113.4"));
}

fn values(list: &str) -> (Vec<String>, Vec<(u64, String)>) {
    let (set, refused) = build(list);
    let refused = refused.into_iter().map(|r| (r.line, r.value)).collect();
    (set.list.iter().map(|i| i.value.to_string()).collect(), refused)
}

#[test]
fn hosts_files_give_their_names() {
    let text = "# hosts\n127.0.0.1 localhost\n::1 ip6-localhost\n0.0.0.0 bad.example\n127.0.0.1\tworse.example # c2\n\
        0.0.0.0 a.evil.example b.evil.example\nfe80::1%lo0 localhost\n203.0.113.9 named.example\n";
    let (taken, refused) = values(text);
    assert_eq!(taken, ["203.0.113.9", "a.evil.example", "b.evil.example", "bad.example", "worse.example"]);
    assert_eq!(refused.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3, 7], "{refused:?}");
}

#[test]
fn tables_of_tabs_and_blanks_give_their_values() {
    let tabs = "id\tdomain\tnote\n1\tbad.example\tused for the C2 of it\n\tworse.example\tno id\n3\t-\tnothing here\n";
    let (taken, refused) = values(tabs);
    assert_eq!(taken, ["bad.example", "worse.example"]);
    assert_eq!(refused, [(4, "3\t-\tnothing here".to_owned())]);
    let headless = "2026-01-02\tbad.example\tloader of it\n2026-01-03\t203.0.113.4\tits panel\n";
    assert_eq!(values(headless).0, ["203.0.113.4", "bad.example"]);
    let blanks = "bad.example   a loader of theirs\n203.0.113.0/24 ; SBL123 and more\nnot a value here\n";
    let (taken, refused) = values(blanks);
    assert_eq!(taken, ["203.0.113.0/24", "bad.example"]);
    assert_eq!(refused, [(3, "not a value here".to_owned())]);
    let second = "2026-01-02 bad.example seen first\n2026-01-03 203.0.113.4 seen then\n";
    assert_eq!(values(second).0, ["203.0.113.4", "bad.example"]);
}

#[test]
fn wildcards_in_front_of_a_name_mean_what_is_below() {
    let (taken, refused) = values("*.evil.example\n.bad.example\n||worse.example^\n*.exe\n*.com\n");
    assert_eq!(taken, ["bad.example", "evil.example", "worse.example"]);
    assert_eq!(refused.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [4, 5]);
    assert!(meets("*.evil.example", "GET http://a.evil.example/") && meets(".evil.example", "x evil.example y"));
}

#[test]
fn a_report_is_no_list_of_words() {
    let asciidoc = "= Threat\n\n== Names\n\nintroduction\n\nnews.example\n\n|===\n|Loader\n|`bad.example`\n|===\n";
    assert_eq!(values(asciidoc), (vec!["bad.example".to_owned()], vec![]));
    let words = "alpha\nbeta\ngamma\ndelta\nepsilon\nzeta\neta\ntheta\niota\nkappa\nlambda\n";
    let (taken, refused) = values(words);
    assert_eq!((taken.len(), refused.len()), (0, 1), "said once for the whole: {refused:?}");
    // A heading of marks does not make a report of what is a list.
    let list = "== names ==\nbad.example\nworse.example\nevil.example\n";
    let (taken, refused) = values(list);
    assert_eq!((taken.len(), refused.len()), (3, 1));
}

#[test]
fn a_column_that_names_kinds_decides_what_a_value_is() {
    let table = "type,value,note\n\
                 user-agent,\"EvilBot/1.0 (x, y)\",a\n\
                 File_Path,/tmp/.x/evil.sh,b\n\
                 filename,evil.com,c\n\
                 domain,bad.example,d\n\
                 ip,203.0.113.4,e\n\
                 md5,0123456789abcdef0123456789abcdef,f\n\
                 mutex,Global\\x,g\n\
                 url,nonsense,h\n";
    let (set, refused) = build(table);
    let mut kinds: Vec<_> = set.list.iter().map(|i| (i.kind, i.value.to_string())).collect();
    kinds.sort();
    let value = |kind: IndicatorKind, text: &str| (kind, text.to_owned());
    assert_eq!(
        kinds,
        [
            value(IndicatorKind::Ipv4, "203.0.113.4"),
            value(IndicatorKind::Domain, "bad.example"),
            value(IndicatorKind::Md5, "0123456789abcdef0123456789abcdef"),
            value(IndicatorKind::FileName, "evil.com"),
            value(IndicatorKind::FilePath, "/tmp/.x/evil.sh"),
            value(IndicatorKind::UserAgent, "EvilBot/1.0 (x, y)"),
        ]
    );
    assert_eq!(refused.iter().map(|r| r.line).collect::<Vec<_>>(), [8, 9]);
    let (_, refused) = build("/tmp/.x/evil.sh\n203.0.113.4\n198.51.100.7\n");
    assert!(refused[0].reason.contains("column type"), "{refused:?}");
}

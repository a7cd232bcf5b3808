//! What the fuzz targets do. Each panics where a promise of the product is broken, and says nothing else.

mod scan;

use exfiltrace::detect::{Program, Scratch, Setup};
use exfiltrace::indicators::{Builder, db};
use exfiltrace::model::atoms::Atoms;
use exfiltrace::model::fields::{Fields, Want};
use exfiltrace::model::flat::Flat;
use exfiltrace::model::indicator::{Indicators, RawHit};
use exfiltrace::model::layout::Layout;
use exfiltrace::sift::Sift;

pub use scan::scan;

/// A target, by its name.
pub type Target = (&'static str, fn(&[u8]), fn() -> Vec<Vec<u8>>);

/// All targets, each with inputs to begin with.
pub const TARGETS: &[Target] =
    &[("rule_pack", rule_pack, || vec![pack()]), ("ioc_db", ioc_db, || vec![sample()]), ("feeds", feeds, texts), ("scan", scan, scan::samples)];

const HEADER_BYTES: usize = 64;
const ENTRY_BYTES: usize = 96;

/// Bytes as a compiled file, as they are and with the digests that they ought to have: refused, or safe to use.
pub fn ioc_db(bytes: &[u8]) {
    for file in [bytes.to_vec(), forged(bytes.to_vec())] {
        let Ok(set) = db::read(&Flat::from(file)) else { continue };
        use_all(&set);
        let mut builder = Builder::new();
        builder.add_compiled(&set);
        use_all(&builder.finish().0);
    }
}

/// Bytes as a feed: read without a panic, every value counted once, and the same set after the way through a file.
pub fn feeds(bytes: &[u8]) {
    let mut builder = Builder::new();
    builder.add("feed", "00", bytes);
    builder.repeats();
    let (set, refused) = builder.finish();
    assert_eq!(set.feeds[0].refused, refused.len() as u64);
    assert!(set.list.len() as u64 <= set.feeds[0].taken);
    let mut file = Vec::new();
    db::write(&set, &mut file).expect("memory takes all");
    let back = db::read(&Flat::from(file)).expect("what was written can be read");
    assert!(back == set);
    assert_eq!(hits(&back, bytes), hits(&set, bytes));
}

/// Bytes as compiled rules, as they are and with the length and digest that they ought to have: refused, or safe to use.
pub fn rule_pack(bytes: &[u8]) {
    for file in [bytes.to_vec(), resealed(bytes.to_vec())] {
        let packs = [("pack".to_owned(), file)];
        let Ok((program, _)) = Program::compile_over(&packs, [], &Setup::default()) else { continue };
        let mut scratch = Scratch::default();
        for format in exfiltrace::format::list() {
            let Some(gate) = program.gate(format.name()) else { continue };
            for line in RECORDS {
                let mut fields = Fields::default();
                let read = format.parse(&Layout::plain(), line.as_bytes(), Want::All, &mut fields);
                let mut hits = Vec::new();
                if read.is_ok() || gate.bypasses(line.as_bytes()) {
                    program.eval(format.name(), &fields, line.as_bytes(), &gate.all, &mut scratch, &mut hits);
                }
                assert!(hits.iter().all(|rule| (*rule as usize) < program.rules().len()));
                hits.iter().for_each(|rule| drop(program.asked_of(format.name(), &fields, *rule, &mut scratch)));
            }
        }
    }
}

const RECORDS: &[&str] = &[
    r#"{"Event":{"System":{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational"},"EventData":{"Image":"C:\\a.exe","CommandLine":"a -x \u0041"}}}"#,
    r#"{"eventVersion":"1.08","eventSource":"s3.amazonaws.com","eventName":"GetObject","eventTime":"2026-03-28T23:10:04Z","userAgent":"a"}"#,
    r#"type=EXECVE msg=audit(1774739404.500:1): argc=2 a0="curl" a1=2D54"#,
    r#"192.0.2.1 - - [28/Mar/2026:23:10:04 +0000] "GET /a?b=../x HTTP/1.1" 200 5 "-" "curl""#,
];

/// The pack with the length and the digest of its contents, so that changes reach what lies behind them.
fn resealed(mut file: Vec<u8>) -> Vec<u8> {
    const LENGTH: std::ops::Range<usize> = 12..20;
    const CONTENTS: usize = 52;
    if let Some(contents) = file.get(CONTENTS..) {
        let (length, digest) = (contents.len() as u64, *blake3::hash(contents).as_bytes());
        file[LENGTH].copy_from_slice(&length.to_le_bytes());
        file[LENGTH.end..CONTENTS].copy_from_slice(&digest);
    }
    file
}

/// Rules with every sort of condition and value, compiled.
fn pack() -> Vec<u8> {
    let rules = [
        ("windows, category: process_creation", r"{Image|endswith: .exe, CommandLine|re|i: 'a\s+-x', Other: null}"),
        ("windows, service: sysmon", "{CommandLine|windash|contains|all: [a, ' -x'], EventID|lt: 5, Image|exists: true}"),
        ("aws, service: cloudtrail", "{eventName: [Get*, Put?bject], sourceIPAddress|cidr: 192.0.2.0/24}"),
        ("linux, service: auditd", "[curl, '*wget*']"),
        ("apache", "{cs-uri-query|base64offset|contains: evil, sc-status|gte: 200}"),
    ];
    let documents = rules.into_iter().enumerate().map(|(at, (product, search))| {
        let text = format!(
            "title: t{at}\nid: 00000000-0000-4000-8000-00000000000{at}\nname: n{at}\nlevel: high\nlogsource: {{product: {product}}}\ndetection: {{s: {search}, f: {{User: x}}, condition: s and not f}}\n"
        );
        (format!("{at}.yml"), text)
    });
    let counted = "title: c\ncorrelation: {type: event_count, rules: [n0], group-by: [User], timespan: 1h, condition: {gte: 2}}\n";
    let all = documents.chain([("c.yml".to_owned(), counted.to_owned())]);
    Program::packed(all, &Setup::default(), false).2
}

fn use_all(set: &Indicators) {
    for (index, entry) in (0u32..).zip(set.list.iter()) {
        set.meta(index);
        hits(set, entry.value.as_bytes());
    }
    set.meta(u32::MAX);
    hits(set, TEXT);
}

fn hits(set: &Indicators, text: &[u8]) -> Vec<RawHit> {
    let mut out = Vec::new();
    Sift::new(set, &Atoms::default()).indicators(text, &mut out);
    out
}

/// The file with right digests, so that changes reach what lies behind them.
fn forged(mut file: Vec<u8>) -> Vec<u8> {
    let Some(count) = file.get(12..16).map(|count| u32::from_le_bytes([count[0], count[1], count[2], count[3]])) else {
        return file;
    };
    let end = HEADER_BYTES + ENTRY_BYTES * (count as usize).min(1024);
    if file.len() < end {
        return file;
    }
    for at in (HEADER_BYTES..end).step_by(ENTRY_BYTES) {
        let number = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().expect("eight bytes")) as usize;
        let (from, length) = (number(at + 32), number(at + 40));
        let to = from.saturating_add(length).checked_next_multiple_of(64).unwrap_or(usize::MAX);
        if let Some(digest) = file.get(from..to).map(|bytes| *blake3::hash(bytes).as_bytes()) {
            file[at + 64..at + 96].copy_from_slice(&digest);
        }
    }
    let digest = *blake3::Hasher::new().update(&file[..32]).update(&file[HEADER_BYTES..end]).finalize().as_bytes();
    file[32..64].copy_from_slice(&digest);
    file
}

fn sample() -> Vec<u8> {
    let mut builder = Builder::new();
    texts().iter().for_each(|text| builder.add("feed", "00", text));
    let mut file = Vec::new();
    db::write(&builder.finish().0, &mut file).expect("memory takes all");
    file
}

fn texts() -> Vec<Vec<u8>> {
    [
        "evil.com\nxn--bcher-kva.example\n203.0.113.4\n198.51.100.0/24\n2001:db8::1\n2001:db8:7::/48\nbob@evil.com\n",
        "hxxp://evil[.]com/a?b=1\nhttps://203.0.113.9/x\n0123456789abcdef0123456789abcde0\nbad.exe\n||ads.example^\n",
        "#fields\tindicator\tindicator_type\nEvilBot/1.0 (x)\tIntel::SOFTWARE\n",
        "0.0.0.0 bad.example other.example # comment\n127.0.0.1 third.example\n",
        "ioc,type\nevil.com,domain\n\"203.0.113.4\",ip\n",
        "bad tool\\.exe;70\n\\\\temp\\\\x\\.dll;a comment\n*.below.example;5\n",
        r#"{"type":"bundle","objects":[{"type":"indicator","pattern":"[domain-name:value = 'h.bad.org' OR file:name IN ('a.exe','b.dll')]","valid_from":"2026-01-01T00:00:00Z","labels":["a"],"confidence":7}]}"#,
        r#"{"Event":{"info":"x","Attribute":[{"type":"domain|ip","value":"evil.com|203.0.113.4","to_ids":true,"Tag":[{"name":"t"}]}]}}"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

const TEXT: &[u8] = b"h.bad.org x.evil.com b\xc3\xbccher.example 203.0.113.4 198.51.100.7 2001:db8::1 2001:db8:7::5 \
    http://evil.com/a?b=1 https://203.0.113.9/x <bob@evil.com> 0123456789ABCDEF0123456789abcde0 c:\\bad.exe \
    \"EvilBot/1.0 (x)\" c:\\temp\\x.dll\n";

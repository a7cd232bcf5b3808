//! The fast pass against its plain twin: every kind, every implementation, every position in a block.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::{order, pass, plain};
use crate::model::indicator::{Indicator, IndicatorKind, Indicators, RawHit};
use crate::model::lanes::Isa;

fn compiled(kinds: &[(IndicatorKind, &[&str])]) -> Indicators {
    let one = |kind, value: &&str| Indicator { kind, value: (*value).into(), exact_only: false, claims: Vec::new() };
    let mut list: Vec<_> = kinds.iter().flat_map(|(kind, values)| values.iter().map(|v| one(*kind, v))).collect();
    list.sort_by(|a, b| (a.kind, &a.value).cmp(&(b.kind, &b.value)));
    Indicators::compile(list.into_iter().collect(), Vec::new())
}

const V4: (IndicatorKind, &[&str]) = (IndicatorKind::Ipv4, &["203.0.113.4", "1.2.3.4", "198.51.100.200", "9.9.9.9"]);
const NETS: (IndicatorKind, &[&str]) = (IndicatorKind::Cidr, &["192.0.2.0/25", "100.0.0.0/8", "2001:db8:5::/48"]);
const V6: (IndicatorKind, &[&str]) = (IndicatorKind::Ipv6, &["2001:db8::1", "2001:db8:1:2:3:4:5:6", "fe01::a"]);
const NAMES: (IndicatorKind, &[&str]) = (
    IndicatorKind::Domain,
    &["evil.com", "a.bad.org", "x.co.uk", "q-1.example", "a-label-of-more-than-forty-bytes-to-fill-the-tail.example"],
);
const WIDE: (IndicatorKind, &[&str]) =
    (IndicatorKind::Domain, &["xn--bcher-kva.example", "xn--e1afmkfd.xn--p1ai", "evil.com"]);
const URLS: (IndicatorKind, &[&str]) =
    (IndicatorKind::Url, &["http://evil.com/a?b=1", "https://203.0.113.4/x", "u.evil.com/p"]);
const MAIL: (IndicatorKind, &[&str]) = (IndicatorKind::Email, &["bob@evil.com", "a.b+c@bad.org"]);
const DIGESTS: (IndicatorKind, &[&str]) =
    (IndicatorKind::Md5, &["0123456789abcdef0123456789abcde0", "ffffffffffffffffffffffffffffff01"]);
const LONG_DIGESTS: (IndicatorKind, &[&str]) =
    (IndicatorKind::Sha256, &["0123456789abcdef0123456789abcde00123456789abcdef0123456789abcde0"]);
const OTHER_DIGESTS: (IndicatorKind, &[&str]) = (
    IndicatorKind::Sha512,
    &[
        "89abcdef0123456789abcdef0123456789abcdef",
        "cdef0123456789abcdef0123456789abcdef0123456789abcdef0123",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "f123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    ],
);
const FILES: (IndicatorKind, &[&str]) =
    (IndicatorKind::FileName, &["bad tool.exe", ".evilrc.x", "lib.so.1", "nc.exe", "büro.exe"]);
const PATHS: (IndicatorKind, &[&str]) = (IndicatorKind::FilePath, &["\\temp\\x.dll", "/tmp/Drop.so"]);
const AGENTS: (IndicatorKind, &[&str]) =
    (IndicatorKind::UserAgent, &["EvilBot/1.0 (x)", "curl/7.evil", "Mozilla/5.0 (evil.com) Gecko"]);

fn sets() -> Vec<Indicators> {
    let all = [V4, NETS, V6, NAMES, URLS, MAIL, DIGESTS, LONG_DIGESTS, OTHER_DIGESTS, FILES, PATHS, AGENTS];
    let mut sets: Vec<_> = all.iter().map(|kind| compiled(std::slice::from_ref(kind))).collect();
    sets.extend([
        compiled(&all),
        compiled(&[WIDE]),
        compiled(&[WIDE, V4, FILES]),
        compiled(&[V4, NAMES]),
        compiled(&[V4, NAMES, DIGESTS]),
        compiled(&[]),
    ]);
    sets
}

/// What is near to them, and what stands between them.
const NEAR: &[&str] = &[
    "192.0.2.127",
    "192.0.2.128",
    "100.1.1.1",
    "203.0.113.45",
    "203.0.113.04",
    "1203.0.113.4",
    "300.2.3.4",
    "::ffff:203.0.113.4",
    "::ffff:cb00:7104",
    "0:0:0:0:0:ffff:cb00:7104",
    "2001:DB8:0:0:0:0:0:1",
    "2001:0db8:0001:0002:0003:0004:0005:0006",
    "2001:db8:5::7",
    "10:20:30",
    "00:1a:2b:3c:4d:5e",
    "1:2:3:4:5:6:1.2.3.4",
    "std::io",
    "::",
    ":::",
    "bücher.example",
    "BÜCHER.example",
    "пример.рф",
    "www.пример.рф.",
    "é",
    "“",
    "\u{3002}",
    "EVIL.com",
    "www.evil.com",
    "notevil.com",
    "evil.com.au",
    "evil.co",
    "evil[.]com",
    "hxxp://evil[.]com/a",
    "1[.]2[.]3[.]4",
    "%2F",
    "%2f",
    "%20",
    "%",
    "\\n",
    "\\u002f",
    "\\u0020",
    "\\x20",
    "\\",
    "\\\\",
    "/",
    "//",
    "@",
    ":",
    "::",
    "-",
    "_",
    ".",
    "..",
    "...",
    "....",
    " ",
    "  ",
    "\t",
    "\n",
    "\r\n",
    "\"",
    "'",
    "(",
    ")",
    "<",
    ">",
    "=",
    ",",
    ";",
    "|",
    "0",
    "f",
    "A",
    "z",
    "37.36",
    "537.36",
    "HTTP/1.1",
    "Mozilla/5.0",
    "1.2.3",
    ".4",
    "C:\\Temp\\X.DLL",
    "c:\\\\temp\\\\x.dll",
    "/tmp/drop.so",
    "\"EvilBot/1.0 (x)\"",
    "evilbot/1.0 (x)",
    "\tcurl/7.evil\r\n",
    "SHA256=",
    "0123456789abcdef",
    "0123456789ABCDEF0123456789ABCDE0",
    "%2Fevil.com%2F",
    "%201.2.3.4",
    "%22203.0.113.4-",
    "\\nevil.com",
    "1.2.3.4-9.9.9.9",
    "ip-1.2.3.4",
    "1.2.3.4_80",
    "v9.9.9.9",
    "9.9.9.9.in-addr.arpa",
    "to::1",
    "[fe01::a]:80",
    "fe01::a%eth0",
    "client",
    "src",
    "12001",
    "%3D",
    "%3A",
    "%40",
    "%5B",
    "%26",
    "\\/",
    "\\\\/",
    "\\u0026",
    "\\u0040",
    "\\u003d",
    "\\u003A",
    "http:\\/\\/evil.com\\/a?b=1",
    "http%3A%2F%2Fevil.com%2Fa%3Fb%3D1",
    "${lower:l}dap://203.0.113.4:1389/x",
    "//evil.com/a?b=1",
    "https:\\u002f\\u002f203.0.113.4\\u002fx",
    "bob%40evil.com",
    "a.b%2Bc%40bad.org",
    "%3Cbob@evil.com%3E",
    "bad%20tool.exe",
    "%2Fnc.exe",
    "\\Device\\HarddiskVolume3\\temp\\x.dll",
    "\\/tmp\\/Drop.so",
    "EvilBot/1.0+(x)",
    "EvilBot\\/1.0 (x)",
    ":\\\"EvilBot/1.0 (x)\\\"}",
    "\\\"",
    "\"\"",
    "+",
    "User-Agent: EvilBot/1.0 (x)",
    "MD5%3D",
];

/// A piece of a text.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let listed = [V4, NETS, V6, NAMES, WIDE, URLS, MAIL, DIGESTS, LONG_DIGESTS, OTHER_DIGESTS, FILES, PATHS, AGENTS];
    let values: Vec<&str> = listed.iter().flat_map(|kind| kind.1).copied().collect();
    let bytes = |strategy: proptest::sample::Select<&'static str>| strategy.prop_map(|s| s.as_bytes().to_vec());
    prop_oneof![
        6 => bytes(proptest::sample::select(values)),
        12 => bytes(proptest::sample::select(NEAR)),
        1 => vec(any::<u8>(), 0..40),
        1 => "[a-z0-9.-]{0,90}".prop_map(String::into_bytes),
        1 => "[0-9.]{0,40}".prop_map(String::into_bytes),
        1 => "[0-9a-f:]{0,60}".prop_map(String::into_bytes),
        1 => "[0-9a-fA-F]{15,140}".prop_map(String::into_bytes),
        1 => (proptest::sample::select(&b".:-a1f\"%\\ \n"[..]), 1..90usize).prop_map(|(byte, n)| vec![byte; n]),
    ]
}

fn hits(scan: impl FnOnce(&mut Vec<RawHit>)) -> Vec<RawHit> {
    let mut out = Vec::new();
    scan(&mut out);
    order(&mut out, 0);
    out
}

fn same(set: &Indicators, text: &[u8], isas: &[Isa]) -> Result<usize, TestCaseError> {
    let expected = hits(|out| plain::scan(set, text, out));
    for isa in isas {
        let met = hits(|out| pass::scan(*isa, set, text, out));
        prop_assert_eq!(&met, &expected, "{:?} {:?}", isa, String::from_utf8_lossy(text));
    }
    Ok(expected.len())
}

fn run<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    if let Err(failure) = runner.run(strategy, test) {
        panic!("{failure}");
    }
}

#[test]
fn fast_equals_plain_on_any_text() {
    let (sets, isas) = (sets(), Isa::all());
    let met = std::cell::Cell::new(0);
    run(250, &(vec(piece(), 1..120), 0..128usize), |(pieces, skip)| {
        let text = pieces.concat();
        for set in &sets {
            met.set(met.get() + same(set, &text[skip.min(text.len())..], &isas)?);
        }
        Ok(())
    });
    assert!(met.get() > 2_000, "the texts do hold listed values: {}", met.get());
}

#[test]
fn fast_equals_plain_at_every_offset() {
    let (sets, isas) = (sets(), Isa::all());
    run(8, &vec(piece(), 40..80), |pieces| {
        let text = [&[b' '; 128][..], &pieces.concat()].concat();
        for skip in 0..128 {
            for set in &sets {
                same(set, &text[skip..], &isas)?;
            }
        }
        Ok(())
    });
}

#[test]
fn fast_equals_plain_over_chunk_borders() {
    let (sets, isas) = (sets(), Isa::all());
    run(
        60,
        &(vec(piece(), 1..12), 0..160usize, proptest::sample::select(&b" .a1f:-\"%\xC3"[..])),
        |(pieces, back, fill)| {
            let border = pass::CHUNK * crate::model::lanes::BLOCK;
            let text = [&vec![fill; border - back][..], &pieces.concat(), &vec![fill; border]].concat();
            for set in &sets {
                same(set, &text, &isas)?;
            }
            Ok(())
        },
    );
}

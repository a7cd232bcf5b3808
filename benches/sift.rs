//! The sift alone: text → indicator hits, in pieces of one grid cell as the workers do it.
#![allow(clippy::unwrap_used, reason = "a bench may stop at the first fault")]
#![allow(clippy::disallowed_methods, reason = "a bench measures time")]

mod input;

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex};

use divan::Bencher;
use divan::counter::BytesCount;
use exfiltrace::indicators::Builder;
use exfiltrace::model::atoms::Atoms;
use exfiltrace::model::block::CELL_BYTES;
use exfiltrace::model::indicator::{Indicators, is_name_byte};
use exfiltrace::sift::Sift;

use input::{fixture, lines, repeated, with_long_lines};

#[path = "../fixtures/generate/rng.rs"]
#[allow(dead_code, reason = "numbers are enough here")]
mod rng;

fn main() {
    divan::main();
}

fn compiled(list: &str) -> Indicators {
    let mut builder = Builder::new();
    builder.add("bench", "", list.as_bytes());
    let (indicators, refused) = builder.finish();
    assert!(refused.is_empty(), "{:?}", &refused[..refused.len().min(3)]);
    indicators
}

/// Requests, lookups and connections in one text, so that names and addresses of all sorts stand in it.
fn mixed(fixture_name: &str) -> Vec<u8> {
    ["web/riverside-access.log", "proxy/edge-proxy.log.gz", "dns/named-query.log.zst"]
        .map(|name| fixture(&format!("{fixture_name}/evidence/{name}")))
        .concat()
}

/// The list of the incident.
fn incident() -> String {
    String::from_utf8(fixture("incident/indicators.txt")).expect("the list is text").replace("[.]", ".")
}

/// Hits by the plainest way: every run of name bytes, and every name above it, is looked up in a map.
fn plainly(text: &[u8], list: &str) -> usize {
    let listed: HashMap<&[u8], ()> = list.lines().map(|line| (line.as_bytes(), ())).collect();
    let mut hits = 0;
    for token in text.split(|&byte| !is_name_byte(byte)) {
        let token = token.strip_suffix(b".").unwrap_or(token).to_ascii_lowercase();
        let parents = token.iter().enumerate().filter(|(_, byte)| **byte == b'.').map(|(at, _)| &token[at + 1..]);
        hits += std::iter::once(&token[..]).chain(parents).filter(|name| listed.contains_key(*name)).count();
    }
    hits
}

/// The scan as it is, or its plain twin.
#[derive(Debug, Clone, Copy)]
enum Way {
    Fast,
    Plain,
}

fn bench(bencher: Bencher, way: Way, text: &[u8], indicators: &Indicators, expected: usize) {
    let atoms = Atoms::default();
    let sift = Sift::new(indicators, &atoms);
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let from = rest.len().min(CELL_BYTES);
        let end = memchr::memchr(b'\n', &rest[from..]).map_or(rest.len(), |at| from + at + 1);
        let (piece, later) = rest.split_at(end);
        pieces.push(piece);
        rest = later;
    }
    let mut hits = Vec::new();
    bencher.counter(BytesCount::of_slice(text)).bench_local(|| {
        let mut count = 0;
        for piece in &pieces {
            hits.clear();
            match way {
                Way::Fast => sift.indicators(piece, &mut hits),
                Way::Plain => sift.indicators_plainly(piece, &mut hits),
            }
            count += hits.len();
        }
        assert_eq!(count, expected);
    });
}

#[divan::bench(args = [Way::Fast, Way::Plain], sample_count = 20, sample_size = 1)]
fn no_hits(bencher: Bencher, way: Way) {
    let list = incident();
    let (text, _) = repeated(&mixed("benign"));
    assert_eq!(plainly(&text, &list), 0);
    bench(bencher, way, &text, &compiled(&list), 0);
}

/// One log of a web server.
#[divan::bench(args = [Way::Fast, Way::Plain], sample_count = 20, sample_size = 1)]
fn access_log(bencher: Bencher, way: Way) {
    let list = incident();
    let (text, _) = repeated(&fixture("benign/evidence/web/riverside-access.log"));
    assert_eq!(plainly(&text, &list), 0);
    bench(bencher, way, &text, &compiled(&list), 0);
}

/// The networks of all visitors are listed, so each line of the access log begins with a hit.
#[divan::bench(args = [Way::Fast, Way::Plain], sample_count = 20, sample_size = 1)]
fn every_line_hits(bencher: Bencher, way: Way) {
    let log = fixture("benign/evidence/web/marsh-access.log.gz");
    let (text, times) = repeated(&log);
    bench(bencher, way, &text, &compiled("198.51.100.0/24\n2001:db8::/32\n"), times * lines(&log));
}

#[divan::bench(args = [Way::Fast, Way::Plain], sample_count = 20, sample_size = 1)]
fn long_lines(bencher: Bencher, way: Way) {
    let list = incident();
    let log = mixed("incident");
    let (text, times) = repeated(&log);
    let expected = times * plainly(&log, &list);
    assert!(expected > 0);
    bench(bencher, way, &with_long_lines(&text, 100_000), &compiled(&list), expected);
}

/// Half addresses, half domains, of a seed, below the list of the incident.
fn needles(count: usize) -> String {
    let mut rng = rng::Rng::new(2026, "needles");
    let mut list = incident();
    for number in 0..count / 2 {
        // Public unicast, spread over all of it.
        let (first, rest) = (rng.range(11, 100), rng.next());
        writeln!(list, "{first}.{}.{}.{}", rest & 255, rest >> 8 & 255, rest >> 16 & 255).expect("memory takes all");
        // Every third stands below a name that has many others below it.
        let parent = rng.pick(&["example", "test", "badhost.example"]);
        writeln!(list, "{:x}-{number}.{parent}", rest >> 40).expect("memory takes all");
    }
    list
}

/// A text that is searched for many needles.
struct Haystack {
    text: Vec<u8>,
    expected: usize,
    indicators: Indicators,
}

impl Haystack {
    fn new(log: &[u8], count: usize) -> Self {
        let list = needles(count);
        let (text, times) = repeated(log);
        let expected = times * plainly(log, &list);
        assert!(expected > 0);
        let begin = std::time::Instant::now();
        let indicators = compiled(&list);
        eprintln!("{count} needles read and compiled in {:?}", begin.elapsed());
        let begin = std::time::Instant::now();
        let indicators = Indicators::compile(indicators.list, indicators.feeds);
        eprintln!("{count} needles compiled in {:?}", begin.elapsed());
        assert!(indicators.list.len() > count * 97 / 100);
        Self { text, expected, indicators }
    }

    /// Made once, for both ways.
    fn of(count: usize) -> Arc<Self> {
        static LAST: Mutex<Option<(usize, Arc<Haystack>)>> = Mutex::new(None);
        let mut last = LAST.lock().expect("no bench has failed");
        if last.as_ref().is_none_or(|(made, _)| *made != count) {
            *last = Some((count, Arc::new(Self::new(&mixed("incident"), count))));
        }
        Arc::clone(&last.as_ref().expect("made above").1)
    }
}

#[divan::bench(
    args = [
        (100, Way::Fast), (100, Way::Plain), (10_000, Way::Fast), (10_000, Way::Plain),
        (100_000, Way::Fast), (100_000, Way::Plain), (1_000_000, Way::Fast), (1_000_000, Way::Plain),
    ],
    sample_count = 20,
    sample_size = 1
)]
fn many_needles(bencher: Bencher, (count, way): (usize, Way)) {
    let haystack = Haystack::of(count);
    bench(bencher, way, &haystack.text, &haystack.indicators, haystack.expected);
}

/// A table of so many values of one kind, of a seed.
fn table(kind: &str, count: usize, value: impl Fn(u64) -> String) -> Indicators {
    let mut rng = rng::Rng::new(2026, kind);
    let mut list = "type,value\n".to_owned();
    for _ in 0..count {
        writeln!(list, "{kind},{}", value(rng.next())).expect("memory takes all");
    }
    compiled(&list)
}

/// All vulnerabilities share one literal, so their number costs nothing.
#[divan::bench(args = [1, 100, 10_000, 100_000], sample_count = 20, sample_size = 1)]
fn vulnerabilities(bencher: Bencher, count: usize) {
    let set = table("cve", count, |n| format!("CVE-{}-{}", 1999 + n % 27, 1000 + (n >> 8) % 90_000));
    let (text, _) = repeated(&mixed("benign"));
    bench(bencher, Way::Fast, &text, &set, 0);
}

/// Free texts of two made words each.
#[divan::bench(args = [1, 100, 10_000, 100_000], sample_count = 20, sample_size = 1)]
fn keywords(bencher: Bencher, count: usize) {
    let word = |mut n: u64| {
        let mut made = String::new();
        for _ in 0..4 {
            made.push(char::from(b"bcdfgklmnprstvz"[(n % 15) as usize]));
            made.push(char::from(b"aeiou"[(n / 15 % 5) as usize]));
            n /= 75;
        }
        made
    };
    let set = table("keyword", count, |n| format!("{} {}", word(n), word(n >> 26)));
    let (text, _) = repeated(&mixed("benign"));
    bench(bencher, Way::Fast, &text, &set, 0);
}

//! No false format: of the formats that read the start of a log one is the clear winner, and none reads noise.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use exfiltrace::discover::{self, Root};
use exfiltrace::format::{self, Clock, Fit};
use exfiltrace::model::ledger::Entry;
use exfiltrace::model::place::Locator;
use exfiltrace::model::source::{Listed, SourceMeta, Stream, Visitor};
use exfiltrace::model::time::Instant;
use exfiltrace::open::{self, DigestKind, Io, Limits, Opening};
use jiff::tz::TimeZone;
use rayon::prelude::*;

use crate::formats::{is_sample, walk};
use crate::support::shared;

/// So much of a log is judged, as a scan does where it holds a few records.
const HEAD_BYTES: usize = 64 * 1024;

/// Formats from this rank on are of one product, or of one way of writing that nothing else shares; what lies below is how many
/// products write (JSON, tables, pairs, syslog, the layouts of logging libraries), so that it may read a product's log as well.
const OF_PRODUCTS: u8 = 60;

/// Folders and ends of names of what is no log in the corpora: feeds, rules, what a test expects. One of ten is judged.
const NO_LOGS: &[&str] = &["corpora/ioc/", "corpora/sigma/", ".assert", ".yaml", ".yml"];
const ONE_OF: usize = 10;
/// A core judges so many files one after the other.
const FILES_TOGETHER: usize = 50;

fn clock() -> Clock {
    Clock { zone: TimeZone::UTC, zone_given: false }
}

fn meta(name: &str) -> SourceMeta {
    let locator = Locator::root(name.as_bytes());
    SourceMeta {
        locator: locator.clone(),
        evidence: locator,
        mtime: Instant::parse("2026-11-20T00:00:00Z"),
        size: None,
    }
}

/// Rank, per mille that is read, and name of the formats that read most of the start of a log, the winner first.
type Places = Vec<(u8, usize, &'static str)>;

fn places(fits: &[Fit]) -> Places {
    let place = |fit: &Fit| (fit.rank, 1000 * fit.read / fit.of, fit.layout.format);
    let mut places: Places = fits.iter().map(place).collect();
    places.sort_unstable_by(|a, b| b.cmp(a));
    places
}

/// What is wrong with the places: two that nothing tells apart, or a product's format that reads the log of another.
fn faults(source: &str, places: &Places) -> Vec<String> {
    let Some((first, others)) = places.split_first() else { return Vec::new() };
    let is_within = |other: &str| WITHIN.iter().any(|(inner, outer, _)| (*inner, *outer) == (first.2, other));
    let of_another = |place: &&(u8, usize, &str)| place.0 == first.0 || place.0 >= OF_PRODUCTS && !is_within(place.2);
    others.iter().filter(of_another).map(|other| format!("{source}: {first:?}, and also {other:?}")).collect()
}

/// Logs of which two products' formats read most: which, and why the first is right.
const WITHIN: &[(&str, &str, &str)] = &[
    ("azure_flow", "azure", "a record of flows is one of Azure's resource logs"),
    ("defender", "azure", "Defender streams its events as Azure's resource logs"),
    ("intune", "azure", "Intune hands its logs over as Azure's resource logs"),
    ("hayabusa", "windows_json", "a hit of Hayabusa holds the names of the Windows event that it is about"),
    ("openam", "w3c", "OpenAM has the directives of W3C, and columns and times of its own"),
    ("proftpd", "access", "ExtendedLog of ProFTPD has the form of an access log, with commands of FTP as requests"),
];

/// No sample of a format is one of another product's.
#[test]
fn each_fixture_has_one_clear_winner() {
    let mut files = Vec::new();
    walk(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/formats")), &mut files);
    let judge = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap();
        let meta = meta(path.file_name().unwrap().to_str().unwrap());
        let places = places(&format::fits(&bytes[..bytes.len().min(HEAD_BYTES)], true, &meta, &clock()));
        faults(&path.display().to_string(), &places)
    };
    let faults: Vec<String> = files.par_iter().filter(|path| is_sample(path)).flat_map(judge).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

/// What was judged of a source.
struct Judged {
    source: String,
    /// The format of which it is.
    format: &'static str,
    places: Places,
}

impl Judged {
    fn is_no_log(&self) -> bool {
        is_no_log(&self.source)
    }
}

fn is_no_log(source: &str) -> bool {
    NO_LOGS.iter().any(|known| source.starts_with(known) || source.ends_with(known))
}

/// Judges the leaves of files.
#[derive(Default)]
struct Judging {
    no_logs: usize,
    judged: Vec<Judged>,
}

impl Visitor for Judging {
    fn leaf(&mut self, meta: SourceMeta, stream: &mut dyn Stream) {
        let source = meta.locator.as_str().to_owned();
        if is_no_log(&source) {
            self.no_logs += 1;
            if !self.no_logs.is_multiple_of(ONE_OF) {
                return;
            }
        }
        let mut head = Vec::new();
        let mut more = |head: &mut Vec<u8>| {
            let want = HEAD_BYTES - head.len();
            want > 0 && stream.fill(head, want).is_ok_and(|read| read > 0)
        };
        while more(&mut head) {}
        let whole = head.len() < HEAD_BYTES;
        let fits = format::fits(&head, whole, &meta, &clock());
        // What is known by its bytes is judged by no fit.
        let known = || format::recognise(&head, whole, &meta, &clock()).format;
        let places = places(&fits);
        let format = places.first().map_or_else(known, |first| first.2);
        self.judged.push(Judged { source, format, places });
    }

    fn entry(&mut self, _: Entry) {}
}

/// The sources of the corpora, judged; none where these are not here.
fn corpora() -> Vec<Judged> {
    let Some(path) = shared("corpora") else { return Vec::new() };
    let roots = [Root { name: b"corpora".to_vec(), path: Some(path) }];
    let opening =
        Opening { limits: Limits::default(), passwords: Vec::new(), work: None, digest: DigestKind::Off, io: Io::Auto };
    let judge = |files: &[Listed]| {
        let mut judging = Judging::default();
        for file in files {
            open::open_file(file, &opening, &mut judging);
        }
        judging.judged
    };
    discover::survey(&roots, &[]).unwrap().files.par_chunks(FILES_TOGETHER).flat_map(judge).collect()
}

/// How many sources are of a format, by the next format that reads most of them.
fn figures(judged: &[Judged]) -> String {
    let mut figures: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for one in judged {
        let next = one.places.get(1).map_or("none", |place| place.2);
        *figures.entry((one.format, next)).or_default() += 1;
    }
    let rows = figures.iter().map(|((format, next), count)| format!("{count:5} {format}, then {next}\n"));
    format!("{} sources\n{}", judged.len(), rows.collect::<String>())
}

/// Every log of the corpora is of one product's format at most, and feeds and rules are no logs of any.
#[test]
fn each_log_of_the_corpora_has_one_clear_winner() {
    let judged = corpora();
    print!("{}", figures(&judged));
    let mut faults: Vec<String> = judged.iter().flat_map(|one| faults(&one.source, &one.places)).collect();
    let no_logs = judged.iter().filter(|one| one.is_no_log() && !["text", "csv", "json"].contains(&one.format));
    faults.extend(no_logs.map(|one| format!("{} is no {}", one.source, one.format)));
    assert!(faults.is_empty(), "{faults:#?}");
    let of_a_format = judged.iter().filter(|one| one.format != "text").count();
    assert!(judged.is_empty() || of_a_format > 800, "{of_a_format}");
}

/// Even bytes that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }
}

/// Words of logs, none of which is a stamp, a pair or JSON.
const WORDS: &[&str] = &[
    "GET",
    "POST",
    "192.0.2.10",
    "10.0.0.7",
    "443",
    "alice",
    "root",
    "sshd",
    "error",
    "INFO",
    "WARN",
    "-",
    "200",
    "404",
    "HTTP/1.1",
    "/index.html",
    "files.example.com",
    "Accepted",
    "denied",
    "TCP",
    "from",
    "port",
    "[12]",
    "\"x\"",
    "(y)",
    "kernel:",
    "1774739404",
    "0x1f",
    "a,b",
    "#",
    "|",
    ";",
    "::1",
    "2026",
    "Mar",
    "28",
    "23:10",
];

#[test]
fn noise_of_any_kind_and_length_is_read_by_no_format() {
    let any: Vec<u8> = (0..=255).collect();
    let printable: Vec<u8> = (b' '..=b'~').chain([b'\n']).collect();
    let letters = b"abcdefghij \n".to_vec();
    let digits = b"0123456789.:-/ \n".to_vec();
    let marks = b"{}[]\"',;:=|#<>()\t \nab1".to_vec();
    let mut faults = Vec::new();
    for seed in 1..=40u64 {
        let mut dice = Dice(seed);
        for length in [1, 15, 160, 1_024, 8_192] {
            let mut noises: Vec<(&str, Vec<u8>)> = Vec::new();
            for (kind, alphabet) in [
                ("any", &any),
                ("printable", &printable),
                ("letters", &letters),
                ("digits", &digits),
                ("marks", &marks),
            ] {
                noises.push((kind, (0..length).map(|_| alphabet[dice.below(alphabet.len())]).collect()));
            }
            let mut words = String::new();
            while words.len() < length {
                words += dice.of(WORDS);
                words.push(if dice.below(8) == 0 { '\n' } else { ' ' });
            }
            noises.push(("words", words.into_bytes()));
            for (kind, noise) in noises {
                let places = places(&format::fits(&noise, true, &meta("x.log"), &clock()));
                let format = format::recognise(&noise, true, &meta("x.log"), &clock()).format;
                if !places.is_empty() || format != "text" {
                    faults.push(format!(
                        "{kind} {seed} {length}: {format} {places:?} {}",
                        noise[..length.min(160)].escape_ascii()
                    ));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

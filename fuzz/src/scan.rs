//! The way of the evidence: opener, recogniser, splitter, sift, parse, detect, tally, and the answer.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use exfiltrace::classify::Classifier;
use exfiltrace::detect::{Program, Routing};
use exfiltrace::format::{self, Clock};
use exfiltrace::indicators::pattern::Patterns;
use exfiltrace::indicators::{Builder, Warninglists};
use exfiltrace::model::atoms::Atoms;
use exfiltrace::model::block::CELL_BYTES;
use exfiltrace::model::catalogue::Catalogue;
use exfiltrace::model::event::EVENTS_KEPT;
use exfiltrace::model::fields::View;
use exfiltrace::model::ledger::{Entry, EntryKind, Note, Reason};
use exfiltrace::model::partial::Partial;
use exfiltrace::model::place::{Locator, Place};
use exfiltrace::model::scopes::Scopes;
use exfiltrace::model::source::{Listed, SourceMeta, Stream, Survey, Visitor};
use exfiltrace::open::{DigestKind, Io, Limits, Opening, open_bytes};
use exfiltrace::plan::{Clocks, Period, Plan};
use exfiltrace::scan as conductor;
use exfiltrace::sift::Sift;
use exfiltrace::split::Splitter;
use exfiltrace::work::Work;

/// A list with a value of most kinds, some of which the samples hold.
const LIST: &[u8] = b"203.0.113.9\n203.0.113.7\n198.51.100.0/24\n2001:db8::1\nevil.example\nexample.com\n\
    bob@evil.example\nhttp://evil.example/a\nbad.exe\n0123456789abcdef0123456789abcde0\nCVE-2021-44228\n";

/// Patterns of one observation and of several.
const PATTERNS: &[u8] = br#"{"type":"bundle","objects":[
    {"type":"indicator","pattern":"[network-traffic:dst_port > 400 AND ipv4-addr:value ISSUBSET '203.0.113.0/24']"},
    {"type":"indicator","pattern":"[url:value LIKE '%.php%' AND ipv4-addr:value != '203.0.113.9']"},
    {"type":"indicator","pattern":"([ipv4-addr:value LIKE '%'] FOLLOWEDBY [ipv4-addr:value LIKE '2%']) WITHIN 5 SECONDS"},
    {"type":"indicator","pattern":"[ipv4-addr:value = '203.0.113.9'] REPEATS 2 TIMES OR [url:value LIKE '%.php%'] AND [url:value LIKE '%']"}]}"#;

/// Bytes as an evidence file: nothing panics, every byte has its fate, and neither the grid, the threads, the size of
/// reads nor the gate makes a difference.
pub fn scan(bytes: &[u8]) {
    let [whole, fine, ungated] = plans();
    let partial = scanned(whole, bytes);
    let told = serde_json::to_string(&partial).expect("a partial can be written");
    for (plan, what) in [(fine, "grid"), (ungated, "gate")] {
        let other = serde_json::to_string(&scanned(plan, bytes)).expect("a partial can be written");
        assert!(other == told, "the {what} makes a difference:\n{told}\n{other}");
    }
    accounted(&partial, bytes.len() as u64);
    conductor::conclude(whole, partial);
    open_bytes(Locator::root(b"fuzz"), bytes, &opening(), &mut Leaves { sift: Sift::new(&whole.indicators, &NONE) });
}

static NONE: Atoms = Atoms { literals: Vec::new(), rules: Vec::new(), always: Vec::new() };

/// One grid and thread, many of both with a sample first, and the first without what finds rules and patterns by their literals.
fn plans() -> &'static [Plan; 3] {
    static PLANS: OnceLock<[Plan; 3]> = OnceLock::new();
    PLANS.get_or_init(|| {
        let mut ungated = plan(CELL_BYTES, 1);
        ungated.program = ungated.program.ungated();
        ungated.patterns = ungated.patterns.ungated();
        let sampled = Plan { sample_from_bytes: 0, ..plan(64, 2) };
        [plan(CELL_BYTES, 1), sampled, ungated]
    })
}

fn plan(cell_bytes: usize, threads: usize) -> Plan {
    let (program, _) = Program::compile(Program::builtin(), Routing::Auto);
    let mut builder = Builder::new();
    builder.add("list", "00", LIST);
    builder.add("patterns", "00", PATTERNS);
    let (indicators, refused) = builder.finish();
    assert!(refused.is_empty(), "{refused:?}");
    let scopes = Scopes::default();
    Plan {
        roots: Vec::new(),
        listed: None,
        skip: Vec::new(),
        opening: opening(),
        program,
        patterns: Patterns::of(&indicators),
        indicators,
        classifier: Classifier::new(&Catalogue::default()).expect("nothing is told"),
        warninglists: Warninglists::new(),
        whose: exfiltrace::scope::compile(&scopes).expect("no scope is sound"),
        clocks: Clocks { zone: jiff::tz::TimeZone::UTC, given: false, by_path: Vec::new(), by_host: [].into(), day_first: None },
        scopes,
        period: Period::default(),
        run_secret: None,
        hits_only: false,
        redact: false,
        max_evidence: 3,
        events_kept: EVENTS_KEPT,
        threads,
        in_flight_bytes: 1 << 20,
        ahead_bytes: 8 << 20,
        sample_from_bytes: u64::MAX,
        work: Work::new(None, usize::MAX),
        cell_bytes,
        shuffle: None,
        ticks: None,
        progress: None,
    }
}

fn opening() -> Opening {
    let limits = Limits::default();
    Opening { limits, passwords: Vec::new(), work: None, digest: DigestKind::Blake3, io: Io::Auto }
}

/// What the bytes tell as the one file of the evidence.
fn scanned(plan: &Plan, bytes: &[u8]) -> Partial {
    let path = file();
    std::fs::write(path, bytes).expect("the folder for files of a short life takes one");
    let (locator, size) = (Locator::root(b"fuzz"), bytes.len() as u64);
    let file = Listed { locator, path: Some(path.to_owned()), size, mtime: None, notes: Vec::new() };
    conductor::sources(plan, &Survey { files: vec![file], ..Survey::default() }).expect("threads can be started").0
}

fn file() -> &'static Path {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| std::env::temp_dir().join(format!("exfiltrace-fuzz-{}", std::process::id())))
}

/// Both sums fit, all stored bytes are in one of them, and no parser panicked.
fn accounted(partial: &Partial, size: u64) {
    let entries = || partial.sources.values().map(|source| &source.entry);
    for entry in entries() {
        assert!(entry.notes.iter().all(|note| note.reason != Reason::ParserFailed), "{entry:?}");
        match entry.kind {
            EntryKind::Source => assert_eq!(entry.bytes.total(), entry.size, "{entry:?}"),
            EntryKind::Container => {
                assert_eq!(entry.stored.map(|stored| stored.total()), Some(entry.size), "{entry:?}")
            }
            EntryKind::Skipped => {}
        }
    }
    // A decoded stream bears the name of its file.
    let outermost = |entry: &&Entry| entry.source == entry.evidence;
    let whole = entries().filter(outermost).any(|entry| entry.size == size);
    assert!(whole || size == 0, "no entry of {size} bytes: {:?}", entries().collect::<Vec<_>>());
}

/// Holds the fast ways over each leaf against the plain ones.
struct Leaves<'s> {
    sift: Sift<'s>,
}

impl Visitor for Leaves<'_> {
    fn leaf(&mut self, meta: SourceMeta, stream: &mut dyn Stream) {
        let mut text = Vec::new();
        while matches!(stream.fill(&mut text, 64 << 10), Ok(1..)) && text.len() < 1 << 20 {}
        let (mut fast, mut plain) = (Vec::new(), Vec::new());
        self.sift.indicators(&text, &mut fast);
        self.sift.indicators_plainly(&text, &mut plain);
        assert_eq!(fast, plain);
        let head = &text[..text.len().min(64 << 10)];
        let clock = Clock { zone: jiff::tz::TimeZone::UTC, zone_given: false };
        let layout = Arc::new(format::recognise(head, head.len() == text.len(), &meta, &clock));
        let places = |cell_bytes, pull| {
            let mut splitter = Splitter::new(Arc::clone(&layout), cell_bytes, format::relayout);
            places(&mut splitter, &mut Memory { left: &text, pull })
        };
        let whole = places(CELL_BYTES, usize::MAX);
        for pull in [1, 7] {
            assert_eq!(places(CELL_BYTES, pull), whole, "reads of {pull} bytes");
        }
    }

    fn entry(&mut self, _: Entry) {}
}

/// Where the records of a stream stand.
fn places(splitter: &mut Splitter, stream: &mut dyn Stream) -> Vec<Place> {
    let (mut view, mut all) = (View::default(), Vec::new());
    while let Some(block) = splitter.next(stream) {
        view.clear();
        format::render(&block, &mut view);
        all.extend(view.records.iter().map(|seen| seen.place));
    }
    all
}

/// Bytes that come few at a time.
struct Memory<'a> {
    left: &'a [u8],
    pull: usize,
}

impl Stream for Memory<'_> {
    fn fill(&mut self, buf: &mut Vec<u8>, want: usize) -> Result<usize, Note> {
        let (now, later) = self.left.split_at(want.min(self.pull).min(self.left.len()));
        buf.extend_from_slice(now);
        self.left = later;
        Ok(now.len())
    }

    fn notes(&mut self) -> Vec<Note> {
        Vec::new()
    }
}

/// The samples of all formats, and small containers of the fixtures.
pub fn samples() -> Vec<Vec<u8>> {
    let fixtures = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures"));
    let mut folders = vec![fixtures.join("formats"), fixtures.join("incident/evidence"), fixtures.join("parquet")];
    let (mut paths, mut all) = (Vec::new(), Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the fixtures are here").flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { paths.push(path) }
        }
    }
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_none_or(|end| end != "snap")) {
        let bytes = std::fs::read(path).expect("a fixture can be read");
        if bytes.len() <= 8 << 10 {
            all.push(bytes);
        }
    }
    assert!(all.len() > 20, "the fixtures are here");
    all
}

//! What several tests need: the binary, the fixtures, plans.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use exfiltrace::classify::Classifier;
use exfiltrace::detect::{Gate, Program, Routing, Scratch};
use exfiltrace::discover::Root;
use exfiltrace::format::{self, Clock};
use exfiltrace::indicators::pattern::Patterns;
use exfiltrace::indicators::{Builder, Warninglists};
use exfiltrace::model::block::CELL_BYTES;
use exfiltrace::model::catalogue::Catalogue;
use exfiltrace::model::event::EVENTS_KEPT;
use exfiltrace::model::fields::{Fields, View, Want};
use exfiltrace::model::ledger::Note;
use exfiltrace::model::listing::Listing;
use exfiltrace::model::place::Locator;
use exfiltrace::model::scopes::Scopes;
use exfiltrace::model::source::{SourceMeta, Stream};
use exfiltrace::model::time::Instant;
use exfiltrace::open::{DigestKind, Io, Limits, Opening};
use exfiltrace::plan::{Clocks, Period, Plan};
use exfiltrace::sift::atoms_plainly;
use exfiltrace::split::Splitter;
use exfiltrace::work::Work;

/// A path inside the project.
pub fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The shared corpora, or `None` with a printed reason.
pub fn shared(path: &str) -> Option<PathBuf> {
    let path = project("../shared").join(path);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is not here", path.display());
    None
}

/// Runs the binary.
pub fn exfiltrace(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_exfiltrace"))
        .args(args)
        .env("NO_COLOR", "1")
        .output()
        .expect("the binary was built for this test")
}

/// A plan over one fixture folder (`incident`, `benign`) with its scopes and indicators.
pub fn fixture_plan(name: &str) -> Plan {
    let folder = project("fixtures").join(name);
    let scopes: Scopes = toml::from_str(&std::fs::read_to_string(folder.join("scopes.toml")).unwrap()).unwrap();
    let mut builder = Builder::new();
    if let Ok(feed) = std::fs::read(project("fixtures/incident/indicators.txt")) {
        builder.add("indicators.txt", "", &feed);
    }
    let root = Root { name: b"evidence".to_vec(), path: Some(folder.join("evidence")) };
    plan(vec![root], scopes, builder)
}

/// A plan with the embedded rules.
pub fn plan(roots: Vec<Root>, scopes: Scopes, builder: Builder) -> Plan {
    let (program, problems) = Program::compile(Program::builtin(), Routing::Auto);
    assert!(problems.is_empty(), "the embedded pack loads without a problem: {problems:#?}");
    plan_with(program, roots, scopes, builder)
}

/// A plan with the rules of a program.
pub fn plan_with(program: Program, roots: Vec<Root>, scopes: Scopes, builder: Builder) -> Plan {
    let zone = scopes.timezone.as_deref().map_or(jiff::tz::TimeZone::UTC, |z| jiff::tz::TimeZone::get(z).unwrap());
    let indicators = builder.finish().0;
    Plan {
        roots,
        work: Work::new(None, usize::MAX),
        listed: None,
        skip: Vec::new(),
        opening: Opening {
            limits: Limits::default(),
            passwords: Vec::new(),
            work: None,
            digest: DigestKind::Sha256,
            io: Io::Auto,
        },
        program,
        patterns: Patterns::of(&indicators),
        indicators,
        classifier: Classifier::new(&Catalogue::default()).unwrap(),
        warninglists: Warninglists::new(),
        whose: exfiltrace::scope::compile(&scopes).unwrap(),
        clocks: Clocks {
            zone,
            given: scopes.timezone.is_some(),
            by_path: Vec::new(),
            by_host: [].into(),
            day_first: None,
        },
        scopes,
        period: Period::default(),
        run_secret: None,
        hits_only: false,
        redact: false,
        max_evidence: 1000,
        events_kept: EVENTS_KEPT,
        threads: 2,
        in_flight_bytes: 8 << 20,
        ahead_bytes: 64 << 20,
        sample_from_bytes: u64::MAX,
        cell_bytes: CELL_BYTES,
        shuffle: None,
        ticks: None,
        progress: None,
    }
}

/// The rules of SigmaHQ; none where the corpora are not here.
pub fn sigma() -> Vec<(String, String)> {
    let Some(path) = shared("corpora/sigma/sigma-rules.tar.gz") else { return Vec::new() };
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()));
    let mut documents = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        if name.ends_with(".yml") && name.contains("rules") {
            let mut text = String::new();
            std::io::Read::read_to_string(&mut entry, &mut text).unwrap();
            documents.push((name, text));
        }
    }
    documents
}

/// A stream that has ended.
struct Nothing;

impl Stream for Nothing {
    fn fill(&mut self, _: &mut Vec<u8>, _: usize) -> Result<usize, Note> {
        Ok(0)
    }

    fn notes(&mut self) -> Vec<Note> {
        Vec::new()
    }
}

/// What is done with a record: it gets its number, its format, its fields and its bytes.
pub type See<'s> = dyn FnMut(usize, &str, &Fields<'_>, &[u8]) + 's;

/// Every record of a text, as a scan parses it.
pub fn each_record(name: &[u8], text: &str, see: &mut See<'_>) {
    let locator = Locator::root(name);
    let meta =
        SourceMeta { evidence: locator.clone(), locator, mtime: Instant::parse("2026-04-01T00:00:00Z"), size: None };
    let clock = Clock { zone: jiff::tz::TimeZone::UTC, zone_given: false };
    let layout = Arc::new(format::recognise(text.as_bytes(), true, &meta, &clock));
    let mut splitter = Splitter::new(layout, 1 << 18, format::relayout);
    splitter.feed(text.as_bytes());
    let mut number = 0;
    while let Some(block) = splitter.next(&mut Nothing) {
        let mut view = View::default();
        format::render(&block, &mut view);
        let bytes: &[u8] = if view.is_rendered { &view.rendered } else { &block.bytes };
        for seen in &view.records {
            let record = &bytes[seen.start..seen.end];
            let mut fields = Fields::default();
            if format::parse(&block.layout, record, Want::All, &mut fields).is_ok() {
                see(number, block.layout.format, &fields, record);
            }
            number += 1;
        }
    }
}

/// The rules of some that the values of a listed record leave, and whether it is sure to match them. Sorted.
pub fn left(
    program: &Program,
    format: &str,
    listing: &impl Listing,
    rules: &[u32],
    scratch: &mut Scratch,
) -> (Vec<u32>, bool) {
    let (mut marked, mut left) = (vec![0; program.rules().len().div_ceil(64)], Vec::new());
    rules.iter().for_each(|rule| marked[*rule as usize / 64] |= 1 << (rule % 64));
    let sure = program.left(format, listing, &mut marked, scratch, &mut left);
    assert!(marked.iter().all(|bits| *bits == 0));
    (left, sure)
}

/// The rules that the gate lets pass for a record. Sorted.
pub fn candidates(gate: &Gate, record: &[u8]) -> Vec<u32> {
    if gate.bypasses(record) {
        return gate.all.clone();
    }
    let mut found = Vec::new();
    atoms_plainly(&gate.atoms, record, &mut found);
    let mut some = gate.atoms.always.clone();
    some.extend(found.iter().flat_map(|hit| &gate.atoms.rules[hit.literal as usize]));
    some.sort_unstable();
    some.dedup();
    some
}

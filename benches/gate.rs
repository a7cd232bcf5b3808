//! The literal gate: text → literals of the rules that may apply to its format, beside an automaton over the same
//! literals, and the share of records that some literal lets pass.

use std::io::Read;
use std::path::Path;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use divan::Bencher;
use divan::counter::BytesCount;
use exfiltrace::detect::{Gate, Program, Routing};
use exfiltrace::model::block::CELL_BYTES;
use exfiltrace::model::indicator::Indicators;
use exfiltrace::sift::{Sift, atoms_plainly};

use crate::input::{decoded, fixture, repeated};

/// Which rules the literals are of.
#[derive(Debug, Clone, Copy)]
enum Rules {
    Own,
    Sigma,
}

/// The matcher that is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Gate,
    Automaton,
}

/// Naive search is slow: it judges the automaton over this much of the text, the automaton the gate over all of it.
const JUDGED_BYTES: usize = 32 << 10;

/// Of the literals met, how many are shown.
const MOST_SHOWN: usize = 8;

fn shared(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora").join(path)
}

/// The rules, compiled once; `None` where the corpora are not here.
fn program(rules: Rules) -> Option<&'static Program> {
    static OWN: OnceLock<Program> = OnceLock::new();
    static SIGMA: OnceLock<Option<Program>> = OnceLock::new();
    match rules {
        Rules::Own => Some(OWN.get_or_init(|| Program::compile(Program::builtin(), Routing::Auto).0)),
        Rules::Sigma => SIGMA.get_or_init(|| sigma().map(|rules| Program::compile(rules, Routing::Auto).0)).as_ref(),
    }
}

fn sigma() -> Option<Vec<(String, String)>> {
    let file = std::fs::File::open(shared("sigma/sigma-rules.tar.gz")).ok()?;
    let mut documents = Vec::new();
    for entry in tar::Archive::new(flate2::read::GzDecoder::new(file)).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        if name.ends_with(".yml") && name.contains("rules") {
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            documents.push((name, text));
        }
    }
    Some(documents)
}

/// Real logs of a folder of the corpora; `None` where they are not here.
fn corpus(path: &str, end: &str) -> Option<Vec<u8>> {
    let (mut text, mut folders) = (Vec::new(), vec![shared(path)]);
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<_> = std::fs::read_dir(folder).ok()?.map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                folders.push(path);
            } else if path.to_str().is_some_and(|name| name.ends_with(end)) {
                text.extend(decoded(&std::fs::read(&path).unwrap()));
                text.push(b'\n');
            }
        }
    }
    Some(text)
}

/// The text in whole lines of about one cell of the grid each, as workers get it.
fn pieces(text: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let from = rest.len().min(CELL_BYTES);
        let end = memchr::memchr(b'\n', &rest[from..]).map_or(rest.len(), |at| from + at + 1);
        pieces.push(&rest[..end]);
        rest = &rest[end..];
    }
    pieces
}

/// Prints how many records pass, and how many rules are evaluated on a record.
fn report(name: &str, gate: &Gate, text: &[u8]) {
    let indicators = Indicators::default();
    let sift = Sift::new(&indicators, &gate.atoms);
    let (mut records, mut passed, mut blind, mut rules) = (0, 0, 0, 0);
    let mut often = vec![(0, 0, 0); gate.atoms.literals.len()];
    let mut hits = Vec::new();
    for record in text.split(|&byte| byte == b'\n').filter(|record| !record.is_empty()) {
        hits.clear();
        sift.atoms(0, record, &mut hits);
        for hit in &hits {
            let number = hit.literal as usize;
            if often[number].1 != records + 1 {
                often[number] = (often[number].0 + 1, records + 1, number);
            }
        }
        let is_blind = gate.bypasses(record);
        let mut some: Vec<u32> = hits.iter().flat_map(|hit| &gate.atoms.rules[hit.literal as usize]).copied().collect();
        some.sort_unstable();
        some.dedup();
        records += 1;
        blind += usize::from(is_blind);
        passed += usize::from(is_blind || !some.is_empty());
        rules += if is_blind { gate.all.len() } else { gate.atoms.always.len() + some.len() };
    }
    let share = |part: usize| 100.0 * part as f64 / records as f64;
    eprintln!(
        "{name}: {} rules, {} literals, {} rules without one; of {records} records {:.1} % pass, {:.2} % are blind, {:.2} rules a record",
        gate.all.len(),
        gate.atoms.literals.len(),
        gate.atoms.always.len(),
        share(passed),
        share(blind),
        rules as f64 / records as f64,
    );
    often.sort_unstable_by(|a, b| b.cmp(a));
    for (count, _, number) in often.iter().take(MOST_SHOWN).filter(|(count, ..)| *count > 0) {
        let literal = String::from_utf8_lossy(&gate.atoms.literals[*number]);
        let rules = gate.atoms.rules[*number].len();
        eprintln!("  {literal:?} of {rules} rules is in {:.1} %", share(*count));
    }
}

fn bench(bencher: Bencher, name: &str, rules: Rules, format: &str, log: Option<Vec<u8>>, by: By) {
    let (Some(log), Some(program)) = (log, program(rules)) else {
        return eprintln!("skipped: the corpora are not here");
    };
    let gate = program.gate(format).expect("rules apply to the format");
    let indicators = Indicators::default();
    let sift = Sift::new(&indicators, &gate.atoms);
    let automaton = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::Standard)
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .build(&gate.atoms.literals)
        .unwrap();
    let judged = &log[..log.len().min(JUDGED_BYTES)];
    let mut plain = Vec::new();
    atoms_plainly(&gate.atoms, judged, &mut plain);
    assert_eq!(automaton.find_overlapping_iter(judged).count(), plain.len());
    if by == By::Gate {
        report(&format!("{name}, {rules:?}"), gate, &log);
    }
    let (text, _) = repeated(&log);
    let pieces = pieces(&text);
    let automatically = || -> usize { pieces.iter().map(|piece| automaton.find_overlapping_iter(piece).count()).sum() };
    let expected = automatically();
    let mut hits = Vec::new();
    bencher.counter(BytesCount::of_slice(&text)).bench_local(|| {
        let count = match by {
            By::Automaton => automatically(),
            By::Gate => pieces.iter().fold(0, |count, piece| {
                hits.clear();
                sift.atoms(0, piece, &mut hits);
                count + hits.len()
            }),
        };
        assert_eq!(count, expected);
    });
}

const BOTH: [By; 2] = [By::Gate, By::Automaton];

#[divan::bench(args = BOTH, sample_count = 10, sample_size = 1)]
fn own_rules_on_web(bencher: Bencher, by: By) {
    let log = fixture("incident/evidence/web/riverside-access.log");
    bench(bencher, "web fixture", Rules::Own, "access", Some(log), by);
}

#[divan::bench(args = BOTH, sample_count = 10, sample_size = 1)]
fn own_rules_on_windows(bencher: Bencher, by: By) {
    let log = fixture("incident/evidence/windows/winlogbeat.ndjson.gz");
    bench(bencher, "Windows fixture", Rules::Own, "windows_json", Some(log), by);
}

#[divan::bench(args = BOTH, sample_count = 10, sample_size = 1)]
fn own_rules_on_real_web(bencher: Bencher, by: By) {
    let log = corpus("web/elastic-examples", "apache_logs.gz");
    bench(bencher, "real web", Rules::Own, "access", log, by);
}

#[divan::bench(args = BOTH, sample_count = 10, sample_size = 1)]
fn own_rules_on_real_windows(bencher: Bencher, by: By) {
    let log = corpus("security-datasets/atomic/windows", ".zip");
    bench(bencher, "real Windows", Rules::Own, "windows_json", log, by);
}

#[divan::bench(args = BOTH, sample_count = 10, sample_size = 1)]
fn sigma_on_real_web(bencher: Bencher, by: By) {
    let log = corpus("web/elastic-examples", "apache_logs.gz");
    bench(bencher, "real web", Rules::Sigma, "access", log, by);
}

#[divan::bench(args = BOTH, sample_count = 10, sample_size = 1)]
fn sigma_on_real_windows(bencher: Bencher, by: By) {
    let log = corpus("security-datasets/atomic/windows", ".zip");
    bench(bencher, "real Windows", Rules::Sigma, "windows_json", log, by);
}

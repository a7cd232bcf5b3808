//! Indicators and all literals of SigmaHQ's rules for a format over web, syslog and Windows logs: CPU time a byte and the
//! share of records that pass, with literals as all logs have them chosen and as a sample of this log has. In the same
//! run an automaton over the same literals, and a count of lines, which is what reading alone costs.
#![allow(clippy::unwrap_used, reason = "a bench may stop at the first fault")]
#![allow(clippy::disallowed_methods, reason = "a bench measures time")]

mod input;

#[path = "peers/src/clock.rs"]
#[allow(dead_code, reason = "no children here")]
mod clock;

#[path = "peers/src/list.rs"]
#[allow(dead_code, reason = "the lists alone are enough here")]
mod list;

#[path = "../fixtures/generate/rng.rs"]
#[allow(dead_code, reason = "numbers are enough here")]
mod rng;

#[path = "../tests/it/support.rs"]
#[allow(dead_code, reason = "tests need more of it")]
mod support;

use std::path::{Path, PathBuf};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use exfiltrace::detect::{Gate, Gates, Program, Routing};
use exfiltrace::indicators::Builder;
use exfiltrace::model::block::CELL_BYTES;
use exfiltrace::model::indicator::Indicators;
use exfiltrace::model::rarity::Usage;
use exfiltrace::sift::{Sift, atoms_plainly};

use crate::input::{decoded, fixture, repeated};

const ROUNDS: usize = 7;
/// The automaton is slow: fewer rounds tell enough.
const ROUNDS_OF_PEER: usize = 2;
const INDICATORS: usize = 100_000;
/// Naive search is slow: it judges the automaton over this much of the text, the automaton the gate over all of it.
const JUDGED_BYTES: usize = 32 << 10;
/// Parts that a sample takes of a log, as the product does, and of what share of it at most.
const PARTS: usize = 32;
const PART_BYTES: usize = 128 << 10;
const SAMPLED: usize = 8;
/// Of the literals met, how many are shown.
const MOST_SHOWN: usize = 5;

fn shared(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora").join(path)
}

/// Rules of SigmaHQ; `None` where they are not here.
fn sigma() -> Option<Vec<(String, String)>> {
    Some(support::sigma()).filter(|rules| !rules.is_empty())
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

fn records(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b'\n').filter(|record| !record.is_empty())
}

/// The records that a sample of a log shows, and all others.
fn parted(log: &[u8]) -> (Usage, Vec<&[u8]>) {
    let part = PART_BYTES.min(log.len() / PARTS / SAMPLED);
    let (mut usage, mut unseen) = (Usage::default(), Vec::new());
    for record in records(log) {
        let at = record.as_ptr().addr() - log.as_ptr().addr();
        let is_sampled = at % (log.len() / PARTS) < part;
        if is_sampled { usage.add(record) } else { unseen.push(record) }
    }
    (usage, unseen)
}

/// Prints how many of the records pass, and how many rules are evaluated on one.
fn report(name: &str, gate: &Gate, records: &[&[u8]]) {
    let indicators = Indicators::default();
    let sift = Sift::new(&indicators, &gate.atoms);
    let (mut passed, mut blind, mut rules) = (0, 0, 0);
    let mut often = vec![(0, 0, 0); gate.atoms.literals.len()];
    let mut hits = Vec::new();
    for (place, record) in records.iter().enumerate() {
        hits.clear();
        sift.atoms(0, record, &mut hits);
        for hit in &hits {
            let number = hit.literal as usize;
            if often[number].1 != place + 1 {
                often[number] = (often[number].0 + 1, place + 1, number);
            }
        }
        let is_blind = gate.bypasses(record);
        let mut some: Vec<u32> = hits.iter().flat_map(|hit| &gate.atoms.rules[hit.literal as usize]).copied().collect();
        some.sort_unstable();
        some.dedup();
        blind += usize::from(is_blind);
        passed += usize::from(is_blind || !some.is_empty());
        rules += if is_blind { gate.all.len() } else { gate.atoms.always.len() + some.len() };
    }
    let share = |part: usize| 100.0 * part as f64 / records.len() as f64;
    println!(
        "  {name}: {} rules, {} literals, {} rules without one; of {} unseen records {:.1} % pass, {:.2} % are blind, \
         {:.2} rules a record",
        gate.all.len(),
        gate.atoms.literals.len(),
        gate.atoms.always.len(),
        records.len(),
        share(passed),
        share(blind),
        rules as f64 / records.len() as f64,
    );
    often.sort_unstable_by(|a, b| b.cmp(a));
    for (count, _, number) in often.iter().take(MOST_SHOWN).filter(|(count, ..)| *count > 0) {
        let literal = String::from_utf8_lossy(&gate.atoms.literals[*number]);
        let rules = gate.atoms.rules[*number].len();
        println!("    {literal:?} of {rules} rules is in {:.1} %", share(*count));
    }
}

/// One way to search a text, as it is timed.
struct Row<'w> {
    name: String,
    rounds: usize,
    seconds: f64,
    search: Box<dyn FnMut() -> usize + 'w>,
}

impl<'w> Row<'w> {
    fn new(name: impl Into<String>, rounds: usize, search: impl FnMut() -> usize + 'w) -> Self {
        Self { name: name.into(), rounds, seconds: f64::MAX, search: Box::new(search) }
    }
}

/// Times all ways in turns and prints the best of each.
fn table(bytes: usize, mut rows: Vec<Row<'_>>) {
    for round in 0..ROUNDS {
        for row in rows.iter_mut().filter(|row| round < row.rounds) {
            let (found, seconds) = clock::timed(&mut row.search);
            std::hint::black_box(found);
            row.seconds = row.seconds.min(seconds);
        }
    }
    for row in rows {
        println!("  {:<44} {:>7.2} GB/s", row.name, bytes as f64 / row.seconds / 1e9);
    }
}

/// Indicators and literals of one set in all pieces, and the records that escapes make the gate blind for.
fn gated(sift: &Sift<'_>, gate: &Gate, pieces: &[&[u8]]) -> usize {
    let (mut hits, mut atoms, mut count) = (Vec::new(), Vec::new(), 0);
    for piece in pieces {
        hits.clear();
        atoms.clear();
        sift.indicators(piece, &mut hits);
        sift.atoms(gate.set, piece, &mut atoms);
        count += hits.len() + atoms.len();
    }
    count
}

/// Which records the escapes in them make the gate blind for: asked of each.
fn blind(gate: &Gate, pieces: &[&[u8]]) -> usize {
    let ends = |piece: &&[u8]| {
        let mut from = 0;
        let ends = memchr::memchr_iter(b'\n', piece);
        ends.filter(|end| gate.bypasses(&piece[std::mem::replace(&mut from, end + 1)..*end])).count()
    };
    pieces.iter().map(ends).sum()
}

fn one_log(name: &str, program: &Program, format: &str, log: Option<Vec<u8>>, indicators: &Indicators) {
    let Some(log) = log else { return println!("{name}: skipped, the corpora are not here") };
    println!("{name}:");
    let (usage, unseen) = parted(&log);
    let set = program.gate(format).expect("rules apply to the format").set;
    let mut usages: Vec<_> = program.sets().map(|_| None).collect();
    usages[set] = Some(usage);
    let (after, chosen): (Gates, f64) = clock::timed(|| program.gates_after(usages));
    let (before, after_gate) = (program.gate(format).unwrap(), after.get(format).unwrap());
    report("literals of all logs", before, &unseen);
    report("literals after a sample", after_gate, &unseen);
    println!("  chosen anew in {:.0} ms", chosen * 1e3);
    let (text, _) = repeated(&log);
    let pieces = pieces(&text);
    let plain = Sift::with_sets(indicators, program.sets());
    let adapted = Sift::with_sets(indicators, after.sets()).expecting(after.expected());
    let automaton = |gate: &Gate| {
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
        automaton
    };
    let met = |sift: &Sift<'_>| {
        let mut atoms = Vec::new();
        pieces.iter().for_each(|piece| sift.atoms(set, piece, &mut atoms));
        atoms.len()
    };
    let peer = automaton(after_gate);
    let by_peer = || -> usize { pieces.iter().map(|piece| peer.find_overlapping_iter(piece).count()).sum() };
    let old_peer = automaton(before);
    let expected: usize = pieces.iter().map(|piece| old_peer.find_overlapping_iter(piece).count()).sum();
    assert_eq!((met(&plain), met(&adapted)), (expected, by_peer()));
    table(
        text.len(),
        vec![
            Row::new("indicators and gate", ROUNDS, || gated(&plain, before, &pieces)),
            Row::new("indicators and gate after a sample", ROUNDS, || gated(&adapted, after_gate, &pieces)),
            Row::new("  the gate alone", ROUNDS, || met(&adapted)),
            Row::new("  the question for escapes alone", ROUNDS, || blind(after_gate, &pieces)),
            Row::new("automaton over the same literals", ROUNDS_OF_PEER, by_peer),
            Row::new("count of lines", ROUNDS, || memchr::memchr_iter(b'\n', &text).count()),
        ],
    );
}

fn main() {
    let Some(rules) = sigma() else { return println!("skipped: the rules of SigmaHQ are not here") };
    let (program, _) = Program::compile(rules, Routing::Auto);
    let mut builder = Builder::new();
    let values: Vec<String> = list::list(INDICATORS).into_iter().map(|(_, value)| value).collect();
    builder.add("bench", "", values.join("\n").as_bytes());
    let indicators = builder.finish().0;
    let fixture_log = |name: &str| Some(fixture(&format!("incident/evidence/{name}")));
    let web = corpus("web/elastic-examples", "apache_logs.gz");
    one_log("real web log", &program, "access", web, &indicators);
    let own = fixture_log("web/riverside-access.log");
    one_log("web log of the fixtures", &program, "access", own, &indicators);
    one_log("syslog of the fixtures", &program, "syslog3164", fixture_log("linux/rv-web01.tar.bz2"), &indicators);
    let windows = corpus("security-datasets/atomic/windows", ".zip");
    one_log("real Windows JSON", &program, "windows_json", windows, &indicators);
}

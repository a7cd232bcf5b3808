//! Kernel against kernel: the sift beside other matchers, over the same logs in memory, in one process, at 100 to a
//! million indicators. CPU time per byte, best of interleaved rounds; what each meets is held against plain loops.
//!
//! `peers [SIZE...]`: the sizes of the lists.

mod clock;
mod engine;
#[cfg(feature = "hyperscan")]
mod hyperscan;
mod list;
mod oracle;
mod ripgrep;
mod text;

#[path = "../../../fixtures/generate/rng.rs"]
#[allow(dead_code, reason = "numbers are enough here")]
mod rng;

use std::collections::BTreeSet;

use engine::Engine;
use list::Kind;
use text::Text;

/// Of text, which no cache holds.
const TEXT_BYTES: usize = 48 << 20;
/// What a worker gets at once.
const PIECE_BYTES: usize = 256 << 10;
const ROUNDS: usize = 7;
/// Longer lists take other matchers minutes to build, and the slow ones seconds to scan: fewer rounds tell enough.
const ROUNDS_OF_MANY: usize = 3;
const MANY: usize = 100_000;

fn main() {
    let asked: Vec<usize> = std::env::args().skip(1).filter_map(|size| size.parse().ok()).collect();
    let sizes = if asked.is_empty() { vec![100, 10_000, 100_000, 1_000_000] } else { asked };
    let only_ours = std::env::var_os("ONLY_OURS").is_some();
    let list = list::list(sizes.iter().copied().max().unwrap_or(100).max(100));
    let text = text::text(TEXT_BYTES, &list[..100]);
    let files = ripgrep::Files::new(&text.bytes);
    println!("{} MiB, {} planted, {} decoys", TEXT_BYTES >> 20, text.planted.len(), text.decoys.len());
    println!(
        "{:>9}  {:<20} {:>9} {:>8} {:>9} {:>7} {:>7}",
        "list", "matcher", "build s", "MB/s", "lines", "planted", "decoys"
    );
    for size in sizes {
        one_size(&text, &list[..size], &files, only_ours);
    }
}

/// A row of the table.
struct Row<'t> {
    size: usize,
    name: &'t str,
    build: Option<f64>,
    seconds: f64,
    lines: usize,
    /// Of the planted lines and of the decoys those that were met, where lines were told.
    met: Option<(usize, usize)>,
}

impl Row<'_> {
    fn print(&self, text: &Text) {
        let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        println!(
            "{:>9}  {:<20} {:>9} {:>8.0} {:>9} {:>7} {:>7}",
            self.size,
            self.name,
            or_dash(self.build.map(|seconds| format!("{seconds:.3}"))),
            text.bytes.len() as f64 / self.seconds / 1e6,
            self.lines,
            or_dash(self.met.map(|met| format!("{}/{}", met.0, text.planted.len()))),
            or_dash(self.met.map(|met| format!("{}/{}", met.1, text.decoys.len()))),
        );
    }
}

fn one_size(text: &Text, list: &[(Kind, String)], files: &ripgrep::Files, only_ours: bool) {
    let values: Vec<&str> = list.iter().map(|(_, value)| value.as_str()).collect();
    let rounds = if list.len() >= MANY && !only_ours { ROUNDS_OF_MANY } else { ROUNDS };
    let pieces = pieces(&text.bytes);
    let mut entries = engine::all();
    if only_ours {
        entries.truncate(1);
    }
    let mut made: Vec<_> = entries.iter().map(|entry| clock::timed(|| (entry.make)(&values))).collect();
    let mut best = vec![(0, f64::MAX); entries.len()];
    for _ in 0..rounds {
        for ((engine, _), best) in made.iter_mut().zip(&mut best) {
            let (count, seconds) = clock::timed(|| count(&mut **engine, &pieces));
            *best = (count, best.1.min(seconds));
        }
    }
    let (expected, expected_lines) = oracle::tokens(&text.bytes, list);
    let mut anywhere: Option<(usize, BTreeSet<usize>)> = None;
    for ((entry, (engine, build)), (count, seconds)) in entries.iter().zip(&mut made).zip(best) {
        let lines = lines(&mut **engine, &pieces);
        if entry.is_exact {
            assert_eq!((count, &lines), (expected, &expected_lines), "{} and the plain loops", entry.name);
            assert!(text.planted.is_subset(&lines) && text.decoys.is_disjoint(&lines), "{}", entry.name);
        } else if !entry.name.contains("caseless") {
            let (others, other_lines) = anywhere.get_or_insert_with(|| (count, lines.clone()));
            assert_eq!((count, &lines), (*others, &*other_lines), "{} and the others", entry.name);
        }
        let met = (lines.intersection(&text.planted).count(), lines.intersection(&text.decoys).count());
        let row = Row {
            size: list.len(),
            name: entry.name,
            build: Some(*build),
            seconds,
            lines: lines.len(),
            met: Some(met),
        };
        row.print(text);
    }
    drop(made);
    if !only_ours {
        by_ripgrep(text, &values, files, expected_lines.len());
    }
}

/// `rg -F -f`, and with the options that make it mean the same as the sift.
fn by_ripgrep(text: &Text, values: &[&str], files: &ripgrep::Files, expected: usize) {
    let ways: [(&str, &[&str], bool); 2] = [("rg -F", &[], false), ("rg -a -i -w -F", &["-a", "-i", "-w"], true)];
    for (name, options, is_exact) in ways {
        match files.count(options, values, if values.len() > 1_000 { 1 } else { 3 }) {
            ripgrep::Ran::Counted { lines, seconds } => {
                assert!(!is_exact || lines >= expected, "{name} meets {lines} lines of {expected}");
                Row { size: values.len(), name, build: None, seconds, lines, met: None }.print(text);
            }
            ripgrep::Ran::Refused => println!("{:>9}  {name:<20} refuses the list, or is not here", values.len()),
        }
    }
}

/// Whole lines of about [`PIECE_BYTES`] each.
fn pieces(text: &[u8]) -> Vec<&[u8]> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let from = rest.len().min(PIECE_BYTES);
        let end = memchr::memchr(b'\n', &rest[from..]).map_or(rest.len(), |at| from + at + 1);
        let (piece, later) = rest.split_at(end);
        pieces.push(piece);
        rest = later;
    }
    pieces
}

fn count(engine: &mut dyn Engine, pieces: &[&[u8]]) -> usize {
    let mut count = 0;
    pieces.iter().for_each(|piece| engine.scan(piece, &mut |_| count += 1));
    count
}

/// Numbers of the lines that hold a match.
fn lines(engine: &mut dyn Engine, pieces: &[&[u8]]) -> BTreeSet<usize> {
    let (mut lines, mut first) = (BTreeSet::new(), 0);
    for piece in pieces {
        let ends: Vec<usize> = memchr::memchr_iter(b'\n', piece).collect();
        engine.scan(piece, &mut |end| {
            lines.insert(first + ends.partition_point(|line_end| *line_end < end));
        });
        first += ends.len();
    }
    lines
}

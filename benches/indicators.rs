//! A million indicators: read as text, compiled to a file, and loaded from it.
#![allow(clippy::unwrap_used, reason = "a bench may stop at the first fault")]

use std::fmt::Write;
use std::sync::OnceLock;

use divan::Bencher;
use divan::counter::ItemsCount;
use exfiltrace::indicators::{Builder, db};
use exfiltrace::model::atoms::Atoms;
use exfiltrace::model::indicator::Indicators;
use exfiltrace::open::Whole;
use exfiltrace::sift::Sift;

#[path = "../fixtures/generate/rng.rs"]
#[allow(dead_code, reason = "numbers are enough here")]
mod rng;

fn main() {
    divan::main();
}

const COUNT: usize = 1_000_000;

/// Addresses, names, digests and URLs, a fourth each, all distinct.
fn list() -> &'static str {
    static LIST: OnceLock<String> = OnceLock::new();
    LIST.get_or_init(|| {
        let mut rng = rng::Rng::new(2026, "indicators");
        let mut list = String::new();
        for number in 0..COUNT / 4 {
            let bits = rng.next();
            writeln!(list, "{}.{}.{}.{}", 11 + number % 80, (number / 80) & 255, number / 20480, bits & 127).unwrap();
            writeln!(list, "{bits:x}-{number}.badhost{}.example", number % 5000).unwrap();
            writeln!(list, "{:016x}{bits:016x}{:016x}{number:016x}", rng.next(), rng.next()).unwrap();
            writeln!(list, "http://host{}.example/{bits:x}/x.php?id={number}", number % 50_000).unwrap();
        }
        list
    })
}

fn read_as_text() -> Indicators {
    let mut builder = Builder::new();
    builder.add("bench", "", list().as_bytes());
    let (set, refused) = builder.finish();
    assert_eq!((set.list.len(), refused.len()), (COUNT, 0));
    set
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn text_to_set(bencher: Bencher) {
    list();
    bencher.counter(ItemsCount::new(COUNT)).bench_local(read_as_text);
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn text_to_file(bencher: Bencher) {
    list();
    bencher.counter(ItemsCount::new(COUNT)).bench_local(|| {
        let mut file = Vec::new();
        db::write(&read_as_text(), &mut file).unwrap();
        file
    });
}

/// To the first bytes scanned, from a file that is in the cache of the system.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn file_to_first_hit(bencher: Bencher) {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("ioc.db");
    db::write(&read_as_text(), &mut std::io::BufWriter::new(std::fs::File::create(&path).unwrap())).unwrap();
    let text = list().lines().take(4).collect::<Vec<_>>().join(" ");
    bencher.counter(ItemsCount::new(COUNT)).bench_local(|| {
        let whole = Whole::map(&path).unwrap().expect("the file is mapped");
        let set = db::read(&whole.bytes()).unwrap();
        assert_eq!(set.list.len(), COUNT);
        let mut hits = Vec::new();
        Sift::new(&set, &Atoms::default()).indicators(text.as_bytes(), &mut hits);
        assert_eq!(hits.iter().filter(|hit| hit.how == exfiltrace::model::hit::MatchKind::Exact).count(), 4);
    });
}

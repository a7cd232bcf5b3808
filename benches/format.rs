//! The parsers alone: records → fields, with the columns that tallies read and with everything; before that a table of all
//! formats, or of those whose name has the word in it that is given: `cargo bench --bench format -- squid`; or of the logs
//! below a folder, with a folder for each format: `cargo bench --bench format -- /path/to/logs`. Ends with 1 where a format is slow and does
//! not say why.
#![allow(clippy::unwrap_used, reason = "a bench may stop at the first fault")]
#![allow(clippy::disallowed_methods, reason = "a bench is a shell of its own")]

#[path = "format/headers.rs"]
mod headers;
mod input;
#[path = "../fixtures/generate/rng.rs"]
#[allow(dead_code, reason = "the generator of the fixtures needs more of it")]
mod rng;
#[path = "format/table.rs"]
#[allow(clippy::cast_precision_loss, reason = "figures for people")]
#[allow(clippy::cast_possible_truncation, reason = "texts of some megabytes")]
mod table;

use divan::Bencher;
use divan::counter::BytesCount;
use exfiltrace::format;
use exfiltrace::model::block::Block;
use exfiltrace::model::fields::{Fields, View, Want};

use input::{blocks, count, fixture, layout, lines, repeated};

fn main() {
    let named = std::env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_default();
    let are_explained = table::print(&named);
    divan::main();
    if !are_explained {
        std::process::exit(1);
    }
}

const WANTS: [Want; 2] = [Want::Columns, Want::All];

/// Parses every record of a log in every round and holds their number and their times against `records` of one copy.
fn bench(bencher: Bencher, path: &str, name: &str, want: Want, records: impl Fn(&[u8]) -> usize) {
    let log = fixture(&format!("incident/evidence/{path}"));
    let (text, times) = repeated(&log);
    let mut cut: Vec<(Block, View)> = Vec::new();
    blocks(&text, &layout(&text, name), |block| {
        let mut view = View::default();
        format::render(&block, &mut view);
        assert!(!view.is_rendered, "the stored bytes are the text");
        cut.push((block, view));
    });
    let expected = times * records(&log);
    bencher.counter(BytesCount::of_slice(&text)).bench_local(|| {
        let (mut read, mut timed) = (0, 0);
        for (block, view) in &cut {
            let mut fields = Fields::default();
            for seen in &view.records {
                let record = &block.bytes[seen.start..seen.end];
                read += usize::from(format::parse(&block.layout, record, want, &mut fields).is_ok());
                timed += usize::from(fields.time.is_some());
            }
        }
        assert_eq!((read, timed), (expected, expected));
    });
}

#[divan::bench(args = WANTS, sample_count = 10, sample_size = 1)]
fn fixed_columns(bencher: Bencher, want: Want) {
    bench(bencher, "web/marsh-access.log.gz", "access", want, lines);
}

#[divan::bench(args = WANTS, sample_count = 10, sample_size = 1)]
fn named_columns(bencher: Bencher, want: Want) {
    let records = |log: &[u8]| log.split(|&b| b == b'\n').filter(|l| !l.is_empty() && !l.starts_with(b"#")).count();
    bench(bencher, "web/iis-hillcrest.zip", "w3c", want, records);
}

#[divan::bench(args = WANTS, sample_count = 10, sample_size = 1)]
fn keys_and_values(bencher: Bencher, want: Want) {
    bench(bencher, "firewall/fortigate.log.xz", "kv", want, lines);
}

#[divan::bench(args = WANTS, sample_count = 10, sample_size = 1)]
fn nested_objects(bencher: Bencher, want: Want) {
    bench(bencher, "windows/winlogbeat.ndjson.gz", "windows_json", want, lines);
}

#[divan::bench(args = WANTS, sample_count = 10, sample_size = 1)]
fn objects_in_documents(bencher: Bencher, want: Want) {
    bench(bencher, "cloud/cloudtrail.tar.gz", "cloudtrail", want, |log| count(log, "\"eventVersion\""));
}

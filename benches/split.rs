//! The splitter alone: bytes of a stream → blocks of whole records.
#![allow(clippy::unwrap_used, reason = "a bench may stop at the first fault")]

mod input;

use std::sync::Arc;

use divan::Bencher;
use divan::counter::BytesCount;
use exfiltrace::format;
use exfiltrace::model::fields::View;
use exfiltrace::model::layout::Layout;

use input::{blocks, count, fixture, layout, lines, repeated, with_long_lines};

fn main() {
    divan::main();
}

/// Splits the text in every round and holds its bytes and its records against `records`, counted by other means.
fn bench(bencher: Bencher, text: &[u8], layout: &Arc<Layout>, records: usize) {
    bencher.counter(BytesCount::of_slice(text)).bench_local(|| {
        let mut bytes = 0;
        let mut last = None;
        blocks(text, layout, |block| {
            bytes += block.bytes.len();
            last = Some(block);
        });
        let last = last.expect("a text has blocks");
        let mut view = View::default();
        format::render(&last, &mut view);
        assert_eq!(bytes, text.len(), "every byte lies in one block");
        assert_eq!(last.first_record + view.records.len() as u64, records as u64);
    });
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn short_lines(bencher: Bencher) {
    let log = fixture("incident/evidence/web/marsh-access.log.gz");
    let (text, times) = repeated(&log);
    bench(bencher, &text, &layout(&text, "access"), times * lines(&log));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn long_lines(bencher: Bencher) {
    let log = fixture("incident/evidence/web/marsh-access.log.gz");
    let text = with_long_lines(&repeated(&log).0, 100_000);
    let mut plain = Layout::plain();
    plain.format = "access";
    bench(bencher, &text, &Arc::new(plain), lines(&text));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn layout_changes(bencher: Bencher) {
    let log = fixture("incident/evidence/web/iis-hillcrest.zip");
    let (text, times) = repeated(&log);
    let directives = log.split(|&byte| byte == b'\n').filter(|line| line.starts_with(b"#")).count();
    assert!(directives > 10);
    bench(bencher, &text, &layout(&text, "w3c"), times * (lines(&log) - directives));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn json_documents(bencher: Bencher) {
    let log = fixture("incident/evidence/cloud/cloudtrail.tar.gz");
    let (text, times) = repeated(&log);
    bench(bencher, &text, &layout(&text, "cloudtrail"), times * count(&log, "\"eventVersion\""));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn quoted_rows(bencher: Bencher) {
    let log = fixture("formats/csv/quoted_lines.log");
    let (text, times) = repeated(&log);
    let mut quoted = false;
    let ends = log.iter().filter(|&&byte| {
        quoted ^= byte == b'"';
        byte == b'\n' && !quoted
    });
    // The header is no record where it stands first, and a row like any other after that.
    bench(bencher, &text, &layout(&text, "csv"), times * ends.count() - 1);
}

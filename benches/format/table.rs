//! The table of all formats: what a core reads of each in a second, told by CPU time.
//!
//! Every log of `fixtures/formats` is repeated until it has [`LOG_BYTES`], its headers once and its addresses, seconds and
//! long numbers changed by a seed, so that no copy is like the one before. Then it is cut into blocks, which is not timed, as the
//! splitter has a bench of its own. Of each block the records are found, and of each record time and
//! fields are read as tallies take them: once by a parse of every record, and once as the product does, which parses
//! where a record has no outline. What follows in the product, the map of what was told, is left out. Reading must find
//! in the copies as many records, read and with times, as in the log. Lines that the format rejects are left out, as what they
//! cost is the work of the others that are tried on them.
//!
//! A log takes less than a second, so that the whole table takes a few minutes; how far it is, is told meanwhile.

use std::fmt::Write;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use exfiltrace::format::{self, Clock, Shapes, Strays};
use exfiltrace::model::block::{Block, Spans};
use exfiltrace::model::fields::{Fields, View, Want};
use exfiltrace::model::layout::{Encoding, Framing, Layout};
use exfiltrace::model::outline::Outline;
use exfiltrace::model::place::Locator;
use exfiltrace::model::source::SourceMeta;
use exfiltrace::model::time::Instant;

use crate::headers;
use crate::input::blocks;
use crate::rng::Rng;

const ROUNDS: usize = 3;

/// Logs are repeated until they have this size.
const LOG_BYTES: usize = 4 << 20;
/// How far the table is, is told after so many logs.
const STEP: usize = 50;

/// Formats whose speed has a goal, by what their logs are of; every other is of its kind of text.
const GROUPS: &[(&str, &[&str])] = &[
    ("web", &["access", "w3c", "aws_alb", "haproxy", "s3access", "litespeed", "apache_error", "nginx_error", "gin"]),
    ("proxy", &["squid", "zscaler", "mcafee_webgateway", "netskope", "umbrella_proxy"]),
    ("DNS", &["bind", "umbrella", "route53", "adguard", "technitium"]),
    ("flow", &["vpcflow", "vpcflow_json", "netflow", "nfdump", "zeek"]),
    ("NDJSON", &["json", "zeek_json", "kubernetes", "okta", "panther", "cowrie"]),
];

/// What was read of a log.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Counts {
    records: usize,
    read: usize,
    timed: usize,
}

/// Which fields are taken, and how.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// Every record is parsed.
    Parse,
    /// A record is parsed where it has no outline.
    Outline,
}

struct Row {
    name: String,
    group: &'static str,
    /// Of one record, on average.
    record_bytes: usize,
    counts: Counts,
    parse: f64,
    outline: f64,
    /// Records of which no parse was needed.
    outlined: usize,
    recognise_ms: f64,
    serde: Option<f64>,
}

/// CPU seconds of this thread.
fn cpu() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call fills in the struct it is given, and says whether it did.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) }, 0);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Megabytes in a second of CPU time, most of the rounds, and what the last round gave.
fn speed<T>(bytes: usize, mut work: impl FnMut() -> T) -> (f64, T) {
    let mut round = || {
        let start = cpu();
        let out = work();
        (bytes as f64 / 1e6 / (cpu() - start).max(1e-9), out)
    };
    (1..ROUNDS).fold(round(), |(best, _), _| {
        let (now, out) = round();
        (best.max(now), out)
    })
}

fn recognised(bytes: &[u8], name: &str) -> Layout {
    let locator = Locator::root(name.as_bytes());
    let mtime = Instant::parse("2026-11-20T00:00:00Z");
    let meta = SourceMeta { locator: locator.clone(), evidence: locator, mtime, size: None };
    let clock = Clock { zone: jiff::tz::TimeZone::UTC, zone_given: false };
    let head = &bytes[..bytes.len().min(64 << 10)];
    format::recognise(head, head.len() == bytes.len(), &meta, &clock)
}

/// The blocks of a log.
fn cut(text: &[u8], layout: &Arc<Layout>) -> Vec<Block> {
    let mut cut = Vec::new();
    blocks(text, layout, |block| cut.push(block));
    cut
}

/// Reads a log by its blocks; also gives how many records had an outline.
fn read(blocks: &[Block], by: By, view: &mut View) -> (Counts, usize) {
    let (mut counts, mut outlined, mut shapes) = (Counts::default(), 0, Shapes::default());
    for block in blocks {
        format::render(block, view);
        let (bytes, reader) =
            (if view.is_rendered { &view.rendered } else { &block.bytes[..] }, format::reader(&block.layout));
        let strays = (block.is_of_lines() && !format::is_text(block.layout.format)).then(|| Strays::new(&block.layout));
        let (mut fields, mut outline) = (Fields::default(), Outline::default());
        for seen in &view.records {
            let record = &bytes[seen.start..seen.end];
            counts.records += 1;
            if by == By::Outline && reader.outline(record, false, (&mut shapes, false), &mut outline) {
                outlined += 1;
                counts.read += 1;
                counts.timed += usize::from(black_box(&outline).time.is_some());
                continue;
            }
            let is_read = reader.parse(record, Want::Columns, &mut fields).is_ok()
                || strays.as_ref().is_some_and(|strays| strays.parse(record, Want::Columns, &mut fields).is_some());
            counts.read += usize::from(is_read);
            counts.timed += usize::from(black_box(&fields).time.is_some());
        }
    }
    (counts, outlined)
}

/// Changes the last part of addresses, the seconds of clocks and the end of long numbers; nothing gets longer.
fn vary(text: &mut [u8], rng: &mut Rng) {
    let mut start = 0;
    while start < text.len() {
        let end = start + text[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if let Some(digits) = (end > start).then(|| another(&text[..start], end - start, rng)).flatten() {
            text[end - digits.len()..end].copy_from_slice(digits.as_bytes());
        }
        start = end.max(start + 1);
    }
}

/// What the last digits of a number become, by what stands before it.
fn another(before: &[u8], length: usize, rng: &mut Rng) -> Option<String> {
    let dots = before.iter().rev().take(12).take_while(|byte| byte.is_ascii_digit() || **byte == b'.');
    // A year with colons behind it (`2026:03:28`) is no hour.
    let is_seconds = matches!(before, [.., mark, b'0'..=b'2', b'0'..=b'9', b':', b'0'..=b'5', b'0'..=b'9', b':'] if !mark.is_ascii_digit())
        || matches!(before, [b'0'..=b'2', b'0'..=b'9', b':', b'0'..=b'5', b'0'..=b'9', b':']);
    match length {
        1..=3 if before.ends_with(b".") && dots.filter(|byte| **byte == b'.').count() == 3 => {
            Some(rng.range([1, 10, 100][length - 1], [10, 100, 256][length - 1]).to_string())
        }
        2 if is_seconds => Some(format!("{:02}", rng.range(0, 60))),
        9.. => Some(format!("{:02}", rng.range(0, 60))),
        _ => None,
    }
}

/// A log without the lines that its format rejects, where there are others.
fn of_format(log: &[u8], layout: &Arc<Layout>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut view = View::default();
    blocks(log, layout, |block: Block| {
        format::render(&block, &mut view);
        let mut fields = Fields::default();
        let (reader, is_plain) = (format::reader(&block.layout), block.spans == Spans::Lines && !view.is_rendered);
        let mut from = 0;
        for seen in view.records.iter().filter(|_| is_plain) {
            if reader.parse(&block.bytes[seen.start..seen.end], Want::Columns, &mut fields).is_err() {
                out.extend_from_slice(&block.bytes[from..seen.start]);
                from = block.bytes[seen.end..].iter().position(|b| *b == b'\n').map_or(seen.end, |n| seen.end + n + 1);
            }
        }
        out.extend_from_slice(&block.bytes[from..]);
    });
    let is_left = out.split(|byte| *byte == b'\n').any(|line| !line.is_empty() && !line.starts_with(b"#"));
    if is_left { out } else { log.to_vec() }
}

/// A log as parts: what stands once, and the records after it.
fn parts<'a>(log: &'a [u8], layout: &Arc<Layout>) -> Vec<(&'a [u8], &'a [u8])> {
    match layout.framing {
        Framing::Directives => {
            let (mut out, mut from, mut records_from) = (Vec::new(), 0, None);
            let mut at = 0;
            for line in log.split_inclusive(|byte| *byte == b'\n') {
                match (line.starts_with(b"#"), records_from) {
                    (false, None) => records_from = Some(at),
                    (true, Some(records)) => {
                        out.push((&log[from..records], &log[records..at]));
                        (from, records_from) = (at, None);
                    }
                    _ => {}
                }
                at += line.len();
            }
            let records = records_from.unwrap_or(at);
            out.push((&log[from..records], &log[records..]));
            out
        }
        Framing::Csv { .. } => {
            let (mut view, mut first) = (View::default(), None);
            blocks(log, layout, |block| {
                format::render(&block, &mut view);
                first = first.or(view.records.first().map(|seen| seen.place.offset as usize));
            });
            vec![log.split_at(first.unwrap_or(0))]
        }
        _ => {
            // A mark of the encoding stands at the very start.
            let mark = match log {
                [0xef, 0xbb, 0xbf, ..] => 3,
                [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => 2,
                _ => 0,
            };
            vec![log.split_at(mark)]
        }
    }
}

/// A log repeated until it has [`LOG_BYTES`], and how many times its records are in it.
fn grown(log: &[u8], layout: &Arc<Layout>, rng: &mut Rng) -> (Vec<u8>, usize) {
    let times = LOG_BYTES.div_ceil(log.len());
    let mut out = Vec::with_capacity(LOG_BYTES + LOG_BYTES / 8);
    for (once, records) in parts(log, layout) {
        out.extend_from_slice(once);
        for _ in 0..times {
            let from = out.len();
            out.extend_from_slice(records);
            if matches!(layout.framing, Framing::Fixed { .. }) {
                continue;
            }
            vary(&mut out[from..], rng);
            if !out.ends_with(b"\n") && layout.encoding == Encoding::Bytes {
                out.push(b'\n');
            }
        }
    }
    (out, times)
}

/// What one log comes to.
fn row(path: &Path) -> Row {
    let log = std::fs::read(path).unwrap();
    let text = |name: Option<&std::ffi::OsStr>| name.unwrap().to_str().unwrap().to_owned();
    let (format, file) = (text(path.parent().unwrap().file_name()), text(path.file_name()));
    let layout = Arc::new(recognised(&log, &file));
    let log = of_format(&log, &layout);
    let (grown, times) = grown(&log, &layout, &mut Rng::new(1, &file));
    let (expected, _) = read(&cut(&log, &layout), By::Parse, &mut View::default());
    let (rate, _) = speed(1_000_000, || recognised(&grown, &file));
    // Buffers go from block to block, as in the product.
    let (blocks, mut view) = (cut(&grown, &layout), View::default());
    let (parse, (counts, _)) = speed(grown.len(), || read(&blocks, By::Parse, &mut view));
    let (outline, (by_outline, outlined)) = speed(grown.len(), || read(&blocks, By::Outline, &mut view));
    assert_eq!(counts, by_outline, "{}", path.display());
    let Counts { records, read, timed } = expected;
    let all = Counts { records: times * records, read: times * read, timed: times * timed };
    assert_eq!(counts, all, "{}", path.display());
    let is_json = |line: &[u8]| serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok();
    let lines = || grown.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let serde =
        lines().take(100).all(is_json).then(|| speed(grown.len(), || lines().filter(|line| is_json(line)).count()).0);
    let group = GROUPS.iter().find(|(_, formats)| formats.contains(&&*format)).map(|(group, _)| *group);
    let of_text = match layout.framing {
        Framing::Csv { .. } => "tables",
        _ if log.trim_ascii_start().starts_with(b"{") || log.trim_ascii_start().starts_with(b"[{") => "JSON",
        _ => "lines",
    };
    Row {
        name: format!("{format}/{file}"),
        group: group.unwrap_or(of_text),
        record_bytes: grown.len() / counts.records.max(1),
        counts,
        parse,
        outline,
        outlined,
        recognise_ms: 1000.0 / rate,
        serde,
    }
}

/// Every log of the fixtures whose path has this in it; or, where it is the path of a folder, every log of that, which holds a
/// folder for each format.
fn logs(named: &str) -> Vec<PathBuf> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/formats");
    let is_folder = Path::new(named).is_absolute();
    let (folder, named) = if is_folder { (PathBuf::from(named), "") } else { (fixtures, named) };
    let within = |path: PathBuf| std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> = within(folder).filter(|path| path.is_dir()).flat_map(within).collect();
    all.retain(|path| path.extension().is_some_and(|extension| extension != "snap"));
    all.retain(|path| path.components().rev().take(2).any(|part| part.as_os_str().to_string_lossy().contains(named)));
    all.sort();
    all
}

/// Least, middle and most of what a group's logs are read at.
fn summary(group: &str, rows: &[&Row]) -> String {
    let mut speeds: Vec<f64> = rows.iter().map(|row| row.outline.max(row.parse)).collect();
    speeds.sort_by(f64::total_cmp);
    let (Some(least), Some(most)) = (speeds.first(), speeds.last()) else { return String::new() };
    let middle = speeds[speeds.len() / 2];
    format!("{group:<8} {:>4} logs {least:6.0} {middle:6.0} {most:6.0} MB/s a core: least, middle, most\n", rows.len())
}

/// Prints the table for the logs whose path has `named` in it, the slowest first, and which formats are read below what is asked of
/// them and do not say why. False where there are such.
pub fn print(named: &str) -> bool {
    let logs = logs(named);
    let timed = |(at, path): (usize, &PathBuf)| {
        if at > 0 && at % STEP == 0 {
            eprintln!("{at} of {} logs are read", logs.len());
        }
        row(path)
    };
    let mut rows: Vec<Row> = logs.iter().enumerate().map(timed).collect();
    rows.sort_by(|a, b| a.parse.total_cmp(&b.parse));
    let mut out = String::from(
        "  parse outline   serde  MB/s a core | ns, bytes a record | records, read, timed | recognised in\n",
    );
    for row in &rows {
        let Row { counts, record_bytes, .. } = row;
        let optional = |speed: Option<f64>| speed.map_or_else(|| "-".to_owned(), |speed| format!("{speed:.0}"));
        let outline = optional((row.outlined * 2 > counts.records).then_some(row.outline));
        let share = |part: usize| 100.0 * part as f64 / counts.records.max(1) as f64;
        writeln!(
            out,
            "{:7.0} {outline:>7} {:>7}  {:6.0} ns {record_bytes:5} B {:8} {:4.0} % {:4.0} % {:6.1} ms  {:<7} {}",
            row.parse,
            optional(row.serde),
            1000.0 * *record_bytes as f64 / row.parse,
            counts.records,
            share(counts.read),
            share(counts.timed),
            row.recognise_ms,
            row.group,
            row.name
        )
        .unwrap();
    }
    for group in GROUPS.iter().map(|(group, _)| *group).chain(["tables", "JSON", "lines"]) {
        out += &summary(group, &rows.iter().filter(|row| row.group == group).collect::<Vec<_>>());
    }
    println!("{out}");
    let format = |row: &Row| row.name.split('/').next().unwrap_or_default().to_owned();
    let formats: Vec<(String, f64)> = rows.iter().map(|row| (format(row), row.outline.max(row.parse))).collect();
    let speeds: Vec<(&str, f64)> = formats.iter().map(|(format, speed)| (format.as_str(), *speed)).collect();
    let unexplained = headers::unexplained(&speeds);
    if !unexplained.is_empty() {
        println!("read below {:.0} MB/s without a reason in the header: {}", headers::LEAST, unexplained.join(", "));
    }
    unexplained.is_empty()
}

//! Formats and the splitter against real logs, hostile bytes and their own fixtures.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use exfiltrace::discover::{self, Root};
use exfiltrace::format::{self, Clock};
use exfiltrace::indicators::Builder;
use exfiltrace::model::block::{Block, CELL_BYTES, OVERSIZE_BYTES, Spans};
use exfiltrace::model::fields::{Canon, Fields, View, Want};
use exfiltrace::model::layout::{Framing, HostClock, Layout};
use exfiltrace::model::ledger::{EntryKind, Note, Reason};
use exfiltrace::model::partial::SourcePartial;
use exfiltrace::model::place::Locator;
use exfiltrace::model::scopes::Scopes;
use exfiltrace::model::source::{SourceMeta, Stream};
use exfiltrace::model::time::Instant;
use exfiltrace::plan::Plan;
use exfiltrace::scan;
use exfiltrace::split::Splitter;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use crate::support::plan;

/// Bytes in memory, handed out in pieces of any size.
struct Memory<'a> {
    rest: &'a [u8],
    step: usize,
}

impl Stream for Memory<'_> {
    fn fill(&mut self, buf: &mut Vec<u8>, want: usize) -> Result<usize, Note> {
        let (now, later) = self.rest.split_at(want.min(self.step).min(self.rest.len()));
        buf.extend_from_slice(now);
        self.rest = later;
        Ok(now.len())
    }

    fn notes(&mut self) -> Vec<Note> {
        Vec::new()
    }
}

fn meta() -> SourceMeta {
    let locator = Locator::root(b"evidence");
    SourceMeta {
        locator: locator.clone(),
        evidence: locator,
        mtime: Instant::parse("2026-11-20T00:00:00Z"),
        size: None,
    }
}

pub(crate) fn layout_of(bytes: &[u8]) -> Layout {
    layout_of_named(bytes, "x.log")
}

/// Whether a file of the fixtures is a log, and not what was read in one.
pub(crate) fn is_sample(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension != "snap")
}

fn layout_of_named(bytes: &[u8], name: &str) -> Layout {
    let clock = Clock { zone: TimeZone::UTC, zone_given: false };
    let head = &bytes[..bytes.len().min(64 * 1024)];
    let meta = SourceMeta { locator: Locator::root(name.as_bytes()), ..meta() };
    format::recognise(head, head.len() == bytes.len(), &meta, &clock)
}

pub(crate) fn blocks(bytes: &[u8], layout: &Layout, cell: usize, step: usize) -> Vec<Block> {
    let mut stream = Memory { rest: bytes, step };
    let mut splitter = Splitter::new(Arc::new(layout.clone()), cell, format::relayout);
    let out = std::iter::from_fn(|| splitter.next(&mut stream)).collect();
    assert_eq!(splitter.cut(), 0);
    out
}

/// What a source came to.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Account {
    pub(crate) format: String,
    pub(crate) parsed: usize,
    pub(crate) rejected: usize,
    pub(crate) untimed: usize,
    pub(crate) pieces: usize,
}

/// Offset, length, line, index and text of a record.
pub(crate) type Row = (u64, u64, Option<u64>, Option<u64>, Vec<u8>);

/// Reads all of it and checks the account of bytes.
pub(crate) fn account(bytes: &[u8], layout: &Layout, cell: usize, step: usize) -> (Account, Vec<Row>) {
    let mut out = Account { format: layout.format.into(), ..Account::default() };
    let mut rows = Vec::new();
    let (mut view, mut next) = (View::default(), 0);
    for block in blocks(bytes, layout, cell, step) {
        let shared = match block.spans {
            Spans::Piece { shared } => shared as u64,
            _ => 0,
        };
        assert_eq!(block.base + shared, next, "blocks follow each other");
        next = block.base + block.bytes.len() as u64;
        assert_eq!(&bytes[block.base as usize..next as usize], &block.bytes[..]);
        format::render(&block, &mut view);
        let text: &[u8] = if view.is_rendered { &view.rendered } else { &block.bytes };
        let taken: u64 = view.records.iter().chain(&view.stale).map(|r| r.place.length).sum();
        assert_eq!(taken + view.framing + view.undecodable, block.bytes.len() as u64, "{layout:?} at {}", block.base);
        if matches!(block.spans, Spans::Piece { .. }) {
            out.pieces += 1;
            continue;
        }
        for seen in &view.records {
            let record = &text[seen.start..seen.end];
            let place = seen.place;
            rows.push((place.offset, place.length, place.line, place.record, record.to_vec()));
            let mut fields = Fields::default();
            let all = format::parse(&block.layout, record, Want::All, &mut fields).is_ok();
            out.untimed += usize::from(all && fields.time.is_none());
            let (time, mut ids) = (fields.time, ids(&fields));
            ids.retain(|(name, _)| Canon::from_name(name).is_some_and(Canon::is_column));
            let mut fields = Fields::default();
            let few = format::parse(&block.layout, record, Want::Columns, &mut fields).is_ok();
            assert_eq!(all, few, "both ways of reading agree");
            if all {
                assert_eq!(fields.time, time);
                assert!(fields.iter().all(|f| f.canon.is_some_and(Canon::is_column)), "columns and nothing else");
                assert_eq!(self::ids(&fields), ids, "{}", String::from_utf8_lossy(record));
                out.parsed += 1;
            } else {
                out.rejected += 1;
            }
        }
    }
    assert_eq!(next, bytes.len() as u64, "every byte lies in a block");
    (out, rows)
}

/// The canonical fields with their values.
fn ids(fields: &Fields<'_>) -> Vec<(&'static str, Vec<u8>)> {
    let named = fields.iter().filter_map(|f| Some((f.canon?.name(), fields.bytes(f.value).to_vec())));
    let mut out: Vec<_> = named.collect();
    out.sort();
    out
}

/// Offset, length and line of what lies between records.
pub(crate) fn gaps(bytes: &[u8], layout: &Layout, cell: usize, step: usize) -> Vec<(u64, u64, Option<u64>)> {
    let mut view = View::default();
    let mut out = Vec::new();
    for block in blocks(bytes, layout, cell, step) {
        format::render(&block, &mut view);
        out.extend(view.gaps.iter().map(|g| (g.place.offset, g.place.length, g.place.line)));
    }
    out
}

fn read(bytes: &[u8]) -> (Account, Vec<Row>) {
    account(bytes, &layout_of(bytes), CELL_BYTES, usize::MAX)
}

pub(crate) fn shared(part: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")).join(part);
    if !path.exists() {
        println!("skipped: {part} is not beside the project");
        return None;
    }
    Some(path)
}

pub(crate) fn walk(folder: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() { walk(&path, out) } else { out.push(path) }
    }
}

/// The bytes of a file; of a gzip file, what is in it (as far as it can be read).
pub(crate) fn content(path: &Path) -> Vec<u8> {
    let stored = fs::read(path).unwrap();
    if !stored.starts_with(b"\x1f\x8b") {
        return stored;
    }
    let mut out = Vec::new();
    let _ = flate2::read::MultiGzDecoder::new(&stored[..]).take(64 << 20).read_to_end(&mut out);
    out
}

/// The members of a zip file; anything else is itself.
pub(crate) fn members(bytes: Vec<u8>) -> Vec<Vec<u8>> {
    let Ok(mut archive) = zip::ZipArchive::new(std::io::Cursor::new(&bytes)) else { return vec![bytes] };
    let mut out = Vec::new();
    for n in 0..archive.len() {
        let mut member = Vec::new();
        if archive.by_index(n).is_ok_and(|m| m.take(64 << 20).read_to_end(&mut member).is_ok()) {
            out.push(member);
        }
    }
    out
}

/// Formats of which the corpora hold no file.
const NOT_IN_CORPORA: &[&str] = &["azure_flow", "checkpoint", "goanywhere", "leef", "vpcflow", "windows_dns"];

#[test]
fn every_real_file_is_read_without_losing_a_byte() {
    let Some(folder) = shared("corpora") else { return };
    let mut files = Vec::new();
    walk(&folder, &mut files);
    let list = std::env::var_os("LIST_FORMATS").is_some();
    let mut formats: BTreeMap<String, usize> = BTreeMap::new();
    for path in &files {
        let bytes = content(path);
        for bytes in members(bytes) {
            let (found, _) = read(&bytes);
            if list {
                println!("{found:?} {}", path.strip_prefix(&folder).unwrap().display());
            }
            *formats.entry(found.format).or_default() += 1;
        }
    }
    for format in format::FORMATS {
        let met = formats.contains_key(format.name());
        assert_eq!(met, !NOT_IN_CORPORA.contains(&format.name()), "{}: {formats:?}", format.name());
    }
}

/// Files of which the independent count differs from ours, and why.
const EXPLAINED: &[(&str, &str)] =
    &[("apache_access.log", "the one line it warns of has bare quotes in its request, which we read")];

#[test]
fn counts_agree_with_an_independent_reader_of_text() {
    let Some(folder) = shared("corpora/text") else { return };
    let expected = fs::read(folder.join("plaso-expected-record-counts.json")).unwrap();
    let expected: BTreeMap<String, Vec<serde_json::Value>> = serde_json::from_slice(&expected).unwrap();
    let mut compared = Vec::new();
    for (name, readers) in &expected {
        let bytes = content(&folder.join("plaso").join(name));
        let (found, _) = read(&bytes);
        // `filestat` counted the file, not what is in it.
        if readers[0]["parser_test"] == "filestat.py" {
            continue;
        }
        let explained = EXPLAINED.iter().find(|e| e.0 == name);
        if found.format == "text" || explained.is_some() {
            continue;
        }
        let records = readers[0]["records"].as_u64().unwrap() as usize;
        // Lines of containers are records of what they hold, which its own dialect reads.
        let ours = if found.format == "container" { found.rejected } else { found.parsed };
        assert_eq!(ours, records, "{name}: {found:?}");
        compared.push(name);
    }
    assert!(compared.len() >= 10, "{compared:?}");
}

/// Live records of an event log by their marks alone: both sizes of each agree.
fn whole_records(log: &[u8]) -> usize {
    let number =
        |bytes: &[u8], at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().unwrap()) as usize);
    let chunks = log[4096..].chunks(65536).filter(|chunk| chunk.starts_with(b"ElfChnk\0"));
    let records = chunks.flat_map(|chunk| {
        let live = number(chunk, 48).unwrap_or(0).min(chunk.len());
        memchr::memmem::find_iter(&chunk[..live], b"**\0\0").filter(move |&at| {
            number(chunk, at + 4)
                .filter(|size| *size >= 28)
                .is_some_and(|size| number(chunk, at + size - 4) == Some(size))
        })
    });
    records.count()
}

#[test]
fn counts_agree_with_an_independent_reader_of_evtx() {
    let Some(folder) = shared("corpora") else { return };
    let expected = fs::read(folder.join("evtx-record-counts.json")).unwrap();
    let expected: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&expected).unwrap();
    let mut files = 0;
    for (name, count) in &expected {
        let Some(records) = count["records"].as_u64() else { continue };
        let bytes = content(&folder.join(name));
        let layout = layout_of(&bytes);
        let (found, rows) = account(&bytes, &layout, CELL_BYTES, usize::MAX);
        assert_eq!(found.format, "evtx", "{name}");
        let mut ids: BTreeMap<String, u64> = BTreeMap::new();
        for row in &rows {
            let mut fields = Fields::default();
            format::parse(&layout, &row.4, Want::All, &mut fields).unwrap();
            let id = fields.named().find(|f| f.0 == b"EventID").unwrap().1;
            *ids.entry(String::from_utf8_lossy(id).into_owned()).or_default() += 1;
        }
        if count["errors"].is_string() || !(bytes.len() - 4096).is_multiple_of(65536) {
            // Its reader stopped at a damaged or cut chunk; that one costs us no other, and what is left of it is read.
            let whole = whole_records(&bytes);
            assert!(found.parsed > records as usize && found.parsed >= whole, "{name}: {whole} of {found:?}");
            continue;
        }
        assert_eq!((found.parsed, found.untimed), (records as usize, 0), "{name}");
        let expected: BTreeMap<String, u64> = serde_json::from_value(count["event_ids"].clone()).unwrap();
        // The list holds the most frequent ones only.
        assert!(expected.iter().all(|(id, n)| ids.get(id) == Some(n)), "{name}: {ids:?}, {expected:?}");
        assert!(rows.iter().enumerate().all(|(n, row)| row.3 == Some(n as u64)), "{name}: indices are in order");
        files += 1;
    }
    assert!(files >= 20, "{files}");
}

/// Events of a JSON text as a full parser sees them: elements of arrays and of the layout's arrays, or whole documents.
fn events_by_serde(bytes: &[u8], layout: &Layout) -> Option<usize> {
    let mut events = 0;
    for document in serde_json::Deserializer::from_slice(bytes).into_iter::<serde_json::Value>() {
        let document = document.ok()?;
        let inner = layout.arrays.iter().find_map(|a| document.get(&**a));
        events += inner.or(Some(&document)).and_then(|d| d.as_array()).map_or(1, Vec::len);
    }
    Some(events)
}

#[test]
fn json_documents_have_the_events_that_a_full_parser_sees() {
    let Some(folder) = shared("corpora") else { return };
    let mut files = Vec::new();
    walk(&folder, &mut files);
    let mut compared = 0;
    for path in &files {
        let bytes = content(path);
        let layout = layout_of(&bytes);
        if layout.framing != Framing::JsonDocuments {
            continue;
        }
        let Some(events) = events_by_serde(&bytes, &layout) else { continue };
        let (found, _) = account(&bytes, &layout, 1000, 777);
        assert_eq!((found.parsed, found.rejected), (events, 0), "{}", path.display());
        compared += 1;
    }
    assert!(compared > 100, "{compared}");
}

/// One fixture as text: its account, then every record with all fields.
fn snapshot(bytes: &[u8], layout: &Layout) -> String {
    use std::fmt::Write;
    let (found, _) = account(bytes, layout, CELL_BYTES, usize::MAX);
    let mut out = format!("{found:?}\n");
    let mut view = View::default();
    for block in blocks(bytes, layout, CELL_BYTES, usize::MAX) {
        format::render(&block, &mut view);
        let text: &[u8] = if view.is_rendered { &view.rendered } else { &block.bytes };
        for seen in &view.records {
            let mut fields = Fields::default();
            let read = format::parse(&block.layout, &text[seen.start..seen.end], Want::All, &mut fields);
            let (place, time) = (seen.place, fields.time);
            let at = time.map_or("no time".into(), |t| format!("{} assumed {:?}", t.at, t.assumed));
            writeln!(out, "\n{}+{} line {:?} {read:?} {at}", place.offset, place.length, place.line).unwrap();
            for field in fields.iter() {
                let canon = field.canon.map_or("", |c| c.name());
                let (name, value) = (fields.bytes(field.name).escape_ascii(), fields.bytes(field.value).escape_ascii());
                writeln!(out, "  {name} = {value} ({:?}) {canon}", field.kind).unwrap();
            }
        }
    }
    out
}

#[test]
fn fixtures_read_as_recorded() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/formats"));
    let mut files = Vec::new();
    walk(folder, &mut files);
    let bless = std::env::var_os("BLESS").is_some();
    let mut seen = Vec::new();
    for path in files.iter().filter(|path| is_sample(path)) {
        let bytes = fs::read(path).unwrap();
        let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        let (format, layout) = (name(path.parent().unwrap()), layout_of_named(&bytes, &name(path)));
        let now = snapshot(&bytes, &layout);
        // Messages of syslog say in their dataset what they are.
        let is_message =
            layout.format.starts_with("syslog") && now.contains(&format!("= {format} (Str) event.dataset"));
        assert!(layout.format == format || is_message, "{}: {}", path.display(), layout.format);
        let snap = path.with_extension("snap");
        if bless {
            fs::write(&snap, &now).unwrap();
        }
        let then = fs::read_to_string(&snap).unwrap_or_default();
        assert_eq!(now, then, "{}: run with BLESS=1 and review", path.display());
        seen.push(format);
    }
    for format in format::list().filter(|f| f.name() != "evtx") {
        assert!(seen.iter().any(|s| s == format.name()), "no fixture for {}", format.name());
    }
}

pub(crate) fn fixture_bytes() -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    walk(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/formats")), &mut files);
    files.iter().filter(|path| is_sample(path)).map(|p| fs::read(p).unwrap()).collect()
}

#[test]
fn any_grid_and_any_read_size_give_the_same_records() {
    for bytes in fixture_bytes() {
        let layout = layout_of(&bytes);
        let (want, rows) = account(&bytes, &layout, CELL_BYTES, usize::MAX);
        for (cell, step) in [(2, 1), (7, 3), (64, 10), (100, usize::MAX), (1 << 20, 5)] {
            let (got, got_rows) = account(&bytes, &layout, cell, step);
            assert_eq!(got, want, "cell {cell}");
            assert_eq!(got_rows, rows, "cell {cell}");
        }
    }
}

#[test]
fn utf16_logs_read_like_their_narrow_twins() {
    for bytes in fixture_bytes() {
        let Ok(text) = String::from_utf8(bytes.clone()) else { continue };
        let narrow = read(&bytes);
        if layout_of(&bytes).framing == Framing::JsonDocuments {
            continue;
        }
        for (mark, swap) in [(true, false), (true, true), (false, false), (false, true)] {
            let order = if swap { u16::to_be_bytes } else { u16::to_le_bytes };
            let marked = if mark { format!("\u{feff}{text}") } else { text.clone() };
            let wide: Vec<u8> = marked.encode_utf16().flat_map(order).collect();
            let got = read(&wide);
            assert_eq!(got.0, narrow.0, "mark {mark} swap {swap}");
            let shown = |rows: &[Row]| rows.iter().map(|r| (r.2, r.3, r.4.clone())).collect::<Vec<_>>();
            assert_eq!(shown(&got.1), shown(&narrow.1));
            let layout = layout_of(&wide);
            assert_eq!(account(&wide, &layout, 70, 7), got, "the grid does not matter");
        }
    }
}

#[test]
fn damaged_evtx_costs_no_more_than_its_records() {
    let Some(folder) = shared("corpora/evtx/omerbenamram-evtx") else { return };
    let mut files = Vec::new();
    walk(&folder, &mut files);
    let small = files.iter().filter(|p| fs::metadata(p).unwrap().len() < 300_000);
    for path in small.filter(|p| p.extension().is_some_and(|e| e == "evtx")).take(3) {
        let whole = fs::read(path).unwrap();
        let mut seed = 1u64;
        let mut next = |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize % below
        };
        for _ in 0..40 {
            let mut bytes = whole.clone();
            for _ in 0..1 + next(20) {
                let at = 4096 + next(bytes.len() - 4096);
                bytes[at] = next(256) as u8;
            }
            if next(3) == 0 {
                bytes[4096..4608].fill(0);
            }
            bytes.truncate(bytes.len() - next(2) * next(70_000));
            let (found, _) = read(&bytes);
            assert_eq!(found.format, "evtx");
        }
    }
}

#[test]
fn chunks_whose_header_is_lost_give_their_records_without_an_index() {
    const CHUNK: usize = 65536;
    let Some(folder) = shared("corpora/evtx/omerbenamram-evtx") else { return };
    let mut files = Vec::new();
    walk(&folder, &mut files);
    let mut compared = 0;
    for path in files.iter().filter(|p| fs::metadata(p).unwrap().len() < 2_200_000) {
        let whole = content(path);
        if !whole.starts_with(b"ElfFile") || whole.get(4096..4104) != Some(b"ElfChnk\0") {
            continue;
        }
        let layout = layout_of(&whole);
        let of_first =
            |rows: Vec<Row>| -> Vec<Row> { rows.into_iter().filter(|row| row.0 < 4096 + CHUNK as u64).collect() };
        let (_, rows) = account(&whole, &layout, CELL_BYTES, usize::MAX);
        let mut bytes = whole.clone();
        bytes[4096..4096 + 512].fill(0);
        let (_, found) = account(&bytes, &layout, CELL_BYTES, usize::MAX);
        let (before, after) = (of_first(rows), of_first(found));
        let name = path.display();
        assert!(after.iter().all(|row| row.3.is_none()), "{name}: which one it was is not known");
        let lost: Vec<_> = before.iter().filter(|b| !after.iter().any(|a| (a.0, &a.4) == (b.0, &b.4))).collect();
        assert!(lost.is_empty(), "{name}: {} of {} records are lost", lost.len(), before.len());
        compared += before.len();
    }
    assert!(compared > 200, "{compared}");
}

#[test]
fn oversize_records_come_in_pieces_that_share_their_ends() {
    let long = OVERSIZE_BYTES + 12_345;
    let line = [b"short one\n".to_vec(), vec![b'x'; long], b"\nlast one\n".to_vec()].concat();
    let json = [b"{\"Records\":[{\"a\":1},{\"b\":\"".to_vec(), vec![b'x'; long], b"\"},{\"c\":2}]}".to_vec()].concat();
    let csv = [b"name,value\na,1\nb,\"".to_vec(), vec![b'x'; long], b"\"\nc,2\n".to_vec()].concat();
    for (bytes, whole) in [(line, 2), (json, 2), (csv, 2)] {
        let layout = layout_of(&bytes);
        for cell in [CELL_BYTES, 1000] {
            let (found, rows) = account(&bytes, &layout, cell, 1 << 20);
            assert_eq!(rows.len(), whole, "{}", layout.format);
            assert_eq!(found.pieces, 5, "{}", layout.format);
            let index: Vec<_> = rows.iter().map(|r| r.3.unwrap()).collect();
            assert_eq!(index, [0, 2], "the long record has an index of its own");
        }
    }
}

#[test]
fn a_directive_on_every_line_costs_no_more_than_a_block_each() {
    let change = "#fields\tts\tuid\n1\ta\n#fields\tts\tuid\tproto\n1\ta\tb\n";
    let bytes = change.repeat(20_000).into_bytes();
    let layout = layout_of(&bytes);
    let (found, _) = account(&bytes, &layout, CELL_BYTES, usize::MAX);
    assert_eq!((&*found.format, found.parsed), ("zeek", 40_000));
}

#[test]
fn damaged_json_goes_on_as_lines() {
    let text = b"{\"Records\":[{\"a\":1},\n{\"b\":2]},\n{\"c\":3}\nplain\n";
    let layout = layout_of(b"{\"Records\":[{\"a\":1},{\"b\":2}]}");
    let (found, rows) = account(text, &layout, 8, 5);
    let texts: Vec<_> = rows.iter().map(|r| String::from_utf8_lossy(&r.4).into_owned()).collect();
    assert_eq!(texts, ["{\"a\":1}", "{\"b\":2]},", "{\"c\":3}", "plain"]);
    assert_eq!((found.parsed, found.rejected), (2, 2));
}

fn trail(count: usize) -> String {
    let event = |n: usize| {
        format!(
            "{{\"eventVersion\":\"1.08\",\"awsRegion\":\"eu-west-2\",\"eventTime\":\"2026-03-28T00:00:{:02}Z\",\"eventSource\":\"s3.amazonaws.com\",\
             \"eventName\":\"GetObject\",\"sourceIPAddress\":\"198.51.100.7\",\"resources\":[{{\"n\":{n}}},{{\"n\":0}}]}}",
            n % 60
        )
    };
    format!("{{\"Records\":[{}]}}", (0..count).map(event).collect::<Vec<_>>().join(","))
}

#[test]
fn a_damaged_element_costs_that_element() {
    let whole = trail(20);
    let layout = layout_of(whole.as_bytes());
    assert_eq!(layout.format, "cloudtrail");
    let at = whole.match_indices("GetObject").nth(7).unwrap().0;
    for (cut, put, rejected) in
        [(0, "\n", 0), (3, "\", ", 1), (13, "", 1), (0, "\u{1}]", 1), (0, "\"}", 1), (0, "\":{", 1)]
    {
        let text = format!("{}{put}{}", &whole[..at], &whole[at + cut..]);
        let (found, _) = account(text.as_bytes(), &layout, CELL_BYTES, usize::MAX);
        assert!(found.parsed >= 19 && found.rejected <= rejected + 1, "{put:?}: {found:?}");
        for (cell, step) in [(64, 7), (1000, 333)] {
            assert_eq!(account(text.as_bytes(), &layout, cell, step).0, found, "{put:?}");
        }
    }
    // An element that is no object.
    let text = whole.replacen("},{\"eventVersion", "},null, 17,{\"eventVersion", 1);
    let (found, rows) = account(text.as_bytes(), &layout, 64, 7);
    assert_eq!((found.parsed, found.rejected), (20, 1), "{:?}", rows.get(1));
}

#[test]
fn json_documents_in_utf16_have_the_same_records() {
    let text = trail(30).replace("},{\"event", "},\r\n{\"event").replace("GetObject", "GetÖbject😀");
    let (narrow, rows) = read(text.as_bytes());
    assert_eq!(narrow.parsed, 30);
    for (mark, big) in [("\u{feff}", false), ("\u{feff}", true), ("", false)] {
        let units = format!("{mark}{text}");
        let stored: Vec<u8> =
            units.encode_utf16().flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect();
        let layout = layout_of(&stored);
        for (cell, step) in [(CELL_BYTES, usize::MAX), (50, 13)] {
            let (wide, wide_rows) = account(&stored, &layout, cell, step);
            assert_eq!(wide, narrow);
            let texts = |rows: &[Row]| rows.iter().map(|r| r.4.clone()).collect::<Vec<_>>();
            assert_eq!(texts(&wide_rows), texts(&rows));
        }
    }
}

#[test]
fn lines_may_end_with_returns_alone() {
    let line = "203.0.113.9 - - [28/Mar/2026:23:10:04 +0000] \"GET /a HTTP/1.1\" 200 512 \"-\" \"curl\"";
    let text = format!("{line}\r").repeat(5);
    let layout = layout_of(text.as_bytes());
    for (cell, step) in [(CELL_BYTES, usize::MAX), (50, 13)] {
        let (found, rows) = account(text.as_bytes(), &layout, cell, step);
        assert_eq!((&*found.format, found.parsed, found.rejected), ("access", 5, 0));
        assert_eq!(rows[4].2, Some(5));
    }
    let table = "time,src_ip\r2026-03-28T00:00:00Z,192.0.2.1\r2026-03-28T00:00:01Z,192.0.2.2\r";
    assert_eq!(read(table.as_bytes()).0.parsed, 2);
}

pub(crate) fn fields_of(text: &str) -> Vec<(&'static str, String)> {
    let layout = layout_of(text.as_bytes());
    let (mut layout, mut last) = (layout, "");
    for line in text.lines() {
        layout = format::relayout(&layout, line.as_bytes()).unwrap_or(layout);
        last = line;
    }
    let mut fields = Fields::default();
    format::parse(&layout, last.as_bytes(), Want::All, &mut fields).unwrap();
    ids(&fields).into_iter().map(|(name, value)| (name, String::from_utf8(value).unwrap())).collect()
}

#[test]
fn a_proxy_is_not_the_server_that_it_goes_to() {
    let main = "#Fields: date time c-ip cs-method cs-uri-scheme cs-host cs-uri-port cs-uri-path s-hierarchy s-supplier-name s-ip s-port\n\
                2026-03-28 10:00:01 10.1.0.5 POST https drop.bad.example 443 /u DIRECT 203.0.113.9 10.1.0.2 8080\n";
    let fields = fields_of(main);
    let of = |name| fields.iter().filter(|f| f.0 == name).map(|f| &*f.1).collect::<Vec<_>>();
    assert_eq!(of("destination.ip"), ["203.0.113.9"]);
    assert_eq!(of("destination.domain"), ["drop.bad.example"]);
    assert_eq!(of("destination.port"), ["443"]);
    let server = "#Fields: date time c-ip cs-method cs-uri-stem cs-host s-ip s-port\n\
                  2026-03-28 10:00:01 198.51.100.7 GET /u www.rv.example 10.1.0.2 443\n";
    let fields = fields_of(server);
    let of = |name| fields.iter().filter(|f| f.0 == name).map(|f| &*f.1).collect::<Vec<_>>();
    assert_eq!((of("destination.ip"), of("url.domain")), (vec!["10.1.0.2"], vec!["www.rv.example"]));
    assert!(of("destination.domain").is_empty());
}

#[test]
fn json_of_web_servers_has_the_fields_of_http() {
    let nginx = r#"{"time_iso8601":"2026-03-28T23:10:04Z","remote_addr":"198.51.100.7","request_method":"GET","request_uri":"/a?b=1","status":404,"body_bytes_sent":9,"http_user_agent":"u","http_referer":"r","host":"www.rv.example"}"#;
    let caddy = r#"{"ts":1774739404.5,"request":{"remote_ip":"198.51.100.7","method":"GET","uri":"/a?b=1","host":"www.rv.example","headers":{"User-Agent":["u"],"Referer":["r"]}},"size":9,"status":404}"#;
    let traefik = r#"{"StartUTC":"2026-03-28T23:10:04Z","ClientHost":"198.51.100.7","RequestMethod":"GET","RequestPath":"/a?b=1","DownstreamStatus":404,"DownstreamContentSize":9,"RequestHost":"www.rv.example","request_User-Agent":"u","request_Referer":"r"}"#;
    let line = r#"{"time":"2026-03-28T23:10:04Z","remote_addr":"198.51.100.7","request":"GET /a?b=1 HTTP/1.1","status":"404","body_bytes_sent":"9","http_user_agent":"u","http_referer":"r","host":"www.rv.example:8443"}"#;
    for text in [nginx, caddy, traefik, line] {
        let fields = fields_of(text);
        for (name, value) in [
            ("source.ip", "198.51.100.7"),
            ("http.request.method", "GET"),
            ("url.path", "/a"),
            ("url.query", "b=1"),
            ("http.response.status_code", "404"),
            ("destination.bytes", "9"),
            ("user_agent.original", "u"),
            ("http.request.referrer", "r"),
            ("url.domain", "www.rv.example"),
        ] {
            assert!(fields.iter().any(|f| f.0 == name && f.1 == value), "{name} in {text}: {fields:?}");
        }
    }
    // Without a method a status and a host are anything.
    let other = fields_of(
        r#"{"time":"2026-03-28T23:10:04Z","status":"404","host":"pump-7","size":3,"request":"open the valve"}"#,
    );
    assert!(other.is_empty(), "{other:?}");
}

#[test]
fn a_line_that_is_an_event_with_a_list_is_one_record() {
    let line = r#"{"account":"1","client_ip":"198.51.100.7","items":[{"file":"a"},{"file":"b"}]}"#;
    let (found, _) = read(format!("{line}\n{line}\n").as_bytes());
    assert_eq!((&*found.format, found.parsed), ("json", 2));
    let page = r#"{"count":2,"value":[{"ip":"192.0.2.1"},{"ip":"192.0.2.2"}]}"#;
    let (found, _) = read(format!("{page}\n{page}\n").as_bytes());
    assert_eq!((&*found.format, found.parsed), ("json", 4));
}

#[test]
fn a_file_time_before_logs_had_files_is_no_reference() {
    let line = b"Mar 28 23:10:04 web01 sshd[1]: Accepted password for bob from 198.51.100.7 port 4 ssh2\n";
    let clock = Clock { zone: TimeZone::UTC, zone_given: false };
    for (mtime, timed) in
        [("1980-01-01T00:00:00Z", false), ("1994-12-31T00:00:00Z", false), ("2026-04-01T00:00:00Z", true)]
    {
        let meta = SourceMeta { mtime: Instant::parse(mtime), ..meta() };
        let layout = format::recognise(line, true, &meta, &clock);
        let mut fields = Fields::default();
        format::parse(&layout, line.trim_ascii_end(), Want::All, &mut fields).unwrap();
        assert_eq!(fields.time.is_some(), timed, "{mtime}");
    }
}

/// Scans one file with a list of indicators.
pub(crate) fn scanned(name: &str, bytes: &[u8], list: &str, edit: impl FnOnce(&mut Plan)) -> SourcePartial {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join(name);
    fs::write(&path, bytes).unwrap();
    let mut builder = Builder::new();
    builder.add("list", "", list.as_bytes());
    let mut plan = plan(vec![Root { name: name.into(), path: Some(path) }], Scopes::default(), builder);
    edit(&mut plan);
    let survey = discover::survey(&plan.roots, &plan.skip).unwrap();
    let (partial, _) = scan::sources(&plan, &survey).unwrap();
    let source = partial.sources.values().find(|source| source.entry.kind == EntryKind::Source).unwrap();
    (**source).clone()
}

/// Value, line and record of every place at which an indicator was met.
fn hits(source: &SourcePartial) -> Vec<(String, u64, Option<u64>, Option<u64>)> {
    let each = source.indicators.held.iter().flat_map(|(key, met)| {
        assert_eq!(met.count, met.kept.len() as u64);
        met.kept.iter().map(|s| (key.value.to_string(), s.place.offset, s.place.line, s.place.record))
    });
    let mut all: Vec<_> = each.collect();
    all.sort_by_key(|(_, offset, ..)| *offset);
    all
}

#[test]
fn indicators_outside_of_records_have_a_place_of_their_own() {
    let list = "198.51.100.7\nevil-domain.example\n";
    let address = "198.51.100.7".to_owned();
    let w3c = "#Software: x\n#Remark: 198.51.100.7 and 198.51.100.7\n#Fields: date time c-ip cs-method cs-uri-stem sc-status\n\
               2026-03-28 23:10:04 10.0.0.1 GET / 200\n2026-03-28 23:10:05 198.51.100.7 GET / 200\n";
    let zeek = "#separator \\x09\n#path\tconn\n#open 198.51.100.7\n#fields\tts\tid.orig_h\tid.resp_h\n\
                1774739404.0\t10.0.0.1\t10.0.0.2\n";
    let wrapper = "{\"client\":{\"x\":\"198.51.100.7\"},\n \"items\":[\n{\"time\":\"2026-03-28T00:00:00Z\",\"b\":1},\n\
                   {\"time\":\"2026-03-28T00:00:00Z\",\"b\":2}]}";
    let table = "user,verb,evil-domain.example\nbob,logout,site.example\ncarol,login,other.example\n";
    let at = |text: &str, line: &str| text.find(line).unwrap() as u64;
    for (text, wanted) in [
        (
            w3c,
            vec![
                (address.clone(), at(w3c, "#Remark"), Some(2), None),
                (address.clone(), at(w3c, "2026-03-28 23:10:05"), Some(5), Some(1)),
            ],
        ),
        (zeek, vec![(address.clone(), at(zeek, "#open"), Some(3), None)]),
        (wrapper, vec![(address, 0, Some(1), None)]),
        (table, vec![("evil-domain.example".to_owned(), 0, Some(1), None)]),
    ] {
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for cell in [16, CELL_BYTES] {
            let source = scanned("a.log", text.as_bytes(), list, |plan| plan.cell_bytes = cell);
            assert_eq!(hits(&source), wanted, "{:?}", source.entry);
            let source = scanned("a.log", &wide, list, |plan| plan.cell_bytes = cell);
            let twice: Vec<_> = wanted.iter().cloned().map(|(v, at, line, n)| (v, at * 2, line, n)).collect();
            assert_eq!(hits(&source), twice, "{:?}", source.entry);
        }
    }
}

#[test]
fn a_chunk_that_cannot_be_decoded_is_sifted_and_told() {
    let mut log = b"ElfFile\0".to_vec();
    log.resize(4096 + 2 * 65536, 7);
    log[5000..5014].copy_from_slice(b" 198.51.100.7 ");
    let wide: Vec<u8> = " evil-domain.example ".encode_utf16().flat_map(u16::to_le_bytes).collect();
    log[80_001..80_001 + wide.len()].copy_from_slice(&wide);
    for cell in [4096, CELL_BYTES] {
        let source = scanned("s.evtx", &log, "198.51.100.7\nevil-domain.example\n", |plan| plan.cell_bytes = cell);
        let wanted =
            [("198.51.100.7".to_owned(), 4096, None, None), ("evil-domain.example".to_owned(), 69_632, None, None)];
        assert_eq!(hits(&source), wanted);
        let note = source.entry.notes.iter().find(|n| n.reason == Reason::Damaged).unwrap();
        assert_eq!((note.at, note.count), (Some(4096), Some(2)));
        assert!(note.detail.starts_with("131072 bytes"), "{}", note.detail);
    }
}

#[test]
fn lines_of_other_logs_in_one_file_are_read_as_what_they_are() {
    let access = "203.0.113.9 - - [28/Mar/2026:23:10:04 +0000] \"GET /a HTTP/1.1\" 200 512 \"-\" \"curl\"\n";
    let squid =
        "1774739404.000 100 10.1.0.5 TCP_MISS/200 100 PUT http://drop.bad.example/x - HIER_DIRECT/203.0.113.9 -\n";
    let syslog = "<134>Mar 28 2026 23:11:00 fw01 kernel: action=accept src=10.1.0.5 dst=203.0.113.99 dpt=443\n";
    let text = format!("{}{}{syslog}prose of nobody\n", access.repeat(400), squid.repeat(300));
    let told = [64, CELL_BYTES].map(|cell| {
        let source = scanned("all.log", text.as_bytes(), "drop.bad.example\n", |plan| plan.cell_bytes = cell);
        let count = |reason, word: &str| {
            let of = |n: &&Note| n.reason == reason && n.detail.contains(word);
            source.entry.notes.iter().find(of).and_then(|n| n.count)
        };
        assert_eq!(count(Reason::OtherFormat, "but squid"), Some(300));
        assert_eq!(count(Reason::OtherFormat, "but syslog3164"), Some(1));
        assert_eq!(count(Reason::RecordsRejected, "access"), Some(1));
        let met = source.indicators.held.values().next().unwrap();
        assert_eq!((met.count, met.kept[0].field.as_deref(), met.untimed), (300, Some("c-uri"), 0));
        let by_proxy =
            source.observations.kept.keys().any(|key| key.seen == exfiltrace::model::observation::Seen::Proxy);
        assert!(by_proxy, "the proxy's lines are traffic");
        serde_json::to_string(&source).unwrap()
    });
    assert_eq!(told[0], told[1]);
}

#[test]
fn pieces_of_utf16_are_narrowed() {
    let text = format!("\u{feff}{} 198.51.100.7 {}\nshort\n", "é".repeat(9 << 20), "y".repeat(1 << 20));
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let source = scanned("a.log", &wide, "198.51.100.7\n", |_| {});
    assert_eq!(source.indicators.held.values().map(|met| met.count).collect::<Vec<_>>(), [1]);
}

#[test]
fn records_outside_of_the_period_are_counted() {
    let line =
        |hour| format!("203.0.113.9 - - [28/Mar/2026:{hour}:10:04 +0000] \"GET /a HTTP/1.1\" 200 512 \"-\" \"c\"\n");
    let text = [line(10), line(11), line(12)].concat();
    let left_out = |from: Option<&str>| {
        let source = scanned("a.log", text.as_bytes(), "198.51.100.7\n", |plan| {
            plan.period.from = from.and_then(Instant::parse)
        });
        let note = source.entry.notes.iter().find(|n| n.reason == Reason::OutsidePeriod).cloned();
        note.and_then(|note| note.count)
    };
    assert_eq!(left_out(None), None);
    assert_eq!(left_out(Some("2026-03-28T12:00:00Z")), Some(2));
}

#[test]
fn the_clock_of_a_host_goes_by_the_host_that_a_record_names() {
    let line = |host| format!("Mar 28 2026 23:10:04 {host} app[1]: call from 198.51.100.7\n");
    let text = [line("rv-pbx01"), line("RV-PBX01.rv.example"), line("rv-other")].concat();
    let source = scanned("a.log", text.as_bytes(), "198.51.100.7\n", |plan| {
        let hosts = globset::GlobBuilder::new("rv-pbx*").case_insensitive(true).build().unwrap().compile_matcher();
        plan.clocks.by_host = [HostClock { hosts, zone: TimeZone::get("Asia/Tokyo").unwrap() }].into();
    });
    let met = source.indicators.held.values().next().unwrap();
    let times: Vec<_> = met.kept.iter().map(|s| s.time.unwrap().at.to_string()).collect();
    assert_eq!(times, ["2026-03-28T14:10:04Z", "2026-03-28T14:10:04Z", "2026-03-28T23:10:04Z"]);
}

#[test]
fn a_quote_that_is_never_closed_costs_its_row_only() {
    let filler = "value,2\n".repeat(200_000);
    let text = format!("name,count\n\"open,1\n{filler}");
    let layout = layout_of(b"name,count\na,1\nb,2\n");
    let (found, _) = account(text.as_bytes(), &layout, CELL_BYTES, 100_000);
    assert_eq!((found.parsed, found.rejected), (200_000, 1));
}

#[test]
fn bytes_of_no_log_are_text() {
    let random: Vec<u8> = (0..10_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for bytes in
        [&b""[..], &random, b"\0\0\0\0", b"one line of prose\nand another, with a comma\n", b"{", b"[", b"#Fields:\n"]
    {
        assert_eq!(layout_of(bytes).format, "text", "{}", bytes[..bytes.len().min(40)].escape_ascii());
    }
}

/// Lines that look like logs, and others.
fn messy() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just(b"{\"a\":\"".to_vec()),
        Just(b"\"}".to_vec()),
        Just(b"[{".to_vec()),
        Just(b"}]".to_vec()),
        Just(b"{\"Records\":[".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"a,b\n".to_vec()),
        Just(b"\"x\",".to_vec()),
        Just(b"#Fields: date time c-ip\n".to_vec()),
        Just(b"#fields\tts\tuid\n".to_vec()),
        Just(b"192.0.2.10 - - [28/Mar/2026:23:10:04 +0000] \"GET / HTTP/1.1\" 200 5\n".to_vec()),
        Just(b"<38>Mar 28 23:10:04 h p[1]: a=1 b=2 c=\"".to_vec()),
        Just(b"type=A msg=audit(1774739404.500:1): a=\"b\" msg='c=d".to_vec()),
        Just(b"CEF:0|a|b|c|d|e|1|src=1 x=".to_vec()),
        Just(b"1774739404.500 1 192.0.2.1 TCP_MISS/200 4 GET http://a/ - D/- -\n".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..12),
    ];
    proptest::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Damage in a document is found at the same place on any grid, and costs no more than what it touches.
    #[test]
    fn no_grid_matters_for_damage(
        hits in proptest::collection::vec((any::<u16>(), prop_oneof![any::<u8>(), Just(b'"'), Just(b'}'), Just(b'{')]), 0..4),
        cell in 2usize..400,
        step in 1usize..400,
    ) {
        let whole = trail(12);
        let layout = layout_of(whole.as_bytes());
        let mut bytes = whole.into_bytes();
        for (at, byte) in &hits {
            // Not in the first element, which tells how elements begin, nor in the last one, which nothing follows.
            let at = 400 + usize::from(*at) % (bytes.len() - 1000);
            bytes[at] = *byte;
        }
        let want = account(&bytes, &layout, CELL_BYTES, usize::MAX);
        prop_assert!(want.0.parsed + 2 * hits.len() >= 12, "{:?}", want.0);
        prop_assert_eq!(&account(&bytes, &layout, cell, step), &want);
        prop_assert_eq!(gaps(&bytes, &layout, cell, step), gaps(&bytes, &layout, CELL_BYTES, usize::MAX));
    }

    /// What lies between records is told in the same stretches on any grid.
    #[test]
    fn no_grid_matters_for_framing(bytes in messy(), cell in 2usize..64, step in 1usize..40, which in 0usize..99) {
        let other = fixture_bytes();
        for layout in [layout_of(&bytes), layout_of(&other[which % other.len()])] {
            let want = gaps(&bytes, &layout, CELL_BYTES, usize::MAX);
            prop_assert_eq!(gaps(&bytes, &layout, cell, step), want);
        }
    }

    /// No bytes make any format panic, lose bytes, or depend on the grid.
    #[test]
    fn no_bytes_panic_and_no_grid_matters(bytes in messy(), cell in 2usize..64, step in 1usize..40, which in 0usize..99) {
        let layout = layout_of(&bytes);
        let want = account(&bytes, &layout, CELL_BYTES, usize::MAX);
        prop_assert_eq!(&account(&bytes, &layout, cell, step), &want);
        // The layout of a fixture on bytes that are not of its format.
        let other = fixture_bytes();
        let layout = layout_of(&other[which % other.len()]);
        let want = account(&bytes, &layout, CELL_BYTES, usize::MAX);
        prop_assert_eq!(&account(&bytes, &layout, cell, step), &want);
    }
}

#[test]
fn a_header_that_is_repeated_is_no_record() {
    let text = "time,src_ip\n2026-03-28T00:00:00Z,192.0.2.1\ntime,src_ip\n2026-03-28T00:00:01Z,192.0.2.2\ntime,src_ip";
    let layout = layout_of(text.as_bytes());
    for (cell, step) in [(CELL_BYTES, usize::MAX), (8, 3), (31, 1)] {
        let (found, rows) = account(text.as_bytes(), &layout, cell, step);
        assert_eq!((found.parsed, found.rejected), (2, 0));
        assert_eq!(rows.iter().map(|r| (r.2, r.3)).collect::<Vec<_>>(), [(Some(2), Some(0)), (Some(4), Some(1))]);
    }
    let met =
        scanned("t.csv", text.replace("src_ip", "evil-domain.example").as_bytes(), "evil-domain.example\n", |_| {});
    assert_eq!(hits(&met).len(), 3, "it is sifted all the same");
}

#[test]
fn a_value_of_equals_signs_takes_no_longer_than_another() {
    let line = format!("CEF:0|V|P|1|1|n|3|src=10.1.0.5 msg={}\n", "=a".repeat(4 << 20));
    let (found, _) = read(line.as_bytes());
    assert_eq!((&*found.format, found.parsed), ("text", 0), "the head is too short for it");
    let layout = layout_of(b"CEF:0|V|P|1|1|n|3|src=10.1.0.5\n");
    assert_eq!(account(line.as_bytes(), &layout, CELL_BYTES, usize::MAX).0.parsed, 1);
}

//! Formats and the splitter against real logs, hostile bytes and their own fixtures.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use exfiltrace::format::{self, Clock};
use exfiltrace::model::block::{Block, CELL_BYTES, OVERSIZE_BYTES, Spans};
use exfiltrace::model::fields::{Canon, Fields, View, Want};
use exfiltrace::model::layout::{Framing, Layout};
use exfiltrace::model::ledger::Note;
use exfiltrace::model::place::Locator;
use exfiltrace::model::source::{SourceMeta, Stream};
use exfiltrace::model::time::Instant;
use exfiltrace::split::Splitter;
use jiff::tz::TimeZone;
use proptest::prelude::*;

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

fn layout_of(bytes: &[u8]) -> Layout {
    let clock = Clock { zone: TimeZone::UTC, zone_given: false };
    format::recognise(&bytes[..bytes.len().min(64 * 1024)], &meta(), &clock)
}

fn blocks(bytes: &[u8], layout: &Layout, cell: usize, step: usize) -> Vec<Block> {
    let mut stream = Memory { rest: bytes, step };
    let mut splitter = Splitter::new(Arc::new(layout.clone()), cell, format::relayout);
    let out = std::iter::from_fn(|| splitter.next(&mut stream)).collect();
    assert_eq!(splitter.cut(), 0);
    out
}

/// What a source came to.
#[derive(Debug, Default, PartialEq)]
struct Account {
    format: String,
    parsed: usize,
    rejected: usize,
    untimed: usize,
    pieces: usize,
}

/// Offset, length, line, index and text of a record.
type Row = (u64, u64, Option<u64>, Option<u64>, Vec<u8>);

/// Reads all of it and checks the account of bytes.
fn account(bytes: &[u8], layout: &Layout, cell: usize, step: usize) -> (Account, Vec<Row>) {
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
        let taken: u64 = view.records.iter().map(|r| r.place.length).sum();
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

fn read(bytes: &[u8]) -> (Account, Vec<Row>) {
    account(bytes, &layout_of(bytes), CELL_BYTES, usize::MAX)
}

fn shared(part: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")).join(part);
    if !path.exists() {
        println!("skipped: {part} is not beside the project");
        return None;
    }
    Some(path)
}

fn walk(folder: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() { walk(&path, out) } else { out.push(path) }
    }
}

/// The bytes of a file; of a gzip file, what is in it (as far as it can be read).
fn content(path: &Path) -> Vec<u8> {
    let stored = fs::read(path).unwrap();
    if !stored.starts_with(b"\x1f\x8b") {
        return stored;
    }
    let mut out = Vec::new();
    let _ = flate2::read::MultiGzDecoder::new(&stored[..]).take(64 << 20).read_to_end(&mut out);
    out
}

/// The members of a zip file; anything else is itself.
fn members(bytes: Vec<u8>) -> Vec<Vec<u8>> {
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
    for format in format::list() {
        assert!(formats.contains_key(format.name()), "no file is {}: {formats:?}", format.name());
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
        assert_eq!(found.parsed, records, "{name}: {found:?}");
        compared.push(name);
    }
    assert!(compared.len() >= 10, "{compared:?}");
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
            assert!(found.parsed > records as usize, "{name}: {found:?}");
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
fn snapshot(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let layout = layout_of(bytes);
    let (found, _) = account(bytes, &layout, CELL_BYTES, usize::MAX);
    let mut out = format!("{found:?}\n");
    let mut view = View::default();
    for block in blocks(bytes, &layout, CELL_BYTES, usize::MAX) {
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
    for path in files.iter().filter(|p| p.extension().is_some_and(|e| e == "log")) {
        let bytes = fs::read(path).unwrap();
        let format = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
        assert_eq!(layout_of(&bytes).format, format, "{}", path.display());
        let now = snapshot(&bytes);
        let snap = path.with_extension("snap");
        if bless {
            fs::write(&snap, &now).unwrap();
        }
        let then = fs::read_to_string(&snap).unwrap_or_default();
        assert_eq!(now, then, "{}: run with BLESS=1 and review", path.display());
        seen.push(format.to_owned());
    }
    for format in format::list().filter(|f| f.name() != "evtx") {
        assert!(seen.iter().any(|s| s == format.name()), "no fixture for {}", format.name());
    }
}

fn fixture_bytes() -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    walk(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/formats")), &mut files);
    files.iter().filter(|p| p.extension().is_some_and(|e| e == "log")).map(|p| fs::read(p).unwrap()).collect()
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
            bytes.truncate(bytes.len() - next(2) * next(70_000));
            let (found, _) = read(&bytes);
            assert_eq!(found.format, "evtx");
        }
    }
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

    /// No bytes make any format panic, lose bytes, or depend on the grid.
    #[test]
    fn no_bytes_panic_and_no_grid_matters(bytes in messy(), cell in 2usize..64, step in 1usize..40, which in 0usize..18) {
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

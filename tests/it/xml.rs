//! Windows events as XML against the binary log that they come from.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use evtx::{EvtxParser, ParserSettings};
use exfiltrace::detect::{Program, Routing};
use exfiltrace::discover::{self, Root};
use exfiltrace::format::{self, Clock};
use exfiltrace::indicators::Builder;
use exfiltrace::model::block::CELL_BYTES;
use exfiltrace::model::fields::{Fields, Kind, Want};
use exfiltrace::model::ledger::{EntryKind, Note};
use exfiltrace::model::place::Locator;
use exfiltrace::model::scopes::Scopes;
use exfiltrace::model::source::SourceMeta;
use exfiltrace::model::time::Instant;
use exfiltrace::scan;

use crate::formats::{account, layout_of};
use crate::support::{plan, shared, sigma};

type Named = BTreeMap<String, Vec<String>>;

/// Named values of a record; those without a value are left out.
fn named(text: &[u8], format: &str) -> (Named, Option<String>) {
    let locator = Locator::root(b"e");
    let meta = SourceMeta { locator: locator.clone(), evidence: locator, mtime: None, size: None };
    let clock = Clock { zone: jiff::tz::TimeZone::UTC, zone_given: false };
    let mut layout = format::recognise(text, true, &meta, &clock);
    layout.format = format::list().find(|f| f.name() == format).unwrap().name();
    let mut fields = Fields::default();
    format::parse(&layout, text.trim_ascii(), Want::All, &mut fields).unwrap();
    let mut out = Named::new();
    for (name, value, _) in fields.named().filter(|f| f.2 != Kind::Null && !f.1.is_empty()) {
        let value = String::from_utf8_lossy(value).trim().replace("\r\n", "\n");
        out.entry(String::from_utf8_lossy(name).into_owned()).or_default().push(value);
    }
    (out, fields.time.map(|time| time.at.to_string()))
}

/// The binary logs below a folder, sorted.
fn files_below(folder: &Path, out: &mut Vec<PathBuf>) {
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        match path.is_dir() {
            true => files_below(&path, out),
            false if path.extension().is_some_and(|e| e == "evtx") => out.push(path),
            false => {}
        }
    }
    out.sort();
}

#[test]
fn xml_gives_the_fields_that_the_binary_log_gives() {
    let Some(folder) = shared("corpora/evtx") else { return };
    let mut files = Vec::new();
    files_below(&folder, &mut files);
    let mut wrong = String::new();
    let (mut compared, mut differ) = (0, 0);
    for path in files.iter().filter(|path| std::fs::metadata(path).unwrap().len() < 2_200_000) {
        let open = || EvtxParser::from_path(path).map(|p| p.with_configuration(ParserSettings::new().indent(false)));
        let (Ok(mut json), Ok(mut xml)) = (open(), open()) else { continue };
        let json = json.records_json().flatten().map(|record| (record.event_record_id, record.data));
        let xml = xml.records().flatten().map(|record| (record.event_record_id, record.data));
        for ((id, json), (same, xml)) in json.zip(xml).take(60) {
            if id != same {
                break;
            }
            let (want, got) =
                (named(json.as_bytes(), "evtx"), named(&xml.as_bytes()[xml.find("<Event").unwrap()..], "windows_xml"));
            compared += 1;
            if want != got {
                differ += 1;
                if differ < 12 {
                    let only = |a: &Named, b: &Named| {
                        a.iter()
                            .filter(|(k, v)| b.get(*k) != Some(v))
                            .map(|(k, v)| format!("{k}={v:?}"))
                            .collect::<Vec<_>>()
                    };
                    writeln!(
                        wrong,
                        "{} {id}: {:?} {:?} {:?} {:?}",
                        path.display(),
                        only(&want.0, &got.0),
                        only(&got.0, &want.0),
                        want.1,
                        got.1
                    )
                    .unwrap();
                }
            }
        }
    }
    assert!(compared > 500, "{compared}");
    assert_eq!(differ, 0, "of {compared}: {wrong}");
}

/// Number, time and code of the records of a log, as we read them.
fn of_ours(log: &[u8]) -> BTreeMap<u64, (Option<i64>, u64)> {
    let layout = layout_of(log);
    let (_, rows) = account(log, &layout, CELL_BYTES, usize::MAX);
    let of_row = |text: &[u8]| {
        let mut fields = Fields::default();
        format::parse(&layout, text, Want::All, &mut fields).unwrap();
        let number = |name: &[u8]| {
            let value = fields.named().find(|field| field.0 == name)?.1;
            String::from_utf8_lossy(value).parse::<u64>().ok()
        };
        // Of a damaged record what is left is read.
        Some((number(b"EventRecordID")?, (fields.time.map(|time| time.at.micros()), number(b"EventID")?)))
    };
    rows.iter().filter_map(|row| of_row(&row.4)).collect()
}

/// The same by the `evtx` crate.
fn of_theirs(path: &Path) -> BTreeMap<u64, (Option<i64>, u64)> {
    let mut records = BTreeMap::new();
    for record in
        EvtxParser::from_path(path).into_iter().flat_map(|mut parser| parser.records_json_value().collect::<Vec<_>>())
    {
        let Ok(record) = record else { continue };
        let system = &record.data["Event"]["System"];
        let number = |value: &serde_json::Value| {
            let text = value.get("#text").unwrap_or(value).to_string();
            text.trim_matches('"').parse::<u64>().ok()
        };
        let (id, code) = (number(&system["EventRecordID"]), number(&system["EventID"]));
        let time = system["TimeCreated"]["#attributes"]["SystemTime"].as_str().and_then(Instant::parse);
        // Of a damaged record it gives what is left.
        let (Some(id), Some(code)) = (id, code) else { continue };
        records.insert(id, (time.map(Instant::micros), code));
    }
    records
}

#[test]
fn numbers_times_and_codes_are_those_of_an_independent_reader() {
    let Some(folder) = shared("corpora/evtx") else { return };
    let mut files = Vec::new();
    files_below(&folder, &mut files);
    let (mut compared, mut same) = (0, 0);
    for path in files.iter().filter(|path| std::fs::metadata(path).unwrap().len() < 2_200_000) {
        let theirs = of_theirs(path);
        let ours = of_ours(&std::fs::read(path).unwrap());
        let other: Vec<_> = theirs.iter().filter(|(number, record)| ours.get(number) != Some(record)).collect();
        assert!(other.is_empty(), "{}: {:?} {:?}", path.display(), &other[..other.len().min(3)], ours.get(other[0].0));
        compared += theirs.len();
        // Where that reader stops at a damaged or cut chunk we have more.
        same += usize::from(ours.len() == theirs.len());
    }
    println!("{compared} records of {} logs, {same} of them with no record more", files.len());
    assert!(compared > 3000 && same > 50, "{compared} {same}");
}

/// What the rules say of one file: title and count.
pub(crate) fn hits(program: Program, name: &str, bytes: &[u8]) -> (BTreeMap<String, u64>, u64, Vec<Note>) {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let mut plan = plan(vec![Root { name: name.into(), path: Some(path) }], Scopes::default(), Builder::new());
    plan.program = program;
    let survey = discover::survey(&plan.roots, &plan.skip).unwrap();
    let (partial, _) = scan::sources(&plan, &survey).unwrap();
    let source = partial.sources.values().find(|source| source.entry.kind == EntryKind::Source).unwrap();
    let counts = source.rules.held.iter().map(|(id, met)| (id.to_string(), met.count)).collect();
    (counts, source.entry.records, source.entry.notes.clone())
}

#[test]
fn the_same_rules_fire_on_an_export_as_on_the_log() {
    let Some(folder) = shared("corpora/evtx") else { return };
    let (mut files, rules) = (Vec::new(), sigma());
    files_below(&folder, &mut files);
    let program = || Program::compile(rules.iter().cloned(), Routing::Auto).0;
    let mut met = 0;
    for path in files.iter().filter(|path| std::fs::metadata(path).unwrap().len() < 1_200_000).step_by(9).take(4) {
        let log = std::fs::read(path).unwrap();
        let mut parser = EvtxParser::from_path(path).unwrap().with_configuration(ParserSettings::new().indent(true));
        let events: Vec<String> = parser.records().flatten().map(|record| record.data).collect();
        let text: String =
            events.iter().map(|event| &event[event.find("<Event").unwrap()..]).collect::<Vec<_>>().join("\r\n");
        let text =
            format!("\u{feff}<?xml version=\"1.0\" encoding=\"UTF-16\"?>\r\n<Events>\r\n{text}\r\n</Events>\r\n");
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let (want, records, _) = hits(program(), "a.evtx", &log);
        let (got, exported, notes) = hits(program(), "a.xml", &wide);
        assert!(notes.is_empty(), "{notes:?}");
        assert_eq!((got, exported), (want.clone(), records), "{}", path.display());
        met += want.len();
    }
    assert!(met > 0, "some rules fire");
}

#[test]
fn an_export_of_events_that_was_cut_is_damaged() {
    let event = |n: u32| {
        format!(
            "<Event xmlns=\"http://schemas.microsoft.com/win/2004/08/events/event\"><System><Provider Name=\"p\"/><EventID>{n}</EventID><TimeCreated SystemTime=\"2026-03-28T23:10:0{n}Z\"/><Channel>System</Channel><Computer>h</Computer></System></Event>\n"
        )
    };
    let whole = format!("<Events>{}{}{}</Events>\n", event(1), event(2), event(3));
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    let scan = |text: &str| {
        std::fs::write(path("e.xml"), text).unwrap();
        crate::support::exfiltrace(&["scan", "--no-builtin", &path("e.xml"), "--out", &path("case")])
    };
    assert_eq!(scan(&whole).status.code(), Some(0));
    // The element around the events may be missing: tools write them alone too.
    assert_eq!(scan(whole.trim_end().trim_end_matches("</Events>")).status.code(), Some(0));
    let cut = scan(&whole[..whole.len() - 60]);
    let said = String::from_utf8_lossy(&cut.stdout).into_owned();
    assert_eq!(cut.status.code(), Some(1));
    assert!(said.contains("damaged (1)") && said.contains("e.xml could not be read in full"), "{said}");
    let ledger = std::fs::read_to_string(path("case/ledger.jsonl")).unwrap();
    assert!(ledger.contains("breaks off inside an event"), "{ledger}");
}

#[test]
fn an_element_of_an_event_that_is_empty_is_no_record_and_no_damage() {
    let event = |n: u32| {
        format!(
            "<Event xmlns=\"http://schemas.microsoft.com/win/2004/08/events/event\"><System><Provider Name=\"p\"/><EventID>{n}</EventID><TimeCreated SystemTime=\"2026-03-28T23:10:0{n}Z\"/><Channel>System</Channel><Computer>h</Computer></System></Event>\n"
        )
    };
    let read = |text: &str| {
        let none = Program::compile(Vec::<(String, String)>::new(), Routing::Auto).0;
        let (_, records, notes) = hits(none, "e.xml", text.as_bytes());
        (records, notes)
    };
    for empty in
        ["<Event/>", "<Event xmlns=\"http://schemas.microsoft.com/win/2004/08/events/event\" />\n", "<Event\n/>"]
    {
        for all in
            [event(1) + empty + &event(2), empty.to_owned() + &event(1) + &event(2), event(1) + &event(2) + empty]
        {
            for text in [all.clone(), format!("<Events>{all}</Events>\n"), all.replace('\n', "\r\n")] {
                assert_eq!(read(&text), (2, Vec::new()), "{text}");
            }
        }
        let wide: Vec<u8> = (event(1) + empty + &event(2)).encode_utf16().flat_map(u16::to_le_bytes).collect();
        let none = Program::compile(Vec::<(String, String)>::new(), Routing::Auto).0;
        assert_eq!(hits(none, "e.xml", &wide).1, 2, "{empty}");
    }
    // A slash elsewhere in the tag closes nothing.
    let slash = event(1) + &event(2).replace("xmlns=", "Source='a/b' xmlns=");
    assert_eq!(read(&slash), (2, Vec::new()));
    assert_eq!(read(&(event(1) + "<Event")).1.len(), 2, "cut off");
}

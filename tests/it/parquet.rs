//! Parquet: files that pyarrow wrote (`tests/it/parquet.py` makes them) against the rows that it reads in them, and harm to them.

use std::path::Path;

use exfiltrace::model::ledger::{Entry, EntryKind, Note, Reason};
use exfiltrace::model::place::Locator;
use exfiltrace::model::source::{SourceMeta, Stream, Visitor};
use exfiltrace::open::{DigestKind, Io, Limits, Opening, open_bytes};
use serde_json::Value;

use crate::support::{exfiltrace, project};

/// What a file decodes to, and what is said of it.
#[derive(Default)]
struct Seen {
    text: Vec<u8>,
    notes: Vec<Note>,
}

impl Visitor for Seen {
    fn leaf(&mut self, _: SourceMeta, stream: &mut dyn Stream) {
        while matches!(stream.fill(&mut self.text, 64 << 10), Ok(1..)) {}
    }

    fn entry(&mut self, entry: Entry) {
        if entry.kind == EntryKind::Container {
            assert_eq!(entry.stored.map(|stored| stored.total()), Some(entry.size));
        }
        self.notes.extend(entry.notes);
    }
}

impl Seen {
    fn rows(&self) -> Vec<Value> {
        let text = std::str::from_utf8(&self.text).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    }

    /// The one note of a reason.
    fn said(&self, reason: Reason) -> &str {
        let found: Vec<&Note> = self.notes.iter().filter(|note| note.reason == reason).collect();
        assert_eq!(found.len(), 1, "{:?}", self.notes);
        &found[0].detail
    }
}

fn open(bytes: &[u8]) -> Seen {
    let (limits, io) = (Limits::default(), Io::Auto);
    let opening = Opening { limits, passwords: Vec::new(), work: None, digest: DigestKind::Off, io };
    let mut seen = Seen::default();
    open_bytes(Locator::root(b"rows.parquet"), bytes, &opening, &mut seen);
    seen
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(project("fixtures/parquet").join(format!("{name}.parquet"))).unwrap()
}

fn files() -> Vec<String> {
    let listed = std::fs::read_dir(project("fixtures/parquet")).unwrap();
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let paths =
        listed.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "parquet"));
    let mut names: Vec<String> = paths.map(|path| name(&path)).collect();
    names.sort();
    assert_eq!(names.len(), 27);
    names
}

/// The rows of a file as pyarrow reads them. Files of one table share theirs.
fn expected(name: &str) -> Vec<Value> {
    let folder = project("fixtures/parquet");
    let own = folder.join(format!("{name}.jsonl"));
    let shared = match name.split('_').next().unwrap() {
        "nested" => "nested_none_v1.jsonl",
        "types" => "types_v1_dictionary.jsonl",
        _ => "delta_v1.jsonl",
    };
    let text = std::fs::read_to_string(if own.exists() { own } else { folder.join(shared) }).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// All encodings, codecs, versions of pages, types and nestings.
#[test]
fn every_file_gives_the_rows_that_pyarrow_reads() {
    for name in files() {
        let seen = open(&fixture(&name));
        let said: Vec<&Note> = seen.notes.iter().filter(|note| note.reason != Reason::Empty).collect();
        assert!(said.is_empty(), "{name}: {said:?}");
        let (rows, expected) = (seen.rows(), expected(&name));
        assert_eq!(rows.len(), expected.len(), "{name}");
        for (at, (row, expected)) in rows.iter().zip(&expected).enumerate() {
            assert_eq!(row, expected, "{name}: row {at}");
        }
    }
}

#[test]
fn columns_stand_in_the_order_of_the_schema() {
    let text = open(&fixture("delta_v2")).text;
    let first = text.split(|&b| b == b'\n').next().unwrap();
    let expected =
        r#"{"flag":true,"small":-400,"big":1774739404,"size":0.0,"text":"/srv/data/000/file-0.csv","fixed":"id000"}"#;
    assert_eq!(std::str::from_utf8(first).unwrap(), expected);
}

/// The dialects see what they see in the same rows as JSON.
#[test]
fn rows_are_records_of_the_dialect_that_they_are_as_json() {
    let told = |path: &Path| -> Vec<Value> {
        let output = exfiltrace(&["formats", "test", "--json", path.to_str().unwrap()]);
        let text = String::from_utf8(output.stdout).unwrap();
        let records = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        records.map(|record| serde_json::json!([record["format"], record["time"], record["fields"]])).collect()
    };
    for (name, format) in [("vpcflow", "vpcflow_json"), ("ocsf", "ocsf"), ("cloudtrail", "cloudtrail")] {
        let path = |end: &str| project("fixtures/parquet").join(format!("{name}.{end}"));
        let (parquet, json) = (told(&path("parquet")), told(&path("jsonl")));
        assert!(!json.is_empty() && json.iter().all(|record| record[0] == format), "{name}: {json:?}");
        assert_eq!(parquet, json, "{name}");
    }
}

#[test]
fn a_scan_adds_up_flows_cites_rows_and_verify_reads_them_again() {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir_all(path("logs")).unwrap();
    std::fs::create_dir_all(path("json")).unwrap();
    std::fs::write(path("logs/flows.parquet"), fixture("vpcflow")).unwrap();
    std::fs::copy(project("fixtures/parquet/vpcflow.jsonl"), path("json/flows.jsonl")).unwrap();
    std::fs::write(path("feed.txt"), "198.51.100.66\n").unwrap();
    let scan = |logs: &str, case: &str| {
        let output = exfiltrace(&["scan", "-q", &path(logs), "--indicators", &path("feed.txt"), "--out", &path(case)]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    scan("logs", "case");
    scan("json", "other");
    let moved = |case: &str| -> Vec<Value> {
        let text = std::fs::read_to_string(path(&format!("{case}/transfers.jsonl"))).unwrap();
        let transfers = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        transfers.map(|t| serde_json::json!([t["to"], t["bytes"], t["hour_bytes"], t["records"], t["time"]])).collect()
    };
    assert!(!moved("case").is_empty());
    assert_eq!(moved("case"), moved("other"));
    let verified = exfiltrace(&["verify", &path("case")]);
    assert_eq!(verified.status.code(), Some(0), "{}", String::from_utf8_lossy(&verified.stdout));
    let mut changed = fixture("vpcflow");
    let at = memchr::memmem::find(&changed, b"198.51.100.66").unwrap();
    changed[at] = b'2';
    std::fs::write(path("logs/flows.parquet"), changed).unwrap();
    assert_eq!(exfiltrace(&["verify", &path("case")]).status.code(), Some(1));
}

#[test]
fn a_page_whose_checksum_does_not_hold_costs_its_column_alone() {
    let whole = fixture("nested_none_v2");
    let at = memchr::memmem::find(&whole, b"192.0.2.").unwrap();
    let mut bytes = whole.clone();
    bytes[at] = b'2';
    let (seen, all) = (open(&bytes), open(&whole).rows());
    assert!(seen.said(Reason::Damaged).contains("column actor.ip: the checksum of a page"), "{:?}", seen.notes);
    let rows = seen.rows();
    assert_eq!(rows.len(), all.len());
    let mut lost = 0;
    for (row, before) in rows.iter().zip(&all) {
        assert_eq!((&row["id"], &row["tags"]), (&before["id"], &before["tags"]));
        lost += usize::from(row["actor"]["ip"] != before["actor"]["ip"]);
        assert!(row["actor"]["ip"].is_null() || row["actor"]["ip"] == before["actor"]["ip"]);
    }
    assert!(lost > 0 && lost < rows.len(), "{lost}: the column goes on behind the page");
}

#[test]
fn a_column_that_cannot_be_decompressed_is_named_and_the_others_are_read() {
    let mut bytes = fixture("delta_v1");
    // What describes the column ends with its path and its codec, of which 3 is LZO.
    let at = memchr::memmem::rfind(&bytes, b"\x05small\x15\x00").unwrap();
    bytes[at + 7] = 6;
    let seen = open(&bytes);
    let said = seen.said(Reason::Unsupported);
    assert!(said.contains("column small: LZO") && said.contains("write the file anew"), "{said}");
    let mut expected = expected("delta_v1");
    expected.iter_mut().for_each(|row| drop(row.as_object_mut().unwrap().remove("small")));
    assert_eq!(seen.rows(), expected);
}

#[test]
fn files_without_a_footer_that_can_be_read_say_what_helps() {
    let whole = fixture("vpcflow");
    let cut = open(&whole[..whole.len() / 2]);
    assert!(cut.said(Reason::Damaged).contains("collect another copy"), "{:?}", cut.notes);
    let mut locked = whole.clone();
    locked[..4].copy_from_slice(b"PARE");
    locked[whole.len() - 4..].copy_from_slice(b"PARE");
    let locked = open(&locked);
    assert!(locked.said(Reason::Unsupported).contains("encrypted"), "{:?}", locked.notes);
    assert!(locked.text.is_empty());
    // What is not compressed is still searched.
    assert_eq!(cut.text, whole[..whole.len() / 2]);
}

/// Whatever is changed or cut: there is an answer, of rows that are JSON and an account of all bytes (`Seen::entry`).
#[test]
fn no_change_of_a_byte_and_no_cut_is_without_an_answer() {
    let mut changed = 0;
    for name in files() {
        let whole = fixture(&name);
        let step = if whole.len() < 2500 { 2 } else { 41 };
        let text = open(&whole).text;
        for (turn, at) in (0..whole.len()).step_by(step).enumerate() {
            let mut bytes = whole.clone();
            match turn % 4 {
                0 => bytes[at] ^= 1 << (turn / 4 % 8),
                1 => bytes[at] = 0xff,
                2 => bytes[at] = bytes[at].wrapping_add(1),
                _ => drop(bytes.remove(at)),
            }
            let seen = open(&bytes);
            let is_raw =
                !bytes.starts_with(b"PAR1") || seen.notes.iter().any(|note| note.detail.contains("as they are"));
            if !is_raw {
                seen.rows();
            }
            changed += usize::from(seen.text != text);
        }
    }
    assert!(changed > 500, "{changed}");
}

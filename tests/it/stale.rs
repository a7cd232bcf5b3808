//! Records in the free space of event logs.

use exfiltrace::discover::Root;
use exfiltrace::format;
use exfiltrace::indicators::Builder;
use exfiltrace::model::block::Block;
use exfiltrace::model::fields::{Seen, View};
use exfiltrace::model::ledger::{EntryKind, Reason};
use exfiltrace::model::scopes::Scopes;
use exfiltrace::scan;
use serde_json::Value;

use crate::support::{plan, shared};
use crate::windows::{chunks, logs};

/// Offset and length of what a chunk's header says of its last record: its number, its offset, and where the free space begins.
const LAST_NUMBER_AT: usize = 32;
const LAST_OFFSET_AT: usize = 44;
const FREE_AT: usize = 48;

fn listed(block: &Block) -> View {
    let mut view = View::default();
    format::render(block, &mut view);
    view
}

fn json(view: &View, seen: &Seen) -> Value {
    serde_json::from_slice(&view.rendered[seen.start..seen.end]).unwrap()
}

/// When the frame of a record says that it was written, in microseconds; below 0 where it does not.
fn frame_time(block: &Block, seen: &Seen) -> i64 {
    let at = (seen.place.offset - block.base) as usize + 16;
    let ticks = u64::from_le_bytes(*block.bytes[at..].first_chunk().unwrap());
    (ticks / 10) as i64 - 11_644_473_600_000_000
}

/// A log of one chunk with nothing in its free space.
fn log() -> Option<Vec<u8>> {
    let folder = shared("corpora/evtx/evtx-to-mitre-attack/EVTX_full_APT_attack_steps")?;
    let path = folder.join("ID4624_4688_5140_5145-Eternal_Romance_-_MS17_010_psexec_GLOBAL_.evtx");
    let mut log = std::fs::read(path).unwrap();
    log.truncate(4096 + 65_536);
    let free = u32::from_le_bytes(*log[4096 + FREE_AT..].first_chunk().unwrap()) as usize;
    log[4096 + free..].fill(0);
    Some(log)
}

/// The same with the last records of its first chunk in free space.
fn cleared(log: &[u8], records: usize) -> (Vec<u8>, Vec<Value>) {
    let block = chunks(log).nth(1).unwrap();
    let view = listed(&block);
    let live = view.records.len() - records;
    let (last, first_free) = (view.records[live - 1].place, view.records[live].place);
    let mut changed = log.to_vec();
    let chunk = &mut changed[block.base as usize..];
    chunk[LAST_NUMBER_AT..][..8].copy_from_slice(&last.event_record_id.unwrap().to_le_bytes());
    chunk[LAST_OFFSET_AT..][..4].copy_from_slice(&((last.offset - block.base) as u32).to_le_bytes());
    chunk[FREE_AT..][..4].copy_from_slice(&((first_free.offset - block.base) as u32).to_le_bytes());
    (changed, view.records[live..].iter().map(|seen| json(&view, seen)).collect())
}

#[test]
fn records_that_were_cleared_are_read_as_they_were() {
    let Some(log) = log() else { return };
    let (cleared, were) = cleared(&log, 2);
    let block = chunks(&cleared).nth(1).unwrap();
    let view = listed(&block);
    let whole = listed(&chunks(&log).nth(1).unwrap());
    assert_eq!(view.records.len() + 2, whole.records.len());
    assert_eq!(view.stale.iter().map(|seen| json(&view, seen)).collect::<Vec<_>>(), were);
    for seen in &view.stale {
        assert!(seen.place.record.is_none() && seen.place.event_record_id.is_some(), "{:?}", seen.place);
    }
    let taken: u64 = view.records.iter().chain(&view.stale).map(|seen| seen.place.length).sum();
    assert_eq!(taken + view.framing + view.undecodable, block.bytes.len() as u64);
}

#[test]
fn a_live_record_that_stands_in_free_space_once_more_is_no_other() {
    let Some(log) = log() else { return };
    let block = chunks(&log).nth(1).unwrap();
    let view = listed(&block);
    let (last, end) =
        (view.records.last().unwrap().place, u32::from_le_bytes(*block.bytes[FREE_AT..].first_chunk().unwrap()));
    let mut twice = block.clone();
    let record = twice.bytes[last.in_block(block.base)].to_vec();
    twice.bytes[end as usize + 64..][..record.len()].copy_from_slice(&record);
    let view = listed(&twice);
    assert!(view.stale.is_empty() && view.records.len() == listed(&block).records.len());
}

#[test]
fn a_record_of_which_the_definition_was_written_over_is_sifted_and_not_read() {
    let Some(log) = log() else { return };
    let (cleared, _) = cleared(&log, 1);
    let mut block = chunks(&cleared).nth(1).unwrap();
    let stale = listed(&block).stale[0].place.in_block(block.base);
    // Behind the record's header and that of the fragment: an instance, its version, and the number of its definition.
    block.bytes[stale.start + 24 + 4 + 2] ^= 1;
    let view = listed(&block);
    assert!(view.stale.is_empty());
    let gap = view.gaps.iter().find(|gap| gap.place.in_block(block.base).contains(&stale.start)).unwrap();
    assert!(gap.end > gap.start);
}

#[test]
fn what_was_cleared_is_found_and_told_and_covers_nothing() {
    let Some(log) = log() else { return };
    let (cleared, _) = cleared(&log, 1);
    let scanned = |log: &[u8]| {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("a.evtx");
        std::fs::write(&path, log).unwrap();
        let plan = plan(vec![Root { name: b"a.evtx".to_vec(), path: Some(path) }], Scopes::default(), Builder::new());
        scan::scan(&plan).unwrap()
    };
    let (before, after) = (scanned(&log), scanned(&cleared));
    let source =
        |outcome: &scan::Outcome| outcome.ledger.iter().find(|entry| entry.kind == EntryKind::Source).cloned().unwrap();
    let (whole, cut) = (source(&before), source(&after));
    assert_eq!(cut.records + 1, whole.records);
    let told = cut.notes.iter().find(|note| note.reason == Reason::FreeSpace).unwrap();
    assert_eq!(told.count, Some(1));
    assert!(!whole.notes.iter().any(|note| note.reason == Reason::FreeSpace));
    assert_eq!(cut.bytes.total(), whole.bytes.total());
    assert_eq!(cut.bytes.parsed, whole.bytes.parsed);
}

#[test]
fn every_record_in_the_free_space_of_real_logs_says_of_itself_what_its_frame_does() {
    let (mut read, mut files) = (0, 0);
    for path in
        ["corpora/evtx", "conformance/evtx-attack-samples"].into_iter().filter_map(shared).flat_map(|f| logs(&f))
    {
        files += 1;
        for block in chunks(&std::fs::read(&path).unwrap()) {
            let view = listed(&block);
            for seen in &view.stale {
                let time = frame_time(&block, seen);
                let system = &json(&view, seen)["Event"]["System"];
                let stamp = system["TimeCreated"]["#attributes"]["SystemTime"].as_str().unwrap();
                let stamp: jiff::Timestamp = stamp.parse().unwrap();
                assert!(
                    time < 0 || (stamp.as_microsecond() - time).abs() < 3_600_000_000,
                    "{} {stamp} {time}",
                    path.display()
                );
                read += 1;
            }
        }
    }
    println!("{read} records in the free space of {files} logs");
    assert!(files == 0 || read > 100, "{read}");
}

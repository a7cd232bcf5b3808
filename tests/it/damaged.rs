//! Evidence that is damaged: what is read of it, how it is cited, and what it tells of time.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use exfiltrace::discover::Root;
use exfiltrace::indicators::Builder;
use exfiltrace::model::finding::Finding;
use exfiltrace::model::ledger::Reason;
use exfiltrace::model::scopes::Scopes;
use exfiltrace::scan::{self, Outcome};

use crate::support::{exfiltrace, plan, shared};
use crate::windows::chunks;

/// An access log of one day of March 2026, a line each ten seconds.
fn day(day: u32) -> String {
    let mut text = String::new();
    for line in 0..8_640 {
        let (hour, minute, second) = (line / 360, line / 6 % 60, line % 6 * 10);
        let noise = (u64::from(day) << 32 | line).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let stamp = format!("{day:02}/Mar/2026:{hour:02}:{minute:02}:{second:02} +0000");
        writeln!(text, "192.0.2.{} - - [{stamp}] \"GET /{noise:x} HTTP/1.1\" 200 {line}", line % 250).unwrap();
    }
    text
}

fn gzip(text: &str) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(text.as_bytes()).unwrap();
    out.finish().unwrap()
}

/// A scan for one address that is in the log, with hits alone or with all.
fn scanned(path: &Path, threads: usize, hits_only: bool) -> Outcome {
    let mut feed = Builder::new();
    feed.add("list.txt", "", b"192.0.2.77\n");
    let root = Root { name: b"log".to_vec(), path: Some(path.to_owned()) };
    let mut plan = plan(vec![root], Scopes::default(), feed);
    (plan.threads, plan.hits_only) = (threads, hits_only);
    scan::scan(&plan).unwrap()
}

/// Whether each place that is cited is in doubt, in order.
fn in_doubt(outcome: &Outcome) -> Vec<bool> {
    outcome.findings.list().iter().flat_map(|finding| &finding.evidence).map(|cited| cited.place.in_doubt).collect()
}

#[test]
fn records_that_no_checksum_confirms_are_cited_as_such_and_cover_no_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log.gz");
    // The stamps of the second day are what a decoder makes up behind damage.
    let scrambled = day(2).replace("/Mar/2026", "/Mar/1973").replacen("02/Mar/1973", "02/Mar/2532", 4_000);
    let mut wrong = gzip(&scrambled);
    let trailer = wrong.len() - 8;
    wrong[trailer] ^= 1;
    std::fs::write(&path, [gzip(&day(1)), wrong, gzip(&day(3))].concat()).unwrap();
    let told = |threads, hits_only| {
        let outcome = scanned(&path, threads, hits_only);
        let source = &outcome.coverage.sources[0];
        let span = source.from.zip(source.to).map(|(from, to)| format!("{from} {to}"));
        let notes = outcome.ledger.iter().flat_map(|entry| entry.notes.clone()).collect::<Vec<_>>();
        (span.unwrap(), source.records, in_doubt(&outcome), notes)
    };
    let (span, records, doubts, notes) = told(1, false);
    // The first line behind the border is not cited as sure either.
    assert_eq!(span, "2026-03-01T00:00:00Z 2026-03-03T23:59:50Z");
    assert_eq!(records, 3 * 8_640);
    assert!(doubts.iter().any(|in_doubt| *in_doubt) && doubts.iter().any(|in_doubt| !*in_doubt));
    let of_source = |notes: &[exfiltrace::model::ledger::Note]| {
        notes.iter().filter(|note| note.reason == Reason::Damaged).map(|note| note.detail.clone()).collect::<Vec<_>>()
    };
    assert!(of_source(&notes).iter().any(|detail| detail.contains("cover")), "{notes:?}");
    assert_eq!(told(4, false), (span.clone(), records, doubts.clone(), notes));
    // Where records without a hit are not read, the ends of blocks tell of time, and not those in doubt.
    assert_eq!((told(2, true).0, told(2, true).2), (span, doubts));
}

#[test]
fn a_log_of_which_nothing_is_confirmed_says_so_and_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log.gz");
    let mut wrong = gzip(&day(1));
    let trailer = wrong.len() - 8;
    wrong[trailer] ^= 1;
    std::fs::write(&path, wrong).unwrap();
    let outcome = scanned(&path, 2, false);
    assert!(outcome.coverage.sources[0].from.is_none() && in_doubt(&outcome).iter().all(|in_doubt| *in_doubt));
    let case = folder.path().join("case");
    let said = exfiltrace(&["scan", path.to_str().unwrap(), "--out", case.to_str().unwrap()]);
    let text = String::from_utf8_lossy(&said.stderr).into_owned() + &String::from_utf8_lossy(&said.stdout);
    assert!(text.replace("\n  ", " ").contains("What time the logs cover is not known"), "{text}");
    assert!(text.contains("a checksum does not match") && text.contains("another copy"), "{text}");
}

#[test]
fn what_a_damaged_log_could_answer_does_not_contradict_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log.gz");
    let stored = gzip(&(day(1) + &day(2) + &day(3)));
    std::fs::write(&path, &stored[..stored.len() * 4 / 5]).unwrap();
    let said = exfiltrace(&["coverage", path.to_str().unwrap()]);
    let text = String::from_utf8_lossy(&said.stdout);
    let span = scanned(&path, 2, false).coverage.sources[0].to.unwrap().to_string();
    assert!(text.contains("shown by") && text.contains(&span), "{text}");
    assert!(text.contains("could not be read in full") && text.contains("another copy of"), "{text}");
    assert!(!text.contains("nothing from") && !text.contains("collect the logs of"), "{text}");
}

#[test]
fn records_of_event_logs_are_cited_by_the_number_that_they_state() {
    let Some(folder) = shared("corpora/evtx/evtx-to-mitre-attack/EVTX_full_APT_attack_steps") else { return };
    let path = folder.join("ID4624_4688_5140_5145-Eternal_Romance_-_MS17_010_psexec_GLOBAL_.evtx");
    let mut log = std::fs::read(path).unwrap();
    // An export numbers its frames anew.
    let places: Vec<_> = chunks(&log)
        .flat_map(|block| {
            let mut view = exfiltrace::model::fields::View::default();
            exfiltrace::format::render(&block, &mut view);
            view.records.iter().map(|seen| seen.place).collect::<Vec<_>>()
        })
        .collect();
    for (place, number) in places.iter().zip(1u64..) {
        log[place.offset as usize + 8..][..8].copy_from_slice(&number.to_le_bytes());
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.evtx");
    std::fs::write(&path, &log).unwrap();
    let outcome = scanned(&path, 2, false);
    let cited: &[Finding] = outcome.findings.list();
    let first = &cited[0].evidence[0];
    let stated = first.place.event_record_id.unwrap();
    assert!(stated > 400_000 && first.excerpt.contains(&format!("\"EventRecordID\":{stated},")), "{}", first.excerpt);
}

/// Format and records of a log, and what the ledger says of damage to it.
fn recorded(name: &str, log: &[u8]) -> (String, u64, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, log).unwrap();
    let outcome = scanned(&path, 2, false);
    let [entry] = &outcome.ledger[..] else { panic!("{:?}", outcome.ledger) };
    assert_eq!(entry.bytes.total(), log.len() as u64, "every byte has a fate");
    let damage = entry.notes.iter().filter(|note| note.reason == Reason::Damaged).map(|note| note.detail.clone());
    (entry.format.clone().unwrap(), entry.records, damage.collect())
}

#[test]
fn event_logs_are_known_by_their_chunks_where_the_header_is_lost() {
    let Some(folder) = shared("corpora/evtx/plaso") else { return };
    let log = std::fs::read(folder.join("System2.evtx")).unwrap();
    let is_lost = |damage: &[String]| damage.iter().any(|detail| detail.contains("header of the log is lost"));
    let (format, records, damage) = recorded("a.evtx", &log);
    assert!(format == "evtx" && records > 0 && !is_lost(&damage), "{records} {damage:?}");
    let (header, chunks) = log.split_at(4096);
    let (first, rest) = chunks.split_at(1 << 16);
    let junk = b"carved out of ElfChnk\0 pages ".repeat(100);
    for (what, log) in [
        ("carved", chunks.to_vec()),
        ("junk before", [&junk, chunks].concat()),
        ("junk between", [header, first, &junk, rest].concat()),
        ("a header of zeros", [&[0; 4096], chunks].concat()),
        ("a header that was written over", [&[0xAA; 4096], chunks].concat()),
        ("a part of a header", [&header[100..], chunks].concat()),
        ("another page before", [b"HTTP/1.1 200 OK\r\n\r\n", chunks].concat()),
    ] {
        let read = recorded("unallocated.bin", &log);
        assert_eq!((read.0.as_str(), read.1), ("evtx", records), "{what}");
        assert!(is_lost(&read.2) != log.starts_with(header) && read.2 != damage, "{what}: {:?}", read.2);
    }
}

#[test]
fn an_event_log_that_was_cut_off_is_told_by_its_header() {
    let Some(folder) = shared("corpora/evtx/plaso") else { return };
    let mut log = std::fs::read(folder.join("System2.evtx")).unwrap();
    let is_cut =
        |log: &[u8]| recorded("a.evtx", log).2.iter().any(|detail| detail.contains("ends before its last chunk"));
    assert!(is_cut(&log) && is_cut(&log[..4096]) && is_cut(&log[..4096 + 65_536]), "it is the start of a longer one");
    log.truncate(4096 + 2 * 65_536);
    log[42..44].copy_from_slice(&2u16.to_le_bytes());
    assert!(!is_cut(&log));
    log[42..44].copy_from_slice(&1u16.to_le_bytes());
    assert!(!is_cut(&log), "a log in use has chunks that its header does not know yet");
}

#[test]
fn a_chunk_that_lost_its_end_costs_the_next_one_nothing() {
    let Some(folder) = shared("corpora/evtx/plaso") else { return };
    let log = std::fs::read(folder.join("System2.evtx")).unwrap();
    let (header, chunks) = log.split_at(4096);
    let chunks: Vec<&[u8]> = chunks.chunks(1 << 16).collect();
    let count = |chunks: &[&[u8]]| recorded("a.evtx", &[&[header], chunks].concat().concat()).1;
    let (first, rest) = (count(&chunks[..1]), &chunks[1..]);
    for kept in [40_000, 60_000, 65_000] {
        let cut = [&[&chunks[0][..kept]], rest].concat();
        let alone = count(&[&chunks[0][..kept]]);
        assert!((1..=first).contains(&alone), "{kept}: {alone} of {first}");
        assert_eq!(count(&cut), alone + count(rest), "{kept}");
    }
}

#[test]
fn a_log_that_mentions_chunks_is_none() {
    let line = "2026-03-28T23:10:04Z host carver: page begins with ElfChnk\0 at 4096\n";
    for log in [line.repeat(20), "ElfChnk\0 is the magic of a chunk, ** that of its records\n".repeat(80)] {
        assert_ne!(recorded("a.log", log.as_bytes()).0, "evtx");
    }
    // Nor one into which somebody wrote the header of a chunk.
    let mut header = vec![0; 516];
    header[..8].copy_from_slice(b"ElfChnk\0");
    header[40] = 128;
    header[512..].copy_from_slice(b"**\0\0");
    let lines = "192.0.2.10 - - [01/Mar/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"x\"\n".repeat(400);
    let log = [lines.as_bytes(), &header, b"\n", lines.as_bytes()].concat();
    let (format, records, _) = recorded("a.log", &log);
    assert!(format == "access" && records >= 800, "{format} {records}");
}

#[test]
fn a_plain_log_without_times_is_not_said_to_be_in_doubt() {
    let temp = tempfile::tempdir().unwrap();
    let logs = temp.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    std::fs::write(logs.join("notes.log"), "somebody was here\nand left\n").unwrap();
    for (more, told) in [(None, "No record of the logs has a time."), (Some("--hits-only"), "of a scan for hits alone")]
    {
        let case = temp.path().join(format!("case{}", more.unwrap_or_default()));
        let args = ["scan", logs.to_str().unwrap(), "--out", case.to_str().unwrap()];
        let output = exfiltrace(&args.into_iter().chain(more).collect::<Vec<_>>());
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(told) && !text.contains("checksum"), "{text}");
    }
}

//! The binary journal of systemd: files that systemd-journal-remote 252 wrote from entries of ours, and harm to them.

use std::collections::BTreeMap;
use std::io::Read;

use crate::support::{exfiltrace, project};

/// The files: one of each compression, with offsets of eight bytes and of four.
const FILES: [&str; 6] = ["lz4", "lz4-compact", "xz", "xz-compact", "zstd", "zstd-compact"];

fn journal(name: &str) -> Vec<u8> {
    let packed = std::fs::read(project("fixtures/journal").join(format!("{name}.journal.gz"))).unwrap();
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
    bytes
}

/// The records of a file, and what is said on standard error.
fn records(bytes: &[u8]) -> (Vec<serde_json::Value>, String) {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("system.journal");
    std::fs::write(&path, bytes).unwrap();
    let output = exfiltrace(&["formats", "test", "--json", path.to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    let records = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (records, String::from_utf8(output.stderr).unwrap())
}

/// The entries as journalctl 252 wrote them.
fn expected() -> Vec<BTreeMap<String, serde_json::Value>> {
    let text = std::fs::read_to_string(project("fixtures/formats/journald/journalctl.log")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_form_of_the_file_gives_what_journalctl_writes() {
    let expected = expected();
    assert_eq!(expected.len(), 5);
    for name in FILES {
        let (records, _) = records(&journal(name));
        assert_eq!(records.len(), expected.len(), "{name}");
        for (record, expected) in records.iter().zip(&expected) {
            let entry: BTreeMap<String, serde_json::Value> =
                serde_json::from_str(record["record"].as_str().unwrap()).unwrap();
            let differ: Vec<&String> = expected
                .iter()
                .filter(|(key, value)| *key != "__CURSOR" && entry.get(*key) != Some(value))
                .map(|p| p.0)
                .collect();
            assert!(differ.is_empty(), "{name}: {differ:?}");
            assert_eq!(record["format"], "journald");
        }
        assert_eq!(records[0]["time"], "2026-03-28T23:10:04.5Z");
        for (at, field, value) in [
            (0, "source.ip", "192.0.2.10"),
            (0, "user.name", "alice"),
            (0, "event.outcome", "success"),
            (1, "source.ip", "198.51.100.66"),
            (1, "event.outcome", "failure"),
            (2, "destination.ip", "192.0.2.10"),
            (3, "process.command_line", "sudo tar czf /tmp/out.tgz /srv/data"),
        ] {
            assert_eq!(records[at]["fields"][field][0], value, "{name}: {field}");
        }
    }
}

/// A cut, zeros and noise cost what they hit: what is read is what stood there, and the rest is told.
#[test]
fn harm_costs_what_it_hits_and_is_told() {
    let whole = journal("lz4-compact");
    let (all, said) = records(&whole);
    assert!(said.is_empty(), "{said}");
    let texts: Vec<&serde_json::Value> = all.iter().map(|record| &record["record"]).collect();
    let end = whole.iter().rposition(|&b| b != 0).unwrap();
    let start = memchr::memmem::find(&whole, b"MESSAGE=Accepted").unwrap() - 200;
    let mut harmed = 0;
    for step in 0..40 {
        let at = start + (end - start) * step / 40;
        for harm in 0..3 {
            let mut bytes = whole.clone();
            match harm {
                0 => bytes.truncate(at),
                1 => bytes[at..at + 16].fill(0),
                _ => bytes[at..at + 16].fill(0xa5),
            }
            let (records, _) = records(&bytes);
            assert!(records.len() <= texts.len(), "harm {harm} at {at}");
            harmed += usize::from(records.len() < texts.len());
        }
    }
    assert!(harmed > 20, "{harmed}");
}

#[test]
fn a_scan_cites_entries_and_verify_reads_them_again() {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir(path("logs")).unwrap();
    std::fs::write(path("logs/system.journal"), journal("zstd")).unwrap();
    std::fs::write(path("feed.txt"), "198.51.100.66\n").unwrap();
    let (logs, feed, case) = (path("logs"), path("feed.txt"), path("case"));
    assert_eq!(exfiltrace(&["scan", "-q", &logs, "--indicators", &feed, "--out", &case]).status.code(), Some(0));
    let findings = std::fs::read_to_string(path("case/findings.jsonl")).unwrap();
    assert!(findings.contains("198.51.100.66") && findings.contains("2026-03-28T23:10:05.5Z"), "{findings}");
    let verified = exfiltrace(&["verify", &case]);
    assert_eq!(verified.status.code(), Some(0), "{}", String::from_utf8_lossy(&verified.stdout));
    let mut changed = journal("zstd");
    let at = memchr::memmem::find(&changed, b"from 198.51.100.66").unwrap();
    changed[at + 5] = b'2';
    std::fs::write(path("logs/system.journal"), changed).unwrap();
    assert_eq!(exfiltrace(&["verify", &case]).status.code(), Some(1));
}

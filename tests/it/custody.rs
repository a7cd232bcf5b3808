//! What was read, by which way, and whether it can be read again: encrypted evidence, links, progress.

use std::io::Write;
use std::os::unix::fs::symlink;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use exfiltrace::discover::Root;
use exfiltrace::indicators::Builder;
use exfiltrace::model::ledger::Reason;
use exfiltrace::model::scopes::Scopes;
use exfiltrace::open::DigestKind;
use exfiltrace::scan;
use serde_json::Value;

use crate::support::{exfiltrace, plan};

const LISTED: &str = "198.51.100.66";

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A zip and a 7z with an encrypted directory, each with a log that is cited under the password `s3cret`.
fn locked_case() -> tempfile::TempDir {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir(path("e")).unwrap();
    let mut zip = zip::ZipWriter::new(std::fs::File::create(path("e/a.zip")).unwrap());
    let options = zip::write::SimpleFileOptions::default().with_aes_encryption(zip::AesMode::Aes256, "s3cret");
    zip.start_file("a.log", options).unwrap();
    writeln!(zip, "{LISTED} came\nand {LISTED} again").unwrap();
    zip.finish().unwrap();
    let mut seven = sevenz_rust2::ArchiveWriter::create(path("e/hdr.7z")).unwrap();
    seven.set_encrypt_header(true);
    let key = sevenz_rust2::encoder_options::AesEncoderOptions::new("s3cret".into());
    seven.set_content_methods(vec![key.into(), sevenz_rust2::EncoderMethod::LZMA2.into()]);
    let entry = sevenz_rust2::ArchiveEntry::new_file("b.log");
    seven.push_archive_entry(entry, Some(format!("{LISTED} too\n").as_bytes())).unwrap();
    seven.finish().unwrap();
    std::fs::write(path("list.txt"), LISTED).unwrap();
    let feed = path("list.txt");
    let scan =
        ["scan", "-q", &path("e"), "--indicators", &feed, "--out", &path("case"), "--archive-password", "s3cret"];
    let output = exfiltrace(&scan);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    temp
}

#[test]
fn a_case_over_encrypted_evidence_is_not_checked_without_its_password_and_accuses_nobody() {
    let temp = locked_case();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    let case = path("case");
    for given in [&[][..], &["--archive-password", "wrong"]] {
        let output = exfiltrace(&[&["verify", &case][..], given].concat());
        let text = said(&output);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains("NOT CHECKED in full") && !text.contains("NOT hold"), "{text}");
        for word in ["e/a.zip!/a.log: encrypted", "not read: 2", "e/hdr.7z!/b.log", "--archive-password-file"] {
            assert!(text.contains(word), "{word}: {text}");
        }
        assert!(text.contains("0 cited records, 2 evidence files"), "the files themselves are compared: {text}");
    }
    std::fs::write(path("words"), "other\ns3cret\n").unwrap();
    let by_file = exfiltrace(&["verify", &case, "--archive-password-file", &path("words")]);
    assert_eq!(by_file.status.code(), Some(0), "{}", said(&by_file));
    assert!(said(&by_file).contains("the case holds: 3 cited records"), "{}", said(&by_file));
    let by_environment = Command::new(env!("CARGO_BIN_EXE_exfiltrace"))
        .args(["verify", &case])
        .env("EXFILTRACE_ARCHIVE_PASSWORDS", "s3cret")
        .output()
        .unwrap();
    assert_eq!(by_environment.status.code(), Some(0), "{}", said(&by_environment));
    // What is changed is told, password or not.
    let zip = std::fs::read(path("e/a.zip")).unwrap();
    std::fs::write(path("e/a.zip"), [&zip[..], b"\0"].concat()).unwrap();
    let changed = exfiltrace(&["verify", &case]);
    assert_eq!(changed.status.code(), Some(1), "{}", said(&changed));
    assert!(said(&changed).contains("NOT hold"), "{}", said(&changed));
}

#[test]
fn a_directory_that_no_given_password_opens_is_told_as_that() {
    let temp = locked_case();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    let ledger = |given: &[&str]| {
        let scan = ["scan", "-q", &path("e/hdr.7z"), "--out", &path("again")];
        let output = exfiltrace(&[&scan[..], given].concat());
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).contains("1 item could not be read"), "it is there: {}", said(&output));
        std::fs::read_to_string(path("again/ledger.jsonl")).unwrap()
    };
    assert!(ledger(&["--archive-password", "wrong"]).contains("no given password opens it"));
    assert!(ledger(&[]).contains("give --archive-password"));
}

#[test]
fn links_that_lead_out_of_the_evidence_are_followed_and_told() {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir_all(path("e/sub")).unwrap();
    std::fs::create_dir_all(path("other/deep")).unwrap();
    std::fs::write(path("other/passwd"), "outside\n").unwrap();
    std::fs::write(path("other/deep/x.log"), "deeper\n").unwrap();
    std::fs::write(path("e/sub/in.log"), "inside\n").unwrap();
    symlink("../other/passwd", path("e/out")).unwrap();
    symlink("../other/deep", path("e/folder")).unwrap();
    symlink("sub/in.log", path("e/within")).unwrap();
    symlink(path("e"), path("root")).unwrap();
    let notes = |root: &str| {
        let output = exfiltrace(&["scan", &path(root), "--root", &format!("e={}", path(root)), "--out", &path("case")]);
        assert_eq!(output.status.code(), Some(0), "a link is no loss: {}", said(&output));
        let ledger = std::fs::read_to_string(path("case/ledger.jsonl")).unwrap();
        let lines = ledger.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let outside = lines.filter(|e| e["notes"].to_string().contains("link_outside"));
        let told: Vec<String> = outside.map(|e| format!("{} {}", e["source"], e["notes"])).collect();
        (told, said(&output))
    };
    for root in ["e", "root"] {
        let (told, printed) = notes(root);
        assert_eq!(told.len(), 2, "{root}: {told:?}");
        assert!(told[0].contains("e/folder/x.log") && told[0].contains("../other/deep"), "{told:?}");
        assert!(told[1].contains("e/out") && told[1].contains("../other/passwd"), "{told:?}");
        assert!(printed.contains("link outside (2)"), "{printed}");
    }
    let all = exfiltrace(&["scan", "-q", &path("e"), &path("other"), "--out", &path("case")]);
    assert_eq!(all.status.code(), Some(0), "{}", said(&all));
    let ledger = std::fs::read_to_string(path("case/ledger.jsonl")).unwrap();
    assert!(!ledger.contains("link_outside"), "the other root is evidence too: {ledger}");
}

/// A bar that stands still for the length of a large file looks like a scan that hangs.
#[test]
fn progress_moves_inside_a_plain_file_and_adds_up_to_what_is_stored() {
    let temp = tempfile::tempdir().unwrap();
    let text = "203.0.113.9 a line of a log that is long enough\n".repeat(120_000);
    std::fs::write(temp.path().join("plain.log"), &text).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    let packed = gzip.finish().unwrap();
    std::fs::write(temp.path().join("packed.log.gz"), &packed).unwrap();
    let steps = |name: &str| {
        let root = Root { name: b"e".to_vec(), path: Some(temp.path().join(name)) };
        let mut plan = plan(vec![root], Scopes::default(), Builder::new());
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell = Arc::clone(&told);
        plan.progress = Some(Box::new(move |bytes| tell.lock().unwrap().push(bytes)));
        scan::scan(&plan).unwrap();
        told.lock().unwrap().clone()
    };
    let plain = steps("plain.log");
    assert_eq!(plain.iter().sum::<u64>(), text.len() as u64);
    assert!(plain.len() > 10 && plain.iter().all(|step| *step < text.len() as u64 / 2), "{plain:?}");
    assert_eq!(steps("packed.log.gz").iter().sum::<u64>(), packed.len() as u64);
}

/// Without a digest plain files are not hashed as they are read: only one of another's length can be a copy.
#[test]
fn copies_are_known_whatever_is_hashed_and_files_of_one_length_are_no_copies() {
    let temp = tempfile::tempdir().unwrap();
    let text = "203.0.113.9 a line of a log\n".repeat(9_000);
    let other = text.replacen("203", "204", 1);
    let packed = |text: &str| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        gzip.finish().unwrap()
    };
    let (alone, longer) = (format!("{text}and more\n"), text.repeat(2));
    let files: [(&str, &[u8]); 7] = [
        ("a.log", text.as_bytes()),
        ("b.log", text.as_bytes()),
        ("c.log.gz", &packed(&text)),
        ("d.log", other.as_bytes()),
        ("e.log", alone.as_bytes()),
        ("f.log", longer.as_bytes()),
        ("g.log.gz", &packed(&longer)),
    ];
    files.iter().for_each(|(name, bytes)| std::fs::write(temp.path().join(name), bytes).unwrap());
    for (digest, run_secret) in [
        (DigestKind::Off, Some([1, 2, 3, 4])),
        (DigestKind::Off, None),
        (DigestKind::Sha256, None),
        (DigestKind::Blake3, Some([1, 2, 3, 4])),
    ] {
        let root = Root { name: b"e".to_vec(), path: Some(temp.path().to_owned()) };
        let mut plan = plan(vec![root], Scopes::default(), Builder::new());
        (plan.opening.digest, plan.run_secret) = (digest, run_secret);
        let ledger = scan::scan(&plan).unwrap().ledger;
        let copies: Vec<_> = ledger
            .iter()
            .filter(|entry| entry.notes.iter().any(|note| note.reason == Reason::DeliveredTwice))
            .map(|entry| entry.source.as_str())
            .collect();
        assert_eq!(copies, ["e/b.log", "e/c.log.gz", "e/g.log.gz"], "{digest:?} {run_secret:?}");
    }
}

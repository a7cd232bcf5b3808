//! A case grows: parts joined and evidence added give the bytes of one scan of everything.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::dates::rows;
use crate::determinism::case_files;
use crate::support::{exfiltrace, project};

/// A folder to work in, with the fixture's evidence as a listing.
struct Bench {
    temp: tempfile::TempDir,
    files: Vec<PathBuf>,
}

impl Bench {
    fn new() -> Self {
        let evidence = project("fixtures/incident/evidence");
        let (mut files, mut folders) = (Vec::new(), vec![evidence.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
        files.sort();
        assert!(files.len() > 6);
        let files = files.iter().map(|path| path.strip_prefix(&evidence).unwrap().to_owned()).collect();
        Self { temp: tempfile::tempdir().unwrap(), files }
    }

    fn path(&self, name: &str) -> String {
        self.temp.path().join(name).to_str().unwrap().to_owned()
    }

    /// Copies files of the fixture, with their dates, into `name/evidence`.
    fn deliver<'f>(&self, name: &str, files: impl IntoIterator<Item = &'f PathBuf>) {
        for file in files {
            copy(
                &project("fixtures/incident/evidence").join(file),
                &self.temp.path().join(name).join("evidence").join(file),
            );
        }
    }

    /// Scans `name/evidence` into `name/case` with the scopes and the feed of the fixture and these arguments.
    fn scan(&self, name: &str, more: &[&str]) -> String {
        let (evidence, case) = (self.path(&format!("{name}/evidence")), self.path(&format!("{name}/case")));
        let (scopes, feed) = (project("fixtures/incident/scopes.toml"), project("fixtures/incident/indicators.txt"));
        let mut args = vec!["scan", "--quiet", &evidence, "--out", &case, "--indicators", feed.to_str().unwrap()];
        if !more.contains(&"--scopes") {
            args.extend(["--scopes", scopes.to_str().unwrap()]);
        }
        args.extend(more);
        done(&exfiltrace(&args));
        case
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    std::fs::copy(from, to).unwrap();
    let modified = from.metadata().unwrap().modified().unwrap();
    std::fs::File::options().append(true).open(to).unwrap().set_modified(modified).unwrap();
}

/// What a run printed on standard output and error, where it did its work.
fn done(output: &Output) {
    assert!(output.status.code().is_some_and(|code| code < 2), "{}", said(output));
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn same(a: &str, b: &str, what: &str) {
    let (a, b) = (case_files(Path::new(a)), case_files(Path::new(b)));
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>(), "{what}");
    for (name, bytes) in &a {
        assert!(*bytes == b[name], "{what}: {name} differs");
    }
}

fn manifest(case: &str) -> Value {
    serde_json::from_slice(&std::fs::read(Path::new(case).join("manifest.json")).unwrap()).unwrap()
}

#[test]
fn parts_merge_to_one_scan_and_the_case_verifies() {
    let bench = Bench::new();
    bench.deliver("all", &bench.files);
    let whole = bench.scan("all", &[]);
    for shards in [2, 5] {
        let mut cases: Vec<String> = (0..shards)
            .map(|shard| {
                let name = format!("{shards}-{shard}");
                bench.deliver(&name, bench.files.iter().skip(shard).step_by(shards));
                bench.scan(&name, &[])
            })
            .collect();
        cases.rotate_left(shards / 2);
        cases.swap(0, 1);
        let out = bench.path(&format!("{shards}-joined"));
        let mut args = vec!["merge", "--quiet", "--out", &out];
        args.extend(cases.iter().map(String::as_str));
        done(&exfiltrace(&args));
        same(&whole, &out, &format!("{shards} shards"));
        assert_eq!(manifest(&out)["runs"].as_array().unwrap().len(), shards);
        assert_eq!(manifest(&out)["rules"], manifest(&whole)["rules"]);
        let verified = exfiltrace(&["verify", &out]);
        assert_eq!(verified.status.code(), Some(0), "{}", String::from_utf8_lossy(&verified.stdout));
    }
}

/// A case grows twice, once by a file that was delivered before under a later name.
#[test]
fn evidence_that_comes_later_gives_the_case_of_one_scan() {
    let bench = Bench::new();
    let (later, first): (Vec<&PathBuf>, Vec<&PathBuf>) =
        bench.files.iter().partition(|file| !file.starts_with("web") && !file.starts_with("proxy"));
    let copied = |name: &str, to: &str| {
        let from = project("fixtures/incident/evidence/web/riverside-access.log");
        copy(&from, &bench.temp.path().join(name).join("evidence").join(to));
    };
    bench.deliver("all", &bench.files);
    ["web/z.log", "again/z.log"].iter().for_each(|to| copied("all", to));
    let told = ["--own", "10.9.0.0/16", "--from", "2026-03-20", "--exclude", "web/*"];
    let whole = bench.scan("all", &told);
    bench.deliver("first", first.iter().copied());
    copied("first", "web/z.log");
    let case = bench.scan("first", &told);
    bench.deliver("later", later.iter().copied());
    copied("last", "again/z.log");
    for name in ["later/evidence", "last/evidence"] {
        done(&exfiltrace(&["add", "--quiet", &case, &bench.path(name)]));
    }
    same(&whole, &case, "added");
    assert_eq!(manifest(&case)["runs"].as_array().unwrap().len(), 2);
    assert_eq!(exfiltrace(&["verify", &case]).status.code(), Some(0));
}

#[test]
fn what_was_told_otherwise_is_named_and_nothing_is_written() {
    let bench = Bench::new();
    let web = || bench.files.iter().filter(|file| file.starts_with("web"));
    let dns = || bench.files.iter().filter(|file| file.starts_with("dns"));
    bench.deliver("a", web());
    bench.deliver("b", dns());
    let (a, out) = (bench.scan("a", &["--own", "192.0.2.0/24"]), bench.path("out"));
    for (told, named) in [
        (vec!["--own", "198.51.100.0/24"], "--own: they do not say the same"),
        (vec!["--own", "192.0.2.0/24", "--from", "2026-03-01"], "--from: nothing here, 2026-03-01 there"),
        (vec!["--own", "192.0.2.0/24", "--no-builtin"], "--no-builtin: nothing here, true there"),
    ] {
        let b = bench.scan("b", &told);
        let output = exfiltrace(&["merge", &a, &b, "--out", &out]);
        assert_eq!(output.status.code(), Some(2));
        assert!(said(&output).contains(named) && said(&output).contains("Scan one of them again"), "{}", said(&output));
        assert!(!Path::new(&out).exists());
    }
}

#[test]
fn a_feed_that_was_changed_or_moved_is_told_when_evidence_is_added() {
    let bench = Bench::new();
    bench.deliver("a", bench.files.iter().filter(|file| file.starts_with("web")));
    bench.deliver("b", bench.files.iter().filter(|file| file.starts_with("dns")));
    let (feed, kept) = (bench.path("feed.txt"), bench.path("kept.txt"));
    std::fs::write(&feed, "evil.example\n").unwrap();
    let case = bench.path("a/case");
    done(&exfiltrace(&["scan", "--quiet", &bench.path("a/evidence"), "--indicators", &feed, "--out", &case]));
    let before = case_files(Path::new(&case));
    std::fs::rename(&feed, &kept).unwrap();
    let add = |more: &[&str]| {
        let evidence = bench.path("b/evidence");
        let mut args = vec!["add", "--quiet", &case, &evidence];
        args.extend(more);
        exfiltrace(&args)
    };
    let gone = add(&[]);
    assert!(gone.status.code() == Some(2) && said(&gone).contains("not there any more"), "{}", said(&gone));
    std::fs::write(&feed, "evil.example\nworse.example\n").unwrap();
    let changed = add(&[]);
    assert!(changed.status.code() == Some(2) && said(&changed).contains("it has changed"), "{}", said(&changed));
    assert!(before == case_files(Path::new(&case)));
    std::fs::remove_file(&feed).unwrap();
    std::fs::create_dir(bench.path("moved")).unwrap();
    std::fs::rename(&kept, bench.path("moved/feed.txt")).unwrap();
    done(&add(&["--moved", &format!("{feed}={}", bench.path("moved/feed.txt"))]));
}

#[test]
fn other_bytes_under_one_name_are_refused_and_the_case_stays() {
    let bench = Bench::new();
    bench.deliver("a", bench.files.iter().filter(|file| file.starts_with("web")));
    let case = bench.scan("a", &[]);
    let before = case_files(Path::new(&case));
    let log = bench.temp.path().join("a/evidence/web/riverside-access.log");
    let grown = [std::fs::read(&log).unwrap(), b"one more line\n".to_vec()].concat();
    std::fs::write(&log, grown).unwrap();
    let output = exfiltrace(&["add", "--quiet", &case, &bench.path("a/evidence")]);
    let told = said(&output);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        told.contains("riverside-access.log is there twice with different bytes") && told.contains("--root"),
        "{told}"
    );
    assert!(before == case_files(Path::new(&case)) && !Path::new(&case).join(".work").exists());
}

/// Puts a file of the rotation of `app.csv` into `name/evidence`, written at one time.
fn rotated(bench: &Bench, name: &str, file: &str, text: &str) {
    let path = bench.temp.path().join(name).join("evidence").join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_790_000_000);
    std::fs::File::options().append(true).open(path).unwrap().set_modified(at).unwrap();
}

/// The other files of a rotation tell of a file's dates, whichever came first, and which of them are given once more.
#[test]
fn a_rotation_that_comes_in_parts_is_dated_as_in_one_scan() {
    let bench = Bench::new();
    let (open, shows) = (rows(&[(2, 3), (4, 3)], 10), rows(&[(14, 3), (15, 3)], 10));
    let both = [("app.csv", &*open), ("app.csv.1", &*shows)];
    for (name, files) in [("all", &both[..]), ("open", &both[..1]), ("shows", &both[1..])] {
        files.iter().for_each(|(file, text)| rotated(&bench, name, file, text));
    }
    let evidence = |name: &str| bench.path(&format!("{name}/evidence"));
    let scan = |name: &str, case: &str| {
        done(&exfiltrace(&["scan", "--quiet", &evidence(name), "--out", &bench.path(case)]));
        bench.path(case)
    };
    let whole = scan("all", "whole");
    for (first, then) in [("open", "shows"), ("shows", "open"), ("open", "all"), ("shows", "all"), ("all", "open")] {
        let case = scan(first, &format!("{first}-{then}"));
        done(&exfiltrace(&["add", "--quiet", &case, &evidence(then)]));
        same(&whole, &case, &format!("{first}, then {then}"));
    }
    let joined =
        exfiltrace(&["merge", &bench.path("open-all"), &scan("open", "alone"), "--out", &bench.path("joined")]);
    assert_eq!(joined.status.code(), Some(2));
    assert!(
        said(&joined).contains("app.csv is there twice with the same bytes and was read otherwise"),
        "{}",
        said(&joined)
    );
    // What is gone cannot be read again: its times stay, and that is told.
    rotated(&bench, "gone", "app.csv", &open);
    let case = scan("gone", "of_gone");
    std::fs::remove_dir_all(evidence("gone")).unwrap();
    done(&exfiltrace(&["add", "--quiet", &case, &evidence("shows")]));
    let ledger = std::fs::read_to_string(Path::new(&case).join("ledger.jsonl")).unwrap();
    assert_eq!(ledger.matches("it does not lie where it was scanned").count(), 1, "{ledger}");
    // Nor can what has other bytes now, which is no evidence that was added.
    rotated(&bench, "grown", "app.csv", &open);
    let case = scan("grown", "of_grown");
    rotated(&bench, "grown", "app.csv", &(open.clone() + &open));
    done(&exfiltrace(&["add", "--quiet", &case, &evidence("shows")]));
    let ledger = std::fs::read_to_string(Path::new(&case).join("ledger.jsonl")).unwrap();
    assert_eq!(ledger.matches("or has other bytes now").count(), 1, "{ledger}");
}

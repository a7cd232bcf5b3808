//! The committed fixtures are what their generator writes: all of it, nothing else, and small.

#[path = "../../fixtures/generate/clock.rs"]
pub mod clock;
#[path = "../../fixtures/generate/edge.rs"]
pub mod edge;
#[path = "../../fixtures/generate/fixture.rs"]
mod fixture;
#[path = "../../fixtures/generate/hosts.rs"]
pub mod hosts;
#[path = "../../fixtures/generate/large.rs"]
mod large;
#[path = "../../fixtures/generate/log.rs"]
pub mod log;
#[path = "../../fixtures/generate/pack.rs"]
pub mod pack;
#[path = "../../fixtures/generate/rng.rs"]
pub mod rng;
#[path = "../../fixtures/generate/story.rs"]
mod story;
#[path = "../../fixtures/generate/web.rs"]
pub mod web;

use std::collections::BTreeSet;
use std::path::Path;

use pack::Content;

use crate::support::project;

const LIMIT_BYTES: u64 = 5_000_000;

/// Files below `folder` by their path below `root`, with their sizes.
fn files(root: &Path, folder: &str) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.push((name, std::fs::metadata(&path).unwrap().len()));
            }
        }
    }
    found
}

/// Compares decoded bytes: encoders may change how they pack, stories may not.
#[test]
fn the_generator_writes_what_is_committed_and_nothing_else_is() {
    let root = project("fixtures");
    for (fixture, artefacts) in [("incident", fixture::incident()), ("benign", fixture::benign())] {
        assert!(artefacts.len() > 25, "{fixture} has {} files", artefacts.len());
        for artefact in &artefacts {
            let stored = std::fs::read(root.join(&artefact.path)).unwrap_or_default();
            artefact.content.same(&stored, &artefact.path).unwrap();
        }
        let written: BTreeSet<&str> = artefacts.iter().map(|artefact| artefact.path.as_str()).collect();
        assert_eq!(written.len(), artefacts.len(), "{fixture} writes no file twice");
        let committed = files(&root, fixture);
        let committed: BTreeSet<&str> = committed.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(committed, written);
    }
}

#[test]
fn the_comparison_sees_one_changed_byte_below_every_layer() {
    let plain = |text: &str| Content::Plain(text.as_bytes().to_vec());
    let pair = |wrap: &dyn Fn(Content) -> Content| (wrap(plain("one line\n")), wrap(plain("one lime\n")));
    let boxed = |text| Box::new(text);
    for (is, was) in [
        pair(&|text| text),
        pair(&|text| Content::Gzip(boxed(text))),
        pair(&|text| Content::Bzip2(boxed(text))),
        pair(&|text| Content::Xz(boxed(text))),
        pair(&|text| Content::Zstd(boxed(text))),
        pair(&|text| Content::Zip(vec![("a.log".to_owned(), text)])),
        pair(&|text| Content::Gzip(boxed(Content::Tar(vec![("a.log".to_owned(), text, clock::START)])))),
    ] {
        is.same(&is.encode(), "same").unwrap();
        let said = is.same(&was.encode(), "other").unwrap_err();
        assert!(said.contains("differs at byte 6"), "{said}");
    }
}

#[test]
fn all_fixtures_together_stay_small() {
    let all = files(&project(""), "fixtures");
    let bytes: u64 = all.iter().map(|(_, size)| size).sum();
    assert!(bytes <= LIMIT_BYTES, "{bytes} bytes in {} files", all.len());
}

#[test]
fn the_log_to_measure_with_has_the_size_the_lines_and_the_hits_that_were_asked_for() {
    for bytes in [large::LEAST_BYTES, 513, 100_000, 20_000_000] {
        let mut out = Vec::new();
        large::access_log(&mut out, bytes).unwrap();
        assert_eq!(out.len() as u64, bytes);
        assert!(out.ends_with(b"\"\n"), "the last line is whole");
    }
    let mut out = Vec::new();
    large::access_log(&mut out, 60_000_000).unwrap();
    let text = String::from_utf8(out).unwrap();
    let lines = text.lines().count();
    assert!((180..=220).contains(&(text.len() / lines)), "{} bytes a line", text.len() / lines);
    let hits = text.lines().filter(|line| line.starts_with("203.0.113.")).count();
    assert!((1..=8).contains(&hits), "{hits} hits in {lines} lines");
    assert!(text.lines().all(|line| line.ends_with('"') && line.contains("] \"GET /")));
}

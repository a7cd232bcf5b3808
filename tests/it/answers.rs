//! What a user reads first: the lines over the scopes, exit codes, help, what is asked for next.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::exfiltrace;

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The words of a text in one line, however they were wrapped.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn nothing_that_could_be_read_is_exit_code_one() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().to_str().unwrap();
    assert_eq!(exfiltrace(&["scan", "-q", folder]).status.code(), Some(1), "a wrong mount must not look green");
    std::fs::write(temp.path().join("empty.log"), "").unwrap();
    assert_eq!(exfiltrace(&["scan", "-q", folder]).status.code(), Some(1));
    std::fs::write(temp.path().join("a.log"), "a line\n").unwrap();
    assert_eq!(exfiltrace(&["scan", "-q", folder]).status.code(), Some(0));
}

#[test]
fn every_state_has_its_exit_code_in_the_help_and_the_readme() {
    let readme = std::fs::read_to_string(crate::support::project("README.md")).unwrap();
    let help = [&["--help"][..], &["scan", "--help"]].map(|args| flat(&printed(&exfiltrace(args))));
    for text in [&help[0], &help[1], &flat(&readme)] {
        let codes = text.split("10 attempted").nth(1).unwrap_or_else(|| panic!("{text}"));
        for state in [
            "11 intrusion_only",
            "12 accessed",
            "13 exfiltrated",
            "14 cannot_tell",
            "15 unexplained",
            "no_evidence",
            "not_examined",
        ] {
            assert!(codes.contains(state), "{state}: {codes}");
        }
    }
}

#[test]
fn help_of_help_is_help() {
    for (asked, plain) in [
        (&["help", "--help"][..], &["help"][..]),
        (&["help", "-h"], &["help"]),
        (&["help", "scan", "--help"], &["help", "scan"]),
        (&["rules", "help", "--help"], &["rules", "help"]),
        (&["rules", "help", "check", "--help"], &["rules", "help", "check"]),
    ] {
        let (asked, plain) = (exfiltrace(asked), exfiltrace(plain));
        assert_eq!((asked.status.code(), printed(&asked)), (Some(0), printed(&plain)), "{}", said(&asked));
    }
    assert!(printed(&exfiltrace(&["scan", "help", "--help"])).contains("--max-memory"), "evidence may be named help");
}

/// Runs the binary with these bytes on standard input.
fn fed(args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_exfiltrace"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    // A refusal may come before all is read.
    let _ = pipe.write_all(input);
    drop(pipe);
    child.wait_with_output().unwrap()
}

#[test]
fn a_feed_through_a_pipe_is_read() {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("a.log"), "203.0.113.4 came\n").unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(b"203.0.113.4\n").unwrap();
    for feed in ["-", "/dev/stdin"] {
        let checked = fed(&["indicators", "check", feed], b"203.0.113.4\n");
        assert_eq!(checked.status.code(), Some(0), "{feed}: {}", said(&checked));
    }
    let scan = fed(&["scan", &path("a.log"), "--indicators", "-"], &gzip.finish().unwrap());
    assert_eq!(printed(&scan).lines().count(), 1, "packed feeds too: {}", said(&scan));
    let nothing = fed(&["indicators", "check", "-"], b"");
    assert_eq!(nothing.status.code(), Some(1));
    let twice = fed(&["scan", "-", "--indicators", "-"], b"203.0.113.4\n");
    assert_eq!(twice.status.code(), Some(2));
    assert!(said(&twice).contains("`-` is given more than once"), "{}", said(&twice));
    let device = exfiltrace(&["indicators", "check", "/dev/null"]);
    assert_eq!(device.status.code(), Some(2));
    assert!(said(&device).contains("neither a file nor a folder nor a pipe"), "{}", said(&device));
}

const LINE: &str = "203.0.113.9 - - [28/Mar/2026:10:00:00 +0000] \"GET /a HTTP/1.1\" 200 5 \"-\" \"x\"\n";

#[test]
fn the_first_lines_tell_the_span_of_the_logs_and_the_zone_with_who_gave_it() {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir(path("e")).unwrap();
    std::fs::write(path("e/a.log"), LINE).unwrap();
    std::fs::write(path("e/b.log"), LINE.replace("28/Mar", "30/Mar")).unwrap();
    std::fs::write(path("s.toml"), "timezone = 'Europe/London'\n[[zone]]\nhosts = ['x']\ntimezone = 'UTC'\n").unwrap();
    let scan = |more: &[&str]| {
        let output = exfiltrace(&[&["scan", &path("e"), "--out", &path("case")][..], more].concat());
        let head = printed(&output).split("\n\n").next().unwrap().to_owned();
        let page = std::fs::read_to_string(path("case/report.html")).unwrap();
        assert_eq!(exfiltrace(&["report", &path("case")]).status.code(), Some(0));
        assert_eq!(std::fs::read_to_string(path("case/report.html")).unwrap(), page, "the same from the case alone");
        (flat(&head), flat(&page))
    };
    let span = "records from 2026-03-28T10:00:00Z to 2026-03-30T10:00:00Z.";
    for (flags, told) in [
        (vec![], "of UTC, because nobody gave a zone"),
        (vec!["--timezone", "America/New_York"], "of America/New_York, as --timezone says"),
        (vec!["--scopes", "s"], "of Europe/London, as the scopes file says. 1 zone is given"),
    ] {
        let scopes = path("s.toml");
        let flags: Vec<&str> = flags.into_iter().map(|flag| if flag == "s" { &scopes[..] } else { flag }).collect();
        let (head, page) = scan(&flags);
        assert!(head.contains(span) && page.contains(span), "{head}");
        let on_page = told.replace('/', "&#x2f;");
        assert!(head.contains(told) && (page.contains(told) || page.contains(&on_page)), "{told}: {head}");
    }
    std::fs::write(path("e/c.log"), "{\"source\": {\"ip\": \"203.0.113.9\"}, \"message\": \"x\"}\n").unwrap();
    std::fs::remove_file(path("e/b.log")).unwrap();
    let (head, _) = scan(&[]);
    assert!(head.contains("2 sources, 2 records") && head.contains("1 of 2 records have no time"), "{head}");
    std::fs::remove_file(path("e/c.log")).unwrap();
    assert!(scan(&[]).0.contains("1 source, 1 record,"), "one is one");
}

#[test]
fn a_damaged_file_is_named_once_and_its_copy_asked_for_once() {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    for n in 0..20_000 {
        gzip.write_all(LINE.replace("/a ", &format!("/{n} ")).as_bytes()).unwrap();
    }
    let whole = gzip.finish().unwrap();
    std::fs::write(path("trunc.log.gz"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(path("s.toml"), "[[scope]]\nname = 'a'\npaths = ['**']\n").unwrap();
    let output = exfiltrace(&["scan", &path("trunc.log.gz"), "--scopes", &path("s.toml"), "--out", &path("case")]);
    let text = printed(&output);
    let (_, unread) = text.split_once("NOT READ in full: 1 item\n").unwrap_or_else(|| panic!("{text}"));
    assert_eq!(unread.matches("trunc.log.gz").count(), 1, "{unread}");
    let (_, next) = text.split_once("collect next:").unwrap_or_else(|| panic!("{text}"));
    let next = next.split("\n\n").next().unwrap();
    assert_eq!(next.matches("trunc.log.gz").count(), 1, "{next}");
}

#[test]
fn the_manifest_tells_the_memory_that_was_given_and_taken() {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("a.log"), LINE).unwrap();
    let output = exfiltrace(&["scan", "-q", &path("a.log"), "--out", &path("case"), "--max-memory", "400M"]);
    assert!(!said(&output).contains("--max-memory"), "{}", said(&output));
    let manifest: Value = serde_json::from_slice(&std::fs::read(path("case/manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["memory"]["limit"], 400 << 20);
    let held = manifest["memory"]["held"].as_u64().unwrap();
    assert!((100_000..400 << 20).contains(&held), "{held}");
}

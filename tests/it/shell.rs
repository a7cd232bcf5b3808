//! What happens at the edges of a run: interruptions, full disks, readers that go away, folders that cannot be used.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::exfiltrace;

fn said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Two lines with an indicator, the feed, and a folder for cases.
fn sample() -> (tempfile::TempDir, String, String) {
    let temp = tempfile::tempdir().unwrap();
    let line = "198.51.100.66 - - [28/Mar/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 512 \"-\" \"curl/8\"\n";
    std::fs::create_dir(temp.path().join("logs")).unwrap();
    std::fs::write(temp.path().join("logs/access.log"), line.repeat(2)).unwrap();
    std::fs::write(temp.path().join("feed.txt"), "198.51.100.66\n").unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    let (logs, feed) = (path("logs"), path("feed.txt"));
    (temp, logs, feed)
}

/// Starts a scan that waits for its standard input, interrupts it, and gives the exit code and what was said.
fn interrupted(out: &Path, signal: libc::c_int) -> (Option<i32>, String) {
    interrupted_run(&["scan", "-", "--out", out.to_str().unwrap()], out, signal)
}

/// The same of any run that writes the case `out`.
fn interrupted_run(args: &[&str], out: &Path, signal: libc::c_int) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_exfiltrace"));
    command.args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    // What a shell runs in the background ignores SIGINT, and what it starts does so too.
    let heeds = move || {
        // SAFETY: `signal` takes a number and the default action, and may be called between fork and exec.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
        Ok(())
    };
    // SAFETY: the closure calls nothing but `signal`, which is safe there (signal-safety(7)).
    unsafe { command.pre_exec(heeds) };
    let mut child = command.spawn().unwrap();
    let input = child.stdin.take().unwrap();
    while !out.join(".work").exists() {
        assert!(child.try_wait().unwrap().is_none(), "the scan ended before it could be interrupted");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    // SAFETY: `kill` takes two numbers; the process is our child and has not been waited for.
    assert_eq!(unsafe { libc::kill(libc::pid_t::try_from(child.id()).unwrap(), signal) }, 0);
    let output = child.wait_with_output().unwrap();
    drop(input);
    (output.status.code(), said(&output))
}

#[test]
fn an_interrupted_scan_leaves_things_as_they_were() {
    let temp = tempfile::tempdir().unwrap();
    let (code, said) = interrupted(&temp.path().join("new/case"), libc::SIGINT);
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("interrupted") && said.contains("no case was written"), "{said}");
    assert!(!temp.path().join("new").exists(), "folders that were made are gone");
    let empty = temp.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    assert_eq!(interrupted(&empty, libc::SIGTERM).0, Some(143));
    assert_eq!(names(&empty), [] as [&str; 0]);
}

#[test]
fn an_interrupted_scan_over_an_older_case_leaves_that_case_whole() {
    let (temp, logs, _) = sample();
    let case = temp.path().join("case");
    assert_eq!(exfiltrace(&["scan", "-q", &logs, "--out", case.to_str().unwrap()]).status.code(), Some(0));
    let before = names(&case);
    assert_eq!(interrupted(&case, libc::SIGINT).0, Some(130));
    assert_eq!(names(&case), before);
    assert_eq!(exfiltrace(&["verify", case.to_str().unwrap()]).status.code(), Some(0));
}

#[test]
fn an_interrupted_addition_leaves_the_case_as_it_was_and_can_be_done_again() {
    let (temp, logs, feed) = sample();
    let case = temp.path().join("case");
    let name = case.to_str().unwrap();
    assert_eq!(exfiltrace(&["scan", "-q", &logs, "--indicators", &feed, "--out", name]).status.code(), Some(0));
    let before = crate::determinism::case_files(&case);
    let manifest = std::fs::read(case.join("manifest.json")).unwrap();
    let (code, said) = interrupted_run(&["add", name, "-"], &case, libc::SIGINT);
    assert_eq!(code, Some(130), "{said}");
    assert!(before == crate::determinism::case_files(&case));
    assert!(manifest == std::fs::read(case.join("manifest.json")).unwrap());
    assert_eq!(exfiltrace(&["verify", name]).status.code(), Some(0));
    assert_eq!(exfiltrace(&["add", "-q", name, &feed]).status.code(), Some(0));
    assert!(before != crate::determinism::case_files(&case));
}

#[test]
fn a_folder_that_cannot_hold_a_case_is_told_before_anything_is_read() {
    let (temp, logs, _) = sample();
    let file = format!("{logs}/access.log");
    for (out, words) in [
        (file.as_str(), ["is not a folder", "--out"]),
        (logs.as_str(), ["is not empty and is not a case folder", "--out"]),
        ("/proc/nowhere/case", ["cannot write", "--out /proc/nowhere/case"]),
        ("/dev/full", ["is not a folder", "--out /dev/full"]),
    ] {
        // Standard input stays open: a scan that began to read would not end.
        let child = Command::new(env!("CARGO_BIN_EXE_exfiltrace"))
            .args(["scan", "-", "--out", out])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{out}");
        assert!(words.iter().all(|word| said(&output).contains(word)), "{out}: {}", said(&output));
    }
    assert_eq!(names(temp.path()), ["feed.txt", "logs"]);
    assert_eq!(names(Path::new(&logs)), ["access.log"]);
}

#[test]
fn a_work_folder_in_the_case_folder_is_no_obstacle() {
    let (temp, logs, _) = sample();
    let case = temp.path().join("case");
    std::fs::create_dir_all(case.join(".work")).unwrap();
    let output = exfiltrace(&["scan", "-q", &logs, "--out", case.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(case.join("manifest.json").exists() && !case.join(".work").exists());
}

#[test]
fn a_full_disk_behind_standard_output_is_an_error_and_the_case_stays() {
    let (temp, logs, feed) = sample();
    let case = temp.path().join("case");
    let full = |args: &[&str]| {
        let to = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        Command::new(env!("CARGO_BIN_EXE_exfiltrace")).args(args).stdout(to).stderr(Stdio::piped()).output().unwrap()
    };
    let output = full(&["scan", &logs, "--indicators", &feed]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("cannot write to standard output"), "{}", said(&output));
    let output = full(&["scan", &logs, "--out", case.to_str().unwrap()]);
    assert!(said(&output).contains("the case is written"), "{}", said(&output));
    assert_eq!(exfiltrace(&["verify", case.to_str().unwrap()]).status.code(), Some(0));
    assert_eq!(full(&["formats"]).status.code(), Some(2));
}

#[test]
fn a_reader_that_goes_away_is_no_error_and_hides_no_exit_code() {
    let (temp, logs, feed) = sample();
    std::fs::write(temp.path().join("logs/b.pcap"), [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        .unwrap();
    for (args, code) in [
        (vec!["scan", &logs, "--indicators", &feed], 1),
        (vec!["scan", &logs, "--indicators", &feed, "--exit-verdict"], 14),
        (vec!["formats"], 0),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = Command::new(env!("CARGO_BIN_EXE_exfiltrace")).args(&args).stdout(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", said(&output));
        assert_eq!(said(&output), "", "{args:?}");
    }
}

#[test]
fn a_case_folder_is_no_evidence_and_one_inside_the_evidence_is_told() {
    let (temp, logs, feed) = sample();
    let inside = format!("{logs}/case");
    for turn in ["made", "there before"] {
        let output = exfiltrace(&["scan", "-q", &logs, "--indicators", &feed, "--out", &inside]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let ledger = std::fs::read_to_string(format!("{inside}/ledger.jsonl")).unwrap();
        assert_eq!(ledger.lines().count(), 2, "{turn}: {ledger}");
        assert!(ledger.contains("\"case_folder\""), "{turn}: {ledger}");
    }
    let output = exfiltrace(&["scan", &inside]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("is a case folder, not evidence") && said(&output).contains("exfiltrace verify"));
    drop(temp);
}

#[test]
fn colours_go_to_a_terminal_or_where_they_are_asked_for() {
    let (temp, logs, _) = sample();
    let case = temp.path().join("case");
    let coloured = |flags: &[&str]| {
        let mut args = vec!["scan", &logs, "--out", case.to_str().unwrap()];
        args.extend(flags);
        exfiltrace(&args).stdout.contains(&0x1b)
    };
    assert!(!coloured(&[]) && !coloured(&["--color", "never"]));
    assert!(coloured(&["--color", "always"]), "although NO_COLOR is set: what is typed goes before the environment");
}

#[test]
fn quiet_says_nothing_and_v_says_more() {
    let (temp, logs, _) = sample();
    let case = temp.path().join("case");
    let scan = |flag: &str| exfiltrace(&["scan", &logs, "--out", case.to_str().unwrap(), flag]);
    let quiet = scan("--quiet");
    assert!(quiet.stdout.is_empty() && quiet.stderr.is_empty());
    let verbose = scan("-v");
    assert!(verbose.stdout.starts_with(b"ANSWER:") && said(&verbose).contains("ns/byte"));
    let both = exfiltrace(&["scan", &logs, "-q", "-v"]);
    assert_eq!(both.status.code(), Some(2));
    assert!(said(&both).contains("--quiet") && said(&both).contains("--verbose"), "{}", said(&both));
}

//! The command line: exit codes, errors before any byte is read, help, pipes.

use crate::support::{exfiltrace, project};

#[test]
fn help_states_limits_and_examples() {
    let output = exfiltrace(&["scan", "--help"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for word in ["Examples:", "depth 8", "--archive-password", "--max-buffered-member", "--timezone", "[default: 256M]"]
    {
        assert!(text.contains(word), "{word} is not in the help");
    }
    assert!(!text.contains("x-cell"), "test flags are hidden");
}

#[test]
fn malformed_values_fail_before_anything_is_read() {
    for (args, word) in [
        (vec!["scan", "--from", "yesterday", "/nowhere"], "--from yesterday"),
        (vec!["scan", "--timezone", "Mars/Base", "."], "Mars/Base"),
        (vec!["scan", "--max-memory", "lots", "."], "--max-memory lots"),
        (vec!["scan", "--logsource", "planet=x", "."], "planet"),
        (vec!["scan", "/nowhere/at/all"], "no such file"),
        (vec!["scan", "--scopes", "/nowhere.toml", "."], "/nowhere.toml"),
    ] {
        let output = exfiltrace(&args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(word), "{args:?}: {said}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn an_unreadable_member_is_exit_code_one_and_a_clean_scan_zero() {
    let temp = tempfile::tempdir().unwrap();
    let log = temp.path().join("a.log");
    std::fs::write(&log, "one line\n").unwrap();
    assert_eq!(exfiltrace(&["scan", "--quiet", log.to_str().unwrap()]).status.code(), Some(0));
    std::fs::write(temp.path().join("b.pcap"), [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
    let output = exfiltrace(&["scan", "--quiet", temp.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn completions_and_manual_are_printed() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = exfiltrace(&["completions", shell]);
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains("exfiltrace"), "{shell}");
    }
    let page = String::from_utf8(exfiltrace(&["man"]).stdout).unwrap();
    assert!(page.contains(".TH exfiltrace") && page.contains("exfiltrace-scan"));
}

#[test]
fn two_roots_of_one_name_need_names() {
    let temp = tempfile::tempdir().unwrap();
    for folder in ["x", "y"] {
        std::fs::create_dir_all(temp.path().join(folder).join("logs")).unwrap();
        std::fs::write(temp.path().join(folder).join("logs/a.log"), "text\n").unwrap();
    }
    let (x, y) = (temp.path().join("x/logs"), temp.path().join("y/logs"));
    let (x, y) = (x.to_str().unwrap(), y.to_str().unwrap());
    let refused = exfiltrace(&["scan", x, y]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--root"));
    let named = format!("second={y}");
    assert_eq!(exfiltrace(&["scan", "--quiet", x, y, "--root", &named]).status.code(), Some(0));
}

#[test]
fn the_verdict_is_the_exit_code_when_asked() {
    let scopes = project("fixtures/incident/scopes.toml");
    let evidence = project("fixtures/incident/evidence");
    let output = exfiltrace(&[
        "scan",
        "--quiet",
        "--exit-verdict",
        "--scopes",
        scopes.to_str().unwrap(),
        evidence.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(13));
}

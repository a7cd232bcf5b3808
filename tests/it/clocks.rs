//! Whose word a time zone is: the log's, the user's, or nobody's.

use std::path::Path;

use serde_json::Value;

use crate::support::exfiltrace;

/// Two hosts that write no zone, and one Microsoft 365 log, whose times are UTC by its definition.
fn evidence(folder: &Path) -> String {
    let logs = folder.join("logs");
    std::fs::create_dir_all(&logs).unwrap();
    let line = |host: &str| {
        format!(
            "{{\"timestamp\":\"2026-07-01T12:00:00\",\"host.name\":\"{host}\",\"source.ip\":\"203.0.113.9\",\"message\":\"hello\"}}\n"
        )
    };
    std::fs::write(logs.join("one.json"), line("rv-one").repeat(3)).unwrap();
    std::fs::write(logs.join("two.json"), line("rv-two").repeat(3)).unwrap();
    let audit = "{\"CreationTime\":\"2026-07-01T12:00:00\",\"Operation\":\"FileDownloaded\",\"Workload\":\"SharePoint\",\
                 \"RecordType\":6,\"UserId\":\"a@rv.example\",\"ClientIP\":\"203.0.113.9\"}\n";
    std::fs::write(logs.join("audit.json"), audit).unwrap();
    std::fs::write(folder.join("feed.txt"), "203.0.113.9\n").unwrap();
    logs.to_str().unwrap().to_owned()
}

struct Case {
    findings: Vec<Value>,
    coverage: Value,
    verdict: Value,
    manifest: Value,
}

impl Case {
    fn scan(folder: &Path, flags: &[&str]) -> Self {
        let (logs, out) = (evidence(folder), folder.join("case"));
        let feed = folder.join("feed.txt");
        let mut args =
            vec!["scan", "-q", &logs, "--indicators", feed.to_str().unwrap(), "--out", out.to_str().unwrap()];
        args.extend(flags);
        let output = exfiltrace(&args);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
        let json = |name: &str| serde_json::from_str::<Value>(&read(name)).unwrap();
        Self {
            findings: read("findings.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
            coverage: json("coverage.json"),
            verdict: json("verdict.json"),
            manifest: json("manifest.json"),
        }
    }

    /// First time and assumption of the finding in one source.
    fn time(&self, source: &str) -> (String, Value) {
        let of = |f: &&Value| f["evidence"][0]["source"].as_str().unwrap() == format!("logs/{source}");
        let finding = self.findings.iter().find(of).unwrap_or_else(|| panic!("no finding in {source}"));
        (finding["time"]["first"].as_str().unwrap().to_owned(), finding["time"]["assumed"].clone())
    }

    fn assumed(&self) -> u64 {
        self.coverage["sources"].as_array().unwrap().iter().map(|s| s["zone_assumed"].as_u64().unwrap()).sum()
    }

    fn blames_the_clock(&self) -> bool {
        self.verdict.to_string().contains("rest on an assumed zone")
    }
}

#[test]
fn a_zone_that_nobody_gave_is_assumed_and_said() {
    let temp = tempfile::tempdir().unwrap();
    let case = Case::scan(temp.path(), &[]);
    assert_eq!(case.time("one.json"), ("2026-07-01T12:00:00Z".into(), Value::from("zone")));
    assert_eq!(case.time("audit.json"), ("2026-07-01T12:00:00Z".into(), Value::Null));
    assert_eq!(case.assumed(), 6);
    assert!(case.blames_the_clock());
    assert_eq!(case.manifest["clocks"]["timezone"], "UTC");
    assert_eq!(case.manifest["clocks"]["given_by"], Value::Null);
}

#[test]
fn a_zone_that_the_user_gave_is_not_assumed() {
    let temp = tempfile::tempdir().unwrap();
    let scopes = temp.path().join("scopes.toml");
    std::fs::write(&scopes, "timezone = 'Europe/London'\n").unwrap();
    let scopes = scopes.to_str().unwrap();
    for (flags, time, by) in [
        (vec!["--timezone", "Europe/London"], "2026-07-01T11:00:00Z", "--timezone"),
        (vec!["--timezone", "UTC"], "2026-07-01T12:00:00Z", "--timezone"),
        (vec!["--scopes", scopes], "2026-07-01T11:00:00Z", "scopes"),
        (vec!["--scopes", scopes, "--timezone", "+02:00"], "2026-07-01T10:00:00Z", "--timezone"),
    ] {
        let case = Case::scan(temp.path(), &flags);
        assert_eq!(case.time("one.json"), (time.into(), Value::Null), "{flags:?}");
        assert_eq!(case.time("audit.json").0, "2026-07-01T12:00:00Z", "the user's zone is not for logs in UTC");
        assert_eq!(case.assumed(), 0, "{flags:?}");
        assert!(!case.blames_the_clock(), "{flags:?}");
        assert_eq!(case.manifest["clocks"]["given_by"], by);
    }
}

#[test]
fn the_clock_of_one_host_is_given_for_that_host_alone() {
    let temp = tempfile::tempdir().unwrap();
    let scopes = temp.path().join("scopes.toml");
    std::fs::write(&scopes, "[[zone]]\nhosts = ['rv-one']\ntimezone = 'Asia/Tokyo'\n").unwrap();
    let case = Case::scan(temp.path(), &["--scopes", scopes.to_str().unwrap()]);
    assert_eq!(case.time("one.json"), ("2026-07-01T03:00:00Z".into(), Value::Null));
    assert_eq!(case.time("two.json"), ("2026-07-01T12:00:00Z".into(), Value::from("zone")));
    assert_eq!(case.assumed(), 3);
    assert!(case.blames_the_clock(), "the other host's zone is assumed");
    assert_eq!(case.manifest["clocks"]["zones"][0]["timezone"], "Asia/Tokyo");
}

#[test]
fn the_clock_of_some_files_is_given_by_their_paths_alone() {
    let temp = tempfile::tempdir().unwrap();
    let scopes = temp.path().join("scopes.toml");
    let told = "[[zone]]\npaths = ['**/t*.json']\ntimezone = 'Asia/Tokyo'\n[[zone]]\npaths = ['logs/*']\ntimezone = '+02:00'\n";
    std::fs::write(&scopes, told).unwrap();
    let case = Case::scan(temp.path(), &["--scopes", scopes.to_str().unwrap()]);
    assert_eq!(case.time("two.json"), ("2026-07-01T03:00:00Z".into(), Value::Null), "the first that fits");
    assert_eq!(case.time("one.json"), ("2026-07-01T10:00:00Z".into(), Value::Null));
    assert_eq!(case.time("audit.json"), ("2026-07-01T12:00:00Z".into(), Value::Null), "it says its zone");
    assert_eq!(case.assumed(), 0);
    std::fs::write(&scopes, "[[zone]]\npaths = ['**/t*.json']\ntimezone = 'Asia/Tokyo'\n").unwrap();
    let case = Case::scan(temp.path(), &["--scopes", scopes.to_str().unwrap(), "--timezone", "Europe/London"]);
    assert_eq!(case.time("two.json").0, "2026-07-01T03:00:00Z", "the path goes before --timezone");
    assert_eq!(case.time("one.json").0, "2026-07-01T11:00:00Z");
}

#[test]
fn the_clock_of_some_files_is_typed_with_a_glob() {
    let temp = tempfile::tempdir().unwrap();
    let scopes = temp.path().join("scopes.toml");
    std::fs::write(&scopes, "[[zone]]\npaths = ['**/*.json']\ntimezone = '+02:00'\n").unwrap();
    let args =
        ["--scopes", scopes.to_str().unwrap(), "--timezone", "**/t*.json=Asia/Tokyo", "--timezone", "Europe/London"];
    let case = Case::scan(temp.path(), &args);
    assert_eq!(
        case.time("two.json"),
        ("2026-07-01T03:00:00Z".into(), Value::Null),
        "what is typed goes before the file"
    );
    assert_eq!(case.time("one.json"), ("2026-07-01T10:00:00Z".into(), Value::Null));
    let case = Case::scan(temp.path(), &args[2..]);
    assert_eq!(case.time("two.json").0, "2026-07-01T03:00:00Z");
    assert_eq!(case.time("one.json").0, "2026-07-01T11:00:00Z", "the zone of all others");
    assert_eq!(case.manifest["clocks"]["zones"][0]["paths"][0], "**/t*.json");
    assert_eq!((case.manifest["clocks"]["timezone"].as_str(), case.assumed()), (Some("Europe/London"), 0));
}

#[test]
fn a_glob_of_a_zone_that_fits_no_log_is_said() {
    let temp = tempfile::tempdir().unwrap();
    let log = temp.path().join("logs");
    std::fs::create_dir(&log).unwrap();
    std::fs::write(log.join("a.log"), "28/Mar/2026 x\n").unwrap();
    let said = |glob: &str| {
        let zone = format!("{glob}=Asia/Tokyo");
        let run =
            crate::support::exfiltrace(&["scan", "-q", "--no-builtin", log.to_str().unwrap(), "--timezone", &zone]);
        String::from_utf8_lossy(&run.stderr).contains("no path of the evidence fits it")
    };
    assert_eq!([said("logs/a.*"), said("a.log"), said("**/b.log")], [false, true, true]);
}

//! Files that triage collectors gathered: whose they are, and where they lay.

use std::fs;

use serde_json::Value;

use crate::support::exfiltrace;

/// A log of a web server, which names no host, as it lies in a collection of UAC.
const ACCESS: &str = "uac-rv-web01-linux-20260328231004/[root]/var/log/nginx/access.log";
/// A log of an authority, which names its host, in one of Velociraptor.
const AUTH: &str = "Collection-rv-db01-2026-03-28T23_10_04Z/uploads/auto/var/log/auth.log";

#[test]
fn the_host_of_a_collection_stands_for_records_that_name_none() {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    let put = |name: &str, text: &str| {
        let file = temp.path().join("evidence").join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    put(
        ACCESS,
        "192.0.2.10 - - [28/Mar/2026:23:10:04 +0000] \"GET /all.zip HTTP/1.1\" 200 7340032 \"-\" \"curl/8.5\"\n",
    );
    put(AUTH, "Mar 28 23:10:04 other sshd[7]: Accepted password for bob from 192.0.2.10 port 40000 ssh2\n");
    put(
        "plain/access.log",
        "192.0.2.11 - - [28/Mar/2026:23:10:04 +0000] \"GET / HTTP/1.1\" 200 10 \"-\" \"curl/8.5\"\n",
    );
    let scanned = exfiltrace(&["scan", &path("evidence"), "--out", &path("case")]);
    let told = String::from_utf8_lossy(&scanned.stderr).into_owned();

    let ledger = fs::read_to_string(path("case/ledger.jsonl")).unwrap_or_else(|_| panic!("{told}"));
    let of = |end: &str| -> Value {
        let rows = ledger.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut own = rows.filter(|row| row["source"].as_str().is_some_and(|source| source.ends_with(end)));
        own.next().unwrap()["collection"].take()
    };
    assert_eq!(
        of("nginx/access.log"),
        serde_json::json!({"tool": "uac", "host": "rv-web01", "taken": "2026-03-28T23:10:04", "path": "/var/log/nginx/access.log"})
    );
    assert_eq!(of("auth.log")["path"], "/var/log/auth.log");
    assert_eq!(of("plain/access.log"), Value::Null);

    let shown = exfiltrace(&["formats", "test", "--json", &path("evidence")]);
    let records: Vec<Value> =
        String::from_utf8(shown.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let host = |end: &str| {
        let own = records.iter().find(|record| record["source"].as_str().is_some_and(|source| source.ends_with(end)));
        own.unwrap()["fields"]["host.name"].clone()
    };
    assert_eq!(host("nginx/access.log"), serde_json::json!(["rv-web01"]));
    assert_eq!(host("auth.log"), serde_json::json!(["other"]), "a record's own host counts");
    assert_eq!(host("plain/access.log"), Value::Null);
}

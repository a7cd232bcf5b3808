//! Bytes that a proxy or a gateway passes on in its own name count once.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::exfiltrace;

const SCOPES: &str = "[[scope]]\nname = \"hc\"\ncidr = [\"10.1.0.0/16\", \"203.0.113.0/24\"]\npaths = [\"**/hc-*\"]\n";
const TO: &str = "198.51.100.7";

/// nfdump's rows of one conversation: so many bytes in each of twenty minutes from a minute of ten o'clock on.
fn flows(of: &[(&str, u64)], begin: u32) -> String {
    let mut text = "ts,te,td,sa,da,sp,dp,pr,flg,ipkt,ibyt,opkt,obyt\n".to_owned();
    for minute in begin..begin + 20 {
        for (from, bytes) in of {
            let (at, end) = (format!("10:{minute:02}:05"), format!("10:{minute:02}:45"));
            let port = 40_000 + minute;
            let _ = writeln!(
                text,
                "2026-03-02 {at},2026-03-02 {end},40.0,{from},{TO},{port},443,TCP,...AP.SF,7000,{bytes},300,12000"
            );
        }
    }
    text
}

/// A proxy's rows of the same.
fn proxied(of: &[(&str, u64)]) -> String {
    let mut text =
        "#Software: SGOS\n#Fields: date time c-ip cs-method cs-uri cs-host r-ip sc-status sc-bytes cs-bytes\n"
            .to_owned();
    for minute in 0..20 {
        for (from, bytes) in of {
            let _ = writeln!(
                text,
                "2026-03-02 10:{minute:02}:45 {from} PUT http://drop.example/in drop.example {TO} 200 500 {bytes}"
            );
        }
    }
    text
}

/// What is told of these logs: each transfer's host and bytes, with the hosts whose bytes they are, and the least of the route.
fn told(logs: &[(&str, String)]) -> (Vec<String>, u64) {
    let (transfers, verdict) = case(logs);
    let routes = verdict["scopes"][0]["routes"].as_array().unwrap();
    let upload = routes.iter().find(|r| r["route"] == "https_upload").unwrap();
    (transfers, upload["bytes"]["lower"].as_u64().unwrap())
}

/// The transfers, and why the scope's answer is what it is.
fn reasoned(logs: &[(&str, String)]) -> (Vec<String>, String) {
    let (transfers, verdict) = case(logs);
    (transfers, verdict["scopes"][0]["reasons"].to_string())
}

fn case(logs: &[(&str, String)]) -> (Vec<String>, Value) {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    fs::create_dir(path("logs")).unwrap();
    for (name, text) in logs {
        fs::write(Path::new(&path("logs")).join(name), text).unwrap();
    }
    fs::write(path("scopes.toml"), SCOPES).unwrap();
    let scan = ["scan", "-q", &path("logs"), "--scopes", &path("scopes.toml"), "--out", &path("case")];
    exfiltrace(&scan);
    let rows = fs::read_to_string(path("case/transfers.jsonl")).unwrap();
    let rows = rows.lines().map(|row| serde_json::from_str::<Value>(row).unwrap());
    let word = |t: Value| {
        let of = &t["passed_on"]["hosts"];
        let of = if of.is_null() { String::new() } else { format!(" {of}") };
        let bytes = (&t["bytes"]["lower"], &t["bytes"]["upper"]);
        let bytes = if bytes.0 == bytes.1 { bytes.0.to_string() } else { format!("{} to {}", bytes.0, bytes.1) };
        format!("{} {bytes}{of}", t["from"].as_str().unwrap())
    };
    let told = rows.map(word).collect();
    (told, serde_json::from_slice(&fs::read(path("case/verdict.json")).unwrap()).unwrap())
}

const MB: u64 = 1_000_000;

#[test]
fn a_balancer_and_its_server_answer_once_and_a_resolver_asks_what_its_clients_ask() {
    let (mut front, mut server) = (String::new(), String::new());
    for i in 0..50 {
        let at = format!("2026-03-02T10:00:{i:02}");
        let _ = writeln!(
            front,
            "https {at}.123456Z app/hc-alb/50dc6c495c0c9188 198.51.100.77:2817 10.1.0.50:80 0.086 0.048 0.037 200 200 300 1000400 \
             \"GET https://www.hc.example:443/files/{i}.pdf HTTP/1.1\" \"curl/7.46.0\" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 - \
             \"Root=1-58337281\" \"www.hc.example\" \"-\" 1 {at}.022000Z \"forward\" \"-\" \"-\" \"10.1.0.50:80\" \"200\" \"-\" \"-\""
        );
        let _ = writeln!(
            server,
            "10.1.0.20 - - [02/Mar/2026:10:00:{i:02} +0000] \"GET /files/{i}.pdf HTTP/1.1\" 200 1000000 \"-\" \"curl/7.46.0\" \
             \"198.51.100.77\""
        );
    }
    let (transfers, _) = told(&[("alb.log", front), ("hc-web.log", server)]);
    assert_eq!(transfers.len(), 2);
    assert_eq!(transfers.iter().filter(|told| told.contains(" 0 to 50020000")).count(), 1, "{transfers:?}");

    let (mut asked, mut passed_on) = (
        String::new(),
        "#separator \\x09\n#path\tdns\n#fields\tts\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tquery\tqtype_name\n"
            .to_owned(),
    );
    for i in 0..4000u32 {
        let label: String =
            (0..50u32).map(|k| char::from(b'a' + (i.wrapping_mul(2_654_435_761).rotate_left(k) % 26) as u8)).collect();
        let (minute, second) = (i / 60 % 60, i % 60);
        let _ = writeln!(
            asked,
            "02-Mar-2026 10:{minute:02}:{second:02}.000 client @0x7f2c 10.1.1.5#51514 ({label}.t.evil.example): query: \
             {label}.t.evil.example IN TXT + (10.1.0.2)"
        );
        let _ = writeln!(
            passed_on,
            "{}.5\t10.1.0.2\t5353\t8.8.8.8\t53\t{label}.t.evil.example\tTXT",
            1_772_445_600 + i % 3600
        );
    }
    let (transfers, reasons) = reasoned(&[("query.log", asked), ("dns.log", passed_on)]);
    assert!(transfers[0].starts_with("10.1.0.2 0 to ") && transfers[0].ends_with(" [\"10.1.1.5\"]"), "{transfers:?}");
    assert!(reasons.contains("10.1.1.5 to evil.example") && !reasons.contains("10.1.0.2"), "{reasons}");
}

#[test]
fn a_proxy_and_the_firewall_behind_it_tell_of_the_same_bytes() {
    let logs = [("proxy.log", proxied(&[("10.1.1.5", 10 * MB)])), ("flow.csv", flows(&[("10.1.0.9", 10_200_000)], 0))];
    let (transfers, bytes) = told(&logs);
    assert_eq!(transfers, ["10.1.0.9 0 to 204000000 [\"10.1.1.5\"]", "10.1.1.5 200000000"]);
    assert_eq!(bytes, 200 * MB);
}

#[test]
fn what_a_gateway_translates_counts_with_those_who_sent_it() {
    let inside = flows(&[("10.1.1.5", 10 * MB), ("10.1.1.6", 5 * MB)], 0);
    let outside = flows(&[("203.0.113.1", 15 * MB)], 0);
    let (transfers, bytes) = told(&[("a.csv", inside.clone()), ("b.csv", outside)]);
    assert_eq!(
        transfers,
        ["10.1.1.5 200000000", "10.1.1.6 100000000", "203.0.113.1 0 to 300000000 [\"10.1.1.5\",\"10.1.1.6\"]"]
    );
    assert_eq!(bytes, 300 * MB);
    // One of a pool beside others.
    let outside = flows(&[("203.0.113.1", 5 * MB), ("203.0.113.2", 10 * MB)], 0);
    let (transfers, bytes) = told(&[("a.csv", inside), ("b.csv", outside)]);
    assert_eq!(transfers[2..].iter().filter(|told| told.contains(" 0 to ")).count(), 2, "{transfers:?}");
    assert_eq!(bytes, 300 * MB);
}

#[test]
fn what_is_more_or_of_another_time_or_seen_by_one_log_counts_by_itself() {
    let inside = |from| flows(&[(from, 10 * MB)], 0);
    let both = |outside: String| told(&[("a.csv", inside("10.1.1.5")), ("b.csv", outside)]).1;
    assert_eq!(both(flows(&[("203.0.113.1", 14 * MB)], 0)), 480 * MB, "it sent of its own too");
    let later = flows(&[("203.0.113.1", 10 * MB)], 0).replace("2026-03-02 10:", "2026-03-02 19:");
    assert_eq!(both(later), 400 * MB, "at another time");
    assert_eq!(both(inside("10.1.1.6")), 400 * MB, "two hosts of one kind");
    let one = flows(&[("10.1.1.5", 10 * MB), ("203.0.113.1", 10 * MB)], 0);
    assert_eq!(told(&[("a.csv", one)]).1, 400 * MB, "one log sees both");
}

//! What a client sent to a proxy is a lower bound of what left by it, where nothing else can hold it.

use std::path::Path;

use serde_json::Value;

use crate::support::{exfiltrace, shared};

const START: i64 = 1_774_742_400;
const HOUR: i64 = 3600;
const CLIENT: &str = "10.0.0.66";

/// A line of Squid's log, so many seconds from the start.
fn asked(at: i64, client: &str, result: &str, method: &str, host: &str) -> String {
    let (of, address) = (START + at, if host == "drop.example" { "198.51.100.77" } else { "203.0.113.80" });
    format!("{of}.100 200 {client} {result} 288 {method} http://{host}/up - HIER_DIRECT/{address} text/plain")
}

/// A record of a flow that begins so many seconds from the start.
fn flow(at: i64, client: &str, server: &str, port: u16, bytes: u64) -> String {
    let of = START + at;
    format!("2 123456789010 eni-1 {client} {server} 40000 {port} 6 9000 {bytes} {of} {} ACCEPT OK", of + 20)
}

fn put(at: i64) -> String {
    asked(at, CLIENT, "TCP_MISS/201", "PUT", "drop.example")
}

/// What the client sent there at least and at most, and which logs saw it, by these lines more than a log of a day's begin and
/// end, one upload, and 20 MB to the proxy.
fn told(proxy: &[String], flows: &[String]) -> (u64, Option<u64>, usize) {
    let temp = tempfile::tempdir().unwrap();
    let others = |at| asked(at, "10.0.0.7", "TCP_MISS/200", "GET", "www.example");
    let mut squid = [vec![others(0), put(10 * HOUR + 100), others(20 * HOUR)], proxy.to_vec()].concat();
    squid.sort();
    let flows = [vec![flow(10 * HOUR + 90, CLIENT, "10.0.0.2", 3128, 20_000_000)], flows.to_vec()].concat();
    let flows = format!(
        "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n{}\n",
        flows.join("\n")
    );
    let evidence = temp.path().join("e");
    std::fs::create_dir(&evidence).unwrap();
    std::fs::write(evidence.join("access.log"), squid.join("\n") + "\n").unwrap();
    std::fs::write(evidence.join("flows.log"), flows).unwrap();
    let found = transfer(&evidence, CLIENT, "drop.example");
    let number = |name: &str| found["bytes"][name].as_u64();
    (number("lower").unwrap(), number("upper"), found["seen_by"].as_array().unwrap().len())
}

/// The transfer of a scan from one host to another.
fn transfer(evidence: &Path, from: &str, to: &str) -> Value {
    let temp = tempfile::tempdir().unwrap();
    let case = temp.path().join("case");
    exfiltrace(&["scan", "--quiet", evidence.to_str().unwrap(), "--out", case.to_str().unwrap()]);
    let all = std::fs::read_to_string(case.join("transfers.jsonl")).unwrap();
    let mut all = all.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.find(|t| t["from"] == from && t["to"] == to).expect("the upload is a transfer")
}

/// 20 MB without what may be sent around the data of one flow and two requests.
const LEAST: u64 = (20_000_000 - 2 * 8192) / 8 * 7;

#[test]
fn what_a_client_sent_to_the_proxy_went_to_the_one_destination_that_it_asked_for() {
    assert_eq!(told(&[], &[]), (LEAST, None, 2));
    let later = asked(14 * HOUR, CLIENT, "TCP_MISS/200", "GET", "www.example");
    assert_eq!(told(&[later], &[]).0, LEAST, "hours later it asks for another one");
    let other = flow(10 * HOUR + 90, "10.0.0.7", "10.0.0.2", 3128, 900);
    assert_eq!(told(&[], &[other]).0, LEAST, "another client");
    let own = flow(10 * HOUR + 300, CLIENT, "198.51.100.77", 80, 5000);
    assert_eq!(told(&[], &[own]).0, LEAST, "what it sends there itself may be the same");
}

#[test]
fn what_may_have_gone_elsewhere_is_no_lower_bound() {
    let asks = |at, result, method, host| told(&[asked(at, CLIENT, result, method, host)], &[]).0;
    let at = 10 * HOUR + 500;
    assert_eq!(asks(at, "TCP_MISS/200", "GET", "www.example"), 0, "several destinations");
    assert_eq!(asks(at + 2 * HOUR, "TCP_MISS/200", "GET", "www.example"), 0, "in an hour near it");
    assert_eq!(asks(at, "TCP_DENIED/403", "PUT", "drop.example"), 0, "sent and refused");
    let sends = |client, server, port| told(&[], &[flow(at, client, server, port, 1000)]).0;
    assert_eq!(sends(CLIENT, "10.0.0.3", 3128), 0, "two proxies");
    assert_eq!(sends(CLIENT, "10.0.0.3", 8080), 0, "perhaps another proxy");
    assert_eq!(sends("10.0.0.2", "198.51.100.77", 80), 0, "the proxy has it in its own name");
    let before = [asked(-30 * HOUR, "10.0.0.7", "TCP_MISS/200", "GET", "www.example")];
    assert_eq!(told(&before, &[]).0, LEAST);
    let late = flow(30 * HOUR, CLIENT, "10.0.0.2", 3128, 50_000_000);
    assert_eq!(told(&[], &[late]).0, LEAST, "of that time the proxy's log does not tell");
}

/// The lab's Squid does not say how much its clients sent; what its programs did is known.
#[test]
fn what_left_the_lab_by_its_proxy_is_known_at_least() {
    let Some(lab) = shared("corpora/exfil/lab-generated") else { return };
    let truth: Value = serde_json::from_slice(&std::fs::read(lab.join("truth.json")).unwrap()).unwrap();
    let sent = truth["rclone_webdav_via_squid"]["total_bytes"].as_u64().unwrap();
    let found = transfer(&lab, "10.20.30.66", "files.dropzone.example");
    let least = found["bytes"]["lower"].as_u64().unwrap();
    assert!(least <= sent && least > sent / 4 * 3, "{least} of {sent}");
    let cited = found["evidence"].as_array().unwrap();
    assert!(cited.iter().any(|record| record["source"].as_str().unwrap().ends_with("netflow.csv.gz")), "{cited:?}");
    let alone = transfer(&lab.join("squid.access.log"), "10.20.30.66", "files.dropzone.example");
    assert_eq!(alone["bytes"]["lower"], 0, "the proxy's log by itself tells of no byte");
}

/// Access logs as JSON, of nginx, Traefik and Caddy behind a balancer.
#[test]
fn the_client_of_a_request_is_who_asked_our_own_balancer() {
    use exfiltrace::model::fields::Canon;
    let nginx = |peer: &str, list: &str| {
        format!(
            "{{\"time_iso8601\":\"2026-03-28T23:10:04+00:00\",\"remote_addr\":\"{peer}\",\"request\":\"GET /a HTTP/1.1\",\
             \"status\":200,\"body_bytes_sent\":9000,\"http_x_forwarded_for\":\"{list}\"}}\n"
        )
    };
    let client = |line: &str| {
        let mut told = String::new();
        crate::support::each_record(b"access.json", line, &mut |_, format, fields, _| {
            told = format!("{format} {}", fields.text(Canon::SourceIp).unwrap_or_default());
        });
        told
    };
    assert_eq!(client(&nginx("10.0.0.5", "198.51.100.7")), "json 198.51.100.7");
    assert_eq!(
        client(&nginx("10.0.0.5", "203.0.113.9, 198.51.100.7, 10.0.0.9")),
        "json 198.51.100.7",
        "the last that is not ours"
    );
    assert_eq!(client(&nginx("203.0.113.50", "198.51.100.7")), "json 203.0.113.50", "anybody may send a list");
    for list in ["-", "", "10.0.0.9", "<script>", "x, 198.51.100.7"] {
        assert_eq!(client(&nginx("10.0.0.5", list)), "json 10.0.0.5", "{list}");
    }
    let traefik = r#"{"ClientAddr":"10.0.0.5:51234","ClientHost":"10.0.0.5","RequestMethod":"GET","RequestHost":"rv.example","DownstreamStatus":200,"DownstreamContentSize":9000,"request_X-Forwarded-For":"198.51.100.7","time":"2026-03-28T23:10:04Z"}"#;
    assert_eq!(client(traefik), "json 198.51.100.7");
    let caddy = r#"{"ts":1774739404.1,"logger":"http.log.access","request":{"remote_ip":"10.0.0.5","client_ip":"10.0.0.5","method":"GET","host":"rv.example","uri":"/a","headers":{"X-Forwarded-For":["198.51.100.7"]}},"status":200,"size":9000}"#;
    assert_eq!(client(caddy), "json 198.51.100.7");
    // Known by their outlines, and read one by one: it is the same.
    let served = |lines: usize| {
        let text: String = (0..lines).map(|n| nginx("10.0.0.5", &format!("198.51.100.{}", n % 3))).collect();
        let told = crate::verdict::scan(&[("access.json", text)], "", "198.51.100.1");
        told.route("unattributed", "web_response")["bytes"]["lower"].as_u64().unwrap()
    };
    assert_eq!((served(3), served(3000)), (27_000, 27_000_000));
}

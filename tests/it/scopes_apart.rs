//! What one scope's records tell stays with it, and what one scope does to another is told of both.

use std::path::Path;

use serde_json::Value;

use crate::support::exfiltrace;

const SCOPES: &str = r#"
[[scope]]
name = "riverside"
cidr = ["10.1.0.0/16"]
hosts = ["rv-*"]
accounts = ["RIVERSIDE", "rv.example"]
paths = ["**/rv/**"]

[[scope]]
name = "hillcrest"
cidr = ["10.2.0.0/16"]
hosts = ["hc-*"]
accounts = ["HILLCREST", "hc.example"]
buckets = ["hc-*"]
paths = ["**/hc/**"]
"#;

/// Scans these files with the scopes and a feed; the folder that holds the case.
fn scanned(files: &[(&str, String)], feed: &str) -> tempfile::TempDir {
    let temp = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = temp.path().join("evidence").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("scopes.toml"), SCOPES).unwrap();
    std::fs::write(path("feed.txt"), feed).unwrap();
    let [evidence, scopes, feed, case] = ["evidence", "scopes.toml", "feed.txt", "case"].map(path);
    exfiltrace(&["scan", "-q", &evidence, "--scopes", &scopes, "--indicators", &feed, "--out", &case]);
    temp
}

/// All that the case of a scope holds and says.
fn only(temp: &Path, scope: &str) -> String {
    let path = |name: &str| temp.join(name).to_str().unwrap().to_owned();
    let (case, out) = (path("case"), path(scope));
    let merged = exfiltrace(&["merge", &case, "--only-scope", scope, "--out", &out]);
    let told = [merged, exfiltrace(&["explain", &out, "--all"]), exfiltrace(&["export", &out, "--to", "ecs"])];
    let said = told.iter().flat_map(|output| [&output.stdout, &output.stderr]).cloned();
    let files = crate::determinism::case_files(Path::new(&out)).into_values();
    files.chain(said).map(|bytes| String::from_utf8(bytes).unwrap()).collect()
}

fn verdict(temp: &Path, scope: &str) -> Value {
    let all: Value = serde_json::from_slice(&std::fs::read(temp.join("case/verdict.json")).unwrap()).unwrap();
    all["scopes"].as_array().unwrap().iter().find(|s| s["scope"] == scope).unwrap().clone()
}

/// The reasons of a scope by clause, with their words.
fn reasons(verdict: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    verdict["reasons"].as_array().unwrap().iter().map(|r| (text(&r["clause"]), text(&r["text"]))).collect()
}

/// A FortiGate's record of a session or, with a host name, of what a profile says of it.
fn session(minute: u32, from: &str, to: &str, sent: u64, more: &str) -> String {
    let kind = if more.contains("hostname") {
        "logid=\"0317013312\" type=\"utm\" subtype=\"webfilter\" action=\"passthrough\""
    } else {
        "logid=\"0000000013\" type=\"traffic\" subtype=\"forward\" action=\"close\""
    };
    format!(
        "date=2026-03-28 time=10:{minute:02}:00 devname=\"edge\" devid=\"FG1\" vd=\"root\" {kind} tz=\"+0000\" srcip={from} \
         srcport={} dstip={to} dstport=443 sessionid={minute} proto=6 service=\"HTTPS\" sentbyte={sent} rcvdbyte=9000 {more}\n",
        50000 + minute
    )
}

fn squid(second: u32, client: &str, url: &str, to: &str) -> String {
    format!("17746920{second:02}.500 120 {client} TCP_MISS/200 4500 POST {url} - HIER_DIRECT/{to} text/html\n")
}

fn tunnel(minute: u32, action: &str) -> String {
    format!(
        "date=2026-03-28 time=10:{minute:02}:00 devname=\"gate\" devid=\"FG9\" vd=\"root\" logid=\"0101039424\" type=\"event\" \
         subtype=\"vpn\" level=\"information\" tz=\"+0000\" action=\"{action}\" tunneltype=\"ssl-tunnel\" remip=198.51.100.77 \
         tunnelip=10.9.0.5 user=\"HILLCREST\\marker-user\" msg=\"SSL tunnel\"\n"
    )
}

fn logon(minute: u32, host: &str, user: &str, domain: &str) -> String {
    format!(
        r#"{{"@timestamp":"2026-03-28T09:{minute:02}:00.000Z","winlog":{{"channel":"Security","event_id":4624,"computer_name":"{host}","provider_name":"Microsoft-Windows-Security-Auditing","event_data":{{"TargetUserName":"{user}","TargetDomainName":"{domain}","LogonType":"10","IpAddress":"203.0.113.66","WorkstationName":"X"}}}}}}"#
    ) + "\n"
}

/// A file of Microsoft 365.
fn download(minute: u32, user: &str, site: &str) -> String {
    format!(
        "{{\"CreationTime\":\"2026-03-28T11:{minute:02}:00\",\"Id\":\"{user}{minute}\",\"Operation\":\"FileDownloaded\",\
         \"Workload\":\"SharePoint\",\"RecordType\":6,\"UserId\":\"{user}\",\"ClientIP\":\"203.0.113.66\",\"FileSizeBytes\":900000,\
         \"ObjectId\":\"https://{site}/{user}-payroll{minute}.docx\",\"SiteUrl\":\"https://{site}/\"}}\n"
    )
}

/// Markers stand in every kind of field of hillcrest's records, and in no other's.
fn two_councils() -> Vec<(&'static str, String)> {
    let firewall = [
        session(1, "10.1.5.11", "203.0.113.9", 300_000_000, ""),
        session(2, "10.2.5.11", "203.0.113.9", 5_000, "hostname=\"up.marker-site.example\" url=\"/marker-path\""),
        session(3, "10.1.5.11", "203.0.113.10", 200_000_000, ""),
        session(4, "10.9.0.5", "10.1.5.11", 2_000, "").replace("rcvdbyte=9000", "rcvdbyte=90000000"),
        session(9, "10.9.0.5", "10.2.5.15", 2_000, "").replace("rcvdbyte=9000", "rcvdbyte=90000000"),
        session(5, "10.1.5.12", "203.0.113.11", 70_000_000, ""),
        session(6, "10.1.5.12", "203.0.113.11", 5_000, "hostname=\"own.riverside-saas.example\" url=\"/\""),
    ];
    let proxy = [
        squid(1, "10.2.5.12", "http://share.marker-proxy.example/marker-file", "203.0.113.10"),
        squid(2, "10.2.5.13", "http://evil.example/marker-asked", "198.51.100.44"),
        squid(3, "10.1.5.13", "http://evil.example/own-asked", "198.51.100.44"),
    ];
    let same: Vec<String> =
        (10..40).map(|n| session(n, "10.1.5.14", "203.0.113.20", 1_000 + u64::from(n), "")).collect();
    let other = |n: u32| session(n, "10.2.5.14", "203.0.113.21", 1_000, "");
    let wins = [logon(1, "rv-fs01", "j.doe", "RIVERSIDE"), logon(2, "hc-marker01", "marker-account", "HILLCREST")];
    let cloud = (0..40).map(|n| download(n, "j.doe@rv.example", "rv.sharepoint.example"));
    let cloud = cloud.chain((0..40).map(|n| download(n, "marker@hc.example", "marker.sharepoint.example")));
    vec![
        ("edge/fortigate.log", firewall.concat()),
        ("edge/squid.log", proxy.concat()),
        (
            "edge/dhcp.log",
            "2026-03-28T10:00:00+00:00 gw01 dhcpd[412]: DHCPACK on 10.1.5.11 to 00:15:5d:00:00:01 (hc-marker-laptop) via eth0\n".to_owned(),
        ),
        ("rv/copied.log", same[..25].concat()),
        ("hc/copied.log", same[5..].concat() + &(40..59).map(other).collect::<String>()),
        ("hc/vpn.log", tunnel(0, "tunnel-up") + &tunnel(50, "tunnel-down")),
        (
            "hc/unclaimed.log",
            session(7, "10.77.1.9", "203.0.113.12", 9_000, "") + &session(8, "10.77.2.9", "203.0.113.12", 9_000, ""),
        ),
        ("beat.ndjson", wins.concat()),
        ("m365.ndjson", cloud.collect()),
    ]
}

#[test]
fn a_case_of_one_scope_holds_nothing_that_only_another_ones_records_tell() {
    let temp = scanned(&two_councils(), "evil.example\n203.0.113.66\n");
    let markers = ["marker", "marker-laptop", "198.51.100.77", "10.77.1", "10.77.2", "hc-", "10.2."];
    let whole: String = crate::determinism::case_files(&temp.path().join("case"))
        .into_iter()
        .filter(|(name, _)| !name.starts_with("state"))
        .map(|(_, bytes)| String::from_utf8(bytes).unwrap())
        .collect();
    for marker in markers {
        assert!(whole.contains(marker), "the whole case tells of {marker}");
    }
    let own = only(temp.path(), "riverside");
    for told in
        ["203.0.113.9", "203.0.113.10", "own.riverside-saas.example", "own-asked", "rv-fs01", "j.doe@rv.example"]
    {
        assert!(own.contains(told), "it does tell of {told}");
    }
    for marker in markers {
        let around = own.find(marker).map(|at| own[..at].chars().rev().take(200).collect::<Vec<_>>());
        let around = around.map(|before| before.into_iter().rev().collect::<String>());
        assert!(around.is_none(), "{marker}: {around:?}");
    }
    let other = only(temp.path(), "hillcrest");
    for told in ["up.marker-site.example", "share.marker-proxy.example", "marker-user", "hc-marker01", "10.77.1.9"] {
        assert!(other.contains(told), "it does tell of {told}");
    }
}

/// A request in a web server's log.
fn request(minute: u32, from: &str, path: &str, bytes: u64) -> String {
    format!(
        "{from} - - [28/Mar/2026:10:{minute:02}:04 +0000] \"GET {path} HTTP/1.1\" 200 {bytes} \"-\" \"Mozilla/5.0\"\n"
    )
}

#[test]
fn who_attacks_another_scope_from_inside_its_own_is_that_ones_intruder_and_comes_from_here() {
    let shell = "/uploads/logo.php?cmd=whoami";
    let attack = request(10, "10.2.5.5", shell, 512) + &request(12, "10.2.5.5", "/uploads/a.tgz", 90_000_000);
    let sent: String = (1..5).map(|n| session(n, "10.2.5.9", "203.0.113.9", 5_000, "")).collect();
    let temp = scanned(&[("rv/access.log", attack), ("edge/fortigate.log", sent.clone())], "198.51.100.9\n");
    let (own, other) = (verdict(temp.path(), "riverside"), verdict(temp.path(), "hillcrest"));
    assert_eq!((&own["state"], &own["intrusion"]), (&"exfiltrated".into(), &"established".into()), "{own}");
    assert!(reasons(&own).iter().any(|(clause, text)| clause == "J-10" && text.ends_with("to 10.2.5.5")), "{own}");
    assert_eq!((&other["state"], &other["intrusion"]), (&"intrusion_only".into(), &"established".into()), "{other}");
    assert!(reasons(&other).iter().any(|(clause, text)| clause == "J-89" && text.contains("10.2.5.5")), "{other}");
    assert!(other["ask"].to_string().contains("who used 10.2.5.5"), "{other}");
    let cut = only(temp.path(), "hillcrest");
    assert!(cut.contains("J-89") && !cut.contains("access.log") && !cut.contains("riverside"), "{cut}");
    let pages: String = (1..9).map(|n| request(n, "10.2.5.5", "/index.html", 50_000_000)).collect();
    let temp = scanned(&[("rv/access.log", pages), ("edge/fortigate.log", sent)], "198.51.100.9\n");
    let states = ["riverside", "hillcrest"].map(|scope| verdict(temp.path(), scope)["state"].clone());
    assert_eq!(states, ["no_evidence", "no_evidence"], "a neighbour who reads pages");
}

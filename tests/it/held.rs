//! Records that messages of others hold tell what they tell in a file of their own: traffic, outcomes, coverage.

use exfiltrace::detect::{Program, Routing};
use exfiltrace::discover::Root;
use exfiltrace::indicators::Builder;
use exfiltrace::model::coverage::GapReason;
use exfiltrace::model::scopes::Scopes;
use exfiltrace::scan;
use serde_json::json;

use crate::formats::scanned;
use crate::support::plan_with;

/// What a log of one record says.
#[derive(Debug, PartialEq)]
pub(crate) struct Told {
    /// Route, ends and bytes of its transfers.
    pub(crate) transfers: Vec<String>,
    /// What became of what the rule saw.
    pub(crate) outcomes: Vec<String>,
    /// Ways out that it can show, and those that it shows without bytes.
    pub(crate) observes: String,
    /// Logs that were cleared.
    cleared: Vec<String>,
    /// When it happened.
    at: Option<String>,
}

/// Whose is what.
const SCOPES: &str = "timezone='UTC'\n[[scope]]\nname='hc'\ncidr=['10.1.0.0/16']\nhosts=['web01', 'relay01', 'dc01']\n";

/// One rule of each log source, all of which look for a word that every line has.
fn rules() -> Vec<(String, String)> {
    let rule = |(name, source, field): (&str, &str, &str)| {
        let text = format!(
            "title: {name}\nid: {name}\nstatus: test\nlevel: high\nlogsource:\n  {source}\ndetection:\n  sel:\n    {field}\n  condition: sel\n"
        );
        (format!("{name}.yml"), text)
    };
    [
        ("web", "category: webserver", "cs-uri-stem|contains: mark7"),
        ("proxy", "category: proxy", "c-uri|contains: mark7"),
        ("logon", "product: windows\n  service: security", "TargetUserName: mark7"),
        ("audit", "product: linux\n  service: auditd", "key: mark7"),
        ("cloud", "product: aws\n  service: cloudtrail", "requestParameters.key: mark7"),
        ("office", "product: m365\n  service: audit", "SourceFileName: mark7"),
    ]
    .into_iter()
    .map(rule)
    .collect()
}

pub(crate) fn told(text: &str) -> Told {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("x.log");
    std::fs::write(&path, format!("{text}\n")).unwrap();
    let (program, problems) = Program::compile(rules(), Routing::Auto);
    assert!(problems.is_empty(), "{problems:?}");
    let scopes: Scopes = toml::from_str(SCOPES).unwrap();
    let plan = plan_with(program, vec![Root { name: b"x.log".to_vec(), path: Some(path) }], scopes, Builder::new());
    let outcome = scan::scan(&plan).unwrap();
    let source = &outcome.coverage.sources[0];
    let cleared = source.gaps.iter().filter(|gap| gap.reason == GapReason::Cleared);
    let transfers = outcome.transfers.iter().map(|t| {
        format!("{} {} -> {:?} {:?} {:?}", t.route.word(), t.from, t.to, t.accounts, (t.bytes.lower, t.bytes.upper))
    });
    Told {
        transfers: transfers.collect(),
        outcomes: outcome.findings.iter().map(|f| format!("{} {:?} {:?}", f.rule.id, f.outcome, f.entities)).collect(),
        observes: format!("{:?} {:?}", source.observes, source.unlogged),
        cleared: cleared.map(|gap| format!("{:?}", gap.log)).collect(),
        at: source.from.map(|at| at.to_string()),
    }
}

/// A record of each kind that messages hold: its dialect, the program that says it, and the record.
fn records() -> Vec<(&'static str, &'static str, String)> {
    let time = "2026-03-28T23:10:04Z";
    let windows = |code: u32, more: serde_json::Value| {
        let mut event = json!({
            "@timestamp": time,
            "winlog": {"event_id": code, "channel": "Security", "computer_name": "dc01", "record_id": 7,
                "provider_name": "Microsoft-Windows-Security-Auditing", "keywords": ["Audit Failure"], "event_data": {}},
        });
        let winlog = event["winlog"].as_object_mut().unwrap();
        winlog.extend(more.as_object().unwrap().clone());
        event.to_string()
    };
    let failed = json!({"event_data": {"TargetUserName": "mark7", "IpAddress": "203.0.113.66", "LogonType": "3"}});
    let ran = json!({"keywords": [], "event_data": {"TargetUserName": "mark7", "IpAddress": "203.0.113.66"}});
    let cleared = json!({"provider_name": "Microsoft-Windows-Eventlog", "keywords": ["Audit Success"]});
    let ecs = json!({
        "@timestamp": time, "source": {"ip": "10.1.0.5", "bytes": 943_718_400}, "event": {"action": "allow"},
        "destination": {"ip": "203.0.113.9", "port": 443, "bytes": 4120},
    });
    let trail = json!({
        "eventVersion": "1.08", "eventTime": time, "eventSource": "s3.amazonaws.com", "eventName": "GetObject",
        "awsRegion": "eu-central-1", "sourceIPAddress": "203.0.113.66", "eventID": "e1", "userIdentity": {"type": "IAMUser", "userName": "ann"},
        "requestParameters": {"bucketName": "records", "key": "mark7"},
        "additionalEventData": {"bytesTransferredOut": 94_371_840}, "errorCode": "AccessDenied",
    });
    let office = json!({
        "CreationTime": "2026-03-28T23:10:04", "Id": "i", "Operation": "FileDownloaded", "OrganizationId": "o", "RecordType": 6,
        "UserType": 0, "Workload": "SharePoint", "UserId": "ann@hc.example", "ClientIP": "203.0.113.66",
        "ObjectId": "https://hc.sharepoint.com/mark7", "SourceFileName": "mark7",
    });
    let access = "203.0.113.66 - - [28/Mar/2026:23:10:04 +0000] \"GET /up/mark7.php?cmd=id HTTP/1.1\" 200 94371840 \"-\" \"curl/8\"";
    let squid = "1774739404.123    456 10.1.0.5 TCP_MISS/200 94371840 GET http://up.example/mark7 - HIER_DIRECT/203.0.113.9 text/html";
    let denied = squid.replace("TCP_MISS/200", "TCP_DENIED/403").replace("HIER_DIRECT/203.0.113.9", "HIER_NONE/-");
    let refused = access.replace(" 200 ", " 403 ");
    let audit = "type=SYSCALL msg=audit(1774739404.500:4711): arch=c000003e syscall=59 success=no exit=-13 uid=33 exe=\"/bin/sh\" key=\"mark7\"";
    let cef = "CEF:0|Palo Alto Networks|PAN-OS|10.2|end|TRAFFIC|3|rt=1774739404000 src=10.1.0.5 dst=203.0.113.9 dpt=443 act=allow in=4120 out=943718400";
    let leef = "LEEF:2.0|Lancope|StealthWatch|1.0|41|^|devTime=1774739404000^src=10.1.0.5^dst=203.0.113.9^dstPort=443^srcBytes=943718400^dstBytes=4120";
    let pairs = "date=2026-03-29 time=01:10:04 tz=\"+0200\" devname=\"web01\" devid=\"FG1\" logid=\"0000000013\" type=\"traffic\" srcip=10.1.0.5 dstip=203.0.113.9 dstport=443 action=\"close\" sentbyte=734003200 rcvdbyte=4096";
    let logfmt = "ts=2026-03-28T20:10:04Z level=info action=allow srcip=10.1.0.5 dstip=203.0.113.9 dstport=443 sentbyte=734003200 rcvdbyte=4096";
    vec![
        ("kv", "fw", pairs.to_owned()),
        ("kv", "gateway", logfmt.to_owned()),
        ("access", "nginx", access.to_owned()),
        ("access", "apache2", refused),
        ("squid", "squid", squid.to_owned()),
        ("squid", "(squid-1)", squid.to_owned()),
        ("squid", "squid3", denied),
        ("windows_json", "winlogbeat", windows(4625, failed)),
        ("windows_json", "nxlog", windows(4799, ran)),
        ("windows_json", "winlogbeat", windows(1102, cleared)),
        ("json", "app", ecs.to_string()),
        ("cloudtrail", "trail", trail.to_string()),
        ("m365", "office", office.to_string()),
        ("auditd", "audispd", audit.to_owned()),
        ("auditd", "audispd", audit.replace("success=no exit=-13", "exit=0")),
        ("cef", "fw", cef.to_owned()),
        ("leef", "fw", leef.to_owned()),
    ]
}

/// A line in each of the logs whose messages hold others.
fn wrapped(program: &str, line: &str) -> Vec<(&'static str, String)> {
    let journal = json!({
        "__REALTIME_TIMESTAMP": "1774739405500000", "__MONOTONIC_TIMESTAMP": "1", "_BOOT_ID": "b", "_HOSTNAME": "relay01",
        "SYSLOG_IDENTIFIER": program, "MESSAGE": line,
    });
    let docker = json!({"log": format!("{line}\n"), "stream": "stdout", "time": "2026-03-28T23:10:05.5Z"});
    vec![
        ("syslog3164", format!("<134>Mar 28 23:10:05 relay01 {program}[77]: {line}")),
        ("syslog3164", format!("2026-03-28T23:10:05.5+00:00 relay01 {program}: {line}")),
        ("syslog5424", format!("<134>1 2026-03-28T23:10:05Z relay01 {program} 77 - - {line}")),
        ("journald", journal.to_string()),
        ("container", docker.to_string()),
        ("container", docker.to_string().replacen("{\"log\":\"", "{ \"log\" : \"", 1)),
    ]
}

/// The address of a socket stands in audit records in hex; in the journal they lack their time and serial number.
#[test]
fn addresses_of_sockets_meet_indicators_wherever_audit_records_stand() {
    let line = "type=SOCKADDR msg=audit(1774739404.500:4711): saddr=02000035CB0071090000000000000000";
    let bare = json!({
        "__REALTIME_TIMESTAMP": "1774739405500000", "_BOOT_ID": "b", "_HOSTNAME": "relay01", "_TRANSPORT": "audit",
        "SYSLOG_IDENTIFIER": "audit", "MESSAGE": "SOCKADDR saddr=02000035CB0071090000000000000000",
    });
    let alone = [("auditd", line.to_owned()), ("journald", bare.to_string())];
    for (format, text) in alone.into_iter().chain(wrapped("audispd", line)) {
        let source = scanned("a.log", format!("{text}\n").as_bytes(), "203.0.113.9\n203.0.113.10\n", |_| {});
        let met = source.indicators.held.iter().map(|(key, met)| (key.value.to_string(), met.kept[0].field.clone()));
        let wanted = ("203.0.113.9".to_owned(), Some("destination.ip".to_owned()));
        assert_eq!(met.collect::<Vec<_>>(), [wanted], "{format}: {text}");
    }
}

#[test]
fn a_held_record_tells_what_it_tells_alone() {
    let mut faults = Vec::new();
    for (dialect, program, line) in records() {
        let alone = told(&line);
        for (wrapper, text) in wrapped(program, &line) {
            let mut held = told(&text);
            // Which host passed it on, where the record names none; and what an object of no product means by a time is not known.
            let unnamed = |said: &String| said.replace(" relay01 ->", " x.log ->").replace("\"relay01\"", "");
            held.transfers = held.transfers.iter().map(unnamed).collect();
            held.outcomes = held.outcomes.iter().map(unnamed).collect();
            held.at = if dialect == "json" { alone.at.clone() } else { held.at };
            if held != alone {
                faults.push(format!("{dialect} in {wrapper}: {line}\n  alone {alone:?}\n  held  {held:?}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

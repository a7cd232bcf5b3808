//! Lines that records of other logs carry: exports, archives, what shippers send.

use std::collections::BTreeMap;

use exfiltrace::format;
use exfiltrace::model::fields::{Canon, Fields, Parsed, Want};
use exfiltrace::model::ledger::{Note, Reason};
use exfiltrace::model::observation::Key;
use exfiltrace::model::partial::{Covered, SourcePartial};
use serde_json::json;

use crate::formats::{layout_of, scanned};

const ACCESS: &str =
    "192.0.2.10 - alice [28/Mar/2026:23:10:04 +0000] \"POST /up?x=1 HTTP/1.1\" 200 734003200 \"-\" \"curl/8\"";
const SQUID: &str =
    "1774739404.000 12 192.0.2.10 TCP_TUNNEL/200 4096 CONNECT files.example:443 alice HIER_DIRECT/203.0.113.9 -";
const FORTIGATE: &str = "date=2026-03-28 time=23:10:04 tz=\"+0000\" devname=\"fw\" devid=\"FG1\" logid=\"0000000013\" type=\"traffic\" \
     srcip=192.0.2.10 dstip=203.0.113.9 dstport=443 action=\"close\" sentbyte=734003200 rcvdbyte=4096";
const SSHD: &str =
    "<38>1 2026-03-28T23:10:04Z web01 sshd 77 - - Accepted password for alice from 198.51.100.66 port 22 ssh2";

/// A line in each of the wrappers, with a later time and counts that are not the line's.
fn wrapped(line: &str) -> Vec<(&'static str, String)> {
    let late = "2026-03-28T23:59:00.000Z";
    let source = json!({"@timestamp": late, "message": line, "host": {"name": "w"}, "source": {"bytes": 1}});
    let shipped =
        json!({"@timestamp": late, "message": line, "agent": {"type": "filebeat"}, "log": {"file": {"path": "/l"}}});
    let archived = json!({"timestamp": late, "agent": {"id": "1", "name": "w"}, "manager": {"name": "m"}, "full_log": line, "decoder": {}, "location": "/l"});
    let found = json!({"preview": false, "result": {"_time": late, "_raw": line, "host": "w", "bytes_out": "1", "bytes_in": "2"}});
    let row = format!("_time,host,_raw,bytes_out\n{late},w,\"{}\",1\n", line.replace('"', "\"\""));
    vec![
        ("splunk_export", found.to_string()),
        ("splunk_export", row),
        ("wazuh", archived.to_string()),
        ("shipper", shipped.to_string()),
        ("elastic_export", json!({"_index": "i", "_id": "1", "_source": source}).to_string()),
        ("elastic_export", json!({"_index": "i", "_id": "1", "_source": archived}).to_string()),
    ]
}

/// Who spoke with whom, when, and how much went each way; not which host logged it, which wrappers add.
fn told(source: &SourcePartial) -> (Vec<String>, String) {
    let each = source
        .observations
        .kept
        .iter()
        .map(|(key, told)| format!("{:?} {:?} {:?}", Key { host: "", ..key }, told.sum(), told.span()));
    let covered = Covered { held: BTreeMap::new(), ..source.covered.clone() };
    (each.collect(), serde_json::to_string(&covered).unwrap())
}

#[test]
fn a_carried_line_tells_what_it_tells_alone() {
    let scan = |text: &str| scanned("a.log", format!("{}\n", text.trim_end()).as_bytes(), "x.example\n", |_| {});
    for (line, dialect) in [(ACCESS, "access"), (SQUID, "squid"), (FORTIGATE, "kv"), (SSHD, "syslog5424")] {
        let alone = scan(line);
        for (format, text) in wrapped(line) {
            let source = scan(&text);
            assert_eq!(source.entry.format.as_deref(), Some(format));
            assert_eq!(told(&source), told(&alone), "{format} {dialect}");
            let detail = format!("records of {format} that hold lines of {dialect}; these were read as such");
            let is_told = |note: &Note| note.reason == Reason::OtherFormat && note.detail == detail;
            assert!(source.entry.notes.iter().any(is_told), "{format}: {:?}", source.entry.notes);
        }
    }
}

/// A failed logon as Splunk's `WinEventLog` writes it.
const FAILED_LOGON: &str = "03/28/2026 11:10:04 PM\nLogName=Security\nEventCode=4625\nEventType=0\nComputerName=dc01.rv.example\n\
     SourceName=Microsoft Windows security auditing.\nType=Information\nRecordNumber=4711\nKeywords=Audit Failure\nTaskCategory=Logon\n\
     Message=An account failed to log on.\n\nSubject:\n\tSecurity ID:\t\tS-1-0-0\n\tAccount Name:\t\t-\n\nLogon Type:\t\t\t3\n\n\
     Account For Which Logon Failed:\n\tAccount Name:\t\talice\n\tAccount Domain:\t\tRV\n\nNetwork Information:\n\
     \tWorkstation Name:\tPC7\n\tSource Network Address:\t198.51.100.66\n\tSource Port:\t\t51234\n\n\
     Detailed: \"quoted\" \\ and so on";

#[test]
fn a_windows_event_of_pairs_and_a_message_is_that_event() {
    let record =
        json!({"_time": "2026-03-28T23:10:04Z", "_raw": FAILED_LOGON, "sourcetype": "WinEventLog"}).to_string();
    let layout = layout_of(record.as_bytes());
    let mut fields = Fields::default();
    assert_eq!(format::parse(&layout, record.as_bytes(), Want::All, &mut fields), Ok(Parsed::Carried("windows_json")));
    for (canon, value) in [
        (Canon::EventCode, "4625"),
        (Canon::EventDataset, "Security"),
        (Canon::EventProvider, "Microsoft-Windows-Security-Auditing"),
        (Canon::HostName, "dc01.rv.example"),
        (Canon::EventOutcome, "failure"),
        (Canon::TargetUserName, "alice"),
        (Canon::SourceIp, "198.51.100.66"),
        (Canon::SourceDomain, "PC7"),
        (Canon::SourcePort, "51234"),
    ] {
        assert_eq!(fields.text(canon), Some(value), "{}", canon.name());
    }
    let is = |name: &str, value: &str| {
        fields.named().any(|(known, text, _)| known == name.as_bytes() && text == value.as_bytes())
    };
    assert!(is("LogonType", "3") && is("TargetDomainName", "RV") && is("Detailed", "\"quoted\" \\ and so on"));
    assert_eq!(fields.time.map(|stamp| stamp.at.to_string()).as_deref(), Some("2026-03-28T23:10:04Z"));
    let columns = format::parse(&layout, record.as_bytes(), Want::Columns, &mut fields);
    assert_eq!((columns, fields.text(Canon::SourceIp)), (Ok(Parsed::Carried("windows_json")), Some("198.51.100.66")));
}

#[test]
fn text_of_no_dialect_stays_the_message() {
    for text in [
        "",
        "-",
        "restarted",
        "a=1",
        "12.5 of 20 done",
        "{\"not\": closed",
        "Mar is a month",
        "\u{fffd}\u{1}",
        "[x] y: z",
        "LogName=Security\nof what",
    ] {
        for (format, record) in wrapped(text).into_iter().filter(|(_, text)| text.starts_with('{')) {
            let layout = layout_of(record.as_bytes());
            assert_eq!(layout.format, format);
            let mut fields = Fields::default();
            let read = format::parse(&layout, record.as_bytes(), Want::All, &mut fields);
            let is_of_wazuh = record.contains("_source") && record.contains("manager");
            assert!(
                matches!(read, Ok(Parsed::Event)) || is_of_wazuh && read == Ok(Parsed::Carried("wazuh")),
                "{text}: {read:?}"
            );
            let message = fields.get(Canon::Message).unwrap_or_default();
            assert_eq!(message, if text == "-" { b"" } else { text.as_bytes() }, "{record}");
        }
    }
}

#[test]
fn wrappers_in_wrappers_are_looked_into_so_far_and_no_further() {
    let mut text = SQUID.to_owned();
    for depth in 1..6 {
        text = json!({"_time": "2026-03-28T23:59:00Z", "_raw": text}).to_string();
        let mut fields = Fields::default();
        let read = format::parse(&layout_of(text.as_bytes()), text.as_bytes(), Want::Columns, &mut fields);
        let wanted = if depth == 1 { "squid" } else { "json" };
        assert_eq!(read, Ok(Parsed::Carried(wanted)), "{depth}");
    }
}

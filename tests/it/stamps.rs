//! Instants of real stamps: each format's own way of writing five instants, written by another library, and read back under a
//! clock of London, of which two of the instants are summer time.

use exfiltrace::format::{self, Clock};
use exfiltrace::model::fields::{Fields, Want};
use exfiltrace::model::place::Locator;
use exfiltrace::model::source::SourceMeta;
use exfiltrace::model::time::Instant;
use jiff::tz::{Offset, TimeZone};

/// By which clock a stamp is written.
#[derive(Clone, Copy)]
enum By {
    /// The clock on the wall, without saying so.
    Wall,
    /// A clock five and a half hours ahead, with its offset.
    Offset,
    /// UTC, because it says so or always does.
    Utc,
}

/// Format, a record with `@` for its stamp, the form of the stamp (strftime), and its clock.
const WAYS: &[(&str, &str, &str, By)] = &[
    ("access", r#"192.0.2.1 - - [@] "GET / HTTP/1.1" 200 1 "-" "x""#, "%d/%b/%Y:%H:%M:%S %z", By::Offset),
    (
        "squid",
        "@.000    195 192.0.2.10 TCP_MISS/200 4120 GET http://f.example/a - HIER_DIRECT/203.0.113.9 text/html",
        "%s",
        By::Utc,
    ),
    (
        "bind",
        "@.500 queries: info: client @0x7f 10.0.0.1#53000 (e.example): query: e.example IN A +E(0)K (10.0.0.53)",
        "%d-%b-%Y %H:%M:%S",
        By::Wall,
    ),
    ("syslog3164", "@ rv-web01 app[1]: a message", "%b %e %H:%M:%S", By::Wall),
    ("syslog3164", "@ rv-web01 app[1]: a message", "%Y-%m-%dT%H:%M:%S%:z", By::Offset),
    ("syslog5424", "<165>1 @ rv-app01 app - ID47 - a message", "%Y-%m-%dT%H:%M:%SZ", By::Utc),
    ("syslog5424", "<165>1 @ rv-app01 app - ID47 - a message", "%Y-%m-%dT%H:%M:%S%:z", By::Offset),
    ("auditd", "type=USER_LOGIN msg=audit(@.000:4711): pid=1 uid=0 res=success", "%s", By::Utc),
    ("cef", "CEF:0|Vendor|Product|1|100|a name|3|rt=@000 src=192.0.2.1", "%s", By::Utc),
    ("cef", "CEF:0|Vendor|Product|1|100|a name|3|rt=@ UTC src=192.0.2.1", "%b %d %Y %H:%M:%S", By::Utc),
    (
        "kv",
        r#"@ devname="fw" logid="0000000013" type="traffic" srcip=192.0.2.1 dstip=203.0.113.9 action="accept""#,
        "date=%Y-%m-%d time=%H:%M:%S",
        By::Wall,
    ),
    ("kv", r#"time=@ level=info msg="a message" src_ip=192.0.2.1"#, "%Y-%m-%dT%H:%M:%SZ", By::Utc),
    (
        "zeek_json",
        r#"{"ts":@.25,"uid":"C1","id.orig_h":"192.0.2.1","id.orig_p":1,"id.resp_h":"203.0.113.9","id.resp_p":2,"proto":"tcp"}"#,
        "%s",
        By::Utc,
    ),
    ("vsftpd", r#"@ [pid 1] [alice] OK LOGIN: Client "192.0.2.10""#, "%a %b %e %H:%M:%S %Y", By::Wall),
    ("xferlog", "@ 0 192.0.2.11 4096 /a b _ i r alice ftp 0 * c", "%a %b %e %H:%M:%S %Y", By::Wall),
    ("proftpd", r#"192.0.2.10 UNKNOWN alice [@] "STOR tool.exe" 226 4096"#, "%d/%b/%Y:%H:%M:%S %z", By::Offset),
    (
        "haproxy",
        r#"192.0.2.10:51235 [@.127] fe~ be/srv 10/0/1/2/109 200 212 - - ---- 1/1/0/0/0 0/0 "GET /up HTTP/1.1""#,
        "%d/%b/%Y:%H:%M:%S",
        By::Wall,
    ),
    (
        "nginx_error",
        r#"@ [error] 812#812: *42 open() "/a" failed (2: No such file or directory), client: 192.0.2.1, server: x"#,
        "%Y/%m/%d %H:%M:%S",
        By::Wall,
    ),
    ("apache_error", "[@] [error] [client 192.0.2.11] File does not exist: /srv/a", "%a %b %d %H:%M:%S %Y", By::Wall),
    (
        "postgresql",
        "@ UTC [812] alice@shop LOG:  connection authorized: user=alice database=shop",
        "%Y-%m-%d %H:%M:%S.125",
        By::Utc,
    ),
    (
        "exim",
        "@ 1rpqXX-0003aB-1C => bob@e.org R=dnslookup T=remote_smtp H=mx.e.org [203.0.113.25]:25",
        "%Y-%m-%d %H:%M:%S",
        By::Wall,
    ),
    ("filezilla", "@ 4236 1 Status: Connecting to files.example...", "%Y-%m-%d %H:%M:%S", By::Wall),
    ("filezilla_server", "@ >> [FTP Session 12 192.0.2.10] USER alice", "%Y-%m-%dT%H:%M:%S.112Z", By::Utc),
    (
        "teamviewer",
        "@.511  4236  5148 S0   UDPv4: punch received a=203.0.113.5:52512: (*)",
        "%Y/%m/%d %H:%M:%S",
        By::Wall,
    ),
    ("rclone", "@ INFO  : plans/a.zip: Copied (new)", "%Y/%m/%d %H:%M:%S", By::Wall),
    (
        "serv_u",
        "[02] @ - (000123) Connected to 192.0.2.10 (local address 192.0.2.1, port 22)",
        "%a %d%b%y %H:%M:%S",
        By::Wall,
    ),
    (
        "snort_fast",
        r#"@.765402 [**] [1:366:11] "PING" [**] [Priority: 3] {ICMP} 192.0.2.1 -> 192.0.2.2"#,
        "%m/%d-%H:%M:%S",
        By::Wall,
    ),
    (
        "esxi",
        "@ Wa(164) Hostd[2099]: [Originator@6876 sub=Default] Rejected password for user root from 198.51.100.66",
        "%Y-%m-%dT%H:%M:%S.123Z",
        By::Utc,
    ),
    (
        "s3access",
        r#"79a59df900b949e55d96a1e698fbaced rv-pay [@] 192.0.2.10 arn:aws:iam::111122223333:user/alice 3E57427F3EXAMPLE REST.GET.OBJECT hr/pay.zip "GET /rv-pay/hr/pay.zip HTTP/1.1" 200 - 734003200 734003200 70 10 "-" "aws-cli/2" - s9 SigV4 TLS AuthHeader h TLSv1.2 - -"#,
        "%d/%b/%Y:%H:%M:%S %z",
        By::Offset,
    ),
    (
        "cloudtrail",
        r#"{"eventVersion":"1.08","userIdentity":{"type":"Root"},"eventTime":"@","eventSource":"s3.amazonaws.com","eventName":"GetObject","awsRegion":"eu-west-2","sourceIPAddress":"192.0.2.1","eventID":"1"}"#,
        "%Y-%m-%dT%H:%M:%SZ",
        By::Utc,
    ),
    (
        "gcp",
        r#"{"insertId":"a1","logName":"projects/rv/logs/x","timestamp":"@","protoPayload":{"methodName":"x","serviceName":"y"}}"#,
        "%Y-%m-%dT%H:%M:%S.123456789Z",
        By::Utc,
    ),
    (
        "m365",
        r#"{"CreationTime":"@","Id":"1","Operation":"FileDownloaded","OrganizationId":"o","RecordType":6,"UserType":0,"UserKey":"k","Workload":"OneDrive","UserId":"a@b.example","ClientIP":"192.0.2.1"}"#,
        "%Y-%m-%dT%H:%M:%S",
        By::Utc,
    ),
    (
        "journald",
        r#"{"__REALTIME_TIMESTAMP":"@000000","__MONOTONIC_TIMESTAMP":"1","_BOOT_ID":"b","MESSAGE":"x"}"#,
        "%s",
        By::Utc,
    ),
    ("json", r#"{"@timestamp":"@","source":{"ip":"192.0.2.1"}}"#, "%Y-%m-%dT%H:%M:%S.000Z", By::Utc),
    ("json", r#"{"timestamp":"@","src_ip":"192.0.2.1","event_type":"flow"}"#, "%Y-%m-%dT%H:%M:%S.000001%z", By::Offset),
    ("json", r#"{"time":@,"src_ip":"192.0.2.1"}"#, "%s000", By::Utc),
    (
        "box",
        r#"{"type":"event","event_id":"f82c","created_at":"@","event_type":"DOWNLOAD","created_by":{"type":"user","id":"1","login":"a@b.example"},"source":{"item_type":"file","item_id":"7","item_name":"x"},"ip_address":"192.0.2.1"}"#,
        "%Y-%m-%dT%H:%M:%S%:z",
        By::Offset,
    ),
    (
        "github",
        r#"{"@timestamp":@000,"_document_id":"a1","action":"git.clone","actor":"alice","org":"rv","repo":"rv/x"}"#,
        "%s",
        By::Utc,
    ),
    (
        "kubernetes",
        r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"a1","stage":"ResponseComplete","requestURI":"/x","verb":"list","sourceIPs":["192.0.2.1"],"requestReceivedTimestamp":"@"}"#,
        "%Y-%m-%dT%H:%M:%S.000000Z",
        By::Utc,
    ),
    (
        "slack",
        r#"{"id":"e1","date_create":@,"action":"file_downloaded","actor":{"type":"user","user":{"id":"W1","name":"a","email":"a@b.example"}},"entity":{"type":"file","file":{"id":"F1","name":"x"}},"context":{"location":{"type":"workspace"},"ua":"x","ip_address":"192.0.2.1"}}"#,
        "%s",
        By::Utc,
    ),
    (
        "vaultwarden",
        "[@.123][vaultwarden::api::identity][INFO] User alice@example.com logged in successfully. IP: 192.0.2.10",
        "%Y-%m-%d %H:%M:%S",
        By::Wall,
    ),
    ("dpkg", "@ install rclone:amd64 <none> 1.60.1", "%Y-%m-%d %H:%M:%S", By::Wall),
    ("csv", "time,src_ip,dst_ip,bytes\n@,192.0.2.1,203.0.113.9,10", "%Y-%m-%d %H:%M:%S", By::Wall),
    (
        "w3c",
        "#Fields: date time c-ip cs-method cs-uri-stem sc-status\n@ 192.0.2.1 GET / 200",
        "%Y-%m-%d %H:%M:%S",
        By::Utc,
    ),
    ("veeam", "[@] <12> Error    Failed to connect to host [192.0.2.30].", "%d.%m.%Y %H:%M:%S", By::Wall),
    (
        "hayabusa",
        r#"{"Timestamp":"@","RuleTitle":"x","Level":"high","Computer":"pc","Channel":"Sec","EventID":1,"RecordID":2,"Details":{"a":"b"},"ExtraFieldInfo":{}}"#,
        "%Y-%m-%d %H:%M:%S.511 %:z",
        By::Offset,
    ),
];

/// Instants of winter and of summer, at an end of a year, and on both days on which clocks change.
const INSTANTS: [&str; 5] = [
    "2026-03-28T23:10:04Z",
    "2026-07-01T12:00:00Z",
    "2025-12-31T23:59:59Z",
    "2026-03-29T01:00:00Z",
    "2026-10-25T02:30:00Z",
];

fn london() -> TimeZone {
    TimeZone::get("Europe/London").unwrap()
}

/// The format and the time of the last record of a text.
fn read(text: &str) -> (&'static str, Option<Instant>) {
    let locator = Locator::root(b"stamps.log");
    let mtime = Instant::parse("2026-11-20T00:00:00Z");
    let meta = SourceMeta { evidence: locator.clone(), locator, mtime, size: None };
    let layout = format::recognise(text.as_bytes(), true, &meta, &Clock { zone: london(), zone_given: true });
    let mut fields = Fields::default();
    let head = text.lines().next().unwrap();
    let layout = match head.starts_with('#') {
        true => format::relayout(&layout, head.as_bytes()).unwrap_or(layout),
        false => layout,
    };
    let record = text.lines().last().unwrap();
    let _ = format::parse(&layout, record.as_bytes(), Want::All, &mut fields);
    (layout.format, fields.time.map(|stamp| stamp.at))
}

#[test]
fn stamps_are_the_instants_that_they_were_written_for() {
    let ahead = TimeZone::fixed(Offset::constant(5) + jiff::SignedDuration::from_mins(30));
    let mut wrong = Vec::new();
    for (format, record, form, by) in WAYS {
        for instant in INSTANTS {
            let zone = match by {
                By::Wall => london(),
                By::Offset => ahead.clone(),
                By::Utc => TimeZone::UTC,
            };
            let written = instant.parse::<jiff::Timestamp>().unwrap().to_zoned(zone).strftime(form).to_string();
            let text = match record.split_once("\"@timestamp\"") {
                Some((before, rest)) => format!("{before}\"@timestamp\"{}\n", rest.replacen('@', &written, 1)),
                None => format!("{}\n", record.replacen('@', &written, 1)),
            };
            let (read_as, at) = read(&text);
            // The form may add a fraction of its own.
            let is_it = at.is_some_and(|at| {
                let asked = Instant::parse(instant).unwrap().micros();
                (asked..asked + 1_000_000).contains(&at.micros())
            });
            if read_as != *format || !is_it {
                wrong.push(format!("{format}: {written:?} of {instant}: {read_as} {at:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), WAYS.len() * INSTANTS.len());
    let formats: std::collections::BTreeSet<&str> = WAYS.iter().map(|way| way.0).collect();
    assert!(formats.len() >= 40 && WAYS.len() * INSTANTS.len() >= 150, "{}", formats.len());
}

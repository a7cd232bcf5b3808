//! Instants of real stamps: each format's own way of writing many instants, written by another library, and read back under a clock of
//! London, which is put forward and back in two of the nights.

use exfiltrace::format::{self, Clock};
use exfiltrace::model::fields::{Fields, Want};
use exfiltrace::model::place::Locator;
use exfiltrace::model::source::SourceMeta;
use exfiltrace::model::time::{Instant, Stamp};
use jiff::tz::{Offset, TimeZone};

/// By which clock a stamp is written.
#[derive(Clone, Copy)]
enum By {
    /// The clock on the wall, without saying so.
    Wall,
    /// A clock five and a half hours ahead, with its offset.
    Offset,
    /// The clock on the wall, with the name of its zone.
    Named,
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
    (
        "postgresql",
        "@ [812] alice@shop LOG:  connection authorized: user=alice database=shop",
        "%Y-%m-%d %H:%M:%S.125 %Z",
        By::Named,
    ),
    (
        "postgresql",
        "@ [812]: user=alice,db=shop,app=psql,client=192.0.2.10 LOG:  connection authorized: user=alice database=shop",
        "%Y-%m-%d %H:%M:%S %Z",
        By::Named,
    ),
    (
        "postgresql_csv",
        r#"@,"alice","hr",812,"192.0.2.10:51234",6605d1c0.32c,3,"SELECT",2026-03-28 23:09:00 GMT,3/7,0,LOG,00000,"AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.payroll,""select * from payroll"",<none>",,,,,,,,,"psql","client backend",,0"#,
        "%Y-%m-%d %H:%M:%S.123 %Z",
        By::Named,
    ),
    ("csv", "Date,Time,src_ip,dst_ip,bytes\n@,192.0.2.1,203.0.113.9,10", "%d-%b-%Y,%I:%M:%S %p", By::Wall),
    ("csv", "Date,Time,src_ip,dst_ip,bytes\n@,192.0.2.1,203.0.113.9,10", "%d.%m.%Y,%H:%M:%S", By::Wall),
    ("csv", "Date,Time,src_ip,dst_ip,bytes\n@,192.0.2.1,203.0.113.9,10", "%Y%m%d,%H%M%S", By::Wall),
    ("csv", "Date (UTC),Time (UTC),src_ip,dst_ip,bytes\n@,192.0.2.1,203.0.113.9,10", "%Y-%m-%d,%H:%M:%S", By::Utc),
    ("csv", "Date/Time,src_ip,dst_ip,bytes\n@,192.0.2.1,203.0.113.9,10", "%Y/%m/%d %H:%M:%S", By::Wall),
    ("csv", "Date and Time,src_ip,dst_ip,bytes\n@,192.0.2.1,203.0.113.9,10", "%d-%b-%Y %H:%M:%S", By::Wall),
    ("csv", "Timestamp (UTC),src_ip,dst_ip,bytes\n@,192.0.2.1,203.0.113.9,10", "%Y-%m-%d %H:%M:%S", By::Utc),
    ("csv", "time_utc,src_ip,dst_ip,bytes\n@,192.0.2.1,203.0.113.9,10", "%Y-%m-%dT%H:%M:%S", By::Utc),
    ("json", r#"{"timestamp":"@","src_ip":"192.0.2.1"}"#, "%Y%m%d%H%M%SZ", By::Utc),
    ("json", r#"{"timestamp":"@","src_ip":"192.0.2.1"}"#, "%Y%m%d%H%M%S.5%z", By::Offset),
    ("json", r#"{"timestamp":"@","src_ip":"192.0.2.1"}"#, "%y%m%d%H%M%SZ", By::Utc),
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

/// Instants of winter and of summer, at both ends of a year, around a leap day, and in both nights in which clocks change: at the last second
/// before, the first one behind, and in the hour of London that comes twice.
const INSTANTS: [&str; 18] = [
    "2026-03-28T23:10:04Z",
    "2026-07-01T12:00:00Z",
    "2025-12-31T23:59:59Z",
    "2026-01-01T00:00:00Z",
    "2024-02-28T23:59:59Z",
    "2024-02-29T00:00:00Z",
    "2024-02-29T12:34:56Z",
    "2024-03-01T00:00:00Z",
    "2025-06-30T23:30:00Z",
    "2026-03-29T00:59:59Z",
    "2026-03-29T01:00:00Z",
    "2026-10-24T23:59:59Z",
    "2026-10-25T00:00:00Z",
    "2026-10-25T00:59:59Z",
    "2026-10-25T01:00:00Z",
    "2026-10-25T01:59:59Z",
    "2026-10-25T02:00:00Z",
    "2026-10-25T02:30:00Z",
];

/// Format, a record, the form of its stamp, and the fraction in microseconds that is read of what is written as 123,456,789 nanoseconds.
const FRACTIONS: &[(&str, &str, &str, i64)] = &[
    ("json", r#"{"timestamp":"@","src_ip":"192.0.2.1"}"#, "%Y-%m-%dT%H:%M:%S%.3fZ", 123_000),
    ("json", r#"{"timestamp":"@","src_ip":"192.0.2.1"}"#, "%Y-%m-%dT%H:%M:%S%.6fZ", 123_456),
    ("json", r#"{"timestamp":"@","src_ip":"192.0.2.1"}"#, "%Y-%m-%dT%H:%M:%S%.9fZ", 123_456),
    ("json", r#"{"timestamp":"@","src_ip":"192.0.2.1"}"#, "%Y%m%d%H%M%S%.3fZ", 123_000),
    ("json", r#"{"time":@,"src_ip":"192.0.2.1"}"#, "%s%.6f", 123_456),
    ("json", r#"{"time":@,"src_ip":"192.0.2.1"}"#, "%s%3f", 123_000),
    ("json", r#"{"time":@,"src_ip":"192.0.2.1"}"#, "%s%6f", 123_456),
    ("json", r#"{"time":@,"src_ip":"192.0.2.1"}"#, "%s%9f", 123_456),
    (
        "squid",
        "@    195 192.0.2.10 TCP_MISS/200 4120 GET http://f.example/a - HIER_DIRECT/203.0.113.9 text/html",
        "%s%.3f",
        123_000,
    ),
    ("auditd", "type=USER_LOGIN msg=audit(@:4711): pid=1 uid=0 res=success", "%s%.3f", 123_000),
    ("syslog5424", "<165>1 @ rv-app01 app - ID47 - a message", "%Y-%m-%dT%H:%M:%S%.6fZ", 123_456),
    ("postgresql", "@ UTC [812] alice@shop LOG:  disconnection", "%Y-%m-%d %H:%M:%S%.3f", 123_000),
];

fn london() -> TimeZone {
    TimeZone::get("Europe/London").unwrap()
}

/// The format and the time of the last record of a text that was written ten days before its file.
fn read(text: &str, instant: Instant) -> (&'static str, Option<Stamp>) {
    let locator = Locator::root(b"stamps.log");
    let mtime = Some(instant.plus_secs(10 * 86_400));
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
    (layout.format, fields.time)
}

/// A record with its stamp.
fn record(record: &str, stamp: &str) -> String {
    match record.split_once("\"@timestamp\"") {
        Some((before, rest)) => format!("{before}\"@timestamp\"{}\n", rest.replacen('@', stamp, 1)),
        None => format!("{}\n", record.replacen('@', stamp, 1)),
    }
}

/// Whether a clock of London shows what it shows at an instant twice, and the first of the two.
fn twice(at: jiff::Timestamp) -> Option<Instant> {
    let shown = london().to_datetime(at);
    let both = london().to_ambiguous_timestamp(shown);
    let first = Instant::from_micros(both.earlier().unwrap().as_microsecond());
    first.filter(|_| both.is_ambiguous())
}

#[test]
fn stamps_are_the_instants_that_they_were_written_for() {
    let ahead = TimeZone::fixed(Offset::constant(5) + jiff::SignedDuration::from_mins(30));
    let mut wrong = Vec::new();
    for (format, text, form, by) in WAYS {
        for instant in INSTANTS {
            let zone = match by {
                By::Wall | By::Named => london(),
                By::Offset => ahead.clone(),
                By::Utc => TimeZone::UTC,
            };
            let at = instant.parse::<jiff::Timestamp>().unwrap();
            let asked = Instant::parse(instant).unwrap();
            let written = at.to_zoned(zone).strftime(form).to_string();
            let (read_as, read) = read(&record(text, &written), asked);
            // One record alone does not show which of two hours it is of, and that is said.
            let twice = twice(at).filter(|_| matches!(by, By::Wall));
            let from = twice.unwrap_or(asked).micros();
            // The form may add a fraction of its own.
            let is_it = read.is_some_and(|read| {
                (from..from + 1_000_000).contains(&read.at.micros()) && read.assumed.twice() == twice.is_some()
            });
            if read_as != *format || !is_it {
                wrong.push(format!("{format}: {written:?} of {instant}: {read_as} {read:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), WAYS.len() * INSTANTS.len());
    let formats: std::collections::BTreeSet<&str> = WAYS.iter().map(|way| way.0).collect();
    assert!(formats.len() >= 40 && WAYS.len() * INSTANTS.len() >= 150, "{}", formats.len());
}

#[test]
fn fractions_of_seconds_are_read_to_the_microsecond() {
    let at: jiff::Timestamp = "2024-02-29T23:59:59.123456789Z".parse().unwrap();
    let second = Instant::parse("2024-02-29T23:59:59Z").unwrap();
    for (format, text, form, micros) in FRACTIONS {
        let written = at.to_zoned(TimeZone::UTC).strftime(form).to_string();
        let (read_as, read) = read(&record(text, &written), second);
        let fraction = read.map(|read| read.at.micros() - second.micros());
        assert_eq!((read_as, fraction), (*format, Some(*micros)), "{written}");
    }
}

/// The time of the first record of a log, in UTC and with what was assumed.
fn first(name: &str, log: &str) -> (String, String) {
    let layout = crate::formats::layout_of(log.as_bytes());
    let mut fields = exfiltrace::model::fields::Fields::default();
    let read = exfiltrace::format::parse(
        &layout,
        log.trim_end().as_bytes(),
        exfiltrace::model::fields::Want::All,
        &mut fields,
    );
    assert!(read.is_ok() && layout.format == name, "{name}: {read:?} {}", layout.format);
    let stamp = fields.time.expect(log);
    (stamp.at.to_string(), format!("{:?}", stamp.assumed))
}

#[test]
fn netscaler_writes_the_month_first_but_where_dates_show_the_day_and_local_times_without_a_word() {
    let line = |time: &str| {
        format!(
            "Mar 28 23:10:04 <local0.info> 192.0.2.1 {time} ns1 0-PPE-0 : default AAA LOGIN_FAILED 4712 0 : User eve - Client_ip 198.51.100.66 - Failure_reason \"no\"\n"
        )
    };
    for (time, at, assumed) in [
        ("03/28/2026:23:10:04 GMT", "2026-03-28T23:10:04Z", "Nothing"),
        ("03/04/2026:23:10:04 GMT", "2026-03-04T23:10:04Z", "Nothing"),
        ("28/03/2026:23:10:04 GMT", "2026-03-28T23:10:04Z", "Nothing"),
        ("03/28/2026:23:10:04 ", "2026-03-28T23:10:04Z", "Zone"),
    ] {
        assert_eq!(first("netscaler", &line(time)), (at.to_owned(), assumed.to_owned()), "{time}");
    }
}

#[test]
fn the_bias_of_cmtrace_is_added_to_the_local_time() {
    let line = |bias: &str| {
        format!(
            "<![LOG[done]LOG]!><time=\"23:10:04.123{bias}\" date=\"03-28-2026\" component=\"c\" context=\"\" type=\"1\" thread=\"1\" file=\"f.cpp:1\">\n"
        )
    };
    for (bias, at, assumed) in [
        ("-060", "2026-03-28T22:10:04.123Z", "Nothing"),
        ("-60", "2026-03-28T22:10:04.123Z", "Nothing"),
        ("+000", "2026-03-28T23:10:04.123Z", "Nothing"),
        ("+300", "2026-03-29T04:10:04.123Z", "Nothing"),
        ("", "2026-03-28T23:10:04.123Z", "Zone"),
    ] {
        assert_eq!(first("cmtrace", &line(bias)), (at.to_owned(), assumed.to_owned()), "{bias}");
    }
}

#[test]
fn a_router_that_shows_its_zone_is_read_by_it() {
    let line = |zone: &str| {
        format!(
            "Mar 28 23:10:04 rtr1 88: *Mar 28 2026 23:10:03.123{zone}: %SEC_LOGIN-5-LOGIN_SUCCESS: Login Success [user: bob] [Source: 198.51.100.66] [localport: 22] at 23:10:03\n"
        )
    };
    for (zone, at, assumed) in [
        (" GMT", "2026-03-28T23:10:03.123Z", "Nothing"),
        (" PDT", "2026-03-29T06:10:03.123Z", "Nothing"),
        ("", "2026-03-28T23:10:03.123Z", "Zone"),
    ] {
        assert_eq!(first("cisco_ios", &line(zone)), (at.to_owned(), assumed.to_owned()), "{zone}");
    }
}

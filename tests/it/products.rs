//! What logs of single products come to in a scan: traffic and its bounds, records inside of answers and tables, accounts.

use exfiltrace::format;
use exfiltrace::model::fields::{Canon, Fields, Want};
use serde_json::json;

use crate::formats::layout_of;
use crate::held::told;

/// What a line of a log says by a canonical name.
fn value(log: &str, line: &str, canon: Canon) -> Option<String> {
    let layout = layout_of(log.as_bytes());
    let mut fields = Fields::default();
    format::parse(&layout, line.as_bytes(), Want::All, &mut fields).unwrap();
    fields.text(canon).map(str::to_owned)
}

#[test]
fn bytes_of_which_it_is_not_known_which_way_they_went_are_a_bound() {
    let line = "Mar 28 23:10:04 <local0.info> 10.1.0.1 03/28/2026:23:10:04 GMT ns1 0-PPE-0 : default TCP CONN_TERMINATE 4711 0 :  Source 10.1.0.5:50000 - Destination 203.0.113.9:443 - Start Time 03/28/2026:23:09:00 GMT - End Time 03/28/2026:23:10:04 GMT - Total_bytes_send 734003200 - Total_bytes_recv 5120 ";
    let told = told(line);
    assert_eq!(told.transfers.len(), 1, "{told:?}");
    assert!(told.transfers[0].ends_with("(0, Some(734008320))"), "{told:?}");
    let unknown = line.replace("recv 5120", "recv x");
    assert_eq!(value(line, &unknown, Canon::NetworkBytes), None);
}

#[test]
fn what_a_log_of_a_search_engine_holds_counts_hit_by_hit() {
    let hit = |ip: &str| {
        json!({"_index": "flows", "_source": {"@timestamp": "2026-03-28T23:10:04Z", "source": {"ip": ip, "bytes": 943_718_400},
            "destination": {"ip": "203.0.113.9", "port": 443, "bytes": 4120}}})
    };
    let hits = json!({"total": {"value": 2}, "max_score": null, "hits": [hit("10.1.0.5"), hit("10.1.0.6")]});
    let answer = json!({"took": 3, "timed_out": false, "_shards": {"total": 1}, "hits": hits, "aggregations": {"hits": [{"a": 1}]}});
    let told = told(&answer.to_string());
    assert_eq!(told.transfers.len(), 2, "{told:?}");
    assert!(told.transfers.iter().all(|transfer| transfer.ends_with("(943718400, Some(943718400))")), "{told:?}");
}

#[test]
fn a_record_of_the_audit_log_is_the_same_as_an_object_and_as_a_string() {
    let record = json!({
        "CreationTime": "2026-03-28T23:10:04", "Id": "i", "Operation": "FileDownloaded", "OrganizationId": "o", "RecordType": 6,
        "UserType": 0, "Workload": "SharePoint", "UserId": "ann@hc.example", "ClientIP": "203.0.113.66",
        "ObjectId": "https://hc.sharepoint.com/mark7", "SourceFileName": "mark7",
    });
    let exported = |record: serde_json::Value| json!({"CreationDate": "2026-03-28T23:10:04", "UserIds": "ann@hc.example", "Operations": "FileDownloaded", "AuditData": record});
    let object = told(&exported(record.clone()).to_string());
    assert_eq!(object.outcomes.len(), 1, "{object:?}");
    assert_eq!(object, told(&exported(record.to_string().into()).to_string()));
}

#[test]
fn questions_stand_in_unbounds_own_log() {
    let told = told("[1774739405] unbound[812:0] info: 10.1.0.5 c2VjcmV0.exfil.example. A IN");
    assert!(told.observes.contains("DnsTunnel"), "{told:?}");
    let reply = "[1774739405] unbound[812:0] info: 10.1.0.5 a.example. A IN NOERROR 0.01 0 61";
    assert_eq!(value(reply, reply, Canon::DnsQuestion), None);
}

#[test]
fn a_mail_of_a_tracking_log_of_one_row_is_seen() {
    let log = "#Software: Microsoft Exchange Server\n#Version: 15.02\n#Log-type: Message Tracking Log\n#Date: 2026-03-28T23:00:00.000Z\n#Fields: date-time,client-ip\n2026-03-28T23:10:04.123Z,10.1.0.5,web01,203.0.113.25,mx.other.example,08D,Out,SMTP,SEND,77,<x@hc.example>,n1,bob@other.example,250 OK,1048576,1,,,Plan,ann@hc.example,ann@hc.example,,Originating,,,,,,,";
    let told = told(log);
    assert_eq!(told.transfers.len(), 1, "{told:?}");
}

#[test]
fn numbers_behind_the_user_agent_are_bytes_where_all_lines_show_it() {
    let line = |request: &str, size: &str, numbers: &str| {
        format!(
            "192.0.2.10 - - [28/Mar/2026:23:10:04 +0000] \"{request} HTTP/1.1\" 200 {size} \"-\" \"curl/8.0\" {numbers}\n"
        )
    };
    let put = line("PUT /dav/x", "24", "1048800 300");
    let asked = |n: usize| line(&format!("GET /{}", "a".repeat(n)), "100", &format!("{} 350", 181 + n));
    let log = put.clone() + &(1..8).map(asked).collect::<String>();
    assert_eq!(value(&log, put.trim_end(), Canon::SourceBytes).as_deref(), Some("1048800"));
    assert_eq!(value(&log, put.trim_end(), Canon::DestinationBytes).as_deref(), Some("24"));
    // Fewer lines show nothing, nor do lines of which one has less than its own request, more than headers, or no room for the answer.
    for odd in [line("GET /a", "100", "3 350"), line("GET /a", "100", "400000 350"), line("GET /a", "400", "182 350")] {
        let log = log.clone() + &odd;
        assert_eq!(value(&log, put.trim_end(), Canon::SourceBytes), None, "{odd}");
    }
    // Neither do numbers that do not grow with what is asked for: how long it took, and which process it was.
    let took = |n: usize| line(&format!("GET /{}", "a".repeat(n)), "100", &format!("{} 350", 300 + 977 * n % 5000));
    let process = |n: usize| line(&format!("GET /{}", "a".repeat(n)), "100", &format!("{} 350", 4711 + n % 3));
    for log in [(1..40).map(took).collect::<String>(), (1..40).map(process).collect()] {
        assert_eq!(value(&(put.clone() + &log), put.trim_end(), Canon::SourceBytes), None, "{log}");
    }
    assert_eq!(value(&put, put.trim_end(), Canon::SourceBytes), None);
}

#[test]
fn who_connected_is_told_from_the_texts_that_tools_write_for_people() {
    let header = "RecordNumber,EventRecordId,TimeCreated,EventId,Provider,Channel,MapDescription,RemoteHost";
    let peer = |text: &str| {
        let row = format!("1,4711,2026-03-28 23:10:04.5110000,4624,P,Security,Logon,{text}");
        let log = format!("{header}\n{row}\n");
        (value(&log, &row, Canon::SourceIp), value(&log, &row, Canon::SourceDomain))
    };
    let both = |ip: Option<&str>, name: Option<&str>| (ip.map(str::to_owned), name.map(str::to_owned));
    assert_eq!(peer("KALI (198.51.100.66)"), both(Some("198.51.100.66"), Some("KALI")));
    assert_eq!(peer("- (2001:db8::1)"), both(Some("2001:db8::1"), None));
    assert_eq!(peer("198.51.100.66:50000"), both(Some("198.51.100.66"), None));
    assert_eq!(peer("rv-pc07"), both(None, Some("rv-pc07")));
    assert_eq!(peer("LOCAL"), both(None, None));
    assert_eq!(peer("a b (c)"), both(None, None));
}

#[test]
fn comments_and_marked_text_of_xml_give_no_values_of_their_own() {
    let record = "<AUDIT_RECORD>\n<TIMESTAMP>2026-03-28T23:10:04 UTC</TIMESTAMP>\n<!-- > <USER>ghost</USER> -->\n<NAME>Query</NAME>\n<SQLTEXT><![CDATA[select '> <IP>203.0.113.66</IP>' &lt;]]> </SQLTEXT>\n<USER>bob</USER>\n</AUDIT_RECORD>";
    let log = format!("{record}\n").repeat(3);
    assert_eq!(value(&log, record, Canon::UserName).as_deref(), Some("bob"));
    assert_eq!(value(&log, record, Canon::SourceIp), None);
    assert_eq!(value(&log, record, Canon::Message).as_deref(), Some("select '> <IP>203.0.113.66</IP>' &lt;"));
    // What is never closed hides what is behind it.
    let open = record.replace("-->", "");
    assert_eq!(value(&log, &open, Canon::UserName), None);
}

#[test]
fn who_speaks_to_mysql_is_an_account_or_nobody() {
    let user = |text: &str| {
        let record = format!("<AUDIT_RECORD NAME=\"Connect\" TIMESTAMP=\"2026-03-28T23:10:05 UTC\" USER=\"{text}\"/>");
        value(&format!("{record}\n"), &record, Canon::UserName)
    };
    assert_eq!(user("app[root] @ rv-web01 [192.0.2.10]").as_deref(), Some("app"));
    assert_eq!(user("[root] @ localhost []").as_deref(), Some("root"));
    assert_eq!(user("[unknown] @ [203.0.113.5]"), None);
}

#[test]
fn a_comment_of_oracle_tells_an_address_and_no_name() {
    let ends = |comment: &str| {
        let record = format!(
            "<AuditRecord><Extended_Timestamp>2026-03-28T23:10:04.1Z</Extended_Timestamp><DB_User>HR</DB_User><Comment_Text>{comment}</Comment_Text></AuditRecord>"
        );
        let log = format!("{record}\n");
        [Canon::SourceIp, Canon::SourcePort, Canon::SourceDomain].map(|canon| value(&log, &record, canon))
    };
    let both = [Some("192.0.2.9".to_owned()), Some("51234".to_owned()), None];
    assert_eq!(ends("Client address: (ADDRESS=(PROTOCOL=tcp)(HOST=192.0.2.9)(PORT=51234))"), both);
    for none in ["Shutdown", "Client address: (ADDRESS=(PROTOCOL=tcp)(HOST=rv-pc07)(PORT=1))", "(HOST=192.0.2.9"] {
        assert_eq!(ends(none), [None, None, None], "{none}");
    }
    assert_eq!(ends("(HOST=192.0.2.9)(PORT=a)"), [both[0].clone(), None, None]);
}

#[test]
fn logs_of_other_servers_in_java_are_none_of_tomcat() {
    let old = |class: &str| format!("Mar 28, 2026 11:10:08 PM {class} run\nINFO: is up\n").repeat(3);
    let new = |class: &str| format!("28-Mar-2026 23:10:06.123 INFO [main] {class}.run is up\n").repeat(3);
    for write in [&old as &dyn Fn(&str) -> String, &new] {
        let format = |class: &str| layout_of(write(class).as_bytes()).format;
        assert_eq!(format("org.apache.catalina.startup.Catalina"), "tomcat");
        assert_ne!(format("hudson.WebAppMain$3"), "tomcat");
    }
}

#[test]
fn what_a_collector_cut_stays_what_it_said() {
    let line = "2026-03-28T23:10:04+00:00\tweb\t{\"message\":\"a\",\"b\":[{]}";
    assert_eq!(value(line, line, Canon::Message).as_deref(), Some("{\"message\":\"a\",\"b\":[{]}"));
}

#[test]
fn an_account_that_an_event_does_not_have_is_nobody() {
    let header = "Timestamp,RuleTitle,Level,Computer,Channel,EventID,Details";
    let user = |text: &str| {
        let row =
            format!("2026-03-28 23:10:04.123 +00:00,Net Conn,info,PC1,Sysmon,3,User: {text} ¦ TgtIP: 203.0.113.7");
        value(&format!("{header}\n{row}\n"), &row, Canon::UserName)
    };
    assert_eq!(user("alice").as_deref(), Some("alice"));
    assert_eq!(user("n/a"), None);
}

/// A database is no bucket: its name stands in a field of its own, and a table is one of the catalogue's.
#[test]
fn what_mariadb_read_is_a_table_of_a_database() {
    let lines = "20260328 23:10:06,db01,alice,192.0.2.10,13,401,READ,shop,customers,\n".repeat(4);
    let mut told = Vec::new();
    crate::support::each_record(b"server_audit.log", &lines, &mut |_, format, fields, _| {
        let named =
            fields.named().filter(|(name, ..)| matches!(*name, b"database.name" | b"table" | b"cloud.storage.bucket"));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        told = named.map(|(name, value, _)| format!("{format} {} {}", text(name), text(value))).collect();
    });
    assert_eq!(told, ["mariadb_audit database.name shop", "mariadb_audit table customers"]);
}

//! Windows events in exports of other tools: a rule that fires on the event fires on it in each export that holds the fields it asks for.

use serde_json::json;

use crate::together::met;

/// Process creations of Sysmon, as each tool writes the one event.
fn processes(image: &str, command: &str) -> Vec<(&'static str, &'static str, String)> {
    let channel = "Microsoft-Windows-Sysmon/Operational";
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let data = json!({"Image": image, "CommandLine": command, "User": "RV\\alice"});
    let twice = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let win = |escaped: bool| {
        let text = |plain: &str| if escaped { twice(plain) } else { plain.to_owned() };
        json!({"system": {"providerName": "Microsoft-Windows-Sysmon", "eventID": "1", "eventRecordID": "7", "channel": channel,
            "computer": "rv-pc01", "systemTime": "2026-03-28T23:10:04.5110000Z"},
            "eventdata": {"image": text(image), "commandLine": text(command), "user": text("RV\\alice")}})
    };
    let alert = |win| {
        json!({"timestamp": "2026-03-28T23:10:05.000+0000", "rule": {"level": 3, "description": "d", "id": "1"}, "manager": {"name": "w"},
            "agent": {"id": "1", "name": "rv-pc01"}, "decoder": {"name": "windows_eventchannel"}, "data": {"win": win}, "location": "EventChannel"})
    };
    let archived = json!({"timestamp": "2026-03-28T23:10:05.000+0000", "agent": {"id": "1", "name": "rv-pc01"}, "manager": {"name": "w"},
        "full_log": json!({"win": win(true)}).to_string(), "decoder": {"name": "windows_eventchannel"}, "location": "EventChannel"});
    let payload = json!({"EventData": {"Data": [{"@Name": "Image", "#text": image}, {"@Name": "CommandLine", "#text": command}]}}).to_string();
    let evtxecmd = json!({"EventRecordId": "7", "TimeCreated": "2026-03-28T23:10:04.511+00:00", "EventId": 1, "Channel": channel,
        "Provider": "Microsoft-Windows-Sysmon", "Computer": "rv-pc01", "Payload": payload});
    let beat = json!({"@timestamp": "2026-03-28T23:10:04.511Z", "winlog": {"channel": channel, "event_id": "1", "record_id": 7,
        "provider_name": "Microsoft-Windows-Sysmon", "computer_name": "rv-pc01", "event_data": data}});
    let columns = "@timestamp,winlog.channel,winlog.event_id,winlog.computer_name,winlog.event_data.Image,winlog.event_data.CommandLine";
    let cells = format!("\"Mar 28, 2026 @ 23:10:04.511\",{channel},1,rv-pc01,{},{}", quoted(image), quoted(command));
    let by_code = columns.replace("winlog.event_id", "event.code");
    let head = "\"Timestamp\",\"RuleTitle\",\"Level\",\"Computer\",\"Channel\",\"EventID\",\"RecordID\",\"Details\",\"ExtraFieldInfo\",\"RuleID\"";
    let details = quoted(&format!("Cmdline: {command} ¦ Proc: {image} ¦ PID: 9"));
    let row = format!(
        "\"2026-03-28 23:10:04.511 +00:00\",\"Proc Exec\",\"high\",\"rv-pc01\",\"Sysmon\",1,7,{details},\"Company: x\",\"b\""
    );
    let line = json!({"Timestamp": "2026-03-28 23:10:04.511 +00:00", "RuleTitle": "Proc Exec", "Level": "high", "Computer": "rv-pc01",
        "Channel": "Sysmon", "EventID": 1, "RecordID": 7, "Details": {"Cmdline": command, "Proc": image}, "RuleID": "b"});
    vec![
        ("winlogbeat", "e.json", beat.to_string()),
        ("Wazuh's alerts", "e.json", alert(win(false)).to_string()),
        ("Wazuh's alerts, escaped once more", "e.json", alert(win(true)).to_string()),
        ("Wazuh's archives", "e.json", archived.to_string()),
        (
            "Wazuh's archives of lines",
            "archives.log",
            format!("2026 Mar 28 23:10:07 (rv-pc01) any->EventChannel {}", json!({"win": win(true)})),
        ),
        (
            "Wazuh in Elasticsearch",
            "e.json",
            json!({"_index": "wazuh-alerts", "_id": "1", "_source": alert(win(true))}).to_string(),
        ),
        ("EvtxECmd's lines", "e.json", evtxecmd.to_string()),
        (
            "EvtxECmd's table",
            "e.csv",
            format!(
                "RecordNumber,EventRecordId,TimeCreated,EventId,Level,Provider,Channel,Computer,MapDescription,Payload\n\
                 1,7,2026-03-28 23:10:04.511,1,Info,Microsoft-Windows-Sysmon,{channel},rv-pc01,m,{}",
                quoted(&payload)
            ),
        ),
        ("Kibana's table", "e.csv", format!("{columns}\n{cells}")),
        ("Kibana's table with codes", "e.csv", format!("{by_code}\n{cells}")),
        ("Hayabusa's table", "e.csv", format!("{head}\n{row}")),
        ("Hayabusa's lines", "e.json", line.to_string()),
    ]
}

/// How often a rule for new processes fires on each.
fn fired(search: &str, image: &str, command: &str) -> Vec<(&'static str, u64)> {
    let rule = format!(
        "title: t\nlevel: high\nlogsource: {{product: windows, category: process_creation}}\ndetection:\n  s:\n{search}\n  condition: s\n"
    );
    let all = processes(image, command).into_iter();
    all.map(|(of, name, log)| (of, met(&rule, (name, &format!("{log}\n")), 4096).0)).collect()
}

#[test]
fn a_rule_for_new_processes_fires_on_the_event_in_every_export_of_it() {
    let (image, command) =
        ("C:\\Users\\alice\\AppData\\Local\\rclone.exe", "\"C:\\a b\\rclone.exe\" copy d:\\files mega:up, x");
    let whole =
        "    Image|endswith: '\\Local\\rclone.exe'\n    CommandLine|contains: 'rclone.exe\" copy d:\\files mega:'";
    for (of, count) in fired(whole, image, command) {
        assert_eq!(count, 1, "{of}");
    }
    for (of, count) in fired("    CommandLine|contains: 'sync'", image, command) {
        assert_eq!(count, 0, "{of}");
    }
}

#[test]
fn events_of_other_kinds_are_no_new_processes_in_exports() {
    let rule = "title: t\nlevel: high\nlogsource: {product: windows, category: process_creation}\ndetection: {s: {CommandLine|contains: rclone}, condition: s}\n";
    for (of, name, log) in processes("C:\\rclone.exe", "rclone copy") {
        let other = log
            .replace("\"eventID\":\"1\"", "\"eventID\":\"5\"")
            .replace("\\\"eventID\\\":\\\"1\\\"", "\\\"eventID\\\":\\\"5\\\"")
            .replace("\"event_id\":\"1\"", "\"event_id\":\"5\"")
            .replace("\"EventId\":1", "\"EventId\":5")
            .replace("\"EventID\":1", "\"EventID\":5")
            .replace(",1,Info", ",5,Info")
            .replace("Operational,1,", "Operational,5,")
            .replace("\"Sysmon\",1,", "\"Sysmon\",5,");
        assert_ne!(other, log, "{of}");
        assert_eq!(met(rule, (name, &format!("{other}\n")), 4096).0, 0, "{of}");
    }
}

/// The events of a logon, whose numbers and sessions tie it to others, as Security tells it.
#[test]
fn a_logon_in_an_export_is_one_of_the_host() {
    let rule = "title: t\nlevel: high\nlogsource: {product: windows, service: security}\ndetection: {s: {EventID: 4624, LogonType: 10, TargetUserName: alice, IpAddress: 198.51.100.66}, condition: s}\n";
    let hayabusa = "\"Timestamp\",\"RuleTitle\",\"Level\",\"Computer\",\"Channel\",\"EventID\",\"RecordID\",\"Details\",\"ExtraFieldInfo\",\"RuleID\"\n\
        \"2026-03-28 23:10:04.511 +00:00\",\"Logon\",\"info\",\"rv-dc01\",\"Sec\",4624,7,\"Type: 10 - REMOTE INTERACTIVE ¦ TgtUser: alice ¦ SrcIP: 198.51.100.66 ¦ SrcComp: n/a\",\"-\",\"c\"\n";
    let wazuh = json!({"timestamp": "2026-03-28T23:10:05.000+0000", "rule": {"level": 3, "description": "d", "id": "1"}, "manager": {"name": "w"},
        "agent": {"id": "1", "name": "rv-dc01"}, "decoder": {"name": "windows_eventchannel"}, "location": "EventChannel", "data": {"win": {
            "system": {"eventID": "4624", "channel": "Security", "severityValue": "AUDIT_SUCCESS"},
            "eventdata": {"targetUserName": "alice", "logonType": "10", "ipAddress": "198.51.100.66"}}}});
    for (name, log) in [("e.csv", hayabusa.to_owned()), ("e.json", format!("{wazuh}\n"))] {
        let (count, kept) = met(rule, (name, &log), 4096);
        assert_eq!(count, 1, "{log}");
        assert!(format!("{kept:?}").contains("alice"), "{kept:?}");
    }
}

/// NXLog numbers its events as the log does; what Hayabusa does not know is nobody's name.
#[test]
fn numbers_of_nxlog_are_those_of_the_log_and_values_that_are_not_there_are_none() {
    use exfiltrace::format;
    use exfiltrace::model::fields::{Canon, Fields, Want};
    let read = |record: &str, want: Want| {
        let layout = crate::formats::layout_of(record.as_bytes());
        let mut fields = Fields::default();
        format::parse(&layout, record.as_bytes(), want, &mut fields).unwrap();
        [Canon::EventSequence, Canon::UserName].map(|canon| fields.text(canon).map(str::to_owned))
    };
    let nxlog = r#"{"EventTime":"2026-03-28 23:10:04","Hostname":"rv-dc01","EventID":4624,"Channel":"Security","SourceName":"x","RecordNumber":4711}"#;
    let hayabusa = r#"{"Timestamp":"2026-03-28 23:10:04.511 +00:00","RuleTitle":"t","Level":"low","Computer":"rv-pc01","Channel":"Sysmon","EventID":1,"RecordID":7,"Details":{"Cmdline":"a","User":"n/a"},"RuleID":"b"}"#;
    for want in [Want::All, Want::Columns] {
        assert_eq!(read(nxlog, want), [Some("4711".to_owned()), None]);
        assert_eq!(read(hayabusa, want), [Some("7".to_owned()), None]);
    }
}

#[test]
fn a_table_of_another_product_with_an_event_id_is_none_of_windows() {
    let format = |columns: &str| {
        let temp = tempfile::tempdir().unwrap();
        let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
        let row = "2026-03-28 23:10:04,1,a,10.0.0.5,203.0.113.9,5000000";
        std::fs::write(path("e.csv"), format!("{columns}\n{row}\n{row}\n")).unwrap();
        crate::support::exfiltrace(&["scan", "-q", "--no-builtin", &path("e.csv"), "--out", &path("case")]);
        let moved = std::fs::read_to_string(path("case/transfers.jsonl")).unwrap();
        let coverage = std::fs::read_to_string(path("case/coverage.json")).unwrap();
        let coverage: serde_json::Value = serde_json::from_str(&coverage).unwrap();
        (coverage["sources"][0]["format"].as_str().unwrap().to_owned(), moved.contains("203.0.113.9"))
    };
    for named in ["Channel", "SourceName", "source_name"] {
        let columns = format!("Date,EventID,{named},SourceIp,DestinationIp,Bytes Sent");
        assert_eq!(format(&columns), ("csv".to_owned(), true), "{named}");
    }
    for columns in ["TimeCreated,EventID,Channel,Computer,x,y", "@timestamp,winlog.event_id,winlog.channel,a,b,c"] {
        assert_eq!(format(columns).0, "windows_json", "{columns}");
    }
}

#[test]
fn a_log_that_was_cleared_is_so_in_hayabusas_timeline_too() {
    let gaps = |name: &str, log: &str| {
        let temp = tempfile::tempdir().unwrap();
        let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
        std::fs::write(path(name), log).unwrap();
        crate::support::exfiltrace(&["scan", "-q", "--no-builtin", &path(name), "--out", &path("case")]);
        let coverage = std::fs::read_to_string(path("case/coverage.json")).unwrap();
        let coverage: serde_json::Value = serde_json::from_str(&coverage).unwrap();
        coverage["sources"][0]["gaps"].clone()
    };
    let head = "\"Timestamp\",\"RuleTitle\",\"Level\",\"Computer\",\"Channel\",\"EventID\",\"RecordID\",\"Details\",\"ExtraFieldInfo\",\"RuleID\"\n";
    let row = |channel: &str, id: u32| {
        format!(
            "\"2026-03-28 23:10:04.511 +00:00\",\"Log Cleared\",\"high\",\"rv-dc01\",\"{channel}\",{id},7,\"User: alice\",\"-\",\"c\"\n"
        )
    };
    let line = json!({"Timestamp": "2026-03-28 23:10:04.511 +00:00", "RuleTitle": "Log Cleared", "Level": "high", "Computer": "rv-dc01",
        "Channel": "Sec", "EventID": 1102, "RecordID": 7, "Details": {"User": "alice"}, "RuleID": "c"});
    let cleared = json!([{"source": "e.csv", "from": null, "to": "2026-03-28T23:10:04.511Z", "reason": "cleared",
        "log": {"host": "rv-dc01", "channel": "Security", "scopes": []}}]);
    // One event has as many rows as rules.
    assert_eq!(gaps("e.csv", &(head.to_owned() + &row("Sec", 1102).repeat(2))), cleared);
    assert_eq!(gaps("e.json", &format!("{line}\n"))[0]["reason"], "cleared");
    for (channel, id) in [("App", 1102), ("Sec", 4624)] {
        assert_eq!(gaps("e.csv", &(head.to_owned() + &row(channel, id))), json!([]), "{channel} {id}");
    }
}

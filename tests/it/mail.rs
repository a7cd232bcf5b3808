//! Mail that leaves: by whose mail systems it goes, whatever servers it takes.

use std::fmt::Write as _;
use std::fs;

use serde_json::Value;

use crate::support::exfiltrace;

/// Exchange's tracking: event, client, server, sender, recipients.
fn tracked(of: &[[&str; 5]]) -> String {
    let head = "#Software: Microsoft Exchange Server\n#Log-type: Message Tracking Log\n#Fields: date-time,client-ip,\
        client-hostname,server-ip,server-hostname,source-context,connector-id,source,event-id,internal-message-id,message-id,\
        network-message-id,recipient-address,recipient-status,total-bytes,recipient-count,related-recipient-address,reference,\
        message-subject,sender-address,return-path,message-info,directionality,tenant-id,original-client-ip,original-server-ip\n";
    let mut text = head.to_owned();
    for minute in 0..10 {
        for [event, client, server, from, to] in of {
            let _ = writeln!(
                text,
                "2026-03-02T10:{minute:02}:05.000Z,{client},HC-EX01,{server},mx.hc.example,,Out,SMTP,{event},{minute},\
                 <m{minute}@hc.example>,n{minute},{to},250 OK,5000000,1,,,files,{from},{from},,Originating,,10.1.1.5,10.1.0.30"
            );
        }
    }
    text
}

/// Of each transfer by mail: from, to, accounts, bytes at least.
fn told(name: &str, log: &str, scopes: &str) -> Vec<String> {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    fs::create_dir(path("logs")).unwrap();
    fs::write(path(&format!("logs/{name}")), log).unwrap();
    fs::write(path("scopes.toml"), scopes).unwrap();
    exfiltrace(&["scan", "-q", &path("logs"), "--scopes", &path("scopes.toml"), "--out", &path("case")]);
    let rows = fs::read_to_string(path("case/transfers.jsonl")).unwrap();
    let rows = rows.lines().map(|row| serde_json::from_str::<Value>(row).unwrap()).filter(|t| t["route"] == "email");
    let word = |t: Value| format!("{} {} {} {}", t["scope"], t["from"], t["to"], t["accounts"]).replace('"', "");
    rows.map(|t| format!("{} {}", word(t.clone()), t["bytes"]["lower"])).collect()
}

const SCOPES: &str =
    "[[scope]]\nname = \"hc\"\ncidr = [\"10.1.0.0/16\"]\nmail = [\"hc.example\", \"hc-housing.example\"]\n";
const ME: &str = "j.doe@hc.example";

#[test]
fn mail_over_a_relay_inside_leaves_and_counts_once_whatever_records_it_has() {
    let log = tracked(&[
        ["RECEIVE", "10.1.1.5", "10.1.0.30", ME, "drop@evil.example"],
        ["SENDEXTERNAL", "10.1.0.30", "10.1.0.31", ME, "k@hc.example;drop@evil.example"],
    ]);
    assert_eq!(told("MSGTRK.LOG", &log, SCOPES), ["hc 10.1.0.30 evil.example [j.doe@hc.example] 50000000"]);
}

#[test]
fn mail_to_several_leads_to_those_outside_and_a_mail_that_is_sent_on_keeps_its_sender() {
    let log = |to: &str| tracked(&[["SENDEXTERNAL", "10.1.0.30", "10.1.0.31", ME, to]]);
    let own = told("MSGTRK.LOG", &log("k@hc-housing.example;drop@evil.example"), SCOPES);
    assert_eq!(own, ["hc 10.1.0.30 evil.example [j.doe@hc.example] 50000000"]);
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("MSGTRK.LOG"), log("a@partner.example;drop@evil.example")).unwrap();
    fs::write(path("scopes.toml"), SCOPES).unwrap();
    exfiltrace(&["scan", "-q", &path("MSGTRK.LOG"), "--scopes", &path("scopes.toml"), "--out", &path("case")]);
    let rows = fs::read_to_string(path("case/transfers.jsonl")).unwrap();
    let both: Value = serde_json::from_str(rows.lines().next().unwrap()).unwrap();
    assert_eq!(
        (both["to"].as_str(), &both["to_names"]),
        (Some("partner.example"), &serde_json::json!(["evil.example"]))
    );

    let forwarded = tracked(&[["SEND", "10.1.0.30", "203.0.113.9", "boss@partner.example", "drop@evil.example"]]);
    assert_eq!(told("MSGTRK.LOG", &forwarded, SCOPES).len(), 1);
}

#[test]
fn mail_that_comes_or_stays_does_not_leave() {
    let none: [String; 0] = [];
    let log = tracked(&[
        ["SEND", "10.1.0.30", "10.1.0.31", ME, "k@hc-housing.example"],
        ["RECEIVE", "198.51.100.9", "10.1.0.30", "a@evil.example", ME],
        ["SEND", "10.1.0.31", "10.1.0.30", "a@evil.example", ME],
        ["DELIVER", "10.1.0.30", "10.1.0.30", ME, "k@hc.example"],
    ]);
    assert_eq!(told("MSGTRK.LOG", &log, SCOPES), none);
}

#[test]
fn a_trace_of_exchange_online_tells_where_mail_went_without_any_server() {
    let head = "origin_timestamp_utc,sender_address,recipient_status,message_subject,total_bytes,message_id,\
                network_message_id,original_client_ip,directionality\n";
    let row = |from: &str, to: &str, way: &str| {
        format!("2026-03-02T10:00:05.123Z,{from},{to}##Receive,Plan,5000000,<x@hc.example>,n1,192.0.2.10,{way}\n")
    };
    let rows = [
        row(ME, "drop@evil.example", "Originating"),
        row(ME, "k@hc.example", "Originating"),
        row("a@evil.example", ME, "Incoming"),
    ];
    let log = head.to_owned() + &rows.concat();
    assert_eq!(told("trace.csv", &log, SCOPES), ["hc j.doe@hc.example evil.example [j.doe@hc.example] 5000000"]);
    let told = told("trace.csv", &log, "");
    assert_eq!(
        told,
        ["unattributed j.doe@hc.example evil.example [j.doe@hc.example] 5000000"],
        "nobody told any domain"
    );
}

/// What a client writes into its certificate lets nobody in.
#[test]
fn the_account_of_a_mail_is_the_one_that_exim_let_in() {
    use exfiltrace::model::fields::Canon;
    let account = |more: &str| {
        let line = format!(
            "2026-03-28 23:10:04 1rpqXX-0003aB-1C <= alice@example.com H=pc.example.com [192.0.2.10]:51234 P=esmtpsa {more}S=4096 id=a@x\n"
        );
        let mut told = String::new();
        crate::support::each_record(b"mainlog", &line.repeat(3), &mut |_, format, fields, _| {
            let of = |canon| fields.text(canon).unwrap_or("-").to_owned();
            told = format!("{format} {} {}", of(Canon::UserName), of(Canon::SourceBytes));
        });
        told
    };
    assert_eq!(account("X=TLS1.3:TLS_AES_256_GCM_SHA384:256 A=login:alice "), "exim alice 4096");
    assert_eq!(account("X=TLS1.3:x:A=login:eve CV=no A=login:alice "), "exim alice 4096");
    assert_eq!(account("X=TLS1.3:x CV=yes DN=\"/CN=a A=login:eve S=7\" A=login:alice "), "exim alice 4096");
    assert_eq!(account("X=TLS1.3:A=login:eve "), "exim - 4096");
    assert_eq!(account("X=TLS1.3:x DN=\"/CN=a A=login:eve x\" "), "exim - 4096");
    assert_eq!(account(""), "exim - 4096");
}

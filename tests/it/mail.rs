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
    told_of(&[(name, log)], scopes)
}

/// The same of several logs.
fn told_of(logs: &[(&str, &str)], scopes: &str) -> Vec<String> {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    fs::create_dir(path("logs")).unwrap();
    logs.iter().for_each(|(name, log)| fs::write(path(&format!("logs/{name}")), log).unwrap());
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

/// Exim's lines of one mail of 5 MB: who handed it in, what became of it; in syslog where a host wrote them.
fn exim(host: &str, came: &str, became: &[&str]) -> String {
    let mut log = String::new();
    for minute in 0..10 {
        let mut line = |second: u32, rest: &str| {
            let stamp = format!("10:{minute:02}:{second:02}");
            let id = format!("1rpqX{minute}-0003aB-1C");
            let _ = match host {
                "" => writeln!(log, "2026-03-02 {stamp} {id} {rest}"),
                host => writeln!(log, "Mar  2 {stamp} {host} exim[2211]: {id} {rest}"),
            };
        };
        line(
            1,
            &format!(
                "<= {came} P=esmtpsa X=TLS1.3:TLS_AES_256_GCM_SHA384:256 A=login:j.doe S=5000000 id=m{minute}@hc.example"
            ),
        );
        became.iter().for_each(|rest| line(2, rest));
        line(3, "Completed");
    }
    log
}

const EXIM_IN: &str = "j.doe@hc.example H=pc5.hc.example [10.1.1.5]:51234";
const EXIM_OUT: &str =
    "=> drop@evil.example R=dnslookup T=remote_smtp H=mx.evil.example [203.0.113.25]:25 C=\"250 OK\"";

#[test]
fn what_exim_hands_on_has_the_size_and_the_sender_that_its_log_says_where_the_mail_came() {
    let more = [
        EXIM_OUT,
        "-> drop2@evil.example R=dnslookup T=remote_smtp H=mx.evil.example [203.0.113.25]:25 C=\"250 OK\"",
        "=> a@partner.example R=dnslookup T=remote_smtp H=mx.partner.example [203.0.113.26]:25 C=\"250 OK\"",
        "=> k <k@hc.example> R=local_user T=maildir_home",
    ];
    let of = |from: &str, to: &str| format!("hc {from} {to} [j.doe@hc.example] 50000000");
    let both = |from: &str| vec![of(from, "evil.example"), of(from, "partner.example")];
    assert_eq!(told("exim_mainlog", &exim("", EXIM_IN, &more), SCOPES), both("10.1.1.5"));
    let scopes = format!("{SCOPES}[[host]]\nname = \"hc-mx\"\nscope = \"hc\"\n");
    assert_eq!(told("mail.log", &exim("hc-mx", EXIM_IN, &more), &scopes), both("hc-mx"));
    let twice = [EXIM_OUT, &EXIM_OUT.replace("drop@", "drop2@")];
    let twice = told("exim_mainlog", &exim("", EXIM_IN, &twice), SCOPES);
    assert_eq!(twice, ["hc 10.1.1.5 evil.example [j.doe@hc.example] 100000000"], "a delivery of its own");
}

#[test]
fn what_exim_keeps_and_does_not_deliver_does_not_leave() {
    let none: [String; 0] = [];
    let failed = [
        "** drop@evil.example R=dnslookup T=remote_smtp H=mx.evil.example [203.0.113.25]:25: SMTP error from remote mail server: 550 no",
        "== a@partner.example R=dnslookup T=remote_smtp defer (110): Connection timed out H=mx.partner.example [203.0.113.26]",
        "=> k <k@hc.example> R=local_user T=maildir_home",
        "=> k@hc-housing.example R=smart T=remote_smtp H=ex.hc.example [10.1.0.30]:25 C=\"250 OK\"",
    ];
    assert_eq!(told("exim_mainlog", &exim("", EXIM_IN, &failed), SCOPES), none);
    let came = exim(
        "",
        "a@evil.example H=mx.evil.example [203.0.113.25]:51234",
        &["=> j.doe@hc.example R=smart T=remote_smtp H=ex.hc.example [10.1.0.30]:25 C=\"250 OK\""],
    );
    assert_eq!(told("exim_mainlog", &came, SCOPES), none);
}

#[test]
fn a_mail_of_exim_that_a_rotation_cut_has_its_size_and_who_handed_it_in() {
    let log = exim("", EXIM_IN, &[EXIM_OUT]);
    let (first, second): (Vec<&str>, Vec<&str>) = log.lines().partition(|line| line.contains("<="));
    let early = first.join("\n").replace("2026-03-02 10", "2026-03-02 08");
    let cut = told_of(&[("exim_mainlog.1", &early), ("exim_mainlog", &second.join("\n"))], SCOPES);
    assert_eq!(cut, ["hc 10.1.1.5 evil.example [j.doe@hc.example] 50000000"]);
}

/// Sendmail's lines of one mail of 5 MB to so many.
fn sendmail(recipients: u32, became: &[&str]) -> String {
    let mut log = String::new();
    for minute in 0..10 {
        let mut line = |second: u32, rest: &str| {
            let _ =
                writeln!(log, "Mar  2 10:{minute:02}:{second:02} hc-mx sendmail[811]: 62LX00{minute:02}012345: {rest}");
        };
        let relay = "relay=ex.hc.example [10.1.0.30]";
        let msgid = format!("msgid=<m{minute}@hc.example>, proto=ESMTP, daemon=MTA");
        line(1, &format!("from=<j.doe@hc.example>, size=5000000, class=0, nrcpts={recipients}, {msgid}, {relay}"));
        became.iter().for_each(|rest| line(4, rest));
    }
    log
}

const DELAYS: &str = "delay=00:00:04, xdelay=00:00:03";
const SENT_TO_EVIL: &str =
    "mailer=esmtp, pri=105333, relay=mx.evil.example. [203.0.113.25], dsn=2.0.0, stat=Sent (250 2.0.0 OK)";

#[test]
fn what_sendmail_hands_on_has_the_size_that_its_queue_says() {
    let to = |to: &str, rest: &str| format!("to={to}, {DELAYS}, {rest}");
    let one = "hc hc-mx evil.example [j.doe@hc.example] 50000000";
    let scopes = format!("{SCOPES}[[host]]\nname = \"hc-mx\"\nscope = \"hc\"\n");
    let told = |recipients, became: &[&str]| told("maillog", &sendmail(recipients, became), &scopes);
    assert_eq!(told(1, &[&to("<drop@evil.example>", SENT_TO_EVIL)]), [one]);
    // Of several in one line one is outside; two lines to one server are one mail.
    assert_eq!(told(2, &[&to("<k@hc.example>,<drop@evil.example>", SENT_TO_EVIL)]), [one]);
    let two = [to("<drop@evil.example>", SENT_TO_EVIL), to("<drop2@evil.example>", SENT_TO_EVIL)];
    assert_eq!(told(2, &[&two[0], &two[1]]), [one]);

    let none: [String; 0] = [];
    for kept in [
        to("<drop@evil.example>", &SENT_TO_EVIL.replace("Sent (250 2.0.0 OK)", "Deferred: Connection timed out")),
        to(
            "<drop@evil.example>",
            &SENT_TO_EVIL.replace("dsn=2.0.0, stat=Sent (250 2.0.0 OK)", "dsn=5.1.1, stat=User unknown"),
        ),
        to("<k@hc.example>", "mailer=local, pri=105333, dsn=2.0.0, stat=Sent"),
        to("<k@other.example>", "mailer=cyrusv2, pri=105333, relay=localhost, dsn=2.0.0, stat=Sent"),
        to(
            "<k@hc-housing.example>",
            "mailer=relay, pri=105333, relay=[127.0.0.1] [127.0.0.1], dsn=2.0.0, stat=Sent (accepted)",
        ),
    ] {
        assert_eq!(told(1, &[&kept]), none, "{kept}");
    }
}

/// Postfix on the relay of the organisation: mails of so many bytes from the 25th second of each of these minutes on.
fn relayed(minutes: std::ops::Range<u32>, from: &str, size: u64) -> String {
    let mut log = String::new();
    for minute in minutes {
        let mut line = |second: u32, rest: &str| {
            let _ = writeln!(log, "Mar  2 10:{minute:02}:{second:02} hc-mx1 postfix/{rest}");
        };
        let id = format!("4B{minute}A");
        line(25, &format!("qmgr[7]: {id}: from=<{from}>, size={size}, nrcpt=1 (queue active)"));
        line(
            26,
            &format!(
                "smtp[9]: {id}: to=<drop@evil.example>, relay=mx.evil.example[203.0.113.25]:25, delay=1.2, \
             delays=0.1/0/0.5/0.6, dsn=2.0.0, status=sent (250 2.0.0 Ok)"
            ),
        );
        line(27, &format!("qmgr[7]: {id}: removed"));
    }
    log
}

#[test]
fn a_mail_handed_to_a_server_inside_leaves_there_where_that_servers_log_tells_of_it_and_else_where_it_was_handed() {
    let relay = format!("{SCOPES}[[host]]\nname = \"hc-mx1\"\nip = [\"10.1.0.31\"]\nscope = \"hc\"\n");
    let first = "hc 10.1.0.30 evil.example [j.doe@hc.example] 50000000";
    let next = "hc hc-mx1 evil.example [j.doe@hc.example] 50005000";
    for event in ["SEND", "SENDEXTERNAL"] {
        let log = tracked(&[[event, "10.1.0.30", "10.1.0.31", ME, "k@hc.example;drop@evil.example"]]);
        let with = |postfix: &str, scopes: &str| told_of(&[("MSGTRK.LOG", &log), ("mail.log", postfix)], scopes);
        assert_eq!(with(&relayed(0..10, ME, 5_000_500), &relay), [next], "{event}");
        assert_eq!(told("MSGTRK.LOG", &log, &relay), [first], "its log is not there");
        // It tells of a part, of other mails, or is not known to be that server's: both are told.
        assert!(with(&relayed(0..9, ME, 5_000_500), &relay).contains(&first.to_owned()), "one is missing");
        assert!(with(&relayed(0..10, ME, 4_000_000), &relay).contains(&first.to_owned()), "they are smaller");
        let other = relayed(0..10, "k@hc.example", 5_000_500);
        assert!(with(&other, &relay).contains(&first.to_owned()), "of somebody else");
        let later = relayed(0..10, ME, 5_000_500).replace("Mar  2 10", "Mar  2 19");
        assert!(with(&later, &relay).contains(&first.to_owned()), "at another time");
        assert!(with(&relayed(0..10, ME, 5_000_500), SCOPES).contains(&first.to_owned()), "of a server of no address");
    }
}

#[test]
fn a_mail_that_goes_over_several_servers_inside_leaves_at_the_last_one() {
    let out = ["SEND", "10.1.0.32", "203.0.113.25", ME, "drop@evil.example"];
    let hops = [
        ["SEND", "10.1.0.30", "10.1.0.31", ME, "drop@evil.example"],
        ["SEND", "10.1.0.31", "10.1.0.32", ME, "drop@evil.example"],
    ];
    let of = |from: &str| format!("hc {from} evil.example [j.doe@hc.example] 50000000");
    assert_eq!(told("MSGTRK.LOG", &tracked(&[hops[0], hops[1], out]), SCOPES), [of("10.1.0.32")]);
    assert_eq!(told("MSGTRK.LOG", &tracked(&hops), SCOPES), [of("10.1.0.31")]);
    // A server that gives it back tells of nothing that the first one does not.
    let back = ["SEND", "10.1.0.31", "10.1.0.30", ME, "drop@evil.example"];
    assert!(told("MSGTRK.LOG", &tracked(&[hops[0], back]), SCOPES).contains(&of("10.1.0.30")));
    // Exim's own log does not name its host: it says who handed the mail in.
    let exim = exim("", "j.doe@hc.example H=ex.hc.example [10.1.0.30]:51234", &[EXIM_OUT]);
    let both = told_of(&[("MSGTRK.LOG", &tracked(&hops[..1])), ("exim_mainlog", &exim)], SCOPES);
    assert_eq!(both, [of("10.1.0.30")]);
}

/// Whose data it is goes before how often it is told.
#[test]
fn a_mail_that_the_next_server_tells_as_another_ones_stays_the_first_ones() {
    let scopes = "[[scope]]\nname = \"a\"\ncidr = [\"10.1.0.0/16\"]\n[[scope]]\nname = \"b\"\ncidr = [\"10.2.0.0/16\"]\n\
                  mail = [\"b.example\"]\n";
    let log = tracked(&[
        ["SENDEXTERNAL", "10.1.0.30", "10.2.0.31", ME, "drop@evil.example"],
        ["SEND", "10.2.0.31", "203.0.113.25", ME, "drop@evil.example"],
    ]);
    let told = told("MSGTRK.LOG", &log, scopes);
    assert!(told.iter().any(|told| told.starts_with("a 10.1.0.30 evil.example")), "{told:?}");
}

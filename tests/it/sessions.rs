//! Traffic that several records tell of together: sessions that are logged while they last, and records that are halves.

use std::fmt::Write as _;
use std::fs;

use exfiltrace::detect::{Program, Routing};
use exfiltrace::discover::Root;
use exfiltrace::indicators::Builder;
use exfiltrace::model::block::CELL_BYTES;
use exfiltrace::model::scopes::Scopes;
use exfiltrace::scan;

use crate::support::plan_with;

fn no_rules() -> Program {
    Program::compile(Vec::<(String, String)>::new(), Routing::Auto).0
}

/// Of each transfer out of these files: from, to, accounts, bytes at least and at most.
fn told_on(files: &[(&str, String)], (cell_bytes, threads): (usize, usize)) -> Vec<String> {
    let temp = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(temp.path().join(name), text).unwrap();
    }
    let root = Root { name: b"logs".to_vec(), path: Some(temp.path().to_owned()) };
    let mut plan = plan_with(no_rules(), vec![root], Scopes::default(), Builder::new());
    (plan.cell_bytes, plan.threads) = (cell_bytes, threads);
    let outcome = scan::scan(&plan).unwrap();
    let told = outcome.transfers.iter().map(|t| {
        let (least, most) = (t.bytes.lower, t.bytes.upper.map_or("?".to_owned(), |most| most.to_string()));
        format!("{} {} {} {least} {most}", t.from, t.to, t.accounts.join(","))
    });
    told.collect()
}

/// The same, which must not rest on where blocks end, nor on threads.
fn told(files: &[(&str, String)]) -> Vec<String> {
    let whole = told_on(files, (CELL_BYTES, 2));
    for cut in [(64, 1), (64, 3), (300, 2)] {
        assert_eq!(told_on(files, cut), whole, "{cut:?}");
    }
    whole
}

/// The ways in which FortiGate writes a record.
const WAYS: [&str; 4] = ["kv", "syslog", "cef", "json"];

/// A record of a session: its minute, whether it ended, how much it sent so far, and since the last record.
fn record(way: &str, session: u32, (minute, ended): (u32, bool), sent: u64, since: Option<u64>) -> String {
    let (number, action, secs) = if ended { (13, "close", minute * 60) } else { (20, "accept", minute * 60) };
    match way {
        "kv" | "syslog" => {
            let head = if way == "kv" { String::new() } else { format!("Mar 28 10:{minute:02}:00 fg1 ") };
            let since = since.map_or(String::new(), |since| format!(" sentdelta={since} rcvddelta=1"));
            format!(
                "{head}date=2026-03-28 time=10:{minute:02}:00 tz=\"+0000\" devname=\"fg1\" logid=\"{number:010}\" type=\"traffic\" \
                 subtype=\"forward\" srcip=10.0.0.5 dstip=203.0.113.9 dstport=443 sessionid={session} action=\"{action}\" \
                 duration={secs} sentbyte={sent} rcvdbyte=10{since}\n"
            )
        }
        "cef" => {
            let since = since.map_or(String::new(), |since| format!(" FTNTFGTsentdelta={since} FTNTFGTrcvddelta=1"));
            format!(
                "CEF:0|Fortinet|Fortigate|v7.2|{number:05}|traffic:forward {action}|3|rt=2026-03-28T10:{minute:02}:00Z \
                 dvchost=fg1 cat=traffic:forward src=10.0.0.5 dst=203.0.113.9 dpt=443 externalId={session} act={action} \
                 FTNTFGTduration={secs} out={sent} in=10{since}\n"
            )
        }
        _ => {
            let since = since.map_or(String::new(), |since| format!(",\"sentdelta\":{since}"));
            format!(
                "{{\"timestamp\":\"2026-03-28T10:{minute:02}:00Z\",\"devname\":\"fg1\",\"logid\":\"{number:010}\",\"type\":\"traffic\",\
                 \"srcip\":\"10.0.0.5\",\"dstip\":\"203.0.113.9\",\"dstport\":443,\"sessionid\":{session},\"action\":\"{action}\",\
                 \"duration\":{secs},\"sentbyte\":{sent},\"rcvdbyte\":10{since}}}\n"
            )
        }
    }
}

/// Records of a session that lasts, every two minutes; `delta`: whether each says what moved since the one before.
fn lasting(way: &str, session: u32, minutes: std::ops::Range<u32>, delta: bool) -> String {
    let each = minutes.step_by(2).map(|minute| {
        let sent = u64::from(minute) * 1_000_000;
        record(way, session, (minute, false), sent, delta.then_some(2_000_000))
    });
    each.collect()
}

#[test]
fn a_session_counts_once_however_often_it_is_logged() {
    for way in WAYS {
        for delta in [true, false] {
            let lasts = lasting(way, 7, 2..14, delta);
            let ends = record(way, 7, (14, true), 14_500_000, None);
            let short = record(way, 8, (0, true), 300, None).repeat(3);
            let whole = "10.0.0.5 203.0.113.9  14500900 14500900";
            assert_eq!(told(&[("f.log", format!("{short}{lasts}{ends}"))]), [whole], "{way} {delta}");
            let open = "10.0.0.5 203.0.113.9  12000900 12000900";
            assert_eq!(told(&[("f.log", format!("{short}{lasts}"))]), [open], "{way} {delta}, it goes on");
        }
    }
}

#[test]
fn a_session_that_goes_on_in_the_next_file_counts_once() {
    let (first, second) = (lasting("kv", 7, 2..8, true), lasting("kv", 7, 8..14, true));
    let ends = record("kv", 7, (14, true), 14_500_000, None);
    let files = |second: String| [("f.log.1", first.clone()), ("f.log", second)];
    assert_eq!(told(&files(second.clone() + &ends)), ["10.0.0.5 203.0.113.9  14500000 14500000"]);
    assert_eq!(told(&files(second)), ["10.0.0.5 203.0.113.9  12000000 12000000"], "it goes on");
    assert_eq!(told(&[("f.log", ends.clone())]), ["10.0.0.5 203.0.113.9  14500000 14500000"], "it began before");
    // Another firewall counts its sessions by itself, and may have seen the same.
    let other = ends.replace("fg1", "fg2");
    assert_eq!(told(&[("f.log", first.clone() + &other)]), ["10.0.0.5 203.0.113.9  14500000 20500000"]);
}

#[test]
fn what_a_security_profile_says_of_a_request_is_not_added_to_its_session() {
    let session = record("kv", 9, (2, true), 70_400_000, None);
    let profile =
        session.replace("0000000013", "0316013056").replace("\"traffic\"", "\"utm\"").replace("70400000", "70000000");
    let profile = profile.trim_end().to_owned() + " hostname=\"drop.example\" url=\"https://drop.example/up\"\n";
    let told = told(&[("f.log", profile.clone() + &session)]);
    assert_eq!(told, ["10.0.0.5 drop.example  70000000 70400000"]);
}

/// An SFTP server's log: openings and closings of many sessions at once, of which those of the last process have no opening.
#[test]
fn files_that_a_server_gave_out_went_to_who_opened_the_session() {
    for program in ["internal-sftp", "sftp-server", "sshd-session"] {
        let mut log = String::new();
        for pid in 0..40 {
            let who = 50 + pid % 2;
            let _ = writeln!(
                log,
                "Mar 28 23:10:04 files1 {program}[{pid}]: session opened for local user u{who} from [203.0.113.{who}]"
            );
        }
        for pid in 0..41 {
            let _ = writeln!(log, "Mar 28 23:11:04 files1 {program}[{pid}]: open \"/a b\" flags READ mode 0666");
            let _ =
                writeln!(log, "Mar 28 23:12:04 files1 {program}[{pid}]: close \"/a b\" bytes read 5000000 written 70");
        }
        // A number is given to another process once more.
        log += &format!("Mar 28 23:13:04 files1 {program}[0]: session opened for local user u51 from [203.0.113.51]\n");
        log += &format!("Mar 28 23:14:04 files1 {program}[0]: close \"/c\" bytes read 1000000 written 0\n");
        // And to one of which the address is not known.
        log += &format!("Mar 28 23:13:04 files1 {program}[1]: session opened for local user u9 from [UNKNOWN]\n");
        log += &format!("Mar 28 23:14:04 files1 {program}[1]: close \"/c\" bytes read 9000000 written 0\n");
        // Another host's process of that number is another one.
        log += &format!("Mar 28 23:14:04 files2 {program}[3]: close \"/c\" bytes read 1000000 written 0\n");
        let told = told(&[("auth.log", log)]);
        assert_eq!(
            told,
            ["files1 203.0.113.50 u50 100000000 100000000", "files1 203.0.113.51 u51 101000000 101000000"]
        );
    }
}

/// Serv-U names the client when it connects, and the bytes of a file with the number of the session alone.
#[test]
fn files_of_a_session_went_to_who_connected_under_its_number() {
    let line = |number: u32, rest: &str| format!("[03] Sat 28Mar26 23:12:00 - (00{number}) {rest}\n");
    let connected = |number, who: &str| line(number, &format!("Connected to {who} (local address 10.0.0.8, port 22)"));
    let sent = |number, bytes: u64| {
        line(number, &format!("Sent file \"D:\\up\\a.zip\" successfully (12,345.67 kB/sec - {bytes} bytes)"))
    };
    let mut log = connected(1201, "203.0.113.9") + &connected(1202, "203.0.113.10");
    log += &(sent(1201, 7_000_000) + &sent(1202, 500_000) + &sent(1201, 1_000_000));
    log += &line(1201, "Received file \"D:\\up\\tool.exe\" successfully (5.67 kB/sec - 4096 bytes)");
    // Of a session that was opened before the log begins it is not known who has the file.
    log += &sent(1100, 90_000_000);
    let told = told(&[("serv-u.log", log)]);
    assert_eq!(told, ["10.0.0.8 203.0.113.10  500000 500000", "10.0.0.8 203.0.113.9  8000000 8000000"]);
}

/// WinSCP names the server in the head of a session, and the bytes of each file further down.
#[test]
fn files_of_a_client_went_to_the_server_of_the_session() {
    let line = |rest: &str| format!(". 2026-03-28 23:10:04.410 {rest}\n");
    let sent = |bytes: u64| line(&format!("Transfer done: 'C:\\data\\a.zip' => '/up/a.zip' [{bytes}]"));
    let mut log = line("Host name: files.example (Port: 22)") + &line("User name: drop (Password: Yes)");
    log += &(sent(7_000_000) + &sent(1_000_000));
    log += &line("Transfer done: '/up/tool.exe' => 'C:\\data\\tool.exe' [4096]");
    log += &(line("Host name: 203.0.113.9 (Port: 22)") + &sent(500_000));
    // An apostrophe in a name ends no name.
    log += &line("Transfer done: 'C:\\data\\O'Brien' [7].zip' => '/up/O'Brien' [7].zip' [2000000]");
    let told = told(&[("winscp.log", log)]);
    assert_eq!(
        told,
        ["logs/winscp.log 203.0.113.9  2500000 2500000", "logs/winscp.log files.example  8000000 8000000"]
    );
}

/// FileZilla's logs say that a file went, to whom, and not how much.
#[test]
fn files_whose_bytes_no_log_states_left_all_the_same() {
    let line = |rest: &str| format!("2026-03-28 23:10:04 4236 1 {rest}\n");
    let client = line("Status: Connecting to 203.0.113.9:21...")
        + &line("Status: Starting upload of C:\\data\\plans.zip")
        + &line("Status: Starting download of /up/tool.exe");
    let server = "2026-03-28T23:10:06.112Z >> [FTP Session 12 198.51.100.9 alice] RETR plans.zip\n\
                  2026-03-28T23:10:07.112Z >> [FTP Session 13 198.51.100.8 bob] STOR in.zip\n";
    assert_eq!(told(&[("fz.log", client)]), ["logs/fz.log 203.0.113.9  0 ?"]);
    assert_eq!(told(&[("fzs.log", server.to_owned())]), ["logs/fzs.log 198.51.100.9 alice 0 ?"]);
}

/// FileZilla's client opens a session of SFTP by a command of its own, under the number of its engine.
#[test]
fn a_file_that_a_client_put_by_sftp_went_to_the_server_that_its_engine_opened() {
    let line = |engine: u32, rest: &str| format!("2026-03-28 23:10:04 4236 {engine} Command: {rest}\n");
    let put = "put \"C:\\data\\b.zip\" \"b.zip\"";
    let opened = line(2, "open \"drop@files.example\" 22");
    assert_eq!(told(&[("fz.log", opened.clone() + &line(2, put))]), ["logs/fz.log files.example drop 0 ?"]);
    assert!(told(&[("fz.log", opened.clone() + &line(2, "get \"/up/tool.exe\" \"C:\\tool.exe\""))]).is_empty());
    assert!(told(&[("fz.log", opened + &line(1, put))]).is_empty(), "of another engine");
}

/// rclone's log names no server: where to stands in its settings.
#[test]
fn files_that_went_to_a_destination_which_no_record_names_left_all_the_same() {
    let copied = |of: &str, said: &str, bytes: u64| {
        format!(
            "{{\"level\":\"info\",\"msg\":\"{said}\",\"object\":\"plans/a.zip\",\"objectType\":\"*{of}.Object\",\"size\":{bytes},\
             \"source\":\"operations/copy.go:360\",\"time\":\"2026-03-28T23:10:05.123+01:00\"}}\n"
        )
    };
    let sent = copied("local", "Copied (new)", 7_000_000) + &copied("local", "Multi-thread Copied (new)", 90_000_000);
    assert_eq!(told(&[("rclone.json", sent)]), ["logs/rclone.json (not named)  97000000 97000000"]);
    assert!(told(&[("rclone.json", copied("drive", "Copied (new)", 7_000_000))]).is_empty(), "of a remote");
    assert!(told(&[("rclone.json", copied("local", "Deleted", 7_000_000))]).is_empty());
    let line = |rest: &str| format!("2026/03/28 23:10:05 INFO  : plans/a.zip: {rest}\n");
    assert_eq!(
        told(&[("rclone.log", line("Copied (new)"))]),
        ["logs/rclone.log (not named)  0 ?"],
        "text says no bytes"
    );
    assert!(told(&[("rclone.log", line("Deleted") + &line("Removed directory"))]).is_empty());
    let within = line("Copied (server-side copy)") + &line("Moved (server-side)");
    assert!(told(&[("rclone.log", within)]).is_empty(), "a service copied it within itself");
    let named = line("Copied (server-side copy) to: b.zip: Copied (new)");
    assert_eq!(
        told(&[("rclone.log", named)]),
        ["logs/rclone.log (not named)  0 ?"],
        "no name of a file hides that it left"
    );
}

/// Two servers of files in folders of their own, and two logs of one in one folder.
#[test]
fn a_server_of_files_that_no_record_names_is_called_by_its_first_log() {
    let asked = |who: &str| format!("2026-03-28T23:10:06.112Z >> [FTP Session 12 {who} alice] RETR plans.zip\n");
    let old = "(000012)28/03/2026 23:10:06 - alice (198.51.100.9)> RETR plans.zip\n".to_owned();
    let both = [("fzs.log", asked("198.51.100.9")), ("fzs-old.log", old)];
    assert_eq!(told(&both), ["logs/fzs-old.log 198.51.100.9 alice 0 ?"]);
}

/// An ASA says who opened a connection in one record, and in another one what it moved both ways together.
#[test]
fn of_bytes_of_both_ways_together_none_left_at_least_and_all_at_most() {
    let line = |n: u32, rest: String| format!("Mar 10 2026 10:{n:02}:00 fw1 : %ASA-6-{rest}\n");
    let opened = |n: u32| {
        let (outer, inner) =
            ("outside:203.0.113.9/443 (203.0.113.9/443)", "inside:10.0.0.5/50000 (198.51.100.1/50000)");
        line(n, format!("302013: Built outbound TCP connection {n} for {outer} to {inner}"))
    };
    let over = |n: u32| {
        let sides = "outside:203.0.113.9/443 to inside:10.0.0.5/50000";
        line(n, format!("302014: Teardown TCP connection {n} for {sides} duration 0:00:10 bytes 900000000 TCP FINs"))
    };
    let served = |n: u32| {
        let sides = "outside:203.0.113.8/50000 to dmz:10.0.0.9/443";
        line(n, format!("302014: Teardown TCP connection {n} for {sides} duration 0:00:02 bytes 5000 TCP FINs"))
    };
    let all = |of: &[&dyn Fn(u32) -> String]| (0..50).flat_map(|n| of.iter().map(move |of| of(n))).collect::<String>();
    let asa = |text: String| told(&[("asa.log", text)]);
    let (went, answered) = ("10.0.0.5 203.0.113.9  0 45000000000", "10.0.0.9 203.0.113.8  0 250000");
    assert_eq!(asa(all(&[&opened, &over, &served])), [went, answered]);
    // One alone, too, as most logs of a day have of a host and a server.
    assert_eq!(asa(opened(1) + &over(1)), ["10.0.0.5 203.0.113.9  0 900000000"]);
    assert_eq!(asa(all(&[&over])), [went]);
    // Of one that is open still it is not known how much it moved.
    assert_eq!(asa(all(&[&opened, &over]) + &opened(55)), ["10.0.0.5 203.0.113.9  0 ?"]);
}

/// Postfix: sender and size stand in one record, each recipient in another one.
#[test]
fn a_mail_is_as_large_as_its_queue_says_and_counts_where_it_was_sent() {
    let line = |rest: &str| format!("Mar 28 23:10:04 mail1 postfix/{rest}\n");
    let queued = |id: &str, size: u64, to: u32| {
        line(&format!("qmgr[7]: {id}: from=<a@hc.example>, size={size}, nrcpt={to} (queue active)"))
    };
    let handed = |id: &str, to: &str, relay: &str, status: &str| {
        line(&format!(
            "smtp[9]: {id}: to=<{to}>, relay={relay}:25, delay=1.2, delays=0.1/0/0.5/0.6, dsn=2.0.0, status={status} (250 2.0.0 Ok)"
        ))
    };
    let (x, y, filter) = ("mx.x.example[203.0.113.9]", "mx.y.example[203.0.113.19]", "127.0.0.1[127.0.0.1]");
    let mut log = String::new();
    for n in 0..20 {
        let id = format!("4B{n}");
        log += &queued(&id, 1_000_000, 1);
        // A filter takes it, and hands it in once more under another number.
        log += &handed(&id, "b@x.example", filter, "sent");
        log += &queued(&format!("4C{n}"), 1_000_100, 1);
        log += &handed(&format!("4C{n}"), "b@x.example", x, "sent");
    }
    log += &queued("4D1", 5_000_000, 3);
    for (to, relay, status) in [
        ("c@x.example", x, "sent"),
        ("d@x.example", x, "sent"),
        ("e@y.example", y, "deferred"),
        ("e@y.example", y, "sent"),
    ] {
        log += &handed("4D1", to, relay, status);
    }
    log += &handed("4E9", "f@z.example", y, "sent");
    // A bounce has no sender.
    log += &queued("4F1", 300_000, 1).replace("a@hc.example", "");
    log += &handed("4F1", "g@y.example", y, "sent");
    let told = told(&[("mail.log", log)]);
    assert_eq!(
        told,
        ["mail1 x.example a@hc.example 25002000 25002000", "mail1 y.example a@hc.example 5300000 5300000"]
    );
}

#[test]
fn halves_without_the_other_one_leave_their_way_open() {
    let log = "Mar 28 23:12:04 files1 sftp-server[7]: close \"/c\" bytes read 1000000 written 0\n".to_owned();
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("auth.log"), log).unwrap();
    crate::support::exfiltrace(&["scan", "-q", &path("auth.log"), "--out", &path("case")]);
    let coverage: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(path("case/coverage.json")).unwrap()).unwrap();
    let source = &coverage["sources"][0];
    assert_eq!((&source["observes"][0], &source["unlogged"][0]), (&"sftp_ftp".into(), &"sftp_ftp".into()));
}

/// A gateway of tunnels sees who came and what inside systems they used; what leaves passes elsewhere.
#[test]
fn a_log_in_which_nothing_crosses_the_edge_shows_no_way_out() {
    let observed = |to: &str, action: &str| {
        let log = record("kv", 7, (2, true), 5000, None).replace("203.0.113.9", to).replace("\"close\"", action);
        let temp = tempfile::tempdir().unwrap();
        let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
        fs::write(path("f.log"), log).unwrap();
        crate::support::exfiltrace(&["scan", "-q", &path("f.log"), "--out", &path("case")]);
        let text = fs::read_to_string(path("case/coverage.json")).unwrap();
        let coverage: serde_json::Value = serde_json::from_str(&text).unwrap();
        coverage["sources"][0]["observes"].as_array().unwrap().len()
    };
    assert_eq!(observed("10.0.0.9", "\"close\""), 0);
    assert!(observed("203.0.113.9", "\"close\"") >= 6);
    assert!(observed("203.0.113.9", "\"deny\"") >= 6, "what was refused was seen");
}

/// What Zeek counts from sequence numbers is no more than what the packets had, where it missed none.
#[test]
fn a_packet_with_a_number_of_no_connection_moves_no_gigabytes() {
    let rows = [(900u64, 1200u64, 0), (4_294_967_295, 5000, 0), (2_000_000, 5000, 1_995_000), (900, 1200, 0)];
    let json = rows.map(|(data, packets, missed)| {
        format!(
            "{{\"ts\":1774739404.5,\"uid\":\"C1\",\"id.orig_h\":\"10.0.0.5\",\"id.orig_p\":51234,\"id.resp_h\":\"203.0.113.9\",\
             \"id.resp_p\":443,\"proto\":\"tcp\",\"orig_bytes\":{data},\"resp_bytes\":10,\"conn_state\":\"RSTO\",\
             \"missed_bytes\":{missed},\"orig_ip_bytes\":{packets},\"resp_ip_bytes\":500}}\n"
        )
    });
    let head = "#separator \\x09\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\torig_bytes\tresp_bytes\t\
                conn_state\tmissed_bytes\torig_ip_bytes\tresp_ip_bytes\n";
    let cells = rows.map(|(data, packets, missed)| {
        format!(
            "1774739404.5\tC1\t10.0.0.5\t51234\t203.0.113.9\t443\ttcp\t{data}\t10\tRSTO\t{missed}\t{packets}\t500\n"
        )
    });
    let wanted = ["10.0.0.5 203.0.113.9  2006800 2006800"];
    assert_eq!(told(&[("conn.log", json.concat())]), wanted);
    assert_eq!(told(&[("conn.log", head.to_owned() + &cells.concat())]), wanted);
}

/// Azure Storage, as exported by a diagnostic setting and by Log Analytics.
#[test]
fn the_body_of_a_refusal_is_no_content_and_a_container_is_known_by_its_name() {
    let rows = [(200, "Success", 1000), (403, "AuthorizationFailure", 500_000), (404, "BlobNotFound", 700_000)];
    let setting = rows.map(|(status, word, bytes)| {
        format!(
            "{{\"time\":\"2026-03-28T23:10:04Z\",\"operationName\":\"GetBlob\",\"category\":\"StorageRead\",\"resourceId\":\"/s/rvdata\",\
             \"statusCode\":{status},\"statusText\":\"{word}\",\"callerIpAddress\":\"203.0.113.9:1234\",\
             \"uri\":\"https://rvdata.blob.core.windows.net:443/pay/a.zip\",\"properties\":{{\"accountName\":\"rvdata\",\
             \"objectKey\":\"/rvdata/pay/a.zip\",\"responseBodySize\":{bytes},\"requestBodySize\":0}}}}\n"
        )
    });
    let table = rows.map(|(status, word, bytes)| {
        format!(
            "{{\"TimeGenerated\":\"2026-03-28T23:10:04Z\",\"OperationName\":\"GetBlob\",\"Category\":\"StorageRead\",\"TenantId\":\"t\",\
             \"StatusCode\":\"{status}\",\"StatusText\":\"{word}\",\"CallerIpAddress\":\"203.0.113.9:1234\",\
             \"ObjectKey\":\"/rvdata/pay/a.zip\",\"ResponseBodySize\":{bytes},\"RequestBodySize\":0}}\n"
        )
    });
    for text in [setting.concat(), table.concat()] {
        assert_eq!(told(&[("blob.json", text.clone())]), ["rvdata/pay 203.0.113.9  1000 1000"]);
        for (bucket, scope) in [("pay", "rv"), ("rvdata", "rv"), ("rvdata/pay", "rv"), ("data", "unattributed")] {
            let temp = tempfile::tempdir().unwrap();
            fs::write(temp.path().join("blob.json"), &text).unwrap();
            let root = Root { name: b"logs".to_vec(), path: Some(temp.path().to_owned()) };
            let scopes = toml::from_str(&format!("[[scope]]\nname = \"rv\"\nbuckets = [\"{bucket}\"]\n")).unwrap();
            let plan = plan_with(no_rules(), vec![root], scopes, Builder::new());
            let outcome = scan::scan(&plan).unwrap();
            assert_eq!(&*outcome.transfers[0].scope, scope, "{bucket}");
        }
    }
}

/// A rule over a statement that its client wrote over several lines.
#[test]
fn a_statement_of_several_lines_is_one_record() {
    let mysql = "/usr/sbin/mysqld, Version: 8.0.36 (MySQL Community Server - GPL). started with:\n\
        Tcp port: 3306  Unix socket: /run/mysqld.sock\nTime                 Id Command    Argument\n\
        2026-03-28T23:10:04.123456Z\t   12 Connect\troot@198.51.100.7 on shop using TCP/IP\n\
        2026-03-28T23:10:05.123456Z\t   12 Query\tSELECT *\n  FROM customers\n\n\tINTO OUTFILE '/tmp/c.csv'\n12 rows\n\
        2026-03-28T23:10:06.123456Z\t   12 Quit\t\n";
    let mariadb =
        "260328 23:10:05\t   13 Query\tSELECT *\nFROM customers\nINTO OUTFILE '/tmp/c.csv'\n\t\t   13 Quit\t\n";
    let postgres = "2026-03-28 23:10:05.1 UTC [812] a@shop LOG:  statement: SELECT *\n\tFROM customers INTO OUTFILE '/tmp/c.csv'\n\
        2026-03-28 23:10:06.1 UTC [812] a@shop LOG:  disconnection: session time: 0:00:02.000\n";
    let rule = |product: &str| {
        format!(
            "title: t\nid: 6f0c6d0e-1b1e-4a53-8d77-0d3f6f3a1c02\nlogsource:\n  product: {product}\ndetection:\n  s:\n    \
             message|contains|all: ['SELECT *', 'OUTFILE']\n  condition: s\nlevel: high\n"
        )
    };
    for (product, text, records) in [("mysql", mysql, 6), ("mysql", mariadb, 2), ("postgresql", postgres, 2)] {
        for cell_bytes in [32, 100, CELL_BYTES] {
            let source = crate::formats::scanned("db.log", text.as_bytes(), "", |plan| {
                let (program, problems) = Program::compile([("r.yml".into(), rule(product))], Routing::Any);
                assert!(problems.is_empty(), "{problems:?}");
                (plan.program, plan.cell_bytes) = (program, cell_bytes);
            });
            assert_eq!((source.entry.records, source.rules.held.len()), (records, 1), "{text} {:?}", source.entry);
        }
    }
}

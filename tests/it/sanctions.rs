//! Sanctioned entries by name, where the firewall knows addresses alone: what a log of the evidence itself joins is one transfer.

use serde_json::Value;

use crate::verdict::{Told, scan_with_transfers};

const NAME: &str = "backup.vendor.example";
const PLACE: &str = "203.0.113.9";
const SENT: u64 = 3_000_000_000;

/// The scopes, with an entry for the backup with these keys more.
fn scopes(destination: &str, more: &str) -> String {
    let hosts: String =
        [("hc-fs01", "10.1.5.11", "files"), ("hc-proxy", "10.1.0.2", "proxy"), ("hc-db", "10.1.0.3", "db")]
            .map(|(name, ip, role)| {
                format!("[[host]]\nname = '{name}'\nip = ['{ip}']\nscope = 'hc'\nrole = '{role}'\n")
            })
            .concat();
    format!(
        "[[scope]]\nname = 'hc'\ncidr = ['10.1.0.0/16']\n{hosts}[[sanctioned]]\ndestination = ['{destination}']\nwhy = 'nightly backup'\n{more}\n"
    )
}

/// A session of the firewall of ten minutes, which knows no name.
fn edge(clock: &str, from: &str, bytes: u64) -> String {
    format!(
        "date=2026-03-02 time={clock} tz=\"+0000\" devname=\"hc-edge\" logid=\"0000000013\" type=\"traffic\" srcip={from} srcport=51514 \
         dstip={PLACE} dstport=443 proto=6 action=\"close\" duration=600 sentbyte={bytes} rcvdbyte=900\n"
    )
}

/// Squid's line of a tunnel: it tells name and address, and not what was sent.
fn squid(hour: i64, from: &str, name: &str) -> String {
    let at = 1_772_409_600 + hour * 3600 + 1200;
    format!("{at}.100 600000 {from} TCP_TUNNEL/200 4000 CONNECT {name}:443 - HIER_DIRECT/{PLACE} -\n")
}

/// A proxy's line of an upload, without the address that it led to.
fn nameless(clock: &str, from: &str, name: &str, bytes: u64) -> String {
    "#Software: SGOS\n#Fields: date time c-ip cs-method cs-uri cs-host r-ip sc-status sc-bytes cs-bytes\n".to_owned()
        + &format!("2026-03-02 {clock} {from} PUT http://{name}/in {name} - 200 500 {bytes}\n")
}

/// Zeek's log of this name: its columns with their types, and rows.
fn zeek(path: &str, columns: &[&str], rows: &[&[&str]]) -> String {
    let mut text = format!(
        "#separator \\x09\n#set_separator\t,\n#unset_field\t-\n#path\t{path}\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\t{}\n",
        columns.join("\t")
    );
    rows.iter().for_each(|row| text += &format!("{}\n", row.join("\t")));
    text
}

fn answers(names: &[&str]) -> String {
    let rows: Vec<[&str; 9]> = names
        .iter()
        .map(|name| ["1772417398.0", "C1", "10.1.5.11", "5353", "10.1.0.53", "53", name, "A", PLACE])
        .collect();
    let rows: Vec<&[&str]> = rows.iter().map(|row| &row[..]).collect();
    zeek("dns", &["query", "qtype_name", "answers"], &rows)
}

/// Zeek's connections: when each began, how long it took, and how many bytes of data went out.
fn connections(of: &[(&str, &str, u64)]) -> String {
    let bytes: Vec<String> = of.iter().map(|(.., bytes)| bytes.to_string()).collect();
    let rows: Vec<[&str; 10]> = of
        .iter()
        .zip(&bytes)
        .map(|((at, took, _), up)| [*at, "C2", "10.1.5.11", "51514", PLACE, "443", "tcp", took, up, "900"])
        .collect();
    let rows: Vec<&[&str]> = rows.iter().map(|row| &row[..]).collect();
    zeek("conn", &["proto", "duration", "orig_bytes", "resp_bytes"], &rows)
}

/// What is told of these logs, and of the transfers that were sent from an address or host.
fn told(logs: &[(&str, String)], scopes: &str) -> (String, Vec<Value>, Told) {
    let (told, transfers) = scan_with_transfers(logs, scopes);
    (told.scope("hc")["state"].as_str().unwrap().to_owned(), transfers, told)
}

/// What is said against an entry, and by it.
fn considered(told: &Told) -> String {
    told.scope("hc")["counter_evidence"].to_string()
}

const HOST: &str = "host = ['hc-fs01']";

#[test]
fn an_entry_by_name_explains_what_the_firewall_saw_where_a_proxy_knows_name_and_address() {
    let of = |requests: String| {
        told(&[("edge.log", edge("02:20:00", "10.1.5.11", SENT)), ("squid.log", requests)], &scopes(NAME, HOST))
    };
    let (state, transfers, _) = of(squid(2, "10.1.5.11", NAME));
    assert_eq!((state.as_str(), transfers.len()), ("no_evidence", 1));
    assert_eq!(
        (&transfers[0]["bytes"]["lower"], &transfers[0]["sanctioned"]),
        (&SENT.into(), &"nightly backup".into())
    );
    let (state, _, all) = of(squid(9, "10.1.5.11", NAME));
    assert_eq!(state, "unexplained", "at another time the proxy tells of nothing");
    assert!(considered(&all).contains("known by its address alone"), "{}", considered(&all));
    let (state, ..) = of(squid(2, "10.1.5.11", NAME) + &squid(2, "10.1.5.11", "drop.example"));
    assert_eq!(state, "unexplained", "two names lie there");
}

#[test]
fn an_answer_gives_the_address_its_name_and_a_handshake_takes_it() {
    let of = |name: &str, log: String, more: &str| {
        told(&[("edge.log", edge("02:20:00", "10.1.5.11", SENT)), (name, log)], &scopes(NAME, more))
    };
    let handshake = |name| {
        let row = ["1772416800.0", "C9", "10.1.5.11", "51514", PLACE, "443", "TLSv12", name];
        zeek("ssl", &["version", "server_name"], &[&row])
    };
    let (state, transfers, all) = of("dns.log", answers(&[NAME]), HOST);
    assert_eq!((state.as_str(), transfers[0]["to_names"][0].as_str()), ("no_evidence", Some(NAME)));
    assert!(considered(&all).contains("203.0.113.9 (backup.vendor.example)"));
    assert_eq!(of("ssl.log", handshake(NAME), HOST).0, "unexplained", "a client may say any name");
    assert_eq!(
        of("dns.log", answers(&[NAME]).replace("10.1.0.53", "198.51.100.53"), HOST).0,
        "unexplained",
        "whose resolver?"
    );
    assert_eq!(
        of("dns.log", answers(&[NAME]).replace("1772417398.0", "1740881398.0"), HOST).0,
        "unexplained",
        "a year before"
    );
    let both = [
        ("edge.log", edge("02:20:00", "10.1.5.11", SENT)),
        ("dns.log", answers(&[NAME])),
        ("ssl.log", handshake("drop.example")),
    ];
    assert_eq!(told(&both, &scopes(NAME, HOST)).0, "unexplained", "somebody asked for another name there");
    let dnsmasq = format!("Mar  2 02:09:58 ns dnsmasq[812]: reply {NAME} is {PLACE}\n");
    assert_eq!(of("dnsmasq.log", dnsmasq.repeat(9), HOST).0, "no_evidence");
    assert_eq!(of("ssl.log", handshake("drop.example"), HOST).0, "unexplained");
    let (state, _, all) = of("dns.log", answers(&[NAME, "drop.example"]), HOST);
    assert_eq!(state, "unexplained", "another name lies there too");
    assert!(considered(&all).contains("does not match: destination"), "{}", considered(&all));
    let (state, _, all) = of("dns.log", answers(&[NAME]), "host = ['hc-app']");
    assert_eq!(state, "unexplained");
    assert!(considered(&all).contains("does not match: host"), "{}", considered(&all));
}

#[test]
fn an_entry_of_which_all_but_the_destination_matches_is_told() {
    let logs = [("edge.log", edge("02:20:00", "10.1.5.11", SENT))];
    let (state, _, all) = told(&logs, &scopes(NAME, HOST));
    assert_eq!(state, "unexplained");
    assert!(considered(&all).contains("does not match: destination; no log names 203.0.113.9"), "{}", considered(&all));
    assert!(
        !considered(&told(&logs, &scopes(NAME, "")).2).contains("rejected"),
        "an entry for anybody is for other places"
    );
    assert!(!considered(&told(&logs, &scopes(NAME, "host = ['hc-app']")).2).contains("rejected"));
}

#[test]
fn what_one_log_knows_by_name_and_another_by_address_counts_once_where_they_are_the_only_two_as_large() {
    let wire = SENT + SENT / 50;
    let of = |edges: String, data: String| {
        told(&[("edge.log", edges), ("proxy.log", data)], &scopes("other.example", HOST)).1
    };
    let data = || nameless("02:20:00", "10.1.5.11", NAME, SENT);
    let bare = |transfers: &[Value]| transfers.iter().find(|t| t["to"] == PLACE).unwrap().clone();
    for from in ["10.1.5.11", "10.1.0.2"] {
        let transfers = of(edge("02:20:00", from, wire), data());
        let bare = bare(&transfers);
        assert_eq!((&bare["bytes"]["lower"], &bare["bytes"]["upper"]), (&0.into(), &wire.into()), "{from}");
        assert_eq!(
            (bare["to_names"][0].as_str(), bare["passed_on"]["hosts"][0].as_str()),
            (Some(NAME), Some("hc-fs01"))
        );
        let named = transfers.iter().find(|t| t["to"] == NAME).unwrap();
        assert_eq!(named["to_names"][0], PLACE, "what is said of the address is said of it");
    }
    let counted = |edges: String| bare(&of(edges, data()))["bytes"]["lower"].as_u64().unwrap();
    let both = edge("02:20:00", "10.1.5.11", wire) + &edge("02:20:00", "10.1.0.2", wire);
    assert_eq!(counted(both), wire, "either may be it");
    assert_eq!(counted(edge("02:20:00", "10.1.0.3", wire)), wire, "nobody knows it as a proxy");
    assert_eq!(counted(edge("12:20:00", "10.1.5.11", wire)), wire, "at another time");
    for more in [2 * wire, SENT + SENT / 8] {
        assert_eq!(counted(edge("02:20:00", "10.1.5.11", more)), more, "more than is sent around data");
    }
    // Figures that agree prove nothing: what an entry for a name explains is no upload to an address that it does not give.
    let logs = [("edge.log", edge("02:20:00", "10.1.5.11", wire)), ("proxy.log", data())];
    let (state, transfers, all) = told(&logs, &scopes(NAME, HOST));
    assert_eq!((state.as_str(), bare(&transfers)["bytes"]["lower"].as_u64()), ("unexplained", Some(wire)));
    assert!(considered(&all).contains("no log names 203.0.113.9"), "{}", considered(&all));
}

#[test]
fn a_firewall_and_a_log_of_flows_that_tell_of_the_same_connections_are_not_added_up_at_most() {
    let most = scopes(PLACE, &format!("{HOST}\nmax_bytes = {}", SENT + SENT / 10));
    let of = |edges: String, flows: &[(&str, &str, u64)]| {
        let (state, transfers, _) = told(&[("edge.log", edges), ("conn.log", connections(flows))], &most);
        (state, transfers[0]["bytes"]["upper"].as_u64().unwrap())
    };
    let one = || edge("02:20:00", "10.1.5.11", SENT);
    let data = SENT - 60_000_000;
    // 02:10:03
    assert_eq!(of(one(), &[("1772417403.0", "596.0", data)]), ("no_evidence".to_owned(), SENT));
    let added = |all| ("unexplained".to_owned(), all);
    assert_eq!(of(one(), &[("1772418903.0", "596.0", data)]), added(SENT + data), "half an hour later");
    assert_eq!(of(one(), &[("1772417403.0", "596.0", SENT / 2)]), added(SENT + SENT / 2), "half as much");
    // Several uploads of one size, each told by both.
    let third = SENT / 3;
    let three: String = ["02:20:00", "02:40:00", "02:55:00"].map(|clock| edge(clock, "10.1.5.11", third)).concat();
    let flows = [("1772417403.0", "596.0", third), ("1772418603.0", "596.0", third), ("1772419503.0", "596.0", third)];
    assert_eq!(of(three.clone(), &flows), ("no_evidence".to_owned(), 3 * third));
    assert_eq!(of(three, &flows[..2]), added(5 * third), "not as many");
}

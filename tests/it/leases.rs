//! Addresses that DHCP servers gave to hosts: behind firewalls that translate them, under short and full names, against the inventory, and
//! over renewals.

use serde_json::Value;

use crate::joins::{acted_on, edge, partner, translated};
use crate::support::exfiltrace;
use crate::verdict::{SCOPES, Told, cites, scan_with_findings, scan_with_transfers};

const MIB: u64 = 1 << 20;

/// The same scope without an inventory.
fn without_inventory() -> String {
    SCOPES.split("[[host]]").next().unwrap().to_owned()
}

/// A lease of an address, by dnsmasq.
fn lease(clock: &str, address: &str, card: &str, host: &str) -> String {
    let host = if host.is_empty() { String::new() } else { format!(" {host}") };
    format!("Mar  2 {clock} hc-gw dnsmasq-dhcp[7]: DHCPACK(br0) {address} 00:15:5d:00:00:{card}{host}\n")
}

/// After which the log is known to go on.
fn later() -> String {
    lease("23:50:00", "10.2.0.51", "51", "hc-pc51")
}

fn upload(told: &Told) -> (String, u64) {
    let route = told.route("hc", "https_upload");
    (route["state"].as_str().unwrap().to_owned(), route["bytes"]["lower"].as_u64().unwrap() / MIB)
}

fn texts(scope: &Value, clause: &str) -> Vec<String> {
    let list = |key: &str| scope[key].as_array().unwrap().clone();
    let all = list("reasons").into_iter().chain(list("counter_evidence")).filter(|r| r["clause"] == clause);
    all.map(|r| r["text"].as_str().unwrap().to_owned()).collect()
}

/// A firewall translates an address that a lease gives to the host on which the intruder acted; a partner got 1000 MiB.
#[test]
fn the_host_behind_a_translated_address_is_whom_a_lease_gives_the_inner_one() {
    let told = |leases: &[String]| {
        let files = [
            ("hc-sysmon.json", acted_on()),
            ("hc-edge.log", translated("10:40:00", "10.2.0.5", "198.51.100.7", "")),
            ("hc-dhcp.log", leases.concat()),
            ("partner-iis.log", partner(100 * MIB)),
        ];
        scan_with_transfers(&files, &without_inventory()).0
    };
    let fs01 = || lease("08:00:00", "10.2.0.5", "05", "hc-fs01");
    let its = told(&[fs01(), later()]);
    assert_eq!(upload(&its), ("exfiltrated".to_owned(), 1000));
    let left = texts(its.scope("hc"), "J-11");
    assert_eq!(
        left,
        ["left after the intrusion: at least 1048576000 bytes, hc-fs01 (as 203.0.113.40) to 198.51.100.7"]
    );
    let joins = texts(its.scope("hc"), "J-81");
    assert!(joins.iter().any(|text| text.contains("gave 10.2.0.5 to host hc-fs01")), "{joins:?}");
    assert!(joins.iter().any(|text| text.contains("translated 10.2.0.5 to 203.0.113.40")), "{joins:?}");
    let full = told(&[fs01().replace("hc-fs01", "hc-fs01.hc.example"), later()]);
    assert_eq!(upload(&full).0, "exfiltrated", "by its full name");
    for others in [
        vec![lease("08:00:00", "10.2.0.5", "09", "hc-pc09"), later()],
        vec![fs01(), lease("10:20:00", "10.2.0.5", "09", "hc-pc09"), later()],
        vec![lease("12:00:00", "10.2.0.5", "05", "hc-fs01"), later()],
    ] {
        assert_eq!(upload(&told(&others)).0, "unexplained", "{others:?}");
    }
    let perhaps = told(&[fs01(), lease("10:35:00", "10.2.0.5", "09", "hc-pc09"), later()]);
    assert!(upload(&perhaps).0 != "exfiltrated" && cites(perhaps.scope("hc"), "J-82"), "one of the two");
}

/// What nothing ties to an intrusion is told of the host behind the address as well.
#[test]
fn who_is_asked_about_is_the_host_behind_a_translated_address() {
    let files = [
        ("hc-edge.log", translated("10:40:00", "10.2.0.5", "198.51.100.7", "")),
        ("partner-iis.log", partner(100 * MIB)),
    ];
    let told = scan_with_transfers(&files, SCOPES).0;
    let [text] = &texts(told.scope("hc"), "J-20")[..] else { panic!("{}", told.scope("hc")) };
    assert!(text.ends_with("at least 1048576000 bytes, hc-fs01 (as 203.0.113.40) to 198.51.100.7"), "{text}");
    let both = translated("10:40:00", "10.2.0.77", "198.51.100.7", "");
    let told = scan_with_transfers(&[(files[0].0, files[0].1.clone() + &both), files[1].clone()], SCOPES).0;
    let [text] = &texts(told.scope("hc"), "J-20")[..] else { panic!("{}", told.scope("hc")) };
    assert!(text.ends_with("203.0.113.40 to 198.51.100.7") && !text.contains("(as"), "either of two: {text}");
}

/// The event names the host one way, and the lease the other way.
#[test]
fn exits_refused_to_a_host_are_its_by_its_short_name_and_by_its_full_one() {
    let refused = |event: &str, lent: &str| {
        let files = [
            ("hc-sysmon.json", acted_on().replace("hc-fs01", event)),
            ("hc-edge.log", edge("13:00:00", "10.2.0.9", "198.51.100.9", "action=\"deny\" sentbyte=0 rcvdbyte=0")),
            ("hc-dhcp.log", lease("08:00:00", "10.2.0.9", "07", lent) + &later()),
        ];
        let (told, findings) = scan_with_findings(&files, &without_inventory());
        let is_told = findings.iter().any(|f| f["rule"]["id"] == "anomaly.refused_exits");
        (is_told, cites(told.scope("hc"), "J-91"))
    };
    let full = "hc-fs01.example.gov.uk";
    for (event, lent) in [("hc-fs01", full), (full, "hc-fs01"), (full, full), ("hc-fs01", "hc-fs01")] {
        assert_eq!(refused(event, lent), (true, true), "{event} and {lent}");
    }
    for (event, lent) in [("hc-fs01", "hc-fs010.example.gov.uk"), (full, "hc-fs01.hc.example"), (full, "hc-fs0")] {
        assert_eq!(refused(event, lent), (false, false), "{event} and {lent}");
    }
}

/// The inventory has 10.2.0.5 as the file server's, on which the intruder acted at ten.
#[test]
fn a_lease_goes_before_the_inventory_in_all_clauses() {
    let log = |clock: &str, what: &str| edge(clock, "10.2.0.5", "198.51.100.7", what);
    let sent = log("11:00:00", "action=\"close\" sentbyte=1048576000 rcvdbyte=900");
    let denied = log("13:00:00", "action=\"deny\" sentbyte=0 rcvdbyte=0");
    let told = |leases: &[String]| {
        let files = [
            ("hc-sysmon.json", acted_on()),
            ("hc-edge.log", sent.clone() + &denied),
            ("hc-dhcp.log", leases.concat() + &later()),
        ];
        let (told, findings) = scan_with_findings(&files, SCOPES);
        let hc = told.scope("hc").clone();
        let chain = findings.iter().filter(|f| f["kind"] == "chain").count();
        ((cites(&hc, "J-11"), cites(&hc, "J-91"), chain), texts(&hc, "J-81"))
    };
    let (fs01, pc09) = (lease("08:00:00", "10.2.0.5", "05", "hc-fs01"), lease("08:00:00", "10.2.0.5", "09", "hc-pc09"));
    let its = (true, true, 1);
    assert_eq!(told(&[]).0, its, "no log says otherwise");
    assert_eq!(told(std::slice::from_ref(&fs01)).0, its);
    assert_eq!(told(&[fs01.replace("hc-fs01", "hc-fs01.hc.example")]).0, its);
    let (clauses, why) = told(std::slice::from_ref(&pc09));
    assert_eq!(clauses, (false, false, 0), "another host's by the lease");
    assert!(
        why.iter().any(|text| text.starts_with(
            "10.2.0.5 is hc-fs01's by the inventory, and a log goes before it: DHCP gave 10.2.0.5 to host hc-pc09"
        )),
        "{why:?}"
    );
    let renamed = [pc09.clone(), lease("09:00:00", "10.2.0.5", "05", "hc-fs01")];
    assert_eq!(told(&renamed).0, its, "the file server's since");
    assert_eq!(told(&[pc09.replace("08:00:00", "14:00:00")]).0, its, "another host's later");
    let (clauses, why) = told(&[fs01.clone(), pc09.replace("08:00:00", "10:59:30")]);
    assert_eq!(clauses.0, its.0, "either one's, and the inventory stands");
    let against = "10.2.0.5 is hc-fs01's by the inventory, which stands, but a log is against it: DHCP gave 10.2.0.5 to host hc-pc09";
    assert!(why.iter().any(|text| text.starts_with(against)), "{why:?}");
}

/// The same of the address that a firewall translated: the inventory has it as the file server's.
#[test]
fn a_lease_goes_before_the_inventory_behind_a_translated_address_too() {
    let state = |host: &str| {
        let files = [
            ("hc-sysmon.json", acted_on()),
            ("hc-edge.log", translated("10:40:00", "10.2.0.5", "198.51.100.7", "")),
            ("hc-dhcp.log", lease("08:00:00", "10.2.0.5", "05", host) + &later()),
            ("partner-iis.log", partner(100 * MIB)),
        ];
        upload(&scan_with_transfers(&files, SCOPES).0).0
    };
    assert_eq!((&*state("hc-fs01"), &*state("hc-pc09")), ("exfiltrated", "unexplained"));
}

/// A sanctioned entry for a host explains what that one sent, and not what the holder of its old address did.
#[test]
fn a_sanctioned_entry_is_for_the_host_that_a_lease_names() {
    let sent = edge("11:00:00", "10.2.0.5", "198.51.100.7", "action=\"close\" sentbyte=1048576000 rcvdbyte=900");
    let scopes = SCOPES.to_owned() + "[[sanctioned]]\ndestination=['198.51.100.7']\nhost=['hc-fs01']\nwhy='backup'\n";
    let state = |host: &str| {
        let leases = lease("08:00:00", "10.2.0.5", "05", host) + &later();
        let files = [("hc-edge.log", sent.clone()), ("hc-dhcp.log", leases)];
        scan_with_transfers(&files, &scopes).0.route("hc", "network")["state"].as_str().unwrap().to_owned()
    };
    assert_eq!((&*state("hc-fs01"), &*state("hc-pc09")), ("no_evidence", "unexplained"));
}

/// A call each minute of these hours, from an address to one destination.
fn calls(hours: std::ops::Range<u32>) -> String {
    let call = |minute: u32| {
        let clock = format!("{:02}:{:02}:00", minute / 60, minute % 60);
        edge(&clock, "10.2.0.9", "198.51.100.7", "action=\"close\" sentbyte=600 rcvdbyte=500")
    };
    (hours.start * 60..hours.end * 60).map(call).collect()
}

/// The beacons of 10.2.0.9 with these leases: their texts, and for whom they are for sure.
fn beacons(leases: &[String], hours: std::ops::Range<u32>) -> Vec<(String, Vec<String>)> {
    let files = [("hc-edge.log", calls(hours)), ("hc-dhcp.log", leases.concat() + &later())];
    let (_, findings) = scan_with_findings(&files, &without_inventory());
    let all = findings.iter().filter(|f| f["rule"]["id"] == "anomaly.beacon");
    let hosts = |f: &Value| {
        let joined = f["joined"].as_array().cloned().unwrap_or_default();
        joined.iter().map(|joined| joined["host"].as_str().unwrap().to_owned()).collect()
    };
    all.map(|f| (f["text"].as_str().unwrap().to_owned(), hosts(f))).collect()
}

/// One network card, with a name, without one, and with the full one: one series.
#[test]
fn calls_of_one_host_are_one_series_over_its_renewals() {
    let one = |clock: &str, host: &str| lease(clock, "10.2.0.9", "07", host);
    let other = lease("23:00:00", "10.2.0.9", "08", "hc-pc08");
    for names in [
        ["hc-pc07", "hc-pc07", "hc-pc07"],
        ["hc-pc07", "", "hc-pc07"],
        ["", "hc-pc07", ""],
        ["hc-pc07", "hc-pc07.hc.example", "hc-pc07"],
    ] {
        let leases = [one("06:00:00", names[0]), one("11:00:00", names[1]), one("16:00:00", names[2]), other.clone()];
        let told = beacons(&leases, 7..22);
        let [(text, hosts)] = &told[..] else { panic!("{names:?}: {told:?}") };
        assert!(text.contains("called 198.51.100.7 900 times") && !text.contains("several"), "{names:?}: {text}");
        assert!(hosts.len() == 1 && hosts[0].starts_with("hc-pc07"), "{names:?}: {hosts:?}");
    }
}

/// However often the address changes hands: what goes on all the time is told, if of nobody alone.
#[test]
fn leases_do_not_hide_calls_that_go_on_over_all_of_them() {
    let of = |clock: &str, n: u32| lease(clock, "10.2.0.9", &format!("0{n}"), &format!("hc-pc0{n}"));
    let leases = [of("06:00:00", 1), of("10:00:00", 2), of("14:00:00", 3), of("18:00:00", 4)];
    let told = beacons(&leases, 7..22);
    let [(text, hosts)] = &told[..] else { panic!("{told:?}") };
    assert!(
        text.ends_with("while several held its address one after the other") && hosts.is_empty(),
        "{text} {hosts:?}"
    );
    // Where it is known of one of them, it is told of that one.
    let told = beacons(&[of("06:00:00", 1), of("18:00:00", 2)], 7..22);
    let [(text, hosts)] = &told[..] else { panic!("{told:?}") };
    assert_eq!((text.contains("several"), &hosts[..]), (false, &["hc-pc01".to_owned()][..]));
}

/// The intruder's host has the address by the inventory, and leases gave it to four others: that it calls is not told of that host.
#[test]
fn calls_that_go_on_over_leases_of_others_are_not_those_of_the_host_of_the_inventory() {
    let of = |clock: &str, n: u32| lease(clock, "10.2.0.5", &format!("1{n}"), &format!("hc-pc1{n}"));
    let leases = of("06:00:00", 1) + &of("10:00:00", 2) + &of("14:00:00", 3) + &of("18:00:00", 4) + &later();
    let told = |leases: String| {
        let calls = calls(7..22).replace("10.2.0.9", "10.2.0.5");
        let files = [("hc-sysmon.json", acted_on()), ("hc-edge.log", calls), ("hc-dhcp.log", leases)];
        let (told, findings) = scan_with_findings(&files, SCOPES);
        let beacon = findings.iter().find(|f| f["rule"]["id"] == "anomaly.beacon").unwrap();
        (beacon["text"].as_str().unwrap()[..8].to_owned(), cites(told.scope("hc"), "J-53"))
    };
    assert_eq!(told(leases), ("10.2.0.5".to_owned(), false));
    assert_eq!(told(later()), ("hc-fs01 ".to_owned(), true), "no log says otherwise");
}

/// A renewal that gives the card alone is of the host that has it; one of another card is not.
#[test]
fn a_lease_without_a_name_is_the_hosts_whose_network_card_it_names() {
    let sent = edge("13:00:00", "10.2.0.9", "198.51.100.7", "action=\"close\" sentbyte=1048576000 rcvdbyte=900");
    let left = |leases: &[String]| {
        let files = [
            ("hc-pc07.json", acted_on().replace("hc-fs01", "hc-pc07")),
            ("hc-edge.log", sent.clone()),
            ("hc-dhcp.log", leases.concat() + &later()),
        ];
        cites(scan_with_transfers(&files, &without_inventory()).0.scope("hc"), "J-11")
    };
    let first = lease("08:00:00", "10.2.0.9", "07", "hc-pc07");
    assert!(left(&[first.clone(), lease("12:00:00", "10.2.0.9", "07", "")]));
    assert!(!left(&[first.clone(), lease("12:00:00", "10.2.0.9", "08", "")]), "of another card");
    assert!(
        left(&[lease("08:00:00", "10.2.0.44", "07", "hc-pc07"), lease("12:00:00", "10.2.0.9", "07", "")]),
        "under another address"
    );
    assert!(left(&[first, lease("12:00:00", "10.2.0.9", "08", "hc-pc07")]), "another card of the same host");
    // Windows writes cards without colons.
    let row = |clock: &str, what: &str, address: &str, host: &str, card: &str| {
        format!(
            "{what},03/02/26,{clock},{},{address},{host},00155D0000{card},,0,6,,,,,,,,,0\n",
            if what == "10" { "Assign" } else { "Renew" }
        )
    };
    let of_windows = |card: &str| {
        let head = "\tMicrosoft DHCP Service Activity Log\n\nID,Date,Time,Description,IP Address,Host Name,MAC Address,User Name\n";
        let log = head.to_owned()
            + &row("08:00:00", "10", "10.2.0.9", "hc-pc07.hc.example", "07")
            + &row("12:00:00", "11", "10.2.0.9", "", card)
            + &row("23:50:00", "10", "10.2.0.51", "hc-pc51.hc.example", "51");
        let files = [
            ("hc-pc07.json", acted_on().replace("hc-fs01", "hc-pc07")),
            ("hc-edge.log", sent.clone()),
            ("hc-DhcpSrvLog.log", log),
        ];
        cites(scan_with_transfers(&files, &without_inventory()).0.scope("hc"), "J-11")
    };
    assert!(of_windows("07") && !of_windows("08"));
}

/// A case keeps the network cards, for `add` and `merge`.
#[test]
fn the_state_of_a_case_keeps_network_cards_as_its_schema_says() {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    let log = lease("08:00:00", "10.2.0.9", "07", "hc-pc07") + &lease("12:00:00", "10.2.0.9", "07", "");
    std::fs::write(path("hc-dhcp.log"), log).unwrap();
    exfiltrace(&["scan", "-q", &path("hc-dhcp.log"), "--timezone", "UTC", "--out", &path("case")]);
    let state: Value =
        serde_json::from_str(&std::fs::read_to_string(path("case/state/partial.json")).unwrap()).unwrap();
    let schema: Value = serde_json::from_slice(&exfiltrace(&["schema", "state"]).stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&state).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(state.to_string().matches("\"card\":\"00155d000007\"").count(), 2);
}

/// What nothing explains is asked of the host that a lease names, and held against the peers of that one.
#[test]
fn what_is_unexplained_is_told_of_the_host_that_a_lease_names() {
    let inventory: String = (10..16)
        .map(|n| format!("[[host]]\nname = \"hc-pc{n}\"\nip = [\"10.2.0.{n}\"]\nscope = \"hc\"\nrole = \"clerk\"\n"))
        .collect();
    let scopes = format!(
        "{SCOPES}\n{inventory}[[host]]\nname = \"hc-pc09\"\nip = [\"10.2.0.9\"]\nscope = \"hc\"\nrole = \"clerk\"\n"
    );
    let sends = |from: &str, bytes: u64| {
        edge("11:00:00", from, "198.51.100.7", &format!("action=\"close\" sentbyte={bytes} rcvdbyte=900"))
    };
    let peers: String = (10..16).map(|n| sends(&format!("10.2.0.{n}"), 20 * MIB)).collect();
    let told = |lease: String| {
        let files = [("hc-edge.log", sends("10.2.0.5", 1000 * MIB) + &peers), ("hc-dhcp.log", lease + &later())];
        scan_with_transfers(&files, &scopes).0.scope("hc").clone()
    };
    let its = told(lease("08:00:00", "10.2.0.5", "09", "hc-pc09"));
    let has = |of: &[String], what: &str| of.iter().any(|text| text.contains(what));
    assert!(has(&texts(&its, "J-20"), "hc-pc09 (hc-fs01 by the inventory) to"), "{:?}", texts(&its, "J-20"));
    assert!(its["ask"].to_string().contains("hc-pc09 (hc-fs01 by the inventory) to"), "{}", its["ask"]);
    assert!(
        has(&texts(&its, "J-92"), "hc-pc09 sent") && has(&texts(&its, "J-92"), "role clerk"),
        "{:?}",
        texts(&its, "J-92")
    );
    let own = told(lease("08:00:00", "10.2.0.5", "05", "hc-fs01"));
    assert!(!has(&texts(&own, "J-20"), "by the inventory") && has(&texts(&own, "J-20"), "hc-fs01 to"));
    assert!(!has(&texts(&own, "J-92"), "role clerk"), "{:?}", texts(&own, "J-92"));
}

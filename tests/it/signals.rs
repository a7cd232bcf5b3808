//! DNS tunnels and beacons: found where they are, and nothing said of what innocent programs do.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use exfiltrace::discover::Root;
use exfiltrace::indicators::Builder;
use exfiltrace::model::finding::{Finding, FindingKind};
use exfiltrace::model::label;
use exfiltrace::model::rule::{BEACON, CALLS_OF_MANY, DNS_TUNNEL, Level, NAMES_OF_MANY, Route, Stage};
use exfiltrace::model::scopes::Scopes;
use exfiltrace::plan::Plan;
use exfiltrace::scan;

use crate::signals_benign::{BASE32, HEX, Random, connection, connections, day, line};
use crate::support::{plan, shared};

fn plan_over(path: &Path) -> Plan {
    let root = Root { name: b"evidence".to_vec(), path: Some(path.to_owned()) };
    plan(vec![root], Scopes::default(), Builder::new())
}

/// What statistics find in a folder.
fn anomalies_of(path: &Path) -> Vec<Finding> {
    let outcome = scan::scan(&plan_over(path)).unwrap();
    outcome.findings.list().iter().filter(|f| f.kind == FindingKind::Anomaly).cloned().collect()
}

/// What is found of a kind in one log.
fn in_log(name: &str, text: &str, rule: &str) -> Vec<Finding> {
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join(name), text).unwrap();
    anomalies_of(temp.path()).into_iter().filter(|f| f.rule.id == rule).collect()
}

/// Client and first destination of each.
fn pairs(found: &[Finding]) -> Vec<(&str, &str)> {
    found.iter().map(|f| (&*f.entities.sources[0], &*f.entities.destinations[0])).collect()
}

/// Names that each hold a piece of data, by one client below one domain.
fn tunnel(out: &mut String, names: usize, mut name: impl FnMut(&mut Random, usize) -> (String, &'static str)) {
    let mut random = Random(99);
    for n in 0..names {
        let (name, kind) = name(&mut random, n);
        line(out, 40_000_000 + n as u64 * 300, "10.1.0.66", &format!("{name}.t.evil.example"), kind);
    }
}

#[test]
fn a_benign_day_holds_no_tunnel_and_a_tunnel_in_it_is_found() {
    let mut text = day(1, 40_000, 60);
    for text in [&text, &day(2, 20_000, 5)] {
        assert_eq!(pairs(&in_log("query.log", text, DNS_TUNNEL)), []);
    }
    tunnel(&mut text, 80, |random, n| (format!("{n:04}.{}.d", random.text(HEX, 60)), "A"));
    let found = in_log("query.log", &text, DNS_TUNNEL);
    assert_eq!(pairs(&found), [("10.1.0.66", "d.t.evil.example")]);
    let f = &found[0];
    assert!(
        f.text.starts_with("10.1.0.66 asked for") && f.text.contains(".d.t.evil.example"),
        "who, and what: {}",
        f.text
    );
    assert!(f.text.contains("80 different names") && f.text.contains("2400 bytes"), "{}", f.text);
    assert_eq!((f.count, f.omitted, f.evidence.len(), f.stage.len()), (80, 76, 4, 2));
    assert_eq!(f.time.first.unwrap().to_string(), "2026-03-20T11:06:40Z");
}

#[test]
fn name_servers_that_pass_a_tunnel_on_make_it_no_service() {
    let mut text = String::new();
    tunnel(&mut text, 120, |random, n| (format!("{n:04}.{}", random.text(HEX, 60)), "A"));
    let passed: String = text
        .lines()
        .enumerate()
        .map(|(n, line)| line.replace("10.1.0.66#", &format!("10.1.250.{}#", n % 3 + 1)) + "\n")
        .collect();
    assert_eq!(in_log("query.log", &(text.clone() + &passed), DNS_TUNNEL).len(), 4);
    let others: String = (1..=4).map(|n| text.replace("10.1.0.66#", &format!("10.1.1.{n}#"))).collect();
    assert_eq!(in_log("query.log", &others, DNS_TUNNEL).len(), 4, "the same names by all");
    let mut service = String::new();
    for client in 0..4 {
        let mut random = Random(client);
        for n in 0..60 {
            line(
                &mut service,
                n * 1000,
                &format!("10.1.1.{client}"),
                &format!("{n}.{}.x.example", random.text(HEX, 60)),
                "A",
            );
        }
    }
    assert_eq!(in_log("query.log", &service, DNS_TUNNEL).len(), 0, "each its own");
}

#[test]
#[ignore = "a million questions: run in release"]
fn of_three_million_benign_questions_at_most_three_pairs_are_flagged() {
    let flagged: usize = (0..3)
        .map(|seed| {
            let found = in_log("query.log", &day(seed, 1_000_000, 500 + seed * 700), DNS_TUNNEL);
            println!("seed {seed}: {:?}", pairs(&found));
            found.len()
        })
        .sum();
    assert!(flagged <= 3, "{flagged}");
}

#[test]
fn tunnels_of_all_makes_are_told_from_lookups() {
    type Make = dyn Fn(&mut Random, usize) -> (String, &'static str);
    let makes: [(&str, usize, usize, bool, &Make); 9] = [
        ("short names of a type for private use", 4, 3, false, &|r, _| (r.text(BASE32, 6), "TYPE65399")),
        ("hexadecimal digits behind a counter", 30, 29, false, &|r, n| (format!("{n}.{}", r.text(HEX, 60)), "A")),
        ("pieces of the length of a digest", 40, 20, false, &|r, n| (format!("{n}.{}", r.text(HEX, 32)), "A")),
        ("a header in the data", 40, 20, true, &|r, n| (format!("s7{n:02x}{}", r.text(BASE32, 42)), "AAAA")),
        ("many labels", 40, 19, true, &|r, _| {
            let labels: Vec<String> = (0..3).map(|_| r.text(BASE32, 57)).collect();
            (labels.join("."), "CNAME")
        }),
        ("polls of one length in TXT", 20, 19, false, &|r, n| (format!("isn5c6{n:02}{}", r.text(BASE32, 14)), "TXT")),
        ("digests", 0, 200, false, &|r, _| (r.text(HEX, 40), "TXT")),
        ("addresses", 0, 200, false, &|r, _| (format!("{}.{}.2.1", r.below(256), r.below(256)), "TXT")),
        ("words", 0, 200, false, &|r, _| (format!("{}-{}", r.pick(&["mail", "cloud"]), r.below(999)), "TXT")),
    ];
    for (what, least, fewer, is_filled, make) in makes {
        let found = |names: usize| {
            let mut text = day(2, 200, 9);
            tunnel(&mut text, names, make);
            in_log("query.log", &text, DNS_TUNNEL)
        };
        assert_eq!(found(fewer).len(), 0, "{what}");
        if least > 0 {
            let found = found(least);
            assert_eq!(found.len(), 1, "{what}");
            assert_eq!(found[0].stage.contains(&Stage::Exfiltration), is_filled, "{what}");
        }
    }
}

/// dns2tcp, a script that sends hexadecimal digits, iodine and dnstt, each among what else hosts do.
#[test]
fn tunnels_of_real_tools_are_found_with_what_they_carried() {
    let Some(folder) = shared("corpora/exfil") else { return };
    let outcome = scan::scan(&plan_over(&folder.join("lab-generated"))).unwrap();
    let anomalies = outcome.findings.list().iter().filter(|f| f.kind == FindingKind::Anomaly).cloned();
    let found: Vec<Finding> = anomalies.collect();
    let sent = [("10.20.30.53", 60_000), ("10.20.30.66", 2400)];
    assert_eq!(pairs(&found), sent.map(|(from, _)| (from, "cdn-telemetry.example")), "and nobody else");
    for (from, bytes) in sent {
        let told = outcome.transfers.iter().find(|t| t.route == Route::DnsTunnel && *t.from == *from).unwrap();
        assert!(told.bytes.lower <= bytes && told.bytes.upper.is_some_and(|most| bytes <= most), "{:?}", told.bytes);
    }
    for (name, clients) in [("iodine-dnsmasq", &["172.18.0.3"][..]), ("doh-tunnel", &["192.168.0.10", "192.168.0.30"])]
    {
        let found = anomalies_of(&folder.join(name));
        let pairs: BTreeSet<(&str, &str)> = pairs(&found).into_iter().collect();
        assert_eq!(pairs, clients.iter().map(|from| (*from, "example.attack")).collect(), "{name}");
    }
}

/// Calls of one host every so many seconds, so much later or earlier, for so many hours.
fn calls(out: &mut String, from: &str, (every, jitter, hours): (u64, u64, u64), bytes: Option<(u64, u64)>) {
    let mut random = Random(3);
    for n in 1..hours * 3600 / every {
        let at = n * every + random.below(2 * jitter + 1);
        connection(out, (at - jitter) as f64, from, ("198.51.110.7", 443), bytes);
    }
}

#[test]
fn a_benign_day_holds_no_beacon_and_a_beacon_in_it_is_found() {
    let mut text = connections(1, 50_000, 12);
    assert_eq!(pairs(&in_log("conn.log", &text, BEACON)), []);
    calls(&mut text, "10.1.0.66", (60, 12, 20), Some((512, 300)));
    let found = in_log("conn.log", &text, BEACON);
    assert_eq!(pairs(&found), [("10.1.0.66", "198.51.110.7")]);
    let f = &found[0];
    assert_eq!((f.level, &f.stage[..], f.count), (Level::Medium, &[Stage::CommandAndControl][..], 1199));
    assert!(f.text.contains("60 seconds") || f.text.contains("59 seconds"), "{}", f.text);
    assert!(!f.evidence.is_empty() && f.evidence.iter().all(|e| !e.sha256.is_empty()));
}

#[test]
fn calls_that_fail_that_many_make_or_that_change_are_no_beacon() {
    let found = |make: &dyn Fn(&mut String)| {
        let mut text = String::new();
        make(&mut text);
        in_log("conn.log", &text, BEACON).len()
    };
    let answered = Some((512, 300));
    assert_eq!(found(&|out| calls(out, "10.1.0.66", (1800, 300, 40), answered)), 1, "seldom");
    assert_eq!(found(&|out| calls(out, "10.1.0.66", (60, 12, 20), None)), 0, "nobody answers");
    assert_eq!(found(&|out| calls(out, "10.1.0.66", (60, 12, 6), answered)), 0, "too short to tell");
    let hosts = |out: &mut String, count: u64| {
        (1..=count).for_each(|host| calls(out, &format!("10.1.0.{host}"), (60, 12, 20), answered));
    };
    assert_eq!((found(&|out| hosts(out, 4)), found(&|out| hosts(out, 5))), (4, 0), "a service");
}

/// Connections of some hosts to where the beacon calls, so many each.
fn visits(out: &mut String, hosts: u64, count: u64) {
    for (host, n) in (1..=hosts).flat_map(|host| (0..count).map(move |n| (host, n))) {
        let second = (n * 3000 + host * 71) as f64;
        connection(out, second, &format!("10.1.0.{host}"), ("198.51.110.7", 443), Some((2000 * host, 9000)));
    }
}

#[test]
fn what_many_hosts_call_is_told_of_once_and_one_that_calls_far_more_is_looked_at() {
    let mut fleet = String::new();
    (1..=5).for_each(|host| calls(&mut fleet, &format!("10.1.0.{host}"), (60, 12, 20), Some((512, 300))));
    let found = in_log("conn.log", &fleet, CALLS_OF_MANY);
    assert_eq!((found.len(), found[0].level, found[0].entities.sources.len()), (1, Level::Informational, 5));
    assert!(found[0].text.contains("5 hosts called 198.51.110."), "{}", found[0].text);
    for (count, beacons, services) in [(5, 1, 0), (20, 0, 1)] {
        let mut text = String::new();
        calls(&mut text, "10.1.0.66", (60, 12, 20), Some((512, 300)));
        visits(&mut text, 5, count);
        let found = |rule| in_log("conn.log", &text, rule).len();
        assert_eq!((found(BEACON), found(CALLS_OF_MANY)), (beacons, services), "{count} visits each");
    }
}

#[test]
fn what_many_clients_ask_for_is_told_of_once_and_one_that_asks_far_more_is_looked_at() {
    let asked = |counts: &[u64]| {
        let mut text = String::new();
        for (client, count) in counts.iter().enumerate() {
            let mut random = Random(client as u64);
            for n in 0..*count {
                let name = format!("{n}.{}.x.example", random.text(HEX, 60));
                line(&mut text, n * 1000, &format!("10.1.1.{client}"), &name, "A");
            }
        }
        let found = |rule| in_log("query.log", &text, rule);
        (found(DNS_TUNNEL).len(), found(NAMES_OF_MANY))
    };
    let (tunnels, many) = asked(&[60, 60, 60, 60]);
    assert_eq!((tunnels, many.len(), many[0].entities.sources.len()), (0, 1, 4));
    assert!(many[0].text.contains("4 hosts asked for names below x.example"), "{}", many[0].text);
    let (tunnels, many) = asked(&[3000, 20, 20, 20, 20]);
    assert_eq!((tunnels, many.len()), (1, 0), "one of five");
}

#[test]
fn logs_of_the_same_calls_are_not_added_up_and_files_of_one_are_one() {
    let text = |bytes| {
        let mut text = String::new();
        calls(&mut text, "10.1.0.66", (60, 12, 20), Some((bytes, 300)));
        text
    };
    let temp = tempfile::tempdir().unwrap();
    for (folder, bytes) in [("a", 512), ("b", 540)] {
        fs::create_dir(temp.path().join(folder)).unwrap();
        fs::write(temp.path().join(folder).join("conn.log"), text(bytes)).unwrap();
    }
    let found = anomalies_of(temp.path());
    assert_eq!(found.iter().map(|f| f.count).collect::<Vec<_>>(), [1199]);
    assert!(found[0].text.contains(&format!("{} bytes", 1199 * 540)), "{}", found[0].text);
    let files = tempfile::tempdir().unwrap();
    let text = text(512);
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    for (at, part) in lines.chunks(60).enumerate() {
        fs::write(files.path().join(format!("conn.log.{}", 30 - at)), part.join("\n") + "\n").unwrap();
    }
    assert_eq!(anomalies_of(files.path()).iter().map(|f| f.count).collect::<Vec<_>>(), [1199]);
}

/// An exporter cuts what lasts every so many seconds, which looks like calls.
#[test]
fn records_that_an_exporter_writes_by_its_clock_are_no_calls() {
    let rows = |row: &dyn Fn(i64) -> String| (0..1200).map(|n| row(1_773_964_800 + n * 60)).collect::<String>();
    let stamp =
        |second| exfiltrace::model::time::Instant::from_secs(second).unwrap().to_string().replace(['T', 'Z'], " ");
    let old = rows(&|at| {
        let at = stamp(at);
        format!(
            "{},{},60.000,10.1.0.66,198.51.110.7,50000,443,TCP,...AP...,5,512,4,300\n",
            at.trim_end(),
            at.trim_end()
        )
    });
    let vpc = |at| {
        format!("2 123456789012 eni-0a1b2c3d 10.1.0.66 198.51.110.7 50000 443 6 5 512 {at} {} ACCEPT OK\n", at + 60)
    };
    for (name, text) in [
        ("flows.csv", "ts,te,td,sa,da,sp,dp,pr,flg,ipkt,ibyt,opkt,obyt\n".to_owned() + &old),
        ("vpc.log", rows(&vpc)),
        (
            "flows.json",
            rows(&|at| {
                format!(
                    r#"{{"t_first":"{}","src4_addr":"10.1.0.66","dst4_addr":"198.51.110.7","src_port":50000,"dst_port":443,"proto":6,"in_bytes":512,"out_bytes":300}}"#,
                    stamp(at).trim_end().replace(' ', "T")
                ) + "\n"
            }),
        ),
    ] {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join(name), &text).unwrap();
        let outcome = scan::scan(&plan_over(temp.path())).unwrap();
        assert_eq!(outcome.transfers.iter().map(|t| t.bytes.lower).sum::<u64>(), 1200 * 512, "{name}");
        assert!(outcome.findings.list().iter().all(|f| f.rule.id != BEACON), "{name}");
    }
}

/// A character before the data that no hexadecimal digit is does not make the data more.
#[test]
fn at_least_what_names_carry_is_never_more_than_what_was_sent() {
    type Make = dyn Fn(&mut Random) -> String;
    let makes: [(&str, &Make); 4] = [
        ("digits", &|r| r.text(HEX, 60)),
        ("a mark before digits", &|r| format!("x{}", r.text(HEX, 60))),
        ("base32", &|r| r.text(BASE32, 48)),
        ("a mark before base32", &|r| format!("9{}", r.text(BASE32, 48))),
    ];
    for (what, make) in makes {
        let mut text = day(2, 200, 9);
        tunnel(&mut text, 80, |r, n| (format!("{n:04}.{}", make(r)), "A"));
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("query.log"), text).unwrap();
        let outcome = scan::scan(&plan_over(temp.path())).unwrap();
        let told = outcome.transfers.iter().find(|t| &*t.from == "10.1.0.66").unwrap().bytes;
        assert!((1200..=2400).contains(&told.lower), "{what}: {told:?}");
        assert!(told.upper.is_some_and(|upper| upper >= 2400), "{what}: {told:?}");
    }
}

#[test]
#[ignore = "a million connections: run in release"]
fn of_three_million_benign_connections_at_most_three_pairs_are_flagged() {
    let flagged: usize = (0..3)
        .map(|seed| {
            let found = in_log("conn.log", &connections(seed, 1_000_000, 150 + seed * 200), BEACON);
            println!("seed {seed}: {:?}", pairs(&found));
            found.len()
        })
        .sum();
    assert!(flagged <= 3, "{flagged}");
}

/// Figures for how one name alone tells a tunnel: the threshold is chosen on four fifths and held against the last one.
#[test]
#[ignore = "prints figures"]
fn names_of_tunnels_by_cross_validation() {
    let Some(path) = shared("corpora/exfil/dns-tunnel-names/train.csv.gz") else { return };
    let mut text = String::new();
    let file = fs::File::open(path).unwrap();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(file), &mut text).unwrap();
    let score = |name: &str| {
        let below = name.trim_end_matches('.');
        let domain = psl::domain_str(below).map_or(0, str::len);
        label::carried(below[..below.len() - domain].to_ascii_lowercase().as_bytes())
    };
    let rows = text.lines().filter_map(|row| row.split_once(','));
    let scored: Vec<(bool, usize)> = rows.map(|(label, name)| (label == "1", score(name))).collect();
    let share = |part: &[(bool, usize)], of: bool, least: usize| {
        let all = part.iter().filter(|(label, _)| *label == of);
        all.clone().filter(|(_, score)| *score >= least).count() as f64 / all.count().max(1) as f64
    };
    for fold in 0..5 {
        let (held, rest): (Vec<_>, Vec<_>) = scored.iter().enumerate().partition(|(at, _)| at % 5 == fold);
        let part = |all: Vec<(usize, &(bool, usize))>| all.into_iter().map(|(_, row)| *row).collect::<Vec<_>>();
        let (held, rest) = (part(held), part(rest));
        let gain = |least: &usize| ((share(&rest, true, *least) - share(&rest, false, *least)) * 1e6) as i64;
        let least = (1..=200).max_by_key(gain).unwrap();
        let (hit, false_alarm) = (share(&held, true, least), share(&held, false, least));
        println!("fold {fold}: {least} characters, {hit:.4} of tunnels, {false_alarm:.4} of others");
        assert!(hit > 0.5 && false_alarm < 0.1);
    }
}

//! Verdicts of small evidence folders, from the bytes to `verdict.json` and the words on the terminal.

use std::io::Write;

use serde_json::Value;

use crate::support::{exfiltrace, project};

pub const SCOPES: &str = "timezone='UTC'\n[[scope]]\nname='hc'\ncidr=['10.2.0.0/16']\nhosts=['hc-*']\naccounts=['HC']\n\
                      paths=['**/hc-*']\n[[host]]\nname='hc-fs01'\nip=['10.2.0.5']\nscope='hc'\n";
const OUTSIDE: &str = "203.0.113.77";

/// What a scan of some files says.
pub struct Told {
    pub verdict: Value,
    /// With single spaces, as it is wrapped.
    pub printed: String,
}

impl Told {
    pub fn scope(&self, name: &str) -> &Value {
        self.verdict["scopes"].as_array().unwrap().iter().find(|s| s["scope"] == name).unwrap()
    }

    pub fn route(&self, scope: &str, route: &str) -> &Value {
        self.scope(scope)["routes"].as_array().unwrap().iter().find(|r| r["route"] == route).unwrap()
    }
}

pub fn cites(scope: &Value, clause: &str) -> bool {
    let list = |key: &str| scope[key].as_array().unwrap().clone();
    list("reasons").into_iter().chain(list("counter_evidence")).any(|r| r["clause"] == clause)
}

pub fn scan(files: &[(&str, String)], scopes: &str, listed: &str) -> Told {
    scanned(files, scopes, listed, "transfers.jsonl").0
}

/// The same with the transfers.
pub fn scan_with_transfers(files: &[(&str, String)], scopes: &str) -> (Told, Vec<Value>) {
    scanned(files, scopes, "", "transfers.jsonl")
}

/// The same with the findings.
pub fn scan_with_findings(files: &[(&str, String)], scopes: &str) -> (Told, Vec<Value>) {
    scanned(files, scopes, "", "findings.jsonl")
}

fn scanned(files: &[(&str, String)], scopes: &str, listed: &str, list: &str) -> (Told, Vec<Value>) {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir(path("logs")).unwrap();
    for (name, text) in files {
        let bytes = match name.ends_with(".gz") {
            false => text.clone().into_bytes(),
            true => {
                let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                gz.write_all(text.as_bytes()).unwrap();
                gz.finish().unwrap()
            }
        };
        std::fs::write(temp.path().join("logs").join(name), bytes).unwrap();
    }
    std::fs::write(path("scopes.toml"), scopes).unwrap();
    std::fs::write(path("list.txt"), listed).unwrap();
    let mut args = vec!["scan".to_owned(), path("logs"), "--out".to_owned(), path("case")];
    args.extend(["--scopes".to_owned(), path("scopes.toml")].into_iter().filter(|_| !scopes.is_empty()));
    args.extend(["--indicators".to_owned(), path("list.txt")].into_iter().filter(|_| !listed.is_empty()));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let output = exfiltrace(&args);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let verdict = serde_json::from_slice(&std::fs::read(path("case/verdict.json")).unwrap()).unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let lines = std::fs::read_to_string(temp.path().join("case").join(list)).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (Told { verdict, printed: printed.split_whitespace().collect::<Vec<_>>().join(" ") }, lines)
}

/// A line of a firewall, on a day and hour of March 2026.
fn edge(day: u32, hour: u32, from: &str, to: &str, port: u16, sent: u64) -> String {
    let date =
        format!("date=2026-03-{day:02} time={hour:02}:00:00 devname=\"fw\" logid=\"0000000013\" type=\"traffic\"");
    format!(
        "{date} subtype=\"forward\" tz=\"+0000\" srcip={from} srcport=51514 dstip={to} dstport={port} proto=6 \
         action=\"close\" service=\"tcp\" sentbyte={sent} rcvdbyte=900\n"
    )
}

/// A firewall's everyday traffic from day to day, an hour apart, with more lines among it.
fn firewall(days: std::ops::RangeInclusive<u32>, more: &[String]) -> String {
    let hours = days.flat_map(|day| (0..24).map(move |hour| edge(day, hour, "10.2.0.30", "198.51.100.9", 443, 900)));
    hours.chain(more.iter().cloned()).collect()
}

/// A request to a web server.
fn request(minute: u32, from: &str, path: &str, status: u16, bytes: u64) -> String {
    let time = format!("[10/Mar/2026:10:{minute:02}:00 +0000]");
    format!("{from} - - {time} \"GET {path} HTTP/1.1\" {status} {bytes} \"-\" \"Mozilla/5.0\"\n")
}

/// A record of a Windows log.
fn windows(day: u32, host: &str, channel: &str, event: u32, data: Value) -> String {
    let time = format!("2026-03-{day:02}T10:00:00.000Z");
    let winlog = serde_json::json!({"channel": channel, "event_id": event, "computer_name": host, "event_data": data});
    format!("{}\n", serde_json::json!({"@timestamp": time, "winlog": winlog}))
}

/// A remote desktop logon.
fn logon(day: u32, host: &str, from: &str) -> String {
    let data = serde_json::json!({
        "TargetUserName": "j.doe", "TargetDomainName": "HC", "LogonType": "10", "IpAddress": from,
    });
    windows(day, host, "Security", 4624, data)
}

/// The directory database is copied.
fn ntds(day: u32, host: &str, user: &str) -> String {
    let data = serde_json::json!({
        "Image": r"C:\Windows\System32\ntdsutil.exe", "User": user,
        "CommandLine": r#"ntdsutil.exe "ac i ntds" ifm "create full c:\temp" q q"#,
    });
    windows(day, host, "Microsoft-Windows-Sysmon/Operational", 1, data)
}

#[test]
fn an_aimed_attack_is_attempted_and_a_passing_one_background() {
    let told = |attacks: u32| {
        let mut log: String = (0..30).map(|n| request(n, "198.51.100.7", "/", 200, 512)).collect();
        log.extend((0..attacks).map(|n| request(30 + n, OUTSIDE, "/p?id=1+union+select+1", 403, 199)));
        scan(&[("access.log", log)], "", "")
    };
    let aimed = told(10);
    let scope = aimed.scope("unattributed");
    assert_eq!((&scope["state"], &scope["intrusion"]), (&"attempted".into(), &"none_seen".into()));
    assert!(cites(scope, "J-07") && !cites(scope, "J-05"));
    let passing = told(9);
    let scope = passing.scope("unattributed");
    assert_eq!(scope["state"], "no_evidence");
    assert!(cites(scope, "J-05") && passing.printed.contains("9 records of scanning"));
}

#[test]
fn a_transfer_to_a_listed_address_is_unexplained_and_suspected_in_agreeing_words() {
    let more = [edge(10, 12, "10.2.0.5", OUTSIDE, 443, 2 << 20)];
    let told = scan(&[("fw.log", firewall(9..=12, &more))], SCOPES, "203.0.113.77\n");
    let scope = told.scope("hc");
    assert_eq!((&scope["state"], &scope["intrusion"]), (&"unexplained".into(), &"suspected".into()));
    assert_eq!(scope["likelihood"], "likely");
    assert!(cites(scope, "J-25") && cites(scope, "J-03"));
    assert_eq!(scope["ask"].as_array().unwrap().len(), 2);
    assert!(told.printed.contains("is listed") && !told.printed.contains("nothing ties"), "{}", told.printed);
    assert_eq!(told.route("hc", "https_upload")["bytes"]["lower"], 2 << 20);
    let unlisted = scan(&[("fw.log", firewall(9..=12, &more))], SCOPES, "");
    assert_eq!(unlisted.scope("hc")["state"], "no_evidence", "2 MiB to anybody");
}

#[test]
fn what_an_intruder_was_served_is_added_up_over_the_rotated_files_of_a_log() {
    let rest = |from: u32| (from..from + 9).map(|n| request(n, "198.51.100.7", "/", 200, 512)).collect::<String>();
    let old =
        request(1, OUTSIDE, "/p?id=1+union+select+1", 200, 90_000) + &request(2, OUTSIDE, "/export", 200, 700 << 10);
    let new = request(30, OUTSIDE, "/export", 200, 700 << 10);
    let told = |name: &str| {
        let files = [(name, rest(10) + &old), ("hc-access.log", rest(40) + &new)];
        let told = scan(&files, SCOPES, "");
        (told.scope("hc")["state"].clone(), told.route("hc", "web_response")["bytes"]["lower"].clone())
    };
    assert_eq!(told("hc-access.log.1.gz"), ("exfiltrated".into(), (90_000 + (1400 << 10)).into()));
}

#[test]
fn secrets_served_to_an_outside_session_were_disclosed() {
    let told = |status| {
        let log = (0..30).map(|n| request(n, "198.51.100.7", "/", 200, 512)).collect::<String>();
        scan(&[("hc-access.log", log + &request(31, OUTSIDE, "/.env", status, 1733))], SCOPES, "")
    };
    let served = told(200);
    let route = served.route("hc", "web_response");
    assert_eq!((&route["state"], &route["disclosed"]), (&"accessed".into(), &true.into()));
    assert_eq!(served.scope("hc")["data_categories"][0]["category"], "credentials");
    let refused = told(404);
    assert_eq!(refused.route("hc", "web_response")["disclosed"], false);
    assert_eq!(refused.scope("hc")["state"], "no_evidence");
}

#[test]
fn a_compromised_shared_system_exposes_and_one_with_data_reopens_the_scopes_that_it_serves() {
    let scopes = format!(
        "{SCOPES}[[scope]]\nname='it'\nshared=true\nprocessor_of=['hc']\ncidr=['10.9.0.0/16']\nhosts=['it-*']\n"
    );
    let fw = [edge(9, 1, "10.9.0.1", "198.51.100.9", 443, 900), edge(14, 1, "10.9.0.1", "198.51.100.9", 443, 900)];
    let told = |more: &str| {
        let events = logon(10, "it-dc01", OUTSIDE) + more;
        scan(&[("fw.log", firewall(9..=14, &fw)), ("it-events.json", events)], &scopes, "")
    };
    let exposed = told("");
    assert_eq!(exposed.scope("it")["intrusion"], "established");
    assert_eq!(exposed.scope("it")["actor"], "external");
    assert_eq!(
        (&exposed.scope("hc")["exposure"], &exposed.scope("hc")["state"]),
        (&serde_json::json!(["it"]), &"no_evidence".into())
    );
    let taken = told(&ntds(11, "it-dc01", "IT\\root"));
    assert_eq!(taken.scope("it")["state"], "accessed");
    assert_eq!(taken.scope("it")["data_categories"][0]["category"], "credentials");
    let hc = taken.scope("hc");
    assert_eq!((&hc["state"], &hc["complete"], cites(hc, "J-34")), (&"cannot_tell".into(), &false.into(), true));
}

#[test]
fn containment_history_and_the_end_of_the_logs_are_told() {
    let told = |contained: &str, day: u32| {
        let scopes = format!("{SCOPES}[incident]\ncontained='{contained}'\n");
        let events = logon(day, "hc-fs01", OUTSIDE);
        let told = scan(&[("fw.log", firewall(1..=20, &[])), ("hc-events.json", events)], &scopes, "");
        let scope = told.scope("hc");
        (scope["activity"]["after_containment"].clone(), scope["coverage"]["baseline"].clone(), told.printed)
    };
    let (after, baseline, printed) = told("2026-03-17T00:00:00Z", 18);
    assert_eq!((after, baseline), (true.into(), "adequate".into()));
    assert!(printed.contains("signs AFTER containment"));
    let (after, baseline, _) = told("2026-03-12T00:00:00Z", 10);
    assert_eq!((after, baseline), (false.into(), "none".into()));
    let (after, _, printed) = told("2026-03-25T00:00:00Z", 10);
    assert_eq!(after, Value::Null, "the logs end before it");
    assert!(!printed.contains("not given"));
}

#[test]
fn promises_and_facts_reach_the_verdict() {
    let scopes = format!(
        "{SCOPES}[[expect]]\nscope='hc'\nsource='dns'\n[[expect]]\nscope='hc'\nsource='firewall'\nfrom='2026-03-09'\nto='2026-03-12'\n\
         [[fact]]\nscope='hc'\ntext='a group names us on its page'\ntime='2026-04-02T09:00Z'\nsource='police'\n"
    );
    let told = scan(&[("fw.log", firewall(9..=12, &[]))], &scopes, "");
    let scope = told.scope("hc");
    assert_eq!((&scope["state"], &scope["open_routes"]), (&"cannot_tell".into(), &serde_json::json!(["dns_tunnel"])));
    assert_eq!(scope["coverage"]["gaps"][0]["reason"], "not_delivered");
    assert_eq!(scope["coverage"]["collect_next"], serde_json::json!(["dns log"]));
    assert_eq!(told.route("hc", "dns_tunnel")["bytes"]["upper"], Value::Null);
    assert_eq!(told.route("hc", "usb")["state"], "not_examined");
    assert_eq!((&told.verdict["facts"][0]["source"], &scope["complete"]), (&"police".into(), &false.into()));
    assert!(told.printed.contains("stated, not from the logs: a group names us"));
}

#[test]
fn an_intrusion_is_complete_only_where_the_edge_was_watched_and_no_proxy_hides_its_clients() {
    let events = || ("hc-events.json", logon(10, "hc-fs01", OUTSIDE));
    let told = |fw: String| {
        let told = scan(&[("fw.log", fw), events()], SCOPES, "");
        let scope = told.scope("hc").clone();
        (scope["open_routes"].clone(), cites(&scope, "J-32"), cites(&scope, "J-38"))
    };
    // What the session showed is logged nowhere (J-36).
    assert_eq!(told(firewall(9..=12, &[])), (serde_json::json!(["remote_access"]), false, false));
    let all =
        serde_json::json!(["https_upload", "cloud_storage", "sftp_ftp", "email", "smb", "remote_access", "network"]);
    assert_eq!(told(firewall(12..=14, &[])), (all, true, false), "what the log shows is of another time");
    let behind = [edge(10, 9, "10.2.0.5", "10.2.0.9", 3128, 900), edge(10, 9, "10.2.0.9", "198.51.100.9", 443, 900)];
    let routes = serde_json::json!(["https_upload", "cloud_storage", "remote_access"]);
    assert_eq!(told(firewall(9..=12, &behind)), (routes, false, true));
    let only = serde_json::json!(["remote_access"]);
    assert_eq!(told(firewall(9..=12, &behind[..1])), (only, false, false), "an application on that port");
}

#[test]
fn a_sanctioned_entry_is_rejected_by_intrusion_and_by_its_other_keys() {
    let scopes = |more: &str| {
        format!("{SCOPES}[[sanctioned]]\ndestination=['198.51.100.20']\nhost=['hc-fs01']\nwhy='backup'\n{more}")
    };
    let fw = || firewall(9..=12, &[edge(11, 2, "10.2.0.5", "198.51.100.20", 443, 3 << 30)]);
    let explained = scan(&[("fw.log", fw())], &scopes(""), "");
    assert_eq!((&explained.scope("hc")["state"], cites(explained.scope("hc"), "J-21")), (&"no_evidence".into(), true));
    let too_much = scan(&[("fw.log", fw())], &scopes("max_bytes=1000\n"), "");
    assert_eq!((&too_much.scope("hc")["state"], cites(too_much.scope("hc"), "J-21")), (&"unexplained".into(), true));
    assert!(too_much.printed.contains("does not match: max_bytes"));
    let intruder = scan(&[("fw.log", fw()), ("hc-events.json", logon(10, "hc-fs01", OUTSIDE))], &scopes(""), "");
    let scope = intruder.scope("hc");
    assert_eq!((&scope["state"], cites(scope, "J-22")), (&"exfiltrated".into(), true));
    assert_eq!(scope["breach"]["confidentiality"], "yes");
    assert_eq!(intruder.route("hc", "https_upload")["bytes"]["lower"], 3_u64 << 30);
}

#[test]
fn an_intruder_of_a_suppliers_realm_from_inside_is_a_supplier() {
    let scopes = format!("{SCOPES}[[scope]]\nname='vendor'\nprocessor_of=['hc']\naccounts=['VENDOR']\n");
    let told = |user: &str| {
        let files = [("fw.log", firewall(9..=12, &[])), ("hc-events.json", ntds(10, "hc-dc01", user))];
        scan(&files, &scopes, "").scope("hc")["actor"].clone()
    };
    assert_eq!((told(r"VENDOR\kim"), told(r"HC\kim")), ("supplier".into(), "unknown".into()));
}

#[test]
fn a_log_without_bytes_has_no_upper_bound_and_says_what_to_collect() {
    let line = |hour: u32| edge(10, hour, "10.2.0.5", "198.51.100.9", 443, 0);
    let blind: String = (0..24).map(|hour| line(hour).replace(" sentbyte=0 rcvdbyte=900", "")).collect();
    let told = scan(&[("fw.log", blind)], SCOPES, "");
    let scope = told.scope("hc");
    assert_eq!((&scope["state"], cites(scope, "J-35")), (&"cannot_tell".into(), true));
    assert_eq!(told.route("hc", "https_upload")["bytes"]["upper"], Value::Null);
    assert!(!scope["coverage"]["collect_next"].as_array().unwrap().is_empty());
}

#[test]
fn bytes_of_both_ways_together_are_a_bound_and_leave_the_way_open() {
    let over = |n: u32| {
        format!(
            "Mar 10 2026 10:{n:02}:00 hc-fw : %ASA-6-302014: Teardown TCP connection {n} for outside:198.51.100.7/443 to \
             inside:10.2.0.5/50000 duration 0:00:10 bytes 900000000 TCP FINs\n"
        )
    };
    // The firewall that tells its bytes stands elsewhere: it does not answer for this one.
    let files = [("fw.log", firewall(9..=12, &[])), ("hc-asa.log", (0..50).map(over).collect())];
    let told = scan(&files, SCOPES, "");
    let scope = told.scope("hc");
    assert_eq!((&scope["state"], cites(scope, "J-35")), (&"cannot_tell".into(), true));
    assert!(scope["open_routes"].as_array().unwrap().contains(&"https_upload".into()), "{}", scope["open_routes"]);
}

#[test]
fn traffic_that_is_told_and_not_read_is_not_zero() {
    let teardown = |n: u32| {
        format!(
            "Mar 10 2026 10:{n:02}:00 hc-fw : %ASA-6-302021: Teardown ICMP connection for faddr 198.51.100.7/0 gaddr 203.0.113.1/0 \
             laddr 10.2.0.5/0\n"
        )
    };
    let mail = |n: u32| {
        format!(
            "Mar 10 10:{n:02}:00 hc-mx postfix/qmgr[1]: ABC{n}: from=<a@hc.example>, size=25000000, nrcpt=1 (queue active)\n\
             Mar 10 10:{n:02}:00 hc-mx postfix/smtp[1]: ABC{n}: to=<x@b.example>, relay=b[198.51.100.7]:25, delay=1, \
             dsn=2.0.0, status=sent (250 ok)\n"
        )
    };
    let told = |name: &str, text: String| {
        let told = scan(&[("fw.log", firewall(9..=12, &[])), (name, text)], SCOPES, "");
        (told.scope("hc")["state"].clone(), told.scope("hc")["open_routes"].clone(), told)
    };
    let all = |text: &dyn Fn(u32) -> String| (0..50).map(text).collect::<String>();
    // The firewall that tells its bytes stands elsewhere: it does not answer for this one.
    let (state, open, asa) = told("hc-asa.log", all(&teardown));
    assert_eq!((state, cites(asa.scope("hc"), "J-35")), ("cannot_tell".into(), true));
    assert!(open.as_array().unwrap().contains(&"https_upload".into()), "{open}");
    assert!(asa.printed.contains("50 records on traffic that this version does not read"), "{}", asa.printed);
    let (_, open, _) = told("hc-mail.log", all(&mail));
    assert_eq!(open, serde_json::json!(["email"]));
    let refused = |n: u32| teardown(n).replace("Teardown ICMP connection for", "Deny icmp src");
    assert_eq!(told("hc-asa.log", all(&refused)).0, "no_evidence");
}

#[test]
fn a_hit_in_a_text_that_nobody_claims_is_not_clean() {
    let files = [("fw.log", firewall(9..=12, &[])), ("notes.txt", "seen: 203.0.113.77 in a chat\n".repeat(3))];
    let told = scan(&files, SCOPES, "203.0.113.77\n");
    assert_eq!(told.scope("hc")["state"], "no_evidence");
    let loose = told.scope("unattributed");
    assert_eq!((&loose["state"], cites(loose, "J-33")), (&"cannot_tell".into(), true));
}

/// What the incident's truth says of the bytes of a way out lies within the bounds, with what is known of whose is what
/// and without.
#[test]
fn the_bounds_of_the_incident_hold_what_moved() {
    let path = |name: &str| project("fixtures/incident").join(name).to_str().unwrap().to_owned();
    let truth: Value = serde_json::from_str(&std::fs::read_to_string(path("truth.json")).unwrap()).unwrap();
    let temp = tempfile::tempdir().unwrap();
    let case = temp.path().join("case");
    let output = exfiltrace(&[
        "scan",
        &path("evidence"),
        "--scopes",
        &path("scopes.toml"),
        "--indicators",
        &path("indicators.txt"),
        "--out",
        case.to_str().unwrap(),
    ]);
    let verdict = serde_json::from_slice(&std::fs::read(case.join("verdict.json")).unwrap()).unwrap();
    let told = Told { verdict, printed: String::from_utf8(output.stdout).unwrap() };
    let mut checked = 0;
    for scope in truth["scopes"].as_array().unwrap() {
        for route in scope["routes"].as_array().into_iter().flatten() {
            let name = (scope["scope"].as_str().unwrap(), route["route"].as_str().unwrap());
            let bounds = &told.route(name.0, name.1)["bytes"];
            let [lower, upper] = ["lower", "upper"].map(|bound| bounds[bound].as_u64().unwrap());
            let [least, most] = ["lower", "upper"].map(|bound| route["bytes"][bound].as_u64().unwrap());
            assert!(lower <= least && upper >= most, "{name:?}: {lower} to {upper}, truth {least} to {most}");
            assert!(lower > least / 10 * 9, "{name:?}: at least {lower} of {least}");
            checked += 1;
        }
    }
    assert_eq!(checked, 2);
}

//! What is joined over entities and time: hosts that an intruder reached, addresses that were given to somebody.

use exfiltrace::model::assigned::{Giver, Joined, Stands};
use exfiltrace::model::finding::{Finding, FindingKind, FindingTime};
use exfiltrace::model::place::Locator;
use exfiltrace::model::rule::{Level, Outcome, REFUSED_EXITS, Route, Stage};
use exfiltrace::model::time::Span;
use exfiltrace::model::transfer::{Bounds, Transfer};
use exfiltrace::model::verdict::{Actor, ScopeVerdict, State};

use crate::clauses::Sides;
use crate::judge::{GIB, at, finding, hc, listed, transfer, whose};
use crate::verdict::{cites, scan};

fn timed(mut f: Finding, time: &str) -> Finding {
    f.time = FindingTime { first: Some(at(time)), last: Some(at(time)), assumed: None };
    f
}

/// The file server is broken into at ten.
fn broken_into() -> Finding {
    finding("in", Stage::InitialAccess, Outcome::Succeeded, "203.0.113.9", "hc-fs01")
}

/// A session of remote desktop from one inside address to another.
fn session(id: &str, (from, to): (&str, &str), outcome: Outcome, time: &str) -> Finding {
    let mut f = finding(id, Stage::LateralMovement, outcome, from, "hc-edge");
    f.route = Some(Route::RemoteAccess);
    f.level = Level::Medium;
    f.entities.destinations = vec![to.to_owned()];
    timed(f, time)
}

/// What 10.2.0.7 sends out from a time on.
fn sent(time: &str) -> Transfer {
    let mut t = transfer(Route::HttpsUpload, "10.2.0.7", "198.51.100.7", GIB, 2, &whose(""));
    t.hours = vec![at(time).hour()].into();
    Transfer { time: Some(Span { first: at(time), last: at(time) }), ..t }
}

fn told(sessions: &[Finding], sent: Transfer) -> ScopeVerdict {
    let findings: Vec<Finding> = std::iter::once(broken_into()).chain(sessions.iter().cloned()).collect();
    hc(&findings, &[sent], &whose(""))
}

fn joined(peer: &str, account: &str, host: &str, sure: bool) -> Joined {
    let by = Stands { source: Locator::from_encoded("e/vpn.log"), offset: 7 };
    let [peer, account, host] = [peer, account, host].map(str::to_owned);
    Joined { kind: Giver::Vpn, address: "10.2.250.7".to_owned(), account, host, peer, sure, by, reason: "r".to_owned() }
}

/// What a session was served that came from an address, for sure or perhaps.
fn session_of(peer: &str, sure: bool) -> ScopeVerdict {
    let to = if sure { peer } else { "10.2.250.7" };
    let mut t = transfer(Route::RemoteAccess, "10.2.0.5", to, GIB, 2, &whose(""));
    t.joined = vec![joined(peer, "", "", sure)].into();
    told(&[], t)
}

/// Staff who work at home come from outside, through the own gateway: the address says nothing of who it was.
#[test]
fn who_was_let_in_by_the_own_vpn_is_not_external_by_address_alone() {
    let open = whose("");
    let of = |from: &str, joined: Vec<Joined>| {
        let mut f = finding("in", Stage::Execution, Outcome::Succeeded, from, "hc-fs01");
        f.joined = joined;
        f
    };
    let home = || of("10.2.250.7", vec![joined("203.0.113.9", "HC\\j.doe", "", true)]);
    let actor = |findings: &[Finding]| hc(findings, &[], &open).actor;
    assert_eq!(actor(&[home()]), Actor::Unknown);
    assert_eq!(actor(&[of("203.0.113.9", Vec::new())]), Actor::External);
    assert_eq!(actor(&[home(), of("203.0.113.9", Vec::new())]), Actor::External, "it acted from there as well");
    let found = hc(&[home(), listed("hc", "203.0.113.9", "10.2.0.5")], &[], &open);
    assert_eq!(found.actor, Actor::External, "listed");
    // What else it does from there is its all the same.
    let served = transfer(Route::WebResponse, "10.2.0.8", "203.0.113.9", GIB, 2, &open);
    assert_eq!(hc(&[home()], &[served], &open).state, State::Exfiltrated);
}

/// The clauses of joins.
pub fn sides() -> Vec<Sides> {
    let reached = |outcome| {
        told(&[session("a", ("10.2.0.5", "10.2.0.7"), outcome, "2026-03-02T11:00:00Z")], sent("2026-03-02T12:00:00Z"))
    };
    vec![
        ("J-80", reached(Outcome::Succeeded), reached(Outcome::Failed)),
        ("J-81", session_of("203.0.113.9", true), session_of("203.0.113.10", true)),
        ("J-82", session_of("203.0.113.9", false), session_of("203.0.113.9", true)),
        ("J-90", logged_on_from("10.2.0.7", Level::High), logged_on_from("10.2.0.7", Level::Medium)),
        ("J-91", tried("2026-03-02T11:00:00Z"), tried("2026-03-02T09:00:00Z")),
        ("J-92", beside(5), beside(4)),
    ]
}

/// The file server is acted on in a session that came from an address, which sends later.
fn logged_on_from(address: &str, level: Level) -> ScopeVerdict {
    let mut f = finding("in", Stage::Execution, Outcome::Succeeded, "", "hc-fs01");
    f.entities.sources.clear();
    f.level = level;
    f.joined = vec![Joined {
        kind: Giver::Logon,
        address: address.to_owned(),
        reason: "HC\\j.doe was logged on".to_owned(),
        ..joined("", "HC\\j.doe", "hc-fs01", true)
    }];
    hc(&[f], &[sent("2026-03-02T12:00:00Z")], &whose(""))
}

/// A way out that was refused to the file server, last at a time.
fn tried(last: &str) -> ScopeVerdict {
    let mut f = finding("r", Stage::Exfiltration, Outcome::Failed, "10.2.0.5", "");
    (f.kind, f.level, f.rule.id) = (FindingKind::Anomaly, Level::Informational, REFUSED_EXITS.to_owned());
    f.entities.hosts.clear();
    f.entities.destinations = vec!["198.51.100.7".to_owned()];
    f.route = Some(Route::SftpFtp);
    f.time = FindingTime { first: Some(at("2026-03-02T08:00:00Z")), last: Some(at(last)), assumed: None };
    told(&[f], sent("2026-03-02T12:00:00Z"))
}

/// What 10.2.0.7 sent beside so many others that sent 1 MiB.
fn beside(others: u32) -> ScopeVerdict {
    let small = (0..others).map(|n| {
        let mut t = sent("2026-03-02T12:00:00Z");
        t.id = format!("t-{n}").as_str().into();
        t.from = format!("10.2.0.{}", 30 + n).into();
        t.bytes = Bounds::exact(1 << 20);
        t.hour_bytes = vec![1 << 20].into();
        t
    });
    let all: Vec<Transfer> = small.chain([sent("2026-03-02T12:00:00Z")]).collect();
    hc(&[], &all, &whose(""))
}

#[test]
fn what_a_host_sends_that_the_intruder_reached_is_its_from_then_on() {
    let to = |from, to, outcome, time| session(&format!("{from}{to}"), (from, to), outcome, time);
    let (first, then) = ("10.2.0.5", "10.2.0.6");
    let noon = || sent("2026-03-02T12:00:00Z");
    let state = |sessions: &[Finding], sent| told(sessions, sent).state;
    let ok = Outcome::Succeeded;
    let on = [to(then, "10.2.0.7", ok, "2026-03-02T11:30:00Z"), to(first, then, ok, "2026-03-02T11:00:00Z")];
    assert_eq!(state(&on, noon()), State::Exfiltrated, "over two sessions");
    let back = [to(then, "10.2.0.7", ok, "2026-03-02T11:00:00Z"), to(first, then, ok, "2026-03-02T11:30:00Z")];
    assert_eq!(state(&back, noon()), State::Unexplained, "the second one was first");
    let both = [to(then, "10.2.0.7", ok, "2026-03-02T11:00:00Z"), to(first, then, ok, "2026-03-02T11:00:00Z")];
    assert_eq!(state(&both, noon()), State::Unexplained, "no clock orders them");
    let one = |outcome, time| [to(first, "10.2.0.7", outcome, time)];
    assert_eq!(state(&one(ok, "2026-03-02T11:00:00Z"), noon()), State::Exfiltrated);
    assert_eq!(
        state(&one(ok, "2026-03-02T11:00:00Z"), sent("2026-03-02T10:30:00Z")),
        State::Unexplained,
        "sent before"
    );
    assert_eq!(state(&one(ok, "2026-03-02T09:00:00Z"), noon()), State::Unexplained, "before the intrusion");
    assert_eq!(state(&one(Outcome::Failed, "2026-03-02T11:00:00Z"), noon()), State::Unexplained, "denied");
    let clean = [session("s", ("10.2.0.99", "10.2.0.7"), ok, "2026-03-02T11:00:00Z")];
    assert_eq!(state(&clean, noon()), State::Unexplained, "from a host that is nobody's");
    assert!(!crate::judge::cites(&told(&clean, noon()), "J-80"));
}

#[test]
fn an_address_that_was_given_is_its_holders_by_address_account_or_host() {
    let sent = |joined: Vec<Joined>| Transfer { joined: joined.into(), ..sent("2026-03-02T12:00:00Z") };
    let mut known = broken_into();
    known.entities.accounts = vec!["HC\\j.doe".to_owned()];
    let state = |joined: Joined| hc(std::slice::from_ref(&known), &[sent(vec![joined])], &whose("")).state;
    assert_eq!(state(joined("203.0.113.9", "", "", true)), State::Exfiltrated, "by the address of the session");
    assert_eq!(state(joined("", "j.doe@hc.example", "", true)), State::Exfiltrated, "by the account");
    assert_eq!(state(joined("", "", "hc-fs01", true)), State::Exfiltrated, "by the host");
    assert_eq!(state(joined("203.0.113.8", "k.roe@hc.example", "hc-pc01", true)), State::Unexplained);
    assert_eq!(state(joined("203.0.113.9", "", "", false)), State::Unexplained, "no more than perhaps");
    let open = hc(std::slice::from_ref(&known), &[sent(vec![joined("203.0.113.9", "", "", false)])], &whose(""));
    assert_eq!(open.open_routes, [Route::HttpsUpload]);
    let home = session_of("198.51.100.3", true);
    assert!(
        !home.routes.iter().any(|way| way.route == Route::RemoteAccess && way.state <= State::Unexplained),
        "works from home"
    );
}

/// A line of FortiGate's VPN log.
pub fn vpn(clock: &str, action: &str, from: &str, user: &str, inner: &str) -> String {
    format!(
        "date=2026-03-02 time={clock} tz=\"+0000\" devname=\"hc-edge\" logid=\"0101039424\" type=\"event\" subtype=\"vpn\" action=\"{action}\" \
         remip={from} user=\"{user}\" tunnelip={inner}\n"
    )
}

/// What 10.2.250.7 got from the file server, in FortiGate's traffic log.
fn read(clock: &str, bytes: u64) -> String {
    format!(
        "date=2026-03-02 time={clock} tz=\"+0000\" devname=\"hc-edge\" logid=\"0000000013\" type=\"traffic\" srcip=10.2.250.7 srcport=50000 \
         dstip=10.2.0.5 dstport=445 action=\"close\" sentbyte=900 rcvdbyte={bytes}\n"
    )
}

/// The verdict where passwords were tried at the VPN until one fitted, with more of its log, and with these reads.
fn broken(more: &[String], reads: &[String], goes_on: bool) -> (serde_json::Value, bool, bool) {
    let tried = (0..12).map(|n| {
        vpn(
            &format!("09:5{}:{:02}", n / 2, n % 2 * 30),
            "ssl-login-fail",
            "203.0.113.9",
            &format!("u{n:02}@hc.example"),
            "(null)",
        )
    });
    let up = vpn("10:00:00", "tunnel-up", "203.0.113.9", "j.doe@hc.example", "10.2.250.7");
    let last = more.is_empty().then(|| vpn("12:00:00", "ssl-login-fail", "198.51.100.4", "m.moe@hc.example", "(null)"));
    let log = tried.chain([up]).chain(more.iter().cloned()).chain(last.filter(|_| goes_on)).collect::<String>();
    let scopes = crate::verdict::SCOPES.replace("accounts=['HC']", "accounts=['HC','hc.example']");
    let told = scan(&[("hc-vpn.log", log), ("hc-edge.log", reads.concat())], &scopes, "");
    let hc = told.scope("hc");
    (told.route("hc", "remote_access").clone(), cites(hc, "J-81"), cites(hc, "J-82"))
}

#[test]
fn what_a_stolen_session_was_served_left_and_what_others_were_did_not() {
    let other = |clock: &str| vpn(clock, "tunnel-up", "198.51.100.3", "k.roe@hc.example", "10.2.250.7");
    let down = vpn("10:20:00", "tunnel-down", "203.0.113.9", "j.doe@hc.example", "10.2.250.7");
    let told = |more: &[String], reads: &[&str]| {
        let reads: Vec<String> = reads.iter().map(|clock| read(clock, 50 << 20)).collect();
        let (route, sure, perhaps) = broken(more, &reads, true);
        (route["state"].as_str().unwrap().to_owned(), route["bytes"]["lower"].as_u64().unwrap(), sure, perhaps)
    };
    let left = |bytes| ("exfiltrated".to_owned(), bytes, true, false);
    assert_eq!(told(&[], &["10:05:00", "10:15:00"]), left(100 << 20));
    assert_eq!(
        told(&[down.clone(), other("10:40:00")], &["10:05:00", "11:15:00"]),
        left(50 << 20),
        "the second was another's"
    );
    let (state, _, sure, perhaps) = told(&[down.clone(), other("10:24:00")], &["10:05:00", "10:30:00"]);
    assert_eq!((&*state, sure, perhaps), ("cannot_tell", false, true), "either's, in one hour");
    let (state, _, sure, perhaps) = told(&[down, other("10:40:00")], &["10:50:00", "11:15:00"]);
    assert_eq!(
        (&*state, sure, perhaps),
        ("cannot_tell", false, false),
        "another's alone; what the session showed is open"
    );
}

#[test]
fn what_comes_out_of_a_tunnel_is_of_who_holds_its_address() {
    let on = |peer: &str| {
        let mut f = session("s", ("10.2.250.7", "10.2.0.7"), Outcome::Succeeded, "2026-03-02T11:00:00Z");
        f.joined = vec![joined(peer, "", "", true)];
        told(&[f], sent("2026-03-02T12:00:00Z")).state
    };
    assert_eq!((on("203.0.113.9"), on("203.0.113.10")), (State::Exfiltrated, State::Unexplained), "the next host");
    let served = |held: Vec<Joined>| {
        let mut proof = finding("p", Stage::Execution, Outcome::Succeeded, "10.2.250.7", "hc-fs01");
        proof.joined = held;
        let mut t = transfer(Route::RemoteAccess, "10.2.0.8", "198.51.100.3", GIB, 3, &whose(""));
        t.joined = vec![joined("198.51.100.3", "", "", true)].into();
        hc(&[proof], &[t], &whose("")).state
    };
    let session = joined("198.51.100.3", "", "", true);
    assert_eq!(
        (served(vec![session]), served(Vec::new())),
        (State::Exfiltrated, State::IntrusionOnly),
        "back to its session"
    );
}

#[test]
fn a_lease_tells_whose_the_address_was_that_sent() {
    let leases = "Mar  2 09:00:00 hc-gw dnsmasq-dhcp[7]: DHCPACK(br0) 10.2.0.50 00:15:5d:00:00:07 hc-pc07\n\
                  Mar  2 12:00:00 hc-gw dnsmasq-dhcp[7]: DHCPACK(br0) 10.2.0.50 00:15:5d:00:00:08 hc-pc08\n\
                  Mar  2 18:00:00 hc-gw dnsmasq-dhcp[7]: DHCPACK(br0) 10.2.0.51 00:15:5d:00:00:09 hc-pc09\n";
    let sent = read("10:30:00", 1).replace("10.2.250.7", "10.2.0.50").replace("dstip=10.2.0.5 ", "dstip=198.51.100.7 ");
    let sent = sent.replace("dstport=445", "dstport=443").replace("sentbyte=900", "sentbyte=900000000");
    let files = [("hc-dhcp.log", leases.to_owned()), ("hc-edge.log", sent)];
    let told = scan(&files, crate::verdict::SCOPES, "");
    assert_eq!(told.route("hc", "https_upload")["state"], "unexplained");
    assert!(
        told.printed.contains("DHCP gave 10.2.0.50 to host hc-pc07; 2026-03-02T09:00:00Z to 2026-03-02T12:00:00Z"),
        "{}",
        told.printed
    );
}

/// A line of FortiGate's traffic log: a host behind the firewall sends as the firewall's own address.
pub fn translated(clock: &str, from: &str, to: &str, bytes: &str) -> String {
    format!(
        "date=2026-03-02 time={clock} tz=\"+0000\" devname=\"hc-edge\" logid=\"0000000013\" type=\"traffic\" srcip={from} srcport=50000 \
         dstip={to} dstport=443 trandisp=\"snat\" transip=203.0.113.40 transport=50000 action=\"accept\" duration=600 {bytes}\n"
    )
}

/// A partner's web server tells of what it got from that address, from half past ten on.
pub fn partner(bytes: u64) -> String {
    "#Software: Microsoft Internet Information Services 10.0\n\
     #Fields: date time s-ip cs-method cs-uri-stem s-port c-ip sc-status cs-bytes sc-bytes time-taken\n"
        .to_owned()
        + &(0..10)
            .map(|n| format!("2026-03-02 10:3{n}:00 198.51.100.7 PUT /in 443 203.0.113.40 200 {bytes} 300 900\n"))
            .collect::<String>()
}

/// The file server is shown to be an intruder's at ten.
pub fn acted_on() -> String {
    let event = serde_json::json!({
        "@timestamp": "2026-03-02T10:00:00.000Z",
        "winlog": {"channel": "Microsoft-Windows-Sysmon/Operational", "event_id": 1, "computer_name": "hc-fs01", "event_data": {
            "Image": r"C:\Windows\System32\ntdsutil.exe", "User": "HC\\j.doe",
            "CommandLine": r#"ntdsutil.exe "ac i ntds" ifm "create full c:\temp" q q"#,
        }},
    });
    format!("{event}\n")
}

/// The transfers and the scope where these hosts were behind the firewall's address while the partner got 10 times so much.
fn behind(hosts: &[(&str, &str, &str)], got: u64) -> (Vec<serde_json::Value>, serde_json::Value, String) {
    let edge = |(clock, host, bytes): &(&str, &str, &str)| translated(clock, host, "198.51.100.7", bytes);
    let files = [
        ("hc-sysmon.json", acted_on()),
        ("hc-edge.log", hosts.iter().map(edge).collect()),
        ("partner-iis.log", partner(got)),
    ];
    let (told, transfers) = crate::verdict::scan_with_transfers(&files, crate::verdict::SCOPES);
    (transfers, told.scope("hc").clone(), told.printed)
}

/// The state of uploads.
fn upload(scope: &serde_json::Value) -> &str {
    let way = scope["routes"].as_array().unwrap().iter().find(|r| r["route"] == "https_upload").unwrap();
    way["state"].as_str().unwrap()
}

#[test]
fn what_came_from_a_translated_address_is_the_one_hosts_behind_it() {
    let (transfers, hc, printed) = behind(&[("10:40:00", "10.2.0.5", "")], 10 << 20);
    let outer = transfers.iter().find(|t| t["from"] == "203.0.113.40").unwrap();
    assert_eq!((&outer["joined"][0]["kind"], &outer["joined"][0]["sure"]), (&"nat".into(), &true.into()), "{outer}");
    assert_eq!((&hc["state"], cites(&hc, "J-81")), (&"exfiltrated".into(), true), "{hc}");
    assert!(printed.contains("a firewall translated 10.2.0.5 to 203.0.113.40"), "{printed}");
    let (_, hc, _) = behind(&[("10:40:00", "10.2.0.77", "")], 10 << 20);
    assert_eq!((upload(&hc), cites(&hc, "J-81")), ("unexplained", false), "another host was behind it");
}

#[test]
fn of_several_behind_an_address_the_set_is_kept_and_a_crowd_says_nothing() {
    let both = [("10:40:00", "10.2.0.5", ""), ("10:41:00", "10.2.0.77", "")];
    let (transfers, hc, _) = behind(&both, 10 << 20);
    let outer = transfers.iter().find(|t| t["from"] == "203.0.113.40").unwrap();
    let of: Vec<(&str, bool)> = outer["joined"]
        .as_array()
        .unwrap()
        .iter()
        .map(|joined| (joined["host"].as_str().unwrap(), joined["sure"].as_bool().unwrap()))
        .collect();
    assert_eq!(of, [("10.2.0.5", false), ("10.2.0.77", false)]);
    assert_ne!(hc["state"], "exfiltrated");
    assert!(cites(&hc, "J-82") && !cites(&hc, "J-81"));
    let files = |other: &str| {
        let log =
            translated("10:40:00", "10.2.0.5", "198.51.100.7", "") + &translated("10:41:00", "10.2.0.77", other, "");
        let files = [("hc-sysmon.json", acted_on()), ("hc-edge.log", log), ("partner-iis.log", partner(10 << 20))];
        crate::verdict::scan(&files, crate::verdict::SCOPES, "").scope("hc")["state"].clone()
    };
    assert_eq!(files("198.51.100.8"), "exfiltrated", "the other one went elsewhere");
    assert_ne!(files("198.51.100.7"), "exfiltrated");
    let hosts: Vec<String> = (0..9).map(|n| format!("10.2.0.{}", 5 + n)).collect();
    let crowd: Vec<(&str, &str, &str)> = hosts.iter().map(|host| ("10:40:00", host.as_str(), "")).collect();
    let (transfers, hc, _) = behind(&crowd, 10 << 20);
    assert!(transfers.iter().all(|t| t["joined"].is_null()) && !cites(&hc, "J-82"));
}

#[test]
fn bytes_that_the_firewall_states_of_the_hosts_behind_its_address_count_once() {
    let half = "sentbyte=52428800 rcvdbyte=900";
    let (transfers, hc, _) = behind(&[("10:40:00", "10.2.0.5", half), ("10:41:00", "10.2.0.77", half)], 10 << 20);
    let lower = |from: &str| transfers.iter().find(|t| t["from"] == from).unwrap()["bytes"]["lower"].as_u64().unwrap();
    assert_eq!((lower("203.0.113.40"), lower("10.2.0.77")), (0, 52_428_800));
    let outer = transfers.iter().find(|t| t["from"] == "203.0.113.40").unwrap();
    assert_eq!(outer["passed_on"]["hosts"], serde_json::json!(["10.2.0.77", "hc-fs01"]));
    let route = hc["routes"].as_array().unwrap().iter().find(|r| r["route"] == "https_upload").unwrap();
    assert_eq!((&route["state"], &route["bytes"]["lower"]), (&"exfiltrated".into(), &52_428_800u64.into()));
    assert!(!cites(&hc, "J-82"));
}

#[test]
fn what_a_firewall_states_of_a_host_stays_its_however_many_are_behind_the_address() {
    let hosts: Vec<String> = (0..9).map(|n| format!("10.2.0.{}", 5 + n)).collect();
    let sent = |n: usize| if n == 0 { "sentbyte=104857600 rcvdbyte=900" } else { "sentbyte=1000 rcvdbyte=900" };
    let crowd: Vec<(&str, &str, &str)> =
        hosts.iter().enumerate().map(|(n, host)| ("10:40:00", host.as_str(), sent(n))).collect();
    let log: String = crowd.iter().map(|(clock, host, sent)| translated(clock, host, "198.51.100.7", sent)).collect();
    let scopes = crate::verdict::SCOPES.replace("'10.2.0.0/16'", "'10.2.0.0/16','203.0.113.40/32'");
    for got in [9 << 20, 10 << 20, 11 << 20, 20 << 20] {
        let files = [("hc-sysmon.json", acted_on()), ("hc-edge.log", log.clone()), ("partner-iis.log", partner(got))];
        let (told, transfers) = crate::verdict::scan_with_transfers(&files, &scopes);
        let hc = told.scope("hc");
        let of = |from: &str| transfers.iter().find(|t| t["from"] == from).unwrap();
        let lower = |from: &str| of(from)["bytes"]["lower"].as_u64().unwrap();
        assert_eq!((&hc["state"], lower("hc-fs01")), (&"exfiltrated".into(), 100 << 20), "{got}");
        assert!(of("hc-fs01")["passed_on"].is_null());
        // The others sent a little.
        let left = (10 * got).saturating_sub(100 << 20);
        assert!((left.saturating_sub(8000)..=left).contains(&lower("203.0.113.40")), "{got}");
    }
    let shared = format!(
        "{}\n[[scope]]\nname='it'\nshared=true\nprocessor_of=['hc']\ncidr=['203.0.113.40/32']\n",
        crate::verdict::SCOPES
    );
    let one = translated("10:40:00", "10.2.0.5", "198.51.100.7", sent(0));
    let files = [("hc-sysmon.json", acted_on()), ("hc-edge.log", one), ("partner-iis.log", partner(10 << 20))];
    let told = scan(&files, &shared, "");
    assert_eq!(told.scope("hc")["state"], "exfiltrated", "the address is of another scope");
}

#[test]
fn what_an_asa_translates_is_translated_until_the_connection_ends() {
    let asa = |clock: &str, text: &str| format!("<166>Mar 02 2026 {clock} hc-asa : %ASA-6-{text}\n");
    let built = asa(
        "10:20:00",
        "302013: Built outbound TCP connection 7 for outside:198.51.100.7/443 (198.51.100.7/443) to inside:10.2.0.5/51234 \
         (203.0.113.40/51234)",
    );
    let over = asa(
        "10:50:00",
        "302014: Teardown TCP connection 7 for outside:198.51.100.7/443 to inside:10.2.0.5/51234 duration 0:30:00 \
         bytes 524288000 TCP FINs",
    );
    let sure = |log: String| {
        let files = [("hc-sysmon.json", acted_on()), ("hc-asa.log", log), ("partner-iis.log", partner(10 << 20))];
        let scopes = crate::verdict::SCOPES.replace("'10.2.0.0/16'", "'10.2.0.0/16','203.0.113.40/32'");
        let (told, transfers) = crate::verdict::scan_with_transfers(&files, &scopes);
        let outer = transfers.iter().find(|t| t["from"] == "203.0.113.40").unwrap();
        (outer["joined"][0]["sure"] == true, cites(told.scope("hc"), "J-81"))
    };
    assert_eq!(sure(built.clone() + &over), (true, true));
    assert_eq!(sure(built + &over.replace("0:30:00", "0:00:01").replace("10:50:00", "10:20:01")), (false, false));
}

/// A logon of remote desktop to the file server, or its end.
pub fn session_event(clock: &str, code: u32, user: &str, from: &str) -> String {
    let event = serde_json::json!({
        "@timestamp": format!("2026-03-02T{clock}Z"),
        "winlog": {"channel": "Security", "event_id": code, "computer_name": "hc-fs01", "event_data": {
            "TargetUserName": user, "TargetDomainName": "HC", "TargetLogonId": "0x3e7a1", "LogonType": "10", "IpAddress": from,
        }},
    });
    format!("{event}\n")
}

/// What is said where 10.2.0.9 sends at noon, and these sessions were on the file server that is acted on at ten.
fn from_workstation(sessions: &[String]) -> (serde_json::Value, String) {
    from_workstation_with(acted_on(), sessions, String::new())
}

/// The same where the file server is acted on so, and with a log of leases.
fn from_workstation_with(acted_on: String, sessions: &[String], leases: String) -> (serde_json::Value, String) {
    let sent = read("12:00:00", 1).replace("10.2.250.7", "10.2.0.9").replace("dstip=10.2.0.5 ", "dstip=198.51.100.7 ");
    let sent = sent.replace("dstport=445", "dstport=443").replace("sentbyte=900", "sentbyte=900000000");
    let mut files = vec![("hc-fs01.json", acted_on), ("hc-security.json", sessions.concat()), ("hc-edge.log", sent)];
    files.extend(Some(("hc-dhcp.log", leases)).filter(|(_, log)| !log.is_empty()));
    let told = scan(&files, crate::verdict::SCOPES, "");
    (told.scope("hc").clone(), told.printed)
}

#[test]
fn a_session_from_a_system_of_another_scope_is_told_there() {
    let scopes = format!("{}\n[[scope]]\nname='rv'\ncidr=['10.1.0.0/16']\npaths=['**/rv-*']\n", crate::verdict::SCOPES);
    let session =
        session_event("09:50:00.000", 4624, "j.doe", "10.1.0.9") + &session_event("12:30:00.000", 4634, "j.doe", "-");
    let sent = translated("12:00:00", "10.1.0.9", "198.51.100.7", "sentbyte=900000000 rcvdbyte=900");
    let files = [("hc-fs01.json", acted_on()), ("hc-security.json", session), ("rv-edge.log", sent)];
    let told = scan(&files, &scopes, "");
    let rv = told.scope("rv");
    assert!(cites(told.scope("hc"), "J-90") && cites(rv, "J-89"), "{rv}");
    assert_eq!((&rv["intrusion"], upload(rv)), (&"established".into(), "unexplained"));
}

#[test]
fn who_has_the_address_of_a_session_later_is_not_who_had_it_then() {
    let on =
        [session_event("09:50:00.000", 4624, "j.doe", "10.2.0.9"), session_event("10:30:00.000", 4634, "j.doe", "-")];
    let lease = |clock: &str, host: &str| {
        format!("Mar  2 {clock} hc-gw dnsmasq-dhcp[7]: DHCPACK(br0) 10.2.0.9 00:15:5d:00:00:{} {host}\n", &host[5..])
    };
    let later = "Mar  2 18:00:00 hc-gw dnsmasq-dhcp[7]: DHCPACK(br0) 10.2.0.51 00:15:5d:00:00:51 hc-pc51\n";
    let first = lease("08:00:00", "hc-pc07");
    let upload_with = |leases: String| upload(&from_workstation_with(acted_on(), &on, leases).0).to_owned();
    assert_eq!(upload_with(first.clone() + &lease("11:30:00", "hc-pc08") + later), "unexplained");
    assert_eq!(upload_with(first + later), "exfiltrated", "the same computer");
    assert_eq!(upload_with(lease("11:30:00", "hc-pc08") + later), "unexplained", "who had it then is not known");
}

#[test]
fn what_was_done_in_another_session_was_not_done_from_its_address() {
    let acted_in = |id: &str| acted_on().replace("\"User\"", &format!("\"LogonId\":\"{id}\",\"User\""));
    let remote =
        session_event("09:50:00.000", 4624, "j.doe", "10.2.0.9") + &session_event("10:30:00.000", 4634, "j.doe", "-");
    let console = session_event("09:00:00.000", 4624, "j.doe", "127.0.0.1")
        .replace("0x3e7a1", "0x99999")
        .replace("\"LogonType\":\"10\"", "\"LogonType\":\"2\"");
    assert!(console.contains("0x99999") && console.contains("\"LogonType\":\"2\""), "{console}");
    let state = |acted: String, sessions: &[&String]| {
        let sessions: Vec<String> = sessions.iter().map(|session| (*session).clone()).collect();
        let (hc, _) = from_workstation_with(acted, &sessions, String::new());
        (upload(&hc).to_owned(), cites(&hc, "J-90"))
    };
    let (its, none) = (("exfiltrated".to_owned(), true), ("unexplained".to_owned(), false));
    assert_eq!(state(acted_in("0x3e7a1"), &[&console, &remote]), its, "the number says it");
    assert_eq!(state(acted_in("0x99999"), &[&console, &remote]), none, "at the keyboard");
    assert_eq!(state(acted_in("0x99999"), &[&remote]), none, "in one of which no log tells");
    assert_eq!(state(acted_on(), &[&console, &remote]), none, "either");
}

#[test]
fn files_asked_for_over_the_network_and_accounts_of_many_computers_say_nothing_of_where_somebody_works() {
    let of = |kind: &str, clock: &str| {
        (session_event(clock, 4624, "j.doe", "10.2.0.9") + &session_event("12:30:00.000", 4634, "j.doe", "-"))
            .replace("\"LogonType\":\"10\"", &format!("\"LogonType\":\"{kind}\""))
    };
    for clock in ["09:50:00.000", "11:50:00.000"] {
        let joins = |sessions: &[String]| {
            let (hc, _) = from_workstation(sessions);
            (upload(&hc).to_owned(), cites(&hc, "J-90") || cites(&hc, "J-81"))
        };
        assert_eq!(joins(&[of("10", clock)]), ("exfiltrated".to_owned(), true), "{clock}");
        assert_eq!(joins(&[of("3", clock)]), ("unexplained".to_owned(), false), "{clock}");
        assert_eq!(joins(&[of("3", clock), of("10", clock).replace("0x3e7a1", "0x3e7a2")]).0, "exfiltrated", "{clock}");
        let many: Vec<String> = (1..10).map(|n| of("10", clock).replace("hc-fs01", &format!("hc-fs{n:02}"))).collect();
        assert_eq!(joins(&many), ("unexplained".to_owned(), false), "{clock}: on nine computers");
    }
}

#[test]
fn what_an_account_does_on_a_host_is_done_from_where_it_is_logged_on() {
    let on = |user, from| session_event("09:50:00.000", 4624, user, from);
    let off = |clock, user| session_event(clock, 4634, user, "-");
    let (hc, printed) = from_workstation(&[on("j.doe", "10.2.0.9"), off("10:30:00.000", "j.doe")]);
    assert_eq!((&hc["state"], cites(&hc, "J-90")), (&"exfiltrated".into(), true), "{hc}");
    assert!(printed.contains("HC\\j.doe was logged on to hc-fs01 from 10.2.0.9"), "{printed}");
    for sessions in [
        vec![on("k.roe", "10.2.0.9"), off("10:30:00.000", "k.roe")],
        vec![on("j.doe", "10.2.0.9"), off("09:55:00.000", "j.doe")],
        vec![on("j.doe", "10.2.0.8"), off("10:30:00.000", "j.doe")],
    ] {
        let (hc, _) = from_workstation(&sessions);
        assert_eq!(upload(&hc), "unexplained", "{sessions:?}");
    }
}

#[test]
fn what_a_host_sends_while_one_account_is_logged_on_from_it_is_that_accounts() {
    let on = |clock, user| session_event(clock, 4624, user, "10.2.0.9");
    let alone = [on("11:50:00.000", "k.roe"), session_event("12:30:00.000", 4634, "k.roe", "-")];
    let (hc, printed) = from_workstation(&alone);
    assert_eq!(upload(&hc), "unexplained");
    assert!(printed.contains("HC\\k.roe was logged on to hc-fs01 from 10.2.0.9"), "{printed}");
    let (hc, _) = from_workstation(&[on("11:50:00.000", "j.doe"), session_event("12:30:00.000", 4634, "j.doe", "-")]);
    assert_eq!((&hc["state"], cites(&hc, "J-81")), (&"exfiltrated".into(), true), "the intruder's account");
    let second = on("11:55:00.000", "j.doe").replace("0x3e7a1", "0x3e7a2");
    let (hc, _) = from_workstation(&[on("11:50:00.000", "k.roe"), second]);
    assert_eq!((upload(&hc), cites(&hc, "J-81")), ("unexplained", false), "two accounts");
}

/// Lines of the firewall that tell of a host's traffic to an outside address.
pub fn edge(clock: &str, from: &str, to: &str, what: &str) -> String {
    format!(
        "date=2026-03-02 time={clock} tz=\"+0000\" devname=\"hc-edge\" logid=\"0000000013\" type=\"traffic\" srcip={from} srcport=50000 \
         dstip={to} dstport=4444 {what}\n"
    )
}

/// The chains of a case of the file server and this log of the firewall, as their steps' titles.
fn steps(log: String) -> (Vec<String>, serde_json::Value, Vec<serde_json::Value>) {
    let files = [("hc-fs01.json", acted_on()), ("hc-edge.log", log)];
    let (told, findings) = crate::verdict::scan_with_findings(&files, crate::verdict::SCOPES);
    let chains = findings.iter().filter(|f| f["kind"] == "chain");
    let steps = chains.flat_map(|f| f["chain"]["steps"].as_array().unwrap().clone());
    (steps.map(|step| step["title"].as_str().unwrap().to_owned()).collect(), told.scope("hc").clone(), findings)
}

#[test]
fn beacons_and_refused_exits_of_an_intruders_host_are_steps_of_its_chain() {
    let calls = |from: &str, hour: u32| {
        (0..10 * 60)
            .map(|n| {
                let clock = format!("{:02}:{:02}:00", hour + n / 60, n % 60);
                edge(&clock, from, "198.51.100.7", "action=\"close\" sentbyte=600 rcvdbyte=500")
            })
            .collect::<String>()
    };
    let denied = |from: &str, clock: &str| edge(clock, from, "198.51.100.9", "action=\"deny\" sentbyte=0 rcvdbyte=0");
    let (titles, hc, _) = steps(calls("10.2.0.5", 12) + &denied("10.2.0.5", "11:00:00"));
    let has = |titles: &[String], part: &str| titles.iter().any(|title| title.to_lowercase().contains(part));
    assert!(has(&titles, "even calls") && has(&titles, "ways out that were refused"), "{titles:?}");
    assert!(cites(&hc, "J-91") && cites(&hc, "J-53"));
    let way = hc["routes"].as_array().unwrap().iter().find(|r| r["route"] == "network").unwrap();
    assert_ne!(way["state"], "exfiltrated");
    let session =
        session_event("09:50:00.000", 4624, "j.doe", "10.2.0.9") + &session_event("11:30:00.000", 4634, "j.doe", "-");
    let files =
        [("hc-fs01.json", acted_on()), ("hc-security.json", session), ("hc-edge.log", denied("10.2.0.9", "11:00:00"))];
    assert!(cites(scan(&files, crate::verdict::SCOPES, "").scope("hc"), "J-91"), "from where its session came");
    let (titles, ..) = steps(calls("10.2.0.5", 3) + &denied("10.2.0.5", "09:00:00"));
    assert!(titles.is_empty(), "both were there before the intruder: {titles:?}");
    let (titles, hc, _) = steps(calls("10.2.0.77", 12) + &denied("10.2.0.77", "11:00:00"));
    assert!(titles.is_empty() && !cites(&hc, "J-91"), "another host: {titles:?}");
}

#[test]
fn a_connection_of_most_of_a_day_to_a_rare_destination_is_told() {
    let open = |from: &str, to: &str, secs: u32| {
        let what = format!("action=\"close\" duration={secs} sentbyte=90000 rcvdbyte=80000");
        edge("20:00:00", from, to, &what)
    };
    let found = |log: String| -> Vec<String> {
        let (_, _, findings) = steps(log);
        let long = findings.iter().filter(|f| f["rule"]["id"] == "anomaly.long_connection");
        long.map(|f| f["text"].as_str().unwrap().to_owned()).collect()
    };
    let nine_hours = 9 * 3600 + 60;
    assert_eq!(
        found(open("10.2.0.77", "198.51.100.7", nine_hours)),
        ["10.2.0.77 held a connection to 198.51.100.7 open for 9 h 1 min"]
    );
    assert_eq!(found(open("10.2.0.77", "198.51.100.7", 7 * 3600)), [""; 0], "of a working day");
    let interim = |hours: u32, clock: &str, session: u32| {
        let what =
            format!("action=\"accept\" duration={} sessionid={session} sentbyte=90000 rcvdbyte=80000", hours * 3600);
        edge(clock, "10.2.0.77", "198.51.100.7", &what).replace("0000000013", "0000000020")
    };
    let one = interim(9, "20:00:00", 77) + &interim(10, "21:00:00", 77) + &interim(11, "22:00:00", 77);
    assert_eq!(found(one.clone()), ["10.2.0.77 held a connection to 198.51.100.7 open for 11 h 0 min"], "one session");
    let told =
        "10.2.0.77 held a connection to 198.51.100.7 open for 11 h 0 min, the longest of 2 of eight hours or more";
    assert_eq!(found(one + &interim(9, "22:00:00", 78)), [told]);
    let many = (0..5).map(|n| open(&format!("10.2.0.{}", 70 + n), "198.51.100.7", nine_hours)).collect();
    assert_eq!(found(many), [""; 0], "a service of many");
    let vpn = open("10.2.0.77", "198.51.100.7", nine_hours).replace("dstport=4444", "dstport=4500");
    assert_eq!(found(vpn), [""; 0], "a VPN");
    let push =
        open("10.2.0.77", "198.51.100.7", nine_hours).replace("dstport=4444", "dstport=443 hostname=\"wss.slack.com\"");
    assert_eq!(found(push), [""; 0], "a service that pushes");
}

#[test]
fn what_programs_hold_open_on_a_benign_day_is_no_long_connection() {
    let mut log = String::new();
    for host in 0..40u32 {
        let held = [
            (443, "hostname=\"wss-primary.slack.com\"", 11),
            (443, "hostname=\"self.events.data.microsoft.com\"", 10),
            (443, "hostname=\"outlook.office365.com\"", 12),
            (5228, "", 20),
            (5223, "", 20),
            (993, "", 10),
            (4500, "", 14),
            (51_820, "", 20),
            (123, "", 20),
            (443, "hostname=\"intranet.vendor.example\"", 9),
        ];
        for (n, (port, name, hours)) in (0u32..).zip(held) {
            // Programs of one kind have servers of their own, a service of the organisation one for all.
            let to = if name.contains("intranet") { "198.51.100.200".to_owned() } else { format!("203.0.{n}.{host}") };
            let what = format!("action=\"close\" duration={} sentbyte=90000 rcvdbyte=80000 {name}", hours * 3600);
            log += &edge("21:00:00", &format!("10.2.1.{host}"), &to, &what)
                .replace("dstport=4444", &format!("dstport={port}"));
        }
    }
    log += &edge(
        "22:00:00",
        "10.2.1.7",
        "198.51.100.7",
        "action=\"close\" duration=40000 sentbyte=9000000 rcvdbyte=80000",
    );
    let (_, _, findings) = steps(log);
    let long: Vec<&str> = findings
        .iter()
        .filter(|f| f["rule"]["id"] == "anomaly.long_connection")
        .map(|f| f["text"].as_str().unwrap())
        .collect();
    assert_eq!(long, ["10.2.1.7 held a connection to 198.51.100.7 open for 11 h 6 min"]);
}

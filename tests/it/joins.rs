//! What is joined over entities and time: hosts that an intruder reached, addresses that were given to somebody.

use exfiltrace::model::assigned::{Giver, Joined, Stands};
use exfiltrace::model::finding::{Finding, FindingTime};
use exfiltrace::model::place::Locator;
use exfiltrace::model::rule::{Level, Outcome, Route, Stage};
use exfiltrace::model::time::Span;
use exfiltrace::model::transfer::Transfer;
use exfiltrace::model::verdict::{ScopeVerdict, State};

use crate::clauses::Sides;
use crate::judge::{GIB, at, finding, hc, transfer, whose};
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

/// The clauses of joins.
pub fn sides() -> Vec<Sides> {
    let reached = |outcome| {
        told(&[session("a", ("10.2.0.5", "10.2.0.7"), outcome, "2026-03-02T11:00:00Z")], sent("2026-03-02T12:00:00Z"))
    };
    vec![
        ("J-80", reached(Outcome::Succeeded), reached(Outcome::Failed)),
        ("J-81", session_of("203.0.113.9", true), session_of("203.0.113.10", true)),
        ("J-82", session_of("203.0.113.9", false), session_of("203.0.113.9", true)),
    ]
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
fn vpn(clock: &str, action: &str, from: &str, user: &str, inner: &str) -> String {
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

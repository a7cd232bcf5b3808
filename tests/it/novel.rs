//! What accounts read at addresses where nobody was before, and what stands out by itself: sticks, telephone systems, stores that were
//! opened to others, pages that a script gathered, attacks that a server answered in a log without bytes.

use exfiltrace::judge::judge;
use exfiltrace::model::data::{Basis, Touch};
use exfiltrace::model::finding::{Finding, FindingKind};
use exfiltrace::model::rule::{Level, Outcome, Route, Stage};
use exfiltrace::model::transfer::{Bounds, Transfer};
use exfiltrace::model::verdict::{Intrusion, ScopeVerdict, State};

use crate::categories::{sign, touch};
use crate::clauses::Sides;
use crate::judge::{GIB, cites, coverage, finding, hc, shown_by, transfer, whose};

const STRANGER: &str = "203.0.113.9";
const MIB: u64 = 1 << 20;

/// What `svc` took from a store at an address, on a day of March.
fn read(to: &str, bytes: u64, day: u32) -> Transfer {
    let mut t = transfer(Route::SaasDownload, "hc-store", to, bytes, day, &whose(""));
    (t.id, t.accounts) = (format!("t-{to}-{day}").as_str().into(), vec!["HC\\svc".to_owned()].into());
    t
}

/// The same in so many records of which the log does not state the bytes.
fn records(to: &str, records: u64, day: u32) -> Transfer {
    Transfer { records, bytes: Bounds { lower: 0, upper: None }, ..read(to, 0, day) }
}

fn told(all: &[Transfer]) -> ScopeVerdict {
    hc(&[], all, &whose(""))
}

fn is_asked(all: &[Transfer]) -> bool {
    let told = told(all);
    assert_eq!(cites(&told, "J-97"), told.state == State::Unexplained, "{:?}", told.reasons);
    assert_eq!(told.intrusion, Intrusion::NoneSeen, "that somebody is new is no suspicion");
    cites(&told, "J-97")
}

/// J-97.
pub fn sides() -> Vec<Sides> {
    vec![("J-97", told(&[records(STRANGER, 100, 20)]), told(&[records(STRANGER, 99, 20)]))]
}

/// A host at home has a new address of its network each day (RFC 8981).
#[test]
fn addresses_of_one_network_of_ipv6_are_one_place() {
    let before = || read("2001:db8:1:2::1", MIB, 5);
    assert!(!is_asked(&[before(), read("2001:db8:1:2:a::7", 60 * MIB, 20)]));
    assert!(is_asked(&[before(), read("2001:db8:1:3::7", 60 * MIB, 20)]));
    let both = told(&[read("2001:db8:1:3::7", 30 * MIB, 20), read("2001:db8:1:3::8", 30 * MIB, 20)]);
    assert!(cites(&both, "J-97"), "{:?}", both.reasons);
    assert!(both.ask.iter().any(|ask| ask.contains("2 addresses of one network")), "{:?}", both.ask);
}

#[test]
fn much_that_is_read_at_once_where_nobody_was_before_is_asked_about() {
    assert_eq!([50 * MIB, 50 * MIB - 1].map(|bytes| is_asked(&[read(STRANGER, bytes, 20)])), [true, false]);
    let stores = |count: usize| {
        let of =
            |n| Transfer { from: format!("repo-{n}").into(), id: format!("t-{n}").into(), ..records(STRANGER, 1, 20) };
        is_asked(&(0..count).map(of).collect::<Vec<_>>())
    };
    assert_eq!([stores(20), stores(19)], [true, false]);
    let secrets = |count: u64| {
        let mut t = records(STRANGER, count, 20);
        let handed = Touch { objects: (0..count).collect(), ..touch(0, "2026-03-20T12:00:00Z") };
        t.data = [(sign("secrets_keys", Basis::Detected), handed)].into_iter().collect();
        is_asked(&[t])
    };
    assert_eq!([secrets(10), secrets(9)], [true, false]);
    let hours = |hours: i64| {
        let mut t = records(STRANGER, 150, 20);
        t.hours = (0..hours).map(|n| t.hours[0] + n).collect();
        is_asked(&[t])
    };
    assert_eq!([hours(1), hours(2)], [true, false], "who works there all day reads as much");
}

#[test]
fn what_is_usual_or_cannot_be_told_to_be_new_is_no_question() {
    assert_eq!([15, 14].map(|day| is_asked(&[records(STRANGER, 500, day)])), [true, false], "two weeks are needed");
    let unnamed = Transfer { accounts: Default::default(), ..records(STRANGER, 500, 20) };
    assert!(!is_asked(&[unnamed]), "anybody reads what is public");
    assert!(!is_asked(&[records("10.2.0.7", 500, 20)]), "from inside");
    let elsewhere = |count| is_asked(&[records(STRANGER, 500, 20), records("198.51.100.7", count, 5)]);
    assert_eq!([elsewhere(499), elsewhere(500)], [true, false], "the account took as much before, from elsewhere");
    let others = |count: u64| {
        let of = |n: u64| Transfer {
            accounts: vec![format!("HC\\staff{n}")].into(),
            ..records(&format!("198.51.100.{n}"), if n < 2 { 500 } else { 1 }, 5)
        };
        is_asked(&[vec![records(STRANGER, 500, 20)], (0..count).map(of).collect()].concat())
    };
    assert_eq!([others(39), others(40)], [false, true], "more than one in twenty do the same");
}

#[test]
fn who_works_from_home_through_a_vpn_has_a_new_address_each_week() {
    let held = serde_json::json!([{
        "kind": "vpn", "address": "10.2.0.250", "account": "HC\\svc", "host": "", "peer": STRANGER, "sure": true,
        "by": {"source": "e/fw.log", "offset": 0}, "reason": "VPN gave 10.2.0.250 to svc"
    }]);
    let joined: Vec<exfiltrace::model::assigned::Joined> = serde_json::from_value(held).unwrap();
    assert!(!is_asked(&[Transfer { route: Route::RemoteAccess, joined: joined.into(), ..read(STRANGER, GIB, 20) }]));
}

#[test]
fn a_sanctioned_entry_explains_what_is_read_at_a_new_address() {
    let entry = whose("[[sanctioned]]\ndestination=['203.0.113.9']\naccount=['HC\\svc']\nwhy='new partner'\n");
    let mut t = records(STRANGER, 500, 20);
    t.sanctioned = entry.sanction(&t).map(|s| s.why.as_str().into());
    let told = hc(&[], &[t], &entry);
    assert_eq!((told.state, cites(&told, "J-97"), cites(&told, "J-21")), (State::NoEvidence, false, true));
}

/// A correlation of level medium by which something was taken.
fn taken(route: Route, count: u64) -> Finding {
    let mut f = finding("f", Stage::Exfiltration, Outcome::Succeeded, STRANGER, "hc-ws7");
    f.stage.push(Stage::Collection);
    (f.kind, f.level, f.route, f.count) = (FindingKind::Correlation, Level::Medium, Some(route), count);
    f
}

#[test]
fn files_on_a_stick_and_recordings_taken_to_outside_are_asked_about() {
    let state = |f: &Finding| hc(std::slice::from_ref(f), &[], &whose("")).state;
    assert_eq!(state(&taken(Route::Usb, 300)), State::Unexplained);
    assert_eq!(state(&taken(Route::PhoneSystem, 200)), State::Unexplained);
    let mut inside = taken(Route::PhoneSystem, 200);
    inside.entities.sources = vec!["10.2.0.7".to_owned()];
    assert_eq!(state(&inside), State::NoEvidence, "who listens to calls at the office");
    assert_eq!(state(&Finding { level: Level::Low, ..taken(Route::Usb, 300) }), State::NoEvidence);
    let usual = |count| {
        let mut before = Finding { id: "g".to_owned(), count, ..taken(Route::Usb, 300) };
        before.entities.accounts = vec!["HC\\kim".to_owned()];
        let mut now = taken(Route::Usb, 300);
        now.entities.accounts = before.entities.accounts.clone();
        let day = |day| Some(crate::judge::at(&format!("2026-03-{day:02}T10:00:00Z")));
        (before.time.first, before.time.last) = (day(9), day(9));
        (now.time.first, now.time.last) = (day(16), day(16));
        let told = hc(&[before, now], &[], &whose(""));
        let text: Vec<&str> =
            told.reasons.iter().filter(|r| r.clause == "J-88").flat_map(|r| &r.findings).map(String::as_str).collect();
        text.contains(&"f")
    };
    assert_eq!([usual(149), usual(150)], [true, false], "as every week");
}

#[test]
fn an_entry_for_the_account_explains_files_on_a_stick() {
    let told = |entry: &str, account: &str| {
        let mut f = taken(Route::Usb, 300);
        (f.entities.accounts, f.entities.sources) = (vec![account.to_owned()], Vec::new());
        let told = hc(&[f], &[], &whose(&format!("[[sanctioned]]\nwhy='w'\n{entry}")));
        (told.state, cites(&told, "J-21"))
    };
    let entry = "destination=['usb']\naccount=['HC\\kim']\n";
    assert_eq!(told(entry, "HC\\kim"), (State::NoEvidence, true));
    assert_eq!(told(entry, "HC\\lee"), (State::Unexplained, false));
    for more in ["tool=['robocopy']\n", "max_bytes=1\n", "host=['hc-ws8']\n", "to='2026-03-01'\n"] {
        assert_eq!(told(&format!("{entry}{more}"), "HC\\kim"), (State::Unexplained, false), "{more}");
    }
    assert_eq!(told("destination=['vendor.example']\naccount=['HC\\kim']\n", "HC\\kim").0, State::Unexplained);
    assert_eq!(told(&format!("{entry}host=['hc-ws7']\n"), "HC\\kim"), (State::NoEvidence, true));
}

#[test]
fn a_store_that_was_opened_to_others_and_read_from_the_same_address_is_asked_about() {
    let told = |route, bytes, day| {
        let mut opened = finding("o", Stage::Exfiltration, Outcome::Succeeded, STRANGER, "");
        (opened.level, opened.route) = (Level::Medium, Some(route));
        let unnamed = Transfer { accounts: Default::default(), ..read(STRANGER, bytes, day) };
        let told = hc(&[opened], &[unnamed], &whose(""));
        (told.state, cites(&told, "J-93"))
    };
    assert_eq!(told(Route::CloudStorage, MIB, 3), (State::Unexplained, true));
    assert_eq!(told(Route::CloudStorage, MIB - 1, 3), (State::NoEvidence, false));
    assert_eq!(told(Route::CloudStorage, MIB, 1), (State::NoEvidence, false), "it was open before");
    assert_eq!(told(Route::Email, MIB, 3), (State::NoEvidence, false), "something else was opened");
}

#[test]
fn pages_that_a_script_gathered_are_asked_about_where_they_are_more_than_others_read() {
    let served = |to: &str, bytes| Transfer {
        id: format!("t-{to}").as_str().into(),
        ..transfer(Route::WebResponse, "10.2.0.8", to, bytes, 3, &whose(""))
    };
    let told = |stage, bytes, other| {
        let mut script = finding("s", stage, Outcome::Succeeded, STRANGER, "");
        (script.kind, script.level) = (FindingKind::Correlation, Level::Medium);
        script.route = Some(Route::WebResponse);
        let told = hc(&[script], &[served(STRANGER, bytes), served("198.51.100.7", other)], &whose(""));
        assert_eq!(told.intrusion, Intrusion::NoneSeen, "to gather pages is no attack");
        (told.state, cites(&told, "J-85"))
    };
    assert_eq!(told(Stage::Collection, 50 * MIB, MIB), (State::Unexplained, true));
    assert_eq!(told(Stage::Collection, 50 * MIB - 1, MIB), (State::NoEvidence, false));
    assert_eq!(told(Stage::Collection, 50 * MIB, 50 * MIB), (State::NoEvidence, false), "others read as much");
    assert!(!told(Stage::Discovery, 50 * MIB, MIB).1, "no script gathered anything");
}

#[test]
fn attacks_that_a_server_answered_leave_its_log_without_bytes_open() {
    let told = |count: usize, unlogged: bool| {
        let mut all = coverage(Vec::new());
        if unlogged {
            (all.sources[0].not_logged, all.sources[0].unlogged) =
                (vec!["bytes sent by the server".to_owned()], vec![Route::WebResponse]);
        }
        let asked = |n: usize| {
            let mut f = finding(&format!("q{n}"), Stage::InitialAccess, Outcome::Succeeded, STRANGER, "10.2.0.8");
            (f.level, f.route) = (Level::Medium, Some(Route::WebResponse));
            shown_by(f, "e/fw.log")
        };
        let findings: Vec<Finding> = (0..count).map(asked).collect();
        let told = judge(&findings, &[], &all, &whose("")).scopes.swap_remove(0);
        (cites(&told, "J-35"), told.open_routes.contains(&Route::WebResponse))
    };
    assert_eq!(told(10, true), (true, true));
    assert_eq!(told(9, true), (false, false));
    assert_eq!(told(10, false), (false, false), "the bytes are there");
}

#[test]
fn hundreds_of_files_that_an_intruders_account_read_are_accessed() {
    let told = |account: &str, count| {
        let mut came = finding("in", Stage::InitialAccess, Outcome::Succeeded, STRANGER, "hc-fs01");
        came.entities.accounts = vec!["HC\\svc".to_owned()];
        let mut read = finding("read", Stage::Collection, Outcome::Succeeded, "10.2.0.99", "hc-hr01");
        (read.kind, read.level, read.count) = (FindingKind::Correlation, Level::Low, count);
        read.entities.accounts = vec![account.to_owned()];
        let told = hc(&[came, read], &[], &whose(""));
        cites(&told, "J-15")
    };
    assert_eq!([told("HC\\svc", 250), told("HC\\kim", 250), told("HC\\svc", 99)], [true, false, false]);
}

//! What is said of those who are listed or shown elsewhere and were served, and of their accounts.

use exfiltrace::judge::judge;
use exfiltrace::model::coverage::Coverage;
use exfiltrace::model::finding::{Finding, FindingKind};
use exfiltrace::model::place::Locator;
use exfiltrace::model::rule::{Level, Outcome, Route, Stage};
use exfiltrace::model::time::Span;
use exfiltrace::model::transfer::{PassedOn, Transfer};
use exfiltrace::model::verdict::{Intrusion, Likelihood, ScopeVerdict, State};

use crate::clauses::Sides;
use crate::judge::{GIB, at, cites, coverage, finding, hc, indicator, listed, shown_by, transfer, whose};
use crate::verdict::scan;

const WHO: &str = "203.0.113.9";
const MIB: u64 = 1 << 20;

/// What a service of the council gave an address.
fn served(route: Route, to: &str, bytes: u64) -> Transfer {
    transfer(route, "hc-store", to, bytes, 2, &whose(""))
}

/// Records of a cloud service that do not state their bytes.
fn uncounted(records: u64, account: &str) -> Transfer {
    let mut t = served(Route::SaasDownload, WHO, 0);
    (t.records, t.bytes.upper) = (records, None);
    t.accounts = Some(account.to_owned()).into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().into();
    t
}

/// The address is listed and was met.
fn visit() -> Finding {
    listed("hc", WHO, "10.2.0.8")
}

fn visited(all: &[Transfer]) -> ScopeVerdict {
    hc(&[visit()], all, &whose(""))
}

/// Other visitors of a web server, each of whom was served so much.
fn others(count: usize, bytes: u64) -> Vec<Transfer> {
    let one = |n: usize| {
        let mut t = served(Route::WebResponse, &format!("198.51.100.{n}"), bytes);
        t.id = format!("t-o{n}").as_str().into();
        t
    };
    (1..=count).map(one).collect()
}

fn way_in(scope: &str) -> Finding {
    Finding { scope: scope.to_owned(), ..finding("in", Stage::InitialAccess, Outcome::Succeeded, WHO, "hc-web") }
}

/// The verdict of `rv` beside a council into which somebody got.
fn beside(findings: &[Finding], transfers: &[Transfer]) -> ScopeVerdict {
    let web = "[[host]]\nname='hc-web'\nip=['10.2.0.8']\nscope='hc'\n";
    let whose = whose(&format!("[[scope]]\nname='rv'\naccounts=['RV']\n{web}"));
    let mut all = findings.to_vec();
    let mut hit = way_in("hc");
    hit.entities.accounts = vec!["MSP\\svc".to_owned()];
    all.push(hit);
    let mut cover: Coverage = coverage(Vec::new());
    cover.sources[0].scopes.push("rv".to_owned());
    judge(&all, transfers, &cover, &whose).scopes.into_iter().find(|s| s.scope == "rv").unwrap()
}

/// What the other council's store gave the intruder.
fn elsewhere(to: &str, bytes: u64, account: &str) -> Transfer {
    Transfer {
        scope: "rv".into(),
        accounts: Some(account.to_owned()).into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().into(),
        ..served(Route::SaasDownload, to, bytes)
    }
}

/// The verdict of `hc` where somebody got into `rv` from this address.
fn origin(from: &str) -> ScopeVerdict {
    let whose = whose("[[scope]]\nname='rv'\ncidr=['10.3.0.0/16']\n");
    let mut hit = way_in("rv");
    hit.entities.sources = vec![from.to_owned()];
    hit.entities.hosts = vec!["rv-web".to_owned()];
    judge(&[hit], &[], &coverage(Vec::new()), &whose).scopes.into_iter().find(|s| s.scope == "hc").unwrap()
}

/// One account took so many files at a time of the month.
fn many(id: &str, count: u64, day: u32) -> Finding {
    let mut f = finding(id, Stage::Exfiltration, Outcome::Succeeded, "198.51.100.200", "");
    (f.kind, f.level, f.route, f.count) = (FindingKind::Correlation, Level::Medium, Some(Route::SaasDownload), count);
    let when = Some(at(&format!("2026-03-{day:02}T10:00:00Z")));
    (f.time.first, f.time.last) = (when, when);
    f.entities.accounts = vec!["jane@hc.example".to_owned()];
    f
}

pub fn sides() -> Vec<Sides> {
    let given = |records| hc(&[way_in("hc")], &[uncounted(records, "HC\\jane")], &whose(""));
    let nobody = hc(&[way_in("hc")], &[uncounted(60, "")], &whose(""));
    vec![
        ("J-85", visited(&[uncounted(20, "HC\\jane")]), visited(&[uncounted(19, "HC\\jane")])),
        ("J-86", beside(&[], &[elsewhere(WHO, 64 << 10, "")]), beside(&[], &[elsewhere(WHO, (64 << 10) - 1, "")])),
        ("J-87", given(1), nobody),
        ("J-88", hc(&[many("m", 1000, 2)], &[], &whose("")), hc(&[many("m", 999, 2)], &[], &whose(""))),
        ("J-89", origin("10.2.0.7"), origin("10.3.0.7")),
    ]
}

#[test]
fn what_a_listed_address_was_given_is_unexplained_as_what_is_sent_to_it() {
    for route in [Route::SaasDownload, Route::SftpFtp, Route::RemoteAccess] {
        let told = visited(&[served(route, WHO, MIB)]);
        assert_eq!((told.state, cites(&told, "J-25")), (State::Unexplained, true), "{route:?}");
        assert_eq!((told.intrusion, told.likelihood), (Intrusion::Suspected, Some(Likelihood::Likely)));
        assert!(told.ask.iter().any(|ask| ask.contains(WHO) && ask.contains("listed")), "{:?}", told.ask);
        assert_eq!(visited(&[served(route, WHO, MIB - 1)]).state, State::Attempted, "{route:?}");
        assert_eq!(visited(&[served(route, "198.51.100.1", MIB)]).state, State::Attempted, "of another address");
    }
    let mut doubted = visit();
    doubted.indicator = Some(indicator("ipv4", WHO));
    assert_eq!(hc(&[doubted.clone()], &[served(Route::SaasDownload, WHO, MIB)], &whose("")).state, State::Unexplained);
    doubted.indicator.as_mut().unwrap().warninglists = vec!["common services".to_owned()];
    assert_eq!(hc(&[doubted], &[served(Route::SaasDownload, WHO, GIB / 2)], &whose("")).state, State::Attempted);
}

#[test]
fn what_a_listed_address_did_with_data_is_asked_about() {
    let told = |route, level, from: &str| {
        let mut rule = finding("f", Stage::Collection, Outcome::Succeeded, from, "");
        (rule.level, rule.route) = (level, Some(route));
        let told = hc(&[visit(), rule], &[], &whose(""));
        (told.state, cites(&told, "J-23"))
    };
    assert_eq!(told(Route::Email, Level::Medium, WHO), (State::Unexplained, true));
    assert_eq!(told(Route::Email, Level::Low, WHO), (State::Attempted, false));
    assert_eq!(told(Route::Email, Level::Medium, "198.51.100.1"), (State::Attempted, false), "of another address");
    assert_eq!(told(Route::WebResponse, Level::Medium, WHO), (State::Attempted, false), "a page for anybody");
}

#[test]
fn pages_are_for_everybody_a_listed_scanner_too() {
    let state = |bytes, others: Vec<Transfer>| {
        let mut all = others;
        all.push(served(Route::WebResponse, WHO, bytes));
        let told = visited(&all);
        (told.state, cites(&told, "J-85"))
    };
    assert_eq!(state(64 << 10, others(50, 9000)), (State::Attempted, false), "some pages");
    assert_eq!(state(50 * MIB - 1, others(50, 9000)), (State::Attempted, false));
    assert_eq!(state(50 * MIB, others(50, 9000)), (State::Unexplained, true), "no page is as large");
    assert_eq!(state(50 * MIB, Vec::new()), (State::Unexplained, true));
    let mut some = others(38, 9000);
    some.extend(others(40, 60 * MIB).into_iter().skip(38));
    assert_eq!(state(50 * MIB, some.clone()), (State::Unexplained, true), "two of 40 were served as much");
    some.pop();
    some.extend(others(41, 60 * MIB).into_iter().skip(39));
    assert_eq!(state(50 * MIB, some), (State::Attempted, false), "three of 41");
}

/// The intruder and others were served by a server or a store.
fn alike(route: Route, scope: &str, bytes: u64, others_bytes: u64) -> Vec<Transfer> {
    let one = |n: usize, to: String, bytes| {
        let mut t = Transfer { scope: scope.into(), ..served(route, &to, bytes) };
        t.id = format!("t-{n}").as_str().into();
        t
    };
    let others = (1..41).map(|n| one(n, format!("198.51.100.{n}"), others_bytes));
    others.chain([one(0, WHO.to_owned(), bytes)]).collect()
}

#[test]
fn what_visitors_get_alike_is_no_sign_of_an_intruder() {
    let served = |bytes, others| {
        let told = hc(&[way_in("hc")], &alike(Route::WebResponse, "hc", bytes, others), &whose(""));
        (told.state, told.counter_evidence.iter().any(|reason| reason.clause == "J-12"))
    };
    assert_eq!(served(100_000, 100_000), (State::IntrusionOnly, true));
    assert_eq!(served(9_000_000, 9_000_000), (State::IntrusionOnly, true), "a brochure");
    assert_eq!(served(100_000, 99_999), (State::Accessed, false), "more than others");
    assert_eq!(served(9_000_000, 99_999), (State::Exfiltrated, false));
    let by_server = shown_by(way_in("hc"), "e/fw.log");
    let told = hc(&[by_server], &alike(Route::WebResponse, "hc", 100_000, 100_000), &whose(""));
    assert_eq!(told.state, State::Accessed, "it got into that very server");
    let elsewhere = |others| beside(&[], &alike(Route::WebResponse, "rv", 100_000, others)).intrusion;
    assert_eq!((elsewhere(100_000), elsewhere(99_999)), (Intrusion::NoneSeen, Intrusion::Established));
}

#[test]
fn what_only_some_get_or_with_an_account_is_a_sign_of_an_intruder() {
    let told = |change: &dyn Fn(usize, &mut Transfer)| {
        let mut all = alike(Route::WebResponse, "hc", 9 * MIB, 9 * MIB);
        all.iter_mut().enumerate().for_each(|(n, t)| change(n, t));
        hc(&[way_in("hc")], &all, &whose("")).state
    };
    let few = |n: usize, t: &mut Transfer| t.bytes.lower = if (20..39).contains(&n) { MIB } else { t.bytes.lower };
    assert_eq!(told(&few), State::IntrusionOnly, "21 of 40 others");
    let fewer = |n: usize, t: &mut Transfer| t.bytes.lower = if (20..40).contains(&n) { MIB } else { t.bytes.lower };
    assert_eq!(told(&fewer), State::IntrusionOnly, "half of them");
    let fewest = |n: usize, t: &mut Transfer| t.bytes.lower = if (19..40).contains(&n) { MIB } else { t.bytes.lower };
    assert_eq!(told(&fewest), State::Exfiltrated, "19 of 40");
    let let_in = |_: usize, t: &mut Transfer| t.accounts = vec!["HC\\jane".to_owned()].into();
    assert_eq!(told(&let_in), State::Exfiltrated, "who logs on to read mail is no visitor of a page");
}

#[test]
fn the_log_of_a_balancer_shows_the_way_into_what_stands_behind_it() {
    let told = |host: &str| {
        let mut all = alike(Route::WebResponse, "hc", 9 * MIB, 9 * MIB);
        let mut balanced = served(Route::WebResponse, WHO, 0);
        (balanced.id, balanced.from) = ("t-lb".into(), "lb".into());
        balanced.passed_on = Some(Box::new(PassedOn { hosts: vec![host.to_owned()], more: 0 }));
        balanced.seen_by = vec![Locator::from_encoded("e/lb.log")].into();
        all.push(balanced);
        hc(&[shown_by(way_in("hc"), "e/lb.log")], &all, &whose("")).state
    };
    assert_eq!((told("hc-store"), told("another")), (State::Exfiltrated, State::IntrusionOnly));
}

#[test]
fn an_object_that_others_read_without_an_account_too_is_for_everybody() {
    let told = |others, account: &str| {
        let mut all = alike(Route::SaasDownload, "hc", 2 * MIB, others);
        let accounts = Some(account.to_owned()).into_iter().filter(|name| !name.is_empty());
        all.iter_mut().for_each(|t| t.accounts = accounts.clone().collect::<Vec<_>>().into());
        let told = visited(&all);
        (told.state, cites(&told, "J-25"))
    };
    assert_eq!(told(2 * MIB, ""), (State::Attempted, true), "it is told why");
    assert_eq!(told(2 * MIB - 1, ""), (State::Unexplained, true));
    assert_eq!(told(2 * MIB, "HC\\jane"), (State::Unexplained, true), "who is let in by an account is no visitor");
}

#[test]
fn a_session_of_the_intruder_that_began_before_its_first_sign_is_the_intruders() {
    let began = |hours: i64, from: &str, account: &str| {
        let mut read = uncounted(60, account);
        let first = at("2026-03-02T10:00:00Z").plus_secs(-3600 * hours);
        (read.to, read.hours) = (from.into(), vec![first.hour()].into());
        read.time = Some(Span { first, last: first.plus_secs(600) });
        let mut hit = shown_by(way_in("hc"), "e/m365.json");
        hit.entities.accounts = vec!["HC\\jane".to_owned()];
        hc(&[hit], &[read], &whose("")).state
    };
    assert_eq!(began(2, WHO, "HC\\jane"), State::Accessed);
    assert_eq!(began(2, WHO, "HC\\kim"), State::IntrusionOnly, "of another account");
    assert_eq!(began(2, "198.51.100.7", "HC\\jane"), State::IntrusionOnly, "from elsewhere");
    assert_eq!(began(30, WHO, "HC\\jane"), State::IntrusionOnly, "more than a day before");
}

#[test]
fn an_intruder_of_one_scope_is_one_where_else_it_acts() {
    let told = beside(&[], &[elsewhere(WHO, GIB, "RV\\backup")]);
    assert_eq!((told.state, told.intrusion, cites(&told, "J-10")), (State::Exfiltrated, Intrusion::Established, true));
    let ids: Vec<&String> = told.reasons.iter().flat_map(|reason| &reason.findings).collect();
    assert!(!ids.iter().any(|id| *id == "in"), "no record of the other scope: {:?}", told.reasons);
    assert_eq!(told.activity.first, Some(at("2026-03-02T12:00:00Z")), "when it acted here");
    let other = beside(&[], &[elsewhere("198.51.100.1", GIB / 2, "RV\\backup")]);
    assert_eq!((other.state, other.intrusion), (State::NoEvidence, Intrusion::NoneSeen));
    let mut before = elsewhere(WHO, GIB, "RV\\backup");
    before.time = Some(Span { first: at("2026-03-01T12:00:00Z"), last: at("2026-03-01T13:00:00Z") });
    before.hours = vec![at("2026-03-01T12:00:00Z").hour()].into();
    assert_eq!(beside(&[], &[before]).intrusion, Intrusion::NoneSeen, "before it showed itself");
    let logon = |account: &str, level| {
        let mut f = finding("l", Stage::LateralMovement, Outcome::Succeeded, "10.3.0.4", "rv-fs01");
        (f.scope, f.level, f.route) = ("rv".to_owned(), level, Some(Route::RemoteAccess));
        f.entities.accounts = vec![account.to_owned()];
        beside(&[shown_by(f, "e/rv/security.evtx")], &[]).intrusion
    };
    assert_eq!(logon("MSP\\SVC", Level::Medium), Intrusion::Established, "the same principal");
    assert_eq!(logon("msp\\svc", Level::Low), Intrusion::NoneSeen);
    assert_eq!(logon("RV\\svc", Level::Medium), Intrusion::NoneSeen, "of another realm");
    assert_eq!(logon("svc", Level::Medium), Intrusion::NoneSeen, "anybody's");
}

#[test]
fn what_an_intruder_read_uncounted_left_where_a_finding_says_that_it_was_taken() {
    let state = |more: &[Finding]| {
        let told = hc(&[&[way_in("hc")], more].concat(), &[uncounted(60, "HC\\jane")], &whose(""));
        let way = told.routes.iter().find(|r| r.route == Route::SaasDownload).unwrap();
        assert_eq!((way.bytes.lower, way.bytes.upper, way.first), (0, None, Some(at("2026-03-02T12:00:00Z"))));
        (told.state, way.disclosed)
    };
    assert_eq!(state(&[]), (State::Accessed, true));
    let mut taken = many("m", 300, 2);
    taken.entities.sources = vec![WHO.to_owned()];
    (taken.time.first, taken.time.last) = (Some(at("2026-03-02T12:00:00Z")), Some(at("2026-03-02T12:30:00Z")));
    assert_eq!(state(&[taken]), (State::Exfiltrated, true));
}

#[test]
fn so_much_at_once_is_unexplained_unless_the_account_does_so() {
    let state = |all: &[Finding]| hc(all, &[], &whose("")).state;
    assert_eq!(state(&[many("m", 1200, 9)]), State::Unexplained);
    assert_eq!(state(&[many("a", 600, 2), many("m", 1200, 9)]), State::NoEvidence, "as a week before");
    assert_eq!(state(&[many("a", 599, 2), many("m", 1200, 9)]), State::Unexplained, "not half as much");
    let mut others = many("a", 1200, 2);
    others.entities.accounts = vec!["kim@hc.example".to_owned()];
    others.count = 900;
    assert_eq!(state(&[others, many("m", 1200, 9)]), State::Unexplained, "of another account");
    let mut inside = many("m", 1200, 9);
    inside.entities.sources = vec!["10.2.0.5".to_owned()];
    assert_eq!(state(&[inside]), State::NoEvidence, "on its own desk");
}

/// A record of a file in Microsoft 365.
fn file(minute: u32, operation: &str, from: &str, size: &str) -> String {
    format!(
        "{{\"CreationTime\":\"2026-03-28T23:{minute:02}:00\",\"Id\":\"{minute}\",\"Operation\":\"{operation}\",\
         \"Workload\":\"SharePoint\",\"RecordType\":6,\"UserId\":\"jane@hc.example\",\"ClientIP\":\"{from}\",{size}\
         \"ObjectId\":\"https://hc.sharepoint.com/sites/hr/{minute}.docx\",\"SiteUrl\":\"https://hc.sharepoint.com/sites/hr/\"}}\n"
    )
}

#[test]
fn the_size_of_a_file_is_what_its_download_moved() {
    let told = |operation: &str, size: &str| {
        let lines: String = (0..8).map(|minute| file(minute, operation, WHO, size)).collect();
        let told = scan(&[("m365.json", lines)], "", WHO).verdict;
        let scope = &told["scopes"][0];
        let routes = scope["routes"].as_array().unwrap();
        let way = routes.iter().find(|way| way["route"] == "saas_download").unwrap();
        (scope["state"].as_str().unwrap().to_owned(), way["bytes"]["lower"].as_u64().unwrap())
    };
    assert_eq!(told("FileDownloaded", "\"FileSizeBytes\":500000,"), ("unexplained".to_owned(), 4_000_000));
    assert_eq!(told("FileSyncDownloadedFull", "\"FileSize\":500000,"), ("unexplained".to_owned(), 4_000_000));
    assert_eq!(
        told("FileModified", "\"FileSizeBytes\":500000,"),
        ("attempted".to_owned(), 0),
        "not all of it was sent"
    );
}

/// An intruder's logon, and then what it did in Microsoft 365.
fn after_logon(operation: &str, more: &str) -> (String, String, String) {
    let logon = format!(
        r#"{{"@timestamp":"2026-03-28T22:30:00.000Z","winlog":{{"channel":"Security","event_id":4624,"computer_name":"hc-fs01","provider_name":"Microsoft-Windows-Security-Auditing","event_data":{{"TargetUserName":"jane","TargetDomainName":"HC","LogonType":"10","IpAddress":"{WHO}","WorkstationName":"X"}}}}}}"#
    );
    let of_mail = |minute| {
        let line = file(minute, operation, WHO, more);
        if operation != "MailItemsAccessed" {
            return line;
        }
        line.replace("SharePoint", "Exchange")
            .replace("\"SiteUrl\":\"https://hc.sharepoint.com/sites/hr/\"", "\"X\":\"\"")
    };
    let told =
        scan(&[("beat.ndjson", logon + "\n"), ("m365.json", (0..40).map(of_mail).collect())], "", "198.51.100.250");
    let scope = &told.verdict["scopes"][0];
    let text = scope["reasons"].as_array().unwrap().iter().filter(|reason| reason["clause"] == "J-87");
    let text: String = text.map(|reason| reason["text"].as_str().unwrap()).collect();
    (scope["state"].as_str().unwrap().to_owned(), text, scope["data_categories"].to_string())
}

#[test]
fn what_an_intruder_puts_into_a_store_is_not_read_and_mails_are() {
    for operation in ["FileUploaded", "FileModified", "FileDeleted"] {
        let (state, text, _) = after_logon(operation, "");
        assert_eq!((&*state, &*text), ("cannot_tell", ""), "{operation}");
    }
    assert_eq!(after_logon("FileDownloaded", "").0, "accessed");
    let mails = |how: &str| {
        let more = format!(
            "\"MailboxOwnerUPN\":\"kim@hc.example\",\"OperationProperties\":[{{\"Name\":\"MailAccessType\",\"Value\":\"{how}\"}}],\
             \"Folders\":[{{\"Path\":\"\\\\Inbox\",\"FolderItems\":[{{\"InternetMessageId\":\"<a@x>\"}},{{\"InternetMessageId\":\"<b@x>\"}}]}}],"
        );
        after_logon("MailItemsAccessed", &more)
    };
    let (state, text, kinds) = mails("Bind");
    assert_eq!(state, "accessed");
    assert!(text.contains("at least 80 mails") && text.contains(" kim@hc.example to"), "{text}");
    assert!(kinds.contains("email_content"), "{kinds}");
    let (state, text, _) = mails("Sync");
    assert_eq!(state, "exfiltrated", "whole folders were copied");
    assert!(text.contains("whole folders of kim@hc.example to"), "{text}");
}

#[test]
fn a_service_that_logs_no_sizes_is_told_by_its_records() {
    let line = |n: u32| {
        format!(
            "{{\"timestamp\":\"2026-03-28T23:{n:02}:04Z\",\"event_category\":{{\".tag\":\"file_operations\"}},\"actor\":{{\".tag\":\"user\",\
             \"user\":{{\"email\":\"jane@hc.example\"}}}},\"origin\":{{\"geo_location\":{{\"ip_address\":\"{WHO}\"}}}},\
             \"event_type\":{{\".tag\":\"file_download\",\"description\":\"Downloaded files\"}},\"assets\":[{{\"path\":{{\"contextual\":\"/a{n}.doc\",\
             \"namespace_relative\":{{\"ns_id\":\"771\",\"relative_path\":\"/a{n}.doc\"}}}},\"file_id\":\"id:{n}\"}}]}}\n"
        )
    };
    let state = |count| {
        let told = scan(&[("dropbox.json", (0..count).map(line).collect())], "", WHO).verdict;
        told["scopes"][0]["state"].as_str().unwrap().to_owned()
    };
    assert_eq!([state(20), state(19)], ["unexplained", "attempted"]);
}

#[test]
fn a_tunnel_beside_an_intrusion_is_not_said_to_be_without_one() {
    use exfiltrace::model::rule::DNS_TUNNEL;
    let mut tunnel = finding("s", Stage::CommandAndControl, Outcome::Unknown, "10.2.0.5", "");
    (tunnel.kind, tunnel.rule.id) = (FindingKind::Anomaly, DNS_TUNNEL.to_owned());
    tunnel.stage = vec![Stage::CommandAndControl, Stage::Exfiltration];
    tunnel.entities.destinations = vec!["evil.example".to_owned()];
    let asked = transfer(Route::DnsTunnel, "10.2.0.5", "evil.example", 4096, 3, &whose(""));
    let words = |more: &[Finding]| {
        let told = hc(&[std::slice::from_ref(&tunnel), more].concat(), std::slice::from_ref(&asked), &whose(""));
        told.reasons.iter().find(|reason| reason.clause == "J-52").unwrap().text.clone()
    };
    assert!(words(&[]).contains("no intrusion is proved"));
    let beside = words(&[way_in("hc")]);
    assert!(beside.contains("nothing ties it to the intrusion") && !beside.contains("is proved"), "{beside}");
}

#[test]
fn only_signs_of_the_intruder_tell_that_it_goes_on_after_containment() {
    let contained = whose("[incident]\ncontained='2026-03-03T00:00:00Z'\n");
    let on = |route, from: &str, to: &str, bytes, day| {
        let mut t = transfer(route, from, to, bytes, day, &whose(""));
        t.id = format!("t-{day}{to}").as_str().into();
        t
    };
    let after = |findings: &[Finding], all: &[Transfer]| hc(findings, all, &contained).activity.after_containment;
    let hit = finding("a", Stage::LateralMovement, Outcome::Succeeded, "10.2.0.5", "hc-fs01");
    let sync = |day| on(Route::CloudStorage, "10.2.0.5", "hc.sharepoint.example", GIB, day);
    assert_eq!(after(std::slice::from_ref(&hit), &[sync(2)]), Some(false));
    assert_eq!(after(std::slice::from_ref(&hit), &[sync(5)]), None, "the host syncs, whoever works on it");
    assert_eq!(after(&[way_in("hc")], &[on(Route::WebResponse, "10.2.0.8", WHO, GIB, 5)]), Some(true));
    let other = on(Route::CloudStorage, "10.2.0.44", "hc.sharepoint.example", GIB, 5);
    assert_eq!(after(&[way_in("hc")], std::slice::from_ref(&other)), None, "of a host of which nothing is shown");
    let mut later = hit.clone();
    later.time.last = Some(at("2026-03-04T10:00:00Z"));
    assert_eq!(after(&[later], &[]), Some(true));
}

#[test]
fn of_a_way_out_that_no_log_observes_findings_tell_in_part() {
    let mut stick = finding("u", Stage::Exfiltration, Outcome::Succeeded, "", "hc-pc07");
    (stick.level, stick.route) = (Level::Medium, Some(Route::Usb));
    let usb = |findings: &[Finding]| {
        let told = hc(findings, &[], &whose(""));
        let way = told.routes.into_iter().find(|r| r.route == Route::Usb).unwrap();
        (way.state, way.findings)
    };
    assert_eq!(usb(&[stick]), (State::NotExamined, vec!["u".to_owned()]));
    assert_eq!(usb(&[]), (State::NotExamined, Vec::new()));
}

#[test]
fn a_limit_of_bytes_is_told_to_be_of_the_whole_evidence() {
    let entry = whose("[[sanctioned]]\ndestination=['vendor.example']\nmax_bytes=2000000000\nwhy='nightly'\n");
    let told = |bytes| {
        let all = [transfer(Route::HttpsUpload, "10.2.0.5", "vendor.example", bytes, 3, &entry)];
        let told = hc(&[], &all, &entry);
        told.counter_evidence.iter().find(|reason| reason.clause == "J-21").unwrap().text.clone()
    };
    assert!(told(GIB).contains("of at most 2000000000 over the whole evidence"), "{}", told(GIB));
    let above = told(4 * GIB);
    assert!(above.contains("max_bytes") && above.contains("of at most 2000000000 over the whole evidence"), "{above}");
}

#[test]
fn an_account_with_a_realm_is_one_in_any_case() {
    let line = |n: u32, user: &str| file(n, "FileDownloaded", WHO, "").replace("jane@hc.example", user);
    let accounts = |users: [&str; 4]| {
        let lines: String = (0..40u32).map(|n| line(n, users[n as usize % 4])).collect();
        let told = scan(&[("m365.json", lines)], "", WHO).verdict;
        let routes = told["scopes"][0]["routes"].as_array().unwrap().clone();
        let way = routes.into_iter().find(|way| way["route"] == "saas_download").unwrap();
        way["accounts"].as_array().unwrap().len()
    };
    assert_eq!(accounts(["Jane@HC.example", "jane@hc.example", "JANE@hc.example", "jane@hc.Example"]), 1);
    assert_eq!(accounts(["jane@hc.example", "kim@hc.example", "jane", "Jane"]), 4, "a bare name may be one of Unix");
}

#[test]
fn a_log_that_does_not_reach_back_has_no_history_to_tell() {
    let told_of = |from: &str, format: Option<&str>| {
        let f = shown_by(many("m", 1000, 2), "e/fw.log");
        let mut cover: Coverage = coverage(Vec::new());
        if let Some(format) = format {
            let mut other = cover.sources[0].clone();
            other.source = Locator::from_encoded("e/older.log");
            format.clone_into(&mut other.format);
            other.from = Some(at("2026-02-01T09:00:00Z"));
            cover.sources.push(other);
        }
        cover.sources[0].from = Some(at(from));
        cover.sources[0].format = "m365".to_owned();
        let told = judge(&[f], &[], &cover, &whose("")).scopes.swap_remove(0);
        told.reasons.into_iter().find(|reason| reason.clause == "J-88").unwrap().text
    };
    let told = |from: &str| told_of(from, None);
    let short = told("2026-03-02T09:00:00Z");
    assert_eq!(told_of("2026-03-02T09:00:00Z", Some("okta")), short, "of another service");
    let export = told_of("2026-03-02T09:00:00Z", Some("m365"));
    assert!(
        export.contains("in the logs of the service, the first of which begins at 2026-02-01T09:00:00Z"),
        "{export}"
    );
    assert!(short.contains("begins at 2026-03-02T09:00:00Z and does not reach back"), "{short}");
    let long = told("2026-02-02T09:00:00Z");
    assert!(long.contains("no history of it since 2026-02-02T09:00:00Z"), "{long}");
}

#[test]
fn an_address_that_an_account_used_before_an_intruder_did_elsewhere_is_no_sign() {
    let told = |days: i64, account: &str| {
        let mut t = elsewhere(WHO, 9 * MIB, account);
        let hour = at("2026-03-02T09:00:00Z").hour();
        t.hours = (1..=days).rev().map(|day| hour - 24 * day).chain([hour + 3]).collect();
        t.hour_bytes = vec![MIB; t.hours.len()].into();
        t.time = Some(Span { first: at("2026-02-20T09:00:00Z"), last: at("2026-03-02T12:00:00Z") });
        let told = beside(&[], &[t]);
        (told.intrusion, told.ask.iter().any(|text| text.contains("who else is behind")))
    };
    assert_eq!(told(5, "RV\\dee"), (Intrusion::NoneSeen, true), "a carrier's address");
    assert_eq!(told(4, "RV\\dee"), (Intrusion::Established, false));
    assert_eq!(told(5, ""), (Intrusion::Established, false), "no service knew who it was");
}

#[test]
fn what_a_host_of_an_intruder_reads_elsewhere_is_the_intruders() {
    let told = |count, from: &str| {
        let mut f = finding("read", Stage::Collection, Outcome::Succeeded, from, "rv-fs01");
        (f.kind, f.level, f.count, f.scope) = (FindingKind::Correlation, Level::Low, count, "rv".to_owned());
        f.entities.accounts = vec!["RV\\kim".to_owned()];
        let told = beside(&[f], &[]);
        (told.intrusion, cites(&told, "J-86"), told.state == State::Accessed)
    };
    assert_eq!(told(100, "10.2.0.8"), (Intrusion::Established, true, true));
    assert_eq!(told(99, "10.2.0.8"), (Intrusion::NoneSeen, false, false), "a look");
    assert_eq!(told(100, "10.2.0.5"), (Intrusion::NoneSeen, false, false), "another host");
}

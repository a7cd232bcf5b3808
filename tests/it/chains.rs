//! Chains: which findings and transfers are joined, in which order the clocks let them stand, and what is no chain.

use std::collections::BTreeSet;
use std::path::Path;

use exfiltrace::judge::{CROWD, Judged, judged};
use exfiltrace::model::chain::{Chain, StepOrder};
use exfiltrace::model::finding::{Entities, Evidence, Finding, FindingAssumed, FindingKind, FindingTime};
use exfiltrace::model::place::{Locator, Place};
use exfiltrace::model::rule::{Level, Outcome, Route, Stage};
use exfiltrace::model::time::Span;
use exfiltrace::model::transfer::{Dated, Transfer};
use exfiltrace::model::whose::Whose;
use exfiltrace::scope;

use crate::judge::{GIB, at, coverage, finding, transfer, whose};
use crate::support::{exfiltrace, project};

const INTRUDER: &str = "203.0.113.9";

/// A finding of a log with a rule of its own.
fn shown(id: &str, stage: Stage, time: &str, log: &str, entities: Entities) -> Finding {
    let when = Some(at(time));
    let mut f = finding(id, stage, Outcome::Succeeded, "", "");
    f.rule.id = format!("r-{id}");
    f.time = FindingTime { first: when, last: when, assumed: None };
    f.entities = entities;
    // Each its own record.
    let offset = id.bytes().fold(0, |sum, byte| sum * 256 + u64::from(byte));
    let place = Place { offset, length: 9, line: None, record: None, event_record_id: None, in_doubt: false };
    let source = Locator::from_encoded(log);
    f.evidence = vec![Evidence { source, place, sha256: String::new(), excerpt: String::new() }];
    f
}

fn on(host: &str) -> Entities {
    Entities { hosts: vec![host.to_owned()], ..Entities::default() }
}

fn from(source: &str, host: &str) -> Entities {
    Entities { sources: vec![source.to_owned()], ..on(host) }
}

fn told(findings: &[Finding], transfers: &[Transfer], whose: &Whose) -> Judged {
    judged(findings, transfers, &coverage(Vec::new()), whose, &|_| BTreeSet::new())
}

/// The one chain of findings.
fn chain(findings: &[Finding]) -> Chain {
    let chains = told(findings, &[], &whose("")).chains;
    assert_eq!(chains.len(), 1, "{:?}", chains.iter().map(|f| &f.text).collect::<Vec<_>>());
    *chains.into_iter().next().unwrap().chain.unwrap()
}

/// How the second of two steps on one host stands to the first.
fn second(first: (&str, &str, Option<FindingAssumed>), then: (&str, &str, Option<FindingAssumed>)) -> StepOrder {
    let of = |id, stage, (time, log, assumed): (&str, &str, Option<FindingAssumed>)| {
        let mut f = shown(id, stage, time, log, on("hc-web"));
        f.time.assumed = assumed;
        f
    };
    let steps = chain(&[of("a", Stage::InitialAccess, first), of("b", Stage::CredentialAccess, then)]).steps;
    assert_eq!(steps.len(), 2);
    assert_eq!(steps[1].by, ["hc-web"]);
    assert_eq!(steps[0].order == StepOrder::First, steps[1].order == StepOrder::After, "a line has two ends");
    steps[1].order
}

#[test]
fn an_order_is_claimed_only_where_the_clocks_support_it() {
    use FindingAssumed::{Year, Zone};
    use StepOrder::{After, NotKnown};
    let (a, b) = ("e/a.log", "e/b.log");
    let of = |first, then| second(first, then);
    let day = "2026-03-02T10:00:01Z";
    assert_eq!(of((day, a, None), ("2026-03-02T10:00:03Z", a, None)), After, "one clock");
    assert_eq!(of((day, a, None), (day, a, None)), NotKnown, "in one second");
    assert_eq!(of((day, a, None), ("2026-03-02T10:01:00Z", b, None)), NotKnown, "clocks may differ by a minute");
    assert_eq!(of((day, a, None), ("2026-03-02T10:01:03Z", b, None)), After, "and by no more");
    assert_eq!(of(("2026-03-02T10:01:00Z", a, None), ("2026-03-02T10:01:59Z", a, None)), NotKnown, "a minute");
    assert_eq!(of(("2026-03-02T10:01:00Z", a, None), ("2026-03-02T10:02:00Z", a, None)), After, "the next");
    assert_eq!(of(("2026-03-02T10:00:00Z", a, None), ("2026-03-02T10:59:59Z", a, None)), NotKnown, "an hour");
    // Read as UTC: by up to 12 hours later, by up to 14 earlier.
    assert_eq!(of((day, a, Some(Zone)), ("2026-03-02T22:01:00Z", b, None)), NotKnown);
    assert_eq!(of((day, a, Some(Zone)), ("2026-03-02T22:01:03Z", b, None)), After);
    assert_eq!(of((day, a, None), ("2026-03-03T00:01:00Z", b, Some(Zone))), NotKnown);
    assert_eq!(of((day, a, None), ("2026-03-03T00:01:03Z", b, Some(Zone))), After);
    assert_eq!(of((day, a, Some(Zone)), ("2026-03-02T10:00:03Z", a, Some(Zone))), After, "whichever zone it is");
    assert_eq!(of((day, a, Some(Year)), ("2026-03-20T10:00:03Z", b, None)), NotKnown, "of another year, perhaps");
    assert_eq!(of((day, a, Some(Year)), ("2026-03-02T10:00:03Z", a, Some(Year))), After, "whichever year it is");
}

#[test]
fn what_the_clocks_leave_open_stands_beside_the_line() {
    let mut open = shown("b", Stage::Execution, "2026-03-02T10:30:01Z", "e/b.log", on("hc-web"));
    open.time.assumed = Some(FindingAssumed::Year);
    let all = [
        shown("a", Stage::InitialAccess, "2026-03-02T10:00:01Z", "e/a.log", on("hc-web")),
        open,
        shown("c", Stage::CredentialAccess, "2026-03-02T11:00:01Z", "e/a.log", on("hc-web")),
    ];
    let chain = chain(&all);
    let orders: Vec<StepOrder> = chain.steps.iter().map(|step| step.order).collect();
    assert_eq!(orders, [StepOrder::First, StepOrder::NotKnown, StepOrder::After]);
    assert_eq!(
        chain.told(),
        "2026-03-02T10:00:01Z t (hc-web); order not known: 2026-03-02T10:30:01Z t (hc-web); then 2026-03-02T11:00:01Z t \
         (hc-web)"
    );
    let undated = |mut f: Finding| {
        f.time = FindingTime::default();
        f
    };
    let chain = self::chain(&all.map(undated));
    assert!(chain.told().starts_with("in an order that is not known: at an unknown time t (hc-web); "));
}

/// A way in, credentials, and the exit to the intruder.
fn story() -> (Vec<Finding>, Transfer) {
    let findings = vec![
        shown("in", Stage::InitialAccess, "2026-03-02T10:00:01Z", "e/web.log", from(INTRUDER, "hc-web")),
        shown("move", Stage::LateralMovement, "2026-03-02T11:00:01Z", "e/fs.log", from("hc-web", "hc-fs01")),
    ];
    (findings, transfer(Route::HttpsUpload, "10.2.0.5", "drop.example", GIB, 3, &whose("")))
}

#[test]
fn a_chain_leads_to_the_exit_and_the_verdict_names_it() {
    let (findings, exit) = story();
    let told = told(&findings, std::slice::from_ref(&exit), &whose(""));
    let [f] = &told.chains[..] else { panic!("{} chains", told.chains.len()) };
    let chain = f.chain.as_ref().unwrap();
    assert_eq!(f.links, ["in", "move"]);
    assert_eq!(chain.transfers, ["t-1"]);
    assert_eq!(f.stage, [Stage::InitialAccess, Stage::LateralMovement, Stage::Exfiltration]);
    assert_eq!((f.level, f.scope.as_str(), f.route), (Level::High, "hc", Some(Route::HttpsUpload)));
    assert_eq!(chain.steps[2].by, ["10.2.0.5"], "the inventory knows it as hc-fs01");
    let scope = &told.verdict.scopes[0];
    assert_eq!(scope.chains, std::slice::from_ref(&f.id));
    for route in &scope.routes {
        let carries = route.route == Route::HttpsUpload;
        assert_eq!(route.chains.len(), usize::from(carries), "{:?}", route.route);
    }
}

#[test]
fn an_exit_that_may_have_begun_earlier_is_not_said_to_come_after() {
    let (findings, _) = story();
    let order = |begins: &str, largest: &str| {
        let mut exit = transfer(Route::HttpsUpload, "10.2.0.5", "drop.example", GIB, 2, &whose(""));
        let (begins, largest) = (at(begins), at(largest));
        exit.time = Some(Span { first: at("2026-03-02T09:00:07Z"), last: largest });
        exit.hours = vec![begins.hour()].into();
        exit.dated =
            vec![Dated::new((begins, largest), [(Span { first: largest, last: largest }, GIB)].into(), Box::default())]
                .into();
        let chains = told(&findings, &[exit], &whose("")).chains;
        let chain = chains[0].chain.as_ref().unwrap();
        let step = chain.steps.iter().find(|step| !step.transfers.is_empty()).unwrap();
        (step.time.first.unwrap(), step.order)
    };
    let known = ("2026-03-02T12:05:01Z", StepOrder::After);
    assert_eq!(order(known.0, "2026-03-02T12:50:01Z"), (at(known.0), known.1), "of a later hour the first is known");
    let open = ("2026-03-02T10:50:01Z", StepOrder::NotKnown);
    assert_eq!(order("2026-03-02T10:00:00.5Z", open.0), (at(open.0), open.1), "of the first hour only the largest are");
}

#[test]
fn no_chain_of_one_step_of_one_stage_or_of_what_failed() {
    let none = |findings: &[Finding], why: &str| {
        let chains = told(findings, &[], &whose("")).chains;
        assert!(chains.is_empty(), "{why}: {}", chains[0].text);
    };
    let (both, _) = story();
    none(&both[..1], "one finding");
    let again = shown("in", Stage::InitialAccess, "2026-03-02T12:00:01Z", "e/web.log", from(INTRUDER, "hc-web"));
    none(&[both[0].clone(), again], "one step, twice");
    let mut same = both[0].clone();
    (same.id, same.rule.id, same.stage) = ("x".to_owned(), "x".to_owned(), vec![Stage::Execution]);
    none(&[both[0].clone(), same], "one record");
    // Of three rules one met the event in both of its forms, and the others in one of them.
    let form = |id: &str, log: &str| {
        let time = "2026-03-02T12:00:00Z";
        let mut f = shown(id, Stage::Execution, time, log, from(INTRUDER, "hc-web"));
        f.evidence[0].place.offset = 77;
        f
    };
    let (native, export) = (form("native", "e/security.evtx"), form("export", "e/security.json"));
    let mut whole = form("whole", "e/security.json");
    whole.stage = vec![Stage::InitialAccess];
    whole.evidence.extend(native.evidence.clone());
    none(&[native.clone(), export.clone(), whole], "one event in two forms");
    let mut alone = export;
    alone.stage = vec![Stage::InitialAccess];
    assert_eq!(chain(&[native, alone]).steps.len(), 2, "nothing tells that it is one event");
    let mut failed = both.clone();
    failed[1].outcome = Outcome::Failed;
    none(&failed, "a refused one");
    let mut lesser = both.clone();
    (lesser[1].level, lesser[1].stage) = (Level::Medium, vec![Stage::Discovery]);
    none(&lesser, "of a lesser level");
    let mut apart = both.clone();
    apart[1].entities = on("hc-hr07");
    none(&apart, "nothing joins them");
    let mut late = both.clone();
    late[1].time.first = Some(at("2026-05-02T10:00:00Z"));
    late[1].time.last = late[1].time.first;
    none(&late, "of another story");
    let mut everybody = both;
    let on_all = |host: &str| Entities { accounts: vec!["NT AUTHORITY\\SYSTEM".to_owned()], ..on(host) };
    (everybody[0].entities, everybody[1].entities) = (on_all("hc-a"), on_all("hc-b"));
    none(&everybody, "the system's own account");
}

#[test]
fn what_several_rules_find_in_one_record_happened_once() {
    let (both, _) = story();
    let pack = |rule: &str, time: &str, offset| {
        let mut f = shown(&format!("{rule}{offset}"), Stage::Staging, time, "e/fs.log", on("hc-fs01"));
        f.rule.id = rule.to_owned();
        f.evidence[0].place.offset = offset;
        f
    };
    let of = |time: &str, offset| ["name", "tool", "folder"].map(|rule| pack(rule, time, offset));
    let packing = |found: &[Finding]| {
        let chain = chain(&[&both[..], found].concat());
        let step = chain.steps.last().unwrap().clone();
        assert_eq!(step.count, found.len() as u64, "findings are counted apart");
        (step.times, step.records, step.told())
    };
    let once = of("2026-03-02T12:00:01Z", 70);
    assert_eq!(packing(&once), (1, 1, "2026-03-02T12:00:01Z t (hc-fs01)".to_owned()));
    let twice = [once, of("2026-03-02T12:00:01Z", 90)].concat();
    assert_eq!(packing(&twice), (2, 2, "2026-03-02T12:00:01Z t, 2 times (hc-fs01)".to_owned()));
}

/// Two stories on two clients; each asks the domain controller for secrets.
fn beside() -> Vec<Finding> {
    let at_client = |n: usize, host: &str| {
        let time = |minute: usize| format!("2026-03-02T1{n}:{minute:02}:01Z");
        let log = format!("e/{host}.log");
        [
            shown(&format!("in{n}"), Stage::Execution, &time(0), &log, on(host)),
            shown(&format!("ask{n}"), Stage::CredentialAccess, &time(20), "e/dc.log", from(host, "hc-dc01")),
        ]
    };
    [at_client(0, "hc-ws01"), at_client(1, "hc-ws02")].concat()
}

#[test]
fn what_many_use_joins_no_two_stories() {
    let plain = whose("");
    let count = |findings: &[Finding], whose: &Whose, busy: &str| {
        let called = |names: &BTreeSet<String>| names.iter().filter(|name| *name == busy).cloned().collect();
        judged(findings, &[], &coverage(Vec::new()), whose, &called).chains.len()
    };
    let mut all = beside();
    assert_eq!(count(&all, &plain, ""), 1, "one host for two may be the intruder's way");
    assert_eq!(count(&all, &plain, "hc-dc01"), 2, "a host that many call is not");
    let role = whose("[[host]]\nname='hc-dc01'\nip=['10.2.0.53']\nrole='Domain controller'\n");
    assert_eq!(count(&all, &role, ""), 2, "nor what the inventory calls one");
    all.push(shown("taken", Stage::LateralMovement, "2026-03-02T10:40:01Z", "e/dc.log", from("hc-ws01", "hc-dc01")));
    all.push(shown("dump", Stage::CredentialAccess, "2026-03-02T10:50:01Z", "e/dc.log", on("hc-dc01")));
    let called = |_: &BTreeSet<String>| BTreeSet::from(["hc-dc01".to_owned()]);
    let chains = judged(&all, &[], &coverage(Vec::new()), &plain, &called).chains;
    let links: BTreeSet<Vec<String>> = chains.into_iter().map(|f| f.links).collect();
    let expected = [vec!["in0", "ask0", "taken", "dump"], vec!["in1", "ask1"]];
    assert_eq!(links, expected.map(|ids| ids.into_iter().map(str::to_owned).collect()).into(), "it was taken from one");
}

#[test]
fn a_destination_of_many_joins_no_two_stories() {
    let owner = whose("");
    let up = |n: usize, from: &str| {
        let mut t = transfer(Route::CloudStorage, from, "files.example", GIB, 2, &owner);
        t.id = format!("t-{n}").into();
        t
    };
    let findings = [
        shown("a", Stage::Execution, "2026-03-02T08:00:01Z", "e/a.log", on("hc-ws01")),
        shown("b", Stage::Execution, "2026-03-02T09:00:01Z", "e/b.log", on("hc-ws02")),
    ];
    let mut moved = vec![up(1, "hc-ws01"), up(2, "hc-ws02")];
    assert_eq!(told(&findings, &moved, &owner).chains.len(), 1, "a place that only they send to");
    moved.extend((0..CROWD).map(|n| up(10 + n, &format!("10.2.9.{n}"))));
    assert_eq!(told(&findings, &moved, &owner).chains.len(), 2, "a place that all send to");
}

#[test]
fn of_many_steps_the_exit_is_kept_and_the_rest_counted() {
    let (mut findings, exit) = story();
    for n in 0..200 {
        let time = format!("2026-03-02T{:02}:{:02}:01Z", 12 + n / 60, n % 60);
        findings.push(shown(&format!("x{n}"), Stage::Execution, &time, "e/fs.log", on("hc-fs01")));
    }
    let chains = told(&findings, &[exit], &whose("")).chains;
    let chain = chains[0].chain.as_ref().unwrap();
    assert_eq!((chain.steps.len(), chain.omitted_steps), (64, 203 - 64));
    assert_eq!(chain.transfers, ["t-1"]);
    assert!(chains[0].text.ends_with("and 191 more steps"), "{}", chains[0].text);
}

#[test]
fn a_chain_over_two_scopes_is_in_both_and_tells_neither_of_the_other() {
    let scopes = "[[scope]]\nname='hc'\ncidr=['10.2.0.0/16']\nhosts=['hc-*']\n\
                  [[scope]]\nname='rv'\ncidr=['10.1.0.0/16']\nhosts=['rv-*']\n";
    let whose = scope::compile(&toml::from_str(scopes).unwrap()).unwrap();
    let mut there =
        shown("there", Stage::LateralMovement, "2026-03-02T11:00:01Z", "e/b.log", from("hc-web", "rv-fs01"));
    there.scope = "rv".to_owned();
    let here = shown("here", Stage::InitialAccess, "2026-03-02T10:00:01Z", "e/a.log", from(INTRUDER, "hc-web"));
    let told = told(&[here, there], &[], &whose);
    let [f] = &told.chains[..] else { panic!("{} chains", told.chains.len()) };
    assert_eq!((f.scope.as_str(), f.links.len()), ("unattributed", 2));
    assert!(told.verdict.scopes.iter().all(|scope| scope.chains == [f.id.clone()]));
    let own = f.chain.as_ref().unwrap().of_scope("hc").unwrap().finding(f.id.clone(), "hc");
    assert_eq!((own.links, own.stage), (vec!["here".to_owned()], vec![Stage::InitialAccess]));
    assert_eq!(
        own.text,
        "2026-03-02T10:00:01Z t (203.0.113.9, hc-web); 1 finding or transfer of other scopes belongs to it"
    );
    assert!(f.chain.as_ref().unwrap().of_scope("another").is_none());
}

/// Scans the incident into a case, whole or for one scope; gives its chains.
fn case_of_incident(case: &Path, more: &[&str]) -> Vec<Finding> {
    let path = |name: &str| project("fixtures/incident").join(name).to_str().unwrap().to_owned();
    let (evidence, scopes, feed) = (path("evidence"), path("scopes.toml"), path("indicators.txt"));
    let told = ["scan", "-q", &evidence, "--scopes", &scopes, "--indicators", &feed, "--out", case.to_str().unwrap()];
    exfiltrace(&[&told, more].concat());
    let lines = std::fs::read_to_string(case.join("findings.jsonl")).unwrap();
    let all = lines.lines().map(|line| serde_json::from_str::<Finding>(line).unwrap());
    all.filter(|f| f.kind == FindingKind::Chain).collect()
}

#[test]
fn a_chain_is_told_in_the_report_walked_by_explain_and_cut_for_one_scope() {
    let temp = tempfile::tempdir().unwrap();
    let (whole, one) = (temp.path().join("whole"), temp.path().join("one"));
    let chains = case_of_incident(&whole, &[]);
    let scopes: Vec<&str> = chains.iter().map(|f| f.scope.as_str()).collect();
    assert_eq!(scopes, ["riverside", "hillcrest"], "one for each intruder");
    let report = std::fs::read_to_string(whole.join("report.html")).unwrap();
    assert!(report.find("What happened, step by step").unwrap() < report.find("What the logs").unwrap());
    for f in &chains {
        let explained = exfiltrace(&["explain", whole.to_str().unwrap(), &f.id[..12], "--all"]);
        let explained = String::from_utf8(explained.stdout).unwrap();
        let chain = f.chain.as_ref().unwrap();
        assert!(!chain.transfers.is_empty(), "{}", f.text);
        let ids = f.links.iter().chain(&chain.transfers);
        ids.for_each(|id| assert_eq!(explained.matches(&format!("{id}: ")).count(), 1, "{id}"));
        let mut rest = explained.as_str();
        for step in &chain.steps {
            let at = rest.find(&step.title).unwrap_or_else(|| panic!("{} in {rest}", step.title));
            rest = &rest[at + step.title.len()..];
        }
        assert!(explained.contains(&format!("{}/", f.scope)), "the ways out that it carries");
    }
    let own = case_of_incident(&one, &["--only-scope", "riverside"]);
    assert_eq!(own.len(), 1);
    assert_eq!((&own[0].id, &own[0].links, &own[0].text), (&chains[0].id, &chains[0].links, &chains[0].text));
}

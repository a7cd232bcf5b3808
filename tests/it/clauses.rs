//! Every clause of the judge has a case in which it speaks and one in which it just does not.

use std::collections::BTreeMap;

use exfiltrace::judge::{CLAUSES, judge};
use exfiltrace::model::coverage::{Coverage, Gap, GapReason, Referred};
use exfiltrace::model::data::{Basis, Sign, Touch};
use exfiltrace::model::dates::{DatesRead, Ground};
use exfiltrace::model::finding::{Finding, FindingKind};
use exfiltrace::model::place::Locator;
use exfiltrace::model::rule::{BEACON, CALLS_OF_MANY, DNS_TUNNEL, Level, Outcome, Route, Stage};
use exfiltrace::model::time::Span;
use exfiltrace::model::transfer::Transfer;
use exfiltrace::model::verdict::{Estimate, Intrusion, ScopeVerdict, State};
use exfiltrace::model::whose::Whose;

use crate::categories::{sign, touch};
use crate::judge::{GIB, SANCTIONED, at, cites, coverage, finding, hc, listed, met_on, shown_by, transfer, whose};

const INTRUDER: &str = "203.0.113.9";
const MIB: u64 = 1 << 20;

/// The clause, a verdict that cites it, and one that does not.
pub type Sides = (&'static str, ScopeVerdict, ScopeVerdict);

fn way_in(outcome: Outcome) -> Finding {
    finding("in", Stage::InitialAccess, outcome, INTRUDER, "hc-web")
}

fn medium(mut f: Finding) -> Finding {
    f.level = Level::Medium;
    f
}

/// A refused attack of level medium, the `n`th.
fn refused(n: usize, from: &str) -> Finding {
    let mut f = medium(finding(&format!("r{n}"), Stage::InitialAccess, Outcome::Failed, from, "hc-web"));
    f.rule.id = "refused".to_owned();
    f
}

fn alone(findings: &[Finding]) -> ScopeVerdict {
    hc(findings, &[], &whose(""))
}

fn over(findings: &[Finding], all: &Coverage, whose: &Whose) -> ScopeVerdict {
    judge(findings, &[], all, whose).scopes.swap_remove(0)
}

fn gap(reason: GapReason) -> Gap {
    Gap { source: "e/fw.log".to_owned(), from: None, to: None, reason, log: None }
}

fn up(to: &str, bytes: u64) -> Transfer {
    transfer(Route::HttpsUpload, "10.2.0.5", to, bytes, 3, &whose(""))
}

fn served(bytes: u64) -> Transfer {
    transfer(Route::WebResponse, "10.2.0.8", INTRUDER, bytes, 2, &whose(""))
}

/// J-01 to J-09.
fn intrusion() -> Vec<Sides> {
    let call = |level| {
        let mut f = finding("c", Stage::CommandAndControl, Outcome::Failed, "10.2.0.5", "hc-fs01");
        f.entities.destinations = vec![INTRUDER.to_owned()];
        f.level = level;
        alone(&[f])
    };
    let packed = finding("p", Stage::Staging, Outcome::Succeeded, "", "hc-fs01");
    let with = |from: &str| alone(&[packed.clone(), listed("hc", from, INTRUDER)]);
    let many = |n: usize| alone(&(0..n).map(|n| refused(n, INTRUDER)).collect::<Vec<_>>());
    let known = |outcome| {
        let mut f = medium(way_in(Outcome::Succeeded));
        f.entities.sources = vec!["203.0.113.8".to_owned()];
        let mut grave = way_in(outcome);
        grave.entities.sources = vec!["203.0.113.8".to_owned()];
        alone(&[f, grave])
    };
    let look = |level| {
        let mut f = finding("l", Stage::Discovery, Outcome::Failed, INTRUDER, "hc-web");
        f.level = level;
        alone(&[f])
    };
    let before = |begins: &str| {
        let mut f = medium(finding("m", Stage::InitialAccess, Outcome::Succeeded, INTRUDER, "10.2.0.5"));
        (f.time.first, f.time.last) = (Some(at(begins)), Some(at(begins)));
        let mut t = up("198.51.100.7", GIB);
        t.time = Some(Span { first: at("2026-03-02T12:00:00Z"), last: at("2026-03-02T13:00:00Z") });
        hc(&[f], &[t], &whose(""))
    };
    vec![
        ("J-01", alone(&[way_in(Outcome::Succeeded)]), alone(&[medium(way_in(Outcome::Succeeded))])),
        ("J-02", call(Level::High), call(Level::Medium)),
        ("J-03", alone(&[listed("hc", "10.2.0.5", INTRUDER)]), alone(&[listed("hc", INTRUDER, "10.2.0.5")])),
        ("J-04", alone(&[way_in(Outcome::Failed)]), alone(&[way_in(Outcome::Succeeded)])),
        ("J-05", look(Level::Medium), look(Level::High)),
        ("J-06", with("10.2.0.5"), with("10.2.0.6")),
        ("J-07", many(10), many(9)),
        ("J-08", known(Outcome::Failed), alone(&[medium(way_in(Outcome::Succeeded))])),
        ("J-09", before("2026-03-01T12:00:00Z"), before("2026-03-01T11:59:59Z")),
    ]
}

/// J-10 to J-17.
fn reached() -> Vec<Sides> {
    let open = whose("");
    let hit = finding("a", Stage::LateralMovement, Outcome::Succeeded, "10.2.0.5", "hc-fs01");
    let after = |bytes| hc(&[way_in(Outcome::Succeeded)], &[served(bytes)], &open);
    let upload = |to: &str, bytes| hc(std::slice::from_ref(&hit), &[up(to, bytes)], &open);
    let read = |level| {
        let mut f = finding("b", Stage::Collection, Outcome::Succeeded, INTRUDER, "hc-web");
        f.level = level;
        f
    };
    let reads = |first: Finding, level| alone(&[first, read(level)]);
    let hour = |begins: &str| {
        let mut t = served(GIB);
        let mut hit = way_in(Outcome::Succeeded);
        hit.time.first = Some(at("2026-03-02T12:30:00Z"));
        hit.time.last = hit.time.first;
        t.time = Some(Span { first: at(begins), last: at("2026-03-02T12:59:00Z") });
        t.dated = vec![exfiltrace::model::transfer::Dated::new(
            (at(begins), at("2026-03-02T12:59:00Z")),
            Box::default(),
            Box::default(),
        )]
        .into();
        hc(&[hit], &[t], &open)
    };
    let calls = |peak: u64| {
        let mut t = up(INTRUDER, 24 * MIB / 4 + peak);
        t.hours = (0..24).map(|n| t.hours[0] + n).collect();
        t.hour_bytes = vec![MIB / 4; 24].into();
        t.hour_bytes[7] += peak;
        t.time = Some(Span { first: at("2026-03-03T12:00:00Z"), last: at("2026-03-04T11:00:00Z") });
        hc(&[hit.clone(), listed("hc", "10.2.0.5", INTRUDER)], &[t], &open)
    };
    let sent = |outcome, upper| {
        let mut put = medium(finding("put", Stage::Exfiltration, outcome, "10.2.0.5", "hc-fs01"));
        put.entities.destinations = vec!["198.51.100.7".to_owned()];
        let mut t = up("198.51.100.7", 1000);
        t.bytes.upper = upper;
        hc(&[hit.clone(), put], &[t], &open)
    };
    vec![
        ("J-10", after(MIB), after(MIB - 1)),
        ("J-11", upload("198.51.100.7", 50 * MIB), upload("198.51.100.7", 50 * MIB - 1)),
        ("J-12", after(64 << 10), after((64 << 10) - 1)),
        ("J-13", reads(way_in(Outcome::Succeeded), Level::High), reads(way_in(Outcome::Failed), Level::High)),
        ("J-14", hour("2026-03-02T12:10:00Z"), hour("2026-03-02T12:30:00Z")),
        ("J-15", reads(way_in(Outcome::Succeeded), Level::Medium), reads(hit.clone(), Level::Medium)),
        ("J-16", calls(MIB - 1), calls(MIB)),
        ("J-17", sent(Outcome::Succeeded, None), sent(Outcome::Succeeded, Some(1000))),
    ]
}

/// What a store gave `svc` where a finding says that a stranger uses an account.
fn stranger(account: &str, outcome: Outcome, bytes: u64) -> ScopeVerdict {
    let open = whose("");
    let mut f = medium(finding("s", Stage::InitialAccess, outcome, INTRUDER, ""));
    f.entities.accounts = vec![account.to_owned()];
    let mut given = transfer(Route::SaasDownload, "hc-store", INTRUDER, bytes, 3, &open);
    given.accounts = vec!["HC\\svc".to_owned()].into();
    hc(&[f], &[given], &open)
}

/// J-20 to J-25, J-93.
fn unexplained() -> Vec<Sides> {
    let open = whose("");
    let entry = whose(SANCTIONED);
    let moved = |findings: &[Finding], bytes, whose: &Whose| {
        let up = transfer(Route::HttpsUpload, "10.2.0.5", "eu.vendor.example", bytes, 3, whose);
        hc(findings, &[up], whose)
    };
    let hit = finding("a", Stage::CredentialAccess, Outcome::Succeeded, "10.2.0.5", "hc-fs01");
    let packed = finding("p", Stage::Staging, Outcome::Succeeded, "10.2.0.5", "hc-fs01");
    let asked = |bytes| hc(&[], &[transfer(Route::DnsTunnel, "10.2.0.5", "evil.example", bytes, 3, &open)], &open);
    let to = |bytes| hc(&[listed("hc", "10.2.0.5", INTRUDER)], &[up(INTRUDER, bytes)], &open);
    vec![
        ("J-20", moved(&[], 50 * MIB, &open), moved(&[], 50 * MIB - 1, &open)),
        ("J-21", moved(&[], GIB, &entry), moved(&[], GIB, &open)),
        ("J-22", moved(&[hit], GIB, &entry), moved(&[], GIB, &entry)),
        ("J-23", alone(std::slice::from_ref(&packed)), moved(&[packed], GIB, &entry)),
        ("J-24", asked(MIB), asked(MIB - 1)),
        ("J-25", to(MIB), to(MIB - 1)),
        ("J-93", stranger("HC\\svc", Outcome::Succeeded, MIB), stranger("HC\\svc", Outcome::Succeeded, MIB - 1)),
    ]
}

/// J-30 to J-40.
fn open() -> Vec<Sides> {
    let plain = whose("");
    let promised = |kind: &str| alone_with(&format!("[[expect]]\nscope='hc'\nsource='{kind}'\n"));
    let watched = |bytes: bool| {
        let mut all = coverage(Vec::new());
        all.sources[0].not_logged = if bytes { Vec::new() } else { vec!["bytes".to_owned()] };
        over(&[way_in(Outcome::Succeeded)], &all, &plain)
    };
    let observed = |observes: &[Route]| {
        let mut all = coverage(Vec::new());
        all.sources[0].observes = observes.to_vec();
        over(&[], &all, &plain)
    };
    let shared = |serves: &str| {
        let whose =
            whose(&format!("[[scope]]\nname='rv'\n[[scope]]\nname='it'\nshared=true\nprocessor_of=['{serves}']\n"));
        let mut both = [way_in(Outcome::Succeeded), finding("b", Stage::Collection, Outcome::Succeeded, "", "it-1")];
        both.iter_mut().for_each(|f| f.scope = "it".to_owned());
        over(&both, &coverage(Vec::new()), &whose)
    };
    let blind = |route: &[Route]| {
        let mut all = coverage(Vec::new());
        all.sources[0].unlogged = route.to_vec();
        over(&[], &all, &plain)
    };
    let proxied = |outcome, most_sent| {
        let mut all = coverage(Vec::new());
        let (scope, system, routes) = ("hc".to_owned(), "10.2.0.9".to_owned(), vec![Route::HttpsUpload]);
        all.referred.push(Referred { scope, system, routes, from: None, to: None, most_sent });
        over(&[way_in(outcome)], &all, &plain)
    };
    let noticed = |day: &str| alone_with(&format!("[incident]\naware='{day}'\n"));
    let sent = |outcome| alone(&[finding("s", Stage::Exfiltration, outcome, "", "hc-fs01")]);
    let session = |outcome| alone(&[Finding { route: Some(Route::RemoteAccess), ..way_in(outcome) }]);
    let stick = |outcome| {
        let written = medium(finding("s", Stage::Exfiltration, outcome, "", "hc-web"));
        alone(&[way_in(Outcome::Succeeded), Finding { route: Some(Route::Usb), ..written }])
    };
    vec![
        ("J-60", stick(Outcome::Succeeded), stick(Outcome::Failed)),
        ("J-30", promised("dns"), promised("firewall")),
        ("J-31", over(&[], &coverage(vec![gap(GapReason::Cleared)]), &plain), over(&[], &coverage(vec![]), &plain)),
        ("J-32", watched(false), watched(true)),
        ("J-33", observed(&[]), observed(&[Route::Network])),
        ("J-34", shared("hc"), shared("rv")),
        ("J-35", blind(&[Route::HttpsUpload]), blind(&[])),
        ("J-36", session(Outcome::Succeeded), session(Outcome::Failed)),
        ("J-37", sent(Outcome::Unknown), sent(Outcome::Failed)),
        ("J-38", proxied(Outcome::Succeeded, Some(0)), proxied(Outcome::Failed, None)),
        ("J-83", proxied(Outcome::Failed, Some(MIB)), proxied(Outcome::Failed, Some(MIB - 1))),
        ("J-39", noticed("2026-04-02"), noticed("2026-04-01")),
        ("J-41", hits_only(true), hits_only(false)),
        ("J-40", alone(&[way_in(Outcome::Succeeded)]), alone(&[way_in(Outcome::Failed)])),
    ]
}

/// A scan of which nothing is found, for hits alone or as a whole.
fn hits_only(hits_only: bool) -> ScopeVerdict {
    over(&[], &Coverage { hits_only, ..coverage(vec![]) }, &whose(""))
}

/// What a statistic finds of hc-fs01.
fn signal(rule: &str, stages: &[Stage], to: &str) -> Finding {
    let mut f = medium(finding("s", Stage::CommandAndControl, Outcome::Unknown, "10.2.0.5", ""));
    (f.kind, f.stage, f.rule.id) = (FindingKind::Anomaly, stages.to_vec(), rule.to_owned());
    f.entities.destinations = vec![to.to_owned()];
    f
}

/// A beacon beside these findings.
fn calls(whose: &Whose, more: &[Finding]) -> ScopeVerdict {
    let t = transfer(Route::HttpsUpload, "10.2.0.5", "eu.vendor.example", 1000, 3, whose);
    let mut all = more.to_vec();
    all.push(signal(BEACON, &[Stage::CommandAndControl], "eu.vendor.example"));
    hc(&all, &[t], whose)
}

/// Calls of many hosts, hc-fs01 among them, beside these findings.
fn of_many(more: &[Finding]) -> ScopeVerdict {
    let mut many = signal(CALLS_OF_MANY, &[Stage::CommandAndControl], "vendor.example");
    many.level = Level::Informational;
    many.entities.sources.extend(["10.2.0.6", "10.2.0.7"].map(str::to_owned));
    hc(&[more, &[many]].concat(), &[], &whose(""))
}

/// J-50 to J-53, J-64.
fn signals() -> Vec<Sides> {
    let plain = whose("");
    let mut filled = signal(DNS_TUNNEL, &[Stage::CommandAndControl, Stage::Exfiltration], "evil.example");
    filled.level = Level::High;
    let idle = signal(DNS_TUNNEL, &[Stage::CommandAndControl], "evil.example");
    let asked = |f: &Finding, bytes, more: &[Finding]| {
        let t = transfer(Route::DnsTunnel, "10.2.0.5", "evil.example", bytes, 3, &plain);
        let all: Vec<Finding> = more.iter().chain(std::iter::once(f)).cloned().collect();
        hc(&all, &[t], &plain)
    };
    let hit = [finding("a", Stage::LateralMovement, Outcome::Succeeded, "10.2.0.5", "hc-fs01")];
    vec![
        ("J-50", asked(&filled, 1024, &hit), asked(&filled, 1023, &hit)),
        ("J-51", asked(&idle, 1024, &hit), asked(&idle, 1024, &[])),
        ("J-52", asked(&filled, 1024, &[]), asked(&filled, 1024, &hit)),
        ("J-53", calls(&plain, &[listed("hc", "10.2.0.5", INTRUDER)]), calls(&plain, &[])),
        ("J-64", of_many(&hit), of_many(&[])),
    ]
}

#[test]
fn a_way_out_tells_of_the_tunnel_that_its_state_rests_on() {
    let plain = whose("");
    let own = |id: &str, from: &str, to: &str, when: &str| {
        let mut f = signal(DNS_TUNNEL, &[Stage::CommandAndControl, Stage::Exfiltration], to);
        (f.id, f.level, f.entities.sources) = (id.to_owned(), Level::High, vec![from.to_owned()]);
        (f.time.first, f.time.last) = (Some(at(when)), Some(at(when)));
        let mut t = transfer(Route::DnsTunnel, from, to, 4096, 3, &plain);
        t.id = format!("t-{id}").as_str().into();
        (f, t)
    };
    let (proved, sent) = own("f-1", "10.2.0.5", "evil.example", "2026-03-03T12:00:00Z");
    let (other, asked) = own("f-2", "10.2.0.9", "odd.example", "2026-03-02T11:00:00Z");
    let hit = finding("a", Stage::LateralMovement, Outcome::Succeeded, "10.2.0.5", "hc-fs01");
    let told = hc(&[hit, proved, other], &[sent, asked], &plain);
    assert!(cites(&told, "J-50") && cites(&told, "J-52"));
    let route = told.routes.iter().find(|r| r.route == Route::DnsTunnel).unwrap();
    assert_eq!((route.state, &route.hosts[..]), (State::Exfiltrated, &["10.2.0.5".to_owned()][..]));
    assert_eq!((&route.destinations[..], route.bytes.lower), (&["evil.example".to_owned()][..], 4096));
    assert_eq!(route.first, Some(at("2026-03-03T12:00:00Z")));
}

#[test]
fn the_words_of_confidence_speak_of_movement_only_where_the_answer_rests_on_it() {
    let plain = whose("");
    let told = |findings: &[Finding], all: &[Transfer]| hc(findings, all, &plain).confidence_reasons.join("; ");
    let moved = [up("198.51.100.7", MIB)];
    assert!(told(&[], &moved).ends_with("1 source speaks of the scope") && !told(&[], &moved).contains("movement"));
    let read = finding("b", Stage::Collection, Outcome::Succeeded, "10.2.0.6", "hc-app");
    let reads = told(&[way_in(Outcome::Succeeded), read], &moved);
    assert!(reads.ends_with("findings alone bear the answer, 1 source speaks of the scope"), "{reads}");
    let left = told(&[], &[up("198.51.100.7", GIB)]);
    assert!(left.ends_with("1 source shows the movement, 1 speaks of the scope"), "{left}");
}

#[test]
fn a_tunnel_is_judged_by_its_own_clauses_and_shows_no_intrusion() {
    let sides: BTreeMap<&str, ScopeVerdict> = signals().into_iter().map(|(id, yes, _)| (id, yes)).collect();
    let way = |id: &str| {
        let route = sides[id].routes.iter().find(|r| r.route == Route::DnsTunnel).unwrap();
        (route.state, route.bytes.lower)
    };
    assert_eq!(way("J-50"), (State::Exfiltrated, 1024));
    assert_eq!(way("J-51"), (State::CannotTell, 1024));
    assert_eq!((way("J-52"), sides["J-52"].ask.len()), ((State::Unexplained, 1024), 1));
    for other in ["J-04", "J-05", "J-07", "J-08", "J-13", "J-23", "J-37"] {
        assert!(!cites(&sides["J-52"], other) && !cites(&sides["J-53"], other), "{other}");
    }
}

#[test]
fn a_record_that_several_rules_match_is_one_of_the_background() {
    let at = |log: &str| shown_by(medium(finding("l", Stage::Discovery, Outcome::Failed, INTRUDER, "hc-web")), log);
    let told = |logs: &[&str]| {
        let found: Vec<Finding> = logs.iter().map(|log| at(log)).collect();
        alone(&found).counter_evidence.into_iter().find(|why| why.clause == "J-05").unwrap().text
    };
    assert_eq!(told(&["e/a.log", "e/a.log"]), "1 record of scanning or another lesser finding is background");
    assert_eq!(told(&["e/a.log", "e/b.log"]), "2 records of scanning and other lesser findings are background");
}

#[test]
fn a_beacon_alone_is_background_and_one_to_a_sanctioned_place_explained() {
    let told = |verdict: ScopeVerdict| (verdict.state, verdict.intrusion, cites(&verdict, "J-05"));
    let listed = [listed("hc", "10.2.0.5", INTRUDER)];
    assert_eq!(told(calls(&whose(""), &[])), (State::NoEvidence, Intrusion::NoneSeen, true));
    assert_eq!(told(calls(&whose(""), &listed)), (State::Attempted, Intrusion::Suspected, false));
    let known = calls(&whose(SANCTIONED), &listed);
    assert!(cites(&known, "J-21") && !cites(&known, "J-53"));
    let many = of_many(&listed);
    assert_eq!((cites(&many, "J-53"), cites(&many, "J-64"), cites(&many, "J-05")), (false, false, true));
}

/// J-84.
fn likely() -> Vec<Sides> {
    let with = |f: Finding| hc(&[f], &[up("198.51.100.7", GIB)], &whose(""));
    let call = |from: &str| with(listed("hc", from, INTRUDER));
    vec![("J-84", call("10.2.0.5"), call("10.2.0.6"))]
}

/// J-70 to J-73.
fn kinds() -> Vec<Sides> {
    let shows = |basis, mut t: Transfer| {
        t.data = [(sign("benefits", basis), touch(1, "2026-03-02T12:00:00Z"))].into_iter().collect();
        t
    };
    let given = |basis, bytes| hc(&[way_in(Outcome::Succeeded)], &[shows(basis, served(bytes))], &whose(""));
    let moved = |basis| hc(&[], &[shows(basis, up("198.51.100.7", GIB))], &whose(""));
    vec![
        ("J-70", given(Basis::Catalogue, 2000), given(Basis::Hint, 2000)),
        ("J-71", given(Basis::Detected, GIB), given(Basis::Detected, 2000)),
        ("J-72", moved(Basis::Detected), moved(Basis::Hint)),
        ("J-73", given(Basis::Hint, GIB), given(Basis::Catalogue, GIB)),
    ]
}

#[test]
fn what_the_catalogue_holds_is_the_most_where_no_way_out_is_open() {
    let mut benefits = sign("benefits", Basis::Catalogue);
    std::sync::Arc::get_mut(&mut benefits).unwrap().records = Some(800);
    let mut t = served(GIB);
    t.data = [(benefits.clone(), touch(1, "2026-03-02T12:00:00Z"))].into_iter().collect();
    let verdict = hc(&[way_in(Outcome::Succeeded)], &[t], &whose(""));
    assert!(verdict.complete);
    let known = &verdict.data_categories[0];
    assert_eq!(known.records.upper, Some(800));
    assert_eq!(known.estimate, Some(Estimate { records: 800, no_ceiling: None }));
    let told = |verdict: &ScopeVerdict| verdict.reasons.iter().find(|r| r.clause == "J-71").unwrap().text.clone();
    assert!(told(&verdict).ends_with("by the catalogue at most 800 records"), "{}", told(&verdict));

    let no_ceiling = |signs: Vec<(std::sync::Arc<Sign>, Touch)>, more: &str| {
        let mut t = served(GIB);
        t.data = signs.into_iter().collect();
        let verdict = hc(&[way_in(Outcome::Succeeded)], &[t], &whose(more));
        let category = verdict.data_categories[0].clone();
        assert_eq!(category.records.upper, None);
        let Estimate { records, no_ceiling } = category.estimate.expect("the catalogue says so of one entry");
        assert_eq!(records, 800);
        assert!(told(&verdict).contains("has 800 records; that is no ceiling: "), "{}", told(&verdict));
        no_ceiling.unwrap()
    };
    let at = || touch(1, "2026-03-02T12:00:00Z");
    let other = sign("benefits", Basis::Detected);
    let why = no_ceiling(vec![(benefits.clone(), at()), (other.clone(), at())], "");
    assert!(why.contains(&*other.told_by), "{why}");
    let promised = "[[expect]]\nscope='hc'\nsource='proxy'\nfrom='2026-03-01'\nto='2026-03-30'\n";
    let why = no_ceiling(vec![(benefits, at())], promised);
    assert_eq!(why, "ways out are open (cloud_storage)");
}

fn alone_with(more: &str) -> ScopeVerdict {
    hc(&[], &[], &whose(more))
}

#[test]
fn every_clause_speaks_on_one_side_and_not_on_the_other() {
    let mut sides: BTreeMap<&str, (ScopeVerdict, ScopeVerdict)> = BTreeMap::new();
    for (id, yes, no) in [
        intrusion(),
        reached(),
        unexplained(),
        open(),
        signals(),
        kinds(),
        likely(),
        crate::joins::sides(),
        crate::claims::sides(),
        crate::cloud_reads::sides(),
        crate::earlier::sides(),
        crate::novel::sides(),
        crate::usual::sides(),
    ]
    .into_iter()
    .flatten()
    {
        assert!(sides.insert(id, (yes, no)).is_none(), "{id} stands here twice");
    }
    for clause in CLAUSES {
        let (yes, no) = sides.remove(clause.id).unwrap_or_else(|| panic!("{} has no test on both sides", clause.id));
        assert!(cites(&yes, clause.id), "{} does not speak: {yes:#?}", clause.id);
        assert!(!cites(&no, clause.id), "{} speaks: {no:#?}", clause.id);
        let worst = clause.base.is_none_or(|base| yes.state <= base);
        assert!(worst, "{} gives {:?} and the scope is {:?}", clause.id, clause.base, yes.state);
    }
    assert_eq!(sides.keys().next(), None, "a test of no clause");
}

#[test]
fn an_attack_is_aimed_by_kinds_by_its_account_from_inside_and_from_who_is_listed() {
    let state = |findings: &[Finding]| alone(findings).state;
    let mut other = refused(1, INTRUDER);
    other.rule.id = "another".to_owned();
    assert_eq!(state(&[refused(0, INTRUDER), other.clone()]), State::Attempted, "two kinds");
    other.entities.hosts = vec!["hc-mail".to_owned()];
    assert_eq!(state(&[refused(0, INTRUDER), other.clone()]), State::NoEvidence, "on two targets");
    other.entities.hosts = vec!["hc-web".to_owned()];
    (other.time.first, other.time.last) = (Some(at("2026-03-04T10:00:00Z")), Some(at("2026-03-04T10:00:00Z")));
    assert_eq!(state(&[refused(0, INTRUDER), other]), State::NoEvidence, "days apart");
    assert_eq!(state(&[refused(0, "10.2.0.77")]), State::Attempted, "from inside");
    let mut scan = refused(0, "10.2.0.77");
    scan.stage = vec![Stage::Discovery];
    assert_eq!(state(&[scan]), State::NoEvidence, "looking around");
    let answered = |n: usize| {
        let mut f = refused(n, INTRUDER);
        (f.outcome, f.route) = (Outcome::Succeeded, Some(Route::WebResponse));
        f
    };
    let many = alone(&(0..10).map(answered).collect::<Vec<_>>());
    assert_eq!((many.state, cites(&many, "J-07"), cites(&many, "J-08")), (State::Attempted, true, true));
    assert_eq!(alone(&[answered(0)]).state, State::NoEvidence, "one, answered as anything is");
    let spread: Vec<Finding> = (0..20).map(|n| refused(n, &format!("198.51.100.{n}"))).collect();
    let told = alone(&spread);
    assert_eq!((told.state, cites(&told, "J-05")), (State::NoEvidence, true), "one each of many sources");
    let logon = |account: &str| {
        let mut f = refused(0, INTRUDER);
        f.entities.accounts = vec![account.to_owned()];
        let scopes = whose("[[scope]]\nname='rv'\naccounts=['RV', 'hc.example']\n");
        hc(&[shown_by(f, "e/auth.log")], &[], &scopes).state
    };
    assert_eq!(logon("ann@hc.example"), State::Attempted, "of a scope's realm");
    assert_eq!(logon("admin"), State::NoEvidence, "a name that anybody tries");
    let mut used = refused(0, INTRUDER);
    used.entities.accounts = vec!["ann".to_owned()];
    let mut logged_on = medium(finding("ok", Stage::Discovery, Outcome::Succeeded, "10.2.0.5", "hc-fs01"));
    logged_on.entities.accounts = vec!["ann".to_owned()];
    let told = |log: &str| state(&[shown_by(used.clone(), "e/auth.log"), shown_by(logged_on.clone(), log)]);
    assert_eq!((told("e/auth.log.1.gz"), told("e/other.log")), (State::Attempted, State::NoEvidence));
}

#[test]
fn what_the_other_side_took_uncounted_left_without_an_upper_bound() {
    let told = |outcome| {
        let hit = finding("a", Stage::LateralMovement, Outcome::Succeeded, "10.2.0.5", "hc-fs01");
        let mut put = medium(finding("put", Stage::Exfiltration, outcome, "10.2.0.5", "hc-fs01"));
        put.entities.destinations = vec!["198.51.100.7".to_owned()];
        let mut t = up("198.51.100.7", 1000);
        t.bytes.upper = None;
        let told = hc(&[hit, put], &[t], &whose(""));
        let way = told.routes.iter().find(|r| r.route == Route::HttpsUpload).unwrap();
        (way.state, way.bytes.lower, way.bytes.upper, cites(&told, "J-17"))
    };
    assert_eq!(told(Outcome::Succeeded), (State::Exfiltrated, 1000, None, true));
    assert!(!told(Outcome::Failed).3, "refused by the other side");
}

#[test]
fn without_a_log_of_the_edge_silence_has_no_likelihood() {
    use exfiltrace::model::verdict::Confidence;
    let told = |observes: &[Route]| {
        let mut all = coverage(Vec::new());
        all.sources[0].observes = observes.to_vec();
        let told = over(&[], &all, &whose(""));
        (told.state, told.likelihood.is_some(), told.confidence)
    };
    assert_eq!(told(&[Route::WebResponse]), (State::NoEvidence, false, Confidence::Low));
    assert_eq!(told(&[Route::WebResponse, Route::Network]), (State::NoEvidence, true, Confidence::Moderate));
}

#[test]
fn a_stranger_with_another_account_says_nothing_of_what_an_account_was_given() {
    assert_eq!(stranger("HC\\svc", Outcome::Succeeded, MIB).state, State::Unexplained);
    assert_eq!(stranger("HC\\other", Outcome::Succeeded, MIB).state, State::NoEvidence);
    // What the account read there says that the logon worked, where its record does not; one that failed let nobody in.
    assert!(cites(&stranger("HC\\svc", Outcome::Unknown, MIB), "J-93"));
    assert!(!cites(&stranger("HC\\svc", Outcome::Failed, MIB), "J-93"));
}

#[test]
fn words_question_and_likelihood_of_a_transfer_to_a_listed_address_agree() {
    use exfiltrace::model::verdict::{Intrusion, Likelihood};
    let told = hc(&[listed("hc", "10.2.0.5", INTRUDER)], &[up(INTRUDER, GIB)], &whose(""));
    assert_eq!((told.state, told.intrusion), (State::Unexplained, Intrusion::Suspected));
    assert_eq!(told.likelihood, Some(Likelihood::Likely));
    let reason = told.reasons.iter().find(|r| r.clause == "J-25").unwrap();
    assert!(reason.text.contains("listed") && reason.findings.iter().any(|id| id == "i"), "{reason:?}");
    assert_eq!(told.ask.len(), 2, "{:?}", told.ask);
    assert!(!told.reasons.iter().any(|r| r.text.contains("nothing ties")));
    let way = told.routes.iter().find(|r| r.route == Route::HttpsUpload).unwrap();
    assert_eq!(way.first, Some(at("2026-03-03T12:00:00Z")), "when it moved, and not when the value was met");
    let unlisted = hc(&[], &[up(INTRUDER, GIB)], &whose(""));
    assert_eq!((unlisted.likelihood, unlisted.ask.len()), (Some(Likelihood::RealisticPossibility), 1));
}

#[test]
fn a_suspicion_of_the_one_who_moved_makes_a_theft_likely_and_others_do_not() {
    use exfiltrace::model::verdict::Likelihood::{Likely, RealisticPossibility};
    let told = |f: Finding| {
        let told = hc(&[f], &[up("198.51.100.7", GIB)], &whose(""));
        assert_eq!((told.state, told.intrusion), (State::Unexplained, Intrusion::Suspected));
        assert_eq!(cites(&told, "J-84"), told.likelihood == Some(Likely));
        told.likelihood.unwrap()
    };
    let on = |day: &str| {
        let mut f = listed("hc", "10.2.0.5", INTRUDER);
        met_on(&mut f, &[day]);
        told(f)
    };
    assert_eq!([on("2026-03-02"), on("2026-03-03")], [Likely; 2]);
    assert_eq!([on("2026-03-01"), on("2026-03-04")], [RealisticPossibility; 2], "at another time");
    let lesser = |stage, host: &str| {
        let mut f = finding("m", stage, Outcome::Unknown, "", host);
        (f.time.first, f.time.last) = (Some(at("2026-03-02T13:00:00Z")), Some(at("2026-03-02T13:00:00Z")));
        told(f)
    };
    assert_eq!(lesser(Stage::CredentialAccess, "hc-fs01"), Likely);
    assert_eq!(lesser(Stage::CredentialAccess, "hc-dc01"), RealisticPossibility, "another host");
    assert_eq!(lesser(Stage::Discovery, "hc-fs01"), RealisticPossibility, "no more than looking around");
}

#[test]
fn a_bare_account_ties_over_the_rotated_files_of_one_log() {
    let told = |log: &str| {
        let mut hit = finding("f", Stage::LateralMovement, Outcome::Succeeded, "10.2.0.7", "hc-dc01");
        hit.entities.accounts = vec!["ann".to_owned()];
        let mut up = transfer(Route::HttpsUpload, "10.2.0.77", INTRUDER, GIB, 3, &whose(""));
        up.accounts = vec!["ann".to_owned()].into();
        up.seen_by = [Locator::from_encoded("e/fw.log")].into();
        let mut cover = coverage(Vec::new());
        cover.sources[0].observes = vec![Route::HttpsUpload, Route::Network];
        judge(&[shown_by(hit, log)], &[up], &cover, &whose("")).scopes[0].state
    };
    assert_eq!(told("e/fw.log.1.gz"), State::Exfiltrated);
    assert_eq!(told("e/fw-20260301.log"), State::Exfiltrated);
    assert_eq!(told("e/fw2.log"), State::Unexplained, "another log");
}

#[test]
fn what_the_addresses_of_an_intruder_were_served_is_added_up() {
    let state = |bytes| {
        let mut second = way_in(Outcome::Succeeded);
        (second.id, second.entities.sources) = ("in2".to_owned(), vec!["203.0.113.10".to_owned()]);
        let mut other = served(bytes);
        (other.id, other.to) = ("t-2".into(), "203.0.113.10".into());
        hc(&[way_in(Outcome::Succeeded), second], &[served(bytes), other], &whose("")).state
    };
    assert_eq!((state(MIB / 2), state(MIB / 2 - 1)), (State::Exfiltrated, State::Accessed));
}

#[test]
fn bytes_without_a_time_are_not_said_to_have_left_after_the_intrusion() {
    let mut t = served(GIB);
    t.hour_bytes[0] = 9;
    let told = hc(&[way_in(Outcome::Succeeded)], &[t], &whose(""));
    assert_eq!((told.state, cites(&told, "J-14"), cites(&told, "J-10")), (State::CannotTell, true, false));
    let mut none = served(GIB);
    (none.time, none.hours, none.hour_bytes) = (None, Default::default(), Default::default());
    let told = hc(&[way_in(Outcome::Succeeded)], &[none.clone()], &whose(""));
    assert_eq!((told.state, cites(&told, "J-14")), (State::CannotTell, true), "a log without times");
    assert_eq!(hc(&[way_in(Outcome::Failed)], &[none], &whose("")).state, State::Attempted);
}

#[test]
fn what_goes_to_the_intruders_address_is_tied_by_it() {
    let told = |route, bytes, to: &str| {
        let t = transfer(route, "10.2.0.77", to, bytes, 3, &whose(""));
        let told = hc(&[way_in(Outcome::Succeeded)], &[t], &whose(""));
        (told.state, cites(&told, "J-16"))
    };
    assert_eq!(told(Route::HttpsUpload, 2 * MIB, INTRUDER), (State::Exfiltrated, false));
    assert_eq!(told(Route::HttpsUpload, 2 * MIB, "198.51.100.7"), (State::IntrusionOnly, false));
    assert_eq!(told(Route::Network, 2 * MIB, INTRUDER), (State::CannotTell, true), "a session's screen, or data");
    assert_eq!(told(Route::Network, 50 * MIB, INTRUDER), (State::Exfiltrated, false));
}

#[test]
fn the_bytes_of_a_route_are_those_of_its_state_and_at_most_all_that_the_intruder_sent() {
    let entry = whose(
        "[[sanctioned]]\ndestination=['vendor.example']\nhost=['hc-app']\nwhy='w'\n[[host]]\nname='hc-app'\nip=['10.2.0.6']\n",
    );
    let hit = finding("a", Stage::LateralMovement, Outcome::Succeeded, "10.2.0.5", "hc-fs01");
    let mut all = vec![up("198.51.100.7", 60 * MIB), up("198.51.100.8", 3 * MIB), up("198.51.100.9", 70 * MIB)];
    all[2].from = "10.2.0.44".into();
    all.push(transfer(Route::HttpsUpload, "10.2.0.6", "vendor.example", GIB, 3, &entry));
    all.iter_mut().enumerate().for_each(|(n, t)| t.id = format!("t-{n}").into());
    let told = hc(&[hit], &all, &entry);
    let route = told.routes.iter().find(|r| r.route == Route::HttpsUpload).unwrap();
    assert_eq!((route.state, route.bytes.lower), (State::Exfiltrated, 60 * MIB), "not the backup");
    assert_eq!(route.bytes.upper, Some((60 + 3 + 70) * MIB), "with the small one, and with what is unexplained");
    assert!(!route.hosts.contains(&"10.2.0.6".to_owned()));
}

#[test]
fn an_intrusion_without_a_time_is_never_called_watched() {
    let mut hit = way_in(Outcome::Succeeded);
    (hit.time.first, hit.time.last) = (None, None);
    let told = alone(&[hit]);
    assert_eq!((told.state, cites(&told, "J-32"), told.complete), (State::CannotTell, true, false));
}

#[test]
fn an_entry_for_the_destination_that_does_not_match_is_named_with_its_key() {
    let told = |entry: &str| {
        let whose = whose(&format!("[[sanctioned]]\ndestination=['vendor.example']\nwhy='w'\n{entry}"));
        hc(&[], &[transfer(Route::HttpsUpload, "10.2.0.5", "vendor.example", GIB, 3, &whose)], &whose)
    };
    for (entry, key) in [
        ("max_bytes=100", "max_bytes"),
        ("host=['hc-dc01']", "host"),
        ("account=['svc']", "account"),
        ("to='2026-03-02'", "from, to"),
    ] {
        let told = told(entry);
        assert_eq!(told.state, State::Unexplained);
        let text = &told.counter_evidence.iter().find(|r| r.clause == "J-21").unwrap().text;
        assert!(text.contains("rejected") && text.contains(key), "{text}");
    }
}

#[test]
fn a_promise_opens_what_it_would_have_shown_also_for_a_hole_in_the_middle() {
    let promise = whose("[[expect]]\nscope='hc'\nsource='firewall'\nfrom='2026-03-01'\nto='2026-03-30'\n");
    let told = |parts: &[(&str, &str)]| {
        let mut all = coverage(Vec::new());
        let one = all.sources.remove(0);
        for (n, (from, to)) in parts.iter().enumerate() {
            let mut part = one.clone();
            part.source = Locator::from_encoded(&format!("e/fw.log.{n}"));
            (part.from, part.to) = (Some(at(from)), Some(at(to)));
            all.sources.push(part);
        }
        over(&[], &all, &promise)
    };
    let whole = [("2026-03-01T00:00:00Z", "2026-03-10T00:00:00Z"), ("2026-03-10T05:00:00Z", "2026-03-30T00:00:00Z")];
    assert_eq!(told(&whole).state, State::NoEvidence);
    let torn = told(&[whole[0], ("2026-03-15T00:00:00Z", "2026-03-30T00:00:00Z")]);
    assert_eq!(torn.state, State::CannotTell);
    assert!([Route::Smb, Route::SftpFtp, Route::Network].iter().all(|route| torn.open_routes.contains(route)));
    let hole = torn.coverage.gaps.iter().find(|g| g.reason == GapReason::NotDelivered).unwrap();
    assert_eq!((hole.from, hole.to), (Some(at(whole[0].1)), Some(at("2026-03-15T00:00:00Z"))));
}

#[test]
fn what_fits_no_scope_is_not_called_clean_by_logs_that_do_not_speak_of_it() {
    let whose = whose("");
    let mut f = listed("unattributed", "", INTRUDER);
    f.entities.sources.clear();
    f.entities.destinations.clear();
    let mut all = coverage(Vec::new());
    let told = judge(std::slice::from_ref(&f), &[], &all, &whose).scopes.swap_remove(1);
    assert_eq!((&*told.scope, told.state, cites(&told, "J-33")), ("unattributed", State::CannotTell, true));
    let shown = judge(&[shown_by(f, "e/fw.log")], &[], &all, &whose).scopes.swap_remove(1);
    assert_eq!((shown.state, cites(&shown, "J-33")), (State::NoEvidence, false), "the log that shows it speaks of it");
    assert_eq!(judge(&[], &[], &all, &whose).scopes.len(), 1, "nothing fits no scope");
    all.sources[0].scopes.clear();
    all.sources[0].gaps.push(gap(GapReason::Cleared));
    assert_eq!(judge(&[], &[], &all, &whose).scopes[1].state, State::CannotTell, "a cleared log of nobody's");
}

#[test]
fn a_silence_that_no_other_log_fills_opens_the_way_out() {
    let upper = |second: bool| {
        let mut all = coverage(vec![Gap {
            from: Some(at("2026-03-05T00:00:00Z")),
            to: Some(at("2026-03-07T00:00:00Z")),
            ..gap(GapReason::Silent)
        }]);
        if second {
            let mut other = all.sources[0].clone();
            (other.source, other.gaps) = (Locator::from_encoded("e/flow.log"), Vec::new());
            all.sources.push(other);
        }
        let told = judge(&[], &[up("198.51.100.7", 9)], &all, &whose("")).scopes.swap_remove(0);
        let way = told.routes.iter().find(|r| r.route == Route::HttpsUpload).unwrap();
        (told.state, cites(&told, "J-31"), way.bytes.upper)
    };
    assert_eq!(upper(false), (State::CannotTell, true, None));
    assert_eq!(upper(true), (State::NoEvidence, false, Some(9)));
}

#[test]
fn a_promised_log_with_a_hole_is_not_whole() {
    let promise = whose("[[expect]]\nscope='hc'\nsource='firewall'\nfrom='2026-03-01'\nto='2026-03-30'\n");
    let told = |days: (&str, &str)| {
        let hole = Gap { from: Some(at(days.0)), to: Some(at(days.1)), ..gap(GapReason::Silent) };
        over(&[], &coverage(vec![hole]), &promise)
    };
    let holed = told(("2026-03-03T00:00:00Z", "2026-03-21T00:00:00Z"));
    assert_eq!((holed.state, cites(&holed, "J-30"), holed.coverage.adequate), (State::CannotTell, true, false));
    assert!(!cites(&told(("2026-03-03T00:00:00Z", "2026-03-03T12:00:00Z")), "J-30"), "half a day");
}

#[test]
fn logs_without_times_and_what_one_address_reads_from_a_cloud_are_not_nothing() {
    let mut all = coverage(Vec::new());
    (all.sources[0].from, all.sources[0].to) = (None, None);
    let told = over(&[], &all, &whose(""));
    assert_eq!((told.state, cites(&told, "J-39")), (State::CannotTell, true));
    // Some of it has a time; the rest may be of two days.
    let dated = |dates: DatesRead| {
        let mut all = coverage(Vec::new());
        all.sources[0].dates = Some(dates);
        over(&[], &all, &whose(""))
    };
    let undated = dated(DatesRead::default());
    assert_eq!((undated.state, cites(&undated, "J-39")), (State::CannotTell, true));
    let by = |by| dated(DatesRead { day_first: Some(true), by: Some(by), ..DatesRead::default() });
    let rests_on_it =
        |told: &ScopeVerdict| told.confidence_reasons.iter().any(|why| why.contains("order of day and month"));
    assert_eq!((cites(&by(Ground::Sibling), "J-39"), rests_on_it(&by(Ground::Sibling))), (false, true));
    assert!(!rests_on_it(&by(Ground::User)), "the user's word is no assumption");
    let read = |bytes, more: &str| {
        let whose = whose(more);
        let t = transfer(Route::SaasDownload, "hc-bucket", "198.51.100.7", bytes, 3, &whose);
        let told = hc(&[], &[t], &whose);
        (told.state, cites(&told, "J-20"), cites(&told, "J-21"))
    };
    assert_eq!(read(GIB - 1, ""), (State::NoEvidence, false, false));
    assert_eq!(read(GIB, ""), (State::Unexplained, true, false));
    let entry = "[[sanctioned]]\ndestination=['198.51.100.7']\nwhy='backup'\n";
    assert_eq!(read(GIB, entry), (State::NoEvidence, false, true));
}

#[test]
fn a_session_between_own_systems_is_no_way_in() {
    let own = whose("[[scope]]\nname='uni'\ncidr=['130.10.0.0/16']\n");
    let told = |from: &str| {
        let mut f = finding("rdp", Stage::InitialAccess, Outcome::Succeeded, from, "hc-fs01");
        f.route = Some(Route::RemoteAccess);
        let told = hc(&[f], &[], &own);
        (told.intrusion, cites(&told, "J-08"))
    };
    use exfiltrace::model::verdict::Intrusion::{Established, Suspected};
    assert_eq!((told("130.10.1.77"), told(INTRUDER)), ((Suspected, true), (Established, false)));
}

#[test]
fn harm_is_denied_only_by_logs_that_would_show_it() {
    use exfiltrace::model::verdict::Breached::{CannotTell, NoSign, Yes};
    let told = |format: &str, attack: &[&str]| {
        let mut all = coverage(Vec::new());
        all.sources[0].format = format.to_owned();
        let mut f = finding("i", Stage::Impact, Outcome::Succeeded, "", "hc-fs01");
        f.attack = attack.iter().map(ToString::to_string).collect();
        let findings = if attack.is_empty() { Vec::new() } else { vec![f] };
        let breach = over(&findings, &all, &whose("")).breach;
        (breach.integrity, breach.availability)
    };
    assert_eq!(told("kv", &[]), (CannotTell, CannotTell), "a firewall sees no files");
    assert_eq!(told("auditd", &[]), (NoSign, NoSign));
    assert_eq!(told("auditd", &["T1490"]), (CannotTell, Yes), "whoever did this got in");
    assert_eq!(told("auditd", &["T1565.001"]), (Yes, CannotTell));
    assert_eq!(told("auditd", &["T1486"]), (Yes, Yes));
}

#[test]
fn no_code_outside_of_the_judge_knows_a_clause_by_its_name() {
    let named = |text: &str| text.match_indices("\"J-").any(|(at, _)| text.as_bytes()[at + 3].is_ascii_digit());
    let mut folders = vec![crate::support::project("src")];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("judge") {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                seen += 1;
                assert!(!named(&std::fs::read_to_string(&path).unwrap()), "{}", path.display());
            }
        }
    }
    assert!(seen > 50 && named("\"J-11\"") && !named("(\"J-…\""));
}

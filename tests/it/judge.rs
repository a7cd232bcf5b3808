//! Both sides of the judge's clauses, on hand-built findings and transfers; merge properties.

use std::sync::Arc;

use exfiltrace::judge::{CLAUSES, judge};
use exfiltrace::merge;
use exfiltrace::model::coverage::{Coverage, Gap, GapReason, SourceCoverage};
use exfiltrace::model::finding::{
    Entities, Evidence, Finding, FindingIndicator, FindingKind, FindingRule, FindingTime,
};
use exfiltrace::model::hit::{MatchKind, Met};
use exfiltrace::model::ledger::{Entry, EntryKind, Reason};
use exfiltrace::model::partial::{Partial, SourcePartial};
use exfiltrace::model::place::{Locator, Place};
use exfiltrace::model::rule::{Level, Outcome, Route, Stage};
use exfiltrace::model::subject::Subject;
use exfiltrace::model::time::{Instant, Span};
use exfiltrace::model::transfer::{Bounds, Dated, Transfer};
use exfiltrace::model::verdict::{Breached, Intrusion, ScopeVerdict, State};
use exfiltrace::model::whose::Whose;
use exfiltrace::scope;
use proptest::prelude::*;

const SCOPES: &str =
    "[[scope]]\nname='hc'\ncidr=['10.2.0.0/16']\n[[host]]\nname='hc-fs01'\nip=['10.2.0.5']\nscope='hc'\n";
pub const SANCTIONED: &str = "[[sanctioned]]\ndestination=['vendor.example']\nhost=['hc-fs01']\nwhy='backup'\n";
pub const GIB: u64 = 1 << 30;

pub fn at(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

pub fn whose(more: &str) -> Whose {
    scope::compile(&toml::from_str(&format!("{SCOPES}{more}")).unwrap()).unwrap()
}

pub fn finding(id: &str, stage: Stage, outcome: Outcome, from: &str, host: &str) -> Finding {
    let when = Some(at("2026-03-02T10:00:00Z"));
    Finding {
        id: id.to_owned(),
        kind: FindingKind::Rule,
        rule: FindingRule { id: "r".to_owned(), title: "t".to_owned() },
        level: Level::High,
        stage: vec![stage],
        attack: Vec::new(),
        route: None,
        outcome,
        scope: "hc".to_owned(),
        time: FindingTime { first: when, last: when, assumed: None },
        entities: Entities { sources: vec![from.to_owned()], hosts: vec![host.to_owned()], ..Entities::default() },
        count: 1,
        omitted: 0,
        evidence: Vec::new(),
        met: Vec::new(),
        shares: Vec::new(),
        data: Vec::new(),
        joined: Vec::new(),
        indicator: None,
        links: Vec::new(),
        chain: None,
        text: "t".to_owned(),
    }
}

pub fn transfer(route: Route, from: &str, to: &str, bytes: u64, day: u32, whose: &Whose) -> Transfer {
    let first = at(&format!("2026-03-{day:02}T12:00:00Z"));
    let mut t = Transfer {
        id: "t-1".into(),
        scope: "hc".into(),
        route,
        from: from.into(),
        to: to.into(),
        to_names: Default::default(),
        accounts: Default::default(),
        bytes: Bounds::exact(bytes),
        records: 1,
        time: Some(Span::at(first)),
        hours: vec![first.hour()].into(),
        hour_bytes: vec![bytes].into(),
        dated: Default::default(),
        data: Default::default(),
        joined: Default::default(),
        passed_on: None,
        apart: None,
        seen_by: [Locator::from_encoded("e/fw.log")].into(),
        evidence: Default::default(),
        partly_named: false,
        sanctioned: None,
    };
    t.sanctioned = whose.sanction(&t).map(|s| s.why.as_str().into());
    t
}

pub fn coverage(gaps: Vec<Gap>) -> Coverage {
    let source = SourceCoverage {
        source: Locator::from_encoded("e/fw.log"),
        format: "kv".to_owned(),
        holds: Vec::new(),
        scopes: vec!["hc".to_owned()],
        from: Some(at("2026-03-01T00:00:00Z")),
        to: Some(at("2026-03-31T00:00:00Z")),
        records: 9,
        untimed: 0,
        is_doubtful: false,
        zone_assumed: 0,
        year_assumed: 0,
        dates: None,
        clock: exfiltrace::model::clock::ClockTold::default(),
        gaps,
        lacking: None,
        observes: vec![Route::HttpsUpload, Route::WebResponse, Route::Network],
        not_logged: Vec::new(),
        unlogged: Vec::new(),
        unread: Vec::new(),
    };
    Coverage {
        schema: String::new(),
        sources: vec![source],
        gaps: Vec::new(),
        referred: Vec::new(),
        correlations: Vec::new(),
        skews: Vec::new(),
        hits_only: false,
    }
}

pub fn hc(findings: &[Finding], transfers: &[Transfer], whose: &Whose) -> ScopeVerdict {
    judge(findings, transfers, &coverage(Vec::new()), whose).scopes.swap_remove(0)
}

pub fn cites(verdict: &ScopeVerdict, clause: &str) -> bool {
    verdict.reasons.iter().chain(&verdict.counter_evidence).any(|r| r.clause == clause)
}

#[test]
fn nothing_is_no_evidence_and_noise_stays_so() {
    let whose = whose("");
    assert_eq!(hc(&[], &[], &whose).state, State::NoEvidence);
    let mut noise = finding("f", Stage::Discovery, Outcome::Failed, "203.0.113.9", "hc-web");
    noise.level = Level::Medium;
    let told = hc(&[noise], &[], &whose);
    assert_eq!((told.state, cites(&told, "J-05")), (State::NoEvidence, true));
}

#[test]
fn a_failed_attack_is_attempted_and_a_successful_one_intrusion() {
    let whose = whose("");
    let tried = hc(&[finding("f", Stage::InitialAccess, Outcome::Failed, "203.0.113.9", "hc-web")], &[], &whose);
    assert_eq!((tried.state, tried.intrusion), (State::Attempted, Intrusion::NoneSeen));
    let done = hc(&[finding("f", Stage::InitialAccess, Outcome::Succeeded, "203.0.113.9", "hc-web")], &[], &whose);
    assert_eq!((done.state, done.intrusion), (State::IntrusionOnly, Intrusion::Established));
}

#[test]
fn what_was_served_to_the_intruder_left_and_to_others_not() {
    let whose = whose("");
    let hit = [finding("f", Stage::InitialAccess, Outcome::Succeeded, "203.0.113.9", "hc-web")];
    let state =
        |to, bytes, day| hc(&hit, &[transfer(Route::WebResponse, "10.2.0.8", to, bytes, day, &whose)], &whose).state;
    assert_eq!(state("203.0.113.9", GIB, 2), State::Exfiltrated);
    assert_eq!(state("203.0.113.9", 100 << 10, 2), State::Accessed);
    assert_eq!(state("203.0.113.9", 1 << 10, 2), State::IntrusionOnly);
    assert_eq!(state("198.51.100.1", GIB, 2), State::IntrusionOnly, "another client");
    assert_eq!(state("203.0.113.9", GIB, 1), State::IntrusionOnly, "before the intrusion");
}

#[test]
fn what_an_attacker_was_served_counts_from_its_attack_on() {
    let whose = whose("");
    let served = Transfer {
        time: Some(Span { first: at("2026-03-02T12:01:00Z"), last: at("2026-03-02T12:40:00Z") }),
        dated: vec![Dated::new(
            (at("2026-03-02T12:01:00Z"), at("2026-03-02T12:01:00Z")),
            Box::default(),
            Box::default(),
        )]
        .into(),
        ..transfer(Route::WebResponse, "10.2.0.8", "203.0.113.9", GIB, 2, &whose)
    };
    let told = |attack: &str, from: &str| {
        let mut done = finding("f", Stage::InitialAccess, Outcome::Succeeded, "203.0.113.9", "hc-web");
        let mut tried = finding("g", Stage::InitialAccess, Outcome::Failed, from, "hc-web");
        tried.level = Level::Medium;
        for (f, time) in [(&mut done, "2026-03-02T12:10:00Z"), (&mut tried, attack)] {
            f.time = FindingTime { first: Some(at(time)), last: Some(at(time)), assumed: None };
        }
        hc(&[done, tried], std::slice::from_ref(&served), &whose).state
    };
    assert_eq!(told("2026-03-02T12:00:30Z", "203.0.113.9"), State::Exfiltrated);
    assert_eq!(told("2026-03-02T12:02:00Z", "203.0.113.9"), State::Exfiltrated, "clocks differ so much");
    assert_eq!(told("2026-03-02T12:02:01Z", "203.0.113.9"), State::CannotTell, "after the first answer");
    assert_eq!(told("2026-03-02T12:00:30Z", "203.0.113.8"), State::CannotTell, "another attacker");
}

#[test]
fn an_upload_is_judged_by_intrusion_sanction_and_size() {
    let open = whose("");
    let entry = whose(SANCTIONED);
    let hit = [finding("f", Stage::CredentialAccess, Outcome::Succeeded, "10.2.0.5", "HC-FS01.hc.example")];
    let told = |findings: &[Finding], bytes, whose: &Whose| {
        hc(findings, &[transfer(Route::HttpsUpload, "10.2.0.5", "eu.vendor.example", bytes, 3, whose)], whose)
    };
    assert_eq!(told(&hit, 3 * GIB, &open).state, State::Exfiltrated);
    let rejected = told(&hit, 3 * GIB, &entry);
    assert_eq!((rejected.state, cites(&rejected, "J-22")), (State::Exfiltrated, true));
    let asked = told(&[], 3 * GIB, &open);
    assert_eq!((asked.state, asked.ask.len()), (State::Unexplained, 1));
    let explained = told(&[], 3 * GIB, &entry);
    assert_eq!((explained.state, cites(&explained, "J-21")), (State::NoEvidence, true));
    assert_eq!(told(&[], 1 << 20, &open).state, State::NoEvidence, "everyday upload");
    let staged = [finding("f", Stage::Staging, Outcome::Succeeded, "10.2.0.5", "hc-fs01")];
    assert_eq!(told(&staged, 3 * GIB, &open).state, State::Unexplained, "packing alone proves no intrusion");
    assert_eq!(told(&staged, 3 * GIB, &entry).state, State::NoEvidence);
}

#[test]
fn gaps_and_broken_promises_cannot_tell() {
    let kept = whose("[[expect]]\nscope='hc'\nsource='firewall'\nfrom='2026-03-01'\nto='2026-03-31'\n");
    assert_eq!(hc(&[], &[], &kept).state, State::NoEvidence);
    let broken = whose("[[expect]]\nscope='hc'\nsource='dns'\n");
    let told = hc(&[], &[], &broken);
    assert_eq!((told.state, told.open_routes.clone()), (State::CannotTell, vec![Route::DnsTunnel]));
    for reason in [GapReason::Cleared, GapReason::NumbersMissing] {
        let gap = Gap { source: "e/fw.log".to_owned(), from: None, to: None, reason, log: None };
        let cleared = judge(&[], &[], &coverage(vec![gap]), &kept);
        assert_eq!((cleared.overall.state, cleared.overall.complete), (State::CannotTell, false));
    }
}

#[test]
fn a_blocked_exit_by_a_grave_rule_shows_intrusion() {
    let whose = whose("");
    let exit = |from: &str, to: &str, level| {
        let mut f = finding("f", Stage::CommandAndControl, Outcome::Failed, from, "hc-fs01");
        f.entities.destinations = vec![to.to_owned()];
        f.level = level;
        hc(&[f], &[], &whose)
    };
    let blocked = exit("10.2.0.5", "203.0.113.9", Level::High);
    assert_eq!((blocked.intrusion, cites(&blocked, "J-02")), (Intrusion::Established, true));
    let inbound = exit("203.0.113.9", "10.2.0.5", Level::High);
    assert_eq!((inbound.intrusion, inbound.state), (Intrusion::NoneSeen, State::Attempted));
    assert!(!cites(&exit("10.2.0.5", "203.0.113.9", Level::Medium), "J-02"));
}

pub fn listed(scope: &str, from: &str, to: &str) -> Finding {
    let mut f = finding("i", Stage::CommandAndControl, Outcome::Unknown, from, "");
    f.kind = FindingKind::Indicator;
    f.scope = scope.to_owned();
    f.entities.hosts.clear();
    f.entities.destinations = vec![to.to_owned()];
    met_on(&mut f, &["2026-03-02"]);
    f
}

/// Has the ends of an indicator's finding meet on these days.
pub fn met_on(f: &mut Finding, days: &[&str]) {
    let end = |list: &[String]| list.first().map(|text| text.as_str().into());
    let who = Subject {
        source_ip: end(&f.entities.sources),
        destination_ip: end(&f.entities.destinations),
        account: end(&f.entities.accounts),
        ..Subject::default()
    };
    let day = |day: &&str| i32::try_from(at(&format!("{day}T00:00:00Z")).day()).unwrap();
    f.met =
        vec![Met { who, outcome: f.outcome, days: days.iter().map(day).collect(), count: 1, span: None, untimed: 0 }];
}

#[test]
fn a_listed_value_is_a_suspicion_outward_and_an_attempt_inward() {
    let whose = whose("");
    let out = hc(&[listed("hc", "10.2.0.5", "203.0.113.9")], &[], &whose);
    assert_eq!((out.intrusion, cites(&out, "J-03")), (Intrusion::Suspected, true));
    let inward = hc(&[listed("hc", "203.0.113.9", "10.2.0.5")], &[], &whose);
    assert_eq!((inward.intrusion, inward.state), (Intrusion::NoneSeen, State::Attempted));
    assert_eq!((cites(&inward, "J-03"), cites(&inward, "J-04")), (false, true));
}

#[test]
fn the_words_of_a_listed_contact_follow_the_kind_of_what_is_listed() {
    let whose = whose("");
    let met = |kind: &str, value: &str, from: &str, to: &str| {
        let mut f = listed("hc", from, to);
        f.indicator = Some(indicator(kind, value));
        hc(&[f, refused_by(from)], &[], &whose)
    };
    let inward = |kind, value| met(kind, value, "203.0.113.9", "10.2.0.5");
    let text = |told: &ScopeVerdict, clause: &str| {
        told.reasons.iter().find(|r| r.clause == clause).map(|r| r.text.clone()).unwrap_or_default()
    };
    let of_lists = "of the indicator lists";
    for (kind, value) in [("ipv4", "203.0.113.9"), ("cidr", "203.0.113.0/24")] {
        let told = inward(kind, value);
        assert_eq!(text(&told, "J-04"), format!("1 finding shows contact from addresses {of_lists}"));
        assert!(text(&told, "J-07").contains("attacks from addresses"), "{kind}");
    }
    for (kind, value, words) in
        [("keyword", "x", "keywords"), ("ipv4", "198.51.100.1", "addresses"), ("md5", "0", "digests")]
    {
        let told = inward(kind, value);
        assert_eq!(text(&told, "J-04"), format!("1 finding shows contact with {words} {of_lists} in its record"));
        assert!(!cites(&told, "J-07"), "{kind}: the attacker itself is not listed");
    }
    let outward = |kind, value| text(&met(kind, value, "10.2.0.5", "203.0.113.9"), "J-03");
    assert!(outward("domain", "evil.example").contains("contact from inside with values"));
    assert!(
        outward("user_agent", "x")
            .contains("contact from inside with user agents of the indicator lists in its record")
    );
}

/// An indicator of a feed without more.
pub fn indicator(kind: &str, value: &str) -> FindingIndicator {
    FindingIndicator {
        value: value.to_owned(),
        kind: kind.to_owned(),
        how: MatchKind::Exact,
        feed: "feed".to_owned(),
        confidence: None,
        valid_from: None,
        valid_until: None,
        outside_validity: false,
        labels: Vec::new(),
        warninglists: Vec::new(),
        weak: None,
        saturating: false,
    }
}

/// One refused attack of level medium.
fn refused_by(from: &str) -> Finding {
    let mut f = finding("r", Stage::InitialAccess, Outcome::Failed, from, "hc-web");
    f.level = Level::Medium;
    f
}

#[test]
fn credentials_are_reached_only_where_a_technique_takes_them() {
    let told = |ids: &[&str]| {
        let mut f = finding("f", Stage::CredentialAccess, Outcome::Succeeded, "10.2.0.5", "hc-fs01");
        f.attack = ids.iter().map(ToString::to_string).collect();
        hc(&[f], &[], &whose(""))
    };
    for taken in [&["T1003.001"][..], &["T1112", "T1552.001"], &["T1558.003"], &["T1555"], &[]] {
        let told = told(taken);
        assert_eq!((told.state, cites(&told, "J-13")), (State::Accessed, true), "{taken:?}");
    }
    for not in [&["T1112"][..], &["T1110.001", "T1078"], &["T1621"], &["T1556.006"], &["T1558.001"], &["T1187"]] {
        let told = told(not);
        assert_eq!((told.state, cites(&told, "J-13")), (State::IntrusionOnly, false), "{not:?}");
        assert_eq!((told.intrusion, told.breach.confidentiality), (Intrusion::Established, Breached::NoSign));
    }
}

#[test]
fn what_was_served_is_claimed_for_each_address_by_itself() {
    let whose = whose("");
    let told = |to: &[(&str, u64)]| {
        let of = |at: &str| finding(at, Stage::InitialAccess, Outcome::Succeeded, at, "hc-web");
        let found: Vec<Finding> = to.iter().map(|(at, _)| of(at)).collect();
        let served: Vec<Transfer> = to
            .iter()
            .map(|(at, bytes)| Transfer {
                id: format!("t-{at}").as_str().into(),
                ..transfer(Route::WebResponse, "10.2.0.8", at, *bytes, 2, &whose)
            })
            .collect();
        hc(&found, &served, &whose)
    };
    let claims = |told: &ScopeVerdict, clause: &str| -> Vec<String> {
        told.reasons.iter().filter(|r| r.clause == clause).map(|r| r.text.clone()).collect()
    };
    let (a, b, c) = ("203.0.113.9", "203.0.113.8", "203.0.113.7");
    let much = told(&[(a, GIB), (b, 384)]);
    assert_eq!((claims(&much, "J-10").len(), claims(&much, "J-12").len()), (1, 0));
    let web = much.routes.iter().find(|r| r.route == Route::WebResponse).unwrap();
    assert_eq!((&web.destinations[..], web.bytes.lower), (&[a.to_owned()][..], GIB));
    let both = told(&[(a, GIB), (b, 70 << 10), (c, 384)]);
    assert_eq!((claims(&both, "J-10").len(), claims(&both, "J-12").len()), (1, 1));
    let together = told(&[(a, 600 << 10), (b, 600 << 10)]);
    let text = format!("served to the intruder: at least {} bytes together, to 2 addresses of it", 1200 << 10);
    assert_eq!((together.state, claims(&together, "J-10")), (State::Exfiltrated, vec![text]));
    assert_eq!(told(&[(a, 40 << 10), (b, 23 << 10)]).state, State::IntrusionOnly);
}

#[test]
fn data_and_a_listed_contact_of_one_host_show_intrusion_together() {
    let whose = whose("");
    let packed = finding("f", Stage::Staging, Outcome::Succeeded, "", "hc-fs01");
    let told = |contact: Finding, data: &Finding| hc(&[data.clone(), contact], &[], &whose);
    let both = told(listed("hc", "10.2.0.5", "203.0.113.9"), &packed);
    assert_eq!((both.state, both.intrusion), (State::Accessed, Intrusion::Established));
    assert!(cites(&both, "J-06"));
    let open = |told: ScopeVerdict| (told.intrusion != Intrusion::Established) && !cites(&told, "J-06");
    assert!(open(told(listed("hc", "10.2.0.6", "203.0.113.9"), &packed)), "another host");
    let mut late = listed("hc", "10.2.0.5", "203.0.113.9");
    met_on(&mut late, &["2026-03-04"]);
    assert!(open(told(late, &packed)), "days apart");
    let mut around = listed("hc", "10.2.0.5", "203.0.113.9");
    (around.time.first, around.time.last) = (Some(at("2026-02-15T10:00:00Z")), Some(at("2026-03-15T10:00:00Z")));
    met_on(&mut around, &["2026-02-15", "2026-03-15"]);
    assert!(open(told(around, &packed)), "long before and long after");
    let mut inbound = listed("hc", "203.0.113.9", "10.2.0.5");
    inbound.outcome = Outcome::Succeeded;
    met_on(&mut inbound, &["2026-03-02"]);
    assert!(open(told(inbound.clone(), &packed)), "a visit");
    let mut by_account = packed.clone();
    by_account.entities.accounts = vec!["HC\\ann".to_owned()];
    inbound.entities.accounts = vec!["ann@hc".to_owned()];
    met_on(&mut inbound, &["2026-03-02"]);
    assert!(!open(told(inbound, &by_account)), "a logon of the account that packed");
    let mut lesser = packed.clone();
    lesser.level = Level::Medium;
    assert!(open(told(listed("hc", "10.2.0.5", "203.0.113.9"), &lesser)), "a lesser rule");
}

#[test]
fn a_contact_shared_by_scopes_is_judged_under_them_and_not_apart() {
    let whose = whose("[[scope]]\nname='rv'\ncidr=['10.1.0.0/16']\n");
    let mut f = listed("unattributed", "203.0.113.9", "10.2.0.5");
    f.entities.destinations.push("10.1.0.5".to_owned());
    let told = judge(&[f.clone()], &[], &coverage(Vec::new()), &whose);
    assert_eq!(told.scopes.iter().map(|s| &*s.scope).collect::<Vec<_>>(), ["hc", "rv"]);
    assert!(told.scopes.iter().all(|s| cites(s, "J-04")));
    f.entities.destinations.clear();
    assert_eq!(judge(&[f], &[], &coverage(Vec::new()), &whose).scopes[2].scope, "unattributed");
}

#[test]
fn a_small_upload_left_only_where_findings_name_its_destination() {
    let whose = whose("");
    let mut hit = finding("f", Stage::CredentialAccess, Outcome::Succeeded, "10.2.0.5", "hc-fs01");
    hit.stage = vec![Stage::LateralMovement];
    let up = [transfer(Route::HttpsUpload, "hc-fs01", "203.0.113.9", 2 << 20, 3, &whose)];
    let state = |to: &str| hc(&[hit.clone(), listed("hc", "10.2.0.5", to)], &up, &whose).state;
    assert_eq!(state("203.0.113.9"), State::Exfiltrated);
    assert_eq!(state("203.0.113.8"), State::IntrusionOnly);
    let less = [transfer(Route::HttpsUpload, "hc-fs01", "203.0.113.9", (1 << 20) - 1, 3, &whose)];
    let told = hc(&[hit.clone(), listed("hc", "10.2.0.5", "203.0.113.9")], &less, &whose);
    assert_eq!(told.state, State::IntrusionOnly, "under 1 MiB");
    let late = [transfer(Route::HttpsUpload, "hc-fs01", "203.0.113.9", 2 << 20, 3, &whose)].map(|mut t| {
        t.time = Some(Span::at(at("2026-05-03T12:00:00Z")));
        t
    });
    let late = hc(&[hit, listed("hc", "10.2.0.5", "203.0.113.9")], &late, &whose);
    assert_eq!((late.state, cites(&late, "J-25")), (State::Unexplained, true), "too late to be tied");
}

#[test]
fn bytes_before_the_intrusion_do_not_count_as_left() {
    let whose = whose("");
    let hit = [finding("f", Stage::InitialAccess, Outcome::Succeeded, "203.0.113.9", "hc-web")];
    let mut t = transfer(Route::WebResponse, "10.2.0.8", "203.0.113.9", GIB, 2, &whose);
    let sign = at("2026-03-02T10:00:00Z").hour();
    (t.hours, t.hour_bytes) = (vec![sign - 1, sign].into(), vec![GIB - (100 << 10), 100 << 10].into());
    let told = hc(&hit, &[t], &whose);
    let web = told.routes.iter().find(|r| r.route == Route::WebResponse).unwrap();
    assert_eq!((web.state, web.disclosed, web.bytes.lower), (State::Accessed, true, 100 << 10));
}

#[test]
fn the_first_time_is_told_no_better_than_the_records_kept_tell() {
    let whose = whose("");
    let time = |text: &str| at(&format!("2026-03-02T{text}:00Z"));
    let mut t = transfer(Route::WebResponse, "10.2.0.8", "203.0.113.9", GIB, 2, &whose);
    t.time = Some(Span { first: time("10:05"), last: time("11:50") });
    (t.hours, t.hour_bytes) =
        (["10:00", "11:00"].map(|text| time(text).hour()).to_vec().into(), vec![GIB / 2; 2].into());
    let records = ["10:20", "10:40"].map(|text| (Span { first: time(text), last: time(text) }, GIB / 4)).into();
    t.dated = vec![
        Dated::new((time("10:05"), time("10:59")), records, Box::default()),
        Dated::new((time("11:10"), time("11:10")), Box::default(), Box::default()),
    ]
    .into();
    let first = |since: &str| t.first_since(time(since)).map(|first| (first.earliest, first.known));
    let between = |earliest: &str, known: &str| Some((time(earliest), time(known)));
    assert_eq!((first("09:30"), first("10:05")), (between("10:05", "10:05"), between("10:05", "10:05")));
    assert_eq!((first("10:30"), first("10:45")), (between("10:30", "10:40"), between("10:45", "11:10")));
    assert_eq!((first("11:00"), first("11:20")), (between("11:10", "11:10"), between("11:20", "11:50")));
    assert_eq!((first("11:50"), first("11:51")), (between("11:50", "11:50"), None));
    let mut hit = finding("f", Stage::InitialAccess, Outcome::Succeeded, "203.0.113.9", "hc-web");
    let mut told = |since: &str| {
        hit.time.first = Some(time(since));
        let told = hc(std::slice::from_ref(&hit), std::slice::from_ref(&t), &whose);
        let web = told.routes.iter().find(|r| r.route == Route::WebResponse).unwrap();
        (web.state, web.first, web.first_possible)
    };
    let at = |text: &str| Some(time(text));
    assert_eq!(told("10:30"), (State::Exfiltrated, at("10:40"), at("10:30")));
    assert_eq!(told("10:05"), (State::Exfiltrated, at("10:05"), None));
}

/// A connection test before the intrusion is in no figure of what came after it, in its own hour too.
#[test]
fn what_was_over_before_the_intrusion_is_no_part_of_the_most_that_left_after_it() {
    let whose = whose("");
    let time = |text: &str| at(&format!("2026-03-02T{text}:00Z"));
    let hit = finding("f", Stage::LateralMovement, Outcome::Succeeded, "10.2.0.5", "hc-fs01");
    let most = |first: (&str, &str, u64)| {
        let mut hit = hit.clone();
        (hit.time.first, hit.time.last) = (Some(time("12:30")), Some(time("12:30")));
        let mut t = transfer(Route::HttpsUpload, "10.2.0.5", "198.51.100.20", GIB + first.2, 2, &whose);
        t.time = Some(Span { first: time(first.0), last: time("12:55") });
        let records = [first, ("12:40", "12:55", GIB)];
        let records = records.map(|(begun, over, bytes)| (Span { first: time(begun), last: time(over) }, bytes));
        t.dated = vec![Dated::new((time(first.0), time("12:55")), records.into(), Box::default())].into();
        let told = hc(&[hit], &[t], &whose);
        let route = told.routes.iter().find(|r| r.route == Route::HttpsUpload).unwrap();
        assert_eq!((route.state, route.bytes.lower, route.first), (State::Exfiltrated, GIB, Some(time("12:40"))));
        route.bytes.upper.unwrap() - GIB
    };
    assert_eq!(most(("12:05", "12:05", 1020)), 0);
    assert_eq!(most(("12:05", "12:06", GIB)), 0, "it says how long it took");
    assert_eq!(most(("12:05", "12:05", GIB)), GIB, "it may have gone on");
    assert_eq!(most(("12:05", "12:35", 1020)), 1020, "it did");
    assert_eq!(most(("12:29", "12:29", 1020)), 1020, "by another clock it may be later");
}

#[test]
fn data_reached_counts_as_accessed_only_with_intrusion_and_success() {
    let whose = whose("");
    let way_in = finding("a", Stage::InitialAccess, Outcome::Succeeded, "203.0.113.9", "hc-fs01");
    let read = |outcome| finding("b", Stage::Collection, outcome, "", "hc-fs01");
    let told = hc(&[way_in.clone(), read(Outcome::Succeeded)], &[], &whose);
    assert_eq!((told.state, cites(&told, "J-13")), (State::Accessed, true));
    let failed = hc(&[way_in.clone(), read(Outcome::Failed)], &[], &whose);
    assert_eq!((failed.state, cites(&failed, "J-13")), (State::IntrusionOnly, false));
    let unknown = hc(&[way_in, read(Outcome::Unknown)], &[], &whose);
    assert_eq!((unknown.state, cites(&unknown, "J-37")), (State::CannotTell, true), "the log does not say");
}

#[test]
fn an_upload_is_unexplained_by_its_busiest_day() {
    let whose = whose("");
    let state = |hours: [i64; 2]| {
        let mut t = transfer(Route::HttpsUpload, "10.2.0.5", "203.0.113.9", 60 << 20, 3, &whose);
        (t.hours, t.hour_bytes) = (hours.to_vec().into(), vec![40 << 20, 20 << 20].into());
        hc(&[], &[t], &whose).state
    };
    assert_eq!(state([500_000, 500_023]), State::Unexplained);
    assert_eq!(state([500_000, 500_024]), State::NoEvidence);
}

/// Uploads of so many bytes, each to another destination, `apart` hours after the one before.
pub fn uploads(to: &[String], bytes: u64, apart: i64, whose: &Whose) -> Vec<Transfer> {
    let mut all: Vec<Transfer> =
        to.iter().map(|to| transfer(Route::HttpsUpload, "10.2.0.5", to, bytes, 3, whose)).collect();
    for (n, t) in all.iter_mut().enumerate() {
        t.id = format!("t-{n}").into();
        t.hours[0] += n as i64 * apart;
    }
    all
}

#[test]
fn what_moves_slowly_or_to_many_names_and_addresses_is_added_up() {
    let whose = whose("");
    let told = |to: &[String], bytes, apart| hc(&[], &uploads(to, bytes, apart, &whose), &whose);
    let state = |to: &[String], bytes, apart| told(to, bytes, apart).state;
    let same = |n| vec!["203.0.113.9".to_owned(); n];
    let mib = 1 << 20;
    assert_eq!(state(&same(30), 49 * mib, 24), State::Unexplained, "49 MiB a day");
    assert_eq!(state(&same(10), 49 * mib, 24), State::NoEvidence, "under 500 MiB in all");
    let hosts = |n: u32| (0..n).map(|n| format!("s{n}.drop.example")).collect::<Vec<_>>();
    assert_eq!(state(&hosts(2), 25 * mib, 0), State::Unexplained, "one registered domain");
    assert_eq!(state(&hosts(2), 25 * mib - 1, 0), State::NoEvidence);
    let many = |n: u32| (0..n).map(|n| format!("203.0.113.{n}")).collect::<Vec<_>>();
    let spread = told(&many(50), 4 * mib, 0);
    assert_eq!((spread.state, spread.ask.len()), (State::Unexplained, 1), "200 MiB a day by one way out");
    assert_eq!(state(&many(49), 4 * mib, 0), State::NoEvidence);
    assert_eq!(state(&many(128), 8 * mib, 24), State::Unexplained, "1 GiB in all");
    assert_eq!(state(&many(127), 8 * mib, 24), State::NoEvidence);
    let hit = [finding("f", Stage::CredentialAccess, Outcome::Succeeded, "10.2.0.5", "hc-fs01")];
    let left = hc(&hit, &uploads(&many(50), 4 * mib, 0, &whose), &whose);
    assert_eq!((left.state, cites(&left, "J-11")), (State::Exfiltrated, true));
    let mut named = hit[0].clone();
    named.entities.destinations = vec!["203.0.113.1".to_owned()];
    let less = hc(&[named], &uploads(&many(49), mib / 2, 0, &whose), &whose);
    assert!(!cites(&less, "J-11"), "what findings name is one destination and not all");
}

#[test]
fn names_asked_for_are_unexplained_by_their_bytes() {
    let whose = whose("");
    let told = |bytes| {
        let up = transfer(Route::DnsTunnel, "10.2.0.5", "evil.example", bytes, 3, &whose);
        let told = hc(&[], &[up], &whose);
        (told.state, cites(&told, "J-24"))
    };
    assert_eq!(told(1 << 20), (State::Unexplained, true));
    assert_eq!(told((1 << 20) - 1), (State::NoEvidence, false));
}

#[test]
fn a_route_shows_all_that_left_by_it() {
    let whose = whose("");
    let told = hc(&[], &[transfer(Route::Email, "10.2.0.5", "203.0.113.9", 7, 3, &whose)], &whose);
    let email = told.routes.iter().find(|r| r.route == Route::Email).unwrap();
    assert_eq!((email.state, email.bytes), (State::NoEvidence, Bounds::exact(7)));
    assert_eq!(email.first, Some(at("2026-03-03T12:00:00Z")));
    assert_eq!(told.activity.first, None, "movement is no sign");
}

#[test]
fn bytes_of_the_hour_of_the_intrusion_that_have_no_time_leave_the_route_open() {
    let whose = whose("");
    let mut hit = finding("f", Stage::InitialAccess, Outcome::Succeeded, "203.0.113.9", "hc-web");
    (hit.time.first, hit.time.last) = (Some(at("2026-03-02T12:30:00Z")), Some(at("2026-03-02T12:30:00Z")));
    let told = |records: Vec<(Instant, u64)>, begins: &str| {
        let mut t = transfer(Route::WebResponse, "10.2.0.8", "203.0.113.9", GIB, 2, &whose);
        t.time = Some(Span { first: at(begins), last: at("2026-03-02T12:59:00Z") });
        let records = records.into_iter().map(|(at, bytes)| (Span { first: at, last: at }, bytes)).collect();
        t.dated = vec![Dated::new((at(begins), at(begins)), records, Box::default())].into();
        let told = hc(std::slice::from_ref(&hit), &[t], &whose);
        (told.state, cites(&told, "J-14"), told.complete)
    };
    assert_eq!(told(vec![], "2026-03-02T12:30:00Z"), (State::Exfiltrated, false, true));
    assert_eq!(told(vec![(at("2026-03-02T12:10:00Z"), GIB)], "2026-03-02T12:10:00Z"), (State::CannotTell, true, false));
    let later = vec![(at("2026-03-02T12:40:00Z"), GIB / 2)];
    assert_eq!(told(later, "2026-03-02T12:10:00Z"), (State::Exfiltrated, false, true));
}

/// Evidence in a log.
pub fn shown_by(mut f: Finding, log: &str) -> Finding {
    let place = Place { offset: 0, length: 9, line: None, record: None, event_record_id: None, in_doubt: false };
    let source = Locator::from_encoded(log);
    f.evidence = vec![Evidence { source, place, sha256: String::new(), excerpt: String::new() }];
    f
}

#[test]
fn a_bare_account_ties_within_one_log_only_and_a_name_in_a_web_request_never() {
    let whose = whose("");
    let told = |account: &str, log: &str, by: &str| {
        let mut hit = finding("f", Stage::LateralMovement, Outcome::Succeeded, "10.2.0.7", "hc-dc01");
        hit.entities.accounts = vec![account.to_owned()];
        let mut up = transfer(Route::HttpsUpload, "10.2.0.77", "203.0.113.9", GIB, 3, &whose);
        up.accounts = vec![by.to_owned()].into();
        let mut cover = coverage(Vec::new());
        cover.sources[0].observes = vec![Route::HttpsUpload, Route::Network];
        let mut web = cover.sources[0].clone();
        (web.source, web.observes) = (Locator::from_encoded("e/web.log"), vec![Route::WebResponse]);
        cover.sources.push(web);
        judge(&[shown_by(hit, log)], &[up], &cover, &whose).scopes[0].state
    };
    assert_eq!(told("admin", "e/auth.log", "admin"), State::Unexplained);
    assert_eq!(told("HC\\admin", "e/auth.log", "admin"), State::Unexplained);
    assert_eq!(told("admin", "e/fw.log", "admin"), State::Exfiltrated, "one log");
    assert_eq!(told("HC\\admin", "e/auth.log", "admin@hc.example"), State::Exfiltrated, "one realm");
    assert_eq!(told("HC\\admin", "e/web.log", "HC\\admin"), State::Unexplained, "made up by the client");
}

#[test]
fn a_log_without_the_bytes_that_leave_opens_its_routes_unless_another_states_them() {
    let whose = whose("");
    let told = |unlogged: &[Route], other: bool, shown: bool| {
        let mut all = coverage(Vec::new());
        if other {
            let mut second = all.sources[0].clone();
            second.source = Locator::from_encoded("e/flow.log");
            all.sources.push(second);
        }
        all.sources[0].unlogged = unlogged.to_vec();
        let hit = finding("f", Stage::InitialAccess, Outcome::Succeeded, "203.0.113.9", "hc-web");
        let told = judge(if shown { std::slice::from_ref(&hit) } else { &[] }, &[], &all, &whose).scopes.swap_remove(0);
        carried(&told);
        let open = told.routes.iter().filter(|r| unlogged.contains(&r.route)).all(|r| r.bytes.upper.is_none());
        (told.state, cites(&told, "J-35"), open)
    };
    assert_eq!(told(&[Route::HttpsUpload], false, false), (State::CannotTell, true, true));
    assert_eq!(told(&[Route::HttpsUpload], true, false), (State::NoEvidence, false, false));
    assert_eq!(told(&[Route::WebResponse], false, false), (State::NoEvidence, false, true), "served to nobody known");
    assert_eq!(told(&[Route::WebResponse], false, true), (State::CannotTell, true, true));
}

#[test]
fn what_a_remote_session_showed_is_open_where_it_is_an_intruders() {
    let whose = whose("");
    let told = |from: &str, outcome| {
        let mut session = finding("f", Stage::InitialAccess, outcome, from, "hc-fs01");
        session.route = Some(Route::RemoteAccess);
        let mut all = coverage(Vec::new());
        all.sources[0].observes.push(Route::RemoteAccess);
        let told = judge(&[session], &[], &all, &whose).scopes.swap_remove(0);
        (cites(&told, "J-36"), told.open_routes)
    };
    assert_eq!(told("203.0.113.9", Outcome::Succeeded), (true, vec![Route::RemoteAccess]));
    assert_eq!(told("203.0.113.9", Outcome::Failed), (false, vec![]));
    assert_eq!(told("10.2.0.7", Outcome::Succeeded), (false, vec![]), "administrators work that way");
}

#[test]
fn what_a_container_lost_counts_beside_the_leaf_of_its_name() {
    let lost = |scopes: &[&str], whose: &Whose| {
        let mut all = coverage(Vec::new());
        all.sources[0].source = Locator::from_encoded("e/fw.log.gz");
        all.sources[0].scopes = scopes.iter().map(ToString::to_string).collect();
        all.gaps.push(Gap {
            source: "e/fw.log.gz".to_owned(),
            from: None,
            to: None,
            reason: GapReason::NotRead,
            log: None,
        });
        let told = judge(&[], &[], &all, whose).scopes.swap_remove(0);
        (cites(&told, "J-31"), told.open_routes)
    };
    let routes = vec![Route::HttpsUpload, Route::WebResponse, Route::Network];
    assert_eq!(lost(&["hc"], &whose("")), (true, routes));
    assert!(!lost(&["rv"], &whose("[[scope]]\nname='rv'\n")).0, "the log of another scope");
}

#[test]
fn hits_above_the_cap_open_the_scope() {
    let gap = |reason| Gap { source: "e/fw.log".to_owned(), from: None, to: None, reason, log: None };
    let told = judge(&[], &[], &coverage(vec![gap(GapReason::FindingsCapped)]), &whose(""));
    assert_eq!((told.scopes[0].state, cites(&told.scopes[0], "J-31")), (State::CannotTell, true));
}

#[test]
fn one_sanctioned_name_does_not_sanction_its_address() {
    let fits = |entry: &str, names: &[&str]| {
        let whose = whose(&format!("[[sanctioned]]\ndestination=['{entry}']\nwhy='w'\n"));
        let mut t = transfer(Route::HttpsUpload, "10.2.0.5", "203.0.113.9", 100, 3, &whose);
        t.to_names = names.iter().map(ToString::to_string).collect();
        whose.sanction(&t).is_some()
    };
    assert!(fits("vendor.example", &["vendor.example", "eu.vendor.example"]));
    assert!(!fits("vendor.example", &["vendor.example", "drop.example"]));
    assert!(!fits("vendor.example", &[]));
    assert!(fits("203.0.113.9", &["drop.example"]), "the address itself is sanctioned");
    assert!(!fits("203.0.113.9", &["203.0.113.8"]));
}

#[test]
fn an_entry_that_names_a_tool_is_rejected_by_name_and_a_broad_one_is_called_so() {
    let told = |entry: &str| {
        let whose = whose(&format!("[[sanctioned]]\ndestination=['vendor.example']\nwhy='w'\n{entry}"));
        let up = transfer(Route::HttpsUpload, "10.2.0.5", "vendor.example", GIB, 3, &whose);
        hc(&[], &[up], &whose)
    };
    let tool = told("host=['hc-fs01']\ntool=['rclone']\n");
    assert_eq!(tool.state, State::Unexplained);
    assert!(tool.counter_evidence[0].text.contains("tool"));
    let (broad, narrow) = (told(""), told("host=['10.2.0.5']\n"));
    assert_eq!((broad.state, narrow.state), (State::NoEvidence, State::NoEvidence));
    assert!(broad.counter_evidence[0].text.contains("broad") && !narrow.counter_evidence[0].text.contains("broad"));
}

#[test]
fn the_intrusion_must_be_watched_at_the_edge_for_its_whole_period() {
    let whose = whose("");
    let mut hit = finding("f", Stage::InitialAccess, Outcome::Succeeded, "203.0.113.9", "hc-web");
    hit.time.last = Some(at("2026-03-09T10:00:00Z"));
    let told = |sources: &[(&str, &str, bool)]| {
        let mut all = coverage(Vec::new());
        let one = all.sources.remove(0);
        for (n, (from, to, bytes)) in sources.iter().enumerate() {
            let mut source = one.clone();
            source.source = Locator::from_encoded(&format!("e/fw.{n}"));
            (source.from, source.to) = (Some(at(from)), Some(at(to)));
            source.not_logged = if *bytes { Vec::new() } else { vec!["bytes".to_owned()] };
            all.sources.push(source);
        }
        let told = judge(&[hit.clone()], &[], &all, &whose).scopes.swap_remove(0);
        (told.state, cites(&told, "J-32"))
    };
    let (seen, blind) = ((State::IntrusionOnly, false), (State::CannotTell, true));
    assert_eq!(told(&[("2026-03-01T00:00:00Z", "2026-03-10T00:00:00Z", true)]), seen);
    assert_eq!(told(&[("2026-03-01T00:00:00Z", "2026-03-10T00:00:00Z", false)]), blind, "without bytes");
    assert_eq!(told(&[("2026-03-01T00:00:00Z", "2026-03-08T00:00:00Z", true)]), blind, "too short");
    let rotated = [("2026-03-01T00:00:00Z", "2026-03-04T23:50:00Z"), ("2026-03-05T00:10:00Z", "2026-03-10T00:00:00Z")];
    assert_eq!(told(&rotated.map(|(from, to)| (from, to, true))), seen, "rotated logs cover together");
    assert_eq!(told(&[(rotated[0].0, rotated[0].1, true), (rotated[1].0, rotated[1].1, false)]), blind);
}

#[test]
fn a_scope_of_which_no_log_speaks_cannot_be_judged() {
    let whose = whose("[[scope]]\nname='rv'\n");
    let told = judge(&[], &[], &coverage(Vec::new()), &whose);
    assert_eq!((told.scopes[0].state, told.scopes[1].state), (State::NoEvidence, State::CannotTell));
    assert!(!cites(&told.scopes[0], "J-33") && cites(&told.scopes[1], "J-33"));
}

#[test]
fn what_shared_systems_held_reopens_the_scopes_that_they_serve() {
    let whose = whose("[[scope]]\nname='it'\nshared=true\nprocessor_of=['hc']\n");
    let mut way_in = finding("a", Stage::InitialAccess, Outcome::Succeeded, "203.0.113.9", "it-1");
    let mut read = finding("b", Stage::Collection, Outcome::Succeeded, "", "it-1");
    way_in.scope = "it".to_owned();
    read.scope = "it".to_owned();
    let mut cover = coverage(Vec::new());
    cover.sources[0].scopes.push("it".to_owned());
    let held = judge(&[way_in.clone(), read], &[], &cover, &whose);
    let clean = &held.scopes[0];
    assert_eq!((clean.state, clean.complete, cites(clean, "J-34")), (State::CannotTell, false, true));
    carried(clean);
    let exposed = judge(&[way_in], &[], &cover, &whose);
    assert_eq!(exposed.scopes[0].state, State::NoEvidence);
    assert_eq!(exposed.scopes[0].exposure, ["it"]);
}

/// The scope's state is the worst of its routes, and what is open is said.
pub fn carried(verdict: &ScopeVerdict) {
    assert_eq!(verdict.routes.iter().map(|r| r.state).min(), Some(verdict.state), "{verdict:?}");
    assert_eq!(verdict.complete, verdict.open_routes.is_empty());
    assert_eq!(verdict.coverage.missing.iter().map(|m| m.route).collect::<Vec<_>>(), verdict.open_routes);
    let routes = &verdict.routes;
    assert!(routes.iter().all(|r| r.state != State::CannotTell || verdict.open_routes.contains(&r.route)));
}

#[test]
fn a_route_carries_every_state() {
    let whose = whose("");
    for outcome in [Outcome::Succeeded, Outcome::Failed, Outcome::Unknown] {
        for stage in [Stage::InitialAccess, Stage::Collection, Stage::Discovery] {
            carried(&hc(&[finding("f", stage, outcome, "203.0.113.9", "hc-web")], &[], &whose));
        }
    }
    let none = hc(&[], &[], &whose);
    carried(&none);
    let state = |route| none.routes.iter().find(|r| r.route == route).unwrap().state;
    assert_eq!((state(Route::WebResponse), state(Route::Usb)), (State::NoEvidence, State::NotExamined));
}

#[test]
fn what_was_not_read_lowers_the_scopes_whose_logs_it_may_hold() {
    let gap = |source: &str, reason| Gap { source: source.to_owned(), from: None, to: None, reason, log: None };
    let plain = whose("");
    let told = |gaps: Vec<Gap>| judge(&[], &[], &coverage(gaps), &plain).scopes.swap_remove(0);
    let unread = told(vec![gap("e/fw.log", GapReason::NotRead)]);
    assert_eq!((unread.state, cites(&unread, "J-31")), (State::CannotTell, true));
    assert_eq!(told(vec![gap("e/fw.log", GapReason::Silent)]).state, State::NoEvidence);
    let capped = told(vec![gap("e/fw.log", GapReason::Capped)]);
    assert_eq!(capped.open_routes, [Route::HttpsUpload, Route::Network], "what was served matters to no intruder");
    let container = |scopes: &str| {
        let mut all = coverage(Vec::new());
        all.gaps.push(gap("e/web/rv.zip", GapReason::NotRead));
        judge(&[], &[], &all, &whose(scopes)).scopes.swap_remove(0).state
    };
    assert_eq!(container(""), State::CannotTell, "nobody's paths claim it");
    assert_eq!(container("[[scope]]\nname='rv'\npaths=['e/web/rv*/**']\n"), State::NoEvidence, "claimed by another");
}

#[test]
fn every_key_of_a_sanctioned_entry_must_match() {
    let all = "[[sanctioned]]\ndestination=['vendor.example']\nhost=['hc-fs01']\naccount=['svc']\nmax_bytes=100\nto='2026-03-05'\nwhy='w'\n";
    let whose = whose(all);
    let fits = |change: &dyn Fn(&mut Transfer)| {
        let mut t = transfer(Route::HttpsUpload, "10.2.0.5", "vendor.example", 100, 3, &whose);
        t.accounts = vec!["HC\\svc".to_owned()].into();
        change(&mut t);
        whose.sanction(&t).is_some()
    };
    assert!(fits(&|_| {}));
    assert!(!fits(&|t| t.to = "notvendor.example".into()));
    assert!(!fits(&|t| t.from = "10.2.0.6".into()));
    assert!(!fits(&|t| t.accounts = ["HC\\svc", "mallory"].map(str::to_owned).to_vec().into()));
    assert!(!fits(&|t| t.bytes = Bounds { lower: 1, upper: None }));
    assert!(!fits(&|t| t.time = Some(Span::at(at("2026-03-06T00:00:00Z")))));
}

#[test]
fn clause_ids_are_unique_and_sorted() {
    assert!(CLAUSES.windows(2).all(|w| w[0].id < w[1].id));
}

fn part(sources: &[(u8, u64)]) -> Partial {
    let mut all = Partial::default();
    for (name, records) in sources {
        let locator = Locator::from_encoded(&format!("e/{name}"));
        let mut entry = Entry::new(EntryKind::Source, locator.clone(), locator);
        entry.records = *records;
        entry.size = 1;
        let mut source = SourcePartial::ledger_only(entry);
        source.content = "same".into();
        all.sources.insert(source.key(), Arc::new(source));
    }
    all
}

proptest! {
    #[test]
    fn merging_is_associative_commutative_and_idempotent(
        a in prop::collection::vec((0u8..4, 0u64..3), 0..4),
        b in prop::collection::vec((0u8..4, 0u64..3), 0..4),
        c in prop::collection::vec((0u8..4, 0u64..3), 0..4),
    ) {
        let (a, b, c) = (part(&a), part(&b), part(&c));
        let left = merge::all([merge::all([a.clone(), b.clone()]), c.clone()]);
        prop_assert_eq!(&left, &merge::all([a.clone(), merge::all([b.clone(), c.clone()])]));
        prop_assert_eq!(&left, &merge::all([c, b, a]));
        prop_assert_eq!(&left, &merge::all([left.clone(), left.clone()]));
    }
}

#[test]
fn a_source_delivered_twice_counts_once() {
    let once = merge::once(part(&[(1, 5), (2, 5)]));
    let dropped: Vec<_> =
        once.sources.values().map(|s| s.entry.notes.iter().any(|n| n.reason == Reason::DeliveredTwice)).collect();
    assert_eq!(dropped, [false, true]);
    assert_eq!(merge::once(once.clone()), once);
}

/// A correlation that says nothing of a route does not stand for a finding that does.
#[test]
fn a_correlation_stands_for_findings_of_its_route_only() {
    let of_route = |id: &str, route: Option<Route>| Finding {
        route,
        ..finding(id, Stage::Exfiltration, Outcome::Succeeded, "10.2.0.5", "hc-fs01")
    };
    let found = |correlated: Option<Option<Route>>| {
        let links = vec!["one".to_owned()];
        let many = |route| Finding { kind: FindingKind::Correlation, links, ..of_route("many", route) };
        let mut all = vec![of_route("one", Some(Route::HttpsUpload))];
        all.extend(correlated.map(many));
        let routes = hc(&all, &[], &whose("")).routes;
        routes.into_iter().find(|told| told.route == Route::HttpsUpload).map(|told| (told.state, told.findings))
    };
    let of = |id: &str| Some((State::Unexplained, vec![id.to_owned()]));
    assert_eq!([found(None), found(Some(None))], [of("one"), of("one")]);
    assert_eq!(found(Some(Some(Route::HttpsUpload))), of("many"));
}

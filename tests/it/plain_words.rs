//! Words that people read: none that say what is not so.

use exfiltrace::model::rule::{Outcome, Route, Stage};
use serde_json::json;

use crate::judge::{GIB, finding, hc, transfer, whose};
use crate::verdict::scan;

const INTRUDER: &str = "185.220.101.44";
const SCOPES: &str = "timezone='UTC'\n[[scope]]\nname='hc'\ncidr=['10.2.0.0/16']\nhosts=['hc-*']\naccounts=['HC']\n";

/// Somebody logs on by remote desktop from outside.
fn logon() -> (&'static str, String) {
    let data = json!({"TargetUserName": "j.doe", "TargetDomainName": "HC", "LogonType": "10", "IpAddress": INTRUDER});
    let winlog = json!({"channel": "Security", "event_id": 4624, "computer_name": "hc-fs01", "event_data": data});
    ("security.json", format!("{}\n", json!({"@timestamp": "2026-03-10T10:00:00.000Z", "winlog": winlog})))
}

#[test]
fn an_answer_names_from_where_an_intruder_came_and_no_containment_that_nobody_stated() {
    let told = scan(&[logon()], SCOPES, "");
    let scope = told.scope("hc");
    assert_eq!((&scope["actor"], &scope["origins"]), (&json!("external"), &json!([INTRUDER])));
    assert!(told.printed.contains("actor: external, from 185.220.101.44"), "{}", told.printed);
    assert!(!told.printed.contains("containment"), "{}", told.printed);
    let stated = scan(&[logon()], &format!("{SCOPES}[incident]\ncontained='2026-03-25T00:00:00Z'\n"), "");
    assert_eq!(stated.scope("hc")["activity"]["contained"], "2026-03-25T00:00:00Z");
    assert!(stated.printed.contains("whether there are signs after containment is not known"), "{}", stated.printed);
}

#[test]
fn a_host_is_held_against_its_peers_in_figures_and_not_in_multiples() {
    let sent = |from: &str, bytes: u64| {
        let mut t = transfer(Route::HttpsUpload, from, "198.51.100.7", bytes, 2, &whose(""));
        t.id = format!("t-{from}").as_str().into();
        t
    };
    let told = |usual: [u64; 5]| {
        let others = usual.into_iter().zip(30..).map(|(bytes, n)| sent(&format!("10.2.0.{n}"), bytes));
        let all: Vec<_> = others.chain([sent("10.2.0.7", GIB)]).collect();
        let told = hc(&[], &all, &whose(""));
        let given = told.reasons.into_iter().chain(told.counter_evidence);
        given.filter(|r| r.clause == "J-92").map(|r| r.text).next().unwrap()
    };
    let apart = told([1000, 2000, 3000, 4000, 5000]);
    assert!(
        apart.contains("sent 1.07 GB on its busiest day") && apart.contains("between 1.0 kB and 5.0 kB each"),
        "{apart}"
    );
    assert!(!apart.contains("spread"), "{apart}");
    assert!(told([7000; 5]).contains("sent 7.0 kB each on theirs"));
    assert!(told([GIB; 5]).contains("which is not unusual"));
}

#[test]
fn the_log_of_a_server_without_a_name_is_no_host() {
    let attack = format!(
        "{INTRUDER} - - [10/Mar/2026:10:01:00 +0000] \"GET /p?id=1+union+select+1 HTTP/1.1\" 200 2000000 \"-\" \"x\"\n"
    );
    let visit = |n: u32| {
        format!("198.51.100.{n} - - [10/Mar/2026:10:{n:02}:00 +0000] \"GET / HTTP/1.1\" 200 512 \"-\" \"x\"\n")
    };
    let log: String = (2..40).map(visit).collect::<String>() + &attack;
    let told = scan(&[("access.log", log)], "", "");
    let way = told.route("unattributed", "web_response");
    assert_eq!(
        (&way["state"], &way["hosts"], way["bytes"]["lower"].as_u64()),
        (&json!("exfiltrated"), &json!([]), Some(2_000_000))
    );
    assert!(!told.printed.contains("from hosts logs/access.log"), "{}", told.printed);
}

#[test]
fn a_part_of_a_chain_does_not_begin_in_its_middle() {
    let whose = whose("[[scope]]\nname='rv'\ncidr=['10.3.0.0/16']\n");
    let step = |id: &str, scope: &str, stage, when: &str| {
        let mut f = finding(id, stage, Outcome::Succeeded, INTRUDER, &format!("{scope}-web"));
        f.rule.id = id.to_owned();
        (f.scope, f.time.first, f.time.last) =
            (scope.to_owned(), Some(crate::judge::at(when)), Some(crate::judge::at(when)));
        let mut f = crate::judge::shown_by(f, "e/fw.log");
        f.evidence[0].place.offset = u64::from(id.as_bytes()[0]);
        f
    };
    let all = [
        step("a", "rv", Stage::InitialAccess, "2026-03-02T10:00:01Z"),
        step("b", "hc", Stage::CredentialAccess, "2026-03-02T11:00:01Z"),
        step("c", "hc", Stage::Impact, "2026-03-02T12:00:01Z"),
    ];
    let called = |_: &std::collections::BTreeSet<String>| std::collections::BTreeSet::new();
    let judged = exfiltrace::judge::judged(&all, &[], &crate::judge::coverage(Vec::new()), &whose, &called);
    let chain = judged.chains[0].chain.as_ref().unwrap();
    assert!(chain.told().contains("; then 2026-03-02T11:00:01Z"), "{}", chain.told());
    let own = chain.of_scope("hc").unwrap().told();
    assert!(own.starts_with("2026-03-02T11:00:01Z") && own.contains("; then 2026-03-02T12:00:01Z"), "{own}");
}

#[test]
fn what_a_tool_exported_is_to_be_exported_again() {
    use exfiltrace::model::coverage::{Gap, GapReason};
    let told = |format: &str, reason| {
        let gap = Gap { source: "e/fw.log".to_owned(), from: None, to: None, reason, log: None };
        let mut all = crate::judge::coverage(vec![gap]);
        all.sources[0].format = format.to_owned();
        exfiltrace::judge::judge(&[], &[], &all, &whose("")).scopes[0].coverage.collect_next.join("; ")
    };
    let again = "e/fw.log exported again, by the tool that wrote it";
    assert!(told("hayabusa", GapReason::NotRead).contains(again));
    assert!(told("kv", GapReason::NotRead).contains("another copy of e/fw.log"));
    assert!(
        told("evtxecmd", GapReason::Cleared).contains("another copy of e/fw.log"),
        "no tool gets back what was cleared"
    );
}

//! Files of several documents, filters and placeholders, on rules of our own.

use exfiltrace::detect::{Placeholders, Problem, Program, Routing, Scratch};
use exfiltrace::model::rule::Stage;

use super::super::support::each_record;

/// Compiles one file.
fn compiled(text: &str, given: &[(&str, &[&str])]) -> (Program, Vec<Problem>) {
    let given: Placeholders = given
        .iter()
        .map(|(name, values)| ((*name).to_owned(), values.iter().map(|&v| v.to_owned()).collect()))
        .collect();
    Program::compile_with([("rules.yml".to_owned(), text.to_owned())], Routing::Any, &given)
}

/// Ids of the rules that match an event.
fn met(program: &Program, event: &str) -> Vec<String> {
    let mut ids = Vec::new();
    each_record(b"event.json", &format!("{event}\n"), &mut |_, format, fields, record| {
        let Some(gate) = program.gate(format) else { return };
        let mut matched = Vec::new();
        program.eval(format, fields, record, &gate.all, &mut Scratch::default(), &mut matched);
        ids.extend(matched.iter().map(|&rule| program.rules()[rule as usize].id.clone()));
    });
    ids
}

/// Ids of the rules that match an event, of one file without problems.
fn ids(text: &str, given: &[(&str, &[&str])], event: &str) -> Vec<String> {
    let (program, problems) = compiled(text, given);
    assert!(problems.is_empty(), "{problems:#?}");
    met(&program, event)
}

#[test]
fn a_key_that_is_written_takes_no_credentials() {
    let stages = |category: &str, own: &str| {
        let text = format!(
            "title: t\nid: t\ntags: [attack.credential-access, attack.t1003.001]\nlogsource: {{product: windows, \
             category: {category}}}\ndetection: {{s: {{TargetObject: a}}, condition: s}}\n{own}"
        );
        let (program, problems) = compiled(&text, &[]);
        assert!(problems.is_empty(), "{problems:#?}");
        program.rules()[0].stage.clone()
    };
    assert_eq!(stages("registry_set", ""), [Stage::Execution]);
    assert_eq!(stages("registry_event", ""), [Stage::Execution]);
    assert_eq!(stages("process_access", ""), [Stage::CredentialAccess]);
    assert_eq!(stages("registry_set", "exfiltrace: {stage: [credential_access]}\n"), [Stage::CredentialAccess]);
}

const COLLECTION: &str = "\
action: global
title: Shared
id: shared
logsource: {product: windows}
detection: {condition: sel}
---
detection: {sel: {A: 1}}
---
action: repeat
detection: {sel: {B: 2}}
---
action: reset
---
title: Own
id: own
logsource: {product: windows}
detection: {sel: {C: 3}, condition: sel}
---
";

#[test]
fn actions_lay_documents_over_each_other() {
    assert_eq!(ids(COLLECTION, &[], r#"{"A":1}"#), ["shared"]);
    assert_eq!(ids(COLLECTION, &[], r#"{"A":1,"B":2}"#), ["shared", "shared#2"]);
    assert_eq!(ids(COLLECTION, &[], r#"{"C":3}"#), ["own"]);
    let (_, problems) = compiled("action: repeat\ntitle: x\n---\naction: dance\ntitle: y\n", &[]);
    assert!(problems[0].what.contains("no rule stands before") && problems[1].what.contains("dance"), "{problems:#?}");
}

/// A program that reads a file within a few seconds, where work by the square would take minutes.
#[allow(clippy::disallowed_methods, reason = "the clock tells only that the work is bounded")]
fn within_seconds(text: &str) -> (Program, Vec<Problem>) {
    let begun = std::time::Instant::now();
    let done = compiled(text, &[]);
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
    done
}

#[test]
fn a_file_is_read_no_further_than_to_its_first_overrun() {
    let keys: String = (0..100_000).map(|at| format!("  k{at}: 1\n")).collect();
    let global = format!("action: global\nmore:\n{keys}");
    let rule = rule("one", "{product: windows}");
    let text = format!("{global}---\n{}", rule.repeat(40));
    let (program, problems) = within_seconds(&text);
    let overrun = problems.iter().filter(|problem| problem.what.contains("action global and repeat make")).count();
    assert!(program.rules().len() < 10 && overrun == 1, "{} {overrun}", program.rules().len());
}

/// Keys of two maps are joined, and keys of one told apart, without a look at each pair.
#[test]
fn wide_maps_are_laid_over_each_other() {
    let keys = |from: usize| (from..from + 60_000).map(|at| format!("  k{at}: {at}\n")).collect::<String>();
    let text =
        format!("action: global\nmore:\n{}---\nmore:\n{}{}", keys(0), keys(30_000), rule("one", "{product: windows}"));
    let (program, problems) = within_seconds(&text);
    assert!(program.rules().len() == 1 && problems.is_empty(), "{problems:#?}");
}

/// Each names the one behind it, so that the last document is the first that can be resolved.
#[test]
fn chains_of_correlations_in_reverse_order_are_resolved() {
    let link = |at: usize| {
        format!(
            "title: C\nname: c{at}\ncorrelation: {{type: event_count, rules: c{}, group-by: [f{at}], timespan: 1m, \
             condition: {{gte: 1}}}}\n---\n",
            at + 1
        )
    };
    let count = 10_000;
    let last = rule("one", "{product: windows}").replace("name: the_one", &format!("name: c{count}"));
    assert!(last.contains(&format!("c{count}")), "{last}");
    let (program, problems) = within_seconds(&((0..count).map(link).collect::<String>() + &last));
    assert!(problems.is_empty() && program.correlations().list.len() == count, "{problems:#?}");
    assert_eq!(program.correlations().fields.len(), count);
}

#[test]
fn what_correlations_ask_is_bounded() {
    let fields = |count: usize| (0..count).map(|at| format!("f{at}")).collect::<Vec<_>>().join(", ");
    let of = |number: usize, rules: &str, by: usize, more: &str| {
        format!(
            "title: C\nname: c{number}\ncorrelation: {{type: event_count, rules: {rules}, group-by: [{}], {more}timespan: 1m, \
             condition: {{gte: 1}}}}\n---\n",
            fields(by)
        )
    };
    let base = rule("one", "{product: windows}");
    let said =
        |text: String| within_seconds(&(text + &base)).1.into_iter().map(|problem| problem.what).collect::<Vec<_>>();
    assert!(said(of(1, "one", 64, "")).is_empty());
    assert!(said(of(1, "one", 65, ""))[0].contains("more than 64 names"));
    let aliases = (0..65).map(|at| format!("a{at}: {{one: x}}")).collect::<Vec<_>>().join(", ");
    assert!(said(of(1, "one", 1, &format!("aliases: {{{aliases}}}, ")))[0].contains("more than 64 aliases"));
    // Each names the one before 64 times: what is reached grows by 64 with each.
    let again = |at: usize| vec![if at == 0 { "one".to_owned() } else { format!("c{}", at - 1) }; 64].join(", ");
    let tower: String = (0..8).map(|at| of(at, &format!("[{}]", again(at)), 64, "")).collect();
    assert!(said(tower).iter().any(|what| what.contains("ask more than")));
}

#[test]
fn what_actions_make_is_bounded() {
    let list = vec!["x"; 60_000].join(",");
    let bomb = format!("action: global\nfields: [{list}]\n{}", "---\ntitle: x\n".repeat(100));
    let (_, problems) = compiled(&bomb, &[]);
    assert!(problems.iter().any(|problem| problem.what.contains("nodes")), "{problems:#?}");
}

fn rule(id: &str, logsource: &str) -> String {
    format!(
        "title: {id}\nid: {id}\nname: the_{id}\nlogsource: {logsource}\ndetection: {{sel: {{A: 1}}, condition: sel}}\n---\n"
    )
}

fn filter(head: &str, rules: &str, body: &str) -> String {
    format!("title: F\n{head}filter: {{rules: {rules}, {body}}}\n---\n")
}

#[test]
fn filters_narrow_the_rules_that_they_name_or_take_in() {
    let rules = rule("one", "{product: windows, category: process_creation}") + &rule("two", "{product: linux}");
    let met = |filter: &str, event: &str| ids(&(filter.to_owned() + &rules), &[], event).join(" ");
    let named = filter("", "[one]", "sel: {U: x}, condition: not sel");
    assert_eq!(met(&named, r#"{"A":1,"U":"x"}"#), "two");
    assert_eq!(met(&named, r#"{"A":1,"U":"y"}"#), "one two");
    assert_eq!(met(&filter("", "the_two", "sel: {U: x}, condition: not sel"), r#"{"A":1,"U":"x"}"#), "one");
    for all in ["any", "[]"] {
        assert_eq!(met(&filter("", all, "sel: {U: x}, condition: not sel"), r#"{"A":1,"U":"x"}"#), "");
    }
    let windows = filter("logsource: {product: windows}\n", "any", "sel: {U: x}, condition: not sel");
    assert_eq!(met(&windows, r#"{"A":1,"U":"x"}"#), "two", "a wider log source takes the rule in");
    let narrow = filter("logsource: {product: windows, service: s}\n", "[one]", "sel: {U: x}, condition: not sel");
    assert_eq!(met(&narrow, r#"{"A":1,"U":"x"}"#), "one two", "a narrower one does not");
    let both = named.clone() + &filter("", "[one]", "sel: {V: x}, condition: not sel");
    assert_eq!(met(&both, r#"{"A":1,"V":"x"}"#), "two", "each filter holds, whatever its names");
}

#[test]
fn odd_filters_are_remarked() {
    let text =
        filter("", "[nobody]", "sel: {U: x}, condition: not sel") + &filter("", "any", "sel: {U: x}, condition: sel");
    let (program, problems) = compiled(&(text + &rule("one", "{product: windows}")), &[]);
    let said: Vec<&str> = program.remarks().iter().map(|remark| remark.what.as_str()).collect();
    assert!(problems.is_empty() && said.iter().any(|what| what.contains("no rule")), "{said:?}");
    assert!(said.iter().any(|what| what.contains("no \"not\"")), "{said:?}");
    assert_eq!(met(&program, r#"{"A":1}"#), [""; 0]);
}

/// Side by side, filters nest no deeper than one; what a rule takes no more is told with its place.
#[test]
fn filters_of_one_rule_are_bounded_and_do_not_nest() {
    let one = |number: usize| filter(&format!("id: f{number}\n"), "any", "sel: {U: x}, condition: not sel");
    let many: String = (0..30_000).map(one).collect();
    let (program, problems) = compiled(&(many + &rule("one", "{product: windows}")), &[]);
    assert_eq!(problems.len(), 29_000);
    assert!(problems[0].what.contains("more than 1000 filters") && problems[0].line > 1_000, "{:?}", problems[0]);
    assert_eq!(program.narrowings().iter().map(|filter| filter.rules).sum::<u64>(), 1_000);
    assert_eq!(met(&program, r#"{"A":1,"U":"x"}"#), [""; 0]);
    assert_eq!(met(&program, r#"{"A":1,"U":"y"}"#), ["one"]);
    let wide = vec!["x"; 1_000].join(", ");
    let large = filter("", "any", &format!("sel: [{wide}], condition: not sel")).repeat(300);
    let (program, problems) = compiled(&(large + &rule("one", "{product: windows}")), &[]);
    assert!(problems.len() > 100 && problems[0].what.contains("grows too large"), "{}", problems.len());
    assert!(program.narrowings()[0].rules == 1 && met(&program, r#"{"A":1,"U":"x"}"#).is_empty());
}

#[test]
fn only_what_gives_something_is_used() {
    let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let filter = |rules: &str| filter("", rules, "sel: {U: x}, condition: not sel");
    let correlation = |rule: &str| {
        format!(
            "title: C\nname: of_{rule}\ncorrelation: {{type: event_count, rules: {rule}, timespan: 1m, condition: {{gte: 1}}}}\n"
        )
    };
    let files = [
        file("rule", &rule("one", "{product: windows}")),
        file("narrows", &filter("any")),
        file("idle", &filter("[nobody]")),
        file("resolved", &correlation("one")),
        file("unresolved", &correlation("nobody")),
    ];
    let (program, _) = Program::compile(files, Routing::Any);
    let used = ["rule", "narrows", "idle", "resolved", "unresolved"].map(|name| program.uses(name));
    assert_eq!(used, [true, true, false, true, false]);
}

fn expanding(item: &str) -> String {
    format!("title: E\nid: e\nlogsource: {{product: windows}}\ndetection:\n  sel:\n    {item}\n  condition: sel\n")
}

#[test]
fn placeholders_stand_for_the_values_that_were_given() {
    let admins: &[(&str, &[&str])] = &[("admins", &["ann", "b*b"]), ("net", &["10.0.0.0/8"])];
    let met = |item: &str, event: &str| !ids(&expanding(item), admins, event).is_empty();
    assert!(met("U|expand: '%admins%'", r#"{"U":"ANN"}"#) && met("U|expand: '%admins%'", r#"{"U":"b*b"}"#));
    assert!(!met("U|expand: '%admins%'", r#"{"U":"bob"}"#), "a star in a value is a star");
    assert!(met("U|contains|expand: 'x-%admins%-*y'", r#"{"U":"zx-ann-1yz"}"#));
    assert!(met("U|re|expand: '^%admins%$'", r#"{"U":"b*b"}"#) && !met("U|re|expand: '^%admins%$'", r#"{"U":"bb"}"#));
    assert!(met("U|expand|cidr: '%net%'", r#"{"U":"10.1.2.3"}"#));
    assert!(met("U: '%admins%'", r#"{"U":"%admins%"}"#), "without the modifier it is text");
    assert!(met("U|expand: '\\%admins\\%'", r#"{"U":"%admins%"}"#));
    let all = "U|contains|all|expand: ['%admins%', z]";
    assert!(met(all, r#"{"U":"zann"}"#) && !met(all, r#"{"U":"ann"}"#));
    let (program, problems) = compiled(&expanding("U|expand: '%nobody%'"), admins);
    assert!(program.rules().is_empty() && problems[0].what.contains("%nobody%"), "{problems:#?}");
    assert_eq!((problems[0].line, problems[0].column), (6, 15));
}

#[test]
fn words_of_yaml_1_1_for_true_and_false_are_both() {
    let met = |item: &str, event: &str| !ids(&expanding(item), &[], event).is_empty();
    assert!(met("A: yes", r#"{"A":"Yes"}"#) && met("A: yes", r#"{"A":true}"#) && !met("A: yes", r#"{"A":false}"#));
    assert!(met("A: [x, off]", r#"{"A":"false"}"#) && met("A|exists: no", r#"{"B":1}"#));
    assert!(!met("A: 'yes'", r#"{"A":true}"#), "quoted it is a text");
}

#[test]
fn what_is_odd_but_clear_is_used_and_remarked() {
    let text =
        "title: O\nid: o\nlogsource: {product: p}\ndetection: {s: {A: [x, null]}, t: {B: 1}, condition: s AND NOT t}\n";
    let (program, problems) = compiled(text, &[]);
    let said: Vec<&str> = program.remarks().iter().map(|remark| remark.what.as_str()).collect();
    assert!(problems.is_empty(), "{problems:#?}");
    assert_eq!(
        said,
        ["id is no UUID", "null is no value of a list", "operators of a condition are written in lower case"]
    );
    assert_eq!(met(&program, r#"{"C":1}"#), ["o"], "missing is null");
}

#[test]
fn modifiers_chain() {
    let met = |item: &str, event: &str| !ids(&expanding(item), &[], event).is_empty();
    assert!(
        met("T|hour|gte: 22", r#"{"T":"2026-03-28T23:10:04Z"}"#)
            && !met("T|hour|gt: 23", r#"{"T":"2026-03-28T23:10:04Z"}"#)
    );
    assert!(
        met("T|minute|lt: 11", r#"{"T":"2026-03-28T23:10:04Z"}"#)
            && met("T|day|neq: 27", r#"{"T":"2026-03-28T23:10:04Z"}"#)
    );
    assert!(met("A|base64|base64: value", r#"{"A":"ZG1Gc2RXVT0="}"#));
    let twice = "A|base64offset|base64offset|contains|contains: foobar";
    assert!(met(twice, r#"{"A":"eWVHWnZiMkpoY2c9PQ=="}"#), "behind a byte, encoded, behind a byte, encoded");
    assert!(!met(twice, r#"{"A":"eGZvb2Jhcg=="}"#), "encoded once");
    assert!(met("A|wide: ab", "{\"A\":\"a\\u0000b\\u0000\"}"));
    assert!(met("SourceName: AMSI", r#"{"EventID":1116,"Channel":"x","Source Name":"AMSI"}"#), "blanks are left out");
    assert!(met("A|fieldref: 7", r#"{"A":"x","7":"X"}"#));
}

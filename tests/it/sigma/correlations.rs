//! Correlations over streams of events, and what windows of our own must do.

use std::collections::BTreeSet;
use std::sync::Arc;

use exfiltrace::correlate::windows::{self, Outcome, Record};
use exfiltrace::detect::{Program, Routing, Scratch};
use exfiltrace::model::event::Traits;
use exfiltrace::model::rule::Outcome as Became;
use serde_json::Value;

use super::{judge, suite};
use crate::support::each_record;

/// Compiles one file and holds its correlations against events, which its rules matched before.
fn held(text: &str, events: &[String]) -> (Program, Outcome) {
    let (program, problems) = Program::compile([("rules.yml".to_owned(), text.to_owned())], Routing::Any);
    assert!(problems.is_empty(), "{problems:#?}");
    let outcome = decided(&program, matched(&program, events));
    (program, outcome)
}

/// The events that rules match, parsed as a scan parses them, with the values that correlations ask for.
fn matched(program: &Program, events: &[String]) -> Vec<(i64, Traits)> {
    let mut out = Vec::new();
    each_record(
        b"events.ndjson",
        &events.iter().map(|event| format!("{event}\n")).collect::<String>(),
        &mut |_, format, fields, record| {
            let Some(gate) = program.gate(format) else { return };
            let (mut scratch, mut rules) = (Scratch::default(), Vec::new());
            program.eval(format, fields, record, &gate.all, &mut scratch, &mut rules);
            let Some(time) = fields.time.filter(|_| !rules.is_empty()) else { return };
            let mut values: Vec<_> = rules
                .iter()
                .flat_map(|&rule| program.asked_of(format, fields, rule, &mut Scratch::default()))
                .map(|(field, value)| (field, value.into()))
                .collect();
            values.sort();
            values.dedup();
            let rules = rules.iter().filter_map(|&rule| program.counted(rule).cloned()).collect();
            out.push((time.at.micros(), Traits { rules, values, ..Traits::default() }));
        },
    );
    out
}

/// What the correlations of a program find in these events.
fn decided(program: &Program, events: Vec<(i64, Traits)>) -> Outcome {
    let correlations: Vec<_> = program.correlations().list.iter().collect();
    let record = |((time, _), traits): (&(i64, Traits), u32)| Record {
        time: *time,
        traits,
        outcome: Became::Unknown,
        source: None,
    };
    let records: Vec<Record> = events.iter().zip(0..).map(record).collect();
    let traits: Vec<Arc<Traits>> = events.into_iter().map(|(_, traits)| Arc::new(traits)).collect();
    windows::run(&correlations, &traits, &records)
}

#[test]
fn streams_whose_windows_two_oracles_agree_on() {
    let Some(cases) = suite("sigma-correlation") else { return };
    let mut wrong = Vec::new();
    for case in &cases {
        let events: Vec<String> = case["events"].as_array().unwrap().iter().map(Value::to_string).collect();
        let (program, outcome) = held(case["rule_yaml"].as_str().unwrap(), &events);
        let last = program.correlations().list.len() - 1;
        let alerts: Vec<_> = outcome.alerts.iter().filter(|alert| alert.correlation == last).collect();
        let groups: BTreeSet<Vec<String>> = alerts.iter().map(|alert| alert.group.clone()).collect();
        let expected = &case["expected"];
        let of = |group: &Value| {
            group.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let expected_groups: BTreeSet<Vec<String>> = expected["groups"].as_array().unwrap().iter().map(of).collect();
        let ends: BTreeSet<(Vec<String>, i64)> =
            alerts.iter().flat_map(|alert| alert.windows.iter().map(|end| (alert.group.clone(), *end))).collect();
        let end = |window: &Value| (window["window_end_epoch"].as_f64().unwrap() * 1e6) as i64;
        let expected_ends: Option<BTreeSet<(Vec<String>, i64)>> = expected["windows"]
            .as_array()
            .map(|list| list.iter().map(|window| (of(&window["group"]), end(window))).collect());
        let right = expected["fires"] == !alerts.is_empty()
            && groups == expected_groups
            && expected_ends.as_ref().is_none_or(|expected| *expected == ends);
        if !right {
            wrong.push(format!("{}: {groups:?} {ends:?} for {expected}", case["name"].as_str().unwrap()));
        }
    }
    judge("sigma-correlation", cases.len(), &wrong, &[]);
}

const BASE: &str = "\
title: A
name: a
logsource: {product: p}
detection: {s: {k: a}, condition: s}
---
title: B
name: b
logsource: {product: p}
detection: {s: {k: b}, condition: s}
---
";

/// Base rules `a` and `b` with one correlation behind them.
fn correlation(body: &str) -> String {
    format!("{BASE}title: C\nname: c\ncorrelation: {{{body}}}\n")
}

/// An event at a second of 10:00 or later.
fn event(second: u32, rest: &str) -> String {
    let (minute, second) = (second / 60, second % 60);
    format!(r#"{{"timestamp":"2026-03-28T10:{minute:02}:{second:02}.000Z",{rest}}}"#)
}

/// Seconds after 10:00 of the windows' ends, over all groups.
fn ends(body: &str, events: &[(u32, &str)]) -> Vec<i64> {
    let events: Vec<String> = events.iter().map(|(second, rest)| event(*second, rest)).collect();
    let (_, outcome) = held(&correlation(body), &events);
    let begin = exfiltrace::model::time::Instant::parse("2026-03-28T10:00:00Z").unwrap().micros();
    outcome.alerts.iter().flat_map(|alert| &alert.windows).map(|end| (end - begin) / 1_000_000).collect()
}

const A: &str = r#""k":"a""#;
const B: &str = r#""k":"b""#;

#[test]
fn windows_hold_both_of_their_ends() {
    let three = "type: event_count, rules: a, timespan: 60s, condition: {gte: 3}";
    assert_eq!(ends(three, &[(0, A), (30, A), (60, A)]), [60]);
    assert_eq!(ends(three, &[(0, A), (30, A), (61, A)]), [0; 0]);
    assert_eq!(ends(three, &[(60, A), (0, A), (30, A)]), [60], "the order in which events come does not matter");
    assert_eq!(ends("type: event_count, rules: a, timespan: 60s, condition: {gt: 0, lt: 2}", &[(0, A), (9, A)]), [0]);
    assert_eq!(ends("type: event_count, rules: [a, b], timespan: 1m, condition: {neq: 1}", &[(0, A), (1, B)]), [1]);
}

#[test]
fn what_is_ordered_is_strictly_later() {
    let ordered = "type: temporal_ordered, rules: [a, b], timespan: 60s";
    assert_eq!(ends(ordered, &[(0, A), (1, B)]), [1]);
    assert_eq!(ends(ordered, &[(1, A), (1, B)]), [0; 0], "at one time neither is first");
    assert_eq!(ends(ordered, &[(0, B), (1, A)]), [0; 0]);
    assert_eq!(ends(ordered, &[(0, A), (5, A), (5, B), (70, B)]), [5]);
    let thrice = "type: temporal_ordered, rules: [a, b, a], timespan: 60s";
    assert_eq!(ends(thrice, &[(0, A), (1, B), (1, A)]), [0; 0]);
    assert_eq!(ends(thrice, &[(0, A), (1, B), (2, A)]), [2]);
    assert_eq!(ends("type: temporal_ordered, condition: a and b, timespan: 60s", &[(0, A), (1, B)]), [1]);
}

#[test]
fn conditions_over_rules() {
    let without = "type: temporal, condition: a and not b, timespan: 60s";
    assert_eq!(ends(without, &[(0, A), (10, B), (61, A), (80, A)]), [0, 80]);
    assert_eq!(ends("type: temporal, rules: [a, b], condition: a or b, timespan: 1s", &[(0, B)]), [0]);
    assert_eq!(ends("type: temporal, rules: [a, b], condition: {gte: 1}, timespan: 1s", &[(0, B)]), [0]);
}

#[test]
fn figures_of_values() {
    let rows = [
        (0, r#""k":"a","n":"10","u":"X""#),
        (1, r#""k":"a","n":20.5,"u":"x""#),
        (2, r#""k":"a","n":"many","u":"y""#),
        (9, r#""k":"a""#),
    ];
    assert_eq!(ends("type: value_sum, rules: a, timespan: 1m, condition: {field: n, gte: 30.5}", &rows), [1, 2, 9]);
    assert_eq!(ends("type: value_avg, rules: a, timespan: 1m, condition: {field: n, eq: 15.25}", &rows), [1, 2, 9]);
    assert_eq!(ends("type: value_median, rules: a, timespan: 1m, condition: {field: n, gt: 15.2}", &rows), [1, 2, 9]);
    assert_eq!(
        ends(
            "type: value_percentile, rules: a, timespan: 1m, condition: {field: n, percentile: 100, gte: 20.5}",
            &rows
        ),
        [1, 2, 9]
    );
    assert_eq!(ends("type: value_count, rules: a, timespan: 1m, condition: {field: u, gte: 2}", &rows), [2, 9]);
    assert_eq!(ends("type: value_count, rules: a, timespan: 1m, condition: {field: [u, n], gte: 3}", &rows), [2, 9]);
    assert_eq!(ends("type: value_sum, rules: a, timespan: 1m, condition: {field: none, lt: 5}", &rows), [0; 0]);
}

#[test]
fn groups_and_aliases() {
    let by = "type: temporal, rules: [a, b], group-by: who, aliases: {who: {a: user, b: account}}, timespan: 1m";
    assert_eq!(
        ends(by, &[(0, r#""k":"a","user":"Ann""#), (1, r#""k":"b","account":"ann""#), (2, r#""k":"b","user":"ann""#)]),
        [1]
    );
    let events = [event(0, r#""k":"a","user":"ann""#), event(1, A)];
    let (_, outcome) =
        held(&correlation("type: event_count, rules: a, group-by: user, timespan: 1m, condition: {gte: 1}"), &events);
    assert_eq!((outcome.alerts.len(), outcome.ungrouped), (1, vec![1]), "what has no group is counted");
}

/// A correlation may call a rule by its id where an alias calls it by its name, and the other way round.
#[test]
fn aliases_know_rules_by_id_and_by_name() {
    let text = |rules: &str, aliases: &str| {
        format!(
            "title: A\nid: 7a7b\nname: a\nlogsource: {{product: p}}\ndetection: {{s: {{k: a}}, condition: s}}\n---\n\
             title: B\nid: 8c8d\nname: b\nlogsource: {{product: p}}\ndetection: {{s: {{k: b}}, condition: s}}\n---\n\
             title: C\ncorrelation: {{type: temporal, rules: {rules}, group-by: who, aliases: {{{aliases}}}, timespan: 1m}}\n"
        )
    };
    let events = [(0, r#""k":"a","user":"Ann""#), (1, r#""k":"b","account":"ann""#), (2, r#""k":"b","account":"bob""#)];
    let events = events.map(|(second, rest)| event(second, rest));
    let remarks = |program: &Program| {
        let of_alias = program.remarks().iter().filter(|remark| remark.what.contains("alias"));
        of_alias.map(|remark| remark.what.clone()).collect::<Vec<_>>()
    };
    for (rules, aliases) in [
        ("[7a7b, b]", "who: {a: user, 8c8d: account}"),
        ("[a, 8c8d]", "who: {a: user, b: account}"),
        ("[a, b]", "who: {7a7b: user, 8c8d: account}"),
    ] {
        let (program, outcome) = held(&text(rules, aliases), &events);
        let groups: Vec<_> = outcome.alerts.iter().map(|alert| alert.group.clone()).collect();
        assert_eq!((groups, outcome.ungrouped[0]), (vec![vec!["ann".to_owned()]], 0), "{rules} {aliases}");
        assert_eq!(remarks(&program), [""; 0]);
    }
    let (program, outcome) = held(&text("[a, b]", "who: {a: user, bb: account}, what: {a: k}"), &events);
    assert_eq!((outcome.alerts.len(), outcome.ungrouped[0]), (0, 2), "the alias is of no rule");
    let said = remarks(&program);
    assert!(said[0].contains("field for \"bb\"") && said[1].contains("\"what\" stands neither"), "{said:?}");
}

/// What counts on a correlation knows its groups by the names that these have there, and by the fields behind them.
#[test]
fn groups_of_aliases_are_known_above() {
    let below = "type: temporal, rules: [a, b], group-by: who, aliases: {who: {a: user, b: account}}, timespan: 1m";
    let above = |by: &str| {
        format!(
            "---\ntitle: Top\nname: top\ncorrelation: {{type: event_count, rules: c, {by}, timespan: 1h, condition: {{gte: 2}}}}\n"
        )
    };
    let pair = |second, user: &str, account: &str| {
        let (a, b) = (format!(r#""k":"a","user":"{user}","who":"x""#), format!(r#""k":"b","account":"{account}""#));
        [event(second, &a), event(second + 1, &b)]
    };
    let twice = [pair(0, "Ann", "ann"), pair(600, "ann", "ANN"), pair(1200, "bob", "bob")].concat();
    for by in ["group-by: who", "group-by: account", "group-by: name, aliases: {name: {c: user}}"] {
        let (_, outcome) = held(&(correlation(below) + &above(by)), &twice);
        let top: Vec<_> =
            outcome.alerts.iter().filter(|alert| alert.correlation == 1).map(|alert| &alert.group).collect();
        assert_eq!((top, outcome.ungrouped[1]), (vec![&vec!["ann".to_owned()]], 0), "{by}");
    }
    let (_, outcome) = held(&(correlation(below) + &above("group-by: whoever")), &twice);
    assert_eq!(outcome.ungrouped[1], 3, "there is no such name");
}

/// An event that several members match has a value by the first of them that has one, as groups have.
#[test]
fn figures_look_at_every_member() {
    let by = "rules: [a, all], aliases: {size: {a: none, all: n}}, timespan: 1m";
    let rules = |body: &str| {
        let all = "title: All\nname: all\nlogsource: {product: p}\ndetection: {s: {n: '*'}, condition: s}\n---\n";
        all.to_owned() + &correlation(body)
    };
    for (kind, condition) in
        [("value_sum", "gte: 7"), ("value_avg", "gte: 7"), ("value_median", "eq: 7"), ("value_count", "gte: 1")]
    {
        let text = rules(&format!("type: {kind}, {by}, condition: {{field: size, {condition}}}"));
        let (_, outcome) = held(&text, &[event(0, r#""k":"a","n":7"#)]);
        assert_eq!(outcome.alerts.len(), 1, "{kind}");
    }
}

#[test]
fn sums_are_exact_and_what_is_too_large_for_them_does_not_bend_them() {
    let sum = |condition: &str, events: &[(u32, &str)]| {
        ends(&format!("type: value_sum, rules: a, timespan: 10s, condition: {{field: n, {condition}}}"), events)
    };
    let number = |n: &str| format!(r#""k":"a","n":"{n}""#);
    let (largest, less, huge) = (number("18446744073709551615"), number("-18446744073709551614"), number("1e300"));
    assert_eq!(sum("eq: 1", &[(0, &largest), (1, &less)]), [1], "whole numbers of 64 bits are exact");
    assert_eq!(sum("eq: 18446744073709551615", &[(0, &largest)]), [0]);
    let (beyond, two) = (number("170141183460469231731687303715884105727"), number("2"));
    assert_eq!(sum("eq: 2", &[(0, &huge), (1, &beyond), (2, &two), (30, &two)]), [2, 30]);
}

/// What one window gives on to the next correlation must not depend on which of two files was read first.
#[test]
fn events_of_one_instant_give_the_same_in_any_order() {
    let text = "title: Top\nname: top\ncorrelation: {type: value_count, rules: c, timespan: 1m, group-by: u, \
                condition: {field: v, gte: 1}}\n---\n"
        .to_owned()
        + &correlation("type: event_count, rules: a, timespan: 1m, condition: {gte: 2}");
    let mut events = [event(0, r#""k":"a","u":"ann","v":"x""#), event(0, r#""k":"a","u":"bob","v":"y""#)];
    let (_, first) = held(&text, &events);
    events.reverse();
    let (_, second) = held(&text, &events);
    let told = |outcome: Outcome| {
        let alerts =
            outcome.alerts.into_iter().map(|alert| (alert.correlation, alert.group, alert.windows, alert.runs));
        alerts.collect::<Vec<_>>()
    };
    let first = told(first);
    assert!(!first.is_empty());
    assert_eq!(first, told(second));
}

#[test]
fn correlations_count_on_correlations_in_any_order_of_documents() {
    let chain =
        "title: Top\nname: top\ncorrelation: {type: temporal_ordered, rules: [c, b], group-by: u, timespan: 5m}\n---\n"
            .to_owned()
            + &correlation("type: event_count, rules: a, group-by: u, timespan: 1m, condition: {gte: 2}");
    let a = |second| event(second, r#""k":"a","u":"ann""#);
    let (program, outcome) = held(&chain, &[a(0), a(1), event(2, r#""k":"b","u":"ANN""#)]);
    let titles: Vec<&str> =
        outcome.alerts.iter().map(|alert| program.correlations().list[alert.correlation].meta.title.as_str()).collect();
    assert_eq!(titles, ["C", "Top"]);
}

#[test]
fn windows_that_overlap_are_one_run() {
    let body = "type: event_count, rules: a, timespan: 10s, condition: {gte: 2}";
    let events: Vec<String> = [0, 5, 9, 12, 100, 101].map(|second| event(second, A)).into();
    let (_, outcome) = held(&correlation(body), &events);
    let runs: Vec<(i64, usize, f64)> =
        outcome.alerts[0].runs.iter().map(|run| ((run.last - run.first) / 1_000_000, run.of.len(), run.peak)).collect();
    assert_eq!(runs, [(12, 4, 3.0), (1, 2, 2.0)]);
}

#[test]
fn what_cannot_be_held_is_rejected() {
    for (body, why) in [
        ("type: event_count, rules: nobody, timespan: 1m, condition: {gte: 1}", "nobody"),
        ("type: event_count, rules: c, timespan: 1m, condition: {gte: 1}", "counts on this one"),
        ("type: event_count, rules: a, timespan: 1x, condition: {gte: 1}", "timespan"),
        ("type: event_count, rules: a, timespan: 0s, condition: {gte: 1}", "timespan"),
        ("type: event_count, rules: a, timespan: 1m", "none of lt"),
        ("type: event_count, rules: a, timespan: 1m, condition: {gte: many}", "number"),
        ("type: event_count, rules: a, timespan: 1m, condition: {gte: 1, field: u}", "no field"),
        ("type: value_sum, rules: a, timespan: 1m, condition: {gte: 1}", "needs a field"),
        ("type: value_percentile, rules: a, timespan: 1m, condition: {field: n, gte: 1}", "percentile"),
        ("type: temporal_ordered, condition: a or b, timespan: 1m", "not supported"),
        ("type: temporal, rules: a, condition: a and zz, timespan: 1m", "\"zz\", which is none of its rules"),
        ("type: temporal, condition: 1 of them, timespan: 1m", "needs a list of the rules"),
        ("type: dance, rules: a, timespan: 1m, condition: {gte: 1}", "not known"),
        ("type: event_count, timespan: 1m, condition: {gte: 1}", "names 1 to"),
        ("type: event_count, rules: [a, nobody], timespan: 1m, condition: {gte: 1}", "\"nobody\", and no rule has"),
        ("type: temporal, rules: [a, b], group_by: u, timespan: 1m", "\"group_by\" is not known in a correlation"),
        ("type: temporal, rules: [a, b], generate: \"true\", timespan: 1m", "neither true nor false"),
    ] {
        let (program, problems) = Program::compile([("r.yml".to_owned(), correlation(body))], Routing::Any);
        assert!(program.correlations().list.is_empty() && problems.len() == 1, "{body}: {problems:#?}");
        assert!(problems[0].what.contains(why) && problems[0].line >= 11, "{body}: {problems:#?}");
    }
}

#[test]
fn an_event_of_several_values_is_in_the_group_of_each() {
    let text = correlation("type: event_count, rules: a, group-by: u, timespan: 10s, condition: {gte: 2}");
    let many = (10..30).map(|n| format!("\"x{n}\"")).collect::<Vec<_>>().join(",");
    let events =
        [(0, r#""k":"a","u":["ann","Bob"]"#), (1, r#""k":"a","u":"bob""#), (2, &format!(r#""k":"a","u":[{many}]"#))];
    let (_, outcome) = held(&text, &events.map(|(second, rest)| event(second, rest)));
    let groups: Vec<_> = outcome.alerts.iter().map(|alert| &*alert.group[0]).collect();
    assert_eq!((groups, outcome.grouped, outcome.crowded), (vec!["bob"], vec![3], vec![1]));
}

/// The three ways in which a name of a correlation may stand for nothing.
#[test]
fn why_a_name_stands_for_nothing_is_told() {
    let one = |name: &str, of: &str| {
        format!("title: {name}\nname: {name}\ncorrelation: {{type: temporal, rules: [a, {of}], timespan: 1m}}\n---\n")
    };
    let broken = "title: Broken\nname: broken\nlogsource: {product: p}\ndetection: {condition: s}\n---\n";
    let text = BASE.to_owned() + broken + &one("x", "y") + &one("y", "x") + &one("z", "x") + &one("w", "broken");
    let (_, problems) = Program::compile([("rules.yml".to_owned(), text)], Routing::Any);
    let of = |title: &str| problems.iter().find(|p| p.rule == title).unwrap().what.clone();
    assert!(["x", "y"].iter().all(|title| of(title).contains("which counts on this one")), "{problems:#?}");
    assert!(["z", "w"].iter().all(|title| of(title).contains("rejected or left out")), "{problems:#?}");
}

#[test]
fn combinations_beyond_the_limit_are_told() {
    let text = correlation("type: value_count, rules: a, timespan: 10s, condition: {field: [u, v, w], gte: 2000000}");
    let many = (0..40).map(|n| format!("\"x{n}\"")).collect::<Vec<_>>().join(",");
    let large = event(0, &format!(r#""k":"a","u":[{many}],"v":[{many}],"w":[{many}]"#));
    let (_, outcome) = held(&text, &[large, event(1, r#""k":"a","u":["x","y"],"v":["x","y"],"w":"z""#)]);
    assert_eq!((outcome.grouped, outcome.crowded), (vec![2], vec![1]));
}

//! The gate over all rules at once: with it and without it, each witness meets the same rules, however JSON spells it.

use exfiltrace::detect::{Program, Routing, Scratch};
use exfiltrace::format::{self, Shapes};
use exfiltrace::model::fields::Want;
use exfiltrace::model::layout::Layout;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use super::suite;
use crate::support::{candidates, each_record, left, sigma};

/// An object as JSON in which some characters are escaped though they need not be.
fn spelled(event: &Value, escaped: &[Index]) -> String {
    let text = event.to_string();
    let letters: Vec<usize> = text.char_indices().filter(|(_, c)| c.is_ascii_alphabetic()).map(|(at, _)| at).collect();
    let chosen: Vec<usize> = escaped.iter().filter(|_| !letters.is_empty()).map(|index| *index.get(&letters)).collect();
    let mut quoted = false;
    let mut before = ' ';
    let mut out = String::new();
    for (at, c) in text.char_indices() {
        quoted ^= c == '"' && before != '\\';
        match quoted && before != '\\' && chosen.contains(&at) {
            true => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => out.push(c),
        }
        // A backslash that is escaped escapes nothing.
        before = if before == '\\' && c == '\\' { ' ' } else { c };
    }
    out
}

#[test]
fn index_on_and_index_off_give_the_same_findings() {
    let (Some(cases), rules) = (suite("sigmahq-witness"), sigma()) else { return };
    let events: Vec<&Value> =
        cases.iter().flat_map(|case| case["cases"].as_array().unwrap()).map(|c| &c["event_json"]).collect();
    let (program, _) = Program::compile(rules, Routing::Any);
    let strategy = (prop::collection::vec(any::<Index>(), 8), prop::collection::vec(any::<Index>(), 0..4));
    let met = std::cell::Cell::new(0);
    TestRunner::new(Config { cases: 40, failure_persistence: None, ..Config::default() })
        .run(&strategy, |(picked, escaped)| {
            let text: String = picked
                .iter()
                .map(|index| format!("{}\n", spelled(events[index.index(events.len())], &escaped)))
                .collect();
            let mut differ = Vec::new();
            each_record(b"events.ndjson", &text, &mut |_, format, fields, record| {
                let gate = program.gate(format).unwrap();
                let [all, some] = [&gate.all, &candidates(gate, record)].map(|rules| {
                    let mut matched = Vec::new();
                    program.eval(format, fields, record, rules, &mut Scratch::default(), &mut matched);
                    matched
                });
                met.set(met.get() + all.len());
                if all != some {
                    differ.push(format!("{}: {all:?} {some:?}", String::from_utf8_lossy(record)));
                }
            });
            prop_assert!(differ.is_empty(), "{differ:#?}");
            Ok(())
        })
        .unwrap();
    eprintln!("{} matches", met.get());
    assert!(met.get() > 200, "{} matches", met.get());
}

/// What the values of a listed record rule out, its fields do too; of the rest much is ruled out.
#[test]
fn values_that_are_listed_rule_out_no_rule_that_matches() {
    let (Some(cases), rules) = (suite("sigmahq-witness"), sigma()) else { return };
    let events = cases.iter().flat_map(|case| case["cases"].as_array().unwrap()).map(|case| &case["event_json"]);
    let text: String = events.step_by(19).map(|event| format!("{event}\n")).collect();
    let (program, _) = Program::compile(rules, Routing::Any);
    let (mut shapes, mut scratch, mut counts) = (Shapes::default(), Scratch::default(), [0; 4]);
    let mut surely = 0;
    for known in ["json", "cloudtrail"] {
        let layout = Layout { format: known, ..Layout::plain() };
        let reader = format::reader(&layout);
        each_record(b"events.ndjson", &text, &mut |_, _, _, record| {
            let mut fields = Default::default();
            // What is not listed is learnt.
            let listed = (0..2).any(|_| reader.list(record, &mut shapes));
            if !listed || format::parse(&layout, record, Want::All, &mut fields).is_err() {
                return;
            }
            let all = &program.gate(known).unwrap().all;
            let (some, sure) = left(&program, known, &reader.listing(record, &shapes), all, &mut scratch);
            let [all, few] = [all, &some].map(|rules| {
                let mut matched = Vec::new();
                program.eval(known, &fields, record, rules, &mut scratch, &mut matched);
                matched
            });
            assert_eq!(all, few, "{}", String::from_utf8_lossy(record));
            assert!(!sure || few == some, "{}", String::from_utf8_lossy(record));
            // Of single rules more is sure.
            for rule in some.iter().take(40).chain(&few) {
                let (_, sure) = left(&program, known, &reader.listing(record, &shapes), &[*rule], &mut scratch);
                assert!(!sure || few.contains(rule), "{}", String::from_utf8_lossy(record));
                surely += usize::from(sure);
            }
            counts = [counts[0] + 1, counts[1] + program.rules().len(), counts[2] + some.len(), counts[3] + few.len()];
        });
    }
    eprintln!("records, rules, rules left, matches: {counts:?}; sure: {surely}");
    assert!(surely > 10);
    assert!(counts[0] > 200 && counts[3] > 200 && counts[2] * 5 < counts[1], "{counts:?}");
}

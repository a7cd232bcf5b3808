//! What both engines decide of the same events.

use std::collections::BTreeMap;
use std::process::ExitCode;

use exfiltrace::detect::{Placeholders, Program, Routing, Scratch};
use exfiltrace::format;
use exfiltrace::model::fields::{Fields, Want};
use exfiltrace::model::layout::Layout;
use rsigma_eval::Engine;
use rsigma_eval::event::JsonEvent;
use rsigma_parser::parse_sigma_yaml;
use serde_json::Value;

/// Why the engines differ over rules of a kind.
struct Explained {
    /// All of these stand in the rule.
    words: &'static [&'static str],
    /// What RSigma says; the oracles of the suite and exfiltrace say the opposite.
    theirs: bool,
    /// What the specification says (Sigma 2.1.0, and its appendix of modifiers).
    clause: &'static str,
}

const WILDCARDS: &str =
    "rules specification, escaping: `*` and `?` are wildcards under startswith and endswith as well";

const EXPLAINED: &[Explained] = &[
    Explained {
        words: &["'|all':"],
        theirs: false,
        clause: "rules specification, keywords: a list under a key that is `|all` alone holds keywords of which all must \
                 stand in the event",
    },
    Explained {
        words: &["|windash:"],
        theirs: false,
        clause: "modifiers, windash: `-`, `/`, en dash, em dash and horizontal bar stand for each other",
    },
    Explained {
        words: &["|base64offset|contains:"],
        theirs: false,
        clause: "modifiers, base64offset: a value is sought at all three offsets, less the characters that its \
                 neighbours share",
    },
    Explained { words: &["|endswith:", "???"], theirs: false, clause: WILDCARDS },
    Explained { words: &["|endswith:", "\\\\*."], theirs: false, clause: WILDCARDS },
    Explained { words: &["|startswith:", "/?"], theirs: true, clause: WILDCARDS },
];

/// Runs all events of the witness cases through both; fails where a difference is not explained.
pub fn run() -> ExitCode {
    let text = std::fs::read_to_string(crate::shared("conformance/sigmahq-witness.jsonl")).unwrap();
    let (mut events, mut not_theirs, mut open) = (0, 0, Vec::new());
    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let rule = case["rule_yaml"].as_str().unwrap();
        let cases = case["cases"].as_array().unwrap();
        events += cases.len();
        let Some(engine) = theirs(rule) else {
            not_theirs += cases.len();
            continue;
        };
        let program = ours(&case, rule);
        for of in cases {
            let event = &of["event_json"];
            let mine = is_met(&program, event);
            let other = !engine.evaluate(&JsonEvent::borrow(event)).is_empty();
            if mine == other {
                continue;
            }
            let is = |e: &&Explained| {
                e.theirs == other && of["expected"] == mine && e.words.iter().all(|word| rule.contains(word))
            };
            match EXPLAINED.iter().find(is) {
                Some(explained) => *told.entry(explained.clause).or_default() += 1,
                None => open.push(format!(
                    "{}: exfiltrace {mine}, RSigma {other}, the oracles {}: {event}\n{rule}",
                    case["name"], of["expected"]
                )),
            }
        }
    }
    println!("{events} events; {not_theirs} of rules that RSigma does not load");
    told.iter().for_each(|(clause, n)| println!("{n} differ: {clause}"));
    open.iter().take(40).for_each(|line| println!("{line}"));
    println!("{} differ and are not explained", open.len());
    ExitCode::from(u8::from(!open.is_empty()))
}

fn theirs(rule: &str) -> Option<Engine> {
    let collection = parse_sigma_yaml(rule).ok().filter(|found| found.errors.is_empty())?;
    let mut engine = Engine::new();
    engine.add_collection(&collection).ok()?;
    (engine.rule_count() > 0).then_some(engine)
}

fn ours(case: &Value, rule: &str) -> Program {
    let part = |key: &str| case["logsource"][key].as_str().map(str::to_lowercase);
    let routing = match case["logsource"].is_object() {
        true => Routing::Forced { product: part("product"), category: part("category"), service: part("service") },
        false => Routing::Any,
    };
    let (program, problems) = Program::compile_with([("rule.yml".into(), rule.into())], routing, &Placeholders::new());
    assert!(problems.is_empty(), "{problems:?}: {rule}");
    program
}

/// Whether the rule matches the event, which is read as a line of JSON.
fn is_met(program: &Program, event: &Value) -> bool {
    let record = event.to_string();
    let layout = Layout { format: "json", ..Layout::plain() };
    let mut fields = Fields::default();
    assert!(format::parse(&layout, record.as_bytes(), Want::All, &mut fields).is_ok(), "{record}");
    let Some(gate) = program.gate("json") else { return false };
    let mut matched = Vec::new();
    program.eval("json", &fields, record.as_bytes(), &gate.all, &mut Scratch::default(), &mut matched);
    !matched.is_empty()
}

//! Suites of single events: each is a line of JSON that goes through recognition, parser, gate and evaluation.

use exfiltrace::detect::{Placeholders, Program, Routing, Scratch};
use exfiltrace::model::fields::Fields;
use serde_json::Value;

use super::{Dissent, judge, suite};
use crate::support::{candidates, each_record};

/// Whether some rule matches a record: with every rule evaluated, and with those only that the gate lets pass.
fn matches(program: &Program, format: &str, fields: &Fields<'_>, record: &[u8]) -> [bool; 2] {
    let Some(gate) = program.gate(format) else { return [false; 2] };
    let through = candidates(gate, record);
    [&gate.all, &through].map(|candidates| {
        let mut matched = Vec::new();
        program.eval(format, fields, record, candidates, &mut Scratch::default(), &mut matched);
        !matched.is_empty()
    })
}

/// The log source that a case is to be taken for.
fn routing(case: &Value) -> Routing {
    let part = |key: &str| case["logsource"][key].as_str().map(str::to_lowercase);
    match case["logsource"].is_object() {
        true => Routing::Forced { product: part("product"), category: part("category"), service: part("service") },
        false => Routing::Any,
    }
}

/// The oracles leave a placeholder without a value as it is written.
fn as_written() -> Placeholders {
    ["test", "vendor", "product"].map(|name| (name.to_owned(), vec![format!("%{name}%")])).into()
}

/// The events of a case with what is expected of each.
fn events(case: &Value) -> Vec<&Value> {
    case["cases"].as_array().map_or_else(|| vec![case], |cases| cases.iter().collect())
}

/// How many events a suite has, and those that are not decided as it says.
fn run(cases: &[Value]) -> (usize, Vec<String>) {
    let (mut all, mut wrong) = (0, Vec::new());
    for case in cases.iter().filter(|case| case["agrees_with_oracle"] != false) {
        let name = case["name"].as_str().unwrap();
        let rule = case["rule_yaml"].as_str().unwrap();
        let (program, problems) =
            Program::compile_with([(name.to_owned(), rule.to_owned())], routing(case), &as_written());
        let events = events(case);
        all += events.len();
        if let Some(problem) = problems.first() {
            wrong.extend(events.iter().map(|_| format!("{name}: not loaded: {}", problem.what)));
            continue;
        }
        let text: String = events.iter().map(|event| format!("{}\n", event["event_json"])).collect();
        let mut decided = vec![None; events.len()];
        each_record(b"events.ndjson", &text, &mut |number, format, fields, record| {
            decided[number] = Some(matches(&program, format, fields, record));
        });
        for (event, decided) in events.iter().zip(decided) {
            let expected = event["expected"].as_bool().unwrap();
            if decided != Some([expected; 2]) {
                let (json, change) = (&event["event_json"], &event["mutation"]);
                wrong.push(format!("{name}: expected {expected}, plain and gated {decided:?}, {change}: {json}"));
            }
        }
    }
    (all, wrong)
}

fn check(name: &str, dissents: &[Dissent]) {
    let Some(cases) = suite(name) else { return };
    let (all, wrong) = run(&cases);
    judge(name, all, &wrong, dissents);
}

#[test]
fn each_clause_of_the_specification() {
    check("spec-mini", &[]);
}

#[test]
fn the_rules_of_pysigmas_tests() {
    check("pysigma-rules", &[]);
}

#[test]
fn every_rule_of_sigmahq_has_its_witness_and_its_near_misses() {
    check("sigmahq-witness", &[]);
}

#[test]
fn unit_cases_of_other_engines() {
    let clause = "specification 2.1.0, placeholders: a value comes from the user, and a rule without one is not used; \
                  the peer takes it out of the event";
    check("peer-rust-unit", &[Dissent { case: "rsigma/test_expand_modifier_multiple_placeholders/1", clause }]);
}

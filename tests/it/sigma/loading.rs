//! What loads, what does not, and what is said of it.

use exfiltrace::detect::{Placeholders, Problem, Program, Routing};
use serde_json::Value;

use super::{Dissent, judge, suite};
use crate::support::sigma;

/// Compiles the documents of a case. Placeholders of pySigma's tests get a value, and rules that a correlation names and
/// the case does not hold get a document, for it is the parser that is tested.
fn compiled(case: &Value) -> (Program, Vec<Problem>) {
    let name = case["name"].as_str().unwrap();
    let given: Placeholders = [("test".to_owned(), vec!["value".to_owned()])].into();
    let text = case["rule_yaml"].as_str().unwrap();
    let compile = |more: &str| {
        let files = [(name.to_owned(), text.to_owned()), ("more.yml".to_owned(), more.to_owned())];
        Program::compile_with(files, Routing::Any, &given)
    };
    let (program, problems) = compile("");
    let is_missing = |problem: &&Problem| problem.what.contains("and no rule has this name");
    let Some(problem) = problems.iter().find(is_missing) else { return (program, problems) };
    let stub = |name: &str| {
        format!("title: x\nname: {name}\nlogsource: {{product: x}}\ndetection: {{s: {{a: b}}, condition: s}}\n---\n")
    };
    compile(&problem.what.split('"').skip(1).step_by(2).map(stub).collect::<String>())
}

#[test]
fn what_pysigma_parses_rejects_or_flags() {
    let Some(cases) = suite("pysigma-parse") else { return };
    let mut wrong = Vec::new();
    for case in &cases {
        let (program, problems) = compiled(case);
        let is_lint = |what: &str| !what.starts_with("this filter");
        let remarks: Vec<&str> =
            program.remarks().iter().map(|r| r.what.as_str()).filter(|what| is_lint(what)).collect();
        let said = match (problems.is_empty(), remarks.is_empty()) {
            (false, _) => "reject",
            (true, false) => "lint-error",
            (true, true) => "accept",
        };
        let expected = case["expected"].as_str().unwrap();
        // Accepted means that it is used: pySigma's own validators have remarks on some of these, as we have.
        let right = said == expected || (expected == "accept" && said != "reject");
        if !right {
            wrong.push(format!("{}: {said} for {expected}: {problems:?} {remarks:?}", case["name"].as_str().unwrap()));
        }
    }
    let clause = "specification 2.1.0, rules, condition: what follows \"of\" names search identifiers; the case reads YAML \
                  and leaves the condition alone, which pySigma too refuses once it is used";
    judge(
        "pysigma-parse",
        cases.len(),
        &wrong,
        &[Dissent { case: "pysigma-parse/test_validator_dangling_condition", clause }],
    );
}

#[test]
fn every_rule_of_sigmahq_loads_but_those_whose_placeholders_have_no_value() {
    let documents = sigma();
    if documents.is_empty() {
        return;
    }
    let files = documents.len();
    let (program, problems) = Program::compile(documents.clone(), Routing::Auto);
    for problem in &problems {
        assert!(problem.what.contains("placeholder %"), "{}:{}: {}", problem.file, problem.line, problem.what);
        assert!((problem.line, problem.column) > (1, 1), "{}: the place of the value is told", problem.file);
    }
    let remarks: Vec<String> = program.remarks().iter().map(|r| format!("{}:{}: {}", r.file, r.line, r.what)).collect();
    eprintln!("{files} files: {} rules, {} without values for placeholders", program.rules().len(), problems.len());
    assert_eq!(program.rules().len() + problems.len(), files);
    assert!(remarks.is_empty(), "SigmaHQ keeps to the specification: {remarks:#?}");
    // A rule may have several.
    let (mut given, mut left) = (Placeholders::new(), problems);
    while !left.is_empty() {
        let known = given.len();
        let names = left.iter().filter_map(|problem| problem.what.split('%').nth(1));
        given.extend(names.map(|name| (name.to_owned(), vec!["10.0.0.1".to_owned(), "10.0.0.2".to_owned()])));
        assert!(given.len() > known, "{left:#?}");
        left = Program::compile_with(documents.clone(), Routing::Auto, &given).1;
    }
    let (program, _) = Program::compile_with(documents, Routing::Auto, &given);
    assert_eq!(program.rules().len(), files);
}

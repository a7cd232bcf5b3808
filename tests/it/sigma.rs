//! Sigma by the cases of others: those that two independent readers of the standard agree on, and those of other engines.

mod chains;
mod correlations;
mod documents;
mod events;
mod evtx;
mod files;
mod gate;
mod loading;

use std::path::PathBuf;

use serde_json::Value;

use crate::support::shared;

/// The cases of one suite, or `None` with a printed reason.
fn suite(name: &str) -> Option<Vec<Value>> {
    let text = std::fs::read_to_string(folder()?.join(format!("{name}.jsonl"))).unwrap();
    let cases: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!cases.is_empty(), "{name} holds cases");
    Some(cases)
}

fn folder() -> Option<PathBuf> {
    shared("conformance")
}

/// A case of a suite that we decide otherwise, and the clause of the specification that says so.
struct Dissent {
    case: &'static str,
    clause: &'static str,
}

/// Prints how a suite went, and fails where a case is not decided as it says. A dissent that no case needs is a failure too.
fn judge(suite: &str, all: usize, wrong: &[String], dissents: &[Dissent]) {
    // `…/1` is not the beginning of `…/10`.
    let is_of = |line: &str, dissent: &Dissent| {
        line.strip_prefix(dissent.case).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    };
    let of = |dissent: &Dissent| wrong.iter().filter(|line| is_of(line, dissent)).count();
    for dissent in dissents {
        eprintln!("{suite}: {} decided otherwise: {}", dissent.case, dissent.clause);
        assert!(of(dissent) > 0, "{suite}: {} is decided as the suite says", dissent.case);
    }
    let left: Vec<&String> = wrong.iter().filter(|line| !dissents.iter().any(|d| is_of(line, d))).collect();
    eprintln!("{suite}: {} of {all} decided as it says, {} otherwise", all - wrong.len(), wrong.len() - left.len());
    let shown: Vec<String> = left.iter().take(60).map(|line| line.chars().take(400).collect()).collect();
    assert!(left.is_empty(), "{suite}: {} of {all} are wrong:\n{}", left.len(), shown.join("\n"));
}

//! Patterns over several observations, decided over the records that show their parts.

use super::bind::{Seen, choice};
use super::logs::for_logs;
use super::{Moment, Pattern};
use crate::model::part::{Decision, Shown};

/// Decides a pattern over records sorted by time, those without one last. The records of a decision are those of the match
/// that is complete first, ascending.
///
/// A part of a pattern never speaks against it, so what some of the first records satisfy, more of them do.
pub fn together(pattern: &str, records: &[Shown]) -> Decision {
    let Ok(pattern) = for_logs(pattern) else { return Decision::Open };
    let (mut unmet, mut tried) = (0, 1);
    let mut found = loop {
        let first = tried.min(records.len());
        match of_first(&pattern, &records[..first]) {
            Decision::Met(choice) => break (first, choice),
            other if first == records.len() => return other,
            _ => (unmet, tried) = (first, tried * 2),
        }
    };
    while found.0 - unmet > 1 {
        let middle = unmet + (found.0 - unmet) / 2;
        match of_first(&pattern, &records[..middle]) {
            Decision::Met(choice) => found = (middle, choice),
            _ => unmet = middle,
        }
    }
    Decision::Met(found.1)
}

fn of_first(pattern: &Pattern, records: &[Shown]) -> Decision {
    let moment = |record: &Shown| record.at.map(|at| Moment(i128::from(at.micros()) * 1000));
    let seen: Vec<Seen> =
        records.iter().map(|record| Seen { time: moment(record).map(|at| (at, at)), count: 1 }).collect();
    let mut fitting = vec![Vec::new(); pattern.leaves.len()];
    for (at, record) in records.iter().enumerate() {
        for part in &record.parts {
            // A partial that another version wrote may name a part that is none.
            fitting.get_mut(*part as usize).into_iter().for_each(|found: &mut Vec<usize>| found.push(at));
        }
    }
    match choice(&pattern.root, &seen, fitting) {
        Ok(Some(mut records)) => {
            records.sort_unstable();
            records.dedup();
            Decision::Met(records)
        }
        Ok(None) => Decision::Unmet,
        Err(_) => Decision::Open,
    }
}

//! Incidents with known truth and their benign twins (`fixtures/scenarios`): what the product says of them, and what must
//! not change it. `-- scenarios --nocapture` prints the tables; EXFILTRACE_SCENARIOS=full runs all seeds
//! and sizes, EXFILTRACE_SCENARIOS=4,5x10 these seeds, the second with ten times the background.

#[allow(dead_code, unused_imports, reason = "the example uses more of it")]
#[path = "../../../fixtures/scenarios/all.rs"]
mod generated;

mod desk;
mod metamorphic;
mod score;

use std::fmt::Write as _;

use crate::fixtures::{clock, edge, hosts, pack, rng, web};
use generated::{Params, Role, STORIES, scenario};

use desk::Desk;
use score::Score;

/// What the environment asks for: nothing, `full`, or seeds with commas between them.
fn asked() -> Option<String> {
    std::env::var("EXFILTRACE_SCENARIOS").ok()
}

/// Whether all seeds and sizes are asked for.
fn is_full() -> bool {
    asked().is_some_and(|asked| asked == "full")
}

/// What the tables run over: seeds and sizes of the background.
fn grid() -> Vec<Params> {
    let of = |story, rate| Params { story, names: story * 7 + rate, rate, ..Params::default() };
    match asked() {
        None => vec![of(1, 1)],
        Some(_) if is_full() => (1..=6).flat_map(|story| [of(story, 1), of(story, 10)]).collect(),
        Some(seeds) => {
            let of = |seed: &str| match seed.split_once('x') {
                Some((seed, rate)) => of(seed.parse().unwrap(), rate.parse().unwrap()),
                None => of(seed.parse().unwrap(), 1),
            };
            seeds.split(',').map(of).collect()
        }
    }
}

/// Every third seed was not looked at while rules and clauses were mended.
fn is_held_out(params: Params) -> bool {
    params.story.is_multiple_of(3)
}

/// Every story and twin is judged as its truth says, and nothing false is claimed.
#[test]
fn stories_and_twins_are_told_apart() {
    let mut desk = Desk::new();
    let mut all = Score::default();
    let mut held_out = Score::default();
    for params in grid() {
        for (at, (name, _)) in STORIES.iter().enumerate() {
            for twin in [false, true] {
                let told = scenario(name, twin, params);
                let partial = desk.read(&told);
                let what =
                    &format!("{name}{} seed {} rate {}", if twin { " twin" } else { "" }, params.story, params.rate);
                if params.rate == 1 && (is_full() || at % 6 == 3 * usize::from(twin)) {
                    metamorphic::without_a_source_no_more_is_claimed(&mut desk, &told, &partial, what);
                }
                if !twin && told.truth.told.iter().any(|known| known.stolen) && (asked().is_some() || at % 3 == 0) {
                    let told = scenario(name, twin, Params { without: Some(Role::Intrusion), ..params });
                    let partial = desk.read(&told);
                    let outcome = desk.judge(&told.scopes(true), partial);
                    let score = if is_held_out(params) { &mut held_out } else { &mut all };
                    score.add_unrecorded(&told.truth, &outcome);
                }
                if !twin && (is_full() || at % 3 == 0) {
                    metamorphic::an_attacker_on_a_sanctioned_platform_is_an_attacker(&mut desk, &told, &partial, what);
                }
                for sanctioned in [true, false].into_iter().filter(|s| *s || told.truth.sanction.is_some()) {
                    let outcome = desk.judge(&told.scopes(sanctioned), partial.clone());
                    let score = if is_held_out(params) { &mut held_out } else { &mut all };
                    score.add(what, &told.truth, twin, sanctioned, &outcome);
                }
            }
        }
    }
    println!("{}", all.table());
    if held_out.scopes > 0 {
        println!("held out:\n{}", held_out.table());
    }
    let mut faults = String::new();
    for score in [&all, &held_out] {
        score.faults.iter().for_each(|fault| writeln!(faults, "{fault}").unwrap());
        assert!(score.exact * 100 >= score.scopes * 95, "{} of {} exact\n{}", score.exact, score.scopes, score.table());
    }
    assert!(faults.is_empty(), "{faults}");
}

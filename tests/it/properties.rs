//! What must hold for any text and any list: the grid and the threads change nothing, and no byte is lost.

use std::cell::RefCell;
use std::collections::BTreeSet;

use exfiltrace::discover::{self, Root};
use exfiltrace::indicators::Builder;
use exfiltrace::model::ledger::EntryKind;
use exfiltrace::model::partial::Partial;
use exfiltrace::model::scopes::Scopes;
use exfiltrace::plan::Plan;
use exfiltrace::scan;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseResult, TestRng, TestRunner};

use crate::formats::fixture_bytes;
use crate::support::plan;

/// A log as text, and the list that it is searched for.
#[derive(Debug, Clone)]
struct Case {
    text: Vec<u8>,
    list: Vec<String>,
    /// Members of the list that stand in the text where nothing can take them for something else.
    planted: BTreeSet<String>,
}

/// An address or a name of the documentation ranges; few enough that a text holds some that are listed.
fn needle() -> impl Strategy<Value = String> {
    prop_oneof![
        (1..=30u8).prop_map(|last| format!("203.0.113.{last}")),
        (1..=9u8).prop_map(|last| format!("2001:db8::{last:x}")),
        "[a-d]{1,3}-[x-z]{1,2}\\.(example|test\\.example)",
    ]
}

/// One line with the needle that it holds.
fn line() -> impl Strategy<Value = (Vec<u8>, Option<String>)> {
    let held = |make: fn(&str) -> String| move |needle: String| (make(&needle).into_bytes(), Some(needle));
    prop_oneof![
        4 => needle().prop_map(held(|n| {
            format!("{n} - - [28/Mar/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 512 \"-\" \"curl/8\"")
        })),
        2 => needle().prop_map(held(|n| format!("Mar 28 10:00:01 gw proxyd[7]: sent 40 bytes to {n} at last"))),
        2 => needle().prop_map(held(|n| format!("{{\"@timestamp\":\"2026-03-28T10:00:02Z\",\"destination\":{{\"ip\":\"{n}\"}}}}"))),
        1 => needle().prop_map(held(|n| format!("{}{n} {}", "filler ".repeat(700), "more ".repeat(200)))),
        1 => Just((Vec::new(), None)),
        1 => Just((b"#Fields: date time c-ip cs-uri-stem sc-status".to_vec(), None)),
        1 => Just((b"time,src_ip,\"note, quoted\"".to_vec(), None)),
        2 => proptest::collection::vec(any::<u8>(), 0..90).prop_map(|bytes| (bytes, None)),
        1 => "[ -~]{0,200}".prop_map(|text| (text.into_bytes(), None)),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let lines = proptest::collection::vec((line(), any::<bool>()), 1..60);
    let list = proptest::collection::btree_set(needle(), 1..12);
    (lines, list, any::<bool>()).prop_map(|(lines, list, ended)| {
        let mut text = Vec::new();
        let mut planted = BTreeSet::new();
        for ((line, needle), carriage) in lines {
            text.extend_from_slice(&line);
            text.extend_from_slice(if carriage { b"\r\n" } else { b"\n" });
            planted.extend(needle.filter(|needle| list.contains(needle)));
        }
        if !ended {
            text.pop();
        }
        Case { text, list: list.into_iter().collect(), planted }
    })
}

/// Scans the evidence of the plan with a grid and a number of threads.
fn scanned(plan: &mut Plan, cell_bytes: usize, threads: usize) -> Partial {
    (plan.cell_bytes, plan.threads) = (cell_bytes, threads);
    let survey = discover::survey(&plan.roots, &plan.skip).unwrap();
    scan::sources(plan, &survey).unwrap().0
}

fn holds(plan: &mut Plan, case: &Case) -> TestCaseResult {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("any.log");
    std::fs::write(&path, &case.text).unwrap();
    plan.roots = vec![Root { name: b"any.log".to_vec(), path: Some(path) }];
    let mut builder = Builder::new();
    builder.add("list", "", case.list.join("\n").as_bytes());
    let (indicators, refused) = builder.finish();
    prop_assert!(refused.is_empty(), "{:?}", refused);
    plan.indicators = indicators;

    let first = scanned(plan, 64, 1);
    let as_text = serde_json::to_string(&first).unwrap();
    for (cell_bytes, threads) in [(64, 3), (4096, 1), (4096, 3), (262_144, 1), (262_144, 3)] {
        let other = serde_json::to_string(&scanned(plan, cell_bytes, threads)).unwrap();
        prop_assert_eq!(&other, &as_text, "cell {}, {} threads", cell_bytes, threads);
    }

    let sources: Vec<_> = first.sources.values().filter(|source| source.entry.kind == EntryKind::Source).collect();
    let expected = usize::from(!case.text.is_empty());
    prop_assert_eq!(sources.len(), expected, "the file is one source: {:?}", first.sources.keys());
    for source in sources {
        prop_assert_eq!(source.entry.size, case.text.len() as u64);
        prop_assert_eq!(source.entry.bytes.total(), case.text.len() as u64);
        let found: BTreeSet<String> = source.indicators.held.keys().map(|key| key.value.to_string()).collect();
        prop_assert!(found.is_superset(&case.planted), "found {:?} of {:?}", found, case.planted);
    }
    Ok(())
}

/// What happens to a log on its way to an investigator.
#[derive(Debug, Clone)]
enum Damage {
    /// It ends here.
    Cut(u16),
    /// These bytes got in.
    Inserted(u16, Vec<u8>),
    /// These bytes went missing.
    Lost(u16, u8),
    /// Its line ends were changed.
    Returned,
    /// A byte order mark was put before it.
    Marked,
    /// It was joined with itself.
    Twice,
}

fn damage() -> impl Strategy<Value = Damage> {
    let junk = prop_oneof![
        proptest::collection::vec(any::<u8>(), 1..40),
        "[ -~]{1,60}".prop_map(String::into_bytes),
        Just(vec![0; 9]),
        Just(b"\"".to_vec()),
        Just(b"\n\"".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"<Event ".to_vec()),
        Just(b"</Event>\n<Events>".to_vec()),
        Just(b"}\n]".to_vec()),
        Just(b"\n#Fields: time c-ip\n".to_vec()),
        Just(b" 203.0.113.7 \n".to_vec()),
        (1usize..70_000).prop_map(|length| vec![b'x'; length]),
    ];
    prop_oneof![
        1 => any::<u16>().prop_map(Damage::Cut),
        6 => (any::<u16>(), junk).prop_map(|(at, junk)| Damage::Inserted(at, junk)),
        2 => (any::<u16>(), any::<u8>()).prop_map(|(at, length)| Damage::Lost(at, length)),
        1 => Just(Damage::Returned),
        1 => Just(Damage::Marked),
        1 => Just(Damage::Twice),
    ]
}

impl Damage {
    fn done_to(&self, mut text: Vec<u8>) -> Vec<u8> {
        let place = |at: u16, text: &[u8]| usize::from(at) % (text.len() + 1);
        match self {
            Self::Cut(at) => text.truncate(place(*at, &text)),
            Self::Inserted(at, junk) => {
                let at = place(*at, &text);
                text.splice(at..at, junk.iter().copied());
            }
            Self::Lost(at, length) => {
                let at = place(*at, &text);
                text.drain(at..(at + usize::from(*length)).min(text.len()));
            }
            Self::Returned => text = text.split(|&b| b == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..]),
            Self::Marked => drop(text.splice(0..0, *b"\xef\xbb\xbf")),
            Self::Twice => text = text.repeat(2),
        }
        text
    }
}

/// The sample of any format, as it is or in UTF-16, damaged.
fn damaged() -> impl Strategy<Value = Case> {
    let samples = fixture_bytes();
    let which = 0..samples.len();
    (which, any::<bool>(), proptest::collection::vec(damage(), 0..4)).prop_map(move |(which, wide, damage)| {
        let mut text = damage.iter().fold(samples[which].clone(), |text, damage| damage.done_to(text));
        if wide {
            let units = String::from_utf8_lossy(&text).into_owned();
            text = format!("\u{feff}{units}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        }
        let list = ["203.0.113.9", "203.0.113.7", "198.51.100.7"].map(str::to_owned).to_vec();
        Case { text, list, planted: BTreeSet::new() }
    })
}

#[test]
fn no_damage_to_the_log_of_any_format_is_lost_or_depends_on_the_grid() {
    let config = Config { cases: 96, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let plan = RefCell::new(plan(Vec::new(), Scopes::default(), Builder::new()));
    if let Err(failure) = runner.run(&damaged(), |case| holds(&mut plan.borrow_mut(), &case)) {
        panic!("{failure}");
    }
}

#[test]
fn grids_and_threads_change_nothing_and_no_byte_is_lost() {
    let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let plan = RefCell::new(plan(Vec::new(), Scopes::default(), Builder::new()));
    let met = RefCell::new(0);
    let ran = runner.run(&case(), |case| {
        *met.borrow_mut() += case.planted.len();
        holds(&mut plan.borrow_mut(), &case)
    });
    if let Err(failure) = ran {
        panic!("{failure}");
    }
    assert!(*met.borrow() > 20, "the texts do hold listed values");
}

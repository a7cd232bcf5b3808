//! The literal gate changes nothing but time: every rule that matches a record is a candidate of the gate.

use std::path::Path;
use std::sync::Arc;

use exfiltrace::detect::{Gates, Program, Routing, Scratch};
use exfiltrace::discover;
use exfiltrace::format::{self, Clock};
use exfiltrace::model::atoms::Atoms;
use exfiltrace::model::fields::{Fields, View, Want};
use exfiltrace::model::indicator::Indicators;
use exfiltrace::model::ledger::Entry;
use exfiltrace::model::place::Locator;
use exfiltrace::model::rarity::Usage;
use exfiltrace::model::source::{SourceMeta, Stream, Visitor};
use exfiltrace::open::{DigestKind, Io, Limits, Opening, open_bytes};
use exfiltrace::plan::Plan;
use exfiltrace::scan;
use exfiltrace::sift::{Sift, atoms_plainly};
use exfiltrace::split::Splitter;

use crate::support::{fixture_plan, project, shared, sigma};

/// What was held against each other.
#[derive(Debug, Default)]
struct Tally {
    records: usize,
    blind: usize,
    matches: usize,
    lost: Vec<String>,
}

/// Holds some records of every leaf stream against all rules, without the gate and with it.
struct Check<'p> {
    program: &'p Program,
    gates: &'p Gates,
    sift: Sift<'p>,
    /// Of each leaf at most so many records, spread over it.
    records: usize,
    tally: Tally,
}

impl Visitor for Check<'_> {
    fn leaf(&mut self, meta: SourceMeta, stream: &mut dyn Stream) {
        let mut head = Vec::new();
        if stream.fill(&mut head, 64 << 10).is_err() || head.is_empty() {
            return;
        }
        let clock = Clock { zone: jiff::tz::TimeZone::UTC, zone_given: false };
        let layout = Arc::new(format::recognise(&head, false, &meta, &clock));
        let mut splitter = Splitter::new(layout, 1 << 18, format::relayout);
        splitter.feed(&head);
        let (mut view, mut atoms, mut left) = (View::default(), Vec::new(), self.records);
        while let Some(block) = splitter.next(stream) {
            let Some(gate) = self.gates.get(block.layout.format).filter(|_| left > 0) else { continue };
            format::render(&block, &mut view);
            let text: &[u8] = if view.is_rendered { &view.rendered } else { &block.bytes };
            atoms.clear();
            self.sift.atoms(gate.set, text, &mut atoms);
            let step = view.records.len().div_ceil(left).max(1);
            for seen in view.records.iter().step_by(step) {
                left = left.saturating_sub(1);
                let record = &text[seen.start..seen.end];
                let mut fields = Fields::default();
                let _ = format::parse(&block.layout, record, Want::All, &mut fields);
                let mut matched = Vec::new();
                self.program.eval(
                    block.layout.format,
                    &fields,
                    record,
                    &gate.all,
                    &mut Scratch::default(),
                    &mut matched,
                );
                self.tally.records += 1;
                self.tally.matches += matched.len();
                if gate.bypasses(record) {
                    self.tally.blind += 1;
                    continue;
                }
                let within = atoms.iter().filter(|hit| (seen.start..seen.end).contains(&hit.at));
                let mut candidates = gate.atoms.always.clone();
                candidates.extend(within.flat_map(|hit| &gate.atoms.rules[hit.literal as usize]));
                for rule in matched.into_iter().filter(|rule| !candidates.contains(rule)) {
                    let title = &self.program.rules()[rule as usize].title;
                    let shown: String = String::from_utf8_lossy(record).chars().take(400).collect();
                    self.tally.lost.push(format!("{}: {title}: {shown}", block.layout.format));
                }
            }
        }
    }

    fn entry(&mut self, _: Entry) {}
}

/// Checks all files below some folders.
fn check(program: &Program, folders: &[std::path::PathBuf], records: usize) -> Tally {
    check_with(program, program.gates(), folders, records)
}

fn check_with(program: &Program, gates: &Gates, folders: &[std::path::PathBuf], records: usize) -> Tally {
    let indicators = Indicators::default();
    let sift = Sift::with_sets(&indicators, gates.sets()).expecting(gates.expected());
    let mut check = Check { program, gates, sift, records, tally: Tally::default() };
    let opening =
        Opening { limits: Limits::default(), passwords: Vec::new(), work: None, digest: DigestKind::Off, io: Io::Auto };
    let mut left: Vec<_> = folders.to_vec();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            open_bytes(Locator::root(name(&path)), &std::fs::read(&path).unwrap(), &opening, &mut check);
        }
    }
    eprintln!("{} records, {} blind, {} matches", check.tally.records, check.tally.blind, check.tally.matches);
    assert!(check.tally.lost.is_empty(), "the gate loses {}: {:#?}", check.tally.lost.len(), check.tally.lost);
    check.tally
}

fn name(path: &Path) -> &[u8] {
    path.file_name().unwrap().as_encoded_bytes()
}

#[test]
fn the_gate_loses_no_match_of_our_rules_on_our_fixtures() {
    for routing in [Routing::Auto, Routing::Any] {
        let (program, _) = Program::compile(Program::builtin(), routing);
        let tally = check(&program, &[project("fixtures/incident/evidence"), project("fixtures/formats")], 3_000);
        assert!(tally.records > 10_000 && tally.matches > 100, "{tally:?}");
    }
}

/// Not only the same rules: the same partial, byte for byte, though a record is read in part where no rule may match it.
#[test]
fn a_scan_tells_the_same_with_the_gate_and_without() {
    let mut plan = fixture_plan("incident");
    let told = |plan: &Plan| {
        let survey = discover::survey(&plan.roots, &plan.skip).unwrap();
        serde_json::to_string(&scan::sources(plan, &survey).unwrap().0).unwrap()
    };
    let gated = told(&plan);
    plan.program = plan.program.ungated();
    plan.patterns = plan.patterns.ungated();
    assert!(plan.program.sets().all(|atoms| atoms.literals.is_empty() && !atoms.always.is_empty()));
    assert!(gated.contains("\"rules\"") && gated == told(&plan), "the gate makes a difference");
}

#[test]
fn the_gate_loses_no_match_of_sigma_rules_on_the_corpora() {
    let rules = sigma();
    let Some(corpora) = shared("corpora").filter(|_| !rules.is_empty()) else { return };
    let of = |names: &[&str]| names.iter().map(|name| corpora.join(name)).collect::<Vec<_>>();
    let (auto, _) = Program::compile(rules.clone(), Routing::Auto);
    let tally = check(&auto, &of(&["security-datasets", "attack-data", "web", "cloud", "evtx/plaso"]), 60);
    assert!(tally.matches > 50, "{tally:?}");
    // Any rule against any format, so that each way of writing values meets literals of all sorts.
    let (any, _) = Program::compile(rules.into_iter().step_by(4), Routing::Any);
    let tally = check(&any, &of(&["crowdsec-hub", "text/lnav", "web"]), 12);
    assert!(tally.records > 5_000 && tally.matches > 5, "{tally:?}");
}

/// The gates after a sample of one log, whatever that has to do with the logs they are used on.
fn gates_after(program: &Program, log: &[u8]) -> Gates {
    let usage = || {
        let mut usage = Usage::default();
        log.split(|byte| *byte == b'\n').take(2_000).for_each(|record| usage.add(record));
        Some(usage)
    };
    program.gates_after(program.sets().map(|_| usage()).collect())
}

/// A web log makes other literals rare than the one before: all are as good for every log.
#[test]
fn the_gate_loses_no_match_whatever_a_sample_shows() {
    let (program, _) = Program::compile(Program::builtin(), Routing::Any);
    // The commonest words of the rules are in each record of it.
    let mut words: Vec<_> = program.sets().flat_map(|atoms| &atoms.literals).map(|literal| &**literal).collect();
    words.sort_unstable();
    words.dedup();
    let half = words.iter().step_by(2).flat_map(|word| [word, &b" "[..]].concat()).collect::<Vec<u8>>();
    let logs = [std::fs::read(project("fixtures/incident/evidence/web/riverside-access.log")).unwrap(), half];
    for log in logs {
        let gates = gates_after(&program, &log);
        assert!(
            gates.sets().zip(program.sets()).any(|(after, before)| after != before),
            "some rule has another literal"
        );
        let folders = [project("fixtures/incident/evidence"), project("fixtures/formats")];
        let tally = check_with(&program, &gates, &folders, 200);
        assert!(tally.records > 2_000 && tally.matches > 100, "{tally:?}");
    }
}

#[test]
fn the_gate_loses_no_match_of_sigma_rules_after_a_sample() {
    let rules = sigma();
    let Some(corpora) = shared("corpora").filter(|_| !rules.is_empty()) else { return };
    let (program, _) = Program::compile(rules, Routing::Auto);
    let log = std::fs::read(project("fixtures/incident/evidence/web/riverside-access.log")).unwrap();
    let of = ["security-datasets", "attack-data", "web", "cloud"].map(|name| corpora.join(name));
    let tally = check_with(&program, &gates_after(&program, &log), &of, 40);
    assert!(tally.matches > 50, "{tally:?}");
}

/// The whole scan with a sample of the evidence and without, on one core and on more.
#[test]
fn a_sample_of_the_evidence_changes_nothing_but_time() {
    let scan = |sample_from_bytes, threads| {
        let outcome = scan::scan(&Plan { sample_from_bytes, threads, ..fixture_plan("incident") }).unwrap();
        let findings: Vec<_> = outcome.findings.list().iter().map(|finding| format!("{finding:?}")).collect();
        assert!(!findings.is_empty());
        (findings, format!("{:?}", outcome.verdict), format!("{:?}", outcome.ledger))
    };
    let without = scan(u64::MAX, 2);
    for threads in [1, 3] {
        assert!(scan(0, threads) == without, "with a sample and {threads} threads");
    }
}

/// The gate and its slow twin, over texts and the literals of the embedded rules.
#[test]
fn the_gate_finds_what_plain_search_finds_in_our_fixtures() {
    let (program, _) = Program::compile(Program::builtin(), Routing::Any);
    let indicators = Indicators::default();
    let sift = Sift::with_sets(&indicators, program.sets());
    for file in ["web/riverside-access.log", "linux/audit/audit.log"] {
        let text = std::fs::read(project("fixtures/incident/evidence").join(file)).unwrap();
        let text = &text[..text.len().min(60_000)];
        for (set, atoms) in program.sets().enumerate() {
            let (mut found, mut plain) = (Vec::new(), Vec::new());
            sift.atoms(set, text, &mut found);
            atoms_plainly(atoms, text, &mut plain);
            assert!(found == plain && !plain.is_empty(), "{file}, set {set}");
        }
    }
}

#[test]
fn sets_that_are_looked_for_together_give_what_each_gives_alone() {
    let (program, _) = Program::compile(Program::builtin(), Routing::Any);
    let indicators = Indicators::default();
    let literals: Vec<Box<[u8]>> = ["00", "get /", "mozilla", "passwd"].map(|word| word.as_bytes().into()).to_vec();
    let words = Atoms { literals, ..Atoms::default() };
    let none = Atoms::default();
    let sift = Sift::with_sets(&indicators, program.sets()).beside([&words, &none, &words]);
    let text = std::fs::read(project("fixtures/incident/evidence/web/riverside-access.log")).unwrap();
    let text = &text[..text.len().min(60_000)];
    let mut plain = Vec::new();
    atoms_plainly(&words, text, &mut plain);
    assert!(plain.len() > 100);
    for set in (0..program.sets().count()).map(Some).chain([None]) {
        let (mut all, mut own, mut alone) = (Vec::new(), Vec::new(), Vec::new());
        let [mut one, mut nothing, mut two] = [const { Vec::new() }; 3];
        sift.literals(set, text, &mut all, (&mut own, [&mut one, &mut nothing, &mut two]));
        set.into_iter().for_each(|set| sift.atoms(set, text, &mut alone));
        assert!(own == alone && one == plain && two == plain && nothing.is_empty(), "{set:?}");
    }
}

/// Numbers from a seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    /// A text in which some characters are written as `escape` says.
    fn escaped(&mut self, text: &str, escape: impl Fn(u8) -> String) -> String {
        let share = self.below(4);
        text.bytes().map(|b| if self.below(4) < share { escape(b) } else { char::from(b).to_string() }).collect()
    }
}

const HIDDEN: &str = r"
title: hidden
id: 6a2f0a53-5c8f-4a34-9d0e-0d5f0c6f1f11
status: test
logsource: {category: any}
detection:
    a: {cs-user-agent|contains: 'Pass;word=x-1'}
    b: {note|contains: 'Pass;word=x-1'}
    c: {a1|contains: 'Pass;word=x-1'}
    d: {inner.note|contains: 'Pass;word=x-1'}
    condition: 1 of *
level: low
";

/// How many rules match a record, and whether the gate is blind for it; fails where a match would be lost.
fn not_lost(program: &Program, sift: &Sift<'_>, format: &'static str, record: &str) -> (usize, bool) {
    let layout = exfiltrace::model::layout::Layout { format, ..exfiltrace::model::layout::Layout::plain() };
    let mut fields = Fields::default();
    assert!(format::parse(&layout, record.as_bytes(), Want::All, &mut fields).is_ok(), "{format}: {record}");
    let gate = program.gate(format).unwrap();
    assert!(gate.atoms.always.is_empty(), "{format}: every rule has a literal");
    let (mut rules, mut atoms) = (Vec::new(), Vec::new());
    program.eval(format, &fields, record.as_bytes(), &gate.all, &mut Scratch::default(), &mut rules);
    sift.atoms(gate.set, record.as_bytes(), &mut atoms);
    let is_blind = gate.bypasses(record.as_bytes());
    assert!(rules.is_empty() || is_blind || !atoms.is_empty(), "{format}: lost in {record}");
    (rules.len(), is_blind)
}

/// Whatever characters a writer escapes, a value that a parser restores is not lost.
#[test]
fn an_escaped_value_is_never_lost() {
    let (program, problems) = Program::compile([("hidden".to_owned(), HIDDEN.to_owned())], Routing::Any);
    assert!(problems.is_empty(), "{problems:?}");
    let indicators = Indicators::default();
    let sift = Sift::with_sets(&indicators, program.sets());
    let mut numbers = Numbers(7);
    let json = |b: u8| if b.is_multiple_of(2) { format!("\\u{b:04x}") } else { format!("\\u{b:04X}") };
    let twice = |b: u8| if b.is_multiple_of(2) { format!("\\\\u{b:04x}") } else { format!("\\u005cu{b:04x}") };
    let (mut matched, mut blind) = (0, 0);
    for turn in 0..4_000 {
        let value = if turn % 2 == 0 { "a Pass;word=x-1 b" } else { "PASS;WORD=X-1" };
        let (web, object) = (numbers.escaped(value, |b| format!("\\x{b:02X}")), numbers.escaped(value, json));
        let (nested, hex) =
            (numbers.escaped(value, twice), value.bytes().map(|b| format!("{b:02X}")).collect::<String>());
        let argument = if numbers.below(2) == 0 { hex } else { format!("\"{value}\"") };
        let (format, record) = match turn % 8 {
            0 => (
                "access",
                format!("192.0.2.1 - - [28/Mar/2026:23:10:04 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"{web}\""),
            ),
            1 => ("json", format!("{{\"n\":1,\"note\":\"{object}\"}}")),
            2 => ("windows_json", format!("{{\"EventID\":1,\"note\":\"{object}\"}}")),
            3 => ("kv", format!("date=2026-03-28 time=23:10:04 level=x note=\"{object}\"")),
            4 => ("auditd", format!("type=EXECVE msg=audit(1774739404.500:1): argc=2 a0=\"x\" a1={argument}")),
            5 => ("syslog3164", format!("Mar 28 23:10:04 h app[1]: {{\"note\":\"{object}\"}}")),
            6 => (
                "syslog3164",
                format!("Mar 28 23:10:04 h audisp: type=EXECVE msg=audit(1774739404.500:1): a1={argument}"),
            ),
            _ => (
                "cloudtrail",
                format!("{{\"EventName\":\"x\",\"CloudTrailEvent\":\"{{\\\"note\\\":\\\"{nested}\\\"}}\"}}"),
            ),
        };
        let (rules, is_blind) = not_lost(&program, &sift, format, &record);
        matched += rules;
        blind += usize::from(is_blind);
    }
    assert!(matched > 2_000 && blind > 500 && blind < 3_500, "{matched} matched, {blind} blind");
}

const SLASHES: &str = r"
title: slashes
id: 6a2f0a53-5c8f-4a34-9d0e-0d5f0c6f1f12
status: test
logsource: {category: any}
detection:
    a: {note|contains: '../../../'}
    b: {inner.note|contains: '../../../'}
    condition: 1 of *
level: low
";

/// Writers of JSON escape slashes or not, strings in strings do so twice, and some do all of it in one record.
#[test]
fn a_value_of_slashes_is_never_lost_and_gates() {
    let (program, problems) = Program::compile([("slashes".to_owned(), SLASHES.to_owned())], Routing::Any);
    assert!(problems.is_empty(), "{problems:?}");
    let indicators = Indicators::default();
    let sift = Sift::with_sets(&indicators, program.sets());
    let mut numbers = Numbers(11);
    let (mut matched, mut blind) = (0, 0);
    for turn in 0..2_000 {
        let escapes: &[&str] = if turn % 2 == 0 { &["\\/"] } else { &["\\/", "\\u002f", "\\u002F"] };
        let escape = |b: u8, at: usize| {
            if b == b'/' { escapes[at % escapes.len()].to_owned() } else { char::from(b).to_string() }
        };
        let at = numbers.below(8);
        let object = numbers.escaped("a/../../../etc", |b| escape(b, at));
        let nested = numbers.escaped("a/../../../etc", |b| escape(b, at).replace('\\', "\\\\"));
        let (format, record) = match turn % 5 {
            0 => ("json", format!("{{\"n\":\"/x\",\"note\":\"{object}\"}}")),
            1 => ("windows_json", format!("{{\"EventID\":1,\"note\":\"{object}\"}}")),
            2 => ("kv", format!("date=2026-03-28 time=23:10:04 level=x note=\"{object}\"")),
            3 => ("json", format!("{{\"n\":1,\"inner\":{{\"note\":\"{object}\"}}}}")),
            _ => (
                "cloudtrail",
                format!("{{\"EventName\":\"x\",\"CloudTrailEvent\":\"{{\\\"note\\\":\\\"{nested}\\\"}}\"}}"),
            ),
        };
        let (rules, is_blind) = not_lost(&program, &sift, format, &record);
        matched += rules;
        blind += usize::from(is_blind);
    }
    assert!(matched > 1_900 && blind > 300 && blind < 1_700, "{matched} matched, {blind} blind");
}

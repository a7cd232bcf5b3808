//! What rules see of Windows events, whichever way these were written: with the gate and without it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use exfiltrace::detect::{Program, Routing, Scratch};
use exfiltrace::discover::{self, Root};
use exfiltrace::format::{self, Templates};
use exfiltrace::indicators::Builder;
use exfiltrace::model::atoms::Atoms;
use exfiltrace::model::block::{Block, Extent, Spans};
use exfiltrace::model::fields::{Canon, Fields, Kind, Seen, Text, View, Want};
use exfiltrace::model::layout::{Framing, Layout};
use exfiltrace::model::scopes::Scopes;
use exfiltrace::model::time::Stamp;
use exfiltrace::scan;
use exfiltrace::sift::Sift;

use crate::support::{candidates, each_record, left, plan, project, shared, sigma};
use crate::xml::hits;

/// A rule for a log source, with one selection (or a list of keywords); its title is the selection.
fn rule(source: &str, selection: &str) -> (String, String) {
    let search = if selection.starts_with('[') { selection.to_owned() } else { format!("{{{selection}}}") };
    let text = format!(
        "title: '{}'\nlogsource: {{{source}}}\ndetection: {{s: {search}, condition: s}}\n",
        selection.replace('\'', "''")
    );
    (selection.to_owned(), text)
}

/// An event as a reader of the binary log writes it in JSON, and as XML.
fn written(channel: &str, id: u32, data: &[(&str, &str)]) -> [String; 2] {
    let members = data.iter().map(|(name, value)| format!("{}:{}", quoted(name), quoted(value)));
    let elements = data.iter().map(|(name, value)| format!("<Data Name='{name}'>{value}</Data>"));
    let (members, elements) = (members.collect::<Vec<_>>().join(","), elements.collect::<String>());
    [
        format!(
            r##"{{"Event":{{"System":{{"Provider":{{"#attributes":{{"Name":"P"}}}},"EventID":{id},"Channel":"{channel}"}},"EventData":{{{members}}}}}}}"##
        ),
        format!(
            "<Event><System><Provider Name='P'/><EventID>{id}</EventID><Channel>{channel}</Channel></System><EventData>{elements}</EventData></Event>"
        ),
    ]
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// Which of some rules an event meets. Fails where the gate, or the way it is written, matters.
fn met(source: &str, selections: &[&str], events: &[String]) -> Vec<String> {
    let rules: Vec<_> = selections.iter().map(|selection| rule(source, selection)).collect();
    let (program, problems) = Program::compile(rules, Routing::Auto);
    assert!(problems.is_empty(), "{problems:#?}");
    let mut decided: Vec<Vec<String>> = Vec::new();
    for event in events {
        let mut seen = 0;
        each_record(b"events", &format!("{event}\n"), &mut |_, format, fields, record| {
            assert!(format.starts_with("windows_"), "{format}: {event}");
            seen += 1;
            let gate = program.gate(format).unwrap();
            for rules in [&gate.all, &candidates(gate, record)] {
                let (mut scratch, mut matched) = (Scratch::default(), Vec::new());
                // More than once, for what is learnt of kinds of events.
                for _ in 0..20 {
                    matched.clear();
                    program.eval(format, fields, record, rules, &mut scratch, &mut matched);
                    decided.push(matched.iter().map(|&rule| program.rules()[rule as usize].title.clone()).collect());
                }
            }
        });
        assert_eq!(seen, 1, "{event}");
    }
    assert!(decided.iter().all(|titles| *titles == decided[0]), "{events:?}: {decided:?}");
    decided.swap_remove(0)
}

const REGISTRY: &str = "product: windows, category: registry_set";

#[test]
fn registry_values_of_the_audit_have_the_paths_of_sysmon() {
    let key = r"\REGISTRY\MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Run";
    let set = |key, name| {
        let data = [("ObjectName", key), ("ObjectValueName", name), ("NewValue", r"C:\Users\Public\upd.exe")];
        written("Security", 4657, &data)
    };
    let all = [
        r"TargetObject|startswith: 'HKLM\SOFTWARE\Microsoft\'",
        r"TargetObject: 'HKLM\\*\Run\upd'",
        r"TargetObject|endswith: '\CurrentVersion\Run\upd'",
        r"TargetObject|contains: 'HKLM'",
        r"Details|contains: '\Users\Public\'",
        "['HKLM']",
        r"['HKLM\SOFTWARE\']",
        r"['CurrentVersion\Run\upd']",
    ];
    assert_eq!(met(REGISTRY, &all, &set(key, "upd")), all);
    let kernel = [r"TargetObject|contains: '\REGISTRY\MACHINE'"];
    assert!(met(REGISTRY, &kernel, &set(key, "upd")).is_empty());
    // Another name that only begins as the hive's does, and a key whose value has no name.
    assert_eq!(met(REGISTRY, &kernel, &set(r"\REGISTRY\MACHINES\a", "b")), kernel);
    let user = [r"TargetObject: 'HKU\S-1-5-21-1\Software\a'"];
    assert_eq!(met(REGISTRY, &user, &set(r"\Registry\User\S-1-5-21-1\Software\a", "")), user);
}

#[test]
fn an_element_without_text_has_an_empty_value_and_one_that_is_not_there_has_none() {
    let all = ["A: ''", "A: null", "A|exists: true", "C: null", "C: ''"];
    let event = written("Security", 1, &[("A", ""), ("B", "x")]);
    assert_eq!(met("product: windows, service: security", &all, &event), ["A: ''", "A|exists: true", "C: null"]);
}

#[test]
fn connections_of_the_audit_say_who_opened_them() {
    let source = "product: windows, category: network_connection";
    let rules = [
        "Initiated: 'true'",
        "Initiated: true",
        "Initiated: 'false'",
        r"Image|endswith: '\rclone.exe'",
        "SourceIp: 10.0.0.4",
        "['true']",
        "['false']",
    ];
    let connection = |direction| {
        let application = r"\device\harddiskvolume2\tools\rclone.exe";
        let data = [("Application", application), ("Direction", direction), ("SourceAddress", "10.0.0.4")];
        written("Security", 5156, &data)
    };
    let either = [rules[3], rules[4]];
    assert_eq!(met(source, &rules, &connection("%%14593")), [&rules[..2], &either, &rules[5..6]].concat());
    assert_eq!(met(source, &rules, &connection("%%14592")), [&rules[2..3], &either, &rules[6..]].concat());
    assert_eq!(met(source, &rules, &connection("%%14594")), either);
}

#[test]
fn each_value_of_a_name_that_occurs_twice_is_met() {
    let source = "product: windows, service: application";
    let rules = ["Value|contains|all: [one, two, three]", "Value: two", "Value: other", "Value_2: two"];
    let [_, twice] =
        written("Application", 1, &[("Value", "one"), ("Other", "other"), ("Value", "two"), ("Value", "three")]);
    // As the reader of the binary log numbers them; those that follow each other are a list.
    let [numbered, _] = written(
        "Application",
        1,
        &[("Value", "one"), ("Other", "other"), ("Value_1", "two"), ("Last", ""), ("Value_2", "three")],
    );
    let listed = numbered.replace(r#""Value_1":"two","Last":"","Value_2":"three""#, r#""Value_1":["two","three"]"#);
    assert_eq!(met(source, &rules, &[twice, numbered, listed]), rules[..2]);
    // A number that goes on from nothing is part of the name.
    let named = written("Application", 1, &[("Value", "one"), ("Value_2", "two"), ("Value_01", "three")]);
    assert_eq!(met(source, &rules, &named), rules[3..]);
}

#[test]
fn every_detection_of_defender_is_one_of_an_antivirus() {
    let data = [("Threat Name", "HackTool:Win32/Mimikatz"), ("Path", r"file:_C:\ProgramData\m.exe")];
    let rules = ["Signature|contains: Mimikatz", r"Filename|contains: '\ProgramData\'"];
    for id in [1006, 1015, 1019, 1115, 1119] {
        let event = written("Microsoft-Windows-Windows Defender/Operational", id, &data);
        assert_eq!(met("category: antivirus", &rules, &event), rules, "{id}");
    }
    let other = written("Microsoft-Windows-Windows Defender/Operational", 5001, &data);
    assert!(met("category: antivirus", &rules, &other).is_empty());
}

#[test]
fn a_chunk_whose_header_is_lost_meets_the_same_rules_and_is_told() {
    let Some(folder) = shared("corpora/evtx/evtx-to-mitre-attack/EVTX_full_APT_attack_steps") else { return };
    let rules = sigma();
    let program = || Program::compile(rules.iter().cloned(), Routing::Auto).0;
    let log =
        std::fs::read(folder.join("ID4624_4688_5140_5145-Eternal_Romance_-_MS17_010_psexec_GLOBAL_.evtx")).unwrap();
    let (whole, records, notes) = hits(program(), "a.evtx", &log);
    assert!(!whole.is_empty() && notes.is_empty(), "{whole:?} {notes:?}");
    let mut damaged = log;
    damaged[4096..4096 + 512].fill(0);
    let (found, read, notes) = hits(program(), "a.evtx", &damaged);
    assert!(read >= records, "{read} of {records}: with what stood behind the last live one");
    assert!(whole.iter().all(|(rule, count)| found.get(rule).is_some_and(|met| met >= count)), "{whole:?} {found:?}");
    let told = format!("; {read} records were read from chunks whose header is lost");
    assert!(notes.iter().any(|note| note.detail.contains(&told)), "{notes:?}");
}

#[test]
fn what_is_known_of_a_kind_of_events_changes_no_match() {
    let sources = [("registry_add", "TargetObject: k"), ("registry_delete", "TargetObject|contains: k")];
    let rules = sources.map(|(category, search)| rule(&format!("product: windows, category: {category}"), search));
    let (program, problems) = Program::compile(rules.to_vec(), Routing::Auto);
    assert!(problems.is_empty(), "{problems:#?}");
    let mut scratch = Scratch::default();
    let mut matched = |id: &'static [u8], provider: Option<&'static [u8]>, event_type: &'static [u8]| {
        let (mut fields, mut hits) = (Fields::default(), Vec::new());
        let mut push = |name: &'static str, value| fields.push(None, name.as_bytes(), value, Kind::Str);
        push("Channel", b"Microsoft-Windows-Sysmon/Operational");
        push("EventID", id);
        // Some exports call it otherwise.
        push(if provider.is_some() { "Provider_Name" } else { "SourceName" }, provider.unwrap_or(b"P"));
        push("EventType", event_type);
        push("TargetObject", b"k");
        program.eval("evtx", &fields, b"", &[0, 1], &mut scratch, &mut hits);
        hits
    };
    for _ in 0..40 {
        for provider in [Some(&b"P"[..]), None] {
            assert_eq!(matched(b"12", provider, b"Create\xFF"), [0]);
            assert_eq!(matched(b"12", provider, b"CreateKey"), [0]);
            assert_eq!(matched(b"12", provider, b"DeleteKey"), [1]);
        }
        // A zero does not end a value.
        assert!(matched(b"12\0a", Some(b"b"), b"").is_empty());
        assert_eq!(matched(b"12", Some(b"a\0b"), b""), [1]);
    }
}

#[test]
fn an_event_of_windows_is_none_of_linux_and_one_without_a_channel_may_be_either() {
    let sources = [("windows", "sh"), ("linux", "/sh"), ("rpc_firewall", "n/sh")];
    let of_kind = |product| format!("product: {product}, category: process_creation");
    let rules = sources.map(|(product, end)| rule(&of_kind(product), &format!("Image|endswith: {end}")));
    let bare = rule("product: linux", "Image|endswith: in/sh");
    let (program, problems) = Program::compile([rules.to_vec(), vec![bare]].concat(), Routing::Auto);
    assert!(problems.is_empty(), "{problems:#?}");
    let mut scratch = Scratch::default();
    let mut matched = |channel: Option<&'static [u8]>, id: &'static [u8]| {
        let (mut fields, mut hits) = (Fields::default(), Vec::new());
        let mut push = |name: &'static str, value| fields.push(None, name.as_bytes(), value, Kind::Str);
        channel.into_iter().for_each(|channel| push("Channel", channel));
        push("EventID", id);
        push("SourceName", b"P");
        push("Image", b"/bin/sh");
        program.eval("windows_json", &fields, b"", &[0, 1, 2, 3], &mut scratch, &mut hits);
        hits
    };
    for _ in 0..40 {
        assert_eq!(matched(Some(b"Microsoft-Windows-Sysmon/Operational"), b"1"), [0]);
        assert_eq!(matched(Some(b"Linux-Sysmon/Operational"), b"1"), [1, 3]);
        assert_eq!(matched(None, b"1"), [3]);
        assert!(matched(Some(b"Application"), b"1").is_empty());
    }
}

/// The event logs below a folder.
pub fn logs(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { logs(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|end| end == "evtx"))
        .collect()
}

/// The chunks of a log, as blocks.
pub fn chunks(log: &[u8]) -> impl Iterator<Item = Block> {
    let layout = Arc::new(Layout { format: "evtx", framing: Framing::Evtx, ..Layout::plain() });
    log.chunks(1 << 16).enumerate().map(move |(at, _)| {
        let base = if at == 0 { 0 } else { 4096 + ((at - 1) << 16) };
        let end = log.len().min(4096 + (at << 16));
        let (layout, bytes) = (Arc::clone(&layout), log[base.min(end)..end].to_vec());
        Block {
            bytes,
            base: base as u64,
            first_line: 0,
            first_record: 0,
            spans: Spans::Chunk,
            lines: Extent::default(),
            layout,
        }
    })
}

type Told = (Vec<(String, Vec<u8>, Kind, Option<Canon>)>, Option<Stamp>);

fn told(fields: &Fields<'_>) -> Told {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let each = fields.iter().map(|f| (text(fields.bytes(f.name)), fields.bytes(f.value).to_vec(), f.kind, f.canon));
    (each.collect(), fields.time)
}

/// How many records of a chunk were read by their values alone, and how many there are. Fails where a field, or the text
/// that is written of one, differs from what the crate renders.
fn alike(block: &Block, templates: &mut Templates) -> (usize, usize) {
    let (mut plain, mut view) = (View::default(), View::default());
    format::render(block, &mut plain);
    format::draw(block, templates, &mut view);
    let places = |view: &View| {
        let gaps = view.gaps.iter().map(|gap| gap.place).collect::<Vec<_>>();
        let records = view.records.iter().chain(&view.stale).map(|seen| seen.place).collect::<Vec<_>>();
        (records, gaps, view.framing, view.undecodable)
    };
    assert_eq!(places(&view), places(&plain));
    let reader = format::reader(&block.layout);
    let mut drawn = 0;
    for (slow, seen) in plain.records.iter().zip(&view.records) {
        let text = &plain.rendered[slow.start..slow.end];
        let Some((from, to)) = seen.values else {
            assert_eq!(&view.rendered[seen.start..seen.end], text);
            continue;
        };
        drawn += 1;
        let written = templates.write(&block.bytes, seen.place.in_block(block.base)).expect("it was drawn");
        assert_eq!(String::from_utf8_lossy(&written), String::from_utf8_lossy(text));
        let values = &view.values[from as usize..to as usize];
        for want in [Want::All, Want::Agents, Want::Columns] {
            let (mut fast, mut fields) = (Fields::default(), Fields::default());
            reader.parse(text, want, &mut fields).unwrap();
            reader.read(templates, (&view.rendered, values), want, &mut fast);
            assert_eq!(told(&fast), told(&fields), "{}", String::from_utf8_lossy(text));
            let held = |value: &[u8]| memchr::memmem::find(&view.rendered[seen.start..seen.end], value).is_some();
            let mut plainly = fields.iter().filter(|f| matches!(f.value, Text::Slice(_)));
            assert!(plainly.all(|f| held(fields.bytes(f.value)) || f.canon.is_some() || f.kind != Kind::Str));
        }
    }
    (drawn, view.records.len())
}

#[test]
fn values_alone_tell_what_the_rendered_record_does() {
    let folders = ["corpora/evtx", "conformance/evtx-attack-samples", "conformance/hayabusa-sample-evtx"];
    let folders = folders.into_iter().filter_map(shared).chain([project("fixtures")]);
    let (mut templates, mut drawn, mut all) = (Templates::default(), 0, 0);
    for path in folders.flat_map(|folder| logs(&folder)) {
        for block in chunks(&std::fs::read(&path).unwrap()) {
            let (fast, records) = alike(&block, &mut templates);
            drawn += fast;
            all += records;
        }
    }
    println!("{drawn} of {all} records by their values alone");
    assert!(drawn * 100 >= all * 97, "{drawn} of {all}");
}

/// Values of the binary log, before fields are read, rule out most rules and none that matches.
#[test]
fn values_alone_rule_out_no_rule_that_matches() {
    let Some(folder) = shared("corpora/evtx") else { return };
    let (program, _) = Program::compile(sigma(), Routing::Auto);
    let gate = program.gate("evtx").unwrap();
    let mut surely = 0;
    let (mut templates, mut view, mut scratch, mut counts) =
        (Templates::default(), View::default(), Scratch::default(), [0; 4]);
    for block in
        logs(&folder).iter().step_by(3).flat_map(|path| chunks(&std::fs::read(path).unwrap()).collect::<Vec<_>>())
    {
        format::draw(&block, &mut templates, &mut view);
        let reader = format::reader(&block.layout);
        for seen in view.records.iter().step_by(2) {
            let Some((from, to)) = seen.values else { continue };
            let (values, mut fields) = (&view.values[from as usize..to as usize], Fields::default());
            reader.read(&templates, (&view.rendered, values), Want::All, &mut fields);
            let listing = templates.listing(&view.rendered, values);
            let (some, sure) = left(&program, "evtx", &listing, &gate.all, &mut scratch);
            let [all, few] = [&gate.all, &some].map(|rules| {
                let mut matched = Vec::new();
                program.eval("evtx", &fields, b"", rules, &mut scratch, &mut matched);
                matched
            });
            assert_eq!(all, few, "{:?}", told(&fields));
            assert!(!sure || few == some, "{:?}", told(&fields));
            for rule in some.iter().take(40).chain(&few) {
                let (_, sure) = left(&program, "evtx", &listing, &[*rule], &mut scratch);
                assert!(!sure || few.contains(rule), "{:?}", told(&fields));
                surely += usize::from(sure);
            }
            let waits = some.len() == gate.all.len();
            counts = [
                counts[0] + 1,
                counts[1] + usize::from(waits),
                counts[2] + if waits { 0 } else { some.len() },
                counts[3] + all.len(),
            ];
        }
    }
    println!("records, those of kinds that are not decided, rules left, matches: {counts:?}; sure: {surely}");
    assert!(surely > 10 && counts[3] > 30 && counts[2] < 30 * counts[0], "{counts:?}");
}

#[test]
fn a_chunk_that_the_crate_refuses_is_read_the_same_whatever_is_known_of_its_templates() {
    let Some(folder) = shared("corpora/evtx") else { return };
    let mut refused = 0;
    for path in logs(&folder).iter().take(12) {
        let mut known = Templates::default();
        for mut block in chunks(&std::fs::read(path).unwrap()).skip(1).take(2) {
            alike(&block, &mut known);
            // Where the first name is that the chunk lists.
            block.bytes[128..132].copy_from_slice(&0xFFFF_FFF0u32.to_le_bytes());
            let (_, records) = alike(&block, &mut Templates::default());
            assert_eq!(alike(&block, &mut known), (0, records), "{}", path.display());
            refused += records;
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn harm_to_a_chunk_changes_no_record_that_the_crate_renders() {
    let Some(folder) = shared("corpora/evtx") else { return };
    let mut seed = 7u32;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as usize % below
    };
    let (mut drawn, mut harmed) = (0, 0);
    for path in logs(&folder) {
        let Some(sound) = chunks(&std::fs::read(&path).unwrap()).nth(1) else { continue };
        for _ in 0..12 {
            let mut block = sound.clone();
            let live = u32::from_le_bytes(*block.bytes[48..].first_chunk().unwrap()) as usize;
            for _ in 0..=random(4) {
                let at = random(live.clamp(1, block.bytes.len()));
                block.bytes[at] = [0, 0xFF, random(256) as u8][random(3)];
            }
            let (mut templates, mut plain, mut view) = (Templates::default(), View::default(), View::default());
            format::render(&block, &mut plain);
            // Once to prove templates, once to use them.
            (0..2).for_each(|_| format::draw(&block, &mut templates, &mut view));
            let taken: u64 = view.records.iter().chain(&view.stale).map(|seen| seen.place.length).sum();
            assert_eq!(taken + view.framing + view.undecodable, block.bytes.len() as u64);
            for seen in view.records.iter().filter(|seen| seen.values.is_some()) {
                let of = |other: &&Seen| other.place.offset == seen.place.offset;
                let Some(slow) = plain.records.iter().find(of) else { continue };
                let written = templates.write(&block.bytes, seen.place.in_block(block.base)).unwrap();
                let text = &plain.rendered[slow.start..slow.end];
                assert_eq!(String::from_utf8_lossy(&written), String::from_utf8_lossy(text), "{}", path.display());
                drawn += 1;
            }
            harmed += 1;
        }
    }
    assert!(harmed > 300 && drawn > 300, "{drawn} records in {harmed} chunks");
}

/// How often each indicator of a feed is met in a log, told by a scan and by a search of each record as the crate renders
/// it.
fn met_both_ways(log: &[u8], feed: &str) -> [BTreeMap<String, u64>; 2] {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("a.evtx");
    std::fs::write(&path, log).unwrap();
    let mut builder = Builder::new();
    builder.add("feed.csv", "", feed.as_bytes());
    let plan = plan(vec![Root { name: b"a.evtx".to_vec(), path: Some(path) }], Scopes::default(), builder);
    let survey = discover::survey(&plan.roots, &plan.skip).unwrap();
    let (partial, _) = scan::sources(&plan, &survey).unwrap();
    let mut told = BTreeMap::new();
    for (indicator, sightings) in partial.sources.values().flat_map(|source| &source.indicators.held) {
        *told.entry(indicator.value.to_string()).or_default() += sightings.count;
    }
    let (atoms, mut plainly) = (Atoms::default(), BTreeMap::new());
    let sift = Sift::new(&plan.indicators, &atoms);
    for block in chunks(log) {
        let mut view = View::default();
        format::render(&block, &mut view);
        for seen in view.records.iter().chain(&view.stale) {
            let mut hits = Vec::new();
            sift.indicators(&view.rendered[seen.start..seen.end], &mut hits);
            let met: BTreeSet<_> = hits.iter().map(|hit| (hit.indicator, hit.how)).collect();
            for (indicator, _) in met {
                *plainly.entry(plan.indicators.get(indicator).unwrap().value.to_owned()).or_default() += 1;
            }
        }
    }
    [told, plainly]
}

#[test]
fn indicators_are_met_in_values_in_names_and_in_what_a_template_always_says() {
    let Some(folder) = shared("corpora/evtx/evtx-to-mitre-attack/EVTX_full_APT_attack_steps") else { return };
    let log =
        std::fs::read(folder.join("ID4624_4688_5140_5145-Eternal_Romance_-_MS17_010_psexec_GLOBAL_.evtx")).unwrap();
    let value = "type,value\nkeyword,NTLM\nkeyword,ADMIN$\n";
    let [told, plainly] = met_both_ways(&log, value);
    assert!(told == plainly && told.len() == 2, "{told:?} {plainly:?}");
    for (line, found) in [
        ("domain,schemas.microsoft.com", "schemas.microsoft.com"),
        ("keyword,TargetUserName", "targetusername"),
        ("keyword,Auditing", "auditing"),
    ] {
        let [told, plainly] = met_both_ways(&log, &format!("{value}{line}\n"));
        let same = told.iter().all(|(value, count)| plainly.get(value).is_some_and(|plain| plain == count));
        assert!(same && told.len() == plainly.len() && told.contains_key(found), "{line}: {told:?} {plainly:?}");
    }
}

/// An event as `Get-WinEvent … | ConvertTo-Json` writes it.
fn of_powershell((provider, log, id): (&str, &str, u32), values: &[&str], message: &str) -> String {
    let values: Vec<String> = values.iter().map(|value| format!("{{\n      \"Value\": {value}\n    }}")).collect();
    format!(
        "{{\n  \"Message\": \"{message}\",\n  \"Id\": {id},\n  \"Level\": 0,\n  \"Keywords\": -9214364837600034816,\n  \"RecordId\": 7,\n  \
         \"ProviderName\": \"{provider}\",\n  \"LogName\": \"{log}\",\n  \"ProcessId\": 4,\n  \"MachineName\": \"ws01\",\n  \
         \"UserId\": null,\n  \"TimeCreated\": \"\\/Date(1774739404123)\\/\",\n  \"KeywordsDisplayNames\": [\"Audit Success\"],\n  \
         \"Properties\": [{}]\n}}",
        values.join(",")
    )
}

/// Values that PowerShell writes without their names are met by rules under these, in a whole scan.
#[test]
fn events_that_powershell_wrote_are_met_by_the_names_of_their_values() {
    let audit = "Microsoft-Windows-Security-Auditing";
    let (sysmon, channel) = ("Microsoft-Windows-Sysmon", "Microsoft-Windows-Sysmon/Operational");
    let shell = ("Microsoft-Windows-PowerShell", "Microsoft-Windows-PowerShell/Operational", 4104);
    let ticket = |encryption: &str| {
        let values = ["\"bob@C\"", "\"C\"", "\"sql\"", "\"S-1-5-21-1\"", "1082195968", encryption];
        let rest = ["\"::ffff:10.0.0.7\"", "\"50000\"", "0", "\"{0}\"", "\"-\""];
        of_powershell((audit, "Security", 4769), &[&values[..], &rest].concat(), "A ticket was requested.")
    };
    let events = [
        ticket("23"),
        ticket("18"),
        of_powershell(
            (sysmon, channel, 1),
            &["\"-\""],
            r"Process Create:\r\nRuleName: -\r\nImage: C:\\x\\whoami.exe\r\nUser: A\\b",
        ),
        of_powershell(shell, &["1", "2", "\"Invoke-Down\"", "\"id\"", "\"\""], "Creating Scriptblock text (1 of 2)"),
        of_powershell(shell, &["2", "2", "\"loadFile\"", "\"id\"", "\"\""], "Creating Scriptblock text (2 of 2)"),
        of_powershell(("Other", "Application", 9), &["\"left over\""], "x"),
    ];
    let log = format!("[\n{}\n]\n", events.join(",\n"));
    for (source, search, count) in [
        ("service: security", "EventID: 4769, TicketOptions: '0x40810000', TicketEncryptionType: '0x17'", 1),
        ("service: security", "TicketEncryptionType: '0x12', ServiceName: SQL, Status: '0x0'", 1),
        ("service: security", "EventID: 4769, TicketEncryptionType: '0x11'", 0),
        ("service: security", "Provider_Name: Microsoft-Windows-Security-Auditing, Computer: ws01", 2),
        ("category: process_creation", r"Image|endswith: \whoami.exe, User: 'A\b'", 1),
        ("category: process_creation", r"Image|endswith: \hoami.exe", 0),
        ("category: ps_script", "ScriptBlockText|contains: Invoke-DownloadFile", 1),
        ("service: application", "Data|contains: left", 1),
        ("service: application", "Data|contains: sql", 0),
    ] {
        let rule = format!(
            "title: t\nlogsource: {{product: windows, {source}}}\ndetection: {{s: {{{search}}}, condition: s}}\n"
        );
        for grid in [512, 1 << 20] {
            assert_eq!(
                crate::together::met(&rule, ("events.json", &log), grid).0,
                count,
                "{search} on a grid of {grid}"
            );
        }
    }
}

//! Real lines of products and what CrowdSec's own parsers read in them (`../shared/corpora/crowdsec-hub`): the address of who
//! acts and the time, held against what is read here.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use exfiltrace::format::Clock;
use exfiltrace::model::fields::Canon;
use exfiltrace::model::place::Locator;
use exfiltrace::model::source::SourceMeta;
use exfiltrace::model::time::Instant;
use exfiltrace::worker::{Bytes, each_record};
use jiff::tz::TimeZone;

use crate::support::{project, shared};

/// Percent of the asserted lines of which both are read as they are asserted. What differs is printed; of what can not agree: the hub
/// reads some stamps without the offset that stands in them, and takes the last address of a chain of proxies.
const PERCENT: usize = 97;

/// What an assertion says of one event: names of `Evt.*` and their values.
type Said = HashMap<String, String>;

/// What is known of a line.
#[derive(Debug, Default)]
struct Known {
    address: Option<String>,
    time: Option<String>,
}

/// Assertions by stage and parser, and in these by the number of the event.
fn assertions(text: &str) -> BTreeMap<(String, String), BTreeMap<usize, Said>> {
    let mut all: BTreeMap<(String, String), BTreeMap<usize, Said>> = BTreeMap::new();
    for line in text.lines() {
        let read = || {
            let (stage, rest) = line.strip_prefix("results[\"")?.split_once("\"][\"")?;
            let (parser, rest) = rest.split_once("\"][")?;
            let (number, rest) = rest.split_once("].")?;
            let (name, value) = rest.split_once(" == ")?;
            let plain = || value.trim_matches('"').to_owned();
            let value = serde_json::from_str(value).unwrap_or_else(|_| plain());
            Some(((stage.to_owned(), parser.to_owned()), number.parse().ok()?, name.to_owned(), value))
        };
        if let Some((parser, number, name, value)) = read() {
            all.entry(parser).or_default().entry(number).or_default().insert(name, value);
        }
    }
    all
}

/// The line, of those from `from` on, that an event was made of: the one that holds its message.
fn line_of(event: &Said, number: usize, is_whole: bool, lines: &[&str], from: usize) -> Option<usize> {
    let message = event.get("Evt.Parsed[\"message\"]").map(|message| message.trim()).filter(|m| !m.is_empty());
    let holds = |line: &&str| message.is_some_and(|m| line.contains(m) || line.contains(&m.replace('"', "\\\"")));
    let found = lines.iter().skip(from).position(holds).map(|at| from + at);
    found.or((is_whole && number < lines.len()).then_some(number))
}

/// What is asserted of each line; the last stage counts.
fn known(text: &str, lines: &[&str]) -> BTreeMap<usize, Known> {
    let mut all: BTreeMap<usize, Known> = BTreeMap::new();
    for ((stage, _), events) in assertions(text) {
        let mut from = 0;
        for (&number, event) in events.iter().filter(|_| stage != "s00-raw") {
            let Some(at) = line_of(event, number, events.len() == lines.len(), lines, from) else { continue };
            from = at + 1;
            if event.get("Success").is_some_and(|word| word == "true") {
                let known = all.entry(at).or_default();
                let time = event.get("Evt.Enriched[\"MarshaledTime\"]").or(event.get("Evt.Meta[\"timestamp\"]"));
                known.address =
                    event.get("Evt.Meta[\"source_ip\"]").filter(|a| !a.is_empty()).cloned().or(known.address.take());
                known.time = time.filter(|t| !t.is_empty()).cloned().or(known.time.take());
            }
        }
    }
    all.retain(|_, known| known.address.is_some() || known.time.is_some());
    all
}

/// Whether a time is the asserted one, to the second; a stamp without a year (`-01-07T14:19:31Z`) tells of the rest alone.
fn is_at(asserted: &str, read: Option<Instant>) -> bool {
    let Some(read) = read else { return false };
    match asserted.strip_prefix("0000").unwrap_or(asserted).strip_prefix('-') {
        Some(yearless) => read.to_string().split_once('-').is_some_and(|(_, rest)| rest[..14] == yearless[..14]),
        None => Instant::parse(asserted).is_some_and(|at| (at.micros() - read.micros()).abs() < 1_500_000),
    }
}

/// What was read in a record: its address, its time and its format.
type Read = (Option<String>, Option<Instant>, &'static str);

/// What was read in each record, by its text.
fn read(log: &[u8]) -> HashMap<Vec<u8>, Read> {
    let locator = Locator::root(b"hub");
    let mtime = Instant::parse("2026-11-20T00:00:00Z");
    let meta = SourceMeta { evidence: locator.clone(), locator, mtime, size: None };
    let clock = Clock { zone: TimeZone::UTC, zone_given: false };
    let mut all = HashMap::new();
    each_record(&meta, &clock, &mut Bytes(log), &mut |format, fields, record| {
        let address = fields.text(Canon::SourceIp).map(str::to_owned);
        all.insert(record.trim_ascii().to_vec(), (address, fields.time.map(|stamp| stamp.at), format));
    });
    all
}

/// Asserted lines of a test, those that agree, and a row of the table for those that do not.
fn held(folder: &Path) -> Option<(usize, usize, String)> {
    let asserted = fs::read_to_string(folder.join("parser.assert")).ok()?;
    let name = fs::read_to_string(folder.join("config.yaml")).ok()?;
    let name = name.lines().find_map(|line| line.strip_prefix("log_file:"))?.trim().trim_matches('"').to_owned();
    let log = fs::read(folder.join(name)).ok()?;
    let text = String::from_utf8_lossy(&log);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let (known, read) = (known(&asserted, &lines), read(&log));
    let mut wrong = String::new();
    let mut agreed = 0;
    for (&at, known) in &known {
        let line = lines[at].trim();
        let (address, time, format) = read.get(line.as_bytes()).cloned().unwrap_or((None, None, "none"));
        let agrees = (known.address.is_none() || known.address == address)
            && known.time.as_ref().is_none_or(|asserted| is_at(asserted, time));
        agreed += usize::from(agrees);
        if !agrees {
            let short: String = line.chars().take(90).collect();
            let _ = writeln!(wrong, "  as {format}: {known:?}, read {address:?} {time:?}: {short}");
        }
    }
    let row = format!("{}: {agreed} of {}\n{wrong}", folder.file_name()?.display(), known.len());
    Some((known.len(), agreed, row))
}

/// Of the lines of which the hub's parsers tell an address or a time, nearly all are read alike.
#[test]
fn addresses_and_times_are_those_that_the_hub_asserts() {
    let Some(hub) = shared("corpora/crowdsec-hub") else { return };
    let mut folders: Vec<_> = fs::read_dir(hub).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let (mut asserted, mut agreed) = (0, 0);
    for folder in folders {
        let Some((of, agrees, row)) = held(&folder) else { continue };
        asserted += of;
        agreed += agrees;
        if agrees < of {
            print!("{row}");
        }
    }
    println!("{agreed} of {asserted} asserted lines agree");
    assert!(asserted > 500, "{asserted}");
    assert!(100 * agreed >= PERCENT * asserted, "{agreed} of {asserted}");
}

/// What a container wrote is read as its own dialect, with the time of the wrapper where none inside is complete.
#[test]
fn lines_of_containers_are_records_of_what_they_hold() {
    for (log, wanted) in [
        ("cri.log", &[("access", 1), ("nginx_error", 1), ("json", 1), ("kv", 1), ("container", 1)][..]),
        ("json-file.log", &[("access", 1), ("json", 1), ("container", 1)][..]),
    ] {
        let text = fs::read(project("fixtures/formats/container").join(log)).unwrap();
        let mut formats: BTreeMap<&str, usize> = BTreeMap::new();
        for (record, (address, time, format)) in read(&text) {
            *formats.entry(format).or_default() += 1;
            let record = String::from_utf8_lossy(&record).into_owned();
            assert_eq!(address.is_some(), format != "container", "{record}");
            assert!(time.is_some_and(|at| at.to_string().starts_with("2026-03-28T23:10:0")), "{record}");
        }
        assert_eq!(formats, wanted.iter().copied().collect(), "{log}");
    }
}

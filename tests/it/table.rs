//! Of each format, what is read of the real logs of the corpora: `cargo test --test it -- table --nocapture` prints it.

use std::collections::{BTreeMap, BTreeSet};

use exfiltrace::detect::{Program, Routing};
use exfiltrace::discover::{self, Root};
use exfiltrace::format::Clock;
use exfiltrace::indicators::Builder;
use exfiltrace::model::fields::Canon;
use exfiltrace::model::ledger::{Entry, EntryKind, Reason};
use exfiltrace::model::scopes::Scopes;
use exfiltrace::open::{DigestKind, Io, Limits, Opening};
use exfiltrace::scan;
use exfiltrace::worker::each_record_of;
use jiff::tz::TimeZone;

use crate::support::{plan_with, shared};

/// The folders of the corpora that hold logs.
const FOLDERS: &[&str] =
    &["attack-data", "cloud", "crowdsec-hub", "evtx", "exfil", "security-datasets", "text", "web", "zeek"];

/// Formats of which some records have no time, and why. Every record that is read as one of another format has one.
const UNTIMED: &[(&str, &str)] = &[
    ("bind", "lines as a journal holds them, whose stamp stood before them"),
    ("csv", "tables without a column of times"),
    ("dropbear", "messages, whose stamp stood before them"),
    ("esxi", "a line that goes on with the one above"),
    ("evtx", "a record of free space whose time was written over"),
    ("gin", "stamps of a second 66 and 83"),
    ("glog", "month and day without a year"),
    ("json", "objects of the harness of a test around what it holds, and tables of states"),
    ("laravel", "lines of stack traces"),
    ("powershell_transcript", "lines of what was typed and answered"),
    ("rclone", "the sum at the end"),
    ("strace", "traces that were made without stamps"),
    ("supavisor", "a clock without a date"),
    ("tcpdump", "a clock without a date"),
    ("thehive", "lines that state no time"),
    ("vdsm", "lines of stack traces"),
    ("zeek", "logs in which the stamps were replaced by X"),
    ("zoneminder", "lines of the web server's log without a stamp"),
];

/// Of the corpora's files, what is no log.
const NO_LOGS: &[&str] =
    &["license", "copying", "readme", ".md", ".yaml", ".yml", ".assert", ".metadata", "labels.json"];

/// Logs that no format reads: of products that are told apart from no others by their lines, without a header, or in pieces.
const MOST_LEFT: usize = 41;

/// What is read of the records of a source, or of the sources of one format.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Count {
    sources: u64,
    records: u64,
    /// Those of which a format reads something.
    recognised: u64,
    /// Those of them that are of another format than their source.
    others: u64,
    timed: u64,
    addressed: u64,
}

impl Count {
    fn add(&mut self, other: &Self) {
        self.sources += other.sources;
        self.records += other.records;
        self.recognised += other.recognised;
        self.others += other.others;
        self.timed += other.timed;
        self.addressed += other.addressed;
    }

    fn left(&self) -> u64 {
        self.records - self.recognised
    }

    /// A line of the table.
    fn row(&self, name: &str) -> String {
        let Self { sources, records, recognised, others, timed, addressed } = self;
        let left = self.left();
        format!("| {name} | {sources} | {records} | {recognised} | {others} | {timed} | {addressed} | {left} |\n")
    }
}

fn roots() -> Option<Vec<Root>> {
    let corpora = shared("corpora")?;
    let root = |name: &&str| Root { name: name.as_bytes().to_vec(), path: Some(corpora.join(name)) };
    Some(FOLDERS.iter().filter(|name| corpora.join(name).exists()).map(root).collect())
}

/// What the ledger of a scan without rules says of each source, container and file that was not read.
fn ledger(roots: &[Root]) -> Vec<Entry> {
    let rules = Program::compile(Vec::<(String, String)>::new(), Routing::Auto).0;
    let plan = plan_with(rules, roots.to_vec(), Scopes::default(), Builder::new());
    scan::scan(&plan).unwrap().ledger
}

/// What is read in each source, by its locator, one record after the other.
fn counts(roots: &[Root], formats: &BTreeMap<&str, &str>) -> BTreeMap<String, Count> {
    let survey = discover::survey(roots, &[]).unwrap();
    let opening =
        Opening { limits: Limits::default(), passwords: Vec::new(), work: None, digest: DigestKind::Off, io: Io::Auto };
    let clock = Clock { zone: TimeZone::UTC, zone_given: false };
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    each_record_of(&survey, &opening, (&clock, None), &mut |source, format, fields, _| {
        let count = counts.entry(source.as_str().to_owned()).or_default();
        let is_read = fields.time.is_some() || fields.iter().next().is_some();
        count.records += 1;
        count.recognised += u64::from(is_read);
        count.others += u64::from(is_read && formats.get(source.as_str()).is_some_and(|own| *own != format));
        count.timed += u64::from(fields.time.is_some());
        count.addressed += u64::from(fields.has(Canon::SourceIp));
    });
    counts
}

/// Records of free space, which the ledger does not count among those of the source.
fn beside(entry: &Entry) -> u64 {
    entry.notes.iter().filter(|note| note.reason == Reason::FreeSpace).filter_map(|note| note.count).sum()
}

fn rejected(entry: &Entry) -> u64 {
    entry.notes.iter().filter(|note| note.reason == Reason::RecordsRejected).filter_map(|note| note.count).sum()
}

/// Why records of sources of one format are not read: each reason of the ledger, with how many sources have it.
fn reasons(entries: &[&Entry]) -> String {
    let mut all: BTreeMap<String, u64> = BTreeMap::new();
    for entry in entries {
        if entry.bytes.raw_only > 0 {
            *all.entry("no format reads it".to_owned()).or_default() += 1;
        }
        for note in &entry.notes {
            let word = serde_json::to_value(note.reason).unwrap();
            *all.entry(word.as_str().unwrap().replace('_', " ")).or_default() += 1;
        }
    }
    all.iter().map(|(word, sources)| format!("{word} ({sources})")).collect::<Vec<_>>().join(", ")
}

fn is_text(entry: &Entry) -> bool {
    entry.format.as_deref() == Some("text")
}

/// Whether a file of the corpora is no log.
fn is_no_log(entry: &Entry) -> bool {
    let name = entry.source.file_name().to_ascii_lowercase();
    NO_LOGS.iter().any(|known| name.starts_with(known) || name.ends_with(known))
}

/// Sums by format, with the sources of each.
type Table<'e> = BTreeMap<&'e str, (Count, Vec<&'e Entry>)>;

/// Adds up the sources by their format. Of each, the scan and the reading of its records one by one say the same.
fn table<'e>(sources: &[&'e Entry], counts: &BTreeMap<String, Count>) -> Table<'e> {
    let mut table = Table::new();
    for entry in sources {
        let count = counts.get(entry.source.as_str()).cloned().unwrap_or_default();
        assert_eq!(count.records, entry.records + beside(entry), "{}", entry.source);
        if !is_text(entry) {
            let read = count.records - rejected(entry);
            assert!(count.recognised <= read && count.timed <= read, "{}: {count:?}", entry.source);
            assert!(
                count.timed + entry.untimed >= entry.records - rejected(entry),
                "{}: {count:?} {}",
                entry.source,
                entry.untimed
            );
        }
        let (sum, of) = table.entry(entry.format.as_deref().unwrap()).or_default();
        sum.add(&Count { sources: 1, ..count });
        of.push(entry);
    }
    table
}

fn print(table: &Table<'_>) {
    println!(
        "| format | sources | records | read | of these as another format | with a time | with a source address | left | what the ledger says (sources) |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut sum = Count::default();
    for (format, (count, entries)) in table {
        println!("{} {} |", count.row(format).trim_end(), reasons(entries));
        sum.add(count);
    }
    println!("{} |", sum.row("all").trim_end());
}

/// The scan and the reading of single records agree on every source, every file of the corpora is in the ledger, each record is read or
/// left, and those of formats that always state a time have one.
#[test]
fn of_each_format_what_is_read_of_the_corpora() {
    let Some(roots) = roots() else { return };
    let ledger = ledger(&roots);
    let named: BTreeSet<&str> = ledger.iter().map(|entry| entry.evidence.as_str()).collect();
    for file in discover::survey(&roots, &[]).unwrap().files {
        assert!(named.contains(file.locator.as_str()), "{} is not in the ledger", file.locator);
    }
    let sources: Vec<&Entry> = ledger.iter().filter(|entry| entry.kind == EntryKind::Source).collect();
    let formats = sources.iter().map(|entry| (entry.source.as_str(), entry.format.as_deref().unwrap())).collect();
    let counts = counts(&roots, &formats);
    let table = table(&sources, &counts);
    print(&table);
    let sum: u64 = table.values().map(|(count, _)| count.recognised + count.left()).sum();
    assert_eq!(sum, ledger.iter().map(|entry| entry.records + beside(entry)).sum::<u64>());
    for (format, (count, _)) in table.iter().filter(|(format, _)| **format != "text") {
        let why = UNTIMED.iter().find(|(name, _)| name == format).map(|(_, why)| why);
        println!(
            "{format}: {} of {} read without a time: {}",
            count.recognised - count.timed,
            count.recognised,
            why.unwrap_or(&"none")
        );
        assert_eq!(count.timed < count.recognised, why.is_some(), "{format}: {count:?}");
    }
    let left: Vec<&&Entry> = sources.iter().filter(|entry| is_text(entry) && !is_no_log(entry)).collect();
    left.iter().for_each(|entry| println!("left as text: {} ({} lines)", entry.source, entry.records));
    assert!(left.len() <= MOST_LEFT, "{} logs are left as text", left.len());
}

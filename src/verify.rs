//! Does a case still hold? Reads every cited record again and compares digests.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path};

use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::model::finding::{Evidence, Finding};
use crate::model::ledger::{Entry, EntryKind};
use crate::model::place::Locator;
use crate::model::transfer::Transfer;
use crate::model::words::counted;

/// Gives the evidence again. The conductor implements it, because stages do not import each other.
pub trait Reopen {
    /// Reads an evidence file once, and calls back with the consecutive decoded bytes of each of these sources in it, from
    /// the start of the source.
    ///
    /// # Errors
    /// Why the file could not be opened.
    fn read(
        &mut self,
        evidence_file: &Locator,
        sources: &BTreeSet<&Locator>,
        each: &mut dyn FnMut(&Locator, &[u8]),
    ) -> Result<Again, String>;
}

/// What one more reading of an evidence file told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Again {
    /// Digest of the file as stored, in the form of the ledger (`sha256:<hex>`); `None` where it is not known.
    pub digest: Option<String>,
    /// The sources that were not read to their end, with why.
    pub torn: BTreeMap<Locator, String>,
    /// Whether nobody said where the evidence lies, so that nothing was read.
    pub absent: bool,
    /// The sources that lie in something encrypted which no given password opens: nothing is known of them.
    pub locked: BTreeSet<Locator>,
}

/// What a case claims.
#[derive(Debug, Clone, Copy)]
pub struct Claims<'a> {
    /// Findings.
    pub findings: &'a [Finding],
    /// Transfers.
    pub transfers: &'a [Transfer],
    /// The ledger.
    pub ledger: &'a [Entry],
    /// SHA-256 (lower-case hex) of each case file, by its name in the folder.
    pub files: &'a BTreeMap<String, String>,
}

/// A cited record that is not there any more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Broken {
    /// The finding or transfer.
    pub id: String,
    /// Source of the record.
    pub source: Locator,
    /// Offset of the record.
    pub offset: u64,
    /// What is wrong.
    pub why: String,
}

/// What still holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Distinct records read again.
    pub records: u64,
    /// Evidence files whose digest was compared.
    pub evidence_files: u64,
    /// Case files whose digest was compared.
    pub case_files: u64,
    /// Records that do not hold, sorted.
    pub broken: Vec<Broken>,
    /// How many cited records of a source could not be read, because it is encrypted and no given password opens it.
    pub locked: BTreeMap<Locator, u64>,
    /// How many cited records of an evidence file were not read, because neither the case nor the user says where it lies.
    pub absent: BTreeMap<Locator, u64>,
    /// Case files that differ, with what is wrong.
    pub changed_files: Vec<(String, String)>,
    /// Evidence files that differ, with what is wrong.
    pub changed_evidence: Vec<(Locator, String)>,
    /// Evidence files that have no digest to compare.
    pub undigested: Vec<Locator>,
}

/// What the checks come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Everything that was claimed holds.
    Holds,
    /// Something does not.
    DoesNotHold,
    /// What was read holds, but some of it is encrypted and a password is missing, or it is not known where evidence lies.
    NotChecked,
}

impl Report {
    /// Whether everything that was claimed was read again and holds.
    pub fn holds(&self) -> bool {
        self.answer() == Answer::Holds
    }

    /// What the checks come to; what does not hold goes before what could not be read.
    pub fn answer(&self) -> Answer {
        if !(self.broken.is_empty() && self.changed_files.is_empty() && self.changed_evidence.is_empty()) {
            Answer::DoesNotHold
        } else if self.locked.is_empty() && self.absent.is_empty() {
            Answer::Holds
        } else {
            Answer::NotChecked
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answer = match self.answer() {
            Answer::Holds => "the case holds",
            Answer::DoesNotHold => "the case does NOT hold",
            Answer::NotChecked if self.absent.is_empty() => "the case is NOT CHECKED in full, a password is missing",
            Answer::NotChecked => "the case is NOT CHECKED in full, it does not say where its evidence lies",
        };
        writeln!(
            out,
            "{answer}: {}, {} and {} read again",
            counted(self.records, "cited record", "cited records"),
            counted(self.evidence_files, "evidence file", "evidence files"),
            counted(self.case_files, "case file", "case files")
        )?;
        if !self.absent.is_empty() {
            let records = self.absent.values().fold(0, |all: u64, records| all.saturating_add(*records));
            let roots: BTreeSet<&str> =
                self.absent.keys().map(|file| file.as_str().split('/').next().unwrap_or_default()).collect();
            let asked: Vec<String> = roots.iter().map(|root| format!("--root {}=PATH", root.escape_debug())).collect();
            writeln!(
                out,
                "say where the evidence lies with {}; until then {} in {} cannot be checked",
                asked.join(" "),
                counted(records, "cited record", "cited records"),
                counted(self.absent.len() as u64, "evidence file", "evidence files")
            )?;
        }
        for (locator, records) in &self.locked {
            writeln!(
                out,
                "evidence {}: encrypted, and no given password opens it; cited records that were not read: {records}",
                locator.as_str().escape_debug()
            )?;
        }
        if !self.locked.is_empty() {
            writeln!(
                out,
                "give the password with --archive-password, --archive-password-file or $EXFILTRACE_ARCHIVE_PASSWORDS"
            )?;
        }
        for (name, why) in &self.changed_files {
            writeln!(out, "case file {}: {}", name.escape_debug(), why.escape_debug())?;
        }
        for (locator, why) in &self.changed_evidence {
            writeln!(out, "evidence {}: {}", locator.as_str().escape_debug(), why.escape_debug())?;
        }
        for b in &self.broken {
            let (id, source) = (b.id.escape_debug(), b.source.as_str().escape_debug());
            writeln!(out, "{id}: {source} at byte {}: {}", b.offset, b.why.escape_debug())?;
        }
        for locator in &self.undigested {
            writeln!(out, "evidence {}: no digest to compare", locator.as_str().escape_debug())?;
        }
        Ok(())
    }
}

/// The files in which a case answers, one of each in every case.
const ANSWERS: [&str; 5] = ["coverage.json", "findings.jsonl", "ledger.jsonl", "transfers.jsonl", "verdict.json"];

/// Reads everything that a case cites again, each evidence file once.
///
/// # Errors
/// None at present: what cannot be read is in the report.
pub fn verify(claims: &Claims<'_>, dir: &Path, reopen: &mut dyn Reopen) -> Result<Report> {
    let mut report = Report::default();
    case_files(claims, dir, &mut report);
    let of_transfers: Vec<OfTransfer<'_>> =
        claims.transfers.iter().map(|t| (t.id.as_str(), t.evidence.list())).collect();
    let cited = cited(claims, &of_transfers, &mut report);
    let mut digests: BTreeMap<&Locator, BTreeSet<&str>> = BTreeMap::new();
    for entry in claims.ledger {
        digests.entry(&entry.evidence).or_default().extend(entry.digest.as_deref());
    }
    let none = BTreeMap::new();
    for (file, digests) in digests {
        evidence_file(file, &digests, cited.get(file).unwrap_or(&none), reopen, &mut report);
    }
    report.broken.sort();
    report.broken.dedup();
    Ok(report)
}

fn case_files(claims: &Claims<'_>, dir: &Path, report: &mut Report) {
    for (name, wanted) in claims.files {
        report.case_files += 1;
        let inside = !name.is_empty() && Path::new(name).components().all(|c| matches!(c, Component::Normal(_)));
        let why = if !inside {
            Some("its name is empty or leads out of the case folder".to_owned())
        } else {
            match digest_file(&dir.join(name)) {
                Ok(found) if found == *wanted => None,
                Ok(found) => Some(format!("its SHA-256 is {found}, the manifest says {wanted}")),
                Err(cause) => Some(format!("cannot be read: {cause}")),
            }
        };
        report.changed_files.extend(why.map(|why| (name.clone(), why)));
    }
    let bare = ANSWERS.iter().filter(|name| !claims.files.contains_key(**name));
    let why = "the manifest has no digest of it, so that nothing shows whether it was changed";
    report.changed_files.extend(bare.map(|name| ((*name).to_owned(), why.to_owned())));
}

/// Who cites which digest for one place of a source.
type Cites<'a> = BTreeMap<(u64, u64), Vec<(&'a str, &'a str)>>;

/// A transfer's id, and the records that it cites.
type OfTransfer<'a> = (&'a str, Cow<'a, [Evidence]>);

/// The cited places by evidence file and source. A source that the ledger does not name is broken at once.
fn cited<'a>(
    claims: &Claims<'a>,
    of_transfers: &'a [OfTransfer<'a>],
    report: &mut Report,
) -> BTreeMap<&'a Locator, BTreeMap<&'a Locator, Cites<'a>>> {
    let mut by_source: BTreeMap<&Locator, Cites<'_>> = BTreeMap::new();
    let findings = claims.findings.iter().map(|f| (f.id.as_str(), &*f.evidence));
    let transfers = of_transfers.iter().map(|(id, evidence)| (*id, &**evidence));
    for (id, evidence) in findings.chain(transfers) {
        for Evidence { source, place, sha256, .. } in evidence {
            let key = (place.offset, place.length);
            by_source.entry(source).or_default().entry(key).or_default().push((id, sha256));
        }
    }
    let homes: BTreeMap<&Locator, &Locator> =
        claims.ledger.iter().filter(|e| e.kind == EntryKind::Source).map(|e| (&e.source, &e.evidence)).collect();
    let mut by_file: BTreeMap<&Locator, BTreeMap<&Locator, Cites<'_>>> = BTreeMap::new();
    for (source, cites) in by_source {
        match homes.get(source) {
            Some(home) => {
                by_file.entry(home).or_default().insert(source, cites);
            }
            None => compare(source, &cites, &BTreeMap::new(), Some("the ledger does not name this source"), report),
        }
    }
    by_file
}

/// Reads one evidence file, and compares its digest and those of the records cited from it.
fn evidence_file(
    file: &Locator,
    digests: &BTreeSet<&str>,
    sources: &BTreeMap<&Locator, Cites<'_>>,
    reopen: &mut dyn Reopen,
    report: &mut Report,
) {
    if digests.is_empty() {
        report.undigested.push(file.clone());
        if sources.is_empty() {
            return;
        }
    }
    let mut readings: BTreeMap<&Locator, Reading> =
        sources.iter().map(|(s, cites)| (*s, Reading::new(cites))).collect();
    let wanted = sources.keys().copied().collect();
    let again = reopen.read(file, &wanted, &mut |source, bytes| {
        if let Some(reading) = readings.get_mut(source) {
            reading.take(bytes);
        }
    });
    if again.as_ref().is_ok_and(|again| again.absent) {
        report.undigested.retain(|undigested| undigested != file);
        report.absent.insert(file.clone(), sources.values().map(|cites| cites.len() as u64).sum());
        return;
    }
    match &again {
        _ if digests.is_empty() => {}
        Ok(Again { digest: None, .. }) => report.undigested.push(file.clone()),
        Ok(Again { digest: Some(found), .. }) => {
            report.evidence_files += 1;
            for other in digests.iter().filter(|d| *d != found) {
                let why = format!("its digest is {found}, the ledger says {other}");
                report.changed_evidence.push((file.clone(), why));
            }
        }
        Err(why) => report.changed_evidence.push((file.clone(), why.clone())),
    }
    for (source, cites) in sources {
        if again.as_ref().is_ok_and(|again| again.locked.contains(*source)) {
            report.locked.insert((*source).clone(), cites.len() as u64);
            continue;
        }
        let found = readings.remove(source).map(Reading::finish).unwrap_or_default();
        let torn = match &again {
            Ok(again) => again.torn.get(source),
            Err(why) => Some(why),
        };
        compare(source, cites, &found, torn.map(String::as_str), report);
    }
}

/// Holds the digests found in a source against the cited ones; `torn` says why it was not read to its end.
fn compare(
    source: &Locator,
    cites: &Cites<'_>,
    found: &BTreeMap<(u64, u64), String>,
    torn: Option<&str>,
    report: &mut Report,
) {
    for (key, claims) in cites {
        report.records += u64::from(found.contains_key(key));
        for (id, wanted) in claims {
            let why = match (found.get(key), torn) {
                (Some(digest), _) if digest == wanted => continue,
                (Some(digest), None) => format!("its SHA-256 is {digest}, the case says {wanted}"),
                (Some(digest), Some(why)) => format!("its SHA-256 is {digest}, the case says {wanted}; {why}"),
                (None, Some(why)) => why.to_owned(),
                (None, None) => "the source ends before it".to_owned(),
            };
            let id = (*id).to_owned();
            report.broken.push(Broken { id, source: source.clone(), offset: key.0, why });
        }
    }
}

/// Hashes the cited stretches of one stream as it passes; they may overlap.
struct Reading {
    /// Stretches not begun, last first.
    waiting: Vec<(u64, u64)>,
    open: Vec<((u64, u64), Sha256)>,
    done: BTreeMap<(u64, u64), String>,
    at: u64,
}

impl Reading {
    fn new(cites: &Cites<'_>) -> Self {
        let waiting = cites.keys().rev().copied().collect();
        Self { waiting, open: Vec::new(), done: BTreeMap::new(), at: 0 }
    }

    fn take(&mut self, bytes: &[u8]) {
        let (from, to) = (self.at, self.at.saturating_add(bytes.len() as u64));
        while let Some(key) = self.waiting.pop_if(|key| key.0 < to) {
            self.open.push((key, Sha256::new()));
        }
        let mut open = Vec::new();
        for (key, mut hash) in self.open.drain(..) {
            let end = key.0.saturating_add(key.1);
            let first = key.0.max(from) - from;
            let last = end.min(to).saturating_sub(from);
            if let Some(part) = bytes.get(first as usize..last as usize) {
                hash.update(part);
            }
            if end <= to {
                self.done.insert(key, hex(&hash.finalize()));
            } else {
                open.push((key, hash));
            }
        }
        self.open = open;
        self.at = to;
    }

    fn finish(mut self) -> BTreeMap<(u64, u64), String> {
        // A stretch without bytes holds at the very end too.
        for key in self.waiting.into_iter().filter(|key| key.1 == 0 && key.0 <= self.at) {
            self.done.insert(key, hex(&Sha256::digest([])));
        }
        self.done
    }
}

fn digest_file(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buf = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buf)? {
            0 => return Ok(hex(&hash.finalize())),
            n => hash.update(&buf[..n]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Splits `data` in pieces of `size` and compares the digests of the stretches with those of plain slices.
    fn check(data: &[u8], keys: &[(u64, u64)], size: usize) {
        let cites: Cites<'_> = keys.iter().map(|k| (*k, Vec::new())).collect();
        let mut reading = Reading::new(&cites);
        data.chunks(size).for_each(|c| reading.take(c));
        let found = reading.finish();
        for key in keys {
            let wanted = data.get(key.0 as usize..).and_then(|d| d.get(..usize::try_from(key.1).ok()?));
            assert_eq!(found.get(key).cloned(), wanted.map(|w| hex(&Sha256::digest(w))), "{key:?} in pieces of {size}");
        }
    }

    #[test]
    fn overlapping_stretches_hash_as_slices_whatever_the_pieces() {
        let data: Vec<u8> = (0..1000u32).map(|i| (i * 7) as u8).collect();
        let keys = [
            (0, 10),
            (5, 100),
            (5, 500),
            (100, 1),
            (990, 10),
            (990, 11),
            (3, 0),
            (1000, 0),
            (1001, 0),
            (2000, 1),
            (7, u64::MAX),
        ];
        for size in [1, 7, 64, 1000] {
            check(&data, &keys, size);
        }
    }
}

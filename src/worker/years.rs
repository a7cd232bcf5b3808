//! The year of files that write none, by what lies beside them: a younger file of the same rotation, before whose begin an older one ended,
//! and other logs of the folder that state their years.
//!
//! Both are looked at in the survey, by the begin and the end of files, so that all shards of a scan read alike. The time at which a file was
//! last written says no more than that it is not younger, as it is that of a copy as often, unless the log ends just then.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rayon::prelude::*;

use super::orders::{Begin, EDGE_BYTES};
use crate::format::{self, Clock};
use crate::model::clock::{YearBy, YearsRead};
use crate::model::fields::{Canon, Fields, Want};
use crate::model::layout::Layout;
use crate::model::place::Locator;
use crate::model::source::{Listed, Survey};
use crate::model::time::{Instant, Stamp};
use crate::open::{self, DigestKind, Limits, Opening};

/// Seconds of a day, and of a year.
const DAY_SECS: i64 = 86_400;
const YEAR_SECS: i64 = 365 * DAY_SECS + DAY_SECS / 4;
/// Logs of one folder were collected together: none of them goes on for much longer than the others.
const TOGETHER_SECS: i64 = 31 * DAY_SECS;
/// So long a file may be written to behind its last record.
const WRITTEN_SECS: i64 = 2 * DAY_SECS;
/// A file that was last written before 1990 has no such time, as archives and file systems write it.
const NO_TIME_SECS: i64 = 20 * YEAR_SECS;
/// So many lines at the end of a file are looked at.
const LOOKED_AT: usize = 16;
/// So many other logs of a folder are looked at, the first in order.
const NEIGHBOURS: usize = 32;

/// What the begin and the end of a file show of its times.
struct Edges<'s> {
    file: &'s Listed,
    layout: Layout,
    begin: Stamp,
    /// The last one, where the file is stored as it is.
    end: Option<Stamp>,
    host: Option<String>,
}

impl Edges<'_> {
    /// When it ended, if none of its records is younger than `reference`; `None` where its end was not looked at.
    fn ended(&self, reference: Instant) -> Option<Instant> {
        format::by_reference(self.end?, reference, &self.layout)
    }

    /// When it began, likewise.
    fn began(&self, reference: Instant) -> Option<Instant> {
        // What is told to lie before a reference may lie a day behind it.
        let end = self.ended(reference).map(|end| end.plus_secs(-DAY_SECS));
        format::by_reference(self.begin, end.unwrap_or(reference), &self.layout)
    }

    /// Whether it ends when its file was last written: then it is no copy that was made at another time.
    fn ends_with_its_file(&self) -> bool {
        let ended = self.file.mtime.and_then(|written| Some((written, self.ended(written)?)));
        ended.is_some_and(|(written, at)| at.plus_secs(WRITTEN_SECS) >= written)
    }

    /// When it ended as far as it was looked at, likewise.
    fn reached(&self, reference: Instant) -> Option<Instant> {
        self.ended(reference).or_else(|| self.began(reference))
    }
}

/// The time of another log of a folder, whose years are known.
struct Stated<'s> {
    locator: &'s Locator,
    /// Whether its file was last written when it ended: then those of its folder were copied with their times.
    is_kept: bool,
    first: Instant,
    last: Instant,
    host: Option<String>,
}

/// Puts in the survey what tells the years of its files, where that is not what their time tells.
pub fn survey_years(survey: &mut Survey, opening: &Opening) {
    let limits = Limits { members: 1, member_bytes: EDGE_BYTES as u64, ..opening.limits.clone() };
    let opening = Opening { limits, digest: DigestKind::Off, work: None, ..opening.clone() };
    let mut folders: BTreeMap<&str, Vec<&Listed>> = BTreeMap::new();
    for file in survey.files.iter().filter(|file| file.path.is_some()) {
        folders.entry(file.locator.folder()).or_default().push(file);
    }
    let mut years = BTreeMap::new();
    for files in folders.into_values().filter(|files| files.iter().any(|file| may_be_yearless(file))) {
        of_folder(&files, &opening, &mut years);
    }
    survey.years = years;
}

/// Puts in the layout of a file what lies beside it tells of its years; its own name goes before that.
pub(super) fn tell(years: &BTreeMap<Locator, YearsRead>, locator: &Locator, layout: &mut Layout) {
    if let Some(read) = years.get(locator).filter(|_| layout.years.is_none()) {
        (layout.reference, layout.years) = (Some(read.until), Some(read.clone().into()));
    }
}

/// Whether a file stored as it is begins with a record whose date has no year, by its name of a month.
fn may_be_yearless(file: &Listed) -> bool {
    let text = open::stretch(file, 0, 512);
    text.split(|byte| *byte == b'\n').take(3).any(|line| {
        let rest = match line.iter().position(|byte| *byte == b'>') {
            Some(end) if line.starts_with(b"<") && end < 6 => &line[end + 1..],
            _ => line,
        };
        rest.len() > 15 && rest[..3].iter().all(u8::is_ascii_alphabetic) && rest[3] == b' ' && rest[9] == b':'
    })
}

/// The years of the files of one folder.
fn of_folder(files: &[&Listed], opening: &Opening, years: &mut BTreeMap<Locator, YearsRead>) {
    let mut logs: BTreeMap<String, Vec<&Listed>> = BTreeMap::new();
    files.iter().for_each(|file| logs.entry(file.locator.log()).or_default().push(file));
    let (mut rotations, mut stated, mut wanted) = (Vec::new(), Vec::new(), Vec::new());
    for (at, mut log) in logs.into_values().enumerate() {
        log.sort_by_key(|file| (file.locator.rotation(), &file.locator));
        stated.extend(log.iter().filter_map(|file| by_name(file)));
        log.retain(|file| file.locator.date().is_none());
        let is_yearless = log.iter().any(|file| may_be_yearless(file));
        if is_yearless || at < NEIGHBOURS {
            wanted.push((is_yearless, log));
        }
    }
    // PERF: a collector of syslog has a file of each of thousands of hosts.
    let known: Vec<(bool, Vec<Edges<'_>>)> = wanted
        .into_par_iter()
        .map(|(is_yearless, log)| {
            // Where a parser fails the file shows nothing; the scan will say of it what there is to say.
            let edges =
                log.iter().filter_map(|file| catch_unwind(AssertUnwindSafe(|| edges(file, opening))).ok().flatten());
            (is_yearless, edges.collect())
        })
        .collect();
    for (is_yearless, known) in known {
        if is_yearless {
            rotations.push(known);
        } else {
            stated.extend(known.into_iter().filter_map(by_records));
        }
    }
    rotations.iter().for_each(|rotation| of_rotation(rotation, &stated, years));
}

/// The day in the name of a file.
fn by_name(file: &Listed) -> Option<Stated<'_>> {
    let (year, month, day) = file.locator.date()?;
    let at = Instant::parse(&format!("{year:04}-{month:02}-{:02}T00:00:00Z", day?))?;
    Some(Stated { locator: &file.locator, is_kept: is_written_at(file, at), first: at, last: at, host: None })
}

/// Whether a file was last written then.
fn is_written_at(file: &Listed, at: Instant) -> bool {
    file.mtime.is_some_and(|written| (at.plus_secs(-WRITTEN_SECS)..=at.plus_secs(WRITTEN_SECS)).contains(&written))
}

/// The time of a log that states its years.
fn by_records(edges: Edges<'_>) -> Option<Stated<'_>> {
    let Edges { file, begin, end, host, .. } = edges;
    let end = end.unwrap_or(begin);
    let is_stated = !begin.assumed.year() && !end.assumed.year();
    let (first, last) = (begin.at.min(end.at), end.at.max(begin.at));
    is_stated.then(|| Stated { locator: &file.locator, is_kept: is_written_at(file, last), first, last, host })
}

/// The years of the files of one log, the youngest first.
fn of_rotation(files: &[Edges<'_>], stated: &[Stated<'_>], years: &mut BTreeMap<Locator, YearsRead>) {
    let Some(youngest) = files.first() else { return };
    let mut read = by_neighbours(youngest, stated);
    let mut reference = read.as_ref().map(|read| read.until).or(youngest.file.mtime);
    if youngest.begin.assumed.year() {
        years.extend(read.take().map(|read| (youngest.file.locator.clone(), read)));
    }
    let is_in_order = goes_back(files);
    for two in files.windows(2).filter(|_| is_in_order) {
        let (younger, older) = (&two[0], &two[1]);
        let until = reference.and_then(|reference| younger.began(reference));
        reference = older.file.mtime;
        let Some(until) = until.filter(|_| younger.file.locator.rotation() < older.file.locator.rotation()) else {
            continue;
        };
        let written = older.file.mtime.filter(|written| Some(*written) >= Instant::from_secs(NO_TIME_SECS));
        let by_file = written.and_then(|written| older.reached(written));
        // A file is written last when it ends or later: that of a copy may be too late, and none is too early.
        let is_earlier = by_file.is_none_or(|at| older.reached(until).is_some_and(|told| told < at));
        if older.begin.assumed.year() && is_earlier && !older.ends_with_its_file() {
            let beside = Some(younger.file.locator.clone());
            let read = YearsRead { by: YearBy::Sibling, beside, until, written: older.file.mtime };
            years.insert(older.file.locator.clone(), read);
            reference = Some(until);
        }
    }
}

/// Whether the files of a rotation are the older the greater their number, as far as they show it: where the one ends the next younger one
/// begins, and not the other way round.
fn goes_back(files: &[Edges<'_>]) -> bool {
    let of_year =
        |from: Instant, to: Instant| (to.micros() - from.micros()).div_euclid(1_000_000).rem_euclid(YEAR_SECS);
    let holes = files.windows(2).filter_map(|two| {
        let (younger, older) = (&two[0], &two[1]);
        Some((of_year(older.end?.at, younger.begin.at), of_year(younger.end?.at, older.begin.at)))
    });
    let (back, forth) = holes.fold((0, 0), |(back, forth), (one, other)| (back + one, forth + other));
    back <= forth
}

/// The years of a file by other logs of its folder: where by its time it would go on long behind all of them, and by an earlier year it is
/// of their time. Where one of them was last written when it ended, files were copied with their times, and the folder is of several years.
fn by_neighbours(edges: &Edges<'_>, stated: &[Stated<'_>]) -> Option<YearsRead> {
    let of_host = |one: &&Stated<'_>| one.host.is_none() || edges.host.is_none() || one.host == edges.host;
    let last = stated.iter().filter(of_host).max_by_key(|one| (one.last, one.locator))?;
    let first = stated.iter().filter(of_host).map(|one| one.first).min()?;
    if stated.iter().filter(of_host).any(|one| one.is_kept) {
        return None;
    }
    let bound = last.last.plus_secs(TOGETHER_SECS);
    let by_file = edges.file.mtime.and_then(|written| edges.reached(written));
    let earlier = edges.reached(bound).filter(|at| *at >= first.plus_secs(-TOGETHER_SECS))?;
    let is_otherwise = by_file.is_none_or(|at| at > bound) && edges.begin.assumed.year() && !edges.ends_with_its_file();
    is_otherwise.then(|| YearsRead {
        by: YearBy::Neighbour,
        beside: Some(last.locator.clone()),
        until: if edges.end.is_some() { earlier } else { bound },
        written: edges.file.mtime,
    })
}

/// The times at the begin and at the end of a file of lines.
fn edges<'s>(file: &'s Listed, opening: &Opening) -> Option<Edges<'s>> {
    let stored = open::stretch(file, 0, EDGE_BYTES);
    let mut begin = Begin::default();
    open::open_bytes(file.locator.clone(), &stored, opening, &mut begin);
    let Begin { meta, text } = begin;
    let mut meta = meta.filter(|meta| meta.locator == file.locator)?;
    meta.mtime = file.mtime;
    let clock = Clock { zone: jiff::tz::TimeZone::UTC, zone_given: false };
    let layout = format::recognise(&text, false, &meta, &clock);
    let first = format::first_time(&layout, &text)?;
    let is_plain = text == stored;
    let tail_at = file.size.saturating_sub(EDGE_BYTES as u64);
    let tail = if is_plain { open::stretch(file, tail_at, EDGE_BYTES) } else { Vec::new() };
    let reference = layout.reference.or(Some(first.at));
    let layout = Layout { reference, ..layout };
    let (mut end, mut host) = (None, None);
    let (reader, mut fields) = (format::reader(&layout), Fields::default());
    for line in tail.split(|byte| *byte == b'\n').rev().filter(|line| !line.is_empty()).take(LOOKED_AT) {
        if end.is_none() && reader.parse(line.trim_ascii_end(), Want::All, &mut fields).is_ok() {
            (end, host) = (fields.time, fields.text(Canon::HostName).map(str::to_owned));
        }
    }
    drop(fields);
    Some(Edges { file, layout: layout.clone(), begin: first, end, host })
}

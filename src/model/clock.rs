//! What the times of a source tell of its clock, record by record in the order in which they stand: where it was set, where the hour
//! begins that comes twice, and where a log without years goes on into another year.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::place::Locator;
use super::time::{HOUR_SECS, Instant, Stamp};

/// Microseconds of a second.
const SECOND: i64 = 1_000_000;
/// A step back of no more than this is none: records of one moment are written in any order.
const STEP_BACK: i64 = SECOND;
/// A step back of more than this may be a clock that was set.
const SET_BACK: i64 = 5 * 60 * SECOND;
/// A step back of no more than this tells nothing of the hour that comes twice.
const REPEAT: i64 = 60 * SECOND;
/// In a log of one year after the other no step is longer, but where it goes on into another year that is not written.
const HALF_YEAR: i64 = 183 * 24 * HOUR_SECS * SECOND;
/// Records of several hosts may come so late in one log.
const LATE: i64 = 24 * HOUR_SECS * SECOND;
/// Zones are so far ahead of UTC at most, and so far behind it.
const ZONES: [i64; 2] = [14 * HOUR_SECS * SECOND, -12 * HOUR_SECS * SECOND];
/// So many records must follow on a step back, all of times before it, that it is none of a record which was written late.
const FOLLOW: usize = 10;
/// Steps of a kind that are kept of a source; of one with more nothing is concluded from them.
const STEPS_KEPT: usize = 64;
/// A log is in order if no more than one step in so many goes back.
const ORDERLY: u64 = 1000;
/// So many steps of a clock that was set say nothing against its order; what is sorted by something else has more.
const SET_OFTEN: u64 = 8;

/// A step from one record to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Step {
    /// Offset of the second record in the decoded stream.
    pub at: u64,
    /// Time of the first record.
    pub from: Instant,
    /// Time of the second.
    pub to: Instant,
}

impl Step {
    /// How far it goes back in microseconds; negative where it goes ahead.
    pub fn back_micros(&self) -> i64 {
        self.from.micros().saturating_sub(self.to.micros())
    }

    /// Whether it leads back to where the log was before an earlier one that went the other way, or not much behind that.
    fn undoes(&self, before: &Self) -> bool {
        let behind = self.to.micros().saturating_sub(before.from.micros());
        (self.back_micros() > 0) != (before.back_micros() > 0) && (-LATE..HALF_YEAR).contains(&behind)
    }

    /// Whether it goes back to where a clock begins that lost its battery: the first day of a year, in any zone.
    fn is_reset(&self) -> bool {
        self.back_micros() > LATE && dates(self.to).any(|date| (date.month(), date.day()) == (1, 1))
    }

    /// Whether it goes ahead from where such a clock may be.
    fn leaves_january(&self) -> bool {
        self.back_micros() < -LATE && dates(self.from).any(|date| date.month() == 1)
    }
}

/// The dates that an instant may have.
fn dates(at: Instant) -> impl Iterator<Item = jiff::civil::Date> {
    let zones = std::iter::once(0).chain(ZONES);
    let stamps =
        zones.filter_map(move |ahead| jiff::Timestamp::from_microsecond(at.micros().saturating_add(ahead)).ok());
    stamps.map(|stamp| jiff::tz::Offset::UTC.to_datetime(stamp).date())
}

/// Some steps, the first in their order; more than are kept tell nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Steps {
    kept: Vec<Step>,
    is_cut: bool,
}

impl Steps {
    fn add(&mut self, step: Step) {
        if self.kept.len() < STEPS_KEPT {
            self.kept.push(step);
        } else {
            self.is_cut = true;
        }
    }

    fn append(&mut self, later: Self) {
        later.kept.into_iter().for_each(|step| self.add(step));
        self.is_cut |= later.is_cut;
    }

    fn all(&self) -> &[Step] {
        if self.is_cut { &[] } else { &self.kept }
    }
}

/// A step back of which it is not known yet whether the records behind it stay before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pending {
    step: Step,
    /// Records behind it so far, its own second one included.
    followed: usize,
}

/// The times of records that stand one behind the other. What is told of each step rests on it and the few records behind it, so that it is
/// the same wherever blocks are cut.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stretch {
    /// The first records, by which what stands before it is told.
    head: Vec<(u64, Stamp)>,
    last: Option<Stamp>,
    /// Records with a time.
    records: u64,
    /// Steps that go back.
    back: u64,
    /// The longest step back to a time that does not come twice, in microseconds.
    longest_back: i64,
    /// Steps back on which others follow.
    set_back: Steps,
    pending: Vec<Pending>,
    /// Steps back into an hour that comes twice.
    repeats: Steps,
    /// Steps back by half a year or more, where no year is written.
    falls: Steps,
    /// Such steps ahead.
    leaps: Steps,
    /// Steps back to where a clock begins, and steps out of January by which it may be set right.
    resets: Steps,
}

impl Stretch {
    /// Takes the next record.
    #[inline]
    pub fn see(&mut self, at: u64, stamp: Stamp) {
        self.records += 1;
        if self.head.len() < FOLLOW {
            self.head.push((at, stamp));
        }
        let Some(last) = self.last.replace(stamp) else { return };
        // PERF: nearly all records are not long behind the one before, and nothing is waited for.
        let ahead = stamp.at.micros().wrapping_sub(last.at.micros());
        if !(-STEP_BACK..LATE).contains(&ahead) || !self.pending.is_empty() {
            self.step(at, last, stamp);
            self.follow(stamp);
        }
    }

    /// Takes a step that may be a long one.
    #[cold]
    fn step(&mut self, at: u64, last: Stamp, stamp: Stamp) {
        let step = Step { at, from: last.at, to: stamp.at };
        let back = step.back_micros();
        if step.is_reset() || step.leaves_january() {
            self.resets.add(step);
        }
        let is_yearless = last.assumed.year() && stamp.assumed.year();
        if is_yearless && back <= -HALF_YEAR {
            self.leaps.add(step);
        }
        if back <= STEP_BACK {
            return;
        }
        self.back += 1;
        if is_yearless && back >= HALF_YEAR {
            self.falls.add(step);
            return;
        }
        match stamp.assumed.twice() {
            true if back > REPEAT => self.repeats.add(step),
            true => {}
            false => self.longest_back = self.longest_back.max(back),
        }
        if back > SET_BACK {
            self.pending.push(Pending { step, followed: 0 });
        }
    }

    /// Takes a record into account behind steps that are waited for.
    fn follow(&mut self, stamp: Stamp) {
        let set_back = &mut self.set_back;
        self.pending.retain_mut(|pending| {
            pending.followed += 1;
            let stays = stamp.at < pending.step.from;
            if stays && pending.followed == FOLLOW {
                set_back.add(pending.step);
            }
            stays && pending.followed < FOLLOW
        });
    }

    /// Both, where the other one stands behind it.
    fn then(&mut self, later: Self) {
        let waiting = later.pending;
        if let Some(((at, stamp), last)) = later.head.first().zip(self.last) {
            self.step(*at, last, *stamp);
        }
        later.head.iter().for_each(|(_, stamp)| self.follow(*stamp));
        self.pending.extend(waiting);
        self.last = later.last.or(self.last);
        self.records += later.records;
        self.back += later.back;
        self.longest_back = self.longest_back.max(later.longest_back);
        self.set_back.append(later.set_back);
        self.repeats.append(later.repeats);
        self.falls.append(later.falls);
        self.leaps.append(later.leaps);
        self.resets.append(later.resets);
        let room = FOLLOW - self.head.len();
        self.head.extend(later.head.into_iter().take(room));
    }

    /// Whether records stand in the order of their times, but for a few, and the first of those of `steps`.
    fn is_orderly(&self, steps: usize) -> bool {
        self.back.saturating_sub((steps as u64).min(SET_OFTEN)).saturating_mul(ORDERLY) <= self.records
    }

    /// The steps back that are of a clock which was set, or of a log that begins anew: those on which others follow, of records that are
    /// otherwise in order, and however few follow on one to where a clock begins that goes on from there. Records that are written when
    /// that ends of which they tell, and dated by its begin, are not.
    pub fn set_back(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = self.set_back.all().iter().copied().chain(self.resets()).collect();
        steps.sort_unstable();
        steps.dedup();
        if self.is_orderly(steps.len()) { steps } else { Vec::new() }
    }

    /// The steps to where a clock begins that a later one undoes.
    fn resets(&self) -> impl Iterator<Item = Step> {
        let steps = self.resets.all();
        let is_undone = |at: usize| {
            let step = steps[at];
            let later = steps[at + 1..].iter().take_while(|later| !later.is_reset());
            step.is_reset()
                && later.into_iter().any(|later| later.to.micros() >= step.from.micros().saturating_sub(LATE))
        };
        (0..steps.len()).filter(move |at| is_undone(*at)).map(|at| steps[at])
    }

    /// When the first record was written by its clock, where that began anew later on and was set right.
    pub fn begins(&self) -> Option<Instant> {
        self.resets().next()?;
        self.head.first().map(|(_, stamp)| stamp.at)
    }

    /// The steps back into an hour that comes twice that are longer than any other: there its second time begins. Where one hour has
    /// several such steps, none of them tells; and none in a log that lists what came last first.
    pub fn repeats(&self) -> Vec<Step> {
        let is_backwards = self.head.first().zip(self.last).is_some_and(|((_, first), last)| last.at < first.at);
        if is_backwards {
            return Vec::new();
        }
        let long: Vec<Step> =
            self.repeats.all().iter().filter(|step| step.back_micros() > self.longest_back).copied().collect();
        let is_near = |one: &Step, other: &Step| one.to.hour().abs_diff(other.to.hour()) <= 2;
        let is_alone = |step: &&Step| long.iter().filter(|other| is_near(step, other)).count() == 1;
        long.iter().filter(is_alone).copied().collect()
    }

    /// The steps at which a log without years goes on into another year, which its times do not show as they were read. Records of a clock
    /// that is wrong by months do not count, as of a system that starts or of another host: one step leads there, and a later one back to
    /// where the log was.
    pub fn turns_of_year(&self) -> Vec<Step> {
        if self.leaps.is_cut {
            return Vec::new();
        }
        let mut steps: Vec<Step> = self.falls.all().iter().chain(self.leaps.all()).copied().collect();
        steps.sort_unstable();
        let mut open: Vec<Step> = Vec::new();
        for step in steps {
            match open.iter().rposition(|before| step.undoes(before)) {
                Some(at) => open.truncate(at),
                None => open.push(step),
            }
        }
        open.retain(|step| step.back_micros() > 0);
        open
    }
}

/// The stretches of a source, which come in any order.
#[derive(Debug, Default)]
pub struct Stretches(BTreeMap<u64, (u64, Stretch)>);

impl Stretches {
    /// Adds what the bytes from `begin` up to `end` hold.
    pub fn add(&mut self, begin: u64, end: u64, stretch: Stretch) {
        let (mut begin, mut one) = (begin, (end, stretch));
        if let Some((before, _)) = self.0.range(..begin).next_back().filter(|(_, (end, _))| *end == begin) {
            let before = *before;
            let (_, mut all) = self.0.remove(&before).expect("its key was just met");
            all.then(one.1);
            (begin, one) = (before, (one.0, all));
        }
        if let Some((end, later)) = self.0.remove(&one.0) {
            one.1.then(later);
            one.0 = end;
        }
        self.0.insert(begin, one);
    }

    /// All of them, in their order.
    pub fn take(&mut self) -> Stretch {
        let mut all = Stretch::default();
        std::mem::take(&mut self.0).into_values().for_each(|(_, stretch)| all.then(stretch));
        all
    }
}

/// Where the records of a source are read otherwise than those before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Turn {
    /// Offset of the first of them in the decoded stream.
    pub at: u64,
    /// So many years before the last ones they are, where no year is written.
    pub years_back: i64,
    /// Of hours that come twice, by a time of their first one: whether it is the second.
    pub hours: Vec<(Instant, bool)>,
}

/// What tells the year of records that state none, where the time of the file does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum YearBy {
    /// The name of the file has a date.
    Name,
    /// A younger file of the same rotation begins where this one ends.
    Sibling,
    /// Another log of the same folder states its years.
    Neighbour,
}

/// How the years of a source are known that states none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct YearsRead {
    /// What tells them.
    pub by: YearBy,
    /// The file that does, where it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<Locator>,
    /// None of the records is younger.
    pub until: Instant,
    /// When the file was last written, where that is of another year: it was copied since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Instant>,
}

/// What the times of a source tell of its clock.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ClockTold {
    /// Records of an hour that comes twice, of which nothing tells which it is.
    #[serde(default, skip_serializing_if = "is_none")]
    pub twice: u64,
    /// Records of times that there are not in the zone that was given.
    #[serde(default, skip_serializing_if = "is_none")]
    pub never: u64,
    /// Steps back of a log that is otherwise in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set_back: Vec<Step>,
    /// Where one is of a clock that began anew and was set right later on, the time of the record that stands first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begins: Option<Instant>,
    /// Steps at which the hour that comes twice begins anew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repeats: Vec<Step>,
    /// Steps at which the log goes on into another year that is not written; only where it covers more than one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns_of_year: Vec<Step>,
    /// Whether these steps were not taken into account, as the source could not be read again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_misread: bool,
    /// What tells its years.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub years: Option<YearsRead>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

impl ClockTold {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what another part of the same source tells.
    pub fn join(&mut self, other: Self) {
        self.twice += other.twice;
        self.never += other.never;
        let lists = [
            (&mut self.set_back, other.set_back),
            (&mut self.repeats, other.repeats),
            (&mut self.turns_of_year, other.turns_of_year),
        ];
        for (own, others) in lists {
            own.extend(others);
            own.sort_unstable();
            own.dedup();
        }
        self.begins = self.begins.or(other.begins);
        self.is_misread |= other.is_misread;
        self.years = self.years.take().or(other.years);
    }

    /// Whether a time without records lies between those of a clock that began anew and those of the right one: from one to the other
    /// the log goes ahead only where a clock was set right, for its first record is behind that time. Of a log to which an older one was
    /// put behind, which goes back too, all times are right.
    pub fn is_between(&self, before: i64, after: i64) -> bool {
        let is_behind = self.begins.is_some_and(|begins| begins.hour() >= after);
        let is_around = |step: &&Step| step.to.hour() <= before && after <= step.from.hour();
        is_behind && self.set_back.iter().filter(|step| step.is_reset()).any(|step| is_around(&step))
    }

    /// All of it, in words; empty where there is nothing to tell.
    pub fn told(&self) -> String {
        let mut parts = Vec::new();
        let counted = |count: u64| super::words::counted(count, "record", "records");
        if self.twice > 0 {
            parts.push(format!(
                "{} of an hour that comes twice as clocks are put back, and nothing tells which it is: they may be an hour later",
                counted(self.twice)
            ));
        }
        if self.never > 0 {
            parts.push(format!(
                "{} of times that there are not in the zone that was given, as clocks are put forward: it is not that of the log",
                counted(self.never)
            ));
        }
        let first = |what: &str, steps: &[Step]| {
            let Step { at, from, to } = steps.first()?;
            let more =
                if steps.len() > 1 { format!(" (and {} more such steps)", steps.len() - 1) } else { String::new() };
            Some(format!("{what} from {from} to {to} at byte {at}{more}"))
        };
        let set = "times go back, as where a clock was set or another log begins,";
        parts.extend(first(set, &self.set_back));
        parts.extend(first("the hour that comes twice begins anew", &self.repeats));
        parts.extend(first("the log goes on into another year, which is not written,", &self.turns_of_year));
        let misread = "it could not be read again for that: records before are of earlier times than they seem";
        parts.extend(self.is_misread.then(|| misread.to_owned()));
        parts.extend(self.years.as_ref().map(YearsRead::told));
        parts.join("; ")
    }
}

impl YearsRead {
    /// What tells the years, in words.
    pub fn told(&self) -> String {
        let by = match (self.by, &self.beside) {
            (YearBy::Name, _) => "years by the date in the name of the file".to_owned(),
            (YearBy::Sibling, Some(sibling)) => format!("years by {sibling}, which begins where this one ends"),
            (YearBy::Sibling, None) => "years by a younger file of the rotation".to_owned(),
            (YearBy::Neighbour, Some(neighbour)) => format!("years by {neighbour}, which states them"),
            (YearBy::Neighbour, None) => "years by another log of the folder".to_owned(),
        };
        let written = self.written.map(|at| format!(", though the file was written last at {at}"));
        format!("{by}: none is younger than {}{}", self.until, written.unwrap_or_default())
    }
}

//! Where the records of a source are of another year than those before, which they do not write, or of the second of two hours of one name:
//! as their order shows it.
//!
//! Which year it is at the end of a log, something beside it tells; every turn of a year that its order shows is one more before that. It is
//! known when all of it was read, so it is read once more.

use jiff::tz::TimeZone;

use crate::format;
use crate::model::clock::{ClockTold, Step, Stretch, Turn};
use crate::model::fields::{Fields, Want};
use crate::model::layout::{Framing, Layout};

/// So many records at the begin of a source show whether its times need anything beside them.
const LOOKED_AT: usize = 64;

/// The turns of a source.
#[derive(Debug)]
pub(super) struct Turns {
    years: Vec<Step>,
    hours: Vec<Step>,
}

impl Turns {
    /// The turns that the times of a source show, as they were read; `None` where there are none.
    pub(super) fn of(times: &Stretch) -> Option<Self> {
        let years = times.turns_of_year();
        let last = years.last().map_or(0, |step| step.at);
        // When clocks are put back differs from year to year: what was read as of another one tells nothing of it.
        let hours: Vec<Step> = times.repeats().into_iter().filter(|step| step.at >= last).collect();
        (!years.is_empty() || !hours.is_empty()).then_some(Self { years, hours })
    }

    /// How records are read from each of them on.
    pub(super) fn list(&self) -> Vec<Turn> {
        let mut begins: Vec<u64> = self.years.iter().chain(&self.hours).map(|step| step.at).chain([0]).collect();
        begins.sort_unstable();
        begins.dedup();
        let turn = |at: u64| Turn {
            at,
            years_back: self.years.iter().filter(|step| step.at > at).count() as i64,
            hours: self.hours.iter().map(|step| (step.to, step.at <= at)).collect(),
        };
        begins.into_iter().map(turn).collect()
    }

    /// What is told of them; `is_read`: whether the source was read by them.
    pub(super) fn told(&self, is_read: bool) -> ClockTold {
        let (turns_of_year, repeats) = (self.years.clone(), self.hours.clone());
        ClockTold { turns_of_year, repeats, is_misread: !is_read, ..ClockTold::default() }
    }
}

/// Whether records of a source that begins so may need a year that they do not write, or one of two hours. Where that cannot be seen, they
/// may if clocks of the zone are put back at all.
pub(super) fn may_turn(layout: &Layout, head: &[u8]) -> bool {
    let changes = has_changes(&layout.zone) || layout.host_clocks.iter().any(|clock| has_changes(&clock.zone));
    if !changes && layout.reference.is_none() {
        return false;
    }
    let is_lines = matches!(layout.framing, Framing::Lines | Framing::Csv { .. } | Framing::Runs(_));
    if !is_lines || layout.encoding.is_wide() {
        return changes;
    }
    let (reader, mut fields) = (format::reader(layout), Fields::default());
    head.split(|byte| *byte == b'\n').take(LOOKED_AT).any(|line| {
        let is_read = reader.parse(line.trim_ascii_end(), Want::Columns, &mut fields).is_ok();
        let stamp = fields.time.filter(|_| is_read);
        stamp.is_some_and(|stamp| stamp.assumed.year() || changes && stamp.assumed.is_local())
    })
}

/// Whether clocks of a zone are put back or forward at all.
fn has_changes(zone: &TimeZone) -> bool {
    zone.to_fixed_offset().is_err()
}

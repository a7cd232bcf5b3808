//! What the ledger is told of a source that was read: which records are not, or are of another format, and which caps were reached.

use super::source::Told;
use crate::format::Limit;
use crate::model::assigned::ASSIGNMENTS_KEPT;
use crate::model::chunk::FILE_MAGIC;
use crate::model::data::TOUCHES_KEPT;
use crate::model::dates::DatesRead;
use crate::model::event::{Events, VALUES_KEPT};
use crate::model::hit::{RULE_HITS_KEPT, Sightings, WHO_KEPT};
use crate::model::hits::{IndicatorHits, RuleHits};
use crate::model::layout::Framing;
use crate::model::ledger::{Note, Reason};
use crate::model::logons::LOGONS_KEPT;
use crate::model::observation::Observations;
use crate::model::part::{PART_HITS_KEPT, PartRef};
use crate::plan::Plan;

/// States that a binary log does not begin as one does.
pub(super) fn of_head(head: &[u8], framing: Framing) -> Option<Note> {
    let detail = "the header of the log is lost or was not carved with it: its chunks are read from the first one on, and what stood \
                  before or between them is not known; collect the file again where that can be done";
    let is_lost = framing == Framing::Evtx && !head.starts_with(FILE_MAGIC);
    is_lost.then(|| Note::new(Reason::Damaged, detail).at(0))
}

/// States that a binary log has fewer bytes than its header says, where that is known.
pub(super) fn of_length(stated: Option<u64>, bytes: u64) -> Option<Note> {
    let missing = stated?.checked_sub(bytes).filter(|missing| *missing > 0)?;
    let detail = format!(
        "the log ends before its last chunk: {missing} bytes are missing of those that its header tells of, and the records in them; \
         collect the file again where that can be done"
    );
    Some(Note::new(Reason::Damaged, detail).at(bytes))
}

/// States what became of records of a source of this format that were not simply read as such.
pub(super) fn of_records(of: &str, told: &Told) -> Vec<Note> {
    let mut notes = Vec::new();
    if told.rejected > 0 {
        let detail = format!("records that are not {of}; they were sifted for indicators all the same");
        notes.push(Note::new(Reason::RecordsRejected, detail).counted(told.rejected));
    }
    for (format, records) in &told.carried {
        let detail = format!("records of {of} that hold lines of {format}; these were read as such");
        notes.push(Note::new(Reason::OtherFormat, detail).counted(*records));
    }
    for (format, records) in &told.strays {
        let detail = format!("records that are not {of} but {format}; they were read as such");
        notes.push(Note::new(Reason::OtherFormat, detail).counted(*records));
    }
    if let Some(damage) = &told.damage {
        let mut detail = format!(
            "{} bytes in chunks that cannot be decoded; they were sifted for indicators as they are",
            damage.bytes
        );
        if damage.recovered > 0 {
            let recovered = "records were read from chunks whose header is lost, have no index and may be older";
            detail.push_str(&format!("; {} {recovered}", damage.recovered));
        }
        notes.push(Note::new(Reason::Damaged, detail).at(damage.at).counted(damage.blocks));
    }
    if told.stale > 0 {
        let detail = "records in the free space of chunks, of an earlier state of the log: they were read, have no index and tell nothing of what the log covers";
        notes.push(Note::new(Reason::FreeSpace, detail).counted(told.stale));
    }
    if told.left_out > 0 {
        let detail = "records outside of --from and --to; neither rules nor indicators were held against them";
        notes.push(Note::new(Reason::OutsidePeriod, detail).counted(told.left_out));
    }
    if told.passed_over > 0 {
        let detail = "records in which nothing was met; they were searched and not read (--hits-only)";
        notes.push(Note::new(Reason::PassedOver, detail).counted(told.passed_over));
    }
    if told.oversize > 0 {
        let detail = "records longer than 16 MiB; they were sifted for indicators and not parsed";
        notes.push(Note::new(Reason::RecordsOversize, detail).counted(told.oversize));
    }
    notes
}

/// States that records have no time because nothing tells which of day and month is first in their dates.
pub(super) fn of_dates(dates: &DatesRead, untimed: u64) -> Option<Note> {
    let detail = || {
        format!(
            "records without a time, of dates that may be of two days: {}; say --date-order, or collect a part of the log of a day after \
             the 12th, or the file with the time at which it was last written",
            dates.told()
        )
    };
    (dates.is_open() && untimed > 0).then(|| Note::new(Reason::Undated, detail()).counted(untimed))
}

/// States that the user's word on the order of day and month is not what the log shows.
pub(super) fn of_misread() -> Note {
    let detail = "dates that may be of two days were read as --date-order says, and other dates of the log show the reverse: their times \
                  are wrong; say the other order, or give the log as a file";
    Note::new(Reason::Undated, detail)
}

/// States where correlations count less than there is: records beyond the cap, and values beyond theirs.
pub(super) fn of_events(plan: &Plan, rules: &RuleHits, events: &Events) -> Vec<Note> {
    let mut notes = Vec::new();
    let most = plan.events_kept as u64;
    for (rule, sightings) in rules.iter() {
        let timed = sightings.count - sightings.untimed;
        if timed > most && plan.program.counted_ids().any(|id| **id == **rule) {
            let detail = format!("hits of rule {rule} with a time; correlations count on the {most} earliest of them");
            notes.push(Note::new(Reason::FindingsCapped, detail).counted(timed));
        }
    }
    if events.cut > 0 {
        let detail = format!(
            "records with more values of one field than correlations look at; these are the {VALUES_KEPT} first in order"
        );
        notes.push(Note::new(Reason::FindingsCapped, detail).counted(events.cut));
    }
    notes
}

/// States that an export may have been cut: it has as many records, or some of its cells have as many characters, as it can have.
pub(super) fn of_export(limits: &[Limit], told: &Told) -> Vec<Note> {
    let reached = limits.iter().filter(|limit| limit.records == told.records).map(|limit| {
        let detail =
            format!("records, as many as {} gives: more may have been left out; export shorter periods", limit.of);
        Note::new(Reason::ExportTruncated, detail).counted(told.records)
    });
    let detail = "records with a cell of 32,767 characters, as many as one of a spreadsheet holds: what followed in it is lost, and \
                  with it fields of the JSON in it; export them again and not by a spreadsheet";
    let cells = (told.cut_cells > 0).then(|| Note::new(Reason::ExportTruncated, detail).counted(told.cut_cells));
    let detail = "results that a search gave before it was done (`preview`), and none of its end; export it again";
    let is_preview = told.previews > 0 && told.previews == told.records;
    let previews = is_preview.then(|| Note::new(Reason::ExportTruncated, detail).counted(told.previews));
    reached.chain(cells).chain(previews).collect()
}

/// States every cap that was reached, with the exact count.
pub(super) fn of_caps(
    plan: &Plan,
    rules: &RuleHits,
    indicators: &IndicatorHits,
    observations: &Observations,
) -> Vec<Note> {
    let mut notes = Vec::new();
    for (rule, sightings) in rules.iter() {
        let over = sightings.count - sightings.kept.len() as u64;
        if over > 0 && !plan.program.silent().contains(&**rule) {
            let detail = format!(
                "hits of rule {rule}; {RULE_HITS_KEPT} are findings, those that succeeded first, then by offset"
            );
            notes.push(Note::new(Reason::FindingsCapped, detail).counted(sightings.count));
        }
    }
    for (indicator, sightings) in indicators.iter() {
        if sightings.count > sightings.kept.len() as u64 {
            let detail = format!(
                "records with indicator {}; the first {} are cited (--max-evidence)",
                indicator.value, plan.max_evidence
            );
            notes.push(Note::new(Reason::HitsCapped, detail).counted(sightings.count));
        }
        if sightings.who_cut {
            let detail =
                format!("who met indicator {}; {WHO_KEPT} of them are judged, the first in order", indicator.value);
            notes.push(Note::new(Reason::FindingsCapped, detail).counted(sightings.count));
        }
    }
    if observations.rest.records > 0 {
        let detail = "traffic records beyond the number of distinct pairs that is kept; their bytes are in the totals";
        notes.push(Note::new(Reason::ObservationsCapped, detail).counted(observations.rest.records));
    }
    if observations.sessions.is_cut {
        let detail = "sessions that were told of while they lasted, more than are kept apart: what those moved of which no end is told is not known";
        notes.push(Note::new(Reason::ObservationsCapped, detail));
    }
    if observations.assigned.rest > 0 {
        let detail =
            format!("records of addresses that were given, beyond the {ASSIGNMENTS_KEPT} earliest, which are kept");
        notes.push(Note::new(Reason::ObservationsCapped, detail).counted(observations.assigned.rest));
    }
    if observations.logons.rest > 0 {
        let detail = format!("logons from elsewhere and their ends, beyond the {LOGONS_KEPT} earliest, which are kept");
        notes.push(Note::new(Reason::ObservationsCapped, detail).counted(observations.logons.rest));
    }
    notes
}

/// States that more conversations show data than are kept.
pub(super) fn of_data(records: u64) -> Option<Note> {
    let detail = format!("records that show data, of conversations beyond the {TOUCHES_KEPT} that are kept with it");
    (records > 0).then(|| Note::new(Reason::ObservationsCapped, detail).counted(records))
}

/// States that more records show a part of a pattern than are kept.
pub(super) fn of_part(part: &PartRef, sightings: &Sightings) -> Option<Note> {
    let detail = || {
        format!(
            "records that show part {} of pattern {}; it is decided over {PART_HITS_KEPT} of them, those that succeeded first, then by offset",
            part.part + 1,
            part.pattern
        )
    };
    let is_cut = sightings.count > sightings.kept.len() as u64;
    is_cut.then(|| Note::new(Reason::FindingsCapped, detail()).counted(sightings.count))
}

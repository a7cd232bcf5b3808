//! Outlines of the rows of tables with a header.

use super::csv::{Cells, Column, Special};
use super::roles::Role;
use super::sketch::{Part, Sketch};
use super::time;

/// Adds what a row of these columns says to an outline, as [`csv::read`](super::csv::read) reads it; `None` where it is to be
/// parsed.
pub fn outline<'b>(record: &'b [u8], columns: &[Column], sketch: &mut Sketch<'_, 'b>) -> Option<()> {
    let layout = sketch.layout();
    let mut cells = Cells { rest: Some(record), delimiter: layout.delimiter };
    let (mut date, mut clock, mut zone, mut is_utc) = (None, None, None, false);
    for column in columns {
        let cell = cells.next()?.ok()?;
        if column.special.is_none() && column.part == Part::Skip {
            continue;
        }
        if cell.escaped || column.role == Some(Role::Line) {
            return None;
        }
        match column.special {
            Some(Special::Date) => date = Some(cell.raw),
            Some(Special::Clock) => clock = Some(cell.raw),
            Some(Special::Zone) => zone = Some(cell.raw),
            Some(Special::Record) => return None,
            Some(Special::LogId) | None => {}
        }
        let before = sketch.out.time;
        sketch.cell(column.part, cell.raw)?;
        is_utc |= column.is_utc && matches!(column.special, Some(Special::Date | Special::Clock));
        if column.is_utc && sketch.out.time != before {
            sketch.out.time = sketch.out.time.map(|stamp| time::at_offset(stamp, 0, layout));
        }
    }
    if cells.next().is_some() || columns.is_empty() {
        return None;
    }
    if let (None, Some(date), Some(clock)) = (sketch.out.time, date, clock) {
        let zone = zone.and_then(time::offset).or(is_utc.then_some(0));
        sketch.time(9, time::date_and_time(date, clock, zone, layout));
    }
    Some(())
}

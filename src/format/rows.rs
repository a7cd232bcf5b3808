//! Outlines of the rows of tables with a header.

use super::csv::{Cell, Cells, Column, Columns, Special};
use super::roles::Role;
use super::sink::IN_COLUMNS;
use super::sketch::{Part, Sketch};
use super::stops::Stops;
use super::time;

/// Adds what a row of these columns says to an outline, as [`csv::read`](super::csv::read) reads it; `None` where it is to be
/// parsed.
pub fn outline<'b>(record: &'b [u8], columns: &Columns, stops: &mut Stops, sketch: &mut Sketch<'_, 'b>) -> Option<()> {
    let delimiter = sketch.layout().delimiter;
    let mut row = Row { sketch, date: None, clock: None, zone: None, is_utc: false };
    match stops.plain_cells(delimiter, [b'"', b'"'], record) {
        Some(cells) if cells.count() != columns.all.len() => return None,
        Some(cells) => {
            for at in &columns.asked {
                row.take(columns.all.get(*at)?, Cell { raw: cells.get(*at)?, escaped: false })?;
            }
        }
        None => {
            let mut cells = Cells { rest: Some(record), delimiter };
            for column in &columns.all {
                let cell = cells.next()?.ok()?;
                if column.is_asked() {
                    row.take(column, cell)?;
                }
            }
            if cells.next().is_some() || columns.all.is_empty() {
                return None;
            }
        }
    }
    row.end();
    sketch.finish()
}

/// What of a row was taken so far.
struct Row<'s, 'f, 'b> {
    sketch: &'s mut Sketch<'f, 'b>,
    date: Option<&'b [u8]>,
    clock: Option<&'b [u8]>,
    zone: Option<&'b [u8]>,
    /// Whether the name of one of the two says that they are UTC.
    is_utc: bool,
}

impl<'b> Row<'_, '_, 'b> {
    #[inline]
    fn take(&mut self, column: &Column, cell: Cell<'b>) -> Option<()> {
        if cell.escaped || column.role == Some(Role::Line) {
            return None;
        }
        match column.special {
            Some(Special::Date) => self.date = Some(cell.raw),
            Some(Special::Clock) => self.clock = Some(cell.raw),
            Some(Special::Zone) => self.zone = Some(cell.raw),
            Some(Special::Record) => return None,
            Some(Special::LogId) | None => {}
        }
        let before = if column.is_utc { self.sketch.out.time } else { None };
        self.sketch.cell(column.part, cell.raw)?;
        if column.is_utc {
            self.is_utc |= matches!(column.special, Some(Special::Date | Special::Clock));
            let (time, layout) = (self.sketch.out.time, self.sketch.layout());
            if time != before {
                self.sketch.out.time = time.map(|stamp| time::at_offset(stamp, 0, layout));
            }
        }
        Some(())
    }

    /// The time of a row whose date and time of day stand apart.
    fn end(&mut self) {
        if let (None, Some(date), Some(clock)) = (self.sketch.out.time, self.date, self.clock) {
            let zone = self.zone.and_then(time::offset).or(self.is_utc.then_some(0));
            let stamp = time::date_and_time(date, clock, zone, self.sketch.layout());
            self.sketch.time(IN_COLUMNS, stamp);
        }
    }
}

impl Column {
    /// Whether an outline has anything of it.
    pub fn is_asked(&self) -> bool {
        self.special.is_some() || self.part != Part::Skip
    }
}

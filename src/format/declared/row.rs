//! Rows without a header: known by how many cells they have, and by what some of them hold.

use super::target::{Always, Apart, Target, canons, made_into, target};
use crate::format::csv::Cells;
use crate::format::near;
use crate::format::sink::Sink;
use crate::format::sketch::{Part, Sketch, Sketched};
use crate::model::fields::Canon;

/// The delimiter of words: runs of blanks count once, and what is in quotes or brackets is one word.
const WORDS: u8 = b' ';
/// Cells of a row that are kept without a list of their own.
const ROOM: usize = 40;

/// Rows by the order of their cells.
#[derive(Debug)]
pub(super) struct Row {
    delimiter: u8,
    least: usize,
    /// Of each cell its name and what it means; an empty name for one that is left out.
    columns: Vec<(&'static str, Target)>,
    /// What each is to an outline.
    parts: Vec<Part>,
    /// Cells, by their place, and values of which each must have one.
    wanted: Vec<(usize, Vec<&'static str>)>,
    always: Always,
}

/// What a definition says of rows.
#[derive(Debug)]
pub(super) struct Parts {
    /// The delimiter byte; a blank for words.
    pub(super) delimiter: u8,
    /// The fewest cells.
    pub(super) least: usize,
    /// The names of the cells, in their order.
    pub(super) columns: Vec<&'static str>,
    /// Cells, by their names, and values of which each must have one.
    pub(super) wanted: Vec<(&'static str, Vec<&'static str>)>,
    /// Names of cells and what they are made into; others are raw fields, or what their own name means.
    pub(super) fields: Vec<(&'static str, &'static str)>,
    /// What every row says.
    pub(super) always: Always,
}

impl Row {
    /// Rows as a definition says; `Err` with the reason where it cannot be.
    pub(super) fn new(parts: Parts) -> Result<Self, String> {
        let Parts { delimiter, least, columns, wanted, fields, always } = parts;
        let known = |name: &&str| columns.contains(name);
        let named = fields.iter().map(|(name, _)| name).chain(wanted.iter().map(|(name, _)| name));
        if let Some(name) = named.into_iter().find(|name| !known(name)) {
            return Err(format!("{name:?} is none of `columns`"));
        }
        if least < 2 {
            return Err("`least` must say how many cells a row has at least: two or more".to_owned());
        }
        let meant = |name: &&'static str| {
            let made = fields.iter().find(|(known, _)| known == name).map(|(_, to)| made_into(to));
            (*name, made.unwrap_or_else(|| target(name)))
        };
        let place = |name: &str| columns.iter().position(|known| *known == name);
        let columns_meant: Vec<(&'static str, Target)> = columns.iter().map(meant).collect();
        let part = |(name, target): &(&str, Target)| if name.is_empty() { Part::Skip } else { target.part() };
        Ok(Self {
            delimiter,
            least,
            wanted: wanted.into_iter().filter_map(|(name, values)| Some((place(name)?, values))).collect(),
            parts: columns_meant.iter().map(part).collect(),
            columns: columns_meant,
            always,
        })
    }

    /// Reads a row; `None`, and nothing read, where it is none of these.
    pub(super) fn read<'b>(&self, record: &'b [u8], sink: &mut Sink<'_, 'b>) -> Option<Always> {
        let (mut room, mut more) = ([&[][..]; ROOM], Vec::new());
        let cells = self.cells(record, &mut room, &mut more)?;
        let mut apart = Apart::default();
        for ((name, target), cell) in self.columns.iter().zip(cells).filter(|((name, _), _)| !name.is_empty()) {
            apart.put(name, *target, cell, sink);
        }
        apart.finish(sink);
        Some(self.always)
    }

    /// Adds what a row says to an outline. `number`: which of several kinds of rows these are.
    pub(super) fn outline<'b>(&self, number: usize, record: &'b [u8], sketch: &mut Sketch<'_, 'b>) -> Sketched {
        let (mut room, mut more) = ([&[][..]; ROOM], Vec::new());
        let Some(cells) = self.cells(record, &mut room, &mut more) else { return Sketched::Other };
        sketch.out.part(&number.to_le_bytes());
        let mut apart = Apart::default();
        for (part, cell) in self.parts.iter().zip(cells).filter(|(part, _)| **part != Part::Skip) {
            if apart.sketch(*part, Some(cell), sketch).is_none() {
                return Sketched::Unusual;
            }
        }
        // Which of the columns a short row lacks.
        sketch.out.part(&self.columns.len().saturating_sub(cells.len()).to_le_bytes());
        apart.close(sketch);
        Sketched::Whole
    }

    /// The cells of a record, in `room` or in `more` where there are too many for it; `None` where it has too few, other
    /// values than it must have, or a quote that is wrong.
    fn cells<'a, 'b>(
        &self,
        record: &'b [u8],
        room: &'a mut [&'b [u8]; ROOM],
        more: &'a mut Vec<&'b [u8]>,
    ) -> Option<&'a [&'b [u8]]> {
        let mut count = 0;
        // PERF: what has another value where its kind is told is given up there.
        let mut take = |cell: &'b [u8]| {
            if !self.may_have(count, cell) {
                return false;
            }
            match room.get_mut(count) {
                Some(place) => *place = cell,
                None if count == ROOM => more.extend(room.iter().copied().chain([cell])),
                None => more.push(cell),
            }
            count += 1;
            true
        };
        let is_of = if self.delimiter == WORDS {
            Words(record).all(&mut take)
        } else {
            let mut cells = Cells { rest: Some(record), delimiter: self.delimiter };
            cells.all(|cell| cell.is_ok_and(|cell| take(cell.raw.trim_ascii())))
        };
        let cells = if count > ROOM { &more[..] } else { &room[..count] };
        (is_of && count >= self.least).then_some(cells)
    }

    /// Whether a row may have this cell at its place.
    fn may_have(&self, at: usize, cell: &[u8]) -> bool {
        let mut wanted = self.wanted.iter().filter(|(place, _)| *place == at);
        wanted.all(|(_, values)| values.iter().any(|one| one.as_bytes().eq_ignore_ascii_case(cell)))
    }

    /// The canonical fields that it can give.
    pub(super) fn canons(&self) -> Vec<Canon> {
        let cells = self.columns.iter().flat_map(|(_, target)| canons(*target));
        cells.chain(self.always.set.iter().flat_map(|constant| canons(constant.target))).copied().collect()
    }
}

/// The words of a line; quotes and brackets hold one together and are none of it.
struct Words<'b>(&'b [u8]);

impl<'b> Iterator for Words<'b> {
    type Item = &'b [u8];

    fn next(&mut self) -> Option<&'b [u8]> {
        let rest = self.0.trim_ascii_start();
        let close = match rest.first()? {
            b'"' => Some(b'"'),
            b'[' => Some(b']'),
            _ => None,
        };
        if let Some(close) = close
            && let Some(end) = near::one(close, &rest[1..])
            && matches!(rest.get(end + 2), None | Some(b' ' | b'\t'))
        {
            self.0 = &rest[end + 2..];
            return Some(&rest[1..=end]);
        }
        let end = near::either(b' ', b'\t', rest).unwrap_or(rest.len());
        self.0 = &rest[end..];
        Some(&rest[..end])
    }
}

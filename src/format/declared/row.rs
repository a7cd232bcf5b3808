//! Rows without a header: known by how many cells they have, and by what some of them hold.

use super::target::{Always, Apart, Target, canons, made_into, target};
use crate::format::csv::Cells;
use crate::format::sink::Sink;
use crate::format::sketch::{Sketch, Sketched};
use crate::model::fields::Canon;

/// The delimiter of words: runs of blanks count once, and what is in quotes or brackets is one word.
const WORDS: u8 = b' ';

/// Rows by the order of their cells.
#[derive(Debug)]
pub(super) struct Row {
    delimiter: u8,
    least: usize,
    /// Of each cell its name and what it means; an empty name for one that is left out.
    columns: Vec<(&'static str, Target)>,
    /// Of each cell the values of which it must have one; none where it may have any.
    wanted: Vec<Vec<&'static str>>,
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
        let values = |name: &&str| wanted.iter().find(|(known, _)| known == name).map(|(_, all)| all.clone());
        Ok(Self {
            delimiter,
            least,
            wanted: columns.iter().map(|name| values(name).unwrap_or_default()).collect(),
            columns: columns.iter().map(meant).collect(),
            always,
        })
    }

    /// Reads a row; `None`, and nothing read, where it is none of these.
    pub(super) fn read<'b>(&self, record: &'b [u8], sink: &mut Sink<'_, 'b>) -> Option<Always> {
        if !self.fits(record) {
            return None;
        }
        let mut apart = Apart::default();
        let mut columns = self.columns.iter();
        self.each(record, &mut |cell| {
            if let Some((name, target)) = columns.next().filter(|(name, _)| !name.is_empty()) {
                apart.put(name, *target, cell, sink);
            }
            true
        });
        apart.finish(sink);
        Some(self.always)
    }

    /// Adds what a row says to an outline. `number`: which of several kinds of rows these are.
    pub(super) fn outline<'b>(&self, number: usize, record: &'b [u8], sketch: &mut Sketch<'_, 'b>) -> Sketched {
        if !self.fits(record) {
            return Sketched::Other;
        }
        sketch.out.part(&number.to_le_bytes());
        let (mut apart, mut columns) = (Apart::default(), self.columns.iter());
        let is_usual = self.each(record, &mut |cell| match columns.next() {
            Some((name, target)) if !name.is_empty() => apart.sketch(*target, Some(cell), sketch).is_some(),
            _ => true,
        });
        // Which of the columns a short row lacks.
        sketch.out.part(&columns.len().to_le_bytes());
        apart.close(sketch);
        if is_usual { Sketched::Whole } else { Sketched::Unusual }
    }

    /// Whether a record has enough cells, and the values that it must have.
    fn fits(&self, record: &[u8]) -> bool {
        let mut count = 0;
        let whole = self.each(record, &mut |cell| {
            let wanted = self.wanted.get(count).map_or(&[][..], |wanted| &wanted[..]);
            count += 1;
            wanted.is_empty() || wanted.iter().any(|one| one.as_bytes().eq_ignore_ascii_case(cell))
        });
        whole && count >= self.least
    }

    /// Gives every cell, while it is taken; false where one is not, or where a quote is wrong.
    fn each<'b>(&self, record: &'b [u8], take: &mut dyn FnMut(&'b [u8]) -> bool) -> bool {
        if self.delimiter == WORDS {
            return Words(record).all(take);
        }
        let mut cells = Cells { rest: Some(record), delimiter: self.delimiter };
        cells.all(|cell| cell.is_ok_and(|cell| take(cell.raw.trim_ascii())))
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
            && let Some(end) = memchr::memchr(close, &rest[1..])
            && matches!(rest.get(end + 2), None | Some(b' ' | b'\t'))
        {
            self.0 = &rest[end + 2..];
            return Some(&rest[1..=end]);
        }
        let end = rest.iter().position(|&b| b == b' ' || b == b'\t').unwrap_or(rest.len());
        self.0 = &rest[end..];
        Some(&rest[..end])
    }
}

//! Tables with a header: known by columns that it names.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::target::{Always, Target, canons, target};
use crate::format::csv::{Cells, Columns};
use crate::format::remembered::Remembered;
use crate::format::roles::{Role, Roles};
use crate::format::sink::{Sink, part};
use crate::format::sketch::{Sketch, Sketched};
use crate::format::stops::Stops;
use crate::format::{Sample, csv, rows};
use crate::model::fields::{Canon, Kind, Text};
use crate::model::layout::Layout;

/// What stands between the values of a list.
const BROKEN_BAR: &[u8] = "\u{a6}".as_bytes();
/// A value that the event does not have.
const NOTHING: &[u8] = b"n/a";
/// What stands before their names.
const DETAILS: &str = "Details.";

/// Columns that tell a table, and what they mean.
#[derive(Debug)]
pub(super) struct Table {
    /// Folded names that the header has all of.
    columns: Vec<String>,
    /// Folded names of columns, and values of which a row must have one in each.
    wanted: Vec<(String, Vec<&'static str>)>,
    roles: Roles,
    own: Vec<&'static str>,
    always: Always,
}

impl Table {
    /// Tables as a definition says; `Err` with the reason where it cannot be.
    pub(super) fn new(
        columns: &[&'static str],
        fields: &[(&'static str, &'static str)],
        wanted: Vec<(&'static str, Vec<&'static str>)>,
        always: Always,
    ) -> Result<Self, String> {
        if columns.is_empty() {
            return Err("`columns` must name what tells this table from others".to_owned());
        }
        let mut roles: Vec<(&'static str, Role)> = Vec::new();
        let unmeant: Vec<String> =
            fields.iter().filter(|(_, to)| to.is_empty()).map(|(name, _)| folded(name)).collect();
        for (name, to) in fields.iter().filter(|(_, to)| !to.is_empty()) {
            let Target::Field(Some(role), _) = target(to) else {
                return Err(format!("{to:?} is no canonical field, which {name:?} could be made into"));
            };
            roles.push((folded(name).leak(), role));
        }
        roles.extend(csv::COMMON.iter().filter(|(name, _)| unmeant.iter().all(|unmeant| unmeant != name)));
        Ok(Self {
            columns: columns.iter().map(|name| folded(name)).collect(),
            wanted: wanted.into_iter().map(|(name, values)| (folded(name), values)).collect(),
            roles: Roles::new(&[&roles]),
            own: fields.iter().map(|(_, to)| *to).collect(),
            always,
        })
    }

    /// Whether a header names all that tells this table.
    pub(super) fn is_of(&self, header: &[Arc<str>]) -> bool {
        thread_local! {
            static LAST: RefCell<Remembered<bool>> = RefCell::default();
        }
        let is_of = || self.columns.iter().all(|column| header.iter().any(|name| is_loosely(name, column)));
        LAST.with_borrow_mut(|last| last.of(self.roles.id, header, is_of))
    }

    /// Whether a row has the values that it must have.
    fn fits(&self, record: &[u8], layout: &Layout) -> bool {
        if self.wanted.is_empty() {
            return true;
        }
        let cells = || Cells { rest: Some(record), delimiter: layout.delimiter };
        self.wanted.iter().all(|(name, values)| {
            // A column that this table was not given forbids nothing.
            let Some(at) = layout.columns.iter().position(|column| is_loosely(column, name)) else { return true };
            cells()
                .nth(at)
                .and_then(Result::ok)
                .is_some_and(|cell| values.iter().any(|one| one.as_bytes().eq_ignore_ascii_case(cell.raw.trim_ascii())))
        })
    }

    /// Reads a row; `None` where it is none of the table.
    pub(super) fn read<'b>(&self, record: &'b [u8], sink: &mut Sink<'_, 'b>) -> Option<Always> {
        if !self.fits(record, sink.layout) {
            return None;
        }
        csv::read(record, &self.roles, sink).ok()?;
        if let Some(list) = sink.listed.take() {
            self.take_apart(list, sink);
        }
        Some(self.always)
    }

    /// Gives the values of a cell of `name: value ¦ name: value`, which may stand on lines of their own instead, under the names that JSON
    /// of the same has (`Details.TgtUser`).
    fn take_apart<'b>(&self, list: Text<'b>, sink: &mut Sink<'_, 'b>) {
        let mut from = 0;
        loop {
            let bytes = sink.out.bytes(list);
            let Some(rest) = bytes.get(from..).filter(|rest| !rest.is_empty()) else { return };
            let length = memchr::memmem::find(rest, BROKEN_BAR).unwrap_or(rest.len());
            let length = memchr::memchr(b'\n', &rest[..length]).unwrap_or(length);
            let is_line = rest.get(length) == Some(&b'\n');
            let pair = rest[..length].trim_ascii();
            let at = pair.as_ptr() as usize - bytes.as_ptr() as usize;
            if let Some(colon) = memchr::memmem::find(pair, b": ") {
                self.give((part(list, at, at + colon), part(list, at + colon + 2, at + pair.len())), sink);
            }
            from += length + if is_line { 1 } else { BROKEN_BAR.len() };
        }
    }

    /// Gives a value of a list.
    fn give<'b>(&self, (name, value): (Text<'b>, Text<'b>), sink: &mut Sink<'_, 'b>) {
        let start = sink.out.arena_len();
        sink.out.arena_mut().extend_from_slice(DETAILS.as_bytes());
        sink.out.store_again(name);
        let name = sink.out.stored_since(start);
        let role = self.roles.get_loose(sink.out.bytes(name));
        if sink.asks(role) {
            let kind = if sink.out.bytes(value) == NOTHING { Kind::Null } else { Kind::Str };
            sink.text(name, role, value, kind);
        }
    }

    /// What the columns of a layout are, where every row of it is one of this table.
    pub(super) fn rows(&self, layout: &Layout) -> Option<Rc<Columns>> {
        (self.wanted.is_empty() && self.is_of(&layout.columns)).then(|| csv::columns(&self.roles, layout))
    }

    /// Adds what a row says to an outline. `number`: which of several tables this is.
    pub(super) fn outline<'b>(
        &self,
        (number, stops): (usize, &mut Stops),
        record: &'b [u8],
        sketch: &mut Sketch<'_, 'b>,
    ) -> Sketched {
        if !self.fits(record, sketch.layout()) {
            return Sketched::Other;
        }
        sketch.out.part(&number.to_le_bytes());
        match rows::outline(record, &csv::columns(&self.roles, sketch.layout()), stops, sketch) {
            Some(()) => Sketched::Whole,
            None => Sketched::Unusual,
        }
    }

    /// The canonical fields that it gives by names of its own.
    pub(super) fn canons(&self) -> Vec<Canon> {
        let own = self.own.iter().flat_map(|name| canons(target(name)));
        own.chain(self.always.set.iter().flat_map(|constant| canons(constant.target))).copied().collect()
    }
}

/// A name of a column without regard to case, blanks, `_` and `-`.
fn folded(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, ' ' | '_' | '-')).map(|c| c.to_ascii_lowercase()).collect()
}

/// Whether a name of a column is a folded one.
fn is_loosely(name: &str, folded: &str) -> bool {
    let letters = name.bytes().filter(|b| !matches!(b, b' ' | b'_' | b'-')).map(|b| b.to_ascii_lowercase());
    letters.eq(folded.bytes())
}

/// The layout and the rows of a sample that is one of these tables.
pub(super) fn recognise<'a>(tables: &[Table], sample: &Sample<'a>) -> Option<(Layout, Vec<&'a [u8]>)> {
    if tables.is_empty() {
        return None;
    }
    let layout = csv::header(sample)?;
    tables.iter().any(|table| table.is_of(&layout.columns)).then(|| (layout, csv::rows(sample)))
}

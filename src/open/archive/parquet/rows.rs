//! Entries of columns → rows, by their levels.
//!
//! SOURCE: S. Melnik et al., Dremel: Interactive Analysis of Web-Scale Datasets, VLDB 2010. A definition level says how much of
//! the path of a value is there, a repetition level which list of its path goes on with it.

use super::column::Column;
use super::schema::{Node, Repeated, Shape};

/// Longest row, in bytes.
const LINE_BYTES: usize = 16 << 20;

/// The columns of a row group, at one of its rows.
pub(super) struct Rows<'r> {
    pub columns: Vec<Column<'r>>,
    /// Rows that are left.
    pub left: u64,
    /// Steps that need not have put out a byte.
    pub steps: u64,
    line_at: usize,
    scratch: Vec<u8>,
    is_uneven: bool,
}

/// Most steps of a row, and most entries that fit none.
const ROW_STEPS: u64 = 1 << 28;
const SPARE_ENTRIES: u64 = 1 << 24;

/// A row that is longer than is read.
struct TooLong;

impl<'r> Rows<'r> {
    pub(super) fn new(columns: Vec<Column<'r>>, left: u64) -> Self {
        Self { columns, left, steps: 0, line_at: 0, scratch: Vec::new(), is_uneven: false }
    }

    /// Whether there is anything left to read.
    pub(super) fn is_over(&self) -> bool {
        self.left == 0 || self.columns.iter().all(Column::is_over)
    }

    /// Writes the next row as a line.
    pub(super) fn write(&mut self, fields: &[Node], out: &mut Vec<u8>) {
        self.left -= 1;
        self.steps += self.columns.len() as u64;
        self.line_at = out.len();
        let is_any = self.columns.iter().any(Column::is_live);
        out.push(b'{');
        let from = out.len();
        for field in fields {
            let before = out.len();
            if self.named(field, 0, from, out).is_err() {
                out.truncate(before);
                self.columns[field.leaves.clone()].iter_mut().for_each(Column::too_long);
            }
        }
        if is_any {
            out.extend_from_slice(b"}\n");
        } else {
            // Of rows whose every page is damaged nothing is known.
            out.truncate(self.line_at);
        }
        if self.left > 0 && !self.is_uneven && self.columns.iter().any(Column::is_over) {
            self.is_uneven = true;
            self.columns.iter_mut().filter(|column| column.is_over()).for_each(Column::uneven);
        }
    }

    /// Writes a part with its name, where it is there.
    fn named(&mut self, node: &Node, expect: u16, from: usize, out: &mut Vec<u8>) -> Result<(), TooLong> {
        if let (Shape::Value, Some(column)) = (&node.shape, self.columns.get_mut(node.leaves.start))
            && column.rep == expect
            && !(column.is_live() && column.def >= node.present)
        {
            column.pass(&mut self.scratch);
            return Ok(());
        }
        let before = out.len();
        if before > from {
            out.push(b',');
        }
        out.extend_from_slice(node.name.as_bytes());
        if !self.value(node, expect, out)? {
            out.truncate(before);
        }
        Ok(())
    }

    /// Writes a part; false where it is null. Entries of it are those whose repetition level is `expect`.
    fn value(&mut self, node: &Node, expect: u16, out: &mut Vec<u8>) -> Result<bool, TooLong> {
        let is_lead = |column: &Column<'_>| column.is_live() && column.rep == expect;
        let lead = self.columns[node.leaves.clone()].iter().position(is_lead).map(|at| node.leaves.start + at);
        let Some(lead) = lead.filter(|&lead| self.columns[lead].def >= node.present) else {
            self.pass(node, expect);
            return Ok(false);
        };
        match &node.shape {
            Shape::Value => {
                let is_there = self.columns[lead].write(out);
                self.fits(out)?;
                return Ok(is_there);
            }
            Shape::Object(fields) => {
                out.push(b'{');
                let from = out.len();
                fields.iter().try_for_each(|field| self.named(field, expect, from, out))?;
                out.push(b'}');
            }
            Shape::Array(repeated, each) => {
                self.elements(node, (lead, expect), *repeated, out, b"[]", |rows, expect, out| {
                    if !rows.value(each, expect, out)? {
                        out.extend_from_slice(b"null");
                    }
                    Ok(())
                })?
            }
            Shape::Map(repeated, key, value) => {
                self.elements(node, (lead, expect), *repeated, out, b"{}", |rows, expect, out| {
                    rows.key(key, expect, out)?;
                    let is_there = match value {
                        Some(value) => rows.value(value, expect, out)?,
                        None => false,
                    };
                    if !is_there {
                        out.extend_from_slice(b"null");
                    }
                    Ok(())
                })?;
            }
        }
        Ok(true)
    }

    /// Writes the elements of a list or map between its brackets.
    fn elements(
        &mut self,
        node: &Node,
        (lead, mut expect): (usize, u16),
        repeated: Repeated,
        out: &mut Vec<u8>,
        brackets: &[u8; 2],
        mut write: impl FnMut(&mut Self, u16, &mut Vec<u8>) -> Result<(), TooLong>,
    ) -> Result<(), TooLong> {
        out.push(brackets[0]);
        if self.columns[lead].def < repeated.def {
            self.pass(node, expect);
        } else {
            loop {
                write(self, expect, out)?;
                self.fits(out)?;
                self.steps += node.leaves.len() as u64;
                expect = repeated.rep;
                if self.columns[lead].rep != expect || !self.columns[lead].is_live() {
                    break;
                }
                out.push(b',');
            }
            self.trim(node, repeated.rep);
        }
        out.push(brackets[1]);
        Ok(())
    }

    /// Writes the key of a map as a string.
    fn key(&mut self, key: &Node, expect: u16, out: &mut Vec<u8>) -> Result<(), TooLong> {
        let before = out.len();
        if !self.value(key, expect, out)? {
            out.extend_from_slice(b"\"\"");
        } else if out.get(before) != Some(&b'"') {
            out.insert(before, b'"');
            out.push(b'"');
        }
        out.push(b':');
        Ok(())
    }

    /// Goes past an entry of each column of a part that is not there.
    fn pass(&mut self, node: &Node, expect: u16) {
        for column in &mut self.columns[node.leaves.clone()] {
            if column.rep == expect && !column.is_over() {
                column.pass(&mut self.scratch);
            }
        }
    }

    /// Goes past entries with which a list goes on that has ended by its first column.
    fn trim(&mut self, node: &Node, rep: u16) {
        for column in &mut self.columns[node.leaves.clone()] {
            if column.rep >= rep && !column.is_over() {
                column.uneven();
                let mut spare = 0;
                while column.rep >= rep && !column.is_over() {
                    column.pass(&mut self.scratch);
                    spare += 1;
                    if spare > SPARE_ENTRIES {
                        column.too_long();
                    }
                }
                self.steps += spare;
            }
        }
    }

    fn fits(&self, out: &[u8]) -> Result<(), TooLong> {
        if out.len() - self.line_at > LINE_BYTES || self.steps > ROW_STEPS { Err(TooLong) } else { Ok(()) }
    }
}

//! Feeds that are tables: which text is one, its columns, and what of it is read.

use super::columns::{Column, column, is_kind, kind_stated};
use super::{Builder, list, misp, rows, value};
use crate::model::indicator::{Claim, IndicatorKind};

/// How many lines decide what a text is.
const SAMPLE_LINES: usize = 200;

/// The header of a table stands in one of its first lines, behind titles.
const TITLES: usize = 5;

/// Lines over which a quoted cell may go.
const CELL_LINES: usize = 50;

/// A text that is a table, and how to read it.
pub(super) struct Table {
    /// What stands between cells.
    between: char,
    /// Cells of most rows.
    width: usize,
    header: Option<Header>,
}

/// What the columns of a table are.
struct Header {
    /// Name and meaning of each column.
    columns: Vec<(String, Column)>,
    /// The line of it; 0 where the rows show what they hold.
    line: u64,
}

impl Table {
    /// The table that a text is; nothing where neither a header nor its rows show one.
    pub(super) fn of(text: &str) -> Option<Self> {
        let tables = ['\t', ';', ','].into_iter().filter_map(|between| Self::between(text, between));
        tables.max_by_key(|(rank, table)| (*rank, table.width)).map(|(_, table)| table)
    }

    /// A table without a header, of which the first value of each row is taken.
    pub(super) fn headless(between: char) -> Self {
        Self { between, width: 0, header: None }
    }

    /// The same with these cells, and how sure that is.
    fn between(text: &str, between: char) -> Option<(u8, Self)> {
        let rows: Vec<(u64, Vec<String>)> =
            data(text).take(SAMPLE_LINES).map(|(n, line)| (n, cells(line, between).0)).collect();
        let wide = rows.iter().filter(|(_, cells)| cells.len() >= 2).count();
        if wide == 0 || wide * 2 < rows.len() {
            return None;
        }
        let width = commonest(rows.iter().map(|(_, cells)| cells.len()).filter(|width| *width >= 2))?;
        let table = |header| Self { between, width, header };
        let stated = kinds(&rows, width);
        if let Some(header) = written(&rows, stated).or_else(|| commented(text, between, width)) {
            return Some((3, table(Some(header))));
        }
        if let Some((kind, value)) = stated {
            return Some((2, table(Some(Header::shown(width, kind, value)))));
        }
        let same = rows.iter().filter(|(_, cells)| cells.len() == width).count();
        let valued = rows.iter().filter(|(_, cells)| cells.iter().any(|cell| rows::is_value(cell))).count();
        (between == ',' && same * 10 >= rows.len() * 9 && valued * 2 > rows.len()).then(|| (1, table(None)))
    }

    /// Reads the table.
    pub(super) fn read(&self, builder: &mut Builder, text: &str) {
        let mut unread = Unread::default();
        for (number, line, cells) in self.rows(text) {
            match &self.header {
                Some(header) if header.line == number => {}
                Some(header) if header.line < number => header.row(builder, &mut unread, (number, line), &cells),
                _ => first(builder, &mut unread, (number, line), &cells),
            }
        }
        unread.tell(builder, self.header.as_ref());
    }

    /// The rows, each with the number of its first line.
    fn rows<'t>(&self, text: &'t str) -> impl Iterator<Item = (u64, &'t str, Vec<String>)> {
        let mut lines = data(text);
        let mut seen = 0;
        std::iter::from_fn(move || {
            let (number, line) = lines.find(|(number, _)| *number > seen)?;
            let (made, open) = cells(line, self.between);
            seen = number;
            if !open {
                return Some((number, line, made));
            }
            // A cell in quotes may go over lines.
            let from = line.as_ptr() as usize - text.as_ptr() as usize;
            let ends = text[from..].match_indices('\n').map(|(at, _)| from + at).chain([text.len()]);
            for (more, to) in (0u64..).zip(ends).skip(1).take(CELL_LINES) {
                let (made, open) = cells(&text[from..to], self.between);
                if !open && made.len() == self.width {
                    seen = number + more;
                    return Some((number, &text[from..to], made));
                }
            }
            Some((number, line, line.split(self.between).map(|cell| cell.trim().to_owned()).collect()))
        })
    }
}

/// The lines that may be rows, with their numbers. A tab at the start is an empty first cell.
fn data(text: &str) -> impl Iterator<Item = (u64, &str)> {
    let lines = (1u64..).zip(text.lines().map(|line| line.trim_end_matches([' ', '\r']).trim_start_matches(' ')));
    lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#') && !line.starts_with("sep="))
}

/// The cells of a row, and whether its last is in quotes that nothing closes.
fn cells(row: &str, between: char) -> (Vec<String>, bool) {
    let mut made = Vec::new();
    let mut open = false;
    let mut chars = row.chars().peekable();
    loop {
        let mut cell = String::new();
        while chars.next_if(|c| *c != between && matches!(c, ' ' | '\t')).is_some() {}
        if chars.next_if_eq(&'"').is_some() {
            open = true;
            while let Some(c) = chars.next() {
                if c != '"' {
                    cell.push(c);
                } else if chars.next_if_eq(&'"').is_some() {
                    cell.push('"');
                } else {
                    open = false;
                    break;
                }
            }
        }
        while let Some(c) = chars.next_if(|c| *c != between) {
            cell.push(c);
        }
        made.push(cell.trim().to_owned());
        if chars.next().is_none() {
            return (made, open);
        }
    }
}

/// The number that comes most often, of those the largest.
fn commonest(numbers: impl Iterator<Item = usize>) -> Option<usize> {
    let mut counts = std::collections::BTreeMap::<usize, usize>::new();
    numbers.for_each(|number| *counts.entry(number).or_default() += 1);
    counts.into_iter().max_by_key(|(number, count)| (*count, *number)).map(|(number, _)| number)
}

/// The columns of kinds and of values, where rows show them: nearly every cell of one is a word for a kind.
fn kinds(rows: &[(u64, Vec<String>)], width: usize) -> Option<(usize, usize)> {
    let count = |at: usize, test: fn(&str) -> bool| {
        rows.iter().filter(|(_, cells)| cells.get(at).is_some_and(|cell| test(cell))).count()
    };
    let kind = (0..width)
        .max_by_key(|at| (count(*at, is_kind), width - at))
        .filter(|at| count(*at, is_kind) * 5 >= rows.len() * 4)?;
    let guessed = |cell: &str| value::guess(cell).is_some();
    let value = (0..width).filter(|at| *at != kind).max_by_key(|at| (count(*at, guessed), width - at))?;
    (count(value, guessed) > 0).then_some((kind, value))
}

/// The header among the first rows. `stated` are the columns of kinds and of values that rows show: one whose cell there
/// is itself a kind is a row like the others.
fn written(rows: &[(u64, Vec<String>)], stated: Option<(usize, usize)>) -> Option<Header> {
    let has_value = |cells: &[String]| cells.iter().any(|cell| value::guess(cell).is_some());
    let (line, cells) = rows.iter().take(TITLES).find(|(_, cells)| cells.len() >= 2 || has_value(cells))?;
    let is_row = stated.is_some_and(|(kind, _)| cells.get(kind).is_some_and(|cell| is_kind(cell)));
    if is_row || has_value(cells) { None } else { Header::of(cells, *line) }
}

/// The header in a comment before the first row, as abuse.ch has it: it names as many columns as rows have. Lists with
/// `;` name theirs too, and what stands behind the first is read as a label there.
fn commented(text: &str, between: char, width: usize) -> Option<Header> {
    let lines = text.lines().map(str::trim).take_while(|line| line.is_empty() || line.starts_with('#'));
    lines
        .filter_map(|line| {
            let names = line.trim_start_matches('#').trim();
            let lead = names.split_once(':').filter(|(word, _)| LEADS.contains(&word.to_ascii_lowercase().as_str()));
            let names = cells(lead.map_or(names, |(_, rest)| rest), between).0;
            let sound = names.len() == width && !names.iter().any(|name| value::guess(name).is_some());
            Header::of(&names, 0).filter(|header| sound && !(between == ';' && header.is_list()))
        })
        .next()
}

/// Words that announce the names of columns.
const LEADS: &[&str] = &["columns", "column", "fields", "header", "headers", "format"];

impl Header {
    /// What a row names; nothing where none of its columns has values.
    fn of(cells: &[String], line: u64) -> Option<Self> {
        let name = |at: usize, cell: &str| if cell.is_empty() { format!("column {}", at + 1) } else { cell.to_owned() };
        let columns: Vec<_> = cells.iter().enumerate().map(|(at, cell)| (name(at, cell), column(cell))).collect();
        let is_header = columns.iter().any(|(_, column)| matches!(column, Column::Value(_)));
        (columns.len() >= 2 && is_header).then_some(Self { columns, line })
    }

    /// Whether only the first column has values, and none says of which kind.
    fn is_list(&self) -> bool {
        let mut others = self.columns.iter().skip(1);
        others.all(|(_, column)| matches!(column, Column::Beside | Column::Unknown))
    }

    /// What rows show that say themselves what they hold.
    fn shown(width: usize, kind: usize, value: usize) -> Self {
        let meant = |at: usize| match at {
            _ if at == kind => Column::Kind,
            _ if at == value => Column::Value(None),
            _ => Column::Unknown,
        };
        Self { columns: (0..width).map(|at| (format!("column {}", at + 1), meant(at))).collect(), line: 0 }
    }

    /// Takes the values of a row.
    fn row(&self, builder: &mut Builder, unread: &mut Unread, (number, line): (u64, &str), cells: &[String]) {
        let mut read = Row { builder, number, told: false };
        let of = |wanted: Column| {
            let at = self.columns.iter().position(|(_, column)| *column == wanted)?;
            cells.get(at).map(String::as_str)
        };
        if of(Column::Marked).is_some_and(|cell| matches!(cell.to_ascii_lowercase().as_str(), "0" | "false" | "no")) {
            return builder.refuse(number, line, "not marked for detection (to_ids)");
        }
        let stated = of(Column::Kind).unwrap_or("");
        for (at, cell) in cells.iter().enumerate().filter(|(_, cell)| !is_blank(cell)) {
            match self.columns.get(at).map(|(_, column)| *column) {
                Some(Column::Value(Some(kind))) => read.named(cell, kind),
                Some(Column::Value(None)) => read.stated(cell, stated),
                Some(Column::Kind | Column::Marked) => {}
                Some(Column::Beside | Column::Unknown) | None => unread.cell(at, number, cell),
            }
        }
        if !read.told {
            builder.refuse(number, line, NO_VALUE);
        }
    }
}

/// Why a row is refused.
const NO_VALUE: &str = "no cell is an indicator";

/// Takes the first value of a row that nothing says more about.
fn first(builder: &mut Builder, unread: &mut Unread, (number, line): (u64, &str), cells: &[String]) {
    let mut values = cells.iter().filter(|cell| value::guess(cell).is_some());
    let Some(cell) = values.next() else { return builder.refuse(number, line, NO_VALUE) };
    list::single(builder, cell, number, Vec::new());
    values.filter(|cell| is_shaped(cell)).for_each(|cell| unread.beside(number, cell));
}

/// Whether a whole cell has the shape of a value.
fn is_shaped(cell: &str) -> bool {
    use IndicatorKind::{FileName, RegistryKey};
    rows::is_value(cell) || matches!(value::guess(cell), Some(FileName | RegistryKey))
}

/// Whether a cell says that there is nothing.
fn is_blank(cell: &str) -> bool {
    matches!(
        cell.to_ascii_lowercase().as_str(),
        "" | "-" | "--" | "?" | "n/a" | "na" | "none" | "null" | "nil" | "unknown" | "\\n"
    )
}

/// What is taken of one row.
struct Row<'b> {
    builder: &'b mut Builder,
    number: u64,
    /// Whether something was taken, or refused by itself.
    told: bool,
}

impl Row<'_> {
    /// A cell of a column whose name says the kind. Of kinds that their shape shows the shape decides: a column of
    /// domains may hold addresses too.
    fn named(&mut self, cell: &str, kind: IndicatorKind) {
        use IndicatorKind::{Cidr, Domain, Email, FileName, FilePath, Url};
        let shown = match kind {
            Cidr | Domain | Url | Email => value::guess(cell).filter(|shape| !matches!(shape, FileName | FilePath)),
            kind if kind.is_digest() => value::guess(cell).filter(|shape| shape.is_digest()),
            _ => return self.take(cell, kind),
        };
        match shown {
            Some(_) => self.single(cell),
            None if self.parts(cell) => {}
            None => self.take(cell, kind),
        }
    }

    /// A cell of which the row says the kind, or its shape.
    fn stated(&mut self, cell: &str, word: &str) {
        if word.contains('|') {
            self.told = true;
            let word = word.to_ascii_lowercase();
            return misp::taken(self.builder, (&word, None), cell, (self.number, Claim::default()));
        }
        match kind_stated(word) {
            Some(kind) => self.take(cell, kind),
            None if column(word) == Column::Beside => {
                self.told = true;
                self.builder.refuse(self.number, cell, "of a kind that tells about values");
            }
            None if value::guess(cell).is_none() && self.parts(cell) => {}
            None => self.single(cell),
        }
    }

    /// Several values in one cell; false where it is something else.
    fn parts(&mut self, cell: &str) -> bool {
        let between = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '|');
        let parts = || cell.split(between).filter(|part| !part.is_empty());
        let several = parts().count() > 1 && parts().all(|part| value::guess(part).is_some());
        parts().filter(|_| several).for_each(|part| self.single(part));
        several
    }

    fn take(&mut self, cell: &str, kind: IndicatorKind) {
        self.told = true;
        self.builder.take(kind, cell, self.number, false, Claim::default());
    }

    fn single(&mut self, cell: &str) {
        self.told = true;
        list::single(self.builder, cell, self.number, Vec::new());
    }
}

/// Values that stand where none is read.
#[derive(Default)]
struct Unread {
    /// By column: the first.
    columns: std::collections::BTreeMap<usize, (u64, String)>,
    /// Beside the first value of rows without a header: the first, and how many.
    beside: Option<(u64, String, u64)>,
}

impl Unread {
    fn cell(&mut self, at: usize, number: u64, cell: &str) {
        if !self.columns.contains_key(&at) && is_shaped(cell) {
            self.columns.insert(at, (number, cell.to_owned()));
        }
    }

    fn beside(&mut self, number: u64, cell: &str) {
        self.beside.get_or_insert_with(|| (number, cell.to_owned(), 0)).2 += 1;
    }

    /// Says what was not read: in silence nothing is left out.
    fn tell(self, builder: &mut Builder, header: Option<&Header>) {
        for (at, (number, cell)) in self.columns {
            let column = header.and_then(|header| header.columns.get(at));
            match column {
                Some((name, Column::Beside)) => {
                    builder.remark(number, &cell, &format!("columns not read: {name}: it tells about the values"));
                }
                Some((name, _)) => {
                    let why = format!("columns not read: {name}: it holds values, but its name says no kind of them");
                    builder.refuse(number, &cell, &why);
                }
                None => builder.refuse(number, &cell, "cells not read: the header names no column for them"),
            }
        }
        if let Some((number, cell, count)) = self.beside {
            let why = format!(
                "columns not read: without a header the first value of each row is taken; beside it stand {count} more"
            );
            builder.refuse(number, &cell, &why);
        }
    }
}

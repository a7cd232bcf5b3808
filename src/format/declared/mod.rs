//! Formats that need no code: each is a definition in TOML, built in beside this file or given by the user.
//!
//! A definition says in its first lines what a record looks like, where that is written, and what the traps are. What stands in
//! it and what it is made into: `definition`. Lines and messages are told by patterns (`line`), JSON objects by the names
//! that they have (`object`), rows by their header (`table`) or by their cells (`row`), XML by its elements (`element`); what a name
//! means, `target` knows.
//! How a pattern is held against a line: `walk`.
//!
//! Speed: lines of patterns are read at 55 to some 730 MB/s a core, rows of tables at 255 to 1,600, JSON at 900 to 2,100. A line costs some hundred
//! nanoseconds however short it is, so that logs of lines below a hundred bytes are the slowest; each group of a pattern is a few steps more.
//! What is read below 150 MB/s says in its first lines why.

mod definition;
mod element;
mod hint;
mod line;
mod messages;
mod object;
mod row;
mod table;
mod target;
mod walk;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{LazyLock, OnceLock};

use globset::GlobMatcher;
use include_dir::{Dir, File, include_dir};

use self::element::Element;
use self::line::Line;
use self::object::Object;
use self::row::Row;
use self::table::Table;
use self::target::Always;
use super::csv::Columns;
use super::exported::{Event, Tool};
use super::sink::{Sink, Way};
use super::sketch::{Sketch, Sketched};
use super::stops::Stops;
use super::written::begins_object;
use super::{Fit, Format, Means, Sample, journald, rows};
use crate::model::fields::{Canon, Carried, Fields, Kind, Parsed, Reject, Want};
use crate::model::layout::{Framing, Layout, Run};
use crate::model::outline::Outline;

pub use definition::read;
pub(super) use messages::{is_spoken, message};

/// Records of a sample by which it is seen whether more of it is worth reading.
const FEW: usize = 8;

/// A format that a definition describes. Its parts stay for the life of the process, as those of the formats that are
/// written in Rust do.
#[derive(Debug, Clone, Copy)]
pub struct Declared {
    name: &'static str,
    describe: &'static str,
    rank: u8,
    /// Names of the files that it is in, where content alone does not tell; none where it does.
    files: &'static [GlobMatcher],
    /// Which lines go on with the record above; none where each is a record.
    run: Option<Run>,
    /// Whether its times are UTC without saying so.
    is_utc: bool,
    /// The tool that wrote its records, where these are events of Windows.
    events: Option<Tool>,
    /// Whether its addresses run on into the port behind them.
    runs_on: bool,
    way: &'static Way,
    lines: &'static [Line],
    objects: &'static [Object],
    tables: &'static [Table],
    rows: &'static [Row],
    elements: &'static [Element],
    /// The bytes that its lines may begin with; `None` where these may be any. Made when it is first asked for.
    begins: &'static OnceLock<Option<[bool; 256]>>,
}

/// The definitions that are built in, by their names.
static BUILT_IN: LazyLock<Vec<Declared>> = LazyLock::new(|| {
    let of = |file: &File<'static>| {
        let text = file.contents_utf8().unwrap_or_default();
        definition::read_tested(text).unwrap_or_else(|fault| {
            panic!("definitions that are built in are tested: {}: {fault}", file.path().display())
        })
    };
    files().into_iter().map(of).collect()
});

/// The files of the definitions that are built in, by their names.
fn files() -> Vec<&'static File<'static>> {
    static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/format/declared");
    let mut files: Vec<_> = FILES.files().filter(|file| file.path().extension().is_some_and(|e| e == "toml")).collect();
    files.sort_by_key(|file| file.path());
    files
}

/// The definitions that the user gave.
static GIVEN: OnceLock<Vec<Declared>> = OnceLock::new();

/// Adds the user's definitions: their formats go before those that are built in. For the shell, once and before anything is
/// read; false where it was called before.
pub fn give(definitions: Vec<Declared>) -> bool {
    GIVEN.set(definitions).is_ok()
}

/// The user's formats, then those that are built in.
pub fn all() -> impl Iterator<Item = &'static Declared> {
    GIVEN.get().into_iter().flatten().chain(BUILT_IN.iter())
}

/// The format of this name; of two the user's.
pub(super) fn named(name: &str) -> Option<&'static Declared> {
    static BY_NAME: LazyLock<HashMap<&'static str, &'static Declared>> = LazyLock::new(|| {
        let mut by_name: HashMap<&'static str, &'static Declared> = HashMap::new();
        for declared in all() {
            by_name.entry(declared.name).or_insert(declared);
        }
        by_name
    });
    BY_NAME.get(name).copied()
}

impl Declared {
    /// How the format fits lines of text.
    fn of_lines(&self, sample: &Sample<'_>) -> Option<Fit> {
        let of_json = !sample.events.is_empty();
        let has_texts = !self.rows.is_empty() || !self.elements.is_empty();
        let has_lines =
            !of_json && has_texts || self.lines.iter().any(|line| line.is_bare && line.is_of_objects() == of_json);
        let is_marked = || {
            let mut marks = self.lines.iter().filter(|line| line.is_mark).peekable();
            marks.peek().is_none() || marks.any(|mark| sample.lines.iter().any(|line| mark.is_of(line)))
        };
        if !has_lines || !is_marked() {
            return None;
        }
        // Rows that tell their columns by lines of `#` at the top: these are no records.
        let is_headed = !self.rows.is_empty() && sample.lines.first().is_some_and(|line| line.starts_with(b"#"));
        let framing = match self.run {
            Some(run) => Framing::Runs(run),
            None if is_headed => Framing::Directives,
            None => Framing::Lines,
        };
        let layout = Layout { framing, arrays: Vec::new(), ..self.layout(sample.base.clone()) };
        let mut records = self.run.map_or_else(|| sample.lines.clone(), |run| joined(run, sample));
        if is_headed {
            records.retain(|line| !line.starts_with(b"#"));
            // Objects of others below a comment are none of its own.
            if !records.iter().all(|record| self.shows(&layout, record)) {
                return None;
            }
        }
        // PERF: a few records tell that a format is another one.
        let few: Vec<&[u8]> = records.iter().step_by(records.len() / FEW + 1).copied().collect();
        sample.fit_records(&few, self, layout.clone(), self.rank)?;
        sample.fit_records(&records, self, layout, self.rank)
    }

    fn of_objects(&self, sample: &Sample<'_>) -> Option<Fit> {
        let is_of = |event: &&&[u8]| self.objects.iter().any(|object| object.is_of(event));
        // PERF: as for lines.
        sample.events.iter().step_by(sample.events.len() / FEW + 1).find(is_of)?;
        let read = sample.events.iter().filter(is_of).count();
        let of = if sample.base.framing == Framing::Lines { sample.lines.len() } else { sample.events.len() };
        (read > 0).then(|| Fit { read, of, rank: self.rank, layout: self.layout(sample.base.clone()) })
    }

    fn of_tables(&self, sample: &Sample<'_>) -> Option<Fit> {
        let (layout, rows) = table::recognise(self.tables, sample)?;
        sample.fit_records(&rows, self, self.layout(layout), self.rank)
    }

    /// Reads a record, and gives what its kind always says.
    fn read<'b>(&self, record: &'b [u8], sink: &mut Sink<'_, 'b>) -> Option<Always> {
        let layout = sink.layout;
        if let Framing::Csv { .. } = layout.framing {
            let tables = self.tables.iter().filter(|table| table.is_of(&layout.columns));
            return tables.into_iter().find_map(|table| table.read(record, sink));
        }
        if record.trim_ascii_start().starts_with(b"{") && !self.objects.is_empty() {
            return self.objects.get(object::choose(self.objects, record)?)?.read(record, sink);
        }
        match self.run.and_then(|run| Some((run, memchr::memchr(b'\n', record)?))) {
            Some((run, end)) => self.read_run((run, end), record, sink),
            None => self.read_line(record, sink),
        }
    }

    /// The event of Windows that a record which was read holds, as an object.
    fn event(&self, record: &[u8], sink: &Sink<'_, '_>) -> Option<Event> {
        let tool = self.events?;
        if sink.all {
            return tool.event(sink.out);
        }
        let mut whole = Fields::default();
        self.read(record, &mut Sink::new(sink.layout, Want::All, &mut whole))?;
        tool.event(&whole)
    }

    /// Gives fields of the tool that have names of the event's own names that are theirs alone: they may say something else.
    fn set_apart(&self, event: &Event, out: &mut Fields<'_>) {
        for at in 0..out.len() {
            let name = out.at(at).map(|field| out.bytes(field.name)).filter(|name| event.has(name));
            let Some(name) = name.map(|name| [self.name.as_bytes(), b".", name].concat()) else { continue };
            let name = out.store(&name);
            out.rename(at, name);
        }
    }

    /// Reads a line, or a record of several that is written in one way.
    fn read_line<'b>(&self, line: &'b [u8], sink: &mut Sink<'_, 'b>) -> Option<Always> {
        // PERF: of several ways of writing a line most are ruled out by a text that stands in none of it.
        let read = self.ways(line).find_map(|(_, way)| way.read(line, sink));
        let read = read.or_else(|| self.rows.iter().find_map(|row| row.read(line, sink)));
        read.or_else(|| self.elements.iter().find_map(|element| element.read(line, sink)))
    }

    /// Reads a record of several lines, of which the first ends at `end`: what goes on is more of the message. Of some lines
    /// with a head each is read, and what none of its ways fits is more of the message too; so is it of a record that is told by how it
    /// begins, where no way fits it as a whole.
    fn read_run<'b>(&self, (run, end): (Run, usize), record: &'b [u8], sink: &mut Sink<'_, 'b>) -> Option<Always> {
        if run.is_told_by_begin() {
            return self.read_line(record, sink).or_else(|| self.read_lines(record, sink));
        }
        let mut always = self.read_line(record[..end].trim_ascii_end(), sink)?;
        if run == Run::Headed {
            for line in record[end + 1..].split(|byte| *byte == b'\n') {
                always = self.read_line(line.trim_ascii_end(), sink).unwrap_or(always);
            }
        }
        sink.out.lengthen(Canon::Message, record);
        Some(always)
    }

    /// Reads each line of a record; `None` where none is written in a way of these.
    fn read_lines<'b>(&self, record: &'b [u8], sink: &mut Sink<'_, 'b>) -> Option<Always> {
        let lines = record.split(|byte| *byte == b'\n');
        let mut always: Option<Always> = None;
        for line in lines {
            let read = self.read_line(line.trim_ascii_end(), sink);
            // What a line of this kind always says, the record says with it.
            if let (Some(before), Some(_)) = (&always, &read) {
                before.put(sink);
            }
            always = read.or(always);
        }
        let always = always?;
        sink.out.lengthen(Canon::Message, record);
        Some(always)
    }

    /// The bytes that lines may begin with which are no objects; `None` where these may be any. Of a record of several lines any
    /// may tell what it is.
    fn begins(&self) -> Option<[bool; 256]> {
        let is_of_lines =
            self.run.is_none() && self.rows.is_empty() && self.tables.is_empty() && self.elements.is_empty();
        let mut begins = [false; 256];
        let mut bare = self.lines.iter().filter(|line| line.is_bare);
        (is_of_lines && bare.all(|line| line.add_begins(&mut begins))).then_some(begins)
    }

    /// The ways in which a line may be written, by number.
    fn ways(&self, record: &[u8]) -> impl Iterator<Item = (usize, &'static Line)> {
        let is_one_way = self.lines.len() == 1;
        let may_be = move |line: &Line| line.is_bare && (is_one_way || line.may_be(record));
        self.lines.iter().enumerate().filter(move |(_, line)| may_be(line))
    }

    /// Adds what a line or a row says to an outline; false where it is to be parsed.
    fn outline_of_line<'b>(&self, record: &'b [u8], sketch: &mut Sketch<'_, 'b>) -> bool {
        let record = match self.run.and_then(|run| Some((run, memchr::memchr(b'\n', record)?))) {
            Some((Run::Headed | Run::Begun(_), _)) => return false,
            // More of the message tells tallies nothing.
            Some((_, end)) => record[..end].trim_ascii_end(),
            None => record,
        };
        if !self.elements.is_empty() {
            return false;
        }
        let rows = (self.lines.len()..).zip(self.rows);
        let mut ways = self.ways(record).map(|(number, line)| line.outline(number, record, sketch));
        match ways.find(|told| *told != Sketched::Other) {
            Some(told) => told == Sketched::Whole,
            None => is_whole(rows.map(|(number, row)| row.outline(number, record, sketch))),
        }
    }

    /// Adds what a row of a table says to an outline; false where it is to be parsed.
    fn outline_of_row<'b>(&self, record: &'b [u8], stops: &mut Stops, sketch: &mut Sketch<'_, 'b>) -> bool {
        let layout = sketch.layout();
        let tables = self.tables.iter().enumerate().filter(|(_, table)| table.is_of(&layout.columns));
        is_whole(tables.map(|(number, table)| table.outline((number, stops), record, sketch)))
    }
}

/// The records of a sample, of which some lines go on with those above.
fn joined<'a>(run: Run, sample: &Sample<'a>) -> Vec<&'a [u8]> {
    let offset = |line: &[u8]| line.as_ptr() as usize - sample.text.as_ptr() as usize;
    let (mut records, mut is_headed): (Vec<&[u8]>, bool) = (Vec::new(), false);
    for line in &sample.lines {
        let head = &line[..line.len().min(Run::HEAD_BYTES)];
        match records.last_mut().filter(|_| run.goes_on(head, is_headed)) {
            Some(last) => *last = &sample.text[offset(last)..offset(line) + line.len()],
            None => records.push(line),
        }
        is_headed = head.starts_with(b"#");
    }
    // A record that is told by how it begins has no lines before that: these are a wrapper, or what is left of a record that was cut.
    if run.is_told_by_begin() && records.first().is_some_and(|first| run.goes_on(first, false)) {
        records.remove(0);
    }
    records
}

/// Whether the first way of writing that a record is of made its outline whole.
fn is_whole(mut told: impl Iterator<Item = Sketched>) -> bool {
    told.find(|told| *told != Sketched::Other) == Some(Sketched::Whole)
}

impl Format for Declared {
    fn name(&self) -> &'static str {
        self.name
    }

    fn describe(&self) -> &'static str {
        self.describe
    }

    fn layout(&self, base: Layout) -> Layout {
        let zone = if self.is_utc { jiff::tz::TimeZone::UTC } else { base.zone.clone() };
        Layout { format: self.name, zone, zone_given: base.zone_given || self.is_utc, ..base }
    }

    fn fields(&self) -> Vec<Canon> {
        let lines = self.lines.iter().flat_map(Line::canons);
        let objects = self.objects.iter().flat_map(Object::canons);
        let tables = self.tables.iter().flat_map(Table::canons);
        let rows = self.rows.iter().flat_map(Row::canons);
        let elements = self.elements.iter().flat_map(Element::canons);
        let mut all: Vec<Canon> = lines.chain(objects).chain(tables).chain(rows).chain(elements).collect();
        all.sort();
        all.dedup();
        all
    }

    fn hides(&self, _records: &[u8]) -> bool {
        self.runs_on
    }

    fn recognise(&self, sample: &Sample<'_>) -> Option<Fit> {
        let named = self.files.is_empty() || self.files.iter().any(|glob| glob.is_match(sample.name));
        if !named {
            return None;
        }
        self.of_objects(sample).or_else(|| self.of_tables(sample)).or_else(|| self.of_lines(sample))
    }

    fn parse<'b>(&self, layout: &Layout, record: &'b [u8], want: Want, out: &mut Fields<'b>) -> Result<Parsed, Reject> {
        let mut sink = Sink::new(layout, want, out);
        sink.way = Some(self.way);
        let always = self.read(record, &mut sink).ok_or(Reject)?;
        if let Some(text) = sink.holder.take() {
            object::held(text, &mut sink);
        }
        if sink.said.is_some() {
            // What is said is that of the program whose path, or whose name, the record has.
            let path = [Canon::ProcessExecutable, Canon::EventProvider].into_iter().find_map(|of| sink.out.get(of));
            let name = path.and_then(|path| path.rsplit(|byte| *byte == b'/').next()).map(<[u8]>::to_vec);
            journald::message(name.as_deref(), &mut sink);
        }
        always.put(&mut sink);
        if let Some(word) = self.events.and_then(Tool::nothing) {
            sink.out.void(word);
        }
        if let Some(event) = self.event(record, &sink) {
            self.set_apart(&event, sink.out);
            let text = sink.out.store(event.object());
            sink.out.carry(Carried { text, kind: Kind::Json, dialect: event.dialect() });
        }
        Ok(Parsed::Event)
    }

    fn rows(&self, layout: &Layout) -> Option<Rc<Columns>> {
        let is_table = matches!(layout.framing, Framing::Csv { .. });
        if self.events.is_some() {
            return None;
        }
        // Of several tables the first that a row is of counts.
        let first = self.tables.iter().find(|table| table.is_of(&layout.columns)).filter(|_| is_table)?;
        first.rows(layout)
    }

    fn shows(&self, _: &Layout, record: &[u8]) -> bool {
        self.objects.is_empty() || !record.starts_with(b"{") || self.objects.iter().any(|object| object.is_of(record))
    }

    fn may_begin(&self, first: u8) -> bool {
        let of_objects = !self.objects.is_empty() && begins_object(first);
        of_objects || self.begins.get_or_init(|| self.begins()).is_none_or(|begins| begins[usize::from(first)])
    }

    fn outline<'b>(&self, record: &'b [u8], means: Means<'_>, out: &mut Outline<'b>) -> bool {
        if self.events.is_some() {
            return false;
        }
        let is_table = matches!(means.layout.framing, Framing::Csv { .. });
        if is_table || self.objects.is_empty() || !record.trim_ascii_start().starts_with(b"{") {
            let mut sketch = Sketch::new(means.layout, means.agents, out);
            sketch.way = Some(self.way);
            return match &means.columns.rows {
                Some(columns) => rows::outline(record, columns, &mut means.shapes.stops, &mut sketch).is_some(),
                None if is_table => self.outline_of_row(record, &mut means.shapes.stops, &mut sketch),
                None => self.outline_of_line(record, &mut sketch),
            };
        }
        // PERF: what is told by values is read whole before it is known which it is.
        let is_told_by_names = self.objects.len() == 1 || !self.objects.iter().any(Object::is_told_by_values);
        if !is_told_by_names || self.way.form.is_some() {
            return false;
        }
        let kind = object::choose(self.objects, record);
        let object = kind.and_then(|kind| Some((kind, self.objects.get(kind)?)));
        object.is_some_and(|(kind, object)| object.outline((self.name, kind), record, means, out))
    }
}

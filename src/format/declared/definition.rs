//! A definition as TOML → a format. Every key is known, and what cannot be used is refused with its line and the reason.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use globset::{GlobBuilder, GlobMatcher};
use serde::Deserialize;
use serde::de::{self, Deserializer};
use toml::Spanned;

use super::Declared;
use super::element::Element;
use super::line::Line;
use super::object::{self, Object};
use super::row::{self, Row};
use super::table::Table;
use super::target::{Always, Constant, target};
use crate::format::exported::Tool;
use crate::format::sink::Way;
use crate::format::time;
use crate::model::layout::Run;
use crate::model::observation::Seen;

/// Bytes of a definition.
const LIMIT_BYTES: usize = 1 << 20;
/// Most ways of writing of one kind in a definition.
const WAYS_LIMIT: usize = 256;
/// Most marks that records begin with.
const MARKS_LIMIT: usize = 16;
/// Bytes of a name: longer ones are looked up by no table.
const NAME_LIMIT_BYTES: usize = 80;
/// What `tells` of records that an exporter writes by its own clock.
const EXPORT: &str = "flow_export";
/// What `tells` of files that a tool of a client sends, which may not say to whom.
const UPLOAD: &str = "file_upload";
/// The rank of formats that state none.
const RANK: u8 = 60;

/// Names and what they are made into; or names and values.
type Pairs = BTreeMap<String, String>;
type Values = BTreeMap<String, Vec<String>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Definition {
    name: Spanned<String>,
    describe: String,
    tells: Option<Spanned<String>>,
    rank: Option<u8>,
    #[serde(default)]
    files: Vec<Spanned<String>>,
    continues: Option<Spanned<String>>,
    begins: Option<Spanned<Vec<String>>>,
    zone: Option<Spanned<String>>,
    events: Option<Spanned<String>>,
    #[serde(default)]
    runs_on: bool,
    time: Option<Spanned<String>>,
    order: Option<Spanned<String>>,
    #[serde(default)]
    outcome: Words,
    line: Option<Spanned<Many<LineOf>>>,
    object: Option<Spanned<Many<ObjectOf>>>,
    table: Option<Spanned<Many<TableOf>>>,
    delimited: Option<Spanned<Many<RowOf>>>,
    element: Option<Spanned<Many<ElementOf>>>,
}

/// One of a kind (`[line]`), or several (`[[line]]`), each with its place.
enum Many<T> {
    One(T),
    Several(Vec<Spanned<T>>),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
            type Value = Many<T>;

            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str("a table, or an array of tables")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Many<T>, A::Error> {
                T::deserialize(de::value::MapAccessDeserializer::new(map)).map(Many::One)
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Many<T>, A::Error> {
                let mut all = Vec::new();
                while let Some(one) = seq.next_element()? {
                    all.push(one);
                }
                Ok(Many::Several(all))
            }
        }
        from.deserialize_any(Visitor(PhantomData))
    }
}

/// All of one kind, each with its place.
fn listed<T>(many: Option<Spanned<Many<T>>>) -> Vec<(Range<usize>, T)> {
    let Some(many) = many else { return Vec::new() };
    let span = many.span();
    match many.into_inner() {
        Many::One(one) => vec![(span, one)],
        Many::Several(all) => all.into_iter().map(|one| (one.span(), one.into_inner())).collect(),
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Words {
    #[serde(default)]
    success: Vec<Box<str>>,
    #[serde(default)]
    failure: Vec<Box<str>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LineOf {
    pattern: String,
    #[serde(default)]
    programs: Vec<String>,
    #[serde(default = "yes")]
    bare: bool,
    #[serde(default)]
    mark: bool,
    #[serde(default)]
    process: bool,
    tells: Option<String>,
    #[serde(default)]
    set: Pairs,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ObjectOf {
    #[serde(default)]
    keys: Vec<String>,
    #[serde(default)]
    any: Vec<Vec<String>>,
    #[serde(default)]
    values: Values,
    #[serde(default)]
    fields: Pairs,
    #[serde(default = "yes")]
    common: bool,
    tells: Option<String>,
    #[serde(default)]
    set: Pairs,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TableOf {
    columns: Vec<String>,
    #[serde(default, rename = "where")]
    wanted: Values,
    #[serde(default)]
    fields: Pairs,
    tells: Option<String>,
    #[serde(default)]
    set: Pairs,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RowOf {
    delimiter: String,
    columns: Vec<String>,
    least: usize,
    #[serde(default, rename = "where")]
    wanted: Values,
    #[serde(default)]
    fields: Pairs,
    tells: Option<String>,
    #[serde(default)]
    set: Pairs,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ElementOf {
    name: String,
    #[serde(default, rename = "where")]
    wanted: Values,
    #[serde(default)]
    fields: Pairs,
    tells: Option<String>,
    #[serde(default)]
    set: Pairs,
}

fn yes() -> bool {
    true
}

/// Reads a definition. What it holds stays for the life of the process.
///
/// # Errors
/// Why it cannot be used, with its line where that is known.
pub fn read(text: &str) -> Result<Declared, String> {
    read_with(text, Line::fault)
}

/// Reads a definition whose patterns are known to be sound.
///
/// PERF: to compile the patterns of all that are built in is most of what a short scan costs.
pub(super) fn read_tested(text: &str) -> Result<Declared, String> {
    read_with(text, |_| None)
}

fn read_with(text: &str, fault: fn(&Line) -> Option<String>) -> Result<Declared, String> {
    if text.len() > LIMIT_BYTES {
        return Err(format!("a definition may have {LIMIT_BYTES} bytes"));
    }
    let definition: Definition = toml::from_str(text).map_err(|fault| fault.to_string().trim_end().to_owned())?;
    let at = |span: Range<usize>| 1 + text[..span.start.min(text.len())].matches('\n').count();
    let Definition { name, describe, tells, rank, files, continues, begins, zone, time: form, runs_on, .. } =
        definition;
    let Definition { events, order, outcome, line, object, table, delimited, element, .. } = definition;
    let (line_of_name, name) = (at(name.span()), name.into_inner());
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || name.len() > NAME_LIMIT_BYTES || !name.chars().all(is_name) {
        return Err(format!("line {line_of_name}: name: {name:?} is to be of lower-case letters, digits and `_`"));
    }
    let told = |span, reason: String| format!("line {}: {reason}", at(span));
    let order = order.map(|word| day_first(word.as_ref()).map_err(|why| told(word.span(), why))).transpose()?;
    let way = Way { day_first: order, ..way(form, outcome, &told)? };
    let file = tells.map(|word| seen(word.as_ref()).map_err(|why| told(word.span(), why))).transpose()?.flatten();
    let declared = Declared {
        name: name.leak(),
        describe: describe.leak(),
        rank: rank.unwrap_or(RANK),
        files: globs(files, &told)?,
        run: run_of(continues, begins, &told)?,
        is_utc: zone.map(|zone| utc(&zone).map_err(|why| told(zone.span(), why))).transpose()?.is_some(),
        events: events.map(|tool| tool_of(&tool).map_err(|why| told(tool.span(), why))).transpose()?,
        runs_on,
        way: Box::leak(Box::new(way)),
        lines: each(line, |line| of_line(line, file, fault), &told)?,
        objects: each(object, |object| of_object(object, file), &told)?,
        tables: each(table, |table| of_table(table, file), &told)?,
        rows: each(delimited, |row| of_row(row, file), &told)?,
        elements: each(element, |element| of_element(element, file), &told)?,
        begins: Box::leak(Box::default()),
    };
    let Declared { lines, objects, tables, rows, elements, .. } = declared;
    match lines.len() + objects.len() + tables.len() + rows.len() + elements.len() {
        0 => {
            Err("it says of no record how it is written: [[line]], [object], [table], [delimited] or [element]"
                .to_owned())
        }
        _ => Ok(declared),
    }
}

/// Whether the day is first in dates that do not show it.
fn day_first(word: &str) -> Result<bool, String> {
    match word {
        "day" => Ok(true),
        "month" => Ok(false),
        _ => Err(format!("order: {word:?} is neither `day` nor `month`")),
    }
}

/// The tool whose records are events of Windows.
fn tool_of(name: &Spanned<String>) -> Result<Tool, String> {
    Tool::named(name.as_ref()).ok_or_else(|| format!("events: {:?} is no tool that is known", name.as_ref()))
}

/// Says where a fault is.
type Told<'a> = &'a dyn Fn(Range<usize>, String) -> String;

/// All of one kind, made ready.
fn each<T, U>(
    all: Option<Spanned<Many<T>>>,
    of: impl Fn(T) -> Result<U, String>,
    told: Told<'_>,
) -> Result<&'static [U], String> {
    let all = listed(all);
    if all.len() > WAYS_LIMIT {
        return Err(format!("a definition may have {WAYS_LIMIT} of one kind"));
    }
    let made = all.into_iter().map(|(span, one)| of(one).map_err(|why| told(span, why)));
    Ok(Vec::leak(made.collect::<Result<Vec<U>, String>>()?))
}

fn way(form: Option<Spanned<String>>, outcome: Words, told: Told<'_>) -> Result<Way, String> {
    let form = form
        .map(|form| match time::fault_of_form(form.as_ref()) {
            None => Ok(&*form.into_inner().leak()),
            Some(why) => Err(told(form.span(), format!("time: {why}"))),
        })
        .transpose()?;
    let Words { success, failure } = outcome;
    Ok(Way { success, failure, form, day_first: None })
}

/// Globs over names of files; none where the name does not matter.
fn globs(files: Vec<Spanned<String>>, told: Told<'_>) -> Result<&'static [GlobMatcher], String> {
    let glob = |file: Spanned<String>| {
        let text = file.as_ref();
        if text.len() > NAME_LIMIT_BYTES || text.matches('{').count() > 4 {
            return Err(told(
                file.span(),
                format!("files: longer than {NAME_LIMIT_BYTES} bytes, or of too many choices"),
            ));
        }
        let made = GlobBuilder::new(file.as_ref()).case_insensitive(true).build();
        made.map(|glob| glob.compile_matcher()).map_err(|why| told(file.span(), format!("files: {why}")))
    };
    let all: Vec<GlobMatcher> = files.into_iter().map(glob).collect::<Result<_, _>>()?;
    Ok(all.leak())
}

/// An observer of traffic, by the word for it.
type Observer = (&'static str, Seen);

/// The observer of this name; none for `none`.
fn seen(word: &str) -> Result<Option<Observer>, String> {
    const NAMES: [Observer; 11] = [
        ("web", Seen::Web),
        ("proxy", Seen::Proxy),
        ("flow", Seen::Flow),
        (EXPORT, Seen::Flow),
        ("firewall", Seen::Firewall),
        ("dns", Seen::Dns),
        ("cloud", Seen::Cloud),
        ("mail", Seen::Mail),
        ("file_transfer", Seen::FileTransfer),
        ("file_server", Seen::FileServer),
        (UPLOAD, Seen::FileTransfer),
    ];
    if word == "none" {
        return Ok(None);
    }
    let known = || NAMES.map(|(name, _)| name).join(", ");
    let found = NAMES.iter().find(|(name, _)| *name == word);
    found.map(|known| Some(*known)).ok_or_else(|| format!("tells: {word:?} is none of {}, none", known()))
}

/// Which lines go on with the record above: those that are named, or all that begin with none of the marks.
fn run_of(
    continues: Option<Spanned<String>>,
    begins: Option<Spanned<Vec<String>>>,
    told: Told<'_>,
) -> Result<Option<Run>, String> {
    match (continues, begins) {
        (None, None) => Ok(None),
        (Some(word), None) => run(word.as_ref()).map(Some).map_err(|why| told(word.span(), why)),
        (Some(_), Some(marks)) => {
            Err(told(marks.span(), "begins: `continues` says already which lines go on".to_owned()))
        }
        (None, Some(marks)) => begun(&marks).map(Some).map_err(|why| told(marks.span(), why)),
    }
}

/// The marks that records begin with.
fn begun(marks: &Spanned<Vec<String>>) -> Result<Run, String> {
    let marks = marks.as_ref();
    let is_one = |mark: &String| !mark.trim_start().is_empty() && mark.len() <= NAME_LIMIT_BYTES && mark.is_ascii();
    if marks.is_empty() || marks.len() > MARKS_LIMIT || !marks.iter().all(is_one) {
        return Err(format!(
            "begins: to be 1 to {MARKS_LIMIT} texts of ASCII, each of 1 to {NAME_LIMIT_BYTES} bytes and not blank"
        ));
    }
    Ok(Run::Begun(Vec::leak(marks.iter().cloned().map(leaked).collect())))
}

/// Which lines go on with the record above, by its name.
fn run(word: &str) -> Result<Run, String> {
    const NAMES: [(&str, Run); 4] =
        [("indented", Run::Indented), ("trace", Run::Trace), ("headed", Run::Headed), ("unnumbered", Run::Unnumbered)];
    let found = NAMES.iter().find(|(name, _)| *name == word).map(|(_, run)| *run);
    found.ok_or_else(|| format!("continues: {word:?} is none of {}", NAMES.map(|(name, _)| name).join(", ")))
}

fn utc(zone: &Spanned<String>) -> Result<(), String> {
    match zone.as_ref().as_str() {
        "UTC" => Ok(()),
        other => Err(format!("zone: {other:?} is not UTC; other zones are the user's to give (--timezone)")),
    }
}

fn of_line(line: LineOf, file: Option<Observer>, fault: fn(&Line) -> Option<String>) -> Result<Line, String> {
    let LineOf { pattern, programs, bare, mark, process, tells, set } = line;
    if !bare && programs.is_empty() {
        return Err("a pattern that is no line of its own must name its `programs`".to_owned());
    }
    let programs: Vec<&'static str> = programs.into_iter().map(leaked).collect();
    let always = Always { of_process: process, ..always(set, tells, file)? };
    let mut line = Line::new(pattern.leak(), programs.leak(), always);
    (line.is_bare, line.is_mark) = (bare, mark);
    match fault(&line) {
        None => Ok(line),
        Some(why) => Err(format!("pattern: {why}")),
    }
}

fn of_object(object: ObjectOf, file: Option<Observer>) -> Result<Object, String> {
    let ObjectOf { keys, any, values, fields, common, tells, set } = object;
    short(keys.iter().chain(any.iter().flatten()).chain(fields.keys()))?;
    let sets = Some(keys).filter(|keys| !keys.is_empty()).into_iter().chain(any);
    Object::new(object::Parts {
        marks: sets.map(|set| set.into_iter().map(leaked).collect()).collect(),
        values: wanted(values),
        fields: pairs(fields),
        is_common: common,
        always: always(set, tells, file)?,
    })
}

fn of_table(table: TableOf, file: Option<Observer>) -> Result<Table, String> {
    let TableOf { columns, wanted: values, fields, tells, set } = table;
    short(columns.iter().chain(fields.keys()))?;
    let columns: Vec<&'static str> = columns.into_iter().map(leaked).collect();
    Table::new(&columns, &pairs(fields), wanted(values), always(set, tells, file)?)
}

fn of_row(row: RowOf, file: Option<Observer>) -> Result<Row, String> {
    let RowOf { delimiter, columns, least, wanted: values, fields, tells, set } = row;
    let &[delimiter] = delimiter.as_bytes() else {
        return Err(format!("delimiter: {delimiter:?} is to be one byte"));
    };
    Row::new(row::Parts {
        delimiter,
        least,
        columns: columns.into_iter().map(leaked).collect(),
        wanted: wanted(values),
        fields: pairs(fields),
        always: always(set, tells, file)?,
    })
}

fn of_element(element: ElementOf, file: Option<Observer>) -> Result<Element, String> {
    let ElementOf { name, wanted: values, fields, tells, set } = element;
    short(fields.keys().chain([&name]))?;
    Element::new(leaked(name), &pairs(fields), wanted(values), always(set, tells, file)?)
}

/// Whether names are short enough to be looked up.
fn short<'a>(mut names: impl Iterator<Item = &'a String>) -> Result<(), String> {
    match names.find(|name| name.len() > NAME_LIMIT_BYTES) {
        Some(name) => Err(format!("{name:?} is longer than {NAME_LIMIT_BYTES} bytes")),
        None => Ok(()),
    }
}

fn leaked(text: String) -> &'static str {
    text.leak()
}

fn pairs(of: Pairs) -> Vec<(&'static str, &'static str)> {
    of.into_iter().map(|(name, to)| (leaked(name), leaked(to))).collect()
}

fn wanted(of: Values) -> Vec<(&'static str, Vec<&'static str>)> {
    of.into_iter().map(|(name, values)| (leaked(name), values.into_iter().map(leaked).collect())).collect()
}

/// What all records of a kind say; `file` is the observer of the whole format.
fn always(set: Pairs, tells: Option<String>, file: Option<Observer>) -> Result<Always, String> {
    let observer = tells.map_or(Ok(file), |word| seen(&word))?;
    let is = |word| observer.is_some_and(|(name, _)| name == word);
    let (clocked, uploads) = (is(EXPORT), is(UPLOAD));
    Ok(Always { set: constants(set), observer: observer.map(|(_, seen)| seen), clocked, uploads, of_process: false })
}

fn constants(set: Pairs) -> &'static [Constant] {
    let constant = |(name, value): (String, String)| {
        let name = leaked(name);
        Constant { name, target: target(name), value: leaked(value) }
    };
    let all: Vec<Constant> = set.into_iter().map(constant).collect();
    all.leak()
}

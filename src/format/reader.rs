//! Reads records: those of a source with the format of its layout, and lines in it that are of another one.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::rc::Rc;

use super::container::{self, Held};
use super::sink::Sink;
use super::{Format, Part, Shapes, Templates, by_name, carried, csv, message, time};
use crate::model::fields::{Canon, Drawn, Fields, Kind, Parsed, Reject, Text, Want};
use crate::model::layout::{Framing, Layout};
use crate::model::listing::Listing;
use crate::model::outline::Outline;

/// What outlines are made with.
pub struct Means<'a> {
    /// The layout of the record.
    pub layout: &'a Layout,
    /// What the format makes of its columns.
    pub columns: &'a Columns,
    /// Whether the user agent is asked for.
    pub agents: bool,
    /// Shapes that are known so far.
    pub shapes: &'a mut Shapes,
    /// Whether the record is the one that was listed last.
    pub listed: bool,
}

/// The columns of a layout as outlines take them.
#[derive(Debug, Default)]
pub struct Columns {
    /// What each is.
    pub parts: Vec<Part>,
    /// Those that are something, by their number.
    pub asked: Vec<(usize, Part)>,
    /// The same for rows of a table.
    pub(super) rows: Option<Rc<csv::Columns>>,
    /// Tells this layout from others of the source: a digest of all that its records are read by.
    pub digest: [u8; 32],
}

impl Columns {
    fn of(format: &dyn Format, layout: &Layout) -> Self {
        let parts = format.parts(layout);
        if parts.is_empty() {
            let rows = format.rows(layout);
            return Self { rows, ..Self::default() };
        }
        let asked = parts.iter().copied().enumerate().filter(|(_, part)| *part != Part::Skip).collect();
        let Layout { columns, delimiter, unset, date, dataset, forwards, .. } = layout;
        let read_by = format!("{columns:?} {delimiter} {unset:?} {date:?} {dataset:?} {forwards}");
        Self { parts, asked, rows: None, digest: *blake3::hash(read_by.as_bytes()).as_bytes() }
    }
}

/// The format of a layout with what its records are read with. Looked up once per block.
pub struct Reader<'l> {
    format: Option<&'static dyn Format>,
    layout: &'l Layout,
    /// Made when the first outline is asked for.
    columns: OnceCell<Columns>,
    /// Reads the lines that records carry.
    carried: Strays<'l>,
}

/// What reads the records of this layout.
pub fn reader(layout: &Layout) -> Reader<'_> {
    let carried = Strays::of_carried(Cow::Borrowed(layout), 1);
    Reader { format: by_name(layout.format), layout, columns: OnceCell::new(), carried }
}

impl Reader<'_> {
    /// Whether fields of these records may say what a search of their bytes does not see.
    pub fn hides(&self, records: &[u8]) -> bool {
        self.format.is_some_and(|format| format.hides(records))
    }

    /// The parts of a record from which follows what a parse says of objects, and of what became of that: host, first line of the request,
    /// status. `None` where more of it says so.
    pub fn objects<'b>(&self, record: &'b [u8]) -> Option<[&'b [u8]; 3]> {
        self.format.and_then(|format| format.objects(self.layout, record))
    }

    /// The outline of one record, by which it is known without a parse; false where it has none. `shapes` are those of the
    /// block's buffers, in which the record may be `listed`. `out` is emptied first.
    #[inline]
    pub fn outline<'b>(
        &self,
        record: &'b [u8],
        agents: bool,
        (shapes, listed): (&mut Shapes, bool),
        out: &mut Outline<'b>,
    ) -> bool {
        out.clear();
        let Some(format) = self.format.filter(|_| self.layout.host_clocks.is_empty()) else { return false };
        let columns = self.columns.get_or_init(|| Columns::of(format, self.layout));
        let read = format.outline(record, Means { layout: self.layout, columns, agents, shapes, listed }, out);
        if let Some(host) = &self.layout.host {
            out.part(host.as_bytes());
        }
        read
    }

    /// Reads one record, and a line that it carries. `out` is emptied first, and stays empty where the record is rejected.
    ///
    /// # Errors
    /// Where the record is not of the layout's format; always for `text`.
    pub fn parse<'b>(&self, record: &'b [u8], want: Want, out: &mut Fields<'b>) -> Result<Parsed, Reject> {
        let format = self.format.ok_or_else(|| {
            out.clear();
            Reject
        })?;
        parse_with(format, (self.layout, &self.carried), record, want, out)
    }

    /// Lists the values of a record without reading its fields; false where that cannot be done. What is known of it then are
    /// the raw names and values of `shapes`, and its fields are read with [`listed`](Self::listed).
    pub fn list(&self, record: &[u8], shapes: &mut Shapes) -> bool {
        self.format.is_some_and(|format| format.list(self.layout, record, shapes))
    }

    /// Whether [`listed`](Self::listed) gives these fields of records.
    pub fn lists(&self, want: Want) -> bool {
        self.format.is_some_and(|format| format.lists(want))
    }

    /// The values of the record that was listed last, which is this one.
    pub fn listing<'s>(&self, record: &'s [u8], shapes: &'s Shapes) -> impl Listing + use<'s> {
        shapes.listing(record, !self.lists(Want::All))
    }

    /// Reads the record that was listed last, as [`parse`](Self::parse) does.
    pub fn listed<'b>(&self, (record, shapes): (&'b [u8], &Shapes), want: Want, out: &mut Fields<'b>) {
        if let Some(format) = self.format {
            format.listed(self.layout, (record, shapes), want, out);
            set_host(self.layout, want, out);
            set_clock(self.layout, out);
        }
    }

    /// Reads one record that [`draw`](super::draw) wrote as its values alone: `values` of `text`, which is the text of all.
    pub fn read<'b>(
        &self,
        templates: &'b Templates,
        (text, values): (&'b [u8], &[Drawn]),
        want: Want,
        out: &mut Fields<'b>,
    ) {
        templates.fields(self.layout, (text, values), want, out);
        set_host(self.layout, want, out);
        set_clock(self.layout, out);
    }
}

/// Reads one record with a format, and the lines that it carries with what reads these.
fn parse_with<'b>(
    format: &dyn Format,
    (layout, carried): (&Layout, &Strays<'_>),
    record: &'b [u8],
    want: Want,
    out: &mut Fields<'b>,
) -> Result<Parsed, Reject> {
    let read = format.parse(layout, record, want, out);
    if read.is_err() {
        out.clear();
        return read;
    }
    set_host(layout, want, out);
    set_clock(layout, out);
    let is_carried = out.is_carrier() && carried.depth <= carried::DEPTH_LIMIT;
    let dialect = is_carried.then(|| carried::read(carried, layout, want, out)).flatten();
    Ok(dialect.map_or(Parsed::Event, Parsed::Carried))
}

/// The host that the record was taken from, where it names none itself.
fn set_host(layout: &Layout, want: Want, out: &mut Fields<'_>) {
    if let Some(host) = &layout.host
        && want.takes(Canon::HostName)
        && !out.has(Canon::HostName)
    {
        let host = out.store(host.as_bytes());
        out.push_text(Some(Canon::HostName), Text::Slice(Canon::HostName.name().as_bytes()), host, Kind::Str);
    }
}

/// The time by the clock of the host that wrote it.
fn set_clock(layout: &Layout, out: &mut Fields<'_>) {
    if !layout.host_clocks.is_empty() {
        out.time = out.time.map(|stamp| time::by_host(stamp, out, layout));
    }
}

/// Reads one record with the format of its layout: [`Reader::parse`] for a single record.
///
/// # Errors
/// Where the record is not of the layout's format; always for `text`.
pub fn parse<'b>(layout: &Layout, record: &'b [u8], want: Want, out: &mut Fields<'b>) -> Result<Parsed, Reject> {
    reader(layout).parse(record, want, out)
}

/// Dialects that a single line shows beyond doubt.
const STRAYS: &[&str] = &[
    "access",
    "squid",
    "auditd",
    "cef",
    "leef",
    "bind",
    "syslog5424",
    "syslog3164",
    "json",
    "nginx_error",
    "apache_error",
    "haproxy",
];

/// Reads lines that the format of their source rejects: several logs that were joined into one file. What is read
/// depends on the line alone, so that neither the grid nor the lines before it matter.
pub struct Strays<'l> {
    layout: Cow<'l, Layout>,
    /// How many wrappers the lines were taken out of.
    depth: u8,
    /// Made when the first line is rejected, or carried.
    others: OnceCell<Vec<Other>>,
}

/// A dialect that is tried, with what reads the lines that its own records carry, by its layout: that is made once for all
/// records, as is this.
struct Other {
    format: &'static dyn Format,
    carried: Strays<'static>,
}

impl<'l> Strays<'l> {
    /// Readers beside the format of this layout.
    pub fn new(layout: &'l Layout) -> Self {
        Self { layout: Cow::Borrowed(layout), depth: 0, others: OnceCell::new() }
    }

    /// Readers of what records of this layout carry.
    fn of_carried(layout: Cow<'l, Layout>, depth: u8) -> Self {
        Self { layout, depth, others: OnceCell::new() }
    }

    /// The names of the dialects that are tried, in their order.
    fn names(&self) -> impl Iterator<Item = &'static str> {
        let (before, behind): (&[_], &[_]) = match self.depth {
            // Programs of containers log pairs where they log no JSON; elsewhere such a line shows too little.
            0 if self.layout.format == container::NAME => (message::PRODUCTS, &["kv"]),
            0 => (&[], &[]),
            _ => (carried::BEFORE, carried::BEHIND),
        };
        before.iter().chain(STRAYS).chain(behind).copied().filter(|name| *name != self.layout.format)
    }

    /// Reads one line with the first dialect that it is of, and says which; `None` where there is none.
    pub fn parse<'b>(&self, line: &'b [u8], want: Want, out: &mut Fields<'b>) -> Option<&'static str> {
        match container::held(line) {
            Some(held) => Some(self.of_container(&held, want, out)),
            None => self.first(line, want, out),
        }
    }

    /// Reads what a line of a container holds; where that is of no dialect, the line is a message.
    fn of_container<'b>(&self, held: &Held<'b>, want: Want, out: &mut Fields<'b>) -> &'static str {
        let found = match &held.text {
            Cow::Borrowed(text) => self.first(text, want, out),
            Cow::Owned(text) => {
                let mut fields = Fields::default();
                let found = self.first(text, want, &mut fields);
                Sink::new(&self.layout, want, out).take_over(&fields);
                out.time = fields.time;
                found
            }
        };
        held.finish(&self.layout, want, found.is_none(), out);
        found.unwrap_or(container::NAME)
    }

    /// The dialects that are tried.
    fn made(&self) -> Vec<Other> {
        // A line names its host, or its wrapper does.
        let host = self.layout.host.clone().filter(|_| self.depth == 0);
        let layout = || Layout { framing: Framing::Lines, host: host.clone(), ..(*self.layout).clone() };
        let other = |format: &'static dyn Format| {
            let layout = Cow::Owned(format.layout(layout()));
            Other { format, carried: Strays::of_carried(layout, self.depth + 1) }
        };
        self.names().filter_map(by_name).map(other).collect()
    }

    /// Reads a record with one of the dialects that are tried, and says which it is then of; `None` where it is none of that.
    pub fn parse_as<'b>(
        &self,
        dialect: &str,
        record: &'b [u8],
        want: Want,
        out: &mut Fields<'b>,
    ) -> Option<&'static str> {
        let Other { format, carried } = self.others().iter().find(|other| other.format.name() == dialect)?;
        let parsed = parse_with(*format, (&carried.layout, carried), record, want, out).ok()?;
        Some(parsed.format(format.name()))
    }

    fn others(&self) -> &[Other] {
        self.others.get_or_init(|| self.made())
    }

    /// Reads a line with the first dialect that it is of.
    fn first<'b>(&self, line: &'b [u8], want: Want, out: &mut Fields<'b>) -> Option<&'static str> {
        // PERF: most dialects are ruled out by the first byte of a line.
        let first = line.first().copied().unwrap_or_default();
        let read = |Other { format, carried }: &Other| {
            if !format.may_begin(first) {
                return None;
            }
            // An object is of generic JSON where it is of no product.
            let shows = self.depth == 0 && !message::PRODUCTS.contains(&format.name());
            let is_shown = shows || format.shows(&carried.layout, line);
            let parsed = is_shown.then(|| parse_with(*format, (&carried.layout, carried), line, want, out).ok());
            Some(parsed.flatten()?.format(format.name()))
        };
        self.others().iter().find_map(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_a_known_dialect_is_read_with_that_alone() {
        let layout = Layout { format: "hayabusa", ..Layout::plain() };
        let (strays, mut fields) = (Strays::of_carried(Cow::Borrowed(&layout), 1), Fields::default());
        let mut read =
            |dialect, record: &'static str| strays.parse_as(dialect, record.as_bytes(), Want::All, &mut fields);
        assert_eq!(read("windows_json", r#"{"EventID":"1","Channel":"C"}"#), Some("windows_json"));
        assert_eq!(read("windows_json", r#"{"EventID":"1","Channel":"C"}"}"#), None);
        assert_eq!(read("hayabusa", r#"{"EventID":"1","Channel":"C"}"#), None, "its own is not tried");
        assert_eq!(fields.len(), 0);
    }

    /// A line in an alert in a record: what reads the line is made with the first of them, and stays.
    #[test]
    fn what_reads_the_lines_of_carried_records_is_made_once() {
        let layout = Layout { format: "fluentd", ..Layout::plain() };
        let reader = reader(&layout);
        let alert = br#"{"timestamp":"2026-03-28T23:10:04.123+0000","rule":{"level":5},"agent":{"id":"001"},"manager":{"name":"m"},"decoder":{"name":"sshd"},"location":"l","full_log":"Mar 28 23:10:04 h sshd[1]: Failed password for root from 198.51.100.7 port 22 ssh2"}"#;
        let record = [&b"2026-03-28T23:10:04Z\twazuh\t"[..], alert].concat();
        let mut fields = Fields::default();
        let read = reader.parse(&record, Want::Columns, &mut fields);
        assert_eq!(read, Ok(Parsed::Carried("syslog3164")));
        let alerts = reader.carried.others.get().unwrap().iter().find(|other| other.format.name() == "wazuh").unwrap();
        assert_eq!((alerts.carried.depth, alerts.carried.others.get().is_some()), (2, true));
    }
}

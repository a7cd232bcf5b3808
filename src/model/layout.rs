//! What later records need from the start of their source.

use std::sync::Arc;

use globset::GlobMatcher;
use jiff::tz::TimeZone;

use super::clock::{Turn, YearsRead};
use super::dates::Dates;
use super::time::Instant;

/// How text is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Encoding {
    /// Bytes; UTF-8 where it is text at all.
    #[default]
    Bytes,
    /// UTF-16, little endian.
    Utf16Le,
    /// UTF-16, big endian.
    Utf16Be,
    /// Bytes whose lines end with a carriage return alone (or with a line feed alone).
    Returns,
}

impl Encoding {
    /// Whether it has units of two bytes, so that the text is not the stored bytes.
    pub fn is_wide(self) -> bool {
        matches!(self, Self::Utf16Le | Self::Utf16Be)
    }
}

/// Columns that only a proxy logs in the W3C format: the parts of a URL on any server, and what it thought of it.
const PROXY_COLUMNS: &[&str] = &[
    "c-uri",
    "cs-auth-group",
    "cs-auth-groups",
    "cs-categories",
    "cs-threat-risk",
    "cs-uri",
    "cs-uri-extension",
    "cs-uri-path",
    "cs-uri-port",
    "cs-uri-scheme",
    "s-hierarchy",
    "s-supplier-ip",
    "s-supplier-name",
    "sc-filter-category",
    "sc-filter-result",
    "x-cs-uri",
    "x-exception-id",
    "x-virus-id",
];

/// How names begin that speak of a server beyond the one that wrote the log. SOURCE: W3C extended log format, the
/// prefixes `r`, `sr` and `rs`; Blue Coat's own.
const BEYOND: &[&str] = &["r-", "rs-", "rs(", "sr-", "sr(", "x-bluecoat-", "x-icap-", "x-rs-"];

/// Whether only a proxy logs a column of this name in the W3C format.
pub fn is_proxy_column(name: &str) -> bool {
    PROXY_COLUMNS.contains(&name) || BEYOND.iter().any(|prefix| name.starts_with(prefix))
}

/// The clock of the hosts of a pattern.
#[derive(Debug, Clone)]
pub struct HostClock {
    /// Names of hosts.
    pub hosts: GlobMatcher,
    /// Their zone.
    pub zone: TimeZone,
}

/// Which lines of a log go on with the record above them. Empty lines are framing, and end no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Run {
    /// Those that begin with a blank or a tab.
    Indented,
    /// Those of a stack trace: indented ones, `Caused by: …`, `Suppressed: …`, and the name of an exception with its packages.
    Trace,
    /// All up to the next line that begins with `#` behind one that does not: a record is some lines of `#` and what they are of.
    Headed,
    /// All up to the next line that begins with a time or two tabs, the number of a connection and a command, as in the general log of
    /// MySQL: statements are written there as they came. What its server writes as it starts is no part of one.
    Unnumbered,
    /// All up to the next line that begins with one of these marks, blanks before it aside: a `\d` in it stands for a digit, a `\a` for a
    /// letter of ASCII.
    Begun(&'static [&'static str]),
}

impl Run {
    /// So many bytes of a line tell whether it goes on.
    pub const HEAD_BYTES: usize = 256;

    /// Whether a line that begins so goes on with the record above; `is_headed`: whether the line above begins with `#`.
    pub fn goes_on(self, head: &[u8], is_headed: bool) -> bool {
        let is_indented = matches!(head, [b' ' | b'\t', ..]);
        match self {
            Self::Indented => is_indented,
            Self::Trace => {
                is_indented
                    || head.starts_with(b"Caused by: ")
                    || head.starts_with(b"Suppressed: ")
                    || is_exception(head)
            }
            Self::Headed => is_headed || !head.starts_with(b"#"),
            Self::Unnumbered => !is_numbered(head) && !is_of_start(head),
            Self::Begun(marks) => !marks.iter().any(|mark| begins(head.trim_ascii_start(), mark.as_bytes())),
        }
    }

    /// Whether its records are told by their first line alone, so that lines before the first of these are of none.
    pub fn is_told_by_begin(self) -> bool {
        matches!(self, Self::Begun(_))
    }
}

/// Whether a line begins with a mark of [`Run::Begun`].
fn begins(line: &[u8], mark: &[u8]) -> bool {
    let (mut line, mut mark) = (line, mark);
    while let [wanted, rest @ ..] = mark {
        let Some((byte, behind)) = line.split_first() else { return false };
        let (fits, left) = match (wanted, rest) {
            (b'\\', [b'd', left @ ..]) => (byte.is_ascii_digit(), left),
            (b'\\', [b'a', left @ ..]) => (byte.is_ascii_alphabetic(), left),
            _ => (byte == wanted, rest),
        };
        if !fits {
            return false;
        }
        (line, mark) = (behind, left);
    }
    true
}

/// Whether a line begins with a time or without one, the number of a connection, and a command.
fn is_numbered(head: &[u8]) -> bool {
    let is_of_time = |b: &u8| b.is_ascii_digit() || matches!(b, b'-' | b':' | b'.' | b'T' | b'Z' | b'+' | b' ');
    let time = head.iter().take_while(|b| is_of_time(b)).count();
    let rest = match time {
        0 => head.strip_prefix(b"\t\t"),
        _ => head[time..].strip_prefix(b"\t").filter(|_| head[0].is_ascii_digit()),
    };
    let rest = rest.unwrap_or_default().trim_ascii_start();
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    digits > 0 && matches!(rest[digits..], [b' ', command, ..] if command.is_ascii_alphabetic())
}

/// Whether a line is one of those that a server of MySQL writes at the head of its log as it starts.
fn is_of_start(head: &[u8]) -> bool {
    let is_program = head.starts_with(b"/") || head.get(1..3) == Some(b":\\");
    is_program && memchr::memmem::find(head, b", Version: ").is_some()
        || head.starts_with(b"Tcp port: ")
        || head.starts_with(b"Time ") && memchr::memmem::find(head, b" Id Command ").is_some()
}

/// Whether a line begins with the name of an exception: `java.lang.IllegalStateException`, alone or before a colon.
fn is_exception(head: &[u8]) -> bool {
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'$');
    let end = head.iter().position(|b| !is_name(b)).unwrap_or(head.len());
    let name = &head[..end];
    let has_end = [&b"Exception"[..], b"Error", b"Throwable"].iter().any(|end| name.ends_with(end));
    has_end
        && name.contains(&b'.')
        && name[0].is_ascii_lowercase()
        && matches!(head.get(end), None | Some(b':' | b'\r'))
}

/// How records are told apart before anything is parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Framing {
    /// One record a line (`\n`, a `\r` before it belongs to the terminator). Empty lines are framing.
    #[default]
    Lines,
    /// Lines, of which those that begin with `#` are directives that may change the columns (W3C extended, Zeek TSV).
    Directives,
    /// Lines with those that go on with them: a record is several lines.
    Runs(Run),
    /// Delimited rows with RFC 4180 quotes: a quoted newline does not end a record. The first row is the header.
    Csv {
        /// The delimiter byte.
        delimiter: u8,
    },
    /// JSON documents of which the events inside the named arrays (or a top-level array) are the records; documents may
    /// follow each other and span lines.
    JsonDocuments,
    /// `<Event>` elements of Windows, one after the other or inside `<Events>`, over as many lines as they take.
    XmlEvents,
    /// Records of one length, one behind the other.
    Fixed {
        /// Bytes of each.
        length: u16,
    },
    /// Windows event log: a 4,096-byte header and 64 KiB chunks.
    Evtx,
}

/// The dialect of a source with what its later records need.
#[derive(Debug, Clone)]
pub struct Layout {
    /// Name of the format in `format::FORMATS`.
    pub format: &'static str,
    /// How text is stored.
    pub encoding: Encoding,
    /// How records are told apart.
    pub framing: Framing,
    /// Column names in order (CSV header, `#Fields`, `#fields`); empty for other formats.
    pub columns: Vec<Arc<str>>,
    /// Field delimiter of columnar formats.
    pub delimiter: u8,
    /// Date of a W3C log whose records carry a time only (`#Date`), as `YYYY-MM-DD`.
    pub date: Option<Arc<str>>,
    /// Names of the arrays whose elements are the records (JSON documents), at the top or, with a dot, in an object there; empty where the documents
    /// themselves, or the elements of a top-level array, are.
    pub arrays: Vec<Arc<str>>,
    /// What kind of log it is where the header says so once for all records (Zeek `#path`).
    pub dataset: Option<Arc<str>>,
    /// Whether `03/04/2026` is the 3rd of April, where the source shows it.
    pub day_first: Option<bool>,
    /// Where it is not known yet, the dates of the records that are read meanwhile; `None` where nobody asks.
    pub dates: Option<Arc<Dates>>,
    /// The text that stands for a missing value (`-`), where the format has one.
    pub unset: &'static str,
    /// Zone of records that state none.
    pub zone: TimeZone,
    /// Whether the user or the log gave `zone` (else it is a bare assumption of UTC). Either way it is stated.
    pub zone_given: bool,
    /// Zones by the host that a record names; the first that fits goes before `zone`.
    pub host_clocks: Arc<[HostClock]>,
    /// The host of records that name none: the one that a collection says a file was taken from.
    pub host: Option<Arc<str>>,
    /// Whether the columns are those of a proxy ([`is_proxy_column`]), or the software
    /// is one: its own address is no destination.
    pub forwards: bool,
    /// No record is younger than this: the year of yearless stamps is the latest that keeps them before it.
    pub reference: Option<Instant>,
    /// So many years before the reference the records are which state none: those of a log that covers several.
    pub years_back: i64,
    /// What tells the reference, where it is not the time of the file.
    pub years: Option<Arc<YearsRead>>,
    /// Of hours that come twice in the zone, by a time of their first one: whether records are of the second, where that is known.
    pub hours: Arc<[(Instant, bool)]>,
    /// Where records are read otherwise than by this layout, ascending: each up to the next.
    pub turns: Arc<[Turn]>,
}

impl Layout {
    /// The layout of bytes that no format understood.
    pub fn plain() -> Self {
        Self {
            format: "text",
            encoding: Encoding::Bytes,
            framing: Framing::Lines,
            columns: Vec::new(),
            delimiter: b'\t',
            date: None,
            arrays: Vec::new(),
            dataset: None,
            day_first: None,
            dates: None,
            unset: "-",
            zone: TimeZone::UTC,
            zone_given: false,
            host_clocks: Arc::default(),
            host: None,
            forwards: false,
            reference: None,
            years_back: 0,
            years: None,
            hours: Arc::default(),
            turns: Arc::default(),
        }
    }

    /// The layout of the records from a turn on, up to the next.
    pub fn turned(&self, turn: &Turn) -> Self {
        Self { years_back: turn.years_back, hours: turn.hours.clone().into(), turns: Arc::default(), ..self.clone() }
    }
}

//! Log dialects: how to recognise one, and how to read the fields of its records.
//!
//! A new dialect is one definition in `declared`, or, where that cannot say it, one file that implements [`Format`] and one
//! line in [`FORMATS`]. What many dialects share stands beside them: names and what they mean (`roles`), stamps (`time`),
//! JSON objects (`jsonwalk`).

mod access;
mod auditd;
mod azure;
mod azureflow;
mod binxml;
mod carried;
mod cef;
mod checkpoint;
mod cloudtrail;
mod container;
mod csv;
mod declared;
mod dns;
mod edge;
mod exported;
mod gcp;
mod goanywhere;
mod halves;
mod journald;
mod jsonlines;
mod jsonwalk;
mod kv;
mod lacking;
mod lastlog;
mod leef;
mod limits;
mod m365;
mod mark;
mod message;
mod mixed;
mod near;
mod proxied;
mod reader;
mod recognise;
mod remembered;
mod render;
mod roles;
mod rows;
mod shapes;
mod sink;
mod sketch;
mod squid;
mod stops;
mod syscalls;
mod syslog;
mod sysmon;
mod text;
mod time;
pub mod together;
mod unnamed;
mod utmp;
mod vpcflow;
mod w3c;
mod windns;
mod windows;
mod winevent;
mod winxml;
mod written;
mod zeek;

use std::rc::Rc;

use jiff::tz::TimeZone;

use crate::model::fields::{Canon, Fields, Parsed, Reject, Want};
use crate::model::layout::Layout;
use crate::model::outline::Outline;

pub use binxml::{Templates, draw, render};
pub use declared::{Declared, give, read};
pub use lacking::lacking;
pub use limits::{Limit, has_cut_cell, is_preview, limits};
pub use reader::{Columns, Means, Reader, Strays, parse, reader};
pub use recognise::{Sample, first_time, fits, recognise, suffices};
pub use render::{edges, render_some};
pub use shapes::Shapes;
pub use sketch::Part;
pub use time::{by_reference, is_mixed, likely_order, order_of, order_shown, readings};

/// One way of writing events down.
pub trait Format: Sync {
    /// Stable name: used in rules, in output and as the name of the fixture folder.
    fn name(&self) -> &'static str;

    /// What it is, in one line.
    fn describe(&self) -> &'static str;

    /// The canonical fields that it can give, sorted.
    fn fields(&self) -> Vec<Canon>;

    /// How well the start of a source fits; `None` where it does not.
    fn recognise(&self, sample: &Sample<'_>) -> Option<Fit>;

    /// The layout of its records, from what is known of the place in which they stand.
    fn layout(&self, base: Layout) -> Layout {
        Layout { format: self.name(), ..base }
    }

    /// Reads the wanted fields of one record. Must not panic on any bytes.
    ///
    /// # Errors
    /// Where the record is not of this format.
    fn parse<'b>(&self, layout: &Layout, record: &'b [u8], want: Want, out: &mut Fields<'b>) -> Result<Parsed, Reject>;

    /// What outlines make of each column of a layout; none where a format has no columns or its records no outlines.
    fn parts(&self, layout: &Layout) -> Vec<Part> {
        let _ = layout;
        Vec::new()
    }

    /// The columns of a layout, where every record of it is a row of them.
    fn rows(&self, layout: &Layout) -> Option<Rc<csv::Columns>> {
        let _ = layout;
        None
    }

    /// Whether a record that this format reads shows by itself that it is of it.
    fn shows(&self, layout: &Layout, record: &[u8]) -> bool {
        let _ = (layout, record);
        true
    }

    /// Whether a record of this format may begin with this byte: what is false here no parse reads.
    fn may_begin(&self, first: u8) -> bool {
        let _ = first;
        true
    }

    /// The outline of a record, where it is of the ordinary form: it is then a record of this format too. False where the
    /// record is to be parsed.
    fn outline<'b>(&self, record: &'b [u8], means: Means<'_>, out: &mut Outline<'b>) -> bool {
        let _ = (record, means, out);
        false
    }

    /// The parts of a record from which follows what a parse says of objects that it tells of, and of what became of that: host, first line of
    /// the request, status. `None` where more of it says so.
    fn objects<'b>(&self, layout: &Layout, record: &'b [u8]) -> Option<[&'b [u8]; 3]> {
        let _ = (layout, record);
        None
    }

    /// Lists the values of a record by its shape, where all its fields are such values and its shape is known: it is then a
    /// record of this format too.
    fn list(&self, layout: &Layout, record: &[u8], shapes: &mut Shapes) -> bool {
        let _ = (layout, record, shapes);
        false
    }

    /// Whether the values of a listed record are all that these fields are made of; elsewhere objects and lists are fields too.
    fn lists(&self, want: Want) -> bool {
        let _ = want;
        true
    }

    /// Reads the wanted fields of the record that was listed last. `out` is emptied first.
    fn listed<'b>(&self, layout: &Layout, (record, shapes): (&'b [u8], &Shapes), want: Want, out: &mut Fields<'b>) {
        let _ = (layout, record, shapes, want);
        out.clear();
    }

    /// Whether fields of these records may say what a search of their bytes does not see: written in hex or as numbers,
    /// or run on into what stands behind. Holds for a stretch where it holds for a record in it.
    fn hides(&self, records: &[u8]) -> bool {
        let _ = records;
        false
    }

    /// The layout after a directive line; `None` where the line changes nothing.
    fn relayout(&self, layout: &Layout, directive: &[u8]) -> Option<Layout> {
        let _ = (layout, directive);
        None
    }
}

/// How well a format fits the start of a source.
#[derive(Debug, Clone)]
pub struct Fit {
    /// Records of the sample that it reads.
    pub read: usize,
    /// Records of the sample.
    pub of: usize,
    /// How specific it is: of formats that read most of the sample the one with the highest rank wins.
    pub rank: u8,
    /// The layout to use.
    pub layout: Layout,
}

/// The zone of records that state none.
#[derive(Debug, Clone)]
pub struct Clock {
    /// Which.
    pub zone: TimeZone,
    /// Whether the user gave it.
    pub zone_given: bool,
}

/// The formats that are written in Rust. The order decides between equal fits.
pub static FORMATS: &[&dyn Format] = &[
    &windows::Evtx,
    &windows::JSON,
    &winxml::WindowsXml,
    &cloudtrail::CLOUDTRAIL,
    &azure::AZURE,
    &azureflow::AZURE_FLOW,
    &m365::M365,
    &gcp::GCP,
    &journald::JOURNALD,
    &zeek::JSON,
    &zeek::Tsv,
    &jsonlines::GENERIC,
    &access::Access,
    &utmp::Utmp,
    &vpcflow::VpcFlow,
    &w3c::Extended,
    &squid::Native,
    &auditd::Auditd,
    &cef::Cef,
    &leef::Leef,
    &checkpoint::CheckPoint,
    &dns::Bind,
    &windns::WindowsDns,
    &goanywhere::GoAnywhere,
    &syslog::Rfc5424,
    &syslog::Rfc3164,
    &kv::KeyValue,
    &csv::Table,
    &container::Container,
    &mixed::Mixed,
    &text::PlainText,
];

/// All formats: those written in Rust, those of the user, those that are declared.
pub fn list() -> impl Iterator<Item = &'static dyn Format> {
    FORMATS.iter().copied().chain(declared())
}

/// The formats that definitions declare.
pub fn declared() -> impl Iterator<Item = &'static dyn Format> {
    declared::all().map(|declared| declared as &dyn Format)
}

/// Reads a value that tells of one of the conversations of a record ([`Fields::parts`]). `out` is emptied first; false where the
/// value tells of none.
pub fn part<'b>(text: &'b [u8], layout: &Layout, out: &mut Fields<'b>) -> bool {
    azureflow::read(text, layout, out)
}

/// What all such values of one conversation have in common: each tells of the time since the one before.
pub fn tie_of_part(text: &[u8]) -> Option<&[u8]> {
    azureflow::flow(text)
}

fn by_name(name: &str) -> Option<&'static dyn Format> {
    let known = FORMATS.iter().copied().find(|format| format.name() == name);
    known.or_else(|| declared::named(name).map(|declared| declared as &dyn Format))
}

/// Whether lines of a format are text as far as the format knows: what is left of them unread is no fault of theirs.
pub fn is_text(format: &str) -> bool {
    matches!(format, "text" | mixed::NAME)
}

/// Whether the records of a format are the lines of other logs in wrappers, none of which it reads itself.
pub fn is_container(format: &str) -> bool {
    format == container::NAME
}

/// The layout after a directive line of a format with directives; `None` where it changes nothing.
pub fn relayout(layout: &Layout, directive: &[u8]) -> Option<Layout> {
    by_name(layout.format)?.relayout(layout, directive)
}

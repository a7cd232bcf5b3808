//! Lines that records of other logs carry: what a collector, a search or an export wrapped, in a field of its own.
//!
//! ```text
//! {"preview":false,"result":{"_time":"2026-03-28T23:10:04.000+00:00","host":"rv-web01","_raw":"192.0.2.10 - - [28/Mar/2026:23:10:04 +0000] \"GET / HTTP/1.1\" 200 13"}}
//! ```
//! Which field it is, the format of the wrapper says ([`Role::Line`](super::roles::Role::Line)). Its text is read as the first of the
//! dialects that it shows beyond doubt, and the record is of that one. What the line says goes before what the wrapper made of it;
//! what it does not say, the wrapper tells.
//!
//! A Windows event that Splunk wrote as pairs and a message (`winevent`), or that another tool exported (`exported`), is read as the event
//! that it is.
//!
//! Traps: a collector's time is when it read the line, so that a complete time in the line goes before it, and it goes before one
//! that lacks year or zone; names of searches do not say whose bytes they count, so that they stand back behind any count of the line.

use super::sink::Sink;
use super::{Strays, exported, winevent};
use crate::model::fields::{Canon, Carried, Fields, Kind, Want};
use crate::model::layout::Layout;
use crate::model::time::Assumed;

/// Dialects that are told in carried text before those of any line: messages of ASA, which syslog would take, and JSON of products, which
/// generic JSON would.
pub const BEFORE: &[&str] = &[
    "cisco_asa",
    "windows_json",
    "cloudtrail",
    "azure",
    "m365",
    "gcp",
    "journald",
    "zeek_json",
    "guardduty",
    "kubernetes",
    "okta",
    "github",
    "wazuh",
    "fluentd_web",
    "shipper",
];

/// Dialects that are tried behind those of any line: a wrapper says that its text is a line of a log, so that less has to show of which.
pub const BEHIND: &[&str] = &["paloalto", "windows_xml", "kv"];

/// So deep wrappers are looked into: an export of what a collector wrapped.
pub const DEPTH_LIMIT: u8 = 2;

/// Reads the first of the lines that a record carries which is of a dialect, into the fields of that record; gives the dialect.
/// `None`, and nothing changed, where none is.
pub fn read(strays: &Strays<'_>, layout: &Layout, want: Want, out: &mut Fields<'_>) -> Option<&'static str> {
    let carried = out.take_carried();
    let found = carried.iter().find_map(|one| read_one(strays, layout, want, *one, out));
    out.give_back_carried(carried);
    found
}

/// Reads one line that a record carries.
fn read_one(
    strays: &Strays<'_>,
    layout: &Layout,
    want: Want,
    carried: Carried<'_>,
    out: &mut Fields<'_>,
) -> Option<&'static str> {
    let stored = out.bytes(carried.text);
    let made = winevent::object(stored).or_else(|| exported::unescaped(stored));
    // What is written anew may be of another.
    let known = carried.dialect.filter(|_| made.is_none());
    let text = made.unwrap_or_else(|| stored.to_vec());
    let (text, mut line) = (text.trim_ascii_end(), Fields::default());
    let found = known.and_then(|dialect| strays.parse_as(dialect, text, want, &mut line));
    let found = found.or_else(|| strays.parse(text, want, &mut line));
    // An object of no product is read by the wrapper's own names.
    let dialect = found.filter(|dialect| !(carried.kind == Kind::Json && *dialect == "json"))?;
    take_in(&line, layout, want, out);
    Some(dialect)
}

/// Has what a line says stand before what its wrapper says.
fn take_in(line: &Fields<'_>, layout: &Layout, want: Want, out: &mut Fields<'_>) {
    let counts = [Canon::SourceBytes, Canon::DestinationBytes];
    let has_counts = counts.iter().any(|count| line.has(*count));
    let says = |canon: Canon| line.has(canon) || has_counts && counts.contains(&canon);
    // Where all fields are wanted, what the wrapper says stays under its own name.
    if want == Want::All {
        Canon::ALL.iter().filter(|canon| says(**canon)).for_each(|canon| out.supersede(*canon));
    } else if Canon::ALL.iter().any(|canon| says(*canon)) {
        out.forget_where(says);
    }
    if line.has(Canon::SourceIp) || line.observer.is_some() {
        (out.observer, out.clocked, out.uploads) = (line.observer, line.clocked, line.uploads);
        (out.sampled, out.access) = (line.sampled, line.access);
    }
    if let Some(stamp) = line.time
        && (stamp.assumed == Assumed::Nothing || out.time.is_none())
    {
        out.time = Some(stamp);
    }
    Sink::resume(layout, want, out).take_over(line);
}

//! Delimited tables with a header row.
//!
//! ```text
//! TimeGenerated,UserId,ClientIP,Operation,AuditData
//! 2026-03-28T23:10:04Z,alice@rv.example,192.0.2.10,FileDownloaded,"{""Workload"":""SharePoint""}"
//! ```
//! Source: RFC 4180; delimiters `,` `;` tab and `|` are told apart by counting. Names of columns are compared without
//! regard to case, blanks and underscores.
//!
//! Speed: 370 to 1,600 MB/s a core by outlines of rows ([`mod@rows`]), and half of that or less where a row is parsed: each cell
//! that tallies ask for is looked at for its quotes and its kind.
//!
//! Traps: a quoted newline does not end a row; days and months may be in either order (settled by the head of the source
//! or not at all); Microsoft 365 exports hold their record as JSON in one column.

mod cells;
mod columns;

use std::rc::Rc;
use std::sync::{Arc, LazyLock};

pub use self::cells::{Cell, Cells};
pub use self::columns::{Column, Columns, Special, columns};
use super::roles::{Role, Roles, Table as RoleTable};
use super::sink::{IN_COLUMNS, Sink, address};
use super::sketch::Sketch;
use super::{Fit, Format, Means, Sample, jsonwalk, m365, rows, time, windows};
use crate::model::fields::{Canon, Fields, Kind, Parsed, Reject, Text, Want};
use crate::model::lasted::{Side, Unit};
use crate::model::layout::{Framing, Layout};
use crate::model::outline::Outline;

/// A table with a header.
pub struct Table;

/// What names mean in every table; in lower case without blanks, `_` and `-`.
pub static ROLES: RoleTable = LazyLock::new(|| Roles::new(&[OF_FIREWALLS, COMMON]));

/// Names of firewalls and flow exporters, in tables that are of no definition. FortiGate tells of a session that lasts again and
/// again, under its number and that of the kind of record.
const OF_FIREWALLS: &[(&str, Role)] = &[
    ("logid", Role::Is(Canon::EventCode)),
    ("sessionid", Role::Is(Canon::SessionId)),
    ("devname", Role::Is(Canon::HostName)),
];

/// The entries of [`Table`]'s names.
pub const COMMON: &[(&str, Role)] = {
    use Canon::{
        DestinationBytes, DestinationDomain, DestinationIp, DestinationPort, DnsQuestion, EventAction, EventCode,
        EventProvider, FileHash, FileName, HostName, HttpMethod, HttpStatus, Message, NetworkProtocol,
        NetworkTransport, ParentExecutable, ProcessCommandLine, ProcessExecutable, SourceBytes, SourceIp, SourcePort,
        UserAgent,
    };
    &[
        ("timestamp", Role::Time(0)),
        ("@timestamp", Role::Time(0)),
        ("timegenerated", Role::Time(0)),
        ("creationdate", Role::Time(2)),
        ("creationtime", Role::Time(0)),
        ("eventtime", Role::Time(0)),
        ("datetime", Role::Time(0)),
        ("date/time", Role::Time(0)),
        ("dateandtime", Role::Time(0)),
        ("time", Role::Time(1)),
        ("date", Role::Time(2)),
        ("ts", Role::Time(1)),
        ("starttime", Role::Begun),
        ("start", Role::Begun),
        ("firstseen", Role::Begun),
        ("flowstart", Role::Begun),
        ("event.start", Role::Begun),
        ("endtime", Role::Ended),
        ("end", Role::Ended),
        ("stoptime", Role::Ended),
        ("lastseen", Role::Ended),
        ("flowend", Role::Ended),
        ("te", Role::Ended),
        ("event.end", Role::Ended),
        ("event.duration", Role::Took(Unit::Nanos, Side::Before)),
        ("event.module", Role::Module),
        ("timecreated", Role::Time(1)),
        ("receivetime", Role::Time(1)),
        ("src", Role::Addr(SourceIp)),
        ("srcaddr", Role::Addr(SourceIp)),
        ("clientaddress", Role::Addr(SourceIp)),
        ("remoteaddr", Role::Addr(SourceIp)),
        ("dst", Role::Addr(DestinationIp)),
        ("dstaddr", Role::Addr(DestinationIp)),
        ("serverip", Role::Addr(DestinationIp)),
        ("desthost", Role::Is(DestinationDomain)),
        ("dsthost", Role::Is(DestinationDomain)),
        ("destinationhost", Role::Is(DestinationDomain)),
        ("destinationdomain", Role::Is(DestinationDomain)),
        ("destination.domain", Role::Is(DestinationDomain)),
        ("srcbytes", Role::Is(SourceBytes)),
        ("bytessent", Role::Is(SourceBytes)),
        ("sentbytes", Role::Is(SourceBytes)),
        ("bytesout", Role::Is(SourceBytes)),
        ("requestsize", Role::Is(SourceBytes)),
        ("requestedsize", Role::Is(SourceBytes)),
        ("csbytes", Role::Is(SourceBytes)),
        ("source.bytes", Role::Is(SourceBytes)),
        ("client.bytes", Role::Is(SourceBytes)),
        // FortiGate, Cisco FTD, Juniper SRX, Zeek, and what many portals write.
        ("sentbyte", Role::Is(SourceBytes)),
        ("initiatorbytes", Role::Is(SourceBytes)),
        ("bytesfromclient", Role::Is(SourceBytes)),
        ("origbytes", Role::Is(SourceBytes)),
        ("uploadbytes", Role::Is(SourceBytes)),
        ("bytesuploaded", Role::Is(SourceBytes)),
        ("dstbytes", Role::Is(DestinationBytes)),
        ("bytesreceived", Role::Is(DestinationBytes)),
        ("receivedbytes", Role::Is(DestinationBytes)),
        ("rcvdbytes", Role::Is(DestinationBytes)),
        ("bytesin", Role::Is(DestinationBytes)),
        ("responsesize", Role::Is(DestinationBytes)),
        ("scbytes", Role::Is(DestinationBytes)),
        ("destination.bytes", Role::Is(DestinationBytes)),
        ("server.bytes", Role::Is(DestinationBytes)),
        ("rcvdbyte", Role::Is(DestinationBytes)),
        ("recvbytes", Role::Is(DestinationBytes)),
        ("bytesrecv", Role::Is(DestinationBytes)),
        ("bytesrcvd", Role::Is(DestinationBytes)),
        ("responderbytes", Role::Is(DestinationBytes)),
        ("bytesfromserver", Role::Is(DestinationBytes)),
        ("respbytes", Role::Is(DestinationBytes)),
        ("downloadbytes", Role::Is(DestinationBytes)),
        ("bytesdownloaded", Role::Is(DestinationBytes)),
        ("destination.port", Role::Is(DestinationPort)),
        ("httpmethod", Role::Is(HttpMethod)),
        ("requestmethod", Role::Is(HttpMethod)),
        ("csmethod", Role::Is(HttpMethod)),
        ("http.request.method", Role::Is(HttpMethod)),
        ("http.response.statuscode", Role::Is(HttpStatus)),
        ("scstatus", Role::Is(HttpStatus)),
        ("csuri", Role::Url),
        ("url.full", Role::Url),
        ("url.original", Role::Url),
        ("csusername", Role::User),
        ("user.name", Role::User),
        ("cs(useragent)", Role::Is(UserAgent)),
        ("csuseragent", Role::Is(UserAgent)),
        ("useragent.original", Role::Is(UserAgent)),
        ("srcip", Role::Addr(SourceIp)),
        ("sourceip", Role::Addr(SourceIp)),
        ("source.ip", Role::Addr(SourceIp)),
        ("clientip", Role::Addr(SourceIp)),
        ("internalip", Role::Addr(SourceIp)),
        ("internalclientip", Role::Addr(SourceIp)),
        ("cip", Role::Addr(SourceIp)),
        ("ipaddress", Role::Addr(SourceIp)),
        ("sourceaddress", Role::Addr(SourceIp)),
        ("sa", Role::Addr(SourceIp)),
        ("source.nat.ip", Role::Is(Canon::NatIp)),
        ("natsourceip", Role::Is(Canon::NatIp)),
        ("transip", Role::Is(Canon::NatIp)),
        ("srcport", Role::Is(SourcePort)),
        ("sourceport", Role::Is(SourcePort)),
        ("sp", Role::Is(SourcePort)),
        ("dstip", Role::Addr(DestinationIp)),
        ("destip", Role::Addr(DestinationIp)),
        ("destinationip", Role::Addr(DestinationIp)),
        ("destination.ip", Role::Addr(DestinationIp)),
        ("destinationaddress", Role::Addr(DestinationIp)),
        ("da", Role::Addr(DestinationIp)),
        ("dstport", Role::Is(DestinationPort)),
        ("destport", Role::Is(DestinationPort)),
        ("destinationport", Role::Is(DestinationPort)),
        ("dp", Role::Is(DestinationPort)),
        ("pr", Role::Is(NetworkTransport)),
        ("proto", Role::Is(NetworkTransport)),
        ("protocol", Role::Is(NetworkTransport)),
        ("application", Role::Is(NetworkProtocol)),
        ("ibyt", Role::Is(SourceBytes)),
        ("obyt", Role::Is(DestinationBytes)),
        ("sourcebytes", Role::Is(SourceBytes)),
        ("destinationbytes", Role::Is(DestinationBytes)),
        ("destinationhostname", Role::Is(DestinationDomain)),
        ("requesterupn", Role::User),
        ("authenticationhash", Role::Key),
        ("userid", Role::User),
        ("userids", Role::User),
        ("user", Role::User),
        ("username", Role::User),
        ("userprincipalname", Role::User),
        ("account", Role::User),
        ("computer", Role::Is(HostName)),
        ("hostname", Role::Is(HostName)),
        ("computername", Role::Is(HostName)),
        ("operation", Role::Is(EventAction)),
        ("operations", Role::Is(EventAction)),
        ("action", Role::Action),
        ("result", Role::Outcome),
        ("resultstatus", Role::Outcome),
        ("status", Role::Outcome),
        ("eventid", Role::Is(EventCode)),
        ("provider", Role::Is(EventProvider)),
        ("url", Role::Url),
        ("method", Role::Is(HttpMethod)),
        ("statuscode", Role::Is(HttpStatus)),
        ("useragent", Role::Is(UserAgent)),
        ("query", Role::Is(DnsQuestion)),
        ("qname", Role::Is(DnsQuestion)),
        ("filename", Role::Is(FileName)),
        ("md5", Role::Is(FileHash)),
        ("sha1", Role::Is(FileHash)),
        ("sha256", Role::Is(FileHash)),
        ("commandline", Role::Is(ProcessCommandLine)),
        ("newprocessname", Role::Is(ProcessExecutable)),
        ("image", Role::Is(ProcessExecutable)),
        ("parentprocessname", Role::Is(ParentExecutable)),
        ("message", Role::Is(Message)),
    ]
};

impl Format for Table {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn describe(&self) -> &'static str {
        "delimited tables with a header row (comma, semicolon, tab, bar)"
    }

    fn fields(&self) -> Vec<Canon> {
        ROLES.canons()
    }

    fn recognise(&self, sample: &Sample<'_>) -> Option<Fit> {
        let layout = Layout { format: "csv", ..header(sample)? };
        let fit = sample.fit_records(&rows(sample), self, layout, 10)?;
        // The portal's export of the audit log: the record is the JSON in one of its cells.
        let audit = fit.layout.columns.iter().any(|column| &**column == m365::COLUMN);
        Some(if audit { m365::of_table(fit) } else { windows::of_table(fit) })
    }

    fn parse<'b>(&self, layout: &Layout, record: &'b [u8], want: Want, out: &mut Fields<'b>) -> Result<Parsed, Reject> {
        read(record, &ROLES, &mut Sink::new(layout, want, out))?;
        Ok(Parsed::Event)
    }

    fn outline<'b>(&self, record: &'b [u8], means: Means<'_>, out: &mut Outline<'b>) -> bool {
        let Means { layout, columns, agents, shapes, .. } = means;
        let mut sketch = Sketch::new(layout, agents, out);
        let columns = columns.rows.as_deref();
        columns.and_then(|columns| rows::outline(record, columns, &mut shapes.stops, &mut sketch)).is_some()
    }

    fn rows(&self, layout: &Layout) -> Option<Rc<Columns>> {
        Some(columns(&ROLES, layout))
    }
}

/// The layout of a table, by its header; of no format yet. `None` where the sample is none.
pub fn header(sample: &Sample<'_>) -> Option<Layout> {
    let header = sample.lines.first()?;
    let counted = b",;\t|".map(|d| (memchr::memchr_iter(d, header).count(), d));
    let (count, delimiter) = counted.into_iter().max_by_key(|c| c.0)?;
    let mut columns: Vec<Arc<str>> = Vec::new();
    for cell in (Cells { rest: Some(header), delimiter }) {
        columns.push(String::from_utf8_lossy(cell.ok()?.plain().trim_ascii()).into());
    }
    if count == 0 || sample.lines.len() < 2 || !is_header(&columns, &sample.base) {
        return None;
    }
    let framing = Framing::Csv { delimiter };
    Some(Layout { framing, delimiter, columns, arrays: Vec::new(), ..sample.base.clone() })
}

/// Reads a row by the columns of its layout; `roles` are by names as in [`COMMON`].
///
/// # Errors
/// Where the row has other cells than its table has columns.
pub fn read<'b>(record: &'b [u8], roles: &Roles, sink: &mut Sink<'_, 'b>) -> Result<(), Reject> {
    let layout = sink.layout;
    let mut cells = Cells { rest: Some(record), delimiter: layout.delimiter };
    let (mut date, mut clock, mut zone, mut is_utc) = (None, None, None, false);
    for (name, column) in layout.columns.iter().zip(&columns(roles, layout).all) {
        let cell = cells.next().ok_or(Reject)??;
        if column.special.is_none() && !sink.asks(column.role) {
            continue;
        }
        let (mut value, before) = (cell.value(sink), sink.out.time);
        match column.special {
            Some(Special::Date) => date = Some(value),
            Some(Special::Clock) => clock = Some(value),
            Some(Special::Zone) => zone = Some(value),
            Some(Special::Record) => {
                let text = sink.out.bytes(value).to_vec();
                let _ = jsonwalk::flatten_copy(&text, &m365::ROLES, None, sink);
            }
            Some(Special::LogId) => value = whole_id(value, sink),
            None => {}
        }
        let kind = match sink.out.bytes(value) {
            b"" => Kind::Null,
            v if v.iter().all(u8::is_ascii_digit) => Kind::Number,
            _ => Kind::Str,
        };
        sink.column(name, column.role, value, kind);
        is_utc |= column.is_utc && matches!(column.special, Some(Special::Date | Special::Clock));
        if column.is_utc && sink.out.time != before {
            sink.out.time = sink.out.time.map(|stamp| time::at_offset(stamp, 0, layout));
        }
    }
    if cells.next().is_some() || layout.columns.is_empty() {
        return Err(Reject);
    }
    if let (false, Some(date), Some(clock)) = (sink.timed(), date, clock) {
        let zone = zone.and_then(|zone| time::offset(sink.out.bytes(zone))).or(is_utc.then_some(0));
        let stamp = time::date_and_time(sink.out.bytes(date), sink.out.bytes(clock), zone, layout);
        sink.time(IN_COLUMNS, stamp);
    }
    sink.name_by_key();
    Ok(())
}

/// Digits of FortiGate's number of what a record tells. SOURCE: FortiOS log message reference, log ID definitions.
const LOG_ID_DIGITS: usize = 10;

/// A number of FortiGate's with all its digits.
fn whole_id<'b>(id: Text<'b>, sink: &mut Sink<'_, 'b>) -> Text<'b> {
    let digits = sink.out.bytes(id);
    if digits.is_empty() || digits.len() >= LOG_ID_DIGITS || !digits.iter().all(u8::is_ascii_digit) {
        return id;
    }
    let missing = LOG_ID_DIGITS - digits.len();
    let from = sink.out.arena_len();
    sink.out.arena_mut().extend_from_slice(&[b'0'; LOG_ID_DIGITS][..missing]);
    sink.out.store_again(id);
    sink.out.stored_since(from)
}

/// The rows behind the header: lines, joined while a quote is open. A quote that the sample does not close is not one.
pub fn rows<'a>(sample: &Sample<'a>) -> Vec<&'a [u8]> {
    let offset = |line: &[u8]| line.as_ptr() as usize - sample.text.as_ptr() as usize;
    let mut rows = Vec::new();
    let mut open: Option<usize> = None;
    for line in &sample.lines[1..] {
        let odd = memchr::memchr_iter(b'"', line).count() % 2 == 1;
        match open {
            Some(start) if odd => {
                rows.push(&sample.text[start..offset(line) + line.len()]);
                open = None;
            }
            Some(_) => {}
            None if odd => open = Some(offset(line)),
            None => rows.push(*line),
        }
    }
    rows
}

/// Whether a cell cannot be the name of a column: an address, a number, a time, a mail address.
fn is_value(cell: &str, layout: &Layout) -> bool {
    let bytes = cell.as_bytes();
    let number = !bytes.is_empty() && bytes.iter().all(|b| b.is_ascii_digit() || b"+-.,".contains(b));
    let mail = cell.split_once('@').is_some_and(|(who, at)| !who.is_empty() && at.contains('.') && !cell.contains(' '));
    number || mail || address(bytes).is_some() || time::any(bytes, layout).is_some()
}

/// Names, not values: letters first, none twice, at least two.
fn is_header(columns: &[Arc<str>], layout: &Layout) -> bool {
    if columns.iter().any(|cell| is_value(cell, layout)) {
        return false;
    }
    let name = |c: &str| {
        c.len() <= 64
            && c.starts_with(|l: char| l.is_alphabetic() || l == '_' || l == '@' || l == '#')
            && c.chars().all(|l| l.is_alphanumeric() || " _-.@#()[]/{}:%'".contains(l))
            && c.matches(' ').count() <= 4
    };
    let named = columns.iter().filter(|c| name(c)).count();
    let mut sorted: Vec<_> = columns.iter().collect();
    sorted.sort();
    sorted.dedup();
    columns.len() >= 2 && named * 10 >= columns.len() * 9 && sorted.len() == columns.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_with_a_value_is_no_header() {
        let header = |row: &str| {
            let cells: Vec<Arc<str>> = row.split(',').map(Arc::from).collect();
            is_header(&cells, &Layout::plain())
        };
        for names in ["time,src_ip,action", "@timestamp,source.ip,user@domain", "Date,c-ip,bytes (total)"] {
            assert!(header(names), "{names}");
        }
        // Twelve names and one value: more than nine of ten are names.
        let names = "a,b,c,d,e,f,g,h,i,j,k,l";
        for value in ["192.0.2.1", "2001:db8::1", "512", "2026-03-28 10:00:00", "x@rv.example", "Mar 28 2026 10:00:00"]
        {
            assert!(!header(&format!("{names},{value}")), "{value}");
        }
    }
}

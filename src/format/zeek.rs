//! Zeek logs: tab-separated with a `#fields` header, and JSON.
//!
//! ```text
//! #fields ts      uid     id.orig_h       id.orig_p       id.resp_h       id.resp_p       proto   orig_bytes      resp_bytes
//! 1774739404.5    CAbc    192.0.2.10      51234   203.0.113.9     443     tcp     512     40960
//! ```
//! Source: <https://docs.zeek.org/en/master/log-formats.html>, <https://docs.zeek.org/en/master/logs/index.html>.
//!
//! Traps: a file may hold several headers; unset is `-`, empty is `(empty)`; JSON writers may write `id_orig_h`;
//! `orig_bytes` is payload of the opener; JSON does not say of which log it is unless a package adds `_path`, so that its
//! names must tell. Of a side of which no packet was seen (`history`), the count of bytes is 0 and was not measured. Where the
//! sensor lost some packets (`missed_bytes`), what it counted stands. Counts follow from sequence numbers, so that one packet with a
//! number of no connection (a reset, mostly) makes gigabytes of it: what the packets have (`orig_ip_bytes`) is the bound then.

use std::sync::{Arc, LazyLock};

use super::jsonlines::Dialect;
use super::roles::{Role, Roles, Table};
use super::sink::Sink;
use super::sketch::{Part, Sketch};
use super::written::Marks;
use super::{Fit, Format, Means, Sample};
use crate::model::fields::{Canon, Fields, Kind, Parsed, Reject, Text, Want};
use crate::model::lasted::{Side, Unit};
use crate::model::layout::{Framing, Layout};
use crate::model::outline::Outline;

/// Zeek logs as JSON.
pub static JSON: Dialect = Dialect {
    name: "zeek_json",
    describe: "Zeek logs as JSON lines",
    roles: &ROLES,
    rename: None,
    finish: Some(finish),
    marks: Marks::new(&[
        &["ts", "uid", "id.orig_h"],
        &["id.orig_h", "id.resp_h"],
        &["id_orig_h", "id_resp_h"],
        &["_path", "ts"],
        &["@stream", "ts"],
    ]),
    rank: 78,
    utc: false,
    outlined: true,
    listed: false,
    other: None,
    columns: &super::csv::ROLES,
    hides: None,
};

/// Zeek logs as tab-separated values.
pub struct Tsv;

static ROLES: Table = LazyLock::new(|| {
    use Canon::{
        DestinationBytes, DestinationDomain, DestinationIp, DestinationPort, DnsAnswer, DnsQuestion, DnsType,
        EmailFrom, EmailTo, EventDataset, FileHash, FileName, FilePath, HttpMethod, HttpReferrer, HttpStatus,
        NetworkProtocol, NetworkTransport, RuleName, SourceBytes, SourceIp, SourcePort, UrlDomain, UserAgent,
    };
    Roles::new(&[&[
        ("ts", Role::Time(0)),
        ("@timestamp", Role::Time(1)),
        ("id.orig_h", Role::Is(SourceIp)),
        ("id_orig_h", Role::Is(SourceIp)),
        ("id.orig_p", Role::Is(SourcePort)),
        ("id_orig_p", Role::Is(SourcePort)),
        ("id.resp_h", Role::Is(DestinationIp)),
        ("id_resp_h", Role::Is(DestinationIp)),
        ("id.resp_p", Role::Is(DestinationPort)),
        ("id_resp_p", Role::Is(DestinationPort)),
        ("assigned_addr", Role::Is(Canon::AssignedIp)),
        ("assigned_ip", Role::Is(Canon::AssignedIp)),
        ("host_name", Role::Is(Canon::SourceDomain)),
        ("mac", Role::Is(Canon::SourceMac)),
        ("lease_time", Role::Kind("dhcp")),
        ("proto", Role::Is(NetworkTransport)),
        ("service", Role::Is(NetworkProtocol)),
        ("duration", Role::Took(Unit::Seconds, Side::Behind)),
        ("orig_bytes", Role::Is(SourceBytes)),
        ("resp_bytes", Role::Is(DestinationBytes)),
        ("request_body_len", Role::Is(SourceBytes)),
        ("response_body_len", Role::Is(DestinationBytes)),
        ("query", Role::Is(DnsQuestion)),
        ("qtype_name", Role::Is(DnsType)),
        ("answers", Role::Is(DnsAnswer)),
        ("method", Role::Is(HttpMethod)),
        ("host", Role::Is(UrlDomain)),
        ("uri", Role::Url),
        ("referrer", Role::Is(HttpReferrer)),
        ("user_agent", Role::Is(UserAgent)),
        ("status_code", Role::Is(HttpStatus)),
        ("username", Role::User),
        ("user", Role::User),
        ("server_name", Role::Is(DestinationDomain)),
        ("mailfrom", Role::Is(EmailFrom)),
        ("rcptto", Role::Is(EmailTo)),
        ("filename", Role::Is(FileName)),
        ("name", Role::Is(FilePath)),
        ("md5", Role::Is(FileHash)),
        ("sha1", Role::Is(FileHash)),
        ("sha256", Role::Is(FileHash)),
        ("auth_success", Role::Outcome),
        ("note", Role::Is(RuleName)),
        ("conn_state", Role::Kind("conn")),
        ("history", Role::History),
        ("orig_ip_bytes", Role::Packets(SourceBytes)),
        ("resp_ip_bytes", Role::Packets(DestinationBytes)),
        ("missed_bytes", Role::Missed),
        ("trans_depth", Role::Kind("http")),
        ("helo", Role::Kind("smtp")),
        ("last_reply", Role::Kind("smtp")),
        ("reply_code", Role::Kind("ftp")),
        ("_path", Role::Is(EventDataset)),
        ("@stream", Role::Is(EventDataset)),
    ]])
});

/// Says of which log a JSON record is, where no field does, and takes back counts of what was not seen.
fn finish(sink: &mut Sink<'_, '_>) {
    sink.forget_unseen();
    sink.bound_by_packets();
    let has = |canon| sink.out.get(canon).is_some();
    let kind = match sink.kind {
        _ if has(Canon::EventDataset) => return,
        Some(kind) => kind,
        None if has(Canon::HttpMethod) => "http",
        None if has(Canon::DnsQuestion) => "dns",
        None if has(Canon::SourceBytes) || has(Canon::DestinationBytes) => "conn",
        None => return,
    };
    sink.canon_slice(Canon::EventDataset, kind.as_bytes());
}

impl Format for Tsv {
    fn name(&self) -> &'static str {
        "zeek"
    }

    fn describe(&self) -> &'static str {
        "Zeek logs as tab-separated values with a #fields header"
    }

    fn fields(&self) -> Vec<Canon> {
        ROLES.canons()
    }

    fn recognise(&self, sample: &Sample<'_>) -> Option<Fit> {
        let mut layout = Layout { framing: Framing::Directives, ..sample.layout("zeek") };
        let mut start = None;
        let (mut read, mut of) = (0, 0);
        for line in &sample.lines {
            if line.starts_with(b"#") {
                layout = self.relayout(&layout, line).unwrap_or(layout);
                continue;
            }
            start.get_or_insert_with(|| layout.clone());
            of += 1;
            read += usize::from(self.parse(&layout, line, Want::All, &mut Fields::default()).is_ok());
        }
        let start = start.unwrap_or(layout);
        // Zeek alone says so of its separator; its header may have lost that line.
        let is_said = sample.lines.iter().any(|line| line.starts_with(b"#separator "));
        let known = is_said || start.columns.iter().any(|c| ROLES.get(c.as_bytes()).is_some());
        if start.columns.len() < 2 || !known {
            return None;
        }
        // A log that is a header only is one all the same.
        Some(Fit { read: read.max(usize::from(of == 0)), of: of.max(1), rank: 90, layout: start })
    }

    fn parse<'b>(&self, layout: &Layout, record: &'b [u8], want: Want, out: &mut Fields<'b>) -> Result<Parsed, Reject> {
        let mut sink = Sink::new(layout, want, out);
        let mut cells = record.split(|&b| b == layout.delimiter);
        for name in &layout.columns {
            let cell = cells.next().ok_or(Reject)?;
            let role = ROLES.get(name.as_bytes());
            if !sink.asks(role) {
                continue;
            }
            let kind = match cell {
                b"-" | b"(empty)" | b"" => Kind::Null,
                _ if cell == layout.unset.as_bytes() => Kind::Null,
                _ if is_number(cell) => Kind::Number,
                b"T" | b"F" => Kind::Bool,
                _ => Kind::Str,
            };
            sink.column(name, role, Text::Slice(cell), kind);
        }
        if cells.next().is_some() || layout.columns.is_empty() {
            return Err(Reject);
        }
        if let Some(path) = &layout.dataset {
            let value = sink.out.store(path.as_bytes());
            sink.text(Text::Slice(b"_path"), Some(Role::Is(Canon::EventDataset)), value, Kind::Str);
        }
        sink.forget_unseen();
        sink.bound_by_packets();
        Ok(Parsed::Event)
    }

    fn parts(&self, layout: &Layout) -> Vec<Part> {
        layout.columns.iter().map(|name| Part::of(ROLES.get(name.as_bytes()))).collect()
    }

    fn outline<'b>(&self, record: &'b [u8], means: Means<'_>, out: &mut Outline<'b>) -> bool {
        let Means { layout, columns, agents, shapes, .. } = means;
        let cells = shapes.stops.cells(layout.delimiter, record).filter(|cells| cells.count() == columns.parts.len());
        let Some(cells) = cells else { return false };
        let mut sketch = Sketch::new(layout, agents, out);
        sketch.out.part(&columns.digest);
        let read = columns.asked.iter().try_for_each(|(at, part)| sketch.cell(*part, cells.get(*at)?));
        read.and_then(|()| sketch.finish()).is_some()
    }

    fn relayout(&self, layout: &Layout, directive: &[u8]) -> Option<Layout> {
        let mut parts = directive.split(|&b| b == b'\t' || b == b' ');
        let name = parts.next()?;
        let text = |b: &[u8]| -> Arc<str> { String::from_utf8_lossy(b).into() };
        match name {
            b"#fields" => {
                let delimiter = *directive.get(name.len())?;
                let columns: Vec<Arc<str>> = directive[name.len() + 1..].split(|&b| b == delimiter).map(text).collect();
                let changed = columns != layout.columns || delimiter != layout.delimiter;
                changed.then(|| Layout { columns, delimiter, ..layout.clone() })
            }
            b"#path" => {
                let dataset = Some(text(parts.next()?));
                (dataset != layout.dataset).then(|| Layout { dataset, ..layout.clone() })
            }
            _ => None,
        }
    }
}

/// Digits with at most one point.
fn is_number(cell: &[u8]) -> bool {
    let points = cell.iter().filter(|b| **b == b'.').count();
    points <= 1 && cell.iter().all(|b| b.is_ascii_digit() || *b == b'.')
}

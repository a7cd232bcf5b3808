//! W3C extended logs: IIS, Exchange front ends, Blue Coat and any other with a `#Fields` line; the Windows firewall too.
//!
//! ```text
//! #Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) sc-status sc-bytes cs-bytes
//! 2026-03-28 23:10:04 203.0.113.5 GET /a b=1 443 - 192.0.2.10 curl/8.0 200 512 80
//! ```
//! Source: <https://www.w3.org/TR/WD-logfile.html>, <https://learn.microsoft.com/windows/win32/http/w3c-logging>.
//!
//! A proxy is told from a web server by columns that only a proxy has ([`is_proxy_column`]) or by its `#Software`. Its
//! records are of the dataset `proxy`; where it logs the parts of a URL only, `url.full` is made of them. Those of IIS' FTP service
//! (`MSFTPSVC`, `FTPSVC`), whose methods are commands of FTP, are of the dataset `ftp`.
//!
//! Traps: IIS repeats and changes `#Fields` in mid-file; times are UTC by specification, but local in the Windows
//! firewall's log; records may have a time only, with the date in `#Date`; IIS writes `+` for blanks in user agents; Blue Coat quotes.

use std::sync::{Arc, LazyLock};

use super::roles::{Role, Roles, Table};
use super::sink::Sink;
use super::sketch::{Part, Sketch};
use super::stops::Cells;
use super::{Fit, Format, Means, Sample, near, proxied, time};
use crate::model::fields::{Canon, Fields, Kind, Parsed, Reject, Text, Want};
use crate::model::ftp::Command;
use crate::model::lasted::{Side, Unit};
use crate::model::layout::{Framing, Layout, is_proxy_column};
use crate::model::outline::Outline;
use crate::model::time::Stamp;

/// W3C extended log format.
pub struct Extended;

static ROLES: Table = LazyLock::new(|| {
    use Canon::{
        DestinationBytes, DestinationDomain, DestinationIp, DestinationPort, FileHash, FileName, HostName, HttpMethod,
        HttpReferrer, HttpStatus, NetworkProtocol, NetworkTransport, SourceBytes, SourceIp, SourcePort, UrlDomain,
        UrlPath, UrlQuery, UserAgent,
    };
    Roles::new(&[&[
        ("c-ip", Role::Addr(SourceIp)),
        ("x-forwarded-for", Role::Addr(SourceIp)),
        ("c-port", Role::Is(SourcePort)),
        ("s-ip", Role::Addr(DestinationIp)),
        ("r-ip", Role::Addr(DestinationIp)),
        ("r-host", Role::Is(DestinationDomain)),
        ("r-dns", Role::Is(DestinationDomain)),
        ("r-supplier-ip", Role::Addr(DestinationIp)),
        ("s-supplier-ip", Role::Addr(DestinationIp)),
        ("s-supplier-name", Role::Addr(DestinationIp)),
        ("s-port", Role::Is(DestinationPort)),
        ("cs-uri-port", Role::Is(DestinationPort)),
        ("s-computername", Role::Is(HostName)),
        ("cs-username", Role::User),
        ("cs-method", Role::Is(HttpMethod)),
        ("cs-uri-stem", Role::Is(UrlPath)),
        ("cs-uri-path", Role::Is(UrlPath)),
        ("cs-uri-query", Role::Is(UrlQuery)),
        ("cs-uri", Role::Url),
        ("c-uri", Role::Url),
        ("cs-host", Role::Is(UrlDomain)),
        ("cs-version", Role::Is(NetworkProtocol)),
        ("cs(Host)", Role::Is(UrlDomain)),
        ("cs(User-Agent)", Role::Is(UserAgent)),
        ("cs(Referer)", Role::Is(HttpReferrer)),
        ("sc-status", Role::Is(HttpStatus)),
        ("sc-bytes", Role::Is(DestinationBytes)),
        ("cs-bytes", Role::Is(SourceBytes)),
        ("time-taken", Role::Took(Unit::Millis, Side::Before)),
        ("s-action", Role::Action),
        ("sc-filter-result", Role::Action),
        ("action", Role::Action),
        ("protocol", Role::Is(NetworkTransport)),
        ("src-ip", Role::Addr(SourceIp)),
        ("dst-ip", Role::Addr(DestinationIp)),
        ("src-port", Role::Is(SourcePort)),
        ("dst-port", Role::Is(DestinationPort)),
        ("x-filename", Role::Is(FileName)),
        ("x-filehash", Role::Is(FileHash)),
    ]])
});

/// The names that rules use for headers.
fn alias(name: &str) -> Option<&'static str> {
    Some(match name {
        "cs(User-Agent)" => "cs-user-agent",
        "cs(Referer)" => "cs-referer",
        "cs(Host)" => "cs-host",
        "cs(Cookie)" => "cs-cookie",
        _ => return None,
    })
}

impl Format for Extended {
    fn name(&self) -> &'static str {
        "w3c"
    }

    fn describe(&self) -> &'static str {
        "W3C extended log by its #Fields line: IIS, proxies, Windows firewall"
    }

    fn fields(&self) -> Vec<Canon> {
        let mut out = ROLES.canons();
        out.push(Canon::EventDataset);
        out.sort();
        out
    }

    fn recognise(&self, sample: &Sample<'_>) -> Option<Fit> {
        let mut layout = Layout { framing: Framing::Directives, delimiter: b' ', ..sample.layout("w3c") };
        let (mut read, mut of) = (0, 0);
        for line in &sample.lines {
            if line.starts_with(b"#") {
                layout = self.relayout(&layout, line).unwrap_or(layout);
                continue;
            }
            let mut out = Fields::default();
            of += 1;
            read += usize::from(self.parse(&layout, line, Want::All, &mut out).is_ok());
        }
        // Exchange separates the columns of its logs by commas.
        if layout.columns.is_empty() || layout.columns.iter().any(|column| column.contains(',')) {
            return None;
        }
        // The layout at the first byte: directives are read again from there.
        let start = Layout { columns: Vec::new(), forwards: false, date: None, dataset: None, ..layout };
        Some(Fit { read: read.max(usize::from(of == 0)), of: of.max(1), rank: 90, layout: start })
    }

    fn parse<'b>(&self, layout: &Layout, record: &'b [u8], want: Want, out: &mut Fields<'b>) -> Result<Parsed, Reject> {
        let mut sink = Sink::new(layout, want, out);
        let mut rest = record;
        let mut parts = Parts::default();
        let delimiter = delimiter(record, layout);
        for name in &layout.columns {
            let (cell, after) = cell(rest, delimiter).ok_or(Reject)?;
            rest = after;
            parts.take(name, cell);
            column(name, cell, &mut sink);
        }
        if layout.columns.is_empty() || !rest.trim_ascii().is_empty() {
            return Err(Reject);
        }
        if layout.forwards {
            forwarded(&parts, &mut sink);
        } else if parts.method.is_some_and(|method| is_of_ftp(method, parts.status, layout)) {
            sink.canon_slice(Canon::EventDataset, b"ftp");
        }
        if let Some((peer, list)) = parts.peer.zip(parts.clients).filter(|_| !layout.forwards)
            && let Some(client) = proxied::client(peer, list)
        {
            sink.out.precede(Canon::SourceIp);
            sink.canon_slice(Canon::SourceIp, client);
        }
        sink.time(0, stamp(parts.date, parts.clock, layout));
        if let Some(class) = parts.status.and_then(|s| s.first()).filter(|c| c.is_ascii_digit()) {
            sink.outcome(*class < b'4');
        }
        if let (true, Some(stem)) = (sink.all, parts.stem) {
            // Rules for web servers look for paths in `cs-uri-query`: the whole target is its second value.
            let from = sink.out.arena_len();
            sink.out.arena_mut().extend_from_slice(stem);
            if let Some(query) = parts.query {
                sink.out.arena_mut().push(b'?');
                sink.out.arena_mut().extend_from_slice(query);
            }
            let target = sink.out.stored_since(from);
            sink.text(Text::Slice(b"cs-uri-query"), None, target, Kind::Str);
        }
        Ok(Parsed::Event)
    }

    fn parts(&self, layout: &Layout) -> Vec<Part> {
        layout.columns.iter().map(|name| part(name, layout)).collect()
    }

    fn outline<'b>(&self, record: &'b [u8], means: Means<'_>, out: &mut Outline<'b>) -> bool {
        outline(record, means, out).is_some()
    }

    fn relayout(&self, layout: &Layout, directive: &[u8]) -> Option<Layout> {
        let (name, value) = directive.split_at(memchr::memchr(b':', directive)? + 1);
        let value = value.trim_ascii();
        let text = |b: &[u8]| -> Arc<str> { String::from_utf8_lossy(b).into() };
        if name.eq_ignore_ascii_case(b"#fields:") {
            let delimiter = if memchr::memchr(b'\t', value).is_some() { b'\t' } else { b' ' };
            let names = value.split(|&b| b == delimiter).filter(|n| !n.is_empty());
            let columns: Vec<Arc<str>> = names.map(text).collect();
            let changed = columns != layout.columns || delimiter != layout.delimiter;
            let forwards = forwards(&columns, layout.dataset.as_deref());
            return changed.then(|| Layout { columns, delimiter, forwards, ..layout.clone() });
        }
        if name.eq_ignore_ascii_case(b"#date:") {
            let date = Some(text(value.split(|&b| b == b' ').next()?));
            return (date != layout.date).then(|| Layout { date, ..layout.clone() });
        }
        if name.eq_ignore_ascii_case(b"#software:") {
            let dataset = Some(text(value));
            let forwards = forwards(&layout.columns, dataset.as_deref());
            return (dataset != layout.dataset).then(|| Layout { dataset, forwards, ..layout.clone() });
        }
        None
    }
}

/// When a record was written: in UTC, but for the firewall of Windows.
fn stamp(date: Option<&[u8]>, clock: Option<&[u8]>, layout: &Layout) -> Option<Stamp> {
    let local = layout.dataset.as_deref().is_some_and(is_of_windows_firewall);
    let day = date.or(layout.date.as_ref().map(|d| d.as_bytes()))?;
    time::date_and_time(day, clock?, if local { None } else { Some(0) }, layout)
}

/// Whether this is the firewall of Windows, by `#Software`.
fn is_of_windows_firewall(software: &str) -> bool {
    software.strip_prefix("Microsoft ").unwrap_or(software).starts_with("Windows Firewall")
}

/// Whether a column says for whom a proxy or balancer asked.
fn is_forwarded(name: &str) -> bool {
    matches!(name, "x-forwarded-for" | "X-Forwarded-For" | "cs(X-Forwarded-For)")
}

/// What a column is to an outline. Of some a proxy's other side and URL are made.
fn part(name: &str, layout: &Layout) -> Part {
    match name {
        _ if is_forwarded(name) => Part::Word,
        "date" => Part::Date,
        "time" => Part::Clock,
        "cs-uri-scheme" | "cs-host" | "cs-uri-port" | "s-supplier-name" | "r-ip" | "s-supplier-ip"
            if layout.forwards =>
        {
            Part::Word
        }
        _ => Part::of(role(name, layout)),
    }
}

/// The outline of a record; `None` where it is to be parsed.
fn outline<'b>(record: &'b [u8], means: Means<'_>, out: &mut Outline<'b>) -> Option<()> {
    let Means { layout, columns, agents, shapes, .. } = means;
    let mut sketch = Sketch::new(layout, agents, out);
    sketch.out.part(&columns.digest);
    let (mut date, mut clock) = (None, None);
    let mut take = |part: Part, cell: &'b [u8]| {
        match part {
            Part::Date => date = Some(cell),
            Part::Clock => clock = Some(cell),
            part => sketch.cell(part, cell)?,
        }
        Some(())
    };
    let delimiter = delimiter(record, layout);
    let usual = shapes.stops.plain_cells(delimiter, [b'"', b'"'], record);
    // A parse has no last cell that is empty, and of blanks one that is empty nowhere.
    let is_padded = |cells: &Cells<'_, '_>| match delimiter {
        b' ' => cells.has_empty(),
        _ => cells.get(cells.count() - 1).is_none_or(<[u8]>::is_empty),
    };
    match usual.filter(|cells| cells.count() == columns.parts.len() && !is_padded(cells)) {
        Some(cells) => columns.asked.iter().try_for_each(|(at, part)| take(*part, cells.get(*at)?))?,
        None => {
            let mut rest = record;
            for part in &columns.parts {
                let (cell, after) = cell(rest, delimiter)?;
                rest = after;
                take(*part, cell)?;
            }
            if columns.parts.is_empty() || !rest.trim_ascii().is_empty() {
                return None;
            }
        }
    }
    sketch.time(0, stamp(date, clock, layout));
    Some(())
}

/// What separates the cells of a record. CloudFront writes names with blanks between them, and values with tabs.
fn delimiter(record: &[u8], layout: &Layout) -> u8 {
    let has_tabs = layout.delimiter == b' ' && memchr::memchr(b'\t', record).is_some();
    let tabs = || memchr::memchr_iter(b'\t', record).count();
    if has_tabs && tabs() + 1 == layout.columns.len() { b'\t' } else { layout.delimiter }
}

/// Whether a proxy wrote records of these columns.
fn forwards(columns: &[Arc<str>], software: Option<&str>) -> bool {
    let proxy = |software: &str| PROXY_SOFTWARE.iter().any(|name| software.contains(name));
    columns.iter().any(|name| is_proxy_column(name)) || (!columns.is_empty() && software.is_some_and(proxy))
}

/// Whether a method is a command in a log of an FTP service, which IIS writes as that of its web service. One with a column of what
/// browsers send is a web server's, whatever methods somebody made up, and so is a file that was given as only HTTP answers.
fn is_of_ftp(method: &[u8], status: Option<&[u8]>, layout: &Layout) -> bool {
    if matches!(method, b"GET" | b"POST" | b"HEAD") {
        return false;
    }
    let is_http = match Command::of(method) {
        Some(Command::Moves) => matches!(status, Some(b"200" | b"206")),
        Some(Command::Other) => status == Some(b"206"),
        None => return false,
    };
    !is_http && !layout.columns.iter().any(|name| OF_BROWSERS.contains(&&**name))
}

/// Columns that logs of web servers have, and those of FTP services have not.
const OF_BROWSERS: &[&str] = &["cs(User-Agent)", "cs(Referer)", "cs(Cookie)", "cs-uri-query"];

/// What `#Software` says of proxies.
const PROXY_SOFTWARE: &[&str] = &["SGOS", "Blue Coat", "Bluecoat", "Forefront TMG", "ISA Server"];

/// The cells of a record that mean something together.
#[derive(Default)]
struct Parts<'b> {
    date: Option<&'b [u8]>,
    clock: Option<&'b [u8]>,
    scheme: Option<&'b [u8]>,
    host: Option<&'b [u8]>,
    port: Option<&'b [u8]>,
    /// The path, where it is named as that of the request.
    stem: Option<&'b [u8]>,
    path: Option<&'b [u8]>,
    /// Without the `?` that Blue Coat writes before it.
    query: Option<&'b [u8]>,
    status: Option<&'b [u8]>,
    method: Option<&'b [u8]>,
    /// The server behind the proxy.
    server: Option<&'b [u8]>,
    /// Who asked, and for whom.
    peer: Option<&'b [u8]>,
    clients: Option<&'b [u8]>,
}

impl<'b> Parts<'b> {
    fn take(&mut self, name: &str, cell: &'b [u8]) {
        let known = Some(cell).filter(|c| *c != b"-" && !c.is_empty());
        match name {
            "date" => self.date = Some(cell),
            "time" => self.clock = Some(cell),
            "cs-uri-scheme" => self.scheme = known,
            "cs-host" => self.host = known,
            "cs-uri-port" => self.port = known,
            "cs-uri-stem" => (self.stem, self.path) = (Some(cell), known),
            "cs-uri-path" => self.path = known,
            "cs-uri-query" => self.query = known.map(|query| query.strip_prefix(b"?").unwrap_or(query)),
            "sc-status" => self.status = Some(cell),
            "cs-method" => self.method = known,
            "c-ip" => self.peer = known,
            _ if is_forwarded(name) => self.clients = known,
            "s-supplier-name" | "r-ip" | "s-supplier-ip" if self.server.is_none() => self.server = known,
            _ => {}
        }
    }
}

/// What only a proxy's record says: that it is one, the other side, and the URL where it stands in parts.
fn forwarded<'b>(parts: &Parts<'b>, sink: &mut Sink<'_, 'b>) {
    sink.canon_slice(Canon::EventDataset, b"proxy");
    if let (Some(server), None) = (parts.server, sink.out.get(Canon::DestinationDomain)) {
        sink.canon_slice(Canon::DestinationDomain, server);
    }
    let (Some(scheme), Some(host), None) = (parts.scheme, parts.host, sink.out.get(Canon::UrlFull)) else { return };
    let from = sink.out.arena_len();
    let url = sink.out.arena_mut();
    url.extend_from_slice(scheme);
    url.extend_from_slice(b"://");
    url.extend_from_slice(host);
    let usual =
        matches!((scheme, parts.port), (b"http", Some(b"80")) | (b"https", Some(b"443")) | (b"ftp", Some(b"21")));
    for (mark, part) in [(b':', parts.port.filter(|_| !usual)), (b'/', parts.path), (b'?', parts.query)] {
        let Some(part) = part else { continue };
        if mark != b'/' || part[0] != b'/' {
            url.push(mark);
        }
        url.extend_from_slice(part);
    }
    let url = sink.out.stored_since(from);
    sink.canon(Canon::UrlFull, url);
}

/// What a column means where a proxy wrote it: `s-ip` and (beside the port of the URL) `s-port` are its own, and the host
/// that was asked for is the other side.
fn proxy_role(name: &str, layout: &Layout) -> Option<Role> {
    match name {
        "s-ip" => None,
        "s-port" if layout.columns.iter().any(|c| &**c == "cs-uri-port") => None,
        "cs-host" => Some(Role::Is(Canon::DestinationDomain)),
        _ => ROLES.get(name.as_bytes()),
    }
}

fn role(name: &str, layout: &Layout) -> Option<Role> {
    if layout.forwards { proxy_role(name, layout) } else { ROLES.get(name.as_bytes()) }
}

fn column<'b>(name: &Arc<str>, cell: &'b [u8], sink: &mut Sink<'_, 'b>) {
    let kind = match cell {
        b"-" | b"" => Kind::Null,
        _ if cell.iter().all(u8::is_ascii_digit) => Kind::Number,
        _ => Kind::Str,
    };
    if let (true, "cs-uri-query", Some(query)) = (sink.all, &**name, cell.strip_prefix(b"?")) {
        sink.column(name, None, Text::Slice(cell), kind);
        return sink.canon_slice(Canon::UrlQuery, query);
    }
    let role = role(name, sink.layout);
    let Some(alias) = alias(name) else { return sink.column(name, role, Text::Slice(cell), kind) };
    // IIS writes `+` for a blank; a value with a blank was not written by it.
    let plus = memchr::memchr(b'+', cell).is_some() && memchr::memchr(b' ', cell).is_none();
    let shown = if plus && role.is_some() {
        let from = sink.out.arena_len();
        sink.out.arena_mut().extend(cell.iter().map(|&b| if b == b'+' { b' ' } else { b }));
        sink.out.stored_since(from)
    } else {
        Text::Slice(cell)
    };
    if sink.all {
        sink.column(name, None, Text::Slice(cell), kind);
    }
    sink.text(Text::Slice(alias.as_bytes()), role, shown, kind);
}

/// The next cell and what follows it. Quoted cells end at a quote before a delimiter.
fn cell(bytes: &[u8], delimiter: u8) -> Option<(&[u8], &[u8])> {
    // PERF: one cell hardly ever has more than one blank before it.
    let is_padded = delimiter == b' ' && bytes.first() == Some(&b' ');
    let skipped = if is_padded { bytes.iter().take_while(|&&b| b == b' ').count() } else { 0 };
    let bytes = &bytes[skipped..];
    if bytes.is_empty() {
        return None;
    }
    if let Some(inner) = bytes.strip_prefix(b"\"") {
        let closes = memchr::memchr_iter(b'"', inner).find(|&n| inner.get(n + 1).is_none_or(|&b| b == delimiter));
        if let Some(end) = closes {
            return Some((&inner[..end], inner.get(end + 2..).unwrap_or_default()));
        }
    }
    let end = near::one(delimiter, bytes).unwrap_or(bytes.len());
    Some((&bytes[..end], bytes.get(end + 1..).unwrap_or_default()))
}

//! Queries as name servers log them: BIND's own query log, and what BIND, dnsmasq, Unbound and doh-server write to syslog.
//!
//! ```text
//! 28-Mar-2026 23:10:04.500 queries: info: client @0x7f0a 10.0.0.1#53000 (evil.example): query: evil.example IN A +E(0)K (10.0.0.53)
//! Mar 28 23:10:04 ns1 dnsmasq[812]: query[A] evil.example from 10.0.0.1
//! Mar 28 23:10:04 ns1 unbound: [812:0] info: 10.0.0.1 evil.example. A IN
//! Mar 28 23:10:04 ns1 doh-server[812]: 10.0.0.1:0 - - [28/Mar/2026:23:10:04 +0000] "evil.example. IN A"
//! ```
//! Source: <https://bind9.readthedocs.io/en/latest/reference.html> (categories, print-time, query log), the manual page of
//! dnsmasq (log-queries), <https://unbound.docs.nlnetlabs.nl/en/latest/manpages/unbound.conf.html> (log-queries),
//! <https://github.com/m13253/dns-over-https> (verbose).
//!
//! Traps: time, category and severity are options of BIND's channels; older versions log no name between brackets; views
//! stand before `query:`; dnsmasq logs forwards and answers of a query in lines of their own, of which only the query names
//! who asked, unless `log-queries=extra` puts the client before each.

use super::mark::Mark;
use super::near;
use super::roles::Role;
use super::sink::{Sink, is_ip};
use super::{Fit, Format, Means, Sample, time};
use crate::model::fields::{Canon, Fields, Kind, Parsed, Reject, Want};
use crate::model::layout::{Framing, Layout};
use crate::model::outline::Outline;
use crate::model::time::Stamp;

/// BIND's query log.
pub struct Bind;

/// Client, name and view take no more than this.
const CLIENT_BYTES: usize = 2048;
/// What stands before a name that was not answered.
const REFUSED: [Mark; 3] =
    [Mark::new(b": query (cache) '", 16), Mark::new(b": query '", 8), Mark::new(b": zone transfer '", 16)];
/// What stands before a name that was answered.
const QUERY: Mark = Mark::new(b": query: ", 2);
/// What BIND calls the gravity of a message.
const SEVERITIES: &[&str] = &["info", "notice", "warning", "error", "critical"];

/// The canonical fields of a query.
pub fn canons() -> Vec<Canon> {
    use Canon::{DestinationIp, DnsAnswer, DnsQuestion, DnsType, EventAction, EventOutcome, SourceIp, SourcePort};
    vec![SourceIp, SourcePort, DestinationIp, DnsQuestion, DnsType, DnsAnswer, EventAction, EventOutcome]
}

impl Format for Bind {
    fn name(&self) -> &'static str {
        "bind"
    }

    fn describe(&self) -> &'static str {
        "BIND query log (in syslog BIND, dnsmasq and Unbound are read as well)"
    }

    fn fields(&self) -> Vec<Canon> {
        let mut out = canons();
        out.extend([Canon::EventDataset, Canon::Message]);
        out.sort();
        out
    }

    fn recognise(&self, sample: &Sample<'_>) -> Option<Fit> {
        sample.lines.iter().find(|line| query_of(prefix(line).2).is_some())?;
        let layout = Layout { framing: Framing::Lines, ..sample.layout("bind") };
        sample.fit(self, layout, 62)
    }

    fn parse<'b>(&self, layout: &Layout, record: &'b [u8], want: Want, out: &mut Fields<'b>) -> Result<Parsed, Reject> {
        let (at, category, message, query) = line(record, layout).ok_or(Reject)?;
        let mut sink = Sink::new(layout, want, out);
        sink.time(0, at);
        if let Some(category) = category {
            sink.slice(b"category", Some(Role::Is(Canon::EventDataset)), category, Kind::Str);
        }
        sink.slice(b"message", Some(Role::Is(Canon::Message)), message, Kind::Str);
        if let Some(query) = query {
            query.put(&mut sink);
        }
        Ok(Parsed::Event)
    }

    fn outline<'b>(&self, record: &'b [u8], means: Means<'_>, out: &mut Outline<'b>) -> bool {
        let Some((at, category, _, query)) = line(record, means.layout) else { return false };
        out.time = at;
        out.part(category.unwrap_or_default());
        match query {
            Some(query) => query.outline(out),
            None => out.is_silent = true,
        }
        true
    }
}

/// Time, category, message and question of a line. One of another category is BIND's as well where time and gravity stand
/// before it.
type Line<'b> = (Option<Stamp>, Option<&'b [u8]>, &'b [u8], Option<Query<'b>>);

fn line<'b>(record: &'b [u8], layout: &Layout) -> Option<Line<'b>> {
    let (stamp, category, message) = prefix(record);
    let at = match stamp {
        Some(stamp) => Some(self::stamp(stamp, layout)?),
        None => None,
    };
    let query = query_of(message);
    (query.is_some() || at.is_some() && category.is_some()).then_some((at, category, message, query))
}

/// Time, category and message of a line: the first two where they stand there.
fn prefix(line: &[u8]) -> (Option<&[u8]>, Option<&[u8]>, &[u8]) {
    let (mut stamp, mut rest) = (None, line);
    if line.first().is_some_and(u8::is_ascii_digit) {
        // `28-Mar-2026 23:10:04.500`, or ISO with a `T`.
        let words = if line.get(10) == Some(&b'T') { 1 } else { 2 };
        let blank = |from: usize| Some(from + near::one(b' ', line.get(from..line.len().min(40))?)?);
        let first = blank(0);
        let Some(end) = (if words == 1 { first } else { first.and_then(|at| blank(at + 1)) }) else {
            return (None, None, line);
        };
        (stamp, rest) = (Some(&line[..end]), &line[end + 1..]);
    }
    let mut category = None;
    for _ in 0..2 {
        let end = near::one(b' ', &rest[..rest.len().min(40)]);
        let Some(word) = end.and_then(|end| rest[..end].strip_suffix(b":")) else { break };
        let is_severity = SEVERITIES.iter().any(|known| known.as_bytes() == word);
        if !is_severity
            && (category.is_some() || !word.iter().all(|b| b.is_ascii_lowercase() || b"-0123456789".contains(b)))
        {
            break;
        }
        category = if is_severity { category.or(Some(word)) } else { Some(word) };
        rest = &rest[word.len() + 2..];
    }
    (stamp, category, rest)
}

fn stamp(text: &[u8], layout: &Layout) -> Option<Stamp> {
    // PERF: BIND's own stamps have the day first.
    let is_named = text.get(2) == Some(&b'-');
    let named = if is_named { time::clf(text, layout) } else { None };
    named.or_else(|| time::iso(text, layout)).or_else(|| time::clf(text, layout))
}

/// One question.
#[derive(Default)]
struct Query<'b> {
    client: &'b [u8],
    port: &'b [u8],
    name: &'b [u8],
    class: &'b [u8],
    kind: &'b [u8],
    /// Flags and the server's own address.
    flags: &'b [u8],
    server: &'b [u8],
    denied: bool,
}

impl<'b> Query<'b> {
    fn put(&self, sink: &mut Sink<'_, 'b>) {
        for (name, role, value) in [
            (&b"client"[..], Some(Role::Addr(Canon::SourceIp)), self.client),
            (b"client_port", Some(Role::Is(Canon::SourcePort)), self.port),
            (b"query", Some(Role::Is(Canon::DnsQuestion)), self.name),
            (b"query_class", None, self.class),
            (b"record_type", Some(Role::Is(Canon::DnsType)), self.kind),
            (b"flags", None, self.flags),
            (b"server", Some(Role::Addr(Canon::DestinationIp)), self.server),
        ] {
            if !value.is_empty() {
                sink.slice(name, role, value, Kind::Str);
            }
        }
        if self.denied {
            sink.canon_slice(Canon::EventAction, b"denied");
            sink.outcome(false);
        }
    }

    fn outline(&self, out: &mut Outline<'_>) {
        for part in [self.client, self.name, self.kind, self.server, if self.denied { b"denied" } else { b"" }] {
            out.part(part);
        }
    }
}

/// What a message of BIND asks for: `client @0x… 10.0.0.1#53000 (name): view inside: query: name IN A +E (10.0.0.53)`.
fn query_of(message: &[u8]) -> Option<Query<'_>> {
    let mut rest = message.strip_prefix(b"client ")?;
    if rest.starts_with(b"@") {
        rest = word(rest).1;
    }
    let (address, _) = word(rest);
    let hash = near::one(b'#', address)?;
    let (client, port) = (&address[..hash], &address[hash + 1..]);
    let port = &port[..port.iter().take_while(|b| b.is_ascii_digit()).count()];
    if !is_ip(client) {
        return None;
    }
    let head = &rest[..rest.len().min(CLIENT_BYTES)];
    // Refused: `query (cache) 'name/A/IN' denied`, `zone transfer 'name/AXFR/IN' denied`.
    let refused = |mark: &Mark| mark.find(head).map(|at| &rest[at + mark.len()..]);
    // PERF: what was refused stands in quotes, and what was answered does not.
    if near::one(b'\'', head).is_some()
        && let Some(quoted) = REFUSED.iter().find_map(refused)
    {
        return denied(Query { client, port, ..Query::default() }, quoted);
    }
    let body = &rest[QUERY.find(head)? + QUERY.len()..];
    let (name, rest) = word(body);
    let (class, rest) = word(rest);
    let (kind, rest) = word(rest);
    let (flags, rest) = word(rest);
    let server = rest.strip_prefix(b"(").and_then(|inner| inner.strip_suffix(b")")).unwrap_or_default();
    let named = !name.is_empty() && !kind.is_empty() && class.iter().all(u8::is_ascii_alphanumeric);
    named.then_some(Query { client, port, name, class, kind, flags, server, denied: false })
}

/// `name/A/IN' denied`.
fn denied<'b>(query: Query<'b>, quoted: &'b [u8]) -> Option<Query<'b>> {
    let close = memchr::memrchr(b'\'', quoted)?;
    if !quoted[close..].starts_with(b"' denied") {
        return None;
    }
    let text = &quoted[..close];
    let class = memchr::memrchr(b'/', text)?;
    let kind = memchr::memrchr(b'/', &text[..class])?;
    Some(Query { name: &text[..kind], kind: &text[kind + 1..class], class: &text[class + 1..], denied: true, ..query })
}

/// What a name server wrote to syslog.
enum Said<'b> {
    /// A question of a client.
    Query(Query<'b>),
    /// A name and what it stands for, without who asked.
    Answer(&'b [u8], &'b [u8]),
    /// Anything else.
    Other,
}

/// Whether a program is a name server whose messages are read.
pub fn is_server(program: &[u8]) -> bool {
    matches!(program, b"named" | b"dnsmasq" | b"unbound" | b"doh-server")
}

fn said<'b>(program: &[u8], message: &'b [u8]) -> Said<'b> {
    match program {
        b"named" => query_of(prefix(message).2).map_or(Said::Other, Said::Query),
        b"dnsmasq" => dnsmasq(message),
        b"unbound" => unbound(message).map_or(Said::Other, Said::Query),
        b"doh-server" => doh_server(message).map_or(Said::Other, Said::Query),
        _ => Said::Other,
    }
}

/// Reads what a name server wrote to syslog; nothing where it is of no query.
pub fn read<'b>(program: &[u8], message: &'b [u8], sink: &mut Sink<'_, 'b>) {
    match said(program, message) {
        Said::Query(query) => query.put(sink),
        Said::Answer(name, value) => {
            sink.slice(b"query", Some(Role::Is(Canon::DnsQuestion)), name, Kind::Str);
            sink.slice(b"answer", Some(Role::Is(Canon::DnsAnswer)), value, Kind::Str);
        }
        Said::Other => {}
    }
}

/// Adds what a name server wrote to syslog to an outline. Only a question tells who asked, and only an answer what stands for a name.
pub fn outline(program: &[u8], message: &[u8], out: &mut Outline<'_>) {
    match said(program, message) {
        Said::Query(query) => query.outline(out),
        Said::Answer(name, value) => {
            out.part(name);
            out.part(value);
        }
        Said::Other => out.is_silent = true,
    }
}

const UNPRINTABLE: &[u8] = b"<name unprintable> ";

/// `query[A] name from 10.0.0.1`, `reply name is 203.0.113.9`, with serial and client before it or not.
fn dnsmasq(message: &[u8]) -> Said<'_> {
    let (mut what, mut rest) = word(message);
    if !what.is_empty() && what.iter().all(u8::is_ascii_digit) {
        rest = word(rest).1;
        (what, rest) = word(rest);
    }
    // It writes a name of other bytes than letters this way: what was asked is not known.
    let (name, rest) = match rest.strip_prefix(UNPRINTABLE) {
        Some(behind) => (&b""[..], behind),
        None => word(rest),
    };
    let (link, rest) = word(rest);
    let (value, _) = word(rest);
    let kind = what.strip_prefix(b"query[").and_then(|kind| kind.strip_suffix(b"]"));
    match (kind, link) {
        (Some(kind), b"from") if is_ip(value) => Said::Query(Query { client: value, name, kind, ..Query::default() }),
        (None, b"is") if matches!(what, b"reply" | b"cached" | b"config") => Said::Answer(name, value),
        _ => Said::Other,
    }
}

/// `[812:0] info: 10.0.0.1 name. A IN`; answers have more behind it.
fn unbound(message: &[u8]) -> Option<Query<'_>> {
    let (first, rest) = word(message);
    let rest = if first.starts_with(b"[") { rest } else { message };
    let rest = rest.strip_prefix(b"info: ").or_else(|| rest.strip_prefix(b"query: "))?;
    let (client, rest) = word(rest);
    let (name, rest) = word(rest);
    let (kind, rest) = word(rest);
    let (class, rest) = word(rest);
    let asks = is_ip(client) && matches!(class, b"IN" | b"CH" | b"HS") && rest.is_empty();
    let name = name.strip_suffix(b".").filter(|name| !name.is_empty()).unwrap_or(name);
    asks.then(|| Query { client, name, kind, class, ..Query::default() })
}

/// `10.0.0.1:0 - - [28/Mar/2026:23:10:04 +0000] "name. IN A"`; requests of HTTP are written the same way and have a path.
fn doh_server(message: &[u8]) -> Option<Query<'_>> {
    let (client, _) = word(message);
    let quoted = message.strip_suffix(b"\"")?;
    let (name, rest) = word(&quoted[memchr::memmem::find(quoted, b"] \"")? + 3..]);
    let (class, rest) = word(rest);
    let (kind, rest) = word(rest);
    let name = name.strip_suffix(b".")?;
    let asks = matches!(class, b"IN" | b"CH" | b"HS") && rest.is_empty() && !name.is_empty();
    asks.then(|| Query { client, name, kind, class, ..Query::default() })
}

/// The first word, and what follows the blanks behind it.
fn word(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (word, rest) = near::word(bytes);
    let blanks = rest.iter().take_while(|&&b| b == b' ').count();
    (word, &rest[blanks..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_found_with_all_options_and_none() {
        let full = "28-Mar-2026 23:10:04.500 queries: info: client @0x7f 10.0.0.1#53000 (a.example): view in: query: a.example IN TXT +E(0)K (10.0.0.53)";
        let iso = "2026-03-28T23:10:04.500Z queries: info: client 10.0.0.1#53000 (a.example): query: a.example IN TXT + (10.0.0.53)";
        let old = "client 10.0.0.1#53000: query: a.example IN TXT +";
        for line in [full, iso, old] {
            let mut out = Fields::default();
            Bind.parse(&Layout::plain(), line.as_bytes(), Want::All, &mut out).unwrap();
            for (canon, value) in [
                (Canon::DnsQuestion, "a.example"),
                (Canon::DnsType, "TXT"),
                (Canon::SourceIp, "10.0.0.1"),
                (Canon::SourcePort, "53000"),
            ] {
                assert_eq!(out.text(canon), Some(value), "{line}");
            }
            assert_eq!(out.time.map(|t| t.at.to_string()), (line != old).then(|| "2026-03-28T23:10:04.5Z".into()));
            assert_eq!(out.text(Canon::DestinationIp), Some("10.0.0.53").filter(|_| line != old));
        }
        let mut out = Fields::default();
        let denied = "28-Mar-2026 23:10:04.500 security: info: client @0x7f 2001:db8::5#53000 (x): query (cache) 'x/A/IN' denied";
        Bind.parse(&Layout::plain(), denied.as_bytes(), Want::All, &mut out).unwrap();
        assert_eq!((out.text(Canon::DnsQuestion), out.text(Canon::EventOutcome)), (Some("x"), Some("failure")));
        let zone = "20-Oct-2022 05:34:02.425 client 10.0.0.1#3076 (x): zone transfer 'x/AXFR/IN' denied";
        Bind.parse(&Layout::plain(), zone.as_bytes(), Want::All, &mut out).unwrap();
        assert_eq!((out.text(Canon::DnsQuestion), out.text(Canon::DnsType)), (Some("x"), Some("AXFR")));
        for other in
            ["client 10.0.0.1#1: query: ", "client x#1: query: a IN A", "29-Foo-2026 1:2:3 a: info: b", "prose", ""]
        {
            assert!(Bind.parse(&Layout::plain(), other.as_bytes(), Want::All, &mut out).is_err(), "{other}");
        }
    }
}

//! Squid's native access log.
//!
//! ```text
//! 1774739404.500    195 192.0.2.10 TCP_MISS/200 4120 GET http://files.example/a.zip alice HIER_DIRECT/203.0.113.9 application/zip
//! ```
//! Source: <https://wiki.squid-cache.org/Features/LogFormat>.
//!
//! Traps: the size counts what went to the client, headers included; `CONNECT` has `host:port` for a URL; the peer may be
//! `-`, a name, or an address; a denied request has no peer.

use super::near::{self, Words};
use super::roles::Role;
use super::sink::{Sink, address, part};
use super::sketch::{Part, Sketch};
use super::{Fit, Format, Means, Sample, time};
use crate::model::fields::{Canon, Fields, Kind, Parsed, Reject, Text, Want};
use crate::model::lasted::{Side, Unit};
use crate::model::layout::{Framing, Layout};
use crate::model::outline::Outline;
use crate::model::time::Stamp;

/// The native format.
pub struct Native;

impl Format for Native {
    fn name(&self) -> &'static str {
        "squid"
    }

    fn describe(&self) -> &'static str {
        "Squid access log, native format"
    }

    fn fields(&self) -> Vec<Canon> {
        use Canon::{
            DestinationBytes, DestinationDomain, DestinationIp, EventAction, EventDuration, EventOutcome, HttpMethod,
            HttpStatus, SourceDomain, SourceIp, UrlDomain, UrlFull, UrlOriginal, UrlPath, UrlQuery, UserDomain,
            UserName,
        };
        let mut out = vec![
            SourceIp,
            SourceDomain,
            DestinationBytes,
            DestinationIp,
            DestinationDomain,
            UserName,
            UserDomain,
            UrlFull,
            UrlDomain,
            UrlPath,
            UrlQuery,
            UrlOriginal,
            HttpMethod,
            HttpStatus,
            EventAction,
            EventOutcome,
            EventDuration,
        ];
        out.sort();
        out
    }

    fn recognise(&self, sample: &Sample<'_>) -> Option<Fit> {
        let layout = Layout { framing: Framing::Lines, ..sample.layout("squid") };
        sample.fit(self, layout, 65)
    }

    fn parse<'b>(&self, layout: &Layout, record: &'b [u8], want: Want, out: &mut Fields<'b>) -> Result<Parsed, Reject> {
        read(record, &mut Sink::new(layout, want, out)).ok_or(Reject)?;
        Ok(Parsed::Event)
    }

    fn may_begin(&self, first: u8) -> bool {
        first == b' ' || first.is_ascii_digit()
    }

    fn outline<'b>(&self, record: &'b [u8], means: Means<'_>, out: &mut Outline<'b>) -> bool {
        let Means { layout, agents, shapes, .. } = means;
        let cells = shapes.stops.cells(b' ', record);
        cells.and_then(|cells| outline(cells.words(), Sketch::new(layout, agents, out))).is_some()
    }
}

/// Reads a line; `None`, and nothing read, where it is none. Also for lines inside of messages.
pub fn read<'b>(record: &'b [u8], sink: &mut Sink<'_, 'b>) -> Option<()> {
    let line = cut(Words(record))?;
    let Line { at, elapsed, client, code, slash, size, method, url, user, peer, kind } = line;
    let (result, status) = (&code[..slash], &code[slash + 1..]);
    sink.time(0, Some(at));
    let side = if address(client).is_some() { Canon::SourceIp } else { Canon::SourceDomain };
    sink.slice(b"c-ip", Some(Role::Is(side)), client, Kind::Str);
    sink.slice(b"time-taken", Some(TOOK), elapsed, Kind::Number);
    sink.slice(b"s-action", Some(Role::Is(Canon::EventAction)), result, Kind::Str);
    sink.slice(b"sc-status", Some(Role::Is(Canon::HttpStatus)), status, Kind::Number);
    sink.slice(b"sc-bytes", Some(Role::Is(Canon::DestinationBytes)), size, Kind::Number);
    sink.slice(b"cs-method", Some(Role::Is(Canon::HttpMethod)), method, Kind::Str);
    sink.slice(b"c-uri", Some(Role::Url), url, text(url));
    let host = sink.out.iter().find(|f| f.canon == Some(Canon::UrlDomain)).map(|f| f.value);
    if let Some(host) = host {
        if address(sink.out.bytes(host)).is_none() {
            sink.canon(Canon::DestinationDomain, host);
        }
        if sink.all {
            sink.text(Text::Slice(b"cs-host"), None, host, Kind::Str);
        }
    }
    if sink.all
        && let Some(mark) = memchr::memchr(b'?', url)
    {
        sink.slice(b"c-uri-query", None, &url[mark + 1..], Kind::Str);
    }
    sink.slice(b"cs-username", Some(Role::User), user, text(user));
    let to = memchr::memchr(b'/', peer).map_or(peer.len(), |n| n + 1);
    let peer_address = part(Text::Slice(peer), to, peer.len());
    sink.text(Text::Slice(b"s-ip"), Some(Role::Addr(Canon::DestinationIp)), peer_address, text(&peer[to..]));
    if let Some(kind) = kind {
        sink.slice(b"cs-mime-type", None, kind, text(kind));
    }
    let denied = memchr::memmem::find(result, b"DENIED").is_some();
    sink.outcome(!denied && status.first().is_some_and(|c| matches!(c, b'1'..=b'3')));
    Some(())
}

/// Whether a program of syslog is Squid: its worker is `(squid-1)`.
pub fn is_program(program: &[u8]) -> bool {
    let name = program.strip_prefix(b"(").unwrap_or(program);
    name.strip_prefix(b"squid")
        .is_some_and(|rest| rest.iter().all(|byte| byte.is_ascii_digit() || b"-)".contains(byte)))
}

/// What it took, in milliseconds: a line is written at the end.
const TOOK: Role = Role::Took(Unit::Millis, Side::Before);

fn outline<'b>(words: impl Iterator<Item = &'b [u8]>, mut sketch: Sketch<'_, 'b>) -> Option<()> {
    let line = cut(words)?;
    sketch.time(0, Some(line.at));
    for part in [line.client, line.code, line.method, line.user, line.peer] {
        sketch.out.part(part);
    }
    sketch.value(Part::of(Some(TOOK)), line.elapsed)?;
    sketch.value(Part::Url, line.url)?;
    sketch.value(Part::Number, line.size)
}

/// The parts of a line, as written.
struct Line<'b> {
    at: Stamp,
    elapsed: &'b [u8],
    client: &'b [u8],
    /// What Squid did, and the status of the answer.
    code: &'b [u8],
    /// Where in it the one ends and the other begins.
    slash: usize,
    size: &'b [u8],
    method: &'b [u8],
    url: &'b [u8],
    user: &'b [u8],
    peer: &'b [u8],
    kind: Option<&'b [u8]>,
}

/// The parts of a line, of its words.
fn cut<'b>(mut words: impl Iterator<Item = &'b [u8]>) -> Option<Line<'b>> {
    let mut next = || words.next();
    let (stamp, elapsed, client, code, size) = (next()?, next()?, next()?, next()?, next()?);
    let (method, url, user, peer) = (next()?, next()?, next()?, next()?);
    let kind = words.next();
    let slash = near::one(b'/', code)?;
    let number = |b: &[u8]| !b.is_empty() && near::is_digits(b);
    let digits = elapsed.strip_prefix(b"-").unwrap_or(elapsed);
    let is_written_so = number(&code[slash + 1..]) && number(size) && number(digits) && near::one(b'/', peer).is_some();
    let at = time::epoch(stamp)?;
    is_written_so.then_some(Line { at, elapsed, client, code, slash, size, method, url, user, peer, kind })
}

fn text(value: &[u8]) -> Kind {
    if value == b"-" { Kind::Null } else { Kind::Str }
}

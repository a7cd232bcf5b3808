//! URLs hang off their host: where the host is met, the rest is compared. Of what is written with escapes one layer
//! is undone: `http:\/\/host\/a`, `u=http%3A%2F%2Fhost%2Fa`.

use super::escape::{self, Reading, Spelling};
use crate::model::hit::MatchKind;
use crate::model::indicator::{Indicators, RawHit, UrlParts, url_parts, url_rest};

/// The longest URL that is compared, in bytes behind the host.
const REST_LIMIT_BYTES: usize = 8192;
/// Ends of a URL that are tried.
const CUTS: usize = 8;
/// What a dot, a port and what closes a sentence take behind a host.
const PORT_BYTES: usize = 8;
const CLOSING_BYTES: usize = 16;

/// The host of URL indicator `indicator` stands at `start..end`: reports the URL, or its host alone.
pub(super) fn verify(set: &Indicators, text: &[u8], start: usize, end: usize, indicator: u32, out: &mut Vec<RawHit>) {
    let Some(entry) = set.get(indicator) else { return };
    let url = url_parts(entry.value);
    if url.host.parse::<std::net::Ipv4Addr>().is_err() && !super::name::same_host(url.host, &text[start..end]) {
        return;
    }
    let lead = Lead::of(text, authority(text, start).unwrap_or(start));
    if let Some(to) = exact(&url, &lead, text, end) {
        out.push(RawHit { start: lead.start, end: to, indicator, how: MatchKind::Exact });
    } else if (lead.is_url && !tells_another_page(&url, &lead, text, end))
        || (!lead.is_url && !lead.as_path && stands_alone(text, start, end))
    {
        out.push(RawHit { start, end, indicator, how: MatchKind::UrlHost });
    }
}

/// The longest name and password before a host, in characters.
const USER_LIMIT: usize = 256;

/// Where the part of a URL begins that names its host, if a name and password stand before the host at `start`:
/// `http://user:pw@host/`.
pub(super) fn authority(text: &[u8], start: usize) -> Option<usize> {
    let (_, mut at, _) = escape::before(text, start).filter(|mark| mark.0 == b'@')?;
    for _ in 0..USER_LIMIT {
        let (byte, from, spelling) = escape::before(text, at)?;
        if byte == b'/' {
            let lead = Lead::of(text, at);
            if lead.is_url && !lead.scheme.is_empty() {
                return Some(at);
            }
        }
        // A slash of a password is written `%2F`.
        let is_slash = byte == b'/' && spelling == Spelling::Percent;
        if !is_of_user(byte) && !is_slash {
            return None;
        }
        at = from;
    }
    None
}

/// Name and password are made of it. Those marks are left out that logs put between a URL and what follows.
fn is_of_user(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$*+=:%@".contains(&byte)
}

/// Where the URL ends whose host ends at `end`, if it is the listed one.
fn exact(url: &UrlParts<'_>, lead: &Lead<'_>, text: &[u8], end: usize) -> Option<usize> {
    if lead.as_path {
        return None;
    }
    let limit = text.len().min(end + REST_LIMIT_BYTES);
    if lead.spelling == Spelling::Percent {
        let stops = |b, escaped: bool| is_stop(b) || !escaped && matches!(b, b'&' | b'\\');
        return same(url, lead, &Reading::undone(text, end, limit, Spelling::Percent, stops));
    }
    let full = end + text[end..limit].iter().position(|b| is_stop(*b)).unwrap_or(limit - end);
    let escaped = memchr::memchr(b'\\', &text[end..full]).is_some();
    let marked = memchr::memchr(b'&', &text[end..full]).is_some();
    same(url, lead, &Reading::plain(text, end, full))
        .or_else(|| {
            let stops = |b, escaped: bool| is_stop(b) || !escaped && b == b'\\';
            let unescaped = || Reading::undone(text, end, limit, Spelling::Json, stops);
            escaped.then(unescaped).and_then(|reading| same(url, lead, &reading))
        })
        .or_else(|| {
            let unmarked = || Reading::undone(text, end, full, Spelling::Markup, |b, _| is_stop(b));
            marked.then(unmarked).and_then(|reading| same(url, lead, &reading))
        })
}

/// Where the listed URL ends in front of what no longer belongs to it: `/a.sh|bash`, `/a.bin,200`, `?u=http://host/a&b`.
fn cut_short(url: &UrlParts<'_>, bytes: &[u8], port_end: usize) -> Option<usize> {
    let has_query = url.rest.contains('?');
    let ends = |at: &usize| parts(bytes[*at], has_query) || bytes[*at..].starts_with(b"%22");
    // An escape of the text is one byte of what is listed, so that the listed URL is no longer than what stands there.
    let from = port_end + url.rest.len();
    let upto = bytes.len().min(port_end + 3 * url.rest.len() + 1);
    (from..upto).filter(ends).take(CUTS).find(|to| url_rest(&bytes[port_end..*to]).eq(url.rest.bytes()))
}

/// What may stand right behind a URL and seldom stands in one; `&` parts the values of a query.
fn parts(byte: u8, has_query: bool) -> bool {
    matches!(byte, b'|' | b',' | b';' | b')' | b']' | b'}' | b'^' | b'*' | b'$' | b'(' | b'{' | b'[')
        || byte == b'&' && !has_query
        || !byte.is_ascii()
}

/// Whether the URL around the host leads elsewhere on it. What speaks of the host alone, or of the page with another
/// query, scheme or port, is evidence of the host.
fn tells_another_page(url: &UrlParts<'_>, lead: &Lead<'_>, text: &[u8], end: usize) -> bool {
    // PERF: no more is read than it takes to see that a path is longer than the listed one.
    let limit = text.len().min(end + PORT_BYTES + 3 * url.rest.len() + CLOSING_BYTES);
    let spelling = if lead.spelling == Spelling::Percent { Spelling::Percent } else { Spelling::Json };
    let is_percent = spelling == Spelling::Percent;
    let stops = |b, escaped: bool| is_stop(b) || !escaped && (b == b'\\' || is_percent && b == b'&');
    let behind = Reading::undone(text, end, limit, spelling, stops).bytes;
    let dot = usize::from(matches!(&*behind, [b'.', b'/' | b':' | b'?' | b'#', ..]));
    is_another_page(url, &behind[port_after(&behind, dot).0..])
}

/// Whether `rest`, what stands behind host and port, names another page than the listed URL. One without a path lists
/// the whole host.
pub(super) fn is_another_page(url: &UrlParts<'_>, rest: &[u8]) -> bool {
    let listed = url.rest.split('?').next().unwrap_or_default();
    let path =
        rest.split(|b| matches!(b, b'?' | b'#')).next().filter(|path| path.starts_with(b"/")).unwrap_or_default();
    let closed = path.iter().rev().take_while(|b| is_closing(**b)).count();
    let is_listed = |path: &[u8]| matches!(path, b"" | b"/") || url_rest(path).eq(listed.bytes());
    !listed.is_empty() && !is_listed(path) && !is_listed(&path[..path.len() - closed])
}

/// What closes a sentence or a bracket may stand behind a URL.
fn is_closing(byte: u8) -> bool {
    matches!(byte, b'.' | b',' | b';' | b':' | b')' | b']' | b'}' | b'!' | b'\\')
}

/// No URL holds it.
fn is_stop(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte.is_ascii_control() || matches!(byte, b'"' | b'<' | b'>' | b'\'' | b'`')
}

/// Compares what stands behind the host; gives where the URL ends in the text.
fn same(url: &UrlParts<'_>, lead: &Lead<'_>, behind: &Reading<'_>) -> Option<usize> {
    let bytes = &*behind.bytes;
    // The root of the name system may end a host.
    let dot = usize::from(matches!(bytes, [b'.', b'/' | b':' | b'?' | b'#', ..]));
    let (port_end, port) = port_after(bytes, dot);
    let is_url = lead.is_url || matches!(bytes.get(port_end), Some(b'/' | b'?'));
    if !is_url || !same_origin(url, lead.scheme, port) {
        return None;
    }
    if let Some(to) = cut_short(url, bytes, port_end) {
        return Some(behind.end(to));
    }
    let mut to = bytes.len();
    loop {
        if url_rest(&bytes[port_end..to]).eq(url.rest.bytes()) {
            return Some(behind.end(to));
        }
        if to > port_end && is_closing(bytes[to - 1]) {
            to -= 1;
        } else {
            return None;
        }
    }
}

/// Whether scheme and port are those of the indicator; an empty scheme is one that is not known.
pub(super) fn same_origin(url: &UrlParts<'_>, scheme: &[u8], port: &[u8]) -> bool {
    let port = if Some(port) == default_port(scheme) { &b""[..] } else { port };
    let same_scheme = url.scheme.is_empty() || scheme.is_empty() || scheme.eq_ignore_ascii_case(url.scheme.as_bytes());
    same_scheme && (port == url.port.as_bytes() || url.port.is_empty() && url.scheme.is_empty())
}

/// What stands before a host.
struct Lead<'t> {
    /// Where the URL starts: at its scheme, or at the host.
    start: usize,
    /// Empty where none stands there, and where a lookup (`${lower:l}dap`) hides some of it.
    scheme: &'t [u8],
    /// Whether `://` stands before the host, or `//` at the start of a value.
    is_url: bool,
    /// Whether the host is a segment of a path.
    as_path: bool,
    /// How the slashes are written.
    spelling: Spelling,
}

impl<'t> Lead<'t> {
    fn of(text: &'t [u8], start: usize) -> Self {
        let bare = Self { start, scheme: &[], is_url: false, as_path: false, spelling: Spelling::Plain };
        let Some((near, at, spelling)) = escape::before(text, start) else { return bare };
        if !matches!(near, b'/' | b'\\') {
            return bare;
        }
        let path = Self { as_path: true, ..bare };
        let Some((b'/', slashes, _)) = escape::before(text, at).filter(|_| near == b'/') else { return path };
        match escape::before(text, slashes) {
            Some((b':', colon, _)) => {
                let (scheme_start, scheme) = scheme(text, colon);
                Self { start: scheme_start, scheme, is_url: true, spelling, ..bare }
            }
            other if other.is_none_or(|(byte, ..)| is_opening(byte)) => {
                Self { start: slashes, is_url: true, spelling, ..bare }
            }
            _ => path,
        }
    }
}

/// A value may begin behind it.
fn is_opening(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'=' | b'(' | b'[' | b',' | b';' | b'|' | b'>' | b'<')
}

/// The scheme that ends at `end` and where it starts.
fn scheme(text: &[u8], end: usize) -> (usize, &[u8]) {
    let length = text[..end].iter().rev().take(24).take_while(|b| b.is_ascii_alphanumeric() || **b == b'+').count();
    let start = end - length;
    let start = start + escape::at_head(text, start, end).unwrap_or(0);
    match text[..start].last() {
        Some(b'}') => (start, &[]),
        _ => (start, &text[start..end]),
    }
}

/// Port behind a host, which ends at `end`, and where it ends.
pub(super) fn port_after(text: &[u8], end: usize) -> (usize, &[u8]) {
    if text.get(end) != Some(&b':') {
        return (end, &[]);
    }
    let digits = text[end + 1..].iter().take(6).take_while(|b| b.is_ascii_digit()).count();
    if (1..=5).contains(&digits) { (end + 1 + digits, &text[end + 1..end + 1 + digits]) } else { (end, &[]) }
}

fn default_port(scheme: &[u8]) -> Option<&'static [u8]> {
    let is = |name: &[u8]| scheme.eq_ignore_ascii_case(name);
    if is(b"http") || is(b"ws") {
        Some(b"80")
    } else if is(b"https") || is(b"wss") {
        Some(b"443")
    } else if is(b"ftp") {
        Some(b"21")
    } else {
        None
    }
}

/// A host as a whole value: a DNS name, a server name, the target of CONNECT.
fn stands_alone(text: &[u8], start: usize, end: usize) -> bool {
    let edge = |b: Option<u8>| {
        b.is_none_or(|b| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b',' | b';' | b'=' | b'|'))
    };
    let left = escape::before(text, start).map(|(byte, ..)| byte);
    let right = |at: usize| matches!(text.get(at..), Some([b'\\', b'"', ..])) || edge(text.get(at).copied());
    let dot = usize::from(text.get(end) == Some(&b'.'));
    let alone = edge(left) && (right(port_after(text, end).0) || right(end + dot));
    alone || left == Some(b'>') && text.get(end) == Some(&b'<')
}

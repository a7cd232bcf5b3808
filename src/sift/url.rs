//! URLs hang off their host: where the host is met, the rest is compared.

use crate::model::hit::MatchKind;
use crate::model::indicator::{Indicators, RawHit, url_parts, url_rest};

/// The longest URL that is compared, in bytes behind the host.
const REST_LIMIT_BYTES: usize = 8192;

/// The host of URL indicator `indicator` stands at `start..end`: reports the URL, or its host alone.
pub(super) fn verify(set: &Indicators, text: &[u8], start: usize, end: usize, indicator: u32, out: &mut Vec<RawHit>) {
    let url = url_parts(&set.list[indicator as usize].value);
    if url.host.parse::<std::net::Ipv4Addr>().is_err() && !super::name::same_host(url.host, &text[start..end]) {
        return;
    }
    let (scheme_start, scheme) = scheme_before(text, start);
    let limit = text.len().min(end + REST_LIMIT_BYTES);
    let stop =
        |b: &u8| b.is_ascii_whitespace() || b.is_ascii_control() || matches!(b, b'"' | b'<' | b'>' | b'\'' | b'`');
    let full = end + text[end..limit].iter().position(stop).unwrap_or(limit - end);
    let (port_end, port) = port_after(text, end);
    let port = if Some(port) == default_port(scheme) || port == b"" { &b""[..] } else { port };
    let same_scheme = url.scheme.is_empty() || scheme.is_empty() || scheme.eq_ignore_ascii_case(url.scheme.as_bytes());
    let same_port = port == url.port.as_bytes() || url.port.is_empty() && url.scheme.is_empty();
    let url_like = !scheme.is_empty() || matches!(text.get(port_end), Some(b'/' | b'?'));
    let as_path = scheme.is_empty() && start > 0 && matches!(text[start - 1], b'/' | b'\\');
    if url_like && !as_path && same_scheme && same_port {
        let mut to = full;
        loop {
            let rest = text.get(port_end..to).unwrap_or_default();
            if url_rest(rest).eq(url.rest.bytes()) {
                out.push(RawHit { start: scheme_start, end: to.max(port_end), indicator, how: MatchKind::Exact });
                return;
            }
            // What closes a sentence or a bracket may stand behind a URL.
            if to > port_end && matches!(text[to - 1], b'.' | b',' | b';' | b':' | b')' | b']' | b'}' | b'!' | b'\\') {
                to -= 1;
            } else {
                break;
            }
        }
    }
    if !scheme.is_empty() || !as_path && stands_alone(text, start, end, port_end) {
        out.push(RawHit { start, end, indicator, how: MatchKind::UrlHost });
    }
}

/// Where the scheme before a host starts, and the scheme; the host itself and nothing where there is none.
fn scheme_before(text: &[u8], start: usize) -> (usize, &[u8]) {
    let Some(before) = text[..start].strip_suffix(b"://") else { return (start, &[]) };
    let length = before.iter().rev().take(16).take_while(|b| b.is_ascii_alphanumeric() || **b == b'+').count();
    (before.len() - length, &before[before.len() - length..])
}

fn port_after(text: &[u8], end: usize) -> (usize, &[u8]) {
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
fn stands_alone(text: &[u8], start: usize, end: usize, port_end: usize) -> bool {
    let edge = |b: Option<&u8>| {
        b.is_none_or(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'\'' | b',' | b';' | b'=' | b'|'))
    };
    let left = start.checked_sub(1).and_then(|at| text.get(at));
    let dot = usize::from(text.get(end) == Some(&b'.'));
    edge(left) && (edge(text.get(port_end)) || edge(text.get(end + dot)))
}

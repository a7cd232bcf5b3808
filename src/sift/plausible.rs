//! What a hit means in the field in which it lies.

use super::escape;
use crate::model::indicator::{IndicatorKind, RawHit};
use crate::model::typed;

/// Ends of names that are as often those of files as those of hosts.
const FILE_LIKE: &[&[u8]] = &[
    b"app", b"cab", b"cc", b"com", b"java", b"md", b"mov", b"pl", b"pm", b"ps", b"py", b"rs", b"sh", b"so", b"vi",
    b"zip",
];

/// False if a hit cannot mean what its kind says there: an address in a user agent or a version, a domain that is a
/// file name. `field_name` is the canonical or raw name of the field in which the hit lies, `None` in unparsed text.
pub fn plausible(kind: IndicatorKind, hit: &RawHit, field_name: Option<&str>, text: &[u8]) -> bool {
    let name = field_name.unwrap_or("").to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    match kind {
        // A lookup (`${jndi:ldap://…}`) or an address of a page may stand in a user agent: there it is a host.
        IndicatorKind::Ipv4 | IndicatorKind::Ipv6 | IndicatorKind::Cidr => {
            is_host(hit, text)
                || !has(&["user_agent", "useragent", "user-agent", "version"]) && !version_like(hit, text)
        }
        IndicatorKind::Domain => {
            let file_field = has(&["file", "path", "process", "image", "command", "module", "executable"]);
            !(is_file_like(hit, text) && (file_field || in_path(hit, text)))
        }
        // The trace of a typed value tells only that the fields are to be asked.
        kind => !typed::is_typed(kind),
    }
}

/// The token follows two slashes, or such and a bracket.
fn is_host(hit: &RawHit, text: &[u8]) -> bool {
    let slash = |end| escape::before(text, end).filter(|c| c.0 == b'/').map(|c| c.1);
    let bracket = text.get(..hit.start).is_some_and(|before| before.ends_with(b"["));
    slash(hit.start - usize::from(bracket)).and_then(slash).is_some()
}

/// `Chrome/1.2.3.4`: a product, which has small letters behind a capital, and its version. Names of hosts
/// (`host/1.2.3.4`), services (`HTTP/1.2.3.4`) and interfaces (`OUTSIDE/1.2.3.4(443)`) may look alike: capitals alone,
/// small letters alone and what has a port behind it are no product. `v1.2.3.4` is no token of an address.
fn version_like(hit: &RawHit, text: &[u8]) -> bool {
    let Some((b'/', slash, _)) = escape::before(text, hit.start) else { return false };
    let rest = &text[..slash];
    let product = rest.iter().rev().take(64).take_while(|b| b.is_ascii_alphanumeric()).count();
    let (rest, product) = rest.split_at(rest.len() - product);
    let is_product = product.first().is_some_and(u8::is_ascii_uppercase) && product.iter().any(u8::is_ascii_lowercase);
    // A name after a slash is a segment of a path, not a product.
    is_product && !matches!(rest.last(), Some(b'/' | b'.')) && !has_port(text.get(hit.end..).unwrap_or_default())
}

/// `:443` and `(443)`.
fn has_port(behind: &[u8]) -> bool {
    matches!(behind, [b':' | b'(', digit, ..] if digit.is_ascii_digit())
}

fn is_file_like(hit: &RawHit, text: &[u8]) -> bool {
    let token = text.get(hit.start..hit.end).unwrap_or_default();
    let last = token.rsplit(|b| *b == b'.').next().unwrap_or_default();
    FILE_LIKE.iter().any(|end| last.eq_ignore_ascii_case(end))
}

/// The token follows one separator: a segment of a path. After `//` it is a host, and after `\\\\` too, unless a name
/// stands before them: JSON writes every backslash of a path twice.
fn in_path(hit: &RawHit, text: &[u8]) -> bool {
    match escape::before(text, hit.start) {
        Some((b'/', at, _)) => escape::before(text, at).is_none_or(|c| c.0 != b'/'),
        Some((b'\\', ..)) => {
            let head = &text[..hit.start];
            let count = head.iter().rev().take(16).take_while(|b| **b == b'\\').count();
            let name = head[..head.len() - count].last();
            count == 1
                || name.is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':' | b'%'))
        }
        _ => false,
    }
}

//! What a hit means in the field in which it lies.

use super::escape;
use crate::model::indicator::{IndicatorKind, RawHit};
use crate::model::typed;

/// Ends of names that are as often those of files as those of hosts.
const FILE_LIKE: &[&[u8]] = &[
    b"app", b"cab", b"cc", b"com", b"java", b"md", b"mov", b"pl", b"pm", b"ps", b"py", b"rs", b"sh", b"so", b"vi",
    b"zip",
];

/// Those of them that hardly a file bears to which a command leads.
const HOST_LIKE: &[&[u8]] = &[b"cc", b"com"];

/// Words in the name of a field whose value is a file.
const FILE: &[&str] = &[
    "executable",
    "file",
    "filename",
    "filepath",
    "image",
    "imagepath",
    "module",
    "parentimage",
    "path",
    "process",
    "sourceimage",
    "targetfilename",
    "targetimage",
];
/// Words in the name of a field whose value is a command.
const COMMAND: &[&str] = &["arg", "cmd", "cmdline", "command", "commandline", "parentcommandline"];
/// False if a hit cannot mean what its kind says there: an address in a user agent or a version, a domain that is a
/// file name. `field_name` is the canonical or raw name of the field in which the hit lies, `None` in unparsed text.
pub fn plausible(kind: IndicatorKind, hit: &RawHit, field_name: Option<&str>, text: &[u8]) -> bool {
    let name = field_name.unwrap_or("");
    match kind {
        // A lookup (`${jndi:ldap://…}`) or an address of a page may stand in a user agent: there it is a host.
        IndicatorKind::Ipv4 | IndicatorKind::Ipv6 | IndicatorKind::Cidr => {
            is_host(hit, text) || !is_of_version(name) && !version_like(hit, text)
        }
        IndicatorKind::Domain => !is_file(hit, name, text),
        // The trace of a typed value tells only that the fields are to be asked.
        kind => !typed::is_typed(kind),
    }
}

/// Whether a name that a host and a file may bear is that of a file there. What a scheme or an `@` leads to, and what a
/// path or a port stands behind, is a host.
fn is_file(hit: &RawHit, field_name: &str, text: &[u8]) -> bool {
    let last = text.get(hit.start..hit.end).unwrap_or_default().rsplit(|b| *b == b'.').next().unwrap_or_default();
    let ends = |ends: &[&[u8]]| ends.iter().any(|end| last.eq_ignore_ascii_case(end));
    if !ends(FILE_LIKE) || is_host(hit, text) {
        return false;
    }
    let before = escape::before(text, hit.start).map(|(byte, ..)| byte);
    if in_path(hit, text) {
        return true;
    }
    let behind = text.get(hit.end..).unwrap_or_default();
    let leads_on = match behind {
        [b'/', ..] | [b'\\' | b':', b'/', ..] => true,
        [b':', digit, ..] => digit.is_ascii_digit(),
        _ => false,
    };
    if before == Some(b'@') || leads_on {
        return false;
    }
    has_word(field_name, COMMAND) && !ends(HOST_LIKE) || has_word(field_name, FILE) && !has_word(field_name, COMMAND)
}

/// Whether one of the words stands in a name: between what is no letter (`process.command_line`, `cs-host`), or from
/// a capital to the next one (`TargetFilename`); an `s` at its end may be left out.
fn has_word(name: &str, words: &[&str]) -> bool {
    let is = |part: &str| {
        let whole = |part: &str| words.iter().any(|word| part.eq_ignore_ascii_case(word));
        whole(part) || part.strip_suffix(['s', 'S']).is_some_and(whole)
    };
    name.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| is(part) || humps(part).any(is))
}

/// The parts of a name that begin with a capital each.
fn humps(name: &str) -> impl Iterator<Item = &str> {
    let bytes = name.as_bytes();
    let starts = move |at: usize| bytes[at].is_ascii_uppercase() && bytes[at - 1].is_ascii_lowercase();
    let mut start = 0;
    std::iter::from_fn(move || {
        let end = (start + 1..bytes.len()).find(|at| starts(*at)).unwrap_or(bytes.len());
        let part = name.get(start..end).filter(|part| !part.is_empty());
        start = end;
        part
    })
}

/// Whether a name is that of a user agent or a version: `user_agent.original`, `cs(User-Agent)`, `HTTPUserAgent`, `osversion`; but
/// not `conversion_ip`.
fn is_of_version(name: &str) -> bool {
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let of_conversion = |at: usize| name[..at].ends_with("con");
    name.contains("useragent") || name.match_indices("version").any(|(at, _)| !of_conversion(at))
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

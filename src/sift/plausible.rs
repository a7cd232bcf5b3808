//! What a hit means in the field in which it lies.

use crate::model::indicator::{IndicatorKind, RawHit};

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
        IndicatorKind::Ipv4 | IndicatorKind::Ipv6 | IndicatorKind::Cidr => {
            !has(&["user_agent", "useragent", "user-agent", "version"]) && !version_like(hit, text)
        }
        IndicatorKind::Domain => {
            let file_field = has(&["file", "path", "process", "image", "command", "module", "executable"]);
            !(is_file_like(hit, text) && (file_field || in_path(hit, text)))
        }
        _ => true,
    }
}

/// `Chrome/1.2.3.4`, `v1.2.3.4`: a product and its version. `host/1.2.3.4` of a resolver is rarer than a browser.
fn version_like(hit: &RawHit, text: &[u8]) -> bool {
    let before = text.get(..hit.start).unwrap_or_default();
    if before.ends_with(b"://") {
        return false;
    }
    let Some(rest) = before.strip_suffix(b"/") else { return false };
    let product = rest.iter().rev().take_while(|b| b.is_ascii_alphanumeric()).count();
    let start = rest.len() - product;
    // A name after a slash is a segment of a path, not a product.
    product > 0 && rest[start].is_ascii_uppercase() && !matches!(rest[..start].last(), Some(b'/' | b'.'))
}

fn is_file_like(hit: &RawHit, text: &[u8]) -> bool {
    let token = text.get(hit.start..hit.end).unwrap_or_default();
    let last = token.rsplit(|b| *b == b'.').next().unwrap_or_default();
    FILE_LIKE.iter().any(|end| last.eq_ignore_ascii_case(end))
}

/// The token follows one separator: a segment of a path. After `//` it is a host.
fn in_path(hit: &RawHit, text: &[u8]) -> bool {
    let before = text.get(..hit.start).unwrap_or_default();
    matches!(before.last(), Some(b'/' | b'\\')) && !before.ends_with(b"//") && !before.ends_with(b"\\\\")
}

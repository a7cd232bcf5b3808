//! URLs that a record tells in parts: a host in one field, path and query in others. Where the host of a listed URL is
//! met and no URL stands around it, the fields say whether it is the listed one.
//!
//! What is not told does not speak against it: most logs have no scheme. A port counts where the `Host` header names
//! one; the port of the connection only where the indicator names a port, for it may be that of a proxy.

use super::url::{port_after, same_origin};
use crate::model::fields::{Canon, Fields};
use crate::model::hit::MatchKind;
use crate::model::indicator::{IndicatorKind, Indicators, RawHit, UrlParts, url_parts, url_rest};

/// Names of fields that hold a scheme.
const SCHEMES: &[&[u8]] = &[b"cs-uri-scheme", b"url.scheme", b"scheme"];

/// A hit of a URL's host becomes one of the URL where the fields of the record make it up; other hits stay as they are.
pub fn rebuilt(set: &Indicators, hit: RawHit, fields: &Fields<'_>) -> RawHit {
    match set.list.get(hit.indicator as usize) {
        Some(indicator)
            if hit.how == MatchKind::UrlHost
                && indicator.kind == IndicatorKind::Url
                && tells(&url_parts(&indicator.value), fields) =>
        {
            RawHit { how: MatchKind::Exact, ..hit }
        }
        _ => hit,
    }
}

/// Whether the fields tell this URL.
fn tells(url: &UrlParts<'_>, fields: &Fields<'_>) -> bool {
    // A whole URL was compared where it stands.
    if fields.get(Canon::UrlFull).is_some() {
        return false;
    }
    let hosts = [Canon::UrlDomain, Canon::DestinationDomain];
    let Some(told) = hosts.into_iter().find_map(|canon| fields.get(canon)) else { return false };
    let end = memchr::memchr(b':', told).unwrap_or(told.len());
    let host = told[..end].strip_suffix(b".").unwrap_or(&told[..end]);
    let port = match port_after(told, end).1 {
        b"" if !url.port.is_empty() => fields.get(Canon::DestinationPort).unwrap_or_default(),
        port => port,
    };
    let named = fields.named().find(|(name, value, _)| SCHEMES.contains(name) && !matches!(*value, b"" | b"-"));
    let scheme = named.map_or(url.scheme.as_bytes(), |(_, value, _)| value);
    super::name::same_host(url.host, host) && same_origin(url, scheme, port) && same_rest(url, fields)
}

/// Whether path and query are those of the URL. A blank of the path is written as `+` where blanks part the cells.
fn same_rest(url: &UrlParts<'_>, fields: &Fields<'_>) -> bool {
    let mut rest = match fields.get(Canon::UrlOriginal) {
        Some(target) if target.starts_with(b"/") => target.to_vec(),
        _ => match fields.get(Canon::UrlPath) {
            Some(path) => path.to_vec(),
            None => return false,
        },
    };
    if let (None, Some(query)) = (memchr::memchr(b'?', &rest), fields.get(Canon::UrlQuery)) {
        rest.push(b'?');
        rest.extend_from_slice(query.strip_prefix(b"?").unwrap_or(query));
    }
    if url_rest(&rest).eq(url.rest.bytes()) {
        return true;
    }
    let path = memchr::memchr(b'?', &rest).unwrap_or(rest.len());
    let (path, query) = rest.split_at(path);
    let blanks = path.iter().flat_map(|b| if *b == b'+' { &b"%20"[..] } else { std::slice::from_ref(b) });
    let spelled: Vec<u8> = blanks.chain(query).copied().collect();
    url_rest(&spelled).eq(url.rest.bytes())
}

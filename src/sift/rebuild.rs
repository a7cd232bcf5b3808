//! URLs that a record tells in parts: a host in one field, path and query in others. Where the host of a listed URL is
//! met and no URL stands around it, the fields say whether it is the listed one.
//!
//! What is not told does not speak against it: most logs have no scheme. A port counts where the `Host` header names
//! one; the port of the connection only where the indicator names a port, for it may be that of a proxy.

use super::url::{is_another_page, port_after, same_origin};
use crate::model::fields::{Canon, Fields};
use crate::model::hit::MatchKind;
use crate::model::indicator::{IndicatorKind, Indicators, RawHit, UrlParts, url_parts, url_rest};

/// Names of fields that no canonical one stands for, or not in every format.
const SCHEME: &[&[u8]] = &[b"cs-uri-scheme", b"url.scheme", b"scheme"];
const HOST: &[&[u8]] = &[b"cs-host", b"url.domain"];
const PATH: &[&[u8]] = &[b"cs-uri-stem", b"url.path"];
const QUERY: &[&[u8]] = &[b"cs-uri-query", b"url.query"];

/// A hit of a URL's host becomes one of the URL where the fields of the record make it up, and none where they tell
/// another page of the host; other hits stay as they are.
pub fn rebuilt(set: &Indicators, hit: RawHit, fields: &Fields<'_>) -> Option<RawHit> {
    let listed = set.get(hit.indicator).filter(|i| hit.how == MatchKind::UrlHost && i.kind == IndicatorKind::Url);
    let Some(url) = listed.map(|indicator| url_parts(indicator.value)) else { return Some(hit) };
    if tells(&url, fields) {
        return Some(RawHit { how: MatchKind::Exact, ..hit });
    }
    (!tells_another_page(&url, fields)).then_some(hit)
}

/// Whether the fields tell a page of this host that is not the listed one.
fn tells_another_page(url: &UrlParts<'_>, fields: &Fields<'_>) -> bool {
    if let Some(full) = fields.get(Canon::UrlFull).and_then(|full| std::str::from_utf8(full).ok()) {
        let told = url_parts(full);
        return super::name::same_host(url.host, told.host.as_bytes()) && is_another_page(url, told.rest.as_bytes());
    }
    let told = fields.get(Canon::UrlDomain).or_else(|| called(HOST, fields)).unwrap_or_default();
    let host = told.split(|b| *b == b':').next().unwrap_or_default();
    let is_host = || super::name::same_host(url.host, host.strip_suffix(b".").unwrap_or(host));
    path(fields).is_some_and(|path| is_host() && is_another_page(url, path))
}

/// The path that the fields tell, with the query where both stand in one.
fn path<'f>(fields: &'f Fields<'_>) -> Option<&'f [u8]> {
    let target = fields.get(Canon::UrlOriginal).filter(|target| target.starts_with(b"/"));
    target.or_else(|| fields.get(Canon::UrlPath)).or_else(|| called(PATH, fields))
}

/// Whether the fields tell this URL.
fn tells(url: &UrlParts<'_>, fields: &Fields<'_>) -> bool {
    // A whole URL was compared where it stands.
    if fields.get(Canon::UrlFull).is_some() {
        return false;
    }
    let host = || fields.get(Canon::UrlDomain).or_else(|| called(HOST, fields));
    let Some(told) = host().or_else(|| fields.get(Canon::DestinationDomain)) else { return false };
    let end = memchr::memchr(b':', told).unwrap_or(told.len());
    let host = told[..end].strip_suffix(b".").unwrap_or(&told[..end]);
    let port = match port_after(told, end).1 {
        b"" if !url.port.is_empty() => fields.get(Canon::DestinationPort).unwrap_or_default(),
        port => port,
    };
    let scheme = called(SCHEME, fields).unwrap_or(url.scheme.as_bytes());
    super::name::same_host(url.host, host) && same_origin(url, scheme, port) && same_rest(url, fields)
}

/// The first value of a field of one of these names; case does not matter, and `_` is `-`.
fn called<'f>(names: &[&[u8]], fields: &'f Fields<'_>) -> Option<&'f [u8]> {
    let fold = |byte: &u8| if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    let is = |name: &[u8]| {
        names.iter().any(|known| name.len() == known.len() && name.iter().map(fold).eq(known.iter().copied()))
    };
    fields.named().find(|(name, value, _)| !matches!(*value, b"" | b"-") && is(name)).map(|(_, value, _)| value)
}

/// Whether path and query are those of the URL. A blank of the path is written as `+` where blanks part the cells.
fn same_rest(url: &UrlParts<'_>, fields: &Fields<'_>) -> bool {
    let Some(mut rest) = path(fields).map(<[u8]>::to_vec) else { return false };
    let query = || fields.get(Canon::UrlQuery).or_else(|| called(QUERY, fields));
    if let (None, Some(query)) = (memchr::memchr(b'?', &rest), query()) {
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

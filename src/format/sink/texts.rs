//! Parts of texts: schemes, hosts, addresses.

use std::net::IpAddr;

use super::super::near;
use crate::model::fields::{Canon, Text};

/// Where `://` stands behind a scheme; `None` where there is none of at most 13 letters.
pub(super) fn scheme_end(bytes: &[u8]) -> Option<usize> {
    let end = bytes.iter().take(14).position(|b| !b.is_ascii_alphanumeric() && !b"+-.".contains(b))?;
    (end > 0 && bytes[end..].starts_with(b"://")).then_some(end)
}

/// A part of a text.
pub fn part(text: Text<'_>, from: usize, to: usize) -> Text<'_> {
    match text {
        Text::Slice(slice) => Text::Slice(&slice[from..to]),
        // A part lies inside an arena range, whose ends are u32.
        Text::Arena(start, _) => Text::Arena(start + from as u32, start + to as u32),
    }
}

/// The host of `host:port` and `[host]:port`, as start and end.
pub(super) fn host_end(bytes: &[u8]) -> (usize, usize) {
    if bytes.first() == Some(&b'[') {
        return memchr::memchr(b']', bytes).map_or((0, bytes.len()), |end| (1, end));
    }
    match memchr::memrchr(b':', bytes) {
        Some(at) if bytes[at + 1..].iter().all(u8::is_ascii_digit) && memchr::memchr(b':', bytes) == Some(at) => {
            (0, at)
        }
        _ => (0, bytes.len()),
    }
}

pub(super) type Range = (usize, usize);

/// Where address and port lie in `1.2.3.4`, `1.2.3.4:80`, `::1`, `[::1]:80`; `None` where it is no address.
pub fn address(bytes: &[u8]) -> Option<(Range, Option<Range>)> {
    if !bytes.first().is_some_and(|&b| b.is_ascii_hexdigit() || b == b':' || b == b'[') || bytes.len() > 64 {
        return None;
    }
    if is_ip(bytes) {
        return Some(((0, bytes.len()), None));
    }
    let host = host_end(bytes);
    let port = (host.1 + usize::from(host.0 == 1) + 1, bytes.len());
    (host.1 < bytes.len() && is_ip(&bytes[host.0..host.1])).then_some((host, Some(port).filter(|p| p.0 < p.1)))
}

/// Whether the bytes are an address and nothing else.
pub fn is_ip(bytes: &[u8]) -> bool {
    match bytes.first() {
        Some(first) if first.is_ascii_hexdigit() || *first == b':' => {}
        _ => return false,
    }
    // PERF: most are of version 4, written in digits and dots alone.
    if near::is_quad(bytes) || is_v4(bytes) {
        return true;
    }
    if near::one(b':', bytes).is_none() {
        return false;
    }
    let bare = memchr::memchr(b'%', bytes).map_or(bytes, |n| &bytes[..n]);
    bare.iter().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'))
        && std::str::from_utf8(bare).is_ok_and(|s| s.parse::<IpAddr>().is_ok())
}

/// Four numbers of at most three digits, below 256 and without leading zeros, as `Ipv4Addr` reads them; a zone may follow.
fn is_v4(bytes: &[u8]) -> bool {
    let (mut dots, mut digits, mut value) = (0, 0, 0u32);
    for &byte in bytes {
        match byte {
            b'0'..=b'9' if digits == 0 || value > 0 => {
                (digits, value) = (digits + 1, value * 10 + u32::from(byte & 15));
                if value > 255 {
                    return false;
                }
            }
            b'.' if digits > 0 => (dots, digits, value) = (dots + 1, 0, 0),
            b'%' => break,
            _ => return false,
        }
    }
    dots == 3 && digits > 0
}

pub(super) fn port_of(canon: Canon) -> Option<Canon> {
    match canon {
        Canon::SourceIp => Some(Canon::SourcePort),
        Canon::DestinationIp => Some(Canon::DestinationPort),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_what_the_standard_library_reads() {
        for part in ["", "0", "00", "01", "9", "10", "255", "256", "999", "1000", "x", "-1", "+1", " 1"] {
            for text in [
                format!("{part}.1.2.3"),
                format!("1.{part}.2.3"),
                format!("1.2.3.{part}"),
                format!("1.2.{part}"),
                format!("1.2.3.4.{part}"),
                format!("::{part}"),
                part.to_owned(),
            ] {
                assert_eq!(is_ip(text.as_bytes()), text.parse::<IpAddr>().is_ok(), "{text}");
            }
        }
        assert!(is_ip(b"fe80::1%eth0") && is_ip(b"::ffff:1.2.3.4"));
    }

    #[test]
    fn a_scheme_stands_before_the_path_only() {
        let end = |text: &str| scheme_end(text.as_bytes());
        assert_eq!((end("https://a"), end("svn+ssh://a"), end("a://")), (Some(5), Some(7), Some(1)));
        assert_eq!((end("/x?u=http://a"), end("://a"), end("host:443"), end("a b://c")), (None, None, None, None));
    }
}

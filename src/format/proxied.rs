//! For whom a proxy or balancer of the same organisation asked: `X-Forwarded-For`.
//!
//! Source: RFC 7239, section 5.2, and the header that it replaced. Each proxy adds the address that asked it at the end, so that what
//! stands before may be the client's invention, and the list of whoever asks from outside is worth nothing. A host inside that asks
//! without a proxy can invent a client: that its own address stands in the record too is kept.

use std::net::IpAddr;

use crate::model::whose::{address, is_private};

/// Whether who asked may be a proxy or balancer of the same organisation: it has a private address.
fn is_proxy(peer: &[u8]) -> bool {
    may_be_proxy(peer) && ip(peer).is_some_and(is_private)
}

/// The same by its first bytes, by which most clients are none.
pub(super) fn may_be_proxy(peer: &[u8]) -> bool {
    match peer {
        [b'1', rest @ ..] => {
            [&b"0."[..], b"27.", b"72.", b"92.168.", b"69.254."].iter().any(|first| rest.starts_with(first))
        }
        [first, ..] => matches!(first, b'f' | b'F' | b':'),
        [] => false,
    }
}

/// The client of what such a `peer` asked for: the last address of the list that is not private. `None` where the peer is
/// no proxy, where there is no such address, and where anything stands there that is no list of addresses.
pub(super) fn client<'b>(peer: &[u8], list: &'b [u8]) -> Option<&'b [u8]> {
    if !is_proxy(peer) {
        return None;
    }
    let mut found = None;
    // IIS writes `+` for a blank.
    let trimmed = |text: &'b [u8]| text.trim_ascii().strip_prefix(b"+").unwrap_or(text.trim_ascii());
    for text in list.rsplit(|&byte| byte == b',').map(trimmed) {
        let bare = without_port(text);
        match ip(bare) {
            Some(address) if found.is_none() && !is_private(address) => found = Some(bare),
            Some(_) => {}
            None if text == b"unknown" => {}
            None => return None,
        }
    }
    found
}

/// An address without the port that some balancers add: `192.0.2.1:443`, `[2001:db8::1]:443`.
fn without_port(text: &[u8]) -> &[u8] {
    if let Some(inner) = text.strip_prefix(b"[") {
        return inner.split(|&byte| byte == b']').next().unwrap_or(inner);
    }
    let mut parts = text.split(|&byte| byte == b':');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(host), Some(_), None) => host,
        _ => text,
    }
}

fn ip(text: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(text).ok().and_then(address)
}

#[cfg(test)]
mod tests {
    #[test]
    fn who_asked_a_proxy_of_our_own_is_the_client() {
        let client = |peer: &str, list: &str| {
            let found = super::client(peer.as_bytes(), list.as_bytes()).map(<[u8]>::to_vec);
            found.map(|text| String::from_utf8(text).unwrap())
        };
        let is = |text: &str| Some(text.to_owned());
        assert_eq!(client("10.0.0.5", "198.51.100.7"), is("198.51.100.7"));
        assert_eq!(client("fd00::5", "203.0.113.9, 198.51.100.7, 10.0.0.9"), is("198.51.100.7"), "the last not ours");
        assert_eq!(client("10.0.0.5", "unknown, 2001:db8::7"), is("2001:db8::7"));
        assert_eq!(client("127.0.0.1", "203.0.113.9,+198.51.100.7:51234"), is("198.51.100.7"));
        assert_eq!(client("127.0.0.1", "[2001:db8::7]:443"), is("2001:db8::7"));
        assert_eq!(client("192.0.2.1", "198.51.100.7"), None, "anybody may send a list");
        for list in ["-", "", "10.0.0.9", "www.rv.example", "a, 198.51.100.7", "198.51.100.7:x:y"] {
            assert_eq!(client("10.0.0.5", list), None, "{list}");
        }
    }
}

//! IP addresses, compared as numbers.

use std::net::Ipv6Addr;

use crate::model::hit::MatchKind;
use crate::model::indicator::{IndicatorKind, Indicators, RawHit};

/// Four decimal octets without leading zeros, the whole of `text`.
#[inline]
pub(super) fn parse_v4(text: &[u8]) -> Option<u32> {
    if text.len() < 7 || text.len() > 15 {
        return None;
    }
    let (mut value, mut octet, mut digits, mut dots) = (0u32, 0u32, 0u32, 0u32);
    for byte in text {
        match byte {
            b'0'..=b'9' => {
                if digits > 0 && octet == 0 {
                    return None;
                }
                octet = octet * 10 + u32::from(byte - b'0');
                digits += 1;
                if octet > 255 {
                    return None;
                }
            }
            b'.' if digits > 0 => {
                value = value << 8 | octet;
                (octet, digits) = (0, 0);
                dots += 1;
            }
            _ => return None,
        }
    }
    (dots == 3 && digits > 0).then_some(value << 8 | octet)
}

/// Reports an IPv4 address that stands at `start..end`.
pub(super) fn v4_hit(set: &Indicators, text: &[u8], ip: u32, start: usize, end: usize, out: &mut Vec<RawHit>) {
    let ip = u128::from(ip);
    if !set.ipv4.may_hold(ip) {
        return;
    }
    set.ipv4.each(ip, |_, indicator| match set.get(indicator).map(|entry| entry.kind) {
        Some(IndicatorKind::Url) => super::url::verify(set, text, start, end, indicator, out),
        Some(IndicatorKind::Cidr) => out.push(RawHit { start, end, indicator, how: MatchKind::Cidr }),
        Some(_) => out.push(RawHit { start, end, indicator, how: MatchKind::Exact }),
        None => {}
    });
}

/// Bytes of which IPv6 addresses are made.
pub(super) fn is_v6_byte(byte: &u8) -> bool {
    byte.is_ascii_hexdigit() || *byte == b':' || *byte == b'.'
}

/// IPv6 addresses from `floor` to `limit`, neither of which may cut a run of [`is_v6_byte`]: runs that parse.
pub(super) fn scan_v6(set: &Indicators, text: &[u8], mut floor: usize, limit: usize, out: &mut Vec<RawHit>) {
    while let Some(colon) = memchr::memchr(b':', &text[floor..limit]).map(|at| at + floor) {
        // No address has more than 45 bytes; a longer run is none.
        let after = &text[colon..text.len().min(colon + 48)];
        let mut end = colon + after.iter().take_while(|b| is_v6_byte(b)).count();
        let run = &text[colon + 1..end];
        if !run.contains(&b':') {
            floor = colon + 1;
            continue;
        }
        floor = end.max(colon + 1);
        while end > colon && (text[end - 1] == b'.' || text[end - 1] == b':' && !text[..end].ends_with(b"::")) {
            end -= 1;
        }
        if !text.get(end).is_some_and(is_word_byte)
            && let Some(start) = v6_start(text, colon).filter(|start| *start < end)
        {
            v6_run(set, text, start, end, out);
        }
    }
}

fn is_word_byte(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'_'
}

/// Where an address starts of whose run `colon` is the first: at the group before it, or behind it if a word and not a
/// group stands there (`client:2001:db8::1`). `None` where a group has too many digits.
fn v6_start(text: &[u8], colon: usize) -> Option<usize> {
    const WORD: usize = 32;
    let word = colon - text[..colon].iter().rev().take(WORD).take_while(|b| is_word_byte(b)).count();
    let start = word + super::escape::at_head(text, word, colon).unwrap_or(0);
    let group = &text[start..colon];
    if group.iter().all(u8::is_ascii_hexdigit) {
        let opens = text[colon..].starts_with(b"::") && !text[colon..].starts_with(b":::");
        return match group.len() {
            0 => Some(if opens { colon } else { colon + 1 }),
            1..=4 => Some(start),
            _ => None,
        };
    }
    Some(colon + 1)
}

fn v6_run(set: &Indicators, text: &[u8], start: usize, end: usize, out: &mut Vec<RawHit>) {
    let run = &text[start..end];
    let colons = run.iter().filter(|b| **b == b':').count();
    let double = run.windows(2).any(|pair| pair == b"::");
    if !(double || colons == 7 || colons == 6 && run.contains(&b'.')) {
        return;
    }
    let parse = |bytes: &[u8]| std::str::from_utf8(bytes).ok().and_then(|s| s.parse::<Ipv6Addr>().ok());
    let Some(ip) = parse(run) else { return };
    let bits = u128::from(ip);
    if let Some(v4) = ip.to_ipv4_mapped() {
        // A dotted tail is met as IPv4 by the scan for names.
        if !run.contains(&b'.') {
            v4_hit(set, text, u32::from(v4), start, end, out);
        }
        return;
    }
    if !set.ipv6.may_hold(bits) {
        return;
    }
    set.ipv6.each(bits, |length, indicator| {
        let how = if length == 128 { MatchKind::Exact } else { MatchKind::Cidr };
        out.push(RawHit { start, end, indicator, how });
    });
}

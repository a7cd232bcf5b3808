//! Tokens with a dot: IPv4 addresses, domains, hosts of URLs, mail addresses, file names.

use super::escape;
use crate::model::hit::MatchKind;
use crate::model::indicator::{IndicatorKind, Indicators, Labels, RawHit, is_name_byte};

pub(super) const EXACT: MatchKind = MatchKind::Exact;

/// Bytes of a token.
static NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        table[byte] = b.is_ascii_alphanumeric() || b == b'.' || b == b'-' || b == b'_';
        byte += 1;
    }
    table
};

/// The run of name bytes around `at`, not before `floor`.
pub(super) fn run_around(text: &[u8], at: usize, floor: usize) -> (usize, usize) {
    let name = |b: &&u8| NAME[**b as usize];
    let before = text[floor..at].iter().rev().take_while(name).count();
    let after = text[at..].iter().take_while(name).count();
    (at - before, at + after)
}

/// Reports what stands in one whole run of name bytes.
pub(super) fn run(set: &Indicators, text: &[u8], start: usize, end: usize, out: &mut Vec<RawHit>) {
    token(set, text, start, end, out);
    if set.wide_letters {
        wide(set, text, start, end, out);
    }
}

/// One run of name bytes, and what stands in it where an escape stands before it.
#[inline]
fn token(set: &Indicators, text: &[u8], start: usize, mut end: usize, out: &mut Vec<RawHit>) {
    while end > start && text[end - 1] == b'.' {
        end -= 1;
    }
    // A name may be cut before its last dot, where it holds other characters: `ü.js`.
    if end < start + 2 {
        return;
    }
    if start > 0
        && matches!(text[start - 1], b'%' | b'\\')
        && let Some(skip) = escape::at_head(text, start, end)
    {
        plain(set, text, start + skip, end, out);
        if text[start - 1] == b'%' {
            return;
        }
    }
    plain(set, text, start, end, out);
}

#[inline]
fn plain(set: &Indicators, text: &[u8], start: usize, end: usize, out: &mut Vec<RawHit>) {
    let Some(last) = end.checked_sub(1).filter(|last| *last >= start).map(|last| text[last]) else { return };
    if text[start].is_ascii_digit()
        && last.is_ascii_digit()
        && end - start <= 15
        && let Some(ip) = super::address::parse_v4(&text[start..end])
    {
        super::address::v4_hit(set, text, ip, start, end, out);
        return;
    }
    if !set.ipv4.is_empty() && end - start > 8 {
        pieces(set, text, start, end, out);
    }
    if set.names.may_hold(&text[start..end]) {
        hosts(set, text, start, end, out);
        super::file::hits(set, text, start, end, out);
    }
}

/// Addresses inside of a token that a hyphen or underscore joins to something else: `1.2.3.4-5.6.7.8`, `1.2.3.4_80`.
fn pieces(set: &Indicators, text: &[u8], start: usize, end: usize, out: &mut Vec<RawHit>) {
    let mut from = start;
    while let Some(at) = memchr::memchr2(b'-', b'_', &text[from..end]).map(|at| at + from).or(Some(end)) {
        let mut to = at;
        while to > from && text[to - 1] == b'.' {
            to -= 1;
        }
        // `ip-1.2.3.4-x` is a name: a letter may not be joined on either side.
        let left = from == start || text[from - 1] == b'-' && from >= 2 && text[from - 2].is_ascii_digit();
        let right = at == end || !text.get(at + 1).is_some_and(u8::is_ascii_alphabetic);
        let whole = from == start && at == end;
        if left
            && right
            && !whole
            && let Some(ip) = super::address::parse_v4(&text[from..to])
        {
            super::address::v4_hit(set, text, ip, from, to, out);
        }
        if at == end {
            return;
        }
        from = at + 1;
    }
}

/// The suffixes of a host name at label boundaries.
fn hosts(set: &Indicators, text: &[u8], start: usize, end: usize, out: &mut Vec<RawHit>) {
    let mut head = start;
    while head < end && text[head] == b'.' {
        head += 1;
    }
    // A letter outside ASCII makes the token a part of a longer name.
    if wide_neighbour(&text[..head], true) || wide_neighbour(&text[end..], false) || is_local_part(text, end) {
        return;
    }
    let (mail, in_url) = (local_end(text, start), super::url::authority(text, start).is_some());
    for (hash, at) in Labels::new(&text[head..end]) {
        let host = Host { start: head, end, name: &text[head + at..end], whole: at == 0, mail, in_url };
        for indicator in set.hosts.get(hash) {
            host_hit(set, text, &host, indicator, out);
        }
    }
}

/// True if an `@` and a name follow.
fn is_local_part(text: &[u8], end: usize) -> bool {
    let name = |at: &[u8]| text[end..].strip_prefix(at).and_then(<[u8]>::first).is_some_and(|b| is_name_byte(*b));
    name(b"@") || name(b"%40")
}

/// A name in the text, or one above it.
struct Host<'t> {
    /// Where the whole name stands.
    start: usize,
    end: usize,
    /// The name itself.
    name: &'t [u8],
    /// Whether it is the whole one.
    whole: bool,
    /// Where the local part of a mail address ends that stands before it.
    mail: Option<usize>,
    /// Whether that is the name and password of a URL as well.
    in_url: bool,
}

fn host_hit(set: &Indicators, text: &[u8], host: &Host<'_>, indicator: u32, out: &mut Vec<RawHit>) {
    let Some(entry) = set.get(indicator) else { return };
    let &Host { start, end, name, whole, mail, in_url } = host;
    match entry.kind {
        IndicatorKind::Domain => {
            if !same_host(entry.value, name) || entry.exact_only && !whole {
                return;
            }
            let how = match (mail, whole) {
                (Some(_), _) if !in_url => MatchKind::EmailDomain,
                (_, true) => MatchKind::Exact,
                (_, false) => MatchKind::Subdomain,
            };
            out.push(RawHit { start, end, indicator, how });
        }
        IndicatorKind::Email if whole => {
            let (Some((local, domain)), Some(local_end)) = (entry.value.rsplit_once('@'), mail) else { return };
            if let Some(from) = local_start(text, local_end, local).filter(|_| same_host(domain, name)) {
                out.push(RawHit { start: from, end, indicator, how: EXACT });
            }
        }
        IndicatorKind::Url if whole && (mail.is_none() || in_url) => {
            super::url::verify(set, text, start, end, indicator, out);
        }
        _ => {}
    }
}

/// True if a name in the text is a canonical host.
pub(super) fn same_host(host: &str, name: &[u8]) -> bool {
    if name.eq_ignore_ascii_case(host.as_bytes()) {
        return true;
    }
    if name.is_ascii() {
        return false;
    }
    std::str::from_utf8(name).ok().and_then(|n| idna::domain_to_ascii(n).ok()).is_some_and(|n| n == host)
}

/// Where the local part of a mail address ends whose domain starts at `start`; `None` where none stands there.
fn local_end(text: &[u8], start: usize) -> Option<usize> {
    let (_, end, _) = escape::before(text, start).filter(|at| at.0 == b'@')?;
    escape::before(text, end).filter(|last| is_local(last.0)).map(|_| end)
}

/// Where a local part starts that ends at `end`, as it stands or with the escapes of a URL undone.
fn local_start(text: &[u8], end: usize, local: &str) -> Option<usize> {
    let plain = |at: usize| Some((*text.get(at.checked_sub(1)?)?, at - 1));
    let undone = |at: usize| escape::before(text, at).map(|(byte, from, _)| (byte, from));
    let start = |before: &dyn Fn(usize) -> Option<(u8, usize)>| {
        let mut at = end;
        for want in local.bytes().rev() {
            let (byte, from) = before(at)?;
            at = byte.eq_ignore_ascii_case(&want).then_some(from)?;
        }
        before(at).is_none_or(|(byte, _)| !is_local(byte)).then_some(at)
    };
    start(&plain).or_else(|| start(&undone))
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-')
}

/// True if the nearest character is a letter or digit outside ASCII.
fn wide_neighbour(text: &[u8], before: bool) -> bool {
    let near = if before { &text[text.len().saturating_sub(4)..] } else { &text[..text.len().min(4)] };
    let outer = if before { near.last() } else { near.first() };
    if outer.is_none_or(u8::is_ascii) {
        return false;
    }
    let letter = |part: &[u8]| {
        let mut chars = std::str::from_utf8(part).ok()?.chars();
        let only = chars.next()?;
        chars.next().is_none().then(|| only.is_alphanumeric())
    };
    (2..=near.len()).find_map(|n| letter(if before { &near[near.len() - n..] } else { &near[..n] })).unwrap_or(false)
}

/// A name with letters outside ASCII around the token.
fn wide(set: &Indicators, text: &[u8], mut start: usize, mut end: usize, out: &mut Vec<RawHit>) {
    let part = |b: u8| b >= 0x80 || NAME[b as usize];
    let (near, far) = (start, end);
    while start > 0 && near - start < 256 && part(text[start - 1]) {
        start -= 1;
    }
    while end < text.len() && end - far < 256 && part(text[end]) {
        end += 1;
    }
    if (start, end) == (near, far) && text[start..end].is_ascii() {
        return;
    }
    while end > start && text[end - 1] == b'.' {
        end -= 1;
    }
    let Ok(name) = std::str::from_utf8(&text[start..end]) else { return };
    let lower = name.to_lowercase();
    if is_local_part(text, end) {
        return;
    }
    let (mail, in_url) = (local_end(text, start), super::url::authority(text, start).is_some());
    for (hash, at) in Labels::new(lower.as_bytes()) {
        let name = &lower.as_bytes()[at..];
        let host = Host { start, end, name, whole: at == 0, mail, in_url };
        for indicator in set.hosts.get(hash).filter(|_| !name.is_ascii()) {
            host_hit(set, text, &host, indicator, out);
        }
    }
}

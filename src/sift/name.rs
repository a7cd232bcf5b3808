//! Tokens with a dot: IPv4 addresses, domains, hosts of URLs, mail addresses, file names.

use crate::model::hit::MatchKind;
use crate::model::indicator::{IndicatorKind, Indicators, Labels, RawHit, hash_name, is_name_byte};

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
    if end < start + 4 {
        return;
    }
    if start > 0
        && matches!(text[start - 1], b'%' | b'\\')
        && let Some(skip) = escape(text, start, end)
    {
        plain(set, text, start + skip, end, out);
        if text[start - 1] == b'%' {
            return;
        }
    }
    plain(set, text, start, end, out);
}

/// Bytes at the head of a token that belong to an escape before it: `%2F`, `\n`, `\u003d`.
pub(super) fn escape(text: &[u8], start: usize, end: usize) -> Option<usize> {
    let hex = |n: usize, at: usize| at + n <= end && text[at..at + n].iter().all(u8::is_ascii_hexdigit);
    match (text[start - 1], text[start]) {
        (b'%', _) if hex(2, start) => Some(2),
        (b'\\', b'n' | b't' | b'r') => Some(1),
        (b'\\', b'u') if hex(4, start + 1) => Some(5),
        (b'\\', b'x') if hex(2, start + 1) => Some(3),
        _ => None,
    }
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
        files(set, text, start, end, out);
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
    // A letter outside ASCII makes the token a part of a longer name; an `@` behind it makes it a local part.
    if wide_neighbour(&text[..start], true) || wide_neighbour(&text[end..], false) {
        return;
    }
    if text.get(end) == Some(&b'@') && text.get(end + 1).is_some_and(|b| is_name_byte(*b)) {
        return;
    }
    let mail = start > 0 && text[start - 1] == b'@' && start > 1 && is_local(text[start - 2]);
    for (hash, at) in Labels::new(&text[head..end]) {
        let suffix = head + at;
        for indicator in set.hosts.get(hash) {
            host_hit(set, text, (head, suffix, end), mail, indicator, out);
        }
    }
}

fn host_hit(
    set: &Indicators,
    text: &[u8],
    (start, suffix, end): (usize, usize, usize),
    mail: bool,
    indicator: u32,
    out: &mut Vec<RawHit>,
) {
    let entry = &set.list[indicator as usize];
    let name = &text[suffix..end];
    match entry.kind {
        IndicatorKind::Domain => {
            let whole = suffix == start;
            if !same_host(&entry.value, name) || entry.exact_only && !whole {
                return;
            }
            let how = match (mail, whole) {
                (true, _) => MatchKind::EmailDomain,
                (false, true) => MatchKind::Exact,
                (false, false) => MatchKind::Subdomain,
            };
            out.push(RawHit { start, end, indicator, how });
        }
        IndicatorKind::Email if mail && suffix == start => {
            let Some((local, domain)) = entry.value.rsplit_once('@') else { return };
            let Some(from) = (start - 1).checked_sub(local.len()) else { return };
            let bounded = from == 0 || !is_local(text[from - 1]);
            if bounded && same_host(domain, name) && text[from..start - 1].eq_ignore_ascii_case(local.as_bytes()) {
                out.push(RawHit { start: from, end, indicator, how: EXACT });
            }
        }
        IndicatorKind::Url if suffix == start && !mail => {
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
    for (hash, at) in Labels::new(lower.as_bytes()) {
        for indicator in set.hosts.get(hash) {
            let entry = &set.list[indicator as usize];
            if entry.kind == IndicatorKind::Domain && (at == 0 || !entry.exact_only) {
                let folded = lower.get(at..).unwrap_or("");
                if !folded.is_ascii() && same_host(&entry.value, folded.as_bytes()) {
                    let how = if at == 0 { MatchKind::Exact } else { MatchKind::Subdomain };
                    out.push(RawHit { start, end, indicator, how });
                }
            }
        }
    }
}

/// File names and paths that end in this token.
fn files(set: &Indicators, text: &[u8], start: usize, end: usize, out: &mut Vec<RawHit>) {
    if set.files.is_empty() {
        return;
    }
    for indicator in set.files.get(hash_name(&text[start..end])) {
        let entry = &set.list[indicator as usize];
        let Some(from) = backwards(text, end, &entry.value, entry.kind == IndicatorKind::FilePath) else { continue };
        let before = from.checked_sub(1).map(|at| text[at]);
        if before.is_some_and(|b| is_name_byte(b) || b >= 0x80) {
            continue;
        }
        let in_path = matches!(before, Some(b'/' | b'\\'));
        let how = match entry.kind {
            IndicatorKind::FileName if in_path => MatchKind::FileName,
            _ => MatchKind::Exact,
        };
        out.push(RawHit { start: from, end, indicator, how });
    }
}

/// Compares a value with the text that ends at `end`; gives where it starts. In a path a run of `/` or `\` is one
/// separator; case counts only in paths that start with `/`.
fn backwards(text: &[u8], end: usize, value: &str, path: bool) -> Option<usize> {
    let exact_case = path && value.starts_with('/');
    let slash = |b: u8| b == b'/' || b == b'\\';
    let mut at = end;
    for want in value.bytes().rev() {
        let have = *text.get(at.checked_sub(1)?)?;
        let same = if path && slash(want) {
            slash(have)
        } else if exact_case {
            have == want
        } else {
            have.eq_ignore_ascii_case(&want)
        };
        if !same || have == b'\n' {
            return None;
        }
        at -= 1;
        // One separator doubled by an escape.
        if path && slash(want) && at > 0 && text[at - 1] == b'\\' && have == b'\\' {
            at -= 1;
        }
    }
    Some(at)
}

//! The parts of a line of an access log, as they are written.

use crate::format::near;
use crate::format::sink::is_ip;
use crate::model::digits;
use crate::model::lanes::{BLOCK, Lanes, NATIVE};

/// The parts of a line, as written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'b> {
    /// All that stands before the time.
    pub(super) head: &'b [u8],
    pub(super) vhost: Option<&'b [u8]>,
    pub(super) client: &'b [u8],
    pub(super) user: &'b [u8],
    pub(super) time: &'b [u8],
    pub(super) request: &'b [u8],
    pub(super) status: &'b [u8],
    pub(super) size: &'b [u8],
    /// What stands behind the size: referrer, user agent, more.
    pub(super) tail: &'b [u8],
}

pub(super) fn cut(record: &[u8]) -> Option<Line<'_>> {
    usual(record).or_else(|| any(record))
}

/// The parts of a line as nearly all are: a client, no identity, a user of one word, a stamp of the usual length.
///
/// PERF: each of the blanks up to the stamp is a bit of one mask, and what follows stands at known places.
fn usual(record: &[u8]) -> Option<Line<'_>> {
    let first: &[u8; BLOCK] = record.first_chunk()?;
    let mut blanks = NATIVE.equal(NATIVE.load(first), b' ');
    let [client, identity, user] = [(); 3].map(|()| {
        let at = blanks.trailing_zeros() as usize;
        blanks &= blanks.wrapping_sub(1);
        at
    });
    if user >= BLOCK || identity != client + 2 || first[client + 1] != b'-' || user == identity + 1 {
        return None;
    }
    let behind = record.get(user + 1..)?;
    let stamped: &[u8; STAMPED] = behind.first_chunk()?;
    let is_user = !matches!(first[identity + 1], b'[' | b'\t');
    let close = behind
        .first_chunk()
        .map(|block: &[u8; BLOCK]| NATIVE.equal(NATIVE.load(block), b']').trailing_zeros() as usize);
    let close = close.or_else(|| near::one(b']', stamped))?;
    let is_so = stamped[0] == b'[' && close == STAMPED - 2 && stamped[STAMPED - 1] == b' ' && is_user;
    // Whatever else begins a line is told by the long way: a list of clients, a stamp or a priority of syslog.
    let is_client = client > 0 && first[client - 1] != b',' && first[0] != b'<' && !(client > 18 && first[10] == b'T');
    if !is_so || !is_client {
        return None;
    }
    let (request, rest) = quoted(&record[user + 1 + STAMPED..])?;
    let [b' ', status @ .., b' '] = rest.first_chunk::<5>()? else { return None };
    let (size, tail) = word(&rest[5..]);
    (near::is_digits(status) && is_number(size)).then_some(Line {
        head: &record[..user],
        vhost: None,
        client: &record[..client],
        user: &record[identity + 1..user],
        time: &record[user + 2..user + STAMPED - 1],
        request,
        status: &rest[1..4],
        size,
        tail,
    })
}

/// Bytes of `[28/Mar/2026:23:10:04 +0000] `.
const STAMPED: usize = 29;

/// The parts of a line, however it is written.
fn any(record: &[u8]) -> Option<Line<'_>> {
    let head = &record[..record.len().min(4096)];
    let mut open = near::one(b'[', head)?;
    while open == 0 || head[open - 1] != b' ' {
        open += 1 + near::one(b'[', &head[open + 1..])?;
    }
    let open = open - 1;
    let close = open + near::one(b']', &record[open..])?;
    let (vhost, client, user) = who(&record[..open])?;
    let (request, rest) = quoted(skip(&record[close + 1..]))?;
    let (status, rest) = word(skip(rest));
    let (size, rest) = word(skip(rest));
    if !is_number(status) || status.len() > 3 || !(is_number(size) || size.is_empty()) {
        return None;
    }
    let (head, time) = (&record[..open], &record[open + 2..close]);
    Some(Line { head, vhost, client, user, time, request, status, size, tail: rest })
}

/// Virtual host, client and user.
type Who<'b> = (Option<&'b [u8]>, &'b [u8], &'b [u8]);

/// Virtual host, client and user of what stands before the time.
fn who(head: &[u8]) -> Option<Who<'_>> {
    let (first, rest) = word(head);
    if is_syslog(first, rest) {
        return None;
    }
    let (mut second, mut user) = word(skip(rest));
    let (mut vhost, mut client) = (None, first);
    if let Some(bare) = first.strip_suffix(b",") {
        // A list of forwarded addresses: the first is the client.
        client = bare;
        while second.ends_with(b",") || is_ip(second) {
            (second, user) = word(skip(user));
        }
    } else if is_ip(second) && !is_ip(first) {
        (vhost, client) = (Some(first), second);
        (second, user) = word(skip(user));
    }
    let user = skip(user);
    if client.is_empty() || second.is_empty() || user.is_empty() {
        return None;
    }
    Some((vhost, client, user))
}

/// Whether a line begins as one of syslog, whose message a request is.
fn is_syslog(first: &[u8], rest: &[u8]) -> bool {
    let is_iso = first.len() > 18 && first[4] == b'-' && first[10] == b'T' && first[..4].iter().all(u8::is_ascii_digit);
    let is_month = matches!(first, [b'A'..=b'Z', b'a'..=b'z', b'a'..=b'z'])
        && skip(rest).first().is_some_and(u8::is_ascii_digit)
        && memchr::memchr(b':', &rest[..rest.len().min(12)]).is_some();
    first.first() == Some(&b'<') || is_iso || is_month
}

/// Method of a request, and what it asks for with what follows; `None` where it is not HTTP.
pub(super) fn target(request: &[u8]) -> Option<(&[u8], &[u8])> {
    // PERF: what nearly all requests begin with.
    for usual in [&b"GET /"[..], b"POST /"] {
        if request.starts_with(usual) {
            let blank = usual.len() - 2;
            return Some((&request[..blank], &request[blank + 1..]));
        }
    }
    let (method, rest) = word(request);
    let is_method =
        !method.is_empty() && method.len() <= 32 && method.iter().all(|b| b.is_ascii_uppercase() || b"-_".contains(b));
    (is_method && !rest.is_empty()).then(|| (method, skip(rest)))
}

/// Referrer and user agent of what stands behind the size, and the rest.
pub(super) fn referrer_and_agent(tail: &[u8]) -> ([Option<&[u8]>; 2], &[u8]) {
    let mut rest = skip(tail);
    // Some formats log one more size before the quotes (Squid's request size); it has no fixed meaning.
    let (more, behind) = word(rest);
    if is_number(more) && skip(behind).starts_with(b"\"") {
        rest = skip(behind);
    }
    let mut values = [None; 2];
    for value in &mut values {
        let Some((found, behind)) = quoted(rest) else { break };
        *value = Some(found);
        rest = skip(behind);
    }
    (values, rest)
}

/// Digits, or the mark for none.
fn is_number(word: &[u8]) -> bool {
    word == b"-" || digits::number(word).is_some() || (!word.is_empty() && word.iter().all(u8::is_ascii_digit))
}

pub(super) fn skip(bytes: &[u8]) -> &[u8] {
    let blanks = bytes.iter().take_while(|&&b| b == b' ' || b == b'\t').count();
    &bytes[blanks..]
}

pub(super) fn word(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = near::one(b' ', bytes).unwrap_or(bytes.len());
    bytes.split_at(end)
}

/// What stands between quotes, and the rest. A quote inside counts as the last one only before a blank or the end.
pub(super) fn quoted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = bytes.strip_prefix(b"\"")?;
    let mut at = 0;
    loop {
        at += near::either(b'"', b'\\', inner.get(at..)?)?;
        match (inner[at], inner.get(at + 1)) {
            (b'\\', _) => at += 2,
            (_, None | Some(b' ')) => return Some((&inner[..at], &inner[at + 1..])),
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &[&str] = &[
        r#"192.0.2.10 - - [28/Mar/2026:23:10:04 +0000] "GET /a?b=1 HTTP/1.1" 200 512 "-" "curl/8.0""#,
        r#"2001:db8::7 - alice [28/Mar/2026:23:10:04 +0000] "POST /a \"b\" HTTP/1.1" 403 - "https://www.rv.example/" "x" 0.003"#,
        r#"a.rv.example - RV\alice [28/Mar/2026:23:10:04 +0000] "-" 400 157"#,
    ];

    #[test]
    fn the_short_way_finds_what_the_long_way_does() {
        let (mut short, mut all) = (0, 0);
        for line in LINES {
            assert!(usual(line.as_bytes()).is_some(), "{line}");
            for at in 0..line.len() {
                for put in ["", " ", "  ", "\"", "\\", "[", "]", ",", "<", "T", "-", "9", "\t", "a b"] {
                    for over in 0..2 {
                        let text = [&line.as_bytes()[..at], put.as_bytes(), &line.as_bytes()[at + over..]].concat();
                        all += 1;
                        if let Some(found) = usual(&text) {
                            short += 1;
                            assert_eq!(Some(found), any(&text), "{}", String::from_utf8_lossy(&text));
                        }
                    }
                }
            }
        }
        assert!(short * 2 > all, "{short} of {all} go the short way");
    }
}

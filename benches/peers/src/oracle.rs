//! What a text holds, by the plainest way: tokens looked up in a set, and every literal at every place.

use std::collections::{BTreeSet, HashSet};

use crate::list::Kind;

/// Lines that hold an indicator as a whole token, and how many such tokens there are.
pub fn tokens(text: &[u8], list: &[(Kind, String)]) -> (usize, BTreeSet<usize>) {
    let listed: HashSet<(Kind, &[u8])> = list.iter().map(|(kind, value)| (*kind, value.as_bytes())).collect();
    let (mut count, mut lines) = (0, BTreeSet::new());
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let met = names(line, &listed) + digests(line, &listed) + urls(line, &listed);
        count += met;
        if met > 0 {
            lines.insert(number);
        }
    }
    (count, lines)
}

/// Runs of name bytes: an address, or a domain with all above it.
fn names(line: &[u8], listed: &HashSet<(Kind, &[u8])>) -> usize {
    let name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let mut met = 0;
    for token in line.split(|byte| !name(byte)).filter(|token| token.contains(&b'.')) {
        let token = token.strip_suffix(b".").unwrap_or(token).to_ascii_lowercase();
        let above = token.iter().enumerate().filter(|(_, byte)| **byte == b'.').map(|(at, _)| &token[at + 1..]);
        met += usize::from(listed.contains(&(Kind::Address, &token[..])));
        met += std::iter::once(&token[..]).chain(above).filter(|name| listed.contains(&(Kind::Domain, name))).count();
    }
    met
}

fn digests(line: &[u8], listed: &HashSet<(Kind, &[u8])>) -> usize {
    let runs = line.split(|byte| !byte.is_ascii_hexdigit()).filter(|run| run.len() == 32 || run.len() == 64);
    runs.filter(|run| listed.contains(&(Kind::Digest, &run.to_ascii_lowercase()[..]))).count()
}

fn urls(line: &[u8], listed: &HashSet<(Kind, &[u8])>) -> usize {
    let stop = |byte: &u8| matches!(byte, b' ' | b'"' | b')');
    let starts = memchr::memmem::find_iter(line, b"http://");
    let urls = starts.map(|at| line[at..].split(stop).next().unwrap_or_default());
    urls.filter(|url| listed.contains(&(Kind::Url, *url))).count()
}

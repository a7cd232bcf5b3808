//! Lists with one value a line: alone, with text beside it, or as a hosts file.

use std::net::IpAddr;

use super::refang::{is_defanged, refang};
use super::{Builder, list, literal, value};
use crate::model::indicator::{Claim, IndicatorKind};

/// How many words of a line are tried for the value.
pub(super) const WORDS: usize = 4;

/// A line without the white space around it; nothing where it is a comment. A tab at the start is an empty cell.
pub(super) fn content(line: &str) -> &str {
    if is_token(line) && !line.starts_with(['#', ';', '!', '/']) {
        return line;
    }
    let line = line.trim_end().trim_start_matches(' ');
    let text = line.trim_start();
    let marked = |mark: &str| text.strip_prefix(mark).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
    if text.starts_with('#') || [";", "!", "//"].into_iter().any(marked) { "" } else { line }
}

/// Whether a line is one of a list: one token with a comment or a count behind it, or a line of a hosts file.
pub(super) fn is_row(line: &str) -> bool {
    bare(line).is_some() || names_of_hosts(line).is_some()
}

/// Whether a line holds what a list can: a value, the path of one, or a line of a hosts file.
pub(super) fn is_listed(line: &str) -> bool {
    let first = line.split_whitespace().next().unwrap_or("");
    first.starts_with('/') || value::guess(unmarked(first)).is_some() || names_of_hosts(line).is_some()
}

/// Whether the word at this position is a value that nobody would write in a sentence.
pub(super) fn has_value(line: &str, at: usize) -> bool {
    line.split_whitespace().nth(at).is_some_and(|word| is_value(word) && !is_defanged(word))
}

/// Reads a list whose values stand at this word of the line.
pub(super) fn read(builder: &mut Builder, text: &str, at: usize) {
    for (number, line) in list::numbered(text) {
        if is_token(line) && !line.starts_with('/') {
            list::single(builder, unmarked(line), number, Vec::new());
            continue;
        }
        if let Some(names) = names_of_hosts(line) {
            for name in names.split_whitespace() {
                builder.take(IndicatorKind::Domain, name, number, false, Claim::default());
            }
            continue;
        }
        let alone = bare(line);
        let word = alone.or_else(|| line.split_whitespace().nth(at).filter(|word| is_value(word)));
        match word {
            Some(word) if word.starts_with('/') => {
                builder.refuse(number, word, "path without a host: of a URL it would match on any server; that of a file needs a table with a column type");
            }
            Some(word) => list::single(builder, unmarked(word), number, Vec::new()),
            None => builder.refuse(number, line, "several words in a list of values, and none where the value stands"),
        }
    }
}

/// Whether a line is one token. PERF: so are nearly all of a long list, and for them nothing else need be asked.
fn is_token(line: &str) -> bool {
    !line.is_empty() && line.bytes().all(|b| b.is_ascii_graphic())
}

/// The value of a line that holds nothing else: one token, a comment or a count behind it.
fn bare(line: &str) -> Option<&str> {
    let line = uncommented(line);
    // Parts of a registry key may hold blanks, and those of a path.
    let is_rooted = matches!(line.as_bytes(), [_, b':', b'\\', ..] | [b'\\', b'\\', ..]);
    if literal::guess(line) == Some(IndicatorKind::RegistryKey)
        || is_rooted && value::guess(line) == Some(IndicatorKind::FilePath)
    {
        return Some(line);
    }
    let mut words = line.split_whitespace();
    let first = words.next()?;
    let count = words.next().is_none_or(|word| word.bytes().all(|b| b.is_ascii_digit()));
    (count && words.next().is_none()).then_some(first)
}

fn uncommented(line: &str) -> &str {
    let bytes = line.as_bytes();
    let mark = memchr::memchr_iter(b'#', bytes).find(|at| *at > 0 && matches!(bytes[at - 1], b' ' | b'\t'));
    mark.map_or(line, |at| &line[..at]).trim()
}

/// The names of a line of a hosts file that leads them nowhere (`0.0.0.0 bad.example`); the address is no indicator.
fn names_of_hosts(line: &str) -> Option<&str> {
    let (address, names) = uncommented(line).split_once(char::is_whitespace)?;
    let sink = match address.split('%').next()?.parse().ok()? {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_unspecified() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unspecified() || ip.is_multicast() || ip.is_unicast_link_local(),
    };
    let count = names.trim().bytes().all(|b| b.is_ascii_digit());
    (sink && !count).then(|| names.trim())
}

/// The name of a rule of an ad blocker (`||bad.example^`); any other word as it is.
fn unmarked(word: &str) -> &str {
    word.strip_prefix("||").map_or(word, |rest| rest.split('^').next().unwrap_or(rest))
}

/// Whether a word has the shape of a value, and would not be written so in a sentence.
pub(super) fn is_value(word: &str) -> bool {
    let word = unmarked(word);
    match value::guess(word) {
        None | Some(IndicatorKind::FileName | IndicatorKind::RegistryKey) => false,
        Some(IndicatorKind::Domain) => {
            let name = refang(word);
            value::known_end(&name.split(':').next().unwrap_or("").to_ascii_lowercase())
        }
        Some(_) => true,
    }
}

//! File names and paths, backwards from the token that they end in.

use super::escape::{self, Spelling};
use crate::model::fold::folded;
use crate::model::hit::MatchKind;
use crate::model::indicator::{IndicatorKind, Indicators, RawHit, hash_name, is_name_byte};

/// File names and paths that end in this token.
pub(super) fn hits(set: &Indicators, text: &[u8], start: usize, end: usize, out: &mut Vec<RawHit>) {
    if set.files.is_empty() {
        return;
    }
    for indicator in set.files.get(hash_name(&text[start..end])) {
        let Some(entry) = set.get(indicator) else { continue };
        let Some(from) = backwards(text, end, entry.value, entry.kind == IndicatorKind::FilePath) else { continue };
        let before = escape::before(text, from).map(|(byte, ..)| byte);
        let volume = entry.value.starts_with('\\') && is_volume(text, from);
        if before.is_some_and(|b| is_name_byte(b) || b >= 0x80) && !volume {
            continue;
        }
        let how = match entry.kind {
            IndicatorKind::FileName if matches!(before, Some(b'/' | b'\\')) => MatchKind::FileName,
            _ => MatchKind::Exact,
        };
        out.push(RawHit { start: from, end, indicator, how });
    }
}

/// True if `\Device\HarddiskVolume3`, which is a drive, ends here.
fn is_volume(text: &[u8], end: usize) -> bool {
    let digits = text[..end].iter().rev().take(4).take_while(|b| b.is_ascii_digit()).count();
    digits > 0 && backwards(text, end - digits, "\\device\\harddiskvolume", true).is_some()
}

/// Compares a value with the text that ends at `end`; gives where it starts. In a path a run of `/` or `\` is one
/// separator; case counts only in paths that start with `/`. Any byte may be written as `%XX`. Letters fold one for one, as
/// those of the value did.
fn backwards(text: &[u8], end: usize, value: &str, path: bool) -> Option<usize> {
    let exact_case = path && value.starts_with('/');
    let slash = |b: u8| b == b'/' || b == b'\\';
    let same = |want: u8, have: u8| {
        if path && slash(want) {
            slash(have)
        } else if exact_case {
            have == want
        } else {
            have.eq_ignore_ascii_case(&want)
        }
    };
    let mut at = end;
    for c in value.chars().rev() {
        let Some(want) = u8::try_from(c).ok().filter(u8::is_ascii) else {
            let (have, from) = wide_before(text, at)?;
            at = (have == c || !exact_case && folded(have) == folded(c)).then_some(from)?;
            continue;
        };
        let have = *text.get(at.checked_sub(1)?)?;
        if same(want, have) && have != b'\n' {
            at -= 1;
        } else {
            let (byte, from, _) = escape::before(text, at).filter(|c| c.2 == Spelling::Percent)?;
            at = same(want, byte).then_some(from)?;
        }
        // One separator that an escape doubled, or put before the other.
        if path && slash(want) && at > 0 && text[at - 1] == b'\\' && slash(have) {
            at -= 1;
        }
    }
    Some(at)
}

/// The character outside ASCII that ends at `end`, and where it starts.
fn wide_before(text: &[u8], end: usize) -> Option<(char, usize)> {
    let (mut bytes, mut first, mut at) = ([0; 4], 4, end);
    while first > 0 {
        let (byte, from, _) = escape::before(text, at).filter(|(byte, ..)| !byte.is_ascii())?;
        (first, at) = (first - 1, from);
        bytes[first] = byte;
        if byte >= 0xC0 {
            break;
        }
    }
    let mut chars = std::str::from_utf8(&bytes[first..]).ok()?.chars();
    chars.next().filter(|_| chars.next().is_none()).map(|c| (c, at))
}

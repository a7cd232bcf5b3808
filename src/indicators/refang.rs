//! Defanged values made whole.

use std::borrow::Cow;

/// Marks that only stand in defanged values, and what they stand for.
const MARKS: &[(&str, &str)] = &[
    ("[://]", "://"),
    ("[:]//", "://"),
    (":\\\\", "://"),
    ("[:]", ":"),
    ("[/]", "/"),
    ("[.]", "."),
    ("(.)", "."),
    ("{.}", "."),
    ("[dot]", "."),
    ("(dot)", "."),
    ("{dot}", "."),
    ("[at]", "@"),
    ("(at)", "@"),
    ("[@]", "@"),
    ("[.", "."),
    (".]", "."),
    ("\\.", "."),
];

/// True if a token shows that its author defanged it.
pub(super) fn is_defanged(token: &str) -> bool {
    let lower = token.to_ascii_lowercase();
    ["hxxp", "h**p", "meow://", "fxp://"].iter().any(|scheme| lower.starts_with(scheme))
        || ["[.]", "(.)", "{.}", "[dot]", "(dot)", "[at]", "(at)", "[@]", "[://]", "[:]"]
            .iter()
            .any(|m| lower.contains(m))
}

/// The value as it stands in logs: marks undone, brackets and quotes around it removed, invisible characters dropped.
pub(super) fn refang(raw: &str) -> Cow<'_, str> {
    let trimmed =
        raw.trim_matches(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '\'' | '`' | ',' | ';'));
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | ':' | '?' | '=' | '&' | '@');
    if trimmed.chars().all(plain) && !trimmed.starts_with(['h', 'H', 'm', 'f']) {
        return Cow::Borrowed(trimmed);
    }
    let mut text: String = trimmed
        .chars()
        .filter(|c| !matches!(c, '\u{200b}'..='\u{200f}' | '\u{ad}' | '\u{2060}' | '\u{feff}'))
        .map(|c| if matches!(c, '\u{3002}' | '\u{ff0e}' | '\u{ff61}') { '.' } else { c })
        .collect();
    for (mark, plain) in MARKS {
        while let Some(at) = text.to_ascii_lowercase().find(mark) {
            text.replace_range(at..at + mark.len(), plain);
        }
    }
    for (fanged, scheme) in [("hxxp", "http"), ("h**p", "http"), ("meow://", "http://"), ("fxp", "ftp")] {
        if text.get(..fanged.len()).is_some_and(|head| head.eq_ignore_ascii_case(fanged)) {
            text.replace_range(..fanged.len(), scheme);
        }
    }
    Cow::Owned(text)
}

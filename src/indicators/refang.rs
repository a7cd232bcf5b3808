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
    let fanged = SCHEMES.iter().any(|(fanged, _)| begins(trimmed, fanged));
    if !fanged && trimmed.bytes().all(is_plain) {
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
    for (fanged, scheme) in SCHEMES {
        if begins(&text, fanged) {
            text.replace_range(..fanged.len(), scheme);
        }
    }
    Cow::Owned(text)
}

/// Schemes that only stand in defanged values, and what they stand for.
const SCHEMES: &[(&str, &str)] = &[("hxxp", "http"), ("h**p", "http"), ("meow://", "http://"), ("fxp", "ftp")];

fn begins(text: &str, head: &str) -> bool {
    text.as_bytes().get(..head.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(head.as_bytes()))
}

/// True for what no mark and no invisible character is made of.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'/' | b':' | b'?' | b'=' | b'&' | b'@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_defanged_is_not_copied() {
        for plain in ["http://evil.com/a?b=1", "fe80::1", "mail.example", "HTTPS://h.example:8080/", "fx.example"] {
            assert!(matches!(refang(plain), Cow::Borrowed(same) if same == plain), "{plain}");
        }
        for (raw, made) in [
            ("HxxP://evil.com", "http://evil.com"),
            ("fxp://evil[.]com", "ftp://evil.com"),
            ("meow://evil(dot)com", "http://evil.com"),
            ("h**ps[:]//e\u{200b}vil.com", "https://evil.com"),
        ] {
            assert_eq!(refang(raw), made);
        }
    }
}

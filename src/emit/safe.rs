//! Log content is the attacker's: what makes it harmless in each place it is shown.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a character could steer a terminal, reorder text or hide in it: control characters, line separators,
/// bidirectional marks, zero-width characters and tags.
pub fn is_steering(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The text on one line with every steering character written out: `\n`, `\t`, `\u{1b}`.
pub fn text(raw: &str) -> Cow<'_, str> {
    if !raw.chars().any(is_steering) {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len() + 16);
    for c in raw.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_steering(c) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// The text with steering characters written out, then cut to at most `limit` characters, the last an ellipsis.
pub fn short(raw: &str, limit: usize) -> String {
    // What is cut off is not escaped first: escaping never shortens.
    let head = raw.char_indices().nth(limit).map_or(raw, |(at, _)| &raw[..at]);
    let shown = text(head);
    if head.len() == raw.len() && shown.chars().count() <= limit {
        return shown.into_owned();
    }
    let mut out: String = shown.chars().take(limit.saturating_sub(1)).collect();
    out.push('…');
    out
}

/// A CSV cell (RFC 4180), always quoted, on one line, with every steering character written out. A cell that a spreadsheet would take for a formula gets a `'` in front.
pub fn csv(raw: &str) -> String {
    let first = raw.trim_start_matches(|c: char| c.is_whitespace() && c != '\t' && c != '\r').chars().next();
    let formula = matches!(first, Some('=' | '+' | '-' | '@' | '\t' | '\r' | '＝' | '＋' | '－' | '＠'));
    let guard = if formula { "'" } else { "" };
    format!("\"{guard}{}\"", text(raw).replace('"', "\"\""))
}

/// Markdown text on one line: steering characters written out, every ASCII character that Markdown or HTML could
/// take for markup behind a backslash or as an entity.
pub fn markdown(raw: &str) -> String {
    let safe = text(raw);
    let mut out = String::with_capacity(safe.len() + 16);
    for c in safe.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // An autolink needs `://`, `www.` or `@`; the entity breaks it and shows the same.
            ':' => out.push_str("&#58;"),
            '@' => out.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '+' | '-' | '.' | '!' | '|' | '~'
            | '=' | '$' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_is_left() {
        let hostile = "a\x1b[2Jb\u{202e}c\r\nd\u{200b}\u{9b}31m\u{7f}";
        let shown = text(hostile);
        assert!(!shown.chars().any(is_steering), "{shown:?}");
        assert_eq!(shown, "a\\u{1b}[2Jb\\u{202e}c\\r\\nd\\u{200b}\\u{9b}31m\\u{7f}");
        assert!(matches!(text("plain é"), Cow::Borrowed("plain é")));
    }

    #[test]
    fn formulas_are_disarmed_and_quotes_doubled() {
        for bad in ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "  =1", "\n=1"] {
            assert!(csv(bad).starts_with("\"'"), "{bad:?} became {}", csv(bad));
        }
        assert_eq!(csv("a\"b,\nc"), "\"a\"\"b,\\nc\"");
        let steered = csv("x\x1b[31m\x07\u{202e}\u{9b}");
        assert_eq!(steered, "\"x\\u{1b}[31m\\u{7}\\u{202e}\\u{9b}\"");
        assert_eq!(csv(""), "\"\"");
    }

    #[test]
    fn markdown_has_no_markup_left() {
        let shown = markdown("<script>x</script> [a](http://b) `c` | *d*\n# e");
        assert!(!shown.contains('<') && !shown.contains("http:") && !shown.contains('\n'), "{shown}");
        assert!(shown.contains("\\[a\\]\\(") && shown.contains("\\|") && shown.contains("\\`"));
    }

    #[test]
    fn cutting_counts_characters() {
        assert_eq!(short("éééé", 3), "éé…");
        assert_eq!(short("ééé", 3), "ééé");
        assert_eq!(short("a\x1b[31m", 6), "a\\u{1…", "escaped before it is cut");
        assert_eq!(short("\n\n", 4), "\\n\\n");
    }
}

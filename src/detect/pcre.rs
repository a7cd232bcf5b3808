//! Regular expressions as PCRE reads them, in the words of the one that evaluates them.
//!
//! The two write most things alike, and a few alike that mean different things: there a rule would be evaluated as another one.
//! SOURCE: Sigma specification 2.1.0, modifier `re`; pcre2pattern(3); documentation of `regex`, syntax.

/// The same expression for `regex`.
///
/// # Errors
/// What PCRE has and an evaluation in linear time has not, and which would be taken for something else.
pub(super) fn spelled(text: &str) -> Result<String, String> {
    let mut reader = Reader { rest: text, out: String::with_capacity(text.len()) };
    while let Some(next) = reader.rest.chars().next() {
        match next {
            '\\' => reader.escape(),
            '[' => reader.class(),
            '(' => reader.group()?,
            '{' | '*' | '+' | '?' => reader.repetition()?,
            other => reader.copy(other.len_utf8()),
        }
    }
    Ok(reader.out)
}

struct Reader<'t> {
    rest: &'t str,
    out: String,
}

impl Reader<'_> {
    /// Takes so many bytes over as they are; all there are where they are fewer.
    fn copy(&mut self, bytes: usize) {
        let (head, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.out.push_str(head);
        self.rest = rest;
    }

    /// Takes a character over as itself.
    fn literal(&mut self, c: char) {
        self.out.extend(['\\', c]);
        self.rest = &self.rest[c.len_utf8()..];
    }

    /// A backslash and what it stands before.
    fn escape(&mut self) {
        let mut chars = self.rest.chars().skip(1);
        match (chars.next(), chars.next()) {
            // Borders of words here, the characters themselves there.
            (Some('<' | '>'), _) => {
                self.rest = &self.rest[1..];
                self.copy(1);
            }
            (Some('x' | 'p' | 'P'), Some('{')) => self.copy(self.rest.find('}').map_or(self.rest.len(), |end| end + 1)),
            (escaped, _) => self.copy(1 + escaped.map_or(0, char::len_utf8)),
        }
    }

    /// A class of characters, in which no others stand and nothing is taken away.
    fn class(&mut self) {
        self.copy(if self.rest.starts_with("[^") { 2 } else { 1 });
        let mut is_first = true;
        while let Some(next) = self.rest.chars().next() {
            match next {
                ']' if !is_first => return self.copy(1),
                '\\' => self.escape(),
                '[' => match named(self.rest) {
                    Some(length) => self.copy(length),
                    None => self.literal('['),
                },
                ']' | '&' | '~' => self.literal(next),
                // Of two the first is a range, unless nothing stands before it.
                '-' if self.rest.starts_with("--") && !is_first => {
                    self.copy(1);
                    self.literal('-');
                }
                '-' if is_first => self.literal('-'),
                other => self.copy(other.len_utf8()),
            }
            is_first = false;
        }
    }

    /// The beginning of a group.
    fn group(&mut self) -> Result<(), String> {
        if self.rest.starts_with("(?R") {
            return Err("recursion is not possible in linear time".to_owned());
        }
        self.copy(if self.rest.starts_with("(?") { 2 } else { 1 });
        Ok(())
    }

    /// How often what stands before it comes, or a brace that says nothing of that.
    fn repetition(&mut self) -> Result<(), String> {
        match braced(self.rest) {
            Some(length) => self.copy(length),
            None if self.rest.starts_with('{') => {
                self.literal('{');
                return Ok(());
            }
            None => self.copy(1),
        }
        match self.rest.chars().next() {
            Some('+') => Err("possessive repetitions are not possible in linear time".to_owned()),
            Some('?') => {
                self.copy(1);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// The length of `[:alpha:]` or `[:^alpha:]` at the beginning of a text.
fn named(text: &str) -> Option<usize> {
    let name = text.strip_prefix("[:")?;
    let end = name.find(|c: char| !c.is_ascii_alphabetic() && c != '^')?;
    name[end..].starts_with(":]").then_some(end + 4)
}

/// The length of `{2}`, `{2,}` or `{2,3}` at the beginning of a text.
fn braced(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('{')?;
    let end = inside.find('}')?;
    let (least, most) = inside[..end].split_once(',').unwrap_or((&inside[..end], ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    (!least.is_empty() && digits(least) && digits(most)).then_some(end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_the_same_stays_as_it_is() {
        for text in
            [r"^(?i)a[b-d\]]{2,3}?\d+?$", r"\x{41}\p{Greek}+[^a-z[:digit:][:^word:]_-]*", r"(?<n>é|ü)\\\[x\+\+", r"a\"]
        {
            assert_eq!(spelled(text).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_means_something_else_is_written_otherwise() {
        for (text, shown) in [
            (r"\<script\>", "<script>"),
            (r"[\<\>]", "[<>]"),
            ("[;&&|]", r"[;\&\&|]"),
            ("[a~~b]", r"[a\~\~b]"),
            ("[[a]", r"[\[a]"),
            ("[[:/]+[a-z:]", r"[\[:/]+[a-z:]"),
            ("[]a]", r"[\]a]"),
            ("[^]a]", r"[^\]a]"),
            ("[+--]", r"[+-\-]"),
            ("[--/]", r"[\--/]"),
            ("${jndi:", r"$\{jndi:"),
            ("a{,3}", r"a\{,3}"),
        ] {
            assert_eq!(spelled(text).as_deref(), Ok(shown), "{text}");
        }
    }

    #[test]
    fn what_takes_more_than_linear_time_is_refused() {
        for text in ["a++b", "a*+", "[ab]?+", "a{2}+", r"\((?R)?\)"] {
            assert!(spelled(text).is_err(), "{text}");
        }
        assert!(spelled(r"\++ [*+] \*+").is_ok());
    }
}

//! Names of JSON as they may stand in a record, looked for without reading it.
//!
//! Traps: a letter of a name may be written as an escape (`\u0074s`), so that a name which is not found is not there only where no
//! name has one.

use std::sync::OnceLock;

use memchr::memmem::Finder;

use super::mark::Mark;

const ESCAPE: Mark = Mark::new(b"\\u", 0);

/// Sets of dotted names, of one of which a record has all.
#[derive(Debug)]
pub struct Marks {
    /// The sets.
    pub sets: &'static [&'static [&'static str]],
    /// The same as logs have them, where names are made of others.
    written: &'static [&'static [&'static str]],
    /// The last part of each of these.
    ///
    /// PERF: to look for a name costs less than to make ready for it.
    lasts: OnceLock<Vec<Vec<Finder<'static>>>>,
}

impl Marks {
    /// These sets.
    pub const fn new(sets: &'static [&'static [&'static str]]) -> Self {
        Self::made_of(sets, sets)
    }

    /// These sets, whose names are made of those in `written`: what has one of the former has one of the latter.
    pub const fn made_of(
        sets: &'static [&'static [&'static str]],
        written: &'static [&'static [&'static str]],
    ) -> Self {
        Self { sets, written, lasts: OnceLock::new() }
    }

    /// Whether a record that is an object may have all names of one set. What lacks the last part of a name has no such name.
    pub fn may_be_in(&self, record: &[u8]) -> bool {
        let last = |name: &&'static str| Finder::new(name.rsplit('.').next().unwrap_or(name));
        let made = || self.written.iter().map(|set| set.iter().map(last).collect()).collect();
        let sets = self.lasts.get_or_init(made);
        is_object(record)
            && (sets.iter().any(|set| set.iter().all(|name| name.find(record).is_some())) || has_escaped_name(record))
    }
}

/// Whether an object may begin with a byte: blanks may stand before it.
pub fn begins_object(first: u8) -> bool {
    first == b'{' || first.is_ascii_whitespace()
}

/// Whether a record begins as an object does.
pub fn is_object(record: &[u8]) -> bool {
    record.trim_ascii_start().starts_with(b"{")
}

/// Whether a name of a record has a letter that is written as an escape.
pub fn has_escaped_name(record: &[u8]) -> bool {
    let mut rest = record;
    while let Some(found) = ESCAPE.find(rest) {
        rest = behind_string(&rest[found..]);
        if rest.trim_ascii_start().starts_with(b":") {
            return true;
        }
    }
    false
}

/// What follows the string that a text begins in; nothing where it has no end.
fn behind_string(text: &[u8]) -> &[u8] {
    let mut rest = text;
    while let Some(found) = memchr::memchr2(b'"', b'\\', rest) {
        if rest[found] == b'"' {
            return &rest[found + 1..];
        }
        rest = rest.get(found + 2..).unwrap_or_default();
    }
    b""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_an_escape_is_no_value_with_one() {
        for (record, expected) in [
            (r#"{"\u0074s":1}"#, true),
            (r#"{"a":"\u0026","b\u0062" : 2}"#, true),
            (r#"{"a":"\u0026 \" \u0026: x","b":"x\u0026"}"#, false),
            (r#"{"a":"x\u002"#, false),
            (r#"{"a\nb":1}"#, false),
            ("\\u", false),
            ("\\u\\", false),
        ] {
            assert_eq!(has_escaped_name(record.as_bytes()), expected, "{record}");
        }
    }
}

//! Regular expressions of rules, compiled when a record first asks, or when a rule is read.

use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

use super::needed::Needed;
use super::pcre;

/// Largest compiled size of one expression, in bytes.
const SIZE_LIMIT: usize = 8 << 20;
/// An expression that is estimated to take no more is compiled when a value first asks.
const SMALL_BYTES: u64 = 256 << 10;
/// What a byte of text, and what a range of a class, takes at most.
const BYTE_BYTES: u64 = 64;
const RANGE_BYTES: u64 = 512;
/// Deepest nesting of one expression.
const NEST_LIMIT: u32 = 100;

/// One expression, shared by all threads.
#[derive(Debug, Clone)]
pub(super) struct Regexp {
    /// As the rule has it.
    text: Box<str>,
    /// The same as it is compiled.
    spelled: Box<str>,
    /// Case is ignored; `^` and `$` mean lines; a dot matches line breaks.
    flags: [bool; 3],
    /// `None` inside where it grows too large, which only an expression of a pack that somebody made by hand can.
    compiled: OnceLock<Option<Regex>>,
    needed: Option<Needed>,
}

impl Regexp {
    /// An expression that can be compiled.
    pub fn new(text: &str, flags: [bool; 3]) -> Result<Self, String> {
        let spelled = pcre::spelled(text).map_err(|what| format!("regular expression: {what}"))?;
        let parsed = Self::parsed(&spelled, flags);
        let regex = Self::uncompiled((text, spelled), flags, parsed.as_ref());
        // PERF: most rules have no value to ask theirs about.
        if parsed.is_some_and(|parsed| weight(&parsed) <= SMALL_BYTES) {
            return Ok(regex);
        }
        match regex.build() {
            Ok(compiled) => Ok(Self { compiled: OnceLock::from(Some(compiled)), ..regex }),
            Err(why) => Err(format!("regular expression: {}", why.to_string().lines().last().unwrap_or_default())),
        }
    }

    /// An expression out of a pack, where it was compiled before; `None` where it is none. It is parsed, not compiled.
    pub fn unread(text: &str, flags: [bool; 3]) -> Option<Self> {
        let spelled = pcre::spelled(text).ok()?;
        Self::parsed(&spelled, flags).map(|parsed| Self::uncompiled((text, spelled), flags, Some(&parsed)))
    }

    fn parsed(spelled: &str, flags: [bool; 3]) -> Option<Hir> {
        let [insensitive, lines, dot_all] = flags;
        let mut parser = ParserBuilder::new()
            .utf8(false)
            .case_insensitive(insensitive)
            .multi_line(lines)
            .dot_matches_new_line(dot_all)
            .nest_limit(NEST_LIMIT)
            .build();
        parser.parse(spelled).ok()
    }

    fn uncompiled((text, spelled): (&str, String), flags: [bool; 3], parsed: Option<&Hir>) -> Self {
        let (text, spelled) = (text.into(), spelled.into());
        Self { text, spelled, flags, compiled: OnceLock::new(), needed: parsed.and_then(Needed::of) }
    }

    /// Texts that every value that it matches holds; `None` where there are none.
    pub fn needed(&self) -> Option<&Needed> {
        self.needed.as_ref()
    }

    /// Whether it matches anywhere.
    pub fn is_match(&self, value: &[u8]) -> bool {
        self.compiled.get_or_init(|| self.build().ok()).as_ref().is_some_and(|regex| regex.is_match(value))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Case is ignored; `^` and `$` mean lines; a dot matches line breaks.
    pub fn flags(&self) -> [bool; 3] {
        self.flags
    }

    fn build(&self) -> Result<Regex, regex::Error> {
        let [insensitive, lines, dot_all] = self.flags;
        RegexBuilder::new(&self.spelled)
            .case_insensitive(insensitive)
            .multi_line(lines)
            .dot_matches_new_line(dot_all)
            .size_limit(SIZE_LIMIT)
            .dfa_size_limit(SIZE_LIMIT)
            .nest_limit(NEST_LIMIT)
            .build()
    }
}

/// About how many bytes an expression takes compiled, and rather too many.
fn weight(expression: &Hir) -> u64 {
    let all = |parts: &[Hir]| parts.iter().map(weight).fold(BYTE_BYTES, u64::saturating_add);
    match expression.kind() {
        HirKind::Empty | HirKind::Look(_) => BYTE_BYTES,
        HirKind::Literal(text) => BYTE_BYTES.saturating_mul(1 + text.0.len() as u64),
        HirKind::Class(Class::Unicode(class)) => RANGE_BYTES.saturating_mul(1 + class.ranges().len() as u64),
        HirKind::Class(Class::Bytes(class)) => RANGE_BYTES.saturating_mul(1 + class.ranges().len() as u64),
        HirKind::Repetition(repeated) => {
            let times = u64::from(repeated.max.unwrap_or(repeated.min).max(1)) + 1;
            weight(&repeated.sub).saturating_add(BYTE_BYTES).saturating_mul(times)
        }
        HirKind::Capture(capture) => weight(&capture.sub).saturating_add(2 * BYTE_BYTES),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => all(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_small_compiles_and_what_is_not_is_compiled_at_once() {
        let new = |text| Regexp::new(text, [true, false, false]);
        for (text, is_later) in [(r"^[a-z]{2}\d\.exe$", true), (r"a{1,100}", true), (r"\w{40}", false)] {
            let regex = new(text).unwrap();
            assert_eq!(regex.compiled.get().is_none(), is_later, "{text}");
            assert!(regex.build().is_ok(), "{text}");
        }
        assert!(new(r"\w{9000}").is_err() && new("(").is_err() && new(r"(?<=a)b").is_err());
    }
}

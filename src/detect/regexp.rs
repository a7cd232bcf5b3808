//! Regular expressions of rules, compiled when a record first asks, or when a rule is read.

use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;

/// Largest compiled size of one expression, in bytes.
const SIZE_LIMIT: usize = 8 << 20;
/// Deepest nesting of one expression.
const NEST_LIMIT: u32 = 100;

/// One expression, shared by all threads.
#[derive(Debug, Clone)]
pub(super) struct Regexp {
    text: Box<str>,
    /// Case is ignored; `^` and `$` mean lines; a dot matches line breaks.
    flags: [bool; 3],
    /// `None` inside where it grows too large, which only an expression of a pack that somebody made by hand can.
    compiled: OnceLock<Option<Regex>>,
}

impl Regexp {
    /// An expression that can be compiled.
    pub fn new(text: &str, flags: [bool; 3]) -> Result<Self, String> {
        let regex = Self::uncompiled(text, flags);
        match regex.build() {
            Ok(compiled) => Ok(Self { compiled: OnceLock::from(Some(compiled)), ..regex }),
            Err(why) => Err(format!("regular expression: {}", why.to_string().lines().last().unwrap_or_default())),
        }
    }

    /// An expression out of a pack, where it was compiled before; `None` where it is none. It is parsed, not compiled.
    pub fn unread(text: &str, flags: [bool; 3]) -> Option<Self> {
        let [insensitive, lines, dot_all] = flags;
        let mut parser = ParserBuilder::new()
            .utf8(false)
            .case_insensitive(insensitive)
            .multi_line(lines)
            .dot_matches_new_line(dot_all)
            .nest_limit(NEST_LIMIT)
            .build();
        parser.parse(text).ok().map(|_| Self::uncompiled(text, flags))
    }

    fn uncompiled(text: &str, flags: [bool; 3]) -> Self {
        Self { text: text.into(), flags, compiled: OnceLock::new() }
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
        RegexBuilder::new(&self.text)
            .case_insensitive(insensitive)
            .multi_line(lines)
            .dot_matches_new_line(dot_all)
            .size_limit(SIZE_LIMIT)
            .dfa_size_limit(SIZE_LIMIT)
            .nest_limit(NEST_LIMIT)
            .build()
    }
}

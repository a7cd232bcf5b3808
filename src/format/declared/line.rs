//! A way in which a line, or a message of syslog, is written: a pattern with named groups.

use std::sync::OnceLock;

use regex_automata::meta::Regex;
use regex_automata::util::primitives::NonMaxUsize;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};

use super::target::{Always, Apart, Target, canons, target};
use crate::format::sink::Sink;
use crate::model::fields::Canon;

/// Groups of a pattern, the whole match among them.
const GROUPS_LIMIT: usize = 32;
/// Bytes that a compiled pattern may take.
const PATTERN_LIMIT_BYTES: usize = 4 << 20;

/// A pattern, what its groups are, and what it always says.
#[derive(Debug)]
pub(super) struct Line {
    pattern: &'static str,
    /// Compiled when a line is first held against it.
    regex: OnceLock<Compiled>,
    /// Programs of which it may be a message; an empty name stands for messages without a program.
    pub(super) programs: &'static [&'static str],
    /// Whether a whole line may be written so.
    pub(super) is_bare: bool,
    /// Whether the format is known by such a line: without one a sample is of another.
    pub(super) is_mark: bool,
    always: Always,
}

#[derive(Debug)]
struct Compiled {
    regex: Regex,
    /// The named groups: number, name, and what it means.
    groups: Vec<(usize, &'static str, Target)>,
}

impl Line {
    /// A line of this pattern; whether it can be one, [`fault`](Self::fault) says. It is bare, and no mark.
    pub(super) fn new(pattern: &'static str, programs: &'static [&'static str], always: Always) -> Self {
        Self { pattern, regex: OnceLock::new(), programs, is_bare: true, is_mark: false, always }
    }

    /// Why the pattern cannot be used; `None` where it can.
    pub(super) fn fault(&self) -> Option<String> {
        match compile(self.pattern) {
            Err(why) => Some(why),
            Ok(compiled) if compiled.regex.is_match(Input::new(b"").anchored(Anchored::Yes)) => {
                Some("the pattern fits an empty line".to_owned())
            }
            Ok(_) => None,
        }
    }

    /// Whether the pattern is of JSON objects, as those are whose sense stands in a sentence.
    pub(super) fn is_of_objects(&self) -> bool {
        self.pattern.starts_with(r"\{")
    }

    /// Whether a line is written so.
    pub(super) fn is_of(&self, line: &[u8]) -> bool {
        let compiled = self.regex.get_or_init(|| compile(self.pattern).unwrap_or_default());
        compiled.regex.is_match(Input::new(line).anchored(Anchored::Yes))
    }

    /// Reads a line or a message; `None`, and nothing read, where it is written in another way.
    pub(super) fn read<'b>(&self, record: &'b [u8], sink: &mut Sink<'_, 'b>) -> Option<Always> {
        let compiled = self.regex.get_or_init(|| compile(self.pattern).unwrap_or_default());
        let mut slots: [Option<NonMaxUsize>; 2 * GROUPS_LIMIT] = [None; 2 * GROUPS_LIMIT];
        compiled.regex.search_slots(&Input::new(record).anchored(Anchored::Yes), &mut slots)?;
        let mut apart = Apart::default();
        for &(number, name, target) in &compiled.groups {
            if let (Some(start), Some(end)) = (slots[2 * number], slots[2 * number + 1])
                && let Some(value) = record.get(start.get()..end.get())
            {
                apart.put(name, target, value, sink);
            }
        }
        apart.finish(sink);
        Some(self.always)
    }

    /// The canonical fields that it can give.
    pub(super) fn canons(&self) -> Vec<Canon> {
        let named = compile(self.pattern).unwrap_or_default().groups;
        let groups = named.into_iter().flat_map(|(_, _, target)| canons(target));
        groups.chain(self.always.set.iter().flat_map(|constant| canons(constant.target))).copied().collect()
    }
}

impl Default for Compiled {
    /// What matches nothing: a pattern that cannot be compiled is refused before it is used.
    fn default() -> Self {
        Self { regex: Regex::new("[a&&b]").expect("an empty class is a pattern"), groups: Vec::new() }
    }
}

fn compile(pattern: &'static str) -> Result<Compiled, String> {
    let told = |error: regex_automata::meta::BuildError| match error.syntax_error() {
        Some(syntax) => syntax.to_string(),
        None => error.to_string(),
    };
    let config = Regex::config().nfa_size_limit(Some(PATTERN_LIMIT_BYTES)).utf8_empty(false);
    let bytes = syntax::Config::new().unicode(false).utf8(false).nest_limit(64);
    let regex = Regex::builder().configure(config).syntax(bytes).build(pattern).map_err(told)?;
    if regex.captures_len() > GROUPS_LIMIT {
        return Err(format!("{} groups, of which {} may be", regex.captures_len() - 1, GROUPS_LIMIT - 1));
    }
    let names = regex.group_info().pattern_names(regex_automata::PatternID::ZERO).enumerate();
    let leaked = |(number, name): (usize, Option<&str>)| {
        let name = pattern_slice(pattern, name?)?;
        Some((number, name, target(name)))
    };
    let groups = names.filter_map(leaked).collect();
    Ok(Compiled { regex, groups })
}

/// The name of a group as it stands in its pattern, which outlives the compiled one.
fn pattern_slice(pattern: &'static str, name: &str) -> Option<&'static str> {
    let marked = format!("<{name}>");
    let at = pattern.find(&marked)? + 1;
    pattern.get(at..at + name.len())
}

//! A way in which a line, or a message of syslog, is written: a pattern with named groups.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use memchr::memmem::Finder;
use regex_automata::meta::Regex;
use regex_automata::util::prefilter::Prefilter;
use regex_automata::util::primitives::NonMaxUsize;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, MatchKind, Span};
use regex_syntax::hir::{Hir, HirKind};

use super::hint;
use super::target::{Always, Apart, Target, canons, target};
use super::walk::{GROUPS_LIMIT, Slots, UNSET, Walk, Walked};
use crate::format::sink::Sink;
use crate::format::sketch::{Part, Sketch, Sketched};
use crate::model::fields::Canon;

/// Bytes that a compiled pattern may take.
const PATTERN_LIMIT_BYTES: usize = 4 << 20;
/// Texts that a line is looked through for before a pattern is held against it: so many are found in one pass.
const NEEDED_LIMIT: usize = 32;
/// So many times: ways of writing a line often begin alike, and the text that tells one need not be the longest.
const LOOKS_LIMIT: usize = 4;
/// A shorter text stands in too many lines.
const NEEDED_BYTES: usize = 2;

/// A pattern, what its groups are, and what it always says.
#[derive(Debug)]
pub(super) struct Line {
    pattern: &'static str,
    /// A text that every line has which is written so, read off the pattern when a line is first held against it.
    hint: OnceLock<Finder<'static>>,
    /// Compiled when a line that has that text is first held against it.
    compiled: OnceLock<Compiled>,
    /// Programs of which it may be a message; an empty name stands for messages without a program.
    pub(super) programs: &'static [&'static str],
    /// Whether a whole line may be written so.
    pub(super) is_bare: bool,
    /// Whether the format is known by such a line: without one a sample is of another.
    pub(super) is_mark: bool,
    always: Always,
    /// Whether the last line that it was held against is written so.
    is_likely: AtomicBool,
}

#[derive(Debug, Default)]
struct Compiled {
    /// How lines are read; none where a pattern cannot be walked.
    walk: Option<Walk>,
    /// How those are that would take long to walk, compiled when there is one.
    regex: OnceLock<Regex>,
    /// Each finds texts of which one stands in every line that is written so.
    needed: Vec<Prefilter>,
    /// The named groups: number, name, what it means, and what it is to an outline.
    groups: Vec<(usize, &'static str, Target, Part)>,
}

impl Line {
    /// A line of this pattern; whether it can be one, [`fault`](Self::fault) says. It is bare, and no mark.
    pub(super) fn new(pattern: &'static str, programs: &'static [&'static str], always: Always) -> Self {
        Self {
            pattern,
            hint: OnceLock::new(),
            compiled: OnceLock::new(),
            programs,
            is_bare: true,
            is_mark: false,
            always,
            is_likely: AtomicBool::new(false),
        }
    }

    /// Why the pattern cannot be used; `None` where it can.
    pub(super) fn fault(&self) -> Option<String> {
        let compiled = match compile(self.pattern) {
            Err(why) => return Some(why),
            Ok(compiled) => compiled,
        };
        // A pattern of few steps is small as an automaton too.
        if compiled.walk.is_none()
            && let Err(why) = regex(self.pattern)
        {
            return Some(why);
        }
        compiled.fits(self.pattern, b"", &mut unset()).then(|| "the pattern fits an empty line".to_owned())
    }

    /// Whether the pattern is of JSON objects, as those are whose sense stands in a sentence.
    pub(super) fn is_of_objects(&self) -> bool {
        self.pattern.starts_with(r"\{")
    }

    /// Adds the bytes that a line may begin with which is written so; false where it may be any.
    pub(super) fn add_begins(&self, bytes: &mut [bool; 256]) -> bool {
        let own = hint::begins(self.pattern);
        own.iter().for_each(|own| bytes.iter_mut().zip(own).for_each(|(all, one)| *all |= one));
        own.is_some()
    }

    fn compiled(&self) -> &Compiled {
        self.compiled.get_or_init(|| compile(self.pattern).unwrap_or_default())
    }

    /// Whether a line lacks the text by which a pattern that was not needed so far stays uncompiled.
    fn is_without(&self, line: &[u8]) -> bool {
        if self.compiled.get().is_some() {
            return false;
        }
        let hint = self.hint.get_or_init(|| Finder::new(&hint::of(self.pattern)).into_owned());
        hint.find(line).is_none()
    }

    /// Whether a line is written so.
    pub(super) fn is_of(&self, line: &[u8]) -> bool {
        !self.is_without(line) && self.compiled().fits(self.pattern, line, &mut unset())
    }

    /// Whether a line begins with a byte and has a text that it needs, which is seen sooner than that it is written so.
    ///
    /// PERF: where the last one was, it is held against the pattern at once.
    pub(super) fn may_be(&self, line: &[u8]) -> bool {
        self.is_likely.load(Ordering::Relaxed) || !self.is_without(line) && self.compiled().may_fit(line)
    }

    /// Whether a line is written so, with the slots of its groups.
    fn fits(&self, line: &[u8], slots: &mut Slots) -> bool {
        let fits = self.compiled().fits(self.pattern, line, slots);
        if self.is_likely.load(Ordering::Relaxed) != fits {
            self.is_likely.store(fits, Ordering::Relaxed);
        }
        fits
    }

    /// Reads a line or a message; `None`, and nothing read, where it is written in another way.
    pub(super) fn read<'b>(&self, record: &'b [u8], sink: &mut Sink<'_, 'b>) -> Option<Always> {
        if self.is_without(record) {
            return None;
        }
        let (compiled, mut slots) = (self.compiled(), unset());
        if !self.fits(record, &mut slots) {
            return None;
        }
        let mut apart = Apart::default();
        for &(number, name, target, _) in &compiled.groups {
            if let Some(value) = record.get(slots[2 * number]..slots[2 * number + 1]) {
                apart.put(name, target, value, sink);
            }
        }
        apart.finish(sink);
        Some(self.always)
    }

    /// Adds what a line says to an outline. `number`: which of several patterns this is.
    pub(super) fn outline<'b>(&self, number: usize, record: &'b [u8], sketch: &mut Sketch<'_, 'b>) -> Sketched {
        if self.is_without(record) {
            return Sketched::Other;
        }
        let (compiled, mut slots) = (self.compiled(), unset());
        if !self.fits(record, &mut slots) {
            return Sketched::Other;
        }
        if compiled.groups.iter().any(|(_, _, target, _)| target.carries()) {
            return Sketched::Unusual;
        }
        sketch.out.part(&number.to_le_bytes());
        let mut apart = Apart::default();
        for &(number, _, _, part) in compiled.groups.iter().filter(|group| group.3 != Part::Skip) {
            let value = record.get(slots[2 * number]..slots[2 * number + 1]);
            if apart.sketch(part, value, sketch).is_none() {
                return Sketched::Unusual;
            }
        }
        apart.close(sketch);
        Sketched::Whole
    }

    /// The canonical fields that it can give.
    pub(super) fn canons(&self) -> Vec<Canon> {
        let named = compile(self.pattern).unwrap_or_default().groups;
        let groups = named.into_iter().flat_map(|(_, _, target, _)| canons(target));
        groups.chain(self.always.set.iter().flat_map(|constant| canons(constant.target))).copied().collect()
    }
}

impl Compiled {
    /// Whether the first byte of a line, and a text in it, allow that it is written so.
    fn may_fit(&self, line: &[u8]) -> bool {
        let whole = Span { start: 0, end: line.len() };
        let has_needed = || self.needed.iter().all(|needed| needed.find(line, whole).is_some());
        self.walk.as_ref().is_none_or(|walk| walk.may_begin(line)) && has_needed()
    }

    /// Whether a line begins as the pattern says; `slots`, unset so far, are then those of its groups.
    fn fits(&self, pattern: &str, line: &[u8], slots: &mut Slots) -> bool {
        match self.walk.as_ref().map(|walk| walk.along(line, slots)) {
            Some(Walked::Fits) => true,
            Some(Walked::Differs) => false,
            Some(Walked::Unclear) | None => {
                let regex = self.regex.get_or_init(|| regex(pattern).unwrap_or_else(|_| nothing()));
                searched(regex, line, slots)
            }
        }
    }
}

fn unset() -> Slots {
    [UNSET; 2 * GROUPS_LIMIT]
}

/// What a walk finds, found by the automata of the regex crate.
fn searched(regex: &Regex, line: &[u8], slots: &mut Slots) -> bool {
    let mut found: [Option<NonMaxUsize>; 2 * GROUPS_LIMIT] = [None; 2 * GROUPS_LIMIT];
    let fits = regex.search_slots(&Input::new(line).anchored(Anchored::Yes), &mut found).is_some();
    slots.iter_mut().zip(found).for_each(|(slot, found)| *slot = found.map_or(UNSET, NonMaxUsize::get));
    fits
}

/// What matches no line: a pattern that cannot be compiled is refused before it is used.
fn nothing() -> Regex {
    Regex::new("[a&&b]").expect("an empty class is a pattern")
}

fn regex(pattern: &str) -> Result<Regex, String> {
    let told = |error: regex_automata::meta::BuildError| match error.syntax_error() {
        Some(syntax) => syntax.to_string(),
        None => error.to_string(),
    };
    let config = Regex::config().nfa_size_limit(Some(PATTERN_LIMIT_BYTES)).utf8_empty(false);
    let bytes = syntax::Config::new().unicode(false).utf8(false).nest_limit(64);
    Regex::builder().configure(config).syntax(bytes).build(pattern).map_err(told)
}

fn compile(pattern: &'static str) -> Result<Compiled, String> {
    let mut parser = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).nest_limit(64).build();
    let parsed = parser.parse(pattern).map_err(|error| error.to_string())?;
    let groups = parsed.properties().explicit_captures_len();
    if groups >= GROUPS_LIMIT {
        return Err(format!("{groups} groups, of which {} may be", GROUPS_LIMIT - 1));
    }
    let mut names = Vec::new();
    named(&parsed, &mut names);
    names.sort_unstable();
    names.dedup();
    let leaked = |(number, name): (usize, String)| {
        let name = pattern_slice(pattern, &name)?;
        let target = target(name);
        Some((number, name, target, target.part()))
    };
    let groups = names.into_iter().filter_map(leaked).collect();
    let needed = looks(&parsed).iter().filter_map(|texts| Prefilter::new(MatchKind::LeftmostFirst, texts)).collect();
    Ok(Compiled { walk: Walk::new(&parsed), regex: OnceLock::new(), needed, groups })
}

/// Texts of which one is in all that a pattern matches.
type Needed<'p> = Vec<&'p [u8]>;

/// The length of the shortest.
fn least(texts: &Needed<'_>) -> usize {
    texts.iter().map(|text| text.len()).min().unwrap_or_default()
}

/// What lines are looked through for before a pattern is held against them, the longest texts first.
fn looks(pattern: &Hir) -> Vec<Needed<'_>> {
    let mut all = Vec::new();
    needed(pattern, &mut all);
    all.retain(|texts| least(texts) >= NEEDED_BYTES);
    all.sort_by_key(|texts| std::cmp::Reverse(least(texts)));
    all.dedup();
    all.truncate(LOOKS_LIMIT);
    all
}

/// Adds what is in all that a pattern matches.
fn needed<'p>(pattern: &'p Hir, all: &mut Vec<Needed<'p>>) {
    match pattern.kind() {
        HirKind::Literal(literal) => all.push(vec![&literal.0]),
        HirKind::Capture(group) => needed(&group.sub, all),
        HirKind::Repetition(of) if of.min > 0 => needed(&of.sub, all),
        HirKind::Concat(parts) => parts.iter().for_each(|part| needed(part, all)),
        HirKind::Alternation(ways) => {
            let best = |way| {
                let mut all = Vec::new();
                needed(way, &mut all);
                all.into_iter().max_by_key(least)
            };
            let each: Option<Vec<Needed<'p>>> = ways.iter().map(best).collect();
            all.extend(each.map(|each| each.concat()).filter(|texts| texts.len() <= NEEDED_LIMIT));
        }
        _ => {}
    }
}

/// Adds the numbers and names of the groups that have one.
fn named(pattern: &Hir, names: &mut Vec<(usize, String)>) {
    match pattern.kind() {
        HirKind::Capture(group) => {
            names.extend(group.name.as_ref().map(|name| (group.index as usize, name.to_string())));
            named(&group.sub, names);
        }
        HirKind::Repetition(of) => named(&of.sub, names),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().for_each(|part| named(part, names)),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => {}
    }
}

/// The name of a group as it stands in its pattern, which outlives the compiled one.
fn pattern_slice(pattern: &'static str, name: &str) -> Option<&'static str> {
    let marked = format!("<{name}>");
    let at = pattern.find(&marked)? + 1;
    pattern.get(at..at + name.len())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::all;
    use super::*;

    /// Holds a walk against the regex crate; gives whether the line fits.
    fn same(pattern: &'static str, line: &[u8]) -> bool {
        let (compiled, regex) = (compile(pattern).unwrap(), regex(pattern).unwrap());
        agree(pattern, &compiled, &regex, line)
    }

    fn agree(pattern: &str, compiled: &Compiled, regex: &Regex, line: &[u8]) -> bool {
        let (mut walked, mut found) = (unset(), unset());
        let fits = compiled.walk.as_ref().expect(pattern).along(line, &mut walked);
        let expected = searched(regex, line, &mut found);
        let has_hint = memchr::memmem::find(line, &hint::of(pattern)).is_some();
        assert!(has_hint || !expected, "{pattern} over {}", line.escape_ascii());
        if fits != Walked::Unclear {
            assert_eq!(fits == Walked::Fits, expected, "{pattern} over {}", line.escape_ascii());
            if expected {
                assert!(compiled.may_fit(line), "{pattern} over {}", line.escape_ascii());
                assert_eq!(walked[2..], found[2..], "{pattern} over {}", line.escape_ascii());
            }
        }
        expected
    }

    #[test]
    fn ways_and_lengths_are_tried_as_the_regex_crate_orders_them() {
        let patterns = [
            r"(?<a>.*)=(?<b>.*)$",
            r"(?<a>.*?)=(?<b>.*?);?$",
            r"(?:(?<a>\d+)|(?<b>[0-9a-f]+)|(?<c>\w+)) (?<d>.+) [ab]$",
            r"(?<a>a|ab)(?<b>c|bcd)(?<c>d*)",
            r"(?:(?<a>a)|b)*(?<b>.?)",
            r"(?<a>(?:ab){1,3}?)(?<b>(?:ab)*)$",
            r"(?<a>[^ ]{2,4}) ?(?<b>\b\w*)\B?",
            r"^(?<a>\d{1,3}(?:\.\d{1,3}){3})(?::(?<b>\d+))?",
            r"(?:(?<a>x+)?(?<b>x*))y",
        ];
        let lines =
            "a=b=c;|12 and more b|12ab and a a|abcd|abab|ababab|abba|x=1 a|xxxy|xxx|10.0.0.1:22|1.2.3|abcde fg| |";
        let mut fitting = 0;
        for pattern in patterns {
            fitting += lines.split('|').filter(|line| same(pattern, line.as_bytes())).count();
        }
        assert!(fitting > 30, "{fitting}");
    }

    #[test]
    fn texts_that_a_pattern_cannot_do_without() {
        let of = |pattern: &str| {
            let parsed = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(pattern).unwrap();
            let text = |text: &&[u8]| String::from_utf8_lossy(text).into_owned();
            looks(&parsed).iter().map(|texts| texts.iter().map(text).collect::<Vec<_>>().join("|")).collect::<Vec<_>>()
        };
        assert_eq!(
            of(r"(?<a>\d+) GMT (?<b>READ|WRITE|OK) x(?:maybe)?(?<c>ab)+$"),
            [" GMT ", "READ|WRITE|OK", " x", "ab"]
        );
        assert_eq!(of(r"(?:left \d|\d right)(?:one|\d)"), ["left | right"]);
        assert_eq!(of("(?:abc)*|de"), [""; 0]);
    }

    #[test]
    fn what_would_take_long_is_left_to_the_regex_crate() {
        let pattern = r"(?<a>.*).*.*.*.*=$";
        let (compiled, line) = (compile(pattern).unwrap(), "=a".repeat(400));
        assert_eq!(compiled.walk.as_ref().unwrap().along(line.as_bytes(), &mut unset()), Walked::Unclear);
        assert!(!compiled.fits(pattern, line.as_bytes(), &mut unset()));
        assert!(compiled.fits(pattern, &line.as_bytes()[..line.len() - 1], &mut unset()));
    }

    #[test]
    fn patterns_of_many_steps_are_not_walked() {
        for pattern in [r"(?:[a-z]+,){900}", r".{1,3000}", r"(?:a?)*b", r"(?m)^a$"] {
            assert!(compile(pattern).unwrap().walk.is_none(), "{pattern}");
        }
    }

    /// Every line of the fixtures, whole and cut and with a byte changed, against every pattern that is built in.
    #[test]
    fn patterns_that_are_built_in_find_what_the_regex_crate_finds() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/formats");
        let files = std::fs::read_dir(folder).unwrap().flat_map(|of| std::fs::read_dir(of.unwrap().path()).unwrap());
        let texts = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
        let mut lines: Vec<Vec<u8>> =
            texts.flat_map(|t| t.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>()).collect();
        lines.retain(|line| line.len() < 2000 && !line.starts_with(b"{"));
        let patterns: Vec<&Line> = all().flat_map(|declared| declared.lines).collect();
        assert!(patterns.len() > 400 && lines.len() > 2000, "{} {}", patterns.len(), lines.len());
        let mut fitting = 0;
        for (number, line) in patterns.into_iter().enumerate() {
            assert_eq!(line.fault(), None, "{}", line.pattern);
            let (compiled, regex) = (line.compiled(), regex(line.pattern).unwrap());
            for (at, text) in lines.iter().enumerate().filter(|(at, _)| (at + number) % 11 == 0) {
                fitting += usize::from(agree(line.pattern, compiled, &regex, text));
                let cut = &text[..text.len() * (at % 7) / 7];
                agree(line.pattern, compiled, &regex, cut);
            }
        }
        assert!(fitting > 250, "{fitting}");
    }
}

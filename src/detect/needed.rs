//! Which texts every value that a regular expression matches must hold.

use regex_syntax::hir::{Class, Hir, HirKind};

/// Texts that a value must hold for an expression to match it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Needed {
    /// This one, ASCII in lower case, in any case.
    Run(Box<[u8]>),
    /// Each of these.
    All(Vec<Needed>),
    /// One of these.
    Any(Vec<Needed>),
}

impl Needed {
    /// What an expression needs; `None` where it matches values that have no text in common.
    pub(super) fn of(expression: &Hir) -> Option<Self> {
        match expression.kind() {
            HirKind::Empty | HirKind::Look(_) => None,
            HirKind::Literal(_) | HirKind::Class(_) => of_sequence(std::slice::from_ref(expression)),
            HirKind::Repetition(repeated) => Self::of(&repeated.sub).filter(|_| repeated.min > 0),
            HirKind::Capture(group) => Self::of(&group.sub),
            HirKind::Concat(parts) => of_sequence(parts),
            HirKind::Alternation(ways) => ways.iter().map(Self::of).collect::<Option<_>>().map(Self::Any),
        }
    }
}

/// What parts need that stand one after the other. Letters beside each other are one text.
fn of_sequence(parts: &[Hir]) -> Option<Needed> {
    let mut all = Vec::new();
    let mut run: Vec<u8> = Vec::new();
    for part in parts {
        match part.kind() {
            HirKind::Literal(text) => run.extend(text.0.to_ascii_lowercase()),
            HirKind::Class(class) if letter(class).is_some() => run.extend(letter(class)),
            // Has no width.
            HirKind::Look(_) => {}
            _ => {
                flush(&mut run, &mut all);
                all.extend(Needed::of_part(part));
            }
        }
    }
    flush(&mut run, &mut all);
    if all.len() > 1 { Some(Needed::All(all)) } else { all.pop() }
}

impl Needed {
    /// What a part needs that is no letter.
    fn of_part(part: &Hir) -> Option<Self> {
        if matches!(part.kind(), HirKind::Class(_)) { None } else { Self::of(part) }
    }
}

fn flush(run: &mut Vec<u8>, all: &mut Vec<Needed>) {
    if !run.is_empty() {
        all.push(Needed::Run(std::mem::take(run).into()));
    }
}

/// The letter of ASCII that a class is in both cases, and nothing else: `s` and `k` have a third form in Unicode.
fn letter(class: &Class) -> Option<u8> {
    let pair: Vec<(u32, u32)> = match class {
        Class::Unicode(class) => class.ranges().iter().map(|r| (r.start().into(), r.end().into())).collect(),
        Class::Bytes(class) => class.ranges().iter().map(|r| (r.start().into(), r.end().into())).collect(),
    };
    let [(upper, upper_end), (lower, lower_end)] = pair[..] else { return None };
    let upper = u8::try_from(upper).ok().filter(|byte| byte.is_ascii_uppercase() && upper_end == u32::from(*byte))?;
    let same = lower == lower_end && lower == u32::from(upper.to_ascii_lowercase());
    same.then_some(upper.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use regex_syntax::ParserBuilder;

    use super::*;

    /// As a condition in words.
    fn told(needed: Option<Needed>) -> String {
        let list = |parts: Vec<Needed>, by: &str| {
            let parts: Vec<String> = parts.into_iter().map(|part| told(Some(part))).collect();
            format!("({})", parts.join(by))
        };
        match needed {
            None => "nothing".to_owned(),
            Some(Needed::Run(run)) => String::from_utf8_lossy(&run).into_owned(),
            Some(Needed::All(parts)) => list(parts, " and "),
            Some(Needed::Any(parts)) => list(parts, " or "),
        }
    }

    fn of(text: &str, insensitive: bool) -> String {
        let hir = ParserBuilder::new().utf8(false).case_insensitive(insensitive).build().parse(text).unwrap();
        told(Needed::of(&hir))
    }

    #[test]
    fn what_is_needed_is_in_every_value_that_matches() {
        assert_eq!(of("^Foo.*bar$", false), "(foo and bar)");
        assert_eq!(of("(foo|ba+r)x?y", false), "((foo or (b and a and r)) and y)");
        assert_eq!(of("(foo|)baz*", false), "ba");
        assert_eq!(of("x*|foo", false), "nothing");
        assert_eq!(of("[a-c]d", false), "d");
        assert_eq!(of("(?:ab){2}", false), "ab");
        assert_eq!(of("(?:ab){0,2}", false), "nothing");
        assert_eq!(of(r"a\bb", false), "ab", "as much as is needed of what never matches");
    }

    #[test]
    fn letters_that_have_a_third_form_are_left_out() {
        assert_eq!(of("Mega.nz", true), "(mega and nz)");
        assert_eq!(of("task", true), "ta");
        assert_eq!(of("task", false), "task");
        assert_eq!(of("(?-u)task", true), "task");
        assert_eq!(of("straße", true), "(tra and e)");
        assert_eq!(of("straße", false), "straße");
    }
}

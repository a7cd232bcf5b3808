//! Texts of one list in one test: those at an end of a value, and words, which are looked for in it at once.

use std::sync::OnceLock;

use aho_corasick::packed::Searcher;
use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::anchor::Anchored;
use super::item::{Expr, Test};
use super::pattern::Pattern;

/// From so many words on one automaton beats a search for each.
const FEW: usize = 4;

/// Shorter values are lowered on the stack.
const SHORT: usize = 64;

/// Words of which a value must hold one. What finds them is made when a value first asks.
#[derive(Debug, Clone)]
pub(super) struct Words {
    /// `None` inside where there are too many words for one.
    automaton: OnceLock<Option<AhoCorasick>>,
    /// Over words in lower case, as values are to be; `None` inside where there are too many, or case counts.
    packed: OnceLock<Option<Searcher>>,
    /// As patterns, for whoever needs to know what they are; each has one piece of bytes.
    patterns: Vec<Pattern>,
    cased: bool,
}

impl Words {
    /// Words that are patterns of one piece of bytes; `None` where one is not.
    pub(super) fn new(patterns: Vec<Pattern>, cased: bool) -> Option<Self> {
        let all = patterns.iter().all(|pattern| pattern.sole().is_some());
        all.then(|| Self { automaton: OnceLock::new(), packed: OnceLock::new(), patterns, cased })
    }

    /// Whether the value holds one of them.
    pub(super) fn any_in(&self, value: &[u8]) -> bool {
        match self.automaton.get_or_init(|| self.build()) {
            Some(automaton) => automaton.is_match(value),
            None => self.patterns.iter().any(|pattern| pattern.within(value)),
        }
    }

    /// Whether the value holds one of them; `lowered` is it with ASCII letters in lower case, where that is at hand.
    ///
    /// PERF: vectors find words in lower case several times faster than an automaton finds any.
    pub(super) fn any_in_known(&self, value: &[u8], lowered: Option<&[u8]>) -> bool {
        let mut short = [0; SHORT];
        let lowered = lowered.or_else(|| {
            let place = short.get_mut(..value.len())?;
            place.copy_from_slice(value);
            place.make_ascii_lowercase();
            Some(&*place)
        });
        match (lowered, self.packed.get_or_init(|| self.pack())) {
            (Some(lowered), Some(packed)) => packed.find(lowered).is_some(),
            _ => self.any_in(value),
        }
    }

    fn pack(&self) -> Option<Searcher> {
        if self.cased { None } else { Searcher::new(self.patterns.iter().filter_map(Pattern::sole)) }
    }

    /// The words, each as the pattern it was.
    pub(super) fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }

    /// Whether case counts.
    pub(super) fn is_cased(&self) -> bool {
        self.cased
    }

    fn build(&self) -> Option<AhoCorasick> {
        AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .ascii_case_insensitive(!self.cased)
            .build(self.patterns.iter().filter_map(Pattern::sole))
            .ok()
    }
}

/// Links alternatives of one key: those that stand at an end of a value become one test where there are more than a few,
/// and so do those that are words.
pub(super) fn any(alternatives: Vec<Expr>, cased: bool) -> Expr {
    let mut flat = Vec::new();
    for alternative in alternatives {
        match alternative {
            Expr::Any(parts) => flat.extend(parts),
            other => flat.push(other),
        }
    }
    let is_bound = |expr: &Expr| matches!(expr, Expr::Field(_, Test::Text(pattern)) if pattern.anchor().is_some());
    let is_word = |expr: &Expr| match expr {
        Expr::Field(_, Test::Text(pattern)) => pattern.contained().is_some(),
        Expr::Keyword(Test::Text(pattern)) => pattern.sole().is_some(),
        _ => false,
    };
    let flat = gather(flat, is_bound, |texts| Some(Test::Anchored(Box::new(Anchored::new(texts)?))));
    let flat = gather(flat, is_word, |texts| Some(Test::Words(Box::new(Words::new(texts, cased)?))));
    super::item::one(flat, Expr::Any)
}

/// Alternatives of one key, with one test over all texts of those that `is_one` names, where these are more than a few
/// and `test` can be made.
fn gather(
    flat: Vec<Expr>,
    is_one: impl Fn(&Expr) -> bool,
    test: impl FnOnce(Vec<Pattern>) -> Option<Test>,
) -> Vec<Expr> {
    if flat.iter().filter(|expr| is_one(expr)).count() < FEW {
        return flat;
    }
    let (ones, mut rest): (Vec<Expr>, Vec<Expr>) = flat.into_iter().partition(is_one);
    let field = ones.iter().find_map(|expr| if let Expr::Field(field, _) = expr { Some(*field) } else { None });
    let texts = ones.iter().filter_map(|expr| match expr {
        Expr::Field(_, Test::Text(pattern)) | Expr::Keyword(Test::Text(pattern)) => Some(pattern.clone()),
        _ => None,
    });
    match (field, test(texts.collect())) {
        (Some(field), Some(test)) => rest.push(Expr::Field(field, test)),
        (None, Some(test)) => rest.push(Expr::Keyword(test)),
        (_, None) => rest.extend(ones),
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::pattern::tokens;

    #[test]
    fn words_are_found_in_values_of_any_length_and_case() {
        let words = |texts: &[&str], cased| {
            let patterns = texts.iter().map(|text| Pattern::new(&tokens(&format!("*{text}*")), cased)).collect();
            Words::new(patterns, cased).unwrap()
        };
        let few = ["Invoke-", "mimi", "x", "100€"];
        let many: Vec<String> = (0..400).map(|number| format!("word{number}!")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).chain(few).collect();
        for (cased, texts) in [(false, &few[..]), (true, &few), (false, &many), (true, &many)] {
            let words = words(texts, cased);
            for around in [0, 5, SHORT - 8, SHORT, 700] {
                for (text, any, exact) in [
                    ("invoke-", true, false),
                    ("Invoke-", true, true),
                    ("MIMIKATZ", true, false),
                    ("X", true, false),
                    ("100€", true, true),
                    ("none", false, false),
                    ("", false, false),
                ] {
                    let value = [vec![b' '; around], text.into(), vec![b'.'; around]].concat();
                    let lowered = value.to_ascii_lowercase();
                    let wanted = if cased { exact } else { any };
                    assert_eq!(words.any_in_known(&value, None), wanted, "{text} {around} {cased}");
                    assert_eq!(words.any_in_known(&value, Some(&lowered)), wanted, "{text} {around} {cased}");
                    assert_eq!(words.any_in(&value), wanted, "{text} {around} {cased}");
                }
            }
        }
    }
}

//! Many words of one list, looked for in a value at once.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::item::{Expr, Test};
use super::pattern::Pattern;

/// From so many words on one automaton beats a search for each.
const FEW: usize = 4;

/// Words of which a value must hold one. The automaton over them is made when a value first asks.
#[derive(Debug, Clone)]
pub(super) struct Words {
    /// `None` inside where there are too many words for one.
    automaton: OnceLock<Option<AhoCorasick>>,
    /// As patterns, for whoever needs to know what they are; each has one piece of bytes.
    patterns: Vec<Pattern>,
    cased: bool,
}

impl Words {
    /// Words that are patterns of one piece of bytes; `None` where one is not.
    pub(super) fn new(patterns: Vec<Pattern>, cased: bool) -> Option<Self> {
        let all = patterns.iter().all(|pattern| pattern.sole().is_some());
        all.then(|| Self { automaton: OnceLock::new(), patterns, cased })
    }

    /// Whether the value holds one of them.
    pub(super) fn any_in(&self, value: &[u8]) -> bool {
        match self.automaton.get_or_init(|| self.build()) {
            Some(automaton) => automaton.is_match(value),
            None => self.patterns.iter().any(|pattern| pattern.within(value)),
        }
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

/// Links alternatives of one key: those that are words become one test where there are more than a few.
pub(super) fn any(alternatives: Vec<Expr>, cased: bool) -> Expr {
    let mut flat = Vec::new();
    for alternative in alternatives {
        match alternative {
            Expr::Any(parts) => flat.extend(parts),
            other => flat.push(other),
        }
    }
    let in_field = |expr: &Expr| matches!(expr, Expr::Field(_, Test::Text(pattern)) if pattern.contained().is_some());
    let in_record = |expr: &Expr| matches!(expr, Expr::Keyword(Test::Text(pattern)) if pattern.sole().is_some());
    let count = flat.iter().filter(|expr| in_field(expr) || in_record(expr)).count();
    if count < FEW {
        return super::item::one(flat, Expr::Any);
    }
    let (words, mut rest): (Vec<Expr>, Vec<Expr>) =
        flat.into_iter().partition(|expr| in_field(expr) || in_record(expr));
    let field = words.iter().find_map(|expr| if let Expr::Field(field, _) = expr { Some(*field) } else { None });
    let patterns = words.iter().filter_map(|expr| match expr {
        Expr::Field(_, Test::Text(pattern)) | Expr::Keyword(Test::Text(pattern)) => Some(pattern.clone()),
        _ => None,
    });
    match Words::new(patterns.collect(), cased) {
        Some(together) => {
            let test = Test::Words(Box::new(together));
            rest.push(match field {
                Some(field) => Expr::Field(field, test),
                None => Expr::Keyword(test),
            });
        }
        None => rest.extend(words),
    }
    super::item::one(rest, Expr::Any)
}

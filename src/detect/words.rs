//! Many words of one list, looked for in a value at once.

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::item::{Expr, Test};
use super::pattern::Pattern;

/// From so many words on one automaton beats a search for each.
const FEW: usize = 4;

/// Words of which a value must hold one.
#[derive(Debug, Clone)]
pub(super) struct Words {
    automaton: AhoCorasick,
    /// As patterns, for whoever needs to know what they are.
    patterns: Vec<Pattern>,
}

impl Words {
    /// Whether the value holds one of them.
    pub(super) fn any_in(&self, value: &[u8]) -> bool {
        self.automaton.is_match(value)
    }

    /// The words, each as the pattern it was.
    pub(super) fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }

    fn new(patterns: Vec<Pattern>, cased: bool, word: fn(&Pattern) -> Option<&[u8]>) -> Option<Self> {
        let automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .ascii_case_insensitive(!cased)
            .build(patterns.iter().filter_map(word))
            .ok()?;
        Some(Self { automaton, patterns })
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
    let word = if field.is_some() { Pattern::contained } else { Pattern::sole };
    match Words::new(patterns.collect(), cased, word) {
        Some(together) => {
            let test = Test::Words(Box::new(together));
            rest.push(field.map_or_else(|| Expr::Keyword(test.clone()), |field| Expr::Field(field, test.clone())));
        }
        None => rest.extend(words),
    }
    super::item::one(rest, Expr::Any)
}

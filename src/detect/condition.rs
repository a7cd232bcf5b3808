//! The condition of a rule: words, quantifiers, parentheses.

/// A condition over the names of search identifiers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cond {
    Name(String),
    Not(Box<Cond>),
    All(Vec<Cond>),
    Any(Vec<Cond>),
}

impl Cond {
    /// Whether it is over a search identifier of this name.
    pub fn is_over(&self, wanted: &str) -> bool {
        match self {
            Self::Name(name) => name == wanted,
            Self::Not(inner) => inner.is_over(wanted),
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.is_over(wanted)),
        }
    }
}

/// What is said of a name that is none of those that a condition may be over.
pub(super) const UNDEFINED: &str = "which the detection does not define";
/// Deepest nesting of parentheses and `not`.
const DEPTH_LIMIT: usize = 64;
/// Longest condition, in bytes.
const LENGTH_LIMIT: usize = 64 << 10;

/// Reads a condition against the identifiers that the rule defines.
pub(super) fn parse(text: &str, names: &[String]) -> Result<Cond, String> {
    if text.len() > LENGTH_LIMIT {
        return Err(format!("condition of {} bytes, limit is {LENGTH_LIMIT}", text.len()));
    }
    if text.contains('|') {
        return Err(
            "not supported: aggregation after | in a condition (removed from Sigma; use a correlation)".to_owned()
        );
    }
    let words = split(text);
    let mut parser = Parse { words: &words, at: 0, names, depth: 0 };
    let cond = parser.or()?;
    match parser.peek() {
        None => Ok(cond),
        Some(word) => Err(format!("condition: {word:?} is not expected here")),
    }
}

/// The words of a condition that name something, each once, in order.
pub(super) fn named(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for word in split(text) {
        let is_name = !matches!(word.to_ascii_lowercase().as_str(), "(" | ")" | "and" | "or" | "not");
        if is_name && !out.iter().any(|known| known == word) {
            out.push(word.to_owned());
        }
    }
    out
}

fn split(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    for word in text.split_whitespace() {
        let mut rest = word;
        while let Some(i) = rest.find(['(', ')']) {
            if i > 0 {
                out.push(&rest[..i]);
            }
            out.push(&rest[i..=i]);
            rest = &rest[i + 1..];
        }
        if !rest.is_empty() {
            out.push(rest);
        }
    }
    out
}

struct Parse<'a> {
    words: &'a [&'a str],
    at: usize,
    names: &'a [String],
    depth: usize,
}

impl<'a> Parse<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).copied()
    }

    fn next(&mut self) -> Option<&'a str> {
        let word = self.peek()?;
        self.at += 1;
        Some(word)
    }

    fn or(&mut self) -> Result<Cond, String> {
        let mut parts = vec![self.and()?];
        while matches!(self.peek(), Some("or" | "OR")) {
            self.at += 1;
            parts.push(self.and()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Cond::Any(parts) })
    }

    fn and(&mut self) -> Result<Cond, String> {
        let mut parts = vec![self.not()?];
        while matches!(self.peek(), Some("and" | "AND")) {
            self.at += 1;
            parts.push(self.not()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Cond::All(parts) })
    }

    fn not(&mut self) -> Result<Cond, String> {
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            return Err(format!("condition nested deeper than {DEPTH_LIMIT}"));
        }
        let out = if matches!(self.peek(), Some("not" | "NOT")) {
            self.at += 1;
            Ok(Cond::Not(Box::new(self.not()?)))
        } else {
            self.atom()
        };
        self.depth -= 1;
        out
    }

    fn atom(&mut self) -> Result<Cond, String> {
        let word = self.next().ok_or("condition ends where a name is expected")?;
        if word == "(" {
            let inner = self.or()?;
            return match self.next() {
                Some(")") => Ok(inner),
                _ => Err("condition: a parenthesis is not closed".to_owned()),
            };
        }
        if matches!(word, "1" | "any" | "all") && self.peek() == Some("of") {
            self.at += 1;
            let selector = self.next().ok_or("condition ends after \"of\"")?;
            return self.quantified(word == "all", selector);
        }
        if self.peek() == Some("of") {
            return Err(format!("condition: quantifier {word:?} is not one of 1, any, all"));
        }
        if matches!(word, ")" | "and" | "or" | "of" | "not") {
            return Err(format!("condition: {word:?} stands where a name is expected"));
        }
        if self.names.iter().any(|n| n == word) {
            return Ok(Cond::Name(word.to_owned()));
        }
        Err(format!("condition names {word:?}, {UNDEFINED}"))
    }

    fn quantified(&self, all: bool, selector: &str) -> Result<Cond, String> {
        if !selector.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '*' | '.')) {
            return Err(format!("condition: {selector:?} cannot follow \"of\""));
        }
        let pattern = if selector == "them" { "*" } else { selector };
        let chosen: Vec<Cond> = self
            .names
            .iter()
            .filter(|n| (pattern.starts_with('_') || !n.starts_with('_')) && glob(pattern.as_bytes(), n.as_bytes()))
            .map(|n| Cond::Name(n.clone()))
            .collect();
        match chosen.len() {
            0 => Err(format!("condition: {selector:?} matches no identifier")),
            _ if all => Ok(Cond::All(chosen)),
            _ => Ok(Cond::Any(chosen)),
        }
    }
}

/// Whether a name matches a pattern with `*`, case regarded.
fn glob(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, n));
            p += 1;
        } else if pattern.get(p) == Some(&name[n]) {
            p += 1;
            n += 1;
        } else if let Some((sp, sn)) = star {
            p = sp + 1;
            n = sn + 1;
            star = Some((sp, sn + 1));
        } else {
            return false;
        }
    }
    pattern[p.min(pattern.len())..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        ["sel", "sel_a", "filter_b", "_hidden", "notsel"].map(str::to_owned).to_vec()
    }

    fn show(text: &str) -> String {
        parse(text, &names()).map_or_else(|e| e, |c| format!("{c:?}").replace("Name", ""))
    }

    #[test]
    fn precedence_and_quantifiers() {
        assert_eq!(show("sel or sel_a and not notsel"), r#"Any([("sel"), All([("sel_a"), Not(("notsel"))])])"#);
        assert_eq!(show("all of sel*"), r#"All([("sel"), ("sel_a")])"#);
        assert_eq!(show("1 of them"), r#"Any([("sel"), ("sel_a"), ("filter_b"), ("notsel")])"#);
        assert_eq!(show("not(sel)and(sel_a)"), r#"All([Not(("sel")), ("sel_a")])"#);
        assert_eq!(show("1 of _hid*"), r#"Any([("_hidden")])"#);
    }

    #[test]
    fn faults() {
        for bad in ["", "sel and", "(sel", "sel)", "nope", "1 of nope*", "sel | count() > 5", "2 of sel*", "sel sel_a"]
        {
            assert!(parse(bad, &names()).is_err(), "{bad}");
        }
        assert!(parse(&"(".repeat(10_000), &names()).is_err());
    }
}

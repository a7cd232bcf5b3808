//! Tokens of a pattern → [`Pattern`].

use regex::{Regex, RegexBuilder};

use super::compare::{Comparison, Op, Order, Path, Step, Test};
use super::lex::{Token, tokens};
use super::value::{Constant, Moment, network, normal};
use super::{Edition, Fault, Node, Pattern, Qualifier};

/// Longest pattern read, in bytes.
const TEXT_LIMIT: usize = 256 * 1024;
/// Deepest nesting of brackets and qualifiers.
const DEPTH_LIMIT: usize = 64;
/// Largest program of a regular expression, in bytes.
const REGEX_LIMIT: usize = 1 << 20;

/// Words of the language; none of them names a property.
const KEYWORDS: &[&str] = &[
    "AND",
    "OR",
    "NOT",
    "FOLLOWEDBY",
    "LIKE",
    "MATCHES",
    "ISSUPERSET",
    "ISSUBSET",
    "EXISTS",
    "IN",
    "START",
    "STOP",
    "SECONDS",
    "WITHIN",
    "REPEATS",
    "TIMES",
    "true",
    "false",
];

/// Reads a whole pattern.
pub(super) fn pattern(text: &str, edition: Edition) -> Result<Pattern, Fault> {
    if text.len() > TEXT_LIMIT {
        return Err(Fault::Bound("text of more than 256 KiB"));
    }
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, edition, depth: 0, leaves: Vec::new() };
    let root = parser.followed()?;
    if !parser.tokens.is_empty() {
        return Err(Fault::Syntax("something behind the end of the pattern"));
    }
    Ok(Pattern { leaves: parser.leaves, root })
}

struct Parser<'t> {
    tokens: &'t [Token],
    edition: Edition,
    depth: usize,
    leaves: Vec<Test>,
}

impl<'t> Parser<'t> {
    fn next(&mut self) -> Option<&'t Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    /// Takes a mark if it is next.
    fn mark(&mut self, mark: &str) -> bool {
        let is_next = matches!(self.tokens.first(), Some(Token::Mark(next)) if *next == mark);
        self.tokens = &self.tokens[usize::from(is_next)..];
        is_next
    }

    /// Takes a keyword if it is next.
    fn word(&mut self, word: &str) -> bool {
        let is_next = matches!(self.tokens.first(), Some(Token::Word(next)) if next == word);
        self.tokens = &self.tokens[usize::from(is_next)..];
        is_next
    }

    fn need(&mut self, mark: &str, fault: &'static str) -> Result<(), Fault> {
        if self.mark(mark) { Ok(()) } else { Err(Fault::Syntax(fault)) }
    }

    fn need_word(&mut self, word: &str, fault: &'static str) -> Result<(), Fault> {
        if self.word(word) { Ok(()) } else { Err(Fault::Syntax(fault)) }
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.depth == DEPTH_LIMIT {
            return Err(Fault::Bound("nested more than 64 deep"));
        }
        self.depth += 1;
        let made = read(self);
        self.depth -= 1;
        made
    }

    /// Items between which one keyword stands.
    fn chain<T>(
        &mut self,
        keyword: &str,
        item: fn(&mut Self) -> Result<T, Fault>,
        join: fn(Vec<T>) -> T,
    ) -> Result<T, Fault> {
        let first = item(self)?;
        if !self.word(keyword) {
            return Ok(first);
        }
        let mut items = vec![first, item(self)?];
        while self.word(keyword) {
            items.push(item(self)?);
        }
        Ok(join(items))
    }

    fn followed(&mut self) -> Result<Node, Fault> {
        self.chain("FOLLOWEDBY", Self::any, Node::Followed)
    }

    fn any(&mut self) -> Result<Node, Fault> {
        self.chain("OR", Self::all, Node::Or)
    }

    fn all(&mut self) -> Result<Node, Fault> {
        self.chain("AND", Self::qualified, Node::And)
    }

    /// An expression with the qualifiers behind it.
    fn qualified(&mut self) -> Result<Node, Fault> {
        let mut node = if self.mark("(") {
            let node = self.deeper(Self::followed)?;
            self.need(")", "missing )")?;
            node
        } else {
            self.need("[", "no [ where an observation should begin")?;
            let test = self.test()?;
            self.need("]", "no ] behind an observation")?;
            self.leaves.push(test);
            Node::Leaf(self.leaves.len() - 1)
        };
        let mut met: Vec<Qualifier> = Vec::new();
        while let Some(qualifier) = self.qualifier()? {
            if self.edition == Edition::V21 && met.iter().any(|other| other.same_kind(qualifier)) {
                return Err(Fault::Syntax("the same qualifier twice"));
            }
            if met.len() + self.depth == DEPTH_LIMIT {
                return Err(Fault::Bound("nested more than 64 deep"));
            }
            met.push(qualifier);
            node = Node::Qualified(Box::new(node), qualifier);
        }
        Ok(node)
    }

    fn qualifier(&mut self) -> Result<Option<Qualifier>, Fault> {
        if self.word("WITHIN") {
            let secs = match self.next() {
                Some(Token::Int(secs)) => *secs as f64,
                Some(Token::Float(secs)) => *secs,
                _ => return Err(Fault::Syntax("WITHIN without a number")),
            };
            self.need_word("SECONDS", "WITHIN without SECONDS")?;
            if secs <= 0.0 {
                return Err(Fault::Syntax("WITHIN no time"));
            }
            return Ok(Some(Qualifier::Within((secs * 1e9) as i128)));
        }
        if self.word("REPEATS") {
            let Some(Token::Int(times @ 1..)) = self.next() else {
                return Err(Fault::Syntax("REPEATS without a number above 0"));
            };
            self.need_word("TIMES", "REPEATS without TIMES")?;
            return Ok(Some(Qualifier::Repeats(u64::try_from(*times).unwrap_or(u64::MAX))));
        }
        if self.word("START") {
            let start = self.moment()?;
            self.need_word("STOP", "START without STOP")?;
            return Ok(Some(Qualifier::Between(start, self.moment()?)));
        }
        Ok(None)
    }

    fn moment(&mut self) -> Result<Moment, Fault> {
        match self.next() {
            Some(Token::Time(moment)) => Some(*moment),
            Some(Token::Text(text)) if self.edition == Edition::V20 => Moment::parse(text),
            _ => None,
        }
        .ok_or(Fault::Syntax("START or STOP without a timestamp"))
    }

    fn test(&mut self) -> Result<Test, Fault> {
        self.chain("OR", Self::test_all, Test::Or)
    }

    fn test_all(&mut self) -> Result<Test, Fault> {
        self.chain("AND", Self::test_one, Test::And)
    }

    fn test_one(&mut self) -> Result<Test, Fault> {
        if self.mark("(") {
            let test = self.deeper(Self::test)?;
            self.need(")", "missing )")?;
            return Ok(test);
        }
        let negated = self.word("NOT");
        if self.word("EXISTS") {
            if self.edition == Edition::V20 {
                return Err(Fault::Syntax("EXISTS, which STIX 2.0 does not have"));
            }
            return Ok(Test::One(Comparison { path: self.path()?, negated, op: Op::Exists }));
        }
        if negated {
            return Err(Fault::Syntax("NOT before a path"));
        }
        let path = self.path()?;
        let negated = self.word("NOT");
        let op = self.op()?;
        check_digests(&path, &op)?;
        Ok(Test::One(Comparison { path, negated, op }))
    }

    fn path(&mut self) -> Result<Path, Fault> {
        let Some(Token::Word(root)) = self.next() else { return Err(Fault::Syntax("no object type")) };
        self.need(":", "no : behind an object type")?;
        let mut steps = vec![self.key()?];
        loop {
            if self.mark(".") {
                steps.push(self.key()?);
            } else if self.mark("[") {
                let step = match self.next() {
                    Some(Token::Int(index)) => Step::Index(usize::try_from(*index).ok()),
                    Some(Token::Mark("*")) => Step::Any,
                    _ => return Err(Fault::Syntax("no index between [ and ]")),
                };
                self.need("]", "no ] behind an index")?;
                steps.push(step);
            } else {
                return Ok(Path { root: root.clone(), steps });
            }
            if steps.len() > DEPTH_LIMIT {
                return Err(Fault::Bound("path of more than 64 steps"));
            }
        }
    }

    fn key(&mut self) -> Result<Step, Fault> {
        match self.next() {
            Some(Token::Text(key)) => Ok(Step::Key(key.clone())),
            Some(Token::Word(key)) if !key.contains('-') && !KEYWORDS.contains(&key.as_str()) => {
                Ok(Step::Key(key.clone()))
            }
            _ => Err(Fault::Syntax("no property in a path")),
        }
    }

    fn op(&mut self) -> Result<Op, Fault> {
        Ok(match self.next() {
            Some(Token::Mark("=" | "==")) => Op::Equal(self.constant()?),
            Some(Token::Mark("!=" | "<>")) => Op::Differs(self.constant()?),
            Some(Token::Mark("<")) => Op::Order(Order::Less, self.orderable()?),
            Some(Token::Mark("<=")) => Op::Order(Order::AtMost, self.orderable()?),
            Some(Token::Mark(">")) => Op::Order(Order::Greater, self.orderable()?),
            Some(Token::Mark(">=")) => Op::Order(Order::AtLeast, self.orderable()?),
            Some(Token::Word(word)) => match word.as_str() {
                "IN" => Op::In(self.set()?),
                "LIKE" => Op::Like(normal(self.text()?).chars().collect()),
                "MATCHES" => Op::Matches(regex(self.text()?)?),
                "ISSUBSET" => Op::Subset(network(self.text()?).ok_or(Fault::Syntax("not a network"))?),
                "ISSUPERSET" => Op::Superset(network(self.text()?).ok_or(Fault::Syntax("not a network"))?),
                _ => return Err(Fault::Syntax("no operator behind a path")),
            },
            _ => return Err(Fault::Syntax("no operator behind a path")),
        })
    }

    fn text(&mut self) -> Result<&'t str, Fault> {
        match self.next() {
            Some(Token::Text(text)) => Ok(text),
            _ => Err(Fault::Syntax("no text behind an operator that needs one")),
        }
    }

    fn orderable(&mut self) -> Result<Constant, Fault> {
        match self.constant()? {
            Constant::Bool(_) => Err(Fault::Syntax("true and false have no order")),
            constant => Ok(constant),
        }
    }

    fn constant(&mut self) -> Result<Constant, Fault> {
        Ok(match self.next() {
            Some(Token::Text(text)) => Constant::Text(text.clone()),
            Some(Token::Int(int)) => Constant::Int(*int),
            Some(Token::Float(float)) => Constant::Float(*float),
            Some(Token::Bytes(bytes)) => Constant::Bytes(bytes.clone()),
            Some(Token::Time(moment)) => Constant::Time(*moment),
            Some(Token::Word(word)) if word == "true" => Constant::Bool(true),
            Some(Token::Word(word)) if word == "false" => Constant::Bool(false),
            _ => return Err(Fault::Syntax("no constant behind an operator")),
        })
    }

    fn set(&mut self) -> Result<Vec<Constant>, Fault> {
        self.need("(", "no ( behind IN")?;
        let mut set = Vec::new();
        if self.mark(")") {
            return Ok(set);
        }
        loop {
            let constant = self.constant()?;
            if set.first().is_some_and(|first: &Constant| !first.same_type(&constant)) {
                return Err(Fault::Syntax("set of several types"));
            }
            set.push(constant);
            if !self.mark(",") {
                self.need(")", "no ) behind a set")?;
                return Ok(set);
            }
        }
    }
}

fn regex(text: &str) -> Result<Box<Regex>, Fault> {
    let mut builder = RegexBuilder::new(&normal(text));
    builder.dot_matches_new_line(true).size_limit(REGEX_LIMIT).dfa_size_limit(REGEX_LIMIT).nest_limit(100);
    builder.build().map(Box::new).map_err(|_| Fault::Regex)
}

/// A digest that is held against a hash of a known name has its length.
fn check_digests(path: &Path, op: &Op) -> Result<(), Fault> {
    let named = path.steps.windows(2).find_map(|pair| match pair {
        [Step::Key(property), Step::Key(name)] if property == "hashes" => Some(name),
        _ => None,
    });
    let Some(name) = named else { return Ok(()) };
    let name = name.to_ascii_uppercase().replace(['-', '_'], "");
    let digits: &[usize] = match name.as_str() {
        "MD5" => &[32],
        "MD6" => &[32, 40, 56, 64, 96, 128],
        "SHA1" | "RIPEMD160" => &[40],
        "SHA224" | "SHA3224" => &[56],
        "SHA256" | "SHA3256" => &[64],
        "SHA384" | "SHA3384" => &[96],
        "SHA512" | "SHA3512" | "WHIRLPOOL" => &[128],
        _ => return Ok(()),
    };
    let constants = match op {
        Op::Equal(constant) | Op::Differs(constant) => std::slice::from_ref(constant),
        Op::In(set) => set,
        _ => &[],
    };
    let sound = |constant: &Constant| match constant {
        Constant::Text(text) => digits.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit()),
        _ => true,
    };
    if constants.iter().all(sound) { Ok(()) } else { Err(Fault::Syntax("not a digest of the named kind")) }
}

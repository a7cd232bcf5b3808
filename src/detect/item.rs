//! One line of a search identifier: field, modifiers, values.

use ipnet::IpNet;
use regex::bytes::{Regex, RegexBuilder};

use super::base64;
use super::pattern::{Pattern, Tok, literal, tokens, windash};
use super::words::{self, Words};
use super::yaml::{Node, What};

/// Largest compiled size of one expression, in bytes.
const REGEX_LIMIT: usize = 8 << 20;

/// A rule's tests over one record. Field numbers index the program's table of names.
#[derive(Debug, Clone)]
pub(super) enum Expr {
    All(Vec<Expr>),
    Any(Vec<Expr>),
    Not(Box<Expr>),
    /// Any value of the field satisfies the test.
    Field(u32, Test),
    /// Any value of the record, or its text, satisfies the test.
    Keyword(Test),
}

/// A test on one value.
#[derive(Debug, Clone)]
pub(super) enum Test {
    Text(Pattern),
    /// One of many words.
    Words(Box<Words>),
    Regex(Box<Regex>),
    Cidr(IpNet),
    Number(Order, f64),
    /// Missing or null.
    Null,
    Exists(bool),
    /// Compared with the values of another field.
    SameAs {
        field: u32,
        part: Part,
        cased: bool,
    },
    Time(Unit, i64),
}

/// A numeric order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Lt,
    Lte,
    Gt,
    Gte,
}

/// Which part of a value another one is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    Contains,
    Starts,
    Ends,
}

/// A part of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

/// The modifiers of one key.
#[derive(Debug, Default, Clone)]
struct Mods {
    /// Changes to the value, in the order written.
    steps: Vec<Step>,
    all: bool,
    neq: bool,
    cased: bool,
    kind: Want,
    flags: [bool; 3],
    part: Option<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Contains,
    Starts,
    Ends,
    Windash,
    Base64,
    Base64Offset,
    Wide,
    Utf16Be,
    Utf16,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Want {
    #[default]
    Text,
    Regex,
    Cidr,
    Number(Order),
    Exists,
    SameAs,
    Time(Unit),
}

/// Compiles `key: value`; `intern` numbers field names.
pub(super) fn item(key: &str, value: &Node, intern: &mut dyn FnMut(&str) -> u32) -> Result<Expr, String> {
    let mut parts = key.split('|');
    let name = parts.next().unwrap_or_default();
    let words: Vec<&str> = parts.collect();
    let mods = modifiers(&words)?;
    let field = (!name.is_empty()).then(|| intern(name));
    if field.is_none() && matches!(mods.kind, Want::Exists | Want::SameAs | Want::Number(_) | Want::Time(_)) {
        return Err(format!("modifier in {key:?} needs a field"));
    }
    let mut tests = Vec::new();
    for node in value.elements() {
        let alternatives = tests_of(node, &mods, intern)?;
        let wrapped = alternatives.into_iter().map(|t| match field {
            Some(f) => Expr::Field(f, t),
            None => Expr::Keyword(t),
        });
        tests.push(one(wrapped.collect(), Expr::Any));
    }
    if tests.is_empty() {
        let Some(f) = field else { return Err("an empty list of keywords".to_owned()) };
        tests.push(Expr::Field(f, Test::Null));
    }
    let linked = if mods.all { one(tests, Expr::All) } else { words::any(tests, mods.cased) };
    Ok(if mods.neq { Expr::Not(Box::new(linked)) } else { linked })
}

/// A keyword without a key.
pub(super) fn keyword(node: &Node) -> Result<Expr, String> {
    let tests = tests_of(node, &Mods::default(), &mut |_| 0)?;
    Ok(one(tests.into_iter().map(Expr::Keyword).collect(), Expr::Any))
}

/// The only element, or all of them linked.
pub(super) fn one(mut items: Vec<Expr>, link: fn(Vec<Expr>) -> Expr) -> Expr {
    if items.len() == 1 { items.remove(0) } else { link(items) }
}

fn modifiers(words: &[&str]) -> Result<Mods, String> {
    let mut mods = Mods::default();
    for word in words {
        let set = |mods: &mut Mods, kind: Want| {
            let was = mods.kind;
            mods.kind = kind;
            if was == Want::Text { Ok(()) } else { Err(format!("modifier {word:?} cannot follow the ones before it")) }
        };
        match *word {
            "contains" => {
                mods.part = Some(Part::Contains);
                mods.steps.push(Step::Contains);
            }
            "startswith" => {
                mods.part = Some(Part::Starts);
                mods.steps.push(Step::Starts);
            }
            "endswith" => {
                mods.part = Some(Part::Ends);
                mods.steps.push(Step::Ends);
            }
            "windash" => mods.steps.push(Step::Windash),
            "base64" => mods.steps.push(Step::Base64),
            "base64offset" => mods.steps.push(Step::Base64Offset),
            "wide" | "utf16le" => mods.steps.push(Step::Wide),
            "utf16be" => mods.steps.push(Step::Utf16Be),
            "utf16" => mods.steps.push(Step::Utf16),
            "all" => mods.all = true,
            "neq" => mods.neq = true,
            "cased" => mods.cased = true,
            "re" if mods.steps.is_empty() => set(&mut mods, Want::Regex)?,
            "i" | "ignorecase" if mods.kind == Want::Regex => mods.flags[0] = true,
            "m" | "multiline" if mods.kind == Want::Regex => mods.flags[1] = true,
            "s" | "dotall" if mods.kind == Want::Regex => mods.flags[2] = true,
            "cidr" => set(&mut mods, Want::Cidr)?,
            "exists" => set(&mut mods, Want::Exists)?,
            "fieldref" => set(&mut mods, Want::SameAs)?,
            "lt" => set(&mut mods, Want::Number(Order::Lt))?,
            "lte" => set(&mut mods, Want::Number(Order::Lte))?,
            "gt" => set(&mut mods, Want::Number(Order::Gt))?,
            "gte" => set(&mut mods, Want::Number(Order::Gte))?,
            "minute" => set(&mut mods, Want::Time(Unit::Minute))?,
            "hour" => set(&mut mods, Want::Time(Unit::Hour))?,
            "day" => set(&mut mods, Want::Time(Unit::Day))?,
            "week" => set(&mut mods, Want::Time(Unit::Week))?,
            "month" => set(&mut mods, Want::Time(Unit::Month))?,
            "year" => set(&mut mods, Want::Time(Unit::Year))?,
            "expand" => return Err("not supported yet: placeholders (modifier expand)".to_owned()),
            other => return Err(format!("modifier {other:?} is not known or not possible here")),
        }
    }
    check(&mods)?;
    Ok(mods)
}

fn check(mods: &Mods) -> Result<(), String> {
    let affix = |s: &Step| matches!(s, Step::Contains | Step::Starts | Step::Ends);
    let fits = match mods.kind {
        Want::Text => true,
        Want::Regex | Want::SameAs => mods.steps.iter().all(affix),
        Want::Cidr | Want::Exists | Want::Number(_) | Want::Time(_) => mods.steps.is_empty() && !mods.cased,
    };
    if !fits {
        return Err("modifiers that cannot stand together".to_owned());
    }
    let encoded = mods.steps.iter().rposition(|s| matches!(s, Step::Wide | Step::Utf16Be | Step::Utf16));
    let base = mods.steps.iter().rposition(|s| matches!(s, Step::Base64 | Step::Base64Offset));
    if encoded.is_some() && base < encoded {
        return Err("UTF-16 modifiers need base64 or base64offset after them".to_owned());
    }
    Ok(())
}

fn tests_of(node: &Node, mods: &Mods, intern: &mut dyn FnMut(&str) -> u32) -> Result<Vec<Test>, String> {
    if matches!(node.what, What::List(_) | What::Map(_)) {
        return Err("a list or map stands where a value is expected".to_owned());
    }
    if let What::Null = node.what {
        return if mods.kind == Want::Text && mods.steps.is_empty() {
            Ok(vec![Test::Null])
        } else {
            Err("null cannot be modified".to_owned())
        };
    }
    let text = node.scalar().unwrap_or_default();
    let test = match mods.kind {
        Want::Text => return texts(node, &text, mods),
        Want::Regex => Test::Regex(Box::new(regex(&text, mods)?)),
        Want::Cidr => Test::Cidr(network(&text)?),
        Want::Exists => match node.what {
            What::Bool(b) => Test::Exists(b),
            _ => return Err("exists takes true or false".to_owned()),
        },
        Want::SameAs => match node.what {
            What::Text(_) => {
                Test::SameAs { field: intern(&text), part: mods.part.unwrap_or(Part::Whole), cased: mods.cased }
            }
            _ => return Err("fieldref takes the name of a field".to_owned()),
        },
        Want::Number(order) => match text.parse::<f64>() {
            Ok(n) if n.is_finite() => Test::Number(order, n),
            _ => return Err(format!("{text:?} is not a number")),
        },
        Want::Time(unit) => Test::Time(unit, text.parse().map_err(|_| format!("{text:?} is not a whole number"))?),
    };
    Ok(vec![test])
}

fn regex(text: &str, mods: &Mods) -> Result<Regex, String> {
    RegexBuilder::new(text)
        .case_insensitive(mods.flags[0])
        .multi_line(mods.flags[1])
        .dot_matches_new_line(mods.flags[2])
        .size_limit(REGEX_LIMIT)
        .dfa_size_limit(REGEX_LIMIT)
        .nest_limit(100)
        .build()
        .map_err(|e| format!("regular expression: {}", e.to_string().lines().last().unwrap_or_default()))
}

fn network(text: &str) -> Result<IpNet, String> {
    let net: IpNet = match text.parse::<std::net::IpAddr>() {
        Ok(addr) => addr.into(),
        Err(_) => text.parse().map_err(|_| format!("{text:?} is not a network"))?,
    };
    if net.addr() != net.network() {
        return Err(format!("network {text:?} has host bits set"));
    }
    Ok(net)
}

fn texts(node: &Node, text: &str, mods: &Mods) -> Result<Vec<Test>, String> {
    let plain = matches!(node.what, What::Text(_));
    if !plain && mods.steps.iter().any(|s| !matches!(s, Step::Contains | Step::Starts | Step::Ends)) {
        return Err(format!("{text} is no text, and the modifiers need text"));
    }
    let mut forms = vec![tokens(text)];
    let mut bytes: Option<Vec<u8>> = None;
    for step in &mods.steps {
        match step {
            Step::Contains | Step::Starts | Step::Ends => forms.iter_mut().for_each(|f| affix(f, *step)),
            Step::Windash => {
                for form in &mut forms {
                    windash(form);
                }
            }
            Step::Wide | Step::Utf16Be | Step::Utf16 => bytes = Some(utf16(&flat(&forms)?, *step)),
            Step::Base64 | Step::Base64Offset => {
                let raw = match bytes.take() {
                    Some(raw) => raw,
                    None => flat(&forms)?.into_bytes(),
                };
                let shifts =
                    if *step == Step::Base64 { vec![base64::encode(&raw)] } else { base64::offsets(&raw).to_vec() };
                forms = shifts.iter().map(|s| literal(s)).collect();
            }
        }
    }
    Ok(forms.iter().map(|f| Test::Text(Pattern::new(f, mods.cased))).collect())
}

fn affix(form: &mut Vec<Tok>, step: Step) {
    if step != Step::Starts && form.first() != Some(&Tok::Star) {
        form.insert(0, Tok::Star);
    }
    if step != Step::Ends && form.last() != Some(&Tok::Star) {
        form.push(Tok::Star);
    }
}

/// The text of a value without wildcards.
fn flat(forms: &[Vec<Tok>]) -> Result<String, String> {
    let chars = forms.iter().flatten().map(|t| match t {
        Tok::Char(c) => Ok(*c),
        _ => Err("a wildcard or dash alternative cannot be encoded".to_owned()),
    });
    chars.collect()
}

fn utf16(text: &str, step: Step) -> Vec<u8> {
    let mut out = if step == Step::Utf16 { vec![0xFF, 0xFE] } else { Vec::new() };
    for unit in text.encode_utf16() {
        out.extend(if step == Step::Utf16Be { unit.to_be_bytes() } else { unit.to_le_bytes() });
    }
    out
}

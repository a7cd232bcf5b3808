//! One line of a search identifier: field, modifiers, values.

use std::sync::Arc;

use ipnet::IpNet;

use super::anchor::Anchored;
use super::form::{Step, patterns};
use super::names::Context;
use super::pattern::Pattern;
use super::placeholder::{filled, literally};
use super::regexp::Regexp;
use super::words::{self, Words};
use super::yaml::{Node, What};

/// A rule's tests over one record. Field numbers index the program's table of names.
#[derive(Debug, Clone)]
pub(super) enum Expr {
    All(Vec<Expr>),
    Any(Vec<Expr>),
    Not(Box<Expr>),
    /// A part that several rules have.
    Shared(Arc<Expr>),
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
    /// One of many texts that stand at an end of it.
    Anchored(Box<Anchored>),
    Regex(Box<Regexp>),
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
    Time(Unit, Order, i64),
}

/// A numeric order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Eq,
    Lt,
    Lte,
    Gt,
    Gte,
}

impl Order {
    /// Whether a number stands in this order to a bound.
    pub fn holds<T: PartialOrd>(self, number: T, bound: T) -> bool {
        match self {
            Self::Eq => number == bound,
            Self::Lt => number < bound,
            Self::Lte => number <= bound,
            Self::Gt => number > bound,
            Self::Gte => number >= bound,
        }
    }
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
    /// Values hold placeholders.
    expand: bool,
    kind: Want,
    flags: [bool; 3],
    part: Option<Part>,
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
    Time(Unit, Order),
}

/// Compiles `key: value`.
pub(super) fn item(key: &str, value: &Node, context: &mut Context<'_>) -> Result<Expr, String> {
    let mut parts = key.split('|');
    let name = parts.next().unwrap_or_default();
    let words: Vec<&str> = parts.collect();
    let mods = modifiers(&words)?;
    let field = (!name.is_empty()).then(|| context.names.number(name));
    if field.is_none() && !matches!(mods.kind, Want::Text | Want::Regex) {
        return Err(format!("modifier in {key:?} needs a field"));
    }
    let mut tests = Vec::new();
    for node in value.elements() {
        tests.push(match field {
            Some(field) => {
                let alternatives = tests_of(node, &mods, context)?.into_iter();
                one(alternatives.map(|test| Expr::Field(field, test)).collect(), Expr::Any)
            }
            None => sought(node, &mods, context)?,
        });
    }
    if tests.is_empty() {
        let Some(f) = field else { return Err("an empty list of keywords".to_owned()) };
        tests.push(Expr::Field(f, Test::Null));
    }
    let linked = if mods.all { one(tests, Expr::All) } else { words::any(tests, mods.cased) };
    Ok(if mods.neq { Expr::Not(Box::new(linked)) } else { linked })
}

/// A keyword without a key.
pub(super) fn keyword(node: &Node, context: &mut Context<'_>) -> Result<Expr, String> {
    sought(node, &Mods::default(), context)
}

/// What is looked for in all values of a record.
fn sought(node: &Node, mods: &Mods, context: &mut Context<'_>) -> Result<Expr, String> {
    if matches!(node.what, What::Null) {
        return Err("null is no keyword: only a field can be without a value".to_owned());
    }
    let alternatives = tests_of(node, mods, context)?.into_iter();
    Ok(one(alternatives.map(Expr::Keyword).collect(), Expr::Any))
}

/// The only element, or all of them linked.
pub(super) fn one(mut items: Vec<Expr>, link: fn(Vec<Expr>) -> Expr) -> Expr {
    if items.len() == 1 { items.remove(0) } else { link(items) }
}

impl Mods {
    /// Sets what the value is, once.
    fn want(&mut self, kind: Want, word: &str) -> Result<(), String> {
        if self.kind != Want::Text {
            return Err(format!("modifier {word:?} cannot follow the ones before it"));
        }
        self.kind = kind;
        Ok(())
    }

    /// Compares numbers, or the part of a time that was named before.
    fn order(&mut self, order: Order, word: &str) -> Result<(), String> {
        if let Want::Time(unit, Order::Eq) = self.kind {
            self.kind = Want::Time(unit, order);
            return Ok(());
        }
        self.want(Want::Number(order), word)
    }
}

fn modifiers(words: &[&str]) -> Result<Mods, String> {
    let mut mods = Mods::default();
    for word in words {
        let set = |mods: &mut Mods, kind: Want| mods.want(kind, word);
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
            "lt" => mods.order(Order::Lt, word)?,
            "lte" => mods.order(Order::Lte, word)?,
            "gt" => mods.order(Order::Gt, word)?,
            "gte" => mods.order(Order::Gte, word)?,
            "minute" => set(&mut mods, Want::Time(Unit::Minute, Order::Eq))?,
            "hour" => set(&mut mods, Want::Time(Unit::Hour, Order::Eq))?,
            "day" => set(&mut mods, Want::Time(Unit::Day, Order::Eq))?,
            "week" => set(&mut mods, Want::Time(Unit::Week, Order::Eq))?,
            "month" => set(&mut mods, Want::Time(Unit::Month, Order::Eq))?,
            "year" => set(&mut mods, Want::Time(Unit::Year, Order::Eq))?,
            "expand" => mods.expand = true,
            other => return Err(format!("modifier {other:?} is not known or not possible here")),
        }
    }
    check(&mods)?;
    Ok(mods)
}

fn check(mods: &Mods) -> Result<(), String> {
    let fits = match mods.kind {
        Want::Text => true,
        Want::Regex | Want::SameAs => mods.steps.iter().all(|step| step.is_affix()),
        Want::Cidr | Want::Exists | Want::Number(_) | Want::Time(..) => mods.steps.is_empty() && !mods.cased,
    };
    if !fits {
        return Err("modifiers that cannot stand together".to_owned());
    }
    Ok(())
}

fn tests_of(node: &Node, mods: &Mods, context: &mut Context<'_>) -> Result<Vec<Test>, String> {
    match &node.what {
        What::List(_) | What::Map(_) => Err("a list or map stands where a value is expected".to_owned()),
        What::Null if mods.kind == Want::Text && mods.steps.is_empty() => Ok(vec![Test::Null]),
        What::Null => Err("null cannot be modified".to_owned()),
        What::Switch(text, on) if mods.kind == Want::Text && mods.steps.is_empty() => {
            let mut tests = tests_of_text(node, text, mods, context)?;
            tests.extend(tests_of_text(node, &on.to_string(), mods, context)?);
            Ok(tests)
        }
        What::Text(text) if mods.expand => {
            let texts = match mods.kind {
                Want::Text => filled(text, context.placeholders, literally)?,
                Want::Regex => filled(text, context.placeholders, regex::escape)?,
                _ => filled(text, context.placeholders, str::to_owned)?,
            };
            let tests = texts.iter().map(|text| tests_of_text(node, text, mods, context));
            Ok(tests.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
        }
        _ => tests_of_text(node, &node.scalar().unwrap_or_default(), mods, context),
    }
}

fn tests_of_text(node: &Node, text: &str, mods: &Mods, context: &mut Context<'_>) -> Result<Vec<Test>, String> {
    let test = match mods.kind {
        Want::Text => return texts(node, text, mods),
        Want::Regex => {
            let written = Regexp::new(text, mods.flags)?;
            let anchored = anchored(text, mods.part).map(|text| Regexp::new(&text, mods.flags)).transpose()?;
            Test::Regex(Box::new(anchored.unwrap_or(written)))
        }
        Want::Cidr => Test::Cidr(network(text)?),
        Want::Exists => match node.what {
            What::Bool(b) | What::Switch(_, b) => Test::Exists(b),
            _ => return Err("exists takes true or false".to_owned()),
        },
        Want::SameAs => {
            let (part, cased) = (mods.part.unwrap_or(Part::Whole), mods.cased);
            let fields = context.referred(text)?;
            return Ok(fields.into_iter().map(|field| Test::SameAs { field, part, cased }).collect());
        }
        Want::Number(order) => match text.parse::<f64>() {
            Ok(n) if n.is_finite() => Test::Number(order, n),
            _ => return Err(format!("{text:?} is not a number")),
        },
        Want::Time(unit, order) => {
            Test::Time(unit, order, text.parse().map_err(|_| format!("{text:?} is not a whole number"))?)
        }
    };
    Ok(vec![test])
}

/// An expression that must match at an end of the value, where a modifier behind `re` says so.
fn anchored(text: &str, part: Option<Part>) -> Option<String> {
    match part? {
        Part::Starts => Some(format!(r"\A(?:{text})")),
        Part::Ends => Some(format!(r"(?:{text})\z")),
        Part::Whole | Part::Contains => None,
    }
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
    let is_text = matches!(node.what, What::Text(_) | What::Switch(..));
    if !is_text && !mods.steps.iter().all(|step| step.is_affix()) {
        return Err(format!("{text} is no text, and the modifiers need text"));
    }
    Ok(patterns(text, &mods.steps)?.iter().map(|toks| Test::Text(Pattern::new(toks, mods.cased))).collect())
}

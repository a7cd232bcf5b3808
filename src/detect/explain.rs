//! What a rule was compiled to, for people and programs: its condition, its fields, where it applies, by which literals
//! it is found.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use super::atoms::Lack;
use super::eval::Name;
use super::item::{Expr, Order, Part, Test, Unit};
use super::pattern::Pattern;
use super::{Program, routing};
use crate::model::correlation::{Bound, Demand, Figure, Key, Member, Order as CorrelationOrder, Seen};
use crate::model::fields::Canon;
use crate::model::rule::RuleMeta;

/// All of it.
#[derive(Debug, Clone, Serialize)]
pub struct Explained {
    /// What the rule says of itself.
    pub rule: RuleMeta,
    /// The log source that it asks for, in words; `any` where it states none.
    pub asks_for: String,
    /// What must hold of a record.
    pub condition: Term,
    /// The fields that it looks at, in the order in which they were first named by any rule.
    pub fields: Vec<FieldAsked>,
    /// The formats whose records it may be held against; no other record is ever looked at.
    pub formats: Vec<InFormat>,
}

/// A part of a condition, as it was compiled: modifiers are applied, quantifiers are resolved.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Term {
    /// Every part holds.
    All(Vec<Term>),
    /// Some part holds.
    Any(Vec<Term>),
    /// The part does not hold.
    Not(Box<Term>),
    /// Some value passes.
    Test {
        /// The field as the rule names it; `None` where every value of the record, or its text, is looked at.
        field: Option<String>,
        /// What is asked of a value.
        is: &'static str,
        /// What it is compared with; one of these is enough.
        values: Vec<String>,
    },
}

/// A field of a rule.
#[derive(Debug, Clone, Serialize)]
pub struct FieldAsked {
    /// As the rule names it. Case does not matter.
    pub name: String,
    /// Other names that are tried in this order where a record has no such field: those of logs, and canonical ones.
    pub others: Vec<String>,
}

/// A rule in records of one format.
#[derive(Debug, Clone, Serialize)]
pub struct InFormat {
    /// The format.
    pub format: &'static str,
    /// Channels of which a record must name one; empty where that is not asked.
    pub channels: Vec<&'static str>,
    /// Literals (lower case, bytes that are no text as U+FFFD) of which a record must hold one before the rule is evaluated.
    pub literals: Vec<String>,
    /// Why there are none, so that the rule is evaluated on every record; `None` where there are.
    pub no_literal: Option<String>,
}

/// What a correlation demands.
#[derive(Debug, Clone, Serialize)]
pub struct CorrelationExplained {
    /// What it says of itself.
    pub rule: RuleMeta,
    /// The rules and correlations that it counts on, as it names them: titles, several where an id stands for several.
    pub members: Vec<Vec<String>>,
    /// Length of its window, in seconds.
    pub window_secs: i64,
    /// What its groups are made by, each with the field that holds it, by member.
    pub group_by: Vec<(String, Vec<String>)>,
    /// What must hold of a window.
    pub demand: String,
    /// Whether the hits of its members are findings too.
    pub generate: bool,
}

impl Program {
    /// What a correlation demands; `None` where there is none at this place of the list.
    pub fn explain_correlation(&self, at: usize) -> Option<CorrelationExplained> {
        let all = self.correlations();
        let correlation = all.list.get(at)?;
        let metas = || self.metas.iter().chain(all.list.iter().map(|other| &other.meta));
        let title = |id: &Arc<str>| metas().find(|meta| *meta.id == **id).map(|meta| meta.title.clone());
        let titles = |member: &Member| member.targets.iter().filter_map(title).collect();
        let named = |key: &Key| (key.name.clone(), key.fields.iter().map(ToString::to_string).collect());
        Some(CorrelationExplained {
            rule: correlation.meta.clone(),
            members: correlation.members.iter().map(titles).collect(),
            window_secs: correlation.span / 1_000_000,
            group_by: correlation.group_by.iter().map(named).collect(),
            demand: demand(&correlation.demand),
            generate: correlation.generate,
        })
    }

    /// What a rule was compiled to; `None` where there is no rule of this number.
    pub fn explain(&self, rule: u32) -> Option<Explained> {
        let (meta, expr) = (self.metas.get(rule as usize)?, self.exprs.get(rule as usize)?);
        let mut asked = BTreeSet::new();
        fields(expr, &mut asked);
        let fields = asked.into_iter().filter_map(|name| self.names.get(name as usize)).map(Name::asked).collect();
        let formats = routing::FORMATS.iter().filter_map(|format| self.in_format(rule, expr, format)).collect();
        Some(Explained {
            rule: meta.clone(),
            asks_for: self.asks_for(rule),
            condition: self.term(expr),
            fields,
            formats,
        })
    }

    fn in_format(&self, rule: u32, expr: &Expr, format: &'static str) -> Option<InFormat> {
        let gate = self.gates.get(format)?;
        gate.all.binary_search(&rule).ok()?;
        let found = gate.atoms.literals.iter().zip(&gate.atoms.rules).filter(|(_, rules)| rules.contains(&rule));
        let literals: Vec<String> = found.map(|(literal, _)| String::from_utf8_lossy(literal).into_owned()).collect();
        let no_literal = literals.is_empty().then(|| match gate.lack(self, rule, expr) {
            Some(Lack::None) | None => "no text of three bytes or more is in every record that it matches".to_owned(),
            Some(Lack::Common(literal)) => {
                let literal = String::from_utf8_lossy(&literal).into_owned();
                format!("what every record that it matches holds is common in logs: {literal:?}")
            }
        });
        let channels = routing::needed(&self.routing, format, self.stated(rule as usize)).unwrap_or_default();
        Some(InFormat { format, channels, literals, no_literal })
    }

    fn term(&self, expr: &Expr) -> Term {
        let all = |parts: &[Expr]| parts.iter().map(|part| self.term(part)).collect();
        match expr {
            Expr::All(parts) => Term::All(all(parts)),
            Expr::Any(parts) => Term::Any(all(parts)),
            Expr::Not(inner) => Term::Not(Box::new(self.term(inner))),
            Expr::Shared(inner) => self.term(inner),
            Expr::Field(name, test) => self.test(Some(self.name(*name)), test),
            Expr::Keyword(test) => self.test(None, test),
        }
    }

    fn name(&self, name: u32) -> String {
        self.names.get(name as usize).map_or_else(String::new, |name| name.text().to_owned())
    }

    fn test(&self, field: Option<String>, test: &Test) -> Term {
        let is_keyword = field.is_none();
        let (is, values) = match test {
            Test::Text(pattern) => (equal_word(is_keyword, pattern.is_cased()), vec![pattern.to_string()]),
            Test::Words(words) => {
                (equal_word(is_keyword, words.is_cased()), words.patterns().iter().map(ToString::to_string).collect())
            }
            Test::Anchored(texts) => {
                let cased = texts.patterns().iter().any(Pattern::is_cased);
                (equal_word(is_keyword, cased), texts.patterns().iter().map(ToString::to_string).collect())
            }
            Test::Regex(regex) => ("matched by", vec![regex.as_str().to_owned()]),
            Test::Cidr(network) => ("in the network", vec![network.to_string()]),
            Test::Number(order, bound) => (order_word(*order), vec![bound.to_string()]),
            Test::Null => ("missing or null", Vec::new()),
            Test::Exists(true) => ("there", Vec::new()),
            Test::Exists(false) => ("missing", Vec::new()),
            Test::SameAs { field, part, .. } => (part_word(*part), vec![self.name(*field)]),
            Test::Time(unit, order, bound) => {
                ("a time of which", vec![format!("{} {} {bound}", unit_word(*unit), order_word(*order))])
            }
        };
        Term::Test { field, is, values }
    }
}

impl Name {
    fn asked(&self) -> FieldAsked {
        let mut others: Vec<String> = self.aliases().iter().map(|&alias| alias.to_owned()).collect();
        let canon = Canon::from_name(self.text()).map(|canon| canon.name().to_owned());
        others.extend(canon.filter(|canon| canon != self.text()));
        FieldAsked { name: self.text().to_owned(), others }
    }
}

/// What must hold of a window, in words.
fn demand(demand: &Demand) -> String {
    let (figure, bounds) = match demand {
        Demand::Members(seen) => return seen_words(seen),
        Demand::Figure(figure, bounds) => (figure, bounds),
    };
    let figure = match figure {
        Figure::Events => "events".to_owned(),
        Figure::Distinct(keys) => {
            format!("distinct {}", keys.iter().map(|key| &*key.name).collect::<Vec<_>>().join(" with "))
        }
        Figure::Members => "members seen".to_owned(),
        Figure::Ordered => "members seen in their order".to_owned(),
        Figure::Sum(key) => format!("sum of {}", key.name),
        Figure::Mean(key) => format!("mean of {}", key.name),
        Figure::Percentile(key, percent) => format!("percentile {percent} of {}", key.name),
    };
    let bound = |bound: &Bound| {
        let word = CorrelationOrder::ALL.iter().find(|(_, order)| *order == bound.order).map_or("", |(word, _)| word);
        format!("{word} {}", bound.number)
    };
    format!("{figure} {}", bounds.iter().map(bound).collect::<Vec<_>>().join(" and "))
}

/// A condition over members, which are numbered from 1.
fn seen_words(seen: &Seen) -> String {
    let all = |parts: &[Seen], link| format!("({})", parts.iter().map(seen_words).collect::<Vec<_>>().join(link));
    match seen {
        Seen::One(member) => format!("member {}", member + 1),
        Seen::Not(inner) => format!("not {}", seen_words(inner)),
        Seen::All(parts) => all(parts, " and "),
        Seen::Any(parts) => all(parts, " or "),
    }
}

/// Numbers of the fields that an expression looks at.
fn fields(expr: &Expr, out: &mut BTreeSet<u32>) {
    match expr {
        Expr::All(parts) | Expr::Any(parts) => parts.iter().for_each(|part| fields(part, out)),
        Expr::Not(inner) => fields(inner, out),
        Expr::Shared(inner) => fields(inner, out),
        Expr::Field(name, test) => {
            out.insert(*name);
            if let Test::SameAs { field, .. } = test {
                out.insert(*field);
            }
        }
        Expr::Keyword(_) => {}
    }
}

/// A keyword is looked for anywhere.
fn equal_word(is_keyword: bool, is_cased: bool) -> &'static str {
    match (is_keyword, is_cased) {
        (false, false) => "equal",
        (false, true) => "equal, case counts",
        (true, false) => "text that holds",
        (true, true) => "text that holds, case counts",
    }
}

fn order_word(order: Order) -> &'static str {
    match order {
        Order::Eq => "=",
        Order::Lt => "<",
        Order::Lte => "<=",
        Order::Gt => ">",
        Order::Gte => ">=",
    }
}

fn part_word(part: Part) -> &'static str {
    match part {
        Part::Whole => "equal to the field",
        Part::Contains => "a text that holds the field",
        Part::Starts => "a text that begins with the field",
        Part::Ends => "a text that ends with the field",
    }
}

fn unit_word(unit: Unit) -> &'static str {
    match unit {
        Unit::Minute => "minute",
        Unit::Hour => "hour",
        Unit::Day => "day",
        Unit::Week => "week",
        Unit::Month => "month",
        Unit::Year => "year",
    }
}

//! Which literals a record must hold before a rule can match it.
//!
//! A literal gates a rule only where every way to a match needs it without negation. Literals are cut at every byte that
//! a format may write differently from the value it stands for ([`Spelling`]). Of the ways to cover a rule the one is
//! taken whose literals logs hold least often ([`Expected`]).

use std::collections::BTreeMap;

use super::eval::Name;
use super::item::{Expr, Test};
use super::needed::Needed;
use super::pattern::Pattern;
use super::spelling::Spelling;
use super::{order, routing};
use crate::model::atoms::Atoms;
use crate::model::fields::Canon;
use crate::model::rarity::Expected;

/// Shortest literal worth a search.
pub(super) const SHORTEST: usize = 3;
/// More literals than this for one rule cost more than they save.
const WIDEST: usize = 2_000;
/// A literal that is to be expected more often than this, in occurrences a record, is in almost every one: finding it
/// costs more than a look at the rule.
const COMMON: f64 = 0.4;
/// The same where a sample of the logs at hand was counted: what it says of common literals holds.
const COMMON_HERE: f64 = 0.1;
/// The same where every rule has a literal: without one of them, no record would have to be read for rules at all. And of a
/// rule that is dear to look at.
const COMMON_ALONE: f64 = 0.8;
/// What such a rule costs at least: words are looked for in all values.
const DEAR: u32 = 500;
/// Values that parsers write themselves, whatever the record says.
const INVENTED: [&[u8]; 4] = [b"success", b"failure", b"true", b"false"];

/// The atoms of numbered rules, in order of their numbers; each with texts of which a record must hold one before the
/// rule can apply to it.
pub(super) fn collect<'a>(
    rules: impl Iterator<Item = (u32, &'a Expr, Option<Vec<&'static str>>)>,
    names: &[Name],
    spelling: Spelling,
    expected: Expected<'_>,
) -> Atoms {
    let reader = Reader { names, spelling, registry: false, expected };
    let mut table: BTreeMap<Vec<u8>, Vec<u32>> = BTreeMap::new();
    let mut always = Vec::new();
    let covers: Vec<(u32, Option<Cover>, f64)> =
        rules.map(|(number, expr, needed)| (number, reader.best(expr, needed), reader.common(expr))).collect();
    let are_covered = covers.iter().all(|(_, cover, _)| cover.is_some());
    for (number, cover, common) in covers {
        match cover.filter(|cover| cover.often < if are_covered { COMMON_ALONE } else { common }) {
            Some(cover) => {
                cover.literals.into_iter().for_each(|literal| table.entry(literal).or_default().push(number))
            }
            None => always.push(number),
        }
    }
    let (literals, rules) = table.into_iter().map(|(l, r)| (l.into_boxed_slice(), r)).unzip();
    Atoms { literals, rules, always }
}

/// Why no literal gates a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lack {
    /// No literal is in every record that matches.
    None,
    /// Every record that matches holds one, but so do too many others; the first of them.
    Common(Vec<u8>),
}

/// Why no literal gates a rule; `None` where one does.
pub(super) fn lack(
    (expr, needed): (&Expr, Option<Vec<&'static str>>),
    names: &[Name],
    spelling: Spelling,
    expected: Expected<'_>,
) -> Option<Lack> {
    let reader = Reader { names, spelling, registry: false, expected };
    match reader.best(expr, needed) {
        Some(cover) if cover.often < reader.common(expr) => None,
        Some(cover) => Some(Lack::Common(cover.literals.into_iter().next().unwrap_or_default())),
        None => Some(Lack::None),
    }
}

/// Literals of which every record that matches holds at least one; sorted, none twice.
struct Cover {
    literals: Vec<Vec<u8>>,
    /// How often one of them is to be expected.
    often: f64,
}

struct Reader<'a> {
    names: &'a [Name],
    spelling: Spelling,
    /// Whether values may be paths of the registry.
    registry: bool,
    /// How common literals are.
    expected: Expected<'a>,
}

impl<'a> Reader<'a> {
    /// From how many occurrences a record on a literal of a rule is of no use.
    fn common(&self, expr: &Expr) -> f64 {
        match () {
            () if order::cost(expr) >= DEAR => COMMON_ALONE,
            () if self.expected.is_counted() => COMMON_HERE,
            () => COMMON,
        }
    }

    /// The literals of a rule, with texts of which a record must hold one before the rule can apply to it; `None` where
    /// there are none.
    fn best(&self, expr: &Expr, needed: Option<Vec<&'static str>>) -> Option<Cover> {
        let needed = needed.and_then(|texts| self.any(texts.iter().map(|text| self.rarest(text.as_bytes()))));
        rarer(self.cover(expr).into_iter().chain(needed))
    }

    fn cover(&self, expr: &Expr) -> Option<Cover> {
        match expr {
            Expr::All(parts) => rarer(parts.iter().filter_map(|part| self.cover(part))),
            Expr::Any(parts) => self.any(parts.iter().map(|part| self.cover(part))),
            Expr::Not(_) => None,
            Expr::Shared(inner) => self.cover(inner),
            Expr::Field(field, _) if is_derived(self.names.get(*field as usize)?.text()) => None,
            Expr::Field(field, Test::Text(pattern)) => self.of_field(*field).text(pattern),
            Expr::Field(field, Test::Regex(regex)) => self.of_field(*field).held(regex.needed()?),
            Expr::Keyword(Test::Text(pattern)) if !self.spelling.invents_values() => self.said(pattern),
            Expr::Field(field, Test::Words(words)) => {
                let reader = self.of_field(*field);
                self.any(words.patterns().iter().map(|word| reader.text(word)))
            }
            Expr::Field(field, Test::Anchored(texts)) => {
                let reader = self.of_field(*field);
                self.any(texts.patterns().iter().map(|text| reader.text(text)))
            }
            Expr::Keyword(Test::Regex(regex)) if !self.spelling.invents_values() => {
                let needed = regex.needed()?;
                self.heard(|reader| reader.held(needed))
            }
            Expr::Keyword(Test::Words(words)) if !self.spelling.invents_values() => {
                self.any(words.patterns().iter().map(|word| self.said(word)))
            }
            Expr::Field(..) | Expr::Keyword(_) => None,
        }
    }

    /// A reader of the values of one field.
    fn of_field(&self, field: u32) -> Self {
        let name = self.names.get(field as usize).map_or("", Name::text);
        Self { spelling: self.spelling.of_field(name), registry: routing::is_registry_path(name), ..*self }
    }

    /// The same of a keyword.
    fn said(&self, pattern: &Pattern) -> Option<Cover> {
        self.heard(|reader| reader.text(pattern))
    }

    /// What a keyword is covered by, which parsers must not have written themselves.
    fn heard(&self, cover: impl Fn(&Self) -> Option<Cover>) -> Option<Cover> {
        // Those of Windows events.
        let registry = matches!(self.spelling, Spelling::Json | Spelling::Declared | Spelling::Xml);
        let reader = Self { spelling: self.spelling.of_keyword(), registry, ..*self };
        // Numbers in hex digits may be decimal ones in the record.
        let invented =
            |literal: &Vec<u8>| literal.starts_with(b"0x") || INVENTED.iter().any(|value| holds(value, literal));
        cover(&reader).filter(|cover| !cover.literals.iter().any(invented))
    }

    /// All parts together; `None` if one has no cover.
    fn any(&self, parts: impl Iterator<Item = Option<Cover>>) -> Option<Cover> {
        let mut literals = Vec::new();
        for part in parts {
            literals.extend(part?.literals);
            if literals.len() > WIDEST {
                return None;
            }
        }
        literals.sort_unstable();
        literals.dedup();
        let often = literals.iter().map(|literal| self.expected.of(literal)).sum();
        (!literals.is_empty()).then_some(Cover { literals, often })
    }

    /// Of what an expression needs.
    fn held(&self, needed: &Needed) -> Option<Cover> {
        match needed {
            Needed::Run(run) => self.rarest(run),
            Needed::All(parts) => rarer(parts.iter().filter_map(|part| self.held(part))),
            Needed::Any(parts) => self.any(parts.iter().map(|part| self.held(part))),
        }
    }

    /// The rarest run of the pattern.
    fn text(&self, pattern: &Pattern) -> Option<Cover> {
        rarer(pattern.runs().filter_map(|run| self.rarest(&run)))
    }

    /// The rarest part of a text that shows in every record that holds it.
    fn rarest(&self, text: &[u8]) -> Option<Cover> {
        let cut = |byte: &u8| !self.spelling.keeps(*byte) || self.registry && *byte == b'\\';
        let parts = text.split(cut).filter(|part| part.len() >= SHORTEST);
        let parts = parts.filter(|part| !self.registry || !routing::is_of_hive(part));
        rarer(parts.map(|part| {
            let literals = self.spelling.forms(part);
            let often = literals.iter().map(|form| self.expected.of(form)).sum();
            Cover { literals, often }
        }))
    }
}

fn rarer(covers: impl Iterator<Item = Cover>) -> Option<Cover> {
    covers.min_by(|a, b| a.often.total_cmp(&b.often))
}

fn holds(value: &[u8], literal: &[u8]) -> bool {
    memchr::memmem::find(value, literal).is_some()
}

/// Whether parsers may give the field a value that the record does not hold: canonical fields and names that come
/// from the header of a source.
fn is_derived(name: &str) -> bool {
    name.starts_with('_') || Canon::from_name(name).is_some() || routing::is_derived(name)
}

//! Patterns held against records: which ones can be, and which records may satisfy them.
//!
//! A record is one observation. A pattern is held against records only if every property that it names is one that
//! records have; any other is refused as a whole, so that none is evaluated by half. Of a pattern over several observations
//! each part is held by itself; what the records of all sources show together is decided when they are known.

use ipnet::IpNet;

use super::compare::{Comparison, Op, Step, Test};
use super::record::{End, Objects, end};
use super::value::{Constant, network};
use super::{Edition, Node, Pattern, Qualifier};
use crate::model::atoms::Atoms;
use crate::model::fields::Fields;
use crate::model::indicator::{IndicatorKind, Indicators};

/// Longest pattern that is held against records, in bytes: it is the name of what is found.
const LONGEST: usize = 4096;
/// Most records that a pattern may ask for together.
const MOST: u64 = 500;
/// Fewest bytes of a text that is looked for in raw records.
const SHORTEST: usize = 4;

/// Reads a pattern for records.
///
/// # Errors
/// Why it cannot be held against records.
pub(in crate::indicators) fn for_logs(text: &str) -> Result<Pattern, String> {
    if text.len() > LONGEST {
        return Err("pattern of more than 4 KiB".to_owned());
    }
    let parsed = Pattern::parse(text, Edition::V21).or_else(|fault| {
        let older = Pattern::parse(text, Edition::V20);
        older.map_err(|_| fault)
    });
    let mut pattern = parsed.map_err(|fault| fault.to_string())?;
    if !is_single(&pattern.root) && asked(&pattern.root) > MOST {
        return Err(format!("pattern that asks for more than {MOST} records together"));
    }
    pattern.leaves.iter_mut().try_for_each(fold)?;
    Ok(pattern)
}

/// Whether every part asks for one observation.
fn is_single(node: &Node) -> bool {
    match node {
        Node::Leaf(_) => true,
        Node::Or(nodes) => nodes.iter().all(is_single),
        Node::And(_) | Node::Followed(_) => false,
        Node::Qualified(node, qualifier) => !matches!(qualifier, Qualifier::Repeats(2..)) && is_single(node),
    }
}

/// The most observations that an expression asks for together.
fn asked(node: &Node) -> u64 {
    match node {
        Node::Leaf(_) => 1,
        Node::Or(nodes) => nodes.iter().map(asked).max().unwrap_or(0),
        Node::And(nodes) | Node::Followed(nodes) => nodes.iter().map(asked).fold(0, u64::saturating_add),
        Node::Qualified(node, Qualifier::Repeats(times)) => asked(node).saturating_mul(*times),
        Node::Qualified(node, _) => asked(node),
    }
}

/// Brings the constants of a test into the spelling of records.
fn fold(test: &mut Test) -> Result<(), String> {
    match test {
        Test::And(tests) | Test::Or(tests) => tests.iter_mut().try_for_each(fold),
        Test::One(comparison) => fold_one(comparison),
    }
}

fn fold_one(comparison: &mut Comparison) -> Result<(), String> {
    name_hashes(comparison);
    let path = written(&comparison.path.steps);
    let Some(end) = end(&comparison.path.root, &path) else {
        return Err(format!("pattern on {}:{path}, which records do not have", comparison.path.root));
    };
    match &mut comparison.op {
        Op::Equal(Constant::Text(text)) if matches!(end, End::Address | End::Host) => {
            // No record shows a network: one that is listed means the addresses in it.
            if let Some(net) = network(text).filter(|net| net.prefix_len() < net.max_prefix_len()) {
                comparison.op = Op::Subset(net);
            } else {
                *text = spelled(end, text);
            }
        }
        Op::Equal(constant) | Op::Differs(constant) | Op::Order(_, constant) => fold_constant(end, constant),
        Op::In(set) => set.iter_mut().for_each(|constant| fold_constant(end, constant)),
        Op::Like(like) if matches!(end, End::Folded | End::Host) => {
            *like = like.iter().flat_map(|c| c.to_lowercase()).collect();
        }
        _ => {}
    }
    Ok(())
}

fn fold_constant(end: End, constant: &mut Constant) {
    if let Constant::Text(text) = constant {
        *text = spelled(end, text);
    }
}

/// A text as records of this property are spelled.
fn spelled(end: End, text: &str) -> String {
    let address = || network(text).filter(|net| net.prefix_len() == net.max_prefix_len());
    match end {
        End::Text | End::Number => text.to_owned(),
        End::Folded => text.to_lowercase(),
        End::Address | End::Host => address().map_or_else(|| text.to_lowercase(), canonical),
    }
}

fn canonical(net: IpNet) -> String {
    net.addr().to_canonical().to_string()
}

/// Names of hashes are written in many ways.
fn name_hashes(comparison: &mut Comparison) {
    let mut below = false;
    for step in &mut comparison.path.steps {
        let Step::Key(key) = step else { continue };
        if below {
            let name = match key.to_ascii_uppercase().replace(['-', '_'], "").as_str() {
                "MD5" => "MD5",
                "SHA1" => "SHA-1",
                "SHA256" => "SHA-256",
                "SHA512" => "SHA-512",
                _ => continue,
            };
            *key = name.to_owned();
        }
        below = key == "hashes";
    }
}

/// A path as [`end`] knows it.
fn written(steps: &[Step]) -> String {
    let mut made = String::new();
    for step in steps {
        match step {
            Step::Key(key) => {
                if !made.is_empty() {
                    made.push('.');
                }
                made.push_str(key);
            }
            Step::Any | Step::Index(Some(_)) => made.push_str("[*]"),
            Step::Index(None) => made.push_str("[-]"),
        }
    }
    made
}

/// Texts of which a record that satisfies a test holds at least one as it stands; nothing where that is not known.
fn literals(test: &Test) -> Option<Vec<String>> {
    match test {
        Test::And(tests) => tests.iter().filter_map(literals).min_by_key(|texts| weight(texts)),
        Test::Or(tests) => tests.iter().map(literals).collect::<Option<Vec<_>>>().map(|all| all.concat()),
        Test::One(comparison) if comparison.negated => None,
        Test::One(comparison) => match &comparison.op {
            Op::Equal(constant) => literal(constant).map(|text| vec![text]),
            Op::In(set) => set.iter().map(literal).collect(),
            _ => None,
        },
    }
}

/// Fewer and longer texts are met by fewer records.
fn weight(texts: &[String]) -> (usize, usize) {
    (texts.len(), usize::MAX - texts.iter().map(String::len).min().unwrap_or(0))
}

/// The longest part of a constant that every format writes as it stands. Addresses of version 6 have many spellings.
fn literal(constant: &Constant) -> Option<String> {
    let Constant::Text(text) = constant else { return None };
    if text.parse::<std::net::Ipv6Addr>().is_ok() {
        return None;
    }
    let runs = text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')));
    runs.max_by_key(|run| run.len()).filter(|run| run.len() >= SHORTEST).map(str::to_ascii_lowercase)
}

/// The patterns of a set of indicators.
#[derive(Debug, Default)]
pub struct Patterns {
    items: Vec<Item>,
    /// Literals by which records that may satisfy one are found; `rules` and `always` are positions of items.
    pub atoms: Atoms,
}

/// What one record can satisfy: a pattern of one observation, or a part of another.
#[derive(Debug)]
struct Item {
    /// Index of the indicator.
    indicator: u32,
    /// Which part of its pattern; nothing where this is the whole of it.
    part: Option<u32>,
    pattern: Pattern,
}

impl Item {
    /// What of an indicator's pattern is held against each record.
    fn all(indicator: u32, pattern: Pattern) -> Vec<Self> {
        if is_single(&pattern.root) {
            return vec![Self { indicator, part: None, pattern }];
        }
        let alone = |leaf| Pattern { leaves: vec![leaf], root: Node::Leaf(0) };
        let parts = (0u32..).zip(pattern.leaves);
        parts.map(|(part, leaf)| Self { indicator, part: Some(part), pattern: alone(leaf) }).collect()
    }
}

/// Formats that may write plain letters as hex digits: any pattern may be met.
const CODED: &[&str] = &["auditd"];

impl Patterns {
    /// Reads the patterns of a set, each of which was admitted when its feed was read.
    pub fn of(set: &Indicators) -> Self {
        let patterns = set.list.since(IndicatorKind::Pattern);
        let read = patterns.filter_map(|(index, listed)| Some((index, for_logs(listed.value).ok()?)));
        let items: Vec<Item> = read.flat_map(|(index, pattern)| Item::all(index, pattern)).collect();
        let mut found: std::collections::BTreeMap<Box<[u8]>, Vec<u32>> = std::collections::BTreeMap::new();
        let mut always = Vec::new();
        for (number, item) in (0u32..).zip(&items) {
            match item.pattern.leaves.iter().map(literals).collect::<Option<Vec<_>>>() {
                Some(texts) => {
                    for text in texts.concat() {
                        found.entry(text.into_bytes().into()).or_default().push(number);
                    }
                }
                None => always.push(number),
            }
        }
        let (literals, rules) = found.into_iter().unzip();
        Self { items, atoms: Atoms { literals, rules, always } }
    }

    /// The same patterns, each held against every record: what finding them by literals is measured against.
    #[must_use]
    pub fn ungated(mut self) -> Self {
        self.atoms = Atoms { always: (0u32..).take(self.items.len()).collect(), ..Atoms::default() };
        self
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// How many there are; each part of a pattern over several observations counts.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether the literals cannot be trusted to show in a record, because it may write plain letters otherwise.
    pub fn is_blind(&self, format: &str, record: &[u8]) -> bool {
        CODED.contains(&format) || ["\\u", "&#"].iter().any(|m| memchr::memmem::find(record, m.as_bytes()).is_some())
    }

    /// The indicators among these patterns that the fields of a record satisfy, with the part of their pattern where it has
    /// several.
    pub fn met(&self, candidates: &[u32], fields: &Fields<'_>) -> Vec<(u32, Option<u32>)> {
        let objects = Objects::of(fields);
        let observations = [objects.observation(fields)];
        let items = candidates.iter().filter_map(|number| self.items.get(*number as usize));
        let met = items.filter(|item| item.pattern.holds(&observations) == Ok(true));
        met.map(|item| (item.indicator, item.part)).collect()
    }
}

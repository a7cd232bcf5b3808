//! Literals of indicators: numbers of vulnerabilities, free texts, and the traces of kinds that have fields of their own.
//!
//! The gate of the rules finds them all in one pass over the text, and only where some such indicator is loaded. All
//! vulnerabilities share one literal and are looked up by their whole number. What fields decide is only noted here:
//! that a record holds the trace of a typed value, so that its fields are read and asked by [`Words::typed`].

use std::collections::{BTreeMap, HashMap};

use super::AtomHit;
use super::gate::{Gate, atoms_plainly};
use crate::model::atoms::Atoms;
use crate::model::fields::Fields;
use crate::model::fold::spellings;
use crate::model::hit::MatchKind;
use crate::model::indicator::{IndicatorKind, Indicators, RawHit};
use crate::model::typed;

/// How every number of a vulnerability begins.
const CVE: &[u8] = b"cve-";
/// Most digits of the last part of one.
const CVE_DIGITS: usize = 19;

/// What the literals of a set of indicators stand for.
pub struct Words {
    gate: Gate<'static>,
    atoms: Atoms,
    /// By literal: what it may be.
    owners: Vec<Owner>,
    /// Vulnerabilities by their number, lower case.
    cves: HashMap<Box<[u8]>, u32>,
    /// Typed indicators by the spelling in which fields are compared.
    typed: HashMap<(IndicatorKind, Box<str>), Vec<u32>>,
}

#[derive(Default)]
struct Owner {
    /// It begins the number of a vulnerability.
    cve: bool,
    /// Free texts that it is.
    keywords: Vec<u32>,
    /// One of the typed indicators that it is a trace of: any stands for all.
    typed: Option<u32>,
}

/// A typed indicator that a record holds, and in which field.
pub struct Typed {
    /// Index of the indicator.
    pub indicator: u32,
    /// The value itself, or something below it.
    pub how: MatchKind,
    /// Name of the field, canonical where it has one.
    pub field: String,
}

impl Words {
    /// The literals of a set; nothing where no indicator has one.
    pub(super) fn of(set: &Indicators) -> Option<Self> {
        let mut owners: BTreeMap<Box<[u8]>, Owner> = BTreeMap::new();
        let mut cves = HashMap::new();
        let mut typed: HashMap<(IndicatorKind, Box<str>), Vec<u32>> = HashMap::new();
        // Kinds with literals come after all others.
        for (index, indicator) in set.list.since(IndicatorKind::Cve) {
            let value = indicator.value;
            match indicator.kind {
                IndicatorKind::Cve => {
                    owners.entry(CVE.into()).or_default().cve = true;
                    cves.insert(value.to_ascii_lowercase().into_bytes().into(), index);
                }
                IndicatorKind::Keyword => {
                    for literal in spellings(value) {
                        let literal = literal.to_ascii_lowercase().into_bytes().into();
                        owners.entry(literal).or_default().keywords.push(index);
                    }
                }
                kind if typed::is_typed(kind) => {
                    let key = value.split('|').next().unwrap_or(value);
                    typed.entry((kind, key.into())).or_default().push(index);
                    if let Some(core) = typed::core(kind, key) {
                        let literal = core.to_ascii_lowercase().into_bytes().into();
                        owners.entry(literal).or_default().typed.get_or_insert(index);
                    }
                }
                _ => {}
            }
        }
        if owners.is_empty() {
            return None;
        }
        let (literals, owners): (Vec<_>, Vec<_>) = owners.into_iter().unzip();
        let atoms = Atoms { rules: vec![Vec::new(); literals.len()], literals, always: Vec::new() };
        Some(Self { gate: Gate::owned(&atoms), atoms, owners, cves, typed })
    }

    /// Whether a literal may lie over several values of a JSON text, or over one and what stands around it.
    pub fn cross_values(&self) -> bool {
        self.atoms.literals.iter().any(|literal| literal.iter().any(|byte| b"\"{}[]".contains(byte)))
    }

    /// Appends what is met in a text, in no order.
    pub(super) fn scan(&self, text: &[u8], out: &mut Vec<RawHit>) {
        let mut found = Vec::new();
        self.gate.scan(text, &mut found);
        self.confirm(text, &found, out);
    }

    /// The same by the plainest search.
    pub(super) fn plainly(&self, text: &[u8], out: &mut Vec<RawHit>) {
        let mut found = Vec::new();
        atoms_plainly(&self.atoms, text, &mut found);
        self.confirm(text, &found, out);
    }

    fn confirm(&self, text: &[u8], found: &[AtomHit], out: &mut Vec<RawHit>) {
        for hit in found {
            let number = hit.literal as usize;
            let (owner, start) = (&self.owners[number], hit.at);
            let end = start + self.atoms.literals[number].len();
            let met = |indicator, end| RawHit { start, end, indicator, how: MatchKind::Exact };
            if owner.cve
                && let Some((end, indicator)) = self.cve(text, start)
            {
                out.push(met(indicator, end));
            }
            if !owner.keywords.is_empty() && is_whole(text, start, end) {
                out.extend(owner.keywords.iter().map(|indicator| met(*indicator, end)));
            }
            out.extend(owner.typed.map(|indicator| met(indicator, end)));
        }
    }

    /// The vulnerability whose number begins at `start`, and where it ends.
    fn cve(&self, text: &[u8], start: usize) -> Option<(usize, u32)> {
        let digits = |from: usize| text[from..].iter().take(CVE_DIGITS + 1).take_while(|b| b.is_ascii_digit()).count();
        let year = start + CVE.len();
        let dash = year + 4;
        if digits(year) != 4 || text.get(dash) != Some(&b'-') {
            return None;
        }
        let end = dash + 1 + digits(dash + 1);
        let number = self.cves.get(text[start..end].to_ascii_lowercase().as_slice())?;
        is_whole(text, start, end).then_some((end, *number))
    }

    /// The typed indicators that the fields of a record hold.
    pub fn typed(&self, set: &Indicators, fields: &Fields<'_>) -> Vec<Typed> {
        let mut met = Vec::new();
        for field in fields.iter() {
            let Ok(name) = std::str::from_utf8(fields.bytes(field.name)) else { continue };
            let Some(kind) = typed::kind_of_field(name) else { continue };
            let value = String::from_utf8_lossy(fields.bytes(field.value));
            let Some(value) = typed::canonical(kind, &value) else { continue };
            for (key, whole) in typed::lookups(kind, &value) {
                let known = self.typed.get(&(kind, Box::from(key)));
                for &indicator in known.into_iter().flatten() {
                    let listed = set.list.get(indicator).map_or("", |listed| listed.value);
                    if let Some((_, data)) = listed.split_once('|')
                        && !holds_data(fields, value.get(key.len() + 1..), data)
                    {
                        continue;
                    }
                    let how = if whole { MatchKind::Exact } else { MatchKind::Prefix };
                    let field = field.canon.map_or(name, |canon| canon.name()).to_owned();
                    met.push(Typed { indicator, how, field });
                }
            }
        }
        met
    }
}

/// Whether what is listed beside a registry key stands in the record: as the name below the key, or as a whole field.
fn holds_data(fields: &Fields<'_>, below: Option<&str>, data: &str) -> bool {
    below.is_some_and(|name| name.eq_ignore_ascii_case(data))
        || fields.iter().any(|field| fields.bytes(field.value).eq_ignore_ascii_case(data.as_bytes()))
}

/// Whether a token is no part of a longer word: where it begins or ends with a letter or digit, none stands beside it.
/// `_` joins words as a blank does.
fn is_whole(text: &[u8], start: usize, end: usize) -> bool {
    let word = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b >= 0x80);
    let before = start.checked_sub(1).and_then(|at| text.get(at));
    !(word(text.get(start)) && word(before) || word(text.get(end - 1)) && word(text.get(end)))
}

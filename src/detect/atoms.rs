//! Which literals a record must hold before a rule can match it.
//!
//! A literal gates a rule only where every way to a match needs it without negation. Literals are cut at every byte that
//! a format may write differently from the value it stands for: escapes, quotes, blanks, separators of joined fields.

use std::collections::BTreeMap;

use super::item::{Expr, Test};
use crate::model::atoms::Atoms;
use crate::model::fields::Canon;

/// Shortest literal worth a search.
const SHORTEST: usize = 3;
/// More literals than this for one rule cost more than they save.
const WIDEST: usize = 2_000;

/// The atoms of rules in order.
pub(super) fn collect<'a>(rules: impl Iterator<Item = &'a Expr>, names: &[Box<str>]) -> Atoms {
    let mut table: BTreeMap<Vec<u8>, Vec<u32>> = BTreeMap::new();
    let mut always = Vec::new();
    for (index, expr) in (0u32..).zip(rules) {
        match cover(expr, names) {
            Some(literals) => {
                for literal in literals {
                    let rules = table.entry(literal).or_default();
                    if rules.last() != Some(&index) {
                        rules.push(index);
                    }
                }
            }
            None => always.push(index),
        }
    }
    let (literals, rules) = table.into_iter().map(|(l, r)| (l.into_boxed_slice(), r)).unzip();
    Atoms { literals, rules, always }
}

/// Whether the text of a record may differ from its values in more than the bytes literals leave out: JSON `\u`,
/// XML character references, percent signs, and audit records, which may hold values in hex.
pub(super) fn bypasses(record: &[u8]) -> bool {
    let mut from = 0;
    while let Some(i) = memchr::memchr3(b'\\', b'&', b'%', &record[from..]) {
        let at = from + i;
        match (record[at], record.get(at + 1)) {
            (b'%', _) | (b'&', Some(b'#')) | (b'\\', Some(b'u' | b'x' | b'U')) => return true,
            _ => from = at + 1,
        }
    }
    memchr::memmem::find(record, b"audit(").is_some()
}

fn cover(expr: &Expr, names: &[Box<str>]) -> Option<Vec<Vec<u8>>> {
    match expr {
        Expr::All(parts) => parts.iter().filter_map(|p| cover(p, names)).max_by_key(|c| worth(c)),
        Expr::Any(parts) => {
            let mut out = Vec::new();
            for part in parts {
                out.extend(cover(part, names)?);
                if out.len() > WIDEST {
                    return None;
                }
            }
            out.sort_unstable();
            out.dedup();
            (!out.is_empty()).then_some(out)
        }
        Expr::Not(_) => None,
        Expr::Field(field, _) if is_derived(names.get(*field as usize)?) => None,
        Expr::Field(_, Test::Text(pattern)) | Expr::Keyword(Test::Text(pattern)) => {
            let best = pattern.runs().flat_map(|run| safe(&run)).max_by_key(Vec::len)?;
            (best.len() >= SHORTEST).then(|| vec![best])
        }
        Expr::Field(..) | Expr::Keyword(_) => None,
    }
}

/// Longer is better up to 12 bytes, then fewer.
fn worth(cover: &[Vec<u8>]) -> (usize, std::cmp::Reverse<usize>) {
    (cover.iter().map(Vec::len).min().unwrap_or(0).min(12), std::cmp::Reverse(cover.len()))
}

fn safe(run: &[u8]) -> Vec<Vec<u8>> {
    let kept = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'=' | b'$' | b'@' | b'~');
    run.split(|b| !kept(b)).filter(|r| !r.is_empty()).map(<[u8]>::to_vec).collect()
}

/// Whether parsers may give the field a value that the record does not hold: canonical fields and names that come
/// from the header of a source.
fn is_derived(name: &str) -> bool {
    name.starts_with('_') || Canon::from_name(name).is_some() || super::routing::is_derived(name)
}

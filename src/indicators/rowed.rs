//! The values of all feeds while they are gathered: one row each, the texts in one place.

use std::collections::HashMap;

use rayon::prelude::*;

use crate::model::indicator::{Claim, Entry, IndicatorKind, List, Lister};

/// A value as one feed gives it.
#[derive(Debug, Clone, Copy)]
struct Row {
    /// Kind and first bytes of the value: rows are sorted by it first.
    first: u64,
    /// Where the value stands; later values stand behind.
    start: u32,
    length: u32,
    /// Which of the claims.
    claim: u32,
    /// Line or object of the feed.
    line: u32,
    kind: IndicatorKind,
    exact_only: bool,
}

/// All rows.
#[derive(Debug, Default)]
pub(super) struct Rows {
    rows: Vec<Row>,
    values: Vec<u8>,
    claims: Vec<Claim>,
    known: HashMap<Claim, u32>,
    /// The claim that came last.
    last: u32,
}

/// A value that feeds give more than once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    /// What it is.
    pub kind: IndicatorKind,
    /// Canonical value.
    pub value: String,
    /// Number of the feed, and line or object in it, of each mention, in the order of the feeds.
    pub places: Vec<(u32, u32)>,
}

impl Rows {
    /// Takes a value in; `false` where there is no more room: all values together take at most 4 GiB.
    pub(super) fn push(&mut self, entry: Entry<'_>, claim: Claim, line: u64) -> bool {
        let Entry { kind, value, exact_only } = entry;
        let (Ok(start), Ok(length)) = (u32::try_from(self.values.len()), u32::try_from(value.len())) else {
            return false;
        };
        if start.checked_add(length).is_none() || self.rows.len() >= u32::MAX as usize {
            return false;
        }
        let claim = self.claim(claim);
        self.values.extend_from_slice(value.as_bytes());
        let first = first_of(kind, value.as_bytes());
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        self.rows.push(Row { first, start, length, claim, line, kind, exact_only });
        true
    }

    /// The number of a claim.
    fn claim(&mut self, claim: Claim) -> u32 {
        if self.claims.get(self.last as usize) == Some(&claim) {
            return self.last;
        }
        let next = self.claims.len() as u32;
        self.last = *self.known.entry(claim).or_insert_with_key(|claim| {
            self.claims.push(claim.clone());
            next
        });
        self.last
    }

    fn value(&self, row: &Row) -> &[u8] {
        &self.values[row.start as usize..(row.start + row.length) as usize]
    }

    /// By kind and value, mentions of one value in the order in which they came.
    fn sort(&mut self) {
        let values = &self.values;
        let rest = |row: &Row| &values[row.start as usize..(row.start + row.length) as usize];
        self.rows.par_sort_unstable_by(|a, b| {
            a.first.cmp(&b.first).then_with(|| rest(a).cmp(rest(b))).then_with(|| a.start.cmp(&b.start))
        });
    }

    /// The mentions of each value; rows must be sorted.
    fn groups(&self) -> impl Iterator<Item = &[Row]> {
        self.rows.chunk_by(|a, b| a.first == b.first && self.value(a) == self.value(b))
    }

    /// The values that are given more than once, in order.
    pub(super) fn repeats(&mut self) -> Vec<Repeat> {
        self.sort();
        let place = |row: &Row| (self.claims[row.claim as usize].feed, row.line);
        let repeat = |group: &[Row]| Repeat {
            kind: group[0].kind,
            value: String::from_utf8_lossy(self.value(&group[0])).into_owned(),
            places: group.iter().map(place).collect(),
        };
        self.groups().filter(|group| group.len() > 1).map(repeat).collect()
    }

    /// The list of all values, what is said of one joined.
    pub(super) fn list(mut self) -> List {
        self.sort();
        let mut lister = Lister::with_room(self.rows.len(), self.values.len());
        let mut known: HashMap<Box<[u32]>, u32> = HashMap::new();
        let mut claims: Vec<u32> = Vec::new();
        for group in self.groups() {
            claims.clear();
            for row in group {
                if !claims.contains(&row.claim) {
                    claims.push(row.claim);
                }
            }
            let said = match known.get(&claims[..]) {
                Some(said) => *said,
                None => {
                    let stated: Vec<Claim> = claims.iter().map(|claim| self.claims[*claim as usize].clone()).collect();
                    let said = lister.said(&stated);
                    known.insert(claims.as_slice().into(), said);
                    said
                }
            };
            let value = std::str::from_utf8(self.value(&group[0])).expect("rows are cut where values end");
            let exact_only = group.iter().all(|row| row.exact_only);
            lister.push(Entry { kind: group[0].kind, value, exact_only }, said);
        }
        lister.finish()
    }
}

/// Kind and first bytes of a value, in the order of (kind, value) as far as they go.
fn first_of(kind: IndicatorKind, value: &[u8]) -> u64 {
    let mut first = [0; 8];
    first[0] = kind.number();
    // PERF: `http://` would fill the key, and tell no URL from another.
    let (from, rest) = match kind {
        IndicatorKind::Url => {
            let (rank, rest) = behind_scheme(value);
            first[1] = rank;
            (2, rest)
        }
        _ => (1, value),
    };
    let length = rest.len().min(first.len() - from);
    first[from..from + length].copy_from_slice(&rest[..length]);
    u64::from_be_bytes(first)
}

/// What URLs begin with, in the order of bytes.
const SCHEMES: [&[u8]; 2] = [b"http://", b"https://"];

/// The rank of a URL among the schemes, in the order of bytes, and what stands behind the scheme that it has.
fn behind_scheme(value: &[u8]) -> (u8, &[u8]) {
    let mut rank = 0;
    for scheme in SCHEMES {
        match value.strip_prefix(scheme) {
            Some(rest) => return (rank + 1, rest),
            None if value > scheme => rank += 2,
            None => {}
        }
    }
    (rank, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_url_never_goes_against_the_order_of_values() {
        let mut urls = Vec::new();
        for head in
            ["", "ftp://", "h", "http:", "http://", "http://a", "http:/", "https://", "https", "httpt", "z", "http:0"]
        {
            for rest in ["", "a", "b.example/x", "b.example/y", "~", "0.example", "//", "\u{e9}"] {
                urls.push(format!("{head}{rest}"));
            }
        }
        urls.sort();
        let key = |url: &String| first_of(IndicatorKind::Url, url.as_bytes());
        for (one, other) in urls.iter().zip(&urls[1..]) {
            assert!(key(one) <= key(other), "{one} {other}");
        }
        assert!(key(&"http://a.example/".to_owned()) < key(&"http://b.example/".to_owned()));
    }
}

//! The user's catalogue, compiled.

use std::sync::Arc;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::objects::{Kind, Object};
use crate::error::{Error, Result};
use crate::model::catalogue::{Catalogue, Holding};
use crate::model::data::{self, Basis, Sign};

/// A glob holds a run of so many letters and digits at least, by which records are found.
const SHORTEST_BYTES: usize = 3;

/// The entries, each with its globs.
pub struct Holdings {
    /// Per kind of object: its globs, and the entry of each.
    globs: Vec<(Kind, GlobSet, Vec<usize>)>,
    signs: Vec<Arc<Sign>>,
    literals: Vec<String>,
}

impl Holdings {
    /// Compiles a catalogue.
    ///
    /// # Errors
    /// An entry cannot be used.
    pub fn new(catalogue: &Catalogue) -> Result<Self> {
        let mut literals = Vec::new();
        let signs =
            catalogue.data.iter().enumerate().map(|(index, entry)| sign(index, entry)).collect::<Result<_>>()?;
        let mut globs = Vec::new();
        for kind in [Kind::Share, Kind::Path, Kind::Table, Kind::Bucket, Kind::Mailbox, Kind::Url] {
            let (mut set, mut entries) = (GlobSetBuilder::new(), Vec::new());
            for (index, entry) in catalogue.data.iter().enumerate() {
                for text in patterns(entry, kind) {
                    let fault = |what: String| Error::Scopes { part: "data", index, value: text.clone(), what };
                    let literal = literal(text).ok_or_else(|| {
                        fault(format!(
                            "{text:?} is too broad: a glob holds {SHORTEST_BYTES} letters or digits in a row"
                        ))
                    })?;
                    literals.push(literal.to_owned());
                    for pattern in with_content(text, kind) {
                        let glob = GlobBuilder::new(&pattern).case_insensitive(true).backslash_escape(false).build();
                        set.add(glob.map_err(|cause| fault(format!("{text:?} is no glob: {}", cause.kind())))?);
                        entries.push(index);
                    }
                }
            }
            let set = set.build().map_err(|cause| Error::Usage { what: format!("the catalogue: {cause}") })?;
            globs.push((kind, set, entries));
        }
        Ok(Self { globs, signs, literals })
    }

    /// Letters and digits of which one run stands in every name that the catalogue names.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        self.literals.iter().map(String::as_str)
    }

    /// Whether the catalogue names nothing.
    pub fn is_empty(&self) -> bool {
        self.signs.is_empty()
    }

    /// The signs of the entries that an object is of, each once, in the order of the catalogue.
    pub fn signs(&self, object: &Object) -> impl Iterator<Item = &Arc<Sign>> {
        let names = [Some(&object.name), object.with_host.as_ref()].into_iter().flatten();
        let of_kind = self.globs.iter().filter(|(kind, set, _)| *kind == object.kind && !set.is_empty());
        let mut met: Vec<usize> = of_kind
            .flat_map(|(_, set, entries)| names.clone().flat_map(|name| set.matches(name)).map(|glob| entries[glob]))
            .collect();
        met.sort_unstable();
        met.dedup();
        met.into_iter().map(|entry| &self.signs[entry])
    }
}

/// The globs of an entry over one kind of object.
fn patterns(entry: &Holding, kind: Kind) -> &[String] {
    match kind {
        Kind::Share => &entry.share,
        Kind::Path => &entry.path,
        Kind::Table => &entry.table,
        Kind::Column => &[],
        Kind::Bucket => &entry.bucket,
        Kind::Mailbox => &entry.mailbox,
        Kind::Url => &entry.url,
    }
}

/// The glob itself and, where it may name a share or bucket, what lies in that.
fn with_content(text: &str, kind: Kind) -> Vec<String> {
    let text = text.replace('\\', "/");
    let inside = matches!(kind, Kind::Share | Kind::Bucket).then(|| format!("{}/**", text.trim_end_matches('/')));
    std::iter::once(text).chain(inside).collect()
}

/// The longest run of letters and digits outside of what a glob leaves open.
fn literal(glob: &str) -> Option<&str> {
    let mut closed: Vec<&str> = Vec::new();
    let (mut rest, mut plain) = (glob, true);
    // What stands in brackets and braces is one of several.
    while let Some(at) = rest.find(['[', ']', '{', '}']) {
        if plain {
            closed.push(&rest[..at]);
        }
        plain = rest[at..].starts_with([']', '}']);
        rest = &rest[at + 1..];
    }
    if plain {
        closed.push(rest);
    }
    let runs = closed.into_iter().flat_map(|part| part.split(|c: char| !c.is_ascii_alphanumeric()));
    runs.max_by_key(|run| run.len()).filter(|run| run.len() >= SHORTEST_BYTES)
}

fn sign(index: usize, entry: &Holding) -> Result<Arc<Sign>> {
    let fault = |value: &str, what: String| Error::Scopes { part: "data", index, value: value.to_owned(), what };
    let globs = [&entry.share, &entry.path, &entry.table, &entry.bucket, &entry.mailbox, &entry.url];
    let name = &entry.category;
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
        return Err(fault(name, format!("category {name:?}: expected a name of small letters, digits and _")));
    }
    let known = data::named(name);
    let Some(special) = entry.special_category.or(known.map(|known| known.special)) else {
        let names: Vec<&str> = data::CATEGORIES.iter().map(|category| category.name).collect();
        let what = format!(
            "category {name:?} is none of {}; one of your own states special_category = true or false",
            names.join(", ")
        );
        return Err(fault(name, what));
    };
    let Some(first) = globs.into_iter().flatten().next() else {
        return Err(fault(name, format!("{name}: an entry takes one of share, path, table, bucket, mailbox, url")));
    };
    Ok(Arc::new(Sign {
        category: name.as_str().into(),
        special,
        basis: Basis::Catalogue,
        told_by: entry.title.as_deref().unwrap_or(first).into(),
        records: entry.records,
        subjects: entry.subjects.as_deref().map(Into::into),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holdings(toml: &str) -> Result<Holdings> {
        Holdings::new(&toml::from_str(toml).unwrap())
    }

    fn told(toml: &str, kind: Kind, name: &str) -> bool {
        let object =
            Object { kind, name: name.to_owned(), with_host: Some(format!("hr.example{name}")), is_asked: false };
        holdings(toml).unwrap().signs(&object).next().is_some()
    }

    #[test]
    fn globs_go_over_separators_and_case_and_into_shares_and_buckets() {
        let entry = |globs: &str| format!("[[data]]\ncategory = \"hr_payroll\"\n{globs}");
        let share = entry("share = ['\\\\*\\Payroll$']");
        assert!(
            told(&share, Kind::Share, "//fs01/payroll$") && told(&share, Kind::Share, "//fs01/payroll$/2026/a.csv")
        );
        assert!(!told(&share, Kind::Share, "//fs01/payroll$old") && !told(&share, Kind::Path, "//fs01/payroll$"));
        let path = entry("path = ['*\\Finance\\*.xlsx']");
        assert!(told(&path, Kind::Path, "d:/finance/2026/a.xlsx") && !told(&path, Kind::Path, "d:/finance/a.docx"));
        assert!(told(&entry("bucket = [\"council-hr\"]"), Kind::Bucket, "council-hr/x/y.csv"));
        assert!(told(&entry("url = [\"hr.example/pay/*\"]"), Kind::Url, "/pay/slip"));
    }

    #[test]
    fn what_cannot_be_used_is_told() {
        for (toml, word) in [
            ("[[data]]\ncategory = \"hr_payrol\"\npath = [\"*pay*\"]", "hr_payroll"),
            ("[[data]]\ncategory = \"HR\"\npath = [\"*pay*\"]", "small letters"),
            ("[[data]]\ncategory = \"benefits\"", "takes one of"),
            ("[[data]]\ncategory = \"benefits\"\npath = [\"*\"]", "too broad"),
            ("[[data]]\ncategory = \"benefits\"\npath = [\"{abc,def}\"]", "too broad"),
            ("[[data]]\ncategory = \"benefits\"\npath = [\"abc[\"]", "no glob"),
        ] {
            let fault = holdings(toml).err().expect(toml).to_string();
            assert!(fault.contains(word), "{fault}");
        }
        assert!(holdings("[[data]]\ncategory = \"own\"\nspecial_category = false\npath = [\"*pay*\"]").is_ok());
    }
}

//! Answers of which a source may hold some pages alone.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What the ledger says of a source whose every page says that another one follows.
pub const MORE_FOLLOW: &str = "pages, each of which says that another one follows: where none lies beside it that is the last, what followed is not here; collect it";

/// What the ledger says of a source with fewer records than its search found, behind how many are here.
const FEWER: &str = "records that a search found are here: where the other pages do not lie beside it, they are missing; collect them, by scroll or search_after";

/// Parts of what was searched that are told apart.
pub const PARTS_KEPT: usize = 64;

/// What the answers in a source say of the search whose pages they are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Answers {
    /// What they give: the name of the list, and what the answer itself calls it. Pages of one search have the same.
    pub of: Box<str>,
    /// The parts of what was searched that their records are of, the first [`PARTS_KEPT`] of them: names of indices without dates and numbers.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub parts: BTreeSet<Box<str>>,
    /// Records in them.
    pub records: u64,
    /// The most that one of them says was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<u64>,
    /// Whether each of them says that another page follows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_followed: bool,
}

impl Answers {
    /// How many were found, where that is more than are here.
    pub fn lacks(&self) -> Option<u64> {
        self.found.filter(|found| *found > self.records)
    }

    /// What the ledger says where they are fewer than were found.
    pub fn fewer(&self) -> Option<String> {
        self.lacks().map(|found| format!("{} of the {found} {FEWER}", self.records))
    }
}

/// Whether a remark of the ledger is that pages are missing which may lie beside the source.
pub fn may_lie_beside(detail: &str) -> bool {
    detail == MORE_FOLLOW || detail.ends_with(FEWER)
}

/// The name of an index without what numbers the parts of one log: dates, weeks (`w13`) and counts. A number that is part of a word tells of
/// another log (`site1`, `site2`).
pub fn part_of(index: &[u8]) -> Box<str> {
    let words = index.split(|byte| !byte.is_ascii_alphanumeric());
    let numbers = |word: &&[u8]| {
        let digits = word.strip_prefix(b"w").or_else(|| word.strip_prefix(b"W")).unwrap_or(word);
        digits.iter().all(u8::is_ascii_digit)
    };
    let kept = words.filter(|word| !numbers(word)).flatten();
    kept.map(|byte| char::from(byte.to_ascii_lowercase())).collect()
}

#[cfg(test)]
mod tests {
    use super::part_of;

    #[test]
    fn numbers_of_parts_are_no_part_of_a_name() {
        for (index, of) in [
            (".ds-logs-fw-2026.03.28-000001", "dslogsfw"),
            ("Logs_FW-2026.w13", "logsfw"),
            ("site1-2026.03", "site1"),
            ("site2-2026.03", "site2"),
        ] {
            assert_eq!(&*part_of(index.as_bytes()), of, "{index}");
        }
    }
}

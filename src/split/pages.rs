//! What the objects around records say of an answer: whether another page follows, and whether all was found.
//!
//! ```text
//! {"@odata.nextLink":"https://…","value":[…]}     {"Events":[…],"NextToken":"…"}     {"entries":[…],"nextPageToken":"…"}
//! {"took":3,"timed_out":false,"_shards":{"failed":0},"hits":{"total":{"value":20},"hits":[…]}}
//! {"preview":true,"init_offset":0,"results":[…]}
//! ```
//! Sources: <https://learn.microsoft.com/graph/paging>, <https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-pagination.html>,
//! <https://cloud.google.com/apis/design/design_patterns#list_pagination>,
//! <https://www.elastic.co/docs/solutions/search/the-search-api>.
//!
//! Traps: a search that nobody asks for more finds 10,000 at most, so that two searches may state one number (the names of the indices tell
//! them apart, and what Graph calls its list); the token may stand before or behind the records; the last page has none, or an empty one; all pages of a scroll state the same total,
//! and a total may be a lower bound.

use std::sync::Arc;

use crate::model::ledger::{Note, Reason};
use crate::model::pages::{Answers, MORE_FOLLOW, PARTS_KEPT, part_of};

/// Names of what the next page is asked for by, directly in the object around the records.
const TOKENS: [&[u8]; 6] =
    [b"@odata.nextLink", b"odata.nextLink", b"nextLink", b"NextToken", b"nextToken", b"nextPageToken"];

/// The name by which Graph says what its list is.
const CONTEXT: &[u8] = b"@odata.context";

/// What the answers in a source say, and what the one says that is being read.
#[derive(Default)]
pub(super) struct Pages {
    here: Answer,
    /// Answers with records or a list of none.
    answers: u64,
    /// Those that say that another page follows.
    followed: u64,
    /// What they are answers to, as far as they say it.
    told: Answers,
    /// Answers that say that they are not whole.
    cut: u64,
}

/// What an answer says so far.
#[derive(Default)]
struct Answer {
    is_followed: bool,
    total: Option<u64>,
    is_cut: bool,
    /// Results that were given before the search was done, where that is what the word means.
    is_preview: bool,
    is_of_splunk: bool,
    /// What it calls its list.
    context: Box<str>,
}

impl Pages {
    /// Whether what follows a name says something of the answer; `outer`: the name of the object in it that it stands in, empty for
    /// none.
    pub(super) fn wants(outer: &[u8], name: &[u8]) -> bool {
        match outer {
            b"" => TOKENS.contains(&name) || matches!(name, b"timed_out" | b"preview" | b"init_offset" | CONTEXT),
            b"_shards" => name == b"failed",
            b"hits" => matches!(name, b"total" | b"value"),
            _ => false,
        }
    }

    /// A value of the answer: a text, or the digits or letters of another one, as far as they are kept.
    pub(super) fn see(&mut self, (outer, name): (&[u8], &[u8]), value: &[u8], is_text: bool) {
        let here = &mut self.here;
        let number = || std::str::from_utf8(value).ok().and_then(|digits| digits.parse::<u64>().ok());
        match (outer, name) {
            (b"", b"timed_out") => here.is_cut |= value == b"true",
            (b"", b"preview") => here.is_preview |= value == b"true",
            (b"", b"init_offset") => here.is_of_splunk = true,
            (b"", CONTEXT) => here.context = String::from_utf8_lossy(value).into(),
            (b"", _) => here.is_followed |= is_text && !value.is_empty(),
            (b"_shards", _) => here.is_cut |= number().is_some_and(|failed| failed > 0),
            _ => here.total = here.total.max(number()),
        }
    }

    /// A record of the answer.
    pub(super) fn record(&mut self) {
        self.told.records += 1;
    }

    /// The index that a record of the answer is of.
    pub(super) fn index(&mut self, name: &[u8]) {
        let parts = &mut self.told.parts;
        if parts.len() < PARTS_KEPT {
            parts.insert(part_of(name));
        }
    }

    /// The end of an object; `is_answer`: that records stand in.
    pub(super) fn close(&mut self, is_answer: bool) {
        let Answer { is_followed, total, is_cut, is_preview, is_of_splunk, context } = std::mem::take(&mut self.here);
        if is_answer {
            self.answers += 1;
            self.followed += u64::from(is_followed);
            self.told.found = self.told.found.max(total);
            if self.told.of.is_empty() {
                self.told.of = context;
            }
            self.cut += u64::from(is_cut || is_preview && is_of_splunk);
        }
    }

    /// What is to be told of the source.
    pub(super) fn notes(&self) -> Vec<Note> {
        let truncated = |detail: &str, count| Note::new(Reason::ExportTruncated, detail).counted(count);
        let mut notes = Vec::new();
        let answers = self.answers(&[]);
        if answers.as_ref().is_some_and(|answers| answers.is_followed) {
            notes.push(truncated(MORE_FOLLOW, self.followed));
        }
        if let Some(fewer) = answers.and_then(|answers| answers.fewer()) {
            notes.push(Note::new(Reason::ExportTruncated, fewer));
        }
        if self.cut > 0 {
            let detail =
                "answers that say that they are not whole (`timed_out`, failed `_shards`, `preview`); ask again";
            notes.push(truncated(detail, self.cut));
        }
        notes
    }

    /// What the answers say of their search; `None` where there are none. `lists`: the names of their records' list.
    pub(super) fn answers(&self, lists: &[Arc<str>]) -> Option<Answers> {
        let is_followed = self.followed > 0 && self.followed == self.answers;
        let of = lists.iter().map(|list| &**list).chain([&*self.told.of]).filter(|of| !of.is_empty());
        let of = of.collect::<Vec<_>>().join(" ").into();
        (self.answers > 0).then(|| Answers { of, is_followed, ..self.told.clone() })
    }
}

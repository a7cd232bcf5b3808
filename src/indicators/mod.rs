//! Feeds → a compiled set. Formats are found by content; what cannot be used is refused with its line and a reason.

mod columns;
pub mod db;
mod file;
mod list;
mod literal;
mod misp;
pub mod pattern;
mod refang;
mod rowed;
mod rows;
mod stix;
mod table;
mod value;
mod warn;

use std::borrow::Cow;

use rowed::Rows;
use value::Given;

pub use rowed::Repeat;
pub use warn::Warninglists;

use crate::model::indicator::{Claim, Entry, Feed, IndicatorKind, Indicators};

/// A line or object of a feed that is not used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal {
    /// Name of the feed.
    pub file: String,
    /// Line from 1, or number of the object from 1 in JSON.
    pub line: u64,
    /// What stands there, cut to 200 bytes.
    pub value: String,
    /// Why it is not used.
    pub reason: String,
}

/// Collects feeds.
#[derive(Debug, Default)]
pub struct Builder {
    rows: Rows,
    feeds: Vec<Feed>,
    refusals: Vec<Refusal>,
    remarks: Vec<Refusal>,
}

const FULL: &str = "the set is full: its values take 4 GiB";

/// Values shown in a refusal are cut to this many bytes.
const SHOWN_BYTES: usize = 200;

impl Builder {
    /// No feeds yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one feed as decoded bytes, in UTF-8 or UTF-16: a STIX bundle, an envelope of TAXII, MISP JSON, CSV, TSV, Zeek intelligence, a list with `;` or one
    /// value a line, a hosts file, or a report with defanged values.
    pub fn add(&mut self, name: &str, sha256: &str, bytes: &[u8]) {
        self.feeds.push(Feed { name: name.to_owned(), sha256: sha256.to_owned(), taken: 0, refused: 0 });
        let text = decoded(bytes);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        if text.trim_start().starts_with(['{', '[']) {
            match serde_json::from_str::<serde_json::Value>(text) {
                Ok(json) => self.json(&json),
                // A defanged first line may start with a bracket.
                Err(_) if text.trim_start().starts_with('[') => list::read(self, text),
                Err(error) => self.refuse(error.line() as u64, "", "not valid JSON"),
            }
        } else {
            list::read(self, text);
        }
    }

    fn json(&mut self, json: &serde_json::Value) {
        let has = |key: &str| json.get(key).is_some();
        if has("matching_attributes") && has("list") {
            self.refuse(1, "", "a warninglist, not a feed");
        } else if json.get("type").and_then(|t| t.as_str()) == Some("bundle")
            || stix::is_object(json)
            || stix::is_envelope(json)
        {
            stix::read(self, json);
        } else if !misp::read(self, json) {
            self.refuse(1, "", "JSON of no known feed format");
        }
    }

    /// The compiled set and what was refused, both in an order that depends on the feeds alone.
    pub fn finish(mut self) -> (Indicators, Vec<Refusal>) {
        self.refusals.sort();
        (Indicators::compile(self.rows.list(), self.feeds), self.refusals)
    }

    /// Takes a value of a known kind, or refuses it.
    fn take(&mut self, kind: IndicatorKind, raw: &str, line: u64, exact_only: bool, claim: Claim) {
        self.take_given(kind, &Given::of(raw), line, exact_only, claim);
    }

    /// The same where its marks are undone already.
    fn take_given(&mut self, kind: IndicatorKind, given: &Given<'_>, line: u64, exact_only: bool, mut claim: Claim) {
        let raw = given.raw();
        match given.canonical(kind) {
            Ok(canonical) => {
                if self.feeds.is_empty() {
                    return;
                }
                claim.feed = (self.feeds.len() - 1) as u32;
                let exact_only = exact_only || canonical.exact_only;
                let entry = Entry { kind: canonical.kind, value: &canonical.value, exact_only };
                if self.rows.push(entry, claim, line) {
                    self.feeds.last_mut().expect("there is one, as was seen").taken += 1;
                } else {
                    self.refuse(line, raw, FULL);
                }
            }
            Err(reason) => self.refuse(line, raw, reason),
        }
    }

    /// Adds a compiled set: its feeds, and what they say of each value.
    pub fn add_compiled(&mut self, set: &Indicators) {
        let before = self.feeds.len() as u32;
        self.feeds.extend(set.feeds.iter().cloned());
        for (index, entry) in (0u32..).zip(set.list.iter()) {
            for claim in set.list.claims(index) {
                let feed = before.saturating_add(claim.feed);
                if !self.rows.push(entry, Claim { feed, ..claim }, 0) {
                    return self.refuse(0, entry.value, FULL);
                }
            }
        }
    }

    /// The values that were given more than once.
    pub fn repeats(&mut self) -> Vec<Repeat> {
        self.rows.repeats()
    }

    /// How many values of the present feed were taken.
    fn taken(&self) -> u64 {
        self.feeds.last().map_or(0, |feed| feed.taken)
    }

    /// What was left out of feeds on purpose, which is no loss, in their order.
    pub fn remarks(&self) -> &[Refusal] {
        &self.remarks
    }

    fn refuse(&mut self, line: u64, value: &str, reason: &str) {
        let Some(feed) = self.feeds.last_mut() else { return };
        feed.refused += 1;
        self.refusals.push(refusal(feed, line, value, reason));
    }

    fn remark(&mut self, line: u64, value: &str, reason: &str) {
        let Some(feed) = self.feeds.last() else { return };
        self.remarks.push(refusal(feed, line, value, reason));
    }
}

fn refusal(feed: &Feed, line: u64, value: &str, reason: &str) -> Refusal {
    let mut cut = value.len().min(SHOWN_BYTES);
    while !value.is_char_boundary(cut) {
        cut -= 1;
    }
    Refusal { file: feed.name.clone(), line, value: value[..cut].to_owned(), reason: reason.to_owned() }
}

/// The text of a feed. UTF-16 is known by its mark, or by the zero beside the first character, which is ASCII in all
/// feeds.
fn decoded(bytes: &[u8]) -> Cow<'_, str> {
    let big = match bytes {
        [0xFE, 0xFF, ..] => true,
        [0xFF, 0xFE, ..] => false,
        [0, low, 0, next, ..] if *low != 0 && *next != 0 => true,
        [low, 0, next, 0, ..] if *low != 0 && *next != 0 => false,
        _ => return String::from_utf8_lossy(bytes),
    };
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| if big { u16::from_be_bytes(*pair) } else { u16::from_le_bytes(*pair) });
    let mut text: String = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    text.extend(rest.iter().map(|_| char::REPLACEMENT_CHARACTER));
    text.into()
}

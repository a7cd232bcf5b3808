//! A record as it is cited: its place, its digest, the start of its text.

use std::cell::OnceCell;

use sha2::{Digest, Sha256};

use super::Pass;
use crate::classify::masked;
use crate::model::block::Block;
use crate::model::fields::{Fields, Seen};
use crate::model::hit::{EXCERPT_LIMIT_BYTES, Sighting};
use crate::model::place::{Place, RecordDigest};
use crate::model::rule::Outcome;
use crate::model::subject::Subject;

/// A record that may be cited; its digest, and its text where that is written for those who ask only, are made once.
pub(super) struct Cite {
    pub seen: Seen,
    digest: OnceCell<RecordDigest>,
    text: OnceCell<Vec<u8>>,
}

impl Cite {
    /// Of a record, or of a stretch between records.
    pub fn new(seen: Seen) -> Self {
        Self { seen, digest: OnceCell::new(), text: OnceCell::new() }
    }
}

impl Pass<'_, '_> {
    /// What a finding cites.
    pub(super) fn sighting(&self, cite: &Cite, fields: &Fields<'_>, field: Option<String>) -> Sighting {
        let seen = &cite.seen;
        let text = self.text_of(cite);
        Sighting {
            place: seen.place,
            time: fields.time,
            sha256: self.digest(cite).to_string(),
            excerpt: excerpt(text, self.plan.redact.then_some(fields)),
            field,
            outcome: Outcome::of(fields),
            subject: Subject::of(fields),
            called: None,
            data: Vec::new(),
        }
    }

    /// The whole text of a record.
    pub(super) fn text_of<'c>(&'c self, cite: &'c Cite) -> &'c [u8] {
        let (Seen { start, end, place, values }, bytes) = (cite.seen, &self.block.bytes);
        if values.is_none() {
            return &self.text[start..end];
        }
        // What was read once is written.
        let write = || self.templates.write(bytes, place.in_block(self.block.base)).unwrap_or_default();
        cite.text.get_or_init(write)
    }

    /// SHA-256 of the record's stored bytes.
    pub(super) fn digest(&self, cite: &Cite) -> RecordDigest {
        *cite.digest.get_or_init(|| digest_at(self.block, cite.seen.place))
    }
}

/// SHA-256 of the stored bytes at a place of a block.
pub(in crate::worker) fn digest_at(block: &Block, place: Place) -> RecordDigest {
    let stored = block.bytes.get(place.in_block(block.base)).unwrap_or_default();
    RecordDigest(Sha256::digest(stored).into())
}

/// So far behind an excerpt a value may end that begins in it.
const BEHIND_BYTES: usize = 4096;

/// The start of a record as text, cut at a character border; with its fields, what is personal in it is written as its kind.
pub(in crate::worker) fn excerpt(record: &[u8], redact: Option<&Fields<'_>>) -> String {
    let behind = redact.map_or(0, |_| BEHIND_BYTES);
    let text = String::from_utf8_lossy(&record[..record.len().min(EXCERPT_LIMIT_BYTES + behind)]);
    let end = text.floor_char_boundary(EXCERPT_LIMIT_BYTES.min(text.len()));
    let mut out = redact.map_or_else(|| text[..end].to_owned(), |fields| masked(&text, end, fields));
    if record.len() > EXCERPT_LIMIT_BYTES {
        out.push('…');
    }
    out
}

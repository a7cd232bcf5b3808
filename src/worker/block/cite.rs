//! A record as it is cited: its place, its digest, the start of its text.

use std::cell::OnceCell;

use sha2::{Digest, Sha256};

use super::Pass;
use crate::model::block::Block;
use crate::model::fields::{Fields, Seen};
use crate::model::hit::{EXCERPT_LIMIT_BYTES, Sighting};
use crate::model::place::{Place, RecordDigest};
use crate::model::rule::Outcome;
use crate::model::subject::Subject;

/// A record that may be cited; its digest is made once, when first asked for.
pub(super) struct Cite {
    pub seen: Seen,
    pub digest: OnceCell<RecordDigest>,
}

impl Pass<'_> {
    /// What a finding cites.
    pub(super) fn sighting(&self, cite: &Cite, fields: &Fields<'_>, field: Option<String>) -> Sighting {
        let seen = &cite.seen;
        let text = &self.text[seen.start..seen.end];
        Sighting {
            place: seen.place,
            time: fields.time,
            sha256: self.digest(cite).to_string(),
            excerpt: excerpt(text),
            field,
            outcome: Outcome::of(fields),
            subject: Subject::of(fields),
        }
    }

    /// SHA-256 of the record's stored bytes.
    pub(super) fn digest(&self, cite: &Cite) -> RecordDigest {
        *cite.digest.get_or_init(|| digest_at(self.block, cite.seen.place))
    }
}

/// SHA-256 of the stored bytes at a place of a block.
pub(in crate::worker) fn digest_at(block: &Block, place: Place) -> RecordDigest {
    let start = usize::try_from(place.offset.saturating_sub(block.base)).unwrap_or(usize::MAX);
    let length = usize::try_from(place.length).unwrap_or(usize::MAX);
    let stored = block.bytes.get(start..start.saturating_add(length)).unwrap_or_default();
    RecordDigest(Sha256::digest(stored).into())
}

/// The start of a record as text, cut at a character border.
fn excerpt(record: &[u8]) -> String {
    let head = &record[..record.len().min(EXCERPT_LIMIT_BYTES)];
    let text = String::from_utf8_lossy(head);
    let end = text.floor_char_boundary(EXCERPT_LIMIT_BYTES.min(text.len()));
    let mut out = text[..end].to_owned();
    if record.len() > EXCERPT_LIMIT_BYTES {
        out.push('…');
    }
    out
}

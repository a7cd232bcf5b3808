//! Records that name data and show none, as pages of a site do: what was looked at once is known again.

use hashbrown::HashSet;

use super::{Pass, Scratch};
use crate::classify::Look;
use crate::model::fields::Seen;
use crate::sift::AtomHit;

/// Bytes of what is known; beyond them it is forgotten.
const KNOWN_BYTES: usize = 1 << 20;

/// What showed no data so far, each by all from which that follows.
#[derive(Debug, Default)]
pub(super) struct Dataless {
    known: HashSet<Box<[u8]>>,
    bytes: usize,
    /// That of the record at hand; empty where it is not known by it.
    key: Vec<u8>,
}

impl Dataless {
    /// Takes what follows from a record's parts.
    fn take(&mut self, format: &str, parts: [&[u8]; 3]) {
        self.key.clear();
        for part in [format.as_bytes()].into_iter().chain(parts) {
            self.key.extend_from_slice(&part.len().to_le_bytes());
            self.key.extend_from_slice(part);
        }
    }

    /// Keeps that the record at hand showed none.
    pub(super) fn keep(&mut self) {
        if self.key.is_empty() {
            return;
        }
        if self.bytes + self.key.len() > KNOWN_BYTES {
            (self.known, self.bytes) = <_>::default();
        }
        self.bytes += self.key.len();
        self.known.insert(self.key.as_slice().into());
    }
}

impl Pass<'_, '_> {
    /// What a record is to be asked for because of the names of data in it; of those that stand beside its objects, and of what is
    /// known to show none, nothing.
    ///
    /// PERF: of a site of a council every fourth page is named after data, and so is the page before in the next line.
    pub(super) fn looked(&self, seen: &Seen, names: &[AtomHit], scratch: &mut Scratch) -> Option<Look> {
        scratch.dataless.key.clear();
        let look = self.look(names)?;
        let record = &self.text[seen.start..seen.end];
        let parts = (look == Look::Names).then(|| self.reader_at(seen.place.offset).objects(record)).flatten();
        let Some(parts) = parts else { return Some(look) };
        let stands_in = |part: &[u8], name: &AtomHit| {
            let from = part.first().and_then(|first| self.text.element_offset(first));
            from.is_some_and(|from| (from..=from + part.len()).contains(&name.at))
        };
        // What is escaped is named by none of its bytes.
        let may_name = |part: &&[u8]| {
            memchr::memchr2(b'%', b'\\', part).is_some() || names.iter().any(|name| stands_in(part, name))
        };
        let [_, request, _] = parts;
        if !parts.iter().any(may_name) || !self.plan.classifier.may_be_named(request) {
            return None;
        }
        scratch.dataless.take(self.block.layout.format, parts);
        let Dataless { known, key, .. } = &scratch.dataless;
        (!known.contains(key.as_slice())).then_some(look)
    }
}

//! What sessions moved of which no record of any source says that they ended: what the record says of each that says most.

use std::collections::{BTreeMap, HashMap};

use crate::model::observation::{Hour, Key, Sum};
use crate::model::partial::Partial;
use crate::model::place::Locator;
use crate::model::sessions::{self, SessionId};
use crate::model::time::Span;

/// Hours of sessions by who tells of them: beside those of the conversations, in which such records count no bytes. Each stands for
/// one record.
#[derive(Default)]
pub(super) struct Lasting<'a>(HashMap<(&'a Locator, Key<'a>), Vec<Hour>>);

impl<'a> Lasting<'a> {
    /// What the sessions of all sources moved. A session that goes on in the next file of its log is told of by several.
    pub(super) fn of(merged: &'a Partial) -> Self {
        let sources = || merged.sources.values().filter(|source| !source.observations.sessions.is_empty());
        let is_over = |id: &SessionId| sources().any(|source| source.observations.sessions.ended.contains_key(id));
        let mut most: BTreeMap<SessionId, (&sessions::Lasting, &Locator)> = BTreeMap::new();
        for source in sources() {
            for (id, lasting) in &source.observations.sessions.lasting {
                let told = (lasting, &source.entry.source);
                let known = most.entry(*id).or_insert(told);
                *known = told.max(*known);
            }
        }
        let mut hours: HashMap<_, Vec<Hour>> = HashMap::new();
        for (lasting, locator) in most.into_iter().filter(|(id, _)| !is_over(id)).map(|(_, told)| told) {
            let sum = Sum { records: 1, up: lasting.up, down: lasting.down, ..Sum::default() };
            let span = lasting.at.map(|last| Span { first: lasting.began.unwrap_or(last).min(last), last });
            let hour = Hour { span, sum };
            hours.entry((locator, lasting.key.as_key())).or_default().push(hour);
        }
        let copies = sources().flat_map(|source| source.copies.iter().map(|copy| (&source.entry.source, copy)));
        for (own, copy) in copies {
            let theirs: Vec<_> = hours.iter().filter(|((locator, _), _)| *locator == own).collect();
            let theirs: Vec<_> = theirs.into_iter().map(|((_, key), hours)| ((copy, *key), hours.clone())).collect();
            hours.extend(theirs);
        }
        Self(hours)
    }

    /// The hours of sessions of a conversation of a log.
    pub(super) fn hours<'h>(&'h self, locator: &'h Locator, key: &Key<'h>) -> impl Iterator<Item = Hour> + 'h {
        let hours = if self.0.is_empty() { None } else { self.0.get(&(locator, *key)) };
        hours.into_iter().flatten().copied()
    }
}

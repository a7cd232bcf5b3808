//! What one record does not tell alone, and is held aside until all of its source is read: sessions, and halves of records.

use std::sync::PoisonError;

use crate::model::fields::Fields;
use crate::model::partial::Covered;
use crate::model::sessions::{Lasting, Sessions};

use super::{Bytes, Tally, read, sessions, ties};

/// What is held aside of a source until all of it is read.
#[derive(Default)]
pub(super) struct Aside {
    sessions: Sessions,
    ties: ties::Holding,
}

impl Tally {
    /// Holds what a record says of a session aside, and gives the bytes that count with the record itself: what a session moved
    /// while it lasts is told again when it ends.
    pub(super) fn session(&mut self, told: sessions::Told, fields: &Fields<'_>, (up, down): Bytes) -> Bytes {
        let (id, at) = (sessions::id(fields), fields.time.map(|stamp| stamp.at));
        match told {
            sessions::Told::Lasts => {
                let began = read::span(fields).map(|span| span.first).filter(|first| Some(*first) != at);
                let lasting = Lasting { up: up.unwrap_or(0), down: down.unwrap_or(0), at, began, key: self.at_hand() };
                self.sessions.lasts(id, lasting);
                (up.map(|_| 0), down.map(|_| 0))
            }
            sessions::Told::Ended(secs) => {
                // One that does not say how long it took began no earlier than it was told of, as far as is known.
                let secs = i64::try_from(secs.unwrap_or(0)).unwrap_or(i64::MAX);
                let began = at.map_or(i64::MIN, |at| (at.micros() / 1_000_000).saturating_sub(secs));
                self.sessions.ends(id, began);
                (up, down)
            }
        }
    }

    /// Gives what the block holds aside to what all accounts do.
    pub(super) fn lay_aside(&mut self) {
        if self.sessions.is_empty() && self.ties.is_empty() {
            return self.ties.forget();
        }
        let mut aside = self.aside.lock().unwrap_or_else(PoisonError::into_inner);
        aside.sessions.join(std::mem::take(&mut self.sessions));
        self.ties.end_block(&mut aside.ties);
    }

    /// Observes a record whose other half was found when all of its source was read.
    fn observe_taken(&mut self, taken: &ties::Taken) {
        let fields = taken.fields();
        self.observe_whole("", (&fields, None), taken.place, &|_| taken.sha256);
        self.settle(&|_| taken.sha256);
    }
}

/// What all accounts held aside: halves of records, which become whole or are told as unread, and sessions.
pub(super) fn settle(accounts: &mut [Tally], covered: &mut Covered) -> Sessions {
    let mut sessions = Sessions::default();
    accounts.iter_mut().for_each(Tally::lay_aside);
    for account in accounts {
        let mut held = account.aside.lock().unwrap_or_else(PoisonError::into_inner);
        let Aside { sessions: more, ties } = std::mem::take(&mut *held);
        drop(held);
        sessions.join(more);
        let (whole, alone) = ties.finish();
        whole.iter().for_each(|taken| account.observe_taken(taken));
        alone.into_iter().for_each(|(seen, records)| *covered.unread.entry(seen).or_default() += records);
    }
    sessions
}

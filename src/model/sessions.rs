//! Sessions that a log tells of again and again while they last, each time with all that they moved so far.
//!
//! A record that says that a session ended tells all of it, and counts as any other does. What a record said while it lasted is
//! kept apart until all sources are known, and counts where no record says that it ended.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::observation::ObservationKey;
use super::partial::pairs;
use super::stands::{Stand, Stands};
use super::time::{HOUR_SECS, Instant, Span};

/// A session is told of while it lasts from so many seconds on.
pub const LONG_SECS: u64 = 60;
/// Records of a session, or of a flow or call with a number, are told apart from their doubles from so many bytes one way on.
pub const LARGE_BYTES: u64 = 64 << 10;
/// Sessions kept of one source while they last: those that moved most.
pub const SESSIONS_KEPT: usize = 1 << 16;
/// Ends kept of one source: those of the smallest ids.
pub const ENDS_KEPT: usize = 1 << 20;
/// Of so many of them, those of the smallest ids, all is kept that the session moved.
pub const WHOLES_KEPT: usize = 1 << 18;
/// Clocks and roundings may put the begin of a session so much later than its first record.
const SLACK_SECS: i64 = HOUR_SECS / 12;

/// A digest of what names a session.
pub type SessionId = u64;

/// What the record says of a session that says most.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Lasting {
    /// Bytes from client to server since it began.
    pub up: u64,
    /// Bytes back since it began.
    pub down: u64,
    /// When the record was written.
    pub at: Option<Instant>,
    /// When the session began, where the record says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<Instant>,
    /// The conversation of the record.
    pub key: ObservationKey,
}

/// All that a session moved which ended, where that is much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Whole {
    /// Bytes from client to server.
    pub up: u64,
    /// Bytes back.
    pub down: u64,
    /// From when to when it lasted.
    pub span: Span,
    /// The [digest](super::observation::Key::digest) of the conversation with which its record counts.
    pub conversation: u64,
    /// Whether another record tells of another end under the same name, so that none of what is told of it while it lasted is sure.
    pub is_reused: bool,
}

impl Whole {
    fn join(&mut self, other: Self) {
        let is_same = Self { is_reused: self.is_reused, ..other } == *self;
        let is_reused = self.is_reused || other.is_reused || !is_same;
        let least = Self { is_reused: false, ..*self }.min(Self { is_reused: false, ..other });
        *self = Self { is_reused, ..least };
    }
}

/// Sessions of one source. Joins by the larger record, and keeps those that moved most, and of ends the smallest ids.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sessions {
    /// What is told of those that last.
    #[serde(with = "pairs")]
    pub lasting: BTreeMap<SessionId, Lasting>,
    /// Those that ended, with the second since the epoch in which they began.
    #[serde(with = "pairs")]
    pub ended: BTreeMap<SessionId, i64>,
    /// All that those moved.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", with = "pairs")]
    pub wholes: BTreeMap<SessionId, Whole>,
    /// How those stood that are told of while they last.
    #[serde(default, skip_serializing_if = "Stands::is_empty")]
    pub stands: Stands,
    /// Whether there are more than are kept.
    pub is_cut: bool,
}

impl Sessions {
    /// Whether no record tells of a session that lasts, or ended.
    pub fn is_empty(&self) -> bool {
        self.lasting.is_empty() && self.ended.is_empty() && !self.is_cut
    }

    /// Adds what a record says of a session that lasts.
    pub fn lasts(&mut self, id: SessionId, lasting: Lasting) {
        let stand = |at| Stand { id, at, up: lasting.up, down: lasting.down };
        lasting.at.map(stand).into_iter().for_each(|stand| self.stands.add(stand));
        match self.lasting.get_mut(&id) {
            Some(known) if *known < lasting => *known = lasting,
            Some(_) => {}
            None => {
                self.lasting.insert(id, lasting);
                if self.lasting.len() >= 2 * SESSIONS_KEPT {
                    self.cut_lasting();
                }
            }
        }
    }

    /// Adds that a session ended which began in that second, and all that it moved where that is much.
    pub fn ends(&mut self, id: SessionId, began: i64, whole: Option<Whole>) {
        let known = self.ended.entry(id).or_insert(began);
        *known = began.min(*known);
        if let Some(whole) = whole {
            self.wholes.entry(id).and_modify(|known| known.join(whole)).or_insert(whole);
        }
        self.cut();
    }

    /// Joins another part of the source. Commutes, once it is [settled](Self::settle): what is among the largest or smallest of all
    /// is so among those of each part.
    pub fn join(&mut self, other: Self) {
        self.is_cut |= other.is_cut;
        other.lasting.into_iter().for_each(|(id, lasting)| self.lasts(id, lasting));
        self.stands.join(other.stands);
        let mut wholes = other.wholes;
        other.ended.into_iter().for_each(|(id, began)| self.ends(id, began, wholes.remove(&id)));
    }

    /// Keeps the sessions that moved most.
    ///
    /// PERF: there are up to twice as many in between, so that all are not gone through for each.
    fn cut_lasting(&mut self) {
        if self.lasting.len() <= SESSIONS_KEPT {
            return;
        }
        let most = |(id, lasting): (&SessionId, &Lasting)| (lasting.up.max(lasting.down), *id);
        let mut all: Vec<(u64, SessionId)> = self.lasting.iter().map(most).collect();
        let over = all.len() - SESSIONS_KEPT;
        all.select_nth_unstable(over - 1);
        all[..over].iter().for_each(|(_, id)| {
            self.lasting.remove(id);
        });
        self.is_cut = true;
    }

    fn cut(&mut self) {
        while self.ended.len() > ENDS_KEPT {
            let over = self.ended.pop_last();
            over.and_then(|(id, _)| self.wholes.remove(&id));
            self.is_cut = true;
        }
        while self.wholes.len() > WHOLES_KEPT {
            self.wholes.pop_last();
        }
    }

    /// The whole source is read, whose first record is of that time: what ended in it lasts no more, and only of what may have
    /// begun before it may other sources tell. Where not all ends are kept, it is not known of every session whether it did. How a
    /// session stood says something beside the record that says most of it, or all of it.
    pub fn settle(&mut self, first: Option<Instant>) {
        self.cut_lasting();
        if self.ended.len() == ENDS_KEPT {
            let known = self.ended.last_key_value().map_or(0, |(id, _)| *id);
            self.lasting.retain(|id, _| *id <= known);
        }
        self.lasting.retain(|id, _| !self.ended.contains_key(id));
        let says_more = |stand: &Stand| match self.lasting.get(&stand.id) {
            Some(most) => most.at != Some(stand.at),
            None => self.wholes.contains_key(&stand.id),
        };
        self.stands.retain(says_more);
        let stood: BTreeSet<SessionId> = self.stands.iter().map(|stand| stand.id).collect();
        let first = first.map_or(i64::MAX, |first| first.micros() / 1_000_000).saturating_add(SLACK_SECS);
        self.ended.retain(|id, began| *began <= first || stood.contains(id));
        self.wholes.retain(|id, _| self.ended.contains_key(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::observation::Seen;
    use crate::model::rule::Outcome;

    fn lasting(up: u64) -> Lasting {
        let text = || Box::<str>::from("a");
        let key = ObservationKey {
            seen: Seen::Firewall,
            client: text(),
            server: text(),
            name: text(),
            account: text(),
            host: text(),
            port: 443,
            sends: false,
            outcome: Outcome::Succeeded,
            nat: text(),
        };
        Lasting { up, down: 0, at: Instant::from_secs(7200), began: None, key }
    }

    #[test]
    fn what_lasts_is_told_by_its_largest_record_in_any_order_and_what_ended_is_not() {
        let words: Vec<(u64, u64)> = (0..600).map(|n| (n % 150, n * 7 % 1000)).collect();
        let of = |words: &mut dyn Iterator<Item = &(u64, u64)>| {
            let mut sessions = Sessions::default();
            words.for_each(|(id, up)| {
                if id % 3 == 0 {
                    sessions.ends(*id, 3600 + i64::try_from(*id).unwrap() * 60, None);
                }
                sessions.lasts(*id, lasting(*up));
            });
            sessions
        };
        let mut whole = of(&mut words.iter());
        let mut joined = of(&mut words.iter().rev().filter(|(id, up)| (id + up) % 2 == 0));
        joined.join(of(&mut words.iter().filter(|(id, up)| (id + up) % 2 == 1)));
        assert_eq!(whole, joined);
        whole.settle(Instant::from_secs(3600));
        assert_eq!(
            (whole.lasting.len(), whole.lasting[&1].up),
            (100, (0..4).map(|n| (n * 150 + 1) * 7 % 1000).max().unwrap())
        );
        assert_eq!(whole.ended.keys().copied().collect::<Vec<_>>(), [0, 3], "of others all is told here");
    }

    #[test]
    fn those_that_moved_most_are_kept_and_that_there_are_more_is_told() {
        let most = 2 * SESSIONS_KEPT as u64 + 5;
        let (mut up, mut down) = (Sessions::default(), Sessions::default());
        (0..most).for_each(|id| up.lasts(id, lasting(id)));
        (0..most).rev().for_each(|id| down.lasts(id, lasting(id)));
        [&mut up, &mut down].into_iter().for_each(|all| all.settle(None));
        assert!(up == down && up.is_cut && up.lasting.len() == SESSIONS_KEPT);
        assert_eq!(up.lasting.first_key_value().unwrap().0, &(most - SESSIONS_KEPT as u64));
    }
}

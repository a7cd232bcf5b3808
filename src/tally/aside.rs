//! What one record does not tell alone, and is held aside until all of its source is read: sessions, and halves of records.

use std::sync::PoisonError;

use crate::model::calls::Calls;
use crate::model::fields::{Canon, Fields, Kind};
use crate::model::loose::{self, Loose, NOBODY, Tie};
use crate::model::observation::{Hour, Seen, Sum};
use crate::model::partial::Covered;
use crate::model::place::{Place, RecordDigest};
use crate::model::sessions::{LARGE_BYTES, Lasting, Sessions, Whole};
use crate::model::time::Span;

use super::asked::Answered;
use super::cites::UNPROVEN;
use super::{Bytes, Double, Doubles, Shown, Tally, doubles, key, read, sessions, ties};

/// What is held aside of a source until all of it is read.
#[derive(Default)]
pub(super) struct Aside {
    sessions: Sessions,
    ties: ties::Holding,
    doubles: Doubles,
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
                self.sessions.ends(id, began, self.whole(fields, (up, down)));
                (up, down)
            }
        }
    }

    /// All that a session moved which ended, where that is much and took long.
    fn whole(&self, fields: &Fields<'_>, (up, down): Bytes) -> Option<Whole> {
        let span = read::span(fields).filter(|span| span.first < span.last)?;
        up.max(down).filter(|bytes| *bytes >= LARGE_BYTES)?;
        let mut packed = self.key.clone();
        key::repair(&mut packed);
        let conversation = key::view(&packed).digest();
        Some(Whole { up: up.unwrap_or(0), down: down.unwrap_or(0), span, conversation, is_reused: false })
    }

    /// Gives what the block holds aside to what all accounts do.
    pub(super) fn lay_aside(&mut self) {
        if self.sessions.is_empty() && self.ties.is_empty() && self.doubles.is_empty() {
            return;
        }
        let shared = std::sync::Arc::clone(&self.aside);
        let mut aside = shared.lock().unwrap_or_else(PoisonError::into_inner);
        aside.sessions.join(std::mem::take(&mut self.sessions));
        self.ties.end_block(&mut aside.ties);
        let over = aside.doubles.join(std::mem::take(&mut self.doubles));
        self.held_to = aside.doubles.bound();
        drop(aside);
        over.iter().for_each(|double| self.count(double));
    }

    /// Holds a record of the conversation at hand, which stands for so many, where it may stand in the source twice and that matters.
    pub(super) fn is_held(&mut self, fields: &Fields<'_>, (records, bytes): (u64, Bytes), place: Place) -> bool {
        let span = read::span(fields);
        let id = doubles::id(fields, &self.key, bytes, span).filter(|id| self.may_hold(*id));
        let Some(id) = id else { return false };
        let cited = Shown { bytes, span }.cited(place);
        self.doubles.hold(
            id,
            Double {
                key: self.key.clone(),
                span,
                bytes,
                records,
                sampled: fields.sampled,
                times: 1,
                cited: vec![cited],
            },
        );
        true
    }

    /// The same of a call that states no bytes, of a conversation that is known, by what ties it to others and its time.
    pub(super) fn is_held_call(&mut self, at: usize, (tie, span): (&[u8], Option<Span>), place: Place) -> bool {
        let key = self.key_of(at);
        if key::seen(key) != Some(Seen::Cloud) {
            return false;
        }
        let (id, bytes) = (doubles::id_of_call(key, tie, span), (None, None));
        if !self.may_hold(id) {
            return false;
        }
        let (key, cited) = (key.to_vec(), vec![Shown { bytes, span }.cited(place)]);
        self.doubles.hold(id, Double { key, span, bytes, records: 1, sampled: false, times: 1, cited });
        true
    }

    /// Whether not so many are held with smaller ids that this one would be let go.
    fn may_hold(&self, id: doubles::Id) -> bool {
        self.held_to.is_none_or(|last| id <= last)
    }

    /// Makes the digests of the large records of this block. Many of them may be parts of one.
    pub(super) fn prove_doubles(&mut self, digest: &dyn Fn(Place) -> RecordDigest) {
        let mut last: Option<(Place, RecordDigest)> = None;
        for cited in self.doubles.cited().filter(|cited| cited.sha256 == UNPROVEN) {
            let known = last.filter(|(place, _)| *place == cited.place).map(|(_, sha256)| sha256);
            cited.sha256 = known.unwrap_or_else(|| digest(cited.place));
            last = Some((cited.place, cited.sha256));
        }
    }

    /// Adds a record that was held to its conversation, as often as it says.
    fn count(&mut self, double: &Double) {
        self.key.clone_from(&double.key);
        let index = self.conversation();
        let conversation = &mut self.conversations[index];
        let (up, down) = double.bytes;
        let sum = Sum::of_records(double.records, up, down);
        let sum = if double.sampled { sum.sampled() } else { sum };
        for _ in 0..double.times {
            let new_hour = conversation.add(&Hour { span: double.span, sum });
            self.weight += usize::from(new_hour);
        }
        double.cited.iter().for_each(|cited| {
            conversation.cite(*cited, &mut self.pool);
        });
        if self.weight > self.cap.share {
            self.give_up();
        }
    }

    /// A record of which the other half was not found, with the conversation that it is of but for what that says.
    fn loose(&mut self, tie: Tie, taken: &ties::Taken<'_>) -> Option<loose::Taken> {
        let (mut fields, at) = (taken.fields(), taken.time()?.at);
        if fields.observer.is_some_and(Seen::is_of_files) {
            fields.push(Some(Canon::SourceIp), b"", NOBODY.as_bytes(), Kind::Str);
        }
        let teller = read::Teller::of("");
        read::key(teller, &fields, &mut self.key, &mut self.below).then_some(())?;
        let (up, down) = read::bytes(teller, &fields, &self.key);
        Some(loose::Taken { tie, at, key: self.at_hand(), up, down, place: taken.place(), sha256: taken.sha256() })
    }

    /// Observes a record of the block at hand that asks for something, with what became of that.
    pub(super) fn observe_answered(&mut self, answered: &Answered, digest: &dyn Fn(Place) -> RecordDigest) {
        let mut fields = std::mem::take(&mut self.answered);
        self.ties.read(answered, &mut fields);
        self.observe_whole("", (&fields, None), answered.told.place, digest);
        self.answered = fields;
    }

    /// Observes a record whose other half was found when all of its source was read.
    fn observe_taken(&mut self, taken: &ties::Taken<'_>) {
        let fields = taken.fields();
        self.observe_whole("", (&fields, None), taken.place(), &|_| taken.sha256());
        self.settle(&|_| taken.sha256());
    }
}

/// What all accounts held aside: halves of records, which become whole or are told as unread, and sessions.
pub(super) fn settle(accounts: &mut [Tally], covered: &mut Covered) -> (Sessions, Loose, Calls) {
    let (mut sessions, mut loose, mut calls) = (Sessions::default(), Loose::default(), Calls::default());
    accounts.iter_mut().for_each(Tally::lay_aside);
    for account in accounts {
        let mut held = account.aside.lock().unwrap_or_else(PoisonError::into_inner);
        let Aside { sessions: more, ties, doubles } = std::mem::take(&mut *held);
        drop(held);
        sessions.join(more);
        doubles.finish(&mut calls).for_each(|double| account.count(&double));
        let (alone, lent) = ties.finish(|end| match end {
            ties::End::Found(taken) => account.observe_taken(taken),
            ties::End::Loose(tie, taken) => loose.taken.extend(account.loose(tie, taken)),
        });
        loose.lent.extend(lent);
        alone.into_iter().for_each(|(seen, records)| *covered.unread.entry(seen).or_default() += records);
    }
    (sessions, loose, calls)
}

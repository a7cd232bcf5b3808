//! When sessions moved what: of those of which no record of any source says that they ended what the record says of each that says
//! most, and of all that are told of while they last what they had moved by then.

use std::collections::{BTreeMap, HashMap};

use itertools::Either;

use crate::model::observation::{Cited, Hour, Key, Sum};
use crate::model::partial::Partial;
use crate::model::place::Locator;
use crate::model::sessions::{self, SessionId, Sessions, Whole};
use crate::model::stands::{self, Moved};
use crate::model::time::Span;

/// Hours of sessions by who tells of them: beside those of the conversations, in which records of sessions that last count no bytes,
/// and in place of those of records of their ends. Those of one session stand for one record.
#[derive(Default)]
pub(super) struct Lasting<'a> {
    open: HashMap<(&'a Locator, Key<'a>), Vec<Hour>>,
    ended: HashMap<(&'a Locator, u64), Vec<Parted>>,
    /// Whose copies sources are.
    own: HashMap<&'a Locator, &'a Locator>,
}

/// The record of an end, and when that moved which it counts.
struct Parted {
    whole: Whole,
    parts: Vec<Hour>,
}

/// An hour of a conversation, or a part of a session in it.
#[derive(Clone, Copy)]
pub(super) enum Told {
    /// What records count.
    Records(Hour),
    /// What a session moved between two records of it.
    Part(Hour),
}

impl Told {
    pub(super) fn hour(self) -> Hour {
        let (Self::Records(hour) | Self::Part(hour)) = self;
        hour
    }
}

impl<'a> Lasting<'a> {
    /// What the sessions of all sources moved. A session that goes on in the next file of its log is told of by several.
    pub(super) fn of(merged: &'a Partial) -> Self {
        let all = merged.sources.values().map(|source| (&source.entry.source, &source.observations.sessions));
        let sources: Vec<(&Locator, &Sessions)> = all.filter(|(_, sessions)| !sessions.is_empty()).collect();
        if sources.is_empty() {
            return Self::default();
        }
        let moved = moved(&sources);
        let copies = merged.sources.values();
        let own = copies.flat_map(|source| source.copies.iter().map(|copy| (copy, &source.entry.source))).collect();
        Self { open: open(&sources, &moved), ended: ended(&sources, &moved), own }
    }

    /// The hours of a conversation of a log, those of sessions by when these moved what. What the conversation itself tells is given.
    pub(super) fn hours<'h>(
        &'h self,
        locator: &'h Locator,
        key: &Key<'h>,
        told: impl Iterator<Item = Hour> + 'h,
    ) -> impl Iterator<Item = Told> + 'h {
        let parted = self.parted(locator, key);
        match parted {
            [] => Either::Left(told.map(Told::Records)),
            _ => Either::Right(told.flat_map(move |hour| apart(hour, parted))),
        }
    }

    /// The hours of those of its sessions that go on.
    pub(super) fn open<'h>(&'h self, locator: &'h Locator, key: &Key<'h>) -> impl Iterator<Item = Hour> + 'h {
        let hours = if self.open.is_empty() { None } else { self.open.get(&(self.own(locator), *key)) };
        hours.into_iter().flatten().copied()
    }

    /// Whether a record cited of a conversation is that of an end of which is known when that moved which it counts.
    pub(super) fn is_parted(&self, locator: &Locator, key: &Key<'_>, cited: &Cited) -> bool {
        let is_of = |whole: &Whole| cited.span == Some(whole.span) && cited.bytes == whole.up.max(whole.down);
        self.parted(locator, key).iter().any(|parted| is_of(&parted.whole))
    }

    fn parted<'h>(&'h self, locator: &'h Locator, key: &Key<'_>) -> &'h [Parted] {
        if self.ended.is_empty() {
            return &[];
        }
        self.ended.get(&(self.own(locator), key.digest())).map_or(&[], |parted| parted)
    }

    fn own<'l>(&'l self, locator: &'l Locator) -> &'l Locator {
        self.own.get(locator).copied().unwrap_or(locator)
    }
}

/// What each session had moved when, by all sources.
fn moved(sources: &[(&Locator, &Sessions)]) -> HashMap<SessionId, Moved> {
    let mut all: HashMap<SessionId, Moved> = HashMap::new();
    let mut add = |id, at, moved: (u64, u64)| {
        let (up, down) = all.entry(id).or_default().entry(at).or_default();
        (*up, *down) = (moved.0.max(*up), moved.1.max(*down));
    };
    for (_, sessions) in sources {
        sessions.stands.iter().for_each(|stand| add(stand.id, stand.at, (stand.up, stand.down)));
        let largest = sessions.lasting.iter().filter_map(|(id, lasting)| Some((*id, lasting.at?, lasting)));
        largest.for_each(|(id, at, lasting)| add(id, at, (lasting.up, lasting.down)));
    }
    all
}

/// What those sessions moved of which no source says that they ended.
fn open<'a>(
    sources: &[(&'a Locator, &'a Sessions)],
    moved: &HashMap<SessionId, Moved>,
) -> HashMap<(&'a Locator, Key<'a>), Vec<Hour>> {
    let is_over = |id: &SessionId| sources.iter().any(|(_, sessions)| sessions.ended.contains_key(id));
    let mut most: BTreeMap<SessionId, (&sessions::Lasting, &Locator)> = BTreeMap::new();
    for (locator, sessions) in sources {
        for (id, lasting) in &sessions.lasting {
            let told = (lasting, *locator);
            let known = most.entry(*id).or_insert(told);
            *known = told.max(*known);
        }
    }
    let mut hours: HashMap<_, Vec<Hour>> = HashMap::new();
    for (id, (lasting, locator)) in most.into_iter().filter(|(id, _)| !is_over(id)) {
        let stood = moved.get(&id);
        let sum = Sum { records: 1, up: lasting.up, down: lasting.down, ..Sum::default() };
        let began = lasting.began.or_else(|| stood?.first_key_value().map(|(at, _)| *at));
        let span = lasting.at.map(|last| Span { first: began.map_or(last, |began| began.min(last)), last });
        let parts = stood.zip(span).and_then(|(stood, span)| stands::parts(stood, span, (lasting.up, lasting.down)));
        let told = hours.entry((locator, lasting.key.as_key())).or_default();
        told.extend(parts.unwrap_or_else(|| vec![Hour { span, sum }]));
    }
    hours
}

/// When those sessions moved what of which sources say that they ended, where they are told of before too.
fn ended<'a>(
    sources: &[(&'a Locator, &'a Sessions)],
    moved: &HashMap<SessionId, Moved>,
) -> HashMap<(&'a Locator, u64), Vec<Parted>> {
    let mut ended: HashMap<_, Vec<Parted>> = HashMap::new();
    for (locator, sessions) in sources {
        for (id, whole) in sessions.wholes.iter().filter(|(_, whole)| !whole.is_reused) {
            let parts = moved.get(id).and_then(|moved| stands::parts(moved, whole.span, (whole.up, whole.down)));
            let parted = parts.map(|parts| Parted { whole: *whole, parts });
            ended.entry((*locator, whole.conversation)).or_default().extend(parted);
        }
    }
    ended.retain(|_, parted| !parted.is_empty());
    ended
}

/// What of an hour of a conversation other records count than those of these ends, and when that moved which these do.
fn apart(mut hour: Hour, parted: &[Parted]) -> Vec<Told> {
    let mut parts = Vec::new();
    for Parted { whole, parts: of_end } in parted {
        let of_whole = Hour { span: Some(whole.span), sum: Sum::default() };
        let sum = hour.sum;
        let left = (sum.records.checked_sub(1), sum.up.checked_sub(whole.up), sum.down.checked_sub(whole.down));
        if let (true, (Some(records), Some(up), Some(down))) = (of_whole.order() == hour.order(), left) {
            hour.sum = Sum { records, up, down, ..sum };
            parts.extend(of_end.iter().copied().map(Told::Part));
        }
    }
    parts.insert(0, Told::Records(hour));
    parts
}

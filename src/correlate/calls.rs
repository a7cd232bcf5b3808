//! Calls that several logs have: each counts once, by what it is known by.

use std::collections::{HashMap, HashSet};

use crate::model::calls::Call;
use crate::model::observation::{Hour, Key};
use crate::model::partial::Partial;
use crate::model::place::Locator;

/// Of the records of a log in an hour, how many are known by a number, and how many of these no log before it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Numbered {
    /// Those that have one.
    pub all: u64,
    /// Those that are there for the first time.
    pub new: u64,
}

impl Numbered {
    pub(super) fn add(&mut self, other: Self) {
        self.all = self.all.saturating_add(other.all);
        self.new = self.new.saturating_add(other.new);
    }
}

/// The calls of one conversation of a source, by hour.
type Hours<'a> = HashMap<Option<i64>, &'a [Call]>;

/// The calls of all sources, by source and conversation.
#[derive(Default)]
pub(super) struct Calls<'a>(HashMap<(&'a Locator, u64), Hours<'a>>);

impl<'a> Calls<'a> {
    pub(super) fn of(merged: &'a Partial) -> Self {
        let mut all = Self::default();
        for source in merged.sources.values() {
            for ((conversation, hour), calls) in source.observations.calls.iter() {
                all.0.entry((&source.entry.source, conversation)).or_default().insert(hour, calls);
            }
        }
        all
    }

    /// Those of a conversation of a source; `None` where it has none.
    pub(super) fn told<'h>(&'h self, locator: &'h Locator, key: &Key<'_>) -> Option<&'h Hours<'h>> {
        if self.0.is_empty() { None } else { self.0.get(&(locator, key.digest())) }
    }
}

/// What of one way is known already.
#[derive(Default)]
pub(super) struct Known(HashSet<(Option<i64>, u64)>);

impl Known {
    /// Counts the calls of a conversation in an hour.
    pub(super) fn count(&mut self, calls: Option<&Hours<'_>>, hour: &Hour) -> Numbered {
        let mut counted = Numbered::default();
        let at = hour.hour();
        for call in calls.filter(|_| !hour.lasts()).and_then(|calls| calls.get(&at)).copied().unwrap_or_default() {
            let new = if self.0.insert((at, call.id)) { call.objects } else { 0 };
            counted.add(Numbered { all: call.objects, new });
        }
        counted
    }
}

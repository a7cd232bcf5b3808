//! What goes from record to record of a block, and what is known of the one at hand.

use super::Scratch;
use super::whole::Open;
use crate::model::fields::Fields;
use crate::model::indicator::RawHit;
use crate::model::outline::Outline;
use crate::sift::AtomHit;

/// What was met in a block, each by where it begins.
pub(super) struct Found {
    pub(super) hits: Vec<RawHit>,
    pub(super) atoms: Vec<AtomHit>,
    pub(super) traces: Vec<AtomHit>,
    pub(super) names: Vec<AtomHit>,
}

impl Found {
    /// Takes the lists, which [`give_back`](Self::give_back) gives back for their room.
    pub(super) fn take(scratch: &mut Scratch) -> Self {
        let Scratch { hits, atoms, traces, names, .. } = scratch;
        let [atoms, traces, names] = [atoms, traces, names].map(std::mem::take);
        Self { hits: std::mem::take(hits), atoms, traces, names }
    }

    pub(super) fn give_back(self, scratch: &mut Scratch) {
        let Self { hits, atoms, traces, names } = self;
        (scratch.hits, scratch.atoms, scratch.traces, scratch.names) = (hits, atoms, traces, names);
    }
}

/// How far the records so far reach into each list of what was met.
#[derive(Default)]
pub(super) struct Reached {
    pub(super) hit: usize,
    pub(super) atom: usize,
    pub(super) trace: usize,
    pub(super) name: usize,
}

/// What of a record is known before it is read.
#[derive(Clone, Copy)]
pub(super) struct Known<'i, 'b> {
    /// Its outline, where it has one.
    pub(super) outline: Option<&'i Outline<'b>>,
    /// Indicators in its bytes.
    pub(super) hits: &'i [RawHit],
    /// Whether its fields may say one that its bytes do not show.
    pub(super) hides: bool,
}

/// What goes from record to record of a block.
#[derive(Default)]
pub(super) struct Hand<'b> {
    pub(super) fields: Fields<'b>,
    pub(super) outline: Outline<'b>,
    pub(super) open: Open,
}

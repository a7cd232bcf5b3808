//! What a file costs, and what could not be read of it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use rawzip::ReaderAt;

use crate::model::ledger::{Note, Reason};
use crate::open::source::Gauge;

/// Faults that are told apart; more are counted together.
const FAULTS: usize = 64;

/// The stored file, and the account of it.
pub(super) struct File<'r> {
    pub bytes: &'r dyn ReaderAt,
    /// Where pages end at most: where the footer begins.
    pub end: u64,
    pub gauge: Gauge,
    /// Bytes of columns that were not read.
    pub lost: Cell<u64>,
    faults: RefCell<BTreeMap<(Reason, String), (u64, u64)>>,
    /// Bytes in memory, and how many may be.
    held: Cell<u64>,
    room: u64,
    /// Steps and decoded bytes so far, and how many there may be.
    spent: Cell<u64>,
    most: u64,
}

impl<'r> File<'r> {
    pub(super) fn new(bytes: &'r dyn ReaderAt, end: u64, room: u64, most: u64) -> Self {
        Self {
            bytes,
            end,
            gauge: Gauge::default(),
            lost: Cell::default(),
            faults: RefCell::default(),
            held: Cell::default(),
            room,
            spent: Cell::default(),
            most,
        }
    }

    /// Notes a fault at a byte of the file.
    pub(super) fn fault(&self, reason: Reason, what: String, at: u64) {
        let mut faults = self.faults.borrow_mut();
        let is_new = faults.len() >= FAULTS && !faults.contains_key(&(reason, what.clone()));
        let what = if is_new { "parquet: further columns could not be read".to_owned() } else { what };
        faults.entry((reason, what)).or_insert((at, 0)).1 += 1;
    }

    /// The faults, each once.
    pub(super) fn notes(&self) -> Vec<Note> {
        let note = |((reason, what), (at, count))| Note::new(reason, what).at(at).counted(count);
        self.faults.take().into_iter().map(note).collect()
    }

    /// Bytes of memory instead of others; false where there is no room for them, and then the others are held on.
    pub(super) fn hold(&self, instead_of: u64, bytes: u64) -> bool {
        let held = self.held.get().saturating_sub(instead_of).saturating_add(bytes);
        let fits = bytes <= instead_of || held <= self.room;
        if fits {
            self.held.set(held);
        }
        fits
    }

    /// Bytes that there is room for.
    pub(super) fn free(&self) -> u64 {
        self.room.saturating_sub(self.held.get())
    }

    /// Counts steps that need not put out a byte.
    pub(super) fn spend(&self, steps: u64) {
        self.spent.set(self.spent.get().saturating_add(steps));
    }

    /// Whether more was spent than a file of this size may cost.
    pub(super) fn is_spent(&self) -> bool {
        self.spent.get() > self.most
    }

    /// Counts stored bytes that were read.
    pub(super) fn used(&self, bytes: u64) {
        self.gauge.used.set(self.gauge.used.get().saturating_add(bytes));
    }

    /// Counts stored bytes that were not.
    pub(super) fn lose(&self, bytes: u64) {
        self.lost.set(self.lost.get().saturating_add(bytes));
    }
}

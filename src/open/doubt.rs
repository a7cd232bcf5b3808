//! Which decoded bytes stand where a checksum does not hold, and what was lost between stretches that are whole.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;

use crate::model::ledger::Note;

/// Stretches kept of one layer; one more, and all from the last of them on is in doubt.
const STRETCHES_KEPT: usize = 4096;
/// Remarks kept on places of damage in one stream; the others are counted.
const NOTES_KEPT: usize = 64;

/// Stretches of decoded bytes that no checksum confirms and that damage makes doubtful, ascending. A handle: what a decoder
/// finds out late is seen by all who hold it.
#[derive(Debug, Clone, Default)]
pub(super) struct Doubts(Rc<RefCell<Vec<Range<u64>>>>);

impl Doubts {
    /// Adds a stretch that does not begin before the last one.
    pub(super) fn add(&self, stretch: Range<u64>) {
        if stretch.is_empty() {
            return;
        }
        let mut all = self.0.borrow_mut();
        let count = all.len();
        match all.last_mut() {
            Some(last) if stretch.start <= last.end => last.end = last.end.max(stretch.end),
            Some(last) if count == STRETCHES_KEPT => last.end = u64::MAX,
            _ => all.push(stretch),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// What of it lies in `length` bytes from `from` on, counted from there.
    pub(super) fn within(&self, from: u64, length: u64) -> Vec<Range<u64>> {
        let cut = |stretch: &Range<u64>| {
            let place = |at: u64| at.saturating_sub(from).min(length);
            place(stretch.start)..place(stretch.end)
        };
        self.0.borrow().iter().map(cut).filter(|stretch| !stretch.is_empty()).collect()
    }
}

/// What one stream lost and went on behind. A handle.
#[derive(Debug, Clone, Default)]
pub(super) struct Lost {
    /// Stored bytes that were passed over.
    pub bytes: Rc<Cell<u64>>,
    notes: Rc<RefCell<Vec<Note>>>,
    more: Rc<Cell<u64>>,
}

impl Lost {
    /// Adds a place of damage.
    pub(super) fn add(&self, bytes: u64, note: Note) {
        self.bytes.set(self.bytes.get().saturating_add(bytes));
        let mut notes = self.notes.borrow_mut();
        if notes.len() < NOTES_KEPT {
            notes.push(note);
        } else {
            self.more.set(self.more.get() + 1);
        }
    }

    /// All remarks; the last one counts the places that have none of their own.
    pub(super) fn notes(&self) -> Vec<Note> {
        let mut notes = self.notes.borrow().clone();
        if let Some(last) = notes.last().filter(|_| self.more.get() > 0) {
            let detail = "further places of damage, behind which reading went on";
            notes.push(Note::new(last.reason, detail).counted(self.more.get()));
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_are_joined_and_cut_to_what_is_asked_for() {
        let doubts = Doubts::default();
        doubts.add(10..20);
        doubts.add(20..25);
        doubts.add(30..30);
        doubts.add(40..u64::MAX);
        assert_eq!(doubts.within(0, 100), [10..25, 40..100]);
        assert_eq!(doubts.within(15, 10).first(), Some(&(0..10)));
        assert_eq!(doubts.within(25, 15), []);
    }
}

//! The account of one conversation while its source is read.

use crate::model::names::Kinds;
use crate::model::observation::{Cited, Hour, Observed};
use crate::model::place::{Place, RecordDigest};
use crate::model::time::Span;

use super::cites::{Cites, Pool};
use super::runs::{Rest, sum};

/// What was seen of a conversation so far. Most have one hour and one record, and those lie in here.
#[derive(Default)]
pub struct Conversation {
    /// The hash of its packed key.
    pub hash: u64,
    /// Where its packed key begins.
    pub start: usize,
    /// Bytes of its packed key.
    pub length: u32,
    /// The hour of its last records, not yet in `more`.
    open: Hour,
    /// Records that moved less than this need not be asked about: enough are cited that moved as much.
    floor_bytes: u64,
    cites: Cites,
    more: Option<Box<More>>,
}

/// What only longer conversations have.
#[derive(Default)]
struct More {
    seen: Observed,
    /// Hours before the last one that `seen` does not know: joined now and then, so that a log that runs backwards
    /// costs no more than one that runs forward.
    late: Vec<Hour>,
}

/// Hours out of order that a conversation holds before they are joined, beside as many as it has.
const LATE_HOURS: usize = 64;

impl More {
    /// Takes an hour in. True if it took room.
    fn close(&mut self, closed: Hour) -> bool {
        let hours = &mut self.seen.hours;
        let order = closed.order();
        if hours.last().is_none_or(|last| last.order() <= order) {
            return self.seen.add(&closed);
        }
        if hours.binary_search_by_key(&order, Hour::order).is_ok() {
            self.seen.add(&closed);
            return false;
        }
        self.late.push(closed);
        if self.late.len() > LATE_HOURS + hours.len() {
            self.settle();
        }
        true
    }

    /// Joins the late hours.
    fn settle(&mut self) {
        if self.late.is_empty() {
            return;
        }
        let mut hours = std::mem::take(&mut self.seen.hours);
        hours.append(&mut self.late);
        hours.sort_by_key(Hour::order);
        hours.iter().for_each(|hour| {
            self.seen.add(hour);
        });
    }
}

impl Conversation {
    /// A conversation without a record yet.
    pub fn new(hash: u64, start: usize, length: u32) -> Self {
        Self { hash, start, length, ..Self::default() }
    }

    /// One that stands for many: no record of it is cited.
    pub fn of_many() -> Self {
        Self { floor_bytes: u64::MAX, ..Self::default() }
    }

    /// Adds a record. True if it took room.
    ///
    /// PERF: most records belong to the hour at hand, which lies beside the hash: what a record of a known conversation
    /// touches are two cache lines and the key.
    #[inline]
    pub fn add(&mut self, record: &Hour) -> bool {
        let begun = self.open.sum.records > 0;
        if begun && self.open.order() == record.order() {
            self.open.span = Span::join_opt(self.open.span, record.span);
            self.open.sum.add(&record.sum);
            return false;
        }
        let closed = std::mem::replace(&mut self.open, *record);
        begun && self.close(closed)
    }

    #[inline(never)]
    fn close(&mut self, closed: Hour) -> bool {
        self.more.get_or_insert_default().close(closed)
    }

    /// Whether a record that moved so much may be cited.
    #[inline]
    pub fn may_cite(&self, bytes: u64) -> bool {
        bytes >= self.floor_bytes
    }

    /// Cites a record if it is among those that moved the most, and says whether it did.
    pub fn cite(&mut self, cited: Cited, pool: &mut Pool) -> bool {
        self.may_cite(cited.bytes) && pool.cite(&mut self.cites, cited, &mut self.floor_bytes)
    }

    /// Keeps a name that was asked for. True if it took room.
    pub fn name(&mut self, text: &str, kinds: Kinds) -> bool {
        self.more.get_or_insert_default().seen.names.add(text, kinds)
    }

    /// Gives the digests of its cited records that have none yet.
    pub fn prove(&mut self, pool: &mut Pool, digest: &dyn Fn(Place) -> RecordDigest) {
        pool.prove(&mut self.cites, digest);
    }

    /// Records and bytes, and first and last time.
    pub fn sum(self) -> Rest {
        sum(self.finish(&Pool::default()).hours)
    }

    /// All that was seen of it.
    pub fn finish(self, pool: &Pool) -> Observed {
        let mut more = self.more.map(|more| *more).unwrap_or_default();
        if self.open.sum.records > 0 {
            more.close(self.open);
        }
        more.settle();
        more.seen.cited.extend_from_slice(pool.of(&self.cites));
        more.seen
    }
}

//! Folds every record of a traffic-bearing format into direction-free observations, and every record into coverage.

mod key;
mod read;

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::model::fields::Fields;
use crate::model::observation::{CITED, CONVERSATION_WEIGHT, Cited, Hour, Observations, Observed, Sum, WEIGHT_KEPT};
use crate::model::partial::{Covered, HOURS_KEPT};
use crate::model::place::{Place, RecordDigest};
use crate::model::time::Span;
use read::Teller;

/// One thread's running account of one source. Accounts of several threads are added up by [`gather`].
///
/// Conversations are found by the hash of their packed key, so that a record of a known one allocates nothing.
#[derive(Default)]
pub struct Tally {
    covered: Covered,
    /// Records in the hour of the last record: that hour and its count, not yet in `covered`.
    hour: Option<(i64, u64)>,
    /// The format of the last record, and how it tells of traffic.
    teller: Option<(&'static str, Teller)>,
    /// The packed key of the record at hand.
    key: Vec<u8>,
    /// Packed keys of all conversations, one after the other.
    keys: Vec<u8>,
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
    conversations: Vec<Conversation>,
    weight: usize,
    /// What was above the cap already.
    cut: Observations,
}

struct Conversation {
    hash: u64,
    /// Where its packed key lies in `keys`.
    start: usize,
    end: usize,
    /// The hour of its last records, not yet in `seen`.
    open: Hour,
    /// Records that moved less than this need not be asked about: enough are cited that moved as much.
    floor_bytes: u64,
    seen: Observed,
    /// Hours before the last one that `seen` does not know: joined now and then, so that a log that runs backwards
    /// costs no more than one that runs forward.
    late: Vec<Hour>,
}

impl Conversation {
    /// Adds a record. True if it took room.
    ///
    /// PERF: most records belong to the hour at hand, which lies beside the hash: what a record of a known conversation
    /// touches are two cache lines and the key.
    #[inline]
    fn add(&mut self, record: &Hour) -> bool {
        let begun = self.open.sum.records > 0;
        if begun && self.open.hour() == record.hour() {
            self.open.span = Span::join_opt(self.open.span, record.span);
            self.open.sum.add(&record.sum);
            return false;
        }
        let closed = std::mem::replace(&mut self.open, *record);
        begun && self.close(closed)
    }

    /// Takes an hour in that is not at hand any more. True if it took room.
    #[inline(never)]
    fn close(&mut self, closed: Hour) -> bool {
        let hours = &mut self.seen.hours;
        let hour = closed.hour();
        if hours.last().is_none_or(|last| last.hour() <= hour) {
            return self.seen.add(&closed);
        }
        if hours.binary_search_by_key(&hour, Hour::hour).is_ok() {
            self.seen.add(&closed);
            return false;
        }
        self.late.push(closed);
        if self.late.len() > LATE_HOURS + hours.len() {
            self.settle();
        }
        true
    }

    /// Cites a record if it is among those that moved the most.
    #[inline]
    fn cite(&mut self, cited: impl FnOnce() -> Cited, bytes: u64, place: Place) {
        if bytes < self.floor_bytes || !self.seen.cites(bytes, place) {
            return;
        }
        self.seen.cite(cited());
        if self.seen.cited.len() == CITED {
            self.floor_bytes = self.seen.cited.last().map_or(0, |last| last.bytes);
        }
    }

    /// Joins the late hours.
    fn settle(&mut self) {
        if self.late.is_empty() {
            return;
        }
        let mut hours = std::mem::take(&mut self.seen.hours);
        hours.append(&mut self.late);
        hours.sort_by_key(Hour::hour);
        hours.iter().for_each(|hour| {
            self.seen.add(hour);
        });
    }

    /// All that was seen of it.
    fn finish(mut self) -> Observed {
        if self.open.sum.records > 0 {
            let open = std::mem::take(&mut self.open);
            self.close(open);
        }
        self.settle();
        self.seen
    }
}

/// Hours out of order that a conversation holds before they are joined, beside as many as it has.
const LATE_HOURS: usize = 64;

impl Tally {
    /// Folds one record into the observations, if its format speaks of traffic. `digest` gives the digest of the
    /// record's bytes and is asked only where the record will be cited.
    pub fn observe(
        &mut self,
        format: &'static str,
        fields: &Fields<'_>,
        place: Place,
        digest: &dyn Fn() -> RecordDigest,
    ) {
        let teller = self.teller(format);
        if !read::key(teller, fields, &mut self.key) {
            if let Some(seen) = read::unread(teller, fields) {
                *self.covered.unread.entry(seen).or_default() += 1;
            }
            return;
        }
        let (up, down) = read::bytes(teller, fields, &self.key);
        let at = self.conversation();
        let conversation = &mut self.conversations[at];
        let span = fields.time.map(|stamp| Span::at(stamp.at));
        let new_hour = conversation.add(&Hour { span, sum: Sum::of_record(up, down) });
        let bytes = up.max(down).unwrap_or(0);
        let at = fields.time.map(|stamp| stamp.at);
        conversation.cite(|| Cited { bytes, up: up > down, at, place, sha256: digest() }, bytes, place);
        self.weight += usize::from(new_hour);
        if self.weight > 2 * WEIGHT_KEPT {
            self.cut_down();
        }
    }

    /// How the records of a format tell of traffic.
    #[inline]
    fn teller(&mut self, format: &'static str) -> Teller {
        if let Some((known, teller)) = self.teller
            && std::ptr::eq(known, format)
        {
            return teller;
        }
        let teller = Teller::of(format);
        self.teller = Some((format, teller));
        teller
    }

    /// Index of the conversation of the packed key at hand.
    fn conversation(&mut self) -> usize {
        let hash = self.hasher.hash_one(&*self.key);
        let (keys, conversations) = (&self.keys, &self.conversations);
        let same = |at: &u32| {
            let known = &conversations[*at as usize];
            known.hash == hash && keys[known.start..known.end] == *self.key
        };
        if let Some(at) = self.table.find(hash, same) {
            return *at as usize;
        }
        let at = self.conversations.len();
        let start = self.keys.len();
        self.keys.extend_from_slice(&self.key);
        self.conversations.push(Conversation {
            hash,
            start,
            end: self.keys.len(),
            open: Hour::default(),
            floor_bytes: 0,
            seen: Observed::default(),
            late: Vec::new(),
        });
        let conversations = &self.conversations;
        let number = u32::try_from(at).expect("the cap on weight is far below 2^32 conversations");
        self.table.insert_unique(hash, number, |at| conversations[*at as usize].hash);
        self.weight += CONVERSATION_WEIGHT;
        at
    }

    /// Folds the time of one record into the coverage of its source, and whether it says that the log was cleared or
    /// lost records.
    pub fn cover(&mut self, format: &'static str, fields: &Fields<'_>) {
        let Some(stamp) = fields.time else { return };
        let teller = self.teller(format);
        let covered = &mut self.covered;
        covered.span = Span::join_opt(covered.span, Some(Span::at(stamp.at)));
        let hour = stamp.at.hour();
        match &mut self.hour {
            Some((last, count)) if *last == hour => *count += 1,
            other => {
                if let Some((last, count)) = other.replace((hour, 1)) {
                    *covered.hours.entry(last).or_default() += count;
                }
            }
        }
        covered.zone_assumed += u64::from(stamp.assumed.zone());
        covered.year_assumed += u64::from(stamp.assumed.year());
        if read::skipped(teller, fields)
            && let Err(at) = covered.skipped.binary_search(&hour)
            && covered.skipped.len() < HOURS_KEPT
        {
            covered.skipped.insert(at, hour);
        }
        if let Some(what) = read::cleared(fields) {
            let entry = (hour, what.into());
            if let Err(at) = covered.cleared.binary_search(&entry) {
                covered.cleared.insert(at, entry);
            }
        }
    }

    /// Keeps no more than the cap, the smallest keys first.
    fn cut_down(&mut self) {
        let mut all = std::mem::take(&mut self.cut);
        self.unpack(&mut all);
        all.cut(WEIGHT_KEPT);
        for (key, seen) in std::mem::take(&mut all.kept) {
            key::pack(&key, &mut self.key);
            let at = self.conversation();
            self.weight += seen.hours.len();
            let conversation = &mut self.conversations[at];
            conversation.floor_bytes = match seen.cited.get(CITED - 1) {
                Some(last) => last.bytes,
                None => 0,
            };
            conversation.seen = seen;
        }
        self.cut = all;
    }

    /// Moves all conversations into `all`.
    fn unpack(&mut self, all: &mut Observations) {
        for conversation in std::mem::take(&mut self.conversations) {
            let key = key::unpack(&self.keys[conversation.start..conversation.end]);
            all.add(key, conversation.finish());
        }
        self.keys.clear();
        self.table.clear();
        self.weight = 0;
    }

    fn finish(mut self) -> (Covered, Observations) {
        if let Some((hour, count)) = self.hour.take() {
            *self.covered.hours.entry(hour).or_default() += count;
        }
        let mut all = std::mem::take(&mut self.cut);
        self.unpack(&mut all);
        (self.covered, all)
    }
}

/// Adds up the accounts of several threads of one source.
pub fn gather(accounts: impl IntoIterator<Item = Tally>) -> (Covered, Observations) {
    let (mut covered, mut observations) = (Covered::default(), Observations::default());
    for account in accounts {
        let (more_covered, more) = account.finish();
        covered.join(more_covered);
        observations.join(more);
    }
    observations.cut(WEIGHT_KEPT);
    (covered, observations)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fields::{Canon, Kind};
    use crate::model::time::{Instant, Stamp};

    /// A tally of these hours, one record each, in this order.
    fn told(hours: &[i64]) -> (Covered, Observations) {
        let mut tally = Tally::default();
        for (at, hour) in (0u64..).zip(hours) {
            let mut fields = Fields::default();
            for (canon, value) in [(Canon::SourceIp, "192.0.2.1"), (Canon::DestinationBytes, "18446744073709551615")] {
                fields.push(Some(canon), b"x", value.as_bytes(), Kind::Str);
            }
            fields.time = Instant::from_secs(hour * 3600).map(Stamp::certain);
            let place = Place { offset: at * 10, length: 9, line: None, record: Some(at), event_record_id: None };
            tally.cover("access", &fields);
            tally.observe("access", &fields, place, &|| RecordDigest([0; 32]));
        }
        gather([tally])
    }

    #[test]
    fn a_log_that_runs_backwards_adds_up_to_the_same_and_sums_do_not_wrap() {
        let forward: Vec<i64> = (0..500).flat_map(|hour| [hour, hour]).collect();
        let backward: Vec<i64> = forward.iter().rev().copied().collect();
        let ((covered, seen), (covered_back, back)) = (told(&forward), told(&backward));
        assert_eq!(covered, covered_back);
        let hours = |o: &Observations| o.kept.values().next().unwrap().hours.clone();
        assert_eq!((hours(&seen), hours(&seen).len()), (hours(&back), 500));
        assert_eq!(hours(&seen)[0].sum.down, u64::MAX);
        assert_eq!(seen.kept.values().next().unwrap().sum().records, 1000);
    }
}

//! The numbers that a log gives its records, as runs without a hole.

use std::collections::BTreeMap;
use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::model::partial::{LogName, NumberRun};
use crate::model::time::Instant;

/// Runs kept of a source while it is read, each block counted for itself: about 12 MiB. Nothing is said of the numbers of
/// a source with more.
const RUNS_HELD: usize = 1 << 18;
/// Logs of computers and channels in a source; of one with more, which no evidence has, no numbers are told.
const LOGS_HELD: usize = 1024;
/// Runs kept of a log of a source. Those behind them become one, so that holes between them are not told.
const RUNS_KEPT: usize = 1024;

/// What one thread saw of a source.
#[derive(Default)]
pub struct Numbers {
    logs: Vec<Log>,
    /// The places of the logs, by name: exports of many computers mix theirs record by record.
    places: HashTable<usize>,
    hasher: DefaultHashBuilder,
    /// The log of the last record.
    last: usize,
    /// Blocks so far.
    block: u32,
    /// Runs begun: a sum over blocks, so that it does not matter which thread read which.
    begun: usize,
}

struct Log {
    name: LogName,
    runs: Vec<NumberRun>,
    /// The block in which its last run was begun.
    block: u32,
}

impl Numbers {
    /// Adds a record of the log of a computer and channel, of the number that it states; whether the file counts it so too.
    pub fn see(&mut self, (stated, original): (u64, bool), (computer, channel): (&[u8], &[u8]), time: Option<Instant>) {
        let is_log = |log: &Log| log.name.0.as_bytes() == computer && log.name.1.as_bytes() == channel;
        let known = self.logs.get(self.last).filter(|log| is_log(log)).map(|_| self.last);
        let known = known.or_else(|| {
            let hash = self.hasher.hash_one((computer, channel));
            self.places.find(hash, |&at| self.logs.get(at).is_some_and(is_log)).copied()
        });
        if let Some(log) = known.and_then(|at| self.logs.get_mut(at)).filter(|log| log.block == self.block)
            && let Some(run) = log.runs.last_mut()
            && run.original == original
        {
            self.last = known.unwrap_or_default();
            if run.last.checked_add(1) == Some(stated) {
                (run.last, run.to) = (stated, time);
                return;
            }
            // Exports may list what came last first.
            if stated.checked_add(1) == Some(run.first) {
                (run.first, run.from) = (stated, time);
                return;
            }
        }
        self.begin(
            known,
            (computer, channel),
            NumberRun { first: stated, last: stated, from: time, to: time, original },
        );
    }

    fn begin(&mut self, known: Option<usize>, (computer, channel): (&[u8], &[u8]), run: NumberRun) {
        self.begun += 1;
        if self.begun > RUNS_HELD || self.logs.len() > LOGS_HELD {
            self.begun = self.begun.max(RUNS_HELD + 1);
            self.logs.clear();
            self.places.clear();
            return;
        }
        self.last = known.unwrap_or_else(|| {
            let text = |bytes| String::from_utf8_lossy(bytes).into();
            let name: LogName = (text(computer), text(channel));
            let hash = |name: &LogName| self.hasher.hash_one((name.0.as_bytes(), name.1.as_bytes()));
            let at = self.logs.len();
            self.places.insert_unique(hash(&name), at, |&at| self.logs.get(at).map_or(0, |log| hash(&log.name)));
            self.logs.push(Log { name, runs: Vec::new(), block: 0 });
            at
        });
        let log = &mut self.logs[self.last];
        log.runs.push(run);
        log.block = self.block;
    }

    /// What follows is of another block.
    pub fn end_block(&mut self) {
        self.block = self.block.wrapping_add(1);
    }
}

/// The runs of a source, out of what its threads saw.
pub fn gather(parts: impl Iterator<Item = Numbers>) -> BTreeMap<LogName, Vec<NumberRun>> {
    let mut all: BTreeMap<LogName, Vec<NumberRun>> = BTreeMap::new();
    let mut begun = 0;
    for part in parts {
        begun += part.begun;
        for log in part.logs {
            all.entry(log.name).or_default().extend(log.runs);
        }
    }
    if begun > RUNS_HELD || all.len() > LOGS_HELD {
        return BTreeMap::new();
    }
    all.values_mut().for_each(join);
    all
}

/// Makes one run of those that follow on each other or overlap.
fn join(runs: &mut Vec<NumberRun>) {
    runs.sort_unstable();
    let mut joined: Vec<NumberRun> = Vec::new();
    for run in runs.drain(..) {
        let is_full = joined.len() >= RUNS_KEPT;
        match joined.last_mut() {
            Some(open) if is_full || open.original == run.original && run.first <= open.last.saturating_add(1) => {
                if run.last > open.last {
                    (open.last, open.to) = (run.last, run.to);
                }
            }
            _ => joined.push(run),
        }
    }
    *runs = joined;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn see(numbers: &mut Numbers, host: &str, counted: u64, stated: u64) {
        numbers.see((stated, counted == stated), (host.as_bytes(), b"Security"), None);
    }

    fn told(parts: Vec<Numbers>) -> Vec<(String, u64, u64, bool)> {
        let all = gather(parts.into_iter());
        all.into_iter()
            .flat_map(|(log, runs)| runs.into_iter().map(move |r| (log.0.to_string(), r.first, r.last, r.original)))
            .collect()
    }

    #[test]
    fn blocks_in_any_order_on_any_thread_give_the_same_runs() {
        let blocks = [[1, 2, 3], [4, 5, 6], [9, 10, 11], [12, 13, 20]];
        for split in 0..=4 {
            let (mut one, mut other) = (Numbers::default(), Numbers::default());
            for (at, block) in blocks.iter().enumerate().rev() {
                let part = if at < split { &mut one } else { &mut other };
                block.iter().for_each(|number| see(part, "dc01", *number, *number));
                part.end_block();
            }
            let dc01 = |first, last| ("dc01".to_owned(), first, last, true);
            assert_eq!(told(vec![one, other]), [dc01(1, 6), dc01(9, 13), dc01(20, 20)]);
        }
    }

    #[test]
    fn records_that_the_file_counts_otherwise_are_of_an_export() {
        let mut numbers = Numbers::default();
        see(&mut numbers, "dc01", 1, 40);
        see(&mut numbers, "dc01", 2, 41);
        see(&mut numbers, "ws02", 3, 3);
        assert_eq!(told(vec![numbers]), [("dc01".to_owned(), 40, 41, false), ("ws02".to_owned(), 3, 3, true)]);
    }

    #[test]
    fn exports_may_list_what_came_last_first_and_mix_logs() {
        let mut numbers = Numbers::default();
        for number in (1..=9).rev() {
            see(&mut numbers, "dc01", 0, number);
            see(&mut numbers, "ws02", 0, 100 - number);
        }
        assert_eq!(numbers.begun, 2);
        assert_eq!(told(vec![numbers]), [("dc01".to_owned(), 1, 9, false), ("ws02".to_owned(), 91, 99, false)]);
    }

    #[test]
    fn nothing_is_said_of_too_many_runs() {
        let mut numbers = Numbers::default();
        (0..=RUNS_HELD as u64).for_each(|at| see(&mut numbers, "dc01", 2 * at, 2 * at));
        assert_eq!(told(vec![numbers, Numbers::default()]), []);
    }
}

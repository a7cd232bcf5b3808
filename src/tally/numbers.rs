//! The numbers that a log gives its records, as runs without a hole.

use std::collections::BTreeMap;

use crate::model::fields::{Canon, Fields};
use crate::model::partial::{LogName, NumberRun};

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
    logs: Vec<(LogName, Vec<NumberRun>)>,
    /// The log of the last record of this block.
    open: Option<usize>,
    /// Runs begun: a sum over blocks, so that it does not matter which thread read which.
    begun: usize,
}

impl Numbers {
    /// Adds a record that the file counts as its `counted`th.
    pub fn see(&mut self, counted: u64, fields: &Fields<'_>) {
        let Some(stated) = fields.number(Canon::EventSequence) else { return };
        let named = |canon| fields.get(canon).unwrap_or_default();
        let (computer, channel) = (named(Canon::HostName), named(Canon::EventDataset));
        let is_log = |(name, _): &(LogName, _)| name.0.as_bytes() == computer && name.1.as_bytes() == channel;
        let (time, original) = (fields.time.map(|stamp| stamp.at), stated == counted);
        if let Some((_, runs)) = self.open.and_then(|at| self.logs.get_mut(at)).filter(|log| is_log(log))
            && let Some(run) = runs.last_mut()
            && run.original == original
            && run.last.checked_add(1) == Some(stated)
        {
            (run.last, run.to) = (stated, time);
            return;
        }
        self.begun += 1;
        self.open = None;
        if self.begun > RUNS_HELD || self.logs.len() > LOGS_HELD {
            self.begun = self.begun.max(RUNS_HELD + 1);
            self.logs.clear();
            return;
        }
        let at = self.logs.iter().position(is_log).unwrap_or_else(|| {
            let text = |bytes| String::from_utf8_lossy(bytes).into();
            self.logs.push(((text(computer), text(channel)), Vec::new()));
            self.logs.len() - 1
        });
        self.logs[at].1.push(NumberRun { first: stated, last: stated, from: time, to: time, original });
        self.open = Some(at);
    }

    /// What follows is of another block.
    pub fn end_block(&mut self) {
        self.open = None;
    }
}

/// The runs of a source, out of what its threads saw.
pub fn gather(parts: impl Iterator<Item = Numbers>) -> BTreeMap<LogName, Vec<NumberRun>> {
    let mut all: BTreeMap<LogName, Vec<NumberRun>> = BTreeMap::new();
    let mut begun = 0;
    for part in parts {
        begun += part.begun;
        for (log, runs) in part.logs {
            all.entry(log).or_default().extend(runs);
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
    use crate::model::fields::Kind;

    fn see(numbers: &mut Numbers, host: &str, counted: u64, stated: u64) {
        let (mut fields, stated) = (Fields::default(), stated.to_string());
        for (canon, value) in
            [(Canon::EventSequence, &*stated), (Canon::HostName, host), (Canon::EventDataset, "Security")]
        {
            fields.push(Some(canon), b"x", value.as_bytes(), Kind::Str);
        }
        numbers.see(counted, &fields);
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
    fn nothing_is_said_of_too_many_runs() {
        let mut numbers = Numbers::default();
        (0..=RUNS_HELD as u64).for_each(|at| see(&mut numbers, "dc01", 2 * at, 2 * at));
        assert_eq!(told(vec![numbers, Numbers::default()]), []);
    }
}

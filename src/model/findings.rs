//! All findings of a scan in their order: in memory, or, where they outgrow it, as sorted runs with a short form of each
//! in memory.

use std::borrow::Cow;
use std::collections::BTreeSet;

use rayon::slice::ParallelSliceMut;
use serde::{Serialize, Serializer};

use super::finding::Finding;
use crate::work::{Run, Work, merged};

/// Findings, sorted by [`Finding::order`].
#[derive(Debug, Clone, Default)]
pub struct Findings {
    list: Vec<Finding>,
    runs: Vec<Run>,
}

impl Findings {
    /// Each of them with all that is judged. Where they outgrew memory, of the evidence only the first place is here,
    /// without its record: [`iter`](Self::iter) and [`whole`](Self::whole) give them whole.
    pub fn list(&self) -> &[Finding] {
        &self.list
    }

    /// All of them, whole.
    pub fn iter(&self) -> Box<dyn Iterator<Item = Cow<'_, Finding>> + '_> {
        if self.runs.is_empty() {
            return Box::new(self.list.iter().map(Cow::Borrowed));
        }
        Box::new(merged(&self.runs, [], |a: &Finding, b| a.order() <= b.order()).map(Cow::Owned))
    }

    /// Those with these ids, whole.
    pub fn whole(&self, ids: &BTreeSet<&str>) -> Vec<Cow<'_, Finding>> {
        self.iter().filter(|finding| ids.contains(&*finding.id)).collect()
    }

    /// Those that pass, whole.
    #[must_use]
    pub fn filtered(&self, work: &Work, passes: impl Fn(&Finding) -> bool) -> Self {
        let mut gathering = Gathering::new(work);
        self.iter().filter(|finding| passes(finding)).for_each(|finding| gathering.add(finding.into_owned()));
        gathering.finish()
    }

    /// The same with a few more.
    #[must_use]
    pub fn with(self, work: &Work, more: Vec<Finding>) -> Self {
        if more.is_empty() {
            return self;
        }
        if self.runs.is_empty() {
            return self.list.into_iter().chain(more).collect::<Vec<_>>().into();
        }
        let mut gathering = Gathering { work, whole: more, held_bytes: 0, short: self.list, runs: self.runs };
        gathering.write_out();
        let Gathering { whole, short, runs, .. } = gathering;
        // Where nothing can be written, the scan fails with that: see `Work::fault`.
        let Self { list, .. } = Self::from(short.into_iter().chain(whole).collect::<Vec<_>>());
        Self { list, runs }
    }

    /// Whether they outgrew memory.
    pub fn is_written_out(&self) -> bool {
        !self.runs.is_empty()
    }
}

/// Findings that are in memory, in any order.
impl From<Vec<Finding>> for Findings {
    fn from(mut list: Vec<Finding>) -> Self {
        list.par_sort_unstable_by(|a, b| a.order().cmp(&b.order()));
        Self { list, runs: Vec::new() }
    }
}

impl Serialize for Findings {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter())
    }
}

impl PartialEq for Findings {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

/// Findings that are still being made.
pub struct Gathering<'w> {
    work: &'w Work,
    whole: Vec<Finding>,
    held_bytes: usize,
    short: Vec<Finding>,
    runs: Vec<Run>,
}

impl<'w> Gathering<'w> {
    /// None yet. What outgrows memory goes to `work`.
    pub fn new(work: &'w Work) -> Self {
        Self { work, whole: Vec::new(), held_bytes: 0, short: Vec::new(), runs: Vec::new() }
    }

    /// One more, in any order.
    pub fn add(&mut self, finding: Finding) {
        let bytes = finding.weight_bytes();
        self.whole.push(finding);
        self.held_bytes += bytes;
        self.work.hold(bytes);
        if self.held_bytes > self.work.run_bytes() && self.work.is_full() {
            self.write_out();
        }
    }

    fn write_out(&mut self) {
        self.whole.par_sort_unstable_by(|a, b| a.order().cmp(&b.order()));
        let Some(run) = self.work.write(&self.whole) else { return };
        self.runs.push(run);
        self.work.release(std::mem::take(&mut self.held_bytes));
        for finding in self.whole.drain(..) {
            let short = finding.shortened();
            self.work.hold(short.weight_bytes());
            self.short.push(short);
        }
    }

    /// All of them, in order.
    pub fn finish(mut self) -> Findings {
        if self.runs.is_empty() {
            return self.whole.into();
        }
        self.write_out();
        Findings { runs: self.runs, ..Findings::from(self.short) }
    }
}

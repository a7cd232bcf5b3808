//! Conversations that no thread's account holds any longer: sorted, packed, and no more than the cap leaves.

use itertools::Itertools;

use crate::model::conversations::Conversations;
use crate::model::observation::{Hour, Key, Observed, Sum};
use crate::model::time::Span;

use super::Cap;
use super::key;

/// What was cut off: records and bytes, first and last time.
pub(super) type Rest = (Sum, Option<Span>);

/// Adds to what was cut off.
pub(super) fn join(rest: &mut Rest, (sum, span): Rest) {
    rest.0.add(&sum);
    rest.1 = Span::join_opt(rest.1, span);
}

/// Sorted runs of one source. A key may be in several of them.
#[derive(Default)]
pub(super) struct Runs {
    runs: Vec<Conversations>,
    /// What the runs weigh together.
    weight: usize,
    rest: Rest,
    /// From this packed key on, the cap cuts off whatever comes.
    bound: Option<Vec<u8>>,
}

impl Runs {
    /// Takes a run over, with what it weighs and what was cut off beside it; what is too much by far is cut at once. The
    /// bound, as soon as there is one.
    pub(super) fn add(&mut self, (run, weight): (Conversations, usize), rest: Rest, cap: Cap) -> Option<Vec<u8>> {
        self.runs.push(run);
        self.weight = self.weight.saturating_add(weight);
        join(&mut self.rest, rest);
        if self.weight > cap.held() {
            self.merge(cap);
        }
        self.bound.clone()
    }

    /// Takes over what others hold.
    pub(super) fn join(&mut self, other: Self) {
        self.runs.extend(other.runs);
        self.weight = self.weight.saturating_add(other.weight);
        join(&mut self.rest, other.rest);
        let earlier = |known: &Vec<u8>| self.bound.as_ref().is_none_or(|bound| key::order(known, bound).is_lt());
        if let Some(known) = other.bound.filter(earlier) {
            self.bound = Some(known);
        }
    }

    /// What the cap leaves, the smallest keys first, and what was cut off.
    pub(super) fn finish(mut self, cap: Cap) -> (Conversations, Rest) {
        self.merge(cap);
        (self.runs.pop().unwrap_or_default(), self.rest)
    }

    /// Makes one run of all, and keeps no more than the cap of it.
    ///
    /// A key that is cut has smaller keys of that weight before it, and these only gain weight, so that it is cut from the
    /// whole as well, and so is every key after it.
    fn merge(&mut self, cap: Cap) {
        if self.runs.len() < 2 && self.weight <= cap.kept && self.bound.is_none() {
            return;
        }
        let runs = std::mem::take(&mut self.runs);
        let mut all = runs.iter().map(Conversations::iter).kmerge_by(|a, b| a.0 < b.0).peekable();
        let (mut kept, mut weight) = (Conversations::default(), 0usize);
        let is_below =
            |bound: &Option<Vec<u8>>, key: &Key<'_>| bound.as_ref().is_none_or(|bound| *key < key::view(bound));
        while let Some((key, told)) = all.next_if(|(key, _)| is_below(&self.bound, key)) {
            let mut joined: Option<Observed> = None;
            while let Some((_, more)) = all.next_if(|(next, _)| *next == key) {
                joined.get_or_insert_with(|| told.unpack()).join(more.unpack());
            }
            let with = weight.saturating_add(joined.as_ref().map_or_else(|| told.weight(), Observed::weight));
            match joined {
                _ if with > cap.kept => {
                    let over = joined.map_or_else(|| sum(told.hours()), |seen| sum(seen.hours));
                    join(&mut self.rest, over);
                    self.bound = Some(key::pack(&key));
                    continue;
                }
                Some(seen) => kept.push(&key, &seen),
                None => kept.push_told(&key, told),
            }
            weight = with;
        }
        all.for_each(|(_, told)| join(&mut self.rest, sum(told.hours())));
        (self.runs, self.weight) = (vec![kept], weight);
    }
}

/// The sum over these hours, and first and last time.
pub(super) fn sum(hours: impl IntoIterator<Item = Hour>) -> Rest {
    hours.into_iter().fold(Rest::default(), |mut all, hour| {
        join(&mut all, (hour.sum, hour.span));
        all
    })
}

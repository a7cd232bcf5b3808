//! The earliest of what records say, as many as are kept of one source.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// The smallest `MOST` of a set, with how many others there were: of what begins with its time, the earliest. Joins by union.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(serialize = "T: Serialize", deserialize = "T: Deserialize<'de> + Ord"))]
pub struct Earliest<T, const MOST: usize> {
    /// The kept ones.
    pub kept: BTreeSet<T>,
    /// How many were added above `MOST`.
    #[serde(default)]
    pub rest: u64,
}

impl<T, const MOST: usize> Default for Earliest<T, MOST> {
    fn default() -> Self {
        Self { kept: BTreeSet::new(), rest: 0 }
    }
}

impl<T: Ord, const MOST: usize> Earliest<T, MOST> {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.rest == 0
    }

    /// Adds one.
    pub fn add(&mut self, one: T) {
        self.kept.insert(one);
        self.cut();
    }

    /// Joins those of another part of the source. Commutes: what is among the first of all is among the first of each part.
    pub fn join(&mut self, other: Self) {
        self.rest = self.rest.saturating_add(other.rest);
        self.kept.extend(other.kept);
        self.cut();
    }

    fn cut(&mut self) {
        while self.kept.len() > MOST {
            self.kept.pop_last();
            self.rest = self.rest.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_stay_in_any_order_and_the_rest_is_counted() {
        let of = |all: &mut dyn Iterator<Item = u32>| {
            let mut kept = Earliest::<u32, 100>::default();
            all.for_each(|one| kept.add(one));
            kept
        };
        let (forward, mut odd) = (of(&mut (0..107)), of(&mut (0..107).rev().filter(|one| one % 2 == 1)));
        odd.join(of(&mut (0..107).filter(|one| one % 2 == 0)));
        assert_eq!((&forward, forward.rest, forward.kept.len()), (&odd, 7, 100));
        assert_eq!(forward.kept.last(), Some(&99));
        let text = serde_json::to_string(&forward).unwrap();
        assert_eq!(serde_json::from_str::<Earliest<u32, 100>>(&text).unwrap(), forward);
    }
}

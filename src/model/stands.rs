//! How sessions stood while they lasted: what they had moved by some times. With all that they moved, that says when they moved it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::observation::{Hour, Sum};
use super::partial::pairs;
use super::sessions::SessionId;
use super::time::{Instant, Span};

/// Stands kept of one source: those of the smallest ranks, which are drawn from all alike.
pub const STANDS_KEPT: usize = 1 << 18;

/// What a session had moved by a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stand {
    /// Which session.
    pub id: SessionId,
    /// When.
    pub at: Instant,
    /// Bytes from client to server until then.
    pub up: u64,
    /// Bytes back until then.
    pub down: u64,
}

impl Stand {
    /// What the kept are drawn by: as good as chance, and the same for any order.
    fn rank(&self) -> u64 {
        let mixed = (self.id ^ self.at.micros().cast_unsigned()).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed ^ (mixed >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93)
    }
}

/// Stands of one source. Joins by keeping the smallest ranks. Of several records of one session and time each way's most counts; of
/// others that chance gives one rank the larger.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stands(#[serde(with = "pairs")] BTreeMap<u64, Stand>);

impl Stands {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds one.
    pub fn add(&mut self, stand: Stand) {
        let known = self.0.entry(stand.rank()).or_insert(stand);
        *known = match (known.id, known.at) == (stand.id, stand.at) {
            true => Stand { up: known.up.max(stand.up), down: known.down.max(stand.down), ..stand },
            false => stand.max(*known),
        };
        if self.0.len() > STANDS_KEPT {
            self.0.pop_last();
        }
    }

    /// Joins those of another part of the source.
    pub fn join(&mut self, other: Self) {
        other.0.into_values().for_each(|stand| self.add(stand));
    }

    /// Keeps those of which this is true.
    pub fn retain(&mut self, is_kept: impl Fn(&Stand) -> bool) {
        self.0.retain(|_, stand| is_kept(stand));
    }

    /// All of them, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = &Stand> {
        self.0.values()
    }
}

/// What one session had moved each way by some times.
pub type Moved = BTreeMap<Instant, (u64, u64)>;

/// From when to when a session moved how much, which took so long and moved so much each way in all: one part behind the other, of
/// which the last stands for the record. `None` where what it had moved does not grow to that, and where nothing of it is known.
pub fn parts(moved: &Moved, span: Span, whole: (u64, u64)) -> Option<Vec<Hour>> {
    if span.first >= span.last {
        return None;
    }
    let known = moved.range(span.first..span.last).map(|(at, moved)| (*at, *moved));
    let (mut parts, mut last): (Vec<Hour>, _) = (Vec::new(), (span.first, (0, 0)));
    let mut is_known = false;
    for (at, (up, down)) in known.inspect(|_| is_known = true).chain([(span.last, whole)]) {
        let (first, before) = last;
        let (up_more, down_more) = (up.checked_sub(before.0)?, down.checked_sub(before.1)?);
        let sum = Sum { up: up_more, down: down_more, ..Sum::default() };
        parts.extend((sum != Sum::default()).then_some(Hour { span: Some(Span { first, last: at }), sum }));
        last = (at, (up, down));
    }
    parts.last_mut().filter(|_| is_known)?.sum.records = 1;
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Instant {
        Instant::from_secs(secs).unwrap()
    }

    #[test]
    fn those_kept_are_the_same_in_any_order_and_no_more_than_fit() {
        let all: Vec<Stand> = (0..STANDS_KEPT as u64 + 3000)
            .map(|n| Stand { id: n % 9000, at: at(i64::try_from(n).unwrap()), up: n, down: 0 })
            .collect();
        let of = |all: &mut dyn Iterator<Item = &Stand>| {
            let mut stands = Stands::default();
            all.for_each(|stand| stands.add(*stand));
            stands
        };
        let whole = of(&mut all.iter());
        let mut joined = of(&mut all.iter().rev().filter(|stand| stand.up % 3 == 0));
        joined.join(of(&mut all.iter().filter(|stand| stand.up % 3 != 0)));
        assert!(whole == joined && whole.0.len() == STANDS_KEPT);
    }

    #[test]
    fn of_records_of_one_time_each_ways_most_counts() {
        let stand = |up, down| Stand { id: 7, at: at(9), up, down };
        let mut stands = Stands::default();
        [stand(9, 1), stand(5, 6)].into_iter().for_each(|stand| stands.add(stand));
        assert_eq!(stands.iter().collect::<Vec<_>>(), [&stand(9, 6)]);
    }

    #[test]
    fn what_had_moved_by_then_says_when_it_moved() {
        let moved = Moved::from([(at(200), (50, 1)), (at(300), (50, 1)), (at(400), (70, 1))]);
        let told = |moved: &Moved, whole| {
            let parts = parts(moved, Span { first: at(100), last: at(900) }, whole)?;
            let part = |hour: &Hour| {
                let span = hour.span.unwrap();
                let [first, last] = [span.first, span.last].map(|at| at.micros() / 1_000_000);
                (first, last, hour.sum.up, hour.sum.down, hour.sum.records)
            };
            Some(parts.iter().map(part).collect::<Vec<_>>())
        };
        assert_eq!(told(&moved, (100, 3)).unwrap(), [(100, 200, 50, 1, 0), (300, 400, 20, 0, 0), (400, 900, 30, 2, 1)]);
        assert_eq!(told(&moved, (70, 1)).unwrap(), [(100, 200, 50, 1, 0), (300, 400, 20, 0, 1)], "nothing after it");
        assert_eq!(told(&moved, (60, 3)), None, "another session's");
        assert_eq!(told(&Moved::from([(at(99), (5, 0)), (at(900), (9, 0))]), (60, 3)), None, "of another time");
        assert_eq!(
            told(&Moved::from([(at(100), (5, 0))]), (9, 0)).unwrap(),
            [(100, 100, 5, 0, 0), (100, 900, 4, 0, 1)]
        );
    }
}

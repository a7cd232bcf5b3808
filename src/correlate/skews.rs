//! How far the clocks of two logs are apart, by conversations that both tell of. It is stated and never taken into account.
//!
//! What is compared are conversations of which the two logs have equally many records: the first of each then tells of one thing. Where
//! nearly all of them are apart by the same time, that is how far the clocks are; chance puts them apart by any.
//!
//! What happens every day at one hour is apart by a day in the logs of two days. So both logs must go on together for as long as they would be
//! apart: of what comes again within that time one of them has a record more.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::World;
use crate::model::coverage::Skew;
use crate::model::observation::Key;
use crate::model::place::Locator;
use crate::model::time::{Instant, SKEW_SECS, Span};

/// So many conversations tell of two clocks, or more.
const LEAST: usize = 8;
/// Of four conversations, so many are apart by the same time.
const ALIKE_OF_FOUR: usize = 3;
/// The same time, from the first to the last: as far as two clocks that keep to the network may differ from record to record.
const ALIKE_MICROS: i64 = 2 * SKEW_SECS * 1_000_000;
/// Conversations that are looked at of all logs together; of more, those whose digests are a multiple.
const LOOKED_AT: u64 = 1 << 20;
/// Logs that tell of one conversation; what more tell of is no conversation but a habit.
const TELLERS: usize = 8;
/// Pairs of logs that are told of: those with the most conversations.
const PAIRS: usize = 1000;

/// What one log tells of a conversation: in how many records, and from when to when. `None` where several files of it do.
type Told = Option<(u64, Span)>;

/// All pairs of logs of which it is known, by locator.
pub(super) fn all(world: &World<'_>) -> Vec<Skew> {
    let sources = || world.merged.sources.values().filter(|source| !source.observations.kept.is_empty());
    let conversations: u64 = sources().map(|source| source.observations.kept.len() as u64).sum();
    let every = (conversations / LOOKED_AT + 1).next_power_of_two();
    let mut names: BTreeMap<&Locator, u32> = BTreeMap::new();
    let mut logs: Vec<&Locator> = Vec::new();
    let mut covers: Vec<Option<Span>> = Vec::new();
    let mut told: HashMap<u64, Vec<(u32, Told)>> = HashMap::new();
    for source in sources() {
        let place = &source.entry.source;
        let number = *names.entry(world.log_of.get(place).unwrap_or(place)).or_insert_with(|| {
            logs.push(place);
            covers.push(None);
            logs.len() as u32 - 1
        });
        for (key, of) in source.observations.kept.iter() {
            let cover = &mut covers[number as usize];
            *cover = Span::join_opt(*cover, of.span());
            let digest = digest(&key);
            if !digest.is_multiple_of(every) || key.client.is_empty() || key.server.is_empty() {
                continue;
            }
            let at = of.span().map(|span| (of.sum().records, span));
            let tellers = told.entry(digest).or_default();
            match tellers.iter_mut().find(|(log, _)| *log == number) {
                Some((_, known)) => *known = None,
                None => tellers.push((number, at)),
            }
        }
    }
    let overlapping = |one: &Locator, other: &Locator| {
        world.overlaps.log(one).zip(world.overlaps.log(other)).is_some_and(|(one, other)| one.group == other.group)
    };
    let mut skews: Vec<Skew> = apart(told)
        .into_iter()
        .filter_map(|((one, other), mut apart)| {
            let [first, second] = [one, other].map(|log| logs[log as usize]);
            let estimate = estimate(&mut apart).filter(|_| !overlapping(first, second))?;
            let together = together(covers[one as usize]?, covers[other as usize]?);
            if together < estimate.later_millis.saturating_abs().saturating_mul(1000) {
                return None;
            }
            Some(Skew { first: first.clone(), second: second.clone(), ..estimate })
        })
        .collect();
    skews.sort_by(|a, b| (b.conversations, &a.first, &a.second).cmp(&(a.conversations, &b.first, &b.second)));
    skews.truncate(PAIRS);
    skews.sort_by(|a, b| (&a.first, &a.second).cmp(&(&b.first, &b.second)));
    skews
}

/// For how many microseconds two logs go on at one time, each by its own clock; negative where they do not.
fn together(one: Span, other: Span) -> i64 {
    one.last.min(other.last).micros().saturating_sub(one.first.max(other.first).micros())
}

/// A digest of who spoke with whom, whoever tells of it.
fn digest(key: &Key<'_>) -> u64 {
    let mut hash = blake3::Hasher::new();
    for text in [key.client, key.server] {
        hash.update(text.as_bytes());
        hash.update(&[0]);
    }
    hash.update(&key.port.to_le_bytes());
    let mut first = [0; 8];
    hash.finalize_xof().fill(&mut first);
    u64::from_le_bytes(first)
}

/// Whether two logs tell of a conversation in equally many records; if in more than one, of the same length together.
fn are_alike((one, before): (u64, Span), (other, after): (u64, Span)) -> bool {
    let length = |span: Span| lag(span.first, span.last);
    one == other && (one == 1 || length(before).abs_diff(length(after)) <= ALIKE_MICROS.unsigned_abs())
}

/// By how many microseconds an instant is later than one.
fn lag(one: Instant, other: Instant) -> i64 {
    other.micros().saturating_sub(one.micros())
}

/// How far each conversation is apart in two logs, in microseconds.
fn apart(told: HashMap<u64, Vec<(u32, Told)>>) -> BTreeMap<(u32, u32), Vec<i64>> {
    let mut apart: BTreeMap<(u32, u32), Vec<i64>> = BTreeMap::new();
    for mut tellers in told.into_values().filter(|tellers| (2..=TELLERS).contains(&tellers.len())) {
        tellers.sort_unstable();
        let whole: Vec<_> = tellers.into_iter().filter_map(|(log, at)| Some((log, at?))).collect();
        let pairs =
            whole.iter().enumerate().flat_map(|(at, one)| whole[at + 1..].iter().map(move |other| (one, other)));
        for ((one, before), (other, after)) in pairs.filter(|((_, one), (_, other))| are_alike(*one, *other)) {
            apart.entry((*one, *other)).or_default().push(lag(before.1.first, after.1.first));
        }
    }
    apart
}

/// How far two logs are apart by how far each conversation is; `None` where these do not agree.
fn estimate(apart: &mut [i64]) -> Option<Skew> {
    apart.sort_unstable();
    let mut best = 0..0;
    let mut from = 0;
    for to in 0..apart.len() {
        while apart[to].saturating_sub(apart[from]) > ALIKE_MICROS {
            from += 1;
        }
        if to + 1 - from > best.len() {
            best = from..to + 1;
        }
    }
    let alike =
        apart.get(best).filter(|alike| alike.len() >= LEAST && alike.len() * 4 >= apart.len() * ALIKE_OF_FOUR)?;
    let median = alike[alike.len() / 2];
    let within = alike.iter().map(|one| one.abs_diff(median)).max()?;
    Some(Skew {
        first: Locator::from_encoded(""),
        second: Locator::from_encoded(""),
        later_millis: median.div_euclid(1000),
        within_millis: within.div_ceil(1000),
        conversations: alike.len() as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn told(apart: impl IntoIterator<Item = i64>) -> Option<(i64, u64, u64)> {
        let mut apart: Vec<i64> = apart.into_iter().map(|secs| secs * SECOND).collect();
        estimate(&mut apart).map(|skew| (skew.later_millis, skew.within_millis, skew.conversations))
    }

    #[test]
    fn clocks_are_apart_where_nearly_all_conversations_are_by_the_same_time() {
        assert_eq!(told([3600; 8]), Some((3_600_000, 0, 8)));
        assert_eq!(told([300, 301, 299, 302, 300, 298, 300, 300, 9000]), Some((300_000, 2000, 8)), "one by chance");
        assert_eq!(told([-90; 10]), Some((-90_000, 0, 10)));
        assert_eq!(told([3600; 7]), None, "too few");
        assert_eq!(told((0..40).map(|n| n * n * 100)), None, "by chance");
        assert_eq!(told([0; 20].into_iter().chain([7200; 20])), None, "by two times");
    }
}

//! The records of a source that show an indicator, parted by whose they are: how many, when, by whom and with which outcome
//! is told of each scope for itself.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::{World, found};
use crate::model::hit::Sightings;
use crate::model::partial::SourcePartial;
use crate::model::place::Locator;
use crate::model::subject::Subject;
use crate::model::time::Span;
use crate::model::whose::UNATTRIBUTED;

/// What counts under one place as one scope's.
pub(super) struct Part<'p, 'w> {
    pub place: &'p Locator,
    pub scope: &'w str,
    pub sightings: Cow<'p, Sightings>,
    /// Whether other records of that place are of another scope.
    pub is_one_of_several: bool,
}

/// The parts of what a source tells of an indicator, by place and scope. What is known of none of those who were kept apart is
/// nobody's.
pub(super) fn of<'p, 'w>(world: &World<'w>, source: &'p SourcePartial, all: &'p Sightings) -> Vec<Part<'p, 'w>> {
    let own = &source.entry.source;
    let places = |who: &Subject| -> Vec<(&'p Locator, &'w str)> {
        let home = |place: &Locator| world.home(place, |whose, place| whose.home(who, place.as_str()));
        found::delivered(source, home).into_iter().map(|place| (place, home(place))).collect()
    };
    let kept: Vec<_> = all.kept.iter().map(|s| places(&s.subject)).collect();
    let who: Vec<_> = all.who.iter().map(|met| places(&met.who)).collect();
    let mut parts: BTreeMap<(&Locator, &str), Cow<'_, Sightings>> = BTreeMap::new();
    let keys: BTreeSet<(&Locator, &str)> = kept.iter().chain(&who).flatten().copied().collect();
    for key in keys {
        let is_whole = kept.iter().chain(&who).all(|places| places.contains(&key));
        parts.insert(key, if is_whole { Cow::Borrowed(all) } else { Cow::Owned(cut(all, &kept, &who, key)) });
    }
    let known: u64 = all.who.iter().map(|met| met.count).sum();
    let rest = all.count.saturating_sub(known.max(all.kept.len() as u64));
    if rest > 0 && !parts.values().any(|part| matches!(part, Cow::Borrowed(_))) {
        let part = parts.entry((own, UNATTRIBUTED)).or_default().to_mut();
        (part.count, part.span, part.who_cut) = (part.count + rest, all.span, true);
    }
    let of_place = |place| parts.keys().filter(|(at, _)| *at == place).count();
    let several: Vec<bool> = parts.keys().map(|(place, _)| of_place(*place) > 1).collect();
    let part = |(((place, scope), sightings), is_one_of_several)| Part { place, scope, sightings, is_one_of_several };
    parts.into_iter().zip(several).map(part).collect()
}

/// The sightings that count under a place and scope.
fn cut(
    all: &Sightings,
    kept: &[Vec<(&Locator, &str)>],
    who: &[Vec<(&Locator, &str)>],
    key: (&Locator, &str),
) -> Sightings {
    let own = |places: &Vec<(&Locator, &str)>| places.contains(&key);
    let kept: Vec<_> = all.kept.iter().zip(kept).filter(|(_, at)| own(at)).map(|(s, _)| s.clone()).collect();
    let who: Vec<_> = all.who.iter().zip(who).filter(|(_, at)| own(at)).map(|(met, _)| met.clone()).collect();
    let of_kept = kept.iter().filter_map(|s| s.time).map(|stamp| Span::at(stamp.at));
    let spans = who.iter().filter_map(|met| met.span).chain(of_kept);
    Sightings {
        count: who.iter().map(|met| met.count).sum::<u64>().max(kept.len() as u64),
        span: spans.reduce(Span::join),
        untimed: who.iter().map(|met| met.untimed).sum(),
        who_cut: all.who_cut,
        kept,
        who,
    }
}

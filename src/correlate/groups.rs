//! The events of a correlation by group.

use std::collections::BTreeSet;

use hashbrown::HashMap;

use super::windows::{Members, Occurrence, Values, values};
use crate::model::correlation::Correlation;

/// Groups of one event at most, the first in order.
const GROUPS_EACH: usize = 16;
/// Places in further groups that all events of one correlation may take.
const FURTHER_LIMIT: usize = 2_000_000;

/// The values of a group, lower case, in the order of `group-by`.
type Name = Vec<String>;

/// The events of a correlation by group.
#[derive(Default)]
pub(super) struct Groups {
    /// The groups, each with its number; those that are still to be given, the last in order first.
    names: Vec<(Name, usize)>,
    /// By number: where its events begin; behind the last group, where they end.
    starts: Vec<usize>,
    /// The events of all groups, in each in the order in which they were told.
    all: Vec<Occurrence>,
    /// How many are in a group at least.
    pub events: u64,
    /// How many lack a field that groups are made by.
    pub ungrouped: u64,
    /// How many have more groups than those in which they are.
    pub crowded: u64,
}

/// The numbers of the groups of events that have the same values and are the same members, and whether they have more.
type Places = (Vec<usize>, bool);

impl Groups {
    /// Groups events by their values. One of several values is in the group of each.
    pub fn of<'e>(of: &Correlation, events: &[Occurrence], told: impl Fn(u32) -> &'e Values) -> Self {
        let mut grouped = Self::default();
        let (mut numbers, mut known) = (HashMap::<Name, usize>::new(), HashMap::<(u32, Members), Places>::new());
        let (mut taken, mut further) = (Vec::with_capacity(events.len()), 0);
        for event in events {
            let (places, is_cut) = known.entry((event.told, event.members)).or_insert_with(|| {
                let (names, is_cut) = groups_of(told(event.told), of, event.members);
                let number = |name| {
                    let next = numbers.len();
                    *numbers.entry(name).or_insert(next)
                };
                (names.into_iter().map(number).collect(), is_cut)
            });
            let fits = places.len().min(1 + FURTHER_LIMIT - further);
            taken.extend(places[..fits].iter().map(|place| (*place, *event)));
            further += fits.saturating_sub(1);
            grouped.events += u64::from(fits > 0);
            grouped.ungrouped += u64::from(fits == 0);
            grouped.crowded += u64::from(*is_cut || fits < places.len());
        }
        grouped.names = numbers.into_iter().collect();
        grouped.spread(&taken);
        grouped
    }

    /// Puts the events of each group side by side.
    fn spread(&mut self, taken: &[(usize, Occurrence)]) {
        self.starts = vec![0; self.names.len() + 1];
        taken.iter().for_each(|(group, _)| self.starts[group + 1] += 1);
        for at in 1..self.starts.len() {
            self.starts[at] += self.starts[at - 1];
        }
        let Some((_, any)) = taken.first() else { return };
        let mut ends = self.starts.clone();
        self.all = vec![*any; taken.len()];
        for (group, event) in taken {
            self.all[ends[*group]] = *event;
            ends[*group] += 1;
        }
    }

    /// In how many places the events stand together.
    pub fn places(&self) -> u64 {
        self.all.len() as u64
    }

    /// Lets go of all groups but those with such events.
    pub fn keep(&mut self, is_such: impl Fn(&[Occurrence]) -> bool) {
        let Self { names, starts, all, .. } = self;
        names.retain(|(_, number)| is_such(&all[starts[*number]..starts[number + 1]]));
        names.sort_unstable_by(|(a, _), (b, _)| b.cmp(a));
    }

    /// The next group of those that were kept, in their order.
    pub fn next(&mut self) -> Option<(Name, &mut [Occurrence])> {
        let (name, number) = self.names.pop()?;
        Some((name, &mut self.all[self.starts[number]..self.starts[number + 1]]))
    }
}

/// The groups of an event, ascending, by the values of each key of the first member that has one, case folded; and whether
/// there are more than so many. None where a key has no value.
fn groups_of(held: &Values, of: &Correlation, members: Members) -> (Vec<Name>, bool) {
    let values_of = |key| {
        let member = members.iter().find(|member| values(held, key, *member).next().is_some());
        member.into_iter().flat_map(move |member| values(held, key, member))
    };
    if of.group_by.iter().all(|key| values_of(key).nth(1).is_none()) {
        let name: Option<Name> = of.group_by.iter().map(|key| Some(values_of(key).next()?.to_lowercase())).collect();
        return (name.into_iter().collect(), false);
    }
    let (mut groups, mut is_cut) = (BTreeSet::from([Vec::new()]), false);
    for key in &of.group_by {
        let values: BTreeSet<String> = values_of(key).map(str::to_lowercase).collect();
        is_cut |= groups.len() * values.len() > GROUPS_EACH;
        let more = |begun: &Name, value: &String| [&**begun, std::slice::from_ref(value)].concat();
        let all = groups.iter().flat_map(|begun| values.iter().map(move |value| more(begun, value)));
        groups = all.take(GROUPS_EACH).collect();
    }
    (groups.into_iter().collect(), is_cut)
}

//! The events of a correlation by group.

use std::collections::BTreeSet;
use std::ops::Range;

use super::windows::{Members, Occurrence, Values, values};
use crate::model::correlation::Correlation;
use crate::model::interned::Interned;
use crate::model::packed::{Reader, put_bytes};

/// Groups of one event at most, the first in order.
const GROUPS_EACH: usize = 16;
/// Places in further groups that all events of one correlation may take.
const FURTHER_LIMIT: usize = 2_000_000;

/// The values of a group, lower case, in the order of `group-by`.
type Name = Vec<String>;

/// The events of a correlation by group.
#[derive(Default)]
pub(super) struct Groups {
    /// The groups that are still to be given, each with its number, the last in order first.
    left: Vec<(Name, u32)>,
    /// The packed names of all groups.
    names: Interned,
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

/// The groups of events that have the same values, and whether they have more.
type Places = (Range<usize>, bool);

impl Groups {
    /// Groups events by their values. One of several values is in the group of each. Events of one number are the same
    /// members, since these follow from their rules.
    pub fn of<'e>(of: &Correlation, events: &[Occurrence], told: impl Fn(u32) -> &'e Values) -> Self {
        let mut grouped = Self::default();
        let (mut known, mut numbers) = (Vec::<Option<Places>>::new(), Vec::new());
        let (mut taken, mut further) = (Vec::with_capacity(events.len()), 0);
        for (at, event) in (0u32..).zip(events) {
            let number = event.told as usize;
            if known.len() <= number {
                known.resize(number + 1, None);
            }
            let (places, is_cut) = known[number].get_or_insert_with(|| {
                let before = numbers.len();
                let is_cut = grouped.number(told(event.told), of, event.members, &mut numbers);
                (before..numbers.len(), is_cut)
            });
            let fits = places.len().min(1 + FURTHER_LIMIT - further);
            taken.extend(numbers[places.clone()][..fits].iter().map(|group: &u32| (*group, at)));
            further += fits.saturating_sub(1);
            grouped.events += u64::from(fits > 0);
            grouped.ungrouped += u64::from(fits == 0);
            grouped.crowded += u64::from(*is_cut || fits < places.len());
        }
        grouped.spread(events, &taken);
        grouped
    }

    /// The numbers of the groups of an event, ascending by their names: the values of each key of the first member that has
    /// one, case folded. None where a key has no value. Says whether there are more than so many.
    fn number(&mut self, held: &Values, of: &Correlation, members: Members, out: &mut Vec<u32>) -> bool {
        let values_of = |key| {
            let member = members.iter().find(|member| values(held, key, *member).next().is_some());
            member.into_iter().flat_map(move |member| values(held, key, member))
        };
        if of.group_by.iter().all(|key| values_of(key).nth(1).is_none()) {
            let only: Option<Vec<&str>> = of.group_by.iter().map(|key| values_of(key).next()).collect();
            out.extend(only.map(|values| self.named(values.into_iter())));
            return false;
        }
        let (mut groups, mut is_cut) = (BTreeSet::from([Vec::new()]), false);
        for key in &of.group_by {
            let values: BTreeSet<String> = values_of(key).map(str::to_lowercase).collect();
            is_cut |= groups.len() * values.len() > GROUPS_EACH;
            let more = |begun: &Name, value: &String| [&**begun, std::slice::from_ref(value)].concat();
            let all = groups.iter().flat_map(|begun| values.iter().map(move |value| more(begun, value)));
            groups = all.take(GROUPS_EACH).collect();
        }
        out.extend(groups.iter().map(|name| self.named(name.iter().map(String::as_str))));
        is_cut
    }

    /// The number of the group of these values.
    fn named<'v>(&mut self, values: impl Iterator<Item = &'v str>) -> u32 {
        let mut name = Vec::new();
        values.for_each(|value| put_bytes(&mut name, value.to_lowercase().as_bytes()));
        self.names.number(&name).0
    }

    fn name(&self, number: u32) -> Name {
        let mut from = Reader(self.names.get(number));
        std::iter::from_fn(|| from.text().map(str::to_owned)).collect()
    }

    /// Puts the events of each group side by side.
    fn spread(&mut self, events: &[Occurrence], taken: &[(u32, u32)]) {
        self.starts = vec![0; self.names.len() + 1];
        taken.iter().for_each(|(group, _)| self.starts[*group as usize + 1] += 1);
        for at in 1..self.starts.len() {
            self.starts[at] += self.starts[at - 1];
        }
        let Some(any) = events.first() else { return };
        let mut ends = self.starts.clone();
        self.all = vec![*any; taken.len()];
        for (group, at) in taken {
            let end = &mut ends[*group as usize];
            self.all[*end] = events[*at as usize];
            *end += 1;
        }
    }

    /// In how many places the events stand together.
    pub fn places(&self) -> u64 {
        self.all.len() as u64
    }

    fn events_of(&self, number: u32) -> Range<usize> {
        self.starts[number as usize]..self.starts[number as usize + 1]
    }

    /// Chooses the groups that [`next`](Self::next) is to give.
    pub fn choose(&mut self, is_wanted: impl Fn(&[Occurrence]) -> bool) {
        let wanted = (0u32..).take(self.names.len()).filter(|number| is_wanted(&self.all[self.events_of(*number)]));
        self.left = wanted.map(|number| (self.name(number), number)).collect();
        self.left.sort_unstable_by(|(a, _), (b, _)| b.cmp(a));
    }

    /// The next one of the chosen groups, in their order.
    pub fn next(&mut self) -> Option<(Name, &mut [Occurrence])> {
        let (name, number) = self.left.pop()?;
        let events = self.events_of(number);
        Some((name, &mut self.all[events]))
    }
}

//! Halves of records one after the other, their texts in one buffer, so that nothing is allocated for each.

use std::hash::BuildHasher;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

use crate::model::fields::{Canon, Fields};
use crate::model::observation::Seen;
use crate::model::place::{Place, RecordDigest};
use crate::model::time::Stamp;

/// What a half weighs beside its texts.
const HALF_BYTES: usize = size_of::<Head>();
/// What a value weighs beside its text.
const VALUE_BYTES: usize = size_of::<(Canon, usize)>();

/// What a half is of.
#[derive(Debug, Clone, Copy)]
pub(super) enum What {
    /// It lends its values.
    Lent {
        /// Whether it is of a mail to several.
        is_of_several: bool,
        /// When.
        time: Option<Stamp>,
    },
    /// What was lent under its number is lent no longer.
    Ended,
    /// It tells of traffic, and lacks what another one lends.
    Taken(Told),
    /// It tells of traffic that was asked for, and what became of it an answer further down does.
    Asked {
        /// The record.
        told: Told,
        /// Whether it was answered that it begins.
        begun: bool,
        /// Whether nothing before it in its block bears its number.
        is_first: bool,
    },
    /// It says what became of what was asked for last.
    Answered(Reply),
    /// It was asked for, and what became of it is known: what was asked for before it has no other answer.
    Settled {
        /// As of [`What::Asked`].
        is_first: bool,
    },
}

/// What a server answers to who asked for something (RFC 959, 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    /// It begins, and there is another answer to come.
    Begun,
    /// It is done, or broke off.
    Done,
    /// It was refused, or failed.
    Refused,
}

/// The record that a half which tells of traffic is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    /// Who tells.
    pub(super) observer: Option<Seen>,
    /// When.
    pub(super) time: Option<Stamp>,
    /// Where it stands.
    pub(super) place: Place,
    /// SHA-256 of its bytes.
    pub(super) sha256: RecordDigest,
}

impl What {
    /// Who tells of traffic, where this does.
    fn observer(&self) -> Option<Seen> {
        match self {
            Self::Lent { .. } | Self::Ended | Self::Answered(_) | Self::Settled { .. } => None,
            Self::Taken(told) | Self::Asked { told, .. } => told.observer,
        }
    }
}

/// Where the parts of a half begin.
#[derive(Debug, Clone, Copy)]
struct Head {
    /// Where its record stands.
    at: u64,
    /// Where its number begins in the texts.
    text: usize,
    /// Where its number ends.
    number_end: usize,
    /// The first of its values.
    value: usize,
    what: What,
}

/// One half as it is held.
#[derive(Debug, Clone, Copy)]
pub(super) struct Half<'h> {
    /// Where its record stands.
    pub(super) at: u64,
    /// What ties it to others.
    pub(super) number: &'h [u8],
    pub(super) what: What,
    /// Where the text of its first value begins.
    start: usize,
    values: &'h [(Canon, usize)],
    texts: &'h [u8],
}

impl<'h> Half<'h> {
    /// Its fields and their values.
    pub(super) fn values(&self) -> impl Iterator<Item = (Canon, &'h [u8])> {
        let texts = self.texts;
        self.values.iter().scan(self.start, move |start, &(canon, end)| {
            let text = &texts[std::mem::replace(start, end)..end];
            Some((canon, text))
        })
    }

    /// What it takes to hold it, in bytes.
    fn weight(&self) -> usize {
        let texts = self.values.last().map_or(self.start, |(_, end)| *end) - self.start;
        HALF_BYTES + self.number.len() + texts + VALUE_BYTES * self.values.len()
    }
}

/// Halves in the order in which they stand.
#[derive(Debug, Clone, Default)]
pub(super) struct Halves {
    heads: Vec<Head>,
    /// Fields of all, and where their texts end.
    values: Vec<(Canon, usize)>,
    texts: Vec<u8>,
}

impl Halves {
    /// Adds a half with those of its fields that are in `of`.
    pub(super) fn add(&mut self, (at, number): (u64, &[u8]), what: What, fields: &Fields<'_>, of: &[Canon]) {
        let (text, value) = (self.texts.len(), self.values.len());
        self.texts.extend_from_slice(number);
        self.heads.push(Head { at, text, number_end: self.texts.len(), value, what });
        for &canon in of {
            if let Some(text) = fields.get(canon) {
                self.texts.extend_from_slice(text);
                self.values.push((canon, self.texts.len()));
            }
        }
    }

    /// Says of the half of this index what it is of.
    pub(super) fn set(&mut self, index: usize, what: What) {
        self.heads[index].what = what;
    }

    /// Those that are to be held beyond their block, in their order: what was settled in it is not, but to say that it was.
    pub(super) fn held(&self) -> Self {
        let mut held = Self::default();
        for half in self.iter().filter(|half| !matches!(half.what, What::Settled { is_first: false })) {
            let (text, value) = (held.texts.len(), held.values.len());
            held.texts.extend_from_slice(half.number);
            held.heads.push(Head { at: half.at, text, number_end: held.texts.len(), value, what: half.what });
            if matches!(half.what, What::Settled { .. }) {
                continue;
            }
            for (canon, text) in half.values() {
                held.texts.extend_from_slice(text);
                held.values.push((canon, held.texts.len()));
            }
        }
        held
    }

    /// The half of this index.
    pub(super) fn get(&self, index: usize) -> Half<'_> {
        let head = self.heads[index];
        let values_end = self.heads.get(index + 1).map_or(self.values.len(), |next| next.value);
        Half {
            at: head.at,
            number: &self.texts[head.text..head.number_end],
            what: head.what,
            start: head.number_end,
            values: &self.values[head.value..values_end],
            texts: &self.texts,
        }
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = Half<'_>> {
        (0..self.heads.len()).map(|index| self.get(index))
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Where the first one stands.
    pub(super) fn first(&self) -> Option<u64> {
        self.heads.first().map(|head| head.at)
    }

    /// Where the last one stands.
    pub(super) fn last(&self) -> Option<u64> {
        self.heads.last().map(|head| head.at)
    }

    /// What it takes to hold them, in bytes.
    pub(super) fn weight(&self) -> usize {
        HALF_BYTES * self.heads.len() + VALUE_BYTES * self.values.len() + self.texts.len()
    }

    /// Lets the last one go: where it stood, what it weighed, and who told of traffic in it.
    pub(super) fn pop(&mut self) -> Option<(u64, usize, Option<Seen>)> {
        let last = self.get(self.heads.len().checked_sub(1)?);
        let gone = (last.at, last.weight(), last.what.observer());
        if let Some(head) = self.heads.pop() {
            self.texts.truncate(head.text);
            self.values.truncate(head.value);
        }
        Some(gone)
    }

    /// Forgets all, and keeps the room.
    pub(super) fn clear(&mut self) {
        self.heads.clear();
        self.values.clear();
        self.texts.clear();
    }
}

/// The index of the last half of each number.
#[derive(Debug, Default)]
pub(super) struct Last {
    table: HashTable<usize>,
    hasher: DefaultHashBuilder,
}

impl Last {
    /// The half of this index is the last one of its number.
    pub(super) fn set(&mut self, halves: &Halves, index: usize) {
        let (number, hasher) = (halves.get(index).number, &self.hasher);
        let is_same = |other: &usize| halves.get(*other).number == number;
        match self.table.entry(hasher.hash_one(number), is_same, |other| hasher.hash_one(halves.get(*other).number)) {
            Entry::Occupied(mut known) => *known.get_mut() = index,
            Entry::Vacant(free) => {
                free.insert(index);
            }
        }
    }

    /// Which one is the last of a number.
    pub(super) fn get(&self, halves: &Halves, number: &[u8]) -> Option<usize> {
        if self.table.is_empty() {
            return None;
        }
        let is_same = |other: &usize| halves.get(*other).number == number;
        self.table.find(self.hasher.hash_one(number), is_same).copied()
    }

    /// There is none of a number any longer.
    pub(super) fn remove(&mut self, halves: &Halves, number: &[u8]) {
        let is_same = |other: &usize| halves.get(*other).number == number;
        if let Ok(known) = self.table.find_entry(self.hasher.hash_one(number), is_same) {
            known.remove();
        }
    }

    /// Forgets all, and keeps the room.
    pub(super) fn clear(&mut self) {
        self.table.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fields::Kind;

    #[test]
    fn halves_are_given_back_and_let_go_from_the_end_with_all_that_they_weigh() {
        let mut fields = Fields::default();
        fields.push(Some(Canon::UserName), b"", b"alice", Kind::Str);
        fields.push(Some(Canon::EmailFrom), b"", b"a@hc.example", Kind::Str);
        let lent = What::Lent { is_of_several: false, time: None };
        let mut halves = Halves::default();
        halves.add((1, b"h\x007"), lent, &fields, &[Canon::EmailFrom, Canon::UserName, Canon::SourceIp]);
        let one = halves.weight();
        halves.add((9, b"h\x008"), lent, &Fields::default(), &[Canon::EmailFrom]);
        let told =
            halves.iter().map(|half| (half.at, half.number.to_vec(), half.values().collect())).collect::<Vec<_>>();
        let values = vec![(Canon::EmailFrom, &b"a@hc.example"[..]), (Canon::UserName, b"alice")];
        assert_eq!(told, [(1, b"h\x007".to_vec(), values), (9, b"h\x008".to_vec(), vec![])]);
        let (whole, gone) = (halves.weight(), halves.pop().unwrap());
        assert_eq!((gone.0, halves.weight()), (9, one));
        assert_eq!(halves.pop().map(|(at, weight, _)| (at, weight)), Some((1, whole - gone.1)));
        assert_eq!((halves.weight(), halves.pop()), (0, None));
    }
}

//! Halves of records one after the other, their texts in one buffer, so that nothing is allocated for each.

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
    /// It lends its values; whether it is of a mail to several.
    Lent { is_of_several: bool },
    /// What was lent under its number is lent no longer.
    Ended,
    /// It tells of traffic, and lacks what another one lends.
    Taken(Told),
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
            Self::Lent { .. } | Self::Ended => None,
            Self::Taken(told) => told.observer,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fields::Kind;

    #[test]
    fn halves_are_given_back_and_let_go_from_the_end_with_all_that_they_weigh() {
        let mut fields = Fields::default();
        fields.push(Some(Canon::UserName), b"", b"alice", Kind::Str);
        fields.push(Some(Canon::EmailFrom), b"", b"a@hc.example", Kind::Str);
        let lent = What::Lent { is_of_several: false };
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

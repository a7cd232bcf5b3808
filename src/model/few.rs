//! A list that mostly has one element or none: there are millions of them.

use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A list of fixed length. One element lies in it, without an allocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Few<T>(Held<T>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Held<T> {
    One(T),
    /// Any other number of elements.
    Others(Box<[T]>),
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self(Held::Others(Box::default()))
    }
}

impl<T> From<Vec<T>> for Few<T> {
    fn from(mut list: Vec<T>) -> Self {
        match list.len() {
            1 => list.pop().map_or_else(Self::default, |one| Self(Held::One(one))),
            _ => Self(Held::Others(list.into())),
        }
    }
}

impl<T> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(all: I) -> Self {
        let mut all = all.into_iter();
        match (all.next(), all.next()) {
            (None, _) => Self::default(),
            (Some(one), None) => Self(Held::One(one)),
            (Some(one), Some(two)) => Self(Held::Others([one, two].into_iter().chain(all).collect())),
        }
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.0 {
            Held::One(one) => std::slice::from_ref(one),
            Held::Others(others) => others,
        }
    }
}

impl<T> DerefMut for Few<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match &mut self.0 {
            Held::One(one) => std::slice::from_mut(one),
            Held::Others(others) => others,
        }
    }
}

impl<'f, T> IntoIterator for &'f Few<T> {
    type Item = &'f T;
    type IntoIter = std::slice::Iter<'f, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// As a list.
impl<T: Serialize> Serialize for Few<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Vec::deserialize(from).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_element_takes_no_room_of_its_own_and_all_read_alike() {
        assert_eq!((size_of::<Few<i64>>(), size_of::<Few<u8>>()), (16, 16));
        for length in 0..4u64 {
            let list: Vec<u64> = (0..length).collect();
            let mut few = Few::from(list.clone());
            assert_eq!((&few[..], &few), (&list[..], &list.iter().copied().collect()));
            let text = serde_json::to_string(&few).unwrap();
            assert_eq!(
                (text.clone(), serde_json::from_str(&text).ok()),
                (serde_json::to_string(&list).unwrap(), Some(few.clone()))
            );
            few.iter_mut().for_each(|n| *n += 1);
            assert_eq!(few.into_iter().sum::<u64>(), (1..=length).sum::<u64>());
        }
    }
}

//! A collection that mostly is empty: there are millions of them.

use std::collections::BTreeMap;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A collection that mostly is empty, and then takes no more than a pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seldom<T>(Option<Box<T>>);

/// What can be empty.
pub trait Empty: 'static {
    /// The empty one.
    const EMPTY: &'static Self;
    /// Whether this is one.
    fn is_empty(&self) -> bool;
}

impl<T: 'static> Empty for Vec<T> {
    const EMPTY: &'static Self = &Self::new();

    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }
}

impl<K: 'static, V: 'static> Empty for BTreeMap<K, V> {
    const EMPTY: &'static Self = &Self::new();

    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }
}

impl<T: Empty> Seldom<T> {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl<T: Empty> From<T> for Seldom<T> {
    fn from(all: T) -> Self {
        Self((!all.is_empty()).then(|| Box::new(all)))
    }
}

impl<T: Empty, I> FromIterator<I> for Seldom<T>
where
    T: FromIterator<I>,
{
    fn from_iter<A: IntoIterator<Item = I>>(all: A) -> Self {
        Self::from(all.into_iter().collect::<T>())
    }
}

impl<T: Empty> Default for Seldom<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Empty> Deref for Seldom<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or(T::EMPTY)
    }
}

impl<'s, T: Empty> IntoIterator for &'s Seldom<T>
where
    &'s T: IntoIterator,
{
    type Item = <&'s T as IntoIterator>::Item;
    type IntoIter = <&'s T as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        (**self).into_iter()
    }
}

/// As the collection.
impl<T: Empty + Serialize> Serialize for Seldom<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(to)
    }
}

impl<'de, T: Empty + Deserialize<'de>> Deserialize<'de> for Seldom<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        T::deserialize(from).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_collection_is_a_pointer_and_all_read_alike() {
        assert_eq!(size_of::<Seldom<Vec<String>>>(), size_of::<usize>());
        for list in [vec![], vec![1], vec![2, 3]] {
            let seldom = Seldom::from(list.clone());
            assert_eq!(
                (&*seldom, seldom.is_empty(), seldom.into_iter().sum::<i32>()),
                (&list, list.is_empty(), list.iter().sum())
            );
            let text = serde_json::to_string(&list).unwrap();
            assert_eq!(
                (serde_json::to_string(&seldom).unwrap(), serde_json::from_str(&text).ok()),
                (text, Some(seldom))
            );
        }
        assert_eq!(Seldom::from(BTreeMap::<u8, u8>::new()), Seldom::default());
    }
}

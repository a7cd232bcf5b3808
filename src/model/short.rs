//! A text that mostly is short: there are millions of them.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text. One of up to `N` bytes (at most 255) lies in it, without an allocation.
#[derive(Clone)]
pub struct Short<const N: usize>(Held<N>);

#[derive(Clone)]
enum Held<const N: usize> {
    /// So many bytes of it, which are UTF-8.
    Within(u8, [u8; N]),
    Beyond(Box<str>),
}

impl<const N: usize> Short<N> {
    /// The text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Held::Within(length, bytes) => {
                str::from_utf8(&bytes[..usize::from(*length)]).expect("it was made of a whole text")
            }
            Held::Beyond(text) => text,
        }
    }
}

impl<const N: usize> From<&str> for Short<N> {
    fn from(text: &str) -> Self {
        let mut bytes = [0; N];
        let room = bytes.get_mut(..text.len()).zip(u8::try_from(text.len()).ok());
        Self(match room {
            Some((room, length)) => {
                room.copy_from_slice(text.as_bytes());
                Held::Within(length, bytes)
            }
            None => Held::Beyond(text.into()),
        })
    }
}

impl<const N: usize> From<String> for Short<N> {
    fn from(text: String) -> Self {
        Self::from(&*text)
    }
}

impl<const N: usize> Default for Short<N> {
    fn default() -> Self {
        Self::from("")
    }
}

impl<const N: usize> Deref for Short<N> {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl<const N: usize> Borrow<str> for Short<N> {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl<const N: usize> PartialEq for Short<N> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl<const N: usize> Eq for Short<N> {}

impl<const N: usize> fmt::Display for Short<N> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(to)
    }
}

impl<const N: usize> fmt::Debug for Short<N> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(to)
    }
}

/// As a text.
impl<const N: usize> Serialize for Short<N> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Short<N> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_any_length_come_back_and_short_ones_take_no_room_of_their_own() {
        assert_eq!((size_of::<Short<22>>(), size_of::<Short<34>>()), (24, 40));
        for text in ["", "192.0.2.1", "twenty-two bytes, full", "ü is two of twenty-three", "\u{1f600}\"\n"] {
            let short = Short::<22>::from(text);
            assert_eq!((&*short, short.to_string(), short.clone()), (text, text.to_owned(), text.to_owned().into()));
            let json = serde_json::to_string(text).unwrap();
            assert_eq!((serde_json::to_string(&short).unwrap(), serde_json::from_str(&json).ok()), (json, Some(short)));
        }
        let long = "x".repeat(300);
        assert_eq!(*Short::<300>::from(&*long), *long, "longer than a byte can tell");
    }
}

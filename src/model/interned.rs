//! Byte strings by number, each once and all in one buffer.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Byte strings, numbered in the order in which they were first told.
#[derive(Debug, Clone, Default)]
pub struct Interned {
    bytes: Vec<u8>,
    /// By number: where it ends.
    ends: Vec<usize>,
    numbers: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

/// What a string takes beside its bytes: its end, and its number with the free places of the table.
const EACH_BYTES: usize = size_of::<usize>() + 2 * size_of::<u32>();

impl Interned {
    /// The number of a string, and what noting it took in bytes where it is new.
    pub fn number(&mut self, string: &[u8]) -> (u32, usize) {
        let Self { bytes, ends, numbers, hasher } = self;
        let hash = hasher.hash_one(string);
        if let Some(number) = numbers.find(hash, |number| held(bytes, ends, *number) == string) {
            return (*number, 0);
        }
        let number = u32::try_from(ends.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(string);
        ends.push(bytes.len());
        numbers.insert_unique(hash, number, |number| hasher.hash_one(held(bytes, ends, *number)));
        (number, string.len() + EACH_BYTES)
    }

    /// The string of a number; empty where there is none.
    pub fn get(&self, number: u32) -> &[u8] {
        held(&self.bytes, &self.ends, number)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All of them, by number.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0u32..).take(self.len()).map(|number| self.get(number))
    }
}

fn held<'i>(bytes: &'i [u8], ends: &[usize], number: u32) -> &'i [u8] {
    let at = number as usize;
    let start = at.checked_sub(1).map_or(0, |before| ends.get(before).copied().unwrap_or(bytes.len()));
    let end = ends.get(at).copied().unwrap_or(bytes.len());
    bytes.get(start..end).unwrap_or_default()
}

//! Records whose values are listed with their names before any field is read.

use super::fields::{Canon, Kind};

/// A value of a listed record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item<'f> {
    /// The raw name that its field will have.
    pub name: &'f [u8],
    /// The value as it is written, without quotes.
    pub written: &'f [u8],
    /// What it is.
    pub kind: Kind,
    /// Whether it holds escapes of JSON.
    pub escaped: bool,
}

impl<'f> Item<'f> {
    /// The value, where it is not null and written as it is.
    #[inline]
    pub fn plain(&self) -> Option<&'f [u8]> {
        (self.kind != Kind::Null && !self.escaped).then_some(self.written)
    }
}

/// The values of one record, in its order. Each becomes a field of this name and value where all fields are wanted; what is
/// added to them then has a canonical name, or is a container, or follows from several of them.
pub trait Listing {
    /// Tells what gives its numbers to names from all else of the process that does.
    fn giver(&self) -> u64;

    /// Appends numbers that tell the names of its values, and their order, from those of other records of the same giver.
    fn names(&self, out: &mut Vec<u32>);

    /// How many values there are.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value at a position; `None` where that is no field of the event.
    fn item(&self, at: usize) -> Option<Item<'_>>;

    /// Whether a field may have this canonical name; false is certain.
    fn may_give(&self, canon: Canon) -> bool;

    /// Whether an object or list without any value, which is no value itself, is a field of this name; case is ignored.
    fn holds_empty(&self, name: &[u8]) -> bool;

    /// Whether objects and lists are fields as well.
    fn has_containers(&self) -> bool;

    /// Appends a written value without its escapes.
    fn unescape(&self, written: &[u8], out: &mut Vec<u8>);
}

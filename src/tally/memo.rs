//! What records of an outline come to, so that the next one of the same identity is added up without its fields.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::model::observation::Seen;
use crate::model::outline::Outline;

/// Most bytes of identities that are kept; a log with more has few that come again.
const TEXT_BYTES: usize = 2 * 1024 * 1024;

/// What records of an identity come to, as an account remembers it.
///
/// PERF: a number goes from hand to hand in a register, where the meaning itself would be copied at each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known(u32);

/// That nothing is told but a time.
const SILENT: Known = Known(u32::MAX);

/// What a record of one identity comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing but its time.
    Silent,
    /// Traffic that this version does not read as such.
    Unread(Seen),
    /// A record of a conversation.
    Record {
        /// Its index.
        conversation: u32,
        /// Bytes to the server.
        up: Amount,
        /// Bytes back.
        down: Amount,
    },
}

/// Where a count of bytes comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// The log does not say.
    Unknown,
    /// It follows from the identity.
    Fixed(u64),
    /// A number of the outline.
    Number(u8),
}

impl Amount {
    /// Where `bytes` come from, which a parse gave; `value` is what of the record they were read from. `None` where no number
    /// of the outline lies there.
    pub fn found(outline: &Outline<'_>, bytes: Option<u64>, value: Option<&[u8]>) -> Option<Self> {
        let Some(bytes) = bytes else { return Some(Self::Unknown) };
        let at = outline.place(value?).filter(|&at| outline.value(at) == Some(bytes))?;
        Some(Self::Number(u8::try_from(at).ok()?))
    }

    /// The count of a record.
    #[inline]
    pub fn of(self, outline: &Outline<'_>) -> Option<u64> {
        match self {
            Self::Unknown => None,
            Self::Fixed(bytes) => Some(bytes),
            Self::Number(at) => outline.value(usize::from(at)),
        }
    }
}

/// Meanings by identity.
#[derive(Default)]
pub struct Memo {
    table: HashTable<Entry>,
    hasher: DefaultHashBuilder,
    text: Vec<u8>,
    meanings: Vec<Meaning>,
}

struct Entry {
    hash: u64,
    start: u32,
    length: u32,
    known: Known,
}

impl Memo {
    /// What a record of this outline comes to, where one of its identity was told before.
    #[inline]
    pub fn recall(&self, outline: &Outline<'_>) -> Option<Known> {
        if outline.is_silent {
            return Some(SILENT);
        }
        let identity = outline.identity();
        let hash = self.hasher.hash_one(identity);
        let same = |entry: &Entry| {
            entry.hash == hash && self.text[entry.start as usize..][..entry.length as usize] == *identity
        };
        self.table.find(hash, same).map(|entry| entry.known)
    }

    /// What that is.
    #[inline]
    pub fn meaning(&self, known: Known) -> &Meaning {
        self.meanings.get(known.0 as usize).unwrap_or(&Meaning::Silent)
    }

    /// Keeps what an identity comes to that is not known yet.
    pub fn keep(&mut self, outline: &Outline<'_>, meaning: Meaning) {
        let identity = outline.identity();
        if self.text.len() + identity.len() > TEXT_BYTES {
            self.clear();
        }
        let [start, length, number] = [self.text.len(), identity.len(), self.meanings.len()].map(u32::try_from);
        let (Ok(start), Ok(length), Ok(number)) = (start, length, number) else { return };
        let hash = self.hasher.hash_one(identity);
        self.text.extend_from_slice(identity);
        self.meanings.push(meaning);
        self.table.insert_unique(hash, Entry { hash, start, length, known: Known(number) }, |entry| entry.hash);
    }

    /// Forgets all: conversations have other indexes now.
    pub fn clear(&mut self) {
        self.table.clear();
        self.text.clear();
        self.meanings.clear();
    }
}

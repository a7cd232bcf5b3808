//! Tables as named sections of a file, and back. What is read is untrusted: a table is refused, or safe to read.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::flat::{Flat, Texts, Word};
use super::indicator::{AgentFilter, Bloom, Feed, IndicatorKind, Indicators, KeyTable, List, NameFilter, NetTable};

/// One part of a table, as it lies in a file.
#[derive(Debug)]
pub struct Section<'t> {
    /// Names the table and the part.
    pub name: String,
    /// Bytes of one number.
    pub word_bytes: u32,
    /// The numbers, little-endian.
    pub bytes: Cow<'t, [u8]>,
}

/// The sections of a set in the making.
#[derive(Debug, Default)]
pub struct Sections<'t>(pub Vec<Section<'t>>);

impl<'t> Sections<'t> {
    /// Adds a part of a table.
    pub fn put<T: Word>(&mut self, table: &str, part: &str, words: &'t Flat<T>) {
        let word_bytes = size_of::<T>() as u32;
        self.0.push(Section { name: format!("{table}.{part}"), word_bytes, bytes: words.file_bytes() });
    }

    /// Adds texts.
    pub fn put_texts(&mut self, table: &str, texts: &'t Texts) {
        let (ends, bytes) = texts.parts();
        self.put(table, "ends", ends);
        self.put(table, "bytes", bytes);
    }
}

/// Why a set cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which part of the file.
    pub place: String,
    /// What is wrong there.
    pub what: String,
}

impl Fault {
    /// A fault of this place.
    pub fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }
}

/// The sections that a file holds, by name: bytes of one number, and the bytes.
#[derive(Debug, Default)]
pub struct Found(pub BTreeMap<String, (u32, Flat<u8>)>);

impl Found {
    /// A part of a table.
    ///
    /// # Errors
    /// It is not there, or is made of other numbers.
    pub fn take<T: Word>(&mut self, table: &str, part: &str) -> Result<Flat<T>, Fault> {
        let name = format!("{table}.{part}");
        let Some((word_bytes, bytes)) = self.0.remove(&name) else { return Err(Fault::new(name, "is not there")) };
        let words = bytes.words().filter(|_| word_bytes as usize == size_of::<T>());
        words.ok_or_else(|| Fault::new(name, format!("is not made of numbers of {} bytes", size_of::<T>())))
    }

    /// Texts of which each can be read.
    ///
    /// # Errors
    /// They are not there, or not all of them are texts.
    pub fn take_texts(&mut self, table: &str) -> Result<Texts, Fault> {
        let texts = Texts::new(self.take(table, "ends")?, self.take(table, "bytes")?);
        if texts.is_sound() { Ok(texts) } else { Err(Fault::new(table, "holds what is no text")) }
    }
}

/// Fails with a fault of `place` where something does not hold.
pub(super) fn holds(is: bool, place: &str, what: &str) -> Result<(), Fault> {
    if is { Ok(()) } else { Err(Fault::new(place, what)) }
}

impl Indicators {
    /// Writes all tables, for [`load`](Self::load).
    pub fn store(&self) -> Sections<'_> {
        // Named one by one, so that a new table cannot be forgotten.
        let Self {
            list,
            feeds,
            names,
            hosts,
            files,
            digests,
            digest_filter,
            agents,
            agent_filter,
            ipv4,
            ipv4_texts,
            ipv6,
            wide_letters,
        } = self;
        let mut out = Sections::default();
        let kinds = IndicatorKind::ALL.iter().map(|kind| kind.word().to_owned()).collect();
        let ends_in_digit = names.ends_in_digit();
        let rest = Rest { feeds: feeds.clone(), wide_letters: *wide_letters, ends_in_digit, kinds };
        let bytes = serde_json::to_vec(&rest).expect("texts and numbers can always be written");
        out.0.push(Section { name: REST.to_owned(), word_bytes: 1, bytes: bytes.into() });
        list.store("list", &mut out);
        names.store("names", &mut out);
        hosts.store("hosts", &mut out);
        files.store("files", &mut out);
        digests.store("digests", &mut out);
        digest_filter.store("digest_filter", &mut out);
        agents.store("agents", &mut out);
        agent_filter.store("agent_filter", &mut out);
        ipv4.store("ipv4", &mut out);
        ipv4_texts.store("ipv4_texts", &mut out);
        ipv6.store("ipv6", &mut out);
        out
    }

    /// Reads tables as [`store`](Self::store) writes them, without building anything.
    ///
    /// # Errors
    /// Something is missing, or does not fit together. What is accepted may still not be what was written; it is then
    /// matched as it is, and nothing panics.
    pub fn load(mut from: Found) -> Result<Self, Fault> {
        let (_, rest) = from.0.remove(REST).ok_or_else(|| Fault::new(REST, "is not there"))?;
        let rest: Rest = serde_json::from_slice(&rest).map_err(|error| Fault::new(REST, error.to_string()))?;
        let known = IndicatorKind::ALL.iter().map(|kind| kind.word()).eq(rest.kinds.iter());
        holds(known, REST, "names other kinds of indicators than this version knows")?;
        let list = List::load("list", &mut from)?;
        let count = list.len();
        let set = Self {
            names: NameFilter::load("names", rest.ends_in_digit, &mut from)?,
            hosts: KeyTable::load("hosts", count, &mut from)?,
            files: KeyTable::load("files", count, &mut from)?,
            digests: KeyTable::load("digests", count, &mut from)?,
            digest_filter: Bloom::load("digest_filter", &mut from)?,
            agents: KeyTable::load("agents", count, &mut from)?,
            agent_filter: AgentFilter::load("agent_filter", &mut from)?,
            ipv4: NetTable::load("ipv4", 32, count, &mut from)?,
            ipv4_texts: Bloom::load("ipv4_texts", &mut from)?,
            ipv6: NetTable::load("ipv6", 128, count, &mut from)?,
            wide_letters: rest.wide_letters,
            list,
            feeds: rest.feeds,
        };
        match from.0.keys().next() {
            Some(name) => Err(Fault::new(name, "is not known to this version")),
            None => Ok(set),
        }
    }
}

/// The section of what is no table.
const REST: &str = "set";

/// What is no table.
#[derive(Serialize, Deserialize)]
struct Rest {
    feeds: Vec<Feed>,
    wide_letters: bool,
    /// Some name ends in a digit.
    ends_in_digit: bool,
    /// The words of all kinds, in the order of their numbers.
    kinds: Vec<String>,
}

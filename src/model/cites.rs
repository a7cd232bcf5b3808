//! The records that a transfer cites, packed: there are millions of transfers.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::finding::Evidence;
use super::packed::{Reader, put};
use super::place::{Locator, Place, RecordDigest};

/// Records, each with its source and digest. Written and read as a list of [`Evidence`].
#[derive(Debug, Clone)]
pub struct Cites(Held);

#[derive(Debug, Clone)]
enum Held {
    /// As correlated: of each record the index of its source, its place and its digest. None has an excerpt.
    Packed(Arc<[Locator]>, Box<[u8]>),
    /// As read from a case.
    Plain(Box<[Evidence]>),
}

/// Which numbers of a place are known.
const LINE: u8 = 1;
const RECORD: u8 = 2;
const EVENT: u8 = 4;
const IN_DOUBT: u8 = 8;

impl Cites {
    /// Records of these sources. One of another source is left out: nobody could look it up.
    pub fn of<'c>(
        sources: Arc<[Locator]>,
        records: impl IntoIterator<Item = (&'c Locator, Place, RecordDigest)>,
    ) -> Self {
        let mut packed = Vec::new();
        for (source, place, digest) in records {
            let Some(at) = sources.iter().position(|known| known == source) else { continue };
            let Place { offset, length, line, record, event_record_id, in_doubt } = place;
            let numbers = [(line, LINE), (record, RECORD), (event_record_id, EVENT)];
            let doubt = if in_doubt { IN_DOUBT } else { 0 };
            packed.push(numbers.iter().filter(|(number, _)| number.is_some()).fold(doubt, |all, (_, flag)| all | flag));
            [at as u64, offset, length].into_iter().for_each(|number| put(&mut packed, number));
            numbers.into_iter().filter_map(|(number, _)| number).for_each(|number| put(&mut packed, number));
            packed.extend(digest.0);
        }
        Self(Held::Packed(sources, packed.into()))
    }

    /// All of them.
    pub fn list(&self) -> Cow<'_, [Evidence]> {
        match &self.0 {
            Held::Plain(list) => Cow::Borrowed(list),
            Held::Packed(sources, packed) => Cow::Owned(unpacked(sources, packed).collect()),
        }
    }

    /// The first.
    pub fn first(&self) -> Option<Evidence> {
        match &self.0 {
            Held::Plain(list) => list.first().cloned(),
            Held::Packed(sources, packed) => unpacked(sources, packed).next(),
        }
    }
}

fn unpacked<'c>(sources: &'c [Locator], packed: &'c [u8]) -> impl Iterator<Item = Evidence> + 'c {
    let mut from = Reader(packed);
    std::iter::from_fn(move || one(sources, &mut from))
}

fn one(sources: &[Locator], from: &mut Reader<'_>) -> Option<Evidence> {
    let flags = from.byte()?;
    let source = sources.get(usize::try_from(from.number()?).ok()?)?.clone();
    let (offset, length) = (from.number()?, from.number()?);
    let mut known = |flag| if flags & flag == 0 { Some(None) } else { from.number().map(Some) };
    let (line, record, event_record_id) = (known(LINE)?, known(RECORD)?, known(EVENT)?);
    let place = Place { offset, length, line, record, event_record_id, in_doubt: flags & IN_DOUBT > 0 };
    let sha256 = RecordDigest(from.bytes(32)?.try_into().ok()?).to_string();
    Some(Evidence { source, place, sha256, excerpt: String::new() })
}

impl Default for Cites {
    fn default() -> Self {
        Self(Held::Plain(Box::default()))
    }
}

impl PartialEq for Cites {
    fn eq(&self, other: &Self) -> bool {
        self.list() == other.list()
    }
}

impl Eq for Cites {}

impl Serialize for Cites {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Held::Plain(list) => to.collect_seq(list),
            Held::Packed(sources, packed) => to.collect_seq(unpacked(sources, packed)),
        }
    }
}

impl<'de> Deserialize<'de> for Cites {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Box::deserialize(from).map(|list| Self(Held::Plain(list)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_as_they_were_told() {
        let sources: Arc<[Locator]> = ["a", "b"].map(Locator::from_encoded).into();
        let place = |n: u64| Place {
            offset: n << 33,
            length: n,
            line: (n & 1 > 0).then_some(n),
            record: (n & 2 > 0).then_some(u64::MAX),
            event_record_id: (n & 4 > 0).then_some(0),
            in_doubt: n % 3 == 1,
        };
        let told = |n: u64| (&sources[(n & 1) as usize], place(n), RecordDigest([n as u8; 32]));
        let cites = Cites::of(Arc::clone(&sources), (0..8).map(told));
        let plain: Vec<Evidence> = (0..8)
            .map(told)
            .map(|(source, place, digest)| Evidence {
                source: source.clone(),
                place,
                sha256: digest.to_string(),
                excerpt: String::new(),
            })
            .collect();
        assert_eq!((cites.list().into_owned(), cites.first().as_ref()), (plain.clone(), plain.first()));
        let text = serde_json::to_string(&plain).unwrap();
        assert_eq!((serde_json::to_string(&cites).unwrap(), serde_json::from_str(&text).ok()), (text, Some(cites)));
        let elsewhere = Locator::from_encoded("c");
        assert_eq!(Cites::of(sources, [(&elsewhere, place(1), RecordDigest([0; 32]))]), Cites::default());
    }
}

//! The conversations of a source, sorted, as one run of packed bytes: a source may hold hundreds of thousands of them.
//!
//! One after the other: its key (observer, outcome and whether it sends, port, six texts), the length of the rest, what
//! all its hours come to, the hours where there are several, its cited records, the names asked for. Lists begin with
//! their length, times are differences to the one before. Both ways of a conversation are written and read in this file,
//! nothing of it is known elsewhere.
//!
//! PERF: most that is asked of a conversation is its sum, its time and what it cites: none of these steps over its hours,
//! of which a visitor of many weeks has hundreds.

use std::collections::BTreeMap;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::names::{self, Kinds, Names};
use super::observation::{CITED, Cited, Hour, Key, ObservationKey, Observed, Seen, Sum, weight};
use super::packed::{PART_BYTES, Reader, from_state, in_state, put, put_bytes, put_signed};
use super::place::{Place, RecordDigest};
use super::rule::Outcome;
use super::time::{Instant, Span};

/// The first byte of each part of the state, for what a later version may pack in another way.
const VERSION: u8 = 4;

/// The conversations of one source, sorted by key, each with what was seen of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conversations {
    /// Whole conversations each.
    parts: Vec<Vec<u8>>,
    count: usize,
}

impl Conversations {
    /// Adds a conversation whose key comes after those of all others.
    pub fn push(&mut self, key: &Key<'_>, seen: &Observed) {
        let part = self.next();
        put_key(part, key);
        let at = part.len();
        put_seen(part, seen);
        let mut length = Vec::new();
        put(&mut length, (part.len() - at) as u64);
        part.splice(at..at, length);
    }

    /// The same of what is packed elsewhere.
    pub fn push_told(&mut self, key: &Key<'_>, told: Told<'_>) {
        let part = self.next();
        put_key(part, key);
        put_bytes(part, told.0.0);
    }

    /// The part to which another conversation is added.
    fn next(&mut self) -> &mut Vec<u8> {
        self.count += 1;
        if self.parts.last().is_none_or(|part| part.len() >= PART_BYTES) {
            self.parts.last_mut().into_iter().for_each(Vec::shrink_to_fit);
            self.parts.push(Vec::new());
        }
        let last = self.parts.len() - 1;
        &mut self.parts[last]
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// All of them, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (Key<'_>, Told<'_>)> + Clone {
        self.parts.iter().flat_map(|part| {
            let mut from = Reader(part);
            std::iter::from_fn(move || Some((from.key()?, from.told()?)))
        })
    }

    /// What was seen of one conversation.
    pub fn find(&self, key: &Key<'_>) -> Option<Told<'_>> {
        let begins = |part: &Vec<u8>| Reader(part).key().is_some_and(|first| first <= *key);
        let part = self.parts.partition_point(begins).checked_sub(1)?;
        let mut from = Reader(&self.parts[part]);
        let mut all = std::iter::from_fn(move || Some((from.key()?, from.told()?)));
        all.find(|(known, _)| known >= key).filter(|(known, _)| known == key).map(|(_, told)| told)
    }

    /// Where each lies, sorted by key.
    pub fn packed(&self) -> impl Iterator<Item = Packed<'_>> + Clone {
        self.parts.iter().flat_map(|part| {
            let mut from = Reader(part);
            std::iter::from_fn(move || {
                let here = Packed(from);
                from.key()?;
                from.told()?;
                Some(here)
            })
        })
    }

    /// Their keys, sorted.
    pub fn keys(&self) -> impl Iterator<Item = Key<'_>> + Clone {
        self.iter().map(|(key, _)| key)
    }

    /// What was seen of each, sorted by key.
    pub fn values(&self) -> impl Iterator<Item = Told<'_>> + Clone {
        self.iter().map(|(_, told)| told)
    }
}

/// Those of one key are joined.
impl FromIterator<(ObservationKey, Observed)> for Conversations {
    fn from_iter<I: IntoIterator<Item = (ObservationKey, Observed)>>(all: I) -> Self {
        let mut sorted: BTreeMap<ObservationKey, Observed> = BTreeMap::new();
        for (key, seen) in all {
            sorted.entry(key).or_default().join(seen);
        }
        let mut made = Self::default();
        sorted.iter().for_each(|(key, seen)| made.push(&key.as_key(), seen));
        made
    }
}

/// One conversation where it lies.
#[derive(Debug, Clone, Copy)]
pub struct Packed<'a>(Reader<'a>);

impl<'a> Packed<'a> {
    /// Its key and what was seen of it.
    pub fn read(mut self) -> Option<(Key<'a>, Told<'a>)> {
        Some((self.0.key()?, self.0.told()?))
    }
}

/// What was seen of one conversation, read where it lies.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a>(Reader<'a>);

impl<'a> Told<'a> {
    /// Its hours, sorted; the records without a time come first.
    pub fn hours(self) -> impl Iterator<Item = Hour> + Clone + use<'a> {
        self.parts().map_or_else(Hours::default, |parts| parts.hours)
    }

    /// The records cited for it: those that moved the most bytes first.
    pub fn cited(self) -> impl Iterator<Item = Cited> + Clone + use<'a> {
        let (mut from, count, base) = self.behind_hours();
        (0..count).map_while(move |_| from.cited(base))
    }

    /// The names asked for that may be those of a tunnel; `None` where they are not sound.
    pub fn names(self) -> Option<Names> {
        let (mut from, cited, base) = self.behind_hours();
        for _ in 0..cited {
            from.cited(base)?;
        }
        let count = from.number()?;
        let mut is_sound = true;
        let name = |_| {
            let name = from.name();
            is_sound = name.is_some();
            name
        };
        names::kept((0..count).map_while(name)).filter(|_| is_sound)
    }

    /// What it weighs, as [`Observed::weight`] has it.
    pub fn weight(self) -> usize {
        let hours = self.parts().map_or(0, |parts| parts.hours.left);
        let (mut from, cited, base) = self.behind_hours();
        let names = (0..cited).try_for_each(|_| from.cited(base).map(drop)).and_then(|()| from.number());
        weight(hours as usize, names.unwrap_or(0) as usize)
    }

    /// The sum over all hours.
    pub fn sum(self) -> Sum {
        self.parts().map_or_else(Sum::default, |parts| parts.whole.sum)
    }

    /// First and last time.
    pub fn span(self) -> Option<Span> {
        self.parts().and_then(|parts| parts.whole.span)
    }

    /// The same, unpacked.
    pub fn unpack(self) -> Observed {
        let names = self.names().unwrap_or_default();
        Observed { hours: self.hours().collect(), cited: self.cited().collect(), names }
    }

    /// The cited records, their number, and the time that theirs are differences to.
    fn behind_hours(self) -> (Reader<'a>, u64, i64) {
        let Some(Parts { mut rest, base, .. }) = self.parts() else { return (Reader(&[]), 0, 0) };
        let count = rest.number().unwrap_or(0);
        (rest, count, base)
    }

    /// Its parts; `None` where it is not sound.
    fn parts(self) -> Option<Parts<'a>> {
        let mut rest = self.0;
        let base = rest.signed()?;
        let left = rest.number()?;
        let before = rest;
        let whole = rest.hour(&mut { base })?;
        let from = if left == 1 { before } else { Reader(rest.sized()?) };
        Some(Parts { base, whole, hours: Hours { from, left, last: base }, rest })
    }
}

/// What was seen of a conversation, taken apart.
struct Parts<'a> {
    /// The time that those of hours and of cited records are differences to.
    base: i64,
    /// All hours in one.
    whole: Hour,
    hours: Hours<'a>,
    /// The cited records and what follows them.
    rest: Reader<'a>,
}

/// Reads hours one by one.
#[derive(Debug, Clone)]
struct Hours<'a> {
    from: Reader<'a>,
    left: u64,
    last: i64,
}

impl Default for Hours<'_> {
    fn default() -> Self {
        Self { from: Reader(&[]), left: 0, last: 0 }
    }
}

impl Iterator for Hours<'_> {
    type Item = Hour;

    fn next(&mut self) -> Option<Hour> {
        self.left = self.left.checked_sub(1)?;
        self.from.hour(&mut self.last)
    }
}

/// Hours: whether there is a time.
const TIMED: u8 = 1;
/// Hours: whether some records do not log the bytes up, and down.
const UP_UNLOGGED: u8 = 2;
const DOWN_UNLOGGED: u8 = 4;
/// Hours: whether some records tell of both ways together.
const JOINT: u8 = 8;
/// Cited records: which way, and what is known of them.
const UP: u8 = 1;
const AT: u8 = 2;
const LINE: u8 = 4;
const RECORD: u8 = 8;
const EVENT: u8 = 16;
const IN_DOUBT: u8 = 32;
const TOOK: u8 = 64;

fn put_key(out: &mut Vec<u8>, key: &Key<'_>) {
    let Key { seen, client, server, name, account, host, port, sends, outcome, nat } = *key;
    out.extend([seen as u8, (outcome as u8) << 1 | u8::from(sends)]);
    put(out, port.into());
    for text in [client, server, name, account, host, nat] {
        put_bytes(out, text.as_bytes());
    }
}

fn put_seen(out: &mut Vec<u8>, seen: &Observed) {
    let base = seen.hours.iter().find_map(|hour| hour.span).map_or(0, |span| span.first.micros());
    put_signed(out, base);
    put(out, seen.hours.len() as u64);
    put_hour(out, &whole(&seen.hours), &mut { base });
    if seen.hours.len() != 1 {
        let (mut hours, mut last) = (Vec::new(), base);
        seen.hours.iter().for_each(|hour| put_hour(&mut hours, hour, &mut last));
        put_bytes(out, &hours);
    }
    put(out, seen.cited.len() as u64);
    for cited in &seen.cited {
        put_cited(out, cited, base);
    }
    put(out, seen.names.kept().len() as u64);
    for name in seen.names.kept() {
        out.push(name.kinds.0);
        put_bytes(out, name.text.as_bytes());
    }
}

/// All hours in one.
fn whole(hours: &[Hour]) -> Hour {
    hours.iter().fold(Hour::default(), |mut whole, hour| {
        whole.span = Span::join_opt(whole.span, hour.span);
        whole.sum.add(&hour.sum);
        whole
    })
}

/// Adds an hour, whose times are differences to `last`, the end of the hour before.
fn put_hour(out: &mut Vec<u8>, Hour { span, sum }: &Hour, last: &mut i64) {
    let flag = |is: bool, flag: u8| if is { flag } else { 0 };
    let unlogged = flag(sum.up_unlogged > 0, UP_UNLOGGED) | flag(sum.down_unlogged > 0, DOWN_UNLOGGED);
    out.push(flag(span.is_some(), TIMED) | unlogged | flag(sum.joint_records > 0, JOINT));
    if let Some(span) = span {
        put_signed(out, span.first.micros().wrapping_sub(*last));
        *last = span.last.micros();
        put_signed(out, last.wrapping_sub(span.first.micros()));
    }
    [sum.records, sum.up, sum.down].into_iter().for_each(|number| put(out, number));
    [sum.up_unlogged, sum.down_unlogged].into_iter().filter(|n| *n > 0).for_each(|number| put(out, number));
    if sum.joint_records > 0 {
        [sum.joint, sum.joint_records].into_iter().for_each(|number| put(out, number));
    }
}

fn put_cited(out: &mut Vec<u8>, cited: &Cited, base: i64) {
    let Place { offset, length, line, record, event_record_id, in_doubt } = cited.place;
    let at = cited.span.map(|span| span.last.micros().wrapping_sub(base));
    let took = cited.span.map(|span| span.last.micros().abs_diff(span.first.micros())).filter(|took| *took > 0);
    let known = [
        (cited.up, UP),
        (at.is_some(), AT),
        (line.is_some(), LINE),
        (record.is_some(), RECORD),
        (event_record_id.is_some(), EVENT),
        (in_doubt, IN_DOUBT),
        (took.is_some(), TOOK),
    ];
    out.push(known.into_iter().filter(|(is, _)| *is).fold(0, |all, (_, flag)| all | flag));
    [cited.bytes, offset, length].into_iter().for_each(|number| put(out, number));
    at.into_iter().for_each(|at| put_signed(out, at));
    took.into_iter().for_each(|took| put(out, took));
    [line, record, event_record_id].into_iter().flatten().for_each(|number| put(out, number));
    out.extend(cited.sha256.0);
}

impl<'a> Reader<'a> {
    fn key(&mut self) -> Option<Key<'a>> {
        let seen = *Seen::ALL.get(usize::from(self.byte()?))?;
        let flags = self.byte()?;
        let outcome = *Outcome::ALL.get(usize::from(flags >> 1))?;
        Some(Key {
            seen,
            sends: flags & 1 == 1,
            outcome,
            port: u16::try_from(self.number()?).ok()?,
            client: self.text()?,
            server: self.text()?,
            name: self.text()?,
            account: self.text()?,
            host: self.text()?,
            nat: self.text()?,
        })
    }

    fn told(&mut self) -> Option<Told<'a>> {
        Some(Told(Reader(self.sized()?)))
    }

    fn hour(&mut self, last: &mut i64) -> Option<Hour> {
        let flags = self.byte()?;
        let span = match flags & TIMED {
            0 => None,
            _ => {
                let first = last.wrapping_add(self.signed()?);
                *last = first.wrapping_add(self.signed()?);
                Some(Span { first: Instant::from_micros(first)?, last: Instant::from_micros(*last)? })
            }
        };
        let (records, up, down) = (self.number()?, self.number()?, self.number()?);
        let mut flagged = |flag| if flags & flag == 0 { Some(0) } else { self.number() };
        let (up_unlogged, down_unlogged) = (flagged(UP_UNLOGGED)?, flagged(DOWN_UNLOGGED)?);
        let (joint, joint_records) = (flagged(JOINT)?, flagged(JOINT)?);
        Some(Hour { span, sum: Sum { records, up, up_unlogged, down, down_unlogged, joint, joint_records } })
    }

    fn cited(&mut self, base: i64) -> Option<Cited> {
        let flags = self.byte()?;
        let (bytes, offset, length) = (self.number()?, self.number()?, self.number()?);
        let last = match flags & AT {
            0 => None,
            _ => Some(Instant::from_micros(base.wrapping_add(self.signed()?))?),
        };
        let took = if flags & TOOK == 0 { 0 } else { self.number()? };
        let span = match last {
            None => None,
            Some(last) => {
                let first = last.micros().checked_sub_unsigned(took).and_then(Instant::from_micros)?;
                Some(Span { first, last })
            }
        };
        let mut known = |flag| if flags & flag == 0 { Some(None) } else { self.number().map(Some) };
        let (line, record, event_record_id) = (known(LINE)?, known(RECORD)?, known(EVENT)?);
        let sha256 = RecordDigest(self.bytes(32)?.try_into().ok()?);
        let place = Place { offset, length, line, record, event_record_id, in_doubt: flags & IN_DOUBT > 0 };
        Some(Cited { bytes, up: flags & UP == UP, span, place, sha256 })
    }

    fn name(&mut self) -> Option<(Kinds, Box<str>)> {
        Some((Kinds(self.byte()?), self.text()?.into()))
    }
}

/// A list of parts in base64.
impl Serialize for Conversations {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.parts.iter().map(|part| in_state(VERSION, part)))
    }
}

impl<'de> Deserialize<'de> for Conversations {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_seq(State)
    }
}

struct State;

impl<'de> Visitor<'de> for State {
    type Value = Conversations;

    fn expecting(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str("conversations as this version packs them")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Conversations, A::Error> {
        let mut all = Conversations::default();
        let mut last: Option<ObservationKey> = None;
        while let Some(text) = from.next_element::<String>()? {
            let wrong = |fault| de::Error::custom(format!("conversations: {fault}"));
            let part = from_state(VERSION, &text).map_err(wrong)?;
            last = checked(&part[1..], last, &mut all).map_err(de::Error::custom)?;
        }
        Ok(all)
    }
}

/// Takes over what a part tells, if it is sound and sorted; [`Conversations::push`] writes it anew. The last key of it.
fn checked(
    part: &[u8],
    before: Option<ObservationKey>,
    all: &mut Conversations,
) -> Result<Option<ObservationKey>, &'static str> {
    let (mut from, mut last) = (Reader(part), before.as_ref().map(ObservationKey::as_key));
    while !from.0.is_empty() {
        let key = from.key().ok_or("the key of a conversation is damaged")?;
        let told = from.told().ok_or("a conversation is cut off")?;
        if last.is_some_and(|last| last >= key) {
            return Err("conversations are not sorted");
        }
        all.push(&key, &unpacked(told).ok_or("a conversation is damaged")?);
        last = Some(key);
    }
    Ok(last.map(|last| last.to_owned()))
}

/// What was seen, if it is sound.
fn unpacked(told: Told<'_>) -> Option<Observed> {
    let seen = told.unpack();
    let mut packed = Vec::new();
    put_seen(&mut packed, &seen);
    let sorted = seen.hours.is_sorted_by(|a, b| a.order() < b.order())
        && seen.hours.iter().filter_map(|hour| hour.span).all(|span| span.first <= span.last)
        && seen.cited.is_sorted_by(|a, b| a.rank() < b.rank());
    (packed == told.0.0 && sorted && !seen.hours.is_empty() && seen.cited.len() <= CITED).then_some(seen)
}

#[cfg(test)]
mod tests;

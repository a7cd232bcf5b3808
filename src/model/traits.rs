//! What records that correlations count have in common: as one value, and many of them packed in a table.
//!
//! Of traits in a table the head is what few of them differ in: what became of it, how its time was got, the rules, the
//! fields of the values, and which texts the subject has. The rest is texts: the values, then those of the subject.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::interned::Interned;
use super::packed::{Reader, put, put_bytes};
use super::rule::Outcome;
use super::subject::{Subject, WHO};
use super::time::Assumed;

/// What an event has in common with others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Traits {
    /// Ids of the rules that match it and on which correlations count, sorted.
    pub rules: Arc<[Arc<str>]>,
    /// Fields that correlations ask for, by the names that they have in rules, with values; several where the record has
    /// several. Sorted, without repeats.
    pub values: Vec<(Arc<str>, Box<str>)>,
    /// What the response side says.
    #[serde(default)]
    pub outcome: Outcome,
    /// What was assumed to get its time.
    #[serde(default)]
    pub assumed: Assumed,
    /// Who and where, reduced.
    #[serde(default)]
    pub subject: Subject,
}

/// Traits by number, each once, packed.
#[derive(Debug, Clone, Default)]
pub struct TraitTable {
    heads: Interned,
    /// Each the number of its head in four bytes, then its texts.
    all: Interned,
    buffer: Vec<u8>,
}

/// The head of traits, unpacked.
#[derive(Debug, Default)]
pub(super) struct Head {
    outcome: Outcome,
    assumed: Assumed,
    /// Bit by bit which texts the subject has.
    who: u8,
    /// Ids of rules.
    pub rules: Arc<[Arc<str>]>,
    fields: Vec<Arc<str>>,
}

impl TraitTable {
    /// The number of traits, told part by part, and what noting them took in bytes where they are new. Of the subject that
    /// which [`Subject::who`] tells.
    pub fn number<'t>(
        &mut self,
        (outcome, assumed): (Outcome, Assumed),
        rules: impl Iterator<Item = &'t str> + Clone,
        values: impl Iterator<Item = (&'t str, &'t str)> + Clone,
        who: [Option<&str>; WHO],
    ) -> (u32, usize) {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let flags = who.iter().enumerate().fold(0, |flags, (at, text)| flags | u8::from(text.is_some()) << at);
        buffer.extend([outcome as u8, assumed as u8, flags]);
        put(&mut buffer, rules.clone().count() as u64);
        rules.for_each(|rule| put_bytes(&mut buffer, rule.as_bytes()));
        put(&mut buffer, values.clone().count() as u64);
        values.clone().for_each(|(field, _)| put_bytes(&mut buffer, field.as_bytes()));
        let (head, of_head) = self.heads.number(&buffer);
        buffer.clear();
        buffer.extend(head.to_le_bytes());
        values.for_each(|(_, value)| put_bytes(&mut buffer, value.as_bytes()));
        who.into_iter().flatten().for_each(|text| put_bytes(&mut buffer, text.as_bytes()));
        let (number, of_texts) = self.all.number(&buffer);
        self.buffer = buffer;
        (number, of_head + of_texts)
    }

    /// The number of these traits, and what noting them took in bytes where they are new.
    pub fn number_of(&mut self, traits: &Traits) -> (u32, usize) {
        self.number(
            (traits.outcome, traits.assumed),
            traits.rules.iter().map(|rule| &**rule),
            traits.values.iter().map(|(field, value)| (&**field, &**value)),
            traits.subject.who_texts(),
        )
    }

    /// The same of traits of another table.
    pub fn number_from(&mut self, other: &Self, number: u32) -> (u32, usize) {
        let (head, texts) = other.packed(number);
        let (head, of_head) = self.heads.number(other.heads.get(head));
        let (number, of_texts) = self.put(head, texts);
        (number, of_head + of_texts)
    }

    fn put(&mut self, head: u32, texts: &[u8]) -> (u32, usize) {
        self.buffer.clear();
        self.buffer.extend(head.to_le_bytes());
        self.buffer.extend_from_slice(texts);
        self.all.number(&self.buffer)
    }

    /// The number of the head of traits, and their texts.
    fn packed(&self, number: u32) -> (u32, &[u8]) {
        let (head, texts) = self.all.get(number).split_first_chunk().unwrap_or((&[0; 4], &[]));
        (u32::from_le_bytes(*head), texts)
    }

    /// The number of the head of traits.
    pub(super) fn head_of(&self, number: u32) -> u32 {
        self.packed(number).0
    }

    /// The heads, by number.
    pub(super) fn heads(&self) -> Vec<Head> {
        self.heads.iter().map(|head| unpacked_head(head).unwrap_or_default()).collect()
    }

    /// The rules of traits, and the fields of their values: sorted, each as often as it has values.
    pub fn rules_and_fields(&self, number: u32) -> [Arc<[Arc<str>]>; 2] {
        let head = unpacked_head(self.heads.get(self.head_of(number))).unwrap_or_default();
        [head.rules, head.fields.into()]
    }

    /// The number of traits as these, of fewer rules, and what noting them took in bytes where they are new.
    pub fn number_with(&mut self, number: u32, rules: &[Arc<str>]) -> (u32, usize) {
        let (head, texts) = self.packed(number);
        let traits = unpacked_head(self.heads.get(head)).and_then(|head| unpacked(&head, texts)).unwrap_or_default();
        self.number_of(&Traits { rules: rules.into(), ..traits })
    }

    /// All traits, by number.
    pub fn unpacked(&self) -> Vec<Arc<Traits>> {
        let heads = self.heads();
        let traits = |number| {
            let (head, texts) = self.packed(number);
            unpacked(heads.get(head as usize)?, texts)
        };
        (0u32..).take(self.len()).map(|number| Arc::new(traits(number).unwrap_or_default())).collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The packed heads and the packed traits, by number.
    pub(super) fn as_packed(&self) -> (impl Iterator<Item = &[u8]>, impl Iterator<Item = &[u8]>) {
        (self.heads.iter(), self.all.iter())
    }

    /// A table of packed heads and traits, if these are sound: those of other numbers are told apart by them.
    pub(super) fn of_packed<'p>(
        heads: impl Iterator<Item = &'p [u8]>,
        all: impl Iterator<Item = &'p [u8]>,
    ) -> Option<Self> {
        let mut table = Self::default();
        for (at, head) in heads.enumerate() {
            unpacked_head(head)?;
            (table.heads.number(head).0 as usize == at).then_some(())?;
        }
        let heads = table.heads();
        for (at, packed) in all.enumerate() {
            let (head, texts) = packed.split_first_chunk()?;
            unpacked(heads.get(u32::from_le_bytes(*head) as usize)?, texts)?;
            (table.all.number(packed).0 as usize == at).then_some(())?;
        }
        Some(table)
    }
}

fn unpacked_head(packed: &[u8]) -> Option<Head> {
    let mut from = Reader(packed);
    let outcome = *Outcome::ALL.get(usize::from(from.byte()?))?;
    let assumed = *Assumed::ALL.get(usize::from(from.byte()?))?;
    let who = from.byte().filter(|flags| flags >> WHO == 0)?;
    let mut texts = || {
        let count = from.number()?;
        (0..count).map(|_| Some(from.text()?.into())).collect::<Option<Vec<Arc<str>>>>()
    };
    let head = Head { outcome, assumed, who, rules: texts()?.into(), fields: texts()? };
    from.0.is_empty().then_some(head)
}

fn unpacked(head: &Head, texts: &[u8]) -> Option<Traits> {
    let mut from = Reader(texts);
    let value = |field: &Arc<str>| Some((Arc::clone(field), from.text()?.into()));
    let values = head.fields.iter().map(value).collect::<Option<_>>()?;
    let mut who = [const { None }; WHO];
    for (_, text) in who.iter_mut().enumerate().filter(|(at, _)| head.who >> at & 1 == 1) {
        *text = Some(from.text()?.into());
    }
    let Head { outcome, assumed, .. } = *head;
    let traits = Traits { rules: Arc::clone(&head.rules), values, outcome, assumed, subject: Subject::of_who(who) };
    from.0.is_empty().then_some(traits)
}

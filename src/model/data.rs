//! Kinds of data, what in a record tells them, and how much of each was touched.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::observation::ObservationKey;
use super::partial::pairs;
use super::time::{Instant, Span};

/// A kind of data that has a name of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Category {
    /// Name in output and in a catalogue.
    pub name: &'static str,
    /// Whether it is a special category of personal data under article 9 of the UK GDPR, or as a rule holds such data.
    pub special: bool,
    /// What it is, for people.
    pub means: &'static str,
}

const fn category(name: &'static str, special: bool, means: &'static str) -> Category {
    Category { name, special, means }
}

/// All kinds of data with a name of their own; a catalogue may name others.
pub const CATEGORIES: &[Category] = &[
    category("special_category_health", true, "health and adult social care"),
    category("social_care_children", true, "children's social care and safeguarding"),
    category("ni_numbers", false, "National Insurance numbers"),
    category("bank_details", false, "bank accounts and direct debits"),
    category("payment_card", false, "payment card numbers"),
    category("credentials", false, "passwords and their hashes"),
    category("secrets_keys", false, "private keys, access keys and tokens"),
    category("housing_records", false, "tenancies, rent and homelessness"),
    category("benefits", false, "benefit claims"),
    category("council_tax", false, "council tax accounts"),
    category("hr_payroll", false, "staff and pay"),
    category("planning_documents", false, "planning applications"),
    category("call_recordings", false, "recordings of calls and voice mail"),
    category("email_content", false, "content of mailboxes"),
    category("personal_contact", false, "names, addresses, telephone numbers, dates of birth"),
    category("identity_documents", false, "passports and driving licences"),
    category("tax_references", false, "Unique Taxpayer References"),
];

/// Kinds of which one is lost as soon as it is handed over, however small it is.
pub const SECRET: &[&str] = &["credentials", "secrets_keys"];

/// The kind of data of this name.
pub fn named(name: &str) -> Option<&'static Category> {
    CATEGORIES.iter().find(|category| category.name == name)
}

/// How well a kind of data is known, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The user's catalogue names the object.
    Catalogue,
    /// A value of that kind stands in the record.
    Detected,
    /// A rule says that such data was read.
    Rule,
    /// The name of the object sounds like it.
    Hint,
}

/// What tells a kind of data.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sign {
    /// How well it is known. First, so that what is known best is kept where there is too much.
    pub basis: Basis,
    /// The kind of data.
    pub category: Box<str>,
    /// Whether it is a special category of personal data.
    pub special: bool,
    /// The title of the catalogue's entry, what the value is, or the word that the name holds. Never a value itself.
    pub told_by: Box<str>,
    /// How many records the catalogue says that the object holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
    /// Whose data the catalogue says that it is: `tenants`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subjects: Option<Box<str>>,
}

/// Data that one record shows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Datum {
    /// What tells it.
    pub sign: Arc<Sign>,
    /// The object or value, by [`digest`].
    pub object: u64,
}

/// What objects and values are told apart by: 64 bits of BLAKE3. Whoever has the state of a case could find a short value
/// from it by trying all, so that the state is as sensitive as the evidence; other files of a case hold none.
pub fn digest(text: &str) -> u64 {
    let hash = blake3::hash(text.as_bytes());
    let (head, _) = hash.as_bytes().split_first_chunk().expect("a hash has 32 bytes");
    u64::from_le_bytes(*head)
}

/// Distinct objects kept of one kind of data in one conversation; of more, so many are known.
pub const OBJECTS_KEPT: usize = 256;
/// Pairs of sign and conversation kept of one source; above it the first stay, hints last.
pub const TOUCHES_KEPT: usize = 8192;

/// How much of one kind of data was touched. All of it merges by sum, minimum, maximum or bottom-k.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Touch {
    /// Records that show it.
    pub records: u64,
    /// First and last time; `None` where none has one.
    pub span: Option<Span>,
    /// The smallest digests of what was touched, sorted.
    pub objects: Vec<u64>,
    /// Whether there were more than [`OBJECTS_KEPT`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

impl Touch {
    /// One object in one record.
    pub fn of(object: u64, time: Option<Instant>) -> Self {
        Self { records: 1, span: time.map(Span::at), objects: vec![object], cut: false }
    }

    /// What of it was touched from an instant on; `None` where it ended before or has no time.
    pub fn since(&self, begin: Instant) -> Option<Later<'_>> {
        let span = self.span.filter(|span| span.last >= begin)?;
        let is_one = self.objects.len() == 1 && !self.cut;
        Some(if span.first >= begin || is_one { Later::All(self) } else { Later::OneOf(self) })
    }

    /// Adds another one.
    pub fn join(&mut self, other: &Self) {
        self.records = self.records.saturating_add(other.records);
        self.span = Span::join_opt(self.span, other.span);
        self.cut |= other.cut;
        for object in &other.objects {
            if let Err(at) = self.objects.binary_search(object) {
                self.objects.insert(at, *object);
            }
        }
        self.cut |= self.objects.len() > OBJECTS_KEPT;
        self.objects.truncate(OBJECTS_KEPT);
    }
}

/// How much of a [`Touch`] is of an instant or later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Later<'t> {
    /// All of its objects.
    All(&'t Touch),
    /// One of its objects at least; which is not known.
    OneOf(&'t Touch),
}

/// What the conversations of one source touched.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Touched {
    /// By sign and conversation.
    #[serde(with = "pairs")]
    pub kept: BTreeMap<(Arc<Sign>, ObservationKey), Touch>,
    /// Records of those above [`TOUCHES_KEPT`].
    #[serde(default)]
    pub rest: u64,
}

impl Touched {
    /// Whether nothing was touched.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.rest == 0
    }

    /// Adds what a record or another part of the source shows.
    pub fn add(&mut self, key: (Arc<Sign>, ObservationKey), touch: &Touch) {
        self.kept.entry(key).or_default().join(touch);
        self.cut();
    }

    /// Joins another part of the source. Commutes: what is among the first of all is among the first of each part.
    pub fn join(&mut self, other: Self) {
        self.rest = self.rest.saturating_add(other.rest);
        for (key, touch) in other.kept {
            self.kept.entry(key).or_default().join(&touch);
        }
        self.cut();
    }

    fn cut(&mut self) {
        while self.kept.len() > TOUCHES_KEPT {
            let cut = self.kept.pop_last();
            self.rest = self.rest.saturating_add(cut.map_or(0, |(_, touch)| touch.records));
        }
    }
}

/// What a transfer shows of data, by sign.
pub type Shown = BTreeMap<Arc<Sign>, Touch>;

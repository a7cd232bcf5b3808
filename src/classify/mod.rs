//! What kinds of data a record shows: by the user's catalogue, by values, by names that are a hint.

mod catalogue;
mod lexicon;
mod mask;
mod objects;
mod secrets;
mod values;

use std::cell::LazyCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::Result;
use crate::model::atoms::Atoms;
use crate::model::catalogue::{Catalogue, Holding};
use crate::model::data::{self, Basis, Datum, Sign};
use crate::model::fields::{Canon, Fields};

use catalogue::Holdings;
use lexicon::Lexicon;
use values::{DETECTORS, Passage};

pub use mask::masked;

/// So much of the name of a field is looked at.
const NAME_BYTES: usize = 128;
/// Data kept of one record; of more, the first in order.
const DATA_KEPT: usize = 32;

/// Fields in which people, tools and machines are named all day: who acts is not what was touched.
const NOT_CONTENT: &[Canon] = &[
    Canon::UserName,
    Canon::UserDomain,
    Canon::TargetUserName,
    Canon::UserAgent,
    Canon::EmailFrom,
    Canon::EmailTo,
    Canon::SourceIp,
    Canon::SourceDomain,
    Canon::DestinationIp,
    Canon::DestinationDomain,
    Canon::HostName,
    Canon::FileHash,
    Canon::DnsQuestion,
    Canon::CloudAccountId,
];
/// Fields of free text.
const PROSE: &[Canon] = &[Canon::Message];
/// Names of fields without a canonical one that say who acts, by the word that they hold.
const ACTORS: &[&str] =
    &["accesskeyid", "principal", "useridentity", "userid", "upn", "actor", "username", "account", "email"];

/// Parts of the names of actions that set where mail goes: whom they name gets it, and is nobody whose data was touched.
const MAIL_SETTINGS: &[&str] = &["inboxrule", "transportrule", "set-mailbox", "forwarding"];

/// Knows the kinds of data of records.
pub struct Classifier {
    holdings: Holdings,
    lexicon: Lexicon,
    /// Signs of values, as [`DETECTORS`] are ordered.
    detected: Vec<Arc<Sign>>,
    /// Signs of hints, as the lexicon is ordered.
    hinted: Vec<Arc<Sign>>,
    /// The sign of secrets that a store of such gave.
    secret: Arc<Sign>,
    /// The sign of parameters that may be such.
    parameter: Arc<Sign>,
    atoms: Atoms,
    /// As the literals are ordered.
    looks: Vec<Look>,
}

/// What a record is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Look {
    /// Its objects, by their names.
    Names,
    /// These, and the values in its fields.
    Values,
}

impl Classifier {
    /// Compiles a catalogue and the built-in lexicon.
    ///
    /// # Errors
    /// An entry of the catalogue cannot be used.
    pub fn new(catalogue: &Catalogue) -> Result<Self> {
        let holdings = Holdings::new(catalogue)?;
        let (literals, looks): (Vec<_>, Vec<_>) = literals(&holdings).into_iter().unzip();
        Ok(Self {
            detected: DETECTORS
                .iter()
                .map(|detector| sign(Basis::Detected, detector.category, detector.what))
                .collect(),
            hinted: (0..Lexicon::len())
                .map(Lexicon::hint)
                .map(|hint| sign(Basis::Hint, hint.category, hint.word))
                .collect(),
            secret: sign(Basis::Detected, "credentials", "secret of a store of secrets"),
            parameter: sign(Basis::Hint, "credentials", "parameter whose type, text or secret, is not logged"),
            lexicon: Lexicon::new(),
            holdings,
            atoms: Atoms { rules: vec![Vec::new(); literals.len()], literals, always: Vec::new() },
            looks,
        })
    }

    /// Literals of which a record holds one where its objects are of the catalogue or give a hint, or where a telling name
    /// stands beside a value.
    pub fn atoms(&self) -> &Atoms {
        &self.atoms
    }

    /// What a record that holds this literal of [`atoms`](Self::atoms) is to be asked for.
    pub fn look(&self, literal: u32) -> Look {
        self.looks.get(literal as usize).copied().unwrap_or(Look::Values)
    }

    /// The data that a record shows, sorted, as far as it is asked for. An object that the catalogue names gives no hint.
    pub fn data(&self, fields: &Fields<'_>, look: Look) -> Vec<Datum> {
        let mut all = Vec::new();
        let objects = objects::of(fields);
        for object in &objects {
            let from = all.len();
            let digest = LazyCell::new(|| data::digest(objects::whole(object, &objects)));
            let named = self.holdings.signs(object);
            all.extend(named.map(|sign| Datum { sign: Arc::clone(sign), object: *digest }));
            if all.len() == from {
                let hints = self.lexicon.hints(object);
                all.extend(
                    hints.iter().map(|hint| Datum { sign: Arc::clone(&self.hinted[hint.number]), object: *digest }),
                );
            }
        }
        if let Some((name, is_known)) = secrets::given(fields) {
            let sign = if is_known { &self.secret } else { &self.parameter };
            all.push(Datum { sign: Arc::clone(sign), object: data::digest(&name) });
        }
        if look == Look::Values {
            self.values(fields, &mut all);
        }
        all.sort();
        all.dedup();
        all.truncate(DATA_KEPT);
        all
    }

    /// Whether the object that the first line of a request asks for may be named after data; where it may not, [`data`](Self::data) finds
    /// nothing by names in its record.
    ///
    /// PERF: most pages that hold a literal are told so without a parse.
    pub fn may_be_named(&self, request: &[u8]) -> bool {
        if !self.holdings.is_empty() {
            return true;
        }
        let Some(path) = objects::page(request) else { return true };
        lexicon::may_be_hint(path) && !self.lexicon.hints(&objects::of_page(path)).is_empty()
    }

    fn values(&self, fields: &Fields<'_>, all: &mut Vec<Datum>) {
        if sets_mail(fields) {
            return;
        }
        for field in fields.iter().filter(|field| field.canon.is_none_or(|canon| !NOT_CONTENT.contains(&canon))) {
            let (name, value) = (fields.bytes(field.name), fields.bytes(field.value));
            // A name is told by its end.
            let name = &name[name.len().saturating_sub(NAME_BYTES)..];
            let prose = field.canon.is_some_and(|canon| PROSE.contains(&canon));
            let is_url = matches!(
                field.canon,
                Some(Canon::UrlFull | Canon::UrlOriginal | Canon::UrlQuery | Canon::UrlPath | Canon::HttpReferrer)
            );
            if !is_url && !values::may_hold(name, value, prose) {
                continue;
            }
            let name = String::from_utf8_lossy(name).into_owned();
            if field.canon.is_none() && is_of_actor(&name) {
                continue;
            }
            let text = String::from_utf8_lossy(value);
            let text = if is_url { objects::decoded(&text, true) } else { text };
            for (number, value) in values::of(&Passage { name: &name, text: &text }, prose) {
                all.push(Datum { sign: Arc::clone(&self.detected[number]), object: data::digest(&value) });
            }
        }
    }
}

/// The literals in names and beside values, with what a record that holds one is asked for.
fn literals(holdings: &Holdings) -> BTreeMap<Box<[u8]>, Look> {
    let mut all: BTreeMap<Box<[u8]>, Look> = BTreeMap::new();
    let mut add = |literal: &str, look: Look| {
        let kept = all.entry(literal.to_ascii_lowercase().into_bytes().into()).or_insert(look);
        *kept = look.max(*kept);
    };
    Lexicon::literals().for_each(|literal| add(&literal, Look::Names));
    secrets::CALLS.iter().for_each(|literal| add(literal, Look::Names));
    holdings.literals().for_each(|literal| add(literal, Look::Names));
    values::TELLING.iter().for_each(|literal| add(literal, Look::Values));
    all
}

/// What values are known, and of which kind of data each is.
pub fn values() -> impl Iterator<Item = (&'static str, &'static str)> {
    DETECTORS.iter().map(|detector| (detector.what, detector.category))
}

/// Whether an entry of a catalogue is of a special category of personal data.
pub fn is_special(entry: &Holding) -> bool {
    let known = || data::named(&entry.category).is_some_and(|category| category.special);
    entry.special_category.unwrap_or_else(known)
}

fn is_of_actor(name: &str) -> bool {
    let name = name.to_lowercase();
    ACTORS.iter().any(|actor| name.contains(actor))
}

/// Whether a record tells how mail is passed on.
fn sets_mail(fields: &Fields<'_>) -> bool {
    let Some(action) = fields.get(Canon::EventAction) else { return false };
    let action = String::from_utf8_lossy(action).to_ascii_lowercase();
    MAIL_SETTINGS.iter().any(|part| action.contains(part))
}

/// The sign of a kind of data that has a name of its own.
fn sign(basis: Basis, category: &str, told_by: &str) -> Arc<Sign> {
    let special = data::named(category).is_some_and(|category| category.special);
    Arc::new(Sign { category: category.into(), special, basis, told_by: told_by.into(), records: None, subjects: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fields::Kind;

    fn told(fields: &[(Option<Canon>, &'static str, &'static str)]) -> Vec<String> {
        let mut record = Fields::default();
        for (canon, name, value) in fields {
            record.push(*canon, name.as_bytes(), value.as_bytes(), Kind::Str);
        }
        let data = Classifier::new(&Catalogue::default()).unwrap().data(&record, Look::Values);
        data.iter().map(|datum| datum.sign.told_by.to_string()).collect()
    }

    #[test]
    fn values_are_looked_for_in_content_and_not_in_who_acts() {
        let query = "nhs_number=9434765919&mail=jane%40x.example";
        assert_eq!(told(&[(Some(Canon::UrlQuery), "query", query)]), ["e-mail address", "NHS number"]);
        assert_eq!(told(&[(None, "patient.nhsNumber", "9434765919")]), ["NHS number"]);
        assert_eq!(told(&[(Some(Canon::UserName), "user", "jane@x.example")]), [""; 0]);
        assert_eq!(told(&[(None, "userIdentity.accessKeyId", "AKIAIOSFODNN7EXAMPLE")]), [""; 0]);
        assert_eq!(told(&[(Some(Canon::Message), "message", "mail from jane@x.example")]), [""; 0]);
        let rule = |action| {
            told(&[(Some(Canon::EventAction), "Operation", action), (None, "Parameters.ForwardTo", "jane@x.example")])
        };
        assert_eq!(rule("New-InboxRule"), [""; 0], "whom mail is sent on to");
        assert_eq!(rule("Send"), ["e-mail address"]);
    }
}

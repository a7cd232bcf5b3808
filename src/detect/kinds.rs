//! Which rules may match an event of Windows, by the few fields that tell its kind: channel, number and, where it is there by this
//! name, provider.
//!
//! Logs hold few kinds of events and many of each. Of a kind that is met often it is decided once for every rule whether its log source
//! fits and whether the tests on these fields leave it any way to match; rules that they do not are not evaluated.

use std::collections::HashMap;

use super::Program;
use super::channels::{EVENT_TYPE, is_creation};
use super::eval::value_passes;
use super::item::{Expr, Test};
use super::routing;
use crate::model::fields::{Fields, Kind};
use crate::model::listing::Listing;

/// The fields that tell the kind of an event.
const TELLING: [&str; 3] = ["Channel", "EventID", "Provider_Name"];
/// Kinds that are known at once; with more, all are forgotten.
const MOST_KINDS: usize = 1_024;
/// How often a kind is met before it is worth while to decide it: that takes a look at every rule.
const OFTEN: u8 = 16;
/// Longer values tell no kind.
const LONGEST: usize = 256;

/// The kinds that one thread has met.
#[derive(Debug, Default)]
pub(super) struct Kinds {
    /// The program for which they are.
    program: u64,
    known: HashMap<Vec<u8>, Known>,
    /// The kind of the record at hand.
    key: Vec<u8>,
}

/// What is known of a kind.
#[derive(Debug, Default)]
struct Known {
    /// How often it was met, up to [`OFTEN`].
    met: u8,
    /// A bit for each rule that may match, once it was met often.
    rules: Option<Box<[u64]>>,
}

/// What is known of the kind of a record.
#[derive(Clone, Copy)]
pub(super) enum Decided<'k> {
    /// The rules that it leaves, as bits by their numbers.
    Rules(&'k [u64]),
    /// It is met again until it is decided.
    NotYet,
    /// The record does not tell it.
    Never,
}

/// Which of [`TELLING`] a field of rules is, if it is one.
pub(super) fn telling(name: &str) -> Option<u8> {
    (0u8..).zip(TELLING).find(|(_, telling)| *telling == name).map(|(at, _)| at)
}

impl Kinds {
    /// The rules that may match the record, as bits by their numbers; `None` where its kind is not told, or was not
    /// met often so far.
    pub fn rules(&mut self, program: &Program, format: &str, fields: &Fields<'_>) -> Option<&[u64]> {
        if !routing::is_windows(format) || fields.len() > usize::from(u16::MAX) {
            return None;
        }
        let (places, values) = (Places::of(fields.named().map(|(name, ..)| name)), |at: u16| {
            let field = fields.at(at.into()).filter(|field| field.kind != Kind::Null)?;
            Some(fields.bytes(field.value))
        });
        let values = self.tell(places?, values)?;
        if self.program != program.number || self.known.len() > MOST_KINDS {
            self.known.clear();
            self.program = program.number;
        }
        if !self.known.contains_key(&self.key) {
            self.known.insert(self.key.clone(), Known::default());
        }
        let known = self.known.get_mut(&self.key)?;
        if known.met < OFTEN {
            known.met += 1;
            return None;
        }
        Some(known.rules.get_or_insert_with(|| decide(program, format, fields, &values)))
    }

    /// The same of a record that is listed, as far as it was decided for others.
    pub fn decided(&mut self, program: &Program, listing: &impl Listing, telling: Telling) -> Decided<'_> {
        let told = telling.0.and_then(|places| self.tell(places, |at| listing.item(at.into())?.plain()));
        if told.is_none() {
            return Decided::Never;
        }
        let known = self.known.get(&self.key).filter(|_| self.program == program.number);
        known.and_then(|known| known.rules.as_deref()).map_or(Decided::NotYet, Decided::Rules)
    }

    /// Writes the key of the record's kind; gives the values of the telling fields.
    fn tell<'f>(&mut self, places: Places, value: impl Fn(u16) -> Option<&'f [u8]>) -> Option<Told<'f>> {
        let created = places.created.map_or(Some(0), |at| value(at).map(|value| 1 + u8::from(is_creation(value))))?;
        let provider = places.provider.map(|at| value(at).ok_or(())).transpose().ok()?;
        let told = [Some(value(places.channel)?), Some(value(places.id)?), provider];
        self.key.clear();
        self.key.push(created);
        for value in told {
            let Some(value) = value else {
                self.key.extend_from_slice(&u16::MAX.to_le_bytes());
                continue;
            };
            if value.len() > LONGEST {
                return None;
            }
            self.key.extend_from_slice(&(value.len() as u16).to_le_bytes());
            self.key.extend_from_slice(value);
        }
        Some(told)
    }
}

/// The values that tell a kind, as [`TELLING`]; `None` where the record has no such field.
type Told<'f> = [Option<&'f [u8]>; 3];

/// Where the fields of a record stand that tell its kind.
#[derive(Debug, Clone, Copy)]
struct Places {
    channel: u16,
    id: u16,
    /// Exports may leave it out, or call it otherwise.
    provider: Option<u16>,
    /// The first that tells registry events apart.
    created: Option<u16>,
}

impl Places {
    /// `None` where channel or number is missing, or a name is there twice or written in another way.
    fn of<'f>(names: impl Iterator<Item = &'f [u8]>) -> Option<Self> {
        let (mut places, mut created) = ([None; 3], None);
        for (at, name) in (0..=u16::MAX).zip(names).filter(|(_, name)| may_tell(name)) {
            if let Some(of) = TELLING.iter().position(|telling| may_be(name, telling)) {
                if places[of].replace(at).is_some() || name != TELLING[of].as_bytes() {
                    return None;
                }
            } else if created.is_none() && name.eq_ignore_ascii_case(EVENT_TYPE.as_bytes()) {
                created = Some(at);
            }
        }
        let [channel, id, provider] = places;
        Some(Self { channel: channel?, id: id?, provider, created })
    }
}

/// Where the values of a listed record stand that tell its kind, which its names decide.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Telling(Option<Places>);

impl Telling {
    /// That of a record.
    pub fn of(listing: &impl Listing) -> Self {
        // What is no field of the event has no name of one.
        Self(Places::of((0..listing.len()).map(|at| listing.item(at).map_or(&b""[..], |item| item.name))))
    }

    /// Whether the record may be one of Windows' own audit.
    pub fn is_audit(self, listing: &impl Listing) -> bool {
        let channel = self.0.and_then(|places| listing.item(places.channel.into())?.plain());
        channel.is_none_or(|channel| channel.eq_ignore_ascii_case(b"Security"))
    }
}

/// Whether a name begins as one that tells of a kind does.
#[inline]
fn may_tell(name: &[u8]) -> bool {
    matches!(name.first().map(u8::to_ascii_lowercase), Some(b'c' | b'e' | b'p'))
}

/// Whether rules may take a field for the telling one: names that differ in case alone are one, and renderers number those
/// that an event has more than once.
#[inline]
fn may_be(name: &[u8], telling: &str) -> bool {
    let Some((stem, number)) = name.split_at_checked(telling.len()) else { return false };
    matches!(number, [] | [b'_', ..])
        && stem.eq_ignore_ascii_case(telling.as_bytes())
        && number.iter().skip(1).all(u8::is_ascii_digit)
}

/// A bit for each rule that may match records of a kind.
fn decide(program: &Program, format: &str, fields: &Fields<'_>, values: &Told<'_>) -> Box<[u64]> {
    let facts = routing::facts(format, fields);
    let fits: Vec<bool> =
        program.logsources.iter().map(|stated| routing::applies(&program.routing, stated, &facts)).collect();
    let mut bits = vec![0; program.exprs.len().div_ceil(64)];
    for (number, expr) in program.exprs.iter().enumerate() {
        let routed = fits[program.logsource[number] as usize];
        if routed && holds(expr, &program.telling, values) != Some(false) {
            bits[number / 64] |= 1 << (number % 64);
        }
    }
    bits.into()
}

/// What the telling fields alone decide of a search; `None` where it takes others too.
fn holds(expr: &Expr, telling: &[Option<u8>], values: &Told<'_>) -> Option<bool> {
    let any = |parts: &[Expr], wanted: bool| {
        let mut all = Some(!wanted);
        for part in parts {
            match holds(part, telling, values) {
                Some(held) if held == wanted => return Some(wanted),
                Some(_) => {}
                None => all = None,
            }
        }
        all
    };
    match expr {
        Expr::All(parts) => any(parts, false),
        Expr::Any(parts) => any(parts, true),
        Expr::Not(inner) => holds(inner, telling, values).map(|held| !held),
        Expr::Shared(inner) => holds(inner, telling, values),
        Expr::Field(name, test) => {
            let value = (*values.get(usize::from((*telling.get(*name as usize)?)?))?)?;
            match test {
                Test::Null => Some(false),
                Test::Exists(wanted) => Some(*wanted),
                Test::SameAs { .. } => None,
                test => Some(value_passes(test, value)),
            }
        }
        Expr::Keyword(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Routing;

    #[test]
    fn kinds_that_are_seldom_met_are_not_decided_and_not_kept() {
        let rule = "title: t\nlogsource: {product: windows}\ndetection: {s: {EventID: 1}, condition: s}\n";
        let (program, problems) = Program::compile(vec![("t".to_owned(), rule.to_owned())], Routing::Auto);
        assert!(problems.is_empty(), "{problems:?}");
        let mut kinds = Kinds::default();
        let mut meet = |provider: &str| {
            let mut fields = Fields::default();
            for (name, value) in TELLING.into_iter().zip(["Security", "1", provider]) {
                fields.push(None, name.as_bytes(), value.as_bytes(), Kind::Str);
            }
            (kinds.rules(&program, "evtx", &fields).map(<[u64]>::to_vec), kinds.known.len())
        };
        for at in 0..3 * MOST_KINDS {
            let (rules, known) = meet(&at.to_string());
            assert!(rules.is_none() && known <= MOST_KINDS + 1, "{known}");
        }
        assert!(TELLING.into_iter().chain([EVENT_TYPE]).all(|name| may_tell(name.as_bytes())));
        assert!((0..OFTEN).all(|_| meet("P").0.is_none()));
        assert_eq!(meet("P").0, Some(vec![1]));
    }
}

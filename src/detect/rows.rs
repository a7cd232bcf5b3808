//! Rules that a listed record does not satisfy, before its fields are read.
//!
//! Most records that hold a literal of a rule do not satisfy it, and that takes a few of their values to tell. Which values are those
//! of a field that rules name follows from the names of a record alone, so it is worked out once for all records with the same row of
//! names. What names do not decide (what has a canonical name, follows from several values, or is written anew by the parser)
//! stays open, and the rule with it.

use hashbrown::HashMap;

use super::Program;
use super::eval::{Name, Scratch, field_passes, is_with_blanks, text_holds, value_passes, whole_of};
use super::grams::Tables;
use super::item::{Expr, Test};
use super::kinds::{Decided, Telling};
use super::routing::{self, Lift};
use crate::model::fields::{Canon, Kind};
use crate::model::listing::Listing;

/// Rows that are known at once; with more, all are forgotten.
const MOST_ROWS: usize = 512;
/// A record of more values is not looked at.
const MOST_VALUES: usize = 4_096;

/// The rows of names that one thread has met.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// The program, and the giver of numbers, for which they are.
    of: (u64, u64),
    /// By the numbers of their names: which of all rows.
    known: HashMap<Box<[u32]>, u32>,
    rows: Vec<Row>,
    /// By log source: whether it fits; `None` where each record tells for itself.
    fits: Option<Box<[bool]>>,
    /// The numbers of the record at hand.
    key: Vec<u32>,
    plain: Plain,
}

/// What is known of records with a row of names.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// By name of rules: where its values stand in `at`.
    places: Vec<Places>,
    at: Vec<u16>,
    /// Where the values stand that tell the kind of an event of Windows.
    pub(super) telling: Telling,
}

/// Where the values of a name stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Places {
    /// Nobody asked so far.
    #[default]
    Unasked,
    /// The names do not tell.
    Open,
    /// So many places of the row, from one on.
    Told(u32, u16),
}

/// Values of the record at hand without their escapes.
#[derive(Debug, Default)]
struct Plain {
    turn: u32,
    text: Vec<u8>,
    /// By value: the turn, and where it lies in the text.
    at: Vec<(u32, u32, u32)>,
}

impl Plain {
    fn of(&mut self, turn: u32, at: usize, listing: &impl Listing, written: &[u8]) -> &[u8] {
        if self.turn != turn {
            self.turn = turn;
            self.text.clear();
        }
        if self.at.len() <= at {
            self.at.resize(at + 1, (0, 0, 0));
        }
        if self.at[at].0 != turn {
            let from = self.text.len() as u32;
            listing.unescape(written, &mut self.text);
            self.at[at] = (turn, from, self.text.len() as u32);
        }
        let (_, from, to) = self.at[at];
        &self.text[from as usize..to as usize]
    }
}

impl Rows {
    /// The row of a record; `None` where it has too many values.
    pub fn find(&mut self, program: &Program, format: &str, listing: &impl Listing) -> Option<usize> {
        if listing.len() > MOST_VALUES {
            return None;
        }
        let of = (program.number, listing.giver());
        if self.of != of || self.rows.len() > MOST_ROWS {
            self.known.clear();
            self.rows.clear();
            self.of = of;
            let facts = routing::of_all(format);
            let applies = |facts| {
                program.logsources.iter().map(|stated| routing::applies(&program.routing, stated, facts)).collect()
            };
            self.fits = facts.as_ref().map(applies);
        }
        self.key.clear();
        listing.names(&mut self.key);
        if let Some(known) = self.known.get(&*self.key) {
            return Some(*known as usize);
        }
        let telling = if routing::is_windows(format) { Telling::of(listing) } else { Telling::default() };
        self.known.insert(self.key.as_slice().into(), self.rows.len() as u32);
        self.rows.push(Row { places: vec![Places::Unasked; program.names.len()], at: Vec::new(), telling });
        Some(self.rows.len() - 1)
    }

    /// A row that was found.
    pub fn row(&self, number: usize) -> &Row {
        &self.rows[number]
    }

    /// Takes those off the candidates that a record of a row does not satisfy, as far as its values tell; whether it is sure to
    /// satisfy the others. `turn`: no other record has it. `routed`: the log sources of the candidates fit.
    pub fn sieve<L: Listing>(
        &mut self,
        program: &Program,
        (listing, number): (&L, usize),
        (windows, routed): (bool, bool),
        candidates: &mut Vec<u32>,
        (tables, turn): (&mut Tables, u32),
    ) -> bool {
        let row = &mut self.rows[number];
        let audited = windows && row.telling.is_audit(listing);
        let mut sieve = Sieve { program, listing, windows, audited, row, plain: &mut self.plain, tables, turn };
        let (mut sure, fits) = (routed || self.fits.is_some(), self.fits.as_deref());
        candidates.retain(|rule| {
            let rule = *rule as usize;
            let (Some(expr), Some(source)) = (program.exprs.get(rule), program.logsource.get(rule)) else {
                return false;
            };
            if fits.is_some_and(|fits| !fits[*source as usize]) {
                return false;
            }
            let held = sieve.holds(expr);
            sure &= held.is_some();
            held != Some(false)
        });
        sure && !candidates.is_empty()
    }
}

/// One listed record with what holding rules against it needs.
struct Sieve<'s, L> {
    program: &'s Program,
    listing: &'s L,
    /// Whether it is an event of Windows.
    windows: bool,
    /// Whether it is one of which the parser writes some fields anew.
    audited: bool,
    row: &'s mut Row,
    plain: &'s mut Plain,
    tables: &'s mut Tables,
    turn: u32,
}

impl<L: Listing> Sieve<'_, L> {
    /// Whether the record satisfies a search; `None` where that is open.
    fn holds(&mut self, expr: &Expr) -> Option<bool> {
        match expr {
            Expr::All(parts) => self.any(parts, false),
            Expr::Any(parts) => self.any(parts, true),
            Expr::Not(inner) => self.holds(inner).map(|held| !held),
            Expr::Shared(inner) => self.holds(inner),
            Expr::Field(name, test) => self.field(*name, test),
            Expr::Keyword(test) => self.keyword(test),
        }
    }

    /// `wanted` where one of the parts is, the opposite where none is, `None` where one may be.
    fn any(&mut self, parts: &[Expr], wanted: bool) -> Option<bool> {
        let mut all = Some(!wanted);
        for part in parts {
            match self.holds(part) {
                Some(held) if held == wanted => return Some(wanted),
                Some(_) => {}
                None => all = None,
            }
        }
        all
    }

    fn field(&mut self, name: u32, test: &Test) -> Option<bool> {
        if matches!(test, Test::SameAs { .. }) {
            return None;
        }
        let (from, count) = self.places(name)?;
        match test {
            Test::Exists(wanted) => return Some((count == 0) != *wanted),
            Test::Null if count == 0 => return Some(true),
            _ => {}
        }
        for place in from..from + u32::from(count) {
            let at = self.row.at[place as usize];
            let item = self.listing.item(usize::from(at))?;
            match (test, item.kind) {
                (Test::Null, Kind::Null) => return Some(true),
                (Test::Null, _) | (_, Kind::Null) => continue,
                _ => {}
            }
            let value = match item.escaped {
                true => self.plain.of(self.turn, usize::from(at), self.listing, item.written),
                false => item.written,
            };
            let whole = || whole_of(item.kind, value).is_some_and(|number| value_passes(test, number));
            if field_passes(test, at.into(), value, (self.turn, &mut *self.tables)) || whole() {
                return Some(true);
            }
        }
        Some(false)
    }

    /// Other fields than those of values may hold a keyword too.
    fn keyword(&mut self, test: &Test) -> Option<bool> {
        let mut items = (0..self.listing.len()).filter_map(|at| self.listing.item(at));
        items.any(|item| item.plain().is_some_and(|value| text_holds(test, value))).then_some(true)
    }

    /// Where the values of a name stand; `None` where the names do not tell.
    fn places(&mut self, name: u32) -> Option<(u32, u16)> {
        let of = self.program.names.get(name as usize)?;
        let place = self.row.places.get(name as usize)?;
        if self.audited && of.is_audited() {
            return None;
        }
        let place = match *place {
            Places::Unasked => self.look(name as usize, of),
            known => known,
        };
        match place {
            Places::Told(from, count) => Some((from, count)),
            _ => None,
        }
    }

    /// Works out where the values of a name stand, as [`Record::resolve`](super::eval::Record) does with fields.
    fn look(&mut self, number: usize, name: &Name) -> Places {
        let from = self.row.at.len() as u32;
        let told = self.resolve(name);
        let count = self.row.at.len() as u32 - from;
        let place = match told {
            Some(()) => Places::Told(from, count as u16),
            None => Places::Open,
        };
        self.row.places[number] = place;
        place
    }

    fn resolve(&mut self, name: &Name) -> Option<()> {
        let raw = name.text().as_bytes();
        if name.is_derived() || self.may_be_another(raw) {
            return None;
        }
        if self.add(|shown| shown == raw) {
            return Some(());
        }
        let windows = self.windows;
        if self.add(|shown| shown.eq_ignore_ascii_case(raw) || windows && is_with_blanks(shown, raw)) {
            return Some(());
        }
        for alias in name.aliases() {
            if let Some(canon) = Canon::from_name(alias) {
                if self.listing.may_give(canon) {
                    return None;
                }
                continue;
            }
            if self.may_be_another(alias.as_bytes()) {
                return None;
            }
            if self.add(|shown| shown.eq_ignore_ascii_case(alias.as_bytes())) {
                return Some(());
            }
        }
        Some(())
    }

    /// Whether a field that is none of the values may have this name, or one of the values may lose it.
    fn may_be_another(&self, name: &[u8]) -> bool {
        let is = |shown: &[u8]| shown.eq_ignore_ascii_case(name) || is_with_blanks(shown, name);
        let is_numbered = |shown: &[u8]| {
            let digits = shown.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
            let stem = shown.len().checked_sub(digits + 1).filter(|end| digits > 0 && shown[*end] == b'_');
            stem.is_some_and(|end| is(&shown[..end]) || is(shown))
        };
        let is_above =
            |shown: &[u8]| shown.get(name.len()) == Some(&b'.') && shown[..name.len()].eq_ignore_ascii_case(name);
        let containers = self.listing.has_containers();
        let listing = self.listing;
        let names = || (0..listing.len()).filter_map(move |at| listing.item(at)).map(|item| item.name);
        Canon::ALL.iter().any(|canon| canon.name().as_bytes().eq_ignore_ascii_case(name))
            || self.windows && names().any(is_numbered)
            || containers && (names().any(is_above) || self.listing.holds_empty(name))
    }

    /// Adds the places of all names that fit to those of the row; whether there is any.
    fn add(&mut self, fits: impl Fn(&[u8]) -> bool) -> bool {
        let before = self.row.at.len();
        let names = (0..self.listing.len()).filter(|at| self.listing.item(*at).is_some_and(|item| fits(item.name)));
        self.row.at.extend(names.map(|at| at as u16));
        self.row.at.len() > before
    }
}

impl Program {
    /// Takes the numbers of rules whose bits are set, ascending; none is set behind it. Those are left out that the kind of the record
    /// rules out, as [`eval`](Self::eval) found it for others of that kind, and those that its values do. Says whether the record is
    /// sure to match the others, which `eval` would find too.
    pub fn left(
        &self,
        format: &str,
        listing: &impl Listing,
        marked: &mut [u64],
        scratch: &mut Scratch,
        out: &mut Vec<u32>,
    ) -> bool {
        let (windows, turn) = (routing::is_windows(format), scratch.begin(self.names.len(), self.logsources.len()));
        let Some(row) = scratch.rows.find(self, format, listing) else {
            take(marked, None, out);
            return false;
        };
        let telling = scratch.rows.row(row).telling;
        let kind = if windows { scratch.kinds.decided(self, listing, telling) } else { Decided::Never };
        take(marked, if let Decided::Rules(may) = kind { Some(may) } else { None }, out);
        // A kind is decided by records that are read.
        let (waits, routed) = (matches!(kind, Decided::NotYet), matches!(kind, Decided::Rules(_)));
        if waits || out.is_empty() || Lift::of(format) != Lift::None || routing::is_unstructured(format) {
            return false;
        }
        scratch.rows.sieve(self, (listing, row), (windows, routed), out, (&mut scratch.tables, turn))
    }
}

/// Takes the numbers whose bits are set, ascending; none is set behind it.
pub fn take_all(marked: &mut [u64], out: &mut Vec<u32>) {
    take(marked, None, out);
}

/// Takes the numbers whose bits are set, but for those that `may` rules out.
fn take(marked: &mut [u64], may: Option<&[u64]>, out: &mut Vec<u32>) {
    for (word, bits) in (0u32..).zip(marked) {
        if let Some(may) = may {
            *bits &= may.get(word as usize).copied().unwrap_or_default();
        }
        while *bits != 0 {
            out.push(word * 64 + bits.trailing_zeros());
            *bits &= *bits - 1;
        }
    }
}

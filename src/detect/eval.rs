//! Does a record satisfy a rule?

use std::net::IpAddr;

use ipnet::IpNet;

use super::derived::{self, Derived};
use super::grams::Tables;
use super::item::{Expr, Part, Test, Unit};
use super::kinds::Kinds;
use super::pattern::same;
use super::routing::{self, Lift};
use super::rows::Rows;
use crate::model::fields::{Canon, Field, Fields, Kind};

/// A field name of a rule with the other names under which a log may hold it.
pub(super) struct Name {
    raw: Box<str>,
    aliases: &'static [&'static str],
    canon: Option<Canon>,
    derived: Option<Derived>,
    /// Whether events of Windows' own audit are given a field of this name.
    audited: bool,
}

impl Name {
    pub(super) fn new(name: &str) -> Self {
        Self {
            raw: name.into(),
            aliases: routing::aliases(name),
            canon: Canon::from_name(name),
            derived: derived::of(name),
            audited: routing::is_audited(name),
        }
    }

    /// Other names that are tried where a record has no such field.
    pub(super) fn aliases(&self) -> &'static [&'static str] {
        self.aliases
    }

    /// Whether its values may follow from other fields.
    pub(super) fn is_derived(&self) -> bool {
        self.derived.is_some()
    }

    /// Whether events of Windows' own audit are given a field of this name, or have its value written anew.
    pub(super) fn is_audited(&self) -> bool {
        self.audited
    }

    /// The name as rules have it.
    pub(super) fn text(&self) -> &str {
        &self.raw
    }
}

/// Buffers of one thread. Field names are resolved once per record, log sources once per record.
#[derive(Debug, Default)]
pub struct Scratch {
    turn: u32,
    /// By name: the turn in which `found` was filled.
    resolved: Vec<(u32, Vec<u32>)>,
    /// By log source: the turn, and whether it fits.
    routed: Vec<(u32, bool)>,
    /// What is known of kinds of events.
    pub(super) kinds: Kinds,
    /// What is known of names of listed records.
    pub(super) rows: Rows,
    /// What long values hold.
    pub(super) tables: Tables,
}

impl Scratch {
    /// Begins a new record, or looks at one anew; gives the turn that this is.
    pub(super) fn begin(&mut self, names: usize, logsources: usize) -> u32 {
        self.turn = self.turn.wrapping_add(1);
        if self.turn == 0 || self.resolved.len() != names || self.routed.len() != logsources {
            self.turn = 1;
            self.resolved.iter_mut().for_each(|(turn, _)| *turn = 0);
            self.resolved.resize_with(names, Default::default);
            self.routed.clear();
            self.routed.resize(logsources, (0, false));
            self.tables.forget();
            self.rows = Rows::default();
        }
        self.turn
    }

    pub(super) fn routed(&mut self, at: usize, decide: impl FnOnce() -> bool) -> bool {
        let (turn, fits) = &mut self.routed[at];
        if *turn != self.turn {
            *turn = self.turn;
            *fits = decide();
        }
        *fits
    }
}

/// One parsed record with what evaluating needs.
pub(super) struct Record<'a, 'b> {
    pub fields: &'a Fields<'b>,
    pub text: &'a [u8],
    /// Keywords look at the whole text rather than at each value.
    pub raw_keywords: bool,
    /// Names of fields may hold blanks that rules leave out.
    pub blanks_in_names: bool,
    /// Where fields may lie deeper than rules name them.
    pub lift: Lift,
    pub names: &'a [Name],
}

impl<'a, 'b> Record<'a, 'b> {
    pub(super) fn holds(&self, expr: &Expr, scratch: &mut Scratch) -> bool {
        match expr {
            Expr::All(parts) => parts.iter().all(|part| self.holds(part, scratch)),
            Expr::Any(parts) => parts.iter().any(|part| self.holds(part, scratch)),
            Expr::Not(inner) => !self.holds(inner, scratch),
            Expr::Shared(inner) => self.holds(inner, scratch),
            Expr::Field(name, test) => self.field(*name, test, scratch),
            Expr::Keyword(test) => self.keyword(test),
        }
    }

    fn field(&self, name: u32, test: &Test, scratch: &mut Scratch) -> bool {
        let found = self.take(name, scratch);
        let derived = self.derived(name);
        let hit = match test {
            Test::Null => {
                found.is_empty() && derived.is_none() || self.values(&found).any(|field| field.kind == Kind::Null)
            }
            Test::Exists(wanted) => (found.is_empty() && derived.is_none()) != *wanted,
            Test::SameAs { field: other, part, cased } => {
                let others = self.take(*other, scratch);
                let hit = self.values(&found).filter(|f| f.kind != Kind::Null).any(|mine| {
                    self.values(&others).filter(|f| f.kind != Kind::Null).any(|theirs| {
                        compared(self.fields.bytes(mine.value), self.fields.bytes(theirs.value), *part, *cased)
                    })
                });
                Self::give(*other, others, scratch);
                hit
            }
            test if derived.is_some_and(|value| value_passes(test, value)) => true,
            test => found.iter().any(|&at| {
                let Some(field) = self.fields.at(at as usize).filter(|field| field.kind != Kind::Null) else {
                    return false;
                };
                let value = self.fields.bytes(field.value);
                let whole = || whole_of(field.kind, value).is_some_and(|number| value_passes(test, number));
                field_passes(test, at, value, (scratch.turn, &mut scratch.tables)) || whole()
            }),
        };
        Self::give(name, found, scratch);
        hit
    }

    /// Each value of a name that is not null.
    pub(super) fn each_value(&self, name: u32, scratch: &mut Scratch, see: &mut dyn FnMut(&'a [u8])) {
        let (found, fields) = (self.take(name, scratch), self.fields);
        self.values(&found).filter(|f| f.kind != Kind::Null).for_each(|field| see(fields.bytes(field.value)));
        self.derived(name).into_iter().for_each(&mut *see);
        Self::give(name, found, scratch);
    }

    /// The value of a name that follows from other fields.
    fn derived(&self, name: u32) -> Option<&'a [u8]> {
        self.names.get(name as usize)?.derived?.value(self.fields)
    }

    /// Fields of a name, taken out of the scratch so that another name can be resolved meanwhile.
    fn take(&self, name: u32, scratch: &mut Scratch) -> Vec<u32> {
        let Some((turn, found)) = scratch.resolved.get_mut(name as usize) else { return Vec::new() };
        let mut taken = std::mem::take(found);
        if *turn != scratch.turn {
            *turn = scratch.turn;
            self.resolve(name, &mut taken);
        }
        taken
    }

    fn give(name: u32, found: Vec<u32>, scratch: &mut Scratch) {
        if let Some((_, place)) = scratch.resolved.get_mut(name as usize) {
            *place = found;
        }
    }

    /// Exact name, then ASCII case and maybe blanks ignored, then other names of the same thing, then the canonical field.
    fn resolve(&self, name: u32, found: &mut Vec<u32>) {
        found.clear();
        let Some(name) = self.names.get(name as usize) else { return };
        self.named(found, |field| self.fields.bytes(field.name) == name.raw.as_bytes());
        if found.is_empty() {
            self.named(found, |field| {
                let shown = self.fields.bytes(field.name);
                shown.eq_ignore_ascii_case(name.raw.as_bytes())
                    || self.blanks_in_names && is_with_blanks(shown, name.raw.as_bytes())
            });
        }
        for alias in name.aliases {
            if found.is_empty() {
                let canon = Canon::from_name(alias);
                self.named(found, |field| match canon {
                    Some(_) => field.canon == canon,
                    None => self.fields.bytes(field.name).eq_ignore_ascii_case(alias.as_bytes()),
                });
            }
        }
        if found.is_empty() && name.canon.is_some() {
            self.named(found, |field| field.canon == name.canon);
        }
        match self.lift {
            Lift::None => {}
            Lift::Properties => {
                self.named(found, |field| is_property(self.fields.bytes(field.name), name.raw.as_bytes()));
            }
            Lift::Deep if found.is_empty() => {
                self.named(found, |field| ends_with(self.fields.bytes(field.name), name.raw.as_bytes()));
            }
            Lift::Deep => {}
        }
    }

    fn named(&self, found: &mut Vec<u32>, fits: impl Fn(&Field<'b>) -> bool) {
        found.extend((0u32..).zip(self.fields.iter()).filter(|(_, field)| fits(field)).map(|(at, _)| at));
    }

    fn values<'f>(&'f self, found: &'f [u32]) -> impl Iterator<Item = &'f Field<'b>> {
        found.iter().filter_map(|&at| self.fields.at(at as usize))
    }

    fn keyword(&self, test: &Test) -> bool {
        if self.raw_keywords || self.fields.is_empty() {
            return text_holds(test, self.text);
        }
        self.fields
            .iter()
            .filter(|field| !matches!(field.kind, Kind::Null | Kind::Json))
            .any(|field| text_holds(test, self.fields.bytes(field.value)))
    }
}

/// Whether a log's name is that of a rule in the properties of a record, or that of the value of an object with a text for people
/// beside it; case ignored.
fn is_property(shown: &[u8], name: &[u8]) -> bool {
    let bare = shown.get(..PROPERTIES.len()).filter(|head| head.eq_ignore_ascii_case(PROPERTIES));
    let in_properties = bare.is_some() && shown[PROPERTIES.len()..].eq_ignore_ascii_case(name);
    in_properties || shown.strip_suffix(b".value").is_some_and(|shown| shown.eq_ignore_ascii_case(name))
}

/// Where exports of Azure nest what the record of a product says.
const PROPERTIES: &[u8] = b"properties.";

/// Whether a log's dotted name ends with that of a rule; case ignored.
fn ends_with(shown: &[u8], name: &[u8]) -> bool {
    let at = shown.len().checked_sub(name.len());
    at.is_some_and(|at| at > 0 && shown[at - 1] == b'.' && shown[at..].eq_ignore_ascii_case(name))
}

/// Whether a log's name is that of a rule with blanks in it, which Sigma leaves out; case ignored.
pub(super) fn is_with_blanks(shown: &[u8], name: &[u8]) -> bool {
    shown.len() > name.len()
        && shown.contains(&b' ')
        && shown.iter().filter(|b| **b != b' ').map(u8::to_ascii_lowercase).eq(name.iter().map(u8::to_ascii_lowercase))
}

/// A keyword is looked for anywhere in a text.
pub(super) fn text_holds(test: &Test, text: &[u8]) -> bool {
    match test {
        Test::Text(pattern) => pattern.within(text),
        Test::Words(words) => words.any_in(text),
        Test::Regex(regex) => regex.is_match(text),
        _ => false,
    }
}

/// Whether the value of a field passes a test. Most that it does not pass by far are ruled out by what its values hold.
pub(super) fn field_passes(test: &Test, field: u32, value: &[u8], (turn, tables): (u32, &mut Tables)) -> bool {
    match test {
        Test::Text(pattern) if !pattern.is_at_an_end() => match tables.of(turn, field, value) {
            Some(known) => pattern.matches_known(value, known),
            None => pattern.matches(value),
        },
        // One pass finds any of them.
        Test::Words(words) => {
            let is_long = words.patterns().len() * 4 < value.len();
            let known = tables.of(turn, field, value);
            let may = |known| !is_long || words.patterns().iter().any(|word| word.may_match(known));
            known.is_none_or(may) && words.any_in_known(value, known.and_then(|known| known.lowered))
        }
        test => value_passes(test, value),
    }
}

/// What else a value is looked at as: a number without the zeros that end its fraction.
pub(super) fn whole_of(kind: Kind, value: &[u8]) -> Option<&[u8]> {
    (kind == Kind::Number).then(|| whole(value)).flatten()
}

/// A number without the zeros that end its fraction: what it is in as few digits as possible. `None` where it has none.
fn whole(number: &[u8]) -> Option<&[u8]> {
    let point = memchr::memchr(b'.', number)?;
    let zeros = number.iter().rev().take_while(|byte| **byte == b'0').count();
    let end = number.len() - zeros;
    let is_written_out = number[point + 1..].iter().all(u8::is_ascii_digit);
    (zeros > 0 && is_written_out).then(|| &number[..if end == point + 1 { point } else { end }])
}

/// Whether a value that is not null passes a test on values.
pub(super) fn value_passes(test: &Test, value: &[u8]) -> bool {
    match test {
        Test::Text(pattern) => pattern.matches(value),
        Test::Words(words) => words.any_in(value),
        Test::Anchored(texts) => texts.any_fits(value),
        Test::Regex(regex) => regex.is_match(value),
        Test::Cidr(network) => in_network(network, value),
        Test::Number(order, bound) => {
            let number = std::str::from_utf8(value).ok().and_then(|text| text.trim().parse::<f64>().ok());
            // `inf` and `nan` are words.
            number.is_some_and(|number| number.is_finite() && order.holds(number, *bound))
        }
        Test::Time(unit, order, bound) => time_part(*unit, value).is_some_and(|part| order.holds(part, *bound)),
        Test::Null | Test::Exists(_) | Test::SameAs { .. } => false,
    }
}

fn compared(mine: &[u8], theirs: &[u8], part: Part, cased: bool) -> bool {
    let equal = |a: &[u8], b: &[u8]| if cased { a == b } else { same(a, b) };
    match part {
        Part::Whole => equal(mine, theirs),
        Part::Starts => mine.len() >= theirs.len() && equal(&mine[..theirs.len()], theirs),
        Part::Ends => mine.len() >= theirs.len() && equal(&mine[mine.len() - theirs.len()..], theirs),
        Part::Contains => theirs.is_empty() || mine.windows(theirs.len()).any(|window| equal(window, theirs)),
    }
}

/// Addresses in brackets, with a zone, or IPv4 written inside IPv6 count as what they are.
fn in_network(network: &IpNet, value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else { return false };
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    let bare = bare.split_once('%').map_or(bare, |(address, _)| address);
    bare.parse::<IpAddr>().is_ok_and(|address| network.contains(&address.to_canonical()) || network.contains(&address))
}

/// A part of a written time, without a change of zone.
fn time_part(unit: Unit, value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value).ok()?.trim();
    let civil = civil(text)?;
    Some(match unit {
        Unit::Minute => i64::from(civil.minute()),
        Unit::Hour => i64::from(civil.hour()),
        Unit::Day => i64::from(civil.day()),
        Unit::Week => i64::from(civil.date().iso_week_date().week()),
        Unit::Month => i64::from(civil.month()),
        Unit::Year => i64::from(civil.year()),
    })
}

/// ISO 8601 as written, or an epoch in seconds or milliseconds (UTC), of which a fraction makes no part.
fn civil(text: &str) -> Option<jiff::civil::DateTime> {
    let is_fraction = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_digit());
    let whole = text.split_once('.').map_or(text, |(whole, rest)| if is_fraction(rest) { whole } else { text });
    if let Ok(epoch) = whole.parse::<i64>() {
        let millis = if epoch.abs() < 100_000_000_000 { epoch.checked_mul(1000)? } else { epoch };
        let stamp = jiff::Timestamp::from_millisecond(millis).ok()?;
        return Some(stamp.to_zoned(jiff::tz::TimeZone::UTC).datetime());
    }
    // Without seconds it is shorter.
    let head = text.get(..19).unwrap_or(text).trim_end_matches(['Z', 'z']).replace(' ', "T");
    head.parse().ok().or_else(|| text.parse::<jiff::civil::Date>().ok().map(|d| d.at(0, 0, 0, 0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_take_every_spelling() {
        let network: IpNet = "10.0.0.0/8".parse().unwrap();
        for inside in ["10.5.218.254", "::ffff:10.1.2.3", "[::ffff:10.1.2.3]", " 10.0.0.1 "] {
            assert!(in_network(&network, inside.as_bytes()), "{inside}");
        }
        for outside in ["10.5.218.254~", "11.0.0.1", "10.1.2.3:80", "", "ten"] {
            assert!(!in_network(&network, outside.as_bytes()), "{outside}");
        }
        let v6: IpNet = "fe80::/10".parse().unwrap();
        assert!(in_network(&v6, b"fe80::1%eth0"));
    }

    #[test]
    fn names_have_no_blanks() {
        assert!(is_with_blanks(b"Product Name", b"ProductName") && is_with_blanks(b"a b c", b"AbC"));
        assert!(!is_with_blanks(b"ProductName", b"Product Name") && !is_with_blanks(b"Product Names", b"ProductName"));
    }

    #[test]
    fn numbers_are_compared_without_zeros_at_their_end() {
        for (number, shown) in [("4625.0", "4625"), ("1.50", "1.5"), ("10.00", "10")] {
            assert_eq!(whole(number.as_bytes()), Some(shown.as_bytes()));
        }
        assert_eq!((whole(b"4620"), whole(b"1.5"), whole(b"1.0e10"), whole(b"1.2.0")), (None, None, None, None));
        let above = |text: &str| value_passes(&Test::Number(super::super::item::Order::Gt, 100.0), text.as_bytes());
        assert!(
            above("101") && above("1e5") && !above("infinity") && !above("inf") && !above("nan") && !above("1e999")
        );
    }

    #[test]
    fn parts_of_times() {
        assert_eq!(time_part(Unit::Hour, b"2026-03-28T23:10:04Z"), Some(23));
        assert_eq!(time_part(Unit::Week, b"2026-01-01"), Some(1));
        assert_eq!(time_part(Unit::Year, b"1774739404"), Some(2026));
        assert_eq!(time_part(Unit::Hour, b"1774739404.123456"), Some(23));
        assert_eq!((time_part(Unit::Year, b"soon"), time_part(Unit::Year, b"1774739404.5x")), (None, None));
    }
}

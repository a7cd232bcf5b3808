//! Instants and the assumptions that made them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A UTC instant in microseconds since 1970-01-01T00:00:00Z.
///
/// Written as RFC 3339 with a `Z`, with a fraction only where there is one: `2026-03-28T23:10:04Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(i64);

/// Seconds in an hour, the bin width of coverage and tallies.
pub const HOUR_SECS: i64 = 3600;

impl Instant {
    /// The instant `micros` microseconds after the epoch; `None` outside of the years -9999 to 9999.
    pub fn from_micros(micros: i64) -> Option<Self> {
        jiff::Timestamp::from_microsecond(micros).ok().map(|_| Self(micros))
    }

    /// The instant `secs` seconds after the epoch; `None` where it cannot be represented.
    pub fn from_secs(secs: i64) -> Option<Self> {
        secs.checked_mul(1_000_000).and_then(Self::from_micros)
    }

    /// Microseconds since the epoch.
    pub fn micros(self) -> i64 {
        self.0
    }

    /// Whole hours since the epoch, rounded down.
    pub fn hour(self) -> i64 {
        self.0.div_euclid(HOUR_SECS * 1_000_000)
    }

    /// This instant moved by `secs` seconds, clamped to what can be represented.
    #[must_use]
    pub fn plus_secs(self, secs: i64) -> Self {
        let moved = self.0.saturating_add(secs.saturating_mul(1_000_000));
        Self::from_micros(moved).unwrap_or(self)
    }

    /// Reads an RFC 3339 instant; `None` where the text is anything else.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|t| Self(t.as_microsecond()))
    }
}

impl From<jiff::Timestamp> for Instant {
    fn from(stamp: jiff::Timestamp) -> Self {
        Self(stamp.as_microsecond())
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stamp = jiff::Timestamp::from_microsecond(self.0).expect("an Instant is built from a valid timestamp only");
        write!(out, "{stamp}")
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom(format!("not an RFC 3339 instant: {text:?}")))
    }
}

/// What had to be assumed to turn a written time into an [`Instant`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assumed {
    /// Nothing: the record states date and zone.
    #[default]
    Nothing,
    /// The record has no zone; the zone of `--timezone`, a `[[zone]]` or UTC was used.
    Zone,
    /// The record has no year; it was inferred from the survey.
    Year,
    /// Both zone and year were assumed.
    ZoneAndYear,
}

impl Assumed {
    /// Both assumptions together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        use Assumed::{Nothing, Year, Zone, ZoneAndYear};
        match (self, other) {
            (Nothing, x) | (x, Nothing) => x,
            (Zone, Zone) => Zone,
            (Year, Year) => Year,
            _ => ZoneAndYear,
        }
    }

    /// The word for output; `None` where nothing was assumed.
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Zone => Some("zone"),
            Self::Year => Some("year"),
            Self::ZoneAndYear => Some("zone_and_year"),
        }
    }
}

/// An instant with the assumption that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stamp {
    /// When.
    pub at: Instant,
    /// What was assumed.
    #[serde(default)]
    pub assumed: Assumed,
}

impl Stamp {
    /// A stamp that needed no assumption.
    pub fn certain(at: Instant) -> Self {
        Self { at, assumed: Assumed::Nothing }
    }
}

/// First and last instant of a set; merges by minimum and maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// The earliest instant.
    pub first: Instant,
    /// The latest instant.
    pub last: Instant,
}

impl Span {
    /// The span of one instant.
    pub fn at(at: Instant) -> Self {
        Self { first: at, last: at }
    }

    /// The smallest span that holds both.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        Self { first: self.first.min(other.first), last: self.last.max(other.last) }
    }

    /// Joins spans of which either may be missing.
    pub fn join_opt(a: Option<Self>, b: Option<Self>) -> Option<Self> {
        match (a, b) {
            (Some(a), Some(b)) => Some(a.join(b)),
            (x, None) | (None, x) => x,
        }
    }
}

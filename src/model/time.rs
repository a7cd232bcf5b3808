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

/// The clocks of two logs are taken to agree to this: those that a network keeps do to well below a second, but a record is written up to
/// half a minute behind what it tells of. What must be sure for any two clocks allows for twice as much.
pub const SKEW_SECS: i64 = 60;

/// The years 1 to 9998 in microseconds since the epoch: nobody need be asked whether these can be represented.
const USUAL_MICROS: std::ops::RangeInclusive<i64> = -62_135_596_800_000_000..=253_370_764_799_999_999;

impl Instant {
    /// The instant `micros` microseconds after the epoch; `None` outside of the years -9999 to 9999.
    pub fn from_micros(micros: i64) -> Option<Self> {
        let known = USUAL_MICROS.contains(&micros) || jiff::Timestamp::from_microsecond(micros).is_ok();
        known.then_some(Self(micros))
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

    /// Whole days since the epoch, rounded down.
    pub fn day(self) -> i64 {
        self.0.div_euclid(24 * HOUR_SECS * 1_000_000)
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

/// What a written time needed beside itself to become an [`Instant`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assumed {
    /// Nothing: the record states date and zone.
    #[default]
    Nothing,
    /// The record has no zone, and the user gave it (`--timezone`, `timezone`, `[[zone]]`): known, not assumed.
    ZoneGiven,
    /// The record has no zone and nobody gave one: UTC was assumed.
    Zone,
    /// The record has no year; it was inferred from the survey.
    Year,
    /// The user gave the zone, the year was inferred.
    YearWithZoneGiven,
    /// Both zone and year were assumed.
    ZoneAndYear,
    /// In the zone that the user gave the time comes twice, as clocks were put back, and nothing tells which it is: the first was taken.
    Twice,
    /// Likewise, and the year was inferred.
    YearAndTwice,
    /// In the zone that the user gave there is no such time, as clocks were put forward: the record was written by another clock.
    Never,
    /// Likewise, and the year was inferred.
    YearAndNever,
}

/// How the zone of a stamp is known, the surest ground first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ZoneBy {
    Record,
    User,
    /// By the user, and the time comes twice.
    UserTwice,
    /// By the user, and there is no such time.
    UserNever,
    Nobody,
}

impl Assumed {
    /// All of them, in declaration order.
    pub const ALL: [Self; Self::YearAndNever as usize + 1] = [
        Self::Nothing,
        Self::ZoneGiven,
        Self::Zone,
        Self::Year,
        Self::YearWithZoneGiven,
        Self::ZoneAndYear,
        Self::Twice,
        Self::YearAndTwice,
        Self::Never,
        Self::YearAndNever,
    ];

    fn of(zone: ZoneBy, year: bool) -> Self {
        match (zone, year) {
            (ZoneBy::Record, false) => Self::Nothing,
            (ZoneBy::Record, true) => Self::Year,
            (ZoneBy::User, false) => Self::ZoneGiven,
            (ZoneBy::User, true) => Self::YearWithZoneGiven,
            (ZoneBy::UserTwice, false) => Self::Twice,
            (ZoneBy::UserTwice, true) => Self::YearAndTwice,
            (ZoneBy::UserNever, false) => Self::Never,
            (ZoneBy::UserNever, true) => Self::YearAndNever,
            (ZoneBy::Nobody, false) => Self::Zone,
            (ZoneBy::Nobody, true) => Self::ZoneAndYear,
        }
    }

    fn zone_by(self) -> ZoneBy {
        match self {
            Self::Nothing | Self::Year => ZoneBy::Record,
            Self::ZoneGiven | Self::YearWithZoneGiven => ZoneBy::User,
            Self::Twice | Self::YearAndTwice => ZoneBy::UserTwice,
            Self::Never | Self::YearAndNever => ZoneBy::UserNever,
            Self::Zone | Self::ZoneAndYear => ZoneBy::Nobody,
        }
    }

    /// Both together: the weaker ground of each part.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::of(self.zone_by().max(other.zone_by()), self.year() || other.year())
    }

    /// The same with the zone stated by the record.
    #[must_use]
    pub fn with_zone_stated(self) -> Self {
        Self::of(ZoneBy::Record, self.year())
    }

    /// The same with the year stated by the record.
    #[must_use]
    pub fn with_year_stated(self) -> Self {
        Self::of(self.zone_by(), false)
    }

    /// Whether the zone was assumed: nobody gave one, or the one that was given cannot be that of the record.
    pub fn zone(self) -> bool {
        matches!(self.zone_by(), ZoneBy::Nobody | ZoneBy::UserNever)
    }

    /// Whether the zone is the user's word.
    pub fn zone_given(self) -> bool {
        matches!(self.zone_by(), ZoneBy::User | ZoneBy::UserTwice)
    }

    /// Whether the record states no zone.
    pub fn is_local(self) -> bool {
        self.zone_by() != ZoneBy::Record
    }

    /// Whether the time comes twice in its zone and nothing tells which it is: it may be an hour later.
    pub fn twice(self) -> bool {
        self.zone_by() == ZoneBy::UserTwice
    }

    /// Whether there is no such time in the zone that was given.
    pub fn never(self) -> bool {
        self.zone_by() == ZoneBy::UserNever
    }

    /// Whether the year was inferred.
    pub fn year(self) -> bool {
        matches!(
            self,
            Self::Year | Self::YearWithZoneGiven | Self::ZoneAndYear | Self::YearAndTwice | Self::YearAndNever
        )
    }

    /// The word for output; `None` where nothing was assumed. A zone that the user gave is no assumption.
    pub fn word(self) -> Option<&'static str> {
        match (self.zone(), self.year()) {
            (false, false) => self.twice().then_some("hour"),
            (true, false) => Some("zone"),
            (false, true) => Some("year"),
            (true, true) => Some("zone_and_year"),
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

#[cfg(test)]
mod tests {
    use super::Assumed::{self, Never, Nothing, Twice, Year, YearAndNever, YearWithZoneGiven, Zone, ZoneGiven};
    use super::{Instant, USUAL_MICROS};

    #[test]
    fn usual_instants_are_those_of_the_years_1_to_9998() {
        let ends =
            [*USUAL_MICROS.start(), *USUAL_MICROS.end()].map(|end| Instant::from_micros(end).unwrap().to_string());
        assert_eq!(ends, ["0001-01-01T00:00:00Z", "9998-12-31T23:59:59.999999Z"]);
        assert!(Instant::from_micros(i64::MAX).is_none() && Instant::from_micros(i64::MIN).is_none());
    }

    #[test]
    fn together_the_weaker_ground_counts_and_the_order_does_not() {
        for a in Assumed::ALL {
            assert_eq!(a.and(Nothing), a);
            assert_eq!(a.and(a), a);
            for b in Assumed::ALL {
                assert_eq!(a.and(b), b.and(a));
                assert_eq!((a.and(b).zone(), a.and(b).year()), (a.zone() || b.zone(), a.year() || b.year()));
            }
        }
        assert_eq!(ZoneGiven.and(Year), YearWithZoneGiven);
        assert_eq!(ZoneGiven.and(Zone), Zone, "one of them was assumed");
        assert_eq!(ZoneGiven.and(Twice), Twice, "one of them may be an hour later");
        assert_eq!(Twice.and(Year).and(Never), YearAndNever);
        let words = [None, None, Some("zone"), Some("year"), Some("year"), Some("zone_and_year")];
        let of_clock_changes = [Some("hour"), Some("year"), Some("zone"), Some("zone_and_year")];
        assert_eq!(Assumed::ALL.map(Assumed::word).to_vec(), [&words[..], &of_clock_changes].concat());
        assert_eq!(Assumed::ALL.map(Assumed::with_year_stated)[7..], [Twice, Never, Never]);
        assert!(Assumed::ALL.iter().all(|one| !one.with_zone_stated().is_local()));
    }
}

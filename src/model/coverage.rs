//! What the logs can and cannot tell (`coverage.json`).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::clock::ClockTold;
use super::dates::DatesRead;
use super::place::Locator;
use super::rule::Route;
use super::time::{HOUR_SECS, Instant};
use super::whose::UNATTRIBUTED;
use super::words::counted;

/// Why a stretch of time is not covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// No records although the source goes on after it.
    Silent,
    /// The log says that it was cleared.
    Cleared,
    /// Numbers between two records of a log are in no file: records were removed, or a file between was not delivered.
    NumbersMissing,
    /// The log begins or ends inside the period that matters.
    NotCovered,
    /// Promised by an `[[expect]]` and not there.
    NotDelivered,
    /// The source was cut by a limit, damaged or unreadable.
    NotRead,
    /// More distinct conversations than are kept: who spoke with whom is not known for the rest of them.
    Capped,
    /// More hits than are kept: what the rest of them would say is not known.
    FindingsCapped,
    /// Private addresses that no network of the scopes file or the command line holds, so that they are taken to be outside:
    /// of what they did only what the edge, proxies and name servers show is judged.
    TakenAsOutside,
    /// It does not tell who read mail, or not all of it: for a day after a mailbox was read too often, or at all.
    ReadsNotLogged,
    /// It ends where exports of its kind end, whatever more there was, or says itself that it is not whole. That this is no chance is not
    /// known.
    #[serde(rename = "export_truncated?")]
    ExportTruncated,
}

impl GapReason {
    /// What a log itself says of parts of it that are not there, behind its name; `None` where it says nothing of that.
    pub fn of_log(self) -> Option<&'static str> {
        Some(match self {
            Self::Cleared => "was cleared",
            Self::NumbersMissing => "lacks records between others, by their numbers",
            Self::NotRead => "could not be read in full",
            Self::Capped => "holds more conversations than are kept apart",
            Self::FindingsCapped => "holds more hits than are kept",
            Self::ReadsNotLogged => "does not tell of all mail that was read",
            Self::ExportTruncated => {
                "may have been cut as it was exported: it ends where exports of its kind end, or says that there is more"
            }
            Self::Silent | Self::NotCovered | Self::NotDelivered | Self::TakenAsOutside => return None,
        })
    }
}

/// A stretch of time that a source does not cover.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Gap {
    /// The source, or the kind of log where none was delivered.
    pub source: String,
    /// Begin; `None` where it is open.
    pub from: Option<Instant>,
    /// End; `None` where it is open.
    pub to: Option<Instant>,
    /// Why.
    pub reason: GapReason,
    /// Which of the logs in the source it is in; `None` where that is not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogOf>,
}

/// A log of one computer, of which a source may hold several; of private addresses that nobody claims, the first of them and whose
/// records tell of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LogOf {
    /// The computer.
    pub host: String,
    /// The channel; empty where no record names it.
    pub channel: String,
    /// Whose the computer is, or, where that is not known, the source; nobody's where empty.
    pub scopes: Vec<String>,
}

impl Gap {
    /// Where it is, for people.
    pub fn place(&self) -> String {
        match &self.log {
            _ if self.reason == GapReason::TakenAsOutside => self.source.clone(),
            Some(LogOf { host, channel, .. }) if channel.is_empty() => {
                format!("an event log of {host} in {}", self.source)
            }
            Some(LogOf { host, channel, .. }) => format!("the log {channel} of {host} in {}", self.source),
            None => self.source.clone(),
        }
    }

    /// Whether it matters to one of these scopes: not where it is in the log of a computer that is another's.
    pub fn concerns(&self, scopes: &[&str]) -> bool {
        self.log.as_ref().is_none_or(|log| match &*log.scopes {
            [] => scopes.contains(&UNATTRIBUTED),
            of => of.iter().any(|of| scopes.contains(&of.as_str())),
        })
    }

    /// Whether it is in the log of a computer that is nobody's.
    pub fn is_nobodys(&self) -> bool {
        self.log.as_ref().is_some_and(|log| log.scopes.is_empty())
    }
}

/// What a log of sign-ins to a directory alone does not tell.
pub const SIGNED_IN_TO: &str = "what was done in the services that were signed in to";

/// What one source covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceCoverage {
    /// The source.
    pub source: Locator,
    /// Its format.
    pub format: String,
    /// Formats of records that its own hold in their messages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<String>,
    /// Whose it is.
    pub scopes: Vec<String>,
    /// First record.
    pub from: Option<Instant>,
    /// Last record.
    pub to: Option<Instant>,
    /// Records.
    pub records: u64,
    /// Records without a time.
    pub untimed: u64,
    /// Whether a checksum does not hold, so that its records tell nothing of the time that it covers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_doubtful: bool,
    /// Records whose zone was assumed.
    pub zone_assumed: u64,
    /// Records whose year was inferred.
    pub year_assumed: u64,
    /// How its dates are read where they do not show which of day and month is first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dates: Option<DatesRead>,
    /// What its times tell of its clock.
    #[serde(default, skip_serializing_if = "ClockTold::is_empty")]
    pub clock: ClockTold,
    /// Gaps inside.
    pub gaps: Vec<Gap>,
    /// What the answers in it say that lies nowhere beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacking: Option<Lacking>,
    /// Routes that this source can show.
    pub observes: Vec<Route>,
    /// What it does not log and a question would need (`bytes sent by the client`).
    pub not_logged: Vec<String>,
    /// Routes that it shows without the bytes that leave by them.
    #[serde(default)]
    pub unlogged: Vec<Route>,
    /// Routes of which it holds records that this version does not read: no other log tells what these tell.
    #[serde(default)]
    pub unread: Vec<Route>,
}

/// What of an answer is not here, by what it says itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lacking {
    /// Records that are here, of all pages of the search.
    pub here: u64,
    /// Records that the search found; `None` where it is only known that another page follows.
    pub found: Option<u64>,
}

impl Lacking {
    /// What is not here, behind the name of the log.
    pub fn told(self) -> String {
        match self.found {
            Some(found) => format!("is cut off: {} of the {found} records that its search found are here", self.here),
            None => format!(
                "is cut off: another page follows on its {}, and is not here",
                counted(self.here, "record", "records")
            ),
        }
    }

    /// How the rest is to be had.
    pub fn needs(self, place: &str) -> String {
        match self.found {
            Some(_) => format!("all that the search of {place} found, exported by scroll or search_after"),
            None => format!("the pages that follow on {place}"),
        }
    }
}

/// A system that records refer to at a time of which no log of it is in the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Referred {
    /// Whose traffic it carries.
    pub scope: String,
    /// The system: a proxy.
    pub system: String,
    /// The ways out that lead through it.
    pub routes: Vec<Route>,
    /// The first time at which it was used and no log tells; `None` where no record says.
    #[serde(default)]
    pub from: Option<Instant>,
    /// The last such time.
    #[serde(default)]
    pub to: Option<Instant>,
    /// Bytes that one client sent it in that time, of the client that sent most; `None` where not all of them are logged.
    #[serde(default)]
    pub most_sent: Option<u64>,
}

impl Referred {
    /// What is not known, for people: which proxy was used, and when, without a log that tells of it.
    pub fn told(&self) -> String {
        let when = self.from.zip(self.to).map_or_else(String::new, |(from, to)| format!(" of {from} to {to}"));
        format!("clients use the proxy {}, of which no log{when} is there", self.system)
    }
}

/// The whole file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// `exfiltrace.coverage/1`.
    pub schema: String,
    /// Per source, by locator.
    pub sources: Vec<SourceCoverage>,
    /// Gaps that no single source shows (promised logs, missing kinds).
    pub gaps: Vec<Gap>,
    /// Systems that records refer to and of which no log is there, sorted.
    #[serde(default)]
    pub referred: Vec<Referred>,
    /// The correlations that count on rules that hit, by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub correlations: Vec<Counted>,
    /// How far the clocks of logs are apart, by what both of two tell of; sorted. No time was changed for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skews: Vec<Skew>,
    /// Whether hits alone were looked for, so that no log tells of traffic.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hits_only: bool,
}

/// How far the clocks of two logs are apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Skew {
    /// The first file of one log.
    pub first: Locator,
    /// That of the other.
    pub second: Locator,
    /// So many milliseconds later the second one dates what both tell of; earlier where it is negative.
    pub later_millis: i64,
    /// So far from that single conversations are.
    pub within_millis: u64,
    /// Conversations that show it.
    pub conversations: u64,
}

impl Skew {
    /// How far they are apart, in words.
    pub fn told(&self) -> String {
        let secs = |millis: u64| format!("{}.{:03} s", millis / 1000, millis % 1000);
        let by = match self.later_millis {
            0 => "at the same times".to_owned(),
            later => {
                let way = if later > 0 { "later" } else { "earlier" };
                format!("{} {way}", secs(later.unsigned_abs()))
            }
        };
        format!("{by}, within {}", secs(self.within_millis))
    }
}

/// What a correlation counted, and what it could not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Counted {
    /// Its id.
    pub rule: String,
    /// Its title.
    pub title: String,
    /// Whether what it finds is counted by other correlations only and gives no findings.
    pub silent: bool,
    /// Events that it counted.
    pub events: u64,
    /// Events that lack a field that it makes groups by.
    pub ungrouped: u64,
    /// Hits of its rules without a time.
    pub untimed: u64,
    /// Hits of its rules beyond what is kept or looked at, the later ones, and those with more groups than are told apart.
    pub beyond: u64,
    /// Groups and times in which its condition held.
    pub found: u64,
}

impl Coverage {
    /// The same as these scopes are concerned: without holes in the logs of computers that are others', and what others' tell.
    pub fn of(&self, scopes: &[&str]) -> Cow<'_, Self> {
        if self.sources.iter().flat_map(|s| &s.gaps).chain(&self.gaps).all(|gap| gap.concerns(scopes)) {
            return Cow::Borrowed(self);
        }
        let mut own = self.clone();
        own.gaps.retain(|gap| gap.concerns(scopes));
        own.sources.iter_mut().for_each(|s| s.gaps.retain(|gap| gap.concerns(scopes)));
        Cow::Owned(own)
    }
}

impl SourceCoverage {
    /// Its format, and those of the records that its own hold.
    pub fn formats(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&*self.format).chain(self.holds.iter().map(String::as_str))
    }

    /// The stretches of time in which it was watching, sorted. A log need not hold a record in the very hour in which it
    /// begins or ends.
    pub fn watched(&self) -> Vec<(Instant, Instant)> {
        self.stretches(HOUR_SECS, |_| true)
    }

    /// The stretches of time in which it was there, sorted, whatever of it could not be read.
    pub fn delivered(&self) -> Vec<(Instant, Instant)> {
        self.stretches(0, |gap| gap.reason == GapReason::Silent)
    }

    /// The stretches of time of which it tells, sorted. What cannot be told the time of (damage, a cap) is no hole in it.
    pub fn told(&self) -> Vec<(Instant, Instant)> {
        self.stretches(HOUR_SECS, |gap| gap.from.is_some() || gap.to.is_some())
    }

    fn stretches(&self, margin_secs: i64, counts: impl Fn(&Gap) -> bool) -> Vec<(Instant, Instant)> {
        let Some((from, to)) = self.from.zip(self.to) else { return Vec::new() };
        let mut open = vec![(from.plus_secs(-margin_secs), to.plus_secs(margin_secs))];
        // What else it tells of is told then too.
        for gap in self.gaps.iter().filter(|gap| gap.reason != GapReason::ReadsNotLogged && counts(gap)) {
            let cut = |(from, to): (Instant, Instant)| {
                let (begin, end) = (gap.from.unwrap_or(from), gap.to.unwrap_or(to));
                if end < from || to < begin {
                    return vec![(from, to)];
                }
                let mut left = Vec::new();
                left.extend((from < begin).then_some((from, begin)));
                left.extend((end < to).then_some((end, to)));
                left
            };
            open = open.into_iter().flat_map(cut).collect();
        }
        open
    }
}

//! Findings as they are written (`findings.jsonl`).

use serde::{Deserialize, Serialize};

use super::assigned::Joined;
use super::chain::Chain;
use super::data::Datum;
use super::hit::{MatchKind, Met};
use super::place::{Locator, Place};
use super::rule::{Level, Outcome, Route, Stage};
use super::time::{Instant, Span};

/// Id of a finding: `f-` and 32 hex digits.
pub type FindingId = String;

/// What kind of finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A listed value was seen.
    Indicator,
    /// A rule matched a record.
    Rule,
    /// Several records together.
    Correlation,
    /// A statistic stands out.
    Anomaly,
    /// Findings linked by entity and time.
    Chain,
}

/// The rule (or analytic) behind a finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FindingRule {
    /// Stable id.
    pub id: String,
    /// Title.
    pub title: String,
}

/// First and last time of a finding; `null` where no record has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FindingTime {
    /// The earliest record.
    pub first: Option<Instant>,
    /// The latest record.
    pub last: Option<Instant>,
    /// What was assumed to get these times: `zone`, `year`, `zone_and_year`, `hour` (of a time that comes twice as clocks are put back,
    /// the first), else `null`. A zone that the user gave is not assumed; the manifest holds it.
    pub assumed: Option<FindingAssumed>,
}

/// Serialisable form of [`Assumed`](super::time::Assumed) where something was assumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingAssumed {
    /// The zone.
    Zone,
    /// The year.
    Year,
    /// Both.
    ZoneAndYear,
    /// Which of two hours it is that have one name, as clocks were put back; nothing else.
    Hour,
}

impl FindingAssumed {
    /// What was assumed; `None` where nothing was.
    pub fn of(zone: bool, year: bool, hour: bool) -> Option<Self> {
        match (zone, year) {
            (false, false) => hour.then_some(Self::Hour),
            (true, false) => Some(Self::Zone),
            (false, true) => Some(Self::Year),
            (true, true) => Some(Self::ZoneAndYear),
        }
    }

    /// Whether the zone was.
    pub fn zone(self) -> bool {
        matches!(self, Self::Zone | Self::ZoneAndYear)
    }

    /// Whether the year was.
    pub fn year(self) -> bool {
        matches!(self, Self::Year | Self::ZoneAndYear)
    }

    /// Both together.
    pub fn and(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        let any = |holds: fn(Self) -> bool| one.is_some_and(holds) || other.is_some_and(holds);
        Self::of(any(Self::zone), any(Self::year), any(|one| one == Self::Hour))
    }
}

/// Who and what a finding concerns, each list sorted and without repeats.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Entities {
    /// Addresses or names of who acted.
    pub sources: Vec<String>,
    /// Addresses or names of the other side.
    pub destinations: Vec<String>,
    /// Hosts.
    pub hosts: Vec<String>,
    /// Accounts.
    pub accounts: Vec<String>,
}

impl Entities {
    fn weight_bytes(&self) -> usize {
        let names = [&self.sources, &self.destinations, &self.hosts, &self.accounts].into_iter().flatten();
        names.map(|name| size_of::<String>() + name.len()).sum()
    }
}

/// A record that shows the finding, checkable byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Locator of its source.
    pub source: Locator,
    /// Place inside the source.
    #[serde(flatten)]
    pub place: Place,
    /// SHA-256 of the record's own stored bytes, lower-case hex.
    pub sha256: String,
    /// Start of the record as text; empty where a correlation cites one of more records than are kept with their text.
    pub excerpt: String,
}

/// The indicator behind a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingIndicator {
    /// Canonical value.
    pub value: String,
    /// Kind.
    pub kind: String,
    /// How it was met.
    #[serde(rename = "match")]
    pub how: MatchKind,
    /// Feed names, sorted, joined by `, `.
    pub feed: String,
    /// Confidence 0 to 100 where the feed states one (the highest).
    pub confidence: Option<u8>,
    /// Start of validity.
    pub valid_from: Option<Instant>,
    /// End of validity.
    pub valid_until: Option<Instant>,
    /// Whether the sightings lie outside of that validity: all of them, or `false`.
    pub outside_validity: bool,
    /// Labels, families, traffic-light protocol as given, sorted.
    pub labels: Vec<String>,
    /// Warninglists on which the value stands, sorted: values that are as often innocent. Such a sighting is of a lower
    /// level and proves nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warninglists: Vec<String>,
    /// Why the value alone shows little and needs company.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weak: Option<String>,
    /// Whether it stands in so large a part of the source's records that it tells them not apart.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub saturating: bool,
}

impl FindingIndicator {
    /// What a sighting means, with all that speaks against it; `said` tells how it was met.
    pub fn told(&self, said: &str) -> String {
        let part = if self.how == MatchKind::UrlHost { "host of the listed " } else { "" };
        let mut text = format!("{part}{} {} {said}", self.kind, self.value);
        if !self.warninglists.is_empty() {
            text += &format!("; it is on {}, whose values are as often innocent", self.warninglists.join(", "));
        }
        if let Some(weak) = &self.weak {
            text += &format!("; {weak}: it needs company");
        }
        if self.saturating {
            text += "; it stands in a tenth of this source or more and tells its records not apart";
        }
        text
    }

    /// Whether a sighting says something by itself: listed at that time, on no warninglist, and no common name.
    pub fn is_sound(&self) -> bool {
        !self.outside_validity && self.warninglists.is_empty() && self.weak.is_none()
    }
}

/// What of a finding over records of several scopes is one scope's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The scope.
    pub scope: String,
    /// How many of the records are its own.
    pub count: u64,
    /// First and last time of these.
    pub time: Option<Span>,
    /// What their response side says.
    pub outcome: Outcome,
    /// Who and what stands in them.
    pub entities: Entities,
    /// Which of the finding's evidence is of them.
    pub cited: Vec<usize>,
}

impl Share {
    fn weight_bytes(&self) -> usize {
        size_of::<Self>() + self.scope.len() + self.entities.weight_bytes() + size_of_val(&*self.cited)
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// `f-` and 128 bits of SHA-256 over what identifies it.
    pub id: FindingId,
    /// What kind.
    pub kind: FindingKind,
    /// The rule behind it.
    pub rule: FindingRule,
    /// How grave.
    pub level: Level,
    /// Stages, sorted.
    pub stage: Vec<Stage>,
    /// ATT&CK ids, sorted.
    pub attack: Vec<String>,
    /// The way out that it speaks of.
    pub route: Option<Route>,
    /// What the response side says.
    pub outcome: Outcome,
    /// Whose it is; `unattributed` where no scope fits.
    pub scope: String,
    /// When.
    pub time: FindingTime,
    /// Who and what.
    pub entities: Entities,
    /// Exact number of records that show it.
    pub count: u64,
    /// How many of them are not in `evidence`.
    pub omitted: u64,
    /// The records.
    pub evidence: Vec<Evidence>,
    /// Of indicator findings: who met it on which days. For the judge; in no file.
    #[serde(skip)]
    pub met: Vec<Met>,
    /// Of findings of rules: what their record shows of data. For the judge; in no file.
    #[serde(skip)]
    pub data: Vec<Datum>,
    /// Of findings over records of several scopes: what is each one's. For cases of one scope; in no file.
    #[serde(skip)]
    pub shares: Vec<Share>,
    /// By whom the addresses were held from which it came, where a log says so for sure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joined: Vec<Joined>,
    /// The indicator, for indicator findings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indicator: Option<FindingIndicator>,
    /// Findings that this one is made of.
    pub links: Vec<FindingId>,
    /// The steps, for chains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<Box<Chain>>,
    /// What it means, for people.
    pub text: String,
}

/// What findings are sorted by: no time last, time, first place, rule, id.
pub type Order<'f> = (bool, Option<i64>, Option<(&'f str, u64)>, &'f str, &'f str);

/// What findings on standard output are sorted by: those of single records first, then place, rule, id.
pub type PlaceOrder<'f> = (bool, bool, Option<(&'f str, u64)>, &'f str, &'f str);

impl Finding {
    /// What statistics find, of level informational and of an outcome that is not known: who did what, and how grave that is, is to be
    /// added. Of so many records these are cited.
    pub fn of_statistics(
        id: FindingId,
        (rule, title): (&str, &str),
        scope: &str,
        (time, assumed): (Option<Span>, Option<FindingAssumed>),
        (count, evidence): (u64, Vec<Evidence>),
    ) -> Self {
        Self {
            id,
            kind: FindingKind::Anomaly,
            rule: FindingRule { id: rule.to_owned(), title: title.to_owned() },
            level: Level::Informational,
            stage: Vec::new(),
            attack: Vec::new(),
            route: None,
            outcome: Outcome::Unknown,
            scope: scope.to_owned(),
            time: FindingTime { first: time.map(|time| time.first), last: time.map(|time| time.last), assumed },
            entities: Entities::default(),
            count,
            omitted: count.saturating_sub(evidence.len() as u64),
            evidence,
            met: Vec::new(),
            data: Vec::new(),
            shares: Vec::new(),
            joined: Vec::new(),
            indicator: None,
            links: Vec::new(),
            chain: None,
            text: String::new(),
        }
    }

    /// Its place among all findings of a case.
    pub fn order(&self) -> Order<'_> {
        let time = self.time.first.map(Instant::micros);
        (time.is_none(), time, self.first_place(), &self.rule.id, &self.id)
    }

    /// Its place among all findings on standard output.
    pub fn place_order(&self) -> PlaceOrder<'_> {
        let joined = !matches!(self.kind, FindingKind::Indicator | FindingKind::Rule);
        let place = self.first_place();
        (joined, place.is_none(), place, &self.rule.id, &self.id)
    }

    fn first_place(&self) -> Option<(&str, u64)> {
        self.evidence.first().map(|e| (e.source.as_str(), e.place.offset))
    }

    /// All that is judged, without the records: of the evidence only the first place.
    #[must_use]
    pub fn shortened(&self) -> Self {
        let first = self.evidence.first().map(|e| Evidence {
            source: e.source.clone(),
            place: e.place,
            sha256: String::new(),
            excerpt: String::new(),
        });
        Self { evidence: first.into_iter().collect(), ..self.clone() }
    }

    /// About how many bytes it takes in memory.
    pub fn weight_bytes(&self) -> usize {
        let evidence = self.evidence.iter().map(|e| size_of::<Evidence>() + e.sha256.len() + e.excerpt.len());
        size_of::<Self>()
            + evidence.sum::<usize>()
            + self.met.iter().map(|met| size_of::<Met>() + met.who.heap_bytes()).sum::<usize>()
            + size_of_val(&*self.data)
            + self.entities.weight_bytes()
            + self.shares.iter().map(Share::weight_bytes).sum::<usize>()
            + self.chain.as_ref().map_or(0, |chain| chain.weight_bytes())
            + self.links.iter().map(|link| size_of::<FindingId>() + link.len()).sum::<usize>()
            + self.id.len()
            + self.rule.id.len()
            + self.rule.title.len()
            + self.text.len()
    }
}
